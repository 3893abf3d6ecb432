/**
 * Writes the typed API of models in TypeScript from the operators' schemas: `Tensor`'s methods, `torch.*`, `F.*`,
 * `torch.linalg.*`, `torch.fft.*` and `torch.special.*`. `python_api.json`, which `python_api.py` makes, says under which names
 * PyTorch offers which operators.
 *
 * Run by `deno task api` after an operator was added; a test compares the files with what this makes.
 */
import { fromFileUrl } from "@std/path";
import type { CallArg } from "../../src/aten/bind.ts";
import { MetaInterpreter } from "../../src/aten/calls.ts";
import { formatMeta, type Meta } from "../../src/tensor/mod.ts";
import { RECORDS } from "../../src/aten/records.ts";
import type { Resolved } from "../../src/aten/mod.ts";
import { isElementwise } from "../../src/aten/rules.ts";
import type { Composite } from "../../src/capture/composite.ts";
import { camelCase } from "../../src/capture/overloads.ts";
import type { FunctionSchema, SchemaType } from "../../src/fx/mod.ts";
import api from "./python_api.json" with { type: "json" };

type Namespace = keyof typeof api;

/**
 * What is written by hand, because PyTorch's is Python code too or takes what no schema says; and questions whose answers no
 * program holds.
 */
const BY_HAND: Readonly<Record<Namespace, readonly string[]>> = {
  torch: [
    ...[
      "broadcast_tensors",
      "meshgrid",
      "block_diag",
      "cartesian_prod",
      "chain_matmul",
      "cdist",
      "stft",
      "unravel_index",
    ],
    ...["einsum", "tensordot", "split", "split_with_sizes_copy", "norm", "unique_consecutive", "nonzero"],
    ...["atleast_1d", "atleast_2d", "atleast_3d", "can_cast", "result_type", "promote_types"],
  ],
  Tensor: [
    "split",
    "split_with_sizes_copy",
    "norm",
    "unflatten",
    "nonzero",
    "unique_consecutive",
    "stft",
    "istft",
    "is_pinned",
    "is_set_to",
  ],
  nn: [],
  fft: [],
  linalg: [],
  special: [],
};

/** Functions of `torch` that `torch.nn.functional` offers as they are. */
const FUNCTIONAL = [
  ...[
    "adaptive_avg_pool1d",
    "avg_pool1d",
    "bilinear",
    "celu_",
    "channel_shuffle",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_tbc",
  ],
  ...["conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "cosine_similarity", "hardshrink"],
  ...["native_channel_shuffle", "pairwise_distance", "pdist", "pixel_shuffle", "pixel_unshuffle", "prelu", "relu_"],
  ...["rrelu_", "selu_", "threshold_"],
];

/** Functions of `torch._C._nn` that `torch.nn.functional` offers as they are; the others stand behind Python functions. */
const BUILTIN_NN = [
  ...["avg_pool2d", "avg_pool3d", "elu_", "gelu", "hardtanh_", "leaky_relu_", "linear", "one_hot"],
  ...["scaled_dot_product_attention", "softplus", "softshrink"],
];

/** Where those that are Python are written. */
const FUNCTIONAL_FILES = [
  "functional_activation",
  "functional_norm",
  "functional_pool",
  "functional_resize",
  "functional_loss",
];

interface File {
  readonly path: string;
  readonly text: string;
}

const PAGES = "https://docs.pytorch.org/docs/stable";

/** Words that can't name a function. */
const RESERVED = new Set(["var"]);

/** Functions whose tensors may be numbers, as `overloads.ts` has it. */
const TAKES_NUMBERS = /^(add|div|divide|mul|multiply|sub|subtract|true_divide|floor_divide|copy)_?$/;

/** Arguments that make no difference here. */
const LEFT_OUT = new Set(["layout", "pin_memory", "generator", "non_blocking"]);

interface Param {
  readonly name: string;
  readonly type: string;
  readonly optional: boolean;
  readonly keywordOnly: boolean;
  readonly variadic: boolean;
}

/** The TypeScript type of an argument; null for what programs here have no values of. */
function typeOf(type: SchemaType, numbers: boolean): string | null {
  if (type.kind === "optional") {
    const of = typeOf(type.of, numbers);
    return of && `${of} | null`;
  }
  if (type.kind === "list") {
    const of = typeOf(type.of, numbers);
    if (of === null) return null;
    const list = `readonly ${of.includes(" ") ? `(${of})` : of}[]`;
    return type.size !== null ? `${of} | ${list}` : list;
  }
  switch (type.name) {
    case "Tensor":
      return numbers ? "Tensor | Scalar" : "Tensor";
    case "int":
    case "SymInt":
    case "float":
      return "number";
    case "Scalar":
      return "Scalar";
    case "bool":
      return "boolean";
    case "str":
    case "Device":
    case "MemoryFormat":
      return "string";
    case "ScalarType":
      return "DType";
    case "Function":
      return "(a: Tensor, b: Tensor) => Tensor";
    default:
      return null;
  }
}

/** Lists whose items may be given one by one, as `overloads.ts` has it. */
function isOpenList(type: SchemaType): boolean {
  if (type.kind !== "list" || type.of.kind !== "base") return false;
  return type.of.name === "int" || type.of.name === "SymInt" || (type.of.name === "Tensor" && type.size === null);
}

/** The parameters of a form as callers see them; null where one can't be given. */
function paramsOf(schema: FunctionSchema, name: string, method: boolean): readonly Param[] | null {
  const args = schema.args.slice(method ? 1 : 0);
  const positional = args.filter((arg) => !arg.keywordOnly);
  const params: Param[] = [];
  for (const arg of args) {
    if (LEFT_OUT.has(arg.name)) {
      if (arg.default === undefined) return null;
      continue;
    }
    const type = typeOf(arg.type, TAKES_NUMBERS.test(name));
    if (type === null) {
      if (arg.default === undefined) return null;
      continue;
    }
    params.push({
      name: !method && arg.name === "self" ? "input" : camelCase(arg.name),
      type,
      optional: arg.default !== undefined,
      keywordOnly: arg.keywordOnly,
      variadic: positional.length === 1 && arg === positional[0] && isOpenList(arg.type),
    });
  }
  return params;
}

interface ParameterList {
  readonly text: string;
  /** What the comment says where it is not the function's first. */
  readonly about: string;
}

/** Parameter lists of a form: all by position, and each number of them by position with the rest in an object. */
function parameterLists(params: readonly Param[], method: boolean): ParameterList[] {
  const positional = params.filter((p) => !p.keywordOnly);
  const keyword = params.filter((p) => p.keywordOnly);
  const declare = (p: Param, required: boolean): string => `${p.name}${p.optional && !required ? "?" : ""}: ${p.type}`;
  const object = (rest: readonly Param[]): string => `{ ${rest.map((p) => declare(p, false)).join("; ")} }`;
  const lists: ParameterList[] = [];
  const first = !method && positional[0]?.type.startsWith("Tensor") ? 1 : 0;
  for (let n = positional.length; n >= first; n--) {
    const rest = [...positional.slice(n), ...keyword];
    const isFull = n === positional.length;
    const needsObject = rest.some((p) => !p.optional) || !isFull;
    // What stands before something required must be given too.
    const required = needsObject ? n : positional.findLastIndex((p) => !p.optional) + 1;
    const given = positional.slice(0, n).map((p, i) =>
      declare(RESERVED.has(p.name) ? { ...p, name: `${p.name}_` } : p, i < required)
    );
    if (rest.length > 0) given.push(`options${needsObject ? "" : "?"}: ${object(rest)}`);
    const named = positional.slice(n).map((p) => `\`${p.name}\``);
    const about = isFull ? "Another form." : `With ${named.join(", ")} by name.`;
    lists.push({ text: given.join(", "), about });
  }
  const list = positional.find((p) => p.variadic);
  if (list) {
    lists.push({
      text: `...${list.name}: ${list.type.includes("Tensor") ? "Tensor" : "number"}[]`,
      about: `With the items of \`${list.name}\` one by one.`,
    });
  }
  return lists;
}

/** The TypeScript type of what an operator gives. */
function resultOf({ op, inplace }: Resolved): string {
  if (inplace) return "this";
  const { returns } = op.parsed;
  if (returns.length === 0) return "void";
  const types = returns.map((r) => typeOf(r.type, false) ?? "unknown");
  if (types.length === 1) return types[0].replace("readonly ", "");
  const names = returns.map((r) => r.name);
  if (names.every((n) => n !== null) && types.every((t) => t === "Tensor")) {
    return `Named<${names.map((n) => `"${n}"`).join(" | ")}>`;
  }
  return `[${types.join(", ")}]`;
}

const metas = new MetaInterpreter(undefined, RECORDS.forms);

/** Tensors that operators are tried with, the first that one takes being shown. */
const SAMPLES: readonly Meta[] = ([
  ["float32", [3, 4]],
  ["float32", [3, 3]],
  ["float32", [2, 3, 4]],
  ["float32", [4]],
  ["float32", [2, 3, 8, 8]],
  ["int64", [3, 4]],
  ["bool", [3, 4]],
  ["complex64", [3, 4]],
] as const).map(([dtype, shape]) => ({ dtype, shape }));

/** A value for an argument that must be given; undefined where there is none that would do. */
function sampleOf(type: SchemaType, tensor: Meta): unknown {
  if (type.kind === "optional") return null;
  if (type.kind === "list") {
    const item = sampleOf(type.of, tensor);
    return item === undefined ? undefined : new Array(type.size ?? 2).fill(item);
  }
  const values: Readonly<Record<string, unknown>> = {
    Tensor: tensor,
    int: 1,
    SymInt: 1,
    float: 0.5,
    Scalar: 2n,
    bool: false,
  };
  return values[type.name];
}

/** What a form makes of sample tensors: `float32[3, 4] gives float32[3]`; empty where no sample fits. */
function exampleOf({ op }: Resolved): string {
  const required = op.parsed.args.filter((arg) => arg.default === undefined);
  for (const tensor of SAMPLES) {
    const given = required.map(({ type }) => sampleOf(type, tensor));
    if (given.includes(undefined)) return "";
    try {
      const named = new Map(required.map(({ name }, i) => [name, given[i] as CallArg<Meta>]));
      const result = metas.apply(op, metas.bind(op, [], named));
      const shown = (x: unknown): string =>
        Array.isArray(x) ? `[${x.map(shown).join(", ")}]` : metas.isTensor(x) ? formatMeta(x) : "";
      const made = shown(result);
      if (made === "" || made.includes("[, ") || /\bu_\d/.test(made)) return "";
      const tensors = given.filter((x) => metas.isTensor(x)).map(shown);
      return tensors.length === 0 ? "" : `\`${tensors.join(", ")}\` gives \`${made}\``;
    } catch {
      // The operator takes no such tensor.
    }
  }
  return "";
}

/** What the record tells of an operator in a few words. */
function describe({ op, inplace }: Resolved): string {
  const words: string[] = [];
  if (op.parsed.returns.some((r) => r.alias && !r.alias.write)) {
    words.push(op.aliases ? "a view where strides allow it, else a copy" : "a view of the same elements");
  } else if (op.random) words.push("random numbers");
  else if (isElementwise(op)) words.push("elementwise");
  if (op.promote?.to === "default") words.push("dtypes are promoted");
  if (op.promote?.to === "float") words.push("integers become floats");
  if (inplace) words.push("in place");
  else words.push(exampleOf({ op, inplace }));
  return words.filter((word) => word !== "").join("; ");
}

function pageOf(namespace: Namespace, name: string): string {
  const path = {
    torch: "torch",
    Tensor: "torch.Tensor",
    nn: "torch.nn.functional",
    fft: "torch.fft",
    linalg: "torch.linalg",
  };
  if (namespace === "special") return `${PAGES}/special.html#torch.special.${name}`;
  return `${PAGES}/generated/${path[namespace]}.${name}.html`;
}

function isResolved(resolved: Resolved | null): resolved is Resolved {
  return resolved !== null && resolved.op.higherOrder === undefined;
}

/** One function or method; empty where there is no record or no form can be called. */
function declaration(namespace: Namespace, name: string, operators: string): string {
  const method = namespace === "Tensor";
  const usable = operators.split(" ").flatMap((operator) => {
    const resolved = RECORDS.resolve(`torch.ops.${operator.replace("::", ".")}`);
    if (!isResolved(resolved)) return [];
    if (method && resolved.op.parsed.args[0]?.type.kind !== "base") return [];
    const params = paramsOf(resolved.op.parsed, name, method);
    return params ? [{ operator, resolved, params }] : [];
  });
  if (usable.length === 0) return "";
  const shown = camelCase(name);
  const own = RESERVED.has(shown) && !method ? `${shown}_` : shown;
  const self = usable.some(({ resolved }) => resolved.inplace) && !method ? "Tensor" : "this";
  const signatures = new Map<string, string>();
  for (const { resolved, params } of usable) {
    const result = resultOf(resolved).replace(/^this$/, self);
    for (const { text, about } of parameterLists(params, method)) {
      const signature = `${own}(${text}): ${result}`;
      if (!signatures.has(signature)) signatures.set(signature, about);
    }
  }
  const results = [...new Set([...signatures.keys()].map((s) => s.slice(s.lastIndexOf("): ") + 3)))];
  const result = results.length === 1 ? results[0] : results.join(" | ");
  const about = describe(usable[0].resolved);
  const doc = `\`${method ? "" : namespaceName(namespace)}${shown}\`${about ? `: ${about}` : ""}. ${
    pageOf(namespace, name)
  }`;
  const forms = JSON.stringify(usable.map((u) => u.operator.replace("aten::", "")).join(" "));
  const lead = method ? "" : "export function ";
  const leadOwn = RESERVED.has(shown) && !method ? "function " : lead;
  const given = method ? `this.invoke("${shown}", ${forms}, args)` : `call("${shown}", ${forms}, args)`;
  const body = result === "void" ? `${given};` : `return ${given} as ${result};`;
  const lines = [...signatures].map(([text, about], i) => `/** ${i === 0 ? doc : about} */\n${leadOwn}${text};`);
  // deno doc shows the implementation where there is one form only.
  if (lines.length === 1 && !method) lines.push(`/** ${doc} */`);
  lines.push(`${leadOwn}${own}(...args: unknown[]): ${result} {`, body, "}");
  if (leadOwn !== lead) lines.push(`export { ${own} as ${shown} };`);
  return lines.join("\n");
}

function namespaceName(namespace: Namespace): string {
  return namespace === "nn" ? "F." : namespace === "torch" ? "torch." : `torch.${namespace}.`;
}

function declarations(namespace: Namespace, names: readonly string[]): string {
  const table = api[namespace] as Readonly<Record<string, string>>;
  const hand = new Set(BY_HAND[namespace]);
  return names.filter((name) => !hand.has(name))
    .map((name) => declaration(namespace, name, table[name]))
    .filter((text) => text !== "")
    .join("\n\n");
}

const GENERATED = "Generated by `deno task api` from the operators' schemas.";

/** The composites of some files, by the name that callers use. */
async function compositesOf(
  files: readonly string[],
): Promise<Map<string, { file: string; own: string; composite: Composite }>> {
  const found = new Map<string, { file: string; own: string; composite: Composite }>();
  for (const file of files) {
    const module = await import(new URL(`../../src/capture/${file}.ts`, import.meta.url).href) as Record<
      string,
      unknown
    >;
    for (const [own, composite] of Object.entries(module)) {
      if (isComposite(composite)) found.set(camelCase(composite.name), { file, own, composite });
    }
  }
  return found;
}

function isComposite(value: unknown): value is Composite {
  return typeof value === "object" && value !== null && "call" in value && "schema" in value && "flags" in value;
}

/** The typed functions of composites. */
async function compositesFile(
  path: string,
  what: string,
  space: Namespace,
  files: readonly string[],
  rest: string,
): Promise<File> {
  const found = await compositesOf(files);
  const body = [...found].map(([shown, { file, own, composite }]) => {
    const params = paramsOf(composite.schema, composite.name, false)?.filter((p) => !p.name.startsWith("_")) ?? [];
    const result = (composite.schema.returns.length === 1
      ? typeOf(composite.schema.returns[0].type, false) ?? "unknown"
      : `[${
        composite.schema.returns.map((r) => typeOf(r.type, false)).join(", ")
      }]`).replace("readonly ", "");
    const { flags } = composite;
    const flagged = flags?.names.map((name) => camelCase(name)) ?? [];
    const unflagged = params.map((p) => flagged.includes(p.name) ? { ...p, type: "false" } : p);
    const signatures: [string, string][] = parameterLists(unflagged, false).map(({ text, about }) => [
      `${shown}(${text}): ${result}`,
      about,
    ]);
    if (flags) {
      // True is known to the type checker where it is written, which gives the other result.
      for (const name of flagged) {
        const strict = params.map((p) => p.name === name ? { ...p, type: "true", optional: false } : p);
        const lists = parameterLists(strict, false).map(({ text }): [string, string] => [
          `${shown}(${text}): ${flags.type}`,
          `With \`${name}\`.`,
        ]);
        signatures.push(...lists);
      }
    }
    const results = [...new Set(signatures.map(([s]) => s.slice(s.lastIndexOf("): ") + 3)))].join(" | ");
    const name = space === "nn" ? "F" : "torch";
    const doc = `\`${name}.${shown}\`. ${pageOf(space, composite.name)}`;
    const lines = signatures.map(([text, about], i) => `/** ${i === 0 ? doc : about} */\nexport function ${text};`);
    if (lines.length === 1) lines.push(`/** ${doc} */`);
    lines.push(
      `export function ${shown}(...args: unknown[]): ${results} {`,
      `return ${file}.${own}.call(args) as ${results};`,
      "}",
    );
    return lines.join("\n");
  }).join("\n\n");
  const used = (name: string): boolean => new RegExp(`\\b${name}\\b`).test(body);
  const imports = files.filter((file) => used(file)).map((file) => `import * as ${file} from "./${file}.ts";`).join(
    "\n",
  );
  return {
    path,
    text: `/** ${what} ${GENERATED} */
${used("DType") ? `import type { DType } from "../tensor/mod.ts";\n` : ""}${imports}
${used("Scalar") ? `import type { Scalar } from "./scalar.ts";\n` : ""}import type { Tensor } from "./tensor.ts";
${rest}
${body}
`,
  };
}

function functionsFile(path: string, what: string, body: string): File {
  const used = (name: string): boolean => new RegExp(`\\b${name}\\b`).test(body);
  return {
    path,
    text: `/** ${what} ${GENERATED} */
${used("DType") ? `import type { DType } from "../tensor/mod.ts";\n` : ""}${
      used("Scalar") ? `import type { Scalar } from "./scalar.ts";\n` : ""
    }${
      used("Named") ? `import type { Named } from "./methods.ts";\n` : ""
    }import { call, type Tensor } from "./tensor.ts";

${body}
`,
  };
}

/** The files, by their paths in `src/capture`. */
export async function makeFiles(): Promise<readonly File[]> {
  const all = (namespace: Namespace): string => declarations(namespace, Object.keys(api[namespace]));
  const functional = [declarations("nn", BUILTIN_NN), declarations("torch", FUNCTIONAL)].join("\n\n");
  return [
    {
      path: "tensor.ts",
      text: `/** Tensors with PyTorch's methods. ${GENERATED} */
import type { DType } from "../tensor/mod.ts";
import type { TensorValue } from "./base.ts";
import { execute } from "./execute.ts";
import { type Named, TensorMethods } from "./methods.ts";
import { overloadsOf } from "./overloads.ts";
import type { Scalar } from "./scalar.ts";

/** Calls the first of some operators that the arguments fit. */
export function call(name: string, operators: string, args: readonly unknown[]): unknown {
  return execute(overloadsOf(name, operators, false), args, (value) => new Tensor(value));
}

/** A tensor: https://docs.pytorch.org/docs/stable/tensors.html */
export class Tensor extends TensorMethods {
/** @internal */
protected override wrap(value: TensorValue): Tensor {
return new Tensor(value);
}

${all("Tensor")}
}
`,
    },
    functionsFile("functions.ts", "Functions of `torch`.", all("torch")),
    functionsFile("functional_operators.ts", "Functions of `torch.nn.functional` that are operators.", functional),
    await compositesFile(
      "functional.ts",
      "Functions of `torch.nn.functional`.",
      "nn",
      FUNCTIONAL_FILES,
      'export * from "./functional_operators.ts";\n',
    ),
    await compositesFile(
      "python_functions.ts",
      "Functions of `torch` that are Python in PyTorch.",
      "torch",
      ["torch_python"],
      "",
    ),
    functionsFile("linalg.ts", "`torch.linalg`.", all("linalg")),
    functionsFile("fft.ts", "`torch.fft`.", all("fft")),
    functionsFile("special.ts", "`torch.special`.", all("special")),
  ];
}

if (import.meta.main) {
  for (const { path, text } of await makeFiles()) {
    await Deno.writeTextFile(fromFileUrl(new URL(`../../src/capture/${path}`, import.meta.url)), text);
  }
}
