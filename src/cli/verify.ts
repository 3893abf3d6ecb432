/** `fx2onnx verify`: a written model against its program. */
import { Misuse, parseFlags } from "./args.ts";
import { printVerification, tableOf } from "./export.ts";

const usage = `Usage: fx2onnx verify MODEL.onnx --program MODEL.pt2 [options]

Runs the model with onnxruntime-web and compares every output with the reference

  --program FILE     the archive the model was made of
  --model NAME       which model of an archive that holds several
  --ep P             auto, webgpu or wasm (default auto)
  --inputs FILE      a .safetensors file with input_0, input_1, …; default the archive's samples, else generated
  --expected FILE    a .safetensors file with output_0, output_1, …; default the eager interpreter
  --custom-translation-table FILE
                     the module that the model was exported with
  --intermediates    compares every value and names the first node that differs
  --rtol R, --atol A tolerances instead of those of the dtype
  --json             the report as JSON
`;

async function run(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, {
    boolean: ["intermediates", "json"],
    string: ["program", "model", "ep", "inputs", "expected", "rtol", "atol", "custom-translation-table"],
  });
  const [model, ...more] = flags.positionals;
  const program = flags.text("program");
  if (model === undefined) throw new Misuse("No model is given");
  if (more.length > 0) throw new Misuse(`Only one model can be verified, met also ${more[0]}`);
  if (program === undefined) throw new Misuse("Option --program is needed: the archive the model was made of");
  const { verify } = await import("../verify/mod.ts");
  const [ep, inputs, expected] = [
    flags.oneOf("ep", ["auto", "webgpu", "wasm"]),
    flags.text("inputs"),
    flags.text("expected"),
  ];
  const [name, rtol, atol] = [flags.text("model"), flags.number("rtol"), flags.number("atol")];
  const report = await verify(model, {
    program,
    ...await tableOf(flags),
    intermediates: flags.flag("intermediates"),
    ...(name === undefined ? {} : { model: name }),
    ...(ep === undefined ? {} : { ep }),
    ...(inputs === undefined ? {} : { inputs }),
    ...(expected === undefined ? {} : { expected }),
    ...(rtol === undefined ? {} : { rtol }),
    ...(atol === undefined ? {} : { atol }),
  });
  if (flags.flag("json")) console.log(JSON.stringify(report));
  else {
    console.log(
      `${model} against ${program} on ${report.ep}: ${report.passed ? "equal within tolerance" : "different"}`,
    );
    await printVerification(report);
  }
  return report.passed ? 0 : 1;
}

/** The command. */
export const command = { usage, run } as const;
