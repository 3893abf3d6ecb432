/** Elementwise maxima and minima, and clamping. NaN wins, as in PyTorch, except in fmax and fmin. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { broadcastShapes, isFloat, type Meta, type Tensor } from "../tensor/mod.ts";
import { mapBinary } from "../tensor/loops.ts";
import { choose, emit, emitTest, FLOATS, ORDERED } from "./emit.ts";
import { defineOp } from "./op.ts";
import { alias, both, promotedSelf } from "./overloads.ts";
import { binary, broadcastOther, element, requireReal, unary } from "./rules.ts";

/** The larger; NaN if one is. */
function larger(x: number, y: number): number {
  return x !== x ? x : y !== y || y > x ? y : x;
}

/** The smaller; NaN if one is. */
function smaller(x: number, y: number): number {
  return x !== x ? x : y !== y || y < x ? y : x;
}

function emitLarger(b: OnnxBuilder, x: OnnxValue, y: OnnxValue): OnnxValue {
  return b.meta(x).dtype === "bool" ? b.op("Or", [x, y]) : emit(b, ORDERED, "Max", [x, y]);
}

function emitSmaller(b: OnnxBuilder, x: OnnxValue, y: OnnxValue): OnnxValue {
  return b.meta(x).dtype === "bool" ? b.op("And", [x, y]) : emit(b, ORDERED, "Min", [x, y]);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.maximum.html */
export const maximum = defineOp("aten::maximum(Tensor self, Tensor other) -> Tensor", {
  promote: both,
  meta: broadcastOther,
  kernel: binary(larger),
  onnx: (b, { self, other }) => emitLarger(b, self, other),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.minimum.html */
export const minimum = defineOp("aten::minimum(Tensor self, Tensor other) -> Tensor", {
  promote: both,
  meta: broadcastOther,
  kernel: binary(smaller),
  onnx: (b, { self, other }) => emitSmaller(b, self, other),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.max.html */
export const maxOther = defineOp("aten::max.other(Tensor self, Tensor other) -> Tensor", alias(maximum));

/** https://docs.pytorch.org/docs/stable/generated/torch.min.html */
export const minOther = defineOp("aten::min.other(Tensor self, Tensor other) -> Tensor", alias(minimum));

/** The first unless it is NaN, then the second; otherwise what `opType` says. */
function emitIgnoringNaN(b: OnnxBuilder, self: OnnxValue, other: OnnxValue, opType: "Max" | "Min"): OnnxValue {
  const extreme = (opType === "Max" ? emitLarger : emitSmaller)(b, self, other);
  if (!isFloat(b.meta(self).dtype)) return extreme;
  const withoutOther = choose(b, emitTest(b, FLOATS, "IsNaN", [other]), self, extreme);
  return choose(b, emitTest(b, FLOATS, "IsNaN", [self]), other, withoutOther);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.fmax.html */
export const fmax = defineOp("aten::fmax(Tensor self, Tensor other) -> Tensor", {
  promote: both,
  meta: broadcastOther,
  kernel: binary((x, y) => x !== x ? y : y !== y ? x : larger(x, y)),
  onnx: (b, { self, other }) => emitIgnoringNaN(b, self, other, "Max"),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.fmin.html */
export const fmin = defineOp("aten::fmin(Tensor self, Tensor other) -> Tensor", {
  promote: both,
  meta: broadcastOther,
  kernel: binary((x, y) => x !== x ? y : y !== y ? x : smaller(x, y)),
  onnx: (b, { self, other }) => emitIgnoringNaN(b, self, other, "Min"),
});

const bounded = { args: ["self", "min", "max"], to: "default" } as const;

function requireBound(min: unknown, max: unknown): void {
  if (min === null && max === null) throw new TypeError("At least one of min and max must not be None");
}

/** https://docs.pytorch.org/docs/stable/generated/torch.clamp.html */
export const clamp = defineOp("aten::clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor", {
  promote: bounded,
  meta: promotedSelf,
  kernel: ({ self, min, max }) => {
    requireBound(min, max);
    const low = min === null ? null : element(min, self.dtype);
    const high = max === null ? null : element(max, self.dtype);
    return unary((x) => {
      const raised = low === null ? x : larger(x, low);
      return high === null ? raised : smaller(raised, high);
    })({ self });
  },
  onnx: (b, { self, min, max }) => {
    requireBound(min, max);
    const { dtype } = b.meta(self);
    // Without a bound, Clip would cut infinity off at the largest number.
    if (max === null) return emit(b, ORDERED, "Max", [self, b.scalar(min!, dtype)]);
    if (min === null) return emit(b, ORDERED, "Min", [self, b.scalar(max, dtype)]);
    return emit(b, ORDERED, "Clip", [self, b.scalar(min, dtype), b.scalar(max, dtype)]);
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.clamp.html */
export const clampTensor = defineOp("aten::clamp.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor", {
  promote: bounded,
  meta: (_, { self, min, max }): Meta => ({
    dtype: self.dtype,
    shape: broadcastShapes(self.shape, ...[min, max].flatMap((v) => v ? [v.shape] : [])),
  }),
  kernel: ({ self, min, max }): Tensor => {
    requireBound(min, max);
    requireReal(self.dtype);
    const raised = min ? mapBinary(self, min, self.dtype, larger) : self;
    return max ? mapBinary(raised, max, self.dtype, smaller) : raised;
  },
  onnx: (b, { self, min, max }) => {
    requireBound(min, max);
    const raised = min ? emitLarger(b, self, min) : self;
    return max ? emitSmaller(b, raised, max) : raised;
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.clamp.html */
export const clampMin = defineOp("aten::clamp_min(Tensor self, Scalar min) -> Tensor", {
  promote: { args: ["self", "min"], to: "default" },
  decompose: (t, { self, min }) => t.call(clamp, self, min, null),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.clamp.html */
export const clampMinTensor = defineOp("aten::clamp_min.Tensor(Tensor self, Tensor min) -> Tensor", {
  promote: { args: ["self", "min"], to: "default" },
  decompose: (t, { self, min }) => t.call(maximum, self, min),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.clamp.html */
export const clampMax = defineOp("aten::clamp_max(Tensor self, Scalar max) -> Tensor", {
  promote: { args: ["self", "max"], to: "default" },
  decompose: (t, { self, max }) => t.call(clamp, self, null, max),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.clamp.html */
export const clampMaxTensor = defineOp("aten::clamp_max.Tensor(Tensor self, Tensor max) -> Tensor", {
  promote: { args: ["self", "max"], to: "default" },
  decompose: (t, { self, max }) => t.call(minimum, self, max),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.clip.html */
export const clip = defineOp("aten::clip(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor", {
  promote: bounded,
  decompose: (t, { self, min, max }) => t.call(clamp, self, min, max),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.clip.html */
export const clipTensor = defineOp("aten::clip.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor", {
  promote: bounded,
  decompose: (t, { self, min, max }) => t.call(clampTensor, self, min, max),
});
