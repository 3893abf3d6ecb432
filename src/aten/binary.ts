/** Elementwise addition, subtraction, multiplication, and what is made of them: fused products, interpolation. */
import { Complex, type Scalar } from "../fx/mod.ts";
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { isSym } from "../sym/mod.ts";
import { broadcastShapes, type DType, isComplex, type Tensor } from "../tensor/mod.ts";
import { mapBinary } from "../tensor/loops.ts";
import { mapComplexes } from "../tensor/complex_loops.ts";
import * as complexMath from "../tensor/complex_math.ts";
import { choose, constantLike, emit, emitTest, NUMBERS } from "./emit.ts";
import { defineOp } from "./op.ts";
import { alias, both, scalarLike, withScalar } from "./overloads.ts";
import { computeIn, floatKernelDType, roundedOnce } from "./precision.ts";
import { binary, broadcastOther, element, mapTernary, requireReal } from "./rules.ts";

/** A product in the dtype; int32 and uint32 wrap like C's, for which doubles are too short. */
export function multiply(dtype: DType): (x: number, y: number) => number {
  if (dtype === "bool") return (x, y) => x && y;
  return dtype === "int32" || dtype === "uint32" ? Math.imul : (x, y) => x * y;
}

/** A sum in the dtype; of bools it is "or". */
function adder(dtype: DType): (x: number, y: number) => number {
  return dtype === "bool" ? (x, y) => x || y : (x, y) => x + y;
}

function isOne(value: Scalar): boolean {
  return !isSym(value) && typeof value !== "object" && Number(value) === 1;
}

/** `value * x` as ONNX; nothing when the factor is 1. */
function scaled(b: OnnxBuilder, x: OnnxValue, value: Scalar): OnnxValue {
  return isOne(value) ? x : emitProduct(b, x, b.scalar(value, b.meta(x).dtype));
}

function emitProduct(b: OnnxBuilder, x: OnnxValue, y: OnnxValue): OnnxValue {
  return b.meta(x).dtype === "bool" ? b.op("And", [x, y]) : emit(b, NUMBERS, "Mul", [x, y]);
}

function emitSum(b: OnnxBuilder, x: OnnxValue, y: OnnxValue): OnnxValue {
  return b.meta(x).dtype === "bool" ? b.op("Or", [x, y]) : emit(b, NUMBERS, "Add", [x, y]);
}

/** `value * x` on concrete tensors. */
function scaledTensor(x: Tensor, value: Scalar): Tensor {
  if (isOne(value)) return x;
  const [k, product] = [element(value, x.dtype), multiply(x.dtype)];
  return mapBinary(x, x, x.dtype, (e) => product(e, k));
}

/** https://docs.pytorch.org/docs/stable/generated/torch.mul.html */
export const mul = defineOp("aten::mul.Tensor(Tensor self, Tensor other) -> Tensor", {
  promote: both,
  meta: broadcastOther,
  kernel: ({ self, other }) => binary(multiply(self.dtype), undefined, complexMath.mul)({ self, other }),
  complex: { elementwise: "mulForm" },
  onnx: (b, { self, other }) => emitProduct(b, self, other),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.mul.html */
export const mulScalar = defineOp("aten::mul.Scalar(Tensor self, Scalar other) -> Tensor", withScalar(mul));

/** https://docs.pytorch.org/docs/stable/generated/torch.multiply.html */
export const multiplyTensor = defineOp("aten::multiply.Tensor(Tensor self, Tensor other) -> Tensor", alias(mul));

/** https://docs.pytorch.org/docs/stable/generated/torch.multiply.html */
export const multiplyScalar = defineOp("aten::multiply.Scalar(Tensor self, Scalar other) -> Tensor", withScalar(mul));

/** https://docs.pytorch.org/docs/stable/generated/torch.square.html */
export const square = defineOp("aten::square(Tensor self) -> Tensor", {
  // Of bools, as the power that it is in PyTorch, the square is an integer.
  decompose: (t, { self }) => {
    const x = t.meta(self).dtype === "bool" ? t.cast(self, "int64") : self;
    return t.call(mul, x, x);
  },
  complex: { elementwise: "squareForm" },
});

/** A Python number as a complex one. */
function complexOf(value: Scalar): complexMath.C {
  return value instanceof Complex ? [value.re, value.im] : [element(value, "float64"), 0];
}

/** `x + alpha * y`. */
function complexSum(x: Tensor, y: Tensor, alpha: complexMath.C): Tensor {
  return mapComplexes([x, y], x.dtype, (p, q) => complexMath.add(p, complexMath.mul(alpha, q)));
}

/** https://docs.pytorch.org/docs/stable/generated/torch.add.html */
export const add = defineOp("aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor", {
  promote: both,
  meta: broadcastOther,
  kernel: ({ self, other, alpha }) => {
    if (isComplex(self.dtype)) return complexSum(self, other, complexOf(alpha));
    return mapBinary(self, scaledTensor(other, alpha), self.dtype, adder(self.dtype));
  },
  complex: { elementwise: "addForm" },
  onnx: (b, { self, other, alpha }) => emitSum(b, self, scaled(b, other, alpha)),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.add.html */
export const addScalar = defineOp("aten::add.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor", {
  promote: both,
  decompose: (t, { self, other, alpha }) => t.call(add, self, scalarLike(t, self, other), alpha),
});

function requireDifference(dtype: DType): void {
  if (dtype === "bool") throw new TypeError("bool tensors can't be subtracted");
}

/** https://docs.pytorch.org/docs/stable/generated/torch.sub.html */
export const sub = defineOp("aten::sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor", {
  promote: both,
  meta: broadcastOther,
  kernel: ({ self, other, alpha }) => {
    requireDifference(self.dtype);
    if (isComplex(self.dtype)) return complexSum(self, other, complexMath.neg(complexOf(alpha)));
    return mapBinary(self, scaledTensor(other, alpha), self.dtype, (x, y) => x - y);
  },
  onnx: (b, { self, other, alpha }) => {
    requireDifference(b.meta(self).dtype);
    return emit(b, NUMBERS, "Sub", [self, scaled(b, other, alpha)]);
  },
  complex: { elementwise: "subForm" },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.sub.html */
export const subScalar = defineOp("aten::sub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor", {
  promote: both,
  decompose: (t, { self, other, alpha }) => t.call(sub, self, scalarLike(t, self, other), alpha),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.subtract.html */
export const subtractTensor = defineOp(
  "aten::subtract.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor",
  { promote: both, decompose: (t, { self, other, alpha }) => t.call(sub, self, other, alpha) },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.subtract.html */
export const subtractScalar = defineOp("aten::subtract.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor", {
  promote: both,
  decompose: (t, { self, other, alpha }) => t.call(sub, self, scalarLike(t, self, other), alpha),
});

/** `other - alpha * self`: https://docs.pytorch.org/docs/stable/generated/torch.sub.html */
export const rsub = defineOp("aten::rsub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor", {
  promote: both,
  decompose: (t, { self, other, alpha }) => t.call(sub, other, self, alpha),
});

/** `other - alpha * self`: https://docs.pytorch.org/docs/stable/generated/torch.sub.html */
export const rsubScalar = defineOp("aten::rsub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor", {
  promote: both,
  decompose: (t, { self, other, alpha }) => t.call(sub, scalarLike(t, self, other), self, alpha),
});

const three = { args: ["self", "tensor1", "tensor2"], to: "default" } as const;

/** https://docs.pytorch.org/docs/stable/generated/torch.addcmul.html */
export const addcmul = defineOp(
  "aten::addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor",
  {
    promote: three,
    decompose: (t, { self, tensor1, tensor2, value }) =>
      roundedOnce(t, [self, tensor1, tensor2], (x, y, z) => t.call(add, x, t.call(mul, y, z), value)),
  },
);

const interpolated = { args: ["self", "end"], to: "default" } as const;
const interpolatedBy = { args: ["self", "end", "weight"], to: "default" } as const;

/** PyTorch starts from the nearer end, so that a weight of 1 gives `end` exactly. */
function interpolate(x: number, y: number, w: number): number {
  return Math.abs(w) < 0.5 ? x + w * (y - x) : y - (y - x) * (1 - w);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.lerp.html */
export const lerpScalar = defineOp("aten::lerp.Scalar(Tensor self, Tensor end, Scalar weight) -> Tensor", {
  promote: interpolated,
  complex: { form: "lerpScalarForm" },
  meta: (_, { self, end }) => ({ dtype: self.dtype, shape: broadcastShapes(self.shape, end.shape) }),
  kernel: ({ self, end, weight }) => {
    requireReal(self.dtype);
    const w = element(weight, self.dtype);
    return mapBinary(self, end, self.dtype, (x, y) => interpolate(x, y, w));
  },
  onnx: (b, { self: from, end: to, weight }) =>
    computeIn(b, floatKernelDType(b.meta(from).dtype), [from, to], (self, end) => {
      const { dtype } = b.meta(self);
      const difference = emit(b, NUMBERS, "Sub", [end, self]);
      if (isSym(weight) || typeof weight === "object" || Math.abs(Number(weight)) < 0.5) {
        return emit(b, NUMBERS, "Add", [self, emitProduct(b, difference, b.scalar(weight, dtype))]);
      }
      const rest = 1 - Number(weight);
      if (rest === 0) return b.op("Expand", [end, b.ints(broadcastShapes(b.meta(self).shape, b.meta(end).shape))]);
      return emit(b, NUMBERS, "Sub", [end, emitProduct(b, difference, b.scalar(rest, dtype))]);
    }),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.lerp.html */
export const lerp = defineOp("aten::lerp.Tensor(Tensor self, Tensor end, Tensor weight) -> Tensor", {
  promote: interpolatedBy,
  meta: (_, { self, end, weight }) => ({
    dtype: self.dtype,
    shape: broadcastShapes(self.shape, end.shape, weight.shape),
  }),
  complex: { form: "lerpForm" },
  kernel: ({ self, end, weight }) => {
    requireReal(self.dtype);
    return mapTernary([self, end, weight], self.dtype, interpolate);
  },
  onnx: (b, args) =>
    computeIn(b, floatKernelDType(b.meta(args.self).dtype), [args.self, args.end, args.weight], (self, end, weight) => {
      const difference = emit(b, NUMBERS, "Sub", [end, self]);
      const half = constantLike(b, weight, 0.5);
      const near = emitTest(b, NUMBERS, "Less", [emit(b, NUMBERS, "Abs", [weight]), half]);
      const start = emit(b, NUMBERS, "Add", [self, emitProduct(b, difference, weight)]);
      const rest = emit(b, NUMBERS, "Sub", [constantLike(b, weight, 1), weight]);
      return choose(b, near, start, emit(b, NUMBERS, "Sub", [end, emitProduct(b, difference, rest)]));
    }),
});
