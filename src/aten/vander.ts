/** Vandermonde matrices: powers of the elements of vectors. */
import { type Dim, isSym, sub as minus } from "../sym/mod.ts";
import { categoryOf, type DType, isComplex, type Meta } from "../tensor/mod.ts";
import { mul, sub } from "./binary.ts";
import { cat } from "./cat.ts";
import { type Calls, defineOp } from "./op.ts";
import { powTensor } from "./power.ts";
import { arange } from "./range.ts";
import { refuse } from "./rules.ts";
import { unsqueeze } from "./view.ts";

/** Powers add up to int64 where they are integers. */
function powersDType(dtype: DType): DType {
  return categoryOf(dtype) === "float" || isComplex(dtype) ? dtype : "int64";
}

/** `x^0, x^1, …` along a new last dim, or the highest power first. */
function powers<T extends object>(t: Calls<T>, x: T, count: Dim, increasing: boolean): T {
  const dtype = powersDType(t.meta(x).dtype);
  if (isComplex(dtype)) return complexPowers(t, x, count, increasing);
  const up = t.call(arange, count, "int64");
  const exponents = increasing ? up : t.call(sub, t.full([], minus(count, 1), "int64"), up);
  return t.call(powTensor, t.call(unsqueeze, t.cast(x, dtype), -1), t.cast(exponents, dtype));
}

/** Powers of complex numbers, each by a product. */
function complexPowers<T extends object>(t: Calls<T>, x: T, count: Dim, increasing: boolean): T {
  if (isSym(count)) return refuse("N", count, "the number of powers of complex numbers must be a constant");
  const base = t.call(unsqueeze, x, -1);
  const { dtype, shape } = t.meta(base);
  const columns = [t.full(shape, 1, dtype)];
  for (let k = 1; k < count; k++) columns.push(k === 1 ? base : t.call(mul, columns[k - 1], base));
  if (count === 0) return t.full([...shape.slice(0, -1), 0], 0, dtype);
  return t.call(cat, increasing ? columns : columns.toReversed(), -1);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.vander.html */
export const linalgVander = defineOp("aten::linalg_vander(Tensor x, *, SymInt? N=None) -> Tensor", {
  decompose: (t, { x, N }) => {
    const { dtype, shape }: Meta = t.meta(x);
    if (dtype === "bool" || dtype === "float16" || dtype === "bfloat16") {
      throw new TypeError(`linalg.vander takes integers, float32 and float64, met ${dtype}`);
    }
    const vectors = shape.length === 0 ? t.call(unsqueeze, x, 0) : x;
    const count = N ?? shape[shape.length - 1] ?? 1;
    if (!isSym(count) && count <= 1) {
      throw new RangeError(`Argument N of linalg.vander must be greater than 1, met ${count}`);
    }
    return powers(t, vectors, count, true);
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.vander.html */
export const vander = defineOp("aten::vander(Tensor x, int? N=None, bool increasing=False) -> Tensor", {
  decompose: (t, { x, N, increasing }) => {
    const { shape }: Meta = t.meta(x);
    if (shape.length !== 1) throw new RangeError(`torch.vander takes a vector, met ${shape.length} dimensions`);
    return powers(t, x, N ?? shape[0], increasing);
  },
});
