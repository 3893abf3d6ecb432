/**
 * What a tensor is for models in TypeScript: a name for a value, which is a concrete tensor (eager), or a value of the graph
 * that is being recorded. Operators in place may put another value behind the name.
 */
import { FxValue } from "../fx/mod.ts";
import { type DType, type Meta, Tensor as CoreTensor } from "../tensor/mod.ts";
import { fromDim } from "./symbolic.ts";

/**
 * What stands behind a tensor.
 *
 * @internal
 */
export type TensorValue = CoreTensor | FxValue;

/** The hand-written part of tensors. */
export abstract class TensorBase {
  /**
   * The concrete tensor, or the value of the graph that is being recorded.
   *
   * @internal
   */
  value: TensorValue;

  /** Whether gradients are wanted: parameters say so. They are not computed here. */
  requiresGrad = false;

  /**
   * A tensor for a value.
   *
   * @internal
   */
  constructor(value: TensorValue) {
    this.value = value;
  }

  /**
   * dtype, shape and strides, whose sizes may be expressions.
   *
   * @internal
   */
  get meta(): Meta {
    const { value } = this;
    if (value instanceof CoreTensor) return value;
    if (value.meta.kind !== "tensor") throw new TypeError(`${value.name} is not a tensor`);
    return value.meta;
  }

  /** Type of the elements. */
  get dtype(): DType {
    return this.meta.dtype;
  }

  /** Sizes; in capture those of dynamic dims are symbolic. */
  get shape(): readonly number[] {
    return this.meta.shape.map(fromDim);
  }

  /** Number of dims. */
  get ndim(): number {
    return this.meta.shape.length;
  }
}

/** The concrete tensor behind a tensor. @throws {TypeError} in capture, and for weights that are not loaded */
export function concrete(tensor: TensorBase, what: string): CoreTensor {
  const { value } = tensor;
  if (value instanceof FxValue) {
    throw new TypeError(`${what} needs the values of a tensor, which are not known while a program is captured`);
  }
  if (!value.isLoaded) {
    throw new TypeError(
      `${what} needs the values of a ${value.dtype}[${
        value.shape.join(", ")
      }] that is not loaded: await its load() first`,
    );
  }
  return value;
}
