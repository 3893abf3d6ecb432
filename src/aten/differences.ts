/** Differences of neighbours along a dim, and gradients and integrals that are made of them. */
import type { Scalar } from "../fx/mod.ts";
import { type Dim, eq } from "../sym/mod.ts";
import { categoryOf, normalizeDim } from "../tensor/mod.ts";
import { add, mul, mulScalar, sub } from "./binary.ts";
import { cat } from "./cat.ts";
import { clone } from "./copy.ts";
import { cumsum } from "./cumulative.ts";
import { divScalar } from "./division.ts";
import { logicalXor } from "./logical.ts";
import { type Calls, defineOp } from "./op.ts";
import { sumDim } from "./reduce.ts";
import { refuse } from "./rules.ts";
import { select, slice } from "./slice.ts";
import { view } from "./view.ts";

/** All but the first element of a dim. */
function later<T extends object>(t: Calls<T>, x: T, dim: number): T {
  return t.call(slice, x, dim, 1, null);
}

/** All but the last element of a dim. */
function earlier<T extends object>(t: Calls<T>, x: T, dim: number): T {
  return t.call(slice, x, dim, 0, -1);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.diff.html: of bools, whether neighbours differ. */
export const diff = defineOp(
  "aten::diff(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None) -> Tensor",
  {
    decompose: (t, { self, n, dim, prepend, append }) => {
      const { shape } = t.meta(self);
      if (shape.length === 0) throw new RangeError("diff takes a tensor of at least one dimension");
      if (n < 0) refuse("n", n, "differences can't be undone");
      const d = normalizeDim(dim, shape.length);
      const parts = [prepend, self, append].filter((x) => x !== null);
      let x = parts.length === 1 ? self : t.call(cat, parts, d);
      if (n === 0) return t.call(clone, x);
      const isBool = categoryOf(t.meta(x).dtype) === "bool";
      for (let k = 0; k < n && t.meta(x).shape[d] !== 0; k++) {
        x = t.call(isBool ? logicalXor : sub, later(t, x, d), earlier(t, x, d));
      }
      return x;
    },
  },
);

/** @throws {TypeError} for bools, whose sum is not what integrals mean */
function requireNumbers<T extends object>(t: Calls<T>, name: string, ...tensors: readonly T[]): void {
  for (const x of tensors) {
    if (categoryOf(t.meta(x).dtype) === "bool") throw new TypeError(`${name} does not take bool`);
  }
}

/** The distances of the sample points, placed along the dim of `y`. */
function distances<T extends object>(t: Calls<T>, y: T, x: T, dim: number, name: string): T {
  const [of, at] = [t.meta(y).shape, t.meta(x).shape];
  let placed = x;
  if (at.length === 1) {
    if (eq(at[0], of[dim]) === false) {
      throw new RangeError(`${name} takes one x for each sample, met ${at[0]} for ${of[dim]}`);
    }
    placed = t.call(view, x, of.map((_, d) => d === dim ? at[0] : 1));
  } else if (at.length < of.length) {
    placed = t.call(view, x, [...new Array<number>(of.length - at.length).fill(1), ...at]);
  }
  return t.call(sub, later(t, placed, dim), earlier(t, placed, dim));
}

/** The dim, and the shape of the integral over it where there are no samples. */
function samples<T extends object>(t: Calls<T>, y: T, dim: number, name: string): { d: number; empty: Dim[] | null } {
  const { shape } = t.meta(y);
  if (shape.length === 0) throw new RangeError(`${name} takes a tensor of at least one dimension`);
  const d = normalizeDim(dim, shape.length);
  return { d, empty: shape[d] === 0 ? shape.filter((_, i) => i !== d) : null };
}

function integralOf<T extends object>(t: Calls<T>, y: T, x: T, dim: number): T {
  const { d, empty } = samples(t, y, dim, "trapezoid");
  if (empty) return t.full(empty, 0n, t.meta(y).dtype);
  requireNumbers(t, "trapezoid", y, x);
  const heights = t.call(add, earlier(t, y, d), later(t, y, d));
  const areas = t.call(mul, heights, distances(t, y, x, d, "trapezoid"));
  return t.call(divScalar, t.call(sumDim, areas, [d], false, null), 2.0);
}

/** Samples at equal distances: all but half of the first and the last. */
function evenIntegral<T extends object>(t: Calls<T>, y: T, dx: Scalar, dim: number): T {
  const { d, empty } = samples(t, y, dim, "trapezoid");
  if (empty) return t.full(empty, 0n, t.meta(y).dtype);
  requireNumbers(t, "trapezoid", y);
  const ends = t.call(mulScalar, t.call(add, t.call(select, y, d, 0), t.call(select, y, d, -1)), 0.5);
  const heights = t.call(sub, t.call(sumDim, y, [d], false, null), ends);
  const width = distanceOf(dx);
  return width === 1 ? heights : t.call(mulScalar, heights, width);
}

/** A distance is a float, whatever kind of number it is given as. */
function distanceOf(dx: Scalar): number {
  if (typeof dx === "boolean" || typeof dx === "object") refuse("dx", dx, "it must be a constant real number");
  return Number(dx);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.trapezoid.html */
export const trapezoid = defineOp("aten::trapezoid.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor", {
  decompose: (t, { y, x, dim }) => integralOf(t, y, x, dim),
});
/** https://docs.pytorch.org/docs/stable/generated/torch.trapezoid.html */
export const trapezoidEven = defineOp("aten::trapezoid.dx(Tensor y, *, Scalar dx=1, int dim=-1) -> Tensor", {
  decompose: (t, { y, dx, dim }) => evenIntegral(t, y, dx, dim),
});
/** https://docs.pytorch.org/docs/stable/generated/torch.trapz.html */
export const trapz = defineOp("aten::trapz.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor", {
  decompose: (t, { y, x, dim }) => integralOf(t, y, x, dim),
});
/** https://docs.pytorch.org/docs/stable/generated/torch.trapz.html */
export const trapzEven = defineOp("aten::trapz.dx(Tensor y, *, float dx=1., int dim=-1) -> Tensor", {
  decompose: (t, { y, dx, dim }) => evenIntegral(t, y, dx, dim),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.cumulative_trapezoid.html */
export const cumulativeTrapezoid = defineOp(
  "aten::cumulative_trapezoid.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor",
  {
    decompose: (t, { y, x, dim }) => {
      const { d } = samples(t, y, dim, "cumulative_trapezoid");
      requireNumbers(t, "cumulative_trapezoid", y, x);
      const heights = t.call(add, earlier(t, y, d), later(t, y, d));
      const areas = t.call(mul, heights, distances(t, y, x, d, "cumulative_trapezoid"));
      return t.call(divScalar, t.call(cumsum, areas, d, null), 2.0);
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.cumulative_trapezoid.html */
export const cumulativeTrapezoidEven = defineOp(
  "aten::cumulative_trapezoid.dx(Tensor y, *, Scalar dx=1, int dim=-1) -> Tensor",
  {
    decompose: (t, { y, dx, dim }) => {
      const { d } = samples(t, y, dim, "cumulative_trapezoid");
      requireNumbers(t, "cumulative_trapezoid", y);
      const heights = t.call(add, earlier(t, y, d), later(t, y, d));
      return t.call(cumsum, t.call(mulScalar, heights, distanceOf(dx) / 2), d, null);
    },
  },
);
