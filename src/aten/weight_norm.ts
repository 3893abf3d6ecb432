/** Weights split in length and direction. */
import { normalizeDim } from "../tensor/mod.ts";
import { mul } from "./binary.ts";
import { div } from "./division.ts";
import { linalgVectorNorm } from "./norms.ts";
import { type Calls, defineOp } from "./op.ts";
import { requireFloat } from "./rules.ts";
import { abs } from "./unary.ts";

/** Norms of what lies at each index of a dim; of all elements for the dim -1. */
function normExcept<T extends object>(t: Calls<T>, v: T, pow: number, dim: number): T {
  const { dtype, shape: { length: rank } } = t.meta(v);
  requireFloat(dtype, "A weight");
  if (dim === -1) return t.call(linalgVectorNorm, v, pow);
  const kept = normalizeDim(dim, rank);
  const dims = Array.from({ length: rank }, (_, d) => d).filter((d) => d !== kept);
  // No dims at all would mean every dim.
  return dims.length === 0 ? t.call(abs, v) : t.call(linalgVectorNorm, v, pow, dims, true);
}

/** `v` with the lengths `g`, and its own lengths, which are kept in single precision where `v` is of half. */
function weightNormOf<T extends object>(t: Calls<T>, v: T, g: T, dim: number): [T, T] {
  const { dtype } = t.meta(v);
  if (t.meta(g).dtype !== dtype) {
    throw new TypeError(`Lengths must be ${dtype} as the weight, met ${t.meta(g).dtype}`);
  }
  const wide = dtype === "float64" ? dtype : "float32";
  const x = t.cast(v, wide);
  const norm = normExcept(t, x, 2, dim);
  return [t.cast(t.call(mul, x, t.call(div, t.cast(g, wide), norm)), dtype), norm];
}

/** What `torch.nn.utils.weight_norm` measures weights by. */
export const normExceptDim = defineOp("aten::norm_except_dim(Tensor v, int pow=2, int dim=0) -> Tensor", {
  decompose: (t, { v, pow, dim }) => normExcept(t, v, pow, dim),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.parametrizations.weight_norm.html */
export const weightNorm = defineOp("aten::_weight_norm(Tensor v, Tensor g, int dim=0) -> Tensor", {
  decompose: (t, { v, g, dim }) => weightNormOf(t, v, g, dim)[0],
});

/** `_weight_norm`, and the norms that it divides by; over the first or the last dim. */
export const weightNormInterface = defineOp(
  "aten::_weight_norm_interface(Tensor v, Tensor g, int dim=0) -> (Tensor, Tensor)",
  {
    decompose: (t, { v, g, dim }) => {
      const { length } = t.meta(v).shape;
      if (dim !== 0 && dim !== length - 1) {
        throw new RangeError(`Argument dim=${dim} is neither the first nor the last`);
      }
      return weightNormOf(t, v, g, dim);
    },
  },
);
