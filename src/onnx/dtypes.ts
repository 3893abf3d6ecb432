/**
 * ONNX's element types and their PyTorch names.
 *
 * Source: https://onnx.ai/onnx/repo-docs/IR.html#tensor-element-types
 */
import type { DType } from "../tensor/mod.ts";

/** `TensorProto.DataType` by PyTorch name. complex32 and float8_e8m0fnu below IR 12 have no ONNX type. */
export const ONNX_DTYPES: ReadonlyMap<DType, number> = new Map([
  ["float32", 1],
  ["uint8", 2],
  ["int8", 3],
  ["uint16", 4],
  ["int16", 5],
  ["int32", 6],
  ["int64", 7],
  ["bool", 9],
  ["float16", 10],
  ["float64", 11],
  ["uint32", 12],
  ["uint64", 13],
  ["complex64", 14],
  ["complex128", 15],
  ["bfloat16", 16],
  ["float8_e4m3fn", 17],
  ["float8_e4m3fnuz", 18],
  ["float8_e5m2", 19],
  ["float8_e5m2fnuz", 20],
  ["float8_e8m0fnu", 24],
]);

/** `TensorProto.DataType` of a dtype. @throws {RangeError} when ONNX has none */
export function onnxDType(dtype: DType): number {
  const code = ONNX_DTYPES.get(dtype);
  if (code === undefined) throw new RangeError(`ONNX has no element type for ${dtype}`);
  return code;
}

const BY_CODE: ReadonlyMap<number, DType> = new Map([...ONNX_DTYPES].map(([dtype, code]) => [code, dtype]));

/** The dtype of a `TensorProto.DataType`. @throws {RangeError} for string and types PyTorch lacks */
export function dtypeOfOnnx(code: number): DType {
  const dtype = BY_CODE.get(code);
  if (dtype === undefined) throw new RangeError(`ONNX element type ${code} has no PyTorch dtype`);
  return dtype;
}
