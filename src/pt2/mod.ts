/**
 * Reads the archives of `torch.export.save`, of torch 2.1 and newer, without Python. Opening one reads its zip directory,
 * its JSON and its indexes, never a weight: those stay ranges of the file.
 */
import type { Source } from "../io/source.ts";
import type { ExportedProgram } from "../fx/mod.ts";
import { modelNames, openArchive } from "./archive.ts";
import { listNames } from "./pickled.ts";
import { readProgram } from "./program.ts";

/** How to read an archive. */
export interface ReadPt2Options {
  /** What messages call the archive; by default the name of the source. */
  readonly name?: string;
  /** Which model to read; needed where the archive holds several. */
  readonly model?: string;
}

/**
 * Reads a program.
 *
 * @throws {ArchiveError} when the archive is damaged, of an unsupported version, no program at all, or holds several models
 * and none is chosen
 *
 * @example
 * ```ts
 * import { openFile } from "../io/file.ts";
 *
 * using file = await openFile("tests/fixtures/mlp.pt2");
 * const program = await readPt2(file);
 * for (const node of program.graph.nodes()) console.log(node.target);
 * ```
 */
export async function readPt2(source: Source, options: ReadPt2Options = {}): Promise<ExportedProgram> {
  const archive = await openArchive(source, options.name ?? source.name);
  const models = modelNames(archive);
  const model = options.model ?? models[0];
  if (options.model === undefined && models.length > 1) {
    archive.fail(`Cannot choose among ${models.length} models: ${listNames(models)}`, "Name one of them with --model");
  }
  if (!models.includes(model)) {
    archive.fail(`Cannot read model ${JSON.stringify(model)}: the archive holds ${listNames(models)}`);
  }
  return await readProgram(archive, model);
}

/**
 * Names of the models in an archive.
 *
 * @throws {ArchiveError} when it is none of `torch.export.save`
 */
export async function listModels(source: Source): Promise<string[]> {
  return modelNames(await openArchive(source, source.name));
}
