/**
 * The error function and its relatives in double precision, as reference kernels and tables of coefficients need them.
 *
 * erf and erfc follow FreeBSD's msun `s_erf.c`: Copyright (C) 1993 by Sun Microsystems, Inc. Permission to use, copy,
 * modify, and distribute this software is freely granted, provided that this notice is preserved.
 */

/** Value of a polynomial, lowest coefficient first. */
function polynomial(x: number, coefficients: readonly number[]): number {
  let sum = 0;
  for (let i = coefficients.length - 1; i >= 0; i--) sum = sum * x + coefficients[i];
  return sum;
}

/** A table entry: numerator and denominator of a rational function. */
interface Rational {
  readonly p: readonly number[];
  readonly q: readonly number[];
}

const NEAR_ZERO: Rational = {
  p: [
    1.28379167095512558561e-01,
    -3.25042107247001499370e-01,
    -2.84817495755985104766e-02,
    -5.77027029648944159157e-03,
    -2.37630166566501626084e-05,
  ],
  q: [
    1,
    3.97917223959155352819e-01,
    6.50222499887672944485e-02,
    5.08130628187576562776e-03,
    1.32494738004321644526e-04,
    -3.96022827877536812320e-06,
  ],
};

const NEAR_ONE: Rational = {
  p: [
    -2.36211856075265944077e-03,
    4.14856118683748331666e-01,
    -3.72207876035701323847e-01,
    3.18346619901161753674e-01,
    -1.10894694282396677476e-01,
    3.54783043256182359371e-02,
    -2.16637559486879084300e-03,
  ],
  q: [
    1,
    1.06420880400844228286e-01,
    5.40397917702171048937e-01,
    7.18286544141962662868e-02,
    1.26171219808761642112e-01,
    1.36370839120290507362e-02,
    1.19844998467991074170e-02,
  ],
};

const MIDDLE: Rational = {
  p: [
    -9.86494403484714822705e-03,
    -6.93858572707181764372e-01,
    -1.05586262253232909814e+01,
    -6.23753324503260060396e+01,
    -1.62396669462573470355e+02,
    -1.84605092906711035994e+02,
    -8.12874355063065934246e+01,
    -9.81432934416914548592e+00,
  ],
  q: [
    1,
    1.96512716674392571292e+01,
    1.37657754143519042600e+02,
    4.34565877475229228821e+02,
    6.45387271733267880336e+02,
    4.29008140027567833386e+02,
    1.08635005541779435134e+02,
    6.57024977031928170135e+00,
    -6.04244152148580987438e-02,
  ],
};

const TAIL: Rational = {
  p: [
    -9.86494292470009928597e-03,
    -7.99283237680523006574e-01,
    -1.77579549177547519889e+01,
    -1.60636384855821916062e+02,
    -6.37566443368389627722e+02,
    -1.02509513161107724954e+03,
    -4.83519191608651397019e+02,
  ],
  q: [
    1,
    3.03380607434824582924e+01,
    3.25792512996573918826e+02,
    1.53672958608443695994e+03,
    3.19985821950859553908e+03,
    2.55305040643316442583e+03,
    4.74528541206955367215e+02,
    -2.24409524465858183362e+01,
  ],
};

const ERX = 8.45062911510467529297e-01;

function ratio(x: number, { p, q }: Rational): number {
  return polynomial(x, p) / polynomial(x, q);
}

/** `exp(-x²) · …` for |x| of at least 1.25: the complement of erf. */
function tail(x: number): number {
  const s = 1 / (x * x);
  const r = ratio(s, x < 1 / 0.35 ? MIDDLE : TAIL);
  // The square of a short head of x is exact, so that the exponential keeps its precision.
  const head = Math.fround(x);
  return Math.exp(-head * head - 0.5625) * Math.exp((head - x) * (head + x) + r) / x;
}

/** The error function. */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (Number.isNaN(x)) return x;
  if (a < 0.84375) return x + x * ratio(x * x, NEAR_ZERO);
  const sign = x < 0 ? -1 : 1;
  if (a < 1.25) return sign * (ERX + ratio(a - 1, NEAR_ONE));
  return a >= 6 ? sign : sign * (1 - tail(a));
}

/** `1 - erf(x)` without cancellation. */
export function erfc(x: number): number {
  const a = Math.abs(x);
  if (Number.isNaN(x)) return x;
  if (a < 0.84375) return 1 - (x + x * ratio(x * x, NEAR_ZERO));
  if (a < 1.25) {
    const y = ERX + ratio(a - 1, NEAR_ONE);
    return x >= 0 ? 1 - y : 1 + y;
  }
  if (a >= 28) return x > 0 ? 0 : 2;
  return x > 0 ? tail(a) : 2 - tail(a);
}

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
