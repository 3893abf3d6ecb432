/** Logical and bitwise operators. Logical ones take any dtype as its truth; bitwise ones take bools and integers. */
import type { Scalar } from "../fx/mod.ts";
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type DType, isFloat, type Meta, type Tensor } from "../tensor/mod.ts";
import { convert, mapBinary, mapUnary } from "../tensor/loops.ts";
import { both, scalarLike } from "./binary.ts";
import { emit, type Native } from "./emit.ts";
import { type Calls, defineOp, type Op } from "./op.ts";
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

/** Rules of an overload whose second operand is a number. */
function withScalar<S extends string>(op: Op<S>) {
  return {
    promote: both,
    decompose: <T extends object>(t: Calls<T>, { self, other }: { readonly self: T; readonly other: Scalar }): T =>
      (t.call as (op: Op, ...args: unknown[]) => T)(op, self, scalarLike(t, self, other)),
  };
}

/** Rules of an overload whose first operand is a number. */
function ofScalar<S extends string>(op: Op<S>) {
  return {
    promote: both,
    decompose: <T extends object>(t: Calls<T>, { self, other }: { readonly self: Scalar; readonly other: T }): T =>
      (t.call as (op: Op, ...args: unknown[]) => T)(op, scalarLike(t, other, self), other),
  };
}

/** Rules of another name of the same operator. */
function alias<S extends string>(op: Op<S>) {
  return {
    promote: both,
    decompose: <T extends object>(t: Calls<T>, { self, other }: Pair<T>): T =>
      (t.call as (op: Op, ...args: unknown[]) => T)(op, self, other),
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
export const and = defineOp("aten::__and__.Tensor(Tensor self, Tensor other) -> Tensor", alias(bitwiseAnd));

/** `self & other` */
export const andScalar = defineOp("aten::__and__.Scalar(Tensor self, Scalar other) -> Tensor", withScalar(bitwiseAnd));

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
export const or = defineOp("aten::__or__.Tensor(Tensor self, Tensor other) -> Tensor", alias(bitwiseOr));

/** `self | other` */
export const orScalar = defineOp("aten::__or__.Scalar(Tensor self, Scalar other) -> Tensor", withScalar(bitwiseOr));

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
export const xor = defineOp("aten::__xor__.Tensor(Tensor self, Tensor other) -> Tensor", alias(bitwiseXor));

/** `self ^ other` */
export const xorScalar = defineOp("aten::__xor__.Scalar(Tensor self, Scalar other) -> Tensor", withScalar(bitwiseXor));

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
  if (dtype === "uint64" || dtype === "bool" || isFloat(dtype)) {
    throw new TypeError(`Shifts of ${dtype} are not supported`);
  }
  const bits = bitsOf(dtype);
  const [x, by] = [b.cast(self, "int64"), b.cast(other, "int64")];
  const table = (values: readonly bigint[]): OnnxValue => {
    const constant = b.constant(Tensor64(values));
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
