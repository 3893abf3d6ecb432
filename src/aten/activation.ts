/** Activation functions with an ONNX operator of their own, or a short form of simple ones: rectifiers and hard variants. */
import type { Scalar } from "../fx/mod.ts";
import type { OnnxBuilder } from "../onnx/builder.ts";
import { float, type OnnxValue } from "../onnx/model.ts";
import { type Dim, floorDiv, isSym } from "../sym/mod.ts";
import { isFloat, normalizeDim, Tensor } from "../tensor/mod.ts";
import { mapBinary } from "../tensor/loops.ts";
import { mul } from "./binary.ts";
import { leScalar } from "./compare.ts";
import { uniform } from "./distributions.ts";
import { clamp } from "./extrema.ts";
import { choose, constantLike, emit, emitTest, FLOATS, type Native, NUMBERS, ORDERED, SINGLE } from "./emit.ts";
import { type Calls, defineOp } from "./op.ts";
import { computeIn, floatKernelDType } from "./precision.ts";
import {
  broadcastInto,
  element,
  like,
  refuse,
  requireEqual,
  requireRank,
  requireRankFrom,
  requireReal,
  sameAsSelf,
  unary,
} from "./rules.ts";
import { where } from "./where.ts";

const RELU: Native = ["float32", "float64", "int8", "int32"];

/** A number that an ONNX attribute can hold: not a symbolic or complex one. */
export function numberOf(argument: string, value: Scalar): number {
  if (isSym(value) || typeof value === "object") refuse(argument, value, "it must be a real constant");
  return Number(value);
}

/** Whether the value lies above a constant. */
function above(b: OnnxBuilder, x: OnnxValue, limit: number): OnnxValue {
  return emitTest(b, NUMBERS, "Greater", [x, constantLike(b, x, limit)]);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.relu.html */
export const relu = defineOp("aten::relu(Tensor self) -> Tensor", {
  meta: sameAsSelf,
  kernel: ({ self }) => {
    if (self.dtype === "bool") throw new TypeError("relu takes no bool tensor");
    const zero = element(0n, self.dtype);
    return unary((x) => x < 0 ? zero : x)({ self });
  },
  onnx: (b, { self }) => {
    const { dtype } = b.meta(self);
    if (dtype === "bool") throw new TypeError("relu takes no bool tensor");
    if (dtype.startsWith("uint")) return self;
    return dtype === "int64" ? emit(b, ORDERED, "Max", [self, b.scalar(0n, dtype)]) : emit(b, RELU, "Relu", [self]);
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.relu6.html */
export const relu6 = defineOp("aten::relu6(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(hardtanh, self, 0n, 6n),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.hardtanh.html */
export const hardtanh = defineOp("aten::hardtanh(Tensor self, Scalar min_val=-1, Scalar max_val=1) -> Tensor", {
  meta: sameAsSelf,
  decompose: (t, { self, min_val, max_val }) => {
    // The result keeps the dtype, whatever the kind of the bounds.
    const { dtype } = t.meta(self);
    const bound = (name: string, value: Scalar): Scalar =>
      isFloat(dtype) ? value : BigInt(Math.trunc(numberOf(name, value)));
    return t.call(clamp, self, bound("min_val", min_val), bound("max_val", max_val));
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.leaky_relu.html */
export const leakyRelu = defineOp("aten::leaky_relu(Tensor self, Scalar negative_slope=0.01) -> Tensor", {
  meta: sameAsSelf,
  kernel: ({ self, negative_slope }) => {
    const slope = element(negative_slope, self.dtype);
    return unary((x) => x > 0 ? x : x * slope)({ self });
  },
  onnx: (b, { self, negative_slope }) => {
    const { dtype } = b.meta(self);
    if (dtype !== "float64" && !isSym(negative_slope)) {
      return emit(b, SINGLE, "LeakyRelu", [self], { alpha: float(numberOf("negative_slope", negative_slope)) });
    }
    const scaled = emit(b, NUMBERS, "Mul", [self, b.scalar(negative_slope, dtype)]);
    return choose(b, above(b, self, 0), self, scaled);
  },
});

/** In evaluation the slope is the middle of its range, in training it is drawn for each element: https://docs.pytorch.org/docs/stable/generated/torch.nn.RReLU.html */
export const rrelu = defineOp(
  "aten::rrelu(Tensor self, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor",
  {
    meta: sameAsSelf,
    random: ({ training }) => training,
    decompose: (t, { self, lower, upper, training }) => {
      if (training) {
        const slope = t.call(uniform, self, numberOf("lower", lower), numberOf("upper", upper));
        return t.call(where, t.call(leScalar, self, 0n), t.call(mul, self, slope), self);
      }
      return t.call(leakyRelu, self, (numberOf("lower", lower) + numberOf("upper", upper)) / 2);
    },
  },
);

interface Noisy<T> {
  readonly self: T;
  readonly noise: T;
  readonly lower: Scalar;
  readonly upper: Scalar;
  readonly training: boolean;
}

/** What `rrelu` gives, and the slopes that it drew: 1 where the element is positive. In evaluation the noise stays. */
function withNoise<T extends object>(t: Calls<T>, { self, noise, lower, upper, training }: Noisy<T>): [T, T] {
  if (!training) return [t.call(rrelu, self, lower, upper, false), noise];
  const slope = t.call(uniform, self, numberOf("lower", lower), numberOf("upper", upper));
  const one = t.full([], 1, t.meta(self).dtype);
  const drawn = t.call(where, t.call(leScalar, self, 0n), slope, one);
  return [t.call(mul, self, drawn), drawn];
}

/** `rrelu` with the slopes as a second result. */
export const rreluWithNoiseFunctional = defineOp(
  "aten::rrelu_with_noise_functional(Tensor self, Tensor noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> (Tensor, Tensor noise_out)",
  {
    random: ({ training }) => training,
    decompose: (t, args) => withNoise(t, args),
  },
);

/** `rrelu` that writes the slopes to a tensor. */
export const rreluWithNoise = defineOp(
  "aten::rrelu_with_noise(Tensor self, Tensor(b!) noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor",
  {
    random: ({ training }) => training,
    decompose: (t, args) => withNoise(t, args)[0],
    writes: {
      args: ["noise"],
      when: ({ training }) => training === true,
      functional: (t, { self, noise, lower, upper, training }) =>
        t.call(rreluWithNoiseFunctional, self, noise, lower, upper, training),
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.threshold.html */
export const threshold = defineOp("aten::threshold(Tensor self, Scalar threshold, Scalar value) -> Tensor", {
  meta: sameAsSelf,
  kernel: ({ self, threshold, value }) => {
    const [limit, other] = [element(threshold, self.dtype), element(value, self.dtype)];
    return unary((x) => x <= limit ? other : x)({ self });
  },
  onnx: (b, { self, threshold, value }) => {
    const { dtype } = b.meta(self);
    const low = emitTest(b, NUMBERS, "LessOrEqual", [self, b.scalar(threshold, dtype)]);
    return choose(b, low, b.scalar(value, dtype), self);
  },
});

/** The weight of channel dim 1, or of all elements, as a shape that broadcasts to `self`. */
function channelShape<D extends Dim>(rank: number, count: D): (D | 1)[] {
  return rank === 0 ? [] : [count, ...new Array<1>(Math.max(rank - 2, 0)).fill(1)];
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.prelu.html */
export const prelu = defineOp("aten::prelu(Tensor self, Tensor weight) -> Tensor", {
  meta: (_, { self, weight }) => {
    requireRank("weight", weight, 0, 1);
    const count = weight.shape[0] ?? 1;
    if (count !== 1) {
      requireRankFrom("self", self, 1);
      requireEqual("The numbers of slopes and of channels", count, self.shape.length === 1 ? 1 : self.shape[1]);
    }
    return like(self);
  },
  kernel: ({ self, weight }) => {
    return preluTensor(self, weight.reshape(channelShape(self.shape.length, weight.numel)));
  },
  onnx: (b, { self, weight }) => {
    const [x, w] = [b.meta(self).shape, b.meta(weight).shape];
    const count = w.length === 0 ? 1 : w[0];
    // One slope for all elements needs no dim per dim.
    const shape = count === 1 && x.length > 0 ? [1] : channelShape(x.length, count);
    return emitPrelu(b, self, b.reshape(weight, shape));
  },
});

function preluTensor(self: Tensor, slope: Tensor): Tensor {
  requireReal(self.dtype);
  return mapBinary(self, slope, self.dtype, (x, w) => x > 0 ? x : x * w);
}

function emitPrelu(b: OnnxBuilder, self: OnnxValue, slope: OnnxValue): OnnxValue {
  if (b.meta(self).dtype !== "float64") return emit(b, SINGLE, "PRelu", [self, slope]);
  return choose(b, above(b, self, 0), self, emit(b, NUMBERS, "Mul", [self, slope]));
}

/** What `prelu` decomposes to; the weight broadcasts as it is. */
export const preluKernel = defineOp("aten::_prelu_kernel(Tensor self, Tensor weight) -> Tensor", {
  meta: (_, { self, weight }) => {
    broadcastInto("weight", weight.shape, self.shape);
    return like(self);
  },
  kernel: ({ self, weight }) => preluTensor(self, weight),
  onnx: (b, { self, weight }) => emitPrelu(b, self, weight),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.hardshrink.html */
export const hardshrink = defineOp("aten::hardshrink(Tensor self, Scalar lambd=0.5) -> Tensor", {
  meta: sameAsSelf,
  kernel: ({ self, lambd }) => {
    const limit = element(lambd, self.dtype);
    return unary((x) => x >= -limit && x <= limit ? 0 : x)({ self });
  },
  onnx: (b, { self, lambd }) => {
    const { dtype } = b.meta(self);
    const small = emitTest(b, NUMBERS, "LessOrEqual", [emit(b, NUMBERS, "Abs", [self]), b.scalar(lambd, dtype)]);
    return choose(b, small, b.scalar(0, dtype), self);
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.softshrink.html */
export const softshrink = defineOp("aten::softshrink(Tensor self, Scalar lambd=0.5) -> Tensor", {
  meta: sameAsSelf,
  kernel: ({ self, lambd }) => {
    const limit = element(lambd, self.dtype);
    return unary((x) => x > limit ? x - limit : x < -limit ? x + limit : x * 0)({ self });
  },
  // What is cut off at ±lambd is taken away.
  onnx: (b, { self, lambd }) => {
    const limit = numberOf("lambd", lambd);
    const cut = emit(b, FLOATS, "Clip", [self, constantLike(b, self, -limit), constantLike(b, self, limit)]);
    return emit(b, NUMBERS, "Sub", [self, cut]);
  },
});

/** `clamp(x + 3, 0, 6)`, the ramp of the hard variants. */
function ramp(x: number): number {
  const y = x + 3;
  return y < 0 ? 0 : y > 6 ? 6 : y;
}

function emitRamp(b: OnnxBuilder, x: OnnxValue): OnnxValue {
  const shifted = emit(b, NUMBERS, "Add", [x, constantLike(b, x, 3)]);
  return emit(b, FLOATS, "Clip", [shifted, constantLike(b, x, 0), constantLike(b, x, 6)]);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.hardsigmoid.html */
export const hardsigmoid = defineOp("aten::hardsigmoid(Tensor self) -> Tensor", {
  meta: sameAsSelf,
  kernel: unary((x) => ramp(x) / 6),
  onnx: (b, { self }) => {
    if (b.meta(self).dtype === "float64") {
      return emit(b, NUMBERS, "Div", [emitRamp(b, self), constantLike(b, self, 6)]);
    }
    return emit(b, SINGLE, "HardSigmoid", [self], { alpha: float(1 / 6), beta: float(0.5) });
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.hardswish.html */
export const hardswish = defineOp("aten::hardswish(Tensor self) -> Tensor", {
  meta: sameAsSelf,
  kernel: unary((x) => x * ramp(x) / 6),
  onnx: (b, { self }) => {
    if (b.meta(self).dtype === "float64") {
      const product = emit(b, NUMBERS, "Mul", [self, emitRamp(b, self)]);
      return emit(b, NUMBERS, "Div", [product, constantLike(b, self, 6)]);
    }
    return emit(b, SINGLE, "HardSwish", [self]);
  },
});

/** @throws {RangeError} when the dim is known to be odd */
function halvedAxis(shape: readonly Dim[], dim: number): number {
  const axis = normalizeDim(dim, shape.length);
  const size = shape[axis];
  if (!isSym(size) && size % 2 !== 0) throw new RangeError(`Cannot halve dim ${dim} of size ${size}: it must be even`);
  return axis;
}

/** One half of a dim, as a view. */
function half(x: Tensor, dim: number, index: 0 | 1): Tensor {
  const size = x.shape[dim] / 2;
  const shape = x.shape.map((n, d) => d === dim ? size : n);
  return new Tensor(x.dtype, shape, x.storage, x.strides, x.offset + index * size * x.strides[dim]);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.glu.html */
export const glu = defineOp("aten::glu(Tensor self, int dim=-1) -> Tensor", {
  meta: (_, { self, dim }) => {
    const axis = halvedAxis(self.shape, dim);
    return { dtype: self.dtype, shape: self.shape.map((d, i) => i === axis ? floorDiv(d, 2) : d) };
  },
  kernel: ({ self, dim }) => {
    requireReal(self.dtype);
    const axis = halvedAxis(self.shape, dim);
    return mapBinary(half(self, axis, 0), half(self, axis, 1), self.dtype, (x, y) => x / (1 + Math.exp(-y)));
  },
  onnx: (b, { self, dim }) => {
    const axis = halvedAxis(b.meta(self).shape, dim);
    return computeIn(b, floatKernelDType(b.meta(self).dtype), [self], (both) => {
      const [x, gate] = b.ops("Split", [both], 2, { axis, num_outputs: 2 });
      return emit(b, NUMBERS, "Mul", [x, emit(b, FLOATS, "Sigmoid", [gate])]);
    });
  },
});
