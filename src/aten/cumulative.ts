/** Running sums, products, logarithms of sums, maxima and minima along a dim. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type DType, isComplex, isFloat, isInt, type Meta, normalizeDim, Tensor } from "../tensor/mod.ts";
import { convert } from "../tensor/loops.ts";
import { mapComplexRows } from "../tensor/complex_loops.ts";
import * as complexMath from "../tensor/complex_math.ts";
import { ComplexValue } from "../onnx/complex.ts";
import { isSym } from "../sym/mod.ts";
import { cat } from "./cat.ts";
import { carrier, emit, NUMBERS, WIDE } from "./emit.ts";
import { defineOp } from "./op.ts";
import { constantOf } from "./normalize.ts";
import { emitLogSum, logaddexp, logSum } from "./power.ts";
import { element, PARTS, refuse, requireFloat, requireReal } from "./rules.ts";
import { slice } from "./slice.ts";
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
  complex: PARTS,
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
    const wide = carrier(b, to, WIDE, "CumSum");
    return b.cast(b.op("CumSum", [b.cast(x, wide), b.scalar(BigInt(axis), "int64")]), to);
  },
});

/**
 * A Scan along an axis. `step` gives the next states from the states and a slice; the first `outputs` states are collected.
 */
function emitScan(
  b: OnnxBuilder,
  x: OnnxValue,
  axis: number,
  starts: readonly OnnxValue[],
  outputs: number,
  step: (b: OnnxBuilder, states: readonly OnnxValue[], slice: OnnxValue) => readonly OnnxValue[],
): OnnxValue[] {
  const { dtype, shape: whole } = b.meta(x);
  // onnxruntime refuses to scan nothing.
  if (whole.includes(0)) return starts.slice(0, outputs).map((start) => constantOf(b, 0, whole, b.meta(start).dtype));
  const body = b.subgraph("scan_body", (inner) => {
    const states = starts.map((start, i) => inner.input(`state_${i}`, b.meta(start)));
    const shape = b.meta(x).shape.filter((_, d) => d !== axis);
    const next = step(inner, states, inner.input("slice", { dtype, shape }));
    // A state that stays as it was still needs a value of its own as an output.
    const kept = next.map((v) => v.producer === null ? inner.copy(v) : v);
    return [...kept, ...kept.slice(0, outputs).map((v) => inner.copy(v))];
  });
  const axes = new Array<number>(outputs).fill(axis);
  const results = b.ops("Scan", [...starts, x], starts.length + outputs, {
    body,
    num_scan_inputs: 1,
    scan_input_axes: [axis],
    scan_output_axes: axes,
  });
  return results.slice(starts.length);
}

/** A value of the shape of one slice, all of one number. */
function sliceOf(b: OnnxBuilder, x: OnnxValue, axis: number, value: number | bigint): OnnxValue {
  const { dtype, shape } = b.meta(x);
  const scalar = b.scalar(value, dtype);
  const rest = shape.filter((_, d) => d !== axis);
  return rest.length === 0 ? scalar : b.op("Expand", [scalar, b.ints(rest)]);
}

function complexProducts(x: Tensor, dim: number): Tensor {
  if (x.shape.length === 0) return x;
  return mapComplexRows(x, normalizeDim(dim, x.shape.length), x.dtype, (row) => {
    let state: complexMath.C = [1, 0];
    return row.map((z) => state = complexMath.mul(state, z));
  });
}

/** Running products of pairs of reals. */
function emitComplexProducts(b: OnnxBuilder, x: ComplexValue, axis: number): OnnxValue {
  const packed = b.packed(x);
  const { dtype, shape } = b.meta(packed);
  const rest = shape.filter((_, d) => d !== axis);
  const one = b.op("Expand", [b.constant(Tensor.of(dtype, [2], [1, 0])), b.ints(rest)]);
  const last = rest.length - 1;
  const [result] = emitScan(b, packed, axis, [one], 1, (inner, [state], slice) => {
    const [[p, q], [r, s]] = [state, slice].map((v) => inner.ops("Split", [v], 2, { axis: last, num_outputs: 2 }));
    const times = (u: OnnxValue, v: OnnxValue): OnnxValue => inner.op("Mul", [u, v]);
    const re = inner.op("Sub", [times(p, r), times(q, s)]);
    return [inner.op("Concat", [re, inner.op("Add", [times(p, s), times(q, r)])], { axis: last })];
  });
  return ComplexValue.packed(result);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.cumprod.html */
export const cumprod = defineOp("aten::cumprod(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor", {
  meta: (_, args) => metaOf(args),
  kernel: ({ self, dim, dtype }) => {
    const to = sumDType(self.dtype, dtype);
    if (isComplex(to)) return complexProducts(convert(self, to), dim);
    return mapRuns(convert(self, to), dim, to, (v) => running(v, element(1n, to), (x, y) => x * y));
  },
  complex: "native",
  onnx: (b, { self, dim, dtype }) => {
    const { dtype: from, shape } = b.meta(self);
    const axis = normalizeDim(dim, shape.length);
    const x = b.cast(self, sumDType(from, dtype));
    if (shape.length === 0) return x;
    if (x instanceof ComplexValue) return emitComplexProducts(b, x, axis);
    // Like PyTorch, small floats are multiplied in a larger one.
    const to = b.meta(x).dtype;
    const wide = b.cast(x, to === "float16" || to === "bfloat16" ? "float32" : to);
    const one = sliceOf(b, wide, axis, isFloat(to) ? 1 : 1n);
    const [result] = emitScan(b, wide, axis, [one], 1, (inner, [state], slice) => [
      emit(inner, NUMBERS, "Mul", [state, slice]),
    ]);
    return b.cast(result, to);
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.logcumsumexp.html */
export const logcumsumexp = defineOp("aten::logcumsumexp(Tensor self, int dim) -> Tensor", {
  complex: (t, { self, dim }) => {
    const { shape } = t.meta(self);
    const axis = normalizeDim(dim, shape.length);
    const size = shape[axis] ?? 1;
    if (isSym(size)) return refuse("dim", dim, `a running sum of complex numbers needs a constant size, met ${size}`);
    if (size <= 1) return self;
    // One by one, as PyTorch goes on from the angle that it has.
    const slices = Array.from({ length: size }, (_, i) => t.call(slice, self, axis, i, i + 1));
    const sums = slices.slice(1).reduce<typeof slices>(
      (done, x) => [...done, t.call(logaddexp, done[done.length - 1], x)],
      [slices[0]],
    );
    return t.call(cat, sums, axis);
  },
  meta: (_, { self, dim }) => {
    normalizeDim(dim, self.shape.length);
    return { dtype: self.dtype, shape: self.shape };
  },
  kernel: ({ self, dim }) => {
    requireFloat(self.dtype, "The input of logcumsumexp");
    return mapRuns(self, dim, self.dtype, (v) => running(v, -Infinity, logSum(Math.exp, Math.log1p)));
  },
  onnx: (b, { self, dim }) => {
    const { dtype, shape } = b.meta(self);
    requireFloat(dtype, "The input of logcumsumexp");
    if (shape.length === 0) return self;
    const axis = normalizeDim(dim, shape.length);
    const wide = b.cast(self, dtype === "float64" ? dtype : "float32");
    const none = sliceOf(b, wide, axis, -Infinity);
    const [result] = emitScan(
      b,
      wide,
      axis,
      [none],
      1,
      (inner, [state], slice) => [emitLogSum(inner, state, slice, 1)],
    );
    return b.cast(result, dtype);
  },
});

interface Along<T> {
  readonly self: T;
  readonly dim: number;
}

/** The running extremes of values and where the last of equals is; the first NaN stays. */
function runningExtremes(values: readonly number[], max: boolean): { values: number[]; positions: number[] } {
  let at = 0;
  const positions = values.map((x, i) => {
    const best = values[at];
    if (x !== x ? true : max ? x >= best : x <= best) at = i;
    return at;
  });
  return { values: positions.map((p) => values[p]), positions };
}

/** The number that every number of the dtype takes over from. */
function weakest(dtype: DType, max: boolean): number | bigint {
  if (isFloat(dtype)) return max ? -Infinity : Infinity;
  if (dtype === "int64") return max ? -(2n ** 63n) : 2n ** 63n - 1n;
  return max ? -(2n ** 31n) : 2n ** 31n - 1n;
}

/** Rules of running extremes. */
function extremes(max: boolean) {
  return {
    meta: (_: unknown, { self, dim }: Along<Meta>): [Meta, Meta] => {
      normalizeDim(dim, self.shape.length);
      return [{ dtype: self.dtype, shape: self.shape }, { dtype: "int64", shape: self.shape }];
    },
    kernel: ({ self, dim }: Along<Tensor>): [Tensor, Tensor] => {
      requireReal(self.dtype);
      return [
        mapRuns(self, dim, self.dtype, (v) => runningExtremes(v, max).values),
        mapRuns(self, dim, "int64", (v) => runningExtremes(v, max).positions.map(BigInt) as unknown as number[]),
      ];
    },
    onnx: (b: OnnxBuilder, { self, dim }: Along<OnnxValue>): [OnnxValue, OnnxValue] => {
      const { dtype, shape } = b.meta(self);
      const axis = normalizeDim(dim, shape.length);
      if (shape.length === 0) return [self, b.scalar(0n, "int64")];
      const wide = b.cast(self, dtype === "float16" ? "float32" : carrier(b, dtype, WIDE, "Where"));
      const start = sliceOf(b, wide, axis, weakest(b.meta(wide).dtype, max));
      const position = b.op("Expand", [b.scalar(0n, "int64"), b.op("Shape", [start])]);
      const states = [start, position, b.scalar(0n, "int64")];
      const [values, positions] = emitScan(b, wide, axis, states, 2, (inner, [best, at, index], slice) => {
        const reached = inner.op(max ? "GreaterOrEqual" : "LessOrEqual", [slice, best]);
        const taken = isFloat(dtype) ? inner.op("Or", [reached, inner.op("IsNaN", [slice])]) : reached;
        const next = inner.op("Add", [index, inner.scalar(1n, "int64")]);
        return [inner.op("Where", [taken, slice, best]), inner.op("Where", [taken, index, at]), next];
      });
      return [b.cast(values, dtype), positions];
    },
  };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.cummax.html */
export const cummax = defineOp(
  "aten::cummax(Tensor self, int dim) -> (Tensor values, Tensor indices)",
  extremes(true),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.cummin.html */
export const cummin = defineOp(
  "aten::cummin(Tensor self, int dim) -> (Tensor values, Tensor indices)",
  extremes(false),
);
