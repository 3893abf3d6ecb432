/** What an optimization pass is: a function over a graph that says whether it changed anything. */
import type { OnnxGraph, OnnxNode, OnnxValue } from "../onnx/model.ts";

/** A pass over one graph; subgraphs are visited by the runner. */
export interface Pass {
  readonly name: string;
  /** Returns whether anything changed. */
  run(graph: OnnxGraph, opset: number): boolean;
}

/**
 * Replaces every use of a node's only result by another value and removes the node. When the result is an output of the
 * graph, its name must stay: then the other value takes the name over, or, if it can't, nothing is done.
 *
 * @returns whether the node was removed
 */
export function bypass(graph: OnnxGraph, node: OnnxNode, value: OnnxValue): boolean {
  const [result] = node.outputs;
  if (graph.outputs.includes(result)) {
    const free = value.producer !== null && value.producer.graph === node.graph && !graph.outputs.includes(value);
    if (!free) return false;
    const { name } = result;
    result.name = value.name;
    value.name = name;
    for (const [key, text] of result.metadata) value.metadata.set(key, text);
    value.meta ??= result.meta;
  }
  graph.replaceAllUses(result, value);
  graph.remove(node);
  return true;
}
