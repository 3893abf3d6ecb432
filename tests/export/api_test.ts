/**
 * The exporter's whole API, walked name by name: each option and parameter with its documented default, which when given
 * changes nothing, and with another value, which does what it is for. Other tests go into each of them.
 */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { join } from "@std/path";
import * as onnx from "../../mod.ts";
import { parseModelProto } from "../../src/onnx/deserialize.ts";
import { fixture } from "../fixtures.ts";
import { inFolder } from "../cli/run.ts";

/** What an export gave, with all that it said and left. */
interface Outcome {
  readonly program: onnx.ONNXProgram;
  readonly model: onnx.ModelProto;
  readonly warnings: readonly string[];
  readonly steps: readonly onnx.StepEvent[];
  /** Names of the files in the folder that model and artifacts go to, dates left out. */
  readonly files: readonly string[];
}

/** An option: its default, and another value with what it does. */
interface Row {
  readonly default: unknown;
  readonly other: onnx.ExportOptions;
  /** The archive; default the documentation's MLP. */
  readonly program?: string;
  readonly does: ((outcome: Outcome) => void | Promise<void>) | RegExp;
}

const inputs = ({ model }: Outcome): string[] => model.graph!.input.map(({ name }) => name);
const outputs = ({ model }: Outcome): string[] => model.graph!.output.map(({ name }) => name);
const weights = ({ model }: Outcome): number => model.graph!.initializer.length;
const dims = ({ graph }: onnx.ModelProto, input = 0): (string | number)[] => {
  const type = graph!.input[input].type!.value;
  assert(type.case === "tensorType");
  return type.value.shape!.dim.map(({ value }) => value.case === "dimParam" ? value.value : Number(value.value));
};
const x = onnx.Tensor.of("float32", [2, 2], [1, 2, 3, 4]);

const OPTIONS: Readonly<Record<string, Row>> = {
  dynamo: { default: true, other: { dynamo: false }, does: ({ warnings }) => assertEquals(warnings, []) },
  kwargs: { default: null, other: { kwargs: { flag: 1 } }, does: /no keyword argument flag/ },
  exportParams: { default: true, other: { exportParams: false }, does: (o) => assertEquals(weights(o), 0) },
  verbose: {
    default: null,
    other: { verbose: true },
    does: ({ steps }) => assert(steps.some(({ detail }) => detail !== undefined)),
  },
  inputNames: {
    default: null,
    other: { inputNames: ["a", "b"] },
    does: (o) => assertEquals(inputs(o), ["a", "b", "input_list_0"]),
  },
  outputNames: { default: null, other: { outputNames: ["y"] }, does: (o) => assertEquals(outputs(o), ["y"]) },
  opsetVersion: {
    default: 21,
    other: { opsetVersion: 20 },
    does: ({ model }) => assertEquals(model.opsetImport.map(({ version }) => version), [20n]),
  },
  dynamicAxes: {
    default: null,
    program: "sum.pt2",
    other: { inputNames: ["x"], outputNames: ["sum"], dynamicAxes: { x: { 0: "my_custom_axis_name" }, sum: [0] } },
    does: ({ program, model }) => {
      assertEquals(dims(model), ["my_custom_axis_name", 2]);
      const [{ meta }] = program.model.graph.outputs;
      const [size] = meta!.shape;
      assertEquals(program.dimName(size as onnx.Sym, program.model.graph.outputs[0], 0), "sum_dynamic_axes_1");
    },
  },
  dynamicShapes: {
    default: null,
    other: { dynamicShapes: [{ 0: "batch_size" }, { tensor_x: { 0: "batch_size" } }, [{ 0: "batch_size" }]] },
    does: ({ model }) => [0, 1, 2].forEach((i) => assertEquals(dims(model, i), ["batch_size", 8])),
  },
  keepInitializersAsInputs: {
    default: false,
    other: { keepInitializersAsInputs: true },
    does: (o) => assertEquals(inputs(o).length, 3 + weights(o)),
  },
  // PyTorch's default is true, which is `always` here. Unset, the size decides.
  externalData: {
    default: undefined,
    program: "transformer.pt2",
    other: { externalData: true },
    does: ({ files }) => assertEquals(files, ["x.onnx", "x.onnx.data"]),
  },
  customTranslationTable: {
    default: null,
    other: { customTranslationTable: { "aten.sigmoid.default": (b, { self }) => b.op("Tanh", [self]) } },
    does: ({ model }) => assertEquals(model.graph!.node.filter(({ opType }) => opType === "Tanh").length, 4),
  },
  report: {
    default: false,
    other: { report: true },
    does: ({ files }) =>
      assertEquals(files, ["onnx_export_TIME_success.html", "onnx_export_TIME_success.md", "x.onnx"]),
  },
  profile: {
    default: false,
    other: { profile: true },
    does: ({ files }) => assertEquals(files, ["onnx_export_TIME_profile.json", "x.onnx"]),
  },
  dumpExportedProgram: {
    default: false,
    other: { dumpExportedProgram: true },
    does: ({ files }) => assertEquals(files, ["onnx_export_TIME.pt2", "onnx_export_TIME.txt", "x.onnx"]),
  },
  artifactsDir: {
    default: ".",
    other: { artifactsDir: `${fixture("mlp.pt2")}/none`, dumpExportedProgram: true },
    does: /Cannot make folder .*mlp\.pt2\/none/,
  },
  verify: {
    default: false,
    other: { verify: true, ep: "wasm" },
    does: ({ program }) => assertEquals(program.verification?.passed, true),
  },
  optimize: {
    default: true,
    other: { optimize: false },
    does: ({ steps }) => assert(!steps.some(({ name }) => name === "Optimize")),
  },
  fallback: {
    default: false,
    program: "custom.pt2",
    other: { fallback: true },
    does: /no TorchScript exporter to fall/,
  },
};

/** Deprecated options: defaults, what each warns of, and another value with what it does. */
const DEPRECATED: Readonly<Record<string, Row & { readonly warns: RegExp }>> = {
  training: {
    default: "EVAL",
    warns: /^Option training is deprecated: set the training mode of the model before/,
    other: { training: "TRAINING" },
    does: /training must be EVAL or PRESERVE, met TRAINING\n.*module\.train\(\)/,
  },
  operatorExportType: {
    default: "ONNX",
    warns: /^Option operatorExportType is deprecated: only ONNX is written/,
    other: { operatorExportType: "ONNX_ATEN" },
    does: /operatorExportType must be ONNX, met ONNX_ATEN/,
  },
  doConstantFolding: {
    default: true,
    warns: /^Option doConstantFolding is deprecated: constants are always folded/,
    other: { doConstantFolding: false },
    does: ({ warnings }) => assertMatch(warnings.join(), /it can't be turned off, constants are always folded/),
  },
  exportModulesAsFunctions: {
    default: false,
    warns: /^Option exportModulesAsFunctions is deprecated/,
    other: { exportModulesAsFunctions: new Set(["Linear"]) },
    does: ({ model }) => assertEquals(model.functions.map(({ name }) => name), ["Linear"]),
  },
  autogradInlining: {
    default: true,
    warns: /^Option autogradInlining is deprecated: autograd functions are always inlined/,
    other: { autogradInlining: false },
    does: ({ warnings }) => assertEquals(warnings.length, 1),
  },
  customOpsets: {
    default: null,
    warns: /^Option customOpsets is deprecated/,
    other: {
      customOpsets: { "com.shop": 5 },
      customTranslationTable: { "aten.sigmoid.default": (b, { self }) => b.op("S", [self], {}, "com.shop") },
    },
    does: ({ model }) =>
      assertEquals(model.opsetImport.map(({ domain, version }) => [domain, version]), [["", 21n], ["com.shop", 5n]]),
  },
};

/** Exports to a folder of its own. */
async function exported(archive: string, options: onnx.ExportOptions, body: (o: Outcome) => unknown): Promise<void> {
  await inFolder(async (folder) => {
    const [warnings, steps]: [string[], onnx.StepEvent[]] = [[], []];
    const path = join(folder, "x.onnx");
    await using program = await onnx.export(fixture(archive), [], path, {
      artifactsDir: folder,
      ...options,
      onWarning: (text) => warnings.push(text),
      onStep: (step) => steps.push(step),
    });
    const model = await parseModelProto(await Deno.readFile(path));
    const files = [...Deno.readDirSync(folder)].map(({ name }) =>
      name.replace(/\d{4}(-\d\d){2}_(\d\d-){3}\d{3}/, "TIME")
    );
    await body({ program, model, warnings, steps, files: files.sort() });
  });
}

for (
  const [name, { default: value, other, program = "mlp.pt2", does }] of Object.entries({ ...OPTIONS, ...DEPRECATED })
) {
  Deno.test(`export: option ${name}, default ${JSON.stringify(value)}`, async () => {
    if (does instanceof RegExp) {
      const error = await assertRejects(() => exported(program, other, () => {}), Error);
      assertMatch(error.message, does);
    } else await exported(program, other, does);
    const archive = program === "custom.pt2" ? "mlp.pt2" : program;
    let [plain, given]: (onnx.ModelProto | null)[] = [null, null];
    await exported(archive, {}, (o) => plain = o.model);
    await exported(archive, name === "artifactsDir" ? {} : { [name]: value }, (o) => {
      given = o.model;
      const { warns } = DEPRECATED[name] ?? {};
      assertEquals(o.warnings.length, warns ? 1 : 0, o.warnings.join("\n"));
      if (warns) assertMatch(o.warnings[0], warns);
    });
    assertEquals(given, plain);
  });
}

Deno.test("export: model, args = [], f = null", async () => {
  const archive = fixture("sum.pt2");
  await using first = await onnx.export(archive);
  await using second = await onnx.export(archive, [], null, {});
  await using given = await onnx.export(archive, [x], null, { verify: true, ep: "wasm" });
  await using bytes = await onnx.export(await Deno.readFile(archive));
  const program = await onnx.load(archive);
  await using loaded = await onnx.export(program);
  for (const one of [second, given, bytes, loaded]) assertEquals(await one.toBytes(), await first.toBytes());
  assertEquals([first.written, given.verification!.runs[0].inputs], [null, "given"]);
  await assertRejects(() => onnx.export(archive, [x, x]), TypeError, "takes 1 positional arguments, met 2");
  await assertRejects(
    () => onnx.export(archive, x as unknown as []),
    TypeError,
    "must be an array, met an object: give [x]",
  );
  program.archive?.close?.();
});

Deno.test("externalData: always, never, in place, and by size where nothing is said", async () => {
  const rows = [[undefined, 1], [null, 1], ["auto", 1], [false, 1], ["never", 1], [true, 2], ["always", 2]] as const;
  for (const [externalData, count] of rows) {
    await exported("transformer.pt2", externalData === undefined ? {} : { externalData }, ({ files }) => {
      assertEquals(files.length, count, String(externalData));
    });
  }
});

/** The options of `save`: defaults, and other values with the number of inputs and initializers that they leave of 3 and 10. */
const SAVE: readonly (readonly [onnx.SaveOptions, inputs: number, initializers: number])[] = [
  [{}, 3, 10],
  [{ includeInitializers: true, keepInitializersAsInputs: false, externalData: null }, 3, 10],
  [{ includeInitializers: true, keepInitializersAsInputs: true }, 13, 10],
  [{ includeInitializers: false, keepInitializersAsInputs: false }, 3, 0],
  [{ includeInitializers: false, keepInitializersAsInputs: true }, 13, 0],
];

Deno.test("ONNXProgram: every member, and every option of save", async () => {
  await inFolder(async (folder) => {
    await using program = await onnx.export(fixture("mlp.pt2"));
    assert(program.model instanceof onnx.Model && program.exportedProgram.graph.size > 0);
    assertEquals((await program.modelProto()).graph!.node.length, program.model.graph.size);
    for (const [options, inputCount, initializerCount] of SAVE) {
      const path = join(folder, "x.onnx");
      await program.save(path, options);
      const { graph } = await parseModelProto(await Deno.readFile(path));
      assertEquals([graph!.input.length, graph!.initializer.length], [inputCount, initializerCount]);
    }
    for (const externalData of [true, "always", "in-place"] as const) {
      await assertRejects(() => program.save(new WritableStream(), { externalData }), TypeError, "needs a path");
    }
    for (const externalData of [undefined, null, false, "auto", "never"] as const) {
      await program.save(new WritableStream(), { externalData });
    }
    const row = onnx.Tensor.of("float32", [1, 8], new Float32Array(8));
    const args = [row, { tensor_x: row }, [row]];
    const y = await program.call(args, {}) as onnx.Tensor;
    assertEquals([...y.shape], [1, 2]);
    const { linear_4 } = await program.computeValues(["linear_4"], args, null);
    assertEquals(linear_4.toArray(), y.toArray());
    assertEquals([...(await program.computeValues(["linear_4"])).linear_4.shape], [3, 2]);
    await program.initializeInferenceSession();
    assertEquals(typeof await program.optimize(), "boolean");
    const { missing } = await program.applyWeights({ "fc3.bias": onnx.Tensor.of("float32", [2], [9, 9]) });
    assertEquals(missing.length, 9);
    assert((await program.call(args) as onnx.Tensor).toArray().every((v, i) => v !== y.toArray()[i]));
    await program.release();
  });
});

Deno.test("dynamoExport: ExportOptions.dynamicShapes null, true and false", async () => {
  const given = (archive: string, dynamicShapes: boolean | null): Promise<onnx.ONNXProgram> =>
    onnx.dynamoExport(fixture(archive), { exportOptions: { dynamicShapes } });
  for (const [archive, value] of [["mlp.pt2", null], ["sum_static.pt2", false]] as const) {
    await (await given(archive, value)).release();
  }
  await assertRejects(() => given("mlp.pt2", true), onnx.OptionError, "Axis 1 of tensor_x is frozen at 8");
  await assertRejects(() => given("mlp.pt2", false), onnx.OptionError, "Axis 0 of tensor_x is dynamic");
});

Deno.test("the other names: scopes, errors, verification", async () => {
  assertEquals(onnx.isInOnnxExport(), false);
  {
    using _ = onnx.enableFakeMode();
    await assertRejects(() => onnx.export(fixture("mlp.pt2")), onnx.OptionError, "optimize: false (--no-optimize)");
    await (await onnx.export(fixture("mlp.pt2"), [], null, { optimize: false })).release();
  }
  for (
    const error of [onnx.ArchiveError, onnx.OptionError, onnx.ExportError, onnx.VerificationError, onnx.CheckError]
  ) {
    assert(error.prototype instanceof onnx.OnnxExporterError, error.name);
  }
  for (const name of ["ConversionError", "SymbolicValueError", "TorchExportError", "CheckerError"] as const) {
    assert(onnx[name].prototype instanceof onnx.OnnxExporterError, name);
  }
  await using program = await onnx.export(fixture("mlp.pt2"));
  const report = await onnx.verify(await program.toBytes(), { program: fixture("mlp.pt2"), ep: "wasm" });
  assertEquals([report.passed, report.reference], [true, "eager"]);
});
