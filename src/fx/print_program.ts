/**
 * Prints a program as `print(exported_program)` does in Python: the graph as code with types, source lines and freed
 * values, subgraphs as nested classes, the signature and the ranges.
 */
import type { DType } from "../tensor/mod.ts";
import { isSym } from "../sym/mod.ts";
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
import { FxGraph, type FxMeta, type FxNode, FxValue, valuesOf } from "./graph.ts";
import {
  formatSignature,
  formatTarget,
  holdsTuples,
  isCondition,
  type RestoredNode,
  restoredNodes,
  subgraphsOf,
} from "./print.ts";
import { type ExportedProgram, formatConstraints } from "./program.ts";
import { boolRepr, complexRepr, floatRepr, stringRepr } from "./python.ts";

/** A program as readable text. */
export function printProgram(program: ExportedProgram): string {
  const indented = (text: string): string => text.replaceAll("\n", "\n    ");
  return "ExportedProgram:\n" +
    `    ${indented(printGraph(program.graph, "GraphModule"))}\n` +
    `Graph signature: ${indented(formatSignature(program))}\n` +
    `Range constraints: ${formatConstraints(program.constraints)}\n`;
}

/** A graph as the code of a module class, with its subgraphs as nested classes. */
export function printGraph(graph: FxGraph, className: string, returnsOne = false): string {
  const lines = [`class ${className}(torch.nn.Module):`, `    def forward(${parameters(graph)}):`];
  for (const line of bodyOf(graph, returnsOne)) lines.push(line === "" ? "" : `        ${line}`);
  lines.push("");
  const seen = new Set<string>();
  for (const node of graph.nodes()) {
    for (const sub of subgraphsOf(node)) {
      if (seen.has(sub.name)) continue;
      seen.add(sub.name);
      const text = printGraph(sub, sub.name, isCondition(sub, node));
      lines.push(...text.split("\n").map((line) => line === "" ? "" : `    ${line}`));
    }
  }
  return lines.join("\n");
}

function parameters(graph: FxGraph): string {
  return ["self", ...graph.inputs.map((value) => `${value.name}${annotation(value.meta)}`)].join(", ");
}

function bodyOf(graph: FxGraph, returnsOne: boolean): string[] {
  const nodes = [...restoredNodes(graph)];
  const freed = freedValues(graph, nodes);
  const lines: string[] = [];
  let lastComment = "";
  for (const [i, item] of nodes.entries()) {
    if (item.op === "placeholder") continue;
    const node = item.op === "get_attr" ? item.user : item.node;
    const comment = `# ${sourceOf(node)}`;
    if (comment !== lastComment) {
      if (lines.length > 0) lines.push("");
      lines.push(comment);
      lastComment = comment;
    }
    const names = freed.get(i) ?? [];
    lines.push(`${statement(item)}${names.length > 0 ? `;  ${names.join(" = ")} = None` : ""}`);
  }
  lines.push(`return ${returnsOne ? argRepr(graph.outputs[0]) : tupleRepr(graph.outputs)}`);
  return lines;
}

function statement(item: Exclude<RestoredNode, { op: "placeholder" }>): string {
  if (item.op === "get_attr") return `${item.graph.name} = self.${item.graph.name}`;
  if (item.op === "getitem") {
    const meta = item.result instanceof FxValue ? item.result.meta : null;
    return `${item.name}${annotation(meta)} = ${item.of}[${item.index}]`;
  }
  const { node } = item;
  const meta = node.result instanceof FxValue ? node.result.meta : null;
  return `${node.name}${annotation(meta)} = ${callText(node)}`;
}

/** Python's operators by the name of the function that stands for them. */
const OPERATORS: ReadonlyMap<string, string> = new Map([
  ["eq", "=="],
  ["ne", "!="],
  ["lt", "<"],
  ["gt", ">"],
  ["le", "<="],
  ["ge", ">="],
  ["add", "+"],
  ["sub", "-"],
  ["mul", "*"],
  ["floordiv", "//"],
  ["truediv", "/"],
  ["mod", "%"],
  ["pow", "**"],
  ["lshift", "<<"],
  ["rshift", ">>"],
  ["and_", "&"],
  ["or_", "|"],
  ["xor", "^"],
]);

function callText(node: FxNode): string {
  const args = node.args.map(argRepr);
  const name = node.target.startsWith("_operator.") ? node.target.slice("_operator.".length) : "";
  if (args.length === 1 && (name === "neg" || name === "pos")) return `${name === "neg" ? "-" : "+"}${args[0]}`;
  const operator = OPERATORS.get(name);
  if (operator !== undefined && args.length === 2) return args.join(` ${operator} `);
  const kwargs = [...node.kwargs].map(([key, arg]) => `${key} = ${argRepr(arg)}`);
  // Functions of other modules than torch's are globals of the generated code.
  const callee = node.target.startsWith("torch.") ? node.target : formatTarget(node.target).replaceAll(".", "_");
  return `${callee}(${[...args, ...kwargs].join(", ")})`;
}

/** `repr` of an argument. */
function argRepr(arg: FxArg): string {
  if (arg === null) return "None";
  if (typeof arg === "string") return stringRepr(arg);
  if (typeof arg === "bigint") return String(arg);
  if (typeof arg === "number") return floatRepr(arg);
  if (typeof arg === "boolean") return boolRepr(arg);
  if (arg instanceof FxValue || arg instanceof FxGraph || arg instanceof CustomObjectArg) return arg.name;
  if (arg instanceof Complex) return complexRepr(arg);
  if (arg instanceof DTypeArg) return `torch.${arg.dtype}`;
  if (arg instanceof DeviceArg) {
    return `device(type=${stringRepr(arg.type)}${arg.index === null ? "" : `, index=${arg.index}`})`;
  }
  if (arg instanceof LayoutArg || arg instanceof MemoryFormatArg) return `torch.${arg.name}`;
  if (arg instanceof OperatorArg) return arg.target;
  if (arg instanceof Map) return `{${[...arg].map(([k, v]) => `${stringRepr(k)}: ${argRepr(v)}`).join(", ")}}`;
  const list = arg as readonly FxArg[];
  return `[${list.map(holdsTuples(list) ? (a) => tupleRepr(a as readonly FxArg[]) : argRepr).join(", ")}]`;
}

function tupleRepr(items: readonly FxArg[]): string {
  return `(${items.map(argRepr).join(", ")}${items.length === 1 ? "," : ""})`;
}

const DTYPE_NAMES: Readonly<Record<DType, string>> = {
  bool: "b8",
  uint8: "u8",
  uint16: "u16",
  uint32: "u32",
  uint64: "u64",
  int8: "i8",
  int16: "i16",
  int32: "i32",
  int64: "i64",
  float16: "f16",
  bfloat16: "bf16",
  float32: "f32",
  float64: "f64",
  float8_e4m3fn: "f8e4m3fn",
  float8_e4m3fnuz: "f8e4m3fnuz",
  float8_e5m2: "f8e5m2",
  float8_e5m2fnuz: "f8e5m2fnuz",
  float8_e8m0fnu: "f8e8m0fnu",
  complex32: "c32",
  complex64: "c64",
  complex128: "c128",
};

function annotation(meta: FxMeta | null): string {
  if (meta?.kind === "tensor") return `: "${DTYPE_NAMES[meta.dtype]}[${meta.shape.map(String).join(", ")}]"`;
  if (meta?.kind === "object" && meta.className === "token") return ': "f32[0]"';
  return meta?.kind === "sym" && isSym(meta.expr) ? `: "Sym(${meta.expr})"` : "";
}

const FRAME = /^File "(.+)", line (\d+), in (.+)$/;

/** The innermost frame that has a line of code. */
function sourceOf(node: FxNode): string {
  const lines = (node.metadata.get("stack_trace") ?? "").trim().split("\n");
  for (let i = lines.length - 2; i >= 0; i--) {
    const match = FRAME.exec(lines[i].trim());
    if (match) return `File: ${match[1]}:${match[2]} in ${match[3]}, code: ${lines[i + 1].trim()}`;
  }
  return "No stacktrace found for following nodes";
}

/** The names that are used last by each restored node, by its position, and by nothing if nothing uses the node. */
function freedValues(graph: FxGraph, nodes: readonly RestoredNode[]): Map<number, string[]> {
  const used = new Set<string>();
  for (const output of graph.outputs) for (const value of valuesOf(output)) used.add(value.name);
  const freed = new Map<number, string[]>();
  for (let i = nodes.length - 1; i >= 0; i--) {
    const item = nodes[i];
    if (item.op === "placeholder") continue;
    const name = item.op === "get_attr" ? item.graph.name : item.op === "getitem" ? item.name : item.node.name;
    const isUnused = !used.has(name);
    const names: string[] = [];
    for (const operand of operandsOf(item)) {
      if (used.has(operand)) continue;
      used.add(operand);
      names.push(operand);
    }
    if (isUnused) names.push(name);
    freed.set(i, names);
  }
  return freed;
}

function operandsOf(item: Exclude<RestoredNode, { op: "placeholder" }>): string[] {
  if (item.op === "get_attr") return [];
  if (item.op === "getitem") return [item.of];
  const names: string[] = [];
  const visit = (arg: FxArg): void => {
    if (arg instanceof FxValue || arg instanceof FxGraph) names.push(arg.name);
    else if (Array.isArray(arg)) arg.forEach(visit);
    else if (arg instanceof Map) arg.forEach(visit);
  };
  item.node.args.forEach(visit);
  item.node.kwargs.forEach(visit);
  return names;
}
