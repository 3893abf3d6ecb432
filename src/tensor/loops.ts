/**
 * Loops over typed arrays: the few shapes of computation that reference kernels are made of. They are plain rather than
 * fast: a kernel must be obviously right, and independent of the ONNX form it is compared with.
 *
 * Elements are JavaScript numbers, or bigints for int64 and uint64. The arithmetic operators mean the same on both, so a
 * function such as `(x, y) => x + y` serves every dtype; results are rounded or wrapped by the array they are stored in.
 */
import { type Data, decode, encode, isBigData, newData } from "./data.ts";
import { categoryOf, type DType, isComplex, isFloat } from "./dtype.ts";
import { broadcastShapes, contiguousStrides } from "./meta.ts";
import { elementCount, Tensor } from "./tensor.ts";

/** A function of elements. For int64 and uint64 the arguments are bigints at run time. */
export type ElementFn = (x: number) => number | bigint | boolean;
/** A function of two elements. */
export type ElementFn2 = (x: number, y: number) => number | bigint | boolean;

/** Stores a result in the array's own kind of number. */
export function store(out: Data, i: number, value: number | bigint | boolean): void {
  if (isBigData(out)) out[i] = typeof value === "bigint" ? value : toBigInt(value);
  else out[i] = typeof value === "number" ? value : Number(value);
}

function toBigInt(value: number | boolean): bigint {
  if (typeof value === "boolean") return value ? 1n : 0n;
  return Number.isFinite(value) ? BigInt(Math.trunc(value)) : -(2n ** 63n);
}

/** `fn` of each element. */
export function mapUnary(x: Tensor, dtype: DType, fn: ElementFn): Tensor {
  const data = x.data();
  const out = newData(dtype, data.length);
  for (let i = 0; i < data.length; i++) store(out, i, fn(data[i] as number));
  return Tensor.of(dtype, x.shape, out);
}

/** `fn` of each pair of elements, broadcast. */
export function mapBinary(x: Tensor, y: Tensor, dtype: DType, fn: ElementFn2): Tensor {
  const shape = broadcastShapes(x.shape, y.shape) as number[];
  const [a, b] = [expandTo(x, shape).data(), expandTo(y, shape).data()];
  const out = newData(dtype, a.length);
  for (let i = 0; i < a.length; i++) store(out, i, fn(a[i] as number, b[i] as number));
  return Tensor.of(dtype, shape, out);
}

/** A view of the tensor under a larger shape, as `torch.expand`: sizes of 1 are repeated. */
export function expandTo(x: Tensor, shape: readonly number[]): Tensor {
  const lead = shape.length - x.shape.length;
  const strides = shape.map((n, i) => {
    const d = i - lead;
    if (d < 0) return 0;
    if (x.shape[d] === n) return x.strides[d];
    if (x.shape[d] === 1) return 0;
    throw new RangeError(`Cannot expand [${x.shape.join(", ")}] to [${shape.join(", ")}]`);
  });
  return new Tensor(x.dtype, shape, x.storage, strides, x.offset);
}

/** A view with its dims in another order. */
export function permuteDims(x: Tensor, perm: readonly number[]): Tensor {
  return new Tensor(x.dtype, perm.map((p) => x.shape[p]), x.storage, perm.map((p) => x.strides[p]), x.offset);
}

/**
 * The tensor in another dtype, by C++'s `static_cast` as PyTorch does it: truncation to integers, nonzero to true. The
 * floats of less than 32 bits are rounded from float32.
 */
export function convert(x: Tensor, dtype: DType): Tensor {
  if (x.dtype === dtype) return x;
  const [from, to] = [isComplex(x.dtype), isComplex(dtype)];
  const data = x.data();
  const n = x.numel;
  const out = newData(dtype, to ? 2 * n : n);
  const isDouble = dtype === "float64" || dtype === "complex128";
  const toFloat = (value: number | bigint): number => isDouble ? Number(value) : toFloat32(value);
  const isWide = dtype === "int64" || dtype === "uint64";
  const isFractional = from || isFloat(x.dtype);
  for (let i = 0; i < n; i++) {
    const value = data[from ? 2 * i : i];
    if (to) {
      out[2 * i] = toFloat(value);
      if (from) out[2 * i + 1] = toFloat(data[2 * i + 1]);
    } else if (dtype === "bool") {
      out[i] = Number(Number(value) !== 0 || (from && Number(data[2 * i + 1]) !== 0));
    } else if (isFloat(dtype)) out[i] = toFloat(value);
    else if (isWide) out[i] = typeof value === "bigint" ? value : toInt64(value, dtype);
    else out[i] = isFractional ? truncated(value as number, dtype) : Number(BigInt.asIntN(32, BigInt(value)));
  }
  return Tensor.of(dtype, x.shape, out);
}

/** Rounds once, where a bigint made a number first would be rounded twice. */
function toFloat32(value: number | bigint): number {
  if (typeof value === "number") return Math.fround(value);
  const magnitude = value < 0n ? -value : value;
  if (magnitude <= 2n ** 53n) return Math.fround(Number(value));
  // The last bit of a double tells that something was cut off: float32 then rounds the right way.
  const shift = BigInt(magnitude.toString(2).length - 52);
  const top = (magnitude >> shift) << 1n | (magnitude & ((1n << shift) - 1n) ? 1n : 0n);
  return Math.fround((value < 0n ? -1 : 1) * Number(top) * 2 ** (Number(shift) - 1));
}

/** What the integer can't hold becomes the lowest one, as on the machines PyTorch's results are recorded on. */
function toInt64(value: number, dtype: DType): bigint {
  return Math.abs(value) < (dtype === "int64" ? 2 ** 63 : 2 ** 64) ? BigInt(Math.trunc(value)) : -(2n ** 63n);
}

/** Through the register that holds the result: 64 bits for uint32, 32 bits for the others. */
function truncated(value: number, dtype: DType): number {
  const limit = dtype === "uint32" ? 2 ** 63 : 2 ** 31;
  const whole = Math.trunc(value);
  return whole >= -limit && whole < limit ? whole | 0 : dtype === "uint32" ? 0 : -limit;
}

/** Rounds a number to a float dtype, from float32 where that has less than 32 bits. */
export function roundingTo(dtype: DType): (x: number) => number {
  if (dtype === "float64") return (x) => x;
  if (dtype === "float32") return Math.fround;
  if (dtype === "float16") return (x) => Math.f16round(Math.fround(x));
  const one = new Float32Array(1);
  return (x) => {
    one[0] = x;
    return Number(decode(dtype, encode(dtype, one))[0]);
  };
}

/** A tensor filled with one value. */
export function filled(dtype: DType, shape: readonly number[], value: number | bigint | boolean): Tensor {
  const out = newData(dtype, elementCount(shape) * (isComplex(dtype) ? 2 : 1));
  const one = newData(dtype, 1);
  store(one, 0, categoryOf(dtype) === "bool" ? Boolean(value) : value);
  if (isComplex(dtype)) { for (let i = 0; i < out.length; i += 2) out[i] = one[0]; }
  else (out as Float32Array).fill(one[0] as number);
  return Tensor.of(dtype, shape, out);
}

/** Each element of the result is the element of `x` at the index that `source` gives for it. */
export function gatherBy(
  x: Tensor,
  shape: readonly number[],
  source: (index: readonly number[]) => readonly number[],
): Tensor {
  const data = x.data();
  const strides = contiguousStrides(x.shape) as number[];
  const out = newData(x.dtype, elementCount(shape) * (isComplex(x.dtype) ? 2 : 1));
  let i = 0;
  for (const index of indices(shape)) {
    const at = source(index).reduce((sum, k, d) => sum + k * strides[d], 0);
    if (isComplex(x.dtype)) {
      out[2 * i] = data[2 * at];
      out[2 * i + 1] = data[2 * at + 1];
    } else out[i] = data[at];
    i++;
  }
  return Tensor.of(x.dtype, shape, out);
}

/** Every index of a shape in row-major order. The array is reused: copy it to keep it. */
export function* indices(shape: readonly number[]): Generator<readonly number[]> {
  const index = new Array<number>(shape.length).fill(0);
  for (let n = elementCount(shape); n > 0; n--) {
    yield index;
    for (let d = shape.length - 1; d >= 0; d--) {
      if (++index[d] < shape[d]) break;
      index[d] = 0;
    }
  }
}

/**
 * Reduces dims: `fn` gets the elements of each group in row-major order. An empty `dims` means all.
 *
 * @example
 * ```ts
 * import { Tensor } from "./mod.ts";
 *
 * const x = Tensor.of("float32", [2, 3], [1, 2, 3, 4, 5, 6]);
 * reduceDims(x, [1], false, "float32", (v) => v.reduce((a, b) => a + b, 0)).toArray(); // [6, 15]
 * ```
 */
export function reduceDims(
  x: Tensor,
  dims: readonly number[],
  keepdim: boolean,
  dtype: DType,
  fn: (values: number[]) => number | bigint | boolean,
): Tensor {
  const all = dims.length === 0 ? x.shape.map((_, d) => d) : dims;
  const kept = x.shape.map((_, d) => d).filter((d) => !all.includes(d));
  const groups = permuteDims(x, [...kept, ...x.shape.map((_, d) => d).filter((d) => all.includes(d))]);
  const keptShape = kept.map((d) => x.shape[d]);
  const outer = elementCount(keptShape);
  const inner = elementCount(all.map((d) => x.shape[d]));
  const data = groups.data();
  const out = newData(dtype, outer);
  const values = new Array<number>(inner);
  for (let o = 0; o < outer; o++) {
    for (let k = 0; k < inner; k++) values[k] = data[o * inner + k] as number;
    store(out, o, fn(values));
  }
  const shape = keepdim ? x.shape.map((n, d) => all.includes(d) ? 1 : n) : keptShape;
  return Tensor.of(dtype, shape, out);
}

/** `[…, n, k] × […, k, m]`, batched and broadcast, accumulated in float64 (or exactly for int64). */
export function matmul(x: Tensor, y: Tensor): Tensor {
  const [n, k] = x.shape.slice(-2);
  const [k2, m] = y.shape.slice(-2);
  if (k !== k2) throw new RangeError(`Cannot multiply [${x.shape.join(", ")}] by [${y.shape.join(", ")}]`);
  const batch = broadcastShapes(x.shape.slice(0, -2), y.shape.slice(0, -2)) as number[];
  const a = expandTo(x, [...batch, n, k]).data();
  // Columns of y become rows, so that the inner loop walks both in order.
  const rank = batch.length + 2;
  const turned = permuteDims(expandTo(y, [...batch, k, m]), [...batch.map((_, d) => d), rank - 1, rank - 2]);
  const b = turned.data();
  const count = elementCount(batch);
  const out = newData(x.dtype, count * n * m);
  const big = isBigData(a);
  for (let p = 0; p < count; p++) {
    for (let i = 0; i < n; i++) {
      const rowA = (p * n + i) * k;
      for (let j = 0; j < m; j++) {
        const rowB = (p * m + j) * k;
        if (big) {
          let sum = 0n;
          for (let q = 0; q < k; q++) sum += (a[rowA + q] as bigint) * (b[rowB + q] as bigint);
          out[(p * n + i) * m + j] = sum;
        } else {
          let sum = 0;
          for (let q = 0; q < k; q++) sum += (a[rowA + q] as number) * (b[rowB + q] as number);
          out[(p * n + i) * m + j] = sum;
        }
      }
    }
  }
  return Tensor.of(x.dtype, [...batch, n, m], out);
}
