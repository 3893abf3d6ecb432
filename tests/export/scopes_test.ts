/** Fake mode, running exports, dumped programs and the deprecated way to export. */
import { assert, assertEquals, assertInstanceOf, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { fromFileUrl, join, toFileUrl } from "@std/path";
import * as onnx from "../../mod.ts";
import { parseModelProto } from "../../src/onnx/deserialize.ts";
import { readTensors } from "../../src/verify/inputs.ts";
import { difference } from "../aten/harness.ts";
import { fixture } from "../fixtures.ts";

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The MLP without weights. */
async function fakeMlp(options: onnx.ExportOptions = { optimize: false }): Promise<onnx.ONNXProgram> {
  using _ = onnx.enableFakeMode();
  return await onnx.export(fixture("mlp.pt2"), [], null, options);
}

Deno.test("fake mode: exported without weights, saved without initializers, given weights and saved whole", async () => {
  await inFolder(async (folder) => {
    const real = await onnx.load(fixture("mlp.pt2"));
    const program = await fakeMlp();
    for (const { storage } of program.exportedProgram.stateDict.values()) {
      assertEquals([storage.bytes, storage.range], [null, null]);
    }
    const path = join(folder, "x.onnx");
    await program.save(path, { includeInitializers: false, keepInitializersAsInputs: true });
    const { graph } = await parseModelProto(await Deno.readFile(path));
    assertEquals([graph!.input.length, graph!.initializer.length], [13, 0]);
    await assertRejects(() => program.save(path), onnx.ArchiveError, "not included");
    assertEquals(await program.applyWeights(real.stateDict), { missing: [] });
    await program.save(path);
    const whole = await parseModelProto(await Deno.readFile(path));
    assertEquals([whole.graph!.input.length, whole.graph!.initializer.length], [3, 10]);
    const recorded = await readTensors(fixture("mlp.safetensors"));
    const [x, d, l] = ["input_0", "input_1", "input_2"].map((name) => recorded.get(name)!);
    const y = await program.call([x, { tensor_x: d }, [l]]);
    assertInstanceOf(y, onnx.Tensor);
    assertEquals(difference(y, recorded.get("output_0")!, { rtol: 1e-4, atol: 1e-5 }), null);
    await program.optimize();
    await program.release();
    real.archive?.close?.();
  });
});

Deno.test("fake mode: optimization is refused until there are weights", async () => {
  await assertRejects(() => fakeMlp({}), onnx.OptionError, "optimize: false");
  const program = await fakeMlp();
  await assertRejects(() => program.optimize(), onnx.OptionError, "fc0.weight and 9 more weights have no values");
  const real = await onnx.load(fixture("mlp.pt2"));
  await assertRejects(() => onnx.export(program.exportedProgram), onnx.OptionError, "have no values");
  using _ = onnx.enableFakeMode();
  await assertRejects(() => onnx.export(real), onnx.OptionError, "fake mode is enabled");
  (await onnx.export(real, [], null, { optimize: false })).release();
  await program.release();
});

Deno.test("fake mode: it ends with its scope, in any order", async () => {
  const first = onnx.enableFakeMode();
  const second = onnx.enableFakeMode();
  first.leave();
  first.leave();
  await assertRejects(() => onnx.export(fixture("mlp.pt2")), onnx.OptionError);
  second.leave();
  (await onnx.export(fixture("mlp.pt2"))).release();
});

Deno.test("fake mode: constants keep their values, and ties stay", async () => {
  using _ = onnx.enableFakeMode();
  const program = await onnx.load(fixture("multi.pt2"));
  const [embed, head] = ["embed.weight", "head.weight"].map((name) => program.stateDict.get(name)!);
  assert(embed.storage === head.storage);
  for (const tensor of program.constants.values()) assert((await tensor.load()).isLoaded);
  program.archive?.close?.();
});

Deno.test("isInOnnxExport is true while an export runs", async () => {
  const seen: boolean[] = [];
  const customTranslationTable: onnx.CustomTranslationTable = {
    "aten::sigmoid": (b, { self }) => {
      seen.push(onnx.isInOnnxExport());
      return b.op("Sigmoid", [self]);
    },
  };
  assertEquals(onnx.isInOnnxExport(), false);
  const running = [0, 1].map(() => onnx.export(fixture("mlp.pt2"), [], null, { customTranslationTable }));
  (await Promise.all(running)).forEach((program) => program.release());
  assertEquals(seen.length, 8);
  assert(seen.every(Boolean));
  await assertRejects(() => onnx.export("/no/such.pt2"));
  assertEquals(onnx.isInOnnxExport(), false);
});

Deno.test("dumpExportedProgram writes the archive and the text to artifactsDir", async () => {
  await inFolder(async (folder) => {
    for (const artifactsDir of [join(folder, "a/b"), toFileUrl(join(folder, "c d"))]) {
      const program = await onnx.export(fixture("mlp.pt2"), [], null, { dumpExportedProgram: true, artifactsDir });
      const names = [...Deno.readDirSync(artifactsDir)].map(({ name }) => name).sort();
      assertEquals(names.length, 2);
      const stem = /^(onnx_export_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d-\d{3})\.pt2$/.exec(names[0])![1];
      assertEquals(names[1], `${stem}.txt`);
      const at = (name: string): string =>
        join(artifactsDir instanceof URL ? fromFileUrl(artifactsDir) : artifactsDir, name);
      const text = await Deno.readTextFile(at(names[1]));
      assertMatch(text, /^ExportedProgram:\n {4}class GraphModule/);
      const again = await onnx.export(at(names[0]));
      assertEquals(await again.toBytes(), await program.toBytes());
      await Promise.all([again.release(), program.release()]);
    }
    // A program that can't be exported is dumped all the same.
    const artifactsDir = join(folder, "custom");
    const options = { dumpExportedProgram: true, artifactsDir };
    await assertRejects(() => onnx.export(fixture("custom.pt2"), [], null, options), onnx.ExportError);
    assertEquals([...Deno.readDirSync(artifactsDir)].length, 2);
  });
});

Deno.test("a program that can't be dumped is exported all the same", async () => {
  await inFolder(async (artifactsDir) => {
    const real = await onnx.load(fixture("sum.pt2"));
    const { inputSpecs, outputSpecs } = real.signature;
    const value = new onnx.FxValue("token", { kind: "object", className: "token" });
    const object: onnx.InputSpec = { kind: "CUSTOM_OBJ", value, target: "lookup", persistent: null };
    const program = { ...real, signature: { inputSpecs: [object, ...inputSpecs], outputSpecs } };
    program.graph.inputs.unshift(value);
    const warnings: string[] = [];
    const options = { dumpExportedProgram: true, artifactsDir, onWarning: (text: string) => warnings.push(text) };
    (await onnx.export(program, [], null, options)).release();
    assertMatch(warnings.join(), /^The program was not dumped: The custom object lookup/);
    assertEquals([...Deno.readDirSync(artifactsDir)], []);
  });
});

Deno.test("dynamoExport takes arguments, kwargs and whether dims are dynamic", async () => {
  const recorded = await readTensors(fixture("multi.safetensors"));
  const kwargs = { mask: null, flag: true, name: "a" };
  const warnings: string[] = [];
  const exportOptions = { onWarning: (text: string) => warnings.push(text) };
  const multi = fixture("multi.pt2");
  const program = await onnx.dynamoExport(multi, recorded.get("input_0")!, 3n, { exportOptions, kwargs });
  assertMatch(warnings.join(), /^dynamoExport is deprecated: use export/);
  await program.release();
  await assertRejects(() => onnx.dynamoExport(multi, recorded.get("input_0")!, { kwargs }), TypeError, "2 positional");
  const x = fixture("mlp.pt2");
  for (const dynamicShapes of [null, undefined]) {
    await (await onnx.dynamoExport(x, { exportOptions: { dynamicShapes } })).release();
  }
  await (await onnx.dynamoExport(x)).release();
  const all = await assertRejects(() => onnx.dynamoExport(x, { exportOptions: { dynamicShapes: true } }));
  assertMatch(String(all), /Axis 1 of tensor_x is frozen at 8[^]*Axis 1 of input_list\[0\] is frozen at 8/);
  const none = () => onnx.dynamoExport(x, { exportOptions: { dynamicShapes: false } });
  await assertRejects(none, onnx.OptionError, "Axis 0 of tensor_x is dynamic in the program: s18");
  const fixed = await onnx.dynamoExport(fixture("sum_static.pt2"), { exportOptions: { dynamicShapes: false } });
  await fixed.release();
});

Deno.test("errors have PyTorch's names too", () => {
  assertThrows(() => {
    throw new onnx.OptionError("x");
  }, onnx.OnnxExporterError);
  const unsupported = new onnx.UnsupportedOperatorError("torch.ops.a.b.default", 1);
  const pairs: [unknown, new (...args: never[]) => Error][] = [
    [new onnx.ExportError([unsupported]), onnx.ConversionError],
    [unsupported, onnx.SymbolicValueError],
    [unsupported, onnx.OnnxExporterError],
    [new onnx.CheckError("x", []), onnx.CheckerError],
    [new onnx.ArchiveError("x"), onnx.TorchExportError],
  ];
  for (const [error, errorClass] of pairs) assertInstanceOf(error, errorClass);
});
