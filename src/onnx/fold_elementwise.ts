/**
 * Constant folding of elementwise operators. Floats are computed in float64 and rounded once to the result's dtype;
 * integers wrap as in C++. What C++ leaves undefined (division by zero, a float that no integer of the dtype holds) is not
 * folded.
 */
import { type DType, isBigData, isFloat, isInt, isSigned, itemsize, type Tensor } from "../tensor/mod.ts";
import { expandTo } from "../tensor/loops.ts";
import { type Element, type Fold, type FoldRule, generate, isPlain } from "./fold_site.ts";

/** A function of numbers. It is given bigints for int64 and uint64, and must treat both alike. */
type Fn1 = (x: number) => Element | boolean | null;
type Fn2 = (x: number, y: number) => Element | boolean | null;

function unary(fn: Fn1, takes: (dtype: DType) => boolean = isPlain): FoldRule {
  return (f) => {
    const x = f.input(0);
    if (!takes(x.dtype)) return null;
    const data = x.data();
    return generate(f.dtype, x.shape, (i) => fn(data[i] as number));
  };
}

/** A function of floats only. */
function real(fn: (x: number) => number | boolean): FoldRule {
  return unary(fn, (dtype) => isFloat(dtype) && isPlain(dtype));
}

/** A function of two elements, made for the node's dtype and attributes; null when that is not folded. */
function binaryBy(make: (f: Fold) => Fn2 | null): FoldRule {
  return (f) => {
    const [x, y] = [f.input(0), f.input(1)];
    if (!isPlain(x.dtype) || x.dtype !== y.dtype) return null;
    const fn = make(f);
    const [a, b] = [f.broadcast(0), f.broadcast(1)];
    return fn && generate(f.dtype, f.shape, (i) => fn(a[i] as number, b[i] as number));
  };
}

function binary(fn: Fn2): FoldRule {
  return binaryBy(() => fn);
}

/** Any number of inputs, taken together two at a time. */
function variadic(fn: Fn2): FoldRule {
  return (f) => {
    const first = f.input(0).dtype;
    if (!isPlain(first) || f.inputs.some((t) => t?.dtype !== first)) return null;
    const lists = f.inputs.map((_, i) => f.broadcast(i));
    return generate(
      f.dtype,
      f.shape,
      (i) => lists.slice(1).reduce((x, list) => fn(x, list[i] as number) as number, lists[0][i] as number),
    );
  };
}

function multiply(f: Fold): Fn2 {
  // A product of int32 can exceed what a double holds exactly.
  const is32 = f.dtype === "int32" || f.dtype === "uint32";
  return is32 ? (x, y) => Math.imul(x, y) : (x, y) => x * y;
}

function divide(f: Fold): Fn2 {
  if (isFloat(f.dtype)) return (x, y) => x / y;
  return (x, y) => typeof y === "bigint" ? (y === 0n ? null : x / y) : y === 0 ? null : Math.trunc(x / y);
}

function modulo(f: Fold): Fn2 {
  const isFmod = f.site.int("fmod", 0) === 1;
  if (isFloat(f.dtype)) return (x, y) => isFmod ? x % y : null;
  return (x: Element, y: Element) => {
    if (Number(y) === 0) return null;
    const remainder = (x as number) % (y as number);
    // Without fmod the result has the sign of the divisor.
    const isOff = !isFmod && Number(remainder) !== 0 && (remainder < 0) !== (y < 0);
    return isOff ? remainder + (y as number) : remainder;
  };
}

function power(f: Fold): Tensor | null {
  const [x, y] = [f.input(0), f.input(1)];
  if (!isPlain(x.dtype) || !isPlain(y.dtype)) return null;
  const [a, b] = [expandTo(x, f.shape).data(), expandTo(y, f.shape).data()];
  const isFloatResult = isFloat(f.dtype);
  return generate(f.dtype, f.shape, (i) => {
    const value = Number(a[i]) ** Number(b[i]);
    if (isFloatResult) return value;
    return Number.isSafeInteger(Math.trunc(value)) ? toInteger(value, f.dtype) : null;
  });
}

/** A float as an integer of the dtype; null when it has none. */
function toInteger(value: number, dtype: DType): Element | null {
  const truncated = Math.trunc(value);
  const bits = 8 * itemsize(dtype);
  const [low, high] = isSigned(dtype) ? [-(2 ** (bits - 1)), 2 ** (bits - 1)] : [0, 2 ** bits];
  if (!(truncated >= low && truncated < high)) return null;
  return bits === 64 ? BigInt(truncated) : truncated;
}

/** `Cast`: to integers by truncation (wrapping from integers), to bool whether not zero, to floats rounded to nearest even. */
function cast(f: Fold): Tensor | null {
  const x = f.input(0);
  const to = f.dtype;
  if (!isPlain(x.dtype) || !isPlain(to)) return null;
  const data = x.data();
  return generate(to, x.shape, (i) => convertElement(data[i], x.dtype, to));
}

function convertElement(value: Element, from: DType, to: DType): Element | boolean | null {
  if (to === "bool") return Number(value) !== 0;
  if (isFloat(to)) {
    // As in C++, the way to 16 bits leads over float32.
    const number = to === "float64" || to === "float32" ? Number(value) : Math.fround(Number(value));
    // Beyond 2^53 the way over float64 would round twice.
    return typeof value === "bigint" && to !== "float64" && BigInt(Number(value)) !== value ? null : number;
  }
  if (isFloat(from)) return toInteger(value as number, to);
  return itemsize(to) === 8 ? BigInt(value) : Number(BigInt.asIntN(32, BigInt(value)));
}

function where(f: Fold): Tensor | null {
  if (!isPlain(f.dtype)) return null;
  const [condition, x, y] = [f.broadcast(0), f.broadcast(1), f.broadcast(2)];
  return generate(f.dtype, f.shape, (i) => Number(condition[i]) !== 0 ? x[i] : y[i]);
}

function clip(f: Fold): Tensor | null {
  const x = f.input(0);
  if (!isPlain(x.dtype)) return null;
  const bound = (i: number): Element | null => f.inputs[i] ? f.inputs[i].item() : null;
  const [low, high, data] = [bound(1), bound(2), x.data()];
  return generate(f.dtype, x.shape, (i) => {
    let value: Element = data[i];
    if (low !== null && value < low) value = low;
    if (high !== null && value > high) value = high;
    return value;
  });
}

function mean(f: Fold): Tensor | null {
  const lists = f.inputs.map((_, i) => f.broadcast(i));
  if (lists.some(isBigData) || !isFloat(f.dtype)) return null;
  return generate(f.dtype, f.shape, (i) => lists.reduce((sum, list) => sum + Number(list[i]), 0) / lists.length);
}

function bitwise(fn: Fn2): FoldRule {
  const rule = binary(fn);
  return (f) => isInt(f.dtype) ? rule(f) : null;
}

function bitShift(f: Fold): Fn2 | null {
  const left = f.site.text("direction") === "LEFT";
  const bits = BigInt(8 * itemsize(f.dtype));
  return (x, y) => {
    // Shifting by all bits or more is undefined in C++.
    if (BigInt(y) >= bits) return null;
    const value = left ? BigInt(x) << BigInt(y) : BigInt(x) >> BigInt(y);
    return itemsize(f.dtype) === 8 ? value : Number(BigInt.asUintN(32, value));
  };
}

/** Rounds halves to even. */
function roundEven(x: number): number {
  const down = Math.floor(x);
  const rest = x - down;
  if (rest !== 0.5) return Math.round(x);
  return down % 2 === 0 ? down : down + 1;
}

/** NaN wins, as in C++'s comparisons written out by runtimes. */
const largest: Fn2 = (x, y) => Number.isNaN(x) || Number.isNaN(y) ? NaN : x < y ? y : x;
const smallest: Fn2 = (x, y) => Number.isNaN(x) || Number.isNaN(y) ? NaN : y < x ? y : x;

function isInf(f: Fold): Tensor | null {
  const [positive, negative] = [f.site.int("detect_positive", 1) === 1, f.site.int("detect_negative", 1) === 1];
  return real((x) => (positive && x === Infinity) || (negative && x === -Infinity))(f) as Tensor | null;
}

function same(f: Fold): Tensor {
  return f.input(0);
}

/** The rules of elementwise operators. */
export const FOLD_ELEMENTWISE: ReadonlyMap<string, FoldRule> = new Map<string, FoldRule>([
  ["Identity", same],
  ["Add", binary((x, y) => x + y)],
  ["Sub", binary((x, y) => x - y)],
  ["Mul", binaryBy(multiply)],
  ["Div", binaryBy(divide)],
  ["Mod", binaryBy(modulo)],
  ["Pow", power],
  ["Sum", variadic((x, y) => x + y)],
  ["Max", variadic(largest)],
  ["Min", variadic(smallest)],
  ["Mean", mean],
  ["Equal", binary((x, y) => x === y)],
  ["Less", binary((x, y) => x < y)],
  ["LessOrEqual", binary((x, y) => x <= y)],
  ["Greater", binary((x, y) => x > y)],
  ["GreaterOrEqual", binary((x, y) => x >= y)],
  ["And", binary((x, y) => x !== 0 && y !== 0)],
  ["Or", binary((x, y) => x !== 0 || y !== 0)],
  ["Xor", binary((x, y) => x !== y)],
  ["Not", unary((x) => x === 0)],
  ["BitwiseAnd", bitwise((x, y) => x & y)],
  ["BitwiseOr", bitwise((x, y) => x | y)],
  ["BitwiseXor", bitwise((x, y) => x ^ y)],
  ["BitwiseNot", unary((x) => ~x, isInt)],
  ["BitShift", binaryBy(bitShift)],
  ["Neg", unary((x) => -x)],
  ["Abs", unary((x) => x < 0 ? -x : Object.is(x, -0) ? 0 : x)],
  ["Sign", unary((x) => x > 0 ? 1 : x < 0 ? -1 : Number(x))],
  ["Relu", unary((x) => x > 0 || Number.isNaN(x) ? x : 0)],
  ["Floor", real(Math.floor)],
  ["Ceil", real(Math.ceil)],
  ["Round", real(roundEven)],
  ["Sqrt", real(Math.sqrt)],
  ["Reciprocal", real((x) => 1 / x)],
  ["Exp", real(Math.exp)],
  ["Log", real(Math.log)],
  ["Sin", real(Math.sin)],
  ["Cos", real(Math.cos)],
  ["Tan", real(Math.tan)],
  ["Asin", real(Math.asin)],
  ["Acos", real(Math.acos)],
  ["Atan", real(Math.atan)],
  ["Sinh", real(Math.sinh)],
  ["Cosh", real(Math.cosh)],
  ["Tanh", real(Math.tanh)],
  ["Asinh", real(Math.asinh)],
  ["Acosh", real(Math.acosh)],
  ["Atanh", real(Math.atanh)],
  ["Sigmoid", real((x) => 1 / (1 + Math.exp(-x)))],
  ["IsNaN", real(Number.isNaN)],
  ["IsInf", isInf],
  ["Cast", cast],
  ["CastLike", cast],
  ["Where", where],
  ["Clip", clip],
]);
