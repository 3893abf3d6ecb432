/** The same elements with dims in another order. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import type { Dim } from "../sym/mod.ts";
import { type Meta, normalizeDim, type Tensor } from "../tensor/mod.ts";
import { permuteDims } from "../tensor/loops.ts";
import { type Calls, defineOp, type MetaContext } from "./op.ts";
import { invertOrder, shaped } from "./shapes.ts";

/** The rules of an operator that only reorders dims. */
export interface PermuteRules<A> {
  meta(ctx: MetaContext, args: A & { readonly self: Meta }): Meta;
  kernel(args: A & { readonly self: Tensor }): Tensor;
  readonly complex: "native";
  onnx(b: OnnxBuilder, args: A & { readonly self: OnnxValue }): OnnxValue;
  inverse<T extends object>(t: Calls<T>, args: A & { readonly self: T }, updated: T): T;
  strides(self: Required<Meta>, args: A): readonly Dim[];
}

/** The rules of an operator that puts the dims of `self` in the order that `orderOf` says. */
export function permuting<A>(orderOf: (rank: number, args: A) => readonly number[]): PermuteRules<A> {
  return {
    meta: (_, args) => shaped(args.self, orderOf(args.self.shape.length, args).map((d) => args.self.shape[d])),
    kernel: (args) => permuteDims(args.self, orderOf(args.self.shape.length, args)),
    complex: "native",
    onnx: (b, args) => b.transpose(args.self, orderOf(b.meta(args.self).shape.length, args)),
    inverse: (t, args, updated) => t.call(permute, updated, invertOrder(orderOf(t.meta(args.self).shape.length, args))),
    strides: ({ shape, strides }, args) => orderOf(shape.length, args).map((d) => strides[d]),
  };
}

function order(rank: number, { dims }: { readonly dims: readonly number[] }): readonly number[] {
  const perm = dims.map((d) => normalizeDim(d, rank));
  if (perm.length !== rank || new Set(perm).size !== rank) {
    throw new RangeError(`Cannot permute ${rank} dimensions by [${dims.join(", ")}]`);
  }
  return perm;
}

/** The order with two dims exchanged; a 0-d tensor has nothing to exchange. */
function exchanged(rank: number, dim0: number, dim1: number): readonly number[] {
  const [a, b] = [normalizeDim(dim0, rank), normalizeDim(dim1, rank)];
  return Array.from({ length: rank }, (_, d) => d === a ? b : d === b ? a : d);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.permute.html */
export const permute = defineOp("aten::permute(Tensor(a) self, int[] dims) -> Tensor(a)", permuting(order));

const copyOrder: PermuteRules<{ readonly dims: readonly number[] }> = permuting(order);

/** A copy with dims in another order. */
export const permuteCopy = defineOp("aten::permute_copy(Tensor self, int[] dims) -> Tensor", {
  meta: copyOrder.meta,
  kernel: copyOrder.kernel,
  complex: "native",
  onnx: copyOrder.onnx,
});

const exchange: PermuteRules<{ readonly dim0: number; readonly dim1: number }> = permuting((rank, { dim0, dim1 }) =>
  exchanged(rank, dim0, dim1)
);

/** https://docs.pytorch.org/docs/stable/generated/torch.transpose.html */
export const transpose = defineOp("aten::transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a)", {
  ...exchange,
  inplace: ["aten::transpose_"],
});

/** A copy with two dims exchanged. */
export const transposeCopy = defineOp("aten::transpose_copy.int(Tensor self, int dim0, int dim1) -> Tensor", {
  meta: exchange.meta,
  kernel: exchange.kernel,
  complex: "native",
  onnx: exchange.onnx,
});

/** https://docs.pytorch.org/docs/stable/generated/torch.swapdims.html */
export const swapdims = defineOp("aten::swapdims(Tensor(a) self, int dim0, int dim1) -> Tensor(a)", exchange);

/** https://docs.pytorch.org/docs/stable/generated/torch.swapaxes.html */
export const swapaxes = defineOp(
  "aten::swapaxes(Tensor(a) self, int axis0, int axis1) -> Tensor(a)",
  permuting<{ readonly axis0: number; readonly axis1: number }>((rank, { axis0, axis1 }) =>
    exchanged(rank, axis0, axis1)
  ),
);

export function matrixOrder(rank: number): readonly number[] {
  if (rank > 2) throw new RangeError(`t takes a tensor of at most 2 dimensions, met ${rank}`);
  return rank === 2 ? [1, 0] : rank === 1 ? [0] : [];
}

const matrix: PermuteRules<unknown> = permuting(matrixOrder);

/** https://docs.pytorch.org/docs/stable/generated/torch.t.html */
export const t = defineOp("aten::t(Tensor(a) self) -> Tensor(a)", matrix);

/** A transposed copy. */
export const tCopy = defineOp("aten::t_copy(Tensor self) -> Tensor", {
  meta: matrix.meta,
  kernel: matrix.kernel,
  complex: "native",
  onnx: matrix.onnx,
});

/** The order with the last two dims exchanged. @throws {RangeError} for fewer */
export function lastTwo(rank: number): readonly number[] {
  if (rank < 2) throw new RangeError(`mT takes a tensor of at least 2 dimensions, met ${rank}`);
  return exchanged(rank, -2, -1);
}

/** https://docs.pytorch.org/docs/stable/tensors.html#torch.Tensor.mT */
export const mT = defineOp("aten::mT(Tensor(a) self) -> Tensor(a)", permuting(lastTwo));

/** https://docs.pytorch.org/docs/stable/tensors.html#torch.Tensor.T */
export const numpyT = defineOp(
  "aten::numpy_T(Tensor(a) self) -> Tensor(a)",
  permuting((rank) => Array.from({ length: rank }, (_, d) => rank - 1 - d)),
);

/** The order that brings the dims `source` to the places `destination` and keeps the others as they are. */
function moved(rank: number, source: readonly number[], destination: readonly number[]): readonly number[] {
  const from = source.map((d) => normalizeDim(d, rank));
  const to = destination.map((d) => normalizeDim(d, rank));
  if (from.length !== to.length || new Set(from).size !== from.length || new Set(to).size !== to.length) {
    throw new RangeError(`Cannot move dims [${source.join(", ")}] to [${destination.join(", ")}]`);
  }
  if (rank === 0) return [];
  const rest = Array.from({ length: rank }, (_, d) => d).filter((d) => !from.includes(d));
  return Array.from({ length: rank }, (_, d) => to.includes(d) ? from[to.indexOf(d)] : rest.shift()!);
}

interface MoveArgs<N> {
  readonly source: N;
  readonly destination: N;
}

const moveOne: PermuteRules<MoveArgs<number>> = permuting((rank, { source, destination }) =>
  moved(rank, [source], [destination])
);
const moveMany: PermuteRules<MoveArgs<readonly number[]>> = permuting((rank, { source, destination }) =>
  moved(rank, source, destination)
);

/** https://docs.pytorch.org/docs/stable/generated/torch.movedim.html */
export const movedimInt = defineOp(
  "aten::movedim.int(Tensor(a) self, int source, int destination) -> Tensor(a)",
  moveOne,
);

/** https://docs.pytorch.org/docs/stable/generated/torch.movedim.html */
export const movedim = defineOp(
  "aten::movedim.intlist(Tensor(a) self, int[] source, int[] destination) -> Tensor(a)",
  moveMany,
);

/** https://docs.pytorch.org/docs/stable/generated/torch.moveaxis.html */
export const moveaxisInt = defineOp(
  "aten::moveaxis.int(Tensor(a) self, int source, int destination) -> Tensor(a)",
  moveOne,
);

/** https://docs.pytorch.org/docs/stable/generated/torch.moveaxis.html */
export const moveaxis = defineOp(
  "aten::moveaxis.intlist(Tensor(a) self, int[] source, int[] destination) -> Tensor(a)",
  moveMany,
);
