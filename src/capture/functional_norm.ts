/** Normalization and embeddings of `torch.nn.functional`. */
import { type Dim, eq, floorDiv, mul, prod } from "../sym/mod.ts";
import { type Composite, defineComposite } from "./composite.ts";
import { avgPool2d, avgPool3d } from "./functional_operators.ts";
import { arange } from "./functions.ts";
import { call, type Tensor } from "./tensor.ts";

/** @throws {RangeError} where statistics would be of one value only */
function checkSeveral(name: string, sizes: readonly Dim[], shown: readonly Dim[]): void {
  if (eq(prod(sizes), 1) === true) {
    throw new RangeError(`${name}: more than one value per channel is needed, met an input of [${shown.join(", ")}]`);
  }
}

/** Each channel by mean and variance: of the batch in training, of the running statistics else. */
export const batchNorm: Composite = defineComposite(
  "batch_norm(Tensor input, Tensor? running_mean, Tensor? running_var, Tensor? weight=None, Tensor? bias=None, bool training=False, float momentum=0.1, float eps=1e-05) -> Tensor",
  ({ input, running_mean, running_var, weight, bias, training, momentum, eps }) => {
    const { shape } = input.meta;
    if (training) checkSeveral("batch_norm", [shape[0], ...shape.slice(2)], shape);
    if (eps < 0 || (training && Number(eps) === 0)) {
      throw new RangeError(`batch_norm: eps must be positive, met ${eps}`);
    }
    const args = [input, weight, bias, running_mean, running_var, training, momentum, eps, false];
    return call("batch_norm", "batch_norm", args);
  },
);
/** Each channel of each sample by mean and variance. */
export const instanceNorm: Composite = defineComposite(
  "instance_norm(Tensor input, Tensor? running_mean=None, Tensor? running_var=None, Tensor? weight=None, Tensor? bias=None, bool use_input_stats=True, float momentum=0.1, float eps=1e-05) -> Tensor",
  ({ input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps }) => {
    const { shape } = input.meta;
    if (use_input_stats) checkSeveral("instance_norm", shape.slice(2), shape);
    const args = [input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, false];
    return call("instance_norm", "instance_norm", args);
  },
);
/** The last dims, whose sizes are given, by mean and variance. */
export const layerNorm: Composite = defineComposite(
  "layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1e-05) -> Tensor",
  ({ input, normalized_shape, weight, bias, eps }) =>
    call("layer_norm", "layer_norm", [input, normalized_shape, weight, bias, eps, false]),
);
/** The last dims, whose sizes are given, by their root mean square. */
export const rmsNorm: Composite = defineComposite(
  "rms_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor",
  ({ input, normalized_shape, weight, eps }) => call("rms_norm", "rms_norm", [input, normalized_shape, weight, eps]),
);
/** Groups of channels by mean and variance. */
export const groupNorm: Composite = defineComposite(
  "group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1e-05) -> Tensor",
  ({ input, num_groups, weight, bias, eps }) => {
    const { shape } = input.meta;
    if (shape.length < 2) throw new RangeError(`group_norm: the input must have 2 dims or more, met ${shape.length}`);
    const perGroup = floorDiv(mul(shape[0], shape[1]), num_groups);
    checkSeveral("group_norm", [perGroup, ...shape.slice(2)], shape);
    return call("group_norm", "group_norm", [input, num_groups, weight, bias, eps, false]);
  },
);
/** Each value by those in the same place of neighbouring channels. */
export const localResponseNorm: Composite = defineComposite(
  "local_response_norm(Tensor input, int size, float alpha=0.0001, float beta=0.75, float k=1.0) -> Tensor",
  ({ input, size, alpha, beta, k }) => {
    const { ndim } = input;
    if (ndim < 3) throw new RangeError(`local_response_norm: the input must have 3 dims or more, met ${ndim}`);
    if (input.meta.shape.includes(0)) return input;
    const [before, after] = [Math.floor(size / 2), Math.floor((size - 1) / 2)];
    let square = input.mul(input);
    if (ndim === 3) {
      square = call("pad", "pad", [square.unsqueeze(1), [0, 0, before, after]]) as Tensor;
      square = avgPool2d(square, [size, 1], 1).squeeze(1);
    } else {
      const { shape } = input;
      square = square.view([shape[0], 1, shape[1], shape[2], -1]);
      square = call("pad", "pad", [square, [0, 0, 0, 0, before, after]]) as Tensor;
      square = avgPool3d(square, [size, 1, 1], 1).squeeze(1).view(shape);
    }
    return input.div(square.mul(alpha).add(k).pow(beta));
  },
);
/** Vectors along a dim divided by their norm, which is taken for no less than `eps`. */
export const normalize: Composite = defineComposite(
  "normalize(Tensor input, float p=2.0, int[1] dim=1, float eps=1e-12) -> Tensor",
  ({ input, p, dim, eps }) => {
    const norm = call("linalg_vector_norm", "linalg_vector_norm", [input, p, dim, true]) as Tensor;
    return input.div(norm.clampMin(eps).expandAs(input));
  },
);

/** Rows of `weight` that the indices name. */
export const embedding: Composite = defineComposite(
  "embedding(Tensor input, Tensor weight, int? padding_idx=None, float? max_norm=None, float norm_type=2.0, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor",
  ({ input, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse }) => {
    let indices = input;
    const rows = weight.shape[0];
    if (padding_idx !== null && (padding_idx >= rows || padding_idx < -rows)) {
      throw new RangeError(`embedding: paddingIdx must be an index of one of ${rows} rows, met ${padding_idx}`);
    }
    if (max_norm !== null) {
      indices = input.contiguous();
      call("embedding_renorm_", "embedding_renorm_", [weight.detach(), indices, max_norm, norm_type]);
    }
    const padding = padding_idx === null ? -1 : padding_idx < 0 ? rows + padding_idx : padding_idx;
    return call("embedding", "embedding", [weight, indices, padding, scale_grad_by_freq, sparse]);
  },
);

const BAG_MODES: readonly string[] = ["sum", "mean", "max"];

/** Sums, means or maxima of rows of `weight`, a bag of indices each. */
export const embeddingBag: Composite = defineComposite(
  "embedding_bag(Tensor input, Tensor weight, Tensor? offsets=None, float? max_norm=None, float norm_type=2, bool scale_grad_by_freq=False, str mode='mean', bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False, int? padding_idx=None) -> Tensor",
  (args) => {
    const { weight, max_norm, norm_type, scale_grad_by_freq, mode, sparse, padding_idx } = args;
    let { input, offsets, per_sample_weights, include_last_offset } = args;
    if (weight.ndim !== 2) throw new RangeError(`embedding_bag: the weight must have 2 dims, met ${weight.ndim}`);
    if (input.ndim === 2) {
      if (offsets) throw new TypeError("embedding_bag: offsets must be null where the rows of the input are the bags");
      offsets = arange(0, input.numel(), input.size(1), { dtype: input.dtype });
      include_last_offset = false;
      input = input.reshape([-1]);
      per_sample_weights = per_sample_weights && per_sample_weights.reshape([-1]);
    } else if (input.ndim !== 1) {
      throw new RangeError(`embedding_bag: the input must have 1 or 2 dims, met ${input.ndim}`);
    } else if (!offsets || offsets.ndim !== 1) {
      throw new TypeError("embedding_bag: offsets must be a tensor of 1 dim where the input has 1 dim");
    }
    const kind = BAG_MODES.indexOf(mode);
    if (kind < 0) throw new RangeError(`embedding_bag: the mode must be sum, mean or max, met ${mode}`);
    if (mode === "max" && (scale_grad_by_freq || sparse)) {
      throw new TypeError("embedding_bag: scaleGradByFreq and sparse are not for the mode max");
    }
    if (per_sample_weights && mode !== "sum") {
      throw new TypeError(`embedding_bag: perSampleWeights are for the mode sum, met ${mode}`);
    }
    if (max_norm !== null) {
      call("embedding_renorm_", "embedding_renorm_", [weight.detach(), input, max_norm, norm_type]);
    }
    const given = [weight, input, offsets, scale_grad_by_freq, kind, sparse, per_sample_weights, include_last_offset];
    const results = call("embedding_bag", "embedding_bag.padding_idx", [...given, padding_idx]) as Tensor[];
    return results[0];
  },
);
