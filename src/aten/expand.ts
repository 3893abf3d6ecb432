/** Repeating sizes of 1, and repeating elements. */
import type { OnnxValue } from "../onnx/model.ts";
import type { OnnxBuilder } from "../onnx/builder.ts";
import { type Dim, eq, ge, isSym, mul } from "../sym/mod.ts";
import { broadcastShapes, type Meta, newData, normalizeDim, Tensor } from "../tensor/mod.ts";
import { expandTo, gatherBy } from "../tensor/loops.ts";
import { type Calls, defineOp } from "./op.ts";
import { PARTS, refuse } from "./rules.ts";
import { expandedShape, shaped } from "./shapes.ts";
import { onnxRepeat } from "./move.ts";
import { slice } from "./slice.ts";
import { flatten, reshape, unsqueeze, view } from "./view.ts";

interface ExpandArgs<T> {
  readonly self: T;
  readonly size: readonly Dim[];
}

/** Expand broadcasts, so that a size that stays is written as 1: no size has to be computed for it. */
export function onnxExpand(b: OnnxBuilder, self: OnnxValue, size: readonly Dim[]): OnnxValue {
  const from = b.meta(self).shape;
  const shape = expandedShape(from, size);
  const lead = shape.length - from.length;
  // ONNX's own inference takes a size of 1 that is expanded to none for one that stays.
  if (shape.includes(0) && !shape.some(isSym)) {
    const { dtype } = b.meta(self);
    return b.constant(Tensor.of(dtype, shape as number[], newData(dtype, 0)));
  }
  const target = shape.map((d, i) => i >= lead && eq(from[i - lead], d) === true ? 1 : d);
  if (target.every((d) => d === 1)) return lead === 0 ? self : b.unsqueeze(self, ...target.slice(0, lead).keys());
  return onnxRepeat(b, "Expand", self, b.ints(target));
}

/** What was written to an expanded view is the same in each repetition: the first one is the base. */
function firstOfEach<T extends object>(t: Calls<T>, self: T, updated: T): T {
  const [from, to] = [t.meta(self).shape, t.meta(updated).shape];
  const lead = to.length - from.length;
  let first = updated;
  for (const [d, size] of to.entries()) {
    const isRepeated = d < lead || eq(from[d - lead], size) !== true;
    if (isRepeated && size !== 1) first = t.call(slice, first, d, 0, 1);
  }
  return lead === 0 ? first : t.call(view, first, from);
}

const expanding = {
  meta: (_: unknown, { self, size }: ExpandArgs<Meta>): Meta => shaped(self, expandedShape(self.shape, size)),
  complex: PARTS,
  onnx: (b: OnnxBuilder, { self, size }: ExpandArgs<OnnxValue>): OnnxValue => onnxExpand(b, self, size),
};

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.expand.html */
export const expand = defineOp(
  "aten::expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)",
  {
    ...expanding,
    kernel: ({ self, size }) => expandTo(self, expandedShape(self.shape, size) as number[]),
    inverse: (t, { self }, updated) => firstOfEach(t, self, updated),
    strides: ({ shape, strides }, { size }) => {
      const lead = size.length - shape.length;
      const isKept = (d: number): boolean => d >= lead && eq(shape[d - lead], expandedShape(shape, size)[d]) === true;
      return size.map((_, d) => isKept(d) ? strides[d - lead] : 0);
    },
  },
);

/** An expanded copy. */
export const expandCopy = defineOp("aten::expand_copy(Tensor self, SymInt[] size, *, bool implicit=False) -> Tensor", {
  ...expanding,
  kernel: ({ self, size }) => expandTo(self, expandedShape(self.shape, size) as number[]),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.expand_as.html */
export const expandAs = defineOp("aten::expand_as(Tensor(a) self, Tensor other) -> Tensor(a)", {
  decompose: (t, { self, other }) => t.call(expand, self, t.meta(other).shape),
  inverse: (t, { self }, updated) => firstOfEach(t, self, updated),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.broadcast_to.html */
export const broadcastTo = defineOp("aten::broadcast_to(Tensor(a) self, SymInt[] size) -> Tensor(a)", {
  decompose: (t, { self, size }) => t.call(expand, self, size),
  inverse: (t, { self }, updated) => firstOfEach(t, self, updated),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.broadcast_tensors.html */
export const broadcastTensors = defineOp("aten::broadcast_tensors(Tensor[] tensors) -> Tensor[]", {
  decompose: (t, { tensors }) => alike(t, tensors),
  views: (t, { tensors }) => alike(t, tensors),
});

function alike<T extends object>(t: Calls<T>, tensors: readonly T[]): readonly T[] {
  const shape = broadcastShapes(...tensors.map((x) => t.meta(x).shape));
  return tensors.map((x) => t.call(expand, x, shape));
}

/** Each tensor along a dim of its own, repeated along the others; `xy` exchanges the first two dims. */
function grid<T extends object>(t: Calls<T>, tensors: readonly T[], indexing: string): readonly T[] {
  if (indexing !== "ij" && indexing !== "xy") refuse("indexing", indexing, "it must be ij or xy");
  if (tensors.length === 0) throw new RangeError("meshgrid takes at least one tensor");
  for (const x of tensors) {
    const { shape, dtype } = t.meta(x);
    if (shape.length > 1) throw new RangeError(`meshgrid takes lists, met a tensor of ${shape.length} dimensions`);
    if (dtype !== t.meta(tensors[0]).dtype) throw new TypeError("meshgrid takes tensors of one dtype");
  }
  const order = [...tensors.keys()];
  if (indexing === "xy" && order.length > 1) [order[0], order[1]] = [1, 0];
  const shape = order.map((k) => t.meta(tensors[k]).shape[0] ?? 1);
  return tensors.map((x, i) => {
    const place = order.indexOf(i);
    return t.call(expand, t.call(view, x, shape.map((n, d) => d === place ? n : 1)), shape);
  });
}

/** https://docs.pytorch.org/docs/stable/generated/torch.meshgrid.html */
export const meshgrid = defineOp("aten::meshgrid(Tensor[] tensors) -> Tensor[]", {
  decompose: (t, { tensors }) => grid(t, tensors, "ij"),
  views: (t, { tensors }) => grid(t, tensors, "ij"),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.meshgrid.html */
export const meshgridIndexing = defineOp("aten::meshgrid.indexing(Tensor[] tensors, *, str indexing) -> Tensor[]", {
  decompose: (t, { tensors, indexing }) => grid(t, tensors, indexing),
  views: (t, { tensors, indexing }) => grid(t, tensors, indexing),
});

/** Sizes with those that repeating adds in front. */
function padded<D extends Dim>(shape: readonly D[], rank: number): (D | 1)[] {
  if (rank < shape.length) throw new RangeError(`A tensor of ${shape.length} dimensions is given ${rank} repeats`);
  return [...new Array<1>(rank - shape.length).fill(1), ...shape];
}

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.repeat.html */
export const repeat = defineOp("aten::repeat(Tensor self, SymInt[] repeats) -> Tensor", {
  meta: (_, { self, repeats }) => {
    const negative = repeats.find((n) => !isSym(n) && n < 0);
    if (negative !== undefined) throw new RangeError(`Cannot repeat a tensor ${negative} times`);
    return shaped(self, padded(self.shape, repeats.length).map((d, i) => mul(d, repeats[i])));
  },
  kernel: ({ self, repeats }) => {
    const x = self.reshape(padded(self.shape, repeats.length));
    const shape = x.shape.map((n, d) => n * (repeats[d] as number));
    return gatherBy(x, shape, (index) => index.map((i, d) => i % x.shape[d]));
  },
  complex: PARTS,
  onnx: (b, { self, repeats }) => {
    const shape = padded(b.meta(self).shape, repeats.length);
    // Where only sizes of 1 are repeated, nothing has to be interleaved.
    const isExpand = repeats.every((n, d) => n === 1 || (shape[d] === 1 && ge(n, 1) === true));
    if (isExpand && repeats.some((n) => n !== 1)) return onnxRepeat(b, "Expand", self, b.ints(repeats));
    const x = b.unsqueeze(self, ...new Array(repeats.length - b.meta(self).shape.length).keys());
    return isExpand ? x : onnxRepeat(b, "Tile", x, b.ints(repeats));
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.tile.html */
export const tile = defineOp("aten::tile(Tensor self, SymInt[] dims) -> Tensor", {
  decompose: (t, { self, dims }) =>
    t.call(repeat, self, padded(dims, Math.max(dims.length, t.meta(self).shape.length))),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.repeat_interleave.html */
export const repeatInterleave = defineOp(
  "aten::repeat_interleave.self_int(Tensor self, SymInt repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor",
  {
    decompose: (t, { self, repeats, dim, output_size }) => {
      const x = dim === null ? t.call(reshape, self, [-1]) : self;
      const rank = t.meta(x).shape.length;
      const d = normalizeDim(dim ?? 0, rank);
      const known = rank === 0 ? t.call(unsqueeze, x, 0) : x;
      const size = t.meta(known).shape[d];
      if (output_size !== null && eq(mul(size, repeats), output_size) === false) {
        throw new RangeError(`Repeating ${size} elements ${repeats} times does not give output_size=${output_size}`);
      }
      const shape = t.meta(known).shape;
      const wide = t.call(expand, t.call(unsqueeze, known, d + 1), [
        ...shape.slice(0, d + 1),
        repeats,
        ...shape.slice(d + 1),
      ]);
      return t.call(flatten, wide, d, d + 1);
    },
  },
);
