/**
 * Attention as PyTorch's kernels for GPUs compute it. What they leave for gradients beside the sums, seeds and empty tensors,
 * is as in programs: zeros of the right shape.
 */
import { ceilDiv, type Dim, mul, sub } from "../sym/mod.ts";
import { _scaledDotProductFlashAttentionForCpu } from "./attention.ts";
import { type Calls, defineOp } from "./op.ts";
import { constantPadNd } from "./pad.ts";
import { refuse } from "./rules.ts";
import { unsqueeze } from "./view.ts";

interface FusedArgs<T> {
  readonly query: T;
  readonly key: T;
  readonly value: T;
  readonly dropout_p: number;
  readonly is_causal: boolean;
  readonly scale: number | null;
}

/** The result and the sums of exponentials, as logarithms. */
function attend<T extends object>(t: Calls<T>, args: FusedArgs<T>, bias: T | null): readonly [T, T] {
  const { query, key, value, dropout_p, is_causal, scale } = args;
  return t.call(_scaledDotProductFlashAttentionForCpu, query, key, value, dropout_p, is_causal, bias, scale);
}

/** How many queries and keys there are. */
function counts<T extends object>(t: Calls<T>, { query, key }: FusedArgs<T>): [Dim, Dim] {
  return [t.meta(query).shape.at(-2)!, t.meta(key).shape.at(-2)!];
}

/** A result that is None: the schema has no optional ones. */
function none<T>(): T {
  return null as unknown as T;
}

function requirePlain(return_debug_mask: boolean): void {
  if (return_debug_mask) refuse("return_debug_mask", true, "a mask for debugging has no meaning without dropout");
}

/** FlashAttention. */
export const scaledDotProductFlashAttention = defineOp(
  "aten::_scaled_dot_product_flash_attention(Tensor query, Tensor key, Tensor value, float dropout_p=0., bool is_causal=False, bool return_debug_mask=False, *, float? scale=None) -> (Tensor output, Tensor logsumexp, Tensor cum_seq_q, Tensor cum_seq_k, SymInt max_q, SymInt max_k, Tensor rng_state, Tensor unused, Tensor debug_attn_mask)",
  {
    decompose: (t, args) => {
      requirePlain(args.return_debug_mask);
      const [y, sums] = attend(t, args, null);
      const [seed, offset] = [t.full([2], 0n, "uint64"), t.full([], 0n, "uint64")];
      const mask = t.full([0], 0, t.meta(args.query).dtype);
      return [y, sums, none<typeof y>(), none<typeof y>(), ...counts(t, args), seed, offset, mask];
    },
  },
);

/** Memory-efficient attention. Its sums are padded to a multiple of 32 queries. */
export const scaledDotProductEfficientAttention = defineOp(
  "aten::_scaled_dot_product_efficient_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_bias, bool compute_log_sumexp, float dropout_p=0., bool is_causal=False, *, float? scale=None) -> (Tensor output, Tensor log_sumexp, Tensor philox_seed, Tensor philox_offset)",
  {
    decompose: (t, args) => {
      const [y, sums] = attend(t, args, args.attn_bias);
      const lead = t.meta(sums).shape.slice(0, -1);
      const [length] = counts(t, args);
      const extra = sub(mul(ceilDiv(length, 32), 32), length);
      const padded = args.compute_log_sumexp
        ? t.call(constantPadNd, sums, [0, extra], Infinity)
        : t.full([...lead, 0], 0, t.meta(sums).dtype);
      return [y, padded, t.full([], 0n, "int64"), t.full([], 0n, "int64")];
    },
  },
);

/** cuDNN's attention, which gives the sums with a dim more. */
export const scaledDotProductCudnnAttention = defineOp(
  "aten::_scaled_dot_product_cudnn_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_bias, bool compute_log_sumexp, float dropout_p=0., bool is_causal=False, bool return_debug_mask=False, *, float? scale=None) -> (Tensor output, Tensor logsumexp, Tensor cum_seq_q, Tensor cum_seq_k, SymInt max_q, SymInt max_k, Tensor philox_seed, Tensor philox_offset, Tensor debug_attn_mask)",
  {
    decompose: (t, args) => {
      requirePlain(args.return_debug_mask);
      const [y, sums] = attend(t, args, args.attn_bias);
      const empty = none<typeof y>();
      const [seed, offset] = [t.full([], 0n, "int64"), t.full([], 0n, "int64")];
      return [y, t.call(unsqueeze, sums, -1), empty, empty, ...counts(t, args), seed, offset, empty];
    },
  },
);

/** Attention of other devices. */
export const scaledDotProductOverrideable = defineOp(
  "aten::_scaled_dot_product_fused_attention_overrideable(Tensor query, Tensor key, Tensor value, Tensor? attn_bias=None, float dropout_p=0., bool is_causal=False, bool return_debug_mask=False, *, float? scale=None) -> (Tensor output, Tensor logsumexp, Tensor cum_seq_q, Tensor cum_seq_k, SymInt max_q, SymInt max_k, Tensor philox_seed, Tensor philox_offset, Tensor debug_attn_mask)",
  {
    decompose: (t, args) => {
      requirePlain(args.return_debug_mask);
      const [y, sums] = attend(t, args, args.attn_bias);
      const empty = none<typeof y>();
      const [seed, offset] = [t.full([], 0n, "int64"), t.full([], 0n, "int64")];
      return [y, sums, empty, empty, ...counts(t, args), seed, offset, empty];
    },
  },
);
