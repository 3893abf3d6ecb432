/** Elements and slices without repetition, in order or as they follow each other; the number of results depends on values. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { prod } from "../sym/mod.ts";
import { isFloat, type Meta, normalizeDim, Tensor } from "../tensor/mod.ts";
import { gatherBy } from "../tensor/loops.ts";
import { carrier, emitTest, type Native, NUMBERS } from "./emit.ts";
import { asList, atLeastList } from "./gather.ts";
import { onnxRepeat } from "./move.ts";
import { defineOp, type MetaContext } from "./op.ts";
import { compareElements, onnxCounts, onnxOrder, onnxRuns } from "./order.ts";
import { requireReal } from "./rules.ts";
import { selectView, shaped, withSize } from "./shapes.ts";
import { onnxSlice } from "./slice.ts";

/** What is asked for beside the unique slices. */
interface Wanted {
  readonly inverse: boolean;
  readonly counts: boolean;
}

type Three<T> = [T, T, T];

/** A call: of elements where `dim` is null, else of slices along it. */
interface Call<T> extends Wanted {
  readonly self: T;
  readonly dim: number | null;
  /** Only neighbours are compared. */
  readonly consecutive: boolean;
}

function metaOf(ctx: MetaContext, { self, dim, inverse, counts }: Call<Meta>): Three<Meta> {
  requireReal(self.dtype);
  const count = ctx.freshSymbol("unique");
  const places = dim === null ? self.shape : [asList(self.shape)[normalizeDim(dim, self.shape.length)]];
  const shape = dim === null ? [count] : withSize(asList(self.shape), normalizeDim(dim, self.shape.length), count);
  const int64 = (dims: Meta["shape"]): Meta => ({ dtype: "int64", shape: dims });
  return [shaped(self, shape), int64(inverse ? places : [0]), int64(counts ? [count] : [0])];
}

/** What results that are not asked for are. */
function none(): Tensor {
  return Tensor.of("int64", [0], new BigInt64Array(0));
}

/** Compares slices element by element. NaN has no order there, but differs from everything. */
function compareSlices(x: readonly (number | bigint)[], y: readonly (number | bigint)[]): number {
  for (const [i, element] of x.entries()) {
    const order = x.length === 1 ? compareElements(element, y[i]) : element < y[i] ? -1 : element > y[i] ? 1 : 0;
    if (order !== 0) return order;
  }
  return 0;
}

function kernelOf({ self, dim, inverse, counts, consecutive }: Call<Tensor>): Three<Tensor> {
  const x = dim === null ? self.reshape([self.numel]) : self.reshape(asList(self.shape));
  const axis = dim === null ? 0 : normalizeDim(dim, self.shape.length);
  const slices = Array.from(
    { length: x.shape[axis] },
    (_, i) => Array.from(selectView(x, axis, i).data() as ArrayLike<number | bigint>),
  );
  const order = [...slices.keys()];
  if (!consecutive) order.sort((i, j) => compareSlices(slices[i], slices[j]) || i - j);
  const first: number[] = [];
  const counted: bigint[] = [];
  const group = new BigInt64Array(slices.length);
  for (const [n, i] of order.entries()) {
    const isSame = n > 0 && slices[i].every((v, k) => v === slices[order[n - 1]][k]);
    if (!isSame) {
      first.push(i);
      counted.push(0n);
    }
    counted[counted.length - 1]++;
    group[i] = BigInt(first.length - 1);
  }
  const values = gatherBy(
    x,
    withSize(x.shape, axis, first.length) as number[],
    (index) => index.map((k, d) => d === axis ? first[k] : k),
  );
  return [
    values,
    inverse ? Tensor.of("int64", dim === null ? self.shape : [slices.length], group) : none(),
    counts ? Tensor.of("int64", [counted.length], counted) : none(),
  ];
}

/** What onnxruntime has Unique for. */
const UNIQUE: Native = ["float32", "float64", "int8", "int64"];

function onnxOf(b: OnnxBuilder, call: Call<OnnxValue>): Three<OnnxValue> {
  const { self, dim, inverse, counts } = call;
  const { dtype, shape } = b.meta(self);
  requireReal(dtype);
  const nothing = b.ints([]);
  const x = dim === null ? b.reshape(self, [prod(shape)]) : atLeastList(b, self);
  const axis = dim === null ? 0 : normalizeDim(dim, shape.length);
  const [values, places, count] = b.meta(x).shape[axis] === 0
    ? [x, nothing, nothing]
    : call.consecutive
    ? onnxConsecutive(b, x, axis)
    : dim === null && isFloat(dtype)
    ? onnxSorted(b, x)
    : onnxUnique(b, x, axis, dim === null);
  b.bindSymbols(values);
  return [
    values,
    !inverse ? nothing : dim === null ? b.reshape(places, shape) : places,
    counts ? count : nothing,
  ];
}

function onnxUnique(b: OnnxBuilder, x: OnnxValue, axis: number, flat: boolean): Three<OnnxValue> {
  const { dtype } = b.meta(x);
  const wide = b.cast(x, dtype === "float16" ? "float32" : carrier(b, dtype, UNIQUE, "Unique"));
  const [values, , places, count] = b.ops("Unique", [wide], [true, false, true, true], flat ? {} : { axis });
  return [b.cast(values, dtype), places, count];
}

/** Where the first of each run lies, as a mask. */
function onnxFirst(b: OnnxBuilder, differs: OnnxValue): OnnxValue {
  return b.op("Concat", [b.constant(Tensor.of("bool", [1], [1])), differs], { axis: 0 });
}

/** Counts of groups, of which the ones after the last are 0. */
function onnxGroupCounts(b: OnnxBuilder, group: OnnxValue): OnnxValue {
  const all = onnxCounts(b, group, 0);
  return b.op("Compress", [all, b.cast(all, "bool")], { axis: 0 });
}

/** Sorted, so that NaN goes where it belongs, which Unique does not see to. */
function onnxSorted(b: OnnxBuilder, x: OnnxValue): Three<OnnxValue> {
  const [ordered, order] = onnxOrder(b, x, 0, b.meta(x).shape[0], false);
  const { group, differs } = onnxRuns(b, ordered, 0);
  const values = onnxRepeat(b, "Compress", ordered, onnxFirst(b, differs), { axis: 0 });
  const places = b.op("ScatterElements", [b.op("Sub", [order, order]), order, group], { axis: 0 });
  return [values, places, onnxGroupCounts(b, group)];
}

function onnxConsecutive(b: OnnxBuilder, x: OnnxValue, axis: number): Three<OnnxValue> {
  const { shape } = b.meta(x);
  const others = [...shape.keys()].filter((d) => d !== axis);
  const [before, after] = [onnxSlice(b, x, axis, null, -1), onnxSlice(b, x, axis, 1, null)];
  const isSame = emitTest(b, NUMBERS, "Equal", [after, before]);
  const same = others.length === 0
    ? isSame
    : b.cast(b.op("ReduceMin", [b.cast(isSame, "int32"), b.ints(others)], { keepdims: 0 }), "bool");
  const differs = b.op("Not", [same]);
  const steps = b.op("Pad", [b.cast(differs, "int64"), b.ints([1, 0])]);
  steps.meta = { dtype: "int64", shape: [shape[axis]] };
  const group = b.op("CumSum", [steps, b.dim(0)]);
  return [onnxRepeat(b, "Compress", x, onnxFirst(b, differs), { axis }), group, onnxGroupCounts(b, group)];
}

/** Rules of an operator with three results, of which some may not be wanted. */
function unique<A>(callOf: <T>(args: A & { readonly self: T }) => Call<T>) {
  type On<T> = A & { readonly self: T };
  return {
    meta: (ctx: MetaContext, args: On<Meta>): Three<Meta> => metaOf(ctx, callOf(args)),
    kernel: (args: On<Tensor>): Three<Tensor> => kernelOf(callOf(args)),
    onnx: (b: OnnxBuilder, args: On<OnnxValue>): Three<OnnxValue> => onnxOf(b, callOf(args)),
  };
}

interface Returns {
  readonly return_inverse: boolean;
  readonly return_counts: boolean;
}

interface Dimension {
  readonly dim: number;
}

/** Unsorted results may be in any order: https://docs.pytorch.org/docs/stable/generated/torch.unique.html */
export const unique2 = defineOp(
  "aten::_unique2(Tensor self, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)",
  unique<Returns>(({ self, return_inverse, return_counts }) => ({
    self,
    dim: null,
    consecutive: false,
    inverse: return_inverse,
    counts: return_counts,
  })),
);

/** Without counts. */
export const uniqueOnly = defineOp(
  "aten::_unique(Tensor self, bool sorted=True, bool return_inverse=False) -> (Tensor, Tensor)",
  {
    decompose: (t, { self, sorted, return_inverse }) => {
      const [values, places] = t.call(unique2, self, sorted, return_inverse, false);
      return [values, places];
    },
  },
);

/** Slices along a dim; ones with NaN are not told apart in ONNX. */
export const uniqueDim = defineOp(
  "aten::unique_dim(Tensor self, int dim, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)",
  unique<Returns & Dimension>(({ self, dim }) => ({ self, dim, consecutive: false, inverse: true, counts: true })),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.unique_consecutive.html */
export const uniqueConsecutive = defineOp(
  "aten::unique_consecutive(Tensor self, bool return_inverse=False, bool return_counts=False, int? dim=None) -> (Tensor, Tensor, Tensor)",
  {
    ...unique<Returns & { readonly dim: number | null }>(({ self, return_inverse, return_counts, dim }) => ({
      self,
      dim,
      consecutive: true,
      inverse: return_inverse || dim !== null,
      counts: return_counts || dim !== null,
    })),
    // Along dim -1 torch 2.13 records all sizes once more after those of the result, and as many counts as there are slices.
    corrects: ([values, inverse, counts], { self, dim }) => {
      const rank = self.shape.length;
      if (dim !== -1 || rank === 0 || values.shape.length !== 2 * rank) return null;
      const shape = values.shape.slice(0, rank);
      return [{ dtype: values.dtype, shape }, inverse, { dtype: counts.dtype, shape: shape.slice(-1) }];
    },
  },
);

/** Slices along a dim that differ from the ones before them. */
export const uniqueDimConsecutive = defineOp(
  "aten::unique_dim_consecutive(Tensor self, int dim, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)",
  unique<Returns & Dimension>(({ self, dim }) => ({ self, dim, consecutive: true, inverse: true, counts: true })),
);
