/** Elementwise functions that are made of others: entropies, distributions, signs, scaled powers, membership. */
import { isComplex, isFloat, isInt, type Meta, newData, Tensor } from "../tensor/mod.ts";
import { mapComplex } from "../tensor/complex_loops.ts";
import { filled } from "../tensor/loops.ts";
import { mul, sub } from "./binary.ts";
import { eqScalar, gtScalar, ltScalar, neScalar } from "./compare.ts";
import { emitTest, NUMBERS } from "./emit.ts";
import { erfc } from "./erf.ts";
import { clamp } from "./extrema.ts";
import { defineOp } from "./op.ts";
import { bothToFloat, ofScalar, scalarLike, withScalar } from "./overloads.ts";
import { powOfScalar } from "./power.ts";
import { trunc } from "./rounding.ts";
import { like, requireReal } from "./rules.ts";
import { abs, isnan, log, log1p, neg, signbit } from "./unary.ts";
import { where } from "./where.ts";

const toFloat = { args: ["self"], to: "float" } as const;

/** https://docs.pytorch.org/docs/stable/generated/torch.copysign.html */
export const copysign = defineOp("aten::copysign.Tensor(Tensor self, Tensor other) -> Tensor", {
  promote: bothToFloat,
  decompose: (t, { self, other }) => {
    const size = t.call(abs, self);
    return t.call(where, t.call(signbit, other), t.call(neg, size), size);
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.copysign.html */
export const copysignScalar = defineOp(
  "aten::copysign.Scalar(Tensor self, Scalar other) -> Tensor",
  withScalar(copysign),
);

/**
 * Of a float and an integer the result is as C's ldexp has it, in the dtype of the float; else it is a product with a power.
 * https://docs.pytorch.org/docs/stable/generated/torch.ldexp.html
 */
export const ldexp = defineOp("aten::ldexp.Tensor(Tensor self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) => {
    const [{ dtype }, { dtype: exponent }] = [t.meta(self), t.meta(other)];
    if (isFloat(dtype) && exponent === "bool") throw new TypeError("An exponent of ldexp can't be bool");
    if (!isFloat(dtype) || !isInt(exponent)) return t.call(mul, self, t.call(powOfScalar, 2, other));
    // The power itself may overflow where the product does not; beyond the bound every product is 0 or infinite.
    const isDouble = dtype === "float64";
    const bound = isDouble ? 2200 : 300;
    const power = t.call(clamp, t.cast(other, "float64"), -bound, bound);
    const wide = t.cast(self, "float64");
    if (!isDouble) return t.cast(t.call(mul, wide, t.call(powOfScalar, 2, power)), dtype);
    const third = t.call(trunc, t.call(mul, power, t.full([], 1 / 3, "float64")));
    const factor = t.call(powOfScalar, 2, third);
    const rest = t.call(powOfScalar, 2, t.call(sub, power, t.call(mul, third, t.full([], 2, "float64"))));
    return t.call(mul, t.call(mul, t.call(mul, wide, rest), factor), factor);
  },
  inplace: ["aten::ldexp_"],
});

/** The angle of a real number is 0 or π, or NaN: https://docs.pytorch.org/docs/stable/generated/torch.angle.html */
export const angle = defineOp("aten::angle(Tensor self) -> Tensor", {
  promote: toFloat,
  complex: { elementwise: "angleForm" },
  decompose: (t, { self }) => {
    const [zero, half] = [scalarLike(t, self, 0), scalarLike(t, self, Math.PI)];
    return t.call(where, t.call(isnan, self), self, t.call(where, t.call(ltScalar, self, 0n), half, zero));
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.isreal.html */
export const isreal = defineOp("aten::isreal(Tensor self) -> Tensor", {
  meta: (_, { self }): Meta => like(self, "bool"),
  kernel: ({ self }) =>
    isComplex(self.dtype) ? mapComplex(self, "bool", (z) => z[1] === 0) : filled("bool", self.shape, true),
  complex: { elementwise: "isrealForm" },
  onnx: (b, { self }) => b.op("Expand", [b.scalar(true, "bool"), b.ints(b.meta(self).shape)]),
});

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.entr */
export const specialEntr = defineOp("aten::special_entr(Tensor self) -> Tensor", {
  promote: toFloat,
  decompose: (t, { self }) => {
    const outside = t.call(where, t.call(isnan, self), self, scalarLike(t, self, -Infinity));
    const atZero = t.call(where, t.call(eqScalar, self, 0n), scalarLike(t, self, 0), outside);
    const inside = t.call(neg, t.call(mul, self, t.call(log, self)));
    return t.call(where, t.call(gtScalar, self, 0n), inside, atZero);
  },
});

/** `self * log1p(other)`, 0 where `self` is 0: https://docs.pytorch.org/docs/stable/special.html#torch.special.xlog1py */
export const specialXlog1py = defineOp("aten::special_xlog1py(Tensor self, Tensor other) -> Tensor", {
  promote: bothToFloat,
  decompose: (t, { self, other }) => {
    // NaN in `other` wins over the 0.
    const none = t.call(where, t.call(isnan, other), other, scalarLike(t, other, 0));
    return t.call(where, t.call(eqScalar, self, 0n), none, t.call(mul, self, t.call(log1p, other)));
  },
});

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.xlog1py */
export const specialXlog1pyScalar = defineOp(
  "aten::special_xlog1py.other_scalar(Tensor self, Scalar other) -> Tensor",
  withScalar(specialXlog1py),
);

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.xlog1py */
export const specialXlog1pyOfScalar = defineOp(
  "aten::special_xlog1py.self_scalar(Scalar self, Tensor other) -> Tensor",
  ofScalar(specialXlog1py),
);

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.ndtr */
export const specialNdtr = defineOp("aten::special_ndtr(Tensor self) -> Tensor", {
  promote: toFloat,
  decompose: (t, { self }) => {
    const scaled = t.call(mul, self, scalarLike(t, self, -Math.SQRT1_2));
    return t.call(mul, t.call(erfc, scaled), scalarLike(t, self, 0.5));
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.isin.html */
export const isin = defineOp(
  "aten::isin.Tensor_Tensor(Tensor elements, Tensor test_elements, *, bool assume_unique=False, bool invert=False) -> Tensor",
  {
    promote: { args: ["elements", "test_elements"], to: "default" },
    meta: (_, { elements }) => like(elements, "bool"),
    // `assume_unique` only lets PyTorch choose a faster way.
    kernel: ({ elements, test_elements, invert }) => {
      requireReal(elements.dtype);
      const known = new Set<unknown>(test_elements.toArray().filter((x) => !Number.isNaN(x)));
      const out = newData("bool", elements.numel);
      elements.toArray().forEach((x, i) => out[i] = Number(known.has(x) !== invert));
      return Tensor.of("bool", elements.shape, out);
    },
    onnx: (b, { elements, test_elements, invert }) => {
      const rank = b.meta(elements).shape.length;
      const tests = b.meta(test_elements).shape.length === 1
        ? test_elements
        : b.op("Reshape", [test_elements, b.ints([-1])]);
      const pairs = emitTest(b, [...NUMBERS, "bool"], "Equal", [b.unsqueeze(elements, rank), tests]);
      // Of no tests the maximum is 0 in an integer dtype; onnxruntime has none of no bools.
      const counts = b.cast(pairs, "uint8");
      const found = b.cast(b.op("ReduceMax", [counts, b.ints([rank])], { keepdims: 0 }), "bool");
      return invert ? b.op("Not", [found]) : found;
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.isin.html */
export const isinScalar = defineOp(
  "aten::isin.Tensor_Scalar(Tensor elements, Scalar test_element, *, bool assume_unique=False, bool invert=False) -> Tensor",
  {
    promote: { args: ["elements", "test_element"], to: "default" },
    decompose: (t, { elements, test_element, invert }) => t.call(invert ? neScalar : eqScalar, elements, test_element),
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.isin.html */
export const isinOfScalar = defineOp(
  "aten::isin.Scalar_Tensor(Scalar element, Tensor test_elements, *, bool assume_unique=False, bool invert=False) -> Tensor",
  {
    promote: { args: ["element", "test_elements"], to: "default" },
    decompose: (t, { element, test_elements, assume_unique, invert }) =>
      t.call(isin, scalarLike(t, test_elements, element), test_elements, assume_unique, invert),
  },
);
