/** Writing elements of a dim by index: scatter, scatter_add, scatter_reduce, put. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, eq, prod } from "../sym/mod.ts";
import {
  contiguousStrides,
  type Data,
  type DType,
  isBigData,
  isFloat,
  isInt,
  type Meta,
  newData,
  normalizeDim,
  Tensor,
} from "../tensor/mod.ts";
import { filled, indices as allIndices, store } from "../tensor/loops.ts";
import { choose, constantLike, emit, NUMBERS, ORDERED } from "./emit.ts";
import { asList, atLeastList, elementAt, requireIndex } from "./gather.ts";
import { onnxExpand } from "./expand.ts";
import { combiningDType, type Reduction, reductionOf } from "./move.ts";
import { defineOp, type MetaContext } from "./op.ts";
import { element, PARTS, partsAnd, refuse, requireEqual, requireWithin } from "./rules.ts";
import { shaped, sliceView } from "./shapes.ts";

/** A kernel's way to combine what is there with what is written. */
type Combine = (out: Data, at: number, value: number | bigint) => void;

/** Combining functions by their ONNX names; bools add and multiply as `or` and `and`. */
function combine(reduction: Reduction, dtype: DType): Combine {
  const isBool = dtype === "bool";
  switch (reduction) {
    case "none":
      return (out, at, value) => store(out, at, value);
    case "add":
      return (out, at, value) => {
        if (isBigData(out)) out[at] = out[at] + BigInt(value);
        else store(out, at, isBool ? Number(out[at]) | Number(value) : Number(out[at]) + Number(value));
      };
    case "mul":
      return (out, at, value) => {
        if (isBigData(out)) out[at] = out[at] * BigInt(value);
        else {store(
            out,
            at,
            dtype === "int32" || dtype === "uint32"
              ? Math.imul(out[at] as number, Number(value))
              : Number(out[at]) * Number(value),
          );}
      };
    default:
      return (out, at, value) => {
        const isNew = reduction === "max" ? value > out[at] : value < out[at];
        if (isNew || value !== value) store(out, at, value);
      };
  }
}

/** Checks the arguments that all scatters share and gives the dim. */
function checkScatter(self: Meta, dim: number, index: Meta, src: Meta | null): number {
  requireIndex(index);
  if (src && src.dtype !== self.dtype) {
    throw new TypeError(`scatter takes a source of the dtype of the tensor, ${self.dtype}, met ${src.dtype}`);
  }
  const ranks = [self, index, ...(src ? [src] : [])].map((x) => asList(x.shape).length);
  if (new Set(ranks).size > 1 && prod(index.shape) !== 0) {
    throw new RangeError(`scatter takes tensors of one number of dimensions, met ${ranks.join(", ")}`);
  }
  const d = normalizeDim(dim, self.shape.length);
  if (prod(index.shape) !== 0) {
    requireWithin("index", index, self, d);
    if (src) requireWithin("index", index, src, null);
  }
  return d;
}

/** The first elements of each dim, as many as the index has. */
function cutTo(src: Tensor, shape: readonly number[]): Tensor {
  return shape.reduce((x, n, d) => x.shape[d] === n ? x : sliceView(x, d, 0, n), src.reshape(asList(src.shape)));
}

/** Visits the offset that each index names, with its position. */
function eachTarget(self: Tensor, d: number, index: Tensor, visit: (at: number, position: number) => void): void {
  const shape = asList(self.shape);
  const strides = contiguousStrides(shape) as number[];
  const at = index.data();
  let position = 0;
  for (const place of allIndices(asList(index.shape))) {
    const found = elementAt(at[position], shape[d]);
    visit(place.reduce((sum, k, e) => sum + (e === d ? found : k) * strides[e], 0), position++);
  }
}

function scatterKernel(self: Tensor, dim: number, index: Tensor, src: Tensor, reduction: Reduction): Tensor {
  const d = checkScatter(self, dim, index, src);
  if (index.numel === 0) return self;
  const out = self.data().slice();
  const values = cutTo(src, asList(index.shape)).data();
  const write = combine(reduction, self.dtype);
  eachTarget(self, d, index, (at, position) => write(out, at, values[position]));
  return Tensor.of(self.dtype, self.shape, out);
}

/** The source cut to the index: PyTorch reads no more of it. */
function onnxCut(b: OnnxBuilder, src: OnnxValue, shape: readonly Dim[]): OnnxValue {
  const own = b.meta(src).shape;
  const dims = shape.flatMap((n, d) => eq(n, own[d]) === true ? [] : [d]);
  if (dims.length === 0) return src;
  return b.op("Slice", [src, b.ints(dims.map(() => 0)), b.ints(dims.map((d) => shape[d])), b.ints(dims)]);
}

function onnxScatter(
  b: OnnxBuilder,
  self: OnnxValue,
  dim: number,
  index: OnnxValue,
  src: OnnxValue,
  reduction: Reduction,
): OnnxValue {
  const meta = b.meta(self);
  const d = checkScatter(meta, dim, b.meta(index), b.meta(src));
  if (b.meta(index).shape.includes(0)) return self;
  const wide = reduction === "none" ? meta.dtype : combiningDType(meta.dtype);
  const [x, at, values] = [b.cast(self, wide), index, b.cast(src, wide)].map((v) => atLeastList(b, v));
  const updates = onnxCut(b, values, b.meta(at).shape);
  const result = b.op("ScatterElements", [x, at, updates], { axis: d, ...reductionOf(reduction) });
  return b.reshape(b.cast(result, meta.dtype), meta.shape);
}

interface ScatterArgs<T> {
  readonly self: T;
  readonly dim: number;
  readonly index: T;
  readonly src: T;
}

function scatters<A>(reductionOfArgs: (args: A) => Reduction) {
  return {
    meta(_: MetaContext, args: A & ScatterArgs<Meta>): Meta {
      checkScatter(args.self, args.dim, args.index, args.src);
      reductionOfArgs(args);
      return shaped(args.self, args.self.shape);
    },
    kernel: (args: A & ScatterArgs<Tensor>): Tensor =>
      scatterKernel(args.self, args.dim, args.index, args.src, reductionOfArgs(args)),
    onnx: (b: OnnxBuilder, args: A & ScatterArgs<OnnxValue>): OnnxValue =>
      onnxScatter(b, args.self, args.dim, args.index, args.src, reductionOfArgs(args)),
  };
}

function namedReduction({ reduce }: { readonly reduce: string }): Reduction {
  if (reduce === "add") return "add";
  return reduce === "multiply" ? "mul" : refuse("reduce", reduce, "it must be add or multiply");
}

/** https://docs.pytorch.org/docs/stable/generated/torch.scatter.html */
export const scatterSrc = defineOp(
  "aten::scatter.src(Tensor self, int dim, Tensor index, Tensor src) -> Tensor",
  { ...scatters(() => "none"), complex: PARTS },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.scatter.html */
export const scatterReduceSrc = defineOp(
  "aten::scatter.reduce(Tensor self, int dim, Tensor index, Tensor src, *, str reduce) -> Tensor",
  scatters(namedReduction),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.scatter_add.html */
export const scatterAdd = defineOp(
  "aten::scatter_add(Tensor self, int dim, Tensor index, Tensor src) -> Tensor",
  { ...scatters(() => "add"), complex: PARTS },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.scatter.html */
export const scatterValue = defineOp(
  "aten::scatter.value(Tensor self, int dim, Tensor index, Scalar value) -> Tensor",
  {
    complex: partsAnd("value"),
    meta: (_, { self, dim, index }) => {
      checkScatter(self, dim, index, null);
      return shaped(self, self.shape);
    },
    kernel: ({ self, dim, index, value }) => {
      const src = filled(self.dtype, index.shape, element(value, self.dtype));
      return scatterKernel(self, dim, index, src, "none");
    },
    onnx: (b, { self, dim, index, value }) => {
      const src = onnxExpand(b, b.scalar(value, b.meta(self).dtype), b.meta(index).shape);
      return onnxScatter(b, self, dim, index, src, "none");
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.scatter.html */
export const scatterValueReduce = defineOp(
  "aten::scatter.value_reduce(Tensor self, int dim, Tensor index, Scalar value, *, str reduce) -> Tensor",
  {
    meta: (_, { self, dim, index, reduce }) => {
      checkScatter(self, dim, index, null);
      namedReduction({ reduce });
      return shaped(self, self.shape);
    },
    kernel: ({ self, dim, index, value, reduce }) => {
      const src = filled(self.dtype, index.shape, element(value, self.dtype));
      return scatterKernel(self, dim, index, src, namedReduction({ reduce }));
    },
    onnx: (b, { self, dim, index, value, reduce }) => {
      const src = onnxExpand(b, b.scalar(value, b.meta(self).dtype), b.meta(index).shape);
      return onnxScatter(b, self, dim, index, src, namedReduction({ reduce }));
    },
  },
);

type ReduceName = "sum" | "prod" | "mean" | "amax" | "amin";

function reduceName(reduce: string): ReduceName {
  const names: readonly string[] = ["sum", "prod", "mean", "amax", "amin"];
  return names.includes(reduce)
    ? reduce as ReduceName
    : refuse("reduce", reduce, `it must be one of ${names.join(", ")}`);
}

const REDUCTIONS: Readonly<Record<ReduceName, Reduction>> = {
  sum: "add",
  mean: "add",
  prod: "mul",
  amax: "max",
  amin: "min",
};

/** What does not change a result: where the tensor itself takes no part, its written elements become this first. */
function neutral(reduction: Reduction, dtype: DType): number | bigint {
  if (reduction === "add") return 0;
  if (reduction === "mul") return 1;
  if (isFloat(dtype)) return reduction === "max" ? -Infinity : Infinity;
  if (dtype === "bool") return reduction === "max" ? 0 : 1;
  const bits = BigInt(8 * newData(dtype, 1).BYTES_PER_ELEMENT);
  const isUnsigned = dtype.startsWith("u");
  if (reduction === "max") return isUnsigned ? 0n : -(2n ** (bits - 1n));
  return isUnsigned ? 2n ** bits - 1n : 2n ** (bits - 1n) - 1n;
}

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.scatter_reduce_.html */
export const scatterReduce = defineOp(
  "aten::scatter_reduce.two(Tensor self, int dim, Tensor index, Tensor src, str reduce, *, bool include_self=True) -> Tensor",
  {
    meta: (_, { self, dim, index, src, reduce }) => {
      reduceName(reduce);
      checkScatter(self, dim, index, src);
      return shaped(self, self.shape);
    },
    kernel: ({ self, dim, index, src, reduce, include_self }) => {
      const name = reduceName(reduce);
      const reduction = REDUCTIONS[name];
      const first = filled(self.dtype, index.shape, neutral(reduction, self.dtype));
      const base = include_self ? self : scatterKernel(self, dim, index, first, "none");
      const result = scatterKernel(base, dim, index, src, reduction);
      return name === "mean" ? meanOf(result, self, dim, index, include_self) : result;
    },
    onnx: (b, { self, dim, index, src, reduce, include_self }) => {
      const name = reduceName(reduce);
      const reduction = REDUCTIONS[name];
      const { dtype, shape } = b.meta(self);
      const fill = (value: number | bigint, of: DType, size: readonly Dim[]): OnnxValue =>
        onnxExpand(b, b.scalar(value, of), size);
      const at = b.meta(index).shape;
      const base = include_self
        ? self
        : onnxScatter(b, self, dim, index, fill(neutral(reduction, dtype), dtype, at), "none");
      const result = onnxScatter(b, base, dim, index, src, reduction);
      if ((name === "amax" || name === "amin") && isFloat(dtype)) return withNaN(b, result, base, dim, index, src);
      if (name !== "mean") return result;
      const ones = fill(1, dtype, at);
      const counted = onnxScatter(b, fill(include_self ? 1 : 0, dtype, shape), dim, index, ones, "add");
      const count = include_self ? counted : emit(b, ORDERED, "Max", [counted, constantLike(b, counted, 1)]);
      // Means of integers are rounded down.
      const whole = isInt(dtype) ? emit(b, NUMBERS, "Sub", [result, emit(b, NUMBERS, "Mod", [result, count])]) : result;
      return emit(b, NUMBERS, "Div", [whole, count]);
    },
  },
);

/** Runtimes compare past NaN; PyTorch's extremes are NaN where one of the elements is. */
function withNaN(
  b: OnnxBuilder,
  result: OnnxValue,
  base: OnnxValue,
  dim: number,
  index: OnnxValue,
  src: OnnxValue,
): OnnxValue {
  const marks = [base, src].map((x) => {
    const wide = b.meta(x).dtype === "bfloat16" ? b.cast(x, "float32") : x;
    return b.cast(b.op("IsNaN", [wide]), "int32");
  });
  const isNaN = b.cast(onnxScatter(b, marks[0], dim, index, marks[1], "max"), "bool");
  return choose(b, isNaN, constantLike(b, result, NaN), result);
}

/** Sums divided by how many elements they are of; integers are rounded down. */
function meanOf(sums: Tensor, self: Tensor, dim: number, index: Tensor, includeSelf: boolean): Tensor {
  const counts = new Float64Array(self.numel).fill(includeSelf ? 1 : 0);
  if (index.numel > 0) eachTarget(self, normalizeDim(dim, self.shape.length), index, (at) => counts[at]++);
  const data = sums.data();
  const out = newData(sums.dtype, data.length);
  for (let i = 0; i < data.length; i++) {
    const mean = Number(data[i]) / Math.max(counts[i], 1);
    store(out, i, isInt(sums.dtype) ? Math.floor(mean) : mean);
  }
  return Tensor.of(sums.dtype, sums.shape, out);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.put_.html */
export const put = defineOp("aten::put(Tensor self, Tensor index, Tensor source, bool accumulate=False) -> Tensor", {
  complex: PARTS,
  meta: (_, { self, index, source }) => {
    requireIndex(index);
    if (source.dtype !== self.dtype) {
      throw new TypeError(`put takes a source of dtype ${self.dtype}, met ${source.dtype}`);
    }
    requireEqual("The numbers of elements of index and source", prod(index.shape), prod(source.shape));
    return shaped(self, self.shape);
  },
  kernel: ({ self, index, source, accumulate }) => {
    const flat = (x: Tensor): Tensor => x.reshape([x.numel]);
    return scatterKernel(flat(self), 0, flat(index), flat(source), accumulate ? "add" : "none").reshape(self.shape);
  },
  onnx: (b, { self, index, source, accumulate }) => {
    const flat = (x: OnnxValue): OnnxValue => b.reshape(x, [prod(b.meta(x).shape)]);
    return b.reshape(
      onnxScatter(b, flat(self), 0, flat(index), flat(source), accumulate ? "add" : "none"),
      b.meta(self).shape,
    );
  },
});
