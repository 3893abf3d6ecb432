/**
 * Reads a graph: value tables, inputs, nodes, outputs and nested graphs. Every name is defined once and before its use,
 * so what comes out is free of cycles; operators are not looked up here.
 */
import {
  candidateName,
  type FxArg,
  FxGraph,
  type FxMeta,
  FxNamespace,
  FxNode,
  type FxResult,
  FxValue,
  operatorText,
} from "../fx/mod.ts";
import { countUsers } from "../fx/print.ts";
import { JsonObject } from "../io/json.ts";
import { type ArgumentScope, LITERALS, readArgument, readTarget } from "./arguments.ts";
import { type Field, quote } from "./fields.ts";
import { checkOperands } from "./higher_order.ts";
import { readTensorMeta, SymReader } from "./metas.ts";
import { ArchiveOrigin, ModuleStacks } from "./origins.ts";

/** What the graphs of one program share. */
export interface GraphContext {
  readonly syms: SymReader;
  readonly stacks: ModuleStacks;
  /** Names of the program's constants that are objects. */
  readonly objects: ReadonlySet<string>;
  readonly warnings: string[];
}

/** What the signature says of a graph input that the graph itself does not. */
export interface InputHint {
  /** The name of an input that is a literal. */
  readonly name: string;
  readonly isToken: boolean;
}

const HIGHER_ORDER = "torch.ops.higher_order.";
/** Python functions on symbolic numbers: their arguments have names, but are always positional. */
const SCALAR_FUNCTION = /^(?:_operator|math)\.|^torch\.(?:_?sym_\w+)$/;
const POSITIONAL = 1;
/** Most calls have none: a map takes as much memory as a node. */
const NO_KWARGS: ReadonlyMap<string, FxArg> = new Map();

/** Reads a graph and the graphs nested in it. */
export function readGraph(
  field: Field,
  name: string,
  context: GraphContext,
  hints: readonly InputHint[] = [],
): FxGraph {
  return new GraphReader(field, name, context, hints).graph;
}

type Table = "tensor_values" | "sym_int_values" | "sym_float_values" | "sym_bool_values" | "custom_obj_values";

const TABLES: readonly Table[] = [
  "tensor_values",
  "sym_int_values",
  "sym_float_values",
  "sym_bool_values",
  "custom_obj_values",
];
const REQUIRED: ReadonlySet<Table> = new Set<Table>(["tensor_values", "sym_int_values", "sym_bool_values"]);

class GraphReader implements ArgumentScope {
  readonly graph: FxGraph;
  private readonly context: GraphContext;
  private readonly names = new FxNamespace();
  private readonly values: Map<string, FxValue> = new Map();
  private readonly tables: Map<Table, Field> = new Map();
  /** Whether the node at hand may hold graphs. */
  private isHigherOrder = false;

  constructor(field: Field, name: string, context: GraphContext, hints: readonly InputHint[]) {
    this.graph = new FxGraph(name);
    this.context = context;
    for (const table of TABLES) {
      const values = REQUIRED.has(table) ? field.get(table) : field.find(table);
      if (values !== null) this.tables.set(table, values);
    }
    for (const [i, input] of field.get("inputs").list().entries()) this.readInput(input, i, hints.at(i));
    for (const node of field.get("nodes").list()) this.readNode(node);
    this.graph.outputs = field.get("outputs").list().map((f) => this.readOutput(f));
    this.countAllUsers();
    let left = -this.values.size;
    for (const table of this.tables.values()) left += table.count();
    if (left > 0) context.warnings.push(`Graph ${name} describes ${left} values that nothing defines`);
  }

  tensor(field: Field): FxValue {
    const value = this.lookUp(field);
    // The operands of branches and loops are written as tensors also where one is a number.
    if (value.meta?.kind !== "sym" || this.isHigherOrder) return value;
    return field.fail(`${quote(value.name)} is a number, expected a tensor`);
  }

  sym(field: Field): FxValue {
    const value = this.lookUp(field);
    return value.meta?.kind === "sym" ? value : field.fail(`${quote(value.name)} is not a number`);
  }

  object(name: string): FxValue | "constant" | null {
    return this.values.get(name) ?? (this.context.objects.has(name) ? "constant" : null);
  }

  nested(field: Field): FxGraph {
    if (!this.isHigherOrder) return field.fail("only higher-order operators take graphs");
    const name = this.names.create(field.get("name").name());
    return readGraph(field.get("graph"), name, this.context);
  }

  private lookUp(field: Field): FxValue {
    const name = field.string();
    return this.values.get(name) ?? field.fail(`value ${quote(name)} is not defined before its use`);
  }

  private define(field: Field, table: Table, isToken = false): FxValue {
    const name = field.name();
    if (this.values.has(name)) return field.fail(`value ${quote(name)} is defined twice`);
    const entry = this.tables.get(table)?.find(name) ?? field.fail(`value ${quote(name)} has no entry in ${table}`);
    const value = new FxValue(name, this.readMeta(entry, table, isToken));
    this.values.set(name, value);
    return value;
  }

  private readMeta(entry: Field, table: Table, isToken: boolean): FxMeta {
    const { syms } = this.context;
    switch (table) {
      case "tensor_values": {
        const meta = readTensorMeta(entry, syms);
        return isToken ? { kind: "object", className: "token" } : meta;
      }
      case "sym_int_values":
        return syms.value(entry, "int");
      case "sym_float_values":
        return syms.value(entry, "float");
      case "sym_bool_values":
        return syms.value(entry, "bool");
      case "custom_obj_values":
        return { kind: "object", className: entry.find("class_fqn")?.string() ?? "" };
    }
  }

  private readInput(field: Field, index: number, hint: InputHint | undefined): void {
    const [key] = field.union();
    let value: FxValue;
    if (LITERALS.has(key)) {
      value = new FxValue(hint?.name || `arg${index}`, { kind: "constant", value: readArgument(field, this) });
    } else {
      value = this.readDefinition(field, hint?.isToken) ?? field.fail(`${quote(key)} cannot be an input of a graph`);
    }
    this.names.create(value.name);
    this.graph.inputs.push(value);
  }

  /** A new value; null for a kind of argument that is none. */
  private readDefinition(field: Field, isToken = false): FxValue | null {
    const [key, value] = field.union();
    switch (key) {
      case "as_tensor":
        return this.define(value.get("name"), "tensor_values", isToken);
      case "as_sym_int":
        return this.define(value.get("as_name"), "sym_int_values");
      case "as_sym_float":
        return this.define(value.get("as_name"), "sym_float_values");
      case "as_sym_bool":
        return this.define(value.get("as_name"), "sym_bool_values");
      case "as_custom_obj":
        return this.define(value.get("name"), "custom_obj_values");
      default:
        return null;
    }
  }

  private readOutput(field: Field): FxArg {
    const arg = readArgument(field, this);
    if (Array.isArray(arg) || arg instanceof Map) return field.fail("a graph returns values and literals only");
    return arg;
  }

  private readNode(field: Field): void {
    const target = readTarget(field.get("target"));
    const outputs = field.get("outputs").list();
    const declared = field.find("name")?.name() ?? null;
    field.describes({ node: declared ?? nameOf(outputs), operator: operatorText(target) });
    this.isHigherOrder = target.startsWith(HIGHER_ORDER);
    const { args, argNames, kwargs } = this.readInputs(field.get("inputs").list(), SCALAR_FUNCTION.test(target));
    const result = this.readResult(field, outputs, target);
    const name = this.nodeName(declared, target, result, outputs.length);
    const metadata = new Map<string, string>();
    for (const [key, value] of field.get("metadata").entries()) metadata.set(key, value.string());
    const origin = new ArchiveOrigin(
      { name, target, args, kwargs },
      this.context.stacks.read(metadata.get("nn_module_stack")),
      metadata.get("stack_trace") ?? "",
    );
    const node = new FxNode({ name, target, args, argNames, kwargs, result, metadata, origin });
    if (target.startsWith(HIGHER_ORDER)) checkOperands(field, node);
    this.graph.insert(node);
  }

  private readInputs(inputs: readonly Field[], isScalar: boolean): {
    args: FxArg[];
    argNames: string[];
    kwargs: ReadonlyMap<string, FxArg>;
  } {
    const args: FxArg[] = [];
    const argNames: string[] = [];
    let kwargs: Map<string, FxArg> | null = null;
    const seen = new Set<string>();
    for (const input of inputs) {
      const name = input.get("name").string();
      if (name !== "" && seen.has(name)) input.fail(`argument ${quote(name)} is given twice`);
      seen.add(name);
      const kind = input.find("kind")?.safeInt() ?? 0;
      const arg = readArgument(input.get("arg"), this);
      // Torch 2.6 does not say which arguments were positional. The first one always is; for others, only the name is sure.
      const isFirst = kind === 0 && seen.size === 1;
      if (kind === POSITIONAL || name === "" || isScalar || isFirst) {
        args.push(arg);
        argNames.push(name);
      } else (kwargs ??= new Map()).set(name, arg);
    }
    return { args, argNames, kwargs: kwargs ?? NO_KWARGS };
  }

  private readResult(field: Field, outputs: readonly Field[], target: string): FxResult {
    if (outputs.length === 0) return null;
    // The first result of an effectful call is its new token.
    const results = outputs.map((f, i) => this.readOneResult(f, i === 0 && target === `${HIGHER_ORDER}with_effects`));
    if (results.length > 1) return results;
    const isTuple = this.isHigherOrder && field.find("is_hop_single_tensor_return")?.bool() === false;
    return isTuple && results[0] instanceof FxValue ? results : results[0];
  }

  private readOneResult(field: Field, isToken: boolean): FxResult {
    const [key, value] = field.union();
    switch (key) {
      case "as_none":
        return null;
      case "as_tensors":
        return value.list().map((f) => this.define(f.get("name"), "tensor_values"));
      case "as_optional_tensors":
        return value.list().map((f) => this.readOneResult(f, false));
      case "as_nested_tensors":
        return value.list().map((list) => list.list().map((f) => this.define(f.get("name"), "tensor_values")));
      case "as_sym_ints":
        return value.list().map((f) => this.define(f.get("as_name"), "sym_int_values"));
      case "as_sym_floats":
        return value.list().map((f) => this.define(f.get("as_name"), "sym_float_values"));
      case "as_sym_bools":
        return value.list().map((f) => this.define(f.get("as_name"), "sym_bool_values"));
      default:
        return this.readDefinition(field, isToken) ?? field.fail(`${quote(key)} cannot be a result of a node`);
    }
  }

  /** The name that torch gives the node when it loads the program. */
  private nodeName(declared: string | null, target: string, result: FxResult, outputs: number): string {
    if (result instanceof FxValue) {
      this.names.create(declared ?? result.name);
      return result.name;
    }
    const name = this.names.create(declared ?? candidateName(target));
    if (result !== null) this.nameItems(result);
    return result === null && outputs === 1 ? this.names.create(`${candidateName(target)}_unused`) : name;
  }

  private nameItems(results: readonly FxResult[]): void {
    for (const result of results) {
      this.names.create(result === null ? "as_none" : result instanceof FxValue ? result.name : "getitem");
      if (result !== null && !(result instanceof FxValue)) this.nameItems(result);
    }
  }

  private countAllUsers(): void {
    const outputs = new Set(this.graph.outputs);
    for (const node of this.graph.nodes()) (node.origin as ArchiveOrigin).users = countUsers(node.result, outputs);
  }
}

/** A name for a node that has none of its own: its first result's. */
function nameOf(outputs: readonly Field[]): string {
  const first = outputs.at(0)?.json;
  const value = first instanceof JsonObject ? first.values().next().value : undefined;
  const name = value instanceof JsonObject ? value.get("name") ?? value.get("as_name") : undefined;
  return typeof name === "string" ? name : "without a name";
}
