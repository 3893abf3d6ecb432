/** Bit shifts. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type DType, isInt, Tensor } from "../tensor/mod.ts";
import { mapBinary } from "../tensor/loops.ts";
import { defineOp } from "./op.ts";
import { both, ofScalar, withScalar } from "./overloads.ts";
import { broadcastOther } from "./rules.ts";

/** Powers of two that a shift multiplies by; shifting by as many bits as there are, or more, leaves nothing. */
const FACTORS: readonly bigint[] = [...Array.from({ length: 64 }, (_, i) => BigInt.asIntN(64, 1n << BigInt(i))), 0n];

function bitsOf(dtype: DType): number {
  return Number(/\d+/.exec(dtype)?.[0]);
}

function shiftLeft(dtype: DType): (x: number, y: number) => number | bigint {
  const bits = bitsOf(dtype);
  return (x, y) => {
    const value = y < 0 || y >= bits ? 0n : BigInt(x) << BigInt(y);
    return bits === 64 ? value : Number(BigInt.asIntN(32, value));
  };
}

function shiftRight(dtype: DType): (x: number, y: number) => number | bigint {
  const bits = bitsOf(dtype);
  return (x, y) => {
    const value = BigInt(x) >> BigInt(y < 0 || y >= bits ? bits : Number(y));
    return bits === 64 ? value : Number(value);
  };
}

/** Shifts are computed in int64: left as a product, right as a division rounded down, in two steps for all 63 bits. */
function emitShift(b: OnnxBuilder, self: OnnxValue, other: OnnxValue, left: boolean): OnnxValue {
  const { dtype } = b.meta(self);
  if (dtype === "uint64" || !isInt(dtype)) {
    throw new TypeError(`Shifts of ${dtype} are not supported`);
  }
  const bits = bitsOf(dtype);
  const [x, by] = [b.cast(self, "int64"), b.cast(other, "int64")];
  const table = (values: readonly bigint[]): OnnxValue => {
    const constant = b.constant(Tensor.of("int64", [values.length], values));
    // Negative amounts count as too large ones.
    const known = b.op("Where", [b.op("Less", [by, b.scalar(0n, "int64")]), b.scalar(64n, "int64"), by]);
    return b.op("Gather", [constant, b.op("Min", [known, b.scalar(64n, "int64")])], { axis: 0 });
  };
  if (left) {
    const factors = FACTORS.map((f, i) => i < bits ? f : 0n);
    return b.cast(b.op("Mul", [x, table(factors)]), dtype);
  }
  const floorDivide = (p: OnnxValue, q: OnnxValue): OnnxValue =>
    b.op("Div", [b.op("Sub", [p, b.op("Mod", [p, q])]), q]);
  const first = floorDivide(x, table(FACTORS.map((_, i) => FACTORS[Math.min(i, 62)])));
  return b.cast(floorDivide(first, table(FACTORS.map((_, i) => i > 62 ? 2n : 1n))), dtype);
}

/** Rules of a shift of two tensors. */
function shift(left: boolean) {
  return {
    promote: both,
    meta: broadcastOther,
    kernel: ({ self, other }: { readonly self: Tensor; readonly other: Tensor }): Tensor => {
      if (!isInt(self.dtype)) throw new TypeError(`Shifts of ${self.dtype} are not supported`);
      return mapBinary(self, other, self.dtype, (left ? shiftLeft : shiftRight)(self.dtype));
    },
    onnx: (b: OnnxBuilder, { self, other }: { readonly self: OnnxValue; readonly other: OnnxValue }): OnnxValue =>
      emitShift(b, self, other, left),
  };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.bitwise_left_shift.html */
export const leftShift = defineOp("aten::bitwise_left_shift.Tensor(Tensor self, Tensor other) -> Tensor", shift(true));

/** https://docs.pytorch.org/docs/stable/generated/torch.bitwise_left_shift.html */
export const leftShiftScalar = defineOp(
  "aten::bitwise_left_shift.Tensor_Scalar(Tensor self, Scalar other) -> Tensor",
  withScalar(leftShift),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.bitwise_left_shift.html */
export const leftShiftOfScalar = defineOp(
  "aten::bitwise_left_shift.Scalar_Tensor(Scalar self, Tensor other) -> Tensor",
  ofScalar(leftShift),
);

/** `self << other` */
export const lshift = defineOp("aten::__lshift__.Tensor(Tensor self, Tensor other) -> Tensor", {
  ...shift(true),
  inplace: ["aten::__ilshift__.Tensor"],
});

/** `self << other` */
export const lshiftScalar = defineOp(
  "aten::__lshift__.Scalar(Tensor self, Scalar other) -> Tensor",
  { ...withScalar(leftShift), inplace: ["aten::__ilshift__.Scalar"] },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.bitwise_right_shift.html */
export const rightShift = defineOp(
  "aten::bitwise_right_shift.Tensor(Tensor self, Tensor other) -> Tensor",
  shift(false),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.bitwise_right_shift.html */
export const rightShiftScalar = defineOp(
  "aten::bitwise_right_shift.Tensor_Scalar(Tensor self, Scalar other) -> Tensor",
  withScalar(rightShift),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.bitwise_right_shift.html */
export const rightShiftOfScalar = defineOp(
  "aten::bitwise_right_shift.Scalar_Tensor(Scalar self, Tensor other) -> Tensor",
  ofScalar(rightShift),
);

/** `self >> other` */
export const rshift = defineOp("aten::__rshift__.Tensor(Tensor self, Tensor other) -> Tensor", {
  ...shift(false),
  inplace: ["aten::__irshift__.Tensor"],
});

/** `self >> other` */
export const rshiftScalar = defineOp(
  "aten::__rshift__.Scalar(Tensor self, Scalar other) -> Tensor",
  { ...withScalar(rightShift), inplace: ["aten::__irshift__.Scalar"] },
);
