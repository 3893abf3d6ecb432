/**
 * https://docs.pytorch.org/docs/stable/generated/torch.gradient.html
 *
 * Inside, the difference of the neighbours on both sides; at the ends, of one or two neighbours (`edge_order`). Distances
 * between samples are one number for each dim, or a list of places.
 */
import type { Scalar } from "../fx/mod.ts";
import { type Dim, ge } from "../sym/mod.ts";
import { isComplex, isFloat, normalizeDim } from "../tensor/mod.ts";
import { add, mul, mulScalar, sub } from "./binary.ts";
import { cat } from "./cat.ts";
import { diff } from "./differences.ts";
import { div, divScalar } from "./division.ts";
import { type Calls, defineOp } from "./op.ts";
import { refuse } from "./rules.ts";
import { slice } from "./slice.ts";
import { neg } from "./unary.ts";
import { view } from "./view.ts";

/** `x[start:end]` of a dim; an absent end is the end of the dim. */
type Cut<T> = (start: number, end?: number) => T;

function cutter<T extends object>(t: Calls<T>, x: T, dim: number): Cut<T> {
  return (start, end) => t.call(slice, x, dim, start, end ?? null);
}

/** The dims to differentiate along, which must be long enough. */
function dimsOf(shape: readonly Dim[], dims: readonly number[] | null, edgeOrder: number): number[] {
  if (edgeOrder !== 1 && edgeOrder !== 2) refuse("edge_order", edgeOrder, "it must be 1 or 2");
  const given = dims?.map((d) => normalizeDim(d, shape.length)) ?? [...shape.keys()];
  if (new Set(given).size !== given.length) refuse("dim", `[${given.join(", ")}]`, "a dimension is given twice");
  for (const d of given) {
    if (ge(shape[d], edgeOrder + 1) === false) {
      throw new RangeError(`gradient takes at least ${edgeOrder + 1} samples in a dimension, met ${shape[d]}`);
    }
  }
  return given;
}

/** The sum of products, the factors being numbers or tensors. */
function weighted<T extends object>(t: Calls<T>, terms: readonly (readonly [weight: T | number, x: T])[]): T {
  return terms.map(([weight, x]) => typeof weight === "number" ? t.call(mulScalar, x, weight) : t.call(mul, x, weight))
    .reduce((a, b) => t.call(add, a, b));
}

/** Along one dim, the samples being `spacing` apart. */
function evenly<T extends object>(t: Calls<T>, x: T, dim: number, spacing: Scalar, edgeOrder: number): T {
  const at = cutter(t, x, dim);
  const distance = distanceOf(spacing);
  const { dtype } = t.meta(x);
  const isWhole = !isFloat(dtype) && !isComplex(dtype);
  const over = (y: T): T => distance === 1 && !isWhole ? y : t.call(divScalar, y, distance);
  const inner = t.call(divScalar, t.call(sub, at(2), at(0, -2)), 2 * distance);
  const [first, last] = edgeOrder === 1 ? [t.call(sub, at(1, 2), at(0, 1)), t.call(sub, at(-1), at(-2, -1))] : [
    weighted(t, [[-1.5, at(0, 1)], [2, at(1, 2)], [-0.5, at(2, 3)]]),
    weighted(t, [[0.5, at(-3, -2)], [-2, at(-2, -1)], [1.5, at(-1)]]),
  ];
  return t.call(cat, [over(first), inner, over(last)], dim);
}

function distanceOf(spacing: Scalar): number {
  if (typeof spacing === "object") return refuse("spacing", String(spacing), "it must be a constant real number");
  return Number(spacing);
}

/** Along one dim, the samples being at the places of a list. */
function atPlaces<T extends object>(t: Calls<T>, x: T, dim: number, places: T, edgeOrder: number): T {
  const rank = t.meta(x).shape.length;
  if (t.meta(places).shape.length !== 1) refuse("spacing", "a tensor of several dimensions", "places are a list");
  const at = cutter(t, x, dim);
  const steps = t.call(diff, places, 1, 0, null, null);
  const step = cutter(t, steps, 0);
  const along = (w: T): T => {
    const [size] = t.meta(w).shape;
    return t.call(view, w, Array.from({ length: rank }, (_, d) => d === dim ? size : 1));
  };
  const plus = (a: T, b: T): T => t.call(add, a, b);
  const times = (a: T, b: T): T => t.call(mul, a, b);
  const over = (a: T, b: T): T => t.call(div, a, b);
  const [before, behind] = [step(0, -1), step(1)];
  const both = plus(before, behind);
  const inner = weighted(t, [
    [along(over(t.call(neg, behind), times(before, both))), at(0, -2)],
    [along(over(t.call(sub, behind, before), times(before, behind))), at(1, -1)],
    [along(over(before, times(behind, both))), at(2)],
  ]);
  if (edgeOrder === 1) {
    const first = over(t.call(sub, at(1, 2), at(0, 1)), along(step(0, 1)));
    const last = over(t.call(sub, at(-1), at(-2, -1)), along(step(-1)));
    return t.call(cat, [first, inner, last], dim);
  }
  // The parabola through the three outermost samples; `near` is the step at the end.
  const edge = (near: T, far: T, [end, middle, third]: readonly [T, T, T], forward: boolean): T => {
    const sum = plus(near, far);
    const turn = (w: T, negative: boolean): T => along(negative === forward ? t.call(neg, w) : w);
    return weighted(t, [
      [turn(over(plus(sum, near), times(near, sum)), true), end],
      [turn(over(sum, times(near, far)), false), middle],
      [turn(over(near, times(far, sum)), true), third],
    ]);
  };
  const first = edge(step(0, 1), step(1, 2), [at(0, 1), at(1, 2), at(2, 3)], true);
  const last = edge(step(-1), step(-2, -1), [at(-1), at(-2, -1), at(-3, -2)], false);
  return t.call(cat, [first, inner, last], dim);
}

/** One gradient for each dim. */
function evenGradients<T extends object>(
  t: Calls<T>,
  self: T,
  spacing: Scalar | readonly Scalar[],
  dims: readonly number[] | null,
  edgeOrder: number,
): readonly T[] {
  requireSigned(t, self);
  const along = dimsOf(t.meta(self).shape, dims, edgeOrder);
  const each = Array.isArray(spacing) ? spacing as readonly Scalar[] : along.map(() => spacing as Scalar);
  requireOneEach(each, along);
  return along.map((d, i) => evenly(t, self, d, each[i], edgeOrder));
}

function placedGradients<T extends object>(
  t: Calls<T>,
  self: T,
  spacing: readonly T[],
  dims: readonly number[] | null,
  edgeOrder: number,
): readonly T[] {
  requireSigned(t, self);
  const along = dimsOf(t.meta(self).shape, dims, edgeOrder);
  requireOneEach(spacing, along);
  return along.map((d, i) => atPlaces(t, self, d, spacing[i], edgeOrder));
}

function requireOneEach(spacing: readonly unknown[], dims: readonly number[]): void {
  if (spacing.length !== dims.length) {
    refuse("spacing", `a list of ${spacing.length}`, `one is needed for each of the ${dims.length} dimensions`);
  }
}

function requireSigned<T extends object>(t: Calls<T>, self: T): void {
  const { dtype } = t.meta(self);
  if (dtype === "uint8" || dtype === "bool") throw new TypeError(`gradient does not take ${dtype}`);
}

/** One dim as a list. */
function listOf(dim: number | null): readonly number[] | null {
  return dim === null ? null : [dim];
}

/** One spacing, for one dim or all. */
export const gradientScalarint = defineOp(
  "aten::gradient.scalarint(Tensor self, *, Scalar? spacing=None, int? dim=None, int edge_order=1) -> Tensor[]",
  {
    decompose: (t, { self, spacing, dim, edge_order }) =>
      evenGradients(t, self, spacing ?? 1n, listOf(dim), edge_order),
  },
);

/** One spacing, for several dims. */
export const gradientScalararray = defineOp(
  "aten::gradient.scalararray(Tensor self, *, Scalar spacing, int[] dim, int edge_order=1) -> Tensor[]",
  { decompose: (t, { self, spacing, dim, edge_order }) => evenGradients(t, self, spacing, dim, edge_order) },
);

/** A spacing of 1, for several dims. */
export const gradientArray = defineOp(
  "aten::gradient.array(Tensor self, *, int[] dim, int edge_order=1) -> Tensor[]",
  { decompose: (t, { self, dim, edge_order }) => evenGradients(t, self, 1n, dim, edge_order) },
);

/** A spacing for each dim, of one or all. */
export const gradientScalarrayint = defineOp(
  "aten::gradient.scalarrayint(Tensor self, *, Scalar[] spacing, int? dim=None, int edge_order=1) -> Tensor[]",
  { decompose: (t, { self, spacing, dim, edge_order }) => evenGradients(t, self, spacing, listOf(dim), edge_order) },
);

/** A spacing for each of several dims. */
export const gradientScalarrayarray = defineOp(
  "aten::gradient.scalarrayarray(Tensor self, *, Scalar[] spacing, int[] dim, int edge_order=1) -> Tensor[]",
  { decompose: (t, { self, spacing, dim, edge_order }) => evenGradients(t, self, spacing, dim, edge_order) },
);

/** Places for each dim, of one or all. */
export const gradientTensorarrayint = defineOp(
  "aten::gradient.tensorarrayint(Tensor self, *, Tensor[] spacing, int? dim=None, int edge_order=1) -> Tensor[]",
  { decompose: (t, { self, spacing, dim, edge_order }) => placedGradients(t, self, spacing, listOf(dim), edge_order) },
);

/** Places for each of several dims. */
export const gradientTensorarray = defineOp(
  "aten::gradient.tensorarray(Tensor self, *, Tensor[] spacing, int[] dim, int edge_order=1) -> Tensor[]",
  { decompose: (t, { self, spacing, dim, edge_order }) => placedGradients(t, self, spacing, dim, edge_order) },
);
