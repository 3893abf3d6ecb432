/** Elementwise functions of one tensor: arithmetic, exponentials, logarithms, classification. Trigonometry has its own file. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import { ComplexValue } from "../onnx/complex.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type DType, isComplex, isFloat, largestFinite, toReal } from "../tensor/mod.ts";
import { type ElementFn, mapUnary } from "../tensor/loops.ts";
import { mapComplex } from "../tensor/complex_loops.ts";
import * as complexMath from "../tensor/complex_math.ts";
import { choose, constantLike, emit, emitTest, FLOATS, type Native, NUMBERS, SIGNED } from "./emit.ts";
import { defineOp } from "./op.ts";
import { hypot } from "./power.ts";
import { like, PARTS, refuse, requireReal, sameAsSelf, unary } from "./rules.ts";

interface Self<T> {
  readonly self: T;
}

/** Integers become floats before the rules run. */
const toFloat = { args: ["self"], to: "float" } as const;

type ComplexFn = (z: complexMath.C) => complexMath.C;

/** Rules of a float function that one ONNX operator computes. */
function floatNode(opType: string, fn: ElementFn, native: Native = FLOATS, complexFn?: ComplexFn) {
  return {
    promote: toFloat,
    meta: sameAsSelf,
    kernel: unary(fn, undefined, complexFn),
    onnx: (b: OnnxBuilder, { self }: Self<OnnxValue>): OnnxValue => emit(b, native, opType, [self]),
  };
}

/** `self` times a constant. */
function scaled(b: OnnxBuilder, self: OnnxValue, factor: number): OnnxValue {
  return emit(b, NUMBERS, "Mul", [self, constantLike(b, self, factor)]);
}

/** A bool tensor of the value's shape, all one value. */
function flat(b: OnnxBuilder, self: OnnxValue, value: boolean): OnnxValue {
  return b.op("Expand", [b.scalar(value, "bool"), b.ints(b.meta(self).shape)]);
}

/**
 * The modulus of numbers whose parts lie along an axis. They are scaled by the larger part, since squares of large numbers
 * overflow and those of small ones vanish.
 */
function emitModulus(b: OnnxBuilder, parts: OnnxValue, axis: number): OnnxValue {
  const axes = b.ints([axis]);
  const { dtype } = b.meta(parts);
  const [tiny, huge] = dtype === "float64" ? [2 ** -1022, Number.MAX_VALUE] : [2 ** -126, (2 - 2 ** -23) * 2 ** 127];
  const largest = b.op("ReduceMax", [b.op("Abs", [parts]), axes], { keepdims: 1 });
  // Zeros and infinities have no quotient.
  const scale = b.op("Clip", [largest, b.scalar(tiny, dtype), b.scalar(huge, dtype)]);
  const size = b.op("ReduceL2", [b.op("Div", [parts, scale]), axes], { keepdims: 0 });
  return b.op("Mul", [size, b.squeeze(scale, axis)]);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.abs.html */
export const abs = defineOp("aten::abs(Tensor self) -> Tensor", {
  meta: (_, { self }) => like(self, toReal(self.dtype)),
  kernel: ({ self }) =>
    isComplex(self.dtype)
      ? mapComplex(self, toReal(self.dtype), complexMath.abs)
      : unary((x) => x < 0 ? -x : Object.is(x, -0) ? 0 : x)({ self }),
  complex: "native",
  onnx: (b, { self }) => {
    const { dtype, shape } = b.meta(self);
    if (self instanceof ComplexValue && self.form.kind !== "parts") return emitModulus(b, b.packed(self), shape.length);
    const [re, im] = [b.real(self), b.imaginary(self)];
    if (!im) return dtype === "bool" ? re : emit(b, NUMBERS, "Abs", [re]);
    return hypot.onnx!(b, { self: re, other: im });
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.absolute.html */
export const absolute = defineOp("aten::absolute(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(abs, self),
});

function requireSign(dtype: DType): void {
  if (dtype === "bool") throw new TypeError("The sign of a bool tensor can't be changed");
}

/** https://docs.pytorch.org/docs/stable/generated/torch.neg.html */
export const neg = defineOp("aten::neg(Tensor self) -> Tensor", {
  meta: sameAsSelf,
  kernel: ({ self }) => {
    requireSign(self.dtype);
    return unary((x) => -x)({ self });
  },
  onnx: (b, { self }) => {
    requireSign(b.meta(self).dtype);
    return emit(b, SIGNED, "Neg", [self]);
  },
  complex: { alike: [], together: true },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.negative.html */
export const negative = defineOp("aten::negative(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(neg, self),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.positive.html */
export const positive = defineOp("aten::positive(Tensor(a) self) -> Tensor(a)", {
  meta: (_, { self }) => self,
  kernel: ({ self }) => self,
  onnx: (_, { self }) => self,
  complex: "native",
  inverse: (_t, _args, updated) => updated,
});

/** https://docs.pytorch.org/docs/stable/generated/torch.sign.html */
export const sign = defineOp("aten::sign(Tensor self) -> Tensor", {
  meta: sameAsSelf,
  kernel: unary((x) => x > 0 ? 1 : x < 0 ? -1 : 0),
  onnx: (b, { self }) => {
    const { dtype } = b.meta(self);
    if (dtype === "bool") return self;
    // The sign of NaN is 0 in PyTorch and NaN in onnxruntime.
    if (!isFloat(dtype)) return emit(b, NUMBERS, "Sign", [self]);
    const zero = constantLike(b, self, 0);
    const above = b.cast(emitTest(b, NUMBERS, "Greater", [self, zero]), dtype);
    const below = b.cast(emitTest(b, NUMBERS, "Less", [self, zero]), dtype);
    return emit(b, NUMBERS, "Sub", [above, below]);
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.sgn.html */
export const sgn = defineOp("aten::sgn(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(sign, self),
  complex: { elementwise: "sgnForm" },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.exp.html */
export const exp = defineOp("aten::exp(Tensor self) -> Tensor", {
  ...floatNode("Exp", Math.exp, FLOATS, complexMath.exp),
  complex: { elementwise: "expForm" },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.exp2.html */
export const exp2 = defineOp("aten::exp2(Tensor self) -> Tensor", {
  promote: toFloat,
  meta: sameAsSelf,
  kernel: unary((x) => 2 ** x, undefined, (z) => complexMath.exp(complexMath.scale(z, Math.LN2))),
  complex: { elementwise: "exp2Form" },
  onnx: (b, { self }) => emit(b, FLOATS, "Pow", [constantLike(b, self, 2), self]),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.expm1.html */
export const expm1 = defineOp("aten::expm1(Tensor self) -> Tensor", {
  promote: toFloat,
  meta: sameAsSelf,
  kernel: unary(Math.expm1, undefined, complexMath.expm1),
  complex: { elementwise: "expm1Form" },
  // tanh(x/2) · (exp(x) + 1) has no cancellation near 0.
  onnx: (b, { self }) => {
    const half = emit(b, FLOATS, "Tanh", [scaled(b, self, 0.5)]);
    const plus = emit(b, NUMBERS, "Add", [emit(b, FLOATS, "Exp", [self]), constantLike(b, self, 1)]);
    return emit(b, NUMBERS, "Mul", [half, plus]);
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.log.html */
export const log = defineOp("aten::log(Tensor self) -> Tensor", {
  ...floatNode("Log", Math.log, FLOATS, complexMath.log),
  complex: { elementwise: "logForm" },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.log1p.html */
export const log1p = defineOp("aten::log1p(Tensor self) -> Tensor", {
  promote: toFloat,
  meta: sameAsSelf,
  kernel: unary(Math.log1p, undefined, complexMath.log1p),
  complex: { elementwise: "log1pForm" },
  onnx: (b, { self }) => {
    const { dtype } = b.meta(self);
    if (dtype !== "float64") {
      // In double precision the sum keeps what a small argument has.
      const wide = b.cast(self, "float64");
      return b.cast(b.op("Log", [b.op("Add", [wide, b.scalar(1, "float64")])]), dtype);
    }
    // With u = 1 + x rounded: log(u) · x / (u − 1), and x + log(u) where that is 0 · x/0 or ∞/∞.
    const one = b.scalar(1, dtype);
    const u = b.op("Add", [self, one]);
    const log = b.op("Log", [u]);
    const product = b.op("Mul", [log, b.op("Div", [self, b.op("Sub", [u, one])])]);
    return b.op("Where", [b.op("IsNaN", [product]), b.op("Add", [self, log]), product]);
  },
});

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.log1p */
export const specialLog1p = defineOp("aten::special_log1p(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(log1p, self),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.log2.html */
export const log2 = defineOp("aten::log2(Tensor self) -> Tensor", {
  promote: toFloat,
  meta: sameAsSelf,
  kernel: unary(Math.log2, undefined, (z) => complexMath.scale(complexMath.log(z), 1 / Math.LN2)),
  complex: { elementwise: "log2Form" },
  onnx: (b, { self }) => emit(b, NUMBERS, "Div", [emit(b, FLOATS, "Log", [self]), constantLike(b, self, Math.LN2)]),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.log10.html */
export const log10 = defineOp("aten::log10(Tensor self) -> Tensor", {
  promote: toFloat,
  meta: sameAsSelf,
  kernel: unary(Math.log10, undefined, (z) => complexMath.scale(complexMath.log(z), 1 / Math.LN10)),
  complex: { elementwise: "log10Form" },
  onnx: (b, { self }) => emit(b, NUMBERS, "Div", [emit(b, FLOATS, "Log", [self]), constantLike(b, self, Math.LN10)]),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.sqrt.html */
export const sqrt = defineOp("aten::sqrt(Tensor self) -> Tensor", {
  ...floatNode("Sqrt", Math.sqrt, FLOATS, complexMath.sqrt),
  complex: { elementwise: "sqrtForm" },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.reciprocal.html */
export const reciprocal = defineOp(
  "aten::reciprocal(Tensor self) -> Tensor",
  {
    ...floatNode("Reciprocal", (x) => 1 / x, FLOATS, complexMath.reciprocal),
    complex: { elementwise: "reciprocalForm" },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.rsqrt.html */
export const rsqrt = defineOp("aten::rsqrt(Tensor self) -> Tensor", {
  promote: toFloat,
  meta: sameAsSelf,
  kernel: unary((x) => 1 / Math.sqrt(x), undefined, (z) => complexMath.reciprocal(complexMath.sqrt(z))),
  complex: { elementwise: "rsqrtForm" },
  decompose: (t, { self }) => t.call(reciprocal, t.call(sqrt, self)),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.deg2rad.html */
export const deg2rad = defineOp("aten::deg2rad(Tensor self) -> Tensor", {
  promote: toFloat,
  meta: sameAsSelf,
  kernel: unary((x) => x * (Math.PI / 180)),
  onnx: (b, { self }) => scaled(b, self, Math.PI / 180),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.rad2deg.html */
export const rad2deg = defineOp("aten::rad2deg(Tensor self) -> Tensor", {
  promote: toFloat,
  meta: sameAsSelf,
  kernel: unary((x) => x * (180 / Math.PI)),
  onnx: (b, { self }) => scaled(b, self, 180 / Math.PI),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.logit.html */
export const logit = defineOp("aten::logit(Tensor self, float? eps=None) -> Tensor", {
  promote: toFloat,
  meta: sameAsSelf,
  // Near 1 the difference to 1 is what its rounding leaves of it.
  kernel: ({ self, eps }) => {
    const round: (x: number) => number = self.dtype === "float64" ? (x) => x : Math.fround;
    const low = round(eps ?? -Infinity);
    const high = round(1 - low);
    return unary((x) => {
      const y = x < low ? low : x > high ? high : x;
      return Math.log(y / round(1 - y));
    })({ self });
  },
  onnx: (b, { self, eps }) => {
    if (eps !== null && eps > 0.5) refuse("eps", eps, "the bounds would be in the wrong order");
    const x = eps === null
      ? self
      : emit(b, FLOATS, "Clip", [self, constantLike(b, self, eps), constantLike(b, self, 1 - eps)]);
    const rest = emit(b, NUMBERS, "Sub", [constantLike(b, self, 1), x]);
    return emit(b, FLOATS, "Log", [emit(b, NUMBERS, "Div", [x, rest])]);
  },
});

/** Meta rule: bool of the shape of `self`. */
function boolLike(_: unknown, { self }: Self<ReturnType<typeof like>>): ReturnType<typeof like> {
  return like(self, "bool");
}

/** https://docs.pytorch.org/docs/stable/generated/torch.isnan.html */
export const isnan = defineOp("aten::isnan(Tensor self) -> Tensor", {
  meta: boolLike,
  kernel: unary((x) => x !== x, "bool", (z) => z.some(Number.isNaN)),
  complex: { elementwise: "isnanForm" },
  onnx: (b, { self }) => isFloat(b.meta(self).dtype) ? emitTest(b, FLOATS, "IsNaN", [self]) : flat(b, self, false),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.isinf.html */
export const isinf = defineOp("aten::isinf(Tensor self) -> Tensor", {
  meta: boolLike,
  kernel: unary((x) => x === Infinity || x === -Infinity, "bool", (z) => z.some((x) => Math.abs(x) === Infinity)),
  complex: { elementwise: "isinfForm" },
  onnx: (b, { self }) => {
    const { dtype } = b.meta(self);
    if (!isFloat(dtype)) return flat(b, self, false);
    // Before opset 20, IsInf takes no float16.
    return b.op("IsInf", [dtype === "float64" ? self : b.cast(self, "float32")]);
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.isfinite.html */
export const isfinite = defineOp("aten::isfinite(Tensor self) -> Tensor", {
  meta: boolLike,
  kernel: unary((x) => typeof x === "bigint" || Number.isFinite(x), "bool", (z) => z.every(Number.isFinite)),
  complex: { elementwise: "isfiniteForm" },
  onnx: (b, { self }) => {
    if (!isFloat(b.meta(self).dtype)) return flat(b, self, true);
    return emitTest(b, NUMBERS, "Less", [emit(b, NUMBERS, "Abs", [self]), constantLike(b, self, Infinity)]);
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.isposinf.html */
export const isposinf = defineOp("aten::isposinf(Tensor self) -> Tensor", {
  meta: boolLike,
  kernel: unary((x) => x === Infinity, "bool"),
  onnx: (b, { self }) =>
    isFloat(b.meta(self).dtype)
      ? emitTest(b, NUMBERS, "Equal", [self, constantLike(b, self, Infinity)])
      : flat(b, self, false),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.isneginf.html */
export const isneginf = defineOp("aten::isneginf(Tensor self) -> Tensor", {
  meta: boolLike,
  kernel: unary((x) => x === -Infinity, "bool"),
  onnx: (b, { self }) =>
    isFloat(b.meta(self).dtype)
      ? emitTest(b, NUMBERS, "Equal", [self, constantLike(b, self, -Infinity)])
      : flat(b, self, false),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.signbit.html */
export const signbit = defineOp("aten::signbit(Tensor self) -> Tensor", {
  meta: boolLike,
  kernel: unary((x) => x < 0 || Object.is(x, -0), "bool"),
  onnx: (b, { self }) => {
    const { dtype } = b.meta(self);
    if (dtype === "bool") return flat(b, self, false);
    const zero = constantLike(b, self, 0);
    const below = emitTest(b, NUMBERS, "Less", [self, zero]);
    // The reciprocal of −0 is −∞.
    return isFloat(dtype)
      ? b.op("Or", [below, emitTest(b, NUMBERS, "Less", [emit(b, FLOATS, "Reciprocal", [self]), zero])])
      : below;
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.nan_to_num.html */
export const nanToNum = defineOp(
  "aten::nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor",
  {
    meta: sameAsSelf,
    complex: PARTS,
    kernel: ({ self, nan, posinf, neginf }) => {
      requireReal(self.dtype);
      if (!isFloat(self.dtype)) return self;
      const [high, low] = [posinf ?? largestFinite(self.dtype), neginf ?? -largestFinite(self.dtype)];
      return mapUnary(
        self,
        self.dtype,
        (x) => Number.isNaN(x) ? nan ?? 0 : x === Infinity ? high : x === -Infinity ? low : x,
      );
    },
    onnx: (b, { self, nan, posinf, neginf }) => {
      const { dtype } = b.meta(self);
      if (!isFloat(dtype)) return self;
      const limit = largestFinite(dtype);
      const replace = (x: OnnxValue, condition: OnnxValue, value: number): OnnxValue =>
        choose(b, condition, constantLike(b, x, value), x);
      const bounds = posinf === null && neginf === null;
      let x = self;
      if (bounds) x = emit(b, FLOATS, "Clip", [x, constantLike(b, x, -limit), constantLike(b, x, limit)]);
      else {
        const inf = (value: number): OnnxValue => emitTest(b, NUMBERS, "Equal", [self, constantLike(b, self, value)]);
        x = replace(x, inf(Infinity), posinf ?? limit);
        x = replace(x, inf(-Infinity), neginf ?? -limit);
      }
      return replace(x, emitTest(b, FLOATS, "IsNaN", [self]), nan ?? 0);
    },
  },
);
