/** `torch.nn.modules.pooling`: pooling to a given size, and at random. */
import * as F from "../functional.ts";
import { Module } from "../module.ts";
import type { Tensor } from "../tensor.ts";
import { each, type Size } from "./options.ts";
import type { Maxima } from "./pooling.ts";
import { text } from "./text.ts";

/** Sizes of the result; null keeps a dim's size. */
export type OutputSize = number | null | ReadonlyArray<number | null>;

/** What layers that pool to a given size share. */
export abstract class AdaptivePoolNd extends Module {
  /** Sizes of the result. */
  readonly outputSize: OutputSize;

  /** A layer with these settings. */
  constructor(outputSize: OutputSize) {
    super();
    this.outputSize = outputSize;
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    return `output_size=${text(this.outputSize)}`;
  }
}

/** Averages of as many windows of [N, C, L] as are wanted: `torch.nn.AdaptiveAvgPool1d`. */
export class AdaptiveAvgPool1d extends AdaptivePoolNd {
  /** The pooled input. */
  forward(input: Tensor): Tensor {
    return F.adaptiveAvgPool1d(input, this.outputSize as Size);
  }
}

/** Averages of as many windows of [N, C, H, W] as are wanted: `torch.nn.AdaptiveAvgPool2d`. */
export class AdaptiveAvgPool2d extends AdaptivePoolNd {
  /** The pooled input. */
  forward(input: Tensor): Tensor {
    return F.adaptiveAvgPool2d(input, this.outputSize);
  }
}

/** Averages of as many windows of [N, C, D, H, W] as are wanted: `torch.nn.AdaptiveAvgPool3d`. */
export class AdaptiveAvgPool3d extends AdaptivePoolNd {
  /** The pooled input. */
  forward(input: Tensor): Tensor {
    return F.adaptiveAvgPool3d(input, this.outputSize);
  }
}

/** Settings of adaptive max pooling. */
export interface AdaptiveMaxPoolOptions<I extends boolean> {
  /** Whether the indices of the maxima are returned too. Default: false. */
  readonly returnIndices?: I;
}

/** What layers that pool maxima to a given size share. */
export abstract class AdaptiveMaxPoolNd<I extends boolean = false> extends AdaptivePoolNd {
  /** Whether the indices of the maxima are returned too. */
  readonly returnIndices: I;

  /** A layer with these settings. */
  constructor(outputSize: OutputSize, options: AdaptiveMaxPoolOptions<I> = {}) {
    super(outputSize);
    this.returnIndices = (options.returnIndices ?? false) as I;
  }
}

/** Maxima of as many windows of [N, C, L] as are wanted: `torch.nn.AdaptiveMaxPool1d`. */
export class AdaptiveMaxPool1d<I extends boolean = false> extends AdaptiveMaxPoolNd<I> {
  /** The pooled input. */
  forward(input: Tensor): Maxima<I> {
    return F.adaptiveMaxPool1d(input, this.outputSize as Size, this.returnIndices as true) as unknown as Maxima<I>;
  }
}

/** Maxima of as many windows of [N, C, H, W] as are wanted: `torch.nn.AdaptiveMaxPool2d`. */
export class AdaptiveMaxPool2d<I extends boolean = false> extends AdaptiveMaxPoolNd<I> {
  /** The pooled input. */
  forward(input: Tensor): Maxima<I> {
    return F.adaptiveMaxPool2d(input, this.outputSize, this.returnIndices as true) as unknown as Maxima<I>;
  }
}

/** Maxima of as many windows of [N, C, D, H, W] as are wanted: `torch.nn.AdaptiveMaxPool3d`. */
export class AdaptiveMaxPool3d<I extends boolean = false> extends AdaptiveMaxPoolNd<I> {
  /** The pooled input. */
  forward(input: Tensor): Maxima<I> {
    return F.adaptiveMaxPool3d(input, this.outputSize, this.returnIndices as true) as unknown as Maxima<I>;
  }
}

/** Settings of {@linkcode FractionalMaxPoolNd}: one of the sizes is needed. */
export interface FractionalMaxPoolOptions<I extends boolean> {
  /** Sizes of the result. */
  readonly outputSize?: Size;
  /** Sizes of the result as shares of the input's, between 0 and 1. */
  readonly outputRatio?: Size;
  /** Whether the indices of the maxima are returned too. Default: false. */
  readonly returnIndices?: I;
}

/** What layers with windows of random places share. */
export abstract class FractionalMaxPoolNd<I extends boolean = false> extends Module {
  /** Size of the window. */
  readonly kernelSize: readonly number[];
  /** Sizes of the result. */
  readonly outputSize: readonly number[] | null;
  /** Sizes of the result as shares of the input's. */
  readonly outputRatio: readonly number[] | null;
  /** Whether the indices of the maxima are returned too. */
  readonly returnIndices: I;

  /** A layer with these settings. */
  constructor(dims: number, kernelSize: Size, options: FractionalMaxPoolOptions<I>) {
    super();
    const name = new.target.name;
    const { outputSize, outputRatio } = options;
    if ((outputSize === undefined) === (outputRatio === undefined)) {
      throw new RangeError(`${name} needs one of outputSize and outputRatio`);
    }
    this.kernelSize = each(name, "kernelSize", kernelSize, dims);
    this.outputSize = outputSize === undefined ? null : each(name, "outputSize", outputSize, dims);
    this.outputRatio = outputRatio === undefined ? null : each(name, "outputRatio", outputRatio, dims);
    if (this.outputRatio?.some((ratio) => !(ratio > 0 && ratio < 1))) {
      throw new RangeError(`outputRatio of ${name} must be between 0 and 1, got [${this.outputRatio.join(", ")}]`);
    }
    this.returnIndices = (options.returnIndices ?? false) as I;
  }
}

/** Maxima of windows of [N, C, H, W] that lie at random: `torch.nn.FractionalMaxPool2d`. */
export class FractionalMaxPool2d<I extends boolean = false> extends FractionalMaxPoolNd<I> {
  /** A layer with these settings. */
  constructor(kernelSize: Size, options: FractionalMaxPoolOptions<I>) {
    super(2, kernelSize, options);
  }

  /** The pooled input. */
  forward(input: Tensor): Maxima<I> {
    const { kernelSize, outputSize, outputRatio } = this;
    const returnIndices = this.returnIndices as true;
    return F.fractionalMaxPool2d(input, kernelSize, { outputSize, outputRatio, returnIndices }) as unknown as Maxima<I>;
  }
}

/** Maxima of windows of [N, C, D, H, W] that lie at random: `torch.nn.FractionalMaxPool3d`. */
export class FractionalMaxPool3d<I extends boolean = false> extends FractionalMaxPoolNd<I> {
  /** A layer with these settings. */
  constructor(kernelSize: Size, options: FractionalMaxPoolOptions<I>) {
    super(3, kernelSize, options);
  }

  /** The pooled input. */
  forward(input: Tensor): Maxima<I> {
    const { kernelSize, outputSize, outputRatio } = this;
    const returnIndices = this.returnIndices as true;
    return F.fractionalMaxPool3d(input, kernelSize, { outputSize, outputRatio, returnIndices }) as unknown as Maxima<I>;
  }
}
