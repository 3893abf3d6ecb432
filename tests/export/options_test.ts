/** Every option: what it does, and how it refuses what does not fit. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { exportProgram } from "../../src/export/export.ts";
import type { ExportOptions, StepEvent } from "../../src/export/options.ts";
import { ExportError, Fx2OnnxError, OptionError, VerificationError } from "../../src/ir/mod.ts";
import { parseModelProto } from "../../src/onnx/deserialize.ts";
import { Tensor } from "../../src/tensor/mod.ts";
import { readTensors } from "../../src/verify/inputs.ts";
import { fixture } from "../fixtures.ts";
import { ProgramBuilder, tensor } from "../verify/programs.ts";

// deno-lint-ignore no-explicit-any -- the parameters of constructors differ
type ErrorClass = new (...args: any[]) => Error;

async function mlp(options: ExportOptions = {}): ReturnType<typeof exportProgram> {
  const program = await exportProgram(fixture("mlp.pt2"), [], null, options);
  program.release();
  return program;
}

const REFUSED: readonly (readonly [string, ExportOptions, ErrorClass, string])[] = [
  ["too many input names", { inputNames: ["a", "b", "c", "d"] }, Fx2OnnxError, "inputNames has 4 names"],
  ["too many output names", { outputNames: ["a", "b"] }, Fx2OnnxError, "outputNames has 2 names"],
  [
    "names that are no array",
    { inputNames: "ab" as unknown as string[] },
    OptionError,
    "must be an array of names, met ab",
  ],
  ["a name that is no text", { outputNames: [1] as unknown as string[] }, OptionError, "must have names, met 1"],
  [
    "PyTorch's spelling",
    { input_names: ["a"] } as ExportOptions,
    OptionError,
    "no option input_names; did you mean inputNames?",
  ],
  [
    "a misspelt option",
    { optimise: false } as ExportOptions,
    OptionError,
    "no option optimise; did you mean optimize?",
  ],
  ["an option that is none", { quantum: 1 } as ExportOptions, OptionError, "There is no option quantum"],
  ["an input name twice", { inputNames: ["a", "a"] }, Fx2OnnxError, "has a twice"],
  ["an opset below 7", { opsetVersion: 6 }, RangeError, "at least 7"],
  ["an opset that is not lowered", { opsetVersion: 17 }, RangeError, "18 to 23"],
  ["an opset that is not lowered yet", { opsetVersion: 24 }, RangeError, "18 to 23"],
  ["an unknown symbol", { dims: { s99: "batch" } }, Fx2OnnxError, "no symbolic dim s99"],
  ["a dim name that is no name", { dims: { s18: "a b" } }, Fx2OnnxError, "the name"],
  [
    "a mode that a program can't change to",
    { training: "TRAINING" },
    Fx2OnnxError,
    "training must be EVAL or PRESERVE",
  ],
  ["other operators than ONNX's", { operatorExportType: 1 }, Fx2OnnxError, "must be ONNX, met ONNX_ATEN"],
  ["an unknown verbosity", { verbose: "yes" as unknown as boolean }, Fx2OnnxError, "verbose must be one of"],
  ["an unknown state", { state: "keep" as "drop" }, Fx2OnnxError, "state must be one of"],
  ["an unknown placement", { externalData: "inline" as "never" }, Fx2OnnxError, "externalData must be one of"],
];

for (const [name, options, errorClass, message] of REFUSED) {
  Deno.test(`refused: ${name}`, async () => {
    await assertRejects(() => mlp(options), errorClass, message);
  });
}

Deno.test("fewer names than inputs name the first ones", async () => {
  const { model } = await mlp({ inputNames: ["first"] });
  assertEquals(model.graph.inputs.map((v) => v.name), ["first", "input_dict_tensor_x", "input_list_0"]);
});

Deno.test("an input name may be another input's old FX name", async () => {
  const { model } = await mlp({ inputNames: ["a", "tensor_x"] });
  assertEquals(model.graph.inputs.map((v) => v.name), ["a", "tensor_x", "input_list_0"]);
});

Deno.test("every opset is written as asked for", async () => {
  for (let opset = 18; opset <= 23; opset++) {
    const { model } = await mlp({ opsetVersion: opset });
    assertEquals(model.opset, opset);
    assertEquals(model.irVersion, opset < 23 ? 10 : 11);
  }
});

Deno.test("keepInitializersAsInputs makes each weight an input of the saved file, after the user's", async () => {
  for (const exportParams of [true, false]) {
    const folder = await Deno.makeTempDir();
    const path = join(folder, "x.onnx");
    const options = { keepInitializersAsInputs: true, exportParams };
    (await exportProgram(fixture("mlp.pt2"), [], path, options)).release();
    const { graph } = await parseModelProto(await Deno.readFile(path));
    assertEquals([graph!.input.length, graph!.initializer.length], [13, exportParams ? 10 : 0]);
    assertEquals(graph!.input.slice(0, 3).map((v) => v.name), ["tensor_x", "input_dict_tensor_x", "input_list_0"]);
    await Deno.remove(folder, { recursive: true });
  }
});

const DEPRECATED: readonly (readonly [ExportOptions, RegExp])[] = [
  [{ training: "EVAL" }, /training is deprecated: set the training mode of the model before capturing it/],
  [{ training: 1 }, /training is deprecated/],
  [{ operatorExportType: "ONNX" }, /operatorExportType is deprecated: only ONNX is written/],
  [{ doConstantFolding: true }, /doConstantFolding is deprecated: constants are always folded/],
  [{ doConstantFolding: false }, /doConstantFolding is deprecated: it can't be turned off/],
  [{ autogradInlining: true }, /autogradInlining is deprecated/],
  [{ customOpsets: { "com.shop": 2 } }, /customOpsets is deprecated/],
  [{ exportModulesAsFunctions: false }, /exportModulesAsFunctions is deprecated/],
];

Deno.test("deprecated options warn, once each", async () => {
  for (const [options, message] of DEPRECATED) {
    const warnings: string[] = [];
    await mlp({ ...options, onWarning: (w) => warnings.push(w) });
    assertEquals(warnings.length, 1);
    assertMatch(warnings[0], message);
  }
});

const x = (n: number): Tensor => Tensor.of("float32", [n, 8], new Float32Array(8 * n).fill(0.5));

Deno.test("args and kwargs are what verification runs", async () => {
  const args = [x(4), { tensor_x: x(4) }, [x(4)]];
  const program = await exportProgram(fixture("mlp.pt2"), args, null, { verify: true, ep: "wasm" });
  await program.release();
  assertEquals(program.verification?.passed, true);
  assertEquals(program.verification?.runs[0].inputs, "given");
  const recorded = await readTensors(fixture("multi.safetensors"));
  const kwargs = { mask: null, flag: true, name: "a" };
  const multi = await exportProgram(fixture("multi.pt2"), [recorded.get("input_0")!, 3n], null, {
    kwargs,
    verify: true,
    ep: "wasm",
  });
  await multi.release();
  assertEquals([multi.verification?.passed, multi.verification?.runs[0].inputs], [true, "given"]);
});

Deno.test("args and kwargs must fit the program's tree, verified or not", async () => {
  const wrong: [unknown[], ExportOptions, ErrorClass, string][] = [
    [[x(2)], {}, TypeError, "3 positional arguments, met 1"],
    [[x(2), { y: x(2) }, [x(2)]], {}, TypeError, "Argument input_dict must be an object with exactly tensor_x"],
    [[x(2), { tensor_x: x(3) }, [x(2)]], {}, VerificationError, "s18"],
    [[x(2), { tensor_x: x(2) }, [x(2)]], { kwargs: { z: 1 } }, TypeError, "no keyword argument z"],
    [[], { kwargs: { z: 1 } }, TypeError, "no keyword argument z"],
  ];
  for (const [args, options, errorClass, message] of wrong) {
    await assertRejects(() => exportProgram(fixture("mlp.pt2"), args, null, options), errorClass, message);
  }
});

Deno.test("verbose: null tells steps, true their detail, false nothing", async () => {
  const told = async (verbose: boolean | null): Promise<StepEvent[]> => {
    const events: StepEvent[] = [];
    await mlp({ verbose, onStep: (event) => events.push(event) });
    return events.filter((event) => event.status === "done");
  };
  assertEquals(await told(false), []);
  const plain = await told(null);
  const detailed = await told(true);
  assertEquals(plain.map((event) => event.name), detailed.map((event) => event.name));
  assertEquals(plain.filter((event) => event.detail !== undefined), []);
  assertMatch(detailed.find((e) => e.name === "Translate to ONNX")!.detail!, /^\d+ nodes, \d+ initializers$/);
});

Deno.test("a program takes the same path whatever dynamo and fallback say", async () => {
  const plain = await (await exportProgram(fixture("mlp.pt2"))).toBytes();
  for (const options of [{ dynamo: false }, { fallback: true }]) {
    assertEquals(await (await exportProgram(fixture("mlp.pt2"), [], null, options)).toBytes(), plain);
  }
  const failing = () => exportProgram(fixture("custom.pt2"), [], null, { fallback: true });
  await assertRejects(failing, ExportError, "there is no TorchScript exporter to fall back to");
});

Deno.test("modules and functions can't take the exporter that there isn't", async () => {
  await assertRejects(
    () => exportProgram(() => null, [], null, { dynamo: false }),
    OptionError,
    "dynamo: false needs the TorchScript exporter",
  );
});

Deno.test("an output may have the name that other values have in the program", async () => {
  for (const name of ["linear_4", "linear", "cat", "sigmoid_1"]) {
    const { model } = await mlp({ outputNames: [name] });
    assertEquals(model.graph.outputs.map((value) => value.name), [name]);
  }
});

Deno.test("the same input gives the same bytes", async () => {
  const bytes = async (): Promise<Uint8Array> => {
    const program = await exportProgram(fixture("mlp.pt2"));
    const result = await program.toBytes();
    program.release();
    return result;
  };
  assertEquals(await bytes(), await bytes());
});

Deno.test("a program that was captured in train mode is exported so, with a warning that names its calls", async () => {
  for (
    const [p, train, warned] of [[0.5, true, true], [0, true, false], [0.5, false, false]] as const
  ) {
    const b = new ProgramBuilder();
    const x = b.input(tensor("x", "float32", [64]));
    b.output(b.node("torch.ops.aten.dropout.default", [x, p, train], tensor("dropout", "float32", [64])));
    const warnings: string[] = [];
    const { model } = await exportProgram(b.build(), [], null, { onWarning: (text) => warnings.push(text) });
    assertEquals(warnings.length, warned ? 1 : 0, warnings.join("\n"));
    if (warned) {
      assertMatch(warnings[0], /captured in train mode.*aten\.dropout\.default \(dropout\).*module\.eval\(\)/);
    }
    assertEquals([...model.graph.nodes()].some(({ opType }) => opType === "Dropout"), warned);
  }
});
