/**
 * Writes a model anew with other weights: the bytes of everything else stay, whoever wrote them. Weights that lay in the
 * model's file go into the new one, those of external data into a data file beside it; all are streamed.
 */
import { planWeights } from "./external_data.ts";
import type { OnnxValue } from "./model.ts";
import type { ModelFile } from "./model_file.ts";
import { type NewContents, rewriteModel, writeParts } from "./rewrite.ts";
import { Scratch } from "./tensor_bytes.ts";
import type { Tensor } from "../tensor/mod.ts";
import { type ModelFiles, nameOf, type OutputFile, sibling, writeData, type WriteReport } from "./write_model.ts";

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
  const dataName = `${nameOf(path)}.data`;
  const plan = planWeights(graph, "always", { dataName, initializers: outside });
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
  const total = encoded.byteLength + plan.dataBytes;
  let done = 0;
  const onBytes = (count: number): void => onProgress?.(done += count, total);
  const open: F[] = [];
  try {
    const file = await files.create(path);
    open.push(file);
    await writeParts(encoded.parts(), file, new Scratch(), onBytes);
    const paths = [path];
    if (plan.copies.length > 0) {
      const dataPath = sibling(path, dataName);
      const data = await files.create(dataPath);
      open.unshift(data);
      paths.push(dataPath);
      await writeData(data, plan, onBytes);
    }
    await files.commit(open);
    const { dataBytes, copies } = plan;
    return { files: paths, bytes: encoded.byteLength, dataBytes, copied: copies.length, inPlace: 0 };
  } catch (error) {
    for (const file of open) await file.abort();
    throw error;
  }
}
