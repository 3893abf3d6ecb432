/** `dumpExportedProgram`: the program that is exported, as an archive that PyTorch loads and as the text that it prints. */
import { customOps, type CustomTranslationTable } from "../aten/custom.ts";
import { OpTable } from "../aten/mod.ts";
import { type ExportedProgram, targetsOf } from "../fx/mod.ts";
import { printProgram } from "../fx/print_program.ts";
import { type AtomicFile, commitAll } from "../io/file.ts";
import { writePt2 } from "../pt2/write.ts";
import type { Artifacts } from "./artifacts.ts";

/**
 * Writes `onnx_export_TIME.pt2` and `onnx_export_TIME.txt` to the folder of artifacts. Both appear complete, or neither.
 *
 * @returns the paths of the two files
 * @throws {LoweringError} when the program has what archives of this library can't: custom objects, unknown operators
 */
export async function dumpProgram(
  program: ExportedProgram,
  artifacts: Artifacts,
  translations?: CustomTranslationTable,
): Promise<string[]> {
  const custom = translations ? customOps(translations, program.graph) : [];
  const table = await OpTable.load(targetsOf(program.graph), custom);
  const files: AtomicFile[] = [];
  try {
    for (const suffix of [".pt2", ".txt"]) files.push(await artifacts.create(suffix));
    const [archive, text] = files;
    await writePt2(program, table, archive, artifacts.stem);
    await text.write(new TextEncoder().encode(printProgram(program)));
    await commitAll(files);
  } catch (error) {
    for (const file of files) await file.abort();
    throw error;
  }
  const paths = [artifacts.path(".pt2"), artifacts.path(".txt")];
  artifacts.paths.push(...paths);
  return paths;
}
