/**
 * Binds a call's arguments to an operator's schema: names, defaults, list and number forms, then type promotion. All
 * interpreters go through here, so that rules of every kind see the same completed arguments.
 */
import {
  Complex,
  DeviceArg,
  DTypeArg,
  type FxArg,
  LayoutArg,
  MemoryFormatArg,
  type Scalar,
  type SchemaArg,
  type SchemaType,
} from "../fx/mod.ts";
import { isSym } from "../sym/mod.ts";
import { type DType, isComplex, isFloat, type PromotionOperand, resultType } from "../tensor/mod.ts";
import type { Calls, Op } from "./op.ts";

/** An argument as an interpreter hands it over: the FX form with tensors of type `T` and symbolic values resolved. */
export type CallArg<T> = T | Scalar | FxArg | readonly CallArg<T>[] | undefined;

/** Completed arguments by name. */
export type BoundArgs = Record<string, unknown>;

/**
 * Completes the arguments of a call: names, defaults, kinds.
 *
 * @throws {TypeError} for an argument the schema lacks, a missing one, or one of a wrong kind
 */
export function complete<T extends object>(
  op: Op,
  isTensor: (x: unknown) => x is T,
  args: readonly CallArg<T>[],
  kwargs: ReadonlyMap<string, CallArg<T>> = new Map(),
): BoundArgs {
  const schema = op.parsed.args;
  if (args.length > schema.length) {
    throw new TypeError(`${op.name} takes ${schema.length} arguments, met ${args.length}`);
  }
  for (const name of kwargs.keys()) {
    const at = schema.findIndex((a) => a.name === name);
    if (at < 0) throw new TypeError(`${op.name} has no argument ${name}`);
    if (at < args.length && args[at] !== undefined) throw new TypeError(`${op.name} is given ${name} twice`);
  }
  const bound: BoundArgs = {};
  for (const [i, arg] of schema.entries()) {
    let value: CallArg<T> = i < args.length && args[i] !== undefined ? args[i] : kwargs.get(arg.name);
    if (value === undefined) {
      if (arg.default === undefined) throw new TypeError(`${op.name} is missing argument ${arg.name}`);
      value = arg.default;
    }
    bound[arg.name] = coerce(op, arg, arg.type, value, isTensor);
  }
  return bound;
}

function coerce(op: Op, arg: SchemaArg, type: SchemaType, value: unknown, isTensor: (x: unknown) => boolean): unknown {
  const wrong = (): never => {
    throw new TypeError(`${op.name} argument ${arg.name} must be ${describe(type)}, met ${show(value)}`);
  };
  if (type.kind === "optional") return value === null ? null : coerce(op, arg, type.of, value, isTensor);
  if (type.kind === "list") {
    if (Array.isArray(value)) return value.map((v) => coerce(op, arg, type.of, v, isTensor));
    // A number where a sized list is expected means that number in each place.
    if (type.size !== null && value !== null && !isTensor(value)) {
      return new Array(type.size).fill(coerce(op, arg, type.of, value, isTensor));
    }
    return wrong();
  }
  switch (type.name) {
    case "Tensor":
      if (isTensor(value)) return value;
      return op.promote?.args.includes(arg.name) && isScalar(value) ? value : wrong();
    case "int":
      if (typeof value === "bigint") return toSafe(op, arg, value);
      return typeof value === "number" && Number.isInteger(value) ? value : wrong();
    case "SymInt":
      if (typeof value === "bigint") return toSafe(op, arg, value);
      if (isSym(value)) return value.kind === "int" ? value : wrong();
      return typeof value === "number" && Number.isInteger(value) ? value : wrong();
    case "float":
      if (typeof value === "bigint") return Number(value);
      return typeof value === "number" || isSym(value) ? value : wrong();
    case "bool":
      return typeof value === "boolean" ? value : wrong();
    case "Scalar":
      return isScalar(value) ? value : wrong();
    case "str":
      return typeof value === "string" ? value : wrong();
    case "ScalarType":
      return value instanceof DTypeArg ? value.dtype : typeof value === "string" ? value : wrong();
    case "Device":
      return value instanceof DeviceArg ? value.type : typeof value === "string" ? value : wrong();
    case "Layout":
      return value instanceof LayoutArg ? value.name : typeof value === "string" ? value : wrong();
    case "MemoryFormat":
      return value instanceof MemoryFormatArg ? value.name : typeof value === "string" ? value : wrong();
    default:
      return value;
  }
}

/** Arguments that bound something: `2^63 - 1` means "to the end" or "any". */
const BOUNDS: ReadonlySet<string> = new Set(["start", "end", "min", "max", "low", "high", "from", "to"]);

/** Ints and SymInts are numbers when safe; others only make sense as bounds. */
function toSafe(op: Op, arg: SchemaArg, value: bigint): number | bigint {
  const n = Number(value);
  if (Number.isSafeInteger(n)) return n;
  if (BOUNDS.has(arg.name)) return value;
  throw new TypeError(`${op.name} argument ${arg.name} is too large: ${value}`);
}

function isScalar(value: unknown): value is Scalar {
  return typeof value === "bigint" || typeof value === "number" || typeof value === "boolean" ||
    value instanceof Complex || isSym(value);
}

function describe(type: SchemaType): string {
  if (type.kind === "optional") return `${describe(type.of)} or None`;
  return type.kind === "list" ? `a list of ${describe(type.of)}` : type.name;
}

function show(value: unknown): string {
  if (value === null) return "None";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === "object" ? value.constructor?.name ?? "an object" : `${typeof value} ${String(value)}`;
}

/** The dtype a Python scalar has before promotion. */
export function scalarDType(value: Scalar): DType {
  if (typeof value === "boolean") return "bool";
  if (typeof value === "bigint") return "int64";
  if (value instanceof Complex) return "complex64";
  if (isSym(value)) return value.kind === "int" ? "int64" : value.kind === "bool" ? "bool" : "float32";
  return "float32";
}

/** Brings the arguments that take part in type promotion to one dtype; numbers in tensor slots become 0-d tensors. */
export function promote<T extends object>(
  op: Op,
  t: Calls<T>,
  isTensor: (x: unknown) => x is T,
  bound: BoundArgs,
): BoundArgs {
  if (!op.promote) return bound;
  const operands: PromotionOperand[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(visit);
    else if (isTensor(value)) {
      const { dtype, shape } = t.meta(value);
      operands.push({ dtype, zeroDim: shape.length === 0 });
    } else if (isScalar(value)) operands.push({ dtype: scalarDType(value), wrapped: true });
  };
  for (const name of op.promote.args) visit(bound[name]);
  if (operands.length === 0) return bound;
  let dtype = resultType(operands);
  if (op.promote.to === "float" && !isFloat(dtype) && !isComplex(dtype)) dtype = "float32";
  const toTensor = new Set(op.parsed.args.filter((a) => holdsTensor(a.type)).map((a) => a.name));
  const convert = (name: string, value: unknown): unknown => {
    if (Array.isArray(value)) return value.map((v) => convert(name, v));
    if (isTensor(value)) return op.promote!.to === "none" ? value : t.cast(value, dtype);
    if (isScalar(value) && toTensor.has(name)) {
      return t.full([], value, op.promote!.to === "none" ? scalarDType(value) : dtype);
    }
    return value;
  };
  const result: BoundArgs = { ...bound };
  for (const name of op.promote.args) result[name] = convert(name, bound[name]);
  return result;
}

function holdsTensor(type: SchemaType): boolean {
  return type.kind === "base" ? type.name === "Tensor" : holdsTensor(type.of);
}
