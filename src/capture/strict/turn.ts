/** One turn of a loop as a trial of its body shows it, and what its condition says of the number of turns. */
import { add, type Dim, max, min, mul } from "../../sym/mod.ts";
import type { OpenGraph } from "../../trace/nested_graph.ts";
import type { Symbols } from "../../trace/symbols.ts";
import type { Tracer } from "../../trace/tracer.ts";
import { fromDim, SymbolicNumber } from "../symbolic.ts";
import { Unfollowed } from "./arithmetic.ts";
import type { CarriedLeaf } from "./carried.ts";
import type { Completion } from "./completion.ts";
import type { Contents } from "./journal.ts";
import { asInt, dimOf, FLIPPED, sameNumber } from "./loop_values.ts";

/** A comparison as the condition of a loop made it. */
export interface Comparison {
  readonly operator: string;
  readonly left: unknown;
  readonly right: unknown;
}

/** What one run of the body gave. */
export interface Turn {
  readonly graph: OpenGraph;
  /** Leaves that are carried as the turn met them, by path. */
  readonly heads: ReadonlyMap<string, unknown>;
  /** Leaves after the turn, by path. */
  readonly after: ReadonlyMap<string, unknown>;
  /** Variables after the turn. */
  readonly values: readonly unknown[];
  /** Contents of objects after the turn. */
  readonly objects: ReadonlyMap<object, Contents>;
  readonly completion: Completion;
  /** What was pushed. */
  readonly pushed: ReadonlyMap<unknown[], readonly unknown[]>;
  /** By how much leaves change. */
  readonly steps: ReadonlyMap<string, number>;
  /** The comparison that the loop's condition is, where it is one. */
  readonly comparison: Comparison | null;
}

/** In a turn the loop's condition holds: what it says of a number is known of it there. */
export function boundByTest({ comparison }: Turn, symbols: Symbols): void {
  if (!comparison) return;
  const { operator, left, right } = comparison;
  const [head, limit, relation] = typeof right === "number"
    ? [left, right, operator]
    : [right, left, FLIPPED[operator]];
  if (!(head instanceof SymbolicNumber) || head.expr.node.op !== "symbol" || typeof limit !== "number") return;
  const least = relation === ">=" ? limit : relation === ">" ? limit + 1 : -Infinity;
  const most = relation === "<=" ? limit : relation === "<" ? limit - 1 : Infinity;
  if (head.expr.kind === "int") symbols.narrow(head.expr.key, Math.ceil(least), Math.floor(most));
}

/** The variable that counts the turns of a loop. */
export interface Counter {
  /** The path of the leaf. */
  readonly path: string;
  /** In the first turn, as operators take ints. */
  readonly first: unknown;
  /** What ends the loop: the counter does not reach it, or go past it. */
  readonly end: unknown;
  /** What each turn adds. */
  readonly by: number;
  /** After so many turns. */
  last(count: Dim): unknown;
}

/** @throws {Unfollowed} where nothing counts the turns, so that their number is not known before the loop */
export function counterOf(turn: Turn, leaves: Iterable<CarriedLeaf>, tracer: Tracer): Counter {
  const wayOut =
    "Count with `for (let i = 0; i < n; i++)`, without break or return, or keep what is computed in a tensor";
  const refuse = (): never => {
    throw new Unfollowed("A loop that pushes to an array, but whose number of turns is not known before it", wayOut);
  };
  if (turn.completion !== undefined) refuse();
  const { comparison } = turn;
  if (!comparison) return refuse();
  for (const { path, initial, plan } of leaves) {
    const by = turn.steps.get(path);
    if (by === undefined || by === 0 || plan.kind !== "number" || plan.type !== "int") continue;
    const head = turn.heads.get(path);
    const isLeft = sameNumber(comparison.left, head), isRight = sameNumber(comparison.right, head);
    const limit = isLeft ? comparison.right : comparison.left;
    const operator = isLeft ? comparison.operator : FLIPPED[comparison.operator];
    if (!isLeft && !isRight) continue;
    const end = dimOf(limit), first = dimOf(initial);
    if (end === null || first === null || !tracer.isVisible(end)) continue;
    const isUp = by > 0;
    const [strictly, upTo] = isUp ? ["<", "<="] : [">", ">="];
    if (operator !== strictly && operator !== upTo && !(operator === "!==" && by === 1)) continue;
    const past = operator === upTo ? add(end, isUp ? 1 : -1) : end;
    return {
      path,
      first: asInt(first),
      end: asInt(isUp ? max(past, first) : min(past, first)),
      by,
      last: (count) => fromDim(add(first, mul(count, by))),
    };
  }
  return refuse();
}
