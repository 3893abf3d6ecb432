/** Variances and standard deviations. */
import type { Scalar } from "../fx/mod.ts";
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { isSym } from "../sym/mod.ts";
import { type Meta, type Tensor, toReal } from "../tensor/mod.ts";
import { reduceDims } from "../tensor/loops.ts";
import { numberOf } from "./activation.ts";
import { emit, FLOATS, NUMBERS } from "./emit.ts";
import { emitReduce, reducedCount, reducedDims, reducedShape } from "./dims.ts";
import { add } from "./binary.ts";
import { type Calls, defineOp } from "./op.ts";
import { meanDim } from "./reduce.ts";
import { sqrt } from "./unary.ts";
import { requireFloat } from "./rules.ts";

/** What the overloads come to. */
interface Spread {
  readonly dim: readonly number[] | null;
  readonly correction: number;
  readonly keepdim: boolean;
}

interface Correction<T> {
  readonly self: T;
  readonly dim: readonly number[] | null;
  readonly correction: Scalar | null;
  readonly keepdim: boolean;
}

interface Unbiased<T> {
  readonly self: T;
  readonly dim?: readonly number[] | null;
  readonly unbiased: boolean;
  readonly keepdim?: boolean;
}

type Given<T> = Correction<T> | Unbiased<T>;

function spreadOf(given: Given<unknown>): Spread {
  const { dim = null, keepdim = false } = given;
  if ("unbiased" in given) return { dim, keepdim, correction: given.unbiased ? 1 : 0 };
  return { dim, keepdim, correction: given.correction === null ? 1 : numberOf("correction", given.correction) };
}

function metaOf(self: Meta, { dim, keepdim }: Spread): Meta {
  const dtype = toReal(self.dtype);
  requireFloat(dtype, "The variance");
  return { dtype, shape: reducedShape(self.shape, reducedDims(dim, self.shape.length), keepdim) };
}

function meanOf(values: readonly number[]): number {
  return values.reduce((x, y) => x + y, 0) / values.length;
}

function varianceTensor(self: Tensor, { dim, correction, keepdim }: Spread, root: boolean): Tensor {
  requireFloat(self.dtype, "The variance");
  return reduceDims(self, reducedDims(dim, self.shape.length), keepdim, self.dtype, (values) => {
    const mean = meanOf(values);
    const squares = values.reduce((sum, x) => sum + (x - mean) ** 2, 0);
    const variance = squares / Math.max(0, values.length - correction);
    return root ? Math.sqrt(variance) : variance;
  });
}

function meanTensor(self: Tensor, { dim, keepdim }: Spread): Tensor {
  return reduceDims(self, reducedDims(dim, self.shape.length), keepdim, self.dtype, meanOf);
}

/** The variance (or its root), and the mean that it needs with reduced dims kept. */
function emitVariance(b: OnnxBuilder, self: OnnxValue, spread: Spread, root: boolean): [OnnxValue, OnnxValue] {
  const { dtype, shape } = b.meta(self);
  requireFloat(dtype, "The variance");
  const dims = reducedDims(spread.dim, shape.length);
  const mean = emitReduce(b, FLOATS, "ReduceMean", self, dims, true);
  const centered = emit(b, NUMBERS, "Sub", [self, mean]);
  const count = reducedCount(shape, dims);
  if (count === 0) {
    const nothing = meanOfNothing(b, self, dims);
    return [spread.keepdim ? nothing : b.squeeze(nothing, ...dims), nothing];
  }
  let variance: OnnxValue;
  if (spread.correction === 0) {
    variance = emitReduce(b, FLOATS, "ReduceMean", emit(b, NUMBERS, "Mul", [centered, centered]), dims, spread.keepdim);
  } else {
    const squares = emitReduce(b, FLOATS, "ReduceSumSquare", centered, dims, spread.keepdim);
    variance = emit(b, NUMBERS, "Div", [squares, divisor(b, self, count, spread.correction)]);
  }
  return [root ? emit(b, FLOATS, "Sqrt", [variance]) : variance, mean];
}

/** NaN, with reduced dims kept: onnxruntime's mean of no elements is 0. */
function meanOfNothing(b: OnnxBuilder, self: OnnxValue, dims: readonly number[]): OnnxValue {
  const { dtype, shape } = b.meta(self);
  const nan = b.scalar(NaN, dtype);
  return dims.length === 0 ? nan : b.op("Expand", [nan, b.ints(reducedShape(shape, dims, true))]);
}

/** `max(0, count - correction)` in the dtype of `self`. */
function divisor(
  b: OnnxBuilder,
  self: OnnxValue,
  count: ReturnType<typeof reducedCount>,
  correction: number,
): OnnxValue {
  const { dtype } = b.meta(self);
  if (!isSym(count)) return b.scalar(Math.max(0, count - correction), dtype);
  const less = emit(b, NUMBERS, "Sub", [b.cast(b.dim(count), dtype), b.scalar(correction, dtype)]);
  return emit(b, FLOATS, "Max", [less, b.scalar(0, dtype)]);
}

function complexVariance<T extends object>(t: Calls<T>, args: Given<T>, root: boolean): T {
  const { dim, correction, keepdim } = spreadOf(args);
  const [re, im] = t.parts(args.self);
  const of = (part: T): T => t.call(varCorrection, part, dim, correction, keepdim);
  const both = im ? t.call(add, of(re), of(im)) : of(re);
  return root ? t.call(sqrt, both) : both;
}

/** Rules of a variance, or with `root` a standard deviation. */
function variance(root: boolean) {
  return {
    /** That of the real plus that of the imaginary parts. */
    complex: <T extends object>(t: Calls<T>, args: Given<T>): T => complexVariance(t, args, root),
    meta: (_: unknown, args: Given<Meta>): Meta => metaOf(args.self, spreadOf(args)),
    kernel: (args: Given<Tensor>): Tensor => varianceTensor(args.self, spreadOf(args), root),
    onnx: (b: OnnxBuilder, args: Given<OnnxValue>): OnnxValue => emitVariance(b, args.self, spreadOf(args), root)[0],
  };
}

/** Rules of the same together with the mean. */
function varianceMean(root: boolean) {
  return {
    complex: <T extends object>(t: Calls<T>, args: Given<T>): [T, T] => {
      const { dim, keepdim } = spreadOf(args);
      return [complexVariance(t, args, root), t.call(meanDim, args.self, dim, keepdim)];
    },
    meta: (_: unknown, args: Given<Meta>): [Meta, Meta] => {
      const meta = metaOf(args.self, spreadOf(args));
      return [meta, { dtype: args.self.dtype, shape: meta.shape }];
    },
    kernel: (args: Given<Tensor>): [Tensor, Tensor] => {
      const spread = spreadOf(args);
      return [varianceTensor(args.self, spread, root), meanTensor(args.self, spread)];
    },
    onnx: (b: OnnxBuilder, args: Given<OnnxValue>): [OnnxValue, OnnxValue] => {
      const spread = spreadOf(args);
      const [result, mean] = emitVariance(b, args.self, spread, root);
      const dims = reducedDims(spread.dim, b.meta(args.self).shape.length);
      return [result, spread.keepdim ? mean : b.squeeze(mean, ...dims)];
    },
  };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.var.html */
export const varCorrection = defineOp(
  "aten::var.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor",
  variance(false),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.var.html */
export const varDefault = defineOp("aten::var(Tensor self, bool unbiased=True) -> Tensor", variance(false));

/** https://docs.pytorch.org/docs/stable/generated/torch.var.html */
export const varDim = defineOp(
  "aten::var.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor",
  variance(false),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.std.html */
export const stdCorrection = defineOp(
  "aten::std.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor",
  variance(true),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.std.html */
export const std = defineOp("aten::std(Tensor self, bool unbiased=True) -> Tensor", variance(true));

/** https://docs.pytorch.org/docs/stable/generated/torch.std.html */
export const stdDim = defineOp(
  "aten::std.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor",
  variance(true),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.var_mean.html */
export const varMeanCorrection = defineOp(
  "aten::var_mean.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> (Tensor, Tensor)",
  varianceMean(false),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.var_mean.html */
export const varMean = defineOp(
  "aten::var_mean(Tensor self, bool unbiased=True) -> (Tensor, Tensor)",
  varianceMean(false),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.var_mean.html */
export const varMeanDim = defineOp(
  "aten::var_mean.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)",
  varianceMean(false),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.std_mean.html */
export const stdMeanCorrection = defineOp(
  "aten::std_mean.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> (Tensor, Tensor)",
  varianceMean(true),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.std_mean.html */
export const stdMean = defineOp(
  "aten::std_mean(Tensor self, bool unbiased=True) -> (Tensor, Tensor)",
  varianceMean(true),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.std_mean.html */
export const stdMeanDim = defineOp(
  "aten::std_mean.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)",
  varianceMean(true),
);
