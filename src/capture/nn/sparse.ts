/** `torch.nn.modules.sparse`: tables of vectors. */
import * as F from "../functional.ts";
import * as torch from "../torch.ts";
import * as init from "../init.ts";
import { Module } from "../module.ts";
import { Parameter } from "../parameter.ts";
import type { Tensor } from "../tensor.ts";
import type { ParameterOptions } from "./options.ts";
import { floatText, text } from "./text.ts";

/** What tables of vectors share. */
export interface TableOptions extends ParameterOptions {
  /** An index that stands for nothing: its vector is 0 at first, and bags leave it out. Counts from the end if negative. */
  readonly paddingIdx?: number | null;
  /** Vectors that are looked up and longer are shortened to this, in place. Default: null. */
  readonly maxNorm?: number | null;
  /** The norm that is meant. Default: 2. */
  readonly normType?: number;
  /** Of gradients only. Default: false. */
  readonly scaleGradByFreq?: boolean;
  /** Of gradients only. Default: false. */
  readonly sparse?: boolean;
}

/** Settings of {@linkcode EmbeddingBag}. */
export interface EmbeddingBagOptions extends TableOptions {
  /** What becomes of the vectors of a bag. Default: `mean`. */
  readonly mode?: "sum" | "mean" | "max";
  /** Whether the offsets end with the number of indices. Default: false. */
  readonly includeLastOffset?: boolean;
}

/** What {@linkcode Embedding} and {@linkcode EmbeddingBag} share. */
export abstract class Table extends Module {
  /** Number of vectors. */
  readonly numEmbeddings: number;
  /** Size of a vector. */
  readonly embeddingDim: number;
  /** An index that stands for nothing. */
  readonly paddingIdx: number | null;
  /** The largest norm of a vector that is looked up. */
  readonly maxNorm: number | null;
  /** The norm that is meant. */
  readonly normType: number;
  /** Of gradients only. */
  readonly scaleGradByFreq: boolean;
  /** Of gradients only. */
  readonly sparse: boolean;
  /** [numEmbeddings, embeddingDim]. */
  weight: Parameter;

  /** A layer with these settings. */
  constructor(numEmbeddings: number, embeddingDim: number, options: TableOptions) {
    super();
    const { paddingIdx = null, maxNorm = null, normType = 2, scaleGradByFreq = false, sparse = false } = options;
    if (paddingIdx !== null && (paddingIdx >= numEmbeddings || paddingIdx < -numEmbeddings)) {
      throw new RangeError(
        `paddingIdx of ${new.target.name} must be within numEmbeddings: ${paddingIdx} and ${numEmbeddings}`,
      );
    }
    this.numEmbeddings = numEmbeddings;
    this.embeddingDim = embeddingDim;
    this.paddingIdx = paddingIdx !== null && paddingIdx < 0 ? numEmbeddings + paddingIdx : paddingIdx;
    this.maxNorm = maxNorm;
    this.normType = normType;
    this.scaleGradByFreq = scaleGradByFreq;
    this.sparse = sparse;
    this.weight = new Parameter(torch.empty([numEmbeddings, embeddingDim], { dtype: options.dtype }));
    this.resetParameters();
  }

  /** Gives the vectors new random values. */
  resetParameters(): void {
    init.normal_(this.weight);
    if (this.paddingIdx !== null) init.zeros_(this.weight.detach().select(0, this.paddingIdx));
  }
}

/**
 * Looks up vectors by their indices: `torch.nn.Embedding`. Indices [*] give [*, embeddingDim].
 *
 * Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Embedding.html
 */
export class Embedding extends Table {
  /** A layer with these settings. */
  constructor(numEmbeddings: number, embeddingDim: number, options: TableOptions = {}) {
    super(numEmbeddings, embeddingDim, options);
  }

  /**
   * A table with given vectors [numEmbeddings, embeddingDim], which it shares.
   *
   * @param options `freeze` (default true) says that training would not change them
   */
  static fromPretrained(embeddings: Tensor, options: TableOptions & { readonly freeze?: boolean } = {}): Embedding {
    const { freeze = true, ...rest } = options;
    const [count, size] = matrix(embeddings, "Embedding");
    const table = new Embedding(count, size, { ...rest, dtype: embeddings.dtype });
    table.weight = new Parameter(embeddings, !freeze);
    return table;
  }

  /** Applies the layer. */
  forward(input: Tensor): Tensor {
    const { weight, paddingIdx, maxNorm, normType, scaleGradByFreq, sparse } = this;
    return F.embedding(input, weight, paddingIdx, maxNorm, normType, scaleGradByFreq, sparse);
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    const { numEmbeddings, embeddingDim, paddingIdx, maxNorm, normType } = this;
    let shown = `${numEmbeddings}, ${embeddingDim}`;
    if (paddingIdx !== null) shown += `, padding_idx=${paddingIdx}`;
    if (maxNorm !== null) shown += `, max_norm=${floatText(maxNorm)}`;
    if (normType !== 2) shown += `, norm_type=${floatText(normType)}`;
    if (this.scaleGradByFreq) shown += ", scale_grad_by_freq=True";
    if (this.sparse) shown += ", sparse=True";
    return shown;
  }
}

/**
 * Sums, means or maxima of bags of vectors: `torch.nn.EmbeddingBag`. Indices [B, N] are B bags; indices [N] are divided by
 * offsets [B]. The result is [B, embeddingDim].
 *
 * Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.EmbeddingBag.html
 */
export class EmbeddingBag extends Table {
  /** What becomes of the vectors of a bag. */
  readonly mode: "sum" | "mean" | "max";
  /** Whether the offsets end with the number of indices. */
  readonly includeLastOffset: boolean;

  /** A layer with these settings. */
  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingBagOptions = {}) {
    super(numEmbeddings, embeddingDim, options);
    this.mode = options.mode ?? "mean";
    this.includeLastOffset = options.includeLastOffset ?? false;
  }

  /**
   * A table with given vectors [numEmbeddings, embeddingDim], which it shares.
   *
   * @param options `freeze` (default true) says that training would not change them
   */
  static fromPretrained(
    embeddings: Tensor,
    options: EmbeddingBagOptions & { readonly freeze?: boolean } = {},
  ): EmbeddingBag {
    const { freeze = true, ...rest } = options;
    const [count, size] = matrix(embeddings, "EmbeddingBag");
    const table = new EmbeddingBag(count, size, { ...rest, dtype: embeddings.dtype });
    table.weight = new Parameter(embeddings, !freeze);
    return table;
  }

  /**
   * The vectors of bags.
   *
   * @param offsets where each bag begins, for indices [N]
   * @param perSampleWeights a factor for each index, in mode `sum`
   */
  forward(input: Tensor, offsets: Tensor | null = null, perSampleWeights: Tensor | null = null): Tensor {
    const { maxNorm, normType, scaleGradByFreq, mode, sparse, includeLastOffset, paddingIdx } = this;
    return F.embeddingBag(input, this.weight, {
      offsets,
      maxNorm,
      normType,
      scaleGradByFreq,
      mode,
      sparse,
      perSampleWeights,
      includeLastOffset,
      paddingIdx,
    });
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    const { numEmbeddings, embeddingDim, paddingIdx, maxNorm, normType } = this;
    let shown = `${numEmbeddings}, ${embeddingDim}`;
    if (maxNorm !== null) shown += `, max_norm=${floatText(maxNorm)}`;
    if (normType !== 2) shown += `, norm_type=${floatText(normType)}`;
    if (this.scaleGradByFreq) shown += ", scale_grad_by_freq=True";
    shown += `, mode=${text(this.mode)}`;
    if (paddingIdx !== null) shown += `, padding_idx=${paddingIdx}`;
    return shown;
  }
}

function matrix(embeddings: Tensor, layer: string): readonly number[] {
  if (embeddings.ndim !== 2) {
    throw new RangeError(`${layer}.fromPretrained takes a 2-D tensor, got ${embeddings.ndim}-D`);
  }
  return embeddings.shape;
}
