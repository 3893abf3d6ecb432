/** Layers that are random in training: what must hold whatever the numbers. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import * as nn from "../../../src/capture/nn/mod.ts";
import { type Tensor, torch } from "../../../torch.ts";

function values(tensor: Tensor): number[] {
  return Array.from(tensor.data() as Float32Array);
}

Deno.test("nn.Dropout scales what it leaves", () => {
  const out = values(new nn.Dropout(0.25).call(torch.ones([10000])));
  const zeros = out.filter((x) => x === 0).length;
  assertAlmostEquals(zeros / out.length, 0.25, 0.02);
  assert(out.every((x) => x === 0 || Math.abs(x - 4 / 3) < 1e-6));
});

Deno.test("nn.Dropout2d takes whole channels", () => {
  const out = new nn.Dropout2d(0.5).call(torch.ones([20, 50, 2, 2])).reshape([1000, 4]).tolist() as number[][];
  assert(out.every((channel) => channel.every((x) => x === channel[0])));
  assertAlmostEquals(out.filter(([x]) => x === 0).length / 1000, 0.5, 0.07);
});

Deno.test("nn.AlphaDropout keeps mean and deviation", () => {
  const out = values(new nn.AlphaDropout(0.3).call(torch.randn([20000])));
  const mean = out.reduce((a, b) => a + b, 0) / out.length;
  const std = Math.sqrt(out.reduce((sum, x) => sum + (x - mean) ** 2, 0) / out.length);
  assertAlmostEquals(mean, 0, 0.05);
  assertAlmostEquals(std, 1, 0.05);
});

Deno.test("nn.RReLU draws slopes within its bounds", () => {
  const out = values(new nn.RReLU(0.2, 0.4).call(torch.full([5000], -1, { dtype: "float32" })));
  assert(out.every((x) => -x >= 0.2 - 1e-6 && -x <= 0.4 + 1e-6));
  assertAlmostEquals(out.reduce((a, b) => a + b, 0) / out.length, -0.3, 0.01);
});

Deno.test("nn.FractionalMaxPool2d gives maxima of the input in the wanted size", () => {
  const x = torch.arange(64, { dtype: "float32" }).reshape([1, 1, 8, 8]);
  const [out, indices] = new nn.FractionalMaxPool2d(2, { outputSize: [4, 5], returnIndices: true }).call(x);
  assertEquals(out.shape, [1, 1, 4, 5]);
  assertEquals(values(out), Array.from(indices.data() as BigInt64Array, Number));
  assertEquals(new nn.FractionalMaxPool3d(2, { outputRatio: 0.5 }).call(torch.ones([1, 1, 6, 6, 6])).shape, [
    1,
    1,
    3,
    3,
    3,
  ]);
});
