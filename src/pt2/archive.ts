/**
 * Opens an archive: finds out what it is and where its parts lie. What is not a program of a supported version is refused
 * with a message that says what it is instead.
 */
import { readZipDirectory, type Zip, type ZipEntry } from "../io/zip.ts";
import { type ByteRange, checkBounds, type Source } from "../io/source.ts";
import { parseJson } from "../io/json.ts";
import { ArchiveError } from "../ir/errors.ts";
import { Field, quote } from "./fields.ts";

/** A JSON text is held in memory; this is the longest that JavaScript's strings allow for. */
const MAX_JSON = 500_000_000;
/** Archives are written uncompressed; a compressed text could claim any size. */
const MAX_COMPRESSED_JSON = 64 << 20;
/** The same for a weight; where it is larger, the archive must be stored as torch writes it. */
const MAX_COMPRESSED_WEIGHT = 2 ** 30;
const MAX_SMALL = 1 << 16;
/** Levels of nesting: graphs in graphs take about seven each. */
const MAX_DEPTH = 400;

/** The program in archives before torch 2.8. */
export const OLD_PROGRAM = "serialized_exported_program.json";

/** How the parts of an archive are laid out: as `files` before torch 2.8. */
export type Layout = "package" | "files";

/** An open archive. */
export class Archive {
  readonly file: string;
  readonly zip: Zip;
  readonly layout: Layout;
  /** The folder that all entries lie in, with its slash; empty for `files`. */
  private readonly root: string;
  /** The compressed entry that was read last: one is held at a time. */
  private inflated: { readonly entry: ZipEntry; readonly bytes: Promise<Uint8Array> } | null = null;

  constructor(file: string, zip: Zip, layout: Layout, root: string) {
    this.file = file;
    this.zip = zip;
    this.layout = layout;
    this.root = root;
  }

  /** An entry by its name below the root folder. */
  find(name: string): ZipEntry | null {
    return this.zip.entries.get(this.root + name) ?? null;
  }

  /** @throws {ArchiveError} when there is no such entry */
  get(name: string): ZipEntry {
    return this.find(name) ?? this.fail(`Cannot read ${shorten(name)}: the entry is missing`);
  }

  /** Names of the entries below a folder, without it. */
  namesIn(folder: string): string[] {
    const prefix = this.root + folder;
    return [...this.zip.entries.keys()].filter((name) => name.startsWith(prefix)).map((name) =>
      name.slice(prefix.length)
    );
  }

  /** An entry parsed as JSON. */
  async readJson(name: string): Promise<Field> {
    const entry = this.get(name);
    const maxBytes = entry.compressed ? MAX_COMPRESSED_JSON : MAX_JSON;
    const text = decodeText(this.file, name, await guarded(this.file, () => this.zip.read(entry, { maxBytes })));
    const json = await guarded(this.file, () => parseJson(text, { name: shorten(name), maxDepth: MAX_DEPTH }));
    return new Field(json, { file: this.file, entry: shorten(name) });
  }

  /** A short entry as text, or null when it is missing. */
  async readText(name: string): Promise<string | null> {
    const entry = this.find(name);
    if (entry === null) return null;
    const bytes = await guarded(this.file, () => this.zip.read(entry, { maxBytes: MAX_SMALL }));
    return decodeText(this.file, name, bytes).trim();
  }

  /** Where the content of an entry lies; nothing of it is read. */
  async open(name: string): Promise<ByteRange> {
    const entry = this.get(name);
    if (entry.compressed) return { source: this.inflating(entry), offset: 0, length: entry.size };
    return await guarded(this.file, () => this.zip.range(entry));
  }

  /** A compressed entry as a source, inflated when it is read. */
  private inflating(entry: ZipEntry): Source {
    const name = `entry ${shorten(entry.name)}`;
    return {
      name,
      size: entry.size,
      read: async (offset, length) => {
        checkBounds(offset, length, entry.size, name);
        if (this.inflated?.entry !== entry) {
          const bytes = guarded(this.file, () => this.zip.read(entry, { maxBytes: MAX_COMPRESSED_WEIGHT }));
          this.inflated = { entry, bytes };
        }
        return (await this.inflated.bytes).subarray(offset, offset + length);
      },
    };
  }

  /** Whether elements lie in little-endian order. */
  async isLittleEndian(): Promise<boolean> {
    const order = await this.readText("byteorder");
    if (order === null || order === "little") return true;
    return order === "big" ? false : this.fail(`Cannot read byteorder: ${quote(order)} is neither little nor big`);
  }

  fail(fact: string, hint?: string): never {
    throw new ArchiveError(fact, { file: this.file, ...(hint === undefined ? {} : { hint }) });
  }
}

/** Runs what reads a file; what the layers below find wrong with it becomes an ArchiveError that names the file. */
export async function guarded<T>(file: string, body: () => T | Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    const isFinding = error instanceof SyntaxError || error instanceof RangeError ||
      (error instanceof TypeError && error.message.startsWith("Cannot "));
    if (!isFinding) throw error;
    const message = error.message.replace(` of ${file}:`, ":").replace(
      `Cannot open ${file}:`,
      "Cannot open the archive:",
    );
    throw new ArchiveError(message, { file }, { cause: error });
  }
}

function decodeText(file: string, name: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ArchiveError(`Cannot read ${shorten(name)}: it is not UTF-8 text`, { file }, { cause });
  }
}

/** Entry names come from the file. */
function shorten(name: string): string {
  return /^[\x20-\x7e]{1,200}$/.test(name) ? name : quote(name);
}

/**
 * Opens an archive written by `torch.export.save`.
 *
 * @throws {ArchiveError} for anything else, saying what it is
 */
export async function openArchive(source: Source, file: string): Promise<Archive> {
  const fail = (fact: string, hint?: string): never => {
    throw new ArchiveError(fact, { file, ...(hint === undefined ? {} : { hint }) });
  };
  const kind = await guarded(file, () => kindOfFile(source));
  if (kind !== "zip") fail(`Cannot open the archive: it is ${kind}`, SAVE_HINT);
  const zip = await guarded(file, () => readZipDirectory(source));
  if (zip.entries.has(OLD_PROGRAM)) return new Archive(file, zip, "files", "");
  const first = zip.entries.keys().next().value ?? fail("Cannot open the archive: it is empty", SAVE_HINT);
  const root = first.slice(0, first.indexOf("/") + 1);
  const archive = new Archive(file, zip, "package", root);
  if (root === "" || archive.find("archive_format") === null) {
    fail(`Cannot open the archive: it is ${kindOfZip(zip, root)}`, SAVE_HINT);
  }
  for (const [entry, expected] of [["archive_format", "pt2"], ["archive_version", "0"]]) {
    const text = await archive.readText(entry) ?? fail(`Cannot read ${entry}: the entry is missing`);
    if (text !== expected) fail(`Cannot read ${entry}: expected ${expected}, met ${quote(text)}`);
  }
  return archive;
}

const SAVE_HINT = "Pass a file that torch.export.save wrote (torch 2.1 or newer)";

/** What a file is by its first bytes. */
async function kindOfFile(source: Source): Promise<string> {
  if (source.size === 0) return "an empty file";
  const bytes = await source.read(0, Math.min(source.size, 16));
  const starts = (...codes: number[]): boolean => codes.every((code, i) => bytes[i] === code);
  if (starts(0x50, 0x4b, 3, 4) || starts(0x50, 0x4b, 5, 6)) return "zip";
  if (starts(0x80, 2) || starts(0x80, 3) || starts(0x80, 4) || starts(0x80, 5)) {
    return "a bare pickle, as torch.save wrote before version 1.6: it holds objects or weights, no graph";
  }
  if (bytes.length > 8 && bytes[8] === 0x7b) return "a safetensors file: it holds weights, no graph";
  if (starts(0x08) && bytes.length > 2 && bytes[2] === 0x12) return "an ONNX model already";
  if (starts(0x1f, 0x8b)) return "a gzip file: unpack it first";
  return "not a zip archive";
}

function kindOfZip(zip: Zip, root: string): string {
  const has = (name: string): boolean => zip.entries.has(root + name);
  const hasFolder = (folder: string): boolean => [...zip.entries.keys()].some((name) => name.startsWith(root + folder));
  if (hasFolder(".data/ts_code/")) return "a torch.package archive, which holds Python code";
  if (has("data.pkl") && hasFolder("code/")) {
    return "a TorchScript archive (torch.jit.save), which is no program of torch.export";
  }
  if (has("data.pkl")) return "a file of torch.save: it holds objects or weights (a state_dict), no graph";
  if (hasFolder("data/aotinductor/")) return COMPILED;
  return "a zip archive, but no program of torch.export";
}

const COMPILED = "a compiled package (AOTInductor): it holds machine code and no graph";

/** Names of the models in an archive. */
export function modelNames(archive: Archive): string[] {
  if (archive.layout === "files") return ["model"];
  const names = archive.namesIn("models/").filter((name) => name.endsWith(".json")).map((name) => name.slice(0, -5));
  if (names.length > 0) return names;
  if (archive.namesIn("data/aotinductor/").length > 0) {
    return archive.fail(`Cannot open the archive: it is ${COMPILED}`);
  }
  return archive.fail("Cannot open the archive: it holds no model; torch.export.save may have failed");
}
