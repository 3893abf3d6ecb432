/**
 * Every layer against PyTorch: text, names and shapes of the state, results, in training also what becomes of buffers. The
 * rows of fixtures/layers.json are recorded by `python tests/tools/nn_layers.py`; parameters and inputs come from a formula.
 */
import { assert, assertEquals } from "@std/assert";
import { Module } from "../../../src/capture/module.ts";
import * as nn from "../../../src/capture/nn/mod.ts";
import { Tensor } from "../../../torch.ts";
import { layerOf, type Recorded, rows } from "./layers.ts";

type Call = (...args: unknown[]) => unknown;

function leaves(value: unknown): Tensor[] {
  if (value instanceof Tensor) return [value];
  return Array.isArray(value) ? value.flatMap(leaves) : [];
}

function assertNear(actual: Tensor, { shape, dtype, values }: Recorded, what: string): void {
  assertEquals(actual.dtype, dtype as Tensor["dtype"], what);
  assertEquals(actual.shape, shape, what);
  const data = Array.from(actual.data() as ArrayLike<number | bigint>, Number);
  for (const [i, value] of values.entries()) {
    const expected = typeof value === "string" ? Number(value.replace("inf", "Infinity")) : Number(value);
    const near = Object.is(data[i], expected) || data[i] === expected ||
      Math.abs(data[i] - expected) <= 2e-5 + 2e-5 * Math.abs(expected);
    assert(near, `${what}[${i}]: ${data[i]} is not ${expected}`);
  }
}

for (const row of rows) {
  const note = row.note ? ` (${row.note})` : "";
  Deno.test(`nn ${row.name}${row.train ? " in training" : ""}${note}`, () => {
    const { layer, args } = layerOf(row);
    assertEquals(String(layer), row.repr);
    const state = [...layer.stateDict()].map(([name, tensor]) => [name, tensor.shape]);
    assertEquals(Object.fromEntries(state), row.state);
    assertEquals(state.map(([name]) => name), Object.keys(row.state), "the order of names");
    const outputs = leaves((layer.call as Call)(...args));
    assertEquals(outputs.length, row.outputs.length);
    for (const [i, output] of outputs.entries()) assertNear(output, row.outputs[i], `output ${i}`);
    const buffers = new Map(layer.namedBuffers());
    for (const [name, expected] of Object.entries(row.after ?? {})) assertNear(buffers.get(name)!, expected, name);
  });
}

Deno.test("nn: every layer has a row", () => {
  const tested = new Set(rows.map((row) => row.layer));
  const untested = Object.entries(nn).filter(([name, value]) =>
    typeof value === "function" && value.prototype instanceof Module && !tested.has(name)
  );
  // Abstract classes, containers (container_test.ts), what is random (random_test.ts), and a part of attention.
  const bases = /Nd|Base|^(BatchNorm|InstanceNorm|Loss|WeightedLoss|InplaceActivation|OverDim|Table)$/;
  const elsewhere = /^(Sequential|ModuleList|ModuleDict|ParameterList|ParameterDict|FractionalMaxPool[23]d|NonDyn.*)$/;
  assertEquals(untested.map(([name]) => name).filter((name) => !bases.test(name) && !elsewhere.test(name)), []);
});
