/**
 * Two values that a variable may hold, depending on the way that was taken, as one. Containers are merged by structure: arrays
 * of one length, objects and maps of the same keys. What is done with a pair of leaves is the caller's business.
 */
import { TensorBase } from "../base.ts";
import { SymbolicNumber } from "../symbolic.ts";
import { type Contents, contentsOf, setContents } from "./journal.ts";
import { Poison } from "./poison.ts";

/** Stands for the value of a variable that no one reads after one of the ways. */
export const MISSING: unique symbol = Symbol("missing");

/** One of the ways: what objects held at its end. */
export interface Side {
  /** The contents of an object at the end of the way. */
  contents(object: object): Contents;
}

/** The contents that objects have now. */
export const NOW: Side = { contents: contentsOf };

/** What a pair of leaves becomes. `path` says where they are: `state.h[0]`. */
export type MergeLeaf = (a: unknown, b: unknown, path: string) => unknown;

/** Whether a value is merged by what it holds. */
export function isContainer(x: unknown): x is object {
  if (typeof x !== "object" || x === null) return false;
  if (x instanceof TensorBase || x instanceof SymbolicNumber || isModule(x) || x instanceof Poison) return false;
  return !(ArrayBuffer.isView(x) || x instanceof Date || x instanceof RegExp || x instanceof Error);
}

/** Merges values of two ways. */
export class Merger {
  private readonly a: Side;
  private readonly b: Side;
  private readonly leaf: MergeLeaf;
  private readonly made: Map<unknown, Map<unknown, object>> = new Map();

  constructor(a: Side, b: Side, leaf: MergeLeaf) {
    this.a = a;
    this.b = b;
    this.leaf = leaf;
  }

  /** The merged value. */
  merge(a: unknown, b: unknown, path: string): unknown {
    if (a === b || Object.is(a, b)) return this.leafOrSame(a, b, path);
    const whole = a === MISSING ? b : a;
    const isStructured = (a === MISSING || isContainer(a)) && (b === MISSING || isContainer(b)) && isContainer(whole);
    if (!isStructured) return this.leaf(a, b, path);
    const known = this.made.get(a)?.get(b);
    if (known) return known;
    const [x, y] = [this.contents(this.a, a), this.contents(this.b, b)];
    const difference = differenceOf(a, b, x, y);
    if (difference) return new Poison(`${path} ${difference}`, null);
    const shell = shellOf(whole);
    const to = this.made.get(a) ?? new Map<unknown, object>();
    this.made.set(a, to);
    to.set(b, shell);
    setContents(shell, this.mergeContents(x, y, path));
    return shell;
  }

  /** The merged contents of one object that both ways changed, or one did. */
  mergeContents(x: Contents | null, y: Contents | null, path: string): Contents {
    const whole = (x ?? y)!;
    const entries = new Map(
      [...whole.entries.keys()].map((key) => {
        const name = typeof key === "string" && /^\d+$/.test(key) ? `${path}[${key}]` : `${path}.${String(key)}`;
        return [key, this.merge(x ? x.entries.get(key) : MISSING, y ? y.entries.get(key) : MISSING, name)] as const;
      }),
    );
    if (whole.items === null) return { entries, items: null };
    const items = whole.items.map(([key], i) => {
      const [left, right] = [x?.items?.[i][1], y?.items?.[i][1]];
      return [key, this.merge(x ? left : MISSING, y ? right : MISSING, `${path}.get(${String(key)})`)] as const;
    });
    return { entries, items };
  }

  private leafOrSame(a: unknown, b: unknown, path: string): unknown {
    return isContainer(a) ? a : this.leaf(a, b, path);
  }

  private contents(side: Side, value: unknown): Contents | null {
    return isContainer(value) ? side.contents(value) : null;
  }
}

/** Why two containers can't be merged; null where they can. */
export function differenceOf(a: unknown, b: unknown, x: Contents | null, y: Contents | null): string | null {
  if (!x || !y) return null;
  if (isContainer(a) && isContainer(b) && Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) {
    return `is of class ${className(a)} one way and ${className(b)} the other`;
  }
  if (Array.isArray(a) && Array.isArray(b) && x.entries.size !== y.entries.size) {
    return `has ${x.entries.size} elements one way and ${y.entries.size} the other`;
  }
  const missing = [...x.entries.keys()].find((key) => !y.entries.has(key)) ??
    [...y.entries.keys()].find((key) => !x.entries.has(key));
  if (missing !== undefined) return `has the property ${String(missing)} one way and not the other`;
  const [left, right] = [x.items ?? [], y.items ?? []];
  if (left.length !== right.length || left.some(([key], i) => key !== right[i][0])) {
    return "holds other keys one way than the other";
  }
  return null;
}

function className(x: object): string {
  return x.constructor?.name ?? "Object";
}

/** A container of the same kind without contents. */
function shellOf(like: object): object {
  if (Array.isArray(like)) return [];
  const shell = like instanceof Map ? new Map() : like instanceof Set ? new Set() : {};
  return Object.setPrototypeOf(shell, Object.getPrototypeOf(like));
}

/** Whether an object is a module: it is itself, whatever its fields hold. */
export function isModule(x: object): boolean {
  return "_buffers" in x && "forward" in x;
}
