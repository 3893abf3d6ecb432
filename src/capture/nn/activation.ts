/** `torch.nn.modules.activation`: elementwise functions as layers. */
import * as F from "../functional.ts";
import * as torch from "../torch.ts";
import * as init from "../init.ts";
import { Module } from "../module.ts";
import { Parameter } from "../parameter.ts";
import type { Tensor } from "../tensor.ts";
import { collect, type Given1, type Given2, type Given3, type ParameterOptions } from "./options.ts";
import { floatText, text } from "./text.ts";

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

/** 1 / (1 + exp(-x)): `torch.nn.Sigmoid`. */
export class Sigmoid extends Module {
  /** The function's values, of the input's shape. */
  forward(input: Tensor): Tensor {
    return torch.sigmoid(input);
  }
}

/** The hyperbolic tangent: `torch.nn.Tanh`. */
export class Tanh extends Module {
  /** The function's values, of the input's shape. */
  forward(input: Tensor): Tensor {
    return torch.tanh(input);
  }
}

/** log(sigmoid(x)): `torch.nn.LogSigmoid`. */
export class LogSigmoid extends Module {
  /** The function's values, of the input's shape. */
  forward(input: Tensor): Tensor {
    return F.logsigmoid(input);
  }
}

/** x / (1 + |x|): `torch.nn.Softsign`. */
export class Softsign extends Module {
  /** The function's values, of the input's shape. */
  forward(input: Tensor): Tensor {
    return F.softsign(input);
  }
}

/** x - tanh(x): `torch.nn.Tanhshrink`. */
export class Tanhshrink extends Module {
  /** The function's values, of the input's shape. */
  forward(input: Tensor): Tensor {
    return F.tanhshrink(input);
  }
}

/** x, or 0 where |x| is not above lambd: `torch.nn.Hardshrink`. */
export class Hardshrink extends Module {
  /** The bound. */
  readonly lambd: number;

  /** A layer with these settings. */
  constructor(lambd: number = 0.5) {
    super();
    this.lambd = lambd;
  }

  /** The function's values, of the input's shape. */
  forward(input: Tensor): Tensor {
    return F.hardshrink(input, this.lambd);
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    return floatText(this.lambd);
  }
}

/** x moved towards 0 by lambd: `torch.nn.Softshrink`. */
export class Softshrink extends Module {
  /** The bound. */
  readonly lambd: number;

  /** A layer with these settings. */
  constructor(lambd: number = 0.5) {
    super();
    this.lambd = lambd;
  }

  /** The function's values, of the input's shape. */
  forward(input: Tensor): Tensor {
    return F.softshrink(input, this.lambd);
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    return floatText(this.lambd);
  }
}

/** Settings of {@linkcode Softplus}. */
export interface SoftplusOptions {
  /** How steep it is. Default: 1. */
  readonly beta?: number;
  /** Where beta * x is above this, the result is x. Default: 20. */
  readonly threshold?: number;
}

/** log(1 + exp(beta * x)) / beta: `torch.nn.Softplus`. */
export class Softplus extends Module {
  /** How steep it is. */
  readonly beta: number;
  /** Where beta * x is above this, the result is x. */
  readonly threshold: number;

  /** A layer with these settings. */
  constructor(...given: Given2<number, number, SoftplusOptions>) {
    super();
    const { beta = 1, threshold = 20 } = collect<SoftplusOptions>("Softplus", ["beta", "threshold"], given);
    this.beta = beta;
    this.threshold = threshold;
  }

  /** The function's values, of the input's shape. */
  forward(input: Tensor): Tensor {
    return F.softplus(input, this.beta, this.threshold);
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    return `beta=${floatText(this.beta)}, threshold=${floatText(this.threshold)}`;
  }
}

/** Settings of {@linkcode GELU}. */
export interface GELUOptions {
  /** `tanh` for the approximation. Default: `none`. */
  readonly approximate?: "none" | "tanh";
}

/** x times the normal distribution's cumulative function: `torch.nn.GELU`. */
export class GELU extends Module {
  /** `tanh` for the approximation. */
  readonly approximate: "none" | "tanh";

  /** A layer with these settings. */
  constructor(...given: Given1<"none" | "tanh", GELUOptions>) {
    super();
    this.approximate = collect<GELUOptions>("GELU", ["approximate"], given).approximate ?? "none";
  }

  /** The function's values, of the input's shape. */
  forward(input: Tensor): Tensor {
    return F.gelu(input, { approximate: this.approximate });
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    return `approximate=${text(this.approximate)}`;
  }
}

/** The first half of a dim times the sigmoid of the second: `torch.nn.GLU`. */
export class GLU extends Module {
  /** The dim. */
  readonly dim: number;

  /** A layer with these settings. */
  constructor(dim: number = -1) {
    super();
    this.dim = dim;
  }

  /** The function's values, of the input's shape. */
  forward(input: Tensor): Tensor {
    return F.glu(input, this.dim);
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

/** Settings of {@linkcode PReLU}. */
export interface PReLUOptions extends ParameterOptions {
  /** 1, or the number of channels. Default: 1. */
  readonly numParameters?: number;
  /** The initial slope. Default: 0.25. */
  readonly init?: number;
}

/** x, or below 0 times a slope that is a parameter: `torch.nn.PReLU`. */
export class PReLU extends Module {
  /** Number of slopes. */
  readonly numParameters: number;
  /** The slopes [numParameters]. */
  weight: Parameter;

  /** A layer with these settings. */
  constructor(...given: Given2<number, number, PReLUOptions>) {
    super();
    const options = collect<PReLUOptions>("PReLU", ["numParameters", "init"], given);
    this.numParameters = options.numParameters ?? 1;
    this.weight = new Parameter(torch.empty([this.numParameters], { dtype: options.dtype }));
    init.constant_(this.weight, options.init ?? 0.25);
  }

  /** The function's values, of the input's shape. */
  forward(input: Tensor): Tensor {
    return F.prelu(input, this.weight);
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    return `num_parameters=${this.numParameters}`;
  }
}
