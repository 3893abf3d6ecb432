/**
 * Bessel and Airy functions in double precision, as reference kernels and tables of coefficients need them: recurrences and
 * series for small arguments, asymptotic expansions for large ones, integrals by the trapezoidal rule. The formulas are
 * those of https://dlmf.nist.gov/10 and https://dlmf.nist.gov/9.
 */

/** Order of a function. */
export type Order = 0 | 1;

const { PI } = Math;
const EULER = 0.57721566490153286061;

/** From here on asymptotic expansions give double precision. */
const LARGE = 25;

/** J₀, J₁, … at x > 0 by the recurrence from high orders to low ones. */
function manyJ(x: number): number[] {
  const top = 2 * Math.ceil((x + 40) / 2);
  const values = new Array<number>(top + 2).fill(0);
  values[top] = 1e-300;
  for (let k = top; k > 0; k--) {
    values[k - 1] = 2 * k / x * values[k] - values[k + 1];
    if (Math.abs(values[k - 1]) > 1e100) { for (let i = k - 1; i <= top; i++) values[i] *= 1e-200; }
  }
  let norm = values[0];
  for (let k = 2; k <= top; k += 2) norm += 2 * values[k];
  return values.map((v) => v / norm);
}

/** The sums of even and odd terms of an asymptotic expansion, with alternating signs, up to the least term. */
function evenAndOdd(ratio: (k: number) => number): readonly [even: number, odd: number] {
  const sums: [number, number] = [1, 0];
  let term = 1;
  for (let k = 1; k < 60; k++) {
    const next = term * ratio(k);
    if (Math.abs(next) >= Math.abs(term) || next === 0) break;
    term = next;
    sums[k % 2] += k % 4 < 2 ? term : -term;
  }
  return sums;
}

/** `√x · |H(x)|` and `arg H(x) - x`, H being J + iY, for x of at least `LARGE`. */
function expansionOfHankel(order: Order, x: number): { modulus: number; phase: number } {
  const mu = 4 * order * order;
  const [p, q] = evenAndOdd((k) => (mu - (2 * k - 1) ** 2) / (8 * k * x));
  return { modulus: Math.sqrt(2 / PI) * Math.hypot(p, q), phase: Math.atan2(q, p) - PI / 4 - order * PI / 2 };
}

/** `√x · |H(x)|` and `arg H(x) - x`, H being J + iY. */
export function hankel(order: Order, x: number): { modulus: number; phase: number } {
  if (x >= LARGE) return expansionOfHankel(order, x);
  const [j, y] = [besselJ(order, x), besselY(order, x)];
  const expected = -PI / 4 - order * PI / 2;
  const difference = Math.atan2(y, j) - x - expected;
  return {
    modulus: Math.sqrt(x) * Math.hypot(j, y),
    phase: expected + difference - 2 * PI * Math.round(difference / (2 * PI)),
  };
}

/** The Bessel function of the first kind. PyTorch gives NaN at infinity. */
export function besselJ(order: Order, x: number): number {
  const a = Math.abs(x);
  const sign = order === 1 && x < 0 ? -1 : 1;
  if (a === 0) return order === 0 ? 1 : x;
  if (!(a < Infinity)) return NaN;
  if (a >= LARGE) {
    const { modulus, phase } = expansionOfHankel(order, a);
    return sign * modulus / Math.sqrt(a) * Math.cos(a + phase);
  }
  // For tiny arguments the recurrence would leave the range of doubles.
  if (a < 1e-5) return order === 0 ? 1 - a * a / 4 : x / 2 * (1 - a * a / 8);
  return sign * manyJ(a)[order];
}

/** The Bessel function of the second kind: -∞ at 0, NaN for negative arguments. */
export function besselY(order: Order, x: number): number {
  if (x === 0) return -Infinity;
  if (!(x > 0) || x === Infinity) return NaN;
  if (x >= LARGE) {
    const { modulus, phase } = expansionOfHankel(order, x);
    return modulus / Math.sqrt(x) * Math.sin(x + phase);
  }
  const log = Math.log(x / 2) + EULER;
  if (x < 1e-5) {
    return order === 0 ? 2 / PI * log * (1 - x * x / 4) : (x * (log - 0.5) - 2 / x) / PI;
  }
  // Neumann's series in the functions of the first kind.
  const j = manyJ(x);
  let sum = 0;
  if (order === 0) {
    for (let k = 1; 2 * k < j.length; k++) sum += (k % 2 === 0 ? 1 : -1) * j[2 * k] / k;
    return 2 / PI * log * j[0] - 4 / PI * sum;
  }
  for (let k = 1; 2 * k + 1 < j.length; k++) {
    sum += (k % 2 === 0 ? 1 : -1) * (2 * k + 1) / (k * (k + 1)) * j[2 * k + 1];
  }
  return 2 / PI * ((log - 1) * j[1] - j[0] / x - sum);
}

/** `Σ (ψ(k + 1) + ψ(k + 2)) q^k / (k! (k + 1)!)`, which the functions of the second kind and order 1 have beside a logarithm. */
function digammaSeries(q: number): number {
  let psi = 1 - 2 * EULER;
  let term = 1;
  let sum = psi;
  for (let k = 1; k < 60; k++) {
    psi += 1 / k + 1 / (k + 1);
    term *= q / (k * (k + 1));
    sum += psi * term;
  }
  return sum;
}

/** `(Y₁(x) + 2 / (πx) - 2/π · log(x) · J₁(x)) / x`, which has no singularity at 0. */
export function regularY1(x: number): number {
  return -(digammaSeries(-x * x / 4) / 2 + 2 * Math.LN2 * besselJ(1, x) / x) / PI;
}

/** `(K₁(x) - 1 / x - log(x) · I₁(x)) / x`, which has no singularity at 0. */
export function regularK1(x: number): number {
  return -digammaSeries(x * x / 4) / 4 - Math.LN2 * Math.exp(x) * scaledBesselI(1, x) / x;
}

/** `exp(-x) · I(x)` for x of at least 0. */
export function scaledBesselI(order: Order, x: number): number {
  if (Number.isNaN(x)) return NaN;
  if (x === Infinity) return 0;
  if (x > 30) {
    const mu = 4 * order * order;
    let [term, sum] = [1, 1];
    for (let k = 1; k < 60; k++) {
      const next = -term * (mu - (2 * k - 1) ** 2) / (8 * k * x);
      if (Math.abs(next) >= Math.abs(term)) break;
      term = next;
      sum += term;
    }
    return sum / Math.sqrt(2 * PI * x);
  }
  const square = x * x / 4;
  let term = order === 0 ? 1 : x / 2;
  let sum = term;
  for (let k = 1; term > 1e-18 * sum; k++) {
    term *= square / (k * (k + order));
    sum += term;
  }
  return sum * Math.exp(-x);
}

/** `exp(x) · K(x)` of any order: `∫ exp(-x (cosh t - 1)) cosh(νt) dt` over t > 0. Infinite at 0, NaN below. */
export function scaledBesselK(order: number, x: number): number {
  if (x === 0) return Infinity;
  if (!(x > 0)) return NaN;
  if (x === Infinity) return 0;
  const step = 0.1 / Math.sqrt(1 + x / 10);
  let sum = 0.5;
  for (let t = step;; t += step) {
    const half = Math.sinh(t / 2);
    const exponent = 2 * x * half * half;
    const term = Math.exp(-exponent) * Math.cosh(order * t);
    sum += term;
    if (exponent > 40 && term < 1e-18 * sum) break;
  }
  return step * sum;
}

/** `sin(x) / x`. */
export function sphericalBesselJ0(x: number): number {
  if (x === 0) return 1;
  return Math.abs(x) === Infinity ? 0 : Math.sin(x) / x;
}

/** `x^(1/4) · |Ai(-x) - i Bi(-x)|` and `arg - ζ` for ζ = ⅔ x^(3/2) of at least 15, so that `Ai(-x)` is the sine of the sum. */
export function airyWave(zeta: number): { modulus: number; phase: number } {
  const [p, q] = evenAndOdd((k) => (6 * k - 5) * (6 * k - 3) * (6 * k - 1) / (216 * k * (2 * k - 1)) / zeta);
  return { modulus: Math.hypot(p, q) / Math.sqrt(PI), phase: PI / 4 - Math.atan2(q, p) };
}

/** The Airy function by Taylor steps of its equation y″ = xy. */
function airyBySteps(x: number): number {
  let [at, y, slope] = [0, 0.355028053887817239, -0.258819403792806798];
  const steps = Math.ceil(Math.abs(x) / 0.5);
  const h = x / steps;
  for (let i = 0; i < steps; i++, at += h) {
    const c = [y, slope, at * y / 2];
    for (let n = 1; n < 25; n++) c.push((at * c[n] + c[n - 1]) / ((n + 1) * (n + 2)));
    y = slope = 0;
    for (let n = c.length - 1; n >= 0; n--) y = y * h + c[n];
    for (let n = c.length - 1; n > 0; n--) slope = slope * h + n * c[n];
  }
  return y;
}

/** The Airy function of the first kind. PyTorch gives NaN at infinities and 0 where the result nears the least double. */
export function airyAi(x: number): number {
  if (!Number.isFinite(x)) return NaN;
  if (x > 103.892) return 0;
  if (x === 0) return 0.355028053887817239;
  const zeta = 2 / 3 * Math.abs(x) ** 1.5;
  if (x > 1) return Math.exp(-zeta) * scaledBesselK(1 / 3, zeta) * Math.sqrt(x / 3) / PI;
  if (x >= -9) return airyBySteps(x);
  const { modulus, phase } = airyWave(zeta);
  return modulus * Math.sin(zeta + phase) / (-x) ** 0.25;
}
