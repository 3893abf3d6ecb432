/** Removes nodes and initializers that nothing uses. Graph inputs stay: they are the model's signature. */
import type { Pass } from "./pass.ts";

/** Dead code elimination. */
export const deadCode: Pass = {
  name: "dead code",
  run(graph) {
    let changed = false;
    const outputs = new Set(graph.outputs);
    for (const node of graph.nodesReversed()) {
      if (node.outputs.some((v) => v.uses.size > 0 || outputs.has(v))) continue;
      graph.remove(node);
      for (const inner of node.subgraphs()) inner.clear();
      changed = true;
    }
    for (const value of graph.initializers) {
      if (value.uses.size > 0 || outputs.has(value) || graph.inputs.includes(value)) continue;
      graph.initializers.delete(value);
      changed = true;
    }
    return changed;
  },
};
