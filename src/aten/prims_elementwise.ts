/**
 * PyTorch's primitives on elements, which its decompositions end in: each is the ATen operator of the same meaning.
 *
 * Source: https://github.com/pytorch/pytorch/blob/main/torch/_prims/__init__.py
 */
import {
  i0,
  specialBesselJ0,
  specialBesselJ1,
  specialI0e,
  specialI1,
  specialI1e,
  specialSphericalBesselJ0,
} from "./bessel.ts";
import { add, mul, sub } from "./binary.ts";
import { eq, ge, gt, le, lt, ne } from "./compare.ts";
import { conjPhysical } from "./complex.ts";
import { fmod, remainder } from "./division.ts";
import { gcd } from "./divisors.ts";
import { erfinv, specialErfcx, specialNdtri } from "./erfinv.ts";
import { fmax, fmin, maximum, minimum } from "./extrema.ts";
import { nextafter } from "./float_parts.ts";
import { digamma, lgamma, specialZeta } from "./gamma.ts";
import { igamma, igammac } from "./incomplete_gamma.ts";
import { bitwiseAnd, bitwiseNot, bitwiseOr, bitwiseXor } from "./logical.ts";
import { hypot, powTensor } from "./power.ts";
import { ceil, floor, round, trunc } from "./rounding.ts";
import { leftShift, rightShift } from "./shift.ts";
import { acos, acosh, asin, asinh, atan, atan2, atanh, cos, cosh, sin, sinh, tan, tanh } from "./trigonometry.ts";
import { erf, erfc } from "./erf.ts";
import {
  abs,
  exp,
  exp2,
  expm1,
  isfinite,
  log,
  log10,
  log1p,
  log2,
  neg,
  reciprocal,
  rsqrt,
  sign,
  signbit,
  sqrt,
} from "./unary.ts";
import { defineOp } from "./op.ts";

/** `aten::abs`. */
export const primsAbs = defineOp("prims::abs(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(abs, self),
});

/** `aten::acos`. */
export const primsAcos = defineOp("prims::acos(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(acos, self),
});

/** `aten::acosh`. */
export const primsAcosh = defineOp("prims::acosh(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(acosh, self),
});

/** `aten::add.Tensor`. */
export const primsAdd = defineOp("prims::add(Tensor self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) => t.call(add, self, other, 1n),
});

/** `aten::asin`. */
export const primsAsin = defineOp("prims::asin(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(asin, self),
});

/** `aten::asinh`. */
export const primsAsinh = defineOp("prims::asinh(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(asinh, self),
});

/** `aten::atan`. */
export const primsAtan = defineOp("prims::atan(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(atan, self),
});

/** `aten::atan2`. */
export const primsAtan2 = defineOp("prims::atan2(Tensor self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) => t.call(atan2, self, other),
});

/** `aten::atanh`. */
export const primsAtanh = defineOp("prims::atanh(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(atanh, self),
});

/** `aten::i0`. */
export const primsBesselI0 = defineOp("prims::bessel_i0(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(i0, self),
});

/** `aten::special_i0e`. */
export const primsBesselI0e = defineOp("prims::bessel_i0e(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(specialI0e, self),
});

/** `aten::special_i1`. */
export const primsBesselI1 = defineOp("prims::bessel_i1(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(specialI1, self),
});

/** `aten::special_i1e`. */
export const primsBesselI1e = defineOp("prims::bessel_i1e(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(specialI1e, self),
});

/** `aten::special_bessel_j0`. */
export const primsBesselJ0 = defineOp("prims::bessel_j0(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(specialBesselJ0, self),
});

/** `aten::special_bessel_j1`. */
export const primsBesselJ1 = defineOp("prims::bessel_j1(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(specialBesselJ1, self),
});

/** `aten::bitwise_and.Tensor`. */
export const primsBitwiseAnd = defineOp("prims::bitwise_and(Tensor self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) => t.call(bitwiseAnd, self, other),
});

/** `aten::bitwise_not`. */
export const primsBitwiseNot = defineOp("prims::bitwise_not(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(bitwiseNot, self),
});

/** `aten::bitwise_or.Tensor`. */
export const primsBitwiseOr = defineOp("prims::bitwise_or(Tensor self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) => t.call(bitwiseOr, self, other),
});

/** `aten::bitwise_xor.Tensor`. */
export const primsBitwiseXor = defineOp("prims::bitwise_xor(Tensor self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) => t.call(bitwiseXor, self, other),
});

/** `aten::ceil`. */
export const primsCeil = defineOp("prims::ceil(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(ceil, self),
});

/** `aten::conj_physical`. */
export const primsConjPhysical = defineOp("prims::conj_physical(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(conjPhysical, self),
});

/** `aten::cos`. */
export const primsCos = defineOp("prims::cos(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(cos, self),
});

/** `aten::cosh`. */
export const primsCosh = defineOp("prims::cosh(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(cosh, self),
});

/** `aten::digamma`. */
export const primsDigamma = defineOp("prims::digamma(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(digamma, self),
});

/** `aten::eq.Tensor`. */
export const primsEq = defineOp("prims::eq(Tensor self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) => t.call(eq, self, other),
});

/** `aten::erf`. */
export const primsErf = defineOp("prims::erf(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(erf, self),
});

/** `aten::erfinv`. */
export const primsErfInv = defineOp("prims::erf_inv(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(erfinv, self),
});

/** `aten::erfc`. */
export const primsErfc = defineOp("prims::erfc(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(erfc, self),
});

/** `aten::special_erfcx`. */
export const primsErfcx = defineOp("prims::erfcx(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(specialErfcx, self),
});

/** `aten::exp`. */
export const primsExp = defineOp("prims::exp(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(exp, self),
});

/** `aten::exp2`. */
export const primsExp2 = defineOp("prims::exp2(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(exp2, self),
});

/** `aten::expm1`. */
export const primsExpm1 = defineOp("prims::expm1(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(expm1, self),
});

/** `aten::floor`. */
export const primsFloor = defineOp("prims::floor(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(floor, self),
});

/** `aten::fmax`. */
export const primsFmax = defineOp("prims::fmax(Tensor self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) => t.call(fmax, self, other),
});

/** `aten::fmin`. */
export const primsFmin = defineOp("prims::fmin(Tensor self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) => t.call(fmin, self, other),
});

/** `aten::fmod.Tensor`. */
export const primsFmod = defineOp("prims::fmod(Tensor self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) => t.call(fmod, self, other),
});

/** `aten::gcd`. */
export const primsGcd = defineOp("prims::gcd(Tensor self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) => t.call(gcd, self, other),
});

/** `aten::ge.Tensor`. */
export const primsGe = defineOp("prims::ge(Tensor self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) => t.call(ge, self, other),
});

/** `aten::gt.Tensor`. */
export const primsGt = defineOp("prims::gt(Tensor self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) => t.call(gt, self, other),
});

/** `aten::hypot`. */
export const primsHypot = defineOp("prims::hypot(Tensor self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) => t.call(hypot, self, other),
});

/** `aten::igamma`. */
export const primsIgamma = defineOp("prims::igamma(Tensor self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) => t.call(igamma, self, other),
});

/** `aten::igammac`. */
export const primsIgammac = defineOp("prims::igammac(Tensor self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) => t.call(igammac, self, other),
});

/** `aten::isfinite`. */
export const primsIsfinite = defineOp("prims::isfinite(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(isfinite, self),
});

/** `aten::le.Tensor`. */
export const primsLe = defineOp("prims::le(Tensor self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) => t.call(le, self, other),
});

/** `aten::lgamma`. */
export const primsLgamma = defineOp("prims::lgamma(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(lgamma, self),
});

/** `aten::log`. */
export const primsLog = defineOp("prims::log(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(log, self),
});

/** `aten::log10`. */
export const primsLog10 = defineOp("prims::log10(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(log10, self),
});

/** `aten::log1p`. */
export const primsLog1p = defineOp("prims::log1p(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(log1p, self),
});

/** `aten::log2`. */
export const primsLog2 = defineOp("prims::log2(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(log2, self),
});

/** `aten::lt.Tensor`. */
export const primsLt = defineOp("prims::lt(Tensor self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) => t.call(lt, self, other),
});

/** `aten::maximum`. */
export const primsMaximum = defineOp("prims::maximum(Tensor self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) => t.call(maximum, self, other),
});

/** `aten::minimum`. */
export const primsMinimum = defineOp("prims::minimum(Tensor self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) => t.call(minimum, self, other),
});

/** `aten::mul.Tensor`. */
export const primsMul = defineOp("prims::mul(Tensor self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) => t.call(mul, self, other),
});

/** `aten::special_ndtri`. */
export const primsNdtri = defineOp("prims::ndtri(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(specialNdtri, self),
});

/** `aten::ne.Tensor`. */
export const primsNe = defineOp("prims::ne(Tensor self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) => t.call(ne, self, other),
});

/** `aten::neg`. */
export const primsNeg = defineOp("prims::neg(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(neg, self),
});

/** `aten::nextafter`. */
export const primsNextafter = defineOp("prims::nextafter(Tensor self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) => t.call(nextafter, self, other),
});

/** `aten::pow.Tensor_Tensor`. */
export const primsPow = defineOp("prims::pow(Tensor self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) => t.call(powTensor, self, other),
});

/** `aten::reciprocal`. */
export const primsReciprocal = defineOp("prims::reciprocal(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(reciprocal, self),
});

/** `aten::remainder.Tensor`. */
export const primsRemainder = defineOp("prims::remainder(Tensor self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) => t.call(remainder, self, other),
});

/** `aten::round`. */
export const primsRound = defineOp("prims::round(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(round, self),
});

/** `aten::rsqrt`. */
export const primsRsqrt = defineOp("prims::rsqrt(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(rsqrt, self),
});

/** `aten::bitwise_left_shift.Tensor`. */
export const primsShiftLeft = defineOp("prims::shift_left(Tensor self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) => t.call(leftShift, self, other),
});

/** `aten::bitwise_right_shift.Tensor`. */
export const primsShiftRightArithmetic = defineOp(
  "prims::shift_right_arithmetic(Tensor self, Tensor other) -> Tensor",
  { decompose: (t, { self, other }) => t.call(rightShift, self, other) },
);

/** `aten::sign`. */
export const primsSign = defineOp("prims::sign(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(sign, self),
});

/** `aten::signbit`. */
export const primsSignbit = defineOp("prims::signbit(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(signbit, self),
});

/** `aten::sin`. */
export const primsSin = defineOp("prims::sin(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(sin, self),
});

/** `aten::sinh`. */
export const primsSinh = defineOp("prims::sinh(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(sinh, self),
});

/** `aten::special_spherical_bessel_j0`. */
export const primsSphericalBesselJ0 = defineOp("prims::spherical_bessel_j0(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(specialSphericalBesselJ0, self),
});

/** `aten::sqrt`. */
export const primsSqrt = defineOp("prims::sqrt(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(sqrt, self),
});

/** `aten::sub.Tensor`. */
export const primsSub = defineOp("prims::sub(Tensor self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) => t.call(sub, self, other, 1n),
});

/** `aten::tan`. */
export const primsTan = defineOp("prims::tan(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(tan, self),
});

/** `aten::tanh`. */
export const primsTanh = defineOp("prims::tanh(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(tanh, self),
});

/** `aten::trunc`. */
export const primsTrunc = defineOp("prims::trunc(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(trunc, self),
});

/** `aten::special_zeta`. */
export const primsZeta = defineOp("prims::zeta(Tensor self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) => t.call(specialZeta, self, other),
});
