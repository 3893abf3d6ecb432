/** `inspect` from outside: text, tables and objects. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { fixture } from "../fixtures.ts";
import { inFolder, run } from "./run.ts";

Deno.test("inspect --json tells inputs, outputs, operators and weights, one object per file", async () => {
  await inFolder(async (folder) => {
    const output = join(folder, "x.onnx");
    await run("export", fixture("mlp.pt2"), "-o", output, "--quiet");
    const { code, stdout } = await run("inspect", fixture("mlp.pt2"), output, "nowhere.onnx", "--json");
    assertEquals(code, 1);
    const [program, model, missing] = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
    assertEquals(program, {
      input: fixture("mlp.pt2"),
      output: null,
      status: "ok",
      error: null,
      kind: "program",
      inputs: ["tensor_x", "input_dict_tensor_x", "input_list_0"].map((name) => ({
        name,
        dtype: "float32",
        shape: ["s18", 8],
      })),
      outputs: [{ name: "linear_4", dtype: "float32", shape: ["s18", 2] }],
      nodes: 10,
      operators: { "aten.cat.default": 1, "aten.linear.default": 5, "aten.sigmoid.default": 4 },
      settings: { "range constraints": "{s18: VR[0, int_oo]}" },
      weights: { count: 10, bytes: 1296 },
    });
    assertEquals([model.kind, model.operators], ["model", { Concat: 1, Gemm: 5, Sigmoid: 4 }]);
    assertEquals(model.settings, { opsets: "ai.onnx 21" });
    assertEquals([missing.status, missing.input], ["error", "nowhere.onnx"]);
    assertStringIncludes(missing.error.message, "nowhere.onnx");
  });
});

Deno.test("inspect --weights tells bytes and where they lie, also where files are not there", async () => {
  await inFolder(async (folder) => {
    const output = join(folder, "x.onnx");
    await run("export", fixture("transformer.pt2"), "-o", output, "--external-data", "always", "--quiet");
    const { stdout } = await run("inspect", output, "--weights");
    assertMatch(stdout, /^position +float32\[32, 8\] +1024 {2}\S+x\.onnx\.data at 0$/m);
    assertMatch(stdout, /^embed\.weight +float32\[20, 8\] +640 {2}\S+x\.onnx$/m);
    assertMatch(stdout, /^25 weights, 4\.2 kB$/m);
    await Deno.remove(`${output}.data`);
    assertMatch((await run("inspect", output, "--weights")).stdout, /^position .* 1024 {2}not there$/m);
    const { list } = JSON.parse((await run("inspect", fixture("mlp.pt2"), "--weights", "--json")).stdout).weights;
    assertEquals(list[0].name, "fc0.weight");
    assertEquals([list[0].bytes, list[0].file], [256, fixture("mlp.pt2")]);
    // What is said of the place is true: the bytes there are the weight's.
    const bytes = (await Deno.readFile(fixture("mlp.pt2"))).slice(list[0].offset, list[0].offset + 256);
    assert(new Float32Array(bytes.buffer).every((v) => v !== 0 && Math.abs(v) < 1));
  });
});

Deno.test("inspect --metadata shows what files say about themselves", async () => {
  await inFolder(async (folder) => {
    const output = join(folder, "x.onnx");
    await run("export", fixture("mlp.pt2"), "-o", output, "--quiet");
    const key = "pkg.torch.onnx.name_scopes";
    assert(!(await run("inspect", output)).stdout.includes(key));
    assertStringIncludes((await run("inspect", output, "--metadata")).stdout, key);
    const program = await run("inspect", fixture("mlp.pt2"), "--metadata");
    assertStringIncludes(program.stdout, "Range constraints: {s18: VR[0, int_oo]}\nMetadata:\n    torch_version: ");
    assertStringIncludes(program.stdout, "    linear_4\n        stack_trace: ");
    const { metadata } = JSON.parse((await run("inspect", output, "--metadata", "--json")).stdout);
    assertStringIncludes(metadata["pkg.torch.export.ExportedProgram.range_constraints"], "s18");
  });
});
