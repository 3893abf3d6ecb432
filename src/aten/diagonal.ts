/** Diagonals of two dims, and writing them back. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { add, type Dim, isSym, mul, sub } from "../sym/mod.ts";
import { type Meta, normalizeDim, Tensor } from "../tensor/mod.ts";
import { type Calls, defineOp, type MetaContext } from "./op.ts";
import { PARTS, partsAnd, requireShape } from "./rules.ts";
import { invertOrder, larger, shaped, smaller } from "./shapes.ts";
import { written } from "./slice.ts";

interface DiagonalArgs<T> {
  readonly self: T;
  readonly offset: number;
  readonly dim1: number;
  readonly dim2: number;
}

/** Where a diagonal lies. */
interface Place {
  /** The two dims, and the others in order. */
  readonly rows: number;
  readonly columns: number;
  readonly rest: readonly number[];
  /** Row and column of its first element. */
  readonly firstRow: number;
  readonly firstColumn: number;
  readonly length: Dim;
}

function placeOf(shape: readonly Dim[], { offset, dim1, dim2 }: Omit<DiagonalArgs<unknown>, "self">): Place {
  const rank = shape.length;
  const [rows, columns] = [normalizeDim(dim1, rank), normalizeDim(dim2, rank)];
  if (rank < 2 || rows === columns) {
    throw new RangeError(`A diagonal takes two dims, met ${dim1} and ${dim2} of ${rank}`);
  }
  const [firstRow, firstColumn] = [Math.max(-offset, 0), Math.max(offset, 0)];
  return {
    rows,
    columns,
    rest: shape.flatMap((_, d) => d === rows || d === columns ? [] : [d]),
    firstRow,
    firstColumn,
    length: larger(smaller(sub(shape[rows], firstRow), sub(shape[columns], firstColumn)), 0),
  };
}

function diagonalView(x: Tensor, place: Place): Tensor {
  const { rows, columns, rest, firstRow, firstColumn } = place;
  const length = place.length as number;
  const shape = [...rest.map((d) => x.shape[d]), length];
  const strides = [...rest.map((d) => x.strides[d]), x.strides[rows] + x.strides[columns]];
  const offset = length === 0 ? x.offset : x.offset + firstRow * x.strides[rows] + firstColumn * x.strides[columns];
  return new Tensor(x.dtype, shape, x.storage, strides, offset);
}

/** Row and column of each element: `int64[length, 2]`. */
function onnxPairs(b: OnnxBuilder, { firstRow, firstColumn, length }: Place): OnnxValue {
  if (!isSym(length)) {
    const pairs = Array.from({ length }, (_, i) => [BigInt(firstRow + i), BigInt(firstColumn + i)]).flat();
    return b.constant(Tensor.of("int64", [length, 2], pairs));
  }
  const column = (first: number): OnnxValue =>
    b.unsqueeze(b.op("Range", [b.dim(first), b.dim(add(length, first)), b.dim(1)]), 1);
  return b.op("Concat", [column(firstRow), column(firstColumn)], { axis: 1 });
}

const taking = {
  meta(_: MetaContext, { self, ...args }: DiagonalArgs<Meta>): Meta {
    const { rest, length } = placeOf(self.shape, args);
    return shaped(self, [...rest.map((d) => self.shape[d]), length]);
  },
  kernel: ({ self, ...args }: DiagonalArgs<Tensor>): Tensor => diagonalView(self, placeOf(self.shape, args)),
  complex: PARTS,
  onnx(b: OnnxBuilder, { self, ...args }: DiagonalArgs<OnnxValue>): OnnxValue {
    const { shape } = b.meta(self);
    const place = placeOf(shape, args);
    const { rows, columns, rest, firstRow, firstColumn, length } = place;
    if (rest.length === 0) return b.op("GatherND", [b.transpose(self, [rows, columns]), onnxPairs(b, place)]);
    // The two dims become one, in which the diagonal's elements stand at equal distances.
    const width = shape[columns];
    const flat = b.reshape(b.transpose(self, [...rest, rows, columns]), [
      ...rest.map((d) => shape[d]),
      mul(shape[rows], width),
    ]);
    const first = add(mul(width, firstRow), firstColumn);
    const step = add(width, 1);
    const at = isSym(first) || isSym(step) || isSym(length)
      ? b.op("Range", [b.dim(first), b.dim(add(first, mul(step, length))), b.dim(step)])
      : b.ints(Array.from({ length }, (_, i) => first + i * step));
    return b.op("Gather", [flat, at], { axis: rest.length });
  },
};

/** https://docs.pytorch.org/docs/stable/generated/torch.diagonal.html */
export const diagonal = defineOp(
  "aten::diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)",
  {
    ...taking,
    inverse<T extends object>(t: Calls<T>, { self, offset, dim1, dim2 }: DiagonalArgs<T>, updated: T): T {
      return t.call(diagonalScatter, self, updated, offset, dim1, dim2);
    },
  },
);

/** A copy of a diagonal. */
export const diagonalCopy = defineOp(
  "aten::diagonal_copy(Tensor self, int offset=0, int dim1=0, int dim2=1) -> Tensor",
  taking,
);

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.diagonal.html */
export const linalgDiagonal = defineOp(
  "aten::linalg_diagonal(Tensor(a) A, *, int offset=0, int dim1=-2, int dim2=-1) -> Tensor(a)",
  {
    decompose: (t, { A, offset, dim1, dim2 }) => t.call(diagonal, A, offset, dim1, dim2),
    inverse: <T extends object>(
      t: Calls<T>,
      { A, offset, dim1, dim2 }: Omit<DiagonalArgs<T>, "self"> & { readonly A: T },
      updated: T,
    ): T => t.call(diagonalScatter, A, updated, offset, dim1, dim2),
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.diagonal_scatter.html */
export const diagonalScatter = defineOp(
  "aten::diagonal_scatter(Tensor self, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor",
  {
    meta: (_, { self, src, ...args }) => {
      const { rest, length } = placeOf(self.shape, args);
      requireShape("src", src, [...rest.map((d) => self.shape[d]), length]);
      return shaped(self, self.shape);
    },
    kernel: ({ self, src, ...args }) => written(self, src, (x) => diagonalView(x, placeOf(x.shape, args))),
    complex: partsAnd("src"),
    onnx: (b, { self, src, ...args }) => {
      const { dtype, shape } = b.meta(self);
      const place = placeOf(shape, args);
      const order = [place.rows, place.columns, ...place.rest];
      const last = place.rest.length;
      const updates = b.transpose(b.cast(src, dtype), [last, ...place.rest.keys()]);
      const result = b.op("ScatterND", [b.transpose(self, order), onnxPairs(b, place), updates]);
      return b.transpose(result, invertOrder(order));
    },
  },
);
