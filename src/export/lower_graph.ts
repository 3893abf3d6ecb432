/**
 * Emits graphs of a functional program: walks their nodes once and calls each operator's ONNX rule. Graphs nested in others
 * become the bodies of If, Loop and Scan, built by a lowering of their own that shares all but the builder.
 */
import type { CallArg } from "../aten/bind.ts";
import { OnnxInterpreter } from "../aten/calls.ts";
import type { GraphEmitter } from "../aten/higher_order.ts";
import type { Op, OpTable } from "../aten/mod.ts";
import {
  type FxArg,
  FxGraph,
  type FxNode,
  type FxResult,
  FxValue,
  isUnread,
  mapResult,
  type ResultTree,
  symbolsOf,
  type SymMeta,
  type TensorMeta,
} from "../fx/mod.ts";
import { atNode, Fx2OnnxError, OptionError, type Origin } from "../ir/mod.ts";
import type { OnnxBuilder } from "../onnx/builder.ts";
import { ComplexValue } from "../onnx/complex.ts";
import { type OnnxGraph, OnnxValue } from "../onnx/model.ts";
import { type Dim, eq, isSym, type Ranges, type Sym } from "../sym/mod.ts";
import { type DType, formatMeta, isComplex, type Meta, toReal } from "../tensor/mod.ts";

/** Told when the translation of a node begins and ends; nodes of nested graphs come in between. */
export interface NodeTimer {
  enter(operator: string, node: string): void;
  leave(): void;
}

/** What the lowerings of all graphs of a program share. */
export interface LoweringState {
  readonly table: OpTable;
  readonly ranges: Ranges;
  /** What stands for each FX tensor value. */
  readonly values: Map<FxValue, OnnxValue>;
  /** Inputs of nested graphs that are given something else than a tensor. */
  readonly numbers: Map<FxValue, CallArg<OnnxValue>>;
  /** Values that bear the name of an FX value. */
  readonly claimed: Set<OnnxValue>;
  /** What was refused. */
  readonly errors: Fx2OnnxError[];
  /** Only where an export is profiled. */
  readonly timer?: NodeTimer | undefined;
}

/** Emits the nodes of graphs into one ONNX graph. */
export class GraphLowering implements GraphEmitter {
  private readonly interpreter: OnnxInterpreter;

  constructor(readonly b: OnnxBuilder, readonly state: LoweringState) {
    this.interpreter = new OnnxInterpreter(b, state.ranges, state.table.forms);
  }

  get ranges(): Ranges {
    return this.state.ranges;
  }

  lowerNode(node: FxNode): void {
    const { timer } = this.state;
    if (!timer) return this.translate(node);
    timer.enter(node.target, node.name);
    try {
      this.translate(node);
    } finally {
      timer.leave();
    }
  }

  private translate(node: FxNode): void {
    const resolved = this.state.table.resolve(node.target);
    // Preflight and expansion have reported it.
    if (!resolved || isReported(resolved.op)) this.assume(node);
    else if (!this.collect(node.origin, () => this.emit(node, resolved.op))) this.assume(node);
  }

  /** Runs `body`; what it refuses is kept. Returns whether all went well. */
  collect(origin: Origin | null, body: () => void): boolean {
    try {
      this.b.at(origin, () => atNode(origin, body));
      return true;
    } catch (error) {
      if (!(error instanceof Fx2OnnxError) || error instanceof OptionError) throw error;
      this.state.errors.push(error);
      return false;
    }
  }

  run(graph: FxGraph, inputs: readonly CallArg<OnnxValue>[]): CallArg<OnnxValue>[] {
    if (inputs.length !== graph.inputs.length) {
      throw new TypeError(`Graph ${graph.name} has ${graph.inputs.length} inputs, but is given ${inputs.length}`);
    }
    this.b.symbols.renew(symbolsMadeIn(graph));
    for (const [i, value] of graph.inputs.entries()) this.give(value, inputs[i]);
    for (const node of graph.nodes()) this.lowerNode(node);
    return graph.outputs.map((arg) => this.argument(arg));
  }

  /** What an input of a nested graph is. */
  private give(value: FxValue, given: CallArg<OnnxValue>): void {
    const { values, numbers } = this.state;
    const { meta } = value;
    if (meta.kind === "tensor") {
      if (!(given instanceof OnnxValue)) throw new TypeError(`Input ${value.name} of a graph must be a tensor`);
      values.set(value, given);
      this.b.symbols.shadow(meta.shape, given);
    } else if (given instanceof OnnxValue) {
      numbers.delete(value);
      if (meta.kind === "sym" && isSym(meta.expr)) this.b.symbols.shadow(meta.expr, given);
    } else {
      numbers.set(value, given);
      const isSame = isSym(given) && meta.kind === "sym" && isSym(meta.expr) && given.key === meta.expr.key;
      if (meta.kind === "sym" && isSym(meta.expr) && !isSame) this.b.symbols.shadow(meta.expr, this.value(given));
    }
  }

  subgraph(name: string, body: (inner: GraphEmitter) => readonly OnnxValue[]): OnnxGraph {
    return this.b.subgraph(name, (b) => body(new GraphLowering(b, this.state)));
  }

  value(arg: CallArg<OnnxValue>): OnnxValue {
    if (arg instanceof OnnxValue) return this.b.packed(arg);
    if (typeof arg === "bigint") return this.b.scalar(arg, "int64");
    if (typeof arg === "number") return this.b.scalar(arg, "float64");
    if (typeof arg === "boolean") return this.b.scalar(arg, "bool");
    if (isSym(arg)) return this.b.symbolic(arg);
    throw new TypeError(`A ${arg === null ? "None" : typeof arg} can't go through a branch or loop`);
  }

  input(recorded: FxValue): OnnxValue {
    const { meta, name } = recorded;
    if (meta.kind === "tensor") return this.b.input(name, { dtype: meta.dtype, shape: meta.shape });
    if (meta.kind === "sym") return this.b.input(name, { dtype: loopDType(meta), shape: [] });
    throw new TypeError(`${name} is a ${meta.kind}, which can't go through a branch or loop`);
  }

  /** The results' metas are known, so the rest of the program can still be tried. */
  private assume(node: FxNode): void {
    const { symbols } = this.b;
    for (const fx of node.outputs) {
      if (this.state.values.has(fx)) continue;
      if (fx.meta.kind === "tensor") {
        const { dtype, shape } = fx.meta;
        const pair = isComplex(dtype) ? { dtype: toReal(dtype), shape: [...shape, 2] } : null;
        const value = new OnnxValue(fx.name, pair ?? { dtype, shape });
        this.state.values.set(fx, pair ? ComplexValue.packed(value) : value);
        symbols.bindShape(value);
      } else if (fx.meta.kind === "sym" && isSym(fx.meta.expr)) {
        symbols.bindExpr(fx.meta.expr, new OnnxValue(fx.name, { dtype: scalarDType(fx.meta), shape: [] }));
      }
    }
  }

  private emit(node: FxNode, op: Op): void {
    if (op.effectFree) return;
    if (op.higherOrder) {
      const args = [...node.args, ...node.kwargs.values()].map((a) => this.argument(a));
      const results = op.higherOrder.onnx!(this, { node, args });
      this.assign(node, node.result, node.result instanceof FxValue ? results[0] : results);
      return;
    }
    const nothing = this.nothing(node);
    if (nothing) return this.assign(node, node.result, nothing);
    const args = node.args.map((a) => this.argument(a));
    const kwargs = new Map([...node.kwargs].map(([k, a]) => [k, this.argument(a)]));
    const result = this.interpreter.applyFor(node.outputs.length, op, this.interpreter.bind(op, args, kwargs));
    this.assign(node, node.result, result);
  }

  /** Results that have no elements, which need no computing: many runtimes' kernels fail on such tensors. */
  private nothing(node: FxNode): ResultTree<OnnxValue> {
    const isEmpty = ({ meta }: FxValue): boolean =>
      meta.kind === "tensor" && meta.shape.includes(0) &&
      meta.shape.every((d) => !isSym(d) || [...d.symbols()].every((name) => this.b.symbols.has(name)));
    if (node.outputs.length === 0 || !node.outputs.every(isEmpty)) return null;
    return mapResult(node.result, (v) => {
      const { shape, dtype } = v.meta as TensorMeta;
      return this.interpreter.full(shape, 0, dtype);
    });
  }

  private argument(arg: FxArg): CallArg<OnnxValue> {
    if (arg instanceof FxValue) {
      switch (arg.meta.kind) {
        case "tensor":
          return this.valueOf(arg);
        case "sym": {
          const given = this.state.numbers.get(arg);
          if (given !== undefined) return given;
          return arg.meta.type === "int" && typeof arg.meta.expr === "number"
            ? BigInt(arg.meta.expr)
            : arg.meta.expr as number | boolean | Sym;
        }
        case "constant":
          return this.argument(arg.meta.value);
        default:
          throw new TypeError(`${arg.name} is a ${arg.meta.className} object, which ONNX has no value for`);
      }
    }
    if (arg instanceof FxGraph) return arg;
    if (Array.isArray(arg)) return arg.map((a) => this.argument(a));
    return arg as Exclude<FxArg, FxValue>;
  }

  /** @throws {TypeError} when nothing stands for it */
  valueOf(value: FxValue): OnnxValue {
    const found = this.state.values.get(value);
    if (!found) throw new TypeError(`${value.name} has no ONNX value`);
    return found;
  }

  private assign(node: FxNode, tree: FxResult, result: unknown): void {
    if (tree === null) return;
    if (!(tree instanceof FxValue)) {
      const results = Array.isArray(result) ? result : [result];
      const slots = tree as readonly FxResult[];
      if (results.length < slots.length) {
        throw new TypeError(`The rule gave ${results.length} results where the program has ${slots.length}`);
      }
      for (const [i, slot] of slots.entries()) this.assign(node, slot, results[i]);
      return;
    }
    if (tree.meta.kind === "sym") {
      if (result instanceof OnnxValue && isSym(tree.meta.expr)) this.b.symbols.bindExpr(tree.meta.expr, result);
      return;
    }
    if (tree.meta.kind !== "tensor") throw new TypeError(`Result ${tree.name} is a ${tree.meta.kind}`);
    if (!(result instanceof OnnxValue)) {
      if (result === null && isUnread(tree)) return;
      throw new TypeError(`The rule gave no tensor for result ${tree.name}`);
    }
    this.state.values.set(tree, this.finish(node, tree, tree.meta, result));
  }

  /** Holds the result against what the program recorded, names it, and lets its symbols be computed from it. */
  private finish(node: FxNode, fx: FxValue, recorded: Meta, result: OnnxValue): OnnxValue {
    const value = isPair(result, recorded) ? ComplexValue.packed(result) : result;
    if (value.meta && !agree(value.meta, recorded)) {
      // Some results that nobody reads are only filled in for backward, in a form that depends on the machine.
      if (isUnread(fx)) return value;
      throw new TypeError(
        `The ONNX form gives ${formatMeta(value.meta)}, but the program recorded ${formatMeta(recorded)}`,
      );
    }
    const isOwn = (v: OnnxValue): boolean =>
      v.producer !== null && v.producer.origin === node.origin && !this.state.claimed.has(v);
    if (value instanceof ComplexValue) {
      const made = value.values();
      if (made.every(isOwn)) {
        value.refine(recorded.shape);
        if (value.form.kind === "packed") this.claim(node, fx, value.form.value);
        else made.forEach((part, k) => this.claim(node, fx, part, k === 0 ? "_real" : "_imag"));
      }
    } else if (isOwn(value)) {
      value.meta = { dtype: recorded.dtype, shape: recorded.shape };
      this.claim(node, fx, value);
    }
    if (value.meta === null) value.meta = { dtype: recorded.dtype, shape: recorded.shape };
    this.b.bindSymbols(value);
    return value;
  }

  /** Names what a program's value became, and the node that yields it. */
  private claim(node: FxNode, fx: FxValue, value: OnnxValue, part = ""): void {
    this.state.claimed.add(value);
    this.rename(value, `${fx.name}${part}`);
    const producer = value.producer!;
    this.b.nodeNames.release(producer.name);
    producer.name = this.b.nodeNames.fresh(`node_${node.name}${part}`);
  }

  /** Names a complex output that was put together of its parts. */
  claimOutput(value: OnnxValue, name: string): void {
    if (value.producer && !this.state.claimed.has(value)) this.rename(value, name);
  }

  rename(value: OnnxValue, name: string): void {
    this.b.names.release(value.name);
    value.name = this.b.names.fresh(name);
  }
}

/** Whether an operator that has no ONNX form of its own is refused, or could not be replaced. */
function isReported({ higherOrder }: Op): boolean {
  return higherOrder !== undefined && !higherOrder.onnx;
}

/** The dtype of a Python number. */
export function scalarDType({ type }: SymMeta): DType {
  return type === "int" ? "int64" : type === "bool" ? "bool" : "float32";
}

/** The dtype in which a Python number goes through a loop: floats are computed in double precision. */
function loopDType(meta: SymMeta): DType {
  return meta.type === "float" ? "float64" : scalarDType(meta);
}

/** Whether a real value is a complex one of the program, as it leaves a branch or loop. */
function isPair({ meta }: OnnxValue, recorded: Meta): boolean {
  return meta !== null && isComplex(recorded.dtype) && meta.dtype === toReal(recorded.dtype) &&
    meta.shape.length === recorded.shape.length + 1 && meta.shape.at(-1) === 2;
}

/** Symbolic sizes agree unless they are known to differ. */
function agree(made: Meta, recorded: Meta): boolean {
  return made.dtype === recorded.dtype && made.shape.length === recorded.shape.length &&
    made.shape.every((d: Dim, i) => isSym(d) || isSym(recorded.shape[i]) || eq(d, recorded.shape[i]) !== false);
}

/** Symbols that only a run tells and that the nodes of a graph make, not its inputs. */
function symbolsMadeIn(graph: FxGraph): Set<string> {
  const made = new Set<string>();
  for (const node of graph.nodes()) {
    for (const { meta } of node.outputs) {
      for (const name of symbolsOf(meta)) if (/^(u|zuf)\d+$/.test(name)) made.add(name);
    }
  }
  for (const { meta } of graph.inputs) for (const name of symbolsOf(meta)) made.delete(name);
  return made;
}
