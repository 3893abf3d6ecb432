/** Questions about whole tensors, whose answer is one Python bool. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { eq as sizesEqual } from "../sym/mod.ts";
import type { Meta, Tensor } from "../tensor/mod.ts";
import { eq, isclose } from "./compare.ts";
import { defineOp, type MetaContext } from "./op.ts";
import { both } from "./overloads.ts";
import { all } from "./reduce.ts";
import { refuse } from "./rules.ts";

/** Whether two shapes are the same; refused where that is not known before the program runs. */
function haveOneShape(self: Meta, other: Meta): boolean {
  if (self.shape.length !== other.shape.length) return false;
  const alike = self.shape.map((d, i) => sizesEqual(d, other.shape[i]));
  if (alike.includes(false)) return false;
  return alike.every((x) => x === true) ||
    refuse(
      "other",
      `a tensor of [${other.shape.join(", ")}]`,
      `its shape may or may not be [${self.shape.join(", ")}]`,
    );
}

/** The answer is known only when the program runs. */
function unknown(ctx: MetaContext): boolean {
  return ctx.freshSymbol("answer", "bool") as unknown as boolean;
}

/** The answer is a value of the graph: what is made of it is computed from it. */
function onnxAnswer(b: OnnxBuilder, x: OnnxValue): boolean {
  return b.reshape(b.cast(x, "bool"), []) as unknown as boolean;
}

function isTrue(x: Tensor): boolean {
  return Number(x.item()) !== 0;
}

/** https://docs.pytorch.org/docs/stable/generated/torch.is_nonzero.html */
export const isNonzero = defineOp("aten::is_nonzero(Tensor self) -> bool", {
  meta: unknown,
  kernel: ({ self }) => isTrue(self),
  onnx: (b, { self }) => onnxAnswer(b, self),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.equal.html: tensors of other shapes differ. */
export const equal = defineOp("aten::equal(Tensor self, Tensor other) -> bool", {
  promote: both,
  meta: unknown,
  kernel: (args) => haveOneShape(args.self, args.other) && isTrue(all.kernel!({ self: eq.kernel!(args) as Tensor })),
  onnx: (b, args) => {
    if (!haveOneShape(b.meta(args.self), b.meta(args.other))) return onnxAnswer(b, b.scalar(false, "bool"));
    return onnxAnswer(b, all.onnx!(b, { self: eq.onnx!(b, args) }));
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.allclose.html */
export const allclose = defineOp(
  "aten::allclose(Tensor self, Tensor other, float rtol=1.0000000000000001e-05, float atol=1e-08, bool equal_nan=False) -> bool",
  {
    promote: both,
    meta: unknown,
    kernel: (args) => isTrue(all.kernel!({ self: isclose.kernel!(args) as Tensor })),
    onnx: (b, args) => onnxAnswer(b, all.onnx!(b, { self: isclose.onnx!(b, args) })),
  },
);

/** Whether two tensors have one shape. */
export const isSameSize = defineOp("aten::is_same_size(Tensor self, Tensor other) -> bool", {
  meta: (_, { self, other }) => haveOneShape(self, other),
});
