/** ONNX graph to bytes, weights included. */
import { serializeModel } from "../src/onnx/serialize.ts";
import { MODELS, prepare, translate } from "./models.ts";

for (const { name, bytes } of MODELS) {
  const { model } = translate(await prepare(bytes));
  Deno.bench(name, { group: "serialize" }, async () => {
    await serializeModel(model);
  });
}
