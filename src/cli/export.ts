/** `fx2onnx export`: archives, and models written in TypeScript, to ONNX. */
import "./export_modules.ts";
import { type ExportOptions, OPSETS } from "../export/options.ts";
import { exportProgram, type ModelInput } from "../export/export.ts";
import type { ONNXProgram } from "../export/onnx_program.ts";
import type { OnnxValue } from "../onnx/model.ts";
import {
  type Command,
  COMMON,
  defineCommand,
  type Flag,
  type Flags,
  Misuse,
  optional,
  QUIET,
  toleranceOf,
} from "./args.ts";
import { API_FLAGS, apiOptions } from "./export_flags.ts";
import { EP_FLAG, EXTERNAL_DATA_FLAG, MODEL_FLAG, TABLE_FLAG, tableOf, TOLERANCE_FLAGS } from "./shared_flags.ts";
import type { ModelModule } from "./model_module.ts";
import { formatBytes, formatTime, paint, StepView } from "./terminal.ts";

/** Files that hold a model as a program. */
const MODULE = /\.[cm]?[jt]sx?$/;

const FLAGS = [
  { name: "output", alias: "o", value: "FILE", about: "where the model goes (one input)" },
  { name: "out-dir", value: "DIR", about: "folder for the models" },
  MODEL_FLAG,
  { name: "input-names", value: "a,b", about: "names of the inputs, in order" },
  { name: "output-names", value: "a,b", about: "names of the outputs, in order" },
  {
    name: "opset",
    alias: "opset-version",
    value: "N",
    about: `ONNX opset, ${OPSETS.first} to ${OPSETS.last}`,
    default: `${OPSETS.default}`,
  },
  EXTERNAL_DATA_FLAG,
  { name: "dim", value: "SYMBOL=NAME", about: "names a symbolic dim", repeatable: true },
  {
    name: "state",
    value: "M",
    allowed: ["outputs", "inputs", "drop"],
    about: "what becomes of buffers that the program mutates",
    default: "outputs",
  },
  {
    name: "source-map",
    value: "M",
    allowed: ["embed", "relative", "none"],
    about: "how source positions are kept",
    default: "relative",
  },
  {
    name: "target",
    value: "T",
    allowed: ["generic", "webgpu"],
    about: "what the model is to run on",
    default: "generic",
  },
  {
    name: "strict-nan",
    about: "keeps a NaN in maxima, minima and max pools as PyTorch does, at the price of more nodes",
  },
  { name: "allow-downcast", about: "computes in float32, with a warning, what would be refused in float64" },
  TABLE_FLAG,
  ...API_FLAGS,
  { name: "no-optimize", about: "leaves out the optimization passes" },
  { name: "check", about: "reads and checks all weights' bytes first" },
  { name: "verify", about: "runs the model and compares it with the reference" },
  EP_FLAG,
  ...TOLERANCE_FLAGS,
  ...COMMON,
  QUIET,
] as const satisfies readonly Flag[];

type ExportFlags = Flags<typeof FLAGS[number]>;

interface Outcome {
  readonly input: string;
  readonly output: string;
  readonly ms: number;
  readonly program: ONNXProgram | null;
  readonly error: unknown;
}

async function run(flags: ExportFlags): Promise<number> {
  const inputs = flags.positionals;
  const outputs = await outputsOf(inputs, flags);
  const options = { ...optionsOf(flags), ...await tableOf(flags.text("custom-translation-table")) };
  const json = flags.flag("json");
  const verbose = flags.flag("verbose");
  const quiet = flags.flag("quiet") || (json && !verbose);
  if (flags.text("out-dir") !== undefined) await Deno.mkdir(flags.text("out-dir")!, { recursive: true });

  const outcomes: Outcome[] = [];
  for (const [i, input] of inputs.entries()) {
    const outcome = await exportOne(input, outputs[i], options, { quiet, verbose, several: inputs.length > 1 });
    outcomes.push(outcome);
    if (json) await printOutcome(outcome);
    else if (inputs.length === 1 && !flags.flag("quiet")) await describe(outcome, verbose);
    await outcome.program?.release();
  }
  if (inputs.length > 1 && !json && !flags.flag("quiet")) summarize(outcomes);
  return outcomes.every(succeeded) ? 0 : 1;
}

function succeeded({ error, program }: Outcome): boolean {
  return error === null && program?.verification?.passed !== false;
}

async function exportOne(
  input: string,
  output: string,
  options: ExportOptions,
  { quiet, verbose, several }: { readonly quiet: boolean; readonly verbose: boolean; readonly several: boolean },
): Promise<Outcome> {
  const view = new StepView(quiet);
  const start = performance.now();
  if (several && !quiet) console.error(paint(input, "bold"));
  const { onStep, onProgress, onWarning } = view;
  try {
    const { model, args, options: own } = await modelOf(input);
    const program = await exportProgram(model, args, output, { ...own, ...options, onStep, onProgress, onWarning });
    return { input, output, ms: performance.now() - start, program, error: null };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    await view.close();
    const { showError } = await import("./errors.ts");
    showError(error, { verbose, input });
    return { input, output, ms: performance.now() - start, program: null, error };
  } finally {
    await view.close();
  }
}

/** What an input is: an archive as it is, or what a program in TypeScript gives. */
async function modelOf(input: string): Promise<Pick<ModelModule, "args" | "options"> & { model: string | ModelInput }> {
  if (!MODULE.test(input)) return { model: input, args: [], options: {} };
  const { loadModelModule } = await import("./model_module.ts");
  return await loadModelModule(input);
}

/** Where each input's model goes. */
async function outputsOf(inputs: readonly string[], flags: ExportFlags): Promise<string[]> {
  const [file, folder] = [flags.text("output"), flags.text("out-dir")];
  if (file !== undefined && folder !== undefined) throw new Misuse("Options --output and --out-dir exclude each other");
  if (file !== undefined) {
    if (inputs.length > 1) throw new Misuse("Option --output is for one input: use --out-dir for several");
    return [file];
  }
  // Loaded only where it is needed: over node:path, it would make every start a tenth slower.
  const { basename, dirname, join } = await import("@std/path");
  const outputs = inputs.map((input) =>
    join(folder ?? dirname(input), `${basename(input).replace(/\.pt2$/, "").replace(MODULE, "")}.onnx`)
  );
  const twice = outputs.find((o, i) => outputs.indexOf(o) !== i);
  if (twice !== undefined) throw new Misuse(`Several inputs would be written to ${twice}`);
  return outputs;
}

function optionsOf(flags: ExportFlags): ExportOptions {
  const dims: Record<string, string> = {};
  for (const pair of flags.all("dim")) {
    const match = /^([^=]+)=(.+)$/.exec(pair);
    if (!match) throw new Misuse(`Option --dim must be SYMBOL=NAME, met ${pair}`);
    if (Object.hasOwn(dims, match[1])) throw new Misuse(`Option --dim names ${match[1]} twice`);
    dims[match[1]] = match[2];
  }
  const opset = flags.number("opset");
  return {
    ...optional("model", flags.text("model")),
    ...optional("inputNames", flags.list("input-names")),
    ...optional("outputNames", flags.list("output-names")),
    ...optional("opsetVersion", opset),
    ...optional("externalData", flags.oneOf("external-data")),
    ...optional("state", flags.oneOf("state")),
    ...optional("sourceMap", flags.oneOf("source-map")),
    ...optional("target", flags.oneOf("target")),
    ...optional("ep", flags.oneOf("ep")),
    ...apiOptions(flags),
    ...(flags.flag("quiet") ? { verbose: false } : flags.flag("verbose") ? { verbose: true } : {}),
    ...optional("rtol", toleranceOf("rtol", flags.list("rtol"))),
    ...optional("atol", toleranceOf("atol", flags.list("atol"))),
    dims,
    strictNan: flags.flag("strict-nan"),
    allowDowncast: flags.flag("allow-downcast"),
    optimize: !flags.flag("no-optimize"),
    check: flags.flag("check"),
    verify: flags.flag("verify"),
  };
}

/** One line of `--json`. */
async function printOutcome({ input, output, program, error }: Outcome): Promise<void> {
  const { printJson, printJsonError } = await import("./json.ts");
  if (!program) return printJsonError(input, error);
  const { artifacts, verification } = program;
  printJson({ input, output, status: verification?.passed === false ? "mismatch" : "ok" }, {
    ...(artifacts.length > 0 ? { artifacts } : {}),
    ...(verification ? { verification } : {}),
  });
}

/** What was done, for one input. */
async function describe({ program, output, ms }: Outcome, verbose: boolean): Promise<void> {
  if (!program) return;
  const { model, written, verification } = program;
  const files = (written?.files ?? []).map(String).join(" and ");
  const size = formatBytes((written?.bytes ?? 0) + (written?.dataBytes ?? 0));
  console.log(
    `${files || output}: ${
      [...model.allNodes()].length
    } nodes, ${model.graph.initializers.size} initializers, opset ${model.opset}, ` +
      `${size} in ${formatTime(ms)}`,
  );
  const shape = (v: OnnxValue): string =>
    `${v.name} ${v.meta?.dtype}[${
      v.meta?.shape.map((d, axis) => typeof d === "number" ? d : program.dimName(d, v, axis)).join(", ")
    }]`;
  console.log(`  inputs: ${program.lowered.inputs.map(({ value }) => shape(value)).join(", ")}`);
  console.log(`  outputs: ${program.lowered.outputs.map(({ value }) => shape(value)).join(", ")}`);
  if (written && written.inPlace > 0) console.log(`  ${written.inPlace} weights stay in the archive`);
  if (verbose) {
    const counts = new Map<string, number>();
    for (const node of model.graph.nodes()) counts.set(node.opType, (counts.get(node.opType) ?? 0) + 1);
    console.log(`  operators: ${[...counts].sort().map(([op, n]) => `${op} ${n}`).join(", ")}`);
  }
  if (verification) await printVerification(verification);
  for (const path of program.artifacts) console.log(`  written: ${path}`);
  if (verification?.passed === false && !program.artifacts.some((path) => path.endsWith(".html"))) {
    console.log("  Repeat it with --report for a report of the differences, the program and the model");
  }
}

/** The comparison, output by output, and all that was noted. */
export async function printVerification(report: NonNullable<ONNXProgram["verification"]>): Promise<void> {
  const { formatReport } = await import("../verify/mod.ts");
  for (const line of formatReport(report)) console.log(`  ${line}`);
}

/** The table after several inputs. */
function summarize(outcomes: readonly Outcome[]): void {
  const width = Math.max(...outcomes.map((o) => o.input.length));
  for (const outcome of outcomes) {
    const { input, ms, error, program } = outcome;
    const first = error instanceof Error ? error.message.split("\n")[0] : "";
    const text = error === null
      ? succeeded(outcome) ? program!.written?.files.map(String).join(", ") ?? "" : "verification failed"
      : first;
    console.log(`${succeeded(outcome) ? "✅" : "❌"} ${input.padEnd(width)}  ${formatTime(ms).padStart(9)}  ${text}`);
  }
  const failed = outcomes.filter((o) => !succeeded(o)).length;
  console.log(`${outcomes.length - failed} exported, ${failed} failed`);
}

/** The command. */
export const command: Command = defineCommand({
  name: "export",
  synopsis: "MODEL.pt2|MODEL.ts [MORE …] [-o FILE | --out-dir DIR] [options]",
  about: "Writes FILE, or DIR/<stem>.onnx for each input; without -o and --out-dir, <stem>.onnx beside the input",
  operands: { what: "input", min: 1, max: Infinity, files: ["pt2", "ts"] },
  flags: FLAGS,
  examples: [
    ["model.pt2 -o model.onnx --verify", "one model, compared with the reference"],
    ["a.pt2 b.pt2 --out-dir models", "several: all are tried"],
    ["model.pt2 --dim s18=batch_size", "another name for a symbolic dim"],
    [`model.pt2 --dynamic-shapes '{"x": {"0": "batch"}}'`, "the same, by the names of the inputs"],
    ["model.ts --verify", "a model written in TypeScript: the file's default export"],
    ["big.pt2 --external-data in-place", "copies no weights"],
  ],
  run,
});
