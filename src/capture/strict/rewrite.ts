/**
 * Rewrites a function so that everything in it that could hide a tensor or a symbolic size asks the runtime (`$`): conditions,
 * operators, calls, property reads and writes, loops and early exits. Text between what is rewritten is copied, and no line
 * is added or lost, so that stack traces still tell the user's lines.
 *
 * Branches, loop bodies and what follows an early exit become closures, since they may have to run in a graph of their own,
 * more than once, or not at all. A closure that is left early returns an exit (`$.ret`, `$.brk`, `$.cont`) in place of
 * nothing; the construct around it acts on that.
 */
import type * as es from "acorn";
import { type Exits, findExits } from "./exits.ts";
import { type AnyNode, isFunction, parseFunction } from "./parse.ts";
import { analyse, type Analysis, type Write } from "./scope.ts";
import { Writer } from "./writer.ts";

/** Something that can't be captured, found by reading the function. */
export interface Refusal {
  /** What it is: `an async function`. */
  readonly construct: string;
  /** What to write in its place. */
  readonly wayOut: string;
  /** Its position in the function's own text. */
  readonly position: number;
}

/** A function in its rewritten form. */
export interface Rewritten {
  /** An expression whose value is the function (or class), or for a method an object that holds it as `m`. */
  readonly text: string;
  /** Whether {@linkcode text} is an object that holds the function. */
  readonly isMethod: boolean;
  /** Names that the function takes from outside, those of the language among them. */
  readonly free: readonly string[];
  /** Positions in the function's own text by the numbers that runtime calls bear. */
  readonly sites: readonly number[];
  /** What can't be captured in it. */
  readonly refusals: readonly Refusal[];
  /** Whether it uses `this` of a function around it. */
  readonly usesOuterThis: boolean;
}

/** What rewriting one function shares. */
export interface Context {
  /** The whole text, in which nodes have their positions. */
  readonly text: string;
  /** Its names. */
  readonly analysis: Analysis;
  /** Assignments by their name's node. */
  readonly writes: ReadonlyMap<AnyNode, Write>;
  /** Its exits. */
  readonly exits: Exits;
}

/**
 * Rewrites what a function's (or class's) `toString` gave.
 *
 * @throws {SyntaxError} if it is no JavaScript
 */
export function rewrite(source: string): Rewritten {
  const { text, prefix, node, method } = parseFunction(source);
  const analysis = analyse(node);
  const context: Context = {
    text,
    analysis,
    writes: new Map(analysis.writes.map((write) => [write.node, write])),
    exits: findExits(node),
  };
  const writer = new Writer(context);
  const body = method ? `({ m${writer.method(node as es.FunctionExpression, method)} })` : writer.root(node);
  return {
    text: body,
    isMethod: method !== null,
    free: [...analysis.free].filter((name) => name !== "arguments" && name !== "undefined"),
    sites: writer.sites.map((position) => position - prefix),
    refusals: writer.refusals.map((refusal) => ({ ...refusal, position: refusal.position - prefix })),
    usesOuterThis: node.type === "ArrowFunctionExpression" && usesThis(node),
  };
}

/** Whether a node reads `this`, functions with a `this` of their own left out. */
function usesThis(node: AnyNode): boolean {
  if (node.type === "ThisExpression" || node.type === "Super") return true;
  if (isFunction(node) && node.type !== "ArrowFunctionExpression") return false;
  if (node.type === "ClassBody") return false;
  return Object.values(node).some((value) => {
    const all: unknown[] = Array.isArray(value) ? value : [value];
    return all.some((child) =>
      typeof child === "object" && child !== null && "type" in child && usesThis(child as AnyNode)
    );
  });
}
