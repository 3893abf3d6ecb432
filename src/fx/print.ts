/**
 * Prints FX nodes, graphs and signatures as torch prints them, to the character. Archives leave out the `getitem` nodes
 * that pick the results of a node; torch restores them when it loads a program, so they are printed, and counted as users.
 */
import {
  Complex,
  CustomObjectArg,
  DeviceArg,
  DTypeArg,
  type FxArg,
  LayoutArg,
  MemoryFormatArg,
  OperatorArg,
} from "./args.ts";
import { FxGraph, FxNode, type FxResult, FxValue } from "./graph.ts";
import { FxNamespace } from "./namespace.ts";
import type { ExportedProgram, InputSpec, OutputSpec } from "./program.ts";
import { boolRepr, complexRepr, floatRepr } from "./python.ts";
import { isSym } from "../sym/mod.ts";

/** What a printed call consists of; a node, or a record of what it was when its program was loaded. */
export interface PrintedCall {
  readonly name: string;
  readonly target: string;
  readonly args: readonly FxArg[];
  readonly kwargs: ReadonlyMap<string, FxArg>;
}

/**
 * A node as `torch.fx.Node.format_node` prints it.
 *
 * @example
 * ```ts
 * import { load } from "@fx2onnx/fx2onnx";
 *
 * const program = await load("tests/fixtures/mlp.pt2");
 * for (const node of program.graph.nodes()) console.log(formatNode(node));
 * // %linear : [num_users=1] = call_function[target=torch.ops.aten.linear.default](args = (%cat, %p_fc0_weight, …), kwargs = {})
 * program.archive?.close?.();
 * ```
 */
export function formatNode(node: FxNode): string {
  return formatCall(node, countUsers(node.result, (node.graph as FxGraph | null)?.outputs ?? []));
}

/** A call with a known number of users. */
export function formatCall(call: PrintedCall, users: number): string {
  const kwargs = [...call.kwargs].map(([name, arg]) => `${name}: ${formatArg(arg)}`).join(", ");
  const signature = `(args = ${formatTuple(call.args)}, kwargs = {${kwargs}})`;
  return `%${call.name} : [num_users=${users}] = call_function[target=${formatTarget(call.target)}]${signature}`;
}

/** How many nodes use a node: the `getitem`s of its results, or of a single result the nodes that take it. */
export function countUsers(result: FxResult, outputs: readonly FxArg[] | ReadonlySet<FxArg>): number {
  if (result === null) return 0;
  if (!(result instanceof FxValue)) return result.length;
  const returned = outputs instanceof Set ? outputs.has(result) : (outputs as readonly FxArg[]).includes(result);
  return result.uses.size + (returned ? 1 : 0);
}

/** `str` of an argument, values with a percent sign. */
export function formatArg(arg: FxArg): string {
  if (arg === null) return "None";
  if (typeof arg === "string") return arg;
  if (typeof arg === "bigint") return String(arg);
  if (typeof arg === "number") return floatRepr(arg);
  if (typeof arg === "boolean") return boolRepr(arg);
  if (arg instanceof FxValue || arg instanceof FxGraph) return `%${arg.name}`;
  if (isSym(arg)) return String(arg);
  if (arg instanceof Complex) return complexRepr(arg);
  if (arg instanceof DTypeArg) return `torch.${arg.dtype}`;
  if (arg instanceof DeviceArg) return arg.index === null ? arg.type : `${arg.type}:${arg.index}`;
  if (arg instanceof LayoutArg || arg instanceof MemoryFormatArg) return `torch.${arg.name}`;
  if (arg instanceof OperatorArg) return operatorText(arg.target);
  if (arg instanceof CustomObjectArg) return arg.name;
  if (arg instanceof Map) return `{${[...arg].map(([k, v]) => `${k}: ${formatArg(v)}`).join(", ")}}`;
  const list = arg as readonly FxArg[];
  return `[${list.map(holdsTuples(list) ? (a) => formatTuple(a as readonly FxArg[]) : formatArg).join(", ")}]`;
}

/** Lists of lists of integers are lists of tuples in torch; those of floats and tensors are lists. */
export function holdsTuples(list: readonly FxArg[]): boolean {
  return list.length > 0 && list.every((a) => Array.isArray(a)) &&
    (list as readonly (readonly FxArg[])[]).some((a) => typeof a[0] === "bigint");
}

function formatTuple(items: readonly FxArg[]): string {
  return `(${items.map(formatArg).join(", ")}${items.length === 1 ? "," : ""})`;
}

/** A target as `format_node` prints it: `torch.ops.aten.add.Tensor`, `operator.mul`. */
export function formatTarget(target: string): string {
  return target.startsWith("_operator.") ? target.slice(1) : target;
}

/** `str` of a target: `aten.add.Tensor`, `cond`, `<built-in function mul>`, and functions without their address. */
export function operatorText(target: string): string {
  const match = /^torch\.ops\.(higher_order\.)?(.*)$/.exec(target);
  if (match) return match[2];
  const builtin = /^(?:_operator|math)\.(.*)$/.exec(target);
  if (builtin) return `<built-in function ${builtin[1]}>`;
  return target.startsWith("torch.") ? `<function ${target.slice(target.lastIndexOf(".") + 1)}>` : target;
}

/** A node of torch's graph: what the archive stores, and what torch restores around it. */
export type RestoredNode =
  | { readonly op: "placeholder"; readonly value: FxValue }
  | { readonly op: "get_attr"; readonly graph: FxGraph; readonly user: FxNode }
  | { readonly op: "call_function"; readonly node: FxNode }
  | {
    readonly op: "getitem";
    readonly name: string;
    /** The name of the node that yields the tuple or list. */
    readonly of: string;
    readonly index: number;
    readonly result: FxResult;
    readonly node: FxNode;
  };

/** The nodes of a graph as torch has them, without the final `output`. */
export function* restoredNodes(graph: FxGraph): Generator<RestoredNode> {
  const names = new FxNamespace();
  for (const value of graph.inputs) {
    names.create(value.name);
    yield { op: "placeholder", value };
  }
  for (const node of graph.nodes()) {
    for (const sub of subgraphsOf(node)) {
      names.create(sub.name);
      yield { op: "get_attr", graph: sub, user: node };
    }
    names.create(node.name);
    yield { op: "call_function", node };
    if (node.result !== null && !(node.result instanceof FxValue)) yield* items(node, node.name, node.result, names);
  }
}

function* items(node: FxNode, of: string, results: readonly FxResult[], names: FxNamespace): Generator<RestoredNode> {
  for (const [index, result] of results.entries()) {
    const made = names.create(result === null ? "as_none" : result instanceof FxValue ? result.name : "getitem");
    const name = result instanceof FxValue ? result.name : made;
    yield { op: "getitem", name, of, index, result, node };
    if (result !== null && !(result instanceof FxValue)) yield* items(node, name, result, names);
  }
}

/** The graphs among a node's arguments, in order. */
export function* subgraphsOf(node: FxNode): Generator<FxGraph> {
  const stack: FxArg[] = [...node.args, ...node.kwargs.values()].reverse();
  while (stack.length > 0) {
    const arg = stack.pop()!;
    if (arg instanceof FxGraph) yield arg;
    else if (Array.isArray(arg)) { for (let i = arg.length - 1; i >= 0; i--) stack.push(arg[i]); }
    else if (arg instanceof Map) stack.push(...[...arg.values()].reverse());
  }
}

/** The nodes of a graph, one `format_node` line each, with the restored ones and the final `return`. */
export function formatGraph(graph: FxGraph, returnsOne = false): string[] {
  const outputs = new Set(graph.outputs);
  const lines: string[] = [];
  for (const item of restoredNodes(graph)) {
    if (item.op === "placeholder") {
      const users = countUsers(item.value, outputs);
      lines.push(`%${item.value.name} : [num_users=${users}] = placeholder[target=${item.value.name}]`);
    } else if (item.op === "get_attr") {
      lines.push(`%${item.graph.name} : [num_users=1] = get_attr[target=${item.graph.name}]`);
    } else if (item.op === "call_function") {
      lines.push(formatCall(item.node, countUsers(item.node.result, outputs)));
    } else {
      const users = countUsers(item.result, outputs);
      const args = `(args = (%${item.of}, ${item.index}), kwargs = {})`;
      lines.push(`%${item.name} : [num_users=${users}] = call_function[target=operator.getitem]${args}`);
    }
  }
  const returned = returnsOne ? formatArg(graph.outputs[0]) : formatTuple(graph.outputs);
  return [...lines, `return ${returned.replaceAll("%", "")}`];
}

/** Whether a graph is the condition of a loop: it returns a value, where other graphs return a tuple. */
export function isCondition(graph: FxGraph, user: FxNode): boolean {
  return user.target === "torch.ops.higher_order.while_loop" && user.args[0] === graph && graph.outputs.length === 1;
}

/** `str` of a program's graph signature. */
export function formatSignature(program: Pick<ExportedProgram, "signature">): string {
  const { inputSpecs, outputSpecs } = program.signature;
  return `\n# inputs\n${inputSpecs.map(formatInput).join("\n")}\n\n# outputs\n${
    outputSpecs.map(formatOutput).join("\n")
  }\n`;
}

function formatInput({ kind, value, target, persistent }: InputSpec): string {
  const about = (target === null ? "" : ` target='${target}'`) +
    (persistent === null ? "" : ` persistent=${boolRepr(persistent)}`);
  return `${value.name}: ${kind}${about}`;
}

function formatOutput({ kind, arg, target }: OutputSpec): string {
  return `${arg instanceof FxValue ? arg.name : ""}: ${kind}${target === null ? "" : ` target='${target}'`}`;
}
