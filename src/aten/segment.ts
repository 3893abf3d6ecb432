/** Reductions of segments that follow each other along a dim. */
import type { Scalar } from "../fx/mod.ts";
import { add as dimAdd, sub as dimSub } from "../sym/mod.ts";
import { isFloat } from "../tensor/mod.ts";
import { cat } from "./cat.ts";
import { sub } from "./binary.ts";
import { eqScalar } from "./compare.ts";
import { cumsum } from "./cumulative.ts";
import { div } from "./division.ts";
import { expand } from "./expand.ts";
import { clampMin } from "./extrema.ts";
import { type Calls, defineOp } from "./op.ts";
import { arange } from "./range.ts";
import { refuse } from "./rules.ts";
import { scatterReduce } from "./scatter.ts";
import { searchsorted } from "./searchsorted.ts";
import { slice } from "./slice.ts";
import { reshape } from "./view.ts";
import { where } from "./where.ts";

/** How segments are reduced, and what none gives. */
const REDUCTIONS: ReadonlyMap<string, readonly [reduce: string, none: number]> = new Map([
  ["sum", ["sum", 0]],
  ["mean", ["sum", 0]],
  ["max", ["amax", -Infinity]],
  ["min", ["amin", Infinity]],
  ["prod", ["prod", 1]],
]);

/** `x` with dims of size 1 appended. */
function widened<T extends object>(t: Calls<T>, x: T, rank: number): T {
  const { shape } = t.meta(x);
  return t.call(reshape, x, [...shape, ...new Array<number>(rank - shape.length).fill(1)]);
}

/**
 * Segments are told by their lengths or by where they begin; `unsafe` only leaves out checks.
 *
 * https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/native/SegmentReduce.cpp
 */
export const segmentReduce = defineOp(
  "aten::segment_reduce(Tensor data, str reduce, *, Tensor? lengths=None, Tensor? indices=None, Tensor? offsets=None, int axis=0, bool unsafe=False, Scalar? initial=None) -> Tensor",
  {
    decompose: (t, { data, reduce, lengths, indices, offsets, axis, initial }) => {
      const reduction = REDUCTIONS.get(reduce) ??
        refuse("reduce", reduce, `it must be one of ${[...REDUCTIONS.keys()].join(", ")}`);
      if (indices !== null) refuse("indices", "a tensor", "PyTorch does not support it either");
      const { dtype, shape } = t.meta(data);
      if (!isFloat(dtype)) throw new TypeError(`segment_reduce takes floats, met ${dtype}`);
      const bounds = offsets ?? (lengths ? ends(t, lengths) : refuse("lengths", null, "or offsets must be given"));
      const lead = t.meta(bounds).shape;
      if (axis !== lead.length - 1) refuse("axis", axis, `the segments are along dimension ${lead.length - 1}`);
      const count = dimSub(lead[axis], 1);
      const places = t.call(expand, t.call(arange, shape[axis] as Scalar), shape.slice(0, axis + 1));
      // 0 is before the first segment, and what follows the last one is beyond the rest.
      const segment = t.call(searchsorted, t.cast(bounds, "int64"), places, false, true);
      const wide = [...lead.slice(0, -1), dimAdd(count, 2), ...shape.slice(axis + 1)];
      const start = t.full(wide, initial ?? reduction[1], dtype);
      const index = t.call(expand, widened(t, segment, shape.length), shape);
      const all = t.call(scatterReduce, start, axis, index, data, reduction[0], true);
      const result = t.call(slice, all, axis, 1, dimAdd(count, 1));
      if (reduce !== "mean") return result;
      const sizes = t.cast(
        t.call(sub, t.call(slice, bounds, axis, 1), t.call(slice, bounds, axis, 0, count)),
        dtype,
      );
      const divisor = widened(t, t.call(clampMin, sizes, 1n), shape.length);
      const mean = t.call(div, result, divisor);
      if (initial !== null) return mean;
      return t.call(where, widened(t, t.call(eqScalar, sizes, 0n), shape.length), t.full([], NaN, dtype), mean);
    },
  },
);

/** Where segments of some lengths begin, and where the last one ends. */
function ends<T extends object>(t: Calls<T>, lengths: T): T {
  const { shape } = t.meta(lengths);
  const zeros = t.full([...shape.slice(0, -1), 1], 0n, "int64");
  return t.call(cat, [zeros, t.call(cumsum, lengths, -1)], -1);
}
