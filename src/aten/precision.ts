/**
 * Computing in another dtype than the operands': ONNX runtimes lack kernels for some dtypes that PyTorch has. The wider
 * dtype must hold every operand and give the same result once it is rounded (or wrapped) back.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { categoryOf, type DType, isComplex, isFloat, type Tensor } from "../tensor/mod.ts";
import { convert } from "../tensor/loops.ts";

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

/** bfloat16 is computed in float32 and rounded once at the end, as PyTorch's kernels do; other dtypes stay. */
export function floatKernelDType(dtype: DType): DType {
  return dtype === "bfloat16" ? "float32" : dtype;
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
