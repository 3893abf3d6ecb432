/** The options of `export`: PyTorch's names in camel case, their defaults, and what is refused. */
import type { CustomTranslationTable } from "../aten/custom.ts";
import { OptionError } from "../ir/mod.ts";
import type { ExternalDataMode as ExternalData } from "../onnx/external_data.ts";
import { Artifacts } from "./artifacts.ts";
import type { Tolerance, ToleranceValue } from "../verify/tolerance.ts";
import type { SourceMap } from "./metadata.ts";

/** Opsets that operators are lowered for. */
export const OPSETS = { first: 18, default: 21, last: 23 } as const;

export type { ExternalData };

/** Every place that weights can have. */
export const EXTERNAL_DATA_MODES = ["auto", "always", "never", "in-place"] as const satisfies readonly ExternalData[];

/** Where verification runs. */
export type ExecutionProvider = "auto" | "webgpu" | "wasm";

/**
 * Options of `export`, as in `torch.onnx.export(…, dynamo=True)`.
 *
 * Source: https://docs.pytorch.org/docs/2.8/onnx_dynamo.html
 */
export interface ExportOptions {
  /** Which exporter; a program always takes the TorchDynamo-based one, and there is no other yet. Default true. */
  readonly dynamo?: boolean;
  /** Keyword arguments for verification, checked like `args` against the tree of the program's inputs. */
  readonly kwargs?: Readonly<Record<string, unknown>> | null;
  /** False leaves the weights out of the saved file. Default true. */
  readonly exportParams?: boolean;
  /**
   * What `onStep` is told: null the steps, true their detail too, false nothing. The library itself prints nothing. Default
   * null.
   */
  readonly verbose?: boolean | null;
  /** Names of the inputs, in order; fewer than there are is fine. */
  readonly inputNames?: readonly string[] | null;
  /** Names of the outputs, in order; fewer than there are is fine. */
  readonly outputNames?: readonly string[] | null;
  /** Version of the ONNX operator set, 18 to 23. Default 21. */
  readonly opsetVersion?: number | null;
  /**
   * Names of dims by the names of inputs and outputs that `inputNames` and `outputNames` give. An output's name for a dim is
   * written for that output, also where the dim is an input's.
   */
  readonly dynamicAxes?: DynamicAxes | null;
  /**
   * Names of the program's dynamic dims, in the tree of its inputs: an array in the order of the arguments, or an object by
   * their names. Without it, and without `dynamicAxes`, symbols keep the program's names.
   */
  readonly dynamicShapes?: DynamicShapes | null;
  /** Makes every initializer a graph input too. Default false. */
  readonly keepInitializersAsInputs?: boolean;
  /** True means `always`, false `never`; unset means `auto`. */
  readonly externalData?: ExternalData | boolean | null;
  /**
   * Translations of operators that are not known, or in place of ours: a function over the ONNX builder, a list of them that
   * are tried in order, or a record of `defineOp`.
   */
  readonly customTranslationTable?: CustomTranslationTable | null;
  /** Writes what was done, the program, the model and how they compare, as Markdown and as a page. Default false. */
  readonly report?: boolean;
  /** Measures steps and operators, and writes a trace for https://ui.perfetto.dev. Default false. */
  readonly profile?: boolean;
  /** Writes the program to `artifactsDir`: as an archive that PyTorch loads, and as text. Default false. */
  readonly dumpExportedProgram?: boolean;
  /** Folder of reports, traces and dumped programs; made if it is missing. Default ".". */
  readonly artifactsDir?: string | URL;
  /** Runs the result and compares it with the reference. Default false. */
  readonly verify?: boolean;
  /** Runs the optimization passes. Default true. */
  readonly optimize?: boolean;
  /** Another try with the TorchScript exporter where this one fails. There is none yet: a failure says so. Default false. */
  readonly fallback?: boolean;
  /** Deprecated: `EVAL` or `PRESERVE`; a program keeps the mode that it was captured in. */
  readonly training?: "EVAL" | "PRESERVE" | "TRAINING" | number;
  /** Deprecated: `ONNX` is all there is. */
  readonly operatorExportType?: "ONNX" | "ONNX_ATEN" | "ONNX_ATEN_FALLBACK" | "ONNX_FALLTHROUGH" | number;
  /** Deprecated: constants are always folded. */
  readonly doConstantFolding?: boolean;
  /**
   * Deprecated: modules that become functions of the model. True for all, or classes by their name (`Linear`) or full name
   * (`torch.nn.modules.linear.Linear`). Default false.
   */
  readonly exportModulesAsFunctions?: boolean | ReadonlySet<string> | readonly string[];
  /** Deprecated: autograd functions are always inlined. */
  readonly autogradInlining?: boolean;
  /** Deprecated: versions of domains other than ONNX's. One that is not listed has version 1. */
  readonly customOpsets?: Readonly<Record<string, number>> | null;

  /** Name of the model in an archive that holds several. */
  readonly model?: string;
  /** Names for symbolic dims: `{ s18: "batch_size" }`. */
  readonly dims?: Readonly<Record<string, string>>;
  /** What becomes of buffers that the program mutates. Default `outputs`. */
  readonly state?: "outputs" | "inputs" | "drop";
  /** How source positions are kept. Default `relative`: no folder of the exporting machine is left in the model. */
  readonly sourceMap?: SourceMap;
  /** What the model is to run on. Default `generic`. */
  readonly target?: "generic" | "webgpu";
  /**
   * Keeps a NaN wherever PyTorch does: extremes over dims, their positions and max pools get nodes that look for one. Default
   * false: the plain node, whose kernels may lose it.
   */
  readonly strictNan?: boolean;
  /**
   * Computes in float32 what neither runtimes nor a composition have in float64, with a warning for each node. Default false:
   * such a node is refused.
   */
  readonly allowDowncast?: boolean;
  /** Where `verify` runs. Default `auto`. */
  readonly ep?: ExecutionProvider;
  /** Tolerance of `verify` relative to the reference, for all float dtypes or by dtype. Default: that of the dtype. */
  readonly rtol?: ToleranceValue;
  /** Absolute tolerance of `verify`, likewise. */
  readonly atol?: ToleranceValue;
  /** Reads and checks all bytes of the archive before weights are left in place. Default false. */
  readonly check?: boolean;
  /** What times and memory are measured with, where that is not the system's own. */
  readonly instruments?: Instruments;
  /** Told of each step as it ends. */
  readonly onStep?: (step: StepEvent) => void;
  /** Told of bytes copied. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Told of what the user should know. */
  readonly onWarning?: (message: string) => void;
}

/** A dim that can vary: `torch.export.Dim`. Bounds must lie within those of the program. */
export interface DimLike {
  /** The name that the dim gets. */
  readonly name: string;
  /** Smallest size; null or absent: the program's. */
  readonly min?: number | bigint | null;
  /** Largest size; null or absent: the program's. */
  readonly max?: number | bigint | null;
}

/**
 * What a dim is called: a name or an expression of names (`2*batch`), a {@linkcode DimLike}; or its size where it can't vary,
 * null where nothing is said.
 */
export type DimInput = string | DimLike | number | bigint | null;

/** Dims of the inputs in their tree. A tensor has an object from axes to dims, an array of all dims, or null. */
export type DynamicShapes =
  | null
  | DimInput
  | readonly DynamicShapes[]
  | { readonly [key: string]: DynamicShapes }
  | ReadonlyMap<string | number, DynamicShapes>;

/** By an input's or output's name: names of axes, or axes that get the names `NAME_dynamic_axes_1`, … */
export type DynamicAxes = Readonly<
  Record<string, Readonly<Record<number, string>> | ReadonlyMap<number, string> | readonly number[]>
>;

/** What an export measures itself with: tests give fixed ones, and pages their own. */
export interface Instruments {
  /** The date that the names of artifacts have. Default: the system's. */
  readonly now?: () => Date;
  /** Milliseconds since some moment. Default: `performance.now`. */
  readonly clock?: () => number;
  /** Bytes of memory that the process holds; null where that can't be told. Default: Deno's. */
  readonly memory?: () => number | null;
}

/** A step of an export that has begun or ended. */
export interface StepEvent {
  /** `Read the program`, `Translate to ONNX`, …. */
  readonly name: string;
  /** Whether the step has begun, has ended, or has thrown. */
  readonly status: "start" | "done" | "failed";
  /** Milliseconds; 0 at the start. */
  readonly ms: number;
  /** What the step gave, or why it failed, with `verbose: true`. */
  readonly detail?: string;
}

/** Options with every default filled in. */
export interface Settings {
  readonly opset: number;
  readonly irVersion: number;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly exportParams: boolean;
  readonly externalData: ExternalData;
  readonly keepInitializersAsInputs: boolean;
  readonly optimize: boolean;
  readonly verify: boolean;
  readonly dims: ReadonlyMap<string, string>;
  /** Names for axes of outputs, by the output's name. */
  readonly outputDims: ReadonlyMap<string, ReadonlyMap<number, string>>;
  readonly dynamicShapes: DynamicShapes;
  readonly dynamicAxes: DynamicAxes | null;
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly verbose: boolean | null;
  readonly dynamo: boolean;
  readonly fallback: boolean;
  readonly report: boolean;
  readonly profile: boolean;
  readonly dumpExportedProgram: boolean;
  /** Classes of modules that become functions: all, or by name. Null for none. */
  readonly moduleFunctions: true | ReadonlySet<string> | null;
  readonly artifacts: Artifacts;
  readonly customTranslationTable: CustomTranslationTable | null;
  readonly customOpsets: ReadonlyMap<string, number>;
  readonly state: "outputs" | "inputs" | "drop";
  readonly sourceMap: SourceMap;
  readonly target: "generic" | "webgpu";
  readonly strictNan: boolean;
  readonly allowDowncast: boolean;
  readonly ep: ExecutionProvider;
  readonly tolerance: Tolerance;
  readonly check: boolean;
  readonly instruments: Instruments;
  readonly onStep: (step: StepEvent) => void;
  readonly onProgress: (done: number, total: number) => void;
  readonly onWarning: (message: string) => void;
}

const ignore = (): void => {};

/** Every option there is: an object that an option is missing from, or that has another, does not compile. */
const NAMES: { readonly [K in keyof Required<ExportOptions>]: true } = {
  dynamo: true,
  kwargs: true,
  exportParams: true,
  verbose: true,
  inputNames: true,
  outputNames: true,
  opsetVersion: true,
  dynamicAxes: true,
  dynamicShapes: true,
  keepInitializersAsInputs: true,
  externalData: true,
  customTranslationTable: true,
  report: true,
  profile: true,
  dumpExportedProgram: true,
  artifactsDir: true,
  verify: true,
  optimize: true,
  fallback: true,
  training: true,
  operatorExportType: true,
  doConstantFolding: true,
  exportModulesAsFunctions: true,
  autogradInlining: true,
  customOpsets: true,
  model: true,
  dims: true,
  state: true,
  sourceMap: true,
  target: true,
  strictNan: true,
  allowDowncast: true,
  ep: true,
  rtol: true,
  atol: true,
  check: true,
  instruments: true,
  onStep: true,
  onProgress: true,
  onWarning: true,
};

/**
 * Whether all options exist. One that does not would be ignored without anybody noticing.
 *
 * @throws {OptionError} with the name that may have been meant
 */
export async function checkOptionNames(options: object, names: object = NAMES, where = ""): Promise<void> {
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(names, name));
  if (unknown === undefined) return;
  const { unknownOption } = await import("../ir/nearest.ts");
  throw unknownOption(unknown, Object.keys(names), where);
}

/** Checks options. @throws {OptionError} naming the option @throws {RangeError} for an opset that can't be written */
export function settingsOf(options: ExportOptions): Settings {
  const onWarning = options.onWarning ?? ignore;
  warnDeprecated(options, onWarning);
  const opset = checkOpset(options.opsetVersion ?? OPSETS.default);
  return {
    opset,
    // Nodes have metadata since IR 10.
    irVersion: opset >= 23 ? 11 : 10,
    inputNames: checkNames("inputNames", options.inputNames ?? []),
    outputNames: checkNames("outputNames", options.outputNames ?? []),
    exportParams: options.exportParams ?? true,
    externalData: externalDataOf(options.externalData),
    keepInitializersAsInputs: options.keepInitializersAsInputs ?? false,
    optimize: options.optimize ?? true,
    verify: options.verify ?? false,
    dims: checkDims(options.dims ?? {}),
    outputDims: new Map(),
    dynamicShapes: options.dynamicShapes ?? null,
    dynamicAxes: Object.keys(options.dynamicAxes ?? {}).length === 0 ? null : options.dynamicAxes!,
    kwargs: options.kwargs ?? {},
    verbose: oneOf("verbose", options.verbose ?? null, [null, true, false]),
    dynamo: options.dynamo ?? true,
    fallback: options.fallback ?? false,
    report: options.report ?? false,
    profile: options.profile ?? false,
    moduleFunctions: moduleFunctionsOf(options.exportModulesAsFunctions),
    dumpExportedProgram: options.dumpExportedProgram ?? false,
    artifacts: new Artifacts(options.artifactsDir ?? ".", options.instruments),
    customTranslationTable: options.customTranslationTable ?? null,
    customOpsets: checkOpsets(options.customOpsets ?? {}),
    state: oneOf("state", options.state ?? "outputs", ["outputs", "inputs", "drop"]),
    sourceMap: oneOf("sourceMap", options.sourceMap ?? "relative", ["embed", "relative", "none"]),
    target: oneOf("target", options.target ?? "generic", ["generic", "webgpu"]),
    strictNan: options.strictNan ?? false,
    allowDowncast: options.allowDowncast ?? false,
    ep: oneOf("ep", options.ep ?? "auto", ["auto", "webgpu", "wasm"]),
    tolerance: toleranceOf(options),
    check: options.check ?? false,
    instruments: options.instruments ?? {},
    onStep: options.verbose === false ? ignore : options.onStep ?? ignore,
    onProgress: options.onProgress ?? ignore,
    onWarning,
  };
}

function toleranceOf({ rtol, atol }: ExportOptions): Tolerance {
  return { ...(rtol === undefined ? {} : { rtol }), ...(atol === undefined ? {} : { atol }) };
}

/** The classes that become functions. @throws {OptionError} for what names no class */
function moduleFunctionsOf(value: ExportOptions["exportModulesAsFunctions"]): true | ReadonlySet<string> | null {
  if (value === undefined || value === null || value === false) return null;
  if (value === true) return true;
  const isIterable = typeof value === "object" && Symbol.iterator in value;
  const names: unknown[] = isIterable ? [...value] : [value];
  const wrong = names.find((name) => typeof name !== "string" || name === "");
  if (!isIterable || wrong !== undefined) {
    throw new OptionError(
      `Option exportModulesAsFunctions must be a boolean or a set of class names, met ${wrong ?? value}`,
    );
  }
  return names.length === 0 ? null : new Set(names as string[]);
}

/** The data placement that an option's value means. */
export function externalDataOf(value: ExternalData | boolean | null | undefined): ExternalData {
  if (value === undefined || value === null) return "auto";
  if (typeof value === "boolean") return value ? "always" : "never";
  return oneOf("externalData", value, EXTERNAL_DATA_MODES);
}

function oneOf<T extends string | boolean | null>(option: string, value: T, allowed: readonly T[]): T {
  if (!allowed.includes(value)) {
    throw new OptionError(`Option ${option} must be one of ${allowed.join(", ")}, met ${String(value)}`);
  }
  return value;
}

/**
 * Deprecated enumerations, by their names or as PyTorch numbers them.
 *
 * @throws {OptionError} for a member that can't be honoured
 */
function checkMember(option: string, value: unknown, members: readonly string[], honoured: readonly string[]): void {
  const name = typeof value === "number" ? members[value] : value;
  if (typeof name === "string" && honoured.includes(name)) return;
  throw new OptionError(`Option ${option} must be ${honoured.join(" or ")}, met ${String(name ?? value)}`, {
    hint: option === "training"
      ? "A program keeps the mode that it was captured in: call module.eval() or module.train() before torch.export.export"
      : "Operators without an ONNX form need a translation in customTranslationTable",
  });
}

function checkOpset(opset: number): number {
  if (!Number.isInteger(opset)) throw new RangeError(`opsetVersion must be an integer, met ${opset}`);
  if (opset < 7) throw new RangeError(`opsetVersion must be at least 7, met ${opset}`);
  if (opset < OPSETS.first || opset > OPSETS.last) {
    throw new RangeError(`opsetVersion must be from ${OPSETS.first} to ${OPSETS.last}, met ${opset}`);
  }
  return opset;
}

function checkNames(option: string, names: readonly string[]): readonly string[] {
  if (!Array.isArray(names)) throw new OptionError(`Option ${option} must be an array of names, met ${String(names)}`);
  const seen = new Set<string>();
  for (const name of names) {
    if (typeof name !== "string") throw new OptionError(`Option ${option} must have names, met ${String(name)}`);
    if (name === "") throw new OptionError(`Option ${option} has an empty name`);
    if (seen.has(name)) throw new OptionError(`Option ${option} has ${name} twice`);
    seen.add(name);
  }
  return names;
}

function checkOpsets(opsets: Readonly<Record<string, number>>): ReadonlyMap<string, number> {
  for (const [domain, version] of Object.entries(opsets)) {
    if (domain === "" || domain === "ai.onnx" || !Number.isSafeInteger(version) || version < 1) {
      throw new OptionError(`Option customOpsets can't give domain ${JSON.stringify(domain)} the version ${version}`, {
        hint: "Versions are positive integers; that of ONNX's own domain is opsetVersion",
      });
    }
  }
  return new Map(Object.entries(opsets));
}

function checkDims(dims: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  const map = new Map(Object.entries(dims));
  const names = [...map.values()];
  for (const [symbol, name] of map) {
    if (!/^[A-Za-z_]\w*$/.test(name)) {
      throw new OptionError(`Option dims gives ${symbol} the name ${JSON.stringify(name)}`, {
        hint: "A dim's name is made of letters, digits and _, and does not begin with a digit",
      });
    }
    if (names.filter((n) => n === name).length > 1) throw new OptionError(`Option dims gives ${name} to two symbols`);
  }
  return map;
}

/** The deprecation warnings of PyTorch's documentation: each once, where its option is given. */
function warnDeprecated(options: ExportOptions, warn: (message: string) => void): void {
  const { training, operatorExportType, doConstantFolding } = options;
  if (training !== undefined) checkMember("training", training, ["EVAL", "PRESERVE", "TRAINING"], ["EVAL", "PRESERVE"]);
  if (operatorExportType !== undefined) {
    const members = ["ONNX", "ONNX_ATEN", "ONNX_ATEN_FALLBACK", "ONNX_FALLTHROUGH"];
    checkMember("operatorExportType", operatorExportType, members, ["ONNX"]);
  }
  const deprecated = [
    ["training", "set the training mode of the model before capturing it; a program keeps its own"],
    ["operatorExportType", "only ONNX is written"],
    [
      "doConstantFolding",
      doConstantFolding === false
        ? "it can't be turned off, constants are always folded"
        : "constants are always folded",
    ],
    ["exportModulesAsFunctions", "functions hide what optimization passes and verification could see"],
    ["autogradInlining", "autograd functions are always inlined"],
    ["customOpsets", "a translation can set a domain's version with b.domains.set(domain, version)"],
  ] as const;
  for (const [name, instead] of deprecated) {
    if (options[name] !== undefined) warn(`Option ${name} is deprecated: ${instead}`);
  }
}
