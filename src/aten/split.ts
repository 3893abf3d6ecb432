/** Cutting a dim into parts: split, chunk, unbind and their kind. How many parts there are must be known. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { add, ceilDiv, type Dim, eq, floorDiv, isSym, mul, Ranges, sub, sum } from "../sym/mod.ts";
import { type Meta, normalizeDim, Tensor } from "../tensor/mod.ts";
import { type Calls, defineOp, type MetaContext, type PartsAlike } from "./op.ts";
import { PARTS, refuse } from "./rules.ts";
import { selectView, shaped, slicedDim, sliceView, withSize } from "./shapes.ts";
import { selectScatter, slice, sliceScatter } from "./slice.ts";

/** The parts of a dim. */
interface Parts {
  readonly dim: number;
  readonly sizes: readonly Dim[];
  /** All parts are `ceil(size / count)` long, the last one less where that does not divide. */
  readonly even: boolean;
}

interface SplitRules<A> {
  meta(ctx: MetaContext, args: A & { readonly self: Meta }): readonly Meta[];
  kernel(args: A & { readonly self: Tensor }): readonly Tensor[];
  readonly complex: PartsAlike;
  onnx(b: OnnxBuilder, args: A & { readonly self: OnnxValue }): readonly OnnxValue[];
  inverse<T extends object>(t: Calls<T>, args: A & { readonly self: T }, updated: T, index: number): T;
}

/** Where each part starts. */
function startsOf(sizes: readonly Dim[]): Dim[] {
  let at: Dim = 0;
  return sizes.map((size) => {
    const start = at;
    at = add(at, size);
    return start;
  });
}

/** What is known of a call beside its arguments. */
type Known = Pick<MetaContext, "ranges" | "results">;

const NOTHING: Known = { ranges: undefined };

function splitting<A>(partsOf: (shape: readonly Dim[], args: A, known: Known) => Parts): SplitRules<A> {
  return {
    meta: (ctx, args) => {
      const { dim, sizes } = partsOf(args.self.shape, args, ctx);
      return sizes.map((size) => shaped(args.self, withSize(args.self.shape, dim, size)));
    },
    kernel: (args) => {
      const { dim, sizes } = partsOf(args.self.shape, args, NOTHING);
      const starts = startsOf(sizes) as number[];
      return sizes.map((size, i) => sliceView(args.self, dim, starts[i], size as number));
    },
    complex: PARTS,
    onnx: (b, args) => {
      const { dim, sizes, even } = partsOf(b.meta(args.self).shape, args, b);
      if (sizes.length <= 1) return sizes.map(() => args.self);
      // Symbolic sizes need not be computed where the node can divide.
      if (even && sizes.some(isSym)) {
        return b.ops("Split", [args.self], sizes.length, { axis: dim, num_outputs: sizes.length });
      }
      return b.ops("Split", [args.self, b.ints(sizes)], sizes.length, { axis: dim });
    },
    inverse: (t, args, updated, index) => {
      // Where a part starts, those after it have no say in.
      const { dim, sizes } = partsOf(t.meta(args.self).shape, args, { ...NOTHING, results: index + 1 });
      const start = startsOf(sizes)[index];
      return t.call(sliceScatter, args.self, updated, dim, start, add(start, t.meta(updated).shape[dim]));
    },
  };
}

/** The rules without the inverse, for operators that give copies. */
function copies<A>({ meta, kernel, onnx }: SplitRules<A>): Omit<SplitRules<A>, "inverse"> {
  return { meta, kernel, complex: PARTS, onnx };
}

function axisOf(dim: number, shape: readonly Dim[]): number {
  if (shape.length === 0) throw new RangeError("A tensor without dimensions can't be split");
  return normalizeDim(dim, shape.length);
}

/** Parts of `step` elements each, the last one smaller where that does not divide. */
function byStep(size: Dim, step: Dim, what: string, { ranges = Ranges.none, results }: Known = NOTHING): Dim[] {
  if (step === 0) {
    if (size === 0) return [0];
    refuse(what, step, `parts of no elements never fill a dimension of ${size}`);
  }
  if (!isSym(step) && step < 0) refuse(what, step, "a size must not be negative");
  const some = size === 0 ? 1 : countOfParts(size, step);
  // The bounds of a size may leave it one number of parts.
  const { min, max } = ranges.rangeOf(some);
  const count = min === max ? min : isSym(some) && results ? results : some;
  if (isSym(count)) refuse(what, step, `the number of parts of a dimension of ${size} is not known`);
  return Array.from({ length: Math.max(count, 1) }, (_, i) => i < count - 1 ? step : sub(size, mul(step, i)));
}

/** `ceil(size / step)`; a multiple of a symbolic step is divided exactly. */
function countOfParts(size: Dim, step: Dim): Dim {
  const whole = floorDiv(size, step);
  return eq(mul(whole, step), size) === true ? whole : ceilDiv(size, step);
}

interface StepArgs {
  readonly split_size: Dim;
  readonly dim: number;
}

const byStepRules: SplitRules<StepArgs> = splitting((shape, { split_size, dim }, known) => {
  const d = axisOf(dim, shape);
  const sizes = byStep(shape[d], split_size, "split_size", known);
  return { dim: d, sizes, even: eq(ceilDiv(shape[d], sizes.length), split_size) === true };
});

/** https://docs.pytorch.org/docs/stable/generated/torch.split.html */
export const split = defineOp(
  "aten::split.Tensor(Tensor(a -> *) self, SymInt split_size, int dim=0) -> Tensor(a)[]",
  byStepRules,
);

/** Copies of the parts. */
export const splitCopy = defineOp(
  "aten::split_copy.Tensor(Tensor self, SymInt split_size, int dim=0) -> Tensor[]",
  copies(byStepRules),
);

/** Parts whose bases nobody else should see: what is written to them is nevertheless there. */
export const unsafeSplit = defineOp(
  "aten::unsafe_split.Tensor(Tensor self, SymInt split_size, int dim=0) -> Tensor[]",
  byStepRules,
);

function bySizes(shape: readonly Dim[], sizes: readonly Dim[], dim: number): Parts {
  const d = axisOf(dim, shape);
  const negative = sizes.find((n) => !isSym(n) && n < 0);
  if (negative !== undefined || eq(sum(sizes), shape[d]) === false) {
    throw new RangeError(`Cannot split a dimension of ${shape[d]} into [${sizes.join(", ")}]: the sizes do not add up`);
  }
  return { dim: d, sizes, even: false };
}

interface SizesArgs {
  readonly split_sizes: readonly Dim[];
  readonly dim: number;
}

const bySizesRules: SplitRules<SizesArgs> = splitting((shape, { split_sizes, dim }) =>
  bySizes(shape, split_sizes, dim)
);

/** https://docs.pytorch.org/docs/stable/generated/torch.split.html */
export const splitWithSizes = defineOp(
  "aten::split_with_sizes(Tensor(a -> *) self, SymInt[] split_sizes, int dim=0) -> Tensor(a)[]",
  bySizesRules,
);

/** Copies of the parts. */
export const splitWithSizesCopy = defineOp(
  "aten::split_with_sizes_copy(Tensor self, SymInt[] split_sizes, int dim=0) -> Tensor[]",
  copies(bySizesRules),
);

/** Parts whose bases nobody else should see: what is written to them is nevertheless there. */
export const unsafeSplitWithSizes = defineOp(
  "aten::unsafe_split_with_sizes(Tensor self, SymInt[] split_sizes, int dim=0) -> Tensor[]",
  bySizesRules,
);

/** https://docs.pytorch.org/docs/stable/generated/torch.split.html */
export const splitSizes = defineOp(
  "aten::split.sizes(Tensor(a -> *) self, SymInt[] split_size, int dim=0) -> Tensor(a)[]",
  splitting<{ readonly split_size: readonly Dim[]; readonly dim: number }>((shape, { split_size, dim }) =>
    bySizes(shape, split_size, dim)
  ),
);

interface ChunkArgs {
  readonly chunks: number;
  readonly dim: number;
}

/**
 * Of a symbolic size as many parts are made as the program has results: PyTorch captures it for one number of parts, and
 * sizes that give another are excluded by its guards. Otherwise they are as many as are asked for.
 */
const chunking: SplitRules<ChunkArgs> = splitting((shape, { chunks, dim }, { results }) => {
  if (chunks < 1) refuse("chunks", chunks, "there must be at least one part");
  const d = axisOf(dim, shape);
  const size = shape[d];
  const step = ceilDiv(size, chunks);
  if (size === 0) return { dim: d, sizes: new Array(chunks).fill(0), even: true };
  const count = ceilDiv(size, step);
  const parts = isSym(count) ? results || chunks : count;
  const sizes = Array.from({ length: parts }, (_, i) => i < parts - 1 ? step : sub(size, mul(step, i)));
  return { dim: d, sizes, even: parts === chunks };
});

/** https://docs.pytorch.org/docs/stable/generated/torch.chunk.html */
export const chunk = defineOp("aten::chunk(Tensor(a -> *) self, int chunks, int dim=0) -> Tensor(a)[]", chunking);

/** Parts whose bases nobody else should see: what is written to them is nevertheless there. */
export const unsafeChunk = defineOp(
  "aten::unsafe_chunk(Tensor self, int chunks, int dim=0) -> Tensor[]",
  chunking,
);

interface UnbindArgs<T> {
  readonly self: T;
  readonly dim: number;
}

/** The number of elements of a dim, which is the number of results. */
function countOf(shape: readonly Dim[], dim: number): number {
  const size = shape[dim];
  return isSym(size) ? refuse("dim", dim, `the number of results is the symbolic size ${size}`) : size;
}

const unbinding = {
  meta(_: MetaContext, { self, dim }: UnbindArgs<Meta>): readonly Meta[] {
    const d = axisOf(dim, self.shape);
    return Array.from({ length: countOf(self.shape, d) }, () => shaped(self, self.shape.filter((_, i) => i !== d)));
  },
  kernel({ self, dim }: UnbindArgs<Tensor>): readonly Tensor[] {
    const d = axisOf(dim, self.shape);
    return Array.from({ length: self.shape[d] }, (_, i) => selectView(self, d, i));
  },
  complex: PARTS,
  onnx(b: OnnxBuilder, { self, dim }: UnbindArgs<OnnxValue>): readonly OnnxValue[] {
    const { shape } = b.meta(self);
    const d = axisOf(dim, shape);
    return Array.from({ length: countOf(shape, d) }, (_, i) => b.op("Gather", [self, b.dim(i)], { axis: d }));
  },
};

/** https://docs.pytorch.org/docs/stable/generated/torch.unbind.html */
export const unbind = defineOp("aten::unbind.int(Tensor(a -> *) self, int dim=0) -> Tensor(a)[]", {
  ...unbinding,
  inverse: (t, { self, dim }, updated, index) => t.call(selectScatter, self, updated, dim, index),
});

/** Copies of the elements. */
export const unbindCopy = defineOp("aten::unbind_copy.int(Tensor self, int dim=0) -> Tensor[]", unbinding);

/** The first `size % sections` parts are one longer than the rest. */
function bySections(shape: readonly Dim[], sections: Dim, dim: number): Parts {
  const d = axisOf(dim, shape);
  if (isSym(sections)) refuse("sections", sections, "the number of parts must be a constant");
  if (sections < 1) refuse("sections", sections, "there must be at least one part");
  const sizes = Array.from({ length: sections }, (_, i) => floorDiv(add(shape[d], sections - 1 - i), sections));
  return { dim: d, sizes, even: false };
}

/** Each part is the slice between two indices, which may cross or lie outside. */
function byIndices(shape: readonly Dim[], indices: readonly Dim[], dim: number): { dim: number; bounds: [Dim, Dim][] } {
  const d = axisOf(dim, shape);
  const edges = [0, ...indices, shape[d]];
  return { dim: d, bounds: edges.slice(1).map((end, i) => [edges[i], end]) };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.tensor_split.html */
export const tensorSplitSections = defineOp(
  "aten::tensor_split.sections(Tensor(a -> *) self, SymInt sections, int dim=0) -> Tensor(a)[]",
  splitting<{ readonly sections: Dim; readonly dim: number }>((shape, { sections, dim }) =>
    bySections(shape, sections, dim)
  ),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.tensor_split.html */
export const tensorSplit = defineOp(
  "aten::tensor_split.indices(Tensor(a -> *) self, SymInt[] indices, int dim=0) -> Tensor(a)[]",
  {
    decompose: (t, { self, indices, dim }) => {
      const { dim: d, bounds } = byIndices(t.meta(self).shape, indices, dim);
      return bounds.map(([start, end]) => t.call(slice, self, d, start, end));
    },
    inverse: (t, { self, indices, dim }, updated, index) => {
      const { dim: d, bounds } = byIndices(t.meta(self).shape, indices, dim);
      return t.call(sliceScatter, self, updated, d, ...bounds[index]);
    },
  },
);

/** The number of indices in a tensor, which must be known. */
function cutsOf(cuts: Meta): number {
  const { dtype, shape } = cuts;
  if (dtype !== "int64") throw new TypeError(`tensor_split takes indices of int64, met ${dtype}`);
  if (shape.length === 0) {
    refuse("tensor_indices_or_sections", "a tensor of no dimensions", "the number of parts must be a constant");
  }
  if (shape.length > 1) throw new RangeError(`tensor_split takes a list of indices, met ${shape.length} dimensions`);
  const [count] = shape;
  return isSym(count)
    ? refuse("tensor_indices_or_sections", `a list of ${count}`, "the number of parts must be a constant")
    : count;
}

/** Cuts where a tensor says. */
export const tensorSplitTensor = defineOp(
  "aten::tensor_split.tensor_indices_or_sections(Tensor(a -> *) self, Tensor tensor_indices_or_sections, int dim=0) -> Tensor(a)[]",
  {
    meta: (ctx, { self, tensor_indices_or_sections: cuts, dim }) => {
      const d = axisOf(dim, self.shape);
      const parts = Array.from({ length: cutsOf(cuts) + 1 });
      return parts.map(() => shaped(self, withSize(self.shape, d, ctx.freshSymbol("part"))));
    },
    kernel: ({ self, tensor_indices_or_sections: cuts, dim }) => {
      cutsOf(cuts);
      const { dim: d, bounds } = byIndices(self.shape, Array.from(cuts.data(), Number), dim);
      return bounds.map(([start, end]) => {
        const part = slicedDim(self.shape[d], start, end, 1);
        return sliceView(self, d, part.start as number, part.length as number);
      });
    },
    onnx: (b, { self, tensor_indices_or_sections: cuts, dim }) => {
      const d = axisOf(dim, b.meta(self).shape);
      const count = cutsOf(b.meta(cuts));
      const at = Array.from({ length: count }, (_, i) => b.op("Gather", [cuts, b.ints([i])], { axis: 0 }));
      const edges = [b.ints([0]), ...at, b.constant(Tensor.of("int64", [1], [2n ** 63n - 1n]))];
      return edges.slice(1).map((end, i) => b.op("Slice", [self, edges[i], end, b.ints([d])]));
    },
  },
);

/** The dim that `hsplit`, `vsplit` and `dsplit` cut. */
function namedDim(name: "hsplit" | "vsplit" | "dsplit", rank: number): number {
  const [least, dim] = name === "hsplit" ? [1, rank === 1 ? 0 : 1] : name === "vsplit" ? [2, 0] : [3, 2];
  if (rank < least) throw new RangeError(`${name} takes a tensor of at least ${least} dimensions, met ${rank}`);
  return dim;
}

function namedSections(name: "hsplit" | "vsplit" | "dsplit"): SplitRules<{ readonly sections: number }> {
  return splitting((shape, { sections }) => {
    const dim = namedDim(name, shape.length);
    const parts = bySections(shape, sections, dim);
    if (eq(mul(parts.sizes[sections - 1], sections), shape[dim]) === false) {
      refuse("sections", sections, `a dimension of ${shape[dim]} can't be divided evenly`);
    }
    return { ...parts, even: true };
  });
}

function namedIndices(name: "hsplit" | "vsplit" | "dsplit") {
  return {
    decompose<T extends object>(
      t: Calls<T>,
      args: { readonly self: T; readonly indices: readonly number[] },
    ): readonly T[] {
      return t.call(tensorSplit, args.self, args.indices, namedDim(name, t.meta(args.self).shape.length));
    },
    inverse<T extends object>(
      t: Calls<T>,
      args: { readonly self: T; readonly indices: readonly number[] },
      updated: T,
      index: number,
    ): T {
      const { shape } = t.meta(args.self);
      const { dim, bounds } = byIndices(shape, args.indices, namedDim(name, shape.length));
      return t.call(sliceScatter, args.self, updated, dim, ...bounds[index]);
    },
  };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.hsplit.html */
export const hsplit = defineOp(
  "aten::hsplit.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]",
  namedSections("hsplit"),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.hsplit.html */
export const hsplitArray = defineOp(
  "aten::hsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]",
  namedIndices("hsplit"),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.vsplit.html */
export const vsplit = defineOp(
  "aten::vsplit.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]",
  namedSections("vsplit"),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.vsplit.html */
export const vsplitArray = defineOp(
  "aten::vsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]",
  namedIndices("vsplit"),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.dsplit.html */
export const dsplit = defineOp(
  "aten::dsplit.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]",
  namedSections("dsplit"),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.dsplit.html */
export const dsplitArray = defineOp(
  "aten::dsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]",
  namedIndices("dsplit"),
);
