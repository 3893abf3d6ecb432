/** Conjugate transposes. They stand apart from plain ones, which have nothing to do with complex numbers. */
import { isComplex } from "../tensor/mod.ts";
import { conjPhysical } from "./complex.ts";
import { type Calls, defineOp } from "./op.ts";
import { lastTwo, matrixOrder, permute, type PermuteRules, permuting } from "./permute.ts";

type SelfForm = <T extends object>(t: Calls<T>, args: { readonly self: T }) => T;

/** Conjugate transposes are plain ones where numbers are real. */
function adjoints(orderOf = lastTwo): Omit<PermuteRules<unknown>, "complex"> & { readonly complex: SelfForm } {
  const plain = permuting(orderOf);
  return {
    meta: plain.meta,
    kernel: plain.kernel,
    complex: (t, { self }) => t.call(conjPhysical, t.call(permute, self, orderOf(t.meta(self).shape.length))),
    onnx: plain.onnx,
    inverse: (t, args, updated) => {
      const turned = plain.inverse(t, args, updated);
      return isComplex(t.meta(turned).dtype) ? t.call(conjPhysical, turned) : turned;
    },
    strides: plain.strides,
  };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.adjoint.html */
export const adjoint = defineOp("aten::adjoint(Tensor(a) self) -> Tensor(a)", adjoints());

/** https://docs.pytorch.org/docs/stable/tensors.html#torch.Tensor.mH */
export const mH = defineOp("aten::mH(Tensor(a) self) -> Tensor(a)", adjoints());

/** https://docs.pytorch.org/docs/stable/tensors.html#torch.Tensor.H */
export const matrixH = defineOp("aten::matrix_H(Tensor(a) self) -> Tensor(a)", adjoints(matrixOrder));
