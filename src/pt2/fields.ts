/**
 * Typed access to parsed JSON that comes from a file: each access checks what it takes, and a failure says which entry of
 * which file it stands in, at which path, and in which node of the graph.
 */
import { type Json, JsonFloat, JsonObject } from "../io/json.ts";
import { ArchiveError } from "../ir/errors.ts";

/** The text that a field stands in. */
export interface FieldRoot {
  /** The archive, for messages. */
  readonly file: string;
  /** The entry of the archive: `models/model.json`. */
  readonly entry: string;
}

/** The node of the graph that a field describes. */
export interface FieldNode {
  readonly node: string;
  readonly operator: string;
}

/** Longest piece of a file's own text that a message repeats. */
const MAX_QUOTE = 100;
const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;

/** A JSON value and where it stands. */
export class Field {
  readonly json: Json;
  private readonly parent: Field | FieldRoot;
  private readonly key: string | number;
  private about: FieldNode | null = null;

  constructor(json: Json, parent: Field | FieldRoot, key: string | number = "") {
    this.json = json;
    this.parent = parent;
    this.key = key;
  }

  /** Errors below this field name the node. */
  describes(node: FieldNode): void {
    this.about = node;
  }

  /** The same place with another value; `note` follows the name of the entry, which only a root has. */
  replaced(json: Json, note = ""): Field {
    const { parent } = this;
    const place = note === "" || parent instanceof Field ? parent : { ...parent, entry: parent.entry + note };
    return new Field(json, place, this.key);
  }

  /** A required field of an object. */
  get(key: string): Field {
    const value = this.map().get(key);
    if (value === undefined) return this.fail(`${quote(key)} is missing`);
    return new Field(value, this, key);
  }

  /** An optional field of an object: null where it is missing or null. */
  find(key: string): Field | null {
    const value = this.map().get(key);
    return value === undefined || value === null ? null : new Field(value, this, key);
  }

  /** Number of fields of an object. */
  count(): number {
    return this.map().size;
  }

  /** The fields of an object in the order of the text. */
  *entries(): Generator<[string, Field]> {
    for (const [key, value] of this.map()) yield [key, new Field(value, this, key)];
  }

  /** The elements of a list. */
  list(): Field[] {
    if (!Array.isArray(this.json)) return this.mismatch("a list");
    return this.json.map((value, i) => new Field(value, this, i));
  }

  /** The only key of an object that is a union, with its value. */
  union(): [string, Field] {
    const map = this.map();
    if (map.size !== 1) return this.fail(`expected exactly one key, met ${map.size}`);
    const [key, value] = map[Symbol.iterator]().next().value!;
    return [key, new Field(value, this, key)];
  }

  string(): string {
    return typeof this.json === "string" ? this.json : this.mismatch("a string");
  }

  /** A string that is not empty. */
  name(): string {
    return this.string() || this.fail("expected a name, met an empty string");
  }

  bool(): boolean {
    return typeof this.json === "boolean" ? this.json : this.mismatch("true or false");
  }

  /** A 64-bit integer. */
  int(): bigint {
    if (typeof this.json !== "number" && typeof this.json !== "bigint") return this.mismatch("an integer");
    const value = BigInt(this.json);
    if (value < MIN_INT64 || value > MAX_INT64) return this.fail("the integer does not fit 64 bits");
    return value;
  }

  /** An integer that a double holds exactly. */
  safeInt(): number {
    if (typeof this.json === "number") return this.json;
    return typeof this.json === "bigint" ? this.fail(`${this.json} is too large here`) : this.mismatch("an integer");
  }

  /** A non-negative integer: a size, a stride, an offset. */
  size(): number {
    const value = this.safeInt();
    return value >= 0 ? value : this.fail(`expected a non-negative integer, met ${value}`);
  }

  /** A float; since torch 2.7 those that are not finite are strings. */
  float(): number {
    const { json } = this;
    if (json instanceof JsonFloat) return json.value;
    if (typeof json === "number" || typeof json === "bigint") return Number(json);
    if (json === "Infinity" || json === "-Infinity" || json === "NaN") return Number(json);
    return this.mismatch("a float");
  }

  /** Fails here. */
  fail(why: string, cause?: unknown): never {
    const { root, keys, about } = this.trail();
    const path = keys.length === 0 ? "" : ` at ${pathText(keys)}`;
    const location = { file: root.file, ...(about ? { node: about.node, operator: about.operator } : {}) };
    throw new ArchiveError(`Cannot read ${root.entry}${path}: ${why}`, location, cause === undefined ? {} : { cause });
  }

  /** Runs `body`; a SyntaxError or RangeError of the layers below fails here. */
  guard<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      if (error instanceof SyntaxError || error instanceof RangeError) return this.fail(error.message, error);
      throw error;
    }
  }

  /** The way here from the root, and the innermost node on it. */
  private trail(): { root: FieldRoot; keys: (string | number)[]; about: FieldNode | null } {
    if (!(this.parent instanceof Field)) return { root: this.parent, keys: [], about: this.about };
    const { root, keys, about } = this.parent.trail();
    return { root, keys: [...keys, this.key], about: this.about ?? about };
  }

  private map(): JsonObject {
    return this.json instanceof JsonObject ? this.json : this.mismatch("an object");
  }

  private mismatch(expected: string): never {
    return this.fail(`expected ${expected}, met ${describe(this.json)}`);
  }
}

function pathText(keys: readonly (string | number)[]): string {
  const parts = keys.map((key) =>
    typeof key === "number" ? `[${key}]` : /^\w+$/.test(key) ? `.${key}` : `[${quote(key)}]`
  );
  const text = parts.join("").replace(/^\./, "");
  return text.length <= 4 * MAX_QUOTE ? text : `${text.slice(0, MAX_QUOTE)}…${text.slice(-3 * MAX_QUOTE)}`;
}

/** A piece of a file's text for a message. */
export function quote(text: string): string {
  return JSON.stringify(text.length > MAX_QUOTE ? `${text.slice(0, MAX_QUOTE)}…` : text);
}

function describe(json: Json): string {
  if (json instanceof JsonObject) return "an object";
  if (Array.isArray(json)) return "a list";
  if (json instanceof JsonFloat) return `the float ${json.value}`;
  if (typeof json === "string") return `the string ${quote(json)}`;
  return typeof json === "bigint" ? "a large integer" : String(json);
}
