/** Versions of the schema: which are read, and what is said of others. */
import { JsonObject } from "../io/json.ts";
import type { Archive } from "./archive.ts";
import { type Field, quote } from "./fields.ts";

/** The major version that programs are read in; older ones are brought to it first. */
const MAJOR = 8;
/** The newest minor version that is known; later ones may have kinds of values that are not. */
const KNOWN_MINOR = 20;

/** Releases of torch before 2.6 by the version that their archives bear. */
const RELEASES: ReadonlyMap<string, string> = new Map([
  ["1", "2.1"],
  ["2", "2.2"],
  ["5.1", "2.3"],
  ["5.3", "2.4"],
  ["7.3", "2.5"],
]);
/** The releases next to each major version, for builds between releases. */
const MAJORS: ReadonlyMap<number, string> = new Map([
  [1, "2.1"],
  [2, "2.2"],
  [3, "2.2 and 2.3"],
  [4, "2.2 and 2.3"],
  [5, "2.3 and 2.4"],
  [6, "2.4 and 2.5"],
  [7, "2.5 and 2.6"],
]);

/** The version of a program's schema. */
export interface SchemaVersion {
  /** `8.20`; before torch 2.3 a single number. */
  readonly text: string;
  /** The release of torch that wrote it, where that has to be told from the version: before torch 2.6. */
  readonly release: string | null;
}

/**
 * The version of a program.
 *
 * @throws {ArchiveError} for versions that are not read
 */
export async function readVersion(archive: Archive, root: Field, warnings: string[]): Promise<SchemaVersion> {
  const field = root.get("schema_version");
  const isPair = field.json instanceof JsonObject;
  const major = isPair ? field.get("major").size() : field.size();
  const minor = isPair ? field.get("minor").size() : null;
  const text = minor === null ? String(major) : `${major}.${minor}`;
  const torchVersion = root.find("torch_version")?.string().slice(0, 40) ?? "";
  const stated = archive.layout === "files" ? await archive.readText("version") : null;
  if (stated !== null && stated !== text) {
    archive.fail(`Cannot read version: it is ${quote(stated)}, but the program has schema version ${text}`);
  }
  if (major > MAJOR) {
    archive.fail(
      `Cannot read the program: it has schema version ${text}, at most ${MAJOR} is supported`,
      `${torchVersion === "" ? "A newer torch" : `torch ${torchVersion}`} wrote it; use a newer fx2onnx`,
    );
  }
  if (isPair && (major === MAJOR || (major === 0 && minor === 0))) {
    if (major === MAJOR && minor! > KNOWN_MINOR) {
      warnings.push(`The program has schema version ${text}, which is newer than ${MAJOR}.${KNOWN_MINOR}`);
    }
    return { text, release: null };
  }
  const release = RELEASES.get(text);
  if (release !== undefined && archive.layout === "files") return { text, release };
  const about = MAJORS.get(major);
  return archive.fail(
    `Cannot read the program: it has schema version ${text}, ` +
      (release !== undefined
        ? `that of torch ${release}, but the layout of torch 2.8 and newer`
        : `which no release of torch writes${about === undefined ? "" : `, perhaps a build about torch ${about}`}`),
    "Load the model in Python and write it anew with torch 2.6 or newer: torch.export.export, then torch.export.save",
  );
}
