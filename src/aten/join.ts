/**
 * Joining tensors along dims that they may lack: the stacking functions of NumPy's kind, blocks on a diagonal, products
 * and combinations of lists. All are written in terms of `cat` and views.
 */
import { add, type Dim, floorDiv, isSym, mul, neg, prod, sub } from "../sym/mod.ts";
import { categoryOf, normalizeDim, Tensor } from "../tensor/mod.ts";
import { cat } from "./cat.ts";
import { meshgrid } from "./expand.ts";
import { stack } from "./flip.ts";
import { indices as allIndices } from "../tensor/loops.ts";
import { indexSelect } from "./gather.ts";
import { onnxNonZero } from "./move.ts";
import { type Calls, defineOp, type Promotion } from "./op.ts";
import { refuse } from "./rules.ts";
import { larger, withSize } from "./shapes.ts";
import { slice } from "./slice.ts";
import { flatten, reshape, unsqueeze, view } from "./view.ts";

/** Joined tensors come to their result type. */
const joining: Promotion = { args: ["tensors"], to: "default" };

/** The tensor with at least one, two or three dims, as `numpy.atleast_3d` places them; itself where it has them. */
function atLeast<T extends object>(t: Calls<T>, rank: 1 | 2 | 3, x: T): T {
  const { shape } = t.meta(x);
  if (shape.length >= rank) return x;
  if (shape.length === 0) return t.call(view, x, new Array<number>(rank).fill(1));
  const front = shape.length === 1 && rank > 1 ? t.call(unsqueeze, x, 0) : x;
  return rank === 3 ? t.call(unsqueeze, front, -1) : front;
}

/** The operator gives its argument, or a view of it: what was written there is written to the argument. */
function atLeastInverse<T extends object>(t: Calls<T>, { self }: { readonly self: T }, updated: T): T {
  const { shape } = t.meta(self);
  return t.meta(updated).shape.length === shape.length ? updated : t.call(view, updated, shape);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.atleast_1d.html */
export const atleast1d = defineOp("aten::atleast_1d(Tensor self) -> Tensor", {
  decompose: (t, { self }) => atLeast(t, 1, self),
  inverse: atLeastInverse,
});
/** https://docs.pytorch.org/docs/stable/generated/torch.atleast_1d.html */
export const atleast1dSequence = defineOp("aten::atleast_1d.Sequence(Tensor[] tensors) -> Tensor[]", {
  decompose: (t, { tensors }) => tensors.map((x) => atLeast(t, 1, x)),
  views: (t, { tensors }) => tensors.map((x) => atLeast(t, 1, x)),
});
/** https://docs.pytorch.org/docs/stable/generated/torch.atleast_2d.html */
export const atleast2d = defineOp("aten::atleast_2d(Tensor self) -> Tensor", {
  decompose: (t, { self }) => atLeast(t, 2, self),
  inverse: atLeastInverse,
});
/** https://docs.pytorch.org/docs/stable/generated/torch.atleast_2d.html */
export const atleast2dSequence = defineOp("aten::atleast_2d.Sequence(Tensor[] tensors) -> Tensor[]", {
  decompose: (t, { tensors }) => tensors.map((x) => atLeast(t, 2, x)),
  views: (t, { tensors }) => tensors.map((x) => atLeast(t, 2, x)),
});
/** https://docs.pytorch.org/docs/stable/generated/torch.atleast_3d.html */
export const atleast3d = defineOp("aten::atleast_3d(Tensor self) -> Tensor", {
  decompose: (t, { self }) => atLeast(t, 3, self),
  inverse: atLeastInverse,
});
/** https://docs.pytorch.org/docs/stable/generated/torch.atleast_3d.html */
export const atleast3dSequence = defineOp("aten::atleast_3d.Sequence(Tensor[] tensors) -> Tensor[]", {
  decompose: (t, { tensors }) => tensors.map((x) => atLeast(t, 3, x)),
  views: (t, { tensors }) => tensors.map((x) => atLeast(t, 3, x)),
});

/** @throws {RangeError} when there is nothing to join */
function requireSome(tensors: readonly unknown[], name: string): void {
  if (tensors.length === 0) throw new RangeError(`${name} takes at least one tensor`);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.concat.html */
export const concat = defineOp("aten::concat(Tensor[] tensors, int dim=0) -> Tensor", {
  promote: joining,
  decompose: (t, { tensors, dim }) => t.call(cat, tensors, dim),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.concatenate.html */
export const concatenate = defineOp("aten::concatenate(Tensor[] tensors, int dim=0) -> Tensor", {
  promote: joining,
  decompose: (t, { tensors, dim }) => t.call(cat, tensors, dim),
});

/** What `stack` calls inside. */
export const stackInner = defineOp("aten::_stack(Tensor[] tensors, int dim=0) -> Tensor", {
  promote: joining,
  decompose: (t, { tensors, dim }) => t.call(stack, tensors, dim),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.hstack.html: along the second dim, lists along their only one. */
export const hstack = defineOp("aten::hstack(Tensor[] tensors) -> Tensor", {
  promote: joining,
  decompose: (t, { tensors }) => {
    requireSome(tensors, "hstack");
    const parts = tensors.map((x) => atLeast(t, 1, x));
    return t.call(cat, parts, t.meta(parts[0]).shape.length === 1 ? 0 : 1);
  },
});

function stackRows<T extends object>(t: Calls<T>, tensors: readonly T[], name: string): T {
  requireSome(tensors, name);
  return t.call(cat, tensors.map((x) => atLeast(t, 2, x)), 0);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.vstack.html */
export const vstack = defineOp("aten::vstack(Tensor[] tensors) -> Tensor", {
  promote: joining,
  decompose: (t, { tensors }) => stackRows(t, tensors, "vstack"),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.row_stack.html */
export const rowStack = defineOp("aten::row_stack(Tensor[] tensors) -> Tensor", {
  promote: joining,
  decompose: (t, { tensors }) => stackRows(t, tensors, "row_stack"),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.dstack.html */
export const dstack = defineOp("aten::dstack(Tensor[] tensors) -> Tensor", {
  promote: joining,
  decompose: (t, { tensors }) => {
    requireSome(tensors, "dstack");
    return t.call(cat, tensors.map((x) => atLeast(t, 3, x)), 2);
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.column_stack.html: lists are columns. */
export const columnStack = defineOp("aten::column_stack(Tensor[] tensors) -> Tensor", {
  promote: joining,
  decompose: (t, { tensors }) => {
    requireSome(tensors, "column_stack");
    const columns = tensors.map((x) => {
      const { shape } = t.meta(x);
      return shape.length <= 1 ? t.call(view, x, [prod(shape), 1]) : x;
    });
    return t.call(cat, columns, 1);
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.block_diag.html */
export const blockDiag = defineOp("aten::block_diag(Tensor[] tensors) -> Tensor", {
  promote: joining,
  decompose: (t, { tensors }) => {
    if (tensors.length === 0) return t.full([1, 0], 0n, "float32");
    const blocks = tensors.map((x) => {
      const rank = t.meta(x).shape.length;
      if (rank > 2) throw new RangeError(`block_diag takes tensors of at most 2 dimensions, met one of ${rank}`);
      return atLeast(t, 2, x);
    });
    const widths = blocks.map((x) => t.meta(x).shape[1]);
    const total = widths.reduce(add);
    let before: Dim = 0;
    const rows = blocks.map((x, i) => {
      const after = sub(sub(total, before), widths[i]);
      const row = t.call(cat, [...zeroColumns(t, x, before), x, ...zeroColumns(t, x, after)], 1);
      before = add(before, widths[i]);
      return row;
    });
    return rows.length === 1 ? blocks[0] : t.call(cat, rows, 0);
  },
});

/** Columns of zeros beside a matrix, none where their number is known to be 0. */
function zeroColumns<T extends object>(t: Calls<T>, x: T, width: Dim): readonly T[] {
  const { dtype, shape } = t.meta(x);
  return width === 0 ? [] : [t.full([shape[0], width], 0n, dtype)];
}

/** https://docs.pytorch.org/docs/stable/generated/torch.cartesian_prod.html: a single list is itself. */
export const cartesianProd = defineOp("aten::cartesian_prod(Tensor[] tensors) -> Tensor", {
  decompose: (t, { tensors }) => {
    requireSome(tensors, "cartesian_prod");
    for (const x of tensors) {
      const rank = t.meta(x).shape.length;
      if (rank !== 1) throw new RangeError(`cartesian_prod takes lists, met a tensor of ${rank} dimensions`);
    }
    if (tensors.length === 1) return tensors[0];
    return t.call(flatten, t.call(stack, t.call(meshgrid, tensors), -1), 0, -2);
  },
  views: (_, { tensors }) => [tensors.length === 1 ? tensors[0] : null],
});

/** `n (n - 1) … / r!`, or with repetition `n (n + 1) … / r!`. */
function countCombinations(n: Dim, r: number, repeated: boolean): Dim {
  let [count, divisor]: [Dim, number] = [1, 1];
  for (let k = 0; k < r; k++) {
    count = mul(count, repeated ? add(n, k) : sub(n, k));
    divisor *= k + 1;
  }
  return isSym(count) || count > 0 ? floorDiv(count, divisor) : 0;
}

/** Indices of each combination in order, row by row. */
function combinationRows(n: number, r: number, repeated: boolean): bigint[] {
  const rows: bigint[] = [];
  for (const index of allIndices(new Array<number>(r).fill(n))) {
    const isInOrder = index.every((k, d) => d === 0 || (repeated ? index[d - 1] <= k : index[d - 1] < k));
    if (isInOrder) rows.push(...index.map(BigInt));
  }
  return rows;
}

/** https://docs.pytorch.org/docs/stable/generated/torch.combinations.html */
export const combinations = defineOp(
  "aten::combinations(Tensor self, int r=2, bool with_replacement=False) -> Tensor",
  {
    meta: (_, { self, r, with_replacement }) => {
      const n = requireList(self.shape);
      if (r < 0) throw new RangeError(`combinations takes a number of elements that is not negative, met ${r}`);
      if (r === 0) return { dtype: self.dtype, shape: [0] };
      return { dtype: self.dtype, shape: [countCombinations(n, r, with_replacement), r] };
    },
    kernel: ({ self, r, with_replacement }) => {
      if (r === 0) return Tensor.of(self.dtype, [0], []);
      const rows = combinationRows(self.shape[0], r, with_replacement);
      const at = Tensor.of("int64", [rows.length], rows);
      return indexSelect.kernel!({ self, dim: 0, index: at }).reshape([rows.length / r, r]);
    },
    onnx: (b, { self, r, with_replacement }) => {
      const { dtype, shape } = b.meta(self);
      const n = requireList(shape);
      if (r === 0) return b.constant(Tensor.of(dtype, [0], []));
      if (!isSym(n)) {
        const rows = combinationRows(n, r, with_replacement);
        const at = b.constant(Tensor.of("int64", [rows.length / r, r], rows));
        return b.op("Gather", [self, at], { axis: 0 });
      }
      if (r === 1) return b.unsqueeze(self, 1);
      // Where the indices of a grid rise from dim to dim.
      const range = b.op("Range", [b.dim(0), b.dim(n), b.dim(1)]);
      const along = Array.from(
        { length: r },
        (_, d) => b.unsqueeze(range, ...[...Array(r).keys()].filter((k) => k !== d)),
      );
      const rises = along.slice(1).map((x, d) => b.op(with_replacement ? "LessOrEqual" : "Less", [along[d], x]));
      const found = onnxNonZero(b, rises.reduce((x, y) => b.op("And", [x, y])));
      const result = b.op("Gather", [self, b.transpose(found, [1, 0])], { axis: 0 });
      result.meta = { dtype, shape: [countCombinations(n, r, with_replacement), r] };
      return result;
    },
  },
);

function requireList(shape: readonly Dim[]): Dim {
  if (shape.length !== 1) throw new RangeError(`combinations takes a list, met a tensor of ${shape.length} dimensions`);
  return shape[0];
}

/** Each tensor is padded with zeros to a multiple of the number of chunks; the chunks of all of them stand side by side. */
export const chunkCat = defineOp("aten::_chunk_cat(Tensor[] tensors, int dim, int num_chunks) -> Tensor", {
  decompose: (t, { tensors, dim, num_chunks }) => {
    requireSome(tensors, "_chunk_cat");
    if (num_chunks < 1) refuse("num_chunks", num_chunks, "there must be at least one chunk");
    const first = t.meta(tensors[0]);
    const d = normalizeDim(dim, first.shape.length);
    const parts = tensors.map((x) => {
      const { dtype, shape } = t.meta(x);
      if (dtype !== first.dtype) throw new TypeError("_chunk_cat takes tensors of one dtype");
      const size = mul(floorDiv(add(shape[d], num_chunks - 1), num_chunks), num_chunks);
      const missing = sub(size, shape[d]);
      const whole = missing === 0 ? x : t.call(cat, [x, t.full(withSize(shape, d, missing), 0n, dtype)], d);
      const rest = prod([floorDiv(size, num_chunks), ...shape.slice(d + 1)]);
      return t.call(view, whole, [...shape.slice(0, d), num_chunks, rest]);
    });
    return t.call(cat, parts, d + 1);
  },
});

/** The elements of all tensors in one list. */
export const flattenDenseTensors = defineOp("aten::flatten_dense_tensors(Tensor[] tensors) -> Tensor", {
  decompose: (t, { tensors }) => t.call(cat, tensors.map((x) => t.call(reshape, x, [-1])), 0),
  views: (t, { tensors }) => [tensors.length === 1 ? t.call(reshape, tensors[0], [-1]) : null],
});

/** Takes a list of elements apart again, into the shapes of `tensors`. */
export const unflattenDenseTensors = defineOp(
  "aten::unflatten_dense_tensors(Tensor flat, Tensor[] tensors) -> Tensor[]",
  {
    decompose: (t, { flat, tensors }) => piecesOf(t, flat, tensors),
    views: (t, { flat, tensors }) => piecesOf(t, flat, tensors),
  },
);

function piecesOf<T extends object>(t: Calls<T>, flat: T, tensors: readonly T[]): readonly T[] {
  let at: Dim = 0;
  return tensors.map((x) => {
    const { shape } = t.meta(x);
    const [start, end] = [at, add(at, prod(shape))];
    at = end;
    return t.call(view, t.call(slice, flat, 0, start, end), shape);
  });
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.rnn.pad_sequence.html */
export const padSequence = defineOp(
  `aten::pad_sequence(Tensor[] sequences, bool batch_first=False, float padding_value=0., str padding_side="right") -> Tensor`,
  {
    decompose: (t, { sequences, batch_first, padding_value, padding_side }) => {
      requireSome(sequences, "pad_sequence");
      if (padding_side !== "left" && padding_side !== "right") {
        refuse("padding_side", padding_side, "it must be left or right");
      }
      const { dtype } = t.meta(sequences[0]);
      const value = categoryOf(dtype) === "bool" ? padding_value !== 0 : padding_value;
      const lengths = sequences.map((x) => t.meta(x).shape[0]);
      const longest = lengths.reduce((a, n) => larger(a, n));
      const rows = sequences.map((x, i) => {
        const missing = add(longest, neg(lengths[i]));
        if (missing === 0) return x;
        const padding = t.full([missing, ...t.meta(x).shape.slice(1)], value, dtype);
        return t.call(cat, padding_side === "right" ? [x, padding] : [padding, x], 0);
      });
      return t.call(stack, rows, batch_first ? 0 : 1);
    },
  },
);
