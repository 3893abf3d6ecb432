/**
 * `dynamicShapes` and `dynamicAxes` on a captured program: names for the dims that it has dynamic. What is dynamic was decided
 * at capture, so asking for more is an error that tells what froze the dim. All that does not fit is told at once.
 */
import { type ExportedProgram, FxValue, type TreeSpec } from "../fx/mod.ts";
import { guardOfSize, type InputLeaf, inputLeaves, topLevel } from "../fx/input_leaves.ts";
import { childNames, countLeaves } from "../fx/tree.ts";
import { OptionError } from "../ir/mod.ts";
import { type Dim, eq, isSym, parseInfix, substitute, type Sym, symbol } from "../sym/mod.ts";
import { Dim as CaptureDim } from "../trace/dim.ts";
import type { DimInput, DynamicAxes, Settings } from "./options.ts";

/** Names of dims: of the program's symbols, and of single axes of outputs. */
export interface DimNames {
  readonly dims: ReadonlyMap<string, string>;
  /** By the output's name, then by axis. */
  readonly outputDims: ReadonlyMap<string, ReadonlyMap<number, string>>;
}

/**
 * The names that options give to dims.
 *
 * @throws {OptionError} with everything that does not fit the program
 */
export function dimNamesOf(program: ExportedProgram, settings: Settings): DimNames {
  const { dynamicShapes, dynamicAxes } = settings;
  const naming = new Naming(program, settings.dims);
  const outputDims = new Map<string, ReadonlyMap<number, string>>();
  if (dynamicShapes !== null) {
    if (dynamicAxes !== null) {
      settings.onWarning("Options dynamicAxes and dynamicShapes are both given: dynamicAxes has no effect");
    }
    nameShapes(program, dynamicShapes, naming, settings.onWarning);
  } else if (dynamicAxes !== null) {
    nameAxes(program, dynamicAxes, settings, naming, outputDims);
  }
  return { dims: naming.finish(dynamicShapes !== null ? "dynamicShapes" : "dynamicAxes"), outputDims };
}

/** Why a dim has one size only. */
export function frozenBecause(program: ExportedProgram, leaf: InputLeaf, axis: number, size: number): string {
  const source = guardOfSize(leaf, axis);
  const guard = program.guardsCode.find((code) => code.includes(source));
  return guard !== undefined
    ? `Axis ${axis} of ${leaf.where} is frozen at ${size} by the program's guard ${guard}`
    : `Axis ${axis} of ${leaf.where} is frozen at ${size}, a constant that the program records without a guard: ` +
      "the dim was not dynamic when the program was captured";
}

/** What to do about a frozen dim. */
export const FROZEN_HINT =
  "Capture the program again with this dim in dynamic_shapes of torch.export.export, and without code that tests its size";

/** Goes along the tree of inputs and the tree that the user gave. */
function nameShapes(program: ExportedProgram, given: unknown, naming: Naming, warn: (message: string) => void): void {
  const leaves = inputLeaves(program);
  let next = 0;
  const visit = (tree: TreeSpec, value: unknown, where: string): void => {
    if (tree.type === null) {
      nameLeaf(leaves[next++], value, naming, warn);
      return;
    }
    if (value === null || value === undefined) {
      next += countLeaves(tree);
      return;
    }
    const names = childNames(tree, program.namedTuples);
    const children = childrenOf(value, names, tree.children.length);
    if (children === null) {
      naming.problems.push(
        `${where} must be ${names ? `an object with ${names.join(", ")}` : `an array of ${tree.children.length}`}, ` +
          "as the program's inputs are",
      );
      next += countLeaves(tree);
      return;
    }
    tree.children.forEach((child, i) => {
      visit(child, children[i], names ? `${where}.${names[i]}` : `${where}[${i}]`);
    });
  };
  const args = topLevel(program);
  const positional = args.filter((arg) => arg.positional).length;
  if (Array.isArray(given)) {
    if (given.length !== positional && given.length !== args.length) {
      naming.problems.push(`it has ${given.length} elements, but the program takes ${positional} positional arguments`);
      return;
    }
    args.forEach(({ name, tree }, i) => visit(tree, given[i] ?? null, name));
    return;
  }
  const entries = entriesOf(given);
  if (entries === null) {
    naming.problems.push("it must be an array in the order of the arguments, or an object by their names");
    return;
  }
  const names = args.map((arg) => arg.name);
  for (const [key] of entries) {
    if (!names.includes(key)) naming.problems.push(`the program has no argument ${key}: it takes ${names.join(", ")}`);
  }
  const values = new Map(entries);
  for (const { name, tree } of args) {
    if (!values.has(name)) naming.problems.push(`argument ${name} is missing: give null if it has no dynamic dim`);
    visit(tree, values.get(name) ?? null, name);
  }
}

/** What is given for the children of a node; null where that is another tree. */
function childrenOf(value: unknown, names: readonly unknown[] | null, count: number): readonly unknown[] | null {
  if (names === null) return Array.isArray(value) && value.length === count ? value : null;
  const entries = entriesOf(value);
  if (entries === null || entries.length !== names.length) return null;
  const values = new Map(entries);
  return names.every((name) => values.has(String(name))) ? names.map((name) => values.get(String(name))) : null;
}

/** The entries of an object or map; null for anything else. */
function entriesOf(value: unknown): [string, unknown][] | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  return value instanceof Map ? [...value].map(([key, v]) => [String(key), v]) : Object.entries(value);
}

function nameLeaf(leaf: InputLeaf, value: unknown, naming: Naming, warn: (message: string) => void): void {
  if (value === null || value === undefined) return;
  const { meta } = leaf.spec.value;
  const { where } = leaf;
  if (meta.kind === "sym" && meta.type === "int" && typeof meta.expr !== "boolean") {
    naming.add(meta.expr as Dim, value as DimInput, where, () => `${where} is frozen at ${meta.expr}`);
    return;
  }
  if (meta.kind !== "tensor") {
    naming.problems.push(`${where} is no tensor: it has no dims to name`);
    return;
  }
  const rank = meta.shape.length;
  const entries = Array.isArray(value)
    ? value.map((dim, axis): [string, unknown] => [String(axis), dim])
    : entriesOf(value);
  if (entries === null || Array.isArray(value) && value.length !== rank) {
    naming.problems.push(`${where} must be an object from axes to dims, an array of ${rank} dims, or null`);
    return;
  }
  for (const [key, dim] of entries) {
    const axis = axisOf(key, rank);
    if (axis === null) {
      naming.problems.push(`${where} has no axis ${key}: its rank is ${rank}`);
      continue;
    }
    const size = meta.shape[axis];
    if (dim === null && isSym(size)) {
      warn(`Option dynamicShapes has axis ${axis} of ${where} static, but the program has it dynamic (${size})`);
    }
    const frozen = (): string => frozenBecause(naming.program, leaf, axis, size as number);
    naming.add(size, dim as DimInput, `axis ${axis} of ${where}`, frozen);
  }
}

/** `dynamicAxes`: by the names that `inputNames` and `outputNames` give. */
function nameAxes(
  { signature }: ExportedProgram,
  dynamicAxes: DynamicAxes,
  { inputNames, outputNames, onWarning }: Settings,
  naming: Naming,
  outputDims: Map<string, ReadonlyMap<number, string>>,
): void {
  const leaves = inputLeaves(naming.program).filter(({ spec }) => spec.value.meta.kind !== "constant");
  const outputs = signature.outputSpecs.filter(({ kind, arg }) =>
    (kind === "USER_OUTPUT" || kind === "LOSS_OUTPUT") && hasValue(arg)
  );
  for (const [name, axes] of Object.entries(dynamicAxes)) {
    const input = inputNames.indexOf(name);
    const output = outputNames.indexOf(name);
    if (input < 0 && output < 0) {
      naming.problems.push(`${name} is given by neither inputNames nor outputNames`);
      continue;
    }
    const value = input >= 0 ? leaves[input].spec.value : outputs[output]?.arg;
    if (!(value instanceof FxValue) || value.meta.kind !== "tensor") {
      naming.problems.push(`${name} is no tensor: it has no dims to name`);
      continue;
    }
    const { shape } = value.meta;
    const isAutomatic = Array.isArray(axes);
    const entries = Array.isArray(axes)
      ? axes.map((axis, i): [string, unknown] => [String(axis), `${name}_dynamic_axes_${i + 1}`])
      : entriesOf(axes);
    if (entries === null) {
      naming.problems.push(`${name} must have an object from axes to names, or an array of axes`);
      continue;
    }
    const own = new Map<number, string>();
    for (const [key, text] of entries) {
      const axis = axisOf(key, shape.length);
      if (axis === null) naming.problems.push(`${name} has no axis ${key}: its rank is ${shape.length}`);
      else if (typeof text !== "string" || !IDENTIFIER.test(text)) {
        naming.problems.push(`axis ${axis} of ${name} must have a name, met ${JSON.stringify(text)}`);
      } else if (input >= 0) {
        const size = shape[axis];
        const known = isSym(size) ? naming.nameOf(size) : undefined;
        if (isAutomatic && known !== undefined) {
          onWarning(`The name ${text} is not used: axis ${axis} of ${name} has the same size as ${known}`);
          continue;
        }
        const leaf = { ...leaves[input], where: name };
        naming.addName(
          size,
          text,
          `axis ${axis} of ${name}`,
          () => frozenBecause(naming.program, leaf, axis, size as number),
        );
      } else if (!isSym(shape[axis])) {
        naming.problems.push(
          `Axis ${axis} of output ${name} is frozen at ${shape[axis]}: it follows from the inputs' sizes`,
        );
      } else own.set(axis, text);
    }
    if (own.size > 0) outputDims.set(name, own);
  }
}

function hasValue(arg: unknown): boolean {
  const value = arg instanceof FxValue && arg.meta.kind === "constant" ? arg.meta.value : arg;
  return value !== null && typeof value !== "string";
}

function axisOf(key: string, rank: number): number | null {
  const axis = Number(key);
  return /^\d+$/.test(key) && axis < rank ? axis : null;
}

const IDENTIFIER = /^[A-Za-z_]\w*$/;

interface Request {
  readonly size: Sym;
  readonly expr: Sym;
  readonly where: string;
}

/** Collects names for dims and finds what they say of the program's symbols. */
class Naming {
  readonly problems: string[] = [];
  private readonly names: Map<string, string>;
  private readonly compound: Request[] = [];
  private readonly bounds: Map<string, { readonly min: bigint | null; readonly max: bigint | null }>;

  constructor(readonly program: ExportedProgram, dims: ReadonlyMap<string, string>) {
    this.names = new Map(dims);
    this.bounds = new Map(program.constraints.map(({ expr, min, max }) => [expr, { min, max }]));
  }

  /** The name that a plain symbol has so far. */
  nameOf(size: Sym): string | undefined {
    return size.node.op === "symbol" ? this.names.get(size.node.name) : undefined;
  }

  /** A dim as `dynamicShapes` gives it: a size, a name, an expression of names, or nothing. */
  add(size: Dim, given: DimInput, where: string, frozen: () => string): void {
    if (given === null || given === undefined) return;
    if (typeof given === "number" || typeof given === "bigint") {
      if (isSym(size)) this.problems.push(`${where} is ${size} in the program: it can't be fixed at ${given}`);
      else if (size !== Number(given)) this.problems.push(`${where} is ${size} in the program, not ${given}`);
      return;
    }
    if (given instanceof CaptureDim && given.mode !== "named") {
      if (given.mode === "dynamic" && !isSym(size)) this.problems.push(frozen());
      if (given.mode === "static" && isSym(size)) {
        this.problems.push(`${where} is ${size} in the program: it is not static`);
      }
      return;
    }
    const text = typeof given === "string" ? given : (given as { name?: unknown }).name;
    if (typeof text !== "string" || text === "") {
      this.problems.push(`${where} must be a name, a size, or an object with a name`);
      return;
    }
    this.addName(size, text, where, frozen);
    if (isSym(size) && typeof given === "object") this.checkBounds(size, given, where);
  }

  addName(size: Dim, text: string, where: string, frozen: () => string): void {
    if (!isSym(size)) {
      this.problems.push(frozen());
      return;
    }
    const expr = parse(text);
    if (expr === null) {
      this.problems.push(`${where} must have a name or an expression of names, met ${JSON.stringify(text)}`);
    } else if (size.node.op !== "symbol") this.compound.push({ size, expr, where });
    else if (expr.node.op !== "symbol") {
      this.problems.push(`${where} is independent of other dims in the program (${size}): ${text} is no plain name`);
    } else this.bind(size.node.name, expr.node.name, where);
  }

  private bind(from: string, to: string, where: string): void {
    const known = this.names.get(from);
    if (known !== undefined && known !== to) {
      this.problems.push(`${where} is one dim in the program (${from}), but is named both ${known} and ${to}`);
      return;
    }
    const other = [...this.names].find(([symbol, name]) => symbol !== from && name === to);
    if (other) {
      this.problems.push(`${to} names two dims that the program has apart: ${other[0]} and ${from} (${where})`);
      return;
    }
    this.names.set(from, to);
  }

  private checkBounds(size: Sym, given: Exclude<DimInput, string | number | bigint | null>, where: string): void {
    const bounds = this.bounds.get(String(size));
    const min = bounds?.min ?? null, max = bounds?.max ?? null;
    const low = given.min !== undefined && given.min !== null && min !== null && BigInt(given.min) < min;
    const high = given.max !== undefined && given.max !== null && max !== null && BigInt(given.max) > max;
    if (low || high) {
      this.problems.push(
        `${where} is to be from ${given.min ?? "-"} to ${given.max ?? "-"}, ` +
          `but the program was captured for ${min ?? "-int_oo"} to ${max ?? "int_oo"}`,
      );
    }
  }

  /** Derived dims, which need the plain names. */
  private derive({ size, expr, where }: Request): void {
    const open = [...size.symbols()].filter((name) => !this.names.has(name));
    const used = new Set([...size.symbols()].map((name) => this.names.get(name)));
    const free = [...expr.symbols()].filter((name) => !used.has(name));
    const candidate = open.length === 1 && free.length === 1 ? new Map([[open[0], free[0]]]) : new Map();
    const bindings = new Map<string, Dim>();
    for (const name of size.symbols()) {
      bindings.set(name, symbol(this.names.get(name) ?? candidate.get(name) ?? name));
    }
    if (eq(substitute(size, bindings), expr) !== true) {
      this.problems.push(
        `${where} is ${size} in the program${this.names.size > 0 ? `, that is ${substitute(size, bindings)}` : ""}, ` +
          `which ${expr} is not`,
      );
      return;
    }
    for (const [from, to] of candidate) this.bind(from, to, where);
  }

  /** @throws {OptionError} with all problems */
  finish(option: string): ReadonlyMap<string, string> {
    for (const request of this.compound) this.derive(request);
    const { problems } = this;
    if (problems.length === 0) return this.names;
    const hint = problems.some((text) => text.includes("is frozen at")) ? { hint: FROZEN_HINT } : {};
    throw new OptionError(
      problems.length === 1
        ? `Option ${option} does not fit the program: ${problems[0]}`
        : `Option ${option} does not fit the program:\n${problems.map((line) => `  ${line}`).join("\n")}`,
      hint,
    );
  }
}

/** A name, or an expression of names; null for anything else. */
function parse(text: string): Sym | null {
  if (IDENTIFIER.test(text)) return symbol(text);
  try {
    const parsed = parseInfix(text);
    return isSym(parsed) && parsed.kind === "int" ? parsed : null;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return null;
    throw error;
  }
}
