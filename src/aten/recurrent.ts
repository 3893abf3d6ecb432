/**
 * Recurrent networks step by step: what one step of each kind does, on concrete tensors and in ONNX. Layers and directions
 * are put together in `rnn.ts`.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, mul } from "../sym/mod.ts";
import { type Meta, Tensor } from "../tensor/mod.ts";
import { requireShape } from "./rules.ts";

/** What is computed at each step. */
export type CellKind = "lstm" | "gru" | "rnn_tanh" | "rnn_relu";

/** Gates per hidden element. */
export const GATES: Readonly<Record<CellKind, number>> = { lstm: 4, gru: 3, rnn_tanh: 1, rnn_relu: 1 };

/** Weights of one layer in one direction. */
export interface CellWeights<T> {
  /** `[gates * hidden, input]` */
  readonly input: T;
  /** `[gates * hidden, hidden]`, or the size that is projected to. */
  readonly hidden: T;
  readonly inputBias: T | null;
  readonly hiddenBias: T | null;
  /** `[projected, hidden]` of an LSTM whose output is projected. */
  readonly projection: T | null;
}

/**
 * Checks the weights of one layer in one direction.
 *
 * @param input features of each step
 * @param hidden elements of the cell
 * @param output elements of the hidden state: fewer than those of the cell where it is projected
 * @throws {RangeError} when a weight has another shape
 */
export function checkWeights(kind: CellKind, w: CellWeights<Meta>, input: Dim, hidden: Dim, output = hidden): void {
  const rows = mul(hidden, GATES[kind]);
  requireShape("The weight of inputs", w.input, [rows, input]);
  requireShape("The weight of hidden states", w.hidden, [rows, output]);
  requireShape("The bias of inputs", w.inputBias, [rows]);
  requireShape("The bias of hidden states", w.hiddenBias, [rows]);
  requireShape("The weight of the projection", w.projection, [output, hidden]);
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** `weight @ x + bias` of a float64 vector. */
function affineOf(weight: Float64Array, bias: Float64Array | null, x: Float64Array): Float64Array {
  const rows = weight.length / Math.max(x.length, 1);
  const out = new Float64Array(rows);
  for (let r = 0; r < rows; r++) {
    let sum = bias ? bias[r] : 0;
    for (let k = 0; k < x.length; k++) sum += weight[r * x.length + k] * x[k];
    out[r] = sum;
  }
  return out;
}

const dataOf = (x: Tensor): Float64Array => x.data() as Float64Array;
const dataOrNull = (x: Tensor | null): Float64Array | null => x && dataOf(x);

/** One step of one sample: the new hidden state, and the new cell state of an LSTM. All in float64. */
export function stepOf(
  kind: CellKind,
  weights: CellWeights<Tensor>,
): (x: Float64Array, h: Float64Array, c: Float64Array) => { h: Float64Array; c: Float64Array } {
  const [wi, wh] = [dataOf(weights.input), dataOf(weights.hidden)];
  const [bi, bh] = [dataOrNull(weights.inputBias), dataOrNull(weights.hiddenBias)];
  const projection = dataOrNull(weights.projection);
  const size = weights.input.shape[0] / GATES[kind];
  return (x, h, c) => {
    const [gx, gh] = [affineOf(wi, bi, x), affineOf(wh, bh, h)];
    const out = new Float64Array(size);
    if (kind === "lstm") {
      const cell = new Float64Array(size);
      for (let i = 0; i < size; i++) {
        const gate = (n: number): number => gx[n * size + i] + gh[n * size + i];
        cell[i] = sigmoid(gate(1)) * c[i] + sigmoid(gate(0)) * Math.tanh(gate(2));
        out[i] = sigmoid(gate(3)) * Math.tanh(cell[i]);
      }
      return { h: projection ? affineOf(projection, null, out) : out, c: cell };
    }
    for (let i = 0; i < size; i++) {
      if (kind === "gru") {
        const reset = sigmoid(gx[i] + gh[i]);
        const update = sigmoid(gx[size + i] + gh[size + i]);
        const fresh = Math.tanh(gx[2 * size + i] + reset * gh[2 * size + i]);
        out[i] = (1 - update) * fresh + update * h[i];
      } else {
        const sum = gx[i] + gh[i];
        out[i] = kind === "rnn_tanh" ? Math.tanh(sum) : sum > 0 || Number.isNaN(sum) ? sum : 0;
      }
    }
    return { h: out, c };
  };
}

/** One step of a batch, `[batch, input]` and `[batch, hidden]`; all values of one dtype. */
export function stepNodes(
  b: OnnxBuilder,
  kind: CellKind,
  weights: CellWeights<OnnxValue>,
  x: OnnxValue,
  h: OnnxValue,
  c: OnnxValue | null,
): { h: OnnxValue; c: OnnxValue | null } {
  const gates = (v: OnnxValue, weight: OnnxValue, bias: OnnxValue | null): OnnxValue =>
    b.op("Gemm", [v, weight, bias], { transB: 1 });
  const [gx, gh] = [gates(x, weights.input, weights.inputBias), gates(h, weights.hidden, weights.hiddenBias)];
  const split = (v: OnnxValue): OnnxValue[] => b.ops("Split", [v], GATES[kind], { axis: -1, num_outputs: GATES[kind] });
  if (kind === "lstm") {
    const [input, forget, cell, output] = split(b.op("Add", [gx, gh]));
    const kept = b.op("Mul", [b.op("Sigmoid", [forget]), c]);
    const next = b.op("Add", [kept, b.op("Mul", [b.op("Sigmoid", [input]), b.op("Tanh", [cell])])]);
    const out = b.op("Mul", [b.op("Sigmoid", [output]), b.op("Tanh", [next])]);
    return { h: weights.projection ? b.op("Gemm", [out, weights.projection], { transB: 1 }) : out, c: next };
  }
  if (kind === "gru") {
    const [[rx, zx, nx], [rh, zh, nh]] = [split(gx), split(gh)];
    const reset = b.op("Sigmoid", [b.op("Add", [rx, rh])]);
    const update = b.op("Sigmoid", [b.op("Add", [zx, zh])]);
    const fresh = b.op("Tanh", [b.op("Add", [nx, b.op("Mul", [reset, nh])])]);
    // fresh + update * (h - fresh)
    return { h: b.op("Add", [fresh, b.op("Mul", [update, b.op("Sub", [h, fresh])])]), c: null };
  }
  return { h: b.op(kind === "rnn_tanh" ? "Tanh" : "Relu", [b.op("Add", [gx, gh])]), c: null };
}

/** Rows of a matrix or a vector as vectors. */
export function rowsOf(x: Tensor): Float64Array[] {
  const size = x.shape.at(-1)!;
  const data = dataOf(x);
  const count = size === 0 ? 0 : data.length / size;
  return Array.from({ length: count }, (_, i) => data.subarray(i * size, (i + 1) * size));
}

/** Vectors of equal length as one tensor. */
export function stackRows(rows: readonly Float64Array[], shape: readonly number[]): Tensor {
  const size = rows[0]?.length ?? 0;
  const out = new Float64Array(rows.length * size);
  for (const [i, row] of rows.entries()) out.set(row, i * size);
  return Tensor.of("float64", shape, out);
}
