/**
 * Ranges from the `range_constraints` of an archive, whose keys are symbols or, where only that was declared, expressions
 * such as `2*s17` or `s17 + 1`.
 */

import { solveLinear } from "./arithmetic.ts";
import { isSym } from "./expr.ts";
import { parseInfix } from "./parse_infix.ts";
import { type Range, type RangeInit, Ranges } from "./ranges.ts";

/**
 * Ranges by the text of a symbol or linear expression. A range of an expression bounds its symbol; the symbol's own entry
 * wins. Expressions of several symbols tell nothing of one symbol and are left out.
 *
 * Throws a SyntaxError for a key that does not parse, a RangeError for a range that holds no value.
 *
 * @example
 * ```ts
 * parseRanges([["2*s17", { min: 4, max: 9 }]]).get("s17"); // { min: 2, max: 4 }
 * ```
 */
export function parseRanges(constraints: Iterable<readonly [string, RangeInit]>): Ranges {
  const own = new Map<string, RangeInit>();
  const derived = new Map<string, Range>();
  for (const [key, init] of constraints) {
    const target = parseInfix(key);
    if (!isSym(target)) continue;
    if (target.node.op === "symbol") {
      own.set(target.node.name, init);
      continue;
    }
    const names = [...target.symbols()];
    const linear = names.length === 1 ? solveLinear(target, names[0]) : null;
    if (linear === null || typeof linear.offset !== "number") continue;
    const { coefficient, offset } = linear;
    // Normalises the bounds and checks that the range is not empty.
    const range = Ranges.of([[key, init]]).get(key)!;
    const ends = [(range.min - offset) / coefficient, (range.max - offset) / coefficient].sort((a, b) => a - b);
    const before = derived.get(names[0]) ?? { min: -Infinity, max: Infinity };
    derived.set(names[0], {
      min: Math.max(before.min, Math.ceil(ends[0])),
      max: Math.min(before.max, Math.floor(ends[1])),
    });
  }
  return Ranges.of([...[...derived].filter(([name]) => !own.has(name)), ...own]);
}
