/** Lists every operator of a program that can't be exported before anything else is done: one error for all of them. */
import type { OpTable } from "../aten/mod.ts";
import { type ExportedProgram, FxGraph, type FxNode } from "../fx/mod.ts";
import { ExportError, locationOf, LoweringError } from "../ir/mod.ts";

/** The operators a graph calls, subgraphs included. */
export function targetsOf(graph: FxGraph): Set<string> {
  const targets = new Set<string>();
  for (const node of allNodes(graph)) targets.add(node.target);
  return targets;
}

/** @throws {ExportError} one error per unsupported operator, with how often and where first it is called */
export function preflight(program: ExportedProgram, table: OpTable): void {
  const missing = new Map<string, FxNode[]>();
  for (const node of allNodes(program.graph)) {
    if (table.resolve(node.target)) continue;
    const nodes = missing.get(node.target) ?? [];
    nodes.push(node);
    missing.set(node.target, nodes);
  }
  if (missing.size === 0) return;
  throw new ExportError([...missing].map(([target, nodes]) => {
    const origin = nodes[0].origin;
    const times = nodes.length === 1 ? "called once" : `called ${nodes.length} times, first`;
    return new LoweringError(`Operator ${target} is not supported (${times})`, origin ? locationOf(origin) : {});
  }));
}

function* allNodes(graph: FxGraph): Generator<FxNode> {
  for (const node of graph.nodes()) {
    yield node;
    for (const arg of [...node.args, ...node.kwargs.values()]) if (arg instanceof FxGraph) yield* allNodes(arg);
  }
}
