/** Which paths of the exporting machine stay in a model's stack traces. */
import { assertEquals } from "@std/assert";
import { exportProgram } from "../../src/export/export.ts";
import type { ExportOptions } from "../../src/export/options.ts";
import type { OnnxGraph } from "../../src/onnx/model.ts";
import { fixture } from "../fixtures.ts";
import { readEntries, withText } from "./mutations.ts";

/** The stack traces of a model, of the graphs inside too. */
function tracesOf(graph: OnnxGraph): string[] {
  return [...graph.nodes()].flatMap((node) => {
    const own = node.metadata.get("pkg.torch.onnx.stack_trace");
    return [...own === undefined ? [] : [own], ...node.subgraphs().flatMap(tracesOf)];
  });
}

const frame = (file: string): string => `File "${file}", line 3, in forward\n    return x`;

/** The files that traces name, in order of appearance, when nodes were recorded in these files in turn. */
async function filesOf(recorded: readonly string[], options: ExportOptions, name = "mlp.pt2"): Promise<string[]> {
  const entries = await readEntries(await Deno.readFile(fixture(name)));
  const entry = [...entries.keys()].find((key) => key.endsWith("models/model.json"))!;
  let next = 0;
  const text = new TextDecoder().decode(entries.get(entry)!).replaceAll(
    /"stack_trace": "(?:[^"\\]|\\.)*"/g,
    () => `"stack_trace": ${JSON.stringify(frame(recorded[next++ % recorded.length]))}`,
  );
  const program = await exportProgram(await withText(entries, entry, text), [], null, options);
  program.release();
  const traces = tracesOf(program.model.graph);
  return [...new Set(traces.flatMap((trace) => [...trace.matchAll(/File "([^"]*)"/g)].map(([, file]) => file)))];
}

const RELATIVE: readonly (readonly [name: string, recorded: readonly string[], kept: readonly string[]])[] = [
  ["one file keeps its name", ["/home/me/work/model.py"], ["model.py"]],
  ["files keep what tells them apart", ["/home/me/work/a/x.py", "/home/me/work/b/y.py"], ["a/x.py", "b/y.py"]],
  ["files without a folder in common", ["/srv/a.py", "/home/b.py"], ["srv/a.py", "home/b.py"]],
  ["installed code is cut at its folder", ["/usr/lib/python3.11/site-packages/torch/nn/x.py"], [
    "/site-packages/torch/nn/x.py",
  ]],
  ["Debian's folder too", ["/usr/lib/python3/dist-packages/lib/x.py", "/home/me/m.py"], [
    "/dist-packages/lib/x.py",
    "m.py",
  ]],
  ["relative paths stay", ["models/m.py"], ["models/m.py"]],
  ["notebooks stay", ["<ipython-input-3>"], ["<ipython-input-3>"]],
  ["Windows", ["C:\\Users\\me\\work\\m.py", "C:\\Users\\me\\work\\sub\\n.py"], ["m.py", "sub/n.py"]],
  ["Windows' installed code", ["C:\\Python\\Lib\\site-packages\\torch\\x.py"], ["/site-packages/torch/x.py"]],
  ["Windows' drives", ["C:\\me\\m.py", "D:\\you\\n.py"], ["me/m.py", "you/n.py"]],
];

for (const [name, recorded, kept] of RELATIVE) {
  Deno.test(`source map relative: ${name}`, async () => {
    assertEquals((await filesOf(recorded, {})).sort(), [...kept].sort());
  });
}

Deno.test("source map relative: graphs inside count too", async () => {
  const recorded = ["/home/me/work/m.py", "/home/me/other/n.py"];
  const files = await filesOf(recorded, {}, "cond.pt2");
  assertEquals(files.filter((file) => file.startsWith("/")), []);
});

Deno.test("source map embed keeps what was recorded, none keeps nothing", async () => {
  const recorded = ["/home/me/work/m.py", "C:\\x\\n.py"];
  assertEquals((await filesOf(recorded, { sourceMap: "embed" })).sort(), [...recorded].sort());
  assertEquals(await filesOf(recorded, { sourceMap: "none" }), []);
});
