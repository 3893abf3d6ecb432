/** What PyTorch's functions call inside, and older names of operators: captured programs may hold them. */
import { prod } from "../sym/mod.ts";
import { type DType, normalizeDim } from "../tensor/mod.ts";
import { relu } from "./activation.ts";
import { gelu } from "./activation_smooth.ts";
import { add, addScalar, mul } from "./binary.ts";
import { viewDtype } from "./bitcast.ts";
import { cat } from "./cat.ts";
import { logcumsumexp } from "./cumulative.ts";
import { clamp } from "./extrema.ts";
import { addmm, baddbmm, bmm, mm } from "./linear.ts";
import { type Calls, defineOp } from "./op.ts";
import { both } from "./overloads.ts";
import { isHalf, roundedTo } from "./precision.ts";
import { arange } from "./range.ts";
import { sumDim } from "./reduce.ts";
import { aminmax } from "./reduce_extrema.ts";
import { reshape, squeezeDims, unsqueeze, view } from "./view.ts";

/** Rules of a conversion to one dtype. */
function castTo(dtype: DType) {
  return {
    decompose: <T extends object>(t: Calls<T>, { self }: { readonly self: T }): T => t.cast(self, dtype),
  };
}

/** The tensor as uint8. */
export const castByte = defineOp("aten::_cast_Byte(Tensor self, bool non_blocking=False) -> Tensor", castTo("uint8"));
/** The tensor as int8. */
export const castChar = defineOp("aten::_cast_Char(Tensor self, bool non_blocking=False) -> Tensor", castTo("int8"));
/** The tensor as float64. */
export const castDouble = defineOp(
  "aten::_cast_Double(Tensor self, bool non_blocking=False) -> Tensor",
  castTo("float64"),
);
/** The tensor as float32. */
export const castFloat = defineOp(
  "aten::_cast_Float(Tensor self, bool non_blocking=False) -> Tensor",
  castTo("float32"),
);
/** The tensor as float16. */
export const castHalf = defineOp(
  "aten::_cast_Half(Tensor self, bool non_blocking=False) -> Tensor",
  castTo("float16"),
);
/** The tensor as int32. */
export const castInt = defineOp("aten::_cast_Int(Tensor self, bool non_blocking=False) -> Tensor", castTo("int32"));
/** The tensor as int64. */
export const castLong = defineOp("aten::_cast_Long(Tensor self, bool non_blocking=False) -> Tensor", castTo("int64"));
/** The tensor as int16. */
export const castShort = defineOp("aten::_cast_Short(Tensor self, bool non_blocking=False) -> Tensor", castTo("int16"));

/** Least and greatest of all elements. */
export const aminmaxAll = defineOp("aten::_aminmax(Tensor self) -> (Tensor, Tensor)", {
  decompose: (t, { self }) => t.call(aminmax, self, null, false),
});

/** Least and greatest along a dim. */
export const aminmaxDim = defineOp("aten::_aminmax.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor, Tensor)", {
  decompose: (t, { self, dim, keepdim }) => t.call(aminmax, self, dim, keepdim),
});

/** What `logcumsumexp` calls inside. */
export const logcumsumexpInner = defineOp("aten::_logcumsumexp(Tensor self, int dim) -> Tensor", {
  decompose: (t, { self, dim }) => t.call(logcumsumexp, self, dim),
});

/** A sum, clamped below at 0. */
export const addRelu = defineOp("aten::_add_relu.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor", {
  promote: both,
  decompose: (t, { self, other, alpha }) => t.call(relu, t.call(add, self, other, alpha)),
});

/** A sum, clamped below at 0. */
export const addReluScalar = defineOp("aten::_add_relu.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor", {
  decompose: (t, { self, other, alpha }) => t.call(relu, t.call(addScalar, self, other, alpha)),
});

/** `addmm` and an activation; on CPUs `gelu` is the one by the error function. */
export const addmmActivation = defineOp(
  "aten::_addmm_activation(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1, bool use_gelu=False) -> Tensor",
  {
    decompose: (t, { self, mat1, mat2, beta, alpha, use_gelu }) => {
      const sum = t.call(addmm, self, mat1, mat2, beta, alpha);
      return use_gelu ? t.call(gelu, sum, "none") : t.call(relu, sum);
    },
  },
);

/** Products of int8 matrices as int32. */
export const intMm = defineOp("aten::_int_mm(Tensor self, Tensor mat2) -> Tensor", {
  decompose: (t, { self, mat2 }) => {
    for (const x of [self, mat2]) {
      if (t.meta(x).dtype !== "int8") throw new TypeError(`_int_mm takes int8 matrices, met ${t.meta(x).dtype}`);
    }
    return t.call(mm, t.cast(self, "int32"), t.cast(mat2, "int32"));
  },
});

/** A product whose sums are kept in a wider dtype. */
export const mmDtype = defineOp("aten::mm.dtype(Tensor self, Tensor mat2, ScalarType out_dtype) -> Tensor", {
  decompose: (t, { self, mat2, out_dtype }) => t.call(mm, t.cast(self, out_dtype), t.cast(mat2, out_dtype)),
});

/** Products whose sums are kept in a wider dtype. */
export const bmmDtype = defineOp("aten::bmm.dtype(Tensor self, Tensor mat2, ScalarType out_dtype) -> Tensor", {
  decompose: (t, { self, mat2, out_dtype }) => t.call(bmm, t.cast(self, out_dtype), t.cast(mat2, out_dtype)),
});

/** A sum and a product that are kept in a wider dtype. */
export const addmmDtype = defineOp(
  "aten::addmm.dtype(Tensor self, Tensor mat1, Tensor mat2, ScalarType out_dtype, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
  {
    decompose: (t, { self, mat1, mat2, out_dtype, beta, alpha }) => {
      const [x, y, z] = [self, mat1, mat2].map((m) => t.cast(m, out_dtype));
      return t.call(addmm, x, y, z, beta, alpha);
    },
  },
);

/** Sums and products that are kept in a wider dtype. */
export const baddbmmDtype = defineOp(
  "aten::baddbmm.dtype(Tensor self, Tensor batch1, Tensor batch2, ScalarType out_dtype, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
  {
    decompose: (t, { self, batch1, batch2, out_dtype, beta, alpha }) => {
      const [x, y, z] = [self, batch1, batch2].map((m) => t.cast(m, out_dtype));
      return t.call(baddbmm, x, y, z, beta, alpha);
    },
  },
);

/** A copy in another shape. */
export const reshapeCopy = defineOp("aten::_reshape_copy(Tensor self, SymInt[] size) -> Tensor", {
  decompose: (t, { self, size }) => t.call(reshape, self, size),
});

/** A copy in another shape; strides are of no consequence to values. */
export const reshapeAliasCopy = defineOp(
  "aten::_reshape_alias_copy(Tensor self, SymInt[] size, SymInt[] stride) -> Tensor",
  { decompose: (t, { self, size }) => t.call(view, self, size) },
);

/** A copy of the bytes as elements of another dtype. */
export const viewCopyDtype = defineOp("aten::view_copy.dtype(Tensor self, ScalarType dtype) -> Tensor", {
  decompose: (t, { self, dtype }) => t.call(viewDtype, self, dtype),
});

/** The sizes as a list of int64. */
export const shapeAsTensor = defineOp("aten::_shape_as_tensor(Tensor self) -> Tensor", {
  decompose: (t, { self }) => {
    const { shape } = t.meta(self);
    const sizes = shape.map((d) => t.full([1], typeof d === "number" ? BigInt(d) : d, "int64"));
    return sizes.length === 0 ? t.full([0], 0n, "int64") : sizes.length === 1 ? sizes[0] : t.call(cat, sizes, 0);
  },
});

/** Indices of a dim. */
export const dimArange = defineOp("aten::_dim_arange(Tensor like, int dim) -> Tensor", {
  decompose: (t, { like, dim }) => {
    const { shape } = t.meta(like);
    const size = shape[normalizeDim(dim, shape.length)];
    return t.call(arange, typeof size === "number" ? BigInt(size) : size);
  },
});

/**
 * Three tensors, each with dims of size 1 put in, multiplied and summed; `unroll_dim` only says how. What the third tensor
 * lacks is summed up before it takes part, and halves are rounded there.
 */
export const trilinear = defineOp(
  "aten::_trilinear(Tensor i1, Tensor i2, Tensor i3, int[] expand1, int[] expand2, int[] expand3, int[] sumdim, int unroll_dim=1) -> Tensor",
  {
    decompose: (t, { i1, i2, i3, expand1, expand2, expand3, sumdim }) => {
      const placed = (x: typeof i1, dims: readonly number[]): typeof i1 =>
        [...dims].sort((a, b) => a - b).reduce((y, d) => t.call(unsqueeze, y, d), x);
      const { dtype } = t.meta(i1);
      const wide = isHalf(dtype) ? "float32" : dtype;
      const [x, y, z] = [placed(i1, expand1), placed(i2, expand2), placed(i3, expand3)].map((v) => t.cast(v, wide));
      const rounded = (v: typeof i1): typeof i1 => isHalf(dtype) ? roundedTo(t, v, dtype) : v;
      const summed = (v: typeof i1, dims: readonly number[]): typeof i1 =>
        dims.length === 0 ? v : t.call(sumDim, v, dims, true, wide);
      const first = sumdim.filter((d) => expand3.includes(d));
      const product = rounded(summed(t.call(mul, x, y), first));
      const all = summed(t.call(mul, product, z), sumdim.filter((d) => !first.includes(d)));
      return t.cast(sumdim.length === 0 ? all : t.call(squeezeDims, all, sumdim), dtype);
    },
  },
);

/** All tensors are dense. */
export const toDense = defineOp(
  "aten::to_dense(Tensor self, ScalarType? dtype=None, *, bool? masked_grad=None) -> Tensor",
  { decompose: (t, { self, dtype }) => t.cast(self, dtype ?? t.meta(self).dtype) },
);

/** A tensor that is not quantized, as float32. */
export const dequantizeSelf = defineOp("aten::dequantize.self(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.cast(self, "float32"),
});

/** Sums of `input[k]`, each with the factors of a row: `[m, …]` of `[k, …]` and `[m, k]`. */
export const computeLinearCombination = defineOp(
  "aten::_compute_linear_combination(Tensor input, Tensor coefficients) -> Tensor",
  {
    decompose: (t, { input, coefficients }) => {
      const { shape } = t.meta(input);
      const rows = t.meta(coefficients).shape[0];
      const flat = t.call(reshape, input, [shape[0], prod(shape.slice(1))]);
      return t.call(reshape, t.call(mm, coefficients, flat), [rows, ...shape.slice(1)]);
    },
  },
);

/** Weights within the bounds of float16. */
export const saturateWeightToFp16 = defineOp("aten::_saturate_weight_to_fp16(Tensor weight) -> Tensor", {
  decompose: (t, { weight }) => t.call(clamp, weight, -65504, 65504),
});

/** The tensor itself: derivatives are not followed. */
export const fwPrimal = defineOp("aten::_fw_primal(Tensor(a) self, int level) -> Tensor(a)", {
  decompose: (_, { self }) => self,
  inverse: (_, __, updated) => updated,
});
