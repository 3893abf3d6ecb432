/**
 * Rewrites a program's JSON part by part. The records of the format nest as the table here says; an upgrade states only
 * what becomes of the kinds of record that it changes.
 */
import { type Json, JsonObject } from "../../io/json.ts";
import { Field } from "../fields.ts";

/** The kinds of record that upgrades change, or that hold such records. */
export type Kind =
  | "program"
  | "range"
  | "module"
  | "signature"
  | "inputSpec"
  | "outputSpec"
  | "bufferSpec"
  | "constantSpec"
  | "graph"
  | "node"
  | "holder"
  | "argument"
  | "symArgument"
  | "optionalTensor"
  | "namedGraph"
  | "tensorMeta"
  | "symInt"
  | "symBool"
  | "symExpr"
  | "hint";

/** What becomes of a record; records in it are rewritten afterwards. */
export type Rule = (field: Field) => Json;

/** The rules that lead from one version to the next, by kind of record. */
export type Step = Readonly<Partial<Record<Kind, Rule>>>;

/** What a key of a record holds: a record, a list of them, or an object of them by name. */
interface Child {
  readonly kind: Kind;
  readonly as: "one" | "list" | "map";
}

const one = (kind: Kind): Child => ({ kind, as: "one" });
const list = (kind: Kind): Child => ({ kind, as: "list" });
const map = (kind: Kind): Child => ({ kind, as: "map" });

/** A `holder` is a record of an argument: a node's named argument, a user's input or output. */
const CHILDREN: Readonly<Record<Kind, ReadonlyMap<string, Child>>> = {
  program: new Map([["graph_module", one("module")], ["range_constraints", map("range")]]),
  range: new Map(),
  module: new Map([["graph", one("graph")], ["signature", one("signature")]]),
  signature: new Map([["input_specs", list("inputSpec")], ["output_specs", list("outputSpec")]]),
  inputSpec: new Map([
    ["user_input", one("holder")],
    ["constant_input", one("constantSpec")],
    ["buffer", one("bufferSpec")],
  ]),
  outputSpec: new Map([["user_output", one("holder")]]),
  bufferSpec: new Map(),
  constantSpec: new Map([["value", one("argument")]]),
  graph: new Map([
    ["inputs", list("argument")],
    ["outputs", list("argument")],
    ["nodes", list("node")],
    ["tensor_values", map("tensorMeta")],
    ["sym_int_values", map("symInt")],
    ["sym_bool_values", map("symBool")],
  ]),
  node: new Map([["inputs", list("holder")], ["outputs", list("argument")]]),
  holder: new Map([["arg", one("argument")]]),
  argument: new Map([
    ["as_sym_int", one("symArgument")],
    ["as_sym_ints", list("symArgument")],
    ["as_sym_bool", one("symArgument")],
    ["as_sym_bools", list("symArgument")],
    ["as_optional_tensors", list("optionalTensor")],
    ["as_graph", one("namedGraph")],
  ]),
  symArgument: new Map(),
  optionalTensor: new Map(),
  namedGraph: new Map([["graph", one("graph")]]),
  tensorMeta: new Map([["sizes", list("symInt")], ["strides", list("symInt")], ["storage_offset", one("symInt")]]),
  symInt: new Map([["as_expr", one("symExpr")]]),
  symBool: new Map([["as_expr", one("symExpr")]]),
  symExpr: new Map([["hint", one("hint")]]),
  hint: new Map(),
};

/** Rewrites a record by the rules of all steps in turn, then the records in what came out. */
export function rewrite(kind: Kind, field: Field, steps: readonly Step[]): Json {
  let here = field;
  for (const step of steps) {
    const rule = step[kind];
    if (rule !== undefined) here = here.replaced(rule(here));
  }
  const { json } = here;
  // What is no record is left to the reader, which refuses it.
  if (!(json instanceof JsonObject)) return json;
  const children = CHILDREN[kind];
  let isSame = true;
  const items: Json[] = [];
  for (const [key, value] of json) {
    const child = children.get(key);
    const next = child === undefined ? value : rewriteChild(child, new Field(value, here, key), steps);
    isSame &&= next === value;
    items.push(key, next);
  }
  return isSame ? json : new JsonObject(items);
}

function rewriteChild(child: Child, field: Field, steps: readonly Step[]): Json {
  const { json } = field;
  if (json === null) return json;
  if (child.as === "one") return rewrite(child.kind, field, steps);
  if (child.as === "list") {
    return Array.isArray(json) ? json.map((item, i) => rewrite(child.kind, new Field(item, field, i), steps)) : json;
  }
  if (!(json instanceof JsonObject)) return json;
  const items: Json[] = [];
  for (const [key, value] of json) items.push(key, rewrite(child.kind, new Field(value, field, key), steps));
  return new JsonObject(items);
}

/** An object with some keys set (in place where they exist) and others, those that are undefined, left out. */
export function edited(field: Field, changes: Readonly<Record<string, Json | undefined>>): JsonObject {
  const result = new Map<string, Json>();
  for (const [key, { json }] of field.entries()) result.set(key, json);
  for (const [key, json] of Object.entries(changes)) {
    if (json === undefined) result.delete(key);
    else result.set(key, json);
  }
  return JsonObject.of(result);
}

/** An object literal as JSON. */
export function object(entries: Readonly<Record<string, Json>>): JsonObject {
  return JsonObject.of(Object.entries(entries));
}
