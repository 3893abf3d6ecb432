import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { type PickleLimits, unpickle } from "../../src/io/pickle.ts";
import {
  Global,
  Persistent,
  type PickleValue,
  PyDict,
  PyFloat,
  PyList,
  PySet,
  PyTuple,
  Reduced,
} from "../../src/io/pickle_values.ts";
import * as p from "./assemble.ts";

/** A comparable form. */
function show(value: PickleValue): unknown {
  if (value instanceof PyFloat) return { float: value.value };
  if (value instanceof PyTuple) return { tuple: value.items.map(show) };
  if (value instanceof PyList) return value.items.map(show);
  if (value instanceof PySet) return { [value.frozen ? "frozenset" : "set"]: value.items.map(show) };
  if (value instanceof PyDict) return { dict: [...value].map(([key, item]) => [show(key), show(item)]) };
  if (value instanceof Global) return { global: `${value}` };
  if (value instanceof Persistent) return { persistent: value.value };
  if (value instanceof Reduced) {
    return {
      [value.isNew ? "new" : "call"]: [show(value.callable), show(value.args)],
      ...(value.kwargs !== undefined && { kwargs: show(value.kwargs) }),
      ...(value.items.length > 0 && { items: value.items.map(show) }),
      ...(value.dict.size > 0 && { dict: [...value.dict].flat().map(show) }),
      ...(value.states.length > 0 && { states: value.states.map(show) }),
    };
  }
  return value;
}

const system = p.global("os", "system");
const shown = { global: "os.system" };

const values: Array<[string, p.Code, unknown]> = [
  ["NONE", p.NONE, null],
  ["bools", p.tuple(p.TRUE, p.FALSE), { tuple: [true, false] }],
  ["BININT", p.tuple([0x4a, 0xff, 0xff, 0xff, 0xff], [0x4a, 0, 0, 0, 0x80]), { tuple: [-1, -(2 ** 31)] }],
  ["BININT1, BININT2", p.tuple([0x4b, 255], [0x4d, 0xff, 0xff]), { tuple: [255, 65535] }],
  ["LONG1", p.tuple([0x8a, 0], [0x8a, 1, 0x80], [0x8a, 2, 0xff, 0], [0x8a, 8, 0, 0, 0, 0, 0, 0, 0x20, 0]), {
    tuple: [0, -128, 255, 2n ** 53n],
  }],
  ["LONG1 of 2^63 - 1", [0x8a, 8, 255, 255, 255, 255, 255, 255, 255, 127], 9223372036854775807n],
  ["LONG1 of -2^63", [0x8a, 8, 0, 0, 0, 0, 0, 0, 0, 128], -9223372036854775808n],
  ["LONG4", [0x8b, 3, 0, 0, 0, 0, 0, 1], 65536],
  ["BINFLOAT", p.tuple(p.float(1), p.float(-Infinity), p.float(NaN)), {
    tuple: [{ float: 1 }, { float: -Infinity }, { float: NaN }],
  }],
  ["texts", p.tuple(p.text("é✓"), [0x8c, 1, "x"], [0x8d, 2, 0, 0, 0, 0, 0, 0, 0, "yz"]), { tuple: ["é✓", "x", "yz"] }],
  ["bytes", p.tuple([0x43, 2, 1, 2], [0x42, 1, 0, 0, 0, 9]), { tuple: [Uint8Array.of(1, 2), Uint8Array.of(9)] }],
  [
    "tuples",
    p.tuple(p.EMPTY_TUPLE, [p.int(1), 0x85], [p.int(1), p.int(2), 0x86], [p.int(1), p.int(2), p.int(3), 0x87]),
    {
      tuple: [{ tuple: [] }, { tuple: [1] }, { tuple: [1, 2] }, { tuple: [1, 2, 3] }],
    },
  ],
  ["lists", [p.list(p.int(1), p.int(2)), p.int(3), p.APPEND], [1, 2, 3]],
  ["sets", p.tuple([0x8f, p.MARK, p.int(1), 0x90], [p.MARK, p.int(2), 0x91]), {
    tuple: [{ set: [1] }, { frozenset: [2] }],
  }],
  ["dicts", [p.dict(p.text("b"), p.int(1), p.text("a"), p.int(2)), p.text("b"), p.int(3), p.SETITEM], {
    dict: [["b", 3], ["a", 2]],
  }],
  [
    "dict keys equal as in Python",
    p.dict(p.int(1), p.int(1), p.float(1), p.int(2), p.TRUE, p.int(3), p.text("1"), p.int(4)),
    { dict: [[1, 3], ["1", 4]] },
  ],
  ["__proto__ as a key", p.dict(p.text("__proto__"), p.int(1)), { dict: [["__proto__", 1]] }],
  ["GLOBAL is a name", system, shown],
  ["STACK_GLOBAL is a name", [p.text("os"), p.text("system"), 0x93], shown],
  ["REDUCE calls nothing", [system, p.tuple(p.text("touch /tmp/x")), p.REDUCE], {
    call: [shown, { tuple: ["touch /tmp/x"] }],
  }],
  ["NEWOBJ and BUILD", [system, p.EMPTY_TUPLE, p.NEWOBJ, p.dict(p.text("a"), p.int(1)), p.BUILD, p.NONE, p.BUILD], {
    new: [shown, { tuple: [] }],
    states: [{ dict: [["a", 1]] }, null],
  }],
  ["NEWOBJ_EX", [system, p.EMPTY_TUPLE, p.EMPTY_DICT, 0x92], { new: [shown, { tuple: [] }], kwargs: { dict: [] } }],
  ["filling the result of a call", [
    p.call("m", "f"),
    [p.MARK, p.int(1), p.APPENDS],
    [p.int(2), p.APPEND],
    [p.MARK, p.int(3), 0x90],
    [p.text("k"), p.int(4), p.SETITEM],
  ], { call: [{ global: "m.f" }, { tuple: [] }], items: [1, 2, 3], dict: ["k", 4] }],
  ["the result of a call is called", [p.call("m", "f"), p.EMPTY_TUPLE, p.REDUCE], {
    call: [{ call: [{ global: "m.f" }, { tuple: [] }] }, { tuple: [] }],
  }],
  ["FRAME", [0x95, 1, 0, 0, 0, 0, 0, 0, 0, p.NONE], null],
];
for (const [name, code, expected] of values) {
  Deno.test(`pickle: ${name}`, () => assertEquals(show(unpickle(p.pickle(code))), expected));
}

Deno.test("pickle: what is remembered is the same object", () => {
  const value = unpickle(p.pickle(p.list(p.int(7)), p.put(300), p.get(300), [0x71, 5], [0x68, 5], 0x87));
  assertInstanceOf(value, PyTuple);
  assert(value.items[0] === value.items[1] && value.items[1] === value.items[2]);
  // MEMOIZE takes the next free place.
  const memoized = unpickle(p.pickle(p.tuple(p.list(), 0x94, p.EMPTY_TUPLE, 0x94, [0x68, 0], [0x68, 1])));
  assertInstanceOf(memoized, PyTuple);
  const [first, second, third, fourth] = memoized.items;
  assert(first instanceof PyList && first === third && second instanceof PyTuple && second === fourth);
});

Deno.test("pickle: protocols", () => {
  for (const protocol of [2, 3, 4, 5]) assertEquals(unpickle(p.assemble([0x80, protocol], p.NONE, p.STOP)), null);
  for (const protocol of [0, 1, 6, 255]) {
    assertThrows(() => unpickle(p.assemble([0x80, protocol], p.NONE, p.STOP)), SyntaxError, `protocol ${protocol}`);
  }
});

Deno.test("pickle: persistent ids are the caller's", () => {
  const bytes = p.pickle(p.tuple([p.tuple(p.text("storage"), p.int(1)), p.BINPERSID]));
  const ids: unknown[] = [];
  const value = unpickle(bytes, { persistentLoad: (id) => ids.push(show(id)) });
  assertEquals(show(value), { tuple: [{ persistent: 1 }] });
  assertEquals(ids, [{ tuple: ["storage", 1] }]);
  assertThrows(() => unpickle(bytes), SyntaxError, "BINPERSID");
});

const errors: Array<[string, p.Code, string]> = [
  ["an empty stack", [], "the stack is empty"],
  ["too much on the stack", [p.NONE, p.NONE], "leaves values on the stack"],
  ["an open MARK", [p.NONE, p.MARK, p.NONE], "leaves values on the stack"],
  ["popping below a MARK", [p.NONE, p.MARK, 0x85], "the stack is empty"],
  ["TUPLE without MARK", [p.NONE, p.TUPLE], "there is no MARK"],
  ["APPEND to a tuple", [p.EMPTY_TUPLE, p.NONE, p.APPEND], "APPEND on PyTuple"],
  ["APPEND to None", [p.NONE, p.NONE, p.APPEND], "APPEND on None"],
  ["ADDITEMS to a list", [p.EMPTY_LIST, p.MARK, 0x90], "ADDITEMS on PyList"],
  ["SETITEM on a list", [p.EMPTY_LIST, p.NONE, p.NONE, p.SETITEM], "SETITEM on PyList"],
  ["SETITEMS with a lone key", [p.EMPTY_DICT, p.MARK, p.NONE, p.SETITEMS], "a key that has no value"],
  ["REDUCE of a text", [p.text("os.system"), p.EMPTY_TUPLE, p.REDUCE], "REDUCE of string"],
  ["REDUCE with a list", [system, p.EMPTY_LIST, p.REDUCE], "REDUCE with PyList as arguments"],
  ["BUILD on a dict", [p.EMPTY_DICT, p.EMPTY_DICT, p.BUILD], "BUILD on PyDict"],
  ["BUILD on a global", [system, p.EMPTY_DICT, p.BUILD], "BUILD on the global os.system"],
  ["STACK_GLOBAL of numbers", [p.int(1), p.int(2), 0x93], "a global's name is no text"],
  ["an unknown memo", p.get(4_000_000_000), "memo 4000000000 was never stored"],
  ["a text that is not UTF-8", [0x58, p.u32(1), 0xff], "not UTF-8"],
  ["a text longer than the pickle", [0x58, p.u32(1000), "abc"], "truncated"],
  ["bytes longer than any input", [0x8d, 255, 255, 255, 255, 255, 255, 255, 255], "string"],
  ["a FRAME longer than the pickle", [0x95, 255, 255, 255, 255, 255, 255, 255, 255], "truncated"],
  ["a name that does not end", [0x63, "x".repeat(5000)], "does not end"],
  ["INST", [p.MARK, 0x69, "os\nsystem\n"], "opcode INST (0x69) is not supported"],
  ["OBJ", [p.MARK, 0x6f], "opcode OBJ (0x6f)"],
  ["EXT1", [0x82, 1], "opcode EXT1 (0x82)"],
  ["PERSID", [0x50, "x\n"], "opcode PERSID (0x50)"],
  ["DUP", [p.NONE, 0x32], "opcode DUP (0x32)"],
  ["NEXT_BUFFER", [0x97], "opcode NEXT_BUFFER (0x97)"],
  ["an unassigned code", [0xff], "0xff is no opcode"],
  ["a list in itself", [p.EMPTY_LIST, p.put(0), p.get(0), p.APPEND], "contains itself"],
  [
    "a state that holds its object",
    [p.call("m", "C"), p.put(0), p.dict(p.text("me"), p.get(0)), p.BUILD],
    "contains itself",
  ],
  ["a dict in its key's tuple", [p.EMPTY_DICT, p.put(0), p.tuple(p.get(0)), p.NONE, p.SETITEM], "contains itself"],
];
for (const [name, code, message] of errors) {
  Deno.test(`pickle: refuses ${name}`, () => {
    const error = assertThrows(() => unpickle(p.pickle(code), { name: "data.pkl" }), Error, message);
    assert(error instanceof SyntaxError || error instanceof RangeError);
    assert(error.message.startsWith("Cannot read data.pkl"), error.message);
  });
}

const bombs: Array<[string, p.Code, PickleLimits, string]> = [
  ["operations", Array<p.Code>(1000).fill([p.NONE, 0x85]), { ops: 100 }, "100 operations"],
  [
    "remembered values",
    [p.NONE, Array.from({ length: 200 }, (_, i) => p.put(i * 20_000_000))],
    { memo: 100 },
    "100 remembered values",
  ],
  ["length of a text", p.text("x".repeat(101)), { stringLength: 100 }, "100 bytes of a string"],
  ["length of an integer", [0x8b, p.u32(2000), new Uint8Array(2000)], {}, "bytes of an integer"],
  ["bytes", p.text("x".repeat(101)), { bytes: 100 }, "at most 100"],
  ["depth of tuples", [p.NONE, Array<p.Code>(100_000).fill(0x85)], {}, "more than 200 levels"],
  [
    "depth of lists",
    [Array<p.Code>(1000).fill(p.EMPTY_LIST), Array<p.Code>(999).fill(p.APPEND)],
    {},
    "more than 200 levels",
  ],
  [
    "depth of calls",
    [p.call("m", "f"), Array<p.Code>(300).fill([p.EMPTY_TUPLE, p.REDUCE])],
    {},
    "more than 200 levels",
  ],
  [
    "depth of what is shared",
    [
      p.tuple(),
      p.put(0),
      Array<p.Code>(150).fill([0x85, p.put(0)]),
      p.get(0),
      0x86,
      Array<p.Code>(60).fill(0x85),
    ],
    {},
    "more than 200 levels",
  ],
  [
    "tuples doubled 100 times",
    [p.EMPTY_TUPLE, Array.from({ length: 100 }, () => [p.put(0), p.get(0), 0x86])],
    {},
    "limit of 16777216 values",
  ],
];
for (const [name, code, limits, message] of bombs) {
  Deno.test(`pickle: limits the ${name}`, () => {
    assertThrows(() => unpickle(p.pickle(code), { limits }), RangeError, message);
  });
}

Deno.test("pickle: depth up to the limit is fine", () => {
  const depth = (levels: number): Uint8Array => p.pickle(p.EMPTY_TUPLE, Array<p.Code>(levels - 1).fill(0x85));
  for (const [levels, fits] of [[9, true], [10, true], [11, false]] as const) {
    const read = (): unknown => unpickle(depth(levels), { limits: { depth: 10 } });
    if (fits) assertInstanceOf(read(), PyTuple);
    else assertThrows(read, RangeError, "more than 10 levels");
  }
});

Deno.test("pickle: a list of 300000 values needs no engine stack", () => {
  const value = unpickle(p.pickle(p.EMPTY_LIST, p.MARK, Array<p.Code>(300_000).fill(p.NONE), p.APPENDS));
  assertInstanceOf(value, PyList);
  assertEquals(value.items.length, 300_000);
});

Deno.test("pickle: truncated anywhere it is refused; any byte may be changed", () => {
  const bytes = p.pickle(
    p.tuple(
      p.dict(p.text("a"), p.float(1)),
      p.call("m", "f", p.int(1)),
      [0x8a, 2, 1, 2],
      p.list(p.NONE),
      p.put(3),
      p.get(3),
    ),
  );
  unpickle(bytes);
  for (let length = 0; length < bytes.length; length++) {
    assertThrows(() => unpickle(bytes.subarray(0, length)), SyntaxError, "Cannot read pickle");
  }
  for (let i = 0; i < bytes.length; i++) {
    for (let byte = 0; byte < 256; byte++) {
      const damaged = bytes.with(i, byte);
      try {
        unpickle(damaged);
      } catch (error) {
        assert(error instanceof SyntaxError || error instanceof RangeError, `unexpected ${error}`);
      }
    }
  }
});
