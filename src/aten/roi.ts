/**
 * torchvision's operators on boxes: https://docs.pytorch.org/vision/stable/ops.html. Boxes are `[x1, y1, x2, y2]`, regions of
 * interest have the index of their image in front.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import { float, type OnnxValue } from "../onnx/model.ts";
import { type Dim, eq, isSym } from "../sym/mod.ts";
import { elementCount, isFloat, type Meta, newData, Tensor } from "../tensor/mod.ts";
import { convert } from "../tensor/loops.ts";
import { carrier, SINGLE } from "./emit.ts";
import { defineOp } from "./op.ts";
import { computeIn, floatKernelDType } from "./precision.ts";
import { refuse } from "./rules.ts";
import { steps } from "./spatial.ts";

/** Boxes that no better box covers by more than a share, best first: https://docs.pytorch.org/vision/stable/generated/torchvision.ops.nms.html */
export const nms = defineOp("torchvision::nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor", {
  meta: (ctx, { dets, scores, iou_threshold }): Meta => {
    checkBoxes(dets, scores, iou_threshold);
    return { dtype: "int64", shape: [ctx.freshSymbol("nms")] };
  },
  kernel: ({ dets, scores, iou_threshold }) => {
    checkBoxes(dets, scores, iou_threshold);
    const [boxes, ranks] = [dets.data() as Float32Array, Array.from(scores.data() as Float32Array)];
    const order = ranks.map((_, i) => i).sort((i, k) => ranks[k] - ranks[i] || i - k);
    const kept: number[] = [];
    for (const i of order) if (kept.every((k) => !(overlap(boxes, k, i) > iou_threshold))) kept.push(i);
    return Tensor.of("int64", [kept.length], BigInt64Array.from(kept, BigInt));
  },
  onnx: (b, { dets, scores, iou_threshold }) => {
    const meta = b.meta(dets);
    checkBoxes(meta, b.meta(scores), iou_threshold);
    // Refuses float64; what is narrower fits.
    carrier(b, meta.dtype, SINGLE, "NonMaxSuppression");
    const boxes = b.unsqueeze(b.cast(dets, "float32"), 0);
    const ranks = b.unsqueeze(b.cast(scores, "float32"), 0, 1);
    const found = b.op("NonMaxSuppression", [boxes, ranks, b.dim(meta.shape[0]), b.scalar(iou_threshold, "float32")]);
    return b.op("Gather", [found, b.scalar(2n, "int64")], { axis: 1 });
  },
});

function checkBoxes(dets: Meta, scores: Meta, threshold: number): void {
  if (dets.shape.length !== 2 || eq(dets.shape[1], 4) === false) {
    throw new RangeError(`Boxes of [n, 4] are needed, met [${dets.shape.join(", ")}]`);
  }
  if (scores.shape.length !== 1 || eq(scores.shape[0], dets.shape[0]) === false) {
    throw new RangeError(`One score per box is needed, met [${scores.shape.join(", ")}]`);
  }
  if (!isFloat(dets.dtype) || scores.dtype !== dets.dtype) {
    throw new TypeError(`Boxes and scores must be of one float dtype, met ${dets.dtype} and ${scores.dtype}`);
  }
  if (!(threshold >= 0 && threshold <= 1)) refuse("iou_threshold", threshold, "it must be between 0 and 1");
}

/** The share of the union of two boxes that both cover. */
function overlap(boxes: Float32Array, i: number, k: number): number {
  const [a, b] = [i, k].map((at) => boxes.subarray(4 * at, 4 * at + 4));
  const side = (d: number): number => Math.max(0, Math.min(a[d + 2], b[d + 2]) - Math.max(a[d], b[d]));
  const area = (x: Float32Array): number => (x[2] - x[0]) * (x[3] - x[1]);
  const both = side(0) * side(1);
  return both / (area(a) + area(b) - both);
}

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

/** Elements of an image, interpolated; 0 beyond the border. */
function interpolate(plane: Float64Array, h: number, w: number, y: number, x: number): number {
  if (y < -1 || y > h || x < -1 || x > w) return 0;
  const [yy, xx] = [Math.max(y, 0), Math.max(x, 0)];
  const [top, left] = [Math.min(Math.floor(yy), h - 1), Math.min(Math.floor(xx), w - 1)];
  const [bottom, right] = [Math.min(top + 1, h - 1), Math.min(left + 1, w - 1)];
  const [dy, dx] = [top >= h - 1 ? 0 : yy - top, left >= w - 1 ? 0 : xx - left];
  const at = (i: number, k: number): number => plane[i * w + k];
  return (1 - dy) * ((1 - dx) * at(top, left) + dx * at(top, right)) +
    dy * ((1 - dx) * at(bottom, left) + dx * at(bottom, right));
}

/** How regions are sampled. */
export interface Sampling {
  readonly ratio: number;
  readonly aligned: boolean;
}

/** Means of samples in each bin of each region, for every channel. */
export function alignKernel(args: RoiArgs<Tensor>, { ratio, aligned }: Sampling): Tensor {
  const { input, rois, spatial_scale: scale } = args;
  const [ph, pw] = checkRois(args);
  const [, c, h, w] = input.shape;
  const [count] = rois.shape;
  const data = convert(input, "float64").data() as Float64Array;
  const regions = rois.data() as Float64Array;
  const out = new Float64Array(count * c * ph * pw);
  for (let k = 0; k < count; k++) {
    const [batch, x1, y1, x2, y2] = regions.subarray(5 * k, 5 * k + 5);
    const offset = aligned ? 0.5 : 0;
    const [left, top] = [x1 * scale - offset, y1 * scale - offset];
    let [width, height] = [x2 * scale - offset - left, y2 * scale - offset - top];
    if (!aligned) [width, height] = [Math.max(width, 1), Math.max(height, 1)];
    const [binH, binW] = [height / ph, width / pw];
    const [gridH, gridW] = ratio > 0 ? [ratio, ratio] : [Math.ceil(height / ph), Math.ceil(width / pw)];
    for (let p = 0; p < c * ph * pw; p++) {
      const [channel, i, j] = [Math.floor(p / (ph * pw)), Math.floor(p / pw) % ph, p % pw];
      const plane = data.subarray((batch * c + channel) * h * w, (batch * c + channel + 1) * h * w);
      let sum = 0;
      for (let s = 0; s < gridH * gridW; s++) {
        const y = top + i * binH + (Math.floor(s / gridW) + 0.5) * binH / gridH;
        const x = left + j * binW + (s % gridW + 0.5) * binW / gridW;
        sum += interpolate(plane, h, w, y, x);
      }
      out[k * c * ph * pw + p] = sum / Math.max(gridH * gridW, 1);
    }
  }
  return convert(Tensor.of("float64", [count, c, ph, pw], out), input.dtype);
}

/** From this version on, not all runtimes have the nodes on regions. */
const LAST_OPSET = 21;

/** The same as a node, or for later versions as products of weights. */
export function alignNode(b: OnnxBuilder, args: RoiArgs<OnnxValue>, sampling: Sampling): OnnxValue {
  const { input, rois, spatial_scale } = args;
  const { dtype } = b.meta(input);
  const [output_height, output_width] = checkRois({ ...args, input: b.meta(input), rois: b.meta(rois) });
  return computeIn(b, floatKernelDType(dtype), [input, rois], (input, rois) => {
    if (b.opset > LAST_OPSET) {
      const [, , h, w] = b.meta(input).shape;
      const rows = weightsNode(b, rois, [2, 4], spatial_scale, sampling, output_height, h);
      const columns = weightsNode(b, rois, [1, 3], spatial_scale, sampling, output_width, w);
      const across = b.op("MatMul", [b.unsqueeze(rows, 1), imagesNode(b, input, rois)]);
      return b.op("MatMul", [across, b.unsqueeze(b.transpose(columns, [0, 2, 1]), 1)]);
    }
    const boxes = b.op("Slice", [rois, b.ints([1]), b.ints([5]), b.ints([1])]);
    const batch = b.cast(b.op("Gather", [rois, b.scalar(0n, "int64")], { axis: 1 }), "int64");
    return b.op("RoiAlign", [input, boxes, batch], {
      coordinate_transformation_mode: sampling.aligned ? "half_pixel" : "output_half_pixel",
      output_height,
      output_width,
      sampling_ratio: Math.max(sampling.ratio, 0),
      spatial_scale: float(spatial_scale),
    });
  });
}

/**
 * The share of each element of a dim in each bin, `[k, bins, size]`: interpolation between rows and between columns are
 * independent of each other, so that a bin's mean is a product with both.
 */
function weightsNode(
  b: OnnxBuilder,
  rois: OnnxValue,
  columns: readonly [low: number, high: number],
  scale: number,
  { ratio, aligned }: Sampling,
  count: number,
  size: Dim,
): OnnxValue {
  const { dtype } = b.meta(rois);
  const value = (x: number): OnnxValue => b.scalar(x, dtype);
  const [low, high] = columns.map((column) => {
    const scaled = b.op("Mul", [columnNode(b, rois, column), value(scale)]);
    return aligned ? b.op("Sub", [scaled, value(0.5)]) : scaled;
  });
  const span = b.op("Sub", [high, low]);
  const step = b.op("Div", [aligned ? span : b.op("Max", [span, value(1)]), value(count)]);
  // How many samples a bin has in this dim: `[k, 1]`, or one number for all.
  const each = ratio > 0 ? value(ratio) : b.op("Max", [b.op("Ceil", [step]), value(1)]);
  const most = ratio > 0 ? null : b.cast(b.op("ReduceMax", [each], { keepdims: 0 }), "int64");
  const order = most
    ? b.cast(b.op("Range", [b.scalar(0n, "int64"), most, b.scalar(1n, "int64")]), dtype)
    : b.cast(steps(b, ratio), dtype);
  const inBin = b.op("Div", [b.op("Add", [order, value(0.5)]), each]);
  const bins = b.unsqueeze(b.cast(steps(b, count), dtype), 1);
  // [k, bins, samples]
  const places = b.op("Add", [
    b.op("Mul", [b.op("Add", [bins, b.unsqueeze(inBin, ...(most ? [1] : []))]), b.unsqueeze(step, 2)]),
    b.unsqueeze(low, 2),
  ]);
  const length = b.cast(b.dim(size), dtype);
  let counts = b.op("And", [
    b.op("GreaterOrEqual", [places, value(-1)]),
    b.op("LessOrEqual", [places, length]),
  ]);
  if (most) counts = b.op("And", [counts, b.unsqueeze(b.op("Less", [order, each]), 1)]);
  const inside = b.op("Clip", [places, value(0), b.op("Sub", [length, value(1)])]);
  const gaps = b.op("Abs", [b.op("Sub", [b.unsqueeze(inside, 3), b.cast(steps(b, size), dtype)])]);
  const near = b.op("Max", [b.op("Sub", [value(1), gaps]), value(0)]);
  const shares = b.op("Mul", [near, b.unsqueeze(b.cast(counts, dtype), 3)]);
  const sums = b.op("ReduceSum", [shares, b.ints([2])], { keepdims: 0 });
  return b.op("Div", [sums, most ? b.unsqueeze(each, 2) : each]);
}

/** https://docs.pytorch.org/vision/stable/generated/torchvision.ops.roi_align.html */
export const roiAlign = defineOp(
  "torchvision::roi_align(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width, int sampling_ratio, bool aligned) -> Tensor",
  {
    meta: (_, args) => {
      const size = checkRois(args);
      return { dtype: args.input.dtype, shape: [args.rois.shape[0], args.input.shape[1], ...size] };
    },
    kernel: (args) => alignKernel(args, { ratio: args.sampling_ratio, aligned: args.aligned }),
    onnx: (b, args) => alignNode(b, args, { ratio: args.sampling_ratio, aligned: args.aligned }),
  },
);

/** Rounds halves away from zero, as C++. */
export function roundAway(x: number): number {
  return Math.sign(x) * Math.floor(Math.abs(x) + 0.5);
}

/** The whole elements that a bin of a region covers in one dim. */
interface Span {
  readonly start: number;
  readonly end: number;
}

function spansOf(low: number, high: number, scale: number, count: number, size: number): Span[] {
  const start = roundAway(Math.fround(low * scale));
  const length = Math.max(roundAway(Math.fround(high * scale)) - start + 1, 1);
  const inside = (x: number): number => Math.min(Math.max(x + start, 0), size);
  return Array.from({ length: count }, (_, i) => ({
    start: inside(Math.floor(Math.fround(i * Math.fround(length / count)))),
    end: inside(Math.ceil(Math.fround((i + 1) * Math.fround(length / count)))),
  }));
}

function poolKernel(args: RoiArgs<Tensor>): [Tensor, Tensor] {
  const { input, rois, spatial_scale: scale } = args;
  const [ph, pw] = checkRois(args);
  const [, c, h, w] = input.shape;
  const [count] = rois.shape;
  const [data, regions] = [input.data() as Float64Array, rois.data() as Float64Array];
  const shape = [count, c, ph, pw];
  const [out, places] = [newData(input.dtype, elementCount(shape)), newData("int32", elementCount(shape))];
  for (let k = 0; k < count; k++) {
    const [batch, x1, y1, x2, y2] = regions.subarray(5 * k, 5 * k + 5);
    const [rows, columns] = [spansOf(y1, y2, scale, ph, h), spansOf(x1, x2, scale, pw, w)];
    for (let p = 0; p < c * ph * pw; p++) {
      const [channel, i, j] = [Math.floor(p / (ph * pw)), Math.floor(p / pw) % ph, p % pw];
      const plane = (batch * c + channel) * h * w;
      let [top, place] = [rows[i].end > rows[i].start && columns[j].end > columns[j].start ? -Infinity : 0, -1];
      for (let y = rows[i].start; y < rows[i].end; y++) {
        for (let x = columns[j].start; x < columns[j].end; x++) {
          if (data[plane + y * w + x] > top) [top, place] = [data[plane + y * w + x], y * w + x];
        }
      }
      out[k * c * ph * pw + p] = top;
      places[k * c * ph * pw + p] = place;
    }
  }
  return [Tensor.of(input.dtype, shape, out), Tensor.of("int32", shape, places)];
}

/** Half away from zero: ONNX's Round takes halves to even. */
export function roundAwayNode(b: OnnxBuilder, x: OnnxValue): OnnxValue {
  const { dtype } = b.meta(x);
  const size = b.op("Floor", [b.op("Add", [b.op("Abs", [x]), b.scalar(0.5, dtype)])]);
  return b.op("Mul", [b.op("Sign", [x]), size]);
}

/** One column of the regions, `[k, 1]`. */
export function columnNode(b: OnnxBuilder, rois: OnnxValue, column: number): OnnxValue {
  return b.op("Gather", [rois, b.ints([column])], { axis: 1 });
}

/** Which elements of a dim lie in each bin: a bool `[k, bins, size]`. */
function insideNode(
  b: OnnxBuilder,
  rois: OnnxValue,
  columns: readonly [low: number, high: number],
  scale: number,
  count: number,
  size: Dim,
): OnnxValue {
  const { dtype } = b.meta(rois);
  const one = b.scalar(1, dtype);
  const [low, high] = columns.map((column) =>
    roundAwayNode(b, b.op("Mul", [columnNode(b, rois, column), b.scalar(scale, dtype)]))
  );
  const length = b.op("Max", [b.op("Add", [b.op("Sub", [high, low]), one]), one]);
  const step = b.op("Div", [length, b.scalar(count, dtype)]);
  const order = b.cast(steps(b, count), dtype);
  const starts = b.op("Add", [b.op("Floor", [b.op("Mul", [order, step])]), low]);
  const ends = b.op("Add", [b.op("Ceil", [b.op("Mul", [b.op("Add", [order, one]), step])]), low]);
  const places = b.cast(steps(b, size), dtype);
  return b.op("And", [
    b.op("GreaterOrEqual", [places, b.unsqueeze(starts, 2)]),
    b.op("Less", [places, b.unsqueeze(ends, 2)]),
  ]);
}

/** The image of each region: `[k, channels, h, w]`. */
export function imagesNode(b: OnnxBuilder, input: OnnxValue, rois: OnnxValue): OnnxValue {
  const batch = b.cast(b.op("Gather", [rois, b.scalar(0n, "int64")], { axis: 1 }), "int64");
  return b.op("Gather", [input, batch], { axis: 0 });
}

/** Maxima of bins and their places, a dim at a time. */
function poolNodes(b: OnnxBuilder, args: RoiArgs<OnnxValue>): [OnnxValue, OnnxValue] {
  const { input, rois, spatial_scale } = args;
  const { dtype, shape: [, , h, w] } = b.meta(input);
  const [ph, pw] = checkRois({ ...args, input: b.meta(input), rois: b.meta(rois) });
  const wide = floatKernelDType(dtype);
  const [x, regions] = [input, rois].map((v) => b.cast(v, wide));
  const lowest = b.scalar(-Infinity, wide);
  const images = imagesNode(b, x, regions);
  const columns = b.unsqueeze(insideNode(b, regions, [1, 3], spatial_scale, pw, w), 1, 2);
  const acrossRows = b.op("Where", [columns, b.unsqueeze(images, 3), lowest]);
  const rowMaxima = b.op("ReduceMax", [acrossRows, b.ints([4])], { keepdims: 0 });
  const inRow = b.op("ArgMax", [acrossRows], { axis: 4, keepdims: 0 });
  const rows = b.unsqueeze(insideNode(b, regions, [2, 4], spatial_scale, ph, h), 1, 4);
  const acrossBoth = b.op("Where", [rows, b.unsqueeze(rowMaxima, 2), lowest]);
  const top = b.op("ReduceMax", [acrossBoth, b.ints([3])], { keepdims: 0 });
  const row = b.op("ArgMax", [acrossBoth], { axis: 3, keepdims: 0 });
  const place = b.op("Add", [
    b.op("Mul", [row, b.dim(w)]),
    b.op("GatherElements", [inRow, row], { axis: 2 }),
  ]);
  const isEmpty = b.op("Equal", [top, lowest]);
  const places = b.op("Where", [isEmpty, b.scalar(-1n, "int64"), place]);
  return [b.cast(b.op("Where", [isEmpty, b.scalar(0, wide), top]), dtype), b.cast(places, "int32")];
}

/** https://docs.pytorch.org/vision/stable/generated/torchvision.ops.roi_pool.html, and the place of each maximum in its plane. */
export const roiPool = defineOp(
  "torchvision::roi_pool(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width) -> (Tensor, Tensor)",
  {
    meta: (_, args): [Meta, Meta] => {
      const shape = [args.rois.shape[0], args.input.shape[1], ...checkRois(args)];
      return [{ dtype: args.input.dtype, shape }, { dtype: "int32", shape }];
    },
    kernel: poolKernel,
    onnx: (b, args) => {
      const composed = poolNodes(b, args);
      if (b.meta(args.input).dtype !== "float32" || b.opset > LAST_OPSET) return composed;
      // A node of its own for the values; the composition remains for the places.
      const pooled_shape = checkRois({ ...args, input: b.meta(args.input), rois: b.meta(args.rois) });
      const values = b.op("MaxRoiPool", [args.input, args.rois], {
        pooled_shape,
        spatial_scale: float(args.spatial_scale),
      });
      return [values, composed[1]];
    },
  },
);
