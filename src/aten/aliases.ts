/** Other names of operators, which programs keep as they were written. */
import { xlogy, xlogyOfScalar, xlogyScalar } from "./power.ts";
import { defineOp } from "./op.ts";
import { all, any, logsumexp } from "./reduce.ts";
import { roundDecimals } from "./rounding.ts";
import { logSoftmax, softmax } from "./softmax.ts";
import { acos, acosh, asin, asinh, atan, atanh, sinc } from "./trigonometry.ts";
import { erfc } from "./erf.ts";
import { exp2, expm1, logit } from "./unary.ts";

/** https://docs.pytorch.org/docs/stable/generated/torch.arccos.html */
export const arccos = defineOp("aten::arccos(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(acos, self),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.arccosh.html */
export const arccosh = defineOp("aten::arccosh(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(acosh, self),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.arcsin.html */
export const arcsin = defineOp("aten::arcsin(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(asin, self),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.arcsinh.html */
export const arcsinh = defineOp("aten::arcsinh(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(asinh, self),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.arctan.html */
export const arctan = defineOp("aten::arctan(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(atan, self),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.arctanh.html */
export const arctanh = defineOp("aten::arctanh(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(atanh, self),
});

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.erfc */
export const specialErfc = defineOp("aten::special_erfc(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(erfc, self),
});

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.exp2 */
export const specialExp2 = defineOp("aten::special_exp2(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(exp2, self),
});

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.expm1 */
export const specialExpm1 = defineOp("aten::special_expm1(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(expm1, self),
});

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.logit */
export const specialLogit = defineOp("aten::special_logit(Tensor self, float? eps=None) -> Tensor", {
  decompose: (t, { self, eps }) => t.call(logit, self, eps),
});

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.sinc */
export const specialSinc = defineOp("aten::special_sinc(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(sinc, self),
});

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.round */
export const specialRound = defineOp("aten::special_round(Tensor self, *, int decimals=0) -> Tensor", {
  decompose: (t, { self, decimals }) => t.call(roundDecimals, self, decimals),
});

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.softmax */
export const specialSoftmax = defineOp(
  "aten::special_softmax(Tensor self, int dim, ScalarType? dtype=None) -> Tensor",
  { decompose: (t, { self, dim, dtype }) => t.call(softmax, self, dim, dtype) },
);

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.log_softmax */
export const specialLogSoftmax = defineOp(
  "aten::special_log_softmax(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor",
  { decompose: (t, { self, dim, dtype }) => t.call(logSoftmax, self, dim, dtype) },
);

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.logsumexp */
export const specialLogsumexp = defineOp(
  "aten::special_logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor",
  { decompose: (t, { self, dim, keepdim }) => t.call(logsumexp, self, dim, keepdim) },
);

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.xlogy */
export const specialXlogy = defineOp("aten::special_xlogy(Tensor self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) => t.call(xlogy, self, other),
});

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.xlogy */
export const specialXlogyScalar = defineOp("aten::special_xlogy.other_scalar(Tensor self, Scalar other) -> Tensor", {
  decompose: (t, { self, other }) => t.call(xlogyScalar, self, other),
});

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.xlogy */
export const specialXlogyOfScalar = defineOp("aten::special_xlogy.self_scalar(Scalar self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) => t.call(xlogyOfScalar, self, other),
});

/** Whether all elements of a bool tensor are true; PyTorch's assertions use it. */
export const isAllTrue = defineOp("aten::_is_all_true(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(all, self),
});

/** Whether one element of a bool tensor is true. */
export const isAnyTrue = defineOp("aten::_is_any_true(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(any, self),
});
