/** Indexing under a mask, which Inductor's padding and pooling decompose to: what the mask excludes need not be in range. */
import type { Dim } from "../sym/mod.ts";
import { prod, sub } from "../sym/mod.ts";
import { broadcastShapes, categoryOf, type Meta } from "../tensor/mod.ts";
import { clamp } from "./extrema.ts";
import { indexedShape, indexShape, layoutOf, slotsOf } from "./index_layout.ts";
import { unsafeIndex, unsafeIndexPut } from "./indexing.ts";
import { type Calls, defineOp } from "./op.ts";
import { where } from "./where.ts";

/** @throws {TypeError} for masks and indices of other dtypes, as PyTorch does */
function check(mask: Meta, indices: readonly (Meta | null)[]): void {
  if (categoryOf(mask.dtype) !== "bool") throw new TypeError(`Argument mask must be bool, met ${mask.dtype}`);
  const wrong = indices.find((index) => index && index.dtype !== "int64" && index.dtype !== "int32");
  if (wrong) throw new TypeError(`Argument indices must be int32 or int64, met ${wrong.dtype}`);
}

/** Indices brought into the range of their dims. */
function inRange<T extends object>(t: Calls<T>, self: T, indices: readonly (T | null)[]): readonly (T | null)[] {
  const { shape } = t.meta(self);
  return indices.map((index, d) => index && t.call(clamp, index, negated(shape[d]), asScalar(sub(shape[d], 1))));
}

function negated(size: Dim): bigint | Exclude<Dim, number> {
  return asScalar(sub(0, size));
}

function asScalar(size: Dim): bigint | Exclude<Dim, number> {
  return typeof size === "number" ? BigInt(size) : size;
}

/** `torch.where(mask, self[indices], fill)` without reading what the mask excludes. */
export const unsafeMaskedIndex = defineOp(
  "aten::_unsafe_masked_index(Tensor self, Tensor mask, Tensor?[] indices, Scalar fill) -> Tensor",
  {
    decompose: (t, { self, mask, indices, fill }) => {
      const { dtype, shape } = t.meta(self);
      const metas = indices.map((index) => index && t.meta(index));
      check(t.meta(mask), metas);
      if (prod(shape) === 0) {
        const slots = slotsOf(shape, metas, (x) => x, (x) => [x]);
        const size = indexedShape(shape, layoutOf(slots), indexShape(slots));
        return t.full(broadcastShapes(size, t.meta(mask).shape), fill, dtype);
      }
      const read = t.call(unsafeIndex, self, inRange(t, self, indices));
      return t.call(where, mask, read, t.full([], fill, dtype));
    },
  },
);

/** `self` with the values that the mask lets through added at the indices. */
export const unsafeMaskedIndexPutAccumulate = defineOp(
  "aten::_unsafe_masked_index_put_accumulate(Tensor self, Tensor mask, Tensor?[] indices, Tensor values) -> Tensor",
  {
    decompose: (t, { self, mask, indices, values }) => {
      const { dtype, shape } = t.meta(self);
      check(t.meta(mask), indices.map((index) => index && t.meta(index)));
      if (prod(shape) === 0) return self;
      const written = t.call(where, mask, values, t.full([], 0n, dtype));
      return t.call(unsafeIndexPut, self, inRange(t, self, indices), written, true);
    },
  },
);
