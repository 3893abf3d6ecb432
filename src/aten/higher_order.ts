/**
 * Operators over graphs: their records, and what an interpreter offers to the rules. They have no schema; a rule takes the
 * node's arguments as written. Subgraphs are closed: they see only what they are given, besides the program's symbols.
 */
import { type FxArg, FxGraph, type FxNode, type FxResult, type FxValue } from "../fx/mod.ts";
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxGraph, OnnxValue } from "../onnx/model.ts";
import type { Ranges } from "../sym/mod.ts";
import type { Tensor } from "../tensor/mod.ts";
import type { CallArg } from "./bind.ts";
import type { Forms, Op } from "./op.ts";

/** A node whose arguments an interpreter has resolved; graphs stay graphs. */
export interface HigherOrderCall<T> {
  readonly node: FxNode;
  readonly args: readonly CallArg<T>[];
}

/** Emits graphs as ONNX. */
export interface GraphEmitter {
  readonly b: OnnxBuilder;
  /** Bounds of the program's symbols. */
  readonly ranges: Ranges;
  /** Emits the nodes of a graph here and gives its results. */
  run(graph: FxGraph, inputs: readonly CallArg<OnnxValue>[]): CallArg<OnnxValue>[];
  /** Builds a graph for an attribute. Values from outside may be used in it. */
  subgraph(name: string, body: (inner: GraphEmitter) => readonly OnnxValue[]): OnnxGraph;
  /** An operand as a tensor: numbers become 0-d tensors of int64, float64 or bool. */
  value(arg: CallArg<OnnxValue>): OnnxValue;
  /** Adds an input to a graph that `subgraph` builds, with the dtype and shape that the program recorded. */
  input(recorded: FxValue): OnnxValue;
}

/** Runs graphs on tensors. */
export interface GraphRunner {
  /** Runs a graph and gives its results. Tensors that go in must be loaded. */
  run(graph: FxGraph, inputs: readonly CallArg<Tensor>[]): Promise<CallArg<Tensor>[]>;
}

/** Changes the arguments of a node that is copied. */
export type Adapt = (x: Expansion, node: FxNode) => { args: readonly FxArg[]; kwargs: ReadonlyMap<string, FxArg> };

/** Rewrites a program: what a call is replaced by is recorded in its place. */
export interface Expansion {
  /** Bounds of the program's symbols. */
  readonly ranges: Ranges;
  /** What becomes of complex values, if there are any. */
  readonly forms: Forms | null;
  /** The argument in the new graph. */
  read(arg: FxArg): FxArg;
  /** Copies the nodes of a graph. `names` are those that its results shall bear. */
  inline(graph: FxGraph, inputs: readonly FxArg[], names: readonly (string | null)[]): FxArg[];
  /** What changes the arguments of nodes that are copied, if anything does. */
  readonly adapt: Adapt | null;
  /** Runs `body`; in nodes that are copied meanwhile, in subgraphs too, arguments are changed. */
  adapting<R>(adapt: Adapt | null, body: () => R): R;
  /** Records a call by the operator's own rules. Arguments are those of the new graph. */
  call(target: string, args: readonly FxArg[], name?: string): FxArg;
  /** Records a node as it is. */
  node(
    target: string,
    args: readonly FxArg[],
    results: FxResult,
    kwargs?: ReadonlyMap<string, FxArg>,
  ): void;
  /** A name that no value of the graph that is being made has. */
  freshName(base: string): string;
  /** The record of an operator, or null. */
  resolve(target: string): Op | null;
}

/** What `vmap` leaves in a graph: a region between an opening and a closing node, in which batched values enter and leave. */
export type BatchRole = "open" | "close" | "enter" | "leave";

/**
 * The rules of an operator over graphs.
 *
 * @internal
 */
export interface HigherOrderRules {
  /**
   * What a call stands for, where that is no operation of its own: gives the results in the new graph. Null leaves the
   * call as it is.
   */
  expand?(x: Expansion, node: FxNode): readonly FxArg[] | null;
  /** Operators that `expand` records. */
  readonly uses?: readonly string[];
  /** The ONNX form: one value per result that is not None. */
  onnx?(g: GraphEmitter, call: HigherOrderCall<OnnxValue>): readonly CallArg<OnnxValue>[];
  /** The results on concrete tensors. */
  eager?(g: GraphRunner, call: HigherOrderCall<Tensor>): Promise<readonly CallArg<Tensor>[]>;
  /** Role in a batched region. */
  readonly batch?: BatchRole;
  /** Why the operator can't be exported, and what to do. */
  readonly unsupported?: string;
}

/** Defines an operator over graphs. */
export function defineHigherOrder(name: string, rules: HigherOrderRules): Op {
  return { schema: name, parsed: { text: name, name, args: [], returns: [] }, name, higherOrder: rules };
}

/** The graph at a position. @throws {TypeError} */
export function graphAt<T>(args: readonly CallArg<T>[], index: number): FxGraph {
  const arg = args[index];
  if (!(arg instanceof FxGraph)) throw new TypeError(`Argument ${index} must be a graph`);
  return arg;
}

/** The list at a position. @throws {TypeError} */
export function listAt<T>(args: readonly CallArg<T>[], index: number): readonly CallArg<T>[] {
  const arg = args[index];
  if (!Array.isArray(arg)) throw new TypeError(`Argument ${index} must be a list`);
  return arg;
}

/** The results of a node, flat, None included. */
export function slotsOf(node: FxNode): readonly (FxValue | null)[] {
  const { result } = node;
  if (result === null) return [];
  return Array.isArray(result) ? result : [result as FxValue];
}

/** The names of a node's results. */
export function resultNames(node: FxNode): (string | null)[] {
  return slotsOf(node).map((slot) => slot?.name ?? null);
}
