/** SymPy's and PyTorch's names of the classes of functions, by which expressions are written, read and sorted. */
import type { OpaqueUnaryFn, Sym, SymFn } from "./expr.ts";

/** The classes of functions that have one name whatever their arguments are. */
export const CLASS_NAMES: Readonly<Record<Exclude<SymFn, "truediv" | OpaqueUnaryFn>, string>> = {
  add: "Add",
  mul: "Mul",
  pow: "PowByNatural",
  floordiv: "FloorDiv",
  mod: "Mod",
  pythonmod: "PythonMod",
  max: "Max",
  min: "Min",
  abs: "Abs",
  tofloat: "ToFloat",
  floatpow: "FloatPow",
  trunc_to_int: "TruncToInt",
  ceil_to_int: "CeilToInt",
  floor_to_int: "FloorToInt",
  round_to_int: "RoundToInt",
  trunc_to_float: "TruncToFloat",
  round_decimal: "RoundDecimal",
  where: "Where",
  eq: "Equality",
  ne: "Unequality",
  lt: "StrictLessThan",
  le: "LessThan",
  gt: "StrictGreaterThan",
  ge: "GreaterThan",
  and: "And",
  or: "Or",
  xor: "Xor",
  not: "Not",
  bitwise_and: "BitwiseFn_bitwise_and",
  bitwise_or: "BitwiseFn_bitwise_or",
  bitwise_xor: "BitwiseFn_bitwise_xor",
  is_non_overlapping_and_dense: "IsNonOverlappingAndDenseIndicator",
};

/** The class of a call. */
export function classNameOf(fn: SymFn, args: readonly Sym[]): string {
  if (fn === "truediv") return areInts(args) ? "IntTrueDiv" : "FloatTrueDiv";
  return fn in CLASS_NAMES ? CLASS_NAMES[fn as keyof typeof CLASS_NAMES] : `OpaqueUnaryFn_${fn}`;
}

/** Whether all arguments are integers, for which some functions have classes of their own. */
export function areInts(args: readonly Sym[]): boolean {
  return args.every(({ kind }) => kind === "int");
}
