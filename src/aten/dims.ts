/** Which dims a reduction reduces, and the shape that is left. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, prod } from "../sym/mod.ts";
import { normalizeDim } from "../tensor/mod.ts";
import { carrier, type Native } from "./emit.ts";

/**
 * Dims made non-negative, in order; none given means all. A 0-d tensor has none to reduce.
 *
 * @throws {RangeError} when a dim is out of range or named twice
 */
export function reducedDims(dim: readonly number[] | number | null, rank: number): number[] {
  const given = dim === null ? [] : typeof dim === "number" ? [dim] : dim;
  const dims = given.map((d) => normalizeDim(d, rank));
  if (new Set(dims).size !== dims.length) throw new RangeError(`Dims [${given.join(", ")}] name a dimension twice`);
  if (rank === 0) return [];
  return dims.length === 0 ? Array.from({ length: rank }, (_, d) => d) : dims.sort((a, b) => a - b);
}

/** The shape after a reduction. */
export function reducedShape(shape: readonly Dim[], dims: readonly number[], keepdim: boolean): Dim[] {
  return shape.flatMap((d, i) => !dims.includes(i) ? [d] : keepdim ? [1] : []);
}

/** A reduction node; a 0-d value has nothing to reduce and goes through the operator as it is. */
export function emitReduce(
  b: OnnxBuilder,
  native: Native,
  opType: string,
  x: OnnxValue,
  dims: readonly number[],
  keepdim: boolean,
): OnnxValue {
  const rank = b.meta(x).shape.length;
  const axes = dims.length === rank ? null : b.ints(dims);
  const { dtype } = b.meta(x);
  const wide = carrier(b, dtype, native, opType);
  return b.cast(b.op(opType, [b.cast(x, wide), axes], { keepdims: keepdim ? 1 : 0 }), dtype);
}

/** The number of elements that are reduced to one. */
export function reducedCount(shape: readonly Dim[], dims: readonly number[]): Dim {
  return prod(dims.map((d) => shape[d]));
}
