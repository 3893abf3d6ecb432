/**
 * What running a part of a program changes in objects: contents of arrays, maps, sets and other objects are kept before the
 * first change, so that the changes of one branch can be taken back before the other runs, and both be compared.
 */

/** The contents of an object: its own properties, and what a collection holds. */
export interface Contents {
  /** Own enumerable properties; an array's elements. */
  readonly entries: ReadonlyMap<PropertyKey, unknown>;
  /** What a Map or Set holds, in order. */
  readonly items: readonly (readonly [unknown, unknown])[] | null;
}

/** The contents of an object now. */
export function contentsOf(object: object): Contents {
  const entries = new Map<PropertyKey, unknown>();
  for (const key of Reflect.ownKeys(object)) {
    const property = Object.getOwnPropertyDescriptor(object, key)!;
    if ("value" in property && property.enumerable) entries.set(key, property.value);
  }
  if (object instanceof Map) return { entries, items: [...object] };
  if (object instanceof Set) return { entries, items: [...object].map((item) => [item, item] as const) };
  return { entries, items: null };
}

/** Gives an object other contents. */
export function setContents(object: object, { entries, items }: Contents): void {
  if (Array.isArray(object)) object.length = 0;
  for (const key of Reflect.ownKeys(object)) {
    const property = Object.getOwnPropertyDescriptor(object, key)!;
    if ("value" in property && property.enumerable && !entries.has(key)) Reflect.deleteProperty(object, key);
  }
  for (const [key, value] of entries) {
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
  }
  if (items === null) return;
  if (object instanceof Map) {
    object.clear();
    for (const [key, value] of items) object.set(key, value);
  } else if (object instanceof Set) {
    object.clear();
    for (const [item] of items) object.add(item);
  }
}

/** The changes of one part of a program. */
export interface Changes {
  /** Contents before and after, of objects that are older than the part. */
  readonly changed: ReadonlyMap<object, { readonly before: Contents; readonly after: Contents }>;
  /** Objects that the part made. */
  readonly born: ReadonlySet<object>;
}

interface Part {
  readonly before: Map<object, Contents>;
  readonly born: Set<object>;
}

/** Keeps what is changed by parts of a program, which nest. */
export class Journal {
  private readonly parts: Part[] = [];

  /** Whether changes are kept now. */
  get isOpen(): boolean {
    return this.parts.length > 0;
  }

  /** Tells that an object is about to be changed. */
  touch(object: object): void {
    const part = this.parts.at(-1);
    if (part && !part.before.has(object) && !part.born.has(object)) part.before.set(object, contentsOf(object));
  }

  /** Tells that an object was made just now. */
  born<T>(object: T): T {
    if (typeof object === "object" && object !== null) this.parts.at(-1)?.born.add(object);
    return object;
  }

  /** Whether the part that runs now made an object. */
  isBornHere(object: object): boolean {
    return this.parts.at(-1)?.born.has(object) ?? false;
  }

  /**
   * Runs a part, and takes back what it changed.
   *
   * @param use is given the changes before they are taken back
   */
  trial<R>(run: () => void, use: (changes: () => Changes) => R): R {
    const part: Part = { before: new Map(), born: new Set() };
    this.parts.push(part);
    try {
      run();
      return use(() => ({
        changed: new Map([...part.before].map(([object, before]) => [object, { before, after: contentsOf(object) }])),
        born: part.born,
      }));
    } finally {
      this.parts.pop();
      for (const [object, before] of part.before) setContents(object, before);
    }
  }
}
