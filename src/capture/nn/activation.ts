/** `torch.nn.modules.activation`: elementwise functions as layers that can write to their input. */
import * as F from "../functional.ts";
import { Module } from "../module.ts";
import type { Tensor } from "../tensor.ts";
import { collect, type Given1, type Given2, type Given3 } from "./options.ts";
import { floatText } from "./text.ts";

/** Settings of layers that can write to their input. */
export interface InplaceOptions {
  /** Whether the input itself is changed. Default: false. */
  readonly inplace?: boolean;
}

/** What layers that can write to their input share. */
export abstract class InplaceActivation extends Module {
  /** Whether the input itself is changed. */
  readonly inplace: boolean;

  /** A layer with these settings. */
  constructor(options: InplaceOptions) {
    super();
    this.inplace = options.inplace ?? false;
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    return this.inplace ? "inplace=True" : "";
  }

  /** Settings, and whether the input is changed. */
  protected with(values: string): string {
    return this.inplace ? `${values}, inplace=True` : values;
  }
}

/** max(0, x): `torch.nn.ReLU`. */
export class ReLU extends InplaceActivation {
  /** A layer with these settings. */
  constructor(...given: Given1<boolean, InplaceOptions>) {
    super(collect("ReLU", ["inplace"], given));
  }

  /** The function's values, of the input's shape. */
  forward(input: Tensor): Tensor {
    return F.relu(input, this.inplace);
  }
}

/** x * sigmoid(x): `torch.nn.SiLU`. */
export class SiLU extends InplaceActivation {
  /** A layer with these settings. */
  constructor(...given: Given1<boolean, InplaceOptions>) {
    super(collect("SiLU", ["inplace"], given));
  }

  /** The function's values, of the input's shape. */
  forward(input: Tensor): Tensor {
    return F.silu(input, this.inplace);
  }
}

/** x * tanh(softplus(x)): `torch.nn.Mish`. */
export class Mish extends InplaceActivation {
  /** A layer with these settings. */
  constructor(...given: Given1<boolean, InplaceOptions>) {
    super(collect("Mish", ["inplace"], given));
  }

  /** The function's values, of the input's shape. */
  forward(input: Tensor): Tensor {
    return F.mish(input, this.inplace);
  }
}

/** ELU with the scales that keep mean and variance: `torch.nn.SELU`. */
export class SELU extends InplaceActivation {
  /** A layer with these settings. */
  constructor(...given: Given1<boolean, InplaceOptions>) {
    super(collect("SELU", ["inplace"], given));
  }

  /** The function's values, of the input's shape. */
  forward(input: Tensor): Tensor {
    return F.selu(input, this.inplace);
  }
}

/** min(max(0, x), 6): `torch.nn.ReLU6`. */
export class ReLU6 extends InplaceActivation {
  /** A layer with these settings. */
  constructor(...given: Given1<boolean, InplaceOptions>) {
    super(collect("ReLU6", ["inplace"], given));
  }

  /** The function's values, of the input's shape. */
  forward(input: Tensor): Tensor {
    return F.hardtanh(input, 0, 6, this.inplace);
  }
}

/** relu6(x + 3) / 6: `torch.nn.Hardsigmoid`. */
export class Hardsigmoid extends InplaceActivation {
  /** A layer with these settings. */
  constructor(...given: Given1<boolean, InplaceOptions>) {
    super(collect("Hardsigmoid", ["inplace"], given));
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    return "";
  }

  /** The function's values, of the input's shape. */
  forward(input: Tensor): Tensor {
    return F.hardsigmoid(input, this.inplace);
  }
}

/** x * relu6(x + 3) / 6: `torch.nn.Hardswish`. */
export class Hardswish extends InplaceActivation {
  /** A layer with these settings. */
  constructor(...given: Given1<boolean, InplaceOptions>) {
    super(collect("Hardswish", ["inplace"], given));
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    return "";
  }

  /** The function's values, of the input's shape. */
  forward(input: Tensor): Tensor {
    return F.hardswish(input, this.inplace);
  }
}

/** Settings of {@linkcode ELU}. */
export interface ELUOptions extends InplaceOptions {
  /** Factor below 0. Default: 1. */
  readonly alpha?: number;
}

/** x, or alpha * (exp(x) - 1) below 0: `torch.nn.ELU`. */
export class ELU extends InplaceActivation {
  /** Factor below 0. */
  readonly alpha: number;

  /** A layer with these settings. */
  constructor(...given: Given2<number, boolean, ELUOptions>) {
    const options = collect<ELUOptions>("ELU", ["alpha", "inplace"], given);
    super(options);
    this.alpha = options.alpha ?? 1;
  }

  /** The function's values, of the input's shape. */
  forward(input: Tensor): Tensor {
    return F.elu(input, this.alpha, this.inplace);
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    return this.with(`alpha=${floatText(this.alpha)}`);
  }
}

/** Settings of {@linkcode CELU}. */
export interface CELUOptions extends InplaceOptions {
  /** Scale below 0. Default: 1. */
  readonly alpha?: number;
}

/** max(0, x) + min(0, alpha * (exp(x / alpha) - 1)): `torch.nn.CELU`. */
export class CELU extends InplaceActivation {
  /** Scale below 0. */
  readonly alpha: number;

  /** A layer with these settings. */
  constructor(...given: Given2<number, boolean, CELUOptions>) {
    const options = collect<CELUOptions>("CELU", ["alpha", "inplace"], given);
    super(options);
    this.alpha = options.alpha ?? 1;
  }

  /** The function's values, of the input's shape. */
  forward(input: Tensor): Tensor {
    return F.celu(input, this.alpha, this.inplace);
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    return this.with(`alpha=${floatText(this.alpha)}`);
  }
}

/** Settings of {@linkcode LeakyReLU}. */
export interface LeakyReLUOptions extends InplaceOptions {
  /** Slope below 0. Default: 0.01. */
  readonly negativeSlope?: number;
}

/** x, or negativeSlope * x below 0: `torch.nn.LeakyReLU`. */
export class LeakyReLU extends InplaceActivation {
  /** Slope below 0. */
  readonly negativeSlope: number;

  /** A layer with these settings. */
  constructor(...given: Given2<number, boolean, LeakyReLUOptions>) {
    const options = collect<LeakyReLUOptions>("LeakyReLU", ["negativeSlope", "inplace"], given);
    super(options);
    this.negativeSlope = options.negativeSlope ?? 0.01;
  }

  /** The function's values, of the input's shape. */
  forward(input: Tensor): Tensor {
    return F.leakyRelu(input, this.negativeSlope, this.inplace);
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    return this.with(`negative_slope=${floatText(this.negativeSlope)}`);
  }
}

/** Settings of {@linkcode Hardtanh}. */
export interface HardtanhOptions extends InplaceOptions {
  /** Smallest value. Default: -1. */
  readonly minVal?: number;
  /** Largest value. Default: 1. */
  readonly maxVal?: number;
}

/** x within bounds: `torch.nn.Hardtanh`. */
export class Hardtanh extends InplaceActivation {
  /** Smallest value. */
  readonly minVal: number;
  /** Largest value. */
  readonly maxVal: number;

  /** A layer with these settings. */
  constructor(...given: Given3<number, number, boolean, HardtanhOptions>) {
    const options = collect<HardtanhOptions>("Hardtanh", ["minVal", "maxVal", "inplace"], given);
    super(options);
    this.minVal = options.minVal ?? -1;
    this.maxVal = options.maxVal ?? 1;
    if (this.maxVal <= this.minVal) {
      throw new RangeError(`maxVal of Hardtanh must be larger than minVal: ${this.maxVal} and ${this.minVal}`);
    }
  }

  /** The function's values, of the input's shape. */
  forward(input: Tensor): Tensor {
    return F.hardtanh(input, this.minVal, this.maxVal, this.inplace);
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    return this.with(`min_val=${floatText(this.minVal)}, max_val=${floatText(this.maxVal)}`);
  }
}

/** Settings of {@linkcode RReLU}. */
export interface RReLUOptions extends InplaceOptions {
  /** Smallest slope below 0. Default: 1 / 8. */
  readonly lower?: number;
  /** Largest slope below 0. Default: 1 / 3. */
  readonly upper?: number;
}

/** x, or below 0 times a slope that is random in training and the mean of its bounds else: `torch.nn.RReLU`. */
export class RReLU extends InplaceActivation {
  /** Smallest slope below 0. */
  readonly lower: number;
  /** Largest slope below 0. */
  readonly upper: number;

  /** A layer with these settings. */
  constructor(...given: Given3<number, number, boolean, RReLUOptions>) {
    const options = collect<RReLUOptions>("RReLU", ["lower", "upper", "inplace"], given);
    super(options);
    this.lower = options.lower ?? 1 / 8;
    this.upper = options.upper ?? 1 / 3;
  }

  /** The function's values, of the input's shape. */
  forward(input: Tensor): Tensor {
    return F.rrelu(input, this.lower, this.upper, this.training, this.inplace);
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    return this.with(`lower=${floatText(this.lower)}, upper=${floatText(this.upper)}`);
  }
}

/** x, or a value where x is not above a threshold: `torch.nn.Threshold`. */
export class Threshold extends InplaceActivation {
  /** What x must be above. */
  readonly threshold: number;
  /** What takes its place else. */
  readonly value: number;

  /** A layer with these settings. */
  constructor(threshold: number, value: number, ...given: Given1<boolean, InplaceOptions>) {
    super(collect("Threshold", ["inplace"], given));
    this.threshold = threshold;
    this.value = value;
  }

  /** The function's values, of the input's shape. */
  forward(input: Tensor): Tensor {
    return F.threshold(input, this.threshold, this.value, this.inplace);
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    return this.with(`threshold=${floatText(this.threshold)}, value=${floatText(this.value)}`);
  }
}
