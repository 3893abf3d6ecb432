/**
 * Elements as typed arrays. Integers and floats of JavaScript's own widths are the arrays of that width; int64 and uint64
 * are bigint arrays (exact); bfloat16 and float8 are decoded to Float32Array and rounded to nearest even when encoded;
 * complex numbers are real and imaginary parts in turn.
 */
import type { DType } from "./dtype.ts";

/** Elements in row-major order. */
export type Data =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float16Array
  | Float32Array
  | Float64Array;

type DataConstructor = {
  new (length: number): Data;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): Data;
  readonly BYTES_PER_ELEMENT: number;
};

const ARRAYS: Readonly<Record<DType, DataConstructor>> = {
  bool: Uint8Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  float16: Float16Array,
  bfloat16: Float32Array,
  float32: Float32Array,
  float64: Float64Array,
  float8_e4m3fn: Float32Array,
  float8_e4m3fnuz: Float32Array,
  float8_e5m2: Float32Array,
  float8_e5m2fnuz: Float32Array,
  float8_e8m0fnu: Float32Array,
  complex32: Float16Array,
  complex64: Float32Array,
  complex128: Float64Array,
};

/** The most values that are held in one array. */
const MAX_LENGTH = 2 ** 30;

/** A zeroed array for `length` values (two per complex element). @throws {RangeError} when they are too many */
export function newData(dtype: DType, length: number): Data {
  if (!(length >= 0 && length <= MAX_LENGTH)) {
    throw new RangeError(`Cannot hold ${length} values of ${dtype} in memory: at most ${MAX_LENGTH} are supported`);
  }
  return new ARRAYS[dtype](length);
}

/** Whether elements of the dtype are bigints. */
export function isBigData(data: Data): data is BigInt64Array | BigUint64Array {
  return data instanceof BigInt64Array || data instanceof BigUint64Array;
}

/** Bytes to elements; no copy where alignment allows. */
export function decode(dtype: DType, bytes: Uint8Array): Data {
  const codec = CODECS[dtype];
  if (codec) return codec.decode(bytes);
  const array = ARRAYS[dtype];
  const aligned = bytes.byteOffset % array.BYTES_PER_ELEMENT === 0 ? bytes : bytes.slice();
  return new array(aligned.buffer, aligned.byteOffset, aligned.byteLength / array.BYTES_PER_ELEMENT);
}

/** Elements to bytes; shares memory with `data` where no rounding is needed. */
export function encode(dtype: DType, data: Data): Uint8Array {
  const codec = CODECS[dtype];
  // PyTorch rounds through float32, whatever it converts from.
  if (codec) {
    return codec.encode(data instanceof Float32Array ? data : Float32Array.from(data as ArrayLike<number>, Number));
  }
  if (data.constructor !== ARRAYS[dtype]) {
    throw new TypeError(`Cannot store ${data.constructor.name} as ${dtype}: ${ARRAYS[dtype].name} is needed`);
  }
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

interface Codec {
  decode(bytes: Uint8Array): Float32Array;
  encode(values: Float32Array): Uint8Array;
}

/** The upper half of a float32. */
const bfloat16: Codec = {
  decode(bytes) {
    const bits = new Uint32Array(bytes.length / 2);
    for (let i = 0; i < bits.length; i++) bits[i] = (bytes[2 * i] | bytes[2 * i + 1] << 8) << 16;
    return new Float32Array(bits.buffer);
  },
  encode(values) {
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
    const out = new Uint8Array(2 * values.length);
    for (let i = 0; i < values.length; i++) {
      const half = Number.isNaN(values[i]) ? 0x7fc0 : (bits[i] + 0x7fff + ((bits[i] >>> 16) & 1)) >>> 16;
      out[2 * i] = half;
      out[2 * i + 1] = half >>> 8;
    }
    return out;
  },
};

function bytewise(decodeBits: (bits: number) => number, encodeValue: (value: number) => number): Codec {
  return {
    decode(bytes) {
      const out = new Float32Array(bytes.length);
      for (let i = 0; i < out.length; i++) out[i] = decodeBits(bytes[i]);
      return out;
    },
    encode(values) {
      const out = new Uint8Array(values.length);
      for (let i = 0; i < out.length; i++) out[i] = encodeValue(values[i]);
      return out;
    },
  };
}

/** An 8-bit float with `mantissa` mantissa bits; the formats differ in bias and in what their top codes mean. */
function float8(mantissa: number, bias: number, kind: "ieee" | "fn" | "fnuz"): Codec {
  const top = 0x7f >> mantissa;
  const decodeBits = (bits: number): number => {
    const sign = bits & 0x80 ? -1 : 1;
    const exponent = (bits & 0x7f) >> mantissa;
    const fraction = bits & ((1 << mantissa) - 1);
    if (kind === "fnuz" && bits === 0x80) return NaN;
    if (kind === "fn" && (bits & 0x7f) === 0x7f) return NaN;
    if (kind === "ieee" && exponent === top) return fraction ? NaN : sign * Infinity;
    if (exponent === 0) return sign * fraction * 2 ** (1 - bias - mantissa);
    return sign * (1 + fraction / 2 ** mantissa) * 2 ** (exponent - bias);
  };
  return bytewise(decodeBits, nearest(decodeBits, kind));
}

/** Rounds to the nearest code, ties to the even one. As in PyTorch, what is too large becomes infinity, the largest (fn) or NaN (fnuz). */
function nearest(decodeBits: (bits: number) => number, kind: "ieee" | "fn" | "fnuz"): (value: number) => number {
  let codes: number[] = [];
  let finite = 0;
  const nan = kind === "fnuz" ? 0x80 : 0x7f;
  return (value) => {
    if (Number.isNaN(value)) return nan;
    if (codes.length === 0) {
      codes = Array.from({ length: 128 }, (_, i) => decodeBits(i));
      finite = codes.findLastIndex(Number.isFinite);
    }
    const negative = value < 0 || Object.is(value, -0);
    const x = Math.abs(value);
    let low = 0, high = finite;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (codes[middle] <= x) low = middle;
      else high = middle - 1;
    }
    let code = low;
    if (low < finite) {
      const [down, up] = [x - codes[low], codes[low + 1] - x];
      if (up < down || (up === down && low % 2 === 1)) code = low + 1;
    } else if (kind !== "fn") {
      const step = codes[finite] - codes[finite - 1];
      const over = x - codes[finite];
      if (over > step / 2 || (over === step / 2 && finite % 2 === 1)) {
        if (kind === "fnuz") return nan;
        code = finite + 1;
      }
    }
    if (kind === "fnuz" && code === 0) return 0;
    return negative ? code | 0x80 : code;
  };
}

/** The exponent of a float32: a power of two, without a sign. Ties are rounded up, but for those of subnormal numbers. */
const float8_e8m0fnu: Codec = {
  decode: bytewise((bits) => bits === 0xff ? NaN : 2 ** (bits - 127), Number).decode,
  encode(values) {
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
    return Uint8Array.from(bits, (word) => {
      const [exponent, fraction] = [(word >>> 23) & 0xff, word & 0x7fffff];
      if (exponent === 0xff) return 0xff;
      return fraction > 0x400000 || (fraction === 0x400000 && exponent > 0) ? exponent + 1 : exponent;
    });
  },
};

const CODECS: Partial<Record<DType, Codec>> = {
  bfloat16,
  float8_e4m3fn: float8(3, 7, "fn"),
  float8_e4m3fnuz: float8(3, 8, "fnuz"),
  float8_e5m2: float8(2, 15, "ieee"),
  float8_e5m2fnuz: float8(2, 16, "fnuz"),
  float8_e8m0fnu,
};
