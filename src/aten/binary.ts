/** Elementwise arithmetic of two tensors, or a tensor and a Python number. */
import { mapBinary } from "../tensor/loops.ts";
import { defineOp } from "./op.ts";
import { binary, broadcastOther, element } from "./rules.ts";

const both = { args: ["self", "other"], to: "default" } as const;

/** https://docs.pytorch.org/docs/stable/generated/torch.mul.html */
export const mul = defineOp("aten::mul.Tensor(Tensor self, Tensor other) -> Tensor", {
  promote: both,
  meta: broadcastOther,
  kernel: binary((x, y) => x * y),
  onnx: (b, { self, other }) => b.op(b.meta(self).dtype === "bool" ? "And" : "Mul", [self, other]),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.add.html */
export const add = defineOp("aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor", {
  promote: both,
  meta: broadcastOther,
  kernel: ({ self, other, alpha }) => {
    const k = element(alpha, self.dtype);
    return mapBinary(self, other, self.dtype, (x, y) => x + k * y);
  },
  onnx: (b, { self, other, alpha }) => {
    const { dtype } = b.meta(self);
    const scaled = Number(alpha) === 1 ? other : b.op("Mul", [other, b.scalar(alpha, dtype)]);
    return b.op(dtype === "bool" ? "Or" : "Add", [self, scaled]);
  },
});
