/** Lowers calls on one input and runs them in onnxruntime, for results that no table can hold: random ones. */
import * as ort from "onnxruntime-web/wasm";
import { OnnxInterpreter } from "../../src/aten/calls.ts";
import { OnnxBuilder } from "../../src/onnx/builder.ts";
import { irVersionFor } from "../../src/onnx/check.ts";
import { Model, type OnnxValue } from "../../src/onnx/model.ts";
import { serializeModel } from "../../src/onnx/serialize.ts";

ort.env.logLevel = "error";
ort.env.wasm.numThreads = 1;

/** The results of `lower`, given a float32 list. */
export async function runModel(
  input: Float32Array,
  lower: (t: OnnxInterpreter, x: OnnxValue) => readonly OnnxValue[],
): Promise<ort.Tensor[]> {
  const builder = new OnnxBuilder({ opset: 18 });
  const x = builder.input("x", { dtype: "float32", shape: [input.length] });
  builder.graph.outputs = [...lower(new OnnxInterpreter(builder), x)];
  const bytes = await serializeModel(new Model(builder.graph, 18, irVersionFor(18)));
  const session = await ort.InferenceSession.create(bytes);
  try {
    const results = await session.run({ x: new ort.Tensor("float32", input, [input.length]) });
    return builder.graph.outputs.map((value) => results[value.name]);
  } finally {
    await session.release();
  }
}
