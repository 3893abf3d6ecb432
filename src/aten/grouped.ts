/** Products of groups of rows with a matrix each, as mixtures of experts have them whose rows are sorted by expert. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, eq } from "../sym/mod.ts";
import { isFloat, type Meta, newData, Tensor } from "../tensor/mod.ts";
import { convert } from "../tensor/loops.ts";
import { bmm } from "./linear.ts";
import { emitRepeat } from "./loop.ts";
import { defineOp } from "./op.ts";
import { computeIn, productDType, widen } from "./precision.ts";
import { refuse } from "./rules.ts";

/** Rows, one matrix for each group, and the row at which each group ends. */
interface Groups<T> {
  readonly rows: T;
  readonly matrices: T;
  readonly ends: T;
}

function metaOf({ rows, matrices, ends }: Groups<Meta>): Meta {
  const [x, w, g] = [rows.shape, matrices.shape, ends.shape];
  const ranks = `${x.length}, ${w.length} and ${g.length}`;
  if (x.length !== 2 || w.length !== 3 || g.length !== 1) {
    throw new RangeError(`A grouped product takes tensors of 2, 3 and 1 dimensions, met ${ranks}`);
  }
  if (eq(x[1], w[1]) === false || eq(w[0], g[0]) === false) {
    throw new RangeError(`Rows of [${x.join(", ")}] and ${g[0]} groups do not fit matrices of [${w.join(", ")}]`);
  }
  if (rows.dtype !== matrices.dtype || !isFloat(rows.dtype)) {
    throw new TypeError(`A grouped product takes floats of one dtype, met ${rows.dtype} and ${matrices.dtype}`);
  }
  if (ends.dtype !== "int32" && ends.dtype !== "int64") {
    throw new TypeError(`The ends of groups must be int32 or int64, met ${ends.dtype}`);
  }
  return { dtype: rows.dtype, shape: [x[0], w[2]] };
}

/** Rows after the last group are 0. */
function kernelOf({ rows, matrices, ends }: Groups<Tensor>): Tensor {
  const [x, w] = [widen(rows), widen(matrices)];
  const [count, inner, columns] = [x.shape[0], x.shape[1], w.shape[2]];
  const [from, by] = [x.data(), w.data()];
  const out = newData(x.dtype, count * columns);
  let row = 0;
  for (const [group, end] of ends.toArray().entries()) {
    for (; row < Number(end); row++) {
      for (let column = 0; column < columns; column++) {
        let total = 0;
        for (let k = 0; k < inner; k++) {
          total += Number(from[row * inner + k]) * Number(by[(group * inner + k) * columns + column]);
        }
        out[row * columns + column] = total;
      }
    }
  }
  return convert(Tensor.of(x.dtype, [count, columns], out), rows.dtype);
}

/** Group by group, so that each row is multiplied with one matrix only. */
function onnxOf(b: OnnxBuilder, { rows, matrices, ends }: Groups<OnnxValue>): OnnxValue {
  const meta = metaOf({ rows: b.meta(rows), matrices: b.meta(matrices), ends: b.meta(ends) });
  const groups: Dim = b.meta(matrices).shape[0];
  const places = b.cast(ends, "int64");
  return computeIn(b, productDType(meta.dtype), [rows, matrices], (x, w) => {
    const { dtype } = b.meta(x);
    const zeros = b.op("Expand", [b.scalar(0, dtype), b.ints(meta.shape)]);
    const [zero, past] = [b.ints([0]), b.ints([Number.MAX_SAFE_INTEGER])];
    const [result] = emitRepeat(b, groups, [zeros, zero], (inner, group, [before, start]) => {
      const slice = (v: OnnxValue, from: OnnxValue, to: OnnxValue): OnnxValue => inner.op("Slice", [v, from, to, zero]);
      const end = inner.op("Gather", [places, inner.reshape(group, [1])]);
      const product = inner.op("MatMul", [slice(x, start, end), inner.op("Gather", [w, group])]);
      const after = inner.op("Concat", [slice(before, zero, start), product, slice(before, end, past)], { axis: 0 });
      after.meta = { dtype, shape: meta.shape };
      return { states: [after, end] };
    });
    return result;
  });
}

/**
 * What transformers calls where PyTorch has no grouped product of its own.
 *
 * https://github.com/huggingface/transformers/blob/main/src/transformers/integrations/moe.py
 */
export const groupedMmFallback = defineOp(
  "transformers::grouped_mm_fallback(Tensor input, Tensor weight, Tensor offs) -> Tensor",
  {
    meta: (_, { input, weight, offs }) => metaOf({ rows: input, matrices: weight, ends: offs }),
    kernel: ({ input, weight, offs }) => kernelOf({ rows: input, matrices: weight, ends: offs }),
    onnx: (b, { input, weight, offs }) => onnxOf(b, { rows: input, matrices: weight, ends: offs }),
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.grouped_mm.html: groups of rows, or batches. */
export const groupedMm = defineOp(
  "aten::_grouped_mm(Tensor self, Tensor mat2, Tensor? offs=None, Tensor? bias=None, ScalarType? out_dtype=None) -> Tensor",
  {
    decompose: (t, { self, mat2, offs, bias, out_dtype }) => {
      if (bias !== null) refuse("bias", "a tensor", "PyTorch does not support it either");
      const { dtype, shape } = t.meta(self);
      if (out_dtype !== null && out_dtype !== dtype) {
        refuse("out_dtype", out_dtype, `it must be ${dtype}, that of self`);
      }
      const ranks = [shape.length, t.meta(mat2).shape.length];
      if (offs === null) {
        if (String(ranks) !== "3,3") refuse("offs", null, "it says where groups end, which only batches do without");
        return t.call(bmm, self, mat2);
      }
      if (String(ranks) !== "2,3") refuse("offs", "a tensor", "only rows of a matrix can be grouped");
      return t.call(groupedMmFallback, self, mat2, offs);
    },
  },
);
