/** `fx2onnx export`: archives to models. */
import type { ExportOptions, ExternalData } from "../export/options.ts";
import { exportProgram } from "../export/export.ts";
import { ExportError, Fx2OnnxError } from "../ir/mod.ts";
import type { ONNXProgram } from "../export/onnx_program.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Flags, Misuse, parseFlags } from "./args.ts";
import { formatBytes, formatTime, paint, StepView } from "./terminal.ts";

const usage = `Usage: fx2onnx export MODEL.pt2 [MORE.pt2 …] [-o FILE | --out-dir DIR] [options]

Writes FILE, or DIR/<stem>.onnx for each input; without -o and --out-dir, <stem>.onnx beside the input

  -o, --output FILE        where the model goes (one input)
      --out-dir DIR        folder for the models
      --model NAME         which model of an archive that holds several
      --input-names a,b    names of the inputs, in order
      --output-names a,b   names of the outputs, in order
      --opset N            ONNX opset, 18 to 23 (default 21); also --opset-version
      --external-data M    auto, always, never or in-place (default auto)
      --dim s18=batch      names a symbolic dim (repeatable)
      --state M            mutated buffers: outputs, inputs or drop (default outputs)
      --source-map M       embed, relative or none (default relative)
      --target T           generic or webgpu (default generic)
      --custom-translation-table FILE
                           a module with translations of operators by name, which is run (see README)
      --no-optimize        leaves out the optimization passes
      --check              reads and checks all weights' bytes first
      --verify             runs the model and compares it with the reference
      --ep P               where to verify: auto, webgpu or wasm (default auto)
      --json               one line of JSON per input on stdout
      --verbose            more detail
      --quiet              only errors and warnings
`;

interface Outcome {
  readonly input: string;
  readonly output: string;
  readonly ms: number;
  readonly program: ONNXProgram | null;
  readonly error: unknown;
}

async function run(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, {
    boolean: ["verify", "quiet", "verbose", "json", "no-optimize", "check"],
    string: [
      "output",
      "out-dir",
      "model",
      "input-names",
      "output-names",
      "opset",
      "external-data",
      "state",
      "source-map",
      "target",
      "ep",
      "custom-translation-table",
    ],
    collect: ["dim"],
    alias: { output: "o", opset: "opset-version" },
  });
  const inputs = flags.positionals;
  const outputs = await outputsOf(inputs, flags);
  const options = { ...optionsOf(flags), ...await tableOf(flags) };
  const json = flags.flag("json");
  const quiet = flags.flag("quiet") || (json && !flags.flag("verbose"));
  if (flags.text("out-dir") !== undefined) await Deno.mkdir(flags.text("out-dir")!, { recursive: true });

  const outcomes: Outcome[] = [];
  for (const [i, input] of inputs.entries()) {
    const outcome = await exportOne(input, outputs[i], options, quiet, inputs.length > 1);
    outcomes.push(outcome);
    if (json) console.log(JSON.stringify(toJson(outcome)));
    else if (inputs.length === 1 && !flags.flag("quiet")) await describe(outcome, flags.flag("verbose"));
    outcome.program?.release();
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
  quiet: boolean,
  several: boolean,
): Promise<Outcome> {
  const view = new StepView(quiet);
  const start = performance.now();
  if (several && !quiet) console.error(paint(input, "bold"));
  const { onStep, onProgress, onWarning } = view;
  try {
    const program = await exportProgram(input, [], output, { ...options, onStep, onProgress, onWarning });
    return { input, output, ms: performance.now() - start, program, error: null };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    await view.close();
    const file = error instanceof Fx2OnnxError && error.location.file === undefined && !error.message.includes(input);
    console.error(`${paint("error:", "red")} ${file ? `${input}: ` : ""}${error.message}`);
    return { input, output, ms: performance.now() - start, program: null, error };
  } finally {
    await view.close();
  }
}

/** The user's own operators. Imported for the command's user only: it is code. */
export async function tableOf(flags: Flags): Promise<Pick<ExportOptions, "customTranslationTable">> {
  const file = flags.text("custom-translation-table");
  if (file === undefined) return {};
  const { importTable } = await import("./translation_table.ts");
  return { customTranslationTable: await importTable(file) };
}

/** Where each input's model goes. */
async function outputsOf(inputs: readonly string[], flags: Flags): Promise<string[]> {
  if (inputs.length === 0) throw new Misuse("No input is given");
  const [file, folder] = [flags.text("output"), flags.text("out-dir")];
  if (file !== undefined && folder !== undefined) throw new Misuse("Options --output and --out-dir exclude each other");
  if (file !== undefined) {
    if (inputs.length > 1) throw new Misuse("Option --output is for one input: use --out-dir for several");
    return [file];
  }
  // Loaded only where it is needed: over node:path, it would make every start a tenth slower.
  const { basename, dirname, join } = await import("@std/path");
  const outputs = inputs.map((input) =>
    join(folder ?? dirname(input), `${basename(input).replace(/\.pt2$/, "")}.onnx`)
  );
  const twice = outputs.find((o, i) => outputs.indexOf(o) !== i);
  if (twice !== undefined) throw new Misuse(`Several inputs would be written to ${twice}`);
  return outputs;
}

function optionsOf(flags: Flags): ExportOptions {
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
    ...optional("externalData", flags.oneOf<ExternalData>("external-data", ["auto", "always", "never", "in-place"])),
    ...optional("state", flags.oneOf("state", ["outputs", "inputs", "drop"])),
    ...optional("sourceMap", flags.oneOf("source-map", ["embed", "relative", "none"])),
    ...optional("target", flags.oneOf("target", ["generic", "webgpu"])),
    ...optional("ep", flags.oneOf("ep", ["auto", "webgpu", "wasm"])),
    dims,
    optimize: !flags.flag("no-optimize"),
    check: flags.flag("check"),
    verify: flags.flag("verify"),
  };
}

function optional<const K extends string, V>(name: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : { [name]: value } as { [P in K]?: V };
}

/** One line of `--json`. */
function toJson({ input, output, program, error }: Outcome): Record<string, unknown> {
  if (error === null) {
    const passed = program?.verification?.passed;
    const status = passed === false ? "mismatch" : "ok";
    return { input, output, status, ...(passed === undefined ? {} : { verification: program!.verification }) };
  }
  const located = error instanceof ExportError ? error.errors[0] : error;
  const { operator, node, module, source } = located instanceof Fx2OnnxError ? located.location : {};
  const message = error instanceof Error ? error.message : String(error);
  return { input, output: null, status: "error", error: { message, operator, node, module, source } };
}

/** What was done, for one input. */
async function describe({ program, output, ms }: Outcome, verbose: boolean): Promise<void> {
  if (!program) return;
  const { model, written, verification } = program;
  const files = (written?.files ?? []).map(String).join(" and ");
  const size = formatBytes((written?.bytes ?? 0) + (written?.dataBytes ?? 0));
  console.log(
    `${
      files || output
    }: ${model.graph.size} nodes, ${model.graph.initializers.size} initializers, opset ${model.opset}, ` +
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
export const command = { usage, run } as const;
