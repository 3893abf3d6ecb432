/** `torch.nn.MultiheadAttention`. */
import * as F from "../functional.ts";
import * as torch from "../torch.ts";
import * as init from "../init.ts";
import { Module } from "../module.ts";
import { Parameter } from "../parameter.ts";
import type { Tensor } from "../tensor.ts";
import { isFloat } from "../../tensor/mod.ts";
import type { DType } from "../../tensor/mod.ts";
import { NonDynamicallyQuantizableLinear } from "./linear.ts";
import type { ParameterOptions } from "./options.ts";
import { differ, times } from "./sizes.ts";

/** Settings of {@linkcode MultiheadAttention}. */
export interface MultiheadAttentionOptions extends ParameterOptions {
  /** Dropout of the weights of attention, in training. Default: 0. */
  readonly dropout?: number;
  /** Whether biases are added. Default: true. */
  readonly bias?: boolean;
  /** Whether learned vectors are added to keys and values. Default: false. */
  readonly addBiasKv?: boolean;
  /** Whether a vector of zeros is added to keys and values. Default: false. */
  readonly addZeroAttn?: boolean;
  /** Size of a key. Default: embedDim. */
  readonly kdim?: number | null;
  /** Size of a value. Default: embedDim. */
  readonly vdim?: number | null;
  /** Whether the batch is dim 0 and the sequence dim 1. Default: false, the other way round. */
  readonly batchFirst?: boolean;
}

/** What attention is told at a call. */
export interface AttentionOptions {
  /** Keys to leave out [N, S] (or [S]): true, or added to the scores. */
  readonly keyPaddingMask?: Tensor | null;
  /** Whether the weights of attention are returned. Default: true. */
  readonly needWeights?: boolean;
  /** Pairs to leave out [L, S] or [N * heads, L, S]: true, or added to the scores. */
  readonly attnMask?: Tensor | null;
  /** Whether the weights are the mean over the heads. Default: true. */
  readonly averageAttnWeights?: boolean;
  /** Says that the mask is the causal one, so that it need not be looked at. Default: false. */
  readonly isCausal?: boolean;
}

/**
 * Attention with several heads: `torch.nn.MultiheadAttention`. Always computed by the operators that PyTorch's export records.
 *
 * Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html
 *
 * @example
 * ```ts
 * import { nn, torch } from "@fx2onnx/fx2onnx/torch";
 *
 * const attention = new nn.MultiheadAttention(8, 2, { batchFirst: true });
 * const x = torch.randn([3, 5, 8]);
 * const [output, weights] = attention.call(x, x, x);
 * console.log(output.shape, weights?.shape); // [3, 5, 8] [3, 5, 5]
 * ```
 */
export class MultiheadAttention extends Module {
  /** Size of a query, and of a result. */
  readonly embedDim: number;
  /** Number of heads. */
  readonly numHeads: number;
  /** Size of a head. */
  readonly headDim: number;
  /** Dropout of the weights of attention. */
  dropout: number;
  /** Size of a key. */
  readonly kdim: number;
  /** Size of a value. */
  readonly vdim: number;
  /** Whether the batch is dim 0. */
  readonly batchFirst: boolean;
  /** Whether a vector of zeros is added to keys and values. */
  readonly addZeroAttn: boolean;
  /** [embedDim, embedDim]; null where all sizes are embedDim. */
  q_proj_weight: Parameter | null;
  /** [embedDim, kdim]; null where all sizes are embedDim. */
  k_proj_weight: Parameter | null;
  /** [embedDim, vdim]; null where all sizes are embedDim. */
  v_proj_weight: Parameter | null;
  /** [3 * embedDim, embedDim]; null where other sizes are. */
  in_proj_weight: Parameter | null;
  /** [3 * embedDim]. */
  in_proj_bias: Parameter | null;
  /** [1, 1, embedDim]. */
  bias_k: Parameter | null;
  /** [1, 1, embedDim]. */
  bias_v: Parameter | null;
  /** Of the result. */
  out_proj: NonDynamicallyQuantizableLinear;

  /** A layer with these settings. */
  constructor(embedDim: number, numHeads: number, options: MultiheadAttentionOptions = {}) {
    super();
    const { dropout = 0, bias = true, addBiasKv = false, addZeroAttn = false, batchFirst = false, dtype } = options;
    if (!(embedDim > 0 && numHeads > 0)) {
      throw new RangeError(`embedDim and numHeads of MultiheadAttention must be > 0, got ${embedDim} and ${numHeads}`);
    }
    if (embedDim % numHeads !== 0) {
      throw new RangeError(`embedDim of MultiheadAttention must be divisible by numHeads: ${embedDim} and ${numHeads}`);
    }
    this.embedDim = embedDim;
    this.numHeads = numHeads;
    this.headDim = embedDim / numHeads;
    this.dropout = dropout;
    this.kdim = options.kdim ?? embedDim;
    this.vdim = options.vdim ?? embedDim;
    this.batchFirst = batchFirst;
    this.addZeroAttn = addZeroAttn;
    const parameter = (...shape: number[]): Parameter => new Parameter(torch.empty(shape, { dtype }));
    const packed = this.kdim === embedDim && this.vdim === embedDim;
    this.q_proj_weight = packed ? null : parameter(embedDim, embedDim);
    this.k_proj_weight = packed ? null : parameter(embedDim, this.kdim);
    this.v_proj_weight = packed ? null : parameter(embedDim, this.vdim);
    this.in_proj_weight = packed ? parameter(3 * embedDim, embedDim) : null;
    this.in_proj_bias = bias ? parameter(3 * embedDim) : null;
    this.bias_k = addBiasKv ? parameter(1, 1, embedDim) : null;
    this.bias_v = addBiasKv ? parameter(1, 1, embedDim) : null;
    this.out_proj = new NonDynamicallyQuantizableLinear(embedDim, embedDim, { bias, dtype });
    this.resetParameters();
  }

  /** Gives the parameters new random values. */
  resetParameters(): void {
    for (const weight of [this.in_proj_weight, this.q_proj_weight, this.k_proj_weight, this.v_proj_weight]) {
      if (weight) init.xavierUniform_(weight);
    }
    for (const bias of [this.in_proj_bias, this.out_proj.bias]) if (bias) init.zeros_(bias);
    for (const bias of [this.bias_k, this.bias_v]) if (bias) init.xavierNormal_(bias);
  }

  /**
   * Applies attention.
   *
   * @param query [L, N, embedDim]; with batchFirst [N, L, embedDim]; or [L, embedDim]
   * @param key [S, N, kdim], likewise
   * @param value [S, N, vdim], likewise
   * @returns the result, of the query's form, and the weights of attention [N, L, S], per head [N, heads, L, S], or null
   */
  forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    options: AttentionOptions = {},
  ): [output: Tensor, weights: Tensor | null] {
    checkShapes(this, query, key, value, options);
    const { attnMask = null, needWeights = true } = options;
    const isBatched = query.ndim === 3;
    const given = { ...options, keyPaddingMask: canonicalMask("keyPaddingMask", options.keyPaddingMask, query.dtype) };
    given.attnMask = canonicalMask("attnMask", attnMask, query.dtype);
    const transpose = this.batchFirst && isBatched;
    const [q, k, v] = transpose ? onEach([query, key, value], (x) => x.transpose(1, 0)) : [query, key, value];
    const [output, weights] = attend(this, q, k, v, { ...given, needWeights });
    return [transpose ? output.transpose(1, 0) : output, weights];
  }
}

/** A mask that is added to the scores. */
export function canonicalMask(name: string, mask: Tensor | null | undefined, dtype: DType): Tensor | null {
  if (!mask) return null;
  if (isFloat(mask.dtype)) return mask;
  if (mask.dtype !== "bool") {
    throw new TypeError(`${name} must be of bool or a floating point dtype, got ${mask.dtype}`);
  }
  return torch.zerosLike(mask, { dtype }).maskedFill_(mask, -Infinity);
}

/** What is the same tensor stays the same tensor: attention to oneself is projected at once. */
function onEach(tensors: readonly Tensor[], change: (x: Tensor) => Tensor): Tensor[] {
  const changed = new Map<Tensor, Tensor>();
  return tensors.map((tensor) => {
    const result = changed.get(tensor) ?? change(tensor);
    changed.set(tensor, result);
    return result;
  });
}

/** Attention of [L, N, E] or [L, E], as `F.multi_head_attention_forward` computes it. */
function attend(
  module: MultiheadAttention,
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: AttentionOptions,
): [Tensor, Tensor | null] {
  const { embedDim, numHeads, headDim, bias_k, bias_v, training } = module;
  const { needWeights = true, averageAttnWeights = true } = options;
  let { keyPaddingMask = null, attnMask = null, isCausal = false } = options;
  const isBatched = query.ndim === 3;
  if (!isBatched) {
    [query, key, value] = [query, key, value].map((x) => x.unsqueeze(1));
    keyPaddingMask = keyPaddingMask?.unsqueeze(0) ?? null;
  }
  const [targetLength, batch] = query.shape;
  if (isCausal && attnMask === null) {
    throw new RangeError(
      "isCausal says that attnMask is causal, so it needs one: see Transformer.generateSquareSubsequentMask",
    );
  }
  if (isCausal && keyPaddingMask === null && !needWeights) attnMask = null;
  else if (keyPaddingMask !== null) isCausal = false;
  let [q, k, v] = module.in_proj_weight
    ? projectPacked(query, key, value, module.in_proj_weight, module.in_proj_bias)
    : projectEach(module, query, key, value);
  if (attnMask?.ndim === 2) attnMask = attnMask.unsqueeze(0);
  const widen = (): void => {
    attnMask = attnMask && F.pad(attnMask, [0, 1]);
    keyPaddingMask = keyPaddingMask && F.pad(keyPaddingMask, [0, 1]);
  };
  if (bias_k && bias_v) {
    k = torch.cat([k, bias_k.repeat([1, batch, 1])]);
    v = torch.cat([v, bias_v.repeat([1, batch, 1])]);
    widen();
  }
  const rows = times(batch, numHeads);
  const perHead = (x: Tensor): Tensor => x.view([x.shape[0], rows, headDim]).transpose(0, 1);
  [q, k, v] = [perHead(q), perHead(k), perHead(v)];
  if (module.addZeroAttn) {
    const zeros = (): Tensor => torch.zeros([rows, 1, headDim], { dtype: k.dtype });
    k = torch.cat([k, zeros()], 1);
    v = torch.cat([v, zeros()], 1);
    widen();
  }
  const sourceLength = k.shape[1];
  if (keyPaddingMask) {
    const mask = keyPaddingMask.view([batch, 1, 1, sourceLength]).expand([-1, numHeads, -1, -1])
      .reshape([rows, 1, sourceLength]);
    attnMask = attnMask ? attnMask.add(mask) : mask;
  }
  const dropout = training ? module.dropout : 0;
  const merge = (x: Tensor): Tensor => {
    const flat = x.reshape([times(targetLength, batch), embedDim]);
    return F.linear(flat, module.out_proj.weight, module.out_proj.bias).view([targetLength, batch, embedDim]);
  };
  if (!needWeights) {
    if (attnMask) {
      attnMask = attnMask.shape[0] === 1 && attnMask.ndim === 3
        ? attnMask.unsqueeze(0)
        : attnMask.view([batch, numHeads, -1, sourceLength]);
    }
    q = q.view([batch, numHeads, targetLength, headDim]);
    k = k.view([batch, numHeads, sourceLength, headDim]);
    v = v.view([batch, numHeads, sourceLength, headDim]);
    const attended = F.scaledDotProductAttention(q, k, v, attnMask, dropout, isCausal);
    const merged = merge(attended.permute([2, 0, 1, 3]));
    return [isBatched ? merged : merged.squeeze(1), null];
  }
  const scaled = q.mul(torch.float(Math.sqrt(1 / headDim)));
  const transposed = k.transpose(-2, -1);
  const scores = attnMask ? torch.baddbmm(attnMask, scaled, transposed) : torch.bmm(scaled, transposed);
  let weights = F.softmax(scores, -1);
  if (dropout > 0) weights = F.dropout(weights, dropout);
  const output = merge(torch.bmm(weights, v).transpose(0, 1));
  weights = weights.view([batch, numHeads, targetLength, sourceLength]);
  if (averageAttnWeights) weights = weights.mean(1);
  return isBatched ? [output, weights] : [output.squeeze(1), weights.squeeze(0)];
}

/** Queries, keys and values by one matrix. */
function projectPacked(query: Tensor, key: Tensor, value: Tensor, weight: Tensor, bias: Tensor | null): Tensor[] {
  const size = weight.shape[1];
  const parts = (x: Tensor, count: number): Tensor[] => {
    const apart = x.unflatten(-1, [count, size]).unsqueeze(0).transpose(0, -2).squeeze(-2).contiguous();
    return Array.from({ length: count }, (_, i) => apart.select(0, i));
  };
  if (key === value && query === key) return parts(F.linear(query, weight, bias), 3);
  if (key === value) {
    const [ofQuery, ofKeyValue] = weight.split([size, 2 * size]);
    const [queryBias, keyValueBias] = bias ? bias.split([size, 2 * size]) : [null, null];
    return [F.linear(query, ofQuery, queryBias), ...parts(F.linear(key, ofKeyValue, keyValueBias), 2)];
  }
  const weights = weight.chunk(3);
  const biases = bias?.chunk(3);
  return [query, key, value].map((x, i) => F.linear(x, weights[i], biases?.[i] ?? null));
}

/** Queries, keys and values of different sizes. */
function projectEach(module: MultiheadAttention, query: Tensor, key: Tensor, value: Tensor): Tensor[] {
  const { q_proj_weight, k_proj_weight, v_proj_weight } = module;
  const biases = module.in_proj_bias?.chunk(3);
  const weights = [q_proj_weight, k_proj_weight, v_proj_weight];
  return [query, key, value].map((x, i) => F.linear(x, weights[i]!, biases?.[i] ?? null));
}

function checkShapes(
  { embedDim, kdim, vdim }: MultiheadAttention,
  query: Tensor,
  key: Tensor,
  value: Tensor,
  { keyPaddingMask, attnMask }: AttentionOptions,
): void {
  const isBatched = query.ndim === 3;
  if (query.ndim !== 2 && query.ndim !== 3) throw new RangeError(`The query must be 2D or 3D, got ${query.ndim}D`);
  for (
    const [name, tensor, size] of [["query", query, embedDim], ["key", key, kdim], ["value", value, vdim]] as const
  ) {
    if (tensor.ndim !== query.ndim) {
      throw new RangeError(
        `The ${name} must be ${query.ndim}D as the query is, got ${tensor.ndim}D`,
      );
    }
    if (differ(tensor.shape[tensor.ndim - 1], size)) {
      throw new RangeError(`The last dim of the ${name} must be ${size}, got ${tensor.shape[tensor.ndim - 1]}`);
    }
  }
  const wanted = isBatched ? 2 : 1;
  if (keyPaddingMask && keyPaddingMask.ndim !== wanted) {
    throw new RangeError(`keyPaddingMask must be ${wanted}D for a ${query.ndim}D query, got ${keyPaddingMask.ndim}D`);
  }
  if (attnMask && attnMask.ndim !== 2 && attnMask.ndim !== 3) {
    throw new RangeError(`attnMask must be 2D or 3D, got ${attnMask.ndim}D`);
  }
}
