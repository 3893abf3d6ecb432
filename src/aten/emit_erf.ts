/** The error function and its relatives as ONNX in double precision, where ONNX's Erf won't do. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { erf, erfcx, erfinvRatio } from "./erf_functions.ts";
import { emitInverted, emitPiecewise, Piecewise } from "./piecewise.ts";

/** `(1 + x) · erfcx(x)` as a function of `4 / (4 + x)`. */
const ERFCX = new Piecewise(
  (v) => {
    const x = 4 / v - 4;
    return erfcx(x) * (1 + x);
  },
  [0, 1],
  16,
  12,
);

/** `erf(x) / x`. */
const ERF = new Piecewise((x) => erf(x) / x, [0, 1], 4, 12);

/** `erfinvRatio(u) / (1 + u)` as a function of `4 / (4 + u)`, to where no positive float64 is nearer to 0. */
const ERFINV = new Piecewise(
  (v) => {
    const u = 4 / v - 4;
    return erfinvRatio(u) / (1 + u);
  },
  [0.1, 1],
  16,
  12,
);

function number(b: OnnxBuilder, value: number): OnnxValue {
  return b.scalar(value, "float64");
}

/** `exp(x²) · erfc(x)` of a float64 value that is not negative. */
export function emitErfcx(b: OnnxBuilder, x: OnnxValue): OnnxValue {
  const scaled = emitPiecewise(b, emitInverted(b, x, 4), ERFCX);
  return b.op("Div", [scaled, b.op("Add", [x, number(b, 1)])]);
}

/** `exp(-x²)`. */
function emitBell(b: OnnxBuilder, x: OnnxValue): OnnxValue {
  return b.op("Exp", [b.op("Neg", [b.op("Mul", [x, x])])]);
}

/** erfc of a float64 value. */
export function emitErfc(b: OnnxBuilder, x: OnnxValue): OnnxValue {
  const tail = b.op("Mul", [emitErfcx(b, b.op("Abs", [x])), emitBell(b, x)]);
  return b.op("Where", [b.op("Less", [x, number(b, 0)]), b.op("Sub", [number(b, 2), tail]), tail]);
}

/** erf of a float64 value. */
export function emitErf(b: OnnxBuilder, x: OnnxValue): OnnxValue {
  const size = b.op("Abs", [x]);
  const ratio = emitPiecewise(b, size, ERF);
  const rest = b.op("Sub", [number(b, 1), b.op("Mul", [emitErfcx(b, size), emitBell(b, x)])]);
  const isSmall = b.op("Less", [size, number(b, 1)]);
  return b.op("Where", [isSmall, b.op("Mul", [x, ratio]), b.op("Mul", [b.op("Sign", [x]), rest])]);
}

/** The inverse of erf at x, from x and `1 - x²`, both float64. */
export function emitErfinv(b: OnnxBuilder, x: OnnxValue, rest: OnnxValue): OnnxValue {
  const u = b.op("Sqrt", [b.op("Neg", [b.op("Log", [rest])])]);
  const scaled = emitPiecewise(b, emitInverted(b, u, 4), ERFINV);
  return b.op("Mul", [x, b.op("Mul", [scaled, b.op("Add", [u, number(b, 1)])])]);
}
