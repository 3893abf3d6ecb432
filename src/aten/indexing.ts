/** `x[indices]` and `x[indices] = values` with index tensors and masks. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, eq, mul, prod } from "../sym/mod.ts";
import { type Data, elementCount, isBigData, isComplex, itemsize, type Meta, Storage, Tensor } from "../tensor/mod.ts";
import { expandTo, indices as allIndices, store } from "../tensor/loops.ts";
import { choose, emit, NUMBERS } from "./emit.ts";
import { onnxExpand } from "./expand.ts";
import {
  indexedShape,
  type IndexLayout,
  indexShape,
  isMask,
  layoutOf,
  maskIndices,
  type Slots,
  slotsOf,
} from "./index_layout.ts";
import { onnxAccumulate, onnxNonZero, onnxRepeat, onnxScatterRows } from "./move.ts";
import { defineOp, type MetaContext } from "./op.ts";
import { broadcastInto, PARTS } from "./rules.ts";
import { invertOrder, shaped } from "./shapes.ts";

interface IndexArgs<T> {
  readonly self: T;
  readonly indices: readonly (T | null)[];
}

/** Index tensors of one shape, as lists of plain offsets. */
interface Concrete {
  readonly layout: IndexLayout;
  readonly shape: readonly number[];
  readonly offsets: readonly (readonly number[])[];
}

function concrete(self: Tensor, indices: readonly (Tensor | null)[]): Concrete {
  const slots = slotsOf(self.shape, indices, (x) => x, maskIndices);
  const layout = layoutOf(slots);
  const shape = indexShape(slots) as number[];
  const offsets = layout.dims.map((d) => {
    const size = self.shape[d];
    return Array.from(expandTo(slots[d]!, shape).data() as ArrayLike<number | bigint>, (given) => {
      const i = Number(given);
      if (i < -size || i >= size) throw new RangeError(`Index ${i} is out of range for dimension ${d} of size ${size}`);
      return i < 0 ? i + size : i;
    });
  });
  return { layout, shape, offsets };
}

/** Calls `visit` with the position of each element of the result and of the element of `self` it stands for. */
function eachIndexed(
  self: Tensor,
  { layout, shape, offsets }: Concrete,
  visit: (to: number, from: number) => void,
): void {
  const strides = self.contiguous().strides;
  const { dims, rest, lead } = layout;
  const inner = shape.length;
  let to = 0;
  for (const index of allIndices(indexedShape(self.shape, layout, shape) as number[])) {
    let at = 0, from = 0;
    for (let k = 0; k < inner; k++) at = at * shape[k] + index[lead + k];
    for (let k = 0; k < dims.length; k++) from += offsets[k][at] * strides[dims[k]];
    for (let k = 0; k < rest.length; k++) from += index[k < lead ? k : k + inner] * strides[rest[k]];
    visit(to++, from);
  }
}

/** The slots of graph values; a mask's indices come from one NonZero. */
function onnxSlots(b: OnnxBuilder, self: OnnxValue, indices: readonly (OnnxValue | null)[]): Slots<OnnxValue> {
  const slots = slotsOf(b.meta(self).shape, indices, (x) => b.meta(x), (mask) => {
    const found = onnxNonZero(b, mask);
    const rank = b.meta(mask).shape.length;
    if (rank === 1) return [b.squeeze(found, 0)];
    return Array.from({ length: rank }, (_, d) => b.op("Gather", [found, b.dim(d)], { axis: 0 }));
  });
  return slots.map((slot) => slot && b.cast(slot, "int64"));
}

/** The only index, if it is a mask. */
function onlyMask(b: OnnxBuilder, indices: readonly (OnnxValue | null)[]): { mask: OnnxValue; dim: number } | null {
  const given = indices.filter((index) => index !== null);
  if (given.length !== 1 || !isMask(b.meta(given[0]).dtype) || b.meta(given[0]).shape.length === 0) return null;
  return { mask: b.cast(given[0], "bool"), dim: indices.indexOf(given[0]) };
}

/** Compress keeps the rows of a dim; the dims of a mask become one first. */
function onnxCompress(b: OnnxBuilder, self: OnnxValue, mask: OnnxValue, dim: number): OnnxValue {
  const { shape } = b.meta(self);
  const rank = b.meta(mask).shape.length;
  if (rank === 1) return onnxRepeat(b, "Compress", self, mask, { axis: dim });
  const flatMask = b.reshape(mask, [prod(b.meta(mask).shape)]);
  // Without an axis, Compress flattens by itself.
  if (rank === shape.length) return onnxRepeat(b, "Compress", self, flatMask);
  const flat = b.reshape(self, [
    ...shape.slice(0, dim),
    prod(shape.slice(dim, dim + rank)),
    ...shape.slice(dim + rank),
  ]);
  return onnxRepeat(b, "Compress", flat, flatMask, { axis: dim });
}

/** Coordinates of one shape side by side, as GatherND and ScatterND take them: `int64[…, number of dims]`. */
function onnxCoordinates(b: OnnxBuilder, indices: readonly OnnxValue[], shape: readonly Dim[]): OnnxValue {
  const columns = indices.map((index) => b.unsqueeze(onnxExpand(b, index, shape), shape.length));
  return columns.length === 1 ? columns[0] : b.op("Concat", columns, { axis: shape.length });
}

/** Several indices into neighbouring dims as one index into their product. The first may be negative, the others not. */
function onnxMerged(
  b: OnnxBuilder,
  self: OnnxValue,
  dims: readonly number[],
  indices: readonly OnnxValue[],
): OnnxValue {
  const { shape } = b.meta(self);
  const sizes = dims.map((d) => shape[d]);
  const at = indices.slice(1).reduce((sum, index, i) => {
    const size = b.dim(sizes[i + 1]);
    return b.op("Add", [b.op("Mul", [sum, size]), b.op("Mod", [index, size])]);
  }, indices[0]);
  const last = dims[dims.length - 1];
  const merged = b.reshape(self, [...shape.slice(0, dims[0]), sizes.reduce(mul), ...shape.slice(last + 1)]);
  return b.op("Gather", [merged, at], { axis: dims[0] });
}

/** The indices of a mask's true elements, one list per dim. */
function foundIn(ctx: MetaContext, mask: Meta): Meta[] {
  const found: Meta = { dtype: "int64", shape: [ctx.freshSymbol("nonzero")] };
  return mask.shape.map(() => found);
}

const reading = {
  meta(ctx: MetaContext, { self, indices }: IndexArgs<Meta>): Meta {
    const slots = slotsOf(self.shape, indices, (x) => x, (mask) => foundIn(ctx, mask));
    return shaped(self, indexedShape(self.shape, layoutOf(slots), indexShape(slots)));
  },
  kernel({ self, indices }: IndexArgs<Tensor>): Tensor {
    const where = concrete(self, indices);
    const shape = indexedShape(self.shape, where.layout, where.shape) as number[];
    const size = itemsize(self.dtype);
    const bytes = self.bytes();
    const out = new Uint8Array(elementCount(shape) * size);
    eachIndexed(self, where, (to, from) => out.set(bytes.subarray(from * size, (from + 1) * size), to * size));
    return new Tensor(self.dtype, shape, Storage.of(out));
  },
  complex: PARTS,
  onnx(b: OnnxBuilder, { self, indices }: IndexArgs<OnnxValue>): OnnxValue {
    const only = onlyMask(b, indices);
    if (only) {
      slotsOf(b.meta(self).shape, indices, (x) => b.meta(x), (mask) => b.meta(mask).shape.map(() => mask));
      return onnxCompress(b, self, only.mask, only.dim);
    }
    const slots = onnxSlots(b, self, indices);
    const { dims, rest, lead } = layoutOf(slots);
    const given = dims.map((d) => slots[d]!);
    if (dims.length === 0) return self;
    if (dims.length === 1) return b.op("Gather", [self, given[0]], { axis: dims[0] });
    const shape = indexShape(slots.map((slot) => slot && b.meta(slot)));
    const isTogether = dims[dims.length - 1] - dims[0] + 1 === dims.length;
    const isAlike = given.every((index) => sameShape(b.meta(index).shape, shape));
    if (isTogether && (dims[0] > 0 || !isAlike) && !b.meta(self).shape.includes(0)) {
      return onnxMerged(b, self, dims, given);
    }
    const turned = b.transpose(self, [...dims, ...rest]);
    const gathered = b.op("GatherND", [turned, onnxCoordinates(b, given, shape)]);
    return b.transpose(gathered, fromFront(shape.length, rest.length, lead));
  },
};

function sameShape(a: readonly Dim[], b: readonly Dim[]): boolean {
  return a.length === b.length && a.every((d, i) => eq(d, b[i]) === true);
}

/** The order that puts `lead` of the other dims before the `inner` dims of the indices, which stand in front. */
function fromFront(inner: number, others: number, lead: number): number[] {
  const dims = Array.from({ length: inner + others }, (_, d) => d);
  return [...dims.slice(inner, inner + lead), ...dims.slice(0, inner), ...dims.slice(inner + lead)];
}

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.index_select.html is the case of one index. */
export const index = defineOp("aten::index.Tensor(Tensor self, Tensor?[] indices) -> Tensor", reading);

/** Indexing whose indices are known to be in range. */
export const unsafeIndex = defineOp("aten::_unsafe_index.Tensor(Tensor self, Tensor?[] indices) -> Tensor", reading);

interface PutArgs<T> extends IndexArgs<T> {
  readonly values: T;
  readonly accumulate: boolean;
}

/** The sum of two elements as the dtype has it: for bool, or. */
export function accumulated(out: Data, i: number, value: number | bigint, isBool: boolean): void {
  if (isBool) out[i] = Number(out[i]) | Number(value);
  else if (isBigData(out)) out[i] = out[i] + (value as bigint);
  else store(out, i, Number(out[i]) + Number(value));
}

const writing = {
  meta(ctx: MetaContext, { self, indices, values }: PutArgs<Meta>): Meta {
    requireSameDType(self, values);
    const slots = slotsOf(self.shape, indices, (x) => x, (mask) => foundIn(ctx, mask));
    const layout = layoutOf(slots);
    requireIndices(layout.dims);
    broadcastInto("values", values.shape, indexedShape(self.shape, layout, indexShape(slots)));
    return shaped(self, self.shape);
  },
  kernel({ self, indices, values, accumulate }: PutArgs<Tensor>): Tensor {
    requireSameDType(self, values);
    const where = concrete(self, indices);
    requireIndices(where.layout.dims);
    const shape = indexedShape(self.shape, where.layout, where.shape) as number[];
    const source = expandTo(values, shape).data();
    const out = self.data().slice();
    const parts = isComplex(self.dtype) ? 2 : 1;
    eachIndexed(self, where, (to, from) => {
      for (let k = 0; k < parts; k++) {
        const value = source[to * parts + k];
        if (accumulate) accumulated(out, from * parts + k, value, self.dtype === "bool");
        else out[from * parts + k] = value;
      }
    });
    return Tensor.of(self.dtype, self.shape, out);
  },
  complex: PARTS,
  onnx(b: OnnxBuilder, { self, indices, values, accumulate }: PutArgs<OnnxValue>): OnnxValue {
    requireSameDType(b.meta(self), b.meta(values));
    const masked = onnxMaskedPut(b, { self, indices, values, accumulate });
    if (masked) return masked;
    const slots = onnxSlots(b, self, indices);
    const { dims, rest, lead } = layoutOf(slots);
    requireIndices(dims);
    const { shape } = b.meta(self);
    const given = dims.map((d) => slots[d]!);
    const inner = indexShape(slots.map((slot) => slot && b.meta(slot)));
    const source = onnxExpand(b, values, indexedShape(shape, { dims, rest, lead }, inner));
    const reduction = accumulate ? "add" : "none";
    return onnxAccumulate(b, accumulate, [self, source], (base, updates) => {
      if (dims.length === 1 && inner.length === 1 && dims[0] > 0) {
        return onnxScatterRows(b, base, dims[0], given[0], updates, reduction);
      }
      const order = [...dims, ...rest];
      const inFront = b.transpose(updates, invertOrder(fromFront(inner.length, rest.length, lead)));
      const coordinates = onnxCoordinates(b, given, inner);
      const result = b.op(
        "ScatterND",
        [b.transpose(base, order), coordinates, inFront],
        accumulate ? { reduction } : {},
      );
      return b.transpose(result, invertOrder(order));
    });
  },
};

function requireIndices(dims: readonly number[]): void {
  if (dims.length === 0) throw new RangeError("index_put takes at least one index");
}

function requireSameDType(self: Meta, values: Meta): void {
  if (self.dtype !== values.dtype) {
    throw new TypeError(`index_put takes values of the dtype of the tensor, ${self.dtype}, met ${values.dtype}`);
  }
}

/**
 * A mask whose values do not differ from one chosen element to the next is a choice: no coordinates are needed. Null
 * where that is not known.
 */
function onnxMaskedPut(b: OnnxBuilder, { self, indices, values, accumulate }: PutArgs<OnnxValue>): OnnxValue | null {
  const only = onlyMask(b, indices);
  if (!only) return null;
  const { mask, dim } = only;
  const rank = b.meta(self).shape.length;
  const maskRank = b.meta(mask).shape.length;
  const after = rank - dim - maskRank;
  const given = b.meta(values).shape;
  // The result of reading would be [before…, chosen, after…]; values broadcast to that.
  const chosen = given.length - 1 - after;
  if (chosen >= 0 && given[chosen] !== 1) return null;
  const wide = Array.from({ length: maskRank - 1 }, (_, i) => chosen + 1 + i);
  const source = chosen >= 0 ? b.unsqueeze(values, ...wide) : values;
  const condition = b.unsqueeze(mask, ...Array.from({ length: after }, (_, i) => maskRank + i));
  if (!accumulate) return choose(b, condition, source, self);
  return onnxAccumulate(b, true, [self, source], (x, y) => choose(b, condition, emit(b, NUMBERS, "Add", [x, y]), x));
}

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.index_put_.html */
export const indexPut = defineOp(
  "aten::index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor",
  writing,
);

/** Writing whose indices are known to be in range. */
export const unsafeIndexPut = defineOp(
  "aten::_unsafe_index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor",
  writing,
);

/** The form that `index_put_` is captured as in older programs. */
export const indexPutImpl = defineOp(
  "aten::_index_put_impl(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False, bool unsafe=False) -> Tensor",
  writing,
);
