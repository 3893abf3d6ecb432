/** LU factorization with partial pivoting, as LAPACK's getrf: the factors packed in one matrix, their parts, and solving. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import type { Dim } from "../sym/mod.ts";
import { type DType, type Meta, Tensor } from "../tensor/mod.ts";
import { emitEye } from "./create.ts";
import { diagonal } from "./diagonal.ts";
import { complexLU } from "./complex_factors.ts";
import { emitRepeat } from "./loop.ts";
import {
  asColumn,
  int32Meta,
  mapMatrices,
  type Matrix,
  matrixShape,
  onnxAt,
  onnxBatched,
  onnxIota,
  onnxZeros,
  requireFactored,
} from "./matrices.ts";
import { defineOp } from "./op.ts";
import { refuse } from "./rules.ts";
import { shaped, smaller } from "./shapes.ts";
import { tril } from "./triangle.ts";

/** A factored matrix: unit lower and upper triangle in one, the row that each row was exchanged with (from 0). */
export interface Factored {
  readonly LU: Matrix;
  readonly pivots: number[];
  /** The first column without a pivot, from 1; 0 where there is none. */
  readonly info: number;
}

/** Factors a matrix. */
export function factorLU(A: Matrix): Factored {
  const LU = A.map((row) => row.slice());
  const [rows, columns] = [LU.length, LU[0]?.length ?? 0];
  const pivots: number[] = [];
  let info = 0;
  for (let k = 0; k < Math.min(rows, columns); k++) {
    let p = k;
    for (let i = k + 1; i < rows; i++) if (Math.abs(LU[i][k]) > Math.abs(LU[p][k])) p = i;
    pivots.push(p);
    [LU[k], LU[p]] = [LU[p], LU[k]];
    if (LU[k][k] === 0) {
      info ||= k + 1;
      continue;
    }
    for (let i = k + 1; i < rows; i++) {
      LU[i][k] /= LU[k][k];
      for (let j = k + 1; j < columns; j++) LU[i][j] -= LU[i][k] * LU[k][j];
    }
  }
  return { LU, pivots, info };
}

/** The factors of a batch in ONNX. */
export interface OnnxFactored {
  readonly LU: OnnxValue;
  /** int64, from 0: `[…, count]`. */
  readonly pivots: OnnxValue;
}

/**
 * Factors the first `count` columns of matrices, carrying the others along: of `[A | B]` that makes `[LU | L^-1 P B]`.
 * Columns are eliminated one by one.
 */
export function onnxFactorLU(b: OnnxBuilder, A: OnnxValue, count: Dim): OnnxFactored {
  const { dtype, shape } = b.meta(A);
  const { batch, rows, columns } = matrixShape("LU", shape);
  if (count === 0) return { LU: A, pivots: b.cast(onnxZeros(b, dtype, [...batch, 0]), "int64") };
  const row = b.unsqueeze(onnxIota(b, rows), 1);
  const column = onnxIota(b, columns);
  const rowShape = b.ints([...batch, 1, columns]);
  const zero = b.scalar(0, dtype);
  const [LU, found] = emitRepeat(b, count, [A], (b, k, [x]) => {
    const open = b.op("Abs", [onnxAt(b, x, k, -1)]);
    const candidates = b.op("Where", [b.op("Less", [row, k]), b.scalar(-1, dtype), open]);
    const pivot = b.op("ArgMax", [candidates], { axis: -2, keepdims: 1 });
    // The pivot's row and this one are exchanged.
    const top = b.op("GatherElements", [x, b.op("Expand", [pivot, rowShape])], { axis: -2 });
    const lowered = b.op("Where", [b.op("Equal", [row, pivot]), onnxAt(b, x, k, -2), x]);
    const exchanged = b.op("Where", [b.op("Equal", [row, k]), top, lowered]);
    // Where there is no pivot all below it is zero too, and stays.
    const value = onnxAt(b, top, k, -1);
    const divisor = b.op("Where", [b.op("Equal", [value, zero]), b.scalar(1, dtype), value]);
    const isBelow = b.op("Greater", [row, k]);
    const factors = b.op("Where", [isBelow, b.op("Div", [onnxAt(b, exchanged, k, -1), divisor]), zero]);
    const right = b.op("Where", [b.op("Greater", [column, k]), top, zero]);
    const reduced = b.op("Sub", [exchanged, b.op("Mul", [factors, right])]);
    const isFactor = b.op("And", [isBelow, b.op("Equal", [column, k])]);
    return { states: [b.op("Where", [isFactor, factors, reduced])], collected: [pivot] };
  });
  const order = batch.map((_, d) => d + 1);
  const pivots = b.transpose(b.squeeze(found, -2, -1), [...order, 0]);
  found.meta = { dtype: "int64", shape: [count, ...batch, 1, 1] };
  pivots.meta = { dtype: "int64", shape: [...batch, count] };
  return { LU, pivots };
}

/** Pivots from 1, as LAPACK counts. */
export function onnxLapackPivots(b: OnnxBuilder, pivots: OnnxValue): OnnxValue {
  return b.cast(b.op("Add", [pivots, b.scalar(1n, "int64")]), "int32");
}

/** The diagonals of matrices. */
export function onnxDiagonal(b: OnnxBuilder, x: OnnxValue): OnnxValue {
  return diagonal.onnx!(b, { self: x, offset: 0, dim1: -2, dim2: -1 });
}

/** Where a bool is first true along the last dim, from 1; 0 where it nowhere is. As int32. */
export function onnxFirst(b: OnnxBuilder, truth: OnnxValue): OnnxValue {
  const { shape } = b.meta(truth);
  const batch = shape.slice(0, -1);
  if (shape[shape.length - 1] === 0) return b.op("Expand", [b.scalar(0n, "int32"), b.ints(batch)]);
  const found = b.cast(truth, "int32");
  const index = b.op("Add", [b.op("ArgMax", [found], { axis: -1, keepdims: 0 }), b.scalar(1n, "int64")]);
  return b.op("Mul", [b.cast(index, "int32"), b.op("ReduceMax", [found, b.ints([-1])], { keepdims: 0 })]);
}

/** `info` of a factorization, from the diagonal of U. */
export function onnxInfo(b: OnnxBuilder, diagonal: OnnxValue): OnnxValue {
  return onnxFirst(b, b.op("Equal", [diagonal, b.scalar(0, b.meta(diagonal).dtype)]));
}

interface FactorMetas {
  readonly LU: Meta;
  readonly pivots: Meta;
  readonly info: Meta;
}

function factorMetas(name: string, A: Meta): FactorMetas {
  requireFactored(name, A, true);
  const { batch, rows, columns } = matrixShape(name, A.shape);
  return {
    LU: shaped(A, A.shape),
    pivots: int32Meta([...batch, smaller(rows, columns)]),
    info: int32Meta(batch),
  };
}

/** @throws {RangeError} as PyTorch on the CPU does, where rows are not to be exchanged */
function requirePivot(pivot: boolean): void {
  if (!pivot) refuse("pivot", pivot, "LU factorization without pivoting is not implemented on the CPU");
}

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.lu_factor_ex.html: errors are never raised, `info` tells. */
export const linalgLuFactorEx = defineOp(
  "aten::linalg_lu_factor_ex(Tensor A, *, bool pivot=True, bool check_errors=False) -> (Tensor LU, Tensor pivots, Tensor info)",
  {
    meta: (_, { A, pivot }) => {
      requirePivot(pivot);
      const { LU, pivots, info } = factorMetas("linalg.lu_factor", A);
      return [LU, pivots, info];
    },
    kernel: ({ A }) => {
      const [rows, columns] = A.shape.slice(-2);
      const [LU, pivots, info] = mapMatrices([A], [
        { dtype: A.dtype, shape: [rows, columns] },
        { dtype: "int32", shape: [Math.min(rows, columns)] },
        { dtype: "int32", shape: [] },
      ], (m) => {
        const found = factorLU(m);
        return [found.LU, found.pivots.map((p) => p + 1), found.info];
      });
      return [LU, pivots, info];
    },
    onnx: (b, { A, pivot }) => {
      requirePivot(pivot);
      const metas = factorMetas("linalg.lu_factor", b.meta(A));
      const { LU, pivots } = onnxFactorLU(b, A, metas.pivots.shape.at(-1)!);
      return [LU, onnxLapackPivots(b, pivots), onnxInfo(b, onnxDiagonal(b, LU))];
    },
    complex: (t, { A, pivot }) => {
      requirePivot(pivot);
      const { LU, pivots, info } = complexLU(t, A);
      return [LU, pivots, info];
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.lu_factor.html */
export const linalgLuFactor = defineOp(
  "aten::linalg_lu_factor(Tensor A, *, bool pivot=True) -> (Tensor LU, Tensor pivots)",
  {
    decompose: (t, { A, pivot }) => {
      const [LU, pivots] = t.call(linalgLuFactorEx, A, pivot);
      return [LU, pivots];
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.lu.html */
export const luWithInfo = defineOp(
  "aten::_lu_with_info(Tensor self, bool pivot=True, bool check_errors=True) -> (Tensor LU, Tensor pivots, Tensor info)",
  { decompose: (t, { self, pivot, check_errors }) => t.call(linalgLuFactorEx, self, pivot, check_errors) },
);

/** The order of rows that exchanges (from 0) lead to; backwards it is the order that undoes them. */
export function rowOrder(pivots: readonly number[], rows: number, backwards = false): number[] {
  const order = Array.from({ length: rows }, (_, i) => i);
  const steps = pivots.map((p, i) => [i, p]);
  for (const [i, p] of backwards ? steps.reverse() : steps) [order[i], order[p]] = [order[p], order[i]];
  return order;
}

/** The same in ONNX: `[…, rows]` of int64, from pivots as LAPACK counts them. */
export function onnxRowOrder(b: OnnxBuilder, pivots: OnnxValue, rows: Dim, backwards = false): OnnxValue {
  const { shape } = b.meta(pivots);
  const [batch, count] = [shape.slice(0, -1), shape[shape.length - 1]];
  const row = onnxIota(b, rows);
  const start = onnxBatched(b, row, batch, 1);
  const zeroBased = b.op("Sub", [b.cast(pivots, "int64"), b.scalar(1n, "int64")]);
  const [order] = emitRepeat(b, count, [start], (b, turn, [order]) => {
    const i = backwards ? b.op("Sub", [b.op("Sub", [b.dim(count), turn]), b.scalar(1n, "int64")]) : turn;
    const p = onnxAt(b, zeroBased, i, -1);
    const lowered = b.op("Where", [b.op("Equal", [row, p]), i, row]);
    const exchange = b.op("Where", [b.op("Equal", [row, i]), p, lowered]);
    return { states: [b.op("GatherElements", [order, exchange], { axis: -1 })] };
  });
  return order;
}

/** An empty vector, which PyTorch gives where a result is not asked for. */
export function emptyMeta(dtype: DType): Meta {
  return { dtype, shape: [0] };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.lu_unpack.html */
export const luUnpack = defineOp(
  "aten::lu_unpack(Tensor LU_data, Tensor LU_pivots, bool unpack_data=True, bool unpack_pivots=True) -> (Tensor P, Tensor L, Tensor U)",
  {
    meta: (_, { LU_data, unpack_data, unpack_pivots }) => {
      requireFactored("torch.lu_unpack", LU_data, true);
      const { batch, rows, columns } = matrixShape("torch.lu_unpack", LU_data.shape);
      const { dtype } = LU_data;
      const count = smaller(rows, columns);
      const empty = emptyMeta(dtype);
      return [
        unpack_pivots ? { dtype, shape: [...batch, rows, rows] } : empty,
        unpack_data ? { dtype, shape: [...batch, rows, count] } : empty,
        unpack_data ? { dtype, shape: [...batch, count, columns] } : empty,
      ];
    },
    kernel: ({ LU_data, LU_pivots, unpack_data, unpack_pivots }) => {
      const { dtype, shape } = LU_data;
      const [rows, columns] = shape.slice(-2);
      const count = Math.min(rows, columns);
      const [P, L, U] = mapMatrices([LU_data, asColumn(LU_pivots)], [
        { dtype, shape: [rows, rows] },
        { dtype, shape: [rows, count] },
        { dtype, shape: [count, columns] },
      ], (LU, pivots) => {
        const order = rowOrder(pivots.map(([p]) => p - 1), rows);
        const P = Array.from({ length: rows }, (_, r) => Float64Array.from(order, (from) => Number(from === r)));
        const L = LU.map((row, i) => Float64Array.from({ length: count }, (_, j) => j < i ? row[j] : Number(i === j)));
        const U = LU.slice(0, count).map((row, i) => row.map((v, j) => j < i ? 0 : v));
        return [P, L, U];
      });
      const empty = Tensor.of(dtype, [0], []);
      return [unpack_pivots ? P : empty, unpack_data ? L : empty, unpack_data ? U : empty];
    },
    onnx: (b, { LU_data, LU_pivots, unpack_data, unpack_pivots }) => {
      const { dtype, shape } = b.meta(LU_data);
      const { rows, columns } = matrixShape("torch.lu_unpack", shape);
      const empty = b.constant(Tensor.of(dtype, [0], []));
      const P = (): OnnxValue => {
        const order = b.unsqueeze(onnxRowOrder(b, LU_pivots, rows), -2);
        return b.cast(b.op("Equal", [order, b.unsqueeze(onnxIota(b, rows), 1)]), dtype);
      };
      const [L, U] = unpack_data ? onnxTriangles(b, LU_data, rows, columns) : [empty, empty];
      return [unpack_pivots ? P() : empty, L, U];
    },
    complex: (t, { LU_data, LU_pivots, unpack_data, unpack_pivots }, op) => {
      const [re, im] = t.parts(LU_data);
      const [P, L, U] = t.call(op, re, LU_pivots, unpack_data, unpack_pivots);
      const whole = t.join(P, null);
      if (!im || !unpack_data) return [whole, t.join(L, null), t.join(U, null)];
      const [, lower, upper] = t.call(op, im, LU_pivots, true, false);
      // The ones on the diagonal are real.
      return [whole, t.join(L, t.call(tril, lower, -1)), t.join(U, upper)];
    },
  },
);

/** The unit lower and the upper triangle of packed factors. */
function onnxTriangles(b: OnnxBuilder, LU: OnnxValue, rows: Dim, columns: Dim): [OnnxValue, OnnxValue] {
  const count = smaller(rows, columns);
  const { dtype } = b.meta(LU);
  const part = (axis: number, size: Dim): OnnxValue =>
    size === count ? LU : b.op("Slice", [LU, b.ints([0]), b.ints([count]), b.ints([axis])]);
  const strict = b.op("Trilu", [part(-1, columns), b.scalar(-1n, "int64")], { upper: 0 });
  const L = b.op("Add", [strict, emitEye(b, rows, count, dtype)]);
  return [L, b.op("Trilu", [part(-2, rows)], { upper: 1 })];
}

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.lu.html */
export const linalgLu = defineOp(
  "aten::linalg_lu(Tensor A, *, bool pivot=True) -> (Tensor P, Tensor L, Tensor U)",
  {
    decompose: (t, { A, pivot }) => {
      const [LU, pivots] = t.call(linalgLuFactorEx, A, pivot);
      return t.call(luUnpack, LU, pivots);
    },
  },
);

/** The determinants of factored matrices: the sign of the exchanges times the diagonal. */
export function onnxDeterminant(b: OnnxBuilder, { LU, pivots }: OnnxFactored): OnnxValue {
  const diagonal = onnxDiagonal(b, LU);
  const product = b.op("ReduceProd", [diagonal, b.ints([-1])], { keepdims: 0 });
  return b.op("Mul", [product, onnxParity(b, pivots, b.meta(LU).dtype)]);
}

/** -1 where the number of exchanges is odd, else 1. */
export function onnxParity(b: OnnxBuilder, pivots: OnnxValue, dtype: DType): OnnxValue {
  const { shape } = b.meta(pivots);
  const stays = b.op("Equal", [pivots, onnxIota(b, shape[shape.length - 1])]);
  const signs = b.op("Where", [stays, b.scalar(1, dtype), b.scalar(-1, dtype)]);
  return b.op("ReduceProd", [signs, b.ints([-1])], { keepdims: 0 });
}

/** The sign of the exchanges of pivots from 0. */
export function parityOf(pivots: readonly number[]): number {
  return pivots.reduce((sign, p, i) => p === i ? sign : -sign, 1);
}
