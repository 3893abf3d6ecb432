/** The visitor: each distinct part once, in terms that every target has. */

import { assertEquals, assertThrows } from "@std/assert";
import { parseInfix, type Sym, type SymKind, visit, type Visitor } from "../../src/sym/mod.ts";

/** Writes what it is called with, and counts. */
class Writer implements Visitor<string> {
  readonly calls: string[] = [];

  constant(value: number, kind: SymKind): string {
    return kind === "int" ? String(value) : `${kind} ${value}`;
  }

  symbol(name: string): string {
    return name;
  }

  call(fn: string, args: string[], kind: SymKind): string {
    const text = `${fn}(${args.join(", ")})`;
    this.calls.push(`${text}: ${kind}`);
    return text;
  }
}

/** [infix, visited] */
const CASES: readonly (readonly [string, string])[] = [
  ["5", "5"],
  ["s0", "s0"],
  ["s0 - 1", "add(s0, -1)"],
  ["2*s0*s1**2 + 3", "add(mul(s0, pow(s1, 2), 2), 3)"],
  ["s0/2 + 1/3", "truediv(add(mul(s0, 3), 2), 6)"],
  ["((s0 + 3)//4)", "floordiv(add(s0, 3), 4)"],
  ["Mod(s0, 4)", "mod(s0, 4)"],
  ["PythonMod(u0, 4)", "pythonmod(u0, 4)"],
  ["2.0*zf0", "mul(float 2, zf0)"],
  ["Where(s0 < 3, 1, s1)", "where(lt(s0, 3), 1, s1)"],
  ["Max(s0, 1)", "max(1, s0)"],
  ["TruncToInt(IntTrueDiv(s0, 4))", "trunc_to_int(truediv(s0, 4))"],
  ["OpaqueUnaryFn_sqrt(ToFloat(s0))", "sqrt(tofloat(s0))"],
];

Deno.test("visit", () => {
  for (const [text, expected] of CASES) assertEquals(visit(parseInfix(text) as Sym, new Writer()), expected, text);
  assertEquals(visit(true, new Writer()), "bool 1");
});

Deno.test("a part that occurs often is visited once", () => {
  const writer = new Writer();
  visit(parseInfix("(s0//2)*s1 + (s0//2)**2 + Max((s0//2), s1)") as Sym, writer);
  assertEquals(writer.calls.filter((call) => call.startsWith("floordiv")), ["floordiv(s0, 2): int"]);
});

Deno.test("constants that are not safe are refused, not rounded", () => {
  assertThrows(() => visit(parseInfix("9007199254740993*s0") as Sym, new Writer()), RangeError, "9007199254740993");
});
