/**
 * Writes the parts of the pages under docs/ that are made from the code: the tables of limits and the command line
 * reference. Run by `deno task docs`; a test compares the pages with what this makes.
 */
import { COMMANDS } from "../../src/cli/commands.ts";
import { helpOf } from "../../src/cli/help.ts";
import { limitsTables } from "./limits.ts";

const DOCS = new URL("../../docs/", import.meta.url);

/** Pages with a made part, and what makes it. */
export const MADE: ReadonlyMap<string, () => Promise<string>> = new Map([
  ["limits.md", limitsTables],
  ["cli.md", commandHelp],
]);

const MARKS = { start: "<!-- made by `deno task docs` -->", end: "<!-- end -->" } as const;

/** The help of every command. */
async function commandHelp(): Promise<string> {
  const parts: string[] = [];
  for (const [name, { load }] of COMMANDS) {
    const { command } = await load();
    parts.push(`## ${name}`, `\`\`\`text\n${helpOf(command)}\n\`\`\``);
  }
  return parts.join("\n\n");
}

/** The page with its made part as it is now, which `deno fmt` has yet to lay out. */
export async function remade(page: string): Promise<string> {
  const text = await Deno.readTextFile(new URL(page, DOCS));
  const [start, end] = [text.indexOf(MARKS.start), text.indexOf(MARKS.end)];
  if (start < 0 || end < start) throw new Error(`docs/${page} has no part between ${MARKS.start} and ${MARKS.end}`);
  return `${text.slice(0, start)}${MARKS.start}\n\n${await MADE.get(page)!()}\n\n${text.slice(end)}`;
}

if (import.meta.main) {
  for (const page of MADE.keys()) await Deno.writeTextFile(new URL(page, DOCS), await remade(page));
}
