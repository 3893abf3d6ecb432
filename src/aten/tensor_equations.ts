/** Equations between tensors that are matrices when dims are merged: linalg.tensorinv and linalg.tensorsolve. */
import { eq, prod } from "../sym/mod.ts";
import { normalizeDim } from "../tensor/mod.ts";
import { defineOp } from "./op.ts";
import { permute } from "./permute.ts";
import { linalgInv, linalgSolve } from "./solve.ts";
import { reshape } from "./view.ts";

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.tensorinv.html */
export const linalgTensorinv = defineOp("aten::linalg_tensorinv(Tensor self, int ind=2) -> Tensor", {
  decompose: (t, { self, ind }) => {
    const { shape } = t.meta(self);
    if (ind <= 0) throw new RangeError(`Argument ind of linalg.tensorinv must be positive, met ${ind}`);
    const [first, rest] = [shape.slice(0, ind), shape.slice(ind)];
    if (eq(prod(first), prod(rest)) === false) {
      throw new RangeError(`linalg.tensorinv cannot make a square matrix of [${shape.join(", ")}] with ind ${ind}`);
    }
    const matrix = t.call(reshape, self, [prod(first), prod(rest)]);
    return t.call(reshape, t.call(linalgInv, matrix), [...rest, ...first]);
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.tensorsolve.html */
export const linalgTensorsolve = defineOp(
  "aten::linalg_tensorsolve(Tensor self, Tensor other, int[]? dims=None) -> Tensor",
  {
    decompose: (t, { self, other, dims }) => {
      const rank = t.meta(self).shape.length;
      const last = (dims ?? []).map((d) => normalizeDim(d, rank));
      const first = Array.from({ length: rank }, (_, d) => d).filter((d) => !last.includes(d));
      const A = last.length === 0 ? self : t.call(permute, self, [...first, ...last]);
      const given = t.meta(other).shape;
      const result = t.meta(A).shape.slice(given.length);
      if (eq(prod(given), prod(result)) === false) {
        throw new RangeError(`linalg.tensorsolve cannot make a square matrix of [${t.meta(A).shape.join(", ")}]`);
      }
      const matrix = t.call(reshape, A, [prod(given), prod(result)]);
      return t.call(reshape, t.call(linalgSolve, matrix, t.call(reshape, other, [prod(given)])), result);
    },
  },
);
