import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { commitAll, createAtomic, openFile, realPath } from "../../src/io/file.ts";
import { readModel } from "../../src/onnx/deserialize.ts";
import { serializeModel } from "../../src/onnx/serialize.ts";
import { serializeForRuntime, writeModel, type WriteOptions } from "../../src/onnx/write_model.ts";
import { OptionError } from "../../src/ir/mod.ts";
import { Storage, Tensor } from "../../src/tensor/mod.ts";
import { counting, PatternSource, smallModel, weightModel } from "./models.ts";

const files = { create: createAtomic, commit: commitAll, realPath };

/** Runs `body` in a temporary folder, given without links. */
async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function listing(folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(folder)) names.push(entry.name);
  return names.sort();
}

/** The values of every initializer of a written model. */
async function readBack(path: string): Promise<Record<string, unknown>> {
  const open: Disposable[] = [];
  const model = await readModel(await Deno.readFile(path), {
    externalData: async (location) => {
      const file = await openFile(join(path, "..", location));
      open.push(file);
      return file;
    },
  });
  const values: Record<string, unknown> = {};
  for (const value of model.graph.initializers) values[value.name] = (await value.initializer!.load()).toArray();
  for (const file of open) file[Symbol.dispose]();
  return values;
}

const big = counting(1100);
const bigValues = Array.from({ length: 1100 }, (_, i) => i);

Deno.test("a model without large weights is one file", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "m.onnx");
    const report = await writeModel(smallModel(), path, { files });
    const bytes = await Deno.readFile(path);
    assertEquals(bytes, await serializeModel(smallModel()));
    assertEquals(report, { files: [path], bytes: bytes.byteLength, dataBytes: 0, copied: 0, inPlace: 0 });
    assertEquals(await listing(folder), ["m.onnx"]);
  });
});

Deno.test("always writes a data file beside the model", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "m.onnx");
    const source = new PatternSource(2 ** 30);
    const model = weightModel({
      big,
      tied: new Tensor("float32", [1100], big.storage),
      lazy: source.tensor(17, 20_000_000),
      small: counting(2),
    });
    const progress: number[][] = [];
    const report = await writeModel(model, path, {
      files,
      externalData: "always",
      onProgress: (done, total) => progress.push([done, total]),
    });
    assertEquals(await listing(folder), ["m.onnx", "m.onnx.data"]);
    assertEquals(report.files, [path, `${path}.data`]);
    assertEquals([report.copied, report.inPlace, report.dataBytes], [2, 0, 8192 + 20_000_000]);
    assertEquals((await Deno.stat(`${path}.data`)).size, report.dataBytes);
    assertEquals((await Deno.stat(path)).size, report.bytes);
    const total = report.bytes + report.dataBytes;
    assertEquals(progress.at(-1), [total, total]);
    assert(progress.length > 4 && progress.every(([done], i) => i === 0 || done > progress[i - 1][0]));
    const values = await readBack(path);
    assertEquals([values.big, values.tied, values.small], [bigValues, bigValues, [0, 1]]);
    const lazy = values.lazy as number[];
    assertEquals([lazy.length, lazy[0], lazy[19_999_999]], [20_000_000, 17, (17 + 19_999_999) % 251]);
  });
});

Deno.test("in place refers into the archive and copies what can't stay", async () => {
  await inFolder(async (folder) => {
    await Deno.mkdir(join(folder, "sub"));
    const archive = join(folder, "sub", "m.pt2");
    const bytes = new Uint8Array(Float32Array.from({ length: 1200 }, (_, i) => i).buffer);
    await Deno.writeFile(archive, bytes);
    using source = await openFile(archive);
    const model = weightModel({
      stays: new Tensor("float32", [1100], Storage.lazy({ source, offset: 0, length: 4800 })),
      part: new Tensor("float32", [300], Storage.lazy({ source, offset: 400, length: 4400 }), [1], 3),
      turned: new Tensor("float32", [30, 40], Storage.lazy({ source, offset: 0, length: 4800 }), [1, 30]),
    });
    const path = join(folder, "m.onnx");
    const report = await writeModel(model, path, { files, externalData: "in-place", archive: source.path });
    assertEquals([report.inPlace, report.copied, report.dataBytes], [2, 1, 4800]);
    const values = await readBack(path);
    assertEquals(values.stays, bigValues);
    assertEquals((values.part as number[]).slice(0, 3), [103, 104, 105]);
    assertEquals((values.turned as number[]).slice(0, 3), [0, 30, 60]);

    const above = join(folder, "sub", "m.onnx");
    const inside = await writeModel(weightModel({}), above, { files, externalData: "in-place", archive: source.path });
    assertEquals(inside.inPlace, 0);
    await Deno.mkdir(join(folder, "other"));
    const options: WriteOptions = { files: files as unknown as WriteOptions["files"], externalData: "in-place" };
    await assertRejects(
      () => writeModel(model, join(folder, "other", "m.onnx"), { ...options, archive }),
      OptionError,
      "does not lie in",
    );
    await assertRejects(() => writeModel(model, archive, { ...options, archive }), OptionError, "would replace");
    await assertRejects(() => writeModel(model, path, options), OptionError, "not read from a file");
    assertEquals(await Deno.readFile(archive), bytes);
    assertEquals(await listing(join(folder, "other")), []);
  });
});

Deno.test("a relative path is the working folder's", async () => {
  const path = `${crypto.randomUUID()}.onnx`;
  const folders: (string | URL)[] = [];
  const nowhere = (folder: string | URL): Promise<string> => {
    folders.push(folder);
    return Promise.resolve("/nowhere");
  };
  await assertRejects(
    () =>
      writeModel(weightModel({}), path, {
        files: { ...files, realPath: nowhere },
        externalData: "in-place",
        archive: "/a",
      }),
    OptionError,
    "/nowhere",
  );
  assertEquals(folders, ["."]);
});

Deno.test("a failure leaves what was there", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "m.onnx");
    await Deno.writeTextFile(path, "old");
    const model = weightModel({ a: big, missing: new Tensor("float32", [300], Storage.missing(1200)) });
    for (const externalData of ["always", "never"] as const) {
      await assertRejects(() => writeModel(model, path, { files, externalData }), RangeError, "(tensor missing)");
      assertEquals(await listing(folder), ["m.onnx"]);
      assertEquals(await Deno.readTextFile(path), "old");
    }
  });
});

Deno.test("auto falls back to a data file when a model would exceed 2 GiB", async () => {
  const source = new PatternSource(2 ** 33);
  const model = weightModel({ a: source.tensor(0, 2 ** 31 - 100), b: source.tensor(5, 2000) });
  let created = 0;
  const counted = {
    create: () => {
      created++;
      throw new Error("stop");
    },
    commit: () => Promise.resolve(),
  };
  // Files are only made for a model that was accepted.
  await assertRejects(() => writeModel(model, "m.onnx", { files: counted, inlineLimit: 2 ** 32 }), Error, "stop");
  assertEquals(created, 1);
  await assertRejects(
    () => writeModel(model, "m.onnx", { files: counted, externalData: "never" }),
    RangeError,
    "external data",
  );
});

Deno.test("a model goes to a runtime with its weights apart", async () => {
  const source = new PatternSource(2 ** 20);
  const model = weightModel({ big, tied: big, lazy: source.tensor(3, 5000), small: counting(2) });
  assertEquals((await serializeForRuntime(model)).externalData, []);
  const { bytes, externalData } = await serializeForRuntime(model, { inlineLimit: 0 });
  assertEquals(externalData.map((e) => [e.path, e.data.byteLength]), [["weights/0", 4400], ["weights/1", 5000]]);
  const data = new Map(externalData.map((e) => [e.path, e.data]));
  const back = await readModel(bytes, {
    externalData: (location) => ({
      name: location,
      size: data.get(location)!.byteLength,
      read: (offset, length) => Promise.resolve(data.get(location)!.subarray(offset, offset + length)),
    }),
  });
  for (const value of back.graph.initializers) {
    const original = [...model.graph.initializers].find((v) => v.name === value.name)!;
    assertEquals(
      (await value.initializer!.load()).toArray(),
      (await original.initializer!.load()).toArray(),
      value.name,
    );
  }
});
