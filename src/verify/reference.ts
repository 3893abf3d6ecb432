/**
 * The reference: a functional program run node by node with the operators' eager kernels, independent of the ONNX model.
 * Weights are read when the first node needs them; every tensor is let go of after its last use.
 */
import type { CallArg } from "../aten/bind.ts";
import { EagerInterpreter, isRandom } from "../aten/calls.ts";
import type { GraphRunner } from "../aten/higher_order.ts";
import type { OpTable } from "../aten/mod.ts";
import {
  type ExportedProgram,
  type FxArg,
  type FxGraph,
  type FxNode,
  type FxResult,
  FxValue,
  graphsOf,
  type InputSpec,
  isUnread,
  type SymMeta,
  tensorOf,
} from "../fx/mod.ts";
import { atNodeAsync } from "../ir/mod.ts";
import { bitOf, isSym, type Sym } from "../sym/mod.ts";
import { formatMeta, type Meta, Tensor } from "../tensor/mod.ts";
import { Bindings, type ConcreteValue, pairSizes } from "./bindings.ts";

/** A value that goes in or comes out. */
export type ReferenceValue = Tensor | bigint | number | boolean | string | null;

/** Inputs that a program's own assertions refuse. */
export class AssertionError extends RangeError {
  override name = "AssertionError";
}

/** How a program is run. */
export interface RunOptions {
  /**
   * Told of each tensor that a node computes, in program order; the tensor is loaded. The run waits for it, and ends with
   * what it throws.
   */
  readonly onValue?: (value: FxValue, tensor: Tensor) => void | Promise<void>;
}

/** Milliseconds of work after which others get their turn. */
const SLICE = 50;

/**
 * Runs a functional program.
 *
 * @param program a program without mutations, as `functionalize` gives it
 * @param table the records of its operators
 * @param inputs one per user input, those included that are constants (their values are not read)
 * @returns one value per output spec: tensors, numbers (ints as bigints), strings or null
 * @throws {LoweringError} located, when an operator has no kernel, or inputs that the program can't take
 */
export async function runProgram(
  program: ExportedProgram,
  table: OpTable,
  inputs: readonly ReferenceValue[],
  options: RunOptions = {},
): Promise<ReferenceValue[]> {
  const eager = new EagerInterpreter(await import("../tensor/loops.ts"), table.forms);
  return await new ProgramRun(program, table, eager, options).run(inputs);
}

/** What the runs of all graphs of a program share. */
class ProgramRun {
  readonly weights: Map<FxValue, InputSpec> = new Map();
  private lastPause: number = performance.now();

  constructor(
    readonly program: ExportedProgram,
    readonly table: OpTable,
    readonly eager: EagerInterpreter,
    readonly options: RunOptions,
  ) {}

  async run(inputs: readonly ReferenceValue[]): Promise<ReferenceValue[]> {
    const { graph, signature } = this.program;
    const run = new GraphRun(this, new Bindings());
    run.addInputs(inputs);
    await run.compute(graph);
    const outputs: ReferenceValue[] = [];
    for (const { kind, arg } of signature.outputSpecs) outputs.push(kind === "TOKEN" ? null : await run.output(arg));
    return outputs;
  }

  /** Lets others have a turn from time to time. */
  async pause(): Promise<void> {
    if (performance.now() - this.lastPause <= SLICE) return;
    await new Promise((resume) => setTimeout(resume, 0));
    this.lastPause = performance.now();
  }
}

/** One run of a graph. The graphs nested in it are run anew at each call. */
class GraphRun implements GraphRunner {
  private readonly values: Map<FxValue, Tensor> = new Map();
  /** Inputs of a nested graph that are numbers. */
  private readonly numbers: Map<FxValue, FxArg> = new Map();
  /** How many nodes (and the graph's outputs, as one) still use a value. */
  private readonly remaining: Map<FxValue, number> = new Map();

  constructor(private readonly whole: ProgramRun, private readonly bindings: Bindings) {}

  /** Computes all values of a graph. */
  async compute(graph: FxGraph): Promise<void> {
    const kept = new Set(graph.outputs.filter((arg) => arg instanceof FxValue));
    const count = (value: FxValue): void => {
      this.remaining.set(value, value.uses.size + (kept.has(value) ? 1 : 0));
    };
    graph.inputs.forEach(count);
    for (const value of graph.inputs) if (this.remaining.get(value) === 0) this.values.delete(value);
    for (const node of graph.nodes()) {
      node.outputs.forEach(count);
      await atNodeAsync(node.origin, () => this.runNode(node));
      for (const value of new Set([...node.operands(), ...node.outputs])) this.release(value, node);
      await this.whole.pause();
    }
  }

  async run(graph: FxGraph, inputs: readonly CallArg<Tensor>[]): Promise<CallArg<Tensor>[]> {
    if (inputs.length !== graph.inputs.length) {
      throw new TypeError(`Graph ${graph.name} has ${graph.inputs.length} inputs, but is given ${inputs.length}`);
    }
    // What a turn of a loop finds out about sizes holds for that turn.
    const inner = new GraphRun(this.whole, new Bindings(this.bindings.values));
    for (const [i, value] of graph.inputs.entries()) inner.give(value, inputs[i]);
    await inner.compute(graph);
    const results: CallArg<Tensor>[] = [];
    for (const arg of graph.outputs) results.push(await inner.argument(arg));
    return results;
  }

  private give(value: FxValue, given: CallArg<Tensor>): void {
    const { meta } = value;
    if (given instanceof Tensor) {
      if (meta.kind === "tensor") this.checkResult(meta, given);
      this.values.set(value, given);
    } else {
      this.numbers.set(value, given as FxArg);
      const isOpen = meta.kind === "sym" && isSym(meta.expr) && !this.bindings.knows(meta.expr);
      if (isOpen && isConcrete(given)) this.bindSym(meta.expr as Sym, given);
    }
  }

  addInputs(inputs: readonly ReferenceValue[]): void {
    const specs = this.whole.program.signature.inputSpecs;
    const users = specs.filter((spec) => spec.kind === "USER_INPUT");
    if (inputs.length !== users.length) {
      throw new RangeError(`The program takes ${users.length} inputs, met ${inputs.length}`);
    }
    const sizes = users.flatMap(({ value }, i) => inputSizes(value, inputs[i]));
    const unsolved = this.bindings.bindAll(sizes);
    if (unsolved.length > 0) {
      throw new RangeError(`Cannot solve ${String(unsolved[0][0])} = ${unsolved[0][1]} for the program's symbols`);
    }
    for (const [i, { value }] of users.entries()) {
      const input = inputs[i];
      if (input instanceof Tensor) this.values.set(value, input);
    }
    for (const spec of specs) if (spec.target !== null) this.whole.weights.set(spec.value, spec);
  }

  private async runNode(node: FxNode): Promise<void> {
    if (this.isKnown(node)) return;
    const { table, eager } = this.whole;
    const resolved = table.resolve(node.target);
    if (!resolved) throw new TypeError(`Operator ${node.target} is not supported`);
    if (/assert_scalar\b/.test(node.target)) this.checkAssertion(node);
    const { op } = resolved;
    if (op.effectFree) return;
    const args: FxArg[] = [];
    for (const arg of node.args) args.push(await this.argument(arg));
    const kwargs = new Map<string, FxArg>();
    for (const [name, arg] of node.kwargs) kwargs.set(name, await this.argument(arg));
    if (op.higherOrder) {
      if (!op.higherOrder.eager) throw new TypeError(`Operator ${node.target} can't be run`);
      // The interpreter's tensors stand where the program has values.
      const call = { node, args: [...args, ...kwargs.values()] as unknown as CallArg<Tensor>[] };
      const results = await op.higherOrder.eager(this, call);
      this.assign(node.result, node.result instanceof FxValue ? results[0] : results);
    } else this.assign(node.result, eager.apply(op, eager.bind(op, args, kwargs)));
    const { onValue } = this.whole.options;
    if (!onValue) return;
    for (const value of node.outputs) {
      const tensor = this.values.get(value);
      if (tensor) await onValue(value, tensor);
    }
  }

  /** Assertions on sizes and values tell which inputs a program was captured for. */
  private checkAssertion(node: FxNode): void {
    const [condition] = node.args;
    const isValue = condition instanceof FxValue && condition.meta.kind === "sym";
    if (!isValue && !isSym(condition)) return;
    const expr = isValue ? (condition.meta as SymMeta).expr : condition as Sym;
    if (isSym(expr) && !this.bindings.knows(expr)) return;
    if (this.bindings.value(expr, "bool")) return;
    const [, message] = node.args;
    throw new AssertionError(typeof message === "string" ? message : `The program requires ${String(expr)}`);
  }

  /** Whether a node gives numbers only, all of which follow from what is bound already. */
  private isKnown(node: FxNode): boolean {
    return node.outputs.length > 0 &&
      node.outputs.every(({ meta }) => meta.kind === "sym" && (!isSym(meta.expr) || this.bindings.knows(meta.expr)));
  }

  /** An argument as the interpreter takes it: tensors loaded, symbolic values as numbers. */
  private async argument(arg: FxArg): Promise<FxArg> {
    if (Array.isArray(arg)) {
      const items: FxArg[] = [];
      for (const item of arg) items.push(await this.argument(item));
      return items;
    }
    // Nodes that functionalization adds have sizes as expressions.
    if (isSym(arg)) return this.bindings.value(arg, arg.kind);
    if (!(arg instanceof FxValue)) return arg;
    const given = this.numbers.get(arg);
    if (given !== undefined) return given;
    const { meta } = arg;
    switch (meta.kind) {
      case "tensor":
        // The interpreter's tensors stand where the program has values.
        return await this.tensor(arg) as unknown as FxArg;
      case "sym":
        return this.bindings.value(meta.expr, meta.type);
      case "constant":
        return await this.argument(meta.value);
      case "object":
        throw new TypeError(`${arg.name} is a ${meta.className} object, which has no value here`);
    }
  }

  private async tensor(value: FxValue): Promise<Tensor> {
    const known = this.values.get(value);
    if (known) return known;
    const spec = this.whole.weights.get(value);
    const weight = spec && tensorOf(this.whole.program, spec);
    if (!weight) throw new TypeError(`${value.name} is used before it is computed`);
    const loaded = await weight.load();
    this.values.set(value, loaded);
    return loaded;
  }

  private assign(tree: FxResult, result: unknown): void {
    if (tree === null) return;
    if (!(tree instanceof FxValue)) {
      const results = Array.isArray(result) ? result : [result];
      const slots = tree as readonly FxResult[];
      if (results.length < slots.length) {
        throw new TypeError(`The kernel gave ${results.length} results where the program has ${slots.length}`);
      }
      for (const [i, slot] of slots.entries()) this.assign(slot, results[i]);
      return;
    }
    const { meta } = tree;
    if (meta.kind === "sym") {
      if (!isConcrete(result)) throw new TypeError(`The kernel gave no number for result ${tree.name}`);
      if (isSym(meta.expr)) this.bindSym(meta.expr, result);
    } else if (meta.kind === "tensor") {
      try {
        if (!(result instanceof Tensor)) throw new TypeError(`The kernel gave no tensor for result ${tree.name}`);
        this.checkResult(meta, result);
        this.values.set(tree, result);
      } catch (error) {
        // Of several results, those that nobody reads may be absent, or of a form that depends on the machine.
        const isExtra = isUnread(tree) && tree.producer !== null && tree.producer.outputs.length > 1;
        if (!(error instanceof TypeError && isExtra)) throw error;
      }
    } else throw new TypeError(`Result ${tree.name} is a ${meta.kind}`);
  }

  private bindSym(expr: Sym, value: ConcreteValue): void {
    // A bool that is not known is recorded as a comparison of a number that is 0 or 1.
    const bit = bitOf(expr);
    if (bit) this.bindings.bind(bit, Number(value));
    else if (expr.kind !== "bool") this.bindings.bind(expr, typeof value === "boolean" ? Number(value) : value);
  }

  /** The recorded dtype and shape must be what the kernel gave; sizes that depend on values become known. */
  private checkResult(recorded: Meta, made: Tensor): void {
    const differ = (): never => {
      throw new TypeError(`The kernel gives ${formatMeta(made)}, but the program recorded ${formatMeta(recorded)}`);
    };
    if (made.dtype !== recorded.dtype || made.shape.length !== recorded.shape.length) differ();
    try {
      this.bindings.bindAll(pairSizes(recorded.shape, made.shape));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      differ();
    }
  }

  async output(arg: FxArg): Promise<ReferenceValue> {
    const value = await this.argument(arg) as unknown;
    if (value instanceof Tensor || isConcrete(value) || typeof value === "string" || value === null) return value;
    throw new TypeError(`An output of type ${typeof value} has no value here`);
  }

  /** `node` is done with the value. */
  private release(value: FxValue, node: FxNode): void {
    let left = this.remaining.get(value);
    if (left === undefined) return;
    if (value.producer !== node) this.remaining.set(value, --left);
    if (left === 0) {
      this.values.delete(value);
      this.remaining.delete(value);
    }
  }
}

function isConcrete(x: unknown): x is ConcreteValue {
  return typeof x === "bigint" || typeof x === "number" || typeof x === "boolean";
}

/**
 * The sizes and numbers that an input tells of a program's symbols.
 *
 * @throws {RangeError} when the input does not fit what the program recorded
 */
export function inputSizes(value: FxValue, input: ReferenceValue): (readonly [Sym | number, number | bigint])[] {
  const { meta, name } = value;
  if (meta.kind === "tensor") {
    if (!(input instanceof Tensor)) throw new RangeError(`Input ${name} must be a tensor`);
    const fits = input.dtype === meta.dtype && input.shape.length === meta.shape.length &&
      meta.shape.every((dim, i) => isSym(dim) || dim === input.shape[i]);
    if (!fits) throw new RangeError(`Input ${name} must be ${formatMeta(meta)}, met ${formatMeta(input)}`);
    return pairSizes(meta.shape, input.shape);
  }
  if (meta.kind === "sym") {
    if (!isConcrete(input)) throw new RangeError(`Input ${name} must be a ${meta.type}`);
    if (!isSym(meta.expr) || meta.expr.kind === "bool" || typeof input === "boolean") return [];
    return [[meta.expr, input]];
  }
  return [];
}

/** Values that are random, or computed from what is: two runs can't be compared by them. */
export function randomValues(program: ExportedProgram, table: OpTable): Set<FxValue> {
  const random = new Set<FxValue>();
  for (const node of program.graph.nodes()) {
    const draws = (one: FxNode): boolean =>
      isRandom(one, table) || graphsOf(one).some((graph) => [...graph.nodes()].some(draws));
    const varies = draws(node) || [...node.operands()].some((value) => random.has(value));
    if (varies) { for (const value of node.outputs) random.add(value); }
  }
  return random;
}
