/**
 * Losses of classes: negative log likelihoods and cross entropies over the class dimension (the second, or the only one),
 * and margins between the right class and the others.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, eq, isSym, prod } from "../sym/mod.ts";
import { type Meta, newData, Tensor } from "../tensor/mod.ts";
import { filled } from "../tensor/loops.ts";
import { numberOf } from "./activation.ts";
import { add, mul, mulScalar, rsubScalar, square } from "./binary.ts";
import { eq as eqTensor, lt, ltScalar, ne, neScalar } from "./compare.ts";
import { choose, emit, NUMBERS, SIGNED } from "./emit.ts";
import { div, divScalar } from "./division.ts";
import { clampMin } from "./extrema.ts";
import { elementAt, gather, take } from "./gather.ts";
import { logicalAnd, logicalNot } from "./logical.ts";
import { reduceLoss, reductionOf } from "./loss.ts";
import { type Calls, defineOp } from "./op.ts";
import { scalarLike } from "./overloads.ts";
import { computeIn, floatKernelDType } from "./precision.ts";
import { arange } from "./range.ts";
import { amin } from "./reduce_extrema.ts";
import { anyDim, meanDim, sum, sumDim } from "./reduce.ts";
import { refuse, requireFloat } from "./rules.ts";
import { logSoftmax } from "./softmax.ts";
import { neg } from "./unary.ts";
import { reshape, unsqueeze } from "./view.ts";
import { where } from "./where.ts";

interface NllArgs<T> {
  readonly self: T;
  readonly target: T;
  readonly weight: T | null;
  readonly reduction: number;
  readonly ignore_index: Dim;
}

/** The class dimension of a tensor of scores. */
function classDim(rank: number): number {
  if (rank === 0) throw new RangeError("A loss of classes needs scores of at least 1 dimension");
  return rank === 1 ? 0 : 1;
}

/** Checks the arguments; gives the shape of the loss without reduction. */
function checkNll({ self, target, weight, reduction }: NllArgs<Meta>): readonly Dim[] {
  requireFloat(self.dtype, "The scores of classes");
  reductionOf(reduction);
  if (target.dtype !== "int64" && target.dtype !== "uint8") {
    throw new TypeError(`A target of classes must be int64 or uint8, met ${target.dtype}`);
  }
  const dim = classDim(self.shape.length);
  const rest = self.shape.filter((_, d) => d !== dim);
  if (target.shape.length !== rest.length || rest.some((d, i) => eq(d, target.shape[i]) === false)) {
    throw new RangeError(
      `A target of [${target.shape.join(", ")}] does not go with scores of [${self.shape.join(", ")}]`,
    );
  }
  if (weight && (weight.shape.length !== 1 || eq(weight.shape[0], self.shape[dim]) === false)) {
    throw new RangeError(`One weight per class is needed, met [${weight.shape.join(", ")}]`);
  }
  if (weight && weight.dtype !== self.dtype) {
    throw new TypeError(`Weights must be ${self.dtype} as the scores, met ${weight.dtype}`);
  }
  return rest;
}

/** The loss and the sum of the weights that count, which is left 0 where nothing is reduced. */
function nllKernel(args: NllArgs<Tensor>): [Tensor, Tensor] {
  const { self, target, weight, reduction, ignore_index } = args;
  const shape = checkNll(args) as number[];
  const { dtype } = self;
  const dim = classDim(self.shape.length);
  const classes = self.shape[dim];
  const inner = prod(self.shape.slice(dim + 1)) as number;
  const [scores, labels, weights] = [self.data(), target.data(), weight?.data()];
  const out = newData(dtype, target.numel) as Float64Array;
  let [loss, total] = [0, 0];
  for (let i = 0; i < target.numel; i++) {
    if (Number(labels[i]) === ignore_index) continue;
    const label = classAt(labels[i], classes);
    const outer = Math.floor(i / inner);
    const w = weights ? weights[label] as number : 1;
    const one = -w * (scores[(outer * classes + label) * inner + i % inner] as number);
    out[i] = one;
    loss += one;
    total += w;
  }
  const way = reductionOf(reduction);
  const one = way === "none" ? Tensor.of(dtype, shape, out) : filled(dtype, [], way === "mean" ? loss / total : loss);
  return [one, filled(dtype, [], way === "none" && shape.length > 0 ? 0 : total)];
}

function classAt(label: number | bigint, classes: number): number {
  if (Number(label) < 0) throw new RangeError(`Class ${label} is out of range for ${classes} classes`);
  return elementAt(label, classes);
}

/** The loss as a node of its own. */
function lossNode(b: OnnxBuilder, args: NllArgs<OnnxValue>): OnnxValue {
  const { self, target, weight, reduction, ignore_index } = args;
  if (b.meta(self).shape.length === 1) return lossOfOne(b, args);
  let [labels, ignored] = [b.cast(target, "int64"), ignore_index];
  if (isSym(ignored)) {
    // The attribute is a constant, so that what is left out gets a label that no class has.
    const isOut = b.op("Equal", [labels, b.dim(ignored)]);
    ignored = -100;
    labels = b.op("Where", [isOut, b.dim(ignored), labels]);
  }
  return computeIn(b, floatKernelDType(b.meta(self).dtype), [self, weight], (x, weight) => {
    return b.op("NegativeLogLikelihoodLoss", [x, labels, weight], {
      ignore_index: ignored as number,
      reduction: reductionOf(reduction),
    });
  });
}

/** The loss of one sample, which has no batch dimension. */
function lossOfOne(b: OnnxBuilder, { self, target, weight, reduction, ignore_index }: NllArgs<OnnxValue>): OnnxValue {
  const { dtype } = b.meta(self);
  const label = b.cast(target, "int64");
  const isOut = b.op("Equal", [label, b.dim(ignore_index)]);
  const known = b.op("Where", [isOut, b.scalar(0n, "int64"), label]);
  const mean = reductionOf(reduction) === "mean";
  const picked = emit(b, SIGNED, "Neg", [b.op("Gather", [self, known], { axis: 0 })]);
  let cost = picked;
  if (weight) {
    const own = b.op("Gather", [weight, known], { axis: 0 });
    cost = emit(b, NUMBERS, "Mul", [picked, own]);
    if (mean) cost = emit(b, NUMBERS, "Div", [cost, own]);
  }
  return choose(b, isOut, b.scalar(mean ? NaN : 0, dtype), cost);
}

/** The sum of the weights of all targets that count. */
function totalNode(b: OnnxBuilder, { self, target, weight, reduction, ignore_index }: NllArgs<OnnxValue>): OnnxValue {
  const { dtype, shape } = b.meta(self);
  if (reductionOf(reduction) === "none" && shape.length > 1) return b.scalar(0, dtype);
  const labels = b.cast(target, "int64");
  const isOut = b.op("Equal", [labels, b.dim(ignore_index)]);
  if (!weight) {
    const counted = b.cast(b.op("Not", [isOut]), "float32");
    return b.cast(b.op("ReduceSum", [counted], { keepdims: 0 }), dtype);
  }
  const known = b.op("Where", [isOut, b.scalar(0n, "int64"), labels]);
  const weights = b.op("Gather", [weight, known], { axis: 0 });
  const counted = choose(b, isOut, b.scalar(0, dtype), weights);
  return computeIn(b, floatKernelDType(dtype), [counted], (x) => b.op("ReduceSum", [x], { keepdims: 0 }));
}

function lossMeta(args: NllArgs<Meta>): Meta {
  const shape = checkNll(args);
  return { dtype: args.self.dtype, shape: reductionOf(args.reduction) === "none" ? shape : [] };
}

const NLL = {
  meta: (_: unknown, args: NllArgs<Meta>): Meta => lossMeta(args),
  kernel: (args: NllArgs<Tensor>): Tensor => nllKernel(args)[0],
  onnx: (b: OnnxBuilder, args: NllArgs<OnnxValue>): OnnxValue => lossNode(b, args),
};

const NLL_FORWARD = {
  meta: (_: unknown, args: NllArgs<Meta>): [Meta, Meta] => [lossMeta(args), { dtype: args.self.dtype, shape: [] }],
  kernel: (args: NllArgs<Tensor>): [Tensor, Tensor] => nllKernel(args),
  onnx: (b: OnnxBuilder, args: NllArgs<OnnxValue>): [OnnxValue, OnnxValue] => [
    lossNode(b, args),
    totalNode(b, args),
  ],
};

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.nll_loss.html */
export const nllLossNd = defineOp(
  "aten::nll_loss_nd(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor",
  NLL,
);

/** `nll_loss_nd` of one or two dimensions. */
export const nllLoss = defineOp(
  "aten::nll_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor",
  NLL,
);

/** `nll_loss_nd` of images. */
export const nllLoss2d = defineOp(
  "aten::nll_loss2d(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor",
  NLL,
);

/** `nll_loss`, and the sum of the weights that it divides by. */
export const nllLossForward = defineOp(
  "aten::nll_loss_forward(Tensor self, Tensor target, Tensor? weight, int reduction, SymInt ignore_index) -> (Tensor output, Tensor total_weight)",
  NLL_FORWARD,
);

/** `nll_loss2d`, and the sum of the weights that it divides by. */
export const nllLoss2dForward = defineOp(
  "aten::nll_loss2d_forward(Tensor self, Tensor target, Tensor? weight, int reduction, SymInt ignore_index) -> (Tensor output, Tensor total_weight)",
  NLL_FORWARD,
);

interface CrossEntropyArgs<T> extends NllArgs<T> {
  readonly label_smoothing: number;
}

/** Whether the target gives a probability per class rather than one class. */
function isProbability(self: Meta, target: Meta): boolean {
  return self.shape.length === target.shape.length;
}

/** Weights under which the scores broadcast. */
function weightsAlong<T extends object>(t: Calls<T>, weight: T, rank: number, dim: number): T {
  return t.call(reshape, weight, Array.from({ length: rank }, (_, d) => d === dim ? -1 : 1));
}

/** Against probabilities: https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/native/LossNLL.cpp */
function againstProbabilities<T extends object>(t: Calls<T>, args: CrossEntropyArgs<T>): T {
  const { self, target, weight, reduction, ignore_index, label_smoothing } = args;
  const { shape } = t.meta(self);
  requireFloat(t.meta(target).dtype, "A target of probabilities");
  if (isSym(ignore_index) || ignore_index >= 0) {
    refuse("ignore_index", ignore_index, "probabilities have no class to ignore");
  }
  const dim = classDim(shape.length);
  const classes = shape[dim];
  const goal = label_smoothing === 0 ? target : t.call(
    add,
    t.call(mulScalar, target, 1 - label_smoothing),
    t.call(divScalar, scalarLike(t, target, label_smoothing), classes),
  );
  const product = t.call(mul, t.call(logSoftmax, self, dim), goal);
  const weighted = weight ? t.call(mul, product, weightsAlong(t, weight, shape.length, dim)) : product;
  const way = reductionOf(reduction);
  if (way === "none") return t.call(neg, t.call(sumDim, weighted, [dim]));
  const total = t.call(neg, t.call(sum, weighted));
  return way === "sum" ? total : t.call(divScalar, total, prod(shape.filter((_, d) => d !== dim)));
}

/** Against one class per sample, part of whose probability is spread over all classes. */
function smoothed<T extends object>(t: Calls<T>, args: CrossEntropyArgs<T>): T {
  const { self, target, weight, reduction, ignore_index, label_smoothing } = args;
  const { shape } = t.meta(self);
  const dim = classDim(shape.length);
  const scores = t.call(logSoftmax, self, dim);
  const sharp = t.call(nllLossNd, scores, target, weight, reduction, ignore_index);
  const weighted = weight ? t.call(mul, scores, weightsAlong(t, weight, shape.length, dim)) : scores;
  const each = t.call(sumDim, weighted, [dim]);
  const counts = t.call(neScalar, target, isSym(ignore_index) ? ignore_index : BigInt(ignore_index));
  const even = t.call(where, counts, each, scalarLike(t, each, 0));
  const way = reductionOf(reduction);
  let spread = way === "none" ? even : t.call(sum, even);
  if (way === "mean") {
    // Divided by the weights of the targets that count, as the sharp part.
    const [, total] = t.call(nllLossForward, scores, target, weight, reduction, ignore_index);
    spread = t.call(div, spread, total);
  }
  const share = t.call(divScalar, t.call(mulScalar, spread, -label_smoothing), shape[dim]);
  return t.call(add, t.call(mulScalar, sharp, 1 - label_smoothing), share);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.cross_entropy.html */
export const crossEntropyLoss = defineOp(
  "aten::cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100, float label_smoothing=0.) -> Tensor",
  {
    decompose: (t, args) => {
      const { self, target, weight, reduction, ignore_index, label_smoothing } = args;
      if (!(label_smoothing >= 0 && label_smoothing <= 1)) {
        refuse("label_smoothing", label_smoothing, "it must be between 0 and 1");
      }
      if (isProbability(t.meta(self), t.meta(target))) return againstProbabilities(t, args);
      if (label_smoothing > 0) return smoothed(t, args);
      const scores = t.call(logSoftmax, self, classDim(t.meta(self).shape.length));
      return t.call(nllLossNd, scores, target, weight, reduction, ignore_index);
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.multi_margin_loss.html */
export const multiMarginLoss = defineOp(
  "aten::multi_margin_loss(Tensor self, Tensor target, Scalar p=1, Scalar margin=1, Tensor? weight=None, int reduction=1) -> Tensor",
  {
    decompose: (t, { self, target, p, margin, weight, reduction }) => {
      const meta = t.meta(self);
      requireFloat(meta.dtype, "The scores of classes");
      const power = numberOf("p", p);
      if (power !== 1 && power !== 2) refuse("p", power, "it must be 1 or 2");
      const labels = t.meta(target);
      if (labels.dtype !== "int64") throw new TypeError(`A target of classes must be int64, met ${labels.dtype}`);
      if (meta.shape.length > 2 || labels.shape.length > 1) {
        throw new RangeError(
          `A target of ${labels.shape.length} and scores of ${meta.shape.length} dimensions do not go together`,
        );
      }
      const classes = meta.shape.at(-1) ?? 1;
      const scores = meta.shape.length === 2 ? self : t.call(reshape, self, [1, classes]);
      const right = t.call(reshape, target, [-1, 1]);
      const gaps = t.call(add, t.call(rsubScalar, t.call(gather, scores, 1, right), margin), scores);
      const short = t.call(clampMin, gaps, 0n);
      const cost = power === 2 ? t.call(square, short) : short;
      const weighted = weight ? t.call(mul, cost, t.call(reshape, t.call(take, weight, target), [-1, 1])) : cost;
      const others = t.call(ne, t.call(arange, classes), right);
      const each = t.call(meanDim, t.call(where, others, weighted, scalarLike(t, self, 0)), [1]);
      const loss = labels.shape.length === 0 ? t.call(reshape, each, []) : each;
      return reduceLoss(t, loss, reduction);
    },
  },
);

/** The loss, and 1 for each class that is among the targets. */
export const multilabelMarginLossForward = defineOp(
  "aten::multilabel_margin_loss_forward(Tensor self, Tensor target, int reduction) -> (Tensor output, Tensor is_target)",
  {
    decompose: (t, { self, target, reduction }) => {
      const { dtype, shape } = t.meta(self);
      requireFloat(dtype, "The scores of classes");
      const labels = t.meta(target);
      if (labels.dtype !== "int64") throw new TypeError(`A target of classes must be int64, met ${labels.dtype}`);
      if (shape.length > 2 || labels.shape.length !== shape.length) {
        throw new RangeError(
          `A target of ${labels.shape.length} and scores of ${shape.length} dimensions do not go together`,
        );
      }
      const classes = shape.at(-1) ?? 1;
      const wide = shape.length === 2 ? shape : [1, classes];
      const scores = t.call(reshape, self, wide);
      const given = t.call(reshape, target, wide);
      const order = t.call(arange, classes);
      // Targets end before the first negative one.
      const end = t.call(
        amin,
        t.call(where, t.call(ltScalar, given, 0n), order, t.full([], classes, "int64")),
        [-1],
        true,
      );
      const isGiven = t.call(lt, order, end);
      const known = t.call(where, isGiven, given, t.full([], 0n, "int64"));
      const right = t.call(unsqueeze, t.call(gather, scores, 1, known), 2);
      const hits = t.call(
        eqTensor,
        t.call(unsqueeze, t.call(where, isGiven, given, t.full([], -1n, "int64")), 2),
        order,
      );
      const isTarget = t.call(anyDim, hits, 1);
      const gaps = t.call(clampMin, t.call(add, t.call(rsubScalar, right, 1n), t.call(unsqueeze, scores, 1)), 0n);
      const counts = t.call(
        logicalAnd,
        t.call(unsqueeze, isGiven, 2),
        t.call(unsqueeze, t.call(logicalNot, isTarget), 1),
      );
      const total = t.call(sumDim, t.call(where, counts, gaps, scalarLike(t, self, 0)), [1, 2]);
      const each = t.call(divScalar, total, classes);
      const loss = shape.length === 2 ? each : t.call(reshape, each, []);
      return [reduceLoss(t, loss, reduction), t.call(reshape, t.cast(isTarget, dtype), shape)];
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.multilabel_margin_loss.html */
export const multilabelMarginLoss = defineOp(
  "aten::multilabel_margin_loss(Tensor self, Tensor target, int reduction=1) -> Tensor",
  { decompose: (t, { self, target, reduction }) => t.call(multilabelMarginLossForward, self, target, reduction)[0] },
);
