/** Views by explicit strides, and the first elements of a tensor in another shape. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { add, type Dim, isSym, le, mul, prod, sub, sum } from "../sym/mod.ts";
import { elementCount, isContiguous, type Meta, Tensor } from "../tensor/mod.ts";
import { indices } from "../tensor/loops.ts";
import { type Calls, defineOp, type MetaContext } from "./op.ts";
import { PARTS, partsAnd, refuse } from "./rules.ts";
import { shaped } from "./shapes.ts";
import { slice, sliceScatter, written } from "./slice.ts";
import { checkFormat } from "./strides.ts";
import { view } from "./view.ts";

/** Index tensors up to this size are constants of the model; larger ones are computed when it runs. */
const MAX_CONSTANT = 4096;

/** `offset + Σ index[d] · strides[d]` for each index of a shape. */
export function flatIndices(b: OnnxBuilder, size: readonly Dim[], strides: readonly Dim[], offset: Dim): OnnxValue {
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
    complex: partsAnd("src"),
    onnx: (b, { self, src: given, ...args }) => {
      const meta = b.meta(self);
      const src = b.cast(given, meta.dtype);
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
