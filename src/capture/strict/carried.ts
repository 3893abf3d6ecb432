/**
 * What a loop carries from turn to turn: the leaves, by path, of variables and objects that its body changes. Which they are,
 * and of which sizes, is found by running the body until nothing new turns up.
 */
import type { FxMeta, FxValue } from "../../fx/mod.ts";
import { fullMeta } from "../../aten/calls.ts";
import { type Dim, eq, isSym, sub } from "../../sym/mod.ts";
import type { Tracer } from "../../trace/tracer.ts";
import { TensorBase } from "../base.ts";
import { SymbolicNumber } from "../symbolic.ts";
import { type Contents, contentsOf, setContents } from "./journal.ts";
import { type Leaves, numberType, type Plan, planFor } from "./leaves.ts";
import { isContainer, MISSING } from "./merge.ts";
import { Poison } from "./poison.ts";
import { type Place, refusal } from "./refusal.ts";

/** One leaf that is carried. */
export interface CarriedLeaf {
  readonly path: string;
  /** Before the loop; MISSING where the loop sets it first. */
  readonly initial: unknown;
  /** A tensor, some of whose sizes may change, or a number. */
  plan: Plan & { kind: "tensor" | "number" };
  /** Whether each turn adds something that is not negative. */
  grows: boolean;
}

/** A value as it is, or with other leaves: containers are made anew only where a leaf in them is other. */
export function mapLeaves(
  value: unknown,
  path: string,
  change: (leaf: unknown, path: string) => unknown,
  contents: (object: object) => Contents = contentsOf,
  seen: Map<object, unknown> = new Map(),
): unknown {
  if (!isContainer(value)) return change(value, path);
  if (seen.has(value)) return seen.get(value);
  seen.set(value, value);
  const { entries, items } = contents(value);
  let isOther = false;
  const map = (item: unknown, at: string): unknown => {
    const made = mapLeaves(item, at, change, contents, seen);
    if (made !== item) isOther = true;
    return made;
  };
  const mapped: Contents = {
    entries: new Map([...entries].map(([key, item]) => [key, map(item, `${path}.${String(key)}`)])),
    items: items?.map(([key, item], i) => [key, map(item, `${path}{${i}}`)] as const) ?? null,
  };
  if (!isOther) return value;
  const shell: object = Array.isArray(value)
    ? []
    : value instanceof Map
    ? new Map()
    : value instanceof Set
    ? new Set()
    : {};
  Object.setPrototypeOf(shell, Object.getPrototypeOf(value));
  setContents(shell, mapped);
  seen.set(value, shell);
  return shell;
}

/** The carried leaves of one loop. */
export class Carried {
  readonly leaves: Map<string, CarriedLeaf> = new Map();
  /** Leaves that change in a way that no value can express. */
  readonly poisoned: Map<string, Poison> = new Map();
  private readonly tracer: Tracer;
  private readonly values: Leaves;
  private readonly place: Place;
  private isChanged = false;

  constructor(tracer: Tracer, values: Leaves, place: Place) {
    this.tracer = tracer;
    this.values = values;
    this.place = place;
  }

  /** Whether something new turned up since this was asked last. */
  hasNews(): boolean {
    const news = this.isChanged;
    this.isChanged = false;
    return news;
  }

  /** Looks at a leaf before and after a turn. */
  compare(path: string, head: unknown, after: unknown, initial: unknown): void {
    if (head === after || Object.is(head, after) || this.poisoned.has(path)) return;
    const known = this.leaves.get(path);
    if (known) {
      this.widen(known, head, after);
      return;
    }
    const isUnset = initial === undefined || initial instanceof Poison || initial === MISSING;
    const from = isUnset ? MISSING : initial;
    const plan = planFor(from, after, path);
    if (plan.kind === "same" && (from !== MISSING || path.startsWith("the returned value"))) return;
    this.isChanged = true;
    if (plan.kind === "same" || plan.kind === "poison") {
      const type = numberType(after);
      if (plan.kind === "same" && type) {
        this.leaves.set(path, { path, initial: from, plan: { kind: "number", type }, grows: false });
        return;
      }
      const reason = plan.kind === "poison"
        ? plan.reason.replace(" one way and ", " before a turn and ").replace(" the other", " after it")
        : `${path} changes in the loop`;
      this.poisoned.set(path, new Poison(reason, this.place));
      return;
    }
    if (plan.kind === "number" && from !== MISSING && plan.type !== "bool") {
      // A counter that goes up by whole numbers stays whole.
      const whole = [from, after].every((x) => numberType(x) === "int");
      this.leaves.set(path, {
        path,
        initial: from,
        plan: { kind: "number", type: whole ? "int" : "float" },
        grows: whole && step(head, after) !== null && step(head, after)! >= 0,
      });
      return;
    }
    this.leaves.set(path, { path, initial: from, plan: this.loosened(plan) as CarriedLeaf["plan"], grows: false });
  }

  private loosened(plan: Plan): Plan {
    return this.values.visible(plan);
  }

  private widen(leaf: CarriedLeaf, head: unknown, after: unknown): void {
    const { plan, path } = leaf;
    if (plan.kind === "number") {
      const type = numberType(after);
      if (type === null || (type === "bool") !== (plan.type === "bool")) this.refuse(path, "a number", after);
      if (type === "float" && plan.type === "int") {
        leaf.plan = { kind: "number", type: "float" };
        leaf.grows = false;
        this.isChanged = true;
      }
      const grows = leaf.grows && (step(head, after) ?? -1) >= 0;
      if (grows !== leaf.grows) {
        leaf.grows = grows;
        this.isChanged = true;
      }
      return;
    }
    if (!(after instanceof TensorBase)) this.refuse(path, "a tensor", after);
    const { dtype, shape } = after.meta;
    if (dtype !== plan.dtype) {
      throw refusal(
        `${path} is of dtype ${plan.dtype} before a turn of the loop and ${dtype} after it`,
        this.place,
        `Convert it with .to("${plan.dtype}") in the loop, or before it`,
      );
    }
    if (shape.length !== plan.shape.length) {
      throw refusal(
        `${path} has ${plan.shape.length} dims before a turn of the loop and ${shape.length} after it`,
        this.place,
        "Keep the number of dims the same",
      );
    }
    const heads = head instanceof TensorBase ? head.meta.shape : [];
    const dims = plan.shape.map((dim, i) => dim === null || (eq(heads[i] ?? dim, shape[i]) === true) ? dim : null);
    if (dims.some((dim, i) => dim !== plan.shape[i])) {
      leaf.plan = { ...plan, shape: dims };
      this.isChanged = true;
    }
  }

  private refuse(path: string, was: string, after: unknown): never {
    throw refusal(
      `${path} is ${was} before a turn of the loop and ${
        after === null || after === undefined ? String(after) : typeof after
      } after it`,
      this.place,
      "Give it values of one kind",
    );
  }

  /** What is known of the leaves as inputs of a graph. */
  inputs(): { readonly name: string; readonly meta: FxMeta }[] {
    return [...this.leaves.values()].map(({ path, plan }) => ({
      name: path.replace(/\W+/g, "_").replace(/^_|_$/g, "") || "value",
      meta: this.meta(plan),
    }));
  }

  /** What is known of a leaf's value; each size that may change gets a symbol of its own. */
  meta(plan: Plan): FxMeta {
    if (plan.kind !== "tensor") return this.values.meta(plan);
    return fullMeta({
      dtype: plan.dtype,
      shape: plan.shape.map((dim): Dim => dim ?? this.tracer.symbols.fresh("size")),
    });
  }

  /** The leaves as a turn of the loop meets them, from the inputs of its graph. */
  heads(inputs: readonly FxValue[]): Map<string, unknown> {
    const heads = new Map<string, unknown>();
    for (const [i, leaf] of [...this.leaves.values()].entries()) {
      const head = this.values.taken(inputs[i], leaf.plan);
      this.bound(leaf, head);
      heads.set(
        leaf.path,
        leaf.initial === MISSING ? new Poison(`${leaf.path} is read before the loop sets it`, this.place) : head,
      );
    }
    return heads;
  }

  /** A number that only goes up is never below its initial value. */
  bound({ grows, initial }: CarriedLeaf, value: unknown): void {
    if (!grows || !(value instanceof SymbolicNumber) || value.expr.node.op !== "symbol") return;
    const least = typeof initial === "number"
      ? initial
      : initial instanceof SymbolicNumber
      ? this.tracer.symbols.ranges.rangeOf(initial.expr).min
      : -Infinity;
    this.tracer.symbols.narrow(value.expr.key, least, Infinity);
  }
}

/** By how much a number changes in a turn, where that is the same each time. */
export function step(head: unknown, after: unknown): number | null {
  if (typeof head === "number" && typeof after === "number") return after - head;
  if (!(head instanceof SymbolicNumber) || !(after instanceof SymbolicNumber)) return null;
  if (head.expr.kind !== "int" || after.expr.kind !== "int") return null;
  const difference = sub(after.expr, head.expr);
  return isSym(difference) ? null : difference;
}
