/** A report as Markdown: GitHub's, which has tables. */
import { divergenceTitle } from "../../verify/format.ts";
import type { VerificationReport } from "../../verify/report.ts";
import type { Profile } from "../profile.ts";
import { cellCode, codeBlock, inlineCode, plainText } from "./escape.ts";
import { CASTS, formatBytes, formatDifference, formatMs, plural, referenceText } from "./format.ts";
import { histogramText } from "./histogram.ts";
import type { Count, CutText, OperatorAnalysis, Report, ShapeAnalysis, SourceEntry } from "./report.ts";

/** The text of a report. */
export function formatMarkdown(report: Report): string {
  const sections = [head(report), steps(report)];
  const add = (title: string, body: string | null): void => {
    if (body !== null) sections.push(`## ${title}\n\n${body.trimEnd()}\n`);
  };
  const { error, program, model, operators, shapes, verification, profile } = report;
  add("Error", error && errorText(error));
  add("Exported program", program && block(program.graph, "python"));
  add("Graph signature", program && block(program.signature));
  add("Range constraints", program && block(program.ranges));
  add("ONNX model", model && block(model));
  add("Operators", operators && operatorsText(operators));
  add("Dynamic shapes", shapes && shapesText(shapes));
  add("Source lines", report.sources.length === 0 ? null : sourcesText(report.sources));
  add("Verification", verification && verificationText(verification));
  add("Profile", profile && profileText(profile));
  return sections.join("\n");
}

function head({ status, input, output, versions, time }: Report): string {
  return `# PyTorch to ONNX: ${status}\n\n` + [
    `- Program: ${inlineCode(input)}`,
    ...output === "" ? [] : [`- Model: ${inlineCode(output)}`],
    `- Versions: ${versions.map(inlineCode).join(", ")}`,
    `- Time: ${time} (UTC)`,
  ].join("\n") + "\n";
}

function steps(report: Report): string {
  const line = ({ mark, name, ms, note }: Report["steps"][number]): string => {
    const about = [...ms === null ? [] : [formatMs(ms)], ...note === "" ? [] : [note]];
    return `- ${mark} ${name} (${about.join(", ")})`;
  };
  return `## Steps\n\n${report.steps.map(line).join("\n")}\n`;
}

function errorText({ message, causes }: NonNullable<Report["error"]>): string {
  const lines = [block(message)];
  if (causes.some((cause) => cause.node !== "" || cause.operator !== "")) {
    lines.push(
      table(
        ["What", "Operator", "Node", "Module", "Source"],
        causes.map(({ fact, operator, node, module, source }) => [
          cellText(fact),
          ...[operator, node, module, source].map(cellCode),
        ]),
      ),
    );
  }
  return lines.join("\n");
}

function operatorsText({ aten, onnx, unsupported, casts }: OperatorAnalysis): string {
  const parts = [];
  if (unsupported.length > 0) {
    parts.push("### Unsupported\n");
    for (const { name, count, lines } of unsupported) {
      parts.push(`- ${inlineCode(name)}: ${plural(count, "call")}`);
      for (const line of lines) {
        parts.push(`  - ${inlineCode(line.name)}${line.count > 1 ? ` (${line.count} times)` : ""}`);
      }
    }
    parts.push("");
  } else parts.push("All operators have a translation.\n");
  parts.push("### ATen\n", countsText(aten, "Operator"));
  if (onnx.length > 0) parts.push("### ONNX\n", countsText(onnx, "Operator"));
  if (casts !== null) {
    parts.push("### Lossy casts\n");
    parts.push(
      casts.length === 0 ? "No node casts to a narrower dtype unless the program does." : `${CASTS}.\n\n` + table(
        ["Node", "From", "To", "Made of", "Source"],
        casts.map(({ node, from, to, origin, source }) => [node, from, to, origin, source].map(cellCode)),
      ),
    );
  }
  return parts.join("\n");
}

function countsText(counts: readonly Count[], title: string): string {
  return table([title, "Nodes"], counts.map(({ name, count }) => [cellCode(name), String(count)]), [1]);
}

function shapesText({ dims, dataDependent }: ShapeAnalysis): string {
  const dynamic = dims.filter((dim) => dim.frozen === "");
  const frozen = dims.filter((dim) => dim.frozen !== "");
  const place = (axis: number | null): string => axis === null ? "–" : String(axis);
  const parts = [
    dynamic.length === 0 ? "No dim of an input is dynamic.\n" : table(
      ["Input", "Axis", "Dim", "Name", "Range", "Drives"],
      dynamic.map(({ input, axis, dim, name, range, drives }) => [
        cellCode(input),
        place(axis),
        cellCode(dim),
        cellCode(name),
        cellCode(range),
        drives.length === 0 ? "no output" : drives.map(cellCode).join(", "),
      ]),
    ),
  ];
  if (dataDependent.length > 0) {
    parts.push(`Sizes that depend on values: ${dataDependent.map(inlineCode).join(", ")}\n`);
  }
  if (frozen.length > 0) {
    parts.push(
      "### Frozen\n",
      table(
        ["Input", "Axis", "Size", "Why"],
        frozen.map(({ input, axis, dim, frozen: why }) => [cellCode(input), place(axis), cellCode(dim), cellText(why)]),
      ),
    );
  }
  return parts.join("\n");
}

function sourcesText(sources: readonly SourceEntry[]): string {
  return table(
    ["Line", "Code", "FX nodes", "ONNX nodes"],
    sources.map((
      { place, code, nodes, onnx },
    ) => [cellCode(place), cellCode(code), String(nodes.length), String(onnx)]),
    [2, 3],
  );
}

function verificationText(report: VerificationReport): string {
  const { runs, divergence, failure } = report;
  const parts = [
    `${report.passed ? "✅ Passed" : "❌ Failed"}, on ${report.ep}, compared with ` +
    `${referenceText(report)}.\n`,
  ];
  if (failure !== null) parts.push(block({ text: failure, cut: "" }));
  const rows = runs.flatMap((run) =>
    run.reason !== ""
      ? [["❌", cellCode(run.inputs), "", "", "", "", "", cellText(run.reason)]]
      : run.outputs.map((o) => [
        o.passed ? "✅" : "❌",
        cellCode(run.inputs),
        cellCode(o.name),
        cellCode(o.actual),
        formatDifference(o.maxAbs),
        formatDifference(o.maxRel),
        String(o.mismatches),
        cellText(o.reason),
      ])
  );
  if (rows.length > 0) {
    parts.push(
      table(["", "Inputs", "Output", "Type", "Max abs", "Max rel", "Elements that differ", "Why"], rows, [4, 5, 6]),
    );
  }
  const histograms = runs.flatMap((run) =>
    run.outputs.filter((o) => o.absHistogram.length > 0).map((o) => [
      cellCode(run.inputs),
      cellCode(o.name),
      histogramText(o.absHistogram),
      histogramText(o.relHistogram),
    ])
  );
  if (histograms.length > 0) {
    parts.push(
      "Elements by their difference:\n",
      table(["Inputs", "Output", "Absolute", "Relative"], histograms),
    );
  }
  if (divergence) {
    const { value, node, operator, source, comparison } = divergence;
    parts.push(
      `${divergenceTitle(report)}: ${inlineCode(value)} of ${inlineCode(node)} (${inlineCode(operator)}): ` +
        `${plainText(comparison.reason)}\n${source === null ? "" : `\n${inlineCode(source)}\n`}`,
    );
  }
  if (report.runtimeFusion) parts.push("Every value agrees when all are outputs: the runtime's fusion is at fault.\n");
  if (report.hidden.length > 0) parts.push(`Not shown: ${report.hidden.map(plainText).join(", ")}\n`);
  for (const note of report.notes) parts.push(`- ${plainText(note)}`);
  return parts.join("\n");
}

function profileText({ steps, operators }: Profile): string {
  const parts = [
    table(
      ["Step", "Time", "Memory before", "Memory after", "Growth"],
      steps.map(({ name, ms, before, after }) => [
        name,
        formatMs(ms),
        formatBytes(before),
        formatBytes(after),
        formatBytes(before === null || after === null ? null : after - before, true),
      ]),
      [1, 2, 3, 4],
    ),
  ];
  if (operators.length > 0) {
    parts.push(
      "### Translation by operator\n",
      table(
        ["Operator", "Calls", "Time", "Longest", "Its node", "Growth"],
        operators.map(({ operator, calls, ms, longest, node, bytes }) => [
          cellCode(operator),
          String(calls),
          formatMs(ms),
          formatMs(longest),
          cellCode(node),
          formatBytes(bytes, true),
        ]),
        [1, 2, 3, 5],
      ),
    );
  }
  return parts.join("\n");
}

function block({ text, cut }: CutText, language = ""): string {
  return codeBlock(text, language) + (cut === "" ? "" : `\n${cut}.\n`);
}

/** Words in the cell of a table. */
function cellText(text: string): string {
  return plainText(text);
}

/** @param right columns that are aligned to the right */
function table(titles: readonly string[], rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |\n`;
  return line(titles) + line(titles.map((_, i) => right.includes(i) ? "---:" : "---")) + rows.map(line).join("");
}
