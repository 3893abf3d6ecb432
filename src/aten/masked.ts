/** What depends on which elements are chosen: nonzero, masked_select, masked_scatter, repeat_interleave by a tensor. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { prod } from "../sym/mod.ts";
import { broadcastShapes, elementCount, isComplex, type Meta, newData, normalizeDim, Tensor } from "../tensor/mod.ts";
import { convert, expandTo } from "../tensor/loops.ts";
import { choose } from "./emit.ts";
import { expand, onnxExpand } from "./expand.ts";
import { indexSelect } from "./gather.ts";
import { maskIndices } from "./index_layout.ts";
import { onnxNonZero, onnxRepeat } from "./move.ts";
import { defineOp, type MetaContext } from "./op.ts";
import { PARTS, requireShape } from "./rules.ts";
import { shaped } from "./shapes.ts";
import { reshape } from "./view.ts";
import { unbind } from "./split.ts";

interface SelfArg<T> {
  readonly self: T;
}

const nonzeros = {
  meta: (ctx: MetaContext, { self }: SelfArg<Meta>): Meta => ({
    dtype: "int64",
    shape: [ctx.freshSymbol("nonzero"), self.shape.length],
  }),
  kernel({ self }: SelfArg<Tensor>): Tensor {
    const found = maskIndices(convert(self, "bool").reshape(self.shape.length === 0 ? [1] : self.shape));
    const [count, rank] = [found[0].numel, self.shape.length];
    const columns = found.map((list) => list.data() as BigInt64Array);
    const out = newData("int64", count * rank) as BigInt64Array;
    for (let i = 0; i < count * rank; i++) out[i] = columns[i % rank][Math.floor(i / rank)];
    return Tensor.of("int64", [count, rank], out);
  },
  complex: "native" as const,
  onnx(b: OnnxBuilder, { self }: SelfArg<OnnxValue>): OnnxValue {
    const { dtype, shape } = b.meta(self);
    const x = isComplex(dtype) ? b.cast(self, "bool") : self;
    if (shape.length > 0) return b.transpose(onnxNonZero(b, x), [1, 0]);
    // A tensor without dimensions has coordinates of no numbers.
    const found = b.transpose(onnxNonZero(b, b.reshape(x, [1])), [1, 0]);
    return b.op("Slice", [found, b.ints([0]), b.ints([0]), b.ints([1])]);
  },
};

/** https://docs.pytorch.org/docs/stable/generated/torch.nonzero.html */
export const nonzero = defineOp("aten::nonzero(Tensor self) -> Tensor", nonzeros);

/** https://docs.pytorch.org/docs/stable/generated/torch.argwhere.html */
export const argwhere = defineOp("aten::argwhere(Tensor self) -> Tensor", nonzeros);

/** https://docs.pytorch.org/docs/stable/generated/torch.nonzero.html with `as_tuple=True` */
export const nonzeroNumpy = defineOp("aten::nonzero_numpy(Tensor self) -> Tensor[]", {
  decompose: (t, { self }) => {
    const x = t.meta(self).shape.length === 0 ? t.call(reshape, self, [1]) : self;
    return t.call(unbind, t.call(nonzero, x), 1);
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.where.html with a condition only */
export const whereCondition = defineOp("aten::where(Tensor condition) -> Tensor[]", {
  decompose: (t, { condition }) => t.call(nonzeroNumpy, condition),
});

/** The first `size` coordinates; where there are fewer, the rest is filled. */
export const nonzeroStatic = defineOp(
  "aten::nonzero_static(Tensor self, *, SymInt size, int fill_value=-1) -> Tensor",
  {
    meta: (_, { self, size }): Meta => ({ dtype: "int64", shape: [size, self.shape.length] }),
    kernel: ({ self, size, fill_value }) => {
      const found = nonzeros.kernel({ self });
      const out = newData("int64", (size as number) * self.shape.length) as BigInt64Array;
      out.fill(BigInt(fill_value));
      out.set((found.data() as BigInt64Array).subarray(0, out.length));
      return Tensor.of("int64", [size as number, self.shape.length], out);
    },
    complex: "native",
    onnx: (b, { self, size, fill_value }) => {
      const rest = onnxExpand(b, b.scalar(BigInt(fill_value), "int64"), [size, b.meta(self).shape.length]);
      const all = b.op("Concat", [nonzeros.onnx(b, { self }), rest], { axis: 0 });
      const result = b.op("Slice", [all, b.ints([0]), b.ints([size]), b.ints([0])]);
      result.meta = { dtype: "int64", shape: [size, b.meta(self).shape.length] };
      return result;
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.masked_select.html */
export const maskedSelect = defineOp("aten::masked_select(Tensor self, Tensor mask) -> Tensor", {
  meta: (ctx, { self, mask }) => {
    requireMask(mask);
    broadcastShapes(self.shape, mask.shape);
    return shaped(self, [ctx.freshSymbol("masked_select")]);
  },
  kernel: ({ self, mask }) => {
    requireMask(mask);
    const shape = broadcastShapes(self.shape, mask.shape) as number[];
    return chosen(expandTo(self, shape), expandTo(mask, shape));
  },
  complex: PARTS,
  onnx: (b, { self, mask }) => {
    requireMask(b.meta(mask));
    const shape = broadcastShapes(b.meta(self).shape, b.meta(mask).shape);
    const flatMask = b.reshape(onnxExpand(b, b.cast(mask, "bool"), shape), [prod(shape)]);
    const x = onnxExpand(b, self, shape);
    // Without an axis, Compress flattens by itself.
    return onnxRepeat(b, "Compress", shape.length === 0 ? b.reshape(x, [1]) : x, flatMask);
  },
});

function requireMask({ dtype }: Meta): void {
  if (dtype !== "bool" && dtype !== "uint8") throw new TypeError(`A mask must be bool, met ${dtype}`);
}

/** The elements where the mask is set, in order. */
function chosen(x: Tensor, mask: Tensor): Tensor {
  const [data, isSet] = [x.data(), mask.data()];
  const parts = isComplex(x.dtype) ? 2 : 1;
  const places = Array.from(isSet as ArrayLike<number>).flatMap((set, i) => set ? [i] : []);
  const out = newData(x.dtype, places.length * parts);
  for (const [to, from] of places.entries()) {
    for (let k = 0; k < parts; k++) out[to * parts + k] = data[from * parts + k];
  }
  return Tensor.of(x.dtype, [places.length], out);
}

function checkMasked(self: Meta, mask: Meta, source: Meta): void {
  requireMask(mask);
  if (source.dtype !== self.dtype) {
    throw new TypeError(`masked_scatter takes a source of dtype ${self.dtype}, met ${source.dtype}`);
  }
}

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.masked_scatter_.html */
export const maskedScatter = defineOp("aten::masked_scatter(Tensor self, Tensor mask, Tensor source) -> Tensor", {
  meta: (_, { self, mask, source }) => {
    checkMasked(self, mask, source);
    return shaped(self, broadcastShapes(self.shape, mask.shape));
  },
  kernel: ({ self, mask, source }) => {
    checkMasked(self, mask, source);
    const shape = broadcastShapes(self.shape, mask.shape) as number[];
    const out = expandTo(self, shape).data().slice();
    const [isSet, values] = [expandTo(mask, shape).data(), source.data()];
    const parts = isComplex(self.dtype) ? 2 : 1;
    let from = 0;
    for (let i = 0; i < elementCount(shape); i++) {
      if (!isSet[i]) continue;
      if (from >= source.numel) {
        throw new RangeError("masked_scatter takes a source of as many elements as the mask chooses");
      }
      for (let k = 0; k < parts; k++) out[i * parts + k] = values[from * parts + k];
      from++;
    }
    return Tensor.of(self.dtype, shape, out);
  },
  complex: PARTS,
  onnx: (b, { self, mask, source }) => {
    checkMasked(b.meta(self), b.meta(mask), b.meta(source));
    const shape = broadcastShapes(b.meta(self).shape, b.meta(mask).shape);
    const count = prod(b.meta(source).shape);
    if (count === 0) return onnxExpand(b, self, shape);
    // The n-th chosen place takes the n-th element; places that are not chosen take any.
    const condition = b.cast(mask, "bool");
    const flat = b.reshape(onnxExpand(b, condition, shape), [prod(shape)]);
    const order = b.op("Sub", [b.op("CumSum", [b.cast(flat, "int64"), b.dim(0)]), b.dim(1)]);
    const taken = b.op("Gather", [b.reshape(source, [count]), order], { axis: 0 });
    return choose(b, condition, b.reshape(taken, shape), self);
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.repeat_interleave.html: each index as often as it is to be repeated. */
export const repeatIndices = defineOp(
  "aten::repeat_interleave.Tensor(Tensor repeats, *, SymInt? output_size=None) -> Tensor",
  {
    meta: (ctx, { repeats, output_size }) => {
      if (repeats.shape.length !== 1) throw new RangeError("repeat_interleave takes a list of repeats");
      return { dtype: repeats.dtype, shape: [output_size ?? ctx.freshSymbol("repeat_interleave")] };
    },
    kernel: ({ repeats, output_size }) => {
      const counts = Array.from(repeats.data() as ArrayLike<number | bigint>, Number);
      if (counts.some((n) => n < 0)) throw new RangeError("Repeats must not be negative");
      const list = counts.flatMap((n, i) => new Array<number>(n).fill(i));
      if (output_size !== null && output_size !== list.length) {
        throw new RangeError(`Repeats add up to ${list.length}, not to output_size=${output_size}`);
      }
      return convert(Tensor.of("int64", [list.length], list.map(BigInt)), repeats.dtype);
    },
    onnx: (b, { repeats, output_size }) => {
      const { dtype, shape } = b.meta(repeats);
      const ends = b.op("CumSum", [b.cast(repeats, "int64"), b.dim(0)]);
      const total = output_size === null
        ? b.op("ReduceSum", [b.cast(repeats, "int64"), b.ints([0])], { keepdims: 1 })
        : b.ints([output_size]);
      // One mark where each index ends: how many lie at or before a place is the index there.
      const room = b.op("ConstantOfShape", [b.op("Add", [total, b.ints([1])])], {
        value: Tensor.of("int64", [1], [0n]),
      });
      const ones = onnxExpand(b, b.scalar(1n, "int64"), shape);
      const marks = b.op("ScatterElements", [room, ends, ones], { axis: 0, reduction: "add" });
      const counted = b.op("CumSum", [marks, b.dim(0)]);
      const list = b.op("Slice", [counted, b.ints([0]), total, b.ints([0])]);
      if (output_size !== null) list.meta = { dtype: "int64", shape: [output_size] };
      return b.cast(list, dtype);
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.repeat_interleave.html */
export const repeatInterleaveTensor = defineOp(
  "aten::repeat_interleave.self_Tensor(Tensor self, Tensor repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor",
  {
    decompose: (t, { self, repeats, dim, output_size }) => {
      const x = dim === null ? t.call(reshape, self, [-1]) : self;
      const { shape } = t.meta(x);
      const d = normalizeDim(dim ?? 0, shape.length);
      const size = shape[d];
      const given = t.meta(repeats).shape;
      const isOne = given.length === 0 || (given.length === 1 && given[0] === 1);
      if (!isOne) requireShape("repeats", t.meta(repeats), [size]);
      const all = isOne ? t.call(expand, repeats, [size]) : repeats;
      return t.call(indexSelect, x, d, t.call(repeatIndices, all, output_size));
    },
  },
);
