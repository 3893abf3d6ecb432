/**
 * Complex tensors made of real ones, and taken apart. In ONNX a complex value is a pair of real ones (see
 * `onnx/complex.ts`), so that most of this is no work. Conjugation and negation that PyTorch only notes on a view are done
 * at once here.
 */
import { ComplexValue } from "../onnx/complex.ts";
import {
  broadcastShapes,
  isComplex,
  isFloat,
  type Meta,
  ofPairs,
  pairsOf,
  partOf,
  toComplex,
  toReal,
} from "../tensor/mod.ts";
import { eq, isSym } from "../sym/mod.ts";
import { mapComplex, mapComplexes } from "../tensor/complex_loops.ts";
import * as complexMath from "../tensor/complex_math.ts";
import type { Tensor } from "../tensor/mod.ts";
import { polarForm } from "./complex_forms.ts";
import { expand } from "./expand.ts";
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Calls, defineOp, type MetaContext } from "./op.ts";
import { like, requireFloat, sameAsSelf } from "./rules.ts";
import { neg } from "./unary.ts";

interface Self<T> {
  readonly self: T;
}

function requireComplex({ dtype }: Meta, what: string): void {
  if (!isComplex(dtype)) throw new TypeError(`${what} takes a complex tensor, met ${dtype}`);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.complex.html */
export const complex = defineOp("aten::complex(Tensor real, Tensor imag) -> Tensor", {
  meta: (_, { real, imag }) => {
    requireFloat(real.dtype, "The real part");
    if (real.dtype !== imag.dtype) {
      throw new TypeError(`complex takes parts of one dtype, met ${real.dtype} and ${imag.dtype}`);
    }
    return { dtype: toComplex(real.dtype), shape: broadcastShapes(real.shape, imag.shape) };
  },
  decompose: (t, { real, imag }) => {
    const shape = broadcastShapes(t.meta(real).shape, t.meta(imag).shape);
    return t.join(t.call(expand, real, shape), t.call(expand, imag, shape));
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.polar.html */
export const polar = defineOp("aten::polar(Tensor abs, Tensor angle) -> Tensor", {
  meta: (_, { abs, angle }) => {
    requireFloat(abs.dtype, "The absolute value");
    return { dtype: toComplex(abs.dtype), shape: broadcastShapes(abs.shape, angle.shape) };
  },
  kernel: ({ abs, angle }) =>
    mapComplexes([abs, angle], toComplex(abs.dtype), ([r], [phi]) => complexMath.polar(r, phi)),
  decompose: (t, args) => polarForm(t, args),
});

const asReal = {
  meta: (_: MetaContext, { self }: Self<Meta>): Meta => {
    requireComplex(self, "view_as_real");
    return { dtype: toReal(self.dtype), shape: [...self.shape, 2] };
  },
  kernel: ({ self }: Self<Tensor>): Tensor => pairsOf(self),
  complex: "native" as const,
  onnx: (b: OnnxBuilder, { self }: Self<OnnxValue>): OnnxValue => b.packed(self),
};

const asComplex = {
  meta: (_: MetaContext, { self }: Self<Meta>): Meta => {
    requireFloat(self.dtype, "The parts of a complex tensor");
    if (self.shape.length === 0 || eq(self.shape.at(-1)!, 2) === false) {
      throw new RangeError(`view_as_complex takes a tensor whose last size is 2, met [${self.shape.join(", ")}]`);
    }
    return { dtype: toComplex(self.dtype), shape: self.shape.slice(0, -1) };
  },
  kernel: ({ self }: Self<Tensor>): Tensor => ofPairs(self),
  onnx: (b: OnnxBuilder, { self }: Self<OnnxValue>): OnnxValue => {
    const { shape } = b.meta(self);
    // A last size that is not recorded as a number is 2 all the same.
    return ComplexValue.packed(isSym(shape.at(-1)!) ? b.reshape(self, [...shape.slice(0, -1), 2]) : self);
  },
};

function fromPairs<T extends object>(t: Calls<T>, _: Self<T>, updated: T): T {
  return t.call(viewAsComplex, updated);
}

function toPairs<T extends object>(t: Calls<T>, _: Self<T>, updated: T): T {
  return t.call(viewAsReal, updated);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.view_as_real.html */
export const viewAsReal = defineOp("aten::view_as_real(Tensor(a) self) -> Tensor(a)", {
  ...asReal,
  inverse: fromPairs,
});

/** https://docs.pytorch.org/docs/stable/generated/torch.view_as_complex.html */
export const viewAsComplex = defineOp("aten::view_as_complex(Tensor(a) self) -> Tensor(a)", {
  ...asComplex,
  inverse: toPairs,
});

/** https://docs.pytorch.org/docs/stable/generated/torch.view_as_real_copy.html */
export const viewAsRealCopy = defineOp("aten::view_as_real_copy(Tensor self) -> Tensor", asReal);

/** https://docs.pytorch.org/docs/stable/generated/torch.view_as_complex_copy.html */
export const viewAsComplexCopy = defineOp("aten::view_as_complex_copy(Tensor self) -> Tensor", asComplex);

/** https://docs.pytorch.org/docs/stable/generated/torch.real.html: a real tensor is its own real part. */
export const real = defineOp("aten::real(Tensor(a) self) -> Tensor(a)", {
  meta: (_, { self }) => like(self, toReal(self.dtype)),
  kernel: ({ self }) => isComplex(self.dtype) ? partOf(self, 0) : self,
  complex: "native",
  onnx: (b, { self }) => b.real(self),
  inverse: (t, { self }, updated) =>
    isComplex(t.meta(self).dtype) ? t.call(complex, updated, t.call(imag, self)) : updated,
});

function withImaginary<T extends object>(t: Calls<T>, { self }: Self<T>, updated: T): T {
  return t.call(complex, t.call(real, self), updated);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.imag.html */
export const imag = defineOp("aten::imag(Tensor(a) self) -> Tensor(a)", {
  meta: (_, { self }) => {
    requireComplex(self, "imag");
    return like(self, toReal(self.dtype));
  },
  kernel: ({ self }) => partOf(self, 1),
  complex: (t, { self }) => {
    const [re, im] = t.parts(self);
    return im ?? t.full(t.meta(re).shape, 0, t.meta(re).dtype);
  },
  inverse: withImaginary,
});

/** The conjugate; of real numbers, the same. */
const conjugating = {
  meta: sameAsSelf,
  kernel: ({ self }: Self<Tensor>): Tensor =>
    isComplex(self.dtype) ? mapComplex(self, self.dtype, complexMath.conj) : self,
  complex: {
    elementwise: <T extends object>(t: Calls<T>, { self }: Self<T>): T => {
      const [re, im] = t.parts(self);
      return t.join(re, im && t.call(neg, im));
    },
  },
  onnx: (_: OnnxBuilder, { self }: Self<OnnxValue>): OnnxValue => self,
};

/** What was written to a conjugated view is conjugated back. */
const conjugatedBack = {
  inverse<T extends object>(t: Calls<T>, _: Self<T>, updated: T): T {
    return t.call(conjPhysical, updated);
  },
};

/** https://docs.pytorch.org/docs/stable/generated/torch.conj_physical.html */
export const conjPhysical = defineOp("aten::conj_physical(Tensor self) -> Tensor", {
  ...conjugating,
  ...conjugatedBack,
  // Real numbers are not copied.
  aliases: (self) => !isComplex(self.dtype),
});
/** The same under the name that has no shortcut for real numbers. */
export const conjPhysicalImpl = defineOp("aten::_conj_physical(Tensor self) -> Tensor", conjugating);
/** https://docs.pytorch.org/docs/stable/generated/torch.conj.html */
export const conj = defineOp("aten::conj(Tensor(a) self) -> Tensor(a)", { ...conjugating, ...conjugatedBack });
/** The view that `conj` gives of a complex tensor. */
export const conjView = defineOp("aten::_conj(Tensor(a) self) -> Tensor(a)", { ...conjugating, ...conjugatedBack });
/** https://docs.pytorch.org/docs/stable/generated/torch.conj.html */
export const conjCopy = defineOp("aten::_conj_copy(Tensor self) -> Tensor", conjugating);

/** The tensor with what was only noted on it done: that is the case already. */
const resolved = {
  meta: sameAsSelf,
  kernel: ({ self }: Self<Tensor>): Tensor => self,
  complex: "native" as const,
  onnx: (_: OnnxBuilder, { self }: Self<OnnxValue>): OnnxValue => self,
  inverse<T extends object>(_: Calls<T>, __: Self<T>, updated: T): T {
    return updated;
  },
};

/** https://docs.pytorch.org/docs/stable/generated/torch.resolve_conj.html */
export const resolveConj = defineOp("aten::resolve_conj(Tensor(a) self) -> Tensor(a)", resolved);
/** https://docs.pytorch.org/docs/stable/generated/torch.resolve_neg.html */
export const resolveNeg = defineOp("aten::resolve_neg(Tensor(a) self) -> Tensor(a)", resolved);

/** The negative, as a view: the imaginary part of a conjugated one is given so. */
export const negView = defineOp("aten::_neg_view(Tensor(a) self) -> Tensor(a)", {
  decompose: (t, { self }) => t.call(neg, self),
  inverse: (t, _, updated) => t.call(neg, updated),
});
/** The same as a copy. */
export const negViewCopy = defineOp("aten::_neg_view_copy(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(neg, self),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.is_complex.html */
export const isComplexOp = defineOp("aten::is_complex(Tensor self) -> bool", {
  meta: (_, { self }) => isComplex(self.dtype),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.is_floating_point.html */
export const isFloatingPoint = defineOp("aten::is_floating_point(Tensor self) -> bool", {
  meta: (_, { self }) => isFloat(self.dtype),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.is_conj.html: no tensor is conjugated on paper only. */
export const isConj = defineOp("aten::is_conj(Tensor self) -> bool", { meta: () => false });

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.is_neg.html */
export const isNeg = defineOp("aten::is_neg(Tensor self) -> bool", { meta: () => false });
