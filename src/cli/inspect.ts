/** `fx2onnx inspect`: a program or a model as text. */
import { Misuse, parseFlags } from "./args.ts";

const usage = `Usage: fx2onnx inspect FILE [--model NAME]

Prints the program of a .pt2 archive, or an ONNX model, as text

  --model NAME   which model of an archive that holds several
`;

async function run(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, { string: ["model"] });
  const [path, ...more] = flags.positionals;
  if (path === undefined) throw new Misuse("No file is given");
  if (more.length > 0) throw new Misuse(`Only one file can be inspected, met also ${more[0]}`);
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
export const command = { usage, run } as const;
