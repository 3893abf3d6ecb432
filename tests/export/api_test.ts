/** Every option of `export` by its documented name and default: giving a default changes nothing and refuses nothing. */
import { assertEquals } from "@std/assert";
import * as onnx from "../../mod.ts";
import { settingsOf } from "../../src/export/options.ts";
import { fixture } from "../fixtures.ts";

/** The documented defaults; deprecated options warn when they are given. */
const DEFAULTS: onnx.ExportOptions = {
  kwargs: null,
  exportParams: true,
  verbose: null,
  inputNames: null,
  outputNames: null,
  opsetVersion: 21,
  dynamicAxes: null,
  dynamicShapes: null,
  keepInitializersAsInputs: false,
  dynamo: true,
  customTranslationTable: null,
  report: false,
  optimize: true,
  verify: false,
  profile: false,
  dumpExportedProgram: false,
  artifactsDir: ".",
  fallback: false,
};
const DEPRECATED: onnx.ExportOptions = {
  training: "EVAL",
  operatorExportType: "ONNX",
  doConstantFolding: true,
  customOpsets: null,
  exportModulesAsFunctions: false,
  autogradInlining: true,
};

Deno.test("each option's default is the documented one", async () => {
  const bytes = async (options: onnx.ExportOptions): Promise<Uint8Array> => {
    const program = await onnx.export(fixture("mlp.pt2"), [], null, options);
    const result = await program.toBytes();
    await program.release();
    return result;
  };
  const plain = await bytes({});
  for (const [name, value] of Object.entries({ ...DEFAULTS, ...DEPRECATED })) {
    const warnings: string[] = [];
    assertEquals(await bytes({ [name]: value, onWarning: (text) => warnings.push(text) }), plain, name);
    assertEquals(warnings.length, name in DEPRECATED ? 1 : 0, name);
  }
  const given = settingsOf({});
  assertEquals([given.opset, given.exportParams, given.optimize, given.keepInitializersAsInputs], [
    21,
    true,
    true,
    false,
  ]);
  assertEquals([given.verify, given.fallback, given.dumpExportedProgram, given.dynamo], [false, false, false, true]);
  assertEquals([settingsOf({ externalData: true }).externalData, settingsOf({ externalData: false }).externalData], [
    "always",
    "never",
  ]);
});

Deno.test("every documented name is exported", () => {
  const names = ["export", "ONNXProgram", "isInOnnxExport", "OnnxExporterError", "enableFakeMode", "dynamoExport"];
  assertEquals(names.filter((name) => !(name in onnx)), []);
  const methods = [
    "call",
    "applyWeights",
    "computeValues",
    "initializeInferenceSession",
    "optimize",
    "release",
    "save",
  ];
  assertEquals(methods.filter((name) => !(name in onnx.ONNXProgram.prototype)), []);
});
