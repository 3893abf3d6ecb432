/**
 * How convolutions are computed; the records are in `convolution.ts`. Runtimes convolve single precision only: float64 and integers are composed of windows and a matrix
 * product, transposed ones of zeros between the elements and a convolution.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { AttributeInput, OnnxValue } from "../onnx/model.ts";
import { type Dim, floorDiv, mul, prod, sub } from "../sym/mod.ts";
import { elementCount, type Meta, newData, Tensor } from "../tensor/mod.ts";
import { convert, matmul as product, permuteDims } from "../tensor/loops.ts";
import { computeIn, floatKernelDType, productDType, widen } from "./precision.ts";
import { refuse } from "./rules.ts";
import {
  extentOf,
  gatherWindows,
  hasFloatKernel,
  padNode,
  perDim,
  type Slide,
  windowCount,
  windowOrder,
  withBatch,
  withBatchKernel,
} from "./spatial.ts";

/** A convolution's settings as numbers, one per spatial dim. */
interface Convolution {
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

function settings(weight: Meta, args: ConvolutionArgs): Convolution {
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
function outputSizes(c: Convolution, sizes: readonly Dim[], kernel: readonly Dim[]): Dim[] {
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
          const y = c.transposed ? transposedByProduct(b, x, w, c) : convolvedByProduct(b, x, w, c);
          return bias ? b.op("Add", [y, b.unsqueeze(bias, ...Array.from({ length: c.rank }, (_, i) => i + 1))]) : y;
        }),
      ];
    }
    return [
      computeIn(
        b,
        floatKernelDType(dtype),
        [x, weight, bias],
        (x, w, bias) => c.transposed ? transposedNode(b, x, w, bias, c) : b.op("Conv", [x, w, bias], attributes(c)),
      ),
    ];
  });
  return y;
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
function transposedByProduct(b: OnnxBuilder, x: OnnxValue, weight: OnnxValue, c: Convolution): OnnxValue {
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
  return convolvedByProduct(b, spread, turned, { ...c, transposed: false, stride: c.stride.map(() => 1), pads });
}

/** The result on concrete tensors. */
export function convolutionKernel(input: Tensor, weight: Tensor, bias: Tensor | null, args: ConvolutionArgs): Tensor {
  const c = settings(weight, args);
  const [y] = withBatchKernel(input, c.rank, (x) => {
    const run = c.transposed ? transposedKernel : convolvedKernel;
    return [convert(run(widen(x), widen(weight), bias && widen(bias), c), input.dtype)];
  });
  return y;
}

/** The product of each group's weights with its windows. */
function convolvedKernel(x: Tensor, weight: Tensor, bias: Tensor | null, c: Convolution): Tensor {
  const [n, channels, ...sizes] = x.shape;
  const [filters, , ...kernel] = weight.shape;
  const counts = outputSizes(c, sizes, kernel) as number[];
  const [inGroup, outGroup] = [channels / c.groups, filters / c.groups];
  const positions = elementCount(counts);
  const depth = inGroup * elementCount(kernel);
  const rows = weight.reshape([c.groups, outGroup, depth]);
  const out = newData(x.dtype, n * filters * positions);
  for (let image = 0; image < n; image++) {
    const patches = newData(x.dtype, c.groups * positions * depth);
    copyPatches(x, image, patches, c, counts, kernel);
    const columns = permuteDims(Tensor.of(x.dtype, [c.groups, positions, depth], patches), [0, 2, 1]);
    (out as Float64Array).set(product(rows, columns).data() as Float64Array, image * filters * positions);
  }
  if (bias) addPerChannel(out as Float64Array, bias.data() as Float64Array, positions);
  return Tensor.of(x.dtype, [n, filters, ...counts], out);
}

/** Windows of one image, `[groups, windows, channels of a group × kernel]`. */
function copyPatches(
  x: Tensor,
  image: number,
  patches: ReturnType<typeof newData>,
  c: Convolution,
  counts: readonly number[],
  kernel: readonly number[],
): void {
  const [, channels, ...sizes] = x.shape;
  const data = x.data();
  const area = elementCount(sizes);
  const inGroup = channels / c.groups;
  const depth = elementCount(kernel);
  // Where each kernel element of each window lies in a channel; -1 in the padding.
  const places = placesOf(sizes, counts, kernel, c);
  const positions = elementCount(counts);
  let at = 0;
  for (let group = 0; group < c.groups; group++) {
    for (let p = 0; p < positions; p++) {
      for (let channel = 0; channel < inGroup; channel++) {
        const base = (image * channels + group * inGroup + channel) * area;
        for (let k = 0; k < depth; k++, at++) {
          const place = places[p * depth + k];
          if (place >= 0) patches[at] = data[base + place];
        }
      }
    }
  }
}

function placesOf(
  sizes: readonly number[],
  counts: readonly number[],
  kernel: readonly number[],
  c: Convolution,
): Int32Array {
  const depth = elementCount(kernel);
  const places = new Int32Array(elementCount(counts) * depth);
  for (let p = 0; p < elementCount(counts); p++) {
    for (let k = 0; k < depth; k++) {
      let [windows, elements, step, place] = [p, k, 1, 0];
      for (let d = sizes.length - 1; d >= 0; d--) {
        const at = (windows % counts[d]) * c.stride[d] - c.pads[d][0] + (elements % kernel[d]) * c.dilation[d];
        if (at < 0 || at >= sizes[d]) place = -Infinity;
        place += at * step;
        step *= sizes[d];
        windows = Math.floor(windows / counts[d]);
        elements = Math.floor(elements / kernel[d]);
      }
      places[p * depth + k] = place === -Infinity ? -1 : place;
    }
  }
  return places;
}

/** Each input element adds its multiple of the kernel to the result. */
function transposedKernel(x: Tensor, weight: Tensor, bias: Tensor | null, c: Convolution): Tensor {
  const [n, channels, ...sizes] = x.shape;
  const [, perGroup, ...kernel] = weight.shape;
  const counts = outputSizes(c, sizes, kernel) as number[];
  const inGroup = channels / c.groups;
  // The same geometry as the convolution from the result back to the input.
  const places = placesOf(counts, sizes, kernel, c);
  const [area, depth, positions] = [elementCount(counts), elementCount(kernel), elementCount(sizes)];
  const filters = perGroup * c.groups;
  const out = newData(x.dtype, n * filters * area) as Float64Array;
  const [data, w] = [x.data() as Float64Array, weight.data() as Float64Array];
  for (let image = 0; image < n; image++) {
    for (let channel = 0; channel < channels; channel++) {
      const group = Math.floor(channel / inGroup);
      for (let filter = 0; filter < perGroup; filter++) {
        const to = (image * filters + group * perGroup + filter) * area;
        const from = (channel * perGroup + filter) * depth;
        for (let p = 0; p < positions; p++) {
          const value = data[(image * channels + channel) * positions + p];
          for (let k = 0; k < depth; k++) {
            const place = places[p * depth + k];
            if (place >= 0) out[to + place] += value * w[from + k];
          }
        }
      }
    }
  }
  if (bias) addPerChannel(out, bias.data() as Float64Array, area);
  return Tensor.of(x.dtype, [n, filters, ...counts], out);
}

function addPerChannel(out: Float64Array, bias: Float64Array, area: number): void {
  for (let i = 0; i < out.length; i++) out[i] += bias[Math.floor(i / area) % bias.length];
}
