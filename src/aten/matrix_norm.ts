/** Norms of matrices, and what is told by singular values: rank and condition. */
import type { Scalar } from "../fx/mod.ts";
import { eq } from "../sym/mod.ts";
import { type DType, isComplex, normalizeDim, toReal } from "../tensor/mod.ts";
import { numberOf } from "./activation.ts";
import { mul } from "./binary.ts";
import { gt, gtScalar } from "./compare.ts";
import { reducedShape } from "./dims.ts";
import { div } from "./division.ts";
import { linalgEigvalsh } from "./eigen.ts";
import { matrixShape, requireFactored, requireSquare } from "./matrices.ts";
import { linalgVectorNorm } from "./norms.ts";
import { type Calls, defineOp } from "./op.ts";
import { scalarLike } from "./overloads.ts";
import { movedim } from "./permute.ts";
import { sumDim } from "./reduce.ts";
import { amax, amin } from "./reduce_extrema.ts";
import { refuse, requireFloat } from "./rules.ts";
import { boundOf, type Bounds, numberBound } from "./singular_bound.ts";
import { slice } from "./slice.ts";
import { linalgInvEx } from "./solve.ts";
import { linalgSvdvals } from "./svd.ts";
import { abs, isnan, reciprocal } from "./unary.ts";
import { squeezeDim, unsqueeze } from "./view.ts";
import { where } from "./where.ts";

/** The order of a matrix norm. */
type Order = number | "fro" | "nuc";

function orderOf(ord: string): Order {
  if (ord !== "fro" && ord !== "nuc") refuse("ord", ord, "orders are 'fro', 'nuc' and numbers");
  return ord;
}

interface NormArgs<T> {
  readonly self: T;
  readonly dim: readonly number[];
  readonly keepdim: boolean;
  readonly dtype: DType | null;
}

function matrixNorm<T extends object>(t: Calls<T>, args: NormArgs<T>, ord: Order): T {
  const given = t.meta(args.self);
  // Of complex matrices only singular values need more than the sizes of the elements.
  if (isComplex(given.dtype) && ord !== "nuc" && Math.abs(Number(ord)) !== 2) {
    const dtype = args.dtype && toReal(args.dtype);
    return matrixNorm(t, { ...args, self: t.call(abs, args.self), dtype }, ord);
  }
  requireFloat(toReal(given.dtype), "The operand of a matrix norm");
  const x = args.dtype === null ? args.self : t.cast(args.self, args.dtype);
  const rank = given.shape.length;
  const [rows, columns] = args.dim.map((d) => normalizeDim(d, rank));
  if (args.dim.length !== 2 || rows === columns) {
    throw new RangeError(`A matrix norm takes two dims, met [${args.dim.join(", ")}]`);
  }
  // Sums of nothing; PyTorch refuses the smallest of nothing.
  if ((ord === "nuc" || ord !== "fro" && ord > 0) && (given.shape[rows] === 0 || given.shape[columns] === 0)) {
    return t.full(reducedShape(given.shape, [rows, columns], args.keepdim), 0, toReal(t.meta(x).dtype));
  }
  if (ord === "fro") return t.call(linalgVectorNorm, x, 2, [rows, columns], args.keepdim);
  const size = typeof ord === "number" ? Math.abs(ord) : ord;
  const extreme = typeof ord === "number" && ord < 0 ? amin : amax;
  if (size === 1 || size === Infinity) {
    const [summed, other] = size === 1 ? [rows, columns] : [columns, rows];
    const sums = t.call(linalgVectorNorm, x, 1, [summed], args.keepdim);
    return t.call(extreme, sums, [!args.keepdim && summed < other ? other - 1 : other], args.keepdim);
  }
  if (size !== 2 && size !== "nuc") {
    refuse("ord", String(ord), "orders of a matrix norm are ±1, ±2, ±inf, 'fro', 'nuc'");
  }
  const values = t.call(linalgSvdvals, t.call(movedim, x, [rows, columns], [-2, -1]));
  const result = ord === "nuc" ? t.call(sumDim, values, [-1]) : t.call(extreme, values, [-1]);
  if (!args.keepdim) return result;
  return [rows, columns].sort((a, b) => a - b).reduce((y, d) => t.call(unsqueeze, y, d), result);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.matrix_norm.html */
export const linalgMatrixNorm = defineOp(
  "aten::linalg_matrix_norm(Tensor self, Scalar ord, int[] dim=[-2, -1], bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
  { decompose: (t, args) => matrixNorm(t, args, numberOf("ord", args.ord)) },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.matrix_norm.html */
export const linalgMatrixNormNamed = defineOp(
  'aten::linalg_matrix_norm.str_ord(Tensor self, str ord="fro", int[] dim=[-2, -1], bool keepdim=False, *, ScalarType? dtype=None) -> Tensor',
  { decompose: (t, args) => matrixNorm(t, args, orderOf(args.ord)) },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nuclear_norm.html */
export const nuclearNorm = defineOp("aten::nuclear_norm(Tensor self, bool keepdim=False) -> Tensor", {
  decompose: (t, { self, keepdim }) => matrixNorm(t, { self, dim: [-2, -1], keepdim, dtype: null }, "nuc"),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.nuclear_norm.html */
export const nuclearNormDims = defineOp(
  "aten::nuclear_norm.dim(Tensor self, int[2] dim, bool keepdim=False) -> Tensor",
  { decompose: (t, { self, dim, keepdim }) => matrixNorm(t, { self, dim, keepdim, dtype: null }, "nuc") },
);

/** The dims of a tensor that is a matrix. @throws {RangeError} when it is none */
function matrixDims(shape: readonly unknown[]): number[] {
  if (shape.length !== 2) throw new RangeError(`Without dims this norm takes a matrix, met ${shape.length} dimensions`);
  return [0, 1];
}

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.norm.html: a vector's norm or a matrix', by the number of dims. */
export const linalgNorm = defineOp(
  "aten::linalg_norm(Tensor self, Scalar? ord=None, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
  {
    decompose: (t, { self, ord, dim, keepdim, dtype }) => {
      const rank = t.meta(self).shape.length;
      if (dim !== null && dim.length !== 1 && dim.length !== 2) {
        throw new RangeError(`linalg.norm takes one or two dims, met [${dim.join(", ")}]`);
      }
      if (ord !== null && dim === null && rank !== 1 && rank !== 2) {
        throw new RangeError(`linalg.norm of an order takes a vector or a matrix, met ${rank} dimensions`);
      }
      if (ord === null || (dim?.length ?? rank) !== 2) {
        return t.call(linalgVectorNorm, self, ord ?? 2, dim, keepdim, dtype);
      }
      return matrixNorm(t, { self, dim: dim ?? [0, 1], keepdim, dtype }, numberOf("ord", ord));
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.norm.html */
export const linalgNormNamed = defineOp(
  "aten::linalg_norm.ord_str(Tensor self, str ord, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
  {
    decompose: (t, { self, ord, dim, keepdim, dtype }) =>
      matrixNorm(t, { self, dim: dim ?? matrixDims(t.meta(self).shape), keepdim, dtype }, orderOf(ord)),
  },
);

/** The condition by the quotient of singular values, or of norms; that of a matrix without an inverse is infinite. */
function conditionOf<T extends object>(t: Calls<T>, self: T, ord: Order): T {
  const meta = t.meta(self);
  requireFactored("linalg.cond", meta, true);
  const { batch, rows, columns } = matrixShape("linalg.cond", meta.shape);
  if (rows === 0 || columns === 0) return t.full(batch, 0, toReal(meta.dtype));
  if (ord === 2 || ord === -2) {
    const values = t.call(linalgSvdvals, self);
    const largest = t.call(squeezeDim, t.call(slice, values, -1, 0, 1), -1);
    const smallest = t.call(squeezeDim, t.call(slice, values, -1, -1, null), -1);
    return ord === 2 ? t.call(div, largest, smallest) : t.call(div, smallest, largest);
  }
  requireSquare("linalg.cond", meta, true);
  if (ord === "nuc") {
    const values = t.call(linalgSvdvals, self);
    return t.call(mul, t.call(sumDim, values, [-1]), t.call(sumDim, t.call(reciprocal, values), [-1]));
  }
  const norm = (x: T): T => matrixNorm(t, { self: x, dim: [-2, -1], keepdim: false, dtype: null }, ord);
  const [inverse, info] = t.call(linalgInvEx, self);
  const infinite = scalarLike(t, self, Infinity);
  const isSingular = t.call(unsqueeze, t.call(unsqueeze, t.call(gtScalar, info, 0n), -1), -1);
  const result = t.call(mul, norm(self), norm(t.call(where, isSingular, infinite, inverse)));
  return t.call(where, t.call(isnan, result), scalarLike(t, result, Infinity), result);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.cond.html */
export const linalgCond = defineOp("aten::linalg_cond(Tensor self, Scalar? p=None) -> Tensor", {
  decompose: (t, { self, p }) => conditionOf(t, self, p === null ? 2 : numberOf("p", p as Scalar)),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.cond.html */
export const linalgCondNamed = defineOp("aten::linalg_cond.p_str(Tensor self, str p) -> Tensor", {
  decompose: (t, { self, p }) => conditionOf(t, self, orderOf(p)),
});

/** How many singular values are not negligible. */
function rankOf<T extends object>(t: Calls<T>, self: T, bounds: Bounds<T>, hermitian: boolean): T {
  const meta = t.meta(self);
  requireFactored("linalg.matrix_rank", meta, true);
  const { batch, rows, columns } = matrixShape("linalg.matrix_rank", meta.shape);
  if (hermitian && eq(rows, columns) === false) requireSquare("linalg.matrix_rank", meta, true);
  if (rows === 0 || columns === 0) return t.full(batch, 0n, "int64");
  const values = hermitian ? t.call(abs, t.call(linalgEigvalsh, self)) : t.call(linalgSvdvals, self);
  const judged = { dtype: toReal(meta.dtype), shape: meta.shape };
  const bound = boundOf(t, judged, t.call(amax, values, [-1], true), bounds);
  return t.call(sumDim, t.call(gt, values, bound), [-1]);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.matrix_rank.html */
export const linalgMatrixRank = defineOp(
  "aten::linalg_matrix_rank(Tensor self, float tol, bool hermitian=False) -> Tensor",
  {
    decompose: (t, { self, tol, hermitian }) =>
      rankOf(t, self, { atol: numberBound(t, self, tol), rtol: numberBound(t, self, 0) }, hermitian),
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.matrix_rank.html */
export const linalgMatrixRankTensor = defineOp(
  "aten::linalg_matrix_rank.tol_tensor(Tensor input, Tensor tol, bool hermitian=False) -> Tensor",
  {
    decompose: (t, { input, tol, hermitian }) =>
      rankOf(t, input, { atol: tol, rtol: numberBound(t, input, 0) }, hermitian),
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.matrix_rank.html */
export const linalgMatrixRankBounds = defineOp(
  "aten::linalg_matrix_rank.atol_rtol_float(Tensor self, *, float? atol=None, float? rtol=None, bool hermitian=False) -> Tensor",
  {
    decompose: (t, { self, atol, rtol, hermitian }) =>
      rankOf(t, self, { atol: numberBound(t, self, atol), rtol: numberBound(t, self, rtol) }, hermitian),
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.matrix_rank.html */
export const linalgMatrixRankBoundTensors = defineOp(
  "aten::linalg_matrix_rank.atol_rtol_tensor(Tensor input, *, Tensor? atol=None, Tensor? rtol=None, bool hermitian=False) -> Tensor",
  { decompose: (t, { input, atol, rtol, hermitian }) => rankOf(t, input, { atol, rtol }, hermitian) },
);
