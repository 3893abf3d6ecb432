/** Verification end to end on the CPU: what passes, what is caught, where it is located, and what is refused. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { assertExportMatches, assertModelMatches, assertModelsEqual, assertONNXProgram } from "../../testing.ts";
import { exportProgram } from "../../src/export/export.ts";
import type { ONNXProgram } from "../../src/export/onnx_program.ts";
import { DTypeArg, type FxValue, type TensorMeta } from "../../src/fx/mod.ts";
import { VerificationError } from "../../src/ir/mod.ts";
import { Model, OnnxGraph, OnnxNode, OnnxValue, SERIALIZATION_ID } from "../../src/onnx/model.ts";
import { readModel } from "../../src/onnx/deserialize.ts";
import { serializeModel } from "../../src/onnx/serialize.ts";
import { add, Ranges, symbol } from "../../src/sym/mod.ts";
import { Tensor } from "../../src/tensor/mod.ts";
import { formatReport, type VerificationReport, verify, verifyProgram } from "../../src/verify/mod.ts";
import { runVerification } from "../../src/verify/verification.ts";
import { lowered, ProgramBuilder, tableOf, tensor } from "./programs.ts";

const fixtures = new URL("../fixtures/", import.meta.url);
const archive = (name: string): URL => new URL(`${name}.pt2`, fixtures);
const expected = (name: string): URL => new URL(`${name}.safetensors`, fixtures);
const cpu = { ep: "wasm" } as const;

async function exported(name: string, body: (program: ONNXProgram) => Promise<void>): Promise<void> {
  const program = await exportProgram(archive(name));
  try {
    await body(program);
  } finally {
    program.release();
  }
}

/** Replaces an initializer's values. */
function spoil(model: Model, name: string, change: (value: number, i: number) => number): void {
  const value = [...model.graph.initializers].find((v) => v.name === name);
  if (!value?.initializer?.isLoaded) throw new Error(`${name} is not a weight in memory`);
  const { dtype, shape } = value.initializer;
  value.initializer = Tensor.of(dtype, shape, value.initializer.toArray().map((x, i) => change(Number(x), i)));
}

async function loadWeights(model: Model): Promise<Model> {
  for (const value of model.graph.initializers) value.initializer = await value.initializer!.load();
  return model;
}

function explain(report: VerificationReport): string {
  return formatReport(report).join("\n");
}

for (const [name, other] of [["mlp", "s18"], ["convnet", ""], ["transformer", ""], ["inplace", ""]]) {
  Deno.test(`verification: ${name} agrees at two sizes and in every value`, async () => {
    const report = await assertExportMatches(archive(name), cpu);
    assertEquals([report.ep, report.reference, report.runs.length], ["wasm", "eager", 2], explain(report));
    assertEquals(report.runs[0].inputs, "sample");
    assert(report.runs[1].inputs.includes(`${other}=`));
    assertEquals([report.divergence, report.runtimeFusion, report.failure], [null, false, null]);
    assert(report.runs.every((run) => run.outputs.length > 0 && run.outputs.every((o) => o.maxAbs < 1e-4)));
  });
}

Deno.test("verification: a wrong weight is caught, and its node named", async () => {
  await exported("mlp", async (program) => {
    await loadWeights(program.model);
    spoil(program.model, "fc1.bias", (x, i) => i === 2 ? x + 0.5 : x);
    const report = await verifyProgram(program, { ...cpu, intermediates: true });
    assertEquals(report.passed, false);
    assertEquals(report.runs.map((run) => run.passed), [false, false]);
    assertMatch(report.runs[0].outputs[0].reason, /elements differ by more than/);
    assertEquals(report.divergence?.node, "linear_2");
    assertEquals(report.divergence?.operator, "aten.linear.default");
    assertMatch(report.divergence!.source!, /mlp\.py", line \d+: combined_tensor = self\.fc1\(/);
    assertMatch(explain(report), /First difference: linear_2 of linear_2 \(aten\.linear\.default\)/);
  });
});

Deno.test("verification: a value inside differs, but no output: that is told, and passes", async () => {
  await exported("mlp", async (program) => {
    await program.applyWeights(new Map([["fc2.weight", Tensor.of("float32", [2, 4], new Float32Array(8))]]));
    await loadWeights(program.model);
    spoil(program.model, "fc1.bias", (x) => x + 0.5);
    const report = await verifyProgram(program, { ...cpu, intermediates: true });
    assertEquals([report.passed, report.divergence?.node], [true, "linear_2"], explain(report));
    assertMatch(explain(report), /First difference inside, which no output shows: linear_2 of linear_2/);
  });
});

Deno.test("verification: the sizes of a written model are told by its own names", async () => {
  await using program = await exportProgram(archive("mlp"), [], null, { dims: { s18: "batch" } });
  const report = await verify(await program.toBytes(), { ...cpu, program: archive("mlp") });
  assertEquals(report.runs.map((run) => run.inputs), ["sample", "batch=4"], explain(report));
});

Deno.test("verification: a wrong node in a written model is caught, and named by the program's line", async () => {
  await exported("mlp", async (program) => {
    const model = await readModel(await program.toBytes());
    const wrong = [...model.graph.nodes()].find((node) => node.outputs[0].name === "sigmoid_1")!;
    const output = new OnnxValue("sigmoid_1", wrong.outputs[0].meta);
    const tanh = new OnnxNode({ name: wrong.name, opType: "Tanh", inputs: wrong.inputs, outputs: [output] });
    model.graph.insert(tanh, wrong);
    model.graph.replaceAllUses(wrong.outputs[0], output);
    model.graph.remove(wrong);
    const bytes = await serializeModel(model);
    const report = await verify(bytes, { ...cpu, program: archive("mlp"), intermediates: true });
    assertEquals([report.passed, report.divergence?.node], [false, "sigmoid_1"], explain(report));
    await assertRejects(
      () => assertModelMatches(bytes, { ...cpu, program: archive("mlp") }),
      VerificationError,
      "The model does not match its program\n  ❌ linear_4 float32[",
    );
  });
});

Deno.test("verification: a written model with its weights beside it, against PyTorch's own outputs", async () => {
  const folder = await Deno.makeTempDir({ prefix: "fx2onnx_verify_" });
  try {
    await exported("convnet", async (program) => {
      const path = `${folder}/model.onnx`;
      await program.save(path, { externalData: "always" });
      assertEquals((await Deno.stat(`${path}.data`)).isFile, true);
      const report = await verify(path, {
        ...cpu,
        program: archive("convnet"),
        expected: expected("convnet"),
        intermediates: true,
      });
      assert(report.passed, explain(report));
      assertEquals([report.reference, report.runs.length, report.hidden], ["expected", 2, []]);
      assertEquals(report.runs[1].inputs, `${expected("convnet").href} (alt)`);
      await assertModelsEqual(path, program.model);
      await loadWeights(program.model);
      spoil(program.model, "fc.weight", (x) => x + 1e-3);
      await assertRejects(() => assertModelsEqual(path, program.model), VerificationError, "the values of fc.weight");
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("verification: expected outputs that differ, or are not the model's", async () => {
  await exported("mlp", async (program) => {
    const inputs = [1, 2, 3].map(() => Tensor.of("float32", [2, 8], new Float32Array(16)));
    const report = await verifyProgram(program, { ...cpu, inputs });
    assertEquals(report.runs.map((run) => run.inputs), ["given", "s18=3"], explain(report));
    await assertRejects(
      () => verifyProgram(program, { ...cpu, inputs: expected("convnet") }),
      VerificationError,
      "has no tensor input_1 or",
    );
    await assertRejects(
      () => verifyProgram(program, { ...cpu, inputs: expected("mlp"), expected: expected("inplace") }),
      VerificationError,
      "has 4 outputs, but the model has 1",
    );
    await assertRejects(
      () => verifyProgram(program, { ...cpu, inputs: [inputs[0], inputs[1], Tensor.scalar("float32", 1)] }),
      VerificationError,
      "must be float32[s18, 8], met float32[]",
    );
  });
});

Deno.test("verification: a model of another program is refused", async () => {
  await exported("mlp", async (program) => {
    const model = await readModel(await program.toBytes());
    await assertRejects(() => verify(model, { ...cpu, program: archive("transformer") }), VerificationError);
    model.metadata.set(SERIALIZATION_ID, "another archive");
    await assertRejects(
      () => verify(model, { ...cpu, program: { ...program.exportedProgram, serializationId: "this one" } }),
      VerificationError,
      "was made of another archive",
    );
  });
});

/** `total += x; return total * x`, functional. */
function stateful(): ProgramBuilder {
  const program = new ProgramBuilder();
  const total = program.weight("total", Tensor.of("float32", [3], [1, 2, 3]), "BUFFER");
  const x = program.input(tensor("x", "float32", [3]));
  const sum = program.node("torch.ops.aten.add.Tensor", [total, x], tensor("add", "float32", [3]), "total += x");
  const y = program.node("torch.ops.aten.mul.Tensor", [sum, x], tensor("mul", "float32", [3]));
  program.output(sum, "BUFFER_MUTATION", "total");
  program.output(y);
  program.samples = [Tensor.of("float32", [3], [4, 5, 6])];
  return program;
}

for (const state of ["outputs", "inputs", "drop"] as const) {
  Deno.test(`verification: new values of buffers, state ${state}`, async () => {
    const program = await lowered(stateful().build(), { state });
    const report = await verifyProgram(program, { ...cpu, intermediates: true });
    assert(report.passed, explain(report));
    assertEquals(report.runs[0].outputs.map((o) => o.name), state === "drop" ? ["mul"] : ["mul", "total_out"]);
    const bytes = await serializeModel(program.model);
    const again = await verify(bytes, { ...cpu, program: program.functionalProgram });
    assert(again.passed, explain(again));
    assertEquals(again.runs[0].outputs.length, report.runs[0].outputs.length);
  });
}

Deno.test("verification: a wrong new value of a buffer is caught", async () => {
  const program = await lowered(stateful().build());
  const copy = program.lowered.outputs.find(({ value }) => value.name === "total_out")!.value;
  const wrong = new OnnxValue("wrong", copy.meta);
  const [x] = program.model.graph.inputs;
  program.model.graph.insert(new OnnxNode({ name: "wrong", opType: "Neg", inputs: [x], outputs: [wrong] }));
  program.model.graph.outputs = program.model.graph.outputs.map((v) => v === copy ? wrong : v);
  const outputs = program.lowered.outputs.map((o) => o.value === copy ? { ...o, value: wrong } : o);
  const report = await verifyProgram({ ...program, lowered: { ...program.lowered, outputs } }, cpu);
  assertEquals(report.runs[0].outputs.map((o) => [o.name, o.passed]), [["mul", true], ["wrong", false]]);
});

Deno.test("verification: dtypes that the runtime can't pass go as float32", async () => {
  const program = new ProgramBuilder();
  const x = program.input(tensor("x", "bfloat16", [symbol("s0")]));
  const wide = program.node(
    "torch.ops.aten.to.dtype",
    [x, new DTypeArg("float32")],
    tensor("to", "float32", [symbol("s0")]),
  );
  const sum = program.node("torch.ops.aten.add.Tensor", [wide, wide], tensor("add", "float32", [symbol("s0")]));
  program.output(
    program.node(
      "torch.ops.aten.to.dtype",
      [sum, new DTypeArg("bfloat16")],
      tensor("to_1", "bfloat16", [symbol("s0")]),
    ),
  );
  const report = await verifyProgram(await lowered(program.build()), { ...cpu, intermediates: true });
  assert(report.passed, explain(report));
  assertEquals(report.runs.map((run) => run.outputs[0].actual), ["bfloat16[3]", "bfloat16[4]"]);
  assertEquals(report.runs[0].inputs, "generated");
});

Deno.test("verification: a program without a reference, a model the runtime refuses", async () => {
  const program = new ProgramBuilder();
  const x = program.input(tensor("x", "float32", [2]));
  program.output(program.node("torch.ops.aten.neg.default", [x], tensor("neg", "float32", [2]), "return -x"));
  const good = await lowered(program.build());
  const graph = new OnnxGraph("main_graph");
  const [input, output] = [new OnnxValue("x", x.meta as never), new OnnxValue("neg", x.meta as never)];
  graph.inputs.push(input);
  graph.insert(new OnnxNode({ name: "odd", opType: "NoSuchOperator", inputs: [input], outputs: [output] }));
  graph.outputs = [output];
  const refused = await verify(new Model(graph, 21, 10), { ...cpu, program: good.functionalProgram });
  assertEquals([refused.passed, refused.runs], [false, []]);
  assertMatch(refused.failure!, /^onnxruntime-web can't load the model on wasm: .*NoSuchOperator/);

  const table = await tableOf(good.functionalProgram);
  const { op } = table.resolve("torch.ops.aten.neg.default")!;
  table.add({ ...op, kernel: undefined, decompose: undefined });
  const { model, lowered: parts } = good;
  const subject = { model, program: good.functionalProgram, table, ...parts, bytes: null, dimName: String };
  const report = await runVerification(subject, cpu);
  assertEquals(report.passed, false);
  assertMatch(report.runs[0].reason, /^The reference can't be computed: aten::neg has no kernel\n(.*\n)*.*return -x$/);
});

/** `cat(x, y) * mask`: the mask must be as long as x and y together, which no constraint says. */
function related(y: FxValue): ProgramBuilder {
  const [s0, s2] = [symbol("s0"), symbol("s2")];
  const program = new ProgramBuilder();
  const x = program.input(tensor("x", "float32", [s0]));
  program.input(y);
  const mask = program.input(tensor("mask", "float32", [s2]));
  const length = add(s0, (y.meta as TensorMeta).shape[0]);
  const cat = program.node("torch.ops.aten.cat.default", [[x, y]], tensor("cat", "float32", [length]));
  program.output(program.node("torch.ops.aten.mul.Tensor", [cat, mask], tensor("mul", "float32", [length])));
  program.samples = [2, 3, 5].map((n) => Tensor.of("float32", [n], new Float32Array(n).fill(n)));
  return program;
}

Deno.test("verification: other sizes respect what sizes owe each other", async () => {
  const program = related(tensor("y", "float32", [symbol("s1")]));
  const report = await verifyProgram(await lowered(program.build()), cpu);
  assert(report.passed, explain(report));
  assertEquals(report.runs.map((run) => run.inputs), ["sample", "s0=4, s1=6, s2=10"]);
  assertEquals(report.notes, []);
});

Deno.test("verification: sizes that can't be changed are noted", async () => {
  const program = related(tensor("y", "float32", [3]));
  program.ranges = Ranges.of([["s2", { min: 5, max: 5 }]]);
  const report = await verifyProgram(await lowered(program.build()), cpu);
  assert(report.passed, explain(report));
  assertEquals(report.runs.map((run) => run.inputs), ["sample"]);
  assertEquals(report.notes.length, 1);
  assertMatch(report.notes[0], /^No other size of s0 was compared\. The reference can't be computed: Cannot /);
});

Deno.test("verification: random outputs are compared by dtype and shape, and said to be", async () => {
  const program = new ProgramBuilder();
  const x = program.input(tensor("x", "float32", [4]));
  program.output(program.node("torch.ops.aten.neg.default", [x], tensor("neg", "float32", [4])));
  const { model, lowered: parts, functionalProgram } = await lowered(program.build());
  const table = await tableOf(functionalProgram);
  const { op } = table.resolve("torch.ops.aten.neg.default")!;
  // As if neg were random: the reference gives other values.
  table.add({ ...op, random: true, kernel: ({ self }: { self: Tensor }) => self });
  const subject = { model, program: functionalProgram, table, ...parts, bytes: null, dimName: String };
  const report = await runVerification(subject, { ...cpu, intermediates: true });
  assert(report.passed, explain(report));
  assertEquals(report.hidden, ["neg (random)"]);
  assertEquals(report.notes, ["Output neg is random: only its dtype and shape were compared"]);
});

Deno.test("verification: a difference that only the plain run has is told as runtime fusion", async () => {
  const program = await lowered(stateful().build());
  const { model, lowered: parts, functionalProgram } = program;
  const other = await lowered(stateful().build());
  spoil(other.model, "total", (x) => x + 1);
  // What the plain run is given stands for a model that a runtime fuses wrongly.
  const bytes = await serializeModel(other.model);
  const subject = {
    model,
    program: functionalProgram,
    table: await tableOf(functionalProgram),
    ...parts,
    bytes: () => Promise.resolve(bytes),
    dimName: String,
  };
  const report = await runVerification(subject, { ...cpu, intermediates: true });
  assertEquals([report.passed, report.divergence, report.runtimeFusion], [false, null, true], explain(report));
  assertMatch(explain(report), /runtime fusion/);
});

Deno.test("assertions: models that differ are told by their first line", async () => {
  const [a, b] = [await lowered(stateful().build()), await lowered(stateful().build(), { state: "drop" })];
  await assertModelsEqual(a.model, a.model);
  await assertRejects(() => assertModelsEqual(a.model, b.model), VerificationError, "The models differ: line");
});

Deno.test("assertions: an exported program is held to its own, with given arguments and tolerances", async () => {
  await exported("mlp", async (program) => {
    const x = Tensor.of("float32", [5, 8], new Float32Array(40).fill(0.25));
    const report = await assertONNXProgram(program, { ...cpu, args: [x, { tensor_x: x }, [x]], atol: 1e-5 });
    assertEquals(report.runs.map((run) => run.inputs), ["given", "s18=6"]);
    assertEquals([report.runs[0].outputs[0].atol, report.divergence], [1e-5, null]);
    await assertRejects(() => assertONNXProgram(program, { ...cpu, args: [x] }), TypeError);
    await assertRejects(
      () => assertONNXProgram(program, { ...cpu, args: [], inputs: expected("mlp") }),
      VerificationError,
      "Options inputs and args exclude each other",
    );
    await loadWeights(program.model);
    spoil(program.model, "fc1.bias", (x, i) => i === 2 ? x + 0.5 : x);
    await assertRejects(
      () => assertONNXProgram(program, cpu),
      VerificationError,
      "First difference: linear_2 of linear_2 (aten.linear.default)",
    );
  });
});
