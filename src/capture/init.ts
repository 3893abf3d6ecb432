/**
 * `torch.nn.init`: initial values of parameters. Distributions and bounds are PyTorch's; the numbers drawn are not, since
 * the generator is another one. Tensors made in fake mode stay without values.
 *
 * Source: https://docs.pytorch.org/docs/stable/nn.init.html
 */
import { Tensor as CoreTensor } from "../tensor/mod.ts";
import * as torch from "./torch.ts";
import type { Tensor } from "./tensor.ts";

/** The functions that {@linkcode calculateGain} knows. */
export type Nonlinearity =
  | "linear"
  | "conv1d"
  | "conv2d"
  | "conv3d"
  | "conv_transpose1d"
  | "conv_transpose2d"
  | "conv_transpose3d"
  | "sigmoid"
  | "tanh"
  | "relu"
  | "leaky_relu"
  | "selu";

/**
 * The factor by which a nonlinearity's input should be wider.
 *
 * @param param the negative slope of `leaky_relu`; default 0.01
 * @throws {RangeError} for other names
 */
export function calculateGain(nonlinearity: Nonlinearity, param?: number | null): number {
  switch (nonlinearity) {
    case "tanh":
      return 5 / 3;
    case "relu":
      return Math.SQRT2;
    case "leaky_relu":
      return Math.sqrt(2 / (1 + (param ?? 0.01) ** 2));
    case "selu":
      return 3 / 4;
    case "sigmoid":
    case "linear":
    case "conv1d":
    case "conv2d":
    case "conv3d":
    case "conv_transpose1d":
    case "conv_transpose2d":
    case "conv_transpose3d":
      return 1;
  }
  throw new RangeError(`Unsupported nonlinearity ${nonlinearity}`);
}

/** Values from the uniform distribution between `a` and `b`. */
export function uniform_(tensor: Tensor, a: number = 0, b: number = 1): Tensor {
  return change(tensor, (values) => values.uniform_(a, b));
}

/** Values from the normal distribution. */
export function normal_(tensor: Tensor, mean: number = 0, std: number = 1): Tensor {
  return change(tensor, (values) => values.normal_(mean, std));
}

/** Values from the normal distribution, but for those outside `a` and `b`, which are drawn again. */
export function truncNormal_(tensor: Tensor, mean: number = 0, std: number = 1, a: number = -2, b: number = 2): Tensor {
  // The inverse of the cumulative distribution at points that lie uniformly between those of the ends.
  const cdf = (x: number): number =>
    (1 + torch.erf(torch.tensor((x - mean) / std / Math.SQRT2, { dtype: "float64" })).item()) / 2;
  return change(tensor, (values) => {
    values.uniform_(2 * cdf(a) - 1, 2 * cdf(b) - 1);
    return values.erfinv_().mul_(std * Math.SQRT2).add_(mean).clamp_(a, b);
  });
}

/** The value everywhere. */
export function constant_(tensor: Tensor, value: number): Tensor {
  return change(tensor, (values) => values.fill_(value));
}

/** 1 everywhere. */
export function ones_(tensor: Tensor): Tensor {
  return constant_(tensor, 1);
}

/** 0 everywhere. */
export function zeros_(tensor: Tensor): Tensor {
  return constant_(tensor, 0);
}

/** The identity matrix. `tensor` is a matrix. */
export function eye_(tensor: Tensor): Tensor {
  if (tensor.ndim !== 2) {
    throw new RangeError(`Only matrices can become the identity, got [${tensor.shape.join(", ")}]`);
  }
  return change(tensor, (values) => values.copy_(torch.eye(tensor.shape[0], tensor.shape[1], { dtype: tensor.dtype })));
}

/** Convolution weights that give the input's channels unchanged. `tensor` has 3 to 5 dims. */
export function dirac_(tensor: Tensor, groups: number = 1): Tensor {
  const { shape } = tensor;
  if (shape.length < 3 || shape.length > 5) {
    throw new RangeError(`dirac_ takes tensors of 3 to 5 dims, got ${shape.length}`);
  }
  if (shape[0] % groups !== 0) throw new RangeError(`Dim 0 must be divisible by groups: ${shape[0]} and ${groups}`);
  const center = shape.slice(2).map((n) => Math.floor(n / 2));
  const perGroup = shape[0] / groups;
  return change(tensor, (values) => {
    values.zero_();
    for (let g = 0; g < groups; g++) {
      for (let d = 0; d < Math.min(perGroup, shape[1]); d++) {
        [g * perGroup + d, d, ...center].reduce((part, index) => part.select(0, index), values).fill_(1);
      }
    }
    return values;
  });
}

/** Glorot's uniform distribution: bound `gain * sqrt(6 / (fanIn + fanOut))`. */
export function xavierUniform_(tensor: Tensor, gain: number = 1): Tensor {
  const { fanIn, fanOut } = fans(tensor);
  const bound = gain * Math.sqrt(2 / (fanIn + fanOut)) * Math.sqrt(3);
  return uniform_(tensor, -bound, bound);
}

/** Glorot's normal distribution: `std = gain * sqrt(2 / (fanIn + fanOut))`. */
export function xavierNormal_(tensor: Tensor, gain: number = 1): Tensor {
  const { fanIn, fanOut } = fans(tensor);
  return normal_(tensor, 0, gain * Math.sqrt(2 / (fanIn + fanOut)));
}

/** Settings of {@linkcode kaimingUniform_} and {@linkcode kaimingNormal_}. */
export interface KaimingOptions {
  /** Negative slope of a leaky ReLU that follows. Default: 0. */
  readonly a?: number;
  /** Whether the variance is kept forwards or backwards. Default: `fan_in`. */
  readonly mode?: "fan_in" | "fan_out";
  /** What follows. Default: `leaky_relu`. */
  readonly nonlinearity?: Nonlinearity;
}

/** He's uniform distribution: bound `gain * sqrt(3 / fan)`. */
export function kaimingUniform_(tensor: Tensor, options: KaimingOptions = {}): Tensor {
  if (tensor.shape.includes(0)) return tensor;
  const bound = Math.sqrt(3) * kaimingStd(tensor, options);
  return uniform_(tensor, -bound, bound);
}

/** He's normal distribution: `std = gain / sqrt(fan)`. */
export function kaimingNormal_(tensor: Tensor, options: KaimingOptions = {}): Tensor {
  if (tensor.shape.includes(0)) return tensor;
  return normal_(tensor, 0, kaimingStd(tensor, options));
}

/** A matrix (dims after the first taken as one) with orthonormal rows or columns, times `gain`. */
export function orthogonal_(tensor: Tensor, gain: number = 1): Tensor {
  if (tensor.ndim < 2) throw new RangeError("Only tensors of at least 2 dims can become orthogonal");
  if (tensor.shape.includes(0)) return tensor;
  const rows = tensor.shape[0];
  const columns = tensor.shape.slice(1).reduce((a, b) => a * b, 1);
  return change(tensor, (values) => {
    const random = torch.randn([rows, columns], { dtype: tensor.dtype });
    const [q, r] = torch.linalg.qr(rows < columns ? random.t() : random);
    const uniform = q.mul(torch.sign(torch.diag(r)));
    return values.copy_((rows < columns ? uniform.t() : uniform).reshape(tensor.shape)).mul_(gain);
  });
}

/** Normal values of which a share in each column is 0. `tensor` is a matrix. */
export function sparse_(tensor: Tensor, sparsity: number, std: number = 0.01): Tensor {
  if (tensor.ndim !== 2) throw new RangeError(`Only matrices can be made sparse, got [${tensor.shape.join(", ")}]`);
  const [rows, columns] = tensor.shape;
  return change(tensor, (values) => {
    values.normal_(0, std);
    for (let column = 0; column < columns; column++) {
      const zeros = torch.randperm(rows).narrow(0, 0, Math.ceil(sparsity * rows));
      values.select(1, column).indexFill_(0, zeros, 0);
    }
    return values;
  });
}

/** A layer's bias: uniform within `1 / sqrt(fanIn)` of its weight. */
export function biasUniform_(bias: Tensor, weight: Tensor): Tensor {
  const { fanIn } = fans(weight);
  if (fanIn === 0) return bias;
  return uniform_(bias, -1 / Math.sqrt(fanIn), 1 / Math.sqrt(fanIn));
}

/** Inputs and outputs of a weight's layer. */
function fans(tensor: Tensor): { readonly fanIn: number; readonly fanOut: number } {
  const { shape } = tensor;
  if (shape.length < 2) {
    throw new RangeError(`Fan in and fan out of a tensor of ${shape.length} dims can't be computed: it needs 2`);
  }
  const field = shape.slice(2).reduce((a, b) => a * b, 1);
  return { fanIn: shape[1] * field, fanOut: shape[0] * field };
}

function kaimingStd(tensor: Tensor, options: KaimingOptions): number {
  const { a = 0, mode = "fan_in", nonlinearity = "leaky_relu" } = options;
  const { fanIn, fanOut } = fans(tensor);
  return calculateGain(nonlinearity, a) / Math.sqrt(mode === "fan_in" ? fanIn : fanOut);
}

/** Changes values in place, through a tensor that shares them, since parameters themselves are leaves. */
function change(tensor: Tensor, to: (values: Tensor) => unknown): Tensor {
  const { value } = tensor;
  if (value instanceof CoreTensor && value.isLoaded) to(tensor.detach());
  return tensor;
}
