/**
 * Overloads that have no record because they follow from another: `out=` forms, which write their results to tensors they
 * are given, and `_foreach_` operators, which call an operator on each tensor of a list. Which overload they follow from
 * is told by the arguments, since the names differ (`aten::max.dim_max` writes what `aten::max.dim` gives).
 */
import { type BoundArgs, complete } from "../aten/bind.ts";
import type { Op, OpTable } from "../aten/mod.ts";
import { type FxArg, type FxNode, FxValue } from "../fx/mod.ts";
import { isComplex } from "../tensor/mod.ts";

/** Whether a value is a tensor. */
export function isTensor(x: unknown): x is FxValue {
  return x instanceof FxValue && x.meta.kind === "tensor";
}

/** An argument as rules take it: constants and sizes by value, tensors replaced. */
export function plainArg(arg: FxArg, change: (v: FxValue) => FxValue): FxArg {
  if (!(arg instanceof FxValue)) return Array.isArray(arg) ? arg.map((a) => plainArg(a, change)) : arg;
  if (arg.meta.kind === "tensor") return change(arg);
  if (arg.meta.kind === "constant") return arg.meta.value;
  if (arg.meta.kind === "sym") {
    const { expr, type } = arg.meta;
    return (type === "int" && typeof expr === "number" ? BigInt(expr) : expr) as FxArg;
  }
  return arg;
}

/** The name of the argument that an operator is called on. */
export function baseName(op: Op): string {
  return op.parsed.args[0].name;
}

/** Operators that give back the tensor they are called on, to the bit, where `other` is 1. */
const SCALINGS: ReadonlySet<string> = new Set([
  "aten::mul.Tensor",
  "aten::mul.Scalar",
  "aten::div.Tensor",
  "aten::div.Scalar",
]);

/**
 * Whether a call in place leaves its tensor as it was, as `weight.div_(2 ** 0)` does: then nothing is written, and state
 * stays state that the program only reads. Not of complex numbers, whose infinities become NaN by it.
 */
export function changesNothing(op: Op, { self, other }: BoundArgs): boolean {
  if (!SCALINGS.has(op.name) || (other !== 1 && other !== 1n)) return false;
  return self instanceof FxValue && self.meta.kind === "tensor" && !isComplex(self.meta.dtype);
}

/** A call that writes its results to tensors it is given. */
export interface OutForm {
  readonly op: Op;
  /** The keyword arguments that the functional operator takes. */
  readonly given: ReadonlyMap<string, FxArg>;
  /** The tensors that are written, in the order of the results. */
  readonly targets: readonly FxValue[];
}

/** The functional operator whose `out=` form a node without a record calls, if it does. */
export function outForm(node: FxNode, table: OpTable): OutForm | null {
  for (const op of table.overloadsOf(node.target)) {
    const { args, returns } = op.parsed;
    const names = new Set(args.map((arg) => arg.name));
    const given = new Map([...node.kwargs].filter(([name]) => names.has(name)));
    const targets = [...node.kwargs].filter(([name]) => !names.has(name)).map(([, value]) => value);
    const positional = args.filter((arg) => !arg.keywordOnly).length;
    if (node.args.length > positional || targets.length !== returns.length || !targets.every(isTensor)) continue;
    if (takes(op, node.args, given)) return { op, given, targets };
  }
  return null;
}

/** Whether an operator can be called with the arguments. */
function takes(op: Op, args: readonly FxArg[], kwargs: ReadonlyMap<string, FxArg>): boolean {
  const plain = (arg: FxArg): FxArg => plainArg(arg, (v) => v);
  try {
    complete(op, isTensor, args.map(plain), new Map([...kwargs].map(([name, arg]) => [name, plain(arg)])));
    return true;
  } catch {
    return false;
  }
}

/** One call of an operator for each tensor of a list. */
export interface EachForm {
  readonly op: Op;
  /** The results are written to the tensors of the first list. */
  readonly inplace: boolean;
  readonly calls: readonly { readonly args: readonly FxArg[]; readonly kwargs: ReadonlyMap<string, FxArg> }[];
}

/** The calls that a `_foreach_` node without a record stands for. */
export function eachForm(node: FxNode, table: OpTable): EachForm | null {
  const match = /^(.*)\._foreach_(\w*?)(_?)\.(\w+)$/.exec(node.target);
  const lists = [...node.args, ...node.kwargs.values()].filter((arg) => Array.isArray(arg));
  if (!match || lists.length === 0) return null;
  const [, namespace, name, inplace, overload] = match;
  const at = (arg: FxArg, i: number): FxArg => Array.isArray(arg) ? arg[i] : arg;
  const calls = Array.from({ length: lists[0].length }, (_, i) => ({
    args: node.args.map((arg) => at(arg, i)),
    kwargs: new Map([...node.kwargs].map(([key, arg]) => [key, at(arg, i)])),
  }));
  if (calls.length === 0 || lists.some((list) => list.length !== calls.length)) return null;
  const op = table.overloadsOf(`${namespace}.${name}.${overload}`)
    .find((op) => calls.every(({ args, kwargs }) => takes(op, args, kwargs)));
  return op ? { op, inplace: inplace !== "", calls } : null;
}
