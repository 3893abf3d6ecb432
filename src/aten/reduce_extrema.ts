/**
 * Maxima and minima over dims, and where they are. onnxruntime's reductions may lose a NaN that PyTorch's propagate: that
 * is a documented limit of the plain form.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import type { Dim } from "../sym/mod.ts";
import { type DType, type Meta, normalizeDim, type Tensor } from "../tensor/mod.ts";
import { reduceDims } from "../tensor/loops.ts";
import { carrier, COMPARED, type Native } from "./emit.ts";
import { emitReduce, reducedDims, reducedShape } from "./dims.ts";
import { defineOp } from "./op.ts";
import { requireReal } from "./rules.ts";

interface Reduction<T> {
  readonly self: T;
  readonly dim?: readonly number[] | number | null;
  readonly keepdim?: boolean;
}

/** Position of the first maximum (or minimum); of the first NaN, if there is one. */
function positionOf(values: readonly number[], max: boolean): number {
  let best = 0;
  for (let i = 0; i < values.length; i++) {
    const [x, y] = [values[i], values[best]];
    if (x !== x) return i;
    if (max ? x > y : x < y) best = i;
  }
  return best;
}

/** @throws {RangeError} when there is nothing to choose from */
function requireSome(count: number): void {
  if (count === 0) throw new RangeError("There is no maximum or minimum of no elements");
}

function extremeTensor(x: Tensor, dims: readonly number[], keepdim: boolean, max: boolean): Tensor {
  requireReal(x.dtype);
  if (dims.length === 0) return x;
  return reduceDims(x, dims, keepdim, x.dtype, (values) => {
    requireSome(values.length);
    return values[positionOf(values, max)];
  });
}

function positionTensor(x: Tensor, dims: readonly number[], keepdim: boolean, max: boolean): Tensor {
  requireReal(x.dtype);
  return reduceDims(x, dims, keepdim, "int64", (values) => {
    requireSome(values.length);
    return BigInt(positionOf(values, max));
  });
}

function nativeOf(b: OnnxBuilder): Native {
  return b.opset >= 20 ? [...COMPARED, "bool"] : COMPARED;
}

function emitExtreme(b: OnnxBuilder, x: OnnxValue, dims: readonly number[], keepdim: boolean, max: boolean): OnnxValue {
  if (b.meta(x).shape.length === 0) return x;
  return emitReduce(b, nativeOf(b), max ? "ReduceMax" : "ReduceMin", x, dims, keepdim);
}

/** Positions along one dim of a tensor that has some. */
function emitPosition(b: OnnxBuilder, x: OnnxValue, axis: number, keepdim: boolean, max: boolean): OnnxValue {
  const opType = max ? "ArgMax" : "ArgMin";
  const wide = carrier(b, b.meta(x).dtype, COMPARED, opType);
  return b.op(opType, [b.cast(x, wide)], { axis, keepdims: keepdim ? 1 : 0 });
}

/** Rules of a reduction to the extreme value. */
function extreme(max: boolean) {
  return {
    meta: (_: unknown, { self, dim = null, keepdim = false }: Reduction<Meta>): Meta => ({
      dtype: self.dtype,
      shape: reducedShape(self.shape, reducedDims(dim, self.shape.length), keepdim),
    }),
    kernel: ({ self, dim = null, keepdim = false }: Reduction<Tensor>): Tensor =>
      extremeTensor(self, reducedDims(dim, self.shape.length), keepdim, max),
    onnx: (b: OnnxBuilder, { self, dim = null, keepdim = false }: Reduction<OnnxValue>): OnnxValue =>
      emitExtreme(b, self, reducedDims(dim, b.meta(self).shape.length), keepdim, max),
  };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.amax.html */
export const amax = defineOp("aten::amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor", extreme(true));

/** https://docs.pytorch.org/docs/stable/generated/torch.amin.html */
export const amin = defineOp("aten::amin(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor", extreme(false));

/** https://docs.pytorch.org/docs/stable/generated/torch.max.html */
export const max = defineOp("aten::max(Tensor self) -> Tensor", extreme(true));

/** https://docs.pytorch.org/docs/stable/generated/torch.min.html */
export const min = defineOp("aten::min(Tensor self) -> Tensor", extreme(false));

/** https://docs.pytorch.org/docs/stable/generated/torch.aminmax.html */
export const aminmax = defineOp(
  "aten::aminmax(Tensor self, *, int? dim=None, bool keepdim=False) -> (Tensor min, Tensor max)",
  {
    decompose: (t, { self, dim, keepdim }) => {
      const dims = dim === null ? [] : [dim];
      const rank = t.meta(self).shape.length;
      // Without a dim, keepdim gives a dim of 1 for each.
      return [t.call(amin, self, rank === 0 ? [] : dims, keepdim), t.call(amax, self, rank === 0 ? [] : dims, keepdim)];
    },
  },
);

interface Along<T> {
  readonly self: T;
  readonly dim: number;
  readonly keepdim: boolean;
}

/** Rules of values and positions along a dim. */
function extremeAlong(max: boolean) {
  return {
    meta: (_: unknown, { self, dim, keepdim }: Along<Meta>): [Meta, Meta] => {
      const shape = reducedShape(self.shape, reducedDims(dim, self.shape.length), keepdim);
      return [{ dtype: self.dtype, shape }, { dtype: "int64", shape }];
    },
    kernel: ({ self, dim, keepdim }: Along<Tensor>): [Tensor, Tensor] => {
      const dims = reducedDims(dim, self.shape.length);
      return [extremeTensor(self, dims, keepdim, max), positionTensor(self, dims, keepdim, max)];
    },
    onnx: (b: OnnxBuilder, { self, dim, keepdim }: Along<OnnxValue>): [OnnxValue, OnnxValue] => {
      const rank = b.meta(self).shape.length;
      const axis = normalizeDim(dim, rank);
      if (rank === 0) return [self, b.scalar(0n, "int64")];
      return [emitExtreme(b, self, [axis], keepdim, max), emitPosition(b, self, axis, keepdim, max)];
    },
  };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.max.html */
export const maxDim = defineOp(
  "aten::max.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
  extremeAlong(true),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.min.html */
export const minDim = defineOp(
  "aten::min.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
  extremeAlong(false),
);

interface Position<T> {
  readonly self: T;
  readonly dim: number | null;
  readonly keepdim: boolean;
}

/** Rules of the position of an extreme value; without a dim it counts in row-major order. */
function position(max: boolean) {
  return {
    meta: (_: unknown, { self, dim, keepdim }: Position<Meta>): Meta => ({
      dtype: "int64" as DType,
      shape: reducedShape(self.shape, reducedDims(dim, self.shape.length), keepdim),
    }),
    kernel: ({ self, dim, keepdim }: Position<Tensor>): Tensor =>
      positionTensor(self, reducedDims(dim, self.shape.length), keepdim, max),
    onnx: (b: OnnxBuilder, { self, dim, keepdim }: Position<OnnxValue>): OnnxValue => {
      const { shape } = b.meta(self);
      if (dim !== null && shape.length > 0) {
        return emitPosition(b, self, normalizeDim(dim, shape.length), keepdim, max);
      }
      const flat = shape.length === 1 ? self : b.op("Reshape", [self, b.ints([-1])]);
      const found = emitPosition(b, flat, 0, false, max);
      const kept: Dim[] = keepdim ? shape.map(() => 1) : [];
      return kept.length === 0 ? found : b.reshape(found, kept);
    },
  };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.argmax.html */
export const argmax = defineOp(
  "aten::argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor",
  position(true),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.argmin.html */
export const argmin = defineOp(
  "aten::argmin(Tensor self, int? dim=None, bool keepdim=False) -> Tensor",
  position(false),
);
