/**
 * What is captured: a module, or a function of tensors. Both are called with arguments; a module brings state along, which
 * must be as it was after each time that the model is run.
 */
import { CaptureError } from "../ir/mod.ts";
import { Tensor as CoreTensor } from "../tensor/mod.ts";
import type { Tracer } from "../trace/tracer.ts";
import { pythonClasses } from "./nn/class_names.ts";
import { Tensor } from "./tensor.ts";

/** A module, as capture sees it. */
export interface ModuleLike {
  /** Names of the properties that are buffers. */
  readonly _buffers: ReadonlyMap<string, boolean>;
  forward(...args: never[]): unknown;
  call(...args: never[]): unknown;
  namedModules(): Iterable<[path: string, module: ModuleLike]>;
  namedParameters(options: { removeDuplicate: boolean }): Iterable<[name: string, parameter: Tensor]>;
  namedBuffers(options: { removeDuplicate: boolean }): Iterable<[name: string, buffer: Tensor]>;
  /** Names of buffers that the state dict does not have. */
  nonPersistentBuffers(): ReadonlySet<string>;
}

/** A function of tensors, numbers and containers of them. */
export type ModelFunction = (...args: never[]) => unknown;

function isModule(x: unknown): x is ModuleLike {
  return typeof x === "object" && x !== null && "forward" in x && "namedModules" in x;
}

/** The class of a module as Python would name it. */
function pythonClass({ constructor }: ModuleLike, known: ReadonlyMap<unknown, string>): string {
  return known.get(constructor) ?? `__main__.${constructor.name}`;
}

/** A module or function with what capture needs to know of it. */
export class Subject {
  readonly model: ModuleLike | ModelFunction;
  /** For messages. */
  readonly name: string;
  /** Modules by path, the root first. */
  readonly modules: ReadonlyMap<string, ModuleLike>;

  /** @throws {TypeError} for anything that can't be called */
  constructor(model: unknown) {
    if (!isModule(model) && typeof model !== "function") {
      throw new TypeError("A model must be a module or a function");
    }
    this.model = model as ModuleLike | ModelFunction;
    this.name = isModule(model) ? model.constructor.name : (model as ModelFunction).name || "function";
    this.modules = isModule(model) ? new Map(model.namedModules()) : new Map();
  }

  /** The function that the user wrote. */
  get forward(): ModelFunction {
    const { model } = this;
    return isModule(model) ? model.forward as ModelFunction : model;
  }

  /** Runs the model as it is written. */
  call(args: readonly unknown[]): unknown {
    const { model } = this;
    const run = (isModule(model) ? model.call.bind(model) : model) as (...args: unknown[]) => unknown;
    return run(...args);
  }

  /** Paths and Python classes for the stacks of nodes. */
  scopes(): Map<object, { path: string; className: string }> {
    const known = pythonClasses();
    return new Map(
      [...this.modules].map(([path, module]) => [module, { path, className: pythonClass(module, known) }]),
    );
  }

  /** Declares parameters and buffers, in PyTorch's order. */
  declare(tracer: Tracer): void {
    const { model } = this;
    if (!isModule(model)) return;
    const add = (kind: "PARAMETER" | "BUFFER", name: string, tensor: Tensor, persistent: boolean | null): void => {
      const { value } = tensor;
      if (!(value instanceof CoreTensor)) throw new CaptureError(`${name} holds a tensor of another capture`);
      const text = `${kind === "PARAMETER" ? "p" : "b"}_${name.replaceAll(".", "_")}`;
      tracer.addState(kind, text, name, value, persistent);
    };
    for (const [name, parameter] of model.namedParameters({ removeDuplicate: false })) {
      add("PARAMETER", name, parameter, null);
    }
    const hidden = model.nonPersistentBuffers();
    for (const [name, buffer] of model.namedBuffers({ removeDuplicate: false })) {
      add("BUFFER", name, buffer, !hidden.has(name));
    }
  }

  /** Remembers the properties of all modules, and what arrays, Maps, Sets and plain objects among them hold. */
  snapshot(): Snapshot {
    return new Snapshot([...this.modules]);
  }
}

/** The properties of modules at a moment. */
export class Snapshot {
  private readonly properties: { module: ModuleLike; path: string; values: Map<string, unknown> }[];
  private readonly contents: Map<object, () => void> = new Map();

  constructor(modules: readonly (readonly [path: string, module: ModuleLike])[]) {
    this.properties = modules.map(([path, module]) => {
      const values = new Map<string, unknown>(Object.entries(module));
      for (const value of values.values()) this.keep(value);
      return { module, path, values };
    });
  }

  /** Properties that were assigned a tensor, by path, and whether they are buffers. */
  *assigned(): Generator<{ readonly path: string; readonly tensor: Tensor; readonly isBuffer: boolean }> {
    for (const { module, path, values } of this.properties) {
      for (const [name, value] of Object.entries(module)) {
        if (value === values.get(name) || !(value instanceof Tensor)) continue;
        yield { path: path === "" ? name : `${path}.${name}`, tensor: value, isBuffer: module._buffers.has(name) };
      }
    }
  }

  /** Makes everything as it was. */
  restore(): void {
    for (const { module, values } of this.properties) {
      const own = module as unknown as Record<string, unknown>;
      for (const name of Object.keys(module)) if (!values.has(name)) delete own[name];
      for (const [name, value] of values) if (own[name] !== value) own[name] = value;
    }
    for (const restore of this.contents.values()) restore();
  }

  private keep(value: unknown): void {
    if (typeof value !== "object" || value === null || this.contents.has(value)) return;
    if (Array.isArray(value)) {
      const items = [...value];
      this.contents.set(value, () => value.splice(0, value.length, ...items));
    } else if (value instanceof Map) {
      const entries = [...value];
      this.contents.set(value, () => {
        value.clear();
        for (const [key, item] of entries) value.set(key, item);
      });
    } else if (value instanceof Set) {
      const items = [...value];
      this.contents.set(value, () => {
        value.clear();
        for (const item of items) value.add(item);
      });
    } else if (Object.getPrototypeOf(value) === Object.prototype) {
      const entries = Object.entries(value);
      this.contents.set(value, () => {
        for (const key of Object.keys(value)) delete (value as Record<string, unknown>)[key];
        Object.assign(value, Object.fromEntries(entries));
      });
    }
  }
}
