/**
 * What `inspect --json` and `diff` say of a program or a model: inputs, outputs, operators, weights. Both dialects come
 * down to one form here, so that what reads it knows neither.
 */
import type { ExportedProgram, FxArg, FxMeta, FxValue } from "../fx/mod.ts";
import type { Model, OnnxValue } from "../onnx/model.ts";
import type { Source } from "../io/source.ts";
import { formatConstraints } from "../fx/program.ts";
import { optional } from "./args.ts";
import { isArchive } from "./files.ts";
import type { Tensor } from "../tensor/mod.ts";

/** An input or output. */
export interface ValueSummary {
  readonly name: string;
  /** `float32`; `int`, `float` or `bool` for a Python number; null where it is not known or not a value. */
  readonly dtype: string | null;
  /** Sizes; symbolic ones as text. Null where it is not known. */
  readonly shape: readonly (number | string)[] | null;
}

/** A program or a model that was opened. */
export interface Opened {
  readonly kind: "program" | "model";
  readonly path: string;
  readonly program: ExportedProgram | null;
  readonly model: Model | null;
  /** The file itself. */
  readonly source: Source | null;
  readonly inputs: readonly ValueSummary[];
  readonly outputs: readonly ValueSummary[];
  /** How many nodes call each operator, subgraphs and functions included; by name. */
  readonly operators: ReadonlyMap<string, number>;
  /** Weights and constants by name. */
  readonly weights: ReadonlyMap<string, Tensor>;
  /** What else decides what is computed: opsets, range constraints. */
  readonly settings: ReadonlyMap<string, string>;
  /** External data that is not there. */
  readonly missing: readonly string[];
  close(): void;
}

/** Opens an archive or a model. @throws {ArchiveError} when it is neither, or damaged */
export async function open(path: string, model: string | undefined): Promise<Opened> {
  return await isArchive(path) ? await openProgram(path, model) : await openModel(path);
}

async function openProgram(path: string, model: string | undefined): Promise<Opened> {
  const [{ load }, { allNodes }] = await Promise.all([import("../pt2/load.ts"), import("../fx/mod.ts")]);
  const program = await load(path, optional("model", model));
  const { inputSpecs, outputSpecs } = program.signature;
  const operators = count([...allNodes(program.graph)].map((node) => operatorName(node.target)));
  return {
    kind: "program",
    path,
    program,
    model: null,
    source: program.archive ?? null,
    inputs: inputSpecs.filter((spec) => spec.kind === "USER_INPUT").map(({ value }) => ofFx(value.name, value.meta)),
    outputs: outputSpecs.filter(({ kind }) => kind === "USER_OUTPUT" || kind === "LOSS_OUTPUT")
      .map(({ arg }, i) => ofOutput(arg, `output_${i}`)),
    operators,
    weights: new Map([...program.stateDict, ...program.constants]),
    settings: new Map([["range constraints", formatConstraints(program.constraints)]]),
    missing: [],
    close: () => program.archive?.close?.(),
  };
}

/** `aten.linear.default`, `operator.mul`. */
export function operatorName(target: string): string {
  return target.replace(/^torch\.ops\.|^_(?=operator\.)/, "");
}

/** An output; a literal has a type, but no name. */
function ofOutput(arg: FxArg, name: string): ValueSummary {
  if (isFxValue(arg)) return ofFx(arg.name, arg.meta);
  const type = LITERALS.get(typeof arg);
  return type === undefined ? { name, dtype: null, shape: null } : { name, dtype: type, shape: [] };
}

const LITERALS: ReadonlyMap<string, string> = new Map([["bigint", "int"], ["number", "float"], ["boolean", "bool"]]);

function isFxValue(arg: FxArg): arg is FxValue {
  return typeof arg === "object" && arg !== null && "meta" in arg && "uses" in arg;
}

function ofFx(name: string, meta: FxMeta): ValueSummary {
  if (meta.kind === "tensor") return { name, dtype: meta.dtype, shape: sizes(meta.shape) };
  return { name, dtype: meta.kind === "sym" ? meta.type : null, shape: meta.kind === "sym" ? [] : null };
}

function sizes(shape: readonly unknown[]): (number | string)[] {
  return shape.map((dim) => typeof dim === "number" ? dim : String(dim));
}

async function openModel(path: string): Promise<Opened> {
  const { openModelFile } = await import("../onnx/model_file.ts");
  const { model, source, missing, close } = await openModelFile(path, { allowMissing: true });
  const { inputs, outputs, initializers } = model.graph;
  const imports = [...model.opsetImports].map(([domain, version]) => `${domain || "ai.onnx"} ${version}`);
  return {
    kind: "model",
    path,
    program: null,
    model,
    source,
    inputs: inputs.map(ofOnnx),
    outputs: outputs.map(ofOnnx),
    operators: count([...model.allNodes()].map(({ domain, opType }) => domain === "" ? opType : `${domain}.${opType}`)),
    weights: new Map([...initializers].map((value) => [value.name, value.initializer!])),
    settings: new Map([["opsets", imports.sort().join(", ")]]),
    missing,
    close,
  };
}

function ofOnnx({ name, meta }: OnnxValue): ValueSummary {
  return { name, dtype: meta?.dtype ?? null, shape: meta ? sizes(meta.shape) : null };
}

function count(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of [...names].sort()) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

/** `x float32[s18, 8]`. */
export function valueText({ name, dtype, shape }: ValueSummary): string {
  return `${name} ${dtype ?? "?"}${shape === null ? "" : `[${shape.join(", ")}]`}`;
}
