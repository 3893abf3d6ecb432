/**
 * The examples become ONNX with dynamic dims: verified at two sizes, and onnxruntime gives PyTorch's outputs at both sizes
 * that are recorded.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import * as onnx from "../../mod.ts";
import { Tensor as CoreTensor } from "../../src/tensor/mod.ts";
import { hasWebGpu } from "../../src/verify/mod.ts";
import { exampleOf, NAMES } from "./cases.ts";

/** Names and shapes of inputs and outputs. */
const SHAPES: Readonly<Record<string, readonly string[]>> = {
  mlp: ["tensor_input batch_size,8", "tensor_x batch_size,8", "list_input_index_0 batch_size,8", "output batch_size,2"],
  resnet: ["images batch,3,32,32", "logits batch,10"],
  vit: ["images batch,3,32,32", "logits batch,10"],
  bert: [
    ...["input_ids", "attention_mask", "token_type_ids"].map((name) => `${name} batch,sequence`),
    ...["last_hidden_state batch,sequence,32", "pooler_output batch,32"],
  ],
  gpt2: ["input_ids batch,sequence", "logits batch,sequence,64"],
  lstm_tagger: ["sentence batch,sequence", "tag_scores batch,sequence,5"],
};

function tensors(value: unknown): CoreTensor[] {
  if (value instanceof CoreTensor) return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(tensors) : [];
}

for (const name of NAMES) {
  Deno.test(`examples/${name}.ts exports with dynamic dims and gives PyTorch's outputs`, async () => {
    const { example: { model, args, ...options }, recorded } = await exampleOf(name);
    await using program = await onnx.export(model, args, undefined, { ...options, ep: "wasm", verify: true });
    const { passed, runs } = program.verification!;
    assert(passed);
    assertEquals(runs.length, 2);
    const { inputs, outputs } = program.model.graph;
    assertEquals([...inputs, ...outputs].map(({ name, shape }) => `${name} ${shape}`), SHAPES[name]);
    for (const { args, outputs } of recorded.cases) {
      const results = tensors(await program.call(args));
      assertEquals(results.map(({ shape }) => shape), outputs.map(({ shape }) => shape));
      for (const [k, { values }] of outputs.entries()) {
        const data = results[k].data() as Float32Array;
        values.forEach((value, i) =>
          assert(Math.abs(data[i] - value) <= 1e-4, `${k}[${i}]: ${data[i]} is not ${value}`)
        );
      }
    }
  });
}

const ignore = !await hasWebGpu() && Deno.env.get("FX2ONNX_REQUIRE_WEBGPU") !== "1";

for (const name of ["mlp", "lstm_tagger", "gpt2"]) {
  Deno.test({
    name: `webgpu: examples/${name}.ts verifies at two sizes${ignore ? " (ignored: no WebGPU adapter)" : ""}`,
    ignore,
    async fn() {
      const { example: { model, args, ...options } } = await exampleOf(name);
      await using program = await onnx.export(model, args, undefined, { ...options, ep: "webgpu", verify: true });
      const { passed, ep, runs } = program.verification!;
      assertEquals([passed, ep, runs.length], [true, "webgpu", 2]);
    },
  });
}

Deno.test("examples/mlp.ts runs as the documentation has it: exports, asserts the shapes, saves", async () => {
  const folder = await Deno.makeTempDir({ prefix: "fx2onnx_mlp_" });
  try {
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--config", new URL("../../deno.json", import.meta.url).pathname, example("mlp")],
      cwd: folder,
    }).output();
    assert(success, new TextDecoder().decode(stderr));
    assertMatch(new TextDecoder().decode(stdout), /^mlp\.onnx computes what the model does, on (wasm|webgpu)\n$/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

function example(name: string): string {
  return new URL(`../../examples/${name}.ts`, import.meta.url).pathname;
}
