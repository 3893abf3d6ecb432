/**
 * A graph as archives hold it: the inverse of `graphs.ts`, `arguments.ts` and `metas.ts`. Names and order stay, so that a
 * program which is written and read again is the same.
 */
import type { OpTable } from "../aten/mod.ts";
import {
  Complex,
  CustomObjectArg,
  DeviceArg,
  DTypeArg,
  type FxArg,
  FxGraph,
  type FxNode,
  type FxResult,
  FxValue,
  LayoutArg,
  MemoryFormatArg,
  OperatorArg,
  type SymMeta,
  type TensorMeta,
} from "../fx/mod.ts";
import { isCondition } from "../fx/print.ts";
import { JsonFloat } from "../io/json.ts";
import type { JsonValue } from "../io/json_writer.ts";
import { atNode, LoweringError } from "../ir/mod.ts";
import { type Dim, evaluate, isSym } from "../sym/mod.ts";
import { printSrepr } from "../sym/print_srepr.ts";
import type { DType } from "../tensor/mod.ts";
import { DTYPES, LAYOUTS, MEMORY_FORMATS } from "./metas.ts";

type Fields = { readonly [key: string]: JsonValue };

const POSITIONAL = 1, KEYWORD = 2;
const HIGHER_ORDER = "torch.ops.higher_order.";

/** The number of an enum's name. */
function numberOf<T>(names: ReadonlyMap<number, T>, name: T, what: string): number {
  for (const [number, other] of names) if (other === name) return number;
  throw new TypeError(`Archives have no number for the ${what} ${String(name)}`);
}

/** Writes the graphs of one program. */
export class GraphWriter {
  /** @param hints the sizes that symbols had in the example call */
  constructor(private readonly table: OpTable, private readonly hints: ReadonlyMap<string, number>) {}

  /** A graph and the graphs in it. `returnsOne`: it returns a value rather than a tuple. */
  graph(graph: FxGraph, returnsOne = false): Fields {
    const tables: Record<string, Map<string, JsonValue>> = {
      tensor_values: new Map(),
      sym_int_values: new Map(),
      sym_bool_values: new Map(),
      custom_obj_values: new Map(),
      sym_float_values: new Map(),
    };
    const define = (value: FxValue): void => {
      const { meta, name } = value;
      if (meta.kind === "tensor") tables.tensor_values.set(name, this.tensorMeta(meta));
      else if (meta.kind === "sym") tables[`sym_${meta.type}_values`].set(name, this.symValue(meta));
      else if (meta.kind === "object") {
        if (meta.className === "token") tables.tensor_values.set(name, this.tensorMeta(TOKEN));
        else tables.custom_obj_values.set(name, { name, class_fqn: meta.className });
      }
    };
    graph.inputs.forEach(define);
    const nodes: JsonValue[] = [];
    for (const node of graph.nodes()) {
      node.outputs.forEach(define);
      nodes.push(atNode(node.origin, () => this.node(node)));
    }
    return {
      inputs: graph.inputs.map((value) => this.argument(value)),
      outputs: graph.outputs.map((arg) => this.argument(arg)),
      nodes,
      ...tables,
      is_single_tensor_return: returnsOne,
    };
  }

  private node(node: FxNode): Fields {
    const names = this.argumentNames(node);
    const isHigherOrder = node.target.startsWith(HIGHER_ORDER);
    const positional = node.args.map((arg, i) => ({
      name: names[i] ?? "",
      arg: arg instanceof FxGraph ? this.nested(arg, isCondition(arg, node)) : this.argument(arg),
      kind: POSITIONAL,
    }));
    const keyword = [...node.kwargs].map(([name, arg]) => ({ name, arg: this.argument(arg), kind: KEYWORD }));
    return {
      target: node.target,
      inputs: [...positional, ...keyword],
      outputs: this.results(node),
      metadata: node.metadata,
      is_hop_single_tensor_return: isHigherOrder ? node.result instanceof FxValue : null,
      // A result that is None is named by whoever loads the program.
      name: node.result === null ? null : node.name,
    };
  }

  /** Torch binds arguments by their names. */
  private argumentNames(node: FxNode): readonly string[] {
    if (node.argNames.length >= node.args.length || node.target.startsWith(HIGHER_ORDER)) return node.argNames;
    const resolved = this.table.resolve(node.target);
    if (!resolved) {
      throw new LoweringError(`The arguments of ${node.target} have no names`, {
        hint: "Give the operator's schema in the custom translation table",
      });
    }
    return resolved.op.parsed.args.map((arg) => arg.name);
  }

  private results(node: FxNode): JsonValue[] {
    const { result, target } = node;
    const parsed = this.table.resolve(target)?.op.parsed;
    // A function of Python always returns something.
    if (result === null) return parsed?.returns.length === 1 || !target.startsWith("torch.ops.") ? [NONE] : [];
    if (result instanceof FxValue) return [this.argument(result)];
    const isList = parsed?.returns.length === 1 && parsed.returns[0].type.kind === "list";
    return (isList ? [result] : result as readonly FxResult[]).map((one) => this.argument(one as FxArg));
  }

  /** An argument of a node, or an output of a graph. */
  argument(arg: FxArg): Fields {
    if (arg === null) return NONE;
    if (arg instanceof FxValue) return this.reference(arg);
    if (arg instanceof FxGraph) return this.nested(arg, false);
    if (Array.isArray(arg)) return this.list(arg);
    if (arg instanceof Map) {
      return { as_string_to_argument: new Map([...arg].map(([key, value]) => [key, this.argument(value)])) };
    }
    switch (typeof arg) {
      case "bigint":
        return { as_int: arg };
      case "number":
        return { as_float: new JsonFloat(arg) };
      case "boolean":
        return { as_bool: arg };
      case "string":
        return { as_string: arg };
    }
    if (arg instanceof Complex) return { as_complex: { real: new JsonFloat(arg.re), imag: new JsonFloat(arg.im) } };
    if (arg instanceof DTypeArg) return { as_scalar_type: dtypeNumber(arg.dtype) };
    if (arg instanceof DeviceArg) return { as_device: { type: arg.type, index: arg.index } };
    if (arg instanceof LayoutArg) return { as_layout: numberOf(LAYOUTS, arg.name, "layout") };
    if (arg instanceof MemoryFormatArg) {
      return { as_memory_format: numberOf(MEMORY_FORMATS, arg.name, "memory format") };
    }
    if (arg instanceof OperatorArg) return { as_operator: arg.target };
    if (arg instanceof CustomObjectArg) return { as_custom_obj: { name: arg.name, class_fqn: arg.className } };
    throw new TypeError(`An argument of type ${arg.constructor.name} can't be written to an archive`);
  }

  private nested(graph: FxGraph, returnsOne: boolean): Fields {
    return { as_graph: { name: graph.name, graph: this.graph(graph, returnsOne) } };
  }

  private reference(value: FxValue): Fields {
    const { meta, name } = value;
    switch (meta.kind) {
      case "tensor":
        return { as_tensor: { name } };
      case "sym":
        return { [`as_sym_${meta.type}`]: { as_name: name } };
      case "constant":
        return this.argument(meta.value);
      case "object":
        return meta.className === "token"
          ? { as_tensor: { name } }
          : { as_custom_obj: { name, class_fqn: meta.className } };
    }
  }

  private list(items: readonly FxArg[]): Fields {
    const written = items.map((item) => this.argument(item));
    const keys = new Set(written.map((item) => Object.keys(item)[0]));
    const values = written.map((item) => Object.values(item)[0]);
    const isOnly = (...allowed: string[]): boolean => [...keys].every((key) => allowed.includes(key));
    if (keys.size === 1) {
      const [key] = keys;
      const plural = PLURALS.get(key);
      if (plural) return { [plural]: values };
    }
    if (keys.size === 0) return { as_ints: [] };
    if (isOnly("as_tensor", "as_none")) return { as_optional_tensors: written };
    // Ints among the operands of branches and loops stand there by name, as torch writes them.
    if (isOnly("as_tensor", "as_sym_int") && items.every((item) => item instanceof FxValue)) {
      return { as_tensors: items.map(({ name }) => ({ name })) };
    }
    for (const type of ["int", "float", "bool"] as const) {
      // A number in a list of symbolic ones is a literal there.
      if (isOnly(`as_${type}`, `as_sym_${type}`)) {
        return { [`as_sym_${type}s`]: written.map((item) => item[`as_sym_${type}`] ?? item) };
      }
    }
    throw new TypeError(
      `A list of ${[...keys].map((key) => key.slice(3)).join(" and ")} can't be written to an archive`,
    );
  }

  /** dtype, sizes and strides of a tensor. */
  tensorMeta(meta: TensorMeta): Fields {
    const [type, index] = meta.device.split(":");
    return {
      dtype: dtypeNumber(meta.dtype),
      sizes: meta.shape.map((dim) => this.dim(dim)),
      requires_grad: meta.requiresGrad,
      device: { type, index: index === undefined ? null : Number(index) },
      strides: meta.strides.map((dim) => this.dim(dim)),
      storage_offset: this.dim(meta.storageOffset),
      layout: numberOf(LAYOUTS, "strided", "layout"),
    };
  }

  private dim(dim: Dim): Fields {
    return isSym(dim) ? { as_expr: this.expression(dim, "int") } : { as_int: dim };
  }

  private symValue({ expr, type }: SymMeta): Fields {
    if (isSym(expr)) return { as_expr: this.expression(expr, type) };
    return { [`as_${type}`]: type === "float" ? new JsonFloat(Number(expr)) : expr };
  }

  private expression(expr: Exclude<Dim, number>, type: SymMeta["type"]): Fields {
    const isKnown = type !== "bool" && [...expr.symbols()].every((name) => this.hints.has(name));
    const hint = isKnown ? evaluate(expr, this.hints) : null;
    return {
      expr_str: printSrepr(expr),
      hint: hint === null ? null : { [`as_${type}`]: type === "float" ? new JsonFloat(Number(hint)) : Number(hint) },
    };
  }
}

const NONE: Fields = { as_none: true };

/** What an effect token is to torch. */
const TOKEN: TensorMeta = {
  kind: "tensor",
  dtype: "float32",
  shape: [0],
  strides: [1],
  storageOffset: 0,
  requiresGrad: false,
  device: "cpu",
};

/** Kinds of lists by the kind of their elements. */
const PLURALS: ReadonlyMap<string, string> = new Map([
  ["as_tensor", "as_tensors"],
  ["as_int", "as_ints"],
  ["as_float", "as_floats"],
  ["as_bool", "as_bools"],
  ["as_string", "as_strings"],
  ["as_sym_int", "as_sym_ints"],
  ["as_sym_float", "as_sym_floats"],
  ["as_sym_bool", "as_sym_bools"],
  ["as_ints", "as_int_lists"],
  ["as_floats", "as_float_lists"],
  ["as_tensors", "as_nested_tensors"],
]);

function dtypeNumber(dtype: DType): number {
  return numberOf(DTYPES, dtype, "dtype");
}
