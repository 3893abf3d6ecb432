/**
 * Values of variables as tensors of the graph, and back: what the ways of a program give is handed on by tensors, so numbers
 * and truths that differ become tensors of no dims and are read from them after.
 */
import { fullMeta } from "../../aten/calls.ts";
import { opName } from "../../aten/mod.ts";
import { DTypeArg, type FxMeta, FxValue } from "../../fx/mod.ts";
import { type Dim, eq, isSym, mul, type Sym } from "../../sym/mod.ts";
import { type DType, Tensor as CoreTensor } from "../../tensor/mod.ts";
import type { Tracer } from "../../trace/tracer.ts";
import { TensorBase, type TensorValue } from "../base.ts";
import { fromDim, fromExpression, SymbolicNumber } from "../symbolic.ts";
import { expressionOf } from "./arithmetic.ts";
import { MISSING } from "./merge.ts";
import { Poison } from "./poison.ts";
import type { Tail } from "./tails.ts";

/** What a leaf becomes: the same in both ways, a tensor, a number, or nothing that can be used. */
export type Plan =
  | { readonly kind: "same"; readonly value: unknown }
  | { readonly kind: "tensor"; readonly dtype: DType; readonly shape: readonly (Dim | null)[] }
  | { readonly kind: "number"; readonly type: "int" | "float" | "bool" }
  | { readonly kind: "poison"; readonly reason: string };

const NUMBER_DTYPES = { int: "int64", float: "float64", bool: "bool" } as const;

/** The kind of a number; null for other values. */
export function numberType(x: unknown): "int" | "float" | "bool" | null {
  return expressionOf(x)?.kind ?? null;
}

/** How a leaf that has two values becomes one. */
export function planFor(a: unknown, b: unknown, path: string): Plan {
  if (a === b || Object.is(a, b)) return { kind: "same", value: a };
  const [x, y] = a === MISSING ? [b, b] : b === MISSING ? [a, a] : [a, b];
  if (x instanceof Poison) return { kind: "poison", reason: x.reason };
  if (y instanceof Poison) return { kind: "poison", reason: y.reason };
  if (x instanceof TensorBase && y instanceof TensorBase) {
    const [m, n] = [x.meta, y.meta];
    if (m.dtype !== n.dtype) {
      return { kind: "poison", reason: `${path} is of dtype ${m.dtype} one way and ${n.dtype} the other` };
    }
    if (m.shape.length !== n.shape.length) {
      return { kind: "poison", reason: `${path} has ${m.shape.length} dims one way and ${n.shape.length} the other` };
    }
    return {
      kind: "tensor",
      dtype: m.dtype,
      shape: m.shape.map((dim, i) => eq(dim, n.shape[i]) === true ? dim : null),
    };
  }
  if ((a === MISSING || b === MISSING) && (typeof x !== "object" || x === null)) return { kind: "same", value: x };
  const [t, u] = [numberType(x), numberType(y)];
  if (t && u) {
    const isOne = a === MISSING || b === MISSING;
    if (t === u) return !isOne && sameNumber(x, y) ? { kind: "same", value: x } : { kind: "number", type: t };
    if (t !== "bool" && u !== "bool") return { kind: "number", type: "float" };
  }
  return { kind: "poison", reason: `${path} is ${kindOf(x)} one way and ${kindOf(y)} the other` };
}

function sameNumber(a: unknown, b: unknown): boolean {
  return (a instanceof SymbolicNumber || b instanceof SymbolicNumber) && expressionOf(a)!.key === expressionOf(b)!.key;
}

function kindOf(x: unknown): string {
  if (x === undefined || x === null) return String(x);
  if (x instanceof TensorBase) return "a tensor";
  if (numberType(x)) return typeof x === "object" ? "a number" : String(x);
  if (typeof x === "string") return JSON.stringify(x);
  if (typeof x === "function") return "a function";
  return typeof x === "object" ? `a ${(x as object).constructor?.name ?? "object"}` : String(x);
}

/** Puts values into the graph, and takes them out. */
export class Leaves {
  private readonly tracer: Tracer;
  private readonly wrap: (value: TensorValue) => TensorBase;

  constructor(tracer: Tracer, wrap: (value: TensorValue) => TensorBase) {
    this.tracer = tracer;
    this.wrap = wrap;
  }

  /** A call of an operator by its name in the table: `aten.item.default`. */
  call(target: string, args: readonly unknown[], kwargs: ReadonlyMap<string, unknown> = new Map()): unknown {
    const resolved = this.tracer.table.resolve(`torch.ops.${target}`);
    if (!resolved) throw new TypeError(`The operator ${target} is not loaded`);
    const inplace = resolved.inplace ? opName(target) : null;
    return this.tracer.call(resolved.op, args as never, kwargs as never, inplace);
  }

  /** A tensor of no dims for a number. */
  ofNumber(x: unknown, type: "int" | "float" | "bool"): FxValue {
    const expr = expressionOf(x);
    const value = expr && expr.node.op === "constant" ? constant(Number(expr.node.value), type) : expr;
    return this.call("aten.scalar_tensor.default", [value], dtypeOnly(NUMBER_DTYPES[type])) as FxValue;
  }

  /** What the graph that is recorded now gives for a leaf. */
  given(x: unknown, plan: Plan): FxValue {
    if (plan.kind === "tensor") {
      if (x instanceof TensorBase) return this.tracer.use(x.value);
      const shape = plan.shape.map((dim) => dim ?? 1);
      return this.call("aten.zeros.default", [shape.map(asInt)], dtypeOnly(plan.dtype)) as FxValue;
    }
    if (plan.kind !== "number") throw new TypeError("A leaf that needs no value was asked for");
    return this.ofNumber(x === MISSING ? (plan.type === "bool" ? false : 0) : x, plan.type);
  }

  /** The plan with sizes that only one way can tell left open. */
  visible(plan: Plan): Plan {
    if (plan.kind !== "tensor") return plan;
    return { ...plan, shape: plan.shape.map((dim) => dim !== null && this.tracer.isVisible(dim) ? dim : null) };
  }

  /** What is known of the value that a leaf becomes. */
  meta(plan: Plan): FxMeta {
    if (plan.kind === "number") return fullMeta({ dtype: NUMBER_DTYPES[plan.type], shape: [] });
    if (plan.kind !== "tensor") throw new TypeError("A leaf that needs no value was asked for");
    return fullMeta({ dtype: plan.dtype, shape: plan.shape.map((dim) => dim ?? this.tracer.symbols.fresh("size")) });
  }

  /** A value of the graph as the program sees it. */
  taken(value: FxValue, plan: Plan): unknown {
    return plan.kind === "number" ? fromExpression(this.item(value)) : this.wrap(value);
  }

  /** The number that a tensor of one element holds. */
  item(value: FxValue): Sym | number | bigint | boolean {
    return this.call("aten.item.default", [value]) as Sym;
  }

  /** A tensor as a condition that a node can be given: bool, of no dims. */
  asCondition(value: FxValue): FxValue {
    const { meta } = value;
    if (meta.kind !== "tensor") return value;
    let result = value;
    if (meta.dtype !== "bool") result = this.call("aten.ne.Scalar", [result, 0n]) as FxValue;
    if (meta.shape.length > 0) result = this.call("aten.reshape.default", [result, []]) as FxValue;
    return result;
  }

  /** The keyword argument that says a dtype. */
  dtype(dtype: DType): ReadonlyMap<string, unknown> {
    return dtypeOnly(dtype);
  }

  /** What is known of tensors like one along a new first dim. */
  stackedMeta(item: TensorBase, count: Dim): FxMeta {
    const { dtype, shape } = item.meta;
    const sizes = shape.map((dim) => this.tracer.isVisible(dim) ? dim : this.tracer.symbols.fresh("size"));
    return fullMeta({ dtype, shape: [count, ...sizes as Dim[]] });
  }

  /** What a loop pushed in each turn, in the order of pushing. */
  tail(stacked: readonly FxValue[], count: Dim): Tail {
    let all = stacked[0];
    if (stacked.length > 1) {
      const paired = this.call("aten.stack.default", [stacked, 1n]) as FxValue;
      all = this.call("aten.flatten.using_ints", [paired, 0n, 1n]) as FxValue;
    }
    return { stacked: this.wrap(all), count: fromDim(mul(count, stacked.length)) };
  }

  /** A condition as a bool tensor of no dims. */
  ofCondition(condition: FxValue | Sym): FxValue {
    return condition instanceof FxValue
      ? this.asCondition(condition)
      : this.ofNumber(fromExpression(condition), "bool");
  }

  /** The concrete tensor behind a tensor; null where only a run tells it. */
  static concrete(x: TensorBase): CoreTensor | null {
    return x.value instanceof CoreTensor && x.value.isLoaded ? x.value : null;
  }
}

function constant(value: number, type: "int" | "float" | "bool"): bigint | number | boolean {
  return type === "int" ? BigInt(value) : type === "bool" ? value !== 0 : value;
}

function dtypeOnly(dtype: DType): ReadonlyMap<string, unknown> {
  return new Map([["dtype", new DTypeArg(dtype)]]);
}

function asInt(dim: Dim): unknown {
  return isSym(dim) ? dim : BigInt(dim);
}
