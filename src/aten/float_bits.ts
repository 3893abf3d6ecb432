/**
 * Floats taken apart and put together in ONNX, which has no view of a float as an integer: mantissa and exponent, bits. Every
 * step is exact.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type DType, itemsize } from "../tensor/mod.ts";

/** Bits after the point of a mantissa in [1, 2), the exponent of the least positive value, and of the first one too large. */
export interface FloatFormat {
  readonly bits: number;
  readonly least: number;
  readonly beyond: number;
}

const FORMATS: Readonly<Partial<Record<DType, FloatFormat>>> = {
  float16: { bits: 10, least: -24, beyond: 16 },
  bfloat16: { bits: 7, least: -133, beyond: 128 },
  float32: { bits: 23, least: -149, beyond: 128 },
  float64: { bits: 52, least: -1074, beyond: 1024 },
};

/** @throws {TypeError} for dtypes that are no binary floats of the standard's formats */
export function formatOf(dtype: DType): FloatFormat {
  const format = FORMATS[dtype];
  if (!format) throw new TypeError(`The parts of elements of dtype ${dtype} are not known`);
  return format;
}

/** Whether elements of this dtype can be taken apart here. */
export function hasFormat(dtype: DType): boolean {
  return dtype in FORMATS;
}

/** A power of two with a float64 value as exponent. */
function emitPowerOfTwo(b: OnnxBuilder, exponent: OnnxValue): OnnxValue {
  return b.op("Pow", [b.scalar(2, "float64"), exponent]);
}

/** Parts of a float64 value; zeros, infinities and NaN are made one half, whose exponent is 0. */
export function emitParts(b: OnnxBuilder, x: OnnxValue): Record<"isRegular" | "mantissa" | "exponent", OnnxValue> {
  const number = (value: number): OnnxValue => b.scalar(value, "float64");
  const size = b.op("Abs", [x]);
  const isRegular = b.op("And", [
    b.op("Greater", [size, number(0)]),
    b.op("Less", [size, number(Infinity)]),
  ]);
  const regular = b.op("Where", [isRegular, x, number(0.5)]);
  // The logarithm may be off by a rounding error, so that the exponent is by one; halves keep each factor in range.
  const log = b.op("Div", [b.op("Log", [b.op("Abs", [regular])]), number(Math.LN2)]);
  const guess = b.op("Add", [b.op("Floor", [log]), number(1)]);
  const half = b.op("Floor", [b.op("Mul", [guess, number(0.5)])]);
  const down = [half, b.op("Sub", [guess, half])].map((e) => emitPowerOfTwo(b, b.op("Neg", [e])));
  const scaled = b.op("Mul", [b.op("Mul", [regular, down[0]]), down[1]]);
  const scaledSize = b.op("Abs", [scaled]);
  const [above, below] = [
    b.op("GreaterOrEqual", [scaledSize, number(1)]),
    b.op("Less", [scaledSize, number(0.5)]),
  ].map((test) => b.cast(test, "float64"));
  const change = b.op("Sub", [above, below]);
  return {
    isRegular,
    mantissa: b.op("Mul", [scaled, emitPowerOfTwo(b, b.op("Neg", [change]))]),
    exponent: b.op("Add", [guess, change]),
  };
}

/** The least exponent that frexp gives of numbers with a leading one; numbers below have fewer bits. */
function leastNormal({ bits, least }: FloatFormat): number {
  return least + bits + 1;
}

/**
 * The bits that a float of this dtype has, as int64: those of float64 whole, those of others from 0 on. NaN is the quiet one
 * that PyTorch makes.
 *
 * @param x a float64 value that `dtype` holds
 */
export function emitBits(b: OnnxBuilder, x: OnnxValue, dtype: DType): OnnxValue {
  const number = (value: number): OnnxValue => b.scalar(value, "float64");
  const integer = (value: bigint): OnnxValue => b.scalar(value, "int64");
  const format = formatOf(dtype);
  const [width, bits] = [BigInt(8 * itemsize(dtype)), BigInt(format.bits)];
  const { isRegular, mantissa, exponent } = emitParts(b, x);
  const stored = b.op("Max", [exponent, number(leastNormal(format))]);
  const places = b.op("Add", [b.op("Sub", [exponent, stored]), number(format.bits + 1)]);
  const digits = b.cast(b.op("Mul", [b.op("Abs", [mantissa]), emitPowerOfTwo(b, places)]), "int64");
  const high = b.cast(b.op("Sub", [stored, number(leastNormal(format))]), "int64");
  const regular = b.op("Add", [b.op("Mul", [high, integer(1n << bits)]), digits]);
  const infinity = (1n << width - 1n) - (1n << bits);
  const infinite = b.op("Where", [b.op("IsNaN", [x]), integer(infinity + (1n << bits - 1n)), integer(infinity)]);
  const isZero = b.op("Equal", [x, number(0)]);
  const size = b.op("Where", [isRegular, regular, b.op("Where", [isZero, integer(0n), infinite])]);
  // The reciprocal tells -0 from 0.
  const isNegative = b.op("Or", [
    b.op("Less", [x, number(0)]),
    b.op("Less", [b.op("Reciprocal", [x]), number(0)]),
  ]);
  const sign = BigInt.asIntN(64, 1n << width - 1n);
  return b.op("Where", [isNegative, b.op("Add", [size, integer(sign)]), size]);
}

/**
 * The float of this dtype that has these bits, as a float64 value.
 *
 * @param pattern uint64, of which the lowest bits count
 */
export function emitFloat(b: OnnxBuilder, pattern: OnnxValue, dtype: DType): OnnxValue {
  const number = (value: number): OnnxValue => b.scalar(value, "float64");
  const format = formatOf(dtype);
  const [width, bits] = [8 * itemsize(dtype), format.bits];
  /** `count` bits above the lowest `place`, as float64. */
  const field = (place: number, count: number): OnnxValue => {
    const shifted = b.op("BitShift", [pattern, b.scalar(BigInt(place), "uint64")], { direction: "RIGHT" });
    const kept = b.op("BitwiseAnd", [shifted, b.scalar((1n << BigInt(count)) - 1n, "uint64")]);
    return b.cast(b.cast(kept, "int64"), "float64");
  };
  const highest = 2 ** (width - 1 - bits) - 1;
  const [sign, high, digits] = [field(width - 1, 1), field(bits, width - 1 - bits), field(0, bits)];
  const isRegular = b.op("Less", [high, number(highest)]);
  // Below the least exponent there is no leading one, and the numbers are as far apart as those just above it.
  const isNormal = b.cast(b.op("Greater", [high, number(0)]), "float64");
  const step = b.op("Add", [
    b.op("Min", [b.op("Max", [high, number(1)]), number(highest - 1)]),
    number(format.least - 1),
  ]);
  const whole = b.op("Add", [b.op("Mul", [isNormal, number(2 ** bits)]), digits]);
  // In two steps: 2 ** step alone may be less than any double with a leading one.
  const scale = emitPowerOfTwo(b, b.op("Add", [step, number(bits)]));
  const regular = b.op("Mul", [b.op("Mul", [whole, number(2 ** -bits)]), scale]);
  const infinite = b.op("Where", [b.op("Equal", [digits, number(0)]), number(Infinity), number(NaN)]);
  const size = b.op("Where", [isRegular, regular, infinite]);
  return b.op("Mul", [size, b.op("Sub", [number(1), b.op("Mul", [sign, number(2)])])]);
}
