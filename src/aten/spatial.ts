/**
 * What convolutions and pools share: arguments per spatial dim, how many windows fit, batches that may be absent, and
 * windows laid out by Gather, from which anything that slides can be composed where ONNX runtimes lack a kernel.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { add, ceilDiv, type Dim, floorDiv, isSym, min, mul, sub } from "../sym/mod.ts";
import { type DType, Tensor } from "../tensor/mod.ts";
import { refuse } from "./rules.ts";

/** Sizes as numbers, one per spatial dim: a single one stands for all. @throws {RangeError} for symbolic ones */
export function perDim(name: string, values: readonly Dim[], rank: number): number[] {
  const symbolic = values.find(isSym);
  if (symbolic !== undefined) refuse(name, symbolic, "ONNX keeps it as an attribute, which must be a constant");
  if (values.length !== rank && values.length !== 1) {
    throw new RangeError(`Argument ${name} must have 1 or ${rank} elements, met ${values.length}`);
  }
  return values.length === rank ? values as number[] : new Array<number>(rank).fill(values[0] as number);
}

/** A window that slides over one spatial dim. */
export interface Slide {
  readonly kernel: number;
  readonly stride: number;
  /** Padding before and after. */
  readonly pads: readonly [number, number];
  readonly dilation: number;
  /** The last window may reach beyond the padding after the dim, if it starts before that. */
  readonly ceil?: boolean;
}

/** How many elements a window spans. */
export function extentOf({ kernel, dilation }: Slide): number {
  return dilation * (kernel - 1) + 1;
}

/** How many windows fit in a dim. @throws {RangeError} when a constant size has room for none */
export function windowCount(size: Dim, slide: Slide): Dim {
  const { stride, pads: [before, after], ceil } = slide;
  if (stride <= 0) throw new RangeError(`A stride must be positive, met ${stride}`);
  const room = sub(add(size, before + after), extentOf(slide));
  const count = add((ceil ? ceilDiv : floorDiv)(room, stride), 1);
  // A window that would start in the padding after the dim is left out.
  const within = ceil && extentOf(slide) < stride + after;
  const result = within ? min(count, ceilDiv(add(size, before), stride)) : count;
  if (!isSym(result) && result <= 0) {
    throw new RangeError(
      `A window over ${extentOf(slide)} elements does not fit a dimension of ${size} padded by ${before} and ${after}`,
    );
  }
  return result;
}

/** How many elements beyond the input and its padding before it the last window reaches; the padding after it is part. */
export function overhang(size: Dim, slide: Slide): Dim {
  const end = add(mul(sub(windowCount(size, slide), 1), slide.stride), extentOf(slide));
  return sub(end, add(size, slide.pads[0]));
}

/** Indices of the elements under each window in one dim, those outside of it included. */
export function windowIndices(count: number, slide: Slide): number[][] {
  return Array.from(
    { length: count },
    (_, o) => Array.from({ length: slide.kernel }, (_, k) => o * slide.stride - slide.pads[0] + k * slide.dilation),
  );
}

/** Runs `body` with a batch dim, which is added and removed when `x` has none. */
export function withBatch<R extends readonly OnnxValue[]>(
  b: OnnxBuilder,
  x: OnnxValue,
  rank: number,
  body: (x: OnnxValue) => R,
): R {
  const given = b.meta(x).shape.length;
  if (given === rank + 2) return body(x);
  if (given !== rank + 1) {
    throw new RangeError(`An input of ${rank + 1} or ${rank + 2} dimensions is needed, met ${given}`);
  }
  return body(b.unsqueeze(x, 0)).map((y) => b.squeeze(y, 0)) as unknown as R;
}

/** The same for concrete tensors. */
export function withBatchKernel(x: Tensor, rank: number, body: (x: Tensor) => readonly Tensor[]): Tensor[] {
  if (x.shape.length === rank + 2) return [...body(x)];
  if (x.shape.length !== rank + 1) {
    throw new RangeError(`An input of ${rank + 1} or ${rank + 2} dimensions is needed, met ${x.shape.length}`);
  }
  return body(x.reshape([1, ...x.shape])).map((y) => y.reshape(y.shape.slice(1)));
}

/** Pads with one value; sizes below zero crop. Nothing is added where all are zero. */
export function padNode(
  b: OnnxBuilder,
  x: OnnxValue,
  before: readonly Dim[],
  after: readonly Dim[],
  value: OnnxValue | null = null,
): OnnxValue {
  if ([...before, ...after].every((n) => n === 0)) return x;
  return b.op("Pad", [x, b.ints([...before, ...after]), value], { mode: "constant" });
}

/** `[0, step, 2 * step, …]`, `count` of them, as int64. */
export function steps(b: OnnxBuilder, count: Dim, step = 1): OnnxValue {
  if (!isSym(count)) return int64s(b, Array.from({ length: count }, (_, i) => i * step));
  const range = b.op("Range", [b.scalar(0n, "int64"), b.dim(count), b.scalar(1n, "int64")]);
  range.meta = { dtype: "int64", shape: [count] };
  return step === 1 ? range : b.op("Mul", [range, b.scalar(BigInt(step), "int64")]);
}

/** A constant of int64. */
export function int64s(
  b: OnnxBuilder,
  values: readonly number[],
  shape: readonly number[] = [values.length],
): OnnxValue {
  return b.constant(Tensor.of("int64", shape, BigInt64Array.from(values, BigInt)));
}

/**
 * Lays out windows over the spatial dims (the last ones) of an already padded input:
 * `[…, out_1, kernel_1, out_2, kernel_2, …]`.
 */
export function gatherWindows(
  b: OnnxBuilder,
  x: OnnxValue,
  counts: readonly Dim[],
  slides: readonly Slide[],
): OnnxValue {
  const lead = b.meta(x).shape.length - slides.length;
  return slides.reduce((y, slide, i) => {
    // Each element is a window of its own.
    if (slide.kernel === 1 && slide.stride === 1) return b.unsqueeze(y, lead + 2 * i + 1);
    const offsets = Array.from({ length: slide.kernel }, (_, k) => k * slide.dilation);
    return gatherOffsets(b, y, counts[i], slide.stride, offsets, lead + 2 * i);
  }, x);
}

/** Lays out windows along one dim, `[…, count, offsets, …]`: elements so far from where each starts. */
export function gatherOffsets(
  b: OnnxBuilder,
  x: OnnxValue,
  count: Dim,
  stride: number,
  offsets: readonly number[],
  axis: number,
): OnnxValue {
  const starts = b.op("Unsqueeze", [steps(b, count, stride), b.ints([1])]);
  return b.op("Gather", [x, b.op("Add", [starts, int64s(b, offsets)])], { axis });
}

/**
 * Dims of {@linkcode gatherWindows} in the order `[…, kernels, outs]` or `[…, outs, kernels]`.
 */
export function windowOrder(lead: number, rank: number, first: "kernels" | "outs"): number[] {
  const dims = Array.from({ length: rank }, (_, i) => lead + 2 * i);
  const [outs, kernels] = [dims, dims.map((d) => d + 1)];
  const leading = Array.from({ length: lead }, (_, i) => i);
  return first === "kernels" ? [...leading, ...kernels, ...outs] : [...leading, ...outs, ...kernels];
}

/** dtypes that the float-only kernels of ONNX runtimes take; bfloat16 goes through float32. */
export function hasFloatKernel(dtype: DType): boolean {
  return dtype === "float32" || dtype === "float16" || dtype === "bfloat16";
}
