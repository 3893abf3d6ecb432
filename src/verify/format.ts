/** A verification report as text, one line per output. */
import { formatPlacement } from "./placement.ts";
import type { Divergence, OutputComparison, RunComparison, VerificationReport } from "./report.ts";

/** The lines of a report: every output with its differences, then what went wrong and what a reader should know. */
export function formatReport(report: VerificationReport): string[] {
  const lines: string[] = [];
  if (report.failure !== null) lines.push(`❌ ${report.failure}`);
  for (const run of report.runs) lines.push(...formatRun(run, report.ep));
  if (report.divergence) lines.push(...formatDivergence(report.divergence, divergenceTitle(report)));
  if (report.runtimeFusion) {
    lines.push("Every value agrees when all are outputs: the difference comes from runtime fusion in onnxruntime-web");
  }
  if (report.hidden.length > 0) lines.push(`Not shown: ${report.hidden.join(", ")}`);
  if (report.placement) lines.push(...formatPlacement(report.placement));
  for (const note of report.notes) lines.push(`Note: ${note}`);
  return lines;
}

/** What the first node that differs is called: its difference may be one that no output shows. */
export function divergenceTitle({ passed }: VerificationReport): string {
  return passed ? "First difference inside, which no output shows" : "First difference";
}

function formatDivergence(
  { value, onnxNode, node, operator, module, source, comparison }: Divergence,
  title: string,
): string[] {
  return [
    `${title}: ${value} of ${node} (${operator}): ${comparison.reason}`,
    ...(module === null ? [] : [`  in ${module}`]),
    ...(source === null ? [] : [`  ${source}`]),
    ...(onnxNode === null ? [] : [`  given by ${onnxNode} of the model`]),
    // The reason tells the first element.
    ...comparison.first.slice(1).map((e) => `  [${e.index.join(", ")}]: ${e.actual} instead of ${e.expected}`),
  ];
}

function formatRun(run: RunComparison, ep: string): string[] {
  const where = `(${ep}, ${run.inputs})`;
  if (run.reason !== "") return [`❌ ${run.reason} ${where}`];
  return run.outputs.map((output) => `${formatOutput(output)} ${where}`);
}

function formatOutput({ name, actual, maxAbs, maxRel, passed, reason }: OutputComparison): string {
  const kind = actual === "" ? name : `${name} ${actual}`;
  const differences = `max abs ${maxAbs.toExponential(2)}, max rel ${maxRel.toExponential(2)}`;
  return passed ? `✅ ${kind}: ${differences}` : `❌ ${kind}: ${reason}, ${differences}`;
}
