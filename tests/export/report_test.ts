/** Reports: what they say of exports that went well and of those that failed, that strangers' names stay names, and limits. */
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import * as onnx from "../../mod.ts";
import type { ExportOptions, Instruments } from "../../src/export/options.ts";
import { cut } from "../../src/export/report/collect.ts";
import { drawModel, MOST_BOXES } from "../../src/export/report/drawing.ts";
import { cellCode, codeBlock, escapeHtml, inlineCode } from "../../src/export/report/escape.ts";
import { graphSvg } from "../../src/export/report/graph_svg.ts";
import { histogramSvg, histogramText } from "../../src/export/report/histogram.ts";
import { holds } from "../../src/export/report/operators.ts";
import { Sources } from "../../src/export/report/sources.ts";
import { OnnxBuilder } from "../../src/onnx/builder.ts";
import { Model } from "../../src/onnx/model.ts";
import { compareTensors } from "../../src/verify/compare.ts";
import { fixture } from "../fixtures.ts";
import { ProgramBuilder, tensor } from "../verify/programs.ts";

/** Instruments that always measure the same. */
function fixed(): Instruments {
  let [clock, memory] = [0, 50e6];
  return {
    now: () => new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 6)),
    clock: () => clock += 2.5,
    memory: () => memory += 1000,
  };
}

const STEM = "onnx_export_2026-01-02_03-04-05-006";

interface Written {
  readonly markdown: string;
  readonly html: string;
  readonly names: readonly string[];
  readonly error: unknown;
}

/** Exports with a report and gives what was written. */
async function report(
  model: Parameters<typeof onnx.export>[0],
  options: ExportOptions = {},
  f: string | null = null,
): Promise<Written> {
  const artifactsDir = await Deno.makeTempDir();
  try {
    let error: unknown = null;
    try {
      const path = f === null ? null : `${artifactsDir}/${f}`;
      await using program = await onnx.export(model, [], path, {
        report: true,
        artifactsDir,
        instruments: fixed(),
        ...options,
      });
      assertEquals(program.artifacts.filter((p) => p.endsWith(".md")).length, 1);
    } catch (caught) {
      error = caught;
    }
    const names = [...Deno.readDirSync(artifactsDir)].map((entry) => entry.name).sort();
    const read = (end: string): string => {
      const name = names.find((n) => n.endsWith(end));
      return name === undefined ? "" : Deno.readTextFileSync(`${artifactsDir}/${name}`).replaceAll(artifactsDir, "DIR");
    };
    return { markdown: read(".md"), html: read(".html"), names, error };
  } finally {
    await Deno.remove(artifactsDir, { recursive: true });
  }
}

/** The body of a section of Markdown. */
function section(markdown: string, title: string): string {
  const from = markdown.indexOf(`\n## ${title}\n`);
  assert(from >= 0, `no section ${title} in\n${markdown}`);
  const to = markdown.indexOf("\n## ", from + 4);
  return markdown.slice(from + title.length + 5, to < 0 ? undefined : to).trim();
}

Deno.test("a report has every section", async () => {
  const { markdown, html, names, error } = await report(
    fixture("mlp.pt2"),
    { verify: true, ep: "wasm", profile: true, dims: { s18: "batch_size" } },
    "mlp.onnx",
  );
  assertEquals(error, null);
  assertStringIncludes(section(markdown, "ONNX model"), "float32[batch_size, 8] tensor_x");
  assertStringIncludes(html, "float32[batch_size, 2]");
  assertEquals(names, ["mlp.onnx", `${STEM}_profile.json`, `${STEM}_success.html`, `${STEM}_success.md`]);
  assertEquals([...markdown.matchAll(/^## (.*)$/gm)].map((match) => match[1]), [
    "Steps",
    "Exported program",
    "Graph signature",
    "Range constraints",
    "ONNX model",
    "Operators",
    "Dynamic shapes",
    "Source lines",
    "Verification",
    "Profile",
  ]);
  const steps = section(markdown, "Steps").split("\n").map((line) => line.replace(/ \(.*/, ""));
  assertEquals(steps, [
    "- ✅ Read the program",
    "- ✅ Make it functional",
    "- ✅ Translate to ONNX",
    "- ✅ Optimize",
    "- ✅ Write the model",
    "- ✅ Verify",
  ]);
  const program = section(markdown, "Exported program");
  assertMatch(program, /^```python\nclass GraphModule\(torch\.nn\.Module\):\n {4}def forward\(self, p_fc0_weight: /);
  assertStringIncludes(program, "# File: mlp.py:14 in forward, code: combined_tensor = torch.cat(");
  assertStringIncludes(
    section(markdown, "Graph signature"),
    "input_list_0: USER_INPUT\n\n# outputs\nlinear_4: USER_OUTPUT",
  );
  assertStringIncludes(section(markdown, "Range constraints"), "{s18: VR[0, int_oo]}");
  assertStringIncludes(
    section(markdown, "ONNX model"),
    "[node_cat] float32[batch_size, 24] cat = Concat <axis = 1> (tensor_x, ",
  );
  const operators = section(markdown, "Operators");
  assertStringIncludes(
    operators,
    "| `aten.linear.default` | 5 |\n| `aten.sigmoid.default` | 4 |\n| `aten.cat.default` | 1 |",
  );
  assertStringIncludes(operators, "| `Gemm` | 5 |\n| `Sigmoid` | 4 |\n| `Concat` | 1 |");
  assertStringIncludes(operators, "No node casts to a narrower dtype");
  assertStringIncludes(
    section(markdown, "Dynamic shapes"),
    "| `input_list[0]` | 0 | `s18` | `batch_size` | `[0, ∞)` | `linear_4[0]` |",
  );
  assertMatch(section(markdown, "Verification"), /^✅ Passed, on wasm, compared with the eager interpreter\./);
  assertMatch(section(markdown, "Verification"), /\| ✅ \| `sample` \| `linear_4` \| `float32\[3, 2\]` \| /);
  assertStringIncludes(
    section(markdown, "Profile"),
    "| `aten.linear.default` | 5 | 12.5 ms | 2.50 ms | `linear` | +5.0 kB |",
  );
  // The page says the same, and needs nothing else.
  for (const title of ["Steps", "Operators", "Dynamic shapes", "Graph", "Verification", "Profile", "ONNX model"]) {
    assertStringIncludes(html, `<summary><h2>${title}</h2></summary>`);
  }
  assert(!/<script|<link|<img|https?:\/\/(?!www\.w3\.org\/2000\/svg)|@import/.test(html));
  assertStringIncludes(html, `content="default-src 'none'; style-src 'unsafe-inline'"`);
  assertStringIncludes(html, '<svg class="histogram"');
  for (const [, index] of html.matchAll(/href="#source-(\d+)"/g)) {
    assertStringIncludes(html, `<tr id="source-${index}">`);
  }
  assertEquals([...html.matchAll(/<g class="box (\w+)"/g)].map((match) => match[1]).sort(), [
    ...Array(3).fill("input"),
    ...Array(10).fill("node"),
    "output",
  ]);
});

Deno.test("the same export gives the same report", async () => {
  const [first, second] = [await report(fixture("transformer.pt2")), await report(fixture("transformer.pt2"))];
  assertEquals(first, second);
  assertStringIncludes(
    section(first.markdown, "Steps"),
    "- ⚪ Write the model (not asked for)\n- ⚪ Verify (not asked for)",
  );
});

Deno.test("modules that became functions are counted with what is in them", async () => {
  const { markdown, html } = await report(fixture("mlp.pt2"), { exportModulesAsFunctions: true });
  assertMatch(section(markdown, "Steps"), /✅ Optimize.*\n- ✅ Make modules functions.*\n- ⚪ Write the model/);
  assertMatch(section(markdown, "Operators"), /\| `torch\.nn\.modules\.linear\.Linear` \| 5 \|\n[^]*\| `Gemm` \| 1 \|/);
  assertStringIncludes(html, "Not drawn: 1 node in the bodies of branches, loops and functions");
});

Deno.test("frozen dims tell the guard that froze them, or that they are constants", async () => {
  const { markdown: mlp } = await report(fixture("mlp.pt2"));
  assertStringIncludes(
    section(mlp, "Dynamic shapes"),
    "| `tensor_x` | 1 | `8` | Axis 1 of tensor\\_x is frozen at 8, a constant",
  );
  const { markdown } = await report(fixture("frozen.pt2"));
  const frozen = section(markdown, "Dynamic shapes");
  assertStringIncludes(
    frozen,
    "| `pairs` | 0 | `2*s77` |  | `[0, 128]` | `add[0] = s77`, `reshape[0] = s77`, `mul[0]` |",
  );
  assertMatch(frozen, /### Frozen\n[^]*\| `x` \| 1 \| `4` \| Axis 1 of x is frozen at 4 by the program's guard L/);
});

Deno.test("a failed export has a report: what was reached, every unsupported operator with its lines, the program", async () => {
  const { markdown, html, names, error } = await report(fixture("custom.pt2"), {}, "custom.onnx");
  assertEquals(names, [`${STEM}_conversion.html`, `${STEM}_conversion.md`]);
  assertEquals(section(markdown, "Steps").split("\n").map((line) => line.slice(2).replace(/\d.* ms/, "…")), [
    "✅ Read the program (…)",
    "✅ Make it functional (…)",
    "❌ Translate to ONNX (…)",
    "⚪ Optimize (not reached)",
    "⚪ Write the model (not reached)",
    "⚪ Verify (not asked for)",
  ]);
  assertStringIncludes(section(markdown, "Error"), `source: File "custom.py", line 6: low, high = `);
  assertStringIncludes(
    section(markdown, "Operators"),
    "- `shop.scaled_add.default`: 2 calls\n" +
      "  - `custom.py:5: total = torch.ops.shop.scaled_add(x, y, alpha=0.5)`\n" +
      "  - `custom.py:7: return torch.ops.shop.scaled_add(low, high, alpha=2.0, clamp=True)`\n" +
      "- `shop.split_sign.default`: 1 call\n",
  );
  assert(!markdown.includes("## ONNX model"));
  assertStringIncludes(section(markdown, "Exported program"), "torch.ops.shop.scaled_add.default(");
  assertEquals(html.match(/class="box marked"/g)?.length, 3);
  assert(error instanceof onnx.ExportError);
  assertMatch(error.message, /The report is .*_conversion\.md, .*_conversion\.html$/);
  assert(!error.message.includes("Repeat it"));
});

Deno.test("a damaged archive has a report that says which step failed", async () => {
  const { markdown, names, error } = await report(new Uint8Array([1, 2, 3]));
  assertEquals(names, [`${STEM}_pt_export.html`, `${STEM}_pt_export.md`]);
  assertMatch(section(markdown, "Steps"), /^- ❌ Read the program \(.*\)\n- ⚪ Make it functional \(not reached\)\n/);
  assert(error instanceof onnx.ArchiveError);
  assert(!markdown.includes("## Exported program"));
});

Deno.test("without a report, a failed conversion ends by telling how to get one; options and archives do not", async () => {
  const error = await assertRejects(() => onnx.export(fixture("custom.pt2")), onnx.ExportError);
  assertMatch(error.message, /\n {2}Repeat it with report: true \(--report\) for a report .*$/);
  for (
    const attempt of [
      () => onnx.export(new Uint8Array(3)),
      () => onnx.export(fixture("mlp.pt2"), [], null, { dims: { s9: "b" } }),
    ]
  ) {
    const other = await assertRejects(attempt, onnx.OnnxExporterError);
    assert(!other.message.includes("Repeat it"), other.message);
  }
});

Deno.test("a report that can't be written fails an export that went well, and leaves another error as it is", async () => {
  const file = await Deno.makeTempFile();
  const warnings: string[] = [];
  const options = { report: true, artifactsDir: file, onWarning: (text: string): unknown => warnings.push(text) };
  await assertRejects(() => onnx.export(fixture("mlp.pt2"), [], null, options), Error, file);
  assertEquals(warnings, []);
  await assertRejects(() => onnx.export(fixture("custom.pt2"), [], null, options), onnx.ExportError, "2 operators");
  assertEquals(warnings.length, 1);
  assertStringIncludes(warnings[0], "Cannot write the report");
  await Deno.remove(file);
});

Deno.test("differences are a status of their own", async () => {
  const { markdown, names } = await report(fixture("mlp.pt2"), { verify: true, ep: "wasm", rtol: 0, atol: 0 });
  assertEquals(names, [`${STEM}_accuracy.html`, `${STEM}_accuracy.md`]);
  assertMatch(section(markdown, "Steps"), /- ❌ Verify \(.*, the results differ\)/);
  assertMatch(section(markdown, "Verification"), /^❌ Failed/);
});

const HOSTILE =
  '</title></pre><script>alert(1)</script>```\n## Error\n| `x` <img src=x onerror=y> & "quoted" \u202e\u0007';

Deno.test("names and lines of an archive are shown, never obeyed", async () => {
  const builder = new ProgramBuilder();
  const x = builder.input(tensor(HOSTILE, "float32", [2]));
  const y = builder.node("torch.ops.aten.relu.default", [x], tensor("y", "float32", [2]), HOSTILE);
  builder.output(y);
  for (const options of [{}, { outputNames: [HOSTILE] }]) {
    const { html, markdown, error } = await report(builder.build(), options);
    assertEquals(error, null);
    assert(!/<script|<img|onerror=y>/.test(html));
    assertStringIncludes(html, "&lt;script&gt;");
    for (const invisible of ["\u202e", "\u0007"]) assert(!(html + markdown).includes(invisible));
    // Every heading is ours: the hostile one is inside a fence that it could not close, or on a line of code.
    let fence = "";
    for (const line of markdown.split("\n")) {
      const [mark] = /^`{3,}/.exec(line) ?? [""];
      if (fence === "" && mark !== "") fence = mark;
      else if (fence !== "" && line === fence) fence = "";
      else if (fence === "") assert(!/^#+ Error|<script|<img/.test(line.replace(/(`+) ?.*?[^`]\1(?!`)/g, "")), line);
    }
    assertEquals(fence, "");
  }
});

Deno.test("code is fenced longer than any run of backticks in it", () => {
  assertEquals(inlineCode("a`b``c"), "``` a`b``c ```");
  assertEquals(inlineCode("a\n  b"), "`a ⏎ b`");
  assertEquals(cellCode("a|b"), "`a\\|b`");
  assertEquals(cellCode("a\\|b"), "`a\\u007cb`");
  assertEquals(codeBlock("a\n````\nb"), "`````\na\n````\nb\n`````\n");
  assertEquals(escapeHtml("\ud800 <\u2028>"), "\ufffd &lt;\\u2028&gt;");
});

Deno.test("casts are lossy where a value can be lost that no result of the node has lost", async () => {
  assert(
    holds("float64", "float32") && holds("int64", "uint32") && holds("float64", "int32") && holds("bool", "int64"),
  );
  assert(!holds("float32", "float64") && !holds("int32", "int64") && !holds("uint8", "int8"));
  assert(!holds("float32", "int32") && !holds("float16", "bfloat16") && !holds("bfloat16", "float16"));
  assert(!holds("int64", "float16") && !holds("float32", "complex64") && holds("float16", "uint8"));
  const program = (dtype: "float16" | "float64"): ReturnType<ProgramBuilder["build"]> => {
    const builder = new ProgramBuilder();
    const x = builder.input(tensor("x", "float64", [2]));
    builder.output(builder.node("torch.ops.test.narrow.default", [x], tensor("y", dtype, [2]), "y = narrow(x)"));
    return builder.build();
  };
  const customTranslationTable: onnx.CustomTranslationTable = {
    "test::narrow": (b, args) => {
      const narrow = b.op("Cast", [Object.values(args)[0] as onnx.OnnxValue], { to: 10 });
      return isNarrow ? narrow : b.op("Cast", [narrow], { to: 11 });
    },
  };
  let isNarrow = true;
  const asked = await report(program("float16"), { customTranslationTable, optimize: false });
  assertEquals(asked.error, null);
  assertStringIncludes(section(asked.markdown, "Operators"), "No node casts to a narrower dtype");
  isNarrow = false;
  const silent = await report(program("float64"), { customTranslationTable, optimize: false });
  assertEquals(silent.error, null);
  for (const text of [silent.markdown, silent.html]) {
    assertMatch(text, /Values that the narrower dtype can.*t hold change/);
  }
  assertMatch(
    section(silent.markdown, "Operators"),
    /\| `[^`]+` \| `float64` \| `float16` \| `y \(test\.narrow\.default\)` \| `model\.py:7: y = narrow\(x\)` \|/,
  );
});

/** A chain of nodes, each in the module of its position. */
function chain(length: number, moduleOf: (i: number) => string | null): Model {
  const b = new OnnxBuilder({ opset: 21 });
  let value = b.input("x", { dtype: "float32", shape: [2] });
  for (let i = 0; i < length; i++) {
    const path = moduleOf(i);
    const modules = path === null ? [] : [{ path: "", className: "m.Root" }, { path, className: "m.Layer" }];
    const origin = { node: `n${i}`, target: "aten.relu.default", text: "", modules, stackTrace: "" };
    b.at(origin, () => value = b.op("Sin", [value]));
  }
  b.graph.outputs = [value];
  return new Model(b.graph, 21, 10);
}

Deno.test("a graph that is too large to draw is folded by modules, or left out with its size", async () => {
  const sources = new Sources(null, null);
  const whole = drawModel(chain(MOST_BOXES - 2, () => null), sources);
  assertEquals(whole.boxes.length, MOST_BOXES);
  const folded = drawModel(chain(5000, (i) => `layers.${Math.floor(i / 100)}`), sources);
  assertEquals(folded.boxes.length, 52);
  assertEquals(folded.arrows.length, 51);
  assertEquals(folded.boxes[1], {
    label: "layers.0 (Layer)",
    detail: "100 nodes",
    title: "layers.0 (Layer)\n100 Sin",
    kind: "group",
    source: null,
  });
  assertStringIncludes(folded.notes.join(), "5000 nodes are folded to 50 boxes");
  assertMatch(await graphSvg(folded), /^<svg [^]*layers\.49 \(Layer\)[^]*<\/svg>$/);
  const none = drawModel(chain(5000, () => null), sources);
  assertEquals(none.boxes, []);
  assertStringIncludes(none.notes.join(), "it has 5000 nodes");
});

Deno.test("long texts are cut and say so", () => {
  assertEquals(cut("a\nb\nc", 3), { text: "a\nb\nc", cut: "" });
  assertEquals(cut("a\nb\nc\nd", 2), { text: "a\nb", cut: "Cut after 2 lines of 4" });
  assertEquals(cut("abcdef\nb", 9, 4), { text: "abcd", cut: "Cut after part of its first line of 2" });
});

Deno.test("histograms count every element once", () => {
  const [a, b] = [[1, 2, 3, 4, 0], [1, 2.05, 3, 400, 1e-9]].map((values) => onnx.Tensor.of("float32", [5], values));
  const comparison = compareTensors("y", a, b);
  assertEquals(histogramText(comparison.absHistogram), "equal: 2, < 1e-8: 1, < 0.1: 1, ≥ 10: 1");
  const svg = histogramSvg(comparison);
  assertEquals(svg.match(/<title>/g)?.length, 24);
  assertStringIncludes(svg, "<title>absolute difference ≥ 10: 1 element</title>");
  assertEquals(histogramSvg({ ...comparison, absHistogram: [], relHistogram: [] }), "");
});
