/** The index of operators is what the families say, and every schema can be read. */
import { assertEquals } from "@std/assert";
import { formatted } from "../tools/formatted.ts";
import { makeIndex, makeRecords } from "../tools/op_index.ts";

for (const [name, make] of [["index.ts", makeIndex], ["records.ts", makeRecords]] as const) {
  Deno.test(`${name} is up to date with the families`, async () => {
    const committed = await Deno.readTextFile(new URL(`../../src/aten/${name}`, import.meta.url));
    assertEquals(await formatted(await make()), committed, "Run deno task ops");
  });
}
