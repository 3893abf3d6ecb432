/** Means of interpolated samples in the bins of regions: `roi_align`, and what `ps_roi_align` shares with it. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import { float, type OnnxValue } from "../onnx/model.ts";
import type { Dim } from "../sym/mod.ts";
import { Tensor } from "../tensor/mod.ts";
import { convert } from "../tensor/loops.ts";
import { defineOp } from "./op.ts";
import { computeIn, floatKernelDType } from "./precision.ts";
import { checkRois, columnNode, hasRegionNodes, imagesNode, type RoiArgs } from "./regions.ts";
import { steps } from "./spatial.ts";

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

/** The same as a node, or for later versions as products of weights. */
export function alignNode(b: OnnxBuilder, args: RoiArgs<OnnxValue>, sampling: Sampling): OnnxValue {
  const { input, rois, spatial_scale } = args;
  const { dtype } = b.meta(input);
  const [output_height, output_width] = checkRois({ ...args, input: b.meta(input), rois: b.meta(rois) });
  return computeIn(b, floatKernelDType(dtype), [input, rois], (input, rois) => {
    if (!hasRegionNodes(b)) {
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
