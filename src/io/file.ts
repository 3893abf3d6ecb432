/**
 * Files as sources and sinks: the only place of the library that knows Deno's file system. Reads are positional and
 * leave nothing to interleave; writes go to a temporary name and are renamed at the end, so that a failure leaves no
 * half-written file and no old one destroyed. Single calls are synchronous: a turn through the event loop takes longer
 * than opening or renaming a file does.
 */
import { crc32 } from "./crc32.ts";
import type { Sink } from "./sink.ts";
import { paddingTo } from "./sink.ts";
import { type ByteRange, checkBounds, checkCrc, CHUNK_SIZE, rootRange, type Source } from "./source.ts";

/** Writes up to this size are collected, so that many small ones cost one system call. */
const BUFFER_SIZE = 1 << 16;

/**
 * Opens a file for random access. Close it when done.
 *
 * Each read seeks and reads in one go without yielding in between, so concurrent reads can't disturb each other.
 *
 * @throws {Deno.errors.NotFound} and other errors of the file system, with the path in the message
 * @throws {TypeError} if the path is a folder
 *
 * @example
 * ```ts
 * using file = await openFile("tests/fixtures/mlp.pt2");
 * await file.read(0, 4); // PK\x03\x04
 * ```
 */
export async function openFile(path: string | URL): Promise<FileSource> {
  const name = path instanceof URL ? filePathOf(path) : path;
  const file = await located("open", name, () => Deno.openSync(name, { read: true }));
  try {
    const info = file.statSync();
    if (!info.isFile) throw new TypeError(`Cannot open ${name}: it is not a regular file`);
    return new FileSource(file, name, Deno.realPathSync(name), info.size);
  } catch (error) {
    file.close();
    throw error;
  }
}

/** A file opened for random access: see `openFile`. */
export class FileSource implements Source, Disposable {
  readonly name: string;
  readonly path: string;
  readonly size: number;
  readonly #file: Deno.FsFile;
  #position = -1;
  #closed = false;

  /** Takes over an open file; `openFile` is what callers want. */
  constructor(file: Deno.FsFile, name: string, path: string, size: number) {
    this.#file = file;
    this.name = name;
    this.path = path;
    this.size = size;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    checkBounds(offset, length, this.size, this.name);
    const bytes = new Uint8Array(length);
    await this.readInto(offset, bytes);
    return bytes;
  }

  readInto(offset: number, target: Uint8Array): Promise<void> {
    return Promise.try(() => this.readIntoSync(offset, target));
  }

  /** As `readInto`, without a promise. */
  readIntoSync(offset: number, target: Uint8Array): void {
    checkBounds(offset, target.byteLength, this.size, this.name);
    if (this.#closed) throw new TypeError(`Cannot read ${this.name}: the file was closed`);
    if (this.#position !== offset) this.#file.seekSync(offset, Deno.SeekMode.Start);
    this.#position = -1;
    for (let done = 0; done < target.byteLength;) {
      const count = this.#file.readSync(target.subarray(done));
      if (count === null) {
        throw new RangeError(`Cannot read ${this.name}: the file ends at byte ${offset + done}, it was cut while open`);
      }
      done += count;
    }
    this.#position = offset + target.byteLength;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** The path of a `file:` URL. */
function filePathOf(url: URL): string {
  if (url.protocol !== "file:") throw new TypeError(`Cannot open ${url.href} as a file: expected a file: URL`);
  const path = decodeURIComponent(url.pathname);
  return Deno.build.os === "windows" ? path.replace(/^\/(?=[A-Za-z]:)/, "").replaceAll("/", "\\") : path;
}

/** Runs a call of the file system; its errors get the path and keep their class. */
async function located<T>(verb: string, path: string, call: () => T | Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof Error && !error.message.startsWith("Cannot ")) {
      // Deno ends with the call and the path, which are told already.
      error.message = `Cannot ${verb} ${path}: ${error.message.replace(/: \w+ '[^']*'$/, "")}`;
    }
    throw error;
  }
}

/**
 * Creates a file that appears under its name only when it is complete.
 *
 * @throws errors of the file system, with the path in the message
 *
 * @example
 * ```ts
 * await using file = await createAtomic("model.onnx"); // left without commit(): removed
 * await file.write(new TextEncoder().encode("bytes"));
 * await file.commit();
 * ```
 */
export async function createAtomic(path: string | URL): Promise<AtomicFile> {
  const name = path instanceof URL ? filePathOf(path) : path;
  return await located("write", name, () => {
    // A link is written through, as an ordinary write would do, instead of being replaced by a file.
    const info = orUndefined(() => Deno.statSync(name));
    if (info?.isDirectory) throw new TypeError(`Cannot write ${name}: it is a folder`);
    const target = info === undefined ? name : Deno.realPathSync(name);
    const temporary = `${target}.${crypto.randomUUID().slice(0, 8)}.tmp`;
    const file = Deno.openSync(temporary, { write: true, createNew: true });
    return new AtomicFile(file, name, target, temporary);
  });
}

function orUndefined<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch {
    return undefined;
  }
}

/** A file being written under a temporary name: see `createAtomic`. */
export class AtomicFile implements Sink, AsyncDisposable {
  /** The path as the caller gave it. */
  readonly path: string;
  readonly #target: string;
  readonly #temporary: string;
  readonly #file: Deno.FsFile;
  readonly #buffer = new Uint8Array(BUFFER_SIZE);
  #buffered = 0;
  #written = 0;
  #chunk: Uint8Array | undefined;
  #state: "open" | "closed" | "committed" | "aborted" = "open";

  /** Takes over an open file; `createAtomic` is what callers want. */
  constructor(file: Deno.FsFile, path: string, target: string, temporary: string) {
    this.#file = file;
    this.path = path;
    this.#target = target;
    this.#temporary = temporary;
  }

  get position(): number {
    return this.#written + this.#buffered;
  }

  write(bytes: Uint8Array): Promise<void> {
    return Promise.try(() => this.#write(bytes));
  }

  /** Appends the bytes of a range, as `copyRange`; memory stays at one chunk however long the range is. */
  async copyFrom(range: ByteRange, onBytes?: (count: number) => void): Promise<void> {
    const { source, offset, length } = rootRange(range);
    checkBounds(offset, length, source.size, source.name);
    const checksum = range.crc32 === undefined ? null : await fastestCrc32(length);
    let crc = 0;
    const take = (part: Uint8Array): void => {
      if (checksum) crc = checksum(part, crc);
      onBytes?.(part.byteLength);
    };
    if (source.readInto === undefined) {
      for (let done = 0; done < length; done += CHUNK_SIZE) {
        const part = await source.read(offset + done, Math.min(CHUNK_SIZE, length - done));
        this.#write(part);
        take(part);
      }
    } else if (length <= BUFFER_SIZE - this.#buffered) {
      const part = this.#buffer.subarray(this.#buffered, this.#buffered + length);
      await source.readInto(offset, part);
      this.#buffered += length;
      take(part);
    } else {
      this.#flush();
      const chunk = this.#chunk ??= new Uint8Array(CHUNK_SIZE);
      for (let done = 0; done < length; done += CHUNK_SIZE) {
        const part = chunk.subarray(0, Math.min(CHUNK_SIZE, length - done));
        // A promise per chunk lets other work run between chunks of a long copy.
        await source.readInto(offset + done, part);
        this.#writeThrough(part);
        take(part);
      }
    }
    if (checksum) checkCrc(range, crc);
  }

  /** Appends zeros up to a multiple of `alignment` bytes. */
  async padTo(alignment: number): Promise<void> {
    for (let left = paddingTo(alignment, this.position); left > 0;) {
      const size = Math.min(left, BUFFER_SIZE);
      await this.write(new Uint8Array(size));
      left -= size;
    }
  }

  /** Puts the complete file in its place, replacing what was there. On failure the temporary file is removed. */
  async commit(): Promise<void> {
    await commitAll([this]);
  }

  /** Removes what was written, unless it was committed. */
  async abort(): Promise<void> {
    if (this.#state === "committed" || this.#state === "aborted") return;
    if (this.#state === "open") this.#file.close();
    this.#state = "aborted";
    await Deno.remove(this.#temporary).catch(() => {});
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.abort();
  }

  /** First half of a commit: everything that can fail for want of space. */
  finish(): void {
    if (this.#state === "closed") return;
    this.#checkOpen();
    this.#flush();
    this.#file.close();
    this.#state = "closed";
  }

  /** Second half of a commit. The result puts back what was there before. */
  async replace(keepOld: boolean): Promise<Replacement> {
    const backup = keepOld ? `${this.#temporary}.old` : undefined;
    let moved = false;
    if (backup !== undefined) {
      moved = await Deno.rename(this.#target, backup).then(() => true, (error) => {
        if (error instanceof Deno.errors.NotFound) return false;
        throw error;
      });
    }
    try {
      Deno.renameSync(this.#temporary, this.#target);
    } catch (error) {
      if (moved) await Deno.rename(backup!, this.#target);
      throw error;
    }
    this.#state = "committed";
    return {
      undo: async () => {
        if (moved) await Deno.rename(backup!, this.#target);
        else await Deno.remove(this.#target);
      },
      done: async () => {
        if (moved) await Deno.remove(backup!).catch(() => {});
      },
    };
  }

  #checkOpen(): void {
    if (this.#state !== "open") throw new TypeError(`Cannot write ${this.path}: the file was ${this.#state}`);
  }

  #write(bytes: Uint8Array): void {
    this.#checkOpen();
    if (bytes.byteLength > BUFFER_SIZE - this.#buffered) {
      this.#flush();
      if (bytes.byteLength >= BUFFER_SIZE) return this.#writeThrough(bytes);
    }
    this.#buffer.set(bytes, this.#buffered);
    this.#buffered += bytes.byteLength;
  }

  #flush(): void {
    const size = this.#buffered;
    this.#buffered = 0;
    this.#writeThrough(this.#buffer.subarray(0, size));
  }

  #writeThrough(bytes: Uint8Array): void {
    this.#checkOpen();
    try {
      for (let done = 0; done < bytes.byteLength;) done += this.#file.writeSync(bytes.subarray(done));
    } catch (error) {
      if (error instanceof Error) error.message = `Cannot write ${this.path}: ${error.message}`;
      throw error;
    }
    this.#written += bytes.byteLength;
  }
}

/** zlib's checksum is three times as fast as ours; its module is worth loading for large copies only. */
async function fastestCrc32(length: number): Promise<(bytes: Uint8Array, previous: number) => number> {
  return length < 8 * 2 ** 20 ? crc32 : (await import("node:zlib")).crc32;
}

/** What a commit did to one name. */
interface Replacement {
  undo(): Promise<void>;
  done(): Promise<void>;
}

/**
 * Commits files that belong together (a model and its data): either all appear, or none does and what was there before
 * is there again.
 */
export async function commitAll(files: readonly AtomicFile[]): Promise<void> {
  const replacements: Replacement[] = [];
  try {
    // All bytes are written out before the first name changes.
    for (const file of files) file.finish();
    for (const file of files) {
      replacements.push(await located("write", file.path, () => file.replace(files.length > 1)));
    }
  } catch (error) {
    for (const replacement of replacements.reverse()) await replacement.undo().catch(() => {});
    for (const file of files) await file.abort();
    throw error;
  }
  for (const replacement of replacements) await replacement.done();
}

/** The absolute path of a file or folder without links. */
export async function realPath(path: string | URL): Promise<string> {
  const name = path instanceof URL ? filePathOf(path) : path;
  return await located("find", name, () => Deno.realPathSync(name));
}

/** Makes a folder, and those around it that are missing. */
export async function makeFolder(path: string | URL): Promise<void> {
  const name = path instanceof URL ? filePathOf(path) : path;
  await located("make folder", name, () => Deno.mkdirSync(name, { recursive: true }));
}

/** Bytes of memory that the process holds; null in a page, which can't tell. */
export function residentBytes(): number | null {
  return typeof Deno === "undefined" ? null : Deno.memoryUsage().rss;
}
