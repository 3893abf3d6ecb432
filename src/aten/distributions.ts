/**
 * Random tensors of a distribution: the functional forms of `uniform_`, `normal_` and their like, and those whose parameters
 * are tensors. Logarithms are taken in double precision, so that a number next to 0 or 1 stays apart from it.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import type { Dim } from "../sym/mod.ts";
import { broadcastShapes, type DType, isFloat, isInt, type Meta, type Tensor } from "../tensor/mod.ts";
import { expandTo } from "../tensor/loops.ts";
import { nextRandom } from "../tensor/generator.ts";
import { requireStrided } from "./create.ts";
import { emit, NUMBERS } from "./emit.ts";
import { onnxExpand } from "./expand.ts";
import { defineOp, type MetaContext } from "./op.ts";
import {
  drawn,
  normalNumber,
  onnxBelow,
  onnxNormal,
  onnxUniform,
  significandBits,
  uniformNumber,
} from "./random_nodes.ts";
import { like, refuse, requireFloat } from "./rules.ts";

interface Filling<A> {
  /** Refuses arguments that have no distribution. */
  readonly check?: (args: A, dtype: DType) => void;
  readonly draw: (args: A, dtype: DType) => number | bigint;
  /** Numbers like `self` in a dtype that holds them; they are converted to that of `self`. */
  readonly onnx: (b: OnnxBuilder, args: A, self: OnnxValue, dtype: DType) => OnnxValue;
}

/** Rules of an operator that fills a tensor like `self`. */
function filling<A>({ check, draw, onnx }: Filling<A>) {
  type On<T> = A & { readonly self: T };
  return {
    random: true,
    meta: (_: MetaContext, args: On<Meta>): Meta => {
      check?.(args, args.self.dtype);
      return like(args.self);
    },
    kernel: (args: On<Tensor>): Tensor => drawn(args.self.dtype, args.self.shape, () => draw(args, args.self.dtype)),
    onnx: (b: OnnxBuilder, args: On<OnnxValue>): OnnxValue => {
      const { dtype } = b.meta(args.self);
      return b.cast(onnx(b, args, args.self, dtype), dtype);
    },
  };
}

function requireShare(p: number): void {
  if (!(p >= 0 && p <= 1)) refuse("p", p, "a probability lies between 0 and 1");
}

function requirePositive(name: string, value: number): void {
  if (!(value > 0)) refuse(name, value, "it must be positive");
}

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.uniform_.html */
export const uniform = defineOp(
  "aten::uniform(Tensor self, float from=0., float to=1., *, Generator? generator=None) -> Tensor",
  filling<{ readonly from: number; readonly to: number }>({
    check: ({ from, to }, dtype) => {
      requireFloat(dtype, "The result of uniform");
      if (!(from <= to)) refuse("to", to, `it must not be less than from=${from}`);
    },
    draw: ({ from, to }, dtype) => from + (to - from) * uniformNumber(dtype),
    onnx: (b, { from, to }, self, dtype) => {
      const unit = onnxUniform(b, self, dtype);
      const scaled = to - from === 1 ? unit : emit(b, NUMBERS, "Mul", [unit, b.scalar(to - from, dtype)]);
      return from === 0 ? scaled : emit(b, NUMBERS, "Add", [scaled, b.scalar(from, dtype)]);
    },
  }),
);

interface Normal {
  readonly mean: number;
  readonly std: number;
}

function checkStd(std: number): void {
  if (!(std >= 0)) refuse("std", std, "a standard deviation can't be negative");
}

const normalFilling: Filling<Normal> = {
  check: ({ std }, dtype) => {
    requireFloat(dtype, "The result of normal");
    checkStd(std);
  },
  draw: ({ mean, std }) => mean + std * normalNumber(),
  onnx: (b, { mean, std }, self, dtype) => onnxNormal(b, self, dtype, mean, std),
};

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.normal_.html */
export const normalFunctional = defineOp(
  "aten::normal_functional(Tensor self, float mean=0., float std=1., *, Generator? generator=None) -> Tensor",
  { ...filling(normalFilling), inplace: ["aten::normal_"] },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.log_normal_.html */
export const logNormal = defineOp(
  "aten::log_normal(Tensor self, float mean=1., float std=2., *, Generator? generator=None) -> Tensor",
  filling<Normal>({
    ...normalFilling,
    draw: ({ mean, std }) => Math.exp(mean + std * normalNumber()),
    onnx: (b, { mean, std }, self, dtype) =>
      b.op("Exp", [onnxNormal(b, self, dtype === "float64" ? dtype : "float32", mean, std)]),
  }),
);

/** Logarithms of uniform numbers of (0, 1], in double precision. */
function onnxLog(b: OnnxBuilder, self: OnnxValue): OnnxValue {
  return b.op("Log", [b.op("Sub", [b.scalar(1, "float64"), onnxUniform(b, self, "float64")])]);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.exponential_.html */
export const exponential = defineOp(
  "aten::exponential(Tensor self, float lambd=1., *, Generator? generator=None) -> Tensor",
  filling<{ readonly lambd: number }>({
    check: ({ lambd }, dtype) => {
      requireFloat(dtype, "The result of exponential");
      requirePositive("lambd", lambd);
    },
    draw: ({ lambd }) => -Math.log(1 - nextRandom()) / lambd,
    onnx: (b, { lambd }, self, dtype) => {
      if (dtype === "float64") return b.op("Div", [onnxLog(b, self), b.scalar(-lambd, dtype)]);
      // Numbers next to 1 may be rounded to it, which would give infinity.
      const rest = b.op("Sub", [b.scalar(1, "float32"), onnxUniform(b, self, "float32")]);
      const log = b.op("Log", [b.op("Max", [rest, b.scalar(2 ** -25, "float32")])]);
      return b.op("Div", [log, b.scalar(-lambd, "float32")]);
    },
  }),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.cauchy_.html */
export const cauchy = defineOp(
  "aten::cauchy(Tensor self, float median=0., float sigma=1., *, Generator? generator=None) -> Tensor",
  filling<{ readonly median: number; readonly sigma: number }>({
    check: ({ sigma }, dtype) => {
      requireFloat(dtype, "The result of cauchy");
      requirePositive("sigma", sigma);
    },
    draw: ({ median, sigma }) => median + sigma * Math.tan(Math.PI * (nextRandom() - 0.5)),
    onnx: (b, { median, sigma }, self) => {
      // tan(π (u − ½)) = −cos(πu) / sin(πu)
      const angle = b.op("Mul", [onnxUniform(b, self, "float64"), b.scalar(Math.PI, "float64")]);
      const cotangent = b.op("Div", [b.op("Cos", [angle]), b.op("Sin", [angle])]);
      return b.op("Add", [b.op("Mul", [cotangent, b.scalar(-sigma, "float64")]), b.scalar(median, "float64")]);
    },
  }),
);

/** The number of trials up to the first success: https://docs.pytorch.org/docs/stable/generated/torch.Tensor.geometric_.html */
export const geometric = defineOp(
  "aten::geometric(Tensor self, float p, *, Generator? generator=None) -> Tensor",
  filling<{ readonly p: number }>({
    check: ({ p }) => {
      if (!(p > 0 && p < 1)) refuse("p", p, "it must lie between 0 and 1");
    },
    draw: ({ p }) => Math.floor(Math.log(1 - nextRandom()) / Math.log(1 - p)) + 1,
    onnx: (b, { p }, self) => {
      const trials = b.op("Div", [onnxLog(b, self), b.scalar(Math.log(1 - p), "float64")]);
      return b.op("Add", [b.op("Floor", [trials]), b.scalar(1, "float64")]);
    },
  }),
);

/** Whole numbers of [0, `count`) in int64. Double precision gives 53 bits: more are put together of two numbers. */
function onnxWhole(b: OnnxBuilder, self: OnnxValue, count: bigint): OnnxValue {
  if (count <= 2n ** 53n) return onnxBelow(b, self, Number(count));
  const high = onnxBelow(b, self, Number(count / 2n ** 32n));
  const low = onnxBelow(b, self, 2 ** 32);
  return b.op("Add", [b.op("Mul", [high, b.scalar(2n ** 32n, "int64")]), low]);
}

function wholeNumber(count: bigint): bigint {
  if (count <= 2n ** 53n) return BigInt(Math.floor(nextRandom() * Number(count)));
  const high = BigInt(Math.floor(nextRandom() * Number(count / 2n ** 32n)));
  return high * 2n ** 32n + BigInt(Math.floor(nextRandom() * 2 ** 32));
}

/** How many whole numbers from 0 on `random_` gives without bounds: those that the dtype holds exactly. */
function wholeCount(dtype: DType): bigint {
  if (dtype === "bool") return 2n;
  if (isFloat(dtype)) return 2n ** BigInt(significandBits(dtype)) + 1n;
  if (!isInt(dtype)) throw new TypeError(`Random whole numbers of dtype ${dtype} are not supported`);
  const bits = BigInt(/\d+$/.exec(dtype)![0]);
  return 2n ** (dtype.startsWith("u") ? bits : bits - 1n);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.random_.html */
export const random = defineOp(
  "aten::random(Tensor self, *, Generator? generator=None) -> Tensor",
  filling<unknown>({
    check: (_, dtype) => void wholeCount(dtype),
    draw: (_, dtype) => wholeNumber(wholeCount(dtype)),
    onnx: (b, _, self, dtype) => onnxWhole(b, self, wholeCount(dtype)),
  }),
);

interface Bounds {
  readonly from: number;
  readonly to: number | null;
}

/** From a number to below another, or to the largest that the dtype holds. */
const bounded: Filling<Bounds> = {
  check: (args, dtype) => {
    if (countBetween(args, dtype) <= 0n) refuse("to", args.to, `it must be larger than from=${args.from}`);
  },
  draw: (args, dtype) => BigInt(args.from) + wholeNumber(countBetween(args, dtype)),
  onnx: (b, args, self, dtype) => {
    const whole = onnxWhole(b, self, countBetween(args, dtype));
    return args.from === 0 ? whole : b.op("Add", [whole, b.dim(args.from)]);
  },
};

function countBetween({ from, to }: Bounds, dtype: DType): bigint {
  return (to === null ? wholeCount(dtype) : BigInt(to)) - BigInt(from);
}

/** Of a range. */
export const randomFrom = defineOp(
  "aten::random.from(Tensor self, int from, int? to, *, Generator? generator=None) -> Tensor",
  filling(bounded),
);
/** Below a number. */
export const randomTo = defineOp(
  "aten::random.to(Tensor self, int to, *, Generator? generator=None) -> Tensor",
  filling<{ readonly to: number }>({
    check: ({ to }, dtype) => bounded.check!({ from: 0, to }, dtype),
    draw: ({ to }, dtype) => bounded.draw({ from: 0, to }, dtype),
    onnx: (b, { to }, self, dtype) => bounded.onnx(b, { from: 0, to }, self, dtype),
  }),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.bernoulli.html */
export const bernoulli = defineOp("aten::bernoulli(Tensor self, *, Generator? generator=None) -> Tensor", {
  random: true,
  meta: (_, { self }) => {
    requireFloat(self.dtype, "The probabilities of bernoulli");
    return like(self);
  },
  kernel: ({ self }) => {
    const p = self.data();
    return drawn(self.dtype, self.shape, (i) => Number(nextRandom() < Number(p[i])));
  },
  onnx: (b, { self }) => onnxBernoulli(b, self, b.meta(self).dtype),
});

/** 1 with the probability that an element is, else 0. The function that ONNX defines Bernoulli by gives the opposite. */
function onnxBernoulli(b: OnnxBuilder, p: OnnxValue, dtype: DType): OnnxValue {
  const wide = b.meta(p).dtype === "float64" ? "float64" : "float32";
  return b.cast(b.op("Less", [onnxUniform(b, p, wide), b.cast(p, wide)]), dtype);
}

/** One probability for all elements. */
const sharing = filling<{ readonly p: number }>({
  check: ({ p }) => requireShare(p),
  draw: ({ p }) => Number(nextRandom() < p),
  onnx: (b, { p }, self) => b.op("Less", [onnxUniform(b, self, "float32"), b.scalar(p, "float32")]),
});

/** With one probability for all elements. */
export const bernoulliP = defineOp(
  "aten::bernoulli.p(Tensor self, float p, *, Generator? generator=None) -> Tensor",
  sharing,
);
/** The functional form of https://docs.pytorch.org/docs/stable/generated/torch.Tensor.bernoulli_.html */
export const bernoulliFloat = defineOp(
  "aten::bernoulli.float(Tensor self, float p=0.5, *, Generator? generator=None) -> Tensor",
  sharing,
);
/** With probabilities of their own. */
export const bernoulliTensor = defineOp(
  "aten::bernoulli.Tensor(Tensor self, Tensor p, *, Generator? generator=None) -> Tensor",
  {
    random: true,
    meta: (_, { self, p }) => {
      requireFloat(p.dtype, "The probabilities of bernoulli");
      return like(self);
    },
    kernel: ({ self, p }) => {
      const shares = expandTo(p, self.shape).data();
      return drawn(self.dtype, self.shape, (i) => Number(nextRandom() < Number(shares[i])));
    },
    onnx: (b, { self, p }) => {
      const { dtype, shape } = b.meta(self);
      return onnxBernoulli(b, onnxExpand(b, p, shape), dtype);
    },
  },
);

/** `mean + std * x` of normal numbers `x`, where one of the two is a tensor. */
function normalOf(
  b: OnnxBuilder,
  shape: readonly Dim[],
  dtype: DType,
  mean: OnnxValue | number,
  std: OnnxValue | number,
): OnnxValue {
  const valueOf = (x: OnnxValue | number): OnnxValue => typeof x === "number" ? b.scalar(x, dtype) : b.cast(x, dtype);
  const whole = [mean, std].find((x) => typeof x !== "number" && b.meta(x).shape.length === shape.length);
  const isWhole = typeof whole === "object" && b.meta(whole).shape.every((d, i) => d === shape[i]);
  const unit = onnxNormal(b, isWhole ? whole as OnnxValue : shape, dtype);
  const scaled = std === 1 ? unit : emit(b, NUMBERS, "Mul", [unit, valueOf(std)]);
  return mean === 0 ? scaled : emit(b, NUMBERS, "Add", [scaled, valueOf(mean)]);
}

/** Of a mean and a standard deviation for each element: https://docs.pytorch.org/docs/stable/generated/torch.normal.html */
export const normal = defineOp(
  "aten::normal.Tensor_Tensor(Tensor mean, Tensor std, *, Generator? generator=None) -> Tensor",
  {
    random: true,
    meta: (_, { mean, std }) => {
      requireFloat(mean.dtype, "The mean of normal");
      return { dtype: mean.dtype, shape: broadcastShapes(mean.shape, std.shape) };
    },
    kernel: ({ mean, std }) => {
      const shape = broadcastShapes(mean.shape, std.shape) as number[];
      const [m, s] = [expandTo(mean, shape).data(), expandTo(std, shape).data()];
      return drawn(mean.dtype, shape, (i) => Number(m[i]) + Number(s[i]) * normalNumber());
    },
    onnx: (b, { mean, std }) => {
      const { dtype, shape } = b.meta(mean);
      return normalOf(b, broadcastShapes(shape, b.meta(std).shape), dtype, mean, std);
    },
  },
);
/** One standard deviation. */
export const normalTensorFloat = defineOp(
  "aten::normal.Tensor_float(Tensor mean, float std=1., *, Generator? generator=None) -> Tensor",
  {
    random: true,
    meta: (_, { mean, std }) => {
      requireFloat(mean.dtype, "The mean of normal");
      checkStd(std);
      return like(mean);
    },
    kernel: ({ mean, std }) => {
      const m = mean.data();
      return drawn(mean.dtype, mean.shape, (i) => Number(m[i]) + std * normalNumber());
    },
    onnx: (b, { mean, std }) => normalOf(b, b.meta(mean).shape, b.meta(mean).dtype, mean, std),
  },
);
/** One mean. */
export const normalFloatTensor = defineOp(
  "aten::normal.float_Tensor(float mean, Tensor std, *, Generator? generator=None) -> Tensor",
  {
    random: true,
    meta: (_, { std }) => {
      requireFloat(std.dtype, "The standard deviation of normal");
      return like(std);
    },
    kernel: ({ mean, std }) => {
      const s = std.data();
      return drawn(std.dtype, std.shape, (i) => mean + Number(s[i]) * normalNumber());
    },
    onnx: (b, { mean, std }) => normalOf(b, b.meta(std).shape, b.meta(std).dtype, mean, std),
  },
);
/** One mean and one standard deviation. */
export const normalFloatFloat = defineOp(
  "aten::normal.float_float(float mean, float std, SymInt[] size, *, Generator? generator=None, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  {
    random: true,
    meta: (_, { std, size, dtype, layout }) => {
      requireStrided(layout);
      normalFilling.check!({ mean: 0, std }, dtype ?? "float32");
      return { dtype: dtype ?? "float32", shape: size };
    },
    kernel: ({ mean, std, size, dtype }) =>
      drawn(dtype ?? "float32", size as number[], () => mean + std * normalNumber()),
    onnx: (b, { mean, std, size, dtype }) => onnxNormal(b, size, dtype ?? "float32", mean, std),
  },
);
