/** `$`: what rewritten code calls. One for each function, so that it knows where its sites are. */
import { TensorBase } from "../base.ts";
import { SymbolicNumber } from "../symbolic.ts";
import { describe, negation, unary, Unfollowed } from "./arithmetic.ts";
import { type Completion, Exit, type State } from "./completion.ts";
import { checkUsable, poisonOf } from "./poison.ts";
import { type Callable, markThrown, type Place, refusal, UnreadFunction } from "./refusal.ts";
import type { Runtime } from "./runtime.ts";
import { tailOf } from "./tails.ts";
import { Fx2OnnxError } from "../../ir/mod.ts";

type Thunk<T = unknown> = () => T;
type MaybeState = State | null;

/** The runtime as one rewritten function sees it. */
export class Calls {
  private readonly runtime: Runtime;
  private readonly place: (site: number) => Place;

  /** @param place where a site is */
  constructor(runtime: Runtime, place: (site: number) => Place) {
    this.runtime = runtime;
    this.place = place;
  }

  // Statements.

  if(
    site: number,
    condition: unknown,
    yes: Thunk<Completion>,
    no: Thunk<Completion> | null,
    state: MaybeState,
    restState: MaybeState,
    rest: Thunk<Completion> | null,
  ): Completion {
    return this.runtime.ifElse(this.place(site), condition, yes, no, state, restState, rest);
  }

  then(site: number, completion: Completion, state: MaybeState, rest: Thunk<Completion> | null): Completion {
    return rest ? this.runtime.branches.then(this.place(site), completion, state, rest) : completion;
  }

  loop(
    site: number,
    id: number,
    test: Thunk | null,
    update: Thunk<void> | null,
    body: Thunk<Completion>,
    state: MaybeState,
  ): Completion {
    const place = this.place(site);
    return this.runtime.locate(place, () => this.runtime.loops.run({ place, id, test, update, body, state }));
  }

  doWhile(site: number, id: number, body: Thunk<Completion>, test: Thunk, state: MaybeState): Completion {
    const place = this.place(site);
    const loop = { place, id, test, update: null, body, state };
    return this.runtime.locate(place, () => this.runtime.loops.doWhile(loop));
  }

  forOf(site: number, id: number, items: unknown, body: (item: unknown) => Completion, state: MaybeState): Completion {
    const place = this.place(site);
    checkUsable(items, place);
    this.runtime.checkIterable(place, items);
    return this.runtime.locate(place, () => this.runtime.loops.forOf(place, id, items, body, state));
  }

  forIn(site: number, id: number, object: unknown, body: (key: unknown) => Completion, state: MaybeState): Completion {
    const place = this.place(site);
    checkUsable(object, place);
    return this.runtime.locate(place, () => this.runtime.loops.forIn(place, id, object, body, state));
  }

  label(id: number, body: Thunk<Completion>): Completion {
    return this.runtime.loops.label(id, body());
  }

  switch(
    site: number,
    id: number,
    value: unknown,
    cases: readonly (readonly [Thunk | null, Thunk<Completion>])[],
    state: MaybeState,
  ): Completion {
    const place = this.place(site);
    checkUsable(value, place);
    return this.runtime.locate(place, () => this.runtime.loops.choose(place, id, value, cases, state));
  }

  try(
    site: number,
    block: Thunk<Completion>,
    handler: ((error: unknown) => Completion) | null,
    finalizer: Thunk<Completion> | null,
  ): Completion {
    void site;
    let completion: Completion;
    try {
      completion = this.runtime.tried(block);
    } catch (error) {
      // What capture itself throws is not the program's to catch.
      if (error instanceof UnreadFunction || error instanceof Fx2OnnxError || error instanceof Unfollowed) throw error;
      if (!handler) {
        finalizer?.();
        throw error;
      }
      completion = handler(error);
    }
    return finalizer?.() ?? completion;
  }

  thrown(_site: number, error: unknown): unknown {
    return markThrown(error);
  }

  ret(value: unknown): Completion {
    return Exit.of("return", value);
  }

  brk(id: number): Completion {
    return Exit.of(`break ${id}`);
  }

  cont(id: number): Completion {
    return Exit.of(`continue ${id}`);
  }

  /** What a function whose statements may be left early returns. */
  body(site: number, statements: Thunk<Completion>): unknown {
    const completion = statements();
    if (completion === undefined) return undefined;
    if (completion.sure !== "return") {
      const taken = this.runtime.branches.isTaken(completion, this.place(site));
      if (taken === false) return undefined;
      if (taken !== true) {
        throw refusal(
          "A function returns a value one way, and nothing the other, by a condition that only a run decides",
          this.place(site),
          "End the function with a return of its own",
        );
      }
    }
    return completion.value;
  }

  // Expressions.

  op(site: number, operator: string, a: unknown, b: unknown): unknown {
    if (typeof a === "number" && typeof b === "number" && operator === "+") return a + b;
    return this.runtime.arithmetic(this.place(site), operator, a, b);
  }

  unary(site: number, operator: string, a: unknown): unknown {
    const place = this.place(site);
    checkUsable(a, place);
    if (a instanceof SymbolicNumber) return this.runtime.locate(place, () => unary(operator, a));
    if (a instanceof TensorBase) {
      throw refusal(`The operator ${operator} on a tensor`, place, "Use the method: x.neg(), x.bitwiseNot()");
    }
    const x = a as number;
    return operator === "-" ? -x : operator === "+" ? +x : ~x;
  }

  step(site: number, a: unknown, by: 1 | -1): unknown {
    if (typeof a === "bigint") return a + BigInt(by);
    if (typeof a === "number") return a + by;
    return this.runtime.arithmetic(this.place(site), by > 0 ? "+" : "-", a, 1);
  }

  stepAt(site: number, object: unknown, key: PropertyKey, by: 1 | -1, isPrefix: boolean): unknown {
    const before = this.get(site, object, key);
    const after = this.step(site, before, by);
    this.set(site, object, key, after);
    return isPrefix ? after : before;
  }

  first(value: unknown, _assigned: unknown): unknown {
    return value;
  }

  not(site: number, a: unknown): unknown {
    const place = this.place(site);
    checkUsable(a, place);
    if (a instanceof SymbolicNumber) return negation(a.expr);
    if (!(a instanceof TensorBase)) return !a;
    const truth = this.runtime.truth(a, place);
    if (typeof truth === "boolean") return !truth;
    return this.not(site, this.runtime.truthValue(truth));
  }

  typeof(a: unknown): string {
    checkUsable(a, this.runtime.here);
    if (!(a instanceof SymbolicNumber)) return typeof a;
    return a.expr.kind === "bool" ? "boolean" : "number";
  }

  and(site: number, a: unknown, b: Thunk, state: MaybeState, isCondition: boolean): unknown {
    return this.runtime.logical(this.place(site), true, a, b, state, isCondition);
  }

  or(site: number, a: unknown, b: Thunk, state: MaybeState, isCondition: boolean): unknown {
    return this.runtime.logical(this.place(site), false, a, b, state, isCondition);
  }

  choose(site: number, condition: unknown, yes: Thunk, no: Thunk, state: MaybeState): unknown {
    return this.runtime.choose(this.place(site), condition, yes, no, state);
  }

  text(site: number, value: unknown): unknown {
    return this.runtime.text(this.place(site), value);
  }

  /** A value in a text that only people read. */
  show(_site: number, value: unknown): unknown {
    if (poisonOf(value)) return "?";
    return value instanceof SymbolicNumber ? String(value) : value;
  }

  // Properties.

  get(site: number, object: unknown, key: PropertyKey): unknown {
    if (typeof object !== "object" && typeof object !== "function" || object === null) {
      return (object as Record<PropertyKey, unknown>)[key];
    }
    const place = this.place(site);
    checkUsable(object, place);
    if (object instanceof SymbolicNumber) {
      throw refusal(
        `The property ${String(key)} of ${describe(object)}`,
        place,
        "Compute with it, or use it as a size",
      );
    }
    const tail = tailOf(object);
    if (tail && key === "length") {
      return this.runtime.arithmetic(place, "+", (object as unknown[]).length, tail.count);
    }
    const isIndex = (key as unknown) instanceof SymbolicNumber || typeof key === "number";
    if (tail && isIndex) return this.runtime.loops.element(tail, object as unknown[], key);
    this.checkKey(place, object, key);
    const getter = accessor(object, key)?.get;
    if (getter) return this.runtime.invoke(place, getter as Callable, object, []);
    return (object as Record<PropertyKey, unknown>)[key];
  }

  set(site: number, object: unknown, key: PropertyKey, value: unknown): unknown {
    const place = this.place(site);
    checkUsable(object, place);
    this.checkKey(place, object, key);
    if (typeof object !== "object" && typeof object !== "function" || object === null) {
      (object as unknown as Record<PropertyKey, unknown>)[key] = value;
      return value;
    }
    const setter = accessor(object, key)?.set;
    if (setter) this.runtime.invoke(place, setter as Callable, object, [value]);
    else {
      this.runtime.journal.touch(object);
      (object as Record<PropertyKey, unknown>)[key] = value;
    }
    return value;
  }

  setBy(site: number, object: unknown, key: PropertyKey, operator: string, value: Thunk, state: MaybeState): unknown {
    const before = this.get(site, object, key);
    switch (operator) {
      case "??":
        return before ?? this.set(site, object, key, value());
      case "&&":
        return this.set(site, object, key, this.and(site, before, value, state, false));
      case "||":
        return this.set(site, object, key, this.or(site, before, value, state, false));
    }
    return this.set(site, object, key, this.op(site, operator, before, value()));
  }

  delete(site: number, object: unknown, key: PropertyKey): boolean {
    const place = this.place(site);
    checkUsable(object, place);
    this.checkKey(place, object, key);
    this.runtime.journal.touch(object as object);
    return delete (object as Record<PropertyKey, unknown>)[key];
  }

  /** A property as the target of a destructuring assignment. */
  target(site: number, object: unknown, key: PropertyKey): { value: unknown } {
    const read = (): unknown => this.get(site, object, key);
    const write = (value: unknown): unknown => this.set(site, object, key, value);
    return {
      get value(): unknown {
        return read();
      },
      set value(value: unknown) {
        write(value);
      },
    };
  }

  /** The name of a property in an object that is written down. */
  name(site: number, key: PropertyKey): PropertyKey {
    this.checkKey(this.place(site), null, key);
    return key;
  }

  private checkKey(place: Place, object: unknown, key: unknown): void {
    if (!((key as unknown) instanceof SymbolicNumber)) {
      checkUsable(key, place);
      return;
    }
    throw refusal(
      `${Array.isArray(object) ? "An element" : "A property"} whose place is ${
        describe(key)
      }, which is not known while the model is captured`,
      place,
      Array.isArray(object) ? "Stack the tensors and take the element with .at(i) or .select(0, i)" : "Use a constant",
    );
  }

  // Calls.

  call(site: number, fn: unknown, args: readonly unknown[]): unknown {
    const place = this.place(site);
    checkUsable(fn, place);
    if (typeof fn !== "function") throw new TypeError(`What is called (line ${place.line}) is no function`);
    return this.runtime.invoke(place, fn as Callable, undefined, args);
  }

  apply(site: number, fn: unknown, self: unknown, args: readonly unknown[]): unknown {
    return this.runtime.invoke(this.place(site), fn as Callable, self, args);
  }

  method(site: number, object: unknown, key: PropertyKey, args: readonly unknown[]): unknown {
    const place = this.place(site);
    const isPush = key === "push" && (poisonOf(object)?.allowsPush ?? false);
    if (object instanceof SymbolicNumber) {
      throw refusal(`The method ${String(key)} of ${describe(object)}`, place, "Compute with it, or use it as a size");
    }
    const fn = isPush ? Array.prototype.push : tailOf(object) ? (object as never)[key] : this.get(site, object, key);
    if (typeof fn !== "function") {
      throw new TypeError(`${String(key)} (line ${place.line}) is not a function`);
    }
    return this.runtime.invoke(place, fn as Callable, object, args);
  }

  new(site: number, constructor: unknown, args: readonly unknown[]): unknown {
    const place = this.place(site);
    if (typeof constructor !== "function") throw new TypeError(`What is constructed (line ${place.line}) is no class`);
    return this.runtime.construct(place, constructor as Callable, args);
  }

  parent(site: number, constructor: unknown): unknown {
    return this.runtime.parent(this.place(site), constructor);
  }

  /** Marks a function that stands in rewritten code. */
  fn<F>(fn: F): F {
    return this.runtime.markRewritten(fn);
  }

  /** Marks a class that stands in rewritten code, with its methods. */
  cls<C>(constructor: C): C {
    this.runtime.markRewritten(constructor);
    const { prototype } = constructor as { prototype: object };
    for (const owner of [constructor as object, prototype]) this.obj(owner);
    return constructor;
  }

  /** Marks the methods and accessors of an object that stands in rewritten code. */
  obj<O extends object>(object: O): O {
    for (const key of Reflect.ownKeys(object)) {
      const { value, get, set } = Object.getOwnPropertyDescriptor(object, key)!;
      for (const fn of [value, get, set]) {
        // A class's constructor property is itself, and a method is no class.
        if (typeof fn === "function" && key !== "constructor" && key !== "prototype") this.runtime.markOwn(fn);
      }
    }
    return this.runtime.journal.born(object);
  }

  // Taking values apart.

  /** What a spread or an array pattern takes its items from. */
  items(site: number, value: unknown): unknown {
    const place = this.place(site);
    checkUsable(value, place);
    this.runtime.checkIterable(place, value);
    if (tailOf(value)) {
      throw refusal(
        "An array that a loop filled, whose length only a run tells, is spread or taken apart",
        place,
        "Use torch.stack or torch.cat of it",
      );
    }
    if (value instanceof TensorBase && typeof value.shape[0] === "object") {
      throw refusal(
        `A tensor whose first size (${value.shape[0]}) is not known while the model is captured is taken apart`,
        place,
        "Loop over it, or make the size static",
      );
    }
    return value;
  }

  /** What an object pattern or an object spread takes its properties from. */
  fields(site: number, value: unknown): unknown {
    const place = this.place(site);
    checkUsable(value, place);
    if (typeof value !== "object" || value === null) return value;
    for (let at = Object.getPrototypeOf(value); at && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
      for (const [name, { get }] of Object.entries(Object.getOwnPropertyDescriptors(at as object))) {
        if (!get || !this.runtime.library.isUsers(get as Callable)) continue;
        throw refusal(`An object with a getter (${name}) is taken apart`, place, `Read value.${name} by itself`);
      }
    }
    return value;
  }

  /** An item of a loop. */
  from(value: unknown): unknown {
    return value;
  }
}

/** The accessor that a property is, on an object or on what it inherits from. */
function accessor(object: object, key: PropertyKey): PropertyDescriptor | undefined {
  for (let at: object | null = object; at; at = Object.getPrototypeOf(at)) {
    const property = Object.getOwnPropertyDescriptor(at, key);
    if (property) return property.get || property.set ? property : undefined;
  }
  return undefined;
}
