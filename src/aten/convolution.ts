/** Convolutions: the records; `convolve.ts` has what they do. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import type { Dim } from "../sym/mod.ts";
import type { Meta, Tensor } from "../tensor/mod.ts";
import { permuteDims } from "../tensor/loops.ts";
import { type ConvolutionArgs, convolutionMeta, convolutionNode } from "./convolve.ts";
import { convolutionKernel } from "./convolve_kernels.ts";
import { defineOp, type MetaContext, type NamedForm } from "./op.ts";
import { requireRank, requireRankFrom, requireShape } from "./rules.ts";

type Operands<T> = ConvolutionArgs & { readonly input: T; readonly weight: T; readonly bias: T | null };

/** Rules of a convolution over `rank` dims, or over any; `fixed` are arguments that the schema lacks. */
function rulesOf(rank: number | null, fixed: { readonly transposed?: boolean } = {}): {
  complex: NamedForm;
  meta: (_: MetaContext, args: Operands<Meta>) => Meta;
  kernel: (args: Operands<Tensor>) => Tensor;
  onnx: (b: OnnxBuilder, args: Operands<OnnxValue>) => OnnxValue;
} {
  return {
    complex: { form: "convolutionForm" },
    meta: (_, args) => {
      requireRank("weight", args.weight, ...(rank === null ? [3, 4, 5] : [rank + 2]));
      if (rank === null) requireRank("input", args.input, args.weight.shape.length);
      return convolutionMeta(args.input, args.weight, args.bias, { ...args, ...fixed });
    },
    kernel: (args) => convolutionKernel(args.input, args.weight, args.bias, { ...args, ...fixed }),
    onnx: (b, args) => convolutionNode(b, args.input, args.weight, args.bias, { ...args, ...fixed }),
  };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv1d.html */
export const conv1d = defineOp(
  "aten::conv1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], SymInt[1] padding=[0], SymInt[1] dilation=[1], SymInt groups=1) -> Tensor",
  rulesOf(1),
);

/** `conv1d` with padding "same" or "valid". */
export const conv1dPadding = defineOp(
  'aten::conv1d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], str padding="valid", SymInt[1] dilation=[1], SymInt groups=1) -> Tensor',
  rulesOf(1),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv2d.html */
export const conv2d = defineOp(
  "aten::conv2d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] dilation=[1, 1], SymInt groups=1) -> Tensor",
  rulesOf(2),
);

/** `conv2d` with padding "same" or "valid". */
export const conv2dPadding = defineOp(
  'aten::conv2d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], str padding="valid", SymInt[2] dilation=[1, 1], SymInt groups=1) -> Tensor',
  rulesOf(2),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv3d.html */
export const conv3d = defineOp(
  "aten::conv3d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1], SymInt groups=1) -> Tensor",
  rulesOf(3),
);

/** `conv3d` with padding "same" or "valid". */
export const conv3dPadding = defineOp(
  'aten::conv3d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], str padding="valid", SymInt[3] dilation=[1, 1, 1], SymInt groups=1) -> Tensor',
  rulesOf(3),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv_transpose1d.html */
export const convTranspose1d = defineOp(
  "aten::conv_transpose1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], SymInt[1] padding=[0], SymInt[1] output_padding=[0], SymInt groups=1, SymInt[1] dilation=[1]) -> Tensor",
  rulesOf(1, { transposed: true }),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv_transpose2d.html */
export const convTranspose2d = defineOp(
  "aten::conv_transpose2d.input(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] output_padding=[0, 0], SymInt groups=1, SymInt[2] dilation=[1, 1]) -> Tensor",
  rulesOf(2, { transposed: true }),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv_transpose3d.html */
export const convTranspose3d = defineOp(
  "aten::conv_transpose3d.input(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] output_padding=[0, 0, 0], SymInt groups=1, SymInt[3] dilation=[1, 1, 1]) -> Tensor",
  rulesOf(3, { transposed: true }),
);

/** What core ATen has for all of them. */
export const convolution = defineOp(
  "aten::convolution(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, SymInt[] dilation, bool transposed, SymInt[] output_padding, SymInt groups) -> Tensor",
  rulesOf(null),
);

/** `convolution` with settings of backends, which don't change the result. */
export const _convolution = defineOp(
  "aten::_convolution(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, SymInt[] dilation, bool transposed, SymInt[] output_padding, SymInt groups, bool benchmark, bool deterministic, bool cudnn_enabled, bool allow_tf32) -> Tensor",
  rulesOf(null),
);

/** The same without TensorFloat-32. */
export const _convolutionDeprecated = defineOp(
  "aten::_convolution.deprecated(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, SymInt[] dilation, bool transposed, int[] output_padding, SymInt groups, bool benchmark, bool deterministic, bool cudnn_enabled) -> Tensor",
  rulesOf(null),
);

/** `convolution` with padding "same" or "valid". */
export const _convolutionMode = defineOp(
  "aten::_convolution_mode(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, str padding, SymInt[] dilation, SymInt groups) -> Tensor",
  rulesOf(null),
);

/** oneDNN's convolution. */
export const mkldnnConvolution = defineOp(
  "aten::mkldnn_convolution(Tensor self, Tensor weight, Tensor? bias, SymInt[] padding, SymInt[] stride, SymInt[] dilation, SymInt groups) -> Tensor",
  {
    decompose: (t, { self, weight, bias, padding, stride, dilation, groups }) =>
      t.call(convolution, self, weight, bias, stride, padding, dilation, false, [0], groups),
  },
);

/** @throws {RangeError} when a weight has a kernel of another size than the call says */
function checkKernel(weight: Meta, kernel: readonly Dim[]): void {
  requireRankFrom("weight", weight, 2);
  requireShape("weight", weight, [...weight.shape.slice(0, 2), ...kernel]);
}

/** A convolution whose backend is named. */
export const thnnConv2d = defineOp(
  "aten::thnn_conv2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0]) -> Tensor",
  {
    decompose: (t, { self, weight, kernel_size, bias, stride, padding }) => {
      checkKernel(t.meta(weight), kernel_size);
      return t.call(convolution, self, weight, bias, stride, padding, [1], false, [0], 1);
    },
  },
);

/** A convolution whose backend is named. */
export const _slowConv2dForward = defineOp(
  "aten::_slow_conv2d_forward(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias, SymInt[2] stride, SymInt[2] padding) -> Tensor",
  {
    decompose: (t, { self, weight, kernel_size, bias, stride, padding }) => {
      checkKernel(t.meta(weight), kernel_size);
      return t.call(convolution, self, weight, bias, stride, padding, [1], false, [0], 1);
    },
  },
);

/** A convolution whose backend is named. */
export const slowConvDilated2d = defineOp(
  "aten::slow_conv_dilated2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] dilation=[1, 1]) -> Tensor",
  {
    decompose: (t, { self, weight, kernel_size, bias, stride, padding, dilation }) => {
      checkKernel(t.meta(weight), kernel_size);
      return t.call(convolution, self, weight, bias, stride, padding, dilation, false, [0], 1);
    },
  },
);

/** A convolution whose backend is named. */
export const slowConv3d = defineOp(
  "aten::slow_conv3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0]) -> Tensor",
  {
    decompose: (t, { self, weight, kernel_size, bias, stride, padding }) => {
      checkKernel(t.meta(weight), kernel_size);
      return t.call(convolution, self, weight, bias, stride, padding, [1], false, [0], 1);
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.conv_tbc.html: time, batch, channels. */
export const convTbc = defineOp("aten::conv_tbc(Tensor self, Tensor weight, Tensor bias, int pad=0) -> Tensor", {
  meta: (_, { self, weight, bias, pad }) => {
    requireRank("self", self, 3);
    requireRank("weight", weight, 3);
    const input = { dtype: self.dtype, shape: [self.shape[1], self.shape[2], self.shape[0]] };
    const turned = { dtype: weight.dtype, shape: [weight.shape[2], weight.shape[1], weight.shape[0]] };
    const { shape: [batch, filters, time] } = convolutionMeta(input, turned, bias, tbc(pad));
    return { dtype: self.dtype, shape: [time, batch, filters] };
  },
  kernel: ({ self, weight, bias, pad }) =>
    permuteDims(
      convolutionKernel(permuteDims(self, [1, 2, 0]), permuteDims(weight, [2, 1, 0]), bias, tbc(pad)),
      [2, 0, 1],
    ),
  onnx: (b, { self, weight, bias, pad }) =>
    b.transpose(
      convolutionNode(b, b.transpose(self, [1, 2, 0]), b.transpose(weight, [2, 1, 0]), bias, tbc(pad)),
      [2, 0, 1],
    ),
});

function tbc(pad: number): ConvolutionArgs {
  return { stride: [1], padding: [pad], dilation: [1], groups: 1 };
}
