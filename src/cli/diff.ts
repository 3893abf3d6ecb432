/** `fx2onnx diff`: what two programs or models do not have in common. */
import { type Command, COMMON, defineCommand, type Flag, type Flags, QUIET } from "./args.ts";
import { type Change, compare, type Difference } from "./compare.ts";
import { printJson } from "./json.ts";
import { MODEL_FLAG } from "./shared_flags.ts";
import { open, type Opened } from "./summary.ts";
import { StepView } from "./terminal.ts";

const FLAGS = [
  { ...MODEL_FLAG, about: "which model of archives that hold several" },
  ...COMMON,
  QUIET,
] as const satisfies readonly Flag[];

async function run(flags: Flags<typeof FLAGS[number]>): Promise<number> {
  const [first, second] = flags.positionals;
  const [json, quiet] = [flags.flag("json"), flags.flag("quiet")];
  const a = await open(first, flags.text("model"));
  try {
    const b = await open(second, flags.text("model"));
    try {
      const difference = await withProgress(a, b, quiet || json);
      if (json) printJson({ input: first, status: difference.same ? "ok" : "mismatch" }, difference);
      else if (!quiet) console.log(textOf(difference, a.kind !== b.kind, flags.flag("verbose")));
      return difference.same ? 0 : 1;
    } finally {
      b.close();
    }
  } finally {
    a.close();
  }
}

async function withProgress(a: Opened, b: Opened, quiet: boolean): Promise<Difference> {
  const view = new StepView(quiet);
  const bytesOf = ({ weights }: Opened): number => [...weights.values()].reduce((sum, t) => sum + t.byteLength, 0);
  const total = bytesOf(a) + bytesOf(b);
  let done = 0;
  try {
    return await compare(a, b, (count) => view.onProgress(done += count, total));
  } finally {
    await view.close();
  }
}

function textOf(difference: Difference, mixed: boolean, verbose: boolean): string {
  const { a, b, same, settings, inputs, outputs, operators, nodes, first, weights } = difference;
  const lines = [`${a} and ${b} ${same ? "are the same" : "differ"}`];
  const section = (title: string, texts: readonly string[]): void => {
    if (texts.length > 0) lines.push(`${title}:`, ...texts.map((text) => `  ${text}`));
  };
  section("settings", settings.map((change) => changeText(change, change.name)));
  section("inputs", inputs.map((change) => changeText(change)));
  section("outputs", outputs.map((change) => changeText(change)));
  section(
    "operators",
    operators.map(({ operator, before, after }) => `${markOf(before > 0, after > 0)} ${operator} ${before} → ${after}`),
  );
  section(
    "nodes",
    nodes.map((change) => changeText(change, `${change.name} (${change.operator})`)),
  );
  if (first) {
    const named = (node: typeof first.a): string => node ? `${node.name} (${node.operator})` : "none";
    lines.push(
      first.a || first.b
        ? `first node of one only: ${named(first.a)} and ${named(first.b)}`
        : "the nodes are the same, but the outputs are others of their results",
    );
  }
  const { equal, changed, notCompared } = weights;
  section("weights", changed.map((change) => changeText(shortened(change), change.name)));
  lines.push(`${equal} weights are equal${changed.length > 0 ? `, ${changed.length} are not` : ""}`);
  if (notCompared.length > 0) {
    const names = verbose || notCompared.length <= 5 ? notCompared.join(", ") : "--verbose names them";
    lines.push(`${notCompared.length} weights can't be compared: ${names}`);
  }
  if (mixed) lines.push("operators are not compared: one is a program, the other a model");
  return lines.join("\n");
}

function changeText({ before, after }: Change, name?: string): string {
  const prefix = `${markOf(before !== null, after !== null)} ${name === undefined ? "" : `${name} `}`;
  if (before === null) return `${prefix}${after}`;
  return after === null ? `${prefix}${before}` : `${prefix}${before} → ${after}`;
}

function markOf(isBefore: boolean, isAfter: boolean): string {
  return isBefore && isAfter ? "~" : isAfter ? "+" : "-";
}

/** Hashes as far as people compare them. */
function shortened(change: Change): Change {
  const short = (text: string | null): string | null => text?.replace(/([0-9a-f]{12})[0-9a-f]{52}$/, "$1") ?? null;
  return { ...change, before: short(change.before), after: short(change.after) };
}

/** The command. */
export const command: Command = defineCommand({
  name: "diff",
  synopsis: "A B [options]",
  about:
    "Compares two programs, two models, or a model and its program; exits with 0 if they are the same, else with 1",
  details: [
    "Compared are settings (opsets, range constraints), inputs and outputs with dtypes and shapes, how often each " +
    "operator occurs, what each node computes, and weights by name, dtype, shape and the hash of their bytes. Names of " +
    "values inside, the order of nodes and metadata don't count.",
    "Of a model and its program, inputs, outputs and weights of the same name are compared; names of inputs and symbols " +
    "may differ.",
  ],
  operands: { what: "file", min: 2, max: 2, files: ["pt2", "onnx"] },
  flags: FLAGS,
  examples: [
    ["old.onnx new.onnx", "what changed in a model"],
    ["a.pt2 b.pt2", "in a program"],
    ["model.onnx model.pt2 --quiet", "whether a model has its program's weights, as exit code"],
  ],
  run,
});
