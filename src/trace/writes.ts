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
    const { parsed, writes } = resolved.op;
    const given = new Map(parsed.args.map(({ name }, i) => [name, argument(node, i, name)]));
    const also = writes && (!writes.when || writes.when(Object.fromEntries(given))) ? writes.args : [];
    for (const [i, arg] of parsed.args.entries()) {
      const value = given.get(arg.name)!;
      const isWritten = resolved.inplace ? i === 0 : (arg.alias?.write ?? false) || also.includes(arg.name);
      if (isWritten) { for (const one of valuesOf(value)) if (inputs.has(baseOf(one))) written.add(baseOf(one)); }
      const isViewed = isWritten || arg.alias !== null && arg.alias !== undefined;
      if (isViewed && value instanceof FxValue) {
        const isBack = resolved.inplace ||
          parsed.returns.some(({ alias }) => alias && alias.set === arg.alias?.set);
        if (isBack) { for (const output of node.outputs) bases.set(output, baseOf(value)); }
      }
    }
  }
  return written;
}

function argument(node: FxNode, position: number, name: string): FxArg {
  return node.args[position] ?? node.kwargs.get(name) ?? null;
}
