/**
 * JavaScript's operators and `Math` on numbers that are not known while a program is captured. A result that JavaScript would
 * compute otherwise than the expression says, such as a remainder of what may be negative, is refused.
 */
import { arithmetic, comparison, remainder, toNumber } from "../../aten/numbers.ts";
import type { Scalar } from "../../fx/mod.ts";
import { boolConstant, build, type Dim, eq, float, ge, intConstant, isSym, type Sym } from "../../sym/mod.ts";
import type { Ranges } from "../../sym/mod.ts";
import { fromExpression, SymbolicNumber, SymBool } from "../symbolic.ts";

/** A refusal without its place: what is wrong, and the way out. */
export class Unfollowed extends Error {
  override name = "Unfollowed";
  /** What to write in its place. */
  readonly wayOut: string;

  constructor(message: string, wayOut: string) {
    super(message);
    this.wayOut = wayOut;
  }
}

/** A number or truth as an expression; null for other values. */
export function expressionOf(x: unknown): Sym | null {
  if (x instanceof SymbolicNumber) return x.expr;
  if (typeof x === "number") return Number.isSafeInteger(x) ? intConstant(BigInt(x)) : float(x);
  if (typeof x === "bigint") return intConstant(x);
  if (typeof x === "boolean") return boolConstant(x);
  return null;
}

/** A truth as the number that JavaScript takes it for. */
function numberOf(x: Sym): Sym {
  return x.kind === "bool" ? toNumber(x) : x;
}

/** A number as programs see it: what is known is plain. */
function made(x: Scalar): unknown {
  return typeof x === "bigint" ? Number(x) : fromExpression(x as Sym);
}

const COMPARISONS: Readonly<Record<string, "eq" | "ne" | "lt" | "le" | "gt" | "ge">> = {
  "<": "lt",
  "<=": "le",
  ">": "gt",
  ">=": "ge",
  "==": "eq",
  "===": "eq",
  "!=": "ne",
  "!==": "ne",
};

/** Whether an operator gives a truth. */
export function isComparison(operator: string): boolean {
  return operator in COMPARISONS;
}

/**
 * What a binary operator gives when one operand is symbolic.
 *
 * @throws {Unfollowed}
 */
export function binary(operator: string, a: unknown, b: unknown, ranges: Ranges): unknown {
  const [x, y] = [expressionOf(a), expressionOf(b)];
  const isEquality = operator.length >= 2 && /^[!=]==?$/.test(operator);
  if (!x || !y) {
    // What is no number differs from every number.
    if (isEquality) return operator.startsWith("!");
    throw new Unfollowed(
      `${operator} between a number that only a run tells and ${describe(x ? b : a)}`,
      "Convert one of them",
    );
  }
  if (isEquality && operator.length === 3 && (x.kind === "bool") !== (y.kind === "bool")) return operator === "!==";
  const relation = COMPARISONS[operator];
  if (relation) return made(comparison(relation, x, y));
  const [l, r] = unify(numberOf(x), numberOf(y));
  const isInt = l.kind === "int" && r.kind === "int";
  switch (operator) {
    case "+":
      return made(arithmetic("add", l, r));
    case "-":
      return made(arithmetic("add", l, arithmetic("mul", -1n, r)));
    case "*":
      return made(arithmetic("mul", l, r));
    case "/": {
      if (isInt && isMultiple(l, r, ranges)) return made(build("floordiv", [l, r]));
      return made(build("truediv", [l, r]));
    }
    case "%":
      if (isInt && atLeast(l, 0, ranges) && atLeast(r, 1, ranges)) return made(remainder(l, r));
      throw new Unfollowed(
        `The remainder ${l} % ${r}: JavaScript's has the sign of ${l}, which may be negative`,
        "Take it of a size, or use torch.remainder on tensors",
      );
    case "**":
      if (isInt && r.node.op === "constant") return made(arithmetic("pow", l, r));
      return made(build("floatpow", [asFloat(l), asFloat(r)]));
    case "|":
    case "<<":
    case ">>":
    case "&":
    case "^":
    case ">>>":
      return bitwise(operator, l, r, ranges);
  }
  throw new Unfollowed(`The operator ${operator} on a number that only a run tells`, "Compute it another way");
}

/** Both as floats, if one is a float. */
function unify(x: Sym, y: Sym): [Sym, Sym] {
  if (x.kind === y.kind) return [x, y];
  return [asFloat(x), asFloat(y)];
}

function asFloat(x: Sym): Sym {
  if (x.kind === "float") return x;
  return x.node.op === "constant" ? float(Number(x.node.value)) : build("tofloat", [x]);
}

/** Whether an integer divides another for sure. */
function isMultiple(x: Sym, y: Sym, ranges: Ranges): boolean {
  return atLeast(y, 1, ranges) && isZero(remainder(x, y), ranges);
}

function isZero(x: Scalar, ranges: Ranges): boolean {
  return isSym(x) ? eq(x, 0, ranges) === true : Number(x) === 0;
}

function atLeast(x: Dim, bound: number, ranges: Ranges): boolean {
  return ge(x, bound, ranges) === true;
}

/** JavaScript's bitwise operators work on 32 bits: what is kept here are sizes, which are below that. */
function bitwise(operator: string, l: Sym, r: Sym, ranges: Ranges): unknown {
  const shift = r.node.op === "constant" ? Number(r.node.value) : NaN;
  if (operator === "|" && shift === 0) return l.kind === "int" ? made(l) : truncated(l);
  if (l.kind !== "int" || r.kind !== "int") {
    throw new Unfollowed(`The operator ${operator} on a float that only a run tells`, "Take Math.floor of it first");
  }
  const power = shift >= 0 && shift < 31 ? intConstant(2n ** BigInt(shift)) : null;
  if (operator === ">>" && power) return made(build("floordiv", [l, power]));
  if (operator === ">>>" && power && atLeast(l, 0, ranges)) return made(build("floordiv", [l, power]));
  if (operator === "<<" && power) return made(build("mul", [l, power]));
  const fn = operator === "&"
    ? "bitwise_and"
    : operator === "|"
    ? "bitwise_or"
    : operator === "^"
    ? "bitwise_xor"
    : null;
  if (fn) return made(build(fn, [l, r]));
  throw new Unfollowed(`The operator ${operator} with a number of bits that only a run tells`, "Use powers of 2");
}

/** What a unary operator gives for a symbolic operand. @throws {Unfollowed} */
export function unary(operator: string, a: SymbolicNumber): unknown {
  const x = numberOf(a.expr);
  switch (operator) {
    case "-":
      return made(arithmetic("mul", -1n, x));
    case "+":
      return made(x);
    case "~":
      if (x.kind === "int") return made(arithmetic("add", -1n, arithmetic("mul", -1n, x)));
  }
  throw new Unfollowed(`The operator ${operator} on a float that only a run tells`, "Take Math.floor of it first");
}

/** Whether JavaScript takes a number for true, or a truth holds. */
export function truthExpression(x: Sym): Sym {
  if (x.kind === "bool") return x;
  // NaN is false in JavaScript, where Python takes it for true: no comparison with it holds but "differs".
  return x.kind === "int" ? build("ne", [x, intConstant(0n)]) : build("gt", [build("abs", [x]), float(0)]);
}

/** The opposite of a truth. */
export function negation(x: Sym): unknown {
  return made(build("not", [truthExpression(x)]));
}

function truncated(x: Sym): unknown {
  return made(build("trunc_to_int", [x]));
}

/** The quotient of ints that a float is, if it is one. */
function quotient(x: Sym): readonly [Sym, Sym] | null {
  const { node } = x;
  if (node.op !== "call" || node.fn !== "truediv") return null;
  const [l, r] = node.args;
  return l.kind === "int" && r.kind === "int" ? [l, r] : null;
}

type MathRule = (args: readonly Sym[], ranges: Ranges) => Sym | number | boolean;

const OPAQUE = ["sqrt", "exp", "log", "cos", "sin", "tan", "cosh", "sinh", "tanh", "acos", "asin", "atan"] as const;

const MATH: Readonly<Record<string, MathRule>> = {
  floor: ([x]) => {
    if (x.kind === "int") return x;
    const parts = quotient(x);
    return parts ? build("floordiv", [...parts]) : build("floor_to_int", [x]);
  },
  ceil: ([x]) => {
    if (x.kind === "int") return x;
    const parts = quotient(x);
    if (!parts) return build("ceil_to_int", [x]);
    const negative = (y: Sym): Sym => build("mul", [intConstant(-1n), y]);
    return negative(build("floordiv", [negative(parts[0]), parts[1]]));
  },
  trunc: ([x], ranges) => {
    if (x.kind === "int") return x;
    const parts = quotient(x);
    if (parts && atLeast(parts[0], 0, ranges) && atLeast(parts[1], 1, ranges)) return build("floordiv", [...parts]);
    return build("trunc_to_int", [x]);
  },
  round: ([x]) => {
    if (x.kind === "int") return x;
    // JavaScript rounds halves up.
    const parts = quotient(x);
    if (parts) {
      const two = intConstant(2n);
      return build("floordiv", [
        build("add", [build("mul", [two, parts[0]]), parts[1]]),
        build("mul", [two, parts[1]]),
      ]);
    }
    return build("floor_to_int", [build("add", [x, float(0.5)])]);
  },
  abs: ([x]) => build("abs", [x]),
  max: (args) => extremum("max", args),
  min: (args) => extremum("min", args),
  pow: ([x, y]) =>
    x.kind === "int" && y.kind === "int" && y.node.op === "constant" && Number(y.node.value) >= 0
      ? build("pow", [x, y])
      : build("floatpow", [asFloat(x), asFloat(y)]),
  sign: ([x]) => {
    const zero = x.kind === "int" ? intConstant(0n) : float(0);
    const [above, below] = [build("gt", [x, zero]), build("lt", [x, zero])].map(toNumber);
    return build("add", [above, build("mul", [intConstant(-1n), below])]);
  },
  log2: ([x]) => build("truediv", [build("log", [asFloat(x)]), float(Math.LN2)]),
  log10: ([x]) => build("truediv", [build("log", [asFloat(x)]), float(Math.LN10)]),
  ...Object.fromEntries(OPAQUE.map((fn): [string, MathRule] => [fn, ([x]) => build(fn, [asFloat(x)])])),
};

function extremum(fn: "max" | "min", args: readonly Sym[]): Sym {
  const isInt = args.every((arg) => arg.kind === "int");
  return build(fn, args.map((arg) => isInt ? arg : asFloat(arg)));
}

/** A function of `Math` on numbers of which one is symbolic. @throws {Unfollowed} */
export function math(name: string, args: readonly unknown[], ranges: Ranges): unknown {
  const rule = Object.hasOwn(MATH, name) ? MATH[name] : undefined;
  const given = args.map((arg) => {
    const expr = expressionOf(arg);
    return expr && numberOf(expr);
  });
  if (!rule || given.some((arg) => !arg)) {
    throw new Unfollowed(`Math.${name} of a number that only a run tells`, "Use the function of torch on a tensor");
  }
  return made(rule(given as Sym[], ranges));
}

/** A value as messages name it. */
export function describe(x: unknown): string {
  if (x instanceof SymbolicNumber) return x instanceof SymBool ? `the truth ${x.expr}` : `the number ${x.expr}`;
  if (x === null || x === undefined) return String(x);
  if (typeof x === "string") return "a text";
  if (typeof x === "function") return "a function";
  if (typeof x !== "object") return String(x);
  return `a ${x.constructor?.name ?? "object"}`;
}
