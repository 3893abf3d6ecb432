/** `--json` of every command: one line per input, of one shape, with the exit code that belongs to its status. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { COMMANDS } from "../../src/cli/commands.ts";
import { fixture } from "../fixtures.ts";
import { inFolder, run } from "./run.ts";

interface Call {
  readonly args: readonly string[];
  /** Of each line: what it is about, and how that went. */
  readonly lines: readonly (readonly [input: string | null, status: "ok" | "mismatch" | "error"])[];
  readonly code?: number;
}

/** Calls of each command: one that goes well, one that finds a difference, and ones that fail. */
function callsIn(folder: string): Record<string, readonly Call[]> {
  const [mlp, convnet, none] = [fixture("mlp.pt2"), fixture("convnet.pt2"), join(folder, "none")];
  const [model, weights] = [join(folder, "mlp.onnx"), join(folder, "none.safetensors")];
  return {
    export: [
      { args: [none, mlp, "--out-dir", folder], lines: [[none, "error"], [mlp, "ok"]], code: 1 },
      {
        args: [convnet, "-o", join(folder, "c.onnx"), "--verify", "--ep", "wasm", "--atol", "0", "--rtol", "0"],
        lines: [[convnet, "mismatch"]],
        code: 1,
      },
    ],
    verify: [
      { args: [model, "--program", mlp, "--ep", "wasm"], lines: [[model, "ok"]] },
      { args: [model, "--program", convnet, "--ep", "wasm"], lines: [[model, "error"]], code: 1 },
      { args: [model], lines: [[null, "error"]], code: 2 },
    ],
    inspect: [{ args: [mlp, none, model], lines: [[mlp, "ok"], [none, "error"], [model, "ok"]], code: 1 }],
    diff: [
      { args: [mlp, model], lines: [[mlp, "ok"]] },
      { args: [mlp, convnet], lines: [[mlp, "mismatch"]], code: 1 },
      { args: [none, mlp], lines: [[none, "error"]], code: 1 },
    ],
    "apply-weights": [
      { args: [mlp, weights, "-o", model], lines: [[mlp, "error"]], code: 1 },
      { args: [mlp, weights], lines: [[null, "error"]], code: 2 },
    ],
    ops: [
      { args: ["aten::relu"], lines: [["aten::relu", "ok"]] },
      { args: ["aten::relu", "no_such"], lines: [["aten::relu", "ok"], ["no_such", "error"]], code: 1 },
      { args: [], lines: [[null, "ok"]] },
    ],
    new: [{ args: [join(folder, "new.ts")], lines: [[null, "ok"]] }, {
      args: [join(folder, "new.ts")],
      lines: [[join(folder, "new.ts"), "error"]],
      code: 1,
    }],
    completions: [{ args: ["bash"], lines: [["bash", "ok"]] }, { args: ["sh"], lines: [[null, "error"]], code: 2 }],
  };
}

Deno.test("every command has --json, and every line the same shape", async () => {
  await inFolder(async (folder) => {
    const calls = callsIn(folder);
    assertEquals(Object.keys(calls), [...COMMANDS.keys()]);
    for (const [command, each] of Object.entries(calls)) {
      for (const { args, lines, code = 0 } of each) {
        const what = [command, ...args].join(" ");
        const result = await run(command, ...args, "--json");
        assertEquals(result.code, code, `${what}\n${result.stderr}`);
        const found = result.stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
        assertEquals(found.map(({ input, status }) => [input, status]), lines.map((line) => [...line]), what);
        for (const line of found) {
          assertEquals(Object.keys(line).slice(0, 4), ["input", "output", "status", "error"], what);
          if (line.status === "error") assert(result.stderr.includes(line.error.message.split("\n")[0]), what);
          else assertEquals(line.error, null, what);
        }
      }
    }
  });
});
