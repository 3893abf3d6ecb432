/** Smooth activation functions: those of sigmoid, exp and erf. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import { float, type OnnxValue } from "../onnx/model.ts";
import { numberOf } from "./activation.ts";
import { mul } from "./binary.ts";
import { choose, constantLike, emit, emitTest, FLOATS, type Native, NUMBERS, SINGLE } from "./emit.ts";
import { defineOp } from "./op.ts";
import { roundedOnce } from "./precision.ts";
import { like, refuse, requireFloat, sameAsSelf, unary } from "./rules.ts";
import { erf as erfOf } from "./erf_functions.ts";
import { softplus as softplusOf } from "./math.ts";
import { erf } from "./erf.ts";
import { sigmoid } from "./sigmoid.ts";

/** Nodes over one value and constants of its dtype. */
class Formula {
  constructor(private readonly b: OnnxBuilder, private readonly like: OnnxValue) {}

  constant(value: number): OnnxValue {
    return constantLike(this.b, this.like, value);
  }

  node(opType: string, ...inputs: (OnnxValue | number)[]): OnnxValue {
    const native: Native = inputs.length === 1 ? FLOATS : NUMBERS;
    return emit(this.b, native, opType, inputs.map((x) => typeof x === "number" ? this.constant(x) : x));
  }

  above(x: OnnxValue, limit: number): OnnxValue {
    return emitTest(this.b, NUMBERS, "Greater", [x, this.constant(limit)]);
  }

  /** `exp(x) - 1` without cancellation. */
  expm1(x: OnnxValue): OnnxValue {
    const half = this.node("Tanh", this.node("Mul", x, 0.5));
    return this.node("Mul", half, this.node("Add", this.node("Exp", x), 1));
  }

  /** `log(1 + exp(x))` without overflow. */
  softplus(x: OnnxValue): OnnxValue {
    if (this.b.meta(x).dtype !== "float64") return emit(this.b, SINGLE, "Softplus", [x]);
    const small = this.node("Exp", this.node("Neg", this.node("Abs", x)));
    return this.node("Add", this.node("Relu", x), this.node("Log", this.node("Add", small, 1)));
  }
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.silu.html */
export const silu = defineOp("aten::silu(Tensor self) -> Tensor", {
  meta: sameAsSelf,
  kernel: unary((x) => x / (1 + Math.exp(-x))),
  decompose: (t, { self }) => roundedOnce(t, [self], (x) => t.call(mul, x, t.call(sigmoid, x))),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.gelu.html */
export const gelu = defineOp('aten::gelu(Tensor self, *, str approximate="none") -> Tensor', {
  meta: sameAsSelf,
  kernel: ({ self, approximate }) => {
    requireFloat(self.dtype, "gelu's input");
    return unary(geluOf(approximate))({ self });
  },
  onnx: (b, { self, approximate }) => {
    geluOf(approximate);
    if (b.opset >= 20 && b.meta(self).dtype !== "float64") return emit(b, SINGLE, "Gelu", [self], { approximate });
    const f = new Formula(b, self);
    if (approximate === "none") {
      const part = erf.onnx!(b, { self: f.node("Mul", self, Math.SQRT1_2) });
      return f.node("Mul", f.node("Mul", self, f.node("Add", part, 1)), 0.5);
    }
    const cube = f.node("Mul", f.node("Mul", self, self), self);
    const inner = f.node("Mul", f.node("Add", self, f.node("Mul", cube, 0.044715)), TANH_SCALE);
    return f.node("Mul", f.node("Mul", self, f.node("Add", f.node("Tanh", inner), 1)), 0.5);
  },
});

const TANH_SCALE = Math.sqrt(2 / Math.PI);

function geluOf(approximate: string): (x: number) => number {
  switch (approximate) {
    case "none":
      return (x) => 0.5 * x * (1 + erfOf(x * Math.SQRT1_2));
    case "tanh":
      return (x) => 0.5 * x * (1 + Math.tanh(TANH_SCALE * (x + 0.044715 * x * x * x)));
    default:
      return refuse("approximate", approximate, "it must be none or tanh");
  }
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.elu.html */
export const elu = defineOp(
  "aten::elu(Tensor self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor",
  {
    meta: sameAsSelf,
    kernel: ({ self, alpha, scale, input_scale }) => {
      requireFloat(self.dtype, "elu's input");
      const [low, high] = [numberOf("alpha", alpha), numberOf("scale", scale)];
      const rate = numberOf("input_scale", input_scale);
      return unary((x) => x <= 0 ? Math.expm1(x * rate) * low * high : x * high)({ self });
    },
    onnx: (b, { self, alpha, scale, input_scale }) => {
      const [low, high] = [numberOf("alpha", alpha), numberOf("scale", scale)];
      const rate = numberOf("input_scale", input_scale);
      const f = new Formula(b, self);
      if (rate === 1 && b.meta(self).dtype !== "float64") {
        const part = emit(b, SINGLE, "Elu", [self], { alpha: float(low) });
        return high === 1 ? part : f.node("Mul", part, high);
      }
      const scaled = rate === 1 ? self : f.node("Mul", self, rate);
      const below = f.node("Mul", f.expm1(scaled), low * high);
      return choose(b, f.above(self, 0), high === 1 ? self : f.node("Mul", self, high), below);
    },
  },
);

const SELU = { alpha: 1.6732632423543772848170429916717, scale: 1.0507009873554804934193349852946 };

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.selu.html */
export const selu = defineOp("aten::selu(Tensor self) -> Tensor", {
  meta: sameAsSelf,
  kernel: unary((x) => SELU.scale * (x <= 0 ? SELU.alpha * Math.expm1(x) : x)),
  onnx: (b, { self }) => {
    if (b.meta(self).dtype !== "float64") {
      return emit(b, SINGLE, "Selu", [self], { alpha: float(SELU.alpha), gamma: float(SELU.scale) });
    }
    const f = new Formula(b, self);
    const below = f.node("Mul", f.expm1(self), SELU.alpha * SELU.scale);
    return choose(b, f.above(self, 0), f.node("Mul", self, SELU.scale), below);
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.celu.html */
export const celu = defineOp("aten::celu(Tensor self, Scalar alpha=1.) -> Tensor", {
  meta: sameAsSelf,
  decompose: (t, { self, alpha }) => {
    const a = numberOf("alpha", alpha);
    if (a === 0) refuse("alpha", alpha, "it must not be 0");
    return t.call(elu, self, a, 1, 1 / a);
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.softplus.html */
export const softplus = defineOp("aten::softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor", {
  meta: sameAsSelf,
  kernel: ({ self, beta, threshold }) => {
    requireFloat(self.dtype, "softplus's input");
    const [rate, limit] = [numberOf("beta", beta), numberOf("threshold", threshold)];
    return unary((x) => x * rate > limit ? x : softplusOf(x * rate) / rate)({ self });
  },
  onnx: (b, { self, beta, threshold }) => {
    const [rate, limit] = [numberOf("beta", beta), numberOf("threshold", threshold)];
    const f = new Formula(b, self);
    const scaled = rate === 1 ? self : f.node("Mul", self, rate);
    const smooth = f.softplus(scaled);
    const result = rate === 1 ? smooth : f.node("Div", smooth, rate);
    // Above 20, x and softplus(x) differ by less than single precision shows.
    if (limit >= 20 && b.meta(self).dtype !== "float64") return result;
    return choose(b, f.above(scaled, limit), self, result);
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.logsigmoid.html */
export const logSigmoid = defineOp("aten::log_sigmoid(Tensor self) -> Tensor", {
  meta: sameAsSelf,
  kernel: unary((x) => -softplusOf(-x)),
  onnx: (b, { self }) => {
    const f = new Formula(b, self);
    return f.node("Neg", f.softplus(f.node("Neg", self)));
  },
});

/** With `exp(-|self|)`, which the backward pass uses. */
export const logSigmoidForward = defineOp("aten::log_sigmoid_forward(Tensor self) -> (Tensor output, Tensor buffer)", {
  meta: (_, { self }) => [like(self), like(self)],
  kernel: ({ self }) => [
    unary((x) => -softplusOf(-x))({ self }),
    unary((x) => Math.exp(-Math.abs(x)))({ self }),
  ],
  onnx: (b, { self }) => {
    const f = new Formula(b, self);
    const buffer = f.node("Exp", f.node("Neg", f.node("Abs", self)));
    return [f.node("Neg", f.softplus(f.node("Neg", self))), buffer];
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.mish.html */
export const mish = defineOp("aten::mish(Tensor self) -> Tensor", {
  meta: sameAsSelf,
  kernel: unary((x) => x * Math.tanh(softplusOf(x))),
  onnx: (b, { self }) => {
    if (b.meta(self).dtype !== "float64") return emit(b, SINGLE, "Mish", [self]);
    const f = new Formula(b, self);
    return f.node("Mul", self, f.node("Tanh", f.softplus(self)));
  },
});
