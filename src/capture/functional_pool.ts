/** Pooling, unfolding and resizing of `torch.nn.functional`. */
import { add, type Dim, isSym, mul, sub } from "../sym/mod.ts";
import { type Composite, defineComposite } from "./composite.ts";
import { avgPool1d, avgPool2d, avgPool3d } from "./functional_operators.ts";
import { rand } from "./functions.ts";
import { fromDim } from "./symbolic.ts";
import { call, type Tensor } from "./tensor.ts";

type Sizes = number | readonly number[];

/** What is returned with the places of the maxima. */
const WITH_INDICES = { names: ["return_indices"], type: "[Tensor, Tensor]" } as const;

interface MaxPool {
  readonly input: Tensor;
  readonly kernel_size: Sizes;
  readonly stride: Sizes | null;
  readonly padding: Sizes;
  readonly dilation: Sizes;
  readonly ceil_mode: boolean;
  readonly return_indices: boolean;
}

function maxPool(rank: number, args: MaxPool): unknown {
  const { input, kernel_size, stride, padding, dilation, ceil_mode, return_indices } = args;
  const name = `max_pool${rank}d${return_indices ? "_with_indices" : ""}`;
  return call(name, name, [input, kernel_size, stride ?? [], padding, dilation, ceil_mode]);
}

/** Maxima of windows of `[N, C, L]`. */
export const maxPool1d: Composite = defineComposite(
  "max_pool1d(Tensor input, int[1] kernel_size, int[1]? stride=None, int[1] padding=0, int[1] dilation=1, bool ceil_mode=False, bool return_indices=False) -> Tensor",
  (args) => maxPool(1, args),
  WITH_INDICES,
);
/** Maxima of windows of `[N, C, H, W]`. */
export const maxPool2d: Composite = defineComposite(
  "max_pool2d(Tensor input, int[2] kernel_size, int[2]? stride=None, int[2] padding=0, int[2] dilation=1, bool ceil_mode=False, bool return_indices=False) -> Tensor",
  (args) => maxPool(2, args),
  WITH_INDICES,
);
/** Maxima of windows of `[N, C, D, H, W]`. */
export const maxPool3d: Composite = defineComposite(
  "max_pool3d(Tensor input, int[3] kernel_size, int[3]? stride=None, int[3] padding=0, int[3] dilation=1, bool ceil_mode=False, bool return_indices=False) -> Tensor",
  (args) => maxPool(3, args),
  WITH_INDICES,
);

/** Sizes of which null means that of the input. */
function sizesOr(given: number | null | readonly (number | null)[], { shape }: Tensor, rank: number): number[] {
  const list = Array.isArray(given) ? given : new Array(rank).fill(given);
  return list.map((size, i) => size ?? shape[shape.length - rank + i]);
}

/** Means of as many windows as `outputSize` says, of `[N, C, H, W]`; null keeps a size. */
export const adaptiveAvgPool2d: Composite = defineComposite(
  "adaptive_avg_pool2d(Tensor input, SymInt?[2] output_size) -> Tensor",
  ({ input, output_size }) =>
    call("adaptive_avg_pool2d", "adaptive_avg_pool2d", [input, sizesOr(output_size as number[], input, 2)]),
);
/** Means of as many windows as `outputSize` says, of `[N, C, D, H, W]`; null keeps a size. */
export const adaptiveAvgPool3d: Composite = defineComposite(
  "adaptive_avg_pool3d(Tensor input, SymInt?[3] output_size) -> Tensor",
  ({ input, output_size }) =>
    call("adaptive_avg_pool3d", "adaptive_avg_pool3d", [input, sizesOr(output_size as number[], input, 3)]),
);

function adaptiveMaxPool(rank: number, input: Tensor, sizes: unknown, indices: boolean): unknown {
  const name = `adaptive_max_pool${rank}d`;
  const size = rank === 1 ? sizes : sizesOr(sizes as number[], input, rank);
  const both = call(name, name, [input, size]) as Tensor[];
  return indices ? both : both[0];
}

/** Maxima of as many windows as `outputSize` says, of `[N, C, L]`. */
export const adaptiveMaxPool1d: Composite = defineComposite(
  "adaptive_max_pool1d(Tensor input, int[1] output_size, bool return_indices=False) -> Tensor",
  ({ input, output_size, return_indices }) => adaptiveMaxPool(1, input, output_size, return_indices),
  WITH_INDICES,
);
/** Maxima of as many windows as `outputSize` says, of `[N, C, H, W]`; null keeps a size. */
export const adaptiveMaxPool2d: Composite = defineComposite(
  "adaptive_max_pool2d(Tensor input, int?[2] output_size, bool return_indices=False) -> Tensor",
  ({ input, output_size, return_indices }) => adaptiveMaxPool(2, input, output_size, return_indices),
  WITH_INDICES,
);
/** Maxima of as many windows as `outputSize` says, of `[N, C, D, H, W]`; null keeps a size. */
export const adaptiveMaxPool3d: Composite = defineComposite(
  "adaptive_max_pool3d(Tensor input, int?[3] output_size, bool return_indices=False) -> Tensor",
  ({ input, output_size, return_indices }) => adaptiveMaxPool(3, input, output_size, return_indices),
  WITH_INDICES,
);

interface Fractional {
  readonly input: Tensor;
  readonly kernel_size: Sizes;
  readonly output_size: Sizes | null;
  readonly output_ratio: Sizes | null;
  readonly return_indices: boolean;
  readonly _random_samples: Tensor | null;
}

/** Sizes that are a fraction of the input's are whole numbers of it. */
function fractionalMaxPool(rank: number, args: Fractional): unknown {
  const { input, kernel_size, output_ratio, return_indices } = args;
  const name = `fractional_max_pool${rank}d`;
  const { shape, ndim } = input;
  let { output_size, _random_samples: samples } = args;
  if (output_size === null) {
    if (output_ratio === null) throw new TypeError(`${name}: outputSize or outputRatio must be given`);
    const ratios = Array.isArray(output_ratio) ? output_ratio : new Array(rank).fill(output_ratio);
    output_size = ratios.map((ratio, i) => Math.trunc(shape[ndim - rank + i] * ratio));
  }
  samples ??= rand([ndim === rank + 1 ? 1 : shape[0], shape[ndim - rank - 1], rank], { dtype: input.dtype });
  const both = call(name, name, [input, kernel_size, output_size, samples]) as Tensor[];
  return return_indices ? both : both[0];
}

/** Maxima of windows whose places are partly random, of `[N, C, H, W]`. */
export const fractionalMaxPool2d: Composite = defineComposite(
  "fractional_max_pool2d(Tensor input, int[2] kernel_size, int[2]? output_size=None, float[2]? output_ratio=None, bool return_indices=False, *, Tensor? _random_samples=None) -> Tensor",
  (args) => fractionalMaxPool(2, args),
  WITH_INDICES,
);
/** Maxima of windows whose places are partly random, of `[N, C, D, H, W]`. */
export const fractionalMaxPool3d: Composite = defineComposite(
  "fractional_max_pool3d(Tensor input, int[3] kernel_size, int[3]? output_size=None, float[3]? output_ratio=None, bool return_indices=False, *, Tensor? _random_samples=None) -> Tensor",
  (args) => fractionalMaxPool(3, args),
  WITH_INDICES,
);

interface LpPool {
  readonly input: Tensor;
  readonly norm_type: number;
  readonly kernel_size: Sizes;
  readonly stride: Sizes | null;
  readonly ceil_mode: boolean;
}

/** Norms of windows, by way of their means. */
function lpPool(rank: number, { input, norm_type, kernel_size, stride, ceil_mode }: LpPool): Tensor {
  if (Math.abs(norm_type) === Infinity) {
    const maximum = (x: Tensor): Tensor =>
      maxPool(rank, {
        input: x,
        kernel_size,
        stride,
        padding: 0,
        dilation: 1,
        ceil_mode,
        return_indices: false,
      }) as Tensor;
    return norm_type > 0 ? maximum(input.abs()) : maximum(input.abs().neg()).neg();
  }
  const powers = input.pow(norm_type);
  const options = { padding: 0, ceilMode: ceil_mode, ...(stride === null ? {} : { stride }) };
  const mean = rank === 1
    ? avgPool1d(powers, kernel_size, options)
    : rank === 2
    ? avgPool2d(powers, kernel_size, options)
    : avgPool3d(powers, kernel_size, options);
  const sizes = Array.isArray(kernel_size) ? kernel_size : new Array(rank).fill(kernel_size);
  const count = sizes.reduce((a: number, b: number) => a * b, 1);
  return mean.sign().mul(mean.abs().relu()).mul(count).pow(1 / norm_type);
}

/** Norms of windows of `[N, C, L]`. */
export const lpPool1d: Composite = defineComposite(
  "lp_pool1d(Tensor input, float norm_type, int[1] kernel_size, int[1]? stride=None, bool ceil_mode=False) -> Tensor",
  (args) => lpPool(1, args),
);
/** Norms of windows of `[N, C, H, W]`. */
export const lpPool2d: Composite = defineComposite(
  "lp_pool2d(Tensor input, float norm_type, int[2] kernel_size, int[2]? stride=None, bool ceil_mode=False) -> Tensor",
  (args) => lpPool(2, args),
);
/** Norms of windows of `[N, C, D, H, W]`. */
export const lpPool3d: Composite = defineComposite(
  "lp_pool3d(Tensor input, float norm_type, int[3] kernel_size, int[3]? stride=None, bool ceil_mode=False) -> Tensor",
  (args) => lpPool(3, args),
);

interface Unpool {
  readonly input: Tensor;
  readonly indices: Tensor;
  readonly kernel_size: Sizes;
  readonly stride: Sizes | null;
  readonly padding: Sizes;
  readonly output_size: readonly Dim[] | null;
}

/** The sizes of what was pooled, and the strides. */
function unpooled(
  rank: number,
  args: Unpool,
): { sizes: number[]; strides: readonly number[]; paddings: readonly number[] } {
  const list = (x: Sizes): readonly number[] => typeof x === "number" ? new Array(rank).fill(x) : x;
  const kernels = list(args.kernel_size), paddings = list(args.padding);
  const strides = args.stride === null ? kernels : list(args.stride);
  const { shape } = args.input.meta;
  const usual = kernels.map((kernel, d): Dim =>
    add(mul(sub(shape[shape.length - rank + d], 1), strides[d]), kernel - 2 * paddings[d])
  );
  if (args.output_size === null) return { sizes: usual.map(fromDim), strides, paddings };
  const sizes = args.output_size.length === rank + 2 ? args.output_size.slice(2) : args.output_size;
  if (sizes.length !== rank) {
    throw new RangeError(`max_unpool${rank}d: outputSize must have ${rank} or ${rank + 2} sizes, met ${sizes.length}`);
  }
  for (const [d, size] of sizes.entries()) {
    const most = usual[d];
    if (isSym(size) || isSym(most) || typeof size !== "number") continue;
    if (!(most - strides[d] < size && size < most + strides[d])) {
      throw new RangeError(
        `max_unpool${rank}d: size ${d} of outputSize must lie between ${most - strides[d]} and ${
          most + strides[d]
        }, met ${size}`,
      );
    }
  }
  return { sizes: sizes as number[], strides, paddings };
}

/** The inverse of maxPool1d: what is no maximum is 0. */
export const maxUnpool1d: Composite = defineComposite(
  "max_unpool1d(Tensor input, Tensor indices, int[1] kernel_size, int[1]? stride=None, int[1] padding=0, SymInt[]? output_size=None) -> Tensor",
  (args) => {
    const { sizes } = unpooled(1, args);
    const [input, indices] = [args.input.unsqueeze(-1), args.indices.unsqueeze(-1)];
    return (call("max_unpool2d", "max_unpool2d", [input, indices, [...sizes, 1]]) as Tensor).squeeze(-1);
  },
);
/** The inverse of maxPool2d: what is no maximum is 0. */
export const maxUnpool2d: Composite = defineComposite(
  "max_unpool2d(Tensor input, Tensor indices, int[2] kernel_size, int[2]? stride=None, int[2] padding=0, SymInt[]? output_size=None) -> Tensor",
  (args) => call("max_unpool2d", "max_unpool2d", [args.input, args.indices, unpooled(2, args).sizes]),
);
/** The inverse of maxPool3d: what is no maximum is 0. */
export const maxUnpool3d: Composite = defineComposite(
  "max_unpool3d(Tensor input, Tensor indices, int[3] kernel_size, int[3]? stride=None, int[3] padding=0, SymInt[]? output_size=None) -> Tensor",
  (args) => {
    const { sizes, strides, paddings } = unpooled(3, args);
    return call("max_unpool3d", "max_unpool3d", [args.input, args.indices, sizes, strides, paddings]);
  },
);

/** The windows of `[N, C, H, W]` as columns. */
export const unfold: Composite = defineComposite(
  "unfold(Tensor input, int[2] kernel_size, int[2] dilation=1, int[2] padding=0, int[2] stride=1) -> Tensor",
  ({ input, kernel_size, dilation, padding, stride }) =>
    call("im2col", "im2col", [input, kernel_size, dilation, padding, stride]),
);
/** Sums of columns in the places of the windows that unfold would take them from. */
export const fold: Composite = defineComposite(
  "fold(Tensor input, SymInt[2] output_size, int[2] kernel_size, int[2] dilation=1, int[2] padding=0, int[2] stride=1) -> Tensor",
  ({ input, output_size, kernel_size, dilation, padding, stride }) =>
    call("col2im", "col2im", [input, output_size, kernel_size, dilation, padding, stride]),
);
