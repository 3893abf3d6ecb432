/**
 * Example inputs: the arguments that the program was captured with, flattened in the order of the signature. They are a
 * convenience: where they can't be used there are none, and a warning says why. A damaged or hostile file is an error.
 */
import type { ExportedProgram, SampleInput, TreeSpec } from "../fx/mod.ts";
import { dictKeys, fieldNames } from "../fx/tree.ts";
import { isSym } from "../sym/mod.ts";
import { Tensor } from "../tensor/mod.ts";
import { Opaque, PyDict, PyFloat, PyList, PyTuple, TorchTensor, type TorchValue } from "../torch_save/mod.ts";
import { type Archive } from "./archive.ts";
import { readPickled, type Storages, toTensor } from "./pickled.ts";

/** Bytes of all sample inputs. */
const MAX_BYTES = 2 ** 31;

/** What of a program the samples are checked against. */
export type SampleTarget = Pick<ExportedProgram, "signature" | "moduleCallGraph">;

/**
 * Reads the example inputs.
 *
 * @throws {SyntaxError} when they can't be used
 * @throws {ArchiveError} when they can't be read
 */
export async function readSamples(archive: Archive, entry: string, target: SampleTarget): Promise<SampleInput[]> {
  const value = await readPickled(archive, entry);
  if (!(value instanceof PyTuple) || value.items.length !== 2) {
    throw new SyntaxError("they are not a pair of arguments and keyword arguments");
  }
  const leaves: TorchValue[] = [];
  flatten(target.moduleCallGraph[0].signature!.inSpec, value, leaves);
  const specs = target.signature.inputSpecs.filter((spec) => spec.kind === "USER_INPUT");
  if (leaves.length !== specs.length) {
    throw new SyntaxError(`${leaves.length} values are given for ${specs.length} inputs`);
  }
  const storages: Storages = new Map();
  const samples: SampleInput[] = [];
  for (const [i, leaf] of leaves.entries()) {
    const { name, meta } = specs[i].value;
    const sample = await toSample(leaf, storages);
    if (sample === undefined) throw new SyntaxError(`input ${name} is an object of a class that is not known here`);
    if ((sample instanceof Tensor) !== (meta?.kind === "tensor")) {
      throw new SyntaxError(`input ${name} is ${sample instanceof Tensor ? "a" : "no"} tensor`);
    }
    if (sample instanceof Tensor && meta?.kind === "tensor") {
      const fits = sample.dtype === meta.dtype && sample.shape.length === meta.shape.length &&
        meta.shape.every((dim, d) => isSym(dim) || dim === sample.shape[d]);
      if (!fits) throw new SyntaxError(`input ${name} has another dtype or shape than the graph's`);
    }
    samples.push(sample);
  }
  // They may be views of few bytes; whoever runs the program holds them in memory.
  const bytes = samples.reduce((sum: number, s) => sum + (s instanceof Tensor ? s.byteLength : 0), 0);
  if (bytes > MAX_BYTES) throw new SyntaxError(`they are ${bytes} bytes, which is too large`);
  return samples;
}

/** A value as a sample; undefined for what is neither a tensor nor a plain value. */
async function toSample(value: TorchValue, storages: Storages): Promise<SampleInput | undefined> {
  if (value instanceof TorchTensor) {
    if (value.fake) throw new SyntaxError("a tensor was saved without its values");
    return await toTensor(value, storages);
  }
  if (value instanceof PyFloat) return value.value;
  if (typeof value === "number") return BigInt(value);
  const isPlain = value === null || typeof value === "bigint" || typeof value === "boolean" ||
    typeof value === "string";
  return isPlain ? value : undefined;
}

/** Collects the leaves of a value in the order of its specification. */
function flatten(spec: TreeSpec, value: TorchValue, leaves: TorchValue[]): void {
  if (spec.type === null) {
    leaves.push(value);
    return;
  }
  const children = childrenOf(spec, value);
  if (children === null) throw new SyntaxError(`how a ${spec.type} is taken apart is not known here`);
  if (children.length !== spec.children.length) {
    throw new SyntaxError(`a ${spec.type} has ${children.length} parts instead of ${spec.children.length}`);
  }
  for (const [i, child] of children.entries()) flatten(spec.children[i], child, leaves);
}

function childrenOf(spec: TreeSpec, value: TorchValue): readonly TorchValue[] | null {
  if (value instanceof PyTuple || value instanceof PyList) return value.items;
  if (value instanceof PyDict) {
    return dictKeys(spec).map((key) => {
      const child = value.get(key as TorchValue);
      if (child === undefined) throw new SyntaxError(`a ${spec.type} lacks the key ${String(key).slice(0, 100)}`);
      return child;
    });
  }
  if (!(value instanceof Opaque) || !value.isNew) return null;
  if (spec.type === "collections.namedtuple") return value.args;
  return fieldsOf(spec, value);
}

/** The fields of a registered dataclass, which are the object's own. */
function fieldsOf(spec: TreeSpec, { states }: Opaque): readonly TorchValue[] | null {
  const [state] = states;
  const names = fieldNames(spec);
  if (states.length !== 1 || !(state instanceof PyDict) || names === null) return null;
  const fields = names.map((name) => typeof name === "string" ? state.get(name) : undefined);
  return fields.every((field) => field !== undefined) ? fields : null;
}
