/** The same elements under another shape: view, reshape, flatten, squeeze and their kind. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, eq, mul, prod } from "../sym/mod.ts";
import { type Meta, normalizeDim, type Tensor } from "../tensor/mod.ts";
import { type Calls, defineOp, type MetaContext } from "./op.ts";
import { canView, hasFormat } from "./strides.ts";
import { resolveShape, shaped } from "./shapes.ts";

/** The rules of an operator that gives `self` the shape that `shapeOf` says. */
interface ReshapeRules<A> {
  meta(ctx: MetaContext, args: A & { readonly self: Meta }): Meta;
  kernel(args: A & { readonly self: Tensor }): Tensor;
  readonly complex: "native";
  onnx(b: OnnxBuilder, args: A & { readonly self: OnnxValue }): OnnxValue;
  inverse<T extends object>(t: Calls<T>, args: A & { readonly self: T }, updated: T): T;
}

function reshapeTo<A>(shapeOf: (from: readonly Dim[], args: A) => readonly Dim[]): ReshapeRules<A> {
  return {
    meta: (_, args) => shaped(args.self, shapeOf(args.self.shape, args)),
    kernel: (args) => args.self.reshape(shapeOf(args.self.shape, args) as number[]),
    complex: "native",
    onnx: (b, args) => b.reshape(args.self, shapeOf(b.meta(args.self).shape, args)),
    inverse: (t, args, updated) => t.call(view, updated, t.meta(args.self).shape),
  };
}

interface SizeArg {
  readonly size: readonly Dim[];
}

const toSize: ReshapeRules<SizeArg> = reshapeTo((from, { size }) => resolveShape(from, size));

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.view.html */
export const view = defineOp("aten::view(Tensor(a) self, SymInt[] size) -> Tensor(a)", toSize);

/** A view whose base nobody else should see: what is written to it is nevertheless there. */
export const unsafeView = defineOp("aten::_unsafe_view(Tensor self, SymInt[] size) -> Tensor", toSize);

/** A copy under another shape. */
export const viewCopy = defineOp("aten::view_copy(Tensor self, SymInt[] size) -> Tensor", {
  meta: toSize.meta,
  kernel: toSize.kernel,
  complex: "native",
  onnx: toSize.onnx,
});

/** Strides say how the elements lie, not which they are: the size alone decides the result. */
export const reshapeAlias = defineOp(
  "aten::_reshape_alias(Tensor(a) self, SymInt[] size, SymInt[] stride) -> Tensor(a)",
  toSize,
);

interface ShapeArg {
  readonly shape: readonly Dim[];
}

/** https://docs.pytorch.org/docs/stable/generated/torch.reshape.html */
export const reshape = defineOp("aten::reshape(Tensor(a) self, SymInt[] shape) -> Tensor(a)", {
  ...reshapeTo<ShapeArg>((from, { shape }) => resolveShape(from, shape)),
  aliases: (self, { shape }) => canView(self, resolveShape(self.shape, shape)),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.view_as.html */
export const viewAs = defineOp("aten::view_as(Tensor(a) self, Tensor other) -> Tensor(a)", {
  decompose: (t, { self, other }) => t.call(view, self, t.meta(other).shape),
  inverse: (t, { self }, updated) => t.call(view, updated, t.meta(self).shape),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.reshape_as.html */
export const reshapeAs = defineOp("aten::reshape_as(Tensor(a) self, Tensor other) -> Tensor(a)", {
  decompose: (t, { self, other }) => t.call(reshape, self, t.meta(other).shape),
  inverse: (t, { self }, updated) => t.call(view, updated, t.meta(self).shape),
  aliases: (self, { other }) => canView(self, other.shape),
});

function flatShape(from: readonly Dim[], start_dim: number, end_dim: number): readonly Dim[] {
  if (from.length === 0) return [1];
  const [first, last] = [normalizeDim(start_dim, from.length), normalizeDim(end_dim, from.length)];
  if (first > last) {
    throw new RangeError(`Cannot flatten dims ${start_dim} to ${end_dim}: the first lies behind the last`);
  }
  return [...from.slice(0, first), prod(from.slice(first, last + 1)), ...from.slice(last + 1)];
}

/** https://docs.pytorch.org/docs/stable/generated/torch.flatten.html */
export const flatten = defineOp(
  "aten::flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)",
  {
    ...reshapeTo<{ readonly start_dim: number; readonly end_dim: number }>((from, { start_dim, end_dim }) =>
      flatShape(from, start_dim, end_dim)
    ),
    aliases: (self, { start_dim, end_dim }) => canView(self, flatShape(self.shape, start_dim, end_dim)),
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.ravel.html */
export const ravel = defineOp("aten::ravel(Tensor(a) self) -> Tensor(a)", {
  ...reshapeTo((from) => [prod(from)]),
  aliases: (self) => hasFormat(self, "contiguous_format"),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.unflatten.html */
export const unflatten = defineOp(
  "aten::unflatten.int(Tensor(a) self, int dim, SymInt[] sizes) -> Tensor(a)",
  reshapeTo<{ readonly dim: number; readonly sizes: readonly Dim[] }>((from, { dim, sizes }) => {
    if (from.length === 0) throw new RangeError("A tensor without dimensions can't be unflattened");
    if (sizes.length === 0) throw new RangeError("Argument sizes of unflatten is empty");
    const d = normalizeDim(dim, from.length);
    return [...from.slice(0, d), ...resolveShape([from[d]], sizes), ...from.slice(d + 1)];
  }),
);

/** Dims that a squeeze removes: those named whose size is 1. A size that may be 1 or not stays, as PyTorch guards it. */
function squeezed(shape: readonly Dim[], dims: readonly number[]): number[] {
  const named = dims.map((d) => normalizeDim(d, shape.length));
  if (new Set(named).size < named.length) throw new RangeError(`Dims [${dims.join(", ")}] name one twice`);
  return shape.flatMap((size, d) => named.includes(d) && eq(size, 1) === true ? [d] : []);
}

function squeezing<A>(dimsOf: (rank: number, args: A) => readonly number[]): ReshapeRules<A> {
  const gone = (shape: readonly Dim[], args: A): number[] => squeezed(shape, dimsOf(shape.length, args));
  const rest = <D extends Dim>(shape: readonly D[], args: A): D[] => {
    const dims = gone(shape, args);
    return shape.filter((_, d) => !dims.includes(d));
  };
  return {
    meta: (_, args) => shaped(args.self, rest(args.self.shape, args)),
    kernel: (args) => args.self.reshape(rest(args.self.shape, args)),
    complex: "native",
    onnx: (b, args) => b.squeeze(args.self, ...gone(b.meta(args.self).shape, args)),
    inverse: (t, args, updated) =>
      gone(t.meta(args.self).shape, args).reduce((x, d) => t.call(unsqueeze, x, d), updated),
  };
}

const everyDim = (rank: number): number[] => Array.from({ length: rank }, (_, d) => d);

/** https://docs.pytorch.org/docs/stable/generated/torch.squeeze.html */
export const squeeze = defineOp("aten::squeeze(Tensor(a) self) -> Tensor(a)", squeezing(everyDim));

/** https://docs.pytorch.org/docs/stable/generated/torch.squeeze.html */
export const squeezeDim = defineOp(
  "aten::squeeze.dim(Tensor(a) self, int dim) -> Tensor(a)",
  squeezing<{ readonly dim: number }>((rank, { dim }) => [normalizeDim(dim, rank)]),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.squeeze.html */
export const squeezeDims = defineOp(
  "aten::squeeze.dims(Tensor(a) self, int[] dim) -> Tensor(a)",
  squeezing<{ readonly dim: readonly number[] }>((_, { dim }) => dim),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.unsqueeze.html */
export const unsqueeze = defineOp("aten::unsqueeze(Tensor(a) self, int dim) -> Tensor(a)", {
  meta: (_, { self, dim }) => shaped(self, unsqueezed(self.shape, dim)),
  kernel: ({ self, dim }) => self.reshape(unsqueezed(self.shape, dim)),
  complex: "native",
  onnx: (b, { self, dim }) => b.unsqueeze(self, normalizeDim(dim, b.meta(self).shape.length + 1)),
  inverse: (t, { self, dim }, updated) => t.call(squeezeDim, updated, normalizeDim(dim, t.meta(self).shape.length + 1)),
  strides: ({ shape, strides }, { dim }) => {
    const d = normalizeDim(dim, shape.length + 1);
    return strides.toSpliced(d, 0, d < shape.length ? mul(shape[d], strides[d]) : 1);
  },
});

/** A copy without dims of size 1. */
export const squeezeCopy = defineOp("aten::squeeze_copy(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(squeeze, self),
});

/** A copy without a dim of size 1. */
export const squeezeCopyDim = defineOp("aten::squeeze_copy.dim(Tensor self, int dim) -> Tensor", {
  decompose: (t, { self, dim }) => t.call(squeezeDim, self, dim),
});

/** A copy without dims of size 1. */
export const squeezeCopyDims = defineOp("aten::squeeze_copy.dims(Tensor self, int[] dim) -> Tensor", {
  decompose: (t, { self, dim }) => t.call(squeezeDims, self, dim),
});

/** A copy with a dim of size 1 more. */
export const unsqueezeCopy = defineOp("aten::unsqueeze_copy(Tensor self, int dim) -> Tensor", {
  decompose: (t, { self, dim }) => t.call(unsqueeze, self, dim),
});

function unsqueezed<D extends Dim>(shape: readonly D[], dim: number): (D | 1)[] {
  const d = normalizeDim(dim, shape.length + 1);
  return [...shape.slice(0, d), 1, ...shape.slice(d)];
}
