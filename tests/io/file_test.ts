import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join, toFileUrl } from "@std/path";
import { AtomicFile, commitAll, createAtomic, openFile } from "../../src/io/file.ts";
import { openSource } from "../../src/io/open.ts";
import { byteRange, bytesSource, readRange } from "../../src/io/source.ts";

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function names(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();
}

function pattern(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >>> 9)) & 255;
  return bytes;
}

Deno.test("openFile: reads parts, also concurrently, until it is closed", () =>
  inFolder(async (folder) => {
    const content = pattern(100_000);
    const path = join(folder, "a b#%é.bin");
    await Deno.writeFile(path, content);
    for (const input of [path, toFileUrl(path)]) {
      using file = await openFile(input);
      assertEquals([file.size, file.path], [100_000, await Deno.realPath(path)]);
      const places = Array.from({ length: 200 }, (_, i) => (i * 7919) % 99_000);
      const parts = await Promise.all(places.map((place) => file.read(place, 1000)));
      for (const [i, place] of places.entries()) assertEquals(parts[i], content.slice(place, place + 1000));
      await assertRejects(() => file.read(99_999, 2), RangeError, "end after the last");
      file.close();
      await assertRejects(() => file.read(0, 1), TypeError, "closed");
    }
    const source = await openSource(path);
    assertEquals(await source.read(5, 5), content.slice(5, 10));
    source.close!();
  }));

Deno.test("openFile: names the path that can't be opened", () =>
  inFolder(async (folder) => {
    const missing = join(folder, "missing.pt2");
    await assertRejects(() => openFile(missing), Deno.errors.NotFound, `Cannot open ${missing}`);
    await assertRejects(() => openFile(folder), Error, `Cannot open ${folder}`);
    await assertRejects(() => openFile(new URL("https://example.com/a")), TypeError, "expected a file: URL");
  }));

Deno.test("openFile: a file that shrinks while open is an error, not a hang", () =>
  inFolder(async (folder) => {
    const path = join(folder, "a");
    await Deno.writeFile(path, pattern(1000));
    using file = await openFile(path);
    await Deno.truncate(path, 500);
    await assertRejects(() => file.read(400, 200), RangeError, "ends at byte 500");
  }));

Deno.test("createAtomic: writes of every size, copies, padding, then one file", () =>
  inFolder(async (folder) => {
    const path = join(folder, "out.bin");
    const big = pattern(9 << 20);
    await Deno.writeFile(join(folder, "in"), big);
    using input = await openFile(join(folder, "in"));
    const file = await createAtomic(path);
    const expected: Uint8Array[] = [];
    for (const size of [0, 1, 10, 65_535, 65_536, 65_537, 200_000]) {
      await file.write(big.subarray(0, size));
      expected.push(big.subarray(0, size));
    }
    for (const [offset, length] of [[0, 0], [5, 10], [1, 65_536], [3, big.length - 3]]) {
      await file.copyFrom(byteRange(input, offset, length));
      await file.copyFrom(byteRange(bytesSource(big), offset, length));
      expected.push(big.subarray(offset, offset + length), big.subarray(offset, offset + length));
    }
    const before = file.position;
    await file.padTo(4096);
    expected.push(new Uint8Array(file.position - before));
    assertEquals(file.position % 4096, 0);
    assertEquals(names(folder).length, 2);
    assertEquals(names(folder).includes("out.bin"), false);
    await file.commit();
    assertEquals(names(folder), ["in", "out.bin"]);
    assertEquals(new Uint8Array(await new Blob(expected as BlobPart[]).arrayBuffer()), await Deno.readFile(path));
    await assertRejects(() => file.write(big), TypeError, "committed");
    await file.abort();
    assertEquals(names(folder), ["in", "out.bin"]);
  }));

Deno.test("createAtomic: abort and leaving the block leave nothing; a failed copy leaves the old file", () =>
  inFolder(async (folder) => {
    const path = join(folder, "out.bin");
    await Deno.writeTextFile(path, "old");
    {
      await using file = await createAtomic(path);
      await file.write(pattern(100_000));
      await assertRejects(() => file.copyFrom({ source: bytesSource(pattern(3)), offset: 1, length: 3 }), RangeError);
    }
    assertEquals(names(folder), ["out.bin"]);
    assertEquals(await Deno.readTextFile(path), "old");
    const file = await createAtomic(path);
    await file.write(new TextEncoder().encode("new"));
    await file.commit();
    assertEquals(await Deno.readTextFile(path), "new");
    assertEquals(names(folder), ["out.bin"]);
  }));

Deno.test("createAtomic: refuses folders and names the path", () =>
  inFolder(async (folder) => {
    await assertRejects(() => createAtomic(folder), TypeError, "is a folder");
    const path = join(folder, "no", "out.bin");
    await assertRejects(() => createAtomic(path), Deno.errors.NotFound, `Cannot write ${path}`);
    assertEquals(names(folder), []);
  }));

Deno.test({
  name: "createAtomic: writes through a link",
  ignore: Deno.build.os === "windows",
  fn: () =>
    inFolder(async (folder) => {
      await Deno.writeTextFile(join(folder, "real"), "old");
      await Deno.symlink(join(folder, "real"), join(folder, "link"));
      const file = await createAtomic(join(folder, "link"));
      await file.write(new TextEncoder().encode("new"));
      await file.commit();
      assertEquals(await Deno.readTextFile(join(folder, "real")), "new");
      assertEquals(names(folder), ["link", "real"]);
    }),
});

Deno.test("createAtomic: the input may be the file that is replaced", () =>
  inFolder(async (folder) => {
    const path = join(folder, "a");
    await Deno.writeFile(path, pattern(300_000));
    using input = await openFile(path);
    await using file = await createAtomic(path);
    await file.write(Uint8Array.of(1));
    await file.copyFrom(byteRange(input));
    await file.commit();
    assertEquals((await Deno.readFile(path)).length, 300_001);
    assertEquals(await readRange(byteRange(input, 0, 10)), pattern(10));
  }));

Deno.test("commitAll: all files or none", () =>
  inFolder(async (folder) => {
    const write = async (name: string, text: string): Promise<AtomicFile> => {
      const file = await createAtomic(join(folder, name));
      await file.write(new TextEncoder().encode(text));
      return file;
    };
    await commitAll([await write("m.onnx", "one"), await write("m.data", "one")]);
    assertEquals(names(folder), ["m.data", "m.onnx"]);
    await commitAll([await write("m.onnx", "two"), await write("m.data", "two")]);
    assertEquals(names(folder), ["m.data", "m.onnx"]);

    // The last rename fails: its temporary file is gone. A folder in the way is put back as well.
    const files = [await write("m.onnx", "three"), await write("new", "three"), await write("m.data", "three")];
    const broken = files[2];
    await Deno.remove(join(folder, names(folder).find((name) => /^m\.data\..*\.tmp$/.test(name))!));
    await Deno.remove(join(folder, "m.data"));
    await Deno.mkdir(join(folder, "m.data"));
    await assertRejects(() => commitAll(files), Error, `Cannot write ${broken.path}`);
    assertEquals(names(folder), ["m.data", "m.onnx"]);
    assertEquals(await Deno.readTextFile(join(folder, "m.onnx")), "two");
    assertThrows(() => broken.finish(), TypeError);
  }));
