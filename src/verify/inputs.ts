/**
 * The inputs a program is verified with: the archive's samples, a file, or generated ones; and the same at other sizes.
 * Everything is decided by counters, so that two runs, on any machine, use the same inputs.
 */
import type { ExportedProgram, FxValue, InputSpec } from "../fx/mod.ts";
import { openSource, type SourceInput } from "../io/open.ts";
import { readSafetensors } from "../io/safetensors.ts";
import { VerificationError } from "../ir/mod.ts";
import { isSym } from "../sym/mod.ts";
import {
  type Data,
  type DType,
  elementCount,
  isBigData,
  isComplex,
  isFloat,
  isInt,
  newData,
  Tensor,
  toReal,
} from "../tensor/mod.ts";
import { safetensorsTensor } from "../tensor/safetensors.ts";
import { Bindings } from "./bindings.ts";
import type { IntBound } from "./bounds.ts";
import { inputSizes, type ReferenceValue } from "./reference.ts";

/** One set of inputs, one value per user input of the signature. */
export interface InputCase {
  /** For reports: `sample`, `s18=3`, a file's name. */
  readonly label: string;
  readonly values: readonly ReferenceValue[];
}

/** Elements that one generated input may have. */
const MAX_ELEMENTS = 2 ** 28;
/** Integers that nothing is known of are drawn from 0 to this, exclusive. */
const SMALL = 10;

/** The tensors of a `.safetensors` file, loaded. */
export async function readTensors(input: SourceInput): Promise<Map<string, Tensor>> {
  const source = await openSource(input);
  try {
    const tensors = new Map<string, Tensor>();
    for (const [name, entry] of (await readSafetensors(source)).tensors) {
      tensors.set(name, await safetensorsTensor(source.name, name, entry).load());
    }
    return tensors;
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof RangeError)) throw error;
    throw new VerificationError(error.message, {}, { cause: error });
  } finally {
    if (source !== input) source.close?.();
  }
}

/** The user inputs of a program, those included that are constants. */
export function userInputs(program: Pick<ExportedProgram, "signature">): InputSpec[] {
  return program.signature.inputSpecs.filter((spec) => spec.kind === "USER_INPUT");
}

/** Whether a user input is given at run time: constants are part of the program. */
export function isFed(spec: InputSpec): boolean {
  return spec.value.meta.kind !== "constant";
}

/**
 * Input sets of a file: `input_0`, `input_1`, … in the order of the model's inputs, or the inputs by their names, and a
 * second set with `alt_` before each name where the file has one. Complex inputs may be given as pairs of reals.
 *
 * @param names further names of each fed input, in order, for instance those in the ONNX model
 * @throws {VerificationError} when an input is missing or does not fit
 */
export function casesOfFile(
  program: ExportedProgram,
  tensors: ReadonlyMap<string, Tensor>,
  file: string,
  names: readonly string[] = [],
): InputCase[] {
  const specs = userInputs(program);
  const cases: InputCase[] = [];
  for (const prefix of ["", "alt_"]) {
    let fed = 0;
    let given = 0;
    const missing: string[] = [];
    const values = specs.map((spec): ReferenceValue => {
      if (!isFed(spec)) return null;
      const name = names[fed];
      const keys = [`input_${fed++}`, spec.value.name, ...(name === undefined ? [] : [name])].map((key) =>
        prefix + key
      );
      const key = keys.find((k) => tensors.has(k));
      if (key === undefined) {
        missing.push(keys.join(" or "));
        return null;
      }
      given++;
      return fit(spec.value, tensors.get(key)!, `${key} of ${file}`);
    });
    if (prefix !== "" && given === 0) continue;
    if (missing.length > 0) throw new VerificationError(`${file} has no tensor ${missing[0]}`);
    cases.push({ label: prefix === "" ? file : `${file} (alt)`, values });
  }
  return cases;
}

/** A tensor of a file as the input takes it. */
function fit({ meta, name }: FxValue, tensor: Tensor, from: string): ReferenceValue {
  if (meta.kind === "sym") {
    if (tensor.numel !== 1) {
      throw new VerificationError(`Input ${name} is a single number, but ${from} has ${tensor.numel}`);
    }
    const value = tensor.item();
    return meta.type === "int" ? BigInt(value) : meta.type === "bool" ? Boolean(value) : Number(value);
  }
  if (meta.kind !== "tensor") return null;
  const isPair = isComplex(meta.dtype) && tensor.dtype === toReal(meta.dtype) &&
    tensor.shape.length === meta.shape.length + 1 && tensor.shape.at(-1) === 2;
  return isPair ? new Tensor(meta.dtype, tensor.shape.slice(0, -1), tensor.contiguous().storage) : tensor;
}

/** The symbols' values that a set of inputs has. @throws {VerificationError} when the inputs don't fit the program */
export function bindingsOf(program: ExportedProgram, values: readonly ReferenceValue[]): Bindings {
  const bindings = new Bindings();
  try {
    const specs = userInputs(program);
    if (values.length !== specs.length) {
      throw new RangeError(`The program takes ${specs.length} inputs, met ${values.length}`);
    }
    bindings.bindAll(specs.flatMap(({ value }, i) => inputSizes(value, values[i])));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new VerificationError(error.message, { hint: "Give inputs that fit the program" }, { cause: error });
  }
  return bindings;
}

/**
 * Inputs at the sizes of `bindings`.
 *
 * @param samples values to repeat cyclically; null generates all
 * @throws {VerificationError} when an input can't be generated
 */
export function inputsAt(
  program: ExportedProgram,
  bindings: Bindings,
  bounds: ReadonlyMap<FxValue, IntBound>,
  samples: readonly ReferenceValue[] | null,
): ReferenceValue[] {
  return userInputs(program).map(({ value }, i): ReferenceValue => {
    const { meta, name } = value;
    if (meta.kind === "constant") return null;
    if (meta.kind === "sym") {
      if (isSym(meta.expr) && meta.expr.kind !== "bool") return bindings.value(meta.expr, meta.type);
      return samples?.[i] ?? (isSym(meta.expr) ? true : bindings.value(meta.expr, meta.type));
    }
    if (meta.kind !== "tensor") throw new VerificationError(`Input ${name} is an object, which can't be generated`);
    const shape = meta.shape.map((dim) => bindings.size(dim));
    const bound = limit(bounds.get(value), bindings);
    const sample = samples?.[i];
    if (sample instanceof Tensor && sample.numel > 0) return repeat(sample, shape, bound);
    if (elementCount(shape) > MAX_ELEMENTS) {
      throw new VerificationError(`Input ${name} would have ${elementCount(shape)} elements`, {
        hint: "Give inputs in a .safetensors file",
      });
    }
    return generate(meta.dtype, shape, i, bound);
  });
}

interface Limit {
  readonly min: number;
  readonly below: number;
  readonly isIndex: boolean;
}

/** The bound at given sizes; sizes that are not known yet don't count. */
function limit(bound: IntBound | undefined, bindings: Bindings): Limit | null {
  if (!bound) return null;
  let below = Infinity;
  for (const dim of bound.below) {
    if (!isSym(dim) || bindings.knows(dim)) below = Math.min(below, bindings.size(dim));
  }
  return { min: bound.min, below, isIndex: bound.isIndex };
}

/** The sample's values repeated along each dim; those that no longer fit their bound wrap around. */
function repeat(sample: Tensor, shape: readonly number[], limit: Limit | null): Tensor {
  const from = sample.data();
  const width = isComplex(sample.dtype) ? 2 : 1;
  const out = newData(sample.dtype, elementCount(shape) * width);
  const index = new Array<number>(shape.length).fill(0);
  for (let i = 0; i < out.length; i += width) {
    let at = 0;
    for (let d = 0; d < shape.length; d++) at = at * sample.shape[d] + index[d] % sample.shape[d];
    for (let k = 0; k < width; k++) out[i + k] = from[width * at + k];
    for (let d = shape.length - 1; d >= 0 && ++index[d] === shape[d]; d--) index[d] = 0;
  }
  if (limit && limit.below > limit.min && limit.below < Infinity) wrap(out, limit);
  return Tensor.of(sample.dtype, shape, out);
}

function wrap(data: Data, { min, below }: Limit): void {
  for (let i = 0; i < data.length; i++) {
    const value = Number(data[i]);
    if (value < below) continue;
    const wrapped = min + (value - min) % (below - min);
    data[i] = isBigData(data) ? BigInt(wrapped) : wrapped;
  }
}

/** Values of an input: floats in [-1, 1), bools, integers within their bound. */
function generate(dtype: DType, shape: readonly number[], stream: number, limit: Limit | null): Tensor {
  const count = elementCount(shape);
  const out = newData(dtype, isComplex(dtype) ? 2 * count : count);
  if (isInt(dtype)) {
    const min = limit?.min ?? 0;
    const span = Math.max(1, Math.min(limit?.below ?? Infinity, limit?.isIndex ? Infinity : min + SMALL) - min);
    const next = limit?.isIndex && Number.isFinite(span)
      ? distinct(span, stream)
      : (i: number): number => Math.floor(uniform(stream, i) * (Number.isFinite(span) ? span : SMALL));
    const top = dtype === "int8" ? 127 : dtype === "uint8" ? 255 : Infinity;
    for (let i = 0; i < count; i++) {
      const value = Math.min(top, min + next(i));
      out[i] = isBigData(out) ? BigInt(value) : value;
    }
  } else if (dtype === "bool") {
    for (let i = 0; i < count; i++) out[i] = uniform(stream, i) < 0.5 ? 0 : 1;
  } else if (isFloat(dtype) || isComplex(dtype)) {
    // The scale format of microscaling has only powers of two.
    for (let i = 0; i < out.length; i++) {
      const u = uniform(stream, i);
      out[i] = dtype === "float8_e8m0fnu" ? 2 ** Math.floor(4 * u - 2) : 2 * u - 1;
    }
  }
  return Tensor.of(dtype, shape, out);
}

/** Indices below `span`, which repeat only after all were given. */
function distinct(span: number, stream: number): (i: number) => number {
  let step = Math.max(1, Math.round(span * 0.618));
  while (gcd(step, span) !== 1) step++;
  const start = Math.floor(uniform(stream, 0) * span);
  return (i) => Number((BigInt(start) + BigInt(i) * BigInt(step)) % BigInt(span));
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** A number in [0, 1) that depends on its two counters only (the finalizer of MurmurHash3). */
export function uniform(stream: number, index: number): number {
  let h = Math.imul(index + 1, 0x9e3779b1) ^ Math.imul(stream + 1, 0x85ebca77);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32;
}
