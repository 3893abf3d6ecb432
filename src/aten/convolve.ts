/**
 * The ONNX form of convolutions; the records are in `convolution.ts`. Runtimes convolve single precision only: float64 and
 * integers are composed of windows and a matrix product, transposed ones of zeros between the elements and a convolution,
 * and so is a symbolic number of groups.
 * Three dims are composed of two where they are transposed or in groups, which WebGPU has no kernel for.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { AttributeInput, OnnxValue } from "../onnx/model.ts";
import { add, type Dim, eq, floorDiv, isSym, lt, mod, mul, prod, sub } from "../sym/mod.ts";
import type { Meta } from "../tensor/mod.ts";
import { computeIn, floatKernelDType, productDType } from "./precision.ts";
import {
  refuse,
  requireElements,
  requireEqual,
  requireFrom,
  requireMultiple,
  requireRank,
  requireSameDType,
  requireShape,
} from "./rules.ts";
import {
  extentOf,
  gatherOffsets,
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
export interface Convolution<Groups extends Dim = Dim> {
  readonly rank: number;
  readonly stride: readonly number[];
  /** Padding before and after each dim. */
  readonly pads: readonly (readonly [number, number])[];
  readonly dilation: readonly number[];
  /** How many; symbolic where a batch was made channels, for weights that each of its elements has of its own. */
  readonly groups: Groups;
  readonly transposed: boolean;
  /** Whether a node before pads to keep the size, for a kernel whose size is not known: `pads` are zeros then. */
  readonly isSame: boolean;
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
  const stride = perDim("stride", args.stride, rank);
  const dilation = perDim("dilation", args.dilation, rank);
  return {
    rank,
    stride,
    dilation,
    groups: args.groups,
    pads: typeof args.padding === "string"
      ? namedPads(args.padding, stride, dilation, weight.shape.slice(2))
      : perDim("padding", args.padding, rank).map((p) => [p, p] as const),
    transposed: args.transposed ?? false,
    isSame: args.padding === "same" && weight.shape.slice(2).some(isSym),
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
  if (kernel.some(isSym)) return kernel.map(() => [0, 0]);
  return (kernel as number[]).map((k, i) => {
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
  if (c.isSame) return [...sizes];
  return sizes.map((size, i) => {
    const [stride, [before, after], dilation] = [c.stride[i], c.pads[i], c.dilation[i]];
    const [k, pads] = [kernel[i], before + after];
    if (!c.transposed && !isSym(k)) return windowCount(size, { kernel: k, stride, pads: [before, after], dilation });
    const extent = add(mul(dilation, sub(k, 1)), 1);
    return c.transposed
      ? sub(add(mul(sub(size, 1), stride), extent), pads - c.outputPadding[i])
      : add(floorDiv(sub(add(size, pads), extent), stride), 1);
  });
}

/** dtype and shape of the result. */
export function convolutionMeta(input: Meta, weight: Meta, bias: Meta | null, args: ConvolutionArgs): Meta {
  const c = settings(weight, args);
  requireRank("input", input, c.rank + 1, c.rank + 2);
  requireFrom("stride", c.stride, 1);
  requireFrom("padding", c.pads.map(([before]) => before), 0);
  requireFrom("dilation", c.dilation, 1);
  requireFrom("groups", [c.groups], 1);
  requireFrom("output_padding", c.outputPadding, 0);
  const over = c.outputPadding.find((n, i) => n >= Math.max(c.stride[i], c.dilation[i], 1));
  if (c.transposed && over !== undefined) {
    refuse("output_padding", over, "it must be smaller than the stride or the dilation");
  }
  requireElements("weight", weight, 2);
  const channels = c.transposed ? mul(weight.shape[1], c.groups) : weight.shape[0];
  const lead = input.shape.length - c.rank - 1;
  const taken = c.transposed ? weight.shape[0] : mul(weight.shape[1], c.groups);
  requireEqual("The channels of input and those that weight takes", input.shape[lead], taken);
  requireMultiple("The first size of weight", weight.shape[0], c.groups);
  requireShape("bias", bias, [channels]);
  requireSameDType({ input, weight, bias });
  const sizes = outputSizes(c, input.shape.slice(-c.rank), weight.shape.slice(2));
  const none = sizes.findIndex((size) => lt(size, 1) === true);
  if (none >= 0) throw new RangeError(`A size of ${input.shape[lead + 1 + none]} is too small for this convolution`);
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
  const [y] = withBatch(b, input, c.rank, (given) => {
    const x = c.isSame ? keptSize(b, given, c, b.meta(weight).shape.slice(2)) : given;
    if (!hasFloatKernel(dtype) || !hasConstantGroups(c)) {
      return [
        computeIn(b, productDType(dtype), [x, weight, bias], (x, w, bias) => {
          const y = c.transposed ? transposedByProduct(b, x, w, c) : convolvedByProduct(b, x, w, c);
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
          const isKnown = !b.meta(w).shape.slice(2).some(isSym);
          if (isKnown && c.rank === 3 && (c.transposed || c.groups > 1)) return planesConvolved(b, x, w, bias, c);
          return convolvedNode(b, x, w, bias, c);
        },
      ),
    ];
  });
  return y;
}

/** Whether ONNX's nodes, which have the number of groups as an attribute, can say it. */
function hasConstantGroups(c: Convolution): c is Convolution<number> {
  return !isSym(c.groups);
}

/** Pads by what `same` adds; where that is odd, the larger half comes after. */
function keptSize(b: OnnxBuilder, x: OnnxValue, c: Convolution, kernel: readonly Dim[]): OnnxValue {
  const totals = kernel.map((k, i) => mul(c.dilation[i], sub(k, 1)));
  const before = totals.map((total) => floorDiv(total, 2));
  return padNode(b, x, [0, 0, ...before], [0, 0, ...totals.map((total, i) => sub(total, before[i]))]);
}

function withBias(b: OnnxBuilder, y: OnnxValue, bias: OnnxValue | null, rank: number): OnnxValue {
  return bias ? b.op("Add", [y, b.unsqueeze(bias, ...Array.from({ length: rank }, (_, i) => i + 1))]) : y;
}

function attributes(c: Convolution<number>): Readonly<Record<string, AttributeInput>> {
  return {
    auto_pad: "NOTSET",
    dilations: c.dilation,
    group: c.groups,
    pads: [...c.pads.map((p) => p[0]), ...c.pads.map((p) => p[1])],
    strides: c.stride,
  };
}

/** Conv or ConvTranspose. */
function convolvedNode(
  b: OnnxBuilder,
  x: OnnxValue,
  weight: OnnxValue,
  bias: OnnxValue | null,
  c: Convolution<number>,
): OnnxValue {
  if (c.transposed) return transposedNode(b, x, weight, bias, c);
  const zeros = zeroChannels(b.meta(weight).shape, c);
  const none = [0, 0, ...c.stride.map(() => 0)];
  const [more, wider] = [x, weight].map((v) => padNode(b, v, none, [0, zeros, ...c.stride.map(() => 0)]));
  return b.op("Conv", [more, wider, bias], attributes(c));
}

/**
 * How many channels of zeros come after those of the input. WebGPU's kernel gives wrong numbers where they are a multiple of
 * 3 that is neither 3 nor one of 4, and the result's are one of 4; it is not used where each pixel is multiplied by itself.
 */
function zeroChannels([filters, channels, ...kernel]: readonly Dim[], c: Convolution): number {
  const isProduct = kernel.every((k) => k === 1) &&
    [...c.stride, ...c.pads.flat().map((p) => p + 1)].every((n) => n === 1);
  if (c.rank > 2 || c.groups !== 1 || isProduct || isSym(channels) || channels <= 3 || channels % 3 > 0) return 0;
  return isSym(filters) || filters % 4 === 0 ? (4 - channels % 4) % 4 : 0;
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
  c: Convolution<number>,
): OnnxValue {
  const isLong = c.outputPadding.map((n, i) => n >= c.stride[i]);
  const zeros = c.outputPadding.map((n, i) => isLong[i] ? Math.max(0, Math.ceil((n - c.pads[i][1]) / c.stride[i])) : 0);
  const pads = c.pads.map(([before, after], i): [number, number] => {
    return isLong[i] ? [before, after - c.outputPadding[i] + zeros[i] * c.stride[i]] : [before, after];
  });
  const padded = zeros.some((n) => n > 0) ? padNode(b, x, [0, 0, ...zeros.map(() => 0)], [0, 0, ...zeros]) : x;
  const settings = { ...attributes({ ...c, pads }), output_padding: c.outputPadding.map((n, i) => isLong[i] ? 0 : n) };
  const [inputs, perGroup] = b.meta(weight).shape;
  // WebGPU's kernel gives wrong numbers where a group makes one channel of an even number: it gets a second one of zeros.
  if (c.groups === 1 || perGroup !== 1 || eq(mod(inputs, 2 * c.groups), 0) !== true) {
    return b.op("ConvTranspose", [padded, weight, bias], settings);
  }
  const none = [0, 0, ...zeros.map(() => 0)];
  const doubled = padNode(b, weight, none, [0, 1, ...zeros.map(() => 0)]);
  const [first, last] = [b.ints([0]), b.ints([2 * c.groups])];
  const both = b.op("ConvTranspose", [padded, doubled], settings);
  return withBias(b, b.op("Slice", [both, first, last, b.ints([1]), b.ints([2])]), bias, c.rank);
}

/** Windows as `gatherWindows` lays them out, for kernels whose sizes may be symbolic. */
function windowsOf(
  b: OnnxBuilder,
  x: OnnxValue,
  counts: readonly Dim[],
  c: Convolution,
  kernel: readonly Dim[],
): OnnxValue {
  if (!kernel.some(isSym)) return gatherWindows(b, x, counts, slides(c, kernel));
  return kernel.reduce<OnnxValue>((y, size, i) => {
    const starts = b.op("Unsqueeze", [steps(b, counts[i], c.stride[i]), b.ints([1])]);
    return b.op("Gather", [y, b.op("Add", [starts, steps(b, size, c.dilation[i])])], { axis: 2 + 2 * i });
  }, x);
}

/** Windows as columns, times the weights as rows. */
function convolvedByProduct(b: OnnxBuilder, x: OnnxValue, weight: OnnxValue, c: Convolution): OnnxValue {
  const [n, channels, ...sizes] = b.meta(x).shape;
  const [filters, , ...kernel] = b.meta(weight).shape;
  const counts = outputSizes(c, sizes, kernel);
  const padded = padNode(b, x, [0, 0, ...c.pads.map((p) => p[0])], [0, 0, ...c.pads.map((p) => p[1])]);
  const laid = b.transpose(windowsOf(b, padded, counts, c, kernel), windowOrder(2, c.rank, "kernels"));
  const groups = c.groups === 1 ? [] : [c.groups];
  const depth = mul(floorDiv(channels, c.groups), prod(kernel));
  const columns = b.reshape(laid, [n, ...groups, depth, prod(counts)]);
  const rows = b.reshape(weight, [...groups, floorDiv(filters, c.groups), depth]);
  return b.reshape(b.op("MatMul", [rows, columns]), [n, filters, ...counts]);
}

/** With zeros after each element along some of the dims: `[…, h, w]` to `[…, h * stride, w * stride]`. */
function spreadOut(b: OnnxBuilder, x: OnnxValue, strides: readonly number[]): OnnxValue {
  if (strides.every((s) => s === 1)) return x;
  const { shape } = b.meta(x);
  const apart = strides.map((s) => s === 1 ? [0] : [0, s - 1]);
  const zeros = padNode(
    b,
    b.reshape(x, shape.flatMap((size, i) => strides[i] === 1 ? [size] : [size, 1])),
    apart.flat().map(() => 0),
    apart.flat(),
  );
  return b.reshape(zeros, shape.map((size, i) => mul(size, strides[i])));
}

/** A transposed convolution as one with the turned weights over an input with zeros between its elements. */
function transposedByProduct(b: OnnxBuilder, x: OnnxValue, weight: OnnxValue, c: Convolution): OnnxValue {
  const [, channels] = b.meta(x).shape;
  const [, perGroup, ...kernel] = b.meta(weight).shape;
  const spread = spreadOut(b, x, [1, 1, ...c.stride]);
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
  const pads = slides(c, kernel).map((slide, i) => turnedPads(slide, c.outputPadding[i]));
  return convolvedByProduct(b, spread, turned, { ...c, transposed: false, stride: c.stride.map(() => 1), pads });
}

/** Padding of an input with zeros between its elements, before and after: what is below zero is cropped. */
function turnedPads(slide: Slide, outputPadding: number): readonly [number, number] {
  const whole = extentOf(slide) - 1;
  // The zeros after the last element are padding already.
  return [whole - slide.pads[0], whole - slide.pads[1] + outputPadding - (slide.stride - 1)];
}

/**
 * A convolution over three dims as one over two: each image has what a window meets along the first dim as channels. WebGPU
 * has no kernel of those that are transposed or in groups.
 */
function planesConvolved(
  b: OnnxBuilder,
  x: OnnxValue,
  weight: OnnxValue,
  bias: OnnxValue | null,
  c: Convolution<number>,
): OnnxValue {
  const [n, channels, ...sizes] = b.meta(x).shape;
  const { shape: [rows, columns, ...kernel] } = b.meta(weight);
  const [filters, area] = [c.transposed ? mul(columns, c.groups) : rows, outputSizes(c, sizes, kernel)];
  const [slide] = slides(c, kernel);
  const [before, after] = c.transposed ? turnedPads(slide, c.outputPadding[0]) : slide.pads;
  const spread = c.transposed ? spreadOut(b, x, [1, 1, slide.stride, 1, 1]) : x;
  const padded = padNode(b, spread, [0, 0, before, 0, 0], [0, 0, after, 0, 0]);
  const stride = c.transposed ? 1 : slide.stride;
  const offsets = Array.from({ length: slide.kernel }, (_, k) => k * slide.dilation);
  const isWhole = slide.kernel === 1 && stride === 1;
  const windows = isWhole
    ? b.unsqueeze(padded, 3)
    : gatherOffsets(b, padded, area[0], stride, c.transposed ? offsets.reverse() : offsets, 2);
  // [n, c, depth, taps, h, w] to [n * depth, c * taps, h, w].
  const images = b.reshape(
    b.transpose(windows, [0, 2, 1, 3, 4, 5]),
    [mul(n, area[0]), mul(channels, slide.kernel), ...sizes.slice(1)],
  );
  const flat: Convolution<number> = {
    ...c,
    rank: 2,
    stride: c.stride.slice(1),
    dilation: c.dilation.slice(1),
    pads: c.pads.slice(1),
    outputPadding: c.outputPadding.slice(1),
  };
  // Weights have the input's channels first where they are transposed, else second: the taps come after those.
  const plane = c.transposed
    ? b.reshape(b.transpose(weight, [0, 2, 1, 3, 4]), [mul(rows, slide.kernel), columns, ...kernel.slice(1)])
    : b.reshape(weight, [rows, mul(columns, slide.kernel), ...kernel.slice(1)]);
  const y = convolvedNode(b, images, plane, bias, flat);
  return b.transpose(b.reshape(y, [n, area[0], filters, ...area.slice(1)]), [0, 2, 1, 3, 4]);
}
