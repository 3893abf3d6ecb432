/**
 * Writes example inputs as `torch.save` does, in an archive of its own: the pair of arguments and keyword arguments as a
 * pickle of plain containers, numbers and tensors, which `torch.load` reads with `weights_only`.
 */
import type { SampleInput, TreeSpec } from "../fx/mod.ts";
import { dictKeys } from "../fx/tree.ts";
import { MemorySink } from "../io/sink.ts";
import { ZipWriter } from "../io/zip_writer.ts";
import { contiguousStrides, Tensor } from "../tensor/mod.ts";
import { storageClass } from "../torch_save/dtypes.ts";

/**
 * The bytes of a file with example inputs.
 *
 * @param samples leaves, in the order of the specification of `(args, kwargs)`
 * @returns null where they can't be written: their tree has classes of its own, or a tensor has no values
 */
export async function writeSamples(samples: readonly SampleInput[], spec: TreeSpec): Promise<Uint8Array | null> {
  if (!isPlain(spec) || samples.some(isFake)) return null;
  const tensors: Tensor[] = [];
  for (const sample of samples) if (sample instanceof Tensor) tensors.push((await sample.load()).contiguous());
  const sink = new MemorySink();
  const zip = new ZipWriter(sink);
  const text = async (name: string, content: string): Promise<void> => {
    await zip.add(`archive/${name}`, new TextEncoder().encode(content));
  };
  await zip.add("archive/data.pkl", new Pickle().write(spec, samples));
  await text("byteorder", "little");
  for (const [i, tensor] of tensors.entries()) await zip.add(`archive/data/${i}`, tensor.bytes());
  await text("version", "3\n");
  await zip.finish();
  return sink.bytes();
}

const CONTAINERS: ReadonlySet<string> = new Set(["tuple", "list", "dict"].map((name) => `builtins.${name}`));
const ORDERED_DICT = "collections.OrderedDict";

function isPlain({ type, children }: TreeSpec): boolean {
  return type === null || (CONTAINERS.has(type) || type === ORDERED_DICT) && children.every(isPlain);
}

function isFake(sample: SampleInput): boolean {
  return sample instanceof Tensor && sample.isMissing;
}

/** A pickle of protocol 2. Opcodes are written as the letters that they are. */
class Pickle {
  private readonly parts: Uint8Array[] = [];
  private storages = 0;

  /** A tree of samples. */
  write(spec: TreeSpec, samples: readonly SampleInput[]): Uint8Array {
    this.bytes(0x80, 2);
    this.tree(spec, samples.values());
    this.op(".");
    const pickle = new Uint8Array(this.parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of this.parts) {
      pickle.set(part, at);
      at += part.length;
    }
    return pickle;
  }

  private tree(spec: TreeSpec, leaves: Iterator<SampleInput>): void {
    const { type, children } = spec;
    if (type === null) {
      const { value } = leaves.next();
      if (value instanceof Tensor) this.tensor(value);
      else this.plain(value);
      return;
    }
    if (type === "builtins.tuple") return this.tuple(() => children.forEach((child) => this.tree(child, leaves)));
    if (type === "builtins.list") {
      this.op("](");
      for (const child of children) this.tree(child, leaves);
      return this.op("e");
    }
    if (type === ORDERED_DICT) this.orderedDict();
    else this.op("}");
    this.op("(");
    for (const [i, key] of dictKeys(spec).entries()) {
      // Integers in JSON are keys that are ints.
      this.plain(typeof key === "number" && Number.isInteger(key) ? BigInt(key) : key);
      this.tree(children[i], leaves);
    }
    this.op("u");
  }

  /** A call of the function that rebuilds tensors, over a storage of its own. */
  private tensor({ dtype, shape, numel, byteLength }: Tensor): void {
    const storage = storageClass(dtype);
    this.global("torch._utils", storage === null ? "_rebuild_tensor_v3" : "_rebuild_tensor_v2");
    this.tuple(() => {
      this.tuple(() => {
        this.plain("storage");
        if (storage === null) this.global("torch.storage", "UntypedStorage");
        else this.global("torch", storage);
        this.plain(String(this.storages++));
        this.plain("cpu");
        this.plain(BigInt(storage === null ? byteLength : numel));
      });
      this.op("Q");
      this.plain(0n);
      for (const sizes of [shape, contiguousStrides(shape) as number[]]) {
        this.tuple(() => sizes.forEach((size) => this.plain(BigInt(size))));
      }
      this.plain(false);
      this.orderedDict();
      if (storage === null) this.global("torch", dtype);
    });
    this.op("R");
  }

  private orderedDict(): void {
    this.global("collections", "OrderedDict");
    this.op(")R");
  }

  private tuple(items: () => void): void {
    this.op("(");
    items();
    this.op("t");
  }

  private global(module: string, name: string): void {
    this.op(`c${module}\n${name}\n`);
  }

  private plain(value: unknown): void {
    if (value === null || value === undefined) this.op("N");
    else if (typeof value === "boolean") this.bytes(value ? 0x88 : 0x89);
    else if (typeof value === "bigint") this.int(value);
    else if (typeof value === "number") {
      this.op("G");
      this.view(8, (view) => view.setFloat64(0, value));
    } else {
      const text = new TextEncoder().encode(String(value));
      this.op("X");
      this.view(4, (view) => view.setUint32(0, text.length, true));
      this.parts.push(text);
    }
  }

  /** An int as the fewest little-endian bytes of its two's complement. */
  private int(value: bigint): void {
    const bytes: number[] = [];
    for (let rest = value, last = false; !last; rest >>= 8n) {
      const byte = Number(BigInt.asUintN(8, rest));
      bytes.push(byte);
      last = rest >> 8n === (byte < 128 ? 0n : -1n);
    }
    this.bytes(0x8a, bytes.length, ...bytes);
  }

  private view(length: number, set: (view: DataView) => void): void {
    const bytes = new Uint8Array(length);
    set(new DataView(bytes.buffer));
    this.parts.push(bytes);
  }

  private op(letters: string): void {
    this.parts.push(new TextEncoder().encode(letters));
  }

  private bytes(...values: number[]): void {
    this.parts.push(new Uint8Array(values));
  }
}
