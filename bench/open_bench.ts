/** Reading an archive: zip directory, graph, signature; no weight. */
import { load } from "../src/pt2/load.ts";
import { MODELS } from "./models.ts";

for (const { name, bytes } of MODELS) {
  Deno.bench(name, { group: "open" }, async () => {
    await load(bytes);
  });
}
