/**
 * Assertions for tests of models, made for `deno test`: that an exported program computes the same as the program it was
 * made of, that a program can be exported so, and that two models are the same.
 *
 * @example
 * ```ts
 * import * as onnx from "@fx2onnx/fx2onnx";
 * import { assertExportMatches, assertONNXProgram } from "@fx2onnx/fx2onnx/testing";
 *
 * Deno.test("the classifier keeps its digits", async () => {
 *   await using program = await onnx.export("tests/fixtures/convnet.pt2");
 *   await assertONNXProgram(program, { rtol: 1e-4, extremes: true });
 * });
 *
 * Deno.test("the encoder exports", async () => {
 *   await assertExportMatches("tests/fixtures/transformer.pt2", { opsetVersion: 20 });
 * });
 * ```
 *
 * @module
 */
import type { ExportedProgram } from "./src/fx/mod.ts";
import type { SourceInput } from "./src/io/open.ts";
import { VerificationError } from "./src/ir/mod.ts";
import type { ONNXProgram } from "./src/export/onnx_program.ts";
import type { ExportOptions } from "./src/export/options.ts";
import type { Model } from "./src/onnx/model.ts";
import type { ReferenceValue, VerificationReport, VerifyFileOptions, VerifyOptions } from "./src/verify/mod.ts";

export type { VerificationReport, VerifyFileOptions, VerifyOptions };

/** Options of {@linkcode assertONNXProgram}. */
export interface AssertProgramOptions extends VerifyOptions {
  /** Arguments to run with, in the program's own tree; default the archive's samples, else generated ones. */
  readonly args?: readonly unknown[];
  /** Keyword arguments. */
  readonly kwargs?: Readonly<Record<string, unknown>>;
}

/**
 * Asserts that an exported program computes what the program it was made of does, as `assert_onnx_program` of PyTorch does,
 * with its `rtol`, `atol`, `args` and `kwargs`. Shapes and dtypes must be the same; the message of a failure names the first
 * node that differs, with its source line.
 *
 * @returns the report of the verification
 * @throws {VerificationError} with every difference, or when options don't fit
 * @throws {TypeError} when `args` or `kwargs` are not what the program takes
 *
 * @example
 * ```ts
 * import * as onnx from "@fx2onnx/fx2onnx";
 * import { assertONNXProgram } from "@fx2onnx/fx2onnx/testing";
 *
 * const program = await onnx.export("tests/fixtures/mlp.pt2");
 * const { runs } = await assertONNXProgram(program, { ep: "wasm", atol: 1e-5 });
 * console.log(runs.map((run) => run.inputs));
 * await program.release();
 * ```
 */
export async function assertONNXProgram(
  program: ONNXProgram,
  options: AssertProgramOptions = {},
): Promise<VerificationReport> {
  const { args, kwargs, ...rest } = options;
  const { verifyProgram } = await import("./src/verify/mod.ts");
  const given: { inputs?: readonly ReferenceValue[] } = {};
  if (args !== undefined || kwargs !== undefined) {
    if (options.inputs !== undefined) throw new VerificationError("Options inputs and args exclude each other");
    const { leavesOf } = await import("./src/export/call.ts");
    given.inputs = leavesOf(program, args ?? [], kwargs ?? {});
  }
  const report = await verifyProgram(program, { intermediates: true, ...rest, ...given });
  return await assertPassed(report, "The exported program does not match the program it was made of");
}

/** Options of {@linkcode assertExportMatches}: those of `export`, and those of its verification. */
export interface AssertExportOptions extends Omit<ExportOptions, "verify" | keyof VerifyOptions>, VerifyOptions {}

/**
 * Asserts that a program can be exported and that the model computes what the program does, on the program's samples (or
 * given inputs) and at other sizes. Nothing is written. The values inside the model are compared too, so that the message
 * names the first node that differs.
 *
 * @param model a program, or the path, URL, Blob or bytes of an archive
 * @returns the report of the verification
 * @throws {VerificationError} with every difference
 * @throws {ExportError} when the program can't be exported
 *
 * @example
 * ```ts
 * import { assertExportMatches } from "@fx2onnx/fx2onnx/testing";
 *
 * const archive = new URL("./tests/fixtures/mlp.pt2", import.meta.url);
 * await assertExportMatches(archive, { ep: "wasm", opsetVersion: 20 });
 * ```
 */
export async function assertExportMatches(
  model: SourceInput | ExportedProgram,
  options: AssertExportOptions = {},
): Promise<VerificationReport> {
  const { exportOptions, verifyOptions } = split(options);
  const [{ exportProgram }, { verifyProgram }] = await Promise.all([
    import("./src/export/export.ts"),
    import("./src/verify/mod.ts"),
  ]);
  const program = await exportProgram(model, [], null, exportOptions);
  try {
    const report = await verifyProgram(program, { intermediates: true, ...verifyOptions });
    return await assertPassed(report, "The exported model does not match its program");
  } finally {
    if (typeof model !== "object" || !("graph" in model)) program.release();
  }
}

/** The options of verification; the others are of export. */
const VERIFY_OPTIONS: { readonly [K in keyof Required<VerifyOptions>]: true } = {
  ep: true,
  inputs: true,
  expected: true,
  reference: true,
  extremes: true,
  intermediates: true,
  intermediateBytes: true,
  placement: true,
  rtol: true,
  atol: true,
};

function split(options: AssertExportOptions): { exportOptions: ExportOptions; verifyOptions: VerifyOptions } {
  const parts: [[string, unknown][], [string, unknown][]] = [[], []];
  for (const entry of Object.entries(options)) parts[Object.hasOwn(VERIFY_OPTIONS, entry[0]) ? 1 : 0].push(entry);
  const [exportOptions, verifyOptions] = parts.map((part) => Object.fromEntries(part));
  return { exportOptions, verifyOptions };
}

/**
 * Asserts that a written model computes what its program does.
 *
 * @throws {VerificationError} with every difference
 * @throws {ArchiveError} when the model or the archive can't be read
 *
 * @example
 * ```ts ignore
 * await assertModelMatches("model.onnx", { program: "model.pt2", expected: "outputs.safetensors" });
 * ```
 */
export async function assertModelMatches(
  model: SourceInput | Model,
  options: VerifyFileOptions,
): Promise<VerificationReport> {
  const { verify } = await import("./src/verify/mod.ts");
  return await assertPassed(await verify(model, options), "The model does not match its program");
}

/**
 * Asserts that two models are the same: nodes, names, types, attributes, metadata and weights. Where weights lie does not
 * count.
 *
 * @param actual path, URL, Blob or bytes of an ONNX file, or a model in memory
 * @throws {VerificationError} naming the first line of the models' text, or the first weight, that differs
 */
export async function assertModelsEqual(actual: SourceInput | Model, expected: SourceInput | Model): Promise<void> {
  const { firstDifference } = await import("./src/verify/difference.ts");
  const difference = await firstDifference(actual, expected);
  if (difference !== null) throw new VerificationError(`The models differ: ${difference}`);
}

async function assertPassed(report: VerificationReport, what: string): Promise<VerificationReport> {
  if (report.passed) return report;
  const { formatReport } = await import("./src/verify/format.ts");
  throw new VerificationError(`${what}\n${formatReport(report).map((line) => `  ${line}`).join("\n")}`);
}
