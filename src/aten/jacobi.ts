/**
 * Jacobi's methods in ONNX: rotations of pairs of columns, repeated until all are orthogonal. In each turn of the loop all
 * columns are paired at once, `i` with the one at `turn - i` modulo their number, so that as many turns as columns are a
 * sweep over all pairs.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, mul } from "../sym/mod.ts";
import type { DType } from "../tensor/mod.ts";
import { emitEye } from "./create.ts";
import { emitRepeat } from "./loop.ts";
import { EPSILON, matrixShape, onnxBatched, onnxIota } from "./matrices.ts";

/** Sweeps are bounded; about ten are needed for a hundred columns. */
const MAX_SWEEPS = 40;

/** Columns that are shorter than this many units of precision, relative to the largest element, count as zero. */
const NEGLIGIBLE = 64;

/** A matrix whose largest element is 1, and what it was divided by: `[…, 1, 1]`. */
function scaled(b: OnnxBuilder, A: OnnxValue): { x: OnnxValue; scale: OnnxValue } {
  const { dtype } = b.meta(A);
  const largest = b.op("ReduceMax", [b.op("Abs", [A]), b.ints([-2, -1])]);
  const isZero = b.op("Equal", [largest, b.scalar(0, dtype)]);
  const scale = b.op("Where", [isZero, b.scalar(1, dtype), largest]);
  return { x: b.op("Div", [A, scale]), scale };
}

/** Cosine and sine of the rotations that make pairs orthogonal. */
interface Rotations {
  readonly cosine: OnnxValue;
  readonly sine: OnnxValue;
}

/**
 * The rotations of pairs: `delta` is the difference of the squared lengths (or diagonal elements) of the partner and the
 * column, `twice` twice their product. A partner sees both with the other sign, or the same, so that its own rotation fits.
 */
function rotationsOf(
  b: OnnxBuilder,
  delta: OnnxValue,
  twice: OnnxValue,
  partner: OnnxValue,
  own: OnnxValue,
): Rotations {
  const { dtype } = b.meta(delta);
  const [zero, one] = [b.scalar(0, dtype), b.scalar(1, dtype)];
  const side = b.op("Sign", [b.cast(b.op("Sub", [partner, own]), dtype)]);
  const sign = b.op("Where", [b.op("Equal", [delta, zero]), side, b.op("Sign", [delta])]);
  const squares = b.op("Add", [b.op("Mul", [delta, delta]), b.op("Mul", [twice, twice])]);
  const divisor = b.op("Add", [delta, b.op("Mul", [sign, b.op("Sqrt", [squares])])]);
  const tangent = b.op("Div", [twice, b.op("Where", [b.op("Equal", [divisor, zero]), one, divisor])]);
  const secant = b.op("Sqrt", [b.op("Add", [b.op("Mul", [tangent, tangent]), one])]);
  return { cosine: b.op("Reciprocal", [secant]), sine: b.op("Div", [tangent, secant]) };
}

/** Columns (or rows) turned: `x c - x[partner] s`. */
function rotated(
  b: OnnxBuilder,
  x: OnnxValue,
  partner: OnnxValue,
  { cosine, sine }: Rotations,
  axis: -1 | -2,
  paired: OnnxValue = b.op("Gather", [x, partner], { axis }),
): OnnxValue {
  return b.op("Sub", [b.op("Mul", [x, cosine]), b.op("Mul", [paired, sine])]);
}

/** The number of turns without a rotation worth it, and whether to go on: for less than a sweep. */
function counted(
  b: OnnxBuilder,
  isLarge: OnnxValue,
  quiet: OnnxValue,
  size: Dim,
): { next: OnnxValue; goOn: OnnxValue } {
  const any = b.op("ReduceMax", [b.cast(isLarge, "int32")], { keepdims: 0 });
  const more = b.op("Add", [quiet, b.scalar(1n, "int64")]);
  const next = b.op("Where", [b.cast(any, "bool"), b.scalar(0n, "int64"), more]);
  return { next, goOn: b.op("Less", [next, b.dim(size)]) };
}

/** The identity for each matrix of a batch. */
function identities(b: OnnxBuilder, batch: readonly Dim[], size: Dim, dtype: DType): OnnxValue {
  return onnxBatched(b, emitEye(b, size, size, dtype), batch, 2);
}

/** Eigenvalues of symmetric matrices, unordered, `[…, n]`, and their vectors as columns where they are wanted. */
export function onnxJacobiEigen(
  b: OnnxBuilder,
  A: OnnxValue,
  withVectors: boolean,
): { values: OnnxValue; vectors: OnnxValue | null } {
  const { dtype, shape } = b.meta(A);
  const { batch, rows: size } = matrixShape("Jacobi", shape);
  const { x: start, scale } = scaled(b, A);
  const own = onnxIota(b, size);
  const isDiagonal = b.op("Equal", [b.unsqueeze(own, 1), own]);
  const isOther = b.op("Not", [isDiagonal]);
  const zero = b.scalar(0, dtype);
  const tolerance = b.scalar(EPSILON[dtype]! / 2, dtype);
  const last = b.ints([-1]);
  const sum = (b: OnnxBuilder, where: OnnxValue, x: OnnxValue, axis: number): OnnxValue =>
    b.op("ReduceSum", [b.op("Where", [where, x, zero]), b.ints([axis])], { keepdims: 0 });
  const states = [b.scalar(0n, "int64"), start, ...(withVectors ? [identities(b, batch, size, dtype)] : [])];
  const [, diagonalized, vectors] = emitRepeat(b, mul(size, MAX_SWEEPS), states, (b, turn, [quiet, x, v]) => {
    const partner = b.op("Mod", [b.op("Sub", [turn, own]), b.dim(size)]);
    const isPair = b.op("And", [b.op("Equal", [b.unsqueeze(partner, 1), own]), isOther]);
    // The two elements of a pair are the same but for rounding; partners must see the same.
    const twice = b.op("Add", [sum(b, isPair, x, -1), sum(b, isPair, x, -2)]);
    const diagonal = sum(b, isDiagonal, x, -1);
    const delta = b.op("Sub", [b.op("Gather", [diagonal, partner], { axis: -1 }), diagonal]);
    const { cosine, sine } = rotationsOf(b, delta, twice, partner, own);
    const across = { cosine: b.unsqueeze(cosine, -2), sine: b.unsqueeze(sine, -2) };
    const down = { cosine: b.unsqueeze(cosine, -1), sine: b.unsqueeze(sine, -1) };
    const turned = rotated(b, rotated(b, x, partner, across, -1), partner, down, -2);
    const next = b.op("Where", [isPair, zero, turned]);
    const { next: still, goOn } = counted(b, b.op("Greater", [b.op("Abs", [twice]), tolerance]), quiet, size);
    return { states: [still, next, ...(v ? [rotated(b, v, partner, across, -1)] : [])], goOn };
  });
  const diagonal = b.op("ReduceSum", [b.op("Where", [isDiagonal, diagonalized, zero]), last], { keepdims: 0 });
  return { values: b.op("Mul", [diagonal, b.squeeze(scale, -1)]), vectors: vectors ?? null };
}

/** Matrices turned until their columns are orthogonal: `A V = W`. */
export function onnxJacobiColumns(
  b: OnnxBuilder,
  A: OnnxValue,
  withV: boolean,
): { W: OnnxValue; V: OnnxValue | null } {
  const { dtype, shape } = b.meta(A);
  const { batch, columns: size } = matrixShape("Jacobi", shape);
  const { x: start, scale } = scaled(b, A);
  const own = onnxIota(b, size);
  const zero = b.scalar(0, dtype);
  const across = b.ints([-2]);
  const states = [b.scalar(0n, "int64"), start, ...(withV ? [identities(b, batch, size, dtype)] : [])];
  const [, W, V] = emitRepeat(b, mul(size, MAX_SWEEPS), states, (b, turn, [quiet, x, v]) => {
    const partner = b.op("Mod", [b.op("Sub", [turn, own]), b.dim(size)]);
    const paired = (y: OnnxValue): OnnxValue => b.op("Gather", [y, partner], { axis: -1 });
    const other = paired(x);
    const squares = b.op("ReduceSumSquare", [x, across]);
    const products = b.op("ReduceSum", [b.op("Mul", [x, other]), across]);
    // Partners must see the same product, to the last bit.
    const both = b.op("Add", [products, paired(products)]);
    const twice = b.op("Where", [b.op("Equal", [partner, own]), zero, both]);
    const delta = b.op("Sub", [paired(squares), squares]);
    const rotations = rotationsOf(b, delta, twice, partner, own);
    const lengths = b.op("Max", [b.op("Sqrt", [squares]), b.scalar(NEGLIGIBLE * EPSILON[dtype]!, dtype)]);
    const bound = b.op("Mul", [
      b.op("Mul", [lengths, b.scalar(16 * EPSILON[dtype]!, dtype)]),
      paired(lengths),
    ]);
    const { next, goOn } = counted(b, b.op("Greater", [b.op("Abs", [twice]), bound]), quiet, size);
    const turned = rotated(b, x, partner, rotations, -1, other);
    return { states: [next, turned, ...(v ? [rotated(b, v, partner, rotations, -1)] : [])], goOn };
  });
  return { W: b.op("Mul", [W, scale]), V: V ?? null };
}

/** The largest or smallest first, and where they were. */
export function onnxSorted(
  b: OnnxBuilder,
  values: OnnxValue,
  largestFirst: boolean,
  count: Dim,
): { values: OnnxValue; order: OnnxValue } {
  const { dtype, shape } = b.meta(values);
  const [sorted, order] = b.ops("TopK", [values, b.ints([count])], 2, { axis: -1, largest: largestFirst ? 1 : 0 });
  sorted.meta = { dtype, shape: [...shape.slice(0, -1), count] };
  order.meta = { dtype: "int64", shape: [...shape.slice(0, -1), count] };
  return { values: sorted, order };
}

/** Columns of matrices in another order, that of each matrix its own. */
export function onnxColumns(b: OnnxBuilder, x: OnnxValue, order: OnnxValue): OnnxValue {
  const { dtype, shape } = b.meta(x);
  const wanted = [...shape.slice(0, -1), b.meta(order).shape.at(-1)!];
  const index = b.op("Expand", [b.unsqueeze(order, -2), b.ints(wanted)]);
  const result = b.op("GatherElements", [x, index], { axis: -1 });
  result.meta = { dtype, shape: wanted };
  return result;
}

/**
 * Eigenvectors and singular vectors are what they are up to their sign. It is chosen such that the sum of the elements,
 * weighted by the square roots of 1, 2, 3, …, is positive: by the same rule in kernels and in ONNX, so that they can be
 * compared.
 */
export function signOf(column: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < column.length; i++) sum += column[i] * Math.sqrt(i + 1);
  return sum < 0 ? -1 : 1;
}

/** The signs of columns in ONNX: `[…, 1, n]`. */
export function onnxSigns(b: OnnxBuilder, x: OnnxValue): OnnxValue {
  const { dtype, shape } = b.meta(x);
  const count = b.cast(onnxIota(b, shape[shape.length - 2]), dtype);
  const weights = b.unsqueeze(b.op("Sqrt", [b.op("Add", [count, b.scalar(1, dtype)])]), 0);
  const sums = b.op("MatMul", [weights, x]);
  return b.op("Where", [b.op("Less", [sums, b.scalar(0, dtype)]), b.scalar(-1, dtype), b.scalar(1, dtype)]);
}
