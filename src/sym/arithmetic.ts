/**
 * Arithmetic on sizes: numbers stay numbers, everything else becomes an expression in normal form.
 *
 * All functions throw a RangeError when a constant result is not a safe integer, and for a division by zero.
 */

import { build, isNonnegative, negative } from "./call.ts";
import { collapse, type Dim, intConstant, Sym, type SymFn, toSym } from "./expr.ts";

function dim(fn: SymFn, args: readonly Dim[]): Dim {
  for (const arg of args) {
    if (arg instanceof Sym && arg.kind === "bool") throw new TypeError(`Cannot use the condition ${arg} as a size`);
  }
  return collapseDim(build(fn, args.map(toSym)));
}

/** The number of a constant, else the expression. */
export function collapseDim(x: Sym): Dim {
  return collapse(x) as Dim;
}

/** `a + b` */
export function add(a: Dim, b: Dim): Dim {
  return dim("add", [a, b]);
}

/** `a - b` */
export function sub(a: Dim, b: Dim): Dim {
  return collapseDim(build("add", [toSym(a), negative(toSym(b))]));
}

/** `a * b`, expanded: equal products have equal keys. */
export function mul(a: Dim, b: Dim): Dim {
  return dim("mul", [a, b]);
}

/** `-a` */
export function neg(a: Dim): Dim {
  return dim("mul", [-1, a]);
}

/** `a // b`, rounded toward minus infinity. */
export function floorDiv(a: Dim, b: Dim): Dim {
  return dim("floordiv", [a, b]);
}

/** `a / b` where the caller knows that it leaves no remainder; a RangeError when it is seen to leave one. */
export function cleanDiv(a: Dim, b: Dim): Dim {
  if (typeof a === "number" && typeof b === "number" && b !== 0 && a % b !== 0) {
    throw new RangeError(`Cannot divide ${a} by ${b} without a remainder`);
  }
  return floorDiv(a, b);
}

/** `a / b` rounded up; the divisor is positive, as for sizes. */
export function ceilDiv(a: Dim, b: Dim): Dim {
  const isPositive = typeof b === "number" ? b > 0 : isNonnegative(b);
  return isPositive ? floorDiv(sub(add(a, b), 1), b) : neg(floorDiv(neg(a), b));
}

/** `a % b` as in Python: the result has the sign of `b`. */
export function mod(a: Dim, b: Dim): Dim {
  const isPlain = isNonnegative(toSym(a)) && isNonnegative(toSym(b));
  return dim(isPlain ? "mod" : "pythonmod", [a, b]);
}

/** `a ** b` for a `b` that is not negative. */
export function pow(a: Dim, b: Dim): Dim {
  if (typeof b === "number" && b < 0) throw new RangeError(`Cannot raise ${a} to the power ${b}: not an integer`);
  return dim("pow", [a, b]);
}

/** The largest; at least one. */
export function max(...dims: Dim[]): Dim {
  return dim("max", dims);
}

/** The smallest; at least one. */
export function min(...dims: Dim[]): Dim {
  return dim("min", dims);
}

/** The product; 1 for none. */
export function prod(dims: readonly Dim[]): Dim {
  return dims.reduce(mul, 1);
}

/** The sum; 0 for none. */
export function sum(dims: readonly Dim[]): Dim {
  if (dims.length === 0) return 0;
  return collapseDim(dims.length === 1 ? toSym(dims[0]) : build("add", dims.map(toSym)));
}

/**
 * Writes an integer expression as `coefficient * symbol + offset`, where the offset is free of the symbol; null when it is
 * not of that form or the symbol does not occur.
 *
 * @example
 * ```ts
 * import { parseInfix, type Sym } from "./mod.ts";
 *
 * solveLinear(parseInfix("2*s17 + 1") as Sym, "s17"); // { coefficient: 2, offset: 1 }
 * ```
 */
export function solveLinear(target: Sym, symbolName: string): { coefficient: number; offset: Dim } | null {
  if (target.kind !== "int") return null;
  if (target.node.op === "symbol") return target.node.name === symbolName ? { coefficient: 1, offset: 0 } : null;
  if (target.node.op !== "polynomial") return null;
  const term = target.node.terms.find(({ factors }) =>
    factors.length === 1 && factors[0].power === 1 && factors[0].base.key === symbolName
  );
  if (term === undefined) return null;
  const coefficient = collapseDim(intConstant(term.coefficient.n)) as number;
  const offset = sub(target, mul(coefficient, term.factors[0].base));
  if (offset instanceof Sym && offset.symbols().has(symbolName)) return null;
  return { coefficient, offset };
}

/** The number that is 1 where a bool of the form `u0 == 1` is true and 0 where it is false; null for other expressions. */
export function bitOf({ node }: Sym): Sym | null {
  if (node.op !== "call" || node.fn !== "eq") return null;
  const [a, b] = node.args;
  const isOne = (x: Sym): boolean => x.node.op === "constant" && x.node.value === 1n;
  if (a.node.op === "symbol" && isOne(b)) return a;
  return b.node.op === "symbol" && isOne(a) ? b : null;
}

/** The bool that a number of 0 or 1 stands for: PyTorch records bools that only a run tells as such comparisons. */
export function bit(number: Sym): Sym {
  return build("eq", [number, intConstant(1n)]);
}
