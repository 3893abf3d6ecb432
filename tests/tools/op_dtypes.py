"""Records which dtypes PyTorch's operators take: src/aten/dtype_table.ts.

Usage: python tests/tools/op_dtypes.py && deno fmt src/aten/dtype_table.ts
Needs what op_rows.py needs. The calls of tests/aten/rows are tried with other dtypes: one tensor in another dtype, and all
tensors of one dtype in another. A kind of dtype that PyTorch refused, and that no call went through with, is refused;
arguments whose dtypes never differed in a call that went through, although one was tried with another dtype, must have the
same.
"""

import collections
import json
import multiprocessing
import multiprocessing.pool
import re
import warnings

import op_rows
import torch

OUTPUT = op_rows.ROOT.parent / "src" / "aten" / "dtype_table.ts"
KINDS = {"bool": "b", "int64": "i", "float32": "f", "float64": "f", "complex64": "c"}
ROWS_PER_OPERATOR = 4
# What an error that is about dtypes says.
DTYPE_WORDS = re.compile("type|implemented|complex|bool|integ|float|double|long|half", re.IGNORECASE)


def kind_of(dtype):
    if dtype == "bool":
        return "b"
    return "c" if dtype.startswith("complex") else "f" if "float" in dtype else "i"


def concrete(arg, sizes):
    """The argument at given sizes."""
    if isinstance(arg, list):
        return [concrete(a, sizes) for a in arg]
    if isinstance(arg, dict) and "t" in arg:
        name, dims = re.fullmatch(r"(\w+)\[(.*)\]", arg["t"]).groups()
        shape = [str(op_rows.dim_of(d, sizes)) for d in dims.split(",")] if dims else []
        return {**arg, "t": f"{name}[{','.join(shape)}]"}
    if isinstance(arg, dict) and "dim" in arg:
        value = op_rows.dim_of(arg["dim"], sizes)
        return {"f": value} if isinstance(value, float) else value
    return arg


def tensors_of(arg):
    if isinstance(arg, list):
        return [t for a in arg for t in tensors_of(a)]
    return [arg] if isinstance(arg, dict) and "t" in arg else []


def dtype_of(spec):
    return spec["t"].split("[")[0]


def converted(arg, old, new):
    """The argument with tensors of one dtype (any where `old` is None) in another."""
    if isinstance(arg, list):
        return [converted(a, old, new) for a in arg]
    if not (isinstance(arg, dict) and "t" in arg) or old not in (None, dtype_of(arg)):
        return arg
    spec = {**arg, "t": new + arg["t"][arg["t"].index("[") :]}
    if kind_of(new) in "bi":
        # Bounds and values of floats, in integers.
        for key in ("low", "high"):
            if isinstance(spec.get(key), float):
                del spec[key]
        if "values" in spec:
            spec["values"] = [int(v) if not isinstance(v, str) else 1 for v in spec["values"]]
    return spec


def names_of(row, schema):
    """Every argument of a call by its name."""
    names = [a.name for a in schema.arguments]
    return {**dict(zip(names, row["args"])), **row.get("kwargs", {})}


def runs(op, row, args):
    """Whether a call goes through; None where that is not for its dtypes."""
    by_position = list(args.values())[: len(row["args"])]
    by_name = {k: args[k] for k in row.get("kwargs", {})}
    try:
        given = op_rows.Arguments({"args": by_position, "kwargs": by_name}, 0, {})
    except Exception:
        return None
    try:
        op(*given.args, **given.kwargs)
    except Exception as error:
        return False if DTYPE_WORDS.search(str(error)) else None
    return True


class Facts:
    """What calls of one operator showed."""

    def __init__(self):
        self.taken = collections.defaultdict(set)
        self.tried = collections.defaultdict(set)
        self.differed = set()
        self.refused = set()

    def learn(self, args, went):
        dtypes = {name: {dtype_of(t) for t in tensors_of(arg)} for name, arg in args.items()}
        dtypes = {name: found for name, found in dtypes.items() if found}
        for name, found in dtypes.items():
            (self.taken if went else self.tried)[name] |= {kind_of(d) for d in found}
        if not went:
            return
        for a in dtypes:
            for b in dtypes:
                if len(dtypes[a] | dtypes[b]) > 1:
                    self.differed.add((a, b))

    def rules(self):
        """`self=fc other=fc self~other`."""
        texts = []
        for name, tried in sorted(self.tried.items()):
            refused = tried - self.taken[name]
            if refused:
                texts.append(f"{name}={''.join(k for k in 'bifc' if k not in refused)}")
        groups = []
        for a, b in sorted(self.refused - self.differed):
            known = next((g for g in groups if a in g or b in g), None)
            if known is None:
                groups.append({a, b})
            else:
                known |= {a, b}
        texts += ["~".join(sorted(g)) for g in groups if all((a, b) not in self.differed for a in g for b in g)]
        return " ".join(texts)


def probe(op, row, schema, facts):
    args = names_of(row, schema)
    if not runs(op, row, args):
        return
    facts.learn(args, True)
    holders = {name: tensors_of(arg) for name, arg in args.items() if tensors_of(arg)}
    alike = {}
    for new in KINDS:
        for old in {dtype_of(t) for found in holders.values() for t in found}:
            if new == old:
                continue
            other = {k: converted(v, old, new) for k, v in args.items()}
            alike[old, new] = runs(op, row, other)
            if alike[old, new] is not None:
                facts.learn(other, alike[old, new])
    for name, found in holders.items():
        for new in KINDS:
            olds = {dtype_of(t) for t in found}
            if olds == {new}:
                continue
            other = {**args, name: converted(args[name], None, new)}
            went = runs(op, row, other)
            if went is not None:
                facts.learn(other, went)
            if went is False:
                for partner, theirs in holders.items():
                    dtypes = {dtype_of(t) for t in theirs}
                    if partner != name and dtypes == olds and all(alike.get((old, new)) for old in olds):
                        facts.refused |= {(name, partner), (partner, name)}
                if len(found) > 1:
                    continue
        # Tensors of one list.
        if len(found) > 1:
            for new in KINDS:
                old = dtype_of(found[0])
                if new != old and alike.get((old, new)) and {dtype_of(t) for t in found} == {old}:
                    other = {**args, name: [converted(args[name][0], None, new), *args[name][1:]]}
                    went = runs(op, row, other)
                    if went:
                        facts.differed.add((name, name))
                    elif went is False:
                        facts.refused.add((name, name))


def calls_by_operator(families=None):
    """The rows of each operator that PyTorch has; what asserts is left out: dtypes are what it is about."""
    found = collections.defaultdict(list)
    for path in sorted(op_rows.ROWS.glob("*.json")):
        if families is not None and path.stem not in families:
            continue
        for row in json.loads(path.read_text()):
            if "refused" not in row and row["op"].startswith("aten::") and "assert" not in row["op"]:
                found[row["op"]].append(row)
    return found


def spread(rows):
    """Some of the rows, of as many kinds of calls as possible."""
    kinds = collections.defaultdict(list)
    for row in rows:
        specs = tensors_of(row["args"]) + tensors_of(list(row.get("kwargs", {}).values()))
        kinds[tuple(dtype_of(s) for s in specs)].append(row)
    return [found[0] for found in kinds.values()][: 2 * ROWS_PER_OPERATOR] + [
        row for found in kinds.values() for row in found[1:2]
    ][:ROWS_PER_OPERATOR]


def rules_of(op, rows):
    """The rules that the calls of an operator show, as text."""
    facts = Facts()
    for row in spread(rows):
        probe(op, at_sizes(row), op._schema, facts)
    return facts.rules()


def at_sizes(row):
    """The call at the first of its sizes."""
    sizes = row.get("sizes", [{}])[0]
    kwargs = {k: concrete(v, sizes) for k, v in row.get("kwargs", {}).items()}
    return {"args": concrete(row["args"], sizes), "kwargs": kwargs}


def work(find_out, calls, pipe):
    torch.set_num_threads(1)
    for name, rows in calls.items():
        pipe.send((name, None))
        try:
            op = op_rows.find(name)
        except AttributeError:  # of another release
            continue
        pipe.send((name, find_out(op, rows)))
    pipe.send(None)


def gathered(find_out, calls):
    """What `find_out` says of each operator; one whose calls end the process is left out."""
    results, left, done = {}, dict(calls), False
    while not done:
        ours, theirs = multiprocessing.Pipe(duplex=False)
        child = multiprocessing.Process(target=work, args=(find_out, left, theirs))
        child.start()
        theirs.close()
        try:
            while (message := ours.recv()) is not None:
                name, result = message
                left.pop(name, None)
                if result is not None:
                    results[name] = result
            done = True
        except EOFError:
            pass
        child.join()
    return results


HEADER = '''/**
 * Which dtypes PyTorch's operators take. Made by `tests/tools/op_dtypes.py`, which tries them.
 *
 * Each line: rules, and the operators that they hold for. `self=if` says that `self` holds integers or floats (`b`: bools,
 * `c`: complex numbers), `self~other` that two arguments have one dtype.
 */
export const DTYPE_RULES: readonly (readonly [rules: string, operators: string])[] = [
'''


def main():
    warnings.simplefilter("ignore")
    calls = list(calls_by_operator().items())
    by_rules = collections.defaultdict(list)
    with multiprocessing.pool.ThreadPool(2) as pool:
        for rules in pool.imap(lambda some: gathered(rules_of, some), [calls[0::2], calls[1::2]]):
            for name, text in rules.items():
                if text:
                    by_rules[text].append(name)
    lines = [f'  ["{text}", "{" ".join(sorted(names))}"],\n' for text, names in sorted(by_rules.items())]
    OUTPUT.write_text(HEADER + "".join(lines) + "];\n")


if __name__ == "__main__":
    main()
