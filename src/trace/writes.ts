/** Which inputs of a graph are written to, by operators in place or through views. */
import type { OpTable } from "../aten/mod.ts";
import { type FxArg, type FxGraph, type FxNode, FxValue, valuesOf } from "../fx/mod.ts";

/** The inputs of a graph that running it changes. */
export function writtenInputs(graph: FxGraph, table: OpTable): Set<FxValue> {
  const written = new Set<FxValue>();
  /** What a value is, or is a view of. */
  const bases = new Map<FxValue, FxValue>();
  const baseOf = (value: FxValue): FxValue => bases.get(value) ?? value;
  const inputs = new Set(graph.inputs);
  for (const node of graph.nodes()) {
    const resolved = table.resolve(node.target);
    if (!resolved) continue;
    for (const [i, arg] of resolved.op.parsed.args.entries()) {
      const given = argument(node, i, arg.name);
      const isWritten = resolved.inplace ? i === 0 : arg.alias?.write ?? false;
      if (isWritten) { for (const value of valuesOf(given)) if (inputs.has(baseOf(value))) written.add(baseOf(value)); }
      const isViewed = isWritten || arg.alias !== null && arg.alias !== undefined;
      if (isViewed && given instanceof FxValue) {
        const isBack = resolved.inplace ||
          resolved.op.parsed.returns.some(({ alias }) => alias?.set === arg.alias?.set);
        if (isBack) { for (const output of node.outputs) bases.set(output, baseOf(given)); }
      }
    }
  }
  return written;
}

function argument(node: FxNode, position: number, name: string): FxArg {
  return node.args[position] ?? node.kwargs.get(name) ?? null;
}
