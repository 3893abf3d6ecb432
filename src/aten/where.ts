/** Choosing between values by a condition. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { broadcastShapes, type DType, type Meta, resultType, type Tensor } from "../tensor/mod.ts";
import { convert } from "../tensor/loops.ts";
import { scalarDType } from "./bind.ts";
import { choose } from "./emit.ts";
import { defineOp } from "./op.ts";
import { both, scalarLike } from "./overloads.ts";
import { mapTernary, PARTS, partsAnd, requireReal } from "./rules.ts";

/** PyTorch takes uint8 conditions too, for compatibility. */
function requireCondition(dtype: DType): void {
  if (dtype !== "bool" && dtype !== "uint8") throw new TypeError(`A condition must be of dtype bool, met ${dtype}`);
}

function chooseTensor(condition: Tensor, yes: Tensor, no: Tensor): Tensor {
  requireCondition(condition.dtype);
  requireReal(yes.dtype);
  return mapTernary([convert(condition, "bool"), yes, no], yes.dtype, (c, x, y) => c !== 0 ? x : y);
}

function emitChoice(b: OnnxBuilder, condition: OnnxValue, yes: OnnxValue, no: OnnxValue): OnnxValue {
  requireCondition(b.meta(condition).dtype);
  const bool = b.cast(condition, "bool");
  if (b.meta(yes).dtype !== "bool") return choose(b, bool, yes, no);
  // A constant operand makes it a logical operator.
  if (boolOf(no) === false) return b.op("And", [bool, yes]);
  if (boolOf(yes) === true) return b.op("Or", [bool, no]);
  return choose(b, bool, yes, no);
}

/** The value of a 0-d bool constant. */
function boolOf(value: OnnxValue): boolean | null {
  const tensor = value.initializer;
  return tensor?.isLoaded && tensor.shape.length === 0 ? Number(tensor.item()) !== 0 : null;
}

/** https://docs.pytorch.org/docs/stable/generated/torch.where.html */
export const where = defineOp("aten::where.self(Tensor condition, Tensor self, Tensor other) -> Tensor", {
  promote: both,
  meta: (_, { condition, self, other }): Meta => ({
    dtype: self.dtype,
    shape: broadcastShapes(condition.shape, self.shape, other.shape),
  }),
  kernel: ({ condition, self, other }) => chooseTensor(condition, self, other),
  complex: PARTS,
  onnx: (b, { condition, self, other }) => emitChoice(b, condition, self, other),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.where.html */
export const whereScalarOther = defineOp(
  "aten::where.ScalarOther(Tensor condition, Tensor self, Scalar other) -> Tensor",
  {
    promote: both,
    decompose: (t, { condition, self, other }) => t.call(where, condition, self, scalarLike(t, self, other)),
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.where.html */
export const whereScalarSelf = defineOp(
  "aten::where.ScalarSelf(Tensor condition, Scalar self, Tensor other) -> Tensor",
  {
    promote: both,
    decompose: (t, { condition, self, other }) => t.call(where, condition, scalarLike(t, other, self), other),
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.where.html */
export const whereScalar = defineOp("aten::where.Scalar(Tensor condition, Scalar self, Scalar other) -> Tensor", {
  decompose: (t, { condition, self, other }) => {
    const dtype = resultType([self, other].map((v) => ({ dtype: scalarDType(v), wrapped: true })));
    return t.call(where, condition, t.full([], self, dtype), t.full([], other, dtype));
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.masked_fill.html */
export const maskedFill = defineOp("aten::masked_fill.Tensor(Tensor self, Tensor mask, Tensor value) -> Tensor", {
  meta: (_, { self, mask, value }): Meta => {
    requireZeroDim(value.shape.length);
    return { dtype: self.dtype, shape: broadcastShapes(self.shape, mask.shape) };
  },
  kernel: ({ self, mask, value }) => {
    requireZeroDim(value.shape.length);
    return chooseTensor(mask, convert(value, self.dtype), self);
  },
  complex: partsAnd("value"),
  onnx: (b, { self, mask, value }) => {
    requireZeroDim(b.meta(value).shape.length);
    return emitChoice(b, mask, b.cast(value, b.meta(self).dtype), self);
  },
});

function requireZeroDim(rank: number): void {
  if (rank !== 0) throw new RangeError(`The value of masked_fill must be a 0-d tensor, met one of ${rank} dimensions`);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.masked_fill.html */
export const maskedFillScalar = defineOp("aten::masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor", {
  decompose: (t, { self, mask, value }) => t.call(maskedFill, self, mask, scalarLike(t, self, value)),
});
