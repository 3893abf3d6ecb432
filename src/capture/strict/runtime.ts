/**
 * What rewritten code asks: the truth of conditions, the meaning of operators and calls. Where everything is known, all is as
 * JavaScript has it; what only a run tells is recorded, or decided as the strategy says.
 */
import type { CaptureError } from "../../ir/mod.ts";
import { isSym, Ranges } from "../../sym/mod.ts";
import type { Tracer } from "../../trace/tracer.ts";
import { TensorBase, type TensorValue } from "../base.ts";
import { Tensor } from "../tensor.ts";
import { fromExpression, SymbolicNumber } from "../symbolic.ts";
import { binary, describe, isComparison, truthExpression, Unfollowed } from "./arithmetic.ts";
import { Branches, type Undecided } from "./branches.ts";
import { type Completion, Exit, type State } from "./completion.ts";
import { contentsOf, Journal } from "./journal.ts";
import { Leaves } from "./leaves.ts";
import { Loops } from "./loops.ts";
import { isContainer } from "./merge.ts";
import { callNative, checkConstruction } from "./natives.ts";
import { METHODS, plainBinary } from "./operators.ts";
import { checkUsable } from "./poison.ts";
import type { Library } from "./prepare.ts";
import type { Subject } from "../subject.ts";
import { type Callable, type Place, refusal } from "./refusal.ts";
import { tailOf } from "./tails.ts";
import type { Comparison } from "./turn.ts";

/** What a strategy does about conditions that only a run decides. */
export interface Policy {
  /** `non-strict`, `strict`, … */
  readonly strategy: string;
  /**
   * The way that is taken; null records both.
   *
   * @param nth how many conditions were asked before
   * @throws {CaptureError} where the strategy refuses
   */
  decide(condition: Undecided, place: Place, nth: number): boolean | null;
  /** Told of conditions that need no decision. */
  known?(truth: boolean, place: Place): void;
  /** What `item()` gives, where that is not what is recorded. */
  item?(tensor: TensorBase, compute: () => unknown, place: Place): unknown;
  /** Whether conditions that only a run decides, and loops over dynamic sizes, are recorded. */
  readonly records: boolean;
  /** Told of what a user should know. */
  warn(message: string, place: Place): void;
}

/** One capture. */
export class Runtime {
  /** What records; null where everything is computed. */
  readonly tracer: Tracer | null;
  readonly policy: Policy;
  readonly library: Library;
  readonly journal: Journal = new Journal();
  readonly leaves: Leaves;
  readonly branches: Branches;
  readonly loops: Loops;
  /** Whether a condition looked at something symbolic since this was last set to false. */
  sawSymbolic = false;
  private readonly item: unknown = (Tensor.prototype as { item: unknown }).item;
  /** The last comparison that was made, for loops that count. */
  lastComparison: Comparison | null = null;
  /** A tensor for a value of the graph. */
  readonly wrap: (value: TensorValue) => TensorBase;
  private readonly rewritten: WeakSet<object> = new WeakSet();
  private readonly graphs: Map<string, number> = new Map();

  constructor(
    tracer: Tracer | null,
    policy: Policy,
    library: Library,
    wrap: (value: TensorValue) => TensorBase,
  ) {
    this.tracer = tracer;
    this.policy = policy;
    this.library = library;
    this.wrap = wrap;
    this.leaves = new Leaves(tracer!, wrap);
    const host = {
      tracer: tracer!,
      journal: this.journal,
      leaves: this.leaves,
      truth: (value: unknown, place: Place) => this.truth(value, place),
      graphName: (kind: string) => this.graphName(kind),
      assertion: (condition: Undecided, holds: boolean, error: unknown, place: Place) =>
        this.assertion(condition, holds, error, place),
    };
    this.branches = new Branches(host);
    this.loops = new Loops(host, this);
  }

  /** Bounds of the symbols. */
  get ranges(): Ranges {
    return this.tracer?.symbols.ranges ?? Ranges.none;
  }

  private graphName(kind: string): string {
    const n = this.graphs.get(kind) ?? 0;
    this.graphs.set(kind, n + 1);
    return `${kind}_${n}`;
  }

  /** The truth of a value, as a condition has it; what only a run decides is returned. */
  truth(value: unknown, place: Place): boolean | Undecided {
    const truth = this.truthOf(value, place);
    this.asked++;
    if (typeof truth === "boolean") {
      this.policy.known?.(truth, place);
      return truth;
    }
    return this.policy.decide(truth, place, this.asked - 1) ?? truth;
  }

  /** How many conditions were asked for their truth. */
  private asked = 0;

  private truthOf(value: unknown, place: Place): boolean | Undecided {
    checkUsable(value, place);
    if (value instanceof SymbolicNumber) {
      this.sawSymbolic = true;
      const expr = truthExpression(value.expr);
      return this.tracer!.truth(expr) ?? expr;
    }
    if (!(value instanceof TensorBase)) return Boolean(value);
    return this.truthOfTensor(value, place);
  }

  private truthOfTensor(tensor: TensorBase, place: Place): boolean | Undecided {
    const { shape } = tensor.meta;
    if (shape.some((size) => size !== 1)) {
      throw refusal(
        `The truth of a tensor of shape [${shape.join(", ")}] is not one truth`,
        place,
        "Use .any().item() or .all().item()",
      );
    }
    this.policy.warn(
      "A tensor is used as a condition; outside of capture JavaScript takes every tensor for true: write .item()",
      place,
    );
    const known = Leaves.concrete(tensor);
    // As PyTorch has it, where NaN is true: no number of JavaScript's is asked for its truth here.
    if (known) return Number(known.item()) !== 0;
    this.sawSymbolic = true;
    return this.leaves.asCondition(this.tracer!.use(tensor.value));
  }

  /** A binary operator. */
  arithmetic(place: Place, operator: string, a: unknown, b: unknown): unknown {
    if (isComparison(operator)) this.lastComparison = { operator, left: a, right: b };
    if (a instanceof SymbolicNumber || b instanceof SymbolicNumber) {
      const isText = operator === "+" && (typeof a === "string" || typeof b === "string");
      if (isText) return this.text(place, a) as string + this.text(place, b);
      return this.locate(place, () => binary(operator, a, b, this.ranges));
    }
    const isObject = typeof a === "object" || typeof b === "object";
    if (isObject) {
      checkUsable(a, place);
      checkUsable(b, place);
      const isEquality = /^[!=]==?$/.test(operator);
      if (
        !isEquality && (a instanceof TensorBase || b instanceof TensorBase) && operator !== "in" &&
        operator !== "instanceof"
      ) {
        throw this.refusal(
          `The operator ${operator} on a tensor: JavaScript has no operators for objects`,
          place,
          `Use the method: ${METHODS[operator] ?? "of the tensor"}`,
        );
      }
    }
    return plainBinary(operator, a, b);
  }

  /** A value as a part of a text. */
  text(place: Place, value: unknown): unknown {
    checkUsable(value, place);
    if (!(value instanceof SymbolicNumber)) return value;
    throw this.refusal(
      `A text with ${describe(value)}, which is not known while the model is captured`,
      place,
      "Use texts for what is constant: keys and names",
    );
  }

  /** A truth that only a run decides as a value. */
  truthValue(condition: Undecided): unknown {
    return isSym(condition) ? fromExpression(condition) : fromExpression(this.leaves.item(condition));
  }

  /** An `if` statement, with what follows it in its list. */
  ifElse(
    place: Place,
    condition: unknown,
    yes: () => Completion,
    no: (() => Completion) | null,
    state: State | null,
    restState: State | null,
    rest: (() => Completion) | null,
  ): Completion {
    const truth = this.truth(condition, place);
    if (typeof truth === "boolean") {
      const completion = truth ? yes() : no?.();
      return rest ? this.branches.then(place, completion, restState, rest) : completion;
    }
    const other = no ?? (() => undefined);
    return this.locate(place, () => this.branches.run(place, truth, [yes, other], state, restState, rest));
  }

  /** `condition ? yes() : no()`. */
  choose(place: Place, condition: unknown, yes: () => unknown, no: () => unknown, state: State | null): unknown {
    const truth = this.truth(condition, place);
    if (typeof truth === "boolean") return truth ? yes() : no();
    const way = (side: () => unknown) => (): Completion => Exit.of("return", side());
    return this.locate(place, () => {
      const completion = this.branches.run(place, truth, [way(yes), way(no)], state, null, null);
      return completion?.value;
    });
  }

  /** `a && b()`, or `a || b()`. */
  logical(
    place: Place,
    isAnd: boolean,
    a: unknown,
    b: () => unknown,
    state: State | null,
    isCondition: boolean,
  ): unknown {
    const truth = this.truth(a, place);
    if (typeof truth === "boolean") return truth === isAnd ? b() : a;
    // What only counts as a truth is made one, so that the ways agree.
    const asTruth = (x: unknown): unknown => {
      if (!isCondition && !(x instanceof TensorBase)) return x;
      const known = this.truth(x, place);
      return typeof known === "boolean" ? known : this.truthValue(known);
    };
    const rest = (): Completion => Exit.of("return", asTruth(b()));
    const self = (): Completion => Exit.of("return", isCondition || a instanceof TensorBase ? !isAnd : a);
    return this.locate(place, () => {
      const completion = this.branches.run(place, truth, isAnd ? [rest, self] : [self, rest], state, null, null);
      return completion?.value;
    });
  }

  /** Marks a function as rewritten: it is called as it is. */
  markRewritten<F>(fn: F): F {
    if (typeof fn === "function") this.rewritten.add(fn);
    return fn;
  }

  /** @throws {CaptureError} if what a loop or a spread takes its items from is code of the user's */
  checkIterable(place: Place, value: unknown): void {
    if (typeof value !== "object" || value === null) return;
    const iterate = (value as { [Symbol.iterator]?: unknown })[Symbol.iterator];
    if (typeof iterate !== "function" || !this.rewritten.has(iterate) && !this.library.isUsers(iterate as Callable)) {
      return;
    }
    throw this.refusal(
      `An object of class ${value.constructor.name} with an iterator of its own`,
      place,
      "Give its items as an array",
    );
  }

  /** Marks a method that stands in rewritten code; one that is known as the user's keeps its own form. */
  markOwn(fn: object): void {
    this.rewritten.add(fn);
  }

  /** How deep the program's `try` blocks are nested. */
  private depth = 0;

  /** Runs the block of a `try`. */
  tried(block: () => Completion): Completion {
    this.depth++;
    try {
      return block();
    } finally {
      this.depth--;
    }
  }

  /** A function that native code, or this library's, may call: one of the user's is rewritten. */
  callable(fn: unknown): unknown {
    if (typeof fn !== "function" || this.rewritten.has(fn) || !this.library.isUsers(fn as Callable)) return fn;
    const invoke = (self: unknown, args: readonly unknown[]): unknown =>
      this.invoke(this.here, fn as Callable, self, args);
    return this.markRewritten(function (this: unknown, ...args: unknown[]): unknown {
      return invoke(this, args);
    });
  }

  /** The place of the last call. */
  here: Place = { file: "", line: 0, code: "" };

  /** Runs a model: its functions, and those of the modules that it calls, in their rewritten form. */
  run(place: Place, { model, forward }: Subject, args: readonly unknown[]): unknown {
    const { tracer } = this;
    if (tracer) tracer.follow = (fn) => this.callable(fn) as typeof fn;
    const result = typeof model === "function"
      ? this.invoke(place, forward as Callable, undefined, args)
      : this.invoke(place, model.call as Callable, model, args);
    checkResult(result);
    return result;
  }

  /** Calls a function. */
  invoke(place: Place, fn: Callable, self: unknown, args: readonly unknown[]): unknown {
    this.here = place;
    for (const arg of args) checkUsable(arg, place);
    if (this.rewritten.has(fn)) return Reflect.apply(fn as Callable, self, args as never[]);
    const unit = this.library.unitOf(fn);
    if (unit === "native") {
      const tail = tailOf(self) ?? args.map(tailOf).find((one) => one !== undefined);
      if (tail) return this.locate(place, () => this.onTail(fn, self, args));
      return this.locate(place, () => callNative(this, place, fn, self, args));
    }
    if (unit === "library") {
      const given = args.map((arg) => this.callable(arg));
      return this.locate(place, () => {
        if (args.some((arg) => tailOf(arg))) return this.libraryOnTail(fn, args);
        if (this.policy.item && fn === this.item && self instanceof TensorBase) {
          return this.policy.item(self, () => Reflect.apply(fn, self, []), place);
        }
        return this.journal.born(Reflect.apply(fn as Callable, self, given as never[]));
      });
    }
    unit.check(place);
    return Reflect.apply(unit.compiled(this, self, place), self, args as never[]);
  }

  /** Constructs an object. */
  construct(place: Place, constructor: Callable, args: readonly unknown[]): unknown {
    this.here = place;
    for (const arg of args) checkUsable(arg, place);
    const target = constructor as unknown as new (...args: never[]) => object;
    if (this.rewritten.has(constructor)) return this.journal.born(Reflect.construct(target, args as never[]));
    const unit = this.library.unitOf(constructor);
    if (unit === "native" || unit === "library") {
      return this.locate(place, () => {
        if (unit === "native") checkConstruction(constructor, args);
        return this.journal.born(Reflect.construct(target, args.map((arg) => this.callable(arg)) as never[]));
      });
    }
    unit.check(place);
    const compiled = unit.compiled(this, null, place) as unknown as new (...args: never[]) => object;
    return this.journal.born(Reflect.construct(compiled, args as never[], target));
  }

  /** A class that a rewritten class extends: rewritten too. */
  parent(place: Place, parent: unknown): unknown {
    if (typeof parent !== "function" || this.rewritten.has(parent)) return parent;
    const unit = this.library.unitOf(parent as Callable);
    if (typeof unit === "string") return parent;
    unit.check(place);
    return unit.compiled(this, null, place);
  }

  /** What a function of this library gives for an array that a loop filled. */
  private libraryOnTail(fn: Callable, [list, ...rest]: readonly unknown[]): unknown {
    const tail = tailOf(list);
    const how = fn.name === "stack" ? "stack" : /^(cat|concat|concatenate)$/.test(fn.name) ? "cat" : null;
    if (!tail || how === null || rest.some((arg) => tailOf(arg))) {
      throw new Unfollowed(
        "An array that a loop filled, whose length only a run tells, is used whole",
        "Use torch.stack or torch.cat of it",
      );
    }
    const [dim = 0] = rest;
    const axis = typeof dim === "object" && dim !== null ? (dim as { dim?: number }).dim ?? 0 : dim as number;
    return this.loops.joined(tail, list as TensorBase[], how, axis);
  }

  private onTail(fn: Callable, self: unknown, args: readonly unknown[]): unknown {
    const tail = tailOf(self);
    if (tail && Array.isArray(self) && fn === Array.prototype.at) return this.loops.element(tail, self, args[0]);
    throw new Unfollowed(
      `Array.prototype.${fn.name} of an array that a loop filled, whose length only a run tells`,
      "Use torch.stack or torch.cat of it",
    );
  }

  /** Runs `body`; what can't be followed in it is refused at a place. */
  locate<R>(place: Place, body: () => R): R {
    try {
      return body();
    } catch (error) {
      if (error instanceof Unfollowed) throw this.refusal(error.message, place, error.wayOut);
      throw error;
    }
  }

  /** A refusal of this strategy's. */
  refusal(fact: string, place: Place, wayOut: string): CaptureError {
    return refusal(fact, place, wayOut);
  }

  /** Records that a condition never holds: where it would, the program throws. */
  private assertion(condition: Undecided, holds: boolean, error: unknown, place: Place): void {
    const message = error instanceof Error ? error.message : String(error);
    if (this.depth > 0) {
      throw this.refusal(
        `An error (${message}) that is thrown and caught by a condition that only a run decides`,
        place,
        "Use if and else in place of throw and catch",
      );
    }
    const { leaves } = this;
    const tensor = leaves.ofCondition(condition);
    const expected = holds ? leaves.call("aten.logical_not.default", [tensor]) : tensor;
    leaves.call("aten._assert_async.msg", [expected, message]);
    this.policy.warn(`What throws here is kept as a condition on the inputs: ${message}`, place);
  }
}

/** @throws {CaptureError} if a part of what a model returns can't be used */
function checkResult(value: unknown, seen: Set<object> = new Set()): void {
  checkUsable(value, null);
  if (typeof value !== "object" || value === null || seen.has(value)) return;
  seen.add(value);
  if (tailOf(value)) {
    throw refusal(
      "The model returns an array that a loop filled, whose length only a run tells",
      null,
      "Return torch.stack or torch.cat of it",
    );
  }
  if (!isContainer(value)) return;
  const { entries, items } = contentsOf(value);
  for (const item of entries.values()) checkResult(item, seen);
  for (const [, item] of items ?? []) checkResult(item, seen);
}
