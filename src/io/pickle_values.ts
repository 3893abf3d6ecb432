/**
 * What the restricted unpickler makes: plain records that keep what Python would have built, without building it. Ints are
 * numbers where exact, else bigints; `bytes` are Uint8Arrays; None is null; all else Python-specific has a class here.
 */

/** A value of a pickle. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PyFloat
  | PyTuple<PickleValue>
  | PyList<PickleValue>
  | PyDict<PickleValue>
  | PySet<PickleValue>
  | Global
  | Reduced
  | Persistent;

/** A float: kept apart from ints, whose type is `number` or `bigint`. */
export class PyFloat {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** A tuple of `T`s. */
export class PyTuple<T> {
  readonly items: readonly T[];

  constructor(items: readonly T[]) {
    this.items = items;
  }
}

/** A list, or what else Python fills by appending. */
export class PyList<T> {
  readonly items: T[];
  readonly type: "list" | "collections.deque";

  constructor(items: T[] = [], type: "list" | "collections.deque" = "list") {
    this.items = items;
    this.type = type;
  }
}

/** A set or frozenset, without regard to equal items. */
export class PySet<T> {
  readonly items: T[];
  readonly frozen: boolean;

  constructor(items: T[] = [], frozen: boolean = false) {
    this.items = items;
    this.frozen = frozen;
  }
}

/** What a dict was in Python. */
export type PyDictType = "dict" | "collections.OrderedDict" | "collections.defaultdict";

/**
 * A dict in insertion order. Numbers are equal as in Python (`1`, `1.0` and `True` are one key); containers as keys are
 * equal only to themselves.
 */
export class PyDict<T> {
  readonly type: PyDictType;
  readonly #keys = new Map<unknown, T>();
  readonly #values = new Map<unknown, T>();

  constructor(entries: Iterable<readonly [T, T]> = [], type: PyDictType = "dict") {
    this.type = type;
    for (const [key, value] of entries) this.set(key, value);
  }

  /** Number of keys. */
  get size(): number {
    return this.#keys.size;
  }

  /** The value of a key. */
  get(key: T): T | undefined {
    return this.#values.get(identityOf(key));
  }

  /** Adds a key or replaces its value, keeping its place. */
  set(key: T, value: T): void {
    const identity = identityOf(key);
    if (!this.#keys.has(identity)) this.#keys.set(identity, key);
    this.#values.set(identity, value);
  }

  /** Keys and values in insertion order. */
  *entries(): Generator<[key: T, value: T]> {
    for (const [identity, key] of this.#keys) yield [key, this.#values.get(identity)!];
  }

  [Symbol.iterator](): Generator<[key: T, value: T]> {
    return this.entries();
  }
}

function identityOf(key: unknown): unknown {
  if (key instanceof PyFloat) key = key.value;
  if (typeof key === "boolean") return Number(key);
  if (typeof key === "bigint") return Number.isSafeInteger(Number(key)) ? Number(key) : key;
  return key;
}

/** A class or function by name. It is never looked up. */
export class Global {
  readonly module: string;
  readonly name: string;

  constructor(module: string, name: string) {
    this.module = module;
    this.name = name;
  }

  /** As Python writes it: `torch._utils._rebuild_tensor_v2`. */
  toString(): string {
    return `${this.module}.${this.name}`;
  }
}

/** A call that Python would have made, with everything that was then done to its result. It is never made. */
export class Reduced {
  /** What was to be called: a global, or the result of another call. */
  readonly callable: Global | Reduced;
  readonly args: PyTuple<PickleValue>;
  /** Keyword arguments, a dict, or undefined. */
  readonly kwargs: PickleValue | undefined;
  /** Whether `callable.__new__` was to be called (NEWOBJ) instead of `callable`. */
  readonly isNew: boolean;
  /** What was appended or added, in order. */
  readonly items: PickleValue[] = [];
  /** Keys that were set. */
  readonly dict: PyDict<PickleValue> = new PyDict();
  /** States that were given to `__setstate__` or merged into `__dict__`, in order. */
  readonly states: PickleValue[] = [];

  constructor(callable: Global | Reduced, args: PyTuple<PickleValue>, isNew: boolean = false, kwargs?: PickleValue) {
    this.callable = callable;
    this.args = args;
    this.isNew = isNew;
    this.kwargs = kwargs;
  }
}

/** What `persistentLoad` made of a persistent id: something that lies outside the pickle. */
export class Persistent {
  readonly value: unknown;

  constructor(value: unknown) {
    this.value = value;
  }
}

/** The values that a value directly holds. */
export function childrenOf(value: PickleValue): readonly PickleValue[] {
  if (value instanceof PyTuple || value instanceof PyList || value instanceof PySet) return value.items;
  if (value instanceof PyDict) return [...value].flat();
  if (value instanceof Reduced) {
    const kwargs = value.kwargs === undefined ? [] : [value.kwargs];
    return [value.callable, value.args, ...kwargs, ...value.items, ...[...value.dict].flat(), ...value.states];
  }
  return [];
}
