/** `torch.nn.modules.container`: modules and parameters in lists and by name. */
import { className, indented, Module } from "../module.ts";
import { Parameter } from "../parameter.ts";
import { Tensor } from "../tensor.ts";

/** A module that may be run with one value. */
type AnyModule = Module & { call(...args: never[]): unknown };

/** Members by name, in order. */
export type Named<T> = ReadonlyMap<string, T> | Readonly<Record<string, T>> | Iterable<readonly [string, T]>;

/** What containers share: the order of their members' names, which properties that look like numbers would lose. */
abstract class Container<T> extends Module {
  /** Names of the members, in order. */
  protected readonly order: string[] = [];

  override *_members(): Iterable<readonly [string, unknown]> {
    const self = this as unknown as Record<string, unknown>;
    for (const name of this.order) yield [name, self[name]];
    for (const [name, value] of Object.entries(this)) if (!this.order.includes(name)) yield [name, value];
  }

  /** Adds or replaces a member. */
  protected put(name: string, member: T): void {
    const self = this as unknown as Record<string, unknown>;
    const isOwn = this.order.includes(name);
    if (name === "" || name.includes(".")) {
      throw new RangeError(`The name of a member of ${className(this)} can't be ${name || "empty"}`);
    }
    if (name in this && !isOwn) throw new RangeError(`${className(this)} has an attribute ${name} already`);
    self[name] = member;
    if (!isOwn) this.order.push(name);
  }

  /** Takes a member out. */
  protected take(name: string): T | undefined {
    const self = this as unknown as Record<string, unknown>;
    const at = this.order.indexOf(name);
    if (at < 0) return undefined;
    const member = self[name] as T;
    this.order.splice(at, 1);
    delete self[name];
    return member;
  }

  /** A member by name. */
  protected member(name: string): T | undefined {
    return this.order.includes(name) ? (this as unknown as Record<string, unknown>)[name] as T : undefined;
  }

  /** Number of members. */
  get length(): number {
    return this.order.length;
  }

  /** Containers that have no order of computation. */
  forward(..._args: never[]): unknown {
    throw new TypeError(`Module [${className(this)}] is missing the required "forward" function`);
  }
}

/** What list-like containers share. */
abstract class ListContainer<T> extends Container<T> {
  /** The members. */
  *[Symbol.iterator](): Generator<T> {
    for (const name of this.order) yield this.member(name)!;
  }

  /** The member at a position; negative ones count from the end. */
  at(index: number): T | undefined {
    const name = this.order.at(index);
    return name === undefined ? undefined : this.member(name);
  }

  /** Adds a member at the end. */
  append(member: T): this {
    this.put(String(this.length), member);
    return this;
  }

  /** Adds members at the end. */
  extend(members: Iterable<T>): this {
    for (const member of members) this.append(member);
    return this;
  }

  /** Adds a member before the one at a position. */
  insert(index: number, member: T): this {
    const members = [...this];
    members.splice(index, 0, member);
    return this.replaceAll(members);
  }

  /** Takes the member at a position out, by default the last. */
  pop(index: number = -1): T {
    const members = [...this];
    const [taken] = members.splice(index, 1);
    if (taken === undefined) {
      throw new RangeError(`Index ${index} is out of range: ${className(this)} has ${this.length} members`);
    }
    this.replaceAll(members);
    return taken;
  }

  private replaceAll(members: readonly T[]): this {
    for (const name of [...this.order]) this.take(name);
    return this.extend(members);
  }
}

/**
 * Modules one after the other, each given the result of the one before: `torch.nn.Sequential`.
 *
 * Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Sequential.html
 *
 * @example
 * ```ts
 * import { nn, torch } from "@fx2onnx/fx2onnx/torch";
 *
 * const model = new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Linear(8, 2));
 * console.log(model.call(torch.ones([3, 4])).shape); // [3, 2]
 * ```
 */
export class Sequential<I = Tensor, O = Tensor> extends ListContainer<Module> {
  /** The members by position. */
  [index: number]: Module;

  /** Modules, or one collection of modules by name. */
  constructor(...modules: readonly Module[] | readonly [Named<Module>]) {
    super();
    const [first] = modules;
    if (modules.length === 1 && !(first instanceof Module)) {
      for (const [name, module] of entries(first)) this.put(name, module);
    } else this.extend(modules as readonly Module[]);
  }

  /** Applies the layer. */
  override forward(input: I): O {
    let value: unknown = input;
    for (const [, module] of this._members()) {
      if (module instanceof Module) value = (module as unknown as { call(x: unknown): unknown }).call(value);
    }
    return value as O;
  }
}

/** Modules in a list, which a model calls as it likes: `torch.nn.ModuleList`. */
export class ModuleList<M extends Module = AnyModule> extends ListContainer<M> {
  /** The members by position. */
  [index: number]: M;

  /** A layer with these settings. */
  constructor(modules: Iterable<M> = []) {
    super();
    this.extend(modules);
  }

  /** As PyTorch prints it: equal neighbours once, with their number. */
  override _childLines(): string[] {
    const groups: Array<{ text: string; first: number; last: number }> = [];
    for (const [i, module] of [...this].entries()) {
      const text = String(module);
      const previous = groups.at(-1);
      if (previous?.text === text) previous.last = i;
      else groups.push({ text, first: i, last: i });
    }
    return groups.map(({ text, first, last }) => {
      const shown = indented(text);
      return first === last ? `(${first}): ${shown}` : `(${first}-${last}): ${last - first + 1} x ${shown}`;
    });
  }
}

/** Modules by name, which a model calls as it likes: `torch.nn.ModuleDict`. */
export class ModuleDict<M extends Module = AnyModule> extends Container<M> {
  /** A layer with these settings. */
  constructor(modules: Named<M> = {}) {
    super();
    this.update(modules);
  }

  /** The module of a name. @throws {RangeError} when there is none */
  get(name: string): M {
    const module = this.member(name);
    if (!module) throw new RangeError(`ModuleDict has no module ${name}: it has ${this.order.join(", ")}`);
    return module;
  }

  /** Whether there is a module of the name. */
  has(name: string): boolean {
    return this.order.includes(name);
  }

  /** Adds or replaces a module. */
  set(name: string, module: M): this {
    this.put(name, module);
    return this;
  }

  /** Adds or replaces modules. */
  update(modules: Named<M>): this {
    for (const [name, module] of entries(modules)) this.put(name, module);
    return this;
  }

  /** Takes a module out. @throws {RangeError} when there is none */
  pop(name: string): M {
    const module = this.get(name);
    this.take(name);
    return module;
  }

  /** The names. */
  keys(): IterableIterator<string> {
    return this.order.values();
  }

  /** The modules. */
  *values(): Generator<M> {
    for (const name of this.order) yield this.member(name)!;
  }

  /** Names and modules. */
  *entries(): Generator<[string, M]> {
    for (const name of this.order) yield [name, this.member(name)!];
  }

  /** Names and modules. */
  [Symbol.iterator](): Generator<[string, M]> {
    return this.entries();
  }
}

/** Parameters in a list: `torch.nn.ParameterList`. */
export class ParameterList extends ListContainer<Parameter> {
  /** The members by position. */
  [index: number]: Parameter;

  /** Tensors become parameters. */
  constructor(values: Iterable<Tensor> = []) {
    super();
    for (const value of values) this.append(asParameter(value));
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    return [...this].map((p, i) => `  (${i}): ${parameterLine(p, `torch.${p.dtype}`)}`).join("\n");
  }
}

/** Parameters by name: `torch.nn.ParameterDict`. */
export class ParameterDict extends Container<Parameter> {
  /** Tensors become parameters. As in PyTorch the names of a plain object are sorted, and those of a Map are not. */
  constructor(values: Named<Tensor> = {}) {
    super();
    const given = [...entries(values)];
    if (!(Symbol.iterator in values)) given.sort(([a], [b]) => a < b ? -1 : 1);
    for (const [name, value] of given) this.put(name, asParameter(value));
  }

  /** The parameter of a name. @throws {RangeError} when there is none */
  get(name: string): Parameter {
    const parameter = this.member(name);
    if (!parameter) throw new RangeError(`ParameterDict has no parameter ${name}: it has ${this.order.join(", ")}`);
    return parameter;
  }

  /** Whether there is a parameter of the name. */
  has(name: string): boolean {
    return this.order.includes(name);
  }

  /** Adds or replaces a parameter. */
  set(name: string, value: Tensor): this {
    this.put(name, asParameter(value));
    return this;
  }

  /** The names. */
  keys(): IterableIterator<string> {
    return this.order.values();
  }

  /** The parameters. */
  *values(): Generator<Parameter> {
    for (const name of this.order) yield this.member(name)!;
  }

  /** Names and parameters. */
  *entries(): Generator<[string, Parameter]> {
    for (const name of this.order) yield [name, this.member(name)!];
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    const type = (p: Parameter): string => TYPE_NAMES.get(p.dtype) ?? `torch.${p.dtype}`;
    return [...this.entries()].map(([name, p]) => `  (${name}): ${parameterLine(p, type(p))}`).join("\n");
  }
}

function asParameter(value: Tensor): Parameter {
  return value instanceof Parameter ? value : new Parameter(value);
}

const TYPE_NAMES: ReadonlyMap<string, string> = new Map([
  ["float32", "torch.FloatTensor"],
  ["float64", "torch.DoubleTensor"],
  ["float16", "torch.HalfTensor"],
  ["bfloat16", "torch.BFloat16Tensor"],
]);

function parameterLine(parameter: Parameter, type: string): string {
  return `Parameter containing: [${type} of size ${parameter.shape.join("x")}]`;
}

function entries<T>(members: Named<T>): Iterable<readonly [string, T]> {
  return Symbol.iterator in members ? members as Iterable<readonly [string, T]> : Object.entries(members);
}
