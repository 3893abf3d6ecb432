/**
 * A copy of a model for a runtime to run: with the values that are to be compared as outputs, and with conversions where
 * the runtime can't take or give a dtype. The model itself stays as it is; weights are shared, not copied.
 */
import { Names } from "../ir/mod.ts";
import { Model, OnnxGraph, OnnxNode, OnnxValue } from "../onnx/model.ts";
import { onnxDType } from "../onnx/dtypes.ts";
import type { DType } from "../tensor/mod.ts";

/** Dtypes that onnxruntime-web takes and gives. */
const RUNTIME: ReadonlySet<DType> = new Set([
  "bool",
  "uint8",
  "uint16",
  "uint32",
  "uint64",
  "int8",
  "int16",
  "int32",
  "int64",
  "float16",
  "float32",
  "float64",
]);

/** How tensors of a dtype go in and out: as they are, as float32 (which holds each of their values), or not at all. */
export function passage(dtype: DType): "same" | "float32" | null {
  if (RUNTIME.has(dtype)) return "same";
  return dtype === "bfloat16" || dtype.startsWith("float8_e4") || dtype.startsWith("float8_e5") ? "float32" : null;
}

/** A copy that can be observed. Names are those that the runtime is given and asked for. */
export interface Observed {
  readonly model: Model;
  /** Inputs that have to be fed, of the original model: initializers that are inputs too are left to their values. */
  readonly inputs: ReadonlyMap<OnnxValue, string>;
  /** Values that come out. */
  readonly outputs: ReadonlyMap<OnnxValue, string>;
}

/**
 * Copies a model so that its outputs and `values` come out; with `only`, just the values, and of the model what they need.
 *
 * @throws {RangeError} for an input or output of a dtype that can't get in or out
 */
export function observe(
  model: Model,
  values: Iterable<OnnxValue> = [],
  options: { readonly only?: boolean } = {},
): Observed {
  if (!options.only) return new Copy(model, null).run([...model.graph.outputs, ...values]);
  const wanted = [...values];
  return new Copy(model, neededBy(model.graph, wanted)).run(wanted);
}

class Copy {
  private readonly copies: Map<OnnxValue, OnnxValue> = new Map();
  private readonly names: Names = new Names();

  /** @param needed nodes and weights of the graph that are copied; null copies all */
  constructor(private readonly original: Model, private readonly needed: ReadonlySet<OnnxNode | OnnxValue> | null) {}

  run(wanted: readonly OnnxValue[]): Observed {
    const { graph } = this.original;
    const result = new OnnxGraph(graph.name);
    for (const value of allValues(graph)) this.names.reserve(value.name);
    const inputs = new Map<OnnxValue, string>();
    for (const value of graph.inputs) {
      if (value.initializer) continue;
      const copy = this.value(value);
      const input = this.convertInput(result, value, copy);
      result.inputs.push(input);
      inputs.set(value, input.name);
    }
    this.fill(result, graph);
    const outputs = new Map<OnnxValue, string>();
    for (const value of new Set(wanted)) {
      const copy = this.copies.get(value);
      if (!copy) throw new RangeError(`Value ${value.name} is not in the model`);
      const output = this.convertOutput(result, value, copy);
      result.outputs.push(output);
      outputs.set(value, output.name);
    }
    const model = new Model(result, this.original.opset, this.original.irVersion);
    model.opsetImports.clear();
    for (const [domain, version] of this.original.opsetImports) model.opsetImports.set(domain, version);
    // Functions are only called: they can be shared with the original.
    for (const [key, one] of this.original.functions) model.functions.set(key, one);
    return { model, inputs, outputs };
  }

  /** Initializers and nodes. */
  private fill(into: OnnxGraph, from: OnnxGraph): void {
    const isNeeded = (part: OnnxNode | OnnxValue): boolean =>
      from !== this.original.graph || (this.needed?.has(part) ?? true);
    for (const value of from.initializers) if (isNeeded(value)) into.initializers.add(this.value(value));
    for (const node of from.nodes()) {
      if (!isNeeded(node)) continue;
      const attributes = new Map(node.attributes);
      for (const [name, attribute] of attributes) {
        if (attribute.type !== "GRAPH") continue;
        const inner = new OnnxGraph(attribute.value.name);
        inner.inputs.push(...attribute.value.inputs.map((v) => this.value(v)));
        this.fill(inner, attribute.value);
        inner.outputs = attribute.value.outputs.map((v) => this.value(v));
        attributes.set(name, { type: "GRAPH", value: inner });
      }
      into.insert(
        new OnnxNode({
          name: node.name,
          opType: node.opType,
          domain: node.domain,
          inputs: node.inputs.map((v) => v && this.value(v)),
          outputs: node.outputs.map((v) => this.value(v)),
          attributes,
        }),
      );
    }
  }

  private value(value: OnnxValue): OnnxValue {
    let copy = this.copies.get(value);
    if (!copy) {
      copy = new OnnxValue(value.name, value.meta);
      copy.initializer = value.initializer;
      this.copies.set(value, copy);
    }
    return copy;
  }

  private convertInput(graph: OnnxGraph, { name, meta }: OnnxValue, copy: OnnxValue): OnnxValue {
    const way = meta && passage(meta.dtype);
    if (way === "same") return copy;
    if (way !== "float32") {
      throw new RangeError(`onnxruntime-web can't take input ${name}${meta ? ` of dtype ${meta.dtype}` : ""}`);
    }
    const input = new OnnxValue(this.names.fresh(`${name}_float32`), { dtype: "float32", shape: meta!.shape });
    graph.insert(cast(input, copy, meta!.dtype));
    return input;
  }

  private convertOutput(graph: OnnxGraph, { name, meta }: OnnxValue, copy: OnnxValue): OnnxValue {
    const way = meta && passage(meta.dtype);
    if (way === "same") return copy;
    if (way !== "float32") {
      throw new RangeError(`onnxruntime-web can't give output ${name}${meta ? ` of dtype ${meta.dtype}` : ""}`);
    }
    const output = new OnnxValue(this.names.fresh(`${name}_float32`), { dtype: "float32", shape: meta!.shape });
    graph.insert(cast(copy, output, "float32"));
    return output;
  }
}

function cast(from: OnnxValue, to: OnnxValue, dtype: DType): OnnxNode {
  return new OnnxNode({
    name: `node_${to.name}`,
    opType: "Cast",
    inputs: [from],
    outputs: [to],
    attributes: new Map([["to", { type: "INT", value: onnxDType(dtype) }]]),
  });
}

/** The nodes that values are computed by, and the values that these take. */
function neededBy(graph: OnnxGraph, values: Iterable<OnnxValue>): Set<OnnxNode | OnnxValue> {
  const needed = new Set<OnnxNode | OnnxValue>(values);
  for (const node of [...graph.nodes()].reverse()) {
    if (!node.outputs.some((value) => needed.has(value))) continue;
    needed.add(node);
    for (const value of takenBy(node)) needed.add(value);
  }
  return needed;
}

/** What a node and its subgraphs take. */
function* takenBy(node: OnnxNode): Generator<OnnxValue> {
  for (const value of node.inputs) if (value) yield value;
  for (const inner of node.subgraphs()) {
    yield* inner.outputs;
    for (const each of inner.nodes()) yield* takenBy(each);
  }
}

/** All values of a graph and its subgraphs. */
function* allValues(graph: OnnxGraph): Generator<OnnxValue> {
  yield* graph.inputs;
  yield* graph.initializers;
  for (const node of graph.nodes()) {
    yield* node.outputs;
    for (const inner of node.subgraphs()) yield* allValues(inner);
  }
}
