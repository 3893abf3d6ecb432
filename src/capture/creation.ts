/** Tensors from values: `torch.tensor` and its kind. */
import { scalarDType } from "../aten/bind.ts";
import {
  canCast as mayCast,
  type DType,
  promoteTypes as smallest,
  type PromotionOperand,
  resultType as promoted,
} from "../tensor/mod.ts";
import { currentTracer } from "../trace/context.ts";
import { TensorBase } from "./base.ts";
import { coreOf, type DataOptions, type TensorData } from "./data.ts";
import { type Scalar, symOf, toScalar } from "./scalar.ts";
import { call, Tensor } from "./tensor.ts";

/** Options of {@linkcode tensor}. */
export interface TensorOptions extends DataOptions {
  /** Says that gradients are wanted, which are not computed here. */
  readonly requiresGrad?: boolean;
}

/**
 * A tensor of values: https://docs.pytorch.org/docs/stable/generated/torch.tensor.html
 *
 * @throws {RangeError} when lists on one level differ in length
 *
 * @example
 * ```ts
 * import { torch } from "@fx2onnx/fx2onnx/torch";
 *
 * console.log(String(torch.tensor([[1, 2.5], [3, 4]])));
 * ```
 */
export function tensor(data: TensorData, options: TensorOptions = {}): Tensor {
  const { requiresGrad = false, ...rest } = options;
  if (symOf(data)) return call("tensor", "scalar_tensor", [data, rest.dtype ? { dtype: rest.dtype } : {}]) as Tensor;
  const made = new Tensor(coreOf(data, rest));
  made.requiresGrad = requiresGrad;
  // A value that the program itself has enters it as a copy, so that it can be written to.
  if (!currentTracer()) return made;
  return (call("tensor", "lift_fresh_copy", [made]) as Tensor).detach_();
}

/** A tensor as it is; other values as {@linkcode tensor}. https://docs.pytorch.org/docs/stable/generated/torch.as_tensor.html */
export function asTensor(data: TensorData | Tensor, options: TensorOptions = {}): Tensor {
  if (data instanceof Tensor) return options.dtype ? data.to(options.dtype) : data;
  return tensor(data, options);
}

/** Whether a value is a tensor. https://docs.pytorch.org/docs/stable/generated/torch.is_tensor.html */
export function isTensor(value: unknown): value is Tensor {
  return value instanceof TensorBase;
}

/** The dtype that results of two tensors or numbers have. https://docs.pytorch.org/docs/stable/generated/torch.result_type.html */
export function resultType(a: Tensor | Scalar, b: Tensor | Scalar): DType {
  const operand = (x: Tensor | Scalar): PromotionOperand =>
    x instanceof TensorBase
      ? { dtype: x.dtype, zeroDim: x.ndim === 0 }
      : { dtype: scalarDType(toScalar(x)), wrapped: true };
  return promoted([operand(a), operand(b)]);
}

/** The smallest dtype that both can be converted to. https://docs.pytorch.org/docs/stable/generated/torch.promote_types.html */
export function promoteTypes(a: DType, b: DType): DType {
  return smallest(a, b);
}

/** Whether results of a dtype may be written to another. https://docs.pytorch.org/docs/stable/generated/torch.can_cast.html */
export function canCast(from: DType, to: DType): boolean {
  return mayCast(from, to);
}
