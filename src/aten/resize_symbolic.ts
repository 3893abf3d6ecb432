/** Interpolation along a dim whose sizes are known only when the model runs: indices and weights are computed by nodes. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, eq, isSym, sub } from "../sym/mod.ts";
import { type DType, Tensor } from "../tensor/mod.ts";
import type { ResizedDim, WeightedFilter, WindowFilter } from "./interpolation.ts";
import { alongDim } from "./resample.ts";
import { steps } from "./spatial.ts";

/** One dim resized. Weights are those of `taps` in `interpolation.ts`. */
export function resizedAlong(
  b: OnnxBuilder,
  x: OnnxValue,
  dim: number,
  resized: ResizedDim<Dim>,
  filter: WeightedFilter,
  align: boolean,
): OnnxValue {
  if (eq(resized.size, resized.out) === true && resized.scale === null) return x;
  if (filter === "linear") return linearAlong(b, x, dim, resized, align);
  if (filter === "cubic") return cubicAlong(b, x, dim, resized, align);
  const weights = b.cast(windowWeights(b, resized, filter, align), b.meta(x).dtype);
  return alongDim(b, x, dim, weights, resized.out);
}

/** One dim of bytes (held by float32) resized: sums of products with weights of few bits, which are rounded by the caller. */
export function bytesAlong(
  b: OnnxBuilder,
  x: OnnxValue,
  dim: number,
  resized: ResizedDim<Dim>,
  filter: WeightedFilter,
  align: boolean,
): OnnxValue {
  const weights = filter === "linear" || filter === "cubic"
    ? neighbourWeights(b, resized, filter, align)
    : windowWeights(b, resized, filter, align);
  return alongDim(b, x, dim, b.cast(roundedWeights(b, weights), b.meta(x).dtype), resized.out);
}

/** Distance between neighbours of the result, in the input, as a 0-d tensor. */
export function stepNode(
  b: OnnxBuilder,
  { size, out, scale }: ResizedDim<Dim>,
  align: boolean,
  dtype: DType,
): OnnxValue {
  if (!align && scale !== null && scale > 0) return b.scalar(1 / scale, dtype);
  const number = (d: Dim): OnnxValue => isSym(d) ? b.cast(b.dim(d), dtype) : b.scalar(d, dtype);
  if (!align) return b.op("Div", [number(size), number(out)]);
  const gaps = isSym(out)
    ? b.op("Max", [number(sub(out, 1)), b.scalar(1, dtype)])
    : b.scalar(Math.max(out - 1, 1), dtype);
  return b.op("Div", [number(sub(size, 1)), gaps]);
}

/** A list of numbers per index of a dim, as it broadcasts with that dim and `trailing` ones after it. */
function alongside(b: OnnxBuilder, list: OnnxValue, trailing: number): OnnxValue {
  return b.unsqueeze(list, ...Array.from({ length: trailing }, (_, i) => i + 1));
}

/** Elements of a dim by index. */
function taken(b: OnnxBuilder, x: OnnxValue, dim: number, index: OnnxValue, count: Dim): OnnxValue {
  const { dtype, shape } = b.meta(x);
  const y = b.op("Gather", [x, index], { axis: dim });
  y.meta = { dtype, shape: shape.map((d, i) => i === dim ? count : d) };
  return y;
}

/** Linear interpolation by gathering both neighbours. */
function linearAlong(b: OnnxBuilder, x: OnnxValue, dim: number, resized: ResizedDim<Dim>, align: boolean): OnnxValue {
  const { dtype, shape } = b.meta(x);
  const { size, out } = resized;
  const by = stepNode(b, resized, align, dtype);
  const position = b.cast(steps(b, out), dtype);
  const half = b.scalar(0.5, dtype);
  const source = align ? b.op("Mul", [position, by]) : b.op("Max", [
    b.op("Sub", [b.op("Mul", [b.op("Add", [position, half]), by]), half]),
    b.scalar(0, dtype),
  ]);
  const last = b.dim(sub(size, 1));
  const first = b.op("Min", [b.cast(b.op("Floor", [source]), "int64"), last]);
  const next = b.op("Min", [b.op("Add", [first, b.scalar(1n, "int64")]), last]);
  const share = b.op("Sub", [source, b.cast(first, dtype)]);
  const weight = alongside(b, share, shape.length - 1 - dim);
  const low = taken(b, x, dim, first, out);
  return b.op("Add", [low, b.op("Mul", [b.op("Sub", [taken(b, x, dim, next, out), low]), weight])]);
}

/** Cubic interpolation by gathering four neighbours; those beyond an edge are the edge. */
function cubicAlong(b: OnnxBuilder, x: OnnxValue, dim: number, resized: ResizedDim<Dim>, align: boolean): OnnxValue {
  const { dtype, shape } = b.meta(x);
  const { size, out } = resized;
  const number = (value: number): OnnxValue => b.scalar(value, "float64");
  const by = stepNode(b, resized, align, "float64");
  const position = b.cast(steps(b, out), "float64");
  const at = align
    ? b.op("Mul", [position, by])
    : b.op("Sub", [b.op("Mul", [b.op("Add", [position, number(0.5)]), by]), number(0.5)]);
  const first = b.op("Floor", [at]);
  const [zero, last] = [b.scalar(0n, "int64"), b.dim(sub(size, 1))];
  return [-1, 0, 1, 2].map((k) => {
    const place = b.op("Add", [first, number(k)]);
    const index = b.op("Min", [b.op("Max", [b.cast(place, "int64"), zero]), last]);
    const weight = b.cast(cubicNode(b, b.op("Sub", [at, place]), -0.75), dtype);
    return b.op("Mul", [taken(b, x, dim, index, out), alongside(b, weight, shape.length - 1 - dim)]);
  }).reduce((sum, term) => b.op("Add", [sum, term]));
}

/** Linear or cubic weights of each element, `[out, size]`; those of neighbours beyond an edge are the edge's. */
function neighbourWeights(
  b: OnnxBuilder,
  resized: ResizedDim<Dim>,
  filter: "linear" | "cubic",
  align: boolean,
): OnnxValue {
  const number = (value: number): OnnxValue => b.scalar(value, "float64");
  const by = stepNode(b, resized, align, "float64");
  const position = b.unsqueeze(b.cast(steps(b, resized.out), "float64"), 1);
  const at = align
    ? b.op("Mul", [position, by])
    : b.op("Sub", [b.op("Mul", [b.op("Add", [position, number(0.5)]), by]), number(0.5)]);
  const source = filter === "linear" ? b.op("Max", [at, number(0)]) : at;
  const first = b.op("Floor", [source]);
  const last = b.cast(b.dim(sub(resized.size, 1)), "float64");
  const places = b.cast(steps(b, resized.size), "float64");
  return (filter === "linear" ? [0, 1] : [-1, 0, 1, 2]).map((k) => {
    const place = b.op("Add", [first, number(k)]);
    const gap = b.op("Sub", [source, place]);
    const weight = filter === "linear" ? windowNode(b, gap, "linear-aa") : cubicNode(b, gap, -0.75);
    const index = b.op("Min", [b.op("Max", [place, number(0)]), last]);
    return b.op("Where", [b.op("Equal", [places, index]), weight, number(0)]);
  }).reduce((sum, term) => b.op("Add", [sum, term]));
}

/** `roundWeights` in `interpolation.ts`. */
function roundedWeights(b: OnnxBuilder, weights: OnnxValue): OnnxValue {
  const number = (value: number): OnnxValue => b.scalar(value, "float64");
  const half = (x: OnnxValue): OnnxValue => b.op("Floor", [b.op("Add", [x, number(0.5)])]);
  const largest = b.op("ReduceMax", [weights], { keepdims: 0 });
  const units = b.constant(Tensor.of("float64", [22], Float64Array.from({ length: 22 }, (_, p) => 2 ** (p + 1))));
  const fits = b.op("Less", [half(b.op("Mul", [units, largest])), number(2 ** 15)]);
  const precision = b.op("ReduceSum", [b.cast(fits, "float64")], { keepdims: 0 });
  const unit = b.op("Pow", [number(2), precision]);
  const sizes = half(b.op("Mul", [b.op("Abs", [weights]), unit]));
  return b.op("Div", [b.op("Mul", [b.op("Sign", [weights]), sizes]), unit]);
}

/** `cubic` in `interpolation.ts`. */
function cubicNode(b: OnnxBuilder, x: OnnxValue, a: number): OnnxValue {
  const d = b.op("Abs", [x]);
  const number = (value: number): OnnxValue => b.scalar(value, "float64");
  /** A polynomial by Horner's rule, the highest coefficient first. */
  const polynomial = (...[highest, ...rest]: number[]): OnnxValue =>
    rest.reduce<OnnxValue>((y, c) => b.op("Add", [b.op("Mul", [y, d]), number(c)]), number(highest));
  const near = polynomial(a + 2, -(a + 3), 0, 1);
  const far = b.op("Where", [b.op("Less", [d, number(2)]), polynomial(a, -5 * a, 8 * a, -4 * a), number(0)]);
  return b.op("Where", [b.op("Less", [d, number(1)]), near, far]);
}

const REACH: Readonly<Record<WindowFilter, number>> = { "linear-aa": 1, "cubic-aa": 2, "lanczos-aa": 3 };

/** The weight of each element, `[out, size]`, as `windowTap` in `interpolation.ts` has it. */
function windowWeights(
  b: OnnxBuilder,
  resized: ResizedDim<Dim>,
  filter: WindowFilter,
  align: boolean,
): OnnxValue {
  const number = (value: number): OnnxValue => b.scalar(value, "float64");
  const gap = stepNode(b, resized, align, "float64");
  // Corners of a single element are all in one place.
  const by = align ? b.op("Where", [b.op("Greater", [b.dim(resized.out), b.dim(1)]), gap, number(0)]) : gap;
  const half = number(0.5);
  const places = b.cast(steps(b, resized.size), "float64");
  const centers = b.unsqueeze(b.op("Mul", [b.op("Add", [b.cast(steps(b, resized.out), "float64"), half]), by]), 1);
  const wide = b.op("Max", [by, number(1)]);
  const reach = b.op("Mul", [wide, number(REACH[filter])]);
  const first = b.op("Floor", [b.op("Add", [b.op("Sub", [centers, reach]), half])]);
  const end = b.op("Floor", [b.op("Add", [b.op("Add", [centers, reach]), half])]);
  const isInside = b.op("And", [b.op("GreaterOrEqual", [places, first]), b.op("Less", [places, end])]);
  const distances = b.op("Div", [b.op("Add", [b.op("Sub", [places, centers]), half]), wide]);
  const weights = b.op("Where", [isInside, windowNode(b, distances, filter), number(0)]);
  const total = b.op("ReduceSum", [weights, b.ints([1])], { keepdims: 1 });
  return b.op("Div", [weights, b.op("Where", [b.op("Equal", [total, number(0)]), number(1), total])]);
}

/** The filter of a window at distances from its center. */
function windowNode(b: OnnxBuilder, x: OnnxValue, filter: WindowFilter): OnnxValue {
  const number = (value: number): OnnxValue => b.scalar(value, "float64");
  if (filter === "linear-aa") return b.op("Max", [b.op("Sub", [number(1), b.op("Abs", [x])]), number(0)]);
  if (filter === "cubic-aa") return cubicNode(b, x, -0.5);
  const isCenter = b.op("Equal", [x, number(0)]);
  const sinc = (by: number): OnnxValue => {
    const angle = b.op("Mul", [x, number(Math.PI / by)]);
    const ratio = b.op("Div", [b.op("Sin", [angle]), b.op("Where", [isCenter, number(1), angle])]);
    return b.op("Where", [isCenter, number(1), ratio]);
  };
  const value = b.op("Mul", [sinc(1), sinc(3)]);
  return b.op("Where", [b.op("Less", [b.op("Abs", [x]), number(3)]), value, number(0)]);
}
