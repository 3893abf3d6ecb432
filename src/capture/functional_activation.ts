/** Activations and dropout of `torch.nn.functional`. */
import { type Composite, defineComposite } from "./composite.ts";
import { emptyLike, zerosLike } from "./functions.ts";
import { float } from "./scalar.ts";
import { call, type Tensor } from "./tensor.ts";

/** An operator of one tensor, in place or not. */
function apply(name: string, inplace: boolean, ...args: unknown[]): Tensor {
  const operator = inplace ? `${name}_` : name;
  return call(operator, operator, args) as Tensor;
}

/** `max(x, 0)`. */
export const relu: Composite = defineComposite(
  "relu(Tensor input, bool inplace=False) -> Tensor",
  ({ input, inplace }) => apply("relu", inplace, input),
);
/** `min(max(x, 0), 6)`. */
export const relu6: Composite = defineComposite(
  "relu6(Tensor input, bool inplace=False) -> Tensor",
  ({ input, inplace }) => apply("relu6", inplace, input),
);
/** `x` where positive, else `alpha * (exp(x) - 1)`. */
export const elu: Composite = defineComposite(
  "elu(Tensor input, float alpha=1.0, bool inplace=False) -> Tensor",
  ({ input, alpha, inplace }) => apply("elu", inplace, input, alpha),
);
/** elu with the scale and alpha that keep a layer's mean and variance. */
export const selu: Composite = defineComposite(
  "selu(Tensor input, bool inplace=False) -> Tensor",
  ({ input, inplace }) => apply("selu", inplace, input),
);
/** `max(0, x) + min(0, alpha * (exp(x / alpha) - 1))`. */
export const celu: Composite = defineComposite(
  "celu(Tensor input, float alpha=1.0, bool inplace=False) -> Tensor",
  ({ input, alpha, inplace }) => apply("celu", inplace, input, alpha),
);
/** `x` where positive, else `negativeSlope * x`. */
export const leakyRelu: Composite = defineComposite(
  "leaky_relu(Tensor input, float negative_slope=0.01, bool inplace=False) -> Tensor",
  ({ input, negative_slope, inplace }) => apply("leaky_relu", inplace, input, negative_slope),
);
/** leakyRelu with a random slope in training, and the mean of the bounds else. */
export const rrelu: Composite = defineComposite(
  "rrelu(Tensor input, float lower=0.125, float upper=0.3333333333333333, bool training=False, bool inplace=False) -> Tensor",
  ({ input, lower, upper, training, inplace }) => apply("rrelu", inplace, input, lower, upper, training),
);
/** `min(max(x, minVal), maxVal)`. */
export const hardtanh: Composite = defineComposite(
  "hardtanh(Tensor input, float min_val=-1.0, float max_val=1.0, bool inplace=False) -> Tensor",
  ({ input, min_val, max_val, inplace }) => {
    if (min_val > max_val) throw new RangeError(`hardtanh: minVal ${min_val} is greater than maxVal ${max_val}`);
    return apply("hardtanh", inplace, input, min_val, max_val);
  },
);
/** `value` where `x` is not above the threshold. */
export const threshold: Composite = defineComposite(
  "threshold(Tensor input, float threshold, float value, bool inplace=False) -> Tensor",
  ({ input, threshold, value, inplace }) => apply("threshold", inplace, input, threshold, value),
);
/** `relu6(x + 3) / 6`. */
export const hardsigmoid: Composite = defineComposite(
  "hardsigmoid(Tensor input, bool inplace=False) -> Tensor",
  ({ input, inplace }) => apply("hardsigmoid", inplace, input),
);
/** `x * sigmoid(x)`. */
export const silu: Composite = defineComposite(
  "silu(Tensor input, bool inplace=False) -> Tensor",
  ({ input, inplace }) => apply("silu", inplace, input),
);
/** `x * tanh(softplus(x))`. */
export const mish: Composite = defineComposite(
  "mish(Tensor input, bool inplace=False) -> Tensor",
  ({ input, inplace }) => apply("mish", inplace, input),
);
/** `x * relu6(x + 3) / 6`. */
export const hardswish: Composite = defineComposite(
  "hardswish(Tensor input, bool inplace=False) -> Tensor",
  ({ input, inplace }) => apply("hardswish", inplace, input),
);
/** `log(sigmoid(x))`. */
export const logsigmoid: Composite = defineComposite(
  "logsigmoid(Tensor input) -> Tensor",
  ({ input }) => apply("log_sigmoid", false, input),
);
/** `a * sigmoid(b)` of the two halves along a dim. */
export const glu: Composite = defineComposite("glu(Tensor input, int dim=-1) -> Tensor", ({ input, dim }) => {
  if (input.ndim === 0) throw new RangeError("glu: a tensor without dims has no halves");
  return apply("glu", false, input, dim);
});
/** `tanh(x)`. */
export const tanh: Composite = defineComposite("tanh(Tensor input) -> Tensor", ({ input }) => input.tanh());
/** `1 / (1 + exp(-x))`. */
export const sigmoid: Composite = defineComposite("sigmoid(Tensor input) -> Tensor", ({ input }) => input.sigmoid());
/** `x - tanh(x)`. */
export const tanhshrink: Composite = defineComposite(
  "tanhshrink(Tensor input) -> Tensor",
  ({ input }) => input.sub(input.tanh()),
);
/** `x / (1 + |x|)`. */
export const softsign: Composite = defineComposite(
  "softsign(Tensor input) -> Tensor",
  ({ input }) => input.div(input.abs().add(1)),
);

/** The dim that PyTorch takes where none is given, which it has deprecated. */
function softmaxDim({ ndim }: Tensor, dim: number | null): number {
  return dim ?? (ndim === 0 || ndim === 1 || ndim === 3 ? 0 : 1);
}

/** Positive numbers with sum 1 along a dim. */
export const softmax: Composite = defineComposite(
  "softmax(Tensor input, int? dim=None, *, ScalarType? dtype=None) -> Tensor",
  ({ input, dim, dtype }) => input.softmax(softmaxDim(input, dim), dtype),
);
/** The logarithm of softmax. */
export const logSoftmax: Composite = defineComposite(
  "log_softmax(Tensor input, int? dim=None, *, ScalarType? dtype=None) -> Tensor",
  ({ input, dim, dtype }) => input.logSoftmax(softmaxDim(input, dim), dtype),
);
/** softmax of `-x`. */
export const softmin: Composite = defineComposite(
  "softmin(Tensor input, int? dim=None, *, ScalarType? dtype=None) -> Tensor",
  ({ input, dim, dtype }) => input.neg().softmax(softmaxDim(input, dim), dtype),
);
/** Samples of the Gumbel softmax distribution; one-hot if `hard`. */
export const gumbelSoftmax: Composite = defineComposite(
  "gumbel_softmax(Tensor logits, float tau=1, bool hard=False, float eps=1e-10, int dim=-1) -> Tensor",
  ({ logits, tau, hard, dim }) => {
    const gumbels = emptyLike(logits, { memoryFormat: "contiguous_format" }).exponential_().log().neg();
    const soft = logits.add(gumbels).div(tau).softmax(dim);
    if (!hard) return soft;
    const index = soft.max(dim, true).indices;
    const oneHot = zerosLike(logits, { memoryFormat: "contiguous_format" }).scatter_(dim, index, float(1));
    return oneHot.sub(soft.detach()).add(soft);
  },
);

function checkProbability(name: string, p: number): void {
  if (!(p >= 0 && p <= 1)) throw new RangeError(`${name}: the probability p must be between 0 and 1, met ${p}`);
}

/** Zeros at random places in training, and the rest scaled to keep the mean. */
export const dropout: Composite = defineComposite(
  "dropout(Tensor input, float p=0.5, bool training=True, bool inplace=False) -> Tensor",
  ({ input, p, training, inplace }) => {
    checkProbability("dropout", p);
    return apply("dropout", inplace, input, p, training);
  },
);
/** Dropout that keeps mean and variance. */
export const alphaDropout: Composite = defineComposite(
  "alpha_dropout(Tensor input, float p=0.5, bool training=False, bool inplace=False) -> Tensor",
  ({ input, p, training, inplace }) => {
    checkProbability("alpha_dropout", p);
    return apply("alpha_dropout", inplace, input, p, training);
  },
);
/** alphaDropout of whole channels. */
export const featureAlphaDropout: Composite = defineComposite(
  "feature_alpha_dropout(Tensor input, float p=0.5, bool training=False, bool inplace=False) -> Tensor",
  ({ input, p, training, inplace }) => {
    checkProbability("feature_alpha_dropout", p);
    return apply("feature_alpha_dropout", inplace, input, p, training);
  },
);

/** Dropout of whole channels; a tensor of `unbatched` dims has no batch. */
function dropoutChannels(
  name: string,
  unbatched: number,
  { input, p, training, inplace }: { input: Tensor; p: number; training: boolean; inplace: boolean },
): Tensor {
  checkProbability(name, p);
  const { ndim } = input;
  if (ndim !== unbatched && ndim !== unbatched + 1) {
    throw new RangeError(`${name}: the input must have ${unbatched} or ${unbatched + 1} dims, met ${ndim}`);
  }
  if (ndim > unbatched) return apply("feature_dropout", inplace, input, p, training);
  const batch = inplace ? input.unsqueeze_(0) : input.unsqueeze(0);
  const result = apply("feature_dropout", inplace, batch, p, training);
  return inplace ? result.squeeze_(0) : result.squeeze(0);
}

/** Dropout of channels of `[C, L]` or `[N, C, L]`. */
export const dropout1d: Composite = defineComposite(
  "dropout1d(Tensor input, float p=0.5, bool training=True, bool inplace=False) -> Tensor",
  (args) => dropoutChannels("dropout1d", 2, args),
);
/** Dropout of channels of `[N, C, H, W]`; of three dims the first is taken for the batch, as PyTorch does. */
export const dropout2d: Composite = defineComposite(
  "dropout2d(Tensor input, float p=0.5, bool training=True, bool inplace=False) -> Tensor",
  ({ input, p, training, inplace }) => {
    checkProbability("dropout2d", p);
    return apply("feature_dropout", inplace, input, p, training);
  },
);
/** Dropout of channels of `[C, D, H, W]` or `[N, C, D, H, W]`. */
export const dropout3d: Composite = defineComposite(
  "dropout3d(Tensor input, float p=0.5, bool training=True, bool inplace=False) -> Tensor",
  (args) => dropoutChannels("dropout3d", 4, args),
);
