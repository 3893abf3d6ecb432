/** The normal form: equal sizes have equal keys, constants are numbers, and nothing loses exactness. */

import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  add,
  call,
  ceilDiv,
  cleanDiv,
  type Dim,
  evaluate,
  float,
  floorDiv,
  isSym,
  max,
  min,
  mod,
  mul,
  neg,
  parseInfix,
  pow,
  prod,
  solveLinear,
  sub,
  substitute,
  sum,
  type Sym,
  symbol,
} from "../../src/sym/mod.ts";

const a = symbol("a"), b = symbol("b"), s = symbol("s"), x = symbol("x"), y = symbol("y"), u0 = symbol("u0");

/** [result, printed]: numbers stay numbers. */
const CASES: readonly (readonly [Dim, string | number])[] = [
  [sub(add(a, b), b), "a"],
  [sub(add(a, b), add(b, a)), 0],
  [add(a, a), "2*a"],
  [mul(0, a), 0],
  [mul(add(a, 1), sub(a, 1)), "a**2 - 1"],
  [mul(add(x, y), add(x, y)), "x**2 + 2*x*y + y**2"],
  [floorDiv(mul(2, s), 2), "s"],
  [floorDiv(add(mul(3, x), mul(3, 5)), 3), "x + 5"],
  [floorDiv(add(mul(4, x), 1), 4), "x"],
  [floorDiv(add(mul(4, x), y), 4), "x + ((y//4))"],
  [floorDiv(mul(x, y), y), "x"],
  [floorDiv(mul(x, y), mul(3, y)), "(x//3)"],
  [floorDiv(add(mul(x, y), y), add(x, 1)), "y"],
  [floorDiv(sub(pow(x, 2), 1), add(x, 1)), "x - 1"],
  [floorDiv(sub(pow(x, 2), 1), add(mul(2, x), 2)), "((x - 1)//2)"],
  [floorDiv(add(mul(6, x), 4), 8), "((3*x + 2)//4)"],
  [floorDiv(floorDiv(x, 2), 3), "(x//6)"],
  [floorDiv(floorDiv(x, y), 3), "(x//(3*y))"],
  [floorDiv(x, x), 1],
  [floorDiv(0, x), 0],
  [floorDiv(x, 1), "x"],
  [floorDiv(x, -1), "-x"],
  [floorDiv(x, -2), "((-x)//2)"],
  [floorDiv(-7, 2), -4],
  [floorDiv(7, -2), -4],
  [ceilDiv(s, 4), "((s + 3)//4)"],
  [ceilDiv(mul(4, s), 4), "s"],
  [ceilDiv(9, 4), 3],
  [cleanDiv(mul(4, s), 2), "2*s"],
  [mod(mul(4, x), 4), 0],
  [mod(mul(x, y), y), 0],
  [mod(x, 1), 0],
  [mod(x, x), 0],
  [mod(-7, 4), 1],
  [mod(7, -4), -1],
  [mod(x, 4), "Mod(x, 4)"],
  [mod(u0, 4), "PythonMod(u0, 4)"],
  [max(1, s), "Max(1, s)"],
  [max(1, max(s, 3), x, s), "Max(3, s, x)"],
  [max(s, add(s, 1)), "s + 1"],
  [min(s, add(s, 1)), "s"],
  [min(s, min(2, x), 5), "Min(2, s, x)"],
  [max(2, 7, 5), 7],
  [min(s), "s"],
  [pow(2, 10), 1024],
  [pow(x, 0), 1],
  [pow(add(x, 1), 3), "x**3 + 3*x**2 + 3*x + 1"],
  [pow(2, x), "PowByNatural(2, x)"],
  [neg(sub(x, y)), "-x + y"],
  [sub(1, x), "1 - x"],
  [prod([]), 1],
  [prod([2, s, 3, s]), "6*s**2"],
  [sum([]), 0],
  [sum([2, s, 3, s]), "2*s + 5"],
  [sum(Array.from({ length: 5000 }, () => s)), "5000*s"],
];

Deno.test("arithmetic collapses and normalises", () => {
  for (const [result, expected] of CASES) {
    assertEquals(typeof expected === "number" ? result : String(result), expected);
    assertEquals(isSym(result), typeof expected === "string", String(expected));
  }
});

Deno.test("equal polynomials have equal keys, whatever the order of building", () => {
  const pairs: [Dim, Dim][] = [
    [add(mul(a, b), add(a, 1)), add(add(1, a), mul(b, a))],
    [mul(add(a, b), 2), add(mul(b, 2), mul(2, a))],
    [floorDiv(add(b, a), 2), floorDiv(add(a, b), 2)],
    [max(a, b), max(b, a)],
  ];
  for (const [left, right] of pairs) assertStrictEquals((left as Sym).key, (right as Sym).key);
});

Deno.test("constants beyond the safe integers are refused", () => {
  const largest = Number.MAX_SAFE_INTEGER;
  assertEquals(add(largest - 1, 1), largest);
  assertThrows(() => add(largest, 1), RangeError, "9007199254740992");
  assertThrows(() => mul(2 ** 30, 2 ** 30), RangeError);
  assertThrows(() => prod([2 ** 30, 2 ** 30, s]), RangeError);
  assertThrows(() => neg(2 ** 53), RangeError);
  assertThrows(() => add(0.5, s), RangeError, "0.5");
  assertThrows(() => add(NaN, 1), RangeError);
  assertThrows(() => pow(2, 53), RangeError);
  assertThrows(() => pow(s, -1), RangeError);
});

Deno.test("division by zero is refused", () => {
  assertThrows(() => floorDiv(s, 0), RangeError, "Cannot divide s by zero");
  assertThrows(() => floorDiv(1, 0), RangeError);
  assertThrows(() => mod(s, 0), RangeError);
  assertThrows(() => floorDiv(s, sub(x, x)), RangeError);
  assertThrows(() => cleanDiv(7, 2), RangeError, "remainder");
});

Deno.test("conditions are not sizes", () => {
  const condition = call("lt", [s, 3]) as Sym;
  assertThrows(() => add(condition, 1), TypeError, "s < 3");
  assertThrows(() => call("and", [s, true]), TypeError, "and");
  assertThrows(() => call("floordiv", [s]), TypeError, "1 arguments");
});

Deno.test("symbol names are plain identifiers", () => {
  for (const name of ["", "a b", "a-b", "1a", "s0)", "é"]) assertThrows(() => symbol(name), SyntaxError, "identifier");
});

Deno.test("floats stay floats", () => {
  const f = symbol("zf0", "float");
  assertEquals(String(call("mul", [float(2), f])), "2.0*zf0");
  assertEquals(String(call("add", [f, 1])), "zf0 + 1");
  assertEquals((call("truediv", [s, 2]) as Sym).kind, "float");
  assertEquals(call("truediv", [7, 2]), 3.5);
  assertEquals(call("trunc_to_int", [float(-3.5)]), -3);
  assertEquals(evaluate(call("add", [f, s]) as Sym, new Map([["zf0", 0.5], ["s", 2]])), 2.5);
  assertThrows(() => call("trunc_to_int", [float(Infinity * 0)]), RangeError);
});

Deno.test("substitute", () => {
  const size = parseInfix("((s0 - 1)//2) + s1*s0") as Sym;
  assertEquals(substitute(size, new Map([["s0", 7], ["s1", 2]])), 17);
  assertEquals(String(substitute(size, new Map<string, Dim>([["s0", add(mul(2, x), 1)]]))), "2*s1*x + s1 + x");
  assertEquals(substitute(size, new Map([["other", 1]])), size);
  assertEquals(substitute(4, new Map([["s0", 1]])), 4);
  // All at once: what is put in is not replaced again.
  const swapped = substitute(sub(x, y), new Map<string, Dim>([["x", y], ["y", x]]));
  assertEquals(String(swapped), "-x + y");
});

Deno.test("evaluate", () => {
  const size = parseInfix("s0**2 - 2*s1") as Sym;
  assertEquals(evaluate(size, new Map<string, number | bigint>([["s0", 3], ["s1", 2n]])), 5);
  assertEquals(evaluate(7, new Map()), 7);
  assertThrows(() => evaluate(size, new Map([["s0", 1]])), RangeError, "no value is bound to s1");
  assertThrows(() => evaluate(size, new Map([["s0", 2 ** 40], ["s1", 0]])), RangeError, "outside");
  assertThrows(() => evaluate(size, new Map([["s0", 1.5], ["s1", 0]])), RangeError, "1.5");
  assertThrows(() => evaluate(parseInfix("4//s0") as Sym, new Map([["s0", 0]])), RangeError, "by zero");
  // Intermediate results may be larger than safe integers.
  assertEquals(evaluate(parseInfix("(s0*s0)//(s0 + 1)") as Sym, new Map([["s0", 2 ** 40]])), 2 ** 40 - 1);
});

Deno.test("solveLinear", () => {
  const solve = (text: string, name: string) => {
    const solution = solveLinear(parseInfix(text) as Sym, name);
    return solution && [solution.coefficient, String(solution.offset)];
  };
  assertEquals(solve("s0", "s0"), [1, "0"]);
  assertEquals(solve("2*s17 + 1", "s17"), [2, "1"]);
  assertEquals(solve("s1 - 3*s0 + 4", "s0"), [-3, "s1 + 4"]);
  assertEquals(solve("s0*s1 + s0", "s0"), null);
  assertEquals(solve("s0**2", "s0"), null);
  assertEquals(solve("s0 + (s0//2)", "s0"), null);
  assertEquals(solve("s0 + 1", "s1"), null);
  assertEquals(solve("(s0//2)", "s0"), null);
});
