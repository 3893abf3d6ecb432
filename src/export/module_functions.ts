/**
 * `exportModulesAsFunctions`: calls of modules become functions of the model, the innermost first. Calls whose nodes are the
 * same share a function; attributes in which they differ become the function's own, `inferred::NAME`.
 *
 * A function sees only its inputs: weights are given to it, small constants are written into it. Its values have the types
 * that all of its calls agree on.
 */
import { Names, type Origin } from "../ir/mod.ts";
import { agreement } from "../onnx/infer_functions.ts";
import { type Model, type OnnxAttribute, OnnxFunction, type OnnxGraph, OnnxNode, OnnxValue } from "../onnx/model.ts";
import type { Sym } from "../sym/mod.ts";
import type { Lowered } from "./lower.ts";

/** Constants up to this size are written into a function, in bytes. */
const EMBEDDED = 1024;

/**
 * Extracts functions in place.
 *
 * @param which classes, by name or full name; true for all
 * @returns what connects the model to its program now: values inside functions can't be seen
 */
export function extractFunctions(
  lowered: Lowered,
  which: true | ReadonlySet<string>,
): Lowered {
  const extraction = new Extraction(lowered, which);
  extraction.run();
  const { model, values } = lowered;
  const kept = [...values].flatMap(([fx, value]): [typeof fx, OnnxValue][] => {
    const now = extraction.current(value);
    return now ? [[fx, now]] : [];
  });
  return {
    ...lowered,
    values: new Map(kept),
    outputs: lowered.outputs.map(({ spec }, i) => ({ spec, value: model.graph.outputs[i] })),
  };
}

/** One call of a module: its nodes, and what goes in and out. */
interface ModuleCall {
  readonly path: string;
  readonly className: string;
  readonly nodes: readonly OnnxNode[];
  readonly inputs: readonly OnnxValue[];
  readonly embedded: ReadonlySet<OnnxValue>;
  readonly outputs: readonly OnnxValue[];
}

/** A function and what calls it. */
interface Shared {
  readonly definition: OnnxFunction;
  /** The nodes of the module, in order. */
  readonly nodes: readonly OnnxNode[];
  readonly calls: OnnxNode[];
}

class Extraction {
  private readonly model: Model;
  private readonly weights: ReadonlySet<string>;
  private readonly nodeNames = new Names();
  /** What stands for a value outside the function that it went into. */
  private readonly replaced = new Map<OnnxValue, OnnxValue | null>();
  /** The modules around a call, which its origin does not tell. */
  private readonly around = new Map<OnnxNode, Origin["modules"]>();
  private readonly shared = new Map<string, Shared>();

  constructor(lowered: Lowered, private readonly which: true | ReadonlySet<string>) {
    this.model = lowered.model;
    this.weights = new Set(lowered.ties.keys());
    for (const node of this.model.allNodes()) this.nodeNames.reserve(node.name);
  }

  run(): void {
    for (const path of this.paths()) this.extract(path);
    const { graph } = this.model;
    for (const value of graph.initializers) {
      const isUsed = value.uses.size > 0 || graph.outputs.includes(value) || graph.inputs.includes(value);
      if (!isUsed && !this.weights.has(value.name)) graph.initializers.delete(value);
    }
  }

  /** What stands for a value in the model's graph; null where it is inside a function. */
  current(value: OnnxValue): OnnxValue | null {
    let now: OnnxValue | null = value;
    while (now && this.replaced.has(now)) now = this.replaced.get(now)!;
    return now;
  }

  private modulesOf(node: OnnxNode): Origin["modules"] {
    return this.around.get(node) ?? node.origin?.modules ?? [];
  }

  /** Paths of the modules that become functions, the innermost first. The root is the model itself. */
  private paths(): string[] {
    const depths = new Map<string, number>();
    for (const node of this.model.graph.nodes()) {
      for (const [depth, { path, className }] of this.modulesOf(node).entries()) {
        if (path === "" || !this.isWanted(className) || isPlaceholder(path)) continue;
        depths.set(path, Math.max(depth, depths.get(path) ?? 0));
      }
    }
    return [...depths].sort(([, a], [, b]) => b - a).map(([path]) => path);
  }

  private isWanted(className: string): boolean {
    const { which } = this;
    return which === true || which.has(className) || which.has(className.split(".").at(-1)!);
  }

  private extract(path: string): void {
    const { graph } = this.model;
    const all = [...graph.nodes()];
    const nodes = all.filter((node) => this.modulesOf(node).some((scope) => scope.path === path));
    for (const group of callsAmong(all, new Set(nodes))) this.extractCall(path, group);
  }

  private extractCall(path: string, { nodes, after }: CallNodes): void {
    const { graph } = this.model;
    const own = new Set(nodes);
    const modules = this.modulesOf(nodes[0]);
    const at = modules.findIndex((scope) => scope.path === path);
    const call = this.describe(path, modules[at].className, nodes, own);
    const anchor = nodes.at(-1)!.next as OnnxNode | null;
    const key = this.keyOf(call);
    const shared = this.shared.get(key);
    const definition = shared?.definition ?? this.define(call);
    const node = this.callOf(call, definition, nodes, own);
    graph.insert(node, anchor);
    for (const follower of after) graph.move(follower, anchor);
    this.around.set(node, modules.slice(0, at));
    this.takeOut(call, node, shared ? null : definition);
    if (shared) this.unify(shared, call, node);
    else this.shared.set(key, { definition, nodes, calls: [node] });
  }

  /** Inputs in the order of their first use, and outputs in the order in which they are computed. */
  private describe(
    path: string,
    className: string,
    nodes: readonly OnnxNode[],
    own: ReadonlySet<OnnxNode>,
  ): ModuleCall {
    const inputs = new Set<OnnxValue>();
    const embedded = new Set<OnnxValue>();
    for (const node of nodes) {
      for (const value of node.operands() as Iterable<OnnxValue>) {
        if (value.producer && own.has(value.producer)) continue;
        if (this.isEmbedded(value)) embedded.add(value);
        else inputs.add(value);
      }
    }
    const inside = new Set([...nodes, ...nested(nodes)]);
    const { outputs } = this.model.graph;
    const given = nodes.flatMap((node) => node.outputs).filter((value) =>
      outputs.includes(value) || [...value.uses.keys()].some((user) => !inside.has(user as OnnxNode))
    );
    return { path, className, nodes, inputs: [...inputs], embedded, outputs: given };
  }

  private isEmbedded(value: OnnxValue): boolean {
    const tensor = value.initializer;
    return tensor !== null && tensor.isLoaded && tensor.byteLength <= EMBEDDED && !this.weights.has(value.name) &&
      !this.model.graph.inputs.includes(value);
  }

  /** A text that two calls have in common if one function can stand for both. */
  private keyOf({ className, nodes, inputs, embedded, outputs }: ModuleCall): string {
    const ids = new Map<OnnxValue, string>(inputs.map((value, i) => [value, `i${i}`]));
    for (const value of embedded) ids.set(value, constantText(value));
    // Numbers follow from the order in which values are defined, in graphs of nodes too.
    let count = 0;
    const define = (value: OnnxValue): string => {
      if (value.name === "") return "";
      ids.set(value, `v${count++}`);
      return ids.get(value)!;
    };
    const nodeText = (node: OnnxNode): string => {
      const attributes = [...node.attributes, ...node.references].map(([name, { type }]) => `${name}:${type}`).sort();
      const operands = node.inputs.map((value) => value ? ids.get(value) : "");
      const graphs = [...node.attributes].flatMap(([name, attribute]) =>
        attribute.type === "GRAPH" ? [`${name} ${graphText(attribute.value)}`] : []
      );
      return [node.domain, node.opType, operands, attributes.join(), ...graphs, node.outputs.map(define)].join(" ");
    };
    const graphText = (graph: OnnxGraph): string => {
      const given = graph.inputs.map(define);
      for (const value of graph.initializers) ids.set(value, constantText(value));
      const lines = [...graph.nodes()].map(nodeText);
      return `{${[given.join(), ...lines, graph.outputs.map((value) => ids.get(value)).join()].join("\n")}}`;
    };
    return [className, ...nodes.map(nodeText), outputs.map((value) => ids.get(value)).join()].join("\n");
  }

  /** A new function of the module's class. */
  private define({ className, nodes }: ModuleCall): OnnxFunction {
    const dot = className.lastIndexOf(".");
    const domain = dot < 0 ? "modules" : className.slice(0, dot);
    const base = className.slice(dot + 1);
    const { model } = this;
    let one = new OnnxFunction(domain, base);
    for (let i = 1; model.functions.has(one.key); i++) one = new OnnxFunction(domain, `${base}_${i}`);
    model.functions.set(one.key, one);
    if (!model.opsetImports.has(domain)) model.opsetImports.set(domain, 1);
    one.opsetImports.set("", model.opset);
    for (const node of [...nodes, ...nested(nodes)]) {
      one.opsetImports.set(node.domain, model.opsetImports.get(node.domain) ?? 1);
    }
    return one;
  }

  private callOf(
    { path, inputs, outputs }: ModuleCall,
    { domain, name }: OnnxFunction,
    nodes: readonly OnnxNode[],
    own: ReadonlySet<OnnxNode>,
  ): OnnxNode {
    const results = outputs.map((value) => {
      const result = new OnnxValue(value.name, value.meta);
      result.content = value.content;
      for (const [key, text] of value.metadata) result.metadata.set(key, text);
      return result;
    });
    const last = outputs.at(-1)?.producer;
    const root = last && own.has(last) ? last : nodes.at(-1)!;
    return new OnnxNode({
      name: this.nodeNames.fresh(`node_${path.replaceAll(".", "_")}`),
      opType: name,
      domain,
      inputs,
      outputs: results,
      origin: root.origin,
    });
  }

  /** Lets the call stand for the nodes, which become the function's body, or are dropped where there is one. */
  private takeOut(
    { path, nodes, inputs, embedded, outputs }: ModuleCall,
    call: OnnxNode,
    into: OnnxFunction | null,
  ): void {
    const { graph } = this.model;
    const inner = nested(nodes);
    const inside = new Set([...nodes, ...inner]);
    for (const [i, value] of outputs.entries()) {
      const result = call.outputs[i];
      for (const user of [...value.uses.keys()]) {
        if (!inside.has(user as OnnxNode)) user.replaceOperand(value, result);
      }
      graph.outputs = graph.outputs.map((output) => output === value ? result : output);
    }
    for (const node of nodes) for (const value of node.outputs) this.replaced.set(value, null);
    for (const [i, value] of outputs.entries()) this.replaced.set(value, call.outputs[i]);
    // Nodes of graphs in attributes are users too: they are entered again with the node that holds them.
    for (const node of inner) node.unlinkUses();
    for (const node of [...nodes].reverse()) graph.remove(node);
    if (into === null) return;
    const names = new Names();
    for (const node of inside) for (const value of node.outputs) names.reserve(value.name);
    const body = into.graph;
    const prefix = `${path.replace(/@\d+$/, "")}.`;
    const given = new Map<OnnxValue, OnnxValue>();
    for (const value of inputs) {
      const { name } = value;
      const input = new OnnxValue(names.fresh(name.startsWith(prefix) ? name.slice(prefix.length) : name), value.meta);
      body.inputs.push(input);
      given.set(value, input);
    }
    for (const value of embedded) {
      const copy = new OnnxValue(names.fresh(value.name), value.meta);
      copy.content = value.content;
      const attribute: OnnxAttribute = { type: "TENSOR", value: value.initializer! };
      body.insert(
        new OnnxNode({
          name: this.nodeNames.fresh(`node_${value.name}`),
          opType: "Constant",
          inputs: [],
          outputs: [copy],
          attributes: new Map([["value", attribute]]),
        }),
      );
      given.set(value, copy);
    }
    for (const node of nodes) body.insert(node);
    for (const node of inner) node.linkUses();
    for (const node of nodes) for (const [from, to] of given) node.replaceOperand(from, to);
    body.outputs = [...outputs];
  }

  /** Lets a function stand for another call too: what differs becomes the function's attributes, and types less telling. */
  private unify({ definition, nodes, calls }: Shared, { nodes: others, inputs }: ModuleCall, call: OnnxNode): void {
    const given = new Map<string, OnnxAttribute>();
    const [all, alike] = [nodes, others].map((some) => some.flatMap((node) => [node, ...nested([node])]));
    for (const [i, node] of all.entries()) {
      for (const [name, attribute] of alike[i].attributes) {
        const reference = node.references.get(name);
        if (reference) {
          given.set(reference.name, attribute);
          continue;
        }
        const first = node.attributes.get(name)!;
        // Graphs are as their nodes are.
        if (first.type === "GRAPH" || isSame(first, attribute)) continue;
        const names = new Set(definition.attributes);
        const base = `inferred::${name.replace(/^inferred::/, "")}`;
        let own = base;
        for (let k = 1; names.has(own); k++) own = `${base}_${k}`;
        definition.attributes.push(own);
        node.attributes = new Map([...node.attributes].filter(([key]) => key !== name));
        node.references = new Map([...node.references, [name, { type: first.type, name: own }]]);
        for (const earlier of calls) earlier.attributes = new Map([...earlier.attributes, [own, first]]);
        given.set(own, attribute);
      }
    }
    const [own, theirs] = [[...definition.graph.inputs, ...definedBy(nodes)], [...inputs, ...definedBy(others)]];
    const symbols = new Map<string, Sym>();
    for (const [i, value] of own.entries()) Object.assign(value, agreement(value.name, value, theirs[i], symbols));
    call.attributes = given;
    calls.push(call);
  }
}

/** A constant as text: its values, or, where they aren't in memory, its name. */
function constantText({ name, initializer }: OnnxValue): string {
  const { dtype, shape, isLoaded } = initializer!;
  return `c${dtype}[${shape.join()}]${isLoaded ? initializer!.bytes().join() : ` of ${name}`}`;
}

/** The values that nodes and graphs in their attributes define, in order. */
function definedBy(nodes: Iterable<OnnxNode>): OnnxValue[] {
  return [...nodes].flatMap((node) => [
    ...[...node.subgraphs()].flatMap((graph) => [...graph.inputs, ...definedBy(graph.nodes())]),
    ...node.outputs,
  ]);
}

/** The nodes of graphs in attributes. */
function nested(nodes: readonly OnnxNode[]): OnnxNode[] {
  return nodes.flatMap((node) => [...node.subgraphs()].flatMap((graph) => [...graph.allNodes()]));
}

/** The scope that nodes have which belong to no module. */
function isPlaceholder(path: string): boolean {
  return path.startsWith("_empty_nn_module_stack");
}

/** The nodes of one call, and those between them that need what it computes. */
interface CallNodes {
  readonly nodes: OnnxNode[];
  readonly after: OnnxNode[];
}

/**
 * The calls that a module's nodes make up. A node that needs what others made of an earlier one begins another call: a module
 * can be called several times, which not every archive tells.
 */
function callsAmong(all: readonly OnnxNode[], own: ReadonlySet<OnnxNode>): CallNodes[] {
  const calls: CallNodes[] = [];
  let nodes = new Set<OnnxNode>();
  let after = new Set<OnnxNode>();
  let between: OnnxNode[] = [];
  for (const node of all) {
    const producers = [...node.operands() as Iterable<OnnxValue>].flatMap((value) => value.producer ?? []);
    const follows = producers.some((producer) => after.has(producer));
    if (own.has(node)) {
      if (follows || calls.length === 0) {
        nodes = new Set();
        after = new Set();
        between = [];
        calls.push({ nodes: [], after: [] });
      }
      nodes.add(node);
      const call = calls.at(-1)!;
      call.nodes.push(node);
      // Only those that stand before the call's last node have to move.
      call.after.push(...between);
      between = [];
    } else if (follows || producers.some((producer) => nodes.has(producer))) {
      after.add(node);
      between.push(node);
    }
  }
  return calls;
}

function isSame(a: OnnxAttribute, b: OnnxAttribute): boolean {
  if (a.type === "TENSOR" && b.type === "TENSOR") {
    return a.value.dtype === b.value.dtype && a.value.shape.join() === b.value.shape.join() &&
      a.value.bytes().join() === b.value.bytes().join();
  }
  if (a.type === "GRAPH" || b.type === "GRAPH") return a === b;
  const text = (value: unknown): string =>
    Array.isArray(value) ? value.map(text).join() : Object.is(value, -0) ? "-0" : String(value);
  return a.type === b.type && text(a.value) === text(b.value);
}
