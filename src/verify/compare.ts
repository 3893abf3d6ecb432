/**
 * Compares a runtime's tensor with the reference: dtype, shape, NaN and infinities, then values within a tolerance.
 *
 * Integers and bools must be equal. A float passes when `|actual - expected| <= atol + rtol * |expected|`. The default
 * `atol` is multiplied by the typical magnitude of the reference (the median of its nonzero elements, at least 0.01), so
 * that outputs of 1e4 or 1e-4 are held to as many digits as outputs of 1. The defaults of each dtype leave room for another
 * order of summation and for a GPU's approximate functions over a whole network, not for another result.
 */
import { type Data, type DType, isBigData, isComplex, isFloat, type Tensor, toReal } from "../tensor/mod.ts";
import type { OutputComparison } from "./report.ts";

/** Tolerances given by the user: they are used as they are, for every float dtype. */
export interface Tolerance {
  /** Of the reference's magnitude. */
  readonly rtol?: number;
  /** In units of the values. */
  readonly atol?: number;
}

const TOLERANCES: ReadonlyMap<DType, Required<Tolerance>> = new Map([
  ["float64", { rtol: 1e-7, atol: 1e-8 }],
  ["float32", { rtol: 1e-3, atol: 1e-4 }],
  ["float16", { rtol: 1e-2, atol: 1e-2 }],
  ["bfloat16", { rtol: 5e-2, atol: 5e-2 }],
  ["float8_e4m3fn", { rtol: 0.13, atol: 0.13 }],
  ["float8_e4m3fnuz", { rtol: 0.13, atol: 0.13 }],
  ["float8_e5m2", { rtol: 0.26, atol: 0.26 }],
  ["float8_e5m2fnuz", { rtol: 0.26, atol: 0.26 }],
  ["float8_e8m0fnu", { rtol: 0, atol: 0 }],
]);

/** Smallest magnitude that the default `atol` is scaled by: below it, noise of cancelled larger numbers counts. */
const LEAST_SCALE = 0.01;
/** How many elements the magnitude is estimated from. */
const SCALE_SAMPLE = 4096;

/** Compares an output with its reference. Both must be loaded. */
export function compareTensors(
  name: string,
  actual: Tensor,
  expected: Tensor,
  tolerance: Tolerance = {},
): OutputComparison {
  const differ = describeDifference(actual, expected);
  if (differ) {
    return failed(name, describe(actual), describe(expected), differ);
  }
  const [a, e] = [actual.data(), expected.data()];
  const float = isFloat(expected.dtype) || isComplex(expected.dtype);
  const found = float ? compareFloats(a, e, toReal(expected.dtype), tolerance) : compareExact(a, e);
  const { mismatches, maxAbs, maxRel } = found;
  return {
    name,
    actual: describe(actual),
    expected: describe(expected),
    maxAbs,
    maxRel,
    mismatches,
    passed: mismatches === 0,
    reason: mismatches === 0 ? "" : explain(found, a, e, actual),
  };
}

/** The comparison with an output that is missing on one side, or can't be compared. */
export function failed(name: string, actual: string, expected: string, reason: string): OutputComparison {
  return { name, actual, expected, maxAbs: NaN, maxRel: NaN, mismatches: 0, passed: false, reason };
}

/** Only dtype and shape are compared: for outputs that are random. */
export function compareKind(name: string, actual: Tensor, expected: Tensor): OutputComparison {
  const reason = describeDifference(actual, expected);
  return {
    name,
    actual: describe(actual),
    expected: describe(expected),
    maxAbs: 0,
    maxRel: 0,
    mismatches: 0,
    passed: reason === "",
    reason,
  };
}

/** `float32[2, 8]`. */
export function describe(tensor: Pick<Tensor, "dtype" | "shape">): string {
  return `${tensor.dtype}[${tensor.shape.join(", ")}]`;
}

function describeDifference(actual: Tensor, expected: Tensor): string {
  if (actual.dtype !== expected.dtype) return `dtype ${actual.dtype} instead of ${expected.dtype}`;
  const same = actual.shape.length === expected.shape.length &&
    actual.shape.every((size, i) => size === expected.shape[i]);
  return same ? "" : `shape [${actual.shape.join(", ")}] instead of [${expected.shape.join(", ")}]`;
}

interface Found {
  mismatches: number;
  maxAbs: number;
  maxRel: number;
  /** Index of the first element that differs too much; -1 when none does. */
  first: number;
  /** Elements of which only one is NaN. */
  nans: number;
  /** Elements of which one is infinite and the other is not the same infinity. */
  infinities: number;
  /** What was allowed, in words. */
  allowed: string;
}

function compareExact(a: Data, e: Data): Found {
  const found: Found = { mismatches: 0, maxAbs: 0, maxRel: 0, first: -1, nans: 0, infinities: 0, allowed: "" };
  const big = isBigData(a);
  for (let i = 0; i < a.length; i++) {
    if (a[i] === e[i]) continue;
    if (found.first < 0) found.first = i;
    found.mismatches++;
    const difference = big ? Number((a[i] as bigint) - (e[i] as bigint)) : Number(a[i]) - Number(e[i]);
    note(found, Math.abs(difference), Math.abs(Number(e[i])));
  }
  return found;
}

function compareFloats(a: Data, e: Data, dtype: DType, given: Tolerance): Found {
  const defaults = TOLERANCES.get(dtype)!;
  const rtol = given.rtol ?? defaults.rtol;
  const atol = given.atol ?? defaults.atol * scaleOf(e);
  const allowed = `${show(atol)} + ${show(rtol)} × |expected|`;
  const found: Found = { mismatches: 0, maxAbs: 0, maxRel: 0, first: -1, nans: 0, infinities: 0, allowed };
  let onlyNan = false;
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] as number, e[i] as number];
    if (x === y) continue;
    const [nanX, nanY] = [Number.isNaN(x), Number.isNaN(y)];
    if (nanX && nanY) continue;
    const difference = Math.abs(x - y);
    let wrong = true;
    if (nanX || nanY) {
      found.nans++;
      onlyNan = true;
    } else if (!Number.isFinite(x) || !Number.isFinite(y)) {
      found.infinities++;
      note(found, Infinity, Infinity);
    } else {
      wrong = !(difference <= atol + rtol * Math.abs(y));
      note(found, difference, Math.abs(y));
    }
    if (!wrong) continue;
    if (found.first < 0) found.first = i;
    found.mismatches++;
  }
  if (onlyNan) found.maxAbs = found.maxRel = NaN;
  return found;
}

function note(found: Found, difference: number, magnitude: number): void {
  if (difference > found.maxAbs) found.maxAbs = difference;
  const relative = magnitude === Infinity ? Infinity : difference / magnitude;
  if (magnitude > 0 && relative > found.maxRel) found.maxRel = relative;
}

/** Median magnitude of finite nonzero elements, taken from evenly spread ones. */
function scaleOf(e: Data): number {
  const step = Math.max(1, Math.floor(e.length / SCALE_SAMPLE));
  const magnitudes: number[] = [];
  for (let i = 0; i < e.length; i += step) {
    const x = Math.abs(e[i] as number);
    if (x > 0 && x < Infinity) magnitudes.push(x);
  }
  if (magnitudes.length === 0) return LEAST_SCALE;
  magnitudes.sort((x, y) => x - y);
  return Math.max(LEAST_SCALE, magnitudes[magnitudes.length >> 1]);
}

function explain(found: Found, a: Data, e: Data, { dtype, shape, numel }: Tensor): string {
  const { mismatches, nans, infinities, first, allowed } = found;
  const element = isComplex(dtype) ? Math.floor(first / 2) : first;
  const index: number[] = [];
  for (let d = shape.length - 1, rest = element; d >= 0; d--) {
    index.unshift(rest % shape[d]);
    rest = Math.floor(rest / shape[d]);
  }
  const count = isComplex(dtype) ? `${mismatches} parts of ${numel} elements` : `${mismatches} of ${numel} elements`;
  const kinds = [
    ...(nans > 0 ? [`${nans} NaN on one side only`] : []),
    ...(infinities > 0 ? [`${infinities} infinite on one side only`] : []),
  ];
  return `${count} differ${allowed === "" ? "" : ` by more than ${allowed}`}` +
    (kinds.length > 0 ? ` (${kinds.join(", ")})` : "") +
    `, first at [${index.join(", ")}]: ${a[first]} instead of ${e[first]}`;
}

function show(x: number): string {
  return x === 0 ? "0" : x.toPrecision(2).replace(/\.0(?=e|$)/, "");
}
