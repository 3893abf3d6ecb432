/**
 * Symmetric indefinite factorization by Bunch and Kaufman's pivoting, as LAPACK's sytrf of a lower triangle: blocks of one or
 * two columns. A block of two is recorded at both of its columns by the negative of the row exchanged with its second. The
 * ONNX loops have one turn per column, in which the second column of a block has little left to do.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, sub } from "../sym/mod.ts";
import { broadcastShapes, type Meta } from "../tensor/mod.ts";
import { mirrored, onnxMirrored } from "./eigen.ts";
import { emitRepeat } from "./loop.ts";
import { onnxDiagonal, onnxFirst } from "./lu.ts";
import {
  asColumn,
  int32Meta,
  mapMatrices,
  type Matrix,
  matrixShape,
  onnxAt,
  onnxBatched,
  onnxIota,
  onnxTransposed,
  onnxZeros,
  requireSquare,
} from "./matrices.ts";
import { defineOp } from "./op.ts";
import { shaped } from "./shapes.ts";

/** Bounds the growth of elements. */
const ALPHA = (1 + Math.sqrt(17)) / 8;

/** Packed factors: D on and beside the diagonal, L below. Pivots count from 1. */
interface Packed {
  readonly LD: Matrix;
  readonly pivots: number[];
  readonly info: number;
}

/** Exchanges two rows, and the same columns, of the symmetric part from `k` on. */
function exchange(A: Matrix, k: number, p: number, q: number): void {
  for (let j = k; j < A.length; j++) [A[p][j], A[q][j]] = [A[q][j], A[p][j]];
  for (let i = k; i < A.length; i++) [A[i][p], A[i][q]] = [A[i][q], A[i][p]];
}

function factorLDL(lower: Matrix): Packed {
  const A = mirrored(lower, false);
  const n = A.length;
  const pivots: number[] = [];
  let info = 0;
  const largest = (column: number, from: number, without: number): { at: number; size: number } => {
    let found = { at: from, size: 0 };
    for (let i = from; i < n; i++) {
      const size = Math.abs(A[i][column]);
      if (i !== without && size > found.size) found = { at: i, size };
    }
    return found;
  };
  for (let k = 0; k < n;) {
    const own = Math.abs(A[k][k]);
    const below = largest(k, k + 1, k);
    if (Math.max(own, below.size) === 0) info ||= k + 1;
    let [p, width] = [k, 1];
    if (own < ALPHA * below.size) {
      const row = largest(below.at, k, below.at).size;
      if (own * row < ALPHA * below.size * below.size) {
        p = below.at;
        if (Math.abs(A[p][p]) < ALPHA * row) width = 2;
      }
    }
    exchange(A, k, k + width - 1, p);
    pivots.push(...new Array<number>(width).fill(width === 1 ? p + 1 : -(p + 1)));
    const next = k + width;
    const column = (c: number): number[] => Array.from({ length: n - next }, (_, i) => A[next + i][c]);
    const block = width === 1 ? [column(k)] : [column(k), column(k + 1)];
    const factors = width === 1
      ? [block[0].map((v) => A[k][k] === 0 ? v : v / A[k][k])]
      : divideByBlock(A[k][k], A[k + 1][k], A[k + 1][k + 1], block[0], block[1]);
    for (let i = next; i < n; i++) {
      for (let j = next; j < n; j++) {
        for (let c = 0; c < width; c++) A[i][j] -= block[c][i - next] * factors[c][j - next];
      }
    }
    for (let i = next; i < n; i++) for (let c = 0; c < width; c++) A[i][k + c] = factors[c][i - next];
    k = next;
  }
  return { LD: A.map((row, i) => row.map((v, j) => j <= i ? v : 0)), pivots, info };
}

/** `[x y]` times the inverse of `[[a, b], [b, c]]`. */
function divideByBlock(a: number, b: number, c: number, x: readonly number[], y: readonly number[]): number[][] {
  const det = a * c - b * b;
  return [x.map((v, i) => (c * v - b * y[i]) / det), x.map((v, i) => (a * y[i] - b * v) / det)];
}

function solveLDL(LD: Matrix, pivots: readonly number[], B: Matrix): Matrix {
  const n = LD.length;
  const X = B.map((row) => row.slice());
  const columns = X[0]?.length ?? 0;
  const subtract = (i: number, j: number, factor: number): void => {
    for (let c = 0; c < columns; c++) X[i][c] -= factor * X[j][c];
  };
  const swap = (p: number, q: number): void => {
    [X[p], X[q]] = [X[q], X[p]];
  };
  const blocks: { k: number; width: number }[] = [];
  for (let k = 0; k < n; k += blocks.at(-1)!.width) {
    const width = pivots[k] < 0 ? 2 : 1;
    blocks.push({ k, width });
    swap(k + width - 1, Math.abs(pivots[k]) - 1);
    for (let i = k + width; i < n; i++) for (let c = 0; c < width; c++) subtract(i, k + c, LD[i][k + c]);
  }
  for (const { k, width } of blocks.reverse()) {
    if (width === 1) X[k] = X[k].map((v) => v / LD[k][k]);
    else {
      const [x, y] = divideByBlock(LD[k][k], LD[k + 1][k], LD[k + 1][k + 1], [...X[k]], [...X[k + 1]]);
      [X[k], X[k + 1]] = [Float64Array.from(x), Float64Array.from(y)];
    }
    for (let i = k + width; i < n; i++) for (let c = 0; c < width; c++) subtract(k + c, i, LD[i][k + c]);
    swap(k + width - 1, Math.abs(pivots[k]) - 1);
  }
  return X;
}

/** The element at a column of each matrix' own, of rows: `[…, 1, 1]`. */
function onnxPick(b: OnnxBuilder, row: OnnxValue, column: OnnxValue): OnnxValue {
  return b.op("GatherElements", [row, column], { axis: -1 });
}

/** Factors and pivots of a batch. */
function onnxFactorLDL(b: OnnxBuilder, lower: OnnxValue): { LD: OnnxValue; pivots: OnnxValue } {
  const { dtype, shape } = b.meta(lower);
  const { batch, rows: size } = matrixShape("LDL", shape);
  if (size === 0) return { LD: lower, pivots: b.cast(onnxZeros(b, dtype, [...batch, 0]), "int32") };
  const column = onnxIota(b, size);
  const row = b.unsqueeze(column, 1);
  const number = (value: number): OnnxValue => b.scalar(value, dtype);
  const int = (value: number): OnnxValue => b.scalar(BigInt(value), "int64");
  const [zero, alpha] = [number(0), number(ALPHA)];
  const [rowShape, square, single] = [b.ints([...batch, 1, size]), b.ints(shape), b.ints([...batch, 1, 1])];
  const last = b.dim(sub(size, 1));
  const starts = [
    onnxMirrored(b, lower, false),
    onnxZeros(b, "bool", [...batch, 1, 1]),
    b.cast(onnxZeros(b, dtype, [...batch, 1, 1]), "int64"),
  ];
  const [A, , , found] = emitRepeat(b, size, starts, (b, k, [x, isSecond, before]) => {
    const where = (c: OnnxValue, yes: OnnxValue, no: OnnxValue): OnnxValue => b.op("Where", [c, yes, no]);
    const times = (p: OnnxValue, q: OnnxValue): OnnxValue => b.op("Mul", [p, q]);
    const below = where(b.op("Greater", [row, k]), b.op("Abs", [onnxAt(b, x, k, -1)]), zero);
    const [colmax, p] = [
      b.op("ReduceMax", [below, b.ints([-2])]),
      b.op("ArgMax", [below], { axis: -2, keepdims: 1 }),
    ];
    const others = b.op("GatherElements", [x, b.op("Expand", [p, rowShape])], { axis: -2 });
    const sizes = b.op("Abs", [others]);
    const isOwn = b.op("Or", [b.op("Less", [column, k]), b.op("Equal", [column, p])]);
    const rowmax = b.op("ReduceMax", [where(isOwn, zero, sizes), b.ints([-1])]);
    const own = b.op("Abs", [onnxAt(b, onnxAt(b, x, k, -1), k, -2)]);
    const isSmall = b.op("And", [
      b.op("Less", [own, times(alpha, colmax)]),
      b.op("Less", [times(own, rowmax), times(alpha, times(colmax, colmax))]),
    ]);
    const moves = b.op("And", [isSmall, b.op("Not", [isSecond])]);
    const isPair = b.op("And", [moves, b.op("Less", [onnxPick(b, sizes, p), times(alpha, rowmax)])]);
    const next = b.op("Add", [k, int(1)]);
    // What is exchanged: this column, or the second one of the block, and the pivot's.
    const [to, from] = [where(isPair, next, k), where(moves, p, k)];
    const order = where(b.op("Equal", [column, to]), from, where(b.op("Equal", [column, from]), to, column));
    const down = b.op("GatherElements", [x, b.op("Expand", [onnxTransposed(b, order), square])], { axis: -2 });
    const both = b.op("GatherElements", [down, b.op("Expand", [order, square])], { axis: -1 });
    const isOpen = b.op("And", [b.op("GreaterOrEqual", [row, k]), b.op("GreaterOrEqual", [column, k])]);
    const y = where(isOpen, both, x);
    // Columns of the block below it, and what they are multiplied by.
    const second = b.op("Min", [next, last]);
    const isRest = b.op("Greater", [row, where(isPair, next, k)]);
    const [first, other] = [onnxAt(b, y, k, -1), onnxAt(b, y, second, -1)];
    const [u, v] = [where(isRest, first, zero), where(isRest, other, zero)];
    const [d, e] = [onnxAt(b, first, k, -2), onnxAt(b, first, second, -2)];
    const f = onnxAt(b, other, second, -2);
    const nonzero = (value: OnnxValue): OnnxValue => where(b.op("Equal", [value, zero]), number(1), value);
    const det = nonzero(b.op("Sub", [times(d, f), times(e, e)]));
    const pairFirst = b.op("Div", [b.op("Sub", [times(f, u), times(e, v)]), det]);
    const pairSecond = b.op("Div", [b.op("Sub", [times(d, v), times(e, u)]), det]);
    const factors = where(isPair, pairFirst, b.op("Div", [u, nonzero(d)]));
    const more = where(isPair, pairSecond, zero);
    const product = b.op("Add", [
      times(u, onnxTransposed(b, factors)),
      times(v, onnxTransposed(b, more)),
    ]);
    const reduced = b.op("Sub", [y, product]);
    const isFirst = b.op("And", [isRest, b.op("Equal", [column, k])]);
    const isNext = b.op("And", [b.op("And", [isRest, isPair]), b.op("Equal", [column, next])]);
    const stored = where(isFirst, factors, where(isNext, more, reduced));
    const counted = b.op("Add", [from, int(1)]);
    const pivot = where(isSecond, before, where(isPair, b.op("Neg", [counted]), counted));
    const recorded = b.op("Expand", [pivot, single]);
    return { states: [where(isSecond, x, stored), isPair, recorded], collected: [recorded] };
  });
  found.meta = { dtype: "int64", shape: [size, ...batch, 1, 1] };
  const pivots = b.transpose(b.squeeze(found, -2, -1), [...batch.map((_, d) => d + 1), 0]);
  pivots.meta = { dtype: "int64", shape: [...batch, size] };
  return { LD: b.op("Trilu", [A], { upper: 0 }), pivots: b.cast(pivots, "int32") };
}

/** Two rows of each matrix exchanged. */
function onnxExchanged(b: OnnxBuilder, x: OnnxValue, row: OnnxValue, p: OnnxValue, q: OnnxValue): OnnxValue {
  const lowered = b.op("Where", [b.op("Equal", [row, q]), p, row]);
  const order = b.op("Where", [b.op("Equal", [row, p]), q, lowered]);
  return b.op("GatherElements", [x, b.op("Expand", [order, b.ints(b.meta(x).shape)])], { axis: -2 });
}

function onnxSolveLDL(b: OnnxBuilder, LD: OnnxValue, pivots: OnnxValue, B: OnnxValue): OnnxValue {
  const { shape } = b.meta(LD);
  const { batch: own, rows: size } = matrixShape("LDL", shape);
  if (size === 0) return B;
  const batch = broadcastShapes(own, b.meta(B).shape.slice(0, -2));
  const row = b.unsqueeze(onnxIota(b, size), 1);
  const zero = b.scalar(0, b.meta(LD).dtype);
  const one = b.scalar(1n, "int64");
  const recorded = b.unsqueeze(b.cast(pivots, "int64"), -2);
  const last = b.dim(sub(size, 1));
  /** What is recorded for a column: its pivot's row, whether it belongs to a block of two. */
  const recordOf = (b: OnnxBuilder, k: OnnxValue): { p: OnnxValue; isBlock: OnnxValue } => {
    const at = onnxAt(b, recorded, k, -1);
    return {
      p: b.op("Sub", [b.op("Abs", [at]), one]),
      isBlock: b.op("Less", [at, b.scalar(0n, "int64")]),
    };
  };
  const isSecond = onnxZeros(b, "bool", [...own, 1, 1]);
  const start = onnxBatched(b, B, batch, 2);
  const [y] = emitRepeat(b, size, [start, isSecond], (b, k, [x, isSecond]) => {
    const { p, isBlock } = recordOf(b, k);
    const isPair = b.op("And", [isBlock, b.op("Not", [isSecond])]);
    const to = b.op("Where", [isPair, b.op("Add", [k, one]), k]);
    const ordered = onnxExchanged(b, x, row, to, b.op("Where", [isSecond, k, p]));
    const factors = b.op("Where", [b.op("Greater", [row, to]), onnxAt(b, LD, k, -1), zero]);
    return { states: [b.op("Sub", [ordered, b.op("Mul", [factors, onnxAt(b, ordered, k, -2)])]), isPair] };
  });
  // Backwards, the second column of a block comes first.
  const [X] = emitRepeat(b, size, [y, isSecond], (b, turn, [x, isFirst]) => {
    const times = (p: OnnxValue, q: OnnxValue): OnnxValue => b.op("Mul", [p, q]);
    const where = (c: OnnxValue, yes: OnnxValue, no: OnnxValue): OnnxValue => b.op("Where", [c, yes, no]);
    const k = b.op("Sub", [last, turn]);
    const { p, isBlock } = recordOf(b, k);
    const isPair = b.op("And", [isBlock, b.op("Not", [isFirst])]);
    const before = b.op("Max", [b.op("Sub", [k, one]), b.scalar(0n, "int64")]);
    const [lower, upper] = [onnxAt(b, LD, k, -2), onnxAt(b, LD, before, -2)];
    const [d, e, f] = [onnxAt(b, upper, before, -1), onnxAt(b, lower, before, -1), onnxAt(b, lower, k, -1)];
    const [u, v] = [onnxAt(b, x, before, -2), onnxAt(b, x, k, -2)];
    const det = b.op("Sub", [times(d, f), times(e, e)]);
    const pairUpper = b.op("Div", [b.op("Sub", [times(f, u), times(e, v)]), det]);
    const pairLower = b.op("Div", [b.op("Sub", [times(d, v), times(e, u)]), det]);
    const divided = where(isFirst, v, where(isPair, pairLower, b.op("Div", [v, f])));
    const isUpper = b.op("And", [isPair, b.op("Equal", [row, before])]);
    const scaled = where(b.op("Equal", [row, k]), divided, where(isUpper, pairUpper, x));
    const to = where(isFirst, b.op("Add", [k, one]), k);
    const isBelow = b.op("Greater", [row, where(isPair, k, to)]);
    const factors = where(isBelow, onnxAt(b, LD, k, -1), zero);
    // Infinities elsewhere must not be multiplied by these zeros.
    const sums = b.op("MatMul", [onnxTransposed(b, factors), where(isBelow, scaled, zero)]);
    const reduced = b.op("Sub", [scaled, where(b.op("Equal", [row, k]), sums, zero)]);
    return { states: [onnxExchanged(b, reduced, row, to, where(isPair, to, p)), isPair] };
  });
  return X;
}

/** Factors, pivots and infos of a matrix. */
function factorMetas(self: Meta): [Meta, Meta, Meta] {
  const { batch, size } = requireSquare("torch.linalg.ldl_factor", self);
  return [shaped(self, self.shape), int32Meta([...batch, size]), int32Meta(batch)];
}

/**
 * https://docs.pytorch.org/docs/stable/generated/torch.linalg.ldl_factor_ex.html: `hermitian` makes no difference to real
 * numbers; errors are never raised, `info` tells.
 */
export const linalgLdlFactorEx = defineOp(
  "aten::linalg_ldl_factor_ex(Tensor self, *, bool hermitian=False, bool check_errors=False) -> (Tensor LD, Tensor pivots, Tensor info)",
  {
    meta: (_, { self }) => factorMetas(self),
    kernel: ({ self }) => {
      const size = self.shape[self.shape.length - 1];
      const [LD, pivots, info] = mapMatrices([self], [
        { dtype: self.dtype, shape: [size, size] },
        { dtype: "int32", shape: [size] },
        { dtype: "int32", shape: [] },
      ], (A) => {
        const found = factorLDL(A);
        return [found.LD, found.pivots, found.info];
      });
      return [LD, pivots, info];
    },
    onnx: (b, { self }) => {
      const { LD, pivots } = onnxFactorLDL(b, self);
      const isZero = b.op("Equal", [onnxDiagonal(b, LD), b.scalar(0, b.meta(self).dtype)]);
      const isSingle = b.op("Greater", [pivots, b.scalar(0n, "int32")]);
      return [LD, pivots, onnxFirst(b, b.op("And", [isZero, isSingle]))];
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.ldl_factor.html */
export const linalgLdlFactor = defineOp(
  "aten::linalg_ldl_factor(Tensor self, *, bool hermitian=False) -> (Tensor LD, Tensor pivots)",
  {
    decompose: (t, { self, hermitian }) => {
      const [LD, pivots] = t.call(linalgLdlFactorEx, self, hermitian);
      return [LD, pivots];
    },
  },
);

/** The sizes of solutions: batches broadcast. */
function solvedShape(LD: Meta, B: Meta): Dim[] {
  requireSquare("torch.linalg.ldl_solve", LD);
  matrixShape("torch.linalg.ldl_solve", B.shape);
  return [...broadcastShapes(LD.shape.slice(0, -2), B.shape.slice(0, -2)), ...B.shape.slice(-2)];
}

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.ldl_solve.html */
export const linalgLdlSolve = defineOp(
  "aten::linalg_ldl_solve(Tensor LD, Tensor pivots, Tensor B, *, bool hermitian=False) -> Tensor",
  {
    meta: (_, { LD, B }) => ({ dtype: B.dtype, shape: solvedShape(LD, B) }),
    kernel: ({ LD, pivots, B }) =>
      mapMatrices(
        [LD, asColumn(pivots), B],
        [{ dtype: B.dtype, shape: B.shape.slice(-2) }],
        (m, p, r) => [solveLDL(m, p.map(([v]) => v), r)],
      )[0],
    onnx: (b, { LD, pivots, B }) => onnxSolveLDL(b, LD, pivots, B),
  },
);
