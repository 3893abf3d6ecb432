/**
 * Numbers as models in TypeScript write them. JavaScript has no ints beside its floats, so an integral number counts as an
 * int, as Python's `2` does, and others as floats; `float(2)` is Python's `2.0`. Sizes of dynamic dims are objects that hold
 * an expression and pass as numbers.
 */
import { Complex, type Scalar as FxScalar } from "../fx/mod.ts";
import { isSym, type Sym } from "../sym/mod.ts";
import { SymbolicNumber } from "./symbolic.ts";

/** A float, whatever its value: Python's `2.0`, where the number 2 would be an int. */
export class Float {
  /** The number. */
  readonly value: number;

  /** Marks a number as a float. */
  constructor(value: number) {
    this.value = value;
  }

  /** The number, so that it can be computed with. */
  valueOf(): number {
    return this.value;
  }
}

/**
 * A number that is a float whatever its value: Python's `2.0` is `float(2)`.
 *
 * @example
 * ```ts
 * import { torch } from "@fx2onnx/fx2onnx/torch";
 *
 * console.log(torch.tensor([1, 2]).add(torch.float(2)).dtype); // float32
 * ```
 */
export function float(value: number): Float {
  return new Float(value);
}

/** A number where an operator takes ints, floats and bools: integral numbers are ints, others floats. */
export type Scalar = number | bigint | boolean | Float | Complex;

/** The expression of a symbolic number; null for everything else. */
export function symOf(value: unknown): Sym | null {
  return value instanceof SymbolicNumber ? value.expr : isSym(value) ? value : null;
}

/** Whether a value is a number of any kind. */
export function isScalar(value: unknown): boolean {
  return typeof value === "number" || typeof value === "bigint" || typeof value === "boolean" ||
    value instanceof Float || value instanceof Complex || symOf(value) !== null;
}

/** A number as operators take it, where a bigint is an int and a number a float. */
export function toScalar(value: unknown): FxScalar {
  if (value instanceof Float) return value.value;
  if (typeof value === "number") return isInt(value) ? BigInt(value) : value;
  if (typeof value === "bigint" || typeof value === "boolean" || value instanceof Complex) return value;
  const sym = symOf(value);
  if (sym) return sym;
  throw new TypeError(`A number is needed, met ${String(value)}`);
}

/** Whether a number counts as an int. Negative zero, and what is too large to be exact, are floats. */
export function isInt(value: number): boolean {
  return Number.isSafeInteger(value) && !Object.is(value, -0);
}
