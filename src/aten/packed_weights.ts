/** Products with weights that are kept as small integers. */
import { matmul } from "./linear.ts";
import { mul } from "./binary.ts";
import { defineOp } from "./op.ts";
import { transpose } from "./permute.ts";

/** `(self @ mat2^T) * scales`: rows of int8 weights, each with its factor. Sums and factors are rounded once, at the end. */
export const weightInt8packMm = defineOp(
  "aten::_weight_int8pack_mm(Tensor self, Tensor mat2, Tensor scales) -> Tensor",
  {
    decompose: (t, { self, mat2, scales }) => {
      const { dtype, shape } = t.meta(self);
      const weights = t.meta(mat2);
      if (weights.dtype !== "int8") {
        throw new TypeError(`_weight_int8pack_mm takes weights of int8, met ${weights.dtype}`);
      }
      if (shape.length !== 2 || weights.shape.length !== 2) {
        throw new RangeError(
          `_weight_int8pack_mm takes matrices, met ${shape.length} and ${weights.shape.length} dimensions`,
        );
      }
      const product = t.call(matmul, t.cast(self, "float32"), t.call(transpose, t.cast(mat2, "float32"), 0, 1));
      return t.cast(t.call(mul, product, t.cast(scales, "float32")), dtype);
    },
  },
);
