/** Gives a written model other weights, by the names of its initializers. */
import { isLiteral } from "../fx/mod.ts";
import type { SourceInput } from "../io/open.ts";
import { OptionError } from "../ir/mod.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { openModelFile } from "../onnx/model_file.ts";
import { type ReplaceOptions, writeReplaced } from "../onnx/replace_weights.ts";
import type { OutputFile, WriteReport } from "../onnx/write_model.ts";
import type { Tensor } from "../tensor/mod.ts";
import { type AppliedWeights, doNotFit, isSame, textOf } from "./apply_weights.ts";
import { openStateDict, type StateDict } from "../pt2/state_dict.ts";

/** What PyTorch's exporter and this one note of each weight. */
const KIND = "pkg.torch.export.graph_signature.InputSpec.kind";
const PERSISTENT = "pkg.torch.export.graph_signature.InputSpec.persistent";

/** How a model with other weights is written. */
export interface ReplaceWeightsOptions<F extends OutputFile> extends ReplaceOptions<F> {
  /** Told what was found before anything is written; what it throws ends the work. */
  readonly onMatched?: (found: AppliedWeights) => void;
}

/**
 * Writes a model with other weights. What the state_dict doesn't have stays as it is.
 *
 * @throws {OptionError} with every name that is unexpected, or whose dtype or shape is another
 * @throws {ArchiveError} when the model or the weights are damaged
 */
export async function replaceWeights<F extends OutputFile>(
  model: SourceInput,
  stateDict: StateDict,
  destination: string | URL,
  { onMatched, ...options }: ReplaceWeightsOptions<F>,
): Promise<AppliedWeights & { readonly replaced: number; readonly written: WriteReport }> {
  const file = await openModelFile(model);
  try {
    const { tensors, sources } = await openStateDict(stateDict);
    try {
      const weights = weightsOf([...file.model.graph.initializers]);
      const replaced = match(weights, tensors);
      const missing = [...weights].filter(([, value]) => isSaved(value) && !replaced.has(value)).map(([name]) => name);
      onMatched?.({ missing });
      const written = await writeReplaced(file, replaced, destination, options);
      return { missing, replaced: replaced.size, written };
    } finally {
      for (const source of sources) source.close?.();
    }
  } finally {
    file.close();
  }
}

/** The initializers that are weights, where the model says which are; else all. */
function weightsOf(initializers: readonly OnnxValue[]): Map<string, OnnxValue> {
  const told = initializers.filter((value) => value.metadata.has(KIND));
  const weights = (told.length > 0 ? told : initializers).filter(({ name }) => !isLiteral(name));
  return new Map(weights.map((value) => [value.name, value]));
}

/** Whether a state_dict has a weight. */
function isSaved({ metadata }: OnnxValue): boolean {
  return metadata.get(KIND) !== "CONSTANT_TENSOR" && metadata.get(PERSISTENT) !== "False";
}

function match(
  weights: ReadonlyMap<string, OnnxValue>,
  given: ReadonlyMap<string, Tensor>,
): Map<OnnxValue, Tensor> {
  const problems: string[] = [];
  const replaced = new Map<OnnxValue, Tensor>();
  for (const [name, tensor] of given) {
    const value = weights.get(name);
    const old = value?.initializer;
    if (!value || !old) {
      // Tied weights have several names, of which the model has one.
      const isTied = [...given].some(([other, same]) => weights.has(other) && isSame(same, tensor));
      if (!isTied) problems.push(`${name} is not a weight of the model`);
    } else if (old.dtype !== tensor.dtype || old.shape.join() !== tensor.shape.join()) {
      problems.push(`${name} is ${textOf(tensor)}, but the model has ${textOf(old)}`);
    } else replaced.set(value, tensor);
  }
  if (problems.length > 0) throw doNotFit("model", problems);
  if (replaced.size === 0) throw new OptionError("No weight is given");
  return replaced;
}
