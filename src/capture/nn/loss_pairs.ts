/** `torch.nn.modules.loss`: losses of pairs, triplets and sequences. */
import * as F from "../functional.ts";
import type { Module } from "../module.ts";
import { Tensor } from "../tensor.ts";
import * as torch from "../torch.ts";
import { PairwiseDistance } from "./distance.ts";
import { Loss, type LossOptions } from "./loss.ts";

/** Settings of {@linkcode CosineEmbeddingLoss}. */
export interface CosineEmbeddingLossOptions extends LossOptions {
  /** Cosine that is small enough for different ones. Default: 0. */
  readonly margin?: number;
}

/** Of the cosine of pairs, which the target 1 wants alike and -1 different: `torch.nn.CosineEmbeddingLoss`. */
export class CosineEmbeddingLoss extends Loss {
  /** Cosine that is small enough for different ones. */
  readonly margin: number;

  /** A loss with these settings. */
  constructor(options: CosineEmbeddingLossOptions = {}) {
    super(options);
    this.margin = options.margin ?? 0;
  }

  /** The loss, one for all items unless `reduction` is `none`. */
  forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    const { margin, reduction } = this;
    return F.cosineEmbeddingLoss(input1, input2, target, { margin, reduction });
  }
}

/** Settings of {@linkcode MarginRankingLoss}. */
export interface MarginRankingLossOptions extends LossOptions {
  /** Difference that is enough. Default: 0. */
  readonly margin?: number;
}

/** Of pairs of which the target 1 wants the first larger, and -1 the second: `torch.nn.MarginRankingLoss`. */
export class MarginRankingLoss extends Loss {
  /** Difference that is enough. */
  readonly margin: number;

  /** A loss with these settings. */
  constructor(options: MarginRankingLossOptions = {}) {
    super(options);
    this.margin = options.margin ?? 0;
  }

  /** The loss, one for all items unless `reduction` is `none`. */
  forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    const { margin, reduction } = this;
    return F.marginRankingLoss(input1, input2, target, { margin, reduction });
  }
}

/** Settings of {@linkcode TripletMarginLoss}. */
export interface TripletMarginLossOptions extends LossOptions {
  /** Difference that is enough. Default: 1. */
  readonly margin?: number;
  /** The norm of distances. Default: 2. */
  readonly p?: number;
  /** Added to differences. Default: 1e-6. */
  readonly eps?: number;
  /** Whether the negative's distance to the positive counts if it is smaller. Default: false. */
  readonly swap?: boolean;
}

/** Of anchors that shall be nearer to the positive than to the negative ones: `torch.nn.TripletMarginLoss`. */
export class TripletMarginLoss extends Loss {
  /** Difference that is enough. */
  readonly margin: number;
  /** The norm of distances. */
  readonly p: number;
  /** Added to differences. */
  readonly eps: number;
  /** Whether the negative's distance to the positive counts if it is smaller. */
  readonly swap: boolean;

  /** A loss with these settings. */
  constructor(options: TripletMarginLossOptions = {}) {
    super(options);
    this.margin = options.margin ?? 1;
    this.p = options.p ?? 2;
    this.eps = options.eps ?? 1e-6;
    this.swap = options.swap ?? false;
  }

  /** The loss, one for all items unless `reduction` is `none`. */
  forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    const { margin, p, eps, swap, reduction } = this;
    return F.tripletMarginLoss(anchor, positive, negative, { margin, p, eps, swap, reduction });
  }
}

/** The distance of vectors: a function, or a module. */
export type Distance = ((a: Tensor, b: Tensor) => Tensor) | (Module & { call(a: Tensor, b: Tensor): Tensor });

/** Settings of {@linkcode TripletMarginWithDistanceLoss}. */
export interface TripletMarginWithDistanceLossOptions extends LossOptions {
  /** The distance of vectors, a function or a module. Default: null, {@linkcode PairwiseDistance}. */
  readonly distanceFunction?: Distance | null;
  /** Difference that is enough. Default: 1. */
  readonly margin?: number;
  /** Whether the negative's distance to the positive counts if it is smaller. Default: false. */
  readonly swap?: boolean;
}

/** {@linkcode TripletMarginLoss} with a distance of one's own: `torch.nn.TripletMarginWithDistanceLoss`. */
export class TripletMarginWithDistanceLoss extends Loss {
  /** The distance of vectors. */
  readonly distance_function: Distance;
  /** Difference that is enough. */
  readonly margin: number;
  /** Whether the negative's distance to the positive counts if it is smaller. */
  readonly swap: boolean;

  /** A loss with these settings. */
  constructor(options: TripletMarginWithDistanceLossOptions = {}) {
    super(options);
    this.distance_function = options.distanceFunction ?? new PairwiseDistance();
    this.margin = options.margin ?? 1;
    this.swap = options.swap ?? false;
  }

  /** The loss, one for all items unless `reduction` is `none`. */
  forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    const { distance_function: distance, margin, swap, reduction } = this;
    const distanceFunction = typeof distance === "function" ? distance : (a: Tensor, b: Tensor) => distance.call(a, b);
    return F.tripletMarginWithDistanceLoss(anchor, positive, negative, { distanceFunction, margin, swap, reduction });
  }
}

/** Settings of {@linkcode CTCLoss}. */
export interface CTCLossOptions extends LossOptions {
  /** The class that stands for nothing. Default: 0. */
  readonly blank?: number;
  /** Whether infinite losses become 0. Default: false. */
  readonly zeroInfinity?: boolean;
}

/** Of sequences [T, N, C] of logarithms of probabilities and shorter ones of classes: `torch.nn.CTCLoss`. */
export class CTCLoss extends Loss {
  /** The class that stands for nothing. */
  readonly blank: number;
  /** Whether infinite losses become 0. */
  readonly zeroInfinity: boolean;

  /** A loss with these settings. */
  constructor(options: CTCLossOptions = {}) {
    super(options);
    this.blank = options.blank ?? 0;
    this.zeroInfinity = options.zeroInfinity ?? false;
  }

  /**
   * The loss, one for all items unless `reduction` is `none`.
   *
   * @param inputLengths lengths of the sequences, as `targetLengths` are of the shorter ones: [N] or a list
   */
  forward(
    logProbs: Tensor,
    targets: Tensor,
    inputLengths: Tensor | readonly number[],
    targetLengths: Tensor | readonly number[],
  ): Tensor {
    const { blank, zeroInfinity, reduction } = this;
    if (inputLengths instanceof Tensor && targetLengths instanceof Tensor) {
      return F.ctcLoss(logProbs, targets, inputLengths, targetLengths, { blank, reduction, zeroInfinity });
    }
    const lengths = (given: Tensor | readonly number[]): readonly number[] =>
      given instanceof Tensor ? given.tolist() as number[] : given;
    const code = ["none", "mean", "sum"].indexOf(reduction);
    return torch.ctcLoss(logProbs, targets, lengths(inputLengths), lengths(targetLengths), blank, code, zeroInfinity);
  }
}
