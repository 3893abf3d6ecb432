/** Rows of a table by index, alone or summed up in bags. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, sub } from "../sym/mod.ts";
import { elementCount, type Meta, newData, Tensor } from "../tensor/mod.ts";
import { convert } from "../tensor/loops.ts";
import { constantOf } from "./normalize.ts";
import { defineOp } from "./op.ts";
import { refuse, requireFloat, requireRank, requireShape } from "./rules.ts";
import { steps } from "./spatial.ts";

/** The indices as numbers. @throws {RangeError} for one outside of the table */
function rowsOf(indices: Tensor, count: number): number[] {
  return indices.toArray().map((i) => {
    const row = Number(i);
    if (row < 0 || row >= count) throw new RangeError(`Index ${row} is out of range for a table of ${count} rows`);
    return row;
  });
}

/**
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.embedding.html: `padding_idx`, `scale_grad_by_freq` and
 * `sparse` only concern gradients.
 */
export const embedding = defineOp(
  "aten::embedding(Tensor weight, Tensor indices, SymInt padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor",
  {
    meta: (_, { weight, indices }) => {
      requireRank("weight", weight, 2);
      return { dtype: weight.dtype, shape: [...indices.shape, weight.shape[1]] };
    },
    kernel: ({ weight, indices }) => {
      const [count, size] = weight.shape;
      const data = weight.data();
      const out = newData(weight.dtype, indices.numel * size);
      const table = data as Float32Array;
      for (const [i, row] of rowsOf(indices, count).entries()) {
        (out as Float32Array).set(table.subarray(row * size, (row + 1) * size), i * size);
      }
      return Tensor.of(weight.dtype, [...indices.shape, size], out);
    },
    onnx: (b, { weight, indices }) => b.op("Gather", [weight, indices], { axis: 0 }),
  },
);

interface BagArgs<T> {
  readonly weight: T;
  readonly indices: T;
  readonly offsets: T;
  /** 0 is the sum, 1 the mean, 2 the maximum. */
  readonly mode: number;
  readonly per_sample_weights: T | null;
  readonly include_last_offset: boolean;
  readonly padding_idx: number | null;
}

/** Results after the first are bookkeeping for gradients: bag of each index, sizes of the bags, rows of the maxima. */
function bagMeta(args: BagArgs<Meta>): [Meta, Meta, Meta, Meta] {
  const { weight, indices, offsets, mode, per_sample_weights } = args;
  requireRank("weight", weight, 2);
  requireRank("indices", indices, 1, 2);
  requireRank("offsets", offsets, 1);
  requireShape("per_sample_weights", per_sample_weights, indices.shape);
  requireFloat(weight.dtype, "The weight of an embedding bag");
  if (mode < 0 || mode > 2) refuse("mode", mode, "it must be 0 (sum), 1 (mean) or 2 (max)");
  const { dtype } = offsets;
  const bags = args.include_last_offset ? sub(offsets.shape[0], 1) : offsets.shape[0];
  return [
    { dtype: weight.dtype, shape: [bags, weight.shape[1]] },
    { dtype, shape: [isUntracked(args, weight.dtype) ? 0 : indices.shape[0]] },
    { dtype, shape: [offsets.shape[0]] },
    { dtype, shape: mode === 2 ? [bags, weight.shape[1]] : [bags] },
  ];
}

/** PyTorch's fast sums keep no record of which bag an index belongs to. */
function isUntracked({ mode, padding_idx }: BagArgs<unknown>, dtype: string): boolean {
  return mode === 0 && padding_idx === null && dtype !== "float64";
}

/** A negative index counts from the end of the table. */
function paddingRow(padding: number | null, rows: Dim): number | null {
  if (padding === null || padding >= 0) return padding;
  if (typeof rows !== "number") refuse("padding_idx", padding, "the table's size must be a constant");
  return padding + rows;
}

function bagKernel(args: BagArgs<Tensor>): [Tensor, Tensor, Tensor, Tensor] {
  const { weight, indices, offsets, mode, per_sample_weights } = args;
  const metas = bagMeta(args);
  const [count, size] = weight.shape;
  const rows = rowsOf(indices, count);
  const starts = offsets.toArray().map(Number);
  const padding = paddingRow(args.padding_idx, count);
  const bags = metas[0].shape[0] as number;
  const data = convert(weight, "float64").data() as Float64Array;
  const scale = per_sample_weights && convert(per_sample_weights, "float64").data() as Float64Array;
  const out = new Float64Array(bags * size);
  const owners: number[] = rows.map((_, i) => starts.filter((s) => s <= i).length - 1);
  const sizes = starts.map(() => 0);
  const best = new Array<number>(bags * size).fill(0);
  for (const [i, row] of rows.entries()) {
    const bag = owners[i];
    if (bag >= bags || row === padding) continue;
    const isFirst = sizes[bag]++ === 0;
    for (let d = 0; d < size; d++) {
      const value = data[row * size + d];
      const at = bag * size + d;
      if (mode !== 2) out[at] += value * (scale ? scale[i] : 1);
      else if (isFirst || value > out[at]) {
        out[at] = value;
        best[at] = row;
      }
    }
  }
  if (mode === 1) out.forEach((_, at) => out[at] /= Math.max(sizes[Math.floor(at / size)], 1));
  const ints = (meta: Meta, values: readonly number[]): Tensor =>
    convert(Tensor.of("int64", meta.shape as number[], BigInt64Array.from(values, BigInt)), meta.dtype);
  const kept = mode === 0 ? sizes.map(() => 0) : sizes;
  return [
    convert(Tensor.of("float64", [bags, size], out), weight.dtype),
    ints(metas[1], owners.slice(0, elementCount(metas[1].shape as number[]))),
    ints(metas[2], kept),
    ints(metas[3], mode === 2 ? best : kept.slice(0, bags)),
  ];
}

function bagNodes(b: OnnxBuilder, args: BagArgs<OnnxValue>): [OnnxValue, OnnxValue, OnnxValue, OnnxValue] {
  const { weight, indices, mode, per_sample_weights } = args;
  const table = b.meta(weight);
  const metas = bagMeta({
    ...args,
    weight: table,
    indices: b.meta(indices),
    offsets: b.meta(args.offsets),
    per_sample_weights: null,
  });
  const wide = table.dtype === "float64" ? "float64" : "float32";
  const [length] = b.meta(indices).shape;
  const [bags, size] = metas[0].shape;
  const offsets = b.cast(args.offsets, "int64");
  const position = steps(b, length);
  // An index belongs to the last bag that starts at or before it.
  const isStarted = b.op("GreaterOrEqual", [position, b.unsqueeze(offsets, 1)]);
  const owner = b.op("Sub", [
    b.op("ReduceSum", [b.cast(isStarted, "int64"), b.ints([0])], { keepdims: 0 }),
    b.scalar(1n, "int64"),
  ]);
  let isKept = args.include_last_offset ? b.op("Less", [owner, b.dim(bags)]) : null;
  const padding = paddingRow(args.padding_idx, table.shape[0]);
  if (padding !== null) {
    const isRow = b.op("Not", [b.op("Equal", [b.cast(indices, "int64"), b.scalar(BigInt(padding), "int64")])]);
    isKept = isKept ? b.op("And", [isKept, isRow]) : isRow;
  }
  const at = args.include_last_offset ? b.op("Min", [owner, b.dim(sub(bags, 1))]) : owner;
  const place = b.unsqueeze(at, 1);
  const gathered = b.cast(b.op("Gather", [weight, indices], { axis: 0 }), wide);
  const ones = constantOf(b, 1, [length], "float32");
  const zero = b.scalar(0, "float32");
  // Counted in floats, which runtimes scatter.
  const counts = b.op("ScatterND", [
    constantOf(b, 0, [bags], "float32"),
    place,
    isKept ? b.op("Where", [isKept, ones, zero]) : ones,
  ], { reduction: "add" });
  const rows = per_sample_weights
    ? b.op("Mul", [gathered, b.unsqueeze(b.cast(per_sample_weights, wide), 1)])
    : gathered;
  const neutral = mode === 2 ? -Infinity : 0;
  const kept = isKept ? b.op("Where", [b.unsqueeze(isKept, 1), rows, b.scalar(neutral, wide)]) : rows;
  const start = constantOf(b, neutral, [bags, size], wide);
  let y = b.op("ScatterND", [start, place, kept], { reduction: mode === 2 ? "max" : "add" });
  const isEmpty = b.unsqueeze(b.op("Equal", [counts, zero]), 1);
  if (mode === 1) y = b.op("Div", [y, b.unsqueeze(b.cast(b.op("Max", [counts, b.scalar(1, "float32")]), wide), 1)]);
  if (mode === 2) y = b.op("Where", [isEmpty, b.scalar(0, wide), y]);
  const { dtype } = metas[1];
  const sizes = mode === 0 ? constantOf(b, 0, metas[2].shape, dtype) : b.cast(counts, dtype);
  const all = args.include_last_offset && mode !== 0
    ? b.op("Concat", [sizes, constantOf(b, 0, [1], dtype)], { axis: 0 })
    : sizes;
  return [
    b.cast(y, table.dtype),
    isUntracked(args, table.dtype) ? constantOf(b, 0, [0], dtype) : b.cast(owner, dtype),
    all,
    mode === 2
      ? maximaRows(b, { y, gathered, at, indices, isKept, isEmpty }, dtype)
      : mode === 0
      ? constantOf(b, 0, [bags], dtype)
      : sizes,
  ];
}

/** The row of the table that each maximum comes from: the first in its bag that has that value. */
function maximaRows(
  b: OnnxBuilder,
  found: {
    readonly y: OnnxValue;
    readonly gathered: OnnxValue;
    readonly at: OnnxValue;
    readonly indices: OnnxValue;
    readonly isKept: OnnxValue | null;
    readonly isEmpty: OnnxValue;
  },
  dtype: Meta["dtype"],
): OnnxValue {
  const { y, gathered, at, indices, isKept, isEmpty } = found;
  const [bags] = b.meta(y).shape;
  const isHere = b.op("Equal", [b.unsqueeze(steps(b, bags), 1), at]);
  const inBag = isKept ? b.op("And", [isHere, isKept]) : isHere;
  const isTop = b.op("And", [b.op("Equal", [gathered, b.unsqueeze(y, 1)]), b.unsqueeze(inBag, 2)]);
  const first = b.op("ArgMax", [b.cast(isTop, "int32")], { axis: 1, keepdims: 0 });
  const rows = b.cast(b.op("Gather", [indices, first], { axis: 0 }), dtype);
  return b.op("Where", [isEmpty, constantOf(b, 0, [1], dtype), rows]);
}

/**
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.embedding_bag.html: `scale_grad_by_freq` and `sparse`
 * only concern gradients.
 */
export const embeddingBagPadding = defineOp(
  "aten::embedding_bag.padding_idx(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq, int mode, bool sparse, Tensor? per_sample_weights, bool include_last_offset, int? padding_idx) -> (Tensor, Tensor, Tensor, Tensor)",
  {
    meta: (_, args) => bagMeta(args),
    kernel: (args) => bagKernel(args),
    onnx: (b, args) => bagNodes(b, args),
  },
);

/** Without padding. */
export const embeddingBag = defineOp(
  "aten::embedding_bag(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0, bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False) -> (Tensor, Tensor, Tensor, Tensor)",
  {
    meta: (_, args) => bagMeta({ ...args, padding_idx: null }),
    kernel: (args) => bagKernel({ ...args, padding_idx: null }),
    onnx: (b, args) => bagNodes(b, { ...args, padding_idx: null }),
  },
);

/** What both decompose to; a negative `padding_idx` means none. */
export const _embeddingBag = defineOp(
  "aten::_embedding_bag(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0, bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False, int padding_idx=-1) -> (Tensor, Tensor, Tensor, Tensor)",
  {
    meta: (_, args) => bagMeta({ ...args, padding_idx: args.padding_idx < 0 ? null : args.padding_idx }),
    kernel: (args) => bagKernel({ ...args, padding_idx: args.padding_idx < 0 ? null : args.padding_idx }),
    onnx: (b, args) => bagNodes(b, { ...args, padding_idx: args.padding_idx < 0 ? null : args.padding_idx }),
  },
);

/** `_embedding_bag` without what only gradients need. */
export const embeddingBagForwardOnly = defineOp(
  "aten::_embedding_bag_forward_only(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0, bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False, int padding_idx=-1) -> (Tensor, Tensor, Tensor, Tensor)",
  {
    meta: (_, args) => bagMeta({ ...args, padding_idx: args.padding_idx < 0 ? null : args.padding_idx }),
    kernel: (args) => bagKernel({ ...args, padding_idx: args.padding_idx < 0 ? null : args.padding_idx }),
    onnx: (b, args) => bagNodes(b, { ...args, padding_idx: args.padding_idx < 0 ? null : args.padding_idx }),
  },
);
