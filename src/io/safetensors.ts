/**
 * The safetensors format: a JSON header with names, dtypes, shapes and offsets, then the bytes. Reading checks the whole
 * header and hands out ranges; writing streams.
 *
 * The format: https://huggingface.co/docs/safetensors
 */
import { type Json, JsonObject, parseJson } from "./json.ts";
import { copyRange, type Sink } from "./sink.ts";
import { type ByteRange, rootRange, type Source } from "./source.ts";

/** A tensor of a safetensors file. The bytes are little-endian, row-major and without gaps. */
export interface SafetensorsEntry {
  /** The format's name of the dtype: `"F32"`, `"BF16"`, `"I64"`, `"BOOL"`, … */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly range: ByteRange;
}

/** A safetensors file. */
export interface Safetensors {
  /** The tensors by name, in the order of the header. */
  readonly tensors: ReadonlyMap<string, SafetensorsEntry>;
  /** Free text by key. */
  readonly metadata: ReadonlyMap<string, string>;
}

/** A tensor to write. */
export interface SafetensorsInput {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** The elements, little-endian, row-major and without gaps. */
  readonly data: Uint8Array | ByteRange;
}

/** Bits per element. */
const BITS: ReadonlyMap<string, number> = new Map([
  ["BOOL", 8],
  ["F4", 4],
  ["F6_E2M3", 6],
  ["F6_E3M2", 6],
  ["U8", 8],
  ["I8", 8],
  ["F8_E5M2", 8],
  ["F8_E4M3", 8],
  ["F8_E8M0", 8],
  ["F8_E4M3FNUZ", 8],
  ["F8_E5M2FNUZ", 8],
  ["I16", 16],
  ["U16", 16],
  ["F16", 16],
  ["BF16", 16],
  ["I32", 32],
  ["U32", 32],
  ["F32", 32],
  ["C64", 64],
  ["F64", 64],
  ["I64", 64],
  ["U64", 64],
]);

/** The format's own limit. */
const MAX_HEADER = 100_000_000;

/**
 * Reads the header of a safetensors file; the tensors stay where they are.
 *
 * @throws {SyntaxError} if the header is damaged, or tensors overlap, leave gaps or reach outside the file
 * @throws {RangeError} if the header is larger than the format allows
 */
export async function readSafetensors(source: Source): Promise<Safetensors> {
  const fail = (why: string): SyntaxError => new SyntaxError(`Cannot read ${source.name} as safetensors: ${why}`);
  if (source.size < 8) throw fail("it is shorter than a header");
  const start = await source.read(0, 8);
  const length = Number(new DataView(start.buffer, start.byteOffset, 8).getBigUint64(0, true));
  if (length > source.size - 8) throw fail("its header is truncated");
  if (length > MAX_HEADER) throw new RangeError(`Cannot read ${source.name}: its header has ${length} bytes`);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(await source.read(8, length));
  } catch (error) {
    if (error instanceof TypeError) throw fail("its header is not UTF-8");
    throw error;
  }
  const header = parseJson(text, { maxDepth: 8, name: `the header of ${source.name}` });
  if (!(header instanceof JsonObject)) throw fail("its header is not an object");
  const tensors = new Map<string, SafetensorsEntry>();
  const metadata = new Map<string, string>();
  const dataSize = source.size - 8 - length;
  for (const [name, value] of header) {
    if (name === "__metadata__") readMetadata(value, metadata, fail);
    else tensors.set(name, readEntry(source, 8 + length, dataSize, name, value, fail));
  }
  let end = 8 + length;
  for (const [name, { range }] of [...tensors].sort(([, a], [, b]) => byPlace(a.range, b.range))) {
    if (range.offset !== end) throw fail(`tensor ${JSON.stringify(name)} overlaps another or leaves a gap`);
    end += range.length;
  }
  if (end !== source.size) throw fail(`${source.size - end} bytes at its end belong to no tensor`);
  for (const [name, entry] of tensors) tensors.set(name, { ...entry, range: rootRange(entry.range) });
  return { tensors, metadata };
}

function byPlace(a: ByteRange, b: ByteRange): number {
  return a.offset - b.offset || a.length - b.length;
}

function readMetadata(value: Json, metadata: Map<string, string>, fail: (why: string) => SyntaxError): void {
  if (!(value instanceof JsonObject)) throw fail("its metadata is not an object");
  for (const [key, text] of value) {
    if (typeof text !== "string") throw fail(`its metadata ${JSON.stringify(key)} is not a text`);
    metadata.set(key, text);
  }
}

function readEntry(
  source: Source,
  dataStart: number,
  dataSize: number,
  name: string,
  value: Json,
  failFile: (why: string) => SyntaxError,
): SafetensorsEntry {
  const fail = (why: string): SyntaxError => failFile(`tensor ${JSON.stringify(name)} ${why}`);
  if (!(value instanceof JsonObject)) throw fail("is not described by an object");
  for (const key of value.keys()) {
    if (key !== "dtype" && key !== "shape" && key !== "data_offsets") throw fail(`has an unknown key ${quote(key)}`);
  }
  const dtype = value.get("dtype");
  const bits = typeof dtype === "string" ? BITS.get(dtype) : undefined;
  if (typeof dtype !== "string" || bits === undefined) throw fail(`has an unknown dtype ${quote(dtype)}`);
  const shape = naturals(value.get("shape"));
  if (shape === undefined) throw fail("has a shape that is not a list of sizes");
  const offsets = naturals(value.get("data_offsets"));
  if (offsets?.length !== 2) throw fail("has no pair of offsets");
  const [begin, end] = offsets;
  if (begin > end || end > dataSize) throw fail("reaches outside the file");
  if (sizeInBits(shape, bits) !== 8 * (end - begin)) throw fail("has a shape that does not match its number of bytes");
  return { dtype, shape, range: { source, offset: dataStart + begin, length: end - begin } };
}

function quote(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value.slice(0, 100)) : "of the wrong type";
}

function naturals(value: Json | undefined): number[] | undefined {
  if (!Array.isArray(value)) return undefined;
  return value.every((item) => typeof item === "number" && item >= 0) ? value as number[] : undefined;
}

/** Exact below 2^53; beyond, larger than any file. */
function sizeInBits(shape: readonly number[], bits: number): number {
  return shape.includes(0) ? 0 : shape.reduce((product, size) => product * size, bits);
}

/**
 * Writes a safetensors file. Tensors are laid out by falling element size, then by name, as the reference
 * implementation does, so that each is aligned.
 *
 * @throws {TypeError} if a dtype is unknown, a name is reserved, or a number of bytes does not match its shape
 */
export async function writeSafetensors(
  sink: Sink,
  tensors: ReadonlyMap<string, SafetensorsInput>,
  metadata?: ReadonlyMap<string, string>,
): Promise<void> {
  const sorted = [...tensors].map(([name, input]) => ({ name, bits: checkInput(name, input), ...input }));
  sorted.sort((a, b) => b.bits - a.bits || (a.name < b.name ? -1 : 1));
  const fields: string[] = [];
  if (metadata !== undefined && metadata.size > 0) {
    const pairs = [...metadata].sort(([a], [b]) => a < b ? -1 : 1).map((pair) => pair.map(toJson).join(":"));
    fields.push(`"__metadata__":{${pairs.join(",")}}`);
  }
  let offset = 0;
  for (const { name, dtype, shape, data } of sorted) {
    const end = offset + lengthOf(data);
    fields.push(`${toJson(name)}:${JSON.stringify({ dtype, shape, data_offsets: [offset, end] })}`);
    offset = end;
  }
  const text = new TextEncoder().encode(`{${fields.join(",")}}`);
  const header = new Uint8Array(8 + Math.ceil(text.length / 8) * 8).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(header.length - 8), true);
  header.set(text, 8);
  await sink.write(header);
  for (const { data } of sorted) {
    if (data instanceof Uint8Array) await sink.write(data);
    else await copyRange(sink, data);
  }
}

function toJson(text: string): string {
  return JSON.stringify(text);
}

function lengthOf(data: Uint8Array | ByteRange): number {
  return data instanceof Uint8Array ? data.byteLength : data.length;
}

function checkInput(name: string, { dtype, shape, data }: SafetensorsInput): number {
  const bits = BITS.get(dtype);
  if (bits === undefined) throw new TypeError(`Cannot write tensor ${toJson(name)}: dtype ${dtype} is not known`);
  if (name === "__metadata__") throw new TypeError(`Cannot write tensor "__metadata__": the name is reserved`);
  if (sizeInBits(shape, bits) !== 8 * lengthOf(data)) {
    throw new TypeError(
      `Cannot write tensor ${toJson(name)}: ${dtype}[${shape}] does not have ${lengthOf(data)} bytes`,
    );
  }
  return bits;
}
