/**
 * Builds expressions in normal form: every constructor folds constants and applies the identities that hold for all values.
 *
 * Identities are those of PyTorch's `torch.utils._sympy.functions`, so that sizes come out as PyTorch prints them; each
 * must hold for every value of the symbols for which the expression is defined (a divisor is never zero).
 */

import { applyConcrete, type Concrete } from "./concrete.ts";
import {
  boolConstant,
  childrenOf,
  collapse,
  type Dim,
  float,
  intConstant,
  intValue,
  OPAQUE_UNARY_FNS,
  Sym,
  type SymFn,
  type SymKind,
  toSym,
} from "./expr.ts";
import {
  addPolynomials,
  commonFactors,
  constantTerm,
  contentOf,
  denominatorOf,
  divideExactly,
  divideFactors,
  fromPolynomial,
  gcd,
  isPolynomial,
  monomial,
  mulPolynomials,
  type Polynomial,
  polynomialOf,
  powPolynomial,
  rational,
  scale,
} from "./polynomial.ts";

const INT64_MAX = (1n << 63n) - 1n;
const MAX_ARGS = 1024;
/** Operands of max and min up to which each pair is compared. */
const MAX_PAIRWISE = 32;

const ARITY: Readonly<Partial<Record<SymFn, number>>> = {
  pow: 2,
  floordiv: 2,
  mod: 2,
  pythonmod: 2,
  abs: 1,
  truediv: 2,
  tofloat: 1,
  floatpow: 2,
  trunc_to_int: 1,
  ceil_to_int: 1,
  floor_to_int: 1,
  round_to_int: 1,
  trunc_to_float: 1,
  round_decimal: 2,
  where: 3,
  eq: 2,
  ne: 2,
  lt: 2,
  le: 2,
  gt: 2,
  ge: 2,
  not: 1,
  bitwise_and: 2,
  bitwise_or: 2,
  bitwise_xor: 2,
};

/**
 * Calls a function on expressions, numbers (safe integers) and booleans; constants are folded.
 *
 * @example
 * ```ts
 * import { symbol } from "./mod.ts";
 *
 * call("truediv", [symbol("s0"), 2]).toString(); // "IntTrueDiv(s0, 2)"
 * ```
 */
export function call(fn: SymFn, args: readonly (Dim | boolean)[]): Sym | number | boolean {
  return collapse(build(fn, args.map(toSym)));
}

/** {@linkcode call} without unwrapping constants. */
export function build(fn: SymFn, args: readonly Sym[]): Sym {
  const arity = ARITY[fn] ?? ((OPAQUE_UNARY_FNS as readonly SymFn[]).includes(fn) ? 1 : undefined);
  // Sums and products are bounded by their number of terms.
  const most = fn === "add" || fn === "mul" ? Infinity : MAX_ARGS;
  if (arity === undefined ? args.length === 0 || args.length > most : args.length !== arity) {
    throw new TypeError(`Cannot call ${fn} with ${args.length} arguments`);
  }
  checkKinds(fn, args);
  switch (fn) {
    case "add":
      return addAll(args);
    case "mul":
      return mulAll(args);
    case "pow":
      return power(args[0], args[1]);
    case "floordiv":
      return floorDivide(args[0], args[1]);
    case "mod":
    case "pythonmod":
      return modulo(fn, args[0], args[1]);
    case "max":
    case "min":
      return extreme(fn, args);
    case "trunc_to_int":
    case "ceil_to_int":
    case "floor_to_int":
    case "round_to_int":
      return toInt(fn, args[0]);
    case "where": {
      const condition = args[0].node;
      if (condition.op === "constant") return condition.value ? args[1] : args[2];
      return args[1].key === args[2].key ? args[1] : raw(fn, args);
    }
    case "eq":
    case "ne":
    case "lt":
    case "le":
    case "gt":
    case "ge":
      return relation(fn, args[0], args[1]);
    case "and":
    case "or":
      return logical(fn, args);
    case "not":
      return negate(args[0]);
    case "abs":
      return args[0].node.op === "symbol" && args[0].node.nonnegative ? args[0] : raw(fn, args);
    default:
      return raw(fn, args);
  }
}

/** A call that no identity applies to; folded when all arguments are constants. */
function raw(fn: SymFn, args: readonly Sym[]): Sym {
  const values: Concrete[] = [];
  for (const arg of args) {
    const value = constantValue(arg);
    if (value === undefined) break;
    values.push(value);
  }
  if (values.length === args.length) return constant(applyConcrete(fn, values));
  return new Sym(kindOf(fn, args), `${fn}(${args.map((arg) => arg.key).join(",")})`, { op: "call", fn, args });
}

function constant(value: Concrete): Sym {
  if (typeof value === "bigint") return fromPolynomial(monomial(rational(value), []));
  return typeof value === "boolean" ? boolConstant(value) : float(value);
}

/** The value of a constant; a fraction as a float. */
function constantValue(x: Sym): Concrete | undefined {
  if (x.node.op === "constant") return x.node.value;
  const fraction = fractionOf(x);
  return fraction && Number(applyConcrete("truediv", [fraction.n, fraction.d]));
}

/** The value of a constant fraction that is not an integer. */
function fractionOf(x: Sym): { n: bigint; d: bigint } | undefined {
  if (x.node.op !== "polynomial" || x.node.terms.length !== 1 || x.node.terms[0].factors.length !== 0) return undefined;
  return x.node.terms[0].coefficient;
}

const INT_FNS: ReadonlySet<SymFn> = new Set<SymFn>([
  "floordiv",
  "mod",
  "pythonmod",
  "trunc_to_int",
  "ceil_to_int",
  "floor_to_int",
  "round_to_int",
  "bitwise_and",
  "bitwise_or",
  "bitwise_xor",
  "is_non_overlapping_and_dense",
]);
const BOOL_FNS: ReadonlySet<SymFn> = new Set<SymFn>(["eq", "ne", "lt", "le", "gt", "ge", "and", "or", "xor", "not"]);
const LOGIC_FNS: ReadonlySet<SymFn> = new Set<SymFn>(["and", "or", "xor", "not"]);
const BY_ARGS: ReadonlySet<SymFn> = new Set<SymFn>(["add", "mul", "max", "min", "abs", "where", "pow"]);
const INT_ARGS: ReadonlySet<SymFn> = new Set<SymFn>([
  "mod",
  "pythonmod",
  "bitwise_and",
  "bitwise_or",
  "bitwise_xor",
  "is_non_overlapping_and_dense",
]);

function kindOf(fn: SymFn, args: readonly Sym[]): SymKind {
  if (BOOL_FNS.has(fn)) return "bool";
  if (INT_FNS.has(fn)) return "int";
  if (!BY_ARGS.has(fn)) return "float";
  const values = fn === "where" ? args.slice(1) : args;
  if (values.every((x) => x.kind === "bool")) return "bool";
  const exponent = fn === "pow" ? intValue(args[1]) : undefined;
  if (exponent !== undefined && exponent < 0n) return "float";
  return values.every((x) => x.kind === "int") ? "int" : "float";
}

function checkKinds(fn: SymFn, args: readonly Sym[]): void {
  args.forEach((arg, i) => {
    if (fn === "eq" || fn === "ne") {
      if ((arg.kind === "bool") !== (args[0].kind === "bool")) throw new TypeError(`Cannot compare bool with a number`);
      return;
    }
    const wantsBool = LOGIC_FNS.has(fn) || (fn === "where" && i === 0);
    if (wantsBool ? arg.kind !== "bool" : arg.kind === "bool" && fn !== "where") {
      throw new TypeError(`Cannot call ${fn} with ${arg.kind} as argument ${i}`);
    }
    if (arg.kind !== "int" && (INT_ARGS.has(fn) || (fn === "round_decimal" && i === 1))) {
      throw new TypeError(`Cannot call ${fn} with ${arg.kind} as argument ${i}`);
    }
  });
  if (fn === "where" && (args[1].kind === "bool") !== (args[2].kind === "bool")) {
    throw new TypeError("Cannot choose between bool and a number");
  }
}

function byKey(a: Sym, b: Sym): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

/** The arguments with calls of the same function replaced by their arguments. */
function flatten(fn: SymFn, args: readonly Sym[]): Sym[] {
  const flat = args.flatMap((arg) => arg.node.op === "call" && arg.node.fn === fn ? arg.node.args : [arg]);
  if (flat.length > MAX_ARGS) throw new RangeError(`Cannot build symbolic expression: ${fn} has too many arguments`);
  return flat;
}

/** The sum. Integers make a polynomial; of floats only constants are added up, since their order matters. */
export function addAll(args: readonly Sym[]): Sym {
  return sumOrProduct("add", args, addPolynomials, (a, b) => a + b, 0);
}

/** The product, expanded where it is of integers. */
export function mulAll(args: readonly Sym[]): Sym {
  return sumOrProduct("mul", args, (all) => all.reduce(mulPolynomials), (a, b) => a * b, 1);
}

function sumOrProduct(
  fn: "add" | "mul",
  args: readonly Sym[],
  combine: (polynomials: Polynomial[]) => Polynomial,
  combineFloats: (a: number, b: number) => number,
  unit: number,
): Sym {
  if (args.every(isPolynomial)) return args.length === 1 ? args[0] : fromPolynomial(combine(args.map(polynomialOf)));
  const others: Sym[] = [];
  const polynomials: Sym[] = [];
  let folded: number | undefined;
  for (const arg of flatten(fn, args)) {
    if (isPolynomial(arg)) polynomials.push(arg);
    else if (arg.node.op === "constant") folded = combineFloats(folded ?? unit, arg.node.value as number);
    else others.push(arg);
  }
  if (polynomials.length > 0) {
    const exact = fromPolynomial(combine(polynomials.map(polynomialOf)));
    const value = constantValue(exact);
    if (value === undefined) others.push(exact);
    else if (folded !== undefined || others.length === 0) folded = combineFloats(folded ?? unit, Number(value));
    else if (Number(value) !== unit) others.push(exact);
  }
  if (folded !== undefined && (others.length === 0 || folded !== unit)) others.push(float(folded));
  if (others.length === 1 && others[0].kind === "float") return others[0];
  others.sort(byKey);
  return new Sym("float", `${fn}(${others.map((arg) => arg.key).join(",")})`, { op: "call", fn, args: others });
}

/** The sum times -1. */
export function negative(x: Sym): Sym {
  return mulAll([intConstant(-1n), x]);
}

function power(base: Sym, exponent: Sym): Sym {
  const n = intValue(exponent);
  if (n !== undefined && n >= 0n && isPolynomial(base)) return fromPolynomial(powPolynomial(polynomialOf(base), n));
  if (n === 1n) return base;
  const value = intValue(base) ?? fractionOf(base);
  if (n !== undefined && n < 0n && value !== undefined) {
    // Of constants the reciprocal is exact, a fraction.
    const raised = constantTerm(powPolynomial(polynomialOf(base), -n));
    if (raised.n === 0n) throw new RangeError("Cannot raise zero to a negative power");
    return fromPolynomial(monomial(rational(raised.d, raised.n), []));
  }
  const fraction = fractionOf(exponent);
  if (fraction !== undefined) {
    if (fraction.d === 2n && fraction.n === 1n) return raw("sqrt", [base]);
    if (fraction.d === 2n && fraction.n === -1n) return raw("pow", [raw("sqrt", [base]), intConstant(-1n)]);
    return raw("floatpow", [base, exponent]);
  }
  return raw(exponent.kind === "int" ? "pow" : "floatpow", [base, exponent]);
}

/** Whether a value is never negative, from the symbols alone; false when that is not evident. */
export function isNonnegative(x: Sym): boolean {
  const node = x.node;
  switch (node.op) {
    case "constant":
      return typeof node.value !== "boolean" && node.value >= 0;
    case "symbol":
      return node.nonnegative;
    case "polynomial":
      return node.terms.every(({ coefficient, factors }) =>
        coefficient.n > 0n && factors.every(({ base, power }) => power % 2 === 0 || isNonnegative(base))
      );
    case "call":
      switch (node.fn) {
        case "floordiv":
        case "min":
        case "pow":
        case "truediv":
        case "tofloat":
        case "trunc_to_int":
          return node.args.every(isNonnegative);
        case "max":
          return node.args.some(isNonnegative);
        case "pythonmod":
          return isNonnegative(node.args[1]);
        case "where":
          return isNonnegative(node.args[1]) && isNonnegative(node.args[2]);
        default:
          return node.fn === "mod" || node.fn === "abs";
      }
  }
}

function floorDivide(a: Sym, b: Sym): Sym {
  if (!isPolynomial(a) || !isPolynomial(b)) throw new TypeError("Cannot floor-divide floats");
  const k = intValue(b);
  if (k === 0n) throw new RangeError(`Cannot divide ${a} by zero`);
  if (intValue(a) === 0n || k === 1n && a.kind === "int") return a;
  if (a.key === b.key) return intConstant(1n);
  let p = polynomialOf(a), q = polynomialOf(b);
  const denominator = denominatorOf(p) * denominatorOf(q);
  if (denominator !== 1n) [p, q] = [scale(p, rational(denominator)), scale(q, rational(denominator))];
  // A negative constant divisor moves its sign to the dividend.
  if (q.size === 1 && q.has("") && constantTerm(q).n < 0n) [p, q] = [scale(p, rational(-1n)), scale(q, rational(-1n))];
  const g = gcd(contentOf(p), contentOf(q));
  if (g > 1n) [p, q] = [scale(p, rational(1n, g)), scale(q, rational(1n, g))];
  const common = q.has("") ? [] : commonFactors([p, q]);
  if (common.length > 0) {
    const strip = (from: Polynomial): Polynomial =>
      addPolynomials(
        [...from.values()].map((term) => monomial(term.coefficient, divideFactors(term.factors, common)!)),
      );
    [p, q] = [strip(p), strip(q)];
  }
  return q.size === 1 && q.has("") ? floorDivideByConstant(p, constantTerm(q).n) : floorDivideByPolynomial(p, q);
}

function floorDivideByConstant(p: Polynomial, k: bigint): Sym {
  if (k < 0n) [p, k] = [scale(p, rational(-1n)), -k];
  if (k === 1n) return fromPolynomial(p);
  const exact: Polynomial[] = [], rest: Polynomial[] = [];
  for (const { coefficient, factors } of p.values()) {
    const divisible = coefficient.n % k === 0n;
    (divisible ? exact : rest).push(monomial(divisible ? rational(coefficient.n / k) : coefficient, factors));
  }
  const quotient = fromPolynomial(addPolynomials(exact));
  if (rest.length === 0) return quotient;
  const divisor = intConstant(k);
  const remaining = fromPolynomial(addPolynomials(rest));
  if (exact.length > 0) return addAll([quotient, floorDivide(remaining, divisor)]);
  const inner = remaining.node;
  if (inner.op === "call" && inner.fn === "floordiv") {
    return floorDivide(inner.args[0], mulAll([inner.args[1], divisor]));
  }
  return raw("floordiv", [remaining, divisor]);
}

function floorDivideByPolynomial(p: Polynomial, q: Polynomial): Sym {
  const quotient = divideExactly(p, q);
  if (quotient !== undefined) {
    const denominator = denominatorOf(quotient);
    return floorDivide(fromPolynomial(scale(quotient, rational(denominator))), intConstant(denominator));
  }
  const a = fromPolynomial(p), b = fromPolynomial(q);
  if (a.node.op === "call" && a.node.fn === "floordiv" && isNonnegative(b)) {
    return floorDivide(a.node.args[0], mulAll([a.node.args[1], b]));
  }
  return raw("floordiv", [a, b]);
}

function modulo(fn: "mod" | "pythonmod", a: Sym, b: Sym): Sym {
  const k = intValue(b);
  if (k === 0n) throw new RangeError(`Cannot take ${a} modulo zero`);
  if (k === 1n || k === -1n || a.key === b.key) return intConstant(0n);
  const quotient = divideExactly(polynomialOf(a), polynomialOf(b));
  if (quotient !== undefined && denominatorOf(quotient) === 1n) return intConstant(0n);
  return raw(fn, [a, b]);
}

function extreme(fn: "max" | "min", args: readonly Sym[]): Sym {
  const isMax = fn === "max";
  const unique = new Map<string, Sym>();
  let folded: Concrete | undefined;
  for (const arg of flatten(fn, args)) {
    const value = constantValue(arg);
    if (value === undefined) unique.set(arg.key, arg);
    else folded = folded === undefined ? value : applyConcrete(fn, [folded, value]);
  }
  if (folded === undefined && unique.size === 1) return unique.values().next().value!;
  // A limit that no int64 can reach is no limit.
  const isNoLimit = folded !== undefined && typeof folded !== "boolean" &&
    (isMax ? folded <= -INT64_MAX : folded >= INT64_MAX);
  if (folded !== undefined && (unique.size === 0 || !isNoLimit)) unique.set("", constant(folded));
  let kept = [...unique.values()];
  if (kept.length <= MAX_PAIRWISE) {
    kept = kept.filter((x) => !kept.some((y) => y !== x && dominates(isMax ? y : x, isMax ? x : y)));
  }
  if (kept.length === 1) return kept[0];
  return raw(fn, kept.sort(byKey));
}

/** Whether `a - b` is a positive constant. */
function dominates(a: Sym, b: Sym): boolean {
  if (a.kind !== "int" || b.kind !== "int") return false;
  const difference = intValue(addAll([a, negative(b)]));
  return difference !== undefined && difference > 0n;
}

type ToInt = "trunc_to_int" | "ceil_to_int" | "floor_to_int" | "round_to_int";

function toInt(fn: ToInt, x: Sym): Sym {
  if (x.kind === "int") return x;
  if (x.node.op === "polynomial" && (fn === "floor_to_int" || fn === "ceil_to_int")) {
    // Exact, where evaluating the fraction in floats would round.
    const denominator = rational(denominatorOf(polynomialOf(x)));
    const sign = rational(fn === "ceil_to_int" ? -1n : 1n);
    const numerator = fromPolynomial(scale(scale(polynomialOf(x), denominator), sign));
    const quotient = floorDivide(numerator, intConstant(denominator.n));
    return fn === "ceil_to_int" ? negative(quotient) : quotient;
  }
  const { node } = x;
  // An infinite bound stays one; it is dropped by max and min.
  if (node.op === "constant" && (node.value === Infinity || node.value === -Infinity)) return x;
  return raw(fn, [x]);
}

/** Relations by what they become when negated. */
const NEGATED = { eq: "ne", ne: "eq", lt: "ge", le: "gt", gt: "le", ge: "lt" } as const;
type Relation = keyof typeof NEGATED;

function relation(fn: Relation, a: Sym, b: Sym): Sym {
  if (a.kind === "bool") {
    if (a.key === b.key) return boolConstant(fn === "eq");
    return raw(fn, [a, b]);
  }
  if (isPolynomial(a) && isPolynomial(b)) {
    const difference = addAll([a, negative(b)]);
    const value = intValue(difference) ?? fractionOf(difference)?.n;
    if (value !== undefined) return constant(applyConcrete(fn, [value, 0n]));
  }
  return raw(fn, [a, b]);
}

function logical(fn: "and" | "or", args: readonly Sym[]): Sym {
  const absorbing = fn === "or";
  const unique = new Map<string, Sym>();
  for (const arg of flatten(fn, args)) {
    if (arg.node.op !== "constant") unique.set(arg.key, arg);
    else if (arg.node.value === absorbing) return arg;
  }
  if (unique.size === 0) return boolConstant(!absorbing);
  const kept = [...unique.values()].sort(byKey);
  return kept.length === 1 ? kept[0] : raw(fn, kept);
}

function negate(x: Sym): Sym {
  if (x.node.op === "call") {
    const { fn, args } = x.node;
    if (fn === "not") return args[0];
    // Of floats neither a relation nor its negation may hold (NaN).
    if (fn in NEGATED && args.every((arg) => arg.kind === "int")) return raw(NEGATED[fn as Relation], args);
  }
  return raw("not", [x]);
}

/** Whether a call of the function occurs in the expression. */
export function contains(x: Sym, fns: ReadonlySet<SymFn>): boolean {
  if (x.node.op === "call" && fns.has(x.node.fn)) return true;
  return childrenOf(x.node).some((child) => contains(child, fns));
}
