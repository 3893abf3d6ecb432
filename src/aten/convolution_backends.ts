/** Convolutions whose backend is named, as programs hold them that were decomposed for a device. */
import { type Dim, isSym } from "../sym/mod.ts";
import { relu } from "./activation.ts";
import { add } from "./binary.ts";
import { convolution } from "./convolution.ts";
import { linear } from "./linear.ts";
import { type Calls, defineOp } from "./op.ts";
import { refuse } from "./rules.ts";

interface Depthwise<T> {
  readonly self: T;
  readonly weight: T;
  readonly bias: T | null;
  readonly stride: readonly Dim[];
  readonly padding: readonly Dim[];
  readonly dilation: readonly Dim[];
}

/** Each channel has filters of its own. */
function depthwise<T extends object>(t: Calls<T>, { self, weight, bias, stride, padding, dilation }: Depthwise<T>): T {
  const channels = t.meta(self).shape[1];
  if (isSym(channels)) {
    refuse("self", `[${t.meta(self).shape.join(", ")}]`, "the number of channels must be a constant");
  }
  return t.call(convolution, self, weight, bias, stride, padding, dilation, false, [0], channels);
}

/** A convolution of each channel. */
export const convDepthwise2d = defineOp(
  "aten::_conv_depthwise2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias, SymInt[2] stride, SymInt[2] padding, SymInt[2] dilation) -> Tensor",
  { decompose: (t, args) => depthwise(t, args) },
);

/** A convolution of each channel. */
export const convDepthwise3d = defineOp(
  "aten::conv_depthwise3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias, SymInt[3] stride, SymInt[3] padding, SymInt[3] dilation) -> Tensor",
  { decompose: (t, args) => depthwise(t, args) },
);

/** A convolution. */
export const slowConv3dForward = defineOp(
  "aten::slow_conv3d_forward(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias, SymInt[3] stride, SymInt[3] padding) -> Tensor",
  {
    decompose: (t, { self, weight, bias, stride, padding }) =>
      t.call(convolution, self, weight, bias, stride, padding, [1], false, [0], 1),
  },
);

/** A convolution. */
export const slowConvDilated3d = defineOp(
  "aten::slow_conv_dilated3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1]) -> Tensor",
  {
    decompose: (t, { self, weight, bias, stride, padding, dilation }) =>
      t.call(convolution, self, weight, bias, stride, padding, dilation, false, [0], 1),
  },
);

/** A transposed convolution. */
export const slowConvTranspose2d = defineOp(
  "aten::slow_conv_transpose2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] output_padding=[0, 0], SymInt[2] dilation=[1, 1]) -> Tensor",
  {
    decompose: (t, { self, weight, bias, stride, padding, dilation, output_padding }) =>
      t.call(convolution, self, weight, bias, stride, padding, dilation, true, output_padding, 1),
  },
);

/** A transposed convolution. */
export const slowConvTranspose3d = defineOp(
  "aten::slow_conv_transpose3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] output_padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1]) -> Tensor",
  {
    decompose: (t, { self, weight, bias, stride, padding, dilation, output_padding }) =>
      t.call(convolution, self, weight, bias, stride, padding, dilation, true, output_padding, 1),
  },
);

/** A convolution by cuDNN; the flags only say how. */
export const cudnnConvolution = defineOp(
  "aten::cudnn_convolution(Tensor self, Tensor weight, SymInt[] padding, SymInt[] stride, SymInt[] dilation, SymInt groups, bool benchmark, bool deterministic, bool allow_tf32) -> Tensor",
  {
    decompose: (t, { self, weight, padding, stride, dilation, groups }) =>
      t.call(convolution, self, weight, null, stride, padding, dilation, false, [0], groups),
  },
);

/** A transposed convolution by cuDNN. */
export const cudnnConvolutionTranspose = defineOp(
  "aten::cudnn_convolution_transpose(Tensor self, Tensor weight, SymInt[] padding, SymInt[] output_padding, SymInt[] stride, SymInt[] dilation, SymInt groups, bool benchmark, bool deterministic, bool allow_tf32) -> Tensor",
  {
    decompose: (t, { self, weight, padding, output_padding, stride, dilation, groups }) =>
      t.call(convolution, self, weight, null, stride, padding, dilation, true, output_padding, groups),
  },
);

/** A convolution and a rectifier by cuDNN. */
export const cudnnConvolutionRelu = defineOp(
  "aten::cudnn_convolution_relu(Tensor self, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, SymInt[] dilation, SymInt groups) -> Tensor",
  {
    decompose: (t, { self, weight, bias, stride, padding, dilation, groups }) =>
      t.call(relu, t.call(convolution, self, weight, bias, stride, padding, dilation, false, [0], groups)),
  },
);

/** `relu(convolution + alpha * z)` by cuDNN. */
export const cudnnConvolutionAddRelu = defineOp(
  "aten::cudnn_convolution_add_relu(Tensor self, Tensor weight, Tensor z, Scalar? alpha, Tensor? bias, SymInt[] stride, SymInt[] padding, SymInt[] dilation, SymInt groups) -> Tensor",
  {
    decompose: (t, { self, weight, z, alpha, bias, stride, padding, dilation, groups }) => {
      const y = t.call(convolution, self, weight, bias, stride, padding, dilation, false, [0], groups);
      return t.call(relu, t.call(add, y, z, alpha ?? 1n));
    },
  },
);

/** `linear` by oneDNN. */
export const mkldnnLinear = defineOp("aten::mkldnn_linear(Tensor self, Tensor weight, Tensor? bias=None) -> Tensor", {
  decompose: (t, { self, weight, bias }) => t.call(linear, self, weight, bias),
});
