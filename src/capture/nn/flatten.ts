/** `torch.nn.modules.flatten` and `fold`: layers that only move values. */
import * as F from "../functional.ts";
import { Module } from "../module.ts";
import type { Tensor } from "../tensor.ts";
import { collect, type Given2, type Size } from "./options.ts";
import { settings } from "./text.ts";

/** Settings of {@linkcode Flatten}. */
export interface FlattenOptions {
  /** First of the dims. Default: 1. */
  readonly startDim?: number;
  /** Last of the dims. Default: -1. */
  readonly endDim?: number;
}

/** Makes one dim of several neighbours: `torch.nn.Flatten`. */
export class Flatten extends Module {
  /** First of the dims. */
  readonly startDim: number;
  /** Last of the dims. */
  readonly endDim: number;

  /** A layer with these settings. */
  constructor(...given: Given2<number, number, FlattenOptions>) {
    super();
    const { startDim = 1, endDim = -1 } = collect<FlattenOptions>("Flatten", ["startDim", "endDim"], given);
    this.startDim = startDim;
    this.endDim = endDim;
  }

  /** The input in its other form. */
  forward(input: Tensor): Tensor {
    return input.flatten(this.startDim, this.endDim);
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    return settings({ start_dim: this.startDim, end_dim: this.endDim });
  }
}

/** Makes several dims of one: `torch.nn.Unflatten`. */
export class Unflatten extends Module {
  /** The dim. */
  readonly dim: number;
  /** Sizes of what it becomes. */
  readonly unflattenedSize: readonly number[];

  /** A layer with these settings. */
  constructor(dim: number, unflattenedSize: readonly number[]) {
    super();
    this.dim = dim;
    this.unflattenedSize = [...unflattenedSize];
  }

  /** The input in its other form. */
  forward(input: Tensor): Tensor {
    return input.unflatten(this.dim, [...this.unflattenedSize]);
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    return settings({ dim: this.dim, unflattened_size: this.unflattenedSize });
  }
}

/** Settings of {@linkcode Fold} and {@linkcode Unfold}. */
export interface FoldOptions {
  /** Distance between the window's elements. Default: 1. */
  readonly dilation?: Size;
  /** Added on both sides of each dim. Default: 0. */
  readonly padding?: Size;
  /** Step of the window. Default: 1. */
  readonly stride?: Size;
}

/** Windows [N, C * size, count] added up to an image [N, C, H, W]: `torch.nn.Fold`. */
export class Fold extends Module {
  /** Sizes of the image. */
  readonly outputSize: Size;
  /** Size of a window. */
  readonly kernelSize: Size;
  /** Distance between the window's elements. */
  readonly dilation: Size;
  /** What was added on both sides of each dim. */
  readonly padding: Size;
  /** Step of the window. */
  readonly stride: Size;

  /** A layer with these settings. */
  constructor(outputSize: Size, kernelSize: Size, options: FoldOptions = {}) {
    super();
    const { dilation = 1, padding = 0, stride = 1 } = options;
    this.outputSize = outputSize;
    this.kernelSize = kernelSize;
    this.dilation = dilation;
    this.padding = padding;
    this.stride = stride;
  }

  /** The input in its other form. */
  forward(input: Tensor): Tensor {
    return F.fold(input, this.outputSize, this.kernelSize, this.dilation, this.padding, this.stride);
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    const { outputSize, kernelSize, dilation, padding, stride } = this;
    return settings({ output_size: outputSize, kernel_size: kernelSize, dilation, padding, stride });
  }
}

/** The windows of an image [N, C, H, W] as columns [N, C * size, count]: `torch.nn.Unfold`. */
export class Unfold extends Module {
  /** Size of a window. */
  readonly kernelSize: Size;
  /** Distance between the window's elements. */
  readonly dilation: Size;
  /** Added on both sides of each dim. */
  readonly padding: Size;
  /** Step of the window. */
  readonly stride: Size;

  /** A layer with these settings. */
  constructor(kernelSize: Size, options: FoldOptions = {}) {
    super();
    const { dilation = 1, padding = 0, stride = 1 } = options;
    this.kernelSize = kernelSize;
    this.dilation = dilation;
    this.padding = padding;
    this.stride = stride;
  }

  /** The input in its other form. */
  forward(input: Tensor): Tensor {
    return F.unfold(input, this.kernelSize, this.dilation, this.padding, this.stride);
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    const { kernelSize, dilation, padding, stride } = this;
    return settings({ kernel_size: kernelSize, dilation, padding, stride });
  }
}
