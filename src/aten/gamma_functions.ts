/**
 * The gamma function's family in double precision, as reference kernels need it. Stirling's and Euler-Maclaurin's series
 * are used where the argument is large, and the recurrence leads there: https://dlmf.nist.gov/5.11, https://dlmf.nist.gov/25.11.
 */

/** B₂, B₄, … : https://dlmf.nist.gov/24.2#T1 */
export const BERNOULLI: readonly number[] = [
  1 / 6,
  -1 / 30,
  1 / 42,
  -1 / 30,
  5 / 66,
  -691 / 2730,
  7 / 6,
  -3617 / 510,
  43867 / 798,
  -174611 / 330,
  854513 / 138,
  -236364091 / 2730,
];

/** From here on the series give double precision. */
const LARGE = 10;

const { PI } = Math;

/** `sin(πx)` without the error of a rounded product. */
export function sinPi(x: number): number {
  const rest = x - 2 * Math.round(x / 2);
  // At integers the sine must be 0, not the rounding error of π.
  return Number.isInteger(rest) ? 0 : Math.sin(PI * rest);
}

/** `log |Γ(x)|`. */
export function lgamma(x: number): number {
  if (Number.isNaN(x)) return x;
  if (!Number.isFinite(x)) return Infinity;
  if (x <= 0 && Number.isInteger(x)) return Infinity;
  if (x < 0.5) return Math.log(PI / Math.abs(sinPi(x))) - lgamma(1 - x);
  let product = 1;
  let z = x;
  for (; z < LARGE; z++) product *= z;
  let series = 0;
  for (let k = 6; k >= 0; k--) series = series / (z * z) + BERNOULLI[k] / ((2 * k + 2) * (2 * k + 1));
  return (z - 0.5) * (Math.log(z) - 1) - 0.5 + 0.5 * Math.log(2 * PI) + series / z - Math.log(product);
}

/** The derivative of `log Γ(x)`. PyTorch gives an infinity at 0 and NaN at the other poles. */
export function digamma(x: number): number {
  if (x === 0) return Object.is(x, -0) ? Infinity : -Infinity;
  if (x < 0) {
    if (x === Math.trunc(x)) return NaN;
    return digamma(1 - x) - PI / Math.tan(PI * (x % 1));
  }
  let sum = 0;
  let z = x;
  for (; z < LARGE; z++) sum += 1 / z;
  let series = 0;
  for (let k = 7; k >= 0; k--) series = series / (z * z) + BERNOULLI[k] / (2 * k + 2);
  return Math.log(z) - 0.5 / z - series / (z * z) - sum;
}

/** Hurwitz' zeta function `Σ (q + k)^-x`. PyTorch gives NaN for x < 1 and, for fractional x, at negative q. */
export function zeta(x: number, q: number): number {
  if (x === 1) return Infinity;
  if (!(x > 1)) return NaN;
  if (q <= 0) {
    if (q === Math.floor(q)) return Infinity;
    if (x !== Math.floor(x)) return NaN;
  }
  if (q === Infinity) return NaN;
  let sum = 0;
  let w = q;
  for (let k = 0; k < LARGE || w < LARGE; k++, w = q + k) {
    const term = w ** -x;
    sum += term;
    if (Math.abs(term) < 1e-17 * Math.abs(sum)) return sum;
  }
  const power = w ** -x;
  let result = sum + power * w / (x - 1) + 0.5 * power;
  let factor = x * power / w;
  let factorial = 2;
  for (const [k, bernoulli] of BERNOULLI.entries()) {
    const term = factor * bernoulli / factorial;
    if (!Number.isFinite(term)) break;
    result += term;
    factor *= (x + 2 * k + 1) * (x + 2 * k + 2) / (w * w);
    factorial *= (2 * k + 3) * (2 * k + 4);
  }
  return result;
}

/**
 * The first derivative of the digamma function. Below one half PyTorch reflects it with the sine of `πx`, whose product is
 * rounded to the operand's dtype: at the poles that leaves a large number.
 */
export function trigamma(x: number, round: (x: number) => number): number {
  if (!(x < 0.5)) return Number.isNaN(x) ? NaN : x === Infinity ? 0 : zeta(2, x);
  const sine = Math.sin(round(round(PI) * x));
  return PI * PI / (sine * sine) - zeta(2, 1 - x);
}

/** The n-th derivative of the digamma function, for n of at least 2. */
export function polygamma(n: number, x: number): number {
  return (n % 2 === 1 ? 1 : -1) * Math.exp(lgamma(n + 1)) * zeta(n + 1, x);
}

/** `x^a · e^-x / Γ(a)`. */
function incompleteFactor(a: number, x: number): number {
  return Math.exp(a * Math.log(x) - x - lgamma(a));
}

/** `P(a, x)` by its power series: https://dlmf.nist.gov/8.11.E4 */
function lowerSeries(a: number, x: number): number {
  let term = 1 / a;
  let sum = term;
  for (let n = 1; term > 1e-17 * sum; n++) {
    term *= x / (a + n);
    sum += term;
  }
  return sum * incompleteFactor(a, x);
}

/** `Q(a, x)` by its continued fraction, evaluated as Lentz did: https://dlmf.nist.gov/8.9.E2 */
function upperFraction(a: number, x: number): number {
  let b = x + 1 - a;
  let d = 1 / b;
  let c = Infinity;
  let result = d;
  for (let n = 1; n < 1e6; n++) {
    const numerator = n * (a - n);
    b += 2;
    d = 1 / (numerator * d + b);
    c = b + numerator / c;
    const change = c * d;
    result *= change;
    if (Math.abs(change - 1) < 1e-16) break;
  }
  return result * incompleteFactor(a, x);
}

/** The regularized lower (`P`) and upper (`Q`) incomplete gamma functions of shape `a`. */
export function incompleteGamma(a: number, x: number): { lower: number; upper: number } {
  const both = (lower: number) => ({ lower, upper: 1 - lower });
  if (Number.isNaN(a) || Number.isNaN(x) || a < 0 || x < 0) return both(NaN);
  if (a === 0) return both(x > 0 ? 1 : NaN);
  if (x === 0) return both(0);
  if (a === Infinity) return both(x === Infinity ? NaN : 0);
  if (x === Infinity) return both(1);
  if (x <= Math.max(a, 1)) return both(lowerSeries(a, x));
  const upper = upperFraction(a, x);
  return { lower: 1 - upper, upper };
}
