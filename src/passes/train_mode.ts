/**
 * Programs that were captured in train mode: they are exported as they are, with dropout and the statistics of each batch,
 * which whoever exports a model for inference seldom wants.
 */
import { argumentsByName } from "../aten/arguments.ts";
import type { OpTable } from "../aten/mod.ts";
import { allNodes, type FxGraph } from "../fx/mod.ts";

/** Which calls of a program compute as in training, in words; null where none does. */
export function trainModeWarning(graph: FxGraph, table: OpTable): string | null {
  const calls = new Map<string, string[]>();
  for (const node of allNodes(graph)) {
    const args = argumentsByName(node, table);
    if (args.get("train") !== true && args.get("training") !== true) continue;
    // Without anything to drop, a dropout does nothing.
    if (Number(args.get("p") ?? args.get("dropout") ?? 1) === 0) continue;
    const operator = node.target.replace("torch.ops.", "");
    calls.set(operator, [...calls.get(operator) ?? [], node.name]);
  }
  if (calls.size === 0) return null;
  const list = [...calls].map(([operator, nodes]) => {
    const more = nodes.length > MOST_NAMES ? ` and ${nodes.length - MOST_NAMES} more` : "";
    return `${operator} (${nodes.slice(0, MOST_NAMES).join(", ")}${more})`;
  });
  return `The program was captured in train mode, and the model computes as in training: ${list.join("; ")}. For ` +
    "inference, call module.eval() before torch.export.export";
}

/** How many calls of an operator are named. */
const MOST_NAMES = 4;
