/** `fx2onnx verify`: a written model against its program. */
import {
  type Command,
  COMMON,
  defineCommand,
  type Flag,
  type Flags,
  Misuse,
  optional,
  QUIET,
  toleranceOf,
} from "./args.ts";
import { printVerification } from "./export.ts";
import { printJson } from "./json.ts";
import { EP_FLAG, MODEL_FLAG, TABLE_FLAG, tableOf, TOLERANCE_FLAGS } from "./shared_flags.ts";

const FLAGS = [
  { name: "program", value: "FILE", about: "the archive the model was made of" },
  MODEL_FLAG,
  EP_FLAG,
  {
    name: "inputs",
    value: "FILE",
    about: "a .safetensors file with input_0, input_1, …; default the archive's samples, else generated",
  },
  {
    name: "expected",
    value: "FILE",
    about: "a .safetensors file with output_0, output_1, … to compare with",
  },
  {
    name: "reference",
    value: "R",
    allowed: ["eager", "wasm"],
    about: "what else to compare with: the eager interpreter, or with WebGPU the same model on the CPU",
    default: "eager",
  },
  {
    name: "extremes",
    about:
      "tries dynamic dims at the ends of their ranges too: at 0 and 1 where these are in them, and at a large size",
  },
  { ...TABLE_FLAG, about: "the module that the model was exported with" },
  { name: "intermediates", about: "compares every value and names the first node that differs" },
  {
    name: "placement",
    about: "tells which nodes run on the GPU, which on the CPU and why, and how many copies that takes",
  },
  ...TOLERANCE_FLAGS,
  ...COMMON,
  QUIET,
] as const satisfies readonly Flag[];

async function run(flags: Flags<typeof FLAGS[number]>): Promise<number> {
  const [model] = flags.positionals;
  const program = flags.text("program");
  if (program === undefined) throw new Misuse("Option --program is needed: the archive the model was made of");
  const { verify } = await import("../verify/mod.ts");
  const report = await verify(model, {
    program,
    ...await tableOf(flags.text("custom-translation-table")),
    intermediates: flags.flag("intermediates"),
    extremes: flags.flag("extremes"),
    placement: flags.flag("placement"),
    ...optional("reference", flags.oneOf("reference")),
    ...optional("model", flags.text("model")),
    ...optional("ep", flags.oneOf("ep")),
    ...optional("inputs", flags.text("inputs")),
    ...optional("expected", flags.text("expected")),
    ...optional("rtol", toleranceOf("rtol", flags.list("rtol"))),
    ...optional("atol", toleranceOf("atol", flags.list("atol"))),
  });
  const status = report.passed ? "ok" : "mismatch";
  if (flags.flag("json")) printJson({ input: model, status }, { program, ...report });
  else if (!flags.flag("quiet")) {
    console.log(
      `${model} against ${program} on ${report.ep}: ${report.passed ? "equal within tolerance" : "different"}`,
    );
    await printVerification(report);
  }
  return report.passed ? 0 : 1;
}

/** The command. */
export const command: Command = defineCommand({
  name: "verify",
  synopsis: "MODEL.onnx --program MODEL.pt2 [options]",
  about: "Runs the model with onnxruntime-web and compares every output with the reference",
  operands: { what: "model", min: 1, max: 1, files: ["onnx"] },
  flags: FLAGS,
  examples: [
    ["model.onnx --program model.pt2", "compares the outputs"],
    ["model.onnx --program model.pt2 --intermediates", "finds the first node that differs"],
    ["model.onnx --program model.pt2 --ep webgpu --placement", "insists on WebGPU, and tells what it runs"],
    ["model.onnx --program model.pt2 --reference wasm", "compares WebGPU with the CPU"],
  ],
  run,
});
