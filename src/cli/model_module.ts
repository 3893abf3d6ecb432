/**
 * Models written in TypeScript, for the command: a file whose default export is the model, or an object with the model, its
 * example arguments and what `export` may be told. The file is run: it is the user's own code, as no archive ever is.
 */
import { isModel, type ModelInput } from "../export/export.ts";
import type { ExportOptions } from "../export/options.ts";
import { OptionError } from "../ir/mod.ts";

/** What a file gives. */
export interface ModelModule {
  readonly model: ModelInput;
  readonly args: readonly unknown[];
  readonly options: ExportOptions;
}

/**
 * Runs a file and takes the model that it gives.
 *
 * @throws {OptionError} when its default export is no model
 */
export async function loadModelModule(path: string): Promise<ModelModule> {
  const { toFileUrl } = await import("@std/path");
  const url = /^[a-z][a-z0-9+.-]+:\/\//i.test(path) ? path : toFileUrl(await Deno.realPath(path)).href;
  const module = await import(url) as Record<string, unknown>;
  const { default: given, ...named } = module;
  if (given === undefined) {
    throw new OptionError(`${path} has no default export`, { hint: "Export the model: export default new MyModel()" });
  }
  if (isModel(given)) return { model: given, ...parts(named) };
  if (typeof given === "object" && given !== null && "model" in given && isModel(given.model)) {
    const { model, ...rest } = given;
    return { model, ...parts(rest as Record<string, unknown>) };
  }
  throw new OptionError(`The default export of ${path} is not a model`, {
    hint: "Export a module, a function of tensors, or { model, args, dynamicShapes, … }",
  });
}

/** Example arguments and options among what a file exports. */
function parts({ args = [], ...rest }: Record<string, unknown>): Omit<ModelModule, "model"> {
  if (!Array.isArray(args)) throw new OptionError("The export args must be an array of the model's example arguments");
  const options: Record<string, unknown> = {};
  for (const name of OPTIONS) if (name in rest) options[name] = rest[name];
  return { args, options: options as ExportOptions };
}

/** Options that belong to a model rather than to a run of the command. */
const OPTIONS = [
  "kwargs",
  "dynamicShapes",
  "dynamicAxes",
  "inputNames",
  "outputNames",
  "opsetVersion",
  "customTranslationTable",
] as const satisfies readonly (keyof ExportOptions)[];
