/**
 * Shape inference: dtype and symbolic shape of every value of an ONNX graph, from those of its inputs. Knowledge of
 * ONNX's operators is kept by role here, as their set is closed: one table of rules per family.
 */
import { type Sym, symbol } from "../sym/mod.ts";
import { ALGEBRA } from "./infer_algebra.ts";
import { inferContent } from "./infer_content.ts";
import { CONTROL } from "./infer_control.ts";
import { ELEMENTWISE, MICROSOFT } from "./infer_elementwise.ts";
import { INDEX } from "./infer_index.ts";
import { LAYOUT } from "./infer_layout.ts";
import { constantOf, contentOfTensor, type InferContext, type Rule, Site } from "./infer_site.ts";
import { WINDOW } from "./infer_window.ts";
import type { Calls } from "./infer_functions.ts";
import type { OnnxGraph, OnnxNode } from "./model.ts";

export type { InferContext } from "./infer_site.ts";

const FAMILIES: readonly ReadonlyMap<string, Rule>[] = [ELEMENTWISE, LAYOUT, ALGEBRA, INDEX, WINDOW, CONTROL];

/** Operators that have a rule under the same name in ONNX's domain and in Microsoft's. */
function ruleOf(node: OnnxNode): Rule | undefined {
  if (node.domain === "com.microsoft") return MICROSOFT.get(node.opType);
  if (node.domain !== "" && node.domain !== "ai.onnx") return undefined;
  for (const family of FAMILIES) {
    const rule = family.get(node.opType);
    if (rule) return rule;
  }
  return undefined;
}

/** Whether dtype and shape of the operator's results can be inferred at all; false for strings, sequences, own domains. */
export function isInferable(node: OnnxNode): boolean {
  return ruleOf(node) !== undefined;
}

/**
 * Sets dtype and shape of each output of a node from those of its inputs, its attributes and its constants, and the
 * elements (`content`) of small integer and bool outputs where they can be told in terms of symbols.
 *
 * A size that depends on data is a fresh symbol; without a context it is named after the output. A meta that an output
 * already has is completed, never made less telling. Outputs stay unknown when an input they depend on is, and for
 * strings, sequences and operators of unknown domains.
 *
 * @throws {RangeError} when shapes, attributes or constants contradict each other
 *
 * @example
 * ```ts
 * import { symbol } from "../sym/mod.ts";
 * import { OnnxNode, OnnxValue } from "./model.ts";
 *
 * const x = new OnnxValue("x", { dtype: "float32", shape: [symbol("s0"), 8] });
 * const w = new OnnxValue("w", { dtype: "float32", shape: [8, 4] });
 * const node = new OnnxNode({ name: "mm", opType: "MatMul", inputs: [x, w], outputs: [new OnnxValue("y")] });
 * infer(node, 21);
 * node.outputs[0].meta; // { dtype: "float32", shape: [s0, 4] }
 * ```
 */
export function infer(node: OnnxNode, opset: number, context: InferContext | null = null): void {
  inferNode(node, opset, context, null);
}

function inferNode(node: OnnxNode, opset: number, context: InferContext | null, calls: Calls | null): void {
  const rule = ruleOf(node);
  const called = rule ? null : calls?.functionOf(node) ?? null;
  if (!rule && !called) return;
  const site = new Site(node, opset, context, (graph, force) => {
    if (force) forget(graph);
    inferNodes(graph, opset, context, calls);
  });
  if (rule) {
    rule(site);
    if (node.domain !== "com.microsoft") inferContent(site);
    return;
  }
  for (const [i, { meta, content }] of calls!.infer(node, called!, context).entries()) {
    if (meta) site.set(i, meta.dtype, meta.shape, content);
  }
}

/**
 * {@linkcode infer} for all nodes of a graph in order, its subgraphs included. Graph inputs need their metas; those of
 * initializers are taken from their tensors.
 *
 * @throws {RangeError} that names the node, when shapes, attributes or constants contradict each other
 */
export function inferGraph(graph: OnnxGraph, opset: number, context: InferContext | null = null): void {
  inferNodes(graph, opset, context, null);
}

/** {@linkcode inferGraph}, where nodes may be calls of functions. */
export function inferNodes(graph: OnnxGraph, opset: number, context: InferContext | null, calls: Calls | null): void {
  for (const value of graph.initializers) {
    const tensor = value.initializer;
    if (!tensor) continue;
    value.meta ??= { dtype: tensor.dtype, shape: tensor.shape };
    const constant = value.content ? null : constantOf(value);
    if (constant && (constant.dtype === "int64" || constant.dtype === "bool")) {
      value.content = contentOfTensor(constant);
    }
  }
  for (const node of graph.nodes()) {
    try {
      inferNode(node, opset, context, calls);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new RangeError(`${node.label}: ${error.message}`, { cause: error });
    }
  }
}

/** Forgets what was inferred of the results of a graph's nodes. */
function forget(graph: OnnxGraph): void {
  for (const node of graph.nodes()) {
    for (const value of node.outputs) {
      value.meta = null;
      value.content = null;
    }
    for (const body of node.subgraphs()) {
      forget(body);
      for (const value of body.inputs) value.meta = null;
    }
  }
}

/** Hands out symbols for sizes that depend on data, `unk0`, `unk1`, …, leaving out names that are taken. */
export class FreshSymbols implements InferContext {
  private readonly taken: ReadonlySet<string>;
  private next = 0;

  constructor(taken: Iterable<string> = []) {
    this.taken = new Set(taken);
  }

  /** A symbol that has not been given out before. */
  freshSymbol(_hint: string): Sym {
    let name: string;
    do name = `unk${this.next++}`; while (this.taken.has(name));
    return symbol(name);
  }
}
