/** Dtypes and numbers that `torch` names. */
import type { DType } from "../tensor/mod.ts";

/** Truths. */
export const bool = "bool" satisfies DType;
/** Bytes. */
export const uint8 = "uint8" satisfies DType;
/** Integers of 16 bits without a sign. */
export const uint16 = "uint16" satisfies DType;
/** Integers of 32 bits without a sign. */
export const uint32 = "uint32" satisfies DType;
/** Integers of 64 bits without a sign. */
export const uint64 = "uint64" satisfies DType;
/** Integers of 8 bits. */
export const int8 = "int8" satisfies DType;
/** Integers of 16 bits. */
export const int16 = "int16" satisfies DType;
/** Integers of 32 bits. */
export const int32 = "int32" satisfies DType;
/** Integers of 64 bits. */
export const int64 = "int64" satisfies DType;
/** As {@linkcode int64}. */
export const long = "int64" satisfies DType;
/** Floats of 16 bits. */
export const float16 = "float16" satisfies DType;
/** As {@linkcode float16}. */
export const half = "float16" satisfies DType;
/** Floats of 16 bits with the exponent of 32. */
export const bfloat16 = "bfloat16" satisfies DType;
/** Floats of 32 bits. */
export const float32 = "float32" satisfies DType;
/** Floats of 64 bits. */
export const float64 = "float64" satisfies DType;
/** As {@linkcode float64}. */
export const double = "float64" satisfies DType;
/** Complex numbers of two float16. */
export const complex32 = "complex32" satisfies DType;
/** Complex numbers of two float32. */
export const complex64 = "complex64" satisfies DType;
/** As {@linkcode complex64}. */
export const cfloat = "complex64" satisfies DType;
/** Complex numbers of two float64. */
export const complex128 = "complex128" satisfies DType;
/** As {@linkcode complex128}. */
export const cdouble = "complex128" satisfies DType;

/** Infinity. */
export const inf: number = Infinity;
/** What is no number. */
export const nan: number = NaN;
/** The ratio of a circle's circumference to its diameter. */
export const pi: number = Math.PI;
/** The base of natural logarithms. */
export const e: number = Math.E;
/** As an index: a new dim. */
export const newaxis: null = null;
