/** Tensors of safetensors files: lazy, so that weights stay where they are until they are needed. */
import type { SafetensorsEntry, SafetensorsInput } from "../io/safetensors.ts";
import type { DType } from "./dtype.ts";
import { Storage, Tensor } from "./tensor.ts";

/** The format's names of dtypes. */
const DTYPES: ReadonlyMap<string, DType> = new Map([
  ["BOOL", "bool"],
  ["U8", "uint8"],
  ["I8", "int8"],
  ["U16", "uint16"],
  ["I16", "int16"],
  ["U32", "uint32"],
  ["I32", "int32"],
  ["U64", "uint64"],
  ["I64", "int64"],
  ["F16", "float16"],
  ["BF16", "bfloat16"],
  ["F32", "float32"],
  ["F64", "float64"],
  ["F8_E5M2", "float8_e5m2"],
  ["F8_E4M3", "float8_e4m3fn"],
  ["F8_E8M0", "float8_e8m0fnu"],
  ["F8_E4M3FNUZ", "float8_e4m3fnuz"],
  ["F8_E5M2FNUZ", "float8_e5m2fnuz"],
  ["C64", "complex64"],
]);

/**
 * The tensor of an entry; nothing of it is read.
 *
 * @param file for messages
 * @throws {SyntaxError} for a dtype that no tensor has here
 */
export function safetensorsTensor(file: string, name: string, { dtype, shape, range }: SafetensorsEntry): Tensor {
  const known = DTYPES.get(dtype);
  if (!known) throw new SyntaxError(`Cannot use tensor ${name} of ${file}: dtype ${dtype} is not supported`);
  return new Tensor(known, shape, Storage.lazy(range));
}

/**
 * A tensor as a file has it; what lies at rest as it is stays there until it is written.
 *
 * @throws {TypeError} for a dtype that the format lacks
 */
export async function safetensorsInput(name: string, tensor: Tensor): Promise<SafetensorsInput> {
  const dtype = [...DTYPES].find(([, own]) => own === tensor.dtype)?.[0];
  if (!dtype) throw new TypeError(`Cannot write ${name} as safetensors: the format has no ${tensor.dtype}`);
  return { dtype, shape: tensor.shape, data: tensor.byteRange ?? (await tensor.load()).bytes() };
}
