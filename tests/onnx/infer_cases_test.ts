/** Inference and checker against what the Python package `onnx` infers; tests/tools/infer_cases.py wrote the cases. */
import { assert, assertEquals } from "@std/assert";
import { infer } from "../../src/onnx/infer.ts";
import { checkModel } from "../../src/onnx/check.ts";
import { type AttributeInput, float, Model, OnnxGraph, OnnxNode, OnnxValue, toAttributes } from "../../src/onnx/model.ts";
import * as schemas from "../../src/onnx/op_schema.ts";
import { type Dim, evaluate, isSym, symbol } from "../../src/sym/mod.ts";
import { type DType, newData, Tensor } from "../../src/tensor/mod.ts";

type Case = [
  opType: string,
  attributes: Record<string, unknown>,
  inputs: string,
  outputs: string,
  first: number,
  last: number,
];

const cases: Case[] = JSON.parse(
  await Deno.readTextFile(new URL("../fixtures/infer_cases.json", import.meta.url)),
);

/** What the letters of sizes stand for in the cases. */
const sizes = new Map([["N", 6], ["C", 8], ["H", 14], ["W", 10], ["S", 5], ["T", 12]]);

const dtypes = new Map<string, DType>([
  ["f", "float32"],
  ["d", "float64"],
  ["h", "float16"],
  ["g", "bfloat16"],
  ["i", "int32"],
  ["l", "int64"],
  ["b", "bool"],
  ["u", "uint8"],
  ["c", "int8"],
  ["v", "uint32"],
]);

/** Operators whose sizes can't be told in terms of those of the inputs, though onnx can at given sizes. */
const dataDependent = new Set(["Compress", "NonMaxSuppression", "NonZero", "Unique"]);

function constant(dtype: DType, shape: number[], items: string[]): Tensor {
  const data = newData(dtype, items.length);
  for (const [i, item] of items.entries()) {
    if (data instanceof BigInt64Array) data[i] = BigInt(item);
    else data[i] = Number(item);
  }
  return Tensor.of(dtype, shape, data);
}

function valueOf(text: string, i: number, symbolic: boolean): OnnxValue | null {
  if (text === "-") return null;
  const [, letter, bracket, inner] = /^(\w)([[{(])(.*)[\]})]$/.exec(text)!;
  const dtype = dtypes.get(letter)!;
  const items = inner === "" ? [] : inner.split(",");
  const value = new OnnxValue(`x${i}`);
  if (bracket === "[") {
    const shape = items.map((d): Dim => /\d/.test(d) ? Number(d) : symbolic ? symbol(d) : sizes.get(d)!);
    value.meta = { dtype, shape };
  } else {
    value.initializer = constant(dtype, bracket === "(" ? [] : [items.length], items);
    value.meta = { dtype, shape: value.initializer.shape };
  }
  return value;
}

function attributeOf(value: unknown): AttributeInput {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return value as AttributeInput;
  const [given] = Object.values(value);
  return float(given);
}

function nodeOf([opType, attributes, inputs]: Case, symbolic: boolean): OnnxNode {
  const { outputs = 1, ...rest } = attributes;
  return new OnnxNode({
    name: "n",
    opType,
    inputs: inputs === "" ? [] : inputs.split(" ").map((text, i) => valueOf(text, i, symbolic)),
    outputs: Array.from({ length: outputs as number }, (_, i) => new OnnxValue(`y${i}`)),
    attributes: toAttributes(Object.fromEntries(Object.entries(rest).map(([k, v]) => [k, attributeOf(v)]))),
  });
}

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

Deno.test("infer: at given sizes as onnx infers", () => {
  assert(cases.length >= 300);
  for (const each of cases) {
    for (const opset of new Set(each.slice(4) as number[])) {
      const node = nodeOf(each, false);
      const what = `${each.slice(0, 3).map((x) => JSON.stringify(x)).join(" ")} at ${opset}`;
      try {
        infer(node, opset);
      } catch (error) {
        throw new Error(what, { cause: error });
      }
      compare(node, each[3], what);
    }
  }
});

Deno.test("infer: with symbols as onnx infers at their values", () => {
  for (const each of cases) {
    for (const opset of new Set(each.slice(4) as number[])) {
      const node = nodeOf(each, true);
      const what = `${each.slice(0, 3).map((x) => JSON.stringify(x)).join(" ")} at ${opset}`;
      infer(node, opset);
      compare(node, each[3], what);
    }
  }
});

Deno.test("checkModel: what onnx's checker takes has no problems", () => {
  for (const each of cases) {
    for (const opset of new Set(each.slice(4) as number[])) {
      const node = nodeOf(each, true);
      infer(node, opset);
      assertEquals(checkModel(modelOf(node, opset), schemas.schemaOf), [], `${each[0]} at ${opset}`);
    }
  }
});
