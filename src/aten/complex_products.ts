/** Products of complex tensors in terms of products of their parts. */
import type { Scalar } from "../fx/mod.ts";
import { isSym } from "../sym/mod.ts";
import { type DType, isComplex, normalizeDim } from "../tensor/mod.ts";
import { add, mul, sub } from "./binary.ts";
import { cat } from "./cat.ts";
import { conjPhysical } from "./complex.ts";
import { expand } from "./expand.ts";
import { isNumber, matmul } from "./linear.ts";
import type { Calls, Op } from "./op.ts";
import { transpose } from "./permute.ts";
import { sumDim } from "./reduce.ts";
import { refuse } from "./rules.ts";
import { slice } from "./slice.ts";
import { neg } from "./unary.ts";
import { flatten, squeezeDim, unsqueeze } from "./view.ts";

/** A function that is linear in each operand: the sum over all ways to take a part of each, with `i` for imaginary ones. */
function multilinear<T extends object>(
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
type AnyOp = Pick<Op, "parsed">;

/** Calls an operator with one result by the names of its arguments. */
function callByName<T extends object>(
  t: Calls<T>,
  op: AnyOp,
  args: Readonly<Record<string, unknown>>,
): T {
  const given = op.parsed.args.map(({ name }) => args[name]);
  return (t.call as (op: AnyOp, ...args: unknown[]) => T).call(t, op, ...given);
}

interface Pair<T> {
  readonly self: T;
  readonly other: T;
}

/** An operator that is linear in both of its operands. */
export function bilinearForm<T extends object>(t: Calls<T>, { self, other }: Pair<T>, op: AnyOp): T {
  return multilinear(t, [self, other], (self, other) => callByName(t, op, { self, other }));
}

/** Of real numbers, the conjugate is the number. */
export function vdotForm<T extends object>(t: Calls<T>, { self, other }: Pair<T>): T {
  return t.call(matmul, t.call(conjPhysical, self), other);
}

interface Linear<T> {
  readonly input: T;
  readonly weight: T;
  readonly bias: T | null;
}

export function linearForm<T extends object>(t: Calls<T>, { input, weight, bias }: Linear<T>): T {
  const columns = t.meta(weight).shape.length === 2 ? t.call(transpose, weight, 0, 1) : weight;
  const y = t.call(matmul, input, columns);
  return bias ? t.call(add, y, bias) : y;
}

/** A convolution is linear in input and weight; the bias is added once. */
export function convolutionForm<T extends object>(t: Calls<T>, args: Linear<T>, op: AnyOp): T {
  const [re, im] = args.bias ? t.parts(args.bias) : [null, null];
  let left: (T | null)[] = [re, im];
  // The first term of each kind takes its bias along: that of real parts, then that of imaginary parts.
  return multilinear(t, [args.input, args.weight], (input, weight) => {
    const [bias = null, ...rest] = left;
    left = rest;
    return callByName(t, op, { ...args, input, weight, bias });
  });
}

interface Einsum<T> {
  readonly equation: string;
  readonly tensors: readonly T[];
}

export function einsumForm<T extends object>(t: Calls<T>, { equation, tensors }: Einsum<T>, op: AnyOp): T {
  return multilinear(t, tensors, (...parts) => callByName(t, op, { equation, tensors: parts, path: null }));
}

interface Scaled<T> {
  readonly self: T;
  readonly beta: Scalar;
  readonly alpha: Scalar;
}

/** `beta * self + alpha * product`; the factors may be complex too. */
function combined<T extends object>(t: Calls<T>, { self, beta, alpha }: Scaled<T>, y: T): T {
  const scaled = (x: T, by: Scalar): T => isNumber(by, 1) ? x : t.call(mul, x, t.full([], by, t.meta(x).dtype));
  const { shape } = t.meta(y);
  return isNumber(beta, 0)
    ? scaled(y, alpha)
    : t.call(add, t.call(expand, scaled(self, beta), shape), scaled(y, alpha));
}

export function addmmForm<T extends object>(t: Calls<T>, args: Scaled<T> & { mat1: T; mat2: T }): T {
  return combined(t, args, t.call(matmul, args.mat1, args.mat2));
}

export function baddbmmForm<T extends object>(t: Calls<T>, args: Scaled<T> & { batch1: T; batch2: T }): T {
  return combined(t, args, t.call(matmul, args.batch1, args.batch2));
}

export function addbmmForm<T extends object>(t: Calls<T>, args: Scaled<T> & { batch1: T; batch2: T }): T {
  return combined(t, args, t.call(sumDim, t.call(matmul, args.batch1, args.batch2), [0]));
}

export function addmvForm<T extends object>(t: Calls<T>, args: Scaled<T> & { mat: T; vec: T }): T {
  return combined(t, args, t.call(matmul, args.mat, args.vec));
}

export function addrForm<T extends object>(t: Calls<T>, args: Scaled<T> & { vec1: T; vec2: T }): T {
  return combined(t, args, t.call(mul, t.call(unsqueeze, args.vec1, 1), args.vec2));
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
