/**
 * Graphs of nodes and values with use lists, shared by the FX and the ONNX dialect.
 *
 * A dialect adds a node class that says which values it uses (`operands`) and how to exchange one. Everything else, order,
 * uses, names, insertion and removal, lives here, so that a pass of either dialect can't leave a graph inconsistent.
 */
import type { Origin } from "./origin.ts";

/**
 * The nodes that use a value, with how often each does: the methods of a Map, in a fraction of its memory while there is one
 * node, as for most of the values of a graph.
 */
export class Uses {
  /** The only node; null where there is none, or where there are several. */
  private only: Node | null = null;
  private count = 0;
  /** The nodes, once there have been several. */
  private all: Map<Node, number> | null = null;

  /** Number of nodes. */
  get size(): number {
    return this.all ? this.all.size : this.only ? 1 : 0;
  }

  /** How often a node uses the value; undefined for none of the nodes. */
  get(node: Node): number | undefined {
    return this.all ? this.all.get(node) : node === this.only ? this.count : undefined;
  }

  /** Tells how often a node uses the value. */
  set(node: Node, count: number): void {
    if (this.all) this.all.set(node, count);
    else if (this.only === null || this.only === node) {
      this.only = node;
      this.count = count;
    } else {
      this.all = new Map([[this.only, this.count], [node, count]]);
      this.only = null;
    }
  }

  /** Takes a node out. */
  delete(node: Node): void {
    if (this.all) this.all.delete(node);
    else if (this.only === node) this.only = null;
  }

  /** Takes all nodes out. */
  clear(): void {
    this.only = this.all = null;
  }

  /** The nodes, in the order in which they came. */
  keys(): Iterable<Node> {
    return this.all ? this.all.keys() : this.only ? [this.only] : [];
  }
}

/** A value: a graph input, or a result of a node. */
export class Value<M = unknown> {
  /** Unique in its graph. */
  name: string;
  /** What is known without running it; null when nothing is. */
  meta: M | null;
  /** The node that yields it; null for graph inputs and initializers. */
  producer: Node | null = null;
  /** Position among the producer's outputs. */
  index = 0;
  /** Nodes that use it, with how often each does. */
  readonly uses: Uses = new Uses();

  /** A value that nothing uses yet. */
  constructor(name: string, meta: M | null = null) {
    this.name = name;
    this.meta = meta;
  }
}

/** A node of either dialect. */
export abstract class Node {
  /** Its results, in order. */
  readonly outputs: readonly Value[];
  /** Where the node comes from in the user's program. */
  origin: Origin | null;
  /** The graph the node stands in; null before insertion and after removal. */
  graph: Graph | null = null;
  /** The node before it; null for the first. */
  prev: Node | null = null;
  /** The node after it; null for the last. */
  next: Node | null = null;

  /** A node that stands in no graph yet; its results get it as their producer. */
  constructor(outputs: readonly Value[], origin: Origin | null) {
    this.outputs = outputs;
    this.origin = origin;
    for (const [i, value] of outputs.entries()) {
      value.producer = this;
      value.index = i;
    }
  }

  /** A text for messages: the node's name, or its operator. */
  abstract get label(): string;

  /** Every value the node uses, once per use, those captured by its subgraphs included. */
  abstract operands(): Iterable<Value>;

  /** Uses `to` wherever `from` is used; called by `Value` replacement only. */
  protected abstract exchange(from: Value, to: Value): void;

  /** Uses `to` instead of `from`, keeping the use lists true. */
  replaceOperand(from: Value, to: Value): void {
    const count = from.uses.get(this);
    if (!count) return;
    this.exchange(from, to);
    from.uses.delete(this);
    to.uses.set(this, (to.uses.get(this) ?? 0) + count);
  }

  /** Recounts the uses after the node's own arguments were changed by `change`. */
  update(change: () => void): void {
    this.unlinkUses();
    change();
    this.linkUses();
  }

  /** Enters the node in the use lists of its operands. */
  linkUses(): void {
    for (const value of this.operands()) value.uses.set(this, (value.uses.get(this) ?? 0) + 1);
  }

  /** Takes the node out of the use lists of its operands. */
  unlinkUses(): void {
    for (const value of this.operands()) value.uses.delete(this);
  }
}

/** Nodes in execution order with inputs and outputs. `O` is what an output can be: a value, or in FX a literal too. */
export class Graph<N extends Node = Node, V extends Value = Value, O = V> {
  /** A name for messages and for the written model. */
  name: string;
  /** What is given when the graph runs, in order. */
  readonly inputs: V[] = [];
  /** What the graph gives, in order. */
  outputs: O[] = [];
  private first: N | null = null;
  private last: N | null = null;
  private count = 0;

  /** An empty graph. */
  constructor(name: string) {
    this.name = name;
  }

  /** Number of nodes. */
  get size(): number {
    return this.count;
  }

  /** The nodes in order. The node just given may be removed, and nodes may be inserted around it, while iterating. */
  *nodes(): Generator<N> {
    let node = this.first;
    while (node) {
      const next = node.next as N | null;
      yield node;
      node = this.holds(node) ? node.next as N | null : next;
    }
  }

  /** The nodes, last first; the node just given may be removed while iterating. */
  *nodesReversed(): Generator<N> {
    let node = this.last;
    while (node) {
      const prev = node.prev as N | null;
      yield node;
      node = prev;
    }
  }

  /**
   * Adds a node at the end, or before `before`.
   *
   * @throws {TypeError} when the node stands in a graph already, or `before` does not stand in this one
   */
  insert(node: N, before: N | null = null): N {
    if (node.graph) throw new TypeError(`Cannot insert ${node.label}: it already stands in a graph`);
    if (before && !this.holds(before)) {
      throw new TypeError(`Cannot insert ${node.label} before ${before.label}, which is not in graph ${this.name}`);
    }
    node.graph = this as unknown as Graph;
    this.link(node, before);
    this.count++;
    node.linkUses();
    return node;
  }

  /**
   * Removes a node.
   *
   * @throws {TypeError} when a result of the node is still used, or the node is not in this graph
   */
  remove(node: N): void {
    if (!this.holds(node)) throw new TypeError(`Cannot remove ${node.label}: it is not in graph ${this.name}`);
    for (const value of node.outputs) {
      if (value.uses.size > 0) {
        throw new TypeError(`Cannot remove ${node.label}: its result ${value.name} is still used`);
      }
      if ((this.outputs as unknown[]).includes(value)) {
        throw new TypeError(`Cannot remove ${node.label}: its result ${value.name} is an output of the graph`);
      }
    }
    node.unlinkUses();
    this.unlink(node);
    node.prev = node.next = null;
    node.graph = null;
    this.count--;
  }

  /**
   * Moves a node to the end, or before `before`. Uses stay as they are: who moves sees to it that operands come first.
   *
   * @throws {TypeError} when one of the nodes does not stand in this graph
   */
  move(node: N, before: N | null = null): void {
    for (const one of [node, before]) {
      if (one && !this.holds(one)) throw new TypeError(`Cannot move ${one.label}: it is not in graph ${this.name}`);
    }
    if (node === before || node.next === before) return;
    this.unlink(node);
    this.link(node, before);
  }

  /** Puts a node into the list: at the end, or before `before`. */
  private link(node: N, before: N | null): void {
    const prev = before ? before.prev as N | null : this.last;
    node.prev = prev;
    node.next = before;
    if (prev) prev.next = node;
    else this.first = node;
    if (before) before.prev = node;
    else this.last = node;
  }

  /** Closes the list where a node stands. */
  private unlink(node: N): void {
    if (node.prev) node.prev.next = node.next;
    else this.first = node.next as N | null;
    if (node.next) node.next.prev = node.prev;
    else this.last = node.prev as N | null;
  }

  /** Whether a node stands in this graph. */
  private holds(node: N): boolean {
    return node.graph === (this as unknown as Graph);
  }

  /** Uses `to` instead of `from` in every node and output. */
  replaceAllUses(from: V, to: V): void {
    if (from === to) return;
    for (const node of [...from.uses.keys()]) node.replaceOperand(from, to);
    const outputs = this.outputs as unknown[];
    for (const [i, output] of outputs.entries()) if (output === from) outputs[i] = to;
  }
}

/** Hands out names that are not taken yet: `x`, `x_1`, `x_2`, … */
export class Names {
  private readonly taken: Set<string> = new Set();
  /** The last number that was given out after a name. */
  private readonly last: Map<string, number> = new Map();

  /** Marks a name as taken. Returns whether it was free. */
  reserve(name: string): boolean {
    if (this.taken.has(name)) return false;
    this.taken.add(name);
    return true;
  }

  /** Frees a name that its value no longer bears. */
  release(name: string): void {
    this.taken.delete(name);
  }

  /** Whether a name is taken. */
  has(name: string): boolean {
    return this.taken.has(name);
  }

  /** `base` if it is free, else `base` with the next free number. */
  fresh(base: string): string {
    if (this.reserve(base)) return base;
    let n = this.last.get(base) ?? 0;
    while (!this.reserve(`${base}_${++n}`));
    this.last.set(base, n);
    return `${base}_${n}`;
  }
}
