/**
 * A user's translations of operators: functions over the ONNX builder, lists of them, or records of `defineOp`. They become
 * records like ours, whose schema is the user's, or what the program's calls tell of it: the archive names every argument.
 */
import {
  allNodes,
  calledBy,
  Complex,
  DeviceArg,
  DTypeArg,
  type FxArg,
  type FxGraph,
  type FxNode,
  type FxResult,
  FxValue,
  LayoutArg,
  MemoryFormatArg,
} from "../fx/mod.ts";
import { OptionError } from "../ir/mod.ts";
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { isSym } from "../sym/mod.ts";
import { isOp, opName } from "./mod.ts";
import { defineOp, type Op } from "./op.ts";

/**
 * Builds the ONNX form of a call at the builder's opset. `args` has the call's arguments by name: tensors as ONNX values,
 * ints and floats as numbers, dtypes as strings. An argument that the call leaves out is undefined:
 * the function's pattern gives it its default, `{ x, alpha = 1 }`.
 *
 * The result is one value, or one per result of the operator; null passes the call on to the next function of a list.
 */
// deno-lint-ignore no-explicit-any -- only the operator's schema, which is known at run time, says what each argument is
export type TranslationFunction = (b: OnnxBuilder, args: any) => OnnxValue | readonly OnnxValue[] | null;

/** A translation for some versions of the ONNX domain. */
export interface VersionedTranslation {
  /** First opset it is meant for. */
  readonly since: number;
  /** Last opset. Absent: all later ones. */
  readonly until?: number;
  /** Builds the ONNX form. */
  readonly onnx: TranslationFunction;
}

/** One of the alternatives that are tried in order. */
export type TranslationAlternative = TranslationFunction | VersionedTranslation;

/** What a table says of an operator: how to translate it, or a record with a schema and rules of any kind. */
export type CustomTranslation = TranslationAlternative | readonly TranslationAlternative[] | Op;

/**
 * Translations by operator: `mylib::op`, `mylib::op.overload`, or as PyTorch writes it, `torch.ops.mylib.op.default`. An
 * entry for an operator that is known already replaces its translation. An operator that writes to its arguments needs a
 * record of its functional form.
 */
export type CustomTranslationTable =
  | Readonly<Record<string, CustomTranslation>>
  | ReadonlyMap<string, CustomTranslation>;

/**
 * The records that a table gives for the operators of a graph.
 *
 * @throws {OptionError} for an entry that is no translation
 */
export function customOps(table: CustomTranslationTable, graph: FxGraph): Op[] {
  const entries = new Map<string, CustomTranslation>();
  for (const [key, entry] of table instanceof Map ? table : Object.entries(table)) {
    const name = nameOf(key);
    if (entries.has(name)) throw new OptionError(`Option customTranslationTable has ${name} twice`);
    checkEntry(name, entry);
    entries.set(name, entry);
  }
  const calls = new Map<string, FxNode[]>();
  /** Operators that are called for what they write. */
  const writing = new Set<string>();
  for (const node of allNodes(graph)) {
    const [name, ...given] = calledBy(node).map(opName);
    if (name !== null) calls.set(name, [...calls.get(name) ?? [], node]);
    for (const other of node.result === null ? [name] : given) if (other !== null) writing.add(other);
  }
  const ops: Op[] = [];
  for (const [name, entry] of entries) {
    if (isOp(entry)) ops.push(entry);
    else if (writing.has(name)) throw new OptionError(`${WRITES_BY_FUNCTION} ${name}`, { hint: RECORD_OF_WRITES });
    else if (calls.has(name)) ops.push(fromFunctions(name, entry, calls.get(name)!));
  }
  return ops;
}

const WRITES_BY_FUNCTION =
  "Option customTranslationTable has a function, which can't tell what becomes of arguments, for";
const RECORD_OF_WRITES = "Give a record of defineOp with the rule writes, or with effectFree where nothing is written";

/** `mylib::op` of `torch.ops.mylib.op.default`, `mylib.op`, `mylib::op.default`. */
function nameOf(key: string): string {
  const name = key.includes("::") ? key.replace(/\.default$/, "") : opName(key);
  if (name === null || !/^\w+::\w+(\.\w+)?$/.test(name)) {
    throw new OptionError(`Option customTranslationTable has ${JSON.stringify(key)}, which is no operator's name`, {
      hint: "Write it as mylib::op or mylib::op.overload",
    });
  }
  return name;
}

function checkEntry(name: string, entry: unknown): void {
  if (isOp(entry)) {
    if (entry.name !== name) {
      throw new OptionError(`Option customTranslationTable has a record of ${entry.name} under ${name}`);
    }
    const written = entry.parsed.args.filter((arg) => arg.alias?.write).map((arg) => arg.name);
    if (written.length === 0 || entry.writes) return;
    throw new OptionError(
      `The record of ${name} does not say what becomes of what it writes to: ${written.join(", ")}`,
      {
        hint: `Give it the rule writes: { args: ${
          JSON.stringify(written)
        }, functional: (t, args) => [results…, new values…] }`,
      },
    );
  }
  const alternatives: readonly unknown[] = Array.isArray(entry) ? entry : [entry];
  const isFine = (x: unknown): boolean =>
    typeof x === "function" ||
    (typeof x === "object" && x !== null && "since" in x && typeof x.since === "number" && "onnx" in x &&
      typeof x.onnx === "function");
  if (alternatives.length > 0 && alternatives.every(isFine)) {
    if (!/_(\.|$)/.test(name)) return;
    throw new OptionError(`Option customTranslationTable has ${name}, which writes to its argument`, {
      hint: "Give the operator without the underscore, by a record of defineOp with a meta rule",
    });
  }
  throw new OptionError(`Option customTranslationTable has no translation under ${name}`, {
    hint: "Give a function (b, args) => value, a list of such functions, { since, onnx }, or what defineOp returns",
  });
}

function fromFunctions(name: string, entry: Exclude<CustomTranslation, Op>, calls: readonly FxNode[]): Op {
  const alternatives = (Array.isArray(entry) ? entry : [entry]) as readonly TranslationAlternative[];
  const leftOut = argumentsOf(calls).filter(([, { count }]) => count < calls.length).map(([key]) => key);
  return defineOp(schemaOf(name, calls), {
    onnx: (b: OnnxBuilder, bound: Readonly<Record<string, unknown>>): never => {
      // Undefined, so that a default in the function's pattern applies.
      const absent = leftOut.filter((key) => bound[key] === null).map((key) => [key, undefined]);
      const args = { ...bound, ...Object.fromEntries(absent) };
      for (const one of alternatives) {
        const isMeant = typeof one === "function" || (b.opset >= one.since && b.opset <= (one.until ?? Infinity));
        const result = isMeant ? (typeof one === "function" ? one : one.onnx)(b, args) : null;
        // The schema is known at run time only: the lowering checks the number and kind of the results.
        if (result !== null) return result as never;
      }
      throw new TypeError(`No translation of ${name} in the custom table takes this call at opset ${b.opset}`);
    },
  });
}

/** An argument as the calls show it. */
interface Seen {
  /** Empty when only None was given. */
  type: string;
  /** Some call gives None. */
  isOptional: boolean;
  readonly isKeyword: boolean;
  count: number;
}

/** The arguments of an operator's calls by the names that the archive has, positional ones first. */
function argumentsOf(calls: readonly FxNode[]): [string, Seen][] {
  const args = new Map<string, Seen>();
  for (const { args: positional, kwargs, argNames } of calls) {
    const given: (readonly [string, FxArg, boolean])[] = [
      ...positional.map((arg, i) => [argNames[i] || `arg${i}`, arg, false] as const),
      ...[...kwargs].map(([key, arg]) => [key, arg, true] as const),
    ];
    for (const [key, arg, isKeyword] of given) {
      const type = typeOf(arg) ?? "";
      const seen = args.get(key) ?? { type, isOptional: false, isKeyword, count: 0 };
      seen.type = common(seen.type, type);
      seen.isOptional ||= type === "";
      seen.count++;
      args.set(key, seen);
    }
  }
  return [...args].sort(([, a], [, b]) => Number(a.isKeyword) - Number(b.isKeyword));
}

/**
 * The schema that an operator's calls tell of: types of what was given. What some call leaves out, or gives as None, is
 * optional.
 */
export function schemaOf(name: string, calls: readonly FxNode[]): string {
  const texts: string[] = [];
  for (const [key, { type, isOptional, isKeyword, count }] of argumentsOf(calls)) {
    if (isKeyword && !texts.includes("*")) texts.push("*");
    const isLeftOut = count < calls.length;
    texts.push(`${type || "Tensor"}${isOptional || isLeftOut ? "?" : ""} ${key}${isLeftOut ? "=None" : ""}`);
  }
  return `${name}(${texts.join(", ")}) -> ${resultType(calls[0].result)}`;
}

/** The schema type of an argument; null for None. */
function typeOf(arg: FxArg): string | null {
  if (arg === null) return null;
  if (arg instanceof FxValue) {
    if (arg.meta.kind === "tensor") return "Tensor";
    if (arg.meta.kind === "constant") return typeOf(arg.meta.value);
    return arg.meta.kind === "sym" && arg.meta.type !== "int" ? arg.meta.type : "SymInt";
  }
  if (Array.isArray(arg)) {
    const types = arg.map(typeOf);
    const known = types.filter((type) => type !== null);
    return `${known.reduce(common, "") || "int"}${known.length < types.length ? "?" : ""}[]`;
  }
  if (isSym(arg)) return "SymInt";
  switch (typeof arg) {
    case "bigint":
      return "int";
    case "number":
      return "float";
    case "boolean":
      return "bool";
    case "string":
      return "str";
  }
  for (const [kind, type] of OBJECTS) if (arg instanceof kind) return type;
  return "Any";
}

const OBJECTS = [
  [Complex, "Scalar"],
  [DTypeArg, "ScalarType"],
  [DeviceArg, "Device"],
  [LayoutArg, "Layout"],
  [MemoryFormatArg, "MemoryFormat"],
] as const;

/** A type that takes what both do. */
function common(a: string, b: string): string {
  if (a === b || b === "") return a;
  if (a === "") return b;
  const both = new Set([a, b]);
  if (both.has("int") && both.has("SymInt")) return "SymInt";
  const isNumber = (type: string): boolean => ["int", "SymInt", "float", "bool", "Scalar"].includes(type);
  return isNumber(a) && isNumber(b) ? "Scalar" : "Any";
}

function resultType(result: FxResult): string {
  if (result === null) return "()";
  if (!(result instanceof FxValue)) return `(${result.map(resultType).join(", ")})`;
  return result.meta.kind === "sym" ? "SymInt" : "Tensor";
}

/** The lines to write for an operator that is not known: its arguments, and as many results as it has. */
export function translationLines(name: string, calls: readonly FxNode[]): string {
  const args = argumentsOf(calls);
  if (calls[0].result === null) {
    const names = args.map(([key]) => key).join(", ");
    return `"${name}": defineOp("${schemaOf(name, calls)}", { writes: { ` +
      `args: [/* those that it writes to */], functional: (t, { ${names} }) => [/* what they become */] } }),`;
  }
  const inputs: string[] = [];
  const attributes: string[] = [];
  for (const [key, { type }] of args) {
    if (type === "" || type === "Tensor") inputs.push(key);
    else if (/^Tensor\??\[\]$/.test(type)) inputs.push(`...${key}`);
    else attributes.push(attributeText(key, type));
  }
  const [domain, opType] = name.replace(/\..*$/, "").split("::");
  const [{ result }] = calls;
  const count = result === null || result instanceof FxValue ? null : `${result.length}, `;
  const call = `${count ? "ops" : "op"}("${opType}", [${inputs.join(", ")}], ${count ?? ""}${
    attributesText(attributes)
  }, "${domain}")`;
  // The archive does not tell the default of what a call leaves out.
  const names = args.map(([key, { type, count }]) => count < calls.length ? `${key} = ${stand(type)}` : key);
  return `"${name}": (b, { ${names.join(", ")} }) => b.${call},`;
}

/** Something of a type, marked as to be replaced. */
function stand(type: string): string {
  const value = type === "bool"
    ? "false"
    : type === "str"
    ? '""'
    : /^(int|SymInt|float|Scalar)$/.test(type)
    ? "0"
    : "null";
  return `${value} /* the operator's default */`;
}

function attributesText(attributes: readonly string[]): string {
  return attributes.length === 0 ? "{}" : `{ ${attributes.join(", ")} }`;
}

/** ONNX attributes are typed: floats are tagged, bools are ints. */
function attributeText(key: string, type: string): string {
  if (/^float|^Scalar/.test(type)) return `${key}: float(${key})`;
  return type === "bool" ? `${key}: Number(${key})` : key;
}
