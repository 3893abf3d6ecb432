/** Archive to model, in memory. */
import { exportProgram } from "../src/export/export.ts";
import { MODELS } from "./models.ts";

for (const { name, bytes } of MODELS) {
  Deno.bench(name, { group: "end to end" }, async () => {
    const program = await exportProgram(bytes);
    await program.toBytes();
  });
}
