/**
 * Tensors of random numbers, made from a size or like another tensor. ONNX's generators can't be given PyTorch's state, so
 * the numbers are others; `generator` is an object that no program stores.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, ge, isSym, sub } from "../sym/mod.ts";
import { type DType, type Meta, type Tensor } from "../tensor/mod.ts";
import { nextRandom } from "../tensor/generator.ts";
import { requireStrided } from "./create.ts";
import { defineOp, type MetaContext } from "./op.ts";
import { drawn, type Like, normalNumber, onnxBelow, onnxNormal, onnxUniform, uniformNumber } from "./random_nodes.ts";
import { refuse, requireFloat } from "./rules.ts";

/** A distribution of numbers in a dtype. */
interface Source {
  readonly check: (dtype: DType) => void;
  readonly draw: (dtype: DType) => number;
  readonly onnx: (b: OnnxBuilder, like: Like, dtype: DType) => OnnxValue;
}

const UNIFORM: Source = {
  check: (dtype) => requireFloat(dtype, "The result of rand"),
  draw: uniformNumber,
  onnx: onnxUniform,
};

const NORMAL: Source = {
  check: (dtype) => requireFloat(dtype, "The result of randn"),
  draw: normalNumber,
  onnx: onnxNormal,
};

/** Whole numbers from `low` to below `high`. */
function integers(low: Dim, high: Dim): Source {
  if (ge(low, high) === true) refuse("high", high, `it must be larger than low=${low}`);
  const count = sub(high, low);
  return {
    check: (): void => {},
    draw: () => (low as number) + Math.floor(nextRandom() * (count as number)),
    onnx: (b, like, dtype) => {
      const steps = onnxBelow(b, like, count);
      return b.cast(low === 0 ? steps : b.op("Add", [steps, b.dim(low)]), dtype);
    },
  };
}

interface Options {
  readonly dtype: DType | null;
  readonly layout: string | null;
}

interface Sized extends Options {
  readonly size: readonly Dim[];
}

/** Rules of an operator that is given a size. */
function ofSize<A extends Sized>(sourceOf: (args: A) => Source) {
  const dtypeOf = (args: A): DType => {
    requireStrided(args.layout);
    const dtype = args.dtype ?? "float32";
    sourceOf(args).check(dtype);
    return dtype;
  };
  return {
    random: true,
    meta: (_: MetaContext, args: A): Meta => ({ dtype: dtypeOf(args), shape: args.size }),
    kernel: (args: A): Tensor => {
      const dtype = dtypeOf(args);
      const { draw } = sourceOf(args);
      return drawn(dtype, args.size as number[], () => draw(dtype));
    },
    onnx: (b: OnnxBuilder, args: A): OnnxValue => sourceOf(args).onnx(b, args.size, dtypeOf(args)),
  };
}

/** Rules of an operator that takes shape and dtype from a tensor. */
function ofTensor<A extends Options>(sourceOf: (args: A) => Source) {
  type On<T> = A & { readonly self: T };
  const dtypeOf = (args: A, self: Meta): DType => {
    requireStrided(args.layout);
    const dtype = args.dtype ?? self.dtype;
    sourceOf(args).check(dtype);
    return dtype;
  };
  return {
    random: true,
    meta: (_: MetaContext, args: On<Meta>): Meta => ({ dtype: dtypeOf(args, args.self), shape: args.self.shape }),
    kernel: (args: On<Tensor>): Tensor => {
      const dtype = dtypeOf(args, args.self);
      const { draw } = sourceOf(args);
      return drawn(dtype, args.self.shape, () => draw(dtype));
    },
    onnx: (b: OnnxBuilder, args: On<OnnxValue>): OnnxValue =>
      sourceOf(args).onnx(b, args.self, dtypeOf(args, b.meta(args.self))),
  };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.rand.html */
export const rand = defineOp(
  "aten::rand(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  ofSize(() => UNIFORM),
);
/** With a generator. */
export const randGenerator = defineOp(
  "aten::rand.generator(SymInt[] size, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  ofSize(() => UNIFORM),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.rand_like.html */
export const randLike = defineOp(
  "aten::rand_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
  ofTensor(() => UNIFORM),
);
/** With a generator. */
export const randLikeGenerator = defineOp(
  "aten::rand_like.generator(Tensor self, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
  ofTensor(() => UNIFORM),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.randn.html */
export const randn = defineOp(
  "aten::randn(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  ofSize(() => NORMAL),
);
/** With a generator. */
export const randnGenerator = defineOp(
  "aten::randn.generator(SymInt[] size, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  ofSize(() => NORMAL),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.randn_like.html */
export const randnLike = defineOp(
  "aten::randn_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
  ofTensor(() => NORMAL),
);
/** With a generator. */
export const randnLikeGenerator = defineOp(
  "aten::randn_like.generator(Tensor self, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
  ofTensor(() => NORMAL),
);

interface Below {
  readonly high: Dim;
}

interface Between extends Below {
  readonly low: Dim;
}

/** https://docs.pytorch.org/docs/stable/generated/torch.randint.html */
export const randint = defineOp(
  "aten::randint(SymInt high, SymInt[] size, *, ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  ofSize(({ high }: Sized & Below) => integers(0, high)),
);
/** With a generator. */
export const randintGenerator = defineOp(
  "aten::randint.generator(SymInt high, SymInt[] size, *, Generator? generator, ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  ofSize(({ high }: Sized & Below) => integers(0, high)),
);
/** From `low` on. */
export const randintLow = defineOp(
  "aten::randint.low(SymInt low, SymInt high, SymInt[] size, *, ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  ofSize(({ low, high }: Sized & Between) => integers(low, high)),
);
/** From `low` on, with a generator. */
export const randintLowGenerator = defineOp(
  "aten::randint.low_generator(SymInt low, SymInt high, SymInt[] size, *, Generator? generator, ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  ofSize(({ low, high }: Sized & Between) => integers(low, high)),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.randint_like.html */
export const randintLike = defineOp(
  "aten::randint_like(Tensor self, SymInt high, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
  ofTensor(({ high }: Options & Below) => integers(0, high)),
);
/** With a generator. */
export const randintLikeGenerator = defineOp(
  "aten::randint_like.generator(Tensor self, SymInt high, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
  ofTensor(({ high }: Options & Below) => integers(0, high)),
);
/** From `low` on. */
export const randintLikeLow = defineOp(
  "aten::randint_like.low_dtype(Tensor self, SymInt low, SymInt high, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
  ofTensor(({ low, high }: Options & Between) => integers(low, high)),
);
/** From `low` on, with a generator. */
export const randintLikeLowGenerator = defineOp(
  "aten::randint_like.low_generator_dtype(Tensor self, SymInt low, SymInt high, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
  ofTensor(({ low, high }: Options & Between) => integers(low, high)),
);

interface BelowTensor<T> extends Options {
  readonly self: T;
  readonly high: T;
}

/** The bound is in a tensor. */
const belowTensor = {
  random: true,
  meta(_: MetaContext, { self, high, dtype, layout }: BelowTensor<Meta>): Meta {
    requireStrided(layout);
    if (high.shape.length !== 0) throw new RangeError("The tensor high of randint_like must have no dimensions");
    return { dtype: dtype ?? self.dtype, shape: self.shape };
  },
  kernel({ self, high, dtype }: BelowTensor<Tensor>): Tensor {
    const { draw } = integers(0, Number(high.item()));
    return drawn(dtype ?? self.dtype, self.shape, () => draw("int64"));
  },
  onnx: (b: OnnxBuilder, { self, high, dtype }: BelowTensor<OnnxValue>): OnnxValue =>
    b.cast(onnxBelow(b, self, high), dtype ?? b.meta(self).dtype),
};

/** Below a number that a tensor holds. */
export const randintLikeTensor = defineOp(
  "aten::randint_like.Tensor(Tensor self, Tensor high, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
  belowTensor,
);
/** With a generator. */
export const randintLikeTensorGenerator = defineOp(
  "aten::randint_like.Tensor_generator(Tensor self, Tensor high, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
  belowTensor,
);

interface Permuted extends Options {
  readonly n: Dim;
}

/** The order of as many random numbers. */
const permuting = {
  random: true,
  meta(_: MetaContext, { n, dtype, layout }: Permuted): Meta {
    requireStrided(layout);
    if (!isSym(n) && n < 0) refuse("n", n, "it can't be negative");
    return { dtype: dtype ?? "int64", shape: [n] };
  },
  kernel({ n, dtype }: Permuted): Tensor {
    const keys = Array.from({ length: n as number }, () => nextRandom());
    const order = [...keys.keys()].sort((i, j) => keys[i] - keys[j]);
    return drawn(dtype ?? "int64", [n as number], (i) => order[i]);
  },
  onnx(b: OnnxBuilder, { n, dtype }: Permuted): OnnxValue {
    const keys = onnxUniform(b, [n], "float32");
    const [, order] = b.ops("TopK", [keys, b.ints([n])], 2, { axis: 0, largest: 0, sorted: 1 });
    order.meta = { dtype: "int64", shape: [n] };
    return b.cast(order, dtype ?? "int64");
  },
};

/** https://docs.pytorch.org/docs/stable/generated/torch.randperm.html */
export const randperm = defineOp(
  "aten::randperm(SymInt n, *, ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  permuting,
);
/** With a generator. */
export const randpermGenerator = defineOp(
  "aten::randperm.generator(SymInt n, *, Generator? generator, ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  permuting,
);
