/** Views by explicit strides: unfold's windows and as_strided. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { add, type Dim, floorDiv, isSym, le, mul, prod, sub, sum } from "../sym/mod.ts";
import { elementCount, isContiguous, type Meta, normalizeDim, Tensor } from "../tensor/mod.ts";
import { indices } from "../tensor/loops.ts";
import { type Calls, defineOp, type MetaContext } from "./op.ts";
import { PARTS, refuse } from "./rules.ts";
import { shaped, withSize } from "./shapes.ts";
import { select, slice, sliceScatter, written } from "./slice.ts";
import { movedimInt } from "./permute.ts";
import { checkFormat } from "./strides.ts";
import { view } from "./view.ts";

/** Index tensors up to this size are constants of the model; larger ones are computed when it runs. */
const MAX_CONSTANT = 4096;

interface UnfoldArgs<T> {
  readonly self: T;
  readonly dimension: number;
  readonly size: number;
  readonly step: number;
}

function windows(shape: readonly Dim[], { dimension, size, step }: Omit<UnfoldArgs<unknown>, "self">): [number, Dim] {
  const d = normalizeDim(dimension, shape.length);
  const length = shape.length === 0 ? 1 : shape[d];
  if (size < 0 || (!isSym(length) && size > length)) {
    throw new RangeError(`Cannot take windows of ${size} elements of a dimension of ${length}`);
  }
  if (step <= 0) throw new RangeError(`Windows must be a positive step apart, met ${step}`);
  return [d, add(floorDiv(sub(length, size), step), 1)];
}

const unfolding = {
  meta(_: MetaContext, { self, ...args }: UnfoldArgs<Meta>): Meta {
    const [d, count] = windows(self.shape, args);
    return shaped(self, self.shape.length === 0 ? [args.size] : [...withSize(self.shape, d, count), args.size]);
  },
  kernel({ self, ...args }: UnfoldArgs<Tensor>): Tensor {
    const [d, count] = windows(self.shape, args);
    if (self.shape.length === 0) return new Tensor(self.dtype, [args.size], self.storage, [1], self.offset);
    const shape = [...self.shape.map((n, i) => i === d ? count as number : n), args.size];
    const strides = [...self.strides.map((s, i) => i === d ? s * args.step : s), self.strides[d]];
    return new Tensor(self.dtype, shape, self.storage, strides, self.offset);
  },
  complex: PARTS,
  /** Each window's indices gather a dim of windows and a dim within them, which moves to the end. */
  onnx(b: OnnxBuilder, { self, ...args }: UnfoldArgs<OnnxValue>): OnnxValue {
    const { shape } = b.meta(self);
    const [d, count] = windows(shape, args);
    const { size, step } = args;
    if (shape.length === 0) return onnxFirst(b, b.reshape(self, [1]), size);
    const at = flatIndices(b, [count, size], [step, 1], 0);
    const gathered = b.op("Gather", [self, at], { axis: d });
    const order = [...shape.keys(), shape.length].filter((i) => i !== d + 1);
    return b.transpose(gathered, [...order, d + 1]);
  },
};

/** The first `size` elements of a list. */
function onnxFirst(b: OnnxBuilder, list: OnnxValue, size: number): OnnxValue {
  return size === 1 ? list : b.op("Slice", [list, b.ints([0]), b.ints([size]), b.ints([0])]);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.unfold.html */
export const unfold = defineOp("aten::unfold(Tensor(a) self, int dimension, int size, int step) -> Tensor(a)", {
  ...unfolding,
  inverse<T extends object>(t: Calls<T>, { self, ...args }: UnfoldArgs<T>, updated: T): T {
    const { shape } = t.meta(self);
    const [d, count] = windows(shape, args);
    if (isSym(count) || shape.length === 0) refuse("step", args.step, "a write through a varying number of windows");
    if (args.step < args.size) refuse("step", args.step, "a write through windows that overlap");
    let whole = self;
    for (let i = 0; i < count; i++) {
      const window = t.call(movedimInt, t.call(select, updated, d, i), -1, d);
      whole = t.call(sliceScatter, whole, window, d, i * args.step, i * args.step + args.size);
    }
    return whole;
  },
});

/** A copy of windows. */
export const unfoldCopy = defineOp(
  "aten::unfold_copy(Tensor self, int dimension, int size, int step) -> Tensor",
  unfolding,
);

/** `offset + Σ index[d] · strides[d]` for each index of a shape. */
function flatIndices(b: OnnxBuilder, size: readonly Dim[], strides: readonly Dim[], offset: Dim): OnnxValue {
  const isStatic = ![...size, ...strides, offset].some(isSym);
  const shape = size as number[];
  if (isStatic && elementCount(shape) <= MAX_CONSTANT) {
    const values = new BigInt64Array(elementCount(shape));
    let i = 0;
    for (const index of indices(shape)) {
      values[i++] = BigInt(index.reduce((at, k, d) => at + k * (strides[d] as number), offset as number));
    }
    return b.constant(Tensor.of("int64", shape, values));
  }
  let result: OnnxValue | null = null;
  for (const [d, stride] of strides.entries()) {
    if (stride === 0 || size[d] === 1) continue;
    const first = result === null ? offset : 0;
    const steps = b.op("Range", [b.dim(first), b.dim(add(first, mul(size[d], stride))), b.dim(stride)]);
    const placed = b.unsqueeze(steps, ...Array.from({ length: size.length - d - 1 }, (_, i) => i + 1));
    result = result === null ? placed : b.op("Add", [result, placed]);
  }
  const at = result ?? b.dim(offset);
  return b.op("Expand", [at, b.ints(size.map((n, d) => result !== null && strides[d] !== 0 ? 1 : n))]);
}

interface StridedArgs<T> {
  readonly self: T;
  readonly size: readonly Dim[];
  readonly stride: readonly Dim[];
  readonly storage_offset: Dim | null;
}

/**
 * Strides count in the storage. What is known of a tensor is its elements, so it must be its storage: contiguous, and at
 * its start; and no element may lie outside.
 *
 * @returns the offset of the first element
 */
function checkStrided(self: Meta, { size, stride, storage_offset }: Omit<StridedArgs<unknown>, "self">): Dim {
  const { storageOffset } = self as Meta & { readonly storageOffset?: Dim };
  if (!isContiguous(self) || (storageOffset !== undefined && storageOffset !== 0)) {
    refuse("stride", `[${stride.join(", ")}]`, "the tensor is itself a strided view, whose storage is not known");
  }
  if (size.length !== stride.length) throw new RangeError("as_strided takes as many sizes as strides");
  const offset = storage_offset ?? 0;
  if (size.includes(0)) return offset;
  const last = sum([offset, ...size.map((n, d) => mul(sub(n, 1), stride[d]))]);
  const count = prod(self.shape);
  if (!isSym(last) && !isSym(count) && last >= count) {
    refuse("size", `[${size.join(", ")}]`, `the view reaches to element ${last} of a tensor of ${count}`);
  }
  return offset;
}

const striding = {
  meta(_: MetaContext, { self, ...args }: StridedArgs<Meta>): Meta {
    checkStrided(self, args);
    return shaped(self, args.size);
  },
  kernel({ self, ...args }: StridedArgs<Tensor>): Tensor {
    const x = self.contiguous();
    return stridedView(x, args, checkStrided(x, args));
  },
  complex: PARTS,
  onnx(b: OnnxBuilder, { self, ...args }: StridedArgs<OnnxValue>): OnnxValue {
    const meta = b.meta(self);
    const offset = checkStrided(meta, args);
    const at = flatIndices(b, args.size, args.stride, offset);
    const result = b.op("Gather", [b.reshape(self, [prod(meta.shape)]), at], { axis: 0 });
    result.meta = shaped(meta, args.size);
    return result;
  },
};

function stridedView(x: Tensor, { size, stride }: Omit<StridedArgs<Tensor>, "self">, offset: Dim): Tensor {
  return new Tensor(x.dtype, size as number[], x.storage, stride as number[], offset as number);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.as_strided.html */
export const asStrided = defineOp(
  "aten::as_strided(Tensor(a) self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor(a)",
  {
    ...striding,
    inverse<T extends object>(t: Calls<T>, { self, size, stride, storage_offset }: StridedArgs<T>, updated: T): T {
      return t.call(asStridedScatter, self, updated, size, stride, storage_offset);
    },
  },
);

/** A copy by strides. */
export const asStridedCopy = defineOp(
  "aten::as_strided_copy(Tensor self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor",
  striding,
);

/** https://docs.pytorch.org/docs/stable/generated/torch.as_strided_scatter.html */
export const asStridedScatter = defineOp(
  "aten::as_strided_scatter(Tensor self, Tensor src, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor",
  {
    meta: (_, { self, src: __, ...args }) => {
      checkStrided(self, args);
      return shaped(self, self.shape);
    },
    kernel: ({ self, src, ...args }) => written(self, src, (x) => stridedView(x, args, checkStrided(x, args))),
    complex: PARTS,
    onnx: (b, { self, src, ...args }) => {
      const meta = b.meta(self);
      const offset = checkStrided(meta, args);
      const count = prod(args.size);
      const at = b.reshape(flatIndices(b, args.size, args.stride, offset), [count]);
      const flat = b.reshape(self, [prod(meta.shape)]);
      return b.reshape(b.op("ScatterElements", [flat, at, b.reshape(src, [count])], { axis: 0 }), meta.shape);
    },
  },
);

/** Where the elements of a smaller shape end. @throws {RangeError} where there may be more than there were */
function shrunk(self: Meta, size: readonly Dim[]): Dim {
  const [have, want] = [prod(self.shape), prod(size)];
  if (le(want, have) !== true) {
    refuse("size", `[${size.join(", ")}]`, `a tensor of ${have} elements would grow, and what is added has no values`);
  }
  return want;
}

function firstElements<T extends object>(t: Calls<T>, self: T, size: readonly Dim[]): T {
  const end = shrunk(t.meta(self), size);
  return t.call(view, t.call(slice, t.call(view, self, [-1]), 0, 0, end), size);
}

function writtenFirst<T extends object>(t: Calls<T>, self: T, updated: T): T {
  const { shape } = t.meta(self);
  const end = prod(t.meta(updated).shape);
  return t.call(view, t.call(sliceScatter, t.call(view, self, [-1]), t.call(view, updated, [-1]), 0, 0, end), shape);
}

/** The elements are taken in the order of the storage, which strides may make another than that of the tensor. */
function requireOrder(self: Meta): true {
  return isContiguous(self) ||
    refuse("self", "a tensor whose elements lie in another order", "call contiguous() first");
}

/** The functional form of `resize_`, whose result shares memory: the first elements in another shape. */
export const resize = defineOp(
  "aten::resize(Tensor self, SymInt[] size, *, MemoryFormat? memory_format=None) -> Tensor",
  {
    decompose: (t, { self, size, memory_format }) => {
      checkFormat(memory_format);
      return firstElements(t, self, size);
    },
    inverse: (t, { self }, updated) => writtenFirst(t, self, updated),
    aliases: requireOrder,
  },
);

/** The functional form of `resize_as_`. */
export const resizeAs = defineOp(
  "aten::resize_as(Tensor self, Tensor the_template, *, MemoryFormat? memory_format=None) -> Tensor",
  {
    decompose: (t, { self, the_template, memory_format }) => {
      checkFormat(memory_format);
      return firstElements(t, self, t.meta(the_template).shape);
    },
    inverse: (t, { self }, updated) => writtenFirst(t, self, updated),
    aliases: requireOrder,
  },
);
