/** Elements by rank: the k-th smallest, medians and modes. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, gt, isSym, prod } from "../sym/mod.ts";
import { isFloat, type Meta, normalizeDim, type Tensor } from "../tensor/mod.ts";
import { reducedShape } from "./dims.ts";
import { filled } from "../tensor/loops.ts";
import { asList, atLeastList } from "./gather.ts";
import { defineOp, type MetaContext } from "./op.ts";
import { mapLines, onnxOrder, onnxRuns, orderOf } from "./order.ts";
import { like, refuse, requireReal } from "./rules.ts";
import { shaped } from "./shapes.ts";

interface Along<T> {
  readonly self: T;
  readonly dim: number;
  readonly keepdim: boolean;
}

/** Metas of an element of each line and its place. */
function chosenMeta({ self, dim, keepdim }: Along<Meta>): [Meta, Meta] {
  requireReal(self.dtype);
  const axis = normalizeDim(dim, self.shape.length);
  if (self.shape[axis] === 0) throw new RangeError(`Dimension ${dim} has no elements to choose from`);
  const values = shaped(self, self.shape.length === 0 ? [] : reducedShape(self.shape, [axis], keepdim));
  return [values, like(values, "int64")];
}

/** One element of each line and its place, which `choose` tells from the order of the places. */
function chosenKernel(
  { self, dim, keepdim }: Along<Tensor>,
  choose: (places: readonly number[], line: readonly (number | bigint)[]) => number,
): [Tensor, Tensor] {
  const x = self.reshape(asList(self.shape));
  const axis = normalizeDim(dim, x.shape.length);
  const [values, indices] = mapLines(x, axis, 1, [self.dtype, "int64"], (line) => {
    const place = choose(orderOf(line), line);
    return [[line[place]], [place]];
  });
  const shape = self.shape.length === 0 ? [] : reducedShape(self.shape, [axis], keepdim) as number[];
  return [values.reshape(shape), indices.reshape(shape)];
}

/** The elements at given positions in order, one per line; `places` are where they were. */
function pick(
  b: OnnxBuilder,
  ordered: readonly OnnxValue[],
  position: OnnxValue,
  { self, dim, keepdim }: Along<OnnxValue>,
): [OnnxValue, OnnxValue] {
  const { shape } = b.meta(self);
  const axis = normalizeDim(dim, shape.length);
  const drop = (x: OnnxValue): OnnxValue => shape.length === 0 ? b.reshape(x, []) : keepdim ? x : b.squeeze(x, axis);
  const [values, places] = ordered.map((x) => drop(b.op("GatherElements", [x, position], { axis })));
  return [values, places];
}

/** https://docs.pytorch.org/docs/stable/generated/torch.kthvalue.html */
export const kthvalue = defineOp(
  "aten::kthvalue(Tensor self, SymInt k, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)",
  {
    meta: (_, args) => {
      checkRank(args.self, args.k, args.dim);
      return chosenMeta(args);
    },
    kernel: ({ k, ...args }) => {
      checkRank(args.self, k, args.dim);
      return chosenKernel(args, (places) => places[k as number - 1]);
    },
    onnx: (b, { self, k, dim, keepdim }) => {
      const { shape } = b.meta(self);
      checkRank(b.meta(self), k, dim);
      const axis = normalizeDim(dim, shape.length);
      if (shape.length === 0) return [self, b.scalar(0n, "int64")];
      const last = keepdim ? b.ints([-1]) : b.scalar(-1n, "int64");
      const [values, places] = onnxOrder(b, self, axis, k, false).map((x) => b.op("Gather", [x, last], { axis }));
      return [values, places];
    },
  },
);

function checkRank(self: Meta, k: Dim, dim: number): void {
  const size = asList(self.shape)[normalizeDim(dim, self.shape.length)];
  if ((!isSym(k) && k < 1) || gt(k, size) === true) {
    refuse("k", k, `it must lie between 1 and the size of the dimension, ${size}`);
  }
}

/** The position of the median in a line of which `count` elements are not NaN; NaN comes first where it may be the result. */
function medianPosition(size: number, count: number, ignoresNaN: boolean): number {
  if (ignoresNaN) return Math.max((count - 1) >> 1, 0);
  return count < size ? count : (size - 1) >> 1;
}

/** Of an even number of elements, the lower of the two in the middle. */
function median(ignoresNaN: boolean) {
  return {
    meta: (_: MetaContext, args: Along<Meta>): [Meta, Meta] => chosenMeta(args),
    kernel: (args: Along<Tensor>): [Tensor, Tensor] =>
      chosenKernel(args, (places, line) => {
        const count = line.filter((x) => x === x).length;
        return places[medianPosition(line.length, count, ignoresNaN)];
      }),
    onnx: (b: OnnxBuilder, args: Along<OnnxValue>): [OnnxValue, OnnxValue] => {
      const { dtype, shape } = b.meta(args.self);
      const x = atLeastList(b, args.self);
      const axis = normalizeDim(args.dim, shape.length);
      const size = asList(shape)[axis];
      const middle = (count: OnnxValue): OnnxValue =>
        b.op("Div", [b.op("Sub", [count, b.scalar(1n, "int64")]), b.scalar(2n, "int64")]);
      if (!isFloat(dtype)) {
        const position = isSym(size) ? middle(b.dim(size)) : b.scalar(BigInt((size - 1) >> 1), "int64");
        const at = args.keepdim && shape.length > 0 ? b.unsqueeze(position, 0) : position;
        const ordered = onnxOrder(b, x, axis, size, false);
        const [values, places] = ordered.map((v) => b.op("Gather", [v, at], { axis }));
        return [values, places];
      }
      const ordered = onnxOrder(b, x, axis, size, false);
      const isNumber = b.op("Not", [b.op("IsNaN", [dtype === "bfloat16" ? b.cast(x, "float32") : x])]);
      const count = b.op("ReduceSum", [b.cast(isNumber, "int64"), b.ints([axis])], { keepdims: 1 });
      const position = ignoresNaN
        // The quotient is rounded toward zero: of no numbers it is 0.
        ? middle(count)
        : b.op("Where", [b.op("Less", [count, b.dim(size)]), count, middle(b.dim(size))]);
      return pick(b, ordered, position, args);
    },
  };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.median.html */
export const medianDim = defineOp(
  "aten::median.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
  median(false),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.nanmedian.html */
export const nanmedianDim = defineOp(
  "aten::nanmedian.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
  median(true),
);

/** Of all elements. Of none it is NaN, or the lowest integer. */
function medianOfAll(ignoresNaN: boolean) {
  const rules = median(ignoresNaN);
  const none = (dtype: Meta["dtype"]): number => {
    if (isFloat(dtype)) return NaN;
    throw new RangeError(`The median of no elements has no value of dtype ${dtype}`);
  };
  return {
    meta: (_: MetaContext, { self }: { readonly self: Meta }): Meta => {
      requireReal(self.dtype);
      if (self.shape.includes(0)) none(self.dtype);
      return shaped(self, []);
    },
    kernel: ({ self }: { readonly self: Tensor }): Tensor => {
      if (self.numel === 0) return filled(self.dtype, [], none(self.dtype));
      return rules.kernel({ self: self.reshape([self.numel]), dim: 0, keepdim: false })[0];
    },
    onnx: (b: OnnxBuilder, { self }: { readonly self: OnnxValue }): OnnxValue => {
      const { dtype, shape } = b.meta(self);
      if (shape.includes(0)) return b.scalar(none(dtype), dtype);
      return rules.onnx(b, { self: b.reshape(self, [prod(shape)]), dim: 0, keepdim: false })[0];
    },
  };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.median.html */
export const medianAll = defineOp("aten::median(Tensor self) -> Tensor", medianOfAll(false));
/** https://docs.pytorch.org/docs/stable/generated/torch.nanmedian.html */
export const nanmedianAll = defineOp("aten::nanmedian(Tensor self) -> Tensor", medianOfAll(true));

/**
 * The most frequent element of each line, the smallest of several, and its last place. NaN is never equal to NaN.
 *
 * https://docs.pytorch.org/docs/stable/generated/torch.mode.html
 */
export const mode = defineOp(
  "aten::mode(Tensor self, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)",
  {
    meta: (_, args) => chosenMeta(args),
    kernel: (args) =>
      chosenKernel(args, (places, line) => {
        let [best, most] = [places[0], 0];
        for (let i = 0; i < places.length;) {
          let end = i + 1;
          while (end < places.length && line[places[end]] === line[places[i]]) end++;
          if (end - i > most) [best, most] = [places[end - 1], end - i];
          i = end;
        }
        return best;
      }),
    onnx: (b, args) => {
      const { shape } = b.meta(args.self);
      const axis = normalizeDim(args.dim, shape.length);
      const x = atLeastList(b, args.self);
      const size = asList(shape)[axis];
      const ordered = onnxOrder(b, x, axis, size, false);
      const { count } = onnxRuns(b, ordered[0], axis);
      // The first of the largest counts is that of the smallest element.
      const longest = b.op("ArgMax", [count], { axis, keepdims: 1 });
      const end = b.op("GatherElements", [b.op("CumSum", [count, b.dim(axis)]), longest], { axis });
      return pick(b, ordered, b.op("Sub", [end, b.scalar(1n, "int64")]), args);
    },
  },
);
