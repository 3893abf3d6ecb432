/** Runs calls that `tests/tools/api_calls.py` wrote down as trees. */
import { Complex, F, type Index, slice, Tensor, torch } from "../../torch.ts";
import { camelCase } from "../../src/capture/overloads.ts";
import { type DType, newData, Tensor as CoreTensor } from "../../src/tensor/mod.ts";
import { convert } from "../../src/tensor/loops.ts";

/** A tensor, number or list as Python wrote it. */
export type Encoded =
  | null
  | boolean
  | string
  | readonly Encoded[]
  | { readonly int: number }
  | { readonly float: number | string }
  | { readonly complex: readonly [number, number] }
  | EncodedTensor;

/** Elements in order; of complex ones both parts. */
export interface EncodedTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly values: readonly (number | string | boolean)[];
}

/** An expression. */
export type Tree =
  | Exclude<Encoded, EncodedTensor | readonly Encoded[]>
  | readonly Tree[]
  | { readonly ellipsis: true }
  | { readonly name: string }
  | { readonly slice: readonly (Tree | null)[] }
  | { readonly of: Tree; readonly index: readonly Tree[] }
  | { readonly of: Tree; readonly attribute: string }
  | { readonly call: Tree; readonly args: readonly Tree[]; readonly named: Readonly<Record<string, Tree>> }
  | { readonly set: Tree; readonly value: Tree };

/** One line of `calls.txt`. */
export interface Row {
  readonly source: string;
  readonly tree: Tree;
  readonly result: Encoded;
  readonly inputs: readonly string[] | null;
  readonly nodes: readonly string[] | null;
}

/** A number, or the text that stands for one that JSON lacks. */
export function toNumber(value: number | string | boolean): number {
  if (typeof value === "string") return value === "nan" ? NaN : value === "inf" ? Infinity : -Infinity;
  return Number(value);
}

/** The concrete tensor. */
export function decodeTensor({ dtype, shape, values }: EncodedTensor): CoreTensor {
  if (dtype.startsWith("complex")) {
    const data = newData(dtype, values.length);
    values.forEach((v, i) => data[i] = toNumber(v));
    return CoreTensor.of(dtype, shape, data);
  }
  if (dtype === "int64") return CoreTensor.of(dtype, shape, values.map((v) => BigInt(v as number)));
  return convert(CoreTensor.of("float64", shape, values.map(toNumber)), dtype);
}

type Scope = Readonly<Record<string, unknown>>;

/** The value of an expression. */
export function run(tree: Tree, scope: Scope): unknown {
  if (tree === null || typeof tree !== "object") return tree;
  if (Array.isArray(tree)) return tree.map((item) => run(item, scope));
  const node = tree as Exclude<Tree, null | boolean | string | readonly Tree[]>;
  if ("int" in node) return node.int;
  if ("float" in node) {
    const value = toNumber(node.float);
    return Number.isInteger(value) ? torch.float(value) : value;
  }
  if ("complex" in node) return new Complex(...node.complex);
  if ("name" in node) {
    if (node.name === "torch") return torch;
    return node.name === "F" ? F : scope[node.name];
  }
  if ("attribute" in node) return (run(node.of, scope) as Record<string, unknown>)[nameOf(node.attribute)];
  if ("call" in node) {
    const called = node.call as { of: Tree; attribute: string };
    const owner = run(called.of, scope) as Record<string, (...args: unknown[]) => unknown>;
    const args = node.args.map((arg) => run(arg, scope));
    const named = Object.entries(node.named).map(([name, arg]) => [camelCase(name), run(arg, scope)] as const);
    if (named.length > 0) args.push(Object.fromEntries(named));
    const name = nameOf(called.attribute);
    if (typeof owner[name] !== "function") throw new TypeError(`There is no ${name}`);
    return owner[name](...args);
  }
  if ("index" in node) return (run(node.of, scope) as Tensor).at(...indices(node.index, scope));
  if ("set" in node) {
    const { of, index } = node.set as { of: Tree; index: readonly Tree[] };
    const target = run(of, scope) as Tensor;
    return target.set(indices(index, scope), run(node.value, scope) as Tensor);
  }
  throw new TypeError(`Cannot run ${JSON.stringify(node)}`);
}

function nameOf(name: string): string {
  return camelCase(name);
}

function indices(trees: readonly Tree[], scope: Scope): Index[] {
  return trees.map((tree): Index => {
    if (typeof tree === "object" && tree !== null && "ellipsis" in tree) return "...";
    if (typeof tree === "object" && tree !== null && "slice" in tree && !Array.isArray(tree)) {
      const [start, stop, step] = (tree as { readonly slice: readonly (Tree | null)[] }).slice.map((part) =>
        run(part, scope) as number | null
      );
      return slice(start, stop, step);
    }
    const index = run(tree, scope);
    // A list of one index in brackets is a nested index of Python's.
    return index as Index;
  });
}

/** What was given, as numbers in order. */
export function numbersOf(tensor: Tensor): number[] {
  return Array.from(tensor.data() as ArrayLike<number | bigint>, Number);
}
