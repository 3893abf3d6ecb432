/**
 * What calling an operator does: eager, its kernel runs at once, views share the storage of what they view, and operators
 * in place write through it; in capture it is recorded on the tracer that is entered.
 */
import type { BoundArgs, CallArg } from "../aten/bind.ts";
import { EagerInterpreter, MetaInterpreter } from "../aten/calls.ts";
import type { Op } from "../aten/mod.ts";
import { RECORDS } from "../aten/records.ts";
import { DeviceArg, type FxArg, FxValue } from "../fx/mod.ts";
import { isSym } from "../sym/mod.ts";
import { canCast, elementOffsets, isFloat, itemsize, type Meta, Storage, Tensor as CoreTensor } from "../tensor/mod.ts";
import * as loops from "../tensor/loops.ts";
import { currentTracer, isInScope } from "../trace/context.ts";
import type { Tracer } from "../trace/tracer.ts";
import { concrete, TensorBase, type TensorValue } from "./base.ts";
import { type BoundCall, type Overloads, show } from "./overloads.ts";
import { fromExpression } from "./symbolic.ts";
import { overlapsItself, overlapsPartly, viewsOf } from "./views.ts";

/** Runs kernels. */
const eager = new EagerInterpreter(loops, RECORDS.forms);
/** Finds the shapes of what has no values. */
const metas = new MetaInterpreter(undefined, RECORDS.forms);

/** Makes the tensor for a value: the class of tensors, which stands above this. */
type Wrap = (value: TensorValue) => TensorBase;

/**
 * Calls a function with arguments as a program gives them.
 *
 * @returns the tensors, numbers or lists of them that the operator gives; of one in place, its first argument
 */
export function execute(overloads: Overloads, args: readonly unknown[], wrap: Wrap): unknown {
  const call = overloads.bind(args);
  const tracer = currentTracer();
  return tracer ? record(tracer, call, wrap) : locate(call, () => run(call, wrap));
}

function record(tracer: Tracer, { op, inplace, args }: BoundCall, wrap: Wrap): unknown {
  const given = args.map((arg) => mapTensors(arg, ({ value }) => value) as CallArg<TensorValue>);
  const positional = op.parsed.args.filter(({ keywordOnly }) => !keywordOnly).length;
  const kwargs = new Map(op.parsed.args.slice(positional).map(({ name }, i) => [name, given[positional + i]] as const));
  for (const [name, value] of kwargs) if (value === undefined) kwargs.delete(name);
  completeOptions(op, kwargs);
  const result = tracer.call(op, given.slice(0, positional), kwargs, inplace);
  const [self] = args;
  if (inplace !== null && self instanceof TensorBase) {
    // What is recorded next reads what was written; a concrete tensor stays the one that the program knows.
    // A nested graph that writes to a tensor from around it hands the result on by itself.
    if (self.value instanceof FxValue && result instanceof FxValue && tracer.isLocal(self.value)) self.value = result;
    return self;
  }
  return wrapAll(result, wrap, names(op));
}

/** What PyTorch's bindings say of new tensors in any case: where they are. */
function completeOptions(op: Op, kwargs: Map<string, CallArg<TensorValue>>): void {
  const { args } = op.parsed;
  if (!args.some(({ name }) => name === "pin_memory") || kwargs.has("layout")) return;
  const isNew = !args.some(({ type }) => holdsTensors(type));
  if (isNew && !kwargs.has("device")) kwargs.set("device", new DeviceArg("cpu"));
  if (!kwargs.has("pin_memory")) kwargs.set("pin_memory", false);
}

function run(call: BoundCall, wrap: Wrap): unknown {
  const { name, op, inplace } = call;
  if (isFake(call)) return withoutValues(call, wrap);
  const args = call.args.map((arg) => mapTensors(arg, (tensor) => concrete(tensor, name)));
  const tensorSlots = op.parsed.args.map(({ type }) => holdsTensors(type));
  // Tensors of no dims stand for numbers where a number is asked for.
  const values = args.map((arg, i) => tensorSlots[i] ? arg : mapConcrete(arg, numberOf));
  const bound = eager.bind(op, values as CallArg<CoreTensor>[]);
  if (inplace !== null) {
    const self = call.args[0] as TensorBase;
    const view = viewed(op, args[0] as CoreTensor, bound);
    if (view) {
      self.value = view as CoreTensor;
      return self;
    }
    const [target, ...others] = args;
    checkWritable(name, target as CoreTensor, others);
    write(name, target as CoreTensor, eager.apply(op, bound) as CoreTensor);
    return self;
  }
  const writes = op.writes !== undefined && op.writes.when?.(bound) !== false;
  const apply = (): unknown => writes ? writing(name, op, bound) : eager.apply(op, bound);
  const result = viewed(op, args[0] as CoreTensor, bound) ?? owned(apply(), args);
  return wrapAll(result, wrap, names(op));
}

/** Whether a call makes what has no values: of tensors that have none, or in fake mode of what random or later writes fill. */
function isFake({ op, args }: BoundCall): boolean {
  let isMissing = false;
  for (const arg of args) {
    mapTensors(arg, ({ value }) => {
      isMissing ||= value instanceof CoreTensor && value.isMissing;
      return value;
    });
  }
  return isMissing || isInScope("fake") && (op.arbitrary === true || op.random === true);
}

/** The results of a call with their shapes only. */
function withoutValues({ op, inplace, args }: BoundCall, wrap: Wrap): unknown {
  if (inplace !== null) return args[0];
  const values = args.map((arg) => mapTensors(arg, ({ value }) => value));
  const made = mapMetas(
    metas.apply(op, metas.bind(op, values as CallArg<Meta>[])),
    ({ dtype, shape }) => CoreTensor.missing(dtype, shape as readonly number[]),
  );
  return wrapAll(made, wrap, names(op));
}

function mapMetas(result: unknown, change: (meta: Meta) => CoreTensor): unknown {
  if (Array.isArray(result)) return result.map((item) => mapMetas(item, change));
  return typeof result === "object" && result !== null && "dtype" in result ? change(result as Meta) : result;
}

/** The operator's results as views; null where the operator, or this call of it, gives none. */
function viewed(op: Op, self: CoreTensor, bound: BoundArgs): unknown {
  const name = viewArg(op);
  if (name === null || !(self instanceof CoreTensor)) return null;
  // deno-lint-ignore no-explicit-any -- bound arguments are typed by the schema at the definition
  if (op.aliases && !op.aliases(bound[name] as Meta, bound as any)) return null;
  return viewsOf(self, (base) => eager.apply(op, { ...bound, [name]: base }) as CoreTensor);
}

/** The argument that the results of a view operator are views of. */
function viewArg(op: Op): string | null {
  const { args, returns } = op.parsed;
  const set = returns[0]?.alias?.set;
  return args.find(({ alias }) => alias && !alias.write && alias.set === set)?.name ?? null;
}

/** Results that share no memory with arguments: kernels hand on what needs no work. */
function owned(result: unknown, args: readonly unknown[]): unknown {
  const buffers = new Set<unknown>();
  for (const arg of args) {
    mapConcrete(arg, (tensor) => {
      buffers.add(tensor.storage.bytes?.buffer);
      return tensor;
    });
  }
  return mapConcrete(result, (tensor) => buffers.has(tensor.storage.bytes?.buffer) ? copyOf(tensor) : tensor);
}

function copyOf(tensor: CoreTensor): CoreTensor {
  return new CoreTensor(tensor.dtype, tensor.shape, Storage.of(tensor.bytes().slice()));
}

/** @throws {RangeError} for a tensor several elements of which are one in memory, or that another argument shares in part */
function checkWritable(name: string, target: CoreTensor, others: readonly unknown[]): void {
  if (overlapsItself(target)) {
    throw new RangeError(
      `Cannot write to ${
        describe(target)
      } by ${name}: several of its elements are one in memory; take its clone() first`,
    );
  }
  for (const arg of others) {
    mapConcrete(arg, (other) => {
      if (overlapsPartly(target, other)) {
        throw new RangeError(
          `Cannot write to ${
            describe(target)
          } by ${name}: it shares some elements with an argument; take a clone() of one`,
        );
      }
      return other;
    });
  }
}

/** Writes the result of an operator in place into its first argument. */
function write(name: string, target: CoreTensor, result: CoreTensor): void {
  if (!canCast(result.dtype, target.dtype)) {
    throw new TypeError(`Cannot write a result of ${result.dtype} to ${describe(target)} by ${name}`);
  }
  if (result.shape.length !== target.shape.length || result.shape.some((n, d) => n !== target.shape[d])) {
    throw new RangeError(
      `Cannot write a result of shape [${result.shape.join(", ")}] to ${describe(target)} by ${name}: ` +
        "the sizes of a tensor stay",
    );
  }
  store(target, loops.convert(result, target.dtype));
}

/** Calls an operator that writes to arguments beside giving results. */
function writing(name: string, op: Op, bound: BoundArgs): unknown {
  const { args, functional } = op.writes!;
  // deno-lint-ignore no-explicit-any -- bound arguments are typed by the schema at the definition
  const all = functional(eager, bound as any) as readonly CoreTensor[];
  const targets = args.flatMap((arg) => bound[arg] as CoreTensor | CoreTensor[]);
  const results = all.slice(0, all.length - targets.length);
  targets.forEach((target, i) => write(name, target, all[results.length + i]));
  return op.parsed.returns.length === 1 ? results[0] : results;
}

/** Copies elements of one dtype and shape. */
export function store(target: CoreTensor, source: CoreTensor): void {
  const bytes = target.storage.bytes;
  if (!bytes || target.numel === 0) return;
  const from = source.bytes();
  const size = itemsize(target.dtype);
  if (target.isContiguous) {
    bytes.set(from, target.offset * size);
    return;
  }
  let at = 0;
  for (const place of elementOffsets(target)) {
    for (let k = 0; k < size; k++) bytes[place * size + k] = from[at++];
  }
}

/** Names of the results, where the operator gives several. */
function names({ parsed: { returns } }: Op): readonly string[] {
  return returns.length > 1 ? returns.map((r) => r.name ?? "") : [];
}

/** The results as programs see them. */
function wrapAll(result: unknown, wrap: Wrap, names: readonly string[]): unknown {
  if (result instanceof CoreTensor || result instanceof FxValue) return wrap(result);
  if (isSym(result)) return fromExpression(result);
  if (!Array.isArray(result)) return typeof result === "bigint" ? Number(result) : result;
  const all = result.map((item) => wrapAll(item, wrap, []));
  for (const [i, name] of names.entries()) if (name !== "") Object.defineProperty(all, name, { value: all[i] });
  return all;
}

function holdsTensors(type: Op["parsed"]["args"][number]["type"]): boolean {
  return type.kind === "base" ? type.name === "Tensor" : holdsTensors(type.of);
}

function mapTensors(arg: unknown, change: (tensor: TensorBase) => unknown): unknown {
  if (arg instanceof TensorBase) return change(arg);
  return Array.isArray(arg) ? arg.map((item) => mapTensors(item, change)) : arg;
}

function mapConcrete(arg: unknown, change: (tensor: CoreTensor) => unknown): unknown {
  if (arg instanceof CoreTensor) return change(arg);
  return Array.isArray(arg) ? arg.map((item) => mapConcrete(item, change)) : arg;
}

/** The only element of a tensor as operators take numbers. */
function numberOf(tensor: CoreTensor): FxArg {
  const value = tensor.item();
  if (tensor.dtype === "bool") return value !== 0;
  return isFloat(tensor.dtype) ? Number(value) : BigInt(value);
}

function describe(tensor: CoreTensor): string {
  return `a ${tensor.dtype}[${tensor.shape.join(", ")}]`;
}

/** Runs a call; what it throws tells the function and its arguments. */
function locate<T>({ name, args }: BoundCall, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof TypeError)) throw error;
    if (error.message.includes(` ${name}: `) || error.message.startsWith(`${name}(`)) throw error;
    const given = args.filter((arg) => arg !== undefined).map(show).join(", ");
    const located = `${name}(${given}): ${error.message}`;
    throw error instanceof RangeError
      ? new RangeError(located, { cause: error })
      : new TypeError(located, { cause: error });
  }
}
