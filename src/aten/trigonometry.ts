/**
 * Trigonometric and hyperbolic functions. onnxruntime has most of them in single precision only; in double precision they
 * are composed of operators that it has.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import type { ElementFn } from "../tensor/loops.ts";
import * as complexMath from "../tensor/complex_math.ts";
import { choose, constantLike, emit, emitTest, FLOATS, NUMBERS, SIGNED, SINGLE } from "./emit.ts";
import * as arc from "./emit_arc.ts";
import { defineOp, type FormName } from "./op.ts";
import { binary, broadcastOther, sameAsSelf, unary } from "./rules.ts";

interface Self {
  readonly self: OnnxValue;
}

const toFloat = { args: ["self"], to: "float" } as const;

/** Rules of a function that one ONNX operator computes; `wide` is its form in float64, if the operator lacks that. */
function node(
  opType: string,
  fn: ElementFn,
  complexFn: (z: complexMath.C) => complexMath.C,
  form: FormName,
  wide?: (b: OnnxBuilder, x: OnnxValue) => OnnxValue,
) {
  return {
    promote: toFloat,
    meta: sameAsSelf,
    kernel: unary(fn, undefined, complexFn),
    complex: { elementwise: form },
    onnx: (b: OnnxBuilder, { self }: Self): OnnxValue =>
      wide && b.meta(self).dtype === "float64" ? wide(b, self) : emit(b, SINGLE, opType, [self]),
  };
}

/** The operator itself in float64. */
function direct(opType: string): (b: OnnxBuilder, x: OnnxValue) => OnnxValue {
  return (b, x) => b.op(opType, [x]);
}

function cosh64(b: OnnxBuilder, x: OnnxValue): OnnxValue {
  const sum = b.op("Add", [b.op("Exp", [x]), b.op("Exp", [b.op("Neg", [x])])]);
  return b.op("Mul", [sum, b.scalar(0.5, "float64")]);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.sin.html */
export const sin = defineOp(
  "aten::sin(Tensor self) -> Tensor",
  node("Sin", Math.sin, complexMath.sin, "sinForm", direct("Sin")),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.cos.html */
export const cos = defineOp(
  "aten::cos(Tensor self) -> Tensor",
  node("Cos", Math.cos, complexMath.cos, "cosForm", direct("Cos")),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.tan.html */
export const tan = defineOp(
  "aten::tan(Tensor self) -> Tensor",
  node("Tan", Math.tan, complexMath.tan, "tanForm", (b, x) => b.op("Div", [b.op("Sin", [x]), b.op("Cos", [x])])),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.asin.html */
export const asin = defineOp(
  "aten::asin(Tensor self) -> Tensor",
  node("Asin", Math.asin, complexMath.asin, "asinForm", arc.emitAsin),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.acos.html */
export const acos = defineOp(
  "aten::acos(Tensor self) -> Tensor",
  node("Acos", Math.acos, complexMath.acos, "acosForm", arc.emitAcos),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.atan.html */
export const atan = defineOp(
  "aten::atan(Tensor self) -> Tensor",
  node("Atan", Math.atan, complexMath.atan, "atanForm", arc.emitAtan),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.sinh.html */
export const sinh = defineOp(
  "aten::sinh(Tensor self) -> Tensor",
  node("Sinh", Math.sinh, complexMath.sinh, "sinhForm", (b, x) => b.op("Mul", [b.op("Tanh", [x]), cosh64(b, x)])),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.cosh.html */
export const cosh = defineOp(
  "aten::cosh(Tensor self) -> Tensor",
  node("Cosh", Math.cosh, complexMath.cosh, "coshForm", cosh64),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.tanh.html */
export const tanh = defineOp(
  "aten::tanh(Tensor self) -> Tensor",
  node("Tanh", Math.tanh, complexMath.tanh, "tanhForm", direct("Tanh")),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.asinh.html */
export const asinh = defineOp(
  "aten::asinh(Tensor self) -> Tensor",
  node("Asinh", Math.asinh, complexMath.asinh, "asinhForm", arc.emitAsinh),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.acosh.html */
export const acosh = defineOp(
  "aten::acosh(Tensor self) -> Tensor",
  node("Acosh", Math.acosh, complexMath.acosh, "acoshForm", arc.emitAcosh),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.atanh.html */
export const atanh = defineOp(
  "aten::atanh(Tensor self) -> Tensor",
  node("Atanh", Math.atanh, complexMath.atanh, "atanhForm", arc.emitAtanh),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.sinc.html */
export const sinc = defineOp("aten::sinc(Tensor self) -> Tensor", {
  promote: toFloat,
  meta: sameAsSelf,
  kernel: unary((x) => x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x), undefined, (z) => {
    const angle = complexMath.scale(z, Math.PI);
    return z[0] === 0 && z[1] === 0 ? [1, 0] : complexMath.div(complexMath.sin(angle), angle);
  }),
  complex: { elementwise: "sincForm" },
  onnx: (b, { self }) => {
    const angle = emit(b, NUMBERS, "Mul", [self, constantLike(b, self, Math.PI)]);
    const quotient = emit(b, NUMBERS, "Div", [emit(b, FLOATS, "Sin", [angle]), angle]);
    const atZero = emitTest(b, NUMBERS, "Equal", [self, constantLike(b, self, 0)]);
    return choose(b, atZero, constantLike(b, self, 1), quotient);
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.atan2.html */
export const atan2 = defineOp("aten::atan2(Tensor self, Tensor other) -> Tensor", {
  promote: { args: ["self", "other"], to: "float" },
  meta: broadcastOther,
  kernel: binary(Math.atan2),
  // The angle in the first quadrant, mirrored to the others. Zeros and infinities on both sides have no quotient. The sign
  // of a zero is that of its reciprocal.
  onnx: (b, { self, other }) => {
    const constant = (value: number): OnnxValue => constantLike(b, self, value);
    const [y, x] = [self, other].map((v) => emit(b, NUMBERS, "Abs", [v]));
    const equal = emitTest(b, NUMBERS, "Equal", [y, x]);
    const quotient = choose(b, equal, constant(1), emit(b, NUMBERS, "Div", [y, x]));
    const onAxis = emitTest(b, NUMBERS, "Equal", [self, constant(0)]);
    // Zero, unless `other` is NaN.
    const flat = emit(b, NUMBERS, "Mul", [self, emit(b, NUMBERS, "Sign", [other])]);
    const angle = atan.onnx!(b, { self: choose(b, onAxis, flat, quotient) });
    const isBelow = (v: OnnxValue): OnnxValue =>
      b.op("Or", [v, emit(b, FLOATS, "Reciprocal", [v])].map((w) => emitTest(b, NUMBERS, "Less", [w, constant(0)])));
    const left = isBelow(other);
    const upper = choose(b, left, emit(b, NUMBERS, "Sub", [constant(Math.PI), angle]), angle);
    return choose(b, isBelow(self), emit(b, SIGNED, "Neg", [upper]), upper);
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.arctan2.html */
export const arctan2 = defineOp("aten::arctan2(Tensor self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) => t.call(atan2, self, other),
});
