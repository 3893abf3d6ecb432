/**
 * Factorizations of complex matrices whose sizes are constants, column by column in terms of other operators. Matrices of
 * twice the size in reals don't serve here (see `complex_matrices.ts`): their pivots and reflections are others.
 */
import { type Dim, isSym } from "../sym/mod.ts";
import { toReal } from "../tensor/mod.ts";
import { add, addScalar, mul, sub } from "./binary.ts";
import { cat } from "./cat.ts";
import { eqScalar } from "./compare.ts";
import { conjPhysical } from "./complex.ts";
import { diagonal } from "./diagonal.ts";
import { div } from "./division.ts";
import { eq } from "./compare.ts";
import { expand } from "./expand.ts";
import { gather } from "./gather.ts";
import { matmul } from "./linear.ts";
import { matrixShape } from "./matrices.ts";
import type { Calls } from "./op.ts";
import { mT } from "./permute.ts";
import { hypot } from "./power.ts";
import { arange } from "./range.ts";
import { prodDim } from "./reduce.ts";
import { argmax } from "./reduce_extrema.ts";
import { refuse } from "./rules.ts";
import { slice } from "./slice.ts";
import { abs, neg, sqrt } from "./unary.ts";
import { squeezeDims, unsqueeze } from "./view.ts";
import { where } from "./where.ts";
import { ltScalar } from "./compare.ts";
import { sumDim } from "./reduce.ts";

interface Sizes {
  readonly batch: readonly Dim[];
  readonly rows: number;
  readonly columns: number;
}

/** @throws {RangeError} when a size is no constant */
function sizesOf<T>(t: Calls<T>, A: T, name: string): Sizes {
  const { batch, rows, columns } = matrixShape(name, t.meta(A).shape);
  if (isSym(rows) || isSym(columns)) {
    return refuse("A", `[${t.meta(A).shape.join(", ")}]`, `${name} of complex matrices needs sizes that are constants`);
  }
  return { batch, rows, columns };
}

function rowsOf<T extends object>(t: Calls<T>, x: T, from: number, to: number | null = null): T {
  return t.call(slice, x, -2, from, to);
}

function columnsOf<T extends object>(t: Calls<T>, x: T, from: number, to: number | null = null): T {
  return t.call(slice, x, -1, from, to);
}

/** The element of each matrix at a place, `[…, 1, 1]`. */
function at<T extends object>(t: Calls<T>, x: T, i: number, j: number): T {
  return columnsOf(t, rowsOf(t, x, i, i + 1), j, j + 1);
}

function joined<T extends object>(t: Calls<T>, parts: readonly (T | null)[], dim: number): T {
  const given = parts.filter((part) => part !== null);
  return given.length === 1 ? given[0] : t.call(cat, given, dim);
}

/** Adjoints: rows and columns exchanged, elements conjugated. */
function adjointOf<T extends object>(t: Calls<T>, x: T): T {
  return t.call(mT, t.call(conjPhysical, x));
}

/** Packed factors, pivots as LAPACK counts them, and the first column without a pivot. */
export interface ComplexFactors<T> {
  readonly LU: T;
  readonly pivots: T;
  readonly info: T;
}

/** LU factors; the pivot is the element whose parts have the largest sum of sizes, as in LAPACK. */
export function complexLU<T extends object>(t: Calls<T>, A: T): ComplexFactors<T> {
  const { batch, rows, columns } = sizesOf(t, A, "linalg.lu_factor");
  const count = Math.min(rows, columns);
  const row = t.call(unsqueeze, t.call(arange, BigInt(rows)), 1);
  const number = (value: number): T => t.full([], BigInt(value), "int64");
  const found: T[] = [];
  let x = A;
  let info = t.full(batch, 0n, "int32");
  for (let k = 0; k < count; k++) {
    const [re, im] = t.parts(columnsOf(t, rowsOf(t, x, k), k, k + 1));
    const size = im ? t.call(add, t.call(abs, re), t.call(abs, im)) : t.call(abs, re);
    const pivot = t.call(addScalar, t.call(argmax, size, -2, true), BigInt(k));
    const lowered = t.call(where, t.call(eq, row, pivot), number(k), row);
    const order = t.call(where, t.call(eqScalar, row, BigInt(k)), pivot, lowered);
    x = t.call(gather, x, -2, t.call(expand, order, [...batch, rows, columns]));
    const top = rowsOf(t, x, k, k + 1);
    const value = columnsOf(t, top, k, k + 1);
    const isMissing = t.call(eq, value, t.full([], 0, t.meta(x).dtype));
    const isFirst = t.call(eqScalar, info, 0n);
    const missing = t.call(where, t.call(squeezeDims, isMissing, [-2, -1]), t.full([], BigInt(k + 1), "int32"), info);
    info = t.call(where, isFirst, missing, info);
    found.push(pivot);
    if (k + 1 === rows) continue;
    const divisor = t.call(where, isMissing, t.full([], 1, t.meta(x).dtype), value);
    const below = rowsOf(t, x, k + 1);
    const factors = t.call(div, columnsOf(t, below, k, k + 1), divisor);
    const rest = k + 1 === columns ? null : t.call(
      sub,
      columnsOf(t, below, k + 1),
      t.call(mul, factors, columnsOf(t, top, k + 1)),
    );
    const lower = joined(t, [k === 0 ? null : columnsOf(t, below, 0, k), factors, rest], -1);
    x = t.call(cat, [rowsOf(t, x, 0, k + 1), lower], -2);
  }
  if (count === 0) return { LU: A, pivots: t.full([...batch, 0], 0n, "int32"), info };
  const pivots = t.call(squeezeDims, joined(t, found, -2), [-1]);
  return { LU: x, pivots: t.cast(t.call(addScalar, pivots, 1n), "int32"), info };
}

/** -1 where the number of exchanges is odd, else 1, in the real dtype of a complex matrix. */
function parityOf<T extends object>(t: Calls<T>, pivots: T, like: T): T {
  const dtype = toReal(t.meta(like).dtype);
  const count = t.meta(pivots).shape.at(-1) as number;
  const stays = t.call(eq, pivots, t.cast(t.call(addScalar, t.call(arange, BigInt(count)), 1n), "int32"));
  return t.call(prodDim, t.call(where, stays, t.full([], 1, dtype), t.full([], -1, dtype)), -1);
}

/** The diagonals of packed factors, and the sign of the exchanges. */
export function factorsOfDeterminant<T extends object>(t: Calls<T>, { LU, pivots }: ComplexFactors<T>): {
  readonly diagonal: T;
  readonly parity: T;
} {
  return { diagonal: t.call(diagonal, LU, 0, -2, -1), parity: parityOf(t, pivots, LU) };
}

/** Packed reflections and their factors, as LAPACK's geqrf: `R` has a real diagonal. */
export function complexReflections<T extends object>(t: Calls<T>, A: T): { readonly packed: T; readonly tau: T } {
  const { batch, rows, columns } = sizesOf(t, A, "torch.geqrf");
  const { dtype } = t.meta(A);
  const real = toReal(dtype);
  const factors: T[] = [];
  let x = A;
  for (let k = 0; k < Math.min(rows, columns); k++) {
    const own = columnsOf(t, rowsOf(t, x, k), k, k + 1);
    const alpha = rowsOf(t, own, 0, 1);
    const [re, im] = t.parts(alpha);
    const squares = (z: T): T => {
      const [p, q] = t.parts(z);
      return q ? t.call(add, t.call(mul, p, p), t.call(mul, q, q)) : t.call(mul, p, p);
    };
    const zero = t.full(t.meta(re).shape, 0, real);
    const rest = k + 1 === rows ? zero : t.call(sqrt, t.call(sumDim, squares(rowsOf(t, own, 1)), [-2], true));
    const size = t.call(hypot, t.call(hypot, re, im ?? zero), rest);
    // A column that is real and zero below the diagonal stays as it is.
    const isDone = t.call(eq, t.call(hypot, rest, im ?? zero), t.full([], 0, real));
    const signed = t.call(where, t.call(ltScalar, re, 0n), size, t.call(neg, size));
    const beta = t.call(where, isDone, re, signed);
    const one = t.full([], 1, real);
    const safe = t.call(where, isDone, one, beta);
    const tau = t.join(t.call(div, t.call(sub, beta, re), safe), t.call(div, t.call(neg, im ?? zero), safe));
    factors.push(tau);
    const gap = t.call(where, isDone, t.full([], 1, dtype), t.call(sub, alpha, t.join(beta, null)));
    const below = k + 1 === rows ? null : t.call(div, rowsOf(t, own, 1), gap);
    const vector = joined(t, [t.full(t.meta(alpha).shape, 1, dtype), below], -2);
    const column = joined(t, [t.join(beta, zero), below], -2);
    const trailing = k + 1 === columns
      ? null
      : reflected(t, columnsOf(t, rowsOf(t, x, k), k + 1), vector, t.call(conjPhysical, tau));
    const right = joined(t, [column, trailing], -1);
    const lower = k === 0 ? right : t.call(cat, [columnsOf(t, rowsOf(t, x, k), 0, k), right], -1);
    x = joined(t, [k === 0 ? null : rowsOf(t, x, 0, k), lower], -2);
  }
  if (factors.length === 0) return { packed: A, tau: t.full([...batch, 0], 0, dtype) };
  return { packed: x, tau: t.call(squeezeDims, joined(t, factors, -2), [-1]) };
}

/** `C - tau v (v^H C)`. */
function reflected<T extends object>(t: Calls<T>, C: T, vector: T, tau: T): T {
  const sums = t.call(matmul, adjointOf(t, vector), C);
  return t.call(sub, C, t.call(mul, t.call(mul, vector, tau), sums));
}

/** `Q C`, or `Q^H C`, of the product of packed reflections. */
export function applyComplexReflections<T extends object>(
  t: Calls<T>,
  packed: T,
  tau: T,
  C: T,
  adjoint: boolean,
): T {
  const { batch, rows } = sizesOf(t, packed, "Householder reflections");
  const count = t.meta(tau).shape.at(-1)!;
  if (isSym(count)) refuse("tau", count, "the number of reflections must be a constant");
  const { dtype } = t.meta(packed);
  const order = Array.from({ length: count }, (_, k) => adjoint ? k : count - 1 - k);
  return order.reduce<T>((x, k) => {
    const one = t.full([...batch, 1, 1], 1, dtype);
    const vector = joined(t, [one, k + 1 === rows ? null : columnsOf(t, rowsOf(t, packed, k + 1), k, k + 1)], -2);
    const factor = t.call(unsqueeze, t.call(slice, tau, -1, k, k + 1), -1);
    const turned = reflected(t, rowsOf(t, x, k), vector, adjoint ? t.call(conjPhysical, factor) : factor);
    return k === 0 ? turned : t.call(cat, [rowsOf(t, x, 0, k), turned], -2);
  }, C);
}

export { adjointOf, at };
