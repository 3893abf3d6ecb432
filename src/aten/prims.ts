/**
 * PyTorch's primitives on shapes, dtypes and whole tensors, which its decompositions end in.
 *
 * Source: https://github.com/pytorch/pytorch/blob/main/torch/_prims/__init__.py
 */
import { add as plus, type Dim, floorDiv, mul as times } from "../sym/mod.ts";
import { isInt } from "../tensor/mod.ts";
import { add, mul } from "./binary.ts";
import { viewDtype } from "./bitcast.ts";
import { cat } from "./cat.ts";
import { clone } from "./copy.ts";
import { arangeStep } from "./range.ts";
import { div, divMode } from "./division.ts";
import { expand } from "./expand.ts";
import { flip } from "./flip.ts";
import { type Calls, defineOp } from "./op.ts";
import { permute } from "./permute.ts";
import { prodDim, sumDim } from "./reduce.ts";
import { amax, amin } from "./reduce_extrema.ts";
import { invertOrder } from "./shapes.ts";
import { varCorrection } from "./variance.ts";
import { flatten, reshape, squeezeDims, view } from "./view.ts";
import { where } from "./where.ts";

/** `a * b + c`, the factor being a number at times; the product is rounded where PyTorch's is not. */
export const primsFma = defineOp("prims::fma(Tensor a, Tensor b, Tensor c) -> Tensor", {
  promote: { args: ["a", "b", "c"], to: "default" },
  decompose: (t, { a, b, c }) => t.call(add, t.call(mul, a, b), c, 1n),
});

/** Division; of integers what is left is cut off. */
export const primsDiv = defineOp("prims::div(Tensor self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) =>
    isInt(t.meta(self).dtype) ? t.call(divMode, self, other, "trunc") : t.call(div, self, other),
});

/** The tensor in another dtype. */
export const primsConvertElementType = defineOp(
  "prims::convert_element_type(Tensor a, ScalarType dtype) -> Tensor",
  { decompose: (t, { a, dtype }) => t.cast(a, dtype) },
);

/** Where elements lie makes no difference. */
export const primsDevicePut = defineOp(
  "prims::device_put(Tensor a, Device device, bool non_blocking=False) -> Tensor",
  { decompose: (_, { a }) => a },
);

/** A copy. */
export const primsClone = defineOp("prims::clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor", {
  decompose: (t, { self, memory_format }) => t.call(clone, self, memory_format),
});

/** A copy with other strides, which are of no consequence to values. */
export const primsCopyStrided = defineOp("prims::copy_strided(Tensor a, SymInt[] stride) -> Tensor", {
  decompose: (_, { a }) => a,
});

/** A view of all of a tensor. */
export const primsViewOf = defineOp("prims::view_of(Tensor(a) a) -> Tensor(a)", {
  decompose: (_, { a }) => a,
  inverse: (_, __, updated) => updated,
});

/** The bytes as elements of another dtype. */
export const primsViewOfDtype = defineOp("prims::view_of_dtype(Tensor(a) a, ScalarType dtype) -> Tensor(a)", {
  decompose: (t, { a, dtype }) => t.call(viewDtype, a, dtype),
});

/** Dims of `a` become the named dims of a larger shape. */
export const primsBroadcastInDim = defineOp(
  "prims::broadcast_in_dim(Tensor(a) a, SymInt[] shape, int[] broadcast_dimensions) -> Tensor(a)",
  {
    decompose: (t, { a, shape, broadcast_dimensions }) => {
      const from = t.meta(a).shape;
      const placed = shape.map((_, d): Dim => {
        const at = broadcast_dimensions.indexOf(d);
        return at < 0 ? 1 : from[at];
      });
      return t.call(expand, t.call(view, a, placed), shape);
    },
  },
);

/** Dims `start` to `end` as one. */
export const primsCollapse = defineOp("prims::collapse(Tensor a, int start, int end) -> Tensor", {
  decompose: (t, { a, start, end }) => t.call(flatten, a, start, end),
});

/** Dims `start` to `end` as one. */
export const primsCollapseView = defineOp("prims::collapse_view(Tensor(a) a, int start, int end) -> Tensor(a)", {
  decompose: (t, { a, start, end }) => t.call(flatten, a, start, end),
  inverse: (t, { a }, updated) => t.call(view, updated, t.meta(a).shape),
});

/** A dim as two, the first of a given size. */
export const primsSplitDim = defineOp("prims::split_dim(Tensor(a) a, int dim, SymInt outer_length) -> Tensor(a)", {
  decompose: (t, { a, dim, outer_length }) => {
    const { shape } = t.meta(a);
    const inner = floorDiv(shape[dim], outer_length);
    return t.call(view, a, [...shape.slice(0, dim), outer_length, inner, ...shape.slice(dim + 1)]);
  },
  inverse: (t, { a }, updated) => t.call(view, updated, t.meta(a).shape),
});

/** Without the named dims of size 1. */
export const primsSqueeze = defineOp("prims::squeeze(Tensor(a) a, int[] dimensions) -> Tensor(a)", {
  decompose: (t, { a, dimensions }) => t.call(squeezeDims, a, dimensions),
  inverse: (t, { a }, updated) => t.call(view, updated, t.meta(a).shape),
});

/** The dims in another order. */
export const primsTranspose = defineOp("prims::transpose(Tensor(a) a, int[] permutation) -> Tensor(a)", {
  decompose: (t, { a, permutation }) => t.call(permute, a, permutation),
  inverse: (t, { permutation }, updated) => t.call(permute, updated, invertOrder(permutation)),
});

/** A copy in another shape. */
export const primsReshape = defineOp("prims::reshape(Tensor a, SymInt[] shape) -> Tensor", {
  decompose: (t, { a, shape }) => t.call(reshape, a, shape),
});

/** The elements of the named dims in reverse. */
export const primsRev = defineOp("prims::rev(Tensor a, int[] dims) -> Tensor", {
  decompose: (t, { a, dims }) => t.call(flip, a, dims),
});

/** `aten::cat`. */
export const primsCat = defineOp("prims::cat(Tensor[] tensors, int dim) -> Tensor", {
  decompose: (t, { tensors, dim }) => t.call(cat, tensors, dim),
});

/** `aten::where`. */
export const primsWhere = defineOp("prims::where(Tensor pred, Tensor a, Tensor b) -> Tensor", {
  decompose: (t, { pred, a, b }) => t.call(where, pred, a, b),
});

interface Reduced<T> {
  readonly inp: T;
  readonly dims: readonly number[] | null;
}

/** The dims that are reduced; none given means all. */
function dimsOf<T>(t: Calls<T>, { inp, dims }: Reduced<T>): readonly number[] {
  return dims ?? [...t.meta(inp).shape.keys()];
}

/** Sums. */
export const primsSum = defineOp(
  "prims::sum(Tensor inp, int[]? dims, *, ScalarType? output_dtype=None) -> Tensor",
  {
    decompose: (t, args) => {
      const { inp, output_dtype } = args;
      const dims = dimsOf(t, args);
      const dtype = output_dtype ?? t.meta(inp).dtype;
      return dims.length === 0 ? t.cast(inp, dtype) : t.call(sumDim, inp, dims, false, dtype);
    },
  },
);

/** Products. */
export const primsProd = defineOp(
  "prims::prod(Tensor inp, int[]? dims, *, ScalarType? output_dtype=None) -> Tensor",
  {
    decompose: (t, args) => {
      const dtype = args.output_dtype ?? t.meta(args.inp).dtype;
      // From the last dim on, so that the places of the others stay.
      return [...dimsOf(t, args)].sort((a, b) => b - a).reduce(
        (x, d) => t.call(prodDim, x, d, false, dtype),
        t.cast(args.inp, dtype),
      );
    },
  },
);

/** The greatest elements. */
export const primsAmax = defineOp(
  "prims::amax(Tensor inp, int[]? dims, *, ScalarType? output_dtype=None) -> Tensor",
  {
    decompose: (t, args) => {
      const dims = dimsOf(t, args);
      const result = dims.length === 0 ? args.inp : t.call(amax, args.inp, dims, false);
      return t.cast(result, args.output_dtype ?? t.meta(args.inp).dtype);
    },
  },
);

/** The least elements. */
export const primsAmin = defineOp(
  "prims::amin(Tensor inp, int[]? dims, *, ScalarType? output_dtype=None) -> Tensor",
  {
    decompose: (t, args) => {
      const dims = dimsOf(t, args);
      const result = dims.length === 0 ? args.inp : t.call(amin, args.inp, dims, false);
      return t.cast(result, args.output_dtype ?? t.meta(args.inp).dtype);
    },
  },
);

/** Variances. */
export const primsVar = defineOp(
  "prims::var(Tensor inp, int[]? dims, float? correction=1, *, ScalarType? output_dtype=None) -> Tensor",
  {
    decompose: (t, args) => {
      const result = t.call(varCorrection, args.inp, dimsOf(t, args), args.correction, false);
      return t.cast(result, args.output_dtype ?? t.meta(result).dtype);
    },
  },
);

/** `length` numbers from `start` on, `step` apart. */
export const primsIota = defineOp(
  "prims::iota(SymInt length, *, SymInt start, SymInt step, ScalarType dtype, Device device, bool requires_grad) -> Tensor",
  {
    decompose: (t, { length, start, step, dtype }) => {
      const scalar = (d: Dim): Exclude<Dim, number> | bigint => typeof d === "number" ? BigInt(d) : d;
      const end = plus(start, times(step, length));
      return t.cast(t.call(arangeStep, scalar(start), scalar(end), scalar(step), "int64", null, null, null), dtype);
    },
  },
);

/** A tensor of one value. */
export const primsFull = defineOp(
  "prims::full(SymInt[] shape, Scalar fill_value, *, ScalarType dtype, Device device, bool requires_grad) -> Tensor",
  { decompose: (t, { shape, fill_value, dtype }) => t.full(shape, fill_value, dtype) },
);

/** A tensor of one value in the shape of another. */
export const primsFullLike = defineOp(
  "prims::full_like(Tensor a, Scalar fill_value, *, ScalarType dtype, Device device, bool requires_grad) -> Tensor",
  { decompose: (t, { a, fill_value, dtype }) => t.full(t.meta(a).shape, fill_value, dtype) },
);

/** A tensor with all elements replaced. */
export const primsFill = defineOp("prims::fill(Tensor self, Scalar value) -> Tensor", {
  decompose: (t, { self, value }) => t.full(t.meta(self).shape, value, t.meta(self).dtype),
});

/** A number as a 0-d tensor. */
export const primsScalarTensor = defineOp(
  "prims::scalar_tensor(Scalar s, *, ScalarType? dtype=None, Device? device=None) -> Tensor",
  {
    decompose: (t, { s, dtype }) =>
      t.full([], s, dtype ?? (typeof s === "boolean" ? "bool" : typeof s === "bigint" ? "int64" : "float32")),
  },
);

/** Elements without values: zeros. */
export const primsEmpty = defineOp(
  "prims::empty(SymInt[] shape, *, ScalarType dtype, Device device, bool requires_grad) -> Tensor",
  { decompose: (t, { shape, dtype }) => t.full(shape, 0n, dtype) },
);

/** Elements without values: zeros. */
export const primsEmptyStrided = defineOp(
  "prims::empty_strided(SymInt[] shape, SymInt[] strides, *, ScalarType dtype, Device device, bool requires_grad) -> Tensor",
  { decompose: (t, { shape, dtype }) => t.full(shape, 0n, dtype) },
);

/** Elements without values: zeros. */
export const primsEmptyPermuted = defineOp(
  "prims::empty_permuted(SymInt[] shape, int[] physical_layout, *, ScalarType dtype, Device device, bool requires_grad) -> Tensor",
  { decompose: (t, { shape, dtype }) => t.full(shape, 0n, dtype) },
);
