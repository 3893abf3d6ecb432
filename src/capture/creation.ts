/** Tensors from values: `torch.tensor` and its kind. */
import { type Data, type DType, isComplex, isDType, isFloat, Tensor as CoreTensor } from "../tensor/mod.ts";
import { convert } from "../tensor/loops.ts";
import type { Nested } from "./methods.ts";
import { Float, isInt } from "./scalar.ts";
import { Tensor } from "./tensor.ts";

/** Values that a tensor is made of: numbers in nested lists, or elements of a typed array. */
export type TensorData = Nested | Float | Data | readonly TensorData[];

/** Options of {@linkcode tensor}. */
export interface TensorOptions {
  /** Type of the elements; by default that of the values: int64 of integral numbers, float32 of others, bool. */
  readonly dtype?: DType;
  /** Sizes of a typed array's elements; by default they are one dim. */
  readonly shape?: readonly number[];
}

/** Dtypes of typed arrays. */
const ARRAY_DTYPES: ReadonlyMap<string, DType> = new Map(
  [
    ["Uint8Array", "uint8"],
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
  ] as const,
);

/**
 * A tensor of values: https://docs.pytorch.org/docs/stable/generated/torch.tensor.html
 *
 * @throws {RangeError} when lists on one level differ in length
 */
export function tensor(data: TensorData, options: TensorOptions = {}): Tensor {
  return new Tensor(coreOf(data, options));
}

function coreOf(data: TensorData, { dtype, shape }: TensorOptions): CoreTensor {
  if (dtype !== undefined && !isDType(dtype)) throw new TypeError(`There is no dtype ${dtype}`);
  if (ArrayBuffer.isView(data)) {
    const own = ARRAY_DTYPES.get(data.constructor.name);
    if (!own) throw new TypeError(`A tensor can't be made of a ${data.constructor.name}`);
    const elements = CoreTensor.of(own, shape ?? [data.length], data.slice());
    return convert(elements, dtype ?? own);
  }
  if (shape !== undefined) throw new TypeError("The argument shape is for typed arrays: lists have their own");
  const sizes: number[] = [];
  const values: (number | bigint | boolean | Float)[] = [];
  flatten(data, 0, sizes, values);
  const type = dtype ?? inferred(values);
  const numbers = values.map((v) => v instanceof Float ? v.value : v);
  if (isComplex(type)) return convert(CoreTensor.of("float64", sizes, numbers.map(Number)), type);
  if (type === "int64" || type === "uint64") {
    return CoreTensor.of(type, sizes, numbers.map((v) => BigInt(typeof v === "number" ? Math.trunc(v) : v)));
  }
  // Through the widest dtype of the same kind, so that what does not fit is converted as PyTorch does.
  if (isFloat(type)) return convert(CoreTensor.of("float64", sizes, numbers.map(Number)), type);
  if (numbers.every((v) => typeof v === "number" && !Number.isInteger(v))) {
    return convert(CoreTensor.of("float64", sizes, numbers.map(Number)), type);
  }
  return convert(CoreTensor.of("float64", sizes, numbers.map(Number)), type);
}

function flatten(
  data: TensorData,
  depth: number,
  sizes: number[],
  values: (number | bigint | boolean | Float)[],
): void {
  if (!Array.isArray(data)) {
    if (depth < sizes.length) throw new RangeError("A tensor can't be made of lists and numbers on one level");
    values.push(data as number);
    return;
  }
  if (depth === sizes.length && values.length === 0) sizes.push(data.length);
  else if (sizes[depth] !== data.length) {
    throw new RangeError(`A tensor can't be made of lists of ${sizes[depth]} and ${data.length} values on one level`);
  }
  for (const item of data) flatten(item, depth + 1, sizes, values);
}

/** float32 of no values and where any is a float, int64 of ints, bool of bools. */
function inferred(values: readonly (number | bigint | boolean | Float)[]): DType {
  if (values.length === 0) return "float32";
  if (values.every((v) => typeof v === "boolean")) return "bool";
  const isFloating = (v: unknown): boolean => v instanceof Float || (typeof v === "number" && !isInt(v));
  return values.some(isFloating) ? "float32" : "int64";
}
