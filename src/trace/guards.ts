/**
 * Finds what a meta rule takes for granted about symbolic sizes. A rule that meets two sizes it can't compare goes on as if
 * they fitted; for a program that PyTorch captured its guards guarantee that, for one that is captured here nothing does. So
 * each call is made once more at concrete sizes that differ from the example's and from each other: where that fails, or
 * gives other shapes than the expressions say, a condition on the sizes is looked for under which it holds.
 */
import type { BoundArgs } from "../aten/bind.ts";
import type { MetaInterpreter } from "../aten/calls.ts";
import type { Op } from "../aten/op.ts";
import type { SchemaType } from "../fx/mod.ts";
import type { Location } from "../ir/mod.ts";
import { type Dim, eq, evaluate, isSym, type Sym, symbol } from "../sym/mod.ts";
import type { Meta } from "../tensor/mod.ts";
import type { Assignment, Symbols } from "./symbols.ts";

/** A condition on sizes that an operator needs. */
export type Guard =
  | { readonly kind: "equal"; readonly left: Sym; readonly right: Dim }
  | { readonly kind: "multiple"; readonly size: Sym; readonly of: number }
  | { readonly kind: "bounds"; readonly size: Sym; readonly min: number; readonly max: number };

/** Thrown where a call needs a condition that nothing guarantees yet. */
export class GuardError extends Error {
  override name = "GuardError";
  /** What must hold; null where no such condition was found. */
  readonly guard: Guard | null;
  /** Where in the user's program it is needed. */
  location: Location | null = null;

  constructor(guard: Guard | null, message: string, options?: ErrorOptions) {
    super(message, options);
    this.guard = guard;
  }
}

/** Largest divisor that is tried. */
const LARGEST_DIVISOR = 64;
/** A size that no table of positions reaches. */
const LARGE = 1 << 20;

/** @throws {GuardError} */
export function checkAtOtherSizes(
  metas: MetaInterpreter,
  op: Op,
  args: BoundArgs,
  result: unknown,
  symbols: Symbols,
): void {
  const sizes = new Map<string, Dim>();
  collect(args, sizes);
  const free = [...sizes.values()].filter(isSym);
  if (free.length === 0) return;
  const names = new Set(free.flatMap((size) => [...size.symbols()]));
  const numbers = numbersIn(args, symbols);
  const works = (values: Assignment): boolean => {
    try {
      return agrees(metas.apply(op, atSizes(op, args, values)), result, values);
    } catch (error) {
      if (error instanceof TypeError || error instanceof RangeError) return false;
      throw error;
    }
  };
  // Whether numbers that only a run tells fit, as places in a dim must, is the run's business: some must.
  const holds = (values: Assignment): boolean => {
    if (numbers.size === 0) return works(values);
    return [0, 1, null].some((number) => {
      const all = new Map(values);
      for (const name of numbers) {
        const { min, max } = symbols.rangeOf(name);
        if (number !== null || !all.has(name)) all.set(name, Math.min(Math.max(number ?? 0, min), max));
      }
      return works(all);
    });
  };
  const other = symbols.otherValues(names);
  if (holds(other)) {
    for (const name of names) checkBounds(op, name, other, symbols, holds);
    return;
  }
  // A size may have to fit a symbol that is only part of another: keys of the batch that the queries' number of heads has.
  const plain = [...names].map((name) => symbol(name));
  const parts = plain.filter(({ key }) => !sizes.has(key));
  const guard = conditionFor(plain, [...parts, ...sizes.values()], other, symbols, holds);
  const shown = guard === null
    ? `${op.name} does not work at other sizes than the example's`
    : guard.kind === "equal"
    ? `${op.name} needs ${guard.left} = ${guard.right}`
    : `${op.name} needs ${guard.size} to be a multiple of ${guard.of}`;
  throw new GuardError(guard, shown);
}

/** Looks for a largest and a smallest size, where a call works in between. @throws {GuardError} */
function checkBounds(
  op: Op,
  name: string,
  other: Assignment,
  symbols: Symbols,
  holds: (values: Assignment) => boolean,
): void {
  const { min, max } = symbols.rangeOf(name);
  if (symbols.hintOf(symbol(name)) === null) return;
  const works = (size: number): boolean => holds(new Map(other).set(name, size));
  const inside = other.get(name)!;
  const most = Math.min(max, LARGE), least = Math.max(min, 2);
  const bounds = {
    max: most > inside && !works(most) ? edge(inside, most, works) : max,
    min: least < inside && !works(least) ? edge(inside, least, works) : min,
  };
  if (bounds.max === max && bounds.min === min) return;
  const shown = bounds.max < max ? `at most ${bounds.max}` : `at least ${bounds.min}`;
  throw new GuardError({ kind: "bounds", size: symbol(name), ...bounds }, `${op.name} needs ${name} to be ${shown}`);
}

/** The last size that works on the way from one that does to one that does not. */
function edge(works: number, fails: number, test: (size: number) => boolean): number {
  while (Math.abs(works - fails) > 1) {
    const middle = Math.trunc((works + fails) / 2);
    if (test(middle)) works = middle;
    else fails = middle;
  }
  return works;
}

/** The first condition that makes a call work at sizes which fulfil it, and no others. */
function conditionFor(
  free: readonly Sym[],
  all: readonly Dim[],
  other: Assignment,
  symbols: Symbols,
  holds: (values: Assignment) => boolean,
): Exclude<Guard, { readonly kind: "bounds" }> | null {
  const isPlain = (size: Dim): size is Sym => isSym(size) && size.node.op === "symbol";
  const pairs = free.filter(isPlain).flatMap((left) =>
    all
      .filter((right) => eq(left, right) !== true && symbols.hintOf(left) === symbols.hintOf(right))
      .filter((right) => !isSym(right) || !right.symbols().has(left.key))
      .map((right) => ({ left, right }))
  );
  const equal = firstNeeded(pairs, (chosen) => holds(withEqual(other, chosen)));
  if (equal) return { kind: "equal", ...equal };
  for (const size of free.filter(isPlain)) {
    const hint = Number(symbols.hintOf(size));
    for (let n = 2; n <= Math.min(LARGEST_DIVISOR, hint); n++) {
      if (hint % n !== 0) continue;
      const values = new Map(other);
      values.set(size.key, (Math.ceil(other.get(size.key)! / n)) * n);
      if (holds(values)) return { kind: "multiple", size, of: n };
    }
  }
  // At the example's sizes every call works.
  const fixed = firstNeeded(
    free.filter(isPlain).flatMap((left) => {
      const right = symbols.hintOf(left);
      return right === null ? [] : [{ left, right: Number(right) }];
    }),
    (chosen) => holds(withEqual(other, chosen)),
  );
  return fixed && { kind: "equal", ...fixed };
}

interface Pair {
  readonly left: Sym;
  readonly right: Dim;
}

/** One of the sizes that must be equal: of as few pairs as make a call work. */
function firstNeeded(pairs: readonly Pair[], holds: (chosen: readonly Pair[]) => boolean): Pair | null {
  if (pairs.length === 0) return null;
  const single = pairs.find((pair) => holds([pair]));
  if (single) return single;
  if (!holds(pairs)) return null;
  let needed = pairs;
  for (const pair of pairs) {
    const fewer = needed.filter((other) => other !== pair);
    if (holds(fewer)) needed = fewer;
  }
  return needed[0] ?? null;
}

/** The values with the sizes of pairs made equal. */
function withEqual(values: Assignment, pairs: readonly Pair[]): Assignment {
  const made = new Map(values);
  // What is set later may be on the right of an earlier pair.
  for (let turn = 0; turn < 2; turn++) {
    for (const { left, right } of pairs) made.set(left.key, Number(evaluate(right, made)));
  }
  return made;
}

/** Sizes and integers among the arguments, by their text. */
function collect(value: unknown, into: Map<string, Dim>): void {
  if (isSym(value)) { if (value.kind === "int") into.set(value.key, value); }
  else if (typeof value === "number" && Number.isSafeInteger(value)) into.set(String(value), value);
  else if (Array.isArray(value)) { for (const item of value) collect(item, into); }
  else if (isMeta(value)) { for (const size of value.shape) collect(size, into); }
  else if (isPlainObject(value)) { for (const item of Object.values(value)) collect(item, into); }
}

/** Symbols that only a run tells, and that are no sizes of tensors among the arguments. */
function numbersIn(args: unknown, symbols: Symbols): Set<string> {
  const numbers = new Set<string>(), sizes = new Set<string>();
  const visit = (value: unknown, into: Set<string>): void => {
    if (isSym(value)) { for (const name of value.symbols()) into.add(name); }
    else if (Array.isArray(value)) { for (const item of value) visit(item, into); }
    else if (isMeta(value)) visit(value.shape, sizes);
    else if (isPlainObject(value)) { for (const item of Object.values(value)) visit(item, into); }
  };
  visit(args, numbers);
  return new Set([...numbers].filter((name) => !sizes.has(name) && symbols.isUnknown(name)));
}

function isMeta(x: unknown): x is Meta {
  return typeof x === "object" && x !== null && "dtype" in x && "shape" in x;
}

function isPlainObject(x: unknown): x is Record<string, unknown> {
  return typeof x === "object" && x !== null && Object.getPrototypeOf(x) === Object.prototype;
}

/** The arguments of a call with numbers for symbols; where ints and floats are told apart, ints stay ints. */
function atSizes(op: Op, args: BoundArgs, values: Assignment): BoundArgs {
  const isScalar = (type: SchemaType): boolean =>
    type.kind === "optional" ? isScalar(type.of) : type.kind === "base" && type.name === "Scalar";
  const scalars = new Set(op.parsed.args.filter(({ type }) => isScalar(type)).map(({ name }) => name));
  const one = (name: string, value: unknown): unknown =>
    scalars.has(name) && isSym(value) && value.kind === "int"
      ? BigInt(Number(evaluate(value, values)))
      : concrete(value, values);
  return Object.fromEntries(Object.entries(args).map(([name, value]) => [name, one(name, value)])) as BoundArgs;
}

/** The same values with numbers for symbols. */
function concrete(value: unknown, values: Assignment): unknown {
  if (isSym(value)) return evaluate(value, values);
  if (Array.isArray(value)) return value.map((item) => concrete(item, values));
  if (isMeta(value)) return { dtype: value.dtype, shape: value.shape.map((size) => evaluate(size, values)) };
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, concrete(item, values)]));
}

/** Whether a result at concrete sizes is what the symbolic one says; what only a run tells is left out. */
function agrees(made: unknown, said: unknown, values: Assignment): boolean {
  if (Array.isArray(said)) {
    return Array.isArray(made) && made.length === said.length && said.every((one, i) => agrees(made[i], one, values));
  }
  if (isMeta(said)) {
    if (!isMeta(made) || made.dtype !== said.dtype || made.shape.length !== said.shape.length) return false;
    return said.shape.every((size, i) => agrees(made.shape[i], size, values));
  }
  if (isSym(said)) {
    if (isSym(made) || [...said.symbols()].some((name) => !values.has(name))) return true;
    return Number(evaluate(said, values)) === Number(made);
  }
  return isSym(made) || made === said || Number(made) === Number(said);
}
