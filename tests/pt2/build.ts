/** Builds a small program archive from parts that tests can damage one at a time. */
import { crc32 } from "../../src/io/crc32.ts";
import { MemorySink } from "../../src/io/sink.ts";
import { ZipWriter } from "../../src/io/zip_writer.ts";
import * as p from "../io/assemble.ts";

/** JSON as tests write it. */
// deno-lint-ignore no-explicit-any
export type Data = any;

/** The content of an archive: entries below the root folder by name. Objects are written as JSON. */
export type Parts = Record<string, Data>;

export const SYMBOL = "Symbol('s77', positive=True, integer=True)";

/** A TensorMeta; a size is a number or the text of an expression. */
export function tensorMeta(...sizes: (number | string)[]): Data {
  const dim = (size: number | string): Data =>
    typeof size === "number" ? { as_int: size } : { as_expr: { expr_str: size, hint: { as_int: 2 } } };
  const strides: Data[] = [];
  let step = 1;
  for (let i = sizes.length - 1; i >= 0; i--) {
    strides.unshift({ as_int: step });
    step *= typeof sizes[i] === "number" ? sizes[i] as number : 2;
  }
  return {
    dtype: 7,
    sizes: sizes.map(dim),
    requires_grad: false,
    device: { type: "cpu", index: null },
    strides,
    storage_offset: { as_int: 0 },
    layout: 7,
  };
}

export const tensor = (name: string): Data => ({ as_tensor: { name } });

/** A node. Inputs are pairs of name and argument; those whose name starts with `*` are keyword arguments. */
export function node(name: string, target: string, inputs: [string, Data][], outputs: Data[], more: Data = {}): Data {
  return {
    name,
    target,
    inputs: inputs.map(([key, arg]) => ({ name: key.replace("*", ""), arg, kind: key.startsWith("*") ? 2 : 1 })),
    outputs,
    metadata: {
      stack_trace: `File "m.py", line 3, in forward\n    ${name} = f(x)`,
      nn_module_stack: "L__self__,,__main__.M;L__self__fc,fc,torch.nn.modules.linear.Linear",
    },
    is_hop_single_tensor_return: null,
    ...more,
  };
}

const leaf = { type: null, context: null, children_spec: [] };

/** The text of a tree specification. */
export function treeSpec(spec: Data): string {
  return JSON.stringify([1, spec]);
}

export function tupleSpec(...children: Data[]): Data {
  return { type: "builtins.tuple", context: "null", children_spec: children };
}

export const EMPTY_KWARGS: Data = { type: "builtins.dict", context: "[]", children_spec: [] };

/** A graph that returns its first input negated. */
export function subgraph(...inputs: string[]): Data {
  return {
    inputs: inputs.map(tensor),
    outputs: [tensor("neg")],
    nodes: [node("neg", "torch.ops.aten.neg.default", [["self", tensor(inputs[0])]], [tensor("neg")])],
    tensor_values: Object.fromEntries([...inputs, "neg"].map((name) => [name, tensorMeta(SYMBOL, 3)])),
    sym_int_values: {},
    sym_bool_values: {},
    is_single_tensor_return: false,
  };
}

/** `x + 2*w` and more: a parameter, a buffer, a constant input, a size, several results and a subgraph. */
export function goodProgram(): Data {
  const nodes = [
    node("sym_size", "torch.ops.aten.sym_size.int", [["self", tensor("x")], ["dim", { as_int: 0 }]], [
      { as_sym_int: { as_name: "sym_size" } },
    ]),
    node(
      "add",
      "torch.ops.aten.add.Tensor",
      [["self", tensor("x")], ["other", tensor("p_w")], ["*alpha", { as_int: 2 }]],
      [tensor("add")],
    ),
    node("max_1", "torch.ops.aten.max.dim", [["self", tensor("add")], ["dim", { as_int: 1 }]], [
      tensor("values"),
      tensor("indices"),
    ]),
    node(
      "cond",
      "torch.ops.higher_order.cond",
      [
        ["", { as_bool: true }],
        ["", { as_graph: { name: "true_graph_0", graph: subgraph("x") } }],
        ["", { as_graph: { name: "false_graph_0", graph: subgraph("y") } }],
        ["", { as_tensors: [{ name: "add" }] }],
      ],
      [tensor("getitem")],
      { is_hop_single_tensor_return: false },
    ),
    node(
      "expand",
      "torch.ops.aten.expand.default",
      [["self", tensor("b_b")], ["size", { as_sym_ints: [{ as_name: "sym_size" }, { as_int: 3 }] }]],
      [tensor("expand")],
    ),
    node("mul", "torch.ops.aten.mul.Tensor", [["self", tensor("getitem")], ["other", tensor("expand")]], [
      tensor("mul"),
    ]),
  ];
  return {
    graph_module: {
      graph: {
        inputs: [tensor("p_w"), tensor("b_b"), tensor("x"), { as_int: 3 }],
        outputs: [tensor("mul"), tensor("values"), { as_int: 5 }],
        nodes,
        tensor_values: {
          p_w: tensorMeta(3),
          b_b: tensorMeta(3),
          x: tensorMeta(SYMBOL, 3),
          add: tensorMeta(SYMBOL, 3),
          values: tensorMeta(SYMBOL),
          indices: { ...tensorMeta(SYMBOL), dtype: 5 },
          getitem: tensorMeta(SYMBOL, 3),
          expand: tensorMeta(SYMBOL, 3),
          mul: tensorMeta(SYMBOL, 3),
        },
        sym_int_values: { sym_size: { as_expr: { expr_str: SYMBOL, hint: null } } },
        sym_bool_values: {},
        is_single_tensor_return: false,
        custom_obj_values: {},
        sym_float_values: {},
      },
      signature: {
        input_specs: [
          { parameter: { arg: { name: "p_w" }, parameter_name: "w" } },
          { buffer: { arg: { name: "b_b" }, buffer_name: "b", persistent: false } },
          { user_input: { arg: tensor("x") } },
          { constant_input: { name: "n", value: { as_int: 3 } } },
        ],
        output_specs: [
          { user_output: { arg: tensor("mul") } },
          { user_output: { arg: tensor("values") } },
          { user_output: { arg: { as_int: 5 } } },
        ],
      },
      module_call_graph: [{
        fqn: "",
        signature: {
          inputs: [],
          outputs: [],
          in_spec: treeSpec(tupleSpec(tupleSpec(leaf, leaf), EMPTY_KWARGS)),
          out_spec: treeSpec(tupleSpec(leaf, leaf, leaf)),
          forward_arg_names: ["x", "n"],
        },
      }],
      metadata: {},
    },
    opset_version: { aten: 10 },
    range_constraints: { s77: { min_val: 2, max_val: 64 } },
    schema_version: { major: 8, minor: 20 },
    verifiers: ["TRAINING"],
    torch_version: "2.15.0",
    guards_code: [],
  };
}

/** The index entry of a weight. */
export function payload(path: string, meta: Data, more: Data = {}): Data {
  return { path_name: path, is_param: true, use_pickle: false, tensor_meta: meta, ...more };
}

export const WEIGHTS = "data/weights/model_weights_config.json";
export const CONSTANTS = "data/constants/model_constants_config.json";
export const MODEL = "models/model.json";
export const SAMPLES = "data/sample_inputs/model.pt";

/** A good archive. */
export function goodParts(): Parts {
  return {
    "data/weights/weight_0": floats(1, 2, 3),
    [WEIGHTS]: { config: { w: payload("weight_0", tensorMeta(3)) } },
    "data/constants/tensor_0": floats(4, 5, 6),
    [CONSTANTS]: { config: { b: payload("tensor_0", tensorMeta(3), { is_param: false }) } },
    [MODEL]: goodProgram(),
    [SAMPLES]: new Uint8Array(),
    archive_format: "pt2",
    archive_version: "0",
    ".data/version": "6\n",
    byteorder: "little",
    ".data/serialization_id": "1234",
  };
}

/** Little-endian float32 elements. */
export function floats(...values: number[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Float32Array.from(values).buffer);
}

/** Writes an archive. */
export async function writeParts(parts: Parts, root = "good/"): Promise<Uint8Array<ArrayBuffer>> {
  const sink = new MemorySink();
  const zip = new ZipWriter(sink);
  for (const [name, content] of Object.entries(parts)) await zip.add(root + name, bytesOf(content));
  await zip.finish();
  return sink.bytes();
}

function bytesOf(content: Data): Uint8Array<ArrayBuffer> {
  if (content instanceof Uint8Array) return content as Uint8Array<ArrayBuffer>;
  return new TextEncoder().encode(typeof content === "string" ? content : JSON.stringify(content));
}

/** Writes an archive as other zip tools do: compressed. `claims` are sizes that entries falsely state. */
export async function writeDeflated(
  parts: Parts,
  claims: Record<string, number> = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const files: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const [name, content] of Object.entries(parts)) {
    const bytes = bytesOf(content);
    const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate-raw"));
    const packed = new Uint8Array(await new Response(stream).arrayBuffer());
    const path = new TextEncoder().encode(`good/${name}`);
    const fields = new DataView(new ArrayBuffer(26));
    fields.setUint16(0, 20, true);
    fields.setUint16(4, 8, true);
    fields.setUint32(10, crc32(bytes), true);
    fields.setUint32(14, packed.length, true);
    fields.setUint32(18, claims[name] ?? bytes.length, true);
    fields.setUint16(22, path.length, true);
    const common = new Uint8Array(fields.buffer);
    const place = new DataView(new ArrayBuffer(14));
    place.setUint32(10, offset, true);
    directory.push(p.assemble("PK\x01\x02", 20, 0, common, new Uint8Array(place.buffer), path));
    const file = p.assemble("PK\x03\x04", common, path, packed);
    files.push(file);
    offset += file.length;
  }
  const size = directory.reduce((sum, entry) => sum + entry.length, 0);
  const counts = [directory.length & 255, directory.length >> 8];
  return p.assemble(files, directory, "PK\x05\x06", 0, 0, 0, 0, counts, counts, p.u32(size), p.u32(offset), 0, 0);
}

/** A `torch.save` file over storages of float32 elements; `code` makes its value. */
export async function torchSave(code: p.Code, storages: readonly Uint8Array[] = []): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Parts = { "data.pkl": p.pickle(code), byteorder: "little", version: "3\n" };
  for (const [i, storage] of storages.entries()) parts[`data/${i}`] = storage;
  return await writeParts(parts, "archive/");
}

/** Pickled code of a contiguous float32 tensor over storage `key`. */
export function pickledTensor(key: number, count: number, shape: readonly number[]): p.Code {
  const storage: p.Code = [
    p.tuple(p.text("storage"), p.global("torch", "FloatStorage"), p.text(String(key)), p.text("cpu"), p.int(count)),
    p.BINPERSID,
  ];
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
  return p.call(
    "torch._utils",
    "_rebuild_tensor_v2",
    storage,
    p.int(0),
    p.tuple(...shape.map(p.int)),
    p.tuple(...strides.map(p.int)),
    p.FALSE,
    p.call("collections", "OrderedDict"),
  );
}
