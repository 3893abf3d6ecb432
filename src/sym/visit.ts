/**
 * Walks over expressions: the generic visitor that other layers turn expressions into graph nodes with, and substitution and
 * evaluation, which are such walks.
 *
 * A walk calls the visitor once per distinct subexpression, however often it occurs.
 */

import { build } from "./call.ts";
import { applyConcrete, type Concrete } from "./concrete.ts";
import {
  collapse,
  type Dim,
  float,
  intConstant,
  isSym,
  type Rational,
  safeNumber,
  Sym,
  type SymFn,
  type SymKind,
  toSym,
} from "./expr.ts";
import { denominatorOf, polynomialOf } from "./polynomial.ts";

/** What to make of the parts of an expression. */
export interface Visitor<T> {
  /** A constant; of kind "bool" it is 0 or 1, of kind "float" it may be any number (also 2, infinite or NaN). */
  constant(value: number, kind: SymKind): T;
  /** A symbol. */
  symbol(name: string, kind: SymKind): T;
  /**
   * A call. `add`, `mul`, `max`, `min`, `and`, `or`, `xor` have one or more arguments. Arguments may be int where the
   * function computes in floats (`kind` "float" of `add`, `mul`, `max`, `min`, `where`; `truediv`): convert them. `argKinds`
   * tells the kinds of the arguments.
   */
  call(fn: SymFn, args: T[], kind: SymKind, argKinds: readonly SymKind[]): T;
}

interface ExactVisitor<T> extends Omit<Visitor<T>, "constant"> {
  constant(value: Concrete): T;
}

/**
 * Turns an expression into whatever the visitor makes. Polynomials arrive as `add` of `mul` of `pow` with a constant positive
 * exponent; those with fractions as a `truediv` by the common denominator. RangeError when an integer constant is not safe.
 *
 * @example
 * ```ts
 * import { sub, symbol } from "./mod.ts";
 *
 * visit(sub(symbol("s0"), 1), {
 *   constant: (value) => String(value),
 *   symbol: (name) => name,
 *   call: (fn, args) => `${fn}(${args.join(" ")})`,
 * }); // "add(s0 -1)"
 * ```
 */
export function visit<T>(x: Dim | boolean, visitor: Visitor<T>): T {
  return visitExact(toSym(x), {
    symbol: (name, kind) => visitor.symbol(name, kind),
    call: (fn, args, kind, argKinds) => visitor.call(fn, args, kind, argKinds),
    constant(value) {
      if (typeof value === "bigint") return visitor.constant(safeNumber(value), "int");
      return typeof value === "boolean" ? visitor.constant(Number(value), "bool") : visitor.constant(value, "float");
    },
  });
}

function visitExact<T>(root: Sym, visitor: ExactVisitor<T>): T {
  const memo = new Map<string, { value: T }>();
  const walk = (x: Sym): T => {
    const known = memo.get(x.key);
    if (known !== undefined) return known.value;
    const value = make(x);
    memo.set(x.key, { value });
    return value;
  };
  const make = (x: Sym): T => {
    const { node } = x;
    switch (node.op) {
      case "constant":
        return visitor.constant(node.value);
      case "symbol":
        return visitor.symbol(node.name, x.kind);
      case "call":
        return visitor.call(node.fn, node.args.map(walk), x.kind, node.args.map((arg) => arg.kind));
      case "polynomial":
        return makePolynomial(x);
    }
  };
  const makePolynomial = (x: Sym): T => {
    const polynomial = polynomialOf(x);
    const denominator = denominatorOf(polynomial);
    const terms: T[] = [];
    let constant: T | undefined;
    for (const { coefficient, factors } of polynomial.values()) {
      const n = coefficient.n * (denominator / coefficient.d);
      const parts: T[] = factors.map(({ base, power }) =>
        power === 1
          ? walk(base)
          : visitor.call("pow", [walk(base), visitor.constant(BigInt(power))], "int", ["int", "int"])
      );
      if (parts.length === 0) {
        constant = visitor.constant(n);
        continue;
      }
      if (n !== 1n) parts.push(visitor.constant(n));
      terms.push(parts.length === 1 ? parts[0] : visitor.call("mul", parts, "int", parts.map(() => "int" as const)));
    }
    if (constant !== undefined) terms.push(constant);
    const sum = terms.length === 1 ? terms[0] : visitor.call("add", terms, "int", terms.map(() => "int" as const));
    if (denominator === 1n) return sum;
    return visitor.call("truediv", [sum, visitor.constant(denominator)], "float", ["int", "int"]);
  };
  return walk(root);
}

/** The expression with its parts rebuilt from below; `replace` sees each rebuilt part that is not a polynomial. */
export function rebuild(root: Sym, replace: (x: Sym) => Sym): Sym {
  const memo = new Map<string, Sym>();
  const walk = (x: Sym): Sym => {
    let result = memo.get(x.key);
    if (result === undefined) {
      result = make(x);
      memo.set(x.key, result);
    }
    return result;
  };
  const make = (x: Sym): Sym => {
    const { node } = x;
    if (node.op === "call") return replace(build(node.fn, node.args.map(walk)));
    if (node.op !== "polynomial") return replace(x);
    return build(
      "add",
      node.terms.map(({ coefficient, factors }) => {
        const powers = factors.map(({ base, power }) => build("pow", [walk(base), intConstant(BigInt(power))]));
        return build("mul", [rationalSym(coefficient), ...powers]);
      }),
    );
  };
  return walk(root);
}

/** A rational constant as an expression. */
export function rationalSym({ n, d }: Rational): Sym {
  if (d === 1n) return intConstant(n);
  const coefficient = { n, d };
  return new Sym("float", `{${n}/${d}}`, { op: "polynomial", terms: [{ coefficient, factors: [] }] });
}

/**
 * Replaces symbols; those not bound stay.
 *
 * @example
 * ```ts
 * import { mul, symbol } from "./mod.ts";
 *
 * substitute(mul(2, symbol("s0")), new Map([["s0", 21]])); // 42
 * ```
 */
export function substitute(d: Dim, bindings: ReadonlyMap<string, Dim>): Dim {
  if (!isSym(d)) return d;
  const names = d.symbols();
  let isBound = false;
  for (const name of bindings.keys()) isBound ||= names.has(name);
  if (!isBound) return d;
  return collapse(rebuild(d, (x) => {
    const value = x.node.op === "symbol" ? bindings.get(x.node.name) : undefined;
    if (value === undefined) return x;
    // A float symbol takes any number, also one without a fraction, and stays a float.
    return typeof value === "number" && x.kind === "float" ? float(value) : toSym(value);
  })) as Dim;
}

/**
 * The value of an expression. Integers are computed exactly and must come out safe; a float symbol is bound to a number.
 *
 * Throws a RangeError for a symbol without a value, a division by zero, or a result that is not a safe integer.
 */
export function evaluate(d: Dim | boolean, bindings: ReadonlyMap<string, number | bigint>): number | boolean {
  if (!isSym(d)) return d;
  const value = visitExact<Concrete>(d, {
    constant: (value) => value,
    symbol(name, kind) {
      const value = bindings.get(name);
      if (value === undefined) throw new RangeError(`Cannot evaluate ${d}: no value is bound to ${name}`);
      if (kind === "float") return Number(value);
      if (typeof value === "number" && !Number.isSafeInteger(value)) {
        throw new RangeError(`Cannot evaluate ${d}: ${name} is bound to ${value}, which is not a safe integer`);
      }
      return BigInt(value);
    },
    call: (fn, args, kind) => {
      const value = applyConcrete(fn, args);
      return kind === "float" && typeof value === "bigint" ? Number(value) : value;
    },
  });
  return typeof value === "bigint" ? safeNumber(value) : value;
}
