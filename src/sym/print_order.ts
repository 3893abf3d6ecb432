/**
 * The order in which SymPy prints factors and arguments: its `default_sort_key`, as far as the expressions of PyTorch need it.
 */
import { classNameOf } from "./class_names.ts";
import type { Factor, Sym, SymFn, Term } from "./expr.ts";

/** What SymPy compares, in this order; arguments are made when they are needed. */
interface SortKey {
  readonly class: readonly [number, number, string];
  readonly atom: string | number | bigint;
  readonly args: () => SortKey[];
  readonly power: number;
  readonly coefficient: number;
}

/** Functions whose classes SymPy sorts after all others. */
const LATE: ReadonlySet<SymFn> = new Set(["and", "eq", "ge", "le", "max", "min", "not", "or", "gt", "lt", "ne", "xor"]);

const NUMBER = [1, 0, "Number"] as const, MUL = [3, 0, "Mul"] as const, ADD = [3, 1, "Add"] as const;

function noArgs(): SortKey[] {
  return [];
}

function keyOf(x: Sym): SortKey {
  const { node } = x;
  const plain = { atom: "", args: noArgs, power: 1, coefficient: 1 };
  switch (node.op) {
    case "constant":
      if (typeof node.value === "boolean") return { ...plain, class: [5, 0, ""], atom: Number(node.value) };
      return { ...plain, class: NUMBER, atom: node.value };
    case "symbol":
      return { ...plain, class: [2, 0, "Symbol"], atom: node.name };
    case "polynomial":
      if (node.terms.length === 1) return keyOfTerm(node.terms[0]);
      return { ...plain, class: ADD, args: () => node.terms.map(keyOfTerm).sort(compareKeys) };
    case "call": {
      const args = (): SortKey[] => node.args.map(keyOf);
      if (node.fn === "add") return { ...plain, class: ADD, args };
      if (node.fn === "mul") return { ...plain, class: MUL, args };
      const name = classNameOf(node.fn, node.args);
      return { ...plain, class: LATE.has(node.fn) ? [5, 0, name] : [4, 10000, name], args };
    }
  }
}

function keyOfTerm({ coefficient: { n, d }, factors }: Term): SortKey {
  const coefficient = Number(n) / Number(d);
  if (factors.length === 0) return { class: NUMBER, atom: coefficient, args: noArgs, power: 1, coefficient: 1 };
  if (factors.length === 1) return { ...keyOfFactor(factors[0]), coefficient };
  return { class: MUL, atom: "", args: () => factors.map(keyOfFactor).sort(compareKeys), power: 1, coefficient };
}

function keyOfFactor({ base, power }: Factor): SortKey {
  return { ...keyOf(base), power };
}

function compareKeys(a: SortKey, b: SortKey): number {
  for (let i = 0; i < 3; i++) {
    if (a.class[i] !== b.class[i]) return a.class[i] < b.class[i] ? -1 : 1;
  }
  if (a.atom !== b.atom) return a.atom < b.atom ? -1 : 1;
  const argsA = a.args(), argsB = b.args();
  if (argsA.length !== argsB.length) return argsA.length - argsB.length;
  for (let i = 0; i < argsA.length; i++) {
    const order = compareKeys(argsA[i], argsB[i]);
    if (order !== 0) return order;
  }
  return a.power - b.power || a.coefficient - b.coefficient;
}

/** The order of factors in a product and of bases in a sum. */
export function comparePrinted(a: Sym, b: Sym): number {
  return a.key === b.key ? 0 : compareKeys(keyOf(a), keyOf(b)) || (a.key < b.key ? -1 : 1);
}

/** The arguments of symmetric functions in printing order: small expressions first. */
export function sortArguments(args: readonly Sym[]): Sym[] {
  return [...args].sort((a, b) => nodeCount(a) - nodeCount(b) || comparePrinted(a, b));
}

/** The number of nodes that SymPy's tree of the expression has. */
function nodeCount(x: Sym): number {
  const { node } = x;
  if (node.op === "constant" || node.op === "symbol") return 1;
  if (node.op === "call") return node.args.reduce((count, arg) => count + nodeCount(arg), 1);
  let total = node.terms.length > 1 ? 1 : 0;
  for (const { coefficient: { n, d }, factors } of node.terms) {
    const hasCoefficient = n !== 1n || d !== 1n || factors.length === 0;
    total += (hasCoefficient ? 1 : 0) + (factors.length + (hasCoefficient ? 1 : 0) > 1 ? 1 : 0);
    for (const { base, power } of factors) total += nodeCount(base) + (power === 1 ? 0 : 2);
  }
  return total;
}
