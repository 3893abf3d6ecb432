/** Systems of equations and inverses by LU factorization. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { add, type Dim, eq } from "../sym/mod.ts";
import { broadcastShapes, type Meta } from "../tensor/mod.ts";
import { eye } from "./create.ts";
import { expand } from "./expand.ts";
import { factorLU, onnxDiagonal, onnxFactorLU, onnxInfo, onnxLapackPivots, rowOrder } from "./lu.ts";
import {
  asColumn,
  int32Meta,
  mapMatrices,
  type Matrix,
  matrixShape,
  onnxBatched,
  onnxTransposed,
  requireSquare,
  transposed,
} from "./matrices.ts";
import { fromRealColumns, fromRealMatrix, rowOfReal, toRealColumns, toRealMatrix } from "./complex_matrices.ts";
import { type Calls, defineOp } from "./op.ts";
import { mT } from "./permute.ts";
import { refuse } from "./rules.ts";
import { shaped } from "./shapes.ts";
import { onnxSolveTriangle, solveTriangle } from "./triangular.ts";
import { squeezeDim, unsqueeze } from "./view.ts";

/** `X` of `A X = B`. */
function solveMatrix(A: Matrix, B: Matrix): Matrix {
  const { LU, pivots } = factorLU(A);
  const y = solveTriangle(LU, rowOrder(pivots, A.length).map((i) => B[i]), { upper: false, unit: true });
  return solveTriangle(LU, y, { upper: true, unit: false });
}

/** Whether `B` is a vector per system: 1-d, or of the shape of `A` without its last dim. */
function isVector(A: Meta, B: Meta): boolean {
  if (B.shape.length === 1) return true;
  return B.shape.length === A.shape.length - 1 && B.shape.every((d, i) => eq(d, A.shape[i]) === true);
}

interface SystemArgs<T> {
  readonly A: T;
  readonly B: T;
  readonly left: boolean;
}

/** @throws {RangeError} when the sizes don't fit */
function resultShape({ A, B, left }: SystemArgs<Meta>): Dim[] {
  const name = "linalg.solve";
  const { batch, size } = requireSquare(name, A);
  const vector = isVector(A, B);
  if (vector && !left) {
    throw new RangeError(`${name} of X A = B takes matrices B, met a vector per system`);
  }
  const shape = vector ? [...B.shape, 1] : B.shape;
  const { batch: others, rows, columns } = matrixShape(name, shape);
  if (eq(left ? rows : columns, size) === false) {
    throw new RangeError(`${name} cannot solve for ${left ? rows : columns} equations of ${size} unknowns`);
  }
  return [...broadcastShapes(batch, others), rows, ...(vector ? [] : [columns])];
}

/** `[…, n, r]` from `[A | B]` with B reduced along with A. */
function onnxSolve(b: OnnxBuilder, A: OnnxValue, B: OnnxValue): { X: OnnxValue; LU: OnnxValue; pivots: OnnxValue } {
  const [a, r] = [b.meta(A).shape, b.meta(B).shape];
  const batch = broadcastShapes(a.slice(0, -2), r.slice(0, -2));
  const [size, columns] = [a[a.length - 1], r[r.length - 1]];
  const both = b.op("Concat", [onnxBatched(b, A, batch, 2), onnxBatched(b, B, batch, 2)], { axis: -1 });
  both.meta = { dtype: b.meta(A).dtype, shape: [...batch, size, add(size, columns)] };
  const factored = onnxFactorLU(b, both, size);
  const [LU, y] = b.ops("Split", [factored.LU, b.ints([size, columns])], 2, { axis: -1 });
  LU.meta = { dtype: b.meta(A).dtype, shape: [...batch, size, size] };
  y.meta = { dtype: b.meta(A).dtype, shape: [...batch, size, columns] };
  return { X: onnxSolveTriangle(b, LU, y, { upper: true, unit: false }), LU, pivots: factored.pivots };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.solve_ex.html: errors are never raised, `info` tells. */
export const linalgSolveExFull = defineOp(
  "aten::_linalg_solve_ex(Tensor A, Tensor B, *, bool left=True, bool check_errors=False) -> (Tensor result, Tensor LU, Tensor pivots, Tensor info)",
  {
    meta: (_, { A, B, left }) => {
      const result = { dtype: A.dtype, shape: resultShape({ A, B, left }) };
      return [
        result,
        shaped(A, A.shape),
        int32Meta(A.shape.slice(0, -1)),
        int32Meta(A.shape.slice(0, -2)),
      ];
    },
    kernel: ({ A, B, left }) => {
      const size = A.shape[A.shape.length - 1];
      const shape = resultShape({ A, B, left }) as number[];
      const rhs = isVector(A, B) ? asColumn(B) : B;
      const [rows, columns] = rhs.shape.slice(-2);
      const [X] = mapMatrices([A, rhs], [{ dtype: A.dtype, shape: [rows, columns] }], (a, r) => [
        left ? solveMatrix(a, r) : transposed(solveMatrix(transposed(a), transposed(r, columns)), rows),
      ]);
      const [LU, pivots, info] = mapMatrices([A], [
        { dtype: A.dtype, shape: [size, size] },
        { dtype: "int32", shape: [size] },
        { dtype: "int32", shape: [] },
      ], (a) => {
        const found = factorLU(a);
        return [found.LU, found.pivots.map((p) => p + 1), found.info];
      });
      return [X.reshape(shape), LU, pivots, info];
    },
    onnx: (b, { A, B, left }) => {
      const [a, r] = [b.meta(A), b.meta(B)];
      const shape = resultShape({ A: a, B: r, left });
      const vector = isVector(a, r);
      const rhs = vector ? b.unsqueeze(B, -1) : B;
      const solved = left ? onnxSolve(b, A, rhs) : onnxSolve(b, onnxTransposed(b, A), onnxTransposed(b, rhs));
      const X = vector ? b.squeeze(solved.X, -1) : left ? solved.X : onnxTransposed(b, solved.X);
      X.meta = { dtype: a.dtype, shape };
      const isShared = left && b.meta(solved.LU).shape.length === a.shape.length &&
        a.shape.every((d, i) => eq(d, b.meta(solved.LU).shape[i]) === true);
      const { LU, pivots } = isShared ? solved : onnxFactorLU(b, A, a.shape[a.shape.length - 1]);
      return [X, LU, onnxLapackPivots(b, pivots), onnxInfo(b, onnxDiagonal(b, LU))];
    },
  },
);

interface Solution<T> {
  readonly result: T;
  readonly info: T;
}

/** Complex systems by their real forms. */
function solveComplex<T extends object>(t: Calls<T>, { A, B, left }: SystemArgs<T>): Solution<T> {
  const [a, r] = [t.meta(A).shape, t.meta(B).shape];
  const vector = isVector(t.meta(A), t.meta(B));
  if (vector && !left) refuse("left", left, "a vector per system stands on the right");
  let rhs = vector ? t.call(unsqueeze, B, -1) : left ? B : t.call(mT, B);
  // Of as many dims as `A`, so that no batch is taken for a vector per system.
  for (let rank = r.length + Number(vector); rank < a.length; rank++) rhs = t.call(unsqueeze, rhs, 0);
  const matrix = toRealMatrix(t, left ? A : t.call(mT, A));
  const [X, , , info] = t.call(linalgSolveExFull, matrix, toRealColumns(t, rhs));
  const found = fromRealColumns(t, X);
  const result = vector ? t.call(squeezeDim, found, -1) : left ? found : t.call(mT, found);
  return { result, info: rowOfReal(t, info) };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.solve_ex.html */
export const linalgSolveEx = defineOp(
  "aten::linalg_solve_ex(Tensor A, Tensor B, *, bool left=True, bool check_errors=False) -> (Tensor result, Tensor info)",
  {
    decompose: (t, { A, B, left }) => {
      const [result, , , info] = t.call(linalgSolveExFull, A, B, left);
      return [result, info];
    },
    complex: (t, args) => {
      const { result, info } = solveComplex(t, args);
      return [result, info];
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.solve.html */
export const linalgSolve = defineOp("aten::linalg_solve(Tensor A, Tensor B, *, bool left=True) -> Tensor", {
  complex: (t, args) => solveComplex(t, args).result,
  decompose: (t, { A, B, left }) => t.call(linalgSolveExFull, A, B, left)[0],
});

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.inv_ex.html */
export const linalgInvEx = defineOp(
  "aten::linalg_inv_ex(Tensor A, *, bool check_errors=False) -> (Tensor inverse, Tensor info)",
  {
    decompose: (t, { A }) => {
      const meta = t.meta(A);
      const { size } = requireSquare("linalg.inv", meta);
      // Of the shape of A: a single matrix might be taken for a vector per system.
      const one = t.call(expand, t.call(eye, size, meta.dtype), meta.shape);
      const [inverse, , , info] = t.call(linalgSolveExFull, A, one);
      return [inverse, info];
    },
    complex: (t, { A }, op) => {
      const [inverse, info] = t.call(op, toRealMatrix(t, A));
      return [fromRealMatrix(t, inverse), rowOfReal(t, info)];
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.inv.html */
export const linalgInv = defineOp("aten::linalg_inv(Tensor A) -> Tensor", {
  decompose: (t, { A }) => t.call(linalgInvEx, A)[0],
});

/** https://docs.pytorch.org/docs/stable/generated/torch.inverse.html */
export const inverse = defineOp("aten::inverse(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(linalgInvEx, self)[0],
});
