/**
 * Protobuf's wire format, as far as writing a model needs it. A message is built in one buffer; contents that are large or
 * lie at rest (weights) are only entered as payloads, and written later from where they are. Protobuf libraries do neither
 * payloads nor lengths of 2^31 and more, and importing one takes longer than writing a small model.
 *
 * Source: https://protobuf.dev/programming-guides/encoding/
 */

/** Contents that a message refers to until it is written out. */
export interface Payload {
  /** Number of bytes that it will have. */
  readonly byteLength: number;
}

const VARINT = 0;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

interface Splice<P> {
  /** Position in the buffer that the payload is written before. */
  at: number;
  readonly payload: P;
}

/**
 * Builds one message and those nested in it.
 *
 * @example
 * ```ts
 * const w = new MessageWriter();
 * w.string(1, "x");
 * w.message(2, () => w.int(1, 7));
 * [...w.parts()]; // one Uint8Array: 0a 01 78 12 02 08 07
 * ```
 */
export class MessageWriter<P extends Payload = Payload> {
  #buffer: Uint8Array<ArrayBuffer> = new Uint8Array(4096);
  #length = 0;
  #payloadBytes = 0;
  readonly #splices: Splice<P>[] = [];
  readonly #encoder = new TextEncoder();

  /** Bytes of the message, payloads included. */
  get byteLength(): number {
    return this.#length + this.#payloadBytes;
  }

  /** An int32, int64 or enum field. Integers beyond 2^53 need a bigint. */
  int(field: number, value: number | bigint): void {
    this.#tag(field, VARINT);
    if (typeof value === "number" && value >= 0) {
      if (!Number.isSafeInteger(value)) throw new RangeError(`Cannot write ${value} as an integer`);
      this.#reserve(10);
      this.#length = putVarint(this.#buffer, this.#length, value);
    } else {
      this.#bigVarint(BigInt(value));
    }
  }

  /** A float field: the nearest float32. */
  float(field: number, value: number): void {
    this.#tag(field, FIXED32);
    this.#reserve(4);
    new DataView(this.#buffer.buffer).setFloat32(this.#length, value, true);
    this.#length += 4;
  }

  /** A string field. @throws {TypeError} when the text has half of a surrogate pair: UTF-8 can't say that */
  string(field: number, text: string): void {
    if (!text.isWellFormed()) {
      throw new TypeError(`Cannot write ${JSON.stringify(text)}: it is not well-formed Unicode`);
    }
    this.#tag(field, LENGTH_DELIMITED);
    this.#reserve(1 + 3 * text.length);
    const start = this.#length;
    const { written } = this.#encoder.encodeInto(text, this.#buffer.subarray(start + 1));
    this.#length += 1 + written;
    this.#prefix(start, this.#splices.length, written);
  }

  /** A bytes field. */
  bytes(field: number, value: Uint8Array): void {
    this.#tag(field, LENGTH_DELIMITED);
    this.#reserve(10 + value.byteLength);
    this.#length = putVarint(this.#buffer, this.#length, value.byteLength);
    this.#buffer.set(value, this.#length);
    this.#length += value.byteLength;
  }

  /** A bytes field whose contents are written later. */
  payload(field: number, payload: P): void {
    this.#tag(field, LENGTH_DELIMITED);
    this.#reserve(10);
    this.#length = putVarint(this.#buffer, this.#length, payload.byteLength);
    this.encodedPayload(payload);
  }

  /** A message field; what `body` writes is its contents. */
  message(field: number, body: () => void): void {
    const close = this.open(field);
    body();
    close();
  }

  /** Begins a message field: what is written until the result is called is its contents. */
  open(field: number): () => void {
    this.#tag(field, LENGTH_DELIMITED);
    const start = this.#length;
    const firstSplice = this.#splices.length;
    const payloadBytes = this.#payloadBytes;
    this.#reserve(1);
    this.#length++;
    return () => this.#prefix(start, firstSplice, this.#length - start - 1 + this.#payloadBytes - payloadBytes);
  }

  /** Fields that are encoded already. */
  encoded(fields: Uint8Array): void {
    this.#reserve(fields.byteLength);
    this.#buffer.set(fields, this.#length);
    this.#length += fields.byteLength;
  }

  /** Fields that are encoded already and written later. */
  encodedPayload(fields: P): void {
    this.#splices.push({ at: this.#length, payload: fields });
    this.#payloadBytes += fields.byteLength;
  }

  /** The message in order: bytes, and payloads where they belong. The bytes stay valid until more is written. */
  *parts(): Generator<Uint8Array | P> {
    let done = 0;
    for (const { at, payload } of this.#splices) {
      if (at > done) yield this.#buffer.subarray(done, at);
      yield payload;
      done = at;
    }
    if (this.#length > done) yield this.#buffer.subarray(done, this.#length);
  }

  #tag(field: number, wireType: number): void {
    this.#reserve(10);
    this.#length = putVarint(this.#buffer, this.#length, field * 8 + wireType);
  }

  /**
   * Writes a length at `start`, where one byte was left for it. Most lengths fit; for others the contents move up, which
   * costs less than a buffer per nested message.
   */
  #prefix(start: number, firstSplice: number, length: number): void {
    const extra = varintSize(length) - 1;
    if (extra > 0) {
      this.#reserve(extra);
      this.#buffer.copyWithin(start + 1 + extra, start + 1, this.#length);
      this.#length += extra;
      for (let i = firstSplice; i < this.#splices.length; i++) this.#splices[i].at += extra;
    }
    putVarint(this.#buffer, start, length);
  }

  /** Negative numbers are written as their 64-bit two's complement. */
  #bigVarint(value: bigint): void {
    if (value < -(2n ** 63n) || value >= 2n ** 63n) throw new RangeError(`Cannot write ${value} as an int64`);
    this.#reserve(10);
    let rest = BigInt.asUintN(64, value);
    for (; rest > 127n; rest >>= 7n) this.#buffer[this.#length++] = Number(rest & 127n) | 128;
    this.#buffer[this.#length++] = Number(rest);
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#buffer.byteLength) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.#buffer.byteLength));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
  }
}

/** Bytes that a non-negative safe integer takes as a varint. */
function varintSize(value: number): number {
  let size = 1;
  for (; value > 127; value = Math.floor(value / 128)) size++;
  return size;
}

/** Division, not shifts: those wrap at 2^32, and lengths don't. Returns the position after the varint. */
function putVarint(buffer: Uint8Array, at: number, value: number): number {
  for (; value > 127; value = Math.floor(value / 128)) buffer[at++] = value % 128 | 128;
  buffer[at++] = value;
  return at;
}
