/** One step of a recurrent network. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import type { Meta, Tensor } from "../tensor/mod.ts";
import { convert } from "../tensor/loops.ts";
import { defineOp, type MetaContext } from "./op.ts";
import { floatKernelDType } from "./precision.ts";
import { type CellKind, type CellWeights, checkWeights, rowsOf, stackRows, stepNodes, stepOf } from "./recurrent.ts";
import { requireFloat, requireRank, requireShape } from "./rules.ts";

interface CellArgs<T> {
  readonly input: T;
  readonly w_ih: T;
  readonly w_hh: T;
  readonly b_ih: T | null;
  readonly b_hh: T | null;
}

function cellWeights<T>(args: CellArgs<T>): CellWeights<T> {
  return { input: args.w_ih, hidden: args.w_hh, inputBias: args.b_ih, hiddenBias: args.b_hh, projection: null };
}

/** @throws {RangeError} when sizes of the input, the states and the weights don't go together */
function checkCell(kind: CellKind, args: CellArgs<Meta>, states: readonly Meta[]): void {
  requireRank("input", args.input, 2);
  for (const state of states) requireRank("hx", state, 2);
  const [batch, features] = args.input.shape;
  const hidden = states[0].shape[1];
  for (const state of states) requireShape("hx", state, [batch, hidden]);
  checkWeights(kind, cellWeights(args), features, hidden);
}

function mapWeights<T, U>(w: CellWeights<T>, fn: (x: T) => U): CellWeights<U> {
  const maybe = (x: T | null): U | null => x === null ? null : fn(x);
  return {
    input: fn(w.input),
    hidden: fn(w.hidden),
    inputBias: maybe(w.inputBias),
    hiddenBias: maybe(w.hiddenBias),
    projection: maybe(w.projection),
  };
}

function cellKernel(kind: CellKind, args: CellArgs<Tensor>, h: Tensor, c: Tensor): [Tensor, Tensor] {
  const wide = (x: Tensor): Tensor => convert(x, "float64").contiguous();
  const step = stepOf(kind, mapWeights(cellWeights(args), wide));
  const [xs, hs, cs] = [args.input, h, c].map((x) => rowsOf(wide(x)));
  const next = xs.map((x, i) => step(x, hs[i], cs[i]));
  return [
    convert(stackRows(next.map((s) => s.h), h.shape), h.dtype),
    convert(stackRows(next.map((s) => s.c), c.shape), c.dtype),
  ];
}

function cellNodes(
  b: OnnxBuilder,
  kind: CellKind,
  args: CellArgs<OnnxValue>,
  h: OnnxValue,
  c: OnnxValue | null,
): { h: OnnxValue; c: OnnxValue | null } {
  const { dtype } = b.meta(args.input);
  requireFloat(dtype, "The input of a recurrent cell");
  const typed = (v: OnnxValue): OnnxValue => b.cast(v, floatKernelDType(dtype));
  const weights = mapWeights(cellWeights(args), typed);
  const next = stepNodes(b, kind, weights, typed(args.input), typed(h), c && typed(c));
  return { h: b.cast(next.h, dtype), c: next.c && b.cast(next.c, dtype) };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTMCell.html */
export const lstmCell = defineOp(
  "aten::lstm_cell(Tensor input, Tensor[] hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> (Tensor, Tensor)",
  {
    meta: (_, args) => {
      if (args.hx.length !== 2) throw new RangeError(`An LSTM's cell needs 2 states, met ${args.hx.length}`);
      checkCell("lstm", args, args.hx);
      const [h, c] = args.hx;
      return [{ dtype: h.dtype, shape: h.shape }, { dtype: c.dtype, shape: c.shape }];
    },
    kernel: (args) => cellKernel("lstm", args, args.hx[0], args.hx[1]),
    onnx: (b, args) => {
      const { h, c } = cellNodes(b, "lstm", args, args.hx[0], args.hx[1]);
      return [h, c!];
    },
  },
);

type HiddenCellArgs<T> = CellArgs<T> & { readonly hx: T };

/** Rules of cells with a hidden state only. */
function cell(kind: CellKind): {
  meta: (_: MetaContext, args: HiddenCellArgs<Meta>) => Meta;
  kernel: (args: HiddenCellArgs<Tensor>) => Tensor;
  onnx: (b: OnnxBuilder, args: HiddenCellArgs<OnnxValue>) => OnnxValue;
} {
  return {
    meta: (_, args) => {
      checkCell(kind, args, [args.hx]);
      return { dtype: args.hx.dtype, shape: args.hx.shape };
    },
    kernel: (args) => cellKernel(kind, args, args.hx, args.hx)[0],
    onnx: (b, args) => cellNodes(b, kind, args, args.hx, null).h,
  };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.GRUCell.html */
export const gruCell = defineOp(
  "aten::gru_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> Tensor",
  cell("gru"),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.RNNCell.html */
export const rnnTanhCell = defineOp(
  "aten::rnn_tanh_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> Tensor",
  cell("rnn_tanh"),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.RNNCell.html */
export const rnnReluCell = defineOp(
  "aten::rnn_relu_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> Tensor",
  cell("rnn_relu"),
);
