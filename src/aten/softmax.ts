/** Softmax and its logarithm. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type DType, type Meta, newData, normalizeDim, Tensor } from "../tensor/mod.ts";
import { convert, permuteDims } from "../tensor/loops.ts";
import { eqScalar } from "./compare.ts";
import { emit, FLOATS, NUMBERS } from "./emit.ts";
import { emitReduce } from "./dims.ts";
import { type Calls, defineOp } from "./op.ts";
import { allDim } from "./reduce.ts";
import { refuse, requireFloat } from "./rules.ts";
import { where } from "./where.ts";

/** Runs along one dim of a tensor, replacing each run of values by as many. */
export function mapRuns(x: Tensor, dim: number, dtype: DType, fn: (values: number[]) => readonly number[]): Tensor {
  if (x.shape.length === 0) return mapRuns(x.reshape([1]), 0, dtype, fn).reshape([]);
  const axis = normalizeDim(dim, x.shape.length);
  const order = [...x.shape.keys()].filter((d) => d !== axis);
  const perm = [...order, axis];
  const turned = permuteDims(x, perm);
  const data = turned.data();
  const size = x.shape[axis];
  const out = newData(dtype, data.length);
  for (let at = 0; at + size <= data.length && size > 0; at += size) {
    const run = fn(Array.from(data.slice(at, at + size) as ArrayLike<number>));
    for (let i = 0; i < size; i++) (out as unknown as number[])[at + i] = run[i];
  }
  const back = perm.map((_, d) => perm.indexOf(d));
  return permuteDims(Tensor.of(dtype, turned.shape, out), back).contiguous();
}

function softmaxOf(values: readonly number[]): number[] {
  const peak = values.reduce((x, y) => Math.max(x, y), -Infinity);
  const powers = values.map((x) => Math.exp(x - peak));
  const sum = powers.reduce((x, y) => x + y, 0);
  return powers.map((x) => x / sum);
}

function logSoftmaxOf(values: readonly number[]): number[] {
  const peak = values.reduce((x, y) => Math.max(x, y), -Infinity);
  const log = Math.log(values.reduce((x, y) => x + Math.exp(y - peak), 0));
  return values.map((x) => x - peak - log);
}

function metaOf(self: Meta, dim: number, dtype: DType): Meta {
  requireFloat(dtype, "The result of softmax");
  normalizeDim(dim, self.shape.length);
  return { dtype, shape: self.shape };
}

function tensorOf(self: Tensor, dim: number, dtype: DType, log: boolean): Tensor {
  requireFloat(dtype, "The result of softmax");
  return mapRuns(convert(self, dtype), dim, dtype, log ? logSoftmaxOf : softmaxOf);
}

function emitSoftmax(b: OnnxBuilder, self: OnnxValue, dim: number, dtype: DType, log: boolean): OnnxValue {
  requireFloat(dtype, "The result of softmax");
  const { shape } = b.meta(self);
  const axis = normalizeDim(dim, shape.length);
  const typed = b.cast(self, dtype);
  const x = shape.length === 0 ? b.reshape(typed, [1]) : typed;
  let result: OnnxValue;
  // LogSoftmax would leave the GPU.
  if (log && b.target === "webgpu") {
    result = emit(b, NUMBERS, "Sub", [x, emitReduce(b, FLOATS, "ReduceLogSumExp", x, [axis], true)]);
  } else result = emit(b, FLOATS, log ? "LogSoftmax" : "Softmax", [x], { axis });
  return shape.length === 0 ? b.reshape(result, []) : result;
}

interface Given<T> {
  readonly self: T;
  readonly dim: number;
  readonly dtype: DType | null;
}

/** Rules of the overload that is given a dtype. */
function withDType(log: boolean) {
  return {
    meta: (_: unknown, { self, dim, dtype }: Given<Meta>): Meta => metaOf(self, dim, dtype ?? self.dtype),
    kernel: ({ self, dim, dtype }: Given<Tensor>): Tensor => tensorOf(self, dim, dtype ?? self.dtype, log),
    onnx: (b: OnnxBuilder, { self, dim, dtype }: Given<OnnxValue>): OnnxValue =>
      emitSoftmax(b, self, dim, dtype ?? b.meta(self).dtype, log),
    // Of complex numbers, the real parts are all that a real dtype leaves.
    complex: <T extends object>(t: Calls<T>, { self, dim, dtype }: Given<T>): T => {
      const real = dtype ?? t.meta(self).dtype;
      requireFloat(real, "The result of softmax");
      return t.call(log ? logSoftmax : softmax, t.cast(self, real), dim, real);
    },
  };
}

interface Inner<T> {
  readonly self: T;
  readonly dim: number;
  readonly half_to_float: boolean;
}

function resultOf(dtype: DType, halfToFloat: boolean): DType {
  if (!halfToFloat) return dtype;
  if (dtype !== "float16") refuse("half_to_float", halfToFloat, "it is for float16 inputs only");
  return "float32";
}

/** Rules of the overload that decompositions leave. */
function inner(log: boolean) {
  return {
    meta: (_: unknown, { self, dim, half_to_float }: Inner<Meta>): Meta =>
      metaOf(self, dim, resultOf(self.dtype, half_to_float)),
    kernel: ({ self, dim, half_to_float }: Inner<Tensor>): Tensor =>
      tensorOf(self, dim, resultOf(self.dtype, half_to_float), log),
    onnx: (b: OnnxBuilder, { self, dim, half_to_float }: Inner<OnnxValue>): OnnxValue =>
      emitSoftmax(b, self, dim, resultOf(b.meta(self).dtype, half_to_float), log),
  };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.softmax.html */
export const softmax = defineOp(
  "aten::softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor",
  withDType(false),
);

/** What softmax decomposes to. */
export const softmaxInner = defineOp(
  "aten::_softmax(Tensor self, int dim, bool half_to_float) -> Tensor",
  inner(false),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.log_softmax.html */
export const logSoftmax = defineOp(
  "aten::log_softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor",
  withDType(true),
);

/** What log_softmax decomposes to. */
export const logSoftmaxInner = defineOp(
  "aten::_log_softmax(Tensor self, int dim, bool half_to_float) -> Tensor",
  inner(true),
);

/** Softmax, but 0 where there is nothing but −∞: attention uses it for rows that are masked out. */
export const safeSoftmax = defineOp("aten::_safe_softmax(Tensor self, int dim, ScalarType? dtype=None) -> Tensor", {
  decompose: (t, { self, dim, dtype }) => {
    const result = t.call(softmax, self, dim, dtype);
    const none = t.call(allDim, t.call(eqScalar, self, -Infinity), dim, true);
    return t.call(where, none, t.full([], 0, t.meta(result).dtype), result);
  },
});
