/**
 * The functions that a program calls: which are the user's, and their rewritten form. Reading a function needs the inspector,
 * which answers later only; so functions are read before they are run, and where one is met that was not read, the capture is
 * begun anew once it was.
 */
import { Calls } from "./calls.ts";
import { loadParser } from "./parse.ts";
import { type Callable, type Place, refusal, UnreadFunction } from "./refusal.ts";
import { rewrite, type Rewritten } from "./rewrite.ts";
import type { Runtime } from "./runtime.ts";
import { CaptureError } from "../../ir/mod.ts";

/** Where a function was found, and what it takes from outside. */
export interface FunctionSource {
  /** As its `toString` gives it. */
  readonly text: string;
  /** Whether it is the user's, this library's, or the language's. */
  readonly owner: "user" | "library" | "native";
  /** The values of names from outside, where they could be read. */
  readonly names: ReadonlyMap<string, unknown>;
  /** The place of a position in {@linkcode text}. */
  place(position: number): Place;
  /** Makes a function of a text in which `$` and names from outside are parameters. */
  compile(text: string, parameters: readonly string[]): (...values: readonly unknown[]) => unknown;
}

/** Finds functions in the files of the program. */
export interface SourceReader {
  /** Reads functions; null for what can't be read. */
  read(fn: Callable): Promise<FunctionSource>;
}

/** A function of the user's. */
export class Unit {
  readonly fn: Callable;
  readonly source: FunctionSource;
  readonly rewritten: Rewritten;
  private readonly compilations: WeakMap<object, WeakMap<Runtime, Callable>> = new WeakMap();

  constructor(fn: Callable, source: FunctionSource, rewritten: Rewritten) {
    this.fn = fn;
    this.source = source;
    this.rewritten = rewritten;
  }

  /** @throws {CaptureError} listing all that can't be captured in the function */
  check(_place: Place): void {
    const { refusals } = this.rewritten;
    if (refusals.length === 0) return;
    throw refusalOf(refusals.map(({ construct, wayOut, position }) => ({
      fact: `${construct} can't be captured`,
      place: this.source.place(position),
      wayOut,
    })));
  }

  /**
   * The rewritten function for one capture.
   *
   * @param self what it is called on: `this` of an arrow function that is a field of its object
   */
  compiled(runtime: Runtime, self: unknown, place: Place): Callable {
    const owner = this.rewritten.usesOuterThis ? this.ownerOf(self, place) : this;
    const compilations = this.compilations.get(owner) ?? new WeakMap<Runtime, Callable>();
    this.compilations.set(owner, compilations);
    const known = compilations.get(runtime);
    if (known) return known;
    const made = this.compile(runtime, owner);
    compilations.set(runtime, made);
    return made;
  }

  /** The object that an arrow function is a field of. @throws {CaptureError} where that is not known */
  private ownerOf(self: unknown, place: Place): object {
    const isField = typeof self === "object" && self !== null && Object.values(self).includes(this.fn) &&
      Object.getPrototypeOf(self) !== Object.prototype;
    if (isField) return self;
    throw refusal(
      "An arrow function that uses this of a function around it, which can't be read",
      place,
      "Call it as a method of the object that it is a field of, or pass what it uses as arguments",
    );
  }

  private compile(runtime: Runtime, owner: object): Callable {
    const { text, free, isMethod, sites } = this.rewritten;
    const given = free.filter((name) => this.source.names.has(name));
    const make = this.source.compile(text, ["$", ...given]);
    const place = (site: number): Place => this.source.place(sites[site]);
    const calls = new Calls(runtime, place);
    const values = given.map((name) => this.source.names.get(name));
    let made = Reflect.apply(make, owner === this ? undefined : owner, [calls, ...values]);
    if (isMethod) {
      // What `super` means follows from where the method stands.
      const home = homeOf(this.fn);
      if (home) Object.setPrototypeOf(made, Object.getPrototypeOf(home));
      made = (made as { m: unknown }).m;
    }
    const fn = runtime.markRewritten(made as Callable);
    if (/^class\b/.test(text)) calls.cls(fn);
    return fn;
  }
}

/** One refusal, or all of them in one error. */
export function refusalOf(
  all: readonly { readonly fact: string; readonly place: Place; readonly wayOut: string }[],
): CaptureError {
  const errors = all.map(({ fact, place, wayOut }) => refusal(fact, place, wayOut));
  if (errors.length === 1) return errors[0];
  const message = errors.map((error) => `\n- ${error.message.replaceAll("\n", "\n  ")}`).join("");
  return new CaptureError(`${errors.length} constructs can't be captured:${message}`);
}

const homes = new WeakMap<object, object>();

/** Remembers the class prototype, or the object, that methods stand in. */
export function rememberHome(object: object): void {
  for (let at: object | null = object; at && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const owner of [at, at.constructor as object | undefined]) {
      if (!owner || owner === Function.prototype) continue;
      for (const property of Object.values(Object.getOwnPropertyDescriptors(owner))) {
        for (const fn of [property.value, property.get, property.set]) {
          if (typeof fn === "function" && !homes.has(fn)) homes.set(fn, owner);
        }
      }
    }
  }
}

function homeOf(fn: Callable): object | undefined {
  return homes.get(fn);
}

/** The functions that were read so far. */
export class Library {
  private readonly reader: SourceReader;
  private readonly units: WeakMap<object, Unit | "library" | "native"> = new WeakMap();

  /** @param own objects and functions of this library, whose functions need no reading */
  constructor(reader: SourceReader, own: Iterable<object> = []) {
    this.reader = reader;
    const seen = new Set<unknown>();
    for (const one of own) this.addOwn(one, seen);
  }

  /** Functions of this library, those of its classes and namespaces among them. */
  private addOwn(object: unknown, seen: Set<unknown>): void {
    const isFunction = typeof object === "function";
    if (!isFunction && (typeof object !== "object" || object === null) || seen.has(object)) return;
    seen.add(object);
    if (isFunction) this.units.set(object, "library");
    for (const key of Reflect.ownKeys(object as object)) {
      if (isFunction && (key === "caller" || key === "arguments" || key === "callee")) continue;
      const { value, get, set } = Object.getOwnPropertyDescriptor(object as object, key)!;
      for (const item of [value, get, set]) if (typeof item === "function") this.addOwn(item, seen);
      const isNamespace = typeof value === "object" && value !== null &&
        (value as { [Symbol.toStringTag]?: string })[Symbol.toStringTag] === "Module";
      if (isNamespace || key === "prototype") this.addOwn(value, seen);
    }
    if (isFunction) this.addOwn(Object.getPrototypeOf(object), seen);
  }

  /** What a function is. @throws {UnreadFunction} where that is not known yet */
  unitOf(fn: Callable): Unit | "library" | "native" {
    const known = this.units.get(fn);
    if (known !== undefined) return known;
    if (isNative(fn) && !fn.name.startsWith("bound ")) return "native";
    throw new UnreadFunction(fn);
  }

  /** Whether a function is the user's. @throws {UnreadFunction} */
  isUsers(fn: Callable): boolean {
    return this.unitOf(fn) instanceof Unit;
  }

  /** Reads a function, and those that it names. */
  async read(fn: Callable): Promise<void> {
    await loadParser();
    const waiting: Callable[] = [fn];
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      if (this.units.has(next) || (isNative(next) && !next.name.startsWith("bound "))) continue;
      const source = await this.reader.read(next);
      if (source.owner !== "user") {
        this.units.set(next, source.owner);
        continue;
      }
      const unit = new Unit(next, source, rewrite(source.text));
      this.units.set(next, unit);
      for (const name of unit.rewritten.free) {
        const value = source.names.get(name);
        if (typeof value === "function") waiting.push(value as Callable);
      }
    }
  }

  /** Reads the methods of an object's class, and of those it extends, up to this library's. */
  async readMethods(object: object): Promise<void> {
    rememberHome(object);
    for (let at = Object.getPrototypeOf(object); at && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
      if (this.units.get(at.constructor) === "library") return;
      for (const { value, get, set } of Object.values(Object.getOwnPropertyDescriptors(at as object))) {
        for (const fn of [value, get, set]) {
          if (typeof fn === "function" && fn !== at.constructor) await this.read(fn as Callable);
        }
      }
    }
  }
}

function isNative(fn: Callable): boolean {
  return Function.prototype.toString.call(fn).endsWith("{ [native code] }");
}
