/** Eigenvalues of symmetric matrices by Jacobi's method, and functions of such matrices. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { Tensor } from "../tensor/mod.ts";
import { onnxColumns, onnxJacobiEigen, onnxSigns, onnxSorted, signOf } from "./jacobi.ts";
import { halved, toSymmetric } from "./complex_matrices.ts";
import { emptyMeta } from "./lu.ts";
import { identity, mapMatrices, type Matrix, onnxIota, onnxTransposed, requireSquare } from "./matrices.ts";
import { defineOp } from "./op.ts";
import { refuse } from "./rules.ts";
import { shaped } from "./shapes.ts";

/** Eigenvalues in ascending order, and their vectors as columns. */
export interface Eigen {
  readonly values: number[];
  readonly vectors: Matrix;
}

/** Rotates pairs of rows and columns until nothing is left beside the diagonal. */
export function eigenOf(symmetric: Matrix): Eigen {
  const n = symmetric.length;
  const A = symmetric.map((row) => row.slice());
  const V = identity(n);
  const largest = Math.max(0, ...A.map((row) => row.reduce((max, v) => Math.max(max, Math.abs(v)), 0)));
  for (let sweep = 0, isLarge = true; sweep < 100 && isLarge; sweep++) {
    isLarge = false;
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        if (!(Math.abs(A[p][q]) > 1e-17 * largest)) continue;
        isLarge = true;
        const theta = (A[q][q] - A[p][p]) / (2 * A[p][q]);
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        const c = 1 / Math.sqrt(t * t + 1);
        const s = t * c;
        for (let k = 0; k < n; k++) [A[k][p], A[k][q]] = [c * A[k][p] - s * A[k][q], s * A[k][p] + c * A[k][q]];
        for (let k = 0; k < n; k++) [A[p][k], A[q][k]] = [c * A[p][k] - s * A[q][k], s * A[p][k] + c * A[q][k]];
        for (let k = 0; k < n; k++) [V[k][p], V[k][q]] = [c * V[k][p] - s * V[k][q], s * V[k][p] + c * V[k][q]];
        A[p][q] = A[q][p] = 0;
      }
    }
  }
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => A[i][i] - A[j][j]);
  const signs = order.map((j) => signOf(V.map((row) => row[j])));
  return {
    values: order.map((i) => A[i][i]),
    vectors: V.map((row) => Float64Array.from(order, (j, at) => row[j] * signs[at])),
  };
}

/** Whether the upper triangle counts. */
function isUpper(UPLO: string): boolean {
  const name = UPLO.toUpperCase();
  if (name !== "L" && name !== "U") refuse("UPLO", UPLO, "it must be 'L' or 'U'");
  return name === "U";
}

/** The symmetric matrix of one triangle. */
export function mirrored(A: Matrix, upper: boolean): Matrix {
  return A.map((row, i) => row.map((v, j) => (upper ? j >= i : j <= i) ? v : A[j][i]));
}

/** The same in ONNX. */
export function onnxMirrored(b: OnnxBuilder, A: OnnxValue, upper: boolean): OnnxValue {
  const { shape } = b.meta(A);
  const column = onnxIota(b, shape[shape.length - 1]);
  const isOwn = b.op(upper ? "LessOrEqual" : "GreaterOrEqual", [b.unsqueeze(column, 1), column]);
  return b.op("Where", [isOwn, A, onnxTransposed(b, A)]);
}

/** Eigenvalues in ascending order and vectors in ONNX; vectors are null unless they are wanted. */
export function onnxEigen(
  b: OnnxBuilder,
  symmetric: OnnxValue,
  withVectors: boolean,
): { values: OnnxValue; vectors: OnnxValue | null } {
  const size = b.meta(symmetric).shape.at(-1)!;
  const found = onnxJacobiEigen(b, symmetric, withVectors);
  const { values, order } = onnxSorted(b, found.values, false, size);
  const vectors = found.vectors && onnxColumns(b, found.vectors, order);
  return { values, vectors: vectors && b.op("Mul", [vectors, onnxSigns(b, vectors)]) };
}

/**
 * https://docs.pytorch.org/docs/stable/generated/torch.linalg.eigh.html: eigenvectors are unique up to their sign only (see
 * `signOf`), those of equal eigenvalues up to a rotation.
 */
export const linalgEighFull = defineOp(
  'aten::_linalg_eigh(Tensor A, str UPLO="L", bool compute_v=True) -> (Tensor eigenvalues, Tensor eigenvectors)',
  {
    meta: (_, { A, UPLO, compute_v }) => {
      const { batch, size } = requireSquare("linalg.eigh", A);
      isUpper(UPLO);
      return [shaped(A, [...batch, size]), compute_v ? shaped(A, A.shape) : emptyMeta(A.dtype)];
    },
    kernel: ({ A, UPLO, compute_v }) => {
      const { dtype, shape } = A;
      const size = shape[shape.length - 1];
      const [values, vectors] = mapMatrices([A], [{ dtype, shape: [size] }, { dtype, shape: [size, size] }], (m) => {
        const found = eigenOf(mirrored(m, isUpper(UPLO)));
        return [found.values, found.vectors];
      });
      return [values, compute_v ? vectors : Tensor.of(dtype, [0], [])];
    },
    onnx: (b, { A, UPLO, compute_v }) => {
      const { dtype, shape } = b.meta(A);
      const empty = b.constant(Tensor.of(dtype, [0], []));
      if (shape.at(-1) === 0) return [b.reshape(A, shape.slice(0, -1)), compute_v ? A : empty];
      const { values, vectors } = onnxEigen(b, onnxMirrored(b, A, isUpper(UPLO)), compute_v);
      return [values, vectors ?? empty];
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.eigh.html */
export const linalgEigh = defineOp(
  'aten::linalg_eigh(Tensor self, str UPLO="L") -> (Tensor eigenvalues, Tensor eigenvectors)',
  { decompose: (t, { self, UPLO }) => t.call(linalgEighFull, self, UPLO) },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.eigvalsh.html */
export const linalgEigvalsh = defineOp('aten::linalg_eigvalsh(Tensor self, str UPLO="L") -> Tensor', {
  decompose: (t, { self, UPLO }) => t.call(linalgEighFull, self, UPLO, false)[0],
  complex: (t, { self, UPLO }, op) => halved(t, t.call(op, toSymmetric(t, self), UPLO)),
});
