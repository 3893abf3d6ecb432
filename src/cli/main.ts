/** Finds the command and loads only that. Exit codes: 0 all well, 1 something failed, 2 misuse. */
import { Misuse } from "./args.ts";

const VERSION = "0.1.0";

const USAGE = `fx2onnx turns PyTorch programs into ONNX, without Python

Usage:
  fx2onnx export MODEL.pt2 [MORE.pt2 …] [-o FILE | --out-dir DIR]
  fx2onnx verify MODEL.onnx --program MODEL.pt2
  fx2onnx inspect FILE
  fx2onnx ops [FILTER …]
  fx2onnx --version

Each command tells its options with --help
`;

interface Command {
  readonly usage: string;
  run(args: readonly string[]): Promise<number>;
}

const COMMANDS: ReadonlyMap<string, () => Promise<{ readonly command: Command }>> = new Map<
  string,
  () => Promise<{ readonly command: Command }>
>([
  ["export", () => import("./export.ts")],
  ["verify", () => import("./verify.ts")],
  ["inspect", () => import("./inspect.ts")],
  ["ops", () => import("./ops.ts")],
]);

/** Runs the command line. Returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === "--version") {
    console.log(`fx2onnx ${VERSION}`);
    return 0;
  }
  if (name === "--help" || name === "-h") {
    console.log(USAGE.trimEnd());
    return 0;
  }
  const load = name === undefined ? undefined : COMMANDS.get(name);
  if (!load) {
    if (name !== undefined) console.error(`Unknown command ${name}`);
    console.error(USAGE.trimEnd());
    return 2;
  }
  const { command } = await load();
  if (rest.includes("--help") || rest.includes("-h")) {
    console.log(command.usage.trimEnd());
    return 0;
  }
  try {
    return await command.run(rest);
  } catch (error) {
    if (error instanceof Misuse) {
      console.error(error.message);
      console.error(command.usage.trimEnd());
      return 2;
    }
    console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}
