/** Eigenvalues and eigenvectors of matrices that need not be symmetric: complex numbers, also of real matrices. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import { ComplexValue } from "../onnx/complex.ts";
import type { OnnxValue } from "../onnx/model.ts";
import type { Dim } from "../sym/mod.ts";
import { isComplex, type Meta, Tensor, toComplex, toReal } from "../tensor/mod.ts";
import { complexElements, ofElements } from "../tensor/complex_loops.ts";
import type { C } from "../tensor/complex_math.ts";
import { onnxZeros, squareShape } from "./matrices.ts";
import { defineOp } from "./op.ts";
import { eigenOfGeneral, onnxEigenOfGeneral } from "./schur.ts";

/** The forms of complex values, which this family makes of real ones. */
export * as forms from "./complex_forms.ts";

function requireGeneral({ dtype, shape }: Meta): { batch: Dim[]; size: Dim } {
  if (!["float32", "float64", "complex64", "complex128"].includes(dtype)) {
    throw new TypeError(`linalg.eig takes matrices of float32, float64, complex64 and complex128, met ${dtype}`);
  }
  return squareShape("linalg.eig", shape);
}

/** Values and vectors of each matrix of a batch. */
function kernel(self: Tensor): [values: Tensor, vectors: Tensor] {
  const { batch, size } = requireGeneral(self) as { batch: number[]; size: number };
  const elements = complexElements(self);
  const [values, vectors]: C[][] = [[], []];
  for (let at = 0; at < elements.length; at += size * size) {
    const A = Array.from({ length: size }, (_, i) => elements.slice(at + i * size, at + (i + 1) * size));
    const found = eigenOfGeneral(A, !isComplex(self.dtype));
    values.push(...found.values);
    vectors.push(...found.vectors.flat());
  }
  const dtype = toComplex(self.dtype);
  return [ofElements(dtype, [...batch, size], values), ofElements(dtype, self.shape, vectors)];
}

function emit(b: OnnxBuilder, self: OnnxValue, withVectors: boolean): OnnxValue[] {
  const { dtype, shape } = b.meta(self);
  const { batch, size } = requireGeneral({ dtype, shape });
  const real = toReal(dtype);
  if (size === 0) {
    const empty = (shape: readonly Dim[]): OnnxValue => ComplexValue.parts(onnxZeros(b, real, shape), null);
    return [empty([...batch, size]), empty(shape)];
  }
  const wide = (x: OnnxValue): OnnxValue => b.cast(x, "float64");
  const im = b.imaginary(self);
  const { values, vectors } = onnxEigenOfGeneral(b, { re: wide(b.real(self)), im: im && wide(im) }, withVectors);
  return [values, ...(vectors ? [vectors] : [])].map(({ re, im }) =>
    ComplexValue.parts(b.cast(re, real), b.cast(im, real))
  );
}

/**
 * https://docs.pytorch.org/docs/stable/generated/torch.linalg.eig.html: eigenvalues stand in the order in which they are
 * found, as they do in LAPACK, which may find them in another. Eigenvectors are unique up to a factor: their largest element
 * is real and positive here.
 */
export const linalgEig = defineOp("aten::linalg_eig(Tensor self) -> (Tensor eigenvalues, Tensor eigenvectors)", {
  meta: (_, { self }) => {
    const { batch, size } = requireGeneral(self);
    const dtype = toComplex(self.dtype);
    return [{ dtype, shape: [...batch, size] }, { dtype, shape: self.shape }];
  },
  complex: "native",
  kernel: ({ self }) => kernel(self),
  onnx: (b, { self }) => {
    const [values, vectors] = emit(b, self, true);
    return [values, vectors];
  },
});

const onlyValues = {
  meta: (_: unknown, { self }: { readonly self: Meta }): Meta => {
    const { batch, size } = requireGeneral(self);
    return { dtype: toComplex(self.dtype), shape: [...batch, size] };
  },
  complex: "native" as const,
  kernel: ({ self }: { readonly self: Tensor }): Tensor => kernel(self)[0],
  onnx: (b: OnnxBuilder, { self }: { readonly self: OnnxValue }): OnnxValue => emit(b, self, false)[0],
};

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.eigvals.html */
export const linalgEigvals = defineOp("aten::linalg_eigvals(Tensor self) -> Tensor", onlyValues);
/** What it is made of. */
export const linalgEigvalsInner = defineOp("aten::_linalg_eigvals(Tensor self) -> Tensor", onlyValues);
