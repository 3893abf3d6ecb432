/** Evaluates nodes whose inputs are all constants in memory. Weights are not read: their folds would have to be stored. */
import { foldNode } from "../onnx/fold.ts";
import { constantOf } from "../onnx/infer_site.ts";
import { OnnxValue } from "../onnx/model.ts";
import type { Pass } from "./pass.ts";

/** Constant folding. */
export const constants: Pass = {
  name: "constants",
  run(graph, opset) {
    let changed = false;
    for (const node of graph.nodes()) {
      if (node.domain !== "" || node.inputs.length === 0) continue;
      // An output must be made by a node, and a result that is left out has no name to go by.
      if (node.outputs.some((v) => v.name === "" || graph.outputs.includes(v))) continue;
      if (node.inputs.some((v) => v && !constantOf(v))) continue;
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
