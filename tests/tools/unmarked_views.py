"""Records which results share memory with an argument although the operator's schema does not say so.

Usage: python tests/tools/unmarked_views.py
Needs torch. Writes tests/fixtures/unmarked_views.json: calls, and for each result whether it shares memory.
"""

import json
import pathlib

import torch

FIXTURE = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "unmarked_views.json"

T = torch.arange(6.0).view(2, 3)
C = T + 0j
SCALAR = torch.tensor(1.0)
IMAGE = torch.ones(1, 1, 2, 2)

CALLS = [
    ("broadcast_tensors", [T, T[0]]), ("broadcast_tensors", [T]),
    ("meshgrid", [T[0], T[1]]), ("meshgrid.indexing", [T[0], T[1]], "xy"),
    ("atleast_1d", SCALAR), ("atleast_2d", T), ("atleast_3d", T),
    ("atleast_1d.Sequence", [T, SCALAR]), ("atleast_2d.Sequence", [T, T[0]]), ("atleast_3d.Sequence", [T, T[0]]),
    ("einsum", "ij->ji", [T]), ("einsum", "ij", [T]), ("einsum", "...i->i...", [T]), ("einsum", "ii->i", [T[:, :2]]),
    ("einsum", "ij->i", [T]), ("einsum", "ij,->ij", [T, SCALAR]), ("einsum", "ij,ij->ij", [T, T]),
    ("cartesian_prod", [T[0]]), ("cartesian_prod", [T[0], T[1]]),
    ("flatten_dense_tensors", [T]), ("flatten_dense_tensors", [T, T]), ("unflatten_dense_tensors", T.view(-1), [T[0], T[1]]),
    ("histogramdd.TensorList_bins", T.view(3, 2), [T[0], T[1]]),
    ("unsafe_chunk", T, 2), ("unsafe_split.Tensor", T, 1), ("unsafe_split_with_sizes", T, [1, 1]), ("_unsafe_view", T, [3, 2]),
    ("sum_to_size", T, [2, 3]), ("sum_to_size", T, [2, 1]), ("sum_to_size", T, [3]), ("sum_to_size", SCALAR, []),
    ("type_as", T, T), ("type_as", T, C), ("lift", T), ("lift_fresh_copy", T),
    ("conj_physical", T), ("conj_physical", C),
    ("dropout", T, 0.5, False), ("dropout", T, 0.0, True), ("dropout", T, 0.5, True), ("native_dropout", T, 0.5, False),
    ("feature_dropout", T, 0.5, False), ("alpha_dropout", T, 0.5, False), ("feature_alpha_dropout", T, 0.5, False),
    ("cat", [T]), ("concat", [T]), ("stack", [T]), ("hstack", [T]), ("vstack", [T]), ("dstack", [T]), ("column_stack", [T]),
    ("block_diag", [T]), ("chain_matmul", [T]), ("combinations", T[0], 1),
    ("constant_pad_nd", T, [0, 0]), ("pad", T, [0, 0]), ("roll", T, [0], [0]), ("flip", T, [0]), ("rot90", T, 0),
    ("repeat", T, [1, 1]), ("tile", T, [1, 1]), ("repeat_interleave.self_int", T, 1), ("expand_copy", T, [2, 3]),
    ("sum.dim_IntList", SCALAR, []), ("mean.dim", SCALAR, []), ("amax", SCALAR, []), ("cumsum", SCALAR, 0),
    ("linalg_matrix_power", T[:, :2], 1), ("matrix_power", T[:, :2], 1), ("pow.Tensor_Scalar", T, 1),
    ("float_power.Tensor_Scalar", T.double(), 1), ("nan_to_num", torch.arange(3)), ("clamp", T, None, 9), ("_to_copy", T),
    ("diff", T, 0), ("tensordot", T, SCALAR, [], []), ("pixel_shuffle", IMAGE, 1), ("max_pool2d", IMAGE, [1, 1]),
    ("avg_pool2d", IMAGE, [1, 1]), ("upsample_nearest2d.vec", IMAGE, [2, 2], None), ("adaptive_avg_pool2d", IMAGE, [2, 2]),
    ("fft_fftshift", T), ("kron", T, torch.tensor([[1.0]])), ("ldexp.Tensor", T, torch.tensor(0)), ("squeeze_copy", T),
    ("unbind_copy.int", T), ("split_copy.Tensor", T, 1), ("where.self", T > 0, T, T), ("linear", T, torch.eye(3)),
    ("round", torch.arange(3)), ("floor", torch.arange(3)), ("relu", T), ("abs", T), ("angle", T), ("_lazy_clone", T),
]  # fmt: skip
"""Operators whose schema marks no alias, in calls that change nothing or only the order, among others."""


def plain(arg):
    if isinstance(arg, torch.Tensor):
        return {"dtype": str(arg.dtype).removeprefix("torch."), "shape": list(arg.shape), "strides": list(arg.stride())}
    return [plain(a) for a in arg] if isinstance(arg, list) else {"int": arg} if type(arg) is int else arg


def tensors(tree):
    return [tree] if isinstance(tree, torch.Tensor) else [x for part in tree for x in tensors(part)] if isinstance(tree, (list, tuple)) else []


def main():
    cases = []
    for name, *args in CALLS:
        packet, _, overload = name.partition(".")
        op = getattr(getattr(torch.ops.aten, packet), overload or "default")
        if any(r.alias_info is not None for r in op._schema.returns):
            raise SystemExit(f"The schema of {name} marks its aliases")
        kwargs = {}
        positional = [a for a in op._schema.arguments if not a.kwarg_only]
        if len(args) > len(positional):
            kwargs = dict(zip([a.name for a in op._schema.arguments if a.kwarg_only], args[len(positional) :]))
        results = tensors(op(*args[: len(positional)], **kwargs))
        given = {x.untyped_storage().data_ptr() for x in tensors(args)}
        shares = [x.untyped_storage().data_ptr() in given for x in results]
        cases.append({"op": name, "args": plain(args), "shares": shares})
    FIXTURE.write_text("[\n" + ",\n".join("  " + json.dumps(c) for c in cases) + "\n]\n")
    print(len(cases), sum(any(c["shares"]) for c in cases))


if __name__ == "__main__":
    main()
