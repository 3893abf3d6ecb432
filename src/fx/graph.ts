/** The FX dialect: nodes call an operator with an argument tree, as `torch.fx` graphs do. */
import { Graph, Node, type Origin, Value } from "../ir/mod.ts";
import { type Dim, isSym, type Sym } from "../sym/mod.ts";
import type { Meta } from "../tensor/mod.ts";
import type { FxArg } from "./args.ts";

/** A tensor value. */
export interface TensorMeta extends Meta {
  /** Tells it from other metas. */
  readonly kind: "tensor";
  /** In elements, one per dim. */
  readonly strides: readonly Dim[];
  /** In elements from the start of the storage. */
  readonly storageOffset: Dim;
  /** Whether autograd would record what is done to it. */
  readonly requiresGrad: boolean;
  /** As torch prints it: `cpu`, `cuda:0`. */
  readonly device: string;
}

/** A symbolic (or constant) int, float or bool. */
export interface SymMeta {
  /** Tells it from other metas. */
  readonly kind: "sym";
  /** The Python type. */
  readonly type: "int" | "float" | "bool";
  /** Its value in terms of the program's symbols. */
  readonly expr: Sym | number | boolean;
}

/** A Python constant that the program was specialised on; only graph inputs. */
export interface ConstantMeta {
  /** Tells it from other metas. */
  readonly kind: "constant";
  /** The constant itself. */
  readonly value: FxArg;
}

/** A custom object or an effect token. */
export interface ObjectMeta {
  /** Tells it from other metas. */
  readonly kind: "object";
  /** Class of the object; empty for a token. */
  readonly className: string;
}

/** What is known of an FX value. */
export type FxMeta = TensorMeta | SymMeta | ConstantMeta | ObjectMeta;

/** The symbols in what is known of a value. */
export function symbolsOf(meta: FxMeta): Set<string> {
  const sizes: readonly unknown[] = meta.kind === "tensor" ? meta.shape : meta.kind === "sym" ? [meta.expr] : [];
  return new Set(sizes.filter(isSym).flatMap((size) => [...size.symbols()]));
}

/** An FX value. */
export class FxValue extends Value<FxMeta> {
  /** Its dtype and shape, its expression, or what else it is. */
  declare meta: FxMeta;
  /** The node that yields it; null for graph inputs. */
  declare producer: FxNode | null;

  /** A value that no node yields yet. */
  constructor(name: string, meta: FxMeta) {
    super(name, meta);
  }
}

/** Whether nothing reads a result of a node. */
export function isUnread(value: FxValue): boolean {
  return value.uses.size === 0 && !value.producer?.graph?.outputs.includes(value);
}

/** The results of a node as a tree: one value, nothing, or a tuple or list of results. */
export type FxResult = ResultTree<FxValue>;

/** Results as a tree, with null for None. */
export type ResultTree<T> = T | null | readonly ResultTree<T>[];

/** Stands for the many maps without entries, which take as much memory as a node. */
const NONE: ReadonlyMap<string, never> = new Map<string, never>();

/** A call of an operator. */
export class FxNode extends Node {
  /** The results in a row, as {@linkcode flattenResult} gives them. */
  declare readonly outputs: readonly FxValue[];
  /** The FX node's name: equals the value's name when there is one result. */
  readonly name: string;
  /** As in the archive: `torch.ops.aten.linear.default`, `_operator.mul`, `torch.ops.higher_order.cond`. */
  readonly target: string;
  /** Positional arguments as written. */
  args: readonly FxArg[];
  /** Names of the positional arguments, where the archive tells them. */
  readonly argNames: readonly string[];
  /** Keyword arguments as written. */
  kwargs: ReadonlyMap<string, FxArg>;
  /** The results as the operator returns them. */
  readonly result: FxResult;
  /** String metadata of the archive (`stack_trace`, `nn_module_stack`, …). */
  readonly metadata: ReadonlyMap<string, string>;

  /** A node that stands in no graph yet; its results get it as their producer. */
  constructor(init: {
    name: string;
    target: string;
    args: readonly FxArg[];
    argNames?: readonly string[];
    kwargs?: ReadonlyMap<string, FxArg>;
    result: FxResult;
    metadata?: ReadonlyMap<string, string>;
    origin?: Origin | null;
  }) {
    super(flattenResult(init.result), init.origin ?? null);
    this.name = init.name;
    this.target = init.target;
    this.args = init.args;
    this.argNames = init.argNames ?? [];
    this.kwargs = init.kwargs ?? NONE;
    this.result = init.result;
    this.metadata = init.metadata ?? NONE;
  }

  /** The node's name. */
  get label(): string {
    return this.name;
  }

  /** The values among the arguments, once per use; graphs among them are closed. */
  *operands(): Iterable<FxValue> {
    for (const arg of this.args) yield* valuesOf(arg);
    for (const arg of this.kwargs.values()) yield* valuesOf(arg);
  }

  /** Puts `to` in the place of `from` in all arguments. */
  protected exchange(from: FxValue, to: FxValue): void {
    const change = (v: FxValue): FxValue => v === from ? to : v;
    this.args = this.args.map((a) => mapValues(a, change));
    if (this.kwargs.size > 0) this.kwargs = new Map([...this.kwargs].map(([k, a]) => [k, mapValues(a, change)]));
  }
}

/** An FX graph; an output may be a literal. Subgraphs are closed: they see only their own inputs. */
export class FxGraph extends Graph<FxNode, FxValue, FxArg> {}

/** The values in an argument tree, once per use. */
export function* valuesOf(arg: FxArg): Generator<FxValue> {
  if (arg instanceof FxValue) yield arg;
  else if (Array.isArray(arg)) { for (const a of arg) yield* valuesOf(a); }
  else if (arg instanceof Map) { for (const a of arg.values()) yield* valuesOf(a); }
}

/** The same argument tree with other values. */
export function mapValues(arg: FxArg, change: (value: FxValue) => FxArg): FxArg {
  if (arg instanceof FxValue) return change(arg);
  if (Array.isArray(arg)) return arg.map((a) => mapValues(a, change));
  if (arg instanceof Map) return new Map([...arg].map(([k, a]) => [k, mapValues(a, change)]));
  return arg;
}

/** The values of a result tree, in order. */
export function flattenResult(result: FxResult): FxValue[] {
  if (result === null) return [];
  if (result instanceof FxValue) return [result];
  return (result as readonly FxResult[]).flatMap(flattenResult);
}

/** The same tree of other values. */
export function mapResult<T>(result: FxResult, change: (value: FxValue) => T): ResultTree<T> {
  if (result === null) return null;
  return result instanceof FxValue ? change(result) : (result as readonly FxResult[]).map((r) => mapResult(r, change));
}
