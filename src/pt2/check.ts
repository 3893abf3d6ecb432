/** Reads every byte of an archive and holds it against its checksums. */
import type { Source } from "../io/source.ts";
import { readZipDirectory } from "../io/zip.ts";
import { ArchiveError } from "../ir/mod.ts";

/**
 * Checks all entries of an archive, weights included. Memory does not grow with their size.
 *
 * @throws {ArchiveError} naming every damaged entry
 */
export async function checkArchive(source: Source, onProgress?: (done: number, total: number) => void): Promise<void> {
  const zip = await readZipDirectory(source);
  const entries = [...zip.entries.values()];
  const total = entries.reduce((sum, e) => sum + e.size, 0);
  const problems: string[] = [];
  let done = 0;
  for (const entry of entries) {
    try {
      await zip.check(entry);
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
    onProgress?.(done += entry.size, total);
  }
  if (problems.length > 0) {
    throw new ArchiveError(`The archive is damaged:\n  ${problems.join("\n  ")}`, { file: source.name });
  }
}
