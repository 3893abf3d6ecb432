/** `fx2onnx inspect`: a program or a model as text, its weights as a table, or what it is as an object. */
import { rootRange } from "../io/source.ts";
import type { Tensor } from "../tensor/mod.ts";
import { type Command, COMMON, defineCommand, type Flag, type Flags } from "./args.ts";
import { metaText } from "./compare.ts";
import { showError } from "./errors.ts";
import { printJson, printJsonError } from "./json.ts";
import { MODEL_FLAG } from "./shared_flags.ts";
import { open, type Opened, type ValueSummary } from "./summary.ts";
import { formatBytes } from "./terminal.ts";

const FLAGS = [
  MODEL_FLAG,
  { name: "metadata", about: "also what the file says about itself and its nodes" },
  { name: "weights", about: "a table of the weights instead: their bytes, and where they lie" },
  ...COMMON,
] as const satisfies readonly Flag[];

type InspectFlags = Flags<typeof FLAGS[number]>;

/** What `fx2onnx inspect --json` adds to each line. */
export interface InspectJson {
  readonly kind: "program" | "model";
  readonly inputs: readonly ValueSummary[];
  readonly outputs: readonly ValueSummary[];
  /** How many nodes there are, subgraphs included. */
  readonly nodes: number;
  /** How many nodes call each operator. */
  readonly operators: Readonly<Record<string, number>>;
  /** Opsets of a model, range constraints of a program. */
  readonly settings: Readonly<Record<string, string>>;
  /** How many there are, and their bytes; with `--weights` also each. */
  readonly weights: { readonly count: number; readonly bytes: number; readonly list?: readonly WeightJson[] };
  /** With `--metadata`. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A weight in {@linkcode InspectJson}. */
export interface WeightJson {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: number;
  /** The file that its bytes lie in; null where they are not there. */
  readonly file: string | null;
  /** Where they begin in the file; null where they don't lie there as they are, or together. */
  readonly offset: number | null;
}

async function run(flags: InspectFlags): Promise<number> {
  const paths = flags.positionals;
  let code = 0;
  for (const [i, path] of paths.entries()) {
    try {
      const opened = await open(path, flags.text("model"));
      try {
        if (paths.length > 1 && !flags.flag("json")) console.log(`${i > 0 ? "\n" : ""}# ${path}`);
        if (flags.flag("json")) printJson({ input: path }, jsonOf(opened, flags));
        else console.log(await textOf(opened, flags));
      } finally {
        opened.close();
      }
    } catch (error) {
      if (flags.flag("json")) printJsonError(path, error);
      showError(error, { verbose: flags.flag("verbose"), input: path });
      code = 1;
    }
  }
  return code;
}

async function textOf(opened: Opened, flags: InspectFlags): Promise<string> {
  if (flags.flag("weights")) return tableOf(opened);
  const metadata = flags.flag("metadata");
  if (opened.model) {
    const [{ completeTypes }, { printModel }] = await Promise.all([
      import("../onnx/infer_functions.ts"),
      import("../onnx/print.ts"),
    ]);
    completeTypes(opened.model);
    return printModel(opened.model, { metadata }).trimEnd();
  }
  const { printProgram } = await import("../fx/print_program.ts");
  const text = printProgram(opened.program!).trimEnd();
  return metadata ? `${text}\n${await programMetadata(opened)}` : text;
}

function jsonOf(opened: Opened, flags: InspectFlags): InspectJson {
  const { kind, inputs, outputs, operators, settings, weights } = opened;
  return {
    kind,
    inputs,
    outputs,
    nodes: [...operators.values()].reduce((sum, n) => sum + n, 0),
    operators: Object.fromEntries(operators),
    settings: Object.fromEntries(settings),
    weights: {
      count: weights.size,
      bytes: [...weights.values()].reduce((sum, tensor) => sum + tensor.byteLength, 0),
      ...(flags.flag("weights") ? { list: [...weights].map(([name, tensor]) => weightOf(name, tensor, opened)) } : {}),
    },
    ...(flags.flag("metadata") ? { metadata: Object.fromEntries(metadataOf(opened)) } : {}),
  };
}

function weightOf(name: string, tensor: Tensor, { path, source, missing }: Opened): WeightJson {
  const { dtype, shape, byteLength: bytes, storage } = tensor;
  const root = storage.range && rootRange(storage.range);
  const part = tensor.byteRange && rootRange(tensor.byteRange);
  const file = root ? root.source === source ? path : root.source.name : storage.bytes ? path : null;
  if (file === null || root && missing.includes(root.source.name)) {
    return { name, dtype, shape, bytes, file: null, offset: null };
  }
  return { name, dtype, shape, bytes, file, offset: part?.offset ?? null };
}

function tableOf(opened: Opened): string {
  const rows = [...opened.weights].map(([name, tensor]) => {
    const { bytes, file, offset } = weightOf(name, tensor, opened);
    const where = file === null ? "not there" : offset === null ? file : `${file} at ${offset}`;
    return [name, metaText(tensor), String(bytes), where];
  });
  const widths = [0, 1, 2].map((i) => Math.max(0, ...rows.map((row) => row[i].length)));
  const lines = rows.map(([name, meta, bytes, where]) =>
    `${name.padEnd(widths[0])}  ${meta.padEnd(widths[1])}  ${bytes.padStart(widths[2])}  ${where}`
  );
  const total = [...opened.weights.values()].reduce((sum, tensor) => sum + tensor.byteLength, 0);
  return [...lines, `${rows.length} weights, ${formatBytes(total)}`].join("\n");
}

/** What a file says about itself as a whole. */
function metadataOf({ model, program }: Opened): Map<string, string> {
  if (model) {
    const producer = `${model.producerName} ${model.producerVersion}`.trim();
    return new Map([
      ["ir_version", `${model.irVersion}`],
      ["producer", producer],
      ...model.metadata,
      ...model.graph.metadata,
    ]);
  }
  const { torchVersion, schemaVersion, serializationId, verifiers, guardsCode } = program!;
  return new Map([
    ["torch_version", torchVersion],
    ["schema_version", schemaVersion],
    ["verifiers", verifiers.join(", ")],
    ...(serializationId === null ? [] : [["serialization_id", serializationId] as const]),
    ...guardsCode.map((code, i) => [`guard_${i}`, code] as const),
  ]);
}

/** What a program's archive says of it, and of each node. */
async function programMetadata(opened: Opened): Promise<string> {
  const { allNodes } = await import("../fx/mod.ts");
  const quoted = (entries: Iterable<readonly [string, string]>, indent: string): string[] =>
    [...entries].map(([key, value]) => `${indent}${key}: ${JSON.stringify(value)}`);
  const lines = ["Metadata:", ...quoted(metadataOf(opened), "    "), "Nodes:"];
  for (const node of allNodes(opened.program!.graph)) {
    lines.push(`    ${node.name}`, ...quoted(node.metadata, "        "));
  }
  return lines.join("\n");
}

/** The command. */
export const command: Command = defineCommand({
  name: "inspect",
  synopsis: "FILE [MORE …] [options]",
  about: "Prints the program of a .pt2 archive, or an ONNX model, as text",
  details: ["Weights are not read, and a model's external data need not be there."],
  operands: { what: "file", min: 1, max: Infinity, files: ["pt2", "onnx"] },
  flags: FLAGS,
  examples: [
    ["model.pt2", "the program as PyTorch prints it"],
    ["model.onnx --metadata", "the model, and where its nodes come from"],
    ["model.onnx --weights", "which weights lie where"],
    ["model.onnx --json", "inputs, outputs, operators and sizes for a script"],
  ],
  run,
});
