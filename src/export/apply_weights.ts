/** Puts other weights into a model, by their state_dict names. */
import { type ExportedProgram, isLiteral } from "../fx/mod.ts";
import { OptionError } from "../ir/mod.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type DType, isFloat, isInt, Tensor } from "../tensor/mod.ts";
import type { ONNXProgram } from "./onnx_program.ts";

/** What `applyWeights` found. */
export interface AppliedWeights {
  /** Names of the state_dict that were not given: those weights stay as they are. */
  readonly missing: readonly string[];
}

/**
 * Replaces weights of the model, and of the program that verification runs.
 *
 * @throws {OptionError} with every name that is unexpected, of another dtype or shape, or given differently for tied weights
 */
export function applyTensors(program: ONNXProgram, given: ReadonlyMap<string, Tensor>): AppliedWeights {
  const { exportedProgram, lowered, model } = program;
  const owners = new Map<string, string>();
  for (const [name, names] of lowered.ties) for (const one of names) owners.set(one, name);
  const problems: string[] = [];
  const chosen = new Map<string, { name: string; tensor: Tensor }>();
  for (const [name, own] of given) {
    const old = exportedProgram.stateDict.get(name) ?? exportedProgram.constants.get(name);
    if (!old) {
      problems.push(`${name} is not a weight of the program`);
      continue;
    }
    if (isLiteral(name)) {
      problems.push(`${name} is a tensor that the code makes, not a weight`);
      continue;
    }
    const tensor = asFloats(own, old.dtype) ?? own;
    if (old.dtype !== tensor.dtype || old.shape.join() !== tensor.shape.join()) {
      problems.push(`${name} is ${textOf(tensor)}, but the program has ${textOf(old)}`);
      continue;
    }
    const owner = owners.get(name) ?? name;
    const before = chosen.get(owner);
    if (before && !isSame(before.tensor, tensor)) {
      problems.push(`${name} and ${before.name} are one weight, but are given as two`);
    } else chosen.set(owner, { name, tensor });
  }
  if (problems.length > 0) throw doNotFit("program", problems);
  const initializers = new Map([...model.graph.initializers].map((value): [string, OnnxValue] => [value.name, value]));
  for (const [owner, { tensor }] of chosen) {
    const value = initializers.get(owner);
    if (value) value.initializer = tensor;
  }
  const tensorOf = (name: string, old: Tensor): Tensor => chosen.get(owners.get(name) ?? name)?.tensor ?? old;
  const change = <P extends ExportedProgram>(one: P): P => ({
    ...one,
    stateDict: new Map([...one.stateDict].map(([name, old]) => [name, tensorOf(name, old)])),
    constants: new Map([...one.constants].map(([name, old]) => [name, tensorOf(name, old)])),
  });
  program.exportedProgram = change(program.exportedProgram);
  program.functionalProgram = change(program.functionalProgram);
  return { missing: [...exportedProgram.stateDict.keys()].filter((name) => !chosen.has(owners.get(name) ?? name)) };
}

/**
 * Whole numbers as floats, where each is one exactly: JavaScript does not tell 42 from 42.0. Null where they are not, and for
 * tensors that are no whole numbers in memory.
 */
function asFloats(tensor: Tensor, dtype: DType): Tensor | null {
  if (!isInt(tensor.dtype) || !isFloat(dtype) || !tensor.isLoaded) return null;
  const values = tensor.toArray();
  const made = Tensor.of(dtype, tensor.shape, values.map(Number));
  return made.toArray().every((value, i) =>
      BigInt(Math.trunc(Number(value))) === BigInt(values[i]) && Number.isInteger(Number(value))
    )
    ? made
    : null;
}

/** The error that has all that is wrong with given weights. */
export function doNotFit(what: "program" | "model", problems: readonly string[]): OptionError {
  return new OptionError(`The weights do not fit the ${what}:\n${problems.map((line) => `  ${line}`).join("\n")}`);
}

/** Dtype and shape of a tensor, for messages. */
export function textOf({ dtype, shape }: Tensor): string {
  return `${dtype}[${shape.join(", ")}]`;
}

/** Whether two tensors are known to be the same without reading them. */
export function isSame(a: Tensor, b: Tensor): boolean {
  return a === b || a.storage === b.storage && a.offset === b.offset && a.dtype === b.dtype &&
      a.shape.join() === b.shape.join() && a.strides.join() === b.strides.join();
}
