/** Holds one node against the standard's table of operators: arity, attributes, element types, shapes of subgraphs. */
import { type DType, formatMeta } from "../tensor/mod.ts";
import { ONNX_DTYPES } from "./dtypes.ts";
import type { OnnxNode, OnnxValue } from "./model.ts";
import type { OpParameter, OpSchema } from "./op_schema.ts";

/** The table of operators; `op_schema.ts` is one. It is large, so whoever checks imports it then. */
export interface OperatorTable {
  readonly FIRST_OPSET: number;
  readonly LAST_OPSET: number;
  schemaOf(opType: string, opset: number): OpSchema | undefined;
  tensorType(elementType: number): string;
}

/** What is wrong with a node as a use of its operator, as plain facts. */
export function checkOperator(
  node: OnnxNode,
  opset: number,
  schema: OpSchema | undefined,
  table: OperatorTable,
): string[] {
  if (!schema) return [`operator set ${opset} has no operator ${node.opType}`];
  if (schema.deprecated) return [`${node.opType} is deprecated in operator set ${opset}`];
  return [
    ...checkArity("input", node.inputs.map((v) => v !== null), schema.inputs, schema.minInputs, schema.maxInputs),
    ...checkArity(
      "output",
      node.outputs.map((v) => v.name !== ""),
      schema.outputs,
      schema.minOutputs,
      schema.maxOutputs,
    ),
    ...checkAttributes(node, schema),
    ...checkTypes(node, schema, table),
    ...checkSubgraphs(node),
  ];
}

/** The formal parameter of an argument: the last one, if it is variadic, takes all that follow. */
function parameterAt(parameters: readonly OpParameter[], i: number): OpParameter | undefined {
  const last = parameters.at(-1);
  return parameters[i] ?? (last?.option === "variadic" ? last : undefined);
}

function checkArity(
  what: "input" | "output",
  present: readonly boolean[],
  parameters: readonly OpParameter[],
  least: number,
  most: number,
): string[] {
  const problems: string[] = [];
  if (present.length < least) problems.push(`has ${present.length} ${what}s, but at least ${least} are needed`);
  if (present.length > most) problems.push(`has ${present.length} ${what}s, but at most ${most} are possible`);
  for (const [i, isPresent] of present.entries()) {
    const parameter = parameterAt(parameters, i);
    if (!isPresent && parameter && parameter.option !== "optional") {
      problems.push(`${what} ${i} (${parameter.name}) is left out, but it is not optional`);
    }
  }
  return problems;
}

function checkAttributes(node: OnnxNode, schema: OpSchema): string[] {
  const problems: string[] = [];
  for (const [name, { type }] of node.attributes) {
    const formal = schema.attributes.get(name);
    if (!formal) {
      problems.push(`attribute ${name} is not one of ${node.opType} since operator set ${schema.sinceVersion}`);
    } else if (formal.type !== type) problems.push(`attribute ${name} is ${type}, but must be ${formal.type}`);
  }
  for (const [name, { type }] of node.references) {
    const formal = schema.attributes.get(name);
    if (!formal) problems.push(`attribute ${name} is not one of ${node.opType}`);
    else if (formal.type !== type) problems.push(`attribute ${name} is ${type}, but must be ${formal.type}`);
  }
  for (const { name, required } of schema.attributes.values()) {
    if (required && !node.attributes.has(name) && !node.references.has(name)) {
      problems.push(`attribute ${name} is missing`);
    }
  }
  return problems;
}

/** A value with the parameter it is given for. */
interface Argument {
  readonly what: string;
  readonly value: OnnxValue;
  readonly parameter: OpParameter;
}

function checkTypes(node: OnnxNode, schema: OpSchema, table: OperatorTable): string[] {
  const args: Argument[] = [];
  const collect = (what: string, values: readonly (OnnxValue | null)[], parameters: readonly OpParameter[]): void => {
    for (const [i, value] of values.entries()) {
      const parameter = parameterAt(parameters, i);
      if (value?.meta && parameter) args.push({ what: `${what} ${i} (${parameter.name})`, value, parameter });
    }
  };
  collect("input", node.inputs, schema.inputs);
  collect("output", node.outputs, schema.outputs);
  const problems: string[] = [];
  const bound = new Map<string, { readonly what: string; readonly dtype: DType }>();
  for (const { what, value, parameter } of args) {
    const { dtype } = value.meta!;
    const code = ONNX_DTYPES.get(dtype);
    if (code === undefined || !parameter.types.has(table.tensorType(code))) {
      problems.push(`${what} ${value.name} is ${formatMeta(value.meta!)}, a type that ${node.opType} does not take`);
      continue;
    }
    if (!schema.typeVariables.has(parameter.type) || !parameter.homogeneous) continue;
    const first = bound.get(parameter.type);
    if (!first) bound.set(parameter.type, { what, dtype });
    else if (first.dtype !== dtype) {
      problems.push(`${what} is ${dtype}, but ${first.what} of the same type is ${first.dtype}`);
    }
  }
  return problems;
}

/** How many inputs and outputs the subgraphs of control flow must have. */
function checkSubgraphs(node: OnnxNode): string[] {
  const problems: string[] = [];
  const expect = (attribute: string, inputs: number, outputs: number): void => {
    const graph = node.attributes.get(attribute);
    if (graph?.type !== "GRAPH") return;
    const { value } = graph;
    if (value.inputs.length !== inputs) {
      problems.push(`${attribute} has ${value.inputs.length} inputs instead of ${inputs}`);
    }
    if (value.outputs.length !== outputs) {
      problems.push(`${attribute} has ${value.outputs.length} outputs instead of ${outputs}`);
    }
  };
  const [inputs, outputs] = [node.inputs.length, node.outputs.length];
  switch (node.opType) {
    case "If":
      expect("then_branch", 0, outputs);
      expect("else_branch", 0, outputs);
      break;
    case "Loop":
      expect("body", inputs, outputs + 1);
      break;
    case "Scan":
      expect("body", inputs, outputs);
      break;
  }
  return problems;
}
