/**
 * Graphs written as text. A line is an input (`x f[N,3]`), a constant (`c l{1,2}`, see tests/onnx/cases.ts), a weight
 * (`w! f{1,2}`, an initializer with metadata), a node (`y = Transpose(x) {"perm": [1, 0]}`, an absent input is `-`), or the
 * outputs (`-> y, z`). dtypes and shapes of results are inferred.
 */
import { infer } from "../../src/onnx/infer.ts";
import {
  type AttributeInput,
  float,
  Model,
  OnnxGraph,
  OnnxNode,
  OnnxValue,
  toAttributes,
} from "../../src/onnx/model.ts";
import { printGraph } from "../../src/onnx/print.ts";
import { type Dim, symbol } from "../../src/sym/mod.ts";
import { constant, dtypes } from "../onnx/cases.ts";

type Values = ReadonlyMap<string, OnnxValue>;

/** Reads a graph. Values of `outer` may be used. */
export function graphOf(lines: readonly string[], name = "main_graph", outer: Values = new Map()): OnnxGraph {
  const graph = new OnnxGraph(name);
  const values = new Map(outer);
  const valueOf = (text: string): OnnxValue | null => {
    if (text === "-") return null;
    const value = values.get(text);
    if (!value) throw new Error(`${text} is not defined`);
    return value;
  };
  for (const line of lines) {
    const nodeLine = /^(.*?) = (\w+)\((.*?)\)(?: (\{.*\}))?$/.exec(line);
    const inputLine = /^(\w+) (\w)\[(.*)\]$/.exec(line);
    if (line.startsWith("-> ")) graph.outputs = line.slice(3).split(", ").map((text) => valueOf(text)!);
    else if (nodeLine) {
      const [, results, opType, inputs, attributes = "{}"] = nodeLine;
      const outputs = results.split(", ").map((text) => new OnnxValue(text === "-" ? "" : text));
      const node = new OnnxNode({
        name: `node_${results.replaceAll(", ", "_")}`,
        opType,
        inputs: inputs === "" ? [] : inputs.split(", ").map(valueOf),
        outputs,
        attributes: toAttributes(attributesOf(attributes, values)),
      });
      infer(node, 21);
      graph.insert(node);
      for (const value of outputs) values.set(value.name, value);
    } else if (inputLine) {
      const [, input, letter, shape] = inputLine;
      const dims = shape === "" ? [] : shape.split(",").map((d): Dim => /^\d/.test(d) ? Number(d) : symbol(d));
      const value = new OnnxValue(input, { dtype: dtypes.get(letter)!, shape: dims });
      graph.inputs.push(value);
      values.set(input, value);
    } else {
      const [, named, weight, text] = /^(\w+)(!?) (.*)$/.exec(line)!;
      const tensor = constant(text);
      const value = new OnnxValue(named, { dtype: tensor.dtype, shape: tensor.shape });
      value.initializer = tensor;
      if (weight) value.metadata.set("kind", "PARAMETER");
      graph.initializers.add(value);
      values.set(named, value);
    }
  }
  return graph;
}

/** Attributes as JSON; `{"f": 0.5}` is a float and `{"graph": [...]}` a subgraph, which may use the values so far. */
function attributesOf(text: string, values: Values): Record<string, AttributeInput> {
  const given = Object.entries(JSON.parse(text) as Record<string, unknown>);
  return Object.fromEntries(given.map(([name, value]): [string, AttributeInput] => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return [name, value as AttributeInput];
    const { f, graph } = value as { f?: number; graph?: string[] };
    return [name, graph ? graphOf(graph, name, values) : float(f!)];
  }));
}

/** A model of operator set 21. */
export function modelOf(lines: readonly string[]): Model {
  return new Model(graphOf(lines), 21, 10);
}

/** The nodes as printed, without the names of nodes. */
export function nodesOf(graph: OnnxGraph): string[] {
  const lines = printGraph(graph).split("\n");
  return lines.slice(lines.indexOf("{") + 1, -1).map((line) => line.slice(2).replace(/^\[\w*\] /, ""));
}
