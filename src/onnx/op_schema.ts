/**
 * What ONNX's standard says about its operators: which inputs, outputs, types and attributes each takes at an operator
 * set. The checker holds nodes against it, type inference reads defaults from it. The table behind is large, so import
 * this module on first use.
 */
import { SCHEMA_LINES } from "./schemas.ts";

/** How often a formal parameter occurs. */
export type ParameterOption = "single" | "optional" | "variadic";

/** A formal input or output of an operator. */
export interface OpParameter {
  readonly name: string;
  readonly option: ParameterOption;
  /** A variable of {@linkcode OpSchema.typeVariables}, or a type such as `tensor(int64)`. */
  readonly type: string;
  /** The types that the parameter may have, such as `tensor(float)`. */
  readonly types: ReadonlySet<string>;
  /** Whether all arguments of a variadic parameter have one type; true for others. */
  readonly homogeneous: boolean;
}

/** The kinds of attributes that operators take, named as `AttributeProto.AttributeType` names them. */
export type AttributeKind =
  | "FLOAT"
  | "INT"
  | "STRING"
  | "TENSOR"
  | "GRAPH"
  | "SPARSE_TENSOR"
  | "TYPE_PROTO"
  | "FLOATS"
  | "INTS"
  | "STRINGS";

/** A formal attribute of an operator. */
export interface OpAttribute {
  readonly name: string;
  readonly type: AttributeKind;
  readonly required: boolean;
  /** The value where none is given; undefined where the standard states none. */
  readonly default: number | string | readonly number[] | readonly string[] | undefined;
}

/** The signature of an operator from one operator set on. */
export interface OpSchema {
  readonly opType: string;
  readonly sinceVersion: number;
  readonly deprecated: boolean;
  readonly inputs: readonly OpParameter[];
  readonly outputs: readonly OpParameter[];
  readonly minInputs: number;
  /** Infinity for a variadic last input. */
  readonly maxInputs: number;
  readonly minOutputs: number;
  /** Infinity for a variadic last output. */
  readonly maxOutputs: number;
  /** The types that each type variable may stand for. All parameters of one variable have one type. */
  readonly typeVariables: ReadonlyMap<string, ReadonlySet<string>>;
  readonly attributes: ReadonlyMap<string, OpAttribute>;
}

/** The first operator set that {@linkcode schemaOf} knows. */
export const FIRST_OPSET = 18;
/** The last operator set that {@linkcode schemaOf} knows. */
export const LAST_OPSET = 26;

/** The names of element types in type strings, by `TensorProto.DataType`. */
const ELEMENT_TYPES = [
  "undefined",
  "float",
  "uint8",
  "int8",
  "uint16",
  "int16",
  "int32",
  "int64",
  "string",
  "bool",
  "float16",
  "double",
  "uint32",
  "uint64",
  "complex64",
  "complex128",
  "bfloat16",
  "float8e4m3fn",
  "float8e4m3fnuz",
  "float8e5m2",
  "float8e5m2fnuz",
  "uint4",
  "int4",
  "float4e2m1",
  "float8e8m0",
  "uint2",
  "int2",
] as const;

/**
 * The type string of tensors of a `TensorProto.DataType`, as {@linkcode OpParameter.types} holds it.
 *
 * @throws {RangeError} for a number that names no element type
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(tensorType(1), "tensor(float)");
 * ```
 */
export function tensorType(elementType: number): string {
  const name = elementType > 0 ? ELEMENT_TYPES[elementType] : undefined;
  if (name === undefined) throw new RangeError(`ONNX has no element type ${elementType}`);
  return `tensor(${name})`;
}

/**
 * The signature of an operator of the ONNX domain at an operator set, or undefined if there is no such operator then.
 * One that is deprecated is returned with that mark. Each call reads the table anew: keep the result where it is asked
 * for often.
 *
 * @throws {RangeError} for an operator set outside of {@linkcode FIRST_OPSET} to {@linkcode LAST_OPSET}
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const schema = schemaOf("Softmax", 21);
 * assertEquals(schema?.sinceVersion, 13);
 * assertEquals(schema?.attributes.get("axis")?.default, -1);
 * ```
 */
export function schemaOf(opType: string, opset: number): OpSchema | undefined {
  if (!(opset >= FIRST_OPSET && opset <= LAST_OPSET)) {
    throw new RangeError(`Operator set ${opset} is not known: ${FIRST_OPSET} to ${LAST_OPSET} are`);
  }
  const lines = Object.hasOwn(SCHEMA_LINES, opType) ? SCHEMA_LINES[opType] : [];
  const line = lines.findLast((line) => parseInt(line) <= opset);
  return line === undefined ? undefined : parseSchema(opType, line);
}

/** The names of all operators that some operator set of the table has. */
export function schemaNames(): string[] {
  return Object.keys(SCHEMA_LINES);
}

/** Reads `since|inputs|outputs|type variables|attributes`; a `!` behind the version marks a deprecated one. */
function parseSchema(opType: string, line: string): OpSchema {
  const [since, inputText, outputText, variables, attributes] = line.split("|");
  const typeVariables = new Map(
    words(variables).map((text) => {
      const [name, types] = text.split("=");
      return [name, parseTypes(types)];
    }),
  );
  const inputs = words(inputText).map((text) => parseParameter(text, typeVariables));
  const outputs = words(outputText).map((text) => parseParameter(text, typeVariables));
  return {
    opType,
    sinceVersion: parseInt(since),
    deprecated: since.endsWith("!"),
    inputs: inputs.map(([parameter]) => parameter),
    outputs: outputs.map(([parameter]) => parameter),
    minInputs: fewest(inputs),
    maxInputs: most(inputs),
    minOutputs: fewest(outputs),
    maxOutputs: most(outputs),
    typeVariables,
    attributes: new Map(words(attributes).map(parseAttribute).map((attribute) => [attribute.name, attribute])),
  };
}

/** A parameter, and how many arguments it takes at least. */
type Counted = [parameter: OpParameter, least: number];

/** Reads `name:T` or `name:=types`; before the colon, `?` marks optional, `*2` and `~2` variadic, at least 2 of them. */
function parseParameter(text: string, variables: ReadonlyMap<string, ReadonlySet<string>>): Counted {
  const [formal, type] = text.split(":");
  const { name, mark, count } = /^(?<name>\w+)(?<mark>[?*~]?)(?<count>\d*)$/.exec(formal)!.groups!;
  const option = mark === "" ? "single" : mark === "?" ? "optional" : "variadic";
  const types = type.startsWith("=") ? parseTypes(type.slice(1)) : variables.get(type)!;
  const [only] = types;
  return [
    { name, option, type: type.startsWith("=") ? only : type, types, homogeneous: mark !== "~" },
    option === "single" ? 1 : option === "optional" ? 0 : Number(count),
  ];
}

function fewest(parameters: readonly Counted[]): number {
  // A variadic parameter stands last and adds to all before it; an optional one counts only before a required one.
  return parameters.reduce((sum, [{ option }, least], i) => option === "optional" ? sum : i + least, 0);
}

function most(parameters: readonly Counted[]): number {
  return parameters.at(-1)?.[0].option === "variadic" ? Infinity : parameters.length;
}

/** Reads `ag+s:ag`: a letter per element type, behind `s:` in sequences, `o:` optional, `os:` in optional sequences. */
function parseTypes(text: string): Set<string> {
  const types = new Set<string>();
  for (const group of text.split("+")) {
    const [mark, letters] = group.includes(":") ? group.split(":") : ["", group];
    for (const letter of letters) {
      const tensor = tensorType(letter.charCodeAt(0) - 96);
      const inner = mark.endsWith("s") ? `seq(${tensor})` : tensor;
      types.add(mark.startsWith("o") ? `optional(${inner})` : inner);
    }
  }
  return types;
}

/** Reads `name:int`, with `!` behind it if required, or `=` and the default value. */
function parseAttribute(text: string): OpAttribute {
  const { name, kind, required, value } = /^(?<name>\w+):(?<kind>\w+)(?<required>!?)(?:=(?<value>.*))?$/.exec(text)!
    .groups!;
  const type = kind.toUpperCase() as AttributeKind;
  return {
    name,
    type,
    required: required === "!",
    default: value === undefined ? undefined : parseDefault(type, value),
  };
}

function parseDefault(type: AttributeKind, text: string): OpAttribute["default"] {
  if (type === "STRING") return text;
  if (type === "INT" || type === "FLOAT") return Number(text);
  const values = text === "" ? [] : text.split(",");
  return type === "STRINGS" ? values : values.map(Number);
}

function words(text: string): string[] {
  return text === "" ? [] : text.split(" ");
}
