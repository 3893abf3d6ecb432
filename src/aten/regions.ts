/**
 * What torchvision's operators on regions of interest have in common: https://docs.pytorch.org/vision/stable/ops.html. A
 * region is `[image, x1, y1, x2, y2]`: the index of its image, and a box. It is divided into bins, in each dim by itself.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, eq, isSym } from "../sym/mod.ts";
import { isFloat, type Meta } from "../tensor/mod.ts";
import { refuse } from "./rules.ts";
import { steps } from "./spatial.ts";

/** What the operators on regions of interest are given. */
export interface RoiArgs<T> {
  readonly input: T;
  readonly rois: T;
  readonly spatial_scale: number;
  readonly pooled_height: Dim;
  readonly pooled_width: Dim;
}

/** Checks images and regions; gives the size of a result. */
export function checkRois({ input, rois, ...args }: RoiArgs<Meta>): [height: number, width: number] {
  if (!isFloat(input.dtype) || rois.dtype !== input.dtype) {
    throw new TypeError(`Images and regions must be of one float dtype, met ${input.dtype} and ${rois.dtype}`);
  }
  if (input.shape.length !== 4) throw new RangeError(`Images of 4 dimensions are needed, met ${input.shape.length}`);
  if (rois.shape.length !== 2 || eq(rois.shape[1], 5) === false) {
    throw new RangeError(`Regions of [k, 5] are needed, met [${rois.shape.join(", ")}]`);
  }
  return [sizeOf("pooled_height", args.pooled_height), sizeOf("pooled_width", args.pooled_width)];
}

function sizeOf(name: string, size: Dim): number {
  if (isSym(size)) refuse(name, size, "it must be a constant");
  if (size <= 0) refuse(name, size, "it must be positive");
  return size;
}

/** Whether all runtimes have the nodes on regions: they lack those of later versions. */
export function hasRegionNodes({ opset }: OnnxBuilder): boolean {
  return opset <= 21;
}

/** One column of the regions, `[k, 1]`. */
export function columnNode(b: OnnxBuilder, rois: OnnxValue, column: number): OnnxValue {
  return b.op("Gather", [rois, b.ints([column])], { axis: 1 });
}

/** The image of each region: `[k, channels, h, w]`. */
export function imagesNode(b: OnnxBuilder, input: OnnxValue, rois: OnnxValue): OnnxValue {
  const batch = b.cast(b.op("Gather", [rois, b.scalar(0n, "int64")], { axis: 1 }), "int64");
  return b.op("Gather", [input, batch], { axis: 0 });
}

/** The elements of a dim that pooling takes into a bin: from the first to before the end. Both may lie outside of the image. */
export interface BinEdges<T> {
  readonly start: T;
  readonly end: T;
}

/** What decides which elements the bins of a region have. */
export interface BinRule {
  /** From coordinates of boxes to elements of the image. */
  readonly scale: number;
  /** How many bins there are in the dim. */
  readonly count: number;
  /** Whether the element that a box ends at is a part of it, as `roi_pool` has it. */
  readonly isClosed: boolean;
}

/** Whole elements of the bins between two coordinates of a box, as PyTorch's kernels round them: in single precision. */
export function binEdges(low: number, high: number, { scale, count, isClosed }: BinRule): BinEdges<number>[] {
  const start = roundAway(Math.fround(low * scale));
  const length = Math.max(roundAway(Math.fround(high * scale)) - start + Number(isClosed), 1);
  const step = Math.fround(length / count);
  return Array.from({ length: count }, (_, i) => ({
    start: start + Math.floor(Math.fround(i * step)),
    end: start + Math.ceil(Math.fround((i + 1) * step)),
  }));
}

/** The same for two columns of the regions as nodes: `[k, bins]` each. */
export function binEdgesNode(
  b: OnnxBuilder,
  rois: OnnxValue,
  columns: readonly [low: number, high: number],
  { scale, count, isClosed }: BinRule,
): BinEdges<OnnxValue> {
  const { dtype } = b.meta(rois);
  const one = b.scalar(1, dtype);
  const [low, high] = columns.map((column) =>
    roundAwayNode(b, b.op("Mul", [columnNode(b, rois, column), b.scalar(scale, dtype)]))
  );
  const span = b.op("Sub", [high, low]);
  const length = b.op("Max", [isClosed ? b.op("Add", [span, one]) : span, one]);
  const step = b.op("Div", [length, b.scalar(count, dtype)]);
  const order = b.cast(steps(b, count), dtype);
  return {
    start: b.op("Add", [b.op("Floor", [b.op("Mul", [order, step])]), low]),
    end: b.op("Add", [b.op("Ceil", [b.op("Mul", [b.op("Add", [order, one]), step])]), low]),
  };
}

/** Which elements of a dim of a size lie in each bin: a bool `[k, bins, size]`. */
export function inBinsNode(b: OnnxBuilder, { start, end }: BinEdges<OnnxValue>, size: Dim): OnnxValue {
  const places = b.cast(steps(b, size), b.meta(start).dtype);
  return b.op("And", [
    b.op("GreaterOrEqual", [places, b.unsqueeze(start, 2)]),
    b.op("Less", [places, b.unsqueeze(end, 2)]),
  ]);
}

/** Rounds halves away from zero, as C++. */
function roundAway(x: number): number {
  return Math.sign(x) * Math.floor(Math.abs(x) + 0.5);
}

/** Half away from zero: ONNX's Round takes halves to even. */
function roundAwayNode(b: OnnxBuilder, x: OnnxValue): OnnxValue {
  const { dtype } = b.meta(x);
  const size = b.op("Floor", [b.op("Add", [b.op("Abs", [x]), b.scalar(0.5, dtype)])]);
  return b.op("Mul", [b.op("Sign", [x]), size]);
}
