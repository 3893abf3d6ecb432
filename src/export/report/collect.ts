/** Puts together what a report says, from what an export has come to: all of it, or the part before a failure. */
import { type ExportedProgram, formatConstraints, formatSignature } from "../../fx/mod.ts";
import { printGraph } from "../../fx/print_program.ts";
import { ExportError, Fx2OnnxError, OptionError, sourceText, UnsupportedOperatorError } from "../../ir/mod.ts";
import { printModel } from "../../onnx/print.ts";
import { isModel, type Trail } from "../export.ts";
import type { Profile } from "../profile.ts";
import { STEPS } from "../steps.ts";
import { analyzeOperators, operatorName } from "./operators.ts";
import { drawModel, drawProgram } from "./drawing.ts";
import type { Cause, CutText, Report, Status, StepRow } from "./report.ts";
import { analyzeShapes } from "./shapes.ts";
import { Sources } from "./sources.ts";

/** Longer texts are cut: lines, and characters. */
const MOST_LINES = 4000;
const MOST_CHARACTERS = 1_000_000;

/**
 * What is to be told of an export.
 *
 * @param error what ended it; null when it went well
 * @param time when it began, as file names have it
 */
export function collect(
  trail: Trail,
  { error, time, profile }: { readonly error: unknown; readonly time: string; readonly profile: Profile | null },
): Report {
  const { program, lowered, result, settings } = trail;
  const traced = trail.functional ?? program;
  const model = result?.model ?? lowered?.model ?? null;
  const sources = new Sources(program ?? null, model);
  const dimName = result?.dimName ?? String;
  return {
    status: statusOf(trail, error),
    time,
    input: program?.source ?? nameOf(trail.input),
    output: writtenText(trail),
    versions: [
      ...trail.capture ? [`captured ${trail.capture.strategy}`] : [],
      ...program && !trail.capture ? [`torch ${program.torchVersion}`, `archive schema ${program.schemaVersion}`] : [],
      `opset ${settings.opset}`,
      `target ${settings.target}`,
    ],
    steps: stepsOf(trail),
    error: error === null || error === undefined ? null : { message: cut(messageOf(error)), causes: causesOf(error) },
    program: program ? programText(program) : null,
    model: model ? cut(printModel(model, { dimName })) : null,
    operators: traced ? analyzeOperators(program!, traced, model, error, sources) : null,
    shapes: program ? analyzeShapes(program, traced!, lowered ?? null, dimName) : null,
    sources: sources.entries,
    verification: result?.verification ?? null,
    profile,
    drawing: model
      ? drawModel(
        model,
        sources,
        new Set(result?.verification?.divergence ? [result.verification.divergence.node] : []),
        { dimName },
      )
      : program
      ? drawProgram(program, sources, markedBy(error))
      : null,
  };
}

function programText(program: ExportedProgram): Report["program"] {
  return {
    graph: cut(printGraph(program.graph, "GraphModule").trimEnd()),
    signature: cut(formatSignature(program).trim()),
    ranges: cut(formatConstraints(program.constraints)),
  };
}

/** A text that does not exceed the limits. */
export function cut(text: string, mostLines = MOST_LINES, mostCharacters = MOST_CHARACTERS): CutText {
  let end = 0, lines = 0;
  while (end < text.length && lines < mostLines) {
    const next = text.indexOf("\n", end);
    const after = next < 0 ? text.length : next + 1;
    if (after > mostCharacters) break;
    end = after;
    lines++;
  }
  if (end >= text.length) return { text, cut: "" };
  const total = text.split("\n").length;
  // A single line may be too long: its start is shown.
  const shown = lines === 0 ? text.slice(0, mostCharacters) : text.slice(0, end).trimEnd();
  return { text: shown, cut: `Cut after ${lines === 0 ? "part of its first line" : `${lines} lines`} of ${total}` };
}

/** How the export ended, in PyTorch's words. */
function statusOf({ steps, program, result }: Trail, error: unknown): Status {
  // A program that can't be dumped is exported all the same.
  const failed = steps.records.findLast((step) => step.status === "failed")?.name;
  if (failed !== undefined && isCapture(failed)) return program ? afterCapture(result, error) : "pt_export";
  switch (failed) {
    case STEPS.read:
    case STEPS.check:
      return "pt_export";
    case STEPS.functionalize:
      return "decomp";
    case STEPS.translate:
    case STEPS.optimize:
    case STEPS.functions:
      return "conversion";
    case STEPS.write:
      return "save";
    case STEPS.verify:
      return "runtime";
  }
  return afterCapture(result, error);
}

/** How an export ended all of whose steps went well, but for ways to capture the model before the one that worked. */
function afterCapture(result: Trail["result"], error: unknown): Status {
  if (error instanceof OptionError) return "options";
  if (error !== null && error !== undefined) return "conversion";
  const verification = result?.verification;
  if (!verification || verification.passed) return "success";
  return verification.failure !== null ? "runtime" : "accuracy";
}

/** The steps that were taken, and in their places those that were not. */
function stepsOf(trail: Trail): StepRow[] {
  const { records } = trail.steps;
  const verification = trail.result?.verification;
  const taken = records.map(({ name, status, ms, failure }): StepRow => {
    const differs = name === STEPS.verify && verification?.passed === false;
    const note = differs ? "the results differ" : isCapture(name) ? failure : "";
    return { name, mark: status === "done" && !differs ? "✅" : "❌", ms, note };
  });
  const rows: StepRow[] = [];
  let next = 0;
  for (const [name, note] of planOf(trail)) {
    const found = taken.findIndex((row, i) => i >= next && row.name === name);
    if (found < 0) {
      rows.push({ name, mark: "⚪", ms: null, note });
      continue;
    }
    rows.push(...taken.slice(next, found + 1));
    next = found + 1;
  }
  return [...rows, ...taken.slice(next)];
}

/** Whether a step is one way to capture a model. */
function isCapture(step: string): boolean {
  return step.startsWith(STEPS.capture);
}

/** Every step, with why it has not been taken if it has not. */
function planOf({ input, program, settings, steps, f }: Trail): [name: string, note: string][] {
  const captures = steps.records.filter(({ name }) => isCapture(name));
  const start: [name: string, note: string][] = isModel(input)
    ? captures.length > 0 ? captures.map(({ name }) => [name, ""]) : [[STEPS.capture, "not reached"]]
    : [[STEPS.read, program !== undefined && program === input ? "a program was given" : "not reached"]];
  const wanted = (is: boolean): string => is ? "not reached" : "not asked for";
  return [
    ...start,
    ...settings.dumpExportedProgram ? [[STEPS.dump, "not reached"] as [string, string]] : [],
    ...settings.check ? [[STEPS.check, "not reached"] as [string, string]] : [],
    [STEPS.functionalize, "not reached"],
    [STEPS.translate, "not reached"],
    [STEPS.optimize, wanted(settings.optimize)],
    ...settings.moduleFunctions !== null ? [[STEPS.functions, "not reached"] as [string, string]] : [],
    [STEPS.write, wanted(f !== null)],
    [STEPS.verify, wanted(settings.verify)],
  ];
}

function messageOf(error: unknown): string {
  if (error instanceof Fx2OnnxError) return error.message;
  // An error that nobody meant: where it was thrown helps whoever is told of it.
  return error instanceof Error ? error.stack ?? `${error.name}: ${error.message}` : String(error);
}

function causesOf(error: unknown): Cause[] {
  const errors = error instanceof ExportError ? error.errors : [error];
  return errors.flatMap((one) => {
    if (!(one instanceof Fx2OnnxError)) return [];
    const { operator = "", node = "", module = "", source, hint = "" } = one.location;
    return [{ fact: one.fact, operator, node, module, source: source ? sourceText(source) : "", hint }];
  });
}

/** What a drawing is to point out: nodes that were refused, and calls of operators without a rule. */
function markedBy(error: unknown): Set<string> {
  const errors = error instanceof ExportError ? error.errors : [error];
  const marked = new Set<string>();
  for (const one of errors) {
    if (!(one instanceof Fx2OnnxError)) continue;
    if (one.location.node !== undefined) marked.add(one.location.node);
    if (one instanceof UnsupportedOperatorError) marked.add(operatorName(one.target));
  }
  return marked;
}

function nameOf(input: Trail["input"]): string {
  if (typeof input === "string" || input instanceof URL) return String(input);
  if (input instanceof Blob) return input instanceof File ? input.name : "a Blob";
  if (input instanceof Uint8Array || input instanceof ArrayBuffer) return `${input.byteLength} bytes`;
  if (isModel(input) && typeof input !== "function") return input.constructor.name;
  return "name" in input && typeof input.name === "string" ? input.name : "a program";
}

function writtenText({ result, f }: Trail): string {
  const written = result?.written;
  if (f === null || !written) return "";
  const { files, bytes, dataBytes, inPlace } = written;
  return `${files.map(String).join(" and ")}: ${bytes + dataBytes} bytes` +
    (inPlace > 0 ? `, ${inPlace} weights stay in the archive` : "");
}
