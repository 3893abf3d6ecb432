/** The index of operators is what the families say, and every schema can be read. */
import { assertEquals } from "@std/assert";
import { makeIndex } from "../tools/op_index.ts";

Deno.test("the index from operator to family is up to date", async () => {
  const format = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--ext", "ts", "-"],
    stdin: "piped",
    stdout: "piped",
  });
  const child = format.spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(await makeIndex()));
  await writer.close();
  const made = new TextDecoder().decode((await child.output()).stdout);
  const committed = await Deno.readTextFile(new URL("../../src/aten/index.ts", import.meta.url));
  assertEquals(made, committed, "Run deno task ops");
});
