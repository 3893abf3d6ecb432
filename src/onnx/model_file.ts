/**
 * Opens a model where it lies. Its graph is read; weights stay in its file and in those of its external data until they
 * are needed, so that a model of any size opens in the memory that its graph takes.
 */
import { openSource, siblingOf, type SourceInput } from "../io/open.ts";
import { MemorySink } from "../io/sink.ts";
import type { Source } from "../io/source.ts";
import { ArchiveError } from "../ir/mod.ts";
import { readModel } from "./deserialize.ts";
import type { Model } from "./model.ts";
import { rewriteModel, writeParts } from "./rewrite.ts";
import { Scratch } from "./tensor_bytes.ts";

/** Contents of tensors from this size on stay in the model's file, in bytes. */
const LAZY_SIZE = 1 << 16;

/** A model that was opened, and what to close afterwards. */
export interface ModelFile {
  readonly model: Model;
  /** The model's file. */
  readonly source: Source;
  /** Whether all weights are in it: there is no external data. */
  readonly isWhole: boolean;
  /** Locations of external data that is not there. */
  readonly missing: readonly string[];
  close(): void;
}

/**
 * Opens a model, external data in its folder included.
 *
 * @param options.allowMissing opens a model whose external data is not there, too; reading such a weight fails
 * @throws {ArchiveError} when it is not a model that can be read
 *
 * @example
 * ```ts
 * import * as onnx from "@fx2onnx/fx2onnx";
 *
 * await using program = await onnx.export("tests/fixtures/mlp.pt2", [], "mlp.onnx");
 * const { model, close } = await openModelFile("mlp.onnx");
 * console.log(model.graph.size);
 * close();
 * ```
 */
export async function openModelFile(
  input: SourceInput,
  options: { readonly allowMissing?: boolean } = {},
): Promise<ModelFile> {
  const source = await openSource(input);
  const opened: Source[] = source === input ? [] : [source];
  const close = (): void => opened.forEach((s) => s.close?.());
  const missing: string[] = [];
  let isWhole = true;
  // What stays in the model's file is told to the reader as external data, of a name that no file has.
  const own = crypto.randomUUID();
  const externalData = async (location: string): Promise<Source> => {
    if (location === own) return source;
    isWhole = false;
    const beside = siblingOf(input, location);
    if (beside === null) {
      throw new ArchiveError(`Cannot read external data ${location}: the model was not given as a path or URL`, {
        file: source.name,
      });
    }
    try {
      const file = await openSource(beside);
      opened.push(file);
      return file;
    } catch (error) {
      if (!options.allowMissing) throw error;
      missing.push(location);
      return absent(location, error);
    }
  };
  try {
    const model = await readModel(await skeletonOf(source, own), { externalData, name: source.name });
    return { model, source, isWhole, missing, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** The model without the contents of its large tensors. */
async function skeletonOf(source: Source, own: string): Promise<Uint8Array> {
  let parts;
  try {
    parts = (await rewriteModel(source, ({ rawData }) =>
      rawData === null || rawData.length < LAZY_SIZE
        ? null
        : { external: { location: own, offset: rawData.offset, length: rawData.length } })).parts();
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new ArchiveError(`This is not an ONNX model: ${error.message}`, { file: source.name });
  }
  const sink = new MemorySink();
  await writeParts(parts, sink, new Scratch());
  return sink.bytes();
}

/** Stands for a file that is not there. */
function absent(location: string, reason: unknown): Source {
  return {
    name: location,
    size: Number.MAX_SAFE_INTEGER,
    read: () => Promise.reject(reason),
  };
}
