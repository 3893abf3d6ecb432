/**
 * One loop of which only a run tells how many turns it takes. Its body is run in graphs of its own until what it carries from
 * turn to turn is known; then it is recorded as a `while_loop`, or as a `scan` where the turns push to arrays.
 */
import { FxValue } from "../../fx/mod.ts";
import type { Dim } from "../../sym/mod.ts";
import { alignLifted, type ClosedGraph, type OpenGraph } from "../../trace/nested_graph.ts";
import { writtenInputs } from "../../trace/writes.ts";
import { TensorBase } from "../base.ts";
import { Unfollowed } from "./arithmetic.ts";
import type { BranchHost } from "./branches.ts";
import { Carried, type CarriedLeaf, mapLeaves, step } from "./carried.ts";
import { type Completion, Exit, type ExitKey } from "./completion.ts";
import { type Contents, contentsOf, setContents } from "./journal.ts";
import { structureDifference } from "./loop_values.ts";
import type { LoopParts } from "./loops.ts";
import { differenceOf, MISSING } from "./merge.ts";
import { cure, Poison, poison } from "./poison.ts";
import type { Runtime } from "./runtime.ts";
import { setTail } from "./tails.ts";
import { boundByTest, type Comparison, counterOf, type Turn } from "./turn.ts";

/** More runs of the body than this find nothing new: what is carried then never settles. */
const MAX_TRIALS = 16;

/** Records one loop. */
export class SymbolicLoop {
  private readonly host: BranchHost;
  private readonly runtime: Runtime;
  private readonly loop: LoopParts;
  private readonly carried: Carried;
  /** Objects whose contents the loop changes, with what they hold before it. */
  private readonly objects: Map<object, Contents> = new Map();
  private readonly pushedTo: Set<unknown[]> = new Set();
  private readonly initial: Map<string, unknown> = new Map();
  private readonly values: readonly unknown[];
  /** Outer tensors that the loop writes to. */
  private readonly written: FxValue[] = [];

  constructor(host: BranchHost, runtime: Runtime, loop: LoopParts) {
    this.host = host;
    this.runtime = runtime;
    this.loop = loop;
    this.carried = new Carried(host.tracer, host.leaves, loop.place);
    this.values = loop.state?.get() ?? [];
    for (const [i, name] of this.names.entries()) this.note(this.values[i], name);
  }

  private get names(): readonly string[] {
    return this.loop.state?.names ?? [];
  }

  private note(value: unknown, path: string): void {
    mapLeaves(value, path, (leaf, at) => {
      this.initial.set(at, leaf);
      return leaf;
    });
  }

  /**
   * @param isSure whether at least one turn is taken
   * @param isOpen whether the loop is one only if a turn leaves it by a condition that only a run decides
   * @returns how it is left; null where it is run as it is after all
   */
  run(isSure: boolean, isOpen: boolean): { readonly completion: Completion } | null {
    try {
      for (let i = 0; i < MAX_TRIALS; i++) {
        const turn = this.turn();
        if (
          i === 0 && isOpen && this.loop.test === null &&
          [...turn.completion?.flags.values() ?? []].every((flag) => flag === true)
        ) {
          return null;
        }
        const news = [this.learn(turn), this.carried.hasNews()];
        if (!news.includes(true)) return { completion: this.record(turn, isSure) };
      }
    } finally {
      for (const array of this.pushedTo) cure(array);
    }
    throw new Unfollowed(
      "What the loop carries from turn to turn does not settle",
      "Keep dtypes and structures the same",
    );
  }

  /** Gives variables and objects what a turn of the loop meets. */
  private setHeads(heads: ReadonlyMap<string, unknown>): void {
    const { poisoned } = this.carried;
    const change = (leaf: unknown, path: string): unknown =>
      heads.has(path) ? heads.get(path) : poisoned.has(path) ? poisoned.get(path) : leaf;
    this.loop.state?.set(this.values.map((value, i) => mapLeaves(value, this.names[i], change)));
    for (const [object, before] of this.objects) {
      this.host.journal.touch(object);
      setContents(object, this.mapContents(before, this.pathOf(object), change));
    }
    for (const array of this.pushedTo) {
      const reason = "a loop whose number of turns only a run tells pushes to it, and reads it";
      poison(array, new Poison(reason, this.loop.place, true));
    }
  }

  private mapContents(
    { entries, items }: Contents,
    path: string,
    change: (leaf: unknown, path: string) => unknown,
  ): Contents {
    return {
      entries: new Map([...entries].map(([key, item]) => [key, mapLeaves(item, `${path}.${String(key)}`, change)])),
      items: items?.map(([key, item], i) => [key, mapLeaves(item, `${path}{${i}}`, change)] as const) ?? null,
    };
  }

  private pathOf(object: object): string {
    return `#${[...this.objects.keys()].indexOf(object)}`;
  }

  /** Runs the body once, in a graph of its own, and takes back what it changed. */
  private turn(): Turn {
    const { tracer, journal, branches } = this.parts;
    const { loop } = this;
    const graph = tracer.open(this.host.graphName("while_loop_body_graph"), this.graphInputs());
    this.replaceWritten(graph);
    const before = loop.state?.get() ?? [];
    try {
      let completion: Completion;
      let comparison: Comparison | null = null;
      let heads: ReadonlyMap<string, unknown> = new Map();
      return journal.trial(() => {
        graph.run(() => {
          heads = this.carried.heads(graph.inputs);
          this.setHeads(heads);
          comparison = graph.look(() => this.askTest());
          const left = loop.body()?.without(`continue ${loop.id}`);
          const update = (): Completion => {
            loop.update?.();
            return undefined;
          };
          completion = branches.then(loop.place, left, loop.state, update);
        });
      }, (changesNow) => this.lookAt(graph, heads, completion, comparison, changesNow().changed));
    } finally {
      loop.state?.set(before);
    }
  }

  private get parts() {
    return { tracer: this.host.tracer, journal: this.host.journal, branches: this.runtime.branches };
  }

  private graphInputs(): { readonly name: string; readonly meta: FxValue["meta"] }[] {
    const written = this.written.map((value) => ({ name: value.name, meta: value.meta }));
    return [...this.carried.inputs(), ...written];
  }

  /** What the loop writes to is carried too: in its graphs it is a copy. */
  private replaceWritten(graph: OpenGraph): void {
    const first = graph.inputs.length - this.written.length;
    for (const [i, value] of this.written.entries()) {
      const copy = graph.run(() => this.host.leaves.call("aten.clone.default", [graph.inputs[first + i]]));
      graph.replace(value, copy as FxValue);
    }
  }

  /** The condition as a turn meets it; it may not change anything. */
  private askTest(): Comparison | null {
    const { test, state } = this.loop;
    if (!test) return null;
    const before = state?.get() ?? [];
    this.runtime.lastComparison = null;
    test();
    const after = state?.get() ?? [];
    if (before.some((value, i) => value !== after[i])) {
      throw new Unfollowed("A loop condition that changes variables", "Change them in the body");
    }
    return this.runtime.lastComparison;
  }

  private lookAt(
    graph: OpenGraph,
    heads: ReadonlyMap<string, unknown>,
    completion: Completion,
    comparison: Comparison | null,
    changed: ReadonlyMap<object, { readonly before: Contents; readonly after: Contents }>,
  ): Turn {
    const contents = (object: object): Contents => changed.get(object)?.after ?? contentsOf(object);
    const values = this.loop.state?.get() ?? [];
    const after = new Map<string, unknown>();
    const note = (leaf: unknown, path: string): unknown => {
      after.set(path, leaf);
      return leaf;
    };
    for (const [i, name] of this.names.entries()) mapLeaves(values[i], name, note, contents);
    const objects = new Map<object, Contents>();
    const pushed = new Map<unknown[], readonly unknown[]>();
    for (const [object, { before, after: now }] of changed) {
      if (!this.objects.has(object) && !this.isOuter(before)) continue;
      const known = this.objects.get(object) ?? before;
      const more = Array.isArray(object) ? now.entries.size - known.entries.size : 0;
      if (more > 0) {
        const items = [...now.entries.values()];
        pushed.set(object as unknown[], items.slice(known.entries.size));
      } else objects.set(object, now);
    }
    for (const [object, now] of objects) {
      if (this.objects.has(object)) this.mapContents(now, this.pathOf(object), note);
    }
    for (const [key, flag] of completion?.flags ?? []) after.set(`exit ${key}`, flag);
    if (completion?.flags.has("return")) mapLeaves(completion.value, "the returned value", note, contents);
    const steps = new Map([...heads].flatMap(([path, head]) => {
      const by = step(head, after.get(path));
      return by === null ? [] : [[path, by] as const];
    }));
    return { graph, heads, after, values, objects, completion, pushed, steps, comparison };
  }

  /** Whether contents were there before the loop: they hold no tensors of its graphs. */
  private isOuter(contents: Contents): boolean {
    const all = [...contents.entries.values(), ...contents.items?.flat() ?? []];
    return all.every((item) =>
      !(item instanceof TensorBase) || !(item.value instanceof FxValue) || this.host.tracer.isOuterValue(item.value)
    );
  }

  /** Finds what else is carried; says whether there was something new. */
  private learn(turn: Turn): boolean {
    let isNew = false;
    const { tracer } = this.host;
    const written = writtenInputs(turn.graph.graph, tracer.table);
    for (const [outer, inner] of turn.graph.lifted) {
      if (!written.has(inner) || this.written.includes(outer)) continue;
      this.written.push(outer);
      isNew = true;
    }
    for (const array of turn.pushed.keys()) {
      if (this.pushedTo.has(array)) continue;
      this.pushedTo.add(array);
      isNew = true;
    }
    for (const [object] of turn.objects) {
      if (this.objects.has(object)) continue;
      this.objects.set(object, contentsOf(object));
      this.mapContents(contentsOf(object), this.pathOf(object), (leaf, path) => {
        this.initial.set(path, leaf);
        return leaf;
      });
      isNew = true;
    }
    if (isNew) return true;
    for (const [object, now] of turn.objects) {
      const difference = differenceOf(object, object, this.objects.get(object)!, now);
      if (difference) {
        throw new Unfollowed(
          `An object that ${difference.replace("one way and", "before a turn and").replace("the other", "after it")}`,
          "Keep its structure the same",
        );
      }
    }
    for (const [i, name] of this.names.entries()) {
      const difference = structureDifference(this.values[i], turn.values[i]);
      if (difference) this.carried.poisoned.set(name, new Poison(`${name} ${difference}`, this.loop.place));
    }
    for (const [path, after] of turn.after) {
      const isExit = path.startsWith("exit ") || path.startsWith("the returned value");
      const initial = this.initial.has(path) ? this.initial.get(path) : path.startsWith("exit ") ? false : MISSING;
      const known = this.carried.leaves.get(path);
      const head = known && !isExit ? turn.heads.get(path) : initial;
      this.carried.compare(path, head, after, initial);
    }
    return false;
  }

  /** Records the loop and gives variables and objects what they hold after it. */
  private record(turn: Turn, isSure: boolean): Completion {
    const { leaves, tracer } = this.host;
    const all = [...this.carried.leaves.values()];
    boundByTest(turn, tracer.symbols);
    if (this.pushedTo.size > 0) return this.recordScan(turn, isSure);
    const condition = this.conditionGraph(all);
    const body = turn.graph.close(turn.graph.run(() => [
      ...all.map((leaf) => leaves.given(afterOf(turn, leaf), leaf.plan)),
      ...this.written.map((value) => tracer.use(value)),
    ]));
    const own = all.length + this.written.length;
    const lifted = alignLifted([condition, body], own);
    const initial = [
      ...all.map((leaf) => leaves.given(leaf.initial, leaf.plan)),
      ...this.written.map((value) => tracer.use(value)),
    ];
    if (own === 0) throw new Unfollowed("A loop that changes nothing, or never ends", "Remove it");
    const metas = [...all.map(({ plan }) => this.carried.meta(plan)), ...this.written.map(({ meta }) => meta)];
    const results = tracer.higherOrder("while_loop", [condition.graph, body.graph, initial, lifted], metas);
    return this.finish(turn, all, results as FxValue[], isSure, new Map());
  }

  /** The graph that tells whether another turn follows. */
  private conditionGraph(all: readonly CarriedLeaf[]): ClosedGraph {
    const { tracer, journal, leaves } = this.host;
    const { loop } = this;
    const graph = tracer.open(this.host.graphName("while_loop_cond_graph"), this.graphInputs());
    this.replaceWritten(graph);
    const before = loop.state?.get() ?? [];
    let result: FxValue | null = null;
    const combine = (value: FxValue): void => {
      result = result ? leaves.call("aten.logical_and.default", [result, value]) as FxValue : value;
    };
    try {
      journal.trial(() => {
        graph.run(() => {
          this.setHeads(this.carried.heads(graph.inputs));
          const truth = loop.test ? this.host.truth(loop.test(), loop.place) : true;
          if (truth !== true) combine(truth === false ? leaves.ofNumber(false, "bool") : leaves.ofCondition(truth));
          for (const [i, { path }] of all.entries()) {
            if (!path.startsWith("exit ")) continue;
            combine(leaves.call("aten.logical_not.default", [graph.inputs[i]]) as FxValue);
          }
          if (!result) result = leaves.ofNumber(true, "bool");
        });
      }, () => undefined);
    } finally {
      loop.state?.set(before);
    }
    if (writtenInputs(graph.graph, tracer.table).size > 0) {
      throw new Unfollowed("A loop condition that writes to a tensor", "Write to it in the body");
    }
    return graph.close([result]);
  }

  /** Records turns that push to arrays: their number must be known before. */
  private recordScan(turn: Turn, isSure: boolean): Completion {
    const { leaves, tracer } = this.host;
    const counter = counterOf(turn, this.carried.leaves.values(), tracer);
    const all = [...this.carried.leaves.values()].filter(({ path }) => path !== counter.path);
    const kept = [...this.carried.leaves.values()];
    const at = kept.findIndex(({ path }) => path === counter.path);
    const pushed = [...turn.pushed].flatMap(([array, items]) => items.map((item) => ({ array, item })));
    const body = turn.graph.close(turn.graph.run(() => [
      ...all.map((leaf) => leaves.given(afterOf(turn, leaf), leaf.plan)),
      ...this.written.map((value) => tracer.use(value)),
      ...pushed.map(({ item }) => {
        if (item instanceof TensorBase) return tracer.use(item.value);
        throw new Unfollowed(
          "A loop whose number of turns only a run tells pushes something else than tensors",
          "Push tensors",
        );
      }),
    ]));
    // The states come first, then the element: the counter.
    const [element] = body.graph.inputs.splice(at, 1);
    body.graph.inputs.splice(kept.length - 1 + this.written.length, 0, element);
    const own = kept.length + this.written.length;
    const lifted = alignLifted([body], own);
    const turns = leaves.call(
      "aten.arange.start_step",
      [counter.first, counter.end, BigInt(counter.by)],
      leaves.dtype("int64"),
    );
    const count = (turns as FxValue).meta;
    const size: Dim = count.kind === "tensor" ? count.shape[0] : 0;
    const initial = [
      ...all.map((leaf) => leaves.given(leaf.initial, leaf.plan)),
      ...this.written.map((value) => tracer.use(value)),
    ];
    const metas = [
      ...all.map(({ plan }) => this.carried.meta(plan)),
      ...this.written.map(({ meta }) => meta),
      ...pushed.map(({ item }) => leaves.stackedMeta(item as TensorBase, size)),
    ];
    const results = tracer.higherOrder("scan", [body.graph, initial, [turns], lifted] as never, metas) as FxValue[];
    const stacked = results.slice(initial.length);
    for (const [array, items] of turn.pushed) {
      const own = stacked.splice(0, items.length);
      setTail(array, leaves.tail(own, size));
    }
    const last = new Map([[counter.path, counter.last(size)]]);
    return this.finish(turn, all, results, isSure, last);
  }

  /** Gives variables, objects and the exit what they have after the loop. */
  private finish(
    turn: Turn,
    all: readonly CarriedLeaf[],
    results: readonly FxValue[],
    isSure: boolean,
    others: ReadonlyMap<string, unknown>,
  ): Completion {
    const { leaves, journal } = this.host;
    const taken = new Map<string, unknown>(others);
    for (const [i, leaf] of all.entries()) {
      const value = leaves.taken(results[i], leaf.plan);
      this.carried.bound(leaf, value);
      const isUnset = leaf.initial === MISSING && !isSure && !leaf.path.startsWith("the returned value");
      taken.set(
        leaf.path,
        isUnset ? new Poison(`${leaf.path} is not set if the loop takes no turn`, this.loop.place) : value,
      );
    }
    for (const [i, value] of this.written.entries()) {
      leaves.call("aten.copy_.default", [this.host.tracer.use(value), results[all.length + i]]);
    }
    const { poisoned } = this.carried;
    const change = (leaf: unknown, path: string): unknown =>
      poisoned.has(path) ? poisoned.get(path) : taken.has(path) ? taken.get(path) : leaf;
    const contents = (object: object): Contents => turn.objects.get(object) ?? contentsOf(object);
    const names = this.names;
    this.loop.state?.set(
      turn.values.map((value, i) =>
        poisoned.has(names[i]) ? poisoned.get(names[i]) : mapLeaves(value, names[i], change, contents)
      ),
    );
    for (const [object, now] of turn.objects) {
      journal.touch(object);
      setContents(object, this.mapContents(now, this.pathOf(object), change));
    }
    if (!turn.completion) return undefined;
    const flags = new Map(
      [...turn.completion.flags.keys()].map((key): [ExitKey, unknown] => [key, taken.get(`exit ${key}`)]),
    );
    const value = mapLeaves(turn.completion.value, "the returned value", change, contents);
    return new Exit(flags, value);
  }
}

function afterOf(turn: Turn, { path }: CarriedLeaf): unknown {
  if (turn.after.has(path)) return turn.after.get(path);
  return MISSING;
}
