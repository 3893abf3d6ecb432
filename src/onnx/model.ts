/**
 * The ONNX dialect: models, graphs, nodes, values and attributes as plain classes. No protobuf here: `serialize.ts` and
 * `deserialize.ts` are the only places that know the wire format.
 */
import { Graph, Node, type Origin, Value } from "../ir/mod.ts";
import { type Dim, isSym, type Sym } from "../sym/mod.ts";
import type { Meta, Tensor } from "../tensor/mod.ts";

/** Stands for the many maps without entries, which take as much memory as a node. */
const NONE: ReadonlyMap<string, never> = new Map<string, never>();

/** The text of a symbolic size of a value. */
export type SizeName = (size: Sym, value: OnnxValue, axis: number) => string;

/** A value of an ONNX graph. An initializer is a value with a tensor and no producer. */
export class OnnxValue extends Value<Meta> {
  /** dtype and shape; null where they are not known. */
  declare meta: Meta | null;
  /** The node that yields it; null for graph inputs and initializers. */
  declare producer: OnnxNode | null;
  /** The tensor, if the value is an initializer. */
  initializer: Tensor | null = null;
  /**
   * The elements of a small 0-d or 1-d int64 (or bool) value in terms of symbols, where known: this is how shape
   * arithmetic is followed. Null when unknown.
   */
  content: readonly Dim[] | null = null;
  private texts: Map<string, string> | null = null;
  /**
   * What the user calls a symbolic size, for a graph's inputs; other values take the name of their graph.
   *
   * @internal
   */
  declare sizeName?: SizeName;

  /** `metadata_props`. */
  get metadata(): Map<string, string> {
    return this.texts ??= new Map();
  }

  /** Whether there is any metadata: to look at none makes none. */
  get hasMetadata(): boolean {
    return this.texts !== null && this.texts.size > 0;
  }

  /**
   * Sizes as the written model has them, those that vary by name: `["batch_size", 8]`; null where the rank is not known.
   *
   * @example
   * ```ts
   * import * as onnx from "@fx2onnx/fx2onnx";
   *
   * const program = await onnx.export("tests/fixtures/mlp.pt2", [], null, { dims: { s18: "batch_size" } });
   * console.log(program.model.graph.inputs[0].shape); // ["batch_size", 8]
   * await program.release();
   * ```
   */
  get shape(): (number | string)[] | null {
    const name = this.sizeName ?? (this.producer?.graph as OnnxGraph | null)?.sizeName ?? String;
    return this.meta && this.meta.shape.map((size, axis) => isSym(size) ? name(size, this, axis) : size);
  }
}

/** An attribute with its `AttributeProto.AttributeType`. */
export type OnnxAttribute =
  | { readonly type: "FLOAT"; readonly value: number }
  | { readonly type: "INT"; readonly value: number | bigint }
  | { readonly type: "STRING"; readonly value: string }
  | { readonly type: "TENSOR"; readonly value: Tensor }
  | { readonly type: "GRAPH"; readonly value: OnnxGraph }
  | { readonly type: "FLOATS"; readonly value: readonly number[] }
  | { readonly type: "INTS"; readonly value: readonly (number | bigint)[] }
  | { readonly type: "STRINGS"; readonly value: readonly string[] };

/** Takes the value of an attribute of the function around. */
export interface AttributeReference {
  /** As the function's attribute has it. */
  readonly type: OnnxAttribute["type"];
  /** Name of the function's attribute. */
  readonly name: string;
}

/** A node of an ONNX graph. */
export class OnnxNode extends Node {
  /** Its results, in order. */
  declare readonly outputs: readonly OnnxValue[];
  /** Unique in the model. */
  name: string;
  /** `MatMul`, `Add`, …. */
  readonly opType: string;
  /** `` is the ONNX domain. */
  readonly domain: string;
  /** An absent optional input is null. */
  inputs: readonly (OnnxValue | null)[];
  /** By name, typed. */
  attributes: ReadonlyMap<string, OnnxAttribute>;
  /** In a function's body: attributes whose values are attributes of the function, by their own names. */
  references: ReadonlyMap<string, AttributeReference> = NONE;
  private texts: Map<string, string> | null = null;

  /** A node that stands in no graph yet; its results get it as their producer. */
  constructor(init: {
    name: string;
    opType: string;
    domain?: string;
    inputs: readonly (OnnxValue | null)[];
    outputs: readonly OnnxValue[];
    attributes?: ReadonlyMap<string, OnnxAttribute>;
    origin?: Origin | null;
  }) {
    super(init.outputs, init.origin ?? null);
    this.name = init.name;
    this.opType = init.opType;
    this.domain = init.domain ?? "";
    this.inputs = init.inputs;
    this.attributes = init.attributes ?? NONE;
  }

  /** `metadata_props` beyond those that come from the origin. */
  get metadata(): Map<string, string> {
    return this.texts ??= new Map();
  }

  /** Whether there is any metadata: to look at none makes none. */
  get hasMetadata(): boolean {
    return this.texts !== null && this.texts.size > 0;
  }

  /** `MatMul node_linear`. */
  get label(): string {
    return `${this.opType} ${this.name}`;
  }

  /** Graphs in attributes. */
  *subgraphs(): Generator<OnnxGraph> {
    for (const attribute of this.attributes.values()) if (attribute.type === "GRAPH") yield attribute.value;
  }

  /** Inputs, then the outer values that subgraphs capture, once per use. */
  *operands(): Iterable<OnnxValue> {
    for (const input of this.inputs) if (input) yield input;
    for (const graph of this.subgraphs()) yield* graph.captures();
  }

  /** Puts `to` in the place of `from` among the inputs and in subgraphs. */
  protected exchange(from: OnnxValue, to: OnnxValue): void {
    this.inputs = this.inputs.map((v) => v === from ? to : v);
    for (const graph of this.subgraphs()) graph.exchangeCapture(from, to);
  }
}

/** An ONNX graph. */
export class OnnxGraph extends Graph<OnnxNode, OnnxValue> {
  /** Initializers by insertion; each has a tensor and a unique name. */
  readonly initializers: Set<OnnxValue> = new Set();
  /** `metadata_props`. */
  readonly metadata: Map<string, string> = new Map();
  /**
   * What the user calls symbolic sizes; null leaves them their own names.
   *
   * @internal
   */
  sizeName: SizeName | null = null;

  /** Values of outer graphs that this graph's nodes and outputs use, once per use. */
  *captures(): Generator<OnnxValue> {
    const own = new Set<OnnxValue>([...this.inputs, ...this.initializers]);
    for (const node of this.nodes()) {
      for (const value of node.operands()) if (!own.has(value)) yield value;
      for (const value of node.outputs) own.add(value);
    }
    for (const value of this.outputs) if (!own.has(value)) yield value;
  }

  /** Uses `to` instead of the captured `from`. */
  exchangeCapture(from: OnnxValue, to: OnnxValue): void {
    for (const node of this.nodes()) node.replaceOperand(from, to);
    this.outputs = this.outputs.map((v) => v === from ? to : v);
  }

  /** The nodes, each followed by those of the graphs in its attributes. */
  *allNodes(): Generator<OnnxNode> {
    for (const node of this.nodes()) {
      yield node;
      for (const inner of node.subgraphs()) yield* inner.allNodes();
    }
  }

  /** Removes all nodes: of a subgraph that is dropped, so that nothing around it counts as used by it. */
  clear(): void {
    this.outputs = [];
    for (const node of this.nodesReversed()) {
      this.remove(node);
      for (const graph of node.subgraphs()) graph.clear();
    }
  }
}

/** A function of a model: nodes of its domain and name stand for its body. */
export class OnnxFunction {
  /** Never ONNX's own. */
  readonly domain: string;
  /** What calls have as their operator. */
  readonly name: string;
  /** Inputs, outputs and nodes; a function's body has no initializers and sees nothing outside. */
  readonly graph: OnnxGraph;
  /** Names of the attributes that a call must give. */
  readonly attributes: string[] = [];
  /** Domains that the body uses, with their versions. */
  readonly opsetImports: Map<string, number> = new Map();
  /** `metadata_props`. */
  readonly metadata: Map<string, string> = new Map();

  /** A function without a body. */
  constructor(domain: string, name: string) {
    this.domain = domain;
    this.name = name;
    this.graph = new OnnxGraph(name);
  }

  /** What tells it from other functions of the model, and calls of it from other nodes. */
  get key(): string {
    return functionKey(this.domain, this.name);
  }
}

/** The key of a function in a model: `torch.nn.modules.linear::Linear`. */
export function functionKey(domain: string, name: string): string {
  return `${domain}::${name}`;
}

/** Key of a model's metadata: the serialization id of the archive that its weights lie in. */
export const SERIALIZATION_ID = "fx2onnx.serialization_id";

/** An ONNX model. */
export class Model {
  /** Version of the file format. */
  irVersion: number;
  /** Domain to version; `` is the ONNX domain. */
  readonly opsetImports: Map<string, number>;
  /** What the model computes. */
  readonly graph: OnnxGraph;
  /** Functions by their keys; a function that calls another stands after it. */
  readonly functions: Map<string, OnnxFunction> = new Map();
  /** What wrote the model. */
  producerName: string = "fx2onnx";
  /** Its version; empty where it is not said. */
  producerVersion: string = "";
  /** `metadata_props`. */
  readonly metadata: Map<string, string> = new Map();

  /** A model of a graph, for a version of the ONNX domain. */
  constructor(graph: OnnxGraph, opset: number, irVersion: number) {
    this.graph = graph;
    this.irVersion = irVersion;
    this.opsetImports = new Map([["", opset]]);
  }

  /** The function that a node calls. */
  functionOf({ domain, opType }: OnnxNode): OnnxFunction | undefined {
    return this.functions.get(functionKey(domain, opType));
  }

  /** All nodes: of the graph, of graphs in attributes, and of functions. */
  *allNodes(): Generator<OnnxNode> {
    yield* this.graph.allNodes();
    for (const { graph } of this.functions.values()) yield* graph.allNodes();
  }

  /** Version of the ONNX domain. */
  get opset(): number {
    return this.opsetImports.get("") ?? 1;
  }
}

/** Tags a FLOAT (or, for a list, FLOATS) attribute; bare numbers are INT. */
export class FloatAttribute {
  /** A number for FLOAT, a list for FLOATS. */
  readonly value: number | readonly number[];

  /** As {@linkcode float}. */
  constructor(value: number | readonly number[]) {
    this.value = value;
  }
}

/** Tags a FLOAT or FLOATS attribute. */
export function float(value: number | readonly number[]): FloatAttribute {
  return new FloatAttribute(value);
}

/** What an attribute can be given as; `undefined` leaves it out. */
export type AttributeInput =
  | number
  | bigint
  | boolean
  | string
  | readonly number[]
  | readonly string[]
  | FloatAttribute
  | Tensor
  | OnnxGraph
  | undefined;

/** Turns given attributes into typed ones. @throws {TypeError} for a number that is not an integer: floats need `float()` */
export function toAttributes(given: Readonly<Record<string, AttributeInput>>): ReadonlyMap<string, OnnxAttribute> {
  if (Object.keys(given).length === 0) return NONE;
  const attributes = new Map<string, OnnxAttribute>();
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined) attributes.set(name, toAttribute(name, value));
  }
  return attributes;
}

function toAttribute(name: string, value: Exclude<AttributeInput, undefined>): OnnxAttribute {
  const constant: unknown = value instanceof FloatAttribute ? value.value : value;
  if (isSym(constant)) throw new RangeError(`Attribute ${name} of ONNX must be a constant, met ${constant}`);
  if (typeof value === "boolean") return { type: "INT", value: value ? 1 : 0 };
  if (typeof value === "bigint") return { type: "INT", value };
  if (typeof value === "number") return { type: "INT", value: integer(name, value) };
  if (typeof value === "string") return { type: "STRING", value };
  if (value instanceof FloatAttribute) {
    return typeof value.value === "number"
      ? { type: "FLOAT", value: value.value }
      : { type: "FLOATS", value: value.value };
  }
  if (value instanceof OnnxGraph) return { type: "GRAPH", value };
  if (!Array.isArray(value)) return { type: "TENSOR", value: value as Tensor };
  if (value.length > 0 && typeof value[0] === "string") return { type: "STRINGS", value: value as string[] };
  return { type: "INTS", value: value.map((v) => integer(name, v as number)) };
}

function integer(name: string, value: number): number {
  if (!Number.isSafeInteger(value)) {
    throw new TypeError(`Attribute ${name} must be an integer or tagged as float, met ${value}`);
  }
  return value;
}
