/** `torch.nn.modules.distance`: how far vectors are apart. */
import * as F from "../functional.ts";
import { Module } from "../module.ts";
import type { Tensor } from "../tensor.ts";
import { collect, type Given2 } from "./options.ts";

/** Settings of {@linkcode CosineSimilarity}. */
export interface CosineSimilarityOptions {
  /** The dim of the vectors. Default: 1. */
  readonly dim?: number;
  /** Smallest length that is divided by. Default: 1e-8. */
  readonly eps?: number;
}

/** The cosine of the angle between vectors: `torch.nn.CosineSimilarity`. */
export class CosineSimilarity extends Module {
  /** The dim of the vectors. */
  readonly dim: number;
  /** Smallest length that is divided by. */
  readonly eps: number;

  /** A layer with these settings. */
  constructor(...given: Given2<number, number, CosineSimilarityOptions>) {
    super();
    const { dim = 1, eps = 1e-8 } = collect<CosineSimilarityOptions>("CosineSimilarity", ["dim", "eps"], given);
    this.dim = dim;
    this.eps = eps;
  }

  /** One distance for each pair of vectors. */
  forward(x1: Tensor, x2: Tensor): Tensor {
    return F.cosineSimilarity(x1, x2, this.dim, this.eps);
  }
}

/** Settings of {@linkcode PairwiseDistance}. */
export interface PairwiseDistanceOptions {
  /** The norm. Default: 2. */
  readonly p?: number;
  /** Added to each difference. Default: 1e-6. */
  readonly eps?: number;
  /** Whether the dim of the vectors stays, with size 1. Default: false. */
  readonly keepdim?: boolean;
}

/** The norm of the difference of vectors, which are the last dim: `torch.nn.PairwiseDistance`. */
export class PairwiseDistance extends Module {
  /** The norm. */
  readonly norm: number;
  /** Added to each difference. */
  readonly eps: number;
  /** Whether the dim of the vectors stays, with size 1. */
  readonly keepdim: boolean;

  /** A layer with these settings. */
  constructor(...given: Given2<number, number, PairwiseDistanceOptions>) {
    super();
    const { p = 2, eps = 1e-6, keepdim = false } = collect<PairwiseDistanceOptions>(
      "PairwiseDistance",
      ["p", "eps"],
      given,
    );
    this.norm = p;
    this.eps = eps;
    this.keepdim = keepdim;
  }

  /** One distance for each pair of vectors. */
  forward(x1: Tensor, x2: Tensor): Tensor {
    return F.pairwiseDistance(x1, x2, this.norm, this.eps, this.keepdim);
  }
}
