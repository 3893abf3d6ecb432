/** Every option: what it does, and how it refuses what does not fit. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { exportProgram } from "../../src/export/export.ts";
import type { ExportOptions } from "../../src/export/options.ts";
import { Fx2OnnxError } from "../../src/ir/mod.ts";
import { fixture } from "../fixtures.ts";

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
  ["an input name twice", { inputNames: ["a", "a"] }, Fx2OnnxError, "has a twice"],
  ["an opset below 7", { opsetVersion: 6 }, RangeError, "at least 7"],
  ["an opset that is not lowered", { opsetVersion: 17 }, RangeError, "18 to 23"],
  ["an opset that is not lowered yet", { opsetVersion: 24 }, RangeError, "18 to 23"],
  ["an unknown symbol", { dims: { s99: "batch" } }, Fx2OnnxError, "no symbolic dim s99"],
  ["a dim name that is no name", { dims: { s18: "a b" } }, Fx2OnnxError, "the name"],
  ["dynamicAxes", { dynamicAxes: { x: [0] } }, Fx2OnnxError, "dynamicAxes is not available"],
  ["dynamicShapes", { dynamicShapes: [{ 0: "b" }] }, Fx2OnnxError, "dynamicShapes is not available"],
  ["report", { report: true }, Fx2OnnxError, "report is not available"],
  ["fallback", { fallback: true }, Fx2OnnxError, "fallback is not available"],
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

Deno.test("keepInitializersAsInputs makes each weight an input after the user's", async () => {
  const { model } = await mlp({ keepInitializersAsInputs: true });
  assertEquals(model.graph.inputs.length, 13);
  assertEquals(model.graph.inputs.slice(0, 3).map((v) => v.initializer), [null, null, null]);
});

Deno.test("deprecated options warn", async () => {
  const warnings: string[] = [];
  await mlp({ doConstantFolding: false, onWarning: (w) => warnings.push(w) });
  assertEquals(warnings.length, 1);
  assert(warnings[0].includes("doConstantFolding is deprecated"));
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
