/** The regularized incomplete gamma functions: series and continued fraction, as far as the elements at hand need them. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { broadcastShapes } from "../tensor/mod.ts";
import { lgamma } from "./gamma.ts";
import { incompleteGamma } from "./gamma_functions.ts";
import { defineOp } from "./op.ts";
import { alias, bothToFloat } from "./overloads.ts";
import { computeIn } from "./precision.ts";
import { emitRepeat } from "./loop.ts";
import { binary, broadcastOther } from "./rules.ts";

/** Near `x = a` about √a turns are needed several times over. */
const MOST_TURNS = 100000;
/** Terms that change a sum by less than this end it. */
const PRECISION = 1e-16;

/** The lower (`P`) or upper (`Q`) function of float64 values. */
function emitIncomplete(b: OnnxBuilder, givenA: OnnxValue, givenX: OnnxValue, upper: boolean): OnnxValue {
  const number = (value: number): OnnxValue => b.scalar(value, "float64");
  const [zero, one] = [number(0), number(1)];
  const shape = broadcastShapes(b.meta(givenA).shape, b.meta(givenX).shape);
  const full = (x: OnnxValue): OnnxValue => b.op("Expand", [x, b.ints(shape)]);
  // Elements that are special cases take part as a harmless pair.
  const inside = [givenA, givenX].map((v) =>
    b.op("And", [b.op("Greater", [v, zero]), b.op("Less", [v, number(Infinity)])])
  );
  const isRegular = b.op("And", inside);
  const [a, x] = [givenA, givenX].map((v) => b.op("Where", [isRegular, v, one]));
  const isLow = b.op("LessOrEqual", [x, b.op("Max", [a, one])]);
  // Each method sees the other's elements where it converges at once.
  const xLow = b.op("Where", [isLow, x, zero]);
  const xHigh = b.op("Where", [isLow, b.op("Add", [b.op("Add", [a, a]), number(10)]), x]);
  const base = b.op("Sub", [b.op("Add", [xHigh, one]), a]);
  const first = b.op("Reciprocal", [base]);
  const start = b.op("Reciprocal", [a]);
  const states = [start, start, full(number(Infinity)), first, first];
  const [, series, , , fraction] = emitRepeat(b, b.scalar(MOST_TURNS, "int64"), states, (i, turn, state) => {
    const [term, sum, c, d, result] = state;
    const n = i.op("Add", [i.cast(turn, "float64"), one]);
    const nextTerm = i.op("Mul", [term, i.op("Div", [xLow, i.op("Add", [a, n])])]);
    const nextSum = i.op("Add", [sum, nextTerm]);
    const numerator = i.op("Mul", [n, i.op("Sub", [a, n])]);
    const offset = i.op("Add", [base, i.op("Add", [n, n])]);
    const nextD = i.op("Reciprocal", [i.op("Add", [i.op("Mul", [numerator, d]), offset])]);
    const nextC = i.op("Add", [offset, i.op("Div", [numerator, c])]);
    const change = i.op("Mul", [nextC, nextD]);
    const more = [
      i.op("Greater", [nextTerm, i.op("Mul", [nextSum, number(PRECISION)])]),
      i.op("Greater", [i.op("Abs", [i.op("Sub", [change, one])]), number(2 * PRECISION)]),
    ];
    const open = i.op("ReduceSum", [i.cast(i.op("Or", more), "int64")], { keepdims: 0 });
    return {
      states: [nextTerm, nextSum, nextC, nextD, i.op("Mul", [result, change])],
      goOn: i.op("Greater", [open, i.scalar(0, "int64")]),
    };
  });
  const exponent = b.op("Sub", [b.op("Sub", [b.op("Mul", [a, b.op("Log", [x])]), x]), lgamma.onnx!(b, { self: a })]);
  const factor = b.op("Exp", [exponent]);
  const parts = [b.op("Mul", [series, factor]), b.op("Mul", [fraction, factor])];
  const [low, high] = upper ? [b.op("Sub", [one, parts[0]]), parts[1]] : [parts[0], b.op("Sub", [one, parts[1]])];
  return b.op("Where", [isRegular, b.op("Where", [isLow, low, high]), emitLimit(b, givenA, givenX, upper)]);
}

/** The value at 0 and infinity: all of the weight is below x, or none, or it can't be said. */
function emitLimit(b: OnnxBuilder, a: OnnxValue, x: OnnxValue, upper: boolean): OnnxValue {
  const [zero, infinity] = [0, Infinity].map((v) => b.scalar(v, "float64"));
  const all = b.op("Or", [b.op("Equal", [a, zero]), b.op("Equal", [x, infinity])]);
  const none = b.op("Or", [b.op("Equal", [x, zero]), b.op("Equal", [a, infinity])]);
  const isNegative = b.op("Less", [b.op("Min", [a, x]), zero]);
  const one = b.scalar(1, "float64");
  const value = b.op("Where", [
    all,
    upper ? zero : one,
    b.op("Where", [none, upper ? one : zero, b.scalar(NaN, "float64")]),
  ]);
  const unknown = b.op("Or", [isNegative, b.op("And", [all, none])]);
  // The sum is NaN where one of them is.
  const isNaN = b.op("IsNaN", [b.op("Mul", [b.op("Add", [b.op("Abs", [a]), b.op("Abs", [x])]), one])]);
  return b.op("Where", [b.op("Or", [unknown, isNaN]), b.scalar(NaN, "float64"), value]);
}

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.gammainc */
export const igamma = defineOp("aten::igamma(Tensor self, Tensor other) -> Tensor", {
  promote: bothToFloat,
  meta: broadcastOther,
  kernel: binary((a, x) => incompleteGamma(a, x).lower),
  onnx: (b, { self, other }) => computeIn(b, "float64", [self, other], (a, x) => emitIncomplete(b, a, x, false)),
});

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.gammaincc */
export const igammac = defineOp("aten::igammac(Tensor self, Tensor other) -> Tensor", {
  promote: bothToFloat,
  meta: broadcastOther,
  kernel: binary((a, x) => incompleteGamma(a, x).upper),
  onnx: (b, { self, other }) => computeIn(b, "float64", [self, other], (a, x) => emitIncomplete(b, a, x, true)),
});

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.gammainc */
export const specialGammainc = defineOp("aten::special_gammainc(Tensor self, Tensor other) -> Tensor", alias(igamma));

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.gammaincc */
export const specialGammaincc = defineOp(
  "aten::special_gammaincc(Tensor self, Tensor other) -> Tensor",
  alias(igammac),
);
