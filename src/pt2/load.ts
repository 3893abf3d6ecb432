/** Loads programs from wherever they lie. */
import type { ExportedProgram } from "../fx/mod.ts";
import { openSource, type SourceInput } from "../io/open.ts";
import { Storage, Tensor } from "../tensor/mod.ts";
import { isInScope } from "../trace/context.ts";

/** What `load` needs to know beyond the input. */
export interface LoadOptions {
  /** Name of the model in an archive that holds several. */
  readonly model?: string;
  /** A name for messages, where the input has none. */
  readonly name?: string;
}

/**
 * Reads a program that `torch.export.save` wrote. Only the graph is read; weights stay where they are until needed, so
 * the archive stays open: call `program.archive?.close?.()` when done.
 *
 * @param input a path, a URL, a Blob or the bytes of the archive
 * @throws {ArchiveError} when the archive is damaged, of an unsupported version, or no archive
 *
 * @example
 * ```ts
 * import { load } from "@fx2onnx/fx2onnx";
 *
 * const program = await load("tests/fixtures/mlp.pt2");
 * console.log(program.graph.size);
 * ```
 */
export async function load(input: SourceInput, options: LoadOptions = {}): Promise<ExportedProgram> {
  const [{ readPt2 }, source] = await Promise.all([import("./mod.ts"), openSource(input, options.name)]);
  try {
    const program = await readPt2(source, { name: options.name, model: options.model });
    return { ...isInScope("fake") ? withoutWeights(program) : program, archive: source };
  } catch (error) {
    source.close?.();
    throw error;
  }
}

/** The program in fake mode: its weights have no values, but are tied as they were. */
function withoutWeights(program: ExportedProgram): ExportedProgram {
  const storages = new Map<Storage, Storage>();
  const stateDict = [...program.stateDict].map(([name, tensor]): [string, Tensor] => {
    const { dtype, shape, strides, offset, storage } = tensor;
    const fake = storages.get(storage) ?? Storage.missing(storage.byteLength);
    storages.set(storage, fake);
    return [name, new Tensor(dtype, shape, fake, strides, offset)];
  });
  return { ...program, stateDict: new Map(stateDict) };
}
