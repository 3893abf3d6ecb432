/**
 * Loops. While it is known whether another turn follows, turns are run one after the other. A condition that only a run
 * decides, or the number of turns being a dynamic size, makes a `while_loop`, and a `scan` where the turns push to arrays or
 * run over the rows of a tensor.
 */
import type { FxValue } from "../../fx/mod.ts";
import { CaptureError } from "../../ir/mod.ts";
import { isSym } from "../../sym/mod.ts";
import { TensorBase } from "../base.ts";
import { fromDim, SymbolicNumber } from "../symbolic.ts";
import { Unfollowed } from "./arithmetic.ts";
import type { BranchHost } from "./branches.ts";
import type { Completion, State } from "./completion.ts";
import type { Place } from "./refusal.ts";
import type { Runtime } from "./runtime.ts";
import { SymbolicLoop } from "./symbolic_loop.ts";
import { type Tail, tailOf } from "./tails.ts";

/** The parts of a loop. */
export interface LoopParts {
  readonly place: Place;
  readonly id: number;
  /** Whether another turn follows; null for ever. */
  readonly test: (() => unknown) | null;
  readonly update: (() => void) | null;
  readonly body: () => Completion;
  readonly state: State | null;
}

/** Turns that are run inside conditions of those before them, at most. */
const MAX_NESTED = 16;

/** Runs loops. */
export class Loops {
  private readonly host: BranchHost;
  private readonly runtime: Runtime;

  constructor(host: BranchHost, runtime: Runtime) {
    this.host = host;
    this.runtime = runtime;
  }

  /**
   * `while` and `for`.
   *
   * @param nested how many turns were run inside conditions of those before them
   */
  run(loop: LoopParts, nested = 0): Completion {
    const { place, id, test, update, body, state } = loop;
    let refused: CaptureError | null = null;
    for (;;) {
      this.runtime.sawSymbolic = false;
      const goesOn = test ? this.host.truth(test(), place) : true;
      // A loop without a condition may be left by one that only a run decides; one with many such turns is recorded as one.
      const isOpen = test === null || nested >= MAX_NESTED;
      const isSymbolic = typeof goesOn !== "boolean" || this.runtime.sawSymbolic || isOpen;
      if (isSymbolic && goesOn !== false && this.runtime.policy.records) {
        if (typeof goesOn !== "boolean" && refused) throw refused;
        try {
          const found = refused ? null : new SymbolicLoop(this.host, this.runtime, loop).run(goesOn === true, isOpen);
          if (found) return this.leave(id, found.completion);
        } catch (error) {
          // Where the number of turns is known after all, they can be run one after the other.
          const isRefused = error instanceof CaptureError || error instanceof Unfollowed;
          if (!isRefused || typeof goesOn !== "boolean" || isOpen) throw error;
          refused = error as CaptureError;
        }
      }
      if (goesOn === false) return undefined;
      const left = body()?.without(`continue ${id}`);
      if (left === undefined) {
        update?.();
        continue;
      }
      if (left.sure) return this.leave(id, left);
      return this.leave(
        id,
        this.runtime.branches.then(place, left, state, () => {
          update?.();
          return this.run(loop, nested + 1);
        }),
      );
    }
  }

  /** `do … while`. */
  doWhile(loop: LoopParts): Completion {
    const { place, id, body, state, test } = loop;
    const left = body()?.without(`continue ${id}`);
    // What is left by a continue asks the condition next.
    const rest = (): Completion => this.run({ ...loop, test });
    if (left === undefined) return rest();
    return this.leave(id, left.sure ? left : this.runtime.branches.then(place, left, state, rest));
  }

  /** `for … of`. */
  forOf(
    place: Place,
    id: number,
    items: unknown,
    body: (item: unknown) => Completion,
    state: State | null,
  ): Completion {
    const tail = tailOf(items);
    if (tail) {
      if ((items as unknown[]).length > 0) {
        throw new Unfollowed(
          "A loop over an array that has elements beside those that another loop pushed",
          "Loop over torch.stack of it",
        );
      }
      return this.forOf(place, id, tail.stacked, body, state);
    }
    if (items instanceof TensorBase) {
      const [size] = items.meta.shape;
      if (size === undefined) throw new Unfollowed("A loop over a tensor of no dims", "Use its item()");
      if (isSym(size) && this.runtime.tracer) return this.overRows(place, id, items, body, state);
      const count = Number(size);
      return this.turns(place, id, Array.from({ length: count }, (_, i) => i), (i) => body(this.row(items, i)), state);
    }
    if (items instanceof SymbolicNumber) throw new Unfollowed("A loop over a number", "Write a for loop that counts");
    if (Array.isArray(items)) return this.overArray(place, id, items, body, state);
    return this.turns(place, id, [...items as Iterable<unknown>], body, state);
  }

  /** Arrays may grow while they are looped over. */
  private overArray(
    place: Place,
    id: number,
    items: readonly unknown[],
    body: (item: unknown) => Completion,
    state: State | null,
    from = 0,
  ): Completion {
    let i = from;
    const loop: LoopParts = {
      place,
      id,
      test: () => i < items.length,
      update: () => void i++,
      body: () => body(items[i]),
      state,
    };
    return this.run(loop);
  }

  private turns(
    place: Place,
    id: number,
    items: readonly unknown[],
    body: (item: never) => Completion,
    state: State | null,
  ): Completion {
    return this.overArray(place, id, items, body as (item: unknown) => Completion, state);
  }

  /** `for … in`. */
  forIn(
    place: Place,
    id: number,
    object: unknown,
    body: (key: unknown) => Completion,
    state: State | null,
  ): Completion {
    const keys: string[] = [];
    for (const key in object as object) keys.push(key);
    return this.turns(place, id, keys, body, state);
  }

  /** Rows of a tensor whose number only a run tells. */
  private overRows(
    place: Place,
    id: number,
    rows: TensorBase,
    body: (item: unknown) => Completion,
    state: State | null,
  ): Completion {
    const count = fromDim(rows.meta.shape[0]);
    let i: unknown = 0;
    const loop: LoopParts = {
      place,
      id,
      test: () => this.runtime.arithmetic(place, "<", i, count),
      update: () => void (i = this.runtime.arithmetic(place, "+", i, 1)),
      body: () => body(this.row(rows, i)),
      state: {
        names: [...state?.names ?? [], "row"],
        get: () => [...state?.get() ?? [], i],
        set: (values) => {
          state?.set(values.slice(0, -1));
          i = values[values.length - 1];
        },
      },
    };
    return this.run(loop);
  }

  private row(rows: TensorBase, i: unknown): unknown {
    const method = (rows as unknown as Record<string, unknown>).select as (dim: number, index: unknown) => unknown;
    return Reflect.apply(method, rows, [0, i]);
  }

  /** What leaves a loop, without its own `break` and `continue`. */
  private leave(id: number, completion: Completion): Completion {
    return completion?.without(`break ${id}`, `continue ${id}`);
  }

  /** The result of a labelled statement without the exits that lead to its end. */
  label(id: number, completion: Completion): Completion {
    return completion?.without(`break ${id}`);
  }

  /** `switch`. */
  choose(
    place: Place,
    id: number,
    value: unknown,
    cases: readonly (readonly [(() => unknown) | null, () => Completion])[],
    state: State | null,
  ): Completion {
    const from = (i: number): Completion => {
      if (i < 0 || i >= cases.length) return undefined;
      return this.runtime.branches.then(place, cases[i][1](), state, () => from(i + 1));
    };
    const fallback = cases.findIndex(([test]) => test === null);
    const find = (i: number): Completion => {
      if (i >= cases.length) return from(fallback);
      const [test] = cases[i];
      if (test === null) return find(i + 1);
      const same = this.runtime.arithmetic(place, "===", value, test());
      return this.runtime.ifElse(place, same, () => from(i), () => find(i + 1), state, null, null);
    };
    return find(0)?.without(`break ${id}`);
  }

  /** An element of an array that a loop filled. */
  element(tail: Tail, array: readonly unknown[], index: unknown): unknown {
    if (typeof index === "number" && index >= 0 && index < array.length) return array[index];
    if (typeof index === "number" && index < 0) return this.row(tail.stacked, index);
    const at = this.runtime.arithmetic(this.runtime.here, "-", index, array.length);
    return this.row(tail.stacked, at);
  }

  /** What `torch.stack` or `torch.cat` gives for an array that a loop filled. */
  joined(tail: Tail, array: readonly TensorBase[], how: "stack" | "cat", dim: number): unknown {
    const { leaves } = this.host;
    const use = (x: TensorBase): FxValue => this.host.tracer.use(x.value);
    const rank = tail.stacked.meta.shape.length - (how === "stack" ? 0 : 1);
    const axis = dim < 0 ? dim + rank : dim;
    const moved = (x: FxValue): FxValue =>
      axis === 0 ? x : leaves.call("aten.movedim.int", [x, 0n, BigInt(axis)]) as FxValue;
    let all = moved(use(tail.stacked));
    if (how === "cat") all = leaves.call("aten.flatten.using_ints", [all, BigInt(axis), BigInt(axis + 1)]) as FxValue;
    if (array.length > 0) {
      const before = array.map((x) =>
        how === "cat" ? use(x) : leaves.call("aten.unsqueeze.default", [use(x), BigInt(axis)]) as FxValue
      );
      all = leaves.call("aten.cat.default", [[...before, all], BigInt(axis)]) as FxValue;
    }
    return this.runtime.wrap(all);
  }
}
