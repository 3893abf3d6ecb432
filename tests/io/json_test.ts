import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { type Json, JsonFloat, JsonObject, parseJson } from "../../src/io/json.ts";

const float = (value: number): JsonFloat => new JsonFloat(value);

const values: Array<[string, Json]> = [
  ["null", null],
  ["true", true],
  ["false", false],
  ["0", 0],
  ["-0", 0],
  ["7", 7],
  ["-12", -12],
  ["999999999999999", 999999999999999],
  ["9007199254740991", 9007199254740991],
  ["9007199254740992", 9007199254740992n],
  ["-9007199254740993", -9007199254740993n],
  ["9223372036854775807", 9223372036854775807n],
  ["-9223372036854775808", -9223372036854775808n],
  ["18446744073709551615", 18446744073709551615n],
  ["1.0", float(1)],
  ["-0.0", float(-0)],
  ["1e3", float(1000)],
  ["1E+2", float(100)],
  ["2.5e-1", float(0.25)],
  ["0.1", float(0.1)],
  ["1e400", float(Infinity)],
  ["NaN", float(NaN)],
  ["Infinity", float(Infinity)],
  ["-Infinity", float(-Infinity)],
  ['""', ""],
  ['"a"', "a"],
  ['"a\\n\\"\\\\\\/\\u00e9\\ud83d\\ude00é"', 'a\n"\\/é😀é'],
  ['"\\ud800"', "\ud800"],
  ["[]", []],
  [" [ 1 ,\t2.0 ,\r\n[3] ] ", [1, float(2), [3]]],
  ["{}", new JsonObject()],
  ['{"a": {"as_int": 1}, "b" : [null]}', JsonObject.of([["a", JsonObject.of([["as_int", 1]])], ["b", [null]]])],
  ['{"a\\u0062": 1, "": 2}', JsonObject.of([["ab", 1], ["", 2]])],
];
/** Objects as Maps, whose contents comparisons see. */
function plain(value: Json): unknown {
  if (value instanceof JsonObject) return new Map([...value].map(([key, item]) => [key, plain(item)]));
  return Array.isArray(value) ? value.map(plain) : value;
}

for (const [text, expected] of values) {
  Deno.test(`json: ${text.slice(0, 60)}`, () => {
    const value = parseJson(text);
    assertEquals(plain(value), plain(expected));
    if (typeof expected === "number") assertStrictEquals(value, expected);
  });
}

Deno.test("json: keys that mean something to JavaScript are just keys, in their order", () => {
  const value = parseJson('{"__proto__": 1, "2": 2, "1": 3, "constructor": 4, "toString": 5}');
  assert(value instanceof JsonObject);
  assertEquals([...value], [["__proto__", 1], ["2", 2], ["1", 3], ["constructor", 4], ["toString", 5]]);
});

Deno.test("json: many different keys and strings keep their texts", () => {
  const expected = Array.from(
    { length: 5000 },
    (_, i): [string, string] => [`key ${i * 7}`, `value "${i}" \\ ${"x".repeat(i % 40)}`],
  );
  const value = parseJson(JSON.stringify(Object.fromEntries(expected)));
  assertEquals([...value as JsonObject], expected);
  for (const [key, item] of expected) assertEquals((value as JsonObject).get(key), item);
  const repeated = `{${expected.map(([key]) => `"${key}": 1`).join(", ")}, "key 7": 2}`;
  assertThrows(() => parseJson(repeated), SyntaxError, 'the key "key 7" is repeated');
});

Deno.test("json: objects are found in, whatever their number of keys", () => {
  for (const size of [0, 1, 2, 8, 11, 12, 13, 40]) {
    const names = Array.from({ length: size }, (_, i) => `k${i}`);
    const object = parseJson(JSON.stringify(Object.fromEntries(names.map((name, i) => [name, i])))) as JsonObject;
    assertEquals([...object.keys()], names);
    assertEquals([...object.values()], names.map((_, i) => i));
    assertEquals(object.size, size);
    assertEquals(names.map((name) => object.get(name)), names.map((_, i) => i));
    assertEquals([object.get("k"), object.has("k"), object.has("k0")], [undefined, false, size > 0]);
  }
});

const errors: Array<[string, string]> = [
  ["", "at its end: expected a value"],
  ["  ", "expected a value"],
  ["{", "expected a key"],
  ["[", "expected a value"],
  ["[1", "expected ',' or ']'"],
  ["[1,]", "expected a value"],
  ["[1 2]", "line 1, column 4: expected ',' or ']'"],
  ["[\n1,\n x]", "line 3, column 2: expected a value"],
  ['{"a"}', "expected ':'"],
  ['{"a":1,}', "expected a key"],
  ['{"a":1 "b":2}', "expected ',' or '}'"],
  ["{a:1}", "expected a key"],
  ['{"a":1,"b":2,"a":3}', 'line 1, column 1: the key "a" is repeated'],
  ['"abc', "does not end"],
  ['"abc\\"', "does not end"],
  ['"abc\\', "does not end"],
  ['"a\nb"', "a control character"],
  ['"\\x"', "invalid escape"],
  ['"\\u12g4"', "invalid escape"],
  ["'a'", "expected a value"],
  ["01", "expected a number"],
  ["-", "expected a number"],
  ["+1", "expected a value"],
  [".5", "expected a value"],
  ["1.", "expected a number"],
  ["1e", "expected a number"],
  ["1e+", "expected a number"],
  ["0x10", "expected the end"],
  ["1 2", "expected the end"],
  ["tru", "expected a value"],
  ["nul1", "expected a value"],
  ["-Infinit", "expected a value"],
  ["undefined", "expected a value"],
  ["\ufeff1", "expected a value"],
  ["1".repeat(1025), "more than 1024 digits"],
  ["[".repeat(301), "more than 300 levels"],
  ['{"a":'.repeat(301), "more than 300 levels"],
  ["[".repeat(1_000_000), "more than 300 levels"],
];
for (const [text, message] of errors) {
  Deno.test(`json: refuses ${JSON.stringify(text.slice(0, 40))}`, () => {
    assertThrows(() => parseJson(text), SyntaxError, message);
  });
}

Deno.test("json: depth is per level, not per value", () => {
  const nested = `[${"[".repeat(299)}${"]".repeat(299)}, [[]], {"a": [{}]}]`;
  assertEquals((parseJson(nested) as Json[]).length, 3);
  assertThrows(
    () => parseJson("[[[]]]", { maxDepth: 2, name: "m.json" }),
    SyntaxError,
    "Cannot parse m.json at line 1, column 3",
  );
});

Deno.test("json: truncated anywhere, or with any character replaced, it parses or is refused by SyntaxError", () => {
  const text = '{"a": [1, -2.5e3, "x\\n\\u00e9", null, true], "b": {"c": 9223372036854775807, "d": NaN}}';
  for (let length = 0; length < text.length; length++) {
    assertThrows(() => parseJson(text.slice(0, length)), SyntaxError);
  }
  for (let i = 0; i < text.length; i++) {
    for (const other of '"\\{}[],:0e.-\u0000') {
      try {
        parseJson(text.slice(0, i) + other + text.slice(i + 1));
      } catch (error) {
        assert(error instanceof SyntaxError && error.message.startsWith("Cannot parse JSON"), String(error));
      }
    }
  }
});
