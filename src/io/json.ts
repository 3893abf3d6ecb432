/**
 * A JSON parser that keeps what `JSON.parse` loses: integers beyond 2^53 (slice ends of 2^63 - 1 are in ordinary graphs),
 * the difference between `1` and `1.0`, which promote differently, and keys such as `__proto__`. It also takes the bare
 * NaN and Infinity that Python writes. Graphs can be 100 MB: one pass over the text, nothing per character but a
 * comparison.
 */

/**
 * A parsed value. Integers are numbers where these are exact, else bigints; numbers written with a point or an exponent
 * are `JsonFloat`s; objects keep the order of the text.
 */
export type Json = null | boolean | string | number | bigint | JsonFloat | Json[] | JsonObject;

/** From this many keys on, an object has an index; fewer are found sooner by looking at each. */
const INDEXED = 12;

/**
 * A parsed object: the methods of a Map, in a fraction of its memory. Graphs have millions of objects, nearly all with one
 * to eight keys.
 */
export class JsonObject {
  /** Keys and values in turn. */
  readonly #items: Json[];
  #index: Map<string, number> | null = null;

  /** @param items keys, which must be distinct, and values in turn */
  constructor(items: Json[] = []) {
    this.#items = items;
  }

  /** An object of entries; keys must be distinct. */
  static of(entries: Iterable<readonly [string, Json]>): JsonObject {
    return new JsonObject([...entries].flat() as Json[]);
  }

  get size(): number {
    return this.#items.length / 2;
  }

  get(key: string): Json | undefined {
    const at = this.#find(key);
    return at < 0 ? undefined : this.#items[at + 1];
  }

  has(key: string): boolean {
    return this.#find(key) >= 0;
  }

  *[Symbol.iterator](): Generator<[string, Json]> {
    for (let i = 0; i < this.#items.length; i += 2) yield [this.#items[i] as string, this.#items[i + 1]];
  }

  *keys(): Generator<string> {
    for (let i = 0; i < this.#items.length; i += 2) yield this.#items[i] as string;
  }

  *values(): Generator<Json> {
    for (let i = 1; i < this.#items.length; i += 2) yield this.#items[i];
  }

  /** The first key that stands twice, or null. Whoever makes an object of a text has to ask. */
  repeatedKey(): string | null {
    const items = this.#items;
    if (items.length >= 2 * INDEXED) {
      return this.#indexed().size === this.size ? null : firstRepeated(items);
    }
    for (let i = 2; i < items.length; i += 2) {
      for (let k = 0; k < i; k += 2) if (items[k] === items[i]) return items[i] as string;
    }
    return null;
  }

  #find(key: string): number {
    const items = this.#items;
    if (items.length >= 2 * INDEXED) return this.#indexed().get(key) ?? -1;
    for (let i = 0; i < items.length; i += 2) if (items[i] === key) return i;
    return -1;
  }

  #indexed(): ReadonlyMap<string, number> {
    if (this.#index) return this.#index;
    const index = this.#index = new Map<string, number>();
    for (let i = 0; i < this.#items.length; i += 2) index.set(this.#items[i] as string, i);
    return index;
  }
}

function firstRepeated(items: readonly Json[]): string {
  const seen = new Set<Json>();
  return items.find((key, i) => i % 2 === 0 && (seen.has(key) || !seen.add(key))) as string;
}

/** A number that was written as a float: `1.0`, `1e3`, `NaN`, `-Infinity`. */
export class JsonFloat {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** How to parse. */
export interface JsonOptions {
  /** How deep arrays and objects may nest, by default 300. */
  readonly maxDepth?: number;
  /** What the text is, for messages; by default "JSON". */
  readonly name?: string;
}

/** Integers with more digits are refused: making a bigint of a text takes quadratic time. */
const MAX_DIGITS = 1024;
/** This many digits are exact in a double whatever they are. */
const SAFE_DIGITS = 15;
const KEY_CACHE_SIZE = 512;

/**
 * Parses a JSON text.
 *
 * @throws {SyntaxError} with line and column, for anything that is not JSON (bare NaN and Infinity excepted), repeated keys
 * and nesting deeper than `maxDepth`
 *
 * @example
 * ```ts
 * parseJson('{"end": 9223372036854775807, "value": 1.0}');
 * // An object with end: 9223372036854775807n and value: JsonFloat { value: 1 }
 * ```
 */
export function parseJson(text: string, options: JsonOptions = {}): Json {
  return new Parser(text, options.maxDepth ?? 300, options.name ?? "JSON").parse();
}

const QUOTE = 0x22, BACKSLASH = 0x5c, COMMA = 0x2c, COLON = 0x3a, MINUS = 0x2d, POINT = 0x2e, ZERO = 0x30, NINE = 0x39;
const OPEN_ARRAY = 0x5b, CLOSE_ARRAY = 0x5d, OPEN_OBJECT = 0x7b, CLOSE_OBJECT = 0x7d;
const LOWER_E = 0x65, UPPER_E = 0x45, PLUS = 0x2b, SPACE = 0x20, TAB = 0x09, LINE_FEED = 0x0a, RETURN = 0x0d;

class Parser {
  readonly #text: string;
  readonly #name: string;
  /** How many levels may still be opened. */
  #depthLeft: number;
  readonly #maxDepth: number;
  #at = 0;
  /** What the open arrays and objects hold so far: one that grows for all, as each would have room for sixteen. */
  readonly #stack: Json[] = [];
  /** Keys repeat: one string each saves memory and makes Map look-ups cheap. */
  readonly #keys: string[] = new Array<string>(KEY_CACHE_SIZE).fill("");

  constructor(text: string, maxDepth: number, name: string) {
    this.#text = text;
    this.#name = name;
    this.#maxDepth = maxDepth;
    this.#depthLeft = maxDepth;
  }

  parse(): Json {
    const value = this.#value(this.#next());
    if (!Number.isNaN(this.#next())) throw this.#error("expected the end of the text");
    return value;
  }

  /** Skips blanks; the code of the character that follows, NaN at the end. */
  #next(): number {
    const text = this.#text;
    let at = this.#at;
    let code = text.charCodeAt(at);
    while (code === SPACE || code === LINE_FEED || code === RETURN || code === TAB) code = text.charCodeAt(++at);
    this.#at = at;
    return code;
  }

  #value(code: number): Json {
    switch (code) {
      case QUOTE:
        return this.#string();
      case OPEN_OBJECT:
        return this.#object();
      case OPEN_ARRAY:
        return this.#array();
      case 0x74:
        return this.#word("true", true);
      case 0x66:
        return this.#word("false", false);
      case 0x6e:
        return this.#word("null", null);
      case 0x4e:
        return this.#word("NaN", new JsonFloat(NaN));
      case 0x49:
        return this.#word("Infinity", new JsonFloat(Infinity));
    }
    if (code === MINUS || (code >= ZERO && code <= NINE)) return this.#number();
    throw this.#error("expected a value");
  }

  #object(): JsonObject {
    if (--this.#depthLeft < 0) throw this.#depthError();
    const start = this.#at;
    const from = this.#stack.length;
    this.#at++;
    let code = this.#next();
    if (code === CLOSE_OBJECT) {
      this.#at++;
      this.#depthLeft++;
      return new JsonObject();
    }
    while (true) {
      if (code !== QUOTE) throw this.#error("expected a key");
      this.#stack.push(this.#key());
      if (this.#next() !== COLON) throw this.#error("expected ':'");
      this.#at++;
      this.#stack.push(this.#value(this.#next()));
      code = this.#next();
      this.#at++;
      if (code === CLOSE_OBJECT) break;
      if (code !== COMMA) {
        this.#at--;
        throw this.#error("expected ',' or '}'");
      }
      code = this.#next();
    }
    this.#depthLeft++;
    const result = new JsonObject(this.#take(from));
    const repeated = result.repeatedKey();
    if (repeated === null) return result;
    this.#at = start;
    throw this.#error(`the key ${JSON.stringify(repeated.slice(0, 100))} is repeated`);
  }

  #array(): Json[] {
    if (--this.#depthLeft < 0) throw this.#depthError();
    const from = this.#stack.length;
    this.#at++;
    let code = this.#next();
    if (code === CLOSE_ARRAY) {
      this.#at++;
      this.#depthLeft++;
      return [];
    }
    while (true) {
      this.#stack.push(this.#value(code));
      code = this.#next();
      this.#at++;
      if (code === CLOSE_ARRAY) break;
      if (code !== COMMA) {
        this.#at--;
        throw this.#error("expected ',' or ']'");
      }
      code = this.#next();
    }
    this.#depthLeft++;
    return this.#take(from);
  }

  /** What was put on the stack since it had that length. */
  #take(from: number): Json[] {
    const items = this.#stack.slice(from);
    this.#stack.length = from;
    return items;
  }

  #key(): string {
    const text = this.#text;
    const start = this.#at + 1;
    let at = start;
    let code = text.charCodeAt(at);
    let hash = 0;
    while (code !== QUOTE && code !== BACKSLASH && code >= SPACE) {
      hash = (Math.imul(hash, 31) + code) | 0;
      code = text.charCodeAt(++at);
    }
    if (code !== QUOTE) return this.#string();
    this.#at = at + 1;
    const slot = hash & (KEY_CACHE_SIZE - 1);
    const known = this.#keys[slot];
    if (known.length === at - start && text.startsWith(known, start)) return known;
    return this.#keys[slot] = text.slice(start, at);
  }

  #string(): string {
    const text = this.#text;
    const start = this.#at + 1;
    let at = start;
    let code = text.charCodeAt(at);
    while (code !== QUOTE && code !== BACKSLASH && code >= SPACE) code = text.charCodeAt(++at);
    if (code === QUOTE) {
      this.#at = at + 1;
      return text.slice(start, at);
    }
    while (code !== QUOTE) {
      if (code === BACKSLASH) at++;
      else if (!(code >= SPACE)) {
        this.#at = at;
        throw this.#error(Number.isNaN(code) ? "a string does not end" : "a control character stands in a string");
      }
      code = text.charCodeAt(++at);
    }
    // Strings with escapes (stack traces) are left to the engine, which is fast and checks the escapes.
    try {
      const value = JSON.parse(text.slice(start - 1, at + 1)) as string;
      this.#at = at + 1;
      return value;
    } catch {
      throw this.#error("a string has an invalid escape");
    }
  }

  #number(): Json {
    const text = this.#text;
    const start = this.#at;
    let at = start;
    let code = text.charCodeAt(at);
    const negative = code === MINUS;
    if (negative) code = text.charCodeAt(++at);
    if (negative && code === 0x49) {
      this.#at = at;
      return this.#word("Infinity", new JsonFloat(-Infinity));
    }
    const digits = at;
    let value = 0;
    while (code >= ZERO && code <= NINE) {
      value = value * 10 + (code - ZERO);
      code = text.charCodeAt(++at);
    }
    const count = at - digits;
    if (count === 0 || (count > 1 && text.charCodeAt(digits) === ZERO)) throw this.#error("expected a number");
    if (code === POINT || code === LOWER_E || code === UPPER_E) return this.#float(at);
    this.#at = at;
    // Adding zero makes the integer of -0, as there is only one integer zero.
    if (count <= SAFE_DIGITS) return negative ? -value + 0 : value;
    if (count > MAX_DIGITS) {
      this.#at = start;
      throw this.#error(`an integer has more than ${MAX_DIGITS} digits`);
    }
    const big = BigInt(text.slice(start, at));
    const small = Number(big);
    return Number.isSafeInteger(small) ? small : big;
  }

  /** Goes on after the digits before the point or exponent at `at`. */
  #float(at: number): JsonFloat {
    const text = this.#text;
    const start = this.#at;
    let code = text.charCodeAt(at);
    if (code === POINT) {
      const digits = at + 1;
      do code = text.charCodeAt(++at); while (code >= ZERO && code <= NINE);
      if (at === digits) throw this.#error("expected a number");
    }
    if (code === LOWER_E || code === UPPER_E) {
      code = text.charCodeAt(++at);
      if (code === PLUS || code === MINUS) code = text.charCodeAt(++at);
      const digits = at;
      while (code >= ZERO && code <= NINE) code = text.charCodeAt(++at);
      if (at === digits) throw this.#error("expected a number");
    }
    this.#at = at;
    return new JsonFloat(Number(text.slice(start, at)));
  }

  #word<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#error("expected a value");
    this.#at += word.length;
    return value;
  }

  #depthError(): SyntaxError {
    return this.#error(`it nests more than ${this.#maxDepth} levels deep`);
  }

  #error(why: string): SyntaxError {
    const before = this.#text.slice(0, this.#at);
    const lines = before.split("\n");
    const where = this.#at >= this.#text.length
      ? "at its end"
      : `at line ${lines.length}, column ${lines.at(-1)!.length + 1}`;
    return new SyntaxError(`Cannot parse ${this.#name} ${where}: ${why}`);
  }
}
