/** `torch.nn.modules.activation`: softmax and its relatives, which look at a whole dim. */
import * as F from "../functional.ts";
import { Module } from "../module.ts";
import type { Tensor } from "../tensor.ts";
import { text } from "./text.ts";

/** What layers over one dim share. */
export abstract class OverDim extends Module {
  /** The dim; null is dim 0 of tensors of 0, 1 or 3 dims and dim 1 of others. */
  readonly dim: number | null;

  /** A layer with these settings. */
  constructor(dim: number | null = null) {
    super();
    this.dim = dim;
  }

  /** The dim for an input. */
  protected dimOf(input: Tensor): number {
    return this.dim ?? ([0, 1, 3].includes(input.ndim) ? 0 : 1);
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    return `dim=${text(this.dim)}`;
  }
}

/** exp(x) divided by its sum over a dim: `torch.nn.Softmax`. */
export class Softmax extends OverDim {
  /** The input's shape stays. */
  forward(input: Tensor): Tensor {
    return F.softmax(input, this.dimOf(input));
  }
}

/** Softmax of -x: `torch.nn.Softmin`. */
export class Softmin extends OverDim {
  /** The input's shape stays. */
  forward(input: Tensor): Tensor {
    return F.softmin(input, this.dimOf(input));
  }
}

/** The logarithm of softmax: `torch.nn.LogSoftmax`. */
export class LogSoftmax extends OverDim {
  /** The input's shape stays. */
  forward(input: Tensor): Tensor {
    return F.logSoftmax(input, this.dimOf(input));
  }
}

/** Softmax over the channels of an image [N, C, H, W] or [C, H, W]: `torch.nn.Softmax2d`. */
export class Softmax2d extends Module {
  /** The input's shape stays. */
  forward(input: Tensor): Tensor {
    if (input.ndim !== 3 && input.ndim !== 4) {
      throw new RangeError(`Softmax2d takes 3D or 4D input, got ${input.ndim}D`);
    }
    return F.softmax(input, -3);
  }
}
