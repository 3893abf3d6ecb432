/**
 * What an export leaves besides the model: reports, traces, programs written back. All of one export bear the time at which
 * it began, so that they sort and belong together.
 */
import type { AtomicFile } from "../io/file.ts";
import type { Instruments } from "./options.ts";

/** A date as file names have it, in UTC: `2026-11-27_16-29-22-007`. */
export function artifactTime(date: Date): string {
  return date.toISOString().replace("T", "_").replace("Z", "").replaceAll(/[:.]/g, "-");
}

/** The folder of an export's artifacts and the time that their names have. */
export class Artifacts {
  private readonly folder: string;
  /** As {@linkcode artifactTime} writes it. */
  readonly time: string;
  /** What was written, in order. */
  readonly paths: string[] = [];

  /** @param folder made when the first artifact is written */
  constructor(folder: string | URL, { now = () => new Date() }: Instruments = {}) {
    this.folder = String(folder);
    this.time = artifactTime(now());
  }

  /** What all names begin with. */
  get stem(): string {
    return `onnx_export_${this.time}`;
  }

  /** Where an artifact goes: `FOLDER/onnx_export_TIME_SUFFIX`; a suffix that begins with a dot follows the time. */
  path(suffix: string): string {
    const name = `${this.stem}${suffix.startsWith(".") ? "" : "_"}${suffix}`;
    if (this.folder === "" || this.folder === ".") return name;
    return /[/\\]$/.test(this.folder) ? `${this.folder}${name}` : `${this.folder}/${name}`;
  }

  /**
   * Writes an artifact and returns its path.
   *
   * @throws errors of the file system, with the path in the message
   */
  async write(suffix: string, content: string | Uint8Array): Promise<string> {
    await using file = await this.create(suffix);
    await file.write(typeof content === "string" ? new TextEncoder().encode(content) : content);
    await file.commit();
    const path = this.path(suffix);
    this.paths.push(path);
    return path;
  }

  /**
   * Begins an artifact that is written in pieces; who commits it adds it to `paths`.
   *
   * @throws errors of the file system, with the path in the message
   */
  async create(suffix: string): Promise<AtomicFile> {
    const { createAtomic, makeFolder } = await import("../io/file.ts");
    if (this.folder !== "") await makeFolder(locationOf(this.folder));
    return await createAtomic(locationOf(this.path(suffix)));
  }
}

/** A `file:` URL as such: its text is no path. */
function locationOf(path: string): string | URL {
  return path.startsWith("file:") ? new URL(path) : path;
}
