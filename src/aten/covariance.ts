/** Covariances and correlations of variables, which are rows of observations. */
import type { Dim } from "../sym/mod.ts";
import { categoryOf, isComplex, isFloat, isInt } from "../tensor/mod.ts";
import { mul, mulScalar, sub, subScalar } from "./binary.ts";
import { diagonal } from "./diagonal.ts";
import { div } from "./division.ts";
import { clamp, clampMin } from "./extrema.ts";
import { mm } from "./linear.ts";
import { type Calls, defineOp } from "./op.ts";
import { sum, sumDim } from "./reduce.ts";
import { refuse } from "./rules.ts";
import { squeeze, unsqueeze } from "./view.ts";
import { permute } from "./permute.ts";
import { sqrt } from "./unary.ts";

interface CovArgs<T> {
  readonly self: T;
  readonly correction: number;
  readonly fweights: T | null;
  readonly aweights: T | null;
}

/** The weights of observations: frequencies times weights. */
function weightsOf<T extends object>(t: Calls<T>, { fweights, aweights }: CovArgs<T>, count: Dim): T | null {
  for (const [name, w] of [["fweights", fweights], ["aweights", aweights]] as const) {
    if (!w) continue;
    const { dtype, shape } = t.meta(w);
    if (shape.length > 1) throw new RangeError(`Argument ${name} must be a list, met ${shape.length} dimensions`);
    const fits = name === "fweights" ? isInt(dtype) : isFloat(dtype);
    if (!fits) throw new TypeError(`Argument ${name} of dtype ${dtype} is not what cov takes`);
    if (typeof count === "number" && typeof shape[0] === "number" && shape[0] !== count) {
      throw new RangeError(`Argument ${name} has ${shape[0]} elements for ${count} observations`);
    }
  }
  return fweights && aweights ? t.call(mul, fweights, aweights) : fweights ?? aweights;
}

/**
 * https://docs.pytorch.org/docs/stable/generated/torch.cov.html: what is divided by is at least 0, so that too few
 * observations give infinities.
 */
function covariance<T extends object>(t: Calls<T>, args: CovArgs<T>): T {
  const { self, correction, aweights } = args;
  const { dtype, shape } = t.meta(self);
  if (shape.length > 2) throw new RangeError(`cov takes at most 2 dimensions, met ${shape.length}`);
  if (categoryOf(dtype) === "bool") throw new TypeError("cov does not take bool");
  if (isComplex(dtype)) refuse("self", `a ${dtype} tensor`, "covariances of complex numbers are not written");
  const rows = shape.length === 0
    ? t.call(unsqueeze, t.call(unsqueeze, self, 0), 0)
    : shape.length === 1
    ? t.call(unsqueeze, self, 0)
    : self;
  const count = shape[shape.length - 1] ?? 1;
  const w = weightsOf(t, args, count);
  const total = w ? t.call(sum, w, null) : t.full([], typeof count === "number" ? BigInt(count) : count, "int64");
  const weighted = w ? t.call(mul, rows, w) : rows;
  const mean = t.call(div, t.call(sumDim, weighted, [1], true, null), total);
  const centered = t.call(sub, rows, mean);
  const part = w && aweights && correction !== 0
    ? t.call(div, t.call(mulScalar, t.call(sum, t.call(mul, w, aweights), null), BigInt(correction)), total)
    : null;
  const freedom = part ? t.call(sub, total, part) : t.call(subScalar, total, BigInt(correction));
  const other = t.call(permute, w ? t.call(mul, centered, w) : centered, [1, 0]);
  return t.call(squeeze, t.call(div, t.call(mm, centered, other), t.call(clampMin, freedom, 0n)));
}

/** https://docs.pytorch.org/docs/stable/generated/torch.cov.html */
export const cov = defineOp(
  "aten::cov(Tensor self, *, int correction=1, Tensor? fweights=None, Tensor? aweights=None) -> Tensor",
  { decompose: (t, args) => covariance(t, args) },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.corrcoef.html */
export const corrcoef = defineOp("aten::corrcoef(Tensor self) -> Tensor", {
  decompose: (t, { self }) => {
    const c = covariance(t, { self, correction: 1, fweights: null, aweights: null });
    if (t.meta(c).shape.length === 0) return t.call(div, c, c);
    const deviations = t.call(sqrt, t.call(diagonal, c, 0, 0, 1));
    const byRow = t.call(div, c, t.call(unsqueeze, deviations, 1));
    return t.call(clamp, t.call(div, byRow, t.call(unsqueeze, deviations, 0)), -1n, 1n);
  },
});
