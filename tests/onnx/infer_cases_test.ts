/** Inference and checker against what the Python package `onnx` infers; tests/tools/infer_cases.py wrote the cases. */
import { assert, assertEquals } from "@std/assert";
import { checkModel } from "../../src/onnx/check.ts";
import { infer } from "../../src/onnx/infer.ts";
import { Model, OnnxGraph, type OnnxNode } from "../../src/onnx/model.ts";
import * as table from "../../src/onnx/op_schema.ts";
import { type Dim, evaluate, isSym } from "../../src/sym/mod.ts";
import { dtypes, nodeOf, readCases, sizes } from "./cases.ts";

type Case = [
  opType: string,
  attributes: Record<string, unknown>,
  inputs: string,
  outputs: string,
  first: number,
  last: number,
];

const cases = await readCases<Case>("infer_cases.json");

/** Operators whose sizes can't be told in terms of those of the inputs, though onnx can at given sizes. */
const dataDependent = new Set(["Compress", "NonMaxSuppression", "NonZero", "Unique"]);

/** The value of a size, or undefined where it depends on data. */
function valueAt(dim: Dim): number | undefined {
  if (!isSym(dim)) return dim;
  if (![...dim.symbols()].every((name) => sizes.has(name))) return undefined;
  return Number(evaluate(dim, sizes));
}

function compare(node: OnnxNode, expected: string, what: string): void {
  for (const [i, text] of expected.split(" ").entries()) {
    const output = node.outputs[i];
    if (text === "?") continue;
    const { meta } = output;
    assert(meta, `${what}: output ${i} is unknown, not ${text}`);
    assertEquals(meta.dtype, dtypes.get(text[0]), what);
    if (text[1] === "?") continue;
    const inner = text.slice(2, -1);
    const dims = inner === "" ? [] : inner.split(",");
    const found = meta.shape.map((d) => valueAt(d) ?? "?");
    const label = `${what}: [${meta.shape.join(", ")}]`;
    assertEquals(found.length, dims.length, label);
    for (const [k, dim] of dims.entries()) {
      if (found[k] === "?") assert(dim === "?" || dataDependent.has(node.opType), `${label} is not ${text}`);
      else if (dim !== "?") assertEquals(found[k], Number(dim), `${label} is not ${text}`);
    }
  }
}

function modelOf(node: OnnxNode, opset: number): Model {
  const graph = new OnnxGraph("g");
  for (const value of new Set(node.inputs)) {
    if (!value) continue;
    if (value.initializer) graph.initializers.add(value);
    else graph.inputs.push(value);
  }
  graph.insert(node);
  graph.outputs = node.outputs.filter((v) => v.meta !== null);
  return new Model(graph, opset, opset >= 23 ? 11 : 10);
}

/** Runs each case at the first and the last operator set it holds for. */
function forEachCase(
  symbolic: boolean,
  body: (node: OnnxNode, opset: number, outputs: string, what: string) => void,
): void {
  for (const [opType, attributes, inputs, outputs, ...opsets] of cases) {
    for (const opset of new Set(opsets)) {
      const what = `${opType} ${JSON.stringify(attributes)} ${inputs} at ${opset}`;
      const node = nodeOf(opType, attributes, inputs, symbolic);
      try {
        infer(node, opset);
      } catch (error) {
        throw new Error(what, { cause: error });
      }
      body(node, opset, outputs, what);
    }
  }
}

Deno.test("infer: at given sizes as onnx infers", () => {
  assert(cases.length >= 300);
  forEachCase(false, (node, _, outputs, what) => compare(node, outputs, what));
});

Deno.test("infer: with symbols as onnx infers at their values", () => {
  forEachCase(true, (node, _, outputs, what) => compare(node, outputs, what));
});

Deno.test("checkModel: what onnx's checker takes has no problems", () => {
  forEachCase(true, (node, opset, _, what) => assertEquals(checkModel(modelOf(node, opset), table), [], what));
});
