/** Division, its roundings and remainders. Python's floor and remainder take the divisor's sign, C's the dividend's. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { broadcastShapes, type DType, isFloat, isSigned, type Meta } from "../tensor/mod.ts";
import { convert, mapBinary } from "../tensor/loops.ts";
import * as complexMath from "../tensor/complex_math.ts";
import { add } from "./binary.ts";
import { choose, constantLike, emit, emitTest, FLOATS, NUMBERS } from "./emit.ts";
import { defineOp } from "./op.ts";
import { alias, both, bothToFloat, ofScalar, scalarLike, withScalar } from "./overloads.ts";
import { roundedOnce } from "./precision.ts";
import { binary, broadcastOther, refuse, requireReal } from "./rules.ts";

/** https://docs.pytorch.org/docs/stable/generated/torch.div.html */
export const div = defineOp("aten::div.Tensor(Tensor self, Tensor other) -> Tensor", {
  promote: bothToFloat,
  meta: broadcastOther,
  kernel: binary((x, y) => x / y, undefined, complexMath.div),
  complex: { elementwise: "divForm" },
  onnx: (b, { self, other }) => emit(b, NUMBERS, "Div", [self, other]),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.div.html */
export const divScalar = defineOp("aten::div.Scalar(Tensor self, Scalar other) -> Tensor", withScalar(div));

function floatOf(dtype: DType): DType {
  return isFloat(dtype) ? dtype : "float32";
}

/** The quotient rounded down, as PyTorch and Python have it: of the exact, not of the rounded quotient. */
function floorQuotient(x: number, y: number): number {
  if (y === 0) return x / y;
  const rest = x % y;
  let quotient = (x - rest) / y;
  if (rest !== 0 && y < 0 !== rest < 0) quotient -= 1;
  if (quotient === 0) return x / y < 0 ? -0 : 0;
  const down = Math.floor(quotient);
  return quotient - down > 0.5 ? down + 1 : down;
}

/** The same of integers; bigints at run time for 64 bits. */
function floorQuotientOfInts(x: number, y: number): number {
  if (Number(y) === 0) throw new RangeError("Cannot divide an integer by 0");
  if (typeof x === "number") return Math.floor(x / y);
  const quotient = x / y;
  return x % y !== (0n as unknown as number) && x < 0 !== y < 0 ? quotient - (1n as unknown as number) : quotient;
}

function truncQuotient(dtype: DType): (x: number, y: number) => number {
  if (isFloat(dtype)) {
    const rounded: (x: number) => number = dtype === "float64" ? (x) => x : Math.fround;
    return (x, y) => Math.trunc(rounded(x / y));
  }
  return (x, y) => {
    if (Number(y) === 0) throw new RangeError("Cannot divide an integer by 0");
    return typeof x === "number" ? Math.trunc(x / y) : x / y;
  };
}

/** Whether dividing by the value is exact: a constant power of two. */
function dividesExactly(value: OnnxValue): boolean {
  const tensor = value.initializer;
  if (!tensor?.isLoaded || tensor.numel !== 1) return false;
  const exponent = Math.log2(Math.abs(Number(tensor.item())));
  return Number.isInteger(exponent);
}

/** Whether the value is known not to hold a zero. */
function isNonzero(value: OnnxValue): boolean {
  const tensor = value.initializer;
  return tensor !== null && tensor.isLoaded && tensor.numel === 1 && Number(tensor.item()) !== 0;
}

/** `floor(x / y)` as ONNX. */
export function emitFloorDivide(b: OnnxBuilder, x: OnnxValue, y: OnnxValue): OnnxValue {
  const { dtype } = b.meta(x);
  const divide = (p: OnnxValue, q: OnnxValue): OnnxValue => emit(b, NUMBERS, "Div", [p, q]);
  if (!isFloat(dtype)) {
    // ONNX's Div truncates; without its remainder the dividend is divided exactly.
    return isSigned(dtype) ? divide(emit(b, NUMBERS, "Sub", [x, emit(b, NUMBERS, "Mod", [x, y])]), y) : divide(x, y);
  }
  if (dividesExactly(y)) return emit(b, FLOATS, "Floor", [divide(x, y)]);
  const rest = emit(b, NUMBERS, "Mod", [x, y], { fmod: 1 });
  const whole = emit(b, FLOATS, "Round", [divide(emit(b, NUMBERS, "Sub", [x, rest]), y)]);
  const zero = constantLike(b, x, 0);
  const opposite = emitTest(b, NUMBERS, "Less", [emit(b, NUMBERS, "Mul", [rest, y]), zero]);
  const down = emit(b, NUMBERS, "Sub", [whole, b.cast(opposite, dtype)]);
  return isNonzero(y) ? down : choose(b, emitTest(b, NUMBERS, "Equal", [y, zero]), divide(x, y), down);
}

/** `trunc(x / y)` as ONNX. */
function emitTruncDivide(b: OnnxBuilder, x: OnnxValue, y: OnnxValue): OnnxValue {
  const quotient = emit(b, NUMBERS, "Div", [x, y]);
  if (!isFloat(b.meta(x).dtype)) return quotient;
  const size = emit(b, FLOATS, "Floor", [emit(b, NUMBERS, "Abs", [quotient])]);
  return emit(b, NUMBERS, "Mul", [emit(b, NUMBERS, "Sign", [quotient]), size]);
}

function refuseMode(mode: string): never {
  return refuse("rounding_mode", mode, "it must be None, trunc or floor");
}

/** https://docs.pytorch.org/docs/stable/generated/torch.div.html */
export const divMode = defineOp("aten::div.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor", {
  promote: both,
  meta: (_, { self, other, rounding_mode }): Meta => ({
    dtype: rounding_mode === null ? floatOf(self.dtype) : self.dtype,
    shape: broadcastShapes(self.shape, other.shape),
  }),
  kernel: ({ self, other, rounding_mode }) => {
    requireReal(self.dtype);
    switch (rounding_mode) {
      case null: {
        const dtype = floatOf(self.dtype);
        return mapBinary(convert(self, dtype), convert(other, dtype), dtype, (x, y) => x / y);
      }
      case "floor":
        return mapBinary(self, other, self.dtype, isFloat(self.dtype) ? floorQuotient : floorQuotientOfInts);
      case "trunc":
        return mapBinary(self, other, self.dtype, truncQuotient(self.dtype));
      default:
        return refuseMode(rounding_mode);
    }
  },
  onnx: (b, { self, other, rounding_mode }) => {
    switch (rounding_mode) {
      case null: {
        const dtype = floatOf(b.meta(self).dtype);
        return emit(b, NUMBERS, "Div", [b.cast(self, dtype), b.cast(other, dtype)]);
      }
      case "floor":
        return emitFloorDivide(b, self, other);
      case "trunc":
        return emitTruncDivide(b, self, other);
      default:
        return refuseMode(rounding_mode);
    }
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.div.html */
export const divScalarMode = defineOp(
  "aten::div.Scalar_mode(Tensor self, Scalar other, *, str? rounding_mode) -> Tensor",
  {
    promote: both,
    decompose: (t, { self, other, rounding_mode }) => t.call(divMode, self, scalarLike(t, self, other), rounding_mode),
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.divide.html */
export const divide = defineOp("aten::divide.Tensor(Tensor self, Tensor other) -> Tensor", alias(div));

/** https://docs.pytorch.org/docs/stable/generated/torch.divide.html */
export const divideScalar = defineOp("aten::divide.Scalar(Tensor self, Scalar other) -> Tensor", withScalar(div));

/** https://docs.pytorch.org/docs/stable/generated/torch.divide.html */
export const divideMode = defineOp(
  "aten::divide.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor",
  {
    promote: both,
    decompose: (t, { self, other, rounding_mode }) => t.call(divMode, self, other, rounding_mode),
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.divide.html */
export const divideScalarMode = defineOp(
  "aten::divide.Scalar_mode(Tensor self, Scalar other, *, str? rounding_mode) -> Tensor",
  {
    promote: both,
    decompose: (t, { self, other, rounding_mode }) => t.call(divMode, self, scalarLike(t, self, other), rounding_mode),
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.true_divide.html */
export const trueDivide = defineOp("aten::true_divide.Tensor(Tensor self, Tensor other) -> Tensor", alias(div));

/** https://docs.pytorch.org/docs/stable/generated/torch.true_divide.html */
export const trueDivideScalar = defineOp(
  "aten::true_divide.Scalar(Tensor self, Scalar other) -> Tensor",
  withScalar(div),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.floor_divide.html */
export const floorDivide = defineOp("aten::floor_divide(Tensor self, Tensor other) -> Tensor", {
  promote: both,
  decompose: (t, { self, other }) => t.call(divMode, self, other, "floor"),
  inplace: ["aten::floor_divide_.Tensor"],
});

/** https://docs.pytorch.org/docs/stable/generated/torch.floor_divide.html */
export const floorDivideScalar = defineOp("aten::floor_divide.Scalar(Tensor self, Scalar other) -> Tensor", {
  promote: both,
  decompose: (t, { self, other }) => t.call(divMode, self, scalarLike(t, self, other), "floor"),
});

/** Python's remainder: of the divisor's sign. */
function remainderOf(x: number, y: number): number {
  if (typeof y === "bigint" && y === 0n) throw new RangeError("Cannot divide an integer by 0");
  const rest = x % y;
  // Not `rest * y < 0`: the product of small numbers is 0.
  return Number(rest) !== 0 && y < 0 !== rest < 0 ? rest + y : rest;
}

/** https://docs.pytorch.org/docs/stable/generated/torch.remainder.html */
export const remainder = defineOp("aten::remainder.Tensor(Tensor self, Tensor other) -> Tensor", {
  promote: both,
  meta: broadcastOther,
  kernel: binary(remainderOf),
  onnx: (b, { self, other }) => {
    if (!isFloat(b.meta(self).dtype)) return emit(b, NUMBERS, "Mod", [self, other]);
    const rest = emit(b, NUMBERS, "Mod", [self, other], { fmod: 1 });
    const product = emit(b, NUMBERS, "Mul", [rest, other]);
    const opposite = emitTest(b, NUMBERS, "Less", [product, constantLike(b, self, 0)]);
    return choose(b, opposite, emit(b, NUMBERS, "Add", [rest, other]), rest);
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.remainder.html */
export const remainderScalar = defineOp(
  "aten::remainder.Scalar(Tensor self, Scalar other) -> Tensor",
  withScalar(remainder),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.remainder.html */
export const remainderOfScalar = defineOp(
  "aten::remainder.Scalar_Tensor(Scalar self, Tensor other) -> Tensor",
  ofScalar(remainder),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.fmod.html */
export const fmod = defineOp("aten::fmod.Tensor(Tensor self, Tensor other) -> Tensor", {
  promote: both,
  meta: broadcastOther,
  kernel: binary((x, y) => x % y),
  onnx: (b, { self, other }) => emit(b, NUMBERS, "Mod", [self, other], { fmod: 1 }),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.fmod.html */
export const fmodScalar = defineOp("aten::fmod.Scalar(Tensor self, Scalar other) -> Tensor", withScalar(fmod));

/** https://docs.pytorch.org/docs/stable/generated/torch.addcdiv.html */
export const addcdiv = defineOp(
  "aten::addcdiv(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor",
  {
    promote: { args: ["self", "tensor1", "tensor2"], to: "default" },
    decompose: (t, { self, tensor1, tensor2, value }) =>
      roundedOnce(t, [self, tensor1, tensor2], (x, y, z) => t.call(add, x, t.call(div, y, z), value)),
  },
);
