/**
 * Compares a runtime's tensor with the reference: dtype, shape, NaN and infinities, then values within a tolerance, which
 * `tolerance.ts` decides. A shape must be the same, not only broadcastable.
 */
import { type Data, isBigData, isComplex, isFloat, type Tensor, toReal } from "../tensor/mod.ts";
import { type DifferingElement, HISTOGRAM_EDGES, type OutputComparison, type SpecialValues } from "./report.ts";
import type { Provider } from "./session.ts";
import { type Limits, limitsOf, type Tolerance } from "./tolerance.ts";

export type { Tolerance } from "./tolerance.ts";

/** How many differing elements are shown. */
const SHOWN = 5;

/**
 * Compares an output with its reference. Both must be loaded.
 *
 * @param provider where the output was computed: float32 has wider default tolerances on WebGPU
 */
export function compareTensors(
  name: string,
  actual: Tensor,
  expected: Tensor,
  tolerance: Tolerance = {},
  provider: Provider = "wasm",
): OutputComparison {
  const special = { nan: count(actual, expected, Number.isNaN), infinite: count(actual, expected, isInfinite) };
  const differ = describeDifference(actual, expected);
  if (differ) return { ...failed(name, describe(actual), describe(expected), differ), ...special };
  const [a, e] = [actual.data(), expected.data()];
  const float = isFloat(expected.dtype) || isComplex(expected.dtype);
  const limits = float ? limitsOf(e, toReal(expected.dtype), tolerance, provider) : EXACT;
  const found = new Found();
  if (float) compareFloats(a, e, limits, found);
  else compareExact(a, e, found);
  const { mismatches, maxAbs, maxRel, absolute, relative } = found;
  return {
    name,
    actual: describe(actual),
    expected: describe(expected),
    ...special,
    ...limits,
    maxAbs: found.nans > 0 ? NaN : maxAbs,
    maxRel: found.nans > 0 ? NaN : maxRel,
    absHistogram: absolute,
    relHistogram: relative,
    mismatches,
    first: found.first.map((i) => elementAt(i, a, e, actual)),
    passed: mismatches === 0,
    reason: mismatches === 0 ? "" : explain(found, float ? limits : null, a, e, actual),
  };
}

const EXACT: Limits = { rtol: 0, atol: 0 };
const NONE: SpecialValues = { actual: 0, expected: 0 };

/** The comparison with an output that is missing on one side, or can't be compared. */
export function failed(name: string, actual: string, expected: string, reason: string): OutputComparison {
  return { ...uncompared(name, actual, expected), maxAbs: NaN, maxRel: NaN, passed: false, reason };
}

/** Only dtype and shape are compared: for outputs that are random. */
export function compareKind(name: string, actual: Tensor, expected: Tensor): OutputComparison {
  const reason = describeDifference(actual, expected);
  return { ...uncompared(name, describe(actual), describe(expected)), passed: reason === "", reason };
}

function uncompared(name: string, actual: string, expected: string): Omit<OutputComparison, "passed" | "reason"> {
  return {
    name,
    actual,
    expected,
    nan: NONE,
    infinite: NONE,
    ...EXACT,
    maxAbs: 0,
    maxRel: 0,
    absHistogram: [],
    relHistogram: [],
    mismatches: 0,
    first: [],
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

function isInfinite(x: number): boolean {
  return x === Infinity || x === -Infinity;
}

/** How many elements of each tensor are special; of a complex one, parts. */
function count(actual: Tensor, expected: Tensor, is: (x: number) => boolean): SpecialValues {
  const of = (tensor: Tensor): number => {
    if (!isFloat(tensor.dtype) && !isComplex(tensor.dtype)) return 0;
    let n = 0;
    for (const x of tensor.data() as Float64Array) if (is(x)) n++;
    return n;
  };
  return { actual: of(actual), expected: of(expected) };
}

/** What a comparison finds as it goes. */
class Found {
  mismatches = 0;
  maxAbs = 0;
  maxRel = 0;
  /** Indices of the first elements that differ too much. */
  readonly first: number[] = [];
  /** Elements of which only one is NaN. */
  nans = 0;
  /** Elements of which one is infinite and the other is not the same infinity. */
  infinities = 0;
  readonly absolute: number[] = new Array(HISTOGRAM_EDGES.length + 2).fill(0);
  readonly relative: number[] = new Array(HISTOGRAM_EDGES.length + 2).fill(0);

  /** Takes in a difference; NaN and infinite ones are in the last bin. */
  note(difference: number, magnitude: number): void {
    if (difference > this.maxAbs) this.maxAbs = difference;
    const relative = difference === Infinity ? Infinity : difference / magnitude;
    // Nothing is small or large beside a reference of 0: the absolute difference says what there is to say.
    if (magnitude > 0 && relative > this.maxRel) this.maxRel = relative;
    this.absolute[binOf(difference)]++;
    this.relative[binOf(relative)]++;
  }

  mismatch(at: number): void {
    if (this.first.length < SHOWN) this.first.push(at);
    this.mismatches++;
  }

  equal(): void {
    this.absolute[0]++;
    this.relative[0]++;
  }
}

/** The bin of a difference: 0 for none, then one per edge that it reaches. */
function binOf(difference: number): number {
  if (difference === 0) return 0;
  let bin = HISTOGRAM_EDGES.length + 1;
  while (bin > 1 && difference < HISTOGRAM_EDGES[bin - 2]) bin--;
  return bin;
}

function compareExact(a: Data, e: Data, found: Found): void {
  const big = isBigData(a);
  for (let i = 0; i < a.length; i++) {
    if (a[i] === e[i]) {
      found.equal();
      continue;
    }
    found.mismatch(i);
    const difference = big ? Number((a[i] as bigint) - (e[i] as bigint)) : Number(a[i]) - Number(e[i]);
    found.note(Math.abs(difference), Math.abs(Number(e[i])));
  }
}

function compareFloats(a: Data, e: Data, { rtol, atol }: Limits, found: Found): void {
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] as number, e[i] as number];
    const [nanX, nanY] = [Number.isNaN(x), Number.isNaN(y)];
    if (x === y || nanX && nanY) {
      found.equal();
      continue;
    }
    let wrong = true;
    if (nanX || nanY) {
      found.nans++;
      found.note(NaN, NaN);
    } else if (!Number.isFinite(x) || !Number.isFinite(y)) {
      found.infinities++;
      found.note(Infinity, Infinity);
    } else {
      const difference = Math.abs(x - y);
      wrong = !(difference <= atol + rtol * Math.abs(y));
      found.note(difference, Math.abs(y));
    }
    if (wrong) found.mismatch(i);
  }
}

/** Where an element lies and what it is. */
function elementAt(i: number, a: Data, e: Data, { dtype, shape }: Pick<Tensor, "dtype" | "shape">): DifferingElement {
  const index: number[] = [];
  for (let d = shape.length - 1, rest = isComplex(dtype) ? Math.floor(i / 2) : i; d >= 0; d--) {
    index.unshift(rest % shape[d]);
    rest = Math.floor(rest / shape[d]);
  }
  return { index, actual: String(a[i]), expected: String(e[i]) };
}

function explain(found: Found, limits: Limits | null, a: Data, e: Data, tensor: Tensor): string {
  const { mismatches, nans, infinities } = found;
  const { numel } = tensor;
  const { index, actual, expected } = elementAt(found.first[0], a, e, tensor);
  const count = isComplex(tensor.dtype)
    ? `${mismatches} parts of ${numel} elements`
    : `${mismatches} of ${numel} elements`;
  const kinds = [
    ...(nans > 0 ? [`${nans} NaN on one side only`] : []),
    ...(infinities > 0 ? [`${infinities} infinite on one side only`] : []),
  ];
  const allowed = limits ? ` by more than ${show(limits.atol)} + ${show(limits.rtol)} × |expected|` : "";
  return `${count} differ${allowed}${kinds.length > 0 ? ` (${kinds.join(", ")})` : ""}` +
    `, first at [${index.join(", ")}]: ${actual} instead of ${expected}`;
}

function show(x: number): string {
  return x === 0 ? "0" : x.toPrecision(2).replace(/\.0(?=e|$)/, "");
}
