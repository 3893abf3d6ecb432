/**
 * Inference for operators that move, repeat or cut elements without looking at them: Reshape, Expand, Concat, Slice, Pad
 * and their kind, and those that make tensors from sizes.
 */
import { add, ceilDiv, cleanDiv, type Dim, eq, floorDiv, isSym, mul, neg, prod, sub, sum } from "../sym/mod.ts";
import { broadcastShapes, type DType } from "../tensor/mod.ts";
import {
  constantOf,
  constantOfNode,
  contentOfTensor,
  contentOfValue,
  given,
  type Rule,
  type Site,
} from "./infer_site.ts";

/** The length of a 1-d input, which is the rank of what it describes; null when it is unknown or symbolic. */
export function lengthOf(s: Site, i: number): number | null {
  const shape = s.meta(i)?.shape;
  if (!shape) return s.content(i)?.length ?? null;
  if (shape.length > 1) throw new RangeError(`${s.node.opType} takes a list as input ${i}, met [${shape.join(", ")}]`);
  const length = shape[0] ?? 1;
  return isSym(length) ? null : length;
}

/** Sizes given by an input; those that are not known are fresh. Null when even their number is unknown. */
function sizesOf(s: Site, i: number): readonly Dim[] | null {
  const sizes = s.content(i);
  if (sizes) return sizes;
  const rank = lengthOf(s, i);
  return rank === null ? null : s.freshShape(0, rank);
}

function reshape(s: Site): void {
  const from = s.shape(0);
  const wanted = s.content(1);
  if (!wanted) {
    const rank = lengthOf(s, 1);
    if (rank !== null) s.set(0, s.dtype(0), rank === 1 ? [prod(from)] : s.freshShape(0, rank));
    return;
  }
  const allowZero = s.int("allowzero", 0) === 1;
  const shape: Dim[] = [];
  let open = -1;
  for (const [i, size] of wanted.entries()) {
    if (size === -1) {
      if (open >= 0) throw new RangeError(`Reshape to [${wanted.join(", ")}] leaves more than one size open`);
      open = i;
      shape.push(1);
    } else if (size === 0 && !allowZero) {
      if (i >= from.length) {
        throw new RangeError(
          `Reshape of [${from.join(", ")}] to [${wanted.join(", ")}] keeps a size that is not there`,
        );
      }
      shape.push(from[i]);
    } else shape.push(size);
  }
  const [total, known] = [prod(from), prod(shape)];
  if (open >= 0) {
    if (known === 0) {
      throw new RangeError(`Reshape to [${wanted.join(", ")}] can't tell the open size beside an empty one`);
    }
    // Sizes kept from the input cancel even where dividing would not.
    const kept = wanted.map((size, i) => size === 0 && !allowZero ? i : -1).filter((i) => i >= 0);
    const [above, below] = cancel(from, shape.filter((_, i) => i !== open), kept);
    if (!isSym(above) && !isSym(below) && above % below !== 0) {
      throw new RangeError(`Cannot reshape [${from.join(", ")}] to [${wanted.join(", ")}]: the sizes do not divide`);
    }
    shape[open] = cleanDiv(above, below);
  } else if (s.same(total, known) === false) {
    throw new RangeError(
      `Cannot reshape [${from.join(", ")}] to [${shape.join(", ")}]: the numbers of elements differ`,
    );
  }
  s.set(0, s.dtype(0), shape);
}

/** Products of the sizes on both sides without those that stand on both. */
function cancel(from: readonly Dim[], to: readonly Dim[], kept: readonly number[]): [Dim, Dim] {
  const rest = from.filter((_, i) => !kept.includes(i));
  const divisors: Dim[] = [];
  const other = [...to];
  for (const i of kept) {
    const at = other.indexOf(from[i]);
    if (at >= 0) other.splice(at, 1);
  }
  for (const size of other) {
    const at = rest.findIndex((d) => eq(d, size) === true && size !== 0);
    if (at >= 0) rest.splice(at, 1);
    else divisors.push(size);
  }
  return [prod(rest), prod(divisors)];
}

function expand(s: Site): void {
  const sizes = s.content(1);
  if (sizes) {
    // The size that is asked for stands where it is not known whether there is one already, or is repeated.
    s.set(0, s.dtype(0), broadcastShapes(sizes, s.shape(0)));
    return;
  }
  const length = lengthOf(s, 1);
  const from = s.shape(0);
  if (length === null) return;
  const rank = Math.max(length, from.length);
  const shape = Array.from({ length: rank }, (_, i) => {
    const own = from[i - (rank - from.length)];
    return typeof own === "number" && own !== 1 ? own : s.fresh(0, i);
  });
  s.set(0, s.dtype(0), shape);
}

function tile(s: Site): void {
  const from = s.shape(0);
  const repeats = s.content(1);
  if (repeats && repeats.length !== from.length) {
    throw new RangeError(`Tile of [${from.join(", ")}] is given ${repeats.length} repeats`);
  }
  s.set(0, s.dtype(0), repeats ? from.map((d, i) => mul(d, repeats[i])) : s.freshShape(0, from.length));
}

function transpose(s: Site): void {
  const from = s.shape(0);
  const perm = s.ints("perm") ?? from.map((_, i) => from.length - 1 - i);
  if (perm.length !== from.length || new Set(perm).size !== perm.length || perm.some((p) => from[p] === undefined)) {
    throw new RangeError(`Transpose by [${perm.join(", ")}] does not fit a tensor of shape [${from.join(", ")}]`);
  }
  s.set(0, s.dtype(0), perm.map((p) => from[p]));
}

/** Axes given by an input, or by an attribute in older operator sets; undefined when absent, null when unknown. */
export function axesOf(s: Site, input: number): readonly number[] | null | undefined {
  return s.has(input) ? s.integers(input) : s.ints("axes") ?? undefined;
}

function squeeze(s: Site): void {
  const from = s.shape(0);
  const given = axesOf(s, 1);
  if (given === null) {
    const removed = lengthOf(s, 1);
    if (removed !== null && removed <= from.length) s.set(0, s.dtype(0), s.freshShape(0, from.length - removed));
    return;
  }
  if (given === undefined) {
    // Without axes the rank itself depends on the sizes.
    if (!from.some(isSym)) s.set(0, s.dtype(0), from.filter((d) => d !== 1));
    return;
  }
  const axes = s.axes(given, from.length);
  for (const axis of axes) {
    if (s.same(from[axis], 1) === false) {
      throw new RangeError(`Cannot squeeze axis ${axis} of [${from.join(", ")}]: its size is not 1`);
    }
  }
  s.set(0, s.dtype(0), from.filter((_, i) => !axes.includes(i)));
}

function unsqueeze(s: Site): void {
  const from = s.shape(0);
  const given = axesOf(s, 1);
  if (!given) {
    const added = lengthOf(s, 1);
    if (added !== null) s.set(0, s.dtype(0), s.freshShape(0, from.length + added));
    return;
  }
  const axes = s.axes(given, from.length + given.length);
  const rest = [...from];
  s.set(
    0,
    s.dtype(0),
    Array.from({ length: from.length + axes.length }, (_, i) => axes.includes(i) ? 1 : rest.shift()!),
  );
}

function flatten(s: Site): void {
  const from = s.shape(0);
  const given = s.int("axis", 1);
  const axis = given === from.length ? given : s.axis(given, from.length);
  s.set(0, s.dtype(0), [prod(from.slice(0, axis)), prod(from.slice(axis))]);
}

function concat(s: Site): void {
  const shapes = s.node.inputs.map((_, i) => s.meta(i)?.shape ?? null);
  const first = s.shape(0);
  const axis = s.axis(s.int("axis", 0), first.length);
  const shape = [...first];
  for (const other of shapes.slice(1)) {
    if (!other) return;
    const fits = other.length === first.length && other.every((d, i) => i === axis || s.same(d, first[i]) !== false);
    if (!fits) {
      throw new RangeError(`Cannot concatenate [${first.join(", ")}] and [${other.join(", ")}] along axis ${axis}`);
    }
    for (const [i, d] of other.entries()) if (i !== axis && isSym(shape[i]) && !isSym(d)) shape[i] = d;
  }
  shape[axis] = sum(shapes.map((dims) => dims![axis]));
  s.set(0, s.dtype(0), shape);
}

function split(s: Site): void {
  const from = s.needRank(0, 1);
  const axis = s.axis(s.int("axis", 0), from.length);
  const parts = s.node.outputs.length;
  const whole = from[axis];
  let sizes = s.has(1) ? s.content(1) : s.ints("split");
  if (!sizes && s.has(1)) sizes = s.node.outputs.map((_, i) => s.fresh(i, axis));
  if (!sizes) {
    // The last part is smaller where the size does not divide.
    const size = ceilDiv(whole, s.int("num_outputs", parts));
    sizes = s.node.outputs.map((_, i) =>
      i < parts - 1 || parts < s.int("num_outputs", parts) ? size : sub(whole, mul(size, i))
    );
  } else if (s.same(sum(sizes), whole) === false && s.content(1)) {
    throw new RangeError(`Split of a size of ${whole} into [${sizes.join(", ")}] does not add up`);
  }
  if (sizes.length < parts) throw new RangeError(`Split into ${sizes.length} parts has ${parts} outputs`);
  const content = contentOfValue(s.node.inputs[0]);
  let at = 0;
  for (let i = 0; i < parts; i++) {
    const size = sizes[i];
    const known = content && from.length === 1 && !isSym(size) && Number.isFinite(at)
      ? content.slice(at, at + size)
      : null;
    s.set(i, s.dtype(0), from.map((d, k) => k === axis ? size : d), known);
    at += isSym(size) ? NaN : size;
  }
}

/**
 * An index into a dim as Slice reads it: negative counts from the end, then clamped; without a `low` not from below. Null
 * when its sign is unknown.
 */
function clampIndex(s: Site, index: Dim, size: Dim, low: Dim | null, high: Dim): Dim | null {
  // The greatest numbers stand for "to the end", however long the dim is.
  if (index === Number.MAX_SAFE_INTEGER) return high;
  if (index === -Number.MAX_SAFE_INTEGER) return low ?? 0;
  const isFromStart = s.atLeast(index, 0);
  if (isFromStart === undefined) return null;
  if (isFromStart) return s.smaller(index, high);
  const at = add(index, size);
  return low === null ? at : s.larger(at, low);
}

/** The length of `start:end:step` of a dim, or null when it can't be told. */
function slicedSize(s: Site, size: Dim, start: Dim, end: Dim, step: number): Dim | null {
  if (step === 0) throw new RangeError("Slice has a step of 0");
  if (step > 0) {
    // Below zero the end need not be clamped: the difference is.
    const to = clampIndex(s, end, size, null, size);
    if (to === null) return null;
    if (s.atLeast(start, 0) === true) {
      // The end never lies beyond the size, so the start need not be clamped to it.
      return ceilDiv(s.difference(to, start), step);
    }
    if (s.atLeast(-1, start) === true && s.same(to, size) === true) {
      // The last elements, as many as there are.
      return ceilDiv(s.smaller(neg(start), size), step);
    }
    const from = clampIndex(s, start, size, 0, size);
    return from === null ? null : ceilDiv(s.difference(to, from), step);
  }
  const last = sub(size, 1);
  const from = clampIndex(s, start, size, 0, last);
  const to = clampIndex(s, end, size, -1, last);
  if (from === null || to === null) return null;
  return ceilDiv(s.difference(from, to), -step);
}

function slice(s: Site): void {
  const from = s.shape(0);
  const [starts, ends] = s.count > 1 ? [s.bounds(1), s.bounds(2)] : [s.ints("starts"), s.ints("ends")];
  const length = starts?.length ?? ends?.length ?? lengthOf(s, 1);
  const given = axesOf(s, 3);
  const steps = s.has(4) ? s.integers(4) : length === null ? null : new Array<number>(length).fill(1);
  if (length === null || given === null) {
    s.set(0, s.dtype(0), s.freshShape(0, from.length));
    return;
  }
  const axes = s.axes(given ?? Array.from({ length }, (_, i) => i), from.length);
  if ((starts && starts.length !== length) || (ends && ends.length !== length) || axes.length !== length) {
    throw new RangeError(
      `Slice takes as many starts, ends and axes, met ${starts?.length}, ${ends?.length}, ${axes.length}`,
    );
  }
  const shape = [...from];
  for (const [i, axis] of axes.entries()) {
    const known = starts && ends && steps ? slicedSize(s, from[axis], starts[i], ends[i], steps[i]) : null;
    shape[axis] = known ?? s.fresh(0, axis);
  }
  s.set(0, s.dtype(0), shape);
}

function pad(s: Site): void {
  const from = s.shape(0);
  const pads = s.content(1) ?? s.ints("pads");
  const given = s.has(3) ? s.integers(3) : from.map((_, i) => i);
  if (!pads || !given) {
    s.set(0, s.dtype(0), s.freshShape(0, from.length));
    return;
  }
  const axes = s.axes(given, from.length);
  if (pads.length !== 2 * axes.length) {
    throw new RangeError(`Pad of ${axes.length} dimensions takes ${2 * axes.length} paddings, met ${pads.length}`);
  }
  const shape = [...from];
  for (const [i, axis] of axes.entries()) shape[axis] = sum([from[axis], pads[i], pads[i + axes.length]]);
  s.set(0, s.dtype(0), shape);
}

function centerCropPad(s: Site): void {
  const from = s.shape(0);
  const axes = s.axes(s.ints("axes") ?? from.map((_, i) => i), from.length);
  const sizes = s.content(1);
  const shape = [...from];
  for (const [i, axis] of axes.entries()) shape[axis] = sizes?.[i] ?? s.fresh(0, axis);
  s.set(0, s.dtype(0), shape);
}

function depthToSpace(s: Site): void {
  const [n, c, h, w] = s.needRank(0, 4, 4);
  const block = s.int("blocksize", 1);
  s.set(0, s.dtype(0), [n, cleanDiv(c, block * block), mul(h, block), mul(w, block)]);
}

function spaceToDepth(s: Site): void {
  const [n, c, h, w] = s.needRank(0, 4, 4);
  const block = s.int("blocksize", 1);
  s.set(0, s.dtype(0), [n, mul(c, block * block), cleanDiv(h, block), cleanDiv(w, block)]);
}

function col2Im(s: Site): void {
  const [n, columns] = s.needRank(0, 2, 3);
  const [image, block] = [s.content(1), s.content(2)];
  const rank = image?.length ?? lengthOf(s, 1);
  if (rank === null) return;
  const sizes = image ?? Array.from({ length: rank }, (_, i) => s.fresh(0, i + 2));
  s.set(0, s.dtype(0), [n, block ? cleanDiv(columns, prod(block)) : s.fresh(0, 1), ...sizes]);
}

function constantOfShape(s: Site): void {
  const sizes = sizesOf(s, 0);
  if (sizes) s.set(0, s.tensor("value")?.dtype ?? "float32", sizes);
}

function constant(s: Site): void {
  const tensor = s.tensor("value") ?? constantOfNode(s.node);
  if (tensor) s.set(0, tensor.dtype, tensor.shape, tensor.isLoaded ? contentOfTensor(tensor) : null);
}

/** A number of Range: a constant of any dtype, or a size that may have been cast to a float. */
function rangeNumber(s: Site, i: number): Dim | number | null {
  const input = s.node.inputs[i];
  const size = s.scalar(i);
  if (size !== null) return size;
  const tensor = constantOf(input);
  if (tensor && tensor.numel === 1) return Number(tensor.item());
  const producer = input?.producer;
  return producer?.opType === "Cast" ? contentOfValue(producer.inputs[0])?.[0] ?? null : null;
}

function range(s: Site): void {
  const [start, limit, delta] = [0, 1, 2].map((i) => rangeNumber(s, i));
  s.set(0, s.dtype(0), [rangeLength(s, start, limit, delta) ?? s.fresh(0, 0)]);
}

function rangeLength(s: Site, start: Dim | null, limit: Dim | null, delta: Dim | null): Dim | null {
  if (start === null || limit === null || delta === null || isSym(delta)) return null;
  if (delta === 0) throw new RangeError("Range has a step of 0");
  if (!isSym(start) && !isSym(limit)) {
    const length = Math.max(Math.ceil((limit - start) / delta), 0) + 0;
    return Number.isSafeInteger(length) ? length : null;
  }
  if (![start, limit, delta].every((d) => isSym(d) || Number.isSafeInteger(d))) return null;
  return delta > 0 ? ceilDiv(s.difference(limit, start), delta) : ceilDiv(s.difference(start, limit), neg(delta));
}

/** The size of a scaled dim; null when rounding can't be expressed. */
export function scaledSize(size: Dim, scale: number): Dim | null {
  if (!isSym(size)) return Math.floor(Math.fround(size * scale));
  // A scale that is a fraction of powers of two is exact.
  for (let denominator = 1; denominator <= 1 << 20; denominator *= 2) {
    const numerator = scale * denominator;
    if (Number.isInteger(numerator)) return floorDiv(mul(size, numerator), denominator);
  }
  return null;
}

function resize(s: Site): void {
  const from = s.shape(0);
  const axes = s.axes(s.ints("axes") ?? from.map((_, i) => i), from.length);
  const shape: Dim[] = [...from];
  // With cropping, the region that is kept scales the size too.
  const isCropped = s.text("coordinate_transformation_mode") === "tf_crop_and_resize";
  const scales = s.constant(2)?.numel && !isCropped ? s.constant(2)!.toArray().map(Number) : null;
  const sizes = s.has(3) ? s.content(3) : null;
  const keeps = s.text("keep_aspect_ratio_policy", "stretch");
  const given = scales ?? sizes;
  if (given && given.length !== axes.length) {
    throw new RangeError(`Resize of ${axes.length} dimensions is given ${given.length} sizes`);
  }
  if (sizes && keeps !== "stretch") keepAspectRatio(s, shape, axes, sizes, keeps);
  else {
    for (const [i, axis] of axes.entries()) {
      shape[axis] = (sizes ? sizes[i] : scales ? scaledSize(from[axis], scales[i]) : null) ?? s.fresh(0, axis);
    }
  }
  s.set(0, s.dtype(0), shape);
}

function keepAspectRatio(s: Site, shape: Dim[], axes: readonly number[], sizes: readonly Dim[], policy: string): void {
  const from = axes.map((axis) => shape[axis]);
  if ([...from, ...sizes].some(isSym)) {
    for (const axis of axes) shape[axis] = s.fresh(0, axis);
    return;
  }
  const ratios = axes.map((_, i) => Math.fround((sizes[i] as number) / (from[i] as number)));
  const scale = policy === "not_larger" ? Math.min(...ratios) : Math.max(...ratios);
  for (const [i, axis] of axes.entries()) shape[axis] = Math.round(Math.fround(scale * (from[i] as number)));
}

function random(s: Site): void {
  const dtype = s.dtypeAttribute("dtype");
  s.set(0, dtype === undefined ? "float32" : dtype, s.ints("shape") ?? []);
}

const int64: DType = "int64";

/** The rules of ONNX's own domain. */
export const LAYOUT: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  [
    "Shape",
    given(1, (s) => {
      s.set(0, int64, [s.shape(0).slice(s.int("start", 0), s.int("end") ?? undefined).length]);
    }),
  ],
  ["Size", (s) => s.set(0, int64, [])],
  ["Reshape", given(1, reshape)],
  ["Expand", given(1, expand)],
  ["Tile", given(1, tile)],
  ["Transpose", given(1, transpose)],
  ["Squeeze", given(1, squeeze)],
  ["Unsqueeze", given(1, unsqueeze)],
  ["Flatten", given(1, flatten)],
  ["Concat", given(1, concat)],
  ["Split", given(1, split)],
  ["Slice", given(1, slice)],
  ["Pad", given(1, pad)],
  ["CenterCropPad", given(1, centerCropPad)],
  ["DepthToSpace", given(1, depthToSpace)],
  ["SpaceToDepth", given(1, spaceToDepth)],
  ["Col2Im", given(1, col2Im)],
  ["Constant", constant],
  ["ConstantOfShape", constantOfShape],
  ["Range", given(1, range)],
  ["Resize", given(1, resize)],
  ["RandomNormal", random],
  ["RandomUniform", random],
]);
