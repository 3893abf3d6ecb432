/**
 * How far an output may be from its reference.
 *
 * Integers and bools must be equal. A float passes when `|actual - expected| <= atol + rtol * |expected|`. The default
 * `atol` is multiplied by the typical magnitude of the reference (the median of its nonzero elements, at least 0.01), so
 * that outputs of 1e4 or 1e-4 are held to as many digits as outputs of 1. The defaults of each dtype leave room for another
 * order of summation over a whole network, not for another result.
 *
 * On WebGPU, float32 gets more room, because WGSL lets exp, tanh, sqrt and division be off by several units in the last
 * place (https://www.w3.org/TR/WGSL/#floating-point-accuracy), and a network adds those errors up: `rtol` is four times as
 * large, and `atol` is multiplied by the largest magnitude of the reference instead of the typical one, but by no more than
 * 32 times the typical one, so that a masked score of -3e38 or an outlier does not excuse all the others.
 */
import { VerificationError } from "../ir/mod.ts";
import { type Data, type DType, isFloat } from "../tensor/mod.ts";
import type { Provider } from "./session.ts";

/** A tolerance for every float dtype, or one for each dtype named: `{ float16: 1e-2 }`. Others keep their defaults. */
export type ToleranceValue = number | Readonly<Partial<Record<DType, number>>>;

/** Tolerances given by the user: they are used as they are, not scaled and not widened. */
export interface Tolerance {
  /** Relative to the reference. */
  readonly rtol?: ToleranceValue;
  /** Absolute, in the output's own unit. */
  readonly atol?: ToleranceValue;
}

/** The tolerances of one comparison. */
export interface Limits {
  readonly rtol: number;
  readonly atol: number;
}

const DEFAULTS: ReadonlyMap<DType, Limits> = new Map<DType, Limits>([
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

/** How much wider the relative tolerance of float32 is on WebGPU. */
const WEBGPU_FACTOR = 4;
/** How many times the typical magnitude the absolute tolerance of float32 may grow with on WebGPU. */
const WEBGPU_SPREAD = 32;
/** Smallest magnitude that the default `atol` is scaled by: below it, noise of cancelled larger numbers counts. */
const LEAST_SCALE = 0.01;
/** How many elements the typical magnitude is estimated from. */
const SCALE_SAMPLE = 4096;

/** The limits that hold for a reference of a real float dtype. */
export function limitsOf(expected: Data, dtype: DType, given: Tolerance, provider: Provider): Limits {
  const defaults = DEFAULTS.get(dtype)!;
  const isWide = provider === "webgpu" && dtype === "float32";
  const atol = givenFor(given.atol, dtype);
  return {
    rtol: givenFor(given.rtol, dtype) ?? defaults.rtol * (isWide ? WEBGPU_FACTOR : 1),
    atol: atol ?? defaults.atol * scaleOf(expected, isWide),
  };
}

function givenFor(value: ToleranceValue | undefined, dtype: DType): number | undefined {
  return typeof value === "object" ? value[dtype] : value;
}

/** @throws {VerificationError} for a tolerance that is negative or no number, or of a dtype that has none */
export function checkTolerance(given: Tolerance): void {
  for (const option of ["rtol", "atol"] as const) {
    const value = given[option];
    if (value === undefined) continue;
    const entries: [string, unknown][] = typeof value === "object" ? Object.entries(value) : [["", value]];
    for (const [dtype, limit] of entries) {
      if (dtype !== "" && !isFloat(dtype as DType)) {
        throw new VerificationError(`Option ${option} has ${dtype}, which is no float dtype`, {
          hint: `Integers and bools must be equal; float dtypes are ${[...DEFAULTS.keys()].join(", ")}`,
        });
      }
      if (typeof limit !== "number" || !(limit >= 0)) {
        const where = dtype === "" ? "" : ` for ${dtype}`;
        throw new VerificationError(`Option ${option} must be a number of at least 0${where}, met ${String(limit)}`);
      }
    }
  }
}

/** The magnitude that the default absolute tolerance is relative to. */
function scaleOf(expected: Data, isWide: boolean): number {
  const step = Math.max(1, Math.floor(expected.length / SCALE_SAMPLE));
  const magnitudes: number[] = [];
  for (let i = 0; i < expected.length; i += step) {
    const x = Math.abs(expected[i] as number);
    if (x > 0 && x < Infinity) magnitudes.push(x);
  }
  if (magnitudes.length === 0) return LEAST_SCALE;
  magnitudes.sort((x, y) => x - y);
  const typical = Math.max(LEAST_SCALE, magnitudes[magnitudes.length >> 1]);
  if (!isWide) return typical;
  let largest = typical;
  for (let i = 0; i < expected.length; i++) {
    const x = Math.abs(expected[i] as number);
    if (x > largest && x < Infinity) largest = x;
  }
  return Math.min(largest, WEBGPU_SPREAD * typical);
}
