/**
 * The gamma function's family. All is computed in double precision, because differences of large terms are what remains
 * near the functions' zeros and poles.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { broadcastShapes, type DType, Tensor } from "../tensor/mod.ts";
import { mapUnary } from "../tensor/loops.ts";
import { BERNOULLI, digamma as digammaOf, lgamma as lgammaOf } from "./gamma_functions.ts";
import { polygamma as polygammaOf, trigamma, zeta as zetaOf } from "./gamma_functions.ts";
import { defineOp } from "./op.ts";
import { bothToFloat, ofScalar, withScalar } from "./overloads.ts";
import { emitPolynomial } from "./piecewise.ts";
import { computeIn } from "./precision.ts";
import { emitRepeat } from "./loop.ts";
import { binary, broadcastOther, like, refuse, requireReal, sameAsSelf, unary } from "./rules.ts";

const toFloat = { args: ["self"], to: "float" } as const;

/** How many terms of a series are summed before its remainder is taken from Euler-Maclaurin's formula. */
const HEAD = 10;

function number(b: OnnxBuilder, value: number): OnnxValue {
  return b.scalar(value, "float64");
}

function vector(b: OnnxBuilder, values: readonly number[]): OnnxValue {
  return b.constant(Tensor.of("float64", [values.length], [...values]));
}

/** The sum along a dim that was added at the end of values of a rank. */
function sumLast(b: OnnxBuilder, x: OnnxValue, rank: number): OnnxValue {
  return b.op("ReduceSum", [x, b.ints([rank])], { keepdims: 0 });
}

/** Lanczos' approximation with g = 607/128, as published by P. Godfrey: https://my.fit.edu/~gabdo/gamma.txt */
const LANCZOS_G = 607 / 128;
const LANCZOS: readonly number[] = [
  0.99999999999999709182,
  57.156235665862923517,
  -59.597960355475491248,
  14.136097974741747174,
  -0.49191381609762019978,
  0.33994649984811888699e-4,
  0.46523628927048575665e-4,
  -0.98374475304879564677e-4,
  0.15808870322491248884e-3,
  -0.21026444172410488319e-3,
  0.21743961811521264320e-3,
  -0.16431810653676389022e-3,
  0.84418223983852743293e-4,
  -0.26190838401581408670e-4,
  0.36899182659531622704e-5,
];

/** `log Γ(x)` of a float64 value of at least 0.5. */
function emitLgammaOfPositive(b: OnnxBuilder, x: OnnxValue): OnnxValue {
  const rank = b.meta(x).shape.length;
  // Γ(z + 1) with z = x - 1.
  const poles = vector(b, LANCZOS.slice(1).map((_, k) => k));
  const terms = b.op("Div", [vector(b, LANCZOS.slice(1)), b.op("Add", [b.unsqueeze(x, rank), poles])]);
  const series = b.op("Add", [sumLast(b, terms, rank), number(b, LANCZOS[0])]);
  const root = b.op("Log", [b.op("Mul", [series, number(b, Math.sqrt(2 * Math.PI))])]);
  const half = b.op("Sub", [x, number(b, 0.5)]);
  const log = b.op("Log", [b.op("Add", [x, number(b, LANCZOS_G - 0.5)])]);
  // Not `half · log - (half + g)`, which is ∞ - ∞ for an infinite x.
  const main = b.op("Mul", [half, b.op("Sub", [log, number(b, 1)])]);
  return b.op("Add", [main, b.op("Sub", [root, number(b, LANCZOS_G)])]);
}

/** Whether x is below one half, and `1 - x` there, else x. */
function emitReflected(b: OnnxBuilder, x: OnnxValue): { below: OnnxValue; size: OnnxValue } {
  const below = b.op("Less", [x, number(b, 0.5)]);
  return { below, size: b.op("Where", [below, b.op("Sub", [number(b, 1), x]), x]) };
}

/** `π` times the distance to the nearest integer: the sine and tangent of it are those of `πx`, up to their sign. */
function emitPhase(b: OnnxBuilder, x: OnnxValue): OnnxValue {
  return b.op("Mul", [b.op("Sub", [x, b.op("Round", [x])]), number(b, Math.PI)]);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.lgamma.html */
export const lgamma = defineOp("aten::lgamma(Tensor self) -> Tensor", {
  promote: toFloat,
  meta: sameAsSelf,
  kernel: unary(lgammaOf),
  onnx: (b, { self }) =>
    computeIn(b, "float64", [self], (given) => {
      // Large negative numbers are integers, and so is this one, in place of -∞.
      const x = b.op("Max", [given, number(b, -1e300)]);
      const { below, size } = emitReflected(b, x);
      const main = emitLgammaOfPositive(b, size);
      const sine = b.op("Abs", [b.op("Sin", [emitPhase(b, x)])]);
      const other = b.op("Sub", [b.op("Log", [b.op("Div", [number(b, Math.PI), sine])]), main]);
      return b.op("Where", [below, other, main]);
    }),
});

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.gammaln */
export const specialGammaln = defineOp("aten::special_gammaln(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(lgamma, self),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.mvlgamma.html */
export const mvlgamma = defineOp("aten::mvlgamma(Tensor self, int p) -> Tensor", {
  promote: toFloat,
  meta: (_, { self, p }) => {
    if (p < 1) refuse("p", p, "it must be at least 1");
    return like(self);
  },
  kernel: ({ self, p }) => {
    requireReal(self.dtype);
    return mapUnary(self, self.dtype, (x) => {
      let sum = p * (p - 1) / 4 * Math.log(Math.PI);
      for (let j = 0; j < p; j++) sum += lgammaOf(x - j / 2);
      return sum;
    });
  },
  onnx: (b, { self, p }) =>
    computeIn(b, "float64", [self], (x) => {
      const rank = b.meta(x).shape.length;
      const halves = vector(b, Array.from({ length: p }, (_, j) => j / 2));
      const terms = lgamma.onnx!(b, { self: b.op("Sub", [b.unsqueeze(x, rank), halves]) });
      return b.op("Add", [sumLast(b, terms, rank), number(b, p * (p - 1) / 4 * Math.log(Math.PI))]);
    }),
});

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.multigammaln */
export const specialMultigammaln = defineOp("aten::special_multigammaln(Tensor self, int p) -> Tensor", {
  decompose: (t, { self, p }) => t.call(mvlgamma, self, p),
});

/** The digamma function of a float64 value above 0. */
function emitDigammaOfPositive(b: OnnxBuilder, x: OnnxValue): OnnxValue {
  const rank = b.meta(x).shape.length;
  const steps = vector(b, Array.from({ length: HEAD }, (_, k) => k));
  const head = sumLast(b, b.op("Reciprocal", [b.op("Add", [b.unsqueeze(x, rank), steps])]), rank);
  const z = b.op("Add", [x, number(b, HEAD)]);
  const tail = emitPolynomial(b, b.op("Reciprocal", [z]), [
    0,
    0.5,
    ...BERNOULLI.slice(0, 8).flatMap((c, k) => [c / (2 * k + 2), 0]),
  ]);
  return b.op("Sub", [b.op("Log", [z]), b.op("Add", [head, tail])]);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.digamma.html */
export const digamma = defineOp("aten::digamma(Tensor self) -> Tensor", {
  promote: toFloat,
  meta: sameAsSelf,
  kernel: unary(digammaOf),
  onnx: (b, { self }) =>
    computeIn(b, "float64", [self], (x) => {
      const zero = number(b, 0);
      const below = b.op("Less", [x, zero]);
      const main = emitDigammaOfPositive(b, b.op("Where", [below, b.op("Sub", [number(b, 1), x]), x]));
      const phase = emitPhase(b, x);
      // PyTorch gives NaN at the poles.
      const sine = b.op("Where", [b.op("Equal", [phase, zero]), number(b, NaN), b.op("Sin", [phase])]);
      const cotangent = b.op("Div", [b.op("Cos", [phase]), sine]);
      const other = b.op("Sub", [main, b.op("Mul", [cotangent, number(b, Math.PI)])]);
      // The infinity at 0 has the opposite of its sign; elsewhere the term is kept.
      const negated = b.op("Neg", [b.op("Reciprocal", [x])]);
      return b.op("Where", [b.op("Equal", [x, zero]), negated, b.op("Where", [below, other, main])]);
    }),
});

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.digamma */
export const specialDigamma = defineOp("aten::special_digamma(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(digamma, self),
});

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.psi */
export const specialPsi = defineOp("aten::special_psi(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(digamma, self),
});

/**
 * Hurwitz' zeta function of float64 values by Euler-Maclaurin's formula: `x` is above 1, and `q` not a pole.
 *
 * @param head how many terms are summed, 0-d int64: `q + head` is at least `HEAD`
 */
function emitZetaSum(b: OnnxBuilder, x: OnnxValue, q: OnnxValue, head: OnnxValue): OnnxValue {
  const exponent = b.op("Neg", [x]);
  const shape = broadcastShapes(b.meta(x).shape, b.meta(q).shape);
  const none = shape.length === 0 ? number(b, 0) : b.op("Expand", [number(b, 0), b.ints(shape)]);
  const [sum] = emitRepeat(b, head, [none], (inner, k, [before]) => {
    const term = inner.op("Pow", [inner.op("Add", [q, inner.cast(k, "float64")]), exponent]);
    return { states: [inner.op("Add", [before, term])] };
  });
  const w = b.op("Add", [q, b.cast(head, "float64")]);
  const power = b.op("Pow", [w, exponent]);
  const tail = b.op("Div", [w, b.op("Sub", [x, number(b, 1)])]);
  // Each correction holds the rising factorial x (x + 1) … (x + 2k), a polynomial in x, over w to the power of 2k + 1.
  const count = BERNOULLI.length;
  const rising = Tensor.of("float64", [2 * count, count], risingFactorials(count));
  const rank = b.meta(x).shape.length;
  const powers = b.op("Pow", [
    b.unsqueeze(b.op("Min", [x, number(b, 1e6)]), rank, rank + 1),
    vector(b, Array.from({ length: 2 * count }, (_, k) => k)),
  ]);
  const factors = b.squeeze(b.op("MatMul", [powers, b.constant(rising)]), rank);
  const places = vector(b, BERNOULLI.map((_, k) => -(2 * k + 1)));
  const scaled = b.op("Mul", [
    factors,
    b.op("Pow", [b.unsqueeze(w, b.meta(w).shape.length), places]),
  ]);
  const corrections = sumLast(b, scaled, b.meta(scaled).shape.length - 1);
  const rest = b.op("Add", [b.op("Add", [tail, number(b, 0.5)]), corrections]);
  return b.op("Add", [sum, b.op("Mul", [power, rest])]);
}

/** Column k: the coefficients of `B / (2k + 2)! · x (x + 1) … (x + 2k)`. */
function risingFactorials(count: number): Float64Array {
  const out = new Float64Array(2 * count * count);
  let polynomial = [0, 1];
  let factorial = 2;
  for (let k = 0; k < count; k++) {
    polynomial.forEach((c, i) => out[i * count + k] = c * BERNOULLI[k] / factorial);
    for (const shift of [2 * k + 1, 2 * k + 2]) {
      polynomial = [...polynomial, 0].map((c, i) => c * shift + (i > 0 ? polynomial[i - 1] : 0));
    }
    factorial *= (2 * k + 3) * (2 * k + 4);
  }
  return out;
}

/** Hurwitz' zeta function of float64 values as PyTorch has it. */
function emitZeta(b: OnnxBuilder, x: OnnxValue, q: OnnxValue): OnnxValue {
  const one = number(b, 1);
  const isNegative = b.op("LessOrEqual", [q, number(b, 0)]);
  const isPole = b.op("And", [isNegative, b.op("Equal", [q, b.op("Floor", [q])])]);
  // The poles, whose result is known, must not ask for many turns; no elements have no minimum, and NaN is none.
  const finite = b.op("Where", [b.op("Or", [isPole, b.op("IsNaN", [q])]), one, q]);
  const all = b.op("Concat", [b.op("Reshape", [finite, b.ints([-1])]), vector(b, [0])], { axis: 0 });
  const lowest = b.op("Floor", [b.op("ReduceMin", [all], { keepdims: 0 })]);
  const head = b.cast(b.op("Sub", [number(b, HEAD), lowest]), "int64");
  const sum = emitZetaSum(b, x, q, head);
  const isWhole = b.op("Equal", [x, b.op("Floor", [x])]);
  const isDefined = b.op("And", [b.op("Greater", [x, one]), b.op("Or", [isWhole, b.op("Not", [isNegative])])]);
  const regular = b.op("Where", [isDefined, sum, number(b, NaN)]);
  const infinite = b.op("Or", [
    b.op("Equal", [x, one]),
    b.op("And", [isPole, b.op("Greater", [x, one])]),
  ]);
  return b.op("Where", [infinite, number(b, Infinity), regular]);
}

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.zeta */
export const specialZeta = defineOp("aten::special_zeta(Tensor self, Tensor other) -> Tensor", {
  promote: bothToFloat,
  meta: broadcastOther,
  kernel: binary(zetaOf),
  onnx: (b, { self, other }) => computeIn(b, "float64", [self, other], (x, q) => emitZeta(b, x, q)),
});

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.zeta */
export const specialZetaScalar = defineOp(
  "aten::special_zeta.other_scalar(Tensor self, Scalar other) -> Tensor",
  withScalar(specialZeta),
);

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.zeta */
export const specialZetaOfScalar = defineOp(
  "aten::special_zeta.self_scalar(Scalar self, Tensor other) -> Tensor",
  ofScalar(specialZeta),
);

/** The trigamma function of a float64 value above 0. */
function emitTrigammaOfPositive(b: OnnxBuilder, x: OnnxValue): OnnxValue {
  const rank = b.meta(x).shape.length;
  const steps = vector(b, Array.from({ length: HEAD }, (_, k) => k));
  const inverses = b.op("Reciprocal", [b.op("Add", [b.unsqueeze(x, rank), steps])]);
  const head = sumLast(b, b.op("Mul", [inverses, inverses]), rank);
  const w = b.op("Reciprocal", [b.op("Add", [x, number(b, HEAD)])]);
  const tail = emitPolynomial(b, w, [0, 1, 0.5, ...BERNOULLI.slice(0, 8).flatMap((c) => [c, 0])]);
  return b.op("Add", [head, tail]);
}

/** `trigamma` as PyTorch has it: see the kernel. */
function emitTrigamma(b: OnnxBuilder, self: OnnxValue): OnnxValue {
  // The product is rounded to the operand's dtype.
  const angle = b.cast(b.op("Mul", [self, b.scalar(Math.PI, b.meta(self).dtype)]), "float64");
  const { below, size } = emitReflected(b, b.cast(self, "float64"));
  const main = emitTrigammaOfPositive(b, size);
  const ratio = b.op("Div", [number(b, Math.PI), b.op("Sin", [angle])]);
  return b.op("Where", [below, b.op("Sub", [b.op("Mul", [ratio, ratio]), main]), main]);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.polygamma.html */
export const polygamma = defineOp("aten::polygamma(int n, Tensor self) -> Tensor", {
  promote: toFloat,
  meta: (_, { n, self }) => {
    if (n < 0) refuse("n", n, "it must not be negative");
    return like(self);
  },
  kernel: ({ n, self }) => {
    const round: (x: number) => number = self.dtype === "float64" ? (x) => x : Math.fround;
    return unary(n === 0 ? digammaOf : n === 1 ? (x) => trigamma(x, round) : (x) => polygammaOf(n, x))({ self });
  },
  onnx: (b, { n, self }) => {
    if (n === 0) return digamma.onnx!(b, { self });
    const { dtype } = b.meta(self);
    if (n === 1) return b.cast(emitTrigamma(b, b.cast(self, singleOrDouble(dtype))), dtype);
    return computeIn(b, "float64", [self], (x) => {
      const factor = (n % 2 === 1 ? 1 : -1) * Math.exp(lgammaOf(n + 1));
      return b.op("Mul", [emitZeta(b, number(b, n + 1), x), number(b, factor)]);
    });
  },
});

/** The floats of 16 bits are computed in single precision, as PyTorch's kernels do. */
function singleOrDouble(dtype: DType): DType {
  return dtype === "float64" ? dtype : "float32";
}

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.polygamma */
export const specialPolygamma = defineOp("aten::special_polygamma(int n, Tensor self) -> Tensor", {
  decompose: (t, { n, self }) => t.call(polygamma, n, self),
});
