/** Programs without weights: made in fake mode, or saved from fake tensors. */
import type { ExportedProgram } from "../fx/mod.ts";
import { OptionError } from "../ir/mod.ts";
import { isInScope } from "../trace/context.ts";

/** Names of the weights that have no values. */
export function fakeWeights({ stateDict }: ExportedProgram): string[] {
  return [...stateDict].filter(([, tensor]) => tensor.isMissing).map(([name]) => name);
}

/**
 * Optimization sees the values of weights, so it waits for them.
 *
 * @throws {OptionError} in fake mode, or when weights of the program have no values
 */
export function refuseFake(program: ExportedProgram): void {
  const [first, ...more] = fakeWeights(program);
  if (first === undefined && !isInScope("fake")) return;
  const why = first === undefined
    ? "fake mode is enabled"
    : `${first}${more.length > 0 ? ` and ${more.length} more weights have` : " has"} no values`;
  throw new OptionError(`Cannot optimize the program: ${why}`, {
    hint:
      "Export with optimize: false (--no-optimize), and call optimize() on the result once applyWeights has given it " +
      "weights, outside fake mode",
  });
}
