/**
 * A report as one page that needs nothing else: no script, no network, which its policy forbids as well. Sections fold, the
 * colours follow the reader's system until the button at the top is used, and the graph's boxes lead to source lines.
 */
import { divergenceTitle } from "../../verify/format.ts";
import type { OutputComparison, VerificationReport } from "../../verify/report.ts";
import type { Profile } from "../profile.ts";
import { escapeHtml } from "./escape.ts";
import { CASTS, formatBytes, formatDifference, formatMs, plural, referenceText } from "./format.ts";
import { graphSvg } from "./graph_svg.ts";
import { histogramSvg } from "./histogram.ts";
import type { Count, CutText, OperatorAnalysis, Report, ShapeAnalysis, SourceEntry } from "./report.ts";
import { STYLE } from "./style.ts";

/** The page of a report. */
export async function formatHtml(report: Report): Promise<string> {
  const { error, program, model, operators, shapes, sources, verification, profile, drawing } = report;
  const sections = [section("Steps", stepsHtml(report))];
  const add = (title: string, body: string | null, isOpen = true): void => {
    if (body !== null) sections.push(section(title, body, isOpen));
  };
  add("Error", error && errorHtml(error));
  add("Verification", verification && verificationHtml(verification));
  add("Dynamic shapes", shapes && shapesHtml(shapes));
  add("Operators", operators && operatorsHtml(operators));
  if (drawing) {
    const svg = drawing.boxes.length > 0 ? graphHtml(await graphSvg(drawing)) : "";
    add("Graph", `${list(drawing.notes)}${svg}`);
  }
  add("Source lines", sources.length > 0 ? sourcesHtml(sources) : null);
  add("Exported program", program && block(program.graph), false);
  add("Graph signature", program && block(program.signature), false);
  add("Range constraints", program && block(program.ranges), false);
  add("ONNX model", model && block(model), false);
  add("Profile", profile && profileHtml(profile));
  const title = `PyTorch to ONNX: ${report.status}`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(`${title} (${report.input})`)}</title>
<style>
${STYLE}</style>
</head>
<body>
<input type="checkbox" id="theme" aria-label="Other colours"><label for="theme" title="Other colours">◐</label>
<main>
<h1>${title}</h1>
${headHtml(report)}
${sections.join("\n")}
</main>
</body>
</html>
`;
}

function headHtml({ input, output, versions, time }: Report): string {
  const row = (name: string, value: string): string => `<dt>${name}</dt><dd>${escapeHtml(value)}</dd>`;
  return `<dl>${row("Program", input)}${output === "" ? "" : row("Model", output)}${
    row("Versions", versions.join(", "))
  }` +
    `${row("Time", `${time} (UTC)`)}</dl>`;
}

function section(title: string, body: string, isOpen = true): string {
  return `<details${isOpen ? " open" : ""}><summary><h2>${title}</h2></summary>\n${body}\n</details>`;
}

function stepsHtml({ steps }: Report): string {
  const line = ({ mark, name, ms, note }: Report["steps"][number]): string => {
    const about = [...ms === null ? [] : [formatMs(ms)], ...note === "" ? [] : [note]].join(", ");
    return `<li>${mark} ${escapeHtml(name)} <small>${escapeHtml(about)}</small></li>`;
  };
  return `<ul class="steps">${steps.map(line).join("")}</ul>`;
}

function errorHtml({ message, causes }: NonNullable<Report["error"]>): string {
  const parts = [block(message, "error")];
  if (causes.some((cause) => cause.node !== "" || cause.operator !== "")) {
    parts.push(table(
      ["What", "Operator", "Node", "Module", "Source"],
      causes.map(({ fact, operator, node, module, source }) => [
        escapeHtml(fact),
        ...[operator, node, module, source].map(code),
      ]),
    ));
  }
  return parts.join("\n");
}

function operatorsHtml({ aten, onnx, unsupported, casts }: OperatorAnalysis): string {
  const parts = [];
  if (unsupported.length === 0) parts.push("<p>All operators have a translation.</p>");
  else {
    const lines = (counts: readonly Count[]): string =>
      counts.map(({ name, count }) => `<li>${code(name)}${count > 1 ? ` (${count} times)` : ""}</li>`).join("");
    parts.push(
      `<h3>Unsupported</h3><ul>${
        unsupported.map((o) => `<li>${code(o.name)}: ${plural(o.count, "call")}<ul>${lines(o.lines)}</ul></li>`).join(
          "",
        )
      }</ul>`,
    );
  }
  const counts = (title: string, rows: readonly Count[]): string =>
    `<div><h3>${title}</h3>${
      table(["Operator", "Nodes"], rows.map(({ name, count }) => [code(name), String(count)]), [1])
    }</div>`;
  parts.push(`<div class="side">${counts("ATen", aten)}${onnx.length > 0 ? counts("ONNX", onnx) : ""}</div>`);
  if (casts !== null) {
    parts.push("<h3>Lossy casts</h3>");
    parts.push(
      casts.length === 0
        ? "<p>No node casts to a narrower dtype unless the program does.</p>"
        : `<p>${CASTS}</p>` + table(
          ["Node", "From", "To", "Made of", "Source"],
          casts.map(({ node, from, to, origin, source }) => [node, from, to, origin, source].map(code)),
        ),
    );
  }
  return parts.join("\n");
}

function shapesHtml({ dims, dataDependent }: ShapeAnalysis): string {
  const dynamic = dims.filter((dim) => dim.frozen === "");
  const frozen = dims.filter((dim) => dim.frozen !== "");
  const place = (axis: number | null): string => axis === null ? "–" : String(axis);
  const parts = [
    dynamic.length === 0 ? "<p>No dim of an input is dynamic.</p>" : table(
      ["Input", "Axis", "Dim", "Name", "Range", "Drives"],
      dynamic.map(({ input, axis, dim, name, range, drives }) => [
        code(input),
        place(axis),
        code(dim),
        code(name),
        escapeHtml(range),
        drives.length === 0 ? "no output" : drives.map(code).join(", "),
      ]),
    ),
  ];
  if (dataDependent.length > 0) {
    parts.push(`<p>Sizes that depend on values: ${dataDependent.map(code).join(", ")}</p>`);
  }
  if (frozen.length > 0) {
    parts.push("<h3>Frozen</h3>");
    parts.push(table(
      ["Input", "Axis", "Size", "Why"],
      frozen.map(({ input, axis, dim, frozen: why }) => [code(input), place(axis), code(dim), escapeHtml(why)]),
    ));
  }
  return parts.join("\n");
}

/** Wide graphs are shrunk to the page, where a top that is empty would hide them, unless their full size is asked for. */
function graphHtml(svg: string): string {
  return `<input type="checkbox" id="full"> <label for="full">Full size</label><div class="graph">${svg}</div>`;
}

function sourcesHtml(sources: readonly SourceEntry[]): string {
  const rows = sources.map(({ place, code: line, nodes, onnx }, i) =>
    `<tr id="source-${i}"><td>${code(place)}</td><td>${code(line)}</td><td>${code(nodes.join(", "))}</td>` +
    `<td class="right">${onnx}</td></tr>`
  );
  return `<div class="scroll"><table><thead><tr><th>Line</th><th>Code</th><th>FX nodes</th><th class="right">ONNX nodes` +
    `</th></tr></thead><tbody>${rows.join("\n")}</tbody></table></div>`;
}

function verificationHtml(report: VerificationReport): string {
  const { runs, divergence, failure } = report;
  const parts = [
    `<p>${report.passed ? "✅ Passed" : "❌ Failed"}, on ${report.ep}, compared with ${referenceText(report)}</p>`,
  ];
  if (failure !== null) parts.push(block({ text: failure, cut: "" }, "error"));
  const row = (inputs: string, o: OutputComparison): string[] => [
    o.passed ? "✅" : "❌",
    code(inputs),
    code(o.name),
    code(o.actual),
    formatDifference(o.maxAbs),
    formatDifference(o.maxRel),
    String(o.mismatches),
    histogramSvg(o),
    escapeHtml(o.reason),
  ];
  const rows = runs.flatMap((run) =>
    run.reason !== ""
      ? [["❌", code(run.inputs), "", "", "", "", "", "", escapeHtml(run.reason)]]
      : run.outputs.map((o) => row(run.inputs, o))
  );
  if (rows.length > 0) {
    parts.push(table(
      ["", "Inputs", "Output", "Type", "Max abs", "Max rel", "Elements that differ", "Differences", "Why"],
      rows,
      [4, 5, 6],
    ));
  }
  if (divergence) {
    const { value, node, operator, source, comparison } = divergence;
    parts.push(
      `<p>${divergenceTitle(report)}: ${code(value)} of ${code(node)} (${code(operator)}): ${
        escapeHtml(comparison.reason)
      }` +
        `${source === null ? "" : `<br>${code(source)}`}</p>`,
    );
  }
  if (report.runtimeFusion) {
    parts.push("<p>Every value agrees when all are outputs: the runtime's fusion is at fault.</p>");
  }
  if (report.hidden.length > 0) parts.push(`<p>Not shown: ${escapeHtml(report.hidden.join(", "))}</p>`);
  parts.push(list(report.notes));
  return parts.join("\n");
}

function profileHtml({ steps, operators }: Profile): string {
  const longest = Math.max(...operators.map((o) => o.ms), ...steps.map((s) => s.ms), 1e-9);
  const bar = (ms: number): string => `<meter min="0" max="${longest}" value="${ms}"></meter> ${formatMs(ms)}`;
  const parts = [table(
    ["Step", "Time", "Memory before", "Memory after", "Growth"],
    steps.map(({ name, ms, before, after }) => [
      escapeHtml(name),
      bar(ms),
      formatBytes(before),
      formatBytes(after),
      formatBytes(before === null || after === null ? null : after - before, true),
    ]),
    [1, 2, 3, 4],
  )];
  if (operators.length > 0) {
    parts.push("<h3>Translation by operator</h3>");
    parts.push(table(
      ["Operator", "Calls", "Time", "Longest", "Its node", "Growth"],
      operators.map(({ operator, calls, ms, longest, node, bytes }) => [
        code(operator),
        String(calls),
        bar(ms),
        formatMs(longest),
        code(node),
        formatBytes(bytes, true),
      ]),
      [1, 2, 3, 5],
    ));
  }
  return parts.join("\n");
}

function block({ text, cut }: CutText, kind = ""): string {
  return `<pre${kind === "" ? "" : ` class="${kind}"`}>${escapeHtml(text)}</pre>` +
    (cut === "" ? "" : `<p>${escapeHtml(cut)}</p>`);
}

function code(text: string): string {
  return text === "" ? "" : `<code>${escapeHtml(text)}</code>`;
}

function list(items: readonly string[]): string {
  return items.length === 0 ? "" : `<ul>${items.map((item) => `<li>${escapeHtml(item)}</li>`).join("")}</ul>`;
}

/** Cells are HTML. @param right columns that are aligned to the right */
function table(titles: readonly string[], rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const cell = (tag: string, text: string, i: number): string =>
    `<${tag}${right.includes(i) ? ' class="right"' : ""}>${text}</${tag}>`;
  const line = (tag: string, cells: readonly string[]): string =>
    `<tr>${cells.map((text, i) => cell(tag, text, i)).join("")}</tr>`;
  return `<div class="scroll"><table><thead>${line("th", titles)}</thead><tbody>${
    rows.map((cells) => line("td", cells)).join("\n")
  }</tbody></table></div>`;
}
