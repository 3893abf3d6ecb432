/** Shares equal nodes. The builder does so as it goes; other passes make nodes equal that were not. */
import type { OnnxAttribute, OnnxNode, OnnxValue } from "../onnx/model.ts";
import type { Pass } from "./pass.ts";

/** Common subexpression elimination. */
export const commonNodes: Pass = {
  name: "common nodes",
  run(graph) {
    let changed = false;
    const ids = new Map<OnnxValue, number>();
    const idOf = (v: OnnxValue): number => {
      if (!ids.has(v)) ids.set(v, ids.size);
      return ids.get(v)!;
    };
    const seen = new Map<string, OnnxNode>();
    for (const node of graph.nodes()) {
      const attributes = keyOfAttributes(node.attributes);
      if (attributes === null || /^(Random|Bernoulli|Multinomial|Dropout)/.test(node.opType)) continue;
      const inputs = node.inputs.map((v) => v ? idOf(v) : "-").join();
      const wanted = node.outputs.map((v) => v.name === "" ? 0 : 1).join("");
      const key = `${node.domain}|${node.opType}|${inputs}|${wanted}|${attributes}`;
      const first = seen.get(key);
      if (!first) seen.set(key, node);
      else if (!node.outputs.some((v) => graph.outputs.includes(v))) {
        for (const [i, v] of node.outputs.entries()) graph.replaceAllUses(v, first.outputs[i]);
        graph.remove(node);
        changed = true;
      }
    }
    return changed;
  },
};

/** A text equal for equal attributes; null where they can't be compared cheaply. */
function keyOfAttributes(attributes: ReadonlyMap<string, OnnxAttribute>): string | null {
  const parts: string[] = [];
  for (const [name, a] of [...attributes].sort(([x], [y]) => x < y ? -1 : 1)) {
    if (a.type === "GRAPH" || a.type === "TENSOR") return null;
    const values: readonly unknown[] = Array.isArray(a.value) ? a.value : [a.value];
    parts.push(`${name}:${a.type}:${values.map((v) => Object.is(v, -0) ? "-0" : JSON.stringify(String(v))).join()}`);
  }
  return parts.join(";");
}
