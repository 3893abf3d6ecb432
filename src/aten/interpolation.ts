/**
 * Which elements, with which weights, make each element of a resized dim. Coordinates are computed as PyTorch does it, in the
 * precision it does it in: the nearest element flips with the last bit.
 */
import type { DType } from "../tensor/mod.ts";

/** How a dim is resized. */
export interface ResizedDim<D> {
  readonly size: D;
  readonly out: D;
  /** The factor that was given; coordinates then follow it rather than the sizes. */
  readonly scale: number | null;
}

/** Interpolation along each dim. */
export type Filter = "nearest" | "nearest-exact" | "linear" | "cubic" | "linear-aa" | "cubic-aa" | "lanczos-aa";

/** Those that weigh elements. */
export type WeightedFilter = Exclude<Filter, "nearest" | "nearest-exact">;

/** Those that look at as many elements as a smaller result leaves out. */
export type WindowFilter = Exclude<WeightedFilter, "linear" | "cubic">;

/** Elements and weights of one element of the result. */
export interface Tap {
  readonly index: readonly number[];
  readonly weight: readonly number[];
}

/** Distance in the input between neighbours of the result. */
function step({ size, out, scale }: ResizedDim<number>, align: boolean): number {
  if (align) return out > 1 ? (size - 1) / (out - 1) : 0;
  return scale !== null && scale > 0 ? 1 / scale : size / out;
}

/**
 * The element that each element of the result takes. Over two dims PyTorch has code of its own, in single precision and with
 * the same and the double size apart; over one or three it computes coordinates as for other filters.
 */
export function nearestIndices(
  dim: ResizedDim<number>,
  filter: "nearest" | "nearest-exact",
  dtype: DType,
  rank: number,
): number[] {
  const { size, out } = dim;
  const round = dtype === "float64" && rank !== 2 ? (x: number): number => x : Math.fround;
  const isWhole = rank === 2 && filter === "nearest" && (out === size || out === 2 * size);
  const by = isWhole ? size / out : round(step(dim, false));
  return Array.from({ length: out }, (_, i) => {
    const at = filter === "nearest"
      ? by * i
      : rank === 2
      ? by * (i + 0.5)
      : Math.max(round(by * (i + 0.5) - 0.5), 0) + 0.5;
    return Math.min(Math.floor(Math.fround(at)), size - 1);
  });
}

/** Keys' cubic convolution. */
function cubic(x: number, a: number): number {
  const d = Math.abs(x);
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
}

const WINDOWS = {
  "linear-aa": { reach: 1, weight: (x: number): number => Math.max(1 - Math.abs(x), 0) },
  "cubic-aa": { reach: 2, weight: (x: number): number => cubic(x, -0.5) },
  "lanczos-aa": { reach: 3, weight: (x: number): number => Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0 },
} as const;

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/** Elements and weights of each element of the result. */
export function taps(
  dim: ResizedDim<number>,
  filter: WeightedFilter,
  align: boolean,
): Tap[] {
  const { size, out } = dim;
  const by = step(dim, align);
  const last = size - 1;
  return Array.from({ length: out }, (_, i): Tap => {
    if (filter !== "linear" && filter !== "cubic") return windowTap(filter, by, i, size);
    const at = align ? by * i : by * (i + 0.5) - 0.5;
    if (filter === "linear") {
      const source = Math.max(at, 0);
      const first = Math.min(Math.floor(source), last);
      const share = Math.min(Math.max(source - first, 0), 1);
      return { index: [first, Math.min(first + 1, last)], weight: [1 - share, share] };
    }
    const first = Math.floor(at);
    const index = [-1, 0, 1, 2].map((k) => first + k);
    return {
      index: index.map((k) => Math.min(Math.max(k, 0), last)),
      weight: index.map((k) => cubic(at - k, -0.75)),
    };
  });
}

/** With antialiasing, the filter is widened where the result is smaller, and its weights sum up to 1. */
function windowTap(filter: WindowFilter, by: number, i: number, size: number): Tap {
  const { reach, weight } = WINDOWS[filter];
  const wide = Math.max(by, 1);
  const center = by * (i + 0.5);
  const first = Math.max(Math.trunc(center - reach * wide + 0.5), 0);
  const end = Math.min(Math.trunc(center + reach * wide + 0.5), size);
  const index = Array.from({ length: end - first }, (_, k) => first + k);
  const weights = index.map((k) => weight((k - center + 0.5) / wide));
  const total = weights.reduce((a, b) => a + b, 0);
  return { index, weight: weights.map((w) => total === 0 ? w : w / total) };
}

/**
 * Weights for bytes, as PyTorch rounds them: to 16 bits with as many after the point as the largest weight leaves room for.
 * Sums of their products with bytes are exact in single precision.
 */
export function roundWeights(rows: readonly Tap[]): Tap[] {
  const largest = rows.reduce((most, { weight }) => Math.max(most, ...weight), 0);
  let precision = 0;
  while (precision < 22 && Math.trunc(0.5 + largest * 2 ** (precision + 1)) < 2 ** 15) precision++;
  const unit = 2 ** precision;
  const round = (w: number): number => Math.trunc(w * unit + (w < 0 ? -0.5 : 0.5)) / unit;
  return rows.map(({ index, weight }) => ({ index, weight: weight.map(round) }));
}
