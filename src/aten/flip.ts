/** Reversing, rotating and stacking. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, isSym, mod, prod, sub } from "../sym/mod.ts";
import { type Meta, normalizeDim, Tensor } from "../tensor/mod.ts";
import { gatherBy } from "../tensor/loops.ts";
import { cat } from "./cat.ts";
import { defineOp, type MetaContext } from "./op.ts";
import { PARTS, refuse, requireShape } from "./rules.ts";
import { shaped } from "./shapes.ts";
import { onnxSlice } from "./slice.ts";
import { unsqueeze, view } from "./view.ts";
import { transpose } from "./permute.ts";

interface FlipArgs<T> {
  readonly self: T;
  readonly dims: readonly number[];
}

function distinct(dims: readonly number[], rank: number): number[] {
  const result = dims.map((d) => normalizeDim(d, rank));
  if (new Set(result).size !== result.length) throw new RangeError(`Dims [${dims.join(", ")}] name a dimension twice`);
  return rank === 0 ? [] : result;
}

const flipping = {
  meta(_: MetaContext, { self, dims }: FlipArgs<Meta>): Meta {
    distinct(dims, self.shape.length);
    return shaped(self, self.shape);
  },
  kernel({ self, dims }: FlipArgs<Tensor>): Tensor {
    const axes = distinct(dims, self.shape.length);
    return gatherBy(self, self.shape, (index) => index.map((i, d) => axes.includes(d) ? self.shape[d] - 1 - i : i));
  },
  complex: PARTS,
  /** One Slice that walks back over all dims. */
  onnx(b: OnnxBuilder, { self, dims }: FlipArgs<OnnxValue>): OnnxValue {
    const axes = distinct(dims, b.meta(self).shape.length);
    if (axes.length === 0) return self;
    const all = (value: bigint): OnnxValue =>
      b.constant(Tensor.of("int64", [axes.length], new Array<bigint>(axes.length).fill(value)));
    const { shape } = b.meta(self);
    const result = b.op("Slice", [self, all(-1n), all(-(2n ** 63n) + 1n), b.ints(axes), all(-1n)]);
    result.meta = { dtype: b.meta(self).dtype, shape };
    return result;
  },
};

/** https://docs.pytorch.org/docs/stable/generated/torch.flip.html */
export const flip = defineOp("aten::flip(Tensor self, int[] dims) -> Tensor", flipping);

/** https://docs.pytorch.org/docs/stable/generated/torch.fliplr.html */
export const fliplr = defineOp("aten::fliplr(Tensor self) -> Tensor", {
  decompose: (t, { self }) => {
    if (t.meta(self).shape.length < 2) throw new RangeError("fliplr takes a tensor of at least 2 dimensions");
    return t.call(flip, self, [1]);
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.flipud.html */
export const flipud = defineOp("aten::flipud(Tensor self) -> Tensor", {
  decompose: (t, { self }) => {
    if (t.meta(self).shape.length < 1) throw new RangeError("flipud takes a tensor of at least 1 dimension");
    return t.call(flip, self, [0]);
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.rot90.html */
export const rot90 = defineOp("aten::rot90(Tensor self, int k=1, int[] dims=[0, 1]) -> Tensor", {
  decompose: (t, { self, k, dims }) => {
    const [a, b] = distinct(dims, t.meta(self).shape.length);
    if (b === undefined || dims.length !== 2) refuse("dims", `[${dims.join(", ")}]`, "a plane has two dimensions");
    const turns = ((k % 4) + 4) % 4;
    if (turns === 2) return t.call(flip, self, [a, b]);
    if (turns === 1) return t.call(transpose, t.call(flip, self, [b]), a, b);
    return turns === 3 ? t.call(flip, t.call(transpose, self, a, b), [b]) : self;
  },
});

/** Each dim with its shift; without dims the tensor is rolled as one list. */
function shiftsOf(shifts: readonly Dim[], dims: readonly number[], rank: number): [number, Dim][] {
  if (shifts.length !== dims.length) {
    throw new RangeError(`roll takes as many shifts as dims, met ${shifts.length} and ${dims.length}`);
  }
  return rank === 0 ? [] : dims.map((d, i) => [normalizeDim(d, rank), shifts[i]]);
}

/** Rolls one dim: its last elements come first. */
function onnxRoll(b: OnnxBuilder, x: OnnxValue, d: number, shift: Dim): OnnxValue {
  const size = b.meta(x).shape[d];
  if (size === 0 || size === 1) return x;
  const at = mod(sub(size, shift), size);
  if (at === 0) return x;
  const { dtype, shape } = b.meta(x);
  const result = b.op("Concat", [onnxSlice(b, x, d, at, null), onnxSlice(b, x, d, 0, at)], { axis: d });
  result.meta = { dtype, shape };
  return result;
}

/** https://docs.pytorch.org/docs/stable/generated/torch.roll.html */
export const roll = defineOp("aten::roll(Tensor self, SymInt[1] shifts, int[1] dims=[]) -> Tensor", {
  meta: (_, { self, shifts, dims }) => {
    if (dims.length > 0 || shifts.length !== 1) shiftsOf(shifts, dims, self.shape.length);
    return shaped(self, self.shape);
  },
  kernel: ({ self, shifts, dims }) => {
    if (self.numel === 0) return self;
    const isFlat = dims.length === 0;
    const x = isFlat ? self.reshape([self.numel]) : self;
    const rolled = shiftsOf(shifts, isFlat ? [0] : dims, x.shape.length).reduce(
      (y, [d, shift]) =>
        gatherBy(
          y,
          y.shape,
          (index) => index.map((i, e) => e === d ? mod(i - (shift as number), y.shape[d]) as number : i),
        ),
      x,
    );
    return rolled.reshape(self.shape);
  },
  complex: PARTS,
  onnx: (b, { self, shifts, dims }) => {
    const { shape } = b.meta(self);
    if (dims.length > 0) {
      return shiftsOf(shifts, dims, shape.length).reduce((x, [d, shift]) => onnxRoll(b, x, d, shift), self);
    }
    const flat = b.reshape(self, [prod(shape)]);
    return b.reshape(onnxRoll(b, flat, 0, shifts[0]), shape);
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.stack.html */
export const stack = defineOp("aten::stack(Tensor[] tensors, int dim=0) -> Tensor", {
  promote: { args: ["tensors"], to: "default" },
  decompose: (t, { tensors, dim }) => {
    if (tensors.length === 0) throw new RangeError("There must be at least one tensor to stack");
    const first = t.meta(tensors[0]).shape;
    const d = normalizeDim(dim, first.length + 1);
    for (const x of tensors) requireShape("Each tensor to be stacked", t.meta(x), first);
    // Joining along the next dim and cutting it apart takes two steps however many tensors there are.
    const isCut = tensors.length > 1 && d < first.length && first.filter(isSym).length < 2 && !first.includes(0);
    if (!isCut) return t.call(cat, tensors.map((x) => t.call(unsqueeze, x, d)), d);
    return t.call(view, t.call(cat, tensors, d), [...first.slice(0, d), tensors.length, ...first.slice(d)]);
  },
});
