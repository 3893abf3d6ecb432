/** Cholesky factorization, column by column. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { isComplex } from "../tensor/mod.ts";
import { eqScalar } from "./compare.ts";
import { fromRealMatrix, rowOfReal, toSymmetric } from "./complex_matrices.ts";
import { eye } from "./create.ts";
import { emitRepeat } from "./loop.ts";
import { onnxDiagonal, onnxFirst } from "./lu.ts";
import {
  int32Meta,
  mapMatrices,
  type Matrix,
  onnxAt,
  onnxIota,
  onnxTransposed,
  onnxZeros,
  requireSquare,
  squareShape,
  transposed,
  zeroMatrix,
} from "./matrices.ts";
import { type Calls, defineOp } from "./op.ts";
import { scalarLike } from "./overloads.ts";
import { shaped } from "./shapes.ts";
import { choleskySolve } from "./triangular.ts";
import { unsqueeze } from "./view.ts";
import { where } from "./where.ts";

/**
 * The lower factor of a matrix of which the lower triangle counts. Where there is none, the columns from that on are left as
 * they are but for the diagonal's element that shows it, as LAPACK does.
 */
export function factorCholesky(A: Matrix): { L: Matrix; info: number } {
  const n = A.length;
  const L = zeroMatrix(n, n);
  let info = 0;
  for (let k = 0; k < n; k++) {
    const rest = (i: number): number => {
      let value = A[i][k];
      for (let j = 0; j < k; j++) value -= L[i][j] * L[k][j];
      return value;
    };
    const pivot = info === 0 ? rest(k) : A[k][k];
    if (info === 0 && !(pivot > 0)) info = k + 1;
    for (let i = k; i < n; i++) L[i][k] = info === 0 ? rest(i) / Math.sqrt(pivot) : i === k ? pivot : A[i][k];
  }
  return { L, info };
}

/** The lower factors of a batch. */
function onnxCholesky(b: OnnxBuilder, A: OnnxValue): OnnxValue {
  const { dtype, shape } = b.meta(A);
  const size = shape[shape.length - 1];
  const column = onnxIota(b, size);
  const row = b.unsqueeze(column, 1);
  const zero = b.scalar(0, dtype);
  const start = [onnxZeros(b, dtype, shape), onnxZeros(b, "bool", [...shape.slice(0, -2), 1, 1])];
  const [L] = emitRepeat(b, size, start, (b, turn, [x, isBroken]) => {
    const k = b.unsqueeze(turn, 0);
    // Columns that are not there yet are zero.
    const known = b.op("MatMul", [x, onnxTransposed(b, onnxAt(b, x, k, -2))]);
    const own = onnxAt(b, A, k, -1);
    const rest = b.op("Sub", [own, known]);
    const pivot = onnxAt(b, rest, k, -2);
    const isLost = b.op("Not", [b.op("Greater", [pivot, zero])]);
    const shown = b.op("And", [b.op("Equal", [row, k]), b.op("Not", [isBroken])]);
    const left = b.op("Where", [shown, pivot, own]);
    const nextBroken = b.op("Or", [isBroken, isLost]);
    const found = b.op("Where", [nextBroken, left, b.op("Div", [rest, b.op("Sqrt", [pivot])])]);
    const next = b.op("Where", [b.op("Less", [row, k]), zero, found]);
    return { states: [b.op("Where", [b.op("Equal", [column, k]), next, x]), nextBroken] };
  });
  return L;
}

/**
 * https://docs.pytorch.org/docs/stable/generated/torch.linalg.cholesky_ex.html: errors are never raised, `info` tells.
 */
export const linalgCholeskyEx = defineOp(
  "aten::linalg_cholesky_ex(Tensor self, *, bool upper=False, bool check_errors=False) -> (Tensor L, Tensor info)",
  {
    meta: (_, { self }) => {
      const isReal = !isComplex(self.dtype);
      const { batch } = isReal ? requireSquare("linalg.cholesky", self) : squareShape("linalg.cholesky", self.shape);
      return [shaped(self, self.shape), int32Meta(batch)];
    },
    complex: (t, { self, upper }, op) => {
      const [L, info] = t.call(op, toSymmetric(t, self), upper);
      return [fromRealMatrix(t, L), rowOfReal(t, info)];
    },
    kernel: ({ self, upper }) => {
      const [L, info] = mapMatrices([self], [
        { dtype: self.dtype, shape: self.shape.slice(-2) },
        { dtype: "int32", shape: [] },
      ], (A) => {
        const found = factorCholesky(upper ? transposed(A) : A);
        return [upper ? transposed(found.L) : found.L, found.info];
      });
      return [L, info];
    },
    onnx: (b, { self, upper }) => {
      const L = onnxCholesky(b, upper ? onnxTransposed(b, self) : self);
      const zero = b.scalar(0, b.meta(self).dtype);
      const isBroken = b.op("Not", [b.op("Greater", [onnxDiagonal(b, L), zero])]);
      return [upper ? onnxTransposed(b, L) : L, onnxFirst(b, isBroken)];
    },
  },
);

/** The factor; of matrices that have none, for which PyTorch raises an error, NaN. */
function factorOrNaN<T extends object>(t: Calls<T>, self: T, upper: boolean): T {
  const [L, info] = t.call(linalgCholeskyEx, self, upper);
  const isFactor = t.call(unsqueeze, t.call(unsqueeze, t.call(eqScalar, info, 0n), -1), -1);
  return t.call(where, isFactor, L, scalarLike(t, L, NaN));
}

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.cholesky.html */
export const linalgCholesky = defineOp("aten::linalg_cholesky(Tensor self, *, bool upper=False) -> Tensor", {
  decompose: (t, { self, upper }) => factorOrNaN(t, self, upper),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.cholesky.html */
export const cholesky = defineOp("aten::cholesky(Tensor self, bool upper=False) -> Tensor", {
  decompose: (t, { self, upper }) => factorOrNaN(t, self, upper),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.cholesky_inverse.html */
export const choleskyInverse = defineOp("aten::cholesky_inverse(Tensor self, bool upper=False) -> Tensor", {
  decompose: (t, { self, upper }) => {
    const { dtype, shape } = t.meta(self);
    return t.call(choleskySolve, t.call(eye, shape[shape.length - 1], dtype), self, upper);
  },
});
