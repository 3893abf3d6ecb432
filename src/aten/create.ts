/**
 * Tensors made from sizes and numbers. ONNX has no devices, pinned memory or strides, so `device`, `pin_memory`, `stride`
 * and `memory_format` have nothing to say here; a sparse layout is refused. Uninitialized tensors are zeros: a program
 * that reads them before it writes them has no defined result.
 */
import { Complex, type Scalar } from "../fx/mod.ts";
import type { OnnxBuilder } from "../onnx/builder.ts";
import { onnxDType } from "../onnx/dtypes.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, isSym } from "../sym/mod.ts";
import { type DType, type Meta, newData, Tensor } from "../tensor/mod.ts";
import { filled } from "../tensor/loops.ts";
import { scalarDType } from "./bind.ts";
import { carrier, type Native, NUMBERS } from "./emit.ts";
import { expand } from "./expand.ts";
import { type Calls, defineOp } from "./op.ts";
import { PARTS, refuse } from "./rules.ts";

const EXPANDED: Native = [...NUMBERS, "bool"];

/** @throws {RangeError} for a sparse layout */
export function requireStrided(layout: string | null): void {
  if (layout !== null && layout !== "strided") refuse("layout", layout, "ONNX has dense tensors only");
}

interface Options {
  readonly dtype: DType | null;
  readonly layout: string | null;
}

/** What a creation operator fills in, and in which dtype and shape. */
interface Fill {
  readonly shape: readonly Dim[];
  readonly value: Scalar;
  readonly dtype: DType;
}

function metaOf({ dtype, shape }: Fill): Meta {
  return { dtype, shape };
}

function tensorOf({ shape, value, dtype }: Fill): Tensor {
  if (isSym(value) || value instanceof Complex) throw new TypeError(`A ${dtype} tensor can't be filled with ${value}`);
  return filled(dtype, shape as number[], value);
}

/** A filled ONNX value; `shapeOf` is a value of the same shape, whose size need not be put together. */
function emitFill(b: OnnxBuilder, { shape, value, dtype }: Fill, shapeOf: OnnxValue | null = null): OnnxValue {
  if (shape.length === 0) return b.scalar(value, dtype);
  const wide = carrier(b, dtype, EXPANDED, "Expand");
  const sizes = shapeOf ? b.op("Shape", [shapeOf]) : b.ints(shape);
  return b.cast(b.op("Expand", [b.scalar(value, wide), sizes]), dtype);
}

/** Rules of an operator that is given a shape. */
function filling<A>(fill: (args: A) => Fill) {
  return {
    complex: <T extends object>(t: Calls<T>, args: A): T => {
      const { shape, value, dtype } = fill(args);
      return t.full(shape, value, dtype);
    },
    meta: (_: unknown, args: A): Meta => metaOf(fill(args)),
    kernel: (args: A): Tensor => tensorOf(fill(args)),
    onnx: (b: OnnxBuilder, args: A): OnnxValue => emitFill(b, fill(args)),
  };
}

interface Sized extends Options {
  readonly size: readonly Dim[];
}

/** Of a size, with one value, in the default dtype. */
function sized(value: bigint) {
  return filling(({ size, dtype, layout }: Sized): Fill => {
    requireStrided(layout);
    return { shape: size, value, dtype: dtype ?? "float32" };
  });
}

/** https://docs.pytorch.org/docs/stable/generated/torch.zeros.html */
export const zeros = defineOp(
  "aten::zeros(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  sized(0n),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.ones.html */
export const ones = defineOp(
  "aten::ones(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  sized(1n),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.empty.html */
export const empty = defineOp(
  "aten::empty.memory_format(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
  { ...sized(0n), arbitrary: true },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.empty_strided.html */
export const emptyStrided = defineOp(
  "aten::empty_strided(SymInt[] size, SymInt[] stride, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  { ...sized(0n), arbitrary: true },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.empty_permuted.html: strides are of no consequence to values. */
export const emptyPermuted = defineOp(
  "aten::empty_permuted(SymInt[] size, int[] physical_layout, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  { ...sized(0n), arbitrary: true },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.full.html */
export const full = defineOp(
  "aten::full(SymInt[] size, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  filling(({ size, fill_value, dtype, layout }: Sized & { readonly fill_value: Scalar }): Fill => {
    requireStrided(layout);
    return { shape: size, value: fill_value, dtype: dtype ?? scalarDType(fill_value) };
  }),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.scalar_tensor.html */
export const scalarTensor = defineOp(
  "aten::scalar_tensor(Scalar s, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  filling(({ s, dtype, layout }: Options & { readonly s: Scalar }): Fill => {
    requireStrided(layout);
    return { shape: [], value: s, dtype: dtype ?? "float32" };
  }),
);

/** Rules of an operator that takes shape and dtype from a tensor; `fill` sees its meta as `self`. */
function fillingLike<A>(fill: (args: A, self: Meta) => Fill) {
  type On<T> = A & { readonly self: T };
  return {
    complex: <T extends object>(t: Calls<T>, args: On<T>): T => {
      const { shape, value, dtype } = fill(args, t.meta(args.self));
      return t.full(shape, value, dtype);
    },
    meta: (_: unknown, args: On<Meta>): Meta => metaOf(fill(args, args.self)),
    kernel: (args: On<Tensor>): Tensor => tensorOf(fill(args, args.self)),
    onnx: (b: OnnxBuilder, args: On<OnnxValue>): OnnxValue => {
      const self = b.meta(args.self);
      const given = fill(args, self);
      return emitFill(b, given, given.shape === self.shape ? args.self : null);
    },
  };
}

/** Of the shape of `self`, with one value. */
function like(value: bigint) {
  return fillingLike(({ dtype, layout }: Options, self): Fill => {
    requireStrided(layout);
    return { shape: self.shape, value, dtype: dtype ?? self.dtype };
  });
}

/** https://docs.pytorch.org/docs/stable/generated/torch.zeros_like.html */
export const zerosLike = defineOp(
  "aten::zeros_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
  like(0n),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.ones_like.html */
export const onesLike = defineOp(
  "aten::ones_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
  like(1n),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.empty_like.html */
export const emptyLike = defineOp(
  "aten::empty_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
  { ...like(0n), arbitrary: true },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.full_like.html */
export const fullLike = defineOp(
  "aten::full_like(Tensor self, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor",
  fillingLike(({ fill_value, dtype, layout }: Options & { readonly fill_value: Scalar }, self): Fill => {
    requireStrided(layout);
    return { shape: self.shape, value: fill_value, dtype: dtype ?? self.dtype };
  }),
);

/** The functional form of `zero_`. */
export const zero = defineOp(
  "aten::zero(Tensor self) -> Tensor",
  fillingLike((_: unknown, self): Fill => ({ shape: self.shape, value: 0n, dtype: self.dtype })),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.fill.html */
export const fill = defineOp(
  "aten::fill.Scalar(Tensor self, Scalar value) -> Tensor",
  fillingLike(({ value }: { readonly value: Scalar }, self): Fill => ({ shape: self.shape, value, dtype: self.dtype })),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.fill.html */
export const fillTensor = defineOp("aten::fill.Tensor(Tensor self, Tensor value) -> Tensor", {
  complex: (t, { self, value }) => {
    requireNumber(t.meta(value).shape);
    const { dtype, shape } = t.meta(self);
    return t.call(expand, t.cast(value, dtype), shape);
  },
  meta: (_, { self, value }) => {
    requireNumber(value.shape);
    return { dtype: self.dtype, shape: self.shape };
  },
  kernel: ({ self, value }) => {
    requireNumber(value.shape);
    return filled(self.dtype, self.shape, value.item());
  },
  onnx: (b, { self, value }) => {
    requireNumber(b.meta(value).shape);
    const { dtype, shape } = b.meta(self);
    const wide = carrier(b, dtype, EXPANDED, "Expand");
    const typed = b.cast(b.cast(value, dtype), wide);
    return shape.length === 0 ? b.cast(typed, dtype) : b.cast(b.op("Expand", [typed, b.op("Shape", [self])]), dtype);
  },
});

function requireNumber(shape: readonly Dim[]): void {
  if (shape.length !== 0) {
    throw new RangeError(`A tensor is filled with a 0-d value, met one of ${shape.length} dimensions`);
  }
}

/** Of a given size, in the dtype of `self` unless another is given. */
function newOf(value: bigint) {
  return fillingLike(({ size, dtype, layout }: Sized, self): Fill => {
    requireStrided(layout);
    return { shape: size, value, dtype: dtype ?? self.dtype };
  });
}

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.new_zeros.html */
export const newZeros = defineOp(
  "aten::new_zeros(Tensor self, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  newOf(0n),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.new_ones.html */
export const newOnes = defineOp(
  "aten::new_ones(Tensor self, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  newOf(1n),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.new_empty.html */
export const newEmpty = defineOp(
  "aten::new_empty(Tensor self, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  newOf(0n),
);

/** Of a given size; strides are of no consequence. */
export const newEmptyStrided = defineOp(
  "aten::new_empty_strided(Tensor self, SymInt[] size, SymInt[] stride, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  newOf(0n),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.new_full.html */
export const newFull = defineOp(
  "aten::new_full(Tensor self, SymInt[] size, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  fillingLike(({ size, fill_value, dtype, layout }: Sized & { readonly fill_value: Scalar }, self): Fill => {
    requireStrided(layout);
    return { shape: size, value: fill_value, dtype: dtype ?? self.dtype };
  }),
);

/** Dtypes that EyeLike has. */
const EYE: Native = ["float32", "float64", "int32", "int64", "uint64"];

/** The identity matrix. */
export function emitEye(b: OnnxBuilder, rows: Dim, columns: Dim, dtype: DType): OnnxValue {
  const wide = carrier(b, dtype, EYE, "EyeLike");
  // EyeLike only looks at the shape of its input.
  const like = b.op("Expand", [b.scalar(0, "float32"), b.ints([rows, columns])]);
  // onnxruntime makes no float16, though it converts it.
  const made = wide === "float16" ? "float32" : wide;
  return b.cast(b.op("EyeLike", [like], { dtype: onnxDType(made) }), dtype);
}

function eyeTensor(rows: number, columns: number, dtype: DType): Tensor {
  const data = newData(dtype, rows * columns);
  const one = typeof data[0] === "bigint" ? 1n : 1;
  for (let i = 0; i < Math.min(rows, columns); i++) (data as unknown as (number | bigint)[])[i * columns + i] = one;
  return Tensor.of(dtype, [rows, columns], data);
}

/** Rules of the identity matrix. */
function eyeRules<A extends Options>(sizes: (args: A) => readonly [Dim, Dim]) {
  const dtypeOf = ({ dtype, layout }: A): DType => {
    requireStrided(layout);
    return dtype ?? "float32";
  };
  return {
    complex: PARTS,
    meta: (_: unknown, args: A): Meta => ({ dtype: dtypeOf(args), shape: sizes(args) }),
    kernel: (args: A): Tensor => {
      const [n, m] = sizes(args) as [number, number];
      return eyeTensor(n, m, dtypeOf(args));
    },
    onnx: (b: OnnxBuilder, args: A): OnnxValue => emitEye(b, ...sizes(args), dtypeOf(args)),
  };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.eye.html */
export const eye = defineOp(
  "aten::eye(SymInt n, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  eyeRules(({ n }: Options & { readonly n: Dim }) => [n, n]),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.eye.html */
export const eyeOf = defineOp(
  "aten::eye.m(SymInt n, SymInt m, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  eyeRules(({ n, m }: Options & { readonly n: Dim; readonly m: Dim }) => [n, m]),
);
