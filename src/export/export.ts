/** The export pipeline: its steps in order, from an archive to a written and verified model. */
import type { ExportedProgram } from "../fx/mod.ts";
import { ExportError, Fx2OnnxError, LoweringError, OptionError } from "../ir/mod.ts";
import type { SourceInput } from "../io/open.ts";
import { type Model, SERIALIZATION_ID } from "../onnx/model.ts";
import { isSym } from "../sym/mod.ts";
import { load } from "../pt2/load.ts";
import { Scope } from "../trace/context.ts";
import type { ReferenceValue } from "../verify/reference.ts";
import type { Captured } from "../capture/capture.ts";
import type { Lowered } from "./lower.ts";
import type { NodeTimer } from "./lower_graph.ts";
import { refuseFake } from "./fake.ts";
import { ONNXProgram } from "./onnx_program.ts";
import { checkOptionNames, type ExportOptions, type Settings, settingsOf } from "./options.ts";
import { type StepRecord, StepRunner, STEPS } from "./steps.ts";

/**
 * Exports a PyTorch program to ONNX, as `torch.onnx.export(…, dynamo=True)` does.
 *
 * @param model a program; the path, URL, Blob or bytes of a `torch.export.save` archive; or a module or function written in
 *   TypeScript, which is captured
 * @param args positional arguments: of a model the example that it is captured with, tensors and what else it takes; of a
 *   program for verification, in the tree that it takes: with `kwargs` they replace the archive's samples, which [] without
 *   `kwargs` means
 * @param f where to save the model; null does not save it
 * @returns the ONNX program, saved or not
 * @throws {ArchiveError} when the archive can't be read
 * @throws {CaptureError} when the model can't be captured, with the reason for each strategy
 * @throws {OptionError} when an option does not fit
 * @throws {TypeError} naming the argument that does not fit the program's tree of inputs
 * @throws {ExportError} with every operator and argument that can't be expressed
 *
 * @example
 * ```ts
 * import * as onnx from "@fx2onnx/fx2onnx";
 *
 * const program = await onnx.export("tests/fixtures/mlp.pt2", [], "mlp.onnx", { dims: { s18: "batch_size" } });
 * console.log(program.model.graph.size);
 * await program.release();
 * ```
 */
export async function exportProgram(
  model: SourceInput | ExportedProgram | ModelInput,
  args: readonly unknown[] = [],
  f: string | URL | null = null,
  options: ExportOptions = {},
): Promise<ONNXProgram> {
  using _ = new Scope("export");
  if (!Array.isArray(args)) {
    throw new TypeError(
      `The arguments must be an array, met ${typeof args === "object" ? "an object" : args}: give [x]`,
    );
  }
  await checkOptionNames(options);
  const given = settingsOf(options);
  const recorder = given.report || given.profile ? await (await import("./recorder.ts")).Recorder.start(given) : null;
  const steps = new StepRunner(
    given.onStep,
    given.verbose === true,
    recorder?.meters ?? { clock: given.instruments.clock },
  );
  const trail: Trail = { input: model, f, steps, settings: given, timer: recorder?.timer };
  try {
    const result = await run(trail, args, options.model);
    await recorder?.finish(trail, null);
    return result;
  } catch (thrown) {
    const error = given.fallback && thrown instanceof ExportError
      ? new ExportError(thrown.errors, NO_FALLBACK)
      : thrown;
    const advice = await recorder?.fail(trail, error) ?? [];
    if (!given.report && !(error instanceof OptionError) && steps.records.some(isConversion)) advice.push(REPEAT);
    for (const line of advice) advise(error, line);
    if (!isProgram(model)) trail.program?.archive?.close?.();
    throw error;
  }
}

/** A module written in TypeScript, or a function of tensors. */
export type ModelInput =
  // deno-lint-ignore no-explicit-any -- parameters of any types
  | ((...args: any[]) => unknown)
  // deno-lint-ignore no-explicit-any -- as above
  | { forward(...args: any[]): unknown };

/** What an export has come to so far. */
export interface Trail {
  readonly input: SourceInput | ExportedProgram | ModelInput;
  /** Where the model is saved; null where it is not. */
  readonly f: string | URL | null;
  readonly steps: StepRunner;
  /** Only where the export is profiled. */
  readonly timer: NodeTimer | undefined;
  /** With the names of dims, once the program is read. */
  settings: Settings;
  program?: ExportedProgram;
  /** How the program was captured, if it was. */
  capture?: Captured;
  /** The program without mutations. */
  functional?: ExportedProgram;
  lowered?: Lowered;
  result?: ONNXProgram;
}

/** What a failed export ends with where there was no report. */
const REPEAT = "Repeat it with report: true (--report) for a report of what was done and of the program";

/** Steps whose failure is told better by a report: what fails in others is the archive, or the file system. */
const CONVERSION: ReadonlySet<string> = new Set([STEPS.functionalize, STEPS.translate, STEPS.optimize, STEPS.verify]);

function isConversion({ name, status }: StepRecord): boolean {
  return status === "failed" && (CONVERSION.has(name) || name.startsWith(STEPS.capture));
}

function advise(error: unknown, advice: string): void {
  if (error instanceof Fx2OnnxError) error.advise(advice);
  else if (error instanceof Error) error.message += `\n  ${advice}`;
}

/** The steps. */
async function run(trail: Trail, args: readonly unknown[], name: string | undefined): Promise<ONNXProgram> {
  const { input, f, steps } = trail;
  checkDynamo(input, trail.settings);
  const program = trail.program = isModel(input)
    ? await captured(input, args, trail)
    : isProgram(input)
    ? input
    : await steps.run(
      STEPS.read,
      () => read(input, name),
      ({ graph, torchVersion }) => `${graph.size} nodes, captured by torch ${torchVersion}`,
    );
  const settings = trail.settings = await fitted(program, trail.settings);
  const inputs = isModel(input) ? null : await leavesGiven(program, args, settings.kwargs);
  for (const warning of program.warnings) settings.onWarning(warning);
  if (settings.optimize) refuseFake(program);
  if (settings.dumpExportedProgram) await dump(program, settings, steps);
  if (settings.check && program.archive) {
    const { checkArchive } = await import("../pt2/check.ts");
    await steps.run(STEPS.check, () => checkArchive(program.archive!, settings.onProgress));
  }
  const result = trail.result = await translate(program, trail);
  if (settings.externalData === "in-place" && program.serializationId !== null) {
    result.model.metadata.set(SERIALIZATION_ID, program.serializationId);
  }
  if (f !== null) {
    await steps.run(
      STEPS.write,
      () =>
        result.save(f, {
          includeInitializers: settings.exportParams,
          keepInitializersAsInputs: settings.keepInitializersAsInputs,
          externalData: settings.externalData,
          onProgress: settings.onProgress,
        }),
      ({ files, bytes, dataBytes }) => `${files.map(String).join(" and ")}, ${bytes + dataBytes} bytes`,
    );
  }
  if (settings.verify) {
    const { verifyProgram } = await import("../verify/mod.ts");
    result.verification = await steps.run(
      STEPS.verify,
      () => verifyProgram(result, { ep: settings.ep, ...settings.tolerance, ...(inputs ? { inputs } : {}) }),
    );
  }
  return result;
}

/** Writes the program beside the model. One that can't be written is no reason to not export it. */
async function dump(program: ExportedProgram, settings: Settings, steps: StepRunner): Promise<void> {
  const { dumpProgram } = await import("./dump.ts");
  const { artifacts, customTranslationTable } = settings;
  try {
    await steps.run(
      STEPS.dump,
      () => dumpProgram(program, artifacts, customTranslationTable ?? undefined),
      (paths) => paths.join(" and "),
    );
  } catch (error) {
    if (!(error instanceof LoweringError)) throw error;
    settings.onWarning(`The program was not dumped: ${error.message}`);
  }
}

const NO_FALLBACK = "Option fallback has no effect yet: there is no TorchScript exporter to fall back to";

/** A program never takes the exporter that there isn't. @throws {OptionError} for a module or function that would */
function checkDynamo(model: unknown, { dynamo }: Settings): void {
  if (dynamo || !isModel(model)) return;
  throw new OptionError("Option dynamo: false needs the TorchScript exporter, which is not available yet", {
    hint: "Leave it out: the model is captured, as torch.export does",
  });
}

/** Whether what is exported is to be captured first: a module or function in TypeScript. */
export function isModel(model: unknown): model is ModelInput {
  return typeof model === "function" ||
    typeof model === "object" && model !== null && !isProgram(model) && "forward" in model;
}

/** Captures a model; each strategy is a step. What the user calls the dims becomes their names. */
async function captured(model: ModelInput, args: readonly unknown[], trail: Trail): Promise<ExportedProgram> {
  const { capture } = await import("../capture/capture.ts");
  const { kwargs, dynamicShapes, dynamicAxes, inputNames } = trail.settings;
  const axes = dynamicShapes === null && dynamicAxes !== null ? { dynamicAxes, inputNames } : null;
  const found = trail.capture = await capture(
    model,
    { args, kwargs, dynamicShapes, axes },
    (name, body) => trail.steps.run(`${STEPS.capture} ${name}`, body, ({ program }) => `${program.graph.size} nodes`),
  );
  const dims = new Map([...found.dimNames, ...trail.settings.dims]);
  trail.settings = { ...trail.settings, dims, dynamicShapes: null };
  return found.program;
}

/** Settings with the names of dims that the options give; all names must exist in the program. */
async function fitted(program: ExportedProgram, given: Settings): Promise<Settings> {
  checkCounts(program, given);
  let settings = given;
  if (given.dynamicShapes !== null || given.dynamicAxes !== null) {
    const { dimNamesOf } = await import("./dynamic_shapes.ts");
    settings = { ...given, ...dimNamesOf(program, given) };
  }
  checkDims(program, settings);
  return settings;
}

/** The leaves of the user's arguments; null where there are none. */
async function leavesGiven(
  program: ExportedProgram,
  args: readonly unknown[],
  kwargs: Settings["kwargs"],
): Promise<ReferenceValue[] | null> {
  if (args.length === 0 && Object.keys(kwargs).length === 0) return null;
  const { leavesOf } = await import("./call.ts");
  return leavesOf({ exportedProgram: program }, args, kwargs);
}

/** Reads an archive, its samples too: a file that is damaged or hostile in any part is told before anything is written. */
async function read(model: SourceInput, name: string | undefined): Promise<ExportedProgram> {
  const program = await load(model, name === undefined ? {} : { model: name });
  try {
    await program.sampleInputs();
  } catch (error) {
    program.archive?.close?.();
    throw error;
  }
  return program;
}

/** Everything between reading and writing. */
async function translate(program: ExportedProgram, trail: Trail): Promise<ONNXProgram> {
  const { settings, steps, timer } = trail;
  // Not with this file: whoever only loads a program, or builds a graph, needs none of these.
  const [{ prepare }, { afterOptimization, lower, readLiterals }, { addMetadata }] = await Promise.all([
    import("../passes/mod.ts"),
    import("./lower.ts"),
    import("./metadata.ts"),
  ]);
  const translations = settings.customTranslationTable ?? undefined;
  const prepared = await steps.run(STEPS.functionalize, () => prepare(program, translations));
  const { program: functional, table, custom, errors } = prepared;
  for (const warning of prepared.warnings) settings.onWarning(warning);
  trail.functional = functional;
  const size = ({ graph }: Model): string => `${graph.size} nodes, ${graph.initializers.size} initializers`;
  const substitute = settings.strictNan ? (await import("../onnx/strict_nan.ts")).keepNaN : undefined;
  const literals = await readLiterals(functional);
  let lowered: Lowered = await steps.run(
    STEPS.translate,
    () => lower(functional, table, { ...settings, literals, substitute, timer }, errors),
    (l) => size(l.model),
  );
  for (const { opType, from, to, origin } of lowered.downcasts) {
    const where = origin ? `Node ${origin.node} (${origin.target})` : "A node";
    settings.onWarning(`${where} is computed in ${to} instead of ${from}, which ${opType} is not implemented for`);
  }
  trail.lowered = lowered;
  if (settings.optimize) {
    const { optimize } = await import("../optimize/mod.ts");
    await steps.run(STEPS.optimize, () => optimize(lowered.model), () => size(lowered.model));
    trail.lowered = lowered = afterOptimization(lowered);
  }
  if (settings.moduleFunctions !== null) {
    const { extractFunctions } = await import("./module_functions.ts");
    const which = settings.moduleFunctions;
    trail.lowered = lowered = await steps.run(
      STEPS.functions,
      () => extractFunctions(lowered, which),
      ({ model }) => `${model.functions.size} functions`,
    );
  }
  addMetadata(lowered.model, program, settings.sourceMap);
  return new ONNXProgram(program, functional, lowered, settings, custom);
}

function isProgram(model: unknown): model is ExportedProgram {
  return typeof model === "object" && model !== null && "graph" in model && "signature" in model;
}

/** There may be fewer names than inputs or outputs, but not more. */
function checkCounts(program: ExportedProgram, settings: Settings): void {
  const { inputSpecs, outputSpecs } = program.signature;
  const inputs = inputSpecs.filter((s) => s.kind === "USER_INPUT" && s.value.meta.kind !== "constant").length;
  const outputs = outputSpecs.filter((s) => s.kind === "USER_OUTPUT").length;
  for (
    const [option, given, count] of [
      ["inputNames", settings.inputNames.length, inputs],
      ["outputNames", settings.outputNames.length, outputs],
    ] as const
  ) {
    if (given > count) {
      throw new OptionError(`Option ${option} has ${given} names, but the program has ${count}`);
    }
  }
}

/** Symbols that are named must exist in the program, and no name may be another symbol's. */
function checkDims({ signature: { inputSpecs } }: ExportedProgram, settings: Settings): void {
  const symbols = new Set<string>();
  for (const { value: { meta } } of inputSpecs) {
    const dims = meta.kind === "tensor" ? meta.shape : meta.kind === "sym" ? [meta.expr] : [];
    for (const dim of dims) if (isSym(dim)) { for (const name of dim.symbols()) symbols.add(name); }
  }
  for (const [symbol, name] of settings.dims) {
    if (!symbols.has(symbol)) {
      throw new OptionError(`The program has no symbolic dim ${symbol}`, {
        hint: symbols.size === 0
          ? "All its dims are fixed: export it in PyTorch with dynamic_shapes"
          : `Its symbols are ${[...symbols].join(", ")}`,
      });
    }
    if (symbols.has(name) && !settings.dims.has(name)) {
      throw new OptionError(`Option dims gives ${symbol} the name ${name}, which another symbol has`);
    }
  }
}
