/**
 * Functions as tables: on each of a number of equal intervals the function is a polynomial, whose coefficients are computed
 * here from the function itself. In ONNX that takes ten nodes, whatever the function; the nodes that find the interval and
 * the powers are shared by all tables over the same value.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { Tensor } from "../tensor/mod.ts";

/** A function on `[low, high]`, which is divided into equal intervals. */
export class Piecewise {
  readonly low: number;
  readonly high: number;
  /** How many intervals there are. */
  readonly pieces: number;
  private readonly degree: number;
  private readonly fn: (x: number) => number;
  private computed: Tensor | null = null;

  /** @param fn is asked for values inside of `[low, high]` only */
  constructor(fn: (x: number) => number, [low, high]: readonly [number, number], pieces: number, degree: number) {
    this.fn = fn;
    this.low = low;
    this.high = high;
    this.pieces = pieces;
    this.degree = degree;
  }

  /** By piece, coefficients of the powers of the distance from its centre, lowest first; computed when first asked for. */
  get coefficients(): Tensor {
    return this.computed ??= this.interpolate();
  }

  /** Interpolates in the zeros of Chebyshev polynomials, which never are the ends of an interval. */
  private interpolate(): Tensor {
    const half = (this.high - this.low) / this.pieces / 2;
    const count = this.degree + 1;
    const data = new Float64Array(this.pieces * count);
    const angles = Array.from({ length: count }, (_, i) => Math.PI * (i + 0.5) / count);
    for (let piece = 0; piece < this.pieces; piece++) {
      const centre = this.low + (2 * piece + 1) * half;
      const values = angles.map((angle) => this.fn(centre + half * Math.cos(angle)));
      const series = angles.map((_, k) =>
        values.reduce((sum, value, i) => sum + value * Math.cos(k * angles[i]), 0) * (k === 0 ? 1 : 2) / count
      );
      monomials(series).forEach((c, k) => data[piece * count + k] = c / half ** k);
    }
    return Tensor.of("float64", [this.pieces, count], data);
  }
}

/** A series of Chebyshev polynomials as one of powers. */
function monomials(series: readonly number[]): number[] {
  const sum = new Array<number>(series.length).fill(0);
  let [before, current] = [[1], [0, 1]];
  for (const [k, c] of series.entries()) {
    before.forEach((p, i) => sum[i] += c * p);
    const next = [0, ...current.map((p) => 2 * p)];
    before.forEach((p, i) => next[i] -= p);
    if (k < series.length - 1) [before, current] = [current, next];
  }
  return sum;
}

/** The function of a float64 value. Outside of the table the outermost polynomials go on. */
export function emitPiecewise(b: OnnxBuilder, x: OnnxValue, table: Piecewise): OnnxValue {
  const { low, high, pieces, coefficients } = table;
  const number = (value: number): OnnxValue => b.scalar(value, "float64");
  const width = (high - low) / pieces;
  const shifted = low === 0 ? x : b.op("Sub", [x, number(low)]);
  const position = b.cast(b.op("Mul", [shifted, number(1 / width)]), "int64");
  // Also where NaN was made an integer.
  const piece = b.op("Clip", [position, b.scalar(0, "int64"), b.scalar(pieces - 1, "int64")]);
  const centres = Tensor.of("float64", [pieces], Array.from({ length: pieces }, (_, i) => low + (i + 0.5) * width));
  const distance = b.op("Sub", [x, b.op("Gather", [b.constant(centres), piece])]);
  return b.op("ReduceSum", [
    b.op("Mul", [b.op("Gather", [b.constant(coefficients), piece]), emitPowers(b, distance, coefficients.shape[1])]),
    b.ints([b.meta(x).shape.length]),
  ], { keepdims: 0 });
}

/** The powers 0 to `count - 1` along a new last dim. */
function emitPowers(b: OnnxBuilder, x: OnnxValue, count: number): OnnxValue {
  const exponents = Tensor.of("float64", [count], Array.from({ length: count }, (_, i) => i));
  return b.op("Pow", [b.unsqueeze(x, b.meta(x).shape.length), b.constant(exponents)]);
}

/** A polynomial, lowest coefficient first, of a float64 value. */
export function emitPolynomial(b: OnnxBuilder, x: OnnxValue, coefficients: readonly number[]): OnnxValue {
  const constant = b.constant(Tensor.of("float64", [coefficients.length], [...coefficients]));
  const terms = b.op("Mul", [emitPowers(b, x, coefficients.length), constant]);
  return b.op("ReduceSum", [terms, b.ints([b.meta(x).shape.length])], { keepdims: 0 });
}

/** `scale / (scale + x)`: 1 at 0 and 0 at infinity, so that a table can cover all x. */
export function emitInverted(b: OnnxBuilder, x: OnnxValue, scale: number): OnnxValue {
  return b.op("Div", [b.scalar(scale, "float64"), b.op("Add", [x, b.scalar(scale, "float64")])]);
}
