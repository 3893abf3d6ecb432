/**
 * Reads onnxruntime-web's log. The runtime has no way of its own to hand it over: its build takes no print functions, its
 * sessions no callback, and profiles stay in a file system that only it sees. What it logs it writes to the process's stderr
 * through `node:fs`, so that function is watched meanwhile: it takes the lines that bear the runtime's mark out, and passes
 * on all that anyone else writes. One reader at a time watches.
 */
import { VerificationError } from "../ir/mod.ts";

/** The part of `node:fs` through which the runtime logs, both in Deno and Node. */
export interface LogFile {
  writeSync(file: number, data: string | Uint8Array, ...rest: unknown[]): number;
}

/** `2026-01-02 03:04:05.678 [V:onnxruntime:, session_state.cc:1377 …] …` */
const MARK = /\[[VIWEF]:onnxruntime:/;

let last: Promise<unknown> = Promise.resolve();

/**
 * What the runtime logs while `body` runs. Other readers wait until it has ended.
 *
 * @throws {VerificationError} where there is no `node:fs`: in a page
 */
export async function readLog(body: () => Promise<void>, fs: LogFile | undefined = systemLog()): Promise<string> {
  if (!fs) throw new VerificationError("The placement of nodes can be told only in Deno or Node");
  const turn = last.then(() => watch(body, fs));
  last = turn.catch(() => {});
  return await turn;
}

async function watch(body: () => Promise<void>, fs: LogFile): Promise<string> {
  const plain = fs.writeSync;
  const decoder = new TextDecoder();
  let log = "";
  const watching: LogFile["writeSync"] = (file, data, ...rest) => {
    const text = file === 2 || file === 1 ? typeof data === "string" ? data : decoder.decode(data) : "";
    if (!MARK.test(text)) return plain.call(fs, file, data, ...rest);
    log += text;
    return data.length;
  };
  fs.writeSync = watching;
  try {
    await body();
  } finally {
    // Whoever put a function of their own in its place meanwhile keeps it.
    if (fs.writeSync === watching) fs.writeSync = plain;
  }
  return log;
}

function systemLog(): LogFile | undefined {
  const { process } = globalThis as unknown as { process?: { getBuiltinModule?(name: string): LogFile } };
  return process?.getBuiltinModule?.("node:fs");
}
