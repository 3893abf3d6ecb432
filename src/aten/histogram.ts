/** Counting: occurrences of whole numbers, and of numbers in bins. */
import type { Scalar } from "../fx/mod.ts";
import { prod } from "../sym/mod.ts";
import { type DType, isFloat, isInt, type Meta, newData, Tensor } from "../tensor/mod.ts";
import { add, mul, sub, subScalar } from "./binary.ts";
import { eq, ge, le } from "./compare.ts";
import { div } from "./division.ts";
import { onnxExpand } from "./expand.ts";
import { clampMax } from "./extrema.ts";
import { logicalAnd } from "./logical.ts";
import { type Calls, defineOp } from "./op.ts";
import { linspaceTensors } from "./range.ts";
import { sum } from "./reduce.ts";
import { aminmax } from "./reduce_extrema.ts";
import { refuse } from "./rules.ts";
import { scatterAdd } from "./scatter.ts";
import { searchsorted } from "./searchsorted.ts";
import { select, slice } from "./slice.ts";
import { reshape } from "./view.ts";
import { where } from "./where.ts";

/** The dtype that weights are added up in. */
function countDType(weights: Meta | null): DType {
  return weights === null ? "int64" : weights.dtype === "float32" ? "float32" : "float64";
}

function checkCounted(self: Meta, weights: Meta | null): void {
  if (!isInt(self.dtype) || self.shape.length !== 1) {
    throw new TypeError(`bincount takes a list of integers, met ${self.dtype} of ${self.shape.length} dimensions`);
  }
  if (weights && weights.shape.length !== 1) throw new RangeError("Weights of bincount must be a list");
}

/** https://docs.pytorch.org/docs/stable/generated/torch.bincount.html */
export const bincount = defineOp(
  "aten::bincount(Tensor self, Tensor? weights=None, SymInt minlength=0) -> Tensor",
  {
    meta: (ctx, { self, weights, minlength }) => {
      checkCounted(self, weights);
      if (typeof minlength === "number" && minlength < 0) refuse("minlength", minlength, "it can't be negative");
      return { dtype: countDType(weights), shape: [ctx.freshSymbol("bincount")] };
    },
    kernel: ({ self, weights, minlength }) => {
      checkCounted(self, weights);
      const values = Array.from(self.data() as ArrayLike<number | bigint>, Number);
      if (values.some((v) => v < 0)) throw new RangeError("bincount takes no negative numbers");
      const size = values.reduce((a, v) => Math.max(a, v + 1), minlength as number);
      const dtype = countDType(weights);
      const out = newData(dtype, size);
      const given = weights?.data();
      for (const [i, v] of values.entries()) {
        if (given) (out as Float64Array)[v] += Number(given[i]);
        else (out as BigInt64Array)[v]++;
      }
      return Tensor.of(dtype, [size], out);
    },
    onnx: (b, { self, weights, minlength }) => {
      checkCounted(b.meta(self), weights && b.meta(weights));
      const dtype = countDType(weights && b.meta(weights));
      const values = b.cast(self, "int64");
      // The least length takes part as a number, so that there always is a largest one.
      const least = b.op("Sub", [b.ints([minlength]), b.ints([1])]);
      const largest = b.op("ReduceMax", [b.op("Concat", [values, least], { axis: 0 }), b.ints([0])], { keepdims: 1 });
      const room = b.op("ConstantOfShape", [b.op("Add", [largest, b.ints([1])])], {
        value: Tensor.of(dtype, [1], dtype === "int64" ? [0n] : [0]),
      });
      const each = weights ? b.cast(weights, dtype) : onnxExpand(b, b.scalar(1n, dtype), b.meta(self).shape);
      return b.op("ScatterElements", [room, values, each], { axis: 0, reduction: "add" });
    },
  },
);

function checkBinned({ dtype }: Meta): void {
  if (dtype !== "float32" && dtype !== "float64") {
    throw new TypeError(`Histograms are of float32 or float64, met ${dtype}`);
  }
}

/** The outer edges: given, or the smallest and largest element, which are moved apart where they are the same. */
function outerEdges<T extends object>(t: Calls<T>, x: T, given: readonly [Scalar, Scalar] | null): [T, T] {
  const { dtype, shape } = t.meta(x);
  if (given) return [t.full([], given[0], dtype), t.full([], given[1], dtype)];
  if (shape.includes(0)) return [t.full([], 0, dtype), t.full([], 1, dtype)];
  const [low, high] = t.call(aminmax, x);
  const half = t.full([], 0.5, dtype);
  const isOne = t.call(eq, low, high);
  return [
    t.call(where, isOne, t.call(sub, low, half), low),
    t.call(where, isOne, t.call(add, high, half), high),
  ];
}

function inRange<T extends object>(t: Calls<T>, x: T, low: T, high: T): T {
  return t.call(logicalAnd, t.call(ge, x, low), t.call(le, x, high));
}

/** Adds up the weights at each place; where `valid` is false they are left out. */
function collect<T extends object>(t: Calls<T>, places: T, valid: T, weights: T, count: number): T {
  const { dtype } = t.meta(weights);
  const beyond = t.full([], BigInt(count), "int64");
  const all = t.call(scatterAdd, t.full([count + 1], 0, dtype), 0, t.call(where, valid, places, beyond), weights);
  return t.call(slice, all, 0, 0, count);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.histc.html */
export const histc = defineOp("aten::histc(Tensor self, int bins=100, Scalar min=0, Scalar max=0) -> Tensor", {
  decompose: (t, { self, bins, min, max }) => {
    if (!isFloat(t.meta(self).dtype)) checkBinned(t.meta(self));
    if (bins <= 0) refuse("bins", bins, "it must be positive");
    if (Number(min) > Number(max)) refuse("max", max, `it must not be less than min=${String(min)}`);
    const { dtype } = t.meta(self);
    const x = t.call(reshape, self, [-1]);
    const [low, high] = histcEdges(t, x, Number(min), Number(max));
    const width = t.call(sub, high, low);
    const scaled = t.call(mul, t.call(sub, x, low), t.full([], bins, dtype));
    const valid = inRange(t, x, low, high);
    const ratio = t.call(where, valid, t.call(div, scaled, width), t.full([], 0, dtype));
    const places = t.call(clampMax, t.cast(ratio, "int64"), BigInt(bins - 1));
    return collect(t, places, valid, t.full(t.meta(x).shape, 1, dtype), bins);
  },
});

function histcEdges<T extends object>(t: Calls<T>, x: T, min: number, max: number): [T, T] {
  const { dtype, shape } = t.meta(x);
  const one = t.full([], 1, dtype);
  if (min !== max) return [t.full([], min, dtype), t.full([], max, dtype)];
  if (shape.includes(0)) return [t.full([], min - 1, dtype), t.full([], max + 1, dtype)];
  const [low, high] = t.call(aminmax, x);
  const isOne = t.call(eq, low, high);
  return [t.call(where, isOne, t.call(sub, low, one), low), t.call(where, isOne, t.call(add, high, one), high)];
}

interface Binned<T> {
  readonly weight: T | null;
  readonly density: boolean;
}

/** The histogram of points `[n, dims]` over edges of each dim. */
function binned<T extends object>(
  t: Calls<T>,
  columns: readonly T[],
  edges: readonly T[],
  { weight, density }: Binned<T>,
): T {
  const { dtype, shape } = t.meta(columns[0]);
  const counts = edges.map((e) => {
    const [size] = t.meta(e).shape;
    if (typeof size !== "number") refuse("bins", size, "the number of edges must be a constant");
    if (size < 2) refuse("bins", size, "there must be at least 2 edges");
    return size - 1;
  });
  let places: T | null = null;
  let valid: T | null = null;
  for (const [d, x] of columns.entries()) {
    const n = counts[d];
    const found = t.call(
      clampMax,
      t.call(subScalar, t.call(searchsorted, edges[d], x, false, true), 1n),
      BigInt(n - 1),
    );
    const inside = inRange(t, x, t.call(select, edges[d], 0, 0), t.call(select, edges[d], 0, n));
    places = places ? t.call(add, t.call(mul, places, t.full([], BigInt(n), "int64")), found) : found;
    valid = valid ? t.call(logicalAnd, valid, inside) : inside;
  }
  const weights = weight ? t.call(reshape, weight, [-1]) : t.full(shape, 1, dtype);
  if (t.meta(weights).dtype !== dtype) throw new TypeError(`Weights of a histogram must be ${dtype}`);
  let hist = t.call(reshape, collect(t, places!, valid!, weights, counts.reduce((a, b) => a * b, 1)), counts);
  if (density) {
    hist = t.call(div, hist, t.call(sum, hist));
    for (const [d, e] of edges.entries()) {
      const widths = t.call(sub, t.call(slice, e, 0, 1), t.call(slice, e, 0, 0, counts[d]));
      hist = t.call(div, hist, t.call(reshape, widths, counts.map((n, i) => i === d ? n : 1)));
    }
  }
  return hist;
}

/** Equally wide bins between the outer edges. */
function evenEdges<T extends object>(t: Calls<T>, x: T, bins: number, range: readonly number[] | null): T {
  if (bins <= 0) refuse("bins", bins, "it must be positive");
  if (range && (range.length !== 2 || range[0] > range[1])) {
    refuse("range", range, "it must be a lower and an upper edge");
  }
  const isPoint = range && range[0] === range[1];
  const given: [number, number] | null = !range
    ? null
    : isPoint
    ? [range[0] - 0.5, range[1] + 0.5]
    : [range[0], range[1]];
  const [low, high] = outerEdges(t, x, given);
  return t.call(linspaceTensors, low, high, bins + 1, t.meta(x).dtype);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.histogram.html */
export const histogram = defineOp(
  "aten::histogram.bin_ct(Tensor self, int bins=100, *, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor bin_edges)",
  {
    decompose: (t, { self, bins, range, weight, density }) => {
      checkBinned(t.meta(self));
      const x = t.call(reshape, self, [-1]);
      const edges = evenEdges(t, x, bins, range);
      return [binned(t, [x], [edges], { weight, density }), edges];
    },
  },
);
/** Over given edges. */
export const histogramEdges = defineOp(
  "aten::histogram.bins_tensor(Tensor self, Tensor bins, *, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor bin_edges)",
  {
    decompose: (t, { self, bins, weight, density }) => {
      checkBinned(t.meta(self));
      return [binned(t, [t.call(reshape, self, [-1])], [bins], { weight, density }), bins];
    },
  },
);

/** The coordinates of points, one list per dim. */
function columnsOf<T extends object>(t: Calls<T>, self: T): T[] {
  checkBinned(t.meta(self));
  const { shape } = t.meta(self);
  const dims = shape[shape.length - 1];
  if (shape.length < 2 || typeof dims !== "number") {
    throw new RangeError("histogramdd takes points in at least 2 dimensions, the last one of constant size");
  }
  const points = t.call(reshape, self, [prod(shape.slice(0, -1)), dims]);
  return Array.from({ length: dims }, (_, d) => t.call(select, points, 1, d));
}

interface Points<T> extends Binned<T> {
  readonly self: T;
  readonly bins: readonly number[];
  readonly range: readonly number[] | null;
}

function edgesOf<T extends object>(t: Calls<T>, columns: readonly T[], { bins, range }: Points<T>): T[] {
  if (bins.length !== columns.length) refuse("bins", bins, `there are ${columns.length} dimensions`);
  if (range && range.length !== 2 * columns.length) refuse("range", range, "each dimension has two edges");
  return columns.map((x, d) => evenEdges(t, x, bins[d], range && range.slice(2 * d, 2 * d + 2)));
}

function counted<T extends object>(t: Calls<T>, args: Points<T>): [T, T[]] {
  const columns = columnsOf(t, args.self);
  const edges = edgesOf(t, columns, args);
  return [binned(t, columns, edges, args), edges];
}

/** https://docs.pytorch.org/docs/stable/generated/torch.histogramdd.html */
export const histogramdd = defineOp(
  "aten::histogramdd(Tensor self, int[] bins, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor[] bin_edges)",
  { decompose: (t, args) => counted(t, args) },
);
/** As many bins in each dimension. */
export const histogramddInt = defineOp(
  "aten::histogramdd.int_bins(Tensor self, int bins, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor[] bin_edges)",
  {
    decompose: (t, { bins, ...args }) => {
      const { shape } = t.meta(args.self);
      return counted(t, { ...args, bins: new Array<number>(Number(shape[shape.length - 1])).fill(bins) });
    },
  },
);
/** Over given edges. */
export const histogramddEdges = defineOp(
  "aten::histogramdd.TensorList_bins(Tensor self, Tensor[] bins, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor[] bin_edges)",
  {
    decompose: (t, { self, bins, weight, density }) => [binned(t, columnsOf(t, self), bins, { weight, density }), bins],
    views: (_, { bins }) => [null, ...bins],
  },
);
/** The edges only. */
export const histogramddBinEdges = defineOp(
  "aten::_histogramdd_bin_edges(Tensor self, int[] bins, *, float[]? range=None, Tensor? weight=None, bool density=False) -> Tensor[]",
  { decompose: (t, args) => edgesOf(t, columnsOf(t, args.self), args) },
);
/** The histogram only. */
export const histogramddFromCounts = defineOp(
  "aten::_histogramdd_from_bin_cts(Tensor self, int[] bins, *, float[]? range=None, Tensor? weight=None, bool density=False) -> Tensor",
  { decompose: (t, args) => counted(t, args)[0] },
);
/** The histogram over given edges only. */
export const histogramddFromEdges = defineOp(
  "aten::_histogramdd_from_bin_tensors(Tensor self, Tensor[] bins, *, Tensor? weight=None, bool density=False) -> Tensor",
  { decompose: (t, { self, bins, weight, density }) => binned(t, columnsOf(t, self), bins, { weight, density }) },
);
