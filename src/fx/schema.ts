/**
 * ATen function schemas as data: `aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor`. The text is
 * the only statement of an operator's signature; `schema_types.ts` derives the TypeScript types from the same text.
 *
 * Source: https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/native/README.md
 */
import { isDType } from "../tensor/mod.ts";
import { Complex, DTypeArg, type FxArg, LayoutArg, MemoryFormatArg } from "./args.ts";

/** The type of an argument or result. */
export type SchemaType =
  | { readonly kind: "base"; readonly name: string }
  | { readonly kind: "optional"; readonly of: SchemaType }
  | { readonly kind: "list"; readonly of: SchemaType; readonly size: number | null };

/** `Tensor(a!)`: which alias set a tensor belongs to, and whether it is written. */
export interface Alias {
  /** Letters of the alias sets: `a`, `a -> *`. */
  readonly set: string;
  /** Whether it is written to: `(a!)`. */
  readonly write: boolean;
}

/** An argument. */
export interface SchemaArg {
  /** As in the schema: `self`. */
  readonly name: string;
  /** Its type. */
  readonly type: SchemaType;
  /** What it shares memory with, if the schema says so. */
  readonly alias: Alias | null;
  /** Whether it comes after `*`. */
  readonly keywordOnly: boolean;
  /** Undefined when the argument is required. */
  readonly default: FxArg | undefined;
}

/** A result. */
export interface SchemaReturn {
  /** Null where the schema gives none. */
  readonly name: string | null;
  /** Its type. */
  readonly type: SchemaType;
  /** What it shares memory with, if the schema says so. */
  readonly alias: Alias | null;
}

/** A parsed schema. */
export interface FunctionSchema {
  /** The schema as it was given. */
  readonly text: string;
  /** `aten::add.Tensor`; the overload is left out when it is the default one. */
  readonly name: string;
  /** In order, keyword-only ones last. */
  readonly args: readonly SchemaArg[];
  /** In order. */
  readonly returns: readonly SchemaReturn[];
}

/** Parses a schema. @throws {SyntaxError} */
export function parseSchema(text: string): FunctionSchema {
  const match = /^([\w:]+(?:\.\w+)?)\((.*)\) -> (.*)$/s.exec(text);
  if (!match) throw new SyntaxError(`Cannot parse schema: ${text}`);
  const [, name, argText, returnText] = match;
  const args: SchemaArg[] = [];
  let keywordOnly = false;
  for (const part of splitTop(argText)) {
    if (part === "*") keywordOnly = true;
    else args.push(parseArg(part, keywordOnly, text));
  }
  const inner = returnText.startsWith("(") ? returnText.slice(1, -1) : returnText;
  return { text, name, args, returns: splitTop(inner).map(parseReturn) };
}

/** Splits at commas outside of brackets and quotes. */
function splitTop(text: string): string[] {
  const parts: string[] = [];
  let depth = 0, start = 0, quote = "";
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quote) {
      if (c === "\\") i++;
      else if (c === quote) quote = "";
    } else if (c === '"' || c === "'") quote = c;
    else if (c === "(" || c === "[") depth++;
    else if (c === ")" || c === "]") depth--;
    else if (c === "," && depth === 0) {
      parts.push(text.slice(start, i).trim());
      start = i + 1;
    }
  }
  const last = text.slice(start).trim();
  return last === "" ? parts : [...parts, last];
}

function parseArg(part: string, keywordOnly: boolean, text: string): SchemaArg {
  const match = /^(\S+(?:\([^)]*\)\S*)?) (\w+)(?:=(.*))?$/.exec(part);
  if (!match) throw new SyntaxError(`Cannot parse argument ${part} of schema: ${text}`);
  const { type, alias } = parseType(match[1]);
  return {
    name: match[2],
    type,
    alias,
    keywordOnly,
    default: match[3] === undefined ? undefined : parseDefault(match[3], type),
  };
}

function parseReturn(part: string): SchemaReturn {
  const at = part.lastIndexOf(" ");
  const named = at > 0 && !part.slice(at).includes(")");
  return { name: named ? part.slice(at + 1) : null, ...parseType(named ? part.slice(0, at) : part) };
}

function parseType(text: string): { type: SchemaType; alias: Alias | null } {
  let alias: Alias | null = null;
  const bare = text.replace(/\(([^)!]*)(!?)[^)]*\)/, (_, set: string, write: string) => {
    alias = { set: set.trim().split(/[ |]/)[0], write: write === "!" };
    return "";
  });
  const parse = (t: string): SchemaType => {
    if (t.endsWith("?")) return { kind: "optional", of: parse(t.slice(0, -1)) };
    const list = /^(.*)\[(\d*)\]$/.exec(t);
    if (list) return { kind: "list", of: parse(list[1]), size: list[2] === "" ? null : Number(list[2]) };
    return { kind: "base", name: t };
  };
  return { type: parse(bare), alias };
}

const ESCAPES: ReadonlyMap<string, string> = new Map([["n", "\n"], ["t", "\t"], ["r", "\r"], ["f", "\f"], ["v", "\v"]]);

const REDUCTIONS: ReadonlyMap<string, bigint> = new Map([["None", 0n], ["Mean", 1n], ["Sum", 2n]]);

function parseDefault(text: string, type: SchemaType): FxArg {
  if (text === "None") return null;
  if (text === "True" || text === "False") return text === "True";
  if (/^(["']).*\1$/.test(text)) return text.slice(1, -1).replace(/\\(.)/g, (_, c) => ESCAPES.get(c) ?? c);
  const of = type.kind === "optional" ? type.of : type;
  if (text.startsWith("[")) {
    const element = of.kind === "list" ? of.of : of;
    return splitTop(text.slice(1, -1)).map((t) => parseDefault(t, element));
  }
  // A list-typed argument with a scalar default means that value in each place: `int[2] stride=1`.
  if (of.kind === "list") return new Array(of.size ?? 1).fill(parseDefault(text, of.of));
  const base = of.kind === "base" ? of.name : "";
  if (base === "ScalarType") return new DTypeArg(scalarType(text));
  if (base === "MemoryFormat") return new MemoryFormatArg(text);
  if (base === "Layout") return new LayoutArg(text);
  if (/^-?\d+$/.test(text)) return base === "float" ? Number(text) : BigInt(text);
  if (/^-?[\d.]+(?:e[-+]?\d+)?j$/.test(text)) return new Complex(0, Number(text.slice(0, -1)));
  if (/^-?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i.test(text)) return Number(text);
  if (text === "inf" || text === "-inf") return text === "inf" ? Infinity : -Infinity;
  const reduction = REDUCTIONS.get(text);
  if (reduction !== undefined) return reduction;
  return text;
}

/** Names of C++ and numbers of `c10::ScalarType`, which PyTorch prints defaults with. */
const SCALAR_TYPES: ReadonlyMap<string, DTypeArg["dtype"]> = new Map([
  ["float", "float32"],
  ["double", "float64"],
  ["half", "float16"],
  ["long", "int64"],
  ["int", "int32"],
  ["bool", "bool"],
  ["3", "int32"],
  ["4", "int64"],
  ["5", "float16"],
  ["6", "float32"],
  ["7", "float64"],
  ["11", "bool"],
]);

/** @throws {SyntaxError} */
function scalarType(text: string): DTypeArg["dtype"] {
  const dtype = SCALAR_TYPES.get(text) ?? (isDType(text) ? text : undefined);
  if (dtype === undefined) throw new SyntaxError(`Cannot parse ${text} as a dtype`);
  return dtype;
}
