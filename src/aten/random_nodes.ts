/**
 * Random numbers for the operators of `random.ts` and `distributions.ts`: as kernels draw them and as ONNX's generators do.
 * The two give different numbers; what they share is dtype, shape and distribution.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import { onnxDType } from "../onnx/dtypes.ts";
import { float, type OnnxValue } from "../onnx/model.ts";
import { type Dim, isSym } from "../sym/mod.ts";
import { type DType, elementCount, newData, Tensor } from "../tensor/mod.ts";
import { store } from "../tensor/loops.ts";
import { nextRandom } from "../tensor/generator.ts";
import { isSingle } from "./precision.ts";

/** A tensor of numbers that `draw` gives, in order. */
export function drawn(dtype: DType, shape: readonly number[], draw: (i: number) => number | bigint): Tensor {
  const out = newData(dtype, elementCount(shape));
  for (let i = 0; i < out.length; i++) store(out, i, draw(i));
  return Tensor.of(dtype, shape, out);
}

/** A number of [0, 1) that stays below 1 in the dtype. */
export function uniformNumber(dtype: DType): number {
  const steps = 2 ** significandBits(dtype);
  return Math.floor(nextRandom() * steps) / steps;
}

/** A number of the standard normal distribution, by Box and Muller. */
export function normalNumber(): number {
  return Math.sqrt(-2 * Math.log(1 - nextRandom())) * Math.cos(2 * Math.PI * nextRandom());
}

/** Bits of the significand, the leading one included. */
export function significandBits(dtype: DType): number {
  return dtype === "float64" ? 53 : dtype === "float16" ? 11 : dtype === "bfloat16" ? 8 : 24;
}

/** What random numbers are for: a shape, or a value of the same shape, whose size need not be put together. */
export type Like = OnnxValue | readonly Dim[];

type Generator = "RandomUniform" | "RandomNormal";

/** ONNX's generators give single and double precision. */
type Drawn = "float32" | "float64";

function generate(
  b: OnnxBuilder,
  generator: Generator,
  like: Like,
  dtype: Drawn,
  parameters: Readonly<Record<string, number>>,
): OnnxValue {
  const attributes = {
    dtype: onnxDType(dtype),
    ...Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, float(value)])),
  };
  if (!isList(like)) {
    // bfloat16 became a type of the template only with opset 22.
    const given = b.meta(like).dtype === "bfloat16" ? b.cast(like, "float32") : like;
    return b.op(`${generator}Like`, [given], attributes);
  }
  // An empty list as the attribute would count as none.
  if (like.length > 0 && !like.some(isSym)) return b.op(generator, [], { shape: like as number[], ...attributes });
  return b.op(`${generator}Like`, [like.length === 0 ? b.scalar(0, dtype) : template(b, like)], attributes);
}

function isList(like: Like): like is readonly Dim[] {
  return Array.isArray(like);
}

/** A value of the shape. */
function template(b: OnnxBuilder, shape: readonly Dim[]): OnnxValue {
  const value = b.op("ConstantOfShape", [b.ints(shape)]);
  value.meta = { dtype: "float32", shape };
  return value;
}

/** Uniform numbers of [0, 1). */
export function onnxUniform(b: OnnxBuilder, like: Like, dtype: DType): OnnxValue {
  if (dtype === "float32" || dtype === "float64") return generate(b, "RandomUniform", like, dtype, {});
  // Rounded to few bits, numbers near 1 would become 1.
  const steps = 2 ** significandBits(dtype);
  const whole = b.op("Floor", [generate(b, "RandomUniform", like, "float32", { high: steps })]);
  return b.cast(b.op("Mul", [whole, b.scalar(1 / steps, "float32")]), dtype);
}

/** Ranges that single precision, which GPUs have, draws evenly enough. */
const NARROW = 2 ** 16;

/** Uniform whole numbers of [0, `end`) in int64. */
export function onnxBelow(b: OnnxBuilder, like: Like, end: Dim | OnnxValue): OnnxValue {
  if (typeof end !== "number" || end > NARROW) return b.cast(onnxDoubleBelow(b, like, end), "int64");
  // In single precision a number next to the end may be rounded to it.
  const steps = b.cast(generate(b, "RandomUniform", like, "float32", { high: end }), "int64");
  return b.op("Min", [steps, b.scalar(BigInt(end - 1), "int64")]);
}

/** Uniform numbers of [0, `end`) in double precision. */
function onnxDoubleBelow(b: OnnxBuilder, like: Like, end: Dim | OnnxValue): OnnxValue {
  if (typeof end === "number" && isSingle(end)) return generate(b, "RandomUniform", like, "float64", { high: end });
  const factor = typeof end === "number" || isSym(end) ? b.scalar(end, "float64") : b.cast(end, "float64");
  return b.op("Mul", [generate(b, "RandomUniform", like, "float64", {}), factor]);
}

/** Numbers of the normal distribution. */
export function onnxNormal(b: OnnxBuilder, like: Like, dtype: DType, mean = 0, std = 1): OnnxValue {
  const wide: Drawn = dtype === "float64" ? "float64" : "float32";
  if (wide === "float32" || (isSingle(mean) && isSingle(std))) {
    const parameters = { ...(mean === 0 ? {} : { mean }), ...(std === 1 ? {} : { scale: std }) };
    return b.cast(generate(b, "RandomNormal", like, wide, parameters), dtype);
  }
  // ONNX keeps the parameters in single precision.
  const scaled = b.op("Mul", [generate(b, "RandomNormal", like, wide, {}), b.scalar(std, wide)]);
  return b.op("Add", [scaled, b.scalar(mean, wide)]);
}
