/** Loading a state dict into a module: `torch.nn.Module.load_state_dict`, with its messages. */
import { Tensor as CoreTensor } from "../tensor/mod.ts";
import { className, type Module } from "./module.ts";
import { Parameter } from "./parameter.ts";
import { Tensor } from "./tensor.ts";

/** Tensors by name: what `stateDict` gives, what a checkpoint's file has, or an object. */
export type StateDict = ReadonlyMap<string, Tensor | CoreTensor> | Readonly<Record<string, Tensor | CoreTensor>>;

/** How a state dict is loaded. */
export interface LoadStateDictOptions {
  /** Whether the names must be the module's, all of them and no others. Default: true. */
  readonly strict?: boolean;
  /** Whether the tensors themselves become the module's, with their dtypes, in place of being copied. Default: false. */
  readonly assign?: boolean;
}

/** What a state dict had too little or too much. */
export interface LoadResult {
  /** Names that the module has and the state dict does not. */
  readonly missingKeys: readonly string[];
  /** Names that the state dict has and the module does not. */
  readonly unexpectedKeys: readonly string[];
}

/** Loads a state dict; see {@linkcode Module.loadStateDict}. Nothing is changed unless everything fits. */
export function loadState(root: Module, given: StateDict, options: LoadStateDictOptions): LoadResult {
  const { strict = true, assign = false } = options;
  const state = new Map<string, unknown>(given instanceof Map ? given : Object.entries(given));
  for (const [path, module] of root.namedModules({ removeDuplicate: false })) {
    module.upgradeState(state, path === "" ? "" : `${path}.`);
  }
  const own = root.stateDict();
  const missingKeys = [...own.keys()].filter((name) => !state.has(name));
  const unexpectedKeys = [...state.keys()].filter((name) => !own.has(name));
  const errors: string[] = [];
  if (strict && missingKeys.length > 0) errors.push(`Missing key(s) in state_dict: ${quoted(missingKeys)}. `);
  if (strict && unexpectedKeys.length > 0) errors.push(`Unexpected key(s) in state_dict: ${quoted(unexpectedKeys)}. `);
  const changes: Array<() => void> = [];
  for (const [name, tensor] of own) {
    if (!state.has(name)) continue;
    const value = state.get(name);
    const problem = problemOf(name, tensor, value);
    if (problem !== null) errors.push(problem);
    else changes.push(() => load(root, name, asTensor(value as Tensor | CoreTensor), assign));
  }
  if (errors.length > 0) {
    throw new RangeError(`Error(s) in loading state_dict for ${className(root)}:\n\t${errors.join("\n\t")}`);
  }
  for (const change of changes) change();
  return { missingKeys, unexpectedKeys };
}

/** Why a value can't be loaded; null when it can. */
function problemOf(name: string, own: Tensor, value: unknown): string | null {
  if (!(value instanceof Tensor || value instanceof CoreTensor)) {
    return `While copying the parameter named "${name}", expected a tensor from checkpoint but received ${typeof value}`;
  }
  const [shape, wanted] = [value.shape, own.shape];
  if (!fits(shape, wanted)) {
    return `size mismatch for ${name}: copying a param with shape ${size(shape)} from checkpoint, ` +
      `the shape in current model is ${size(wanted)}.`;
  }
  if (value instanceof CoreTensor && !value.isLoaded && value.storage.range !== null) {
    return `${name} is still at rest: await torch.load(…), or tensor.load() on each, before loading the state dict`;
  }
  return null;
}

/** PyTorch before 0.4 saved 0-d tensors as [1]. */
function fits(shape: readonly number[], wanted: readonly number[]): boolean {
  if (wanted.length === 0 && shape.length === 1 && shape[0] === 1) return true;
  return shape.length === wanted.length && shape.every((n, i) => n === wanted[i]);
}

function load(root: Module, name: string, value: Tensor, assign: boolean): void {
  const dot = name.lastIndexOf(".");
  const module = root.getSubmodule(dot < 0 ? "" : name.slice(0, dot)) as unknown as Record<string, Tensor>;
  const key = name.slice(dot + 1);
  const own = module[key];
  const shaped = own.shape.length === value.shape.length ? value : value.reshape([]);
  if (assign) module[key] = own instanceof Parameter ? new Parameter(shaped, own.requiresGrad) : shaped;
  // What was made in fake mode has no memory to copy to.
  else if (hasValues(own)) own.detach().copy_(shaped);
  else own.value = shaped.to(own.dtype).clone().value;
}

function hasValues({ value }: Tensor): boolean {
  return !(value instanceof CoreTensor) || value.isLoaded;
}

function asTensor(value: Tensor | CoreTensor): Tensor {
  return value instanceof Tensor ? value : new Tensor(value);
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(", ");
}

function size(shape: readonly number[]): string {
  return `torch.Size([${shape.join(", ")}])`;
}
