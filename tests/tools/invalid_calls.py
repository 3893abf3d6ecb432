"""Records calls that PyTorch refuses: tests/fixtures/invalid_calls.json.

Usage: python tests/tools/invalid_calls.py
Needs what op_rows.py needs. The calls of tests/aten/rows are changed in one place: a size, the number of dims, the dtype of
one tensor, or a number. Kept is what PyTorch refuses whatever the tensors hold (it is tried without values too), the first
change of each kind per operator.
"""

import json
import warnings

import op_dtypes
import op_rows
import torch

OUTPUT = op_rows.ROOT / "fixtures" / "invalid_calls.json"
FAMILIES = """activation adaptive_pool attention batch_norm binary compare convolution cumulative diagonal dropout einsum
elementwise embedding expand fft flip gather im2col index_rows indexing join linear logical loss masked norm normalize one_hot
order pad permute pixel pool reduce rnn rnn_cell scatter searchsorted shift slice softmax solve sort split tensordot triangle
unary unfold unpool upsample variance view where""".split()
ROWS_PER_OPERATOR = 3


def with_shape(spec, change):
    name, dims = spec["t"].rstrip("]").split("[")
    shape = change([int(d) for d in dims.split(",")] if dims else [])
    return None if shape is None else {**spec, "t": f"{name}[{','.join(map(str, shape))}]"}


def changes(arg):
    """Kinds of changes, and the changed argument."""
    if isinstance(arg, list):
        for i, item in enumerate(arg):
            for kind, changed in changes(item):
                yield kind, arg[:i] + [changed] + arg[i + 1 :]
    elif isinstance(arg, dict) and "t" in arg:
        for axis in (-1, 0, 1):
            for step in (1, -1):
                shaped = with_shape(
                    arg,
                    lambda s, axis=axis, step=step: (
                        [*s[: axis % len(s)], s[axis] + step, *s[axis % len(s) + 1 :]]
                        if -len(s) <= axis < len(s) and s[axis] + step >= 0
                        else None
                    ),
                )
                if shaped:
                    yield "size", shaped
        yield "rank", with_shape(arg, lambda s: [2, *s])
        shorter = with_shape(arg, lambda s: s[1:] if s else None)
        if shorter:
            yield "rank", shorter
        for dtype in ("int64", "float64", "complex64", "bool"):
            if dtype != op_dtypes.dtype_of(arg):
                yield "dtype", op_dtypes.converted(arg, None, dtype)
    elif isinstance(arg, int) and not isinstance(arg, bool):
        for number in (-7, 50, 0):
            if number != arg:
                yield "number", number


def is_refused(op, call, device):
    try:
        given = op_rows.Arguments(call, 0, {})
    except Exception:
        return False

    def moved(x):
        return x.to(device) if isinstance(x, torch.Tensor) else [moved(y) for y in x] if isinstance(x, list) else x

    try:
        op(*moved(given.args), **{k: moved(v) for k, v in given.kwargs.items()})
    except Exception:
        return True
    return False


def first_changes(op, call):
    """The first refused change of each kind."""
    found = {}
    places = [("args", i) for i in range(len(call["args"]))] + [("kwargs", k) for k in call["kwargs"]]
    for part, at in places:
        for kind, changed in changes(call[part][at]):
            if kind in found:
                continue
            other = {"args": list(call["args"]), "kwargs": dict(call["kwargs"])}
            other[part][at] = changed
            # A dtype that a kernel lacks is not seen without values.
            if is_refused(op, other, "cpu") and (kind == "dtype" or is_refused(op, other, "meta")):
                found[kind] = other
    return found


def invalid_calls(op, rows):
    """The first changed call of each kind that is refused."""
    found = {}
    for row in op_dtypes.spread(rows)[:ROWS_PER_OPERATOR]:
        call = op_dtypes.at_sizes(row)
        if not is_refused(op, call, "cpu"):
            found = {**first_changes(op, call), **found}
    return found


def main():
    warnings.simplefilter("ignore")
    lines = []
    for name, found in op_dtypes.gathered(invalid_calls, op_dtypes.calls_by_operator(FAMILIES)).items():
        for kind, call in sorted(found.items()):
            entry = {"op": name, "what": kind, "args": call["args"]}
            if call["kwargs"]:
                entry["kwargs"] = call["kwargs"]
            lines.append(json.dumps(entry, separators=(",", ":")))
    OUTPUT.write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    main()
