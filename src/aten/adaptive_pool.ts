/**
 * Pooling to a given size. Window `i` of `n` over a dim of `size` goes from `floor(i * size / n)` to
 * `ceil((i + 1) * size / n)`: windows are alike only where the size is a multiple, which is all that ONNX's pools know.
 * Other averages are products with a matrix of weights per dim, other maxima reductions of laid out windows.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { add, type Dim, eq, isSym, prod } from "../sym/mod.ts";
import type { DType, Meta, Tensor } from "../tensor/mod.ts";
import { convert } from "../tensor/loops.ts";
import { defineOp, type MetaContext } from "./op.ts";
import { averageKernel, type Bins, maximumKernel } from "./pool_kernels.ts";
import { computeIn, floatKernelDType, widen } from "./precision.ts";
import { indexOfMax, positionOf } from "./pool.ts";
import { requireElements, requireFloat, requireFrom, requireRank } from "./rules.ts";
import { alongDim, alongDimBy } from "./resample.ts";
import {
  hasFloatKernel,
  int64s,
  perDim,
  type Slide,
  steps,
  windowOrder,
  withBatch,
  withBatchKernel,
} from "./spatial.ts";

/** Where the windows of a dim start, and where each ends. */
function windowsOf(size: number, count: number): { start: number; end: number }[] {
  return Array.from({ length: count }, (_, i) => ({
    start: Math.floor(i * size / count),
    end: Math.ceil((i + 1) * size / count),
  }));
}

function binsOf(size: number, count: number): Bins {
  return windowsOf(size, count).map(({ start, end }) => ({
    elements: Array.from({ length: end - start }, (_, k) => start + k),
    count: end - start,
  }));
}

function pooledMeta(self: Meta, outs: readonly Dim[]): Meta {
  requireRank("The input of a pooling", self, outs.length + 1, outs.length + 2);
  requireElements("The input of a pooling", self, self.shape.length - outs.length);
  requireFrom("output_size", outs, 0);
  return { dtype: self.dtype, shape: [...self.shape.slice(0, -outs.length), ...outs] };
}

/** Kernel of windows that are all alike, or null. A size that stays has windows of one element each. */
function uniform(size: Dim, out: Dim): number | null {
  if (eq(size, out) === true) return 1;
  return !isSym(size) && !isSym(out) && size % out === 0 ? size / out : null;
}

function avgNode(b: OnnxBuilder, self: OnnxValue, outs: readonly Dim[]): OnnxValue {
  const rank = outs.length;
  const { dtype, shape } = b.meta(self);
  requireFloat(dtype, "The input of an average pool");
  const sizes = shape.slice(-rank);
  if (sizes.every((size, i) => eq(size, outs[i]) === true)) return self;
  const axes = Array.from({ length: rank }, (_, i) => shape.length - rank + i);
  if (outs.every((n) => n === 1) && (!hasFloatKernel(dtype) || shape.length !== rank + 2)) {
    return computeIn(b, floatKernelDType(dtype), [self], (x) => b.op("ReduceMean", [x, b.ints(axes)], { keepdims: 1 }));
  }
  const [y] = withBatch(b, self, rank, (x) => [computeIn(b, floatKernelDType(dtype), [x], (x) => {
    if (outs.every((n) => n === 1)) return b.op("GlobalAveragePool", [x]);
    const kernel = sizes.map((size, i) => uniform(size, outs[i]));
    if (kernel.every((k) => k !== null) && hasFloatKernel(dtype)) {
      return b.op("AveragePool", [x], { kernel_shape: kernel, strides: kernel });
    }
    return outs.reduce<OnnxValue>((y, out, i) => {
      if (eq(sizes[i], out) === true) return y;
      if (out === 1) return b.op("ReduceMean", [y, b.ints([i + 2])], { keepdims: 1 });
      const size = sizes[i];
      return isSym(size) || isSym(out)
        ? alongDim(b, y, i + 2, weightsNode(b, size, out, b.meta(y).dtype), out)
        : alongDimBy(b, y, i + 2, weightRows(size, out));
    }, x);
  })]);
  return y;
}

/** The share that each element has in each window, one row per window. */
function weightRows(size: number, out: number): Float64Array[] {
  return windowsOf(size, out).map(({ start, end }) => new Float64Array(size).fill(1 / (end - start), start, end));
}

/** Which elements lie in which window, as a bool `[out, size]`, and the lengths of the windows, for sizes that the graph computes. */
function windowsNode(b: OnnxBuilder, size: Dim, out: Dim): { inside: OnnxValue; lengths: OnnxValue } {
  const [n, count] = [b.dim(size), b.dim(out)];
  const windows = b.unsqueeze(steps(b, out), 1);
  const scaled = b.op("Mul", [windows, n]);
  const start = b.op("Div", [scaled, count]);
  // ceil((i + 1) * size / out), of integers that are not negative.
  const end = b.op("Div", [b.op("Add", [scaled, b.dim(add(add(size, out), -1))]), count]);
  const elements = steps(b, size);
  const inside = b.op("And", [b.op("GreaterOrEqual", [elements, start]), b.op("Less", [elements, end])]);
  return { inside, lengths: b.op("Sub", [end, start]) };
}

/** {@linkcode weightRows} as a `[out, size]` tensor for sizes that the graph computes. */
function weightsNode(b: OnnxBuilder, size: Dim, out: Dim, dtype: DType): OnnxValue {
  const { inside, lengths } = windowsNode(b, size, out);
  return b.op("Div", [b.cast(inside, dtype), b.cast(lengths, dtype)]);
}

/** Values and indices of the maxima. */
function maxNode(b: OnnxBuilder, self: OnnxValue, outs: readonly number[]): [OnnxValue, OnnxValue] {
  const rank = outs.length;
  const { dtype, shape } = b.meta(self);
  requireFloat(dtype, "The input of a max pool");
  const sizes = shape.slice(-rank);
  return withBatch(b, self, rank, (x): [OnnxValue, OnnxValue] => {
    const wide = b.cast(x, floatKernelDType(dtype));
    const kernel = sizes.map((size, i) => uniform(size, outs[i]));
    if (kernel.every((k) => k !== null)) {
      const slides = kernel.map((size): Slide => ({ kernel: size, stride: size, pads: [0, 0], dilation: 1 }));
      const y = b.op("MaxPool", [wide], { kernel_shape: kernel, strides: kernel });
      return [b.cast(y, dtype), indexOfMax(b, wide, slides)];
    }
    if (outs.every((n) => n === 1)) {
      const [n, c] = b.meta(x).shape;
      const flat = b.reshape(wide, [n, c, prod(sizes)]);
      const one = [n, c, ...outs];
      const found = positionOf(b, flat, 2, 1);
      return [b.cast(b.reshape(b.op("ReduceMax", [flat, b.ints([2])]), one), dtype), b.reshape(found, one)];
    }
    const [y, found] = sizes.some(isSym)
      ? maxOfMasks(b, wide, sizes, outs)
      : maxOfBins(b, wide, sizes as number[], outs);
    return [b.cast(y, dtype), found];
  });
}

/** Windows of different lengths are filled up by repeating their last element, which changes no maximum. */
function maxOfBins(
  b: OnnxBuilder,
  x: OnnxValue,
  sizes: readonly number[],
  outs: readonly number[],
): [OnnxValue, OnnxValue] {
  const rank = outs.length;
  const [n, c] = b.meta(x).shape;
  const tables = sizes.map((size, i) => {
    const windows = windowsOf(size, outs[i]);
    const longest = Math.max(...windows.map((w) => w.end - w.start));
    return windows.map((w) => Array.from({ length: longest }, (_, k) => Math.min(w.start + k, w.end - 1)));
  });
  const laid = tables.reduce(
    (y, table, i) => b.op("Gather", [y, int64s(b, table.flat(), [table.length, table[0].length])], { axis: 2 + 2 * i }),
    x,
  );
  const lengths = tables.map((table) => table[0].length);
  const depth = prod(lengths) as number;
  const flat = b.reshape(b.transpose(laid, windowOrder(2, rank, "outs")), [n, c, ...outs, depth]);
  const y = b.op("ReduceMax", [flat, b.ints([2 + rank])], { keepdims: 0 });
  // The position in the window tells the position in the plane: a row of the table per element of the result.
  const places: number[] = [];
  const walk = (d: number, rows: readonly (readonly number[])[]): void => {
    if (d < rank) return tables[d].forEach((row) => walk(d + 1, [...rows, row]));
    let found = [0];
    for (const [i, row] of rows.entries()) found = found.flatMap((p) => row.map((k) => p * sizes[i] + k));
    places.push(...found);
  };
  walk(0, []);
  const windows = prod(outs) as number;
  const position = positionOf(b, flat, 2 + rank);
  const rowStart = int64s(b, Array.from({ length: windows }, (_, i) => i * depth), outs);
  return [y, b.op("Gather", [int64s(b, places), b.op("Add", [position, rowStart])], { axis: 0 })];
}

/** A dim at a time, the last one first: of each window the maximum, and where it is. */
function maxOfMasks(
  b: OnnxBuilder,
  x: OnnxValue,
  sizes: readonly Dim[],
  outs: readonly number[],
): [OnnxValue, OnnxValue] {
  const { dtype } = b.meta(x);
  const rank = outs.length;
  let y = x;
  let places: OnnxValue[] = [];
  for (let i = rank - 1; i >= 0; i--) {
    const axis = 2 + i;
    const { inside } = windowsNode(b, sizes[i], outs[i]);
    const mask = b.unsqueeze(inside, ...Array.from({ length: rank - 1 - i }, (_, k) => 2 + k));
    const laid = b.op("Where", [mask, b.unsqueeze(y, axis), b.scalar(-Infinity, dtype)]);
    const at = positionOf(b, laid, axis + 1);
    y = b.op("ReduceMax", [laid, b.ints([axis + 1])], { keepdims: 0 });
    places = [at, ...places.map((found) => b.op("GatherElements", [found, at], { axis }))];
  }
  const index = places.map((at, i) => b.op("Mul", [at, b.dim(prod(sizes.slice(i + 1)))]));
  return [y, index.reduce((p, q) => b.op("Add", [p, q]))];
}

type Given<T, D> = { readonly self: T; readonly output_size: readonly D[] };

/** One size per pooled dim. */
function outsOf<D>(given: readonly D[], rank: number): readonly D[] {
  if (given.length === rank) return given;
  throw new RangeError(`Argument output_size must have ${rank} elements, met ${given.length}`);
}

function adaptiveAvg(rank: number): {
  meta: (_: MetaContext, args: Given<Meta, Dim>) => Meta;
  kernel: (args: Given<Tensor, Dim>) => Tensor;
  onnx: (b: OnnxBuilder, args: Given<OnnxValue, Dim>) => OnnxValue;
} {
  return {
    meta: (_, { self, output_size }) => pooledMeta(self, outsOf(output_size, rank)),
    kernel: ({ self, output_size }) => {
      const outs = perDim("output_size", output_size, rank);
      const [y] = withBatchKernel(self, rank, (x) => {
        return [convert(averageKernel(widen(x), outs.map((n, i) => binsOf(x.shape[2 + i], n)), null), self.dtype)];
      });
      return y;
    },
    onnx: (b, { self, output_size }) => avgNode(b, self, outsOf(output_size, rank)),
  };
}

function adaptiveMax(rank: number): {
  meta: (_: MetaContext, args: Given<Meta, number>) => [Meta, Meta];
  kernel: (args: Given<Tensor, number>) => [Tensor, Tensor];
  onnx: (b: OnnxBuilder, args: Given<OnnxValue, number>) => [OnnxValue, OnnxValue];
} {
  return {
    meta: (_, { self, output_size }) => {
      const meta = pooledMeta(self, outsOf(output_size, rank));
      return [meta, { ...meta, dtype: "int64" }];
    },
    kernel: ({ self, output_size }) => {
      const [y, found] = withBatchKernel(self, rank, (x) => {
        return maximumKernel(x, outsOf(output_size, rank).map((n, i) => binsOf(x.shape[2 + i], n)));
      });
      return [y, found];
    },
    onnx: (b, { self, output_size }) => maxNode(b, self, outsOf(output_size, rank)),
  };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_avg_pool1d.html */
export const adaptiveAvgPool1d = defineOp(
  "aten::adaptive_avg_pool1d(Tensor self, int[1] output_size) -> Tensor",
  adaptiveAvg(1),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_avg_pool2d.html */
export const adaptiveAvgPool2d = defineOp(
  "aten::adaptive_avg_pool2d(Tensor self, SymInt[2] output_size) -> Tensor",
  adaptiveAvg(2),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_avg_pool3d.html */
export const adaptiveAvgPool3d = defineOp(
  "aten::adaptive_avg_pool3d(Tensor self, SymInt[3] output_size) -> Tensor",
  adaptiveAvg(3),
);

/** What `adaptive_avg_pool2d` decomposes to. */
export const _adaptiveAvgPool2d = defineOp(
  "aten::_adaptive_avg_pool2d(Tensor self, SymInt[2] output_size) -> Tensor",
  adaptiveAvg(2),
);

/** What `adaptive_avg_pool3d` decomposes to. */
export const _adaptiveAvgPool3d = defineOp(
  "aten::_adaptive_avg_pool3d(Tensor self, SymInt[3] output_size) -> Tensor",
  adaptiveAvg(3),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_max_pool1d.html */
export const adaptiveMaxPool1d = defineOp(
  "aten::adaptive_max_pool1d(Tensor self, int[1] output_size) -> (Tensor, Tensor)",
  adaptiveMax(1),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_max_pool2d.html */
export const adaptiveMaxPool2d = defineOp(
  "aten::adaptive_max_pool2d(Tensor self, int[2] output_size) -> (Tensor, Tensor)",
  adaptiveMax(2),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_max_pool3d.html */
export const adaptiveMaxPool3d = defineOp(
  "aten::adaptive_max_pool3d(Tensor self, int[3] output_size) -> (Tensor, Tensor)",
  adaptiveMax(3),
);
