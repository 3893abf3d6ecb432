/** Inverse trigonometric and hyperbolic functions as ONNX in double precision, which onnxruntime lacks. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { emitPiecewise, Piecewise } from "./piecewise.ts";
import { log1p } from "./unary.ts";

/** `atan(x) / x`. */
const ATAN = new Piecewise((x) => Math.atan(x) / x, [0, 1], 8, 12);

/** From here on `log(2x)` is asinh and acosh of x, whose squares would overflow. */
const LARGE = 1e8;

function number(b: OnnxBuilder, value: number): OnnxValue {
  return b.scalar(value, "float64");
}

/** atan of a float64 value. */
export function emitAtan(b: OnnxBuilder, x: OnnxValue): OnnxValue {
  const size = b.op("Abs", [x]);
  const isLarge = b.op("Greater", [size, number(b, 1)]);
  const inside = b.op("Where", [isLarge, b.op("Reciprocal", [size]), size]);
  const angle = b.op("Mul", [inside, emitPiecewise(b, inside, ATAN)]);
  const whole = b.op("Where", [isLarge, b.op("Sub", [number(b, Math.PI / 2), angle]), angle]);
  return b.op("Mul", [b.op("Sign", [x]), whole]);
}

/** `1 - x` and `1 + x`. */
function emitDistances(b: OnnxBuilder, x: OnnxValue): [OnnxValue, OnnxValue] {
  const one = number(b, 1);
  return [b.op("Sub", [one, x]), b.op("Add", [one, x])];
}

/** asin of a float64 value. */
export function emitAsin(b: OnnxBuilder, x: OnnxValue): OnnxValue {
  return emitAtan(b, b.op("Div", [x, b.op("Sqrt", [b.op("Mul", emitDistances(b, x))])]));
}

/** acos of a float64 value, by its half. */
export function emitAcos(b: OnnxBuilder, x: OnnxValue): OnnxValue {
  const half = emitAtan(b, b.op("Sqrt", [b.op("Div", emitDistances(b, x))]));
  return b.op("Mul", [half, number(b, 2)]);
}

/** `log(2x)` for large x, else `log(1 + rest)`. */
function emitLogarithm(b: OnnxBuilder, x: OnnxValue, rest: OnnxValue): OnnxValue {
  const large = b.op("Add", [b.op("Log", [x]), number(b, Math.LN2)]);
  return b.op("Where", [b.op("Greater", [x, number(b, LARGE)]), large, log1p.onnx!(b, { self: rest })]);
}

/** asinh of a float64 value. */
export function emitAsinh(b: OnnxBuilder, x: OnnxValue): OnnxValue {
  const size = b.op("Abs", [x]);
  const square = b.op("Mul", [size, size]);
  const root = b.op("Sqrt", [b.op("Add", [square, number(b, 1)])]);
  // √(1 + x²) - 1 without cancellation.
  const over = b.op("Div", [square, b.op("Add", [root, number(b, 1)])]);
  return b.op("Mul", [b.op("Sign", [x]), emitLogarithm(b, size, b.op("Add", [size, over]))]);
}

/** acosh of a float64 value. */
export function emitAcosh(b: OnnxBuilder, x: OnnxValue): OnnxValue {
  const above = b.op("Sub", [x, number(b, 1)]);
  const root = b.op("Mul", [b.op("Sqrt", [above]), b.op("Sqrt", [b.op("Add", [x, number(b, 1)])])]);
  return emitLogarithm(b, x, b.op("Add", [above, root]));
}

/** atanh of a float64 value. */
export function emitAtanh(b: OnnxBuilder, x: OnnxValue): OnnxValue {
  const ratio = b.op("Div", [b.op("Add", [x, x]), b.op("Sub", [number(b, 1), x])]);
  return b.op("Mul", [log1p.onnx!(b, { self: ratio }), number(b, 0.5)]);
}
