/** Properties that must hold for all expressions, on many random ones: values survive normalisation, answers are never wrong. */

import { assert, assertEquals } from "@std/assert";
import {
  type Dim,
  eq,
  evaluate,
  isSym,
  le,
  lt,
  parseInfix,
  Ranges,
  simplify,
  substitute,
  symbol,
} from "../../src/sym/mod.ts";
import { generator, randomSample, type Sample } from "./random_expressions.ts";

const NAMES = ["s0", "s1", "u0"];
const LEAVES: readonly Sample[] = NAMES.map((name) => ({
  dim: symbol(name),
  value: (at) => BigInt(at.get(name)!),
}));
const RANGES = Ranges.of([["s0", { min: 2, max: 9 }], ["s1", { min: 0, max: 4 }], ["u0", { min: -3, max: 5 }]]);

function* bindings(step: number): Generator<Map<string, number>> {
  for (let s0 = 2; s0 <= 9; s0 += step) {
    for (let s1 = 0; s1 <= 4; s1 += 2) {
      for (let u0 = -3; u0 <= 5; u0 += step) yield new Map([["s0", s0], ["s1", s1], ["u0", u0]]);
    }
  }
}

Deno.test("normal forms, substitution, simplification and printing keep the value", () => {
  const random = generator(1);
  for (let i = 0; i < 400; i++) {
    const sample = randomSample(random, LEAVES, 4);
    const simple = simplify(sample.dim, RANGES);
    const reparsed = parseInfix(String(sample.dim)) as Dim;
    const range = RANGES.rangeOf(sample.dim);
    for (const at of bindings(3)) {
      const expected = Number(sample.value(at));
      const message = `${sample.dim} at ${[...at]}`;
      assertEquals(evaluate(sample.dim, at), expected, message);
      assertEquals(evaluate(simple, at), expected, `${message}, simplified to ${simple}`);
      assertEquals(substitute(sample.dim, at), expected, message);
      assertEquals(evaluate(reparsed, at), expected, `${message}, reparsed`);
      assert(
        range.min <= expected && expected <= range.max,
        `${message}: ${expected} outside ${JSON.stringify(range)}`,
      );
    }
    if (isSym(sample.dim)) assertEquals(String(reparsed), String(sample.dim));
  }
});

Deno.test("comparisons that are answered hold for all values in the ranges", () => {
  const random = generator(2);
  const answered = { eq: 0, ne: 0, lt: 0, le: 0 };
  for (let i = 0; i < 1000; i++) {
    const a = randomSample(random, LEAVES, 3), b = randomSample(random, LEAVES, 3);
    const isEqual = eq(a.dim, b.dim, RANGES), isLess = lt(a.dim, b.dim, RANGES), isAtMost = le(a.dim, b.dim, RANGES);
    if (isEqual !== undefined) answered[isEqual ? "eq" : "ne"]++;
    if (isLess !== undefined) answered.lt++;
    if (isAtMost !== undefined) answered.le++;
    for (const at of bindings(1)) {
      const x = a.value(at), y = b.value(at);
      const message = `${a.dim} and ${b.dim} at ${[...at]}: ${x}, ${y}`;
      if (isEqual !== undefined) assertEquals(x === y, isEqual, message);
      if (isLess !== undefined) assertEquals(x < y, isLess, message);
      if (isAtMost !== undefined) assertEquals(x <= y, isAtMost, message);
    }
  }
  for (const [relation, count] of Object.entries(answered)) {
    assert(count > 10, `${relation} was answered ${count} times`);
  }
});

Deno.test("equal expressions built in different ways are found equal", () => {
  const random = generator(3);
  for (let i = 0; i < 300; i++) {
    const sample = randomSample(random, LEAVES, 4);
    // Substituting symbols by each other and back rebuilds every part from different keys.
    const forth = new Map<string, Dim>([["s0", symbol("s1")], ["s1", symbol("s0")]]);
    const rebuilt = substitute(substitute(sample.dim, forth), forth);
    assertEquals(eq(rebuilt, sample.dim), true, `${rebuilt} and ${sample.dim}`);
  }
});
