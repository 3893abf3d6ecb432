/**
 * PyTorch's functions on symbolic numbers (`torch.sym_*`) and those of Python's `math` and `builtins` that programs apply to
 * them. As in `sym.ts`, their meta rule is the whole of them.
 */
import type { Scalar } from "../fx/mod.ts";
import type { OnnxBuilder } from "../onnx/builder.ts";
import { build, isSym, type OpaqueUnaryFn } from "../sym/mod.ts";
import { arithmetic, fromSym, isTrue, toExpression, toInt, toNumber } from "./numbers.ts";
import { defineOp, type MetaContext } from "./op.ts";
import { refuse } from "./rules.ts";

/** `not a`, https://docs.pytorch.org/docs/stable/generated/torch.sym_not.html */
export const symNot = defineOp("torch::sym_not(Scalar a) -> Scalar", {
  meta: (_, { a }) => fromSym(build("not", [isTrue(a)])),
});
/** The number as a float. */
export const symFloat = defineOp("torch::sym_float(Scalar a) -> Scalar", { meta: (_, { a }) => toFloat(a) });
/** The number as an int, rounded toward zero. */
export const symInt = defineOp("torch::sym_int(Scalar a) -> Scalar", { meta: (_, { a }) => toInt("trunc_to_int", a) });
/** The larger number; a float where one of them is. */
export const symMax = defineOp("torch::sym_max(Scalar a, Scalar b) -> Scalar", {
  meta: (_, { a, b }) => arithmetic("max", a, b),
});
/** The smaller number; a float where one of them is. */
export const symMin = defineOp("torch::sym_min(Scalar a, Scalar b) -> Scalar", {
  meta: (_, { a, b }) => arithmetic("min", a, b),
});
/** The sum of a list. */
export const symSum = defineOp("torch::sym_sum(Scalar[] args) -> Scalar", {
  meta: (_, { args }) => args.length === 0 ? 0n : arithmetic("add", ...args),
});
/** `t if b else f` */
export const symIte = defineOp("torch::sym_ite(Scalar b, Scalar t, Scalar f) -> Scalar", {
  meta: (_, { b, t, f }) => fromSym(build("where", [isTrue(b), toExpression(t), toExpression(f)])),
});
/** The same number under a new symbol, which no guard speaks of. */
export const symFreshSize = defineOp("torch::sym_fresh_size(Scalar expr) -> Scalar", {
  meta: (_, { expr }) => expr,
  onnx: (b: OnnxBuilder, { expr }) => (isSym(expr) ? b.symbolic(expr) : expr) as Scalar,
});

/** Functions of floats. */
function unary(fn: OpaqueUnaryFn): { meta(ctx: MetaContext, args: { readonly a: Scalar }): Scalar } {
  return { meta: (_, { a }) => arithmetic(fn, toFloat(a)) };
}

function toFloat(a: Scalar): Scalar {
  return arithmetic("tofloat", a);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.sym_sqrt.html */
export const torchSqrt = defineOp("torch::_sym_sqrt(Scalar a) -> Scalar", unary("sqrt"));
/** The same under its public name. */
export const torchPublicSqrt = defineOp("torch::sym_sqrt(Scalar a) -> Scalar", unary("sqrt"));
/** The cosine. */
export const torchCos = defineOp("torch::_sym_cos(Scalar a) -> Scalar", unary("cos"));
/** The hyperbolic cosine. */
export const torchCosh = defineOp("torch::_sym_cosh(Scalar a) -> Scalar", unary("cosh"));
/** The sine. */
export const torchSin = defineOp("torch::_sym_sin(Scalar a) -> Scalar", unary("sin"));
/** The hyperbolic sine. */
export const torchSinh = defineOp("torch::_sym_sinh(Scalar a) -> Scalar", unary("sinh"));
/** The tangent. */
export const torchTan = defineOp("torch::_sym_tan(Scalar a) -> Scalar", unary("tan"));
/** The hyperbolic tangent. */
export const torchTanh = defineOp("torch::_sym_tanh(Scalar a) -> Scalar", unary("tanh"));
/** The inverse sine. */
export const torchAsin = defineOp("torch::_sym_asin(Scalar a) -> Scalar", unary("asin"));
/** The inverse cosine. */
export const torchAcos = defineOp("torch::_sym_acos(Scalar a) -> Scalar", unary("acos"));
/** The inverse tangent. */
export const torchAtan = defineOp("torch::_sym_atan(Scalar a) -> Scalar", unary("atan"));
/** The logarithm to base 2. */
export const torchLog2 = defineOp("torch::_sym_log2(Scalar a) -> Scalar", unary("log2"));

/** https://docs.python.org/3/library/math.html */
export const mathSqrt = defineOp("math::sqrt(Scalar a) -> Scalar", unary("sqrt"));
/** The exponential. */
export const mathExp = defineOp("math::exp(Scalar a) -> Scalar", unary("exp"));
/** The natural logarithm. */
export const mathLog = defineOp("math::log(Scalar a) -> Scalar", unary("log"));
/** The logarithm to base 2. */
export const mathLog2 = defineOp("math::log2(Scalar a) -> Scalar", unary("log2"));
/** The cosine. */
export const mathCos = defineOp("math::cos(Scalar a) -> Scalar", unary("cos"));
/** The hyperbolic cosine. */
export const mathCosh = defineOp("math::cosh(Scalar a) -> Scalar", unary("cosh"));
/** The sine. */
export const mathSin = defineOp("math::sin(Scalar a) -> Scalar", unary("sin"));
/** The hyperbolic sine. */
export const mathSinh = defineOp("math::sinh(Scalar a) -> Scalar", unary("sinh"));
/** The tangent. */
export const mathTan = defineOp("math::tan(Scalar a) -> Scalar", unary("tan"));
/** The hyperbolic tangent. */
export const mathTanh = defineOp("math::tanh(Scalar a) -> Scalar", unary("tanh"));
/** The inverse sine. */
export const mathAsin = defineOp("math::asin(Scalar a) -> Scalar", unary("asin"));
/** The inverse cosine. */
export const mathAcos = defineOp("math::acos(Scalar a) -> Scalar", unary("acos"));
/** The inverse tangent. */
export const mathAtan = defineOp("math::atan(Scalar a) -> Scalar", unary("atan"));
/** The inverse hyperbolic sine. */
export const mathAsinh = defineOp("math::asinh(Scalar a) -> Scalar", unary("asinh"));
/** A power of floats. */
export const mathPow = defineOp("math::pow(Scalar a, Scalar b) -> Scalar", {
  meta: (_, { a, b }) => arithmetic("floatpow", toFloat(a), toFloat(b)),
});

/** https://docs.python.org/3/library/functions.html#round */
export const builtinRound = defineOp("builtins::round(Scalar a, int? ndigits=None) -> Scalar", {
  meta(_, { a, ndigits }) {
    if (ndigits === null) return toInt("round_to_int", a);
    const value = toNumber(a);
    if (value.kind === "float") return fromSym(build("round_decimal", [value, toNumber(BigInt(ndigits))]));
    return ndigits >= 0 ? fromSym(value) : refuse("ndigits", ndigits, "an int is only rounded to decimals");
  },
});
/** The absolute value. */
export const builtinAbs = defineOp("builtins::abs(Scalar a) -> Scalar", { meta: (_, { a }) => arithmetic("abs", a) });
/** The larger number. */
export const builtinMax = defineOp("builtins::max(Scalar a, Scalar b) -> Scalar", {
  meta: (_, { a, b }) => arithmetic("max", a, b),
});
/** The smaller number. */
export const builtinMin = defineOp("builtins::min(Scalar a, Scalar b) -> Scalar", {
  meta: (_, { a, b }) => arithmetic("min", a, b),
});
/** A power. */
export const builtinPow = defineOp("builtins::pow(Scalar a, Scalar b) -> Scalar", {
  meta: (_, { a, b }) => arithmetic("pow", a, b),
});
/** The number as an int, rounded toward zero. */
export const builtinInt = defineOp("builtins::int(Scalar a) -> Scalar", {
  meta: (_, { a }) => toInt("trunc_to_int", a),
});
/** The number as a float. */
export const builtinFloat = defineOp("builtins::float(Scalar a) -> Scalar", { meta: (_, { a }) => toFloat(a) });
/** Whether the number is not zero. */
export const builtinBool = defineOp("builtins::bool(Scalar a) -> Scalar", { meta: (_, { a }) => fromSym(isTrue(a)) });
