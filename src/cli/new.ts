/** `fx2onnx new`: a file to start a model in TypeScript from. */
import { type Command, COMMON, defineCommand, type Flag, type Flags, Misuse } from "./args.ts";

const FLAGS = [
  { name: "force", about: "replaces a file that exists" },
  ...COMMON,
] as const satisfies readonly Flag[];

/** What the file holds: a model whose batch is dynamic. */
const TEMPLATE = `// A model for fx2onnx. Export and verify it:
//   fx2onnx export FILE --verify
import { F, nn, type Tensor, torch } from "@fx2onnx/fx2onnx/torch";

class Classifier extends nn.Module {
  hidden = new nn.Linear(16, 32);
  norm = new nn.LayerNorm(32);
  output = new nn.Linear(32, 4);

  forward(x: Tensor): Tensor {
    const features = this.norm.call(F.gelu(this.hidden.call(x)));
    return F.softmax(this.output.call(features), -1);
  }
}

export default {
  model: new Classifier().eval(),
  args: [torch.randn([2, 16])],
  dynamicShapes: { x: { 0: "batch" } },
  outputNames: ["probabilities"],
};
`;

async function run(flags: Flags<typeof FLAGS[number]>): Promise<number> {
  const [path = "model.ts"] = flags.positionals;
  if (!/\.ts$/.test(path)) throw new Misuse(`The file must end in .ts, met ${path}`);
  try {
    await Deno.writeTextFile(path, TEMPLATE.replace("FILE", path), { createNew: !flags.flag("force") });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    const message = `${path} exists already: use --force to replace it`;
    console.error(message);
    if (flags.flag("json")) (await import("./json.ts")).printJsonError(path, message);
    return 1;
  }
  if (flags.flag("json")) (await import("./json.ts")).printJson({ input: null, output: path, status: "ok" }, {});
  else console.log(`${path}: edit it, then fx2onnx export ${path} --verify`);
  return 0;
}

/** The command. */
export const command: Command = defineCommand({
  name: "new",
  synopsis: "[FILE.ts] [options]",
  about: "Writes a model in TypeScript to start from; without FILE, model.ts",
  operands: { what: "file", min: 0, max: 1, files: ["ts"] },
  flags: FLAGS,
  examples: [["model.ts", "then: fx2onnx export model.ts --verify"]],
  run,
});
