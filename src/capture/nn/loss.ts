/** `torch.nn.modules.loss`: how far a result is from what is wanted. */
import * as F from "../functional.ts";
import { Module } from "../module.ts";
import type { Tensor } from "../tensor.ts";
import * as torch from "../torch.ts";

/** What becomes of the losses of the items: they stay, or are averaged (`batchmean`: over the batch) or added up. */
export type Reduction = "none" | "mean" | "sum" | "batchmean";

/** Settings that all losses have. */
export interface LossOptions {
  /** What becomes of the losses of the items. Default: `mean`. */
  readonly reduction?: Reduction;
}

/** What losses share. */
export abstract class Loss extends Module {
  /** What becomes of the losses of the items. */
  reduction: Reduction;

  /** A loss with these settings. */
  constructor(options: LossOptions) {
    super();
    this.reduction = options.reduction ?? "mean";
  }
}

/** Settings of losses with weights. */
export interface WeightedLossOptions extends LossOptions {
  /** Factors of classes or items. Default: null. */
  readonly weight?: Tensor | null;
}

/** What losses with weights share; the weights are a buffer. */
export abstract class WeightedLoss extends Loss {
  /** Buffer: factors of classes or items. */
  weight: Tensor | null;

  /** A loss with these settings. */
  constructor(options: WeightedLossOptions) {
    super(options);
    this.weight = this.registerBuffer("weight", options.weight ?? null);
  }
}

/** |input - target|: `torch.nn.L1Loss`. */
export class L1Loss extends Loss {
  /** A loss with these settings. */
  constructor(options: LossOptions = {}) {
    super(options);
  }

  /** The loss, one for all items unless `reduction` is `none`. */
  forward(input: Tensor, target: Tensor): Tensor {
    const { reduction } = this;
    return F.l1Loss(input, target, { reduction });
  }
}

/** (input - target)²: `torch.nn.MSELoss`. */
export class MSELoss extends Loss {
  /** A loss with these settings. */
  constructor(options: LossOptions = {}) {
    super(options);
  }

  /** The loss, one for all items unless `reduction` is `none`. */
  forward(input: Tensor, target: Tensor): Tensor {
    const { reduction } = this;
    return F.mseLoss(input, target, { reduction });
  }
}

/** Settings of {@linkcode SmoothL1Loss}. */
export interface SmoothL1LossOptions extends LossOptions {
  /** Where the squares end. Default: 1. */
  readonly beta?: number;
}

/** Squared where small, else absolute: `torch.nn.SmoothL1Loss`. */
export class SmoothL1Loss extends Loss {
  /** Where the squares end. */
  readonly beta: number;

  /** A loss with these settings. */
  constructor(options: SmoothL1LossOptions = {}) {
    super(options);
    this.beta = options.beta ?? 1;
  }

  /** The loss, one for all items unless `reduction` is `none`. */
  forward(input: Tensor, target: Tensor): Tensor {
    const { beta, reduction } = this;
    return F.smoothL1Loss(input, target, { beta, reduction });
  }
}

/** Settings of {@linkcode HuberLoss}. */
export interface HuberLossOptions extends LossOptions {
  /** Where the squares end. Default: 1. */
  readonly delta?: number;
}

/** Squared where small, else absolute times delta: `torch.nn.HuberLoss`. */
export class HuberLoss extends Loss {
  /** Where the squares end. */
  readonly delta: number;

  /** A loss with these settings. */
  constructor(options: HuberLossOptions = {}) {
    super(options);
    this.delta = options.delta ?? 1;
  }

  /** The loss, one for all items unless `reduction` is `none`. */
  forward(input: Tensor, target: Tensor): Tensor {
    const { delta, reduction } = this;
    return F.huberLoss(input, target, { delta, reduction });
  }
}

/** Settings of {@linkcode CrossEntropyLoss}. */
export interface CrossEntropyLossOptions extends WeightedLossOptions {
  /** A class that counts for nothing. Default: -100. */
  readonly ignoreIndex?: number;
  /** Share of the target that is spread over all classes. Default: 0. */
  readonly labelSmoothing?: number;
}

/** Of scores [N, C, *] and classes [N, *] or probabilities [N, C, *]: `torch.nn.CrossEntropyLoss`. */
export class CrossEntropyLoss extends WeightedLoss {
  /** A class that counts for nothing. */
  readonly ignoreIndex: number;
  /** Share of the target that is spread over all classes. */
  readonly labelSmoothing: number;

  /** A loss with these settings. */
  constructor(options: CrossEntropyLossOptions = {}) {
    super(options);
    this.ignoreIndex = options.ignoreIndex ?? -100;
    this.labelSmoothing = options.labelSmoothing ?? 0;
  }

  /** The loss, one for all items unless `reduction` is `none`. */
  forward(input: Tensor, target: Tensor): Tensor {
    const { weight, ignoreIndex, labelSmoothing, reduction } = this;
    return F.crossEntropy(input, target, { weight, ignoreIndex, labelSmoothing, reduction });
  }
}

/** Settings of {@linkcode NLLLoss}. */
export interface NLLLossOptions extends WeightedLossOptions {
  /** A class that counts for nothing. Default: -100. */
  readonly ignoreIndex?: number;
}

/** Of logarithms of probabilities [N, C, *] and classes [N, *]: `torch.nn.NLLLoss`. */
export class NLLLoss extends WeightedLoss {
  /** A class that counts for nothing. */
  readonly ignoreIndex: number;

  /** A loss with these settings. */
  constructor(options: NLLLossOptions = {}) {
    super(options);
    this.ignoreIndex = options.ignoreIndex ?? -100;
  }

  /** The loss, one for all items unless `reduction` is `none`. */
  forward(input: Tensor, target: Tensor): Tensor {
    const { weight, ignoreIndex, reduction } = this;
    return F.nllLoss(input, target, { weight, ignoreIndex, reduction });
  }
}

/** Settings of {@linkcode PoissonNLLLoss}. */
export interface PoissonNLLLossOptions extends LossOptions {
  /** Whether the input is the logarithm of the mean. Default: true. */
  readonly logInput?: boolean;
  /** Whether Stirling's term is added. Default: false. */
  readonly full?: boolean;
  /** Added to the mean before its logarithm. Default: 1e-8. */
  readonly eps?: number;
}

/** Of Poisson distributed targets: `torch.nn.PoissonNLLLoss`. */
export class PoissonNLLLoss extends Loss {
  /** Whether the input is the logarithm of the mean. */
  readonly logInput: boolean;
  /** Whether Stirling's term is added. */
  readonly full: boolean;
  /** Added to the mean before its logarithm. */
  readonly eps: number;

  /** A loss with these settings. */
  constructor(options: PoissonNLLLossOptions = {}) {
    super(options);
    this.logInput = options.logInput ?? true;
    this.full = options.full ?? false;
    this.eps = options.eps ?? 1e-8;
  }

  /** The loss, one for all items unless `reduction` is `none`. */
  forward(input: Tensor, target: Tensor): Tensor {
    const { logInput, full, eps, reduction } = this;
    return F.poissonNllLoss(input, target, { logInput, full, eps, reduction });
  }
}

/** Settings of {@linkcode GaussianNLLLoss}. */
export interface GaussianNLLLossOptions extends LossOptions {
  /** Whether the constant term is added. Default: false. */
  readonly full?: boolean;
  /** Smallest variance. Default: 1e-6. */
  readonly eps?: number;
}

/** Of normally distributed targets with a variance each: `torch.nn.GaussianNLLLoss`. */
export class GaussianNLLLoss extends Loss {
  /** Whether the constant term is added. */
  readonly full: boolean;
  /** Smallest variance. */
  readonly eps: number;

  /** A loss with these settings. */
  constructor(options: GaussianNLLLossOptions = {}) {
    super(options);
    this.full = options.full ?? false;
    this.eps = options.eps ?? 1e-6;
  }

  /**
   * The loss, one for all items unless `reduction` is `none`.
   *
   * @param variance of each value, or of all
   */
  forward(input: Tensor, target: Tensor, variance: Tensor | number): Tensor {
    const { full, eps, reduction } = this;
    const variances = typeof variance === "number" ? torch.onesLike(input).mul(variance) : variance;
    return F.gaussianNllLoss(input, target, variances, { full, eps, reduction });
  }
}

/** Settings of {@linkcode KLDivLoss}. */
export interface KLDivLossOptions extends LossOptions {
  /** Whether the target is in logarithms too. Default: false. */
  readonly logTarget?: boolean;
}

/** Divergence of logarithms of probabilities from probabilities: `torch.nn.KLDivLoss`. */
export class KLDivLoss extends Loss {
  /** Whether the target is in logarithms too. */
  readonly logTarget: boolean;

  /** A loss with these settings. */
  constructor(options: KLDivLossOptions = {}) {
    super(options);
    this.logTarget = options.logTarget ?? false;
  }

  /** The loss, one for all items unless `reduction` is `none`. */
  forward(input: Tensor, target: Tensor): Tensor {
    const { logTarget, reduction } = this;
    return F.klDiv(input, target, { logTarget, reduction });
  }
}

/** Of probabilities and targets between 0 and 1: `torch.nn.BCELoss`. */
export class BCELoss extends WeightedLoss {
  /** A loss with these settings. */
  constructor(options: WeightedLossOptions = {}) {
    super(options);
  }

  /** The loss, one for all items unless `reduction` is `none`. */
  forward(input: Tensor, target: Tensor): Tensor {
    const { weight, reduction } = this;
    return F.binaryCrossEntropy(input, target, { weight, reduction });
  }
}

/** Settings of {@linkcode BCEWithLogitsLoss}. */
export interface BCEWithLogitsLossOptions extends WeightedLossOptions {
  /** Factors of what is positive. Default: null. */
  readonly posWeight?: Tensor | null;
}

/** Of scores and targets between 0 and 1: `torch.nn.BCEWithLogitsLoss`. */
export class BCEWithLogitsLoss extends WeightedLoss {
  /** Buffer: factors of what is positive. */
  pos_weight: Tensor | null;

  /** A loss with these settings. */
  constructor(options: BCEWithLogitsLossOptions = {}) {
    super(options);
    this.pos_weight = this.registerBuffer("pos_weight", options.posWeight ?? null);
  }

  /** The loss, one for all items unless `reduction` is `none`. */
  forward(input: Tensor, target: Tensor): Tensor {
    const { weight, pos_weight: posWeight, reduction } = this;
    return F.binaryCrossEntropyWithLogits(input, target, { weight, posWeight, reduction });
  }
}

/** log(1 + exp(-target * input)), targets being -1 and 1: `torch.nn.SoftMarginLoss`. */
export class SoftMarginLoss extends Loss {
  /** A loss with these settings. */
  constructor(options: LossOptions = {}) {
    super(options);
  }

  /** The loss, one for all items unless `reduction` is `none`. */
  forward(input: Tensor, target: Tensor): Tensor {
    const { reduction } = this;
    return F.softMarginLoss(input, target, { reduction });
  }
}

/** Settings of {@linkcode HingeEmbeddingLoss}. */
export interface HingeEmbeddingLossOptions extends LossOptions {
  /** The margin. Default: 1. */
  readonly margin?: number;
}

/** The input where the target is 1, and what lacks to the margin where it is -1: `torch.nn.HingeEmbeddingLoss`. */
export class HingeEmbeddingLoss extends Loss {
  /** The margin. */
  readonly margin: number;

  /** A loss with these settings. */
  constructor(options: HingeEmbeddingLossOptions = {}) {
    super(options);
    this.margin = options.margin ?? 1;
  }

  /** The loss, one for all items unless `reduction` is `none`. */
  forward(input: Tensor, target: Tensor): Tensor {
    const { margin, reduction } = this;
    return F.hingeEmbeddingLoss(input, target, { margin, reduction });
  }
}

/** Of scores [N, C] and lists of classes [N, C] that end with -1: `torch.nn.MultiLabelMarginLoss`. */
export class MultiLabelMarginLoss extends Loss {
  /** A loss with these settings. */
  constructor(options: LossOptions = {}) {
    super(options);
  }

  /** The loss, one for all items unless `reduction` is `none`. */
  forward(input: Tensor, target: Tensor): Tensor {
    const { reduction } = this;
    return F.multilabelMarginLoss(input, target, { reduction });
  }
}

/** Of scores [N, C] and targets 0 and 1 [N, C]: `torch.nn.MultiLabelSoftMarginLoss`. */
export class MultiLabelSoftMarginLoss extends WeightedLoss {
  /** A loss with these settings. */
  constructor(options: WeightedLossOptions = {}) {
    super(options);
  }

  /** The loss, one for all items unless `reduction` is `none`. */
  forward(input: Tensor, target: Tensor): Tensor {
    const { weight, reduction } = this;
    return F.multilabelSoftMarginLoss(input, target, { weight, reduction });
  }
}

/** Settings of {@linkcode MultiMarginLoss}. */
export interface MultiMarginLossOptions extends WeightedLossOptions {
  /** Exponent, 1 or 2. Default: 1. */
  readonly p?: number;
  /** The margin. Default: 1. */
  readonly margin?: number;
}

/** Of scores [N, C] and classes [N], with a margin: `torch.nn.MultiMarginLoss`. */
export class MultiMarginLoss extends WeightedLoss {
  /** Exponent, 1 or 2. */
  readonly p: number;
  /** The margin. */
  readonly margin: number;

  /** A loss with these settings. */
  constructor(options: MultiMarginLossOptions = {}) {
    super(options);
    this.p = options.p ?? 1;
    this.margin = options.margin ?? 1;
  }

  /** The loss, one for all items unless `reduction` is `none`. */
  forward(input: Tensor, target: Tensor): Tensor {
    const { weight, p, margin, reduction } = this;
    return F.multiMarginLoss(input, target, { weight, p, margin, reduction });
  }
}
