/** Merges neighbours: Transpose of Transpose, changes of the shape, Cast of a Cast that lost nothing. */
import { mergeReshaping } from "../onnx/merge.ts";
import { type OnnxGraph, type OnnxNode, OnnxValue, toAttributes } from "../onnx/model.ts";
import { categoryOf, type DType, itemsize } from "../tensor/mod.ts";
import { bypass, type Pass } from "./pass.ts";

/** Merging of layout and dtype changes. */
export const chains: Pass = {
  name: "chains",
  run(graph) {
    let changed = false;
    for (const node of graph.nodes()) {
      const before = node.inputs[0]?.producer;
      if (!before || node.domain !== "" || before.domain !== "" || before.graph !== node.graph) continue;
      if (mergeReshapes(graph, before, node)) changed = true;
      else if (before.opType !== node.opType) continue;
      else if (node.opType === "Transpose") changed = mergeTransposes(graph, before, node) || changed;
      else if (node.opType === "Cast") changed = mergeCasts(graph, before, node) || changed;
    }
    return changed;
  },
};

function mergeTransposes(graph: OnnxGraph, before: OnnxNode, node: OnnxNode): boolean {
  const [first, second] = [permOf(before), permOf(node)];
  if (!first || !second) return false;
  const perm = second.map((p) => first[p]);
  const input = before.inputs[0]!;
  if (perm.every((p, i) => p === i)) return bypass(graph, node, input);
  node.update(() => {
    node.inputs = [input];
    node.attributes = toAttributes({ perm });
  });
  return true;
}

function permOf(node: OnnxNode): number[] | null {
  const perm = node.attributes.get("perm");
  return perm?.type === "INTS" ? perm.value.map(Number) : null;
}

/** The last shape decides. What would need another constant is left to the builder. */
function mergeReshapes(graph: OnnxGraph, before: OnnxNode, node: OnnxNode): boolean {
  const merged = mergeReshaping(node);
  if (!merged) return false;
  if (merged instanceof OnnxValue) return bypass(graph, node, merged);
  const isShared = before.outputs[0].uses.size !== 1 || graph.outputs.includes(before.outputs[0]);
  if (isShared || merged.operand !== node.inputs[1]) return false;
  node.replaceOperand(before.outputs[0], merged.input);
  return true;
}

function mergeCasts(graph: OnnxGraph, before: OnnxNode, node: OnnxNode): boolean {
  const input = before.inputs[0]!;
  const [from, middle, to] = [input, before.outputs[0], node.outputs[0]].map((v: OnnxValue) => v.meta?.dtype);
  if (!from || !middle || !to || !holdsAll(from, middle)) return false;
  if (from === to) return bypass(graph, node, input);
  node.replaceOperand(before.outputs[0], input);
  return true;
}

/** Whether every value of a dtype is a value of another. */
function holdsAll(from: DType, to: DType): boolean {
  if (from === to || from === "bool") return true;
  const [a, b] = [categoryOf(from), categoryOf(to)];
  if (a === "int" && b === "int") {
    const signed = !from.startsWith("u");
    if (signed && to.startsWith("u")) return false;
    return signed === !to.startsWith("u") ? itemsize(to) >= itemsize(from) : itemsize(to) > itemsize(from);
  }
  if (a === "int" && b === "float") return MANTISSA[to] !== undefined && MANTISSA[to]! >= 8 * itemsize(from);
  if (a === "float" && b === "float") return to === "float64" || (to === "float32" && itemsize(from) < 4);
  return false;
}

/** Bits of integers that a float dtype holds exactly. */
const MANTISSA: Partial<Record<DType, number>> = { float16: 11, bfloat16: 8, float32: 24, float64: 53 };
