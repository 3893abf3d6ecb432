/**
 * Parses the form of expressions in archives since PyTorch 2.6: what `sympy.srepr` writes, such as
 * `Add(Symbol('s77', positive=True, integer=True), Integer(1))`. PyTorch evaluates this text as code; here it is data.
 */

import { build, negative } from "./call.ts";
import { boolConstant, float, intConstant, type Sym, symbol } from "./expr.ts";
import { NAMED_FUNCTIONS, piecewise, reciprocal } from "./named_functions.ts";
import { IDENTIFIER, NAMED_CONSTANTS, Scanner } from "./scanner.ts";

const INTEGER = /-?[0-9]+/y;
const STRING = /'[^'\\]*'/y;
const FLOAT_TEXT = /^-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$/;
const FLOAT_CONSTANTS: ReadonlyMap<string, number> = new Map([
  ["inf", Infinity],
  ["-inf", -Infinity],
  ["+inf", Infinity],
  ["nan", NaN],
]);

/**
 * Parses an expression as `sympy.srepr` writes it. Constants are returned as plain values.
 *
 * Throws a SyntaxError that names the position and what was met, also for functions that do not exist, texts that are too
 * long or nested too deeply; a RangeError for an integer constant that is not safe.
 *
 * @example
 * ```ts
 * parseSrepr("Add(Symbol('s77', positive=True, integer=True), Integer(1))").toString(); // "s77 + 1"
 * ```
 */
export function parseSrepr(text: string): Sym | number | boolean {
  const scanner = new Scanner(text);
  return scanner.finish(parse(scanner));
}

function parse(scanner: Scanner): Sym {
  if (scanner.take("-")) {
    const position = scanner.position;
    const value = NAMED_CONSTANTS.get(scanner.match(IDENTIFIER) ?? "");
    if (value === undefined) throw scanner.error('expected "oo" or "int_oo" after "-"', position);
    return negative(value);
  }
  scanner.peek();
  const position = scanner.position;
  const name = scanner.match(IDENTIFIER);
  if (name === undefined) throw scanner.unexpected("a function or constant");
  if (scanner.peek() !== "(") {
    if (name === "true" || name === "false") return boolConstant(name === "true");
    const value = NAMED_CONSTANTS.get(name);
    if (value === undefined) {
      throw scanner.error(`no constant is called ${JSON.stringify(name.slice(0, 64))}`, position);
    }
    return value;
  }
  scanner.expect("(");
  return scanner.nested(() => parseCall(scanner, name, position));
}

function parseCall(scanner: Scanner, name: string, position: number): Sym {
  switch (name) {
    case "Symbol":
      return parseSymbol(scanner);
    case "Integer": {
      const value = parseInteger(scanner);
      scanner.expect(")");
      return intConstant(value);
    }
    case "Rational": {
      const p = parseInteger(scanner);
      scanner.expect(",");
      const q = parseInteger(scanner);
      scanner.expect(")");
      return scanner.build(position, () => build("mul", [intConstant(p), fraction(q)]));
    }
    case "Float":
      return parseFloatCall(scanner);
    case "Piecewise":
      return parsePiecewise(scanner, position);
  }
  const make = NAMED_FUNCTIONS.get(name);
  if (make === undefined) throw scanner.error(`no function is called ${JSON.stringify(name.slice(0, 64))}`, position);
  const args: Sym[] = [];
  if (!scanner.take(")")) {
    do args.push(parse(scanner)); while (scanner.take(","));
    scanner.expect(")");
  }
  return scanner.build(position, () => make(args));
}

function fraction(q: bigint): Sym {
  if (q === 0n) throw new RangeError("Cannot use a Rational with denominator zero");
  return reciprocal(intConstant(q));
}

function parseInteger(scanner: Scanner): bigint {
  scanner.peek();
  const position = scanner.position;
  const digits = scanner.match(INTEGER);
  if (digits === undefined) throw scanner.unexpected("an integer");
  return scanner.integer(digits, position);
}

function parseString(scanner: Scanner): string {
  const quoted = scanner.match(STRING);
  if (quoted === undefined) throw scanner.unexpected("a quoted string");
  return quoted.slice(1, -1);
}

/** The keywords up to the closing parenthesis. */
function parseKeywords(scanner: Scanner): Map<string, string> {
  const keywords = new Map<string, string>();
  while (scanner.take(",")) {
    const name = scanner.match(IDENTIFIER);
    if (name === undefined) throw scanner.unexpected("a keyword");
    scanner.expect("=");
    const value = scanner.match(/True|False|[0-9]+/y);
    if (value === undefined) throw scanner.unexpected("True, False or an integer");
    keywords.set(name, value);
  }
  scanner.expect(")");
  return keywords;
}

function parseSymbol(scanner: Scanner): Sym {
  const position = scanner.position;
  const name = parseString(scanner);
  const keywords = parseKeywords(scanner);
  const isInteger = keywords.get("integer") === "True";
  // PyTorch writes backed floats as real, data-dependent ones without any keyword.
  const isFloat = !isInteger && (keywords.get("real") === "True" || /^zu?f\d+$/.test(name));
  const nonnegative = keywords.get("positive") === "True" || keywords.get("nonnegative") === "True";
  try {
    return symbol(name, isFloat ? "float" : "int", { nonnegative });
  } catch (error) {
    throw new SyntaxError(scanner.error((error as Error).message, position).message, { cause: error });
  }
}

function parseFloatCall(scanner: Scanner): Sym {
  const position = scanner.position;
  const text = parseString(scanner);
  parseKeywords(scanner);
  const value = FLOAT_CONSTANTS.get(text) ?? (FLOAT_TEXT.test(text) ? Number(text) : undefined);
  if (value === undefined) throw scanner.error(`${JSON.stringify(text.slice(0, 40))} is not a float`, position);
  return float(value);
}

function parsePiecewise(scanner: Scanner, position: number): Sym {
  const pairs: [Sym, Sym][] = [];
  do {
    scanner.expect("ExprCondPair");
    scanner.expect("(");
    const value = parse(scanner);
    scanner.expect(",");
    const condition = parse(scanner);
    scanner.expect(")");
    pairs.push([value, condition]);
  } while (scanner.take(","));
  scanner.expect(")");
  return scanner.build(position, () => piecewise(pairs));
}
