/** Pseudoinverses, and least squares by them. */
import { ge, gt as greater } from "../sym/mod.ts";
import { isComplex, type Meta, toReal } from "../tensor/mod.ts";
import { mul, sub } from "./binary.ts";
import { gt } from "./compare.ts";
import { fromRealMatrix, toRealMatrix, toSymmetric } from "./complex_matrices.ts";
import { linalgEigh } from "./eigen.ts";
import { matmul } from "./linear.ts";
import { matrixShape, requireFactored, requireSquare } from "./matrices.ts";
import { linalgMatrixRankBoundTensors } from "./matrix_norm.ts";
import { type Calls, defineOp } from "./op.ts";
import { scalarLike } from "./overloads.ts";
import { mT } from "./permute.ts";
import { sumDim } from "./reduce.ts";
import { amax } from "./reduce_extrema.ts";
import { refuse } from "./rules.ts";
import { boundOf, type Bounds, numberBound } from "./singular_bound.ts";
import { linalgSvdFull } from "./svd.ts";
import { abs, reciprocal } from "./unary.ts";
import { squeezeDim, unsqueeze } from "./view.ts";
import { where } from "./where.ts";

/** By the eigenvalues of the lower triangle where the matrix is symmetric, else by singular values. */
function pseudoinverse<T extends object>(t: Calls<T>, self: T, bounds: Bounds<T>, hermitian: boolean): T {
  const meta = t.meta(self);
  requireFactored("linalg.pinv", meta, true);
  const { batch, rows, columns } = matrixShape("linalg.pinv", meta.shape);
  if (hermitian) requireSquare("linalg.pinv", meta, true);
  if (rows === 0 || columns === 0) return t.full([...batch, columns, rows], 0, meta.dtype);
  if (!isComplex(meta.dtype)) return realPseudoinverse(t, self, meta, bounds, hermitian);
  const real = hermitian ? toSymmetric(t, self) : toRealMatrix(t, self);
  const bounded = { dtype: toReal(meta.dtype), shape: meta.shape };
  return fromRealMatrix(t, realPseudoinverse(t, real, bounded, bounds, hermitian));
}

/** `meta` is that of the matrix by whose size what is negligible is judged. */
function realPseudoinverse<T extends object>(
  t: Calls<T>,
  self: T,
  meta: Meta,
  bounds: Bounds<T>,
  hermitian: boolean,
): T {
  let left: T, values: T, right: T;
  if (hermitian) {
    [values, left] = t.call(linalgEigh, self);
    right = left;
  } else {
    const [U, S, Vh] = t.call(linalgSvdFull, self);
    [left, values, right] = [t.call(mT, Vh), S, U];
  }
  const sizes = hermitian ? t.call(abs, values) : values;
  const bound = boundOf(t, meta, t.call(amax, sizes, [-1], true), bounds);
  const inverses = t.call(where, t.call(gt, sizes, bound), t.call(reciprocal, values), scalarLike(t, values, 0));
  return t.call(matmul, t.call(mul, left, t.call(unsqueeze, inverses, -2)), t.call(mT, right));
}

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.pinv.html */
export const linalgPinvBoundTensors = defineOp(
  "aten::linalg_pinv.atol_rtol_tensor(Tensor self, *, Tensor? atol=None, Tensor? rtol=None, bool hermitian=False) -> Tensor",
  { decompose: (t, { self, atol, rtol, hermitian }) => pseudoinverse(t, self, { atol, rtol }, hermitian) },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.pinv.html */
export const linalgPinvBounds = defineOp(
  "aten::linalg_pinv.atol_rtol_float(Tensor self, *, float? atol=None, float? rtol=None, bool hermitian=False) -> Tensor",
  {
    decompose: (t, { self, atol, rtol, hermitian }) =>
      pseudoinverse(t, self, { atol: numberBound(t, self, atol), rtol: numberBound(t, self, rtol) }, hermitian),
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.pinv.html */
export const linalgPinv = defineOp(
  "aten::linalg_pinv(Tensor self, float rcond, bool hermitian=False) -> Tensor",
  {
    decompose: (t, { self, rcond, hermitian }) =>
      pseudoinverse(t, self, { atol: null, rtol: numberBound(t, self, rcond) }, hermitian),
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.pinv.html */
export const linalgPinvTensor = defineOp(
  "aten::linalg_pinv.rcond_tensor(Tensor self, Tensor rcond, bool hermitian=False) -> Tensor",
  {
    decompose: (t, { self, rcond, hermitian }) => pseudoinverse(t, self, { atol: null, rtol: rcond }, hermitian),
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.pinverse.html */
export const pinverse = defineOp("aten::pinverse(Tensor self, float rcond=1.0000000000000001e-15) -> Tensor", {
  decompose: (t, { self, rcond }) => pseudoinverse(t, self, { atol: null, rtol: numberBound(t, self, rcond) }, false),
});

/** Whether a right-hand side is a vector per matrix. */
function isVector(A: Meta, B: Meta): boolean {
  return B.shape.length === A.shape.length - 1;
}

/**
 * https://docs.pytorch.org/docs/stable/generated/torch.linalg.lstsq.html: the solution of least size. The drivers `gelsd` and
 * `gelss` give residuals only where all matrices have full rank, which a program can't say beforehand.
 */
export const linalgLstsq = defineOp(
  "aten::linalg_lstsq(Tensor self, Tensor b, float? rcond=None, *, str? driver=None) -> (Tensor solution, Tensor residuals, Tensor rank, Tensor singular_values)",
  {
    decompose: (t, { self, b, rcond, driver }) => {
      const [A, B] = [t.meta(self), t.meta(b)];
      requireFactored("linalg.lstsq", A);
      const { rows, columns } = matrixShape("linalg.lstsq", A.shape);
      const name = driver ?? "gelsy";
      if (name !== "gelsy" && name !== "gels") {
        refuse("driver", name, "whether it gives residuals depends on values; use 'gelsy' or 'gels'");
      }
      const rtol = numberBound(t, self, rcond);
      const inverse = t.call(linalgPinvBoundTensors, self, null, rtol);
      const rhs = isVector(A, B) ? t.call(unsqueeze, b, -1) : b;
      const solution = t.call(matmul, inverse, rhs);
      const empty = t.full([0], 0, A.dtype);
      const result = isVector(A, B) ? t.call(squeezeDim, solution, -1) : solution;
      if (name === "gelsy") return [result, empty, t.call(linalgMatrixRankBoundTensors, self, null, rtol), empty];
      const isTall = greater(rows, columns);
      if (isTall !== true && ge(columns, rows) !== true) {
        refuse("driver", name, "whether there are more rows than columns must be known");
      }
      const rest = t.call(sub, t.call(matmul, self, solution), rhs);
      const residuals = isTall ? t.call(sumDim, t.call(mul, rest, rest), [-2]) : empty;
      return [result, residuals, t.full([0], 0n, "int64"), empty];
    },
  },
);
