/** Both text forms: what PyTorch wrote comes back as PyTorch prints it, everything else is refused with a position. */

import { assertEquals, assertThrows } from "@std/assert";
import { evaluate, isSym, parseInfix, parseSrepr, type Sym } from "../../src/sym/mod.ts";
import { PRINTED } from "./printed_expressions.ts";

Deno.test("srepr prints as PyTorch prints it", () => {
  for (const [srepr, printed] of PRINTED) assertEquals(String(parseSrepr(srepr)), printed);
});

Deno.test("the printed form parses to the same expression", () => {
  for (const [srepr, printed] of PRINTED) {
    // 15 digits do not always identify a double.
    if (printed.includes("0.333333333333333")) continue;
    assertEquals((parseInfix(printed) as Sym).key, (parseSrepr(srepr) as Sym).key, printed);
  }
});

const S0 = "Symbol('s0', positive=True, integer=True)";
const U0 = "Symbol('u0', integer=True)";

/** [srepr, value of s0 or u0, result] */
const SREPR_VALUES: readonly (readonly [string, number, number | boolean])[] = [
  [`Add(FloorDiv(Add(${S0}, Integer(3)), Integer(4)), Integer(1))`, 9, 4],
  [`TruncToInt(IntTrueDiv(${S0}, Integer(4)))`, 11, 2],
  [`Mul(Float('1.5', precision=53), ToFloat(${S0}))`, 3, 4.5],
  [`Piecewise(ExprCondPair(Integer(1), Equality(${U0}, Integer(1))), ExprCondPair(Integer(0), true))`, 1, 1],
  [`Piecewise(ExprCondPair(Integer(1), Equality(${U0}, Integer(1))), ExprCondPair(Integer(0), true))`, 2, 0],
  [`OpaqueUnaryFn_sqrt(ToFloat(${S0}))`, 9, 3],
  [`OpaqueUnaryFn_log2(ToFloat(${S0}))`, 8, 3],
  [`FloorDiv(${U0}, Integer(4))`, -9, -3],
  [`FloorDiv(${U0}, Integer(-4))`, 9, -3],
  [`CleanDiv(${S0}, Integer(3))`, 12, 4],
  [`CeilDiv(${S0}, Integer(4))`, 9, 3],
  [`Mod(${S0}, Integer(4))`, 11, 3],
  [`PythonMod(${U0}, Integer(4))`, -9, 3],
  [`PythonMod(${U0}, Integer(-4))`, 9, -3],
  [`ModularIndexing(${S0}, Integer(4), Integer(3))`, 23, 2],
  [`Max(Integer(2), ${S0})`, 1, 2],
  [`Min(Integer(2), ${S0}, Integer(5))`, 1, 1],
  [`PowByNatural(Integer(2), ${S0})`, 10, 1024],
  [`Pow(${S0}, Integer(3))`, 4, 64],
  [`Pow(${S0}, Rational(1, 2))`, 16, 4],
  [`Mul(Integer(12), Pow(${S0}, Integer(-1)))`, 4, 3],
  [`FloatPow(ToFloat(${S0}), Float('2.0', precision=53))`, 3, 9],
  [`FloatTrueDiv(ToFloat(${S0}), Float('2.0', precision=53))`, 3, 1.5],
  [`CeilToInt(Mul(Float('0.5', precision=53), ToFloat(${S0})))`, 3, 2],
  [`FloorToInt(Mul(Float('0.5', precision=53), ToFloat(${S0})))`, 3, 1],
  [`RoundToInt(Mul(Float('0.5', precision=53), ToFloat(${S0})))`, 5, 2],
  [`RoundToInt(Mul(Float('0.5', precision=53), ToFloat(${S0})))`, 7, 4],
  [`TruncToFloat(Mul(Float('0.5', precision=53), ToFloat(${U0})))`, -3, -1],
  [`RoundDecimal(Mul(Float('0.125', precision=53), ToFloat(${S0})), Integer(2))`, 1, 0.12],
  [`RoundDecimal(Mul(Float('0.125', precision=53), ToFloat(${S0})), Integer(2))`, 3, 0.38],
  [`Where(StrictLessThan(${S0}, Integer(3)), Integer(10), ${S0})`, 2, 10],
  [`Where(StrictLessThan(${S0}, Integer(3)), Integer(10), ${S0})`, 3, 3],
  [`Equality(${S0}, Integer(3))`, 3, true],
  [`Unequality(${S0}, Integer(3))`, 3, false],
  [`LessThan(${S0}, Integer(3))`, 3, true],
  [`StrictGreaterThan(${S0}, Integer(3))`, 3, false],
  [`GreaterThan(${S0}, Integer(3))`, 3, true],
  [`And(GreaterThan(${S0}, Integer(3)), StrictLessThan(${S0}, Integer(5)))`, 4, true],
  [`Or(StrictLessThan(${S0}, Integer(3)), StrictGreaterThan(${S0}, Integer(5)))`, 4, false],
  [`Xor(StrictLessThan(${S0}, Integer(3)), StrictLessThan(${S0}, Integer(5)))`, 4, true],
  [`Not(Equality(${S0}, Integer(3)))`, 3, false],
  [`Abs(${U0})`, -4, 4],
  [`floor(Mul(Rational(1, 3), ${U0}))`, -4, -2],
  [`ceiling(Mul(Rational(1, 3), ${U0}))`, -4, -1],
  [`Identity(${S0})`, 7, 7],
  [`BitwiseFn_bitwise_and(${S0}, Integer(6))`, 11, 2],
  [`BitwiseFn_bitwise_or(${S0}, Integer(6))`, 9, 15],
  [`BitwiseFn_bitwise_xor(${S0}, Integer(6))`, 11, 13],
  [`IsNonOverlappingAndDenseIndicator(${S0}, Integer(4), Integer(4), Integer(1))`, 3, 1],
  [`IsNonOverlappingAndDenseIndicator(${S0}, Integer(4), Integer(8), Integer(1))`, 3, 0],
  [`LShift(${S0}, Integer(3))`, 5, 40],
  [`RShift(${S0}, Integer(1))`, 5, 2],
  [`Min(int_oo, ${S0})`, 5, 5],
  [`Max(-int_oo, ${S0})`, 5, 5],
];

Deno.test("every function of srepr computes what it should", () => {
  for (const [srepr, value, expected] of SREPR_VALUES) {
    const bindings = new Map([["s0", value], ["u0", value]]);
    assertEquals(evaluate(parseSrepr(srepr), bindings), expected, `${srepr} at ${value}`);
  }
});

/** [infix, printed] */
const INFIX: readonly (readonly [string, string])[] = [
  ["s0", "s0"],
  ["3*s0", "3*s0"],
  ["((s0 + 3)//4) + 1", "(((s0 + 3)//4)) + 1"],
  ["s0**2 + 2*s0 - 3", "s0**2 + 2*s0 - 3"],
  ["-s0**2", "-s0**2"],
  ["2**-1*s0", "s0/2"],
  ["2**3**2", "512"],
  ["2*s0//2", "s0"],
  ["7 - 2 - 1", "4"],
  ["7 - (2 - 1)", "6"],
  ["s0/2", "s0/2"],
  ["s0 % 4", "Mod(s0, 4)"],
  ["s0 << 2", "4*s0"],
  ["s0 >> 2", "(s0//4)"],
  ["s0 < 7", "s0 < 7"],
  ["Eq(s0, 3)", "Eq(s0, 3)"],
  ["s0 == 3", "Eq(s0, 3)"],
  ["s0 != 3", "Ne(s0, 3)"],
  ["not s0 < 3", "s0 >= 3"],
  ["s0 < 3 or s1 < 3 and s0 > 1", "(s0 < 3) | ((s0 > 1) & (s1 < 3))"],
  ["~(s0 < 3)", "s0 >= 3"],
  ["(s0 < 3) & (s1 < 3)", "(s0 < 3) & (s1 < 3)"],
  ["Max(3, s0)", "Max(3, s0)"],
  ["PowByNatural(2, s0)", "PowByNatural(2, s0)"],
  ["Piecewise((1, Eq(u0, 1)), (0, True))", "Where(Eq(u0, 1), 1, 0)"],
  ["1e3*zuf0", "1000.0*zuf0"],
  ["4", "4"],
  ["True", "true"],
];

Deno.test("infix binds as in Python", () => {
  for (const [text, printed] of INFIX) assertEquals(String(parseInfix(text)), printed, text);
});

Deno.test("the kind of a symbol follows from its name and keywords", () => {
  const cases = [
    ["Symbol('s0', positive=True, integer=True)", "int"],
    ["Symbol('u0', integer=True)", "int"],
    ["Symbol('zuf0')", "float"],
    ["Symbol('zf3', positive=True, real=True)", "float"],
  ] as const;
  for (const [text, kind] of cases) {
    const parsed = parseSrepr(text);
    assertEquals(isSym(parsed) && parsed.kind, kind, text);
  }
});

/** [text, part of the message] */
const BAD_SREPR: readonly (readonly [string, string])[] = [
  ["", "position 0: expected a function or constant, met the end"],
  ["__import__('os').system('true')", 'position 0: no function is called "__import__"'],
  ["Integer(1).__class__", 'position 10: expected the end, met ".__class__"'],
  ["Integer(__import__)", "position 8: expected an integer"],
  ["eval('1')", 'no function is called "eval"'],
  ["constructor(Integer(1))", 'no function is called "constructor"'],
  ["__proto__", 'no constant is called "__proto__"'],
  ["zoo", 'no constant is called "zoo"'],
  ["Symbol('a b')", "position 7"],
  ["Symbol('')", "position 7"],
  ["Symbol(s0)", "position 7: expected a quoted string"],
  ["Symbol('s0', positive=yes)", "expected True, False or an integer"],
  ["Symbol('s0'", 'expected ")", met the end'],
  ["Integer(0x10)", 'expected ")", met "x10)"'],
  ["Integer(1_0)", 'expected ")"'],
  ["Integer(007)", "starts with a zero"],
  ["Integer(- 1)", "expected an integer"],
  ["Integer(1.5)", 'expected ")", met ".5)"'],
  ["Integer(" + "9".repeat(400) + ")", "an integer of 400 digits"],
  ["Rational(1, 0)", "denominator zero"],
  ["Float('1.5; x', precision=53)", "is not a float"],
  ["Add(Integer(1), Integer(2)", 'expected ")", met the end'],
  ["Add(Integer(1) Integer(2))", 'position 15: expected ")"'],
  ["Add(Integer(1),)", "expected a function or constant"],
  ["FloorDiv(Symbol('s0', integer=True))", "cannot call floordiv with 1 arguments"],
  ["FloorDiv(Symbol('s0', integer=True), Integer(0))", "cannot divide s0 by zero"],
  ["Mod(Symbol('s0', integer=True), Float('2.0', precision=53))", "cannot call mod with float"],
  ["Add(true, Integer(1))", "cannot call add with bool"],
  ["Piecewise(ExprCondPair(Integer(1), Equality(Symbol('u0', integer=True), Integer(1))))", "not true"],
  ["Pow(Integer(0), Integer(-1))", "zero to a negative power"],
  ["Pow(Integer(2), Integer(1000000000))", "too large"],
  ["Pow(Symbol('s0', integer=True), Integer(1000000000))", "too large"],
  ["Pow(Add(Symbol('a', integer=True), Integer(1)), Integer(1000000))", "too many terms"],
  ["PowByNatural(Integer(2), Integer(100000000))", "too large"],
];

Deno.test("srepr refuses everything that it is not", () => {
  for (const [text, message] of BAD_SREPR) assertThrows(() => parseSrepr(text), SyntaxError, message, text);
});

const BAD_INFIX: readonly (readonly [string, string])[] = [
  ["", "position 0: expected an operand, met the end"],
  ["__import__('os')", 'position 0: no function is called "__import__"'],
  ["().__class__", 'expected an operand, met ").__class__"'],
  ["s0.__class__", 'position 2: expected the end, met ".__class__"'],
  ["L['x'].size()[0]", "position 1: expected the end, met \"['x']"],
  ["lambda: 0", 'expected the end, met ": 0"'],
  ["s0 +", "position 4: expected an operand, met the end"],
  ["(s0", 'expected ")", met the end'],
  ["s0 s1", 'expected the end, met "s1"'],
  ["1 < s0 < 3", "a chain of comparisons"],
  ["2s0", "expected an operator"],
  ["0x10", "expected an operator"],
  ["1_0", "expected an operator"],
  ["007", "starts with a zero"],
  ["s0 // 0", "cannot divide s0 by zero"],
  ["(s0 < 3) + 1", "cannot call add with bool"],
  ["s0 and 1", "cannot call and with int"],
  ["9**9**9**9", "too large"],
  ["(a + b + c + d)**33", "too many terms"],
  ["s0; 1", 'expected the end, met "; 1"'],
  ["s0\u00a0+ 1", "expected the end"],
];

Deno.test("infix refuses everything that it is not", () => {
  for (const [text, message] of BAD_INFIX) assertThrows(() => parseInfix(text), SyntaxError, message, text);
});

Deno.test("deep and long texts are refused", () => {
  const deep = 100_000;
  for (const n of [deep, 1000, 300]) {
    assertThrows(() => parseInfix("(".repeat(n) + "s0" + ")".repeat(n)), SyntaxError);
    assertThrows(() => parseInfix("-".repeat(n) + "s0"), SyntaxError);
    assertThrows(() => parseInfix("2**".repeat(n) + "s0"), SyntaxError);
    assertThrows(() => parseInfix("not ".repeat(n) + "s0 < 1"), SyntaxError);
    assertThrows(() => parseInfix("Max(s0, ".repeat(n) + "s1" + ")".repeat(n)), SyntaxError);
    assertThrows(() => parseSrepr("Abs(".repeat(n) + U0 + ")".repeat(n)), SyntaxError);
  }
  assertThrows(() => parseSrepr(`Add(${"Integer(1), ".repeat(10_000)}Integer(1))`), SyntaxError, "more than the limit");
  assertThrows(() => parseInfix("1" + " + 1".repeat(20_000)), SyntaxError, "more than the limit");
  assertThrows(() => parseInfix(`${"a".repeat(300)}`), SyntaxError);
});

Deno.test("many distinct factors and terms are refused before they cost much", () => {
  const names = Array.from({ length: 6000 }, (_, i) => `a${i}`);
  assertThrows(() => parseInfix(names.join("*")), SyntaxError, "too many terms or factors");
  assertThrows(() => parseInfix(names.join(" + ")), SyntaxError, "too many terms");
  assertThrows(() => parseInfix(`Max(${names.join(", ")})`), SyntaxError, "arguments");
  const sum = `(${names.slice(0, 130).join(" + ")})`;
  assertThrows(() => parseInfix(`${sum}*${sum}`), SyntaxError, "too many terms");
});

Deno.test("constants must be safe integers", () => {
  const largest = Number.MAX_SAFE_INTEGER;
  assertEquals(parseSrepr(`Integer(${largest})`), largest);
  assertEquals(parseSrepr(`Integer(-${largest})`), -largest);
  assertEquals(parseInfix(`${largest}`), largest);
  assertThrows(() => parseSrepr("Integer(9007199254740992)"), RangeError, "9007199254740992");
  assertThrows(() => parseInfix("9223372036854775807"), RangeError);
  // Within an expression the coefficient is exact, as long as the result is.
  const exact = parseInfix("9007199254740993*s0 - 9007199254740992*s0");
  assertEquals(String(exact), "s0");
  // No size reaches the largest int64, so it limits nothing.
  assertEquals(String(parseInfix("Min(9223372036854775807, s0)")), "s0");
});
