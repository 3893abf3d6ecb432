/**
 * Quantized values as plain integers: what PyTorch's quantization flow writes.
 * https://github.com/pytorch/pytorch/blob/main/torch/ao/quantization/fx/_decomposed.py
 */
import { type Dim, eq, isSym, prod } from "../sym/mod.ts";
import { type DType, isFloat, type Meta, normalizeDim, type Tensor } from "../tensor/mod.ts";
import { convert } from "../tensor/loops.ts";
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { add, mul, sub } from "./binary.ts";
import { clamp } from "./extrema.ts";
import { type Calls, defineOp, type MetaContext } from "./op.ts";
import {
  checkBounds,
  dequantizeKernel,
  dequantizeNode,
  fakeQuantizeKernel,
  fakeQuantizeNode,
  quantizeKernel,
  quantizeNode,
  type Scheme,
} from "./quantization.ts";
import { round } from "./rounding.ts";
import { like, refuse } from "./rules.ts";
import { reciprocal } from "./unary.ts";
import { reshape } from "./view.ts";

/** @throws {TypeError} for what is not quantized from single precision */
function requireSingle({ dtype }: Meta): void {
  if (dtype !== "float32" && dtype !== "float16" && dtype !== "bfloat16") {
    throw new TypeError(`Elements to quantize must be float32, float16 or bfloat16, met ${dtype}`);
  }
}

function requireOne(name: string, { shape }: Meta): void {
  if (eq(prod(shape), 1) === false) {
    throw new RangeError(`Argument ${name} must have one element, met [${shape.join(", ")}]`);
  }
}

interface ByTensor<T> {
  readonly input: T;
  readonly scale: T;
  readonly zero_point: T;
  readonly dtype: DType;
}

/** The scheme that one scale and one zero point make. */
function wholeScheme(b: OnnxBuilder, { scale, zero_point }: ByTensor<OnnxValue>): Scheme<OnnxValue> {
  return { scale: b.reshape(scale, []), zero: b.reshape(zero_point, []), axis: null };
}

function checkQuantize(args: ByTensor<Meta>): Meta {
  requireSingle(args.input);
  requireOne("scale", args.scale);
  requireOne("zero_point", args.zero_point);
  return like(args.input, args.dtype);
}

/** Checks arguments of dequantization; gives the dtype of the result. */
function checkDequantize(input: Meta, dtype: DType, out_dtype: DType | null): DType {
  if (input.dtype !== dtype) throw new TypeError(`Quantized elements must be ${dtype} as said, met ${input.dtype}`);
  const out = out_dtype ?? "float32";
  if (!isFloat(out) || out === "float64") refuse("out_dtype", out, "it must be float32, float16 or bfloat16");
  return out;
}

/** https://docs.pytorch.org/docs/stable/quantization.html: one scale, in a tensor. */
export const quantizePerTensorTensor = defineOp(
  "quantized_decomposed::quantize_per_tensor.tensor(Tensor input, Tensor scale, Tensor zero_point, int quant_min, int quant_max, ScalarType dtype) -> Tensor",
  {
    meta: (_, args) => {
      checkBounds(args.dtype, args.quant_min, args.quant_max);
      return checkQuantize(args);
    },
    kernel: ({ input, scale, zero_point, quant_min, quant_max, dtype }) =>
      quantizeKernel(input, { scale, zero: zero_point, axis: null }, quant_min, quant_max, dtype),
    onnx: (b, args) => {
      const { quant_min, quant_max, dtype } = args;
      return quantizeNode(b, b.cast(args.input, "float32"), wholeScheme(b, args), quant_min, quant_max, dtype);
    },
  },
);

/** The same with numbers. */
export const quantizePerTensor = defineOp(
  "quantized_decomposed::quantize_per_tensor(Tensor input, float scale, int zero_point, int quant_min, int quant_max, ScalarType dtype) -> Tensor",
  {
    decompose: (t, { input, scale, zero_point, quant_min, quant_max, dtype }) => {
      const [by, zero] = [t.full([], scale, "float64"), t.full([], BigInt(zero_point), "int64")];
      return t.call(quantizePerTensorTensor, input, by, zero, quant_min, quant_max, dtype);
    },
  },
);

/** The same with bounds in tensors. */
export const quantizePerTensorTensor2 = defineOp(
  "quantized_decomposed::quantize_per_tensor.tensor2(Tensor input, Tensor scale, Tensor zero_point, Tensor quant_min, Tensor quant_max, ScalarType dtype) -> Tensor",
  {
    meta: (_, args) => {
      checkBounds(args.dtype, 0, 0);
      requireOne("quant_min", args.quant_min);
      requireOne("quant_max", args.quant_max);
      return checkQuantize(args);
    },
    kernel: ({ input, scale, zero_point, quant_min, quant_max, dtype }) => {
      const [min, max] = [quant_min, quant_max].map((x) => Number(x.data()[0]));
      return quantizeKernel(input, { scale, zero: zero_point, axis: null }, min, max, dtype);
    },
    onnx: (b, args) => {
      const { quant_min, quant_max, dtype } = args;
      return quantizeNode(b, b.cast(args.input, "float32"), wholeScheme(b, args), quant_min, quant_max, dtype);
    },
  },
);

interface DequantizeArgs<T> extends ByTensor<T> {
  readonly out_dtype: DType | null;
}

/** The bounds only tell what the elements can be. */
const DEQUANTIZE = {
  meta: (_: MetaContext, { input, scale, zero_point, dtype, out_dtype }: DequantizeArgs<Meta>): Meta => {
    requireOne("scale", scale);
    requireOne("zero_point", zero_point);
    return like(input, checkDequantize(input, dtype, out_dtype));
  },
  kernel: ({ input, scale, zero_point, out_dtype }: DequantizeArgs<Tensor>): Tensor =>
    convert(dequantizeKernel(input, { scale, zero: zero_point, axis: null }), out_dtype ?? "float32"),
  onnx: (b: OnnxBuilder, args: DequantizeArgs<OnnxValue>): OnnxValue =>
    b.cast(dequantizeNode(b, args.input, wholeScheme(b, args)), args.out_dtype ?? "float32"),
};

/** The inverse of quantization, but for what rounding lost. */
export const dequantizePerTensorTensor = defineOp(
  "quantized_decomposed::dequantize_per_tensor.tensor(Tensor input, Tensor scale, Tensor zero_point, int quant_min, int quant_max, ScalarType dtype, *, ScalarType? out_dtype=None) -> Tensor",
  DEQUANTIZE,
);

/** The same with bounds in tensors. */
export const dequantizePerTensorTensor2 = defineOp(
  "quantized_decomposed::dequantize_per_tensor.tensor2(Tensor input, Tensor scale, Tensor zero_point, Tensor quant_min, Tensor quant_max, ScalarType dtype, *, ScalarType? out_dtype=None) -> Tensor",
  DEQUANTIZE,
);

/** The same with numbers. */
export const dequantizePerTensor = defineOp(
  "quantized_decomposed::dequantize_per_tensor(Tensor input, float scale, int zero_point, int quant_min, int quant_max, ScalarType dtype, *, ScalarType? out_dtype=None) -> Tensor",
  {
    decompose: (t, { input, scale, zero_point, quant_min, quant_max, dtype, out_dtype }) => {
      const [by, zero] = [t.full([], scale, "float64"), t.full([], BigInt(zero_point), "int64")];
      return t.call(dequantizePerTensorTensor, input, by, zero, quant_min, quant_max, dtype, out_dtype);
    },
  },
);

/** Scales and zero points along a dim. */
function channelScheme<T>(scales: T, zero: T | null, axis: number, rank: number): Scheme<T> {
  return { scale: scales, zero, axis: normalizeDim(axis, rank) };
}

function checkChannels(input: Meta, scales: Meta, zero: Meta | null, axis: number): void {
  const size = input.shape[normalizeDim(axis, input.shape.length)];
  for (const values of [scales, zero]) {
    if (values && (values.shape.length !== 1 || eq(values.shape[0], size) === false)) {
      throw new RangeError(`One value for each of ${size} channels is needed, met [${values.shape.join(", ")}]`);
    }
  }
}

/** A scale for each index of a dim. */
export const quantizePerChannel = defineOp(
  "quantized_decomposed::quantize_per_channel(Tensor input, Tensor scales, Tensor zero_points, int axis, int quant_min, int quant_max, ScalarType dtype) -> Tensor",
  {
    meta: (_, { input, scales, zero_points, axis, quant_min, quant_max, dtype }) => {
      requireSingle(input);
      checkBounds(dtype, quant_min, quant_max);
      checkChannels(input, scales, zero_points, axis);
      return like(input, dtype);
    },
    kernel: ({ input, scales, zero_points, axis, quant_min, quant_max, dtype }) => {
      const scheme = channelScheme(scales, zero_points, axis, input.shape.length);
      return quantizeKernel(input, scheme, quant_min, quant_max, dtype);
    },
    onnx: (b, { input, scales, zero_points, axis, quant_min, quant_max, dtype }) => {
      const scheme = channelScheme(scales, zero_points, axis, b.meta(input).shape.length);
      return quantizeNode(b, b.cast(input, "float32"), scheme, quant_min, quant_max, dtype);
    },
  },
);

/** The inverse of `quantize_per_channel`. The bounds only tell what the elements can be. */
export const dequantizePerChannel = defineOp(
  "quantized_decomposed::dequantize_per_channel(Tensor input, Tensor scales, Tensor? zero_points, int axis, int quant_min, int quant_max, ScalarType dtype, *, ScalarType? out_dtype=None) -> Tensor",
  {
    meta: (_, { input, scales, zero_points, axis, dtype, out_dtype }) => {
      checkChannels(input, scales, zero_points, axis);
      return like(input, checkDequantize(input, dtype, out_dtype));
    },
    kernel: ({ input, scales, zero_points, axis, out_dtype }) => {
      const scheme = channelScheme(scales, zero_points, axis, input.shape.length);
      return convert(dequantizeKernel(input, scheme), out_dtype ?? "float32");
    },
    onnx: (b, { input, scales, zero_points, axis, out_dtype }) => {
      const scheme = channelScheme(scales, zero_points, axis, b.meta(input).shape.length);
      return b.cast(dequantizeNode(b, input, scheme), out_dtype ?? "float32");
    },
  },
);

/** Both, in float32 throughout. */
export const fakeQuantPerChannel = defineOp(
  "quantized_decomposed::fake_quant_per_channel(Tensor input, Tensor scales, Tensor zero_points, int axis, int quant_min, int quant_max) -> Tensor",
  {
    meta: (_, { input, scales, zero_points, axis }) => {
      if (input.dtype !== "float32") throw new TypeError(`Elements to quantize must be float32, met ${input.dtype}`);
      checkChannels(input, scales, zero_points, axis);
      return like(input);
    },
    kernel: ({ input, scales, zero_points, axis, quant_min, quant_max }) => {
      const scheme = channelScheme(convert(scales, "float32"), zero_points, axis, input.shape.length);
      return fakeQuantizeKernel(input, scheme, quant_min, quant_max)[0];
    },
    onnx: (b, { input, scales, zero_points, axis, quant_min, quant_max }) => {
      const scheme = channelScheme(scales, zero_points, axis, b.meta(input).shape.length);
      return fakeQuantizeNode(b, input, scheme, quant_min, quant_max);
    },
  },
);

interface Rows<T> {
  readonly input: T;
  readonly scales: T;
  readonly zero_points: T | null;
}

/** Rows quantized: the zero point is added before rounding here. */
function quantizeRows<T extends object>(t: Calls<T>, rows: Rows<T>, min: number, max: number, dtype: DType): T {
  checkBounds(dtype, min, max);
  const scaled = t.call(mul, rows.input, t.call(reciprocal, rows.scales));
  const moved = rows.zero_points ? t.call(add, scaled, rows.zero_points) : scaled;
  return t.cast(t.call(clamp, t.call(round, moved), BigInt(min), BigInt(max)), dtype);
}

function dequantizeRows<T extends object>(t: Calls<T>, { input, scales, zero_points }: Rows<T>, dtype: DType): T {
  const moved = zero_points ? t.call(sub, input, zero_points) : input;
  return t.cast(t.call(mul, moved, scales), dtype);
}

/** A scale for each row. */
export const quantizePerToken = defineOp(
  "quantized_decomposed::quantize_per_token(Tensor input, Tensor scales, Tensor zero_points, int quant_min, int quant_max, ScalarType dtype) -> Tensor",
  { decompose: (t, args) => quantizeRows(t, args, args.quant_min, args.quant_max, args.dtype) },
);

/** The inverse of `quantize_per_token`. The bounds and `dtype` only tell what the elements can be. */
export const dequantizePerToken = defineOp(
  "quantized_decomposed::dequantize_per_token(Tensor input, Tensor scales, Tensor zero_points, int quant_min, int quant_max, ScalarType dtype, ScalarType output_dtype) -> Tensor",
  { decompose: (t, args) => dequantizeRows(t, args, args.output_dtype) },
);

/** The size of a group along the last dim of a matrix. */
function groupOf(input: Meta, scales: Meta, group_size: number): number {
  if (input.shape.length !== 2) {
    throw new RangeError(`A matrix is quantized by groups, met ${input.shape.length} dimensions`);
  }
  if (group_size <= 1) refuse("group_size", group_size, "it must be more than 1");
  const size: Dim = input.shape[1];
  if (isSym(size)) refuse("group_size", group_size, `rows of ${size} elements can't be parted`);
  const group = group_size > size && scales.shape.at(-1) === 1 ? size : group_size;
  if (size % group !== 0) refuse("group_size", group_size, `it does not divide rows of ${size} elements`);
  return group;
}

/** Arguments as rows of one group each. */
function grouped<T extends object>(t: Calls<T>, { input, scales, zero_points }: Rows<T>, group: number): Rows<T> {
  return {
    input: t.call(reshape, input, [-1, group]),
    scales: t.call(reshape, scales, [-1, 1]),
    zero_points: zero_points && t.call(reshape, zero_points, [-1, 1]),
  };
}

/** A scale for each group of elements of a row. */
export const quantizePerChannelGroup = defineOp(
  "quantized_decomposed::quantize_per_channel_group(Tensor input, Tensor scales, Tensor zero_points, int quant_min, int quant_max, ScalarType dtype, int group_size) -> Tensor",
  {
    decompose: (t, args) => {
      const group = groupOf(t.meta(args.input), t.meta(args.scales), args.group_size);
      const rows = quantizeRows(t, grouped(t, args, group), args.quant_min, args.quant_max, args.dtype);
      return t.call(reshape, rows, t.meta(args.input).shape);
    },
  },
);

/** The inverse of `quantize_per_channel_group`. The bounds and `dtype` only tell what the elements can be. */
export const dequantizePerChannelGroup = defineOp(
  "quantized_decomposed::dequantize_per_channel_group(Tensor input, Tensor scales, Tensor? zero_points, int quant_min, int quant_max, ScalarType dtype, int group_size, ScalarType output_dtype) -> Tensor",
  {
    decompose: (t, args) => {
      const group = groupOf(t.meta(args.input), t.meta(args.scales), args.group_size);
      const rows = dequantizeRows(t, grouped(t, args, group), args.output_dtype);
      return t.call(reshape, rows, t.meta(args.input).shape);
    },
  },
);

/** Another dtype, which passes must not join with what is around. */
export const convertElementType = defineOp(
  "quantized_decomposed::convert_element_type.no_fuse(Tensor input, ScalarType dtype) -> Tensor",
  { decompose: (t, { input, dtype }) => t.cast(input, dtype) },
);
