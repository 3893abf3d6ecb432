/**
 * Computing in another dtype than the operands': ONNX runtimes lack kernels for some dtypes that PyTorch has. The wider
 * dtype must hold every operand and give the same result once it is rounded (or wrapped) back.
 */
import type { Scalar } from "../fx/mod.ts";
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { isSym } from "../sym/mod.ts";
import { categoryOf, type DType, isComplex, isFloat, type Tensor } from "../tensor/mod.ts";
import { convert, filled } from "../tensor/loops.ts";
import type { Calls } from "./op.ts";

/**
 * Runs `body` on the inputs in dtype `wide` and brings its result back to the dtype of the first input. Nothing is added
 * where that is `wide` already.
 */
export function computeIn<const I extends readonly (OnnxValue | null)[]>(
  b: OnnxBuilder,
  wide: DType,
  inputs: I,
  body: (...inputs: { [K in keyof I]: I[K] }) => OnnxValue,
): OnnxValue {
  const [first] = inputs;
  if (!first) throw new TypeError("The first input decides the dtype and must be given");
  const { dtype } = b.meta(first);
  const cast = inputs.map((x) => x && b.cast(x, wide)) as { [K in keyof I]: I[K] };
  return b.cast(body(...cast), dtype);
}

/** Whether PyTorch's kernels compute in a wider dtype than this. */
export function isHalf(dtype: DType): boolean {
  return dtype === "float16" || dtype === "bfloat16";
}

/** bfloat16 is computed in float32 and rounded once at the end, as PyTorch's kernels do; other dtypes stay. */
export function floatKernelDType(dtype: DType): DType {
  return dtype === "bfloat16" ? "float32" : dtype;
}

/** `body` in the dtype that bfloat16 is computed in: PyTorch rounds its result once. The first tensor decides the dtype. */
export function roundedOnce<T extends object, const I extends readonly [T, ...T[]]>(
  t: Calls<T>,
  tensors: I,
  body: (...tensors: { [K in keyof I]: T }) => T,
): T {
  const { dtype } = t.meta(tensors[0]);
  const wide = tensors.map((tensor) => t.cast(tensor, floatKernelDType(dtype))) as { [K in keyof I]: T };
  return t.cast(body(...wide), dtype);
}

/** The tensor rounded to a narrower float dtype, in its own: runtimes compute float16 in float32 and round where they store. */
export function roundedTo<T>(t: Calls<T>, x: T, dtype: DType): T {
  return t.cast(t.cast(x, dtype), t.meta(x).dtype);
}

/**
 * The dtype to multiply and add in. Sums of products of small integers wrap alike in 32 bits.
 *
 * @throws {TypeError} for complex and bool
 */
export function productDType(dtype: DType): DType {
  if (isComplex(dtype) || categoryOf(dtype) === "bool") throw new TypeError(`Products of ${dtype} are not supported`);
  if (dtype === "int8" || dtype === "uint8" || dtype === "int16" || dtype === "uint16") return "int32";
  return floatKernelDType(dtype);
}

/** The dtype that kernels compute in: floats in double precision, so that results are rounded once. */
export function wideDType(dtype: DType): DType {
  return isFloat(dtype) ? "float64" : dtype;
}

/** The tensor in the dtype that kernels compute in. */
export function widen(x: Tensor): Tensor {
  return convert(x, wideDType(x.dtype));
}

/** Whether a Python number is the same in single precision. */
export function isSingle(value: Scalar): boolean {
  return !isSym(value) && typeof value !== "object" && Math.fround(Number(value)) === Number(value);
}

/**
 * A factor beside a matrix product. onnxruntime joins a scalar factor and the product into one node that keeps the factor in
 * single precision; in double precision it is spelled out along the last dim, which is left alone.
 */
export function factorNode(b: OnnxBuilder, x: OnnxValue, value: Scalar): OnnxValue {
  const { dtype, shape } = b.meta(x);
  const scalar = b.scalar(value, dtype);
  if (dtype !== "float64" || isSingle(value) || shape.length === 0) return scalar;
  const size = shape[shape.length - 1];
  if (isSym(size) || isSym(value)) return b.op("Expand", [scalar, b.ints([size])]);
  return b.constant(filled(dtype, [size], Number(value)).contiguous());
}
