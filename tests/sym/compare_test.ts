/** Comparisons: what can be told from the expressions and ranges is told, everything else is unknown. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  add,
  type Dim,
  eq,
  ge,
  gt,
  le,
  lt,
  max,
  ne,
  parseInfix,
  parseRanges,
  Ranges,
  simplify,
  type Sym,
  symbol,
  type Truth,
  truthOf,
} from "../../src/sym/mod.ts";

const RELATIONS = { eq, ne, lt, le, gt, ge };

/** [relation, left, right, ranges by symbol, answer] */
const CASES: readonly (readonly [keyof typeof RELATIONS, string, string, Record<string, [number, number]>, Truth])[] = [
  ["eq", "s0", "s0", {}, true],
  ["eq", "s0", "s1", {}, undefined],
  ["eq", "s0 + 1", "s0", {}, false],
  ["ne", "s0 + 1", "s0", {}, true],
  ["eq", "s0", "0", {}, undefined],
  ["eq", "s0 + 1", "0", {}, false],
  ["ge", "s0", "0", {}, true],
  ["gt", "s0", "0", {}, undefined],
  ["gt", "s0", "0", { s0: [1, Infinity] }, true],
  ["lt", "s0", "0", {}, false],
  ["ge", "u0", "0", {}, undefined],
  ["ge", "u0", "0", { u0: [0, Infinity] }, true],
  ["le", "s0", "64", { s0: [2, 64] }, true],
  ["lt", "s0", "64", { s0: [2, 64] }, undefined],
  ["gt", "s0", "64", { s0: [2, 64] }, false],
  ["eq", "s0", "1", { s0: [2, 64] }, false],
  ["eq", "s0", "4", { s0: [4, 4] }, true],
  ["eq", "s0*s1", "s1*s0", {}, true],
  // Parity.
  ["eq", "2*s0 + 1", "2*s1", {}, false],
  ["eq", "4*s0 + 2*s1", "1", {}, false],
  // The same variable on both sides.
  ["ge", "s0**2", "s0", {}, undefined],
  ["ge", "s0**2", "s0", { s0: [1, Infinity] }, true],
  ["ge", "s0*s1", "s1", { s0: [1, Infinity] }, true],
  ["gt", "2*s0", "s0", { s0: [1, Infinity] }, true],
  // Quotients and remainders.
  ["le", "(s0//2)", "s0", {}, true],
  ["lt", "(s0//2)", "s0", { s0: [1, Infinity] }, true],
  ["le", "2*(s0//2)", "s0", {}, true],
  ["gt", "2*(s0//2) + 2", "s0", {}, true],
  ["lt", "Mod(s0, 4)", "4", {}, true],
  ["le", "Mod(s0, 4)", "s0", {}, true],
  ["eq", "Mod(s0, 4)", "4", {}, false],
  ["eq", "((s0 - 1)//2) + 1", "((s0 + 1)//2)", {}, true],
  ["eq", "((s0 + 7)//4)", "((s0 + 3)//4) + 1", {}, true],
  ["eq", "((5*s0 + 7)//4)", "s0 + ((s0 + 3)//4) + 1", {}, true],
  ["eq", "s0 - (s0//2)", "((s0 + 1)//2)", {}, true],
  ["eq", "(2*s0 + 1)//4", "(s0//2)", {}, true],
  ["eq", "4*(s0//4) + Mod(s0, 4)", "s0", {}, true],
  ["eq", "TruncToInt(IntTrueDiv(s0, 4))", "(s0//4)", {}, true],
  ["eq", "(s0//8)", "0", { s0: [0, 7] }, true],
  ["eq", "Mod(s0, 8)", "s0", { s0: [0, 7] }, true],
  // Maxima and minima.
  ["ge", "Max(1, s0)", "1", {}, true],
  ["ge", "Max(1, s0)", "s0", {}, true],
  ["le", "Min(s0, s1)", "s1", {}, true],
  ["eq", "Max(0, s0)", "s0", {}, true],
  ["eq", "Max(2, s0)", "s0", {}, undefined],
  ["eq", "Max(2, s0)", "s0", { s0: [2, 9] }, true],
  ["eq", "Min(s0, 2)", "2", { s0: [2, 9] }, true],
  ["lt", "Min(s0, s1)", "s1 + 1", {}, true],
  // Values beyond what doubles hold.
  ["lt", "s0", "s0 + 1", { s0: [0, 2 ** 60] }, true],
  ["eq", "s0*s1", "9007199254740991", { s0: [2, 2 ** 40], s1: [2, 2 ** 40] }, undefined],
];

Deno.test("comparisons", () => {
  for (const [name, left, right, ranges, expected] of CASES) {
    const init = Object.entries(ranges).map(([symbol, [min, max]]): [string, { min: number; max: number }] => [
      symbol,
      { min, max },
    ]);
    const answer = RELATIONS[name](parseInfix(left) as Dim, parseInfix(right) as Dim, Ranges.of(init));
    assertEquals(answer, expected, `${name}(${left}, ${right}) with ${JSON.stringify(ranges)}`);
  }
});

Deno.test("truthOf decides conditions", () => {
  const ranges = Ranges.of([["s0", { min: 2, max: 8 }]]);
  const truth = (text: string) => truthOf(parseInfix(text) as Sym, ranges);
  assertEquals(truth("s0 < 9"), true);
  assertEquals(truth("s0 < 2"), false);
  assertEquals(truth("s0 < 5"), undefined);
  assertEquals(truth("(s0 < 9) & (s0 > 1)"), true);
  assertEquals(truth("(s0 < 5) & (s0 > 8)"), false);
  assertEquals(truth("(s0 < 5) | (s0 > 1)"), true);
  assertEquals(truth("(s0 < 5) | (s0 > 8)"), undefined);
  assertEquals(truth("Ne(s0, 9)"), true);
});

Deno.test("simplify uses ranges, arithmetic alone does not", () => {
  const s0 = symbol("s0");
  assertEquals(String(max(1, s0)), "Max(1, s0)");
  const ranges = Ranges.of([["s0", { min: 2, max: 8 }], ["s1", { min: 4, max: 4 }]]);
  const simple = (text: string) => String(simplify(parseInfix(text) as Dim, ranges));
  assertEquals(simple("Max(1, s0)"), "s0");
  assertEquals(simple("Max(3, s0)"), "Max(3, s0)");
  assertEquals(simple("Min(s0, 9, s2)"), "Min(s0, s2)");
  assertEquals(simple("s1*s0 + 1"), "4*s0 + 1");
  assertEquals(simple("Mod(s0, 9)"), "s0");
  assertEquals(simple("(s0//9) + s2"), "s2");
  assertEquals(simple("Where(s0 < 9, s2, 3)"), "s2");
  assertEquals(simple("Abs(s0 - 9)"), "Abs(s0 - 9)");
});

Deno.test("ranges of expressions", () => {
  const ranges = Ranges.of(new Map([["s0", { min: 2, max: 64 }], ["s1", { min: 1, max: null }]]));
  const of = (text: string) => {
    const { min, max } = ranges.rangeOf(parseInfix(text) as Dim);
    return [min, max];
  };
  assertEquals(of("5"), [5, 5]);
  assertEquals(of("s0"), [2, 64]);
  assertEquals(of("s9"), [0, Infinity]);
  assertEquals(of("u9"), [-Infinity, Infinity]);
  assertEquals(of("2*s0 + 1"), [5, 129]);
  assertEquals(of("-s0"), [-64, -2]);
  assertEquals(of("s0*s1"), [2, Infinity]);
  assertEquals(of("s0**2"), [4, 4096]);
  assertEquals(of("(s0//3)"), [0, 21]);
  assertEquals(of("(100//s0)"), [1, 50]);
  assertEquals(of("(100//s9)"), [0, 100]);
  assertEquals(of("Mod(s1, 5)"), [0, 4]);
  assertEquals(of("Max(s0, 5)"), [5, 64]);
  assertEquals(of("Min(s1, s0)"), [1, 64]);
  assertEquals(of("Where(s0 < 5, 3, s0)"), [2, 64]);
});

Deno.test("ranges print as PyTorch prints them", () => {
  assertEquals(String(Ranges.of([])), "{}");
  assertEquals(String(Ranges.of([["s18", { min: 0, max: null }]])), "{s18: VR[0, int_oo]}");
  assertEquals(
    String(Ranges.of([["s0", { min: 2, max: 64 }], ["u0", {}]])),
    "{s0: VR[2, 64], u0: VR[-int_oo, int_oo]}",
  );
  // "No upper bound" up to PyTorch 2.5.
  assertEquals(String(Ranges.of([["s0", { min: 2, max: 9223372036854775806n }]])), "{s0: VR[2, int_oo]}");
});

Deno.test("ranges are listed as given", () => {
  const ranges = Ranges.of([["b", { min: 1 }], ["a", { max: 3 }]]);
  assertEquals([...ranges.entries()], [["b", { min: 1, max: Infinity }], ["a", { min: -Infinity, max: 3 }]]);
  assertEquals(ranges.get("c"), undefined);
  assertThrows(() => Ranges.of([["s0", { min: 3, max: 2 }]]), RangeError, "s0");
  assertThrows(() => Ranges.of([["s0", { min: NaN }]]), RangeError);
});

Deno.test("range constraints of expressions bound their symbol", () => {
  const ranges = parseRanges([
    ["s17 + 1", { min: 3, max: 10 }],
    ["2*s17", { min: 3, max: null }],
    ["s1", { min: 0, max: 9 }],
    ["s1 + 4", { min: 5, max: 6 }],
    ["10 - s2", { min: 2, max: 4 }],
    ["s3*s4", { min: 2, max: 4 }],
  ]);
  assertEquals(ranges.get("s17"), { min: 2, max: 9 });
  assertEquals(ranges.get("s1"), { min: 0, max: 9 });
  assertEquals(ranges.get("s2"), { min: 6, max: 8 });
  assertEquals(ranges.get("s3"), undefined);
  assertThrows(() => parseRanges([["__import__('os')", {}]]), SyntaxError);
  assertThrows(() => parseRanges([["2*s0", { min: 3, max: 3 }]]), RangeError, "s0");
});

Deno.test("an unbounded range never rounds to a wrong bound", () => {
  const ranges = Ranges.of([["s0", { min: 2 ** 52, max: 2 ** 53 - 1 }]]);
  const { min, max } = ranges.rangeOf(add(parseInfix("3*s0") as Dim, 1));
  assert(min <= Number.MAX_SAFE_INTEGER);
  assertEquals(max, Infinity);
});
