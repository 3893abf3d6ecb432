/** ONNX forms that write whole rows of a dim at given indices; used by several operators. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";

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
