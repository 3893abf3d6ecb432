/**
 * A graph as boxes and arrows, before anything is placed: an ONNX model, or the program where there is no model. What would
 * be too large to look at is folded: runs of nodes of one module become one box, so that the drawing stays without cycles.
 */
import { type ExportedProgram, type FxGraph, FxValue, graphsOf } from "../../fx/mod.ts";
import type { Origin, Value } from "../../ir/mod.ts";
import { type Model, OnnxValue } from "../../onnx/model.ts";
import { type PrintOptions, typeText } from "../../onnx/print.ts";
import { formatMeta } from "../../tensor/mod.ts";
import { plural } from "./format.ts";
import { operatorName, operatorOf } from "./operators.ts";
import type { Sources } from "./sources.ts";

/** More boxes are not drawn: beyond it a layout takes long and nobody finds anything. */
export const MOST_BOXES = 400;

/** A box. */
export interface Box {
  readonly label: string;
  /** A second line; may be empty. */
  readonly detail: string;
  /** What is shown when it is pointed at. */
  readonly title: string;
  readonly kind: "input" | "output" | "node" | "group" | "marked";
  /** Index of its source line; null where there is none. */
  readonly source: number | null;
}

/** An arrow between boxes, by their indices. */
export interface Arrow {
  readonly from: number;
  readonly to: number;
  /** The values that go along it. */
  readonly title: string;
}

/** Boxes and arrows. */
export interface Drawing {
  readonly boxes: readonly Box[];
  readonly arrows: readonly Arrow[];
  /** What a reader should know: what is folded or left out. */
  readonly notes: readonly string[];
}

/** A node of either dialect, as far as a drawing needs it. */
interface Item {
  readonly label: string;
  readonly name: string;
  readonly origin: Origin | null;
  readonly operands: Iterable<Value>;
  readonly outputs: readonly Value[];
}

/** A graph of either dialect. */
interface Items {
  readonly nodes: readonly Item[];
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** Nodes in nested graphs and in functions. */
  readonly nested: number;
  readonly typeOf: (value: Value) => string;
}

/**
 * Draws a model.
 *
 * @param marked names of nodes, or operators, to point out
 */
export function drawModel(
  model: Model,
  sources: Sources,
  marked: ReadonlySet<string> = new Set(),
  options: PrintOptions = {},
): Drawing {
  const { graph } = model;
  const nodes = [...graph.nodes()].map((node): Item => ({
    label: operatorOf(node),
    name: node.name,
    origin: node.origin,
    operands: node.operands(),
    outputs: node.outputs,
  }));
  return draw(
    {
      nodes,
      inputs: graph.inputs.filter((value) => value.initializer === null),
      outputs: graph.outputs,
      nested: [...model.allNodes()].length - nodes.length,
      typeOf: (value) => value instanceof OnnxValue ? typeText(value, options) : "",
    },
    sources,
    marked,
  );
}

/** Draws a program, as it was captured. @param marked names of nodes, or operators, to point out */
export function drawProgram(
  { graph, signature }: ExportedProgram,
  sources: Sources,
  marked: ReadonlySet<string> = new Set(),
): Drawing {
  const nodes = [...graph.nodes()].map((node): Item => ({
    label: operatorName(node.target),
    name: node.name,
    origin: node.origin,
    operands: node.operands(),
    outputs: node.outputs,
  }));
  const count = (g: FxGraph): number => {
    let total = 0;
    for (const node of g.nodes()) for (const inner of graphsOf(node)) total += inner.size + count(inner);
    return total;
  };
  return draw(
    {
      nodes,
      inputs: signature.inputSpecs.filter((spec) => spec.kind === "USER_INPUT").map((spec) => spec.value),
      outputs: graph.outputs.filter((arg) => arg instanceof FxValue),
      nested: count(graph),
      typeOf: (value) => value instanceof FxValue && value.meta.kind === "tensor" ? formatMeta(value.meta) : "",
    },
    sources,
    marked,
  );
}

function draw(items: Items, sources: Sources, marked: ReadonlySet<string>): Drawing {
  const { nodes, inputs, outputs, typeOf } = items;
  const notes = ["Weights are not drawn"];
  if (items.nested > 0) {
    notes.push(`Not drawn: ${plural(items.nested, "node")} in the bodies of branches, loops and functions`);
  }
  const ends = inputs.length + outputs.length;
  const groups = group(nodes, MOST_BOXES - ends);
  if (groups === null) {
    notes.push(
      `The graph is left out: it has ${nodes.length} nodes and ${ends} inputs and outputs, over the limit of ` +
        `${MOST_BOXES}, and its modules do not fold to fewer`,
    );
    return { boxes: [], arrows: [], notes };
  }
  if (groups.length < nodes.length) {
    notes.push(
      `${nodes.length} nodes are folded to ${groups.length} boxes, by modules: more than ${MOST_BOXES} are not drawn`,
    );
  }
  const boxes: Box[] = [];
  const boxOf = new Map<Value, number>();
  for (const value of inputs) {
    boxOf.set(value, boxes.length);
    boxes.push({ label: value.name, detail: typeOf(value), title: "input", kind: "input", source: null });
  }
  const arrows = new Map<string, { from: number; to: number; names: string[] }>();
  const connect = (value: Value, to: number): void => {
    const from = boxOf.get(value);
    if (from === undefined || from === to) return;
    const key = `${from} ${to}`;
    const arrow = arrows.get(key) ?? { from, to, names: [] };
    arrows.set(key, arrow);
    const text = `${value.name} ${typeOf(value)}`.trimEnd();
    if (!arrow.names.includes(text)) arrow.names.push(text);
  };
  for (const { members, module } of groups) {
    const index = boxes.length;
    boxes.push(
      members.length === 1 ? boxFor(members[0], typeOf, sources, marked) : foldedBox(members, module, sources, marked),
    );
    for (const member of members) {
      for (const value of member.operands) connect(value, index);
      for (const value of member.outputs) boxOf.set(value, index);
    }
  }
  for (const value of outputs) {
    connect(value, boxes.length);
    boxes.push({ label: value.name, detail: typeOf(value), title: "output", kind: "output", source: null });
  }
  return {
    boxes,
    arrows: [...arrows.values()].map(({ from, to, names }) => ({ from, to, title: names.join("\n") })),
    notes,
  };
}

/** Nodes that become one box. */
interface Group {
  readonly members: Item[];
  /** Path and class of the module that they share. */
  readonly module: string;
}

/** Groups of nodes, as few together as the limit allows; null where even whole modules are too many. */
function group(nodes: readonly Item[], most: number): Group[] | null {
  if (nodes.length <= most) return nodes.map((node) => ({ members: [node], module: "" }));
  const deepest = nodes.reduce((depth, { origin }) => Math.max(depth, origin?.modules.length ?? 0), 0);
  // The outermost module is the whole program: a single box tells nothing.
  for (let depth = deepest; depth > 1; depth--) {
    const groups = runs(nodes, depth);
    if (groups.length <= most) return groups;
  }
  return null;
}

/** Runs of nodes that lie in the same module, modules taken to a depth. */
function runs(nodes: readonly Item[], depth: number): Group[] {
  const groups: Group[] = [];
  let last = "";
  for (const node of nodes) {
    const scope = node.origin?.modules.slice(0, depth).at(-1);
    // Nodes of no module's own, as those for sizes are, go with what is around them.
    const module = scope ? `${scope.path || "the program"} (${scope.className.split(".").at(-1)})` : last;
    if (groups.length === 0 || module !== last) groups.push({ members: [], module });
    groups.at(-1)!.members.push(node);
    last = module;
  }
  return groups;
}

function boxFor(item: Item, typeOf: (value: Value) => string, sources: Sources, marked: ReadonlySet<string>): Box {
  const { label, name, origin, outputs } = item;
  const module = origin?.modules.at(-1);
  const title = [
    `${label} ${name}`,
    ...outputs.filter((value) => value.name !== "").map((value) => `${value.name} ${typeOf(value)}`.trimEnd()),
    ...origin ? [`from ${origin.node} (${origin.target})`] : [],
    ...module ? [`in ${module.path || "the program"} (${module.className})`] : [],
    ...sources.text(origin) ? [sources.text(origin)] : [],
  ];
  return {
    label,
    detail: outputs.length > 0 ? typeOf(outputs[0]) : "",
    title: title.join("\n"),
    kind: isMarked(item, marked) ? "marked" : "node",
    source: sources.indexOf(origin),
  };
}

function foldedBox(members: readonly Item[], module: string, sources: Sources, marked: ReadonlySet<string>): Box {
  const counts = new Map<string, number>();
  for (const { label } of members) counts.set(label, (counts.get(label) ?? 0) + 1);
  const list = [...counts].sort((a, b) => b[1] - a[1]).map(([label, n]) => `${n} ${label}`);
  return {
    label: module || "nodes",
    detail: `${members.length} nodes`,
    title: `${module}\n${list.join("\n")}`.trim(),
    kind: members.some((member) => isMarked(member, marked)) ? "marked" : "group",
    source: members.map(({ origin }) => sources.indexOf(origin)).find((index) => index !== null) ?? null,
  };
}

function isMarked({ name, label, origin }: Item, marked: ReadonlySet<string>): boolean {
  return marked.has(name) || marked.has(label) || (origin !== null && marked.has(origin.node));
}
