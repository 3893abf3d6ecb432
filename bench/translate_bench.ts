/** Functional FX program to ONNX graph. */
import { MODELS, prepare, translate } from "./models.ts";

for (const { name, bytes } of MODELS) {
  const prepared = await prepare(bytes);
  Deno.bench(name, { group: "translate" }, () => {
    translate(prepared);
  });
}
