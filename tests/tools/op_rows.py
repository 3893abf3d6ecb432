"""Records PyTorch's results for the operator rows of tests/aten/rows.

Usage: python tests/tools/op_rows.py [family ...]      (all families without one)
       python tests/tools/op_rows.py --refused         (which refused calls PyTorch computes: tests/fixtures/refused.json)
Needs torch, numpy and safetensors. Inputs are made by a formula that tests/aten/row_format.ts has too; only results are
written, to tests/fixtures/ops/<family>.safetensors, as `<row>.<size>.output_<i>`.
"""

import builtins
import json
import math
import operator
import pathlib
import re
import sys

import numpy
import torch
import gpu_attention  # noqa: F401, as torchvision_ops
import torch.ao.quantization.fx._decomposed  # noqa: F401, these register operators
import torch.nn.modules.linear_cross_entropy  # noqa: F401
import torchvision_ops  # noqa: F401, it defines operators too
from safetensors.torch import save_file

ROOT = pathlib.Path(__file__).resolve().parents[1]
ROWS = ROOT / "aten" / "rows"
FIXTURES = ROOT / "fixtures" / "ops"


def hash32(row, arg, count):
    """A pseudorandom 32-bit number per element."""
    u32 = numpy.uint32
    with numpy.errstate(over="ignore"):
        element = numpy.arange(1, count + 1, dtype=u32) * u32(0xC2B2AE3D)
        h = u32((row + 1) * 0x9E3779B1 & 0xFFFFFFFF) ^ u32((arg + 1) * 0x85EBCA77 & 0xFFFFFFFF) ^ element
        h = (h ^ (h >> u32(16))) * u32(0x7FEB352D)
        h = (h ^ (h >> u32(15))) * u32(0x846CA68B)
        return h ^ (h >> u32(16))


def number(value):
    return float(value) if isinstance(value, str) else value


def dim_of(text, sizes):
    return eval(text, {"__builtins__": {}}, {**sizes, "Min": min, "Max": max, "min": min, "max": max})


def make_tensor(spec, row, arg, sizes):
    name, dims = re.fullmatch(r"(\w+)\[(.*)\]", spec["t"]).groups()
    dtype = getattr(torch, name)
    shape = [dim_of(d, sizes) for d in dims.split(",")] if dims else []
    real = dtype.is_floating_point or dtype.is_complex
    count = int(numpy.prod(shape, dtype=numpy.int64)) * (2 if dtype.is_complex else 1)
    low = spec.get("low", -2 if real else 0 if name.startswith("uint") else -5)
    high = spec.get("high", 2 if real else 5)
    h = hash32(row, arg, count)
    if "values" in spec:
        given = [number(v) for v in spec["values"]]
        values = [given[i % len(given)] for i in range(count)]
    elif dtype == torch.bool:
        values = h & 1
    elif real:
        values = low + (high - low) * (h.astype(numpy.float64) / 2**32)
    else:
        values = low + (h % numpy.uint32(high - low + 1)).astype(numpy.int64)
    if dtype.is_complex:
        part = {torch.complex64: torch.float32, torch.complex128: torch.float64}[dtype]
        return torch.view_as_complex(torch.tensor(numpy.asarray(values, numpy.float64), dtype=part).reshape(*shape, 2))
    if real:
        # Rounded once, from double precision, as the TypeScript side does; only bfloat16 goes through float32 there.
        wide = numpy.asarray(values, numpy.float64)
        exact = wide.astype(numpy.float16) if dtype == torch.float16 else wide
        return torch.from_numpy(exact).to(dtype).reshape(shape)
    return torch.tensor([int(v) for v in values], dtype=torch.int64).to(dtype).reshape(shape)


class Arguments:
    """The arguments of a row at one size."""

    def __init__(self, row, index, sizes):
        self.index, self.sizes, self.tensors = index, sizes, 0
        self.args = [self.convert(a) for a in row["args"]]
        self.kwargs = {k: self.convert(a) for k, a in row.get("kwargs", {}).items()}

    def convert(self, arg):
        if isinstance(arg, list):
            return [self.convert(a) for a in arg]
        if not isinstance(arg, dict):
            return arg
        if "t" in arg:
            self.tensors += 1
            return make_tensor(arg, self.index, self.tensors - 1, self.sizes)
        ((kind, value),) = arg.items()
        if kind == "f":
            return float(value)
        if kind == "dim":
            return dim_of(value, self.sizes)
        if kind == "complex":
            return complex(*value)
        if kind == "device":
            return torch.device(value)
        return getattr(torch, value) if kind in ("dtype", "layout", "memory_format") else value


def flatten(result):
    if result is None:
        return []
    if isinstance(result, (list, tuple)):
        return [x for r in result for x in flatten(r)]
    if isinstance(result, torch.Tensor):
        return [result]
    return [torch.tensor(result, dtype=torch.float64 if isinstance(result, float) else None)]


def stored(x):
    if x.is_complex():
        x = torch.view_as_real(x.resolve_conj())
    return x.detach().resolve_neg().contiguous().clone()


PYTHON = {"_operator": operator, "math": math, "builtins": builtins, "torch": torch}


def find(name):
    namespace, rest = name.split("::")
    if namespace in PYTHON:
        return getattr(PYTHON[namespace], rest)
    op, _, overload = rest.partition(".")
    library = getattr(torch.ops, namespace)
    # What PyTorch has only in place is called in place: arguments are fresh at each call.
    packet = getattr(library, op if hasattr(library, op) else f"{op}_")
    return getattr(packet, overload or "default")


def record(family):
    rows = json.loads((ROWS / f"{family}.json").read_text())
    results, failures = {}, 0
    for index, row in enumerate(rows):
        if "refused" in row or "unrecorded" in row:
            continue
        for k, sizes in enumerate(row.get("sizes", [{}])):
            try:
                given = Arguments(row, index, sizes)
                outputs = flatten(find(row["op"])(*given.args, **given.kwargs))
            except Exception as error:  # every bad row is told, not the first
                print(f"{family} {index} {row['op']} at {sizes}: {type(error).__name__}: {str(error).splitlines()[0]}")
                failures += 1
                continue
            for i, output in enumerate(outputs):
                results[f"{index}.{k}.output_{i}"] = stored(output)
    FIXTURES.mkdir(parents=True, exist_ok=True)
    path = FIXTURES / f"{family}.safetensors"
    save_file(results, path)
    path.chmod(0o644)
    return failures


def refused():
    """Calls that the rows have as refused although PyTorch computes them: what is a limit, not an error of the caller's."""
    computed = []
    for path in sorted(ROWS.glob("*.json")):
        for index, row in enumerate(json.loads(path.read_text())):
            if "refused" not in row:
                continue
            try:
                given = Arguments(row, index, row.get("sizes", [{}])[0])
                find(row["op"])(*given.args, **given.kwargs)
            except Exception:
                continue
            computed.append({k: row[k] for k in ("op", "args", "kwargs") if k in row})
    text = ",\n".join(json.dumps(call) for call in computed)
    (ROOT / "fixtures" / "refused.json").write_text(f"[\n{text}\n]\n")
    return 0


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1:] == ["--refused"]:
        sys.exit(refused())
    names = sys.argv[1:] or sorted(p.stem for p in ROWS.glob("*.json"))
    sys.exit(1 if sum(record(name) for name in names) else 0)
