/**
 * What both parsers of expressions need: a cursor with limits, and errors that tell the position and what was met.
 */

import { collapse, float, type Sym } from "./expr.ts";

/** Longest text that is parsed; that of real programs stays below a few thousand characters. */
const MAX_LENGTH = 1 << 16;
/** Deepest nesting of parentheses, calls and prefix operators. */
const MAX_NESTING = 200;
const MAX_DIGITS = 300;

/** Fails with an error at a position. */
type Build = () => Sym;

/** A cursor over the text of an expression. Constructing it throws a SyntaxError for a text that is too long. */
export class Scanner {
  readonly text: string;
  position = 0;
  #nesting = 0;

  /** Whether the symbol of a name may be negative, where the text does not say so. */
  readonly isSigned: (name: string) => boolean;

  constructor(text: string, isSigned: (name: string) => boolean = () => false) {
    if (text.length > MAX_LENGTH) {
      throw new SyntaxError(
        `Cannot parse symbolic expression: ${text.length} characters, more than the limit of ${MAX_LENGTH}`,
      );
    }
    this.text = text;
    this.isSigned = isSigned;
  }

  /** Skips blanks and tells the next character, empty at the end. */
  peek(): string {
    while (this.text[this.position] === " ") this.position++;
    return this.text[this.position] ?? "";
  }

  /** Consumes the given text if it comes next. */
  take(expected: string): boolean {
    this.peek();
    if (!this.text.startsWith(expected, this.position)) return false;
    this.position += expected.length;
    return true;
  }

  /** Consumes the given text, which must come next. */
  expect(expected: string): void {
    if (!this.take(expected)) throw this.unexpected(`"${expected}"`);
  }

  /** Consumes what a sticky expression matches next. */
  match(pattern: RegExp): string | undefined {
    this.peek();
    pattern.lastIndex = this.position;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.position += found.length;
    return found;
  }

  /** Runs a parser one level deeper. */
  nested<T>(parse: () => T): T {
    if (++this.#nesting > MAX_NESTING) throw this.error(`nested more than ${MAX_NESTING} levels deep`);
    const result = parse();
    this.#nesting--;
    return result;
  }

  /** The integer of decimal digits with an optional sign. */
  integer(digits: string, position: number): bigint {
    if (digits.length > MAX_DIGITS) throw this.error(`an integer of ${digits.length} digits`, position);
    if (/^-?0\d/.test(digits)) throw this.error(`the integer "${digits}" starts with a zero`, position);
    return BigInt(digits);
  }

  /** Builds an expression; an operand of a wrong kind, a division by zero and the like become errors at the position. */
  build(position: number, make: Build): Sym {
    try {
      return make();
    } catch (error) {
      if (!(error instanceof TypeError) && !(error instanceof RangeError)) throw error;
      const message = error.message[0].toLowerCase() + error.message.slice(1);
      throw new SyntaxError(this.error(message, position).message, { cause: error });
    }
  }

  /** Requires the end of the text and unwraps constants. */
  finish(result: Sym): Sym | number | boolean {
    if (this.peek() !== "") throw this.unexpected("the end");
    return collapse(result);
  }

  error(what: string, position: number = this.position): SyntaxError {
    return new SyntaxError(`Cannot parse symbolic expression at position ${position}: ${what}`);
  }

  /** The error for something else than what was expected. */
  unexpected(expected: string): SyntaxError {
    const met = this.peek() === "" ? "the end" : JSON.stringify(this.text.slice(this.position, this.position + 20));
    return this.error(`expected ${expected}, met ${met}`);
  }
}

/** Constants that both forms write as bare names. `zoo` (complex infinity) has no value and is refused. */
export const NAMED_CONSTANTS: ReadonlyMap<string, Sym> = new Map([
  ["oo", float(Infinity)],
  ["int_oo", float(Infinity)],
  ["nan", float(NaN)],
  ["pi", float(Math.PI)],
]);

/** A plain identifier. */
export const IDENTIFIER: Readonly<RegExp> = /[A-Za-z_][A-Za-z0-9_]*/y;
