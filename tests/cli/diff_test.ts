/** `diff` from outside: what counts as a difference, and what it says of it. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { float } from "../../src/onnx/model.ts";
import { serializeModel } from "../../src/onnx/serialize.ts";
import { OnnxBuilder } from "../../src/onnx/builder.ts";
import { Model } from "../../src/onnx/model.ts";
import { Tensor } from "../../src/tensor/mod.ts";
import { fixture } from "../fixtures.ts";
import { inFolder, run } from "./run.ts";

interface Plan {
  readonly epsilon?: number;
  readonly axis?: number;
  readonly swapped?: boolean;
  readonly bias?: number;
  readonly rename?: boolean;
  readonly outputs?: readonly number[];
}

/** A small model, with what a plan wants otherwise. */
async function model(path: string, plan: Plan = {}): Promise<string> {
  const { epsilon = 1e-5, axis = 1, swapped = false, bias = 1, rename = false, outputs = [0, 1] } = plan;
  const b = new OnnxBuilder({ opset: 21 });
  const x = b.input("x", { dtype: "float32", shape: [2, 4] });
  const y = b.input("y", { dtype: "float32", shape: [2, 4] });
  const scale = b.initializer("scale", Tensor.of("float32", [4], [1, 2, 3, 4]));
  const shift = b.initializer("shift", Tensor.of("float32", [4], [bias, 0, 0, 0]));
  const norm = b.op("LayerNormalization", [x, scale, shift], { epsilon: float(epsilon) });
  const difference = b.op("Sub", swapped ? [y, norm] : [norm, y]);
  const softmax = b.op("Softmax", [difference], { axis });
  if (rename) norm.name = "otherwise";
  const { graph } = b;
  graph.outputs = outputs.map((i) => [softmax, difference][i]);
  const bytes = await serializeModel(new Model(graph, 21, 10));
  await Deno.writeFile(path, bytes);
  return path;
}

async function differ(folder: string, plan: Plan, ...args: string[]): ReturnType<typeof run> {
  const [a, b] = [await model(join(folder, "a.onnx")), await model(join(folder, "b.onnx"), plan)];
  return await run("diff", a, b, ...args);
}

Deno.test("models that compute the same are the same, whatever their values are called", async () => {
  await inFolder(async (folder) => {
    const { code, stdout } = await differ(folder, { rename: true });
    assertEquals(code, 0, stdout);
    assertStringIncludes(stdout, "are the same\n2 weights are equal");
  });
});

for (
  const [what, plan, text] of [
    ["an attribute", { epsilon: 1e-6 }, "(LayerNormalization) epsilon = 0.00000999"],
    ["an axis", { axis: 0 }, "axis = 1 → axis = 0"],
    ["the order of operands", { swapped: true }, "(Sub) and "],
    ["the values of a weight", { bias: 2 }, "~ shift float32[4] sha256 "],
    ["the order of outputs", { outputs: [1, 0] }, "~ "],
    ["an output", { outputs: [0] }, "outputs:\n  - "],
  ] as const
) {
  Deno.test(`diff finds ${what}`, async () => {
    await inFolder(async (folder) => {
      const { code, stdout } = await differ(folder, plan);
      assertEquals(code, 1, stdout);
      assertStringIncludes(stdout, text);
      const json = JSON.parse((await differ(folder, plan, "--json")).stdout);
      assertEquals(json.same, false);
      const quiet = await differ(folder, plan, "--quiet");
      assertEquals([quiet.code, quiet.stdout, quiet.stderr], [1, "", ""]);
    });
  });
}

Deno.test("diff counts operators and weights of two programs", async () => {
  const { code, stdout } = await run("diff", fixture("mlp.pt2"), fixture("convnet.pt2"), "--json");
  assertEquals(code, 1);
  const json = JSON.parse(stdout);
  assertEquals(Object.keys(json), [
    "input",
    "output",
    "status",
    "error",
    "a",
    "b",
    "same",
    "settings",
    "inputs",
    "outputs",
    "operators",
    "nodes",
    "first",
    "weights",
  ]);
  const linear = json.operators.find((one: { operator: string }) => one.operator === "aten.sigmoid.default");
  assertEquals(linear, { operator: "aten.sigmoid.default", before: 4, after: 0 });
  assertEquals(json.first.a.operator, "aten.cat.default");
  assertEquals(json.weights.equal, 0);
  assert(json.weights.changed.some((one: { name: string }) => one.name === "fc0.weight"));
  assertEquals((await run("diff", fixture("mlp.pt2"), fixture("mlp.pt2"))).code, 0);
});

Deno.test("a model is the same as its program, wherever its weights lie, and not as another", async () => {
  await inFolder(async (folder) => {
    for (const name of ["convnet", "multi", "inplace"]) {
      const program = fixture(`${name}.pt2`);
      for (const state of ["outputs", "inputs", "drop"]) {
        const output = join(folder, `${name}.onnx`);
        const placement = ["--external-data", "always", "--state", state, "--quiet"];
        assertEquals((await run("export", program, "-o", output, ...placement)).code, 0);
        const { code, stdout } = await run("diff", output, program);
        assertEquals(code, 0, stdout);
        assertStringIncludes(stdout, "operators are not compared");
      }
    }
    const other = await run("diff", fixture("mlp.pt2"), join(folder, "convnet.onnx"));
    assertEquals(other.code, 1);
    assertStringIncludes(other.stdout, "- fc0.weight float32[8, 8]");
  });
});

Deno.test("functions are compared by what they compute", async () => {
  await inFolder(async (folder) => {
    const [a, b, c] = ["a.onnx", "b.onnx", "c.onnx"].map((name) => join(folder, name));
    const functions = ["--export-modules-as-functions", "all", "--quiet"];
    await run("export", fixture("convnet.pt2"), "-o", a, ...functions);
    await run("export", fixture("convnet.pt2"), "-o", b, ...functions);
    await run("export", fixture("convnet.pt2"), "-o", c, "--quiet");
    assertEquals((await run("diff", a, b)).code, 0);
    const { code, stdout } = await run("diff", a, c);
    assertEquals(code, 1);
    assertStringIncludes(stdout, "- torch.nn.modules.linear.Linear 1 → 0");
  });
});

Deno.test("diff tells which file it can't read", async () => {
  const { code, stdout, stderr } = await run("diff", fixture("mlp.pt2"), fixture("ops"), "--json");
  assertEquals(code, 1);
  assertEquals(JSON.parse(stdout).status, "error");
  assertStringIncludes(stderr, "fixtures/ops");
});
