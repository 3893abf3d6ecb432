/**
 * Scales and zero points chosen by the values at hand, as dynamic quantization does.
 * https://github.com/pytorch/pytorch/blob/main/torch/ao/quantization/utils.py
 */
import type { DType } from "../tensor/mod.ts";
import { add, addScalar, rsubScalar, sub } from "./binary.ts";
import { gtScalar } from "./compare.ts";
import { div, divScalar } from "./division.ts";
import { clamp, clampMin, maximum, minimum } from "./extrema.ts";
import { type Calls, defineOp } from "./op.ts";
import { scalarLike } from "./overloads.ts";
import { checkBounds } from "./quantization.ts";
import { amax, amin } from "./reduce_extrema.ts";
import { round } from "./rounding.ts";
import { refuse } from "./rules.ts";
import { abs, neg } from "./unary.ts";
import { where } from "./where.ts";

interface RangeArgs<T> {
  readonly input: T;
  readonly quant_min: number;
  readonly quant_max: number;
  readonly eps: number;
  readonly dtype: DType;
}

/** The range of the elements, which 0 always is part of. */
function rangeOf<T extends object>(t: Calls<T>, args: RangeArgs<T>): [low: T, high: T] {
  const { input, quant_min, quant_max, dtype } = args;
  const own = t.meta(input).dtype;
  if (own !== "float32" && own !== "float16" && own !== "bfloat16") {
    throw new TypeError(`Elements to quantize must be float32, float16 or bfloat16, met ${own}`);
  }
  checkBounds(dtype, quant_min, quant_max);
  if (quant_min >= quant_max) refuse("quant_max", quant_max, `it must be more than quant_min, ${quant_min}`);
  const zero = scalarLike(t, input, 0);
  return [t.call(minimum, t.call(amin, input), zero), t.call(maximum, t.call(amax, input), zero)];
}

/** At least `eps`, which PyTorch keeps as a list of one float32. */
function atLeast<T extends object>(t: Calls<T>, scale: T, eps: number): T {
  return t.call(maximum, scale, t.full([1], eps, "float32"));
}

/** Over the whole range of the elements. */
export const chooseQparams = defineOp(
  "quantized_decomposed::choose_qparams.tensor(Tensor input, int quant_min, int quant_max, float eps, ScalarType dtype) -> (Tensor, Tensor)",
  {
    decompose: (t, args) => {
      const { quant_min, quant_max } = args;
      const [low, high] = rangeOf(t, args);
      const scale = atLeast(t, t.call(divScalar, t.call(sub, high, low), quant_max - quant_min), args.eps);
      const steps = t.cast(t.call(round, t.call(div, low, scale)), "int32");
      const zero = t.call(clamp, t.call(rsubScalar, steps, BigInt(quant_min)), BigInt(quant_min), BigInt(quant_max));
      return [t.cast(scale, "float64"), t.cast(zero, "int64")];
    },
  },
);

/** Over a range with 0 in its middle. */
export const chooseQparamsSymmetric = defineOp(
  "quantized_decomposed::choose_qparams_symmetric.tensor(Tensor input, int quant_min, int quant_max, float eps, ScalarType dtype) -> (Tensor, Tensor)",
  {
    decompose: (t, args) => {
      const { quant_min, quant_max } = args;
      const [low, high] = rangeOf(t, args);
      const reach = t.call(maximum, t.call(neg, low), high);
      const scale = atLeast(t, t.call(divScalar, reach, (quant_max - quant_min) / 2), args.eps);
      const zero = t.full([1], args.dtype === "uint8" ? 128n : 0n, "int64");
      return [t.cast(scale, "float64"), zero];
    },
  },
);

/**
 * For each row, with 0 in the middle. The results have the dtypes that PyTorch's programs record; its own kernel gives both
 * in the dtype of the rows.
 */
export const chooseQparamsPerToken = defineOp(
  "quantized_decomposed::choose_qparams_per_token(Tensor input, ScalarType dtype) -> (Tensor, Tensor)",
  {
    decompose: (t, { input, dtype }) => {
      if (dtype !== "int8") refuse("dtype", dtype, "rows are quantized to int8");
      const sizes = t.call(amax, t.call(abs, input), [-1], true);
      const wide = t.meta(input).dtype === "float16" ? t.cast(sizes, "float32") : sizes;
      const scale = t.cast(t.call(divScalar, t.call(clampMin, wide, 1e-5), 127), "float64");
      return [scale, t.full(t.meta(scale).shape, 0n, "int64")];
    },
  },
);

/** For each row, over its whole range. `dtype` is not looked at: the bounds are those of int8. */
function perTokenAsymmetric<T extends object>(t: Calls<T>, input: T, dtype: DType): [T, T] {
  if (dtype !== "int8") refuse("dtype", dtype, "rows are quantized to int8");
  const [min, max] = [-128, 127];
  const zero = scalarLike(t, input, 0);
  const low = t.call(minimum, t.call(amin, input, [-1], true), zero);
  const high = t.call(maximum, t.call(amax, input, [-1], true), zero);
  const scale = t.call(clampMin, t.call(divScalar, t.call(sub, high, low), max - min), 2 ** -23);
  const [least, most] = [t.call(div, low, scale), t.call(div, high, scale)];
  const error = t.call(add, t.call(addScalar, least, BigInt(min)), t.call(addScalar, most, BigInt(max)));
  const point = t.call(
    where,
    t.call(gtScalar, error, 0n),
    t.call(rsubScalar, least, BigInt(min)),
    t.call(rsubScalar, most, BigInt(max)),
  );
  const bounded = t.call(round, t.call(clamp, point, BigInt(min), BigInt(max)));
  return [t.cast(scale, "float64"), t.cast(bounded, "int64")];
}

/** For each row, over its whole range. */
export const chooseQparamsPerTokenAsymmetric = defineOp(
  "quantized_decomposed::choose_qparams_per_token_asymmetric(Tensor input, ScalarType dtype) -> (Tensor, Tensor)",
  { decompose: (t, { input, dtype }) => perTokenAsymmetric(t, input, dtype) },
);

/** What `choose_qparams_per_token_asymmetric` decomposes to. */
export const chooseQparamsPerTokenAsymmetricImpl = defineOp(
  "quantized_decomposed::_choose_qparams_per_token_asymmetric_impl(Tensor input, ScalarType dtype) -> (Tensor, Tensor)",
  { decompose: (t, { input, dtype }) => perTokenAsymmetric(t, input, dtype) },
);
