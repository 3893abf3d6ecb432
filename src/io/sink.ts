/**
 * Sequential output of bytes. Writers (zip, safetensors, ONNX) write to a Sink and don't know whether it is a file, memory
 * or a stream.
 */
import { crc32 } from "./crc32.ts";
import { type ByteRange, checkCrc, chunks } from "./source.ts";

/** Sequential output of bytes. */
export interface Sink {
  /** Number of bytes written so far. */
  readonly position: number;
  /** Appends bytes. The caller may reuse `bytes` once the promise is settled. */
  write(bytes: Uint8Array): Promise<void>;
  /** As `copyRange`, if the sink knows a faster way than reading and writing chunks. */
  copyFrom?(range: ByteRange, onBytes?: (count: number) => void): Promise<void>;
}

/**
 * Appends the bytes of a range to a sink, in bounded memory, and compares their checksum where it is known. `onBytes` is
 * told how many bytes were written since it was last called.
 *
 * @throws {RangeError} when the bytes are not those that were stored; they are written by then
 */
export async function copyRange(sink: Sink, range: ByteRange, onBytes?: (count: number) => void): Promise<void> {
  if (sink.copyFrom !== undefined) return await sink.copyFrom(range, onBytes);
  let crc = 0;
  for await (const chunk of chunks(range)) {
    if (range.crc32 !== undefined) crc = crc32(chunk, crc);
    await sink.write(chunk);
    onBytes?.(chunk.byteLength);
  }
  checkCrc(range, crc);
}

/** Number of bytes that bring `position` to a multiple of `alignment`. */
export function paddingTo(alignment: number, position: number): number {
  if (!Number.isSafeInteger(alignment) || alignment < 1) {
    throw new RangeError(`Cannot align to ${alignment} bytes: expected a positive integer`);
  }
  return (alignment - position % alignment) % alignment;
}

/** A sink that collects bytes in memory. */
export class MemorySink implements Sink {
  #buffer = new Uint8Array(1024);
  #length = 0;

  get position(): number {
    return this.#length;
  }

  write(bytes: Uint8Array): Promise<void> {
    const length = this.#length + bytes.byteLength;
    if (length > this.#buffer.byteLength) {
      const grown = new Uint8Array(Math.max(length, 2 * this.#buffer.byteLength));
      grown.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = grown;
    }
    this.#buffer.set(bytes, this.#length);
    this.#length = length;
    return Promise.resolve();
  }

  /** What was written, without a copy: don't write afterwards. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(0, this.#length);
  }
}
