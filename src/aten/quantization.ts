/**
 * What quantization operators share. Where a runtime has QuantizeLinear for the dtype it is used, so that it finds what it
 * can compute in integers; else the arithmetic is spelled out.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type DType, isFloat, isInt, newData, Tensor } from "../tensor/mod.ts";
import { convert, store } from "../tensor/loops.ts";
import { refuse } from "./rules.ts";
import { roundEven } from "./math.ts";

/** The integers that a dtype of quantized values has. */
const LIMITS: Readonly<Partial<Record<DType, readonly [min: number, max: number]>>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
  int32: [-(2 ** 31), 2 ** 31 - 1],
};

/** @throws {RangeError} for a dtype that holds no quantized values, or bounds that it can't hold */
export function checkBounds(dtype: DType, min: number, max: number): void {
  const limits = LIMITS[dtype] ?? refuse("dtype", dtype, "quantized values are of 8 to 32 bits");
  if (min < limits[0]) refuse("quant_min", min, `${dtype} starts at ${limits[0]}`);
  if (max > limits[1]) refuse("quant_max", max, `${dtype} ends at ${limits[1]}`);
}

/** Scale and zero point, of the whole tensor or of each index of a dim. */
export interface Scheme<T> {
  readonly scale: T;
  /** None is 0. */
  readonly zero: T | null;
  readonly axis: number | null;
}

/** Numbers for each element. */
interface Numbers {
  scale(i: number): number;
  zero(i: number): number;
}

function numbersOf(x: Tensor, { scale, zero, axis }: Scheme<Tensor>): Numbers {
  const [scales, zeros] = [scale.data(), zero?.data()];
  const inner = axis === null ? 1 : x.shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const at = (i: number): number => axis === null ? 0 : Math.floor(i / inner) % x.shape[axis];
  return { scale: (i) => Number(scales[at(i)]), zero: (i) => zeros ? Number(zeros[at(i)]) : 0 };
}

/** The quantized values as numbers, before they are bounded. */
function levels(x: Tensor, scheme: Scheme<Tensor>, wide: boolean): Float64Array {
  const round = wide ? (v: number): number => v : Math.fround;
  const numbers = numbersOf(x, scheme);
  // A zero point that is no integer moves what is rounded.
  const isMoved = scheme.zero !== null && isFloat(scheme.zero.dtype);
  return Float64Array.from(x.data() as Float32Array, (v, i) => {
    const scaled = round(v * round(1 / numbers.scale(i)));
    return isMoved ? roundEven(round(scaled + numbers.zero(i))) : roundEven(scaled) + numbers.zero(i);
  });
}

/** Quantizes. */
export function quantizeKernel(x: Tensor, scheme: Scheme<Tensor>, min: number, max: number, dtype: DType): Tensor {
  const out = newData(dtype, x.numel);
  levels(convert(x, "float32"), scheme, scheme.axis !== null && scheme.scale.dtype === "float64")
    .forEach((v, i) => store(out, i, Math.min(max, Math.max(min, v))));
  return Tensor.of(dtype, x.shape, out);
}

/** Dequantizes to float32. */
export function dequantizeKernel(x: Tensor, scheme: Scheme<Tensor>): Tensor {
  const numbers = numbersOf(x, scheme);
  const out = newData("float32", x.numel);
  x.toArray().forEach((v, i) => out[i] = (Number(v) - numbers.zero(i)) * numbers.scale(i));
  return Tensor.of("float32", x.shape, out);
}

/** Quantizes and dequantizes, and tells which elements are within the bounds. */
export function fakeQuantizeKernel(x: Tensor, scheme: Scheme<Tensor>, min: number, max: number): [Tensor, Tensor] {
  const numbers = numbersOf(x, scheme);
  const round = scheme.axis === null ? Math.fround : (v: number): number => v;
  const [out, mask] = [newData("float64", x.numel), newData("bool", x.numel)];
  levels(x, scheme, false).forEach((v, i) => {
    mask[i] = Number(v >= min && v <= max);
    // NaN becomes the lowest level.
    out[i] = round(((v >= min ? Math.min(max, v) : min) - numbers.zero(i)) * numbers.scale(i));
  });
  return [convert(Tensor.of("float64", x.shape, out), x.dtype), Tensor.of("bool", x.shape, mask)];
}

/** Whether runtimes have QuantizeLinear for the dtype. */
function isNative(b: OnnxBuilder, dtype: DType): boolean {
  return dtype === "int8" || dtype === "uint8" || (b.opset >= 21 && (dtype === "int16" || dtype === "uint16"));
}

/** A scheme's values in a dtype, broadcast along the dims of a tensor of a rank. */
function along(b: OnnxBuilder, x: OnnxValue, dtype: DType, axis: number | null, rank: number): OnnxValue {
  const typed = b.cast(x, dtype);
  if (axis === null) return typed;
  return b.unsqueeze(typed, ...Array.from({ length: rank - 1 - axis }, (_, i) => i + 1));
}

/** The levels of float elements: whole numbers that are not bounded yet. */
export function levelNodes(b: OnnxBuilder, x: OnnxValue, { scale, zero, axis }: Scheme<OnnxValue>): OnnxValue {
  const { dtype, shape } = b.meta(x);
  const inverse = b.op("Reciprocal", [along(b, scale, dtype, axis, shape.length)]);
  const scaled = b.op("Mul", [x, inverse]);
  if (!zero) return b.op("Round", [scaled]);
  const moved = along(b, zero, dtype, axis, shape.length);
  // A zero point that is no integer moves what is rounded.
  if (isFloat(b.meta(zero).dtype)) return b.op("Round", [b.op("Add", [scaled, moved])]);
  return b.op("Add", [b.op("Round", [scaled]), moved]);
}

/** Levels back to floats. */
export function valueNodes(b: OnnxBuilder, levels: OnnxValue, { scale, zero, axis }: Scheme<OnnxValue>): OnnxValue {
  const { dtype, shape } = b.meta(levels);
  const moved = zero ? b.op("Sub", [levels, along(b, zero, dtype, axis, shape.length)]) : levels;
  return b.op("Mul", [moved, along(b, scale, dtype, axis, shape.length)]);
}

/** A bound of quantized values: a number, or a tensor with one element. */
export type Bound = number | OnnxValue;

function boundNode(b: OnnxBuilder, bound: Bound, dtype: DType): OnnxValue {
  return typeof bound === "number" ? b.scalar(bound, dtype) : b.cast(b.reshape(bound, []), dtype);
}

function clipNode(b: OnnxBuilder, x: OnnxValue, min: Bound, max: Bound): OnnxValue {
  const { dtype } = b.meta(x);
  return b.op("Clip", [x, boundNode(b, min, dtype), boundNode(b, max, dtype)]);
}

/** Quantizes float32 elements. */
export function quantizeNode(
  b: OnnxBuilder,
  x: OnnxValue,
  scheme: Scheme<OnnxValue>,
  min: Bound,
  max: Bound,
  dtype: DType,
): OnnxValue {
  const [low, high] = LIMITS[dtype]!;
  const isWhole = min === low && max === high;
  // Runtimes bound integers of 8 bits, not of 16.
  if (isNative(b, dtype) && (isWhole || dtype === "int8" || dtype === "uint8") && fits(scheme.zero, dtype)) {
    const zero = scheme.zero ? b.cast(scheme.zero, dtype) : b.scalar(0n, dtype);
    const zeros = !scheme.zero && scheme.axis !== null
      ? b.op("Expand", [zero, b.ints(b.meta(scheme.scale).shape)])
      : zero;
    const attributes = scheme.axis === null ? {} : { axis: scheme.axis };
    const q = b.op("QuantizeLinear", [x, b.cast(scheme.scale, "float32"), zeros], attributes);
    return isWhole ? q : clipNode(b, q, min, max);
  }
  return b.cast(clipNode(b, levelNodes(b, x, scheme), min, max), dtype);
}

/** Whether a zero point that is known can be held by a dtype; one that is not is as the program says. */
function fits(zero: OnnxValue | null, dtype: DType): boolean {
  const known = zero?.initializer;
  if (!known?.isLoaded) return true;
  const [low, high] = LIMITS[dtype]!;
  return known.toArray().every((z) => Number(z) >= low && Number(z) <= high);
}

/** Dequantizes to float32. */
export function dequantizeNode(b: OnnxBuilder, x: OnnxValue, scheme: Scheme<OnnxValue>): OnnxValue {
  const { dtype } = b.meta(x);
  if (isNative(b, dtype) && fits(scheme.zero, dtype)) {
    const attributes = scheme.axis === null ? {} : { axis: scheme.axis };
    const zero = scheme.zero && b.cast(scheme.zero, dtype);
    return b.op("DequantizeLinear", [x, b.cast(scheme.scale, "float32"), zero], attributes);
  }
  return valueNodes(b, b.cast(x, "float32"), scheme);
}

/** Quantizes and dequantizes float elements; to float32 by a single scale, whatever the dtype of the elements. */
export function fakeQuantizeNode(
  b: OnnxBuilder,
  x: OnnxValue,
  scheme: Scheme<OnnxValue>,
  min: number,
  max: number,
): OnnxValue {
  const { dtype } = b.meta(x);
  const held = (["int8", "uint8", "int16", "uint16"] as const).find((d) => {
    const [low, high] = LIMITS[d]!;
    const isWhole = min === low && max === high;
    return isNative(b, d) && min >= low && max <= high && (isWhole || d === "int8" || d === "uint8") &&
      fits(scheme.zero, d);
  });
  const wholeZero = scheme.zero === null || isInt(b.meta(scheme.zero).dtype);
  if (held && wholeZero && dtype === "float32") {
    return dequantizeNode(b, quantizeNode(b, x, scheme, min, max, held), scheme);
  }
  const bounded = clipNode(b, levelNodes(b, x, scheme), min, max);
  return valueNodes(b, scheme.axis === null ? b.cast(bounded, "float32") : bounded, scheme);
}
