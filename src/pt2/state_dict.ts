/**
 * Weights by name from wherever they lie: a map, a `.safetensors` file, the index of a sharded one, or a state dict that
 * `torch.save` wrote. Tensors stay where they are until they are needed.
 */
import { JsonObject, parseJson } from "../io/json.ts";
import { openSource, type SourceInput } from "../io/open.ts";
import { readSafetensors } from "../io/safetensors.ts";
import { readRange, type Source } from "../io/source.ts";
import { ArchiveError } from "../ir/mod.ts";
import { toTensor } from "./pickled.ts";
import { safetensorsTensor } from "../tensor/safetensors.ts";
import { concreteOf, type Tensor, type TensorHolder } from "../tensor/mod.ts";
import { PyDict, readTorchSave, TorchTensor } from "../torch_save/mod.ts";

/** Weights by name: tensors, or a file of them. */
export type StateDict =
  | ReadonlyMap<string, Tensor | TensorHolder>
  | Readonly<Record<string, Tensor | TensorHolder>>
  | SourceInput;

/** Weights, and the files that they are read from. */
export interface OpenedStateDict {
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly sources: readonly Source[];
}

/**
 * Opens a state dict.
 *
 * @throws {ArchiveError} when the file is damaged, or of another kind
 */
export async function openStateDict(input: StateDict): Promise<OpenedStateDict> {
  if (input instanceof Map || !isSourceInput(input)) {
    const entries: Iterable<readonly [string, unknown]> = input instanceof Map ? input : Object.entries(input);
    return { tensors: new Map([...entries].map(([name, given]) => [name, tensorNamed(name, given)])), sources: [] };
  }
  const sources: Source[] = [];
  const open = async (file: SourceInput): Promise<Source> => {
    const source = await openSource(file);
    if (source !== file) sources.push(source);
    return source;
  };
  try {
    return { tensors: await read(input, open), sources };
  } catch (error) {
    for (const source of sources) source.close?.();
    const isFinding = error instanceof SyntaxError || error instanceof RangeError;
    if (!isFinding || error instanceof ArchiveError) throw error;
    throw new ArchiveError(error.message, {}, { cause: error });
  }
}

function tensorNamed(name: string, given: unknown): Tensor {
  const tensor = concreteOf(given);
  if (!tensor) throw new TypeError(`Weight ${name} is not a tensor`);
  return tensor;
}

function isSourceInput(input: StateDict): input is SourceInput {
  return typeof input === "string" || input instanceof URL || input instanceof Blob || input instanceof Uint8Array ||
    input instanceof ArrayBuffer || typeof (input as { read?: unknown }).read === "function";
}

async function read(
  input: SourceInput,
  open: (file: SourceInput) => Promise<Source>,
): Promise<ReadonlyMap<string, Tensor>> {
  const source = await open(input);
  const start = source.size === 0 ? new Uint8Array() : await source.read(0, Math.min(source.size, 9));
  if (start[0] === 0x7b) return await readShards(input, source, open);
  if (start[8] === 0x7b) return await readShard(source);
  return await readSaved(source);
}

async function readShard(source: Source): Promise<Map<string, Tensor>> {
  const { tensors } = await readSafetensors(source);
  return new Map([...tensors].map(([name, entry]) => [name, safetensorsTensor(source.name, name, entry)]));
}

/** Longest index: a million names. */
const MAX_INDEX = 1 << 28;

/** `model.safetensors.index.json`: which file has which weight. */
async function readShards(
  input: SourceInput,
  index: Source,
  open: (file: SourceInput) => Promise<Source>,
): Promise<Map<string, Tensor>> {
  const fail = (why: string): SyntaxError =>
    new SyntaxError(`Cannot read ${index.name} as an index of weights: ${why}`);
  if (index.size > MAX_INDEX) throw fail(`it has ${index.size} bytes`);
  const bytes = await readRange({ source: index, offset: 0, length: index.size });
  const json = parseJson(new TextDecoder().decode(bytes), { name: index.name });
  const files = json instanceof JsonObject ? json.get("weight_map") : undefined;
  if (!(files instanceof JsonObject)) throw fail("it has no weight_map");
  const shards = new Map<string, Map<string, Tensor>>();
  const tensors = new Map<string, Tensor>();
  for (const [name, file] of files) {
    if (typeof file !== "string" || !/^[^/\\]+$/.test(file) || file.startsWith("..")) {
      throw fail(`${name} lies in ${JSON.stringify(file)}, which is no file beside it`);
    }
    let shard = shards.get(file);
    if (!shard) shards.set(file, shard = await readShard(await open(beside(input, file, fail))));
    const tensor = shard.get(name);
    if (!tensor) throw fail(`${file} does not have ${name}`);
    tensors.set(name, tensor);
  }
  return tensors;
}

function beside(input: SourceInput, file: string, fail: (why: string) => SyntaxError): SourceInput {
  if (input instanceof URL) return new URL(encodeURIComponent(file), input);
  if (typeof input !== "string") throw fail("its files are only found from a path or URL");
  return input.replace(/[^/\\]*$/, "") + file;
}

/** A file of `torch.save`: a dict of tensors, as `module.state_dict()` gives, or one under the key `state_dict`. */
async function readSaved(source: Source): Promise<Map<string, Tensor>> {
  const saved = await readTorchSave(source);
  const nested = saved instanceof PyDict ? saved.get("state_dict") : undefined;
  const dict = nested instanceof PyDict ? nested : saved;
  const fail = (why: string): SyntaxError => new SyntaxError(`Cannot read ${source.name} as a state dict: ${why}`);
  if (!(dict instanceof PyDict)) throw fail("it is not a dict of tensors");
  const tensors = new Map<string, Tensor>();
  const storages = new Map();
  for (const [name, value] of dict) {
    if (typeof name !== "string") throw fail("a key is not a string");
    if (!(value instanceof TorchTensor)) throw fail(`${name} is not a tensor`);
    tensors.set(name, await toTensor(value, storages));
  }
  return tensors;
}
