/**
 * Functions of the language itself. Most are run as they are; those that change a container tell the journal, and those that
 * would look at a symbolic number, or ask a callback for a truth, are followed or refused.
 */
import { TensorBase } from "../base.ts";
import { SymbolicNumber, SymBool } from "../symbolic.ts";
import { describe, math, Unfollowed } from "./arithmetic.ts";
import type { Callable, Place } from "./refusal.ts";
import type { Runtime } from "./runtime.ts";

/** A function of the language under capture. */
type Native = (runtime: Runtime, place: Place, self: unknown, args: readonly unknown[], fn: Callable) => unknown;

const plain: Native = (runtime, _place, self, args, fn) => runtime.journal.born(apply(fn, self, args));

/** Runs a function that changes its `this`. */
const changing: Native = (runtime, _place, self, args, fn) => {
  if (typeof self === "object" && self !== null) runtime.journal.touch(self);
  return apply(fn, self, args);
};

/** Runs a function that is given one to call. */
const calling: Native = (runtime, _place, self, args, fn) =>
  runtime.journal.born(apply(fn, self, args.map((arg) => runtime.callable(arg))));

/** Runs a function that takes the truth of what a callback gives. */
const asking: Native = (runtime, place, self, [test, ...args], fn) => {
  const asked = runtime.callable(test);
  if (typeof asked !== "function") return apply(fn, self, [test, ...args]);
  const given = function (this: unknown, ...items: unknown[]): boolean {
    const truth = runtime.truth(Reflect.apply(asked, this, items), place);
    if (typeof truth === "boolean") return truth;
    throw new Unfollowed(
      `Array.prototype.${fn.name} by a condition that only a run decides: how many elements it keeps is not known`,
      "Keep all elements and choose with torch.where, or use a mask",
    );
  };
  return runtime.journal.born(apply(fn, self, [given, ...args]));
};

/** `some` and `every` of conditions that only a run decides. */
function quantifier(isAll: boolean): Native {
  return (runtime, place, self, [test]) => {
    const asked = runtime.callable(test) as Callable;
    const items = [...self as unknown[]];
    const from = (i: number): unknown => {
      if (i >= items.length) return isAll;
      const one = apply(asked, undefined, [items[i], i, self]);
      return runtime.logical(place, isAll, one, () => from(i + 1), null, true);
    };
    return from(0);
  };
}

/** Runs a function that compares its argument with what a container holds: symbolic numbers are never the same to it. */
const comparing: Native = (runtime, place, self, args, fn) => {
  const [wanted] = args;
  const held = Array.isArray(self) && typeof wanted === "number" && self.some((item) => item instanceof SymbolicNumber);
  if (wanted instanceof SymbolicNumber || held) {
    throw new Unfollowed(
      `${fn.name} compares a number that only a run tells`,
      "Compare with === in a loop, or keep such numbers in tensors",
    );
  }
  return changing(runtime, place, self, args, fn);
};

/** Runs a function that makes a text of its argument, or of what an array holds. */
const printing: Native = (runtime, place, self, args, fn) => {
  const [value] = args;
  const holds = (x: unknown): boolean =>
    x instanceof SymbolicNumber || typeof x === "object" && x !== null && Object.values(x).some(holds);
  if (Array.isArray(self) && self.some(holds) || holds(value)) {
    throw new Unfollowed(
      `${fn.name} makes a text of a number that is not known while the model is captured`,
      "Use texts for what is constant: keys and names",
    );
  }
  return plain(runtime, place, self, args, fn);
};

const sorting: Native = (runtime, place, self, [compare, ...rest], fn) => {
  const asked = runtime.callable(compare);
  const hidden = (x: unknown): boolean => x instanceof SymbolicNumber;
  const wayOut = "Stack them into a tensor and use torch.sort";
  const message = "Sorting by numbers that only a run tells";
  if (typeof asked !== "function") {
    if (Array.isArray(self) && self.some(hidden)) throw new Unfollowed(message, wayOut);
    return changing(runtime, place, self, [compare, ...rest], fn);
  }
  const given = (...items: unknown[]): unknown => {
    const order = apply(asked as Callable, undefined, items);
    if (hidden(order)) throw new Unfollowed(message, wayOut);
    return order;
  };
  return changing(runtime, place, self, [given, ...rest], fn);
};

/** A function of numbers that symbolic ones can be given to, by what it means for them. */
function ofNumber(name: string, rule: (x: SymbolicNumber, runtime: Runtime, place: Place) => unknown): Native {
  return (runtime, place, self, args, fn) => {
    const [x] = args;
    if (!(x instanceof SymbolicNumber)) return plain(runtime, place, self, args, fn);
    const result = rule(x, runtime, place);
    if (result !== undefined) return result;
    throw new Unfollowed(`${name} of ${describe(x)}`, "Compute it with tensors");
  };
}

const isInt = (x: SymbolicNumber): boolean => x.expr.kind === "int";

const ARRAY = Array.prototype, MAP = Map.prototype, SET = Set.prototype;

const RULES: ReadonlyMap<unknown, Native> = new Map<unknown, Native>([
  ...[ARRAY.push, ARRAY.unshift, ARRAY.pop, ARRAY.shift, ARRAY.reverse].map((f) => [f, changing] as const),
  ...[ARRAY.splice, ARRAY.fill, ARRAY.copyWithin].map((f) => [f, changing] as const),
  ...[MAP.set, MAP.clear, SET.add, SET.clear].map((f) => [f, changing] as const),
  ...[ARRAY.map, ARRAY.forEach, ARRAY.reduce, ARRAY.reduceRight, ARRAY.flatMap].map((f) => [f, calling] as const),
  ...[MAP.forEach, SET.forEach, Array.from].map((f) => [f, calling] as const),
  ...[ARRAY.filter, ARRAY.find, ARRAY.findIndex, ARRAY.findLast, ARRAY.findLastIndex].map((f) => [f, asking] as const),
  [ARRAY.some, quantifier(false)],
  [ARRAY.every, quantifier(true)],
  ...[ARRAY.includes, ARRAY.indexOf, ARRAY.lastIndexOf].map((f) => [f, comparing] as const),
  ...[MAP.get, MAP.has, MAP.delete, SET.has, SET.delete].map((f) => [f, comparing] as const),
  ...[ARRAY.sort, ARRAY.toSorted].map((f) => [f, sorting] as const),
  [Object.assign, (runtime, _place, self, args, fn) => {
    const [target] = args;
    if (typeof target === "object" && target !== null) runtime.journal.touch(target);
    return apply(fn, self, args);
  }],
  ...[ARRAY.join, ARRAY.toString, ARRAY.toLocaleString, JSON.stringify].map((f) => [f, printing] as const),
  [Boolean, (runtime, place, self, args, fn) => {
    const truth = runtime.truth(args[0], place);
    return typeof truth === "boolean" ? apply(fn, self, [truth]) : runtime.truthValue(truth);
  }],
  [Number, ofNumber("Number", (x) => x instanceof SymBool ? undefined : x)],
  [BigInt, ofNumber("BigInt", () => undefined)],
  [Number.isInteger, ofNumber("Number.isInteger", (x) => isInt(x) ? true : undefined)],
  [Number.isSafeInteger, ofNumber("Number.isSafeInteger", (x) => isInt(x) ? true : undefined)],
  [Number.isFinite, ofNumber("Number.isFinite", (x) => isInt(x) ? true : undefined)],
  [Number.isNaN, ofNumber("Number.isNaN", (x) => isInt(x) ? false : undefined)],
  [isNaN, ofNumber("isNaN", (x) => isInt(x) ? false : undefined)],
  [isFinite, ofNumber("isFinite", (x) => isInt(x) ? true : undefined)],
  [parseInt, ofNumber("parseInt", (x, runtime) => isInt(x) ? x : math("trunc", [x], runtime.ranges))],
  [String, ofNumber("String", () => undefined)],
  [
    Function.prototype.call,
    (runtime, place, self, [receiver, ...args]) => runtime.invoke(place, self as Callable, receiver, args),
  ],
  [
    Function.prototype.apply,
    (runtime, place, self, [receiver, args]) =>
      runtime.invoke(place, self as Callable, receiver, [...(args as unknown[] | undefined) ?? []]),
  ],
  [
    Reflect.apply,
    (runtime, place, _self, [target, receiver, args]) =>
      runtime.invoke(place, target as Callable, receiver, [...args as unknown[]]),
  ],
  [
    Function.prototype.bind,
    (runtime, place, self, [receiver, ...first]) =>
      runtime.markRewritten((...args: unknown[]) =>
        runtime.invoke(place, self as Callable, receiver, [...first, ...args])
      ),
  ],
]);

/** Functions that only hand values on. */
const CARRIERS: ReadonlySet<unknown> = new Set<unknown>([
  ARRAY.concat,
  ARRAY.with,
  ARRAY.slice,
  Array.of,
  Array.isArray,
  Object.keys,
  Object.values,
  Object.entries,
  Object.fromEntries,
  Object.freeze,
  ...Object.values(console).filter((value) => typeof value === "function"),
]);

/** Functions of numbers that tell lengths or places: what they give would depend on the run. */
const MATH: ReadonlyMap<unknown, string> = new Map(
  Object.getOwnPropertyNames(Math).map((name) => [(Math as unknown as Record<string, unknown>)[name], name]),
);

/** Calls a function of the language. @throws {Unfollowed} where it can't be followed */
export function callNative(
  runtime: Runtime,
  place: Place,
  fn: Callable,
  self: unknown,
  args: readonly unknown[],
): unknown {
  const rule = RULES.get(fn);
  const isSymbolic = args.some((arg) => arg instanceof SymbolicNumber);
  const name = MATH.get(fn);
  if (name !== undefined && isSymbolic) return math(name, args, runtime.ranges);
  if (name !== undefined && args.some((arg) => arg instanceof TensorBase)) {
    throw new Unfollowed(`Math.${name} of a tensor`, `Use torch.${name}, or the tensor's item()`);
  }
  if (fn === (Array.from as unknown) && isSymbolicLength(args[0])) refuseLength();
  if (rule) return rule(runtime, place, self, args, fn);
  if (isSymbolic && !CARRIERS.has(fn)) {
    if (fn === (Array as unknown)) refuseLength();
    throw new Unfollowed(
      `${fn.name || "A function of the language"} is given ${
        describe(args.find((arg) => arg instanceof SymbolicNumber))
      }, which is not known while the model is captured`,
      "Compute it with tensors, or make it a constant",
    );
  }
  return plain(runtime, place, self, args, fn);
}

/** Refuses to construct what a symbolic number would size. @throws {Unfollowed} */
export function checkConstruction(fn: unknown, args: readonly unknown[]): void {
  if (fn === Array && args[0] instanceof SymbolicNumber) refuseLength();
  if (fn === Map || fn === Set || fn === Error || (typeof fn === "function" && fn.prototype instanceof Error)) return;
  if (args.some((arg) => arg instanceof SymbolicNumber)) {
    throw new Unfollowed(
      `new ${(fn as Callable).name} is given a number that only a run tells`,
      "Compute it with tensors, or make it a constant",
    );
  }
}

function isSymbolicLength(x: unknown): boolean {
  return typeof x === "object" && x !== null && (x as { length?: unknown }).length instanceof SymbolicNumber;
}

function refuseLength(): never {
  throw new Unfollowed(
    "An array whose length only a run tells",
    "Use a tensor (torch.zeros, torch.arange), or push to an array in a loop and stack it",
  );
}

function apply(fn: Callable, self: unknown, args: readonly unknown[]): unknown {
  return Reflect.apply(fn as (...args: unknown[]) => unknown, self, args);
}
