/** `saveProgram` for the library: loads the archive writer only when it is called. */
import type { ExportedProgram } from "../fx/mod.ts";

/**
 * Writes a program as `torch.export.save` of torch 2.15 does; `torch.export.load` reads it, as {@linkcode load} does. Weights
 * stream from wherever they lie. Sample inputs are left out where their tree has classes other than tuples, lists and dicts.
 * A file appears complete or not at all.
 *
 * @param destination a path, a `file:` URL, or a stream, which is closed at the end
 * @throws {LoweringError} when the program holds objects that are no tensors
 * @throws {OptionError} when the archive would replace the one that the program is read from
 *
 * @example
 * ```ts
 * import { load, saveProgram } from "@fx2onnx/fx2onnx";
 *
 * const program = await load("tests/fixtures/mlp.pt2");
 * await saveProgram(program, "mlp.pt2");
 * program.archive?.close?.();
 * ```
 */
export async function saveProgram(
  program: ExportedProgram,
  destination: string | URL | WritableStream<Uint8Array>,
): Promise<void> {
  const { saveProgram: save } = await import("../pt2/save.ts");
  await save(program, destination);
}
