/**
 * Reads `torch.save` files: a zip with a pickle that describes the values and one entry per storage. The pickle is read by
 * the restricted unpickler; a static table turns the calls that PyTorch itself writes into tensors and containers, and
 * everything else stays an inert record. A file that names functions which act on the machine is refused.
 */
import { type PickleLimits, unpickle } from "../io/pickle.ts";
import {
  Global,
  Persistent,
  type PickleValue,
  PyDict,
  type PyDictType,
  PyFloat,
  PyList,
  PySet,
  PyTuple,
  Reduced,
} from "../io/pickle_values.ts";
import type { ByteRange, Source } from "../io/source.ts";
import { readZipDirectory, type Zip } from "../io/zip.ts";
import { type DType, itemsize } from "../tensor/dtype.ts";
import { globalDType, storageDType } from "./dtypes.ts";
import { type Context, rebuildTensor } from "./tensors.ts";
import { Opaque, PyComplex, TorchDevice, TorchDType, TorchStorage, type TorchValue } from "./values.ts";

/** How to read a `torch.save` file. */
export interface TorchSaveOptions {
  /**
   * Whether entries that are read whole must match their checksum, by default true. A recorded checksum of zero is never
   * compared: PyTorch can be told not to compute them.
   */
  readonly crc?: boolean;
  /** Limits of the pickle. */
  readonly limits?: PickleLimits;
}

/**
 * Reads what `torch.save` wrote, since PyTorch 1.6. Tensors are returned as references into the source: no element is
 * read (compressed storages excepted, which PyTorch does not write).
 *
 * @throws {SyntaxError} if the file is damaged or inconsistent
 * @throws {RangeError} if it exceeds a limit
 *
 * @example
 * ```ts
 * import { openFile } from "../io/file.ts";
 * import { PyDict } from "../io/pickle_values.ts";
 * import { TorchTensor } from "./values.ts";
 *
 * using file = await openFile("tests/torch_save/fixtures/values.pt");
 * const state = await readTorchSave(file);
 * if (state instanceof PyDict) {
 *   for (const [name, value] of state) if (value instanceof TorchTensor) console.log(name, value.shape);
 * }
 * ```
 */
export async function readTorchSave(source: Source, options: TorchSaveOptions = {}): Promise<TorchValue> {
  const { crc = true, limits } = options;
  const zip = await openZip(source);
  const root = rootOf(zip);
  const fail = (why: string): SyntaxError => new SyntaxError(`Cannot read ${source.name} as a torch.save file: ${why}`);
  const pickle = await readEntry(zip, `${root}/data.pkl`, crc);
  if (pickle === undefined) throw fail("it has no entry data.pkl");
  const order = await readEntry(zip, `${root}/byteorder`, crc);
  const byteorder = order === undefined ? "little" : new TextDecoder().decode(order);
  if (byteorder !== "little" && byteorder !== "big") throw fail(`its byte order is ${JSON.stringify(byteorder)}`);

  // Where a storage lies is known only after its header is read, which takes a promise; the pickle is read without.
  const ids = new Map<string, StorageId>();
  const tree = unpickle(pickle, {
    name: `data.pkl of ${source.name}`,
    ...(limits && { limits }),
    persistentLoad: (id) => storageId(id, ids, fail),
  });
  const storages = new Map<StorageId, TorchStorage>();
  for (const id of ids.values()) {
    const range = await storageRange(zip, root, id, crc, fail);
    storages.set(id, new TorchStorage({ ...id, range, littleEndian: byteorder === "little" }));
  }
  return new Converter(storages, fail).convert(tree);
}

/** Opens the zip; files of older PyTorch get an explanation. */
async function openZip(source: Source): Promise<Zip> {
  try {
    return await readZipDirectory(source);
  } catch (error) {
    const start = await source.read(0, Math.min(2, source.size));
    if (start[0] === 0x80 && start[1] === 2) {
      throw new SyntaxError(
        `Cannot read ${source.name}: it is a pickle, not a zip archive. If torch.save wrote it before PyTorch 1.6, load and ` +
          "save it again with a newer one",
        { cause: error },
      );
    }
    throw error;
  }
}

/** The one folder that holds everything. */
function rootOf(zip: Zip): string {
  const first: string = zip.entries.keys().next().value ?? "";
  const slash = first.indexOf("/");
  if (slash <= 0) throw new SyntaxError(`Cannot read ${zip.source.name} as a torch.save file: it has no root folder`);
  return first.slice(0, slash);
}

async function readEntry(zip: Zip, name: string, crc: boolean): Promise<Uint8Array | undefined> {
  const entry = zip.entries.get(name);
  return entry && await zip.read(entry, { checkCrc: crc && entry.crc32 !== 0 });
}

/** What a persistent id says. */
interface StorageId {
  readonly key: string;
  readonly type: string;
  readonly dtype: DType | null;
  readonly device: string;
  /** Bytes, or undefined where the element type is not supported. */
  readonly length: number | undefined;
}

function storageId(id: PickleValue, known: Map<string, StorageId>, fail: (why: string) => SyntaxError): StorageId {
  const [kind, type, key, device, numel] = id instanceof PyTuple ? id.items : [];
  if (
    kind !== "storage" || !(type instanceof Global) || typeof key !== "string" || typeof device !== "string" ||
    typeof numel !== "number" || numel < 0
  ) throw fail("a storage is not described as PyTorch does");
  if (!/^[A-Za-z0-9_.-]{1,100}$/.test(key)) throw fail(`a storage has the name ${JSON.stringify(key.slice(0, 100))}`);
  const dtype = storageDType(type.toString());
  const length = dtype === undefined ? undefined : numel * (dtype === null ? 1 : itemsize(dtype));
  const result = { key, type: type.toString(), dtype: dtype ?? null, device, length };
  const before = known.get(key);
  if (before === undefined) {
    known.set(key, result);
    return result;
  }
  if (before.type !== result.type || before.length !== result.length) {
    throw fail(`storage ${key} is described in two ways`);
  }
  return before;
}

async function storageRange(
  zip: Zip,
  root: string,
  id: StorageId,
  crc: boolean,
  fail: (why: string) => SyntaxError,
): Promise<ByteRange> {
  const entry = zip.entries.get(`${root}/data/${id.key}`);
  if (entry === undefined) throw fail(`storage ${id.key} is missing`);
  const length = id.length ?? entry.size;
  if (entry.size < length) throw fail(`storage ${id.key} has ${entry.size} bytes instead of ${length}`);
  const range = await zip.open(entry, { checkCrc: crc && entry.crc32 !== 0 });
  return { ...range, length };
}

const DICTS: ReadonlyMap<string, PyDictType> = new Map<string, PyDictType>([
  ["builtins.dict", "dict"],
  ["collections.OrderedDict", "collections.OrderedDict"],
  ["collections.defaultdict", "collections.defaultdict"],
]);

/** Turns unpickled records into values, each record once. Depth and cycles were checked by the unpickler. */
class Converter implements Context {
  readonly #storages: ReadonlyMap<StorageId, TorchStorage>;
  readonly #done = new Map<PickleValue, TorchValue>();
  readonly error: (why: string) => SyntaxError;

  constructor(storages: ReadonlyMap<StorageId, TorchStorage>, error: (why: string) => SyntaxError) {
    this.#storages = storages;
    this.error = error;
  }

  nameOf(value: PickleValue): string | undefined {
    if (!(value instanceof Global)) return undefined;
    const name = `${MODULES.get(value.module) ?? value.module}.${value.name}`;
    // A dotted name may reach a module through another one.
    if (runsCode(name) || value.name.includes(".") && runsCode(value.name)) {
      throw this.error(`it names ${name}, which no data needs: nothing was executed, but do not trust the file`);
    }
    return name;
  }

  convert(value: PickleValue): TorchValue {
    if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
    const known = this.#done.get(value);
    if (known !== undefined) return known;
    const result = this.#convertObject(value);
    this.#done.set(value, result);
    return result;
  }

  #convertObject(value: Exclude<PickleValue, null | boolean | number | bigint | string | Uint8Array>): TorchValue {
    if (value instanceof PyFloat) return value;
    if (value instanceof PyTuple) return new PyTuple(this.#all(value.items));
    if (value instanceof PyList) return new PyList(this.#all(value.items));
    if (value instanceof PySet) return new PySet(this.#all(value.items), value.frozen);
    if (value instanceof PyDict) return this.#dict(value, "dict");
    if (value instanceof Persistent) return this.#storages.get(value.value as StorageId)!;
    if (value instanceof Global) {
      this.nameOf(value);
      const dtype = globalDType(value.toString());
      return dtype === undefined ? value : new TorchDType(dtype);
    }
    return rebuildTensor(value, this) ?? this.#known(value) ?? this.#opaque(value);
  }

  #all(values: readonly PickleValue[]): TorchValue[] {
    return values.map((value) => this.convert(value));
  }

  #dict(dict: PyDict<PickleValue>, type: PyDictType, first: Iterable<readonly [TorchValue, TorchValue]> = []): PyDict<
    TorchValue
  > {
    const result = new PyDict<TorchValue>(first, type);
    for (const [key, value] of dict) result.set(this.convert(key), this.convert(value));
    return result;
  }

  /** Plain values and containers that pickles write as calls. */
  #known(call: Reduced): TorchValue | undefined {
    const name = this.nameOf(call.callable);
    if (name === undefined || call.kwargs !== undefined) return undefined;
    const args = this.#all(call.args.items);
    const dictType = DICTS.get(name);
    if (dictType !== undefined) return this.#knownDict(call, dictType, args);
    const [first, second] = args;
    const items = args.length === 0 ? [] : itemsOf(first);
    if (name === "collections.deque") return items && new PyList([...items, ...this.#all(call.items)], name);
    if (call.states.length > 0 || call.items.length > 0 || call.dict.size > 0) return undefined;
    switch (name) {
      case "builtins.list":
        return items && new PyList([...items]);
      case "builtins.tuple":
      case "torch.Size":
        return items && new PyTuple(items);
      case "builtins.set":
      case "builtins.frozenset":
        return items && new PySet([...items], name === "builtins.frozenset");
      case "builtins.bytes":
        return args.length === 0 ? new Uint8Array() : undefined;
      case "builtins.complex":
        return first instanceof PyFloat && second instanceof PyFloat
          ? new PyComplex(first.value, second.value)
          : undefined;
      case "_codecs.encode":
        return typeof first === "string" && second === "latin1" ? this.#latin1(first) : undefined;
      case "torch.device":
        if (typeof first !== "string") return undefined;
        return new TorchDevice(typeof second === "number" ? `${first}:${second}` : first);
      case "torch.serialization._get_layout":
        return typeof first === "string" ? new Global("torch", first.replace(/^torch\./, "")) : undefined;
    }
    return undefined;
  }

  /** State dicts have their modules' versions as a state (`_metadata`): it is dropped. */
  #knownDict(call: Reduced, type: PyDictType, args: readonly TorchValue[]): PyDict<TorchValue> | undefined {
    const given = type === "collections.defaultdict" ? args.slice(1) : args;
    const [pairs = new PyTuple<TorchValue>([])] = given;
    if (given.length > 1) return undefined;
    if (pairs instanceof PyDict) return this.#dict(call.dict, type, pairs);
    const first = itemsOf(pairs)?.map((pair) => itemsOf(pair) ?? []);
    if (first === undefined || !first.every(isPair)) return undefined;
    return this.#dict(call.dict, type, first);
  }

  /** Protocol 2 writes bytes as a text of characters up to 255. */
  #latin1(text: string): Uint8Array {
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 255) throw this.error("bytes are written as characters above 255");
      bytes[i] = code;
    }
    return bytes;
  }

  #opaque(call: Reduced): Opaque {
    return new Opaque({
      type: this.nameOf(call.callable) ?? "the result of a call",
      args: this.#all(call.args.items),
      kwargs: call.kwargs === undefined ? undefined : this.convert(call.kwargs),
      isNew: call.isNew,
      items: this.#all(call.items),
      dict: this.#dict(call.dict, "dict"),
      states: this.#all(call.states),
    });
  }
}

/** Python 2's module names, which protocol 2 writes. */
const MODULES: ReadonlyMap<string, string> = new Map([["__builtin__", "builtins"], ["copy_reg", "copyreg"]]);

/** Python's modules and functions that act on the machine or run code. Unknown classes are no threat: nothing is called. */
const ACTING: ReadonlySet<string> = new Set(
  `os posix nt sys subprocess pty shutil socket ctypes _ctypes signal importlib imp runpy pkgutil code codeop pdb bdb timeit
  profile cProfile trace marshal pickle _pickle webbrowser urllib http ftplib smtplib multiprocessing threading _thread asyncio
  torch.load torch.hub torch.jit.load torch.utils.cpp_extension builtins.eval builtins.exec builtins.compile builtins.open
  builtins.input builtins.breakpoint builtins.__import__`.split(/\s+/),
);

function runsCode(name: string): boolean {
  const parts = name.split(".");
  return parts.some((_, i) => ACTING.has(parts.slice(0, i + 1).join(".")));
}

/** The items of a container, undefined for anything else. */
function itemsOf(value: TorchValue | undefined): readonly TorchValue[] | undefined {
  return value instanceof PyTuple || value instanceof PyList || value instanceof PySet ? value.items : undefined;
}

function isPair(items: readonly TorchValue[]): items is readonly [TorchValue, TorchValue] {
  return items.length === 2;
}
