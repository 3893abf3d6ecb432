/**
 * How a sample of an image is made of its neighbours, and the reference kernel. Images of two dimensions are sampled by
 * PyTorch's vector code, volumes by its scalar code: the formulas are the same but for rounding, which is done at each step
 * and which float16 and bfloat16 show.
 */
import { elementCount, Tensor } from "../tensor/mod.ts";
import { convert, roundingTo } from "../tensor/loops.ts";
import { isHalf } from "./precision.ts";
import { roundEven } from "./math.ts";

/** How a sample is made. */
export interface Sampling {
  readonly mode: "bilinear" | "nearest" | "bicubic";
  readonly padding: "zeros" | "border" | "reflection";
  /** Whether -1 and 1 are the centres of the first and last element, rather than their outer edges. */
  readonly align: boolean;
  /** 2 or 3. */
  readonly rank: number;
}

/** The coefficients of the cubic through four neighbours, highest power first: for distances below 1, and from 1 to 2. */
export const CUBIC = { near: [1.25, -2.25, 0, 1], far: [-0.75, 3.75, -6, 3] } as const;

type Round = (x: number) => number;

/** From -1 … 1 to positions of elements. */
function positionOf(x: number, size: number, { align, rank }: Sampling, round: Round): number {
  const moved = round(x + 1);
  if (rank === 2) {
    const scaled = round(moved * round(round(align ? size - 1 : size) / 2));
    return align ? scaled : round(scaled - 0.5);
  }
  if (align) return round(round(moved / 2) * round(size - 1));
  return round(round(round(moved * round(size)) - 1) / 2);
}

/** A position brought into the image, where the padding says so. */
function broughtIn(x: number, size: number, sampling: Sampling, round: Round): number {
  const { padding, align } = sampling;
  if (padding === "zeros") return x;
  const at = padding === "border" ? x : align && size === 1 ? 0 : reflected(x, size, sampling, round);
  return Math.min(round(size - 1), Math.max(at, 0));
}

function reflected(x: number, size: number, { align, rank }: Sampling, round: Round): number {
  const low = align ? 0 : -0.5;
  const span = align ? size - 1 : size;
  const distance = Math.abs(round(x - low));
  if (rank === 2) {
    const turn = round(2 * span);
    const turns = Math.trunc(round(distance / turn));
    const extra = round(distance - round(turns * turn));
    return round(Math.min(extra, round(turn - extra)) + low);
  }
  const extra = distance % round(span);
  const isBack = Math.floor(round(distance / round(span))) % 2 === 1;
  return round((isBack ? round(round(span) - extra) : extra) + low);
}

/** Weights of four neighbours at a distance of `t` from the second. */
function cubicWeights(t: number, round: Round): number[] {
  const polynomial = (x: number, [first, ...rest]: readonly number[]): number =>
    rest.reduce((y, term) => round(round(y * x) + term), first);
  return [
    polynomial(round(t + 1), CUBIC.far),
    polynomial(t, CUBIC.near),
    polynomial(round(1 - t), CUBIC.near),
    polynomial(round(2 - t), CUBIC.far),
  ];
}

/** What of one dim takes part in a sample. */
interface Tap {
  readonly index: number;
  readonly weight: number;
}

function tapsOf(x: number, size: number, sampling: Sampling, round: Round): Tap[] {
  const at = positionOf(x, size, sampling, round);
  if (sampling.mode === "bicubic") {
    const low = Math.floor(at);
    const weights = cubicWeights(round(at - low), round);
    return weights.map((weight, k) => ({
      index: Math.trunc(broughtIn(round(low + round(k - 1)), size, sampling, round)),
      weight,
    }));
  }
  const place = broughtIn(at, size, sampling, round);
  if (sampling.mode === "nearest") return [{ index: roundEven(place), weight: 1 }];
  const low = Math.floor(place);
  const above = round(place - low);
  const below = sampling.rank === 2 ? round(1 - above) : round(round(low + 1) - place);
  return [{ index: low, weight: below }, { index: low + 1, weight: above }];
}

/** Samples an image `[n, c, …sizes]` at the places of a grid, into a tensor of the given shape. */
export function sampleKernel(input: Tensor, grid: Tensor, shape: readonly number[], sampling: Sampling): Tensor {
  const { dtype } = input;
  const [n, c, ...sizes] = input.shape;
  const rank = sizes.length;
  const outs = elementCount(shape.slice(2));
  // Sums of wider floats are rounded once, at the end.
  const [round, sumRound] = [roundingTo(dtype), isHalf(dtype) ? roundingTo(dtype) : (x: number) => x];
  const [data, places] = [input.data(), grid.data()];
  const out = new Float64Array(elementCount(shape));
  const plane = elementCount(sizes);
  for (let o = 0; o < n * outs; o++) {
    // The last element of a place is that of the first dim.
    const taps = sizes.map((size, d) => tapsOf(places[o * rank + rank - 1 - d] as number, size, sampling, round));
    const batch = Math.floor(o / outs);
    for (let k = 0; k < c; k++) {
      const value = (at: readonly number[]): number => {
        if (at.some((i, d) => !(i >= 0 && i < sizes[d]))) return 0;
        return data[(batch * c + k) * plane + at.reduce((flat, i, d) => flat * sizes[d] + i, 0)] as number;
      };
      out[(batch * c + k) * outs + o % outs] = sampling.mode === "bicubic"
        ? cubicSum(taps, value, sumRound)
        : linearSum(taps, value, sumRound);
    }
  }
  return convert(Tensor.of("float64", shape, out), dtype);
}

/** Rows first, then a column of them. */
function cubicSum([rows, columns]: readonly Tap[][], value: (at: number[]) => number, round: Round): number {
  const sum = (taps: readonly Tap[], term: (index: number) => number): number =>
    taps.map(({ index, weight }) => round(weight * term(index))).reduce((x, y) => round(x + y));
  return sum(rows, (i) => sum(columns, (j) => value([i, j])));
}

/** Each neighbour times the product of its weights, which begins with that of the last dim. */
function linearSum(taps: readonly Tap[][], value: (at: number[]) => number, round: Round): number {
  let all: { at: number[]; weight: number }[] = [{ at: [], weight: 1 }];
  for (const list of taps.toReversed()) {
    all = list.flatMap((tap) =>
      all.map(({ at, weight }) => ({ at: [tap.index, ...at], weight: round(weight * tap.weight) }))
    );
  }
  return all.map(({ at, weight }) => round(value(at) * weight)).reduce((x, y) => round(x + y));
}
