/**
 * Arguments and results of a model as trees: arrays, objects and Maps of leaves, and how PyTorch writes their structure.
 * Arrays among arguments are Python's lists, arrays among results its tuples; objects and Maps are dicts.
 */
import type { TreeSpec } from "../fx/mod.ts";
import { formatJson, type JsonValue } from "../io/json_writer.ts";

/** A leaf with where it is. */
export interface Leaf {
  readonly value: unknown;
  /** Keys and positions from the root. */
  readonly path: readonly (string | number)[];
}

/** A tree taken apart. */
export interface Flat {
  readonly leaves: readonly Leaf[];
  readonly spec: TreeSpec;
}

const LEAF: TreeSpec = { type: null, context: null, children: [] };

/**
 * Takes a tree apart.
 *
 * @param isLeaf tells leaves that are objects, such as tensors
 * @param sequence how arrays are written
 * @throws {TypeError} for an object of a class, which PyTorch would have to know
 */
export function flatten(
  tree: unknown,
  isLeaf: (x: unknown) => boolean,
  sequence: "builtins.list" | "builtins.tuple",
  path: readonly (string | number)[] = [],
): Flat {
  const leaves: Leaf[] = [];
  const visit = (value: unknown, at: readonly (string | number)[]): TreeSpec => {
    if (value === undefined) value = null;
    if (typeof value !== "object" || value === null || isLeaf(value)) {
      leaves.push({ value, path: at });
      return LEAF;
    }
    if (Array.isArray(value)) {
      return { type: sequence, context: "null", children: value.map((item, i) => visit(item, [...at, i])) };
    }
    const entries = value instanceof Map ? [...value] : entriesOf(value, at);
    for (const [key] of entries) {
      if (typeof key !== "string" && typeof key !== "number") {
        throw new TypeError(`A Map ${where(at)} has a key of type ${typeof key}: keys must be strings or numbers`);
      }
    }
    return {
      type: "builtins.dict",
      context: formatJson(entries.map(([key]) => typeof key === "number" ? BigInt(key) : key) as JsonValue),
      children: entries.map(([key, item]) => visit(item, [...at, key])),
    };
  };
  return { spec: visit(tree, path), leaves };
}

function entriesOf(value: object, at: readonly (string | number)[]): [string, unknown][] {
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError(
      `A value ${where(at)} is a ${
        value.constructor?.name ?? "n object"
      }: only tensors, numbers, strings, arrays, plain objects and Maps can be passed`,
    );
  }
  return Object.entries(value);
}

function where(path: readonly (string | number)[]): string {
  return path.length === 0 ? "at the top" : `at ${path.join(".")}`;
}

/** The same tree with other leaves. */
export function mapLeaves(tree: unknown, isLeaf: (x: unknown) => boolean, change: (leaf: unknown) => unknown): unknown {
  const visit = (value: unknown): unknown => {
    if (typeof value !== "object" || value === null || isLeaf(value)) return change(value ?? null);
    if (Array.isArray(value)) return value.map(visit);
    if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, visit(item)]));
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, visit(item)]));
  };
  return visit(tree);
}
