/**
 * Verification: a model runs in onnxruntime-web on the inputs that its program was captured with, and at other sizes; every
 * output is compared with what the program itself gives.
 */
import type { CustomTranslationTable } from "../aten/custom.ts";
import { type Op, OpTable, type OpTable as Operators } from "../aten/mod.ts";
import type { ExportedProgram, FxValue } from "../fx/mod.ts";
import type { SourceInput } from "../io/open.ts";
import type { Model, OnnxValue } from "../onnx/model.ts";
import { load } from "../pt2/load.ts";
import type { Sym } from "../sym/mod.ts";
import { connect, openModel } from "./model_file.ts";
import type { VerificationReport } from "./report.ts";
import type { BoundInput, BoundOutput } from "./subject.ts";
import type { VerifyOptions } from "./options.ts";
import { runVerification } from "./verification.ts";

export { compareTensors } from "./compare.ts";
export { formatReport } from "./format.ts";
export { type ReferenceValue, type RunOptions, runProgram } from "./reference.ts";
export type { CpuNode, Placement } from "./placement.ts";
export {
  type DifferingElement,
  type Divergence,
  HISTOGRAM_EDGES,
  type OutputComparison,
  type RunComparison,
  type SpecialValues,
  type VerificationReport,
} from "./report.ts";
export { hasWebGpu } from "./session.ts";
export type { BoundInput, BoundOutput } from "./subject.ts";
export type { VerifyOptions } from "./options.ts";
export type { Tolerance, ToleranceValue } from "./tolerance.ts";

/** What an export yields, as far as verification needs it: an `ONNXProgram` is one. */
export interface VerifiableProgram {
  readonly model: Model;
  /** The program without mutations, which the model was made of. */
  readonly functionalProgram: ExportedProgram;
  /** What connects the model to the program. */
  readonly lowered: {
    readonly values: ReadonlyMap<FxValue, OnnxValue>;
    readonly inputs: readonly BoundInput[];
    readonly outputs: readonly BoundOutput[];
  };
  /** The user's own operators. */
  readonly customOps?: readonly Op[];
  /** The text of a symbol. */
  readonly dimName?: (dim: Sym) => string;
}

/** Options of `verify`. */
export interface VerifyFileOptions extends VerifyOptions {
  /** The program that the model was made of: the archive, or what was loaded from it. */
  readonly program: SourceInput | ExportedProgram;
  /** The user's own operators, as the model was exported with. */
  readonly customTranslationTable?: CustomTranslationTable | null;
  /** Name of the model in an archive that holds several. */
  readonly model?: string;
}

/**
 * Verifies the result of an export.
 *
 * A difference, a model that the runtime refuses and an operator without a reference are told in the report; errors are
 * thrown for options that do not fit.
 *
 * @throws {VerificationError} when WebGPU is asked for and missing, or given inputs or outputs do not fit
 */
export async function verifyProgram(
  program: VerifiableProgram,
  options: VerifyOptions = {},
): Promise<VerificationReport> {
  const { model, functionalProgram, lowered, customOps, dimName = String } = program;
  const table: Operators = await OpTable.for(functionalProgram.graph, customOps);
  return await runVerification({ model, program: functionalProgram, table, ...lowered, bytes: null, dimName }, options);
}

/**
 * Verifies a model against the program it was made of.
 *
 * Weights in external data are found from the model's path or URL. Inputs and outputs are matched by position; with
 * `intermediates`, values inside the model by their names.
 *
 * @param model path, URL, Blob or bytes of an ONNX file, or a model in memory
 * @throws {ArchiveError} when the model or the archive can't be read
 * @throws {VerificationError} when WebGPU is asked for and missing, or model, program, inputs and outputs do not fit
 *
 * @example
 * ```ts
 * import * as onnx from "@fx2onnx/fx2onnx";
 *
 * await using program = await onnx.export("tests/fixtures/mlp.pt2", [], "mlp.onnx");
 * const report = await onnx.verify("mlp.onnx", { program: "tests/fixtures/mlp.pt2" });
 * console.log(report.passed); // true
 * ```
 */
export async function verify(model: SourceInput | Model, options: VerifyFileOptions): Promise<VerificationReport> {
  const { program: input, model: name, customTranslationTable, ...rest } = options;
  const program = isProgram(input) ? input : await load(input, name === undefined ? {} : { model: name });
  try {
    const opened = await openModel(model);
    try {
      return await runVerification(await connect(opened, program, customTranslationTable ?? undefined), rest);
    } finally {
      opened.close();
    }
  } finally {
    if (!isProgram(input) && program.archive !== input) program.archive?.close?.();
  }
}

function isProgram(input: SourceInput | ExportedProgram): input is ExportedProgram {
  return typeof input === "object" && "graph" in input && "signature" in input;
}
