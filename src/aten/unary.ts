/** Elementwise functions of one tensor. */
import { isInt } from "../tensor/mod.ts";
import { defineOp } from "./op.ts";
import { onnxUnary, sameAsSelf, unary } from "./rules.ts";

const toFloat = { args: ["self"], to: "float" } as const;

/** https://docs.pytorch.org/docs/stable/generated/torch.abs.html */
export const abs = defineOp("aten::abs(Tensor self) -> Tensor", {
  meta: sameAsSelf,
  kernel: unary((x) => x < 0 ? -x : x),
  onnx: onnxUnary("Abs"),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.neg.html */
export const neg = defineOp("aten::neg(Tensor self) -> Tensor", {
  meta: sameAsSelf,
  kernel: unary((x) => -x),
  onnx: (b, { self }) => {
    if (b.meta(self).dtype === "bool") throw new TypeError("The sign of a bool tensor can't be changed");
    return b.op("Neg", [self]);
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.sigmoid.html */
export const sigmoid = defineOp("aten::sigmoid(Tensor self) -> Tensor", {
  promote: toFloat,
  meta: sameAsSelf,
  kernel: unary((x) => 1 / (1 + Math.exp(-x))),
  onnx: onnxUnary("Sigmoid"),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.tanh.html */
export const tanh = defineOp("aten::tanh(Tensor self) -> Tensor", {
  promote: toFloat,
  meta: sameAsSelf,
  kernel: unary(Math.tanh),
  onnx: onnxUnary("Tanh"),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.exp.html */
export const exp = defineOp("aten::exp(Tensor self) -> Tensor", {
  promote: toFloat,
  meta: sameAsSelf,
  kernel: unary(Math.exp),
  onnx: onnxUnary("Exp"),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.log.html */
export const log = defineOp("aten::log(Tensor self) -> Tensor", {
  promote: toFloat,
  meta: sameAsSelf,
  kernel: unary(Math.log),
  onnx: onnxUnary("Log"),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.sqrt.html */
export const sqrt = defineOp("aten::sqrt(Tensor self) -> Tensor", {
  promote: toFloat,
  meta: sameAsSelf,
  kernel: unary(Math.sqrt),
  onnx: onnxUnary("Sqrt"),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.reciprocal.html */
export const reciprocal = defineOp("aten::reciprocal(Tensor self) -> Tensor", {
  promote: toFloat,
  meta: sameAsSelf,
  kernel: unary((x) => 1 / x),
  onnx: onnxUnary("Reciprocal"),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.rsqrt.html */
export const rsqrt = defineOp("aten::rsqrt(Tensor self) -> Tensor", {
  promote: toFloat,
  decompose: (t, { self }) => t.call(reciprocal, t.call(sqrt, self)),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.sin.html */
export const sin = defineOp("aten::sin(Tensor self) -> Tensor", {
  promote: toFloat,
  meta: sameAsSelf,
  kernel: unary(Math.sin),
  onnx: onnxUnary("Sin"),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.cos.html */
export const cos = defineOp("aten::cos(Tensor self) -> Tensor", {
  promote: toFloat,
  meta: sameAsSelf,
  kernel: unary(Math.cos),
  onnx: onnxUnary("Cos"),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.floor.html */
export const floor = defineOp("aten::floor(Tensor self) -> Tensor", {
  meta: sameAsSelf,
  kernel: ({ self }) => isInt(self.dtype) ? self : unary(Math.floor)({ self }),
  onnx: (b, { self }) => isInt(b.meta(self).dtype) ? self : b.op("Floor", [self]),
});
