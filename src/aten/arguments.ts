/** The arguments of a call by their names in the schema: archives may give any of them by position or by keyword. */
import type { FxArg, FxNode } from "../fx/mod.ts";
import type { OpTable } from "./mod.ts";

/** Arguments by name, as far as the schema is known; those that it doesn't name have their position. */
export function argumentsByName(node: FxNode, table: OpTable): ReadonlyMap<string, FxArg> {
  const schema = table.resolve(node.target)?.op.parsed.args ?? [];
  const args = new Map<string, FxArg>();
  for (const [i, arg] of node.args.entries()) args.set(schema[i]?.name ?? String(i), arg);
  for (const [name, arg] of node.kwargs) args.set(name, arg);
  return args;
}
