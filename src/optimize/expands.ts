/**
 * Leaves out an Expand whose user broadcasts by itself: the result keeps its shape where another operand has the size of
 * each dim that was expanded.
 */
import { haveSameLastDim } from "../onnx/merge.ts";
import type { OnnxNode, OnnxValue } from "../onnx/model.ts";
import { type Dim, eq } from "../sym/mod.ts";
import type { Pass } from "./pass.ts";

/** Operators all of whose inputs broadcast. */
const BROADCASTING: ReadonlySet<string> = new Set([
  ...["Add", "Sub", "Mul", "Div", "Pow", "Mod", "Max", "Min", "Mean", "Sum", "Where", "BitShift"],
  ...["And", "Or", "Xor", "BitwiseAnd", "BitwiseOr", "BitwiseXor"],
  ...["Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"],
]);

/** Expand elimination. */
export const expands: Pass = {
  name: "expands",
  run(graph) {
    let changed = false;
    for (const node of graph.nodes()) {
      if (node.domain !== "" || !BROADCASTING.has(node.opType)) continue;
      for (const [i, input] of node.inputs.entries()) {
        const narrow = beforeExpand(input);
        if (!narrow || !isCovered(node, i, narrow) || isMaskOf(node, i, narrow)) continue;
        node.update(() => {
          node.inputs = node.inputs.map((v, k) => k === i ? narrow : v);
        });
        changed = true;
      }
    }
    return changed;
  },
};

function beforeExpand(value: OnnxValue | null): OnnxValue | null {
  const node = value?.producer;
  return node && node.domain === "" && node.opType === "Expand" ? node.inputs[0] : null;
}

/** Whether the Expand makes operands of And alike along the last dim, which the builder sees to. */
function isMaskOf(node: OnnxNode, at: number, narrow: OnnxValue): boolean {
  return node.opType === "And" && !haveSameLastDim(narrow, node.inputs[1 - at]!);
}

/** Whether the result's shape stays with `narrow` as input `at`. */
function isCovered(node: OnnxNode, at: number, narrow: OnnxValue): boolean {
  const result = node.outputs[0].meta?.shape;
  if (!result || !narrow.meta) return false;
  const others = node.inputs.filter((_, i) => i !== at).map((v) => v?.meta?.shape);
  return result.every((dim, d) => {
    const fromEnd = result.length - d;
    const isOf = (shape: readonly Dim[] | undefined): boolean =>
      shape !== undefined && shape.length >= fromEnd && eq(shape[shape.length - fromEnd], dim) === true;
    return isOf(narrow.meta!.shape) || others.some(isOf);
  });
}
