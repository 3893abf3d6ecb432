/** Finds the command and loads only that. Exit codes: 0 all well, 1 something failed, 2 misuse. */
import { Misuse } from "./args.ts";
import { COMMANDS } from "./commands.ts";

/** The version of the package: a test holds it to deno.json. */
const VERSION = "0.1.0";

function usage(): string {
  return [
    "fx2onnx turns PyTorch programs into ONNX, without Python",
    "",
    "Usage:",
    ...[...COMMANDS].map(([name, { synopsis }]) => `  fx2onnx ${name} ${synopsis}`),
    "  fx2onnx --version",
    "",
    "Each command tells its options with --help. Exit codes: 0 all well, 1 something failed or",
    "differs, 2 the command line can't be understood",
  ].join("\n");
}

/** Runs the command line. Returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === "--version") {
    console.log(`fx2onnx ${VERSION}`);
    return 0;
  }
  if (name === "--help" || name === "-h") {
    console.log(usage());
    return 0;
  }
  const isJson = rest.includes("--json");
  const entry = name === undefined ? undefined : COMMANDS.get(name);
  if (!entry) {
    if (name !== undefined) {
      await tell(new Misuse(`Unknown command ${name}`, { met: name, candidates: [...COMMANDS.keys()] }), isJson);
    }
    console.error(usage());
    return 2;
  }
  const { command } = await entry.load();
  if (rest.includes("--help") || rest.includes("-h")) {
    const { helpOf } = await import("./help.ts");
    console.log(helpOf(command));
    return 0;
  }
  try {
    return await command.start(rest);
  } catch (error) {
    if (!(error instanceof Misuse)) throw error;
    await tell(error, isJson);
    const { usageOf } = await import("./help.ts");
    console.error(`${usageOf(command)}\nAll options: fx2onnx ${name} --help`);
    return 2;
  }
}

/** Says what can't be understood, and the nearest that can. */
async function tell(error: Misuse, isJson: boolean): Promise<void> {
  const { suggestion } = await import("./help.ts");
  const message = error.message + suggestion(error);
  console.error(message);
  if (isJson) (await import("./json.ts")).printJsonError(null, message);
}
