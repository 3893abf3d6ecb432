"""Makes conformance cases from PyTorch's operator test database (OpInfo): one operator call per program.

Usage: python tests/tools/opinfo_cases.py --out DIR [--ops REGEXP] [--dtypes float32,int64] [--samples N]
                                          [--forms static,dyn,auto,unbacked] [--variants function,inplace] [--seed 0]
                                          [--jobs 2] [--timeout 120]
       python tests/tools/opinfo_cases.py --out tests/fixtures/opinfo --cases tests/fixtures/opinfo/cases.txt
Needs torch 2.13, numpy, safetensors and expecttest, no GPU.

Each case is NAME.pt2, an archive of a module that makes the call with the sample's tensors as inputs and everything
else baked in, and NAME.safetensors with `input_0`…, `output_0`… as eager PyTorch computed them (complex as a trailing
pair of reals, numbers as 0-d tensors), for dynamic cases also `alt_input_0`…, `alt_output_0`… at another size. NAME is
`<op>.<variant>__<dtype>__<n>[_dyn|_auto|_unbacked]`, n being the sample's place in PyTorch's list: `dyn` declares dims
dynamic, all of them where the operator lets it; `auto` lets torch.export find which can be; `unbacked` gives the
operator sizes that depend on data, by selecting with `nonzero` or slicing to an `item`. A line per case goes to
DIR/manifest.jsonl operator by operator, so the folder can be used while it grows; what could not be made goes to
DIR/skipped.jsonl with the reason. Samples are spread over PyTorch's list, because its first ones are the plainest. Each
operator and dtype starts from the same seed, so a case does not depend on the others that are made.

Left out: calls whose result is random or not initialized, results without a tensor or number, and what torch.export
refuses.
"""

import argparse
import concurrent.futures
import itertools
import json
import math
import pathlib
import random
import re
import select
import subprocess
import sys
import time

LISTED = 300
"""So many samples of an operator are looked at."""
MAX_ELEMENTS = 20_000
"""Programs over this size are slow everywhere and show nothing that small ones don't."""
TOLERANCES = {
    "exact": (0, 0),
    "bf16": (3e-2, 3e-2),
    "f16": (1e-2, 1e-2),
    "f32": (1e-4, 1e-3),
    "f64": (1e-6, 1e-5),
}
VARIANTS = ("function", "method", "inplace")
FORMS = ("static", "dyn", "auto", "unbacked")
# Results that are not initialized.
UNSET = re.compile(r"^(new_)?empty|^resize_")
# Results that several choices of sign, basis or pivot satisfy, and those that depend on which of equal elements is found.
GAUGE = re.compile(r"svd|eig|qr$|^(linalg\.)?lu|ldl_factor|householder|pca")
TIES = re.compile(r"^(max|min|sort|argsort|topk|median|nanmedian|mode|kthvalue|cummax|cummin)$")


def canonical(tensor):
    """The elements in order, on storage of their own: the archive's inputs are read by position, without strides."""
    import torch

    plain = tensor.detach().resolve_conj().resolve_neg()
    return torch.empty(plain.shape, dtype=plain.dtype).copy_(plain)


class Call:
    """An operator call with its tensors taken out: they are the program's inputs, in the order of the arguments."""

    def __init__(self, function, args, kwargs):
        import torch
        from torch.utils import _pytree as pytree

        self.function = function
        flat, self.spec = pytree.tree_flatten((args, kwargs))
        self.tensors, self.flat = [], []
        for leaf in flat:
            if isinstance(leaf, torch.Tensor):
                if leaf.layout != torch.strided or leaf.is_quantized:
                    raise ValueError("an argument is sparse or quantized")
                self.flat.append(len(self.tensors))
                self.tensors.append(canonical(leaf))
            else:
                self.flat.append((leaf,))

    def signature(self):
        """Samples that agree in it differ in nothing but the elements."""
        shapes = [(tuple(t.shape), str(t.dtype)) for t in self.tensors]
        return repr((shapes, self.spec, [leaf for leaf in self.flat if isinstance(leaf, tuple)]))

    def arguments(self, tensors):
        from torch.utils import _pytree as pytree

        flat = [leaf[0] if isinstance(leaf, tuple) else tensors[leaf] for leaf in self.flat]
        return pytree.tree_unflatten(flat, self.spec)

    def run(self, tensors):
        """Only what a program can return: tensors and numbers."""
        import torch
        from torch.utils import _pytree as pytree

        args, kwargs = self.arguments(tensors)
        out = self.function(*args, **kwargs)
        kinds = (torch.Tensor, int, float, bool, complex, torch.SymInt, torch.SymFloat, torch.SymBool)
        return tuple(leaf for leaf in pytree.tree_leaves(out) if isinstance(leaf, kinds))

    def module(self):
        return module(self.run, len(self.tensors))


def module(run, count):
    """A module of `count` inputs whose result `run` computes from the tuple of them."""
    import torch

    class M(torch.nn.Module):
        pass

    # torch.export names inputs after the parameters; with varargs it would number them `inputs_0`.
    names = [f"input_{i}" for i in range(count)]
    scope = {"run": run}
    exec(f"def forward(self, {', '.join(names)}):\n    return run(({''.join(n + ', ' for n in names)}))", scope)
    M.forward = scope["forward"]
    return M().eval()


class Cut:
    """A call on parts of its inputs: `sizes` of theirs are found in data, so that a program has unbacked dims of them.

    The tensors are `SPARE` longer in these dims. After them there is an input per size: which elements are taken, as a
    mask or, for every other size, as a number.
    """

    SPARE = 2

    def __init__(self, call, sizes):
        self.call, self.sizes = call, sizes
        self.module = lambda: module(self.run, len(call.tensors) + len(sizes))

    def places(self, tensor):
        """(dim, place in `sizes`) of each dim that is cut."""
        return [(d, self.sizes.index(size)) for d, size in enumerate(tensor.shape) if size in self.sizes]

    def inputs(self, change):
        """Those that leave each size as it is, or changed by so much."""
        import torch

        tensors = []
        for tensor in self.call.tensors:
            longer = tensor
            for dim, i in self.places(tensor):
                longer = repeated(longer, dim, self.sizes[i] + self.SPARE)
            tensors.append(longer)
        taken = []
        for i, size in enumerate(self.sizes):
            count = torch.tensor(size + change(i))
            taken.append(count if i % 2 else torch.arange(size + self.SPARE) < count)
        return [*tensors, *taken]

    def run(self, inputs):
        import torch

        count = len(self.call.tensors)
        taken = [x.item() if i % 2 else x.nonzero().squeeze(1) for i, x in enumerate(inputs[count:])]
        for i, size in enumerate(self.sizes):
            if i % 2:
                torch._check(taken[i] >= 0)
                torch._check(taken[i] <= size + self.SPARE)
        parts = []
        for tensor, whole in zip(self.call.tensors, inputs):
            for dim, i in self.places(tensor):
                whole = whole.narrow(dim, 0, taken[i]) if i % 2 else whole.index_select(dim, taken[i])
            parts.append(whole)
        return self.call.run(parts)


def stored(value):
    """A value as the safetensors file has it."""
    import torch

    tensor = canonical(value) if isinstance(value, torch.Tensor) else torch.tensor(value)
    return torch.view_as_real(tensor).contiguous() if tensor.is_complex() else tensor


def equal(a, b):
    import torch

    return len(a) == len(b) and all(
        x.dtype == y.dtype
        and x.shape == y.shape
        and torch.allclose(x.double(), y.double(), rtol=1e-4, atol=1e-6, equal_nan=True)
        for x, y in zip(a, b)
    )


def tolerance(inputs, outputs, dtype):
    import torch

    floats = {t.dtype for t in outputs if t.is_floating_point()}
    both = floats | {t.dtype for t in inputs if t.is_floating_point()}
    if not floats:
        name = "exact"
    elif torch.bfloat16 in both:
        name = "bf16"
    elif torch.float16 in both:
        name = "f16"
    else:
        name = "f64" if dtype in ("float64", "complex128") and torch.float32 not in floats else "f32"
    atol, rtol = TOLERANCES[name]
    return {"cls": name, "atol": atol, "rtol": rtol}


def caveats(op, inputs, outputs):
    """Why another result may be as good."""
    import torch

    repeated = any(t.unique().numel() < t.numel() for t in inputs if not t.is_complex())
    indices = any(t.dtype == torch.int64 for t in outputs)
    found = {"gauge": GAUGE.search(op.name), "ties": TIES.search(op.name) and repeated and indices}
    return [word for word, applies in found.items() if applies]


def random_calls(program):
    import torch

    return [
        node
        for node in program.graph.nodes
        if isinstance(node.target, torch._ops.OpOverload) and torch.Tag.nondeterministic_seeded in node.target.tags
    ]


def are_whole(tensor):
    import torch

    if tensor.is_complex():
        return are_whole(torch.view_as_real(tensor))
    return not tensor.is_floating_point() or torch.equal(tensor, tensor.round())


def repeated(tensor, dim, size):
    """The elements of a dim over and over, so that indices stay indices and positive numbers positive.

    Repeated numbers that aren't whole shrink, each by another factor: rows that depend on others would make matrices
    singular, and of equal elements it is open which is found. Offsets and edges stay sorted.
    """
    import torch

    count = tensor.shape[dim]
    places = torch.arange(size)
    longer = tensor.index_select(dim, places % count)
    if not are_whole(tensor):
        factors = 1 - torch.rand(longer.shape, generator=torch.Generator().manual_seed(count)) / 2
        first = (places < count).reshape([-1] + [1] * (tensor.dim() - dim - 1))
        longer = torch.where(first, longer, longer * factors.to(longer.real.dtype))
    elif tensor.dim() == 1 and not tensor.is_complex() and torch.equal(tensor, tensor.sort().values):
        longer = longer.cummax(0).values
    return longer


def resized(tensor, shape):
    """The tensor's elements in another shape, repeated or cut off."""
    import torch

    if tuple(tensor.shape) == tuple(shape):
        return tensor.clone()
    if tensor.numel() == 0:
        return torch.zeros(shape, dtype=tensor.dtype)
    return repeated(tensor.reshape(-1), 0, math.prod(shape)).reshape(shape)


def dynamic_choices(tensors):
    """What to declare dynamic, most wanted first: (kind, one {dim: …} or None per tensor, which inputs)."""
    from torch.export import Dim

    able = [i for i, t in enumerate(tensors) if t.dim() and t.shape[0] > 1]
    if not able:
        return
    alike = [i for i in able if tensors[i].shape[0] == tensors[able[0]].shape[0]]
    for kind, dim in (("DYNAMIC", Dim.DYNAMIC), ("AUTO", Dim.AUTO)):
        every = [{d: dim for d, size in enumerate(t.shape) if size > 1} or None for t in tensors]
        if kind == "DYNAMIC":
            yield kind + "_ALL", every, able
        if len(alike) > 1:
            yield kind, [{0: dim} if i in alike else None for i in range(len(tensors))], alike
        yield kind, [{0: dim} if i == able[0] else None for i in range(len(tensors))], able[:1]


def auto_choices(tensors):
    """As `dynamic_choices`, of which this has one: torch.export finds which dims can be."""
    from torch.export import Dim

    every = [{d: Dim.AUTO for d, size in enumerate(t.shape) if size > 1} or None for t in tensors]
    if any(every):
        yield "AUTO_ALL", every, [i for i, shape in enumerate(every) if shape]


def cuts(call):
    """The call with sizes found in data, most wanted first: all sizes, or one of them."""
    sizes = list(dict.fromkeys(size for t in call.tensors for size in t.shape if size > 1))
    if sizes:
        yield Cut(call, sizes)
    if len(sizes) > 1:
        for size in sizes:
            yield Cut(call, [size])


CHANGES = (
    # Sizes that were equal by chance differ at the other size, so that one dim isn't taken for another.
    lambda i: 1 + i % 2,
    lambda i: 2 - i % 2,
    lambda i: 1,
    lambda i: 2,
    lambda i: -1,
)
"""By how much the sizes change: functions of a size's place among them."""


def alternatives(program, tensors):
    """Shapes that the inputs could have instead, by giving each symbol another size."""
    import torch

    nodes = [n for n in program.graph.nodes if n.op == "placeholder"]
    vals = [n.meta["val"] for n in nodes][-len(tensors):]
    symbols = {}
    for val, tensor in zip(vals, tensors):
        for dim, size in zip(val.shape, tensor.shape):
            if isinstance(dim, torch.SymInt) and dim.node.expr.is_symbol:
                symbols.setdefault(dim.node.expr, size)
    if not symbols:
        return
    by = [lambda i, n, change=change: n + change(i) for change in CHANGES]
    for change in (*by, lambda i, n: 2 * n):
        sizes = {symbol: change(i, size) for i, (symbol, size) in enumerate(symbols.items())}
        yield [
            tuple(int(d.node.expr.subs(sizes)) if isinstance(d, torch.SymInt) else d for d in val.shape) for val in vals
        ]


class Maker:
    """Makes the cases of one operator and dtype after another; the part that runs in processes of its own."""

    def __init__(self, options):
        import warnings

        import torch
        from torch.testing._internal.common_methods_invocations import op_db

        warnings.simplefilter("ignore")
        torch.set_num_threads(1)
        self.options, self.ops = options, {full_name(op): op for op in op_db}
        self.out = pathlib.Path(options.out)
        self.wanted = wanted_cases(options)

    def seed(self, salt=0):
        import numpy
        import torch

        torch.manual_seed(self.options.seed + salt)
        numpy.random.seed(self.options.seed + salt)
        random.seed(self.options.seed + salt)

    def function(self, op, variant):
        return {"function": op.op, "method": op.method_variant, "inplace": op.inplace_variant}[variant]

    def calls(self, op, dtype, variant):
        """[(place in PyTorch's list, call)]: distinct ones, spread over the list."""
        import torch

        function = self.function(op, variant)
        if function is None:
            return []
        self.seed()
        listed = []
        samples = op.sample_inputs("cpu", getattr(torch, dtype), requires_grad=False)
        for place, sample in enumerate(itertools.islice(samples, LISTED)):
            try:
                call = Call(function, (sample.input, *sample.args), dict(sample.kwargs))
            except ValueError:
                continue
            if sum(t.numel() for t in call.tensors) <= MAX_ELEMENTS:
                listed.append((place, call))
        if self.wanted is not None:
            return [(place, call) for place, call in listed if case_name(op, dtype, place, variant) in self.wanted]
        distinct = list({call.signature(): (place, call) for place, call in reversed(listed)}.values())[::-1]
        wanted = self.options.samples if dtype == "float32" else self.options.others
        if len(distinct) <= wanted:
            return distinct
        last = len(distinct) - 1
        # A single sample is taken from the middle, where the arguments are used.
        places = [round(i * last / (wanted - 1)) for i in range(wanted)] if wanted > 1 else [last // 2]
        return [distinct[i] for i in places]

    def make(self, task):
        """Yields lines for the manifest, or {"skipped": …}."""
        op, dtype = self.ops[task["op"]], task["dtype"]
        for variant in (VARIANTS if self.wanted else self.options.variants.split(",")):
            left = {form: self.limit(form, dtype == task["first"]) for form in self.options.forms.split(",")}
            for place, call in self.calls(op, dtype, variant):
                name = case_name(op, dtype, place, variant)
                for form in FORMS:
                    if form not in self.wanted[name] if self.wanted else not left.get(form):
                        continue
                    case = name + ("" if form == "static" else f"_{form}")
                    try:
                        line = self.case(case, op, dtype, call, form)
                    except Exception as error:
                        text = str(error).strip().split("\n")[0][:200]
                        line = {"skipped": case, "why": f"{type(error).__name__}: {text}"}
                    if not self.wanted:
                        left[form] -= "case" in line
                    yield line
                    if "skipped" in line and form == "static":
                        break

    def limit(self, form, first):
        """How many cases of a form are made of an operator in a dtype; the dynamic forms in its first dtype only."""
        if form == "static":
            return LISTED
        return (2 if form == "dyn" else self.options.samples) if first else 0

    def eager(self, call, tensors, salt=0):
        self.seed(salt)
        return [stored(v) for v in call.run([t.clone() for t in tensors])]

    def case(self, case, op, dtype, call, form):
        import torch
        from safetensors.torch import save_file

        outputs = self.eager(call, call.tensors)
        if not outputs:
            raise ValueError("nothing is returned")
        if sum(t.numel() for t in outputs) > MAX_ELEMENTS:
            raise ValueError("results are too large")
        if not equal(outputs, self.eager(call, call.tensors, 1)):
            raise ValueError("the result is random")
        line = {"case": case, "op": op.name, "variant": op.variant_test_name, "dtype": dtype}
        tensors, extra = call.tensors, {}
        if form == "unbacked":
            program, tensors, extra, line["dyn"] = self.unbacked(call)
        elif form != "static":
            choices = dynamic_choices if form == "dyn" else auto_choices
            program, extra, line["dyn"] = self.dynamic(call, choices(call.tensors))
        else:
            program = torch.export.export(call.module(), tuple(t.clone() for t in call.tensors))
        # OpInfo seeds the generator in some operators' own calls, so those look reproducible above.
        if random_calls(program):
            results = []
            for salt in range(8):
                self.seed(salt)
                results.append([stored(v) for v in program.module()(*(t.clone() for t in tensors))])
            if not all(equal(results[0], other) for other in results[1:]):
                raise ValueError("the result is random")
        nodes = [n for n in program.graph.nodes if n.op == "call_function"]
        torch.export.save(program, self.out / f"{case}.pt2")
        inputs = [stored(t) for t in tensors]
        named = {f"input_{i}": t for i, t in enumerate(inputs)} | {f"output_{i}": t for i, t in enumerate(outputs)}
        save_file(named | extra, self.out / f"{case}.safetensors")
        line |= {
            "aten": [operator_name(n.target) for n in nodes],
            "n_inputs": len(inputs),
            "n_outputs": len(outputs),
            "dynamic": form != "static",
            "pt2_bytes": (self.out / f"{case}.pt2").stat().st_size,
            "tol": tolerance(inputs, outputs, dtype),
            "in_shapes": [list(t.shape) for t in inputs],
            "in_dtypes": [str(t.dtype)[6:] for t in inputs],
            "out_shapes": [list(t.shape) for t in outputs],
            "out_dtypes": [str(t.dtype)[6:] for t in outputs],
        }
        caveat = caveats(op, call.tensors, outputs)
        return line | ({"caveat": caveat} if caveat else {})

    def follows(self, program, tensors, outputs):
        """Whether the program gives at another size what the operator gives: torch.export bakes in some numbers."""
        try:
            results = [stored(v) for v in program.module()(*(t.clone() for t in tensors))]
        except Exception:
            return False
        return equal(outputs, results)

    def unbacked(self, call):
        """The program with unbacked dims, its inputs, its results at another size, and which sizes became symbols."""
        import torch

        reason = ValueError("no dim can be dynamic")
        for cut in cuts(call):
            inputs = cut.inputs(lambda i: 0)
            try:
                program = torch.export.export(cut.module(), tuple(t.clone() for t in inputs))
            except Exception as error:
                reason = error
                continue
            if not self.follows(program, inputs, self.eager(cut, inputs)):
                reason = ValueError("torch.export fixed a size in silence")
                continue
            for change in CHANGES:
                others = cut.inputs(change)
                extra = self.alternative(cut, program, others)
                if extra:
                    return program, inputs, extra, {"sizes": cut.sizes, "kind": "UNBACKED", "alt": True}
                reason = ValueError("the program or the operator has no such result at another size")
        raise reason

    def alternative(self, call, program, tensors):
        """What is stored of another size, or none where the operator or the program doesn't work there."""
        try:
            outputs = self.eager(call, tensors)
        except Exception:
            return {}
        if not equal(outputs, self.eager(call, tensors, 1)) or not self.follows(program, tensors, outputs):
            return {}
        extra = {f"alt_input_{i}": stored(t) for i, t in enumerate(tensors)}
        return extra | {f"alt_output_{i}": t for i, t in enumerate(outputs)}

    def dynamic(self, call, choices):
        """The program with dynamic dims, its results at another size, and what was declared."""
        import torch

        reason = ValueError("no dim can be dynamic")
        for kind, shapes, which in choices:
            try:
                args = tuple(t.clone() for t in call.tensors)
                program = torch.export.export(call.module(), args, dynamic_shapes=tuple(shapes))
            except Exception as error:
                reason = error
                continue
            for shapes in alternatives(program, call.tensors):
                tensors = [resized(t, shape) for t, shape in zip(call.tensors, shapes)]
                extra = self.alternative(call, program, tensors)
                if extra:
                    return program, extra, {"inputs": which, "kind": kind, "alt": True}
                reason = ValueError("the program or the operator has no such result at another size")
        raise reason


def case_name(op, dtype, place, variant):
    return f"{full_name(op)}__{dtype}__{place}" + ("" if variant == "function" else f"_{variant}")


def wanted_cases(options):
    """For each case named in the file of `--cases`, without its form's ending: which of its forms are wanted."""
    if options.cases is None:
        return None
    wanted = {}
    for name in pathlib.Path(options.cases).read_text().split():
        form = next((form for form in FORMS if name.endswith(f"_{form}")), "static")
        wanted.setdefault(name.removesuffix(f"_{form}"), set()).add(form)
    return wanted


def full_name(op):
    return f"{op.name}.{op.variant_test_name}" if op.variant_test_name else op.name


def operator_name(target):
    import torch

    if isinstance(target, torch._ops.OpOverload):
        return str(target)
    return f"operator.{getattr(target, '__name__', target)}"


def work(options):
    """A task per line of standard input; its lines and then an empty one go to standard output."""
    answers, sys.stdout = sys.stdout, sys.stderr
    maker = Maker(options)
    print(flush=True, file=answers)
    for text in sys.stdin:
        try:
            for line in maker.make(json.loads(text)):
                print(json.dumps(line), flush=True, file=answers)
        except Exception as error:
            task = json.loads(text)
            text = str(error).strip().split("\n")[0][:200]
            line = {"skipped": f"{task['op']}__{task['dtype']}", "why": f"{type(error).__name__}: {text}"}
            print(json.dumps(line), flush=True, file=answers)
        print(flush=True, file=answers)


class Worker:
    """A process that makes cases; started anew when it dies or hangs."""

    def __init__(self, options):
        self.options, self.process = options, None

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--work", *sys.argv[1:]],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0,
        )
        self.rest = b""
        self.lines(180)

    def lines(self, seconds):
        """The lines up to the next empty one, and whether that came."""
        end, found = time.time() + seconds, []
        while True:
            while b"\n" in self.rest:
                text, self.rest = self.rest.split(b"\n", 1)
                if not text:
                    return found, True
                found.append(json.loads(text))
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.time()))
            data = self.process.stdout.read(65536) if ready else b""
            if not data:
                return found, False
            self.rest += data

    def make(self, task):
        if self.process is None:
            self.start()
        try:
            self.process.stdin.write(json.dumps(task).encode() + b"\n")
            found, whole = self.lines(self.options.timeout)
        except BrokenPipeError:
            found, whole = [], False
        if not whole:
            self.stop()
            why = f"no answer in {self.options.timeout:g} s, or the process died"
            found.append({"skipped": f"{task['op']}__{task['dtype']}", "why": why})
        return found

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def tasks(options):
    import torch
    from torch.testing._internal.common_methods_invocations import op_db

    cases = wanted_cases(options)
    named = None if cases is None else {tuple(name.rsplit("__", 1)[0].rsplit("__", 1)) for name in cases}
    dtypes = options.dtypes.split(",") if named is None else sorted({dtype for _, dtype in named})
    for dtype in dtypes:
        for op in op_db:
            if named is not None and (full_name(op), dtype) not in named:
                continue
            wanted = re.search(options.ops, full_name(op)) and not UNSET.search(op.name)
            if wanted and getattr(torch, dtype) in op.supported_dtypes("cpu"):
                able = [d for d in dtypes if getattr(torch, d) in op.supported_dtypes("cpu")]
                yield {"op": full_name(op), "dtype": dtype, "first": able[0]}


def main(options):
    out = pathlib.Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    todo = list(tasks(options))
    free = [Worker(options) for _ in range(options.jobs)]
    every, made, skipped = list(free), 0, 0

    def run(task):
        worker = free.pop()
        try:
            return worker.make(task)
        finally:
            free.append(worker)

    # A list of cases makes the whole folder; other runs add to it.
    mode = "a" if options.cases is None else "w"
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool, (out / "manifest.jsonl").open(
        mode
    ) as manifest, (out / "skipped.jsonl").open(mode) as reasons:
        for done, lines in enumerate(pool.map(run, todo), 1):
            for line in lines:
                print(json.dumps(line), file=reasons if "skipped" in line else manifest)
                made, skipped = made + ("case" in line), skipped + ("skipped" in line)
            manifest.flush(), reasons.flush()
            if sys.stderr.isatty():
                print(f"\r{done}/{len(todo)}", end="", file=sys.stderr)
    for worker in every:
        worker.stop()
    if skipped == 0 and options.cases is not None:
        (out / "skipped.jsonl").unlink()
    print(f"{len(todo)} operators and dtypes, {made} cases, {skipped} left out")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, help="folder of the cases; lines are added to its manifest")
    parser.add_argument("--ops", default="", help="regular expression: operators whose name has a match")
    parser.add_argument("--cases", help="file with the names of the cases to make, instead of a choice")
    parser.add_argument("--dtypes", default="float32,int64,bool")
    parser.add_argument("--samples", type=int, default=3, help="samples of an operator in float32")
    parser.add_argument("--others", type=int, default=1, help="samples of an operator in each other dtype")
    parser.add_argument("--variants", default="function", help="of function, method, inplace")
    parser.add_argument("--forms", default="static", help=f"of {', '.join(FORMS)}; dynamic ones in the first dtype only")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=120, help="seconds for an operator in one dtype")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    work(given) if given.work else main(given)
