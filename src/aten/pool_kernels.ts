/** Reference pooling over bins: for each spatial dim and each element of the result, which elements of the input it takes. */
import { type DType, elementCount, isBigData, newData, Tensor } from "../tensor/mod.ts";
import { indices, store } from "../tensor/loops.ts";

/** One per element of the result along a dim. */
export type Bins = readonly {
  /** Indices of the elements inside the input. */
  readonly elements: readonly number[];
  /** How many elements count in an average. */
  readonly count: number;
}[];

/** Calls `visit` for each element of the result with the places of its elements in each plane of the spatial dims. */
function pool(
  x: Tensor,
  bins: readonly Bins[],
  visit: (at: number, base: number, places: readonly number[], counted: number) => void,
): number[] {
  const rank = bins.length;
  const lead = x.shape.slice(0, x.shape.length - rank);
  const sizes = x.shape.slice(-rank);
  const outs = bins.map((b) => b.length);
  const area = elementCount(sizes);
  // Places are the same in every plane.
  const windows: { places: number[]; count: number }[] = [];
  for (const index of indices(outs)) {
    let places = [0];
    for (const [d, o] of index.entries()) {
      places = places.flatMap((p) => bins[d][o].elements.map((i) => p * sizes[d] + i));
    }
    windows.push({ places, count: index.reduce((n, o, d) => n * bins[d][o].count, 1) });
  }
  let at = 0;
  for (let plane = 0; plane < elementCount(lead); plane++) {
    for (const { places, count } of windows) visit(at++, plane * area, places, count);
  }
  return [...lead, ...outs];
}

function outputs(x: Tensor, bins: readonly Bins[], dtype: DType): ReturnType<typeof newData> {
  const planes = elementCount(x.shape.slice(0, x.shape.length - bins.length));
  return newData(dtype, planes * elementCount(bins.map((b) => b.length)));
}

/** Sum over each bin, divided by how many elements count, or by `divisor`. */
export function averageKernel(x: Tensor, bins: readonly Bins[], divisor: number | null): Tensor {
  const data = x.data();
  const big = isBigData(data);
  const out = outputs(x, bins, x.dtype);
  const shape = pool(x, bins, (at, base, places, counted) => {
    let sum = (big ? 0n : 0) as number;
    for (const place of places) sum += data[base + place] as number;
    const by = divisor ?? counted;
    store(out, at, sum / (big ? BigInt(by) as unknown as number : by));
  });
  return Tensor.of(x.dtype, shape, out);
}

/** Maximum over each bin and its index in the plane; the first of equal ones, NaN above all. */
export function maximumKernel(x: Tensor, bins: readonly Bins[]): [Tensor, Tensor] {
  const data = x.data();
  const out = outputs(x, bins, x.dtype);
  const found = newData("int64", out.length) as BigInt64Array;
  const shape = pool(x, bins, (at, base, places) => {
    let best = places[0];
    for (const place of places) {
      const value = data[base + place];
      if (value > data[base + best] || Number.isNaN(value)) best = place;
    }
    out[at] = data[base + best];
    found[at] = BigInt(best);
  });
  return [Tensor.of(x.dtype, shape, out), Tensor.of("int64", shape, found)];
}
