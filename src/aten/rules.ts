/** Pieces that many records share: metas of elementwise operators, and kernels and ONNX forms built of one function. */
import { Complex, type Scalar } from "../fx/mod.ts";
import { type Dim, eq, isSym, le, lt, mod } from "../sym/mod.ts";
import {
  broadcastShapes,
  type DType,
  formatMeta,
  isComplex,
  isFloat,
  type Meta,
  newData,
  Tensor,
} from "../tensor/mod.ts";
import { mapComplex, mapComplexes } from "../tensor/complex_loops.ts";
import type { C } from "../tensor/complex_math.ts";
import { type ElementFn, type ElementFn2, expandTo, mapBinary, mapUnary, store } from "../tensor/loops.ts";
import type { MetaContext, Op, PartsAlike } from "./op.ts";

/** Complex rule: parts are treated alike. */
export const PARTS: PartsAlike = { alike: [] };

/** Complex rule: parts are treated alike, those of the values that these arguments fill in too. */
export function partsAnd(...values: readonly string[]): PartsAlike {
  return { alike: values };
}

/** The meta of a new contiguous tensor of the same shape. */
export function like(x: Meta, dtype: DType = x.dtype): Meta {
  return { dtype, shape: x.shape };
}

/** Meta rule: dtype and shape of `self`. */
export function sameAsSelf(_: MetaContext, { self }: { readonly self: Meta }): Meta {
  return like(self);
}

/** Meta rule: `self` and `other` broadcast, in their (promoted) dtype. */
export function broadcastOther(
  _: MetaContext,
  { self, other }: { readonly self: Meta; readonly other: Meta },
): Meta {
  return { dtype: self.dtype, shape: broadcastShapes(self.shape, other.shape) };
}

/** Meta rule: `self` and `other` broadcast to bool. */
export function broadcastBool(
  _: MetaContext,
  { self, other }: { readonly self: Meta; readonly other: Meta },
): Meta {
  return { dtype: "bool", shape: broadcastShapes(self.shape, other.shape) };
}

/** Kernel: `fn` of each element, in the dtype of `self` unless another is given; `complexFn` of complex ones. */
export function unary(
  fn: ElementFn,
  dtype?: DType,
  complexFn?: (z: C) => C | boolean,
): (args: { readonly self: Tensor }) => Tensor {
  const kernel = ({ self }: { readonly self: Tensor }): Tensor => {
    if (complexFn && isComplex(self.dtype)) return mapComplex(self, dtype ?? self.dtype, complexFn);
    requireReal(self.dtype);
    return mapUnary(self, dtype ?? self.dtype, fn);
  };
  return Object.assign(kernel, { isElementwise: true });
}

/** Whether an operator computes each element of its result from those in the same place, as far as its record tells. */
export function isElementwise({ meta, kernel }: Op): boolean {
  if (kernel && "isElementwise" in kernel) return true;
  return meta !== undefined && ([broadcastOther, broadcastBool] as unknown[]).includes(meta);
}

/** Kernel: `fn` of each pair of elements, broadcast; `complexFn` of complex ones. */
export function binary(
  fn: ElementFn2,
  dtype?: DType,
  complexFn?: (x: C, y: C) => C | boolean,
): (args: { readonly self: Tensor; readonly other: Tensor }) => Tensor {
  return ({ self, other }) => {
    if (complexFn && isComplex(self.dtype)) return mapComplexes([self, other], dtype ?? self.dtype, complexFn);
    requireReal(self.dtype);
    return mapBinary(self, other, dtype ?? self.dtype, fn);
  };
}

/** `fn` of each triple of elements, broadcast. */
export function mapTernary(
  tensors: readonly [Tensor, Tensor, Tensor],
  dtype: DType,
  fn: (x: number, y: number, z: number) => number | bigint | boolean,
): Tensor {
  const shape = broadcastShapes(...tensors.map((t) => t.shape)) as number[];
  const [x, y, z] = tensors.map((t) => expandTo(t, shape).data());
  const out = newData(dtype, x.length);
  for (let i = 0; i < x.length; i++) store(out, i, fn(x[i] as number, y[i] as number, z[i] as number));
  return Tensor.of(dtype, shape, out);
}

/** @throws {TypeError} when the dtype is complex: element functions see real numbers */
export function requireReal(dtype: DType): void {
  if (isComplex(dtype)) throw new TypeError(`Elements of dtype ${dtype} are not supported by this operator`);
}

/** @throws {TypeError} when the dtype is not a float */
export function requireFloat(dtype: DType, what: string): void {
  if (!isFloat(dtype)) throw new TypeError(`${what} must be of a float dtype, met ${dtype}`);
}

/** Refuses a value of an argument that has no meaning here. */
export function refuse(argument: string, value: unknown, why: string): never {
  throw new RangeError(`Argument ${argument}=${String(value)} is not supported: ${why}`);
}

/** A Python number as the elements of a dtype are given to a loop: a bigint (typed as number) for int64 and uint64. */
export function element(value: Scalar, dtype: DType): number {
  if (isSym(value) || value instanceof Complex) {
    throw new TypeError(`A ${dtype} element can't be made of ${String(value)}`);
  }
  if (dtype === "int64" || dtype === "uint64") {
    return BigInt(typeof value === "number" ? Math.trunc(value) : value) as unknown as number;
  }
  return Number(value);
}

/**
 * Sizes that an operator needs to be the same.
 *
 * @throws {RangeError} when they are known to differ
 */
export function requireEqual(what: string, a: Dim, b: Dim): void {
  if (eq(a, b) === false) throw new RangeError(`${what} must be the same, met ${a} and ${b}`);
}

/**
 * A tensor that is added to a result must not be larger than it.
 *
 * @throws {RangeError} when the result would be another
 */
export function broadcastInto(name: string, own: readonly Dim[], shape: readonly Dim[]): void {
  const both = broadcastShapes(own, shape);
  if (both.length === shape.length && both.every((size, i) => eq(size, shape[i]) !== false)) return;
  throw new RangeError(`${name} of [${own.join(", ")}] does not broadcast to [${shape.join(", ")}]`);
}

/**
 * How many dimensions a tensor must have.
 *
 * @throws {RangeError} when it has another number of them
 */
export function requireRank(name: string, x: Meta, ...ranks: readonly number[]): void {
  if (ranks.includes(x.shape.length)) return;
  const wanted = `${ranks.join(" or ")} ${ranks.length === 1 && ranks[0] === 1 ? "dimension" : "dimensions"}`;
  throw new RangeError(`${name} must have ${wanted}, met ${formatMeta(x)}`);
}

/** @throws {RangeError} when a tensor has fewer dimensions */
export function requireRankFrom(name: string, x: Meta, least: number): void {
  if (x.shape.length >= least) return;
  throw new RangeError(`${name} must have at least ${least} dimension${least === 1 ? "" : "s"}, met ${formatMeta(x)}`);
}

/**
 * The shape that a tensor must have; where there is no tensor, nothing is asked.
 *
 * @throws {RangeError} when it is known to have another
 */
export function requireShape(name: string, x: Meta | null | undefined, shape: readonly Dim[]): void {
  if (!x || x.shape.length === shape.length && x.shape.every((size, i) => eq(size, shape[i]) !== false)) return;
  throw new RangeError(`${name} must be of shape [${shape.join(", ")}], met [${x.shape.join(", ")}]`);
}

/** @throws {RangeError} when one of an argument's numbers is known to be smaller */
export function requireFrom(argument: string, values: readonly Dim[], least: number): void {
  const wrong = values.find((value) => lt(value, least) === true);
  if (wrong !== undefined) throw new RangeError(`Argument ${argument} must be at least ${least}, met ${wrong}`);
}

/** @throws {RangeError} when a size is known not to be a multiple */
export function requireMultiple(what: string, size: Dim, of: Dim): void {
  if (eq(mod(size, of), 0) === false) throw new RangeError(`${what} must be a multiple of ${of}, met ${size}`);
}

/** @throws {RangeError} when a tensor is known to be empty in one of the dims from `first` on */
export function requireElements(name: string, x: Meta, first = 0): void {
  if (x.shape.slice(first).every((size) => size !== 0)) return;
  throw new RangeError(`${name} must have elements, met ${formatMeta(x)}`);
}

/** @throws {TypeError} when tensors that are given have different dtypes */
export function requireSameDType(tensors: Readonly<Record<string, Meta | null | undefined>>): void {
  const given = Object.entries(tensors).filter((entry): entry is [string, Meta] => !!entry[1]);
  if (given.every(([, x]) => x.dtype === given[0][1].dtype)) return;
  throw new TypeError(
    `The dtypes must be the same, met ${given.map(([name, x]) => `${name} of ${x.dtype}`).join(", ")}`,
  );
}

/**
 * A tensor must be no larger than another in any dim, but for one.
 *
 * @throws {RangeError} when it is known to be
 */
export function requireWithin(name: string, x: Meta, bounds: Meta, except: number | null): void {
  if (x.shape.every((size, i) => i === except || i >= bounds.shape.length || le(size, bounds.shape[i]) !== false)) {
    return;
  }
  const but = except === null ? "" : ` apart from dimension ${except}`;
  throw new RangeError(`${name} of ${formatMeta(x)} must be no larger than ${formatMeta(bounds)}${but}`);
}
