/** Which operators a program and its model have, which have no rule, and where a model holds less than the program said. */
import { allNodes, type ExportedProgram, formatTarget, type FxNode } from "../../fx/mod.ts";
import { ExportError, UnsupportedOperatorError } from "../../ir/mod.ts";
import type { Model, OnnxNode } from "../../onnx/model.ts";
import { categoryOf, type DType, isSigned, itemsize } from "../../tensor/mod.ts";
import type { Count, LossyCast, OperatorAnalysis, UnsupportedOperator } from "./report.ts";
import type { Sources } from "./sources.ts";

/**
 * Counts operators and finds what is worth a look.
 *
 * @param program as it was read: its operators are counted
 * @param functional what was translated: its nodes are what the model's come from
 */
export function analyzeOperators(
  program: ExportedProgram,
  functional: ExportedProgram,
  model: Model | null,
  error: unknown,
  sources: Sources,
): OperatorAnalysis {
  const aten = new Map<string, number>();
  for (const node of allNodes(program.graph)) add(aten, operatorName(node.target));
  const onnx = new Map<string, number>();
  if (model) { for (const node of model.allNodes()) add(onnx, operatorOf(node)); }
  return {
    aten: sorted(aten),
    onnx: sorted(onnx),
    unsupported: unsupportedIn([program, functional], error, sources),
    casts: model ? lossyCasts(model, functional, sources) : null,
  };
}

/** An FX operator, shortly: `aten.linear.default`, `higher_order.cond`, `operator.mul`. */
export function operatorName(target: string): string {
  return formatTarget(target).replace(/^torch\.ops\./, "");
}

/** The ONNX operator, with its domain where that is not ONNX's own. */
export function operatorOf({ domain, opType }: OnnxNode): string {
  return domain === "" ? opType : `${domain}.${opType}`;
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** Most frequent first, then by name. */
function sorted(counts: ReadonlyMap<string, number>): Count[] {
  return [...counts].map(([name, count]) => ({ name, count }))
    .sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1));
}

function unsupportedIn(
  programs: readonly ExportedProgram[],
  error: unknown,
  sources: Sources,
): UnsupportedOperator[] {
  const errors = error instanceof ExportError ? error.errors : [error];
  return errors.filter((one) => one instanceof UnsupportedOperatorError).map(({ target, count }) => {
    const lines = new Map<string, number>();
    // What a pass has put in the place of a call is in the second program only.
    for (const { graph } of programs) {
      if (lines.size > 0) break;
      for (const node of allNodes(graph)) {
        if (node.target === target) add(lines, sources.text(node.origin) || "no source line is recorded");
      }
    }
    return { name: operatorName(target), count, lines: sorted(lines) };
  });
}

/** Casts that can change values, although no result of the node that they come from is that narrow. */
function lossyCasts(model: Model, functional: ExportedProgram, sources: Sources): LossyCast[] {
  const nodes = new Map<string, FxNode>();
  for (const node of allNodes(functional.graph)) nodes.set(node.name, node);
  const casts: LossyCast[] = [];
  for (const node of model.allNodes()) {
    if (node.opType !== "Cast" && node.opType !== "CastLike") continue;
    const from = node.inputs[0]?.meta?.dtype, to = node.outputs[0].meta?.dtype;
    if (from === undefined || to === undefined || holds(to, from)) continue;
    const origin = node.origin ? nodes.get(node.origin.node) : undefined;
    if (origin && isAskedFor(origin, to)) continue;
    casts.push({
      node: node.name,
      from,
      to,
      origin: node.origin ? `${node.origin.node} (${node.origin.target})` : "",
      source: sources.text(node.origin),
    });
  }
  return casts;
}

/** Whether a result of the node holds no more than the cast leaves. */
function isAskedFor({ outputs }: FxNode, to: DType): boolean {
  return outputs.some(({ meta }) => {
    if (meta.kind === "tensor") return holds(to, meta.dtype);
    return meta.kind === "sym" && holds(to, meta.type === "int" ? "int64" : meta.type === "bool" ? "bool" : "float32");
  });
}

/** Digits of the significand, and the exponent that values stay below, in bits. */
const FLOATS: Partial<Record<DType, readonly [digits: number, exponent: number]>> = {
  float64: [53, 1024],
  float32: [24, 128],
  bfloat16: [8, 128],
  float16: [11, 16],
  float8_e4m3fn: [4, 9],
  float8_e4m3fnuz: [4, 8],
  float8_e5m2: [3, 16],
  float8_e5m2fnuz: [3, 16],
  float8_e8m0fnu: [1, 128],
};

/** Whether every value of `from` is one of `to`. Truth is all that a cast to bool asks for, so it loses nothing. */
export function holds(to: DType, from: DType): boolean {
  if (to === from || to === "bool" || from === "bool") return true;
  const [kind, wanted] = [categoryOf(to), categoryOf(from)];
  if (kind === "complex" || wanted === "complex") {
    return kind === "complex" && (wanted !== "complex" || itemsize(to) >= itemsize(from));
  }
  if (kind === "float" && wanted === "float") {
    const [a, b] = [FLOATS[to]!, FLOATS[from]!];
    return a[0] >= b[0] && a[1] >= b[1];
  }
  const bits = (dtype: DType): number => 8 * itemsize(dtype) - (isSigned(dtype) ? 1 : 0);
  if (kind === "float") return FLOATS[to]![0] >= bits(from) && FLOATS[to]![1] >= bits(from);
  return wanted === "int" && bits(to) >= bits(from) && (isSigned(to) || !isSigned(from));
}
