/** Expressions as archives hold them: what is printed is read as the same expression. */
import { assertEquals } from "@std/assert";
import { type Dim, parseSrepr, symbol } from "../../src/sym/mod.ts";
import { printSrepr } from "../../src/sym/print_srepr.ts";
import { generator, randomSample, type Sample } from "./random_expressions.ts";

const key = (x: Dim | boolean): string => typeof x === "object" ? x.key : String(x);

Deno.test("srepr: random sizes are read as they were printed", () => {
  const leaves = ["s0", "s1", "u0"].map((name): Sample => ({
    dim: symbol(name),
    value: (at) => BigInt(at.get(name)!),
  }));
  const random = generator(7);
  for (let i = 0; i < 400; i++) {
    const { dim } = randomSample(random, leaves, 5);
    assertEquals(key(parseSrepr(printSrepr(dim)) as Dim), key(dim), printSrepr(dim));
  }
});

/** As torch 2.15 writes them. */
const WRITTEN: readonly string[] = [
  "Symbol('s77', positive=True, integer=True)",
  "Symbol('u0', integer=True)",
  "Symbol('zuf0')",
  "Add(FloorDiv(Add(Symbol('s77', positive=True, integer=True), Integer(3)), Integer(4)), Integer(1))",
  "TruncToInt(IntTrueDiv(Symbol('s77', positive=True, integer=True), Integer(4)))",
  "Mul(Float('1.5', precision=53), ToFloat(Symbol('s86', integer=True)))",
  "Piecewise(ExprCondPair(Integer(1), Equality(Symbol('u0', integer=True), Integer(1))), ExprCondPair(Integer(0), true))",
  "OpaqueUnaryFn_sqrt(ToFloat(Symbol('s77', positive=True, integer=True)))",
  "And(StrictLessThan(Symbol('u0', integer=True), Integer(4)), GreaterThan(Symbol('u1', integer=True), Integer(0)))",
  "Pow(Symbol('s0', positive=True, integer=True), Rational(1, 2))",
  "Max(Integer(1), Mod(Symbol('s0', positive=True, integer=True), Integer(5)))",
];

for (const text of WRITTEN) {
  Deno.test(`srepr: ${text}`, () => {
    const expr = parseSrepr(text);
    assertEquals(key(parseSrepr(printSrepr(expr as Dim)) as Dim), key(expr as Dim), printSrepr(expr as Dim));
  });
}

Deno.test("srepr: the form is torch's", () => {
  for (const text of [WRITTEN[0], WRITTEN[1], WRITTEN[4], WRITTEN[7]]) {
    assertEquals(printSrepr(parseSrepr(text) as Dim), text);
  }
});
