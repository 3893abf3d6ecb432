/** Tables whose rows are kept from growing. */
import { addScalar, mul } from "./binary.ts";
import { gtScalar } from "./compare.ts";
import { div } from "./division.ts";
import { requireIndex } from "./gather.ts";
import { logicalAnd } from "./logical.ts";
import { linalgVectorNorm } from "./norms.ts";
import { defineOp } from "./op.ts";
import { scatterValue } from "./scatter.ts";
import { reshape } from "./view.ts";
import { where } from "./where.ts";

/** Rows that an index names are brought to at most a norm; `embedding` calls it where it has `max_norm`. */
export const embeddingRenorm = defineOp(
  "aten::embedding_renorm(Tensor self, Tensor indices, float max_norm, float norm_type) -> Tensor",
  {
    decompose: (t, { self, indices, max_norm, norm_type }) => {
      const { dtype, shape } = t.meta(self);
      requireIndex(t.meta(indices), "indices");
      if (shape.length !== 2) throw new RangeError(`A table of 2 dimensions is needed, met ${shape.length}`);
      const norms = t.call(linalgVectorNorm, self, norm_type, [1], true);
      const places = t.cast(t.call(reshape, indices, [-1]), "int64");
      const marks = t.call(scatterValue, t.full([shape[0]], 0n, "int64"), 0, places, 1n);
      const isNamed = t.cast(t.call(reshape, marks, [-1, 1]), "bool");
      const isLong = t.call(logicalAnd, isNamed, t.call(gtScalar, norms, max_norm));
      const scale = t.call(div, t.full([], max_norm, dtype), t.call(addScalar, norms, 1e-7));
      return t.call(mul, self, t.call(where, isLong, scale, t.full([], 1, dtype)));
    },
  },
);
