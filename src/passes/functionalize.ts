/**
 * Makes a program functional: in-place operators become their functional twins, and what was written through a view is
 * written back into its base. Mutated buffers and inputs become outputs with their kind.
 *
 * Every tensor of the original graph is a base or a view of one: a chain of view operators. Writing to a view goes up its
 * chain through the operators' `inverse` rules; reading one whose base was written since replays the chain. Nodes that
 * end up unused are removed at the end.
 */
import { type BoundArgs, type CallArg, complete } from "../aten/bind.ts";
import { TraceInterpreter } from "../aten/calls.ts";
import type { Op, OpTable, Resolved } from "../aten/mod.ts";
import {
  allNodes,
  type ExportedProgram,
  type FxArg,
  FxGraph,
  FxNode,
  FxValue,
  type InputSpec,
  mapResult,
  mapValues,
  type OutputSpec,
} from "../fx/mod.ts";
import { atNode, LoweringError, Names } from "../ir/mod.ts";
import { isSym, prod, type Ranges } from "../sym/mod.ts";
import type { Meta } from "../tensor/mod.ts";
import {
  baseName,
  changesNothing,
  type EachForm,
  eachForm,
  isTensor,
  type OutForm,
  outForm,
  plainArg,
} from "./derived_forms.ts";

/** Operators the pass itself records. */
const CAST = "torch.ops.aten.to.dtype";
/** Those it records where elements of views share memory. */
const [ARANGE, RESHAPE, SCATTER] = ["arange.default", "reshape.default", "scatter.src"].map((n) =>
  `torch.ops.aten.${n}`
);

/** A tensor that owns its elements. */
interface Base {
  current: FxValue;
  /** Counts writes. */
  version: number;
}

/** One step from a tensor to a view of it. */
interface ViewStep {
  readonly node: FxNode;
  readonly op: Op;
  /** Arguments by name, with the values of the new graph; `self` is filled in at each use. */
  readonly args: BoundArgs;
  /** Which result the view is, where the operator gives a list. */
  readonly index: number;
}

/** A tensor of the original graph. */
interface Tracked {
  readonly base: Base;
  readonly chain: readonly ViewStep[];
  /** The tensor's value in the new graph as of `version` of its base. */
  value: FxValue;
  version: number;
}

/**
 * The program without mutations. A program that has none is returned as it is.
 *
 * @throws {LoweringError} located, where a mutation can't be expressed
 */
export async function functionalize(program: ExportedProgram, table: OpTable): Promise<ExportedProgram> {
  if (!mutates(program.graph, table)) return program;
  await table.extend(mayOverlap(program.graph) ? [CAST, ARANGE, RESHAPE, SCATTER] : [CAST]);
  return new Functionalization(program.graph, table, program.rangeConstraints).program(program);
}

/** Whether a node of the graph, or of a subgraph, writes to one of its arguments. */
function mutates(graph: FxGraph, table: OpTable): boolean {
  for (const node of graph.nodes()) {
    const resolved = table.resolve(node.target);
    if (resolved ? resolved.inplace || resolved.op.writes : outForm(node, table) ?? eachForm(node, table)) return true;
    for (const arg of [...node.args, ...node.kwargs.values()]) {
      if (arg instanceof FxGraph && mutates(arg, table)) return true;
    }
  }
  return false;
}

/** Whether the graph, or a subgraph, may have a view whose elements share memory, which broadcasting gives. */
function mayOverlap(graph: FxGraph): boolean {
  return [...allNodes(graph)].some((node) => node.outputs.some(overlaps));
}

class Functionalization {
  private readonly graph: FxGraph;
  private readonly names: Names = new Names();
  private readonly trace: TraceInterpreter;
  private readonly tracked: Map<FxValue, Tracked> = new Map();
  /** Values that are not tensors. */
  private readonly others: Map<FxValue, FxValue> = new Map();

  constructor(
    private readonly original: FxGraph,
    private readonly table: OpTable,
    private readonly ranges: Ranges,
  ) {
    this.graph = new FxGraph(original.name);
    this.trace = new TraceInterpreter(this.graph, this.names, ranges, table.forms);
    // Names of the program stay; only what the pass adds gets new ones.
    for (const value of original.inputs) this.names.reserve(value.name);
    for (const node of original.nodes()) {
      this.names.reserve(node.name);
      for (const value of node.outputs) this.names.reserve(value.name);
    }
  }

  program(program: ExportedProgram): ExportedProgram {
    this.run();
    const inputs = new Map(this.original.inputs.map((value, i) => [value, this.graph.inputs[i]] as const));
    const inputSpecs = program.signature.inputSpecs.map((spec): InputSpec => ({
      ...spec,
      value: inputs.get(spec.value)!,
    }));
    const declared = new Set(
      program.signature.outputSpecs.filter((s) => s.kind !== "USER_OUTPUT").map((s) => s.target),
    );
    const mutations: OutputSpec[] = [];
    for (const spec of program.signature.inputSpecs) {
      const tracked = this.tracked.get(spec.value);
      if (!tracked || tracked.base.version === 0) continue;
      const target = spec.target ?? spec.value.name;
      if (declared.has(target)) continue;
      const kind = spec.kind === "USER_INPUT"
        ? "USER_INPUT_MUTATION"
        : spec.kind === "PARAMETER"
        ? "PARAMETER_MUTATION"
        : "BUFFER_MUTATION";
      mutations.push({ kind, arg: tracked.base.current, target });
    }
    const outputs = program.signature.outputSpecs.map((spec): OutputSpec => ({ ...spec, arg: this.read(spec.arg) }));
    const outputSpecs = [...mutations, ...outputs];
    this.finish(outputSpecs.map((s) => s.arg));
    return { ...program, graph: this.graph, signature: { inputSpecs, outputSpecs } };
  }

  /** A subgraph: closed, and not allowed to write to what it is given. */
  subgraph(): FxGraph {
    this.run();
    for (const input of this.original.inputs) {
      if ((this.tracked.get(input)?.base.version ?? 0) > 0) {
        throw new LoweringError(`Subgraph ${this.original.name} writes to its input ${input.name}`, {
          hint: "Return the new value from the branch or loop body instead of writing in place",
        });
      }
    }
    this.finish(this.original.outputs.map((arg) => this.read(arg)));
    return this.graph;
  }

  private run(): void {
    for (const input of this.original.inputs) {
      const value = new FxValue(input.name, input.meta);
      this.graph.inputs.push(value);
      this.define(input, value);
    }
    for (const node of this.original.nodes()) {
      this.trace.origin = node.origin;
      atNode(node.origin, () => this.visit(node));
    }
    for (const op of this.trace.used) this.table.add(op);
  }

  private finish(outputs: FxArg[]): void {
    this.graph.outputs = outputs;
    const kept = new Set(outputs);
    for (const node of this.graph.nodesReversed()) {
      const known = this.table.resolve(node.target);
      const isView = known !== null && isViewOp(known.op);
      const isDead = node.outputs.every((v) => v.uses.size === 0 && !kept.has(v));
      if (isDead && (isView || this.added.has(node))) this.graph.remove(node);
    }
  }

  /** Nodes that the original program does not have. */
  private readonly added: Set<FxNode> = new Set();

  /** `value` of the original graph is `replacement`, which owns its elements. */
  private define(value: FxValue, replacement: FxValue): void {
    if (value.meta.kind !== "tensor") this.others.set(value, replacement);
    else {
      this.tracked.set(value, {
        base: { current: replacement, version: 0 },
        chain: [],
        value: replacement,
        version: 0,
      });
    }
  }

  private visit(node: FxNode): void {
    const resolved = this.table.resolve(node.target);
    const out = resolved ? null : outForm(node, this.table);
    const each = resolved || out ? null : eachForm(node, this.table);
    if (out) this.writeOut(node, out);
    else if (each) this.each(node, each);
    else if (resolved?.inplace) this.write(node, resolved);
    else if (resolved && isViewOp(resolved.op) && this.isView(node, resolved.op)) this.view(node, resolved.op);
    else if (resolved?.op.writes && this.writesMore(node, resolved.op)) return;
    else if (resolved?.op.views && this.views(node, resolved.op)) return;
    else this.copy(node);
  }

  /** A node that neither writes nor gives views. */
  private copy(node: FxNode): void {
    const results = new Map(node.outputs.map((v) => [v, new FxValue(v.name, v.meta)]));
    this.graph.insert(
      new FxNode({
        name: node.name,
        target: node.target,
        args: node.args.map((a) => this.read(a)),
        argNames: node.argNames,
        kwargs: node.kwargs.size === 0 ? node.kwargs : new Map([...node.kwargs].map(([k, a]) => [k, this.read(a)])),
        result: mapResult(node.result, (v) => results.get(v)!),
        metadata: node.metadata,
        origin: node.origin,
      }),
    );
    for (const [value, replacement] of results) this.define(value, replacement);
  }

  /** Whether the call gives a view rather than a copy. */
  private isView(node: FxNode, op: Op): boolean {
    if (!op.aliases) return true;
    const args = this.bound(op, node, (v) => v);
    const metas = Object.fromEntries(Object.entries(args).map(([k, v]) => [k, v instanceof FxValue ? plain(v) : v]));
    // deno-lint-ignore no-explicit-any -- arguments are typed by the schema at the definition
    return op.aliases(metas[baseName(op)] as any, metas as any);
  }

  private view(node: FxNode, op: Op): void {
    const source = this.trackedOf(this.selvesOf(node, op)[0]);
    const args = this.bound(op, node, (v) => this.readValue(v));
    this.copy(node);
    for (const [index, output] of node.outputs.entries()) {
      const value = this.tracked.get(output)!.value;
      const step: ViewStep = { node, op, args, index };
      this.tracked.set(output, {
        base: source.base,
        chain: [...source.chain, step],
        value,
        version: source.base.version,
      });
    }
  }

  /** An operator whose results may be views of any of its arguments. Whether this call's are. */
  private views(node: FxNode, op: Op): boolean {
    const scratch = new FxGraph("");
    const trace = new TraceInterpreter(scratch, this.names, this.ranges);
    // deno-lint-ignore no-explicit-any -- arguments are typed by the schema at the definition
    const results = op.views!(trace, this.bound(op, node, (v) => v) as any) as readonly (FxValue | null)[];
    if (results.every((v) => v === null)) return false;
    for (const used of trace.used) {
      this.table.add(used);
      this.trace.used.add(used);
    }
    if (results.includes(null)) this.copy(node);
    for (const [i, value] of results.entries()) {
      // What the program says of a result is also how its elements lie.
      if (value?.producer?.graph === scratch) [value.name, value.meta] = [node.outputs[i].name, node.outputs[i].meta];
    }
    const steps = [...scratch.nodes()];
    for (const step of steps) this.visit(step);
    for (const [i, value] of results.entries()) {
      if (value) this.tracked.set(node.outputs[i], { ...this.trackedOf(value) });
    }
    for (const step of steps.reverse()) scratch.remove(step);
    return true;
  }

  private write(node: FxNode, { op }: Resolved): void {
    const targets = this.selvesOf(node, op);
    const [output] = node.outputs;
    if (isViewOp(op) && this.isView(node, op)) {
      // In-place on the shape only (`squeeze_`, `detach_`): both names now stand for the view.
      this.view(node, op);
      this.tracked.set(targets[0], this.tracked.get(output)!);
      return;
    }
    const args = this.boundTo(op, selfInPlace(op, node.args), node.kwargs, (v) => this.readValue(v));
    if (changesNothing(op, args)) {
      if (output) this.tracked.set(output, { ...this.trackedOf(targets[0]) });
      return;
    }
    // The result bears the name that the program gave it, so that it can be found again.
    this.trace.nextName = output?.name ?? null;
    const results = [this.trace.apply(op, args)].flat() as FxValue[];
    for (const [i, target] of targets.entries()) {
      this.store(target, results[i]);
      if (i < node.outputs.length) this.tracked.set(node.outputs[i], { ...this.trackedOf(target) });
    }
  }

  /** The `out=` form of an operator: its results are written to the tensors that are given. */
  private writeOut(node: FxNode, { op, given, targets }: OutForm): void {
    const args = this.boundTo(op, node.args, given, (v) => this.readValue(v));
    // Where the dtype is not said, it is that of the result, and what is computed is computed in it.
    if (args.dtype === null) args.dtype = plain(targets[0]).dtype;
    this.trace.nextName = node.outputs.length === 1 ? node.outputs[0].name : null;
    const results = [this.trace.apply(op, args)].flat() as FxValue[];
    for (const [i, target] of targets.entries()) {
      this.store(target, results[i]);
      if (i < node.outputs.length) this.tracked.set(node.outputs[i], { ...this.trackedOf(target) });
    }
  }

  /** An operator on each tensor of a list becomes as many nodes. */
  private each(node: FxNode, { op, inplace, calls }: EachForm): void {
    const targets = inplace ? this.selvesOf(node, op) : [];
    for (const [i, { args, kwargs }] of calls.entries()) {
      this.trace.nextName = node.outputs[i]?.name ?? null;
      const result = this.trace.apply(op, this.boundTo(op, args, kwargs, (v) => this.readValue(v))) as FxValue;
      if (inplace) this.store(targets[i], result);
      else this.define(node.outputs[i], result);
    }
  }

  /** An operator that writes to arguments beside giving results. Whether this call does. */
  private writesMore(node: FxNode, op: Op): boolean {
    const { args: names, when, functional } = op.writes!;
    const args = this.bound(op, node, (v) => this.readValue(v));
    if (when?.(args) === false) return false;
    this.trace.nextName = node.outputs.length === 1 ? node.outputs[0].name : null;
    // deno-lint-ignore no-explicit-any -- arguments are typed by the schema at the definition
    const results = [...functional(this.trace, args as any)] as FxValue[];
    const unread = this.bound(op, node, (v) => v);
    const targets = names.flatMap((name) => unread[name]);
    if (results.length < node.outputs.length + targets.length) {
      throw new LoweringError(
        `The functional form of ${op.name} gives ${results.length} of ${
          node.outputs.length + targets.length
        } values: ` +
          `its results, then the new values of ${names.join(", ")}`,
      );
    }
    const own = results.splice(0, results.length - targets.length);
    for (const [i, target] of targets.entries()) {
      if (target instanceof FxValue) this.store(target, results[i]);
    }
    for (const [i, output] of node.outputs.entries()) this.define(output, own[i]);
    return true;
  }

  /** Writes a value to a tensor of the original graph, in the tensor's own dtype. */
  private store(target: FxValue, value: FxValue): void {
    const { dtype } = plain(target);
    const written = this.trace.meta(value).dtype === dtype
      ? value
      : this.trace.call(this.table.resolve(CAST)!.op, value, dtype) as FxValue;
    this.writeBack(this.trackedOf(target), written);
  }

  /** Goes up the chain: each step's base gets the view written into it. */
  private writeBack(view: Tracked, written: FxValue): void {
    let updated = written;
    // Below a view that repeats elements the place of what was written is found by index: which repetition it is makes
    // no difference.
    const repeating = view.chain.findIndex((step) => overlaps(step.node.outputs[step.index]));
    if (repeating >= 0) updated = this.writeByIndex(view, repeating, written);
    for (let k = (repeating < 0 ? view.chain.length : repeating) - 1; k >= 0; k--) {
      const { op, args, index, node } = view.chain[k];
      if (!op.inverse) {
        throw new LoweringError(`A write through the view ${node.name} (${op.name}) can't be expressed`, {
          hint: "Write to the base tensor instead, or clone the view first",
        });
      }
      const parent = this.replay(view.base, view.chain.slice(0, k));
      // deno-lint-ignore no-explicit-any -- arguments are typed by the schema at the definition
      updated = op.inverse(this.trace, { ...args, [baseName(op)]: parent } as any, updated, index);
    }
    view.base.current = updated;
    view.base.version++;
    // The view itself is what was written, unless its elements overlap: then it is read back.
    view.value = view.chain.some((step) => overlaps(step.node.outputs[step.index]))
      ? this.replay(view.base, view.chain)
      : written;
    view.version = view.base.version;
  }

  /** What step `at` of the view's chain is called on, after elements of it were written through the rest of the chain. */
  private writeByIndex(view: Tracked, at: number, written: FxValue): FxValue {
    const parent = this.replay(view.base, view.chain.slice(0, at));
    const { dtype, shape } = this.trace.meta(parent);
    const rest = view.chain.slice(at);
    for (const { node, index } of rest) {
      if (plain(node.outputs[index]).dtype === dtype) continue;
      throw new LoweringError(
        `A write through ${node.name}, a view of repeated elements in another dtype, can't be expressed`,
      );
    }
    const call = (target: string, ...args: CallArg<FxValue>[]): FxValue => {
      const { op } = this.table.resolve(target)!;
      return this.trace.apply(op, this.trace.bind(op, args)) as FxValue;
    };
    const count = prod(shape);
    const places = call(RESHAPE, call(ARANGE, isSym(count) ? count : BigInt(count)), shape);
    const index = this.through(places, rest);
    const [from, to, source] = [parent, index, written].map((x) => call(RESHAPE, x, [-1n]));
    return call(RESHAPE, call(SCATTER, from, 0n, to, source), shape);
  }

  private replay(base: Base, chain: readonly ViewStep[]): FxValue {
    return this.through(base.current, chain);
  }

  /** The view of a value that a chain leads to. */
  private through(base: FxValue, chain: readonly ViewStep[]): FxValue {
    let value = base;
    for (const { op, args, index, node } of chain) {
      const result = this.trace.applyFor(node.outputs.length, op, { ...args, [baseName(op)]: value });
      if (Array.isArray(result)) value = result[index] as FxValue;
      else value = result as FxValue;
      if (value.producer) this.added.add(value.producer);
    }
    return value;
  }

  /** The tensor's value in the new graph, as of now. */
  private refresh(tracked: Tracked): FxValue {
    if (tracked.version !== tracked.base.version) {
      tracked.value = this.replay(tracked.base, tracked.chain);
      tracked.version = tracked.base.version;
    }
    return tracked.value;
  }

  private readValue(value: FxValue): FxValue {
    const tracked = this.tracked.get(value);
    if (tracked) return this.refresh(tracked);
    const other = this.others.get(value);
    if (!other) throw new LoweringError(`Value ${value.name} is used before it is defined`);
    return other;
  }

  private read(arg: FxArg): FxArg {
    if (arg instanceof FxGraph) {
      return mutates(arg, this.table) ? new Functionalization(arg, this.table, this.ranges).subgraph() : arg;
    }
    if (Array.isArray(arg)) return arg.map((a) => this.read(a));
    return mapValues(arg, (v) => this.readValue(v));
  }

  /** The tensor that an operator is called on, or those of its list. */
  private selvesOf(node: FxNode, op: Op): readonly FxValue[] {
    const self = [node.args[0] ?? node.kwargs.get(baseName(op))].flat();
    if (!self.every((x) => x instanceof FxValue)) throw new TypeError(`${op.name} must be called on tensors`);
    return self;
  }

  private trackedOf(value: FxValue | undefined): Tracked {
    const tracked = value && this.tracked.get(value);
    if (!tracked) throw new TypeError(`${value?.name ?? "An argument"} is not a tensor`);
    return tracked;
  }

  /** The node's arguments by name; constants and sizes as rules take them. */
  private bound(op: Op, node: FxNode, change: (v: FxValue) => FxValue): BoundArgs {
    return this.boundTo(op, node.args, node.kwargs, change);
  }

  private boundTo(
    op: Op,
    args: readonly FxArg[],
    kwargs: ReadonlyMap<string, FxArg>,
    change: (v: FxValue) => FxValue,
  ): BoundArgs {
    const map = (arg: FxArg): FxArg => plainArg(arg, change);
    return complete(op, isTensor, args.map(map), new Map([...kwargs].map(([k, a]) => [k, map(a)])));
  }
}

/** Whether a result is a view of the first argument: by the schema, or as the record says where the schema is silent. */
function isViewOp(op: Op): boolean {
  if (op.inverse) return true;
  const set = op.parsed.args[0]?.alias;
  return set !== null && set !== undefined && !set.write && op.parsed.returns.some((r) => r.alias?.set === set.set);
}

/** In-place variants are called on `self` first; a functional schema may have it later (`polygamma(int n, Tensor self)`). */
function selfInPlace(op: Op, args: readonly FxArg[]): readonly FxArg[] {
  const at = op.parsed.args.findIndex((arg) => arg.name === "self");
  return at > 0 ? args.slice(1).toSpliced(at, 0, args[0]) : args;
}

/** Whether elements of an expanded view share memory. */
function overlaps(value: FxValue): boolean {
  const { meta } = value;
  return meta.kind === "tensor" && meta.strides.some((s, i) => s === 0 && meta.shape[i] !== 1);
}

function plain(value: FxValue): Meta {
  if (value.meta.kind !== "tensor") throw new TypeError(`${value.name} is not a tensor`);
  return value.meta;
}
