/** `apply-weights` from outside: other weights for archives and for models, inline and external. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { create, toBinary } from "@bufbuild/protobuf";
import { join } from "@std/path";
import { writeSafetensors } from "../../src/io/safetensors.ts";
import { MemorySink } from "../../src/io/sink.ts";
import { parseModelProto } from "../../src/onnx/deserialize.ts";
import { openModelFile } from "../../src/onnx/model_file.ts";
import { ModelProtoSchema, TensorProto_DataType } from "../../src/proto/onnx_pb.ts";
import { load } from "../../src/pt2/load.ts";
import { Tensor } from "../../src/tensor/mod.ts";
import { fixture } from "../fixtures.ts";
import { files, inFolder, run } from "./run.ts";

/** Writes weights, all elements of which are one value. */
async function writeWeights(
  path: string,
  shapes: Readonly<Record<string, readonly number[]>>,
  value = 1,
): Promise<string> {
  const sink = new MemorySink();
  const tensors = Object.entries(shapes).map(([name, shape]) => {
    const tensor = Tensor.of("float32", shape, new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value));
    return [name, { dtype: "F32", shape, data: tensor.bytes() }] as const;
  });
  await writeSafetensors(sink, new Map(tensors));
  await Deno.writeFile(path, sink.bytes());
  return path;
}

async function shapesOf(archive: string): Promise<Record<string, readonly number[]>> {
  const program = await load(archive);
  program.archive!.close!();
  return Object.fromEntries([...program.stateDict].map(([name, { shape }]) => [name, shape]));
}

/** The weights of a model, by name, as values. */
async function weightsOf(path: string): Promise<Map<string, number[]>> {
  const { model, close } = await openModelFile(path);
  const all = new Map<string, number[]>();
  for (const { name, initializer } of model.graph.initializers) {
    all.set(name, (await initializer!.load()).toArray().map(Number));
  }
  close();
  return all;
}

Deno.test("an archive is exported with other weights", async () => {
  await inFolder(async (folder) => {
    const program = fixture("mlp.pt2");
    const weights = await writeWeights(join(folder, "w.safetensors"), await shapesOf(program), 3);
    const output = join(folder, "x.onnx");
    const { code, stdout, stderr } = await run("apply-weights", program, weights, "-o", output);
    assertEquals(code, 0, stderr);
    assertStringIncludes(stdout, "10 weights replaced");
    const values = await weightsOf(output);
    assert(values.get("fc0.weight")!.every((v) => v === 3));
    assertEquals((await run("diff", output, program)).code, 1);
  });
});

for (const placement of ["never", "always", "in-place"]) {
  Deno.test(`a model gets other weights by name: external data ${placement}`, async () => {
    await inFolder(async (folder) => {
      const program = join(folder, "transformer.pt2");
      await Deno.copyFile(fixture("transformer.pt2"), program);
      const [model, output] = [join(folder, "a.onnx"), join(folder, "b.onnx")];
      await run("export", program, "-o", model, "--external-data", placement, "--quiet");
      const before = await weightsOf(model);
      const given = { position: [32, 8], "fc2.bias": [8] };
      const weights = await writeWeights(join(folder, "w.safetensors"), given, 5);
      const result = await run("apply-weights", model, weights, "-o", output, "--json");
      assertEquals(result.code, 0, result.stderr);
      const { status, replaced, missing } = JSON.parse(result.stdout);
      assertEquals([status, replaced], ["ok", 2]);
      assert(missing.includes("embed.weight") && !missing.includes("position") && !missing.includes("int64_0"));
      assertEquals(files(folder).includes("b.onnx.data"), placement !== "never");
      // The new model needs none of the old files.
      for (const name of ["a.onnx", "a.onnx.data", "transformer.pt2"]) {
        await Deno.remove(join(folder, name)).catch(() => {});
      }
      for (const [name, values] of await weightsOf(output)) {
        if (name in given) assert(values.every((v) => v === 5), name);
        else assertEquals(values, before.get(name), name);
      }
    });
  });
}

Deno.test("a model can be written over itself", async () => {
  await inFolder(async (folder) => {
    const model = join(folder, "a.onnx");
    await run("export", fixture("transformer.pt2"), "-o", model, "--external-data", "always", "--quiet");
    const weights = await writeWeights(join(folder, "w.safetensors"), { position: [32, 8] }, 7);
    assertEquals((await run("apply-weights", model, weights, "-o", model, "--quiet")).code, 0);
    assert((await weightsOf(model)).get("position")!.every((v) => v === 7));
  });
});

Deno.test("what this project has no place for stays, to the byte", async () => {
  await inFolder(async (folder) => {
    const floats = (...values: number[]) => new Uint8Array(new Float32Array(values).buffer);
    const FLOAT = TensorProto_DataType.FLOAT;
    const info = (name: string) => ({
      name,
      docString: `about ${name}`,
      type: {
        denotation: "AUDIO",
        value: { case: "tensorType" as const, value: { elemType: FLOAT, shape: { dim: [] } } },
      },
    });
    const proto = (w: Uint8Array, v: Uint8Array, fields: number[]) =>
      create(ModelProtoSchema, {
        irVersion: 10n,
        producerName: "another",
        docString: "kept",
        modelVersion: 7n,
        opsetImport: [{ domain: "", version: 21n }],
        graph: {
          name: "g",
          docString: "kept too",
          node: [{ opType: "Add", input: ["x", "w"], output: ["y"], docString: "a sum" }],
          initializer: [
            { name: "w", dataType: FLOAT, dims: [], rawData: w, docString: "a weight" },
            { name: "v", dataType: FLOAT, dims: [2n], rawData: v, floatData: fields },
          ],
          input: [info("x")],
          output: [info("y")],
        },
      });
    const [model, output] = [join(folder, "a.onnx"), join(folder, "b.onnx")];
    // The second weight is in a typed field: it becomes raw data.
    await Deno.writeFile(model, toBinary(ModelProtoSchema, proto(floats(1), new Uint8Array(), [1, 2])));
    const weights = await writeWeights(join(folder, "w.safetensors"), { w: [], v: [2] }, 4);
    assertEquals((await run("apply-weights", model, weights, "-o", output, "--quiet")).code, 0);
    const expected = proto(floats(4), floats(4, 4), []);
    assertEquals(await parseModelProto(await Deno.readFile(output)), expected);
  });
});

Deno.test("names and shapes that do not fit are all told, and nothing is written", async () => {
  await inFolder(async (folder) => {
    const [model, output] = [join(folder, "a.onnx"), join(folder, "b.onnx")];
    await run("export", fixture("mlp.pt2"), "-o", model, "--quiet");
    const weights = await writeWeights(join(folder, "w.safetensors"), { "fc0.weight": [8, 9], fc9: [1] });
    for (const input of [model, fixture("mlp.pt2")]) {
      const { code, stdout, stderr } = await run("apply-weights", input, weights, "-o", output, "--json");
      assertEquals(code, 1);
      assertStringIncludes(stderr, "fc0.weight is float32[8, 9], but the");
      assertStringIncludes(stderr, "fc9 is not a weight");
      assertEquals(JSON.parse(stdout).error.message, stderr.replace(/^error: /, "").trimEnd());
      const some = await writeWeights(join(folder, "some.safetensors"), { "fc0.bias": [8] });
      const strict = await run("apply-weights", input, some, "-o", output, "--strict");
      assertEquals(strict.code, 1);
      assertStringIncludes(strict.stderr, "9 weights are not given and are needed: fc0.weight");
    }
    assertEquals(files(folder).includes("b.onnx"), false);
  });
});

Deno.test("options that a model has no use for are misuse", async () => {
  await inFolder(async (folder) => {
    const model = join(folder, "a.onnx");
    await run("export", fixture("mlp.pt2"), "-o", model, "--quiet");
    const { code, stderr } = await run("apply-weights", model, "w", "-o", "x.onnx", "--external-data", "never");
    assertEquals(code, 2);
    assertStringIncludes(stderr, "--external-data is for an archive");
    const none = await run("apply-weights", model, "w");
    assertEquals(none.code, 2);
    assertStringIncludes(none.stderr, "Option --output is needed");
  });
});
