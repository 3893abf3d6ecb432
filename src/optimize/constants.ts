/** Evaluates nodes whose inputs are all constants in memory. Weights are not read: their folds would have to be stored. */
import { foldNode } from "../onnx/fold.ts";
import { OnnxValue } from "../onnx/model.ts";
import type { Pass } from "./pass.ts";

/** Constant folding. */
export const constants: Pass = {
  name: "constants",
  run(graph, opset) {
    let changed = false;
    for (const node of graph.nodes()) {
      if (node.domain !== "" || node.inputs.length === 0) continue;
      if (node.inputs.some((v) => v && !(v.initializer?.isLoaded && v.metadata.size === 0))) continue;
      if (node.outputs.some((v) => graph.outputs.includes(v))) continue;
      const tensors = foldNode(node, opset);
      if (!tensors) continue;
      for (const [i, tensor] of tensors.entries()) {
        const result = node.outputs[i];
        const folded = new OnnxValue(result.name, { dtype: tensor.dtype, shape: tensor.shape });
        folded.initializer = tensor;
        folded.content = result.content;
        graph.initializers.add(folded);
        graph.replaceAllUses(result, folded);
      }
      graph.remove(node);
      changed = true;
    }
    return changed;
  },
};
