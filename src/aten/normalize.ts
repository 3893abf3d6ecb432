/**
 * What normalizations share: subtracting the mean of a group of elements and dividing by their standard deviation, then
 * scaling and shifting. The records are in `norm.ts` and `batch_norm.ts`.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, isSym } from "../sym/mod.ts";
import { type DType, elementCount, Tensor } from "../tensor/mod.ts";
import { convert, filled, mapBinary } from "../tensor/loops.ts";
import { floatKernelDType } from "./precision.ts";
import { requireFloat } from "./rules.ts";

/** Groups of elements brought to mean 0 and variance 1. */
export interface Standardized {
  readonly y: Tensor;
  /** One per group. */
  readonly mean: Tensor;
  /** One over the standard deviation, per group. */
  readonly rstd: Tensor;
  /** Mean square deviation, per group. */
  readonly variance: Tensor;
}

/** Standardizes runs of `inner` elements of a float64 tensor. */
export function standardize(x: Tensor, inner: number, eps: number): Standardized {
  const data = x.data() as Float64Array;
  const outer = inner === 0 ? 0 : data.length / inner;
  const [y, mean, rstd, variance] = [new Float64Array(data.length), ...[0, 0, 0].map(() => new Float64Array(outer))];
  for (let o = 0; o < outer; o++) {
    const group = data.subarray(o * inner, (o + 1) * inner);
    mean[o] = group.reduce((sum, v) => sum + v, 0) / inner;
    variance[o] = group.reduce((sum, v) => sum + (v - mean[o]) ** 2, 0) / inner;
    rstd[o] = 1 / Math.sqrt(variance[o] + eps);
    for (let i = 0; i < inner; i++) y[o * inner + i] = (group[i] - mean[o]) * rstd[o];
  }
  const perGroup = (values: Float64Array): Tensor => Tensor.of("float64", [outer], values);
  return {
    y: Tensor.of("float64", x.shape, y),
    mean: perGroup(mean),
    rstd: perGroup(rstd),
    variance: perGroup(variance),
  };
}

/** `x * weight + bias` in float64, with `shape` to broadcast the two; then rounded to `dtype`. */
export function affine(
  x: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  shape: readonly number[],
  dtype: DType,
): Tensor {
  const wide = (p: Tensor): Tensor => convert(p, "float64").reshape(shape);
  let y = x;
  if (weight) y = mapBinary(y, wide(weight), "float64", (a, b) => a * b);
  if (bias) y = mapBinary(y, wide(bias), "float64", (a, b) => a + b);
  return convert(y, dtype);
}

/** Shape under which one value per channel broadcasts over `[n, channels, …]`. */
export function perChannel<D>(channels: D, rank: number): (D | 1)[] {
  return [channels, ...new Array<1>(Math.max(rank - 2, 0)).fill(1)];
}

/** The dtype to compute in: parameters of another dtype than the input make it single precision, as in PyTorch. */
export function normDType(x: DType, params: readonly (DType | undefined)[]): DType {
  requireFloat(x, "The input of a normalization");
  return params.some((p) => p !== undefined && p !== x) ? "float32" : floatKernelDType(x);
}

/** The dtype of the statistics that native operators give beside the result. */
export function statsDType(x: DType, params: readonly (DType | undefined)[]): DType {
  return params.find((p) => p !== undefined && p !== x) ?? x;
}

/** `value` in every place of a shape. */
export function constantOf(b: OnnxBuilder, value: number, shape: readonly Dim[], dtype: DType): OnnxValue {
  if (shape.some(isSym)) return b.op("Expand", [b.scalar(value, dtype), b.ints(shape)]);
  if (elementCount(shape as number[]) === 0) return b.constant(Tensor.of(dtype, shape as number[], []));
  return b.constant(filled(dtype, shape as number[], value).contiguous());
}

/** Statistics over axes that are kept with size 1. */
export interface StatsNodes {
  readonly mean: OnnxValue;
  /** `x - mean`. */
  readonly centered: OnnxValue;
  readonly variance: OnnxValue;
  /** Square root of the variance and `eps`. */
  readonly std: OnnxValue;
}

/** Emits mean, variance and standard deviation over axes. */
export function statsNodes(b: OnnxBuilder, x: OnnxValue, axes: readonly number[], eps: number): StatsNodes {
  const mean = b.op("ReduceMean", [x, b.ints(axes)], { keepdims: 1 });
  const centered = b.op("Sub", [x, mean]);
  const variance = b.op("ReduceMean", [b.op("Mul", [centered, centered]), b.ints(axes)], { keepdims: 1 });
  const std = b.op("Sqrt", [b.op("Add", [variance, b.scalar(eps, b.meta(x).dtype)])]);
  return { mean, centered, variance, std };
}

/** Emits `y * weight + bias`; both are brought to the shape by dims of size 1 at the end. */
export function affineNodes(
  b: OnnxBuilder,
  y: OnnxValue,
  weight: OnnxValue | null,
  bias: OnnxValue | null,
  trailing = 0,
): OnnxValue {
  const turned = (p: OnnxValue): OnnxValue => b.unsqueeze(p, ...Array.from({ length: trailing }, (_, i) => i + 1));
  const scaled = weight ? b.op("Mul", [y, turned(weight)]) : y;
  return bias ? b.op("Add", [scaled, turned(bias)]) : scaled;
}

/** `y` in the shape of `x`. */
export function reshapeLike(b: OnnxBuilder, y: OnnxValue, x: OnnxValue): OnnxValue {
  const { shape } = b.meta(x);
  if (shape.slice(1).filter(isSym).length <= 1) return b.reshape(y, shape);
  const result = b.op("Reshape", [y, b.op("Shape", [x])]);
  result.meta = { dtype: b.meta(y).dtype, shape };
  return result;
}
