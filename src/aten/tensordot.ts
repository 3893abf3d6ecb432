/** Products over chosen dims: outer, inner, Kronecker, bilinear; most are one Einsum. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { mul } from "../sym/mod.ts";
import { normalizeDim, type Tensor } from "../tensor/mod.ts";
import { convert, mapBinary } from "../tensor/loops.ts";
import { einsum } from "./einsum.ts";
import { mul as product } from "./binary.ts";
import { defineOp } from "./op.ts";
import { unsqueeze } from "./view.ts";
import { computeIn, isHalf, productDType, wideDType, widen } from "./precision.ts";
import { requireRank, requireRankFrom, requireShape } from "./rules.ts";

/** Elementwise product; of bools, "and". */
function times(b: OnnxBuilder, x: OnnxValue, y: OnnxValue): OnnxValue {
  const { dtype } = b.meta(x);
  return dtype === "bool"
    ? b.op("And", [x, y])
    : computeIn(b, productDType(dtype), [x, y], (x, y) => b.op("Mul", [x, y]));
}

/** https://docs.pytorch.org/docs/stable/generated/torch.outer.html */
export const outer = defineOp("aten::outer(Tensor self, Tensor vec2) -> Tensor", {
  promote: { args: ["self", "vec2"], to: "default" },
  meta: (_, { self, vec2 }) => {
    requireRank("self", self, 1);
    requireRank("vec2", vec2, 1);
    return { dtype: self.dtype, shape: [self.shape[0], vec2.shape[0]] };
  },
  kernel: ({ self, vec2 }) => mapBinary(self.reshape([self.shape[0], 1]), vec2, self.dtype, (a, b) => a * b),
  complex: (t, { self, vec2 }) => t.call(product, t.call(unsqueeze, self, 1), vec2),
  onnx: (b, { self, vec2 }) => times(b, b.unsqueeze(self, 1), vec2),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.ger.html */
export const ger = defineOp("aten::ger(Tensor self, Tensor vec2) -> Tensor", {
  decompose: (t, { self, vec2 }) => t.call(outer, self, vec2),
});

/** Letters for einsum, as many as wanted, from a point of the alphabet on. */
function letters(count: number, from = 0): string[] {
  const all = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  if (from + count > all.length) throw new RangeError(`A product over ${from + count} dimensions is not supported`);
  return [...all.slice(from, from + count)];
}

/** https://docs.pytorch.org/docs/stable/generated/torch.inner.html */
export const inner = defineOp("aten::inner(Tensor self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) => {
    const [n, m] = [t.meta(self).shape.length, t.meta(other).shape.length];
    if (n === 0 || m === 0) {
      const [x, y] = [letters(n), letters(m)];
      return t.call(einsum, `${x.join("")},${y.join("")}->${(n > 0 ? x : y).join("")}`, [self, other]);
    }
    const [x, y] = [letters(n - 1, 1), letters(m - 1, n)];
    return t.call(einsum, `${x.join("")}a,${y.join("")}a->${x.join("")}${y.join("")}`, [self, other]);
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.tensordot.html */
export const tensordot = defineOp(
  "aten::tensordot(Tensor self, Tensor other, int[] dims_self, int[] dims_other) -> Tensor",
  {
    decompose: (t, { self, other, dims_self, dims_other }) => {
      const [n, m] = [t.meta(self).shape.length, t.meta(other).shape.length];
      const [from, to] = [dims_self.map((d) => normalizeDim(d, n)), dims_other.map((d) => normalizeDim(d, m))];
      if (from.length !== to.length) throw new RangeError("tensordot needs as many dims of self as of other");
      if (new Set(from).size < from.length || new Set(to).size < to.length) {
        throw new RangeError("A dim is contracted twice");
      }
      const x = letters(n);
      const y = letters(m, n).map((letter, d) => to.includes(d) ? x[from[to.indexOf(d)]] : letter);
      const kept = [...x.filter((_, d) => !from.includes(d)), ...y.filter((_, d) => !to.includes(d))];
      return t.call(einsum, `${x.join("")},${y.join("")}->${kept.join("")}`, [self, other]);
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.kron.html */
export const kron = defineOp("aten::kron(Tensor self, Tensor other) -> Tensor", {
  promote: { args: ["self", "other"], to: "default" },
  meta: (_, { self, other }) => {
    const { rank, left, right } = interleaved(self.shape, other.shape);
    return { dtype: self.dtype, shape: Array.from({ length: rank }, (_, i) => mul(left[2 * i], right[2 * i + 1])) };
  },
  kernel: ({ self, other }) => {
    const { rank, left, right } = interleaved(self.shape, other.shape);
    const y = mapBinary(self.reshape(left), other.reshape(right), self.dtype, (a, b) => a * b);
    return y.reshape(Array.from({ length: rank }, (_, i) => left[2 * i] * right[2 * i + 1]));
  },
  complex: { form: "bilinearForm" },
  onnx: (b, { self, other }) => {
    const { rank, left, right } = interleaved(b.meta(self).shape, b.meta(other).shape);
    const y = times(b, b.reshape(self, left), b.reshape(other, right));
    return b.reshape(y, Array.from({ length: rank }, (_, i) => mul(left[2 * i], right[2 * i + 1])));
  },
});

/** Shapes under which the elementwise product is the Kronecker product: `[a, 1, c, 1]` and `[1, b, 1, d]`. */
function interleaved<D>(x: readonly D[], y: readonly D[]): { rank: number; left: (D | 1)[]; right: (D | 1)[] } {
  const rank = Math.max(x.length, y.length);
  const padded = (shape: readonly D[]): (D | 1)[] => [...new Array<1>(rank - shape.length).fill(1), ...shape];
  return { rank, left: padded(x).flatMap((d) => [d, 1 as const]), right: padded(y).flatMap((d) => [1 as const, d]) };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.bilinear.html */
export const bilinear = defineOp(
  "aten::bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor? bias=None) -> Tensor",
  {
    meta: (_, { input1, input2, weight, bias }) => {
      requireRankFrom("input1", input1, 1);
      requireRank("weight", weight, 3);
      const lead = input1.shape.slice(0, -1);
      const [features, first, second] = weight.shape;
      requireShape("input1", input1, [...lead, first]);
      requireShape("input2", input2, [...lead, second]);
      requireShape("bias", bias, [features]);
      return { dtype: input1.dtype, shape: [...lead, features] };
    },
    kernel: ({ input1, input2, weight, bias }) => {
      const { dtype } = input1;
      const product = (equation: string, tensors: readonly Tensor[]): Tensor =>
        convert(
          einsum.kernel!({ equation, tensors: tensors.map(widen), path: null }),
          isHalf(dtype) ? dtype : wideDType(dtype),
        );
      const y = product("...oj,...j->...o", [product("...i,oij->...oj", [input1, weight]), input2]);
      return convert(bias ? mapBinary(widen(y), widen(bias), wideDType(dtype), (p, q) => p + q) : y, dtype);
    },
    onnx: (b, { input1, input2, weight, bias }) => {
      const { dtype } = b.meta(input1);
      if (!isHalf(dtype)) {
        return computeIn(b, productDType(dtype), [input1, input2, weight, bias], (x, z, w, bias) => {
          const y = einsum.onnx!(b, { equation: "...i,oij,...j->...o", tensors: [x, w, z], path: null });
          return bias ? b.op("Add", [y, bias]) : y;
        });
      }
      // Two products and a sum, each of which is rounded.
      return computeIn(b, "float32", [input1, input2, weight, bias], (x, z, w, bias) => {
        const product = (equation: string, tensors: readonly OnnxValue[]): OnnxValue =>
          b.cast(b.cast(einsum.onnx!(b, { equation, tensors, path: null }), dtype), "float32");
        const y = product("...oj,...j->...o", [product("...i,oij->...oj", [x, w]), z]);
        return bias ? b.op("Add", [y, bias]) : y;
      });
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.vecdot.html */
export const linalgVecdot = defineOp("aten::linalg_vecdot(Tensor x, Tensor y, *, int dim=-1) -> Tensor", {
  decompose: (t, { x, y, dim }) => {
    const [a, b] = [t.meta(x).shape.length, t.meta(y).shape.length];
    const rank = Math.max(a, b);
    const all = letters(rank);
    const axis = normalizeDim(dim, rank);
    const kept = all.filter((_, d) => d !== axis);
    const term = (n: number): string => all.slice(rank - n).join("");
    return t.call(einsum, `${term(a)},${term(b)}->${kept.join("")}`, [x, y]);
  },
});
