/**
 * What the functions of expressions compute on concrete values: integers are exact bigints, floats are doubles.
 *
 * Constant folding and evaluation share this file, so that folding can never change a result.
 */

import type { OpaqueUnaryFn, SymFn } from "./expr.ts";

/** A concrete value: bigint for int, number for float. */
export type Concrete = bigint | number | boolean;

/** Bits above which an integer power is refused; far beyond int64, far below what would take notable memory. */
const MAX_POWER_BITS = 4096n;

/** The value of one call. RangeError for a division by zero or an infinite integer, TypeError for operands of a wrong kind. */
export function applyConcrete(fn: SymFn, args: readonly Concrete[]): Concrete {
  switch (fn) {
    case "add":
      return args.every(isInt) ? args.reduce((a, b) => a + b, 0n) : args.reduce<number>((a, b) => a + real(b), 0);
    case "mul":
      return args.every(isInt) ? args.reduce((a, b) => a * b, 1n) : args.reduce<number>((a, b) => a * real(b), 1);
    case "pow":
      return power(args[0], args[1]);
    case "floatpow":
      return real(args[0]) ** real(args[1]);
    case "floordiv":
      return floorDivBigint(int(args[0]), int(args[1]));
    case "mod":
    case "pythonmod":
      return modBigint(int(args[0]), int(args[1]));
    case "truediv":
      return divide(args[0], args[1]);
    case "max":
    case "min":
      return extreme(fn, args);
    case "abs":
      return isInt(args[0]) ? (args[0] < 0n ? -args[0] : args[0]) : Math.abs(real(args[0]));
    case "tofloat":
      return real(args[0]);
    case "trunc_to_int":
      return toInt(args[0], Math.trunc);
    case "ceil_to_int":
      return toInt(args[0], Math.ceil);
    case "floor_to_int":
      return toInt(args[0], Math.floor);
    case "round_to_int":
      return toInt(args[0], roundHalfEven);
    case "trunc_to_float":
      return Math.trunc(real(args[0]));
    case "round_decimal":
      return roundDecimal(real(args[0]), Number(int(args[1])));
    case "where":
      return bool(args[0]) ? args[1] : args[2];
    case "eq":
    case "ne":
      return (compare(args[0], args[1]) === 0) === (fn === "eq");
    case "lt":
      return compare(args[0], args[1]) < 0;
    case "le":
      return compare(args[0], args[1]) <= 0;
    case "gt":
      return compare(args[0], args[1]) > 0;
    case "ge":
      return compare(args[0], args[1]) >= 0;
    case "and":
      return args.every(bool);
    case "or":
      return args.some(bool);
    case "xor":
      return args.filter(bool).length % 2 === 1;
    case "not":
      return !bool(args[0]);
    case "bitwise_and":
      return int(args[0]) & int(args[1]);
    case "bitwise_or":
      return int(args[0]) | int(args[1]);
    case "bitwise_xor":
      return int(args[0]) ^ int(args[1]);
    case "is_non_overlapping_and_dense":
      return isNonOverlappingAndDense(args.map(int));
    default:
      return unary(fn, real(args[0]));
  }
}

function isInt(x: Concrete): x is bigint {
  return typeof x === "bigint";
}

function int(x: Concrete): bigint {
  if (typeof x === "bigint") return x;
  throw new TypeError(`Cannot use ${x} as an integer`);
}

function real(x: Concrete): number {
  if (typeof x === "boolean") throw new TypeError(`Cannot use ${x} as a number`);
  return Number(x);
}

function bool(x: Concrete): boolean {
  if (typeof x === "boolean") return x;
  throw new TypeError(`Cannot use ${x} as a boolean`);
}

/** Division rounded toward minus infinity. */
export function floorDivBigint(a: bigint, b: bigint): bigint {
  if (b === 0n) throw new RangeError(`Cannot divide ${a} by zero`);
  const q = a / b;
  return a % b !== 0n && (a < 0n) !== (b < 0n) ? q - 1n : q;
}

/** The remainder of {@linkcode floorDivBigint}: it has the sign of `b`. */
export function modBigint(a: bigint, b: bigint): bigint {
  return a - floorDivBigint(a, b) * b;
}

function power(a: Concrete, b: Concrete): Concrete {
  if (!isInt(a) || !isInt(b) || b < 0n) {
    if (real(a) === 0 && real(b) < 0) throw new RangeError("Cannot raise zero to a negative power");
    return real(a) ** real(b);
  }
  if (a === 1n || a === 0n) return b === 0n ? 1n : a;
  if (a === -1n) return b % 2n === 0n ? 1n : -1n;
  if (BigInt(a.toString(2).length) * b > MAX_POWER_BITS) {
    throw new RangeError(`Cannot compute ${a}**${b}: the result is too large`);
  }
  return a ** b;
}

/** Division; of integers it is rounded once, from the exact quotient, as Python's is. */
function divide(a: Concrete, b: Concrete): number {
  if (real(b) === 0) throw new RangeError(`Cannot divide ${a} by zero`);
  if (!isInt(a) || !isInt(b)) return real(a) / real(b);
  if (Number.isSafeInteger(Number(a)) && Number.isSafeInteger(Number(b))) return Number(a) / Number(b);
  const negative = (a < 0n) !== (b < 0n);
  const n = a < 0n ? -a : a, d = b < 0n ? -b : b;
  // 66 or more bits of quotient with the remainder folded into the lowest ("sticky") bit round like the exact value.
  const shift = BigInt(Math.max(0, 66 + d.toString(2).length - n.toString(2).length));
  const q = (n << shift) / d;
  const sticky = (n << shift) % d === 0n ? q : q | 1n;
  const magnitude = Number(sticky) * 2 ** -Number(shift);
  return negative ? -magnitude : magnitude;
}

/** Negative, zero, positive, or NaN when unordered. Mixed operands are compared exactly. */
function compare(a: Concrete, b: Concrete): number {
  if (typeof a === "boolean" || typeof b === "boolean") {
    if (typeof a !== typeof b) throw new TypeError(`Cannot compare ${a} and ${b}`);
    return Number(a) - Number(b);
  }
  return a < b ? -1 : a > b ? 1 : Number.isNaN(a) || Number.isNaN(b) ? NaN : 0;
}

function extreme(fn: "max" | "min", args: readonly Concrete[]): Concrete {
  let best = args[0];
  for (const x of args.slice(1)) {
    const order = compare(x, best);
    if (Number.isNaN(order)) return NaN;
    if (fn === "max" ? order > 0 : order < 0) best = x;
  }
  // One float makes the result a float, as in the kind of the expression.
  return args.every(isInt) ? best : real(best);
}

function toInt(x: Concrete, round: (x: number) => number): bigint {
  if (isInt(x)) return x;
  const rounded = round(real(x));
  if (!Number.isFinite(rounded)) throw new RangeError(`Cannot convert ${x} to an integer`);
  return BigInt(rounded);
}

function roundHalfEven(x: number): number {
  const below = Math.floor(x);
  const rest = x - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

/** Python's `round(x, digits)`: the nearest decimal to the exact value, ties to even. */
function roundDecimal(x: number, digits: number): number {
  if (!Number.isFinite(x) || digits > 323) return x;
  if (digits <= 0) {
    const unit = 10 ** -digits;
    return Number.isFinite(unit) ? roundHalfEven(x / unit) * unit : 0 * x;
  }
  if (Math.abs(x) >= 2 ** 53 || digits > 98) return x;
  // A tie has exactly one more decimal than asked for, a 5.
  const exact = Math.abs(x).toFixed(100);
  const point = exact.indexOf(".");
  const isTie = /^50*$/.test(exact.slice(point + digits + 1));
  if (!isTie) return Number(x.toFixed(digits));
  const down = exact.slice(0, point + digits + 1);
  const even = Number(down[down.length - 1] === "." ? down[down.length - 2] : down[down.length - 1]) % 2 === 0;
  const magnitude = even ? Number(down) : Number(Math.abs(x).toFixed(digits));
  return x < 0 ? -magnitude : magnitude;
}

function isNonOverlappingAndDense(args: readonly bigint[]): bigint {
  if (args.length % 2 !== 0) throw new TypeError("Cannot pair sizes with strides: their numbers differ");
  const rank = args.length / 2;
  const dims = args.slice(0, rank).map((size, i) => ({ size, stride: args[rank + i] }));
  if (rank === 1) return dims[0].stride === 1n || dims[0].size < 2n ? 1n : 0n;
  dims.sort((a, b) => a.stride < b.stride ? -1 : a.stride > b.stride ? 1 : 0);
  let expected = 1n;
  for (const { size, stride } of dims) {
    if (size === 1n) continue;
    if (stride !== expected) return 0n;
    expected *= size;
  }
  return 1n;
}

function unary(fn: OpaqueUnaryFn, x: number): number {
  return Math[fn](x);
}
