/** From schema version 7.3 (torch 2.5) to 8 (torch 2.6 and newer). */
import { type Json, JsonFloat } from "../../io/json.ts";
import { parseInfix } from "../../sym/mod.ts";
import { printSrepr } from "../../sym/print_srepr.ts";
import type { Field } from "../fields.ts";
import { edited, type Rule, type Step } from "./walk.ts";

/** Bounds from here on mean that there is none: torch wrote the largest integer less one. */
const UNBOUNDED = 2n ** 63n - 2n;

const argument: Rule = (field) => {
  const none = field.find("as_none");
  if (none === null) return field.json;
  if (none.list().length > 0) none.fail("expected an empty list");
  return edited(field, { as_none: true });
};

/** A bound; null where there is none, for which an infinite float may stand, too. */
function boundOf(field: Field | null): bigint | null {
  if (field === null) return null;
  if (field.json instanceof JsonFloat && !Number.isFinite(field.json.value)) {
    return Number.isNaN(field.json.value) ? field.fail("NaN is no bound") : null;
  }
  const value = field.int();
  return value >= UNBOUNDED || value <= -UNBOUNDED ? null : value;
}

const range: Rule = (field) => {
  const bound = (key: string): Json => boundOf(field.find(key)) === null ? null : field.get(key).json;
  return edited(field, { min_val: bound("min_val"), max_val: bound("max_val") });
};

/** Which symbols may be negative, by the ranges; what `item()` gives may be unless a range says otherwise. */
function signedSymbols(program: Field): (name: string) => boolean {
  const isNegative = new Map<string, boolean>();
  for (const [key, bounds] of program.get("range_constraints").entries()) {
    isNegative.set(key, (boundOf(bounds.find("min_val")) ?? -1n) < 0n);
  }
  return (name) => isNegative.get(name) ?? /^[iu]\d+$/.test(name);
}

/** The steps of one program, as expressions take from it what is known of its symbols. */
export function from7_3(program: Field): Step {
  const isSigned = signedSymbols(program);
  const known = new Map<string, string>();
  const symExpr: Rule = (field) => {
    const text = field.get("expr_str");
    const infix = text.string();
    const srepr = known.get(infix) ?? text.guard(() => printSrepr(parseInfix(infix, { isSigned })));
    known.set(infix, srepr);
    return edited(field, { expr_str: srepr });
  };
  return { argument, optionalTensor: argument, range, symExpr };
}
