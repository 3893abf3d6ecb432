/**
 * Indexing as Python's `x[…]`: which operators it stands for. JavaScript has no such brackets for objects, so `x.at(…)` reads
 * and `x.set([…], value)` writes.
 *
 * Source: https://github.com/pytorch/pytorch/blob/main/torch/csrc/autograd/python_variable_indexing.cpp
 */
import { eq, isSym, le } from "../sym/mod.ts";
import { Tensor as CoreTensor } from "../tensor/mod.ts";
import { currentTracer } from "../trace/context.ts";
import { concrete, TensorBase } from "./base.ts";
import { coreOf, type TensorData } from "./data.ts";
import type { TensorMethods } from "./methods.ts";
import { show } from "./overloads.ts";
import { Float, isInt, symOf } from "./scalar.ts";
import type { Tensor } from "./tensor.ts";

/** `start:stop:step`, any of which may be absent. */
export class Slice {
  /** The first place; negative ones count from the end. */
  readonly start: number | null;
  /** The place after the last; negative ones count from the end. */
  readonly stop: number | null;
  /** The distance between places, which is positive. */
  readonly step: number | null;

  /** A slice; null stands for what is absent in Python. */
  constructor(start: number | null, stop: number | null, step: number | null) {
    this.start = start;
    this.stop = stop;
    this.step = step;
  }
}

/**
 * `start:stop:step` as an index; of one number, `:stop`.
 *
 * @example
 * ```ts
 * import { slice, torch } from "@fx2onnx/fx2onnx/torch";
 *
 * const x = torch.arange(10);
 * console.log(x.at(slice(2, 8, 2)).tolist()); // [2, 4, 6]
 * console.log(x.at("2:8:2").tolist()); // the same
 * ```
 */
export function slice(stop: number | null): Slice;
/** From a place on, up to another. */
export function slice(start: number | null, stop: number | null, step?: number | null): Slice;
export function slice(first: number | null, stop?: number | null, step: number | null = null): Slice {
  return stop === undefined ? new Slice(null, first, null) : new Slice(first, stop, step);
}

/**
 * One index: a place, a slice, `null` for a new dim, `"..."` for the dims that no index is given for, a tensor or list of
 * places, a mask, or several indices in Python's notation: `"..., 1:3"`.
 */
export type Index = number | boolean | null | string | Slice | Tensor | readonly TensorData[];

const ELLIPSIS = Symbol("...");

type Plain = number | boolean | null | typeof ELLIPSIS | Slice | TensorMethods;

/** The largest int: where a slice without an end ends. */
const END = 2n ** 63n - 1n;

/** `self[indices]` */
export function getItem(self: TensorMethods, indices: readonly Index[]): Tensor {
  const plain = indices.flatMap((index) => parse(index, self));
  if (plain.length === 1) {
    const [only] = plain;
    if (only === null) return self.invoke("at", "unsqueeze", [0]) as Tensor;
    if (only === ELLIPSIS) return self.invoke("at", "alias", []) as Tensor;
    if (only instanceof Slice) return sliced(self, 0, only) as unknown as Tensor;
  }
  const { view, tensors } = applySlicing(self, plain);
  if (tensors.length > 0) return view.invoke("at", "index.Tensor", [tensors]) as Tensor;
  // Every index took all of its dim: the result must not be the tensor itself.
  return (view === self ? view.invoke("at", "alias", []) : view) as Tensor;
}

/** `self[indices] = value` */
export function setItem(self: TensorMethods, indices: readonly Index[], value: unknown): void {
  const plain = indices.flatMap((index) => parse(index, self));
  const source = valueTensor(self, value);
  const [only] = plain;
  if (plain.length === 1 && only === ELLIPSIS) return copyTo(self, source);
  if (plain.length === 1 && (only === null || only === true)) {
    return copyTo(self.invoke("set", "unsqueeze", [0]) as Tensor, source);
  }
  if (plain.length === 1 && only === false) return;
  const { view, tensors } = applySlicing(self, plain);
  if (tensors.length === 0) return copyTo(view, source);
  const fitted = leadingOnes(source) > 0 ? withoutLeadingOnes(source) : source;
  view.invoke("set", "index_put_", [tensors, fitted]);
}

function parse(index: Index, self: TensorMethods): Plain[] {
  if (index === undefined) throw new TypeError("An index is undefined: null makes a new dim");
  if (typeof index === "string") return index.split(",").map((part) => parsePart(part.trim(), index));
  if (Array.isArray(index)) return [constant(self, coreOf(index, inferredInt(index)))];
  if (typeof index === "number" && !isInt(index) && !Object.is(index, -0)) {
    throw new TypeError(`An index must be an integer, met ${index}`);
  }
  const isIndex = index === null || typeof index === "number" || typeof index === "boolean" || index instanceof Slice ||
    index instanceof TensorBase || symOf(index) !== null;
  if (!isIndex) throw new TypeError(`An index must be a number, slice, tensor, list or null, met ${show(index)}`);
  return [index as Plain];
}

/** An empty list is one of places too. */
function inferredInt(list: readonly unknown[]): { dtype?: "int64" } {
  return list.length === 0 ? { dtype: "int64" } : {};
}

/** An index in Python's notation. */
function parsePart(part: string, whole: string): Plain {
  if (part === "...") return ELLIPSIS;
  if (part === "None") return null;
  if (part === "True" || part === "False") return part === "True";
  const bounds = part.split(":");
  const numbers = bounds.map((bound) => {
    const text = bound.trim();
    if (text === "") return null;
    if (!/^[-+]?\d+$/.test(text)) throw new SyntaxError(`Cannot read the index ${JSON.stringify(whole)} at ${part}`);
    return Number(text);
  });
  if (numbers.length === 1 && numbers[0] !== null) return numbers[0];
  if (numbers.length !== 2 && numbers.length !== 3) {
    throw new SyntaxError(`Cannot read the index ${JSON.stringify(whole)}: ${part === "" ? "a part is empty" : part}`);
  }
  return new Slice(numbers[0], numbers[1], numbers[2] ?? null);
}

/** Takes what slices, numbers and new dims select; the rest are tensors for the dims of the view. */
function applySlicing(self: TensorMethods, indices: readonly Plain[]): { view: TensorMethods; tensors: unknown[] } {
  const used = indices.reduce((sum: number, index) => sum + dimsOf(index), 0);
  if (used > self.ndim) {
    throw new RangeError(`Too many indices for a tensor of ${self.ndim} dims: ${used} dims are indexed`);
  }
  if (indices.filter((index) => index === ELLIPSIS).length > 1) throw new RangeError('An index can have one "..."');
  let view = self;
  let dim = 0;
  const tensors: (TensorBase | null)[] = [];
  const place = (tensor: TensorBase): void => {
    while (tensors.length < dim) tensors.push(null);
    tensors.push(tensor);
    dim++;
  };
  for (const index of indices) {
    if (index === ELLIPSIS) dim += self.ndim - used;
    else if (index === null) view = view.invoke("at", "unsqueeze", [dim++]) as Tensor;
    else if (index instanceof Slice) {
      if (!takesAll(view, dim, index)) view = sliced(view, dim, index);
      dim++;
    } else if (typeof index === "boolean") {
      view = view.invoke("at", "unsqueeze", [dim]) as Tensor;
      place(truthIndex(self, index));
    } else if (!(index instanceof TensorBase)) view = view.invoke("at", "select.int", [dim, index]) as Tensor;
    else if (index.ndim > 0) {
      const isMask = index.dtype === "bool" || index.dtype === "uint8";
      place(index);
      // A mask stands for as many dims as it has; so do the places after it.
      if (isMask) dim += index.ndim - 1;
    } else if (index.dtype === "bool" || index.dtype === "uint8") {
      view = view.invoke("at", "unsqueeze", [dim]) as Tensor;
      place(truthIndex(self, Boolean(concrete(index, "An index of a truth").item())));
    } else view = view.invoke("at", "select.int", [dim, index.item()]) as Tensor;
  }
  return { view, tensors };
}

/** How many dims of the tensor an index stands for. */
function dimsOf(index: Plain): number {
  if (index === null || index === ELLIPSIS || typeof index === "boolean") return 0;
  if (!(index instanceof TensorBase)) return 1;
  const isMask = index.dtype === "bool" || index.dtype === "uint8";
  return isMask ? index.ndim : 1;
}

function takesAll(view: TensorMethods, dim: number, { start, stop, step }: Slice): boolean {
  if ((start ?? 0) !== 0 || (step ?? 1) !== 1) return false;
  if (stop === null) return true;
  const size = view.meta.shape[dim];
  const end = symOf(stop) ?? stop;
  if (!isSym(size) && !isSym(end)) return size <= end && end >= 0;
  return eq(size, end) === true || le(size, end) === true;
}

function sliced(view: TensorMethods, dim: number, { start, stop, step }: Slice): TensorMethods {
  if (view.ndim === 0) throw new RangeError("A tensor without dims can't be sliced");
  if (step !== null && symOf(step) === null && step <= 0) {
    throw new RangeError(`The step of a slice must be positive, met ${step}`);
  }
  return view.invoke("at", "slice.Tensor", [dim, start ?? 0, stop ?? END, step ?? 1]) as Tensor;
}

/** The index by which a truth is one: the only place of a new dim, or none. */
function truthIndex(self: TensorMethods, value: boolean): TensorBase {
  const size = value ? 1 : 0;
  if (!currentTracer()) return self.constant(CoreTensor.of("int64", [size], [0n].slice(0, size)));
  const empty = self.call("at", "empty.memory_format", [[size], { dtype: "int64", layout: "strided", device: "cpu" }]);
  return value ? (empty as Tensor).invoke("at", "fill_.Scalar", [new Float(0)]) as Tensor : empty as Tensor;
}

/** A tensor of the program's own values. */
function constant(self: TensorMethods, value: CoreTensor): Tensor {
  const made = self.constant(value);
  return currentTracer() ? made.invoke("at", "lift_fresh_copy", []) as Tensor : made;
}

/** What is assigned as a tensor; a number in the dtype of the tensor it is assigned to. */
function valueTensor(self: TensorMethods, value: unknown): TensorMethods {
  if (value instanceof TensorBase) return value as TensorMethods;
  const sym = symOf(value);
  if (sym) return self.invoke("set", "new_full", [[], value]) as Tensor;
  return constant(self, coreOf(value as TensorData, { dtype: self.dtype }));
}

function copyTo(target: TensorMethods, source: TensorMethods): void {
  const [to, from] = [target.meta.shape, source.meta.shape];
  if (to.length === from.length && to.every((n, d) => n === from[d] || eq(n, from[d]) === true)) {
    target.invoke("set", "copy_", [source]);
  } else if (from.length === 0) target.invoke("set", "fill_.Tensor", [source]);
  else {
    const expanded = withoutLeadingOnes(source).invoke("set", "expand", [target.shape]);
    target.invoke("set", "copy_", [expanded]);
  }
}

/** The value without its leading sizes of 1, which say nothing. */
function withoutLeadingOnes(source: TensorMethods): TensorMethods {
  return source.invoke("set", "view", [source.shape.slice(leadingOnes(source))]) as Tensor;
}

function leadingOnes({ meta: { shape } }: TensorMethods): number {
  const first = shape.findIndex((size) => size !== 1);
  return first < 0 ? shape.length : first;
}
