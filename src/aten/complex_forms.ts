/**
 * Functions of complex tensors in terms of functions of their parts. An imaginary part that is null is zero: what it would
 * add is left out, so that an infinity beside it gives no NaN, which it does where PyTorch multiplies it by that zero.
 * Branch cuts lie where PyTorch's do; the signs of zero on them are not followed.
 *
 * Records name these forms, and interpreters are given them: programs on real numbers do without this file and what it
 * imports.
 */
import type { Scalar } from "../fx/mod.ts";
import { isSym } from "../sym/mod.ts";
import { broadcastShapes } from "../tensor/mod.ts";
import { add, mul, sub } from "./binary.ts";
import { eq, le, ltScalar, ne } from "./compare.ts";
import { div } from "./division.ts";
import { expand } from "./expand.ts";
import { logicalAnd, logicalOr } from "./logical.ts";
import type { Calls } from "./op.ts";
import { hypot } from "./power.ts";
import { atan2, cos, cosh, sin, sinh, tanh } from "./trigonometry.ts";
import { abs, exp, expm1, isfinite, isinf, isnan, log, log1p, neg, reciprocal, sqrt } from "./unary.ts";
import { where } from "./where.ts";

export * from "./complex_products.ts";

/** A complex value in parts. */
interface Num<T> {
  readonly re: T;
  readonly im: T | null;
}

interface Self<T> {
  readonly self: T;
}

interface Pair<T> {
  readonly self: T;
  readonly other: T;
}

function numOf<T>(t: Calls<T>, x: T): Num<T> {
  const [re, im] = t.parts(x);
  return { re, im };
}

function join<T extends object>(t: Calls<T>, { re, im }: Num<T>): T {
  return t.join(re, im);
}

/** A real constant of the dtype of a part. */
function constant<T>(t: Calls<T>, like: T, value: number): T {
  return t.full([], value, t.meta(like).dtype);
}

function times<T extends object>(t: Calls<T>, x: T | null, y: T | null): T | null {
  return x && y ? t.call(mul, x, y) : null;
}

function plus<T extends object>(t: Calls<T>, x: T | null, y: T | null): T | null {
  return x && y ? t.call(add, x, y) : x ?? y;
}

function minus<T extends object>(t: Calls<T>, x: T | null, y: T | null): T | null {
  if (!y) return x;
  return x ? t.call(sub, x, y) : t.call(neg, y);
}

function scaled<T extends object>(t: Calls<T>, x: T, factor: number): T {
  return t.call(mul, x, constant(t, x, factor));
}

function scaledNum<T extends object>(t: Calls<T>, { re, im }: Num<T>, factor: number): Num<T> {
  return { re: scaled(t, re, factor), im: im && scaled(t, im, factor) };
}

function product<T extends object>(t: Calls<T>, x: Num<T>, y: Num<T>): Num<T> {
  const re = minus(t, times(t, x.re, y.re), times(t, x.im, y.im))!;
  return { re, im: plus(t, times(t, x.re, y.im), times(t, x.im, y.re)) };
}

/** `1 + x`, or another real number instead of 1. */
function shifted<T extends object>(t: Calls<T>, { re, im }: Num<T>, by: number): Num<T> {
  return { re: t.call(add, re, constant(t, re, by)), im };
}

function negated<T extends object>(t: Calls<T>, { re, im }: Num<T>): Num<T> {
  return { re: t.call(neg, re), im: im && t.call(neg, im) };
}

/** `i · x`. */
function turned<T extends object>(t: Calls<T>, { re, im }: Num<T>): Num<T> {
  return { re: im ? t.call(neg, im) : zeroLike(t, re), im: re };
}

/** `−i · x`. */
function turnedBack<T extends object>(t: Calls<T>, { re, im }: Num<T>): Num<T> {
  return { re: im ?? zeroLike(t, re), im: t.call(neg, re) };
}

function zeroLike<T extends object>(t: Calls<T>, x: T): T {
  return t.full(t.meta(x).shape, 0, t.meta(x).dtype);
}

/** The sum of the squares of the parts. */
function squares<T extends object>(t: Calls<T>, { re, im }: Num<T>): T {
  return plus(t, t.call(mul, re, re), times(t, im, im))!;
}

function modulus<T extends object>(t: Calls<T>, z: Num<T>): T {
  // Squares of large parts would overflow, those of small ones vanish.
  return z.im ? t.call(hypot, z.re, z.im) : t.call(abs, z.re);
}

/** A part that a real operand left in its own shape gets the shape of the result. */
function inShape<T extends object>(t: Calls<T>, part: T | null, re: T): T | null {
  if (!part) return null;
  const [shape, wanted] = [t.meta(part).shape, t.meta(re).shape];
  const isSame = shape.length === wanted.length && shape.every((d, i) => d === wanted[i]);
  return isSame ? part : t.call(expand, part, broadcastShapes(shape, wanted));
}

function isOne(value: Scalar): boolean {
  return !isSym(value) && typeof value !== "object" && Number(value) === 1;
}

/** `alpha · other`. */
function timesAlpha<T extends object>(t: Calls<T>, other: T, alpha: Scalar): Num<T> {
  const y = numOf(t, other);
  return isOne(alpha) ? y : product(t, y, numOf(t, t.full([], alpha, t.meta(other).dtype)));
}

export function addForm<T extends object>(t: Calls<T>, { self, other, alpha }: Pair<T> & { alpha: Scalar }): T {
  const [x, y] = [numOf(t, self), timesAlpha(t, other, alpha)];
  const re = plus(t, x.re, y.re)!;
  return t.join(re, inShape(t, plus(t, x.im, y.im), re));
}

export function subForm<T extends object>(t: Calls<T>, { self, other, alpha }: Pair<T> & { alpha: Scalar }): T {
  const [x, y] = [numOf(t, self), timesAlpha(t, other, alpha)];
  const re = minus(t, x.re, y.re)!;
  return t.join(re, inShape(t, minus(t, x.im, y.im), re));
}

export function mulForm<T extends object>(t: Calls<T>, { self, other }: Pair<T>): T {
  return join(t, product(t, numOf(t, self), numOf(t, other)));
}

export function squareForm<T extends object>(t: Calls<T>, { self }: Self<T>): T {
  return mulForm(t, { self, other: self });
}

function quotient<T extends object>(t: Calls<T>, x: Num<T>, y: Num<T>): Num<T> {
  if (!y.im) return { re: t.call(div, x.re, y.re), im: x.im && t.call(div, x.im, y.re) };
  const n = squares(t, y);
  const { re, im } = product(t, x, { re: y.re, im: t.call(neg, y.im) });
  return { re: t.call(div, re, n), im: im && t.call(div, im, n) };
}

export function divForm<T extends object>(t: Calls<T>, { self, other }: Pair<T>): T {
  return join(t, quotient(t, numOf(t, self), numOf(t, other)));
}

function inverse<T extends object>(t: Calls<T>, z: Num<T>): Num<T> {
  if (!z.im) return { re: t.call(reciprocal, z.re), im: null };
  const n = squares(t, z);
  return { re: t.call(div, z.re, n), im: t.call(neg, t.call(div, z.im, n)) };
}

export function reciprocalForm<T extends object>(t: Calls<T>, { self }: Self<T>): T {
  return join(t, inverse(t, numOf(t, self)));
}

/** A number of a modulus and an angle. */
function polar<T extends object>(t: Calls<T>, r: T, phi: T): Num<T> {
  return { re: t.call(mul, r, t.call(cos, phi)), im: t.call(mul, r, t.call(sin, phi)) };
}

export function polarForm<T extends object>(t: Calls<T>, args: { readonly abs: T; readonly angle: T }): T {
  return join(t, polar(t, args.abs, args.angle));
}

function exponential<T extends object>(t: Calls<T>, { re, im }: Num<T>): Num<T> {
  const r = t.call(exp, re);
  return im ? polar(t, r, im) : { re: r, im };
}

export function expForm<T extends object>(t: Calls<T>, { self }: Self<T>): T {
  return join(t, exponential(t, numOf(t, self)));
}

export function exp2Form<T extends object>(t: Calls<T>, { self }: Self<T>): T {
  return join(t, exponential(t, scaledNum(t, numOf(t, self), Math.LN2)));
}

/** exp(a)·cos(b) − 1 as expm1(a)·cos(b) − 2·sin²(b/2): nothing cancels near 0. */
export function expm1Form<T extends object>(t: Calls<T>, { self }: Self<T>): T {
  const { re, im } = numOf(t, self);
  if (!im) return t.join(t.call(expm1, re), null);
  const half = t.call(sin, scaled(t, im, 0.5));
  const whole = t.call(mul, t.call(expm1, re), t.call(cos, im));
  const real = t.call(sub, whole, scaled(t, t.call(mul, half, half), 2));
  return t.join(real, t.call(mul, t.call(exp, re), t.call(sin, im)));
}

function phase<T extends object>(t: Calls<T>, { re, im }: Num<T>): T {
  return t.call(atan2, im ?? zeroLike(t, re), re);
}

function logarithm<T extends object>(t: Calls<T>, z: Num<T>): Num<T> {
  return { re: t.call(log, modulus(t, z)), im: phase(t, z) };
}

export function logForm<T extends object>(t: Calls<T>, { self }: Self<T>): T {
  return join(t, logarithm(t, numOf(t, self)));
}

export function log2Form<T extends object>(t: Calls<T>, { self }: Self<T>): T {
  return join(t, scaledNum(t, logarithm(t, numOf(t, self)), 1 / Math.LN2));
}

export function log10Form<T extends object>(t: Calls<T>, { self }: Self<T>): T {
  return join(t, scaledNum(t, logarithm(t, numOf(t, self)), 1 / Math.LN10));
}

export function log1pForm<T extends object>(t: Calls<T>, { self }: Self<T>): T {
  return join(t, logarithm(t, shifted(t, numOf(t, self), 1)));
}

export function angleForm<T extends object>(t: Calls<T>, { self }: Self<T>): T {
  return phase(t, numOf(t, self));
}

/** With t = √((|z| + |a|) / 2): t + i·b/2t, and |b|/2t ± i·t where the real part is negative. 0 is its own root. */
function root<T extends object>(t: Calls<T>, z: Num<T>): Num<T> {
  const zero = constant(t, z.re, 0);
  const im = z.im ?? zeroLike(t, z.re);
  const size = t.call(sqrt, scaled(t, t.call(add, modulus(t, z), t.call(abs, z.re)), 0.5));
  const isZero = t.call(eq, size, zero);
  const other = t.call(where, isZero, zero, t.call(div, scaled(t, im, 0.5), size));
  const isNegative = t.call(ltScalar, z.re, 0n);
  const signed = t.call(where, t.call(ltScalar, im, 0n), t.call(neg, size), size);
  return {
    re: t.call(where, isNegative, t.call(abs, other), size),
    im: t.call(where, isNegative, signed, other),
  };
}

export function sqrtForm<T extends object>(t: Calls<T>, { self }: Self<T>): T {
  return join(t, root(t, numOf(t, self)));
}

export function rsqrtForm<T extends object>(t: Calls<T>, { self }: Self<T>): T {
  return join(t, inverse(t, root(t, numOf(t, self))));
}

/** exp(w · log z), but 0 for 0 to a power whose real part is not 0, and 1 to the power of a constant 0. */
function power<T extends object>(t: Calls<T>, z: Num<T>, w: Num<T>): T {
  const { re, im } = exponential(t, product(t, w, logarithm(t, z)));
  const zero = constant(t, z.re, 0);
  const isZero = t.call(eq, squares(t, z), zero);
  return t.join(t.call(where, isZero, zero, re), t.call(where, isZero, zero, im!));
}

interface Power<T, E> {
  readonly self: T;
  readonly exponent: E;
}

export function powForm<T extends object>(t: Calls<T>, { self, exponent }: Power<T, T>): T {
  return power(t, numOf(t, self), numOf(t, exponent));
}

export function powScalarForm<T extends object>(t: Calls<T>, { self, exponent }: Power<T, Scalar>): T {
  const z = numOf(t, self);
  switch (typeof exponent === "object" ? null : Number(exponent)) {
    case 0:
      return t.join(t.full(t.meta(z.re).shape, 1, t.meta(z.re).dtype), null);
    case 1:
      return self;
    case 2:
      return join(t, product(t, z, z));
    case 3:
      return join(t, product(t, product(t, z, z), z));
    case 0.5:
      return join(t, root(t, z));
    case -0.5:
      return join(t, inverse(t, root(t, z)));
    case -1:
      return join(t, inverse(t, z));
    case -2:
      return join(t, inverse(t, product(t, z, z)));
  }
  return power(t, z, numOf(t, t.full([], exponent, t.meta(self).dtype)));
}

function hyperbolicTangent<T extends object>(t: Calls<T>, { re, im }: Num<T>): Num<T> {
  if (!im) return { re: t.call(tanh, re), im };
  // Divided by cosh² of the real part, which would overflow.
  const [tangent, c] = [t.call(tanh, re), t.call(cos, im)];
  const slope = t.call(reciprocal, t.call(cosh, re));
  const rest = t.call(mul, t.call(mul, slope, slope), c);
  const n = t.call(add, t.call(mul, tangent, tangent), t.call(mul, rest, c));
  return { re: t.call(div, tangent, n), im: t.call(div, t.call(mul, rest, t.call(sin, im)), n) };
}

export function tanhForm<T extends object>(t: Calls<T>, { self }: Self<T>): T {
  return join(t, hyperbolicTangent(t, numOf(t, self)));
}

export function tanForm<T extends object>(t: Calls<T>, { self }: Self<T>): T {
  return join(t, turnedBack(t, hyperbolicTangent(t, turned(t, numOf(t, self)))));
}

export function sinForm<T extends object>(t: Calls<T>, { self }: Self<T>): T {
  const { re, im } = numOf(t, self);
  if (!im) return t.join(t.call(sin, re), null);
  return t.join(t.call(mul, t.call(sin, re), t.call(cosh, im)), t.call(mul, t.call(cos, re), t.call(sinh, im)));
}

/** `sin(πz) / (πz)`, 1 at 0. */
export function sincForm<T extends object>(t: Calls<T>, { self }: Self<T>): T {
  const { re, im } = numOf(t, self);
  const constant = (value: number): T => t.full([], value, t.meta(re).dtype);
  const angle = t.join(t.call(mul, re, constant(Math.PI)), im && t.call(mul, im, constant(Math.PI)));
  const isZero = t.call(eq, self, constant(0));
  const ratio = numOf(t, t.call(div, t.call(sin, angle), angle));
  const choose = (atZero: number, elsewhere: T): T => t.call(where, isZero, constant(atZero), elsewhere);
  return t.join(choose(1, ratio.re), ratio.im && choose(0, ratio.im));
}

export function cosForm<T extends object>(t: Calls<T>, { self }: Self<T>): T {
  const { re, im } = numOf(t, self);
  if (!im) return t.join(t.call(cos, re), null);
  const imaginary = t.call(neg, t.call(mul, t.call(sin, re), t.call(sinh, im)));
  return t.join(t.call(mul, t.call(cos, re), t.call(cosh, im)), imaginary);
}

export function sinhForm<T extends object>(t: Calls<T>, { self }: Self<T>): T {
  const { re, im } = numOf(t, self);
  if (!im) return t.join(t.call(sinh, re), null);
  return t.join(t.call(mul, t.call(sinh, re), t.call(cos, im)), t.call(mul, t.call(cosh, re), t.call(sin, im)));
}

export function coshForm<T extends object>(t: Calls<T>, { self }: Self<T>): T {
  const { re, im } = numOf(t, self);
  if (!im) return t.join(t.call(cosh, re), null);
  return t.join(t.call(mul, t.call(cosh, re), t.call(cos, im)), t.call(mul, t.call(sinh, re), t.call(sin, im)));
}

function sum<T extends object>(t: Calls<T>, x: Num<T>, y: Num<T>): Num<T> {
  return { re: t.call(add, x.re, y.re), im: plus(t, x.im, y.im) };
}

/** log(z + √(z² + 1)) for a real part that is not negative; the function is odd. */
function areaSine<T extends object>(t: Calls<T>, z: Num<T>): Num<T> {
  const isNegative = t.call(ltScalar, z.re, 0n);
  const flip = (x: T): T => t.call(where, isNegative, t.call(neg, x), x);
  const flipped = { re: t.call(abs, z.re), im: z.im && flip(z.im) };
  const i = turned(t, flipped);
  const around = product(t, root(t, shifted(t, i, 1)), root(t, shifted(t, negated(t, i), 1)));
  const { re, im } = logarithm(t, sum(t, flipped, around));
  return { re: flip(re), im: im && flip(im) };
}

export function asinhForm<T extends object>(t: Calls<T>, { self }: Self<T>): T {
  return join(t, areaSine(t, numOf(t, self)));
}

function arcSine<T extends object>(t: Calls<T>, z: Num<T>): Num<T> {
  return turnedBack(t, areaSine(t, turned(t, z)));
}

export function asinForm<T extends object>(t: Calls<T>, { self }: Self<T>): T {
  return join(t, arcSine(t, numOf(t, self)));
}

export function acosForm<T extends object>(t: Calls<T>, { self }: Self<T>): T {
  return join(t, shifted(t, negated(t, arcSine(t, numOf(t, self))), Math.PI / 2));
}

export function acoshForm<T extends object>(t: Calls<T>, { self }: Self<T>): T {
  const z = numOf(t, self);
  const around = product(t, root(t, shifted(t, z, 1)), root(t, shifted(t, z, -1)));
  return join(t, logarithm(t, sum(t, z, around)));
}

/** ½·(log(1 + z) − log(1 − z)). */
function areaTangent<T extends object>(t: Calls<T>, z: Num<T>): Num<T> {
  const [above, below] = [logarithm(t, shifted(t, z, 1)), logarithm(t, shifted(t, negated(t, z), 1))];
  return scaledNum(t, { re: t.call(sub, above.re, below.re), im: minus(t, above.im, below.im) }, 0.5);
}

export function atanhForm<T extends object>(t: Calls<T>, { self }: Self<T>): T {
  return join(t, areaTangent(t, numOf(t, self)));
}

export function atanForm<T extends object>(t: Calls<T>, { self }: Self<T>): T {
  return join(t, turnedBack(t, areaTangent(t, turned(t, numOf(t, self)))));
}

export function sigmoidForm<T extends object>(t: Calls<T>, { self }: Self<T>): T {
  return join(t, inverse(t, shifted(t, exponential(t, negated(t, numOf(t, self))), 1)));
}

export function sgnForm<T extends object>(t: Calls<T>, { self }: Self<T>): T {
  const z = numOf(t, self);
  const size = modulus(t, z);
  const divisor = t.call(where, t.call(eq, size, constant(t, size, 0)), constant(t, size, 1), size);
  return t.join(t.call(div, z.re, divisor), z.im && t.call(div, z.im, divisor));
}

export function eqForm<T extends object>(t: Calls<T>, { self, other }: Pair<T>): T {
  const [x, y] = [numOf(t, self), numOf(t, other)];
  const zero = constant(t, x.re, 0);
  const re = t.call(eq, x.re, y.re);
  return x.im || y.im ? t.call(logicalAnd, re, t.call(eq, x.im ?? zero, y.im ?? zero)) : re;
}

export function neForm<T extends object>(t: Calls<T>, { self, other }: Pair<T>): T {
  const [x, y] = [numOf(t, self), numOf(t, other)];
  const zero = constant(t, x.re, 0);
  const re = t.call(ne, x.re, y.re);
  return x.im || y.im ? t.call(logicalOr, re, t.call(ne, x.im ?? zero, y.im ?? zero)) : re;
}

export function isnanForm<T extends object>(t: Calls<T>, { self }: Self<T>): T {
  const { re, im } = numOf(t, self);
  return im ? t.call(logicalOr, t.call(isnan, re), t.call(isnan, im)) : t.call(isnan, re);
}

export function isinfForm<T extends object>(t: Calls<T>, { self }: Self<T>): T {
  const { re, im } = numOf(t, self);
  return im ? t.call(logicalOr, t.call(isinf, re), t.call(isinf, im)) : t.call(isinf, re);
}

export function isfiniteForm<T extends object>(t: Calls<T>, { self }: Self<T>): T {
  const { re, im } = numOf(t, self);
  return im ? t.call(logicalAnd, t.call(isfinite, re), t.call(isfinite, im)) : t.call(isfinite, re);
}

interface Close<T> extends Pair<T> {
  readonly rtol: number;
  readonly atol: number;
  readonly equal_nan: boolean;
}

export function iscloseForm<T extends object>(t: Calls<T>, { self, other, rtol, atol, equal_nan }: Close<T>): T {
  const gap = modulus(t, numOf(t, t.call(sub, self, other)));
  const size = modulus(t, numOf(t, other));
  const bound = t.call(add, scaled(t, size, rtol), constant(t, size, atol));
  const within = t.call(logicalAnd, t.call(isfinite, gap), t.call(le, gap, bound));
  const close = t.call(logicalOr, within, t.call(eq, self, other));
  return equal_nan ? t.call(logicalOr, close, t.call(logicalAnd, t.call(isnan, self), t.call(isnan, other))) : close;
}

/** The number with the larger real part is taken out, so that nothing overflows; its angle is left as it is. */
export function logaddexpForm<T extends object>(t: Calls<T>, { self, other }: Pair<T>): T {
  const isLess = t.call(le, t.parts(self)[0], t.parts(other)[0]);
  const [large, small] = [t.call(where, isLess, other, self), t.call(where, isLess, self, other)];
  return t.call(add, large, t.call(log1p, t.call(exp, t.call(sub, small, large))));
}

interface Lerp<T, W> {
  readonly self: T;
  readonly end: T;
  readonly weight: W;
}

/** From the nearer end, as PyTorch has it. */
export function lerpForm<T extends object>(t: Calls<T>, { self, end, weight }: Lerp<T, T>): T {
  const difference = t.call(sub, end, self);
  const isNear = t.call(ltScalar, modulus(t, numOf(t, weight)), 0.5);
  const rest = t.call(sub, t.full([], 1, t.meta(weight).dtype), weight);
  const [first, last] = [t.call(mul, difference, weight), t.call(mul, difference, rest)];
  return t.call(where, isNear, t.call(add, self, first), t.call(sub, end, last));
}

export function lerpScalarForm<T extends object>(t: Calls<T>, { self, end, weight }: Lerp<T, Scalar>): T {
  return lerpForm(t, { self, end, weight: t.full([], weight, t.meta(self).dtype) });
}

export function isrealForm<T extends object>(t: Calls<T>, { self }: Self<T>): T {
  const { re, im } = numOf(t, self);
  return im ? t.call(eq, im, constant(t, im, 0)) : t.full(t.meta(re).shape, true, "bool");
}
