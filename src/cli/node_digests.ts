/**
 * Digests of what each node computes: of its operator, its literal arguments and the digests of its operands. Inputs count
 * by position and weights by name; names of values and the order of nodes don't count. Two graphs with the same digests
 * compute the same from the same weights.
 */
import { createHash } from "node:crypto";
import { type ExportedProgram, type FxArg, FxGraph, type FxNode, FxValue } from "../fx/mod.ts";
import { formatArg } from "../fx/print.ts";
import {
  functionKey,
  type Model,
  type OnnxAttribute,
  type OnnxGraph,
  type OnnxNode,
  type OnnxValue,
} from "../onnx/model.ts";
import { tensorChunks } from "../onnx/tensor_bytes.ts";
import type { Tensor } from "../tensor/mod.ts";
import { operatorName } from "./summary.ts";

/** A node as it is compared. */
export interface NodeDigest {
  readonly name: string;
  readonly operator: string;
  /** Its arguments that are no values, as text. */
  readonly literals: string;
  /** What it computes, from the inputs and weights on. */
  readonly digest: string;
}

/** A graph as it is compared. */
export interface GraphDigest {
  /** In the graph's order, those of subgraphs before the node that they belong to. */
  readonly nodes: readonly NodeDigest[];
  /** Equal for graphs that compute the same. */
  readonly digest: string;
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** SHA-256 of a tensor's elements, streamed; null where they are not there. @throws {RangeError} when they can't be read */
export async function hashTensor(tensor: Tensor, onBytes?: (count: number) => void): Promise<string | null> {
  if (tensor.numel > 0 && !tensor.storage.bytes && !tensor.storage.range) return null;
  const sum = createHash("sha256");
  for await (const chunk of tensorChunks(tensor)) {
    sum.update(chunk);
    onBytes?.(chunk.byteLength);
  }
  return sum.digest("hex");
}

function whole(nodes: readonly NodeDigest[], outputs: readonly string[]): string {
  return hash(JSON.stringify([outputs, nodes.map((node) => node.digest).sort()]));
}

/** The digests of an ONNX model: of its functions, each after those that it calls, and of its graph. */
export async function digestModel(model: Model): Promise<GraphDigest> {
  const walk: Walk = { values: new Map(), nodes: [], functions: new Map() };
  for (const { key, graph, attributes, opsetImports } of model.functions.values()) {
    const body = await onnxGraph(graph, walk, `${key} input`);
    walk.functions.set(key, hash(JSON.stringify([body, [...attributes].sort(), [...opsetImports].sort()])));
  }
  return { digest: await onnxGraph(model.graph, walk, "input"), nodes: walk.nodes };
}

/** What is known on the way through a model. */
interface Walk {
  readonly values: Map<OnnxValue, string>;
  readonly nodes: NodeDigest[];
  /** Digests of functions. */
  readonly functions: Map<string, string>;
}

async function onnxGraph(
  graph: OnnxGraph,
  walk: Walk,
  scope: string,
): Promise<string> {
  const { values, nodes } = walk;
  for (const [i, value] of graph.inputs.entries()) values.set(value, `${scope} ${i}`);
  for (const value of graph.initializers) values.set(value, `weight ${value.name}`);
  const first = nodes.length;
  for (const node of graph.nodes()) {
    const digest = await onnxNode(node, walk);
    for (const [i, value] of node.outputs.entries()) values.set(value, `${digest} ${i}`);
  }
  return whole(nodes.slice(first), graph.outputs.map((value) => values.get(value)!));
}

async function onnxNode(node: OnnxNode, walk: Walk): Promise<string> {
  const { values, nodes, functions } = walk;
  const operator = node.domain === "" ? node.opType : `${node.domain}.${node.opType}`;
  const literals: string[] = [];
  const graphs: string[] = [];
  for (const [name, attribute] of [...node.attributes].sort(([a], [b]) => a < b ? -1 : 1)) {
    if (attribute.type === "GRAPH") {
      graphs.push(`${name} ${await onnxGraph(attribute.value, walk, `${operator} ${name}`)}`);
    } else literals.push(`${name} = ${await attributeText(attribute)}`);
  }
  for (const [name, { type, name: from }] of [...node.references].sort(([a], [b]) => a < b ? -1 : 1)) {
    literals.push(`${name} = ${type} @${from}`);
  }
  const operands = node.inputs.map((value) => value ? values.get(value)! : "");
  const text = literals.join(", ");
  const body = functions.get(functionKey(node.domain, node.opType)) ?? null;
  const digest = hash(JSON.stringify([operator, text, graphs, operands, node.outputs.length, body]));
  nodes.push({ name: node.name, operator, literals: text, digest });
  return digest;
}

async function attributeText(attribute: Exclude<OnnxAttribute, { type: "GRAPH" }>): Promise<string> {
  if (attribute.type !== "TENSOR") {
    const { value } = attribute;
    if (typeof value === "string") return JSON.stringify(value);
    return typeof value === "object" ? `[${value.join(", ")}]` : String(value);
  }
  const { dtype, shape } = attribute.value;
  return `${dtype}[${shape.join(", ")}] sha256 ${(await hashTensor(attribute.value))?.slice(0, 12) ?? "unknown"}`;
}

/** The digests of a program's graph. */
export function digestProgram({ graph, signature }: ExportedProgram): GraphDigest {
  const values = new Map<FxValue, string>();
  let users = 0;
  for (const { kind, value, target } of signature.inputSpecs) {
    values.set(value, kind === "USER_INPUT" ? `input ${users++}` : `${kind} ${target}`);
  }
  const nodes: NodeDigest[] = [];
  const kinds = signature.outputSpecs.map(({ kind, target }) => `${kind} ${target}`);
  return { digest: hash(JSON.stringify([kinds, fxGraph(graph, values, nodes)])), nodes };
}

function fxGraph(graph: FxGraph, values: Map<FxValue, string>, nodes: NodeDigest[]): string {
  const first = nodes.length;
  for (const node of graph.nodes()) {
    const digest = fxNode(node, values, nodes);
    for (const [i, value] of node.outputs.entries()) values.set(value, `${digest} ${i}`);
  }
  return whole(nodes.slice(first), graph.outputs.map((arg) => argText(arg, (v) => values.get(v)!, () => "")));
}

function fxNode(node: FxNode, values: Map<FxValue, string>, nodes: NodeDigest[]): string {
  const operator = operatorName(node.target);
  const graphs = new Map<FxGraph, string>();
  const closed = (graph: FxGraph): string => {
    let digest = graphs.get(graph);
    if (digest === undefined) {
      const inner = new Map(graph.inputs.map((value, i): [FxValue, string] => [value, `${operator} ${i}`]));
      graphs.set(graph, digest = fxGraph(graph, inner, nodes));
    }
    return digest;
  };
  const call = (ofValue: (value: FxValue) => string, ofGraph: (graph: FxGraph) => string): string =>
    [
      ...node.args.map((arg) => argText(arg, ofValue, ofGraph)),
      ...[...node.kwargs].map(([name, arg]) => `${name}=${argText(arg, ofValue, ofGraph)}`),
    ].join(", ");
  const digest = hash(JSON.stringify([operator, call((value) => values.get(value)!, closed)]));
  nodes.push({ name: node.name, operator, literals: call(() => "%", () => "graph"), digest });
  return digest;
}

/** An argument as text, which keeps kinds apart. */
function argText(arg: FxArg, ofValue: (value: FxValue) => string, ofGraph: (graph: FxGraph) => string): string {
  if (arg instanceof FxValue) return ofValue(arg);
  if (arg instanceof FxGraph) return ofGraph(arg);
  if (typeof arg === "string") return JSON.stringify(arg);
  const inner = (one: FxArg): string => argText(one, ofValue, ofGraph);
  if (Array.isArray(arg)) return `[${arg.map(inner).join(", ")}]`;
  if (arg instanceof Map) return `{${[...arg].map(([key, value]) => `${key}: ${inner(value)}`).join(", ")}}`;
  return formatArg(arg);
}
