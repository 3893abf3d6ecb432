/** Checks that the operands and results of higher-order operators match the graphs that they are given. */
import { type FxArg, FxGraph, type FxNode, FxValue } from "../fx/mod.ts";
import type { Field } from "./fields.ts";

/** Which positional arguments of an operator feed its graphs: those from this one on. */
const OPERANDS: ReadonlyMap<string, number> = new Map([
  ["cond", 3],
  ["while_loop", 2],
  ["scan", 1],
  ["map_impl", 1],
  ["invoke_subgraph", 2],
  ["wrap_with_set_grad_enabled", 2],
  ["wrap_with_autocast", 5],
  ["strict_mode", 1],
  ["hints_wrapper", 1],
]);

/** Refuses a node whose graphs have other numbers of inputs or outputs than the node has operands or results. */
export function checkOperands(field: Field, node: FxNode): void {
  const first = OPERANDS.get(node.target.slice(node.target.lastIndexOf(".") + 1));
  if (first === undefined) return;
  const graphs = node.args.slice(0, first).filter((arg) => arg instanceof FxGraph);
  if (graphs.length === 0) field.fail("the operator is not given its graph");
  const operands = countLeaves(node.args.slice(first));
  for (const graph of graphs) {
    if (graph.inputs.length !== operands) {
      field.fail(`graph ${graph.name} has ${graph.inputs.length} inputs, but is given ${operands}`);
    }
  }
  const results = node.result === null ? null : node.result instanceof FxValue ? 1 : node.result.length;
  const last = graphs[graphs.length - 1];
  if (results !== null && last.outputs.length !== results) {
    field.fail(`graph ${last.name} returns ${last.outputs.length} values, but the node has ${results} results`);
  }
}

function countLeaves(args: readonly FxArg[]): number {
  let count = 0;
  for (const arg of args) {
    if (Array.isArray(arg)) count += countLeaves(arg);
    else if (!(arg instanceof Map)) count++;
  }
  return count;
}
