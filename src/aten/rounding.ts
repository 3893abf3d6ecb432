/** Rounding to integers and to decimals. Integer tensors stay as they are. */
import { isFloat } from "../tensor/mod.ts";
import { constantLike, emit, FLOATS, NUMBERS } from "./emit.ts";
import { defineOp } from "./op.ts";
import { refuse, sameAsSelf, unary } from "./rules.ts";
import { roundEven } from "./math.ts";

/** https://docs.pytorch.org/docs/stable/generated/torch.floor.html */
export const floor = defineOp("aten::floor(Tensor self) -> Tensor", {
  meta: sameAsSelf,
  kernel: ({ self }) => isFloat(self.dtype) ? unary(Math.floor)({ self }) : self,
  onnx: (b, { self }) => isFloat(b.meta(self).dtype) ? emit(b, FLOATS, "Floor", [self]) : self,
});

/** https://docs.pytorch.org/docs/stable/generated/torch.ceil.html */
export const ceil = defineOp("aten::ceil(Tensor self) -> Tensor", {
  meta: sameAsSelf,
  kernel: ({ self }) => isFloat(self.dtype) ? unary(Math.ceil)({ self }) : self,
  onnx: (b, { self }) => isFloat(b.meta(self).dtype) ? emit(b, FLOATS, "Ceil", [self]) : self,
});

/** https://docs.pytorch.org/docs/stable/generated/torch.trunc.html */
export const trunc = defineOp("aten::trunc(Tensor self) -> Tensor", {
  meta: sameAsSelf,
  kernel: ({ self }) => isFloat(self.dtype) ? unary(Math.trunc)({ self }) : self,
  onnx: (b, { self }) => {
    if (!isFloat(b.meta(self).dtype)) return self;
    const size = emit(b, FLOATS, "Floor", [emit(b, NUMBERS, "Abs", [self])]);
    return emit(b, NUMBERS, "Mul", [emit(b, NUMBERS, "Sign", [self]), size]);
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.fix.html */
export const fix = defineOp("aten::fix(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(trunc, self),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.frac.html */
export const frac = defineOp("aten::frac(Tensor self) -> Tensor", {
  meta: sameAsSelf,
  kernel: unary((x) => x - Math.trunc(x)),
  onnx: (b, { self }) => {
    const size = emit(b, FLOATS, "Floor", [emit(b, NUMBERS, "Abs", [self])]);
    const whole = emit(b, NUMBERS, "Mul", [emit(b, NUMBERS, "Sign", [self]), size]);
    return emit(b, NUMBERS, "Sub", [self, whole]);
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.round.html */
export const round = defineOp("aten::round(Tensor self) -> Tensor", {
  meta: sameAsSelf,
  kernel: ({ self }) => isFloat(self.dtype) ? unary(roundEven)({ self }) : self,
  onnx: (b, { self }) => isFloat(b.meta(self).dtype) ? emit(b, FLOATS, "Round", [self]) : self,
});

/** https://docs.pytorch.org/docs/stable/generated/torch.round.html */
export const roundDecimals = defineOp("aten::round.decimals(Tensor self, *, int decimals) -> Tensor", {
  meta: sameAsSelf,
  kernel: ({ self, decimals }) => {
    if (!isFloat(self.dtype)) refuse("decimals", decimals, "PyTorch rounds only floats to decimals");
    // The power of ten and the product are rounded to the dtype, as in PyTorch.
    const rounded: (x: number) => number = self.dtype === "float64" ? (x) => x : Math.fround;
    const scale = 10 ** Math.abs(decimals);
    return unary((x) => decimals < 0 ? roundEven(rounded(x / scale)) * scale : roundEven(rounded(x * scale)) / scale)({
      self,
    });
  },
  onnx: (b, { self, decimals }) => {
    if (!isFloat(b.meta(self).dtype)) refuse("decimals", decimals, "PyTorch rounds only floats to decimals");
    if (decimals === 0) return emit(b, FLOATS, "Round", [self]);
    const [before, after] = decimals < 0 ? ["Div", "Mul"] : ["Mul", "Div"];
    const scale = constantLike(b, self, 10 ** Math.abs(decimals));
    return emit(b, NUMBERS, after, [emit(b, FLOATS, "Round", [emit(b, NUMBERS, before, [self, scale])]), scale]);
  },
});
