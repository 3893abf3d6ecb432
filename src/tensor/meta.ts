/**
 * What is known of a tensor without its values: dtype, symbolic shape and, where they matter, strides. Every layer above
 * speaks of tensors in these terms; shapes of concrete tensors are the special case without symbols.
 */
import { type Dim, eq, isSym, mul } from "../sym/mod.ts";
import type { DType } from "./dtype.ts";

/** dtype and (symbolic) shape of a tensor. */
export interface Meta {
  /** Type of the elements. */
  readonly dtype: DType;
  /** Sizes; expressions of symbols where they are not fixed. */
  readonly shape: readonly Dim[];
  /** In elements. Absent means row-major contiguous. */
  readonly strides?: readonly Dim[];
}

/** Strides of a row-major contiguous tensor. */
export function contiguousStrides(shape: readonly Dim[]): Dim[] {
  const strides: Dim[] = new Array(shape.length);
  let step: Dim = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step;
    if (shape[i] !== 0) step = mul(step, shape[i]);
  }
  return strides;
}

/** Whether the elements lie in row-major order without gaps; unknown comparisons count as no. */
export function isContiguous(meta: Meta): boolean {
  if (!meta.strides) return true;
  if (meta.shape.some((d) => d === 0)) return true;
  let step: Dim = 1;
  for (let i = meta.shape.length - 1; i >= 0; i--) {
    if (meta.shape[i] === 1) continue;
    if (eq(meta.strides[i], step) !== true) return false;
    step = mul(step, meta.shape[i]);
  }
  return true;
}

/** The shape as numbers, or null when a dim is symbolic. */
export function staticShape(shape: readonly Dim[]): number[] | null {
  return shape.some(isSym) ? null : shape as number[];
}

/** `float32[2, s0]`. */
export function formatMeta(meta: Meta): string {
  return `${meta.dtype}[${meta.shape.map(String).join(", ")}]`;
}

/**
 * The shape of an elementwise operation.
 *
 * A symbolic size beside a size that is not 1 is taken as equal to it, as PyTorch's guards guarantee for a captured
 * program; an exact conflict is refused.
 *
 * @throws {RangeError} when two constant sizes differ and neither is 1
 */
export function broadcastShapes(...shapes: readonly (readonly Dim[])[]): Dim[] {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  const result: Dim[] = new Array(rank).fill(1);
  for (const shape of shapes) {
    for (let i = 0; i < shape.length; i++) {
      const at = rank - shape.length + i;
      const [have, dim] = [result[at], shape[i]];
      if (dim === 1 || have === dim) continue;
      if (have === 1) result[at] = dim;
      else if (isSym(have)) result[at] = isSym(dim) ? have : dim;
      else if (!isSym(dim)) {
        throw new RangeError(
          `Cannot broadcast shapes ${
            shapes.map((s) => `[${s.join(", ")}]`).join(" and ")
          }: sizes ${have} and ${dim} differ`,
        );
      }
    }
  }
  return result;
}

/** A dim index made non-negative. A 0-d tensor counts as one-dimensional, as in PyTorch. */
export function normalizeDim(dim: number, rank: number): number {
  const n = Math.max(rank, 1);
  if (!Number.isInteger(dim) || dim < -n || dim >= n) {
    throw new RangeError(`Dimension out of range: expected -${n} to ${n - 1}, met ${dim}`);
  }
  return dim < 0 ? dim + n : dim;
}
