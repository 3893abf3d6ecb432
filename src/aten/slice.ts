/** Parts of a dim: select, slice, narrow, and their inverses, which write a part back into the whole. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import { ComplexValue } from "../onnx/complex.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { add, type Dim, eq, ge, isSym, le, mul, neg, sub } from "../sym/mod.ts";
import { elementOffsets, type Meta, normalizeDim, Storage, Tensor } from "../tensor/mod.ts";
import { convert } from "../tensor/loops.ts";
import { defineOp, type MetaContext } from "./op.ts";
import { PARTS, partsAnd, requireRank, requireShape } from "./rules.ts";
import { type Bound, plainIndex, selectView, shaped, slicedDim, sliceView, withSize } from "./shapes.ts";
import { choose } from "./emit.ts";
import { onnxScatterRows } from "./move.ts";

function axisOf(dim: number, shape: readonly Dim[], what: string): number {
  if (shape.length === 0) throw new RangeError(`${what} needs a tensor of at least one dimension`);
  return normalizeDim(dim, shape.length);
}

/** The kernel of an operator that writes `src`, in the dtype of `self`, where `region` of a copy of `self` lies. */
export function written(self: Tensor, src: Tensor, region: (copy: Tensor) => Tensor): Tensor {
  const bytes = self.bytes().slice();
  const target = region(self.contiguous());
  if (target.shape.join() !== src.shape.join()) {
    throw new RangeError(`Cannot write [${src.shape.join(", ")}] to a part of shape [${target.shape.join(", ")}]`);
  }
  const from = convert(src, self.dtype).bytes();
  const size = self.numel === 0 ? 1 : bytes.length / self.numel;
  let at = 0;
  for (const offset of elementOffsets(target)) {
    for (let k = 0; k < size; k++) bytes[offset * size + k] = from[at++];
  }
  return new Tensor(self.dtype, self.shape, Storage.of(bytes));
}

/** Applies a function of dims counted from the front, also to a complex value. */
function onLeading(self: OnnxValue, fn: (x: OnnxValue) => OnnxValue): OnnxValue {
  return self instanceof ComplexValue ? self.map(fn) : fn(self);
}

interface SelectArgs<T> {
  readonly self: T;
  readonly dim: number;
  readonly index: Dim;
}

const selecting = {
  meta({ ranges }: MetaContext, { self, dim, index }: SelectArgs<Meta>): Meta {
    const d = axisOf(dim, self.shape, "select");
    plainIndex(index, self.shape[d], ranges);
    return shaped(self, self.shape.filter((_, i) => i !== d));
  },
  kernel({ self, dim, index }: SelectArgs<Tensor>): Tensor {
    const d = axisOf(dim, self.shape, "select");
    return selectView(self, d, plainIndex(index, self.shape[d]) as number);
  },
  complex: "native" as const,
  onnx(b: OnnxBuilder, { self, dim, index }: SelectArgs<OnnxValue>): OnnxValue {
    const { shape } = b.meta(self);
    const d = axisOf(dim, shape, "select");
    plainIndex(index, shape[d]);
    // Gather counts negative indices from the end, as PyTorch does.
    return onLeading(self, (x) => b.op("Gather", [x, b.dim(index)], { axis: d }));
  },
};

/** https://docs.pytorch.org/docs/stable/generated/torch.select.html */
export const select = defineOp("aten::select.int(Tensor(a) self, int dim, SymInt index) -> Tensor(a)", {
  ...selecting,
  inverse: (t, { self, dim, index }, updated) => t.call(selectScatter, self, updated, dim, index),
  strides: ({ strides }, { dim }) => strides.toSpliced(normalizeDim(dim, strides.length), 1),
});

/** A copy of one element of a dim. */
export const selectCopy = defineOp("aten::select_copy.int(Tensor self, int dim, SymInt index) -> Tensor", selecting);

/** https://docs.pytorch.org/docs/stable/generated/torch.select_scatter.html */
export const selectScatter = defineOp(
  "aten::select_scatter(Tensor self, Tensor src, int dim, SymInt index) -> Tensor",
  {
    meta: (_, { self, src, dim, index }) => {
      const d = axisOf(dim, self.shape, "select_scatter");
      plainIndex(index, self.shape[d]);
      requireShape("src", src, self.shape.toSpliced(d, 1));
      return shaped(self, self.shape);
    },
    kernel: ({ self, src, dim, index }) => {
      const d = axisOf(dim, self.shape, "select_scatter");
      return written(self, src, (x) => selectView(x, d, plainIndex(index, self.shape[d]) as number));
    },
    complex: partsAnd("src"),
    onnx: (b, { self, src: given, dim, index }) => {
      const { dtype, shape } = b.meta(self);
      const src = b.cast(given, dtype);
      const d = axisOf(dim, shape, "select_scatter");
      // One index into the first dim: its updates are the rest of the shape.
      if (d === 0) return b.op("ScatterND", [self, b.ints([index]), src]);
      const [size, part] = [shape[d], b.unsqueeze(src, d)];
      if (!isSym(size) && !isSym(index)) {
        const at = plainIndex(index, size);
        const mask = Array.from({ length: size }, (_, i) => i === at ? 1 : 0);
        const ones = new Array<number>(shape.length - d - 1).fill(1);
        return choose(b, b.constant(Tensor.of("bool", [size, ...ones], mask)), part, self);
      }
      // Scatters count negative indices from the end.
      if (isSym(index)) return onnxScatterRows(b, self, d, b.ints([index]), part);
      // The parts before and behind; a constant index counts from either end without the size.
      const pieces = [
        index === 0 ? null : onnxSlice(b, self, d, 0, index),
        part,
        index === -1 ? null : onnxSlice(b, self, d, index + 1, null),
      ];
      const result = b.op("Concat", pieces.filter((piece) => piece !== null), { axis: d });
      result.meta = shaped(b.meta(self), shape);
      return result;
    },
  },
);

const INT64_MAX = 2n ** 63n - 1n;

/** A bound of Slice; those beyond the safe integers mean the end (or the start) of the dim. */
function onnxBound(b: OnnxBuilder, bound: Exclude<Bound, null>): OnnxValue {
  if (typeof bound !== "bigint") return b.ints([bound]);
  return b.constant(Tensor.of("int64", [1], [bound > 0n ? INT64_MAX : -INT64_MAX]));
}

/** One Slice node; its bounds mean what PyTorch's do. The tensor itself when the slice is all of it. */
export function onnxSlice(
  b: OnnxBuilder,
  self: OnnxValue,
  d: number,
  start: Bound,
  end: Bound,
  step: Dim = 1,
): OnnxValue {
  const size = b.meta(self).shape[d];
  const isToEnd = end === null || (typeof end === "bigint" ? end > 0n : ge(end, size) === true);
  if ((start === null || start === 0) && isToEnd && step === 1) return self;
  return b.op("Slice", [
    self,
    onnxBound(b, start ?? 0),
    onnxBound(b, isToEnd ? INT64_MAX : end),
    b.ints([d]),
    step === 1 ? null : b.ints([step]),
  ]);
}

interface SliceArgs<T> {
  readonly self: T;
  readonly dim: number;
  readonly start: Bound;
  readonly end: Bound;
  readonly step: Dim;
}

const slicing = {
  meta({ ranges }: MetaContext, { self, dim, start, end, step }: SliceArgs<Meta>): Meta {
    const d = axisOf(dim, self.shape, "slice");
    return shaped(self, withSize(self.shape, d, slicedDim(self.shape[d], start, end, step, ranges).length));
  },
  kernel({ self, dim, start, end, step }: SliceArgs<Tensor>): Tensor {
    const d = axisOf(dim, self.shape, "slice");
    const part = slicedDim(self.shape[d], start, end, step);
    return sliceView(self, d, part.start as number, part.length as number, step as number);
  },
  complex: "native" as const,
  onnx(b: OnnxBuilder, { self, dim, start, end, step }: SliceArgs<OnnxValue>): OnnxValue {
    const { shape } = b.meta(self);
    const d = axisOf(dim, shape, "slice");
    slicedDim(shape[d], start, end, step);
    return onLeading(self, (x) => onnxSlice(b, x, d, start, end, step));
  },
};

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.narrow.html is the same without a step. */
export const slice = defineOp(
  "aten::slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)",
  {
    ...slicing,
    inverse: (t, { self, dim, start, end, step }, updated) =>
      t.call(sliceScatter, self, updated, dim, start, end, step),
    strides: ({ strides }, { dim, step }) =>
      strides.map((stride, d) => d === normalizeDim(dim, strides.length) ? mul(stride, step) : stride),
  },
);

/** A copy of a part of a dim. */
export const sliceCopy = defineOp(
  "aten::slice_copy.Tensor(Tensor self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor",
  slicing,
);

/** https://docs.pytorch.org/docs/stable/generated/torch.slice_scatter.html */
export const sliceScatter = defineOp(
  "aten::slice_scatter(Tensor self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor",
  {
    meta: (_, { self, src, dim, start, end, step }) => {
      const d = axisOf(dim, self.shape, "slice_scatter");
      if (!isSym(step)) requireShape("src", src, self.shape.with(d, slicedDim(self.shape[d], start, end, step).length));
      return shaped(self, self.shape);
    },
    kernel: ({ self, src, dim, start, end, step }) => {
      const d = axisOf(dim, self.shape, "slice_scatter");
      const part = slicedDim(self.shape[d], start, end, step);
      return written(self, src, (x) => sliceView(x, d, part.start as number, part.length as number, step as number));
    },
    complex: partsAnd("src"),
    onnx: (b, { self, src: given, dim, start, end, step }) => {
      const { dtype, shape } = b.meta(self);
      const src = b.cast(given, dtype);
      const d = axisOf(dim, shape, "slice_scatter");
      const part = slicedDim(shape[d], start, end, step);
      const taken = b.meta(src).shape[d];
      // A start beyond the end takes nothing, so that it need not be clamped where something is taken.
      const first = start === null ? 0 : typeof start !== "bigint" && ge(start, 0) === true ? start : part.start;
      if (step !== 1) return onnxScatterRows(b, self, d, onnxRange(b, first, taken, step), src);
      if (eq(part.length, shape[d]) === true) return src;
      // Slice clamps by itself; only bounds that may cross need the place where what was written ends.
      const pieces = [
        part.start === 0 ? null : onnxSlice(b, self, d, 0, start ?? 0),
        src,
        eq(part.end, shape[d]) === true
          ? null
          : onnxSlice(b, self, d, isOrdered(start, end) ? end : add(first, taken), null),
      ];
      const result = b.op("Concat", pieces.filter((piece) => piece !== null), { axis: d });
      result.meta = shaped(b.meta(self), shape);
      return result;
    },
  },
);

/** Whether the start of a slice never lies behind its end, whatever the size. */
function isOrdered(start: Bound, end: Bound): boolean {
  const from = start ?? 0;
  if (end === null || typeof end === "bigint" || typeof from === "bigint") return false;
  const isAlike = ge(from, 0) === ge(end, 0) && ge(from, 0) !== undefined;
  return from === 0 || (isAlike && le(from, end) === true);
}

/** `count` indices, `step` apart. */
function onnxRange(b: OnnxBuilder, first: Dim, count: Dim, step: Dim): OnnxValue {
  if (!isSym(first) && !isSym(count) && !isSym(step)) {
    return b.ints(Array.from({ length: count }, (_, i) => first + i * step));
  }
  return b.op("Range", [b.dim(first), b.dim(add(first, mul(count, step))), b.dim(step)]);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.narrow.html */
export const narrow = defineOp(
  "aten::narrow(Tensor(a) self, int dim, SymInt start, SymInt length) -> Tensor(a)",
  {
    decompose: (t, { self, dim, start, length }) => {
      const [from, to] = narrowed(t.meta(self).shape, dim, start, length);
      return t.call(slice, self, dim, from, to);
    },
    inverse: (t, { self, dim, start, length }, updated) => {
      const [from, to] = narrowed(t.meta(self).shape, dim, start, length);
      return t.call(sliceScatter, self, updated, dim, from, to);
    },
    strides: ({ strides }) => strides,
  },
);

/** The part starts where a tensor says. */
export const narrowTensor = defineOp(
  "aten::narrow.Tensor(Tensor(a) self, int dim, Tensor start, SymInt length) -> Tensor(a)",
  {
    meta: (_, { self, dim, start, length }) => {
      requireRank("start", start, 0);
      const d = axisOf(dim, self.shape, "narrow");
      if (le(length, self.shape[d]) === false) {
        throw new RangeError(`A length of ${length} exceeds dimension ${d} of size ${self.shape[d]}`);
      }
      return shaped(self, withSize(self.shape, d, length));
    },
    kernel: ({ self, dim, start, length }) => {
      const d = axisOf(dim, self.shape, "narrow");
      const [from] = narrowed(self.shape, dim, Number(start.item()), length);
      return sliceView(self, d, from as number, length as number);
    },
    complex: PARTS,
    onnx: (b, { self, dim, start, length }) => {
      const d = axisOf(dim, b.meta(self).shape, "narrow");
      // A start that counts from the end would make the end wrong where the part reaches it.
      const given = b.reshape(b.cast(start, "int64"), [1]);
      const counted = b.op("Add", [given, b.dim(b.meta(self).shape[d])]);
      const from = b.op("Where", [b.op("Less", [given, b.dim(0)]), counted, given]);
      const part = b.op("Slice", [self, from, b.op("Add", [from, b.dim(length)]), b.ints([d])]);
      part.meta = shaped(b.meta(self), withSize(b.meta(self).shape, d, length));
      return part;
    },
  },
);

/** A copy of a part of a dim. */
export const narrowCopy = defineOp("aten::narrow_copy(Tensor self, int dim, SymInt start, SymInt length) -> Tensor", {
  decompose: (t, { self, dim, start, length }) => {
    const [from, to] = narrowed(t.meta(self).shape, dim, start, length);
    return t.call(slice, self, dim, from, to);
  },
});

/** Bounds as a slice takes them. A start whose sign is unknown is taken to count from the front, as PyTorch's guard does. */
function narrowed(shape: readonly Dim[], dim: number, start: Dim, length: Dim): [Dim, Dim] {
  const size = shape[axisOf(dim, shape, "narrow")];
  const isWrong = ge(length, 0) === false || ge(start, neg(size)) === false || le(start, size) === false;
  const from = isWrong ? 0 : ge(start, 0) === false ? add(start, size) : start;
  if (isWrong || le(from, sub(size, length)) === false) {
    throw new RangeError(`Cannot narrow a dimension of ${size} to ${length} elements from ${start} on`);
  }
  return [from, add(from, length)];
}
