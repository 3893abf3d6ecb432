/**
 * Removes nodes that give back their input: Identity, Cast to the same dtype, Transpose in order, Reshape, Expand and
 * Slice that keep the shape, Dropout at inference, and arithmetic with a neutral constant.
 */
import type { OnnxNode, OnnxValue } from "../onnx/model.ts";
import { eq } from "../sym/mod.ts";
import { bypass, type Pass } from "./pass.ts";

/** No-op elimination. */
export const noOps: Pass = {
  name: "no-ops",
  run(graph) {
    let changed = false;
    for (const node of graph.nodes()) {
      const same = sameAs(node);
      if (same && bypass(graph, node, same)) changed = true;
    }
    return changed;
  },
};

/** The value that the node gives back, or null. */
function sameAs(node: OnnxNode): OnnxValue | null {
  if (node.domain !== "" || node.outputs.length !== 1) return null;
  const [input] = node.inputs;
  if (!input) return null;
  switch (node.opType) {
    case "Identity":
      return input;
    case "Cast":
      return input.meta && input.meta.dtype === node.outputs[0].meta?.dtype ? input : null;
    case "Transpose": {
      const perm = node.attributes.get("perm");
      return perm?.type === "INTS" && perm.value.every((p, i) => Number(p) === i) ? input : null;
    }
    case "Reshape":
    case "Expand":
    case "Slice":
      return sameShape(input, node.outputs[0]) ? input : null;
    case "Concat":
      return node.inputs.length === 1 ? input : null;
    case "Add":
    case "Sub":
      return neutral(node, 0);
    case "Mul":
    case "Div":
      return neutral(node, 1);
    default:
      return null;
  }
}

/** Slice keeps the shape only if it takes everything; a reversing step does not keep the order. */
function sameShape(a: OnnxValue, b: OnnxValue): boolean {
  if (!a.meta || !b.meta || a.meta.shape.length !== b.meta.shape.length) return false;
  const node = b.producer;
  if (node?.opType === "Slice" && node.inputs[4] && !node.inputs[4].content?.every((s) => s === 1)) return false;
  return a.meta.shape.every((d, i) => eq(d, b.meta!.shape[i]) === true);
}

/**
 * The other operand of arithmetic with a constant that changes neither values nor shape. `-0 + 0` is `+0`: the sign of a
 * zero is not kept, as in PyTorch's own simplifications.
 */
function neutral(node: OnnxNode, value: number): OnnxValue | null {
  const [x, y] = node.inputs;
  if (!x || !y) return null;
  const commutes = node.opType === "Add" || node.opType === "Mul";
  if (isScalar(y, value) && sameShape(x, node.outputs[0])) return x;
  if (commutes && isScalar(x, value) && sameShape(y, node.outputs[0])) return y;
  return null;
}

function isScalar(value: OnnxValue, wanted: number): boolean {
  const tensor = value.initializer;
  // A named weight may be changed later; only the builder's own constants, which are in memory, count.
  if (!tensor || !tensor.isLoaded || tensor.numel !== 1 || value.metadata.size > 0) return false;
  return Number(tensor.item()) === wanted;
}
