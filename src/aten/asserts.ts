/** Checks and hints of captured programs, which compute nothing and are dropped at export; and numbers taken out of tensors. */
import type { Scalar } from "../fx/mod.ts";
import { categoryOf, isComplex, isFloat, isInt, type Meta, type Tensor } from "../tensor/mod.ts";
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { defineOp, type MetaContext } from "./op.ts";
import { refuse } from "./rules.ts";

/** Checks hold for the inputs the program was captured for; the size relations among them are kept as guards elsewhere. */
const dropped = {
  effectFree: true,
  meta: (): [] => [],
  kernel: (): [] => [],
  onnx: (): [] => [],
};

/** dtype, sizes and strides that a value was captured with. */
export const assertTensorMetadata = defineOp(
  "aten::_assert_tensor_metadata(Tensor a, SymInt[]? size=None, SymInt[]? stride=None, ScalarType? dtype=None, *, Device? device=None, Layout? layout=None) -> ()",
  dropped,
);
/** A tensor must be true. */
export const assertAsync = defineOp("aten::_assert_async(Tensor self) -> ()", dropped);
/** A tensor must be true. */
export const assertAsyncMsg = defineOp("aten::_assert_async.msg(Tensor self, str assert_msg) -> ()", dropped);
/** A number must be true. */
export const assertScalar = defineOp("aten::_assert_scalar(Scalar self, str assert_msg) -> ()", dropped);
/** Bounds of a number. */
export const symConstrainRange = defineOp(
  "aten::sym_constrain_range(Scalar size, *, int? min=None, int? max=None) -> ()",
  dropped,
);
/** Bounds of a number that is used as a size. */
export const symConstrainRangeForSize = defineOp(
  "aten::sym_constrain_range_for_size(Scalar size, *, int? min=None, int? max=None) -> ()",
  dropped,
);
/**
 * Questions about dtypes and storages that Python asks while a program is captured. What follows from the answers is recorded
 * where it is used, so that a call has no users.
 */
function question<R>(asked: string): { readonly effectFree: true; meta(): R } {
  return { effectFree: true, meta: () => refuse("self", asked, "its answer is no value of a graph") };
}

/** The dtype that two dtypes promote to. */
export const promoteTypes = defineOp(
  "aten::promote_types(ScalarType type1, ScalarType type2) -> ScalarType",
  question("a dtype"),
);
/** The dtype that two operands promote to. */
export const resultType = defineOp(
  "aten::result_type.Tensor(Tensor tensor, Tensor other) -> ScalarType",
  question("a dtype"),
);
/** The dtype that a tensor and a number promote to. */
export const resultTypeScalar = defineOp(
  "aten::result_type.Scalar(Tensor tensor, Scalar other) -> ScalarType",
  question("a dtype"),
);
/** The dtype that a number and a tensor promote to. */
export const resultTypeScalarTensor = defineOp(
  "aten::result_type.Scalar_Tensor(Scalar scalar, Tensor tensor) -> ScalarType",
  question("a dtype"),
);
/** The dtype that two numbers promote to. */
export const resultTypeScalarScalar = defineOp(
  "aten::result_type.Scalar_Scalar(Scalar scalar1, Scalar scalar2) -> ScalarType",
  question("a dtype"),
);
/** Whether PyTorch converts one dtype to another by itself. */
export const canCast = defineOp(
  "aten::can_cast(ScalarType from_, ScalarType to) -> bool",
  question("a dtype"),
);
/** Whether two tensors are one view of one storage. */
export const isSetTo = defineOp("aten::is_set_to(Tensor self, Tensor tensor) -> bool", question("a storage"));
/** Whether a tensor lies in pinned memory. */
export const isPinned = defineOp("aten::is_pinned(Tensor self, Device? device=None) -> bool", question("a storage"));
/** The infos of a factorization must be zero. */
export const linalgCheckErrors = defineOp(
  "aten::_linalg_check_errors(Tensor info, str api_name, *, bool is_matrix) -> ()",
  dropped,
);
/** Prints a text while the program runs. */
export const print = defineOp("aten::_print(str s) -> ()", dropped);

/** The functional forms give on the token that orders them. */
const token = {
  meta: (_: MetaContext, { dep_token }: { readonly dep_token: Meta }): Meta => dep_token,
  kernel: ({ dep_token }: { readonly dep_token: Tensor }): Tensor => dep_token,
  onnx: (_: OnnxBuilder, { dep_token }: { readonly dep_token: OnnxValue }): OnnxValue => dep_token,
};

/** A tensor must be true. */
export const functionalAssertAsync = defineOp(
  "aten::_functional_assert_async.msg(Tensor self, str assert_msg, Tensor dep_token) -> Tensor",
  token,
);
/** A number must be true. */
export const functionalAssertScalar = defineOp(
  "aten::_functional_assert_scalar(Scalar self, str assert_msg, Tensor dep_token) -> Tensor",
  token,
);
/** Bounds of a number. */
export const functionalSymConstrainRange = defineOp(
  "aten::_functional_sym_constrain_range(Scalar size, int? min, int? max, Tensor dep_token) -> Tensor",
  token,
);
/** Bounds of a number that is used as a size. */
export const functionalSymConstrainRangeForSize = defineOp(
  "aten::_functional_sym_constrain_range_for_size(Scalar size, int? min, int? max, Tensor dep_token) -> Tensor",
  token,
);

const scalarOf = {
  meta(ctx: MetaContext, { self }: { readonly self: Meta }): Scalar {
    if (isComplex(self.dtype)) throw new TypeError("The item of a complex tensor can't be followed as a number");
    const isBool = categoryOf(self.dtype) === "bool";
    return ctx.freshSymbol("item", isBool ? "bool" : isFloat(self.dtype) ? "float" : "int");
  },
  kernel({ self }: { readonly self: Tensor }): Scalar {
    if (isComplex(self.dtype)) throw new TypeError("The item of a complex tensor can't be followed as a number");
    const value = self.item();
    return categoryOf(self.dtype) === "bool" ? value !== 0 : isInt(self.dtype) ? BigInt(value) : Number(value);
  },
  /** The scalar stays a value of the graph: sizes and numbers made of it are computed from it. */
  onnx(b: OnnxBuilder, { self }: { readonly self: OnnxValue }): Scalar {
    const { dtype } = b.meta(self);
    const scalar = b.reshape(self, []);
    const wide = isFloat(dtype) ? "float64" : categoryOf(dtype) === "bool" ? "bool" : "int64";
    return b.cast(scalar, wide) as unknown as Scalar;
  },
};

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.item.html */
export const item = defineOp("aten::item(Tensor self) -> Scalar", scalarOf);
/** The number in a tensor of one element. */
export const localScalarDense = defineOp("aten::_local_scalar_dense(Tensor self) -> Scalar", scalarOf);
