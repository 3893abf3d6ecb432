/** Sums, means, products and truth over dims, and what is made of them: counts, variances, logarithms of sums. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, eq, prod as sizeOf } from "../sym/mod.ts";
import { type DType, isFloat, isInt, type Meta, type Tensor, toReal } from "../tensor/mod.ts";
import { convert, reduceDims } from "../tensor/loops.ts";
import { ne } from "./compare.ts";
import { div } from "./division.ts";
import { COMPARED, constantLike, emit, FLOATS, NUMBERS, WIDE } from "./emit.ts";
import { emitReduce, reducedCount, reducedDims, reducedShape } from "./dims.ts";
import { emitRepeat } from "./loop.ts";
import { type Calls, defineOp, type NamedForm, type PartsAlike } from "./op.ts";
import { broadcastInto, element, PARTS, refuse, requireFloat, requireReal } from "./rules.ts";
import { add, sub } from "./binary.ts";
import { amax } from "./reduce_extrema.ts";
import { exp, isinf, isnan, log } from "./unary.ts";
import { squeezeDims } from "./view.ts";
import { logicalNot } from "./logical.ts";
import { where } from "./where.ts";

/** Integers and bools are summed and multiplied in int64. */
function sumDType(dtype: DType, given: DType | null): DType {
  return given ?? (dtype === "bool" || isInt(dtype) ? "int64" : dtype);
}

interface Reduction<T> {
  readonly self: T;
  readonly dim?: readonly number[] | number | null;
  readonly keepdim?: boolean;
}

interface Typed<T> extends Reduction<T> {
  readonly dtype: DType | null;
}

/** What a reduction does to the elements of a group, and the ONNX operator that does it. */
interface Kind {
  readonly opType: string;
  readonly dtype: (dtype: DType, given: DType | null) => DType;
  readonly fn: (values: number[], dtype: DType) => number;
  readonly complex: PartsAlike | NamedForm;
}

/** Rules of a reduction with an optional result dtype. */
function reduction({ opType, dtype: dtypeOf, fn, complex }: Kind) {
  return {
    complex,
    meta: (_: unknown, { self, dim = null, keepdim = false, dtype }: Typed<Meta>): Meta => ({
      dtype: dtypeOf(self.dtype, dtype),
      shape: reducedShape(self.shape, reducedDims(dim, self.shape.length), keepdim),
    }),
    kernel: ({ self, dim = null, keepdim = false, dtype }: Typed<Tensor>): Tensor => {
      const to = dtypeOf(self.dtype, dtype);
      requireReal(to);
      return reduceDims(convert(self, to), reducedDims(dim, self.shape.length), keepdim, to, (v) => fn(v, to));
    },
    onnx: (b: OnnxBuilder, { self, dim = null, keepdim = false, dtype }: Typed<OnnxValue>): OnnxValue => {
      const { dtype: from, shape } = b.meta(self);
      const x = b.cast(self, dtypeOf(from, dtype));
      const dims = reducedDims(dim, shape.length);
      // onnxruntime's mean of nothing is 0, PyTorch's is NaN.
      if (opType === "ReduceMean" && reducedCount(shape, dims) === 0) {
        return emit(b, NUMBERS, "Div", [emitReduce(b, WIDE, "ReduceSum", x, dims, keepdim), constantLike(b, x, 0)]);
      }
      const isExact = b.meta(x).dtype !== "int64" || opType === "ReduceMean" || isNarrow(b, self, opType);
      if (isExact) return emitReduce(b, WIDE, opType, x, dims, keepdim);
      const whole = opType === "ReduceSum" ? emitIntegerSum(b, x, dims) : emitIntegerProduct(b, x, dims);
      return keepdim ? b.reshape(whole, reducedShape(shape, dims, true)) : whole;
    },
  };
}

/** Whether a value holds integers of few bits, even where it was converted to another dtype: doubles reduce them exactly. */
function isNarrow(b: OnnxBuilder, x: OnnxValue, opType: string): boolean {
  const source = x.producer?.opType === "Cast" ? x.producer.inputs[0]! : x;
  if (opType === "ReduceProd") return b.meta(source).dtype === "bool";
  return ["bool", "uint8", "int8", "uint16", "int16", "int32", "uint32"].includes(b.meta(source).dtype);
}

/** The tensor with the reduced dims as its last one. */
function gathered(b: OnnxBuilder, x: OnnxValue, dims: readonly number[]): OnnxValue {
  const { shape } = b.meta(x);
  const kept = [...shape.keys()].filter((d) => !dims.includes(d));
  const size = sizeOf(dims.map((d) => shape[d]));
  return b.reshape(b.transpose(x, [...kept, ...dims]), [...kept.map((d) => shape[d]), size]);
}

/** onnxruntime's ReduceSum of int64 goes through doubles, its MatMul does not. */
function emitIntegerSum(b: OnnxBuilder, x: OnnxValue, dims: readonly number[]): OnnxValue {
  const { shape } = b.meta(x);
  const rank = shape.length;
  if (rank === 0) return x;
  const ones = (size: Dim): OnnxValue => b.op("Expand", [b.scalar(1, "int64"), b.ints([size])]);
  // A list is multiplied from the left with the last dim but one.
  if (dims.length === 1 && dims[0] === rank - 2) return b.op("MatMul", [ones(shape[rank - 2]), x]);
  const last = gathered(b, x, dims);
  return b.op("MatMul", [last, ones(b.meta(last).shape.at(-1)!)]);
}

/** The same of ReduceProd: factor by factor. */
function emitIntegerProduct(b: OnnxBuilder, x: OnnxValue, dims: readonly number[]): OnnxValue {
  if (b.meta(x).shape.length === 0) return x;
  const last = gathered(b, x, dims);
  const { shape } = b.meta(last);
  const axis = shape.length - 1;
  const start = b.op("Expand", [b.scalar(1, "int64"), b.ints(shape.slice(0, -1))]);
  const [product] = emitRepeat(b, shape[axis], [start], (inner, turn, [state]) => ({
    states: [inner.op("Mul", [state, inner.op("Gather", [last, turn], { axis })])],
  }));
  return product;
}

/** A sum; bigints at run time for 64-bit integers. */
function sumOf(values: readonly number[], dtype: DType): number {
  return values.reduce((x, y) => x + y, element(0n, dtype));
}

const SUM: Kind = { opType: "ReduceSum", dtype: sumDType, fn: sumOf, complex: PARTS };

const PROD: Kind = {
  opType: "ReduceProd",
  dtype: sumDType,
  fn: (values, dtype) => values.reduce((x, y) => x * y, element(1n, dtype)),
  complex: { form: "prodForm" },
};

const MEAN: Kind = {
  opType: "ReduceMean",
  dtype: (dtype, given) => {
    requireFloat(toReal(given ?? dtype), "The mean");
    return given ?? dtype;
  },
  fn: (values, dtype) => sumOf(values, dtype) / values.length,
  complex: PARTS,
};

/** https://docs.pytorch.org/docs/stable/generated/torch.sum.html */
export const sum = defineOp("aten::sum(Tensor self, *, ScalarType? dtype=None) -> Tensor", reduction(SUM));

/** https://docs.pytorch.org/docs/stable/generated/torch.sum.html */
export const sumDim = defineOp(
  "aten::sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
  reduction(SUM),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.mean.html */
export const mean = defineOp("aten::mean(Tensor self, *, ScalarType? dtype=None) -> Tensor", reduction(MEAN));

/** https://docs.pytorch.org/docs/stable/generated/torch.mean.html */
export const meanDim = defineOp(
  "aten::mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
  reduction(MEAN),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.prod.html */
export const prod = defineOp("aten::prod(Tensor self, *, ScalarType? dtype=None) -> Tensor", reduction(PROD));

/** https://docs.pytorch.org/docs/stable/generated/torch.prod.html */
export const prodDim = defineOp(
  "aten::prod.dim_int(Tensor self, int dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
  reduction(PROD),
);

/** The tensor with zeros for NaN. */
function withoutNaN<T extends object>(t: Calls<T>, x: T): T {
  const { dtype } = t.meta(x);
  return isFloat(dtype) ? t.call(where, t.call(isnan, x), t.full([], 0, dtype), x) : x;
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nansum.html */
export const nansum = defineOp(
  "aten::nansum(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
  { decompose: (t, { self, dim, keepdim, dtype }) => t.call(sumDim, withoutNaN(t, self), dim, keepdim, dtype) },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nanmean.html */
export const nanmean = defineOp(
  "aten::nanmean(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
  {
    decompose: (t, { self, dim, keepdim, dtype }) => {
      const count = t.call(sumDim, t.call(logicalNot, t.call(isnan, self)), dim, keepdim);
      return t.call(div, t.call(nansum, self, dim, keepdim, dtype), count);
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.count_nonzero.html */
export const countNonzero = defineOp("aten::count_nonzero(Tensor self, int? dim=None) -> Tensor", {
  decompose: (t, { self, dim }) =>
    t.call(sumDim, t.call(ne, self, t.full([], 0n, t.meta(self).dtype)), dim === null ? null : [dim]),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.count_nonzero.html */
export const countNonzeroDims = defineOp("aten::count_nonzero.dim_IntList(Tensor self, int[] dim) -> Tensor", {
  decompose: (t, { self, dim }) => t.call(sumDim, t.call(ne, self, t.full([], 0n, t.meta(self).dtype)), dim),
});

/** The truth of uint8 stays uint8, for compatibility. */
function truthDType(dtype: DType): DType {
  return dtype === "uint8" ? "uint8" : "bool";
}

/** Rules of any and all. With `noneIsNone`, an empty list of dims reduces none. */
function truth(opType: "ReduceMax" | "ReduceMin", noneIsNone = false) {
  const any = opType === "ReduceMax";
  const dimsOf = (dim: readonly number[] | number | null, rank: number): number[] =>
    noneIsNone && Array.isArray(dim) && dim.length === 0 ? [] : reducedDims(dim, rank);
  return {
    complex: "native" as const,
    meta: (_: unknown, { self, dim = null, keepdim = false }: Reduction<Meta>): Meta => ({
      dtype: truthDType(self.dtype),
      shape: reducedShape(self.shape, dimsOf(dim, self.shape.length), keepdim),
    }),
    kernel: ({ self, dim = null, keepdim = false }: Reduction<Tensor>): Tensor => {
      const dims = dimsOf(dim, self.shape.length);
      const bools = convert(self, "bool");
      const dtype = truthDType(self.dtype);
      if (dims.length === 0) return convert(bools, dtype);
      return reduceDims(bools, dims, keepdim, dtype, (v) => any ? v.some((x) => x !== 0) : v.every((x) => x !== 0));
    },
    onnx: (b: OnnxBuilder, { self, dim = null, keepdim = false }: Reduction<OnnxValue>): OnnxValue => {
      const { dtype, shape } = b.meta(self);
      const dims = dimsOf(dim, shape.length);
      const bools = b.cast(self, "bool");
      if (dims.length === 0) return b.cast(bools, truthDType(dtype));
      // Before opset 20, ReduceMax takes no bool; onnxruntime's has no result for no bools.
      const native = b.opset >= 20 && reducedCount(shape, dims) !== 0 ? [...COMPARED, "bool" as const] : COMPARED;
      return b.cast(emitReduce(b, native, opType, bools, dims, keepdim), truthDType(dtype));
    },
  };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.any.html */
export const any = defineOp("aten::any(Tensor self) -> Tensor", truth("ReduceMax"));

/** https://docs.pytorch.org/docs/stable/generated/torch.any.html */
export const anyDim = defineOp(
  "aten::any.dim(Tensor self, int dim, bool keepdim=False) -> Tensor",
  truth("ReduceMax"),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.any.html */
export const anyDims = defineOp(
  "aten::any.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor",
  truth("ReduceMax", true),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.all.html */
export const all = defineOp("aten::all(Tensor self) -> Tensor", truth("ReduceMin"));

/** https://docs.pytorch.org/docs/stable/generated/torch.all.html */
export const allDim = defineOp(
  "aten::all.dim(Tensor self, int dim, bool keepdim=False) -> Tensor",
  truth("ReduceMin"),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.all.html */
export const allDims = defineOp(
  "aten::all.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor",
  truth("ReduceMin", true),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.logsumexp.html */
export const logsumexp = defineOp("aten::logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor", {
  promote: { args: ["self"], to: "float" },
  complex: (t, { self, dim, keepdim }) => {
    // The largest real part becomes 0, so that no exponential overflows.
    const largest = t.call(amax, t.parts(self)[0], dim, true);
    const peak = t.call(where, t.call(isinf, largest), t.full([], 0, t.meta(largest).dtype), largest);
    const sums = t.call(
      log,
      t.call(sumDim, t.call(exp, t.call(sub, self, t.cast(peak, t.meta(self).dtype))), dim, true),
    );
    const all = t.call(add, sums, t.cast(peak, t.meta(self).dtype));
    const dims = reducedDims(dim, t.meta(self).shape.length);
    return keepdim ? all : t.call(squeezeDims, all, dims);
  },
  meta: (_, { self, dim, keepdim }) => ({
    dtype: self.dtype,
    shape: reducedShape(self.shape, reducedDims(dim, self.shape.length), keepdim),
  }),
  kernel: ({ self, dim, keepdim }) => {
    requireReal(self.dtype);
    return reduceDims(self, reducedDims(dim, self.shape.length), keepdim, self.dtype, (values) => {
      const peak = values.reduce((x, y) => Math.max(x, y), -Infinity);
      const shift = Number.isFinite(peak) ? peak : 0;
      return shift + Math.log(values.reduce((x, y) => x + Math.exp(y - shift), 0));
    });
  },
  onnx: (b, { self, dim, keepdim }) =>
    emitReduce(b, FLOATS, "ReduceLogSumExp", self, reducedDims(dim, b.meta(self).shape.length), keepdim),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.sum_to_size.html */
export const sumToSize = defineOp("aten::sum_to_size(Tensor self, SymInt[] size) -> Tensor", {
  decompose: (t, { self, size }) => {
    const { shape } = t.meta(self);
    const lead = shape.length - size.length;
    if (lead < 0) refuse("size", `[${size.join(", ")}]`, "it has more dimensions than the tensor");
    broadcastInto("size", size, shape);
    const rest = lead === 0 ? self : t.call(sumDim, self, Array.from({ length: lead }, (_, d) => d));
    const ones = size.flatMap((n, d) => n === 1 && shape[lead + d] !== 1 ? [d] : []);
    return ones.length === 0 ? rest : t.call(sumDim, rest, ones, true);
  },
  inverse: (_, __, updated) => updated,
  aliases: ({ shape }, { size }) =>
    size.length > 0 && shape.length === size.length && shape.every((n, d) => eq(n, size[d]) === true),
});
