/**
 * Concrete tensors: a dtype, a strided shape, and a storage that is either bytes in memory or a range of a `Source` that
 * nobody has read yet. Weights stay ranges from the archive to the written model; kernels see loaded tensors only.
 */
import { crc32 } from "../io/crc32.ts";
import { type ByteRange, checkCrc, readRange } from "../io/source.ts";
import { type Data, decode, encode, newData } from "./data.ts";
import { type DType, isComplex, itemsize } from "./dtype.ts";
import { contiguousStrides } from "./meta.ts";

/** Bytes of one or more tensors: in memory, at rest, or (for fake weights) nowhere. */
export class Storage {
  /** Size in bytes. */
  readonly byteLength: number;
  /** Where the bytes lie at rest, if they do. */
  readonly range: ByteRange | null;
  /** The bytes, if in memory. */
  readonly bytes: Uint8Array | null;
  /** False when elements of more than one byte are stored big-endian. */
  readonly littleEndian: boolean;

  private constructor(byteLength: number, range: ByteRange | null, bytes: Uint8Array | null, littleEndian: boolean) {
    this.byteLength = byteLength;
    this.range = range;
    this.bytes = bytes;
    this.littleEndian = littleEndian;
  }

  /** A storage in memory. */
  static of(bytes: Uint8Array): Storage {
    return new Storage(bytes.byteLength, null, bytes, true);
  }

  /** A storage at rest; nothing is read until a tensor over it is loaded. */
  static lazy(range: ByteRange, littleEndian: boolean = true): Storage {
    return new Storage(range.length, range, null, littleEndian);
  }

  /** A storage without bytes: the archive was saved from fake or `meta` tensors. */
  static missing(byteLength: number): Storage {
    return new Storage(byteLength, null, null, true);
  }
}

/** A concrete tensor. */
export class Tensor {
  /** Type of the elements. */
  readonly dtype: DType;
  /** Sizes; empty for a 0-d tensor. */
  readonly shape: readonly number[];
  /** In elements. */
  readonly strides: readonly number[];
  /** In elements. */
  readonly offset: number;
  /** What the elements lie in; tensors may share it. */
  readonly storage: Storage;

  /**
   * Elements of a storage.
   *
   * @param strides in elements; by default those of row-major order
   * @param offset of the first element, in elements
   * @throws {RangeError} when sizes, strides and offset reach outside the storage
   */
  constructor(
    dtype: DType,
    shape: readonly number[],
    storage: Storage,
    strides: readonly number[] = contiguousStrides(shape) as number[],
    offset = 0,
  ) {
    this.dtype = dtype;
    this.shape = shape;
    this.strides = strides;
    this.offset = offset;
    this.storage = storage;
    checkBounds(this);
  }

  /** A tensor over values in row-major order; see `data.ts` for the array type of each dtype. */
  static of(dtype: DType, shape: readonly number[], values: Data | readonly number[] | readonly bigint[]): Tensor {
    const count = elementCount(shape) * (isComplex(dtype) ? 2 : 1);
    if (values.length !== count) {
      throw new RangeError(
        `Cannot make a ${dtype}[${shape.join(", ")}] of ${values.length} values: ${count} are needed`,
      );
    }
    const data = ArrayBuffer.isView(values) ? values as Data : fillData(dtype, values);
    return new Tensor(dtype, shape, Storage.of(encode(dtype, data)));
  }

  /** A 0-d tensor. */
  static scalar(dtype: DType, value: number | bigint | boolean): Tensor {
    return Tensor.of(dtype, [], fillData(dtype, [value]));
  }

  /** A contiguous tensor without values. */
  static missing(dtype: DType, shape: readonly number[]): Tensor {
    return new Tensor(dtype, shape, Storage.missing(elementCount(shape) * itemsize(dtype)));
  }

  /** Number of elements. */
  get numel(): number {
    return elementCount(this.shape);
  }

  /** Bytes of the elements when written contiguously. */
  get byteLength(): number {
    return this.numel * itemsize(this.dtype);
  }

  /** Whether the elements lie in row-major order without gaps. */
  get isContiguous(): boolean {
    if (this.numel === 0) return true;
    let step = 1;
    for (let i = this.shape.length - 1; i >= 0; i--) {
      if (this.shape[i] === 1) continue;
      if (this.strides[i] !== step) return false;
      step *= this.shape[i];
    }
    return true;
  }

  /** Whether the bytes are in memory. */
  get isLoaded(): boolean {
    return this.storage.bytes !== null || this.numel === 0;
  }

  /** Whether the elements are nowhere, neither in memory nor at rest: the tensor is fake. */
  get isMissing(): boolean {
    return !this.isLoaded && this.storage.range === null;
  }

  /**
   * Where the elements lie at rest as contiguous little-endian bytes, or null when they can't be taken from there as they
   * are (in memory, strided, big-endian).
   */
  get byteRange(): ByteRange | null {
    const range = this.storage.range;
    if (!range || !this.isContiguous) return null;
    const size = itemsize(this.dtype);
    if (!this.storage.littleEndian && size > 1) return null;
    if (this.byteLength === range.length) return range;
    return { source: range.source, offset: range.offset + this.offset * size, length: this.byteLength };
  }

  /** The same elements in memory, contiguous. Reads no more than the span the elements lie in. */
  async load(): Promise<Tensor> {
    if (this.numel === 0) return new Tensor(this.dtype, this.shape, Storage.of(new Uint8Array(0)));
    if (this.storage.bytes) return this.contiguous();
    const range = this.storage.range;
    if (!range) throw new RangeError(`Cannot read a ${this.dtype} tensor: its values are not included in the archive`);
    const size = itemsize(this.dtype);
    const span = this.shape.reduce((sum, n, i) => sum + (n - 1) * this.strides[i], 0) + 1;
    const part = { source: range.source, offset: range.offset + this.offset * size, length: span * size };
    const bytes = await readRange(part);
    if (part.length === range.length && range.crc32 !== undefined) checkCrc(range, crc32(bytes));
    const storage = Storage.of(this.storage.littleEndian ? bytes : swapBytes(bytes, unitSize(this.dtype)));
    return new Tensor(this.dtype, this.shape, storage, this.strides, 0).contiguous();
  }

  /** The same elements, contiguous at offset 0. The tensor must be loaded. */
  contiguous(): Tensor {
    const size = itemsize(this.dtype);
    const bytes = loadedBytes(this);
    if (this.isContiguous) {
      const start = this.offset * size;
      if (start === 0 && bytes.byteLength === this.byteLength) return this;
      return new Tensor(this.dtype, this.shape, Storage.of(bytes.subarray(start, start + this.byteLength)));
    }
    const out = new Uint8Array(this.byteLength);
    let at = 0;
    for (const index of elementOffsets(this)) {
      const from = index * size;
      for (let k = 0; k < size; k++) out[at++] = bytes[from + k];
    }
    return new Tensor(this.dtype, this.shape, Storage.of(out));
  }

  /** The elements' bytes, contiguous and little-endian. The tensor must be loaded. */
  bytes(): Uint8Array {
    return loadedBytes(this.contiguous());
  }

  /** The elements in row-major order; see `data.ts` for the array type of each dtype. The tensor must be loaded. */
  data(): Data {
    return decode(this.dtype, this.bytes());
  }

  /** The elements as JavaScript numbers or bigints, for printing and tests. */
  toArray(): (number | bigint)[] {
    return Array.from(this.data() as ArrayLike<number | bigint>);
  }

  /** The only element of a one-element tensor. */
  item(): number | bigint {
    if (this.numel !== 1) throw new RangeError(`Cannot take the item of a tensor with ${this.numel} elements`);
    return this.data()[0];
  }

  /** The same elements under another shape with as many elements. The tensor must be loaded. */
  reshape(shape: readonly number[]): Tensor {
    if (elementCount(shape) !== this.numel) {
      throw new RangeError(`Cannot reshape [${this.shape.join(", ")}] to [${shape.join(", ")}]`);
    }
    return new Tensor(this.dtype, shape, this.contiguous().storage);
  }
}

/** A tensor of a front end, which stands for a concrete tensor. */
export interface TensorHolder {
  /** The concrete tensor; another value while a program is captured. */
  readonly value: unknown;
}

/** The tensor that a value is or stands for; null for anything else. */
export function concreteOf(x: unknown): Tensor | null {
  if (x instanceof Tensor) return x;
  if (typeof x !== "object" || x === null || !("value" in x)) return null;
  return x.value instanceof Tensor ? x.value : null;
}

/** Product of sizes. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** Storage index of each element in row-major order. */
export function* elementOffsets(tensor: Tensor): Generator<number> {
  const { shape, strides } = tensor;
  const index = new Array(shape.length).fill(0);
  let at = tensor.offset;
  for (let n = tensor.numel; n > 0; n--) {
    yield at;
    for (let d = shape.length - 1; d >= 0; d--) {
      at += strides[d];
      if (++index[d] < shape[d]) break;
      at -= strides[d] * shape[d];
      index[d] = 0;
    }
  }
}

function fillData(dtype: DType, values: readonly (number | bigint | boolean)[]): Data {
  const data = newData(dtype, values.length);
  const big = data instanceof BigInt64Array || data instanceof BigUint64Array;
  for (let i = 0; i < values.length; i++) {
    data[i] = big ? BigInt(values[i] as number) : Number(values[i]);
  }
  return data;
}

function loadedBytes(tensor: Tensor): Uint8Array {
  if (tensor.numel === 0) return new Uint8Array(0);
  if (!tensor.storage.bytes) throw new RangeError("Cannot use the values of a tensor that is not loaded");
  return tensor.storage.bytes;
}

function checkBounds({ dtype, shape, strides, offset, storage }: Tensor): void {
  const where = `${dtype}[${shape.join(", ")}] with strides [${strides.join(", ")}] and offset ${offset}`;
  if (shape.length !== strides.length) throw new RangeError(`Cannot make ${where}: sizes and strides differ in rank`);
  if (![...shape, ...strides, offset].every((n) => Number.isSafeInteger(n) && n >= 0)) {
    throw new RangeError(`Cannot make ${where}: sizes, strides and offset must be non-negative integers`);
  }
  if (!Number.isSafeInteger(elementCount(shape) * itemsize(dtype))) {
    throw new RangeError(`Cannot make ${where}: it is too large`);
  }
  if (shape.includes(0)) return;
  const last = shape.reduce((sum, n, i) => sum + (n - 1) * strides[i], offset);
  if (!Number.isSafeInteger(last) || (last + 1) * itemsize(dtype) > storage.byteLength) {
    throw new RangeError(`Cannot make ${where}: it reaches outside its storage of ${storage.byteLength} bytes`);
  }
}

/** Byte order applies to each half of a complex number. */
function unitSize(dtype: DType): number {
  return isComplex(dtype) ? itemsize(dtype) / 2 : itemsize(dtype);
}

function swapBytes(bytes: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(bytes.length);
  for (let i = 0; i < bytes.length; i += size) {
    for (let k = 0; k < size; k++) out[i + k] = bytes[i + size - 1 - k];
  }
  return out;
}
