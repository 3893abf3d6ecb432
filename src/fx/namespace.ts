/**
 * How torch.fx names nodes. Archives name values; the nodes that torch makes up while loading one (those with several
 * results, `getitem`s of lists) get their names from here, so that printed graphs agree with torch's.
 */

const NAME = /^([a-zA-Z_][0-9a-zA-Z_]*?)(?:_(\d+))?$/;

/** Functions of Python that operators are called after: nodes are not. */
const BUILTINS: ReadonlySet<string> = new Set([
  ...[
    "abs",
    "all",
    "any",
    "bin",
    "bool",
    "complex",
    "divmod",
    "filter",
    "float",
    "format",
    "hash",
    "hex",
    "id",
    "input",
  ],
  ...[
    "int",
    "iter",
    "len",
    "list",
    "map",
    "max",
    "min",
    "next",
    "object",
    "oct",
    "ord",
    "pow",
    "print",
    "range",
    "repr",
  ],
  ...["reversed", "round", "set", "slice", "sorted", "str", "sum", "super", "tuple", "type", "vars", "zip"],
]);

/** Names of one graph; see `torch.fx.graph._Namespace`. */
export class FxNamespace {
  private readonly used: Set<string> = new Set();
  private readonly counts: Map<string, number> = new Map();

  /** A name that is not taken, made of `candidate`. */
  create(candidate: string): string {
    let name = identifier(candidate);
    const match = NAME.exec(name);
    const base = match?.[1] ?? name;
    let count = match?.[2] === undefined || this.used.has(name) ? this.counts.get(base) ?? 0 : Number(match[2]);
    while (this.used.has(name) || BUILTINS.has(name)) name = `${base}_${++count}`;
    this.used.add(name);
    this.counts.set(base, count);
    return name;
  }
}

/** The name torch.fx starts from for a call of an operator that the archive gives no name to. */
export function candidateName(target: string): string {
  const higherOrder = /^torch\.ops\.higher_order\.(.*)$/.exec(target);
  const operator = /^torch\.ops\.[^.]*\.(.*)$/.exec(target);
  const name = higherOrder?.[1] ?? operator?.[1] ?? target.slice(target.lastIndexOf(".") + 1);
  return name.replace(/(?<=[a-z])([A-Z])/g, "_$1").toLowerCase();
}

function identifier(text: string): string {
  const name = text.replace(/[^0-9a-zA-Z_]+/g, "_");
  if (name === "") return "_unnamed";
  return /^\d/.test(name) ? `_${name}` : name;
}
