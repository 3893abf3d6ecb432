/**
 * Calls with complex arguments: how interpreters find them, and how a call is taken apart into one on real parts and one
 * on imaginary parts.
 */
import { Complex, type Scalar } from "../fx/mod.ts";
import { type DType, isComplex, isDType, toReal } from "../tensor/mod.ts";
import type { BoundArgs } from "./bind.ts";
import type { Calls, ComplexForm, Forms, Op, PartsAlike } from "./op.ts";

type IsTensor<T> = (x: unknown) => x is T;

/** The first complex dtype among a call's tensors, numbers and dtypes; null if there is none. */
export function complexDType<T extends object>(t: Calls<T>, isTensor: IsTensor<T>, args: BoundArgs): DType | null {
  const find = (x: unknown): DType | null => {
    if (x === null || typeof x !== "object") return typeof x === "string" && isComplexDType(x) ? x : null;
    if (Array.isArray(x)) {
      for (const item of x) {
        const found = find(item);
        if (found) return found;
      }
      return null;
    }
    if (isTensor(x)) {
      const { dtype } = t.meta(x);
      return isComplex(dtype) ? dtype : null;
    }
    return x instanceof Complex ? "complex64" : null;
  };
  for (const value of Object.values(args)) {
    const found = find(value);
    if (found) return found;
  }
  return null;
}

function isComplexDType(x: unknown): x is DType {
  return typeof x === "string" && isDType(x) && isComplex(x);
}

/**
 * The rule that takes parts, if there is one.
 *
 * @param forms the forms that records name; null where there are no complex values
 */
export function formOf({ complex: rule, name }: Op, forms: Forms | null): ComplexForm<string> | null {
  if (typeof rule === "function") return rule;
  if (typeof rule !== "object" || "alike" in rule) return null;
  const form = "form" in rule ? rule.form : rule.elementwise;
  if (typeof form === "function") return form;
  if (!forms) throw new TypeError(`${name} is called with complex values, for which its form is not loaded`);
  // Each form takes the arguments of the records that name it.
  return forms[form] as unknown as ComplexForm<string>;
}

/** Whether the form of an operator takes the elements one by one. */
export function isElementwiseForm({ complex: rule }: Op): boolean {
  return typeof rule === "object" && "elementwise" in rule;
}

/** Calls an operator that treats parts alike, once for each part. `apply` calls it with real arguments. */
export function onEachPart<T extends object>(
  t: Calls<T>,
  isTensor: IsTensor<T>,
  { parsed, name }: Op,
  { alike }: PartsAlike,
  args: BoundArgs,
  apply: (args: BoundArgs) => unknown,
): unknown {
  let imaginary = false, tensors = false, realDType = false;
  const note = (x: unknown): void => {
    if (Array.isArray(x)) x.forEach(note);
    else if (isTensor(x)) {
      if (!isComplex(t.meta(x).dtype)) return;
      tensors = true;
      imaginary ||= t.parts(x)[1] !== null;
    } else if (x instanceof Complex) imaginary = true;
  };
  for (const { name: arg, type } of parsed.args) {
    const base = type.kind === "optional" ? type.of : type;
    const value = args[arg];
    if (base.kind === "base" && base.name === "ScalarType" && value !== null) {
      if (!isComplexDType(value)) realDType = true;
      if (value === "bool") throw new TypeError(`${name} of complex elements is not supported in dtype bool`);
    } else note(value);
  }
  const part = (k: 0 | 1): unknown => {
    const take = (x: unknown, isValue: boolean): unknown => {
      if (Array.isArray(x)) return x.map((item) => take(item, isValue));
      if (isComplexDType(x)) return toReal(x);
      if (x instanceof Complex) {
        if (!isValue) throw new TypeError(`${name} is not supported with a complex number`);
        return k === 0 ? x.re : x.im;
      }
      if (isTensor(x)) {
        const meta = t.meta(x);
        if (isComplex(meta.dtype)) return t.parts(x)[k] ?? t.full(meta.shape, 0, toReal(meta.dtype));
        return isValue && k === 1 ? t.full(meta.shape, 0n, meta.dtype) : x;
      }
      return isValue && k === 1 && x !== null ? zeroOf(x as Scalar) : x;
    };
    return apply(Object.fromEntries(Object.entries(args).map(([key, x]) => [key, take(x, alike.includes(key))])));
  };
  const re = part(0);
  // Of complex tensors, a result in a real dtype has the real parts only.
  if (realDType && tensors) return re;
  const im = imaginary ? part(1) : null;
  const join = (x: unknown, y: unknown): unknown => {
    if (Array.isArray(x)) return x.map((item, i) => join(item, y === null ? null : (y as unknown[])[i]));
    return isTensor(x) ? t.join(x, y as T | null) : x;
  };
  return join(re, im);
}

function zeroOf(value: Scalar): Scalar {
  return typeof value === "bigint" ? 0n : 0;
}
