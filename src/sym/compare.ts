/**
 * Decides comparisons of sizes, where that is possible for all values that the ranges of the symbols allow.
 *
 * "Unknown" is an answer. Three means are tried in turn: the difference of the two normal forms (after a stronger
 * normalisation than the printed one), divisibility, and bounds of the difference.
 */

import { build, contains, isNonnegative, negative } from "./call.ts";
import { modBigint } from "./concrete.ts";
import { collapse, type Dim, intConstant, intValue, isSym, type Sym, type SymFn, toSym } from "./expr.ts";
import {
  addPolynomials,
  constantTerm,
  fromPolynomial,
  gcd,
  isPolynomial,
  monomial,
  type Polynomial,
  polynomialOf,
  rational,
  scale,
} from "./polynomial.ts";
import { type Range, Ranges } from "./ranges.ts";
import { rationalSym, rebuild } from "./visit.ts";

/** The answer to a question about symbolic sizes; undefined is "it depends, or cannot be told". */
export type Truth = true | false | undefined;

/** Whether `a == b` for all values. */
export function eq(a: Dim, b: Dim, ranges: Ranges = Ranges.none): Truth {
  if (typeof a === "number" && typeof b === "number") return a === b;
  const left = toSym(a), right = toSym(b);
  if (left.kind === "bool" || right.kind === "bool") return left.key === right.key ? true : undefined;
  if (!isPolynomial(left) || !isPolynomial(right)) return decide(rangeOfDifference(left, right, ranges), "eq");
  if (left.key === right.key) return true;
  const difference = differenceOf(left, right, ranges);
  if (isNeverZero(difference)) return false;
  return decide(boundsOf(difference, ranges), "eq");
}

/** Whether `a != b` for all values. */
export function ne(a: Dim, b: Dim, ranges?: Ranges): Truth {
  return not(eq(a, b, ranges));
}

/** Whether `a < b` for all values. */
export function lt(a: Dim, b: Dim, ranges: Ranges = Ranges.none): Truth {
  return order(a, b, ranges, "lt");
}

/** Whether `a <= b` for all values. */
export function le(a: Dim, b: Dim, ranges: Ranges = Ranges.none): Truth {
  return order(a, b, ranges, "le");
}

/** Whether `a > b` for all values. */
export function gt(a: Dim, b: Dim, ranges?: Ranges): Truth {
  return lt(b, a, ranges);
}

/** Whether `a >= b` for all values. */
export function ge(a: Dim, b: Dim, ranges?: Ranges): Truth {
  return le(b, a, ranges);
}

function not(truth: Truth): Truth {
  return truth === undefined ? undefined : !truth;
}

function order(a: Dim, b: Dim, ranges: Ranges, relation: "lt" | "le"): Truth {
  if (typeof a === "number" && typeof b === "number") return relation === "lt" ? a < b : a <= b;
  const left = toSym(a), right = toSym(b);
  if (left.kind === "bool" || right.kind === "bool") throw new TypeError(`Cannot order ${left} and ${right}`);
  if (!isPolynomial(left) || !isPolynomial(right)) return decide(rangeOfDifference(left, right, ranges), relation);
  return decide(boundsOf(differenceOf(left, right, ranges), ranges), relation);
}

/** The bounds of a difference answer how it compares with zero. */
function decide({ min, max }: Range, relation: "eq" | "lt" | "le"): Truth {
  switch (relation) {
    case "eq":
      return min === 0 && max === 0 ? true : min > 0 || max < 0 ? false : undefined;
    case "lt":
      return max < 0 ? true : min >= 0 ? false : undefined;
    case "le":
      return max <= 0 ? true : min > 0 ? false : undefined;
  }
}

/** Bounds of the difference of floats, which has no normal form. */
function rangeOfDifference(a: Sym, b: Sym, ranges: Ranges): Range {
  const x = ranges.rangeOf(a), y = ranges.rangeOf(b);
  return { min: x.min - y.max, max: x.max - y.min };
}

const REWRITTEN: ReadonlySet<SymFn> = new Set<SymFn>([
  "floordiv",
  "mod",
  "pythonmod",
  "max",
  "min",
  "abs",
  "trunc_to_int",
  "floor_to_int",
  "ceil_to_int",
  "where",
]);

function differenceOf(a: Sym, b: Sym, ranges: Ranges): Sym {
  const difference = build("add", [a, negative(b)]);
  if (!contains(difference, REWRITTEN)) return difference;
  return rebuild(difference, (x) => canonical(x, ranges));
}

/**
 * The expression with everything replaced that the ranges decide: maxima and minima with a certain winner, conditions that
 * always hold, remainders of what is smaller than the divisor.
 *
 * @example
 * ```ts
 * import { max, Ranges, symbol } from "./mod.ts";
 *
 * simplify(max(symbol("s0"), 1), Ranges.of([["s0", { min: 2 }]])); // s0
 * ```
 */
export function simplify(d: Dim, ranges: Ranges): Dim {
  return isSym(d) ? collapse(rebuild(d, (x) => simplifyCall(x, ranges))) as Dim : d;
}

function simplifyCall(x: Sym, ranges: Ranges): Sym {
  const { node } = x;
  if (node.op === "symbol" && x.kind === "int") {
    const range = ranges.get(node.name);
    return range !== undefined && range.min === range.max ? toSym(range.min) : x;
  }
  if (node.op !== "call") return x;
  const { fn, args } = node;
  switch (fn) {
    case "max":
    case "min": {
      if (x.kind !== "int" || args.length > 16) return x;
      const isMax = fn === "max";
      const kept: Sym[] = [];
      args.forEach((arg, i) => {
        const loses = args.some((other, j) => {
          if (i === j || (kept.indexOf(other) < 0 && j < i)) return false;
          const difference = build("add", [other, negative(arg)]);
          const { min, max } = boundsOf(difference, ranges);
          return isMax ? min >= 0 : max <= 0;
        });
        if (!loses) kept.push(arg);
      });
      return kept.length === args.length ? x : build(fn, kept);
    }
    case "abs":
      return ranges.rangeOf(args[0]).min >= 0 ? args[0] : x;
    case "mod":
    case "pythonmod":
    case "floordiv": {
      const dividend = ranges.rangeOf(args[0]);
      if (dividend.min < 0 || args[1].kind !== "int" || args[0].kind !== "int") return x;
      const isSmaller = ranges.rangeOf(args[1]).min >= 0 &&
        boundsOf(build("add", [args[1], negative(args[0])]), ranges).min > 0;
      return isSmaller ? (fn === "floordiv" ? intConstant(0n) : args[0]) : x;
    }
    case "where": {
      const condition = truthOf(args[0], ranges);
      return condition === undefined ? x : args[condition ? 1 : 2];
    }
    default:
      return x;
  }
}

/** Whether a condition always or never holds. */
export function truthOf(x: Sym | boolean, ranges: Ranges = Ranges.none): Truth {
  if (typeof x === "boolean") return x;
  const { node } = x;
  if (node.op === "constant") return typeof node.value === "boolean" ? node.value : undefined;
  if (node.op !== "call") return undefined;
  const [a, b] = node.args;
  switch (node.fn) {
    case "eq":
      return eq(dimOf(a), dimOf(b), ranges);
    case "ne":
      return ne(dimOf(a), dimOf(b), ranges);
    case "lt":
      return lt(dimOf(a), dimOf(b), ranges);
    case "le":
      return le(dimOf(a), dimOf(b), ranges);
    case "gt":
      return gt(dimOf(a), dimOf(b), ranges);
    case "ge":
      return ge(dimOf(a), dimOf(b), ranges);
    case "not":
      return not(truthOf(a, ranges));
    case "and":
    case "or": {
      const absorbing = node.fn === "or";
      const truths = node.args.map((arg) => truthOf(arg, ranges));
      return truths.includes(absorbing) ? absorbing : truths.includes(undefined) ? undefined : !absorbing;
    }
    default:
      return undefined;
  }
}

/** Constants as they are: a float constant has no place in a size, and stays an expression. */
function dimOf(x: Sym): Dim {
  return x.kind === "int" ? collapse(x) as Dim : x;
}

/**
 * A form in which more of the equal integer expressions coincide, at the price of no longer being what PyTorch prints:
 * remainders become quotients, and a quotient by a constant is reduced to one of two equivalent representatives.
 */
function canonical(x: Sym, ranges: Ranges): Sym {
  x = simplifyCall(x, ranges);
  const { node } = x;
  if (node.op !== "call") return x;
  const [a, b] = node.args;
  switch (node.fn) {
    case "mod":
    case "pythonmod":
      return build("add", [a, negative(build("mul", [b, canonical(build("floordiv", [a, b]), ranges)]))]);
    case "floordiv": {
      const k = intValue(b);
      return k !== undefined && k > 0n && a.kind === "int" ? reduceQuotient(polynomialOf(a), k) : x;
    }
    case "trunc_to_int":
    case "floor_to_int":
    case "ceil_to_int":
      return ofIntegerQuotient(node.fn, a) ?? x;
    default:
      return x;
  }
}

/** `int(a / b)` of sizes is `a // b`: their quotient is rounded to a double by less than its distance to the next integer. */
function ofIntegerQuotient(fn: SymFn, x: Sym): Sym | undefined {
  if (x.node.op !== "call" || x.node.fn !== "truediv") return undefined;
  const [a, b] = x.node.args;
  if (a.kind !== "int" || b.kind !== "int" || !isNonnegative(a) || !isNonnegative(b)) return undefined;
  if (fn === "ceil_to_int") return negative(build("floordiv", [negative(a), b]));
  return build("floordiv", [a, b]);
}

/**
 * `p // k` with the coefficients of `p` reduced modulo `k`; of `x // k` and its equal `-((-x + k - 1) // k)` the one with the
 * smaller key.
 */
function reduceQuotient(p: Polynomial, k: bigint): Sym {
  const { whole, rest } = splitQuotient(p, k);
  const direct = quotientOf(rest, k);
  const mirror = splitQuotient(
    addPolynomials([scale(rest, rational(-1n)), monomial(rational(k - 1n), [])]),
    k,
  );
  const mirrored = quotientOf(mirror.rest, k);
  const quotient = direct.key <= mirrored.key
    ? direct
    : negative(build("add", [mirrored, fromPolynomial(mirror.whole)]));
  return build("add", [fromPolynomial(whole), quotient]);
}

/** `p = k * whole + rest` with the coefficients of the rest in `[0, k)`. */
function splitQuotient(p: Polynomial, k: bigint): { whole: Polynomial; rest: Polynomial } {
  const whole: Polynomial[] = [], rest: Polynomial[] = [];
  for (const { coefficient: { n }, factors } of p.values()) {
    const r = modBigint(n, k);
    whole.push(monomial(rational((n - r) / k), factors));
    rest.push(monomial(rational(r), factors));
  }
  return { whole: addPolynomials(whole), rest: addPolynomials(rest) };
}

/** `p // k`, where a constant that cannot matter is rounded away first: `(2*s0 + 1) // 4` is `s0 // 2`. */
function quotientOf(p: Polynomial, k: bigint): Sym {
  let divisor = k;
  for (const [key, { coefficient: { n } }] of p) if (key !== "") divisor = gcd(divisor, n);
  const { n } = constantTerm(p);
  const rounded = addPolynomials([p, monomial(rational(-modBigint(n, divisor)), [])]);
  return build("floordiv", [fromPolynomial(rounded), intConstant(k)]);
}

/** Whether the greatest common divisor of the other coefficients does not divide the constant term: `2*s0 + 1` is not 0. */
function isNeverZero(x: Sym): boolean {
  if (x.kind !== "int") return false;
  const polynomial = polynomialOf(x);
  let divisor = 0n, constant = 0n;
  for (const [key, { coefficient: { n } }] of polynomial) {
    if (key === "") constant = n;
    else divisor = gcd(divisor, n);
  }
  return divisor === 0n ? constant !== 0n : constant % divisor !== 0n;
}

/** Attempts at replacing what is bounded by its parts; each costs one expansion. */
const MAX_ATTEMPTS = 32;

/** Bounds of an expression: the tightest of several that hold. */
function boundsOf(x: Sym, ranges: Ranges): Range {
  let { min, max } = ranges.rangeOf(dimOrSym(x));
  relax(x, ranges, { attempts: MAX_ATTEMPTS }, (below) => {
    min = Math.max(min, shiftedRange(below, ranges).min);
  });
  relax(negative(x), ranges, { attempts: MAX_ATTEMPTS }, (below) => {
    max = Math.min(max, -shiftedRange(below, ranges).min);
  });
  return x.kind === "int" ? { min: ceilSafely(min), max: -ceilSafely(-max) } : { min, max };
}

function dimOrSym(x: Sym): Dim {
  return x.node.op === "constant" ? Number(x.node.value) : x;
}

/** Rounds a lower bound of an integer up, but not by an error of float arithmetic. */
function ceilSafely(x: number): number {
  return Number.isInteger(x) || !Number.isFinite(x) ? x + 0 : Math.ceil(x - Math.abs(x) * 2 ** -40 - 2 ** -40) + 0;
}

/**
 * Calls `found` with expressions that are never greater than `x` and hold fewer quotients, maxima and minima: `x // k` lies
 * between `(x - k + 1) / k` and `x / k`, a maximum is not below any of its parts.
 */
function relax(x: Sym, ranges: Ranges, budget: { attempts: number }, found: (y: Sym) => void): void {
  if (budget.attempts-- <= 0) return;
  found(x);
  if (!isPolynomial(x)) return;
  for (const { coefficient, factors } of polynomialOf(x).values()) {
    if (factors.length !== 1 || factors[0].power !== 1) continue;
    const { base } = factors[0];
    if (base.node.op !== "call") continue;
    const { fn, args } = base.node;
    const isPositive = coefficient.n > 0n;
    const replacements: Sym[] = [];
    if (fn === "floordiv") {
      const k = intValue(args[1]);
      if (k === undefined || k <= 0n) continue;
      const dividend = isPositive ? build("add", [args[0], intConstant(1n - k)]) : args[0];
      replacements.push(build("mul", [rationalSym(rational(1n, k)), dividend]));
    } else if ((fn === "max" && isPositive) || (fn === "min" && !isPositive)) {
      replacements.push(...args.filter((arg) => arg.kind === "int"));
    } else if (fn === "mod" && !isPositive && ranges.rangeOf(args[0]).min >= 0 && args[0].kind === "int") {
      replacements.push(args[0]);
    }
    if (replacements.length === 0) continue;
    const rest = build("add", [x, negative(build("mul", [rationalSym(coefficient), base]))]);
    for (const replacement of replacements) {
      relax(build("add", [rest, build("mul", [rationalSym(coefficient), replacement])]), ranges, budget, found);
    }
    return;
  }
}

const MAX_SHIFTED_TERMS = 24;
const MAX_SHIFTED_POWER = 4;

/**
 * The range of a polynomial after writing each symbol as its minimum plus something that is not negative, which keeps the
 * relation between terms with the same symbol: `s0**2 - s0` with `s0 >= 1` becomes `t**2 + t`.
 */
function shiftedRange(x: Sym, ranges: Ranges): Range {
  const plain = ranges.rangeOf(dimOrSym(x));
  if (x.node.op !== "polynomial" || x.node.terms.length > MAX_SHIFTED_TERMS) return plain;
  const shifts = new Map<string, { min: number; width: number; base: Sym }>();
  for (const { factors } of x.node.terms) {
    for (const { base, power } of factors) {
      const { min, max } = ranges.rangeOf(base);
      if (power > MAX_SHIFTED_POWER || !Number.isSafeInteger(min)) return plain;
      shifts.set(base.key, { min, width: max - min, base });
    }
  }
  if ([...shifts.values()].every(({ min }) => min === 0)) return plain;
  const shifted = build(
    "add",
    x.node.terms.map(({ coefficient, factors }) =>
      build("mul", [
        rationalSym(coefficient),
        ...factors.map(({ base, power }) => {
          const sum = build("add", [base, toSym(shifts.get(base.key)!.min)]);
          return build("pow", [sum, intConstant(BigInt(power))]);
        }),
      ])
    ),
  );
  const range = widthRange(shifted, shifts);
  return { min: Math.max(plain.min, range.min), max: Math.min(plain.max, range.max) };
}

/** The range of a polynomial whose bases lie between zero and their width. */
function widthRange(x: Sym, shifts: ReadonlyMap<string, { width: number }>): Range {
  let min = 0, max = 0, magnitude = 0, isExact = true;
  for (const { coefficient: { n, d }, factors } of polynomialOf(x).values()) {
    const widths = factors.map(({ base, power }) => (shifts.get(base.key)?.width ?? Infinity) ** power);
    const width = widths.includes(0) ? 0 : widths.reduce((a, b) => a * b, 1);
    const reach = width === 0 ? 0 : Number(n) / Number(d) * width;
    if (factors.length === 0 || reach < 0) min += reach;
    if (factors.length === 0 || reach > 0) max += reach;
    if (Number.isFinite(reach)) magnitude += Math.abs(reach);
    isExact &&= Number.isSafeInteger(reach) || !Number.isFinite(reach);
  }
  const slack = isExact && magnitude <= Number.MAX_SAFE_INTEGER ? 0 : magnitude * 2 ** -40;
  return { min: min - slack, max: max + slack };
}
