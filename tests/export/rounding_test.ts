/** The options that move the line between exact and short: `strictNan` keeps what kernels lose, `allowDowncast` rounds. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import * as onnx from "../../mod.ts";
import type { ExportedProgram } from "../../src/fx/mod.ts";
import { symbol } from "../../src/sym/mod.ts";
import { Tensor } from "../../src/tensor/mod.ts";
import { ProgramBuilder, tensor } from "../verify/programs.ts";

/** `x.max(dim=1)` of rows with a NaN. */
function maxima(): ExportedProgram {
  const n = symbol("s0");
  const program = new ProgramBuilder();
  const x = program.input(tensor("x", "float32", [n, 3]));
  const results = [tensor("values", "float32", [n]), tensor("indices", "int64", [n])];
  program.node("torch.ops.aten.max.dim", [x, 1n], results);
  for (const result of results) program.output(result);
  program.samples = [Tensor.of("float32", [2, 3], [1, NaN, 3, 3, 1, NaN])];
  return program.build();
}

/** `nms` of float64 boxes, for which ONNX has single precision only. */
function suppression(): ExportedProgram {
  const program = new ProgramBuilder();
  const boxes = program.input(tensor("boxes", "float64", [2, 4]));
  const scores = program.input(tensor("scores", "float64", [2]));
  program.output(program.node("torch.ops.torchvision.nms.default", [boxes, scores, 0.5], tensor("nms", "int64", [2])));
  program.samples = [
    Tensor.of("float64", [2, 4], [0, 0, 1, 1, 5, 5, 6, 6]),
    Tensor.of("float64", [2], [0.25, 0.75]),
  ];
  return program.build();
}

Deno.test("strictNan keeps a NaN that the plain nodes lose", async () => {
  const outcome = async (strictNan: boolean): Promise<boolean> => {
    await using program = await onnx.export(maxima(), [], null, { strictNan, verify: true, ep: "wasm" });
    return program.verification!.passed;
  };
  assertEquals([await outcome(true), await outcome(false)], [true, false]);
});

Deno.test("strictNan changes nothing where no NaN can be lost", async () => {
  const plain = await onnx.export("tests/fixtures/mlp.pt2");
  const strict = await onnx.export("tests/fixtures/mlp.pt2", [], null, { strictNan: true });
  const kinds = ({ model }: onnx.ONNXProgram): string[] => [...model.graph.nodes()].map((node) => node.opType);
  assertEquals(kinds(strict), kinds(plain));
  await Promise.all([plain.release(), strict.release()]);
});

Deno.test("what has no kernel in float64 is refused, and the error names the option that rounds", async () => {
  const error = await assertRejects(() => onnx.export(suppression()), onnx.ExportError);
  assertMatch(error.message, /NonMaxSuppression is not implemented for float64.*allowDowncast .*in float32/);
});

Deno.test("allowDowncast rounds, warns of each node and lists it in the report", async () => {
  const artifactsDir = await Deno.makeTempDir();
  try {
    const warnings: string[] = [];
    const onWarning = (warning: string): void => void warnings.push(warning);
    const options = { allowDowncast: true, report: true, artifactsDir, onWarning, verify: true, ep: "wasm" } as const;
    await using program = await onnx.export(suppression(), [], null, options);
    assert(program.verification!.passed);
    assertEquals(warnings, [
      "Node nms (torchvision.nms.default) is computed in float32 instead of float64, which NonMaxSuppression is not " +
      "implemented for",
    ]);
    const path = program.artifacts.find((name) => name.endsWith(".md"))!;
    assertMatch(await Deno.readTextFile(path), /node_nms_Cast.*float64.*float32.*nms \(torchvision\.nms\.default\)/);
  } finally {
    await Deno.remove(artifactsDir, { recursive: true });
  }
});
