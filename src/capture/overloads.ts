/**
 * The forms of one function: operators that PyTorch offers under one name, tried in PyTorch's order. Arguments come by
 * position or by name in one last object; the first form that all of them fit is taken.
 */
import { RECORDS } from "../aten/records.ts";
import type { Op } from "../aten/mod.ts";
import {
  Complex,
  DeviceArg,
  DTypeArg,
  type FunctionSchema,
  LayoutArg,
  MemoryFormatArg,
  type SchemaArg,
  type SchemaType,
} from "../fx/mod.ts";
import { isDType, isInt as isIntDType } from "../tensor/mod.ts";
import { TensorBase } from "./base.ts";
import { isInt, isScalar, symOf, toScalar } from "./scalar.ts";

/** A call that is bound to a form: arguments in the schema's order, undefined where none is given. */
export interface BoundCall {
  /** The name that was called, for errors. */
  readonly name: string;
  /** The record of the operator, or of its functional form. */
  readonly op: Op;
  /** The name of the in-place operator, whose result is written to the first argument; null for others. */
  readonly inplace: string | null;
  /** As programs are recorded with, but tensors are the caller's. */
  readonly args: readonly unknown[];
}

/** The parameters of a function. */
export interface Parameters {
  readonly params: readonly Param[];
  /** How many arguments may be given by position. */
  readonly positional: number;
  /** The argument that takes all positions as a list: `x.permute(0, 2, 1)`. */
  readonly variadic: number | null;
}

interface Form extends Parameters {
  readonly op: Op;
  readonly inplace: string | null;
}

/** How one parameter is called, and what it takes. */
interface Param {
  readonly schema: SchemaArg;
  /** As callers name it. */
  readonly name: string;
  /** Whether a number will do where the schema has a tensor. */
  readonly takesNumbers: boolean;
}

/** Functions whose tensors may be numbers. Source: `should_allow_numbers_as_tensors` of PyTorch's argument parser. */
const TAKES_NUMBERS = /^(add|div|divide|mul|multiply|sub|subtract|true_divide|floor_divide|copy)_?$/;

/** The forms of a function. */
export class Overloads {
  private readonly name: string;
  private readonly method: boolean;
  private readonly operators: readonly string[];
  private forms: readonly Form[] | undefined;

  /**
   * @param name as callers know it
   * @param operators names of the operators in the order in which they are tried
   * @param method whether the first argument is the tensor whose method it is
   */
  constructor(name: string, operators: readonly string[], method: boolean) {
    this.name = name;
    this.operators = operators;
    this.method = method;
  }

  /** Finds the form that the arguments fit. @throws {TypeError} that tells why each form does not */
  bind(args: readonly unknown[]): BoundCall {
    this.forms ??= this.operators.map((operator) => formOf(operator, this.method));
    const [given, named] = split(args);
    const problems: string[] = [];
    for (const form of this.forms) {
      const bound = fit(form, given, named, (converted) => converted);
      if (typeof bound !== "string") return { name: this.name, op: form.op, inplace: form.inplace, args: bound };
      problems.push(`${signature(this.name, form, this.method)}, which ${bound}`);
    }
    throw new TypeError(
      problems.length === 1
        ? `Cannot call ${problems[0]}`
        : `No form of ${this.name} takes these arguments:\n  ${problems.join("\n  ")}`,
    );
  }
}

const functions: Map<string, Overloads> = new Map();
const methods: Map<string, Overloads> = new Map();

/**
 * The forms of a function or method, which are looked up once.
 *
 * @param operators names of the operators without `aten::`, in the order in which they are tried, between spaces
 */
export function overloadsOf(name: string, operators: string, method: boolean): Overloads {
  const known = method ? methods : functions;
  let forms = known.get(operators);
  if (!forms) known.set(operators, forms = new Overloads(name, operators.split(" ").map((o) => `aten::${o}`), method));
  return forms;
}

function formOf(operator: string, method: boolean): Form {
  const resolved = RECORDS.resolve(`torch.ops.${operator.replace("::", ".")}`);
  if (!resolved) throw new TypeError(`There is no record of operator ${operator}`);
  const { op, inplace } = resolved;
  const takesNumbers = TAKES_NUMBERS.test(operator.replace(/^.*::|\..*$/g, ""));
  return { op, inplace: inplace ? operator : null, ...parametersOf(op.parsed, method, takesNumbers) };
}

/**
 * The parameters of a function with a schema.
 *
 * @param takesNumbers whether numbers will do for its tensors
 */
export function parametersOf({ args }: FunctionSchema, method: boolean, takesNumbers = false): Parameters {
  const params = args.map((schema): Param => ({
    schema,
    name: !method && schema.name === "self" ? "input" : camelCase(schema.name),
    takesNumbers: takesNumbers && !(method && schema.name === "self"),
  }));
  const positional = params.filter(({ schema }) => !schema.keywordOnly).length;
  const first = method ? 1 : 0;
  const variadic = positional === first + 1 && isOpenList(params[first].schema.type) ? first : null;
  return { params, positional, variadic };
}

/**
 * The arguments of a call in the order of parameters, as the caller gave them; undefined for absent ones.
 *
 * @throws {TypeError} for one that does not fit
 */
export function givenArguments(name: string, parameters: Parameters, args: readonly unknown[]): readonly unknown[] {
  const bound = fit(parameters, ...split(args), (_, value) => value);
  if (typeof bound !== "string") return bound;
  throw new TypeError(`Cannot call ${signature(name, parameters, false)}, which ${bound}`);
}

/** Arguments by position, and those by name in a last object. */
function split(args: readonly unknown[]): [given: readonly unknown[], named: Readonly<Record<string, unknown>>] {
  const last = args.at(-1);
  return isOptions(last) ? [args.slice(0, -1), last] : [args, {}];
}

/** `padding_mode` to `paddingMode`. */
export function camelCase(name: string): string {
  return name.replace(/(?<=[a-z0-9])_([a-z0-9])/gi, (_, letter: string) => letter.toUpperCase());
}

/** Lists whose items may be given one by one. */
function isOpenList(type: SchemaType): boolean {
  if (type.kind !== "list" || type.of.kind !== "base") return false;
  return type.of.name === "int" || type.of.name === "SymInt" || (type.of.name === "Tensor" && type.size === null);
}

/** An object of named arguments, as a literal makes it. */
function isOptions(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** The arguments in the form's order, or why they do not fit. */
function fit(
  { params, positional, variadic }: Parameters,
  given: readonly unknown[],
  named: Readonly<Record<string, unknown>>,
  use: (converted: unknown, value: unknown) => unknown,
): unknown[] | string {
  const args = variadic !== null && given.length > variadic &&
      given.slice(variadic).every((item) => fitsOne(params[variadic], item))
    ? [...given.slice(0, variadic), given.slice(variadic)]
    : given;
  if (args.length > positional) return `takes ${positional} arguments by position, met ${args.length}`;
  for (const name of Object.keys(named)) {
    const at = params.findIndex((param) => param.name === name);
    if (at < 0 && named[name] !== undefined) return `has no argument ${name}`;
    if (at < args.length && args[at] !== undefined && named[name] !== undefined) return `is given ${name} twice`;
  }
  const bound: unknown[] = [];
  for (const [i, param] of params.entries()) {
    const value = i < args.length && args[i] !== undefined ? args[i] : named[param.name];
    if (value === undefined) {
      if (param.schema.default === undefined) return `is missing argument ${param.name}`;
      bound.push(undefined);
      continue;
    }
    const converted = convert(param.schema.type, value, param);
    if (converted === undefined) {
      return `takes ${describe(param.schema.type, param)} as argument ${param.name}, met ${show(value)}`;
    }
    bound.push(use(converted, value));
  }
  return bound;
}

/** Whether a value can be an item of a list that is given item by item. */
function fitsOne(param: Param, value: unknown): boolean {
  const { type } = param.schema;
  return type.kind === "list" && convert(type.of, value, param) !== undefined;
}

/** A value as the operator takes it; undefined where it does not fit. */
function convert(type: SchemaType, value: unknown, param: Param): unknown {
  if (type.kind === "optional") return value === null ? null : convert(type.of, value, param);
  if (type.kind === "list") {
    if (Array.isArray(value)) {
      const items = value.map((item) => convert(type.of, item, param));
      return items.includes(undefined) ? undefined : items;
    }
    if (type.size === null || value instanceof TensorBase) return undefined;
    const item = convert(type.of, value, param);
    return item === undefined ? undefined : new Array(type.size).fill(item);
  }
  switch (type.name) {
    case "Tensor":
      if (value instanceof TensorBase) return value;
      return param.takesNumbers && isScalar(value) ? toScalar(value) : undefined;
    case "int":
    case "SymInt":
      if (value instanceof TensorBase) return isNumber(value) && isIntDType(value.dtype) ? value : undefined;
      return isIntLike(value) ? toScalar(value) : undefined;
    case "float":
      if (value instanceof TensorBase) return isNumber(value) ? value : undefined;
      if (!isScalar(value) || typeof value === "boolean" || value instanceof Complex) return undefined;
      return symOf(value) ?? Number(value);
    case "Scalar":
      if (value instanceof TensorBase) return isNumber(value) ? value : undefined;
      return isScalar(value) ? toScalar(value) : undefined;
    case "bool":
      return typeof value === "boolean" || symOf(value)?.kind === "bool" ? symOf(value) ?? value : undefined;
    case "str":
      return typeof value === "string" ? value : undefined;
    case "ScalarType":
      return typeof value === "string" && isDType(value) ? new DTypeArg(value) : undefined;
    case "Function":
      return typeof value === "function" ? value : undefined;
    case "Device":
      return typeof value === "string" ? new DeviceArg(value) : undefined;
    case "Layout":
      return typeof value === "string" ? new LayoutArg(value) : undefined;
    case "MemoryFormat":
      return typeof value === "string" ? new MemoryFormatArg(value) : undefined;
    default:
      return undefined;
  }
}

/** Whether a tensor may stand for a number. */
function isNumber(value: TensorBase): boolean {
  return value.ndim === 0;
}

function isIntLike(value: unknown): boolean {
  if (typeof value === "number") return isInt(value) || Object.is(value, -0);
  if (typeof value === "bigint") return true;
  if (value instanceof TensorBase) return isNumber(value) && isIntDType(value.dtype);
  return symOf(value)?.kind === "int";
}

const NAMES: ReadonlyMap<string, string> = new Map([
  ["Tensor", "a tensor"],
  ["int", "an integer"],
  ["SymInt", "an integer"],
  ["float", "a number"],
  ["Scalar", "a number"],
  ["bool", "true or false"],
  ["str", "a string"],
  ["ScalarType", "a dtype"],
  ["Device", "a device"],
]);

function describe(type: SchemaType, param: Param): string {
  if (type.kind === "optional") return `${describe(type.of, param)} or null`;
  if (type.kind === "list") return `a list (${describe(type.of, param)} each)`;
  return type.name === "Tensor" && param.takesNumbers ? "a tensor or a number" : NAMES.get(type.name) ?? type.name;
}

/** A value as errors show it. */
export function show(value: unknown): string {
  if (value instanceof TensorBase) return `${value.dtype}[${value.meta.shape.join(", ")}]`;
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(show).join(", ")}]`;
  if (typeof value === "function") return "a function";
  if (isOptions(value)) return `{ ${Object.keys(value).join(", ")} }`;
  return String(value);
}

function signature(name: string, { params }: Parameters, method: boolean): string {
  const shown = params.slice(method ? 1 : 0).map((p) => p.schema.default === undefined ? p.name : `${p.name}?`);
  return `${name}(${shown.join(", ")})`;
}
