/** The command from outside: what it writes, prints and exits with. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { fixture } from "../fixtures.ts";
import { files, inFolder, run } from "./run.ts";

const MISUSE: readonly (readonly [string, readonly string[], string])[] = [
  ["no command", [], "Usage"],
  ["an unknown command", ["convert"], "Unknown command convert"],
  ["no input", ["export"], "No input"],
  ["an unknown option", ["export", "a.pt2", "--fast"], "Unknown option --fast"],
  ["-o for several inputs", ["export", "a.pt2", "b.pt2", "-o", "x.onnx"], "--out-dir"],
  ["-o and --out-dir", ["export", "a.pt2", "-o", "x.onnx", "--out-dir", "d"], "exclude each other"],
  ["equal stems", ["export", "a/m.pt2", "b/m.pt2", "--out-dir", "d"], "Several inputs would be written to"],
  ["dynamic shapes that are no JSON", ["export", "a.pt2", "--dynamic-shapes", "{x"], "must be JSON"],
  ["dynamic axes that are no tree", ["export", "a.pt2", "--dynamic-axes", "7"], "must be a JSON object"],
  ["an opset without a version", ["export", "a.pt2", "--custom-opsets", "a"], "DOMAIN=VERSION"],
  ["a dim without a name", ["export", "a.pt2", "--dim", "s0"], "SYMBOL=NAME"],
  ["an unknown placement", ["export", "a.pt2", "--external-data", "x"], "must be one of"],
  ["verify without a program", ["verify", "a.onnx"], "--program"],
];

for (const [name, args, message] of MISUSE) {
  Deno.test(`misuse exits with 2: ${name}`, async () => {
    const { code, stderr, stdout } = await run(...args);
    assertEquals(code, 2);
    assertEquals(stdout, "");
    assertStringIncludes(stderr, message);
    assertStringIncludes(stderr, "Usage");
  });
}

Deno.test("export takes the options of PyTorch's exporter", async () => {
  await inFolder(async (folder) => {
    const output = join(folder, "x.onnx");
    const artifacts = join(folder, "artifacts");
    const shapes = ["--dynamic-shapes", '{"x": {"0": "rows"}}', "--dynamic-axes", '{"x": [0]}', "--input-names", "x"];
    const saved = ["--no-export-params", "--keep-initializers-as-inputs", "--dump-exported-program", "--artifacts-dir"];
    const old = ["--training=eval", "--operator-export-type=onnx", "--do-constant-folding=false", "--no-dynamo"];
    const more = [
      "--autograd-inlining=true",
      "--custom-opsets=a.b=2",
      "--custom-opsets=c=3",
      "--fallback",
      "--verbose",
    ];
    const args = [fixture("sum.pt2"), "-o", output, ...shapes, ...saved, artifacts, ...old, ...more];
    const { code, stdout, stderr } = await run("export", ...args);
    assertEquals(code, 0, stderr);
    assertStringIncludes(stdout, "inputs: x float32[rows, 2]");
    for (const name of ["training", "operatorExportType", "doConstantFolding", "autogradInlining", "customOpsets"]) {
      assertStringIncludes(stderr, `Option ${name} is deprecated`);
    }
    assertStringIncludes(stderr, "dynamicAxes has no effect");
    assertMatch(stderr, /Dump the program \(.*\) .*onnx_export_.*\.pt2 and /);
    assertEquals(files(artifacts).map((name) => name.split(".").at(-1)), ["pt2", "txt"]);
  });
});

Deno.test("export writes one file and says what it is", async () => {
  await inFolder(async (folder) => {
    const output = join(folder, "x.onnx");
    const { code, stdout, stderr } = await run("export", fixture("mlp.pt2"), "-o", output, "--dim", "s18=batch_size");
    assertEquals(code, 0, stderr);
    assertEquals(files(folder), ["x.onnx"]);
    assertStringIncludes(stdout, "tensor_x float32[batch_size, 8]");
    assertMatch(stderr, /✅ Translate to ONNX \(/);
    assert(!stderr.includes("\x1b["), "no colours when not a terminal");
  });
});

Deno.test("--quiet prints nothing", async () => {
  await inFolder(async (folder) => {
    const { code, stdout, stderr } = await run("export", fixture("mlp.pt2"), "-o", join(folder, "x.onnx"), "--quiet");
    assertEquals([code, stdout, stderr], [0, "", ""]);
  });
});

Deno.test("several inputs: all are tried, the table tells each, exit 1 if one failed", async () => {
  await inFolder(async (folder) => {
    const bad = join(folder, "bad.pt2");
    await Deno.writeTextFile(bad, "no archive");
    const out = join(folder, "out");
    const { code, stdout } = await run("export", bad, fixture("mlp.pt2"), "--out-dir", out);
    assertEquals(code, 1);
    assertEquals(files(out), ["mlp.onnx"]);
    assertMatch(stdout, /❌ .*bad\.pt2/);
    assertMatch(stdout, /✅ .*mlp\.pt2/);
    assertStringIncludes(stdout, "1 exported, 1 failed");
  });
});

Deno.test("--json prints a line per input", async () => {
  await inFolder(async (folder) => {
    const bad = join(folder, "bad.pt2");
    await Deno.writeTextFile(bad, "no archive");
    const { code, stdout } = await run("export", bad, fixture("mlp.pt2"), "--out-dir", folder, "--json");
    assertEquals(code, 1);
    const [first, second] = stdout.trim().split("\n").map((line) => JSON.parse(line));
    assertEquals(first.status, "error");
    assertStringIncludes(first.error.message, "bad.pt2");
    assertEquals(second, { input: fixture("mlp.pt2"), output: join(folder, "mlp.onnx"), status: "ok", error: null });
  });
});

Deno.test("--report and --profile write to --artifacts-dir and say where", async () => {
  await inFolder(async (folder) => {
    const artifacts = join(folder, "a");
    const flags = ["--report", "--profile", "--artifacts-dir", artifacts];
    const { code, stdout } = await run("export", fixture("mlp.pt2"), "-o", join(folder, "x.onnx"), ...flags);
    assertEquals(code, 0);
    assertEquals(files(artifacts).map((name) => name.replace(/^onnx_export_\d{4}(-\d\d){2}_(\d\d-){3}\d{3}_/, "")), [
      "profile.json",
      "success.html",
      "success.md",
    ]);
    for (const name of files(artifacts)) assertStringIncludes(stdout, `written: ${artifacts}/${name}`);
  });
});

Deno.test("a failed export says how to get a report, and where the report is", async () => {
  await inFolder(async (folder) => {
    const args = ["export", fixture("custom.pt2"), "-o", join(folder, "x.onnx"), "--artifacts-dir", folder];
    const plain = await run(...args);
    assertEquals([plain.code, files(folder)], [1, []]);
    assertStringIncludes(plain.stderr, "--report");
    const { code, stderr } = await run(...args, "--report");
    assertEquals(code, 1);
    assertEquals(files(folder).length, 2);
    for (const name of files(folder)) assertStringIncludes(stderr, name);
  });
});

Deno.test("several models without --model are listed", async () => {
  await inFolder(async (folder) => {
    const output = join(folder, "x.onnx");
    const { code, stderr } = await run("export", fixture("two_models.pt2"), "-o", output);
    assertEquals(code, 1);
    assertStringIncludes(stderr, "--model");
    assertEquals(files(folder), []);
  });
});

Deno.test("a missing file is an error that names it, exit 1", async () => {
  const { code, stderr } = await run("export", "nowhere.pt2", "-o", "x.onnx");
  assertEquals(code, 1);
  assertStringIncludes(stderr, "nowhere.pt2");
  assert(!stderr.includes("    at "), "no stack");
});

Deno.test("inspect prints the program", async () => {
  const { code, stdout } = await run("inspect", fixture("mlp.pt2"));
  assertEquals(code, 0);
  assertStringIncludes(stdout, "torch.ops.aten.linear.default");
  assertStringIncludes(stdout, "Range constraints: {s18: VR[0, int_oo]}");
});

Deno.test("inspect prints the model", async () => {
  await inFolder(async (folder) => {
    const output = join(folder, "x.onnx");
    await run("export", fixture("mlp.pt2"), "-o", output, "--quiet");
    const { code, stdout } = await run("inspect", output);
    assertEquals(code, 0);
    assertStringIncludes(stdout, "Gemm");
  });
});

Deno.test("--version and --help", async () => {
  assertMatch((await run("--version")).stdout, /^fx2onnx \d+\.\d+\.\d+\n$/);
  for (const args of [["--help"], ["export", "--help"], ["verify", "--help"], ["inspect", "--help"]]) {
    const { code, stdout } = await run(...args);
    assertEquals(code, 0);
    assertStringIncludes(stdout, "Usage");
  }
});

Deno.test("ops prints the operators that are known", async () => {
  const { code, stdout } = await run("ops");
  assertEquals(code, 0);
  const lines = stdout.trimEnd().split("\n");
  assertMatch(lines.at(-1)!, /^\d+ operators in \d+ families: \d+ with an ONNX form, \d+ through a decomposition, /);
  assertEquals(Number(lines.at(-1)!.split(" ")[0]), lines.length - 1);
  assertMatch(stdout, /^\w+ +meta kernel onnx +aten::relu\(Tensor self\) -> Tensor$/m);
});

Deno.test("ops takes parts of names and families; --json lists operators by filter", async () => {
  const { stdout } = await run("ops", "aten::relu", "--json");
  const entries: { name: string; schema: string; rules: string[]; file: string; family: string }[] =
    JSON.parse(stdout).operators;
  const relu = entries.find((e) => e.name === "aten::relu")!;
  assertEquals(relu.schema, "aten::relu(Tensor self) -> Tensor");
  assertEquals(relu.rules, ["meta", "kernel", "onnx"]);
  assertEquals(relu.file, `src/aten/${relu.family}.ts`);
  assert(entries.every((e) => e.name.includes("aten::relu")));
  const family = (await run("ops", "softmax")).stdout.trimEnd().split("\n");
  assert(family.some((line) => line.startsWith("softmax ")));
});

Deno.test("ops with a filter that nothing matches exits with 1", async () => {
  const { code, stderr } = await run("ops", "no_such_operator");
  assertEquals(code, 1);
  assertEquals(stderr, "error: No operator matches no_such_operator\n");
});

Deno.test("--custom-translation-table takes a module with the lines that the error shows", async () => {
  await inFolder(async (folder) => {
    const [output, table] = [join(folder, "x.onnx"), join(folder, "table.ts")];
    const refused = await run("export", fixture("custom.pt2"), "-o", output);
    assertEquals(refused.code, 1);
    const given = ["export", fixture("custom.pt2"), "-o", output, "--custom-translation-table"];
    const shown = fromFileUrl(new URL("../export/shown_table.ts", import.meta.url));
    for (const line of refused.stderr.split("\n").map((text) => text.trim())) {
      if (line.startsWith('"shop::')) assertStringIncludes(await Deno.readTextFile(shown), line);
    }
    const { code, stderr } = await run(...given, shown);
    assertEquals(code, 0, stderr);
    assertStringIncludes((await run("inspect", output)).stdout, "shop");
    await Deno.writeTextFile(table, "export const translations = {};");
    const without = await run(...given, table);
    assertEquals(without.code, 1);
    assertStringIncludes(without.stderr, "has no translation table");
    const missing = await run(...given, join(folder, "none.ts"));
    assertEquals(missing.code, 1);
    assertStringIncludes(missing.stderr, "Cannot import the translation table");
  });
});
