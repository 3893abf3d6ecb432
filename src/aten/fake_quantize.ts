/** Values rounded as quantization would: https://docs.pytorch.org/docs/stable/generated/torch.fake_quantize_per_tensor_affine.html */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { eq, prod } from "../sym/mod.ts";
import { type Meta, normalizeDim, Tensor } from "../tensor/mod.ts";
import { convert, filled } from "../tensor/loops.ts";
import { choose } from "./emit.ts";
import { clamp } from "./extrema.ts";
import { type Calls, defineOp, type MetaContext } from "./op.ts";
import { fakeQuantizeKernel, fakeQuantizeNode, levelNodes, type Scheme } from "./quantization.ts";
import { round } from "./rounding.ts";
import { like, refuse, requireFloat } from "./rules.ts";

interface FakeArgs<T> {
  readonly self: T;
  readonly scale: T;
  readonly zero_point: T;
  readonly quant_min: number;
  readonly quant_max: number;
  readonly axis?: number;
}

function check({ self, scale, zero_point, quant_min, quant_max, axis }: FakeArgs<Meta>): void {
  requireFloat(self.dtype, "The input of fake quantization");
  if (quant_min > quant_max) refuse("quant_min", quant_min, `it is more than quant_max, ${quant_max}`);
  for (const [name, values] of Object.entries({ scale, zero_point })) {
    if (axis === undefined) {
      if (eq(prod(values.shape), 1) === false) {
        throw new RangeError(`Argument ${name} must have one element, met [${values.shape.join(", ")}]`);
      }
    } else {
      const size = self.shape[normalizeDim(axis, self.shape.length)];
      if (values.shape.length !== 1 || eq(values.shape[0], size) === false) {
        throw new RangeError(`One ${name} for each of ${size} channels is needed, met [${values.shape.join(", ")}]`);
      }
    }
  }
}

function schemeOf<T>({ scale, zero_point, axis }: FakeArgs<T>, rank: number): Scheme<T> {
  return { scale, zero: zero_point, axis: axis === undefined ? null : normalizeDim(axis, rank) };
}

function kernel(args: FakeArgs<Tensor>): [Tensor, Tensor] {
  const scheme = schemeOf({ ...args, scale: convert(args.scale, "float32") }, args.self.shape.length);
  return fakeQuantizeKernel(args.self, scheme, args.quant_min, args.quant_max);
}

/** Runs `body` with the elements in a dtype to compute in, and the scheme. */
function withScheme(
  b: OnnxBuilder,
  args: FakeArgs<OnnxValue>,
  body: (x: OnnxValue, scheme: Scheme<OnnxValue>) => OnnxValue,
): OnnxValue {
  const { dtype, shape } = b.meta(args.self);
  const one = (x: OnnxValue): OnnxValue => args.axis === undefined ? b.reshape(x, []) : x;
  const scheme = schemeOf({ ...args, scale: one(args.scale), zero_point: one(args.zero_point) }, shape.length);
  return body(b.cast(args.self, dtype === "float64" ? dtype : "float32"), scheme);
}

function outputNode(b: OnnxBuilder, args: FakeArgs<OnnxValue>): OnnxValue {
  const y = withScheme(b, args, (x, scheme) => fakeQuantizeNode(b, x, scheme, args.quant_min, args.quant_max));
  return b.cast(y, b.meta(args.self).dtype);
}

/** Which elements are within the bounds. */
function maskNode(b: OnnxBuilder, args: FakeArgs<OnnxValue>): OnnxValue {
  return withScheme(b, args, (x, scheme) => {
    const levels = levelNodes(b, x, scheme);
    const [min, max] = [args.quant_min, args.quant_max].map((n) => b.scalar(n, b.meta(levels).dtype));
    return b.op("And", [b.op("GreaterOrEqual", [levels, min]), b.op("LessOrEqual", [levels, max])]);
  });
}

/** Rules that give the values only. */
const VALUES = {
  meta: (_: MetaContext, args: FakeArgs<Meta>): Meta => {
    check(args);
    return like(args.self);
  },
  kernel: (args: FakeArgs<Tensor>): Tensor => kernel(args)[0],
  onnx: outputNode,
};

/** Rules that give the values and the mask. */
const MASKED = {
  meta: (_: MetaContext, args: FakeArgs<Meta>): [Meta, Meta] => {
    check(args);
    return [like(args.self), like(args.self, "bool")];
  },
  kernel,
  onnx: (b: OnnxBuilder, args: FakeArgs<OnnxValue>): [OnnxValue, OnnxValue] => [outputNode(b, args), maskNode(b, args)],
};

/** One scale, in a tensor. */
export const fakeQuantizePerTensorTensor = defineOp(
  "aten::fake_quantize_per_tensor_affine.tensor_qparams(Tensor self, Tensor scale, Tensor zero_point, int quant_min, int quant_max) -> Tensor",
  VALUES,
);

/** A scale for each index of a dim. */
export const fakeQuantizePerChannel = defineOp(
  "aten::fake_quantize_per_channel_affine(Tensor self, Tensor scale, Tensor zero_point, int axis, int quant_min, int quant_max) -> Tensor",
  VALUES,
);

/** A scale for each index of a dim, and which elements are within the bounds. */
export const fakeQuantizePerChannelMasked = defineOp(
  "aten::fake_quantize_per_channel_affine_cachemask(Tensor self, Tensor scale, Tensor zero_point, int axis, int quant_min, int quant_max) -> (Tensor output, Tensor mask)",
  MASKED,
);

interface SwitchedArgs<T> extends FakeArgs<T> {
  readonly fake_quant_enabled: T;
}

/**
 * One scale, in a tensor, and which elements are within the bounds. Where the first element of `fake_quant_enabled` is 0,
 * the elements stay and all are.
 */
export const fakeQuantizePerTensorTensorMasked = defineOp(
  "aten::_fake_quantize_per_tensor_affine_cachemask_tensor_qparams(Tensor self, Tensor scale, Tensor zero_point, Tensor fake_quant_enabled, int quant_min, int quant_max) -> (Tensor output, Tensor mask)",
  {
    meta: MASKED.meta,
    kernel: (args: SwitchedArgs<Tensor>) => {
      const isOn = Number(args.fake_quant_enabled.data()[0]) !== 0;
      return isOn ? kernel(args) : [args.self, filled("bool", args.self.shape, true)];
    },
    onnx: (b, args: SwitchedArgs<OnnxValue>) => {
      const first = b.op("Gather", [b.reshape(args.fake_quant_enabled, [-1]), b.scalar(0n, "int64")], { axis: 0 });
      const isOn = b.cast(first, "bool");
      const [y, mask] = MASKED.onnx(b, args);
      return [choose(b, isOn, y, args.self), b.op("Or", [mask, b.op("Not", [isOn])])];
    },
  },
);

interface NumberArgs<T> {
  readonly self: T;
  readonly scale: number;
  readonly zero_point: number;
  readonly quant_min: number;
  readonly quant_max: number;
}

/** One scale. */
export const fakeQuantizePerTensor = defineOp(
  "aten::fake_quantize_per_tensor_affine(Tensor self, float scale, int zero_point, int quant_min, int quant_max) -> Tensor",
  {
    decompose: (t, { self, scale, zero_point, quant_min, quant_max }) => {
      const [by, zero] = [t.full([], scale, "float32"), t.full([], BigInt(zero_point), "int32")];
      return t.call(fakeQuantizePerTensorTensor, self, by, zero, quant_min, quant_max);
    },
  },
);

/** One scale, and which elements are within the bounds. */
export const fakeQuantizePerTensorMasked = defineOp(
  "aten::fake_quantize_per_tensor_affine_cachemask(Tensor self, float scale, int zero_point, int quant_min, int quant_max) -> (Tensor output, Tensor mask)",
  {
    meta: (ctx, args: NumberArgs<Meta>) => {
      const one: Meta = { dtype: "float32", shape: [] };
      return MASKED.meta(ctx, { ...args, scale: one, zero_point: one });
    },
    kernel: (args: NumberArgs<Tensor>) => {
      const scale = Tensor.scalar("float32", args.scale);
      return kernel({ ...args, scale, zero_point: Tensor.scalar("int32", args.zero_point) });
    },
    onnx: (b, args: NumberArgs<OnnxValue>) => {
      const scale = b.scalar(args.scale, "float32");
      return MASKED.onnx(b, { ...args, scale, zero_point: b.scalar(BigInt(args.zero_point), "int32") });
    },
  },
);

/** A zero point that is learnt as a float, brought to an integer within the bounds. */
function wholeZero<T extends object>(t: Calls<T>, zero_point: T, quant_min: number, quant_max: number): T {
  return t.cast(t.call(clamp, t.call(round, zero_point), BigInt(quant_min), BigInt(quant_max)), "int32");
}

/** One scale that is learnt. `grad_factor` only concerns gradients. */
export const fakeQuantizeLearnable = defineOp(
  "aten::_fake_quantize_learnable_per_tensor_affine(Tensor self, Tensor scale, Tensor zero_point, int quant_min, int quant_max, float grad_factor=1.) -> Tensor",
  {
    decompose: (t, { self, scale, zero_point, quant_min, quant_max }) => {
      const zero = wholeZero(t, zero_point, quant_min, quant_max);
      return t.call(fakeQuantizePerTensorTensor, self, scale, zero, quant_min, quant_max);
    },
  },
);

/** A scale for each index of a dim that is learnt. `grad_factor` only concerns gradients. */
export const fakeQuantizeLearnableChannels = defineOp(
  "aten::_fake_quantize_learnable_per_channel_affine(Tensor self, Tensor scale, Tensor zero_point, int axis, int quant_min, int quant_max, float grad_factor=1.) -> Tensor",
  {
    decompose: (t, { self, scale, zero_point, axis, quant_min, quant_max }) => {
      const zero = wholeZero(t, zero_point, quant_min, quant_max);
      return t.call(fakeQuantizePerChannel, self, scale, zero, axis, quant_min, quant_max);
    },
  },
);
