/**
 * Whole programs at every opset: the model is valid, each value has its dtype and shape, and onnxruntime computes what
 * PyTorch recorded.
 */
import { assert, assertEquals } from "@std/assert";
import { exportProgram } from "../../src/export/export.ts";
import { checkModel } from "../../src/onnx/check.ts";
import type { OnnxGraph } from "../../src/onnx/model.ts";
import * as schemas from "../../src/onnx/op_schema.ts";
import { verifyProgram } from "../../src/verify/mod.ts";
import { fixture } from "../fixtures.ts";

function* valuesOf(graph: OnnxGraph): Generator<OnnxGraph["outputs"][number]> {
  for (const node of graph.nodes()) {
    for (const value of node.outputs) if (value.name !== "") yield value;
    for (const inner of node.subgraphs()) yield* valuesOf(inner);
  }
}

for (const name of ["mlp", "convnet", "transformer", "inplace", "lstm", "cond"]) {
  for (let opset = 18; opset <= 23; opset++) {
    Deno.test(`models: ${name} at opset ${opset}`, async () => {
      const program = await exportProgram(fixture(`${name}.pt2`), [], null, { opsetVersion: opset });
      const { model } = program;
      assertEquals(checkModel(model, schemas), []);
      for (const value of valuesOf(model.graph)) assert(value.meta, `${value.name} has no dtype and shape`);
      const report = await verifyProgram(program, { ep: "wasm", expected: fixture(`${name}.safetensors`) });
      assert(report.passed, JSON.stringify(report));
      program.release();
    });
  }
}
