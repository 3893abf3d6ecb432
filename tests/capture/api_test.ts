/** The typed API is what the schemas say. */
import { assertEquals } from "@std/assert";
import { formatted } from "../tools/formatted.ts";
import { makeFiles } from "../tools/torch_api.ts";

for (const { path, text } of await makeFiles()) {
  Deno.test(`src/capture/${path} is up to date with the operators' schemas`, async () => {
    const committed = await Deno.readTextFile(new URL(`../../src/capture/${path}`, import.meta.url));
    assertEquals(await formatted(text), committed, "Run deno task api");
  });
}
