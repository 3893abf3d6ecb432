/** The bound below which singular values count as zero, as linalg.pinv and linalg.matrix_rank take it. */
import type { Scalar } from "../fx/mod.ts";
import { isSym, max } from "../sym/mod.ts";
import { type Meta, toReal } from "../tensor/mod.ts";
import { mul } from "./binary.ts";
import { gtScalar } from "./compare.ts";
import { maximum } from "./extrema.ts";
import { EPSILON } from "./matrices.ts";
import type { Calls } from "./op.ts";
import { unsqueeze } from "./view.ts";
import { where } from "./where.ts";

/** What a call says: absolute and relative bounds, each a tensor that broadcasts along the batch. */
export interface Bounds<T> {
  readonly atol: T | null;
  readonly rtol: T | null;
}

/** A bound that is given as a number. What is above it in the dtype of `A` must be so exactly: it is never rounded up. */
export function numberBound<T>(t: Calls<T>, A: T, value: Scalar | null): T | null {
  const dtype = toReal(t.meta(A).dtype);
  if (typeof value !== "number" || dtype !== "float32") return value === null ? null : t.full([], value, dtype);
  const rounded = Math.fround(value);
  return t.full([], rounded > value ? Math.fround(rounded * (1 - EPSILON.float32! / 2)) : rounded, dtype);
}

/**
 * The larger of the absolute bound and the relative one times the largest singular value (`[…, 1]`). Without a relative bound
 * it is the dtype's precision times the larger size, unless there is a positive absolute one.
 */
export function boundOf<T extends object>(t: Calls<T>, A: Meta, largest: T, { atol, rtol }: Bounds<T>): T {
  const typed = (x: T): T => t.cast(x, A.dtype);
  const relative = typed(rtol ?? defaultBound(t, A, atol));
  const scaled = t.call(mul, t.call(unsqueeze, relative, -1), largest);
  return atol === null ? scaled : t.call(maximum, t.call(unsqueeze, typed(atol), -1), scaled);
}

function defaultBound<T extends object>(t: Calls<T>, A: Meta, atol: T | null): T {
  const size = max(...A.shape.slice(-2));
  const epsilon = EPSILON[A.dtype]!;
  const own = isSym(size)
    ? t.call(mul, t.full([], size, A.dtype), t.full([], epsilon, A.dtype))
    : t.full([], size * epsilon, A.dtype);
  return atol === null ? own : t.call(where, t.call(gtScalar, atol, 0n), t.full([], 0, A.dtype), own);
}
