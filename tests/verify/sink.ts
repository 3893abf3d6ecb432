/** A sink that keeps what is written. */
import type { Sink } from "../../src/io/sink.ts";

/** Collects bytes. */
export class BytesSink implements Sink {
  position = 0;
  private readonly parts: Uint8Array[] = [];

  write(bytes: Uint8Array): Promise<void> {
    this.parts.push(bytes.slice());
    this.position += bytes.byteLength;
    return Promise.resolve();
  }

  /** All that was written. */
  bytes(): Uint8Array<ArrayBuffer> {
    const all = new Uint8Array(this.position);
    let at = 0;
    for (const part of this.parts) {
      all.set(part, at);
      at += part.byteLength;
    }
    return all;
  }
}
