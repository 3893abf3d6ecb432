/**
 * How interpolation is computed; the records are in `upsample.ts`. ONNX's Resize does it where its coordinates come out as
 * PyTorch's; otherwise elements are gathered by indices that follow PyTorch, or multiplied by a matrix of weights.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import { float, type OnnxValue } from "../onnx/model.ts";
import { call, type Dim, eq, float as floatSym, floorDiv, isSym, mul, sub } from "../sym/mod.ts";
import { type DType, elementCount, isFloat, type Meta, newData, Tensor } from "../tensor/mod.ts";
import { convert } from "../tensor/loops.ts";
import {
  type Filter,
  nearestIndices,
  type ResizedDim,
  roundWeights,
  type Tap,
  taps,
  type WeightedFilter,
} from "./interpolation.ts";
import { computeIn } from "./precision.ts";
import { alongDimBy } from "./resample.ts";
import { bytesAlong, resizedAlong, stepNode } from "./resize_symbolic.ts";
import { refuse, requireElements } from "./rules.ts";
import { steps } from "./spatial.ts";

/** What both overloads of an operator come to. */
export interface ResizeArgs {
  readonly filter: Filter;
  readonly align_corners?: boolean;
  readonly output_size: readonly Dim[] | null;
  /** Factors of the spatial dims. With an output size, they only decide coordinates. */
  readonly scales: readonly (number | null)[] | null;
}

/** `size * scale`, rounded down. */
function scaled(size: Dim, scale: number): Dim {
  if (!isSym(size)) return Math.floor(size * scale);
  if (Number.isInteger(scale)) return mul(size, scale);
  if (Number.isInteger(scale * 1024)) return floorDiv(mul(size, scale * 1024), 1024);
  return call("trunc_to_int", [call("mul", [call("tofloat", [size]), floatSym(scale)])]) as Dim;
}

/** The spatial dims. @throws {RangeError} when sizes and factors don't fit the input */
function resizedDims(x: Meta, { output_size, scales }: ResizeArgs): ResizedDim<Dim>[] {
  const rank = (output_size ?? scales ?? []).length;
  if (rank === 0 || x.shape.length !== rank + 2) {
    throw new RangeError(`An input of ${rank + 2} dimensions is needed, met ${x.shape.length}`);
  }
  return x.shape.slice(2).map((size, i) => {
    const scale = scales?.[i] ?? null;
    if (scale !== null && typeof scale !== "number") refuse("scale_factors", scale, "factors must be constants");
    if (output_size) return { size, out: output_size[i], scale };
    if (scale === null) throw new RangeError("An output size or a factor is needed for each spatial dimension");
    return { size, out: scaled(size, scale), scale };
  });
}

/** dtype and shape of the result. */
export function resizeMeta(x: Meta, args: ResizeArgs): Meta {
  if (!isFloat(x.dtype) && x.dtype !== "uint8") {
    throw new TypeError(`Floats and uint8 are interpolated, met ${x.dtype}`);
  }
  requireElements("The input of an interpolation", x, 1);
  const meta = { dtype: x.dtype, shape: [...x.shape.slice(0, 2), ...resizedDims(x, args).map((d) => d.out)] };
  requireElements("The result of an interpolation", meta, 2);
  return meta;
}

/** The result on concrete tensors: one spatial dim after the other, the last one first. */
export function resizeKernel(x: Tensor, args: ResizeArgs): Tensor {
  const dims = resizedDims(x, args) as ResizedDim<number>[];
  const { filter, align_corners } = args;
  if (filter === "nearest" || filter === "nearest-exact") {
    return dims.reduce((y, dim, i) => {
      const indices = nearestIndices(dim, filter, x.dtype, dims.length);
      return sample(y, 2 + i, indices.map((k) => ({ index: [k], weight: [1] })));
    }, x);
  }
  let y = convert(x, "float64");
  for (const [i, dim] of [...dims.entries()].reverse()) {
    if (dim.size === dim.out && dim.scale === null) continue;
    const rows = taps(dim, filter, align_corners ?? false);
    y = sample(y, 2 + i, isFloat(x.dtype) ? rows : roundWeights(rows));
    // Bytes are rounded after each dim.
    if (!isFloat(x.dtype)) (y.data() as Float64Array).forEach((v, k, all) => all[k] = roundToByte(v));
  }
  return convert(y, x.dtype);
}

function roundToByte(v: number): number {
  return Math.min(Math.max(Math.floor(v + 0.5), 0), 255);
}

/** Replaces one dim by weighted sums along it. */
function sample(x: Tensor, dim: number, rows: readonly Tap[]): Tensor {
  const size = x.shape[dim];
  const inner = elementCount(x.shape.slice(dim + 1));
  const outer = elementCount(x.shape.slice(0, dim));
  const data = x.data();
  const out = newData(x.dtype, outer * rows.length * inner);
  let at = 0;
  for (let o = 0; o < outer; o++) {
    for (const { index, weight } of rows) {
      for (let k = 0; k < inner; k++) {
        if (index.length === 1) out[at] = data[(o * size + index[0]) * inner + k];
        else {
          let sum = 0;
          for (const [t, i] of index.entries()) sum += (data[(o * size + i) * inner + k] as number) * weight[t];
          out[at] = sum;
        }
        at++;
      }
    }
  }
  return Tensor.of(x.dtype, x.shape.map((n, d) => d === dim ? rows.length : n), out);
}

/** ONNX form. */
export function resizeNode(b: OnnxBuilder, x: OnnxValue, args: ResizeArgs): OnnxValue {
  const meta = b.meta(x);
  const dims = resizedDims(meta, args);
  const { filter } = args;
  const align = args.align_corners ?? false;
  if (dims.every((d) => eq(d.size, d.out) === true && (d.scale === null || d.scale === 1))) return x;
  if (filter === "nearest" || filter === "nearest-exact") return nearestNode(b, x, dims, filter);
  if (!isFloat(meta.dtype)) return bytesNode(b, x, dims, filter, align);
  return computeIn(b, meta.dtype === "float64" ? "float64" : "float32", [x], (x) => {
    if (meta.dtype !== "float64" && (filter === "linear" || filter === "cubic")) {
      const attributes = { mode: filter, coordinate_transformation_mode: align ? "align_corners" : "half_pixel" };
      const y = oneResize(
        b,
        x,
        dims,
        align,
        filter === "cubic" ? { ...attributes, cubic_coeff_a: float(-0.75) } : attributes,
      );
      if (y) return y;
    }
    return byMatrices(b, x, dims, filter, align);
  });
}

/** Whether a factor times any size of a tensor is the same in single precision. */
function isShort(scale: number): boolean {
  return Number.isInteger(scale * 256) && scale <= 256;
}

/** The factor by which a runtime comes to the size of the result, or null when it may come to another one. */
function factorOf({ size, out, scale }: ResizedDim<Dim>): number | null {
  if (!isSym(size) && !isSym(out)) {
    const factor = Math.fround(scale ?? out / size);
    return Math.floor(Math.fround(factor * size)) === out ? factor : null;
  }
  if (eq(size, out) === true && scale === null) return 1;
  return scale !== null && isShort(scale) && eq(out, scaled(size, scale)) === true ? scale : null;
}

/** Whether PyTorch's coordinates are those of the sizes. */
function followsSizes({ size, out, scale }: ResizedDim<Dim>, align: boolean): boolean {
  if (align || scale === null) return true;
  return !isSym(size) && !isSym(out) && size * scale === out;
}

/** One Resize node by sizes or by factors; null when neither has PyTorch's coordinates. */
function oneResize(
  b: OnnxBuilder,
  x: OnnxValue,
  dims: readonly ResizedDim<Dim>[],
  align: boolean,
  attributes: Readonly<Record<string, string | ReturnType<typeof float>>>,
): OnnxValue | null {
  const { dtype, shape } = b.meta(x);
  const lead = shape.slice(0, 2);
  const outs = dims.map((d) => d.out);
  const factors = dims.map(factorOf);
  let y: OnnxValue;
  if (factors.every((f) => f !== null) && dims.some((d) => isSym(d.out))) {
    const scales = b.constant(Tensor.of("float32", [2 + dims.length], new Float32Array([1, 1, ...factors])));
    y = b.op("Resize", [x, null, scales], attributes);
  } else if (dims.every((d) => followsSizes(d, align))) {
    y = lead.some(isSym)
      ? b.op("Resize", [x, null, null, b.ints(outs)], { ...attributes, axes: dims.map((_, i) => 2 + i) })
      : b.op("Resize", [x, null, null, b.ints([...lead, ...outs])], attributes);
  } else if (factors.every((f) => f !== null)) {
    const scales = b.constant(Tensor.of("float32", [2 + dims.length], new Float32Array([1, 1, ...factors])));
    y = b.op("Resize", [x, null, scales], attributes);
  } else return null;
  y.meta = { dtype, shape: [...lead, ...outs] };
  return y;
}

/** dtypes that runtimes resize. */
const RESIZED: ReadonlySet<DType> = new Set<DType>(["float32", "float16", "int32", "int8", "uint8"]);

function nearestNode(
  b: OnnxBuilder,
  x: OnnxValue,
  dims: readonly ResizedDim<Dim>[],
  filter: "nearest" | "nearest-exact",
): OnnxValue {
  const { dtype } = b.meta(x);
  const rank = dims.length;
  if (RESIZED.has(dtype) && dims.every((d) => sameNearest(d, filter, dtype, dims.length))) {
    const attributes = filter === "nearest"
      ? { mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" }
      : { mode: "nearest", coordinate_transformation_mode: "half_pixel", nearest_mode: "round_prefer_ceil" };
    const bySizes = dims.map((d) => isSym(d.out) ? d : { ...d, scale: null });
    const y = oneResize(b, x, bySizes, false, attributes);
    if (y) return y;
  }
  return dims.reduce((y, dim, i) => {
    const { size, out, scale } = dim;
    if (eq(size, out) === true && (scale === null || scale === 1)) return y;
    const index = !isSym(size) && !isSym(out)
      ? b.ints(nearestIndices({ size, out, scale }, filter, dtype, rank))
      : nearestIndexNodes(b, dim, filter, dtype === "float64" && rank !== 2 ? "float64" : "float32", rank);
    const taken = b.op("Gather", [y, index], { axis: 2 + i });
    taken.meta = { dtype, shape: b.meta(y).shape.map((d, k) => k === 2 + i ? out : d) };
    return taken;
  }, x);
}

/** Whether Resize takes the same elements as PyTorch. */
function sameNearest(
  dim: ResizedDim<Dim>,
  filter: "nearest" | "nearest-exact",
  dtype: DType,
  rank: number,
): boolean {
  const { size, out, scale } = dim;
  if (!isSym(size) && !isSym(out)) {
    // What a runtime computes in single precision.
    const factor = Math.fround(out / size);
    return nearestIndices({ size, out, scale }, filter, dtype, rank).every((index, i) => {
      const at = filter === "nearest"
        ? Math.floor(Math.fround(i / factor))
        : Math.floor(Math.fround(Math.fround(Math.fround(i + 0.5) / factor) - 0.5) + 0.5);
      return Math.min(Math.max(at, 0), size - 1) === index;
    });
  }
  if (eq(size, out) === true) return scale === null || scale === 1;
  // A whole factor whose reciprocal is not rounded down never falls short of the next element.
  return filter === "nearest" && scale !== null && Number.isInteger(scale) && Math.fround(1 / scale) * scale >= 1;
}

function nearestIndexNodes(
  b: OnnxBuilder,
  dim: ResizedDim<Dim>,
  filter: "nearest" | "nearest-exact",
  dtype: DType,
  rank: number,
): OnnxValue {
  const given = stepNode(b, dim, false, dtype);
  const by = rank === 2 && filter === "nearest" && dim.scale !== null ? wholeStep(b, dim, given, dtype) : given;
  const position = steps(b, dim.out);
  let at: OnnxValue;
  if (filter === "nearest") at = b.op("Mul", [b.cast(position, dtype), by]);
  else if (rank === 2) at = b.op("Mul", [b.op("Add", [b.cast(position, dtype), b.scalar(0.5, dtype)]), by]);
  else {
    // In double precision, where the product is exact, as PyTorch rounds product and difference at once.
    const centers = b.op("Add", [b.cast(position, "float64"), b.scalar(0.5, "float64")]);
    const source = b.op("Sub", [b.op("Mul", [centers, b.cast(by, "float64")]), b.scalar(0.5, "float64")]);
    const inside = b.op("Max", [b.cast(source, "float32"), b.scalar(0, "float32")]);
    at = b.op("Add", [inside, b.scalar(0.5, "float32")]);
  }
  return b.op("Min", [b.cast(b.op("Floor", [b.cast(at, "float32")]), "int64"), b.dim(sub(dim.size, 1))]);
}

/** The step where a factor is given, but for the same and the double size, which don't look at it. */
function wholeStep(b: OnnxBuilder, { size, out }: ResizedDim<Dim>, given: OnnxValue, dtype: DType): OnnxValue {
  return [[1, 1], [2, 0.5]].reduce((by, [times, whole]) => {
    const same = eq(out, mul(size, times));
    if (same !== undefined) return same ? b.scalar(whole, dtype) : by;
    const isSame = b.op("Equal", [b.dim(out), b.dim(mul(size, times))]);
    return b.op("Where", [isSame, b.scalar(whole, dtype), by]);
  }, given);
}

/** Rows of weights, one per element of the result. */
function weightRows(rows: readonly Tap[], size: number): Float64Array[] {
  return rows.map(({ index, weight }) => {
    const row = new Float64Array(size);
    for (const [t, i] of index.entries()) row[i] += weight[t];
    return row;
  });
}

function byMatrices(
  b: OnnxBuilder,
  x: OnnxValue,
  dims: readonly ResizedDim<Dim>[],
  filter: WeightedFilter,
  align: boolean,
  bytes: ((y: OnnxValue) => OnnxValue) | null = null,
): OnnxValue {
  return dims.reduceRight((y, dim, i) => {
    const { size, out, scale } = dim;
    if (eq(size, out) === true && scale === null) return y;
    if (isSym(size) || isSym(out)) {
      return bytes ? bytes(bytesAlong(b, y, 2 + i, dim, filter, align)) : resizedAlong(b, y, 2 + i, dim, filter, align);
    }
    const rows = taps({ size, out, scale }, filter, align);
    const resized = alongDimBy(b, y, 2 + i, weightRows(bytes ? roundWeights(rows) : rows, size));
    return bytes ? bytes(resized) : resized;
  }, x);
}

/** Bytes are rounded after each dim. */
function bytesNode(
  b: OnnxBuilder,
  x: OnnxValue,
  dims: readonly ResizedDim<Dim>[],
  filter: WeightedFilter,
  align: boolean,
): OnnxValue {
  const { dtype } = b.meta(x);
  if (dtype !== "uint8") throw new TypeError(`Interpolation of ${dtype} is not supported`);
  return computeIn(b, "float32", [x], (x) =>
    byMatrices(b, x, dims, filter, align, (y) => {
      const rounded = b.op("Floor", [b.op("Add", [y, b.scalar(0.5, "float32")])]);
      return b.op("Clip", [rounded, b.scalar(0, "float32"), b.scalar(255, "float32")]);
    }));
}
