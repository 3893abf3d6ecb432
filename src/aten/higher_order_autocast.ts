/**
 * Autocast regions. Archives record a region's nodes as they were called, with the dtypes that came out: which operands are
 * cast at each call is the dispatcher's knowledge, told here.
 *
 * Source: https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/autocast_mode.cpp, autocast_mode.h
 */
import { DTypeArg, type FxArg, FxGraph, type FxNode, FxValue, mapValues } from "../fx/mod.ts";
import { categoryOf, type DType, type Meta } from "../tensor/mod.ts";
import { MetaInterpreter } from "./calls.ts";
import type { CallArg } from "./bind.ts";
import { type Adapt, defineHigherOrder, type Expansion, resultNames } from "./higher_order.ts";

/** How a call's operands are cast: to the region's dtype, to float32, to the widest among them; or the `dtype` argument is set. */
type Policy = "lower" | "float32" | "widest" | "argument";

function policies(lists: Readonly<Record<Policy, string>>): ReadonlyMap<string, Policy> {
  const rows = Object.entries(lists) as [Policy, string][];
  return new Map(rows.flatMap(([policy, names]) => names.trim().split(/\s+/).map((name) => [`aten::${name}`, policy])));
}

const CPU = policies({
  lower: `conv1d conv1d.padding conv2d conv2d.padding conv3d conv3d.padding bmm mm linalg_vecdot baddbmm addmm
    _addmm_activation addbmm linear _convolution.deprecated matmul conv_tbc mkldnn_rnn_layer conv_transpose1d
    conv_transpose2d.input conv_transpose3d.input prelu scaled_dot_product_attention _native_multi_head_attention`,
  float32: `avg_pool3d binary_cross_entropy grid_sampler polar prod prod.dim_int quantile quantile.scalar nanquantile
    nanquantile.scalar stft stft.center cdist grid_sampler_2d _grid_sampler_2d_cpu_fallback grid_sampler_3d trace
    view_as_complex cholesky cholesky_inverse cholesky_solve inverse lu_solve orgqr ormqr pinverse max_pool3d max_unpool2d
    max_unpool3d adaptive_avg_pool3d reflection_pad1d reflection_pad2d replication_pad1d replication_pad2d replication_pad3d
    mse_loss cosine_embedding_loss nll_loss nll_loss2d hinge_embedding_loss poisson_nll_loss smooth_l1_loss
    cross_entropy_loss l1_loss huber_loss margin_ranking_loss soft_margin_loss triplet_margin_loss multi_margin_loss
    ctc_loss.IntList ctc_loss.Tensor kl_div multilabel_margin_loss binary_cross_entropy_with_logits fft_fft fft_ifft fft_fft2
    fft_ifft2 fft_fftn fft_ifftn fft_rfft fft_irfft fft_rfft2 fft_irfft2 fft_rfftn fft_irfftn fft_hfft fft_ihfft linalg_cond
    linalg_cond.p_str linalg_matrix_rank linalg_matrix_rank.tol_tensor linalg_matrix_rank.atol_rtol_tensor
    linalg_matrix_rank.atol_rtol_float linalg_solve linalg_cholesky linalg_svdvals linalg_eigvals linalg_eigvalsh linalg_inv
    linalg_householder_product linalg_tensorinv linalg_tensorsolve fake_quantize_per_tensor_affine geqrf _lu_with_info qr svd
    triangular_solve fractional_max_pool2d fractional_max_pool3d adaptive_max_pool3d multilabel_margin_loss_forward linalg_qr
    linalg_cholesky_ex linalg_svd linalg_eig linalg_eigh linalg_lstsq linalg_inv_ex`,
  widest: "stack cat index_copy",
  argument: "",
});

const GPU = policies({
  lower: `_convolution.deprecated _convolution conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d.input
    conv_transpose3d.input convolution cudnn_convolution cudnn_convolution_transpose prelu addmm addmv addr matmul einsum mm mv
    linalg_vecdot linear addbmm baddbmm bmm chain_matmul linalg_multi_dot _thnn_fused_lstm_cell _thnn_fused_gru_cell lstm_cell
    gru_cell rnn_tanh_cell rnn_relu_cell _scaled_dot_product_flash_attention scaled_dot_product_attention`,
  float32:
    `acos asin cosh erfinv exp expm1 log log10 log2 log1p reciprocal rsqrt sinh tan pow.Tensor_Scalar pow.Tensor_Tensor
    pow.Scalar softplus layer_norm native_layer_norm rms_norm group_norm frobenius_norm.dim nuclear_norm nuclear_norm.dim
    cosine_similarity poisson_nll_loss cosine_embedding_loss nll_loss nll_loss2d hinge_embedding_loss kl_div l1_loss
    smooth_l1_loss huber_loss mse_loss margin_ranking_loss multilabel_margin_loss soft_margin_loss triplet_margin_loss
    multi_margin_loss binary_cross_entropy_with_logits dist pdist cdist renorm logsumexp upsample_nearest1d
    _upsample_nearest_exact1d upsample_nearest2d _upsample_nearest_exact2d upsample_nearest3d _upsample_nearest_exact3d
    upsample_linear1d upsample_bilinear2d _upsample_bilinear2d_aa upsample_trilinear3d upsample_bicubic2d
    _upsample_bicubic2d_aa norm.Scalar norm.ScalarOpt_dim`,
  widest: "addcdiv addcmul atan2 bilinear cross dot vdot grid_sampler index_put tensordot scatter_add",
  argument: `prod prod.dim_int softmax.int log_softmax.int cumprod cumsum linalg_vector_norm linalg_matrix_norm
    linalg_matrix_norm.str_ord sum sum.dim_IntList`,
});

const TO_DTYPE = "torch.ops.aten.to.dtype";

/** Whether autocast casts a value: floats of the region's device but for float64. */
function isEligible(value: FxValue, device: string): boolean {
  const { meta } = value;
  return meta.kind === "tensor" && categoryOf(meta.dtype) === "float" && meta.dtype !== "float64" &&
    deviceType(meta.device) === device;
}

function deviceType(device: string): string {
  return device.replace(/:.*$/, "");
}

/** The values among the arguments that are cast. */
function eligible(args: readonly FxArg[], device: string): FxValue[] {
  const found: FxValue[] = [];
  const visit = (arg: FxArg): FxArg =>
    mapValues(arg, (value) => {
      if (isEligible(value, device)) found.push(value);
      return value;
    });
  args.forEach(visit);
  return found;
}

/** Dtypes of a call's tensor results by the operator's own rule; null where it can't tell. */
function resultTypes(
  x: Expansion,
  target: string,
  args: readonly FxArg[],
  kwargs: ReadonlyMap<string, FxArg>,
): DType[] | null {
  const op = x.resolve(target);
  if (!op || op.higherOrder) return null;
  const toMeta = (arg: FxArg): CallArg<Meta> => {
    if (Array.isArray(arg)) return arg.map(toMeta);
    if (!(arg instanceof FxValue)) return arg;
    if (arg.meta.kind === "tensor") return arg.meta;
    if (arg.meta.kind === "constant") return toMeta(arg.meta.value);
    if (arg.meta.kind !== "sym") return arg;
    const { expr, type } = arg.meta;
    return type === "int" && typeof expr === "number" ? BigInt(expr) : expr;
  };
  const metas = new MetaInterpreter(x.ranges, x.forms);
  try {
    const bound = metas.bind(op, args.map(toMeta), new Map([...kwargs].map(([name, arg]) => [name, toMeta(arg)])));
    const results = [metas.apply(op, bound)].flat(2);
    return results.filter((r) => metas.isTensor(r)).map((r) => r.dtype);
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) return null;
    throw error;
  }
}

/** The casts of a region on a device. */
function casting(device: string, dtype: DType, outer: Adapt | null): Adapt {
  const table = device === "cpu" ? CPU : GPU;
  return (x, node) => {
    const read = { args: node.args.map((arg) => x.read(arg)), kwargs: readKwargs(x, node) };
    const operands = eligible([...read.args, ...read.kwargs.values()], device);
    if (operands.length === 0) return outer && hasTensors(node, device) === false ? outer(x, node) : read;
    const op = x.resolve(node.target);
    const castAll = (to: DType): typeof read => {
      const casts = new Map<FxValue, FxArg>();
      const cast = (value: FxValue): FxArg => {
        if (!operands.includes(value) || value.meta.kind !== "tensor" || value.meta.dtype === to) return value;
        let result = casts.get(value);
        if (result === undefined) casts.set(value, result = x.call(TO_DTYPE, [value, new DTypeArg(to)]));
        return result;
      };
      return {
        args: read.args.map((arg) => mapValues(arg, cast)),
        kwargs: new Map([...read.kwargs].map(([name, arg]) => [name, mapValues(arg, cast)])),
      };
    };
    const isFloat32 = operands.some((v) => v.meta.kind === "tensor" && v.meta.dtype === "float32");
    switch (op && !isInPlace(node.target) ? table.get(op.name) : undefined) {
      case "lower":
        return castAll(dtype);
      case "float32":
        return castAll("float32");
      case "widest":
        return castAll(isFloat32 ? "float32" : dtype);
      case "argument":
        if ((read.kwargs.get("dtype") ?? null) !== null) return read;
        return { args: read.args, kwargs: new Map([...read.kwargs, ["dtype", new DTypeArg("float32")]]) };
    }
    // An operator that is made of others casts inside: what came out tells how.
    const recorded = node.outputs.flatMap(({ meta }) => meta.kind === "tensor" ? [meta.dtype] : []);
    const types = isInPlace(node.target) ? null : resultTypes(x, node.target, read.args, read.kwargs);
    if (types === null || same(types, recorded)) return read;
    for (const to of [dtype, "float32"] as const) {
      const trial = (arg: FxArg): FxArg =>
        mapValues(arg, (value) => {
          if (!operands.includes(value) || value.meta.kind !== "tensor") return value;
          return new FxValue(value.name, { ...value.meta, dtype: to });
        });
      const kwargs = new Map([...read.kwargs].map(([name, arg]) => [name, trial(arg)]));
      if (same(resultTypes(x, node.target, read.args.map(trial), kwargs) ?? [], recorded)) return castAll(to);
    }
    return read;
  };
}

function same(a: readonly DType[], b: readonly DType[]): boolean {
  return a.length === b.length && a.every((dtype, i) => dtype === b[i]);
}

function isInPlace(target: string): boolean {
  return /_(?:\.\w+)?$/.test(target.replace(/\.default$/, ""));
}

function readKwargs(x: Expansion, node: FxNode): Map<string, FxArg> {
  return new Map([...node.kwargs].map(([name, arg]) => [name, x.read(arg)]));
}

/** Whether a node works on tensors of the device; null when it takes no tensors. */
function hasTensors(node: FxNode, device: string): boolean | null {
  let any: boolean | null = null;
  for (const { meta } of node.operands()) {
    if (meta?.kind === "tensor") any = any === true || deviceType(meta.device) === device;
  }
  return any;
}

/** A region without casts on a device. */
function plain(device: string, outer: Adapt | null): Adapt | null {
  if (!outer) return null;
  return (x, node) =>
    hasTensors(node, device) === false
      ? outer(x, node)
      : { args: node.args.map((arg) => x.read(arg)), kwargs: readKwargs(x, node) };
}

/** `wrap_with_autocast(device, dtype, enabled, cache_enabled, graph, …operands)` */
export const wrapWithAutocast = defineHigherOrder("higher_order::wrap_with_autocast", {
  uses: [TO_DTYPE],
  expand(x, node) {
    const [device, dtype, enabled, , graph, ...operands] = node.args;
    if (typeof device !== "string" || typeof enabled !== "boolean" || !(graph instanceof FxGraph)) {
      throw new TypeError("The region must have a device, a state and a graph");
    }
    const to = dtype instanceof DTypeArg ? dtype.dtype : device === "cpu" || device === "xla" ? "bfloat16" : "float16";
    const inputs = operands.map((arg) => x.read(arg));
    const adapt = enabled ? casting(device, to, x.adapt) : plain(device, x.adapt);
    return x.adapting(adapt, () => x.inline(graph, inputs, resultNames(node)));
  },
});
