/**
 * A reader of zip archives that trusts nothing: the central directory is read and checked once, entries are handed out
 * as ranges of the archive, and nothing is inflated or loaded before it is asked for. Archives with terabytes of entries
 * open by reading a few kilobytes.
 *
 * The format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 */
import { crc32 } from "./crc32.ts";
import { type ByteRange, bytesSource, chunks, readRange, rootRange, type Source } from "./source.ts";

/** An entry as the central directory describes it. Local headers may hold zeros and are not believed. */
export interface ZipEntry {
  readonly name: string;
  /** Bytes of the content. */
  readonly size: number;
  /** Bytes in the archive: equal to `size` unless `compressed`. */
  readonly compressedSize: number;
  /** Whether the content is deflated; otherwise it lies in the archive as it is. */
  readonly compressed: boolean;
  /** 0 stored, 8 deflated; others can be listed but not read. */
  readonly method: number;
  /** CRC-32 of the content; PyTorch can be told to write 0 instead. */
  readonly crc32: number;
  /** Where the local header begins. */
  readonly headerOffset: number;
}

/** How much an archive may ask for. */
export interface ZipLimits {
  /** Entries in the directory, by default 2^20. */
  readonly maxEntries?: number;
  /** Bytes of the directory, by default 256 MiB. */
  readonly maxDirectorySize?: number;
}

/** How to read an entry as a whole. */
export interface ZipReadOptions {
  /** Refuse content larger than this, by default 2^31 - 1 bytes. */
  readonly maxBytes?: number;
  /** Whether content must match its checksum, by default true. */
  readonly checkCrc?: boolean;
}

const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END = 0x06054b50;
const END_64 = 0x06064b50;
const END_64_LOCATOR = 0x07064b50;
/** In a 16- or 32-bit field: the value is in the zip64 record. */
const SATURATED_16 = 0xffff;
const SATURATED_32 = 0xffffffff;
const DEFAULT_MAX_BYTES = 2 ** 31 - 1;

/**
 * Opens an archive by its central directory.
 *
 * @throws {SyntaxError} if the archive is damaged, ambiguous (duplicate or overlapping entries) or uses what is not
 * supported (encryption, several disks)
 * @throws {RangeError} if it exceeds a limit
 *
 * @example
 * ```ts
 * import { openFile } from "./file.ts";
 *
 * using file = await openFile("tests/fixtures/mlp.pt2");
 * const zip = await readZipDirectory(file);
 * const entry = [...zip.entries.values()].find(({ name }) => name.endsWith("/byteorder"))!;
 * new TextDecoder().decode(await zip.read(entry)); // "little"
 * ```
 */
export async function readZipDirectory(source: Source, limits: ZipLimits = {}): Promise<Zip> {
  const end = await readEnd(source);
  const { maxEntries = 2 ** 20, maxDirectorySize = 2 ** 28 } = limits;
  if (end.count > maxEntries) {
    throw new RangeError(`Cannot open ${source.name}: it has ${end.count} entries, at most ${maxEntries} are allowed`);
  }
  if (end.size > maxDirectorySize) {
    throw new RangeError(
      `Cannot open ${source.name}: its directory has ${end.size} bytes, at most ${maxDirectorySize} are allowed`,
    );
  }
  const all = parseDirectory(source.name, await source.read(end.offset, end.size), end.count);
  return new Zip(source, all, end.offset);
}

/** An open archive. */
export class Zip {
  readonly source: Source;
  /** The entries by name in the directory's order, without folders. */
  readonly entries: ReadonlyMap<string, ZipEntry>;
  /** Where the bytes of each entry must have ended: the next entry's header or the directory. */
  readonly #ends: ReadonlyMap<ZipEntry, number>;
  readonly #ranges = new Map<ZipEntry, ByteRange>();

  /** Checks that entries neither repeat nor overlap; `readZipDirectory` is what callers want. */
  constructor(source: Source, all: readonly ZipEntry[], directoryOffset: number) {
    this.source = source;
    const entries = new Map<string, ZipEntry>();
    for (const entry of all) {
      if (entries.has(entry.name)) {
        throw new SyntaxError(`Cannot open ${source.name}: entry ${quote(entry.name)} occurs twice`);
      }
      entries.set(entry.name, entry);
    }
    this.#ends = checkPlaces(source.name, all, directoryOffset);
    for (const name of entries.keys()) if (name.endsWith("/")) entries.delete(name);
    this.entries = entries;
  }

  /**
   * Where the content of a stored entry lies, as a range of the outermost source. Reads the entry's 30-byte header.
   *
   * @throws {SyntaxError} if the header is damaged or contradicts the directory
   * @throws {TypeError} if the entry is compressed
   */
  async range(entry: ZipEntry): Promise<ByteRange> {
    if (entry.compressed) {
      throw new TypeError(`Cannot refer into entry ${quote(entry.name)} of ${this.source.name}: it is compressed`);
    }
    const range = rootRange(await this.#packed(entry));
    // PyTorch can be told to leave checksums out: then they are 0.
    return entry.crc32 === 0 ? range : { ...range, crc32: entry.crc32 };
  }

  /**
   * The content of an entry as a range, whatever its method: of the archive if stored, of memory if compressed.
   *
   * @throws as `range` and `read`
   */
  async open(entry: ZipEntry, options: ZipReadOptions = {}): Promise<ByteRange> {
    if (!entry.compressed) return await this.range(entry);
    const bytes = await this.read(entry, options);
    return { source: bytesSource(bytes, this.#nameOf(entry)), offset: 0, length: bytes.byteLength };
  }

  /**
   * The whole content of an entry.
   *
   * @throws {SyntaxError} if the entry is damaged or its method is neither stored nor deflated
   * @throws {RangeError} if it is larger than `maxBytes`
   */
  async read(entry: ZipEntry, options: ZipReadOptions = {}): Promise<Uint8Array> {
    const { maxBytes = DEFAULT_MAX_BYTES, checkCrc = true } = options;
    if (entry.size > maxBytes) {
      throw new RangeError(
        `Cannot read ${this.#nameOf(entry)}: it has ${entry.size} bytes, at most ${maxBytes} are allowed`,
      );
    }
    const packed = await this.#packed(entry);
    const bytes = entry.compressed ? await inflate(packed, entry.size, this.#nameOf(entry)) : await readRange(packed);
    if (checkCrc && crc32(bytes) !== entry.crc32) throw this.#crcError(entry);
    return bytes;
  }

  /**
   * Reads an entry through and compares its checksum, in bounded memory.
   *
   * @throws {SyntaxError} if it does not match or the entry is damaged
   */
  async check(entry: ZipEntry): Promise<void> {
    const packed = await this.#packed(entry);
    let crc = 0;
    let size = 0;
    const parts = entry.compressed ? inflated(packed, this.#nameOf(entry)) : chunks(packed);
    for await (const part of parts) {
      size += part.byteLength;
      if (size > entry.size) throw sizeError(this.#nameOf(entry), entry.size);
      crc = crc32(part, crc);
    }
    if (size !== entry.size) throw sizeError(this.#nameOf(entry), entry.size);
    if (crc !== entry.crc32) throw this.#crcError(entry);
  }

  #nameOf(entry: ZipEntry): string {
    return `entry ${quote(entry.name)} of ${this.source.name}`;
  }

  #crcError(entry: ZipEntry): SyntaxError {
    return new SyntaxError(`Cannot read ${this.#nameOf(entry)}: its bytes do not match their checksum`);
  }

  /** Where an entry's bytes, compressed or not, lie in the archive. */
  async #packed(entry: ZipEntry): Promise<ByteRange> {
    const known = this.#ranges.get(entry);
    if (known !== undefined) return known;
    const end = this.#ends.get(entry);
    if (end === undefined) throw new TypeError(`Cannot read ${this.#nameOf(entry)}: it belongs to another archive`);
    const fail = (why: string): SyntaxError => new SyntaxError(`Cannot read ${this.#nameOf(entry)}: ${why}`);
    if (entry.method !== 0 && entry.method !== 8) {
      throw fail(`compression method ${entry.method} is not supported`);
    }
    // Names repeat in the header; PyTorch pads the extra field after it.
    const header = await this.source.read(entry.headerOffset, 30);
    const view = viewOf(header);
    if (view.getUint32(0, true) !== LOCAL_HEADER) throw fail("its header is damaged");
    if (view.getUint16(8, true) !== entry.method) throw fail("its header and the directory differ in method");
    const nameLength = view.getUint16(26, true);
    const offset = entry.headerOffset + 30 + nameLength + view.getUint16(28, true);
    if (offset + entry.compressedSize > end) throw fail("it runs into what follows it");
    const name = await this.source.read(entry.headerOffset + 30, nameLength);
    if (decodeName(name, view.getUint16(6, true)) !== entry.name) {
      throw fail("its header and the directory differ in name");
    }
    const range = { source: this.source, offset, length: entry.compressedSize };
    this.#ranges.set(entry, range);
    return range;
  }
}

/** What the end of an archive says about its directory. */
interface End {
  readonly count: number;
  readonly size: number;
  readonly offset: number;
}

async function readEnd(source: Source): Promise<End> {
  const fail = (why: string): SyntaxError => new SyntaxError(`Cannot open ${source.name}: ${why}`);
  // One read finds the end record unless a comment follows it, and then a second one does.
  let tailStart = Math.max(0, source.size - 4096);
  let tail = await source.read(tailStart, source.size - tailStart);
  let at = findEnd(tail);
  if (at < 0 && tailStart > 0) {
    tailStart = Math.max(0, source.size - 22 - 0xffff);
    tail = await source.read(tailStart, source.size - tailStart);
    at = findEnd(tail);
  }
  if (at < 0) throw fail("it is not a zip archive, or its end is missing");
  const view = viewOf(tail);
  const position = tailStart + at;
  const short = {
    disks: view.getUint16(at + 4, true) | view.getUint16(at + 6, true),
    countHere: view.getUint16(at + 8, true),
    count: view.getUint16(at + 10, true),
    size: view.getUint32(at + 12, true),
    offset: view.getUint32(at + 16, true),
  };
  let result: End = short;
  let limit = position;
  let oneDisk = short.disks === 0 && short.countHere === short.count;
  const saturated = short.count === SATURATED_16 || short.size === SATURATED_32 || short.offset === SATURATED_32;
  const locator = position >= 20 ? viewOf(await source.read(position - 20, 20)) : undefined;
  if (locator?.getUint32(0, true) === END_64_LOCATOR) {
    const offset = safe(locator.getBigUint64(8, true));
    if (offset === undefined || offset > position - 20 - 56) throw fail("its zip64 end record lies outside the file");
    const record = viewOf(await source.read(offset, 56));
    if (record.getUint32(0, true) !== END_64) throw fail("its zip64 end record is damaged");
    const count = safe(record.getBigUint64(32, true));
    const size = safe(record.getBigUint64(40, true));
    const start = safe(record.getBigUint64(48, true));
    if (count === undefined || size === undefined || start === undefined) throw fail("its zip64 end record is damaged");
    const agrees = (shortValue: number, full: number, marker: number) => shortValue === marker || shortValue === full;
    if (
      !agrees(short.count, count, SATURATED_16) || !agrees(short.size, size, SATURATED_32) ||
      !agrees(short.offset, start, SATURATED_32)
    ) throw fail("its two end records contradict each other");
    const disks = record.getUint32(16, true) | record.getUint32(20, true) | locator.getUint32(4, true);
    oneDisk = disks === 0 && locator.getUint32(16, true) <= 1 && record.getBigUint64(24, true) === BigInt(count);
    result = { count, size, offset: start };
    limit = offset;
  } else if (saturated && short.count !== SATURATED_16) {
    throw fail("its zip64 end record is missing");
  }
  if (!oneDisk) throw fail("archives of several disks are not supported");
  if (result.size > limit || result.offset > limit - result.size) throw fail("its directory lies outside the file");
  if (result.count * 46 > result.size) throw fail("its directory is truncated");
  return result;
}

/** The place of the end record whose comment ends exactly with the file, or -1. */
function findEnd(tail: Uint8Array): number {
  const view = viewOf(tail);
  for (let at = tail.byteLength - 22; at >= 0; at--) {
    if (
      tail[at] === 0x50 && view.getUint32(at, true) === END &&
      view.getUint16(at + 20, true) === tail.byteLength - at - 22
    ) return at;
  }
  return -1;
}

function parseDirectory(archive: string, bytes: Uint8Array, count: number): ZipEntry[] {
  const view = viewOf(bytes);
  const entries: ZipEntry[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    const fail = (why: string): SyntaxError =>
      new SyntaxError(`Cannot open ${archive}: entry ${i} of its directory ${why}`);
    if (at + 46 > bytes.byteLength) throw fail("is truncated");
    if (view.getUint32(at, true) !== CENTRAL_HEADER) throw fail("is damaged");
    const flags = view.getUint16(at + 8, true);
    const method = view.getUint16(at + 10, true);
    const nameLength = view.getUint16(at + 28, true);
    const extraLength = view.getUint16(at + 30, true);
    const next = at + 46 + nameLength + extraLength + view.getUint16(at + 32, true);
    if (next > bytes.byteLength) throw fail("is truncated");
    const name = decodeName(bytes.subarray(at + 46, at + 46 + nameLength), flags);
    if (name === undefined) throw fail("has a name that is not UTF-8");
    if (name === "") throw fail("has no name");
    if (flags & 0x2041) throw fail(`(${quote(name)}) is encrypted, which is not supported`);
    let size = view.getUint32(at + 24, true);
    let compressedSize = view.getUint32(at + 20, true);
    let headerOffset = view.getUint32(at + 42, true);
    let disk = view.getUint16(at + 34, true);
    if (
      size === SATURATED_32 || compressedSize === SATURATED_32 || headerOffset === SATURATED_32 || disk === SATURATED_16
    ) {
      const wide = zip64Fields(view, at + 46 + nameLength, extraLength, [
        [size, SATURATED_32],
        [compressedSize, SATURATED_32],
        [headerOffset, SATURATED_32],
        [disk, SATURATED_16],
      ]);
      if (wide === undefined) throw fail(`(${quote(name)}) has a damaged zip64 field`);
      [size, compressedSize, headerOffset, disk] = wide;
    }
    if (disk !== 0) throw fail(`(${quote(name)}) lies on another disk`);
    if (method === 0 && size !== compressedSize) throw fail(`(${quote(name)}) is stored with two different sizes`);
    const compressed = method !== 0;
    entries.push({
      name,
      size,
      compressedSize,
      compressed,
      method,
      crc32: view.getUint32(at + 16, true),
      headerOffset,
    });
    at = next;
  }
  return entries;
}

/** Replaces saturated values by those of the zip64 extra field, where they stand in order; undefined if it lacks one. */
function zip64Fields(
  view: DataView,
  start: number,
  length: number,
  fields: ReadonlyArray<readonly [value: number, marker: number]>,
): number[] | undefined {
  const end = start + length;
  for (let at = start; at + 4 <= end;) {
    const size = view.getUint16(at + 2, true);
    const next = at + 4 + size;
    if (next > end) return undefined;
    if (view.getUint16(at, true) === 1) {
      let from = at + 4;
      const result: number[] = [];
      for (const [value, marker] of fields) {
        if (value !== marker) {
          result.push(value);
          continue;
        }
        const width = marker === SATURATED_16 ? 4 : 8;
        if (from + width > next) return undefined;
        const wide = width === 4 ? view.getUint32(from, true) : safe(view.getBigUint64(from, true));
        if (wide === undefined) return undefined;
        result.push(wide);
        from += width;
      }
      return result;
    }
    at = next;
  }
  return undefined;
}

/** Checks that entries lie before the directory and apart from each other; returns where each must have ended. */
function checkPlaces(archive: string, entries: readonly ZipEntry[], directoryOffset: number): Map<ZipEntry, number> {
  const sorted = [...entries].sort((a, b) => a.headerOffset - b.headerOffset);
  const ends = new Map<ZipEntry, number>();
  for (const [i, entry] of sorted.entries()) {
    const next = sorted.at(i + 1);
    const limit = Math.min(next?.headerOffset ?? directoryOffset, directoryOffset);
    if (entry.headerOffset + 30 + entry.compressedSize > limit) {
      const into = next === undefined ? "the directory" : `entry ${quote(next.name)}`;
      throw new SyntaxError(`Cannot open ${archive}: entry ${quote(entry.name)} runs into ${into} or out of the file`);
    }
    ends.set(entry, limit);
  }
  return ends;
}

/** Inflates to exactly `size` bytes. */
async function inflate(range: ByteRange, size: number, name: string): Promise<Uint8Array> {
  // Deflate shrinks by at most 1032: a larger claim would only make us allocate.
  if (size > 1032 * range.length + 1032) throw sizeError(name, size);
  const result = new Uint8Array(size);
  let done = 0;
  for await (const part of inflated(range, name)) {
    if (part.byteLength > size - done) throw sizeError(name, size);
    result.set(part, done);
    done += part.byteLength;
  }
  if (done !== size) throw sizeError(name, size);
  return result;
}

/** The inflated content in parts. Leaving the loop early stops the work. */
async function* inflated(range: ByteRange, name: string): AsyncGenerator<Uint8Array> {
  const parts = chunks(range, 1 << 16);
  const input = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller): Promise<void> {
      const { done, value } = await parts.next();
      if (done) return controller.close();
      // The stream may hold a part while it asks for the next one, which reuses the memory.
      controller.enqueue(value.slice());
    },
  });
  const reader = input.pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  try {
    while (true) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (error) {
    if (error instanceof RangeError) throw error;
    throw new SyntaxError(`Cannot read ${name}: its compressed bytes are damaged`, { cause: error });
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function sizeError(name: string, size: number): SyntaxError {
  return new SyntaxError(`Cannot read ${name}: it does not inflate to the ${size} bytes that the directory states`);
}

/** Names are UTF-8 where the flag says so and almost always elsewhere; old tools wrote bytes of the system's code page. */
function decodeName(bytes: Uint8Array, flags: number): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return flags & 0x800 ? undefined : new TextDecoder("latin1").decode(bytes);
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function safe(value: bigint): number | undefined {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined;
}

function quote(name: string): string {
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);
}
