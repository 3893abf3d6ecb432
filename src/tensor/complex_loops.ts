/** Loops over complex tensors: elements go to functions as pairs of numbers. Real tensors have no imaginary part. */
import type { C } from "./complex_math.ts";
import { newData } from "./data.ts";
import { type DType, isComplex } from "./dtype.ts";
import { broadcastShapes } from "./meta.ts";
import { expandTo, permuteDims, store } from "./loops.ts";
import { elementCount, Tensor } from "./tensor.ts";

/** The elements in row-major order. */
export function complexElements(x: Tensor): C[] {
  const data = x.data();
  if (!isComplex(x.dtype)) return Array.from(data as ArrayLike<number | bigint>, (re) => [Number(re), 0] as const);
  return Array.from({ length: x.numel }, (_, i) => [data[2 * i] as number, data[2 * i + 1] as number] as const);
}

/** A tensor of complex elements, or of real ones: numbers for a real dtype. */
export function ofElements(
  dtype: DType,
  shape: readonly number[],
  elements: readonly (C | number | boolean)[],
): Tensor {
  const width = isComplex(dtype) ? 2 : 1;
  const out = newData(dtype, width * elements.length);
  for (const [i, element] of elements.entries()) {
    if (typeof element === "object") [out[2 * i], out[2 * i + 1]] = element;
    else store(out, width * i, element);
  }
  return Tensor.of(dtype, shape, out);
}

/** `fn` of each element. */
export function mapComplex(x: Tensor, dtype: DType, fn: (z: C) => C | number | boolean): Tensor {
  return ofElements(dtype, x.shape, complexElements(x).map((z) => fn(z)));
}

/** `fn` of the elements of each place, broadcast. */
export function mapComplexes(
  tensors: readonly Tensor[],
  dtype: DType,
  fn: (...z: C[]) => C | number | boolean,
): Tensor {
  const shape = broadcastShapes(...tensors.map((x) => x.shape)) as number[];
  const columns = tensors.map((x) => complexElements(expandTo(x, shape)));
  const count = elementCount(shape);
  return ofElements(dtype, shape, Array.from({ length: count }, (_, i) => fn(...columns.map((column) => column[i]))));
}

/** `fn` of the elements along a dim, which gives as many elements as the dim shall have. */
export function mapComplexRows(
  x: Tensor,
  dim: number,
  dtype: DType,
  fn: (row: C[]) => readonly (C | number)[],
): Tensor {
  const order = [...x.shape.map((_, d) => d).filter((d) => d !== dim), dim];
  const turned = permuteDims(x, order);
  const elements = complexElements(turned);
  const length = x.shape[dim];
  const rows = elementCount(turned.shape.slice(0, -1));
  const results = Array.from({ length: rows }, (_, r) => fn(elements.slice(r * length, (r + 1) * length)));
  // Of no rows, one of zeros tells the length.
  const size = rows > 0 ? results[0].length : fn(new Array<C>(length).fill([0, 0])).length;
  const result = ofElements(dtype, [...turned.shape.slice(0, -1), size], results.flat() as (C | number)[]);
  const back = order.map((_, d) => order.indexOf(d));
  return permuteDims(result, back).contiguous();
}
