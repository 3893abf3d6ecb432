import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { openSource } from "../../src/io/open.ts";
import {
  blobSource,
  type ByteRange,
  byteRange,
  bytesSource,
  chunks,
  rangeSource,
  readRange,
  rootRange,
  type Source,
  subRange,
} from "../../src/io/source.ts";
import { copyRange, MemorySink, paddingTo } from "../../src/io/sink.ts";
import { crc32 } from "../../src/io/crc32.ts";

const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i & 255);
const inner: ByteRange = { source: bytesSource(bytes), offset: 100, length: 500 };

const sources: Array<[string, Source, Uint8Array]> = [
  ["bytes", bytesSource(bytes), bytes],
  ["a blob", blobSource(new Blob([bytes])), bytes],
  ["a range", rangeSource(inner), bytes.subarray(100, 600)],
  [
    "a range of a range of a blob",
    rangeSource(subRange({ ...inner, source: blobSource(new Blob([bytes])) }, 7, 90)),
    bytes.subarray(107, 197),
  ],
];

for (const [name, source, content] of sources) {
  Deno.test(`source: ${name} reads its parts and nothing outside`, async () => {
    assertEquals(source.size, content.length);
    assertEquals(await source.read(0, content.length), content.slice());
    assertEquals(await source.read(3, 5), content.slice(3, 8));
    assertEquals(await source.read(content.length, 0), new Uint8Array());
    if (source.readInto) {
      const target = new Uint8Array(4);
      await source.readInto(9, target);
      assertEquals(target, content.slice(9, 13));
      await assertRejects(() => source.readInto!(content.length - 3, target), RangeError, "end after the last");
    }
    for (
      const [offset, length] of [[0, content.length + 1], [content.length, 1], [-1, 1], [0, -1], [0.5, 1], [NaN, 1], [
        2 ** 60,
        1,
      ]]
    ) {
      await assertRejects(() => source.read(offset, length), RangeError, "Cannot read");
    }
  });

  Deno.test(`source: ${name} comes in chunks that add up`, async () => {
    for (const size of [1, 7, content.length - 1, content.length, content.length + 1]) {
      const sink = new MemorySink();
      for await (const chunk of chunks(byteRange(source), size)) {
        assert(chunk.length <= size && chunk.length > 0);
        await sink.write(chunk);
      }
      assertEquals(sink.bytes(), content.slice());
    }
  });
}

Deno.test("source: chunks refuses a chunk size or a range that makes no sense", async () => {
  await assertRejects(() => chunks(inner, 0).next(), RangeError, "chunks of 0");
  await assertRejects(() => chunks({ ...inner, length: 901 }).next(), RangeError, "Cannot read");
});

Deno.test("source: ranges are checked when they are made", () => {
  assertThrows(() => rangeSource({ ...inner, length: 901 }), RangeError);
  assertThrows(() => subRange(inner, 400, 101), RangeError);
  assertThrows(() => byteRange(inner.source, 1001), RangeError);
});

Deno.test("source: a range of nested views leads to the outermost source", async () => {
  const outer = rangeSource(inner);
  const middle = rangeSource(byteRange(outer, 10, 100));
  const range = rootRange({ source: middle, offset: 5, length: 20 });
  assertEquals([range.source === inner.source, range.offset, range.length], [true, 115, 20]);
  assertEquals(await readRange(range), bytes.slice(115, 135));
});

Deno.test("sink: copies ranges and grows", async () => {
  const sink = new MemorySink();
  for (let i = 0; i < 5; i++) await copyRange(sink, inner);
  assertEquals(sink.position, 2500);
  assertEquals(sink.bytes().slice(2000), bytes.slice(100, 600));
  assertEquals([0, 1, 63, 64, 65].map((at) => paddingTo(64, at)), [0, 63, 1, 0, 63]);
  assertThrows(() => paddingTo(0, 1), RangeError);
});

Deno.test("crc32: known values, any alignment, any split", () => {
  assertEquals(crc32(new TextEncoder().encode("123456789")), 0xcbf43926);
  assertEquals(crc32(new Uint8Array()), 0);
  assertEquals(crc32(new Uint8Array(32)), 0x190a55ad);
  const whole = crc32(bytes);
  // Bit by bit, as the standard defines it.
  let reference = 0xffffffff;
  for (const byte of bytes) {
    reference ^= byte;
    for (let bit = 0; bit < 8; bit++) reference = (reference >>> 1) ^ (reference & 1 ? 0xedb88320 : 0);
  }
  assertEquals(whole, ~reference >>> 0);
  for (let split = 0; split < 70; split++) {
    assertEquals(crc32(bytes.subarray(split), crc32(bytes.subarray(0, split))), whole);
  }
});

Deno.test("openSource: bytes, buffers, blobs, data URLs and sources", async () => {
  const inputs = [
    bytes,
    bytes.slice().buffer,
    new Blob([bytes]),
    new File([bytes], "x.pt2"),
    bytesSource(bytes),
    `data:application/octet-stream;base64,${bytes.toBase64()}`,
    new URL(`data:application/octet-stream;base64,${bytes.toBase64()}`),
  ];
  for (const input of inputs) {
    const source = await openSource(input);
    assertEquals(await source.read(0, source.size), bytes);
  }
  assertEquals((await openSource(new File([bytes], "x.pt2"))).name, "x.pt2");
  await assertRejects(() => openSource(7 as unknown as string), TypeError, "Cannot open number");
});

Deno.test("openSource: fetches URLs and reports what the server answers", async () => {
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    (request) =>
      request.url.endsWith("/model.pt2")
        ? new Response(bytes)
        : new Response("no", { status: 404, statusText: "Not Found" }),
  );
  try {
    const base = `http://127.0.0.1:${server.addr.port}`;
    assertEquals((await openSource(`${base}/model.pt2`)).size, 1000);
    await assertRejects(() => openSource(`${base}/other`), TypeError, "the server answered 404");
  } finally {
    await server.shutdown();
  }
});
