/** Dropout in training: no two runs agree, so what is tested is the form, and that it keeps about as many as it should. */
import * as ort from "onnxruntime-web/wasm";
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { EagerInterpreter, OnnxInterpreter } from "../../src/aten/calls.ts";
import { dropout, nativeDropout } from "../../src/aten/dropout.ts";
import { OnnxBuilder } from "../../src/onnx/builder.ts";
import { irVersionFor } from "../../src/onnx/check.ts";
import { Model, type OnnxValue } from "../../src/onnx/model.ts";
import { serializeModel } from "../../src/onnx/serialize.ts";
import { Tensor } from "../../src/tensor/mod.ts";
import * as loops from "../../src/tensor/loops.ts";

ort.env.logLevel = "error";
ort.env.wasm.numThreads = 1;

async function run(lower: (t: OnnxInterpreter, x: OnnxValue) => readonly OnnxValue[]): Promise<ort.Tensor[]> {
  const builder = new OnnxBuilder({ opset: 18 });
  const x = builder.input("x", { dtype: "float32", shape: [4096] });
  builder.graph.outputs = [...lower(new OnnxInterpreter(builder), x)];
  const bytes = await serializeModel(new Model(builder.graph, 18, irVersionFor(18)));
  const session = await ort.InferenceSession.create(bytes);
  try {
    const results = await session.run({ x: new ort.Tensor("float32", new Float32Array(4096).fill(1), [4096]) });
    return builder.graph.outputs.map((value) => results[value.name]);
  } finally {
    await session.release();
  }
}

Deno.test("dropout in training keeps a share of the elements and scales them", async () => {
  const [y] = await run((t, x) => [t.call(dropout, x, 0.25, true)]);
  const kept = Array.from(y.data as Float32Array).filter((v) => v !== 0);
  assertAlmostEquals(kept.length / 4096, 0.75, 0.08);
  for (const value of kept) assertAlmostEquals(value, 1 / 0.75, 1e-6);
});

Deno.test("dropout of everything gives zeros", async () => {
  const [y] = await run((t, x) => [t.call(dropout, x, 1, true)]);
  assert((y.data as Float32Array).every((v) => v === 0));
});

Deno.test("native_dropout in training tells which elements it kept", async () => {
  const [y, mask] = await run((t, x) => t.call(nativeDropout, x, 0.5, true));
  const kept = Array.from(mask.data as Uint8Array, Number);
  assertEquals(Array.from(y.data as Float32Array, (v) => Number(v !== 0)), kept);
  assertAlmostEquals(kept.reduce((a, b) => a + b) / 4096, 0.5, 0.08);
});

Deno.test("the reference of dropout in training keeps and scales as many, by draws of its own", () => {
  const eager = new EagerInterpreter(loops);
  const x = loops.filled("float32", [4096], 1);
  const kept = (y: Tensor): number[] => y.toArray().map(Number).filter((v) => v !== 0);
  const y = eager.call(dropout, x, 0.25, true);
  assertAlmostEquals(kept(y).length / 4096, 0.75, 0.08);
  for (const value of kept(y)) assertAlmostEquals(value, 1 / 0.75, 1e-6);
  const [z, mask] = eager.call(nativeDropout, x, 0.5, null);
  assertEquals((z as Tensor).toArray().map((v) => Number(v) !== 0), (mask as Tensor).toArray().map(Boolean));
});

Deno.test("a dropout is random in training only", () => {
  const random = dropout.random as (args: { input: unknown; p: number; train: boolean }) => boolean;
  assert(random({ input: null, p: 0.5, train: true }));
  assert(!random({ input: null, p: 0.5, train: false }) && !random({ input: null, p: 0, train: true }));
});
