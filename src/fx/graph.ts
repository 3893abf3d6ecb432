/** The FX dialect: nodes call an operator with an argument tree, as `torch.fx` graphs do. */
import { Graph, Node, type Origin, Value } from "../ir/mod.ts";
import type { Dim, Sym } from "../sym/mod.ts";
import type { Meta } from "../tensor/mod.ts";
import type { FxArg } from "./args.ts";

/** A tensor value. */
export interface TensorMeta extends Meta {
  readonly kind: "tensor";
  readonly strides: readonly Dim[];
  readonly storageOffset: Dim;
  readonly requiresGrad: boolean;
  readonly device: string;
}

/** A symbolic (or constant) int, float or bool. */
export interface SymMeta {
  readonly kind: "sym";
  readonly type: "int" | "float" | "bool";
  readonly expr: Sym | number | boolean;
}

/** A Python constant that the program was specialised on; only graph inputs. */
export interface ConstantMeta {
  readonly kind: "constant";
  readonly value: FxArg;
}

/** A custom object or an effect token. */
export interface ObjectMeta {
  readonly kind: "object";
  readonly className: string;
}

/** What is known of an FX value. */
export type FxMeta = TensorMeta | SymMeta | ConstantMeta | ObjectMeta;

/** An FX value. */
export class FxValue extends Value<FxMeta> {
  declare meta: FxMeta;
  declare producer: FxNode | null;

  constructor(name: string, meta: FxMeta) {
    super(name, meta);
  }
}

/** The results of a node as a tree: one value, nothing, or a tuple or list of results. */
export type FxResult = FxValue | null | readonly FxResult[];

/** A call of an operator. */
export class FxNode extends Node {
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
    this.kwargs = init.kwargs ?? new Map();
    this.result = init.result;
    this.metadata = init.metadata ?? new Map();
  }

  get label(): string {
    return this.name;
  }

  *operands(): Iterable<FxValue> {
    for (const arg of this.args) yield* valuesOf(arg);
    for (const arg of this.kwargs.values()) yield* valuesOf(arg);
  }

  protected exchange(from: FxValue, to: FxValue): void {
    const change = (v: FxValue): FxValue => v === from ? to : v;
    this.args = this.args.map((a) => mapValues(a, change));
    this.kwargs = new Map([...this.kwargs].map(([k, a]) => [k, mapValues(a, change)]));
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

/** The same results as other values. */
export function mapResult(result: FxResult, change: (value: FxValue) => FxValue): FxResult {
  if (result === null) return null;
  return result instanceof FxValue ? change(result) : (result as readonly FxResult[]).map((r) => mapResult(r, change));
}
