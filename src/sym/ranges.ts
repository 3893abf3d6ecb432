/**
 * Ranges of symbols, and of expressions by interval arithmetic.
 *
 * Bounds are doubles; where a bound is beyond the safe integers it widens to the next one that certainly holds, so a range
 * is never too narrow.
 */

import { type Dim, isSym, type Sym, type SymFn } from "./expr.ts";
import { isNonnegative } from "./call.ts";

/** An inclusive interval; the bounds may be infinite. */
export interface Range {
  /** The least value. */
  readonly min: number;
  /** The greatest value. */
  readonly max: number;
}

/** A range as archives store it: null or absent is unbounded. */
export interface RangeInit {
  /** The least value. */
  readonly min?: number | bigint | null;
  /** The greatest value. */
  readonly max?: number | bigint | null;
}

const EVERYTHING: Range = { min: -Infinity, max: Infinity };
const NONNEGATIVE: Range = { min: 0, max: Infinity };
/** PyTorch up to 2.5 writes `sys.maxsize - 1` for "no upper bound". */
const NO_BOUND = 2 ** 62;

/**
 * What is known of symbols. A symbol that is not listed is a size, in `[0, oo]`; data-dependent integers (`u0`) and floats
 * are unbounded.
 *
 * @example
 * ```ts
 * import { sym } from "@fx2onnx/fx2onnx";
 *
 * const ranges = sym.Ranges.of(new Map([["s0", { min: 2, max: 64 }]]));
 * ranges.rangeOf(sym.floorDiv(sym.symbol("s0"), 2)); // { min: 1, max: 32 }
 * ```
 */
export class Ranges {
  readonly #ranges: ReadonlyMap<string, Range>;

  private constructor(ranges: ReadonlyMap<string, Range>) {
    this.#ranges = ranges;
  }

  /** Nothing known beyond what each symbol tells. */
  static readonly none: Ranges = new Ranges(new Map());

  /** Ranges by symbol name. RangeError for a range that holds no value. */
  static of(ranges: Iterable<readonly [string, RangeInit]>): Ranges {
    const map = new Map<string, Range>();
    for (const [name, { min, max }] of ranges) {
      const range = { min: bound(min, -Infinity), max: bound(max, Infinity) };
      if (!(range.min <= range.max)) {
        throw new RangeError(`Cannot use the range [${min}, ${max}] of ${name}: it holds no value`);
      }
      map.set(name, range);
    }
    return new Ranges(map);
  }

  /** The range listed for a symbol. */
  get(name: string): Range | undefined {
    return this.#ranges.get(name);
  }

  /** The listed symbols and ranges, in the order given. */
  entries(): IterableIterator<[string, Range]> {
    return new Map(this.#ranges).entries();
  }

  /** An interval that holds all values of an expression; `{ min: 0, max: 1 }` bounds a condition. */
  rangeOf(d: Dim): Range {
    return isSym(d) ? rangeOfSym(d, this, new Map()) : { min: d, max: d };
  }

  /** As PyTorch prints a dictionary of ranges: `{s18: VR[0, int_oo]}`. */
  toString(): string {
    const show = (x: number): string => Number.isFinite(x) ? String(x) : x < 0 ? "-int_oo" : "int_oo";
    return `{${[...this.#ranges].map(([name, { min, max }]) => `${name}: VR[${show(min)}, ${show(max)}]`).join(", ")}}`;
  }
}

function bound(value: number | bigint | null | undefined, none: number): number {
  const n = Number(value ?? none);
  if (Number.isNaN(n)) throw new RangeError("Cannot use NaN as the bound of a range");
  return Math.abs(n) >= NO_BOUND ? (n < 0 ? -Infinity : Infinity) : n;
}

/** Widens bounds that doubles may have rounded. */
function widen(min: number, max: number): Range {
  const safe = Number.MAX_SAFE_INTEGER;
  if (Number.isNaN(min)) min = -Infinity;
  if (Number.isNaN(max)) max = Infinity;
  return {
    min: min < -safe ? -Infinity : min > safe ? safe : min,
    max: max > safe ? Infinity : max < -safe ? -safe : max,
  };
}

/** The product of bounds; zero times an infinite bound is zero, as the infinite bound is never reached. */
function times(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : a * b;
}

function ofCorners(a: Range, b: Range, f: (x: number, y: number) => number): Range {
  const corners = [f(a.min, b.min), f(a.min, b.max), f(a.max, b.min), f(a.max, b.max)];
  if (corners.some(Number.isNaN)) return EVERYTHING;
  return widen(Math.min(...corners), Math.max(...corners));
}

/** The sum of two ranges. */
export function addRanges(a: Range, b: Range): Range {
  return widen(a.min + b.min, a.max + b.max);
}

/** The product of two ranges. */
export function mulRanges(a: Range, b: Range): Range {
  return ofCorners(a, b, times);
}

/** The range of a power with a positive integer exponent. */
export function powRange(base: Range, power: number): Range {
  if (power % 2 === 1) return widen(base.min ** power, base.max ** power);
  const low = base.min > 0 ? base.min : base.max < 0 ? -base.max : 0;
  return widen(low ** power, Math.max(-base.min, base.max) ** power);
}

function rangeOfSym(x: Sym, ranges: Ranges, memo: Map<string, Range>): Range {
  const known = memo.get(x.key);
  if (known !== undefined) return known;
  const range = computeRange(x, ranges, memo);
  memo.set(x.key, range);
  return range;
}

function computeRange(x: Sym, ranges: Ranges, memo: Map<string, Range>): Range {
  const { node } = x;
  const of = (child: Sym): Range => rangeOfSym(child, ranges, memo);
  switch (node.op) {
    case "constant": {
      const value = Number(node.value);
      return Number.isNaN(value) ? EVERYTHING : widen(value, value);
    }
    case "symbol":
      return ranges.get(node.name) ?? (node.nonnegative ? NONNEGATIVE : EVERYTHING);
    case "polynomial": {
      let total: Range = { min: 0, max: 0 };
      for (const { coefficient: { n, d }, factors } of node.terms) {
        const c = Number(n) / Number(d);
        // A rounded coefficient must not decide a comparison.
        let range: Range = Number.isSafeInteger(c) || (d !== 1n && Math.abs(c) < 2 ** 20)
          ? { min: c, max: c }
          : EVERYTHING;
        if (range === EVERYTHING) range = c > 0 ? { min: 2 ** 20, max: Infinity } : { min: -Infinity, max: -(2 ** 20) };
        else if (d !== 1n) range = { min: c - Math.abs(c) * 2 ** -50, max: c + Math.abs(c) * 2 ** -50 };
        for (const { base, power } of factors) range = mulRanges(range, powRange(of(base), power));
        total = addRanges(total, range);
      }
      return x.kind === "int" ? total : outward(total);
    }
    case "call": {
      const range = rangeOfCall(node.fn, node.args, of);
      return x.kind === "float" ? outward(range) : range;
    }
  }
}

/** Float arithmetic rounds: its bounds move outward by more than the rounding of a few operations. */
function outward({ min, max }: Range): Range {
  const slack = (x: number): number => Number.isFinite(x) ? Math.abs(x) * 2 ** -40 : 0;
  return { min: min - slack(min), max: max + slack(max) };
}

function rangeOfCall(fn: SymFn, args: readonly Sym[], of: (x: Sym) => Range): Range {
  const [a, b] = args;
  switch (fn) {
    case "add":
      return args.map(of).reduce(addRanges);
    case "mul":
      return args.map(of).reduce(mulRanges);
    case "floordiv": {
      const divisor = positive(of(b));
      return divisor === undefined ? EVERYTHING : floorRange(ofCorners(of(a), divisor, quotient));
    }
    case "truediv": {
      // Between zero and one a float divisor can be arbitrarily small.
      const range = of(b);
      const divisor = b.kind === "int" ? positive(range) : range.min > 0 ? range : undefined;
      return divisor === undefined ? EVERYTHING : ofCorners(of(a), divisor, quotient);
    }
    case "mod":
    case "pythonmod": {
      const dividend = of(a), divisor = positive(of(b));
      if (divisor === undefined) return EVERYTHING;
      if (dividend.min >= 0 && dividend.max < divisor.min) return dividend;
      return { min: 0, max: Math.min(divisor.max - 1, dividend.min >= 0 ? dividend.max : Infinity) };
    }
    case "max":
    case "min": {
      const pick = fn === "max" ? Math.max : Math.min;
      const all = args.map(of);
      return { min: pick(...all.map((r) => r.min)), max: pick(...all.map((r) => r.max)) };
    }
    case "abs": {
      const { min, max } = of(a);
      return { min: min > 0 ? min : max < 0 ? -max : 0, max: Math.max(-min, max) };
    }
    case "tofloat":
      return of(a);
    case "trunc_to_int":
    case "trunc_to_float":
      return mapBounds(of(a), Math.trunc);
    case "floor_to_int":
      return mapBounds(of(a), Math.floor);
    case "ceil_to_int":
      return mapBounds(of(a), Math.ceil);
    case "round_to_int": {
      const { min, max } = of(a);
      return widen(Math.floor(min), Math.ceil(max));
    }
    case "where": {
      const then = of(args[1]), otherwise = of(args[2]);
      return { min: Math.min(then.min, otherwise.min), max: Math.max(then.max, otherwise.max) };
    }
    case "sqrt": {
      const { min, max } = of(a);
      return { min: Math.sqrt(Math.max(0, min)), max: Math.sqrt(Math.max(0, max)) };
    }
    case "pow":
      return isNonnegative(a) && of(a).min >= 1 && of(b).min >= 0
        ? widen(of(a).min ** of(b).min, Infinity)
        : isNonnegative(a)
        ? NONNEGATIVE
        : EVERYTHING;
    case "is_non_overlapping_and_dense":
    case "eq":
    case "ne":
    case "lt":
    case "le":
    case "gt":
    case "ge":
    case "and":
    case "or":
    case "xor":
    case "not":
      return { min: 0, max: 1 };
    default:
      return EVERYTHING;
  }
}

/** A divisor that is positive, given that it is not zero; undefined when it may be negative. */
function positive(range: Range): Range | undefined {
  if (range.min < 0 || range.max < 1) return undefined;
  return range.min < 1 ? { min: 1, max: range.max } : range;
}

function quotient(a: number, b: number): number {
  return a === 0 || !Number.isFinite(b) ? (Number.isFinite(a) ? 0 : a) : a / b;
}

/** The range of the rounded quotient: of safe integers, rounding a quotient to a double never crosses an integer. */
function floorRange(range: Range): Range {
  return mapBounds(range, Math.floor);
}

function mapBounds({ min, max }: Range, f: (x: number) => number): Range {
  return widen(f(min), f(max));
}
