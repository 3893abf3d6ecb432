/** Walks over graphs and the graphs nested in them. */
import { isComplex } from "../tensor/mod.ts";
import { Complex, DTypeArg, type FxArg, OperatorArg } from "./args.ts";
import { FxGraph, type FxNode, FxValue } from "./graph.ts";

/** The graphs that a node is given. */
export function graphsOf(node: FxNode): FxGraph[] {
  const graphs: FxGraph[] = [];
  for (const arg of argumentsOf(node)) graphs.push(...nested(arg));
  return graphs;
}

function* argumentsOf(node: FxNode): Generator<FxArg> {
  yield* node.args;
  yield* node.kwargs.values();
}

function* nested(arg: FxArg): Generator<FxGraph> {
  if (arg instanceof FxGraph) yield arg;
  else if (Array.isArray(arg)) { for (const a of arg) yield* nested(a); }
  else if (arg instanceof Map) { for (const a of arg.values()) yield* nested(a); }
}

/** The nodes of a graph, each followed by those of the graphs that it is given. */
export function* allNodes(graph: FxGraph): Generator<FxNode> {
  for (const node of graph.nodes()) {
    yield node;
    for (const inner of graphsOf(node)) yield* allNodes(inner);
  }
}

/** The operators that a graph calls, or gives to others to call; nested graphs included. */
export function targetsOf(graph: FxGraph): Set<string> {
  const targets = new Set<string>();
  for (const node of allNodes(graph)) for (const target of calledBy(node)) targets.add(target);
  return targets;
}

/** A node's operator, and those that it is given to call. */
export function calledBy(node: FxNode): string[] {
  const targets = [node.target];
  for (const arg of argumentsOf(node)) if (arg instanceof OperatorArg) targets.push(arg.target);
  return targets;
}

/** Whether a graph, or one that is nested in it, has complex values, numbers or dtypes. */
export function hasComplex(graph: FxGraph): boolean {
  if (graph.inputs.some(isComplexArg)) return true;
  for (const node of graph.nodes()) {
    if (node.outputs.some(isComplexArg)) return true;
    for (const arg of argumentsOf(node)) if (isComplexArg(arg)) return true;
  }
  return false;
}

function isComplexArg(arg: FxArg): boolean {
  if (arg instanceof FxValue) {
    const { meta } = arg;
    return meta.kind === "tensor" ? isComplex(meta.dtype) : meta.kind === "constant" && isComplexArg(meta.value);
  }
  if (arg instanceof DTypeArg) return isComplex(arg.dtype);
  if (arg instanceof FxGraph) return hasComplex(arg);
  if (Array.isArray(arg)) return arg.some(isComplexArg);
  if (arg instanceof Map) return [...arg.values()].some(isComplexArg);
  return arg instanceof Complex;
}
