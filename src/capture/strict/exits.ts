/** Where `break`, `continue` and `return` lead, and which statements they can leave. */
import type * as es from "acorn";
import { type AnyNode, childrenOf, isFunction } from "./parse.ts";

/** The exits of a function's statements. */
export interface Exits {
  /** The statement that a `break` or `continue` is about. */
  readonly targets: ReadonlyMap<AnyNode, AnyNode>;
  /** Statements that a `return`, or a `break` or `continue` of a statement around them, may leave. */
  readonly leaving: ReadonlySet<AnyNode>;
}

interface Frame {
  readonly node: AnyNode;
  readonly labels: readonly string[];
  readonly isLoop: boolean;
  readonly isSwitch: boolean;
}

const LOOPS = new Set(["ForStatement", "ForInStatement", "ForOfStatement", "WhileStatement", "DoWhileStatement"]);

/** Finds the exits below a node, those of nested functions too. */
export function findExits(root: AnyNode): Exits {
  const targets = new Map<AnyNode, AnyNode>();
  const leaving = new Set<AnyNode>();

  function visit(node: AnyNode, frames: readonly Frame[], path: readonly AnyNode[], labels: readonly string[]): void {
    const inner = [...path, node];
    if (isFunction(node) || node.type === "PropertyDefinition" || node.type === "StaticBlock") {
      for (const child of childrenOf(node)) visit(child, [], [], []);
      return;
    }
    switch (node.type) {
      case "ReturnStatement":
        for (const around of inner) leaving.add(around);
        break;
      case "BreakStatement":
      case "ContinueStatement": {
        const target = find(node, frames);
        if (!target) return;
        targets.set(node, target);
        for (const around of inner.slice(inner.lastIndexOf(target) + 1)) leaving.add(around);
        return;
      }
      case "LabeledStatement": {
        const all = [...labels, node.label.name];
        if (LOOPS.has(node.body.type)) {
          // Exits that name the label are exits of the loop.
          visit(node.body, frames, inner, all);
          return;
        }
        visit(node.body, [...frames, { node, labels: all, isLoop: false, isSwitch: false }], inner, []);
        return;
      }
    }
    const isLoop = LOOPS.has(node.type);
    const isSwitch = node.type === "SwitchStatement";
    const around = isLoop || isSwitch ? [...frames, { node, labels, isLoop, isSwitch }] : frames;
    for (const child of childrenOf(node)) visit(child, around, inner, []);
  }
  visit(root, [], [], []);
  return { targets, leaving };
}

function find(node: es.BreakStatement | es.ContinueStatement, frames: readonly Frame[]): AnyNode | undefined {
  const { label } = node;
  const isContinue = node.type === "ContinueStatement";
  return frames.findLast((frame) => {
    if (label) return frame.labels.includes(label.name) && (!isContinue || frame.isLoop);
    return frame.isLoop || frame.isSwitch && !isContinue;
  })?.node;
}
