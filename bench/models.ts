/** The three models that the benches run on, and what several of them prepare alike. */
import type { OpTable } from "../src/aten/mod.ts";
import { load } from "../src/pt2/load.ts";
import { lower, type Lowered } from "../src/export/lower.ts";
import { settingsOf } from "../src/export/options.ts";
import type { ExportedProgram } from "../src/fx/mod.ts";
import { prepare as prepareProgram } from "../src/passes/mod.ts";

/** Name and bytes of each model. */
export const MODELS: readonly { readonly name: string; readonly bytes: Uint8Array }[] = await Promise.all(
  ["mlp", "convnet", "transformer"].map(async (name) => ({
    name,
    bytes: await Deno.readFile(new URL(`../tests/fixtures/${name}.pt2`, import.meta.url)),
  })),
);

/** A program ready to be translated. */
export async function prepare(bytes: Uint8Array): Promise<{ program: ExportedProgram; table: OpTable }> {
  return await prepareProgram(await load(bytes));
}

/** A program translated. */
export function translate({ program, table }: { program: ExportedProgram; table: OpTable }): Lowered {
  return lower(program, table, settingsOf({}));
}
