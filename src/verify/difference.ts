/** Where two models differ, for assertions on models. */
import type { SourceInput } from "../io/open.ts";
import type { Model, OnnxAttribute, OnnxGraph } from "../onnx/model.ts";
import { printModel } from "../onnx/print.ts";
import type { Tensor } from "../tensor/mod.ts";
import { openModel } from "./model_file.ts";

/**
 * The first difference of two models in words; null when they are the same. Where weights lie does not count.
 *
 * @throws {ArchiveError} when a model can't be read
 */
export async function firstDifference(
  actual: SourceInput | Model,
  expected: SourceInput | Model,
): Promise<string | null> {
  const a = await openModel(actual);
  try {
    const b = await openModel(expected);
    try {
      return differentLine(a.model, b.model) ?? await differentTensor(a.model.graph, b.model.graph);
    } finally {
      b.close();
    }
  } finally {
    a.close();
  }
}

function differentLine(a: Model, b: Model): string | null {
  const [x, y] = [a, b].map((model) => printModel(model, { metadata: true }).split("\n").map(withoutValues));
  for (let i = 0; i < Math.max(x.length, y.length); i++) {
    if (x[i] !== y[i]) {
      return `line ${i + 1} is\n  ${x[i]?.trim() ?? "missing"}\ninstead of\n  ${y[i]?.trim() ?? "missing"}`;
    }
  }
  return null;
}

/** Values are shown only where they are in memory, so they can't be compared as text. */
function withoutValues(line: string): string {
  return /^\s*#/.test(line) ? line : line.replace(/ (?:= \{[^{}]*\}|\(\d+ (?:bytes|kB|MB)\))/g, "");
}

/** The texts agree, and with them the names and shapes: only values can still differ. */
async function differentTensor(a: OnnxGraph, b: OnnxGraph): Promise<string | null> {
  const [x, y] = [[...tensorsOf(a)], [...tensorsOf(b)]];
  for (const [i, [name, tensor]] of x.entries()) {
    if (!sameBytes(await tensor.load(), await y[i][1].load())) return `the values of ${name} are others`;
  }
  return null;
}

/** Weights and tensors in attributes, subgraphs included. */
function* tensorsOf(graph: OnnxGraph): Generator<readonly [string, Tensor]> {
  for (const value of graph.initializers) yield [value.name, value.initializer!];
  for (const node of graph.nodes()) {
    for (const [name, attribute] of node.attributes) yield* tensorsIn(`attribute ${name} of ${node.name}`, attribute);
  }
}

function* tensorsIn(label: string, attribute: OnnxAttribute): Generator<readonly [string, Tensor]> {
  if (attribute.type === "TENSOR") yield [label, attribute.value];
  else if (attribute.type === "GRAPH") yield* tensorsOf(attribute.value);
}

function sameBytes(a: Tensor, b: Tensor): boolean {
  const [x, y] = [a.bytes(), b.bytes()];
  return x.length === y.length && x.every((byte, i) => byte === y[i]);
}
