/** Cross products of vectors of three elements. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { eq } from "../sym/mod.ts";
import { type Meta, normalizeDim } from "../tensor/mod.ts";
import { mul, sub } from "./binary.ts";
import { emit, NUMBERS } from "./emit.ts";
import { roll } from "./flip.ts";
import { defineOp } from "./op.ts";
import { both } from "./overloads.ts";

/** The dim of the vectors. @throws {RangeError} when they have not three elements each */
function vectorDim(x: Meta, y: Meta, dim: number): number {
  const rank = x.shape.length;
  if (y.shape.length !== rank) {
    throw new RangeError(`linalg.cross takes tensors of as many dimensions, met ${rank} and ${y.shape.length}`);
  }
  const axis = normalizeDim(dim, rank);
  for (const { shape } of [x, y]) {
    if (eq(shape[axis], 3) === false) {
      throw new RangeError(`linalg.cross takes vectors of 3 elements, met ${shape[axis]} along dimension ${dim}`);
    }
  }
  return axis;
}

/**
 * https://docs.pytorch.org/docs/stable/generated/torch.linalg.cross.html: with `r` for the next element of each, the product
 * is `r(x r(y) - r(x) y)`.
 */
export const linalgCross = defineOp("aten::linalg_cross(Tensor self, Tensor other, *, int dim=-1) -> Tensor", {
  promote: both,
  decompose: (t, { self, other, dim }) => {
    const axis = vectorDim(t.meta(self), t.meta(other), dim);
    const next = (x: typeof self): typeof self => t.call(roll, x, [-1], [axis]);
    return next(t.call(sub, t.call(mul, self, next(other)), t.call(mul, next(self), other)));
  },
  onnx: (b: OnnxBuilder, { self, other, dim }): OnnxValue => {
    const axis = vectorDim(b.meta(self), b.meta(other), dim);
    const next = (x: OnnxValue): OnnxValue => b.op("Gather", [x, b.ints([1, 2, 0])], { axis });
    const times = (x: OnnxValue, y: OnnxValue): OnnxValue => emit(b, NUMBERS, "Mul", [x, y]);
    return next(emit(b, NUMBERS, "Sub", [times(self, next(other)), times(next(self), other)]));
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.cross.html: without a dim, the first one of three elements. */
export const cross = defineOp("aten::cross(Tensor self, Tensor other, int? dim=None) -> Tensor", {
  promote: both,
  decompose: (t, { self, other, dim }) => {
    const found = dim ?? t.meta(self).shape.findIndex((d) => eq(d, 3) === true);
    if (found < 0 && dim === null) throw new RangeError("torch.cross found no dimension of 3 elements");
    return t.call(linalgCross, self, other, found);
  },
});
