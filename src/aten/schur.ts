/**
 * Eigenvalues and eigenvectors of matrices that need not be symmetric, by the QR algorithm on complex matrices in double
 * precision: each step factors the matrix less a shift near an eigenvalue and turns it by the unitary factor, until the last
 * row that is open is zero but for its diagonal; then the rows before it are left. What remains is an upper triangle, whose
 * vectors come of substitution. In ONNX a complex matrix is a real one of twice the size (see `complex_matrices.ts`), so that
 * the reflections of real matrices serve; all matrices of a batch take their steps together.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, mul, sub } from "../sym/mod.ts";
import * as complexMath from "../tensor/complex_math.ts";
import type { C } from "../tensor/complex_math.ts";
import { emitEye } from "./create.ts";
import { onnxApplyReflections, onnxReflect } from "./householder.ts";
import { onnxColumns, onnxSorted } from "./jacobi.ts";
import { emitRepeat } from "./loop.ts";
import { onnxBatched, onnxIota, onnxTransposed, onnxZeros } from "./matrices.ts";

/** Steps are bounded, by so many per row; two or three are usual. */
const MAX_STEPS = 40;
/** After so many steps without success the shift is another one: some matrices stay as they are at the usual shift. */
const PATIENCE = 10;
const EPSILON = 2 ** -52;
/** Imaginary parts of vectors of real eigenvalues, up to which they are rounding errors. */
const NOISE = 1e-11;

/** What is zero in a row, relative to the size of the matrix. */
function toleranceOf(size: number): number {
  return 16 * EPSILON * size;
}

/** Eigenvalues, and eigenvectors as columns of length 1 whose largest element is real and positive. */
export function eigenOfGeneral(A: readonly (readonly C[])[], isReal: boolean): { values: C[]; vectors: C[][] } {
  const n = A.length;
  const bound = toleranceOf(n) * Math.sqrt(A.flat().reduce((sum, [re, im]) => sum + re * re + im * im, 0));
  const { T, V } = schurOf(A, bound);
  const values = T.map((row, i): C => isReal && Math.abs(row[i][1]) <= bound ? [row[i][0], 0] : row[i]);
  const columns = values.map((value, k) => {
    const x: C[] = Array.from({ length: n }, (_, i) => i === k ? [1, 0] : [0, 0]);
    for (let i = k - 1; i >= 0; i--) {
      const sum = x.reduce((total, v, j) => j > i ? complexMath.add(total, complexMath.mul(T[i][j], v)) : total, [
        0,
        0,
      ]);
      const gap = complexMath.sub(T[i][i], T[k][k]);
      x[i] = complexMath.neg(complexMath.div(sum, complexMath.abs(gap) > bound ? gap : [bound || EPSILON, 0]));
    }
    const y = V.map((row) => row.reduce<C>((sum, v, j) => complexMath.add(sum, complexMath.mul(v, x[j])), [0, 0]));
    return normalized(y, isReal && value[1] === 0);
  });
  const order = isReal ? pairedOrder(values) : values.map((_, k) => k);
  return { values: order.map((k) => values[k]), vectors: A.map((_, i) => order.map((k) => columns[k][i])) };
}

/** An order in which conjugates stand together, that with the positive imaginary part first, as LAPACK has those of real matrices. */
function pairedOrder(values: readonly C[]): number[] {
  const partner = (value: C): number => {
    const gaps = values.map((other) => complexMath.abs(complexMath.sub(other, complexMath.conj(value))));
    return gaps.indexOf(Math.min(...gaps));
  };
  const keys = values.map((value, k) =>
    value[1] === 0 ? 2 * k : 2 * Math.min(k, partner(value)) + Number(value[1] < 0)
  );
  return values.map((_, k) => k).sort((i, j) => keys[i] - keys[j]);
}

function normalized(x: readonly C[], isReal: boolean): C[] {
  const largest = x.reduce((best, z) => complexMath.abs(z) > complexMath.abs(best) ? z : best);
  const turned = x.map((z) => complexMath.div(z, largest));
  const length = Math.sqrt(turned.reduce((sum, [re, im]) => sum + re * re + im * im, 0));
  return turned.map(([re, im]) => [re / length, isReal && Math.abs(im / length) <= NOISE ? 0 : im / length]);
}

/** The upper triangle and the unitary matrix that leads to it: `A V = V T`. */
function schurOf(A: readonly (readonly C[])[], bound: number): { T: C[][]; V: C[][] } {
  const n = A.length;
  const times = (x: readonly (readonly C[])[], y: readonly (readonly C[])[]): C[][] =>
    x.map((row) =>
      y[0].map((_, j) => row.reduce<C>((sum, v, k) => complexMath.add(sum, complexMath.mul(v, y[k][j])), [0, 0]))
    );
  let T = A.map((row) => [...row]);
  let V = T.map((row, i) => row.map((_, j): C => [Number(i === j), 0]));
  let stale = 0;
  for (let hi = n - 1, step = 0; hi > 0 && step < MAX_STEPS * n; step++) {
    const shift = shiftOf(T, hi, stale);
    const open = T.slice(0, hi + 1).map((row, i) =>
      row.slice(0, hi + 1).map((v, j) => i === j ? complexMath.sub(v, shift) : v)
    );
    const inner = unitaryOf(open);
    const Q = T.map((row, i) => row.map((_, j): C => i <= hi && j <= hi ? inner[i][j] : [Number(i === j), 0]));
    const adjoint = Q.map((_, i) => Q.map((row) => complexMath.conj(row[i])));
    T = times(adjoint, times(T, Q));
    V = times(V, Q);
    if (T[hi].slice(0, hi).reduce((sum, v) => sum + complexMath.abs(v), 0) <= bound) {
      for (let j = 0; j < hi; j++) T[hi][j] = [0, 0];
      hi--;
      stale = 0;
    } else stale++;
  }
  return { T, V };
}

/** The eigenvalue of the last two open rows and columns that is nearer to their last element. */
function shiftOf(T: readonly (readonly C[])[], hi: number, stale: number): C {
  const { add, mul, sub, scale, sqrt, abs } = complexMath;
  const last = T[hi][hi];
  if (stale % PATIENCE === PATIENCE - 1) {
    return add(last, [T[hi].slice(0, hi).reduce((sum, v) => sum + abs(v), 0) * 0.75, 0]);
  }
  const product = mul(T[hi - 1][hi], T[hi][hi - 1]);
  const delta = scale(sub(T[hi - 1][hi - 1], last), 0.5);
  const root = sqrt(add(mul(delta, delta), product));
  const [plus, minus] = [add(delta, root), sub(delta, root)];
  const divisor = abs(plus) >= abs(minus) ? plus : minus;
  return abs(divisor) === 0 ? last : sub(last, complexMath.div(product, divisor));
}

/** The unitary factor of a QR factorization, by reflections. */
function unitaryOf(A: readonly (readonly C[])[]): C[][] {
  const { add, mul, sub, scale, abs, conj } = complexMath;
  const n = A.length;
  const R = A.map((row) => [...row]);
  const Q = A.map((row, i) => row.map((_, j): C => [Number(i === j), 0]));
  for (let k = 0; k < n - 1; k++) {
    const v = R.map((row, i): C => i < k ? [0, 0] : row[k]);
    const length = Math.hypot(...v.flat());
    if (length === 0) continue;
    const size = abs(v[k]);
    v[k] = add(v[k], size === 0 ? [length, 0] : scale(v[k], length / size));
    const factor = 2 / v.flat().reduce((sum, x) => sum + x * x, 0);
    for (let j = 0; j < n; j++) {
      const sum = scale(v.reduce<C>((total, x, i) => add(total, mul(conj(x), R[i][j])), [0, 0]), factor);
      for (let i = 0; i < n; i++) R[i][j] = sub(R[i][j], mul(v[i], sum));
    }
    for (let i = 0; i < n; i++) {
      const sum = scale(v.reduce<C>((total, x, j) => add(total, mul(Q[i][j], x)), [0, 0]), factor);
      for (let j = 0; j < n; j++) Q[i][j] = sub(Q[i][j], mul(sum, conj(v[j])));
    }
  }
  return Q;
}

/** A complex value in parts. */
interface Pair {
  readonly re: OnnxValue;
  readonly im: OnnxValue;
}

/** Arithmetic of pairs. */
class Pairs {
  constructor(readonly b: OnnxBuilder) {}

  number(value: number): OnnxValue {
    return this.b.scalar(value, "float64");
  }

  both(x: Pair, fn: (part: OnnxValue) => OnnxValue): Pair {
    return { re: fn(x.re), im: fn(x.im) };
  }

  add(x: Pair, y: Pair): Pair {
    return { re: this.b.op("Add", [x.re, y.re]), im: this.b.op("Add", [x.im, y.im]) };
  }

  sub(x: Pair, y: Pair): Pair {
    return { re: this.b.op("Sub", [x.re, y.re]), im: this.b.op("Sub", [x.im, y.im]) };
  }

  mul(x: Pair, y: Pair, opType = "Mul"): Pair {
    const times = (p: OnnxValue, q: OnnxValue): OnnxValue => this.b.op(opType, [p, q]);
    return {
      re: this.b.op("Sub", [times(x.re, y.re), times(x.im, y.im)]),
      im: this.b.op("Add", [times(x.re, y.im), times(x.im, y.re)]),
    };
  }

  scale(x: Pair, by: OnnxValue): Pair {
    return this.both(x, (part) => this.b.op("Mul", [part, by]));
  }

  squares(x: Pair): OnnxValue {
    return this.b.op("Add", [this.b.op("Mul", [x.re, x.re]), this.b.op("Mul", [x.im, x.im])]);
  }

  abs(x: Pair): OnnxValue {
    return this.b.op("Sqrt", [this.squares(x)]);
  }

  /** A quotient; 0 where the divisor is 0. */
  div(x: Pair, y: Pair): Pair {
    const n = this.squares(y);
    const isZero = this.b.op("Equal", [n, this.number(0)]);
    const product = this.mul(x, { re: y.re, im: this.b.op("Neg", [y.im]) });
    const divisor = this.b.op("Where", [isZero, this.number(1), n]);
    return this.both(product, (part) => this.b.op("Div", [part, divisor]));
  }

  /** The root whose real part is not negative. */
  sqrt(x: Pair): Pair {
    const { b } = this;
    const half = (p: OnnxValue): OnnxValue =>
      b.op("Sqrt", [b.op("Mul", [b.op("Max", [p, this.number(0)]), this.number(0.5)])]);
    const size = this.abs(x);
    const im = half(b.op("Sub", [size, x.re]));
    const isNegative = b.op("Less", [x.im, this.number(0)]);
    return { re: half(b.op("Add", [size, x.re])), im: b.op("Where", [isNegative, b.op("Neg", [im]), im]) };
  }

  where(condition: OnnxValue, x: Pair, y: Pair): Pair {
    return {
      re: this.b.op("Where", [condition, x.re, y.re]),
      im: this.b.op("Where", [condition, x.im, y.im]),
    };
  }
}

/** The sum over rows and columns, which stay with a size of 1. */
function total(b: OnnxBuilder, x: OnnxValue): OnnxValue {
  return b.op("ReduceSum", [x, b.ints([-2, -1])]);
}

/** Every second row or column, from `start` on. */
function everySecond(b: OnnxBuilder, x: OnnxValue, axis: -1 | -2, start: 0 | 1, size: Dim): OnnxValue {
  const { dtype, shape } = b.meta(x);
  const result = b.op("Slice", [x, b.ints([start]), b.ints([mul(2, size)]), b.ints([axis]), b.ints([2])]);
  const at = shape.length + axis;
  result.meta = { dtype, shape: shape.map((d, i) => i === at ? size : d) };
  return result;
}

/** The parts of a real form: of `[…, 2n, 2n]` or `[…, 2n, n]`, whose second columns are left out. */
function partsOf(b: OnnxBuilder, x: OnnxValue, size: Dim, columns: "all" | "first"): Pair {
  const own = columns === "all" ? everySecond(b, x, -1, 0, size) : x;
  return { re: everySecond(b, own, -2, 0, size), im: everySecond(b, own, -2, 1, size) };
}

/** The real form of parts. */
function realForm(b: OnnxBuilder, { re, im }: Pair): OnnxValue {
  const { shape } = b.meta(re);
  const stack = (x: OnnxValue, y: OnnxValue, axis: number): OnnxValue =>
    b.op("Concat", [b.unsqueeze(x, axis), b.unsqueeze(y, axis)], { axis });
  const rank = shape.length;
  const cells = stack(stack(re, b.op("Neg", [im]), rank), stack(im, re, rank), rank - 1);
  return b.reshape(cells, [...shape.slice(0, -2), ...shape.slice(-2).map((d) => mul(2, d))]);
}

/** Eigenvalues `[…, n]` and vectors `[…, n, n]` in ONNX, in parts of float64; vectors are null unless they are wanted. */
export function onnxEigenOfGeneral(
  b: OnnxBuilder,
  A: { readonly re: OnnxValue; readonly im: OnnxValue | null },
  withVectors: boolean,
): { values: Pair; vectors: Pair | null } {
  const p = new Pairs(b);
  const { shape } = b.meta(A.re);
  const [batch, size] = [shape.slice(0, -2), shape[shape.length - 1]];
  const given: Pair = { re: A.re, im: A.im ?? onnxZeros(b, "float64", shape) };
  const norm = b.op("Sqrt", [total(b, p.squares(given))]);
  const bound = b.op("Mul", [norm, b.op("Mul", [b.cast(b.dim(size), "float64"), p.number(toleranceOf(1))])]);
  const [T, V] = onnxSchur(b, realForm(b, given), bound, batch, size);
  const parts = partsOf(b, T, size, "all");
  const own = onnxIota(b, size);
  const isDiagonal = b.op("Equal", [b.unsqueeze(own, 1), own]);
  const diagonal = p.both(parts, (x) => b.op("ReduceSum", [b.op("Where", [isDiagonal, x, p.number(0)]), b.ints([-2])]));
  // A real matrix has real eigenvalues, but for rounding, or pairs of complex ones.
  const isReal = A.im ? null : b.op("LessOrEqual", [b.op("Abs", [diagonal.im]), bound]);
  const values = isReal ? { re: diagonal.re, im: b.op("Where", [isReal, p.number(0), diagonal.im]) } : diagonal;
  const order = isReal && onnxPairedOrder(b, values, size);
  const ordered = (x: Pair): Pair => order ? p.both(x, (part) => onnxColumns(b, part, order)) : x;
  const flat = p.both(ordered(values), (x) => b.squeeze(x, -2));
  if (!withVectors) return { values: flat, vectors: null };
  const X = onnxTriangleVectors(b, parts, diagonal, bound, batch, size);
  const vectors = p.mul(partsOf(b, V, size, "all"), X, "MatMul");
  return { values: flat, vectors: ordered(onnxNormalized(b, vectors, isReal)) };
}

/** {@linkcode pairedOrder} of `[…, 1, n]` in ONNX: `[…, n]`. */
function onnxPairedOrder(b: OnnxBuilder, values: Pair, size: Dim): OnnxValue {
  const p = new Pairs(b);
  const two = b.scalar(2n, "int64");
  const own = onnxIota(b, size);
  const gaps = p.squares({
    re: b.op("Sub", [onnxTransposed(b, values.re), values.re]),
    im: b.op("Add", [onnxTransposed(b, values.im), values.im]),
  });
  const partner = b.op("ArgMin", [gaps], { axis: -2, keepdims: 1 });
  const isComplex = b.op("Not", [b.op("Equal", [values.im, p.number(0)])]);
  const isLower = b.cast(b.op("Less", [values.im, p.number(0)]), "int64");
  const pair = b.op("Add", [b.op("Mul", [b.op("Min", [own, partner]), two]), isLower]);
  const keys = b.op("Where", [isComplex, pair, b.op("Mul", [own, two])]);
  return onnxSorted(b, b.squeeze(keys, -2), false, size).order;
}

/** The real forms of the triangle and of the unitary matrix. */
function onnxSchur(
  b: OnnxBuilder,
  A: OnnxValue,
  bound: OnnxValue,
  batch: readonly Dim[],
  size: Dim,
): [T: OnnxValue, V: OnnxValue] {
  const twice = mul(2, size);
  const whole = onnxIota(b, twice);
  const wide = b.op("Div", [whole, b.scalar(2n, "int64")]);
  const isOdd = b.op("Equal", [b.op("Mod", [whole, b.scalar(2n, "int64")]), b.scalar(1n, "int64")]);
  const one = b.scalar(1n, "int64");
  const narrow = onnxIota(b, size);
  const eye = emitEye(b, twice, twice, "float64");
  // The real form of i: -1 right of the diagonal in even rows, 1 left of it in odd ones.
  const isOwnBlock = b.op("Equal", [b.unsqueeze(wide, 1), wide]);
  const isOther = b.op("And", [isOwnBlock, b.op("Not", [b.op("Equal", [b.unsqueeze(whole, 1), whole])])]);
  const side = b.op("Where", [b.unsqueeze(isOdd, 1), b.scalar(1, "float64"), b.scalar(-1, "float64")]);
  const unit = b.op("Where", [isOther, side, b.scalar(0, "float64")]);
  const scalars = [...batch, 1, 1];
  const last = b.op("Expand", [b.dim(sub(size, 1)), b.ints(scalars)]);
  const none = b.op("Expand", [b.scalar(0n, "int64"), b.ints(scalars)]);
  for (const x of [last, none]) x.meta = { dtype: "int64", shape: scalars };
  const states = [last, none, A, onnxBatched(b, eye, batch, 2)];
  const [, , T, V] = emitRepeat(b, mul(size, MAX_STEPS), states, (b, _, [hi, stale, T, V]) => {
    const p = new Pairs(b);
    const zero = p.number(0);
    const parts = partsOf(b, T, size, "all");
    const row = b.unsqueeze(narrow, 1);
    const before = b.op("Max", [b.op("Sub", [hi, one]), b.scalar(0n, "int64")]);
    const at = (i: OnnxValue, j: OnnxValue): Pair => {
      const isThere = b.op("And", [b.op("Equal", [row, i]), b.op("Equal", [narrow, j])]);
      return p.both(parts, (x) => total(b, b.op("Where", [isThere, x, zero])));
    };
    const rowSize = (x: Pair): OnnxValue => {
      const isLeft = b.op("And", [b.op("Equal", [row, hi]), b.op("Less", [narrow, hi])]);
      return total(b, b.op("Where", [isLeft, p.abs(x), zero]));
    };
    const end = at(hi, hi);
    const product = p.mul(at(before, hi), at(hi, before));
    const delta = p.scale(p.sub(at(before, before), end), p.number(0.5));
    const root = p.sqrt(p.add(p.mul(delta, delta), product));
    const [plus, minus] = [p.add(delta, root), p.sub(delta, root)];
    const divisor = p.where(b.op("GreaterOrEqual", [p.abs(plus), p.abs(minus)]), plus, minus);
    const near = p.sub(end, p.div(product, divisor));
    const isStuck = b.op("Equal", [
      b.op("Mod", [stale, b.scalar(BigInt(PATIENCE), "int64")]),
      b.scalar(BigInt(PATIENCE - 1), "int64"),
    ]);
    const far = { re: b.op("Add", [end.re, b.op("Mul", [rowSize(parts), p.number(0.75)])]), im: end.im };
    const shift = p.where(isStuck, far, near);
    const moved = b.op("Sub", [T, b.op("Add", [b.op("Mul", [shift.re, eye]), b.op("Mul", [shift.im, unit])])]);
    const isOpen = b.op("And", [
      b.op("LessOrEqual", [b.unsqueeze(wide, 1), hi]),
      b.op("LessOrEqual", [wide, hi]),
    ]);
    const reflections = onnxReflect(b, b.op("Where", [isOpen, moved, eye]));
    // Second columns of the unitary factor follow from the first ones.
    const start = everySecond(b, eye, -1, 0, size);
    const Q = realForm(b, partsOf(b, onnxApplyReflections(b, reflections, start, false), size, "first"));
    const turned = b.op("MatMul", [onnxTransposed(b, Q), b.op("MatMul", [T, Q])]);
    const isDone = b.op("LessOrEqual", [rowSize(partsOf(b, turned, size, "all")), bound]);
    const isLeft = b.op("And", [b.op("Equal", [b.unsqueeze(wide, 1), hi]), b.op("Less", [wide, hi])]);
    const next = b.op("Where", [b.op("And", [isLeft, isDone]), zero, turned]);
    const nextHi = b.op("Where", [isDone, before, hi]);
    const nextStale = b.op("Where", [isDone, b.scalar(0n, "int64"), b.op("Add", [stale, one])]);
    const open = b.op("ReduceMax", [b.op("Reshape", [nextHi, b.ints([-1])])], { keepdims: 0 });
    const states = [nextHi, nextStale, next, b.op("MatMul", [V, Q])];
    return { states, goOn: b.op("Greater", [open, b.scalar(0n, "int64")]) };
  });
  return [T, V];
}

/** The vectors of an upper triangle, by substitution from the last row on; a column for each element of the diagonal. */
function onnxTriangleVectors(
  b: OnnxBuilder,
  T: Pair,
  diagonal: Pair,
  bound: OnnxValue,
  batch: readonly Dim[],
  size: Dim,
): Pair {
  const column = onnxIota(b, size);
  const row = b.unsqueeze(column, 1);
  const zeros = onnxZeros(b, "float64", [...batch, size, size]);
  const isZero = b.op("Equal", [bound, b.scalar(0, "float64")]);
  const least = b.op("Where", [isZero, b.scalar(EPSILON, "float64"), bound]);
  const [re, im] = emitRepeat(b, size, [zeros, zeros], (b, turn, [re, im]) => {
    const p = new Pairs(b);
    const i = b.op("Sub", [b.dim(sub(size, 1)), turn]);
    const own = p.both(T, (x) => b.op("Gather", [x, b.unsqueeze(i, 0)], { axis: -2 }));
    const sum = p.mul(own, { re, im }, "MatMul");
    const at = p.both(own, (x) => b.op("Gather", [x, b.unsqueeze(i, 0)], { axis: -1 }));
    const gap = p.sub(at, diagonal);
    const isNear = b.op("LessOrEqual", [p.abs(gap), bound]);
    const found = p.div(p.both(sum, (x) => b.op("Neg", [x])), p.where(isNear, { re: least, im: p.number(0) }, gap));
    const isOne = b.op("Equal", [column, i]);
    const isRight = b.op("Greater", [column, i]);
    const next = {
      re: b.op("Where", [isOne, p.number(1), b.op("Where", [isRight, found.re, p.number(0)])]),
      im: b.op("Where", [isRight, found.im, p.number(0)]),
    };
    const isRow = b.op("Equal", [row, i]);
    return { states: [b.op("Where", [isRow, next.re, re]), b.op("Where", [isRow, next.im, im])] };
  });
  return { re, im };
}

/** Columns of length 1, whose largest element is real and positive. */
function onnxNormalized(b: OnnxBuilder, x: Pair, isReal: OnnxValue | null): Pair {
  const p = new Pairs(b);
  const largest = b.op("ArgMax", [p.squares(x)], { axis: -2, keepdims: 1 });
  const turned = p.div(x, p.both(x, (part) => b.op("GatherElements", [part, largest], { axis: -2 })));
  const length = b.op("Sqrt", [b.op("ReduceSum", [p.squares(turned), b.ints([-2])])]);
  const unit = p.both(turned, (part) => b.op("Div", [part, length]));
  if (!isReal) return unit;
  const isNoise = b.op("And", [isReal, b.op("LessOrEqual", [b.op("Abs", [unit.im]), p.number(NOISE)])]);
  return { re: unit.re, im: b.op("Where", [isNoise, p.number(0), unit.im]) };
}
