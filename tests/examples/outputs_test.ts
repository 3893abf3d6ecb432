/** The examples load checkpoints of PyTorch by name and compute what PyTorch computes. */
import { assert, assertEquals } from "@std/assert";
import { exampleOf, leaves, NAMES } from "./cases.ts";

Deno.test("examples/vit.ts loads checkpoints with the names of torchvision's first release", async () => {
  const { example: { model } } = await exampleOf("vit");
  const before = [...model.stateDict()].map(([name, tensor]) =>
    [
      name.replace(/mlp\.([03])\./, (_, i) => `mlp.linear_${i === "0" ? 1 : 2}.`),
      tensor,
    ] as const
  );
  assert(before.some(([name]) => name === "encoder.layers.encoder_layer_1.mlp.linear_2.bias"));
  assertEquals(model.loadStateDict(new Map(before)), { missingKeys: [], unexpectedKeys: [] });
});

for (const name of NAMES) {
  Deno.test(`examples/${name}.ts has PyTorch's state and gives PyTorch's outputs`, async () => {
    const { example, recorded } = await exampleOf(name);
    const state = [...example.model.stateDict()].map(([key, tensor]) => [key, tensor.shape] as const);
    assertEquals(Object.fromEntries(state), recorded.state);
    assertEquals(state.map(([key]) => key), Object.keys(recorded.state));
    for (const { args, outputs } of recorded.cases) {
      const results = leaves(example.model.call(...args));
      assertEquals(results.map(({ shape }) => shape), outputs.map(({ shape }) => shape));
      for (const [k, { values }] of outputs.entries()) {
        const data = results[k].data() as Float32Array;
        values.forEach((value, i) =>
          assert(Math.abs(data[i] - value) <= 1e-4, `${k}[${i}]: ${data[i]} is not ${value}`)
        );
      }
    }
  });
}
