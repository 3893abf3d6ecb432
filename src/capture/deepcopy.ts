/** Copies of modules with parameters and buffers of their own: Python's `copy.deepcopy`. */
import { Module } from "./module.ts";
import { Buffer, Parameter } from "./parameter.ts";
import { Tensor } from "./tensor.ts";

/**
 * A module like another, with copies of its parameters, buffers and modules; what is shared inside stays shared. Functions
 * and objects of other classes are not copied, and private members (`#name`) can't be.
 *
 * @example
 * ```ts
 * import { nn } from "@fx2onnx/fx2onnx/torch";
 *
 * const layer = new nn.Linear(4, 4);
 * const stack = new nn.Sequential(layer, nn.deepcopy(layer));
 * console.log([...stack.stateDict().keys()]); // ["0.weight", "0.bias", "1.weight", "1.bias"]
 * ```
 */
export function deepcopy<M extends Module>(module: M): M {
  return copyOf(module, new Map()) as M;
}

function copyOf(value: unknown, copies: Map<object, unknown>): unknown {
  if (typeof value !== "object" || value === null) return value;
  const known = copies.get(value);
  if (known !== undefined) return known;
  const keep = <T>(copy: T): T => {
    copies.set(value, copy);
    return copy;
  };
  if (value instanceof Parameter) return keep(new Parameter(value.detach().clone(), value.requiresGrad));
  if (value instanceof Buffer) return keep(new Buffer(value.detach().clone(), { persistent: value.persistent }));
  if (value instanceof Tensor) return keep(value.detach().clone());
  if (value instanceof Map) return keep(new Map([...value].map(([k, v]) => [k, copyOf(v, copies)])));
  if (Array.isArray(value)) {
    const array: unknown[] = keep([]);
    for (const item of value) array.push(copyOf(item, copies));
    return array;
  }
  const prototype = Object.getPrototypeOf(value);
  if (!(value instanceof Module) && prototype !== Object.prototype) return value;
  const copy = keep(Object.create(prototype)) as Record<string, unknown>;
  for (const [name, member] of Object.entries(value)) copy[name] = copyOf(member, copies);
  return copy;
}
