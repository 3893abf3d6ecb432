/** `torch.nn.modules.normalization`: norms over an item's own values. */
import * as F from "../functional.ts";
import * as torch from "../torch.ts";
import * as init from "../init.ts";
import { Module } from "../module.ts";
import { Parameter } from "../parameter.ts";
import type { Tensor } from "../tensor.ts";
import type { ParameterOptions, Size } from "./options.ts";
import { floatText, settings, text } from "./text.ts";

/** Settings of {@linkcode LayerNorm}. */
export interface LayerNormOptions extends ParameterOptions {
  /** Added to the variance. Default: 1e-5. */
  readonly eps?: number;
  /** Whether there are a weight and a bias. Default: true. */
  readonly elementwiseAffine?: boolean;
  /** Whether there is a bias, where there is a weight. Default: true. */
  readonly bias?: boolean;
}

/**
 * Normalizes over the last dims: `torch.nn.LayerNorm`.
 *
 * Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.LayerNorm.html
 */
export class LayerNorm extends Module {
  /** Sizes of the last dims. */
  readonly normalizedShape: readonly number[];
  /** Added to the variance. */
  readonly eps: number;
  /** Whether there is a weight. */
  readonly elementwiseAffine: boolean;
  /** Of the normalized shape, as the bias. */
  weight: Parameter | null;
  /** Of the normalized shape; null without a bias. */
  bias: Parameter | null;

  /**
   * A layer with these settings.
   *
   * @param normalizedShape sizes of the last dims; a number is the last dim's
   */
  constructor(normalizedShape: Size, options: LayerNormOptions = {}) {
    super();
    const { eps = 1e-5, elementwiseAffine = true, bias = true, dtype } = options;
    this.normalizedShape = typeof normalizedShape === "number" ? [normalizedShape] : [...normalizedShape];
    this.eps = eps;
    this.elementwiseAffine = elementwiseAffine;
    const parameter = (): Parameter => new Parameter(torch.empty([...this.normalizedShape], { dtype }));
    this.weight = elementwiseAffine ? parameter() : null;
    this.bias = elementwiseAffine && bias ? parameter() : null;
    this.resetParameters();
  }

  /** Sets the weight to 1 and the bias to 0. */
  resetParameters(): void {
    if (this.weight) init.ones_(this.weight);
    if (this.bias) init.zeros_(this.bias);
  }

  /** The normalized input, of its shape. */
  forward(input: Tensor): Tensor {
    return F.layerNorm(input, [...this.normalizedShape], this.weight, this.bias, this.eps);
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    const { normalizedShape, eps, elementwiseAffine } = this;
    return `${text(normalizedShape)}, eps=${floatText(eps)}, ${
      settings({ elementwise_affine: elementwiseAffine, bias: this.bias !== null })
    }`;
  }
}

/** Settings of {@linkcode GroupNorm}. */
export interface GroupNormOptions extends ParameterOptions {
  /** Added to the variance. Default: 1e-5. */
  readonly eps?: number;
  /** Whether there are a weight and a bias. Default: true. */
  readonly affine?: boolean;
  /** Whether there is a bias, where there is a weight. Default: true. */
  readonly bias?: boolean;
}

/** Normalizes over groups of channels: `torch.nn.GroupNorm`. The input is [N, numChannels, *]. */
export class GroupNorm extends Module {
  /** Number of groups. */
  readonly numGroups: number;
  /** Number of channels. */
  readonly numChannels: number;
  /** Added to the variance. */
  readonly eps: number;
  /** Whether there is a weight. */
  readonly affine: boolean;
  /** [numChannels]. */
  weight: Parameter | null;
  /** [numChannels]. */
  bias: Parameter | null;

  /** A layer with these settings. */
  constructor(numGroups: number, numChannels: number, options: GroupNormOptions = {}) {
    super();
    if (numChannels % numGroups !== 0) {
      throw new RangeError(`numChannels of GroupNorm must be divisible by numGroups: ${numChannels} and ${numGroups}`);
    }
    const { eps = 1e-5, affine = true, bias = true, dtype } = options;
    this.numGroups = numGroups;
    this.numChannels = numChannels;
    this.eps = eps;
    this.affine = affine;
    this.weight = affine ? new Parameter(torch.empty([numChannels], { dtype })) : null;
    this.bias = affine && bias ? new Parameter(torch.empty([numChannels], { dtype })) : null;
    this.resetParameters();
  }

  /** Sets the weight to 1 and the bias to 0. */
  resetParameters(): void {
    if (this.weight) init.ones_(this.weight);
    if (this.bias) init.zeros_(this.bias);
  }

  /** The normalized input, of its shape. */
  forward(input: Tensor): Tensor {
    return F.groupNorm(input, this.numGroups, this.weight, this.bias, this.eps);
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    const { numGroups, numChannels, eps, affine } = this;
    const bias = this.bias !== null;
    return `${numGroups}, ${numChannels}, eps=${floatText(eps)}, ${settings({ affine, bias })}`;
  }
}

/** Settings of {@linkcode RMSNorm}. */
export interface RMSNormOptions extends ParameterOptions {
  /** Added to the mean square; null is the dtype's epsilon. Default: null. */
  readonly eps?: number | null;
  /** Whether there is a weight. Default: true. */
  readonly elementwiseAffine?: boolean;
}

/** Divides by the root mean square over the last dims: `torch.nn.RMSNorm`. */
export class RMSNorm extends Module {
  /** Sizes of the last dims. */
  readonly normalizedShape: readonly number[];
  /** Added to the mean square; null is the dtype's epsilon. */
  readonly eps: number | null;
  /** Whether there is a weight. */
  readonly elementwiseAffine: boolean;
  /** Of the normalized shape. */
  weight: Parameter | null;

  /**
   * A layer with these settings.
   *
   * @param normalizedShape sizes of the last dims; a number is the last dim's
   */
  constructor(normalizedShape: Size, options: RMSNormOptions = {}) {
    super();
    const { eps = null, elementwiseAffine = true, dtype } = options;
    this.normalizedShape = typeof normalizedShape === "number" ? [normalizedShape] : [...normalizedShape];
    this.eps = eps;
    this.elementwiseAffine = elementwiseAffine;
    this.weight = elementwiseAffine ? new Parameter(torch.empty([...this.normalizedShape], { dtype })) : null;
    this.resetParameters();
  }

  /** Sets the weight to 1. */
  resetParameters(): void {
    if (this.weight) init.ones_(this.weight);
  }

  /** The normalized input, of its shape. */
  forward(input: Tensor): Tensor {
    return F.rmsNorm(input, [...this.normalizedShape], this.weight, this.eps);
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    const { normalizedShape, eps, elementwiseAffine } = this;
    return `${text(normalizedShape)}, eps=${floatText(eps)}, ${settings({ elementwise_affine: elementwiseAffine })}`;
  }
}

/** Settings of {@linkcode LocalResponseNorm}. */
export interface LocalResponseNormOptions {
  /** Factor of the sum of squares. Default: 1e-4. */
  readonly alpha?: number;
  /** Exponent. Default: 0.75. */
  readonly beta?: number;
  /** Added to the sum. Default: 1. */
  readonly k?: number;
}

/** Divides by a power of the mean square of neighbouring channels: `torch.nn.LocalResponseNorm`. */
export class LocalResponseNorm extends Module {
  /** Number of neighbouring channels. */
  readonly size: number;
  /** Factor of the mean square. */
  readonly alpha: number;
  /** Exponent. */
  readonly beta: number;
  /** Added. */
  readonly k: number;

  /** A layer with these settings. */
  constructor(size: number, options: LocalResponseNormOptions = {}) {
    super();
    const { alpha = 1e-4, beta = 0.75, k = 1 } = options;
    this.size = size;
    this.alpha = alpha;
    this.beta = beta;
    this.k = k;
  }

  /** The normalized input, of its shape. */
  forward(input: Tensor): Tensor {
    return F.localResponseNorm(input, this.size, this.alpha, this.beta, this.k);
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    const { size, alpha, beta, k } = this;
    return `${size}, alpha=${floatText(alpha)}, beta=${floatText(beta)}, k=${floatText(k)}`;
  }
}
