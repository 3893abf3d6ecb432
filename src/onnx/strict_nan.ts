/**
 * What PyTorch gives of a NaN, where kernels of ONNX's operators lose it: extremes of elements with one are NaN, and its
 * position is that of the first. Loaded where an export is told to be strict; otherwise the plain nodes stand.
 */
import { isFloat } from "../tensor/mod.ts";
import type { NodeCall, OnnxBuilder } from "./builder.ts";
import type { OnnxValue } from "./model.ts";

/** Operators that may lose a NaN. */
const LOSING: ReadonlySet<string> = new Set(["ReduceMax", "ReduceMin", "ArgMax", "ArgMin", "MaxPool"]);

/** Nodes that keep a NaN, in the place of one that may lose it; null for other nodes. */
export function keepNaN(b: OnnxBuilder, call: NodeCall): OnnxValue[] | null {
  const { opType, inputs: [x, ...operands], attributes } = call;
  if (call.domain !== "" || !LOSING.has(opType) || !x?.meta || !isFloat(x.meta.dtype)) return null;
  const { dtype } = x.meta;
  const isNaN = b.op("IsNaN", [x]);
  const plain = call.plain();
  if (opType === "MaxPool") {
    // The kernel pools floats only; padding is below every element.
    const seen = b.op("Greater", [b.op("MaxPool", [b.cast(isNaN, dtype)], attributes), b.scalar(0, dtype)]);
    return [b.op("Where", [seen, b.scalar(NaN, dtype), plain[0]]), ...plain.slice(1)];
  }
  const marks = b.cast(isNaN, "int32");
  if (opType === "ReduceMax" || opType === "ReduceMin") {
    const seen = b.cast(b.op("ReduceMax", [marks, ...operands], attributes), "bool");
    return [b.op("Where", [seen, b.scalar(NaN, dtype), plain[0]])];
  }
  const { axis = 0, keepdims = 1 } = attributes;
  const seen = b.cast(b.op("ReduceMax", [marks, b.ints([Number(axis)])], { keepdims }), "bool");
  return [b.op("Where", [seen, b.op("ArgMax", [marks], attributes), plain[0]])];
}
