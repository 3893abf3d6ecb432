import { assertEquals, assertThrows } from "@std/assert";
import { JsonFloat, parseJson } from "../../src/io/json.ts";
import { formatJson, type JsonValue } from "../../src/io/json_writer.ts";

const TABLE: readonly (readonly [JsonValue, string])[] = [
  [null, "null"],
  [true, "true"],
  [-3, "-3"],
  [2n ** 63n - 1n, "9223372036854775807"],
  [new JsonFloat(2), "2.0"],
  [new JsonFloat(-0), "-0.0"],
  [new JsonFloat(1e-7), "1e-7"],
  [new JsonFloat(Infinity), '"Infinity"'],
  [new JsonFloat(NaN), '"NaN"'],
  ['a"\\\n\u0007é✓\u2028', '"a\\"\\\\\\n\\u0007\\u00e9\\u2713\\u2028"'],
  [[], "[]"],
  [{}, "{}"],
  [[1, [2]], "[1, [2]]"],
  [new Map<string, JsonValue>([["1", 1], ["0", "x"]]), '{"1": 1, "0": "x"}'],
  [{ a: { b: [null] } }, '{"a": {"b": [null]}}'],
];

for (const [value, text] of TABLE) {
  Deno.test(`json: writes ${text}`, () => {
    assertEquals(formatJson(value), text);
    assertEquals(formatJson(parseJson(text) as JsonValue), text);
  });
}

Deno.test("json: refuses a number that is no integer", () => {
  assertThrows(() => formatJson({ x: 1.5 }), TypeError, "1.5");
});
