/** Max pooling over windows at given random places, and its inverse: values put back to where they were taken from. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, eq, isSym, prod, sub } from "../sym/mod.ts";
import { type DType, elementCount, type Meta, newData, Tensor } from "../tensor/mod.ts";
import { COMPARED } from "./emit.ts";
import { emitReduce } from "./dims.ts";
import { type Calls, defineOp, type MetaContext } from "./op.ts";
import { positionOf } from "./pool.ts";
import { floatKernelDType } from "./precision.ts";
import { refuse, requireFloat } from "./rules.ts";
import { scatterSrc } from "./scatter.ts";
import { perDim, steps } from "./spatial.ts";
import { reshape } from "./view.ts";

/** Values written to the planes of a larger image of zeros. */
function unpool<T extends object>(t: Calls<T>, self: T, indices: T, sizes: readonly Dim[]): T {
  const [x, at] = [t.meta(self), t.meta(indices)];
  const rank = sizes.length;
  requireFloat(x.dtype, "The input of an unpooling");
  if (at.dtype !== "int64") throw new TypeError(`Argument indices must be int64, met ${at.dtype}`);
  if (x.shape.length !== rank + 1 && x.shape.length !== rank + 2) {
    throw new RangeError(`An input of ${rank + 1} or ${rank + 2} dimensions is needed, met ${x.shape.length}`);
  }
  if (at.shape.length !== x.shape.length || at.shape.some((d, i) => eq(d, x.shape[i]) === false)) {
    throw new RangeError(`Indices of [${at.shape.join(", ")}] do not go with values of [${x.shape.join(", ")}]`);
  }
  const lead = x.shape.slice(0, -rank);
  const flat = [...lead, prod(x.shape.slice(-rank))];
  const room = t.full([...lead, prod(sizes)], 0, x.dtype);
  const filled = t.call(scatterSrc, room, -1, t.call(reshape, indices, flat), t.call(reshape, self, flat));
  return t.call(reshape, filled, [...lead, ...sizes]);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.max_unpool2d.html */
export const maxUnpool2d = defineOp(
  "aten::max_unpool2d(Tensor self, Tensor indices, SymInt[2] output_size) -> Tensor",
  { decompose: (t, { self, indices, output_size }) => unpool(t, self, indices, output_size) },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.max_unpool3d.html */
export const maxUnpool3d = defineOp(
  "aten::max_unpool3d(Tensor self, Tensor indices, SymInt[3] output_size, int[3] stride, int[3] padding) -> Tensor",
  {
    // The result is given by the indices; stride and padding only have to be possible.
    decompose: (t, { self, indices, output_size, stride, padding }) => {
      const wrong = perDim("stride", stride, 3).find((n) => n <= 0);
      if (wrong !== undefined) refuse("stride", wrong, "it must be positive");
      perDim("padding", padding, 3);
      return unpool(t, self, indices, output_size);
    },
  },
);

interface FractionalArgs<T> {
  readonly self: T;
  readonly kernel_size: readonly number[];
  readonly output_size: readonly number[];
  readonly random_samples: T;
}

/** In which order the samples of a plane belong to its dims: that of `x` comes first in two dims, that of `z` in three. */
function sampleOf(dim: number, rank: number): number {
  return rank === 2 ? 1 - dim : dim;
}

function checkFractional({ self, random_samples, ...args }: FractionalArgs<Meta>, rank: number): Dim[] {
  requireFloat(self.dtype, "The input of a pooling");
  const { shape } = self;
  if (shape.length !== rank + 1 && shape.length !== rank + 2) {
    throw new RangeError(`An input of ${rank + 1} or ${rank + 2} dimensions is needed, met ${shape.length}`);
  }
  if (random_samples.dtype !== self.dtype) {
    throw new TypeError(`Argument random_samples must be ${self.dtype}, met ${random_samples.dtype}`);
  }
  const wanted = [shape.length === rank + 2 ? shape[0] : 1, shape.at(-rank - 1)!, rank];
  const given = random_samples.shape;
  if (given.length !== 3 || given.some((d, i) => eq(d, wanted[i]) === false)) {
    throw new RangeError(`Samples of [${wanted.join(", ")}] are needed, met [${given.join(", ")}]`);
  }
  const [kernel, sizes] = [
    perDim("kernel_size", args.kernel_size, rank),
    perDim("output_size", args.output_size, rank),
  ];
  for (const [i, size] of shape.slice(-rank).entries()) {
    if (!isSym(size) && sizes[i] + kernel[i] - 1 > size) {
      refuse("output_size", sizes[i], `windows of ${kernel[i]} do not fit so often in a dimension of ${size}`);
    }
  }
  return [...shape.slice(0, -rank), ...sizes];
}

/** Starts of the windows along one dim, in the arithmetic of the dtype. */
function startsOf(sample: number, size: number, count: number, kernel: number, dtype: DType): number[] {
  const round = dtype === "float64" ? (x: number) => x : Math.fround;
  const alpha = round(round(size - kernel) / round(count - 1));
  return Array.from({ length: count }, (_, i) => {
    if (i === count - 1) return size - kernel;
    return Math.trunc(round(round(i + sample) * alpha)) - Math.trunc(round(sample * alpha));
  });
}

function fractionalKernel(args: FractionalArgs<Tensor>, rank: number): [Tensor, Tensor] {
  const { self, random_samples } = args;
  const shape = checkFractional(args, rank) as number[];
  const [kernel, counts] = [
    perDim("kernel_size", args.kernel_size, rank),
    perDim("output_size", args.output_size, rank),
  ];
  const sizes = self.shape.slice(-rank);
  const [data, samples] = [self.data(), random_samples.data()];
  const [values, places] = [newData(self.dtype, elementCount(shape)), newData("int64", elementCount(shape))];
  const plane = elementCount(sizes);
  const [outs, inner] = [elementCount(counts), elementCount(kernel)];
  for (let p = 0; p * outs < values.length; p++) {
    const starts = counts.map((count, d) =>
      startsOf(samples[p * rank + sampleOf(d, rank)] as number, sizes[d], count, kernel[d], self.dtype)
    );
    for (let o = 0; o < outs; o++) {
      let [top, place] = [-Infinity, 0];
      for (let k = 0; k < inner; k++) {
        let [at, outRest, inRest, stride] = [0, o, k, 1];
        for (let d = rank - 1; d >= 0; d--) {
          at += (starts[d][outRest % counts[d]] + inRest % kernel[d]) * stride;
          [outRest, inRest, stride] = [
            Math.floor(outRest / counts[d]),
            Math.floor(inRest / kernel[d]),
            stride * sizes[d],
          ];
        }
        const value = data[p * plane + at] as number;
        if (k === 0 || value > top || Number.isNaN(value)) [top, place] = [value, at];
      }
      values[p * outs + o] = top;
      places[p * outs + o] = BigInt(place);
    }
  }
  return [Tensor.of(self.dtype, shape, values), Tensor.of("int64", shape, places)];
}

/** Indices of the elements under each window along one dim: `[n, channels, count, kernel]`. */
function windowNodes(b: OnnxBuilder, sample: OnnxValue, size: Dim, count: number, kernel: number): OnnxValue {
  const { dtype } = b.meta(sample);
  const last = b.ints([sub(size, kernel)]);
  const inner = steps(b, kernel);
  const [n, c] = b.meta(sample).shape;
  const ends = b.op("Expand", [last, b.ints([n, c, 1])]);
  if (count === 1) return b.op("Add", [b.unsqueeze(ends, 3), inner]);
  const span = b.cast(b.dim(sub(size, kernel)), dtype);
  const alpha = b.op("Div", [span, b.scalar(count - 1, dtype)]);
  const order = b.cast(steps(b, count - 1), dtype);
  const whole = (x: OnnxValue): OnnxValue => b.cast(b.op("Mul", [x, alpha]), "int64");
  const starts = b.op("Sub", [whole(b.op("Add", [order, sample])), whole(sample)]);
  return b.op("Add", [b.unsqueeze(b.op("Concat", [starts, ends], { axis: 2 }), 3), inner]);
}

function fractionalNode(b: OnnxBuilder, args: FractionalArgs<OnnxValue>, rank: number): [OnnxValue, OnnxValue] {
  const { self, random_samples } = args;
  const { dtype, shape } = b.meta(self);
  const [kernel, counts] = [
    perDim("kernel_size", args.kernel_size, rank),
    perDim("output_size", args.output_size, rank),
  ];
  const isOne = shape.length === rank + 1;
  const [n, c, ...sizes] = isOne ? [1, ...shape] : shape;
  const wide = floatKernelDType(dtype);
  const planes = b.reshape(b.cast(self, wide), [n, c, prod(sizes)]);
  // [n, channels, outs…, kernels…], summed from one list of indices per dim.
  const index = counts.map((count, d) => {
    const at = b.scalar(BigInt(sampleOf(d, rank)), "int64");
    const sample = b.unsqueeze(
      b.op("Gather", [b.cast(random_samples, dtype === "float64" ? dtype : "float32"), at], { axis: 2 }),
      2,
    );
    const along = b.op("Mul", [windowNodes(b, sample, sizes[d], count, kernel[d]), b.dim(prod(sizes.slice(d + 1)))]);
    const axes = Array.from({ length: 2 * rank }, (_, k) => 2 + k).filter((axis) =>
      axis !== 2 + d && axis !== 2 + rank + d
    );
    return b.unsqueeze(along, ...axes);
  }).reduce((x, y) => b.op("Add", [x, y]));
  const [outs, inner] = [elementCount(counts), elementCount(kernel)];
  const places = b.reshape(index, [n, c, outs * inner]);
  const taken = b.reshape(b.op("GatherElements", [planes, places], { axis: 2 }), [n, c, outs, inner]);
  const top = emitReduce(b, COMPARED, "ReduceMax", taken, [3], false);
  const best = positionOf(b, taken, 3, 1);
  const found = b.op("GatherElements", [b.reshape(index, [n, c, outs, inner]), best], { axis: 3 });
  const result = isOne ? [c, ...counts] : [n, c, ...counts];
  return [b.cast(b.reshape(top, result), dtype), b.reshape(found, result)];
}

function fractional(rank: number): {
  meta: (_: MetaContext, args: FractionalArgs<Meta>) => [Meta, Meta];
  kernel: (args: FractionalArgs<Tensor>) => [Tensor, Tensor];
  onnx: (b: OnnxBuilder, args: FractionalArgs<OnnxValue>) => [OnnxValue, OnnxValue];
} {
  return {
    meta: (_, args) => {
      const shape = checkFractional(args, rank);
      return [{ dtype: args.self.dtype, shape }, { dtype: "int64", shape }];
    },
    kernel: (args) => fractionalKernel(args, rank),
    onnx: (b, args) => fractionalNode(b, args, rank),
  };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.fractional_max_pool2d.html */
export const fractionalMaxPool2d = defineOp(
  "aten::fractional_max_pool2d(Tensor self, int[2] kernel_size, int[2] output_size, Tensor random_samples) -> (Tensor, Tensor)",
  fractional(2),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.fractional_max_pool3d.html */
export const fractionalMaxPool3d = defineOp(
  "aten::fractional_max_pool3d(Tensor self, int[3] kernel_size, int[3] output_size, Tensor random_samples) -> (Tensor, Tensor)",
  fractional(3),
);
