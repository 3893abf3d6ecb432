/** Relatives of the error function in double precision, as reference kernels and tables of coefficients need them. */
import { erf, erfc } from "./special.ts";

/** `exp(x²) · erfc(x)`. */
export function erfcx(x: number): number {
  if (x < 0) return 2 * Math.exp(x * x) - erfcx(-x);
  if (x < 25) return Math.exp(x * x) * erfc(x);
  // https://dlmf.nist.gov/7.12.E1
  let series = 1;
  for (let k = 17; k > 0; k -= 2) series = 1 - k * series / (2 * x * x);
  return series / (x * Math.sqrt(Math.PI));
}

/** The z of at least 0 with `log erfc(z)` as given. */
function inverseLogErfc(log: number): number {
  let z = Math.sqrt(Math.max(-log, 0));
  // Newton's steps on log erfc, whose derivative is -2/√π / erfcx(z).
  for (let i = 0; i < 60; i++) {
    const tail = erfcx(z);
    const step = (Math.log(tail) - z * z - log) * tail * Math.sqrt(Math.PI) / 2;
    z = Math.max(z + step, 0);
    if (Math.abs(step) <= 1e-16 * z) break;
  }
  return z;
}

/** The inverse of erf: NaN outside of [-1, 1]. */
export function erfinv(y: number): number {
  const a = Math.abs(y);
  if (!(a <= 1)) return NaN;
  if (a === 1) return y * Infinity;
  if (a > 0.5) return Math.sign(y) * inverseLogErfc(Math.log1p(-a));
  let z = y * Math.sqrt(Math.PI) / 2;
  for (let i = 0; i < 10; i++) z -= (erf(z) - y) * Math.sqrt(Math.PI) / 2 * Math.exp(z * z);
  return z;
}

/** The value that a normal variable exceeds with probability `1 - p`. */
export function ndtri(p: number): number {
  if (!(p >= 0 && p <= 1)) return NaN;
  if (p === 0 || p === 1) return p === 0 ? -Infinity : Infinity;
  if (p > 0.25 && p < 0.75) return Math.SQRT2 * erfinv(2 * p - 1);
  const z = Math.SQRT2 * inverseLogErfc(p < 0.5 ? Math.log(2 * p) : Math.log(2 * (1 - p)));
  return p < 0.5 ? -z : z;
}

/** The logarithm of the probability that a normal variable is less than x. */
export function logNdtr(x: number): number {
  const t = x * Math.SQRT1_2;
  return x < -1 ? Math.log(erfcx(-t) / 2) - t * t : Math.log1p(-erfc(t) / 2);
}

/**
 * `erfinv(x) / x` as a function of `u = √(-log(1 - x²))`, which tells x near 0 and near ±1 alike.
 *
 * @param u at least 0
 */
export function erfinvRatio(u: number): number {
  if (u === 0) return Math.sqrt(Math.PI) / 2;
  const a = Math.sqrt(-Math.expm1(-u * u));
  return (a > 0.5 ? inverseLogErfc(-u * u - Math.log1p(a)) : erfinv(a)) / a;
}
