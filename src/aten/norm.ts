/** Normalization over the elements of each sample: layer, group, instance and root mean square. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import { float, type OnnxValue } from "../onnx/model.ts";
import { type Dim, eq, floorDiv, mul, prod } from "../sym/mod.ts";
import { type DType, elementCount, formatMeta, type Meta, type Tensor, toReal } from "../tensor/mod.ts";
import { convert, mapBinary, reduceDims } from "../tensor/loops.ts";
import { _nativeBatchNormLegitFunctional, batchNorm, checkChannels } from "./batch_norm.ts";
import { add, mul as times } from "./binary.ts";
import { repeat } from "./expand.ts";
import {
  affine,
  affineNodes,
  constantOf,
  normDType,
  perChannel,
  reshapeLike,
  standardize,
  statsDType,
  statsNodes,
} from "./normalize.ts";
import { type Calls, defineOp } from "./op.ts";
import { computeIn } from "./precision.ts";
import { meanDim } from "./reduce.ts";
import { like, requireEqual, requireFrom, requireMultiple, requireRankFrom, requireShape } from "./rules.ts";
import { rsqrt } from "./unary.ts";
import { reshape, view } from "./view.ts";

/** First of the dims that are normalized, which are the last ones. */
function firstAxis(x: Meta, normalized: readonly Dim[]): number {
  if (normalized.length === 0 || normalized.length > x.shape.length) {
    throw new RangeError(`normalized_shape must have 1 to ${x.shape.length} sizes, met ${normalized.length}`);
  }
  return x.shape.length - normalized.length;
}

interface NormalizedMetas {
  readonly input: Meta;
  readonly normalized_shape: readonly Dim[];
  readonly weight: Meta | null;
  readonly bias?: Meta | null;
}

/** The first dim that is normalized, after what must hold was checked. */
function checkNormalized({ input, normalized_shape, weight, bias }: NormalizedMetas): number {
  const axis = firstAxis(input, normalized_shape);
  if (normalized_shape.some((size, i) => eq(size, input.shape[axis + i]) === false)) {
    throw new RangeError(
      `The input must end with the sizes [${normalized_shape.join(", ")}], met ${formatMeta(input)}`,
    );
  }
  requireShape("weight", weight, normalized_shape);
  requireShape("bias", bias, normalized_shape);
  return axis;
}

/** @throws {RangeError} when the channels are not as many groups, or the parameters not one per channel */
function checkGroups(input: Meta, groups: Dim, weight: Meta | null, bias: Meta | null): void {
  requireRankFrom("The input of a group norm", input, 2);
  requireFrom("num_groups", [groups], 1);
  const [, channels] = input.shape;
  requireMultiple("The number of channels", channels, groups);
  requireShape("weight", weight, [channels]);
  requireShape("bias", bias, [channels]);
}

interface LayerNormArgs<T> {
  readonly input: T;
  readonly normalized_shape: readonly Dim[];
  readonly weight: T | null;
  readonly bias: T | null;
  readonly eps: number;
}

function layerNormKernel(args: LayerNormArgs<Tensor>): [Tensor, Tensor, Tensor] {
  const { input, weight, bias, eps } = args;
  const axis = firstAxis(input, args.normalized_shape);
  const inner = input.shape.slice(axis);
  const { y, mean, rstd } = standardize(convert(input, "float64"), elementCount(inner), eps);
  const kept = [...input.shape.slice(0, axis), ...inner.map(() => 1)];
  const stats = statsDType(input.dtype, [weight?.dtype, bias?.dtype]);
  return [
    affine(y, weight, bias, inner, input.dtype),
    convert(mean.reshape(kept), stats),
    convert(rstd.reshape(kept), stats),
  ];
}

function layerNormNode(b: OnnxBuilder, args: LayerNormArgs<OnnxValue>): OnnxValue {
  const { input, weight, bias, eps } = args;
  const x = b.meta(input);
  const axis = firstAxis(x, args.normalized_shape) - x.shape.length;
  const wide = normDType(
    x.dtype,
    [weight && b.meta(weight).dtype, bias && b.meta(bias).dtype].map((d) => d ?? undefined),
  );
  return computeIn(b, wide, [input, weight, bias], (input, weight, bias) => {
    const scale = weight ?? constantOf(b, 1, args.normalized_shape, wide);
    return b.op("LayerNormalization", [input, scale, bias], { axis, epsilon: float(eps) });
  });
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.layer_norm.html */
export const layerNorm = defineOp(
  "aten::layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, bool cudnn_enable=True) -> Tensor",
  {
    meta: (_, args) => {
      checkNormalized(args);
      return like(args.input);
    },
    kernel: (args) => layerNormKernel(args)[0],
    onnx: (b, args) => layerNormNode(b, args),
  },
);

/** `layer_norm`, the means and one over the standard deviations. */
export const nativeLayerNorm = defineOp(
  "aten::native_layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight, Tensor? bias, float eps) -> (Tensor, Tensor, Tensor)",
  {
    meta: (_, { input, normalized_shape, weight, bias }) => {
      const axis = checkNormalized({ input, normalized_shape, weight, bias });
      const stats: Meta = {
        dtype: statsDType(input.dtype, [weight?.dtype, bias?.dtype]),
        shape: input.shape.map((d, i) => i < axis ? d : 1),
      };
      return [like(input), stats, stats];
    },
    kernel: (args) => layerNormKernel(args),
    onnx: (b, args) => {
      const { input, weight, bias, eps } = args;
      const x = b.meta(input);
      const params = [weight, bias].map((p) => p ? b.meta(p).dtype : undefined);
      const stats = statsDType(x.dtype, params);
      const axis = firstAxis(x, args.normalized_shape);
      if (x.dtype === "float32" && stats === "float32") {
        const scale = weight ?? constantOf(b, 1, args.normalized_shape, "float32");
        const attributes = { axis: axis - x.shape.length, epsilon: float(eps) };
        return b.ops("LayerNormalization", [input, scale, bias], 3, attributes) as [OnnxValue, OnnxValue, OnnxValue];
      }
      const wide = normDType(x.dtype, params);
      const { mean, std } = statsNodes(b, b.cast(input, wide), args.normalized_shape.map((_, i) => axis + i), eps);
      return [layerNormNode(b, args), b.cast(mean, stats), b.cast(b.op("Reciprocal", [std]), stats)];
    },
  },
);

interface GroupNormArgs<T> {
  readonly input: T;
  readonly num_groups: number;
  readonly weight: T | null;
  readonly bias: T | null;
  readonly eps: number;
}

function groupNormKernel(args: GroupNormArgs<Tensor>): [Tensor, Tensor, Tensor] {
  const { input, num_groups, weight, bias, eps } = args;
  const [n, channels, ...rest] = input.shape;
  const inner = channels / num_groups * elementCount(rest);
  const { y, mean, rstd } = standardize(convert(input, "float64"), inner, eps);
  const stats = statsDType(input.dtype, [weight?.dtype, bias?.dtype]);
  return [
    affine(y, weight, bias, perChannel(channels, input.shape.length), input.dtype),
    convert(mean.reshape([n, num_groups]), stats),
    convert(rstd.reshape([n, num_groups]), stats),
  ];
}

/** The elements of each group in one dim: `[n, groups, …]`. */
function grouped(b: OnnxBuilder, x: OnnxValue, groups: number): OnnxValue {
  const [n, channels, ...rest] = b.meta(x).shape;
  const inner = rest.reduce(mul, floorDiv(channels, groups));
  return b.reshape(x, [n, groups, inner]);
}

function groupNormNode(b: OnnxBuilder, args: GroupNormArgs<OnnxValue>): OnnxValue {
  const { input, num_groups, eps } = args;
  const x = b.meta(input);
  const wide = normDType(x.dtype, [args.weight, args.bias].map((p) => p ? b.meta(p).dtype : undefined));
  return computeIn(b, wide, [input, args.weight, args.bias], (input, weight, bias) => {
    const channels = x.shape[1];
    if (b.opset >= 21 && wide !== "float64") {
      const scale = weight ?? constantOf(b, 1, [channels], wide);
      const shift = bias ?? constantOf(b, 0, [channels], wide);
      return b.op("GroupNormalization", [input, scale, shift], { epsilon: float(eps), num_groups });
    }
    const groups = grouped(b, input, num_groups);
    const normalized = wide === "float64" ? standardizedNode(b, groups, [2], eps) : b.op("InstanceNormalization", [
      groups,
      constantOf(b, 1, [num_groups], wide),
      constantOf(b, 0, [num_groups], wide),
    ], { epsilon: float(eps) });
    return affineNodes(b, reshapeLike(b, normalized, input), weight, bias, x.shape.length - 2);
  });
}

function standardizedNode(b: OnnxBuilder, x: OnnxValue, axes: readonly number[], eps: number): OnnxValue {
  const { centered, std } = statsNodes(b, x, axes, eps);
  return b.op("Div", [centered, std]);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.group_norm.html */
export const groupNorm = defineOp(
  "aten::group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, bool cudnn_enabled=True) -> Tensor",
  {
    meta: (_, { input, num_groups, weight, bias }) => {
      checkGroups(input, num_groups, weight, bias);
      return like(input);
    },
    kernel: (args) => groupNormKernel(args)[0],
    onnx: (b, args) => groupNormNode(b, args),
  },
);

/** `group_norm`, the means and one over the standard deviations. `N`, `C` and `HxW` repeat the input's sizes. */
export const nativeGroupNorm = defineOp(
  "aten::native_group_norm(Tensor input, Tensor? weight, Tensor? bias, SymInt N, SymInt C, SymInt HxW, int group, float eps) -> (Tensor, Tensor, Tensor)",
  {
    meta: (_, { input, weight, bias, N, C, HxW, group }) => {
      requireEqual("The elements of input and those of N, C and HxW", prod(input.shape), prod([N, C, HxW]));
      checkGroups(input, group, weight, bias);
      const dtype = statsDType(input.dtype, [weight?.dtype, bias?.dtype]);
      return [like(input), { dtype, shape: [N, group] }, { dtype, shape: [N, group] }];
    },
    kernel: ({ input, weight, bias, group, eps }) => groupNormKernel({ input, weight, bias, num_groups: group, eps }),
    onnx: (b, { input, weight, bias, N, group, eps }) => {
      const x = b.meta(input);
      const params = [weight, bias].map((p) => p ? b.meta(p).dtype : undefined);
      const stats = statsDType(x.dtype, params);
      const groups = grouped(b, b.cast(input, normDType(x.dtype, params)), group);
      const { mean, std } = statsNodes(b, groups, [2], eps);
      const flat = (s: OnnxValue): OnnxValue => b.cast(b.reshape(s, [N, group]), stats);
      const y = groupNormNode(b, { input, weight, bias, num_groups: group, eps });
      return [y, flat(mean), flat(b.op("Reciprocal", [std]))];
    },
  },
);

/**
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.instance_norm.html: with `use_input_stats` the running
 * statistics are written, which the schema does not say; `momentum` concerns no result.
 */
export const instanceNorm = defineOp(
  "aten::instance_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool use_input_stats, float momentum, float eps, bool cudnn_enabled) -> Tensor",
  {
    meta: (_, args) => {
      checkChannels(args, args.use_input_stats);
      return like(args.input);
    },
    kernel: (args) => {
      const { input, weight, bias, eps } = args;
      if (!args.use_input_stats) {
        return batchNorm.kernel!({ ...args, training: false }) as Tensor;
      }
      const { y } = standardize(convert(input, "float64"), elementCount(input.shape.slice(2)), eps);
      return affine(y, weight, bias, perChannel(input.shape[1], input.shape.length), input.dtype);
    },
    onnx: (b, args) => {
      const { input, eps } = args;
      if (!args.use_input_stats) return batchNorm.onnx!(b, { ...args, training: false }) as OnnxValue;
      const x = b.meta(input);
      const wide = normDType(x.dtype, [args.weight, args.bias].map((p) => p ? b.meta(p).dtype : undefined));
      return computeIn(b, wide, [input, args.weight, args.bias], (input, weight, bias) => {
        if (wide === "float64") {
          const axes = x.shape.map((_, i) => i).slice(2);
          return affineNodes(b, standardizedNode(b, input, axes, eps), weight, bias, axes.length);
        }
        const scale = weight ?? constantOf(b, 1, [x.shape[1]], wide);
        const shift = bias ?? constantOf(b, 0, [x.shape[1]], wide);
        return b.op("InstanceNormalization", [input, scale, shift], { epsilon: float(eps) });
      });
    },
    writes: {
      args: ["running_mean", "running_var"],
      when: ({ use_input_stats, running_mean }) => use_input_stats === true && running_mean !== null,
      functional: (t, args) => [
        withoutStatistics(t, args),
        ...instanceStatistics(t, args.input, args.running_mean!, args.running_var!, args.momentum, args.eps),
      ],
    },
  },
);

interface InstanceNormArgs<T> {
  readonly input: T;
  readonly weight: T | null;
  readonly bias: T | null;
  readonly momentum: number;
  readonly eps: number;
}

function withoutStatistics<T extends object>(t: Calls<T>, args: InstanceNormArgs<T>): T {
  const { input, weight, bias, momentum, eps } = args;
  return t.call(instanceNorm, input, weight, bias, null, null, true, momentum, eps, false);
}

/** Each instance is a channel of one batch; the running statistics become the means of what each instance makes of them. */
function instanceStatistics<T extends object>(
  t: Calls<T>,
  input: T,
  mean: T,
  variance: T,
  momentum: number,
  eps: number,
): readonly T[] {
  const [batch, channels, ...rest] = t.meta(input).shape;
  const instances = t.call(reshape, input, [1, mul(batch, channels), ...rest]);
  const [old, oldVariance] = [mean, variance].map((x) => t.call(repeat, x, [batch]));
  const op = _nativeBatchNormLegitFunctional;
  const [, , , ...each] = t.call(op, instances, null, null, old, oldVariance, true, momentum, eps);
  return each.map((x) => t.call(meanDim, t.call(view, x, [batch, channels]), [0], false, null));
}

/** Without an `eps`, the smallest step from 1 of the dtype that is computed in. */
function epsilonOf(dtype: DType, eps: number | null): number {
  return eps ?? (dtype === "float64" ? 2 ** -52 : 2 ** -23);
}

interface RmsNormArgs<T> {
  readonly input: T;
  readonly normalized_shape: readonly Dim[];
  readonly weight: T | null;
  readonly eps: number | null;
}

function rmsNormKernel({ input, normalized_shape, weight, eps }: RmsNormArgs<Tensor>): [Tensor, Tensor] {
  const axis = firstAxis(input, normalized_shape);
  const inner = input.shape.slice(axis);
  const x = convert(input, "float64");
  const small = epsilonOf(input.dtype, eps);
  const rstd = reduceDims(x, inner.map((_, i) => axis + i), true, "float64", (values) => {
    return 1 / Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length + small);
  });
  const y = mapBinary(x, rstd, "float64", (p, q) => p * q);
  return [affine(y, weight, null, inner, input.dtype), rstd];
}

function rmsNormNodes(b: OnnxBuilder, args: RmsNormArgs<OnnxValue>): [OnnxValue, OnnxValue] {
  const { dtype } = b.meta(args.input);
  const axis = firstAxis(b.meta(args.input), args.normalized_shape);
  const axes = args.normalized_shape.map((_, i) => axis + i);
  const wide = dtype === "float64" ? dtype : "float32";
  const x = b.cast(args.input, wide);
  const square = b.op("ReduceMean", [b.op("Mul", [x, x]), b.ints(axes)], { keepdims: 1 });
  const root = b.op("Sqrt", [b.op("Add", [square, b.scalar(epsilonOf(dtype, args.eps), wide)])]);
  const y = affineNodes(b, b.op("Div", [x, root]), args.weight && b.cast(args.weight, wide), null);
  return [b.cast(y, dtype), root];
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.rms_norm.html */
export const rmsNorm = defineOp(
  "aten::rms_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor",
  {
    meta: (_, args) => {
      checkNormalized(args);
      return like(args.input);
    },
    kernel: (args) => rmsNormKernel(args)[0],
    // Squares are those of complex numbers, not of their sizes.
    complex: (t, { input, normalized_shape, weight, eps }) => {
      const { dtype } = t.meta(input);
      const dims = normalized_shape.map((_, i) => i - normalized_shape.length);
      const squares = t.call(meanDim, t.call(times, input, input), dims, true);
      const root = t.call(rsqrt, t.call(add, squares, t.full([], epsilonOf(toReal(dtype), eps), dtype)));
      const y = t.call(times, input, root);
      return weight ? t.call(times, y, weight) : y;
    },
    onnx: (b, args) => {
      const { dtype } = b.meta(args.input);
      if (b.opset < 23 || dtype === "float64") return rmsNormNodes(b, args)[0];
      const axis = -args.normalized_shape.length;
      return computeIn(b, "float32", [args.input, args.weight], (input, weight) => {
        const scale = weight ?? constantOf(b, 1, args.normalized_shape, "float32");
        return b.op("RMSNormalization", [input, scale], { axis, epsilon: float(epsilonOf(dtype, args.eps)) });
      });
    },
  },
);

/** `rms_norm` and one over the root mean squares. */
export const _fusedRmsNorm = defineOp(
  "aten::_fused_rms_norm(Tensor input, int[] normalized_shape, Tensor? weight, float? eps) -> (Tensor, Tensor)",
  {
    meta: (_, { input, normalized_shape, weight }) => {
      const axis = checkNormalized({ input, normalized_shape, weight });
      const dtype = input.dtype === "float64" ? "float64" : "float32";
      return [like(input), { dtype, shape: input.shape.map((d, i) => i < axis ? d : 1) }] as const;
    },
    kernel: (args) => {
      const [y, rstd] = rmsNormKernel(args);
      return [y, convert(rstd, args.input.dtype === "float64" ? "float64" : "float32")];
    },
    onnx: (b, args) => {
      const [y, root] = rmsNormNodes(b, args);
      return [y, b.op("Reciprocal", [root])];
    },
  },
);
