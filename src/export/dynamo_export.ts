/** `torch.onnx.dynamo_export` and its options: deprecated, kept for those who know them. */
import type { ExportedProgram } from "../fx/mod.ts";
import type { SourceInput } from "../io/open.ts";
import { OptionError } from "../ir/mod.ts";
import { isSym } from "../sym/mod.ts";
import { Dim } from "../trace/dim.ts";
import { exportProgram, isModel, type ModelInput } from "./export.ts";
import type { ONNXProgram } from "./onnx_program.ts";

/**
 * `torch.onnx.ExportOptions`.
 *
 * @deprecated Use the options of `export`.
 */
export interface DynamoExportOptions {
  /**
   * Null lets the exporter choose: the dims that the program has dynamic are, and of a model written in TypeScript those that
   * it lets vary. True makes every dim of the inputs dynamic, which a program must have been captured for; false makes none.
   */
  readonly dynamicShapes?: boolean | null;
  /** Told of what the user should know. */
  readonly onWarning?: (message: string) => void;
}

/** What may follow the arguments of {@linkcode dynamoExport}. */
export interface DynamoExportCall {
  /** How to export; null and absent: the defaults. */
  readonly exportOptions?: DynamoExportOptions | null;
  /** Keyword arguments of the program. */
  readonly kwargs?: Readonly<Record<string, unknown>>;
}

/**
 * Exports a program.
 *
 * Source: https://docs.pytorch.org/docs/2.8/onnx_dynamo.html
 *
 * @deprecated Since PyTorch 2.7: use `export(…, { dynamo: true })`.
 * @param rest positional arguments for verification, as `export` takes them, and at the end a {@linkcode DynamoExportCall}
 * @throws {OptionError} when a dim is frozen that is to be dynamic, or the other way round
 *
 * @example
 * ```ts
 * import { dynamoExport } from "@fx2onnx/fx2onnx";
 *
 * const program = await dynamoExport("tests/fixtures/mlp.pt2", { exportOptions: { dynamicShapes: null } });
 * await program.save("mlp.onnx");
 * await program.release();
 * ```
 */
export async function dynamoExport(
  model: SourceInput | ExportedProgram | ModelInput,
  ...rest: readonly unknown[]
): Promise<ONNXProgram> {
  const last = rest.at(-1);
  const call = isCall(last) ? last : {};
  const args = isCall(last) ? rest.slice(0, -1) : rest;
  const { dynamicShapes = null, onWarning } = call.exportOptions ?? {};
  onWarning?.("dynamoExport is deprecated: use export with dynamo: true");
  const options = { ...onWarning ? { onWarning } : {}, ...call.kwargs ? { kwargs: call.kwargs } : {} };
  if (isModel(model)) {
    const dim = dynamicShapes === null ? Dim.AUTO : dynamicShapes ? Dim.DYNAMIC : Dim.STATIC;
    return await exportProgram(model, args, null, { ...options, dynamicShapes: dim });
  }
  const program = await exportProgram(model, args, null, options);
  try {
    if (dynamicShapes !== null) await checkDims(program.exportedProgram, dynamicShapes);
    return program;
  } catch (error) {
    if (program.exportedProgram !== model) await program.release();
    throw error;
  }
}

/** Whether an argument is the object at the end: a dict of tensors has other keys. */
function isCall(value: unknown): value is DynamoExportCall {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const keys = Object.keys(value);
  return Object.getPrototypeOf(value) === Object.prototype &&
    keys.every((key) => key === "exportOptions" || key === "kwargs");
}

/** All dims of the inputs must be dynamic, or none. */
async function checkDims(program: ExportedProgram, dynamic: boolean): Promise<void> {
  const [{ FROZEN_HINT, frozenBecause }, { inputLeaves }] = await Promise.all([
    import("./dynamic_shapes.ts"),
    import("../fx/input_leaves.ts"),
  ]);
  const problems: string[] = [];
  for (const leaf of inputLeaves(program)) {
    const { meta } = leaf.spec.value;
    if (meta.kind !== "tensor") continue;
    for (const [axis, size] of meta.shape.entries()) {
      if (!isSym(size) && dynamic) problems.push(frozenBecause(program, leaf, axis, size));
      else if (isSym(size) && !dynamic) {
        problems.push(`Axis ${axis} of ${leaf.where} is dynamic in the program: ${size}`);
      }
    }
  }
  if (problems.length === 0) return;
  throw new OptionError(
    `Option dynamicShapes: ${dynamic} does not fit the program:\n${problems.map((line) => `  ${line}`).join("\n")}`,
    { hint: dynamic ? FROZEN_HINT : "Capture the program without dynamic_shapes, or leave dynamicShapes null" },
  );
}
