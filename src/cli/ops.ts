/** `fx2onnx ops`: the operators that are known, from their records. */
import type { Op } from "../aten/op.ts";
import { type Command, COMMON, defineCommand, type Flags } from "./args.ts";
import { showError } from "./errors.ts";
import { printJson, printJsonError } from "./json.ts";

/** What is printed of an operator. */
interface Entry {
  readonly name: string;
  readonly schema: string | null;
  readonly family: string;
  readonly file: string;
  readonly rules: readonly string[];
  /** In-place variants whose name does not follow from the operator's. */
  readonly inplace: readonly string[];
  /** Why it can only be refused. */
  readonly refused: string | null;
}

async function run(flags: Flags<typeof COMMON[number]>): Promise<number> {
  const filters = flags.positionals;
  const entries = await allEntries();
  const failures = new Map(
    filters.filter((filter) => !entries.some((entry) => matches(entry, filter)))
      .map((filter) => [filter, new RangeError(`No operator matches ${filter}`)]),
  );
  if (flags.flag("json")) {
    for (const filter of filters.length > 0 ? filters : [null]) {
      const operators = entries.filter((entry) => filter === null || matches(entry, filter));
      if (operators.length > 0) printJson({ input: filter }, { operators });
      else printJsonError(filter, failures.get(filter!));
    }
  } else {
    const found = entries.filter((e) => filters.length === 0 || filters.some((filter) => matches(e, filter)));
    if (found.length > 0) print(found);
  }
  for (const error of failures.values()) showError(error);
  return failures.size > 0 ? 1 : 0;
}

function matches({ name, family }: Entry, filter: string): boolean {
  return name.includes(filter) || family === filter;
}

async function allEntries(): Promise<Entry[]> {
  const [{ FAMILIES }, { isOp }] = await Promise.all([import("../aten/index.ts"), import("../aten/mod.ts")]);
  const families = await Promise.all(
    Object.entries(FAMILIES).map(async ([family, load]) => {
      return Object.values(await load()).filter(isOp).map((op) => entryOf(op, family));
    }),
  );
  return families.flat().sort((x, y) => x.name < y.name ? -1 : 1);
}

const RULES = ["meta", "kernel", "decompose", "onnx", "inverse", "aliases"] as const;

function entryOf(op: Op, family: string): Entry {
  const { higherOrder } = op;
  const rules = higherOrder
    ? (["expand", "onnx", "eager"] as const).filter((rule) => higherOrder[rule] !== undefined)
    : RULES.filter((rule) => op[rule] !== undefined);
  return {
    name: op.name,
    schema: higherOrder ? null : op.schema,
    family,
    file: `src/aten/${family}.ts`,
    rules: op.effectFree ? ["no effect"] : op.random ? [...rules, "random"] : rules,
    inplace: op.inplace ?? [],
    refused: higherOrder?.unsupported ?? null,
  };
}

function print(entries: readonly Entry[]): void {
  const rows = entries.map((entry) => [
    entry.family,
    entry.refused === null ? entry.rules.join(" ") : "refused",
    entry.schema ?? entry.name,
  ]);
  const widths = [0, 1].map((i) => Math.max(...rows.map((row) => row[i].length)));
  for (const [family, rules, schema] of rows) {
    console.log(`${family.padEnd(widths[0])}  ${rules.padEnd(widths[1])}  ${schema}`);
  }
  const counts = new Map<string, number>();
  for (const entry of entries) counts.set(wayOf(entry), (counts.get(wayOf(entry)) ?? 0) + 1);
  const families = new Set(entries.map((e) => e.family)).size;
  const ways = WAYS.filter((way) => counts.has(way)).map((way) => `${counts.get(way)} ${way}`);
  console.log(
    `${entries.length} operator${entries.length === 1 ? "" : "s"} in ${families} famil${
      families === 1 ? "y" : "ies"
    }: ${ways.join(", ")}`,
  );
}

const WAYS = [
  "with an ONNX form",
  "through a decomposition",
  "replaced in the program",
  "computed on numbers",
  "dropped",
  "refused",
] as const;

/** How an operator is exported. */
function wayOf({ rules, refused }: Entry): typeof WAYS[number] {
  if (refused !== null) return "refused";
  if (rules.includes("onnx")) return "with an ONNX form";
  if (rules.includes("decompose")) return "through a decomposition";
  if (rules.includes("expand")) return "replaced in the program";
  return rules.includes("no effect") ? "dropped" : "computed on numbers";
}

/** The command. */
export const command: Command = defineCommand({
  name: "ops",
  synopsis: "[FILTER …] [options]",
  about:
    "Prints the operators that can be exported: the family file each is in, the rules that its record has, its schema",
  details: [
    "A FILTER is a part of an operator's name, or a family; operators that match any of them are printed. An operator " +
    "without a rule of its own for ONNX is exported through its decomposition. In-place and out= variants have no " +
    "records: they are derived from the operators listed here.",
  ],
  operands: { what: "filter", min: 0, max: Infinity },
  flags: COMMON,
  examples: [
    ["", "all operators"],
    ["relu softmax", "those with relu in their name, and the family softmax"],
    ["aten::conv --json", "an object with a list of operators"],
  ],
  run,
});
