/**
 * ONNX models as text: header, inputs and outputs, initializers, and a line per node with its types. Tests compare it and
 * `inspect` shows it, so it is stable and complete but for the values of large tensors.
 */
import { isSym, type Sym } from "../sym/mod.ts";
import { formatMeta, type Tensor } from "../tensor/mod.ts";
import type { Model, OnnxAttribute, OnnxFunction, OnnxGraph, OnnxNode, OnnxValue } from "./model.ts";

/** Values of tensors with at most this many elements are shown. */
const SHOWN_ELEMENTS = 8;

/** What is shown. */
export interface PrintOptions {
  /** Whether metadata of nodes and values is shown; by default not. */
  readonly metadata?: boolean;
  /** The text of a symbolic size; by default the symbol's. */
  readonly dimName?: (dim: Sym, value: OnnxValue, axis: number) => string;
}

/**
 * A model as text.
 *
 * @example
 * ```ts
 * import * as onnx from "@fx2onnx/fx2onnx";
 *
 * await using program = await onnx.export("tests/fixtures/mlp.pt2");
 * console.log(printModel(program.model));
 * // <
 * //   ir_version: 10,
 * //   opset_import: ["" : 21],
 * //   producer_name: "fx2onnx"
 * // >
 * // main_graph (float32[s18, 8] x) => (float32[s18, 2] y)
 * // <
 * //   float32[2, 8] weight (64 bytes)
 * // >
 * // {
 * //   [node_linear] float32[s18, 2] y = Gemm <transB = 1> (x, weight)
 * // }
 * ```
 */
export function printModel(model: Model, options: PrintOptions = {}): string {
  const imports = [...model.opsetImports].map(([domain, version]) => `${quote(domain)} : ${version}`);
  const header = [`ir_version: ${model.irVersion}`, `opset_import: [${imports.join(", ")}]`];
  if (model.producerName !== "") header.push(`producer_name: ${quote(model.producerName)}`);
  if (model.producerVersion !== "") header.push(`producer_version: ${quote(model.producerVersion)}`);
  if (options.metadata && model.metadata.size > 0) header.push(`metadata_props: ${metadata(model.metadata)}`);
  return `<\n${header.map((line) => `  ${line}`).join(",\n")}\n>\n${printGraph(model.graph, options)}\n${
    [...model.functions.values()].map((one) => `\n${printFunction(one, options)}\n`).join("")
  }`;
}

/** A function as text, without a newline at the end. */
function printFunction(one: OnnxFunction, options: PrintOptions): string {
  const imports = [...one.opsetImports].map(([domain, version]) => `${quote(domain)} : ${version}`);
  const lines = ["<", `  domain: ${quote(one.domain)},`, `  opset_import: [${imports.join(", ")}]`, ">"];
  const list = (values: readonly OnnxValue[]): string => values.map((value) => typed(value, options)).join(", ");
  const attributes = one.attributes.length > 0 ? ` <${one.attributes.map(nameOf).join(", ")}>` : "";
  lines.push(`${nameOf(one.name)}${attributes} (${list(one.graph.inputs)}) => (${list(one.graph.outputs)})`, "{");
  for (const node of one.graph.nodes()) addNode(lines, node, "  ", options);
  lines.push("}");
  return lines.join("\n");
}

/** A graph as text, without a newline at the end. */
export function printGraph(graph: OnnxGraph, options: PrintOptions = {}): string {
  const lines: string[] = [];
  addGraph(lines, graph, "", "", options);
  return lines.join("\n");
}

function addGraph(lines: string[], graph: OnnxGraph, indent: string, prefix: string, options: PrintOptions): void {
  const list = (values: readonly OnnxValue[]): string => values.map((value) => typed(value, options)).join(", ");
  lines.push(`${indent}${prefix}${nameOf(graph.name)} (${list(graph.inputs)}) => (${list(graph.outputs)})`);
  if (graph.initializers.size > 0) {
    lines.push(`${indent}<`);
    const all = [...graph.initializers];
    for (const [i, value] of all.entries()) {
      lines.push(`${indent}  ${initializer(value, options)}${i < all.length - 1 ? "," : ""}`);
    }
    lines.push(`${indent}>`);
  }
  lines.push(`${indent}{`);
  const inner = `${indent}  `;
  if (options.metadata) {
    for (const value of new Set([...graph.inputs, ...graph.initializers, ...graph.outputs])) {
      if (value.hasMetadata) lines.push(`${inner}# ${nameOf(value.name)}: ${metadata(value.metadata)}`);
    }
  }
  for (const node of graph.nodes()) addNode(lines, node, inner, options);
  lines.push(`${indent}}`);
}

function addNode(lines: string[], node: OnnxNode, indent: string, options: PrintOptions): void {
  if (options.metadata && node.hasMetadata) lines.push(`${indent}# ${metadata(node.metadata)}`);
  const label = node.name === "" ? "" : `[${nameOf(node.name)}] `;
  const outputs = node.outputs.map((value) => value.name === "" ? `""` : typed(value, options)).join(", ");
  const op = node.domain === "" ? node.opType : `${node.domain}.${node.opType}`;
  const inputs = node.inputs.map((value) => value ? nameOf(value.name) : `""`).join(", ");
  const plain: string[] = [];
  const graphs: [string, OnnxGraph][] = [];
  for (const [name, attribute] of node.attributes) {
    if (attribute.type === "GRAPH") graphs.push([name, attribute.value]);
    else plain.push(`${name} = ${attributeText(attribute)}`);
  }
  for (const [name, { name: from }] of node.references) plain.push(`${name} = @${nameOf(from)}`);
  const attributes = plain.length > 0 ? ` <${plain.join(", ")}>` : "";
  lines.push(`${indent}${label}${outputs} = ${op}${attributes} (${inputs})`);
  for (const [name, graph] of graphs) addGraph(lines, graph, `${indent}  `, `${name} = graph `, options);
}

/** A value with its type; `?` where that is not known. */
function typed(value: OnnxValue, options: PrintOptions): string {
  return `${typeText(value, options) || "?"} ${nameOf(value.name)}`;
}

/** `float32[batch, 8]`; empty where the type is not known. */
export function typeText(value: OnnxValue, { dimName = String }: PrintOptions = {}): string {
  if (!value.meta) return "";
  const { dtype, shape } = value.meta;
  return `${dtype}[${shape.map((dim, axis) => isSym(dim) ? dimName(dim, value, axis) : String(dim)).join(", ")}]`;
}

function initializer(value: OnnxValue, options: PrintOptions): string {
  const tensor = value.initializer;
  if (!tensor) return `${typed(value, options)} = none`;
  return `${formatMeta(tensor)} ${nameOf(value.name)} ${valuesText(tensor) ?? sizeText(tensor)}`;
}

/** The elements, if they are few and in memory. */
function valuesText(tensor: Tensor): string | null {
  if (!tensor.isLoaded || tensor.numel > SHOWN_ELEMENTS) return null;
  const values = tensor.toArray().map((v) =>
    typeof v === "bigint" ? `${v}` : numberText(v, tensor.dtype !== "float64")
  );
  return `= {${values.join(", ")}}`;
}

function sizeText(tensor: Tensor): string {
  const count = tensor.byteLength;
  const size = count < 10_000
    ? `${count} bytes`
    : count < 10_000_000
    ? `${Math.round(count / 1e3)} kB`
    : `${Math.round(count / 1e6)} MB`;
  return `(${size})`;
}

function attributeText(attribute: Exclude<OnnxAttribute, { type: "GRAPH" }>): string {
  switch (attribute.type) {
    case "FLOAT":
      return floatText(attribute.value);
    case "INT":
      return String(attribute.value);
    case "STRING":
      return quote(attribute.value);
    case "TENSOR":
      return `${formatMeta(attribute.value)} ${valuesText(attribute.value) ?? sizeText(attribute.value)}`;
    case "FLOATS":
      return `[${attribute.value.map(floatText).join(", ")}]`;
    case "INTS":
      return `[${attribute.value.join(", ")}]`;
    case "STRINGS":
      return `[${attribute.value.map(quote).join(", ")}]`;
  }
}

/** Floats show that they are: `1.0`. */
function floatText(value: number): string {
  const text = numberText(Math.fround(value), true);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

/** A number as text: for single precision the shortest that means the same there; minus zero keeps its sign. */
function numberText(value: number, single: boolean): string {
  if (Object.is(value, -0)) return "-0";
  if (single && Number.isFinite(value) && Math.fround(value) === value) {
    for (let digits = 1; digits <= 9; digits++) {
      const short = Number(value.toPrecision(digits));
      if (Math.fround(short) === value) return String(short);
    }
  }
  return String(value);
}

function metadata(entries: ReadonlyMap<string, string>): string {
  return `{${[...entries].map(([key, value]) => `${quote(key)}: ${quote(value)}`).join(", ")}}`;
}

/** Names are shown as they are unless that could be misread. */
function nameOf(name: string): string {
  return /^[^\s"()<>{}\[\],=#]+$/.test(name) ? name : quote(name);
}

function quote(text: string): string {
  return JSON.stringify(text);
}
