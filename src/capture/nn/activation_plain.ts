/** `torch.nn.modules.activation`: elementwise functions as layers that never write to their input. */
import * as F from "../functional.ts";
import * as init from "../init.ts";
import { Module } from "../module.ts";
import { Parameter } from "../parameter.ts";
import type { Tensor } from "../tensor.ts";
import * as torch from "../torch.ts";
import { collect, type Given1, type Given2, type ParameterOptions } from "./options.ts";
import { floatText, text } from "./text.ts";

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
