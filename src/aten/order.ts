/**
 * The order of elements along a dim, which sorting, medians, quantiles and unique elements rest on. Equal elements keep their
 * order, and NaN is larger than everything, as in PyTorch.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import type { Dim } from "../sym/mod.ts";
import { type DType, elementCount, isFloat, newData, Tensor } from "../tensor/mod.ts";
import { permuteDims, store } from "../tensor/loops.ts";
import { carrier, emitTest, type Native, NUMBERS } from "./emit.ts";
import { requireReal } from "./rules.ts";
import { invertOrder, withSize } from "./shapes.ts";
import { onnxSlice } from "./slice.ts";

/** Negative where `x` comes first. NaN is larger than everything. */
export function compareElements(x: number | bigint, y: number | bigint): number {
  if (x < y) return -1;
  if (x > y) return 1;
  return Number(x !== x) - Number(y !== y);
}

/** Where the elements of a line are, in order. */
export function orderOf(line: ArrayLike<number | bigint>, descending = false): number[] {
  const places = Array.from(line, (_, i) => i);
  return places.sort((i, j) => descending ? compareElements(line[j], line[i]) : compareElements(line[i], line[j]));
}

/**
 * Makes `size` elements of each line along a dim, for one or more results. `fn` gets a line's elements (bigints for int64
 * and uint64) and gives one list per result.
 */
export function mapLines(
  x: Tensor,
  axis: number,
  size: number,
  dtypes: readonly DType[],
  fn: (line: (number | bigint)[]) => readonly (readonly (number | bigint)[])[],
): Tensor[] {
  const perm = [...x.shape.keys()].filter((d) => d !== axis).concat(axis);
  const turned = permuteDims(x, perm);
  const data = turned.data();
  const length = x.shape[axis];
  const shape = [...turned.shape.slice(0, -1), size];
  const outs = dtypes.map((dtype) => newData(dtype, elementCount(shape)));
  const count = elementCount(shape.slice(0, -1));
  for (let line = 0; line < count; line++) {
    const results = fn(Array.from(data.slice(line * length, (line + 1) * length) as ArrayLike<number | bigint>));
    for (const [r, out] of outs.entries()) {
      for (let i = 0; i < size; i++) store(out, line * size + i, results[r][i]);
    }
  }
  const back = invertOrder(perm);
  return outs.map((out, r) => permuteDims(Tensor.of(dtypes[r], shape, out), back).contiguous());
}

/** The first `k` elements along a dim and their places. */
export function orderLines(x: Tensor, axis: number, k: number, descending: boolean): [Tensor, Tensor] {
  requireReal(x.dtype);
  const [values, indices] = mapLines(x, axis, k, [x.dtype, "int64"], (line) => {
    const places = orderOf(line, descending).slice(0, k);
    return [places.map((p) => line[p]), places];
  });
  return [values, indices];
}

/** TopK. onnxruntime has no more. */
const SORTED: Native = ["float32", "float64", "int8", "int16", "int32", "int64", "uint8"];

/**
 * The first `k` elements along a dim and their places. TopK puts the lower index first among equals; where NaN goes is left
 * open by ONNX and differs between runtimes, so that it never sees one.
 */
export function onnxOrder(
  b: OnnxBuilder,
  x: OnnxValue,
  axis: number,
  k: Dim,
  descending: boolean,
): [values: OnnxValue, indices: OnnxValue] {
  const { dtype, shape } = b.meta(x);
  requireReal(dtype);
  const topK = (keys: OnnxValue, count: Dim): OnnxValue[] => {
    const results = b.ops("TopK", [keys, b.ints([count])], 2, { axis, largest: descending ? 1 : 0, sorted: 1 });
    for (const result of results) {
      result.meta = { dtype: b.meta(result).dtype, shape: withSize(shape, axis, count) };
    }
    return results;
  };
  const at = (values: OnnxValue, places: OnnxValue): OnnxValue => b.op("GatherElements", [values, places], { axis });
  if (dtype === "float64") {
    // First by value, infinity standing for NaN; among those of one value NaN then is the larger.
    const isNaN = b.op("IsNaN", [x]);
    const [, places] = topK(b.op("Where", [isNaN, b.scalar(Infinity, dtype), x]), shape[axis]);
    const [, order] = topK(b.cast(at(isNaN, places), "int32"), k);
    const indices = at(places, order);
    return [at(x, indices), indices];
  }
  if (isFloat(dtype)) {
    // Halved, all numbers lie below infinity's place, and NaN takes its own. Only neighbours below 2^-125 become equal; double
    // precision would tell them apart, but runtimes on GPUs have none.
    const single = b.cast(x, "float32");
    const halved = b.op("Mul", [single, b.scalar(0.5, "float32")]);
    const limited = b.op("Min", [halved, b.scalar(3e38, "float32")]);
    const keys = b.op("Where", [b.op("IsNaN", [single]), b.scalar(Infinity, "float32"), limited]);
    const [, indices] = topK(keys, k);
    return [b.cast(at(single, indices), dtype), indices];
  }
  if (dtype === "uint64") {
    // As signed numbers, shifted by half the range: the order stays.
    const [, indices] = topK(b.op("Sub", [b.cast(x, "int64"), b.scalar(2n ** 63n, "int64")]), k);
    return [at(x, indices), indices];
  }
  const [values, indices] = topK(b.cast(x, carrier(b, dtype, SORTED, "TopK")), k);
  return [b.cast(values, dtype), indices];
}

/** Runs of equal elements along a dim. */
export interface Runs {
  /** Which run each element is in, counted from 0. */
  readonly group: OnnxValue;
  /** Length of each run; after the last one 0. */
  readonly count: OnnxValue;
  /** Whether an element differs from the one before it: one less than there are elements. */
  readonly differs: OnnxValue;
}

/** Runs of equal elements along a dim. NaN is never equal to NaN. */
export function onnxRuns(b: OnnxBuilder, x: OnnxValue, axis: number): Runs {
  const before = onnxSlice(b, x, axis, null, -1);
  const after = onnxSlice(b, x, axis, 1, null);
  const differs = b.op("Not", [emitTest(b, NUMBERS, "Equal", [after, before])]);
  const { shape } = b.meta(x);
  const pads = new Array<number>(2 * shape.length).fill(0);
  pads[axis] = 1;
  const steps = b.op("Pad", [b.cast(differs, "int64"), b.ints(pads)]);
  steps.meta = { dtype: "int64", shape };
  const group = b.op("CumSum", [steps, b.dim(axis)]);
  return { group, count: onnxCounts(b, group, axis), differs };
}

/** How often each index occurs along a dim. */
export function onnxCounts(b: OnnxBuilder, indices: OnnxValue, axis: number): OnnxValue {
  const zeros = b.op("Sub", [indices, indices]);
  const ones = b.op("Add", [zeros, b.scalar(1n, "int64")]);
  return b.op("ScatterElements", [zeros, indices, ones], { axis, reduction: "add" });
}
