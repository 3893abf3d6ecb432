/**
 * Writes JSON as Python's `json.dumps` does: ASCII only, integers of any size, floats with a point. The inverse of
 * `json.ts`.
 */
import { JsonFloat, JsonObject } from "./json.ts";

/** What can be written. A number must be a safe integer: a float is a `JsonFloat`. */
export type JsonValue =
  | null
  | boolean
  | string
  | number
  | bigint
  | JsonFloat
  | JsonObject
  | readonly JsonValue[]
  | ReadonlyMap<string, JsonValue>
  | { readonly [key: string]: JsonValue };

/**
 * The text of a value. Floats that are not finite are strings, as archives have them.
 *
 * @throws {TypeError} for a number that is not a safe integer
 *
 * @example
 * ```ts
 * import { JsonFloat } from "./json.ts";
 *
 * formatJson({ as_ints: [1, 2n ** 63n - 1n], as_float: new JsonFloat(2) });
 * // {"as_ints": [1, 9223372036854775807], "as_float": 2.0}
 * ```
 */
export function formatJson(value: JsonValue): string {
  const parts: string[] = [];
  write(value, parts);
  return parts.join("");
}

function write(value: JsonValue, parts: string[]): void {
  if (value === null || typeof value === "boolean" || typeof value === "bigint") parts.push(String(value));
  else if (typeof value === "string") parts.push(quoted(value));
  else if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) throw new TypeError(`Cannot write ${value} as an integer`);
    parts.push(String(value));
  } else if (value instanceof JsonFloat) parts.push(floatText(value.value));
  else if (Array.isArray(value)) writeAll("[", value, "]", parts, (item) => write(item, parts));
  else {
    const entries = value instanceof Map || value instanceof JsonObject ? [...value] : Object.entries(value);
    writeAll("{", entries as [string, JsonValue][], "}", parts, ([key, item]) => {
      parts.push(quoted(key), ": ");
      write(item, parts);
    });
  }
}

function writeAll<T>(open: string, items: readonly T[], close: string, parts: string[], one: (item: T) => void): void {
  parts.push(open);
  for (const [i, item] of items.entries()) {
    if (i > 0) parts.push(", ");
    one(item);
  }
  parts.push(close);
}

function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function floatText(value: number): string {
  if (Number.isNaN(value)) return '"NaN"';
  if (!Number.isFinite(value)) return value > 0 ? '"Infinity"' : '"-Infinity"';
  const text = Object.is(value, -0) ? "-0" : String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}
