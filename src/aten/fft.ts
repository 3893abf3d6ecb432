/**
 * Fourier transforms over given dims, which the `fft_` functions come to. ONNX's DFT transforms pairs of reals along one
 * dim. onnxruntime computes it in single precision only where the length is a power of two: other lengths go through a
 * longer transform there, whose error grows with the length, so that they are transformed by a matrix where they are short and
 * in double precision else; and it scales the inverse of those by a single-precision number, which is avoided where the
 * result is double.
 */
import { ComplexValue } from "../onnx/complex.ts";
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { add, type Dim, eq, floorDiv, isSym, mul, prod } from "../sym/mod.ts";
import { type DType, isComplex, newData, normalizeDim, Tensor, toComplex, toReal } from "../tensor/mod.ts";
import { mapComplex, mapComplexRows } from "../tensor/complex_loops.ts";
import { type C, conj, scale } from "../tensor/complex_math.ts";
import { fourier } from "../tensor/fourier.ts";
import { emit, NUMBERS } from "./emit.ts";
import { fourierMatrix, isShort } from "./fourier_matrix.ts";
import { defineOp } from "./op.ts";
import { refuse, requireFloat } from "./rules.ts";
import { shaped, withSize } from "./shapes.ts";

/** How results are scaled: not, by the root of the number of elements, or by that number. */
export type Normalization = 0 | 1 | 2;

function normalizationOf(value: number): Normalization {
  if (value !== 0 && value !== 1 && value !== 2) refuse("normalization", value, "it is 0, 1 or 2");
  return value;
}

function dimsOf(dim: readonly Dim[], rank: number): number[] {
  return dim.map((d) => isSym(d) ? refuse("dim", d, "it must be a constant") : normalizeDim(d, rank));
}

/** Elements of the one-sided spectrum of a real signal. */
export function halfOf(length: Dim): Dim {
  return add(floorDiv(length, 2), 1);
}

function factorOf(normalization: Normalization, count: number): number {
  return normalization === 0 ? 1 : normalization === 1 ? 1 / Math.sqrt(count) : 1 / count;
}

function countOf(shape: readonly Dim[], dims: readonly number[]): Dim {
  return prod(dims.map((d) => shape[d]));
}

function transformed(x: Tensor, dims: readonly number[], forward: boolean): Tensor {
  return dims.reduce((y, d) => mapComplexRows(y, d, "complex128", (row) => fourier(row, forward)), x);
}

function scaledTo(x: Tensor, dtype: DType, factor: number): Tensor {
  return mapComplex(x, dtype, (z) => scale(z, factor));
}

/** Whether onnxruntime is exact in single precision. */
export function isPower(length: Dim): boolean {
  return !isSym(length) && length > 0 && Number.isInteger(Math.log2(length));
}

/** A signal for DFT: parts (or the real part only) in a last dim. */
interface Signal {
  readonly b: OnnxBuilder;
  readonly value: OnnxValue;
  /** Of the result. */
  readonly dtype: DType;
}

/** Brings a value into the form and precision that DFT takes. `lengths` are those of the dims that are transformed. */
function signalOf(b: OnnxBuilder, x: OnnxValue, lengths: readonly Dim[]): Signal {
  const meta = b.meta(x);
  const dtype = toReal(meta.dtype);
  const isReal = !(x instanceof ComplexValue) || x.isReal;
  const pairs = isReal ? b.unsqueeze(b.real(x), meta.shape.length) : b.packed(x);
  // The GPU has no double precision.
  const isInexact = b.target !== "webgpu" && !lengths.every((length) => isPower(length) || isShort(b, length));
  const wide = dtype === "float64" || isInexact ? "float64" : "float32";
  return { b, value: b.cast(pairs, wide), dtype };
}

interface Step {
  readonly forward: boolean;
  readonly onesided?: boolean;
  /** Zeros are added, or elements left out, up to this length. */
  readonly length?: Dim;
}

/** One transform. Inverse ones are divided by their length. */
function dft(signal: Signal, axis: number, step: Step): Signal {
  const { b, value, dtype } = signal;
  const { dtype: wide, shape } = b.meta(value);
  const { forward, onesided = false, length } = step;
  const period = length ?? shape[axis];
  if (wide === "float32" && !isPower(period) && isShort(b, period)) return multiplied(signal, axis, step);
  const size = length === undefined ? null : b.dim(length);
  const attributes = { inverse: forward ? 0 : 1, onesided: onesided ? 1 : 0 };
  const result = b.opset >= 20
    ? b.op("DFT", [value, size, b.scalar(BigInt(axis), "int64")], attributes)
    : b.op("DFT", [value, size], { ...attributes, axis });
  return { b, value: result, dtype };
}

/** The same by a matrix. */
function multiplied({ b, value, dtype }: Signal, axis: number, { forward, onesided, length }: Step): Signal {
  const { shape } = b.meta(value);
  const [rows, parts] = [shape[axis], shape[shape.length - 1] as 1 | 2];
  const size = length ?? rows;
  const columns = onesided ? halfOf(size) : size;
  const others = shape.map((_, d) => d).slice(0, -1).filter((d) => d !== axis);
  const order = [...others, axis, shape.length - 1];
  const lead = others.map((d) => shape[d]);
  const x = b.reshape(b.transpose(value, order), [...lead, mul(rows, parts)]);
  const y = b.op("MatMul", [x, fourierMatrix(b, { rows, columns, size, parts, forward })]);
  return { b, value: b.transpose(b.reshape(y, [...lead, columns, 2]), order.map((_, d) => order.indexOf(d))), dtype };
}

/** The parts exchanged: an inverse transform is a forward one of exchanged parts, exchanged again. */
function exchanged({ b, value, dtype }: Signal): Signal {
  const rank = b.meta(value).shape.length;
  const columns = b.meta(value).shape[rank - 1] === 1 ? ComplexValue.columns(value, null) : ComplexValue.packed(value);
  const [re, im] = columns.asColumns(b);
  const zeros = (): OnnxValue => b.op("Mul", [re, b.scalar(0, b.meta(re).dtype)]);
  return { b, value: b.op("Concat", [im ?? zeros(), re], { axis: rank - 1 }), dtype };
}

/** Transforms of several dims, forward or back, and whether the result is divided by their number of elements already. */
function dfts(signal: Signal, dims: readonly number[], forward: boolean): { signal: Signal; isDivided: boolean } {
  const { b, dtype } = signal;
  const { shape } = b.meta(signal.value);
  if (forward || dims.length === 0) {
    return { signal: dims.reduce((s, d) => dft(s, d, { forward: true }), signal), isDivided: dims.length === 0 };
  }
  if (dtype === "float64" && !dims.every((d) => isPower(shape[d]))) {
    const turned = dims.reduce((s, d) => dft(s, d, { forward: true }), exchanged(signal));
    return { signal: exchanged(turned), isDivided: false };
  }
  return { signal: dims.reduce((s, d) => dft(s, d, { forward: false }), signal), isDivided: true };
}

/** The value times a power of a count: `count^exponent`. */
function scaledBy(b: OnnxBuilder, x: OnnxValue, count: Dim, exponent: number): OnnxValue {
  if (exponent === 0 || count === 1) return x;
  const { dtype } = b.meta(x);
  if (!isSym(count)) return emit(b, NUMBERS, "Mul", [x, b.scalar(count ** exponent, dtype)]);
  const size = b.cast(b.dim(count), dtype);
  const power = Math.abs(exponent) === 1 ? size : b.op("Sqrt", [size]);
  return b.op(exponent > 0 ? "Mul" : "Div", [x, power]);
}

/** Scales as wanted what is divided by `count` already, or not. */
function normalized({ b, value }: Signal, count: Dim, wanted: Normalization, isDivided: boolean): OnnxValue {
  return scaledBy(b, value, count, (isDivided ? 1 : 0) - wanted / 2);
}

/** The parts in the dtype of the result. */
function complexOf(b: OnnxBuilder, value: OnnxValue, dtype: DType): OnnxValue {
  return ComplexValue.packed(b.cast(value, dtype));
}

/** Complex to complex: https://docs.pytorch.org/docs/stable/generated/torch.fft.fftn.html */
export const fftC2c = defineOp(
  "aten::_fft_c2c(Tensor self, SymInt[] dim, int normalization, bool forward) -> Tensor",
  {
    meta: (_, { self, dim }) => {
      if (!isComplex(self.dtype)) throw new TypeError(`_fft_c2c takes a complex tensor, met ${self.dtype}`);
      dimsOf(dim, self.shape.length);
      return shaped(self, self.shape);
    },
    kernel: ({ self, dim, normalization, forward }) => {
      const dims = dimsOf(dim, self.shape.length);
      const factor = factorOf(normalizationOf(normalization), countOf(self.shape, dims) as number);
      return scaledTo(transformed(self, dims, forward), self.dtype, factor);
    },
    complex: "native",
    onnx: (b, { self, dim, normalization, forward }) => {
      const { dtype, shape } = b.meta(self);
      const dims = dimsOf(dim, shape.length);
      if (dims.length === 0) return self;
      const { signal, isDivided } = dfts(signalOf(b, self, dims.map((d) => shape[d])), dims, forward);
      const value = normalized(signal, countOf(shape, dims), normalizationOf(normalization), isDivided);
      return complexOf(b, value, toReal(dtype));
    },
  },
);

/** Real to complex, one half of the result or all of it: https://docs.pytorch.org/docs/stable/generated/torch.fft.rfftn.html */
export const fftR2c = defineOp(
  "aten::_fft_r2c(Tensor self, int[] dim, int normalization, bool onesided) -> Tensor",
  {
    meta: (_, { self, dim, onesided }) => {
      requireFloat(self.dtype, "The input of _fft_r2c");
      const last = lastOf(dimsOf(dim, self.shape.length));
      const shape = onesided ? withSize(self.shape, last, halfOf(self.shape[last])) : [...self.shape];
      return { dtype: toComplex(self.dtype), shape };
    },
    kernel: ({ self, dim, normalization, onesided }) => {
      const dims = dimsOf(dim, self.shape.length);
      const last = lastOf(dims);
      const factor = factorOf(normalizationOf(normalization), countOf(self.shape, dims) as number);
      const half = onesided ? halfOf(self.shape[last]) as number : self.shape[last];
      const first = mapComplexRows(self, last, "complex128", (row) => fourier(row, true).slice(0, half));
      return scaledTo(transformed(first, dims.slice(0, -1), true), toComplex(self.dtype), factor);
    },
    onnx: (b, { self, dim, normalization, onesided }) => {
      const { dtype, shape } = b.meta(self);
      const dims = dimsOf(dim, shape.length);
      const signal = signalOf(b, self, dims.map((d) => shape[d]));
      const first = dft(signal, lastOf(dims), { forward: true, onesided });
      const all = dfts(first, dims.slice(0, -1), true).signal;
      return complexOf(b, normalized(all, countOf(shape, dims), normalizationOf(normalization), false), dtype);
    },
  },
);

function lastOf(dims: readonly number[]): number {
  if (dims.length === 0) refuse("dim", "[]", "there is no dimension to transform");
  return dims[dims.length - 1];
}

/** How often each element of one half stands for elements of the whole spectrum: its mirror image has the same real part. */
function weightsOf(half: number, length: number): number[] {
  return Array.from({ length: half }, (_, k) => k === 0 || 2 * k === length ? 1 : k < length / 2 ? 2 : 0);
}

/** The same as a column for a packed spectrum. */
function emitWeights(b: OnnxBuilder, half: Dim, length: Dim, dtype: DType): OnnxValue {
  if (!isSym(half) && !isSym(length)) {
    const data = newData(dtype, half);
    for (const [k, weight] of weightsOf(half, length).entries()) data[k] = weight;
    return b.constant(Tensor.of(dtype, [half, 1], data));
  }
  const twice = b.op("Mul", [b.op("Range", [b.dim(0), b.dim(half), b.dim(1)]), b.dim(2)]);
  const [zero, size] = [b.dim(0), b.dim(length)];
  const isSingle = b.op("Or", [b.op("Equal", [twice, zero]), b.op("Equal", [twice, size])]);
  const inside = b.op("Where", [b.op("Less", [twice, size]), b.scalar(2, dtype), b.scalar(0, dtype)]);
  return b.unsqueeze(b.op("Where", [isSingle, b.scalar(1, dtype), inside]), 1);
}

/**
 * Complex to real: https://docs.pytorch.org/docs/stable/generated/torch.fft.irfftn.html. The last dim holds one half of a
 * spectrum whose other half mirrors it, so that the signal is the real part of the transform of that half, counted twice.
 */
export const fftC2r = defineOp(
  "aten::_fft_c2r(Tensor self, int[] dim, int normalization, SymInt last_dim_size) -> Tensor",
  {
    meta: (_, { self, dim, last_dim_size }) => {
      if (!isComplex(self.dtype)) throw new TypeError(`_fft_c2r takes a complex tensor, met ${self.dtype}`);
      if (!isSym(last_dim_size) && last_dim_size < 1) refuse("last_dim_size", last_dim_size, "it must be positive");
      const last = lastOf(dimsOf(dim, self.shape.length));
      return { dtype: toReal(self.dtype), shape: withSize(self.shape, last, last_dim_size) };
    },
    kernel: ({ self, dim, normalization, last_dim_size }) => {
      const dims = dimsOf(dim, self.shape.length);
      const last = lastOf(dims);
      const length = last_dim_size as number;
      const count = countOf(withSize(self.shape, last, length), dims) as number;
      const factor = factorOf(normalizationOf(normalization), count);
      const rest = transformed(self, dims.slice(0, -1), false);
      const dtype = toReal(self.dtype);
      return mapComplexRows(rest, last, dtype, (row) => {
        const at = (k: number): C => k < row.length ? row[k] : [0, 0];
        const whole = Array.from({ length }, (_, k) => 2 * k <= length ? at(k) : conj(at(length - k)));
        // The mirror image of the first element, and of the middle one, is itself: what is imaginary there has no effect.
        for (const k of [0, length / 2]) if (Number.isInteger(k) && k < length) whole[k] = [whole[k][0], 0];
        return fourier(whole, false).map(([re]) => re * factor);
      });
    },
    complex: "native",
    onnx: (b, { self, dim, normalization, last_dim_size }) => {
      const { dtype, shape } = b.meta(self);
      const dims = dimsOf(dim, shape.length);
      const last = lastOf(dims);
      const real = toReal(dtype);
      const whole = withSize(shape, last, last_dim_size);
      const signal = signalOf(b, self, dims.map((d) => whole[d]));
      const rest = dfts(signal, dims.slice(0, -1), false);
      const weights = emitWeights(b, shape[last], last_dim_size, b.meta(rest.signal.value).dtype);
      // The weights lie along the transformed dim.
      const column = b.unsqueeze(weights, ...Array.from({ length: shape.length - 1 - last }, (_, k) => k + 1));
      const weighted = { b, value: b.op("Mul", [rest.signal.value, column]), dtype: real };
      const isExact = real !== "float64" || isPower(last_dim_size);
      const turned = dft(isExact ? weighted : exchanged(weighted), last, { forward: !isExact, length: last_dim_size });
      const part = b.op("Gather", [turned.value, b.scalar(isExact ? 0n : 1n, "int64")], { axis: shape.length });
      const leading = countOf(shape, dims.slice(0, -1));
      // The dims before the last may be divided by their sizes while the last is not, or the other way round.
      const exponent = -normalizationOf(normalization) / 2;
      const both = rest.isDivided === isExact || eq(leading, 1) === true
        ? scaledBy(b, part, countOf(whole, dims), (isExact ? 1 : 0) + exponent)
        : scaledBy(
          b,
          scaledBy(b, part, leading, (rest.isDivided ? 1 : 0) + exponent),
          last_dim_size,
          (isExact ? 1 : 0) + exponent,
        );
      return b.cast(both, real);
    },
  },
);
