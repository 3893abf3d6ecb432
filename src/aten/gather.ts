/** Taking elements of a dim by index: gather, index_select, take. */
import { type Dim, eq, prod } from "../sym/mod.ts";
import { broadcastShapes, type Meta, normalizeDim, type Tensor } from "../tensor/mod.ts";
import { gatherBy } from "../tensor/loops.ts";
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { defineOp } from "./op.ts";
import { PARTS, requireWithin } from "./rules.ts";
import { expand } from "./expand.ts";
import { shaped, withSize } from "./shapes.ts";
import { reshape } from "./view.ts";

/** Index tensors are int32 or int64. */
export function requireIndex({ dtype }: Meta, name = "index"): void {
  if (dtype !== "int64" && dtype !== "int32") {
    throw new TypeError(`Argument ${name} must be int32 or int64, met ${dtype}`);
  }
}

/** A tensor without dimensions as a list of one element. */
export function atLeastList(b: OnnxBuilder, x: OnnxValue): OnnxValue {
  return b.meta(x).shape.length === 0 ? b.reshape(x, [1]) : x;
}

/** Shapes of `gather` and `scatter`: a tensor without dimensions counts as a list of one element. */
export function asList<D extends Dim>(shape: readonly D[]): readonly (D | 1)[] {
  return shape.length === 0 ? [1] : shape;
}

/** The element a concrete index names. */
export function elementAt(index: number | bigint, size: number): number {
  const i = Number(index);
  if (i < -size || i >= size) throw new RangeError(`Index ${i} is out of range for a dimension of ${size}`);
  return i < 0 ? i + size : i;
}

/** Checks the arguments of `gather` and gives the dim. */
function checkGather(self: Meta, dim: number, index: Meta): number {
  // PyTorch looks at an index only where it has elements.
  if (prod(index.shape) !== 0) requireIndex(index);
  if (asList(self.shape).length !== asList(index.shape).length && prod(index.shape) !== 0) {
    throw new RangeError(`gather takes an index of ${self.shape.length} dimensions, met ${index.shape.length}`);
  }
  const d = normalizeDim(dim, self.shape.length);
  if (prod(index.shape) !== 0) requireWithin("index", index, self, d);
  return d;
}

/** https://docs.pytorch.org/docs/stable/generated/torch.gather.html */
export const gather = defineOp(
  "aten::gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor",
  {
    meta: (_, { self, dim, index }) => {
      checkGather(self, dim, index);
      return shaped(self, index.shape);
    },
    kernel: ({ self, dim, index }) => {
      const x = self.reshape(asList(self.shape));
      const d = checkGather(self, dim, index);
      const at = index.data();
      let i = 0;
      const taken = gatherBy(x, asList(index.shape), (place) => {
        const found = [...place];
        found[d] = elementAt(at[i++], x.shape[d]);
        return found;
      });
      return taken.reshape(index.shape);
    },
    complex: PARTS,
    onnx: (b, { self, dim, index }) => {
      const meta = b.meta(index);
      const d = checkGather(b.meta(self), dim, meta);
      if (meta.shape.includes(0)) return b.cast(index, b.meta(self).dtype);
      const taken = b.op("GatherElements", [atLeastList(b, self), atLeastList(b, index)], { axis: d });
      return meta.shape.length === 0 ? b.reshape(taken, []) : taken;
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.take_along_dim.html */
export const takeAlongDim = defineOp("aten::take_along_dim(Tensor self, Tensor indices, int? dim=None) -> Tensor", {
  decompose: (t, { self, indices, dim }) => {
    if (dim === null) return t.call(gather, t.call(reshape, self, [-1]), 0, t.call(reshape, indices, [-1]));
    const [own, index] = [t.meta(self).shape, t.meta(indices).shape];
    if (own.length !== index.length) {
      throw new RangeError("take_along_dim takes an index of as many dimensions as the tensor");
    }
    const d = normalizeDim(dim, own.length);
    const common = broadcastShapes(withSize(own, d, 1), withSize(index, d, 1));
    const fit = (x: typeof self, shape: readonly Dim[]): typeof self => {
      const target = withSize(common, d, shape[d]);
      return target.every((n, i) => eq(n, shape[i]) === true) ? x : t.call(expand, x, target);
    };
    return t.call(gather, fit(self, own), d, fit(indices, index));
  },
});

/** Rows of a dim, shared by `index_select` and its kind: shape of the result for an index of at most one dimension. */
function selectedShape(self: Meta, dim: number, index: Meta): readonly Dim[] {
  requireIndex(index);
  if (index.shape.length > 1) {
    throw new RangeError(`index_select takes a list, met an index of ${index.shape.length} dimensions`);
  }
  const d = normalizeDim(dim, self.shape.length);
  return self.shape.length === 0 ? [] : withSize(self.shape, d, asList(index.shape)[0]);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.index_select.html */
export const indexSelect = defineOp("aten::index_select(Tensor self, int dim, Tensor index) -> Tensor", {
  meta: (_, { self, dim, index }) => shaped(self, selectedShape(self, dim, index)),
  kernel: ({ self, dim, index }) => {
    const shape = selectedShape(self, dim, index) as number[];
    const x = self.reshape(asList(self.shape));
    const d = normalizeDim(dim, x.shape.length);
    const at = index.data();
    const taken = gatherBy(x, asList(shape), (place) => {
      const found = [...place];
      found[d] = elementAt(at[place[d]], x.shape[d]);
      return found;
    });
    return taken.reshape(shape);
  },
  complex: PARTS,
  onnx: (b, { self, dim, index }) => {
    const [meta, at] = [b.meta(self), b.meta(index)];
    selectedShape(meta, dim, at);
    if (meta.shape.length === 0) return self;
    return b.op("Gather", [self, atLeastList(b, index)], { axis: normalizeDim(dim, meta.shape.length) });
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.take.html */
export const take = defineOp("aten::take(Tensor self, Tensor index) -> Tensor", {
  meta: (_, { self, index }) => {
    requireIndex(index);
    return shaped(self, index.shape);
  },
  kernel: ({ self, index }) => takeFlat(self.reshape([self.numel]), index),
  complex: PARTS,
  onnx: (b, { self, index }) => b.op("Gather", [b.reshape(self, [prod(b.meta(self).shape)]), index], { axis: 0 }),
});

function takeFlat(list: Tensor, index: Tensor): Tensor {
  const at = index.data();
  let i = 0;
  return gatherBy(list, index.shape, () => [elementAt(at[i++], list.shape[0])]);
}
