/**
 * Which sizes of the example inputs vary, of what the user says in `dynamicShapes`, and what capture finds out about them: a
 * condition that an operator needs makes a plan of its own, with which the model is captured anew. Conditions on dims that
 * the user declared are violations, and are told all at once, with what to write instead.
 */
import { CaptureError, OptionError } from "../ir/mod.ts";
import { type Dim as Size, evaluate, isSym, mul, substitute, type Sym } from "../sym/mod.ts";
import { Dim, symbolOfName } from "../trace/dim.ts";
import type { Guard } from "../trace/guards.ts";
import type { Symbols } from "../trace/symbols.ts";

/** An input tensor or number of the example. */
export interface PlannedInput {
  /** For messages: `inputDict.tensor_x`. */
  readonly where: string;
  /** The example's sizes; null for an int, which is one number that may vary. */
  readonly shape: readonly number[] | null;
  /** The example's value of an int. */
  readonly value?: number;
  /** What `dynamicShapes` says. */
  readonly spec: unknown;
}

/** Sizes that are one: a named dim, or one axis. */
interface Group {
  /** The user's name; null for dims that only are automatic. */
  readonly name: string | null;
  /** Whether what capture finds out may make the dim static, or one with others. */
  readonly isFree: boolean;
  hint: number;
  min: number;
  max: number;
  /** Set by what capture finds out. */
  fixed: number | null;
  sameAs: Group | null;
  multiple: number;
  readonly where: string;
}

/** One axis, or one number. */
interface Axis {
  readonly where: string;
  readonly hint: number;
  /** Null where it does not vary. */
  readonly group: Group | null;
  /** Its size in terms of names, where it is an expression of them. */
  readonly expr: Sym | null;
}

/** The most conditions that are looked for. */
const MAX_CONDITIONS = 64;

/** The sizes of a model's inputs. */
export class DimPlan {
  private readonly named: Map<string, Group> = new Map();
  private readonly axes: Axis[][] = [];
  private readonly problems: string[] = [];
  private readonly fixes: Map<string, string> = new Map();
  private readonly groupOf: Map<string, Group> = new Map();
  private conditions = 0;

  /** @throws {OptionError} with all that does not fit the example */
  constructor(inputs: readonly PlannedInput[]) {
    const wrong: string[] = [];
    const specs = inputs.map((input) => specsOf(input, wrong));
    for (const [i, { where, shape, value }] of inputs.entries()) {
      const sizes = shape ?? [value ?? 0];
      const at = (axis: number): string => shape ? `axis ${axis} of ${where}` : where;
      this.axes.push(sizes.map((hint, axis) => this.axis(specs[i].get(axis), hint, at(axis), wrong)));
    }
    this.checkDerived(wrong);
    if (wrong.length > 0) {
      throw new OptionError(`Option dynamicShapes does not fit the inputs:\n${wrong.map((w) => `  ${w}`).join("\n")}`);
    }
  }

  /** Whether any size varies. */
  get isDynamic(): boolean {
    return this.axes.some((axes) => axes.some(({ group }) => group !== null));
  }

  /** The sizes of all inputs, with new symbols. */
  apply(symbols: Symbols): Size[][] {
    this.groupOf.clear();
    const sizes = new Map<Group, Size>();
    const sizeOf = (group: Group): Size => {
      const root = rootOf(group);
      let size = sizes.get(root);
      if (size !== undefined) return size;
      const { fixed, multiple, hint, min, max } = root;
      if (fixed !== null) size = fixed;
      else {
        const made = symbols.size(hint / multiple, Math.ceil(min / multiple), Math.floor(max / multiple));
        this.groupOf.set(made.key, root);
        size = mul(multiple, made);
      }
      sizes.set(root, size);
      return size;
    };
    return this.axes.map((axes) =>
      axes.map(({ hint, group, expr }) => {
        if (group === null) return hint;
        if (expr === null) return sizeOf(group);
        return substitute(expr, new Map([...expr.symbols()].map((name) => [name, sizeOf(this.named.get(name)!)])));
      })
    );
  }

  /**
   * Takes a condition into the plan.
   *
   * @param because where and why, for the user
   * @returns whether the model is to be captured anew
   */
  learn(guard: Guard, because: string): boolean {
    if (++this.conditions > MAX_CONDITIONS) return false;
    const symbol = guard.kind === "equal" ? guard.left : guard.size;
    const group = this.groupOf.get(symbol.key);
    if (!group) return false;
    if (guard.kind === "bounds") {
      this.narrow(group, guard.min, guard.max, because);
      return true;
    }
    if (guard.kind === "multiple") {
      this.tell(
        group,
        `must be a multiple of ${guard.of * group.multiple}`,
        `${guard.of}*${shortName(group)}`,
        because,
      );
      group.multiple *= guard.of;
      return true;
    }
    const other = isSym(guard.right) ? this.groupOf.get(guard.right.key) : undefined;
    if (other && rootOf(other) !== group && other.multiple === group.multiple) {
      this.unite(group, rootOf(other), because);
      return true;
    }
    const value = group.multiple * Number(isSym(guard.right) ? group.hint / group.multiple : guard.right);
    this.tell(group, `must be ${value}`, String(value), because);
    group.fixed = value;
    return true;
  }

  /** @throws {CaptureError} with all conditions that the user's dims can't meet */
  check(): void {
    if (this.problems.length === 0) return;
    const fixes = [...this.fixes].map(([name, fix]) => `    ${name} = ${fix}`);
    throw new CaptureError(
      `Constraints violated: the model can't be captured with the dims of dynamicShapes\n` +
        this.problems.map((text) => `  ${text}`).join("\n"),
      { hint: `Suggested fixes:\n${fixes.join("\n")}` },
    );
  }

  /** The user's names of the symbols that {@linkcode apply} made last. */
  names(): Map<string, string> {
    const names = new Map<string, string>();
    for (const [symbol, group] of this.groupOf) {
      const named = [group, ...[...this.named.values()].filter((one) => rootOf(one) === group)].find((one) => one.name);
      if (named?.name) names.set(symbol, group.multiple === 1 ? named.name : `_${named.name}`);
    }
    return names;
  }

  private axis(spec: Dim | number | undefined, hint: number, where: string, wrong: string[]): Axis {
    if (spec === undefined || typeof spec === "number") {
      if (typeof spec === "number" && spec !== hint) wrong.push(`${where} is ${hint} in the example, not ${spec}`);
      return { where, hint, group: null, expr: null };
    }
    if (spec.mode === "static") return { where, hint, group: null, expr: null };
    if (spec.mode !== "named") {
      // Sizes 0 and 1 broadcast as no other size does: PyTorch keeps them too.
      const isKept = spec.mode === "auto" && hint < 2;
      if (isKept) return { where, hint, group: null, expr: null };
      return { where, hint, group: this.group(null, spec, hint, where, spec.mode === "auto"), expr: null };
    }
    const expr = symbolOfName(spec.name);
    if (expr.node.op === "symbol") return { where, hint, group: this.nameGroup(spec, hint, where, wrong), expr: null };
    for (const root of spec.roots) if (root.name !== spec.name && root.mode === "named") this.bound(root);
    return { where, hint, group: this.group(null, spec, hint, where, false), expr };
  }

  private readonly bounds: Map<string, Dim> = new Map();

  private bound(dim: Dim): void {
    if (!this.bounds.has(dim.name)) this.bounds.set(dim.name, dim);
  }

  private nameGroup(dim: Dim, hint: number, where: string, wrong: string[]): Group {
    this.bound(dim);
    const known = this.named.get(dim.name);
    if (!known) {
      const group = this.group(dim.name, dim, hint, where, false);
      this.named.set(dim.name, group);
      return group;
    }
    if (known.hint !== hint) {
      wrong.push(`dim ${dim.name} is ${known.hint} in the example (${known.where}), but ${hint} as ${where}`);
    }
    known.min = Math.max(known.min, dim.min ?? 0);
    known.max = Math.min(known.max, dim.max ?? Infinity);
    return known;
  }

  private group(name: string | null, { min, max }: Dim, hint: number, where: string, isFree: boolean): Group {
    const bounds = { min: min ?? 0, max: max ?? Infinity };
    return { name, isFree, hint, ...bounds, fixed: null, sameAs: null, multiple: 1, where };
  }

  /** Dims that only occur in expressions, and sizes that the expressions do not give. */
  private checkDerived(wrong: string[]): void {
    for (const { expr, hint, where } of this.axes.flat()) {
      if (expr === null) continue;
      const open = [...expr.symbols()].filter((name) => !this.named.has(name));
      if (open.length === 1 && expr.symbols().size === 1) {
        const [name] = open;
        const at = (n: number): number => Number(evaluate(expr, new Map([[name, n]])));
        const solved = (hint - at(0)) / (at(1) - at(0));
        const dim = this.bounds.get(name) ?? new Dim(name);
        this.named.set(name, this.group(name, dim, Number.isSafeInteger(solved) ? solved : 0, where, false));
      } else if (open.length > 0) wrong.push(`${where} is ${expr}, but no axis is ${open.join(" or ")}`);
    }
    for (const { expr, hint, where } of this.axes.flat()) {
      if (expr === null || [...expr.symbols()].some((name) => !this.named.has(name))) continue;
      const given = evaluate(expr, new Map([...this.named].map(([name, group]) => [name, group.hint])));
      if (Number(given) !== hint) wrong.push(`${where} is ${hint} in the example, but ${expr} is ${given}`);
    }
    for (const { name, hint, min, max, where } of this.named.values()) {
      if (hint < min || hint > max) {
        wrong.push(`${where} is ${hint} in the example, outside the bounds [${min}, ${max}] of dim ${name}`);
      }
    }
  }

  /** Bounds that are narrower than the user says. What is too small for a model is no violation: the range tells it. */
  private narrow(group: Group, min: number, max: number, because: string): void {
    const most = max * group.multiple;
    if (most < group.max && !group.isFree) {
      this.tell(group, `can't be more than ${most}`, `new Dim("${group.name ?? "dim"}", { max: ${most} })`, because);
    }
    group.min = Math.max(group.min, min * group.multiple);
    group.max = Math.min(group.max, most);
  }

  private unite(a: Group, b: Group, because: string): void {
    const [kept, gone] = a.name === null && b.name !== null ? [b, a] : a.isFree && !b.isFree ? [b, a] : [a, b];
    if (!gone.isFree) {
      this.tell(gone, `must be the same as ${kept.name ?? kept.where}`, kept.name ?? "Dim.AUTO", because);
    }
    gone.sameAs = kept;
    kept.min = Math.max(kept.min, gone.min);
    kept.max = Math.min(kept.max, gone.max);
  }

  private tell(group: Group, what: string, fix: string, because: string): void {
    if (group.isFree) return;
    const shown = group.name === null ? group.where : `${group.name} (${group.where})`;
    this.problems.push(`- ${shown} ${what}: ${because.replaceAll("\n", "\n    ")}`);
    this.fixes.set(group.name ?? group.where, fix);
  }
}

function shortName(group: Group): string {
  return `_${group.name ?? "dim"}`;
}

function rootOf(group: Group): Group {
  return group.sameAs ? rootOf(group.sameAs) : group;
}

/** What is said of each axis of an input. */
function specsOf({ where, shape, spec }: PlannedInput, wrong: string[]): Map<number, Dim | number> {
  const specs = new Map<number, Dim | number>();
  if (spec === null || spec === undefined) return specs;
  const add = (axis: number, given: unknown): void => {
    const dim = dimOf(given);
    if (dim === null) wrong.push(`${where} must have a name, a Dim, a size or null for axis ${axis}`);
    else if (dim !== undefined) specs.set(axis, dim);
  };
  if (shape === null) {
    add(0, spec);
    return specs;
  }
  if (Array.isArray(spec)) {
    if (spec.length !== shape.length) {
      wrong.push(`${where} has ${shape.length} axes, but ${spec.length} dims are given`);
    } else spec.forEach((given, axis) => add(axis, given));
    return specs;
  }
  if (typeof spec !== "object" || spec instanceof Dim) {
    wrong.push(`${where} must be an object from axes to dims, an array of ${shape.length} dims, or null`);
    return specs;
  }
  for (const [key, given] of spec instanceof Map ? spec : Object.entries(spec)) {
    const axis = Number(key);
    if (/^\d+$/.test(String(key)) && axis < shape.length) add(axis, given);
    else wrong.push(`${where} has no axis ${key}: its rank is ${shape.length}`);
  }
  return specs;
}

/** A dim as given; undefined where nothing is said, null for what is none. */
function dimOf(given: unknown): Dim | number | undefined | null {
  if (given === null || given === undefined) return undefined;
  if (given instanceof Dim) return given;
  if (typeof given === "number" || typeof given === "bigint") return Number(given);
  const { name, min, max } = typeof given === "string"
    ? { name: given, min: null, max: null }
    : given as { name?: unknown; min?: number | bigint | null; max?: number | bigint | null };
  if (typeof name !== "string") return null;
  try {
    const expr = symbolOfName(name);
    const bounds = { min: min == null ? null : Number(min), max: max == null ? null : Number(max) };
    if (expr.node.op === "symbol") return new Dim(name, bounds);
    return Dim.parse(name);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}
