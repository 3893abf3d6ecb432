/** Reads the graph signature: what each input and output of the graph is. */
import { type FxArg, type FxGraph, FxValue, type GraphSignature, type InputKind, type InputSpec } from "../fx/mod.ts";
import type { OutputKind, OutputSpec } from "../fx/mod.ts";
import { formatArg } from "../fx/print.ts";
import { type ArgumentScope, LITERALS, readArgument } from "./arguments.ts";
import { type Field, quote } from "./fields.ts";
import type { InputHint } from "./graphs.ts";

/** An input as the signature states it, before the graph is known. */
interface InputDraft extends InputHint {
  readonly field: Field;
  readonly kind: InputKind;
  readonly target: string | null;
  readonly persistent: boolean | null;
  /** The value that a literal input was specialised on. */
  readonly literal?: FxArg;
}

/** Where the name of what an input stands for is, by kind of input. */
const TARGETS: ReadonlyMap<string, readonly [InputKind, string]> = new Map<string, readonly [InputKind, string]>([
  ["parameter", ["PARAMETER", "parameter_name"]],
  ["buffer", ["BUFFER", "buffer_name"]],
  ["tensor_constant", ["CONSTANT_TENSOR", "tensor_constant_name"]],
  ["custom_obj", ["CUSTOM_OBJ", "custom_obj_name"]],
]);

const OUTPUTS: ReadonlyMap<string, readonly [OutputKind, string | null]> = new Map<
  string,
  readonly [OutputKind, string | null]
>([
  ["loss_output", ["LOSS_OUTPUT", null]],
  ["buffer_mutation", ["BUFFER_MUTATION", "buffer_name"]],
  ["parameter_mutation", ["PARAMETER_MUTATION", "parameter_name"]],
  ["user_input_mutation", ["USER_INPUT_MUTATION", "user_input_name"]],
  ["gradient_to_parameter", ["GRADIENT_TO_PARAMETER", "parameter_name"]],
  ["gradient_to_user_input", ["GRADIENT_TO_USER_INPUT", "user_input_name"]],
  ["token", ["TOKEN", null]],
]);

/** The inputs as the signature states them. */
export function readInputDrafts(signature: Field): InputDraft[] {
  return signature.get("input_specs").list().map(readInputDraft);
}

function readInputDraft(spec: Field): InputDraft {
  const [key, value] = spec.union();
  const plain = { field: spec, target: null, persistent: null, isToken: false };
  if (key === "user_input") {
    const [kind, arg] = value.get("arg").union();
    if (LITERALS.has(kind)) {
      return { ...plain, kind: "USER_INPUT", name: "", literal: readArgument(value.get("arg"), NOTHING) };
    }
    const name = (arg.find("name") ?? arg.find("as_name"))?.name() ?? arg.fail("a user input must have a name");
    return { ...plain, kind: "USER_INPUT", name };
  }
  if (key === "constant_input") {
    const literal = readArgument(value.get("value"), NOTHING);
    return { ...plain, kind: "USER_INPUT", name: value.get("name").string(), literal };
  }
  if (key === "token") return { ...plain, kind: "TOKEN", name: value.get("arg").get("name").name(), isToken: true };
  const [kind, targetKey] = TARGETS.get(key) ?? spec.fail(`unknown kind of input ${quote(key)}`);
  return {
    ...plain,
    kind,
    name: value.get("arg").get("name").name(),
    target: value.get(targetKey).name(),
    persistent: kind === "BUFFER" ? value.get("persistent").bool() : null,
  };
}

/** Literals refer to nothing. */
const NOTHING: ArgumentScope = {
  tensor: (field) => field.fail("expected a literal"),
  sym: (field) => field.fail("expected a literal"),
  object: () => null,
  nested: (field) => field.fail("expected a literal"),
};

/** Joins the drafts with the graph that they describe. */
export function readSignature(signature: Field, drafts: readonly InputDraft[], graph: FxGraph): GraphSignature {
  if (drafts.length !== graph.inputs.length) {
    signature.get("input_specs").fail(`${drafts.length} inputs do not match the graph's ${graph.inputs.length}`);
  }
  const inputSpecs = drafts.map((draft, i) => joinInput(draft, graph.inputs[i]));
  const specs = signature.get("output_specs").list();
  if (specs.length !== graph.outputs.length) {
    signature.get("output_specs").fail(`${specs.length} outputs do not match the graph's ${graph.outputs.length}`);
  }
  const targets = new Set(inputSpecs.map((spec) => `${spec.kind} ${spec.target ?? spec.value.name}`));
  return { inputSpecs, outputSpecs: specs.map((spec, i) => readOutput(spec, graph.outputs[i], targets)) };
}

function joinInput(draft: InputDraft, value: FxValue): InputSpec {
  const { field, kind, target, persistent, literal } = draft;
  if (literal !== undefined) {
    if (value.meta?.kind !== "constant" || !sameLiteral(value.meta.value, literal)) {
      field.fail(`the constant ${formatArg(literal)} does not match the graph's input ${quote(value.name)}`);
    }
  } else if (value.meta?.kind === "constant" || value.name !== draft.name) {
    field.fail(`input ${quote(draft.name)} does not match the graph's input ${quote(value.name)}`);
  }
  const takesTensor = kind === "PARAMETER" || kind === "BUFFER" || kind === "CONSTANT_TENSOR";
  if (takesTensor && value.meta?.kind !== "tensor") field.fail(`input ${quote(value.name)} is not a tensor`);
  return { kind, value, target, persistent };
}

/** `targets` are the kinds of the inputs, each with what it stands for, or its name if it is the user's. */
function readOutput(spec: Field, arg: FxArg, targets: ReadonlySet<string>): OutputSpec {
  const [key, value] = spec.union();
  if (key === "user_output") {
    checkArgument(value.get("arg"), arg);
    return { kind: "USER_OUTPUT", arg, target: null };
  }
  const [kind, targetKey] = OUTPUTS.get(key) ?? spec.fail(`unknown kind of output ${quote(key)}`);
  const name = value.get("arg").get("name").string();
  if (!(arg instanceof FxValue) || arg.name !== name) {
    value.fail(`output ${quote(name)} does not match the graph's output ${quote(formatArg(arg))}`);
  }
  const target = targetKey === null ? null : value.get(targetKey).name();
  if (target !== null && !targets.has(`${TARGET_KINDS.get(targetKey!)} ${target}`)) {
    value.fail(`${quote(target)} is not an input of that kind`);
  }
  return { kind, arg, target };
}

/** What kind of input the name under a key belongs to. */
const TARGET_KINDS: ReadonlyMap<string, InputKind> = new Map<string, InputKind>([
  ["user_input_name", "USER_INPUT"],
  ["buffer_name", "BUFFER"],
  ["parameter_name", "PARAMETER"],
]);

/** An output's argument in the signature must be the graph's: the same name, or the same literal. */
function checkArgument(field: Field, arg: FxArg): void {
  const [key, value] = field.union();
  const fits = LITERALS.has(key)
    ? !(arg instanceof FxValue) && sameLiteral(readArgument(field, NOTHING), arg)
    : arg instanceof FxValue
    ? (value.find("name") ?? value.find("as_name"))?.string() === arg.name
    : true;
  if (!fits) field.fail(`it does not match the graph's output ${quote(formatArg(arg))}`);
}

function sameLiteral(a: FxArg, b: FxArg): boolean {
  return typeof a === typeof b && formatArg(a) === formatArg(b);
}
