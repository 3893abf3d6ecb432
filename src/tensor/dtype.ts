/**
 * PyTorch's dtypes: names, sizes and the promotion lattice. The names are PyTorch's without the `torch.` prefix.
 *
 * Source: https://docs.pytorch.org/docs/stable/tensor_attributes.html#type-promotion-doc
 */

/** A PyTorch dtype by its name, as in `torch.float32`. */
export type DType =
  | "bool"
  | "uint8"
  | "uint16"
  | "uint32"
  | "uint64"
  | "int8"
  | "int16"
  | "int32"
  | "int64"
  | "float16"
  | "bfloat16"
  | "float32"
  | "float64"
  | "float8_e4m3fn"
  | "float8_e4m3fnuz"
  | "float8_e5m2"
  | "float8_e5m2fnuz"
  | "float8_e8m0fnu"
  | "complex32"
  | "complex64"
  | "complex128";

/** The kinds that type promotion distinguishes, lowest first. */
export type DTypeCategory = "bool" | "int" | "float" | "complex";

interface DTypeInfo {
  readonly itemsize: number;
  readonly category: DTypeCategory;
  readonly signed: boolean;
}

const INFO: Readonly<Record<DType, DTypeInfo>> = {
  bool: { itemsize: 1, category: "bool", signed: false },
  uint8: { itemsize: 1, category: "int", signed: false },
  uint16: { itemsize: 2, category: "int", signed: false },
  uint32: { itemsize: 4, category: "int", signed: false },
  uint64: { itemsize: 8, category: "int", signed: false },
  int8: { itemsize: 1, category: "int", signed: true },
  int16: { itemsize: 2, category: "int", signed: true },
  int32: { itemsize: 4, category: "int", signed: true },
  int64: { itemsize: 8, category: "int", signed: true },
  float16: { itemsize: 2, category: "float", signed: true },
  bfloat16: { itemsize: 2, category: "float", signed: true },
  float32: { itemsize: 4, category: "float", signed: true },
  float64: { itemsize: 8, category: "float", signed: true },
  float8_e4m3fn: { itemsize: 1, category: "float", signed: true },
  float8_e4m3fnuz: { itemsize: 1, category: "float", signed: true },
  float8_e5m2: { itemsize: 1, category: "float", signed: true },
  float8_e5m2fnuz: { itemsize: 1, category: "float", signed: true },
  float8_e8m0fnu: { itemsize: 1, category: "float", signed: true },
  complex32: { itemsize: 4, category: "complex", signed: true },
  complex64: { itemsize: 8, category: "complex", signed: true },
  complex128: { itemsize: 16, category: "complex", signed: true },
};

/** Every dtype. */
export const DTYPES: readonly DType[] = Object.keys(INFO) as DType[];

/** Tells whether a text is the name of a dtype. */
export function isDType(name: string): name is DType {
  return Object.hasOwn(INFO, name);
}

/** Bytes per element. */
export function itemsize(dtype: DType): number {
  return INFO[dtype].itemsize;
}

/** Whether the dtype is a bool, an integer, a float or a complex. */
export function categoryOf(dtype: DType): DTypeCategory {
  return INFO[dtype].category;
}

/** Whether values of the dtype can be negative. */
export function isSigned(dtype: DType): boolean {
  return INFO[dtype].signed;
}

/** True for float and bfloat dtypes of any width. */
export function isFloat(dtype: DType): boolean {
  return INFO[dtype].category === "float";
}

/** True for integer dtypes (not bool). */
export function isInt(dtype: DType): boolean {
  return INFO[dtype].category === "int";
}

/** True for complex dtypes. */
export function isComplex(dtype: DType): boolean {
  return INFO[dtype].category === "complex";
}

/** The dtype of the real and imaginary parts of a complex dtype; other dtypes are returned as they are. */
export function toReal(dtype: DType): DType {
  if (dtype === "complex32") return "float16";
  if (dtype === "complex64") return "float32";
  if (dtype === "complex128") return "float64";
  return dtype;
}

/** The complex dtype whose parts have (at least) the precision of a float dtype. */
export function toComplex(dtype: DType): DType {
  if (dtype === "float16") return "complex32";
  if (dtype === "float64") return "complex128";
  return isComplex(dtype) ? dtype : "complex64";
}

/** Unsigned integers that PyTorch promotes with floats only. */
const BAREBONES: ReadonlySet<DType> = new Set<DType>(["uint16", "uint32", "uint64"]);

/**
 * `torch.promote_types(a, b)`: the smallest dtype that both can be converted to by PyTorch's rules.
 *
 * @example
 * ```ts
 * promoteTypes("uint8", "int8"); // "int16"
 * ```
 * @throws {TypeError} for the pairs that PyTorch refuses (float8 or uint16/32/64 and most other dtypes)
 */
export function promoteTypes(a: DType, b: DType): DType {
  if (a === b) return a;
  const [x, y] = [INFO[a], INFO[b]];
  if (a.startsWith("float8") || b.startsWith("float8")) {
    throw new TypeError(`Cannot promote ${a} and ${b}: PyTorch does not promote float8 dtypes`);
  }
  if ((BAREBONES.has(a) && y.category !== "float") || (BAREBONES.has(b) && x.category !== "float")) {
    throw new TypeError(`Cannot promote ${a} and ${b}: PyTorch promotes ${BAREBONES.has(a) ? a : b} with floats only`);
  }
  const order = ORDER.indexOf(x.category) - ORDER.indexOf(y.category);
  if (order !== 0) return order < 0 ? promoteUp(a, b) : promoteUp(b, a);
  if (x.category === "int") return promoteInts(a, b);
  if (x.category === "float") return promoteFloats(a, b);
  return toComplex(promoteFloats(toReal(a), toReal(b)));
}

const ORDER: readonly DTypeCategory[] = ["bool", "int", "float", "complex"];

/** `low` is of a lower category than `high`. */
function promoteUp(low: DType, high: DType): DType {
  return INFO[low].category === "float" ? toComplex(promoteFloats(low, toReal(high))) : high;
}

function promoteFloats(a: DType, b: DType): DType {
  if (a === b) return a;
  const both16 = INFO[a].itemsize === 2 && INFO[b].itemsize === 2;
  if (both16) return "float32";
  return INFO[a].itemsize > INFO[b].itemsize ? a : b;
}

/** Of int8 to int64 and uint8. */
function promoteInts(a: DType, b: DType): DType {
  if (INFO[a].signed === INFO[b].signed) return INFO[a].itemsize > INFO[b].itemsize ? a : b;
  const signed = INFO[a].signed ? a : b;
  return INFO[signed].itemsize > 1 ? signed : "int16";
}

/** An operand of {@linkcode resultType}: `zeroDim` tensors and Python scalars (`wrapped`) only decide the category. */
export interface PromotionOperand {
  readonly dtype: DType;
  readonly zeroDim?: boolean;
  readonly wrapped?: boolean;
}

/**
 * `torch.result_type`: promotes dimensioned tensors, 0-d tensors and Python numbers among themselves; each group counts
 * only where its category is higher than what came before.
 *
 * Source: https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/native/TypeProperties.cpp
 *
 * @throws {TypeError} for dtypes that PyTorch does not promote
 * @throws {RangeError} when there is no operand
 */
export function resultType(operands: readonly PromotionOperand[], defaultDType: DType = "float32"): DType {
  const promoteAll = (dtypes: readonly DType[]): DType | null =>
    dtypes.length === 0 ? null : dtypes.reduce((a, b) => promoteTypes(a, b));
  const dims = promoteAll(operands.filter((o) => !o.zeroDim && !o.wrapped).map((o) => o.dtype));
  const zeroDims = promoteAll(operands.filter((o) => o.zeroDim && !o.wrapped).map((o) => o.dtype));
  // A Python float means the default dtype, a Python complex its complex counterpart.
  const numbers = promoteAll(
    operands.filter((o) => o.wrapped).map(({ dtype }) =>
      isFloat(dtype) ? defaultDType : isComplex(dtype) ? toComplex(defaultDType) : dtype
    ),
  );
  const result = combine(dims, combine(zeroDims, numbers));
  if (result === null) throw new RangeError("Cannot promote dtypes: there is no operand");
  return result;
}

/** A float dtype keeps its precision beside a complex one of lower rank. */
function combine(higher: DType | null, lower: DType | null): DType | null {
  if (higher === null || lower === null) return higher ?? lower;
  if (isComplex(higher)) return higher;
  if (isFloat(higher)) {
    if (!isComplex(lower)) return higher;
    if (higher.startsWith("float8")) promoteTypes(higher, lower);
    return toComplex(higher);
  }
  if (isComplex(lower)) return lower;
  return higher === "bool" || isFloat(lower) ? promoteTypes(higher, lower) : higher;
}

/** The largest finite value of a float dtype. @throws {TypeError} for other dtypes */
export function largestFinite(dtype: DType): number {
  switch (dtype) {
    case "float16":
      return 65504;
    case "bfloat16":
      return 3.3895313892515355e38;
    case "float32":
      return 3.4028234663852886e38;
    case "float64":
      return Number.MAX_VALUE;
    default:
      throw new TypeError(`The largest value of ${dtype} is not defined`);
  }
}

/** Whether results of one dtype may be written to a tensor of another: never complex to real, floats to ints, ints to bool. */
export function canCast(from: DType, to: DType): boolean {
  if (isComplex(from) && !isComplex(to)) return false;
  if (isFloat(from) && !isFloat(to) && !isComplex(to)) return false;
  return from === "bool" || to !== "bool";
}
