/** Losses of `torch.nn.functional`. */
import { type Dim, eq } from "../sym/mod.ts";
import { broadcastShapes } from "../tensor/mod.ts";
import { type Composite, defineComposite } from "./composite.ts";
import { pairwiseDistance } from "./functional_operators.ts";
import { call, type Tensor } from "./tensor.ts";

function broadcastTensors(tensors: readonly Tensor[]): Tensor[] {
  return call("broadcast_tensors", "broadcast_tensors", [tensors]) as Tensor[];
}

/** How a loss is reduced: `sizeAverage` and `reduce` are PyTorch's former names for it. */
interface Reduced {
  readonly reduction: string;
  readonly size_average?: boolean | null;
  readonly reduce?: boolean | null;
}

const REDUCTIONS: readonly string[] = ["none", "mean", "sum"];

function reductionOf(name: string, { reduction, size_average = null, reduce = null }: Reduced): string {
  if (size_average !== null || reduce !== null) {
    return !(reduce ?? true) ? "none" : size_average ?? true ? "mean" : "sum";
  }
  if (REDUCTIONS.includes(reduction)) return reduction;
  throw new RangeError(`${name}: the reduction must be none, mean or sum, met ${reduction}`);
}

/** The number by which operators know a reduction. */
function code(name: string, args: Reduced): number {
  return REDUCTIONS.indexOf(reductionOf(name, args));
}

function reduce(name: string, loss: Tensor, args: Reduced): Tensor {
  const reduction = reductionOf(name, args);
  return reduction === "none" ? loss : reduction === "mean" ? loss.mean() : loss.sum();
}

/** @throws {RangeError} where two tensors surely differ in shape */
function requireSameShape(name: string, input: Tensor, target: Tensor, what = "target"): void {
  const [a, b]: (readonly Dim[])[] = [input.meta.shape, target.meta.shape];
  if (a.length !== b.length || a.some((n, d) => eq(n, b[d]) === false)) {
    throw new RangeError(`${name}: the ${what} must have the input's shape [${a.join(", ")}], met [${b.join(", ")}]`);
  }
}

/** `-log softmax(input)[target]`, of classes in dim 1; a float target holds the probability of each class. */
export const crossEntropy: Composite = defineComposite(
  "cross_entropy(Tensor input, Tensor target, Tensor? weight=None, bool? size_average=None, SymInt ignore_index=-100, bool? reduce=None, str reduction='mean', float label_smoothing=0.0) -> Tensor",
  (args) => {
    const { input, target, weight, ignore_index, label_smoothing } = args;
    const given = [input, target, weight, code("cross_entropy", args), ignore_index, label_smoothing];
    return call("cross_entropy_loss", "cross_entropy_loss", given);
  },
);
/** `-input[target]`, of classes in dim 1, whose log-probabilities the input holds. */
export const nllLoss: Composite = defineComposite(
  "nll_loss(Tensor input, Tensor target, Tensor? weight=None, bool? size_average=None, SymInt ignore_index=-100, bool? reduce=None, str reduction='mean') -> Tensor",
  (args) => {
    const given = [args.input, args.target, args.weight, code("nll_loss", args), args.ignore_index];
    return call("nll_loss_nd", "nll_loss_nd", given);
  },
);
/** The loss of probabilities against targets between 0 and 1. */
export const binaryCrossEntropy: Composite = defineComposite(
  "binary_cross_entropy(Tensor input, Tensor target, Tensor? weight=None, bool? size_average=None, bool? reduce=None, str reduction='mean') -> Tensor",
  (args) => {
    const { input, target } = args;
    requireSameShape("binary_cross_entropy", input, target);
    const weight = args.weight &&
      args.weight.expand(broadcastShapes(target.meta.shape, args.weight.meta.shape) as number[]);
    const given = [input, target, weight, code("binary_cross_entropy", args)];
    return call("binary_cross_entropy", "binary_cross_entropy", given);
  },
);
/** The loss of logits against targets between 0 and 1. */
export const binaryCrossEntropyWithLogits: Composite = defineComposite(
  "binary_cross_entropy_with_logits(Tensor input, Tensor target, Tensor? weight=None, bool? size_average=None, bool? reduce=None, str reduction='mean', Tensor? pos_weight=None) -> Tensor",
  (args) => {
    const { input, target, weight, pos_weight } = args;
    requireSameShape("binary_cross_entropy_with_logits", input, target);
    const given = [input, target, weight, pos_weight, code("binary_cross_entropy_with_logits", args)];
    return call("binary_cross_entropy_with_logits", "binary_cross_entropy_with_logits", given);
  },
);
/** The Kullback-Leibler divergence of log-probabilities from the target. */
export const klDiv: Composite = defineComposite(
  "kl_div(Tensor input, Tensor target, bool? size_average=None, bool? reduce=None, str reduction='mean', bool log_target=False) -> Tensor",
  (args) => {
    const { input, target, log_target, size_average, reduce } = args;
    const perBatch = args.reduction === "batchmean" && size_average === null && reduce === null;
    const reduction = perBatch ? REDUCTIONS.indexOf("sum") : code("kl_div", args);
    const loss = call("kl_div", "kl_div", [input, target, reduction, { logTarget: log_target }]) as Tensor;
    return perBatch && input.ndim > 0 ? loss.div(input.shape[0]) : loss;
  },
);
/** The loss of counts that are Poisson distributed. */
export const poissonNllLoss: Composite = defineComposite(
  "poisson_nll_loss(Tensor input, Tensor target, bool log_input=True, bool full=False, bool? size_average=None, float eps=1e-08, bool? reduce=None, str reduction='mean') -> Tensor",
  (args) => {
    const { input, target, log_input, full, eps } = args;
    const given = [input, target, log_input, full, eps, code("poisson_nll_loss", args)];
    return call("poisson_nll_loss", "poisson_nll_loss", given);
  },
);
/** The loss of values that are normally distributed with variance `var`. */
export const gaussianNllLoss: Composite = defineComposite(
  "gaussian_nll_loss(Tensor input, Tensor target, Tensor var, bool full=False, float eps=1e-06, str reduction='mean') -> Tensor",
  (args) => {
    const { input, target, full, eps } = args;
    let variance = args.var;
    const [own, shape]: (readonly Dim[])[] = [variance.meta.shape, input.meta.shape];
    if (own.length === shape.length - 1) variance = variance.unsqueeze(-1);
    else if (own.length !== shape.length) {
      throw new RangeError(
        `gaussian_nll_loss: var must have the input's shape [${shape.join(", ")}], met [${own.join(", ")}]`,
      );
    }
    variance = variance.clone();
    variance.clamp_({ min: eps });
    const error = input.sub(target).pow(2).div(variance);
    let loss = variance.log().add(error).mul(0.5);
    if (full) loss = loss.add(0.5 * Math.log(2 * Math.PI));
    return reduce("gaussian_nll_loss", loss, args);
  },
);
/** Connectionist temporal classification: the loss of sequences that are not aligned. */
export const ctcLoss: Composite = defineComposite(
  "ctc_loss(Tensor log_probs, Tensor targets, Tensor input_lengths, Tensor target_lengths, int blank=0, str reduction='mean', bool zero_infinity=False) -> Tensor",
  (args) => {
    const { log_probs, targets, input_lengths, target_lengths, blank, zero_infinity } = args;
    const given = [log_probs, targets, input_lengths, target_lengths, blank, code("ctc_loss", args), zero_infinity];
    return call("ctc_loss", "ctc_loss.Tensor ctc_loss.IntList", given);
  },
);

/** Input and target, broadcast; weighted errors are reduced here, others by the operator. */
function pointwise(
  name: string,
  args: Reduced & { readonly input: Tensor; readonly target: Tensor; readonly weight?: Tensor | null },
  loss: (input: Tensor, target: Tensor, reduction: number) => Tensor,
  error: (input: Tensor, target: Tensor) => Tensor,
  divideByWeight: boolean,
): Tensor {
  const [input, target] = broadcastTensors([args.input, args.target]);
  const weight = args.weight ?? null;
  if (weight === null) return loss(input, target, code(name, args));
  requireSameShape(name, args.input, weight, "weight");
  const weighted = error(input, target).mul(weight);
  const mean = reductionOf(name, args) === "mean" && divideByWeight;
  return mean ? weighted.sum().div(weight.sum()) : reduce(name, weighted, args);
}

/** Squared errors. */
export const mseLoss: Composite = defineComposite(
  "mse_loss(Tensor input, Tensor target, bool? size_average=None, bool? reduce=None, str reduction='mean', Tensor? weight=None) -> Tensor",
  (args) =>
    pointwise(
      "mse_loss",
      args,
      (x, y, reduction) => call("mse_loss", "mse_loss", [x, y, reduction]) as Tensor,
      (x, y) => x.sub(y).pow(2),
      true,
    ),
);
/** Absolute errors. */
export const l1Loss: Composite = defineComposite(
  "l1_loss(Tensor input, Tensor target, bool? size_average=None, bool? reduce=None, str reduction='mean', Tensor? weight=None) -> Tensor",
  (args) =>
    pointwise(
      "l1_loss",
      args,
      (x, y, reduction) => call("l1_loss", "l1_loss", [x, y, reduction]) as Tensor,
      (x, y) => x.sub(y).abs(),
      true,
    ),
);
/** Squared errors below `beta`, absolute ones above. */
export const smoothL1Loss: Composite = defineComposite(
  "smooth_l1_loss(Tensor input, Tensor target, bool? size_average=None, bool? reduce=None, str reduction='mean', float beta=1.0) -> Tensor",
  (args) => {
    const [input, target] = broadcastTensors([args.input, args.target]);
    const reduction = code("smooth_l1_loss", args);
    return Number(args.beta) === 0
      ? call("l1_loss", "l1_loss", [input, target, reduction])
      : call("smooth_l1_loss", "smooth_l1_loss", [input, target, reduction, args.beta]);
  },
);
/** Squared errors below `delta`, absolute ones above. */
export const huberLoss: Composite = defineComposite(
  "huber_loss(Tensor input, Tensor target, str reduction='mean', float delta=1.0, Tensor? weight=None) -> Tensor",
  (args) => {
    const huber = (x: Tensor, y: Tensor, reduction: number): Tensor =>
      call("huber_loss", "huber_loss", [x, y, reduction, args.delta]) as Tensor;
    return pointwise("huber_loss", args, huber, (x, y) => huber(x, y, 0), false);
  },
);

/** Losses that are one operator of two tensors. */
const REDUCED = "bool? size_average=None, bool? reduce=None, str reduction='mean'";

/** `log(1 + exp(-target * input))`. */
export const softMarginLoss: Composite = defineComposite(
  `soft_margin_loss(Tensor input, Tensor target, ${REDUCED}) -> Tensor`,
  (args) => call("soft_margin_loss", "soft_margin_loss", [args.input, args.target, code("soft_margin_loss", args)]),
);
/** The margin between each class of the target and each other. */
export const multilabelMarginLoss: Composite = defineComposite(
  `multilabel_margin_loss(Tensor input, Tensor target, ${REDUCED}) -> Tensor`,
  (args) =>
    call("multilabel_margin_loss", "multilabel_margin_loss", [
      args.input,
      args.target,
      code("multilabel_margin_loss", args),
    ]),
);
/** Of each class its own binary loss. */
export const multilabelSoftMarginLoss: Composite = defineComposite(
  `multilabel_soft_margin_loss(Tensor input, Tensor target, Tensor? weight=None, ${REDUCED}) -> Tensor`,
  (args) => {
    const { input, target, weight } = args;
    const logSigmoid = (x: Tensor): Tensor => call("log_sigmoid", "log_sigmoid", [x]) as Tensor;
    const likely = target.mul(logSigmoid(input));
    const rest = (call("rsub", "rsub.Scalar", [target, 1]) as Tensor).mul(logSigmoid(input.neg()));
    let loss = likely.add(rest).neg();
    if (weight) loss = loss.mul(weight);
    const classes = input.ndim - 1;
    return reduce("multilabel_soft_margin_loss", loss.sum(classes).div(input.size(classes)), args);
  },
);
/** The margin between the target's class and each other. */
export const multiMarginLoss: Composite = defineComposite(
  `multi_margin_loss(Tensor input, Tensor target, int p=1, float margin=1.0, Tensor? weight=None, ${REDUCED}) -> Tensor`,
  (args) => {
    const { input, target, p, margin, weight } = args;
    if (p !== 1 && p !== 2) throw new RangeError(`multi_margin_loss: p must be 1 or 2, met ${p}`);
    const given = [input, target, p, margin, weight, code("multi_margin_loss", args)];
    return call("multi_margin_loss", "multi_margin_loss", given);
  },
);
/** `max(0, margin - target * (input1 - input2))`. */
export const marginRankingLoss: Composite = defineComposite(
  `margin_ranking_loss(Tensor input1, Tensor input2, Tensor target, float margin=0, ${REDUCED}) -> Tensor`,
  (args) => {
    const { input1, input2, target, margin } = args;
    if (input1.ndim !== input2.ndim || input1.ndim !== target.ndim) {
      throw new RangeError("margin_ranking_loss: the tensors must have as many dims as each other");
    }
    const given = [input1, input2, target, margin, code("margin_ranking_loss", args)];
    return call("margin_ranking_loss", "margin_ranking_loss", given);
  },
);
/** The input where the target is 1, `max(0, margin - input)` where it is -1. */
export const hingeEmbeddingLoss: Composite = defineComposite(
  `hinge_embedding_loss(Tensor input, Tensor target, float margin=1.0, ${REDUCED}) -> Tensor`,
  (args) =>
    call("hinge_embedding_loss", "hinge_embedding_loss", [
      args.input,
      args.target,
      args.margin,
      code("hinge_embedding_loss", args),
    ]),
);
/** Whether vectors are alike (target 1) or not (-1), by their cosine. */
export const cosineEmbeddingLoss: Composite = defineComposite(
  `cosine_embedding_loss(Tensor input1, Tensor input2, Tensor target, float margin=0, ${REDUCED}) -> Tensor`,
  (args) => {
    const { input1, input2, target, margin } = args;
    const given = [input1, input2, target, margin, code("cosine_embedding_loss", args)];
    return call("cosine_embedding_loss", "cosine_embedding_loss", given);
  },
);
/** The anchor's distance from a like vector against that from an unlike one. */
export const tripletMarginLoss: Composite = defineComposite(
  `triplet_margin_loss(Tensor anchor, Tensor positive, Tensor negative, float margin=1.0, float p=2, float eps=1e-06, bool swap=False, ${REDUCED}) -> Tensor`,
  (args) => {
    const { anchor, positive, negative, margin, p, eps, swap } = args;
    if (margin <= 0) throw new RangeError(`triplet_margin_loss: the margin must be positive, met ${margin}`);
    const given = [anchor, positive, negative, margin, p, eps, swap, code("triplet_margin_loss", args)];
    return call("triplet_margin_loss", "triplet_margin_loss", given);
  },
);
/** tripletMarginLoss by a distance of one's own: a function of two tensors. */
export const tripletMarginWithDistanceLoss: Composite = defineComposite(
  "triplet_margin_with_distance_loss(Tensor anchor, Tensor positive, Tensor negative, *, Function? distance_function=None, float margin=1.0, bool swap=False, str reduction='mean') -> Tensor",
  (args) => {
    const { anchor, positive, negative, margin, swap } = args;
    if (margin <= 0) {
      throw new RangeError(`triplet_margin_with_distance_loss: the margin must be positive, met ${margin}`);
    }
    if (anchor.ndim !== positive.ndim || anchor.ndim !== negative.ndim) {
      throw new RangeError("triplet_margin_with_distance_loss: the tensors must have as many dims as each other");
    }
    const distance = args.distance_function as ((a: Tensor, b: Tensor) => Tensor) | null ?? pairwiseDistance;
    const near = distance(anchor, positive);
    let far = distance(anchor, negative);
    if (swap) far = far.minimum(distance(positive, negative));
    return reduce("triplet_margin_with_distance_loss", near.add(margin).sub(far).clampMin(0), args);
  },
);
