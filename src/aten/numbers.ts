/**
 * Python's arithmetic on numbers that may be symbolic, as the operators of `sym.ts` and `sym_functions.ts` need it: bools
 * count as 0 and 1, ints are exact, and a float among the operands makes the result a float.
 */
import { Complex, type Scalar } from "../fx/mod.ts";
import { boolConstant, build, float, intConstant, isSym, type Sym, type SymFn } from "../sym/mod.ts";
import { refuse } from "./rules.ts";

/** The number as an expression, of its own kind. */
export function toExpression(x: Scalar): Sym {
  if (isSym(x)) return x;
  if (x instanceof Complex) throw new TypeError("Complex numbers are not supported by Python's operators here");
  if (typeof x === "bigint") return intConstant(x);
  return typeof x === "boolean" ? boolConstant(x) : float(x);
}

/** The number as an int or float. */
export function toNumber(x: Scalar): Sym {
  const value = toExpression(x);
  return value.kind === "bool" ? build("where", [value, intConstant(1n), intConstant(0n)]) : value;
}

/** The expression, or the number that it is. */
export function fromSym(x: Sym): Scalar {
  return x.node.op === "constant" ? x.node.value : x;
}

/** A function of numbers. */
export function arithmetic(fn: SymFn, ...args: readonly Scalar[]): Scalar {
  const values = args.map(toNumber);
  if (fn === "pow") {
    const [base, exponent] = values;
    const isNegative = exponent.node.op === "constant" && typeof exponent.node.value === "bigint" &&
      exponent.node.value < 0n;
    return fromSym(build(isNegative || values.some((v) => v.kind === "float") ? "floatpow" : "pow", [base, exponent]));
  }
  return fromSym(build(fn, values));
}

/** A relation of numbers. */
export function comparison(fn: "eq" | "ne" | "lt" | "le" | "gt" | "ge", a: Scalar, b: Scalar): Scalar {
  const [x, y] = [toExpression(a), toExpression(b)];
  const areBools = x.kind === "bool" && y.kind === "bool" && (fn === "eq" || fn === "ne");
  return fromSym(build(fn, areBools ? [x, y] : [toNumber(a), toNumber(b)]));
}

/** `a // b` */
export function floorDivide(a: Scalar, b: Scalar): Scalar {
  const [x, y] = [toNumber(a), toNumber(b)];
  if (x.kind === "int" && y.kind === "int") return fromSym(build("floordiv", [x, y]));
  const [p, q] = [floatValue("a", x), floatValue("b", y)];
  return Math.round((p - pythonMod(p, q)) / q);
}

/** `a % b`, with the sign of `b`. */
export function remainder(a: Scalar, b: Scalar): Scalar {
  const [x, y] = [toNumber(a), toNumber(b)];
  if (x.kind === "int" && y.kind === "int") return fromSym(build("pythonmod", [x, y]));
  return pythonMod(floatValue("a", x), floatValue("b", y));
}

function floatValue(name: string, x: Sym): number {
  if (x.node.op === "constant") return Number(x.node.value);
  return refuse(name, x, "of floats only constants can be divided with a floor or remainder");
}

function pythonMod(x: number, y: number): number {
  if (y === 0) throw new RangeError(`Cannot divide ${x} by zero`);
  const rest = x % y;
  return rest !== 0 && (rest < 0) !== (y < 0) ? rest + y : rest;
}

/** `&`, `|` and `^`: of bools a bool, of ints the bits. */
export function bitwise(fn: "and" | "or" | "xor", a: Scalar, b: Scalar): Scalar {
  const [x, y] = [toExpression(a), toExpression(b)];
  if (x.kind === "bool" && y.kind === "bool") return fromSym(build(fn, [x, y]));
  return fromSym(build(`bitwise_${fn}`, [toNumber(a), toNumber(b)]));
}

/** Whether the number is not zero. */
export function isTrue(x: Scalar): Sym {
  const value = toExpression(x);
  return value.kind === "bool" ? value : build("ne", [value, value.kind === "int" ? intConstant(0n) : float(0)]);
}

/** `~a` of an int. */
export function invert(a: Scalar): Scalar {
  const value = toNumber(a);
  if (value.kind !== "int") refuse("a", a, "only the bits of an integer can be inverted");
  return arithmetic("add", -1n, arithmetic("mul", -1n, fromSym(value)));
}

/** Shifts by `b` bits are products with or quotients by powers of 2. */
export function shift(fn: "mul" | "floordiv", a: Scalar, b: Scalar): Scalar {
  const bits = toNumber(b);
  if (bits.node.op === "constant" && Number(bits.node.value) < 0) refuse("b", b, "a shift can't be negative");
  return fromSym(build(fn, [toNumber(a), build("pow", [intConstant(2n), bits])]));
}

/** A number made an int. */
export function toInt(fn: "trunc_to_int" | "ceil_to_int" | "floor_to_int" | "round_to_int", a: Scalar): Scalar {
  return fromSym(build(fn, [toNumber(a)]));
}
