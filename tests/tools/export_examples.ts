/**
 * Captures the models of examples/ with their checkpoints and saves them as PyTorch's archives: NAME.pt2. PyTorch then runs
 * them: `python tests/tools/check_examples.py FOLDER`.
 *
 * Usage: deno run -A tests/tools/export_examples.ts FOLDER
 */
import * as onnx from "../../mod.ts";
import { exampleOf, NAMES } from "../examples/cases.ts";

const [folder] = Deno.args;
if (!folder) throw new TypeError("Usage: deno run -A tests/tools/export_examples.ts FOLDER");
await Deno.mkdir(folder, { recursive: true });
for (const name of NAMES) {
  const { example: { model, args, ...options } } = await exampleOf(name);
  await using program = await onnx.export(model, args, undefined, options);
  await onnx.saveProgram(program.exportedProgram, `${folder}/${name}.pt2`);
  console.log(`${name}.pt2`);
}
