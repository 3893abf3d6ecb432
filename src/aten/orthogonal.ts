/**
 * Families of orthogonal polynomials by their three-term recurrences, from degree 0 up to that of each element: a Loop in
 * ONNX, or the steps themselves where the degree is a small constant. The operators are in `orthogonal_polynomials.ts`.
 */
import type { Scalar } from "../fx/mod.ts";
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { isSym } from "../sym/mod.ts";
import { broadcastShapes, type DType, type Meta, type Tensor } from "../tensor/mod.ts";
import { filled, mapBinary } from "../tensor/loops.ts";
import { emitRepeat } from "./loop.ts";
import type { Promotion } from "./op.ts";
import { element, like, requireReal } from "./rules.ts";

/** A family: `P₀ = 1`, `P₁ = slope · y + offset`, and each next one from the two before. */
interface Family {
  readonly slope: number;
  readonly offset: number;
  /** On [0, 1] instead of [-1, 1]: y is 2x - 1 rather than x. */
  readonly shifted?: boolean;
  /** `P(k + 1) = ((a · y + c) · P(k) - d · P(k - 1)) / e`, each of a, c, d, e being `[constant, factor of k]`. */
  readonly a?: Line;
  readonly c?: Line;
  readonly d?: Line;
  readonly e?: Line;
  /** Degrees above give NaN in PyTorch. */
  readonly highest?: (dtype: DType) => number;
}

type Line = readonly [constant: number, factor: number];

const TWO: Line = [2, 0];
const K: Line = [0, 1];
const NEXT: Line = [1, 1];

/** The families by the names that operators have. */
export const FAMILIES_OF_POLYNOMIALS = {
  chebyshev_t: { slope: 1, offset: 0, a: TWO },
  chebyshev_u: { slope: 2, offset: 0, a: TWO },
  chebyshev_v: { slope: 2, offset: -1, a: TWO },
  chebyshev_w: { slope: 2, offset: 1, a: TWO },
  shifted_chebyshev_t: { slope: 1, offset: 0, a: TWO, shifted: true },
  shifted_chebyshev_u: { slope: 2, offset: 0, a: TWO, shifted: true },
  shifted_chebyshev_v: { slope: 2, offset: -1, a: TWO, shifted: true },
  shifted_chebyshev_w: { slope: 2, offset: 1, a: TWO, shifted: true },
  hermite_h: { slope: 2, offset: 0, a: TWO, d: [0, 2], highest: (dtype: DType) => dtype === "float64" ? 512 : 128 },
  hermite_he: { slope: 1, offset: 0, d: K },
  laguerre_l: { slope: -1, offset: 1, a: [-1, 0], c: [1, 2], d: K, e: NEXT },
  legendre_p: { slope: 1, offset: 0, a: [1, 2], d: K, e: NEXT },
} satisfies Record<string, Family>;

/**
 * What values are scaled by, so that they overflow in double precision where PyTorch's do in the operands' dtype: what
 * follows from an overflow is NaN, not a number too large.
 */
function scaleOf(dtype: DType): number {
  return dtype === "float64" ? 1 : 2 ** (1024 - 128);
}

function at([constant, factor]: Line, k: number): number {
  return constant + factor * k;
}

/** The value of the polynomial of degree n. */
function evaluate(family: Family, dtype: DType): (x: number, n: number) => number {
  const { slope, offset, a = [1, 0], c = [0, 0], d = [1, 0], e = [1, 0] } = family;
  const scale = scaleOf(dtype);
  return (x, given) => {
    const n = Number.isFinite(given) ? Math.trunc(given) : -1;
    if (n < 0) return 0;
    if (n === 0) return 1;
    if (n > (family.highest?.(dtype) ?? Infinity)) return NaN;
    const y = family.shifted ? 2 * x - 1 : x;
    let [before, value] = [scale, scale * (slope * y + offset)];
    for (let k = 1; k < n && !Number.isNaN(value); k++) {
      const next = ((at(a, k) * y + at(c, k)) * value - at(d, k) * before) / at(e, k);
      [before, value] = [value, next];
    }
    return value / scale;
  };
}

/** One step up in ONNX: k is a number, or a 0-d float64 value inside of a loop. */
function emitStep(
  b: OnnxBuilder,
  family: Family,
  y: OnnxValue,
  k: OnnxValue | number,
  value: OnnxValue,
  before: OnnxValue,
): OnnxValue {
  const { a = [1, 0], c = [0, 0], d = [1, 0], e = [1, 0] } = family;
  const number = (x: number): OnnxValue => b.scalar(x, "float64");
  const isNone = ([constant, factor]: Line, neutral: number): boolean => factor === 0 && constant === neutral;
  const line = (given: Line): OnnxValue => {
    const [constant, factor] = given;
    if (typeof k === "number") return number(at(given, k));
    if (factor === 0) return number(constant);
    const scaled = factor === 1 ? k : b.op("Mul", [k, number(factor)]);
    return constant === 0 ? scaled : b.op("Add", [scaled, number(constant)]);
  };
  const times = (given: Line, x: OnnxValue): OnnxValue => isNone(given, 1) ? x : b.op("Mul", [x, line(given)]);
  const scaled = times(a, y);
  const factor = isNone(c, 0) ? scaled : b.op("Add", [scaled, line(c)]);
  const next = b.op("Sub", [b.op("Mul", [factor, value]), times(d, before)]);
  return isNone(e, 1) ? next : b.op("Div", [next, line(e)]);
}

/** y, and the polynomials of degree 0 and 1, scaled. */
function emitFirst(
  b: OnnxBuilder,
  family: Family,
  x: OnnxValue,
  scale: number,
): Record<"y" | "zeroth" | "first", OnnxValue> {
  const number = (value: number): OnnxValue => b.scalar(value, "float64");
  const y = family.shifted ? b.op("Sub", [b.op("Add", [x, x]), number(1)]) : x;
  const { slope, offset } = family;
  const factor = slope * scale;
  const product = factor === 1 ? y : b.op("Mul", [y, number(factor)]);
  const first = offset === 0 ? product : b.op("Add", [product, number(offset * scale)]);
  return { y, zeroth: number(scale), first };
}

/** Constant degrees up to here are spelled out. */
const SPELLED_OUT = 16;

/** The polynomial of a constant degree. */
function emitConstantDegree(b: OnnxBuilder, family: Family, given: OnnxValue, degree: number): OnnxValue {
  const { dtype, shape } = b.meta(given);
  const n = Number.isFinite(degree) ? Math.trunc(degree) : -1;
  if (n <= 0 || n > (family.highest?.(dtype) ?? Infinity)) {
    return b.op("Expand", [b.scalar(n < 0 ? 0 : n === 0 ? 1 : NaN, dtype), b.ints(shape)]);
  }
  const scale = scaleOf(dtype);
  const { y, zeroth, first } = emitFirst(b, family, b.cast(given, "float64"), scale);
  let value = first;
  if (n <= SPELLED_OUT) {
    let before = zeroth;
    for (let k = 1; k < n; k++) [before, value] = [value, emitStep(b, family, y, k, value, before)];
  } else {
    const states = [b.op("Expand", [zeroth, b.ints(shape)]), first];
    [, value] = emitRepeat(b, b.scalar(n - 1, "int64"), states, (inner, iteration, [before, current]) => {
      const k = inner.cast(inner.op("Add", [iteration, inner.scalar(1, "int64")]), "float64");
      return { states: [current, emitStep(inner, family, y, k, current, before)] };
    });
  }
  const result = scale === 1 ? value : b.op("Mul", [value, b.scalar(1 / scale, "float64")]);
  return b.cast(result, dtype);
}

/** The polynomial whose degree is given for each element. */
function emitDegrees(b: OnnxBuilder, family: Family, givenX: OnnxValue, givenN: OnnxValue): OnnxValue {
  const { dtype } = b.meta(givenX);
  const shape = b.ints(broadcastShapes(b.meta(givenX).shape, b.meta(givenN).shape));
  const integer = (value: number): OnnxValue => b.scalar(value, "int64");
  const number = (value: number): OnnxValue => b.scalar(value, "float64");
  const degrees = b.cast(givenN, "float64");
  // NaN and infinities are no degrees.
  const isDegree = b.op("Less", [b.op("Abs", [degrees]), number(2 ** 62)]);
  const n = b.cast(b.op("Where", [isDegree, degrees, number(-1)]), "int64");
  const scale = scaleOf(dtype);
  const { y, zeroth, first } = emitFirst(b, family, b.cast(givenX, "float64"), scale);
  // No elements have no highest degree.
  const all = b.op("Concat", [b.op("Reshape", [n, b.ints([-1])]), b.ints([1])], { axis: 0 });
  let highest = b.op("ReduceMax", [all], { keepdims: 0 });
  const limit = family.highest?.(dtype);
  if (limit !== undefined) highest = b.op("Min", [highest, integer(limit)]);
  const states = [zeroth, first].map((state) => b.op("Expand", [state, shape]));
  const steps = b.op("Sub", [highest, integer(1)]);
  const [, value] = emitRepeat(b, steps, states, (inner, iteration, [before, current]) => {
    const k = inner.op("Add", [iteration, inner.scalar(1, "int64")]);
    const next = emitStep(inner, family, y, inner.cast(k, "float64"), current, before);
    // Elements whose degree is reached keep their value.
    return { states: [current, inner.op("Where", [inner.op("Less", [k, n]), next, current])] };
  });
  let result = scale === 1 ? value : b.op("Mul", [value, number(1 / scale)]);
  if (limit !== undefined) result = b.op("Where", [b.op("Greater", [n, integer(limit)]), number(NaN), result]);
  const low = b.cast(b.op("Equal", [n, integer(0)]), "float64");
  return b.cast(b.op("Where", [b.op("Greater", [n, integer(0)]), result, low]), dtype);
}

const promote: Promotion = { args: ["x", "n"], to: "float" };

/** Rules of an operator whose degree is a tensor. */
export function ofTensors(family: Family) {
  return {
    promote,
    meta: (_: unknown, { x, n }: { readonly x: Meta; readonly n: Meta }): Meta => ({
      dtype: x.dtype,
      shape: broadcastShapes(x.shape, n.shape),
    }),
    kernel: ({ x, n }: { readonly x: Tensor; readonly n: Tensor }): Tensor => {
      requireReal(x.dtype);
      return mapBinary(x, n, x.dtype, evaluate(family, x.dtype));
    },
    onnx: (b: OnnxBuilder, { x, n }: { readonly x: OnnxValue; readonly n: OnnxValue }): OnnxValue =>
      emitDegrees(b, family, x, n),
  };
}

/** Rules of an operator whose degree is a number. */
export function withDegree(family: Family) {
  return {
    promote,
    meta: (_: unknown, { x }: { readonly x: Meta }): Meta => like(x),
    kernel: ({ x, n }: { readonly x: Tensor; readonly n: Scalar }): Tensor =>
      ofTensors(family).kernel({ x, n: filled(x.dtype, [], element(n, x.dtype)) }),
    onnx: (b: OnnxBuilder, { x, n }: { readonly x: OnnxValue; readonly n: Scalar }): OnnxValue =>
      isSym(n)
        ? emitDegrees(b, family, x, b.scalar(n, b.meta(x).dtype))
        : emitConstantDegree(b, family, x, element(n, b.meta(x).dtype)),
  };
}

/** Rules of an operator whose argument is a number. */
export function atNumber(family: Family) {
  return {
    promote,
    meta: (_: unknown, { n }: { readonly n: Meta }): Meta => like(n),
    kernel: ({ x, n }: { readonly x: Scalar; readonly n: Tensor }): Tensor =>
      ofTensors(family).kernel({ x: filled(n.dtype, [], element(x, n.dtype)), n }),
    onnx: (b: OnnxBuilder, { x, n }: { readonly x: Scalar; readonly n: OnnxValue }): OnnxValue =>
      emitDegrees(b, family, b.scalar(x, b.meta(n).dtype), n),
  };
}
