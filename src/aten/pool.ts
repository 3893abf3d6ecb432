/** Max and average pooling over sliding windows. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { add, type Dim, isSym, max, prod } from "../sym/mod.ts";
import { type DType, isFloat, largestFinite, type Meta, type Tensor } from "../tensor/mod.ts";
import { convert } from "../tensor/loops.ts";
import { defineOp, type MetaContext } from "./op.ts";
import { averageKernel, type Bins, maximumKernel } from "./pool_kernels.ts";
import { computeIn, floatKernelDType, productDType, widen } from "./precision.ts";
import { refuse, requireElements, requireFrom, requireRank } from "./rules.ts";
import {
  extentOf,
  gatherWindows,
  hasFloatKernel,
  int64s,
  overhang,
  padNode,
  perDim,
  type Slide,
  steps,
  windowCount,
  windowIndices,
  windowOrder,
  withBatch,
  withBatchKernel,
} from "./spatial.ts";

interface PoolArgs {
  readonly kernel_size: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation?: readonly number[];
  readonly ceil_mode: boolean;
}

function slidesOf(rank: number, args: PoolArgs): Slide[] {
  const kernel = perDim("kernel_size", args.kernel_size, rank);
  // No stride means that of the kernel.
  const stride = args.stride.length === 0 ? kernel : perDim("stride", args.stride, rank);
  const padding = perDim("padding", args.padding, rank);
  const dilation = perDim("dilation", args.dilation ?? [1], rank);
  requireFrom("kernel_size", kernel, 1);
  requireFrom("padding", padding, 0);
  requireFrom("dilation", dilation, 1);
  return kernel.map((kernel, i) => {
    // PyTorch takes half of the kernel as it is, whatever the dilation.
    if (padding[i] * 2 > kernel) refuse("padding", padding[i], `it must be at most half of the kernel of ${kernel}`);
    return {
      kernel,
      stride: stride[i],
      pads: [padding[i], padding[i]],
      dilation: dilation[i],
      ceil: args.ceil_mode,
    };
  });
}

function pooledShape(x: Meta, slides: readonly Slide[]): Dim[] {
  const rank = slides.length;
  requireRank("The input of a pooling", x, rank + 1, rank + 2);
  const lead = x.shape.length - rank;
  requireElements("The input of a pooling", x, lead - 1);
  return [...x.shape.slice(0, lead), ...slides.map((slide, i) => windowCount(x.shape[lead + i], slide))];
}

/** Windows as bins of a kernel: the elements inside the input, and how many count for an average. */
function binsOf(size: number, slide: Slide, countPads: boolean): Bins {
  const windows = windowIndices(windowCount(size, slide) as number, slide);
  const [before, after] = slide.pads;
  const [low, high] = countPads ? [-before, size + after] : [0, size];
  return windows.map((window) => ({
    elements: window.filter((i) => i >= 0 && i < size),
    count: window.filter((i) => i >= low && i < high).length,
  }));
}

/** Attributes that all pools share. */
function attributesOf(
  slides: readonly Slide[],
  rest: { readonly dilations: boolean },
): Record<string, number[] | number> {
  return {
    ceil_mode: slides.some((s) => s.ceil) ? 1 : 0,
    ...(rest.dilations ? { dilations: slides.map((s) => s.dilation) } : {}),
    kernel_shape: slides.map((s) => s.kernel),
    pads: [...slides.map((s) => s.pads[0]), ...slides.map((s) => s.pads[1])],
    strides: slides.map((s) => s.stride),
  };
}

/** Padding before each dim, batch and channels included. */
function padsBefore(slides: readonly Slide[]): Dim[] {
  return [0, 0, ...slides.map((s) => s.pads[0])];
}

/** How far the windows reach after each dim. */
function padsAfter(sizes: readonly Dim[], slides: readonly Slide[]): Dim[] {
  const reach = slides.map((slide, i) => {
    const over = overhang(sizes[i], slide);
    return isSym(over) ? max(over, 0) : Math.max(over, 0);
  });
  return [0, 0, ...reach];
}

/** Gives the maximum and, where wanted, its index in the plane of the spatial dims. */
function maxPoolNode(b: OnnxBuilder, self: OnnxValue, rank: number, args: PoolArgs, indices: boolean): OnnxValue[] {
  const slides = slidesOf(rank, args);
  return [
    ...withBatch(b, self, rank, (x) => {
      const y = maxOfWindows(b, x, slides);
      return indices ? [y, indexOfMax(b, x, slides)] : [y];
    }),
  ];
}

function maxOfWindows(b: OnnxBuilder, x: OnnxValue, slides: readonly Slide[]): OnnxValue {
  const { dtype, shape } = b.meta(x);
  if (isFloat(dtype) || dtype === "int8" || dtype === "uint8") {
    const attributes = attributesOf(slides, { dilations: true });
    return computeIn(b, floatKernelDType(dtype), [x], (x) => b.op("MaxPool", [x], attributes));
  }
  const axes = b.ints(slides.map((_, i) => shape.length + i));
  return computeIn(b, comparedIn(dtype), [x], (x) => {
    return b.op("ReduceMax", [laidOut(b, x, slides), axes], { keepdims: 0 });
  });
}

/** The dtype in which elements are padded and compared. */
function comparedIn(dtype: DType): DType {
  return isFloat(dtype) ? floatKernelDType(dtype) : dtype === "int64" ? "int64" : "int32";
}

/** The windows `[n, c, …outs, …kernels]` of an input that is padded below every element. */
function laidOut(b: OnnxBuilder, x: OnnxValue, slides: readonly Slide[]): OnnxValue {
  const { dtype, shape: [, , ...sizes] } = b.meta(x);
  const lowest = isFloat(dtype) ? -Infinity : dtype === "int64" ? -(2n ** 63n) : -(2n ** 31n);
  const padded = padNode(b, x, padsBefore(slides), padsAfter(sizes, slides), b.scalar(lowest, dtype));
  const counts = slides.map((slide, i) => windowCount(sizes[i], slide));
  return b.transpose(gatherWindows(b, padded, counts, slides), windowOrder(2, slides.length, "outs"));
}

/**
 * Where the maximum of each window is in the plane of the spatial dims. MaxPool gives that too, but not on WebGPU; its values
 * are left a node of their own, since programs often drop the indices.
 */
export function indexOfMax(b: OnnxBuilder, x: OnnxValue, slides: readonly Slide[]): OnnxValue {
  const { dtype, shape: [n, c, ...sizes] } = b.meta(x);
  const rank = slides.length;
  const counts = slides.map((slide, i) => windowCount(sizes[i], slide));
  const wide = comparedIn(dtype);
  const typed = b.cast(x, wide);
  // An element of -inf is still above the padding.
  const isPadded = [...padsBefore(slides), ...padsAfter(sizes, slides)].some((n) => n !== 0);
  const lifted = isPadded && isFloat(dtype) ? b.op("Max", [typed, b.scalar(-largestFinite(wide), wide)]) : typed;
  const flat = b.reshape(laidOut(b, lifted, slides), [n, c, ...counts, prod(slides.map((s) => s.kernel))]);
  let position = positionOf(b, flat, 2 + rank);
  // From the position in the window to that in the plane, a dim at a time.
  const places = [...slides.entries()].reverse().map(([i, slide]) => {
    const kernel = b.scalar(BigInt(slide.kernel), "int64");
    const inWindow = b.op("Mul", [b.op("Mod", [position, kernel]), b.scalar(BigInt(slide.dilation), "int64")]);
    position = b.op("Div", [position, kernel]);
    const starts = b.op("Sub", [steps(b, counts[i], slide.stride), b.scalar(BigInt(slide.pads[0]), "int64")]);
    const turned = b.unsqueeze(starts, ...Array.from({ length: rank - 1 - i }, (_, k) => k + 1));
    return b.op("Mul", [b.op("Add", [inWindow, turned]), b.dim(prod(sizes.slice(i + 1)))]);
  });
  return places.reduce((p, q) => b.op("Add", [p, q]));
}
/** The position of the first maximum along a dim; where an export is strict, of the last NaN, as in PyTorch's pools. */
export function positionOf(b: OnnxBuilder, x: OnnxValue, axis: number, keepdims: 0 | 1 = 0): OnnxValue {
  const position = b.op("ArgMax", [x], { axis, keepdims });
  const { dtype } = b.meta(x);
  if (!b.strictNan || !isFloat(dtype)) return position;
  const isNaN = b.cast(b.op("IsNaN", [x]), "int32");
  const seen = b.cast(b.op("ReduceMax", [isNaN, b.ints([axis])], { keepdims }), "bool");
  return b.op("Where", [seen, b.op("ArgMax", [isNaN], { axis, keepdims, select_last_index: 1 }), position]);
}

function maxPoolKernel(self: Tensor, rank: number, args: PoolArgs): Tensor[] {
  const slides = slidesOf(rank, args);
  return withBatchKernel(self, rank, (x) => {
    return maximumKernel(x, slides.map((slide, i) => binsOf(x.shape[2 + i], slide, false)));
  });
}

type MaxPoolArgs<T> = PoolArgs & { readonly self: T };

/** Rules of max pools that give the values only. */
function maxPool(rank: number): {
  meta: (_: MetaContext, args: MaxPoolArgs<Meta>) => Meta;
  kernel: (args: MaxPoolArgs<Tensor>) => Tensor;
  onnx: (b: OnnxBuilder, args: MaxPoolArgs<OnnxValue>) => OnnxValue;
} {
  return {
    meta: (_, args) => ({ dtype: args.self.dtype, shape: pooledShape(args.self, slidesOf(rank, args)) }),
    kernel: (args) => maxPoolKernel(args.self, rank, args)[0],
    onnx: (b, args) => maxPoolNode(b, args.self, rank, args, false)[0],
  };
}

/** Rules of max pools that give values and indices. */
function maxPoolWithIndices(rank: number): {
  meta: (_: MetaContext, args: MaxPoolArgs<Meta>) => [Meta, Meta];
  kernel: (args: MaxPoolArgs<Tensor>) => [Tensor, Tensor];
  onnx: (b: OnnxBuilder, args: MaxPoolArgs<OnnxValue>) => [OnnxValue, OnnxValue];
} {
  return {
    meta: (_, args) => {
      const shape = pooledShape(args.self, slidesOf(rank, args));
      return [{ dtype: args.self.dtype, shape }, { dtype: "int64", shape }];
    },
    kernel: (args) => maxPoolKernel(args.self, rank, args) as [Tensor, Tensor],
    onnx: (b, args) => maxPoolNode(b, args.self, rank, args, true) as [OnnxValue, OnnxValue],
  };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.max_pool1d.html */
export const maxPool1d = defineOp(
  "aten::max_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> Tensor",
  maxPool(1),
);

/** `max_pool1d` and the indices of the maxima. */
export const maxPool1dWithIndices = defineOp(
  "aten::max_pool1d_with_indices(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> (Tensor, Tensor)",
  maxPoolWithIndices(1),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.max_pool2d.html */
export const maxPool2d = defineOp(
  "aten::max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor",
  maxPool(2),
);

/** `max_pool2d` and the indices of the maxima. */
export const maxPool2dWithIndices = defineOp(
  "aten::max_pool2d_with_indices(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)",
  maxPoolWithIndices(2),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.max_pool3d.html */
export const maxPool3d = defineOp(
  "aten::max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor",
  maxPool(3),
);

/** `max_pool3d` and the indices of the maxima. */
export const maxPool3dWithIndices = defineOp(
  "aten::max_pool3d_with_indices(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)",
  maxPoolWithIndices(3),
);

interface AvgPoolArgs extends PoolArgs {
  readonly count_include_pad: boolean;
  readonly divisor_override?: number | null;
}

function avgPoolNode(b: OnnxBuilder, self: OnnxValue, rank: number, args: AvgPoolArgs): OnnxValue {
  const slides = slidesOf(rank, args);
  const { dtype, shape } = b.meta(self);
  const sizes = shape.slice(-rank);
  const [y] = withBatch(b, self, rank, (x) => {
    const padded = slides.some((s) => s.pads[0] > 0);
    const isCounted = padded && args.count_include_pad;
    // A window that would start in the padding after the dim is left out, which a node for the padding hides.
    const isHidden = isCounted && args.ceil_mode && slides.some((s) => extentOf(s) < s.stride + s.pads[1]);
    if (!hasFloatKernel(dtype) || isHidden) {
      return [computeIn(b, productDType(dtype), [x], (x) => averageOfWindows(b, x, slides, args))];
    }
    return [computeIn(b, floatKernelDType(dtype), [x], (x) => {
      const divisor = args.divisor_override ?? null;
      if (divisor !== null) {
        // Averages over whole windows, padded as far as they reach, and scaled to the other divisor.
        const padded = padNode(b, x, padsBefore(slides), padsAfter(sizes, slides));
        const bare = slides.map((s): Slide => ({ ...s, pads: [0, 0], ceil: false }));
        const mean = b.op("AveragePool", [padded], attributesOf(bare, { dilations: false }));
        return b.op("Mul", [mean, b.scalar(prod(slides.map((s) => s.kernel)) as number / divisor, b.meta(x).dtype)]);
      }
      if (isCounted && args.ceil_mode) {
        // Padding counts, but not what windows reach beyond it; with padding of its own the rest is plain.
        const pads = padsBefore(slides);
        const bare = slides.map((s): Slide => ({ ...s, pads: [0, 0] }));
        return b.op("AveragePool", [padNode(b, x, pads, pads)], attributesOf(bare, { dilations: false }));
      }
      return b.op("AveragePool", [x], {
        ...attributesOf(slides, { dilations: false }),
        ...(isCounted ? { count_include_pad: 1 } : {}),
      });
    })];
  });
  return y;
}

/** Sums over laid out windows, divided by how many elements count in each. */
function averageOfWindows(b: OnnxBuilder, x: OnnxValue, slides: readonly Slide[], args: AvgPoolArgs): OnnxValue {
  const { dtype, shape } = b.meta(x);
  const rank = slides.length;
  const sizes = shape.slice(2);
  const counts = slides.map((slide, i) => windowCount(sizes[i], slide));
  const padded = padNode(b, x, padsBefore(slides), padsAfter(sizes, slides));
  const windows = b.transpose(gatherWindows(b, padded, counts, slides), windowOrder(2, rank, "outs"));
  const sums = b.op("ReduceSum", [windows, b.ints(slides.map((_, i) => 2 + rank + i))], { keepdims: 0 });
  if (args.divisor_override) return b.op("Div", [sums, b.scalar(BigInt(args.divisor_override), dtype)]);
  return slides.map((slide, i): OnnxValue => {
    const counted = countsNode(b, sizes[i], counts[i], slide, args.count_include_pad);
    return b.cast(b.unsqueeze(counted, ...Array.from({ length: rank - 1 - i }, (_, k) => k + 1)), dtype);
  }).reduce((y, counted, i, all) => {
    // One product of the counts, so that integers are divided once.
    const product = i === 0 ? counted : b.op("Mul", [y, counted]);
    return i === all.length - 1 ? b.op("Div", [sums, product]) : product;
  }, sums);
}

/** How many elements count in each window along one dim. */
function countsNode(b: OnnxBuilder, size: Dim, count: Dim, slide: Slide, countPads: boolean): OnnxValue {
  if (!isSym(size)) return int64s(b, binsOf(size, slide, countPads).map((bin) => bin.count));
  const pad = slide.pads[0];
  const [low, high] = countPads ? [-pad, add(size, pad)] : [0, size];
  const starts = b.op("Sub", [steps(b, count, slide.stride), b.dim(pad)]);
  const ends = b.op("Add", [starts, b.dim(extentOf(slide))]);
  return b.op("Sub", [b.op("Min", [ends, b.dim(high)]), b.op("Max", [starts, b.dim(low)])]);
}

function avgPoolKernel(self: Tensor, rank: number, args: AvgPoolArgs): Tensor {
  const slides = slidesOf(rank, args);
  const [y] = withBatchKernel(self, rank, (x) => {
    const bins = slides.map((slide, i) => binsOf(x.shape[2 + i], slide, args.count_include_pad));
    return [convert(averageKernel(widen(x), bins, args.divisor_override ?? null), self.dtype)];
  });
  return y;
}

type AvgArgs<T> = AvgPoolArgs & { readonly self: T };

function avgPool(rank: number): {
  meta: (_: MetaContext, args: AvgArgs<Meta>) => Meta;
  kernel: (args: AvgArgs<Tensor>) => Tensor;
  onnx: (b: OnnxBuilder, args: AvgArgs<OnnxValue>) => OnnxValue;
} {
  return {
    meta: (_, args) => {
      if (args.divisor_override === 0) refuse("divisor_override", 0, "nothing is divided by it");
      return { dtype: args.self.dtype, shape: pooledShape(args.self, slidesOf(rank, args)) };
    },
    kernel: (args) => avgPoolKernel(args.self, rank, args),
    onnx: (b, args) => avgPoolNode(b, args.self, rank, args),
  };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.avg_pool1d.html */
export const avgPool1d = defineOp(
  "aten::avg_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], bool ceil_mode=False, bool count_include_pad=True) -> Tensor",
  avgPool(1),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.avg_pool2d.html */
export const avgPool2d = defineOp(
  "aten::avg_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor",
  avgPool(2),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.avg_pool3d.html */
export const avgPool3d = defineOp(
  "aten::avg_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor",
  avgPool(3),
);
