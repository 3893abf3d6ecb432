/** Products of complex tensors in terms of products of their parts. */
import { isSym } from "../sym/mod.ts";
import { type DType, isComplex, normalizeDim } from "../tensor/mod.ts";
import { add, mul, sub } from "./binary.ts";
import { refuse } from "./rules.ts";
import type { Calls, Op } from "./op.ts";
import { cat } from "./cat.ts";
import { slice } from "./slice.ts";
import { neg } from "./unary.ts";
import { flatten, squeezeDim } from "./view.ts";

/** A function that is linear in each operand: the sum over all ways to take a part of each, with `i` for imaginary ones. */
export function multilinear<T extends object>(
  t: Calls<T>,
  operands: readonly T[],
  fn: (...parts: T[]) => T,
): T {
  let terms: { readonly parts: readonly T[]; readonly turns: number }[] = [{ parts: [], turns: 0 }];
  for (const operand of operands) {
    const [re, im] = t.parts(operand);
    terms = terms.flatMap(({ parts, turns }) => [
      { parts: [...parts, re], turns },
      ...(im ? [{ parts: [...parts, im], turns: turns + 1 }] : []),
    ]);
  }
  const sums: [T | null, T | null] = [null, null];
  for (const { parts, turns } of terms) {
    const value = fn(...parts);
    const [k, isNegative] = [turns % 2, turns % 4 >= 2];
    const sum = sums[k];
    if (sum) sums[k] = t.call(isNegative ? sub : add, sum, value);
    else sums[k] = isNegative ? t.call(neg, value) : value;
  }
  return t.join(sums[0]!, sums[1]);
}

/** An operator whose schema the type checker doesn't see. */
export type AnyOp = Pick<Op, "parsed">;

/** Calls an operator with one result by the names of its arguments. */
export function callByName<T extends object>(
  t: Calls<T>,
  op: AnyOp,
  args: Readonly<Record<string, unknown>>,
): T {
  const given = op.parsed.args.map(({ name }) => args[name]);
  return (t.call as (op: AnyOp, ...args: unknown[]) => T).call(t, op, ...given);
}

interface Prod<T> {
  readonly self: T;
  readonly dim?: number | null;
  readonly keepdim?: boolean;
  readonly dtype: DType | null;
}

/** The product of the elements along a dim of known size: halves are multiplied until one element is left. */
export function prodForm<T extends object>(t: Calls<T>, { self, dim = null, keepdim = false, dtype }: Prod<T>): T {
  const given = t.meta(self);
  let x = t.cast(self, dtype ?? given.dtype);
  if (!isComplex(t.meta(x).dtype)) refuse("dtype", dtype, "the product of complex numbers is complex");
  if (given.shape.length === 0) return x;
  if (dim === null) x = t.call(flatten, x);
  const d = dim === null ? 0 : normalizeDim(dim, given.shape.length);
  let size = t.meta(x).shape[d];
  if (isSym(size)) return refuse("dim", dim, `a product of complex numbers needs a constant size, met ${size}`);
  if (size === 0) {
    const shape = t.meta(x).shape.flatMap((n, k) => k !== d ? [n] : keepdim ? [1] : []);
    return t.full(shape, 1, t.meta(x).dtype);
  }
  while (size > 1) {
    const half = Math.floor(size / 2);
    const product = t.call(mul, t.call(slice, x, d, 0, half), t.call(slice, x, d, half, 2 * half));
    const rest = size % 2 === 1 ? t.call(slice, x, d, size - 1, size) : null;
    const first = rest && t.call(mul, t.call(slice, product, d, 0, 1), rest);
    if (!first) x = product;
    else x = half === 1 ? first : t.call(cat, [first, t.call(slice, product, d, 1, half)], d);
    size = half;
  }
  return keepdim ? x : t.call(squeezeDim, x, d);
}
