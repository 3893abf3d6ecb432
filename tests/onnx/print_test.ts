import { assertEquals } from "@std/assert";
import { printGraph, printModel } from "../../src/onnx/print.ts";
import { Tensor } from "../../src/tensor/mod.ts";
import { branchModel, counting, PatternSource, richModel, smallModel, weightModel } from "./models.ts";

Deno.test("a model prints with header, initializers and typed nodes", () => {
  assertEquals(
    printModel(smallModel()),
    `<
  ir_version: 10,
  opset_import: ["" : 21],
  producer_name: "fx2onnx",
  producer_version: "0.1.0"
>
main_graph (float32[s18, 4] x) => (float32[2*s18] y)
<
  float32[2, 4] fc.weight = {0, 1, 2, 3, 4, 5, 6, 7},
  float32[] low = {-1},
  int64[1] shape = {-1}
>
{
  [node_linear] float32[s18, 2] linear = Gemm <alpha = 0.1, transB = 1> (x, fc.weight)
  [node_clip] ? clip = Clip (linear, "", low)
  [node_y] float32[2*s18] y = Reshape (clip, shape)
}
`,
  );
});

Deno.test("metadata prints on request", () => {
  const lines = printModel(smallModel(), { metadata: true }).split("\n");
  assertEquals(lines.filter((line) => line.includes("metadata_props") || line.includes("#")), [
    '  metadata_props: {"id": "7"}',
    '  # x: {"kind": "USER_INPUT"}',
    '  # fc.weight: {"kind": "PARAMETER"}',
    '  # {"pkg.torch.onnx.fx_node": "%linear : [num_users=1] = …", "empty": ""}',
  ]);
});

Deno.test("subgraphs print below their node", () => {
  assertEquals(
    printGraph(branchModel().graph),
    `main_graph (bool[] cond, float32[n + 1] x) => (float32[n + 1] y)
{
  [node_y] float32[n + 1] y = If (cond)
    then_branch = graph then () => (float32[n + 1] then_y)
    <
      float32[1] then_w = {0}
    >
    {
      [node_then_y] float32[n + 1] then_y = Add (x, then_w)
    }
    else_branch = graph else () => (float32[n + 1] else_y)
    <
      float32[1] else_w = {0}
    >
    {
      [node_else_y] float32[n + 1] else_y = Mul (x, else_w)
    }
}`,
  );
});

Deno.test("attributes of every kind print", () => {
  const lines = printGraph(richModel().graph).split("\n");
  assertEquals(
    lines.find((line) => line.includes("my.domain"))!.replace(/x{300}/, "x…x"),
    `  [node_z] float32[] z, "" = my.domain.Custom <f = -0.0, i = -5, big = -9223372036854775808, ` +
      `large = 1099511627777, zero = 0, s = "grüße 🎈", none = "", t = int64[2] = {-1, 4611686018427387904}, ` +
      `fs = [1.5, Infinity, 1e-45], is = [-1, 127, 128, 16384, 9223372036854775807], ss = ["a", "x…x"]> ()`,
  );
});

Deno.test("large and lazy tensors print their size, odd names are quoted", () => {
  const source = new PatternSource(2 ** 34);
  const model = weightModel({
    "a b": counting(20),
    lazy: source.tensor(0, 3),
    kilo: source.tensor(0, 123_456),
    giga: source.tensor(0, 2 ** 33),
    single: Tensor.scalar("float32", 0.1),
    double: Tensor.scalar("float64", Math.fround(0.1)),
  });
  assertEquals(printGraph(model.graph).split("\n").slice(2, 8), [
    '  float32[20] "a b" (80 bytes),',
    "  uint8[3] lazy (3 bytes),",
    "  uint8[123456] kilo (123 kB),",
    "  uint8[8589934592] giga (8590 MB),",
    "  float32[] single = {0.1},",
    "  float64[] double = {0.10000000149011612}",
  ]);
});
