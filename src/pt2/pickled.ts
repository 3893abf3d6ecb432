/**
 * What archives hold in `torch.save` files: sample inputs, weights before torch 2.9, tensor subclasses. The restricted
 * unpickler executes nothing; what it does not know stays an inert record.
 */
import { type ByteRange, rangeSource } from "../io/source.ts";
import { type Data, elementCount, isComplex, itemsize, Storage, Tensor } from "../tensor/mod.ts";
import { PyDict, readTorchSave, TorchTensor, type TorchValue } from "../torch_save/mod.ts";
import { type Archive, guarded } from "./archive.ts";
import { quote } from "./fields.ts";
import type { Weights } from "./weights.ts";

/** Reads an entry that is a `torch.save` file. */
export async function readPickled(archive: Archive, entry: string): Promise<TorchValue> {
  const source = rangeSource(await archive.open(entry), entry);
  return await guarded(archive.file, () => readTorchSave(source));
}

/** The tensor in an entry, or null when it holds something else. */
export async function pickledTensor(archive: Archive, entry: string): Promise<Tensor | null> {
  const value = await readPickled(archive, entry);
  return value instanceof TorchTensor ? await toTensor(value, new Map()) : null;
}

/** A dict of weights or constants. */
export async function readPickledWeights(archive: Archive, entry: string, warnings: string[]): Promise<Weights> {
  const dict = await readPickled(archive, entry);
  if (!(dict instanceof PyDict)) return archive.fail(`Cannot read ${entry}: expected a dict of tensors`);
  const result: Weights = { tensors: new Map(), objects: new Set() };
  const storages: Storages = new Map();
  const missing: string[] = [];
  for (const [name, value] of dict) {
    if (typeof name !== "string") return archive.fail(`Cannot read ${entry}: the name of a tensor is not a string`);
    if (value instanceof TorchTensor) {
      if (value.fake) missing.push(name);
      const tensor = await guarded(archive.file, () => toTensor(value, storages));
      result.tensors.set(name, tensor);
    } else {
      result.objects.add(name);
    }
  }
  if (missing.length > 0) warnings.push(`The archive does not include the values of weights: ${listNames(missing)}`);
  return result;
}

/** Bytes of a tensor that has to be computed with to be read. */
const MAX_NEGATED = 2 ** 30;

/** Storages by where they lie: tensors that share one have the same range object. */
export type Storages = Map<ByteRange, Storage>;

/** A tensor of a `torch.save` file. Its elements are read only where they are stored negated or conjugated. */
export async function toTensor(value: TorchTensor, storages: Storages): Promise<Tensor> {
  const { dtype, shape, strides, offset } = value;
  if (value.storage === null) {
    const last = shape.reduce((sum, n, i) => sum + (n - 1) * strides[i], offset);
    const bytes = elementCount(shape) === 0 ? 0 : (last + 1) * itemsize(dtype);
    return new Tensor(dtype, shape, Storage.missing(bytes), strides, offset);
  }
  let storage = storages.get(value.storage);
  if (storage === undefined) {
    storage = Storage.lazy(value.storage, value.littleEndian);
    storages.set(value.storage, storage);
  }
  const stored = new Tensor(dtype, shape, storage, strides, offset);
  if (!value.conj && !value.neg) return stored;
  if (stored.byteLength > MAX_NEGATED) {
    throw new RangeError(`Cannot read a negated or conjugated tensor of ${stored.byteLength} bytes: it is too large`);
  }
  const data = (await stored.load()).data().slice() as Data;
  negate(data, value.neg, value.conj && isComplex(dtype));
  return Tensor.of(dtype, shape, data);
}

/** Negates all parts, and the imaginary ones (again) for a conjugate. */
function negate(data: Data, all: boolean, imaginary: boolean): void {
  for (let i = 0; i < data.length; i++) {
    if (all !== (imaginary && i % 2 === 1)) data[i] = -data[i] as never;
  }
}

/** Names for a message. */
export function listNames(names: readonly string[]): string {
  const shown = names.slice(0, 10).map(quote).join(", ");
  return names.length > 10 ? `${shown} and ${names.length - 10} more` : shown;
}
