/**
 * Advanced indexing as PyTorch reads it, shared by reading and writing: which dims are indexed, what masks become, and how
 * the dims of the indices stand in the result.
 *
 * Source: https://docs.pytorch.org/docs/stable/tensor_view.html and `TensorAdvancedIndexing.cpp` of ATen
 */
import { type Dim, eq } from "../sym/mod.ts";
import { broadcastShapes, type DType, type Meta, Tensor } from "../tensor/mod.ts";
import { indices as allIndices } from "../tensor/loops.ts";
import { refuse } from "./rules.ts";

/** An index tensor (or nothing) for each dim of the indexed tensor. */
export type Slots<T> = readonly (T | null)[];

/** Where the dims of a result of indexing come from. */
export interface IndexLayout {
  /** Dims that are indexed, in order. */
  readonly dims: readonly number[];
  /** The other dims. */
  readonly rest: readonly number[];
  /** How many of the other dims stand before those of the indices in the result. */
  readonly lead: number;
}

/** Whether an index tensor is a mask. */
export function isMask(dtype: DType): boolean {
  return dtype === "bool" || dtype === "uint8";
}

/** The layout of indexing: the dims of the indices stand where the indexed dims were, or in front where those lie apart. */
export function layoutOf(slots: Slots<unknown>): IndexLayout {
  const dims = slots.flatMap((slot, d) => slot === null ? [] : [d]);
  const rest = slots.flatMap((slot, d) => slot === null ? [d] : []);
  const isTogether = dims.length > 0 && dims[dims.length - 1] - dims[0] + 1 === dims.length;
  return { dims, rest, lead: isTogether ? dims[0] : 0 };
}

/**
 * One slot for each dim: masks become as many index tensors as they have dims.
 *
 * @param expandMask gives the index tensors of a mask
 */
export function slotsOf<T>(
  shape: readonly Dim[],
  indices: readonly (T | null)[],
  metaOf: (index: T) => Meta,
  expandMask: (mask: T) => readonly T[],
): Slots<T> {
  const slots: (T | null)[] = [];
  for (const index of indices) {
    if (index === null) {
      slots.push(null);
      continue;
    }
    const meta = metaOf(index);
    if (!isMask(meta.dtype)) {
      if (!/^int(8|16|32|64)$/.test(meta.dtype)) {
        throw new TypeError(`Tensors used as indices must be of an integer or bool dtype, met ${meta.dtype}`);
      }
      slots.push(index);
      continue;
    }
    if (meta.shape.length === 0) refuse("indices", "a mask of no dimensions", "it adds a dimension of 0 or 1 elements");
    for (const [i, size] of meta.shape.entries()) {
      const own = shape[slots.length + i];
      if (own === undefined || eq(own, size) === false) {
        throw new RangeError(
          `A mask of shape [${meta.shape.join(", ")}] does not fit a tensor of [${shape.join(", ")}]`,
        );
      }
    }
    slots.push(...expandMask(index));
  }
  if (slots.length > shape.length) {
    throw new RangeError(`${slots.length} indices are too many for a tensor of ${shape.length} dimensions`);
  }
  while (slots.length < shape.length) slots.push(null);
  return slots;
}

/** The shape of the result of indexing. */
export function indexedShape(shape: readonly Dim[], { rest, lead }: IndexLayout, index: readonly Dim[]): Dim[] {
  const kept = rest.map((d) => shape[d]);
  return [...kept.slice(0, lead), ...index, ...kept.slice(lead)];
}

/** The broadcast shape of index tensors. */
export function indexShape(slots: Slots<Meta>): Dim[] {
  return broadcastShapes(...slots.flatMap((slot) => slot === null ? [] : [slot.shape]));
}

/** The coordinates of a mask's nonzero elements, one 1-d tensor per dim. */
export function maskIndices(mask: Tensor): Tensor[] {
  const data = mask.data();
  const found: bigint[][] = mask.shape.map(() => []);
  let i = 0;
  for (const index of allIndices(mask.shape)) if (data[i++]) index.forEach((k, d) => found[d].push(BigInt(k)));
  return found.map((list) => Tensor.of("int64", [list.length], list));
}
