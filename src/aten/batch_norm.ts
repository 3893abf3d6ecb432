/**
 * Normalization per channel over the batch, with running statistics or those of the batch. Operators that write running
 * statistics in training have functional twins here that give the new ones as results.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import { float, type OnnxValue } from "../onnx/model.ts";
import { type Dim, mul, sub } from "../sym/mod.ts";
import { type DType, type Meta, Tensor } from "../tensor/mod.ts";
import { convert, mapBinary, mapUnary, permuteDims } from "../tensor/loops.ts";
import { affine, constantOf, normDType, perChannel, standardize, statsDType, statsNodes } from "./normalize.ts";
import { type Calls, defineOp } from "./op.ts";
import { requireRankFrom, requireShape } from "./rules.ts";

interface BatchNormArgs<T> {
  readonly input: T;
  readonly weight: T | null;
  readonly bias: T | null;
  readonly running_mean: T | null;
  readonly running_var: T | null;
  readonly training: boolean;
  readonly eps: number;
}

/** The result, statistics of the batch, and what the running statistics become with a given momentum. */
interface Outcome<T> {
  readonly y: T;
  /** Mean and one over the standard deviation of the batch; empty outside of training. */
  readonly mean: T;
  readonly rstd: T;
  readonly running_mean: T | null;
  readonly running_var: T | null;
}

/** Without running statistics those of the batch are used in any mode. */
function usesBatch({ training, running_mean, running_var }: BatchNormArgs<unknown>): boolean {
  return training || running_mean === null || running_var === null;
}

function dtypesOf(args: BatchNormArgs<unknown>, dtypeOf: (x: never) => DType): (DType | undefined)[] {
  return [args.weight, args.bias, args.running_mean, args.running_var].map((p) => p ? dtypeOf(p as never) : undefined);
}

interface ChannelMetas {
  readonly input: Meta;
  readonly weight: Meta | null;
  readonly bias: Meta | null;
  readonly running_mean: Meta | null;
  readonly running_var: Meta | null;
}

/**
 * Parameters and running statistics are one per channel.
 *
 * @param usesBatch whether the statistics of the batch are used, so that there may be no running ones
 * @throws {RangeError} when they are not
 */
export function checkChannels(args: ChannelMetas, usesBatch: boolean): void {
  requireRankFrom("The input", args.input, 2);
  for (const name of ["weight", "bias", "running_mean", "running_var"] as const) {
    requireShape(name, args[name], [args.input.shape[1]]);
  }
  if (!usesBatch && !(args.running_mean && args.running_var)) {
    throw new TypeError("Without statistics of the batch, running_mean and running_var are needed");
  }
}

function statsMeta(args: BatchNormArgs<Meta>): Meta {
  const dtype = statsDType(args.input.dtype, dtypesOf(args, (x: Meta) => x.dtype));
  return { dtype, shape: usesBatch(args) ? [args.input.shape[1]] : [0] };
}

/** Elements of each channel in the batch. */
function perChannelCount(shape: readonly Dim[]): Dim {
  return shape.reduce<Dim>((n, d, i) => i === 1 ? n : mul(n, d), 1);
}

function kernel(args: BatchNormArgs<Tensor>, momentum = 0): Outcome<Tensor> {
  const { input, weight, bias, running_mean, running_var, eps } = args;
  const { shape } = input;
  const [channels, rank] = [shape[1], shape.length];
  const stats = statsDType(input.dtype, dtypesOf(args, (x: Tensor) => x.dtype));
  const x = convert(input, "float64");
  const broadcast = perChannel(channels, rank);
  if (!usesBatch(args)) {
    const wide = (p: Tensor): Tensor => convert(p, "float64").reshape(broadcast);
    const centered = mapBinary(x, wide(running_mean!), "float64", (a, b) => a - b);
    const y = mapBinary(centered, wide(running_var!), "float64", (a, b) => a / Math.sqrt(b + eps));
    const empty = Tensor.of(stats, [0], []);
    return { y: affine(y, weight, bias, broadcast, input.dtype), mean: empty, rstd: empty, running_mean, running_var };
  }
  const rest = shape.map((_, i) => i).slice(2);
  const turned = permuteDims(x, [1, 0, ...rest]).contiguous();
  const count = perChannelCount(shape) as number;
  const { y, mean, rstd, variance } = standardize(turned, count, eps);
  const moved = (old: Tensor | null, now: Tensor): Tensor | null => {
    if (!old) return null;
    const mixed = mapBinary(convert(old, "float64"), now, "float64", (a, b) => (1 - momentum) * a + momentum * b);
    return convert(mixed, old.dtype);
  };
  return {
    y: affine(permuteDims(y, [1, 0, ...rest]), weight, bias, broadcast, input.dtype),
    mean: convert(mean, stats),
    rstd: convert(rstd, stats),
    running_mean: moved(running_mean, mean),
    running_var: moved(running_var, mapUnary(variance, "float64", (v) => v * count / (count - 1))),
  };
}

function emit(b: OnnxBuilder, args: BatchNormArgs<OnnxValue>, momentum: number | null = null): Outcome<OnnxValue> {
  const { input, running_mean, running_var, eps } = args;
  const { dtype, shape } = b.meta(input);
  const params = dtypesOf(args, (p: OnnxValue) => b.meta(p).dtype);
  const wide = normDType(dtype, params);
  const stats = statsDType(dtype, params);
  const channels = shape[1];
  const x = b.cast(input, wide);
  const scale = args.weight ? b.cast(args.weight, wide) : constantOf(b, 1, [channels], wide);
  const shift = args.bias ? b.cast(args.bias, wide) : constantOf(b, 0, [channels], wide);
  const normalize = (mean: OnnxValue, variance: OnnxValue): OnnxValue =>
    b.cast(b.op("BatchNormalization", [x, scale, shift, mean, variance], { epsilon: float(eps) }), dtype);
  if (!usesBatch(args)) {
    const empty = constantOf(b, 0, [0], stats);
    const y = normalize(b.cast(running_mean!, wide), b.cast(running_var!, wide));
    return { y, mean: empty, rstd: empty, running_mean, running_var };
  }
  const axes = shape.map((_, i) => i).filter((i) => i !== 1);
  const nodes = statsNodes(b, x, axes, eps);
  const [mean, variance] = [b.squeeze(nodes.mean, ...axes), b.squeeze(nodes.variance, ...axes)];
  const moved = (old: OnnxValue | null, now: () => OnnxValue): OnnxValue | null => {
    if (!old || momentum === null) return old;
    const kept = b.op("Mul", [b.cast(old, wide), b.scalar(1 - momentum, wide)]);
    return b.cast(b.op("Add", [kept, b.op("Mul", [now(), b.scalar(momentum, wide)])]), b.meta(old).dtype);
  };
  return {
    y: normalize(mean, variance),
    mean: b.cast(mean, stats),
    rstd: b.cast(b.op("Reciprocal", [b.squeeze(nodes.std, ...axes)]), stats),
    running_mean: moved(running_mean, () => mean),
    running_var: moved(running_var, () => {
      const count = perChannelCount(shape);
      const unbiased = b.op("Mul", [variance, b.cast(b.dim(count), wide)]);
      return b.op("Div", [unbiased, b.cast(b.dim(sub(count, 1)), wide)]);
    }),
  };
}

/** What is called in training: running statistics are written where there are any. */
interface StatsArgs<T> {
  readonly input: T;
  readonly weight: T | null;
  readonly bias: T | null;
  readonly running_mean: T | null;
  readonly running_var: T | null;
  readonly momentum: number;
  readonly eps: number;
}

/** In training the running statistics are written, which not every schema says. */
const writesStats = {
  args: ["running_mean", "running_var"],
  when: ({ training, running_mean }: Readonly<Record<string, unknown>>): boolean =>
    training === true && running_mean !== null,
};

/** The results and the new running statistics. */
function updated<T extends object>(t: Calls<T>, args: StatsArgs<T>): [T, T, T, T, T] {
  const { input, weight, bias, running_mean, running_var, momentum, eps } = args;
  const op = _nativeBatchNormLegitFunctional;
  return t.call(op, input, weight, bias, running_mean!, running_var!, true, momentum, eps) as [T, T, T, T, T];
}

/**
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.batch_norm.html: `momentum` concerns only the running
 * statistics.
 */
export const batchNorm = defineOp(
  "aten::batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, float momentum, float eps, bool cudnn_enabled) -> Tensor",
  {
    meta: (_, args) => {
      checkChannels(args, args.training);
      return { dtype: args.input.dtype, shape: args.input.shape };
    },
    kernel: (args) => kernel(args).y,
    onnx: (b, args) => emit(b, args).y,
    writes: {
      ...writesStats,
      functional: (t, args) => {
        const [y, , , mean, variance] = updated(t, args);
        return [y, mean, variance];
      },
    },
  },
);

/** In inference. */
export const _nativeBatchNormLegitNoTraining = defineOp(
  "aten::_native_batch_norm_legit_no_training(Tensor input, Tensor? weight, Tensor? bias, Tensor running_mean, Tensor running_var, float momentum, float eps) -> (Tensor, Tensor, Tensor)",
  {
    meta: (_, args) => triple(args, { ...args, training: false }),
    kernel: (args) => threeOf(kernel({ ...args, training: false })),
    onnx: (b, args) => threeOf(emit(b, { ...args, training: false })),
  },
);

/** Without running statistics. */
export const _nativeBatchNormLegitNoStats = defineOp(
  "aten::_native_batch_norm_legit.no_stats(Tensor input, Tensor? weight, Tensor? bias, bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor)",
  {
    meta: (_, args) => triple(args, { ...args, ...NO_STATS }),
    kernel: (args) => threeOf(kernel({ ...args, ...NO_STATS })),
    onnx: (b, args) => threeOf(emit(b, { ...args, ...NO_STATS })),
  },
);

/** Running statistics may be written in training; see `_native_batch_norm_legit_functional` for what they become. */
export const _nativeBatchNormLegit = defineOp(
  "aten::_native_batch_norm_legit(Tensor input, Tensor? weight, Tensor? bias, Tensor(a!) running_mean, Tensor(b!) running_var, bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor)",
  {
    meta: (_, args) => triple(args, args),
    kernel: (args) => threeOf(kernel(args)),
    onnx: (b, args) => threeOf(emit(b, args)),
    writes: { ...writesStats, functional: updated },
  },
);

/** As `_native_batch_norm_legit`, with running statistics that may be absent. */
export const nativeBatchNorm = defineOp(
  "aten::native_batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor)",
  {
    meta: (_, args) => triple(args, args),
    kernel: (args) => threeOf(kernel(args)),
    onnx: (b, args) => threeOf(emit(b, args)),
    writes: { ...writesStats, functional: updated },
  },
);

/** Gives the running statistics as results. */
export const _nativeBatchNormLegitFunctional = defineOp(
  "aten::_native_batch_norm_legit_functional(Tensor input, Tensor? weight, Tensor? bias, Tensor running_mean, Tensor running_var, bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor, Tensor running_mean_out, Tensor running_var_out)",
  {
    meta: (_, args) => [...triple(args, args), args.running_mean, args.running_var],
    kernel: (args) => fiveOf(kernel(args, args.momentum)),
    onnx: (b, args) => fiveOf(emit(b, args, args.momentum)),
  },
);

/** In training; the fourth result is a reserve of cuDNN's, empty elsewhere. */
export const _batchNormWithUpdateFunctional = defineOp(
  "aten::_batch_norm_with_update_functional(Tensor input, Tensor? weight, Tensor? bias, Tensor running_mean, Tensor running_var, float momentum, float eps) -> (Tensor, Tensor, Tensor, Tensor, Tensor running_mean_out, Tensor running_var_out)",
  {
    meta: (_, args) => [...triple(args, { ...args, training: true }), RESERVE, args.running_mean, args.running_var],
    kernel: (args) => {
      const [y, mean, rstd, newMean, newVar] = fiveOf(kernel({ ...args, training: true }, args.momentum));
      return [y, mean, rstd, Tensor.of("uint8", [0], []), newMean, newVar];
    },
    onnx: (b, args) => {
      const [y, mean, rstd, newMean, newVar] = fiveOf(emit(b, { ...args, training: true }, args.momentum));
      return [y, mean, rstd, constantOf(b, 0, [0], "uint8"), newMean, newVar];
    },
  },
);

/** In training; the running statistics are written. */
export const _batchNormWithUpdate = defineOp(
  "aten::_batch_norm_with_update(Tensor input, Tensor? weight, Tensor? bias, Tensor(a!) running_mean, Tensor(b!) running_var, float momentum, float eps) -> (Tensor, Tensor, Tensor, Tensor)",
  {
    meta: (_, args) => [...triple(args, { ...args, training: true }), RESERVE],
    kernel: (args) => [...threeOf(kernel({ ...args, training: true })), Tensor.of("uint8", [0], [])],
    onnx: (b, args) => [
      ...threeOf(emit(b, { ...args, training: true })),
      constantOf(b, 0, [0], "uint8"),
    ],
    writes: {
      args: writesStats.args,
      functional: (t, { input, weight, bias, running_mean, running_var, momentum, eps }) =>
        t.call(
          _batchNormWithUpdateFunctional,
          input,
          weight,
          bias,
          running_mean,
          running_var,
          momentum,
          eps,
        ),
    },
  },
);

/** In inference. */
export const _batchNormNoUpdate = defineOp(
  "aten::_batch_norm_no_update(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, float momentum, float eps) -> (Tensor, Tensor, Tensor, Tensor)",
  {
    meta: (_, args) => [...triple(args, { ...args, training: false }), RESERVE],
    kernel: (args) => [...threeOf(kernel({ ...args, training: false })), Tensor.of("uint8", [0], [])],
    onnx: (b, args) => [
      ...threeOf(emit(b, { ...args, training: false })),
      constantOf(b, 0, [0], "uint8"),
    ],
  },
);

const NO_STATS = { running_mean: null, running_var: null } as const;
const RESERVE: Meta = { dtype: "uint8", shape: [0] };

function triple({ input }: { readonly input: Meta }, args: BatchNormArgs<Meta>): [Meta, Meta, Meta] {
  checkChannels(args, true);
  const stats = statsMeta(args);
  return [{ dtype: input.dtype, shape: input.shape }, stats, stats];
}

function threeOf<T>({ y, mean, rstd }: Outcome<T>): [T, T, T] {
  return [y, mean, rstd];
}

function fiveOf<T>({ y, mean, rstd, running_mean, running_var }: Outcome<T>): [T, T, T, T, T] {
  return [y, mean, rstd, running_mean!, running_var!];
}
