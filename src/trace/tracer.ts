/**
 * Records what a program does as an FX graph, as PyTorch's non-strict export does. The tracer knows no language: a front end
 * gives it the operators that are called, with FX values or concrete tensors, and asks it about symbolic numbers.
 *
 * Graphs nest. A value of an outer graph that an inner one uses becomes an input of the inner one, and an operand of the node
 * that the inner graph is given to; sizes are made where their symbols are known first.
 */
import { type BoundArgs, type CallArg, complete } from "../aten/bind.ts";
import { asWritten, fullMeta, MetaInterpreter, torchTarget } from "../aten/calls.ts";
import { checkDTypes } from "../aten/dtypes.ts";
import type { OpTable } from "../aten/mod.ts";
import type { MetaContext, Op } from "../aten/op.ts";
import {
  DTypeArg,
  type FxArg,
  FxGraph,
  type FxMeta,
  FxNamespace,
  FxNode,
  type FxResult,
  FxValue,
  type InputKind,
  type SchemaType,
  type SymMeta,
} from "../fx/mod.ts";
import { LoweringError } from "../ir/mod.ts";
import { bit, type Dim, eq, isSym, type Sym, symbol } from "../sym/mod.ts";
import { canCast, contiguousStrides, type Meta, Tensor } from "../tensor/mod.ts";
import { checkAtOtherSizes } from "./guards.ts";
import { NumberMaker } from "./numbers.ts";
import { TraceOrigin } from "./origin.ts";
import { Symbols } from "./symbols.ts";

/** What an operator gives while a program is recorded: values for tensors, expressions or plain numbers for numbers. */
export type Traced = FxValue | Sym | number | bigint | boolean | null | readonly Traced[];

/** A graph that is being recorded. */
interface Frame {
  readonly graph: FxGraph;
  readonly names: FxNamespace;
  readonly parent: Frame | null;
  /** Inputs of the graph by the outer value that they stand for. */
  readonly lifted: Map<FxValue, FxValue>;
  /** Values of symbolic numbers by the expression's key. */
  readonly numbers: Map<string, FxValue>;
  /** Values of the graph that stand for outer ones, in place of inputs: copies of what the graph writes to. */
  readonly replaced: Map<FxValue, FxValue>;
}

/** What is known of an input of a nested graph. */
export interface GraphInput {
  readonly name: string;
  readonly meta: FxMeta;
}

/** A nested graph that is being recorded in steps. */
export interface OpenGraph {
  /** What was recorded so far. */
  readonly graph: FxGraph;
  /** Its own inputs. */
  readonly inputs: readonly FxValue[];
  /** Its other inputs, by the outer value that each stands for. */
  readonly lifted: ReadonlyMap<FxValue, FxValue>;
  /** Runs a step: what it calls is recorded in the graph. */
  run<R>(body: () => R): R;
  /** Makes the graph use a value of its own wherever it uses one from around it. */
  replace(outer: FxValue, inner: FxValue): void;
  /** Ends the graph with what it gives: values, numbers or expressions. */
  close(outputs: readonly unknown[]): ClosedGraph;
}

/** An input of the program that is no argument of the user's. */
export interface StateInput {
  readonly kind: Exclude<InputKind, "USER_INPUT">;
  readonly value: FxValue;
  readonly target: string;
  readonly persistent: boolean | null;
  readonly tensor: Tensor;
}

/** A closed graph, and the values that it takes from around it: its last inputs, in order. */
export interface ClosedGraph {
  readonly graph: FxGraph;
  /** Values of the graph around it. */
  readonly lifted: readonly FxValue[];
}

/** Where a symbol can be read: a size of a tensor. */
interface SymbolSource {
  readonly frame: Frame;
  readonly value: FxValue;
  readonly axis: number;
  readonly size: Sym;
}

/** The module that is being called. */
interface ModuleFrame {
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
  private readonly root: Frame;
  private frame: Frame;
  private readonly homes: Map<FxValue, Frame> = new Map();
  private readonly constants: Map<Tensor, FxValue> = new Map();
  private sources: Map<string, SymbolSource> = new Map();
  private readonly modules: ModuleFrame[] = [];
  private readonly metas: MetaInterpreter;
  private readonly maker: NumberMaker;
  /** Names of modules by the object that is called. */
  private readonly scopes: ReadonlyMap<object, ModuleFrame>;

  /** @param scopes the path and Python class of each module of the program */
  constructor(table: OpTable, scopes: ReadonlyMap<object, { path: string; className: string }> = new Map()) {
    this.table = table;
    this.scopes = scopes;
    this.graph = new FxGraph("main");
    this.root = this.frame = openFrame(this.graph, null);
    const { symbols } = this;
    const context: MetaContext = {
      get ranges() {
        return symbols.ranges;
      },
      freshSymbol: (_hint, kind = "size") => symbols.fresh(kind),
    };
    this.metas = new MetaInterpreter(undefined, table.forms, context);
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
    this.homes.set(value, this.root);
    this.inputs.push(value);
    this.learn(value, this.root);
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
      let result = this.metaOf(op, bound);
      if (inplace !== null) result = writtenTo(op, inplace, metaArg(bound[op.parsed.args[0].name]) as Meta, result);
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
    const frame = openFrame(new FxGraph(name), this.frame);
    let known: Map<string, SymbolSource> = new Map();
    const run = <R>(body: () => R): R => {
      const outer = this.frame;
      const sources = this.sources;
      this.frame = frame;
      this.sources = new Map([...sources, ...known]);
      try {
        return body();
      } finally {
        this.frame = outer;
        known = new Map([...this.sources].filter(([, source]) => source.frame === frame));
        this.sources = sources;
      }
    };
    const values = run(() => inputs.map(({ name, meta }) => this.addGraphInput(frame, name, meta)));
    return {
      graph: frame.graph,
      inputs: values,
      lifted: frame.lifted,
      run,
      replace: (outer, inner) => frame.replaced.set(outer, inner),
      close: (outputs) => {
        run(() => frame.graph.outputs = outputs.map((arg) => this.argument(arg)));
        return { graph: frame.graph, lifted: [...frame.lifted.keys()].map((value) => this.use(value)) };
      },
    };
  }

  private addGraphInput(frame: Frame, name: string, meta: FxMeta): FxValue {
    const value = new FxValue(frame.names.create(name), meta);
    this.homes.set(value, frame);
    frame.graph.inputs.push(value);
    this.learn(value, frame);
    return value;
  }

  /** Whether the graph that is recorded now, or one around it, can tell the symbols of a size. */
  isVisible(size: Dim): boolean {
    if (!isSym(size)) return true;
    return [...size.symbols()].every((name) => this.isAround(this.homeOf(name)));
  }

  /** Whether a value is of the graph that is recorded now, or of one around it. */
  isOuterValue(value: FxValue): boolean {
    return this.isAround(this.homes.get(value));
  }

  /** Whether a graph is the one that is recorded now, or one around it. */
  private isAround(home: Frame | undefined): boolean {
    for (let frame: Frame | null = this.frame; frame; frame = frame.parent) if (frame === home) return true;
    return false;
  }

  /** Whether a value is of the graph that is recorded now, not of one around it. */
  isLocal(value: FxValue): boolean {
    return this.homes.get(value) === this.frame;
  }

  /**
   * Makes closed graphs take the same values from around them, as graphs that are given to one node must.
   *
   * @param own how many inputs of each graph are its own
   * @returns the values that all of them take, in order
   */
  alignLifted(graphs: readonly ClosedGraph[], own: number): FxValue[] {
    const all = [...new Set(graphs.flatMap(({ lifted }) => lifted))];
    for (const { graph, lifted } of graphs) {
      const inner = new Map(lifted.map((value, i) => [value, graph.inputs[own + i]]));
      const names = new FxNamespace();
      for (const value of graph.inputs) names.create(value.name);
      for (const node of graph.nodes()) for (const value of node.outputs) names.create(value.name);
      const inputs = all.map((value) => inner.get(value) ?? new FxValue(names.create(value.name), value.meta));
      graph.inputs.splice(own, graph.inputs.length - own, ...inputs);
    }
    return all;
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
    let home = this.root;
    for (const name of expr.symbols()) home = deeper(home, this.homeOf(name));
    for (let frame: Frame | null = this.frame; frame; frame = frame.parent) {
      const known = frame.numbers.get(expr.key);
      if (known) return this.within(this.frame, known);
    }
    const value = this.at(home, () => this.maker.make(expr));
    return this.within(this.frame, value);
  }

  /** What tells a symbol, recorded in the graph where the symbol is known first: the symbol itself, or a size made of it. */
  readSymbol(name: string, kind: "int" | "float"): Sym {
    const plain = symbol(name, kind);
    const truth = kind === "int" ? bit(plain) : plain;
    for (let frame: Frame | null = this.frame; frame; frame = frame.parent) {
      if (frame.numbers.has(plain.key)) return plain;
      const known = frame.numbers.get(truth.key);
      if (known) return this.numberOfTruth(known, plain);
    }
    const source = this.sources.get(name);
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

  /** What is known of an operand: a tensor's meta, or the expression of a number. */
  private metaOf(op: Op, bound: BoundArgs): unknown {
    const names = Object.keys(bound);
    const metaArgs = new Map(names.map((name) => [name, metaArg(bound[name]) as CallArg<Meta>]));
    checkDTypes(op.name, Object.fromEntries(metaArgs));
    const complete = this.metas.bind(op, [], metaArgs);
    const result = this.metas.apply(op, complete);
    checkAtOtherSizes(this.metas, op, complete, result, this.symbols);
    return op.strides ? { ...result as Meta, strides: stridesOf(op, complete) } : result;
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
    const tree = this.resultTree(name, result, types.length === 1 ? types[0] : null);
    this.insert({ name, target, args, kwargs, result: tree, origin });
    return tracedOf(tree);
  }

  private insert(init: ConstructorParameters<typeof FxNode>[0]): void {
    // What the node comes from is told later, in maps of its own.
    const node = new FxNode({ ...init, metadata: init.metadata ?? new Map() });
    this.frame.graph.insert(node);
    for (const value of node.outputs) {
      this.homes.set(value, this.frame);
      this.learn(value, this.frame);
    }
  }

  private resultTree(name: string, result: unknown, type: SchemaType | null): FxResult {
    if (result === null || result === undefined) return null;
    if (Array.isArray(result)) {
      return result.map((one) => this.resultTree(this.frame.names.create("getitem"), one, null));
    }
    if (isNumber(result) || isSym(result)) return new FxValue(name, symMeta(result, type));
    return new FxValue(name, fullMeta(result as Meta));
  }

  /** Remembers where symbols and numbers can be read. */
  private learn(value: FxValue, frame: Frame): void {
    const { meta } = value;
    if (meta.kind === "sym" && isSym(meta.expr)) {
      const key = meta.expr.key;
      if (!frame.numbers.has(key)) frame.numbers.set(key, value);
      for (const name of meta.expr.symbols()) if (!this.owners.has(name)) this.owners.set(name, frame);
    }
    if (meta.kind !== "tensor") return;
    for (const [axis, size] of meta.shape.entries()) {
      if (!isSym(size)) continue;
      for (const name of size.symbols()) {
        if (!this.owners.has(name)) this.owners.set(name, frame);
        const known = this.sources.get(name);
        const isPlain = size.node.op === "symbol";
        const isOnly = size.symbols().size === 1;
        if (isOnly && (!known || isPlain && known.size.node.op !== "symbol")) {
          this.sources.set(name, { frame, value, axis, size });
        }
      }
    }
  }

  /** The graphs in which symbols were met first. */
  private readonly owners: Map<string, Frame> = new Map();

  private homeOf(name: string): Frame {
    return this.owners.get(name) ?? this.root;
  }

  private at<R>(frame: Frame, body: () => R): R {
    const outer = this.frame;
    this.frame = frame;
    try {
      return body();
    } finally {
      this.frame = outer;
    }
  }

  /** A value of this graph or of one around it, as the graph has it. */
  private within(frame: Frame, value: FxValue): FxValue {
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
    this.homes.set(inner, frame);
    frame.lifted.set(value, inner);
    frame.graph.inputs.push(inner);
    if (inner.meta.kind === "sym" && isSym(inner.meta.expr)) frame.numbers.set(inner.meta.expr.key, inner);
    return inner;
  }

  /** Operands of nodes over graphs are tensors and ints: floats and truths are handed on in tensors of no dims. */
  private throughTensor(frame: Frame, value: FxValue, home: Frame): FxValue {
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

function openFrame(graph: FxGraph, parent: Frame | null): Frame {
  return { graph, names: new FxNamespace(), parent, lifted: new Map(), numbers: new Map(), replaced: new Map() };
}

function depthOf(frame: Frame): number {
  return frame.parent ? depthOf(frame.parent) + 1 : 0;
}

function deeper(a: Frame, b: Frame): Frame {
  return depthOf(b) > depthOf(a) ? b : a;
}

/** `torch.ops.aten.sym_size.int` gives `sym_size_int`, as PyTorch names it; other overloads are left out. */
function nodeName(target: string): string {
  if (target === "torch.ops.aten.sym_size.int") return "sym_size_int";
  return target.replace(/^torch\.ops\.\w+\./, "").replace(/^_operator\./, "").replace(/\.\w+$/, "").replace(
    /^.*\./,
    "",
  );
}

/**
 * What an operator in place leaves: the tensor as it was but for its elements, or, where the operator is a view, the view.
 *
 * @throws {TypeError} when the results are of a dtype that the tensor can't take
 * @throws {RangeError} when they have another shape
 */
function writtenTo(op: Op, name: string, self: Meta, result: unknown): unknown {
  const [returned] = op.parsed.returns;
  if (returned?.alias && !returned.alias.write) return result;
  const made = Array.isArray(result) ? result[0] : result;
  if (typeof made !== "object" || made === null || !("dtype" in made)) return self;
  const { dtype, shape } = made as Meta;
  const shown = `${self.dtype}[${self.shape.join(", ")}]`;
  if (!canCast(dtype, self.dtype)) throw new TypeError(`${name} can't write results of ${dtype} to a ${shown}`);
  if (shape.length !== self.shape.length || shape.some((n, d) => eq(n, self.shape[d]) === false)) {
    throw new RangeError(`${name} can't write results of shape [${shape.join(", ")}] to a ${shown}: its sizes stay`);
  }
  return self;
}

/** Strides of a view. */
function stridesOf(op: Op, args: BoundArgs): readonly Dim[] {
  const { dtype, shape, strides } = args[op.parsed.args[0].name] as Meta;
  // deno-lint-ignore no-explicit-any -- bound arguments are typed by the schema at the definition
  return op.strides!({ dtype, shape, strides: strides ?? contiguousStrides(shape) }, args as any);
}

function isNumber(x: unknown): x is number | bigint | boolean {
  return typeof x === "number" || typeof x === "bigint" || typeof x === "boolean";
}

/** What is known of a number that a node gives. */
function symMeta(value: Sym | number | bigint | boolean, type: SchemaType | null): SymMeta {
  if (isSym(value)) return { kind: "sym", type: value.kind, expr: value };
  if (typeof value === "boolean") return { kind: "sym", type: "bool", expr: value };
  const isFloat = type?.kind === "base" && type.name === "float";
  return { kind: "sym", type: typeof value === "bigint" || !isFloat ? "int" : "float", expr: Number(value) };
}

function tracedOf(tree: FxResult): Traced {
  if (tree === null) return null;
  if (!(tree instanceof FxValue)) return (tree as readonly FxResult[]).map(tracedOf);
  return tree.meta.kind === "sym" ? tree.meta.expr : tree;
}

function metaArg(value: unknown): unknown {
  if (value instanceof FxValue) {
    const { meta } = value;
    if (meta.kind === "tensor") return meta;
    if (meta.kind === "sym") return meta.expr;
    throw new TypeError(`${value.name} is neither a tensor nor a number`);
  }
  return Array.isArray(value) ? value.map(metaArg) : value;
}
