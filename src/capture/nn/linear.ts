/** `torch.nn.modules.linear`: layers that multiply by a matrix. */
import * as F from "../functional.ts";
import * as init from "../init.ts";
import { Module } from "../module.ts";
import { Parameter } from "../parameter.ts";
import type { Tensor } from "../tensor.ts";
import * as torch from "../torch.ts";
import type { ParameterOptions } from "./options.ts";
import { settings } from "./text.ts";

/** Gives its input: `torch.nn.Identity`. */
export class Identity<T = Tensor> extends Module {
  /** Any arguments are taken, and ignored. */
  constructor(..._args: readonly unknown[]) {
    super();
  }

  /** Applies the layer. */
  forward(input: T): T {
    return input;
  }
}

/** Settings of {@linkcode Linear} and {@linkcode Bilinear}. */
export interface LinearOptions extends ParameterOptions {
  /** Whether a bias is added. Default: true. */
  readonly bias?: boolean;
}

/**
 * `x @ weight.T + bias`: `torch.nn.Linear`. `x` is [*, inFeatures], the result [*, outFeatures].
 *
 * Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Linear.html
 *
 * @example
 * ```ts
 * import { nn, torch } from "@fx2onnx/fx2onnx/torch";
 *
 * const fc = new nn.Linear(20, 30);
 * console.log(fc.call(torch.randn([128, 20])).shape); // [128, 30]
 * ```
 */
export class Linear extends Module {
  /** Size of the last dim of the input. */
  readonly inFeatures: number;
  /** Size of the last dim of the result. */
  readonly outFeatures: number;
  /** [outFeatures, inFeatures]. */
  weight: Parameter;
  /** [outFeatures]; null without a bias. */
  bias: Parameter | null;

  /** A layer with these settings. */
  constructor(inFeatures: number, outFeatures: number, options: LinearOptions | boolean = {}) {
    super();
    const { bias = true, dtype } = typeof options === "boolean" ? { bias: options } : options;
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    this.weight = new Parameter(torch.empty([outFeatures, inFeatures], { dtype }));
    this.bias = bias ? new Parameter(torch.empty([outFeatures], { dtype })) : null;
    this.resetParameters();
  }

  /** Gives the parameters new random values. */
  resetParameters(): void {
    init.kaimingUniform_(this.weight, { a: Math.sqrt(5) });
    if (this.bias) init.biasUniform_(this.bias, this.weight);
  }

  /** Applies the layer. */
  forward(input: Tensor): Tensor {
    return F.linear(input, this.weight, this.bias);
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    return settings({ in_features: this.inFeatures, out_features: this.outFeatures, bias: this.bias !== null });
  }
}

/** `x1 @ weight @ x2 + bias`, for each output feature: `torch.nn.Bilinear`. */
export class Bilinear extends Module {
  /** Size of the last dim of the first input. */
  readonly in1Features: number;
  /** Size of the last dim of the second input. */
  readonly in2Features: number;
  /** Size of the last dim of the result. */
  readonly outFeatures: number;
  /** [outFeatures, in1Features, in2Features]. */
  weight: Parameter;
  /** [outFeatures]; null without a bias. */
  bias: Parameter | null;

  /** A layer with these settings. */
  constructor(in1Features: number, in2Features: number, outFeatures: number, options: LinearOptions = {}) {
    super();
    if (in1Features <= 0) throw new RangeError(`in1Features of Bilinear must be > 0, got ${in1Features}`);
    const { bias = true, dtype } = options;
    this.in1Features = in1Features;
    this.in2Features = in2Features;
    this.outFeatures = outFeatures;
    this.weight = new Parameter(torch.empty([outFeatures, in1Features, in2Features], { dtype }));
    this.bias = bias ? new Parameter(torch.empty([outFeatures], { dtype })) : null;
    this.resetParameters();
  }

  /** Gives the parameters new random values. */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.in1Features);
    init.uniform_(this.weight, -bound, bound);
    if (this.bias) init.uniform_(this.bias, -bound, bound);
  }

  /** Applies the layer. */
  forward(input1: Tensor, input2: Tensor): Tensor {
    return F.bilinear(input1, input2, this.weight, this.bias);
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    const { in1Features, in2Features, outFeatures } = this;
    return settings({
      in1_features: in1Features,
      in2_features: in2Features,
      out_features: outFeatures,
      bias: this.bias !== null,
    });
  }
}

/** The output projection of attention: {@linkcode Linear} under the name that PyTorch prints. */
export class NonDynamicallyQuantizableLinear extends Linear {}
