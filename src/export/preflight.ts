/** Finds every operator of a program that can't be exported, without translating anything. */
import { isSupported, type OpTable } from "../aten/mod.ts";
import { allNodes, calledBy, type FxGraph, type FxNode } from "../fx/mod.ts";
import { locationOf, UnsupportedOperatorError } from "../ir/mod.ts";

/** One error per unsupported operator of a graph and its subgraphs: how often and where first it is called. */
export function preflight(graph: FxGraph, table: OpTable): UnsupportedOperatorError[] {
  const missing = new Map<string, FxNode[]>();
  for (const node of allNodes(graph)) {
    for (const target of calledBy(node)) {
      if (isSupported(target, table)) continue;
      const nodes = missing.get(target) ?? [];
      nodes.push(node);
      missing.set(target, nodes);
    }
  }
  return [...missing].map(([target, nodes]) => {
    const { origin } = nodes[0];
    return new UnsupportedOperatorError(target, nodes.length, {
      ...origin ? locationOf(origin) : {},
      hint: table.resolve(target)?.op.higherOrder?.unsupported ?? hintFor(target),
    });
  });
}

function hintFor(target: string): string {
  if (/^torch\.ops\.higher_order\./.test(target)) return "Write the model without this control flow";
  if (/^torch\.ops\.aten\./.test(target)) {
    return "Use other operators there, or call program.run_decompositions() in PyTorch before saving the program";
  }
  return "Only operators of PyTorch itself are known: give this one a decomposition in PyTorch before saving the program";
}
