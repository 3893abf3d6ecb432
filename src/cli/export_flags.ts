/** Flags of `export` that stand for options of PyTorch's exporter: names of dims, what is saved, artifacts, deprecated ones. */
import type { DynamicAxes, DynamicShapes, ExportOptions } from "../export/options.ts";
import { type Flag, type Flags, Misuse, optional } from "./args.ts";

const BOOLEANS = ["true", "false"] as const;

/** The flags. */
export const API_FLAGS = [
  {
    name: "dynamic-shapes",
    value: "JSON",
    about: 'names of dims in the tree of the inputs: \'{"x": {"0": "batch"}}\', or an array in their order',
  },
  {
    name: "dynamic-axes",
    value: "JSON",
    about: 'names of dims by names that --input-names and --output-names give: \'{"x": {"0": "batch"}, "y": [0]}\'',
  },
  { name: "no-export-params", about: "leaves the weights out of the model" },
  { name: "keep-initializers-as-inputs", about: "makes each weight an input of the model too" },
  { name: "report", about: "writes what was done, program, model and how they compare, as .md and as .html" },
  { name: "profile", about: "measures steps and operators, and writes a trace for https://ui.perfetto.dev" },
  { name: "dump-exported-program", about: "writes the program, as .pt2 and as text, to the folder of artifacts" },
  { name: "artifacts-dir", value: "DIR", about: "folder of what is written beside the model", default: "." },
  { name: "no-dynamo", about: "asks for the TorchScript exporter, which a program never takes" },
  {
    name: "fallback",
    about: "tries the TorchScript exporter after a failure; there is none yet, which the error says",
  },
  {
    name: "export-modules-as-functions",
    value: "A,B",
    about: "classes of modules that become functions of the model, or all (deprecated)",
  },
  {
    name: "training",
    value: "M",
    allowed: ["eval", "preserve", "training"],
    about: "a program keeps its own mode (deprecated)",
  },
  {
    name: "operator-export-type",
    value: "T",
    allowed: ["onnx", "onnx-aten", "onnx-aten-fallback", "onnx-fallthrough"],
    about: "onnx is all that is written (deprecated)",
  },
  { name: "do-constant-folding", value: "B", allowed: BOOLEANS, about: "has no effect (deprecated)" },
  { name: "autograd-inlining", value: "B", allowed: BOOLEANS, about: "has no effect (deprecated)" },
  {
    name: "custom-opsets",
    value: "DOMAIN=N",
    about: "version of a domain of custom operators (deprecated)",
    repeatable: true,
  },
] as const satisfies readonly Flag[];

/** The options that the flags stand for. @throws {Misuse} for a value that can't be understood */
export function apiOptions(flags: Flags<typeof API_FLAGS[number]>): ExportOptions {
  const modules = flags.list("export-modules-as-functions");
  const folding = flags.oneOf("do-constant-folding");
  const inlining = flags.oneOf("autograd-inlining");
  const training = flags.oneOf("training")?.toUpperCase() as ExportOptions["training"];
  const exportType = flags.oneOf("operator-export-type")?.toUpperCase().replaceAll("-", "_");
  return {
    ...optional("dynamicShapes", json<DynamicShapes>("dynamic-shapes", flags.text("dynamic-shapes"))),
    ...optional("dynamicAxes", json<DynamicAxes>("dynamic-axes", flags.text("dynamic-axes"))),
    ...optional("artifactsDir", flags.text("artifacts-dir")),
    ...optional("exportModulesAsFunctions", modules?.join() === "all" ? true : modules && new Set(modules)),
    ...optional("training", training),
    ...optional("operatorExportType", exportType as ExportOptions["operatorExportType"]),
    ...optional("doConstantFolding", folding && folding === "true"),
    ...optional("autogradInlining", inlining && inlining === "true"),
    ...optional("customOpsets", opsets(flags.all("custom-opsets"))),
    exportParams: !flags.flag("no-export-params"),
    keepInitializersAsInputs: flags.flag("keep-initializers-as-inputs"),
    report: flags.flag("report"),
    profile: flags.flag("profile"),
    dumpExportedProgram: flags.flag("dump-exported-program"),
    dynamo: !flags.flag("no-dynamo"),
    fallback: flags.flag("fallback"),
  };
}

function json<T>(name: string, text: string | undefined): T | undefined {
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Misuse(`Option --${name} must be JSON: ${error instanceof Error ? error.message : error}`);
  }
  if (typeof value !== "object") throw new Misuse(`Option --${name} must be a JSON object or array, met ${text}`);
  return value as T;
}

function opsets(pairs: readonly string[]): Record<string, number> | undefined {
  if (pairs.length === 0) return undefined;
  return Object.fromEntries(pairs.map((pair) => {
    const match = /^([^=]+)=(\d+)$/.exec(pair);
    if (!match) throw new Misuse(`Option --custom-opsets must be DOMAIN=VERSION, met ${pair}`);
    return [match[1], Number(match[2])];
  }));
}
