/** The bound below which singular values count as zero, as linalg.pinv and linalg.matrix_rank take it. */
import type { Scalar } from "../fx/mod.ts";
import { isSym, max } from "../sym/mod.ts";
import type { DType, Meta } from "../tensor/mod.ts";
import { mul } from "./binary.ts";
import { gtScalar } from "./compare.ts";
import { maximum } from "./extrema.ts";
import type { Calls } from "./op.ts";
import { unsqueeze } from "./view.ts";
import { where } from "./where.ts";

/** What a call says: absolute and relative bounds, each a tensor that broadcasts along the batch. */
export interface Bounds<T> {
  readonly atol: T | null;
  readonly rtol: T | null;
}

/** The distance from 1 to the next number. */
const EPSILON: Readonly<Partial<Record<DType, number>>> = { float32: 2 ** -23, float64: 2 ** -52 };

/** A bound that is given as a number. */
export function numberBound<T>(t: Calls<T>, value: Scalar | null): T | null {
  return value === null ? null : t.full([], value, "float64");
}

/**
 * The larger of the absolute bound and the relative one times the largest singular value (`[…, 1]`, float64). Without a
 * relative bound it is the dtype's precision times the larger size, unless there is a positive absolute one.
 */
export function boundOf<T extends object>(t: Calls<T>, A: Meta, largest: T, { atol, rtol }: Bounds<T>): T {
  const wide = (x: T): T => t.cast(x, "float64");
  const relative = wide(rtol ?? defaultBound(t, A, atol));
  const scaled = t.call(mul, t.call(unsqueeze, relative, -1), largest);
  return atol === null ? scaled : t.call(maximum, t.call(unsqueeze, wide(atol), -1), scaled);
}

function defaultBound<T extends object>(t: Calls<T>, A: Meta, atol: T | null): T {
  const size = max(...A.shape.slice(-2));
  const epsilon = EPSILON[A.dtype]!;
  const own = isSym(size)
    ? t.call(mul, t.full([], size, "float64"), t.full([], epsilon, "float64"))
    : t.full([], size * epsilon, "float64");
  return atol === null ? own : t.call(where, t.call(gtScalar, atol, 0n), t.full([], 0, "float64"), own);
}
