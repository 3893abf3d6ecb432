/** `torch.nn.modules.instancenorm`: norms over each item's own channels. */
import * as F from "../functional.ts";
import type { Tensor } from "../tensor.ts";
import { type BatchNormOptions, NormBase } from "./batchnorm.ts";

/** What instance norms share. */
export abstract class InstanceNorm extends NormBase {
  /** A layer with these settings. */
  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super(numFeatures, options, false);
  }

  /** Number of dims of one item. */
  protected abstract get itemDims(): number;

  /** The normalized input, of its shape. */
  forward(input: Tensor): Tensor {
    const { itemDims } = this;
    this.checkDims(input, [itemDims, itemDims + 1]);
    const channels = input.shape[input.ndim - itemDims];
    if (this.affine && typeof channels === "number" && channels !== this.numFeatures) {
      throw new RangeError(`${this.constructor.name} has ${this.numFeatures} channels, got an input with ${channels}`);
    }
    return input.ndim === itemDims ? this.normalize(input.unsqueeze(0)).squeeze(0) : this.normalize(input);
  }

  /** Of a batch. */
  private normalize(input: Tensor): Tensor {
    return F.instanceNorm(
      input,
      this.running_mean,
      this.running_var,
      this.weight,
      this.bias,
      this.training || !this.trackRunningStats,
      this.momentum ?? 0,
      this.eps,
    );
  }
}

/**
 * Instance norm of [N, C, L] or without N: `torch.nn.InstanceNorm1d`.
 *
 * Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.InstanceNorm1d.html
 */
export class InstanceNorm1d extends InstanceNorm {
  /** Number of dims of one item. */
  protected override get itemDims(): number {
    return 2;
  }
}

/**
 * Instance norm of [N, C, H, W] or without N: `torch.nn.InstanceNorm2d`.
 *
 * Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.InstanceNorm2d.html
 */
export class InstanceNorm2d extends InstanceNorm {
  /** Number of dims of one item. */
  protected override get itemDims(): number {
    return 3;
  }
}

/**
 * Instance norm of [N, C, D, H, W] or without N: `torch.nn.InstanceNorm3d`.
 *
 * Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.InstanceNorm3d.html
 */
export class InstanceNorm3d extends InstanceNorm {
  /** Number of dims of one item. */
  protected override get itemDims(): number {
    return 4;
  }
}
