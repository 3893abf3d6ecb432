/** Weights in files: what `torch.load` reads and `torch.save` writes, and NumPy's arrays. */
import { openSource, type SourceInput } from "../io/open.ts";
import type { Sink } from "../io/sink.ts";
import { Storage, Tensor as CoreTensor } from "../tensor/mod.ts";
import type { DType } from "../tensor/mod.ts";
import { TensorBase } from "./base.ts";
import { show } from "./overloads.ts";
import { Tensor } from "./tensor.ts";

/** How a file is read. */
export interface LoadOptions {
  /**
   * Whether the elements stay in the file until a tensor's `load()` is awaited, for files that are larger than what is needed of
   * them. Default: false, which reads everything.
   */
  readonly lazy?: boolean;
}

/** Where a file is written: a path, a `file:` URL, or a stream, which is closed at the end. */
export type Destination = string | URL | WritableStream<Uint8Array>;

/**
 * Reads a state dict: a `.safetensors` file, the index of a sharded one, or what `torch.save` wrote (`.pt`, `.pth`, `.bin`), which
 * is read without executing anything. https://docs.pytorch.org/docs/stable/generated/torch.load.html
 *
 * @param file a path, a URL, a Blob or bytes
 * @returns the tensors by name, in the file's order
 * @throws {SyntaxError} for a file that is damaged or of another kind
 *
 * @example
 * ```ts
 * import { nn, torch } from "@fx2onnx/fx2onnx/torch";
 *
 * const model = new nn.Linear(8, 8);
 * await torch.save(model.stateDict(), "linear.safetensors");
 * model.loadStateDict(await torch.load("linear.safetensors"));
 * ```
 */
export async function load(file: SourceInput, options: LoadOptions = {}): Promise<Map<string, Tensor>> {
  const { openStateDict } = await import("../pt2/state_dict.ts");
  const { tensors, sources } = await openStateDict(file);
  const loaded = new Map<string, Tensor>();
  if (options.lazy) {
    for (const [name, tensor] of tensors) loaded.set(name, new Tensor(tensor));
    return loaded;
  }
  try {
    const known = new Map<CoreTensor, Tensor>();
    for (const [name, tensor] of tensors) {
      // Names of one tensor stay names of one.
      if (!known.has(tensor)) known.set(tensor, new Tensor(await tensor.load()));
      loaded.set(name, known.get(tensor)!);
    }
  } finally {
    for (const source of sources) source.close?.();
  }
  return loaded;
}

/**
 * Writes tensors by name as safetensors, which PyTorch reads with `safetensors.torch.load_file`.
 * https://docs.pytorch.org/docs/stable/generated/torch.save.html
 *
 * @throws {TypeError} for a path that asks for another format, or values that are no tensors
 *
 * @example
 * ```ts
 * import { nn, torch } from "@fx2onnx/fx2onnx/torch";
 *
 * await torch.save(new nn.Linear(8, 8).stateDict(), "linear.safetensors");
 * ```
 */
export async function save(
  tensors: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>,
  destination: Destination,
): Promise<void> {
  const path = String(destination);
  if (!(destination instanceof WritableStream) && !/\.safetensors$/i.test(path)) {
    throw new TypeError(`Cannot save tensors to ${path}: they are written as safetensors, and the name must end so`);
  }
  const [{ writeSafetensors }, { safetensorsInput }] = await Promise.all([
    import("../io/safetensors.ts"),
    import("../tensor/safetensors.ts"),
  ]);
  const entries: Iterable<readonly [string, Tensor]> = tensors instanceof Map ? tensors : Object.entries(tensors);
  const inputs = new Map<string, Awaited<ReturnType<typeof safetensorsInput>>>();
  for (const [name, tensor] of entries) inputs.set(name, await safetensorsInput(name, coreOf(tensor, name)));
  await writeTo(destination, (sink) => writeSafetensors(sink, inputs));
}

/**
 * Reads an array of NumPy's: `numpy.save` writes such files.
 *
 * @param file a path, a URL, a Blob or bytes
 * @throws {SyntaxError} for a damaged file
 * @throws {TypeError} for elements that are not plain numbers
 */
export async function loadNpy(file: SourceInput): Promise<Tensor> {
  const { readNpy } = await import("../io/npy.ts");
  const source = await openSource(file);
  try {
    const { dtype, shape, fortranOrder, littleEndian, range } = await readNpy(source);
    const strides: number[] = [];
    for (const size of shape) {
      strides.push(strides.length === 0 ? 1 : strides.at(-1)! * shape[strides.length - 1] || size);
    }
    const storage = Storage.lazy(range, littleEndian);
    const tensor = fortranOrder
      ? new CoreTensor(dtype as DType, shape, storage, strides)
      : new CoreTensor(dtype as DType, shape, storage);
    return new Tensor(await tensor.load());
  } finally {
    if (source !== file) source.close?.();
  }
}

/** Writes a tensor as an array of NumPy's, which `numpy.load` reads. @throws {TypeError} for a dtype that NumPy lacks */
export async function saveNpy(tensor: Tensor, destination: Destination): Promise<void> {
  const { writeNpy } = await import("../io/npy.ts");
  const core = await coreOf(tensor, "the tensor").load();
  await writeTo(destination, (sink) => writeNpy(sink, core.dtype, core.shape, core.bytes()));
}

function coreOf(tensor: unknown, name: string): CoreTensor {
  if (!(tensor instanceof TensorBase)) throw new TypeError(`Cannot save ${name}: ${show(tensor)} is no tensor`);
  if (tensor.value instanceof CoreTensor) return tensor.value;
  throw new TypeError(`Cannot save ${name}: its values are not known while a program is captured`);
}

async function writeTo(destination: Destination, write: (sink: Sink) => Promise<void>): Promise<void> {
  if (!(destination instanceof WritableStream)) {
    const { createAtomic } = await import("../io/file.ts");
    await using file = await createAtomic(destination);
    await write(file);
    await file.commit();
    return;
  }
  const writer = destination.getWriter();
  try {
    let position = 0;
    await write({
      get position() {
        return position;
      },
      async write(bytes) {
        position += bytes.byteLength;
        await writer.write(bytes.slice());
      },
    });
    await writer.close();
  } catch (error) {
    await writer.abort(error);
    throw error;
  }
}
