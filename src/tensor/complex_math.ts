/** Functions of complex numbers in double precision, by their definitions, for reference kernels. */

/** A complex number: real and imaginary part. */
export type C = readonly [re: number, im: number];

const I: C = [0, 1];
const ONE: C = [1, 0];

export const add = ([a, b]: C, [c, d]: C): C => [a + c, b + d];
export const sub = ([a, b]: C, [c, d]: C): C => [a - c, b - d];
export const mul = ([a, b]: C, [c, d]: C): C => [a * c - b * d, a * d + b * c];
export const neg = ([a, b]: C): C => [-a, -b];
export const conj = ([a, b]: C): C => [a, -b];
export const abs = ([a, b]: C): number => Math.hypot(a, b);
export const angle = ([a, b]: C): number => Math.atan2(b, a);
export const scale = ([a, b]: C, k: number): C => [a * k, b * k];
export const polar = (r: number, phi: number): C => [r * Math.cos(phi), r * Math.sin(phi)];

/** The larger part of the divisor becomes 1 first, so that its square can't overflow. */
export function div([a, b]: C, [c, d]: C): C {
  const k = Math.max(Math.abs(c), Math.abs(d));
  if (k === 0) return [a / k, b / k];
  const [x, y] = [c / k, d / k];
  const n = (x * x + y * y) * k;
  return [(a * x + b * y) / n, (b * x - a * y) / n];
}

export const reciprocal = (z: C): C => div(ONE, z);
export const exp = ([a, b]: C): C => b === 0 ? [Math.exp(a), b] : polar(Math.exp(a), b);
export const log = (z: C): C => [Math.log(abs(z)), angle(z)];

/** The root whose real part is not negative. */
export function sqrt([a, b]: C): C {
  if (a === 0 && b === 0) return [0, b];
  const t = Math.sqrt((Math.hypot(a, b) + Math.abs(a)) / 2);
  return a >= 0 ? [t, b / (2 * t)] : [Math.abs(b) / (2 * t), b < 0 || Object.is(b, -0) ? -t : t];
}

/** A power. To the power of 0 everything is 1, and 0 to any other power is 0. */
export function pow(z: C, w: C): C {
  if (w[0] === 0 && w[1] === 0) return ONE;
  if (z[0] === 0 && z[1] === 0) return [0, 0];
  return exp(mul(w, log(z)));
}

export const sin = ([a, b]: C): C => [Math.sin(a) * Math.cosh(b), Math.cos(a) * Math.sinh(b)];
export const cos = ([a, b]: C): C => [Math.cos(a) * Math.cosh(b), -Math.sin(a) * Math.sinh(b)];
export const sinh = ([a, b]: C): C => [Math.sinh(a) * Math.cos(b), Math.cosh(a) * Math.sin(b)];
export const cosh = ([a, b]: C): C => [Math.cosh(a) * Math.cos(b), Math.sinh(a) * Math.sin(b)];

/** With tanh of the real part, which can't overflow. */
export function tanh([a, b]: C): C {
  const [t, c] = [Math.tanh(a), Math.cos(b)];
  const rest = 1 / Math.cosh(a) ** 2;
  const n = t * t + c * c * rest;
  return [t / n, Math.sin(b) * c * rest / n];
}

/** `f` of `i·z`, divided by `i`: a function of a circle by its hyperbolic twin. */
const turned = (f: (z: C) => C) => (z: C): C => div(f(mul(I, z)), I);

export const tan: (z: C) => C = turned(tanh);
export const asinh = (z: C): C => {
  // log(z + √(z² + 1)) cancels for negative real parts; the function is odd.
  if (z[0] < 0) return neg(asinh(neg(z)));
  return log(add(z, mul(sqrt([1 - z[1], z[0]]), sqrt([1 + z[1], -z[0]]))));
};
export const acosh = (z: C): C => log(add(z, mul(sqrt(add(z, ONE)), sqrt(sub(z, ONE)))));
export const atanh = (z: C): C => scale(sub(log(add(ONE, z)), log(sub(ONE, z))), 0.5);
export const asin: (z: C) => C = turned(asinh);
export const acos = (z: C): C => sub([Math.PI / 2, 0], asin(z));
export const atan: (z: C) => C = turned(atanh);
export const sigmoid = (z: C): C => reciprocal(add(ONE, exp(neg(z))));
export const sgn = (z: C): C => z[0] === 0 && z[1] === 0 ? z : scale(z, 1 / abs(z));
export const expm1 = ([a, b]: C): C => {
  const s = Math.sin(b / 2);
  return [Math.expm1(a) * Math.cos(b) - 2 * s * s, Math.exp(a) * Math.sin(b)];
};
/** A number near 1 keeps what a small one adds to it. */
export const log1p = ([a, b]: C): C => [Math.log1p(a * (2 + a) + b * b) / 2, Math.atan2(b, 1 + a)];
