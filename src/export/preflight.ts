/** Finds every operator of a program that can't be exported, without translating anything. */
import type { OpTable } from "../aten/mod.ts";
import { type FxArg, FxGraph, type FxNode } from "../fx/mod.ts";
import { locationOf, UnsupportedOperatorError } from "../ir/mod.ts";

/** The operators a graph calls, subgraphs included. */
export function targetsOf(graph: FxGraph): Set<string> {
  const targets = new Set<string>();
  for (const node of allNodes(graph)) targets.add(node.target);
  return targets;
}

/** One error per unsupported operator of a graph and its subgraphs: how often and where first it is called. */
export function preflight(graph: FxGraph, table: OpTable): UnsupportedOperatorError[] {
  const missing = new Map<string, FxNode[]>();
  for (const node of allNodes(graph)) {
    if (table.resolve(node.target)) continue;
    const nodes = missing.get(node.target) ?? [];
    nodes.push(node);
    missing.set(node.target, nodes);
  }
  return [...missing].map(([target, nodes]) => {
    const { origin } = nodes[0];
    return new UnsupportedOperatorError(target, nodes.length, {
      ...origin ? locationOf(origin) : {},
      hint: hintFor(target),
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

function* allNodes(graph: FxGraph): Generator<FxNode> {
  for (const node of graph.nodes()) {
    yield node;
    for (const arg of [...node.args, ...node.kwargs.values()]) yield* nodesIn(arg);
  }
}

function* nodesIn(arg: FxArg): Generator<FxNode> {
  if (arg instanceof FxGraph) yield* allNodes(arg);
  else if (Array.isArray(arg)) { for (const a of arg) yield* nodesIn(a); }
  else if (arg instanceof Map) { for (const a of arg.values()) yield* nodesIn(a); }
}
