/** Dropout in training: no two runs agree, so what is tested is the form, and that it keeps about as many as it should. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { EagerInterpreter } from "../../src/aten/calls.ts";
import { alphaDropout, dropout, featureDropout, nativeDropout } from "../../src/aten/dropout.ts";
import { Tensor } from "../../src/tensor/mod.ts";
import * as loops from "../../src/tensor/loops.ts";
import { runModel } from "./run_model.ts";

const ONES = new Float32Array(4096).fill(1);

Deno.test("dropout in training keeps a share of the elements and scales them", async () => {
  const [y] = await runModel(ONES, (t, x) => [t.call(dropout, x, 0.25, true)]);
  const kept = Array.from(y.data as Float32Array).filter((v) => v !== 0);
  assertAlmostEquals(kept.length / 4096, 0.75, 0.08);
  for (const value of kept) assertAlmostEquals(value, 1 / 0.75, 1e-6);
});

Deno.test("dropout of everything gives zeros", async () => {
  const [y] = await runModel(ONES, (t, x) => [t.call(dropout, x, 1, true)]);
  assert((y.data as Float32Array).every((v) => v === 0));
});

Deno.test("native_dropout in training tells which elements it kept", async () => {
  const [y, mask] = await runModel(ONES, (t, x) => t.call(nativeDropout, x, 0.5, true));
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

Deno.test("feature_dropout drops whole channels", () => {
  const eager = new EagerInterpreter(loops);
  const x = Tensor.of("float32", [64, 16, 4], ONES);
  const values = eager.call(featureDropout, x, 0.5, true).toArray().map(Number) as number[];
  for (let i = 0; i < values.length; i += 4) assertEquals(new Set(values.slice(i, i + 4)).size, 1);
  assertAlmostEquals(values.filter((v) => v !== 0).length / 4096, 0.5, 0.1);
});

Deno.test("alpha_dropout keeps mean and variance", async () => {
  const x = Float32Array.from({ length: 4096 }, (_, i) => i % 2 === 0 ? 1 : -1);
  const [y] = await runModel(x, (t, v) => [t.call(alphaDropout, v, 0.2, true)]);
  const values = Array.from(y.data as Float32Array);
  const mean = values.reduce((a, b) => a + b) / 4096;
  assertAlmostEquals(mean, 0, 0.1);
  assertAlmostEquals(values.reduce((a, b) => a + (b - mean) ** 2, 0) / 4096, 1, 0.15);
});
