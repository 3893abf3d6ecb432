/** Runs the command from outside, as users do. */
import { fromFileUrl } from "@std/path";

const cli = fromFileUrl(new URL("../../cli.ts", import.meta.url));

/** What a run of the command left. */
export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command with arguments. */
export async function run(...args: string[]): Promise<Result> {
  return await runProcess(Deno.execPath(), ["run", "-A", cli, ...args]);
}

/** Runs a program. */
export async function runProcess(program: string, args: string[], options: Deno.CommandOptions = {}): Promise<Result> {
  const output = await new Deno.Command(program, { ...options, args }).output();
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return { code: output.code, stdout: text(output.stdout), stderr: text(output.stderr) };
}

/** Gives a folder that is removed afterwards. */
export async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Names of the files in a folder. */
export function files(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map((e) => e.name).sort();
}
