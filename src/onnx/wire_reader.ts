/**
 * Reads protobuf's wire format from a source field by field, without the contents of the fields: what is large is skipped
 * and stays a range of the source.
 *
 * Source: https://protobuf.dev/programming-guides/encoding/
 */
import type { Source } from "../io/source.ts";

/** Bytes that are read at once. */
const WINDOW = 1 << 16;

/** Wire types that ONNX's messages use. */
export const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** A field of a message, by its place in the source. */
export interface Field {
  readonly number: number;
  readonly wireType: number;
  /** Where its tag begins. */
  readonly start: number;
  /** Where its contents begin. */
  readonly offset: number;
  /** Bytes of its contents. */
  readonly length: number;
}

/** Reads messages of one source. */
export class WireReader {
  readonly source: Source;
  #window = new Uint8Array(0);
  #at = 0;

  constructor(source: Source) {
    this.source = source;
  }

  /**
   * The fields of the message in a part of the source.
   *
   * @throws {SyntaxError} when the part does not hold a message
   */
  async *fields(offset: number, length: number): AsyncGenerator<Field> {
    const end = offset + length;
    for (let position = offset; position < end;) {
      const tag = await this.#varint(position, end);
      const wireType = tag.value % 8;
      const number = Math.floor(tag.value / 8);
      let at = tag.end;
      let size: number;
      if (wireType === WIRE.varint) size = (await this.#varint(at, end)).end - at;
      else if (wireType === WIRE.fixed64) size = 8;
      else if (wireType === WIRE.fixed32) size = 4;
      else if (wireType === WIRE.bytes) {
        const prefix = await this.#varint(at, end);
        [at, size] = [prefix.end, prefix.value];
      } else throw new SyntaxError(`byte ${position} begins a field of wire type ${wireType}`);
      if (number === 0 || size > end - at) {
        throw new SyntaxError(`the field at byte ${position} reaches beyond its message`);
      }
      yield { number, wireType, start: position, offset: at, length: size };
      position = at + size;
    }
  }

  /** A part of the source, in memory of its own. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    if (length > WINDOW) return await this.source.read(offset, length);
    return (await this.#bytes(offset, length)).slice(0, length);
  }

  /** At least `length` bytes from a position on; valid until the next call. */
  async #bytes(offset: number, length: number): Promise<Uint8Array> {
    if (offset < this.#at || offset + length > this.#at + this.#window.byteLength) {
      this.#window = new Uint8Array(0);
      this.#window = new Uint8Array(await this.source.read(offset, Math.min(WINDOW, this.source.size - offset)));
      this.#at = offset;
    }
    return this.#window.subarray(offset - this.#at);
  }

  /** A varint as a number: values beyond 2^53 lose digits, and only those of lengths and tags are used. */
  async #varint(offset: number, end: number): Promise<{ value: number; end: number }> {
    const bytes = await this.#bytes(offset, Math.min(10, end - offset));
    let [value, scale] = [0, 1];
    for (let i = 0; i < Math.min(10, end - offset); i++, scale *= 128) {
      value += bytes[i] % 128 * scale;
      if (bytes[i] < 128) return { value, end: offset + i + 1 };
    }
    throw new SyntaxError(`the number at byte ${offset} has no end`);
  }
}
