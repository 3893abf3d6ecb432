/** The examples load checkpoints of PyTorch by name and compute what PyTorch computes. */
import { assert, assertEquals } from "@std/assert";
import { exampleOf, leaves, NAMES } from "./cases.ts";

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
