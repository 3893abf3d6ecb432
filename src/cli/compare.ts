/** Compares two programs, two models, or a model with its program: what `diff` prints. */
import { isComplex, type Tensor, toReal } from "../tensor/mod.ts";
import { digestModel, digestProgram, type GraphDigest, hashTensor, type NodeDigest } from "./node_digests.ts";
import { type Opened, type ValueSummary, valueText } from "./summary.ts";

/** Something that is not the same on both sides; null where one side doesn't have it. */
export interface Change {
  readonly name: string;
  readonly before: string | null;
  readonly after: string | null;
}

/** `fx2onnx diff --json`. */
export interface Difference {
  readonly a: string;
  readonly b: string;
  /** Whether nothing that is compared differs. */
  readonly same: boolean;
  /** Opsets of models, range constraints of programs. */
  readonly settings: readonly Change[];
  /** By position. */
  readonly inputs: readonly Change[];
  /** By position. */
  readonly outputs: readonly Change[];
  /** How many nodes call an operator, where that differs. */
  readonly operators: readonly { readonly operator: string; readonly before: number; readonly after: number }[];
  /** Nodes of the same name and operator whose literal arguments differ. */
  readonly nodes: readonly (Change & { readonly operator: string })[];
  /** The first node on each side that computes what no node of the other does; null where there is none. */
  readonly first: { readonly a: NodeName | null; readonly b: NodeName | null } | null;
  readonly weights: {
    /** How many are the same to the byte. */
    readonly equal: number;
    /** Those that differ: dtype, shape, or the SHA-256 of their bytes. */
    readonly changed: readonly Change[];
    /** Names that can't be compared, because values are not there, or a model has no weight of a program's name. */
    readonly notCompared: readonly string[];
  };
}

/** A node, by what it is called. */
export interface NodeName {
  readonly name: string;
  readonly operator: string;
}

/** Compares. `onBytes` is told of bytes of weights that were read. */
export async function compare(a: Opened, b: Opened, onBytes?: (count: number) => void): Promise<Difference> {
  const mixed = a.kind !== b.kind;
  const weights = await compareWeights(a, b, mixed, onBytes);
  const settings = mixed
    ? []
    : [...new Set([...a.settings.keys(), ...b.settings.keys()])].flatMap((name) =>
      changeOf(name, a.settings.get(name) ?? null, b.settings.get(name) ?? null)
    );
  const [inputs, outputs] = (["inputs", "outputs"] as const).map((side) =>
    mixed ? compareAcross(a, b, side) : compareValues(a[side], b[side])
  );
  const operators = mixed ? [] : [...new Set([...a.operators.keys(), ...b.operators.keys()])].sort()
    .map((operator) => ({ operator, before: a.operators.get(operator) ?? 0, after: b.operators.get(operator) ?? 0 }))
    .filter(({ before, after }) => before !== after);
  const { nodes, first } = mixed ? { nodes: [], first: null } : compareNodes(await digestOf(a), await digestOf(b));
  const same = [settings, inputs, outputs, operators, nodes, weights.changed].every((list) => list.length === 0) &&
    first === null;
  return { a: a.path, b: b.path, same, settings, inputs, outputs, operators, nodes, first, weights };
}

function changeOf(name: string, before: string | null, after: string | null): Change[] {
  return before === after ? [] : [{ name, before, after }];
}

function compareValues(a: readonly ValueSummary[], b: readonly ValueSummary[]): Change[] {
  const text = (value: ValueSummary | undefined): string | null => value ? valueText(value) : null;
  return Array.from({ length: Math.max(a.length, b.length) }, (_, i) => i)
    .flatMap((i) => changeOf(String(i), text(a[i]), text(b[i])));
}

/**
 * A model's inputs or outputs with its program's: names are the user's choice and don't count, symbols may have other names,
 * complex numbers are pairs of real ones, and what follows those of the user is state.
 */
function compareAcross(a: Opened, b: Opened, side: "inputs" | "outputs"): Change[] {
  const [program, model] = a.kind === "program" ? [a, b] : [b, a];
  const expected = program[side].filter((value) => value.dtype !== null);
  const names = new Map<string, string>();
  const taken = new Map<string, string>();
  const fits = (value: ValueSummary, met: ValueSummary | undefined): boolean => {
    if (!met || met.dtype === null || met.shape === null || value.shape === null) return met !== undefined;
    const complex = value.dtype!.startsWith("complex");
    const dtype = complex ? toReal(value.dtype as Tensor["dtype"]) : NUMBERS.get(value.dtype!) ?? value.dtype;
    const shape = complex ? [...value.shape, 2] : value.shape;
    // A Python float has the dtype that its uses want.
    return (value.dtype === "float" || met.dtype === dtype) && met.shape.length === shape.length &&
      shape.every((dim, i) => isSameDim(dim, met.shape![i], names) && isSameDim(met.shape![i], dim, taken));
  };
  const changes = expected.flatMap((value, i) => {
    const met = model[side][i];
    return fits(value, met) ? [] : [[String(i), valueText(value), met ? valueText(met) : null] as const];
  });
  const surplus = model[side].slice(expected.length).flatMap((value, i) => {
    const name = side === "inputs" ? value.name : value.name.replace(/_out$/, "");
    const isState = program.weights.has(name) || side === "outputs" && program.inputs.some((one) => one.name === name);
    return isState ? [] : [[String(expected.length + i), null, valueText(value)] as const];
  });
  return [...changes, ...surplus].map(([name, x, y]) => {
    return a === program ? { name, before: x, after: y } : { name, before: y, after: x };
  });
}

const NUMBERS: ReadonlyMap<string, string> = new Map([["int", "int64"], ["bool", "bool"]]);

/** Equal sizes, or texts where each always stands for the same other one. */
function isSameDim(a: number | string, b: number | string, names: Map<string, string>): boolean {
  if (typeof a === "number" || typeof b === "number") return a === b;
  const known = names.get(a);
  if (known !== undefined) return known === b;
  names.set(a, b);
  return true;
}

async function digestOf({ model, program }: Opened): Promise<GraphDigest> {
  return model ? await digestModel(model) : digestProgram(program!);
}

function compareNodes(a: GraphDigest, b: GraphDigest): Pick<Difference, "nodes" | "first"> {
  if (a.digest === b.digest) return { nodes: [], first: null };
  const named = new Map(b.nodes.map((node) => [`${node.operator} ${node.name}`, node]));
  const nodes = a.nodes.flatMap((node) => {
    const other = named.get(`${node.operator} ${node.name}`);
    return node.name === "" || !other || other.literals === node.literals
      ? []
      : [{ name: node.name, operator: node.operator, before: node.literals, after: other.literals }];
  });
  return { nodes, first: { a: firstOnly(a.nodes, b.nodes), b: firstOnly(b.nodes, a.nodes) } };
}

/** The first node whose digest the others don't have as often. */
function firstOnly(nodes: readonly NodeDigest[], others: readonly NodeDigest[]): NodeName | null {
  const left = new Map<string, number>();
  for (const { digest } of others) left.set(digest, (left.get(digest) ?? 0) + 1);
  for (const { digest, name, operator } of nodes) {
    const count = left.get(digest) ?? 0;
    if (count === 0) return { name, operator };
    left.set(digest, count - 1);
  }
  return null;
}

async function compareWeights(
  a: Opened,
  b: Opened,
  mixed: boolean,
  onBytes?: (count: number) => void,
): Promise<Difference["weights"]> {
  let equal = 0;
  const changed: Change[] = [];
  const notCompared: string[] = [];
  for (const name of new Set([...a.weights.keys(), ...b.weights.keys()])) {
    const [before, after] = [a.weights.get(name), b.weights.get(name)];
    if (!before || !after) {
      const change = { name, before: before ? metaText(before) : null, after: after ? metaText(after) : null };
      const [program, model] = a.kind === "program" ? [a, b] : [b, a];
      // A model has constants of its own; of its program it has what is used, tied weights once.
      if (!mixed || program.weights.has(name) && isNeeded(name, program, model)) changed.push(change);
      else if (program.weights.has(name)) notCompared.push(name);
      continue;
    }
    const texts = mixed ? [realText(before), realText(after)] : [metaText(before), metaText(after)];
    if (texts[0] !== texts[1]) {
      changed.push({ name, before: texts[0], after: texts[1] });
      continue;
    }
    const hashes = isSameRange(before, after)
      ? ["", ""]
      : [await hashTensor(before, onBytes), await hashTensor(after, onBytes)];
    if (hashes[0] === null || hashes[1] === null) notCompared.push(name);
    else if (hashes[0] === hashes[1]) equal++;
    else {
      const [x, y] = hashes.map((hash) => `${texts[0]} sha256 ${hash}`);
      changed.push({ name, before: x, after: y });
    }
  }
  return { equal, changed, notCompared };
}

/** Whether a model of a program has a weight: a parameter that is used, unless the model has it by another name. */
function isNeeded(name: string, { program, weights }: Opened, model: Opened): boolean {
  const spec = program!.signature.inputSpecs.find((one) => one.target === name);
  if (spec?.kind !== "PARAMETER" || spec.value.uses.size === 0) return false;
  const tensor = weights.get(name)!;
  return ![...weights].some(([other, tied]) => tied.storage === tensor.storage && model.weights.has(other));
}

/** Whether two tensors are the same part of the same file. */
function isSameRange(a: Tensor, b: Tensor): boolean {
  const [x, y] = [a.byteRange, b.byteRange];
  return x !== null && y !== null && x.source.path !== undefined && x.source.path === y.source.path &&
    x.offset === y.offset && x.length === y.length;
}

/** `float32[8, 8]`. */
export function metaText({ dtype, shape }: { readonly dtype: string; readonly shape: readonly number[] }): string {
  return `${dtype}[${shape.join(", ")}]`;
}

function realText(tensor: Tensor): string {
  if (!isComplex(tensor.dtype)) return metaText(tensor);
  return metaText({ dtype: toReal(tensor.dtype), shape: [...tensor.shape, 2] });
}
