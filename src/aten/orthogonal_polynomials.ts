/** Orthogonal polynomials, as `torch.special` has them; their forward functions are in ATen/native/Math.h. */
import { defineOp } from "./op.ts";
import { atNumber, FAMILIES_OF_POLYNOMIALS as FAMILIES, ofTensors, withDegree } from "./orthogonal.ts";

/** ATen/native/Math.h, chebyshev_polynomial_t_forward. */
export const specialChebyshevPolynomialT = defineOp(
  "aten::special_chebyshev_polynomial_t(Tensor x, Tensor n) -> Tensor",
  ofTensors(FAMILIES.chebyshev_t),
);

/** ATen/native/Math.h, chebyshev_polynomial_t_forward. */
export const specialChebyshevPolynomialTDegree = defineOp(
  "aten::special_chebyshev_polynomial_t.n_scalar(Tensor x, Scalar n) -> Tensor",
  withDegree(FAMILIES.chebyshev_t),
);

/** ATen/native/Math.h, chebyshev_polynomial_t_forward. */
export const specialChebyshevPolynomialTAtNumber = defineOp(
  "aten::special_chebyshev_polynomial_t.x_scalar(Scalar x, Tensor n) -> Tensor",
  atNumber(FAMILIES.chebyshev_t),
);

/** ATen/native/Math.h, chebyshev_polynomial_u_forward. */
export const specialChebyshevPolynomialU = defineOp(
  "aten::special_chebyshev_polynomial_u(Tensor x, Tensor n) -> Tensor",
  ofTensors(FAMILIES.chebyshev_u),
);

/** ATen/native/Math.h, chebyshev_polynomial_u_forward. */
export const specialChebyshevPolynomialUDegree = defineOp(
  "aten::special_chebyshev_polynomial_u.n_scalar(Tensor x, Scalar n) -> Tensor",
  withDegree(FAMILIES.chebyshev_u),
);

/** ATen/native/Math.h, chebyshev_polynomial_u_forward. */
export const specialChebyshevPolynomialUAtNumber = defineOp(
  "aten::special_chebyshev_polynomial_u.x_scalar(Scalar x, Tensor n) -> Tensor",
  atNumber(FAMILIES.chebyshev_u),
);

/** ATen/native/Math.h, chebyshev_polynomial_v_forward. */
export const specialChebyshevPolynomialV = defineOp(
  "aten::special_chebyshev_polynomial_v(Tensor x, Tensor n) -> Tensor",
  ofTensors(FAMILIES.chebyshev_v),
);

/** ATen/native/Math.h, chebyshev_polynomial_v_forward. */
export const specialChebyshevPolynomialVDegree = defineOp(
  "aten::special_chebyshev_polynomial_v.n_scalar(Tensor x, Scalar n) -> Tensor",
  withDegree(FAMILIES.chebyshev_v),
);

/** ATen/native/Math.h, chebyshev_polynomial_v_forward. */
export const specialChebyshevPolynomialVAtNumber = defineOp(
  "aten::special_chebyshev_polynomial_v.x_scalar(Scalar x, Tensor n) -> Tensor",
  atNumber(FAMILIES.chebyshev_v),
);

/** ATen/native/Math.h, chebyshev_polynomial_w_forward. */
export const specialChebyshevPolynomialW = defineOp(
  "aten::special_chebyshev_polynomial_w(Tensor x, Tensor n) -> Tensor",
  ofTensors(FAMILIES.chebyshev_w),
);

/** ATen/native/Math.h, chebyshev_polynomial_w_forward. */
export const specialChebyshevPolynomialWDegree = defineOp(
  "aten::special_chebyshev_polynomial_w.n_scalar(Tensor x, Scalar n) -> Tensor",
  withDegree(FAMILIES.chebyshev_w),
);

/** ATen/native/Math.h, chebyshev_polynomial_w_forward. */
export const specialChebyshevPolynomialWAtNumber = defineOp(
  "aten::special_chebyshev_polynomial_w.x_scalar(Scalar x, Tensor n) -> Tensor",
  atNumber(FAMILIES.chebyshev_w),
);

/** ATen/native/Math.h, hermite_polynomial_h_forward. */
export const specialHermitePolynomialH = defineOp(
  "aten::special_hermite_polynomial_h(Tensor x, Tensor n) -> Tensor",
  ofTensors(FAMILIES.hermite_h),
);

/** ATen/native/Math.h, hermite_polynomial_h_forward. */
export const specialHermitePolynomialHDegree = defineOp(
  "aten::special_hermite_polynomial_h.n_scalar(Tensor x, Scalar n) -> Tensor",
  withDegree(FAMILIES.hermite_h),
);

/** ATen/native/Math.h, hermite_polynomial_h_forward. */
export const specialHermitePolynomialHAtNumber = defineOp(
  "aten::special_hermite_polynomial_h.x_scalar(Scalar x, Tensor n) -> Tensor",
  atNumber(FAMILIES.hermite_h),
);

/** ATen/native/Math.h, hermite_polynomial_he_forward. */
export const specialHermitePolynomialHe = defineOp(
  "aten::special_hermite_polynomial_he(Tensor x, Tensor n) -> Tensor",
  ofTensors(FAMILIES.hermite_he),
);

/** ATen/native/Math.h, hermite_polynomial_he_forward. */
export const specialHermitePolynomialHeDegree = defineOp(
  "aten::special_hermite_polynomial_he.n_scalar(Tensor x, Scalar n) -> Tensor",
  withDegree(FAMILIES.hermite_he),
);

/** ATen/native/Math.h, hermite_polynomial_he_forward. */
export const specialHermitePolynomialHeAtNumber = defineOp(
  "aten::special_hermite_polynomial_he.x_scalar(Scalar x, Tensor n) -> Tensor",
  atNumber(FAMILIES.hermite_he),
);

/** ATen/native/Math.h, laguerre_polynomial_l_forward. */
export const specialLaguerrePolynomialL = defineOp(
  "aten::special_laguerre_polynomial_l(Tensor x, Tensor n) -> Tensor",
  ofTensors(FAMILIES.laguerre_l),
);

/** ATen/native/Math.h, laguerre_polynomial_l_forward. */
export const specialLaguerrePolynomialLDegree = defineOp(
  "aten::special_laguerre_polynomial_l.n_scalar(Tensor x, Scalar n) -> Tensor",
  withDegree(FAMILIES.laguerre_l),
);

/** ATen/native/Math.h, laguerre_polynomial_l_forward. */
export const specialLaguerrePolynomialLAtNumber = defineOp(
  "aten::special_laguerre_polynomial_l.x_scalar(Scalar x, Tensor n) -> Tensor",
  atNumber(FAMILIES.laguerre_l),
);

/** ATen/native/Math.h, legendre_polynomial_p_forward. */
export const specialLegendrePolynomialP = defineOp(
  "aten::special_legendre_polynomial_p(Tensor x, Tensor n) -> Tensor",
  ofTensors(FAMILIES.legendre_p),
);

/** ATen/native/Math.h, legendre_polynomial_p_forward. */
export const specialLegendrePolynomialPDegree = defineOp(
  "aten::special_legendre_polynomial_p.n_scalar(Tensor x, Scalar n) -> Tensor",
  withDegree(FAMILIES.legendre_p),
);

/** ATen/native/Math.h, legendre_polynomial_p_forward. */
export const specialLegendrePolynomialPAtNumber = defineOp(
  "aten::special_legendre_polynomial_p.x_scalar(Scalar x, Tensor n) -> Tensor",
  atNumber(FAMILIES.legendre_p),
);

/** ATen/native/Math.h, shifted_chebyshev_polynomial_t_forward. */
export const specialShiftedChebyshevPolynomialT = defineOp(
  "aten::special_shifted_chebyshev_polynomial_t(Tensor x, Tensor n) -> Tensor",
  ofTensors(FAMILIES.shifted_chebyshev_t),
);

/** ATen/native/Math.h, shifted_chebyshev_polynomial_t_forward. */
export const specialShiftedChebyshevPolynomialTDegree = defineOp(
  "aten::special_shifted_chebyshev_polynomial_t.n_scalar(Tensor x, Scalar n) -> Tensor",
  withDegree(FAMILIES.shifted_chebyshev_t),
);

/** ATen/native/Math.h, shifted_chebyshev_polynomial_t_forward. */
export const specialShiftedChebyshevPolynomialTAtNumber = defineOp(
  "aten::special_shifted_chebyshev_polynomial_t.x_scalar(Scalar x, Tensor n) -> Tensor",
  atNumber(FAMILIES.shifted_chebyshev_t),
);

/** ATen/native/Math.h, shifted_chebyshev_polynomial_u_forward. */
export const specialShiftedChebyshevPolynomialU = defineOp(
  "aten::special_shifted_chebyshev_polynomial_u(Tensor x, Tensor n) -> Tensor",
  ofTensors(FAMILIES.shifted_chebyshev_u),
);

/** ATen/native/Math.h, shifted_chebyshev_polynomial_u_forward. */
export const specialShiftedChebyshevPolynomialUDegree = defineOp(
  "aten::special_shifted_chebyshev_polynomial_u.n_scalar(Tensor x, Scalar n) -> Tensor",
  withDegree(FAMILIES.shifted_chebyshev_u),
);

/** ATen/native/Math.h, shifted_chebyshev_polynomial_u_forward. */
export const specialShiftedChebyshevPolynomialUAtNumber = defineOp(
  "aten::special_shifted_chebyshev_polynomial_u.x_scalar(Scalar x, Tensor n) -> Tensor",
  atNumber(FAMILIES.shifted_chebyshev_u),
);

/** ATen/native/Math.h, shifted_chebyshev_polynomial_v_forward. */
export const specialShiftedChebyshevPolynomialV = defineOp(
  "aten::special_shifted_chebyshev_polynomial_v(Tensor x, Tensor n) -> Tensor",
  ofTensors(FAMILIES.shifted_chebyshev_v),
);

/** ATen/native/Math.h, shifted_chebyshev_polynomial_v_forward. */
export const specialShiftedChebyshevPolynomialVDegree = defineOp(
  "aten::special_shifted_chebyshev_polynomial_v.n_scalar(Tensor x, Scalar n) -> Tensor",
  withDegree(FAMILIES.shifted_chebyshev_v),
);

/** ATen/native/Math.h, shifted_chebyshev_polynomial_v_forward. */
export const specialShiftedChebyshevPolynomialVAtNumber = defineOp(
  "aten::special_shifted_chebyshev_polynomial_v.x_scalar(Scalar x, Tensor n) -> Tensor",
  atNumber(FAMILIES.shifted_chebyshev_v),
);

/** ATen/native/Math.h, shifted_chebyshev_polynomial_w_forward. */
export const specialShiftedChebyshevPolynomialW = defineOp(
  "aten::special_shifted_chebyshev_polynomial_w(Tensor x, Tensor n) -> Tensor",
  ofTensors(FAMILIES.shifted_chebyshev_w),
);

/** ATen/native/Math.h, shifted_chebyshev_polynomial_w_forward. */
export const specialShiftedChebyshevPolynomialWDegree = defineOp(
  "aten::special_shifted_chebyshev_polynomial_w.n_scalar(Tensor x, Scalar n) -> Tensor",
  withDegree(FAMILIES.shifted_chebyshev_w),
);

/** ATen/native/Math.h, shifted_chebyshev_polynomial_w_forward. */
export const specialShiftedChebyshevPolynomialWAtNumber = defineOp(
  "aten::special_shifted_chebyshev_polynomial_w.x_scalar(Scalar x, Tensor n) -> Tensor",
  atNumber(FAMILIES.shifted_chebyshev_w),
);
