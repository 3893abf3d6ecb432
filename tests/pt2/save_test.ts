/** Programs saved by the library's own function: to a file and to a stream, whole or not at all. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { load, OptionError, saveProgram } from "../../mod.ts";
import { printProgram } from "../../src/fx/print_program.ts";
import { readZipDirectory } from "../../src/io/zip.ts";
import { bytesSource } from "../../src/io/source.ts";
import { fixture } from "../fixtures.ts";

async function inTemp(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "fx2onnx_save_" });
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("saveProgram writes a file that loads as the same program", async () => {
  await inTemp(async (folder) => {
    const program = await load(fixture("mlp.pt2"));
    const path = join(folder, "copy of.mlp.pt2");
    await saveProgram(program, path);
    const again = await load(path);
    assertEquals(printProgram(again), printProgram(program));
    const { entries } = await readZipDirectory(bytesSource(await Deno.readFile(path), path));
    assertEquals(new Set([...entries.values()].map(({ name }) => name.split("/")[0])), new Set(["copy of.mlp"]));
    again.archive?.close?.();
    program.archive?.close?.();
  });
});

Deno.test("saveProgram writes to a stream and closes it", async () => {
  const program = await load(await Deno.readFile(fixture("mlp.pt2")));
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const [bytes] = await Promise.all([
    new Response(readable as ReadableStream<Uint8Array<ArrayBuffer>>).bytes(),
    saveProgram(program, writable),
  ]);
  assertEquals(printProgram(await load(bytes)), printProgram(program));
});

Deno.test("saveProgram refuses to replace the archive that it reads, and leaves it as it was", async () => {
  await inTemp(async (folder) => {
    const path = join(folder, "mlp.pt2");
    await Deno.copyFile(fixture("mlp.pt2"), path);
    const program = await load(path);
    await assertRejects(() => saveProgram(program, path), OptionError, "the archive that the program is read from");
    assertEquals(await Deno.readFile(path), await Deno.readFile(fixture("mlp.pt2")));
    assertEquals([...Deno.readDirSync(folder)].length, 1);
    program.archive?.close?.();
  });
});
