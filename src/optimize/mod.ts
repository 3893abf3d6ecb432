/**
 * Optimizes a model in place. The builder leaves graphs tidy already; these passes clean up what only the whole graph
 * shows. They run in order until none changes anything.
 */
import type { Model, OnnxGraph } from "../onnx/model.ts";
import { chains } from "./chains.ts";
import { comparisons } from "./comparisons.ts";
import { commonNodes } from "./common_nodes.ts";
import { constants } from "./constants.ts";
import { deadCode } from "./dead_code.ts";
import { expands } from "./expands.ts";
import { noOps } from "./no_ops.ts";
import type { Pass } from "./pass.ts";

export type { Pass } from "./pass.ts";

/** The passes, with the reason for their place. */
export const PASSES: readonly Pass[] = [
  // First, so that nothing is computed for what is dropped anyway.
  deadCode,
  // Fewer nodes to look at for what follows.
  noOps,
  // Needs no-ops gone between neighbours.
  chains,
  // What only widened values goes in the next round.
  comparisons,
  // What it leaves unused goes in the next round.
  expands,
  // Sees constants that the passes before have exposed.
  constants,
  // Last: the others make nodes equal.
  commonNodes,
];

/** Rounds are bounded: each pass only removes or simplifies, so this is a guard against a pass that undoes another. */
const MAX_ROUNDS = 20;

/** Options of {@linkcode optimize}. */
export interface OptimizeOptions {
  /** Called after each pass that changed something; tests check invariants here. */
  readonly afterPass?: (pass: Pass, graph: OnnxGraph) => void;
}

/** Runs the passes to a fixed point. Returns whether anything changed. */
export function optimize(model: Model, options: OptimizeOptions = {}): boolean {
  let changed = false;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    let again = false;
    for (const pass of PASSES) {
      if (!runPass(pass, model.graph, model.opset)) continue;
      again = true;
      options.afterPass?.(pass, model.graph);
    }
    if (!again) return changed;
    changed = true;
  }
  return changed;
}

/** Runs a pass on a graph and its subgraphs, innermost first. */
function runPass(pass: Pass, graph: OnnxGraph, opset: number): boolean {
  let changed = false;
  for (const node of graph.nodes()) {
    for (const inner of node.subgraphs()) {
      node.update(() => {
        changed = runPass(pass, inner, opset) || changed;
      });
    }
  }
  return pass.run(graph, opset) || changed;
}
