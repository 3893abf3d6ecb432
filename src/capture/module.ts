/**
 * `torch.nn.Module`: what has parameters, buffers, children, and a `forward`. They are found among a module's own
 * properties, in the order in which these were defined, so that names and their order are PyTorch's. Nothing intercepts
 * assignments: names of buffers are kept beside the properties.
 */
import type { DType } from "../tensor/mod.ts";
import { isComplex, isFloat } from "../tensor/mod.ts";
import { currentTracer } from "../trace/context.ts";
import { Buffer, Parameter } from "./parameter.ts";
import { type LoadResult, loadState, type LoadStateDictOptions, type StateDict } from "./state_dict.ts";
import { Tensor } from "./tensor.ts";

/** How the members of a module and of those inside it are listed. */
export interface MemberOptions {
  /** What the names begin with. Default: nothing. */
  readonly prefix?: string;
  /** Whether members of the modules inside are listed too. Default: true. */
  readonly recurse?: boolean;
  /** Whether what has several names is listed under the first only. Default: true. */
  readonly removeDuplicate?: boolean;
}

/**
 * Base class of all models and layers.
 *
 * A subclass has its parameters, buffers and layers as properties and writes `forward`. Models call a layer by
 * {@linkcode Module.call}, which is PyTorch's `layer(…)`. Private members (`#name`) are not seen as state.
 *
 * Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html
 *
 * @example
 * ```ts
 * import { nn, torch, type Tensor } from "@fx2onnx/fx2onnx/torch";
 *
 * class Model extends nn.Module {
 *   fc0 = new nn.Linear(4, 8);
 *   fc1 = new nn.Linear(8, 2);
 *
 *   forward(x: Tensor): Tensor {
 *     return this.fc1.call(torch.relu(this.fc0.call(x)));
 *   }
 * }
 * const model = new Model();
 * console.log(model.call(torch.ones([3, 4])).shape); // [3, 2]
 * ```
 */
export abstract class Module {
  /** Whether the module is in training mode: dropout and batch statistics depend on it. */
  training = true;

  /**
   * Names of the properties that are buffers, with whether they are in the state dict.
   *
   * @internal
   */
  readonly _buffers: Map<string, boolean> = new Map();

  /** What the module computes. Layers are run by {@linkcode call}, which calls this. */
  abstract forward(...args: never[]): unknown;

  /** PyTorch's `module(…)`: runs `forward`, which a capture then knows to be this module's. */
  call(...args: Parameters<this["forward"]>): ReturnType<this["forward"]> {
    rememberBuffers(this);
    const tracer = currentTracer();
    const forward = tracer?.follow ? tracer.follow(this.forward) : this.forward;
    const run = (): ReturnType<this["forward"]> => Reflect.apply(forward as () => unknown, this, args) as never;
    return tracer ? tracer.inModule(this, run) : run();
  }

  /**
   * Names and values of the properties that may be state, in the order of definition.
   *
   * @internal
   */
  _members(): Iterable<readonly [name: string, value: unknown]> {
    return Object.entries(this);
  }

  /**
   * Makes a tensor a buffer: `this.mask = this.registerBuffer("mask", …)`, or without the assignment.
   *
   * @param tensor its value; null makes a buffer that has none, and is not in the state dict
   * @param persistent whether the state dict has it
   * @throws {RangeError} when the name is taken or has a dot
   */
  registerBuffer<T extends Tensor | null>(name: string, tensor: T, persistent: boolean = true): T {
    checkName(this, "buffer", name, this._buffers.has(name));
    this._buffers.set(name, persistent);
    return setProperty(this, name, tensor);
  }

  /**
   * Makes a tensor a parameter by name; assigning a {@linkcode Parameter} to a property does the same.
   *
   * @throws {RangeError} when the name is taken or has a dot
   */
  registerParameter<T extends Parameter | null>(name: string, parameter: T): T {
    checkName(this, "parameter", name, property(this, name) instanceof Parameter);
    return setProperty(this, name, parameter);
  }

  /**
   * Makes a module a child by name, where the name is known at run time only.
   *
   * @throws {RangeError} when the name is taken or has a dot
   */
  registerModule<T extends Module | null>(name: string, module: T): T {
    checkName(this, "module", name, property(this, name) instanceof Module);
    return setProperty(this, name, module);
  }

  /** As {@linkcode registerModule}. */
  addModule<T extends Module | null>(name: string, module: T): T {
    return this.registerModule(name, module);
  }

  /** The children with their names. A module that is a child twice is listed once. */
  *namedChildren(): Generator<[name: string, module: Module]> {
    const seen = new Set<Module>();
    for (const [name, value] of this._members()) {
      if (!(value instanceof Module) || seen.has(value)) continue;
      seen.add(value);
      yield [name, value];
    }
  }

  /** The children. */
  *children(): Generator<Module> {
    for (const [, module] of this.namedChildren()) yield module;
  }

  /** This module (its name is the prefix) and all inside it, with their paths. */
  *namedModules(options: MemberOptions = {}, seen: Set<Module> = new Set()): Generator<[path: string, module: Module]> {
    const { prefix = "", removeDuplicate = true } = options;
    if (seen.has(this)) return;
    if (removeDuplicate) seen.add(this);
    yield [prefix, this];
    for (const [name, value] of this._members()) {
      if (value instanceof Module) yield* value.namedModules({ prefix: join(prefix, name), removeDuplicate }, seen);
    }
  }

  /** This module and all inside it. */
  *modules(): Generator<Module> {
    for (const [, module] of this.namedModules()) yield module;
  }

  /** The parameters of this module and those inside it, with their names. A tied one has its first name. */
  *namedParameters(options: MemberOptions = {}): Generator<[name: string, parameter: Parameter]> {
    yield* namedState(this, options, ownParameters);
  }

  /** The parameters of this module and those inside it. */
  *parameters(options: MemberOptions = {}): Generator<Parameter> {
    for (const [, parameter] of this.namedParameters(options)) yield parameter;
  }

  /** The buffers of this module and those inside it, persistent or not, with their names. */
  *namedBuffers(options: MemberOptions = {}): Generator<[name: string, buffer: Tensor]> {
    yield* namedState(this, options, ownBuffers);
  }

  /** The buffers of this module and those inside it. */
  *buffers(options: MemberOptions = {}): Generator<Tensor> {
    for (const [, buffer] of this.namedBuffers(options)) yield buffer;
  }

  /** Names of buffers that the state dict does not have, of this module and those inside it. */
  nonPersistentBuffers(): ReadonlySet<string> {
    const names = new Set<string>();
    for (const [path, module] of this.namedModules({ removeDuplicate: false })) {
      rememberBuffers(module);
      for (const [name, persistent] of module._buffers) if (!persistent) names.add(join(path, name));
    }
    return names;
  }

  /**
   * The module at a path such as `layers.0.attention`; the empty path is this module.
   *
   * @throws {RangeError} when there is none
   */
  getSubmodule(path: string): Module {
    return path === "" ? this : path.split(".").reduce((module, name) => child(module, name, path), this as Module);
  }

  /**
   * The parameter at a path such as `fc.weight`.
   *
   * @throws {RangeError} when there is none
   */
  getParameter(path: string): Parameter {
    const found = ownAt(this, path, ownParameters);
    if (found === undefined) throw new RangeError(`${className(this)} has no parameter ${path}`);
    return found;
  }

  /**
   * The buffer at a path such as `bn.running_mean`.
   *
   * @throws {RangeError} when there is none
   */
  getBuffer(path: string): Tensor {
    const found = ownAt(this, path, ownBuffers);
    if (found === undefined) throw new RangeError(`${className(this)} has no buffer ${path}`);
    return found;
  }

  /**
   * Parameters and persistent buffers by name, in PyTorch's order. The tensors share the module's memory. A tied parameter
   * is under each of its names.
   *
   * @param prefix what the names begin with, with its dot
   */
  stateDict(prefix: string = ""): Map<string, Tensor> {
    const state = new Map<string, Tensor>();
    for (const [name, parameter] of ownParameters(this)) state.set(prefix + name, parameter.detach());
    for (const [name, buffer] of ownBuffers(this)) {
      if (this._buffers.get(name)) state.set(prefix + name, buffer.detach());
    }
    for (const [name, value] of this._members()) {
      if (!(value instanceof Module)) continue;
      for (const [key, tensor] of value.stateDict(`${prefix}${name}.`)) state.set(key, tensor);
    }
    return state;
  }

  /**
   * Takes parameters and persistent buffers from a state dict: PyTorch's `load_state_dict`.
   *
   * @param state tensors by name, as {@linkcode stateDict} gives them and files hold them
   * @throws {RangeError} with PyTorch's message that lists all missing and unexpected names (unless `strict` is false) and
   *   all sizes that differ; nothing was changed then
   */
  loadStateDict(state: StateDict, options: LoadStateDictOptions = {}): LoadResult {
    return loadState(this, state, options);
  }

  /** Puts right what a state dict of an older form lacks or names otherwise, before this module's part is loaded. */
  upgradeState(_state: Map<string, unknown>, _prefix: string): void {}

  /** Sets training mode, of this module and those inside it. */
  train(mode: boolean = true): this {
    for (const module of this.modules()) module.training = mode;
    return this;
  }

  /** Leaves training mode: dropout does nothing, and norms use their running statistics. */
  eval(): this {
    return this.train(false);
  }

  /** Calls a function with each module, the innermost first and this one last. */
  apply(change: (module: Module) => void): this {
    for (const child of this.children()) child.apply(change);
    change(this);
    return this;
  }

  /**
   * Converts parameters and buffers that are of floating point or complex.
   *
   * @param dtype a floating point or complex dtype
   * @throws {TypeError} for other dtypes
   */
  to(dtype: DType): this {
    if (!isFloat(dtype) && !isComplex(dtype)) {
      throw new TypeError(
        `Cannot convert ${className(this)} to ${dtype}: a module's dtype is of floating point or complex`,
      );
    }
    return convert(this, (tensor) => isFloat(tensor.dtype) || isComplex(tensor.dtype) ? dtype : tensor.dtype);
  }

  /** Converts floating point parameters and buffers to float16. */
  half(): this {
    return convert(this, (tensor) => isFloat(tensor.dtype) ? "float16" : tensor.dtype);
  }

  /** Converts floating point parameters and buffers to bfloat16. */
  bfloat16(): this {
    return convert(this, (tensor) => isFloat(tensor.dtype) ? "bfloat16" : tensor.dtype);
  }

  /** Converts floating point parameters and buffers to float32. */
  float(): this {
    return convert(this, (tensor) => isFloat(tensor.dtype) ? "float32" : tensor.dtype);
  }

  /** Converts floating point parameters and buffers to float64. */
  double(): this {
    return convert(this, (tensor) => isFloat(tensor.dtype) ? "float64" : tensor.dtype);
  }

  /** Says whether training would change the parameters of this module and those inside it. */
  requiresGrad_(requiresGrad: boolean = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad = requiresGrad;
    return this;
  }

  /** What stands in the parentheses of the module's text, beside its children: `in_features=4, out_features=8`. */
  extraRepr(): string {
    return "";
  }

  /** The module and those inside it, as PyTorch prints them. */
  toString(): string {
    const extra = this.extraRepr();
    const lines = this._childLines();
    const own = extra === "" ? [] : extra.split("\n");
    if (lines.length === 0 && own.length <= 1) return `${className(this)}(${extra})`;
    return `${className(this)}(\n  ${[...own, ...lines].join("\n  ")}\n)`;
  }

  /**
   * The lines of the children in the module's text.
   *
   * @internal
   */
  _childLines(): string[] {
    return [...this._members()].flatMap(([name, value]) =>
      value instanceof Module ? [`(${name}): ${indented(String(value))}`] : []
    );
  }
}

function child(module: Module, name: string, path: string): Module {
  const found = [...module._members()].find(([key]) => key === name)?.[1];
  if (found === undefined) throw new RangeError(`${className(module)} has no attribute ${name}: ${path}`);
  if (!(found instanceof Module)) throw new RangeError(`${name} is not a module: ${path}`);
  return found;
}

/** Own parameters. */
function* ownParameters(module: Module): Generator<[string, Parameter]> {
  for (const [name, value] of module._members()) if (value instanceof Parameter) yield [name, value];
}

/** Own buffers, in the order in which they became ones. */
function* ownBuffers(module: Module): Generator<[string, Tensor]> {
  rememberBuffers(module);
  for (const name of module._buffers.keys()) {
    const value = property(module, name);
    if (value instanceof Tensor) yield [name, value];
  }
}

/** From here on the properties that have buffers are ones, whatever is assigned to them. */
function rememberBuffers(module: Module): void {
  for (const [name, value] of module._members()) {
    if (value instanceof Buffer && !module._buffers.has(name)) module._buffers.set(name, value.persistent ?? true);
  }
}

function* namedState<T extends Tensor>(
  root: Module,
  { prefix = "", recurse = true, removeDuplicate = true }: MemberOptions,
  own: (module: Module) => Iterable<[string, T]>,
): Generator<[string, T]> {
  const seen = new Set<T>();
  const modules = recurse ? root.namedModules({ prefix, removeDuplicate }) : [[prefix, root] as [string, Module]];
  for (const [path, module] of modules) {
    for (const [name, value] of own(module)) {
      if (seen.has(value)) continue;
      if (removeDuplicate) seen.add(value);
      yield [join(path, name), value];
    }
  }
}

function ownAt<T>(root: Module, path: string, own: (module: Module) => Iterable<[string, T]>): T | undefined {
  const dot = path.lastIndexOf(".");
  const module = root.getSubmodule(dot < 0 ? "" : path.slice(0, dot));
  for (const [name, value] of own(module)) if (name === path.slice(dot + 1)) return value;
  return undefined;
}

function convert<M extends Module>(module: M, dtypeOf: (tensor: Tensor) => DType): M {
  for (const tensor of [...module.parameters(), ...module.buffers()]) {
    const dtype = dtypeOf(tensor);
    if (dtype !== tensor.dtype) tensor.value = tensor.detach().to(dtype).value;
  }
  return module;
}

function property(module: Module, name: string): unknown {
  return (module as unknown as Record<string, unknown>)[name];
}

function setProperty<T>(module: Module, name: string, value: T): T {
  (module as unknown as Record<string, unknown>)[name] = value;
  return value;
}

function checkName(module: Module, kind: string, name: string, isOne: boolean): void {
  if (name === "") throw new RangeError(`The name of a ${kind} can't be empty`);
  if (name.includes(".")) throw new RangeError(`The name of a ${kind} can't have a dot: ${name}`);
  if (property(module, name) !== undefined && !isOne) {
    throw new RangeError(`${className(module)} has an attribute ${name} already`);
  }
}

/** `prefix.name`. */
function join(prefix: string, name: string): string {
  return prefix === "" ? name : `${prefix}.${name}`;
}

/** The name of a module's class. */
export function className(module: Module): string {
  return module.constructor.name;
}

/** A text whose lines but the first stand two columns further right. */
export function indented(text: string): string {
  return text.replaceAll("\n", "\n  ");
}
