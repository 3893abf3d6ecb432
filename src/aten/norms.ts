/** Vector norms over dims. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { convert, reduceDims } from "../tensor/loops.ts";
import { type DType, normalizeDim, toReal } from "../tensor/mod.ts";
import { numberOf } from "./activation.ts";
import { add, mul, sub } from "./binary.ts";
import { gtScalar } from "./compare.ts";
import { emitReduce, reducedDims, reducedShape } from "./dims.ts";
import { div } from "./division.ts";
import { COMPARED, constantLike, emit, emitTest, FLOATS, NUMBERS } from "./emit.ts";
import { defineOp } from "./op.ts";
import { both, scalarLike } from "./overloads.ts";
import { pow } from "./power.ts";
import { sumDim } from "./reduce.ts";
import { requireFloat } from "./rules.ts";
import { abs } from "./unary.ts";
import { where } from "./where.ts";

function dtypeOf(dtype: DType, given: DType | null): DType {
  requireFloat(given ?? dtype, "The norm");
  return given ?? dtype;
}

/** The norm of one vector. */
export function normOf(values: readonly number[], ord: number): number {
  const sizes = values.map(Math.abs);
  switch (ord) {
    case Infinity:
      return sizes.reduce((x, y) => Math.max(x, y), 0);
    case -Infinity:
      return sizes.reduce((x, y) => Math.min(x, y), Infinity);
    case 0:
      return sizes.filter((x) => x !== 0).length;
    case 1:
      return sizes.reduce((x, y) => x + y, 0);
    case 2:
      return Math.sqrt(sizes.reduce((x, y) => x + y * y, 0));
    default:
      return sizes.reduce((x, y) => x + y ** ord, 0) ** (1 / ord);
  }
}

/** Emits the norm over dims. */
export function emitNorm(
  b: OnnxBuilder,
  x: OnnxValue,
  ord: number,
  dims: readonly number[],
  keepdim: boolean,
): OnnxValue {
  const { dtype, shape } = b.meta(x);
  const size = (): OnnxValue => emit(b, NUMBERS, "Abs", [x]);
  // The norm of a number is its size; only counting and ord 0 look closer.
  if (shape.length === 0 && ord !== 0) return size();
  switch (ord) {
    case Infinity:
      return emitReduce(b, COMPARED, "ReduceMax", size(), dims, keepdim);
    case -Infinity:
      return emitReduce(b, COMPARED, "ReduceMin", size(), dims, keepdim);
    case 0: {
      const isZero = emitTest(b, NUMBERS, "Equal", [x, constantLike(b, x, 0)]);
      return emitReduce(b, FLOATS, "ReduceSum", b.cast(b.op("Not", [isZero]), dtype), dims, keepdim);
    }
    case 1:
      return emitReduce(b, FLOATS, "ReduceL1", x, dims, keepdim);
    case 2:
      return emitReduce(b, FLOATS, "ReduceL2", x, dims, keepdim);
    default: {
      const powers = emit(b, FLOATS, "Pow", [size(), constantLike(b, x, ord)]);
      return emit(b, FLOATS, "Pow", [
        emitReduce(b, FLOATS, "ReduceSum", powers, dims, keepdim),
        constantLike(b, x, 1 / ord),
      ]);
    }
  }
}

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.vector_norm.html */
export const linalgVectorNorm = defineOp(
  "aten::linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
  {
    complex: (t, { self, ord, dim, keepdim, dtype }, op) =>
      t.call(op, t.call(abs, self), ord, dim, keepdim, dtype === null ? null : toReal(dtype)),
    meta: (_, { self, dim, keepdim, dtype }) => ({
      dtype: dtypeOf(toReal(self.dtype), dtype === null ? null : toReal(dtype)),
      shape: reducedShape(self.shape, reducedDims(dim, self.shape.length), keepdim),
    }),
    kernel: ({ self, ord, dim, keepdim, dtype }) => {
      const to = dtypeOf(self.dtype, dtype);
      const p = numberOf("ord", ord);
      return reduceDims(convert(self, to), reducedDims(dim, self.shape.length), keepdim, to, (v) => normOf(v, p));
    },
    onnx: (b, { self, ord, dim, keepdim, dtype }) => {
      const { dtype: from, shape } = b.meta(self);
      const x = b.cast(self, dtypeOf(from, dtype));
      return emitNorm(b, x, numberOf("ord", ord), reducedDims(dim, shape.length), keepdim);
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.norm.html */
export const norm = defineOp("aten::norm.Scalar(Tensor self, Scalar p=2) -> Tensor", {
  decompose: (t, { self, p }) => t.call(linalgVectorNorm, self, p),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.norm.html */
export const normDim = defineOp(
  "aten::norm.ScalarOpt_dim(Tensor self, Scalar? p, int[1] dim, bool keepdim=False) -> Tensor",
  { decompose: (t, { self, p, dim, keepdim }) => t.call(linalgVectorNorm, self, p ?? 2, dim, keepdim) },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.norm.html */
export const normDType = defineOp("aten::norm.ScalarOpt_dtype(Tensor self, Scalar? p, *, ScalarType dtype) -> Tensor", {
  decompose: (t, { self, p, dtype }) => t.call(linalgVectorNorm, self, p ?? 2, null, false, dtype),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.norm.html */
export const normDimDType = defineOp(
  "aten::norm.ScalarOpt_dim_dtype(Tensor self, Scalar? p, int[1] dim, bool keepdim, *, ScalarType dtype) -> Tensor",
  { decompose: (t, { self, p, dim, keepdim, dtype }) => t.call(linalgVectorNorm, self, p ?? 2, dim, keepdim, dtype) },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.norm.html */
export const frobeniusNorm = defineOp(
  "aten::frobenius_norm.dim(Tensor self, int[1] dim, bool keepdim=False) -> Tensor",
  { decompose: (t, { self, dim, keepdim }) => t.call(linalgVectorNorm, self, 2, dim, keepdim) },
);

/** The sum that a vector norm is the root of: https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/native/LinearAlgebra.cpp */
export const linalgPowsum = defineOp(
  "aten::linalg__powsum(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
  {
    decompose: (t, { self, ord, dim, keepdim, dtype }) => {
      const x = t.cast(self, dtypeOf(t.meta(self).dtype, dtype));
      return t.call(sumDim, t.call(pow, t.call(abs, x), ord), dim, keepdim);
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.dist.html */
export const dist = defineOp("aten::dist(Tensor self, Tensor other, Scalar p=2) -> Tensor", {
  promote: both,
  decompose: (t, { self, other, p }) => t.call(linalgVectorNorm, t.call(sub, self, other), p),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.renorm.html */
export const renorm = defineOp("aten::renorm(Tensor self, Scalar p, int dim, Scalar maxnorm) -> Tensor", {
  decompose: (t, { self, p, dim, maxnorm }) => {
    const rank = t.meta(self).shape.length;
    const kept = normalizeDim(dim, rank);
    const dims = Array.from({ length: rank }, (_, d) => d).filter((d) => d !== kept);
    const size = t.call(linalgVectorNorm, self, p, dims, true);
    const scale = t.call(div, scalarLike(t, self, maxnorm), t.call(add, size, scalarLike(t, self, 1e-7)));
    const factor = t.call(where, t.call(gtScalar, size, maxnorm), scale, scalarLike(t, self, 1));
    return t.call(mul, self, factor);
  },
});
