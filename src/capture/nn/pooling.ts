/** `torch.nn.modules.pooling`: pooling by windows. */
import * as F from "../functional.ts";
import { Module } from "../module.ts";
import type { Tensor } from "../tensor.ts";
import { collect, each, type Given1, type Given2, type Size } from "./options.ts";
import { floatText, settings } from "./text.ts";

/** A layer's result: one tensor, or with `returnIndices` the maxima and where they were. */
export type Maxima<I extends boolean> = I extends true ? [values: Tensor, indices: Tensor] : Tensor;

/** Settings of max pooling. */
export interface MaxPoolOptions {
  /** Step of the window. Default: its size. */
  readonly stride?: Size | null;
  /** Added on both sides of each dim. Default: 0. */
  readonly padding?: Size;
  /** Distance between the window's elements. Default: 1. */
  readonly dilation?: Size;
  /** Whether the indices of the maxima are returned too. Default: false. */
  readonly returnIndices?: boolean;
  /** Whether windows may reach over the end. Default: false. */
  readonly ceilMode?: boolean;
}

/** What max pooling layers share. */
export abstract class MaxPoolNd<I extends boolean = false> extends Module {
  /** Size of the window. */
  readonly kernelSize: Size;
  /** Step of the window. */
  readonly stride: Size;
  /** Added on both sides of each dim. */
  readonly padding: Size;
  /** Distance between the window's elements. */
  readonly dilation: Size;
  /** Whether the indices of the maxima are returned too. */
  readonly returnIndices: I;
  /** Whether windows may reach over the end. */
  readonly ceilMode: boolean;

  /** A layer with these settings. */
  constructor(kernelSize: Size, ...given: Given2<Size, Size, MaxPoolOptions & { readonly returnIndices?: I }>) {
    super();
    const options = collect<MaxPoolOptions>(new.target.name, ["stride", "padding"], given);
    this.kernelSize = kernelSize;
    this.stride = options.stride ?? kernelSize;
    this.padding = options.padding ?? 0;
    this.dilation = options.dilation ?? 1;
    this.returnIndices = (options.returnIndices ?? false) as I;
    this.ceilMode = options.ceilMode ?? false;
  }

  /** The windows, as functions take them. */
  protected get windows(): { stride: Size; padding: Size; dilation: Size; ceilMode: boolean; returnIndices: true } {
    const { stride, padding, dilation, ceilMode } = this;
    return { stride, padding, dilation, ceilMode, returnIndices: this.returnIndices as true };
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    const { kernelSize, stride, padding, dilation, ceilMode } = this;
    return settings({ kernel_size: kernelSize, stride, padding, dilation, ceil_mode: ceilMode });
  }
}

/**
 * Maxima of windows of [N, C, L] or without N: `torch.nn.MaxPool1d`.
 *
 * Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxPool1d.html
 */
export class MaxPool1d<I extends boolean = false> extends MaxPoolNd<I> {
  /** The pooled input. */
  forward(input: Tensor): Maxima<I> {
    return F.maxPool1d(input, this.kernelSize, this.windows) as unknown as Maxima<I>;
  }
}

/**
 * Maxima of windows of [N, C, H, W] or without N: `torch.nn.MaxPool2d`.
 *
 * Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html
 */
export class MaxPool2d<I extends boolean = false> extends MaxPoolNd<I> {
  /** The pooled input. */
  forward(input: Tensor): Maxima<I> {
    return F.maxPool2d(input, this.kernelSize, this.windows) as unknown as Maxima<I>;
  }
}

/**
 * Maxima of windows of [N, C, D, H, W] or without N: `torch.nn.MaxPool3d`.
 *
 * Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxPool3d.html
 */
export class MaxPool3d<I extends boolean = false> extends MaxPoolNd<I> {
  /** The pooled input. */
  forward(input: Tensor): Maxima<I> {
    return F.maxPool3d(input, this.kernelSize, this.windows) as unknown as Maxima<I>;
  }
}

/** Settings of {@linkcode MaxUnpoolNd}. */
export interface MaxUnpoolOptions {
  /** Step of the window. Default: its size. */
  readonly stride?: Size | null;
  /** What max pooling added. Default: 0. */
  readonly padding?: Size;
}

/** What layers that undo max pooling share. */
export abstract class MaxUnpoolNd extends Module {
  /** Size of the window. */
  readonly kernelSize: readonly number[];
  /** Step of the window. */
  readonly stride: readonly number[];
  /** What max pooling added. */
  readonly padding: readonly number[];

  /** A layer with these settings. */
  constructor(dims: number, kernelSize: Size, given: Given2<Size, Size, MaxUnpoolOptions>) {
    super();
    const name = new.target.name;
    const options = collect<MaxUnpoolOptions>(name, ["stride", "padding"], given);
    this.kernelSize = each(name, "kernelSize", kernelSize, dims);
    this.stride = each(name, "stride", options.stride ?? kernelSize, dims);
    this.padding = each(name, "padding", options.padding ?? 0, dims);
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    return settings({ kernel_size: this.kernelSize, stride: this.stride, padding: this.padding });
  }
}

/** Puts maxima back to where `MaxPool1d` found them, with zeros elsewhere: `torch.nn.MaxUnpool1d`. */
export class MaxUnpool1d extends MaxUnpoolNd {
  /** A layer with these settings. */
  constructor(kernelSize: Size, ...given: Given2<Size, Size, MaxUnpoolOptions>) {
    super(1, kernelSize, given);
  }

  /**
   * The maxima in their places.
   *
   * @param outputSize sizes of what was pooled, where the window leaves a choice
   */
  forward(input: Tensor, indices: Tensor, outputSize: readonly number[] | null = null): Tensor {
    const { kernelSize, stride, padding } = this;
    return F.maxUnpool1d(input, indices, [...kernelSize], [...stride], [...padding], outputSize && [...outputSize]);
  }
}

/** Puts maxima back to where `MaxPool2d` found them, with zeros elsewhere: `torch.nn.MaxUnpool2d`. */
export class MaxUnpool2d extends MaxUnpoolNd {
  /** A layer with these settings. */
  constructor(kernelSize: Size, ...given: Given2<Size, Size, MaxUnpoolOptions>) {
    super(2, kernelSize, given);
  }

  /**
   * The maxima in their places.
   *
   * @param outputSize sizes of what was pooled, where the window leaves a choice
   */
  forward(input: Tensor, indices: Tensor, outputSize: readonly number[] | null = null): Tensor {
    const { kernelSize, stride, padding } = this;
    return F.maxUnpool2d(input, indices, [...kernelSize], [...stride], [...padding], outputSize && [...outputSize]);
  }
}

/** Puts maxima back to where `MaxPool3d` found them, with zeros elsewhere: `torch.nn.MaxUnpool3d`. */
export class MaxUnpool3d extends MaxUnpoolNd {
  /** A layer with these settings. */
  constructor(kernelSize: Size, ...given: Given2<Size, Size, MaxUnpoolOptions>) {
    super(3, kernelSize, given);
  }

  /**
   * The maxima in their places.
   *
   * @param outputSize sizes of what was pooled, where the window leaves a choice
   */
  forward(input: Tensor, indices: Tensor, outputSize: readonly number[] | null = null): Tensor {
    const { kernelSize, stride, padding } = this;
    return F.maxUnpool3d(input, indices, [...kernelSize], [...stride], [...padding], outputSize && [...outputSize]);
  }
}

/** Settings of average pooling. */
export interface AvgPoolOptions {
  /** Step of the window. Default: its size. */
  readonly stride?: Size | null;
  /** Added on both sides of each dim. Default: 0. */
  readonly padding?: Size;
  /** Whether windows may reach over the end. Default: false. */
  readonly ceilMode?: boolean;
  /** Whether padding counts in the average. Default: true. */
  readonly countIncludePad?: boolean;
  /** What sums are divided by, in place of the size of the window. Not in 1-D. Default: null. */
  readonly divisorOverride?: number | null;
}

/** What average pooling layers share. */
export abstract class AvgPoolNd extends Module {
  /** Size of the window. */
  readonly kernelSize: Size;
  /** Step of the window. */
  readonly stride: Size;
  /** Added on both sides of each dim. */
  readonly padding: Size;
  /** Whether windows may reach over the end. */
  readonly ceilMode: boolean;
  /** Whether padding counts in the average. */
  readonly countIncludePad: boolean;
  /** What sums are divided by, in place of the size of the window. */
  readonly divisorOverride: number | null;

  /** A layer with these settings. */
  constructor(kernelSize: Size, ...given: Given2<Size, Size, AvgPoolOptions>) {
    super();
    const options = collect<AvgPoolOptions>(new.target.name, ["stride", "padding"], given);
    this.kernelSize = kernelSize;
    this.stride = options.stride ?? kernelSize;
    this.padding = options.padding ?? 0;
    this.ceilMode = options.ceilMode ?? false;
    this.countIncludePad = options.countIncludePad ?? true;
    this.divisorOverride = options.divisorOverride ?? null;
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    return settings({ kernel_size: this.kernelSize, stride: this.stride, padding: this.padding });
  }
}

/** Averages of windows of [N, C, L] or without N: `torch.nn.AvgPool1d`. */
export class AvgPool1d extends AvgPoolNd {
  /** A layer with these settings. */
  constructor(kernelSize: Size, ...given: Given2<Size, Size, Omit<AvgPoolOptions, "divisorOverride">>) {
    const sizes = collect<AvgPoolOptions>("AvgPool1d", ["stride", "padding"], given);
    // 1-D pooling shows its settings as tuples.
    const one = (name: string, size: Size): Size => each("AvgPool1d", name, size, 1);
    super(one("kernelSize", kernelSize), {
      ...sizes,
      stride: one("stride", sizes.stride ?? kernelSize),
      padding: one("padding", sizes.padding ?? 0),
    });
  }

  /** The pooled input. */
  forward(input: Tensor): Tensor {
    const { kernelSize, stride, padding, ceilMode, countIncludePad } = this;
    return F.avgPool1d(input, kernelSize, stride, padding, ceilMode, countIncludePad);
  }
}

/** Averages of windows of [N, C, H, W] or without N: `torch.nn.AvgPool2d`. */
export class AvgPool2d extends AvgPoolNd {
  /** The pooled input. */
  forward(input: Tensor): Tensor {
    const { kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride } = this;
    return F.avgPool2d(input, kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride);
  }
}

/** Averages of windows of [N, C, D, H, W] or without N: `torch.nn.AvgPool3d`. */
export class AvgPool3d extends AvgPoolNd {
  /** The pooled input. */
  forward(input: Tensor): Tensor {
    const { kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride } = this;
    return F.avgPool3d(input, kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride);
  }
}

/** Settings of {@linkcode LPPoolNd}. */
export interface LPPoolOptions {
  /** Step of the window. Default: its size. */
  readonly stride?: Size | null;
  /** Whether windows may reach over the end. Default: false. */
  readonly ceilMode?: boolean;
}

/** What power-average pooling layers share. */
export abstract class LPPoolNd extends Module {
  /** The power. */
  readonly normType: number;
  /** Size of the window. */
  readonly kernelSize: Size;
  /** Step of the window; null is its size. */
  readonly stride: Size | null;
  /** Whether windows may reach over the end. */
  readonly ceilMode: boolean;

  /** A layer with these settings. */
  constructor(normType: number, kernelSize: Size, ...given: Given1<Size, LPPoolOptions>) {
    super();
    const options = collect<LPPoolOptions>(new.target.name, ["stride"], given);
    this.normType = normType;
    this.kernelSize = kernelSize;
    this.stride = options.stride ?? null;
    this.ceilMode = options.ceilMode ?? false;
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    const { normType, kernelSize, stride, ceilMode } = this;
    return `norm_type=${floatText(normType)}, ${settings({ kernel_size: kernelSize, stride, ceil_mode: ceilMode })}`;
  }
}

/** The root of the sum of powers in windows of [N, C, L]: `torch.nn.LPPool1d`. */
export class LPPool1d extends LPPoolNd {
  /** The pooled input. */
  forward(input: Tensor): Tensor {
    return F.lpPool1d(input, this.normType, this.kernelSize, this.stride, this.ceilMode);
  }
}

/** The root of the sum of powers in windows of [N, C, H, W]: `torch.nn.LPPool2d`. */
export class LPPool2d extends LPPoolNd {
  /** The pooled input. */
  forward(input: Tensor): Tensor {
    return F.lpPool2d(input, this.normType, this.kernelSize, this.stride, this.ceilMode);
  }
}

/** The root of the sum of powers in windows of [N, C, D, H, W]: `torch.nn.LPPool3d`. */
export class LPPool3d extends LPPoolNd {
  /** The pooled input. */
  forward(input: Tensor): Tensor {
    return F.lpPool3d(input, this.normType, this.kernelSize, this.stride, this.ceilMode);
  }
}
