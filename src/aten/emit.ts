/**
 * Emits ONNX nodes in a dtype that runtimes have. ONNX's operators are declared for more dtypes than onnxruntime
 * implements; a node in another dtype is computed in a wider one that holds every value exactly, and converted back.
 * Precision is not given up unless the export permits it: where no wider dtype will do, the node is refused.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { AttributeInput, OnnxValue } from "../onnx/model.ts";
import { type DType, isComplex } from "../tensor/mod.ts";

/** The dtypes that an ONNX operator is implemented for. float16 is not listed: runtimes convert it themselves. */
export type Native = readonly DType[];

/** Float operators that are implemented in single precision only. */
export const SINGLE: Native = ["float32"];
/** Float operators. */
export const FLOATS: Native = ["float32", "float64"];
/** Abs, Add, Sub, Mul, Div, Sign, Mod, comparisons. */
export const NUMBERS: Native = [
  ...["float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"] as const,
];
/** Neg. */
export const SIGNED: Native = ["float32", "float64", "int8", "int16", "int32", "int64"];
/** Max, Min, Clip. */
export const ORDERED: Native = ["float32", "float64", "int8", "int32", "int64", "uint8", "uint32", "uint64"];
/** Pow, CumSum and reductions. */
export const WIDE: Native = ["float32", "float64", "int32", "int64"];
/** ReduceMax, ReduceMin, ArgMax, ArgMin. */
export const COMPARED: Native = ["float32", "float64", "int8", "int32", "int64", "uint8"];
/** Where. */
export const CHOSEN: Native = ["float32", "float64", "int32", "int64", "uint8"];

/** Wider dtypes that hold every value, nearest first. Sums and products wrap alike when they are converted back. */
const WIDER: Readonly<Partial<Record<DType, readonly DType[]>>> = {
  bool: ["uint8", "int32", "int64", "float32"],
  uint8: ["int16", "int32", "int64", "float32"],
  int8: ["int16", "int32", "int64", "float32"],
  uint16: ["int32", "int64", "float32"],
  int16: ["int32", "int64", "float32"],
  int32: ["int64", "float64"],
  uint32: ["int64", "float64"],
  bfloat16: ["float32"],
};

/** The dtype that comes closest, where rounding is permitted. */
const NARROWER: Readonly<Partial<Record<DType, readonly DType[]>>> = {
  float64: ["float32"],
  uint64: ["float64", "float32"],
};

/**
 * The dtype to compute in.
 *
 * @throws {TypeError} when no implemented dtype holds all values, and rounding them is not permitted
 */
export function carrier(b: OnnxBuilder, dtype: DType, native: Native, opType: string): DType {
  if (native.includes(dtype)) return dtype;
  if (dtype === "float16" && native.includes("float32")) return dtype;
  const wider = WIDER[dtype]?.find((d) => native.includes(d));
  if (wider) return wider;
  if (isComplex(dtype)) throw new TypeError(`The ONNX operator ${opType} takes no ${dtype}`);
  const narrower = NARROWER[dtype]?.find((d) => native.includes(d));
  if (narrower && b.mayDowncast(opType, dtype, narrower)) return narrower;
  const advice = narrower ? `; with option allowDowncast (--allow-downcast) it is computed in ${narrower}` : "";
  throw new TypeError(`The ONNX operator ${opType} is not implemented for ${dtype}, and no wider dtype is${advice}`);
}

/** A node whose inputs and result have one dtype. */
export function emit(
  b: OnnxBuilder,
  native: Native,
  opType: string,
  inputs: readonly (OnnxValue | null)[],
  attributes: Readonly<Record<string, AttributeInput>> = {},
): OnnxValue {
  const { dtype } = b.meta(inputs[0]!);
  const wide = carrier(b, dtype, native, opType);
  const node = b.op(opType, inputs.map((x) => x && b.cast(x, wide)), attributes);
  return b.cast(node, dtype);
}

/** A node whose inputs have one dtype and whose result is of its own: a comparison. */
export function emitTest(
  b: OnnxBuilder,
  native: Native,
  opType: string,
  inputs: readonly OnnxValue[],
): OnnxValue {
  const wide = carrier(b, b.meta(inputs[0]).dtype, native, opType);
  return b.op(opType, inputs.map((x) => b.cast(x, wide)));
}

/** A constant of the dtype of a value. */
export function constantLike(b: OnnxBuilder, x: OnnxValue, value: number): OnnxValue {
  return b.scalar(value, b.meta(x).dtype);
}

/** Chooses by a bool condition, for every dtype. */
export function choose(b: OnnxBuilder, condition: OnnxValue, yes: OnnxValue, no: OnnxValue): OnnxValue {
  const { dtype } = b.meta(yes);
  const wide = carrier(b, dtype, CHOSEN, "Where");
  return b.cast(b.op("Where", [condition, b.cast(yes, wide), b.cast(no, wide)]), dtype);
}
