/** Maxima of the whole elements in the bins of regions. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import { float, type OnnxValue } from "../onnx/model.ts";
import type { Dim } from "../sym/mod.ts";
import { elementCount, type Meta, newData, Tensor } from "../tensor/mod.ts";
import { defineOp } from "./op.ts";
import { floatKernelDType } from "./precision.ts";
import {
  type BinEdges,
  binEdges,
  binEdgesNode,
  type BinRule,
  checkRois,
  hasRegionNodes,
  imagesNode,
  inBinsNode,
  type RoiArgs,
} from "./regions.ts";

/** The bins of a region in one dim, as far as they lie in the image. */
function binsInside(low: number, high: number, rule: BinRule, size: number): BinEdges<number>[] {
  const inside = (x: number): number => Math.min(Math.max(x, 0), size);
  return binEdges(low, high, rule).map(({ start, end }) => ({ start: inside(start), end: inside(end) }));
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
    const rows = binsInside(y1, y2, { scale, count: ph, isClosed: true }, h);
    const columns = binsInside(x1, x2, { scale, count: pw, isClosed: true }, w);
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

/** Maxima of bins and their places, a dim at a time. */
function poolNodes(b: OnnxBuilder, args: RoiArgs<OnnxValue>): [OnnxValue, OnnxValue] {
  const { input, rois, spatial_scale } = args;
  const { dtype, shape: [, , h, w] } = b.meta(input);
  const [ph, pw] = checkRois({ ...args, input: b.meta(input), rois: b.meta(rois) });
  const wide = floatKernelDType(dtype);
  const [x, regions] = [input, rois].map((v) => b.cast(v, wide));
  const lowest = b.scalar(-Infinity, wide);
  const across = (columns: readonly [number, number], count: number, size: Dim): OnnxValue =>
    inBinsNode(b, binEdgesNode(b, regions, columns, { scale: spatial_scale, count, isClosed: true }), size);
  const images = imagesNode(b, x, regions);
  const columns = b.unsqueeze(across([1, 3], pw, w), 1, 2);
  const acrossRows = b.op("Where", [columns, b.unsqueeze(images, 3), lowest]);
  const rowMaxima = b.op("ReduceMax", [acrossRows, b.ints([4])], { keepdims: 0 });
  const inRow = b.op("ArgMax", [acrossRows], { axis: 4, keepdims: 0 });
  const rows = b.unsqueeze(across([2, 4], ph, h), 1, 4);
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
      if (b.meta(args.input).dtype !== "float32" || !hasRegionNodes(b)) return composed;
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
