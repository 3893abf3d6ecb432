/** From schema version 1 (torch 2.1) to 2 (torch 2.2). */
import { type Json, JsonObject, parseJson } from "../../io/json.ts";
import { type Field, quote } from "../fields.ts";
import { edited, object, type Rule, type Step } from "./walk.ts";

/** What stands for a stack trace where torch 2.1 had none. */
const NO_TRACE = "NoneType: None\n";

const module: Rule = (field) =>
  edited(field, {
    signature: upgradeSignature(field.get("signature"), field.get("graph")),
    module_call_graph: upgradeCalls(field),
    call_spec: undefined,
  });

/** Maps from values to what they stand for become a list that says of each input and output of the graph what it is. */
function upgradeSignature(signature: Field, graph: Field): Json {
  return object({ input_specs: inputSpecs(signature, graph), output_specs: outputSpecs(signature, graph) });
}

function inputSpecs(signature: Field, graph: Field): Json[] {
  const parameters = namesIn(signature.get("inputs_to_parameters"));
  const buffers = namesIn(signature.get("inputs_to_buffers"));
  const users = signature.get("user_inputs").list().map((f) => f.string());
  const specs: Json[] = [];
  for (const input of graph.get("inputs").list()) {
    const name = nameOf(input);
    const parameter = take(parameters, name), buffer = take(buffers, name);
    if (name !== null && parameter !== undefined) {
      specs.push(spec("parameter", { arg: object({ name }), parameter_name: parameter }));
    } else if (name !== null && buffer !== undefined) {
      specs.push(spec("buffer", { arg: object({ name }), buffer_name: buffer }));
    } else {
      const user = users.shift() ?? input.fail("the signature does not say what the input is");
      if (name === null) specs.push(spec("constant_input", { name: user, value: input.json }));
      else if (name === user) specs.push(spec("user_input", { arg: input.json }));
      else input.fail(`the signature calls the input ${quote(user)}`);
    }
  }
  const left = [...parameters.keys(), ...buffers.keys(), ...users];
  if (left.length > 0) signature.fail(`${quote(left[0])} is not an input of the graph`);
  return specs;
}

/** Outputs are the new values of buffers, then what the user gets, or the loss, and gradients. */
function outputSpecs(signature: Field, graph: Field): Json[] {
  const mutations = namesIn(signature.get("buffers_to_mutate"));
  const users = new Set(signature.get("user_outputs").list().map((f) => f.string()));
  const backward = signature.find("backward_signature");
  const toParameters = namesIn(backward?.get("gradients_to_parameters"));
  const toInputs = namesIn(backward?.get("gradients_to_user_inputs"));
  const loss = backward?.get("loss_output").string();
  const count = mutations.size;
  return graph.get("outputs").list().map((output, i) => {
    const name = nameOf(output);
    if (name === null) return spec("user_output", { arg: output.json });
    const arg = object({ name });
    const buffer = i < count ? take(mutations, name) : undefined;
    if (buffer !== undefined) return spec("buffer_mutation", { arg, buffer_name: buffer });
    if (i < count) output.fail("the signature does not say which buffer the output updates");
    if (name === loss) return spec("loss_output", { arg });
    if (users.has(name)) return spec("user_output", { arg: output.json });
    const parameter = toParameters.get(name), input = toInputs.get(name);
    if (parameter !== undefined) return spec("gradient_to_parameter", { arg, parameter_name: parameter });
    if (input !== undefined) return spec("gradient_to_user_input", { arg, user_input_name: input });
    return output.fail("the signature does not say what the output is");
  });
}

function spec(kind: string, value: Readonly<Record<string, Json>>): Json {
  return object({ [kind]: object(value) });
}

/** An object of texts. */
function namesIn(field: Field | undefined): Map<string, string> {
  return new Map([...field?.entries() ?? []].map(([key, value]) => [key, value.name()]));
}

function take(names: Map<string, string>, name: string | null): string | undefined {
  if (name === null) return undefined;
  const target = names.get(name);
  names.delete(name);
  return target;
}

/** The name of a value of the graph; null for a literal. */
function nameOf(argument: Field): string | null {
  const value = argument.find("as_tensor") ?? argument.find("as_custom_obj");
  if (value !== null) return value.get("name").name();
  return argument.find("as_sym_int")?.get("as_name").name() ?? null;
}

/** How the program is called becomes the first entry of the modules' calls. */
function upgradeCalls(module: Field): Json {
  const call = module.get("call_spec");
  const root = object({
    fqn: "",
    signature: object({
      inputs: [],
      outputs: [],
      in_spec: upgradeInputTree(call.get("in_spec")),
      out_spec: call.get("out_spec").json,
    }),
  });
  return [root, ...module.get("module_call_graph").list().map((f) => f.json)];
}

const NO_KEYWORDS = '{"type": "builtins.dict", "context": "[]", "children_spec": []}';

/**
 * The tree of the inputs is a pair of arguments and keyword arguments only if there were any of the latter, else that of
 * the arguments. A tuple and a dict that are the only two arguments look like such a pair, and are taken for one: the
 * values come in the same order.
 */
function upgradeInputTree(field: Field): Json {
  const text = field.string();
  const json = field.guard(() => parseJson(text, { name: "a tree specification" }));
  const tree = Array.isArray(json) && json.length === 2 ? json[1] : null;
  if (!(tree instanceof JsonObject)) return text;
  const children = tree.get("children_spec");
  const types = Array.isArray(children) ? children.map((c) => c instanceof JsonObject ? c.get("type") : null) : [];
  if (types.length === 2 && types[0] === "builtins.tuple" && types[1] === "builtins.dict") return text;
  // The text is kept as it is, but for its end, which closes the list of protocol and tree.
  const start = text.indexOf(",");
  const inner = text.slice(start + 1, text.lastIndexOf("]")).trim();
  return `${text.slice(0, start)}, {"type": "builtins.tuple", "context": "null", "children_spec": [${inner}, ` +
    `${NO_KEYWORDS}]}]`;
}

const node: Rule = (field) => {
  const items: Json[] = [];
  for (const [key, { json }] of field.get("metadata").entries()) {
    if (key === "stack_trace" && json === NO_TRACE) continue;
    if (key === "nn_module_stack" && typeof json === "string") items.push(key, upgradeStack(json));
    else items.push(key === "source_fn" ? "source_fn_stack" : key, json);
  }
  return edited(field, { metadata: new JsonObject(items) });
};

/** Longest stack that is taken apart. */
const MAX_STACK = 1 << 14;

/** `L__self___l:(L['self'].l,torch.nn.modules.linear.Linear)` becomes `L__self___l,l,torch.nn.modules.linear.Linear`. */
function upgradeStack(text: string): string {
  if (text.length > MAX_STACK) return text;
  return text.split(";").map((entry) => {
    const parts = /^([^:]*):\((.*),([^,]*)\)$/s.exec(entry);
    return parts === null ? entry : [parts[1], modulePath(parts[2]), parts[3]].join(",");
  }).join(";");
}

const ATTRIBUTE = /getattr\(((?:[^()]|\([^()]*\))*), '([^']*)'\)/;

/** The path of a module of the Python expression for it: `getattr(L['self'].layers, '0')[1].fc` is `layers.0.1.fc`. */
function modulePath(expression: string): string {
  let path = expression;
  for (let match = ATTRIBUTE.exec(path); match !== null; match = ATTRIBUTE.exec(path)) {
    path = path.replace(match[0], () => `${match[1]}.${match[2]}`);
  }
  if (!path.startsWith("L['self']")) return path;
  return path.slice("L['self']".length).replace(/\['?(\w+)'?\]/g, ".$1").replace(/^\./, "");
}

/** Conditions are bare texts. */
const symBool: Rule = (field) => {
  const text = field.find("as_expr");
  return text === null ? field.json : edited(field, { as_expr: object({ expr_str: text.string(), hint: null }) });
};

/** Hints are bare integers. */
const symExpr: Rule = (field) => {
  const hint = field.find("hint");
  return hint === null ? field.json : edited(field, { hint: object({ as_int: hint.safeInt() }) });
};

export const from1: Step = {
  // Torch 2.1 knew this dialect only, and did not name it.
  program: (field) => edited(field, { dialect: "ATEN" }),
  module,
  node,
  tensorMeta: (field) => field.get("meta").json,
  symBool,
  symExpr,
};
