/**
 * Reads ONNX files into models. Protobuf is loaded on first use. What this project's models don't have (sparse
 * tensors, sequences, training) is refused by name rather than left out; names that nothing defines, doubled names and
 * sizes that don't fit are errors. Doc strings are dropped.
 */
import { ArchiveError, Names } from "../ir/mod.ts";
import type {
  AttributeProto,
  FunctionProto,
  GraphProto,
  ModelProto,
  NodeProto,
  TensorProto,
  ValueInfoProto,
} from "../proto/onnx_pb.ts";

export type { ModelProto } from "../proto/onnx_pb.ts";
import { type Dim, isSym, parseInfix, symbol } from "../sym/mod.ts";
import { formatMeta, type Meta, type Tensor } from "../tensor/mod.ts";
import { dtypeOfOnnx } from "./dtypes.ts";
import { ATTRIBUTE_TYPES } from "./fields.ts";
import {
  type AttributeReference,
  functionKey,
  Model,
  type OnnxAttribute,
  OnnxFunction,
  OnnxGraph,
  OnnxNode,
  OnnxValue,
} from "./model.ts";
import { type ExternalDataReader, TensorReader } from "./read_tensor.ts";

/** Versions of the format that are read. */
const IR_VERSIONS = { min: 3, max: 13 } as const;
/** Graphs nested deeper are refused. */
const MAX_NESTING = 64;

/** How symbols begin that stand for sizes without a usable name; names of the model's own never contain it. */
const OWN_SYMBOL = "__dim";

/** How a model is read. */
export interface ReadModelOptions {
  /** Gives the files that external data lies in. Without it, such weights have no values and can't be loaded. */
  readonly externalData?: ExternalDataReader;
  /** The model's file, for messages. */
  readonly name?: string;
}

/**
 * Reads a model. Tensors share memory with `bytes`; external data is read when a tensor is loaded.
 *
 * @throws {ArchiveError} when the bytes are not an ONNX model, or one that uses what is not supported
 *
 * @example
 * ```ts
 * import * as onnx from "@fx2onnx/fx2onnx";
 *
 * await using program = await onnx.export("tests/fixtures/mlp.pt2");
 * const model = await readModel(await program.toBytes());
 * model.graph.inputs.map((value) => value.name);
 * ```
 */
export async function readModel(bytes: Uint8Array, options: ReadModelOptions = {}): Promise<Model> {
  const reader = new ModelReader(options);
  let proto: ModelProto;
  try {
    proto = await parseModelProto(bytes);
  } catch (error) {
    throw reader.error(`This is not an ONNX model: ${error instanceof Error ? error.message : error}`);
  }
  return await reader.model(proto);
}

/** Parses the protobuf message of a model. @throws {Error} when the bytes are no such message */
export async function parseModelProto(bytes: Uint8Array): Promise<ModelProto> {
  const [{ fromBinary }, { ModelProtoSchema }] = await Promise.all([
    import("@bufbuild/protobuf"),
    import("../proto/onnx_pb.ts"),
  ]);
  // Three messages per level of graphs: graph, node, attribute.
  return fromBinary(ModelProtoSchema, bytes, { readUnknownFields: false, recursionLimit: 3 * MAX_NESTING + 16 });
}

/** Names that a graph sees. */
interface Scope {
  readonly values: Map<string, OnnxValue>;
  readonly outer: Scope | null;
  readonly depth: number;
  /** Attributes of the function around. */
  readonly attributes: ReadonlySet<string>;
}

function lookup(scope: Scope, name: string): OnnxValue | null {
  for (let s: Scope | null = scope; s; s = s.outer) {
    const value = s.values.get(name);
    if (value) return value;
  }
  return null;
}

class ModelReader {
  readonly #tensors: TensorReader;
  readonly #file: string | undefined;
  readonly #dims = new Map<string, Dim>();
  readonly #symbols = new Names();

  constructor(options: ReadModelOptions) {
    this.#tensors = new TensorReader(options.externalData ?? null);
    this.#file = options.name;
  }

  error(fact: string): ArchiveError {
    return new ArchiveError(fact, this.#file === undefined ? {} : { file: this.#file });
  }

  async model(proto: ModelProto): Promise<Model> {
    const irVersion = Number(proto.irVersion);
    if (irVersion < IR_VERSIONS.min || irVersion > IR_VERSIONS.max) {
      throw this.error(
        `The model has ONNX IR version ${irVersion}; versions ${IR_VERSIONS.min} to ${IR_VERSIONS.max} are supported`,
      );
    }
    if (!proto.graph) throw this.error("The model has no graph");
    if (proto.trainingInfo.length > 0) throw this.error("Training information is not supported");
    const opsets = this.#opsets(proto.opsetImport, "The model");
    if (opsets.size === 0) throw this.error("The model imports no operator set");
    const graph = await this.#graph(proto.graph, null);
    const model = new Model(graph, opsets.get("") ?? 1, irVersion);
    model.opsetImports.clear();
    for (const [domain, version] of opsets) model.opsetImports.set(domain, version);
    model.producerName = proto.producerName;
    model.producerVersion = proto.producerVersion;
    this.#metadata(model.metadata, proto.metadataProps, "the model");
    for (const one of await this.#functions(proto.functions)) model.functions.set(one.key, one);
    return model;
  }

  #opsets(imports: ModelProto["opsetImport"], what: string): Map<string, number> {
    const opsets = new Map<string, number>();
    for (const { domain, version } of imports) {
      const name = domainOf(domain);
      if (opsets.has(name)) throw this.error(`${what} imports the operator set ${JSON.stringify(domain)} twice`);
      if (version < 1n || version > 1_000_000n) throw this.error(`Operator set version ${version} is not supported`);
      opsets.set(name, Number(version));
    }
    return opsets;
  }

  /** The functions, each after those that it calls. */
  async #functions(protos: readonly FunctionProto[]): Promise<OnnxFunction[]> {
    const functions = new Map<string, OnnxFunction>();
    for (const proto of protos) {
      const one = await this.#function(proto);
      if (functions.has(one.key)) throw this.error(`The function ${one.key} is defined twice`);
      functions.set(one.key, one);
    }
    const ordered = new Set<OnnxFunction>();
    const open = new Set<OnnxFunction>();
    const add = (one: OnnxFunction): void => {
      if (ordered.has(one)) return;
      if (open.has(one)) throw this.error(`The function ${one.key} calls itself`);
      if (open.size >= MAX_NESTING) throw this.error(`Functions call each other more than ${MAX_NESTING} deep`);
      open.add(one);
      for (const node of one.graph.allNodes()) {
        const called = functions.get(functionKey(node.domain, node.opType));
        if (called) add(called);
      }
      open.delete(one);
      ordered.add(one);
    };
    for (const one of functions.values()) add(one);
    return [...ordered];
  }

  async #function(proto: FunctionProto): Promise<OnnxFunction> {
    const { name } = proto;
    const domain = domainOf(proto.domain);
    if (name === "" || domain === "") throw this.error(`The function ${JSON.stringify(name)} has no name or domain`);
    if (proto.overload !== "") throw this.error(`Overloads of functions (${name}) are not supported`);
    const [defaulted] = proto.attributeProto;
    if (defaulted) throw this.error(`Defaults of attributes (${defaulted.name} of function ${name}) are not supported`);
    const one = new OnnxFunction(domain, name);
    one.attributes.push(...proto.attribute);
    for (const [imported, version] of this.#opsets(proto.opsetImport, `Function ${name}`)) {
      one.opsetImports.set(imported, version);
    }
    const scope: Scope = { values: new Map(), outer: null, depth: 0, attributes: new Set(proto.attribute) };
    const infos = new Map(proto.valueInfo.map((info) => [info.name, info]));
    for (const input of proto.input) one.graph.inputs.push(this.#define(scope, input, infos));
    for (const node of proto.node) one.graph.insert(await this.#node(node, scope, infos));
    for (const output of proto.output) {
      const value = lookup(scope, output);
      if (!value) throw this.error(`Output ${output} of function ${name} is not computed by any node`);
      one.graph.outputs.push(value);
    }
    this.#metadata(one.metadata, proto.metadataProps, `function ${name}`);
    return one;
  }

  async #graph(proto: GraphProto, outer: Scope | null): Promise<OnnxGraph> {
    const scope: Scope = {
      values: new Map(),
      outer,
      depth: outer ? outer.depth + 1 : 0,
      attributes: outer?.attributes ?? new Set(),
    };
    if (scope.depth > MAX_NESTING) throw this.error(`Graphs are nested more than ${MAX_NESTING} deep`);
    if (proto.sparseInitializer.length > 0) throw this.error("Sparse initializers are not supported");
    const graph = new OnnxGraph(proto.name);
    const infos = this.#infos(proto);
    for (const info of proto.input) {
      graph.inputs.push(this.#define(scope, info.name, infos));
      if (!outer && info.type?.value.case !== "tensorType") {
        throw this.error(`Input ${info.name} is not a tensor; only tensors are supported`);
      }
    }
    for (const tensorProto of proto.initializer) {
      const name = tensorProto.name;
      const tensor = await this.#tensor(tensorProto, `initializer ${name}`);
      const input = scope.values.get(name);
      if (input?.initializer) throw this.error(`Initializer ${name} is given twice`);
      const value = input ?? this.#define(scope, name, infos);
      this.#setTensor(value, tensor);
      graph.initializers.add(value);
    }
    for (const node of proto.node) graph.insert(await this.#node(node, scope, infos));
    for (const info of proto.output) {
      const value = lookup(scope, info.name);
      if (!value) throw this.error(`Output ${info.name} of graph ${proto.name} is not computed by any node`);
      if (!outer && info.type?.value.case !== "tensorType") {
        throw this.error(`Output ${info.name} is not a tensor; only tensors are supported`);
      }
      graph.outputs.push(value);
    }
    this.#metadata(graph.metadata, proto.metadataProps, `graph ${proto.name}`);
    return graph;
  }

  /** Types and metadata that a graph states, by name. */
  #infos(proto: GraphProto): Map<string, ValueInfoProto> {
    const infos = new Map<string, ValueInfoProto>();
    // What stands last wins: an input's or output's own statement.
    for (const info of [...proto.valueInfo, ...proto.output, ...proto.input]) infos.set(info.name, info);
    return infos;
  }

  async #node(proto: NodeProto, scope: Scope, infos: Map<string, ValueInfoProto>): Promise<OnnxNode> {
    const label = `node ${proto.name || proto.opType}`;
    if (proto.opType === "") throw this.error(`There is no operator in ${label}`);
    if (proto.overload !== "") throw this.error(`Overloads of functions (${label}) are not supported`);
    const inputs = proto.input.map((name) => {
      if (name === "") return null;
      const value = lookup(scope, name);
      if (!value) throw this.error(`Nothing before ${label} defines its input ${name}`);
      return value;
    });
    const attributes = new Map<string, OnnxAttribute>();
    const references = new Map<string, AttributeReference>();
    for (const attribute of proto.attribute) {
      if (attributes.has(attribute.name) || references.has(attribute.name)) {
        throw this.error(`Attribute ${attribute.name} of ${label} is given twice`);
      }
      if (scope.attributes.has(attribute.refAttrName)) {
        references.set(attribute.name, this.#reference(attribute, label));
        continue;
      }
      attributes.set(
        attribute.name,
        await this.#attribute(attribute, scope, `attribute ${attribute.name} of ${label}`),
      );
    }
    const node = new OnnxNode({
      name: proto.name,
      opType: proto.opType,
      domain: domainOf(proto.domain),
      inputs,
      outputs: proto.output.map((name) => name === "" ? new OnnxValue("") : this.#define(scope, name, infos)),
      attributes,
    });
    if (references.size > 0) node.references = references;
    this.#metadata(node.metadata, proto.metadataProps, label);
    return node;
  }

  #reference({ name, type, refAttrName }: AttributeProto, label: string): AttributeReference {
    const found = Object.entries(ATTRIBUTE_TYPES).find(([, code]) => code === (type as number));
    if (!found) throw this.error(`The type of attribute ${name} of ${label} (AttributeType ${type}) is not supported`);
    return { type: found[0] as AttributeReference["type"], name: refAttrName };
  }

  async #attribute(proto: AttributeProto, scope: Scope, label: string): Promise<OnnxAttribute> {
    if (proto.refAttrName !== "") throw this.error(`There is a reference to a function's attribute in ${label}`);
    switch (proto.type as number) {
      case ATTRIBUTE_TYPES.FLOAT:
        return { type: "FLOAT", value: proto.f };
      case ATTRIBUTE_TYPES.INT:
        return { type: "INT", value: integer(proto.i) };
      case ATTRIBUTE_TYPES.STRING:
        return { type: "STRING", value: this.#text(proto.s, label) };
      case ATTRIBUTE_TYPES.TENSOR:
        if (!proto.t) break;
        return { type: "TENSOR", value: await this.#tensor(proto.t, label) };
      case ATTRIBUTE_TYPES.GRAPH:
        if (!proto.g) break;
        return { type: "GRAPH", value: await this.#graph(proto.g, scope) };
      case ATTRIBUTE_TYPES.FLOATS:
        return { type: "FLOATS", value: proto.floats };
      case ATTRIBUTE_TYPES.INTS:
        return { type: "INTS", value: proto.ints.map(integer) };
      case ATTRIBUTE_TYPES.STRINGS:
        return { type: "STRINGS", value: proto.strings.map((s) => this.#text(s, label)) };
      default:
        throw this.error(`The type of ${label} (AttributeType ${proto.type}) is not supported`);
    }
    throw this.error(`There is no value in ${label}`);
  }

  #text(bytes: Uint8Array, label: string): string {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw this.error(`There is text that is not UTF-8 in ${label}`);
    }
  }

  async #tensor(proto: TensorProto, label: string): Promise<Tensor> {
    try {
      return await this.#tensors.read(proto);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw this.error(`Cannot read the tensor of ${label}: ${error.message}`);
    }
  }

  /** A new value. Names are unique over a graph and the graphs around it. */
  #define(scope: Scope, name: string, infos: Map<string, ValueInfoProto>): OnnxValue {
    if (name === "") throw this.error("There is a value without a name");
    if (lookup(scope, name)) throw this.error(`The name ${name} is defined twice`);
    const info = infos.get(name);
    const value = new OnnxValue(name, info ? this.#meta(info) : null);
    if (info) this.#metadata(value.metadata, info.metadataProps, name);
    scope.values.set(name, value);
    return value;
  }

  #setTensor(value: OnnxValue, tensor: Tensor): void {
    const { dtype, shape } = tensor;
    const stated = value.meta;
    const fits = !stated || stated.dtype === dtype && stated.shape.length === shape.length &&
        stated.shape.every((dim, i) => isSym(dim) || dim === shape[i]);
    if (!fits) {
      throw this.error(`Initializer ${value.name} is ${formatMeta(tensor)} but is stated to be ${formatMeta(stated)}`);
    }
    if (!stated || stated.shape.some(isSym)) value.meta = { dtype, shape };
    value.initializer = tensor;
  }

  /** Null where dtype or rank are not stated, or the value is not a tensor. */
  #meta(info: ValueInfoProto): Meta | null {
    const type = info.type?.value;
    if (type?.case !== "tensorType" || !type.value.shape) return null;
    let dtype;
    try {
      dtype = dtypeOfOnnx(type.value.elemType);
    } catch (error) {
      throw this.error(`${error instanceof Error ? error.message : error} (value ${info.name})`);
    }
    return { dtype, shape: type.value.shape.dim.map(({ value }) => this.#dim(value, info.name)) };
  }

  #dim(value: { case?: string; value?: bigint | string }, name: string): Dim {
    if (typeof value.value === "bigint") {
      const size = Number(value.value);
      // Some writers state an unknown size as -1.
      if (size < 0) return this.#unknown();
      if (!Number.isSafeInteger(size)) throw this.error(`A dimension of ${name} has size ${value.value}`);
      return size;
    }
    if (!value.value) return this.#unknown();
    const text = value.value;
    let dim = this.#dims.get(text);
    if (dim === undefined) this.#dims.set(text, dim = this.#symbolic(text));
    return dim;
  }

  #unknown(): Dim {
    return symbol(this.#symbols.fresh(OWN_SYMBOL));
  }

  /** Texts that are expressions are read as such; any other text becomes a symbol of its own. */
  #symbolic(text: string): Dim {
    if (text.length <= 1024 && !text.includes(OWN_SYMBOL)) {
      try {
        const parsed = parseInfix(text);
        if (isSym(parsed) && parsed.kind === "int") {
          return parsed;
        }
        if (typeof parsed === "number" && Number.isSafeInteger(parsed) && parsed >= 0) return parsed;
      } catch (error) {
        if (!(error instanceof SyntaxError || error instanceof RangeError)) throw error;
      }
    }
    return symbol(this.#symbols.fresh(`${OWN_SYMBOL}_${text.slice(0, 64).replace(/[^A-Za-z0-9_]/g, "_")}`));
  }

  #metadata(into: Map<string, string>, props: readonly { key: string; value: string }[], label: string): void {
    for (const { key, value } of props) {
      if (into.has(key)) throw this.error(`The metadata ${key} of ${label} is given twice`);
      into.set(key, value);
    }
  }
}

/** ONNX's own domain has two names. */
function domainOf(domain: string): string {
  return domain === "ai.onnx" ? "" : domain;
}

function integer(value: bigint): number | bigint {
  const n = Number(value);
  return Number.isSafeInteger(n) ? n : value;
}
