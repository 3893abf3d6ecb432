/** What `save` writes: which weights are initializers and inputs, and where a model can be saved to. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { OptionError } from "../../src/ir/mod.ts";
import { exportProgram } from "../../src/export/export.ts";
import type { ONNXProgram } from "../../src/export/onnx_program.ts";
import { parseModelProto } from "../../src/onnx/deserialize.ts";
import { fixture } from "../fixtures.ts";

const USERS = ["tensor_x", "input_dict_tensor_x", "input_list_0"];
const WEIGHTS = ["fc0", "fc1", "fc2", "fc3", "fc_combined"].flatMap((name) => [`${name}.weight`, `${name}.bias`]);

async function withMlp(body: (program: ONNXProgram, folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  const program = await exportProgram(fixture("mlp.pt2"));
  try {
    await body(program, folder);
  } finally {
    program.release();
    await Deno.remove(folder, { recursive: true });
  }
}

/** Names of inputs and initializers in a file. */
async function interfaceOf(path: string): Promise<{ inputs: string[]; initializers: string[] }> {
  const { graph } = await parseModelProto(await Deno.readFile(path));
  return {
    inputs: graph!.input.map(({ name }) => name),
    initializers: graph!.initializer.map(({ name }) => name).sort(),
  };
}

for (const includeInitializers of [true, false]) {
  for (const keepInitializersAsInputs of [true, false]) {
    const name = `includeInitializers ${includeInitializers}, keepInitializersAsInputs ${keepInitializersAsInputs}`;
    Deno.test(`save: ${name}`, async () => {
      await withMlp(async (program, folder) => {
        const path = join(folder, "x.onnx");
        const options = { includeInitializers, keepInitializersAsInputs };
        await program.save(path, options);
        const { inputs, initializers } = await interfaceOf(path);
        assertEquals(inputs.slice(0, 3), USERS);
        assertEquals(inputs.slice(3).sort(), keepInitializersAsInputs ? [...WEIGHTS].sort() : []);
        assertEquals(initializers, includeInitializers ? [...WEIGHTS].sort() : []);
        // The program stays what it was.
        await program.save(path);
        assertEquals(await interfaceOf(path), { inputs: USERS, initializers: [...WEIGHTS].sort() });
      });
    });
  }
}

Deno.test("save: what is no option, and what is no destination", async () => {
  await withMlp(async (program) => {
    const misspelt = { external_data: true } as Parameters<ONNXProgram["save"]>[1];
    await assertRejects(() => program.save("x.onnx", misspelt), OptionError, "of save; did you mean externalData?");
    await assertRejects(() => program.save(5 as unknown as string), TypeError, "Cannot save to 5: expected a path");
  });
});

Deno.test("save: without initializers no data file is written either", async () => {
  await withMlp(async (program, folder) => {
    await program.save(join(folder, "x.onnx"), { includeInitializers: false, externalData: true });
    assertEquals([...Deno.readDirSync(folder)].map((entry) => entry.name), ["x.onnx"]);
  });
});

Deno.test("save: exportParams false leaves the weights out", async () => {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "x.onnx");
  (await exportProgram(fixture("mlp.pt2"), [], path, { exportParams: false })).release();
  assertEquals((await interfaceOf(path)).initializers, []);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("save: a stream gets the bytes that a file does", async () => {
  await withMlp(async (program) => {
    const parts: Uint8Array[] = [];
    let closed = false;
    const stream = new WritableStream<Uint8Array>({
      write: (part) => void parts.push(part),
      close: () => void (closed = true),
    });
    const report = await program.save(stream);
    assert(closed);
    const bytes = new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
    assertEquals(bytes, await program.toBytes());
    assertEquals([report.files, report.bytes], [[], bytes.length]);
  });
});

Deno.test("save: weights can't lie beside a stream", async () => {
  await withMlp(async (program) => {
    for (const externalData of [true, "always", "in-place"] as const) {
      const stream = new WritableStream<Uint8Array>();
      await assertRejects(() => program.save(stream, { externalData }), TypeError, "needs a path");
    }
  });
});

Deno.test("save: a stream is told when writing fails", async () => {
  await withMlp(async (program) => {
    let reason: unknown;
    const stream = new WritableStream<Uint8Array>({
      write: () => Promise.reject(new Error("the disk is full")),
      abort: (why) => void (reason = why),
    });
    await assertRejects(() => program.save(stream), Error, "the disk is full");
    assertEquals(reason, undefined);
  });
});
