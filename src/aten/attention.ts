/**
 * Scaled dot product attention. Masks become a bias that is made once per mask, however many layers share it. A query that
 * may look at nothing gives zeros, as PyTorch has it, where a plain softmax would give NaN.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { cleanDiv, type Dim, eq, isSym } from "../sym/mod.ts";
import { broadcastShapes, type DType, type Meta, Tensor } from "../tensor/mod.ts";
import { convert, mapBinary, permuteDims } from "../tensor/loops.ts";
import { multiply } from "./linear.ts";
import { defineOp } from "./op.ts";
import { factorNode, floatKernelDType } from "./precision.ts";
import {
  broadcastInto,
  refuse,
  requireEqual,
  requireFloat,
  requireMultiple,
  requireRankFrom,
  requireSameDType,
} from "./rules.ts";
import { steps } from "./spatial.ts";

interface AttentionArgs<T> {
  readonly query: T;
  readonly key: T;
  readonly value: T;
  readonly attn_mask: T | null;
  readonly dropout_p: number;
  readonly is_causal: boolean;
  readonly scale: number | null;
  readonly enable_gqa: boolean;
}

/** Elements up to which a causal bias is a constant rather than computed. */
const MAX_CONSTANT_BIAS = 4096;

function checked<T>(args: AttentionArgs<T>, dtype: DType): AttentionArgs<T> {
  requireFloat(dtype, "The query of an attention");
  if (args.dropout_p !== 0) refuse("dropout_p", args.dropout_p, "its results are random; export in evaluation mode");
  return args;
}

/** How often each head of keys or values serves, where several queries share one. */
function headRepeats(query: Meta, x: Meta, enabled: boolean): Dim {
  if (!enabled) return 1;
  const [heads, shared] = [query.shape.at(-3), x.shape.at(-3)];
  if (heads === undefined || shared === undefined) refuse("enable_gqa", true, "there is no dimension of heads");
  if (eq(heads, shared) === true) return 1;
  requireMultiple("The number of heads of query", heads, shared);
  return cleanDiv(heads, shared);
}

function attentionMeta({ query, key, value, attn_mask, enable_gqa }: AttentionArgs<Meta>): Meta {
  for (const [name, x] of Object.entries({ query, key, value })) requireRankFrom(name, x, 2);
  requireSameDType({ query, key, value });
  requireEqual("The last sizes of query and key", query.shape.at(-1)!, key.shape.at(-1)!);
  requireEqual("The lengths of key and value", key.shape.at(-2)!, value.shape.at(-2)!);
  const lead = (x: Meta): readonly Dim[] => x.shape.slice(0, -2);
  const heads = (x: Meta): readonly Dim[] => {
    const repeats = headRepeats(query, x, enable_gqa);
    return repeats === 1 ? lead(x) : [...x.shape.slice(0, -3), query.shape.at(-3)!];
  };
  const batch = broadcastShapes(lead(query), heads(key), heads(value));
  if (attn_mask) broadcastInto("attn_mask", attn_mask.shape, [...batch, query.shape.at(-2)!, key.shape.at(-2)!]);
  return { dtype: query.dtype, shape: [...batch, query.shape.at(-2)!, value.shape.at(-1)!] };
}

/** The result and the sums of exponentials of the scores, as logarithms, both in float64. */
function attentionKernel(args: AttentionArgs<Tensor>): { y: Tensor; weights: Tensor; logsumexp: Tensor } {
  const { query, attn_mask, is_causal, scale, enable_gqa } = checked(args, args.query.dtype);
  const wide = (x: Tensor): Tensor => repeatHeads(convert(x, "float64"), headRepeats(query, x, enable_gqa) as number);
  const [q, k, v] = [convert(query, "float64"), wide(args.key), wide(args.value)];
  const factor = scale ?? 1 / Math.sqrt(query.shape.at(-1)!);
  const swapped = [...k.shape.keys()].map((d, _, all) => d < all.length - 2 ? d : 2 * all.length - 3 - d);
  let scores = multiply(q, permuteDims(k, swapped));
  scores = mapBinary(scores, Tensor.scalar("float64", factor), "float64", (s, f) => s * f);
  if (attn_mask?.dtype === "bool") {
    scores = mapBinary(scores, attn_mask, "float64", (s, m) => m ? s : s + -Infinity);
  } else if (attn_mask) {
    scores = mapBinary(scores, convert(attn_mask, "float64"), "float64", (s, m) => s + m);
  }
  const [length, span] = scores.shape.slice(-2);
  if (is_causal) {
    const bias = Array.from({ length: length * span }, (_, i) => i % span > Math.floor(i / span) ? -Infinity : 0);
    scores = mapBinary(scores, Tensor.of("float64", [length, span], bias), "float64", (s, m) => s + m);
  }
  const data = scores.data() as Float64Array;
  const sums = new Float64Array(span === 0 ? 0 : data.length / span);
  for (let row = 0; row < sums.length; row++) {
    const values = data.subarray(row * span, (row + 1) * span);
    const isMasked = values.every((s) => s === -Infinity);
    const top = values.reduce((a, b) => Math.max(a, b), -Infinity);
    const total = values.reduce((sum, s) => sum + Math.exp(s - top), 0);
    sums[row] = isMasked ? -Infinity : top + Math.log(total);
    values.forEach((s, i) => values[i] = isMasked ? 0 : Math.exp(s - top) / total);
  }
  return {
    y: multiply(scores, v),
    weights: scores,
    logsumexp: Tensor.of("float64", scores.shape.slice(0, -1), sums),
  };
}

function repeatHeads(x: Tensor, repeats: number): Tensor {
  if (repeats === 1) return x;
  const at = x.shape.length - 3;
  const apart = new Tensor(
    x.dtype,
    [...x.shape.slice(0, at + 1), repeats, ...x.shape.slice(at + 1)],
    x.storage,
    [...x.strides.slice(0, at + 1), 0, ...x.strides.slice(at + 1)],
    x.offset,
  );
  return apart.reshape(x.shape.map((n, d) => d === at ? n * repeats : n));
}

/** Emits the scores, their softmax, and the result, in the dtype that is computed in. */
function attentionNodes(
  b: OnnxBuilder,
  args: AttentionArgs<OnnxValue>,
): { scores: OnnxValue; weights: OnnxValue; y: OnnxValue } {
  const q = b.meta(args.query);
  const { scale, enable_gqa, attn_mask, is_causal } = checked(args, q.dtype);
  const wide = floatKernelDType(q.dtype);
  const query = b.cast(args.query, wide);
  const shared = (x: OnnxValue): OnnxValue => {
    const repeats = headRepeats(q, b.meta(x), enable_gqa);
    const typed = b.cast(x, wide);
    if (repeats === 1) return typed;
    const { shape } = b.meta(x);
    const isStatic = !isSym(repeats) && !isSym(q.shape.at(-3)!);
    // Which head each query uses.
    const heads = isStatic
      ? b.ints(Array.from({ length: q.shape.at(-3) as number }, (_, i) => Math.floor(i / repeats)))
      : b.op("Div", [steps(b, q.shape.at(-3)!), b.dim(repeats)]);
    const taken = b.op("Gather", [typed, heads], { axis: shape.length - 3 });
    taken.meta = { dtype: wide, shape: [...shape.slice(0, -3), q.shape.at(-3)!, ...shape.slice(-2)] };
    return taken;
  };
  const [key, value] = [shared(args.key), shared(args.value)];
  const rank = b.meta(key).shape.length;
  const turned = b.transpose(key, [...Array(rank - 2).keys(), rank - 1, rank - 2]);
  const size = q.shape.at(-1)!;
  let scaled = query;
  if (scale === null && isSym(size)) scaled = b.op("Div", [query, b.op("Sqrt", [b.cast(b.dim(size), wide)])]);
  else if (scale !== 1) scaled = b.op("Mul", [query, factorNode(b, query, scale ?? 1 / Math.sqrt(size as number))]);
  let scores = b.op("MatMul", [scaled, turned]);
  const mask = attn_mask && maskBias(b, attn_mask, wide);
  const causal = is_causal ? causalBias(b, q.shape.at(-2)!, b.meta(key).shape.at(-2)!, wide) : null;
  const bias = mask && causal ? b.op("Add", [mask, causal]) : mask ?? causal;
  if (bias) scores = b.op("Add", [scores, bias]);
  let weights = b.op("Softmax", [scores], { axis: -1 });
  if (mask && bias) {
    const top = b.op("ReduceMax", [bias, b.ints([-1])], { keepdims: 1 });
    const isMasked = b.op("Equal", [top, b.scalar(-Infinity, wide)]);
    weights = b.op("Where", [isMasked, b.scalar(0, wide), weights]);
  }
  return { scores, weights, y: b.op("MatMul", [weights, value]) };
}

/** What a mask adds to the scores. */
function maskBias(b: OnnxBuilder, mask: OnnxValue, dtype: DType): OnnxValue {
  if (b.meta(mask).dtype !== "bool") return b.cast(mask, dtype);
  return b.op("Where", [mask, b.scalar(0, dtype), b.scalar(-Infinity, dtype)]);
}

/** Minus infinity where a key comes after the query, counted from the first of each. */
function causalBias(b: OnnxBuilder, length: Dim, span: Dim, dtype: DType): OnnxValue {
  if (!isSym(length) && !isSym(span) && length * span <= MAX_CONSTANT_BIAS) {
    const values = Array.from({ length: length * span }, (_, i) => i % span > Math.floor(i / span) ? -Infinity : 0);
    return b.constant(convert(Tensor.of("float64", [length, span], values), dtype));
  }
  const isLater = b.op("Greater", [steps(b, span), b.unsqueeze(steps(b, length), 1)]);
  return b.op("Where", [isLater, b.scalar(-Infinity, dtype), b.scalar(0, dtype)]);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html */
export const scaledDotProductAttention = defineOp(
  "aten::scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0., bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor",
  {
    meta: (_, args) => attentionMeta(args),
    kernel: (args) => convert(attentionKernel(args).y, args.query.dtype),
    onnx: (b, args) => b.cast(attentionNodes(b, args).y, b.meta(args.query).dtype),
  },
);

/** The result and the weights. Masks are added, also those of bools; a `dropout_mask` only has a meaning with dropout. */
export const _scaledDotProductAttentionMath = defineOp(
  "aten::_scaled_dot_product_attention_math(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0., bool is_causal=False, Tensor? dropout_mask=None, *, float? scale=None, bool enable_gqa=False) -> (Tensor, Tensor)",
  {
    meta: (_, args) => {
      const meta = attentionMeta(args);
      return [meta, { dtype: meta.dtype, shape: [...meta.shape.slice(0, -1), args.key.shape.at(-2)!] }];
    },
    kernel: (args) => {
      if (args.dropout_mask) refuse("dropout_mask", "tensor", "dropout is random; export in evaluation mode");
      const { attn_mask, query } = args;
      const { y, weights } = attentionKernel({ ...args, attn_mask: attn_mask && convert(attn_mask, query.dtype) });
      return [convert(y, args.query.dtype), convert(weights, args.query.dtype)];
    },
    onnx: (b, args) => {
      if (args.dropout_mask) refuse("dropout_mask", "tensor", "dropout is random; export in evaluation mode");
      const { dtype } = b.meta(args.query);
      const { y, weights } = attentionNodes(b, { ...args, attn_mask: args.attn_mask && b.cast(args.attn_mask, dtype) });
      return [b.cast(y, dtype), b.cast(weights, dtype)];
    },
  },
);

/** The result and the logarithms of the sums of exponentials, in single precision at least. */
export const _scaledDotProductFlashAttentionForCpu = defineOp(
  "aten::_scaled_dot_product_flash_attention_for_cpu(Tensor query, Tensor key, Tensor value, float dropout_p=0., bool is_causal=False, *, Tensor? attn_mask=None, float? scale=None) -> (Tensor output, Tensor logsumexp)",
  {
    meta: (_, args) => {
      const meta = attentionMeta({ ...args, enable_gqa: false });
      return [meta, { dtype: sumDType(meta.dtype), shape: meta.shape.slice(0, -1) }];
    },
    kernel: (args) => {
      const { y, logsumexp } = attentionKernel({ ...args, enable_gqa: false });
      return [convert(y, args.query.dtype), convert(logsumexp, sumDType(args.query.dtype))];
    },
    onnx: (b, args) => {
      const { y, scores } = attentionNodes(b, { ...args, enable_gqa: false });
      const { dtype } = b.meta(args.query);
      const sums = b.op("ReduceLogSumExp", [scores, b.ints([-1])], { keepdims: 0 });
      return [b.cast(y, dtype), b.cast(sums, sumDType(dtype))];
    },
  },
);

function sumDType(dtype: DType): DType {
  return dtype === "float64" ? "float64" : "float32";
}
