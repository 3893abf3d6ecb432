/**
 * Weights and constants of archives since torch 2.9: an index in JSON, and a raw file per storage that nothing reads here.
 * Tensors that share a file share one `Storage`: tied weights stay tied.
 */
import type { ByteRange } from "../io/source.ts";
import { elementCount, itemsize, Storage, Tensor } from "../tensor/mod.ts";
import type { DType } from "../tensor/mod.ts";
import type { Archive } from "./archive.ts";
import { type Field, quote } from "./fields.ts";
import { readDevice, readDType, readLayout } from "./metas.ts";
import { listNames, pickledTensor } from "./pickled.ts";

/** Tensors by name, and the names of what is no tensor. */
export interface Weights {
  readonly tensors: Map<string, Tensor>;
  readonly objects: Set<string>;
}

/** A plain file name: nothing that leaves the folder. */
const FILE_NAME = /^[A-Za-z0-9_.-]{1,200}$/;

/** Reads one index and the places of the files that it names. */
export async function readWeights(
  archive: Archive,
  folder: "data/weights/" | "data/constants/",
  indexName: string,
  warnings: string[],
): Promise<Weights> {
  const index = await archive.readJson(folder + indexName);
  const reader = new WeightReader(archive, folder, await archive.isLittleEndian());
  const result: Weights = { tensors: new Map(), objects: new Set() };
  for (const [name, payload] of index.get("config").entries()) {
    const tensor = await reader.read(name, payload);
    if (tensor) result.tensors.set(name, tensor);
    else result.objects.add(name);
  }
  if (reader.missing.length > 0) {
    warnings.push(`The archive does not include the values of weights: ${listNames(reader.missing)}`);
  }
  return result;
}

class WeightReader {
  /** Names of the tensors whose values the archive lacks. */
  readonly missing: string[] = [];
  private readonly archive: Archive;
  private readonly folder: string;
  private readonly littleEndian: boolean;
  private readonly storages: Map<string, Storage> = new Map();
  private readonly ranges: Map<string, ByteRange> = new Map();

  constructor(archive: Archive, folder: string, littleEndian: boolean) {
    this.archive = archive;
    this.folder = folder;
    this.littleEndian = littleEndian;
  }

  /** The tensor of an index entry, or null for an object. */
  async read(name: string, payload: Field): Promise<Tensor | null> {
    const file = payload.get("path_name").string();
    if (!FILE_NAME.test(file) || /^\.+$/.test(file)) {
      return payload.get("path_name").fail(`${quote(file)} is not a plain file name`);
    }
    const path = this.folder + file;
    if (this.archive.find(path) === null) return payload.get("path_name").fail(`entry ${path} is missing`);
    const meta = payload.find("tensor_meta");
    if (meta === null) return null;
    if (payload.get("use_pickle").bool()) {
      return await pickledTensor(this.archive, path) ??
        payload.fail(
          `weight ${quote(name)} is stored as a pickled object (a tensor subclass), which is not executed; ` +
            "replace it by a plain tensor before torch.export.save",
        );
    }
    return await this.readRaw(name, path, meta);
  }

  private async readRaw(name: string, path: string, meta: Field): Promise<Tensor> {
    const dtype = readDType(meta.get("dtype"));
    if (readLayout(meta.get("layout")) !== "strided") meta.get("layout").fail("only strided tensors are supported");
    const numbers = (key: string): number[] => meta.get(key).list().map((f) => staticInt(f));
    const shape = numbers("sizes"), strides = numbers("strides"), offset = staticInt(meta.get("storage_offset"));
    const { type: device } = readDevice(meta.get("device"));
    const range = await this.range(path);
    if (range.length % itemsize(dtype) !== 0) {
      meta.fail(`${path} has ${range.length} bytes, which is no multiple of the ${itemsize(dtype)} of ${dtype}`);
    }
    const isEmpty = shape.includes(0);
    if (range.length === 0 && !isEmpty) {
      this.missing.push(name);
      return makeTensor(
        meta,
        dtype,
        shape,
        Storage.missing(neededBytes(dtype, shape, strides, offset)),
        strides,
        offset,
      );
    }
    // Unrelated empty tensors share one empty file: they are not tied.
    const storage = isEmpty ? Storage.lazy(range, this.littleEndian) : this.storage(path, range);
    const hint = device === "cpu" ? "" : `; the tensor lay on ${device} when saved: save it from the CPU`;
    return makeTensor(meta, dtype, shape, storage, strides, offset, hint);
  }

  private async range(path: string): Promise<ByteRange> {
    let range = this.ranges.get(path);
    if (range === undefined) {
      range = await this.archive.open(path);
      this.ranges.set(path, range);
    }
    return range;
  }

  private storage(path: string, range: ByteRange): Storage {
    let storage = this.storages.get(path);
    if (storage === undefined) {
      storage = Storage.lazy(range, this.littleEndian);
      this.storages.set(path, storage);
    }
    return storage;
  }
}

/** The constructor checks that the elements lie inside the storage. */
function makeTensor(
  field: Field,
  dtype: DType,
  shape: readonly number[],
  storage: Storage,
  strides: readonly number[],
  offset: number,
  hint = "",
): Tensor {
  try {
    return new Tensor(dtype, shape, storage, strides, offset);
  } catch (error) {
    if (error instanceof RangeError) return field.fail(error.message + hint, error);
    throw error;
  }
}

/** Weights have plain sizes. */
function staticInt(field: Field): number {
  const [key, value] = field.union();
  return key === "as_int" ? value.size() : field.fail("the size of a weight must be a number");
}

function neededBytes(dtype: DType, shape: readonly number[], strides: readonly number[], offset: number): number {
  const last = shape.reduce((sum, n, i) => sum + (n - 1) * (strides[i] ?? 0), offset);
  const bytes = (last + 1) * itemsize(dtype);
  return Number.isSafeInteger(bytes) && Number.isSafeInteger(elementCount(shape)) ? bytes : 0;
}

/** Refuses a name that stands for two tensors. */
export function checkDistinct(archive: Archive, stateDict: Weights, constants: Weights): void {
  for (const name of constants.tensors.keys()) {
    if (stateDict.tensors.has(name)) {
      archive.fail(`Cannot read the weights: ${quote(name)} is both a weight and a constant`);
    }
  }
}

/** Weights may be so many times as large as the archive, which views of the same bytes are, and so many bytes larger. */
const MAX_GROWTH = { factor: 4, bytes: 2 ** 30 } as const;

/** Refuses weights that repeat the archive's bytes without measure: a stride of 0 makes terabytes of four bytes. */
export function checkTotal(archive: Archive, tensors: readonly Tensor[]): void {
  const views: Map<Storage, Set<string>> = new Map();
  let total = 0;
  for (const { storage, dtype, shape, strides, offset, byteLength } of tensors) {
    if (storage.range === null) continue;
    const seen = views.get(storage) ?? new Set();
    views.set(storage, seen);
    const view = `${dtype} ${shape} ${strides} ${offset}`;
    if (seen.has(view)) continue;
    seen.add(view);
    total += byteLength;
  }
  const limit = MAX_GROWTH.factor * archive.zip.source.size + MAX_GROWTH.bytes;
  if (total > limit) {
    archive.fail(
      `Cannot read the weights: they are ${total} bytes, but the archive has ${archive.zip.source.size}`,
      "Call contiguous() on expanded tensors before torch.export.save if they are meant to be so large",
    );
  }
}
