/** `torch.nn.modules.transformer`: encoder, decoder and both, of layers of attention. */
import * as F from "../functional.ts";
import * as torch from "../torch.ts";
import * as init from "../init.ts";
import { deepcopy } from "../deepcopy.ts";
import { Module } from "../module.ts";
import type { Tensor } from "../tensor.ts";
import type { DType } from "../../tensor/mod.ts";
import { canonicalMask, MultiheadAttention } from "./attention.ts";
import { ModuleList } from "./container.ts";
import { Dropout } from "./dropout.ts";
import { Linear } from "./linear.ts";
import { LayerNorm } from "./normalization.ts";
import { collect, type Given2, type ParameterOptions } from "./options.ts";
import { differ } from "./sizes.ts";

/** The function between the two linear layers: a name, a function, or a module. */
export type Activation = "relu" | "gelu" | ((x: Tensor) => Tensor) | (Module & { call(x: Tensor): Tensor });

/** Settings of encoder and decoder layers. */
export interface TransformerLayerOptions extends ParameterOptions {
  /** Size between the two linear layers. Default: 2048. */
  readonly dimFeedforward?: number;
  /** Dropout in training. Default: 0.1. */
  readonly dropout?: number;
  /** The function between the two linear layers. Default: `relu`. */
  readonly activation?: Activation;
  /** Added to the variance by norms. Default: 1e-5. */
  readonly layerNormEps?: number;
  /** Whether the batch is dim 0 and the sequence dim 1. Default: false, the other way round. */
  readonly batchFirst?: boolean;
  /** Whether norms come before attention and linear layers, not after them. Default: false. */
  readonly normFirst?: boolean;
  /** Whether biases are added. Default: true. */
  readonly bias?: boolean;
}

/** What can follow the sizes: dimFeedforward, dropout, then options; or options only. */
export type LayerGiven = Given2<number, number, TransformerLayerOptions>;

/** What an encoder is told at a call. */
export interface EncoderOptions {
  /** Pairs to leave out [S, S] or [N * heads, S, S]: true, or added to the scores. */
  readonly mask?: Tensor | null;
  /** Keys to leave out [N, S]: true, or added to the scores. */
  readonly srcKeyPaddingMask?: Tensor | null;
  /** Says that the mask is the causal one. Default: null, the mask is used as it is. */
  readonly isCausal?: boolean | null;
}

/** What an encoder layer is told at a call. */
export interface EncoderLayerOptions {
  /** Pairs to leave out [S, S] or [N * heads, S, S]: true, or added to the scores. */
  readonly srcMask?: Tensor | null;
  /** Keys to leave out [N, S]: true, or added to the scores. */
  readonly srcKeyPaddingMask?: Tensor | null;
  /** Says that the mask is the causal one. Default: false. */
  readonly isCausal?: boolean;
}

/** What a decoder or decoder layer is told at a call. */
export interface DecoderOptions {
  /** Pairs of targets to leave out [T, T] or [N * heads, T, T]: true, or added to the scores. */
  readonly tgtMask?: Tensor | null;
  /** Pairs of targets and memory to leave out [T, S]. */
  readonly memoryMask?: Tensor | null;
  /** Targets to leave out [N, T]. */
  readonly tgtKeyPaddingMask?: Tensor | null;
  /** Memory to leave out [N, S]. */
  readonly memoryKeyPaddingMask?: Tensor | null;
  /** Says that the targets' mask is the causal one. Default: not known. */
  readonly tgtIsCausal?: boolean | null;
  /** Says that the memory's mask is the causal one. Default: false. */
  readonly memoryIsCausal?: boolean;
}

/** What a whole transformer is told at a call. */
export interface TransformerCallOptions extends DecoderOptions {
  /** Pairs of sources to leave out. */
  readonly srcMask?: Tensor | null;
  /** Sources to leave out [N, S]. */
  readonly srcKeyPaddingMask?: Tensor | null;
  /** Says that the sources' mask is the causal one. Default: not known. */
  readonly srcIsCausal?: boolean | null;
}

const LAYER_SETTINGS = ["dimFeedforward", "dropout"] as const;

function activationOf(activation: Activation): (x: Tensor) => Tensor {
  if (activation === "relu") return (x) => F.relu(x);
  if (activation === "gelu") return (x) => F.gelu(x);
  if (typeof activation === "function") return activation;
  if (activation instanceof Module) return (x) => activation.call(x);
  throw new RangeError(`activation must be relu, gelu, a function or a module, got ${activation}`);
}

/** What makes the parts of a layer, which come to stand in PyTorch's order, and its settings. */
function partsOf(layer: string, dModel: number, nhead: number, given: LayerGiven) {
  const options = collect<TransformerLayerOptions>(layer, LAYER_SETTINGS, given);
  const { dimFeedforward = 2048, dropout = 0.1, layerNormEps: eps = 1e-5, bias = true, dtype } = options;
  const { batchFirst = false, normFirst = false, activation = "relu" } = options;
  // Refused here rather than at the first call.
  activationOf(activation);
  return {
    normFirst,
    activation,
    attention: () => new MultiheadAttention(dModel, nhead, { dropout, batchFirst, bias, dtype }),
    toWide: () => new Linear(dModel, dimFeedforward, { bias, dtype }),
    fromWide: () => new Linear(dimFeedforward, dModel, { bias, dtype }),
    norm: () => new LayerNorm(dModel, { eps, bias, dtype }),
    dropout: () => new Dropout(dropout),
  };
}

/** The two linear layers of a layer, with the function between them. */
function feedForward(
  { linear1, linear2, dropout, activation }: TransformerEncoderLayer | TransformerDecoderLayer,
  x: Tensor,
): Tensor {
  return linear2.call(dropout.call(activationOf(activation)(linear1.call(x))));
}

/**
 * Attention of a sequence to itself, and two linear layers: `torch.nn.TransformerEncoderLayer`. Always computed by the
 * operators that PyTorch's export records.
 *
 * Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.TransformerEncoderLayer.html
 */
export class TransformerEncoderLayer extends Module {
  /** Attention of a sequence to itself. */
  self_attn: MultiheadAttention;
  /** To the wide size. */
  linear1: Linear;
  /** Between the linear layers. */
  dropout: Dropout;
  /** Back from the wide size. */
  linear2: Linear;
  /** Whether norms come before attention and linear layers. */
  readonly normFirst: boolean;
  /** Of the first part. */
  norm1: LayerNorm;
  /** Of the second part. */
  norm2: LayerNorm;
  /** After the first part. */
  dropout1: Dropout;
  /** After the second part. */
  dropout2: Dropout;
  /** The function between the two linear layers. */
  activation: Activation;

  /** A layer with these settings. */
  constructor(dModel: number, nhead: number, ...given: LayerGiven) {
    super();
    const make = partsOf("TransformerEncoderLayer", dModel, nhead, given);
    this.self_attn = make.attention();
    this.linear1 = make.toWide();
    this.dropout = make.dropout();
    this.linear2 = make.fromWide();
    this.normFirst = make.normFirst;
    this.norm1 = make.norm();
    this.norm2 = make.norm();
    this.dropout1 = make.dropout();
    this.dropout2 = make.dropout();
    this.activation = make.activation;
  }

  /**
   * Applies the layers.
   *
   * @param src [S, N, dModel]; with batchFirst [N, S, dModel]; or [S, dModel]
   */
  forward(src: Tensor, options: EncoderLayerOptions = {}): Tensor {
    const given = {
      keyPaddingMask: canonicalMask("srcKeyPaddingMask", options.srcKeyPaddingMask, src.dtype),
      attnMask: canonicalMask("srcMask", options.srcMask, src.dtype),
      isCausal: options.isCausal ?? false,
      needWeights: false,
    };
    const feed = (x: Tensor): Tensor => this.dropout2.call(feedForward(this, x));
    const attend = (x: Tensor): Tensor => this.dropout1.call(this.self_attn.call(x, x, x, given)[0]);
    if (this.normFirst) {
      const x = src.add(attend(this.norm1.call(src)));
      return x.add(feed(this.norm2.call(x)));
    }
    const x = this.norm1.call(src.add(attend(src)));
    return this.norm2.call(x.add(feed(x)));
  }
}

/**
 * Attention of targets to themselves and to a memory, and two linear layers: `torch.nn.TransformerDecoderLayer`.
 *
 * Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.TransformerDecoderLayer.html
 */
export class TransformerDecoderLayer extends Module {
  /** Attention of a sequence to itself. */
  self_attn: MultiheadAttention;
  /** Attention to the memory. */
  multihead_attn: MultiheadAttention;
  /** To the wide size. */
  linear1: Linear;
  /** Between the linear layers. */
  dropout: Dropout;
  /** Back from the wide size. */
  linear2: Linear;
  /** Whether norms come before attention and linear layers. */
  readonly normFirst: boolean;
  /** Of the first part. */
  norm1: LayerNorm;
  /** Of the second part. */
  norm2: LayerNorm;
  /** Of the third part. */
  norm3: LayerNorm;
  /** After the first part. */
  dropout1: Dropout;
  /** After the second part. */
  dropout2: Dropout;
  /** After the third part. */
  dropout3: Dropout;
  /** The function between the two linear layers. */
  activation: Activation;

  /** A layer with these settings. */
  constructor(dModel: number, nhead: number, ...given: LayerGiven) {
    super();
    const make = partsOf("TransformerDecoderLayer", dModel, nhead, given);
    this.self_attn = make.attention();
    this.multihead_attn = make.attention();
    this.linear1 = make.toWide();
    this.dropout = make.dropout();
    this.linear2 = make.fromWide();
    this.normFirst = make.normFirst;
    this.norm1 = make.norm();
    this.norm2 = make.norm();
    this.norm3 = make.norm();
    this.dropout1 = make.dropout();
    this.dropout2 = make.dropout();
    this.dropout3 = make.dropout();
    this.activation = make.activation;
  }

  /**
   * Applies the layers.
   *
   * @param tgt [T, N, dModel]; with batchFirst [N, T, dModel]; or [T, dModel]
   * @param memory [S, N, dModel], likewise
   */
  forward(tgt: Tensor, memory: Tensor, options: DecoderOptions = {}): Tensor {
    const ofTargets = {
      attnMask: options.tgtMask,
      keyPaddingMask: options.tgtKeyPaddingMask,
      isCausal: options.tgtIsCausal ?? false,
      needWeights: false,
    };
    const ofMemory = {
      attnMask: options.memoryMask,
      keyPaddingMask: options.memoryKeyPaddingMask,
      isCausal: options.memoryIsCausal ?? false,
      needWeights: false,
    };
    const toSelf = (x: Tensor): Tensor => this.dropout1.call(this.self_attn.call(x, x, x, ofTargets)[0]);
    const toMemory = (x: Tensor): Tensor =>
      this.dropout2.call(this.multihead_attn.call(x, memory, memory, ofMemory)[0]);
    const feed = (x: Tensor): Tensor => this.dropout3.call(feedForward(this, x));
    if (this.normFirst) {
      let x = tgt.add(toSelf(this.norm1.call(tgt)));
      x = x.add(toMemory(this.norm2.call(x)));
      return x.add(feed(this.norm3.call(x)));
    }
    let x = this.norm1.call(tgt.add(toSelf(tgt)));
    x = this.norm2.call(x.add(toMemory(x)));
    return this.norm3.call(x.add(feed(x)));
  }
}

/** A module that takes and gives one tensor. */
type TensorModule = Module & { call(x: Tensor): Tensor };

/** Copies of an encoder layer, one after the other: `torch.nn.TransformerEncoder`. */
export class TransformerEncoder extends Module {
  /** Its layers. */
  layers: ModuleList<TransformerEncoderLayer>;
  /** Number of layers. */
  readonly numLayers: number;
  /** Applied to the result. */
  norm: TensorModule | null;

  /** A layer with these settings. */
  constructor(encoderLayer: TransformerEncoderLayer, numLayers: number, norm: TensorModule | null = null) {
    super();
    this.layers = new ModuleList(copies(encoderLayer, numLayers));
    this.numLayers = numLayers;
    this.norm = norm;
  }

  /**
   * Applies the layers.
   *
   * @param src [S, N, dModel]; with batchFirst [N, S, dModel]; or [S, dModel]
   */
  forward(src: Tensor, options: EncoderOptions = {}): Tensor {
    // PyTorch looks whether a mask is the causal one, to compute the same result faster; here it is used as it is.
    const given = {
      srcKeyPaddingMask: canonicalMask("srcKeyPaddingMask", options.srcKeyPaddingMask, src.dtype),
      srcMask: canonicalMask("mask", options.mask, src.dtype),
      isCausal: options.isCausal ?? false,
    };
    let output = src;
    for (const layer of this.layers) output = layer.call(output, given);
    return this.norm ? this.norm.call(output) : output;
  }
}

/** Copies of a decoder layer, one after the other: `torch.nn.TransformerDecoder`. */
export class TransformerDecoder extends Module {
  /** Its layers. */
  layers: ModuleList<TransformerDecoderLayer>;
  /** Number of layers. */
  readonly numLayers: number;
  /** Applied to the result. */
  norm: TensorModule | null;

  /** A layer with these settings. */
  constructor(decoderLayer: TransformerDecoderLayer, numLayers: number, norm: TensorModule | null = null) {
    super();
    this.layers = new ModuleList(copies(decoderLayer, numLayers));
    this.numLayers = numLayers;
    this.norm = norm;
  }

  /**
   * Applies the layers.
   *
   * @param tgt [T, N, dModel]; with batchFirst [N, T, dModel]; or [T, dModel]
   * @param memory [S, N, dModel], likewise
   */
  forward(tgt: Tensor, memory: Tensor, options: DecoderOptions = {}): Tensor {
    let output = tgt;
    for (const layer of this.layers) output = layer.call(output, memory, options);
    return this.norm ? this.norm.call(output) : output;
  }
}

/** Settings of {@linkcode Transformer}. */
export interface TransformerOptions extends TransformerLayerOptions {
  /** Size of an item. Default: 512. */
  readonly dModel?: number;
  /** Number of heads. Default: 8. */
  readonly nhead?: number;
  /** Number of encoder layers. Default: 6. */
  readonly numEncoderLayers?: number;
  /** Number of decoder layers. Default: 6. */
  readonly numDecoderLayers?: number;
  /** In place of the encoder that these settings describe. */
  readonly customEncoder?: TransformerEncoder;
  /** In place of the decoder that these settings describe. */
  readonly customDecoder?: TransformerDecoder;
}

/**
 * Encoder and decoder: `torch.nn.Transformer`.
 *
 * Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Transformer.html
 */
export class Transformer extends Module {
  /** Of the sources. */
  encoder: TransformerEncoder;
  /** Of the targets. */
  decoder: TransformerDecoder;
  /** Size of an item. */
  readonly dModel: number;
  /** Number of heads. */
  readonly nhead: number;
  /** Whether the batch is dim 0. */
  readonly batchFirst: boolean;

  /** A layer with these settings. */
  constructor(...given: Given2<number, number, TransformerOptions>) {
    super();
    const options = collect<TransformerOptions>("Transformer", ["dModel", "nhead"], given);
    const { dModel = 512, nhead = 8, numEncoderLayers = 6, numDecoderLayers = 6, ...rest } = options;
    const { layerNormEps: eps = 1e-5, bias = true, dtype, customEncoder, customDecoder, ...layer } = rest;
    const settings: TransformerLayerOptions = { ...layer, layerNormEps: eps, bias, dtype };
    const norm = (): LayerNorm => new LayerNorm(dModel, { eps, bias, dtype });
    this.encoder = customEncoder ??
      new TransformerEncoder(new TransformerEncoderLayer(dModel, nhead, settings), numEncoderLayers, norm());
    this.decoder = customDecoder ??
      new TransformerDecoder(new TransformerDecoderLayer(dModel, nhead, settings), numDecoderLayers, norm());
    for (const parameter of this.parameters()) if (parameter.ndim > 1) init.xavierUniform_(parameter);
    this.dModel = dModel;
    this.nhead = nhead;
    this.batchFirst = options.batchFirst ?? false;
  }

  /** A mask [size, size] that lets items see those before them: 0 on and below the diagonal, else -Infinity. */
  static generateSquareSubsequentMask(size: number, options: { readonly dtype?: DType } = {}): Tensor {
    return torch.triu(torch.full([size, size], -Infinity, { dtype: options.dtype ?? "float32" }), 1);
  }

  /**
   * Applies the layers.
   *
   * @param src [S, N, dModel]; with batchFirst [N, S, dModel]; or [S, dModel]
   * @param tgt [T, N, dModel], likewise
   */
  forward(src: Tensor, tgt: Tensor, options: TransformerCallOptions = {}): Tensor {
    const batch = this.batchFirst ? 0 : 1;
    if (src.ndim === 3 && differ(src.shape[batch], tgt.shape[batch])) {
      throw new RangeError(`src and tgt must have the same batch, got ${src.shape[batch]} and ${tgt.shape[batch]}`);
    }
    for (const [name, x] of [["src", src], ["tgt", tgt]] as const) {
      const last = x.shape[x.ndim - 1];
      if (differ(last, this.dModel)) {
        throw new RangeError(`The last dim of ${name} must be ${this.dModel}, got ${last}`);
      }
    }
    const { srcMask: mask, srcKeyPaddingMask, srcIsCausal: isCausal, ...ofDecoder } = options;
    const memory = this.encoder.call(src, { mask, srcKeyPaddingMask, isCausal });
    return this.decoder.call(tgt, memory, ofDecoder);
  }
}

function copies<M extends Module>(layer: M, count: number): M[] {
  return Array.from({ length: count }, () => deepcopy(layer));
}
