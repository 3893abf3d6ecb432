/** Concrete tensors from values: numbers in nested lists, or typed arrays. */
import { type Data, type DType, isDType, isInt as isIntDType, Tensor as CoreTensor } from "../tensor/mod.ts";
import { convert } from "../tensor/loops.ts";
import { Float, isInt } from "./scalar.ts";

/** Values that a tensor is made of: numbers in nested lists, or elements of a typed array. */
export type TensorData = number | bigint | boolean | Float | Data | readonly TensorData[];

/** Options of {@linkcode coreOf}. */
export interface DataOptions {
  /** Type of the elements; by default that of the values: int64 of integral numbers, float32 of others, bool. */
  readonly dtype?: DType;
  /** Sizes of a typed array's elements; by default they are one dim. */
  readonly shape?: readonly number[];
}

type Value = number | bigint | boolean | Float;

/** Dtypes of typed arrays. */
const ARRAY_DTYPES: ReadonlyMap<string, DType> = new Map([
  ["Uint8Array", "uint8"],
  ["Uint8ClampedArray", "uint8"],
  ["Uint16Array", "uint16"],
  ["Uint32Array", "uint32"],
  ["BigUint64Array", "uint64"],
  ["Int8Array", "int8"],
  ["Int16Array", "int16"],
  ["Int32Array", "int32"],
  ["BigInt64Array", "int64"],
  ["Float16Array", "float16"],
  ["Float32Array", "float32"],
  ["Float64Array", "float64"],
]);

/** The concrete tensor of some values. @throws {RangeError} when lists on one level differ in length */
export function coreOf(data: TensorData, { dtype, shape }: DataOptions = {}): CoreTensor {
  if (dtype !== undefined && !isDType(dtype)) throw new TypeError(`There is no dtype ${String(dtype)}`);
  if (ArrayBuffer.isView(data)) {
    const own = ARRAY_DTYPES.get(data.constructor.name);
    if (!own) throw new TypeError(`A tensor can't be made of a ${data.constructor.name}`);
    const elements = own === "uint8" ? Uint8Array.from(data as Uint8Array) : data.slice();
    return convert(CoreTensor.of(own, shape ?? [data.length], elements), dtype ?? own);
  }
  if (shape !== undefined) throw new TypeError("The argument shape is for typed arrays: lists have their own");
  const sizes: number[] = [];
  const values: Value[] = [];
  flatten(data, 0, sizes, values);
  const type = dtype ?? inferred(values);
  const numbers = values.map((v) => v instanceof Float ? v.value : v);
  // Ints beyond what a float64 holds stay exact; other dtypes are rounded or truncated from the widest of their kind.
  if ((type === "int64" || type === "uint64") || (isIntDType(type) && !numbers.some(isFractional))) {
    const wide = numbers.map((v) => BigInt(typeof v === "number" ? Math.trunc(v) : v));
    return convert(CoreTensor.of(type === "uint64" ? "uint64" : "int64", sizes, wide), type);
  }
  return convert(CoreTensor.of("float64", sizes, numbers.map(Number)), type);
}

function isFractional(value: number | bigint | boolean): boolean {
  return typeof value === "number" && !Number.isInteger(value);
}

function flatten(data: TensorData, depth: number, sizes: number[], values: Value[]): void {
  if (!Array.isArray(data)) {
    if (depth < sizes.length) throw new RangeError("A tensor can't be made of lists and numbers on one level");
    const isValue = typeof data === "number" || typeof data === "bigint" || typeof data === "boolean" ||
      data instanceof Float;
    if (!isValue) throw new TypeError(`A tensor can't be made of ${String(data)}`);
    values.push(data);
    return;
  }
  if (depth === sizes.length && values.length === 0) sizes.push(data.length);
  else if (sizes[depth] !== data.length) {
    throw new RangeError(`A tensor can't be made of lists of ${sizes[depth]} and ${data.length} values on one level`);
  }
  for (const item of data) flatten(item, depth + 1, sizes, values);
}

/** float32 of no values and where any is a float, int64 of ints, bool of bools. */
function inferred(values: readonly Value[]): DType {
  if (values.length === 0) return "float32";
  if (values.every((v) => typeof v === "boolean")) return "bool";
  const isFloating = (v: Value): boolean => v instanceof Float || (typeof v === "number" && !isInt(v));
  return values.some(isFloating) ? "float32" : "int64";
}
