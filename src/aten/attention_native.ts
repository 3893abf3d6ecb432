/** What modules of attention call in evaluation mode instead of their parts. */
import { type Dim, isSym } from "../sym/mod.ts";
import { relu } from "./activation.ts";
import { gelu } from "./activation_smooth.ts";
import { add, mulScalar } from "./binary.ts";
import { linear, matmul } from "./linear.ts";
import { layerNorm } from "./norm.ts";
import { type Calls, defineOp } from "./op.ts";
import { permute, transpose } from "./permute.ts";
import { meanDim } from "./reduce.ts";
import { refuse, requireFloat } from "./rules.ts";
import { softmax } from "./softmax.ts";
import { splitSizes } from "./split.ts";
import { reshape } from "./view.ts";
import { where } from "./where.ts";

/** A mask, true where nothing may be looked at, as it broadcasts over `[batch, heads, queries, keys]`. */
function spread<T extends object>(t: Calls<T>, mask: T, type: number | null, rank: number): T {
  const { shape } = t.meta(mask);
  const bools = t.cast(mask, "bool");
  switch (type) {
    case 0:
      if (shape.length !== 2) refuse("mask_type", 0, `a mask of 2 dimensions is needed, met ${shape.length}`);
      return bools;
    case 1:
      if (shape.length !== 2) refuse("mask_type", 1, `a mask of 2 dimensions is needed, met ${shape.length}`);
      return t.call(reshape, bools, [shape[0], 1, 1, shape[1]]);
    default:
      if (type !== null && type !== 2) refuse("mask_type", type, "it must be 0, 1 or 2");
      if (shape.length !== rank) throw new RangeError(`A mask of ${rank} dimensions is needed, met ${shape.length}`);
      return bools;
  }
}

/** Softmax of what is not masked. */
function maskedSoftmaxOf<T extends object>(t: Calls<T>, x: T, mask: T, dim: number, type: number | null): T {
  const { dtype, shape } = t.meta(x);
  requireFloat(dtype, "The input of a softmax");
  if (type !== null && type !== 2 && shape.length !== 4) {
    refuse("mask_type", type, `scores of 4 dimensions are needed, met ${shape.length}`);
  }
  return t.call(softmax, t.call(where, spread(t, mask, type, shape.length), t.full([], -Infinity, dtype), x), dim);
}

/** Softmax over a dim, 0 where the mask is set. */
export const maskedSoftmax = defineOp(
  "aten::_masked_softmax(Tensor self, Tensor mask, int? dim=None, int? mask_type=None) -> Tensor",
  {
    decompose: (t, { self, mask, dim, mask_type }) => {
      if (t.meta(mask).dtype !== "bool") throw new TypeError(`A mask must be bool, met ${t.meta(mask).dtype}`);
      return maskedSoftmaxOf(t, self, mask, dim ?? -1, mask_type);
    },
  },
);

interface HeadsArgs<T> {
  readonly query: T;
  readonly key: T;
  readonly value: T;
  readonly embed_dim: number;
  readonly num_head: number;
  readonly qkv_weight: T;
  readonly qkv_bias: T;
  readonly proj_weight: T;
  readonly proj_bias: T;
  readonly mask: T | null;
  readonly mask_type: number | null;
}

/** Queries, keys and values: one product where they are made of the same. */
function projections<T extends object>(t: Calls<T>, args: HeadsArgs<T>): T[] {
  const { query, key, value, embed_dim, qkv_weight, qkv_bias } = args;
  const sizes = [embed_dim, embed_dim, embed_dim];
  if (query === key && key === value) {
    return [...t.call(splitSizes, t.call(linear, query, qkv_weight, qkv_bias), sizes, -1)];
  }
  const weights = t.call(splitSizes, qkv_weight, sizes, 0);
  const biases = t.call(splitSizes, qkv_bias, sizes, 0);
  return [query, key, value].map((x, i) => t.call(linear, x, weights[i], biases[i]));
}

/** The result and the weights of each head, `[batch, heads, queries, keys]`. */
function attend<T extends object>(t: Calls<T>, args: HeadsArgs<T>): [T, T] {
  const { embed_dim, num_head, mask, mask_type } = args;
  const { shape } = t.meta(args.query);
  if (shape.length !== 3) throw new RangeError(`A query of 3 dimensions is needed, met ${shape.length}`);
  if (embed_dim % num_head !== 0) refuse("num_head", num_head, `it does not divide embed_dim, ${embed_dim}`);
  if (mask && mask_type === null && t.meta(mask).shape.length === 2) {
    refuse("mask_type", null, "it must tell what a mask of 2 dimensions is of");
  }
  const size = embed_dim / num_head;
  const open = (x: T): Dim => isSym(t.meta(x).shape[1]) ? -1 : t.meta(x).shape[1];
  const heads = (x: T): T => {
    const [batch] = t.meta(x).shape;
    return t.call(permute, t.call(reshape, x, [batch, open(x), num_head, size]), [0, 2, 1, 3]);
  };
  const [q, k, v] = projections(t, args).map(heads);
  const scores = t.call(matmul, t.call(mulScalar, q, 1 / Math.sqrt(size)), t.call(transpose, k, -2, -1));
  const weights = mask ? maskedSoftmaxOf(t, scores, mask, -1, mask_type) : t.call(softmax, scores, -1);
  const merged = t.call(reshape, t.call(permute, t.call(matmul, weights, v), [0, 2, 1, 3]), shape);
  return [t.call(linear, merged, args.proj_weight, args.proj_bias), weights];
}

/**
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html in one operator. Without `need_weights`
 * the second result is None.
 */
export const nativeMultiHeadAttention = defineOp(
  "aten::_native_multi_head_attention(Tensor query, Tensor key, Tensor value, int embed_dim, int num_head, Tensor qkv_weight, Tensor qkv_bias, Tensor proj_weight, Tensor proj_bias, Tensor? mask=None, bool need_weights=True, bool average_attn_weights=True, int? mask_type=None) -> (Tensor, Tensor)",
  {
    decompose: <T extends object>(
      t: Calls<T>,
      args: HeadsArgs<T> & { readonly need_weights: boolean; readonly average_attn_weights: boolean },
    ): [T, T] => {
      const [y, weights] = attend(t, args);
      // The schema has no optional results, though PyTorch leaves this one out.
      if (!args.need_weights) return [y, null as unknown as T];
      return [y, args.average_attn_weights ? t.call(meanDim, weights, [1]) : weights];
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.TransformerEncoderLayer.html in one operator. */
export const transformerEncoderLayer = defineOp(
  "aten::_transformer_encoder_layer_fwd(Tensor src, int embed_dim, int num_heads, Tensor qkv_weight, Tensor qkv_bias, Tensor proj_weight, Tensor proj_bias, bool use_gelu, bool norm_first, float eps, Tensor norm_weight_1, Tensor norm_bias_1, Tensor norm_weight_2, Tensor norm_bias_2, Tensor ffn_weight_1, Tensor ffn_bias_1, Tensor ffn_weight_2, Tensor ffn_bias_2, Tensor? mask=None, int? mask_type=None) -> Tensor",
  {
    decompose: (t, args) => {
      const { src, embed_dim, norm_first, eps } = args;
      type Value = typeof src;
      const first = (x: Value): Value => t.call(layerNorm, x, [embed_dim], args.norm_weight_1, args.norm_bias_1, eps);
      const second = (x: Value): Value => t.call(layerNorm, x, [embed_dim], args.norm_weight_2, args.norm_bias_2, eps);
      const x = norm_first ? first(src) : src;
      const heads = { ...args, query: x, key: x, value: x, num_head: args.num_heads };
      const attended = t.call(add, attend<Value>(t, heads)[0], src);
      const middle = norm_first ? attended : first(attended);
      const hidden = t.call(linear, norm_first ? second(middle) : middle, args.ffn_weight_1, args.ffn_bias_1);
      const active = args.use_gelu ? t.call(gelu, hidden) : t.call(relu, hidden);
      const y = t.call(add, t.call(linear, active, args.ffn_weight_2, args.ffn_bias_2), middle);
      return norm_first ? y : second(y);
    },
  },
);
