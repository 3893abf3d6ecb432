/**
 * The ONNX form of convolutions; the records are in `convolution.ts`. Runtimes convolve single precision only: float64 and
 * integers are composed of windows and a matrix product, transposed ones of zeros between the elements and a convolution. For
 * WebGPU, three dims are composed of two where they are transposed or in groups.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { AttributeInput, OnnxValue } from "../onnx/model.ts";
import { type Dim, floorDiv, mul, prod, sub } from "../sym/mod.ts";
import type { Meta } from "../tensor/mod.ts";
import { computeIn, floatKernelDType, productDType } from "./precision.ts";
import { refuse } from "./rules.ts";
import {
  extentOf,
  gatherWindows,
  hasFloatKernel,
  padNode,
  perDim,
  type Slide,
  steps,
  windowCount,
  windowOrder,
  withBatch,
} from "./spatial.ts";

/** A convolution's settings as numbers, one per spatial dim. */
export interface Convolution {
  readonly rank: number;
  readonly stride: readonly number[];
  /** Padding before and after each dim. */
  readonly pads: readonly (readonly [number, number])[];
  readonly dilation: readonly number[];
  readonly groups: number;
  readonly transposed: boolean;
  /** Of a transposed one: elements added after each dim of the result. */
  readonly outputPadding: readonly number[];
}

/** A convolution's arguments, as most schemas name them. */
export interface ConvolutionArgs {
  readonly stride: readonly Dim[];
  readonly padding: readonly Dim[] | string;
  readonly dilation: readonly Dim[];
  readonly groups: Dim;
  readonly transposed?: boolean;
  readonly output_padding?: readonly Dim[];
}

/** The settings that arguments give. */
export function settings(weight: Meta, args: ConvolutionArgs): Convolution {
  const rank = weight.shape.length - 2;
  const [groups] = perDim("groups", [args.groups], 1);
  const stride = perDim("stride", args.stride, rank);
  const dilation = perDim("dilation", args.dilation, rank);
  return {
    rank,
    stride,
    dilation,
    groups,
    pads: typeof args.padding === "string"
      ? namedPads(args.padding, stride, dilation, weight.shape.slice(2))
      : perDim("padding", args.padding, rank).map((p) => [p, p] as const),
    transposed: args.transposed ?? false,
    outputPadding: perDim("output_padding", args.output_padding ?? [0], rank),
  };
}

/** `same` keeps the size; where the padding is odd, the larger half comes after. */
function namedPads(
  name: string,
  stride: readonly number[],
  dilation: readonly number[],
  kernel: readonly Dim[],
): [number, number][] {
  if (name === "valid") return kernel.map(() => [0, 0]);
  if (name !== "same") refuse("padding", name, "it must be 'same' or 'valid'");
  if (stride.some((s) => s !== 1)) refuse("padding", name, "it needs strides of 1");
  return perDim("kernel size", kernel, kernel.length).map((k, i) => {
    const total = dilation[i] * (k - 1);
    return [Math.floor(total / 2), total - Math.floor(total / 2)];
  });
}

function slides(c: Convolution, kernel: readonly Dim[]): Slide[] {
  return perDim("kernel size", kernel, c.rank).map((kernel, i) => ({
    kernel,
    stride: c.stride[i],
    pads: c.pads[i],
    dilation: c.dilation[i],
  }));
}

/** Sizes of the result's spatial dims. */
export function outputSizes(c: Convolution, sizes: readonly Dim[], kernel: readonly Dim[]): Dim[] {
  return slides(c, kernel).map((slide, i) => {
    if (!c.transposed) return windowCount(sizes[i], slide);
    const [before, after] = slide.pads;
    return sub(mul(sub(sizes[i], 1), slide.stride), before + after - extentOf(slide) - c.outputPadding[i]);
  });
}

/** dtype and shape of the result. */
export function convolutionMeta(input: Meta, weight: Meta, args: ConvolutionArgs): Meta {
  const c = settings(weight, args);
  const channels = c.transposed ? mul(weight.shape[1], c.groups) : weight.shape[0];
  const lead = input.shape.length - c.rank - 1;
  const sizes = outputSizes(c, input.shape.slice(-c.rank), weight.shape.slice(2));
  return { dtype: input.dtype, shape: [...input.shape.slice(0, lead), channels, ...sizes] };
}

/** ONNX form. */
export function convolutionNode(
  b: OnnxBuilder,
  input: OnnxValue,
  weight: OnnxValue,
  bias: OnnxValue | null,
  args: ConvolutionArgs,
): OnnxValue {
  const c = settings(b.meta(weight), args);
  const { dtype } = b.meta(input);
  const [y] = withBatch(b, input, c.rank, (x) => {
    if (!hasFloatKernel(dtype)) {
      return [
        computeIn(b, productDType(dtype), [x, weight, bias], (x, w, bias) => {
          const y = c.transposed ? transposedBy(b, x, w, c, convolvedByProduct) : convolvedByProduct(b, x, w, c);
          return withBias(b, y, bias, c.rank);
        }),
      ];
    }
    return [
      computeIn(
        b,
        floatKernelDType(dtype),
        [x, weight, bias],
        (x, w, bias) => {
          if (b.target === "webgpu" && c.rank === 3 && (c.transposed || c.groups > 1)) {
            return c.transposed
              ? withBias(b, transposedBy(b, x, w, c, slicesConvolved), bias, c.rank)
              : withBias(b, slicesConvolved(b, x, w, c), bias, c.rank);
          }
          return c.transposed ? transposedNode(b, x, w, bias, c) : b.op("Conv", [x, w, bias], attributes(c));
        },
      ),
    ];
  });
  return y;
}

function withBias(b: OnnxBuilder, y: OnnxValue, bias: OnnxValue | null, rank: number): OnnxValue {
  return bias ? b.op("Add", [y, b.unsqueeze(bias, ...Array.from({ length: rank }, (_, i) => i + 1))]) : y;
}

function attributes(c: Convolution): Readonly<Record<string, AttributeInput>> {
  return {
    auto_pad: "NOTSET",
    dilations: c.dilation,
    group: c.groups,
    pads: [...c.pads.map((p) => p[0]), ...c.pads.map((p) => p[1])],
    strides: c.stride,
  };
}

/**
 * A transposed convolution. Runtimes refuse an output padding that reaches the stride, as PyTorch allows with dilation: such
 * a one is taken from the padding, and what that lacks comes from zeros after the input, which give a stride each.
 */
function transposedNode(
  b: OnnxBuilder,
  x: OnnxValue,
  weight: OnnxValue,
  bias: OnnxValue | null,
  c: Convolution,
): OnnxValue {
  const isLong = c.outputPadding.map((n, i) => n >= c.stride[i]);
  const zeros = c.outputPadding.map((n, i) => isLong[i] ? Math.max(0, Math.ceil((n - c.pads[i][1]) / c.stride[i])) : 0);
  const pads = c.pads.map(([before, after], i): [number, number] => {
    return isLong[i] ? [before, after - c.outputPadding[i] + zeros[i] * c.stride[i]] : [before, after];
  });
  const padded = zeros.some((n) => n > 0) ? padNode(b, x, [0, 0, ...zeros.map(() => 0)], [0, 0, ...zeros]) : x;
  return b.op("ConvTranspose", [padded, weight, bias], {
    ...attributes({ ...c, pads }),
    output_padding: c.outputPadding.map((n, i) => isLong[i] ? 0 : n),
  });
}

/** Windows as columns, times the weights as rows. */
function convolvedByProduct(b: OnnxBuilder, x: OnnxValue, weight: OnnxValue, c: Convolution): OnnxValue {
  const [n, channels, ...sizes] = b.meta(x).shape;
  const [filters, , ...kernel] = b.meta(weight).shape;
  const windows = slides(c, kernel);
  const counts = outputSizes(c, sizes, kernel);
  const padded = padNode(b, x, [0, 0, ...c.pads.map((p) => p[0])], [0, 0, ...c.pads.map((p) => p[1])]);
  const laid = b.transpose(gatherWindows(b, padded, counts, windows), windowOrder(2, c.rank, "kernels"));
  const groups = c.groups === 1 ? [] : [c.groups];
  const depth = mul(floorDiv(channels, c.groups), prod(kernel));
  const columns = b.reshape(laid, [n, ...groups, depth, prod(counts)]);
  const rows = b.reshape(weight, [...groups, floorDiv(filters, c.groups), depth]);
  return b.reshape(b.op("MatMul", [rows, columns]), [n, filters, ...counts]);
}

/** A convolution with the turned weights over an input with zeros between its elements. */
function transposedBy(
  b: OnnxBuilder,
  x: OnnxValue,
  weight: OnnxValue,
  c: Convolution,
  convolved: typeof convolvedByProduct,
): OnnxValue {
  const [n, channels, ...sizes] = b.meta(x).shape;
  const [, perGroup, ...kernel] = b.meta(weight).shape;
  let spread = x;
  if (c.stride.some((s) => s > 1)) {
    // [n, c, h, w] to [n, c, h, stride, w, stride], of which only the first of each stride is not zero.
    const apart = b.reshape(x, [n, channels, ...sizes.flatMap((size) => [size, 1])]);
    const after = [0, 0, ...c.stride.flatMap((s) => [0, s - 1])];
    spread = b.reshape(padNode(b, apart, after.map(() => 0), after), [
      n,
      channels,
      ...sizes.map((size, i) => mul(size, c.stride[i])),
    ]);
  }
  const windows = slides(c, kernel);
  const pads = windows.map((slide, i) => {
    const whole = extentOf(slide) - 1;
    // The zeros after the last element are padding already.
    return [whole - slide.pads[0], whole - slide.pads[1] + c.outputPadding[i] - (slide.stride - 1)] as const;
  });
  const axes = kernel.map((_, i) => i + 2);
  const flipped = b.op("Slice", [
    weight,
    b.ints(axes.map(() => -1)),
    b.ints(axes.map(() => -Number.MAX_SAFE_INTEGER)),
    b.ints(axes),
    b.ints(axes.map(() => -1)),
  ]);
  flipped.meta = b.meta(weight);
  // [in, out / groups, k] to [out, in / groups, k].
  const [inner, spatial] = [floorDiv(channels, c.groups), kernel.map((_, i) => i + 3)];
  const turned = c.groups === 1 ? b.transpose(flipped, [1, 0, ...axes]) : b.reshape(
    b.transpose(b.reshape(flipped, [c.groups, inner, perGroup, ...kernel]), [0, 2, 1, ...spatial]),
    [mul(perGroup, c.groups), inner, ...kernel],
  );
  return convolved(b, spread, turned, { ...c, transposed: false, stride: c.stride.map(() => 1), pads });
}

/**
 * A convolution over three dims as a sum of convolutions over two: one per element of the kernel's depth, of the slices that
 * it meets. WebGPU's kernel knows no groups over three dims.
 */
function slicesConvolved(b: OnnxBuilder, x: OnnxValue, weight: OnnxValue, c: Convolution): OnnxValue {
  const [n, channels, ...sizes] = b.meta(x).shape;
  const [filters, perGroup, ...kernel] = b.meta(weight).shape;
  const [depth, ...area] = outputSizes(c, sizes, kernel);
  const [taps] = perDim("kernel size", kernel.slice(0, 1), 1);
  // What Conv takes as padding can't be negative, as it is where a transposed convolution is cropped.
  const isCropped = c.pads.some(([before, after]) => before < 0 || after < 0);
  const padded = isCropped ? c.pads : c.pads.map((pads, i) => i === 0 ? pads : [0, 0] as const);
  const zeros = padNode(b, x, [0, 0, ...padded.map((p) => p[0])], [0, 0, ...padded.map((p) => p[1])]);
  const [, , , height, width] = b.meta(zeros).shape;
  const flat: Convolution = {
    ...c,
    rank: 2,
    stride: c.stride.slice(1),
    dilation: c.dilation.slice(1),
    pads: isCropped ? [[0, 0], [0, 0]] : c.pads.slice(1),
  };
  const sums = Array.from({ length: taps }, (_, tap) => {
    // [n, c, depth, h, w] to [n * depth, c, h, w]: each slice is an image.
    const at = b.op("Add", [steps(b, depth, c.stride[0]), b.scalar(BigInt(tap * c.dilation[0]), "int64")]);
    const slices = taps === 1 && c.stride[0] === 1 ? zeros : b.op("Gather", [zeros, at], { axis: 2 });
    const images = b.reshape(b.transpose(slices, [0, 2, 1, 3, 4]), [mul(n, depth), channels, height, width]);
    const plane = b.op("Gather", [weight, b.scalar(BigInt(tap), "int64")], { axis: 2 });
    plane.meta = { dtype: b.meta(weight).dtype, shape: [filters, perGroup, ...kernel.slice(1)] };
    return b.op("Conv", [images, plane], attributes(flat));
  });
  const sum = sums.reduce((y, part) => b.op("Add", [y, part]));
  return b.transpose(b.reshape(sum, [n, depth, filters, ...area]), [0, 2, 1, 3, 4]);
}
