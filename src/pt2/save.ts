/** Saves programs as archives: to a file, which appears complete or not at all, or to a stream. */
import { OpTable } from "../aten/mod.ts";
import { type ExportedProgram, targetsOf } from "../fx/mod.ts";
import { OptionError } from "../ir/mod.ts";
import { writePt2 } from "./write.ts";

/**
 * Writes a program as `torch.export.save` of torch 2.15 does; `torch.export.load` reads it, as {@linkcode load} does. Weights
 * stream from wherever they lie.
 *
 * @param destination a path, a `file:` URL, or a stream, which is closed at the end
 * @throws {LoweringError} when the program holds objects that are no tensors
 * @throws {OptionError} when the archive would replace the one that the program is read from
 */
export async function saveProgram(
  program: ExportedProgram,
  destination: string | URL | WritableStream<Uint8Array>,
): Promise<void> {
  const table = await OpTable.load(targetsOf(program.graph));
  if (destination instanceof WritableStream) return await toStream(program, table, destination);
  const { createAtomic, realPath } = await import("../io/file.ts");
  const archive = program.archive?.path;
  if (archive !== undefined && await realPath(destination).catch(() => undefined) === archive) {
    throw new OptionError(`Cannot write ${destination}: it is the archive that the program is read from`);
  }
  await using file = await createAtomic(destination);
  await writePt2(program, table, file, rootOf(destination));
  await file.commit();
}

async function toStream(
  program: ExportedProgram,
  table: OpTable,
  stream: WritableStream<Uint8Array>,
): Promise<void> {
  const writer = stream.getWriter();
  let position = 0;
  try {
    await writePt2(program, table, {
      get position(): number {
        return position;
      },
      // The bytes are the writer's own again once the promise is settled: a stream may keep them.
      write: async (bytes: Uint8Array): Promise<void> => {
        await writer.write(bytes.slice());
        position += bytes.byteLength;
      },
    }, "model");
    await writer.close();
  } catch (error) {
    await writer.abort(error).catch(() => {});
    throw error;
  }
}

/** PyTorch names the folder in an archive after the file. */
function rootOf(destination: string | URL): string {
  const name = decodeURIComponent(String(destination instanceof URL ? destination.pathname : destination))
    .split(/[/\\]/).at(-1)!;
  return name.replace(/(.)\.[^.]*$/, "$1") || "model";
}
