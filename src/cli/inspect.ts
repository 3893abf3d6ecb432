/** `fx2onnx inspect`: a program or a model as text. */
import { type Command, defineCommand, type Flag, type Flags } from "./args.ts";

const FLAGS = [
  { name: "model", value: "NAME", about: "which model of an archive that holds several" },
] as const satisfies readonly Flag[];

async function run(flags: Flags<typeof FLAGS[number]>): Promise<number> {
  const [path] = flags.positionals;
  console.log(await (path.endsWith(".onnx") ? inspectModel(path) : inspectProgram(path, flags.text("model"))));
  return 0;
}

async function inspectProgram(path: string, model: string | undefined): Promise<string> {
  const [{ load }, { printProgram }] = await Promise.all([import("../pt2/load.ts"), import("../fx/print_program.ts")]);
  const program = await load(path, model === undefined ? {} : { model });
  try {
    return printProgram(program).trimEnd();
  } finally {
    program.archive?.close?.();
  }
}

async function inspectModel(path: string): Promise<string> {
  const [{ readModel }, { printModel }] = await Promise.all([
    import("../onnx/deserialize.ts"),
    import("../onnx/print.ts"),
  ]);
  return printModel(await readModel(await Deno.readFile(path))).trimEnd();
}

/** The command. */
export const command: Command = defineCommand({
  name: "inspect",
  synopsis: "FILE [options]",
  about: "Prints the program of a .pt2 archive, or an ONNX model, as text",
  operands: { what: "file", min: 1, max: 1, files: ["pt2", "onnx"] },
  flags: FLAGS,
  examples: [
    ["model.pt2", "the program as PyTorch prints it"],
    ["model.onnx", "the model"],
  ],
  run,
});
