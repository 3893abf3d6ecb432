/**
 * Polynomials with rational coefficients over atoms: the normal form of integer arithmetic.
 *
 * Work is bounded, since expressions come from files: a product or power that would expand beyond the limits is refused.
 */

import { type Factor, intConstant, type Rational, Sym, type Term } from "./expr.ts";

/** Terms by the key of their monomial. */
export type Polynomial = ReadonlyMap<string, Term>;

const MAX_TERMS = 2048;
const MAX_TERM_PRODUCTS = 16384;
const MAX_FACTORS = 256;
const MAX_POWER = 1 << 16;
const MAX_SUM_POWER = 32;
const MAX_COEFFICIENT = 1n << 1024n;

const ZERO: Rational = { n: 0n, d: 1n };

/** Greatest common divisor, never negative. */
export function gcd(a: bigint, b: bigint): bigint {
  a = a < 0n ? -a : a;
  b = b < 0n ? -b : b;
  while (b !== 0n) [a, b] = [b, a % b];
  return a;
}

/** The fraction in lowest terms. */
export function rational(n: bigint, d = 1n): Rational {
  if (d === 0n) throw new RangeError("Cannot divide a symbolic expression by zero");
  if (d < 0n) [n, d] = [-n, -d];
  if (d !== 1n) {
    const g = gcd(n, d);
    if (g !== 1n) [n, d] = [n / g, d / g];
  }
  if (n > MAX_COEFFICIENT || n < -MAX_COEFFICIENT || d > MAX_COEFFICIENT) {
    throw new RangeError("Cannot build symbolic expression: a coefficient is too large");
  }
  return { n, d };
}

function addRational(a: Rational, b: Rational): Rational {
  return a.d === b.d ? rational(a.n + b.n, a.d) : rational(a.n * b.d + b.n * a.d, a.d * b.d);
}

function mulRational(a: Rational, b: Rational): Rational {
  return rational(a.n * b.n, a.d * b.d);
}

/** Whether an expression takes part in polynomials: integers, and polynomials with fractions. */
export function isPolynomial(x: Sym): boolean {
  return x.kind === "int" || x.node.op === "polynomial";
}

function monomialKey(factors: readonly Factor[]): string {
  return factors.map(({ base, power }) => power === 1 ? base.key : `${base.key}^${power}`).join("*");
}

/** The polynomial of an expression for which {@linkcode isPolynomial} holds. */
export function polynomialOf(x: Sym): Polynomial {
  if (x.node.op === "polynomial") return new Map(x.node.terms.map((term) => [monomialKey(term.factors), term]));
  if (x.node.op === "constant") {
    const n = x.node.value as bigint;
    return n === 0n ? new Map() : new Map([["", { coefficient: { n, d: 1n }, factors: [] }]]);
  }
  return new Map([[x.key, { coefficient: { n: 1n, d: 1n }, factors: [{ base: x, power: 1 }] }]]);
}

/** The expression of a polynomial: a constant or an atom where it is one. */
export function fromPolynomial(polynomial: Polynomial): Sym {
  if (polynomial.size === 0) return intConstant(0n);
  if (polynomial.size > MAX_TERMS) throw tooLarge();
  const keys = [...polynomial.keys()].sort();
  const terms = keys.map((key) => polynomial.get(key)!);
  const { coefficient: c, factors } = terms[0];
  if (terms.length === 1 && c.d === 1n) {
    if (factors.length === 0) return intConstant(c.n);
    if (c.n === 1n && factors.length === 1 && factors[0].power === 1) return factors[0].base;
  }
  const text = terms.map((term, i) => {
    const { n, d } = term.coefficient;
    return `${n}${d === 1n ? "" : `/${d}`}${keys[i] === "" ? "" : "*" + keys[i]}`;
  }).join("+");
  const integral = terms.every((term) => term.coefficient.d === 1n);
  return new Sym(integral ? "int" : "float", `{${text}}`, { op: "polynomial", terms });
}

function tooLarge(): RangeError {
  return new RangeError("Cannot build symbolic expression: it expands to too many terms or factors");
}

function addTerm(into: Map<string, Term>, key: string, term: Term): void {
  const old = into.get(key);
  const coefficient = old === undefined ? term.coefficient : addRational(old.coefficient, term.coefficient);
  if (coefficient.n === 0n) into.delete(key);
  else into.set(key, { coefficient, factors: term.factors });
}

/** The sum. */
export function addPolynomials(polynomials: Iterable<Polynomial>): Polynomial {
  const sum = new Map<string, Term>();
  for (const polynomial of polynomials) for (const [key, term] of polynomial) addTerm(sum, key, term);
  return sum;
}

/** The polynomial times a number. */
export function scale(polynomial: Polynomial, by: Rational): Polynomial {
  if (by.n === 0n) return new Map();
  const product = new Map<string, Term>();
  for (const [key, { coefficient, factors }] of polynomial) {
    product.set(key, { coefficient: mulRational(coefficient, by), factors });
  }
  return product;
}

function mulFactors(a: readonly Factor[], b: readonly Factor[]): Factor[] {
  const out: Factor[] = [];
  let i = 0, j = 0;
  while (i < a.length || j < b.length) {
    if (j === b.length || (i < a.length && a[i].base.key < b[j].base.key)) out.push(a[i++]);
    else if (i === a.length || b[j].base.key < a[i].base.key) out.push(b[j++]);
    else {
      const power = a[i].power + b[j].power;
      if (power > MAX_POWER) throw new RangeError(`Cannot build symbolic expression: power ${power} is too large`);
      out.push({ base: a[i].base, power });
      i++, j++;
    }
  }
  if (out.length > MAX_FACTORS) throw tooLarge();
  return out;
}

/** The product, expanded. */
export function mulPolynomials(a: Polynomial, b: Polynomial): Polynomial {
  if (a.size * b.size > MAX_TERM_PRODUCTS) throw tooLarge();
  const product = new Map<string, Term>();
  for (const x of a.values()) {
    for (const y of b.values()) {
      const factors = mulFactors(x.factors, y.factors);
      addTerm(product, monomialKey(factors), { coefficient: mulRational(x.coefficient, y.coefficient), factors });
    }
  }
  if (product.size > MAX_TERMS) throw tooLarge();
  return product;
}

/** The power, expanded; the exponent is not negative. */
export function powPolynomial(base: Polynomial, exponent: bigint): Polynomial {
  if (exponent === 0n) return polynomialOf(intConstant(1n));
  if (base.size === 0) return base;
  if (base.size === 1) {
    const { coefficient: { n, d }, factors } = [...base.values()][0];
    if (factors.length > 0 && exponent > BigInt(MAX_POWER)) {
      throw new RangeError(`Cannot build symbolic expression: power ${exponent} is too large`);
    }
    // Checked before the power is computed, which would take the memory that the check is to save.
    const bits = (x: bigint) => BigInt(x.toString(2).length - (x < 0n ? 2 : 1));
    if ((bits(n) + bits(d)) * exponent > 1024n) {
      throw new RangeError("Cannot build symbolic expression: a coefficient is too large");
    }
    // ±1 has no bits to grow: its power depends on parity only, however large the exponent.
    const unit = (x: bigint) => x === 1n ? 1n : x === -1n ? (exponent % 2n === 0n ? 1n : -1n) : x ** exponent;
    const raised = factors.map(({ base, power }) => ({ base, power: power * Number(exponent) }));
    if (raised.some(({ power }) => power > MAX_POWER)) throw tooLarge();
    return new Map([[monomialKey(raised), { coefficient: rational(unit(n), unit(d)), factors: raised }]]);
  }
  if (exponent > BigInt(MAX_SUM_POWER)) throw tooLarge();
  let result = base;
  for (let i = 1n; i < exponent; i++) result = mulPolynomials(result, base);
  return result;
}

/** The least common multiple of the denominators. */
export function denominatorOf(polynomial: Polynomial): bigint {
  let d = 1n;
  for (const term of polynomial.values()) d = d / gcd(d, term.coefficient.d) * term.coefficient.d;
  return rational(d).n;
}

/** The greatest common divisor of the coefficients of a polynomial with integer coefficients; 0 for the zero polynomial. */
export function contentOf(polynomial: Polynomial): bigint {
  let g = 0n;
  for (const term of polynomial.values()) g = gcd(g, term.coefficient.n);
  return g;
}

/** The largest monomial (without coefficient) that divides every term. */
export function commonFactors(polynomials: readonly Polynomial[]): Factor[] {
  let common: Factor[] | undefined;
  for (const polynomial of polynomials) {
    for (const { factors } of polynomial.values()) {
      common = common === undefined ? [...factors] : common.flatMap(({ base, power }) => {
        const other = factors.find((factor) => factor.base.key === base.key);
        return other === undefined ? [] : [{ base, power: Math.min(power, other.power) }];
      });
    }
  }
  return common ?? [];
}

/** The factors of `a` over those of `b`, or undefined when `b` does not divide `a`. */
export function divideFactors(a: readonly Factor[], b: readonly Factor[]): Factor[] | undefined {
  const rest = new Map(b.map((factor) => [factor.base.key, factor.power]));
  const out: Factor[] = [];
  for (const { base, power } of a) {
    const left = power - (rest.get(base.key) ?? 0);
    if (left < 0) return undefined;
    rest.delete(base.key);
    if (left > 0) out.push({ base, power: left });
  }
  return rest.size === 0 ? out : undefined;
}

/** A polynomial of one term. */
export function monomial(coefficient: Rational, factors: readonly Factor[]): Polynomial {
  return coefficient.n === 0n ? new Map() : new Map([[monomialKey(factors), { coefficient, factors }]]);
}

/** Order of monomials that multiplication respects: lexicographic in the powers of the alphabetically ordered bases. */
function compareMonomials(a: readonly Factor[], b: readonly Factor[]): number {
  for (let i = 0;; i++) {
    if (i === a.length || i === b.length) return a.length - b.length;
    if (a[i].base.key !== b[i].base.key) return a[i].base.key < b[i].base.key ? 1 : -1;
    if (a[i].power !== b[i].power) return a[i].power - b[i].power;
  }
}

function leading(polynomial: Polynomial): Term {
  let best: Term | undefined;
  for (const term of polynomial.values()) {
    if (best === undefined || compareMonomials(term.factors, best.factors) > 0) best = term;
  }
  return best!;
}

/** The exact quotient, or undefined when the division leaves a remainder (or takes too long). */
export function divideExactly(dividend: Polynomial, divisor: Polynomial): Polynomial | undefined {
  if (divisor.size === 0) return undefined;
  const lead = leading(divisor);
  const quotient = new Map<string, Term>();
  let rest = dividend;
  for (let steps = 0; rest.size > 0; steps++) {
    if (steps > 256 || rest.size * divisor.size > MAX_TERM_PRODUCTS) return undefined;
    const top = leading(rest);
    const factors = divideFactors(top.factors, lead.factors);
    if (factors === undefined) return undefined;
    const { n, d } = lead.coefficient;
    const coefficient = mulRational(top.coefficient, rational(d, n));
    addTerm(quotient, monomialKey(factors), { coefficient, factors });
    const negated = monomial(mulRational(coefficient, { n: -1n, d: 1n }), factors);
    rest = addPolynomials([rest, mulPolynomials(divisor, negated)]);
  }
  return quotient;
}

/** The coefficient of the constant term. */
export function constantTerm(polynomial: Polynomial): Rational {
  return polynomial.get("")?.coefficient ?? ZERO;
}
