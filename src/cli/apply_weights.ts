/** `fx2onnx apply-weights`: an exported program with other weights. */
import type { AppliedWeights } from "../export/apply_weights.ts";
import type { WriteReport } from "../onnx/write_model.ts";
import { type Command, COMMON, defineCommand, type Flag, type Flags, Misuse, optional, QUIET } from "./args.ts";
import { EXTERNAL_DATA_FLAG, MODEL_FLAG, TABLE_FLAG, tableOf } from "./shared_flags.ts";
import { printJson } from "./json.ts";
import { isArchive } from "./files.ts";
import { formatBytes, StepView } from "./terminal.ts";

const FLAGS = [
  { name: "output", alias: "o", value: "FILE", about: "where the model goes" },
  { name: "strict", about: "fails where a weight of the program is not given" },
  MODEL_FLAG,
  { ...EXTERNAL_DATA_FLAG, about: "where weights go, for an archive" },
  TABLE_FLAG,
  ...COMMON,
  QUIET,
] as const satisfies readonly Flag[];

type ApplyFlags = Flags<typeof FLAGS[number]>;

interface Applied extends AppliedWeights {
  readonly replaced: number;
  readonly written: WriteReport;
}

async function run(flags: ApplyFlags): Promise<number> {
  const [input, weights] = flags.positionals;
  const output = flags.text("output");
  if (output === undefined) throw new Misuse("Option --output is needed: where the model goes");
  const json = flags.flag("json");
  const view = new StepView(flags.flag("quiet") || (json && !flags.flag("verbose")));
  let applied: Applied;
  try {
    const apply = await isArchive(input) ? applyToArchive : applyToModel;
    applied = await apply(input, weights, output, flags, view);
  } finally {
    await view.close();
  }
  const { missing, replaced, written } = applied;
  if (missing.length > 0 && !json) view.onWarning(missingText(missing, "stay as they were"));
  if (json) {
    printJson({ input, output }, { weights, replaced, missing, files: written.files.map(String) });
  } else if (!flags.flag("quiet")) {
    const bytes = formatBytes(written.bytes + written.dataBytes);
    console.log(`${written.files.map(String).join(" and ")}: ${replaced} weights replaced, ${bytes}`);
  }
  return 0;
}

/** Exports the program, and gives the model the weights before it is written. */
async function applyToArchive(
  input: string,
  weights: string,
  output: string,
  flags: ApplyFlags,
  { onStep, onWarning, onProgress }: StepView,
): Promise<Applied> {
  const { exportProgram } = await import("../export/export.ts");
  await using program = await exportProgram(input, [], null, {
    ...optional("model", flags.text("model")),
    ...await tableOf(flags.text("custom-translation-table")),
    onStep,
    onWarning,
  });
  const { missing } = await program.applyWeights(weights);
  checkMissing(missing, flags);
  const written = await program.save(output, { externalData: flags.oneOf("external-data") ?? "auto", onProgress });
  return { missing, replaced: program.exportedProgram.stateDict.size - missing.length, written };
}

/** Replaces initializers of a written model. */
async function applyToModel(
  input: string,
  weights: string,
  output: string,
  flags: ApplyFlags,
  { onProgress }: StepView,
): Promise<Applied> {
  for (const name of ["model", "external-data", "custom-translation-table"] as const) {
    if (flags.text(name) !== undefined) {
      throw new Misuse(`Option --${name} is for an archive: in a model, weights stay where they are`);
    }
  }
  const [{ replaceWeights }, { commitAll, createAtomic }] = await Promise.all([
    import("../export/replace_weights.ts"),
    import("../io/file.ts"),
  ]);
  return await replaceWeights(input, weights, output, {
    files: { create: createAtomic, commit: commitAll },
    onMatched: ({ missing }) => checkMissing(missing, flags),
    onProgress,
  });
}

function checkMissing(missing: readonly string[], flags: ApplyFlags): void {
  if (flags.flag("strict") && missing.length > 0) throw new Error(missingText(missing, "are needed"));
}

function missingText(missing: readonly string[], what: string): string {
  return `${missing.length} weights are not given and ${what}: ${missing.join(", ")}`;
}

/** The command. */
export const command: Command = defineCommand({
  name: "apply-weights",
  synopsis: "MODEL WEIGHTS -o FILE [options]",
  about:
    "Writes a model with other weights: MODEL is an archive, which is exported, or an ONNX model, whose initializers " +
    "are replaced by name and whose other bytes stay",
  details: [
    "WEIGHTS is a .safetensors file, the index of a sharded one, or what torch.save(module.state_dict()) wrote. Names " +
    "that the model does not have, and other dtypes and shapes, are errors; weights that are not given stay and are " +
    "listed. No file is read as a whole.",
  ],
  operands: {
    what: "file",
    min: 2,
    max: 2,
    files: ["pt2", "onnx", "safetensors", "json", "pt", "pth", "bin"],
  },
  flags: FLAGS,
  examples: [
    ["model.onnx tuned.safetensors -o tuned.onnx", "replaces initializers"],
    ["model.pt2 model.safetensors.index.json -o model.onnx", "exports with the weights of several files"],
    ["model.pt2 tuned.pth -o tuned.onnx --strict", "all weights must be given"],
  ],
  run,
});
