/**
 * Writes a model anew with other weights: the bytes of everything else stay, whoever wrote them. Weights that lay in the
 * model's file go into the new one, those of external data into a data file beside it; all are streamed.
 */
import type { Sink } from "../io/sink.ts";
import { planWeights } from "./external_data.ts";
import type { OnnxValue } from "./model.ts";
import type { ModelFile } from "./model_file.ts";
import { type NewContents, rewriteModel, writeParts } from "./rewrite.ts";
import { Scratch } from "./tensor_bytes.ts";
import type { Tensor } from "../tensor/mod.ts";
import { dataNameOf, type ModelFiles, type OutputFile, writeFiles, type WriteReport } from "./write_model.ts";

/** How a model with other weights is written. */
export interface ReplaceOptions<F extends OutputFile = OutputFile> {
  readonly files: ModelFiles<F>;
  /** Told how many of how many bytes are written. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Writes a model with other tensors for some of its initializers; dtype and shape must be theirs. The new data file holds
 * all that is external, so that the written model needs no file of the old one.
 *
 * @throws {RangeError} when a weight can't be read
 */
export async function writeReplaced<F extends OutputFile>(
  { model, source }: ModelFile,
  replaced: ReadonlyMap<OnnxValue, Tensor>,
  path: string | URL,
  { files, onProgress }: ReplaceOptions<F>,
): Promise<WriteReport> {
  const { graph } = model;
  const outside = new Set<OnnxValue>();
  for (const value of graph.initializers) {
    const { range } = value.initializer!.storage;
    if (range && range.source !== source) outside.add(value);
  }
  for (const [value, tensor] of replaced) value.initializer = tensor;
  const plan = planWeights(graph, "always", { dataName: dataNameOf(path), initializers: outside });
  const byName = new Map([...graph.initializers].map((value) => [value.name, value]));
  const contentsOf = (value: OnnxValue): NewContents | null => {
    const external = plan.external.get(value);
    if (external) return { external };
    return outside.has(value) || replaced.has(value) ? { tensor: value.initializer! } : null;
  };
  const encoded = await rewriteModel(
    source,
    ({ name, isInitializer }) => isInitializer && byName.has(name) ? contentsOf(byName.get(name)!) : null,
  );
  const written = {
    byteLength: encoded.byteLength,
    writeTo: (sink: Sink, onBytes?: (count: number) => void) =>
      writeParts(encoded.parts(), sink, new Scratch(), onBytes),
  };
  return await writeFiles(written, plan, path, files, onProgress);
}
