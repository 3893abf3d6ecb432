/**
 * The symbolic expression: an immutable tree whose `key` is the same for equal normal forms.
 *
 * Integer arithmetic is kept as one expanded polynomial over atoms (symbols and calls of functions that are not polynomial),
 * so that "are these two sizes equal" is a comparison of strings. Everything else is a call. This file holds the data
 * structure only; building it in normal form is the work of `polynomial.ts`, `call.ts` and `arithmetic.ts`.
 */

import { print } from "./print.ts";

/** What an expression evaluates to. */
export type SymKind = "int" | "float" | "bool";

/** Functions that an expression can call; the meaning of each is in `concrete.ts`. */
export type SymFn =
  | "add"
  | "mul"
  | "pow"
  | "floordiv"
  | "mod"
  | "pythonmod"
  | "max"
  | "min"
  | "abs"
  | "truediv"
  | "tofloat"
  | "floatpow"
  | "trunc_to_int"
  | "ceil_to_int"
  | "floor_to_int"
  | "round_to_int"
  | "trunc_to_float"
  | "round_decimal"
  | "where"
  | "eq"
  | "ne"
  | "lt"
  | "le"
  | "gt"
  | "ge"
  | "and"
  | "or"
  | "xor"
  | "not"
  | "bitwise_and"
  | "bitwise_or"
  | "bitwise_xor"
  | "is_non_overlapping_and_dense"
  | OpaqueUnaryFn;

/** Float functions of one argument. */
export type OpaqueUnaryFn =
  | "sqrt"
  | "cos"
  | "cosh"
  | "sin"
  | "sinh"
  | "tan"
  | "tanh"
  | "asin"
  | "acos"
  | "atan"
  | "exp"
  | "log"
  | "asinh"
  | "log2";

/** The names of {@linkcode OpaqueUnaryFn}, as PyTorch lists them. */
export const OPAQUE_UNARY_FNS: readonly OpaqueUnaryFn[] = [
  "sqrt",
  "cos",
  "cosh",
  "sin",
  "sinh",
  "tan",
  "tanh",
  "asin",
  "acos",
  "atan",
  "exp",
  "log",
  "asinh",
  "log2",
];

/** A rational number in lowest terms; `d` is positive. */
export interface Rational {
  /** Numerator. */
  readonly n: bigint;
  /** Denominator. */
  readonly d: bigint;
}

/** An atom raised to a positive power. */
export interface Factor {
  /** The atom. */
  readonly base: Sym;
  /** The exponent, at least 1. */
  readonly power: number;
}

/** One term of a polynomial; the factors are sorted by the keys of their bases, the constant term has none. */
export interface Term {
  /** What the product is multiplied by; never zero. */
  readonly coefficient: Rational;
  /** The product. */
  readonly factors: readonly Factor[];
}

/** How an expression is made. Integer constants hold a bigint, float constants a number. */
export type SymNode =
  | { readonly op: "constant"; readonly value: bigint | number | boolean }
  | { readonly op: "symbol"; readonly name: string; readonly nonnegative: boolean }
  | { readonly op: "polynomial"; readonly terms: readonly Term[] }
  | { readonly op: "call"; readonly fn: SymFn; readonly args: readonly Sym[] };

/** Deepest nesting of calls and polynomials that is built. */
export const MAX_DEPTH = 256;
/** Longest key that is built; expressions of real programs stay below a few thousand. */
const MAX_KEY_LENGTH = 1 << 17;

/**
 * A symbolic integer, float or boolean. Immutable; two expressions with the same normal form have the same `key`.
 *
 * Expressions are made by {@linkcode symbol}, {@linkcode add} and the other functions of this folder, never by `new`.
 */
export class Sym {
  /** Whether the expression is an integer, a float or a boolean. */
  readonly kind: SymKind;
  /** Identifies the normal form; for maps and comparisons, not for display. */
  readonly key: string;
  /** How the expression is made. */
  readonly node: SymNode;
  /** Levels of nesting below and including this one. */
  readonly depth: number;
  #symbols: ReadonlySet<string> | undefined;
  #text: string | undefined;

  /** Used by this folder; callers guarantee the normal form. */
  constructor(kind: SymKind, key: string, node: SymNode) {
    let depth = 0;
    for (const child of childrenOf(node)) depth = Math.max(depth, child.depth);
    if (depth >= MAX_DEPTH) {
      throw new RangeError(`Cannot build symbolic expression: more than ${MAX_DEPTH} levels deep`);
    }
    if (key.length > MAX_KEY_LENGTH) {
      throw new RangeError(`Cannot build symbolic expression: longer than ${MAX_KEY_LENGTH} characters`);
    }
    this.kind = kind;
    this.key = key;
    this.node = node;
    this.depth = depth + 1;
  }

  /** Names of the symbols that occur. */
  symbols(): ReadonlySet<string> {
    if (this.#symbols === undefined) {
      const names = new Set<string>();
      if (this.node.op === "symbol") names.add(this.node.name);
      for (const child of childrenOf(this.node)) for (const name of child.symbols()) names.add(name);
      this.#symbols = names;
    }
    return this.#symbols;
  }

  /** The expression as PyTorch prints it, for example `2*s18 + 1`. */
  toString(): string {
    return this.#text ??= print(this);
  }
}

/** A size: a safe integer, or a symbolic integer expression. */
export type Dim = number | Sym;

/** Whether a value is a symbolic expression. */
export function isSym(x: unknown): x is Sym {
  return x instanceof Sym;
}

/** The expressions directly below a node. */
export function childrenOf(node: SymNode): readonly Sym[] {
  if (node.op === "call") return node.args;
  if (node.op === "polynomial") return node.terms.flatMap((term) => term.factors.map((factor) => factor.base));
  return [];
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const MAX_NAME_LENGTH = 256;

/** Options of {@linkcode symbol}. */
export interface SymbolOptions {
  /**
   * Whether the symbol is never negative when no range is given. The default is true for integers, except for the
   * data-dependent `u0`, `u1`, … of PyTorch.
   */
  readonly nonnegative?: boolean;
}

/**
 * A symbol. Symbols are the same when their names are.
 *
 * @example
 * ```ts
 * import { sym } from "@fx2onnx/fx2onnx";
 *
 * sym.add(sym.mul(2, sym.symbol("s18")), 1).toString(); // "2*s18 + 1"
 * ```
 */
export function symbol(name: string, kind: "int" | "float" = "int", options: SymbolOptions = {}): Sym {
  if (name.length > MAX_NAME_LENGTH || !NAME.test(name)) {
    throw new SyntaxError(`Cannot name a symbol ${JSON.stringify(name.slice(0, 64))}: it must be a plain identifier`);
  }
  const nonnegative = options.nonnegative ?? (kind === "int" && !/^u\d+$/.test(name));
  return new Sym(kind, name, { op: "symbol", name, nonnegative });
}

/** An integer constant as an expression, for use as an argument; results of this folder are plain numbers instead. */
export function intConstant(value: bigint): Sym {
  return new Sym("int", String(value), { op: "constant", value });
}

/** A float constant as an expression: unlike the number 2, it stays a float in arithmetic and prints as `2.0`. */
export function float(value: number): Sym {
  return new Sym("float", `f${Object.is(value, -0) ? "-0" : value}.`, { op: "constant", value });
}

/** A boolean constant as an expression, for use as an argument. */
export function boolConstant(value: boolean): Sym {
  return new Sym("bool", value ? "#true" : "#false", { op: "constant", value });
}

/** Wraps a plain value; a number must be a safe integer (use {@linkcode float} for floats). */
export function toSym(x: Dim | boolean): Sym {
  if (x instanceof Sym) return x;
  if (typeof x === "boolean") return boolConstant(x);
  if (!Number.isSafeInteger(x)) throw new RangeError(`Cannot use ${x} as a size: it is not a safe integer`);
  return intConstant(BigInt(x));
}

/** Unwraps integer and boolean constants. Integers must be safe. */
export function collapse(x: Sym): Sym | number | boolean {
  if (x.node.op !== "constant") return x;
  const value = x.node.value;
  if (typeof value === "bigint") return safeNumber(value);
  return value;
}

/** The integer as a number; a RangeError when it cannot be represented exactly. */
export function safeNumber(value: bigint): number {
  const n = Number(value);
  if (!Number.isSafeInteger(n)) {
    const text = String(value);
    throw new RangeError(
      `Cannot represent the integer ${text.length > 40 ? text.slice(0, 40) + "…" : text}: outside ±(2^53 - 1)`,
    );
  }
  return n;
}

/** The value of a constant of the given type, else undefined. */
export function intValue(x: Sym): bigint | undefined {
  return x.node.op === "constant" && typeof x.node.value === "bigint" ? x.node.value : undefined;
}
