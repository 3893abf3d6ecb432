/** `torch.nn.modules.upsampling` and its neighbours: images in other sizes. */
import * as F from "../functional.ts";
import { Module } from "../module.ts";
import type { Tensor } from "../tensor.ts";
import type { Size } from "./options.ts";
import { floatText, settings, text } from "./text.ts";

/** How values between the input's are found. */
export type InterpolationMode = "nearest" | "linear" | "bilinear" | "bicubic" | "trilinear" | "nearest-exact" | "area";

/** Settings of {@linkcode Upsample}: the size or the scale is needed. */
export interface UpsampleOptions {
  /** Sizes of the spatial dims of the result. */
  readonly size?: Size | null;
  /** Sizes of the result over those of the input. */
  readonly scaleFactor?: Size | null;
  /** How values between the input's are found. Default: `nearest`. */
  readonly mode?: InterpolationMode;
  /** Whether corners of the input are corners of the result; of linear modes and bicubic. Default: false. */
  readonly alignCorners?: boolean | null;
  /** Whether the scale is computed anew from the sizes. Default: false. */
  readonly recomputeScaleFactor?: boolean | null;
}

/**
 * Resizes [N, C, L], [N, C, H, W] or [N, C, D, H, W]: `torch.nn.Upsample`.
 *
 * Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Upsample.html
 */
export class Upsample extends Module {
  /** Sizes of the spatial dims of the result. */
  readonly size: Size | null;
  /** Sizes of the result over those of the input. */
  readonly scaleFactor: Size | null;
  /** How values between the input's are found. */
  readonly mode: InterpolationMode;
  /** Whether corners of the input are corners of the result. */
  readonly alignCorners: boolean | null;
  /** Whether the scale is computed anew from the sizes. */
  readonly recomputeScaleFactor: boolean | null;

  /** A layer with these settings. */
  constructor(options: UpsampleOptions) {
    super();
    const { size = null, scaleFactor = null, mode = "nearest", alignCorners = null } = options;
    this.size = size;
    this.scaleFactor = scaleFactor;
    this.mode = mode;
    this.alignCorners = alignCorners;
    this.recomputeScaleFactor = options.recomputeScaleFactor ?? null;
  }

  /** The input in its other sizes. */
  forward(input: Tensor): Tensor {
    const { size, scaleFactor, mode, alignCorners, recomputeScaleFactor } = this;
    return F.interpolate(input, { size, scaleFactor, mode, alignCorners, recomputeScaleFactor });
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    const scaled = this.scaleFactor !== null;
    const size = scaled ? `scale_factor=${floatText(this.scaleFactor)}` : `size=${text(this.size)}`;
    return `${size}, mode=${text(this.mode)}`;
  }
}

/** Settings of the 2-D layers: the size or the scale is needed. */
export type Upsample2dOptions = Pick<UpsampleOptions, "size" | "scaleFactor">;

/** {@linkcode Upsample} of images by their nearest values: `torch.nn.UpsamplingNearest2d`. */
export class UpsamplingNearest2d extends Upsample {
  /** A layer with these settings. */
  constructor(options: Upsample2dOptions) {
    super({ ...options, mode: "nearest" });
  }
}

/** {@linkcode Upsample} of images by bilinear interpolation with aligned corners: `torch.nn.UpsamplingBilinear2d`. */
export class UpsamplingBilinear2d extends Upsample {
  /** A layer with these settings. */
  constructor(options: Upsample2dOptions) {
    super({ ...options, mode: "bilinear", alignCorners: true });
  }
}

/** [*, C * r², H, W] to [*, C, H * r, W * r]: `torch.nn.PixelShuffle`. */
export class PixelShuffle extends Module {
  /** r. */
  readonly upscaleFactor: number;

  /** A layer with these settings. */
  constructor(upscaleFactor: number) {
    super();
    this.upscaleFactor = upscaleFactor;
  }

  /** The input in its other sizes. */
  forward(input: Tensor): Tensor {
    return F.pixelShuffle(input, this.upscaleFactor);
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    return settings({ upscale_factor: this.upscaleFactor });
  }
}

/** [*, C, H * r, W * r] to [*, C * r², H, W]: `torch.nn.PixelUnshuffle`. */
export class PixelUnshuffle extends Module {
  /** r. */
  readonly downscaleFactor: number;

  /** A layer with these settings. */
  constructor(downscaleFactor: number) {
    super();
    this.downscaleFactor = downscaleFactor;
  }

  /** The input in its other sizes. */
  forward(input: Tensor): Tensor {
    return F.pixelUnshuffle(input, this.downscaleFactor);
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    return settings({ downscale_factor: this.downscaleFactor });
  }
}

/** Interleaves groups of channels of [N, C, *]: `torch.nn.ChannelShuffle`. */
export class ChannelShuffle extends Module {
  /** Number of groups. */
  readonly groups: number;

  /** A layer with these settings. */
  constructor(groups: number) {
    super();
    this.groups = groups;
  }

  /** The input in its other sizes. */
  forward(input: Tensor): Tensor {
    return F.channelShuffle(input, this.groups);
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    return settings({ groups: this.groups });
  }
}
