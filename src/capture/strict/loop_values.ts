/** Small questions about the values that loops carry. */
import { type Dim, isSym } from "../../sym/mod.ts";
import { SymbolicNumber } from "../symbolic.ts";
import { contentsOf } from "./journal.ts";
import { differenceOf, isContainer } from "./merge.ts";

/** Comparisons with their sides exchanged. */
export const FLIPPED: Readonly<Record<string, string>> = {
  "<": ">",
  ">": "<",
  "<=": ">=",
  ">=": "<=",
  "!==": "!==",
  "===": "===",
};

/** Whether two numbers are one symbolic number. */
export function sameNumber(a: unknown, b: unknown): boolean {
  return a instanceof SymbolicNumber && b instanceof SymbolicNumber && a.expr.key === b.expr.key;
}

/** A whole number as a size; null for other values. */
export function dimOf(x: unknown): Dim | null {
  if (typeof x === "number" && Number.isSafeInteger(x)) return x;
  return x instanceof SymbolicNumber && x.expr.kind === "int" ? x.expr : null;
}

/** A size as operators take ints. */
export function asInt(dim: Dim): unknown {
  return isSym(dim) ? dim : BigInt(dim);
}

/** Why two values have other structures; null where a turn leaves the structure as it is. */
export function structureDifference(a: unknown, b: unknown): string | null {
  if (a === b || !isContainer(a) || !isContainer(b)) return null;
  const difference = differenceOf(a, b, contentsOf(a), contentsOf(b));
  return difference?.replace("one way and", "before a turn and").replace("the other", "after it") ?? null;
}
