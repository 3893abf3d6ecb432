/**
 * Connectionist temporal classification: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.ctc_loss.html.
 * The likelihood of a target is summed over all its alignments by a recursion over time, which is a Scan in ONNX.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { add, type Dim, eq, isSym, mul } from "../sym/mod.ts";
import { type Meta, Tensor } from "../tensor/mod.ts";
import { convert } from "../tensor/loops.ts";
import { emitReduce } from "./dims.ts";
import { FLOATS } from "./emit.ts";
import { reductionOf } from "./loss.ts";
import { defineOp, type MetaContext } from "./op.ts";
import { refuse } from "./rules.ts";
import { steps } from "./spatial.ts";

/** Lengths as a program gives them. */
type Lengths<T> = T | readonly number[];

interface CtcArgs<T> {
  readonly log_probs: T;
  readonly targets: T;
  readonly input_lengths: Lengths<T>;
  readonly target_lengths: Lengths<T>;
  readonly blank: number;
  readonly zero_infinity: boolean;
}

function check({ log_probs, targets, input_lengths, target_lengths, blank }: CtcArgs<Meta>, batchless: boolean): void {
  const { dtype, shape } = log_probs;
  if (dtype !== "float32" && dtype !== "float64") {
    throw new TypeError(`Logarithms of probabilities must be float32 or float64, met ${dtype}`);
  }
  if (targets.dtype !== "int64" && targets.dtype !== "int32") {
    throw new TypeError(`Argument targets must be int32 or int64, met ${targets.dtype}`);
  }
  if (shape.length !== 3 && !(batchless && shape.length === 2)) {
    throw new RangeError(
      `Logarithms of probabilities must have ${batchless ? "2 or " : ""}3 dimensions, met ${shape.length}`,
    );
  }
  if (targets.shape.length !== 1 && targets.shape.length !== 2) {
    throw new RangeError(`Targets must have 1 or 2 dimensions, met ${targets.shape.length}`);
  }
  const classes = shape.at(-1)!;
  if (blank < 0 || (!isSym(classes) && blank >= classes)) refuse("blank", blank, `there are ${classes} classes`);
  const batch = shape.length === 3 ? shape[1] : 1;
  for (const [name, lengths] of Object.entries({ input_lengths, target_lengths })) {
    if (Array.isArray(lengths)) {
      if (eq(batch, lengths.length) === false) refuse(name, `[${lengths.join(", ")}]`, `the batch is of ${batch}`);
    } else if (!/^int/.test((lengths as Meta).dtype)) throw new TypeError(`Argument ${name} must be integers`);
  }
}

/** Lengths as numbers. */
function listOf(lengths: Lengths<Tensor>): number[] {
  return lengths instanceof Tensor ? lengths.toArray().map(Number) : [...lengths];
}

function logSum(values: readonly number[]): number {
  const top = Math.max(...values);
  return top === -Infinity ? -Infinity : top + Math.log(values.reduce((sum, v) => sum + Math.exp(v - top), 0));
}

/** The negative logarithms of likelihoods, and the logarithms of those of all beginnings, `[batch, time, places]`. */
function alphas(args: CtcArgs<Tensor>): { losses: number[]; table: Tensor } {
  const { log_probs, targets, blank } = args;
  const [time, batch, classes] = log_probs.shape;
  const [inputs, lengths] = [listOf(args.input_lengths), listOf(args.target_lengths)];
  const data = convert(log_probs, "float64").data() as Float64Array;
  const labels = targets.toArray().map(Number);
  const places = 2 * Math.max(...lengths, 0) + 1;
  const table = new Float64Array(batch * time * places).fill(-Infinity);
  let start = 0;
  const losses = lengths.map((length, n) => {
    if (inputs[n] > time) throw new RangeError(`An input of ${inputs[n]} steps is longer than the ${time} there are`);
    const own = targets.shape.length === 2 ? n * targets.shape[1] : start;
    start += length;
    const label = (s: number): number => s % 2 === 0 ? blank : labels[own + (s - 1) / 2];
    const at = (t: number, s: number): number => (n * time + t) * places + s;
    for (let t = 0; t < inputs[n]; t++) {
      for (let s = 0; s <= 2 * length; s++) {
        const before = (back: number): number => s < back ? -Infinity : table[at(t - 1, s - back)];
        const skips = s % 2 === 1 && s > 1 && label(s) !== label(s - 2);
        const sum = t === 0 ? (s <= 1 ? 0 : -Infinity) : logSum([before(0), before(1), skips ? before(2) : -Infinity]);
        table[at(t, s)] = sum + data[(t * batch + n) * classes + label(s)];
      }
    }
    if (inputs[n] === 0) return length === 0 ? 0 : Infinity;
    const last = at(inputs[n] - 1, 2 * length);
    return -logSum(length === 0 ? [table[last]] : [table[last], table[last - 1]]);
  });
  return { losses, table: Tensor.of("float64", [batch, time, places], table) };
}

/** Lengths as a list of int64. */
function lengthsNode(b: OnnxBuilder, lengths: Lengths<OnnxValue>, batch: Dim): OnnxValue {
  if (Array.isArray(lengths)) return b.ints(lengths);
  return b.cast(b.reshape(lengths as OnnxValue, [batch]), "int64");
}

/** Targets as a row for each sample: `[batch, longest]`. */
function rowsNode(b: OnnxBuilder, args: CtcArgs<OnnxValue>, lengths: OnnxValue): { rows: OnnxValue; longest: Dim } {
  const targets = b.cast(args.targets, "int64");
  const { shape } = b.meta(targets);
  if (shape.length === 2) return { rows: targets, longest: shape[1] };
  const given = args.target_lengths;
  const starts = b.op("CumSum", [lengths, b.dim(0)], { exclusive: 1 });
  const isKnown = Array.isArray(given);
  const order = isKnown ? steps(b, Math.max(...given as readonly number[], 0)) : b.op("Range", [
    b.dim(0),
    b.op("ReduceMax", [lengths], { keepdims: 0 }),
    b.dim(1),
  ]);
  // How many places there are is known once it runs.
  b.bindSymbols(order);
  const index = b.op("Add", [b.unsqueeze(starts, 1), order]);
  const last = b.op("Sub", [b.dim(shape[0]), b.dim(1)]);
  // Beyond the end of a target any label will do.
  return {
    rows: b.op("Gather", [targets, b.op("Min", [index, last])], { axis: 0 }),
    longest: b.meta(order).shape[0],
  };
}

/** The same as {@linkcode alphas}. */
function nodes(b: OnnxBuilder, args: CtcArgs<OnnxValue>): { losses: OnnxValue; table: OnnxValue; lengths: OnnxValue } {
  const { log_probs, blank } = args;
  const { dtype, shape: [time, batch, classes] } = b.meta(log_probs);
  const [inputs, lengths] = [lengthsNode(b, args.input_lengths, batch), lengthsNode(b, args.target_lengths, batch)];
  const { rows, longest } = rowsNode(b, args, lengths);
  const places = add(mul(longest, 2), 1);
  const [none, zero] = [b.scalar(-Infinity, dtype), b.scalar(0n, "int64")];
  // Blanks around all labels; what pads a target may be no class.
  const known = b.op("Clip", [rows, zero, b.op("Sub", [b.dim(classes), b.dim(1)])]);
  const blanks = b.op("Expand", [b.scalar(BigInt(blank), "int64"), b.ints([batch, longest, 1])]);
  const pairs = b.reshape(b.op("Concat", [blanks, b.unsqueeze(known, 2)], { axis: 2 }), [batch, mul(longest, 2)]);
  const end = b.op("Expand", [b.scalar(BigInt(blank), "int64"), b.ints([batch, 1])]);
  const labels = b.op("Concat", [pairs, end], { axis: 1 });
  const index = b.op("Expand", [b.unsqueeze(labels, 0), b.ints([time, batch, places])]);
  const scores = b.op("GatherElements", [log_probs, index], { axis: 2 });
  // A label may follow another one without a blank between.
  const pad = (x: OnnxValue, value: OnnxValue, by: number): OnnxValue =>
    b.op("Slice", [
      b.op("Concat", [b.op("Expand", [value, b.ints([batch, by])]), x], { axis: 1 }),
      b.ints([0]),
      b.ints([places]),
      b.ints([1]),
    ]);
  const isLabel = b.op("Equal", [b.op("Mod", [steps(b, places), b.dim(2)]), b.dim(1)]);
  const differs = b.op("Not", [b.op("Equal", [labels, pad(labels, b.scalar(-1n, "int64"), 2)])]);
  const skips = b.op("And", [isLabel, differs]);
  const first = b.op("Equal", [steps(b, places), zero]);
  const start = b.op("Expand", [b.op("Where", [first, b.scalar(0, dtype), none]), b.ints([batch, places])]);
  const [open, filler] = [b.ints([batch, 1]), b.op("Expand", [none, b.ints([batch, 2])])];
  const one = b.op("Expand", [none, open]);
  const body = b.subgraph("ctc_step", (inner) => {
    const state = inner.input("ctc_state", { dtype, shape: [batch, places] });
    const score = inner.input("ctc_score", { dtype, shape: [batch, places] });
    const moved = (front: OnnxValue): OnnxValue =>
      inner.op("Slice", [
        inner.op("Concat", [front, state], { axis: 1 }),
        inner.ints([0]),
        inner.ints([places]),
        inner.ints([1]),
      ]);
    const [by1, by2] = [moved(one), inner.op("Where", [skips, moved(filler), none])];
    const top = inner.op("Max", [inner.op("Max", [state, by1]), by2]);
    const level = inner.op("Where", [inner.op("Equal", [top, none]), inner.scalar(0, dtype), top]);
    const sum = [state, by1, by2].map((x) => inner.op("Exp", [inner.op("Sub", [x, level])])).reduce((x, y) =>
      inner.op("Add", [x, y])
    );
    const next = inner.op("Add", [inner.op("Add", [inner.op("Log", [sum]), level]), score]);
    return [next, inner.copy(next)];
  });
  const [, table] = b.ops("Scan", [start, scores], 2, { body, num_scan_inputs: 1 });
  table.meta = { dtype, shape: [time, batch, places] };
  // The last step of each input, and there the last two places of each target.
  const lastStep = b.op("Max", [b.op("Sub", [inputs, b.dim(1)]), zero]);
  const stepIndex = b.op("Expand", [b.unsqueeze(lastStep, 0, 2), b.ints([1, batch, places])]);
  const lastRow = b.squeeze(b.op("GatherElements", [table, stepIndex], { axis: 0 }), 0);
  const lastPlace = b.unsqueeze(b.op("Mul", [lengths, b.dim(2)]), 1);
  const before = b.op("Max", [b.op("Sub", [lastPlace, b.dim(1)]), zero]);
  const [withBlank, without] = [lastPlace, before].map((at) => b.op("GatherElements", [lastRow, at], { axis: 1 }));
  const isEmpty = b.op("Equal", [lengths, zero]);
  const other = b.op("Where", [b.unsqueeze(isEmpty, 1), none, without]);
  const both = b.op("Concat", [withBlank, other], { axis: 1 });
  const top = b.op("ReduceMax", [both, b.ints([1])], { keepdims: 1 });
  const level = b.op("Where", [b.op("Equal", [top, none]), b.scalar(0, dtype), top]);
  const sum = b.op("ReduceSum", [b.op("Exp", [b.op("Sub", [both, level])]), b.ints([1])], { keepdims: 0 });
  const reached = b.op("Neg", [b.op("Add", [b.op("Log", [sum]), b.squeeze(level, 1)])]);
  const unread = b.op("Where", [isEmpty, b.scalar(0, dtype), b.scalar(Infinity, dtype)]);
  const losses = b.op("Where", [b.op("Equal", [inputs, zero]), unread, reached]);
  return { losses, table, lengths };
}

interface ReducedArgs<T> extends CtcArgs<T> {
  readonly reduction: number;
}

/** With a batch dimension, which one sample lacks. */
function batched<T>(args: ReducedArgs<T>, isOne: boolean, unsqueeze: (x: T) => T): ReducedArgs<T> {
  return isOne ? { ...args, log_probs: unsqueeze(args.log_probs) } : args;
}

const REDUCED = {
  meta: (_: MetaContext, args: ReducedArgs<Meta>): Meta => {
    check(args, true);
    const { dtype, shape } = args.log_probs;
    const isWhole = reductionOf(args.reduction) !== "none" || shape.length === 2;
    return { dtype, shape: isWhole ? [] : [shape[1]] };
  },
  kernel: (given: ReducedArgs<Tensor>): Tensor => {
    check(given, true);
    const { dtype, shape } = given.log_probs;
    const args = batched(given, shape.length === 2, (x) => x.reshape([x.shape[0], 1, x.shape[1]]));
    const losses = alphas(args).losses.map((x) => args.zero_infinity && x === Infinity ? 0 : x);
    const way = reductionOf(args.reduction);
    if (way === "none") return convert(Tensor.of("float64", shape.length === 2 ? [] : [losses.length], losses), dtype);
    const lengths = listOf(args.target_lengths);
    const total = losses.reduce((sum, x, i) => sum + (way === "mean" ? x / Math.max(lengths[i], 1) : x), 0);
    return convert(Tensor.scalar("float64", way === "mean" ? total / losses.length : total), dtype);
  },
  onnx: (b: OnnxBuilder, given: ReducedArgs<OnnxValue>): OnnxValue => {
    const { dtype, shape } = b.meta(given.log_probs);
    const args = batched(given, shape.length === 2, (x) => b.unsqueeze(x, 1));
    const found = nodes(b, args);
    const isEndless = (x: OnnxValue): OnnxValue => b.op("Equal", [x, b.scalar(Infinity, dtype)]);
    const losses = args.zero_infinity
      ? b.op("Where", [isEndless(found.losses), b.scalar(0, dtype), found.losses])
      : found.losses;
    const way = reductionOf(args.reduction);
    if (way === "none") return shape.length === 2 ? b.squeeze(losses, 0) : losses;
    if (way === "sum") return emitReduce(b, FLOATS, "ReduceSum", losses, [0], false);
    const lengths = b.cast(b.op("Max", [found.lengths, b.dim(1)]), dtype);
    return emitReduce(b, FLOATS, "ReduceMean", b.op("Div", [losses, lengths]), [0], false);
  },
};

/** Lengths in tensors. */
export const ctcLossTensor = defineOp(
  "aten::ctc_loss.Tensor(Tensor log_probs, Tensor targets, Tensor input_lengths, Tensor target_lengths, int blank=0, int reduction=1, bool zero_infinity=False) -> Tensor",
  REDUCED,
);

/** Lengths in lists. */
export const ctcLoss = defineOp(
  "aten::ctc_loss.IntList(Tensor log_probs, Tensor targets, int[] input_lengths, int[] target_lengths, int blank=0, int reduction=1, bool zero_infinity=False) -> Tensor",
  REDUCED,
);

/** The losses, and the table that gradients need: minus infinity where PyTorch leaves it undefined. */
const LOSSES = {
  meta: (ctx: MetaContext, args: CtcArgs<Meta>): [Meta, Meta] => {
    check(args, false);
    const { dtype, shape: [time, batch] } = args.log_probs;
    const given = args.target_lengths;
    const places = Array.isArray(given) ? 2 * Math.max(...given as number[], 0) + 1 : ctx.freshSymbol("ctc_loss");
    return [{ dtype, shape: [batch] }, { dtype, shape: [batch, time, places] }];
  },
  kernel: (args: CtcArgs<Tensor>): [Tensor, Tensor] => {
    check(args, false);
    const { losses, table } = alphas(args);
    const { dtype } = args.log_probs;
    // The gradient is what `zero_infinity` changes here, not the losses.
    return [convert(Tensor.of("float64", [losses.length], losses), dtype), convert(table, dtype)];
  },
  onnx: (b: OnnxBuilder, args: CtcArgs<OnnxValue>): [OnnxValue, OnnxValue] => {
    const { losses, table, lengths } = nodes(b, args);
    const most = b.op("ReduceMax", [lengths, b.ints([0])], { keepdims: 1 });
    const places = b.op("Add", [b.op("Mul", [most, b.dim(2)]), b.dim(1)]);
    const turned = b.transpose(table, [1, 0, 2]);
    return [losses, b.op("Slice", [turned, b.ints([0]), places, b.ints([2])])];
  },
};

/** Lengths in tensors. */
export const _ctcLossTensor = defineOp(
  "aten::_ctc_loss.Tensor(Tensor log_probs, Tensor targets, Tensor input_lengths, Tensor target_lengths, int blank=0, bool zero_infinity=False) -> (Tensor, Tensor)",
  LOSSES,
);

/** Lengths in lists. */
export const _ctcLoss = defineOp(
  "aten::_ctc_loss(Tensor log_probs, Tensor targets, int[] input_lengths, int[] target_lengths, int blank=0, bool zero_infinity=False) -> (Tensor, Tensor)",
  LOSSES,
);
