/** Running sums, products, logarithms of sums, maxima and minima along a dim. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type DType, isFloat, isInt, type Meta, normalizeDim } from "../tensor/mod.ts";
import { convert } from "../tensor/loops.ts";
import { carrier, emit, NUMBERS, WIDE } from "./emit.ts";
import { defineOp } from "./op.ts";
import { element, requireReal } from "./rules.ts";
import { mapRuns } from "./softmax.ts";

function sumDType(dtype: DType, given: DType | null): DType {
  return given ?? (dtype === "bool" || isInt(dtype) ? "int64" : dtype);
}

interface Given<T> {
  readonly self: T;
  readonly dim: number;
  readonly dtype: DType | null;
}

/** The running results of a fold. */
function running(values: readonly number[], start: number, fn: (x: number, y: number) => number): number[] {
  let state = start;
  return values.map((x) => state = fn(state, x));
}

function metaOf({ self, dim, dtype }: Given<Meta>): Meta {
  normalizeDim(dim, self.shape.length);
  return { dtype: sumDType(self.dtype, dtype), shape: self.shape };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.cumsum.html */
export const cumsum = defineOp("aten::cumsum(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor", {
  meta: (_, args) => metaOf(args),
  kernel: ({ self, dim, dtype }) => {
    const to = sumDType(self.dtype, dtype);
    requireReal(to);
    return mapRuns(convert(self, to), dim, to, (v) => running(v, element(0n, to), (x, y) => x + y));
  },
  onnx: (b, { self, dim, dtype }) => {
    const { dtype: from, shape } = b.meta(self);
    const axis = normalizeDim(dim, shape.length);
    const x = b.cast(self, sumDType(from, dtype));
    if (shape.length === 0) return x;
    const to = b.meta(x).dtype;
    const wide = carrier(to, WIDE, "CumSum");
    return b.cast(b.op("CumSum", [b.cast(x, wide), b.scalar(BigInt(axis), "int64")]), to);
  },
});

/** A Scan along an axis whose state is also its output. `start` has the shape of one slice. */
function emitScan(
  b: OnnxBuilder,
  x: OnnxValue,
  axis: number,
  start: OnnxValue,
  step: (b: OnnxBuilder, state: OnnxValue, slice: OnnxValue) => OnnxValue,
): OnnxValue {
  const slice = b.meta(start);
  const body = b.subgraph("scan_body", (inner) => {
    const next = step(inner, inner.input("state", slice), inner.input("slice", slice));
    return [next, inner.copy(next)];
  });
  const [, results] = b.ops("Scan", [start, x], 2, {
    body,
    num_scan_inputs: 1,
    scan_input_axes: [axis],
    scan_output_axes: [axis],
  });
  return results;
}

/** A value of the shape of one slice, all of one number. */
function sliceOf(b: OnnxBuilder, x: OnnxValue, axis: number, value: number | bigint): OnnxValue {
  const { dtype, shape } = b.meta(x);
  const scalar = b.scalar(value, dtype);
  const rest = shape.filter((_, d) => d !== axis);
  return rest.length === 0 ? scalar : b.op("Expand", [scalar, b.ints(rest)]);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.cumprod.html */
export const cumprod = defineOp("aten::cumprod(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor", {
  meta: (_, args) => metaOf(args),
  kernel: ({ self, dim, dtype }) => {
    const to = sumDType(self.dtype, dtype);
    requireReal(to);
    return mapRuns(convert(self, to), dim, to, (v) => running(v, element(1n, to), (x, y) => x * y));
  },
  onnx: (b, { self, dim, dtype }) => {
    const { dtype: from, shape } = b.meta(self);
    const axis = normalizeDim(dim, shape.length);
    const x = b.cast(self, sumDType(from, dtype));
    if (shape.length === 0) return x;
    // Like PyTorch, small floats are multiplied in a larger one.
    const to = b.meta(x).dtype;
    const wide = b.cast(x, to === "float16" || to === "bfloat16" ? "float32" : to);
    const one = sliceOf(b, wide, axis, isFloat(to) ? 1 : 1n);
    return b.cast(emitScan(b, wide, axis, one, (inner, state, x) => emit(inner, NUMBERS, "Mul", [state, x])), to);
  },
});
