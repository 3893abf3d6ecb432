/** Matrices made of a diagonal, diagonals that are filled, and the trace. */
import { add, ceilDiv, type Dim, eq, prod } from "../sym/mod.ts";
import { normalizeDim } from "../tensor/mod.ts";
import { diagonal, diagonalCopy, diagonalScatter } from "./diagonal.ts";
import { type Calls, defineOp } from "./op.ts";
import { permute } from "./permute.ts";
import { sum } from "./reduce.ts";
import { invertOrder, smaller } from "./shapes.ts";
import { sliceScatter } from "./slice.ts";
import { reshape, view } from "./view.ts";

interface EmbedArgs<T> {
  readonly self: T;
  readonly offset: number;
  readonly dim1: number;
  readonly dim2: number;
}

/** Zeros but for a diagonal of two new dims, which is the last dim of `self`. */
function embedded<T extends object>(t: Calls<T>, { self, offset, dim1, dim2 }: EmbedArgs<T>): T {
  const { dtype, shape } = t.meta(self);
  if (shape.length === 0) throw new RangeError("diag_embed takes a tensor of at least one dimension");
  const rank = shape.length + 1;
  const [d1, d2] = [normalizeDim(dim1, rank), normalizeDim(dim2, rank)];
  if (d1 === d2) throw new RangeError(`The dims of a diagonal must differ, met ${dim1} and ${dim2}`);
  const size = add(shape[shape.length - 1], Math.abs(offset));
  const lead = shape.slice(0, -1);
  const last = rank - 1;
  const matrices = t.call(diagonalScatter, t.full([...lead, size, size], 0n, dtype), self, offset, last - 1, last);
  // The other dims stay in order around the two.
  const rest = Array.from({ length: rank }, (_, d) => d).filter((d) => d !== d1 && d !== d2);
  return t.call(permute, matrices, invertOrder([...rest, d1, d2]));
}

/** https://docs.pytorch.org/docs/stable/generated/torch.diag_embed.html */
export const diagEmbed = defineOp(
  "aten::diag_embed(Tensor self, int offset=0, int dim1=-2, int dim2=-1) -> Tensor",
  { decompose: (t, args) => embedded(t, args) },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.diag.html: of a list a matrix, of a matrix a list. */
export const diag = defineOp("aten::diag(Tensor self, int diagonal=0) -> Tensor", {
  decompose: (t, { self, diagonal }) => {
    const rank = t.meta(self).shape.length;
    if (rank === 1) return embedded(t, { self, offset: diagonal, dim1: 0, dim2: 1 });
    if (rank !== 2) throw new RangeError(`diag takes a tensor of 1 or 2 dimensions, met ${rank}`);
    return t.call(diagonalCopy, self, diagonal, 0, 1);
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.diagflat.html */
export const diagflat = defineOp("aten::diagflat(Tensor self, int offset=0) -> Tensor", {
  decompose: (t, { self, offset }) =>
    embedded(t, { self: t.call(reshape, self, [prod(t.meta(self).shape)]), offset, dim1: 0, dim2: 1 }),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.trace.html */
export const trace = defineOp("aten::trace(Tensor self) -> Tensor", {
  decompose: (t, { self }) => {
    const rank = t.meta(self).shape.length;
    if (rank !== 2) throw new RangeError(`trace takes a matrix, met a tensor of ${rank} dimensions`);
    return t.call(sum, t.call(diagonal, self, 0, 0, 1), null);
  },
});

/** The sum of the sizes of one step along all dims of a contiguous tensor. */
function stepAlongAll(shape: readonly Dim[]): Dim {
  return shape.reduce<Dim>((step, _, d) => add(step, prod(shape.slice(d + 1))), 0);
}

/**
 * The functional form of `fill_diagonal_`. The elements of the diagonal lie at equal distances; with `wrap`, a tall matrix
 * goes on after its last column, one row below.
 *
 * https://docs.pytorch.org/docs/stable/generated/torch.Tensor.fill_diagonal_.html
 */
export const fillDiagonal = defineOp(
  "aten::fill_diagonal(Tensor self, Scalar fill_value, bool wrap=False) -> Tensor",
  {
    decompose: (t, { self, fill_value, wrap }) => {
      const { dtype, shape } = t.meta(self);
      if (shape.length < 2) throw new RangeError(`fill_diagonal_ takes at least 2 dimensions, met ${shape.length}`);
      if (shape.length > 2 && shape.some((d) => eq(d, shape[0]) === false)) {
        throw new RangeError(`fill_diagonal_ takes dimensions of one size, met [${shape.join(", ")}]`);
      }
      if (shape.length === 2 && !wrap) {
        const length = smaller(shape[0], shape[1]);
        return t.call(diagonalScatter, self, t.full([length], fill_value, dtype), 0, 0, 1);
      }
      const step = stepAlongAll(shape);
      const total = prod(shape);
      if (total === 0) return self;
      const count = shape.length === 2 ? ceilDiv(total, step) : shape[0];
      const flat = t.call(view, self, [total]);
      const filled = t.call(sliceScatter, flat, t.full([count], fill_value, dtype), 0, null, null, step);
      return t.call(view, filled, shape);
    },
  },
);
