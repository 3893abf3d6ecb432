/**
 * PyTorch's primitives on complex numbers, frequencies and factorizations, and those that give numbers or draw random ones.
 *
 * Source: https://github.com/pytorch/pytorch/blob/main/torch/_prims/__init__.py
 */
import { type DType, isFloat } from "../tensor/mod.ts";
import { numberOf } from "./activation.ts";
import { mul } from "./binary.ts";
import { conj, imag, real } from "./complex.ts";
import { normalFunctional, uniform } from "./distributions.ts";
import { fftC2c, fftC2r, fftR2c } from "./fft.ts";
import { frexp } from "./float_parts.ts";
import { defineOp } from "./op.ts";
import { pow } from "./power.ts";
import { refuse } from "./rules.ts";
import { asStridedScatter } from "./strided.ts";
import { linalgSvd } from "./svd.ts";
import { abs, sign } from "./unary.ts";

/** Cube roots, of negative numbers too. */
export const primsCbrt = defineOp("prims::cbrt(Tensor self) -> Tensor", {
  promote: { args: ["self"], to: "float" },
  decompose: (t, { self }) => t.call(mul, t.call(sign, self), t.call(pow, t.call(abs, self), 1 / 3)),
});

/** `aten::frexp`. */
export const primsFrexp = defineOp("prims::frexp(Tensor self) -> (Tensor mantissa, Tensor exponent)", {
  decompose: (t, { self }) => t.call(frexp, self),
});

/** `aten::real`. */
export const primsReal = defineOp("prims::real(Tensor(a) self) -> Tensor(a)", {
  decompose: (t, { self }) => t.call(real, self),
  complex: (t, { self }) => t.call(real, self),
  inverse: (t, { self }, updated) => real.inverse!(t, { self }, updated, 0),
});

/** `aten::imag`. */
export const primsImag = defineOp("prims::imag(Tensor(a) self) -> Tensor(a)", {
  decompose: (t, { self }) => t.call(imag, self),
  complex: (t, { self }) => t.call(imag, self),
  inverse: (t, { self }, updated) => imag.inverse!(t, { self }, updated, 0),
});

/** `aten::conj`. */
export const primsConj = defineOp("prims::conj(Tensor(a) a) -> Tensor(a)", {
  decompose: (t, { a }) => t.call(conj, a),
  complex: (t, { a }) => t.call(conj, a),
  inverse: (t, _, updated) => t.call(conj, updated),
});

/** The transform of a complex signal, without a factor. */
export const primsFftC2c = defineOp("prims::fft_c2c(Tensor self, *, int[] dim, bool forward) -> Tensor", {
  decompose: (t, { self, dim, forward }) => t.call(fftC2c, self, dim, 0, forward),
  complex: (t, { self, dim, forward }) => t.call(fftC2c, self, dim, 0, forward),
});

/** The transform of a real signal, without a factor. */
export const primsFftR2c = defineOp("prims::fft_r2c(Tensor self, *, int[] dim, bool onesided) -> Tensor", {
  decompose: (t, { self, dim, onesided }) => t.call(fftR2c, self, dim, 0, onesided),
});

/** The real signal of one half of a spectrum, without a factor. */
export const primsFftC2r = defineOp("prims::fft_c2r(Tensor self, *, int[] dim, SymInt last_dim_size) -> Tensor", {
  decompose: (t, { self, dim, last_dim_size }) => t.call(fftC2r, self, dim, 0, last_dim_size),
  complex: (t, { self, dim, last_dim_size }) => t.call(fftC2r, self, dim, 0, last_dim_size),
});

/** `aten::linalg_svd`. */
export const primsSvd = defineOp("prims::svd(Tensor A, *, bool full_matrices) -> (Tensor U, Tensor S, Tensor Vh)", {
  decompose: (t, { A, full_matrices }) => t.call(linalgSvd, A, full_matrices),
});

/** `aten::as_strided_scatter`. */
export const primsAsStridedScatter = defineOp(
  "prims::as_strided_scatter(Tensor self, Tensor src, SymInt[] size, SymInt[] stride, SymInt storage_offset) -> Tensor",
  {
    decompose: (t, { self, src, size, stride, storage_offset }) =>
      t.call(asStridedScatter, self, src, size, stride, storage_offset),
  },
);

const LARGEST: Readonly<Partial<Record<DType, number>>> = {
  float16: 65504,
  bfloat16: (2 - 2 ** -7) * 2 ** 127,
  float32: (2 - 2 ** -23) * 2 ** 127,
  float64: Number.MAX_VALUE,
};

/** The largest or the least value of a dtype. */
function extremeOf(dtype: DType, isLargest: boolean): number | bigint | boolean {
  if (dtype === "bool") return isLargest;
  if (isFloat(dtype)) {
    const largest = LARGEST[dtype] ?? refuse("dtype", dtype, "its largest value is not known");
    return isLargest ? largest : -largest;
  }
  const bits = /^(u?)int(\d+)$/.exec(dtype);
  if (!bits) return refuse("dtype", dtype, "its values have no order");
  const range = 2n ** BigInt(Number(bits[2]) - (bits[1] ? 0 : 1));
  return isLargest ? range - 1n : bits[1] ? 0n : -range;
}

/** The largest value of a dtype. */
export const primsMaximumValue = defineOp("prims::maximum_value(ScalarType dtype) -> Scalar", {
  meta: (_, { dtype }) => extremeOf(dtype, true),
});

/** The least value of a dtype. */
export const primsMinimumValue = defineOp("prims::minimum_value(ScalarType dtype) -> Scalar", {
  meta: (_, { dtype }) => extremeOf(dtype, false),
});

/** Random numbers of a normal distribution. */
export const primsNormal = defineOp(
  "prims::normal(SymInt[] shape, *, Scalar mean, Scalar std, ScalarType dtype, Device device, bool requires_grad, Generator? generator=None) -> Tensor",
  {
    random: true,
    decompose: (t, { shape, mean, std, dtype }) => {
      requireRealDType(dtype);
      return t.call(normalFunctional, t.full(shape, 0, dtype), numberOf("mean", mean), numberOf("std", std));
    },
  },
);

/** Random numbers between two bounds. */
export const primsUniform = defineOp(
  "prims::uniform(SymInt[] shape, *, Scalar low, Scalar high, ScalarType dtype, Device device, SymInt[] stride, Generator? generator=None) -> Tensor",
  {
    random: true,
    decompose: (t, { shape, low, high, dtype }) => {
      requireRealDType(dtype);
      return t.call(uniform, t.full(shape, 0, dtype), numberOf("low", low), numberOf("high", high));
    },
  },
);

function requireRealDType(dtype: DType): void {
  if (!isFloat(dtype)) refuse("dtype", dtype, "random numbers of this kind are real floats");
}
