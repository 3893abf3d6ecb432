/** The parts of docs/ that are made from the code are as the code makes them now. */
import { assertEquals } from "@std/assert";
import { MADE, remade } from "./tools/pages.ts";

/** Without the layout that `deno fmt` gives tables and lines. */
function plain(text: string): string {
  return text.replace(/-{3,}/g, "---").replace(/[ \t]+/g, " ").replace(/ ?\n\s*/g, "\n");
}

for (const page of MADE.keys()) {
  Deno.test(`docs/${page} is up to date: else run deno task docs`, async () => {
    const text = await Deno.readTextFile(new URL(`../docs/${page}`, import.meta.url));
    assertEquals(plain(text), plain(await remade(page)));
  });
}
