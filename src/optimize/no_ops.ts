/**
 * Removes nodes that give back their input, to the bit: Identity, Cast to the same dtype, Transpose in order, Reshape and
 * its kind, Expand and Slice that keep the shape, Dropout at inference, and arithmetic with a neutral constant.
 */
import type { OnnxNode, OnnxValue } from "../onnx/model.ts";
import { constantOf, contentOfValue } from "../onnx/infer_site.ts";
import { haveSameShape } from "../onnx/merge.ts";
import { isFloat } from "../tensor/mod.ts";
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
    case "Squeeze":
    case "Unsqueeze":
    case "Flatten":
    case "Expand":
      return haveSameShape(input, node.outputs[0]) ? input : null;
    case "Slice":
      // A step of -1 keeps the shape, too.
      return isForward(node) && haveSameShape(input, node.outputs[0]) ? input : null;
    case "Dropout":
      return node.inputs[2] && contentOfValue(node.inputs[2])?.[0] !== 0 ? null : input;
    case "Concat":
      return node.inputs.length === 1 ? input : null;
    case "Add":
      // -0 + 0 is +0, but -0 + -0 is -0.
      return neutral(node, isFloat(input.meta?.dtype ?? "float32") ? -0 : 0);
    case "Sub":
      return neutral(node, 0);
    case "Mul":
    case "Div":
      return neutral(node, 1);
    default:
      return null;
  }
}

function isForward({ inputs }: OnnxNode): boolean {
  return !inputs[4] || contentOfValue(inputs[4])?.every((step) => step === 1) === true;
}

/** The other operand of arithmetic with a constant that changes neither values nor shape. */
function neutral(node: OnnxNode, value: number): OnnxValue | null {
  const [x, y] = node.inputs;
  if (!x || !y) return null;
  const commutes = node.opType === "Add" || node.opType === "Mul";
  if (isScalar(y, value) && haveSameShape(x, node.outputs[0])) return x;
  if (commutes && isScalar(x, value) && haveSameShape(y, node.outputs[0])) return y;
  return null;
}

function isScalar(value: OnnxValue, wanted: number): boolean {
  const tensor = constantOf(value);
  if (tensor?.numel !== 1) return false;
  // Integers have one zero.
  const item = tensor.item();
  return typeof item === "bigint" || !isFloat(tensor.dtype) ? Number(item) === wanted : Object.is(item, wanted);
}
