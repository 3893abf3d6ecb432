/**
 * A writer of zip archives as PyTorch writes them: stored entries whose content begins at a multiple of 64 bytes, so that
 * it can be mapped or referred to in place. Entries stream through in bounded memory, and the same content gives the same
 * bytes.
 */
import { crc32 } from "./crc32.ts";
import type { Sink } from "./sink.ts";
import { type ByteRange, chunks } from "./source.ts";

/** How to write an archive. */
export interface ZipWriterOptions {
  /** Content begins at multiples of this many bytes, by default 64; 1 leaves the padding out. */
  readonly alignment?: number;
  /** Write 64-bit sizes and offsets even where 32 bits suffice, by default false. */
  readonly zip64?: boolean;
}

interface Written {
  readonly name: Uint8Array;
  readonly flags: number;
  readonly crc: number;
  readonly size: number;
  readonly headerOffset: number;
}

const MAX_16 = 0xffff;
const MAX_32 = 0xffffffff;
const UTF8_NAME = 0x0800;
const DESCRIPTOR = 0x0008;
/** 1980-01-01, the first date that the format knows: results must not depend on the clock. */
const DATE = 0x0021;

/**
 * Writes an archive to a sink.
 *
 * @example
 * ```ts
 * import { MemorySink } from "./sink.ts";
 *
 * const sink = new MemorySink();
 * const zip = new ZipWriter(sink);
 * await zip.add("model/byteorder", new TextEncoder().encode("little"));
 * await zip.finish();
 * sink.bytes();
 * ```
 */
export class ZipWriter {
  readonly #sink: Sink;
  readonly #start: number;
  readonly #alignment: number;
  readonly #zip64: boolean;
  readonly #entries: Written[] = [];
  readonly #names = new Set<string>();

  /** @throws {RangeError} if the alignment is not an integer from 1 to 32768 */
  constructor(sink: Sink, options: ZipWriterOptions = {}) {
    const { alignment = 64, zip64 = false } = options;
    if (!Number.isInteger(alignment) || alignment < 1 || alignment > 32768) {
      throw new RangeError(`Cannot align entries to ${alignment} bytes: expected 1 to 32768`);
    }
    this.#sink = sink;
    this.#start = sink.position;
    this.#alignment = alignment;
    this.#zip64 = zip64;
  }

  /**
   * Appends an entry. Resolves to where its content begins, from the start of the archive.
   *
   * @throws {TypeError} if the name was written before, is empty or too long
   */
  async add(name: string, content: Uint8Array | ByteRange): Promise<number> {
    const encoded = new TextEncoder().encode(name);
    if (this.#names.has(name)) throw new TypeError(`Cannot write entry ${JSON.stringify(name)} twice`);
    if (encoded.length === 0 || encoded.length > MAX_16) {
      throw new TypeError(`Cannot write an entry whose name has ${encoded.length} bytes: expected 1 to ${MAX_16}`);
    }
    this.#names.add(name);
    const headerOffset = this.#position;
    const inMemory = content instanceof Uint8Array;
    const size = inMemory ? content.byteLength : content.length;
    const wide = this.#zip64 || size >= MAX_32;
    // The checksum of a range is known once it has been copied, and a sink can't go back: it follows the content.
    const flags = inMemory ? UTF8_NAME : UTF8_NAME | DESCRIPTOR;
    let crc = inMemory ? crc32(content) : 0;
    const stated = inMemory ? size : 0;
    const fields = wide ? zip64Field(BigInt(size), BigInt(size)) : new Uint8Array();
    const extra = this.#padded(fields, headerOffset + 30 + encoded.length);
    const header = new Fields(30);
    header.u32(0x04034b50).u16(wide ? 45 : 20).u16(flags).u16(0).u16(0).u16(DATE).u32(crc);
    header.u32(wide ? MAX_32 : stated).u32(wide ? MAX_32 : stated).u16(encoded.length).u16(extra.length);
    await this.#sink.write(header.bytes);
    await this.#sink.write(encoded);
    await this.#sink.write(extra);
    const contentOffset = this.#position;
    if (inMemory) {
      await this.#sink.write(content);
    } else {
      for await (const chunk of chunks(content)) {
        crc = crc32(chunk, crc);
        await this.#sink.write(chunk);
      }
      const descriptor = new Fields(wide ? 24 : 16).u32(0x08074b50).u32(crc);
      if (wide) descriptor.u64(size).u64(size);
      else descriptor.u32(size).u32(size);
      await this.#sink.write(descriptor.bytes);
    }
    this.#entries.push({ name: encoded, flags, crc, size, headerOffset });
    return contentOffset;
  }

  /** Writes the directory. The sink stays open. */
  async finish(): Promise<void> {
    const offset = this.#position;
    for (const entry of this.#entries) await this.#writeDirectoryEntry(entry);
    const end = this.#position;
    const size = end - offset;
    const count = this.#entries.length;
    if (this.#zip64 || count >= MAX_16 || offset >= MAX_32 || size >= MAX_32) {
      const record = new Fields(56).u32(0x06064b50).u64(44).u16(45).u16(45).u32(0).u32(0);
      record.u64(count).u64(count).u64(size).u64(offset);
      await this.#sink.write(record.bytes);
      await this.#sink.write(new Fields(20).u32(0x07064b50).u32(0).u64(end).u32(1).bytes);
    }
    const record = new Fields(22).u32(0x06054b50).u16(0).u16(0);
    record.u16(Math.min(count, MAX_16)).u16(Math.min(count, MAX_16));
    record.u32(Math.min(size, MAX_32)).u32(Math.min(offset, MAX_32)).u16(0);
    await this.#sink.write(record.bytes);
  }

  get #position(): number {
    return this.#sink.position - this.#start;
  }

  async #writeDirectoryEntry(entry: Written): Promise<void> {
    const { name, flags, crc, size, headerOffset } = entry;
    const wideSize = this.#zip64 || size >= MAX_32;
    const wideOffset = this.#zip64 || headerOffset >= MAX_32;
    const values: bigint[] = [];
    if (wideSize) values.push(BigInt(size), BigInt(size));
    if (wideOffset) values.push(BigInt(headerOffset));
    const extra = values.length > 0 ? zip64Field(...values) : new Uint8Array();
    const version = values.length > 0 ? 45 : 20;
    const header = new Fields(46).u32(0x02014b50).u16(version).u16(version).u16(flags).u16(0).u16(0).u16(DATE).u32(crc);
    header.u32(wideSize ? MAX_32 : size).u32(wideSize ? MAX_32 : size).u16(name.length).u16(extra.length);
    header.u16(0).u16(0).u16(0).u32(0).u32(wideOffset ? MAX_32 : headerOffset);
    await this.#sink.write(header.bytes);
    await this.#sink.write(name);
    await this.#sink.write(extra);
  }

  /** Adds PyTorch's padding field ("FB") such that the content after the extra fields is aligned. */
  #padded(fields: Uint8Array, start: number): Uint8Array {
    if (this.#alignment === 1) return fields;
    const unpadded = start + fields.length + 4;
    const padding = (this.#alignment - unpadded % this.#alignment) % this.#alignment;
    const extra = new Uint8Array(fields.length + 4 + padding).fill(0x5a);
    extra.set(fields);
    extra.set(new Fields(4).u16(0x4246).u16(padding).bytes, fields.length);
    return extra;
  }
}

function zip64Field(...values: bigint[]): Uint8Array {
  const field = new Fields(4 + 8 * values.length).u16(1).u16(8 * values.length);
  for (const value of values) field.u64(value);
  return field.bytes;
}

/** Little-endian fields one after the other. */
class Fields {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.#view = new DataView(this.bytes.buffer);
  }

  u16(value: number): this {
    this.#view.setUint16(this.#at, value, true);
    this.#at += 2;
    return this;
  }

  u32(value: number): this {
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
    return this;
  }

  u64(value: number | bigint): this {
    this.#view.setBigUint64(this.#at, BigInt(value), true);
    this.#at += 8;
    return this;
  }
}
