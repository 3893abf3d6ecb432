/** Powers. Constant exponents for which multiplication, a root or a reciprocal is exact (as in PyTorch) become those. */
import { Complex, type Scalar } from "../fx/mod.ts";
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { isSym } from "../sym/mod.ts";
import { broadcastShapes, type DType, isComplex, isFloat, type Meta } from "../tensor/mod.ts";
import { mapBinary } from "../tensor/loops.ts";
import { mapComplex, mapComplexes } from "../tensor/complex_loops.ts";
import * as complexMath from "../tensor/complex_math.ts";
import { choose, constantLike, emit, emitTest, FLOATS, NUMBERS, WIDE } from "./emit.ts";
import { emitRepeat } from "./loop.ts";
import { defineOp } from "./op.ts";
import { both, bothToFloat, ofScalar, promotedSelf, scalarLike, withScalar } from "./overloads.ts";
import { broadcastOther, element, refuse, requireReal, unary } from "./rules.ts";
import { power } from "./math.ts";

/** Integers wrap; below 1 only the powers of ±1 are not 0. */
function integerPower(dtype: DType): (x: number, y: number) => number | bigint {
  const bits = dtype === "int64" || dtype === "uint64" ? 64 : 32;
  return (x, y) => {
    let [base, exponent] = [BigInt(x), BigInt(y)];
    if (exponent < 0n) {
      const odd = exponent % 2n !== 0n;
      const value = base === 1n ? 1n : base === -1n ? odd ? -1n : 1n : 0n;
      return bits === 64 ? value : Number(value);
    }
    let result = 1n;
    for (; exponent > 0n; exponent >>= 1n) {
      if (exponent & 1n) result = BigInt.asIntN(bits, result * base);
      base = BigInt.asIntN(bits, base * base);
    }
    return bits === 64 ? result : Number(result);
  };
}

function kernelOf(dtype: DType): (x: number, y: number) => number | bigint {
  requireReal(dtype);
  return isFloat(dtype) ? power : integerPower(dtype);
}

/** A product of copies of an integer value: exact and wrapping, unlike Pow, which goes through doubles. */
function emitRepeated(b: OnnxBuilder, x: OnnxValue, exponent: number): OnnxValue {
  let result: OnnxValue | null = null;
  let base = x;
  for (let n = exponent; n > 0; n = Math.floor(n / 2)) {
    if (n % 2 === 1) result = result ? emit(b, NUMBERS, "Mul", [result, base]) : base;
    if (n > 1) base = emit(b, NUMBERS, "Mul", [base, base]);
  }
  return result ?? b.op("Expand", [b.scalar(1, b.meta(x).dtype), b.ints(b.meta(x).shape)]);
}

/**
 * Integers to the power of integers, by squaring: exact and wrapping in 64 bits, so that what narrower integers keep of it
 * is right too. Negative powers are 0, but for those of ±1.
 */
function emitIntegerPower(b: OnnxBuilder, self: OnnxValue, exponent: OnnxValue): OnnxValue {
  const { dtype } = b.meta(self);
  const [base, power] = [b.cast(self, "int64"), b.cast(exponent, "int64")];
  const [zero, one] = [b.scalar(0, "int64"), b.scalar(1, "int64")];
  const shape = b.ints(broadcastShapes(b.meta(self).shape, b.meta(exponent).shape));
  const isUnsigned = dtype === "bool" || dtype.startsWith("uint");
  const states = [one, base, isUnsigned ? power : b.op("Abs", [power])].map((x) => b.op("Expand", [x, shape]));
  const [result] = emitRepeat(b, 63, states, (inner, _, [product, square, left]) => {
    const two = inner.scalar(2, "int64");
    const isOdd = inner.cast(inner.op("Mod", [left, two]), "bool");
    const rest = inner.op("Div", [left, two]);
    const open = inner.op("ReduceSum", [inner.op("Sign", [rest])], { keepdims: 0 });
    return {
      states: [
        inner.op("Where", [isOdd, inner.op("Mul", [product, square]), product]),
        inner.op("Mul", [square, square]),
        rest,
      ],
      goOn: inner.op("Greater", [open, zero]),
    };
  });
  if (isUnsigned) return b.cast(result, dtype);
  const isWhole = b.op("GreaterOrEqual", [power, zero]);
  const isUnit = b.op("Equal", [b.op("Abs", [base]), one]);
  return b.cast(b.op("Where", [b.op("Or", [isWhole, isUnit]), result, zero]), dtype);
}

function emitConstantPower(b: OnnxBuilder, x: OnnxValue, given: Scalar): OnnxValue {
  const { dtype } = b.meta(x);
  if (isSym(given) || typeof given === "object") return emit(b, WIDE, "Pow", [x, b.scalar(given, dtype)]);
  const exponent = Number(given);
  if (!isFloat(dtype)) {
    if (exponent < 0) refuse("exponent", given, "PyTorch refuses integers to negative integer powers");
    return emitRepeated(b, x, exponent);
  }
  switch (exponent) {
    case 1:
      return x;
    case 2:
      return emit(b, NUMBERS, "Mul", [x, x]);
    case 0.5:
      return emit(b, FLOATS, "Sqrt", [x]);
    case -0.5:
      return emit(b, FLOATS, "Reciprocal", [emit(b, FLOATS, "Sqrt", [x])]);
    case -1:
      return emit(b, FLOATS, "Reciprocal", [x]);
    default:
      return emit(b, FLOATS, "Pow", [x, b.scalar(exponent, dtype)]);
  }
}

/** https://docs.pytorch.org/docs/stable/generated/torch.pow.html */
export const pow = defineOp("aten::pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor", {
  promote: { args: ["self", "exponent"], to: "default" },
  meta: promotedSelf,
  complex: { elementwise: "powScalarForm" },
  kernel: ({ self, exponent }) => {
    if (isComplex(self.dtype)) {
      const w: complexMath.C = exponent instanceof Complex
        ? [exponent.re, exponent.im]
        : [element(exponent, "float64"), 0];
      return mapComplex(self, self.dtype, (z) => complexMath.pow(z, w));
    }
    const fn = kernelOf(self.dtype);
    const n = element(exponent, self.dtype);
    if (!isFloat(self.dtype) && n < 0) {
      refuse("exponent", exponent, "PyTorch refuses integers to negative integer powers");
    }
    // Roots of −∞ and −0 differ from powers.
    if (n === 0.5) return unary(Math.sqrt)({ self });
    return n === -0.5 ? unary((x) => 1 / Math.sqrt(x))({ self }) : unary((x) => fn(x, n))({ self });
  },
  onnx: (b, { self, exponent }) => emitConstantPower(b, self, exponent),
  inplace: ["aten::pow_.Scalar"],
});

const toResult = { args: ["self", "exponent"], to: "default" } as const;

/** https://docs.pytorch.org/docs/stable/generated/torch.pow.html */
export const powTensor = defineOp("aten::pow.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor", {
  promote: toResult,
  meta: (_, { self, exponent }): Meta => ({
    dtype: self.dtype,
    shape: broadcastShapes(self.shape, exponent.shape),
  }),
  kernel: ({ self, exponent }) =>
    isComplex(self.dtype)
      ? mapComplexes([self, exponent], self.dtype, complexMath.pow)
      : mapBinary(self, exponent, self.dtype, kernelOf(self.dtype)),
  complex: { elementwise: "powForm" },
  onnx: (b, { self, exponent }) => {
    if (!isFloat(b.meta(self).dtype)) return emitIntegerPower(b, self, exponent);
    return emit(b, WIDE, "Pow", [self, exponent]);
  },
  inplace: ["aten::pow_.Tensor"],
});

/** https://docs.pytorch.org/docs/stable/generated/torch.pow.html */
export const powOfScalar = defineOp("aten::pow.Scalar(Scalar self, Tensor exponent) -> Tensor", {
  promote: toResult,
  decompose: (t, { self, exponent }) => t.call(powTensor, scalarLike(t, exponent, self), exponent),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.float_power.html */
export const floatPower = defineOp("aten::float_power.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor", {
  decompose: (t, { self, exponent }) => {
    const wide = isComplex(t.meta(self).dtype) || isComplex(t.meta(exponent).dtype) ? "complex128" : "float64";
    return t.call(powTensor, t.cast(self, wide), t.cast(exponent, wide));
  },
  inplace: ["aten::float_power_.Tensor"],
});

/** https://docs.pytorch.org/docs/stable/generated/torch.float_power.html */
export const floatPowerScalar = defineOp("aten::float_power.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor", {
  decompose: (t, { self, exponent }) =>
    t.call(pow, t.cast(self, isComplex(t.meta(self).dtype) ? "complex128" : "float64"), exponent),
  inplace: ["aten::float_power_.Scalar"],
});

/** https://docs.pytorch.org/docs/stable/generated/torch.float_power.html */
export const floatPowerOfScalar = defineOp("aten::float_power.Scalar(Scalar self, Tensor exponent) -> Tensor", {
  decompose: (t, { self, exponent }) =>
    t.call(powOfScalar, self, t.cast(exponent, isComplex(t.meta(exponent).dtype) ? "complex128" : "float64")),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.xlogy.html */
export const xlogy = defineOp("aten::xlogy.Tensor(Tensor self, Tensor other) -> Tensor", {
  promote: bothToFloat,
  meta: broadcastOther,
  kernel: ({ self, other }) => {
    requireReal(self.dtype);
    return mapBinary(self, other, self.dtype, (x, y) => Number.isNaN(y) ? NaN : x === 0 ? 0 : x * Math.log(y));
  },
  onnx: (b, { self, other }) => {
    const zero = constantLike(b, self, 0);
    const product = emit(b, NUMBERS, "Mul", [self, emit(b, FLOATS, "Log", [other])]);
    const isNumber = b.op("Not", [emitTest(b, FLOATS, "IsNaN", [other])]);
    const none = b.op("And", [emitTest(b, NUMBERS, "Equal", [self, zero]), isNumber]);
    return choose(b, none, zero, product);
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.xlogy.html */
export const xlogyScalar = defineOp("aten::xlogy.Scalar_Other(Tensor self, Scalar other) -> Tensor", withScalar(xlogy));

/** https://docs.pytorch.org/docs/stable/generated/torch.xlogy.html */
export const xlogyOfScalar = defineOp("aten::xlogy.Scalar_Self(Scalar self, Tensor other) -> Tensor", ofScalar(xlogy));

/** https://docs.pytorch.org/docs/stable/generated/torch.hypot.html */
export const hypot = defineOp("aten::hypot(Tensor self, Tensor other) -> Tensor", {
  promote: both,
  meta: broadcastOther,
  kernel: ({ self, other }) => {
    requireReal(self.dtype);
    return mapBinary(self, other, self.dtype, Math.hypot);
  },
  onnx: (b, { self, other }) => {
    // Scaled by the larger one, so that no square overflows; two zeros or infinities have no quotient.
    const [x, y] = [self, other].map((v) => emit(b, NUMBERS, "Abs", [v]));
    const [low, high] = [emit(b, FLOATS, "Min", [x, y]), emit(b, FLOATS, "Max", [x, y])];
    const one = constantLike(b, self, 1);
    const equal = emitTest(b, NUMBERS, "Equal", [low, high]);
    const quotient = choose(b, equal, one, emit(b, NUMBERS, "Div", [low, high]));
    const sum = emit(b, NUMBERS, "Add", [emit(b, NUMBERS, "Mul", [quotient, quotient]), one]);
    const size = emit(b, NUMBERS, "Mul", [high, emit(b, FLOATS, "Sqrt", [sum])]);
    // An infinity on one side wins over NaN on the other.
    const infinity = constantLike(b, self, Infinity);
    const isInfinite = b.op("Or", [x, y].map((v) => emitTest(b, NUMBERS, "Equal", [v, infinity])));
    return choose(b, isInfinite, infinity, size);
  },
});

/** `log(exp(self) + exp(other))`: https://docs.pytorch.org/docs/stable/generated/torch.logaddexp.html */
export const logaddexp = defineOp("aten::logaddexp(Tensor self, Tensor other) -> Tensor", {
  promote: bothToFloat,
  meta: broadcastOther,
  complex: { form: "logaddexpForm" },
  kernel: ({ self, other }) => {
    requireReal(self.dtype);
    return mapBinary(self, other, self.dtype, logSum(Math.exp, Math.log1p));
  },
  onnx: (b, { self, other }) => emitLogSum(b, self, other, 1),
});

/** `log2(2 ** self + 2 ** other)`: https://docs.pytorch.org/docs/stable/generated/torch.logaddexp2.html */
export const logaddexp2 = defineOp("aten::logaddexp2(Tensor self, Tensor other) -> Tensor", {
  promote: bothToFloat,
  meta: broadcastOther,
  kernel: ({ self, other }) => {
    requireReal(self.dtype);
    return mapBinary(self, other, self.dtype, logSum((x) => 2 ** x, (x) => Math.log1p(x) / Math.LN2));
  },
  onnx: (b, { self, other }) => emitLogSum(b, self, other, Math.LN2),
});

/** `log(exp(x) + exp(y))`, to the base whose functions are given. */
export function logSum(exp: (x: number) => number, log1p: (x: number) => number): (x: number, y: number) => number {
  return (x, y) => {
    // The difference of equal infinities is not a number.
    if (x === y && !Number.isFinite(x)) return x;
    return Math.max(x, y) + log1p(exp(-Math.abs(x - y)));
  };
}

/** `base` is the logarithm of the base. The smaller term only adds to the larger: no overflow. */
export function emitLogSum(b: OnnxBuilder, self: OnnxValue, other: OnnxValue, base: number): OnnxValue {
  const { dtype } = b.meta(self);
  const factor = b.scalar(base, dtype);
  const larger = emit(b, FLOATS, "Max", [self, other]);
  const gap = emit(b, NUMBERS, "Abs", [emit(b, NUMBERS, "Sub", [self, other])]);
  const scaledGap = base === 1 ? gap : emit(b, NUMBERS, "Mul", [gap, factor]);
  const share = emit(b, FLOATS, "Exp", [emit(b, NUMBERS, "Neg", [scaledGap])]);
  const log = emit(b, FLOATS, "Log", [emit(b, NUMBERS, "Add", [share, b.scalar(1, dtype)])]);
  const sum = emit(b, NUMBERS, "Add", [larger, base === 1 ? log : emit(b, NUMBERS, "Div", [log, factor])]);
  return choose(b, emitTest(b, NUMBERS, "Equal", [self, other]), emitTwice(b, self, base), sum);
}

/** The result where both are equal, infinite ones included. */
function emitTwice(b: OnnxBuilder, x: OnnxValue, base: number): OnnxValue {
  return emit(b, NUMBERS, "Add", [x, constantLike(b, x, Math.LN2 / base)]);
}
