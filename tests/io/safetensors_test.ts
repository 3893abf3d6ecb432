import { assert, assertEquals, assertRejects } from "@std/assert";
import { readSafetensors, type SafetensorsInput, writeSafetensors } from "../../src/io/safetensors.ts";
import { bytesSource, rangeSource, readRange } from "../../src/io/source.ts";
import { MemorySink } from "../../src/io/sink.ts";

const encoder = new TextEncoder();

function file(header: unknown, data = new Uint8Array(), length?: number): Uint8Array<ArrayBuffer> {
  const text = encoder.encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length ?? text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

function read(bytes: Uint8Array): ReturnType<typeof readSafetensors> {
  return readSafetensors(bytesSource(bytes, "w.safetensors"));
}

Deno.test("safetensors: reads names, shapes and ranges", async () => {
  const data = Uint8Array.from({ length: 14 }, (_, i) => i);
  const bytes = file({
    __metadata__: { format: "pt" },
    b: { dtype: "F32", shape: [2, 1], data_offsets: [2, 10] },
    "a.weight": { dtype: "BF16", shape: [], data_offsets: [0, 2] },
    empty: { dtype: "I64", shape: [3, 0], data_offsets: [10, 10] },
    nibbles: { dtype: "F4", shape: [8], data_offsets: [10, 14] },
  }, data);
  const { tensors, metadata } = await read(bytes);
  assertEquals([...metadata], [["format", "pt"]]);
  assertEquals([...tensors.keys()], ["b", "a.weight", "empty", "nibbles"]);
  const b = tensors.get("b")!;
  assertEquals([b.dtype, b.shape], ["F32", [2, 1]]);
  assertEquals((await readRange(b.range)).slice(), data.slice(2, 10));
  assertEquals(tensors.get("empty")!.range.length, 0);

  const outer = bytesSource(new Uint8Array([...new Uint8Array(100), ...bytes]));
  const nested = await readSafetensors(rangeSource({ source: outer, offset: 100, length: bytes.length }));
  assert(nested.tensors.get("b")!.range.source === outer);
  assertEquals((await readRange(nested.tensors.get("b")!.range)).slice(), data.slice(2, 10));
});

const good = { dtype: "U8", shape: [4], data_offsets: [0, 4] };
const four = new Uint8Array(4);
const refused: Array<[string, Uint8Array, string]> = [
  ["no header", new Uint8Array(7), "shorter than a header"],
  ["a header beyond the end", file({}, four, 1000), "truncated"],
  ["a header of 2^63 bytes", Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 128, 0), "truncated"],
  ["a header that is no JSON", file("{,}"), "Cannot parse the header"],
  ["a header that is no object", file([]), "not an object"],
  ["a header that is not UTF-8", file("{}").with(8, 0xff), "not UTF-8"],
  ["a repeated name", file('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{}}'), "repeated"],
  ["a tensor that is no object", file({ a: 1 }), "not described by an object"],
  ["an unknown dtype", file({ a: { ...good, dtype: "X8" } }, four), 'unknown dtype "X8"'],
  ["a dtype of the wrong type", file({ a: { ...good, dtype: 7 } }, four), "unknown dtype"],
  ["an unknown key", file({ a: { ...good, strides: [1] } }, four), 'unknown key "strides"'],
  ["a negative size", file({ a: { ...good, shape: [-4] } }, four), "not a list of sizes"],
  ["a fractional size", file('{"a":{"dtype":"U8","shape":[4.0],"data_offsets":[0,4]}}', four), "not a list of sizes"],
  ["an absurd size", file({ a: { ...good, shape: [2 ** 31, 2 ** 31, 2 ** 31] } }, four), "does not match"],
  [
    "sizes that overflow to the right one",
    file('{"a":{"dtype":"U8","shape":[4294967296,4294967297],"data_offsets":[0,4]}}', four),
    "does not match",
  ],
  ["one offset", file({ a: { ...good, data_offsets: [0] } }, four), "no pair of offsets"],
  ["offsets in the wrong order", file({ a: { ...good, data_offsets: [4, 0] } }, four), "outside the file"],
  ["offsets beyond the end", file({ a: { ...good, data_offsets: [1, 5] } }, four), "outside the file"],
  ["a number of bytes that does not match", file({ a: { ...good, shape: [3] } }, four), "does not match"],
  ["overlapping tensors", file({ a: good, b: { ...good, data_offsets: [2, 6] } }, new Uint8Array(6)), "overlaps"],
  ["the same bytes twice", file({ a: good, b: good }, four), "overlaps"],
  ["a gap", file({ a: { ...good, data_offsets: [1, 5] } }, new Uint8Array(5)), "gap"],
  ["bytes left over", file({ a: good }, new Uint8Array(9)), "5 bytes at its end"],
  ["metadata that is no object", file({ __metadata__: [] }), "metadata is not an object"],
  ["metadata that is no text", file({ __metadata__: { a: 1 } }), 'metadata "a" is not a text'],
];
for (const [name, bytes, message] of refused) {
  Deno.test(`safetensors: refuses ${name}`, async () => {
    await assertRejects(() => read(bytes), SyntaxError, message);
  });
}

Deno.test("safetensors: what is written is read back, aligned and in a fixed order", async () => {
  const bytes = Uint8Array.from({ length: 40 }, (_, i) => i);
  const inputs = new Map<string, SafetensorsInput>([
    ["z", { dtype: "BOOL", shape: [3], data: bytes.subarray(0, 3) }],
    ['quoted "é"\n', { dtype: "F16", shape: [1, 2], data: bytes.subarray(4, 8) }],
    ["b", { dtype: "I64", shape: [2], data: { source: bytesSource(bytes), offset: 8, length: 16 } }],
    ["a", { dtype: "F64", shape: [], data: bytes.subarray(24, 32) }],
    ["none", { dtype: "F32", shape: [0, 5], data: new Uint8Array() }],
  ]);
  const write = async (entries: Iterable<[string, SafetensorsInput]>): Promise<Uint8Array> => {
    const sink = new MemorySink();
    await writeSafetensors(sink, new Map(entries), new Map([["k", "v"], ["a", "b"]]));
    return sink.bytes();
  };
  const written = await write(inputs);
  assertEquals(written, await write([...inputs].reverse()));
  const { tensors, metadata } = await read(written);
  assertEquals([...tensors.keys()], ["a", "b", "none", 'quoted "é"\n', "z"]);
  assertEquals([...metadata], [["a", "b"], ["k", "v"]]);
  for (const [name, input] of inputs) {
    const { dtype, shape, range } = tensors.get(name)!;
    assertEquals([dtype, shape], [input.dtype, input.shape]);
    const expected = input.data instanceof Uint8Array ? input.data : await readRange(input.data);
    assertEquals((await readRange(range)).slice(), expected.slice());
  }
  assertEquals(tensors.get("a")!.range.offset % 8, 0);
});

Deno.test("safetensors: the writer refuses what could not be read", async () => {
  const cases: Array<[string, SafetensorsInput, string]> = [
    ["a", { dtype: "float32", shape: [1], data: four }, "dtype float32 is not known"],
    ["a", { dtype: "F32", shape: [2], data: four }, "does not have 4 bytes"],
    ["__metadata__", { dtype: "F32", shape: [1], data: four }, "reserved"],
  ];
  for (const [name, input, message] of cases) {
    await assertRejects(() => writeSafetensors(new MemorySink(), new Map([[name, input]])), TypeError, message);
  }
});

Deno.test("safetensors: truncated anywhere it is refused", async () => {
  const bytes = file({ a: good, b: { dtype: "I16", shape: [1], data_offsets: [4, 6] } }, new Uint8Array(6));
  await read(bytes);
  for (let length = 0; length < bytes.length; length++) {
    await assertRejects(() => read(bytes.subarray(0, length)), SyntaxError);
  }
});
