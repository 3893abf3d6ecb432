/** `torch.nn.modules.dropout`: layers that zero values at random in training. */
import * as F from "../functional.ts";
import { Module } from "../module.ts";
import type { Tensor } from "../tensor.ts";
import { collect, type Given2 } from "./options.ts";
import { floatText, text } from "./text.ts";

/** Settings of dropout layers. */
export interface DropoutOptions {
  /** Share of what is zeroed. Default: 0.5. */
  readonly p?: number;
  /** Whether the input itself is changed. Default: false. */
  readonly inplace?: boolean;
}

/** What dropout layers share. */
export abstract class DropoutNd extends Module {
  /** Share of what is zeroed. */
  p: number;
  /** Whether the input itself is changed. */
  inplace: boolean;

  /** A layer with these settings. */
  constructor(...given: Given2<number, boolean, DropoutOptions>) {
    super();
    const { p = 0.5, inplace = false } = collect<DropoutOptions>(new.target.name, ["p", "inplace"], given);
    if (!(p >= 0 && p <= 1)) throw new RangeError(`p of ${new.target.name} must be between 0 and 1, got ${p}`);
    this.p = p;
    this.inplace = inplace;
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    return `p=${floatText(this.p)}, inplace=${text(this.inplace)}`;
  }
}

/** Zeroes values: `torch.nn.Dropout`. Nothing is done in evaluation. */
export class Dropout extends DropoutNd {
  /** The input itself in evaluation. */
  forward(input: Tensor): Tensor {
    return F.dropout(input, this.p, this.training, this.inplace);
  }
}

/** Zeroes channels of [N, C, L]: `torch.nn.Dropout1d`. Nothing is done in evaluation. */
export class Dropout1d extends DropoutNd {
  /** The input itself in evaluation. */
  forward(input: Tensor): Tensor {
    return F.dropout1d(input, this.p, this.training, this.inplace);
  }
}

/** Zeroes channels of [N, C, H, W]: `torch.nn.Dropout2d`. Nothing is done in evaluation. */
export class Dropout2d extends DropoutNd {
  /** The input itself in evaluation. */
  forward(input: Tensor): Tensor {
    return F.dropout2d(input, this.p, this.training, this.inplace);
  }
}

/** Zeroes channels of [N, C, D, H, W]: `torch.nn.Dropout3d`. Nothing is done in evaluation. */
export class Dropout3d extends DropoutNd {
  /** The input itself in evaluation. */
  forward(input: Tensor): Tensor {
    return F.dropout3d(input, this.p, this.training, this.inplace);
  }
}

/** Dropout that keeps mean and variance, for SELU: `torch.nn.AlphaDropout`. Nothing is done in evaluation. */
export class AlphaDropout extends DropoutNd {
  /** The input itself in evaluation. */
  forward(input: Tensor): Tensor {
    return F.alphaDropout(input, this.p, this.training);
  }
}

/** Dropout of channels that keeps mean and variance: `torch.nn.FeatureAlphaDropout`. Nothing is done in evaluation. */
export class FeatureAlphaDropout extends DropoutNd {
  /** The input itself in evaluation. */
  forward(input: Tensor): Tensor {
    return F.featureAlphaDropout(input, this.p, this.training, this.inplace);
  }
}
