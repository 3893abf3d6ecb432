/**
 * Position-sensitive pooling of regions: each bin takes channels of its own.
 * https://docs.pytorch.org/vision/stable/generated/torchvision.ops.ps_roi_align.html
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, isSym } from "../sym/mod.ts";
import { elementCount, type Meta, Tensor } from "../tensor/mod.ts";
import { convert } from "../tensor/loops.ts";
import { defineOp } from "./op.ts";
import { floatKernelDType } from "./precision.ts";
import { type BinEdges, binEdges, binEdgesNode, checkRois, imagesNode, inBinsNode, type RoiArgs } from "./regions.ts";
import { alignKernel, alignNode } from "./roi_align.ts";
import { refuse } from "./rules.ts";
import { int64s } from "./spatial.ts";

/** Shape of the result: a part of the channels for each bin. */
function outShape(args: RoiArgs<Meta>): [Dim, number, number, number] {
  const [ph, pw] = checkRois(args);
  const channels = args.input.shape[1];
  if (isSym(channels)) throw new RangeError("The number of channels must be a constant");
  if (channels % (ph * pw) !== 0) {
    refuse("pooled_height", ph, `${channels} channels can't be shared among ${ph} x ${pw} bins`);
  }
  return [args.rois.shape[0], channels / (ph * pw), ph, pw];
}

function metasOf(args: RoiArgs<Meta>): [Meta, Meta] {
  const shape = outShape(args);
  return [{ dtype: args.input.dtype, shape }, { dtype: "int32", shape }];
}

/** The channel that each element of the result is taken from: they are in order. */
function channelOf(c: number, i: number, j: number, ph: number, pw: number): number {
  return (c * ph + i) * pw + j;
}

function mappingKernel(shape: readonly number[]): Tensor {
  const each = elementCount(shape.slice(1));
  return Tensor.of("int32", shape, Int32Array.from({ length: elementCount(shape) }, (_, i) => i % each));
}

function mappingNode(b: OnnxBuilder, shape: readonly Dim[]): OnnxValue {
  const [c, ph, pw] = shape.slice(1) as number[];
  const order = int64s(b, Array.from({ length: c * ph * pw }, (_, i) => i), [c, ph, pw]);
  return b.cast(b.op("Expand", [order, b.ints(shape)]), "int32");
}

interface AlignArgs<T> extends RoiArgs<T> {
  readonly sampling_ratio: number;
}

/** Means of samples: `roi_align` of all channels, of which each bin keeps its own. Also the channels that were taken. */
export const psRoiAlign = defineOp(
  "torchvision::ps_roi_align(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width, int sampling_ratio) -> (Tensor, Tensor)",
  {
    meta: (_, args) => metasOf(args),
    kernel: (args: AlignArgs<Tensor>) => {
      const all = alignKernel(args, { ratio: args.sampling_ratio, aligned: true });
      const [k, c, ph, pw] = outShape(args) as number[];
      const data = convert(all, "float64").data() as Float64Array;
      const out = Float64Array.from({ length: k * c * ph * pw }, (_, at) => {
        const [i, j] = [Math.floor(at / pw) % ph, at % pw];
        const channel = channelOf(Math.floor(at / (ph * pw)) % c, i, j, ph, pw);
        const region = Math.floor(at / (c * ph * pw));
        return data[((region * c * ph * pw + channel) * ph + i) * pw + j];
      });
      return [convert(Tensor.of("float64", [k, c, ph, pw], out), args.input.dtype), mappingKernel([k, c, ph, pw])];
    },
    onnx: (b, args: AlignArgs<OnnxValue>) => {
      const shape = outShape({ ...args, input: b.meta(args.input), rois: b.meta(args.rois) });
      const [k, c, ph, pw] = shape;
      const all = alignNode(b, args, { ratio: args.sampling_ratio, aligned: true });
      const bins = ph * pw;
      // The channel of a bin's own, in a list of channels by bins.
      const own = int64s(b, Array.from({ length: bins }, (_, i) => i * (bins + 1)));
      const taken = b.op("Gather", [b.reshape(all, [k, c, bins * bins]), own], { axis: 2 });
      return [b.reshape(taken, shape), mappingNode(b, shape)];
    },
  },
);

/** The bins of a region in one dim, as far as they lie in the image, the last element of which never counts. */
function binsInside(low: number, high: number, scale: number, count: number, size: number): BinEdges<number>[] {
  const inside = (x: number): number => Math.min(Math.max(x, 0), size - 1);
  return binEdges(low, high, { scale, count, isClosed: false }).map(({ start, end }) => ({
    start: inside(start),
    end: inside(end),
  }));
}

/** The share of each element of a dim in each bin, `[k, bins, size]`: none in a bin that covers nothing. */
function sharesNode(
  b: OnnxBuilder,
  rois: OnnxValue,
  columns: readonly [low: number, high: number],
  scale: number,
  count: number,
  size: Dim,
): OnnxValue {
  const { dtype } = b.meta(rois);
  const [zero, one] = [b.scalar(0, dtype), b.scalar(1, dtype)];
  const last = b.op("Sub", [b.cast(b.dim(size), dtype), one]);
  const inside = (x: OnnxValue): OnnxValue => b.op("Clip", [x, zero, last]);
  const whole = binEdgesNode(b, rois, columns, { scale, count, isClosed: false });
  const edges = { start: inside(whole.start), end: inside(whole.end) };
  const length = b.op("Max", [b.op("Sub", [edges.end, edges.start]), one]);
  return b.op("Div", [b.cast(inBinsNode(b, edges, size), dtype), b.unsqueeze(length, 2)]);
}

/** Means of whole elements, and the channels that were taken: https://docs.pytorch.org/vision/stable/generated/torchvision.ops.ps_roi_pool.html */
export const psRoiPool = defineOp(
  "torchvision::ps_roi_pool(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width) -> (Tensor, Tensor)",
  {
    meta: (_, args) => metasOf(args),
    kernel: (args) => {
      const shape = outShape(args) as number[];
      const [, c, ph, pw] = shape;
      const [, channels, h, w] = args.input.shape;
      const [data, regions] = [args.input.data() as Float64Array, args.rois.data() as Float64Array];
      const out = new Float64Array(elementCount(shape));
      for (let at = 0; at < out.length; at++) {
        const region = Math.floor(at / (c * ph * pw));
        const [i, j] = [Math.floor(at / pw) % ph, at % pw];
        const [batch, x1, y1, x2, y2] = regions.subarray(5 * region, 5 * region + 5);
        const { start: top, end: bottom } = binsInside(y1, y2, args.spatial_scale, ph, h)[i];
        const { start: left, end: right } = binsInside(x1, x2, args.spatial_scale, pw, w)[j];
        const plane = (batch * channels + channelOf(Math.floor(at / (ph * pw)) % c, i, j, ph, pw)) * h * w;
        for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) out[at] += data[plane + y * w + x];
        out[at] /= Math.max(bottom - top, 1) * Math.max(right - left, 1);
      }
      return [convert(Tensor.of("float64", shape, out), args.input.dtype), mappingKernel(shape)];
    },
    onnx: (b, args) => {
      const { dtype, shape: [, , h, w] } = b.meta(args.input);
      const shape = outShape({ ...args, input: b.meta(args.input), rois: b.meta(args.rois) });
      const [k, c, ph, pw] = shape;
      const wide = floatKernelDType(dtype);
      const rois = b.cast(args.rois, wide);
      const images = b.reshape(imagesNode(b, b.cast(args.input, wide), rois), [k, c, ph, pw, h, w]);
      const rows = sharesNode(b, rois, [2, 4], args.spatial_scale, ph, h);
      const columns = sharesNode(b, rois, [1, 3], args.spatial_scale, pw, w);
      // [1, h] x [h, w] x [w, 1] for each channel and bin.
      const across = b.op("MatMul", [b.unsqueeze(rows, 1, 3, 4), images]);
      const means = b.op("MatMul", [across, b.unsqueeze(columns, 1, 2, 5)]);
      return [b.cast(b.reshape(means, shape), dtype), mappingNode(b, shape)];
    },
  },
);
