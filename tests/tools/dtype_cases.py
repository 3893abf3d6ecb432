"""Writes tests/fixtures/promotion.json and dtypes.safetensors: how PyTorch promotes, rounds and converts dtypes.

    pip install torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu
    pip install numpy safetensors
    python tests/tools/dtype_cases.py

In promotion.json a dtype is its letter: the n-th of `names` is the n-th of the alphabet, `-` a pair that PyTorch refuses.
dtypes.safetensors has, for each dtype that is decoded by hand, every code and its value (of bfloat16 each 257th), and the
codes of values at, below and above the middle between neighbours; then conversions `FROM_TO.values` and `.results`.
"""

import json
import pathlib

import torch
from safetensors.torch import save_file

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "fixtures"
NAMES = (
    "bool uint8 uint16 uint32 uint64 int8 int16 int32 int64 float16 bfloat16 float32 float64 float8_e4m3fn "
    "float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu complex32 complex64 complex128"
).split()
DTYPES = [getattr(torch, name) for name in NAMES]
NUMBERS = (True, 1, 1.0, 1j)


def letter(promote, *operands):
    try:
        return chr(ord("a") + DTYPES.index(promote(*operands)))
    except RuntimeError:
        return "-"


def promotion():
    dims = [torch.empty([2], dtype=d) for d in DTYPES]
    zero_dims = [torch.empty([], dtype=d) for d in DTYPES]

    def rows(promote, left, right):
        return ["".join(letter(promote, a, b) for b in right) for a in left]

    return {
        "names": NAMES,
        "promote_types": rows(torch.promote_types, DTYPES, DTYPES),
        "dim_with_zero_dim": rows(torch.result_type, dims, zero_dims),
        "dim_with_number": rows(torch.result_type, dims, NUMBERS),
        "zero_dim_with_number": rows(torch.result_type, zero_dims, NUMBERS),
    }


def codecs():
    tensors = {}
    for name in ("bfloat16", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu"):
        dtype = getattr(torch, name)
        wide = dtype.itemsize == 2
        codes = torch.arange(0, 65536, 257).to(torch.uint16) if wide else torch.arange(0, 256).to(torch.uint8)
        decoded = codes.view(dtype).float()
        finite = decoded[decoded.isfinite()].double().unique()
        middle = ((finite[1:] + finite[:-1]) / 2).float()
        if wide:
            # Codes that lie side by side.
            low = (codes.to(torch.int32) & 0x7FFE).to(torch.uint16)
            low = low[low.to(torch.int32) < 0x7F7F]
            high = (low.to(torch.int32) + 1).to(torch.uint16)
            middle = ((low.view(dtype).double() + high.view(dtype).double()) / 2).float()
            middle = torch.cat([middle, -middle])
        largest = finite[-1].float()
        step = (finite[-1] - finite[-2]).float()
        values = torch.cat([
            decoded[decoded.isfinite()],
            middle,
            middle.nextafter(torch.tensor(torch.inf)),
            middle.nextafter(torch.tensor(-torch.inf)),
            torch.tensor([0.0, -0.0, torch.inf, -torch.inf, torch.nan, 1e-45, -1e-45, 3.4e38, -3.4e38, 1.5 * 2**-127]),
            torch.stack([largest + step / 2, largest + step / 4, largest + step, -largest - step / 2]),
        ])
        tensors[f"{name}.codes"] = codes
        tensors[f"{name}.decoded"] = decoded
        tensors[f"{name}.values"] = values
        tensors[f"{name}.encoded"] = values.to(dtype).view(codes.dtype)
    return tensors


def conversions():
    floats = [0.0, -0.0, 0.5, -0.5, 1.9, -1.9, 2.5, 100.7, -100.7, 255.0, 65504.0, 65519.0, 65520.0, 1e9, 5e-8, 3e-8, 1e-40]
    doubles = floats + [1 + 2**-11 + 2**-40, 1 + 2**-24 + 2**-50, 2.0**53, 0.1, 1e300, float("nan"), float("inf")]
    ints = [0, 1, -1, 255, -128, 2049, 65519, 65520, 2**24 + 1, 2**31 - 1, -(2**31)]
    longs = ints + [2**53 + 1, 2**60 + 2**36 + 1, -(2**60 + 2**36 + 1), 2**60 + 2**36, 2**63 - 1, -(2**63), 2**40 + 2**31 + 1]
    small = [0.0, -0.0, 0.5, 1.9, 2.5, 100.7, 126.0]
    sources = {
        "float64": (doubles, "float32 float16 bfloat16 bool"),
        "float32": (floats, "float64 float16 bfloat16 bool int64 int32"),
        "float16": (small, "float32 int32 uint8 int8 bool"),
        "int64": (longs, "float64 float32 float16 bfloat16 int32 uint8 bool"),
        "int32": (ints, "int64 int8 uint8 float32 float16 bool"),
        "uint8": ([0, 1, 127, 128, 255], "int8 int64 float16 bool"),
        "bool": ([0, 1], "int64 float32 uint8 bfloat16"),
    }
    tensors = {}
    for name, (values, targets) in sources.items():
        given = torch.tensor(values, dtype=torch.int64 if isinstance(values[0], int) else torch.float64)
        given = given.to(getattr(torch, name))
        for target in targets.split():
            tensors[f"{name}_{target}.values"] = given.clone()
            tensors[f"{name}_{target}.results"] = given.to(getattr(torch, target))
    return tensors


if __name__ == "__main__":
    (FIXTURES / "promotion.json").write_text(json.dumps(promotion(), indent=1) + "\n")
    save_file({**codecs(), **conversions()}, FIXTURES / "dtypes.safetensors")
