/** Where numbers belong in sorted sequences: searchsorted and bucketize. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { eq, isSym } from "../sym/mod.ts";
import { isComplex, type Meta, newData, resultType, Tensor } from "../tensor/mod.ts";
import { gatherBy, store } from "../tensor/loops.ts";
import { scalarDType } from "./bind.ts";
import { emitTest, NUMBERS } from "./emit.ts";
import { onnxExpand } from "./expand.ts";
import { defineOp, type Promotion } from "./op.ts";
import { refuse } from "./rules.ts";

interface Search<T> {
  readonly sorted_sequence: T;
  readonly self: T;
  readonly out_int32: boolean;
  readonly right: boolean;
  readonly side: string | null;
  readonly sorter: T | null;
}

/** Whether equal elements of the sequence lie before the number. */
function isRight({ right, side }: Search<unknown>): boolean {
  if (side !== null && side !== "left" && side !== "right") refuse("side", side, "it must be left or right");
  if (side === "left" && right) refuse("side", side, "it contradicts right=True");
  return right || side === "right";
}

function metaOf(args: Search<Meta>): Meta {
  const { sorted_sequence: sequence, self, sorter, out_int32 } = args;
  isRight(args);
  const rank = sequence.shape.length;
  if (rank === 0) throw new RangeError("A sorted sequence must have at least 1 dimension");
  if (isComplex(self.dtype) || self.dtype === "bool") {
    throw new TypeError(`Numbers of dtype ${self.dtype} have no place in a sorted sequence`);
  }
  const fits = rank === 1 ||
    (self.shape.length === rank && sequence.shape.slice(0, -1).every((d, i) => eq(d, self.shape[i]) !== false));
  if (!fits) throw new RangeError("Sequences and numbers must have the same dimensions but for the last");
  if (sorter && (sorter.dtype !== "int64" || sorter.shape.length !== rank)) {
    throw new TypeError("Argument sorter must be int64 and of the shape of the sequence");
  }
  return { dtype: out_int32 ? "int32" : "int64", shape: self.shape };
}

/** Binary search, as PyTorch does it: NaN belongs at the end. */
function placeOf(line: ArrayLike<number | bigint>, x: number | bigint, right: boolean): number {
  let [start, end] = [0, line.length];
  while (start < end) {
    const middle = (start + end) >> 1;
    if (right ? !(line[middle] > x) : !(line[middle] >= x)) start = middle + 1;
    else end = middle;
  }
  return start;
}

/** Binary search as a Loop: the same as the kernel does, also where the sequence is not in order. */
function onnxSearch(b: OnnxBuilder, sequence: OnnxValue, x: OnnxValue, right: boolean): OnnxValue {
  const lines = b.meta(sequence).shape;
  const size = b.dim(lines[lines.length - 1]);
  const { shape } = b.meta(x);
  const one = b.scalar(1n, "int64");
  const anyOpen = (inner: OnnxBuilder, start: OnnxValue, end: OnnxValue): OnnxValue => {
    const open = inner.cast(inner.op("Less", [start, end]), "int64");
    return inner.cast(inner.op("ReduceSum", [open, null], { keepdims: 0 }), "bool");
  };
  const begin = onnxExpand(b, b.scalar(0n, "int64"), shape);
  const last = b.op("Sub", [size, one]);
  const end = b.op("Add", [begin, size]);
  const body = b.subgraph("search_body", (inner) => {
    inner.input("iteration", { dtype: "int64", shape: [] });
    inner.input("go_on", { dtype: "bool", shape: [] });
    const [low, high] = ["low", "high"].map((name) => inner.input(name, { dtype: "int64", shape }));
    const middle = inner.op("Div", [inner.op("Add", [low, high]), inner.scalar(2n, "int64")]);
    const place = inner.op("Min", [middle, last]);
    const found = lines.length === 1
      ? inner.op("Gather", [sequence, place], { axis: 0 })
      : inner.op("GatherElements", [sequence, place], { axis: lines.length - 1 });
    const isAfter = emitTest(inner, NUMBERS, right ? "Greater" : "GreaterOrEqual", [found, x]);
    const isOpen = inner.op("Less", [low, high]);
    const goesUp = inner.op("And", [isOpen, inner.op("Not", [isAfter])]);
    const newLow = inner.op("Where", [goesUp, inner.op("Add", [middle, one]), low]);
    const newHigh = inner.op("Where", [inner.op("And", [isOpen, isAfter]), middle, high]);
    return [anyOpen(inner, newLow, newHigh), newLow, newHigh];
  });
  const [result] = b.ops("Loop", [null, anyOpen(b, begin, end), begin, end], 2, { body });
  result.meta = { dtype: "int64", shape };
  return result;
}

const rules = {
  promote: { args: ["sorted_sequence", "self"], to: "default" } as Promotion,
  meta: (_: unknown, args: Search<Meta>): Meta => metaOf(args),
  kernel(args: Search<Tensor>): Tensor {
    const { dtype, shape } = metaOf(args);
    const { sorted_sequence: given, self, sorter } = args;
    const right = isRight(args);
    const order = sorter?.data();
    let at = 0;
    const sequence = order
      ? gatherBy(given, given.shape, (index) => [...index.slice(0, -1), Number(order[at++])])
      : given;
    const size = sequence.shape[sequence.shape.length - 1];
    const [all, x] = [sequence.data(), self.data()];
    const perLine = sequence.shape.length === 1 ? Infinity : self.shape[self.shape.length - 1];
    const out = newData(dtype, x.length);
    for (let i = 0; i < x.length; i++) {
      const line = perLine === Infinity ? 0 : Math.floor(i / perLine);
      store(out, i, placeOf(all.slice(line * size, (line + 1) * size), x[i], right));
    }
    return Tensor.of(dtype, shape as number[], out);
  },
  /** The number of elements that lie before each number; a search where it is open how many there are. */
  onnx(b: OnnxBuilder, args: Search<OnnxValue>): OnnxValue {
    const { sorted_sequence: given, self, sorter, out_int32 } = args;
    const rank = b.meta(given).shape.length;
    const sequence = sorter ? b.op("GatherElements", [given, sorter], { axis: rank - 1 }) : given;
    const size = b.meta(given).shape[rank - 1];
    if (isSym(size)) return b.cast(onnxSearch(b, sequence, self, isRight(args)), out_int32 ? "int32" : "int64");
    const lines = rank === 1 ? sequence : b.unsqueeze(sequence, rank - 1);
    const numbers = b.unsqueeze(self, b.meta(self).shape.length);
    const isAfter = emitTest(b, NUMBERS, isRight(args) ? "Greater" : "GreaterOrEqual", [lines, numbers]);
    const isBefore = b.cast(b.op("Not", [isAfter]), out_int32 ? "int32" : "int64");
    return b.op("ReduceSum", [isBefore, b.ints([-1])], { keepdims: 0 });
  },
};

/** https://docs.pytorch.org/docs/stable/generated/torch.searchsorted.html */
export const searchsorted = defineOp(
  "aten::searchsorted.Tensor(Tensor sorted_sequence, Tensor self, *, bool out_int32=False, bool right=False, str? side=None, Tensor? sorter=None) -> Tensor",
  rules,
);
/** Of one number. */
export const searchsortedScalar = defineOp(
  "aten::searchsorted.Scalar(Tensor sorted_sequence, Scalar self, *, bool out_int32=False, bool right=False, str? side=None, Tensor? sorter=None) -> Tensor",
  {
    decompose: (t, { sorted_sequence, self, out_int32, right, side, sorter }) => {
      // A float beside integers makes both float.
      const { dtype } = t.meta(sorted_sequence);
      const common = resultType([{ dtype }, { dtype: scalarDType(self), wrapped: true }]);
      const sequence = t.cast(sorted_sequence, common);
      return t.call(searchsorted, sequence, t.full([], self, common), out_int32, right, side, sorter);
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.bucketize.html */
export const bucketize = defineOp(
  "aten::bucketize.Tensor(Tensor self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor",
  {
    decompose: (t, { self, boundaries, out_int32, right }) => {
      requireList(t.meta(boundaries));
      return t.call(searchsorted, boundaries, self, out_int32, right);
    },
  },
);
/** Of one number. */
export const bucketizeScalar = defineOp(
  "aten::bucketize.Scalar(Scalar self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor",
  {
    decompose: (t, { self, boundaries, out_int32, right }) => {
      requireList(t.meta(boundaries));
      return t.call(searchsortedScalar, boundaries, self, out_int32, right);
    },
  },
);

function requireList({ shape }: Meta): void {
  if (shape.length !== 1) throw new RangeError(`Boundaries must have 1 dimension, met ${shape.length}`);
}
