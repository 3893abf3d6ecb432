/** Models that are opened and copied without the contents of their tensors. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { MemorySink } from "../../src/io/sink.ts";
import { bytesSource, type Source } from "../../src/io/source.ts";
import { ArchiveError } from "../../src/ir/mod.ts";
import { OnnxBuilder } from "../../src/onnx/builder.ts";
import { Model } from "../../src/onnx/model.ts";
import { openModelFile } from "../../src/onnx/model_file.ts";
import { printModel } from "../../src/onnx/print.ts";
import { rewriteModel, writeParts } from "../../src/onnx/rewrite.ts";
import { serializeModel } from "../../src/onnx/serialize.ts";
import { Scratch } from "../../src/onnx/tensor_bytes.ts";
import { Tensor } from "../../src/tensor/mod.ts";
import { branchModel, richModel, smallModel } from "./models.ts";

async function rewritten(source: Source, edit: Parameters<typeof rewriteModel>[1]): Promise<Uint8Array> {
  const sink = new MemorySink();
  await writeParts((await rewriteModel(source, edit)).parts(), sink, new Scratch());
  return sink.bytes();
}

/** A model with a large weight. */
function largeModel(): Model {
  const b = new OnnxBuilder({ opset: 21 });
  const x = b.input("x", { dtype: "float32", shape: [2, 300] });
  const values = new Float32Array(300 * 300).map((_, i) => i % 17);
  const y = b.op("MatMul", [x, b.initializer("w", Tensor.of("float32", [300, 300], values))]);
  b.graph.outputs = [b.op("Add", [y, b.initializer("small", Tensor.of("float32", [1], [5]))])];
  return new Model(b.graph, 21, 10);
}

Deno.test("a rewrite without edits gives the same bytes", async () => {
  for (const make of [smallModel, branchModel, richModel, largeModel]) {
    const bytes = await serializeModel(make());
    assertEquals(await rewritten(bytesSource(bytes), () => null), bytes, make.name);
  }
});

Deno.test("large tensors stay in the file; small ones are read", async () => {
  const bytes = await serializeModel(largeModel());
  let read = 0;
  const inner = bytesSource(bytes);
  const source: Source = {
    name: "model",
    size: inner.size,
    read: (offset, length) => (read += length, inner.read(offset, length)),
  };
  const { model, close } = await openModelFile(source);
  assert(read < bytes.byteLength / 2, `${read} of ${bytes.byteLength} bytes were read`);
  const [large, small] = [...model.graph.initializers];
  assertEquals([large.name, large.initializer!.isLoaded, small.initializer!.isLoaded], ["w", false, true]);
  assertEquals(
    (await large.initializer!.load()).toArray(),
    [...largeModel().graph.initializers][0].initializer!.toArray(),
  );
  assertEquals(printModel(model), printModel(largeModel()));
  close();
});

Deno.test("a model that is cut or damaged anywhere is an error of the archive, or another model", async () => {
  const bytes = await serializeModel(richModel());
  for (let length = 0; length < bytes.byteLength; length += 11) {
    await openModelFile(bytes.slice(0, length)).then(({ close }) => close(), (error) => assertKind(error, length));
    const damaged = bytes.slice();
    damaged[length] ^= 0xff;
    await openModelFile(damaged).then(({ close }) => close(), (error) => assertKind(error, length));
  }
});

function assertKind(error: unknown, at: number): void {
  assert(error instanceof ArchiveError, `at ${at}: ${error}`);
}

Deno.test("external data that is not there is an error, unless it is allowed", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const source = bytesSource(await serializeModel(largeModel()));
    const path = join(folder, "x.onnx");
    const bytes = await rewritten(
      source,
      ({ name, rawData }) =>
        name === "w" ? { external: { location: "x.data", offset: 8, length: rawData!.length } } : null,
    );
    await Deno.writeFile(path, bytes);
    await assertRejects(() => openModelFile(path), Deno.errors.NotFound, "x.data");
    const { model, missing, close } = await openModelFile(path, { allowMissing: true });
    assertEquals(missing, ["x.data"]);
    await assertRejects(() => [...model.graph.initializers][0].initializer!.load(), Deno.errors.NotFound, "x.data");
    close();
    await assertRejects(() => openModelFile(bytes), ArchiveError, "not given as a path or URL");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
