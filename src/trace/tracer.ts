/**
 * Records what a program does as an FX graph, as PyTorch's non-strict export does. The tracer knows no language: a front end
 * gives it the operators that are called, with FX values or concrete tensors, and asks it about symbolic numbers.
 *
 * Graphs nest. A value of an outer graph that an inner one uses becomes an input of the inner one, and an operand of the node
 * that the inner graph is given to; sizes are made where their symbols are known first.
 */
import { type BoundArgs, type CallArg, complete } from "../aten/bind.ts";
import { asWritten, fullMeta, torchTarget } from "../aten/calls.ts";
import type { OpTable } from "../aten/mod.ts";
import type { Op } from "../aten/op.ts";
import {
  DTypeArg,
  type FxArg,
  type FxGraph,
  type FxMeta,
  FxNode,
  FxValue,
  type InputKind,
  symbolsOf,
} from "../fx/mod.ts";
import { LoweringError } from "../ir/mod.ts";
import { bit, type Dim, isSym, type Sym, symbol } from "../sym/mod.ts";
import { Tensor } from "../tensor/mod.ts";
import { CallResults, isNumber, type Traced, tracedOf, valuesFor } from "./call_results.ts";
import { GraphFrame } from "./graph_frame.ts";
import type { ClosedGraph, GraphInput, OpenGraph } from "./nested_graph.ts";
import { NumberMaker } from "./numbers.ts";
import { TraceOrigin } from "./origin.ts";
import { Symbols } from "./symbols.ts";

/** An input of the program that is no argument of the user's. */
export interface StateInput {
  readonly kind: Exclude<InputKind, "USER_INPUT">;
  readonly value: FxValue;
  readonly target: string;
  readonly persistent: boolean | null;
  readonly tensor: Tensor;
}

/** The module that is being called. */
interface ModuleScope {
  readonly path: string;
  readonly className: string;
}

/** Records one program. */
export class Tracer {
  /** The program's symbols. */
  readonly symbols: Symbols = new Symbols();
  /** Parameters, buffers and constants that the program uses, in the order of their making. */
  readonly state: StateInput[] = [];
  /** Arguments of the user's, in order. */
  readonly inputs: FxValue[] = [];
  /** The graph of the whole program; its inputs are put together at the end. */
  readonly graph: FxGraph;
  /** The table of operators. */
  readonly table: OpTable;
  /** Gives the form in which a function of the user's is run; null where it is run as it is. */
  follow: (<F>(fn: F) => F) | null = null;
  /** The origins of all nodes, whose source lines are read when the program is whole. */
  readonly origins: TraceOrigin[] = [];
  private readonly root: GraphFrame;
  /** The graph that is recorded now. */
  private frame: GraphFrame;
  /** The graphs in which values are. */
  private readonly homes: Map<FxValue, GraphFrame> = new Map();
  /** The graphs in which symbols were met first. */
  private readonly owners: Map<string, GraphFrame> = new Map();
  private readonly constants: Map<Tensor, FxValue> = new Map();
  private readonly modules: ModuleScope[] = [];
  private readonly results: CallResults;
  private readonly maker: NumberMaker;
  /** Names of modules by the object that is called. */
  private readonly scopes: ReadonlyMap<object, ModuleScope>;

  /** @param scopes the path and Python class of each module of the program */
  constructor(table: OpTable, scopes: ReadonlyMap<object, { path: string; className: string }> = new Map()) {
    this.table = table;
    this.scopes = scopes;
    this.root = this.frame = new GraphFrame("main");
    this.graph = this.root.graph;
    this.results = new CallResults(table, this.symbols);
    this.maker = new NumberMaker(this);
  }

  /**
   * A parameter, buffer or constant of the program: later calls that are given the tensor use it. Of several that are one
   * tensor, as tied weights are, they use the first.
   */
  addState(
    kind: StateInput["kind"],
    name: string,
    target: string,
    tensor: Tensor,
    persistent: boolean | null,
  ): FxValue {
    const meta = fullMeta({ dtype: tensor.dtype, shape: tensor.shape, strides: tensor.strides });
    const value = new FxValue(this.root.names.create(name), { ...meta, requiresGrad: kind === "PARAMETER" });
    this.homes.set(value, this.root);
    if (!this.constants.has(tensor)) this.constants.set(tensor, value);
    this.state.push({ kind, value, target, persistent, tensor });
    return value;
  }

  /** An argument of the user's. */
  addInput(name: string, meta: FxMeta): FxValue {
    const value = new FxValue(this.root.names.create(name), meta);
    this.inputs.push(value);
    this.settle(value, this.root);
    return value;
  }

  /** Runs `body` inside a module's scope. */
  inModule<R>(module: object, body: () => R): R {
    const scope = this.scopes.get(module);
    if (!scope) return body();
    this.modules.push(scope);
    try {
      return body();
    } finally {
      this.modules.pop();
    }
  }

  /** Where the call that is recorded now comes from. */
  origin(node: string, target: string): TraceOrigin {
    const origin = new TraceOrigin(node, target, [...this.modules]);
    this.origins.push(origin);
    return origin;
  }

  /**
   * Records a call.
   *
   * @param args by position as the schema has them; concrete tensors become constants of the program
   * @param inplace the name of the in-place variant, as `aten::add_.Tensor`, or null
   * @throws {LoweringError} with the place in the user's source
   */
  call(
    op: Op,
    args: readonly CallArg<FxValue | Tensor>[],
    kwargs: ReadonlyMap<string, CallArg<FxValue | Tensor>> = new Map(),
    inplace: string | null = null,
  ): Traced {
    const target = torchTarget(inplace ?? op.name);
    const origin = new TraceOrigin("", target, [...this.modules]);
    return origin.locate(() => {
      const isTensor = (x: unknown): x is FxValue | Tensor => x instanceof FxValue || x instanceof Tensor;
      const bound = this.adopt(complete(op, isTensor, args, kwargs));
      const result = this.results.of(op, bound, inplace);
      if (isNumber(result)) return result;
      return this.record(op, target, bound, result, origin);
    });
  }

  /** Records a node over graphs. `results` are what is known of its results; null for None. */
  higherOrder(name: string, args: readonly FxArg[], results: readonly (FxMeta | null)[]): (FxValue | null)[] {
    const target = `torch.ops.higher_order.${name}`;
    const label = this.frame.names.create(name);
    const tree = results.map((meta) => meta && new FxValue(this.frame.names.create(`${name}_result`), meta));
    this.insert({ name: label, target, args, result: tree, origin: this.origin(label, target) });
    return tree;
  }

  /**
   * Records a closed graph.
   *
   * @param inputs what is known of its own inputs
   * @param body gives the graph's results: values, numbers or expressions
   */
  subgraph(
    name: string,
    inputs: readonly GraphInput[],
    body: (inputs: readonly FxValue[]) => readonly FxArg[],
  ): ClosedGraph {
    const open = this.open(name, inputs);
    return open.close(open.run(() => body(open.inputs)));
  }

  /** Begins a closed graph that is recorded in steps: what it gives may depend on what another graph gives. */
  open(name: string, inputs: readonly GraphInput[] = []): OpenGraph {
    const frame = new GraphFrame(name, this.frame);
    const { graph, lifted, replaced, tentative } = frame;
    const run = <R>(body: () => R): R => this.at(frame, body);
    return {
      graph,
      inputs: inputs.map(({ name, meta }) => this.addGraphInput(frame, name, meta)),
      lifted,
      run,
      look: (body) => {
        const before = new Set(graph.nodes());
        const result = run(body);
        for (const node of graph.nodes()) if (!before.has(node) && this.isPure(node)) tentative.add(node);
        return result;
      },
      replace: (outer, inner) => replaced.set(outer, inner),
      close: (outputs) => {
        run(() => graph.outputs = outputs.map((arg) => this.argument(arg)));
        frame.tidy();
        return { graph, lifted: [...lifted.keys()].map((value) => this.use(value)) };
      },
    };
  }

  /** Whether a node has results and no other effect. */
  private isPure({ target, outputs }: FxNode): boolean {
    const resolved = this.table.resolve(target);
    if (!resolved || outputs.length === 0) return false;
    const { inplace, op: { parsed, writes } } = resolved;
    return !inplace && !writes && !parsed.args.some(({ alias }) => alias?.write);
  }

  private addGraphInput(frame: GraphFrame, name: string, meta: FxMeta): FxValue {
    const value = new FxValue(frame.names.create(name), meta);
    frame.graph.inputs.push(value);
    this.settle(value, frame);
    return value;
  }

  /** Whether the graph that is recorded now, or one around it, can tell the symbols of a size. */
  isVisible(size: Dim): boolean {
    if (!isSym(size)) return true;
    return [...size.symbols()].every((name) => this.frame.isWithin(this.homeOf(name)));
  }

  /** Whether a value is of the graph that is recorded now, or of one around it. */
  isOuterValue(value: FxValue): boolean {
    return this.frame.isWithin(this.homes.get(value));
  }

  /** Whether a value is of the graph that is recorded now, not of one around it. */
  isLocal(value: FxValue): boolean {
    return this.homes.get(value) === this.frame;
  }

  /** An argument of a node in the graph that is recorded now. */
  argument(arg: unknown): FxArg {
    if (arg instanceof FxValue || arg instanceof Tensor) return this.use(arg);
    if (isSym(arg)) return this.number(arg);
    if (Array.isArray(arg)) return arg.map((item) => this.argument(item));
    return arg as FxArg;
  }

  /** A value as the graph that is recorded now has it. */
  use(value: FxValue | Tensor): FxValue {
    const found = value instanceof Tensor ? this.constants.get(value) ?? this.addConstant(value) : value;
    return this.within(this.frame, found);
  }

  /** What a node of the graph gives for a symbolic number. */
  number(expr: Sym): FxValue {
    const known = this.frame.numberOf(expr.key);
    if (known) return this.within(this.frame, known);
    let home = this.root;
    for (const name of expr.symbols()) {
      const owner = this.homeOf(name);
      if (owner.depth > home.depth) home = owner;
    }
    return this.within(this.frame, this.at(home, () => this.maker.make(expr)));
  }

  /** What tells a symbol, recorded in the graph where the symbol is known first: the symbol itself, or a size made of it. */
  readSymbol(name: string, kind: "int" | "float"): Sym {
    const plain = symbol(name, kind);
    const truth = kind === "int" ? bit(plain) : plain;
    if (this.frame.numberOf(plain.key)) return plain;
    const known = this.frame.numberOf(truth.key);
    if (known) return this.numberOfTruth(known, plain);
    const source = this.frame.sourceOf(name);
    if (!source) throw new LoweringError(`The size ${name} can't be read from any tensor`);
    const { op } = this.table.resolve("torch.ops.aten.sym_size.int")!;
    this.call(op, [source.value, source.axis]);
    return source.size;
  }

  /** The number 1 or 0 for a truth that the graph has. */
  private numberOfTruth(truth: FxValue, plain: Sym): Sym {
    const target = "torch.sym_ite";
    const name = this.frame.names.create("sym_ite");
    const result = new FxValue(name, { kind: "sym", type: "int", expr: plain });
    this.insert({ name, target, args: [this.use(truth), 1n, 0n], result, origin: this.origin(name, target) });
    return plain;
  }

  /** Whether a condition holds for all values; undefined where it depends on them. */
  truth(condition: Sym): boolean | undefined {
    return this.symbols.truth(condition);
  }

  /** Operands as the graph has them. */
  private adopt(bound: BoundArgs): BoundArgs {
    const adopt = (x: unknown): unknown =>
      x instanceof FxValue || x instanceof Tensor ? this.use(x) : Array.isArray(x) ? x.map(adopt) : x;
    return Object.fromEntries(Object.entries(bound).map(([name, value]) => [name, adopt(value)]));
  }

  private record(op: Op, target: string, bound: BoundArgs, result: unknown, origin: TraceOrigin): Traced {
    const written = asWritten(op, bound);
    const args = written.args.map((arg) => this.argument(arg));
    const kwargs = new Map([...written.kwargs].map(([name, arg]) => [name, this.argument(arg)]));
    const name = this.frame.names.create(nodeName(target));
    origin.node = name;
    this.origins.push(origin);
    const types = op.parsed.returns.map((r) => r.type);
    const type = types.length === 1 ? types[0] : null;
    const tree = valuesFor(result, name, type, () => this.frame.names.create("getitem"));
    this.insert({ name, target, args, kwargs, result: tree, origin });
    return tracedOf(tree);
  }

  private insert(init: ConstructorParameters<typeof FxNode>[0]): void {
    // What the node comes from is told later, in maps of its own.
    const node = new FxNode({ ...init, metadata: init.metadata ?? new Map() });
    this.frame.graph.insert(node);
    for (const value of node.outputs) this.settle(value, this.frame);
  }

  /** Remembers in which graph a value is, and what it tells. */
  private settle(value: FxValue, frame: GraphFrame): void {
    this.homes.set(value, frame);
    frame.learn(value);
    for (const name of symbolsOf(value.meta)) if (!this.owners.has(name)) this.owners.set(name, frame);
  }

  private homeOf(name: string): GraphFrame {
    return this.owners.get(name) ?? this.root;
  }

  private at<R>(frame: GraphFrame, body: () => R): R {
    const outer = this.frame;
    this.frame = frame;
    try {
      return body();
    } finally {
      this.frame = outer;
    }
  }

  /** A value of this graph or of one around it, as the graph has it. */
  private within(frame: GraphFrame, value: FxValue): FxValue {
    const home = this.homes.get(value);
    if (home === frame) return value;
    if (!frame.parent || !home) {
      throw new LoweringError(`The value ${value.name} is used outside the graph that it is in`);
    }
    const known = frame.replaced.get(value) ?? frame.lifted.get(value);
    if (known) return known;
    if (value.meta.kind === "sym" && value.meta.type !== "int") return this.throughTensor(frame, value, home);
    this.within(frame.parent, value);
    const inner = new FxValue(frame.names.create(value.name), value.meta);
    frame.lifted.set(value, inner);
    frame.graph.inputs.push(inner);
    this.settle(inner, frame);
    return inner;
  }

  /** Operands of nodes over graphs are tensors and ints: floats and truths are handed on in tensors of no dims. */
  private throughTensor(frame: GraphFrame, value: FxValue, home: GraphFrame): FxValue {
    const { op: toTensor } = this.table.resolve("torch.ops.aten.scalar_tensor.default")!;
    const { meta } = value;
    if (meta.kind !== "sym" || !isSym(meta.expr)) throw new LoweringError(`${value.name} is no symbolic number`);
    const { expr, type } = meta;
    const dtype = new Map([["dtype", new DTypeArg(type === "float" ? "float64" : "bool")]]);
    const tensor = this.at(home, () => this.call(toTensor, [expr], dtype as never)) as FxValue;
    const target = "torch.ops.aten.item.default";
    const name = frame.names.create("item");
    const inner = new FxValue(name, meta);
    this.at(frame, () => {
      const args = [this.use(tensor)];
      this.insert({ name, target, args, result: inner, origin: this.origin(name, target) });
    });
    frame.replaced.set(value, inner);
    return inner;
  }

  /** A concrete tensor that the program holds without a name. */
  private addConstant(tensor: Tensor): FxValue {
    if (!tensor.isLoaded) throw new LoweringError("A tensor that is not loaded can't be a constant of the program");
    const n = this.state.filter(({ kind }) => kind === "CONSTANT_TENSOR").length;
    const name = `lifted_tensor_${n}`;
    return this.addState("CONSTANT_TENSOR", `c_${name}`, name, tensor, null);
  }
}

/** `torch.ops.aten.sym_size.int` gives `sym_size_int`, as PyTorch names it; other overloads are left out. */
function nodeName(target: string): string {
  if (target === "torch.ops.aten.sym_size.int") return "sym_size_int";
  return target.replace(/^torch\.ops\.\w+\./, "").replace(/^_operator\./, "").replace(/\.\w+$/, "").replace(
    /^.*\./,
    "",
  );
}
