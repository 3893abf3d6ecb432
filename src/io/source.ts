/**
 * Random access to bytes at rest, whether they lie in a file, a Blob or memory. Everything that reads an input goes
 * through this, so that weights are referenced by range and only read when something needs them.
 */

/** Random access to bytes at rest. */
export interface Source {
  /** A name for messages: a path, a URL or what the caller called it. */
  readonly name: string;
  /** Number of bytes. */
  readonly size: number;
  /**
   * Exactly `length` bytes from `offset`. The result may share memory with the source: treat it as read-only.
   *
   * @throws {RangeError} if the part does not lie inside the source
   */
  read(offset: number, length: number): Promise<Uint8Array>;
  /**
   * Fills `target` with the bytes from `offset`, without allocating. Optional: sources that have it can be copied with
   * one reused buffer.
   */
  readInto?(offset: number, target: Uint8Array): Promise<void>;
  /** Releases what the source holds. Reading afterwards fails. */
  close?(): void;
  /** The absolute file path, if the source is a file. */
  readonly path?: string;
  /** The range that this source is a view of, if it is one: see `rootRange`. */
  readonly within?: ByteRange;
}

/** A checked part of a source. */
export interface ByteRange {
  /** What it is a part of. */
  readonly source: Source;
  /** Bytes from the start of the source. */
  readonly offset: number;
  /** Number of bytes. */
  readonly length: number;
  /** The CRC-32 of exactly these bytes, where it is known: whoever reads them all compares it. */
  readonly crc32?: number;
}

/** Chunk size of copies: large enough that the cost per call vanishes, small enough to stay in the processor's cache. */
export const CHUNK_SIZE = 1 << 20;

/**
 * Checks that a part lies inside a whole of `size` bytes.
 *
 * @throws {RangeError} naming `what`
 */
export function checkBounds(offset: number, length: number, size: number, what: string): void {
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0) {
    throw new RangeError(`Cannot read ${what}: offset ${offset} and length ${length} must be non-negative integers`);
  }
  if (offset > size - length) {
    throw new RangeError(
      `Cannot read ${what}: ${length} bytes at offset ${offset} end after the last of its ${size} bytes`,
    );
  }
}

/**
 * A part of a source as a range, checked.
 *
 * @throws {RangeError} if the part does not lie inside the source
 */
export function byteRange(source: Source, offset: number = 0, length: number = source.size - offset): ByteRange {
  checkBounds(offset, length, source.size, source.name);
  return { source, offset, length };
}

/**
 * Bytes in memory as a source. Reads are views, nothing is copied.
 *
 * @example
 * ```ts
 * const source = bytesSource(new Uint8Array([1, 2, 3]));
 * await source.read(1, 2); // Uint8Array [2, 3]
 * ```
 */
export function bytesSource(bytes: Uint8Array, name: string = "bytes"): Source {
  return {
    name,
    size: bytes.byteLength,
    read(offset: number, length: number): Promise<Uint8Array> {
      return Promise.try(() => {
        checkBounds(offset, length, bytes.byteLength, name);
        return bytes.subarray(offset, offset + length);
      });
    },
    readInto(offset: number, target: Uint8Array): Promise<void> {
      return Promise.try(() => {
        checkBounds(offset, target.byteLength, bytes.byteLength, name);
        target.set(bytes.subarray(offset, offset + target.byteLength));
      });
    },
  };
}

/** A Blob (in browsers also a File) as a source; only the parts that are asked for are read. */
export function blobSource(blob: Blob, name: string = "blob"): Source {
  return {
    name,
    size: blob.size,
    async read(offset: number, length: number): Promise<Uint8Array> {
      checkBounds(offset, length, blob.size, name);
      const bytes = new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer());
      if (bytes.byteLength !== length) {
        throw new RangeError(`Cannot read ${name}: got ${bytes.byteLength} of ${length} bytes at offset ${offset}`);
      }
      return bytes;
    },
  };
}

/**
 * A range as a source of its own, for example a zip inside a zip.
 *
 * @throws {RangeError} if the range does not lie inside its source
 */
export function rangeSource(range: ByteRange, name: string = range.source.name): Source {
  const { source, offset: start, length: size } = byteRange(range.source, range.offset, range.length);
  const result: Source = {
    name,
    size,
    within: range,
    async read(offset: number, length: number): Promise<Uint8Array> {
      checkBounds(offset, length, size, name);
      return await source.read(start + offset, length);
    },
  };
  if (source.readInto === undefined) return result;
  return {
    ...result,
    async readInto(offset: number, target: Uint8Array): Promise<void> {
      checkBounds(offset, target.byteLength, size, name);
      await source.readInto!(start + offset, target);
    },
  };
}

/**
 * The same bytes as a range of the outermost source: a tensor in an archive in an archive becomes a range of the file,
 * which can be copied fast and referred to from outside.
 */
export function rootRange(range: ByteRange): ByteRange {
  let { source, offset } = range;
  while (source.within !== undefined) {
    offset += source.within.offset;
    source = source.within.source;
  }
  return { ...range, source, offset };
}

/** Compares the checksum of a range's bytes with the known one. @throws {RangeError} when they differ */
export function checkCrc(range: ByteRange, crc: number): void {
  if (range.crc32 === undefined || range.crc32 === crc) return;
  throw new RangeError(`Cannot use ${range.length} bytes of ${range.source.name}: they do not match their checksum`);
}

/** A part of a range, checked against the range. `offset` counts from the start of the range. */
export function subRange(range: ByteRange, offset: number, length: number): ByteRange {
  checkBounds(offset, length, range.length, range.source.name);
  return { source: range.source, offset: range.offset + offset, length };
}

/** All bytes of a range. The result may share memory with the source: treat it as read-only. */
export function readRange(range: ByteRange): Promise<Uint8Array> {
  return range.source.read(range.offset, range.length);
}

/**
 * The bytes of a range in order, `chunkSize` at a time (the last may be shorter), so that memory stays bounded.
 * A chunk is valid until the next one is asked for: its memory may be reused.
 */
export async function* chunks(range: ByteRange, chunkSize: number = CHUNK_SIZE): AsyncGenerator<Uint8Array> {
  if (!Number.isSafeInteger(chunkSize) || chunkSize < 1) {
    throw new RangeError(`Cannot read ${range.source.name} in chunks of ${chunkSize} bytes: expected at least 1`);
  }
  checkBounds(range.offset, range.length, range.source.size, range.source.name);
  const { source, offset, length } = range;
  const buffer = source.readInto && new Uint8Array(Math.min(chunkSize, length));
  for (let done = 0; done < length; done += chunkSize) {
    const size = Math.min(chunkSize, length - done);
    if (buffer !== undefined) {
      const target = buffer.subarray(0, size);
      await source.readInto!(offset + done, target);
      yield target;
    } else {
      yield await source.read(offset + done, size);
    }
  }
}
