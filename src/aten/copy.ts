/** The same elements in another tensor, dtype or place: clone, to, copy, fill and their kind. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import type { DType, Meta, Tensor } from "../tensor/mod.ts";
import { type Calls, defineOp, type MetaContext } from "./op.ts";
import { expand } from "./expand.ts";
import { refuse } from "./rules.ts";
import { checkFormat, hasFormat } from "./strides.ts";
import { shaped } from "./shapes.ts";

/** The rules of an operator whose result has the elements of `self`. */
const identity = {
  meta: (_: MetaContext, { self }: { readonly self: Meta }): Meta => shaped(self, self.shape),
  kernel: ({ self }: { readonly self: Tensor }): Tensor => self,
  complex: "native" as const,
  onnx: (_: OnnxBuilder, { self }: { readonly self: OnnxValue }): OnnxValue => self,
};

/** The view is the base: what was written to it is the base's new value. */
const identityView = {
  ...identity,
  inverse<T extends object>(_: Calls<T>, __: { readonly self: T }, updated: T): T {
    return updated;
  },
};

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.detach.html */
export const detach = defineOp("aten::detach(Tensor(a) self) -> Tensor(a)", identityView);
/** A view of all of a tensor. */
export const alias = defineOp("aten::alias(Tensor(a) self) -> Tensor(a)", identityView);
/** A tensor that was made of a Python literal enters the program. */
export const liftFresh = defineOp("aten::lift_fresh(Tensor(a) self) -> Tensor(a)", identityView);
/** A tensor constant of the program enters it as a copy. */
export const liftFreshCopy = defineOp("aten::lift_fresh_copy(Tensor self) -> Tensor", identity);
/** A tensor enters the program. */
export const lift = defineOp("aten::lift(Tensor self) -> Tensor", identityView);
/** A copy that is only made when it is written to. */
export const lazyClone = defineOp("aten::_lazy_clone(Tensor self) -> Tensor", identity);
/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.pin_memory.html: where elements lie makes no difference. */
export const pinMemory = defineOp("aten::pin_memory(Tensor(a) self, Device? device=None) -> Tensor(a)", identityView);
/** A copy in pinned memory. */
export const pinMemoryInner = defineOp("aten::_pin_memory(Tensor self, Device? device=None) -> Tensor", identity);
/** The functional form of `requires_grad_`: whether gradients are recorded makes no difference. */
export const requiresGrad = defineOp(
  "aten::requires_grad(Tensor(a) self, bool requires_grad=True) -> Tensor(a)",
  identityView,
);
/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.chalf.html */
export const chalf = defineOp("aten::chalf(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor", {
  decompose: (t, { self, memory_format }) => converted(t, self, { dtype: "complex32", memory_format }),
});
/** A copy outside of autograd. */
export const detachCopy = defineOp("aten::detach_copy(Tensor self) -> Tensor", identity);
/** A copy of all of a tensor. */
export const aliasCopy = defineOp("aten::alias_copy(Tensor self) -> Tensor", identity);
/** `x.data`: the elements outside of autograd. */
export const data = defineOp("aten::data(Tensor self) -> Tensor", identity);

interface FormatArg<T> {
  readonly self: T;
  readonly memory_format: string | null;
}

/** Memory formats differ in strides, which ONNX values don't have: only their names are checked. */
const formatted = {
  meta(_: MetaContext, { self, memory_format }: FormatArg<Meta>): Meta {
    checkFormat(memory_format);
    return shaped(self, self.shape);
  },
  kernel: ({ self }: FormatArg<Tensor>): Tensor => self,
  complex: "native" as const,
  onnx(_: OnnxBuilder, { self, memory_format }: FormatArg<OnnxValue>): OnnxValue {
    checkFormat(memory_format);
    return self;
  },
};

/** https://docs.pytorch.org/docs/stable/generated/torch.clone.html */
export const clone = defineOp("aten::clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor", formatted);

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.contiguous.html */
export const contiguous = defineOp(
  "aten::contiguous(Tensor(a) self, *, MemoryFormat memory_format=0) -> Tensor(a)",
  {
    ...formatted,
    inverse: (_, __, updated) => updated,
    aliases: (self, { memory_format }) => hasFormat(self, memory_format),
  },
);

/** The arguments that the conversions share; absent ones keep what the tensor has. */
interface ToArgs {
  readonly dtype?: DType | null;
  readonly layout?: string | null;
  readonly device?: string | null;
  readonly copy?: boolean;
  readonly memory_format: string | null;
}

/**
 * The tensor in another dtype. Devices, pinned memory and memory formats say where and how elements lie, which makes no
 * difference to values; the layout must be the dense one.
 */
function converted<T extends object>(t: Calls<T>, self: T, args: ToArgs): T {
  if (args.device === "meta") refuse("device", "meta", "a tensor there has no values");
  if (args.layout !== null && args.layout !== undefined && !/(^|\.)strided$/i.test(args.layout)) {
    refuse("layout", args.layout, "ONNX values are dense");
  }
  checkFormat(args.memory_format);
  return t.cast(self, args.dtype ?? t.meta(self).dtype);
}

/** Whether `to` gives the tensor itself, as it does when nothing changes. */
function isSame(self: Meta, args: ToArgs): boolean {
  const { device } = self as Meta & { readonly device?: string };
  const isThere = args.device === null || args.device === undefined || device === undefined ||
    args.device.split(":")[0] === device.split(":")[0];
  return (args.dtype ?? self.dtype) === self.dtype && isThere && args.copy !== true &&
    hasFormat(self, args.memory_format);
}

/** What was written to the view, in the dtype of its base, which is the view's. */
const writtenTo = {
  inverse<T extends object>(_: Calls<T>, __: { readonly self: T }, updated: T): T {
    return updated;
  },
};

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.to.html */
export const toDtype = defineOp(
  "aten::to.dtype(Tensor(a) self, ScalarType dtype, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)",
  {
    ...writtenTo,
    decompose: (t, { self, ...args }) => converted(t, self, args),
    aliases: (self, args) => isSame(self, args),
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.to.html */
export const toDtypeLayout = defineOp(
  "aten::to.dtype_layout(Tensor(a) self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)",
  {
    ...writtenTo,
    decompose: (t, { self, ...args }) => converted(t, self, args),
    aliases: (self, args) => isSame(self, args),
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.to.html */
export const toDevice = defineOp(
  "aten::to.device(Tensor(a) self, Device device, ScalarType dtype, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)",
  {
    ...writtenTo,
    decompose: (t, { self, ...args }) => converted(t, self, args),
    aliases: (self, args) => isSame(self, args),
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.to.html */
export const toOther = defineOp(
  "aten::to.other(Tensor(a) self, Tensor other, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)",
  {
    ...writtenTo,
    decompose: (t, { self, other, memory_format }) => converted(t, self, { dtype: t.meta(other).dtype, memory_format }),
    aliases: (self, { other, copy, memory_format }) => {
      const { device } = other as Meta & { readonly device?: string };
      return isSame(self, { dtype: other.dtype, device, copy, memory_format });
    },
  },
);

/** A copy in another dtype or place. */
export const toCopy = defineOp(
  "aten::_to_copy(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, bool non_blocking=False, MemoryFormat? memory_format=None) -> Tensor",
  { decompose: (t, { self, ...args }) => converted(t, self, args) },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.type_as.html */
export const typeAs = defineOp("aten::type_as(Tensor self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) => t.cast(self, t.meta(other).dtype),
  inverse: (_, __, updated) => updated,
  aliases: (self, { other }) => self.dtype === other.dtype,
});

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.copy_.html: the dtype and shape of `self`, the elements of `src`. */
export const copy = defineOp("aten::copy(Tensor self, Tensor src, bool non_blocking=False) -> Tensor", {
  decompose: (t, { self, src }) => {
    const { dtype, shape } = t.meta(self);
    return t.call(expand, t.cast(src, dtype), shape);
  },
});
