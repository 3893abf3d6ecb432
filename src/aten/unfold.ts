/** Windows of a dim as a view, and what is written through them. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { add, type Dim, floorDiv, isSym, sub } from "../sym/mod.ts";
import { type Meta, normalizeDim, Tensor } from "../tensor/mod.ts";
import { indexAdd, indexCopy } from "./index_rows.ts";
import { type Calls, defineOp, type MetaContext } from "./op.ts";
import { movedimInt } from "./permute.ts";
import { arange } from "./range.ts";
import { PARTS, refuse } from "./rules.ts";
import { shaped, withSize } from "./shapes.ts";
import { flatIndices } from "./strided.ts";
import { flatten, view } from "./view.ts";

interface UnfoldArgs<T> {
  readonly self: T;
  readonly dimension: number;
  readonly size: number;
  readonly step: number;
}

function windows(shape: readonly Dim[], { dimension, size, step }: Omit<UnfoldArgs<unknown>, "self">): [number, Dim] {
  const d = normalizeDim(dimension, shape.length);
  const length = shape.length === 0 ? 1 : shape[d];
  if (size < 0 || (!isSym(length) && size > length)) {
    throw new RangeError(`Cannot take windows of ${size} elements of a dimension of ${length}`);
  }
  if (step <= 0) throw new RangeError(`Windows must be a positive step apart, met ${step}`);
  return [d, add(floorDiv(sub(length, size), step), 1)];
}

const unfolding = {
  meta(_: MetaContext, { self, ...args }: UnfoldArgs<Meta>): Meta {
    const [d, count] = windows(self.shape, args);
    return shaped(self, self.shape.length === 0 ? [args.size] : [...withSize(self.shape, d, count), args.size]);
  },
  kernel({ self, ...args }: UnfoldArgs<Tensor>): Tensor {
    const [d, count] = windows(self.shape, args);
    if (self.shape.length === 0) return new Tensor(self.dtype, [args.size], self.storage, [1], self.offset);
    const shape = [...self.shape.map((n, i) => i === d ? count as number : n), args.size];
    const strides = [...self.strides.map((s, i) => i === d ? s * args.step : s), self.strides[d]];
    return new Tensor(self.dtype, shape, self.storage, strides, self.offset);
  },
  complex: PARTS,
  /** Each window's indices gather a dim of windows and a dim within them, which moves to the end. */
  onnx(b: OnnxBuilder, { self, ...args }: UnfoldArgs<OnnxValue>): OnnxValue {
    const { shape } = b.meta(self);
    const [d, count] = windows(shape, args);
    const { size, step } = args;
    if (shape.length === 0) return onnxFirst(b, b.reshape(self, [1]), size);
    const at = flatIndices(b, [count, size], [step, 1], 0);
    const gathered = b.op("Gather", [self, at], { axis: d });
    const order = [...shape.keys(), shape.length].filter((i) => i !== d + 1);
    return b.transpose(gathered, [...order, d + 1]);
  },
};

/** The first `size` elements of a list. */
function onnxFirst(b: OnnxBuilder, list: OnnxValue, size: number): OnnxValue {
  return size === 1 ? list : b.op("Slice", [list, b.ints([0]), b.ints([size]), b.ints([0])]);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.unfold.html */
export const unfold = defineOp("aten::unfold(Tensor(a) self, int dimension, int size, int step) -> Tensor(a)", {
  ...unfolding,
  inverse<T extends object>(t: Calls<T>, { self, ...args }: UnfoldArgs<T>, updated: T): T {
    const { shape } = t.meta(self);
    if (args.step < args.size) refuse("step", args.step, "a write through windows that overlap");
    if (shape.length === 0) return args.size === 0 ? self : t.call(view, updated, []);
    const d = normalizeDim(args.dimension, shape.length);
    return t.call(indexCopy, self, d, placesOf(t, shape[d], args), oneDim(t, updated, d));
  },
});

/** A copy of windows. */
export const unfoldCopy = defineOp(
  "aten::unfold_copy(Tensor self, int dimension, int size, int step) -> Tensor",
  unfolding,
);

/**
 * The gradient of windows: what is at one place is summed up. A program has it where PyTorch made a write through windows
 * functional.
 */
export const unfoldBackward = defineOp(
  "aten::unfold_backward(Tensor grad_in, SymInt[] input_sizes, int dim, int size, int step) -> Tensor",
  {
    decompose: (t, { grad_in, input_sizes, dim, size, step }) => {
      const zeros = t.full(input_sizes, 0, t.meta(grad_in).dtype);
      if (input_sizes.length === 0) return size === 0 ? zeros : t.call(view, grad_in, []);
      const d = normalizeDim(dim, input_sizes.length);
      return t.call(indexAdd, zeros, d, placesOf(t, input_sizes[d], { size, step }), oneDim(t, grad_in, d));
    },
  },
);

/** Where the elements of all windows of a dim are, window by window. */
function placesOf<T extends object>(t: Calls<T>, length: Dim, { size, step }: { size: number; step: number }): T {
  const all = t.call(arange, isSym(length) ? length : BigInt(length));
  return t.call(flatten, t.call(unfold, all, 0, size, step));
}

/** Windows of dim `d`, whose elements are the last dim, one after the other in that dim. */
function oneDim<T extends object>(t: Calls<T>, windows: T, d: number): T {
  return t.call(flatten, t.call(movedimInt, windows, -1, d + 1), d, d + 1);
}
