/**
 * Assertions for tests of models, made for `deno test`: that a program exports to a model that computes the same, and that
 * two models are the same.
 *
 * @example
 * ```ts
 * import { assertExportMatches } from "@fx2onnx/fx2onnx/testing";
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
import type { ExportOptions } from "./src/export/options.ts";
import type { Model } from "./src/onnx/model.ts";
import type { VerificationReport, VerifyFileOptions, VerifyOptions } from "./src/verify/mod.ts";

export type { VerificationReport, VerifyFileOptions, VerifyOptions };

/** Options of {@linkcode assertExportMatches}: those of `export`, and those of its verification. */
export interface AssertExportOptions extends Omit<ExportOptions, "verify" | "ep">, VerifyOptions {}

/**
 * Asserts that a program can be exported and that the model computes what the program does, on the program's samples (or
 * given inputs) and at other sizes. Nothing is written. The values inside the model are compared too, so that the message
 * names the first node that differs.
 *
 * @param model a program, or the path, URL, Blob or bytes of an archive
 * @returns the report of the verification
 * @throws {VerificationError} with every difference
 * @throws {ExportError} when the program can't be exported
 */
export async function assertExportMatches(
  model: SourceInput | ExportedProgram,
  options: AssertExportOptions = {},
): Promise<VerificationReport> {
  const { ep, inputs, expected, intermediates = true, rtol, atol, ...exportOptions } = options;
  const [{ exportProgram }, { verifyProgram }] = await Promise.all([
    import("./src/export/export.ts"),
    import("./src/verify/mod.ts"),
  ]);
  const program = await exportProgram(model, [], null, exportOptions);
  try {
    const report = await verifyProgram(program, {
      intermediates,
      ...(ep === undefined ? {} : { ep }),
      ...(inputs === undefined ? {} : { inputs }),
      ...(expected === undefined ? {} : { expected }),
      ...(rtol === undefined ? {} : { rtol }),
      ...(atol === undefined ? {} : { atol }),
    });
    return await assertPassed(report, "The exported model does not match its program");
  } finally {
    if (typeof model !== "object" || !("graph" in model)) program.release();
  }
}

/**
 * Asserts that a written model computes what its program does.
 *
 * @throws {VerificationError} with every difference
 * @throws {ArchiveError} when the model or the archive can't be read
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
