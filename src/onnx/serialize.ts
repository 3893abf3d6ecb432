/**
 * Writes models in ONNX's protobuf format. The skeleton (everything but weights) is built in memory; weights are spliced in
 * while writing, one at a time, so memory grows with the graph and not with the weights. Fields stand in the order of
 * their numbers and maps in insertion order: the same model gives the same bytes everywhere.
 */
import type { Sink } from "../io/sink.ts";
import { type Dim, isSym, type Sym } from "../sym/mod.ts";
import type { Meta, Tensor } from "../tensor/mod.ts";
import { onnxDType } from "./dtypes.ts";
import { ATTRIBUTE_TYPES, DATA_LOCATION_EXTERNAL, FIELDS } from "./fields.ts";
import type {
  AttributeReference,
  Model,
  OnnxAttribute,
  OnnxFunction,
  OnnxGraph,
  OnnxNode,
  OnnxValue,
} from "./model.ts";
import { Scratch, writeTensor } from "./tensor_bytes.ts";
import { MessageWriter } from "./wire.ts";

/** Protobuf's limit, which every reader of ONNX has. */
export const MAX_MODEL_BYTES: number = 2 ** 31 - 1;

/** Loaded tensors up to this size are copied into the skeleton. */
const COPY_LIMIT = 4096;

/** Where a tensor lies outside the model file. */
export interface ExternalLocation {
  /** Path from the model's folder, with `/`. */
  readonly location: string;
  /** In bytes. */
  readonly offset: number;
  /** In bytes. */
  readonly length: number;
}

/** How a model is written. */
export interface SerializeOptions {
  /** Inputs of the outermost graph; by default those that it has. */
  readonly inputs?: readonly OnnxValue[];
  /** Initializers of the outermost graph that are written; by default all. */
  readonly initializers?: ReadonlySet<OnnxValue>;
  /** Initializers whose values lie elsewhere: see `planWeights`. All others are written into the model. */
  readonly external?: ReadonlyMap<OnnxValue, ExternalLocation>;
  /** The `dim_param` of a symbolic size; by default its text, as PyTorch prints it. */
  readonly dimName?: (dim: Sym, value: OnnxValue, axis: number) => string;
  /** `metadata_props` of a node; by default `node.metadata`. */
  readonly nodeMetadata?: (node: OnnxNode) => Iterable<readonly [string, string]>;
}

/** A model ready to be written. */
export interface EncodedModel {
  /** Bytes that `writeTo` writes. */
  readonly byteLength: number;
  /** Appends the model to a sink; `onBytes` is told how many bytes were written since it was last called. */
  writeTo(sink: Sink, onBytes?: (count: number) => void): Promise<void>;
}

/**
 * Encodes a model; weights are not read before `writeTo`.
 *
 * @throws {RangeError} when the model would exceed 2 GiB, or has a dtype that ONNX lacks at its IR version
 * @throws {TypeError} when the dtype and shape of an input or output are not known
 */
export function encodeModel(model: Model, options: SerializeOptions = {}): EncodedModel {
  const message = new Serializer(model, options).run();
  const { byteLength } = message;
  if (byteLength > MAX_MODEL_BYTES) {
    throw new RangeError(
      `Cannot write the model as one file: it would have ${byteLength} bytes, and readers refuse more than ` +
        `${MAX_MODEL_BYTES}; keep its weights as external data`,
    );
  }
  return {
    byteLength,
    async writeTo(sink, onBytes) {
      const scratch = new Scratch();
      for (const part of message.parts()) {
        if (part instanceof Uint8Array) {
          await sink.write(part);
          onBytes?.(part.byteLength);
        } else {
          await part.writeTo(sink, onBytes, scratch);
        }
      }
    },
  };
}

/** The bytes of a model, in memory. For models too large for that, see `writeModel`. */
export async function serializeModel(model: Model, options: SerializeOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
  const encoded = encodeModel(model, options);
  const bytes = new Uint8Array(encoded.byteLength);
  await encoded.writeTo(new ArraySink(bytes));
  return bytes;
}

/** A sink over an array of the final size. */
export class ArraySink implements Sink {
  position = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  write(bytes: Uint8Array): Promise<void> {
    this.#bytes.set(bytes, this.position);
    this.position += bytes.byteLength;
    return Promise.resolve();
  }
}

/** The values of a tensor, read when they are written. */
class TensorPayload {
  readonly byteLength: number;
  readonly #tensor: Tensor;
  readonly #name: string;

  constructor(tensor: Tensor, name: string) {
    this.byteLength = tensor.byteLength;
    this.#tensor = tensor;
    this.#name = name;
  }

  async writeTo(sink: Sink, onBytes: ((count: number) => void) | undefined, scratch: Scratch): Promise<void> {
    try {
      await writeTensor(sink, this.#tensor, onBytes, scratch);
    } catch (error) {
      throw nameTensor(error, this.#name);
    }
  }
}

/** Adds a tensor's name to what went wrong with it. */
export function nameTensor(error: unknown, name: string): unknown {
  return error instanceof RangeError ? new WeightError(`${error.message} (tensor ${name})`, { cause: error }) : error;
}

/** The values of a weight can't be read: what a model is made of is damaged, not the model. */
export class WeightError extends RangeError {
  override name = "WeightError";
}

class Serializer {
  readonly #w = new MessageWriter<TensorPayload>();
  readonly #model: Model;
  readonly #inputs: readonly OnnxValue[];
  readonly #initializers: ReadonlySet<OnnxValue>;
  readonly #external: ReadonlyMap<OnnxValue, ExternalLocation>;
  readonly #dimName: (dim: Sym, value: OnnxValue, axis: number) => string;
  readonly #nodeMetadata: (node: OnnxNode) => Iterable<readonly [string, string]>;

  constructor(model: Model, options: SerializeOptions) {
    this.#model = model;
    this.#inputs = options.inputs ?? model.graph.inputs;
    this.#initializers = options.initializers ?? model.graph.initializers;
    this.#external = options.external ?? new Map();
    this.#dimName = options.dimName ?? String;
    this.#nodeMetadata = options.nodeMetadata ?? ((node) => node.hasMetadata ? node.metadata : []);
  }

  run(): MessageWriter<TensorPayload> {
    const w = this.#w;
    const model = this.#model;
    const F = FIELDS.ModelProto;
    w.int(F.irVersion, model.irVersion);
    if (model.producerName !== "") w.string(F.producerName, model.producerName);
    if (model.producerVersion !== "") w.string(F.producerVersion, model.producerVersion);
    for (const value of [...this.#inputs, ...model.graph.outputs]) {
      if (!value.meta) {
        throw new TypeError(`Cannot write ${value.name}: the dtype and shape of an input or output must be known`);
      }
    }
    w.message(F.graph, () => this.#graph(model.graph));
    for (const [domain, version] of model.opsetImports) {
      w.message(F.opsetImport, () => {
        w.string(FIELDS.OperatorSetIdProto.domain, domain);
        w.int(FIELDS.OperatorSetIdProto.version, version);
      });
    }
    this.#metadata(F.metadataProps, model.metadata);
    for (const one of model.functions.values()) w.message(F.functions, () => this.#function(one));
    return w;
  }

  /** Types are stated where they are known, which are those that all calls have in common. */
  #function(one: OnnxFunction): void {
    const w = this.#w;
    const F = FIELDS.FunctionProto;
    const { graph } = one;
    if (graph.initializers.size > 0) throw new TypeError(`Cannot write function ${one.key}: it has initializers`);
    w.string(F.name, one.name);
    for (const value of graph.inputs) w.string(F.input, value.name);
    for (const value of graph.outputs) w.string(F.output, value.name);
    for (const name of one.attributes) w.string(F.attribute, name);
    for (const node of graph.nodes()) w.message(F.node, () => this.#node(node));
    for (const [domain, version] of one.opsetImports) {
      w.message(F.opsetImport, () => {
        w.string(FIELDS.OperatorSetIdProto.domain, domain);
        w.int(FIELDS.OperatorSetIdProto.version, version);
      });
    }
    w.string(F.domain, one.domain);
    const values = [...graph.inputs, ...[...graph.nodes()].flatMap((node) => node.outputs)];
    for (const value of values) {
      if (value.name !== "" && value.meta) w.message(F.valueInfo, () => this.#valueInfo(value));
    }
    this.#metadata(F.metadataProps, one.metadata);
  }

  #graph(graph: OnnxGraph): void {
    const w = this.#w;
    const F = FIELDS.GraphProto;
    for (const node of graph.nodes()) w.message(F.node, () => this.#node(node));
    w.string(F.name, graph.name);
    const isOutermost = graph === this.#model.graph;
    const [inputs, initializers] = isOutermost
      ? [this.#inputs, this.#initializers]
      : [graph.inputs, graph.initializers];
    for (const value of initializers) w.message(F.initializer, () => this.#initializer(value));
    for (const value of inputs) w.message(F.input, () => this.#valueInfo(value));
    for (const value of graph.outputs) w.message(F.output, () => this.#valueInfo(value));
    const stated = new Set<OnnxValue>([...inputs, ...graph.outputs]);
    const state = (value: OnnxValue): void => {
      if (value.name === "" || !value.meta || stated.has(value)) return;
      stated.add(value);
      w.message(F.valueInfo, () => this.#valueInfo(value));
    };
    for (const value of graph.initializers) state(value);
    for (const node of graph.nodes()) for (const value of node.outputs) state(value);
    this.#metadata(F.metadataProps, graph.metadata);
  }

  #node(node: OnnxNode): void {
    const w = this.#w;
    const F = FIELDS.NodeProto;
    for (const value of node.inputs) w.string(F.input, value?.name ?? "");
    for (const value of node.outputs) w.string(F.output, value.name);
    if (node.name !== "") w.string(F.name, node.name);
    w.string(F.opType, node.opType);
    for (const [name, attribute] of node.attributes) w.message(F.attribute, () => this.#attribute(name, attribute));
    for (const [name, reference] of node.references) w.message(F.attribute, () => this.#reference(name, reference));
    if (node.domain !== "") w.string(F.domain, node.domain);
    this.#metadata(F.metadataProps, this.#nodeMetadata(node));
  }

  #attribute(name: string, attribute: OnnxAttribute): void {
    const w = this.#w;
    const F = FIELDS.AttributeProto;
    w.string(F.name, name);
    switch (attribute.type) {
      case "FLOAT":
        w.float(F.f, attribute.value);
        break;
      case "INT":
        w.int(F.i, attribute.value);
        break;
      case "STRING":
        w.string(F.s, attribute.value);
        break;
      case "TENSOR":
        w.message(F.t, () => this.#tensor("", attribute.value, null, `attribute ${name}`));
        break;
      case "GRAPH":
        w.message(F.g, () => this.#graph(attribute.value));
        break;
      case "FLOATS":
        for (const value of attribute.value) w.float(F.floats, value);
        break;
      case "INTS":
        for (const value of attribute.value) w.int(F.ints, value);
        break;
      case "STRINGS":
        for (const value of attribute.value) w.string(F.strings, value);
        break;
    }
    w.int(F.type, ATTRIBUTE_TYPES[attribute.type]);
  }

  #reference(name: string, { type, name: refAttrName }: AttributeReference): void {
    const F = FIELDS.AttributeProto;
    this.#w.string(F.name, name);
    this.#w.int(F.type, ATTRIBUTE_TYPES[type]);
    this.#w.string(F.refAttrName, refAttrName);
  }

  #initializer(value: OnnxValue): void {
    if (!value.initializer) throw new TypeError(`Cannot write initializer ${value.name}: it has no tensor`);
    this.#tensor(value.name, value.initializer, this.#external.get(value) ?? null, value.name);
  }

  #tensor(name: string, tensor: Tensor, external: ExternalLocation | null, label: string): void {
    const w = this.#w;
    const F = FIELDS.TensorProto;
    for (const size of tensor.shape) w.int(F.dims, size);
    w.int(F.dataType, this.#dtype(tensor, label));
    if (name !== "") w.string(F.name, name);
    if (external) {
      if (external.length !== tensor.byteLength) {
        throw new RangeError(`Cannot place ${label}: it has ${tensor.byteLength} bytes, not ${external.length}`);
      }
      const { location, offset, length } = external;
      this.#metadata(F.externalData, [["location", location], ["offset", `${offset}`], ["length", `${length}`]]);
      w.int(F.dataLocation, DATA_LOCATION_EXTERNAL);
    } else if (tensor.storage.bytes && tensor.byteLength <= COPY_LIMIT) {
      w.bytes(F.rawData, tensor.bytes());
    } else {
      w.payload(F.rawData, new TensorPayload(tensor, label));
    }
  }

  #valueInfo(value: OnnxValue): void {
    const w = this.#w;
    const { meta } = value;
    w.string(FIELDS.ValueInfoProto.name, value.name);
    if (meta) {
      w.message(FIELDS.ValueInfoProto.type, () => {
        w.message(FIELDS.TypeProto.tensorType, () => {
          w.int(FIELDS.TypeProto_Tensor.elemType, this.#dtype(meta, value.name));
          w.message(FIELDS.TypeProto_Tensor.shape, () => {
            for (const [axis, dim] of meta.shape.entries()) {
              w.message(FIELDS.TensorShapeProto.dim, () => this.#dim(dim, value, axis));
            }
          });
        });
      });
    }
    if (value.hasMetadata) this.#metadata(FIELDS.ValueInfoProto.metadataProps, value.metadata);
  }

  #dim(dim: Dim, value: OnnxValue, axis: number): void {
    const F = FIELDS.TensorShapeProto_Dimension;
    if (isSym(dim)) this.#w.string(F.dimParam, this.#dimName(dim, value, axis));
    else if (dim >= 0) this.#w.int(F.dimValue, dim);
    else throw new RangeError(`Cannot write ${value.name}: its axis ${axis} has size ${dim}`);
  }

  #metadata(field: number, entries: Iterable<readonly [string, string]>): void {
    const w = this.#w;
    for (const [key, value] of entries) {
      w.message(field, () => {
        w.string(FIELDS.StringStringEntryProto.key, key);
        w.string(FIELDS.StringStringEntryProto.value, value);
      });
    }
  }

  #dtype({ dtype }: Meta | Tensor, label: string): number {
    const needed = dtype === "float8_e8m0fnu" ? 12 : dtype.startsWith("float8") ? 9 : dtype === "bfloat16" ? 4 : 1;
    if (this.#model.irVersion < needed) {
      throw new RangeError(
        `Cannot write ${label}: ${dtype} needs ONNX IR version ${needed}, the model has ${this.#model.irVersion}`,
      );
    }
    try {
      return onnxDType(dtype);
    } catch (error) {
      throw nameTensor(error, label);
    }
  }
}
