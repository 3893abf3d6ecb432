/** Quantiles, of all elements or of those that are not NaN. */
import type { Scalar } from "../fx/mod.ts";
import { sub as dimSub } from "../sym/mod.ts";
import { type Meta, normalizeDim } from "../tensor/mod.ts";
import { lerp, mul, sub, subScalar } from "./binary.ts";
import { expand } from "./expand.ts";
import { clampMin } from "./extrema.ts";
import { gather } from "./gather.ts";
import { logicalNot } from "./logical.ts";
import { type Calls, defineOp } from "./op.ts";
import { movedim } from "./permute.ts";
import { anyDim, sumDim } from "./reduce.ts";
import { ceil, floor, round } from "./rounding.ts";
import { refuse } from "./rules.ts";
import { sort } from "./sort.ts";
import { isnan } from "./unary.ts";
import { reshape, squeezeDim, unsqueeze } from "./view.ts";
import { where } from "./where.ts";

interface Given<T> {
  readonly self: T;
  readonly q: T;
  readonly dim: number | null;
  readonly keepdim: boolean;
  readonly interpolation: string;
}

const INTERPOLATIONS = ["linear", "lower", "higher", "midpoint", "nearest"];

function check({ dtype }: Meta, q: Meta, interpolation: string): void {
  if (dtype !== "float32" && dtype !== "float64") {
    throw new TypeError(`quantile takes float32 or float64, met ${dtype}`);
  }
  if (q.dtype !== dtype) throw new TypeError(`Argument q must be ${dtype} as the tensor is, met ${q.dtype}`);
  if (q.shape.length > 1) throw new RangeError(`Argument q must have at most 1 dimension, met ${q.shape.length}`);
  if (!INTERPOLATIONS.includes(interpolation)) {
    refuse("interpolation", interpolation, `it must be one of ${INTERPOLATIONS.join(", ")}`);
  }
}

/** Values of the last dim at ranks that may lie between two. */
function atRanks<T extends object>(t: Calls<T>, ordered: T, ranks: T, interpolation: string): T {
  const at = (places: T): T => t.call(gather, ordered, -1, t.cast(places, "int64"));
  if (interpolation === "nearest") return at(t.call(round, ranks));
  if (interpolation === "higher") return at(t.call(ceil, ranks));
  const below = t.call(floor, ranks);
  if (interpolation === "lower") return at(below);
  const weight = interpolation === "midpoint" ? t.full([], 0.5, t.meta(ranks).dtype) : t.call(sub, ranks, below);
  return t.call(lerp, at(below), at(t.call(ceil, ranks)), weight);
}

function quantiles<T extends object>(t: Calls<T>, args: Given<T>, ignoresNaN: boolean): T {
  const { self, q, dim, keepdim, interpolation } = args;
  const { dtype, shape } = t.meta(self);
  check(t.meta(self), t.meta(q), interpolation);
  const axis = dim === null ? 0 : normalizeDim(dim, shape.length);
  const isFlat = dim === null || shape.length === 0;
  const x = isFlat ? t.call(reshape, self, [-1]) : t.call(movedim, self, [axis], [-1]);
  const size = t.meta(x).shape[t.meta(x).shape.length - 1];
  if (size === 0) throw new RangeError("Quantiles of no elements have no value");
  const ordered = t.call(sort, x)[0];
  const isMissing = t.call(isnan, x);
  const isList = t.meta(q).shape.length === 1;
  const shares = isList ? q : t.call(reshape, q, [1]);
  const last = t.full([], dimSub(size, 1) as Scalar, dtype);
  let ranks: T;
  if (ignoresNaN) {
    const count = t.cast(t.call(sumDim, t.call(logicalNot, isMissing), [-1], true), dtype);
    ranks = t.call(clampMin, t.call(mul, shares, t.call(subScalar, count, 1n)), 0n);
  } else {
    // NaN lies last.
    ranks = t.call(where, t.call(anyDim, isMissing, -1, true), last, t.call(mul, shares, last));
  }
  const full = t.call(expand, ranks, [...t.meta(x).shape.slice(0, -1), t.meta(shares).shape[0]]);
  const values = atRanks(t, ordered, full, interpolation);
  const front = isList ? t.call(movedim, values, [-1], [0]) : t.call(squeezeDim, values, -1);
  if (!keepdim || shape.length === 0) return front;
  const lead = isList ? 1 : 0;
  if (dim !== null) return t.call(unsqueeze, front, axis + lead);
  return t.call(reshape, front, [...(isList ? [-1] : []), ...new Array<number>(shape.length).fill(1)]);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.quantile.html */
export const quantile = defineOp(
  'aten::quantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor',
  { decompose: (t, args) => quantiles(t, args, false) },
);
/** One quantile. */
export const quantileScalar = defineOp(
  'aten::quantile.scalar(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor',
  { decompose: (t, { q, ...args }) => quantiles(t, { ...args, q: share(t, q, args.self) }, false) },
);
/** https://docs.pytorch.org/docs/stable/generated/torch.nanquantile.html */
export const nanquantile = defineOp(
  'aten::nanquantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor',
  { decompose: (t, args) => quantiles(t, args, true) },
);
/** One quantile. */
export const nanquantileScalar = defineOp(
  'aten::nanquantile.scalar(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor',
  { decompose: (t, { q, ...args }) => quantiles(t, { ...args, q: share(t, q, args.self) }, true) },
);

function share<T extends object>(t: Calls<T>, q: number, self: T): T {
  if (!(q >= 0 && q <= 1)) refuse("q", q, "it must lie between 0 and 1");
  return t.full([], q, t.meta(self).dtype);
}
