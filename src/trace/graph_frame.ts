/**
 * A graph while it is being recorded: its names, the inputs that stand for values from around it, and what in it tells
 * symbols and numbers. What a graph does not know itself, the graphs around it may.
 */
import { FxGraph, FxNamespace, type FxNode, type FxValue } from "../fx/mod.ts";
import { isSym, type Sym } from "../sym/mod.ts";

/** Where a symbol can be read: a size of a tensor. */
export interface SymbolSource {
  readonly value: FxValue;
  readonly axis: number;
  readonly size: Sym;
}

/** A graph that is being recorded. */
export class GraphFrame {
  readonly graph: FxGraph;
  readonly parent: GraphFrame | null;
  /** How many graphs are around it. */
  readonly depth: number;
  readonly names: FxNamespace = new FxNamespace();
  /** Inputs of the graph by the outer value that they stand for. */
  readonly lifted: Map<FxValue, FxValue> = new Map();
  /** Values of the graph that stand for outer ones, in place of inputs: copies of what the graph writes to. */
  readonly replaced: Map<FxValue, FxValue> = new Map();
  /** Nodes that only stay if something uses them. */
  readonly tentative: Set<FxNode> = new Set();
  /** Values of symbolic numbers by the expression's key. */
  private readonly numbers: Map<string, FxValue> = new Map();
  private readonly sources: Map<string, SymbolSource> = new Map();

  constructor(name: string, parent: GraphFrame | null = null) {
    this.graph = new FxGraph(name);
    this.parent = parent;
    this.depth = parent ? parent.depth + 1 : 0;
  }

  /** This graph, and those around it. */
  *outwards(): Generator<GraphFrame> {
    yield this;
    if (this.parent) yield* this.parent.outwards();
  }

  /** Whether another graph is this one or around it. */
  isWithin(other: GraphFrame | undefined): boolean {
    return [...this.outwards()].some((frame) => frame === other);
  }

  /** The value of an expression, here or around; undefined where there is none yet. */
  numberOf(key: string): FxValue | undefined {
    for (const frame of this.outwards()) {
      const known = frame.numbers.get(key);
      if (known) return known;
    }
    return undefined;
  }

  /** Where a symbol can be read, here or around. */
  sourceOf(name: string): SymbolSource | undefined {
    for (const frame of this.outwards()) {
      const known = frame.sources.get(name);
      if (known) return known;
    }
    return undefined;
  }

  /** Remembers which symbols and numbers a value of the graph tells. */
  learn(value: FxValue): void {
    const { meta } = value;
    if (meta.kind === "sym" && isSym(meta.expr) && !this.numbers.has(meta.expr.key)) {
      this.numbers.set(meta.expr.key, value);
    }
    if (meta.kind !== "tensor") return;
    for (const [axis, size] of meta.shape.entries()) {
      if (!isSym(size) || size.symbols().size !== 1) continue;
      const [name] = size.symbols();
      const known = this.sourceOf(name);
      const isPlain = size.node.op === "symbol";
      if (!known || isPlain && known.size.node.op !== "symbol") this.sources.set(name, { value, axis, size });
    }
  }

  /** Removes what was recorded tentatively and nothing uses, and inputs that only it used. */
  tidy(): void {
    const { graph, tentative, lifted } = this;
    const given = new Set<unknown>(graph.outputs);
    for (const node of [...tentative].reverse()) {
      if (node.outputs.every((value) => value.uses.size === 0 && !given.has(value))) graph.remove(node);
    }
    if (tentative.size === 0) return;
    for (const [outer, inner] of lifted) {
      if (inner.uses.size > 0 || given.has(inner)) continue;
      lifted.delete(outer);
      graph.inputs.splice(graph.inputs.indexOf(inner), 1);
    }
  }
}
