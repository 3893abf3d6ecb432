/**
 * Replaces calls that stand for something else: wrappers become the nodes of their graph, regions of `vmap` become what they
 * compute for the whole batch. Runs before functionalization, so that what the graphs write to is seen. Operators over graphs
 * that are operations of their own (loops, branches that are not decided) stay, with their graphs expanded.
 */
import type { CallArg } from "../aten/bind.ts";
import { TraceInterpreter } from "../aten/calls.ts";
import { type Adapt, type Expansion, slotsOf } from "../aten/higher_order.ts";
import { type Forms, isSupported, type Op, type OpTable } from "../aten/mod.ts";
import {
  allNodes,
  calledBy,
  type ExportedProgram,
  type FxArg,
  FxGraph,
  FxNode,
  type FxResult,
  FxValue,
  mapResult,
  mapValues,
} from "../fx/mod.ts";
import { atNode, Fx2OnnxError, LoweringError, Names } from "../ir/mod.ts";
import type { Ranges } from "../sym/mod.ts";
import { batchRegion, type Region, regionAt } from "./batch.ts";

/** A program in which nothing stands for something else, but for the calls that `errors` tell of. */
export interface Expanded {
  readonly program: ExportedProgram;
  readonly errors: readonly Fx2OnnxError[];
}

/** Expands a program. */
export function expand(program: ExportedProgram, table: OpTable): Expanded {
  const expander = new Expander(table, program.rangeConstraints);
  const graph = expander.graphOf(program.graph);
  const { inputSpecs, outputSpecs } = program.signature;
  const signature = {
    inputSpecs: inputSpecs.map((spec, i) => ({ ...spec, value: graph.inputs[i] })),
    outputSpecs: outputSpecs.map((spec, i) => ({ ...spec, arg: graph.outputs[i] })),
  };
  return { program: { ...program, graph, signature }, errors: expander.errors };
}

/** Whether a node, or one of a nested graph, is to be replaced. */
function isExpandable(graph: FxGraph, table: OpTable): boolean {
  for (const node of allNodes(graph)) {
    const rules = table.resolve(node.target)?.op.higherOrder;
    if (rules?.expand || rules?.batch) return true;
  }
  return false;
}

/** A graph that is being made. */
interface Frame {
  readonly graph: FxGraph;
  readonly names: Names;
  readonly trace: TraceInterpreter;
}

/** Copies graphs, expanding as it goes. */
export class Expander implements Expansion {
  readonly errors: Fx2OnnxError[] = [];
  adapt: Adapt | null = null;
  private frame: Frame;
  /** What stands for a value of the original graphs. */
  private readonly env: Map<FxValue, FxArg> = new Map();
  /** Names that values get which are results of a call that is replaced. */
  private readonly wanted: Map<FxValue, string> = new Map();
  /** Nodes and values whose names are reserved in the graph that is being made. */
  private readonly reserved: Set<FxNode> = new Set();

  constructor(readonly table: OpTable, readonly ranges: Ranges) {
    this.frame = this.newFrame("");
  }

  get forms(): Forms | null {
    return this.table.forms;
  }

  /** The graph that calls are recorded in. */
  get trace(): TraceInterpreter {
    return this.frame.trace;
  }

  /** The copy of a graph. */
  graphOf(graph: FxGraph): FxGraph {
    return this.building(graph.name, () => {
      for (const input of graph.inputs) this.env.set(input, this.input(input));
      this.reserve(graph.nodes());
      this.copyAll([...graph.nodes()]);
      return graph.outputs.map((arg) => this.read(arg));
    });
  }

  /** Builds a graph whose outputs `body` gives. */
  building(name: string, body: () => FxArg[]): FxGraph {
    const outer = this.frame;
    const frame = this.frame = this.newFrame(name);
    try {
      frame.graph.outputs = body();
    } finally {
      this.frame = outer;
    }
    return frame.graph;
  }

  /** Adds an input like a value to the graph that is being made. */
  input({ name, meta }: FxValue): FxValue {
    const value = new FxValue(this.frame.names.fresh(name), meta);
    this.frame.graph.inputs.push(value);
    return value;
  }

  /** Keeps the names of nodes that are to be copied into the graph that is being made. */
  reserve(nodes: Iterable<FxNode>): void {
    for (const node of nodes) {
      this.frame.names.reserve(node.name);
      for (const value of node.outputs) this.frame.names.reserve(value.name);
      this.reserved.add(node);
    }
  }

  /** Copies nodes in order, each as it is or as what it stands for. */
  copyAll(nodes: readonly FxNode[]): void {
    for (let i = 0; i < nodes.length; i++) {
      const region = regionAt(this.table, nodes, i);
      if (region) {
        if (!this.collect(region.open, () => batchRegion(this, region))) this.abandon(region);
        i += region.nodes.length + 1;
      } else {
        const node = nodes[i];
        if (!this.collect(node, () => this.visit(node))) this.copy(node);
      }
    }
  }

  /** Values of a region that could not be made are kept as they were recorded, so that the rest can be tried. */
  private abandon(region: Region): void {
    for (const node of [region.open, ...region.nodes]) this.copy(node);
  }

  private collect(node: FxNode, body: () => void): boolean {
    const { origin } = this.frame.trace;
    this.frame.trace.origin = node.origin;
    try {
      atNode(node.origin, body);
      return true;
    } catch (error) {
      if (!(error instanceof Fx2OnnxError)) throw error;
      this.errors.push(error);
      return false;
    } finally {
      this.frame.trace.origin = origin;
    }
  }

  private visit(node: FxNode): void {
    const rules = this.resolve(node.target)?.higherOrder;
    // Operators that can't be exported are found later, all at once.
    const isKnown = calledBy(node).every((target) => isSupported(target, this.table));
    const results = isKnown && rules?.expand?.(this, node) || null;
    if (results) this.replace(node, results);
    else this.copy(node, this.adapt?.(this, node));
  }

  /** What stands for the results of a node. */
  replace(node: FxNode, results: readonly FxArg[]): void {
    for (const [i, slot] of slotsOf(node).entries()) {
      if (slot === null) continue;
      if (results[i] === undefined) {
        throw new LoweringError(`The graph gives ${results.length} results where the program has ${i + 1} or more`);
      }
      this.env.set(slot, results[i]);
    }
  }

  private copy(
    node: FxNode,
    given?: { readonly args: readonly FxArg[]; readonly kwargs: ReadonlyMap<string, FxArg> },
  ): void {
    const { names, graph } = this.frame;
    const results = new Map<FxValue, FxValue>();
    for (const value of node.outputs) results.set(value, new FxValue(this.nameOf(node, value), value.meta));
    const single = node.result instanceof FxValue ? results.get(node.result)!.name : null;
    graph.insert(
      new FxNode({
        name: single ?? (this.reserved.has(node) ? node.name : names.fresh(node.name)),
        target: node.target,
        args: given?.args ?? node.args.map((arg) => this.read(arg)),
        argNames: node.argNames,
        kwargs: given?.kwargs ?? new Map([...node.kwargs].map(([name, arg]) => [name, this.read(arg)])),
        result: mapResult(node.result, (value) => results.get(value)!),
        metadata: node.metadata,
        origin: node.origin,
      }),
    );
    for (const [value, copied] of results) this.env.set(value, copied);
  }

  read(arg: FxArg): FxArg {
    if (arg instanceof FxGraph) {
      return this.adapt || isExpandable(arg, this.table) ? this.graphOf(arg) : arg;
    }
    if (Array.isArray(arg)) return arg.map((a) => this.read(a));
    return mapValues(arg, (value) => {
      const found = this.env.get(value);
      if (found === undefined) throw new LoweringError(`Value ${value.name} is used before it is defined`);
      return found;
    });
  }

  /** Lets other values stand for some while `body` runs. */
  reading(values: ReadonlyMap<FxValue, FxArg>, body: () => void): void {
    const before = new Map([...values.keys()].map((value) => [value, this.env.get(value)] as const));
    for (const [value, arg] of values) this.env.set(value, arg);
    try {
      body();
    } finally {
      for (const [value, arg] of before) {
        if (arg === undefined) this.env.delete(value);
        else this.env.set(value, arg);
      }
    }
  }

  inline(graph: FxGraph, inputs: readonly FxArg[], names: readonly (string | null)[]): FxArg[] {
    if (inputs.length !== graph.inputs.length) {
      throw new TypeError(`Graph ${graph.name} has ${graph.inputs.length} inputs, but is given ${inputs.length}`);
    }
    for (const [i, input] of graph.inputs.entries()) this.env.set(input, inputs[i]);
    for (const [i, output] of graph.outputs.entries()) {
      const name = names[i];
      if (output instanceof FxValue && output.producer && name && !this.wanted.has(output)) {
        this.wanted.set(output, name);
      }
    }
    this.copyAll([...graph.nodes()]);
    return graph.outputs.map((arg) => this.read(arg));
  }

  adapting<R>(adapt: Adapt | null, body: () => R): R {
    const before = this.adapt;
    this.adapt = adapt;
    try {
      return body();
    } finally {
      this.adapt = before;
    }
  }

  call(target: string, args: readonly FxArg[], name?: string, kwargs: ReadonlyMap<string, FxArg> = new Map()): FxArg {
    const op = this.resolve(target);
    if (!op || op.higherOrder) throw new TypeError(`Operator ${target} is not supported`);
    const { trace } = this.frame;
    const byName = new Map([...kwargs].map(([key, arg]) => [key, callArg(arg)]));
    trace.nextName = name ?? null;
    return trace.apply(op, trace.bind(op, args.map(callArg), byName)) as FxArg;
  }

  node(
    target: string,
    args: readonly FxArg[],
    result: FxResult,
    kwargs: ReadonlyMap<string, FxArg> = new Map(),
  ): void {
    const { graph, names, trace } = this.frame;
    const name = result instanceof FxValue ? result.name : names.fresh(target.replace(/^.*\.(?!default$)/, ""));
    graph.insert(new FxNode({ name, target, args, kwargs, result, origin: trace.origin }));
  }

  /** The name that a result of a node gets in the graph that is being made. */
  nameOf(node: FxNode, value: FxValue): string {
    return this.wanted.get(value) ?? (this.reserved.has(node) ? value.name : this.frame.names.fresh(value.name));
  }

  /** A name that no value of the graph that is being made has. */
  freshName(base: string): string {
    return this.frame.names.fresh(base);
  }

  resolve(target: string): Op | null {
    return this.table.resolve(target)?.op ?? null;
  }

  private newFrame(name: string): Frame {
    const graph = new FxGraph(name);
    const names = new Names();
    return { graph, names, trace: new TraceInterpreter(graph, names, this.ranges, this.table.forms) };
  }
}

/** Numbers as rules take them. */
function callArg(arg: FxArg): CallArg<FxValue> {
  if (Array.isArray(arg)) return arg.map(callArg);
  if (!(arg instanceof FxValue)) return arg;
  if (arg.meta.kind === "constant") return callArg(arg.meta.value);
  if (arg.meta.kind !== "sym") return arg;
  const { expr, type } = arg.meta;
  return type === "int" && typeof expr === "number" ? BigInt(expr) : expr;
}
