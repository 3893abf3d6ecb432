/** Cross entropies of linear layers, whose scores PyTorch keeps in pieces only. A graph has no pieces: scores are a value. */
import type { Dim } from "../sym/mod.ts";
import { addmm, mm } from "./linear.ts";
import { REDUCTIONS } from "./loss.ts";
import { crossEntropyLoss } from "./loss_class.ts";
import { type Calls, defineOp } from "./op.ts";
import { t as transposed } from "./permute.ts";
import { refuse } from "./rules.ts";

interface LinearArgs<T> {
  readonly input: T;
  readonly linear_weight: T;
  readonly target: T;
  readonly linear_bias: T | null;
  readonly weight: T | null;
  readonly ignore_index: Dim;
}

function linearCrossEntropy<T extends object>(t: Calls<T>, args: LinearArgs<T>, reduction: number): T {
  const { input, linear_weight, linear_bias, weight } = args;
  const { dtype } = t.meta(input);
  if (t.meta(linear_weight).dtype !== dtype) {
    throw new TypeError(`A layer of ${t.meta(linear_weight).dtype} does not go with an input of ${dtype}`);
  }
  const turned = t.call(transposed, linear_weight);
  const scores = linear_bias ? t.call(addmm, t.cast(linear_bias, dtype), input, turned) : t.call(mm, input, turned);
  return t.call(crossEntropyLoss, scores, args.target, weight && t.cast(weight, dtype), reduction, args.ignore_index);
}

/**
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.linear_cross_entropy.html by pieces of a batch.
 * `batch_chunk_size`, `acc_policy` and `acc_dtype` are about memory and rounding, `allow_retain_graph` about gradients.
 */
export const linearCrossEntropyChunked = defineOp(
  "torch_nn::_linear_cross_entropy_batch_chunked(Tensor input, Tensor linear_weight, Tensor target, Tensor? linear_bias, Tensor? weight, str reduction, SymInt ignore_index, float label_smoothing, SymInt batch_chunk_size, str acc_policy, ScalarType acc_dtype, bool allow_retain_graph, bool compute_input_grad, bool compute_linear_weight_grad, bool compute_linear_bias_grad) -> (Tensor, Tensor, Tensor, Tensor)",
  {
    decompose: (t, args) => {
      const reduction = REDUCTIONS.indexOf(args.reduction as typeof REDUCTIONS[number]);
      if (reduction < 1) refuse("reduction", args.reduction, "it must be mean or sum");
      if (args.label_smoothing !== 0) refuse("label_smoothing", args.label_smoothing, "pieces are not smoothed");
      for (const name of ["compute_input_grad", "compute_linear_weight_grad", "compute_linear_bias_grad"] as const) {
        if (args[name]) refuse(name, true, "gradients are not computed; export under torch.no_grad()");
      }
      const { dtype } = t.meta(args.input);
      // In place of gradients.
      const none = (shape: readonly number[]) => t.full(shape, 0, dtype);
      return [linearCrossEntropy(t, args, reduction), none([0, 0]), none([0, 0]), none([0])];
    },
  },
);

/** The same without reduction. */
export const linearCrossEntropyChunkedNone = defineOp(
  "torch_nn::_linear_cross_entropy_batch_chunked_no_reduction(Tensor input, Tensor linear_weight, Tensor target, Tensor? linear_bias, Tensor? weight, SymInt ignore_index, SymInt batch_chunk_size, str acc_policy, ScalarType acc_dtype) -> Tensor",
  { decompose: (t, args) => linearCrossEntropy(t, args, 0) },
);
