/** Nested graphs as their callers see them: recorded in steps, then closed over the values that they take from around. */
import { type FxGraph, type FxMeta, FxNamespace, FxValue } from "../fx/mod.ts";

/** What is known of an input of a nested graph. */
export interface GraphInput {
  readonly name: string;
  readonly meta: FxMeta;
}

/** A nested graph that is being recorded in steps. */
export interface OpenGraph {
  /** What was recorded so far. */
  readonly graph: FxGraph;
  /** Its own inputs. */
  readonly inputs: readonly FxValue[];
  /** Its other inputs, by the outer value that each stands for. */
  readonly lifted: ReadonlyMap<FxValue, FxValue>;
  /** Runs a step: what it calls is recorded in the graph. */
  run<R>(body: () => R): R;
  /** Runs a step whose results the graph may not need: what nothing uses when the graph is closed is taken out again. */
  look<R>(body: () => R): R;
  /** Makes the graph use a value of its own wherever it uses one from around it. */
  replace(outer: FxValue, inner: FxValue): void;
  /** Ends the graph with what it gives: values, numbers or expressions. */
  close(outputs: readonly unknown[]): ClosedGraph;
}

/** A closed graph, and the values that it takes from around it: its last inputs, in order. */
export interface ClosedGraph {
  readonly graph: FxGraph;
  /** Values of the graph around it. */
  readonly lifted: readonly FxValue[];
}

/**
 * Makes closed graphs take the same values from around them, as graphs that are given to one node must.
 *
 * @param own how many inputs of each graph are its own
 * @returns the values that all of them take, in order
 */
export function alignLifted(graphs: readonly ClosedGraph[], own: number): FxValue[] {
  const all = [...new Set(graphs.flatMap(({ lifted }) => lifted))];
  for (const { graph, lifted } of graphs) {
    const inner = new Map(lifted.map((value, i) => [value, graph.inputs[own + i]]));
    const names = new FxNamespace();
    for (const value of graph.inputs) names.create(value.name);
    for (const node of graph.nodes()) for (const value of node.outputs) names.create(value.name);
    const inputs = all.map((value) => inner.get(value) ?? new FxValue(names.create(value.name), value.meta));
    graph.inputs.splice(own, graph.inputs.length - own, ...inputs);
  }
  return all;
}
