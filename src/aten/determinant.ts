/**
 * Determinants. ONNX has Det, in single precision and without its logarithm; all else comes of the LU factorization. The
 * factors that PyTorch gives beside a determinant are those of the transposed matrix, where it is real.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import type { Dim } from "../sym/mod.ts";
import { type Meta, toReal } from "../tensor/mod.ts";
import { add, mul } from "./binary.ts";
import { ltScalar } from "./compare.ts";
import { complexLU, factorsOfDeterminant } from "./complex_factors.ts";
import {
  factorLU,
  onnxDeterminant,
  onnxDiagonal,
  type OnnxFactored,
  onnxFactorLU,
  onnxLapackPivots,
  onnxParity,
  parityOf,
} from "./lu.ts";
import { int32Meta, mapMatrices, onnxTransposed, requireSquare, transposed } from "./matrices.ts";
import { defineOp } from "./op.ts";
import { scalarLike } from "./overloads.ts";
import { prodDim, sumDim } from "./reduce.ts";
import { shaped } from "./shapes.ts";
import { abs, log, sgn } from "./unary.ts";
import { where } from "./where.ts";

function onnxFactorTransposed(b: OnnxBuilder, A: OnnxValue): OnnxFactored {
  return onnxFactorLU(b, onnxTransposed(b, A), b.meta(A).shape.at(-1)!);
}

/** A number per matrix. */
function onnxFilled(b: OnnxBuilder, value: number, A: OnnxValue): OnnxValue {
  const { dtype, shape } = b.meta(A);
  return b.op("Expand", [b.scalar(value, dtype), b.ints(shape.slice(0, -2))]);
}

/** LU factors and pivots, as both determinants give them. */
function factorMetas(A: Meta, batch: readonly Dim[], size: Dim): [Meta, Meta] {
  return [shaped(A, A.shape), int32Meta([...batch, size])];
}

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.det.html */
export const linalgDetFull = defineOp(
  "aten::_linalg_det(Tensor A) -> (Tensor result, Tensor LU, Tensor pivots)",
  {
    meta: (_, { A }) => {
      const { batch, size } = requireSquare("linalg.det", A, true);
      return [shaped(A, batch), ...factorMetas(A, batch, size)];
    },
    kernel: ({ A }) => {
      const size = A.shape[A.shape.length - 1];
      const [result, LU, pivots] = mapMatrices([A], [
        { dtype: A.dtype, shape: [] },
        { dtype: A.dtype, shape: [size, size] },
        { dtype: "int32", shape: [size] },
      ], (m) => {
        const found = factorLU(transposed(m));
        const det = found.LU.reduce((product, row, i) => product * row[i], parityOf(found.pivots));
        return [det, found.LU, found.pivots.map((p) => p + 1)];
      });
      return [result, LU, pivots];
    },
    onnx: (b, { A }) => {
      const { dtype, shape } = b.meta(A);
      const factored = onnxFactorTransposed(b, A);
      // Det has no double precision, and runtimes make nothing of products of nothing.
      const result = shape[shape.length - 1] === 0
        ? onnxFilled(b, 1, A)
        : dtype === "float32"
        ? b.op("Det", [A])
        : onnxDeterminant(b, factored);
      return [result, factored.LU, onnxLapackPivots(b, factored.pivots)];
    },
    complex: (t, { A }) => {
      const factored = complexLU(t, A);
      const { diagonal, parity } = factorsOfDeterminant(t, factored);
      return [t.call(mul, t.call(prodDim, diagonal, -1), parity), factored.LU, factored.pivots];
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.det.html */
export const linalgDet = defineOp("aten::linalg_det(Tensor A) -> Tensor", {
  decompose: (t, { A }) => t.call(linalgDetFull, A)[0],
});

/** https://docs.pytorch.org/docs/stable/generated/torch.det.html */
export const det = defineOp("aten::det(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(linalgDetFull, self)[0],
});

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.slogdet.html */
export const linalgSlogdetFull = defineOp(
  "aten::_linalg_slogdet(Tensor A) -> (Tensor sign, Tensor logabsdet, Tensor LU, Tensor pivots)",
  {
    meta: (_, { A }) => {
      const { batch, size } = requireSquare("linalg.slogdet", A, true);
      return [shaped(A, batch), { dtype: toReal(A.dtype), shape: batch }, ...factorMetas(A, batch, size)];
    },
    kernel: ({ A }) => {
      const size = A.shape[A.shape.length - 1];
      const [sign, logabsdet, LU, pivots] = mapMatrices([A], [
        { dtype: A.dtype, shape: [] },
        { dtype: A.dtype, shape: [] },
        { dtype: A.dtype, shape: [size, size] },
        { dtype: "int32", shape: [size] },
      ], (m) => {
        const found = factorLU(transposed(m));
        const diagonal = found.LU.map((row, i) => row[i]);
        const sign = diagonal.reduce((s, v) => s * Math.sign(v), parityOf(found.pivots));
        const log = diagonal.reduce((sum, v) => sum + Math.log(Math.abs(v)), 0);
        return [sign, log, found.LU, found.pivots.map((p) => p + 1)];
      });
      return [sign, logabsdet, LU, pivots];
    },
    onnx: (b, { A }) => {
      const { dtype, shape } = b.meta(A);
      const factored = onnxFactorTransposed(b, A);
      const pivots = onnxLapackPivots(b, factored.pivots);
      if (shape[shape.length - 1] === 0) return [onnxFilled(b, 1, A), onnxFilled(b, 0, A), factored.LU, pivots];
      const diagonal = onnxDiagonal(b, factored.LU);
      const last = b.ints([-1]);
      const signs = b.op("ReduceProd", [b.op("Sign", [diagonal]), last], { keepdims: 0 });
      const sign = b.op("Mul", [signs, onnxParity(b, factored.pivots, dtype)]);
      const logs = b.op("Log", [b.op("Abs", [diagonal])]);
      const logabsdet = b.op("ReduceSum", [logs, last], { keepdims: 0 });
      return [sign, logabsdet, factored.LU, pivots];
    },
    complex: (t, { A }) => {
      const factored = complexLU(t, A);
      const { diagonal, parity } = factorsOfDeterminant(t, factored);
      const sign = t.call(mul, t.call(prodDim, t.call(sgn, diagonal), -1), parity);
      const logabsdet = t.call(sumDim, t.call(log, t.call(abs, diagonal)), [-1]);
      return [sign, logabsdet, factored.LU, factored.pivots];
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.slogdet.html */
export const linalgSlogdet = defineOp("aten::linalg_slogdet(Tensor A) -> (Tensor sign, Tensor logabsdet)", {
  decompose: (t, { A }) => {
    const [sign, logabsdet] = t.call(linalgSlogdetFull, A);
    return [sign, logabsdet];
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.slogdet.html */
export const slogdet = defineOp("aten::slogdet(Tensor self) -> (Tensor sign, Tensor logabsdet)", {
  decompose: (t, { self }) => t.call(linalgSlogdet, self),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.logdet.html: NaN for a negative determinant. */
export const logdet = defineOp("aten::logdet(Tensor self) -> Tensor", {
  complex: (t, { self }) => {
    const [sign, logabsdet] = t.call(linalgSlogdetFull, self);
    return t.call(add, t.call(log, sign), t.join(logabsdet, null));
  },
  decompose: (t, { self }) => {
    const [sign, logabsdet] = t.call(linalgSlogdetFull, self);
    return t.call(where, t.call(ltScalar, sign, 0n), scalarLike(t, logabsdet, NaN), logabsdet);
  },
});
