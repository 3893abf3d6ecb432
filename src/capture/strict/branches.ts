/**
 * Conditions that only a run decides: both ways are recorded as closed graphs, and what they change becomes the results of one
 * `higher_order.cond`. Where only one way goes on, it takes the statements that follow along.
 */
import type { FxValue } from "../../fx/mod.ts";
import type { Sym } from "../../sym/mod.ts";
import { alignLifted, type OpenGraph } from "../../trace/nested_graph.ts";
import type { Tracer } from "../../trace/tracer.ts";
import { writtenInputs } from "../../trace/writes.ts";
import { type Completion, Exit, type ExitKey, type State } from "./completion.ts";
import { type Changes, type Contents, contentsOf, type Journal, setContents } from "./journal.ts";
import { type Leaves, type Plan, planFor } from "./leaves.ts";
import { differenceOf, Merger, MISSING, type Side } from "./merge.ts";
import { Poison, poison } from "./poison.ts";
import { isThrown, type Place } from "./refusal.ts";

/** A condition that only a run decides: a bool tensor of the graph, or an expression. */
export type Undecided = FxValue | Sym;

/** What branches and loops need of the runtime. */
export interface BranchHost {
  readonly tracer: Tracer;
  readonly journal: Journal;
  readonly leaves: Leaves;
  /** The truth of a value, as a condition has it. */
  truth(value: unknown, place: Place): boolean | Undecided;
  /** A name for a nested graph: `true_graph_0`. */
  graphName(kind: string): string;
  /** Records that an error would be thrown where a condition holds, or does not. */
  assertion(condition: Undecided, holds: boolean, error: unknown, place: Place): void;
}

/** What one way gave. */
export interface Way extends Side {
  readonly graph: OpenGraph;
  readonly completion: Completion;
  /** Variables by name. */
  readonly values: ReadonlyMap<string, unknown>;
  readonly changes: Changes;
  /** Outer tensors that it writes to. */
  readonly written: readonly FxValue[];
}

/** A way that ends with an error of the user's. */
class Failure {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

/** Runs conditional statements whose conditions only a run decides. */
export class Branches {
  private readonly host: BranchHost;

  constructor(host: BranchHost) {
    this.host = host;
  }

  /**
   * Runs both ways, and what follows.
   *
   * @param ways what is run where the condition holds, and where not
   * @param state what the ways may change
   * @param restState what the ways and the rest may change that is read after the rest
   * @param rest the statements that follow in the list; null where there are none
   */
  run(
    place: Place,
    condition: Undecided,
    ways: readonly [() => Completion, () => Completion],
    state: State | null,
    restState: State | null,
    rest: (() => Completion) | null,
  ): Completion {
    const found = ways.map((way, i) => this.explore(KINDS[i], way, [state, restState]));
    const [a, b] = found;
    if (a instanceof Failure && b instanceof Failure) throw b.error;
    if (a instanceof Failure || b instanceof Failure) {
      const failing = a instanceof Failure ? 0 : 1;
      this.host.assertion(condition, failing === 0, (found[failing] as Failure).error, place);
      const completion = ways[1 - failing]();
      return rest ? this.then(place, completion, restState, rest) : completion;
    }
    const going = a.completion === undefined ? 0 : 1;
    const [first, other] = going === 0 ? [b, a] : [a, b];
    if (!rest) return this.join(place, condition, a, b, state);
    if (other.completion !== undefined || !first.completion?.sure) {
      return this.then(place, this.join(place, condition, a, b, state), restState, rest);
    }
    // The way that goes on takes the rest along.
    const again = this.explore(KINDS[going], () => this.then(place, ways[going](), restState, rest), [restState]);
    if (again instanceof Failure) {
      this.host.assertion(condition, going === 0, again.error, place);
      return ways[1 - going]();
    }
    return going === 0
      ? this.join(place, condition, again, b, restState)
      : this.join(place, condition, a, again, restState);
  }

  /** Runs what follows statements that ended in some way. */
  then(place: Place, completion: Completion, state: State | null, rest: () => Completion): Completion {
    if (completion === undefined) return rest();
    if (completion.sure) return completion;
    const taken = this.isTaken(completion, place);
    if (typeof taken === "boolean") return taken ? completion : rest();
    const { flags, value } = completion;
    const exit = (): Completion => flags.size === 1 ? Exit.of([...flags.keys()][0], value) : completion;
    return this.run(place, taken, [exit, rest], state, null, null);
  }

  /** Whether any of the exits is taken. */
  isTaken(exit: Exit, place: Place): boolean | Undecided {
    const { leaves } = this.host;
    let any: Undecided | null = null;
    for (const flag of exit.flags.values()) {
      const truth = this.host.truth(flag, place);
      if (truth === true) return true;
      if (truth === false) continue;
      any = any === null
        ? truth
        : leaves.call("aten.logical_or.default", [leaves.ofCondition(any), leaves.ofCondition(truth)]) as FxValue;
    }
    return any ?? false;
  }

  /** Records one way in a graph of its own, and takes back what it changed. */
  private explore(kind: string, way: () => Completion, states: readonly (State | null)[]): Way | Failure {
    const { tracer, leaves } = this.host;
    const name = this.host.graphName(kind);
    let written: readonly FxValue[] = [];
    for (;;) {
      const graph = tracer.open(name);
      for (const value of written) {
        graph.run(() => {
          const copy = leaves.call("aten.clone.default", [tracer.use(value)]) as FxValue;
          graph.replace(value, copy);
        });
      }
      const found = this.attempt(graph, way, states, written);
      if (found instanceof Failure) return found;
      const inputs = writtenInputs(graph.graph, tracer.table);
      const outer = [...graph.lifted].filter(([, inner]) => inputs.has(inner)).map(([value]) => value);
      if (outer.length === 0) return found;
      // What the graph writes to must be its own: a copy, which it gives back.
      written = [...written, ...outer];
    }
  }

  private attempt(
    graph: OpenGraph,
    way: () => Completion,
    states: readonly (State | null)[],
    written: readonly FxValue[],
  ): Way | Failure {
    const before = states.map((state) => state?.get() ?? []);
    let completion: Completion;
    try {
      return this.host.journal.trial(() => {
        completion = graph.run(way);
      }, (changesNow) => {
        const changes = changesNow();
        const values = new Map(states.flatMap((state) => {
          const now = state?.get() ?? [];
          return state?.names.map((name, i) => [name, now[i]] as const) ?? [];
        }));
        const contents = (object: object): Contents => changes.changed.get(object)?.after ?? contentsOf(object);
        return { graph, completion, values, changes, contents, written };
      });
    } catch (error) {
      if (isThrown(error)) return new Failure(error);
      throw error;
    } finally {
      for (const [i, state] of states.entries()) state?.set(before[i]);
    }
  }

  /** Makes the node over both ways, and gives variables, objects and the exit their merged values. */
  private join(place: Place, condition: Undecided, a: Way, b: Way, state: State | null): Completion {
    const { leaves, tracer } = this.host;
    const pairs: { readonly sides: readonly [unknown, unknown]; readonly plan: Plan }[] = [];
    const parts = this.partsOf(a, b, state, place);
    const collect = new Merger(a, b, (x, y, path) => {
      pairs.push({ sides: [x, y], plan: leaves.visible(planFor(x, y, path)) });
      return undefined;
    });
    for (const part of parts) part.merge(collect);
    const results = pairs.filter(({ plan }) => plan.kind === "tensor" || plan.kind === "number");
    const written = [...new Set([...a.written, ...b.written])];
    let values: (FxValue | null)[] = [];
    if (results.length + written.length > 0) {
      const graphs = [a, b].map(({ graph }, side) =>
        graph.close(graph.run(() => [
          ...results.map(({ sides, plan }) => leaves.given(sides[side], plan)),
          ...written.map((value) => tracer.use(value)),
        ]))
      );
      const operands = alignLifted(graphs, 0);
      const metas = [...results.map(({ plan }) => leaves.meta(plan)), ...written.map(({ meta }) => meta)];
      const args = [tracer.argument(condition), graphs[0].graph, graphs[1].graph, operands];
      values = tracer.higherOrder("cond", args, metas);
      for (const [i, value] of written.entries()) {
        leaves.call("aten.copy_.default", [tracer.use(value), values[results.length + i]]);
      }
    }
    const taken = results.map(({ plan }, i) => leaves.taken(values[i]!, plan));
    let at = 0, next = 0;
    const assign = new Merger(a, b, () => {
      const { plan } = pairs[at++];
      if (plan.kind === "same") return plan.value;
      return plan.kind === "poison" ? new Poison(plan.reason, place) : taken[next++];
    });
    const exits = new Map<ExitKey | "value", unknown>();
    for (const part of parts) {
      const value = part.merge(assign);
      if (part.exit) exits.set(part.exit, value);
      else part.assign?.(value);
    }
    const flags = [...exits].filter((one): one is [ExitKey, unknown] => one[0] !== "value" && one[1] !== false);
    return flags.length === 0 ? undefined : new Exit(new Map(flags), exits.get("value"));
  }

  /** What is merged: variables, objects, exits. */
  private partsOf(a: Way, b: Way, state: State | null, place: Place): Part[] {
    const parts: Part[] = [];
    const ways = [a, b];
    // After a return no variable of the function is read.
    const isGone = ways.map(({ completion }) => completion?.sure === "return");
    const merged: unknown[] = [];
    for (const [i, name] of (state?.names ?? []).entries()) {
      const [x, y] = ways.map(({ values }, side) => isGone[side] && !isGone[1 - side] ? MISSING : values.get(name));
      parts.push({ merge: (merger) => merger.merge(x, y, name), assign: (value) => merged[i] = value });
    }
    parts.push({ merge: () => undefined, assign: () => state?.set(merged) });
    for (const object of new Set(ways.flatMap(({ changes }) => [...changes.changed.keys()]))) {
      parts.push(this.objectPart(object, a, b, place));
    }
    const keys = new Set(ways.flatMap(({ completion }) => [...completion?.flags.keys() ?? []]));
    for (const exit of keys) {
      const [x, y] = ways.map(({ completion }) => completion?.flags.get(exit) ?? false);
      parts.push({ exit, merge: (merger) => merger.merge(x, y, exit) });
    }
    if (keys.has("return")) {
      const [x, y] = ways.map(({ completion }) => completion?.flags.has("return") ? completion.value : MISSING);
      parts.push({ exit: "value", merge: (merger) => merger.merge(x, y, "the returned value") });
    }
    return parts;
  }

  private objectPart(object: object, a: Way, b: Way, place: Place): Part {
    const [x, y] = [a.contents(object), b.contents(object)];
    const name = Array.isArray(object) ? "an array" : `a ${object.constructor?.name ?? "object"}`;
    const difference = differenceOf(object, object, x, y);
    if (difference) {
      return {
        merge: () => undefined,
        assign: () => poison(object, new Poison(`${name} ${difference}`, place)),
      };
    }
    return {
      merge: (merger) => merger.mergeContents(x, y, name),
      assign: (contents) => {
        this.host.journal.touch(object);
        setContents(object, contents as Contents);
      },
    };
  }
}

const KINDS = ["true_graph", "false_graph"] as const;

/** One thing that is merged. */
interface Part {
  merge(merger: Merger): unknown;
  assign?(value: unknown): void;
  readonly exit?: ExitKey | "value";
}
