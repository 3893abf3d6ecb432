/** The two kinds of tensors that a module keeps as its state: parameters, and buffers. */
import { Tensor as CoreTensor } from "../tensor/mod.ts";
import { isInScope } from "../trace/context.ts";
import type { TensorValue } from "./base.ts";
import { Tensor } from "./tensor.ts";

/**
 * A tensor that is a parameter of the module that has it as a property: `torch.nn.Parameter`.
 *
 * Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.parameter.Parameter.html
 *
 * @example
 * ```ts
 * import { nn, torch, type Tensor } from "@fx2onnx/fx2onnx/torch";
 *
 * class Scale extends nn.Module {
 *   weight = new nn.Parameter(torch.ones([3]));
 *
 *   forward(x: Tensor): Tensor {
 *     return x.mul(this.weight);
 *   }
 * }
 * console.log([...new Scale().stateDict().keys()]); // ["weight"]
 * ```
 */
export class Parameter extends Tensor {
  /**
   * A parameter with the values of a tensor, whose memory it shares.
   *
   * @param data any dtype and shape
   * @param requiresGrad whether training would change it
   */
  constructor(data: Tensor, requiresGrad: boolean = true) {
    super(isInScope("fake") ? withoutValues(data.value) : data.value);
    this.requiresGrad = requiresGrad;
  }
}

/** The tensor as one that holds no memory. */
function withoutValues(value: TensorValue): TensorValue {
  return value instanceof CoreTensor ? CoreTensor.missing(value.dtype, value.shape) : value;
}

/** What {@linkcode Buffer} is told. */
export interface BufferOptions {
  /** Whether the buffer is in the module's state dict. Default: true. */
  readonly persistent?: boolean;
}

/**
 * A tensor that is a buffer of the module that has it as a property: `torch.nn.Buffer`. What is assigned to the property
 * later is the buffer's new value.
 *
 * Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.parameter.Buffer.html
 *
 * @example
 * ```ts
 * import { nn, torch, type Tensor } from "@fx2onnx/fx2onnx/torch";
 *
 * class Shift extends nn.Module {
 *   shift = new nn.Buffer(torch.ones([3]), { persistent: false });
 *
 *   forward(x: Tensor): Tensor {
 *     return x.add(this.shift);
 *   }
 * }
 * console.log([...new Shift().buffers()].length); // 1
 * ```
 */
export class Buffer extends Tensor {
  /** Whether the buffer is in the module's state dict. Optional, so that other tensors may be assigned to the property. */
  readonly persistent?: boolean;

  /** A buffer with the values of a tensor, whose memory it shares. */
  constructor(data: Tensor, options: BufferOptions = {}) {
    super(data.value);
    this.persistent = options.persistent ?? true;
  }
}
