/** Initial values: the distributions and bounds of PyTorch's, and which layer has which. */
import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import * as nn from "../../../src/capture/nn/mod.ts";
import { type Tensor, torch } from "../../../torch.ts";

function statistics(tensor: Tensor): { mean: number; std: number; min: number; max: number } {
  const data = Array.from(tensor.data() as Float32Array);
  const mean = data.reduce((a, b) => a + b, 0) / data.length;
  const std = Math.sqrt(data.reduce((sum, x) => sum + (x - mean) ** 2, 0) / data.length);
  return { mean, std, min: Math.min(...data), max: Math.max(...data) };
}

/** Uniform within a bound: 10,000 values come near it and never over it. */
function assertUniform(tensor: Tensor, bound: number, what: string): void {
  const { mean, std, min, max } = statistics(tensor);
  assert(min >= -bound && max <= bound, `${what}: [${min}, ${max}] reaches over ${bound}`);
  assertAlmostEquals(std / bound, 1 / Math.sqrt(3), 0.03, what);
  assertAlmostEquals(mean / bound, 0, 0.05, what);
}

function assertNormal(tensor: Tensor, expected: number, what: string): void {
  const { mean, std, max } = statistics(tensor);
  assertAlmostEquals(std / expected, 1, 0.05, what);
  assertAlmostEquals(mean / expected, 0, 0.05, what);
  assert(max > 2.5 * expected, `${what} has no tails`);
}

Deno.test("nn.init: bounds and deviations", () => {
  const { init } = nn;
  const make = (): Tensor => torch.empty([100, 25, 2, 2]); // fan in 100, fan out 400
  assertUniform(init.uniform_(make(), -2, 2), 2, "uniform_");
  assertNormal(init.normal_(make(), 0, 3), 3, "normal_");
  assertUniform(init.xavierUniform_(make()), Math.sqrt(6 / 500), "xavierUniform_");
  assertNormal(init.xavierNormal_(make(), 2), 2 * Math.sqrt(2 / 500), "xavierNormal_");
  assertUniform(init.kaimingUniform_(make(), { a: Math.sqrt(5) }), 1 / Math.sqrt(100), "kaimingUniform_");
  assertNormal(
    init.kaimingNormal_(make(), { mode: "fan_out", nonlinearity: "relu" }),
    Math.sqrt(2 / 400),
    "kaimingNormal_",
  );
  const truncated = statistics(init.truncNormal_(make(), 1, 2, 0, 3));
  assert(truncated.min >= 0 && truncated.max <= 3 && truncated.max > 2.9);
  const { shape } = make();
  assertEquals([...init.constant_(torch.empty([2]), 7).data() as Float32Array], [7, 7]);
  assertEquals(init.ones_(make()).shape, shape);
  assertEquals(init.eye_(torch.empty([2, 3])).tolist(), [[1, 0, 0], [0, 1, 0]]);
  assertEquals(init.dirac_(torch.empty([2, 2, 3])).tolist(), [[[0, 1, 0], [0, 0, 0]], [[0, 0, 0], [0, 1, 0]]]);
  assertEquals(init.dirac_(torch.empty([4, 1, 1]), 2).tolist(), [[[1]], [[0]], [[1]], [[0]]]);
  const rows = init.orthogonal_(torch.empty([3, 5]), 2);
  const products = Array.from(rows.matmul(rows.t()).data() as Float32Array);
  products.forEach((value, i) => assertAlmostEquals(value, i % 4 === 0 ? 4 : 0, 1e-5));
  const sparse = init.sparse_(torch.empty([10, 3]), 0.25).tolist() as number[][];
  for (let c = 0; c < 3; c++) assertEquals(sparse.filter((row) => row[c] === 0).length, 3);
  assertThrows(() => init.xavierUniform_(torch.empty([3])), RangeError, "a tensor of 1 dims");
  assertEquals(init.calculateGain("leaky_relu", 1), 1);
  assertEquals(init.calculateGain("tanh"), 5 / 3);
});

Deno.test("nn: layers start as PyTorch's do", () => {
  const linear = new nn.Linear(100, 200);
  assertUniform(linear.weight, 0.1, "Linear.weight");
  assertUniform(new nn.Linear(100, 10000).bias!, 0.1, "Linear.bias");
  const conv = new nn.Conv2d(16, 64, 5, { groups: 4 }); // fan in 4 * 25
  assertUniform(conv.weight, 0.1, "Conv2d.weight");
  const transposed = new nn.ConvTranspose2d(64, 16, 5); // its weight's dim 1 counts as fan in: 16 * 25
  assertUniform(transposed.weight, 1 / 20, "ConvTranspose2d.weight");
  assertUniform(new nn.Bilinear(25, 30, 20).weight, 0.2, "Bilinear.weight");
  assertNormal(new nn.Embedding(100, 100).weight, 1, "Embedding.weight");
  assertEquals((new nn.Embedding(4, 2, { paddingIdx: 1 }).weight.tolist() as number[][])[1], [0, 0]);
  assertUniform(new nn.LSTM(50, 64).weight_ih_l0, 1 / 8, "LSTM");
  assertUniform(new nn.GRUCell(50, 64).weight_hh, 1 / 8, "GRUCell");
  const attention = new nn.MultiheadAttention(64, 4);
  assertUniform(attention.in_proj_weight!, Math.sqrt(6 / 256), "MultiheadAttention");
  assertEquals(statistics(attention.in_proj_bias!), { mean: 0, std: 0, min: 0, max: 0 });
  assertEquals(statistics(attention.out_proj.bias!), { mean: 0, std: 0, min: 0, max: 0 });
  const transformer = new nn.Transformer(64, 4, { numEncoderLayers: 1, numDecoderLayers: 1, dimFeedforward: 64 });
  assertUniform(transformer.decoder.layers[0].linear1.weight, Math.sqrt(6 / 128), "Transformer");
  assertEquals([...new nn.PReLU(2).weight.data() as Float32Array], [0.25, 0.25]);
  for (const norm of [new nn.LayerNorm(3), new nn.BatchNorm1d(3), new nn.GroupNorm(3, 3)]) {
    assertEquals([...norm.weight!.data() as Float32Array], [1, 1, 1]);
    assertEquals([...norm.bias!.data() as Float32Array], [0, 0, 0]);
  }
});
Deno.test("nn: the same seed gives the same layer", () => {
  const make = (): unknown => {
    torch.manualSeed(3);
    return new nn.Linear(4, 4).weight.tolist();
  };
  const first = make();
  assertEquals(make(), first);
  assert(JSON.stringify(new nn.Linear(4, 4).weight.tolist()) !== JSON.stringify(first));
});
