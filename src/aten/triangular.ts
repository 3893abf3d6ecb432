/** Triangular systems, solved row by row, and what rests on them: systems of factored matrices. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, sub } from "../sym/mod.ts";
import { permuteDims } from "../tensor/loops.ts";
import { broadcastShapes, isComplex, type Meta, type Tensor } from "../tensor/mod.ts";
import { adjointOf } from "./complex_factors.ts";
import { fromRealColumns, fromRealMatrix, toRealColumns, toRealMatrix, toSymmetric } from "./complex_matrices.ts";
import { clone } from "./copy.ts";
import { diagonal } from "./diagonal.ts";
import { div } from "./division.ts";
import { matmul } from "./linear.ts";
import { emitRepeat } from "./loop.ts";
import { luUnpack, onnxRowOrder, rowOrder } from "./lu.ts";
import {
  asColumn,
  mapMatrices,
  type Matrix,
  matrixShape,
  onnxAt,
  onnxBatched,
  onnxIota,
  onnxTransposed,
  onnxZeros,
  requireSquare,
  transposed,
  zeroMatrix,
} from "./matrices.ts";
import { type Calls, defineOp } from "./op.ts";
import { mT } from "./permute.ts";
import { unsqueeze } from "./view.ts";

/** Which triangle of a matrix counts, and whether its diagonal is taken for ones. */
export interface TriangleOptions {
  readonly upper: boolean;
  readonly unit: boolean;
}

/** `X` of `A X = B`. */
export function solveTriangle(A: Matrix, B: Matrix, { upper, unit }: TriangleOptions): Matrix {
  const n = A.length;
  const X = zeroMatrix(n, B[0]?.length ?? 0);
  for (let turn = 0; turn < n; turn++) {
    const i = upper ? n - 1 - turn : turn;
    for (let c = 0; c < X[i].length; c++) {
      let rest = B[i][c];
      for (let j = upper ? i + 1 : 0; j < (upper ? n : i); j++) rest -= A[i][j] * X[j][c];
      X[i][c] = unit ? rest : rest / A[i][i];
    }
  }
  return X;
}

/** The same for a batch in ONNX; batches broadcast. */
export function onnxSolveTriangle(
  b: OnnxBuilder,
  A: OnnxValue,
  B: OnnxValue,
  { upper, unit }: TriangleOptions,
): OnnxValue {
  const [a, r] = [b.meta(A), b.meta(B)];
  const size = a.shape[a.shape.length - 1];
  const batch = broadcastShapes(a.shape.slice(0, -2), r.shape.slice(0, -2));
  const zeros = onnxZeros(b, r.dtype, [...batch, ...r.shape.slice(-2)]);
  const triangle = b.op("Trilu", [A], { upper: upper ? 1 : 0 });
  const row = b.unsqueeze(onnxIota(b, size), 1);
  const last = upper ? b.dim(sub(size, 1)) : null;
  const [X] = emitRepeat(b, size, [zeros], (b, turn, [x]) => {
    const i = b.unsqueeze(last ? b.op("Sub", [last, turn]) : turn, 0);
    const factors = onnxAt(b, triangle, i, -2);
    // Rows that are not solved yet are zero.
    const rest = b.op("Sub", [onnxAt(b, B, i, -2), b.op("MatMul", [factors, x])]);
    const solved = unit ? rest : b.op("Div", [rest, onnxAt(b, factors, i, -1)]);
    return { states: [b.op("Where", [b.op("Equal", [row, i]), solved, x])] };
  });
  return X;
}

/** The shape of `X`, or of `B`, when batches broadcast. */
function solutionShape(A: Meta, B: Meta): Dim[] {
  return [...broadcastShapes(A.shape.slice(0, -2), B.shape.slice(0, -2)), ...B.shape.slice(-2)];
}

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.solve_triangular.html */
export const linalgSolveTriangular = defineOp(
  "aten::linalg_solve_triangular(Tensor self, Tensor B, *, bool upper, bool left=True, bool unitriangular=False) -> Tensor",
  {
    meta: (_, { self, B }) => {
      requireSquare("linalg.solve_triangular", self, true);
      matrixShape("linalg.solve_triangular", B.shape);
      return { dtype: B.dtype, shape: solutionShape(self, B) };
    },
    kernel: ({ self, B, upper, left, unitriangular }) => {
      const [rows, columns] = B.shape.slice(-2);
      const options = { upper: left ? upper : !upper, unit: unitriangular };
      const [X] = mapMatrices([self, B], [{ dtype: B.dtype, shape: [rows, columns] }], (a, r) => [
        left
          ? solveTriangle(a, r, options)
          : transposed(solveTriangle(transposed(a), transposed(r, columns), options), rows),
      ]);
      return X;
    },
    onnx: (b, { self, B, upper, left, unitriangular }) =>
      left ? onnxSolveTriangle(b, self, B, { upper, unit: unitriangular }) : onnxTransposed(
        b,
        onnxSolveTriangle(b, onnxTransposed(b, self), onnxTransposed(b, B), { upper: !upper, unit: unitriangular }),
      ),
    // Rows (or columns) divided by the diagonal: the real form of a triangle with ones there is one too.
    complex: (t, { self, B, upper, left, unitriangular }, op) => {
      const diag = t.call(unsqueeze, t.call(diagonal, self, 0, -2, -1), left ? -1 : -2);
      const [A, rhs] = unitriangular ? [self, B] : [t.call(div, self, diag), t.call(div, B, diag)];
      const columns = left ? toRealColumns(t, rhs) : toRealMatrix(t, rhs);
      // What stands on the diagonal is not looked at.
      const X = t.call(op, unitriangular ? toSymmetric(t, A) : toRealMatrix(t, A), columns, upper, left, true);
      return left ? fromRealColumns(t, X) : fromRealMatrix(t, X);
    },
  },
);

/** https://docs.pytorch.org/docs/2.0/generated/torch.triangular_solve.html: also gives the matrix as it is. */
export const triangularSolve = defineOp(
  "aten::triangular_solve(Tensor self, Tensor A, bool upper=True, bool transpose=False, bool unitriangular=False) -> (Tensor solution, Tensor cloned_coefficient)",
  {
    decompose: (t, { self, A, upper, transpose, unitriangular }) => [
      transpose
        ? t.call(linalgSolveTriangular, t.call(mT, A), self, !upper, true, unitriangular)
        : t.call(linalgSolveTriangular, A, self, upper, true, unitriangular),
      t.call(clone, A),
    ],
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.cholesky_solve.html */
export const choleskySolve = defineOp(
  "aten::cholesky_solve(Tensor self, Tensor input2, bool upper=False) -> Tensor",
  {
    decompose: (t, { self, input2, upper }) => {
      const turned = isComplex(t.meta(input2).dtype) ? adjointOf(t, input2) : t.call(mT, input2);
      const [lower, other] = upper ? [turned, input2] : [input2, turned];
      return t.call(linalgSolveTriangular, other, t.call(linalgSolveTriangular, lower, self, false), true);
    },
  },
);

interface FactoredArgs<T> {
  readonly LU: T;
  readonly pivots: T;
  readonly B: T;
  readonly left: boolean;
  readonly adjoint: boolean;
}

/** `A X = B` of a factored `A = P L U`, or of its transpose. */
function solveFactored(LU: Matrix, pivots: readonly number[], B: Matrix, adjoint: boolean): Matrix {
  const order = rowOrder(pivots, B.length, adjoint);
  if (!adjoint) {
    const y = solveTriangle(LU, order.map((i) => B[i]), { upper: false, unit: true });
    return solveTriangle(LU, y, { upper: true, unit: false });
  }
  const turned = transposed(LU);
  const y = solveTriangle(turned, B, { upper: false, unit: false });
  const z = solveTriangle(turned, y, { upper: true, unit: true });
  return order.map((i) => z[i]);
}

function onnxSolveFactored(b: OnnxBuilder, { LU, pivots, B, adjoint }: FactoredArgs<OnnxValue>): OnnxValue {
  const size = b.meta(LU).shape.at(-1)!;
  const order = b.unsqueeze(onnxRowOrder(b, pivots, size, adjoint), -1);
  const ordered = (x: OnnxValue): OnnxValue => {
    const { dtype, shape } = b.meta(x);
    const batch = broadcastShapes(shape.slice(0, -2), b.meta(order).shape.slice(0, -2));
    const full = [...batch, ...shape.slice(-2)];
    const index = b.op("Expand", [order, b.ints(full)]);
    const result = b.op("GatherElements", [onnxBatched(b, x, batch, 2), index], { axis: -2 });
    result.meta = { dtype, shape: full };
    return result;
  };
  if (!adjoint) {
    const y = onnxSolveTriangle(b, LU, ordered(B), { upper: false, unit: true });
    return onnxSolveTriangle(b, LU, y, { upper: true, unit: false });
  }
  const turned = onnxTransposed(b, LU);
  const y = onnxSolveTriangle(b, turned, B, { upper: false, unit: false });
  return ordered(onnxSolveTriangle(b, turned, y, { upper: true, unit: true }));
}

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.lu_solve.html */
export const linalgLuSolve = defineOp(
  "aten::linalg_lu_solve(Tensor LU, Tensor pivots, Tensor B, *, bool left=True, bool adjoint=False) -> Tensor",
  {
    meta: (_, { LU, B }) => {
      requireSquare("linalg.lu_solve", LU, true);
      matrixShape("linalg.lu_solve", B.shape);
      return { dtype: B.dtype, shape: solutionShape(LU, B) };
    },
    kernel: ({ LU, pivots, B, left, adjoint }) => {
      // X A = B is A^T X^T = B^T.
      const rhs = left ? B : lastTwo(B);
      const [X] = mapMatrices(
        [LU, asColumn(pivots), rhs],
        [{ dtype: B.dtype, shape: rhs.shape.slice(-2) }],
        (lu, p, r) => [solveFactored(lu, p.map(([v]) => v - 1), r, left ? adjoint : !adjoint)],
      );
      return left ? X : lastTwo(X);
    },
    onnx: (b, { LU, pivots, B, left, adjoint }) =>
      left ? onnxSolveFactored(b, { LU, pivots, B, left, adjoint }) : onnxTransposed(
        b,
        onnxSolveFactored(b, { LU, pivots, B: onnxTransposed(b, B), left: true, adjoint: !adjoint }),
      ),
    // X A = B is A^H X^H = B^H.
    complex: (t, { LU, pivots, B, left, adjoint }) =>
      left ? solveComplexFactored(t, LU, pivots, B, adjoint) : adjointOf(
        t,
        solveComplexFactored(t, LU, pivots, adjointOf(t, B), !adjoint),
      ),
  },
);

/** `A X = B` of a factored complex `A = P L U`, or of its adjoint. */
function solveComplexFactored<T extends object>(t: Calls<T>, LU: T, pivots: T, B: T, adjoint: boolean): T {
  const [P] = t.call(luUnpack, t.parts(LU)[0], pivots, false, true);
  const permutation = t.join(P, null);
  if (!adjoint) {
    const y = t.call(linalgSolveTriangular, LU, t.call(matmul, t.call(mT, permutation), B), false, true, true);
    return t.call(linalgSolveTriangular, LU, y, true);
  }
  const turned = adjointOf(t, LU);
  const y = t.call(linalgSolveTriangular, turned, B, false);
  return t.call(matmul, permutation, t.call(linalgSolveTriangular, turned, y, true, true, true));
}

function lastTwo(x: Tensor): Tensor {
  const rank = x.shape.length;
  return permuteDims(x, [...Array.from({ length: rank - 2 }, (_, d) => d), rank - 1, rank - 2]);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.lu_solve.html */
export const luSolve = defineOp("aten::lu_solve(Tensor self, Tensor LU_data, Tensor LU_pivots) -> Tensor", {
  decompose: (t, { self, LU_data, LU_pivots }) => t.call(linalgLuSolve, LU_data, LU_pivots, self),
});

/** What `cholesky_solve` calls once batches agree. */
export const choleskySolveHelper = defineOp(
  "aten::_cholesky_solve_helper(Tensor self, Tensor A, bool upper) -> Tensor",
  {
    decompose: (t, { self, A, upper }) => t.call(choleskySolve, self, A, upper),
  },
);
