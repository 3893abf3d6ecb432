/**
 * Recurrent layers. ONNX has operators for them, with the gates in another order than PyTorch's; projections and the
 * dtypes that runtimes lack are written as a Scan over the steps.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import { OnnxValue } from "../onnx/model.ts";
import { type Dim, mul } from "../sym/mod.ts";
import type { Meta, Tensor } from "../tensor/mod.ts";
import { convert, permuteDims } from "../tensor/loops.ts";
import { flip } from "./flip.ts";
import { defineOp, type MetaContext } from "./op.ts";
import { floatKernelDType } from "./precision.ts";
import {
  type CellKind,
  type CellWeights,
  checkWeights,
  GATES,
  rowsOf,
  stackRows,
  stepNodes,
  stepOf,
} from "./recurrent.ts";
import { refuse, requireFloat, requireRank, requireShape } from "./rules.ts";

interface RnnArgs<T> {
  readonly input: T;
  readonly params: readonly T[];
  readonly has_biases: boolean;
  readonly num_layers: number;
  readonly dropout: number;
  readonly train: boolean;
  readonly bidirectional: boolean;
  readonly batch_first: boolean;
}

/** Weights by layer, then by direction. @throws {RangeError} when their number is another */
function layersOf<T>(kind: CellKind, args: RnnArgs<T>, projected: boolean): CellWeights<T>[][] {
  if (args.train && args.dropout !== 0) {
    refuse("dropout", args.dropout, "its results are random; export in evaluation mode");
  }
  const directions = args.bidirectional ? 2 : 1;
  const each = 2 + (args.has_biases ? 2 : 0) + (projected ? 1 : 0);
  if (args.params.length !== each * directions * args.num_layers) {
    throw new RangeError(
      `${kind} of ${args.num_layers} layers needs ${
        each * directions * args.num_layers
      } weights, met ${args.params.length}`,
    );
  }
  const cell = (at: number): CellWeights<T> => {
    const [input, hidden, ...rest] = args.params.slice(at * each, (at + 1) * each);
    return {
      input,
      hidden,
      inputBias: args.has_biases ? rest[0] : null,
      hiddenBias: args.has_biases ? rest[1] : null,
      projection: projected ? rest.at(-1)! : null,
    };
  };
  return Array.from(
    { length: args.num_layers },
    (_, layer) => Array.from({ length: directions }, (_, d) => cell(layer * directions + d)),
  );
}

/** An LSTM whose output is projected has one more weight. @throws {RangeError} unless there are two initial states */
function isProjected(args: RnnArgs<unknown> & { readonly hx: readonly unknown[] }): boolean {
  if (args.hx.length !== 2) throw new RangeError(`An LSTM needs 2 initial states, met ${args.hx.length}`);
  const cells = args.num_layers * (args.bidirectional ? 2 : 1);
  return args.params.length === cells * (args.has_biases ? 5 : 3);
}

/** The result's dtype and shape, after the sizes of states and weights were checked. */
function outputMeta(kind: CellKind, args: RnnArgs<Meta>, h: Meta, c: Meta, projected: boolean): Meta {
  const directions = args.bidirectional ? 2 : 1;
  requireRank("input", args.input, 3);
  requireRank("The initial state", h, 3);
  requireRank("The initial cell state", c, 3);
  const [output, hidden] = [h.shape[2], c.shape[2]];
  const states = [args.num_layers * directions, args.input.shape[args.batch_first ? 0 : 1]];
  requireShape("The initial state", h, [...states, output]);
  requireShape("The initial cell state", c, [...states, hidden]);
  for (const [i, layer] of layersOf(kind, args, projected).entries()) {
    const features = i === 0 ? args.input.shape[2] : mul(output, directions);
    for (const weights of layer) checkWeights(kind, weights, features, hidden, output);
  }
  const size = mul(h.shape.at(-1)!, args.bidirectional ? 2 : 1);
  return { dtype: args.input.dtype, shape: [...args.input.shape.slice(0, -1), size] };
}

interface States<T> {
  readonly output: T;
  readonly h: T;
  readonly c: T;
}

/** All layers on concrete tensors. Without a cell state `c0` is the hidden one. */
function run(kind: CellKind, args: RnnArgs<Tensor>, h0: Tensor, c0: Tensor, projected: boolean): States<Tensor> {
  const { dtype } = args.input;
  const wide = (x: Tensor): Tensor => convert(x, "float64");
  const x = wide(args.batch_first ? permuteDims(args.input, [1, 0, 2]) : args.input);
  const [length, batch] = x.shape;
  let sequence = rowsOf(x.contiguous());
  const [starts, cells] = [rowsOf(wide(h0).contiguous()), rowsOf(wide(c0).contiguous())];
  const last: { h: Float64Array[]; c: Float64Array[] } = { h: [], c: [] };
  for (const [layer, directions] of layersOf(kind, args, projected).entries()) {
    const outputs = directions.map((weights, d) => {
      const step = stepOf(kind, {
        input: wide(weights.input),
        hidden: wide(weights.hidden),
        inputBias: weights.inputBias && wide(weights.inputBias),
        hiddenBias: weights.hiddenBias && wide(weights.hiddenBias),
        projection: weights.projection && wide(weights.projection),
      });
      const out = new Array<Float64Array>(length * batch);
      for (let n = 0; n < batch; n++) {
        const at = (layer * directions.length + d) * batch + n;
        let state = { h: starts[at], c: cells[at] };
        for (let t = 0; t < length; t++) {
          const row = (d === 0 ? t : length - 1 - t) * batch + n;
          state = step(sequence[row], state.h, state.c);
          out[row] = state.h;
        }
        last.h.push(state.h);
        last.c.push(state.c);
      }
      return out;
    });
    sequence = outputs[0].map((row, i) => outputs.length === 1 ? row : Float64Array.of(...row, ...outputs[1][i]));
  }
  const size = h0.shape[2] * (args.bidirectional ? 2 : 1);
  const output = stackRows(sequence, [length, batch, size]);
  return {
    output: convert(args.batch_first ? permuteDims(output, [1, 0, 2]) : output, dtype),
    h: convert(stackRows(last.h, h0.shape), dtype),
    c: convert(stackRows(last.c, c0.shape), dtype),
  };
}

/** ONNX's order of the gates, by their position in PyTorch's. */
const ORDER: Readonly<Record<CellKind, readonly number[]>> = {
  lstm: [0, 3, 1, 2],
  gru: [1, 0, 2],
  rnn_tanh: [0],
  rnn_relu: [0],
};

/** Rows of one matrix per direction, one below the other, to `[directions, rows, …]` with the gates in ONNX's order. */
function reordered(b: OnnxBuilder, kind: CellKind, parts: readonly OnnxValue[], directions: number): OnnxValue {
  const joined = parts.length === 1 ? parts[0] : b.op("Concat", parts, { axis: 0 });
  const rows = b.meta(parts[0]).shape[0] as number;
  const size = rows / GATES[kind];
  const order = parts.flatMap((_, part) =>
    ORDER[kind].flatMap((gate) => Array.from({ length: size }, (_, i) => part * rows + gate * size + i))
  );
  if (order.every((row, i) => row === i)) {
    const { shape } = b.meta(joined);
    return directions === 1
      ? b.unsqueeze(joined, 0)
      : b.reshape(joined, [directions, order.length / directions, ...shape.slice(1)]);
  }
  // One Gather both orders the gates and parts the directions.
  const index = b.reshape(b.ints(order), [directions, order.length / directions]);
  return b.op("Gather", [joined, index], { axis: 0 });
}

/** All layers in ONNX. */
function emit(
  b: OnnxBuilder,
  kind: CellKind,
  args: RnnArgs<OnnxValue>,
  h0: OnnxValue,
  c0: OnnxValue | null,
  projected: boolean,
): { output: OnnxValue; h: OnnxValue; c: OnnxValue | null } {
  const { dtype } = b.meta(args.input);
  requireFloat(dtype, "The input of a recurrent layer");
  const wide = floatKernelDType(dtype);
  const typed = (v: OnnxValue): OnnxValue => b.cast(v, wide);
  const layers = layersOf(kind, { ...args, params: args.params.map(typed) }, projected);
  const directions = args.bidirectional ? 2 : 1;
  const slices = (v: OnnxValue): OnnxValue[] =>
    layers.length === 1 ? [v] : b.ops("Split", [v], layers.length, { axis: 0, num_outputs: layers.length });
  const [starts, cells] = [slices(typed(h0)), c0 && slices(typed(c0))];
  let x = args.batch_first ? b.transpose(typed(args.input), [1, 0, 2]) : typed(args.input);
  const hasKernel = !projected && wide !== "float64";
  const last: { h: OnnxValue[]; c: OnnxValue[] } = { h: [], c: [] };
  for (const [i, weights] of layers.entries()) {
    const layer = (hasKernel ? layerNode : layerScan)(b, kind, weights, x, starts[i], cells && cells[i]);
    const [length, batch] = b.meta(x).shape;
    const size = b.meta(h0).shape[2];
    // [length, directions, batch, hidden] to [length, batch, directions * hidden].
    x = directions === 1
      ? b.squeeze(layer.y, 1)
      : b.reshape(b.transpose(layer.y, [0, 2, 1, 3]), [length, batch, mul(size, directions)]);
    last.h.push(layer.h);
    if (layer.c) last.c.push(layer.c);
  }
  const joined = (parts: readonly OnnxValue[]): OnnxValue =>
    b.cast(parts.length === 1 ? parts[0] : b.op("Concat", parts, { axis: 0 }), dtype);
  return {
    output: b.cast(args.batch_first ? b.transpose(x, [1, 0, 2]) : x, dtype),
    h: joined(last.h),
    c: c0 && joined(last.c),
  };
}

type Layer = (
  b: OnnxBuilder,
  kind: CellKind,
  weights: readonly CellWeights<OnnxValue>[],
  x: OnnxValue,
  h: OnnxValue,
  c: OnnxValue | null,
) => { y: OnnxValue; h: OnnxValue; c: OnnxValue | null };

/** A layer as ONNX's own operator. */
const layerNode: Layer = (b, kind, weights, x, h, c) => {
  const directions = weights.length;
  const [length, batch] = b.meta(x).shape;
  const size = b.meta(h).shape[2] as number;
  const w = reordered(b, kind, weights.map((p) => p.input), directions);
  const r = reordered(b, kind, weights.map((p) => p.hidden), directions);
  const biases = weights.flatMap((p) => p.inputBias && p.hiddenBias ? [p.inputBias, p.hiddenBias] : []);
  const bias = biases.length === 0 ? null : reordered(b, kind, biases, directions);
  const inputs = [x, w, r, bias, null, h];
  const attributes = {
    hidden_size: size,
    ...(directions === 2 ? { direction: "bidirectional" } : {}),
    ...(kind === "gru" ? { linear_before_reset: 1 } : {}),
    ...(kind === "rnn_relu" ? { activations: weights.map(() => "Relu") } : {}),
  };
  const dtype = b.meta(x).dtype;
  const opType = kind === "lstm" ? "LSTM" : kind === "gru" ? "GRU" : "RNN";
  const outputs = b.ops(opType, kind === "lstm" ? [...inputs, c] : inputs, kind === "lstm" ? 3 : 2, attributes);
  outputs.forEach((v, i) => {
    v.meta = { dtype, shape: i === 0 ? [length, directions, batch, size] : [directions, batch, size] };
  });
  return { y: outputs[0], h: outputs[1], c: outputs[2] ?? null };
};

/** A layer as a Scan over its steps, one per direction. */
const layerScan: Layer = (b, kind, weights, x, h, c) => {
  const { dtype, shape: [length, batch] } = b.meta(x);
  const size = b.meta(h).shape[2];
  const at = (v: OnnxValue, d: number): OnnxValue =>
    weights.length === 1 ? b.squeeze(v, 0) : b.op("Gather", [v, b.scalar(BigInt(d), "int64")], { axis: 0 });
  const parts = weights.map((cell, d) => {
    const states = [at(h, d), ...(c ? [at(c, d)] : [])];
    const step = (name: string, like: OnnxValue, dims: readonly Dim[]): OnnxValue => {
      return new OnnxValue(b.names.fresh(name), { dtype: b.meta(like).dtype, shape: dims });
    };
    const body = b.subgraph(`${kind}_step`, (inner) => {
      const inputs = states.map((s, i) => step(i === 0 ? "hidden" : "cell", s, b.meta(s).shape));
      const element = step("element", x, b.meta(x).shape.slice(1));
      inner.graph.inputs.push(...inputs, element);
      const next = stepNodes(inner, kind, cell, element, inputs[0], inputs[1] ?? null);
      // The same value can't be both a state and an output of the body.
      return [next.h, ...(next.c ? [next.c] : []), inner.copy(next.h)];
    });
    const outputs = b.ops("Scan", [...states, x], states.length + 1, {
      body,
      num_scan_inputs: 1,
      ...(d === 1 ? { scan_input_directions: [1], scan_output_directions: [1] } : {}),
    });
    outputs.forEach((v, i) => {
      v.meta = { dtype, shape: i < states.length ? b.meta(states[i]).shape : [length, batch, size] };
    });
    return outputs;
  });
  const joined = (i: number, axis: number): OnnxValue => {
    const all = parts.map((p) => b.unsqueeze(p.at(i)!, axis));
    return all.length === 1 ? all[0] : b.op("Concat", all, { axis });
  };
  return { y: joined(-1, 1), h: joined(0, 0), c: c && joined(1, 0) };
};

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html: `dropout` acts in training only. */
export const lstm = defineOp(
  "aten::lstm.input(Tensor input, Tensor[] hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor, Tensor)",
  {
    meta: (_, args) => {
      const [h, c] = args.hx;
      return [outputMeta("lstm", args, h, c, isProjected(args)), { dtype: h.dtype, shape: h.shape }, {
        dtype: c.dtype,
        shape: c.shape,
      }];
    },
    // Torch up to 2.8 records states with a dim of size 1 after the first.
    corrects: ([output, ...states]) =>
      states.every(({ shape }) => shape.length === 4 && shape[1] === 1)
        ? [output, ...states.map(({ dtype, shape }) => ({ dtype, shape: shape.toSpliced(1, 1) }))]
        : null,
    kernel: (args) => {
      const { output, h, c } = run("lstm", args, args.hx[0], args.hx[1], isProjected(args));
      return [output, h, c];
    },
    onnx: (b, args) => {
      const { output, h, c } = emit(b, "lstm", args, args.hx[0], args.hx[1], isProjected(args));
      return [output, h, c!];
    },
  },
);

/**
 * One layer of an LSTM in one direction, as decompositions for the CPU have it; its last result, room for gradients, is
 * none at inference.
 *
 * Source: https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/native/mkldnn/RNN.cpp
 */
export const mkldnnRnnLayer = defineOp(
  "aten::mkldnn_rnn_layer(Tensor input, Tensor weight0, Tensor weight1, Tensor weight2, Tensor weight3, Tensor hx_, Tensor cx_, bool reverse, int[] batch_sizes, int mode, int hidden_size, int num_layers, bool has_biases, bool bidirectional, bool batch_first, bool train) -> (Tensor, Tensor, Tensor, Tensor)",
  {
    decompose: (t, args) => {
      const { mode, num_layers, bidirectional, batch_first, batch_sizes, train, has_biases, reverse } = args;
      if (mode !== LSTM_MODE) refuse("mode", mode, "only LSTM (2) is a layer of its own");
      if (num_layers !== 1) refuse("num_layers", num_layers, "it must be 1");
      if (bidirectional) refuse("bidirectional", bidirectional, "each direction is a call of its own");
      if (batch_first) refuse("batch_first", batch_first, "steps are the first dim here");
      if (batch_sizes.length > 0) refuse("batch_sizes", batch_sizes, "packed sequences are not supported");
      if (train) refuse("train", train, "its last result is only for gradients");
      const weights = has_biases
        ? [args.weight0, args.weight1, args.weight2, args.weight3]
        : [args.weight0, args.weight1];
      const turned = reverse ? t.call(flip, args.input, [0]) : args.input;
      const states = [args.hx_, args.cx_];
      const [output, h, c] = t.call(lstm, turned, states, weights, has_biases, 1, 0, false, false, false);
      return [reverse ? t.call(flip, output, [0]) : output, h, c, null as unknown as typeof output];
    },
  },
);

/** The number that oneDNN's records have for an LSTM. */
const LSTM_MODE = 2;

type HiddenArgs<T> = RnnArgs<T> & { readonly hx: T };

/** Rules of layers with a hidden state only. */
function layered(kind: CellKind): {
  meta: (_: MetaContext, args: HiddenArgs<Meta>) => [Meta, Meta];
  kernel: (args: HiddenArgs<Tensor>) => [Tensor, Tensor];
  onnx: (b: OnnxBuilder, args: HiddenArgs<OnnxValue>) => [OnnxValue, OnnxValue];
} {
  return {
    meta: (_, args) => {
      return [outputMeta(kind, args, args.hx, args.hx, false), { dtype: args.hx.dtype, shape: args.hx.shape }];
    },
    kernel: (args) => {
      const { output, h } = run(kind, args, args.hx, args.hx, false);
      return [output, h];
    },
    onnx: (b, args) => {
      const { output, h } = emit(b, kind, args, args.hx, null, false);
      return [output, h];
    },
  };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.GRU.html: `dropout` acts in training only. */
export const gru = defineOp(
  "aten::gru.input(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor)",
  layered("gru"),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.RNN.html: `dropout` acts in training only. */
export const rnnTanh = defineOp(
  "aten::rnn_tanh.input(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor)",
  layered("rnn_tanh"),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.RNN.html: `dropout` acts in training only. */
export const rnnRelu = defineOp(
  "aten::rnn_relu.input(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor)",
  layered("rnn_relu"),
);
