/** Calls a model as its program is called: arguments and results are trees, as in Python. */
import { FxValue, type OutputSpec, tensorOf } from "../fx/mod.ts";
import { flattenArguments, unflatten } from "../fx/tree.ts";
import { OptionError } from "../ir/mod.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { concreteOf, isComplex, ofPairs, Tensor } from "../tensor/mod.ts";
import { bindingsOf } from "../verify/inputs.ts";
import type { ReferenceValue } from "../verify/reference.ts";
import { asTensor, isUserOutput } from "../verify/subject.ts";
import type { ONNXProgram } from "./onnx_program.ts";

/** Keyword arguments by name. */
export type Kwargs = Readonly<Record<string, unknown>>;

/**
 * The leaves of a call's arguments, one per user input.
 *
 * @throws {TypeError} naming the argument that does not fit
 * @throws {VerificationError} when a tensor has another dtype or shape than the program takes
 */
export function leavesOf(
  { exportedProgram }: Pick<ONNXProgram, "exportedProgram">,
  args: readonly unknown[],
  kwargs: Kwargs,
): ReferenceValue[] {
  const { inSpec } = exportedProgram.moduleCallGraph[0].signature!;
  const leaves = flattenArguments(inSpec, args, kwargs, exportedProgram).map((leaf) => concreteOf(leaf) ?? leaf);
  for (const leaf of leaves) {
    if (leaf instanceof Tensor || leaf === null || ["bigint", "number", "boolean", "string"].includes(typeof leaf)) {
      continue;
    }
    throw new TypeError(
      `An argument is ${typeof leaf === "object" ? "an object" : `of type ${typeof leaf}`}, not a tensor`,
    );
  }
  bindingsOf(exportedProgram, leaves as ReferenceValue[]);
  return leaves as ReferenceValue[];
}

/** The archive's samples, as leaves. @throws {OptionError} when there are none */
export async function sampleLeaves(program: ONNXProgram): Promise<ReferenceValue[]> {
  const samples = await program.exportedProgram.sampleInputs();
  if (!samples) throw new OptionError("The archive has no sample inputs", { hint: "Give arguments" });
  return [...samples];
}

/** What the model is fed for leaves: the user's inputs, and the initial values of state. */
export async function feedsOf(
  program: ONNXProgram,
  leaves: readonly ReferenceValue[],
): Promise<Map<OnnxValue, Tensor>> {
  const { functionalProgram, lowered } = program;
  const users = functionalProgram.signature.inputSpecs.filter((spec) => spec.kind === "USER_INPUT");
  const feeds = new Map<OnnxValue, Tensor>();
  for (const { spec, value } of lowered.inputs) {
    const at = users.indexOf(spec);
    const given = at >= 0 ? leaves[at] : tensorOf(functionalProgram, spec);
    const loaded = given instanceof Tensor ? await given.load() : given;
    feeds.set(value, asTensor(loaded, value.meta, `Input ${value.name}`));
  }
  return feeds;
}

/** The program's results of what the model gave. */
export function resultOf(program: ONNXProgram, results: ReadonlyMap<OnnxValue, Tensor>): unknown {
  const { exportedProgram, functionalProgram, lowered } = program;
  const values = new Map(lowered.outputs.map(({ spec, value }) => [spec, results.get(value)]));
  const leaves = functionalProgram.signature.outputSpecs.filter(isUserOutput).map((spec) =>
    leafOf(spec, values.get(spec))
  );
  return unflatten(exportedProgram.moduleCallGraph[0].signature!.outSpec, leaves, exportedProgram.namedTuples);
}

/** A result as the program gives it: a tensor, a number, None or a string. */
function leafOf({ arg }: OutputSpec, tensor: Tensor | undefined): unknown {
  if (!(arg instanceof FxValue)) return arg;
  if (arg.meta.kind === "constant") return arg.meta.value;
  if (!tensor) return null;
  if (arg.meta.kind === "tensor") return isComplex(arg.meta.dtype) ? ofPairs(tensor) : tensor;
  const item = tensor.item();
  if (arg.meta.kind === "sym" && arg.meta.type === "bool") return Boolean(item);
  return arg.meta.kind === "sym" && arg.meta.type === "int" ? BigInt(item) : Number(item);
}
