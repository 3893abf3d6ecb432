/** The logistic function. It has a file of its own, as small networks use no other function of one tensor. */
import * as complexMath from "../tensor/complex_math.ts";
import { emit, SINGLE } from "./emit.ts";
import { defineOp } from "./op.ts";
import { sameAsSelf, unary } from "./rules.ts";

/** https://docs.pytorch.org/docs/stable/generated/torch.sigmoid.html */
export const sigmoid = defineOp("aten::sigmoid(Tensor self) -> Tensor", {
  promote: { args: ["self"], to: "float" },
  meta: sameAsSelf,
  kernel: unary((x) => 1 / (1 + Math.exp(-x)), undefined, complexMath.sigmoid),
  complex: { elementwise: "sigmoidForm" },
  onnx: (b, { self }) => {
    if (b.meta(self).dtype !== "float64") return emit(b, SINGLE, "Sigmoid", [self]);
    // onnxruntime fuses x · Sigmoid(x) to an operator that it lacks in float64, and then refuses the model.
    return b.op("Reciprocal", [b.op("Add", [b.op("Exp", [b.op("Neg", [self])]), b.scalar(1, "float64")])]);
  },
});

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.expit */
export const specialExpit = defineOp("aten::special_expit(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(sigmoid, self),
});
