/** Logical and bitwise operators. Logical ones take any dtype as its truth; bitwise ones take bools and integers. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type DType, isFloat, type Meta, type Tensor } from "../tensor/mod.ts";
import { convert, mapBinary, mapUnary } from "../tensor/loops.ts";
import { alias, both, ofScalar, withScalar } from "./overloads.ts";
import { emit, type Native } from "./emit.ts";
import { defineOp } from "./op.ts";
import { binary, broadcastBool, broadcastOther, like, sameAsSelf, unary } from "./rules.ts";

const INTEGERS: Native = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"];

interface Pair<T> {
  readonly self: T;
  readonly other: T;
}

/** Rules of a logical operator. */
function logical(opType: string, fn: (x: number, y: number) => boolean) {
  return {
    meta: broadcastBool,
    complex: "native" as const,
    kernel: ({ self, other }: Pair<Tensor>): Tensor =>
      mapBinary(convert(self, "bool"), convert(other, "bool"), "bool", fn),
    onnx: (b: OnnxBuilder, { self, other }: Pair<OnnxValue>): OnnxValue =>
      b.op(opType, [b.cast(self, "bool"), b.cast(other, "bool")]),
  };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.logical_and.html */
export const logicalAnd = defineOp(
  "aten::logical_and(Tensor self, Tensor other) -> Tensor",
  logical("And", (x, y) => x !== 0 && y !== 0),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.logical_or.html */
export const logicalOr = defineOp(
  "aten::logical_or(Tensor self, Tensor other) -> Tensor",
  logical("Or", (x, y) => x !== 0 || y !== 0),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.logical_xor.html */
export const logicalXor = defineOp(
  "aten::logical_xor(Tensor self, Tensor other) -> Tensor",
  logical("Xor", (x, y) => x !== y),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.logical_not.html */
export const logicalNot = defineOp("aten::logical_not(Tensor self) -> Tensor", {
  meta: (_, { self }): Meta => like(self, "bool"),
  complex: "native",
  kernel: ({ self }) => mapUnary(convert(self, "bool"), "bool", (x) => x === 0),
  onnx: (b, { self }) => b.op("Not", [b.cast(self, "bool")]),
});

function requireInteger(dtype: DType): void {
  if (isFloat(dtype)) throw new TypeError(`Bitwise operators take integers and bools, met ${dtype}`);
}

/** Rules of a bitwise operator on two tensors; of bools it is the logical one. */
function bitwise(logicalOp: string, opType: string, fn: (x: number, y: number) => number) {
  return {
    promote: both,
    meta: broadcastOther,
    kernel: (args: Pair<Tensor>): Tensor => {
      requireInteger(args.self.dtype);
      return binary(fn)(args);
    },
    onnx: (b: OnnxBuilder, { self, other }: Pair<OnnxValue>): OnnxValue => {
      const { dtype } = b.meta(self);
      requireInteger(dtype);
      return dtype === "bool" ? b.op(logicalOp, [self, other]) : emit(b, INTEGERS, opType, [self, other]);
    },
  };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.bitwise_and.html */
export const bitwiseAnd = defineOp(
  "aten::bitwise_and.Tensor(Tensor self, Tensor other) -> Tensor",
  bitwise("And", "BitwiseAnd", (x, y) => x & y),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.bitwise_and.html */
export const bitwiseAndScalar = defineOp(
  "aten::bitwise_and.Scalar(Tensor self, Scalar other) -> Tensor",
  withScalar(bitwiseAnd),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.bitwise_and.html */
export const bitwiseAndOfScalar = defineOp(
  "aten::bitwise_and.Scalar_Tensor(Scalar self, Tensor other) -> Tensor",
  ofScalar(bitwiseAnd),
);

/** `self & other` */
export const and = defineOp("aten::__and__.Tensor(Tensor self, Tensor other) -> Tensor", {
  ...alias(bitwiseAnd),
  inplace: ["aten::__iand__.Tensor"],
});

/** `self & other` */
export const andScalar = defineOp("aten::__and__.Scalar(Tensor self, Scalar other) -> Tensor", {
  ...withScalar(bitwiseAnd),
  inplace: ["aten::__iand__.Scalar"],
});

/** https://docs.pytorch.org/docs/stable/generated/torch.bitwise_or.html */
export const bitwiseOr = defineOp(
  "aten::bitwise_or.Tensor(Tensor self, Tensor other) -> Tensor",
  bitwise("Or", "BitwiseOr", (x, y) => x | y),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.bitwise_or.html */
export const bitwiseOrScalar = defineOp(
  "aten::bitwise_or.Scalar(Tensor self, Scalar other) -> Tensor",
  withScalar(bitwiseOr),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.bitwise_or.html */
export const bitwiseOrOfScalar = defineOp(
  "aten::bitwise_or.Scalar_Tensor(Scalar self, Tensor other) -> Tensor",
  ofScalar(bitwiseOr),
);

/** `self | other` */
export const or = defineOp("aten::__or__.Tensor(Tensor self, Tensor other) -> Tensor", {
  ...alias(bitwiseOr),
  inplace: ["aten::__ior__.Tensor"],
});

/** `self | other` */
export const orScalar = defineOp("aten::__or__.Scalar(Tensor self, Scalar other) -> Tensor", {
  ...withScalar(bitwiseOr),
  inplace: ["aten::__ior__.Scalar"],
});

/** https://docs.pytorch.org/docs/stable/generated/torch.bitwise_xor.html */
export const bitwiseXor = defineOp(
  "aten::bitwise_xor.Tensor(Tensor self, Tensor other) -> Tensor",
  bitwise("Xor", "BitwiseXor", (x, y) => x ^ y),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.bitwise_xor.html */
export const bitwiseXorScalar = defineOp(
  "aten::bitwise_xor.Scalar(Tensor self, Scalar other) -> Tensor",
  withScalar(bitwiseXor),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.bitwise_xor.html */
export const bitwiseXorOfScalar = defineOp(
  "aten::bitwise_xor.Scalar_Tensor(Scalar self, Tensor other) -> Tensor",
  ofScalar(bitwiseXor),
);

/** `self ^ other` */
export const xor = defineOp("aten::__xor__.Tensor(Tensor self, Tensor other) -> Tensor", {
  ...alias(bitwiseXor),
  inplace: ["aten::__ixor__.Tensor"],
});

/** `self ^ other` */
export const xorScalar = defineOp("aten::__xor__.Scalar(Tensor self, Scalar other) -> Tensor", {
  ...withScalar(bitwiseXor),
  inplace: ["aten::__ixor__.Scalar"],
});

/** https://docs.pytorch.org/docs/stable/generated/torch.bitwise_not.html */
export const bitwiseNot = defineOp("aten::bitwise_not(Tensor self) -> Tensor", {
  meta: sameAsSelf,
  kernel: ({ self }) => {
    requireInteger(self.dtype);
    return unary((x) => self.dtype === "bool" ? x === 0 : ~x)({ self });
  },
  onnx: (b, { self }) => {
    const { dtype } = b.meta(self);
    requireInteger(dtype);
    return dtype === "bool" ? b.op("Not", [self]) : emit(b, INTEGERS, "BitwiseNot", [self]);
  },
});
