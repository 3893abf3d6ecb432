/**
 * The bytes of a tensor as ONNX stores them (contiguous, little-endian), in bounded memory wherever the tensor lies. What
 * can be copied as it is goes from source to sink; transposed, sliced, expanded and big-endian weights are gathered block
 * by block, so that a large one costs passes over its storage instead of memory.
 */
import { crc32 } from "../io/crc32.ts";
import { copyRange, type Sink } from "../io/sink.ts";
import { type ByteRange, checkCrc, chunks, subRange } from "../io/source.ts";
import { isComplex, itemsize, type Storage, type Tensor } from "../tensor/mod.ts";

/** Bytes of one block of gathered elements: tensors up to this size take one pass over their storage. */
const BLOCK_SIZE = 32 << 20;
/** Bytes of storage held at once while gathering. */
const WINDOW_SIZE = 8 << 20;
/** Elements further apart than this (in bytes) are read one by one. */
const SPARSE_STEP = 256 << 10;

/** What is kept from tensor to tensor: memory that gathering works in, and which storages were checked. */
export class Scratch {
  readonly #checked: Set<Storage> = new Set();
  #block: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #window: Uint8Array<ArrayBuffer> = new Uint8Array(0);

  /** At least `size` bytes for gathered elements. */
  block(size: number): Uint8Array<ArrayBuffer> {
    if (this.#block.byteLength < size) this.#block = new Uint8Array(size);
    return this.#block;
  }

  /**
   * Compares a storage's bytes with their checksum, once: for tensors that are only a part of it.
   *
   * @throws {RangeError} when they differ
   */
  async check(storage: Storage): Promise<void> {
    const { range } = storage;
    if (range?.crc32 === undefined || this.#checked.has(storage)) return;
    this.#checked.add(storage);
    let crc = 0;
    for await (const chunk of chunks(range)) crc = crc32(chunk, crc);
    checkCrc(range, crc);
  }

  /** At least `size` bytes for what is read. */
  window(size: number): Uint8Array<ArrayBuffer> {
    if (this.#window.byteLength < size) this.#window = new Uint8Array(size);
    return this.#window;
  }
}

/**
 * Appends a tensor's elements to a sink; `onBytes` is told how many bytes were written since it was last called. Pass the
 * same `scratch` for tensors that are written in turn.
 *
 * @throws {RangeError} when the values can't be read
 */
export async function writeTensor(
  sink: Sink,
  tensor: Tensor,
  onBytes?: (count: number) => void,
  scratch: Scratch = new Scratch(),
): Promise<void> {
  const start = sink.position;
  const range = tensor.storage.bytes ? null : tensor.byteRange;
  if (range) {
    if (range.crc32 === undefined) await scratch.check(tensor.storage);
    await copyRange(sink, range, onBytes);
  } else {
    for await (const chunk of tensorChunks(tensor, scratch)) {
      await sink.write(chunk);
      onBytes?.(chunk.byteLength);
    }
  }
  if (sink.position - start !== tensor.byteLength) {
    throw new RangeError(
      `Cannot write a tensor of ${tensor.byteLength} bytes: loading it gave ${sink.position - start} bytes`,
    );
  }
}

/**
 * A tensor's elements in row-major order as little-endian bytes. A chunk is valid until the next one is asked for.
 *
 * A tensor without a storage at rest or in memory is asked to `load`, so that a subclass can compute its values then.
 */
export async function* tensorChunks(tensor: Tensor, scratch: Scratch = new Scratch()): AsyncGenerator<Uint8Array> {
  if (tensor.numel === 0) return;
  await scratch.check(tensor.storage);
  const { bytes, range } = tensor.storage;
  if (bytes) {
    yield tensor.bytes();
    return;
  }
  const whole = tensor.byteRange;
  if (whole) yield* chunks(whole);
  else if (range) yield* gather(tensor, range, scratch);
  else yield (await tensor.load()).bytes();
}

type Words = Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** Splits the elements into blocks of leading indices that fit `BLOCK_SIZE`. */
async function* gather(tensor: Tensor, range: ByteRange, scratch: Scratch): AsyncGenerator<Uint8Array> {
  const { shape, strides } = tensor;
  const size = itemsize(tensor.dtype);
  // The first axis whose single index fits a block; a 0-d tensor is one element.
  let axis = 0;
  let inner = tensor.byteLength;
  while (axis < shape.length) {
    inner /= shape[axis];
    if (inner <= BLOCK_SIZE) break;
    axis++;
  }
  const window = new Window(tensor, range, scratch);
  if (axis >= shape.length) {
    yield await gatherBlock(window, new Uint8Array(size), size, [], [], tensor.offset);
    return;
  }
  const step = Math.max(1, Math.min(shape[axis], Math.floor(BLOCK_SIZE / inner)));
  const block = scratch.block(step * inner);
  for (const outer of offsetsOf(shape.slice(0, axis), strides.slice(0, axis), tensor.offset)) {
    for (let from = 0; from < shape[axis]; from += step) {
      const blockShape = [Math.min(step, shape[axis] - from), ...shape.slice(axis + 1)];
      const out = block.subarray(0, blockShape[0] * inner);
      yield await gatherBlock(window, out, size, blockShape, strides.slice(axis), outer + from * strides[axis]);
    }
  }
}

/** Positions of all indices of a shape, in row-major order. */
function* offsetsOf(shape: readonly number[], strides: readonly number[], base: number): Generator<number> {
  if (shape.length === 0) {
    yield base;
    return;
  }
  for (let i = 0; i < shape[0]; i++) yield* offsetsOf(shape.slice(1), strides.slice(1), base + i * strides[0]);
}

/**
 * Gathers a block in the order in which its elements lie in the storage, so that the storage is read forwards once; each
 * element is stored where the row-major order wants it.
 */
async function gatherBlock(
  window: Window,
  block: Uint8Array<ArrayBuffer>,
  size: number,
  shape: readonly number[],
  strides: readonly number[],
  base: number,
): Promise<Uint8Array> {
  const count = shape.reduce((a, b) => a * b, 1);
  const out = wordsOf(block, size);
  const perElement = out.length / count;
  let step = 1;
  const axes = shape.map((n, i) => ({ n, stride: strides[i], to: i })).reverse();
  for (const axis of axes) {
    axis.to = step;
    step *= axis.n;
  }
  const ordered = axes.filter((a) => a.n > 1).sort((a, b) => b.stride - a.stride || b.to - a.to);
  const inner = ordered.pop() ?? { n: 1, stride: 0, to: 0 };
  const index = new Array<number>(ordered.length).fill(0);
  let from = base;
  let to = 0;
  for (let left = count / inner.n; left > 0; left--) {
    for (let i = 0; i < inner.n;) {
      const at = from + i * inner.stride;
      if (!window.holds(at)) await window.move(at, inner.stride * size);
      const run = inner.stride === 0 ? inner.n : Math.min(inner.n, i + Math.ceil((window.end - at) / inner.stride));
      const words = window.words;
      if (perElement === 1) {
        for (let k = at - window.start; i < run; i++, k += inner.stride) out[to + i * inner.to] = words[k];
      } else {
        for (let k = (at - window.start) * perElement; i < run; i++, k += inner.stride * perElement) {
          const target = (to + i * inner.to) * perElement;
          for (let w = 0; w < perElement; w++) out[target + w] = words[k + w];
        }
      }
    }
    for (let d = ordered.length - 1; d >= 0; d--) {
      const axis = ordered[d];
      from += axis.stride;
      to += axis.to;
      if (++index[d] < axis.n) break;
      from -= axis.stride * axis.n;
      to -= axis.to * axis.n;
      index[d] = 0;
    }
  }
  return block;
}

/** A view of part of a tensor's storage, in elements, already little-endian. */
class Window {
  /** First element held. */
  start = 0;
  /** After the last element held. */
  end = 0;
  words: Words = new Uint8Array(0);
  readonly #range: ByteRange;
  readonly #size: number;
  /** Bytes to reverse in, or 1. */
  readonly #swap: number;
  /** After the last element that the tensor reaches. */
  readonly #limit: number;
  readonly #scratch: Scratch;

  constructor(tensor: Tensor, range: ByteRange, scratch: Scratch) {
    this.#range = range;
    this.#scratch = scratch;
    this.#size = itemsize(tensor.dtype);
    const unit = isComplex(tensor.dtype) ? this.#size / 2 : this.#size;
    this.#swap = tensor.storage.littleEndian ? 1 : unit;
    this.#limit = tensor.shape.reduce((sum, n, i) => sum + (n - 1) * tensor.strides[i], tensor.offset) + 1;
  }

  holds(element: number): boolean {
    return element >= this.start && element < this.end;
  }

  /** Holds the storage from an element on; little of it where the next one needed is `step` bytes further. */
  async move(element: number, step: number): Promise<void> {
    const wanted = step > SPARSE_STEP ? 1 : Math.floor(WINDOW_SIZE / this.#size);
    const count = Math.min(wanted, this.#limit - element);
    const bytes = count * this.#size;
    const target = this.#scratch.window(bytes).subarray(0, bytes);
    const part = subRange(this.#range, element * this.#size, bytes);
    if (part.source.readInto) await part.source.readInto(part.offset, target);
    else target.set(await part.source.read(part.offset, bytes));
    if (this.#swap > 1) reverseUnits(target, this.#swap);
    this.words = wordsOf(target, this.#size);
    this.start = element;
    this.end = element + count;
  }
}

/** Bytes as the widest words that elements of the size consist of: moving words is faster than moving bytes. */
function wordsOf(bytes: Uint8Array<ArrayBuffer>, size: number): Words {
  if (size === 1) return bytes;
  if (size === 2) return new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

function reverseUnits(bytes: Uint8Array, unit: number): void {
  for (let i = 0; i < bytes.byteLength; i += unit) bytes.subarray(i, i + unit).reverse();
}
