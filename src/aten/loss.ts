/**
 * Losses that compare tensors element by element, and those of pairs and triples of vectors. Losses of classes are in
 * `loss_class.ts`.
 */
import { isFloat } from "../tensor/mod.ts";
import { add, addScalar, mul, mulScalar, rsubScalar, square, sub, subScalar } from "./binary.ts";
import { eqScalar, gtScalar, leScalar, ltScalar, neScalar } from "./compare.ts";
import { div } from "./division.ts";
import { clampMin, minimum } from "./extrema.ts";
import { pairwiseDistance } from "./distance.ts";
import { type Calls, defineOp, type Promotion } from "./op.ts";
import { scalarLike } from "./overloads.ts";
import { roundedTo } from "./precision.ts";
import { xlogy } from "./power.ts";
import { mean, sum, sumDim } from "./reduce.ts";
import { refuse, requireFloat } from "./rules.ts";
import { logSigmoid } from "./activation_smooth.ts";
import { abs, exp, log, log1p, neg, sqrt } from "./unary.ts";
import { where } from "./where.ts";

/** What PyTorch numbers the ways to reduce a loss. */
export const REDUCTIONS = ["none", "mean", "sum"] as const;

/** The way to reduce a loss. @throws {RangeError} for a number that means none */
export function reductionOf(reduction: number): typeof REDUCTIONS[number] {
  return REDUCTIONS[reduction] ?? refuse("reduction", reduction, "it must be 0 (none), 1 (mean) or 2 (sum)");
}

/** A loss per element, reduced. */
export function reduceLoss<T extends object>(t: Calls<T>, loss: T, reduction: number): T {
  const way = reductionOf(reduction);
  return way === "none" ? loss : t.call(way === "mean" ? mean : sum, loss);
}

const selfAndTarget: Promotion = { args: ["self", "target"], to: "default" };

/** `x + value`; `x` where that changes nothing. */
function plus<T extends object>(t: Calls<T>, x: T, value: number): T {
  return value === 0 && isFloat(t.meta(x).dtype) ? x : t.call(addScalar, x, value);
}

/** Losses that kernels write to a tensor of the dtype of `self`, which must be able to hold them. */
function inDTypeOfSelf<T extends object>(t: Calls<T>, self: T, target: T, body: (x: T, y: T) => T): T {
  const { dtype } = t.meta(self);
  requireFloat(dtype, "The input of the loss");
  // sub promotes both; the cast of its result is that of PyTorch's output.
  return t.cast(body(self, target), dtype);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.l1_loss.html */
export const l1Loss = defineOp("aten::l1_loss(Tensor self, Tensor target, int reduction=1) -> Tensor", {
  decompose: (t, { self, target, reduction }) => reduceLoss(t, t.call(abs, t.call(sub, self, target)), reduction),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.mse_loss.html */
export const mseLoss = defineOp("aten::mse_loss(Tensor self, Tensor target, int reduction=1) -> Tensor", {
  promote: selfAndTarget,
  decompose: (t, { self, target, reduction }) => {
    requireFloat(t.meta(self).dtype, "The input of the loss");
    return reduceLoss(t, t.call(square, t.call(sub, self, target)), reduction);
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.smooth_l1_loss.html */
export const smoothL1Loss = defineOp(
  "aten::smooth_l1_loss(Tensor self, Tensor target, int reduction=1, float beta=1.) -> Tensor",
  {
    promote: selfAndTarget,
    decompose: (t, { self, target, reduction, beta }) => {
      requireFloat(t.meta(self).dtype, "The input of the loss");
      if (!(beta >= 0)) refuse("beta", beta, "it must not be negative");
      const gap = t.call(abs, t.call(sub, self, target));
      if (beta === 0) return reduceLoss(t, gap, reduction);
      const near = t.call(mulScalar, t.call(square, gap), 0.5 / beta);
      const far = t.call(subScalar, gap, 0.5 * beta);
      return reduceLoss(t, t.call(where, t.call(ltScalar, gap, beta), near, far), reduction);
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.huber_loss.html */
export const huberLoss = defineOp(
  "aten::huber_loss(Tensor self, Tensor target, int reduction=1, float delta=1.) -> Tensor",
  {
    decompose: (t, { self, target, reduction, delta }) => {
      if (!(delta > 0)) refuse("delta", delta, "it must be positive");
      const loss = inDTypeOfSelf(t, self, target, (x, y) => {
        const gap = t.call(abs, t.call(sub, x, y));
        const near = t.call(mulScalar, t.call(square, gap), 0.5);
        const far = t.call(mulScalar, t.call(subScalar, gap, 0.5 * delta), delta);
        return t.call(where, t.call(gtScalar, gap, delta), far, near);
      });
      return reduceLoss(t, loss, reduction);
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.soft_margin_loss.html */
export const softMarginLoss = defineOp(
  "aten::soft_margin_loss(Tensor self, Tensor target, int reduction=1) -> Tensor",
  {
    decompose: (t, { self, target, reduction }) => {
      const { dtype } = t.meta(self);
      requireFloat(dtype, "The input of the loss");
      const wide = dtype === "float64" ? dtype : "float32";
      // Each step is written to a tensor of the dtype, where float16 overflows.
      const step = (x: typeof self): typeof self => roundedTo(t, x, dtype);
      const turned = t.cast(t.cast(t.call(neg, target), dtype), wide);
      const product = step(t.call(mul, turned, t.cast(self, wide)));
      return reduceLoss(t, t.cast(t.call(log1p, step(t.call(exp, product))), dtype), reduction);
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.binary_cross_entropy.html */
export const binaryCrossEntropy = defineOp(
  "aten::binary_cross_entropy(Tensor self, Tensor target, Tensor? weight=None, int reduction=1) -> Tensor",
  {
    decompose: (t, { self, target, weight, reduction }) => {
      const { dtype } = t.meta(self);
      requireFloat(dtype, "The input of the loss");
      if (t.meta(target).dtype !== dtype) {
        throw new TypeError(`binary_cross_entropy takes a target of dtype ${dtype}, met ${t.meta(target).dtype}`);
      }
      // Logarithms are bounded, so that a sure mistake costs 100 rather than infinity.
      const yes = t.call(clampMin, t.call(log, self), -100n);
      const no = t.call(clampMin, t.call(log1p, t.call(neg, self)), -100n);
      const loss = t.call(sub, t.call(mul, t.call(subScalar, target, 1n), no), t.call(mul, target, yes));
      return reduceLoss(t, weight ? t.cast(t.call(mul, loss, weight), dtype) : loss, reduction);
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.binary_cross_entropy_with_logits.html */
export const binaryCrossEntropyWithLogits = defineOp(
  "aten::binary_cross_entropy_with_logits(Tensor self, Tensor target, Tensor? weight=None, Tensor? pos_weight=None, int reduction=1) -> Tensor",
  {
    decompose: (t, { self, target, weight, pos_weight, reduction }) => {
      const { dtype } = t.meta(target);
      requireFloat(t.meta(self).dtype, "The input of the loss");
      requireFloat(dtype, "The target of the loss");
      const sure = t.call(logSigmoid, self);
      // What counts for the positive class: 1 + (pos_weight - 1) * target.
      const gain = pos_weight
        ? t.call(
          mul,
          t.call(add, t.call(mul, t.call(subScalar, pos_weight, 1n), target), scalarLike(t, target, 1)),
          sure,
        )
        : sure;
      const loss = t.cast(t.call(sub, t.call(mul, t.call(rsubScalar, target, 1n), self), gain), dtype);
      return reduceLoss(t, weight ? t.cast(t.call(mul, loss, weight), dtype) : loss, reduction);
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.kl_div.html */
export const klDiv = defineOp(
  "aten::kl_div(Tensor self, Tensor target, int reduction=1, *, bool log_target=False) -> Tensor",
  {
    decompose: (t, { self, target, reduction, log_target }) => {
      for (const x of [self, target]) requireFloat(t.meta(x).dtype, "An input of the divergence");
      const loss = log_target
        ? t.call(mul, t.call(exp, target), t.call(sub, target, self))
        : t.call(sub, t.call(xlogy, target, target), t.call(mul, target, self));
      return reduceLoss(t, loss, reduction);
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.poisson_nll_loss.html */
export const poissonNllLoss = defineOp(
  "aten::poisson_nll_loss(Tensor input, Tensor target, bool log_input, bool full, float eps, int reduction) -> Tensor",
  {
    decompose: (t, { input, target, log_input, full, eps, reduction }) => {
      const plain = log_input
        ? t.call(sub, t.call(exp, input), t.call(mul, target, input))
        : t.call(sub, input, t.call(mul, target, t.call(log, t.call(addScalar, input, eps))));
      if (!full) return reduceLoss(t, plain, reduction);
      // Stirling's approximation of the logarithm of target's factorial.
      const half = t.call(mulScalar, t.call(log, t.call(mulScalar, target, 2 * Math.PI)), 0.5);
      const whole = t.call(add, t.call(sub, t.call(mul, target, t.call(log, target)), target), half);
      const term = t.call(where, t.call(leScalar, target, 1n), scalarLike(t, whole, 0), whole);
      return reduceLoss(t, t.call(add, plain, term), reduction);
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.margin_ranking_loss.html */
export const marginRankingLoss = defineOp(
  "aten::margin_ranking_loss(Tensor input1, Tensor input2, Tensor target, float margin=0., int reduction=1) -> Tensor",
  {
    decompose: (t, { input1, input2, target, margin, reduction }) => {
      const ranks = [input1, input2, target].map((x) => t.meta(x).shape.length);
      if (ranks.some((rank) => rank !== ranks[0])) {
        throw new RangeError(`margin_ranking_loss takes tensors of one rank, met ${ranks.join(", ")}`);
      }
      const gap = t.call(mul, t.call(neg, target), t.call(sub, input1, input2));
      return reduceLoss(t, t.call(clampMin, plus(t, gap, margin), 0n), reduction);
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.hinge_embedding_loss.html */
export const hingeEmbeddingLoss = defineOp(
  "aten::hinge_embedding_loss(Tensor self, Tensor target, float margin=1., int reduction=1) -> Tensor",
  {
    decompose: (t, { self, target, margin, reduction }) => {
      requireFloat(t.meta(self).dtype, "The input of the loss");
      const zero = scalarLike(t, self, 0);
      const room = t.call(clampMin, t.call(rsubScalar, self, margin), 0n);
      const apart = t.call(where, t.call(neScalar, target, 1n), room, zero);
      const alike = t.call(where, t.call(neScalar, target, -1n), self, zero);
      return reduceLoss(t, t.call(add, apart, alike), reduction);
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.cosine_embedding_loss.html */
export const cosineEmbeddingLoss = defineOp(
  "aten::cosine_embedding_loss(Tensor input1, Tensor input2, Tensor target, float margin=0., int reduction=1) -> Tensor",
  {
    decompose: (t, { input1, input2, target, margin, reduction }) => {
      const dim = t.meta(target).shape.length;
      const ranks = [input1, input2].map((x) => t.meta(x).shape.length);
      if (dim > 1 || ranks.some((rank) => rank !== dim + 1)) {
        throw new RangeError(`A target of ${dim} dimensions does not go with inputs of ${ranks.join(" and ")}`);
      }
      const total = (x: typeof target, y: typeof target): typeof target => t.call(sumDim, t.call(mul, x, y), [dim]);
      const [one, other] = [input1, input2].map((x) => plus(t, total(x, x), 1e-12));
      const cosine = t.call(div, total(input1, input2), t.call(sqrt, t.call(mul, one, other)));
      const zero = scalarLike(t, cosine, 0);
      const room = t.call(clampMin, t.call(subScalar, cosine, margin), 0n);
      const alike = t.call(where, t.call(eqScalar, target, 1n), t.call(rsubScalar, cosine, 1n), zero);
      const apart = t.call(where, t.call(eqScalar, target, -1n), room, zero);
      return reduceLoss(t, t.call(add, alike, apart), reduction);
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.triplet_margin_loss.html */
export const tripletMarginLoss = defineOp(
  "aten::triplet_margin_loss(Tensor anchor, Tensor positive, Tensor negative, float margin=1., float p=2., float eps=9.9999999999999995e-07, bool swap=False, int reduction=1) -> Tensor",
  {
    decompose: (t, { anchor, positive, negative, margin, p, eps, swap, reduction }) => {
      const ranks = [anchor, positive, negative].map((x) => t.meta(x).shape.length);
      if (ranks.some((rank) => rank !== ranks[0])) {
        throw new RangeError(`triplet_margin_loss takes tensors of one rank, met ${ranks.join(", ")}`);
      }
      const near = t.call(pairwiseDistance, anchor, positive, p, eps);
      const given = t.call(pairwiseDistance, anchor, negative, p, eps);
      const far = swap ? t.call(minimum, given, t.call(pairwiseDistance, positive, negative, p, eps)) : given;
      return reduceLoss(t, t.call(clampMin, t.call(sub, plus(t, near, margin), far), 0n), reduction);
    },
  },
);
