/**
 * Complex matrices as real ones of twice the size: each number becomes the 2×2 matrix `[[re, -im], [im, re]]`. Products,
 * inverses and functions of the real matrix are those of the complex one in the same form, adjoints are transposes, and
 * triangles with real diagonals stay triangles; singular values and eigenvalues occur twice.
 */
import { mul as times } from "../sym/mod.ts";
import { neg } from "./unary.ts";
import { floorDivideScalar } from "./division.ts";
import { add, addScalar } from "./binary.ts";
import { tril, triu } from "./triangle.ts";
import type { Calls } from "./op.ts";
import { stack } from "./flip.ts";
import { slice } from "./slice.ts";
import { reshape } from "./view.ts";

/** The real form of `[…, n, m]`: `[…, 2n, 2m]`. */
export function toRealMatrix<T extends object>(t: Calls<T>, x: T): T {
  const [re, imaginary] = t.parts(x);
  const { dtype, shape } = t.meta(re);
  const im = imaginary ?? t.full(shape, 0, dtype);
  const rows = [[re, t.call(neg, im)], [im, re]].map((row) => t.call(stack, row, -1));
  // […, n, 2, m, 2]
  const cells = t.call(stack, rows, -3);
  return t.call(reshape, cells, [...shape.slice(0, -2), ...shape.slice(-2).map((n) => times(2, n))]);
}

/** The real form of a Hermitian matrix, the imaginary parts of whose diagonal are not looked at, as LAPACK does not. */
export function toSymmetric<T extends object>(t: Calls<T>, x: T): T {
  const [re, im] = t.parts(x);
  return toRealMatrix(t, t.join(re, im && t.call(add, t.call(tril, im, -1), t.call(triu, im, 1))));
}

/** A column of numbers as the two rows that a product with a real form gives: `[…, 2n, m]` of `[…, n, m]`. */
export function toRealColumns<T extends object>(t: Calls<T>, x: T): T {
  const [re, imaginary] = t.parts(x);
  const { dtype, shape } = t.meta(re);
  const both = t.call(stack, [re, imaginary ?? t.full(shape, 0, dtype)], -2);
  return t.call(reshape, both, [...shape.slice(0, -2), times(2, shape.at(-2)!), shape.at(-1)!]);
}

/** The complex columns of their real form. */
export function fromRealColumns<T extends object>(t: Calls<T>, x: T): T {
  return t.join(...[0, 1].map((k) => t.call(slice, x, -2, k, null, 2)) as [T, T]);
}

/** The complex matrix of a real form. */
export function fromRealMatrix<T extends object>(t: Calls<T>, x: T): T {
  return fromRealColumns(t, t.call(slice, x, -1, 0, null, 2));
}

/** Each of the numbers of a list in which they occur twice in a row. */
export function halved<T extends object>(t: Calls<T>, x: T): T {
  return t.call(slice, x, -1, 0, null, 2);
}

/** Which row of a complex matrix failed, counted from 1, of the row of its real form; 0 where none did. */
export function rowOfReal<T extends object>(t: Calls<T>, info: T): T {
  return t.cast(t.call(floorDivideScalar, t.call(addScalar, info, 1n), 2n), "int32");
}
