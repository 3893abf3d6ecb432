/** Models that the tests of writing, reading and printing share. */
import type { ByteRange, Source } from "../../src/io/source.ts";
import { ONNX_DTYPES } from "../../src/onnx/dtypes.ts";
import { Model, type OnnxAttribute, OnnxGraph, OnnxNode, OnnxValue } from "../../src/onnx/model.ts";
import { add, type Dim, mul, symbol } from "../../src/sym/mod.ts";
import { type DType, itemsize, type Meta, Storage, Tensor } from "../../src/tensor/mod.ts";

/** A value; without a shape nothing is known of it. */
export function value(name: string, dtype: DType = "float32", shape?: readonly Dim[]): OnnxValue {
  return new OnnxValue(name, shape ? { dtype, shape } : null);
}

/** Adds an initializer to a graph. */
export function weight(graph: OnnxGraph, name: string, tensor: Tensor): OnnxValue {
  const result = new OnnxValue(name, { dtype: tensor.dtype, shape: tensor.shape });
  result.initializer = tensor;
  graph.initializers.add(result);
  return result;
}

/** Adds a node to a graph. */
export function node(
  graph: OnnxGraph,
  opType: string,
  inputs: readonly (OnnxValue | null)[],
  outputs: readonly OnnxValue[],
  attributes: Readonly<Record<string, OnnxAttribute>> = {},
  domain = "",
): OnnxNode {
  const made = new OnnxNode({
    name: `node_${outputs[0].name}`,
    opType,
    domain,
    inputs,
    outputs,
    attributes: new Map(Object.entries(attributes)),
  });
  graph.insert(made);
  return made;
}

/** A float32 tensor that counts up. */
export function counting(...shape: number[]): Tensor {
  const count = shape.reduce((a, b) => a * b, 1);
  return Tensor.of("float32", shape, Float32Array.from({ length: count }, (_, i) => i));
}

/** A model `x [n, 4] → y` that reshapes, with every kind of metadata, absent inputs and a value without a type. */
export function smallModel(): Model {
  const graph = new OnnxGraph("main_graph");
  const n = symbol("s18");
  const x = value("x", "float32", [n, 4]);
  x.metadata.set("kind", "USER_INPUT");
  graph.inputs.push(x);
  const fc = weight(graph, "fc.weight", counting(2, 4));
  fc.metadata.set("kind", "PARAMETER");
  const low = weight(graph, "low", Tensor.scalar("float32", -1));
  const shape = weight(graph, "shape", Tensor.of("int64", [1], [-1]));
  const linear = value("linear", "float32", [n, 2]);
  const gemm = node(graph, "Gemm", [x, fc], [linear], {
    alpha: { type: "FLOAT", value: 0.1 },
    transB: { type: "INT", value: 1 },
  });
  gemm.metadata.set("pkg.torch.onnx.fx_node", "%linear : [num_users=1] = …");
  gemm.metadata.set("empty", "");
  const clipped = value("clip");
  node(graph, "Clip", [linear, null, low], [clipped]);
  const y = value("y", "float32", [mul(2, n)]);
  node(graph, "Reshape", [clipped, shape], [y]);
  graph.outputs = [y];
  graph.metadata.set("pkg.torch.export.ExportedProgram.range_constraints", "{s18: VR[0, int_oo]}");
  const model = new Model(graph, 21, 10);
  model.producerVersion = "0.1.0";
  model.metadata.set("id", "7");
  return model;
}

/** A model with an If whose branches capture an outer value. */
export function branchModel(): Model {
  const graph = new OnnxGraph("main_graph");
  const [cond, x] = [value("cond", "bool", []), value("x", "float32", [add(symbol("n"), 1)])];
  graph.inputs.push(cond, x);
  const branch = (name: string, opType: string): OnnxGraph => {
    const inner = new OnnxGraph(name);
    const result = value(`${name}_y`, "float32", x.meta!.shape);
    node(inner, opType, [x, weight(inner, `${name}_w`, counting(1))], [result]);
    inner.outputs = [result];
    return inner;
  };
  const y = value("y", "float32", x.meta!.shape);
  node(graph, "If", [cond], [y], {
    then_branch: { type: "GRAPH", value: branch("then", "Add") },
    else_branch: { type: "GRAPH", value: branch("else", "Mul") },
  });
  graph.outputs = [y];
  return new Model(graph, 21, 10);
}

/** One initializer and output of every dtype that ONNX has, and a node with attributes of every kind. */
export function richModel(): Model {
  const graph = new OnnxGraph("main_graph");
  for (const dtype of ONNX_DTYPES.keys()) {
    const bytes = Uint8Array.from({ length: 6 * itemsize(dtype) }, (_, i) => dtype === "bool" ? i % 2 : i);
    const w = weight(graph, `w.${dtype}`, new Tensor(dtype, [2, 3], Storage.of(bytes)));
    const y = value(`y.${dtype}`, dtype, [2, 3]);
    node(graph, "Identity", [w], [y]);
    graph.outputs.push(y);
  }
  weight(graph, "empty", counting(0, 3));
  const z = value("z", "float32", []);
  node(graph, "Custom", [], [z, value("")], {
    f: { type: "FLOAT", value: -0 },
    i: { type: "INT", value: -5 },
    big: { type: "INT", value: -(2n ** 63n) },
    large: { type: "INT", value: 2 ** 40 + 1 },
    zero: { type: "INT", value: 0 },
    s: { type: "STRING", value: "grüße 🎈" },
    none: { type: "STRING", value: "" },
    t: { type: "TENSOR", value: Tensor.of("int64", [2], [-1n, 2n ** 62n]) },
    fs: { type: "FLOATS", value: [1.5, Infinity, 1e-45] },
    is: { type: "INTS", value: [-1, 127, 128, 16384, 2n ** 63n - 1n] },
    ss: { type: "STRINGS", value: ["a", "x".repeat(300)] },
  }, "my.domain");
  graph.outputs.push(z);
  const model = new Model(graph, 21, 12);
  model.opsetImports.set("my.domain", 3);
  return model;
}

/** A source whose byte at `i` is `i % 251`, of any size, without memory. */
export class PatternSource implements Source {
  readonly name = "pattern";
  readonly size: number;
  readonly path?: string;
  /** Largest read so far, in bytes. */
  largest = 0;

  constructor(size: number, path?: string) {
    this.size = size;
    this.path = path;
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    this.largest = Math.max(this.largest, length);
    const bytes = new Uint8Array(length);
    for (let i = 0; i < Math.min(251, length); i++) bytes[i] = (offset + i) % 251;
    for (let done = 251; done < length; done *= 2) bytes.copyWithin(done, 0, Math.min(done, length - done));
    return Promise.resolve(bytes);
  }

  /** A uint8 tensor over part of it. */
  tensor(offset: number, ...shape: number[]): Tensor {
    return new Tensor("uint8", shape, Storage.lazy(this.range(offset, shape.reduce((a, b) => a * b, 1))));
  }

  range(offset: number, length: number): ByteRange {
    return { source: this, offset, length };
  }
}

/** A model that outputs its weights. */
export function weightModel(weights: Readonly<Record<string, Tensor>>): Model {
  const graph = new OnnxGraph("main_graph");
  for (const [name, tensor] of Object.entries(weights)) {
    const meta: Meta = { dtype: tensor.dtype, shape: tensor.shape };
    const y = new OnnxValue(`y.${name}`, meta);
    node(graph, "Identity", [weight(graph, name, tensor)], [y]);
    graph.outputs.push(y);
  }
  return new Model(graph, 21, 10);
}
