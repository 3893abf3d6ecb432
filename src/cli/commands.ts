/** The commands: each is loaded only when it is called. */
import type { Command } from "./args.ts";

/** A command that is loaded when it is called. */
export interface Entry {
  /** What follows the name in the list of commands. */
  readonly synopsis: string;
  /** Its module. */
  load(): Promise<{ readonly command: Command }>;
}

/** The commands, with what the list of them says. */
export const COMMANDS: ReadonlyMap<string, Entry> = new Map<string, Entry>([
  ["export", { synopsis: "MODEL.pt2|MODEL.ts [MORE …]", load: () => import("./export.ts") }],
  ["verify", { synopsis: "MODEL.onnx --program MODEL.pt2", load: () => import("./verify.ts") }],
  ["inspect", { synopsis: "FILE …", load: () => import("./inspect.ts") }],
  ["diff", { synopsis: "A B", load: () => import("./diff.ts") }],
  ["apply-weights", { synopsis: "MODEL WEIGHTS -o FILE", load: () => import("./apply_weights.ts") }],
  ["ops", { synopsis: "[FILTER …]", load: () => import("./ops.ts") }],
  ["new", { synopsis: "[FILE.ts]", load: () => import("./new.ts") }],
  ["completions", { synopsis: "bash|zsh|fish", load: () => import("./completions.ts") }],
]);
