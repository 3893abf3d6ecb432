/**
 * Parses the form of expressions in archives up to PyTorch 2.5, and of the keys of `range_constraints` in all: what
 * `str(sympy_expression)` writes, such as `((s0 + 3)//4) + 1`. Operators bind as in Python.
 */

import { build, negative } from "./call.ts";
import { mod } from "./arithmetic.ts";
import { boolConstant, collapse, type Dim, float, intConstant, type Sym, symbol, toSym } from "./expr.ts";
import { divideExactly, NAMED_FUNCTIONS, piecewise } from "./named_functions.ts";
import { IDENTIFIER, NAMED_CONSTANTS, Scanner } from "./scanner.ts";

const NUMBER = /(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE][-+]?[0-9]))(?:[eE][-+]?[0-9]+)?|[0-9]+/y;
/** Longer operators first, so that `**` is not read as `*`. */
const OPERATOR = /\*\*|\/\/|<<|>>|<=|>=|==|!=|[-+*\/%&|^<>]|(?:and|or)(?![A-Za-z0-9_])/y;
const NOT = /not(?![A-Za-z0-9_])/y;

const RELATIONS: ReadonlyMap<string, "lt" | "le" | "gt" | "ge" | "eq" | "ne"> = new Map([
  ["<", "lt"],
  ["<=", "le"],
  [">", "gt"],
  [">=", "ge"],
  ["==", "eq"],
  ["!=", "ne"],
]);

/** Binding strengths as in Python's grammar. */
const STRENGTH: ReadonlyMap<string, number> = new Map([
  ["or", 1],
  ["and", 2],
  ...[...RELATIONS.keys()].map((op): [string, number] => [op, 4]),
  ["|", 5],
  ["^", 6],
  ["&", 7],
  ["<<", 8],
  [">>", 8],
  ["+", 9],
  ["-", 9],
  ["*", 10],
  ["/", 10],
  ["//", 10],
  ["%", 10],
  ["**", 12],
]);
const NOT_STRENGTH = 3, RELATION_STRENGTH = 4, UNARY_STRENGTH = 11;

/** What the text of an expression does not say. */
export interface InfixOptions {
  /** Whether the integer symbol of a name may be negative; by default only those are taken for it that start with `u`. */
  readonly isSigned?: (name: string) => boolean;
}

/**
 * Parses an expression as `str` of a SymPy expression writes it. Constants are returned as plain values. Symbols are
 * integers, except PyTorch's float symbols (`zf…`, `zuf…`).
 *
 * Throws a SyntaxError that names the position and what was met, also for functions that do not exist, texts that are too
 * long or nested too deeply; a RangeError for an integer constant that is not safe.
 *
 * @example
 * ```ts
 * parseInfix("((s0 + 3)//4) + 1"); // FloorDiv(s0 + 3, 4) + 1
 * ```
 */
export function parseInfix(text: string, options: InfixOptions = {}): Sym | number | boolean {
  const scanner = new Scanner(text, options.isSigned);
  return scanner.finish(parse(scanner, 0));
}

function parse(scanner: Scanner, strength: number): Sym {
  let left = parsePrefix(scanner);
  for (;;) {
    scanner.peek();
    const position = scanner.position;
    const operator = scanner.match(OPERATOR);
    const own = operator === undefined ? undefined : STRENGTH.get(operator);
    if (operator === undefined || own === undefined || own < strength) {
      scanner.position = position;
      return left;
    }
    if (operator === "+" || operator === "-") {
      scanner.position = position;
      left = parseSum(scanner, left);
    } else if (operator === "**") {
      // Binds to the right, and more weakly than a sign on its right.
      const exponent = scanner.nested(() => parse(scanner, UNARY_STRENGTH));
      left = scanner.build(position, () => build("pow", [left, exponent]));
    } else {
      const right = parse(scanner, own + 1);
      left = scanner.build(position, () => combine(operator, left, right));
      if (own === RELATION_STRENGTH) refuseChain(scanner);
    }
  }
}

/** The sum of a whole chain is built at once: one by one, a long chain would take quadratic time. */
function parseSum(scanner: Scanner, first: Sym): Sym {
  const start = scanner.position;
  const terms = [first];
  for (;;) {
    const isMinus = scanner.peek() === "-";
    if (!isMinus && scanner.peek() !== "+") break;
    scanner.position++;
    const position = scanner.position;
    const term = parse(scanner, STRENGTH.get("+")! + 1);
    terms.push(isMinus ? scanner.build(position, () => negative(term)) : term);
  }
  return scanner.build(start, () => build("add", terms));
}

function refuseChain(scanner: Scanner): void {
  const position = scanner.position;
  const next = scanner.match(OPERATOR);
  if (next !== undefined && RELATIONS.has(next)) throw scanner.error(`a chain of comparisons, at "${next}"`, position);
  scanner.position = position;
}

function combine(operator: string, a: Sym, b: Sym): Sym {
  const relation = RELATIONS.get(operator);
  if (relation !== undefined) return build(relation, [a, b]);
  const isLogical = a.kind === "bool" && b.kind === "bool";
  switch (operator) {
    case "or":
    case "and":
      return build(operator, [a, b]);
    case "|":
      return build(isLogical ? "or" : "bitwise_or", [a, b]);
    case "^":
      return build(isLogical ? "xor" : "bitwise_xor", [a, b]);
    case "&":
      return build(isLogical ? "and" : "bitwise_and", [a, b]);
    case "<<":
      return NAMED_FUNCTIONS.get("LShift")!([a, b]);
    case ">>":
      return NAMED_FUNCTIONS.get("RShift")!([a, b]);
    case "*":
      return build("mul", [a, b]);
    case "/":
      return divideExactly(a, b);
    case "//":
      return build("floordiv", [a, b]);
    default:
      return toSym(mod(collapse(a) as Dim, collapse(b) as Dim));
  }
}

function parsePrefix(scanner: Scanner): Sym {
  const next = scanner.peek();
  const position = scanner.position;
  if (next === "-" || next === "+" || next === "~") {
    scanner.position++;
    const operand = scanner.nested(() => parse(scanner, UNARY_STRENGTH));
    if (next === "+") return operand;
    return scanner.build(position, () => next === "-" ? negative(operand) : build("not", [operand]));
  }
  if (scanner.match(NOT) !== undefined) {
    const operand = scanner.nested(() => parse(scanner, NOT_STRENGTH));
    return scanner.build(position, () => build("not", [operand]));
  }
  if (scanner.take("(")) {
    const inner = scanner.nested(() => parse(scanner, 0));
    scanner.expect(")");
    return inner;
  }
  const number = scanner.match(NUMBER);
  if (number !== undefined) {
    if (/[A-Za-z_0-9.]/.test(scanner.text[scanner.position] ?? "")) throw scanner.unexpected("an operator");
    return /^[0-9]+$/.test(number) ? intConstant(scanner.integer(number, position)) : float(Number(number));
  }
  const name = scanner.match(IDENTIFIER);
  if (name === undefined) throw scanner.unexpected("an operand");
  if (scanner.take("(")) return scanner.nested(() => parseCall(scanner, name, position));
  return parseName(scanner, name, position);
}

function parseName(scanner: Scanner, name: string, position: number): Sym {
  if (name === "True" || name === "False" || name === "true" || name === "false") {
    return boolConstant(name[0].toLowerCase() === "t");
  }
  if (name === "zoo") throw scanner.error('"zoo" has no value', position);
  if (name === "and" || name === "or" || name.length > 256) throw scanner.error("expected an operand", position);
  const constant = NAMED_CONSTANTS.get(name);
  if (constant !== undefined) return constant;
  return symbol(name, /^zu?f\d+$/.test(name) ? "float" : "int", scanner.isSigned(name) ? { nonnegative: false } : {});
}

function parseCall(scanner: Scanner, name: string, position: number): Sym {
  if (name === "Piecewise") return parsePiecewise(scanner, position);
  const make = NAMED_FUNCTIONS.get(name);
  if (make === undefined) throw scanner.error(`no function is called ${JSON.stringify(name.slice(0, 64))}`, position);
  const args: Sym[] = [];
  if (!scanner.take(")")) {
    do args.push(parse(scanner, 0)); while (scanner.take(","));
    scanner.expect(")");
  }
  return scanner.build(position, () => make(args));
}

function parsePiecewise(scanner: Scanner, position: number): Sym {
  const pairs: [Sym, Sym][] = [];
  do {
    scanner.expect("(");
    const value = parse(scanner, 0);
    scanner.expect(",");
    const condition = parse(scanner, 0);
    scanner.expect(")");
    pairs.push([value, condition]);
  } while (scanner.take(","));
  scanner.expect(")");
  return scanner.build(position, () => piecewise(pairs));
}
