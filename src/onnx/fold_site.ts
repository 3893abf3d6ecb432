/** What a rule of constant folding works with: the constants a node uses, and what inference says of its results. */
import { type Data, type DType, isBigData, isComplex, newData, Tensor } from "../tensor/mod.ts";
import { expandTo, store } from "../tensor/loops.ts";
import type { Site } from "./infer_site.ts";

/** Computes the results of a node; null when they should not be computed here. */
export type FoldRule = (f: Fold) => Tensor | readonly Tensor[] | null;

/** An element: a bigint for int64 and uint64, else a number. */
export type Element = number | bigint;

/** A node whose inputs are constants. */
export class Fold {
  readonly site: Site;
  /** The inputs; null where an optional one is absent. */
  readonly inputs: readonly (Tensor | null)[];
  /** dtype of each output as inferred. */
  readonly dtypes: readonly DType[];
  /** Shape of each output as inferred; null when it depends on the values. */
  readonly shapes: readonly (readonly number[] | null)[];

  constructor(
    site: Site,
    inputs: readonly (Tensor | null)[],
    dtypes: readonly DType[],
    shapes: readonly (readonly number[] | null)[],
  ) {
    this.site = site;
    this.inputs = inputs;
    this.dtypes = dtypes;
    this.shapes = shapes;
  }

  /** A required input. */
  input(i: number): Tensor {
    const tensor = this.inputs[i] ?? null;
    if (!tensor) throw new RangeError(`${this.site.node.opType} lacks input ${i}`);
    return tensor;
  }

  /** dtype of the first output. */
  get dtype(): DType {
    return this.dtypes[0];
  }

  /** Shape of the first output. */
  get shape(): readonly number[] {
    const shape = this.shapes[0];
    if (!shape) throw new RangeError(`The shape of the result of ${this.site.node.opType} is not known`);
    return shape;
  }

  /** The elements of an input repeated to the shape of the first output. */
  broadcast(i: number): Data {
    return expandTo(this.input(i), this.shape).data();
  }
}

/** A tensor of elements that `at` gives; null as soon as it gives null. */
export function generate(
  dtype: DType,
  shape: readonly number[],
  at: (i: number) => Element | boolean | null,
): Tensor | null {
  const out = newData(dtype, shape.reduce((a, b) => a * b, 1));
  for (let i = 0; i < out.length; i++) {
    const value = at(i);
    if (value === null) return null;
    store(out, i, value);
  }
  return Tensor.of(dtype, shape, out);
}

/** Whether elements of the dtype are real numbers or bools. */
export function isPlain(dtype: DType): boolean {
  return !isComplex(dtype) && !dtype.startsWith("float8");
}

/** The elements of a tensor of integers as numbers; null when one is not a safe integer. */
export function indicesOf(tensor: Tensor): number[] | null {
  const data = tensor.data();
  const values = Array.from(data as ArrayLike<Element>, Number);
  return !isBigData(data) || values.every(Number.isSafeInteger) ? values : null;
}
