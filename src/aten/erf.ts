/** The error function and its complement; `erfinv.ts` has the inverse and other forms. */
import { constantLike, emit, NUMBERS, SINGLE } from "./emit.ts";
import { emitErf, emitErfc } from "./emit_erf.ts";
import { erf as erfOf, erfc as erfcOf } from "./erf_functions.ts";
import { defineOp } from "./op.ts";
import { sameAsSelf, unary } from "./rules.ts";

/** Integers become floats before the rules run. */
const toFloat = { args: ["self"], to: "float" } as const;

/** https://docs.pytorch.org/docs/stable/generated/torch.erf.html */
export const erf = defineOp("aten::erf(Tensor self) -> Tensor", {
  promote: toFloat,
  meta: sameAsSelf,
  kernel: unary(erfOf),
  onnx: (b, { self }) => b.meta(self).dtype === "float64" ? emitErf(b, self) : emit(b, SINGLE, "Erf", [self]),
});

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.erf */
export const specialErf = defineOp("aten::special_erf(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(erf, self),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.erfc.html */
export const erfc = defineOp("aten::erfc(Tensor self) -> Tensor", {
  promote: toFloat,
  meta: sameAsSelf,
  kernel: unary(erfcOf),
  onnx: (b, { self }) =>
    b.meta(self).dtype === "float64"
      ? emitErfc(b, self)
      : emit(b, NUMBERS, "Sub", [constantLike(b, self, 1), emit(b, SINGLE, "Erf", [self])]),
});
