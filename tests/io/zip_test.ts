import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type ByteRange, byteRange, bytesSource, rangeSource, readRange, type Source } from "../../src/io/source.ts";
import { MemorySink, type Sink } from "../../src/io/sink.ts";
import { readZipDirectory, type Zip } from "../../src/io/zip.ts";
import { ZipWriter, type ZipWriterOptions } from "../../src/io/zip_writer.ts";
import { crc32 } from "../../src/io/crc32.ts";

const encoder = new TextEncoder();

async function deflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function makeZip(
  contents: Record<string, Uint8Array | ByteRange>,
  options?: ZipWriterOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const sink = new MemorySink();
  const writer = new ZipWriter(sink, options);
  for (const [name, content] of Object.entries(contents)) await writer.add(name, content);
  await writer.finish();
  return sink.bytes();
}

interface RawEntry {
  name: string | Uint8Array;
  content: Uint8Array;
  method?: number;
  flags?: number;
  size?: number;
  compressedSize?: number;
  crc?: number;
  offset?: number;
  localName?: string;
  localMethod?: number;
  signature?: number;
  disk?: number;
}

/** A zip whose every field can be wrong. */
function rawZip(
  entries: RawEntry[],
  end: { count?: number; size?: number; offset?: number; comment?: Uint8Array; disk?: number } = {},
): Uint8Array<ArrayBuffer> {
  const out: number[] = [];
  const u16 = (...values: number[]): void => values.forEach((v) => void out.push(v & 255, (v >>> 8) & 255));
  const u32 = (...values: number[]): void => values.forEach((v) => u16(v & 0xffff, v >>> 16));
  const encode = (name: string | Uint8Array): Uint8Array => typeof name === "string" ? encoder.encode(name) : name;
  const offsets = entries.map((entry) => {
    const at = out.length;
    const name = encode(entry.localName ?? entry.name);
    u32(entry.signature ?? 0x04034b50);
    u16(20, entry.flags ?? 0x800, entry.localMethod ?? entry.method ?? 0, 0, 0);
    u32(0, 0, 0);
    u16(name.length, 0);
    out.push(...name, ...entry.content);
    return at;
  });
  const start = out.length;
  for (const [i, entry] of entries.entries()) {
    const name = encode(entry.name);
    u32(0x02014b50);
    u16(20, 20, entry.flags ?? 0x800, entry.method ?? 0, 0, 0);
    u32(
      entry.crc ?? crc32(entry.content),
      entry.compressedSize ?? entry.content.length,
      entry.size ?? entry.content.length,
    );
    u16(name.length, 0, 0, entry.disk ?? 0, 0);
    u32(0, entry.offset ?? offsets[i]);
    out.push(...name);
  }
  const size = out.length - start;
  u32(0x06054b50);
  u16(end.disk ?? 0, 0, end.count ?? entries.length, end.count ?? entries.length);
  u32(end.size ?? size, end.offset ?? start);
  u16(end.comment?.length ?? 0);
  out.push(...end.comment ?? []);
  return Uint8Array.from(out);
}

function open(bytes: Uint8Array): Promise<Zip> {
  return readZipDirectory(bytesSource(bytes, "test.zip"));
}

const contents = {
  "root/weights": Uint8Array.from({ length: 1000 }, (_, i) => i & 255),
  "root/é ✓": encoder.encode("text"),
  "root/empty": new Uint8Array(),
  "root/range": {
    source: bytesSource(Uint8Array.from({ length: 300 }, (_, i) => 255 - (i & 255))),
    offset: 20,
    length: 200,
  },
};

for (const options of [{}, { zip64: true }, { alignment: 1 }, { alignment: 4096, zip64: true }]) {
  Deno.test(`zip: what the writer writes is read back, ${JSON.stringify(options)}`, async () => {
    const bytes = await makeZip(contents, options);
    assertEquals(bytes, await makeZip(contents, options), "the same content gives the same bytes");
    const zip = await open(bytes);
    assertEquals([...zip.entries.keys()], Object.keys(contents));
    for (const [name, content] of Object.entries(contents)) {
      const entry = zip.entries.get(name)!;
      const expected = content instanceof Uint8Array ? content : (await readRange(content)).slice();
      assertEquals((await zip.read(entry)).slice(), expected);
      const range = await zip.range(entry);
      assertEquals((await readRange(range)).slice(), expected);
      assertEquals(range.offset % (options.alignment ?? 64), 0);
      await zip.check(entry);
    }
  });
}

Deno.test("zip: the writer refuses repeated and impossible names", async () => {
  const writer = new ZipWriter(new MemorySink());
  await writer.add("a", new Uint8Array());
  await assertRejects(() => writer.add("a", new Uint8Array()), TypeError, "twice");
  await assertRejects(() => writer.add("", new Uint8Array()), TypeError, "0 bytes");
  await assertRejects(() => writer.add("x".repeat(65_536), new Uint8Array()), TypeError, "65536 bytes");
  assertThrows(() => new ZipWriter(new MemorySink(), { alignment: 3.5 }), RangeError);
});

Deno.test("zip: an archive without entries", async () => {
  assertEquals((await open(await makeZip({}))).entries.size, 0);
  assertEquals((await open(await makeZip({}, { zip64: true }))).entries.size, 0);
});

Deno.test("zip: deflated entries inflate to what the directory states, and to no more", async () => {
  const text = encoder.encode("hello ".repeat(100_000));
  const packed = await deflate(text);
  const entry = { name: "a/b", content: packed, method: 8, size: text.length, crc: crc32(text) };
  const zip = await open(rawZip([entry]));
  const found = zip.entries.get("a/b")!;
  assertEquals([found.compressed, found.size, found.compressedSize], [true, text.length, packed.length]);
  assertEquals(await zip.read(found), text);
  await zip.check(found);
  assertEquals(await readRange(await zip.open(found)), text);
  await assertRejects(() => zip.range(found), TypeError, "compressed");
  await assertRejects(() => zip.read(found, { maxBytes: 1000 }), RangeError, "at most 1000");

  const broken: Array<[Partial<RawEntry>, string]> = [
    [{ size: 10 }, "does not inflate to the 10 bytes"],
    [{ size: text.length + 1 }, "does not inflate to"],
    [{ size: 2 ** 31 - 1 }, "does not inflate to"],
    [{ crc: 1 }, "do not match their checksum"],
    [{ content: packed.map((byte, i) => i > 5 ? byte ^ 0x55 : byte) }, "Cannot read"],
    [{ content: packed.slice(0, packed.length >> 1) }, "Cannot read entry"],
    [{ method: 12 }, "compression method 12"],
  ];
  for (const [change, message] of broken) {
    const damaged = await open(rawZip([{ ...entry, ...change }]));
    await assertRejects(() => damaged.read(damaged.entries.get("a/b")!), SyntaxError, message);
    await assertRejects(() => damaged.check(damaged.entries.get("a/b")!), SyntaxError);
  }
});

Deno.test("zip: checksums are compared unless told otherwise", async () => {
  const zip = await open(rawZip([{ name: "a", content: encoder.encode("abc"), crc: 0 }]));
  const entry = zip.entries.get("a")!;
  await assertRejects(() => zip.read(entry), SyntaxError, "do not match their checksum");
  await assertRejects(() => zip.check(entry), SyntaxError, "do not match their checksum");
  assertEquals(await zip.read(entry, { checkCrc: false }), encoder.encode("abc"));
});

Deno.test("zip: folders are left out, names without the UTF-8 flag are read", async () => {
  const zip = await open(rawZip([
    { name: "root/", content: new Uint8Array() },
    { name: "root/a", content: Uint8Array.of(1), flags: 0 },
    { name: Uint8Array.of(0xe9), content: Uint8Array.of(2), flags: 0 },
  ]));
  assertEquals([...zip.entries.keys()], ["root/a", "é"]);
  assertEquals(await zip.read(zip.entries.get("é")!), Uint8Array.of(2));
});

Deno.test("zip: a comment must end with the file", async () => {
  const a = { name: "a", content: Uint8Array.of(1) };
  for (const length of [1, 5000, 65_535]) {
    const zip = await open(rawZip([a], { comment: new Uint8Array(length).fill(0x50) }));
    assertEquals([...zip.entries.keys()], ["a"]);
  }
  const whole = rawZip([a]);
  const trailing = new Uint8Array(whole.length + 1);
  trailing.set(whole);
  await assertRejects(() => open(trailing), SyntaxError, "not a zip archive");
});

const one = Uint8Array.of(1, 2, 3);
const refused: Array<[string, Uint8Array<ArrayBuffer>, string]> = [
  ["nothing", new Uint8Array(), "not a zip archive"],
  ["something else", new Uint8Array(100_000).fill(7), "not a zip archive"],
  ["a repeated name", rawZip([{ name: "a", content: one }, { name: "a", content: one }]), "occurs twice"],
  [
    "two entries in one place",
    rawZip([{ name: "a", content: one }, { name: "b", content: one, offset: 0 }]),
    "runs into",
  ],
  [
    "overlapping entries",
    rawZip([{ name: "a", content: one, size: 20, compressedSize: 20 }, { name: "b", content: one }]),
    'runs into entry "b"',
  ],
  [
    "an entry that runs into the directory",
    rawZip([{ name: "a", content: one, size: 9, compressedSize: 9 }]),
    "runs into the directory",
  ],
  ["an entry outside the file", rawZip([{ name: "a", content: one, offset: 0x7fffffff }]), "out of the file"],
  ["a size with no zip64 field", rawZip([{ name: "a", content: one, size: 0xffffffff }]), "damaged zip64 field"],
  ["an encrypted entry", rawZip([{ name: "a", content: one, flags: 0x801 }]), "encrypted"],
  ["an entry on another disk", rawZip([{ name: "a", content: one, disk: 1 }]), "another disk"],
  ["a second disk", rawZip([{ name: "a", content: one }], { disk: 1 }), "several disks"],
  ["two sizes of a stored entry", rawZip([{ name: "a", content: one, size: 2 }]), "two different sizes"],
  ["a name that is not UTF-8", rawZip([{ name: Uint8Array.of(0xff), content: one }]), "not UTF-8"],
  ["no name", rawZip([{ name: "", content: one }]), "has no name"],
  ["more entries than fit", rawZip([{ name: "a", content: one }], { count: 60_000 }), "directory is truncated"],
  ["more entries than there are", rawZip([{ name: "a".repeat(60), content: one }], { count: 2 }), "is truncated"],
  ["a directory beyond the end", rawZip([{ name: "a", content: one }], { offset: 1_000_000 }), "lies outside the file"],
  ["a directory in the wrong place", rawZip([{ name: "a", content: one }], { offset: 5 }), "is damaged"],
  [
    "a missing zip64 record",
    rawZip([{ name: "a", content: one }], { offset: 0xffffffff }),
    "zip64 end record is missing",
  ],
];
for (const [name, bytes, message] of refused) {
  Deno.test(`zip: refuses ${name}`, async () => {
    await assertRejects(() => open(bytes), SyntaxError, message);
  });
}

const badHeaders: Array<[string, Partial<RawEntry>, string]> = [
  ["another name", { localName: "b" }, "differ in name"],
  ["another method", { localMethod: 8 }, "differ in method"],
  ["no signature", { signature: 0 }, "header is damaged"],
  ["a longer name, so that content runs into the directory", { localName: "aa" }, "Cannot read"],
];
for (const [name, change, message] of badHeaders) {
  Deno.test(`zip: refuses an entry whose own header has ${name}`, async () => {
    const zip = await open(rawZip([{ name: "a", content: one, ...change }]));
    await assertRejects(() => zip.range(zip.entries.get("a")!), SyntaxError, message);
  });
}

Deno.test("zip: limits and foreign entries", async () => {
  const bytes = await makeZip({ a: one, b: one });
  const source = bytesSource(bytes);
  await assertRejects(() => readZipDirectory(source, { maxEntries: 1 }), RangeError, "2 entries");
  await assertRejects(() => readZipDirectory(source, { maxDirectorySize: 10 }), RangeError, "at most 10");
  const [first, second] = [await open(bytes), await open(bytes)];
  await assertRejects(() => first.read(second.entries.get("a")!), TypeError, "another archive");
});

/** A sink and source of any size that holds only what was written. */
class Sparse implements Sink, Source {
  readonly name = "sparse.zip";
  position = 0;
  bytesRead = 0;
  readonly #parts: Array<{ offset: number; bytes: Uint8Array }> = [];

  get size(): number {
    return this.position;
  }

  write(bytes: Uint8Array): Promise<void> {
    this.#parts.push({ offset: this.position, bytes: bytes.slice() });
    this.position += bytes.length;
    return Promise.resolve();
  }

  hole(size: number): void {
    this.position += size;
  }

  patch(offset: number, bytes: Uint8Array): void {
    this.#parts.push({ offset, bytes });
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    assert(length <= 1 << 20, "the archive's weights are not to be read");
    this.bytesRead += length;
    const result = new Uint8Array(length);
    for (const { offset: start, bytes } of this.#parts) {
      const from = Math.max(start, offset);
      const to = Math.min(start + bytes.length, offset + length);
      if (from < to) result.set(bytes.subarray(from - start, to - start), from - offset);
    }
    return Promise.resolve(result);
  }
}

Deno.test("zip: entries and sizes beyond 4 GiB, reading a few kilobytes", async () => {
  const sparse = new Sparse();
  const writer = new ZipWriter(sparse, { zip64: true });
  const bigAt = await writer.add("root/big", one);
  const bigSize = 5 * 2 ** 30;
  sparse.hole(bigSize - one.length);
  await writer.add("root/after", encoder.encode("after"));
  const directoryAt = sparse.position;
  await writer.finish();
  const wide = new Uint8Array(16);
  new DataView(wide.buffer).setBigUint64(0, BigInt(bigSize), true);
  new DataView(wide.buffer).setBigUint64(8, BigInt(bigSize), true);
  sparse.patch(directoryAt + 46 + "root/big".length + 4, wide);

  const zip = await readZipDirectory(sparse);
  assert(sparse.bytesRead < 10_000, `read ${sparse.bytesRead} bytes`);
  const big = zip.entries.get("root/big")!;
  const { offset, length } = await zip.range(big);
  assertEquals([offset, length], [bigAt, bigSize]);
  await assertRejects(() => zip.read(big), RangeError, "5368709120 bytes");
  const after = zip.entries.get("root/after")!;
  assert(after.headerOffset > 2 ** 32);
  assertEquals(await zip.read(after), encoder.encode("after"));
});

Deno.test("zip: sizes that no number can hold exactly are refused", async () => {
  const bytes = await makeZip({ a: one }, { zip64: true });
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const end = bytes.length - 22 - 20 - 56;
  for (const field of [24, 32, 40, 48]) {
    const before = view.getBigUint64(end + field, true);
    for (const value of [2n ** 64n - 1n, 2n ** 53n, before + 1n]) {
      view.setBigUint64(end + field, value, true);
      await assertRejects(() => open(bytes), SyntaxError, "Cannot open test.zip");
    }
    view.setBigUint64(end + field, before, true);
  }
  assertEquals((await open(bytes)).entries.size, 1);
});

Deno.test("zip: an archive in an archive gives ranges of the outer one", async () => {
  const inner = await makeZip({ "x/data": one });
  const outer = bytesSource(await makeZip({ "root/pad": one, "root/inner.pt": inner }));
  const zip = await readZipDirectory(outer);
  const nested = await readZipDirectory(rangeSource(await zip.range(zip.entries.get("root/inner.pt")!)));
  const range = await nested.range(nested.entries.get("x/data")!);
  assert(range.source === outer);
  assertEquals((await readRange(range)).slice(), one);
});

/** Opens and reads everything; true if it all went well. Only the errors that are documented may occur. */
async function survives(bytes: Uint8Array): Promise<boolean> {
  try {
    const zip = await open(bytes);
    for (const entry of zip.entries.values()) {
      const { offset, length } = await zip.open(entry, { maxBytes: 1 << 20 });
      assert(offset >= 0 && length <= 1 << 20);
      await zip.read(entry, { maxBytes: 1 << 20 });
    }
    return true;
  } catch (error) {
    assert(error instanceof SyntaxError || error instanceof RangeError, `unexpected ${error}`);
    assert(/^Cannot (open|read) /.test(error.message), error.message);
    return false;
  }
}

Deno.test("zip: truncated anywhere, it is refused", async () => {
  for (const options of [{}, { zip64: true }]) {
    const bytes = await makeZip(contents, options);
    assert(await survives(bytes));
    for (let length = 0; length < bytes.length; length++) {
      assertEquals(await survives(bytes.subarray(0, length)), false, `${length} of ${bytes.length} bytes`);
    }
    assertEquals(byteRange(bytesSource(bytes)).length, bytes.length);
  }
});

Deno.test("zip: with any bit flipped, content is right or refused", async () => {
  const text = encoder.encode("hello ".repeat(20));
  const packed = await deflate(text);
  const bytes = rawZip([
    { name: "r/a", content: one },
    { name: "r/b", content: packed, method: 8, size: text.length, crc: crc32(text) },
  ]);
  const good = [one, text];
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const damaged = bytes.slice();
    damaged[bit >> 3] ^= 1 << (bit & 7);
    if (!await survives(damaged)) continue;
    const zip = await open(damaged);
    for (const entry of zip.entries.values()) {
      const content = await zip.read(entry);
      assert(
        good.some((expected) => expected.length === content.length && expected.every((byte, i) => byte === content[i])),
      );
    }
  }
});
