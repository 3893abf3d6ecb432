/** ONNX forms of moving elements that several operators share. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { AttributeInput, OnnxValue } from "../onnx/model.ts";
import type { DType } from "../tensor/mod.ts";

/** How what is written meets what was there. */
export type Reduction = "none" | "add" | "mul" | "max" | "min";

/** `reduction` as an attribute; the default is left out. */
export function reductionOf(reduction: Reduction): { reduction?: string } {
  return reduction === "none" ? {} : { reduction };
}

/**
 * `self` with `src` written to the rows that the 1-d `rows` names along a dim. Rows of the first dim are one update each;
 * elsewhere each element of `src` gets its index.
 */
export function onnxScatterRows(
  b: OnnxBuilder,
  self: OnnxValue,
  dim: number,
  rows: OnnxValue,
  src: OnnxValue,
  reduction: Reduction = "none",
): OnnxValue {
  if (dim === 0) return b.op("ScatterND", [self, b.unsqueeze(rows, 1), src], reductionOf(reduction));
  const { shape } = b.meta(src);
  const trailing = Array.from({ length: shape.length - dim - 1 }, (_, i) => i + 1);
  const placed = b.unsqueeze(rows, ...trailing);
  const indices = b.op("Expand", [placed, b.ints(shape.map((d, i) => i === dim ? 1 : d))]);
  return b.op("ScatterElements", [self, indices, src], { axis: dim, ...reductionOf(reduction) });
}

/** Expand, Tile or Compress, which onnxruntime lacks for bfloat16: there it moves the same numbers as float32. */
export function onnxRepeat(
  b: OnnxBuilder,
  opType: "Expand" | "Tile" | "Compress",
  self: OnnxValue,
  how: OnnxValue,
  attributes: Readonly<Record<string, AttributeInput>> = {},
): OnnxValue {
  const { dtype } = b.meta(self);
  const x = dtype === "bfloat16" ? b.cast(self, "float32") : self;
  return b.cast(b.op(opType, [x, how], attributes), dtype);
}

/** The dtype that scatters combine elements in: bools as numbers, half floats as single ones, which onnxruntime needs. */
export function combiningDType(dtype: DType): DType {
  if (dtype === "bool") return "int32";
  return dtype === "float16" || dtype === "bfloat16" ? "float32" : dtype;
}

/** `body` of values that are written, or where `adds` is set added up. */
export function onnxAccumulate(
  b: OnnxBuilder,
  adds: boolean,
  [self, src]: readonly [OnnxValue, OnnxValue],
  body: (self: OnnxValue, src: OnnxValue) => OnnxValue,
): OnnxValue {
  const { dtype } = b.meta(self);
  const wide = adds ? combiningDType(dtype) : dtype;
  return b.cast(body(b.cast(self, wide), b.cast(src, wide)), dtype);
}

/** What onnxruntime has NonZero for. */
const NON_ZERO: readonly DType[] = ["bool", "float32", "int32", "int64", "uint8"];

/** Coordinates of what is not zero: `int64[rank, count]`, whose count becomes a size that can be computed from it. */
export function onnxNonZero(b: OnnxBuilder, x: OnnxValue): OnnxValue {
  const found = b.op("NonZero", [NON_ZERO.includes(b.meta(x).dtype) ? x : b.cast(x, "bool")]);
  b.bindSymbols(found);
  return found;
}
