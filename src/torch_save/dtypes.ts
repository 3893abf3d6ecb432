/** How `torch.save` and the serializer of `torch.export` name dtypes. */
import { type DType, isDType } from "../tensor/dtype.ts";

/** Element types of the typed storage classes of module `torch`. */
const STORAGES: ReadonlyMap<string, DType> = new Map<string, DType>([
  ["ByteStorage", "uint8"],
  ["CharStorage", "int8"],
  ["ShortStorage", "int16"],
  ["IntStorage", "int32"],
  ["LongStorage", "int64"],
  ["HalfStorage", "float16"],
  ["FloatStorage", "float32"],
  ["DoubleStorage", "float64"],
  ["ComplexFloatStorage", "complex64"],
  ["ComplexDoubleStorage", "complex128"],
  ["BoolStorage", "bool"],
  ["BFloat16Storage", "bfloat16"],
]);

/** The numbers of `torch._export.serde.schema.ScalarType`: neither those of c10 nor those of ONNX. */
export const SCALAR_TYPES: ReadonlyMap<number, DType> = new Map<number, DType>([
  [1, "uint8"],
  [2, "int8"],
  [3, "int16"],
  [4, "int32"],
  [5, "int64"],
  [6, "float16"],
  [7, "float32"],
  [8, "float64"],
  [9, "complex32"],
  [10, "complex64"],
  [11, "complex128"],
  [12, "bool"],
  [13, "bfloat16"],
  [28, "uint16"],
  [29, "float8_e4m3fn"],
  [30, "float8_e5m2"],
  [31, "float8_e4m3fnuz"],
  [32, "float8_e5m2fnuz"],
  [33, "float8_e8m0fnu"],
  [34, "uint32"],
  [35, "uint64"],
]);

/** The element type of a storage class: null for the untyped one, undefined if the class is not known. */
export function storageDType(type: string): DType | null | undefined {
  if (type === "torch.storage.UntypedStorage") return null;
  return type.startsWith("torch.") ? STORAGES.get(type.slice("torch.".length)) : undefined;
}

/** The typed storage class of a dtype, `FloatStorage`; null for one that has none. */
export function storageClass(dtype: DType): string | null {
  for (const [name, element] of STORAGES) if (element === dtype) return name;
  return null;
}

/** The dtype of a global such as `torch.float32`. */
export function globalDType(global: string): DType | undefined {
  const name = global.startsWith("torch.") ? global.slice("torch.".length) : "";
  return isDType(name) ? name : undefined;
}

/** The dtype of a number in the JSON of an exported program. */
export function scalarTypeDType(code: number): DType | undefined {
  return SCALAR_TYPES.get(code);
}
