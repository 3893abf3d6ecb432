/** Finds every operator of a program that can't be exported, without translating anything. */
import { translationLines } from "../aten/custom.ts";
import { isSupported, opName, type OpTable } from "../aten/mod.ts";
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
      hint: table.resolve(target)?.op.higherOrder?.unsupported ?? hintFor(target, nodes),
    });
  });
}

function hintFor(target: string, calls: readonly FxNode[]): string {
  if (/^torch\.ops\.higher_order\./.test(target)) return "Write the model without this control flow";
  const name = opName(target);
  const lines = calls[0].target === target && name !== null
    ? `, or translate it yourself in customTranslationTable:\n    ${translationLines(name, calls)}`
    : "";
  return /^torch\.ops\.aten\./.test(target)
    ? `Use other operators there, or call program.run_decompositions() in PyTorch before saving the program${lines}`
    : `Give the operator a decomposition in PyTorch before saving the program${lines}`;
}
