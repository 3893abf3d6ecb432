/**
 * Copies an encoded model and changes tensors on the way: everything else keeps its bytes, also what this project's own
 * dialect has no place for (documentation, functions, fields of later versions). Memory grows with the graph, not with the
 * weights: contents of large tensors are ranges of the model's file until they are written.
 */
import { copyRange, type Sink } from "../io/sink.ts";
import { type ByteRange, byteRange, type Source } from "../io/source.ts";
import type { Tensor } from "../tensor/mod.ts";
import { DATA_LOCATION_EXTERNAL, FIELDS } from "./fields.ts";
import type { ExternalLocation } from "./serialize.ts";
import { type Scratch, writeTensor } from "./tensor_bytes.ts";
import { MessageWriter } from "./wire.ts";
import { type Field, WIRE, WireReader } from "./wire_reader.ts";

/** Messages up to this size are copied as a whole, where tensors in them needn't be looked at. */
const SMALL = 1 << 12;

/** Graphs nested deeper are copied as they are. */
const MAX_DEPTH = 200;

/** A tensor in an encoded model. */
export interface EncodedTensor {
  readonly name: string;
  /** Whether it is an initializer of the outermost graph. */
  readonly isInitializer: boolean;
  /** Where `raw_data` lies in the model; null without. */
  readonly rawData: ByteRange | null;
}

/** What a tensor's contents become. */
export type NewContents = { readonly external: ExternalLocation } | { readonly tensor: Tensor };

/** What is written later. */
export type RewritePayload = {
  readonly byteLength: number;
  writeTo(sink: Sink, onBytes: ((count: number) => void) | undefined, scratch: Scratch): Promise<void>;
};

/** Which fields of a message are messages that tensors may be in. */
interface Schema {
  readonly [field: number]: "graph" | "node" | "attribute" | "tensor";
}

const F = FIELDS;
/** `ModelProto.functions`, `FunctionProto.node`, `AttributeProto.tensors` and `.graphs` are not looked into. */
const MODEL: Schema = { [F.ModelProto.graph]: "graph" };
const SCHEMAS: Readonly<Record<"graph" | "node" | "attribute", Schema>> = {
  graph: { [F.GraphProto.node]: "node", [F.GraphProto.initializer]: "tensor" },
  node: { [F.NodeProto.attribute]: "attribute" },
  attribute: { [F.AttributeProto.t]: "tensor", [F.AttributeProto.g]: "graph" },
};

/** Fields of a tensor that say or place its contents: `float_data` and its like, `raw_data`, `external_data`, `data_location`. */
const CONTENTS: ReadonlySet<number> = new Set([
  4,
  5,
  6,
  7,
  10,
  11,
  F.TensorProto.rawData,
  F.TensorProto.externalData,
  F.TensorProto.dataLocation,
]);

/**
 * Encodes a model anew.
 *
 * @param edit says what becomes of a tensor; null keeps it. Is asked for every initializer of the outermost graph, and for
 *   other tensors that are large
 * @throws {SyntaxError} when the source holds no protobuf message
 */
export async function rewriteModel(
  source: Source,
  edit: (tensor: EncodedTensor) => NewContents | null,
): Promise<MessageWriter<RewritePayload>> {
  const rewriter = new Rewriter(source, edit);
  await rewriter.message(MODEL, 0, source.size, 0);
  return rewriter.writer;
}

class Rewriter {
  readonly writer = new MessageWriter<RewritePayload>();
  readonly #reader: WireReader;
  readonly #edit: (tensor: EncodedTensor) => NewContents | null;

  constructor(source: Source, edit: (tensor: EncodedTensor) => NewContents | null) {
    this.#reader = new WireReader(source);
    this.#edit = edit;
  }

  async message(schema: Schema, offset: number, length: number, depth: number): Promise<void> {
    for await (const field of this.#reader.fields(offset, length)) {
      const kind = field.wireType === WIRE.bytes && depth < MAX_DEPTH ? schema[field.number] : undefined;
      const isInitializer = kind === "tensor" && depth === 1;
      if (kind === undefined || field.length <= SMALL && !isInitializer && depth > 0) await this.#copy(field);
      else if (kind === "tensor") await this.#tensor(field, isInitializer);
      else {
        const close = this.writer.open(field.number);
        await this.message(SCHEMAS[kind], field.offset, field.length, depth + 1);
        close();
      }
    }
  }

  async #copy({ start, offset, length }: Field): Promise<void> {
    const size = offset + length - start;
    if (size <= SMALL) this.writer.encoded(await this.#reader.read(start, size));
    else this.writer.encodedPayload(rangePayload(byteRange(this.#reader.source, start, size)));
  }

  async #tensor(field: Field, isInitializer: boolean): Promise<void> {
    const { source } = this.#reader;
    const kept: Field[] = [];
    let name = "";
    let rawData: ByteRange | null = null;
    for await (const inner of this.#reader.fields(field.offset, field.length)) {
      if (!CONTENTS.has(inner.number)) kept.push(inner);
      if (inner.wireType !== WIRE.bytes) continue;
      if (inner.number === F.TensorProto.rawData) rawData = byteRange(source, inner.offset, inner.length);
      if (inner.number === F.TensorProto.name) {
        name = new TextDecoder().decode(await this.#reader.read(inner.offset, inner.length));
      }
    }
    const contents = this.#edit({ name, isInitializer, rawData });
    if (contents === null) return await this.#copy(field);
    const close = this.writer.open(field.number);
    for (const inner of kept) await this.#copy(inner);
    if ("tensor" in contents) this.writer.payload(F.TensorProto.rawData, tensorPayload(contents.tensor));
    else this.#external(contents.external);
    close();
  }

  #external({ location, offset, length }: ExternalLocation): void {
    const w = this.writer;
    for (const [key, value] of [["location", location], ["offset", `${offset}`], ["length", `${length}`]] as const) {
      w.message(F.TensorProto.externalData, () => {
        w.string(F.StringStringEntryProto.key, key);
        w.string(F.StringStringEntryProto.value, value);
      });
    }
    w.int(F.TensorProto.dataLocation, DATA_LOCATION_EXTERNAL);
  }
}

function rangePayload(range: ByteRange): RewritePayload {
  return { byteLength: range.length, writeTo: (sink, onBytes) => copyRange(sink, range, onBytes) };
}

function tensorPayload(tensor: Tensor): RewritePayload {
  return {
    byteLength: tensor.byteLength,
    writeTo: (sink, onBytes, scratch) => writeTensor(sink, tensor, onBytes, scratch),
  };
}

/** Writes what a rewrite made. */
export async function writeParts(
  parts: Iterable<Uint8Array | RewritePayload>,
  sink: Sink,
  scratch: Scratch,
  onBytes?: (count: number) => void,
): Promise<void> {
  for (const part of parts) {
    if (part instanceof Uint8Array) {
      await sink.write(part);
      onBytes?.(part.byteLength);
    } else await part.writeTo(sink, onBytes, scratch);
  }
}
