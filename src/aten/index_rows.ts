/** Writing whole rows of a dim: index_fill, index_copy, index_add, index_reduce. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, eq } from "../sym/mod.ts";
import { isComplex, type Meta, normalizeDim, Tensor } from "../tensor/mod.ts";
import { convert, filled, mapUnary } from "../tensor/loops.ts";
import { emit, NUMBERS } from "./emit.ts";
import { expand, onnxExpand } from "./expand.ts";
import { asList, atLeastList, elementAt, requireIndex } from "./gather.ts";
import { onnxAccumulate, onnxScatterRows } from "./move.ts";
import { defineOp, type MetaContext } from "./op.ts";
import { element, PARTS, partsAnd } from "./rules.ts";
import { scatterReduce } from "./scatter.ts";
import { shaped, withSize } from "./shapes.ts";
import { view } from "./view.ts";
import { accumulated } from "./indexing.ts";

interface RowsArgs<T> {
  readonly self: T;
  readonly dim: number;
  readonly index: T;
}

/** Checks the arguments and gives the dim. */
function checkRows(self: Meta, dim: number, index: Meta, source: Meta | null): number {
  requireIndex(index);
  if (index.shape.length > 1) {
    throw new RangeError(`Rows are named by a list, met an index of ${index.shape.length} dimensions`);
  }
  const d = normalizeDim(dim, self.shape.length);
  if (source) {
    if (source.dtype !== self.dtype) {
      throw new TypeError(`Rows take a source of the dtype of the tensor, ${self.dtype}, met ${source.dtype}`);
    }
    const wanted = withSize(asList(self.shape), d, asList(index.shape)[0]);
    const given = asList(source.shape);
    if (wanted.length !== given.length || wanted.some((n, i) => eq(n, given[i]) === false)) {
      throw new RangeError(`Rows of shape [${wanted.join(", ")}] are needed, met [${source.shape.join(", ")}]`);
    }
  }
  return d;
}

/** The tensor with each named row written; `write` combines an element with a new one. */
function writeRows(self: Tensor, d: number, index: Tensor, source: Tensor, accumulate: boolean): Tensor {
  const shape = asList(self.shape);
  const out = self.data().slice();
  const values = source.data();
  const inner = shape.slice(d + 1).reduce((a, n) => a * n, isComplex(self.dtype) ? 2 : 1);
  const outer = shape.slice(0, d).reduce((a, n) => a * n, 1);
  const rows = Array.from(index.data() as ArrayLike<number | bigint>, (i) => elementAt(i, shape[d]));
  for (let o = 0; o < outer; o++) {
    for (const [k, row] of rows.entries()) {
      for (let i = 0; i < inner; i++) {
        const [to, from] = [(o * shape[d] + row) * inner + i, (o * rows.length + k) * inner + i];
        if (accumulate) accumulated(out, to, values[from], self.dtype === "bool");
        else out[to] = values[from];
      }
    }
  }
  return Tensor.of(self.dtype, self.shape, out);
}

function onnxWriteRows(b: OnnxBuilder, args: RowsArgs<OnnxValue>, source: OnnxValue, accumulate: boolean): OnnxValue {
  const { self, dim, index } = args;
  const { shape } = b.meta(self);
  const d = checkRows(b.meta(self), dim, b.meta(index), b.meta(source));
  const [x, rows, values] = [self, b.cast(index, "int64"), source].map((v) => atLeastList(b, v));
  const result = onnxAccumulate(
    b,
    accumulate,
    [x, values],
    (base, updates) => onnxScatterRows(b, base, d, rows, updates, accumulate ? "add" : "none"),
  );
  return b.reshape(result, shape);
}

/** The shape of the rows that an index names. */
function rowsShape(self: Meta, dim: number, index: Meta): Dim[] {
  return withSize(asList(self.shape), normalizeDim(dim, self.shape.length), asList(index.shape)[0]);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.index_copy_.html */
export const indexCopy = defineOp("aten::index_copy(Tensor self, int dim, Tensor index, Tensor source) -> Tensor", {
  meta: (_, { self, dim, index, source }) => {
    checkRows(self, dim, index, source);
    return shaped(self, self.shape);
  },
  kernel: ({ self, dim, index, source }) => writeRows(self, checkRows(self, dim, index, source), index, source, false),
  complex: PARTS,
  onnx: (b, args) => onnxWriteRows(b, args, args.source, false),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.index_add_.html */
export const indexAdd = defineOp(
  "aten::index_add(Tensor self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor",
  {
    meta: (_, { self, dim, index, source }) => {
      checkRows(self, dim, index, source);
      return shaped(self, self.shape);
    },
    kernel: ({ self, dim, index, source, alpha }) => {
      const d = checkRows(self, dim, index, source);
      const k = element(alpha, self.dtype);
      return writeRows(self, d, index, mapUnary(source, self.dtype, (x) => x * k), true);
    },
    complex: PARTS,
    onnx: (b, { self, dim, index, source, alpha }) => {
      const scaled = Number(alpha) === 1
        ? source
        : emit(b, NUMBERS, "Mul", [source, b.scalar(alpha, b.meta(self).dtype)]);
      return onnxWriteRows(b, { self, dim, index }, scaled, true);
    },
  },
);

const filling = {
  meta(_: MetaContext, { self, dim, index }: RowsArgs<Meta>): Meta {
    checkRows(self, dim, index, null);
    return shaped(self, self.shape);
  },
};

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.index_fill_.html */
export const indexFill = defineOp(
  "aten::index_fill.int_Scalar(Tensor self, int dim, Tensor index, Scalar value) -> Tensor",
  {
    ...filling,
    kernel: ({ self, dim, index, value }) => {
      const source = filled(self.dtype, rowsShape(self, dim, index) as number[], element(value, self.dtype));
      return writeRows(self, checkRows(self, dim, index, null), index, source, false);
    },
    complex: partsAnd("value"),
    onnx: (b, { self, dim, index, value }) => {
      const [meta, at] = [b.meta(self), b.meta(index)];
      const source = onnxExpand(b, b.scalar(value, meta.dtype), rowsShape(meta, dim, at));
      return onnxWriteRows(b, { self, dim, index }, source, false);
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.index_fill_.html */
export const indexFillTensor = defineOp(
  "aten::index_fill.int_Tensor(Tensor self, int dim, Tensor index, Tensor value) -> Tensor",
  {
    ...filling,
    kernel: ({ self, dim, index, value }) => {
      const source = filled(self.dtype, rowsShape(self, dim, index) as number[], convert(value, self.dtype).item());
      return writeRows(self, checkRows(self, dim, index, null), index, source, false);
    },
    complex: partsAnd("value"),
    onnx: (b, { self, dim, index, value }) => {
      const [meta, at] = [b.meta(self), b.meta(index)];
      const source = onnxExpand(b, b.cast(value, meta.dtype), rowsShape(meta, dim, at));
      return onnxWriteRows(b, { self, dim, index }, source, false);
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.index_reduce_.html */
export const indexReduce = defineOp(
  "aten::index_reduce(Tensor self, int dim, Tensor index, Tensor source, str reduce, *, bool include_self=True) -> Tensor",
  {
    decompose: (t, { self, dim, index, source, reduce, include_self }) => {
      const [whole, at] = [t.meta(self), t.meta(index)];
      const d = checkRows(whole, dim, at, t.meta(source));
      const shape = rowsShape(whole, dim, at);
      const placed = t.call(view, index, shape.map((n, i) => i === d ? n : 1));
      const rows = t.call(expand, placed, shape);
      const isList = whole.shape.length === 0;
      const list = isList ? t.call(view, self, [1]) : self;
      const result = t.call(
        scatterReduce,
        list,
        d,
        rows,
        isList ? t.call(view, source, [1]) : source,
        reduce,
        include_self,
      );
      return isList ? t.call(view, result, []) : result;
    },
  },
);
