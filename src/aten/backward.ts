/** Gradients that some programs compute in their forward pass. */
import { eq, prod } from "../sym/mod.ts";
import type { DType } from "../tensor/mod.ts";
import { mul, mulScalar, rsubScalar, sub } from "./binary.ts";
import { leScalar } from "./compare.ts";
import { type Calls, defineOp } from "./op.ts";
import { scalarLike } from "./overloads.ts";
import { sumDim } from "./reduce.ts";
import { refuse, requireFloat } from "./rules.ts";
import { scatterAdd } from "./scatter.ts";
import { perDim } from "./spatial.ts";
import { exp } from "./unary.ts";
import { reshape } from "./view.ts";
import { where } from "./where.ts";

/** The gradient in the dtype of the input, which may be float16 where the result was computed in float32. */
function inInputDType<T extends object>(t: Calls<T>, grad: T, output: T, dtype: DType, body: (grad: T) => T): T {
  const own = t.meta(grad).dtype;
  requireFloat(own, "The gradient");
  if (t.meta(output).dtype !== own) {
    throw new TypeError(`A gradient of ${own} does not go with an output of ${t.meta(output).dtype}`);
  }
  if (dtype !== own && !(own === "float32" && dtype === "float16")) {
    refuse("input_dtype", dtype, `it must be ${own} as the gradient`);
  }
  return t.cast(body(grad), dtype);
}

/** The gradient of softmax, from its output. */
export const softmaxBackwardData = defineOp(
  "aten::_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor",
  {
    decompose: (t, { grad_output, output, dim, input_dtype }) =>
      inInputDType(t, grad_output, output, input_dtype, (grad) => {
        const product = t.call(mul, grad, output);
        return t.call(sub, product, t.call(mul, output, t.call(sumDim, product, [dim], true)));
      }),
  },
);

/** The gradient of log_softmax, from its output. */
export const logSoftmaxBackwardData = defineOp(
  "aten::_log_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor",
  {
    decompose: (t, { grad_output, output, dim, input_dtype }) =>
      inInputDType(
        t,
        grad_output,
        output,
        input_dtype,
        (grad) => t.call(sub, grad, t.call(mul, t.call(exp, output), t.call(sumDim, grad, [dim], true))),
      ),
  },
);

/** The gradient of dropout: what was kept, scaled as it was. */
export const nativeDropoutBackward = defineOp(
  "aten::native_dropout_backward(Tensor grad_output, Tensor mask, float scale) -> Tensor",
  { decompose: (t, { grad_output, mask, scale }) => t.call(mulScalar, t.call(mul, grad_output, mask), scale) },
);

/** The gradient of max pooling: added to the places of the maxima, which the windows' arguments do not tell again. */
export const maxPool2dWithIndicesBackward = defineOp(
  "aten::max_pool2d_with_indices_backward(Tensor grad_output, Tensor self, int[2] kernel_size, int[2] stride, int[2] padding, int[2] dilation, bool ceil_mode, Tensor indices) -> Tensor",
  {
    decompose: (t, { grad_output, self, kernel_size, stride, padding, dilation, indices }) => {
      for (const [name, values] of Object.entries({ kernel_size, padding, dilation })) perDim(name, values, 2);
      if (stride.length > 0) perDim("stride", stride, 2);
      const [x, grad, at] = [self, grad_output, indices].map((v) => t.meta(v));
      if (x.shape.length !== 3 && x.shape.length !== 4) {
        throw new RangeError(`An input of 3 or 4 dimensions is needed, met ${x.shape.length}`);
      }
      const lead = x.shape.slice(0, -2);
      const given = [...lead, ...at.shape.slice(-2)];
      for (const { shape } of [grad, at]) {
        if (shape.length !== given.length || shape.some((d, i) => eq(d, given[i]) === false)) {
          throw new RangeError(`A gradient and indices of [${given.join(", ")}] are needed, met [${shape.join(", ")}]`);
        }
      }
      const flat = [...lead, prod(given.slice(-2))];
      const room = t.full([...lead, prod(x.shape.slice(-2))], 0, grad.dtype);
      const sums = t.call(scatterAdd, room, -1, t.call(reshape, indices, flat), t.call(reshape, grad_output, flat));
      return t.call(reshape, sums, x.shape);
    },
  },
);

/** The gradient of sigmoid, from its output. */
export const sigmoidBackward = defineOp("aten::sigmoid_backward(Tensor grad_output, Tensor output) -> Tensor", {
  promote: { args: ["grad_output", "output"], to: "default" },
  decompose: (t, { grad_output, output }) =>
    t.call(mul, t.call(mul, grad_output, t.call(rsubScalar, output, 1n)), output),
});

/** The gradient of tanh, from its output. */
export const tanhBackward = defineOp("aten::tanh_backward(Tensor grad_output, Tensor output) -> Tensor", {
  promote: { args: ["grad_output", "output"], to: "default" },
  decompose: (t, { grad_output, output }) =>
    t.call(mul, grad_output, t.call(rsubScalar, t.call(mul, output, output), 1n)),
});

/** The gradient of threshold and relu: that of what was above it. */
export const thresholdBackward = defineOp(
  "aten::threshold_backward(Tensor grad_output, Tensor self, Scalar threshold) -> Tensor",
  {
    promote: { args: ["grad_output", "self"], to: "default" },
    decompose: (t, { grad_output, self, threshold }) =>
      t.call(where, t.call(leScalar, self, threshold), scalarLike(t, grad_output, 0), grad_output),
  },
);
