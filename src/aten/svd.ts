/**
 * Singular values by Jacobi's method on columns. The left vectors come of a QR factorization of the columns that it leaves:
 * that gives orthogonal ones also where singular values are zero, and completes them to a square where that is asked for.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, eq, lt, sub } from "../sym/mod.ts";
import { type DType, type Meta, Tensor } from "../tensor/mod.ts";
import { halved, toRealMatrix } from "./complex_matrices.ts";
import { emitEye } from "./create.ts";
import { applyReflections, onnxApplyReflections, onnxReflect, reflect } from "./householder.ts";
import { onnxColumns, onnxJacobiColumns, onnxSigns, onnxSorted, signOf } from "./jacobi.ts";
import { emptyMeta, onnxDiagonal } from "./lu.ts";
import {
  identity,
  mapMatrices,
  type Matrix,
  matrixShape,
  onnxBatched,
  onnxTransposed,
  onnxZeros,
  requireFactored,
  transposed,
} from "./matrices.ts";
import { defineOp } from "./op.ts";
import { mT } from "./permute.ts";
import { refuse } from "./rules.ts";
import { shaped, smaller } from "./shapes.ts";

/** `A = U diag(S) V^T`, singular values in descending order. */
export interface Singular<T, V> {
  readonly U: T;
  readonly S: V;
  readonly V: T;
}

/** Of a matrix with at least as many rows as columns. `full` makes U square. */
function singularOfTall(A: Matrix, rows: number, columns: number, full: boolean): Singular<Matrix, number[]> {
  const W = transposed(A, columns);
  const V = identity(columns);
  const dot = (x: Float64Array, y: Float64Array): number => x.reduce((sum, v, i) => sum + v * y[i], 0);
  const turn = (x: Float64Array, y: Float64Array, c: number, s: number): void => {
    for (let i = 0; i < x.length; i++) [x[i], y[i]] = [c * x[i] - s * y[i], s * x[i] + c * y[i]];
  };
  const total = Math.sqrt(W.reduce((sum, column) => sum + dot(column, column), 0));
  for (let sweep = 0, isLarge = true; sweep < 100 && isLarge; sweep++) {
    isLarge = false;
    for (let p = 0; p < columns; p++) {
      for (let q = p + 1; q < columns; q++) {
        const [a, b, product] = [dot(W[p], W[p]), dot(W[q], W[q]), dot(W[p], W[q])];
        const length = (square: number): number => Math.max(Math.sqrt(square), 1e-16 * total);
        if (!(Math.abs(product) > 1e-15 * length(a) * length(b))) continue;
        isLarge = true;
        const theta = (b - a) / (2 * product);
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        const c = 1 / Math.sqrt(t * t + 1);
        turn(W[p], W[q], c, t * c);
        turn(V[p], V[q], c, t * c);
      }
    }
  }
  const lengths = W.map((column) => Math.sqrt(dot(column, column)));
  const order = lengths.map((_, i) => i).sort((i, j) => lengths[j] - lengths[i]);
  const signs = order.map((j) => signOf(V[j]));
  const { packed, tau } = reflect(transposed(order.map((j, at) => W[j].map((v) => v * signs[at])), rows));
  const Q = applyReflections({ packed, tau }, identity(rows, full ? rows : columns), false);
  return {
    U: Q.map((row) => row.map((v, j) => j < columns && packed[j][j] < 0 ? -v : v)),
    S: order.map((i) => lengths[i]),
    V: transposed(order.map((j, at) => V[j].map((v) => v * signs[at])), columns),
  };
}

/** Of any matrix. `full` makes U and V square. */
export function singularOf(A: Matrix, rows: number, columns: number, full: boolean): Singular<Matrix, number[]> {
  if (rows >= columns) return singularOfTall(A, rows, columns, full);
  const { U, S, V } = singularOfTall(transposed(A, columns), columns, rows, full);
  return { U: V, S, V: U };
}

/** The sizes of a decomposition. */
function sizesOf(A: Meta): { batch: Dim[]; rows: Dim; columns: Dim; count: Dim } {
  requireFactored("linalg.svd", A);
  const { batch, rows, columns } = matrixShape("linalg.svd", A.shape);
  return { batch, rows, columns, count: smaller(rows, columns) };
}

/** In ONNX. */
function onnxSingular(b: OnnxBuilder, A: OnnxValue, full: boolean): Singular<OnnxValue, OnnxValue> {
  const { dtype } = b.meta(A);
  const { batch, rows, columns, count } = sizesOf(b.meta(A));
  if (lt(rows, columns) === true) {
    const { U, S, V } = onnxSingular(b, onnxTransposed(b, A), full);
    return { U: V, S, V: U };
  }
  if (count === 0) {
    const eye = (size: Dim): OnnxValue =>
      full ? onnxBatched(b, emitEye(b, size, size, dtype), batch, 2) : onnxZeros(b, dtype, [...batch, size, 0]);
    return { U: eye(rows), S: onnxZeros(b, dtype, [...batch, 0]), V: eye(columns) };
  }
  const found = onnxJacobiColumns(b, A, true);
  const signs = onnxSigns(b, found.V!);
  const lengths = b.op("ReduceL2", [found.W, b.ints([-2])], { keepdims: 0 });
  const all = onnxSorted(b, lengths, true, columns);
  // Where there may be more columns than rows, those beyond them are zero.
  const { values: S, order } = eq(columns, count) === true ? all : onnxSorted(b, lengths, true, count);
  const W = onnxColumns(b, b.op("Mul", [found.W, signs]), order);
  const V = onnxColumns(b, b.op("Mul", [found.V!, signs]), full ? all.order : order);
  const reflections = onnxReflect(b, W);
  const start = emitEye(b, rows, full ? rows : count, dtype);
  const Q = onnxApplyReflections(b, reflections, start, false);
  const isTurned = b.op("Less", [onnxDiagonal(b, reflections.packed), b.scalar(0, dtype)]);
  const sides = b.op("Where", [isTurned, b.scalar(-1, dtype), b.scalar(1, dtype)]);
  const isSquare = !full || eq(rows, count) === true;
  return { U: b.op("Mul", [Q, b.unsqueeze(isSquare ? sides : padded(b, sides, sub(rows, count)), -2)]), S, V };
}

/** A vector per matrix with ones at its end. */
function padded(b: OnnxBuilder, x: OnnxValue, more: Dim): OnnxValue {
  const { dtype, shape } = b.meta(x);
  const lead = new Array<Dim>(shape.length).fill(0);
  const after: Dim[] = [...lead.slice(1), more];
  return b.op("Pad", [x, b.ints([...lead, ...after]), b.scalar(1, dtype)]);
}

/** Singular values only. */
function onnxSingularValues(b: OnnxBuilder, A: OnnxValue): OnnxValue {
  const { dtype } = b.meta(A);
  const { batch, rows, columns, count } = sizesOf(b.meta(A));
  if (count === 0) return onnxZeros(b, dtype, [...batch, 0]);
  const { W } = onnxJacobiColumns(b, lt(rows, columns) === true ? onnxTransposed(b, A) : A, false);
  return onnxSorted(b, b.op("ReduceL2", [W, b.ints([-2])], { keepdims: 0 }), true, count).values;
}

/** @throws {RangeError} as PyTorch on the CPU does, where a driver is named */
function requireNoDriver(driver: string | null): void {
  if (driver !== null) refuse("driver", driver, "drivers are those of cuSOLVER");
}

/**
 * https://docs.pytorch.org/docs/stable/generated/torch.linalg.svd.html: singular vectors are unique up to their sign only (see
 * `signOf`), those of equal singular values up to a rotation, those that complete a square up to any.
 */
export const linalgSvdFull = defineOp(
  "aten::_linalg_svd(Tensor A, bool full_matrices=False, bool compute_uv=True, *, str? driver=None) -> (Tensor U, Tensor S, Tensor Vh)",
  {
    meta: (_, { A, full_matrices, compute_uv, driver }) => {
      requireNoDriver(driver);
      const { batch, rows, columns, count } = sizesOf(A);
      const empty = emptyMeta(A.dtype);
      return [
        compute_uv ? shaped(A, [...batch, rows, full_matrices ? rows : count]) : empty,
        shaped(A, [...batch, count]),
        compute_uv ? shaped(A, [...batch, full_matrices ? columns : count, columns]) : empty,
      ];
    },
    kernel: ({ A, full_matrices, compute_uv }) => {
      const { dtype } = A;
      const [rows, columns] = A.shape.slice(-2);
      const count = Math.min(rows, columns);
      const [U, S, Vh] = mapMatrices([A], [
        { dtype, shape: [rows, full_matrices ? rows : count] },
        { dtype, shape: [count] },
        { dtype, shape: [full_matrices ? columns : count, columns] },
      ], (m) => {
        const found = singularOf(m, rows, columns, full_matrices);
        return [found.U, found.S, transposed(found.V, full_matrices ? columns : count)];
      });
      const empty = Tensor.of(dtype, [0], []);
      return compute_uv ? [U, S, Vh] : [empty, S, empty];
    },
    onnx: (b, { A, full_matrices, compute_uv, driver }) => {
      requireNoDriver(driver);
      if (!compute_uv) {
        const empty = b.constant(Tensor.of(b.meta(A).dtype, [0], []));
        return [empty, onnxSingularValues(b, A), empty];
      }
      const { U, S, V } = onnxSingular(b, A, full_matrices);
      return [U, S, onnxTransposed(b, V)];
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.svd.html */
export const linalgSvd = defineOp(
  "aten::linalg_svd(Tensor A, bool full_matrices=True, *, str? driver=None) -> (Tensor U, Tensor S, Tensor Vh)",
  { decompose: (t, { A, full_matrices, driver }) => t.call(linalgSvdFull, A, full_matrices, true, driver) },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.svdvals.html */
export const linalgSvdvals = defineOp("aten::linalg_svdvals(Tensor A, *, str? driver=None) -> Tensor", {
  decompose: (t, { A, driver }) => t.call(linalgSvdFull, A, false, false, driver)[1],
  complex: (t, { A, driver }, op) => halved(t, t.call(op, toRealMatrix(t, A), driver)),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.svd.html: without `compute_uv` the vectors are zeros. */
export const svd = defineOp(
  "aten::svd(Tensor self, bool some=True, bool compute_uv=True) -> (Tensor U, Tensor S, Tensor V)",
  {
    decompose: (t, { self, some, compute_uv }) => {
      const { dtype, shape } = t.meta(self);
      const [U, S, Vh] = t.call(linalgSvdFull, self, !some, compute_uv);
      if (compute_uv) return [U, S, t.call(mT, Vh)];
      const { batch, rows, columns } = matrixShape("torch.svd", shape);
      const zeros = (size: Dim): typeof U => t.full([...batch, size, size], 0, dtype as DType);
      return [zeros(rows), S, zeros(columns)];
    },
  },
);
