/**
 * Views of concrete tensors: the same storage under other sizes, strides and offset. What a view operator does is known
 * from its kernel: run on a tensor whose elements are their own places in the storage, it tells the places of the result.
 */
import { contiguousStrides, type DType, elementCount, isComplex, itemsize, Tensor } from "../tensor/mod.ts";
import { elementOffsets } from "../tensor/mod.ts";

/** The results of an operator: one tensor, or several. */
type Results = Tensor | readonly Tensor[];

/**
 * What a view operator gives as views of its argument; null where strides can't express it.
 *
 * @param run the operator's kernel with all arguments but the tensor bound
 */
export function viewsOf(base: Tensor, run: (self: Tensor) => Results): Results | null {
  const results = run(base);
  const direct = each(results, (result) => shared(result, base));
  if (direct) return direct;
  const places = run(placesOf(base));
  return each(places, (place) => atPlaces(place, base));
}

function each(results: Results, view: (result: Tensor) => Tensor | null): Results | null {
  if (results instanceof Tensor) return view(results);
  const views = results.map(view);
  return views.includes(null) ? null : views as Tensor[];
}

/** The result over the storage of the argument, where its bytes are a part of the argument's. */
function shared(result: Tensor, base: Tensor): Tensor | null {
  if (result.storage === base.storage) return result;
  const [own, all] = [result.storage.bytes, base.storage.bytes];
  if (!own || !all || own.buffer !== all.buffer || result.numel === 0) return null;
  const offset = (own.byteOffset - all.byteOffset) / itemsize(result.dtype) + result.offset;
  if (!Number.isInteger(offset) || offset < 0) return null;
  return new Tensor(result.dtype, result.shape, base.storage, result.strides, offset);
}

/** A tensor of the same shape whose elements are places in the storage; of complex ones the imaginary part is 1. */
function placesOf(base: Tensor): Tensor {
  const complex = isComplex(base.dtype);
  const dtype: DType = complex ? "complex128" : "float64";
  const places = [...elementOffsets(base)];
  return Tensor.of(dtype, base.shape, complex ? places.flatMap((place) => [place, 1]) : places);
}

/** The view whose elements lie at the given places; null where no strides give them. */
function atPlaces(places: Tensor, base: Tensor): Tensor | null {
  const { shape } = places;
  if (places.numel === 0) return new Tensor(base.dtype, shape, base.storage, contiguousStrides(shape) as number[]);
  const complex = isComplex(base.dtype);
  if (isComplex(places.dtype) !== complex) return null;
  const data = places.data() as Float64Array;
  const at = (i: number): number => complex ? (data[2 * i + 1] === 1 ? data[2 * i] : NaN) : data[i];
  const steps = contiguousStrides(shape) as number[];
  const strides = shape.map((n, d) => n > 1 ? at(steps[d]) - at(0) : steps[d]);
  if (!strides.every((stride) => stride >= 0)) return null;
  if (!(at(0) >= 0)) return null;
  const view = new Tensor(base.dtype, shape, base.storage, strides, at(0));
  let i = 0;
  for (const place of elementOffsets(view)) if (at(i++) !== place) return null;
  return view;
}

/** Elements of a tensor by strides of the caller's own, from the start of its storage. */
export function asStrided(
  base: Tensor,
  size: readonly number[],
  stride: readonly number[],
  offset: number | null,
): Tensor {
  return new Tensor(base.dtype, size, base.storage, stride, offset ?? base.offset);
}

/** Whether several elements of a tensor surely lie in one place, so that it can't be written to. */
export function overlapsItself({ shape, strides }: Tensor): boolean {
  return elementCount(shape) > 0 && shape.some((n, d) => n > 1 && strides[d] === 0);
}

/** Whether tensors share some elements but are not the same view, so that what is written to one changes the other midway. */
export function overlapsPartly(a: Tensor, b: Tensor): boolean {
  if (a.storage !== b.storage || a.numel === 0 || b.numel === 0) return false;
  if (!isDense(a) || !isDense(b)) return false;
  const [aEnd, bEnd] = [a.offset + a.numel, b.offset + b.numel];
  if (a.offset === b.offset && aEnd === bEnd) return !sameStrides(a, b);
  return a.offset < bEnd && b.offset < aEnd;
}

/** Whether the elements fill a part of the storage without gaps or repetition, in whatever order. */
function isDense({ shape, strides }: Tensor): boolean {
  const dims = shape.map((n, d) => [n, strides[d]] as const).filter(([n]) => n !== 1).sort((a, b) => a[1] - b[1]);
  let step = 1;
  for (const [n, stride] of dims) {
    if (stride !== step) return false;
    step *= n;
  }
  return true;
}

function sameStrides(a: Tensor, b: Tensor): boolean {
  return a.shape.length === b.shape.length && a.strides.every((s, d) => s === b.strides[d] || a.shape[d] === 1);
}
