"""Records how PyTorch prints tensors, for tests/capture/print_tensor_test.ts.

    python tests/tools/printed_tensors.py

Each case is an expression of TypeScript and one of Python for the same tensor.
"""

import json
import pathlib

import torch

# The same in both languages.
SHARED = [
    "torch.tensor([1, 2, 3])",
    "torch.tensor([1.5, 2, -3])",
    "torch.tensor([[1, 2.5], [3, 4]])",
    "torch.tensor(3.25)",
    "torch.tensor(7)",
    "torch.tensor([])",
    "torch.tensor([0.03125, 0.09375, 1])",
    "torch.tensor([10000.5, 0.25])",
    "torch.tensor([12345.5, 0.25])",
    "torch.tensor([0.00001, 1])",
    "torch.tensor([1e10, 1.5])",
    "torch.tensor([1e-5])",
    "torch.tensor([1.5e-10, 3e20])",
    "torch.zeros(2, 3)",
    "torch.ones(3)",
    "torch.zeros(0, 3)",
    "torch.zeros(2, 0)",
    "torch.arange(30)",
    "torch.arange(1001)",
    "torch.arange(2000).reshape(20, 100)",
    "torch.arange(2000).reshape(2, 10, 100)",
    "torch.arange(24).reshape(2, 3, 4)",
    "torch.arange(48).reshape(2, 2, 3, 4).div(7)",
    "torch.arange(40).div(3)",
    "torch.arange(1200).reshape(4, 300).div(7)",
    "torch.arange(6).sub(3).div(2).reshape(2, 3)",
    "torch.ones(2).mul(-1)",
    "torch.zeros(3).neg()",
    "torch.tensor([1, 1000, 1001]).div(1)",
    "torch.tensor([0.5, 600]).neg()",
    "torch.eye(3)",
    "torch.complex(torch.tensor([1.5, -2]), torch.tensor([-0.5, 3]))",
    "torch.complex(torch.zeros(2, 2), torch.ones(2, 2))",
    "torch.tensor([1.5, 2]).div(0)",
    "torch.tensor([0.0, 0.5]).log()",
    "torch.arange(4).t()",
    "torch.arange(6).reshape(2, 3).t()",
]

OPTIONS = [
    ("torch.tensor([1, 2], { dtype: \"float64\" })", "torch.tensor([1, 2], dtype=torch.float64)"),
    ("torch.tensor([0.1, 2], { dtype: \"float16\" })", "torch.tensor([0.1, 2], dtype=torch.float16)"),
    ("torch.tensor([0.1, 2], { dtype: \"bfloat16\" })", "torch.tensor([0.1, 2], dtype=torch.bfloat16)"),
    ("torch.tensor([[true, false]])", "torch.tensor([[True, False]])"),
    ("torch.tensor([1, -2], { dtype: \"int8\" })", "torch.tensor([1, -2], dtype=torch.int8)"),
    ("torch.tensor(true)", "torch.tensor(True)"),
    ("torch.zeros([0], { dtype: \"int64\" })", "torch.zeros([0], dtype=torch.int64)"),
    ("torch.zeros([1, 0], { dtype: \"bool\" })", "torch.zeros([1, 0], dtype=torch.bool)"),
    ("torch.tensor([1.5], { requiresGrad: true })", "torch.tensor([1.5], requires_grad=True)"),
    ("torch.ones([3, 4], { dtype: \"float64\" }).div(3)", "torch.ones([3, 4], dtype=torch.float64).div(3)"),
    ("torch.tensor([1, 2], { dtype: \"complex128\" })", "torch.tensor([1, 2], dtype=torch.complex128)"),
    ("torch.tensor([0.5, 448], { dtype: \"float8_e4m3fn\" })", "torch.tensor([0.5, 448], dtype=torch.float8_e4m3fn)"),
    ("torch.arange(20, { dtype: \"uint8\" })", "torch.arange(20, dtype=torch.uint8)"),
    ("torch.arange(14, { dtype: \"float64\" }).div(3)", "torch.arange(14, dtype=torch.float64).div(3)"),
]

cases = [(source, source) for source in SHARED] + OPTIONS
rows = [{"source": ts, "text": str(eval(py))} for ts, py in cases]
path = pathlib.Path(__file__).parent.parent / "capture" / "fixtures" / "printed.json"
path.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
print(len(rows), "tensors")
