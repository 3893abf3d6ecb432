/**
 * Finds what a meta rule takes for granted about symbolic sizes. A rule that meets two sizes it can't compare goes on as if
 * they fitted; for a program that PyTorch captured its guards guarantee that, for one that is captured here nothing does. So
 * each call is made once more at concrete sizes that differ from the example's and from each other: where that fails, or
 * gives other shapes than the expressions say, a condition on the sizes is looked for under which it holds.
 */
import type { BoundArgs } from "../aten/bind.ts";
import type { MetaInterpreter } from "../aten/calls.ts";
import type { Op } from "../aten/op.ts";
import type { Location } from "../ir/mod.ts";
import { type Dim, eq, evaluate, isSym, type Sym } from "../sym/mod.ts";
import type { Meta } from "../tensor/mod.ts";
import type { Assignment, Symbols } from "./symbols.ts";

/** A condition on sizes that an operator needs. */
export type Guard =
  | { readonly kind: "equal"; readonly left: Sym; readonly right: Dim }
  | { readonly kind: "multiple"; readonly size: Sym; readonly of: number };

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
  const holds = (values: Assignment): boolean => {
    try {
      return agrees(metas.apply(op, concrete(args, values) as BoundArgs), result, values);
    } catch (error) {
      if (error instanceof TypeError || error instanceof RangeError) return false;
      throw error;
    }
  };
  const other = symbols.otherValues(names);
  if (holds(other)) return;
  const guard = conditionFor(free, [...sizes.values()], other, symbols, holds);
  const shown = guard === null
    ? `${op.name} does not work at other sizes than the example's`
    : guard.kind === "equal"
    ? `${op.name} needs ${guard.left} = ${guard.right}`
    : `${op.name} needs ${guard.size} to be a multiple of ${guard.of}`;
  throw new GuardError(guard, shown);
}

/** The first condition that makes a call work at sizes which fulfil it, and no others. */
function conditionFor(
  free: readonly Sym[],
  all: readonly Dim[],
  other: Assignment,
  symbols: Symbols,
  holds: (values: Assignment) => boolean,
): Guard | null {
  const isPlain = (size: Dim): size is Sym => isSym(size) && size.node.op === "symbol";
  for (const left of free.filter(isPlain)) {
    for (const right of all) {
      if (eq(left, right) === true || symbols.hintOf(left) !== symbols.hintOf(right)) continue;
      if (isSym(right) && right.symbols().has(left.key)) continue;
      const values = new Map(other);
      values.set(left.key, Number(evaluate(right, other)));
      if (holds(values)) return { kind: "equal", left, right };
    }
  }
  for (const size of free.filter(isPlain)) {
    const hint = Number(symbols.hintOf(size));
    for (let n = 2; n <= Math.min(LARGEST_DIVISOR, hint); n++) {
      if (hint % n !== 0) continue;
      const values = new Map(other);
      values.set(size.key, (Math.ceil(other.get(size.key)! / n)) * n);
      if (holds(values)) return { kind: "multiple", size, of: n };
    }
  }
  // No single condition: the size of the example it is, if that alone works.
  for (const size of free.filter(isPlain)) {
    const hint = symbols.hintOf(size);
    if (hint === null) continue;
    const values = new Map(other);
    values.set(size.key, Number(hint));
    if (holds(values)) return { kind: "equal", left: size, right: Number(hint) };
  }
  return null;
}

/** Sizes and integers among the arguments, by their text. */
function collect(value: unknown, into: Map<string, Dim>): void {
  if (isSym(value)) { if (value.kind === "int") into.set(value.key, value); }
  else if (typeof value === "number" && Number.isSafeInteger(value)) into.set(String(value), value);
  else if (Array.isArray(value)) { for (const item of value) collect(item, into); }
  else if (isMeta(value)) { for (const size of value.shape) collect(size, into); }
  else if (isPlainObject(value)) { for (const item of Object.values(value)) collect(item, into); }
}

function isMeta(x: unknown): x is Meta {
  return typeof x === "object" && x !== null && "dtype" in x && "shape" in x;
}

function isPlainObject(x: unknown): x is Record<string, unknown> {
  return typeof x === "object" && x !== null && Object.getPrototypeOf(x) === Object.prototype;
}

/** The same arguments with numbers for symbols. */
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
