/** Resampling one dim by a matrix of weights, which serves pools and interpolation alike. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, prod } from "../sym/mod.ts";
import { Tensor } from "../tensor/mod.ts";
import { convert } from "../tensor/loops.ts";

/** Replaces a dim of `x` by its product with `weights`, `[out, in]`. */
export function alongDim(b: OnnxBuilder, x: OnnxValue, dim: number, weights: OnnxValue, out: Dim): OnnxValue {
  const { shape } = b.meta(x);
  if (dim === shape.length - 1) return b.op("MatMul", [x, b.transpose(weights, [1, 0])]);
  if (dim === shape.length - 2) return b.op("MatMul", [weights, x]);
  const [before, after] = [shape.slice(0, dim), shape.slice(dim + 1)];
  const flat = b.reshape(x, [...before, shape[dim], prod(after)]);
  return b.reshape(b.op("MatMul", [weights, flat]), [...before, out, ...after]);
}

/** The same for constant weights, given as rows. */
export function alongDimBy(b: OnnxBuilder, x: OnnxValue, dim: number, rows: readonly Float64Array[]): OnnxValue {
  const { dtype, shape } = b.meta(x);
  const values = new Float64Array(rows.length * (shape[dim] as number));
  rows.forEach((row, i) => values.set(row, i * row.length));
  const isLast = dim === shape.length - 1;
  const size = shape[dim] as number;
  if (!isLast) {
    return alongDim(
      b,
      x,
      dim,
      b.constant(convert(Tensor.of("float64", [rows.length, size], values), dtype)),
      rows.length,
    );
  }
  const turned = new Float64Array(values.length);
  for (let i = 0; i < rows.length; i++) {
    for (let k = 0; k < size; k++) turned[k * rows.length + i] = values[i * size + k];
  }
  return b.op("MatMul", [x, b.constant(convert(Tensor.of("float64", [size, rows.length], turned), dtype))]);
}
