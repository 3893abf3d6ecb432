/** Sizes that views have: open sizes of a shape, bounds of a slice, merged dims. All are symbolic and never take a sample's size. */
import { add, call, ceilDiv, cleanDiv, type Dim, eq, ge, isSym, max, min, prod, Ranges, sub } from "../sym/mod.ts";
import { type Meta, type Tensor, Tensor as ConcreteTensor } from "../tensor/mod.ts";
import { refuse } from "./rules.ts";

/** A bound as it arrives: `2^63 - 1` ("to the end") is beyond the safe integers and stays a bigint. */
export type Bound = Dim | bigint | null;

/** `max(a, b)`, without the maximum where it is known which is larger. */
export function larger(a: Dim, b: Dim, ranges: Ranges = Ranges.none): Dim {
  return ge(a, b, ranges) === true ? a : ge(b, a, ranges) === true ? b : max(a, b);
}

/** `min(a, b)`, without the minimum where it is known which is smaller. */
export function smaller(a: Dim, b: Dim, ranges: Ranges = Ranges.none): Dim {
  return ge(b, a, ranges) === true ? a : ge(a, b, ranges) === true ? b : min(a, b);
}

/**
 * The shape that `view(size)` gives a tensor of shape `from`: an open size (-1) is what is left.
 *
 * @throws {RangeError} when the numbers of elements are known to differ, or the open size can't be told
 */
export function resolveShape(from: readonly Dim[], size: readonly Dim[]): Dim[] {
  const open = size.indexOf(-1);
  if (open !== size.lastIndexOf(-1)) throw new RangeError(`Only one size of [${size.join(", ")}] can be -1`);
  const negative = size.find((d) => !isSym(d) && d < -1);
  if (negative !== undefined) {
    throw new RangeError(`Cannot make a shape of [${size.join(", ")}]: ${negative} is no size`);
  }
  const total = prod(from);
  const known = prod(size.filter((_, i) => i !== open));
  const wrong = (): never => {
    throw new RangeError(`Cannot view [${from.join(", ")}] as [${size.join(", ")}]: the numbers of elements differ`);
  };
  if (open < 0) return eq(total, known) === false ? wrong() : [...size];
  if (known === 0) throw new RangeError(`Cannot view as [${size.join(", ")}]: any value of -1 would do`);
  if (!isSym(total) && !isSym(known) && total % known !== 0) wrong();
  return size.map((d, i) => i === open ? cleanDiv(total, known) : d);
}

/** The shape of `expand(size)`: -1 keeps a size, new dims stand in front. */
export function expandedShape(from: readonly Dim[], size: readonly Dim[]): Dim[] {
  const lead = size.length - from.length;
  const wrong = (): never => {
    throw new RangeError(`Cannot expand [${from.join(", ")}] to [${size.join(", ")}]`);
  };
  if (lead < 0) wrong();
  return size.map((d, i) => {
    const own = i < lead ? undefined : from[i - lead];
    if (d === -1) return own ?? wrong();
    if (own === undefined || own === 1) return d;
    if (eq(own, d) === false && !isSym(own)) wrong();
    return isSym(d) && !isSym(own) ? own : d;
  });
}

/** The part of a dim that `start:end:step` takes. */
export interface SlicedDim {
  /** Where it starts, between 0 and the size. */
  readonly start: Dim;
  /** Where it ends, between 0 and the size. */
  readonly end: Dim;
  /** How many elements it has. */
  readonly length: Dim;
}

/** `start:end:step` of a dim as PyTorch reads it: negative bounds count from the end, then both are clamped. */
export function slicedDim(size: Dim, start: Bound, end: Bound, step: Dim, ranges?: Ranges): SlicedDim {
  if (isSym(step)) refuse("step", step, "the step of a slice must be a constant");
  if (step <= 0) throw new RangeError(`The step of a slice must be positive, met ${step}`);
  const from = fromStart(start ?? 0, size, ranges);
  const to = smaller(fromStart(end ?? size, size, ranges), size, ranges);
  // The end never lies beyond the size, so the start need not be clamped to it.
  const span = larger(sub(to, from), 0, ranges);
  return { start: smaller(from, size, ranges), end: to, length: step === 1 ? span : ceilDiv(span, step) };
}

/** A bound counted from the start, not below 0. */
function fromStart(bound: Dim | bigint, size: Dim, ranges?: Ranges): Dim {
  if (typeof bound === "bigint") return bound > 0n ? size : 0;
  const isPlain = ge(bound, 0, ranges);
  if (isPlain === true) return bound;
  const counted = larger(add(bound, size), 0, ranges);
  if (isPlain === false) return counted;
  return call("where", [call("ge", [bound, 0]) as boolean, bound, counted]) as Dim;
}

/** An index of a dim made non-negative. */
export function plainIndex(index: Dim, size: Dim, ranges?: Ranges): Dim {
  if (!isSym(index) && !isSym(size) && (index < -size || index >= size)) {
    throw new RangeError(`Index ${index} is out of range for a dimension of ${size}`);
  }
  return fromStart(index, size, ranges);
}

/** The shape with another size at a dim. */
export function withSize(shape: readonly Dim[], dim: number, size: Dim): Dim[] {
  return shape.map((d, i) => i === dim ? size : d);
}

/** A tensor like `self` with another shape. */
export function shaped(self: Meta, shape: readonly Dim[]): Meta {
  return { dtype: self.dtype, shape };
}

/** A view of every `step`-th element of a dim, `length` in all. */
export function sliceView(x: Tensor, dim: number, start: number, length: number, step = 1): Tensor {
  const shape = x.shape.map((n, d) => d === dim ? length : n);
  const strides = x.strides.map((s, d) => d === dim ? s * step : s);
  return new ConcreteTensor(
    x.dtype,
    shape,
    x.storage,
    strides,
    length === 0 ? x.offset : x.offset + start * x.strides[dim],
  );
}

/** A view without a dim, at one index of it. */
export function selectView(x: Tensor, dim: number, index: number): Tensor {
  const without = (list: readonly number[]): number[] => list.filter((_, d) => d !== dim);
  return new ConcreteTensor(
    x.dtype,
    without(x.shape),
    x.storage,
    without(x.strides),
    x.offset + index * x.strides[dim],
  );
}

/** The order of dims that undoes an order of dims. */
export function invertOrder(perm: readonly number[]): number[] {
  const inverse = new Array<number>(perm.length);
  for (const [i, p] of perm.entries()) inverse[p] = i;
  return inverse;
}
