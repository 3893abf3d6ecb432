/** Completion scripts, evaluated by the shells that are there. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { dashed } from "../../src/cli/args.ts";
import { COMMANDS } from "../../src/cli/commands.ts";
import { inFolder, run, runProcess } from "./run.ts";

/** What bash completes a line to; the last word is the one that is being written. */
async function complete(line: string, cwd: string): Promise<string[]> {
  await Deno.writeTextFile(join(cwd, ".completions"), (await run("completions", "bash")).stdout);
  // As readline does, with = as a word of its own.
  const words = line.split(/ |(=)/).filter((word) => word !== undefined);
  const quoted = words.map((word) => `'${word}'`).join(" ");
  const script = `source .completions; COMP_WORDS=(${quoted}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); ` +
    `complete -p fx2onnx >/dev/null && _fx2onnx && printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { code, stdout, stderr } = await runProcess("bash", ["--norc", "-c", script], { cwd });
  assertEquals([code, stderr], [0, ""]);
  return stdout.split("\n").filter((text) => text !== "").sort();
}

Deno.test("bash completes commands, options, values and files", async () => {
  await inFolder(async (folder) => {
    for (const name of ["a.pt2", "b c.pt2", "a.onnx", "note.txt"]) await Deno.writeTextFile(join(folder, name), "");
    await Deno.mkdir(join(folder, "models"));
    for (
      const [line, expected] of [
        ["fx2onnx ex", ["export"]],
        ["fx2onnx --v", ["--version"]],
        ["fx2onnx export --ver", ["--verbose", "--verify"]],
        ["fx2onnx export --external-data in", ["in-place"]],
        ["fx2onnx export --external-data=al", ["always"]],
        ["fx2onnx export --external-data=", ["always", "auto", "in-place", "never"]],
        ["fx2onnx export ", ["a.pt2", "b c.pt2", "models"]],
        ["fx2onnx export a.pt2 --out-dir ", ["models"]],
        ["fx2onnx export a.pt2 -o a", ["a.onnx", "a.pt2"]],
        ["fx2onnx export --dim ", []],
        ["fx2onnx verify ", ["a.onnx", "models"]],
        ["fx2onnx inspect a", ["a.onnx", "a.pt2"]],
        ["fx2onnx completions ", ["bash", "fish", "zsh"]],
        ["fx2onnx ops --j", ["--json"]],
      ] as const
    ) {
      assertEquals(await complete(line, folder), [...expected], line);
    }
  });
});

Deno.test("every command and option is in every script, and in help", async () => {
  const scripts = await Promise.all(
    ["bash", "zsh", "fish"].map(async (shell) => (await run("completions", shell)).stdout),
  );
  for (const [name, { load }] of COMMANDS) {
    const { command } = await load();
    const help = (await run(name, "--help")).stdout;
    for (const flag of command.flags) {
      const names = [flag.name, ...("alias" in flag && flag.alias !== undefined ? [flag.alias] : [])];
      for (const one of names.map(dashed)) {
        assert(help.includes(one), `${one} in the help of ${name}`);
        for (const script of scripts.slice(0, 2)) assertStringIncludes(script, one);
        assertStringIncludes(scripts[2], one.length === 2 ? `-s ${one.slice(1)}` : `-l ${one.slice(2)}`);
      }
    }
  }
});

for (
  const [shell, args] of [
    ["zsh", ["-n"]],
    ["fish", ["--no-execute"]],
  ] as const
) {
  const isThere = await runProcess(shell, ["--version"]).then(({ code }) => code === 0, () => false);
  Deno.test({
    name: `${shell} understands its script${isThere ? "" : ` (skipped: there is no ${shell})`}`,
    ignore: !isThere,
    fn: () =>
      inFolder(async (folder) => {
        const script = join(folder, "_fx2onnx");
        await Deno.writeTextFile(script, (await run("completions", shell)).stdout);
        const { code, stderr } = await runProcess(shell, [...args, script]);
        assertEquals([code, stderr], [0, ""]);
        if (shell !== "fish") return;
        const asked = `source ${script}; complete -C 'fx2onnx export --ep w'`;
        const { stdout } = await runProcess("fish", ["--no-config", "-c", asked]);
        assertEquals(stdout.split("\n").map((line) => line.split("\t")[0]).filter((word) => word !== "").sort(), [
          "wasm",
          "webgpu",
        ]);
      }),
  });
}

Deno.test("another shell is misuse, with the nearest one", async () => {
  const { code, stderr } = await run("completions", "basch");
  assertEquals(code, 2);
  assertStringIncludes(stderr, "must be one of bash, zsh, fish, met basch; did you mean bash?");
});
