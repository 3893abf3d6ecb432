/** Optimization passes to their fixed point. */
import { optimize } from "../src/optimize/mod.ts";
import { MODELS, prepare, translate } from "./models.ts";

for (const { name, bytes } of MODELS) {
  const prepared = await prepare(bytes);
  Deno.bench(name, { group: "optimize" }, (b) => {
    const { model } = translate(prepared);
    b.start();
    optimize(model);
    b.end();
  });
}
