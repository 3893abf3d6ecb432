/** Sorting along a dim. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, gt, isSym } from "../sym/mod.ts";
import { type Meta, normalizeDim, type Tensor } from "../tensor/mod.ts";
import { asList } from "./gather.ts";
import { type Calls, defineOp, type MetaContext } from "./op.ts";
import { onnxOrder, orderLines } from "./order.ts";
import { like, requireReal } from "./rules.ts";
import { shaped, withSize } from "./shapes.ts";

interface Given<T> {
  readonly self: T;
  readonly dim: number;
  readonly descending: boolean;
}

/** The first `k` elements in order; a tensor without dimensions is sorted as it is. */
function inOrder(self: Tensor, dim: number, k: number | null, descending: boolean): [Tensor, Tensor] {
  const x = self.reshape(asList(self.shape));
  const axis = normalizeDim(dim, x.shape.length);
  const isZeroDim = self.shape.length === 0;
  const [values, indices] = orderLines(x, axis, isZeroDim ? 1 : k ?? x.shape[axis], descending);
  return isZeroDim ? [values.reshape([]), indices.reshape([])] : [values, indices];
}

function onnxInOrder(
  b: OnnxBuilder,
  self: OnnxValue,
  dim: number,
  k: Dim | null,
  descending: boolean,
): [OnnxValue, OnnxValue] {
  const { shape } = b.meta(self);
  const axis = normalizeDim(dim, shape.length);
  // One element is in order.
  if (shape.length === 0) return [self, b.scalar(0n, "int64")];
  return onnxOrder(b, self, axis, k ?? shape[axis], descending);
}

/** Every sort is stable here. */
const sorting = {
  meta(_: MetaContext, { self, dim }: Given<Meta>): [Meta, Meta] {
    requireReal(self.dtype);
    normalizeDim(dim, self.shape.length);
    return [like(self), like(self, "int64")];
  },
  kernel: ({ self, dim, descending }: Given<Tensor>): [Tensor, Tensor] => inOrder(self, dim, null, descending),
  onnx: (b: OnnxBuilder, { self, dim, descending }: Given<OnnxValue>): [OnnxValue, OnnxValue] =>
    onnxInOrder(b, self, dim, null, descending),
};

/** https://docs.pytorch.org/docs/stable/generated/torch.sort.html */
export const sort = defineOp(
  "aten::sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)",
  sorting,
);

/** The same, with the promise that equal elements keep their order. */
export const sortStable = defineOp(
  "aten::sort.stable(Tensor self, *, bool? stable, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)",
  sorting,
);

function sortedPlaces<T extends object>(t: Calls<T>, { self, dim, descending }: Given<T>): T {
  return t.call(sort, self, dim, descending)[1];
}

/** https://docs.pytorch.org/docs/stable/generated/torch.argsort.html */
export const argsort = defineOp("aten::argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor", {
  decompose: sortedPlaces,
});

/** The same, with the promise that equal elements keep their order. */
export const argsortStable = defineOp(
  "aten::argsort.stable(Tensor self, *, bool stable, int dim=-1, bool descending=False) -> Tensor",
  { decompose: sortedPlaces },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.msort.html */
export const msort = defineOp("aten::msort(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(sort, self, 0)[0],
});

/**
 * Any order of the elements will do where `sorted` is false.
 *
 * https://docs.pytorch.org/docs/stable/generated/torch.topk.html
 */
export const topk = defineOp(
  "aten::topk(Tensor self, SymInt k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)",
  {
    meta: (_, { self, k, dim }) => {
      requireReal(self.dtype);
      const values = shaped(self, checkTopK(self, k, dim));
      return [values, like(values, "int64")];
    },
    kernel: ({ self, k, dim, largest }) => {
      checkTopK(self, k, dim);
      return inOrder(self, dim, k as number, largest);
    },
    onnx: (b, { self, k, dim, largest }) => {
      checkTopK(b.meta(self), k, dim);
      return onnxInOrder(b, self, dim, k, largest);
    },
  },
);

/** The shape of the result. */
function checkTopK(self: Meta, k: Dim, dim: number): Dim[] {
  const axis = normalizeDim(dim, self.shape.length);
  const size = asList(self.shape)[axis];
  if (gt(k, size) === true || (!isSym(k) && k < 0)) {
    throw new RangeError(`Argument k=${k} must be at least 0 and at most the size of the dimension, ${size}`);
  }
  return self.shape.length === 0 ? [] : withSize(self.shape, axis, k);
}
