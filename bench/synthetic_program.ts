/**
 * Archives of any number of nodes, as `torch.export.save` would write them: blocks of linear layers, views, writes through
 * views, softmax and additions of the program's input, whose first dim is dynamic. All weights lie in one storage.
 */
import { MemorySink } from "../src/io/sink.ts";
import { ZipWriter } from "../src/io/zip_writer.ts";

type Json = Record<string, unknown>;

const WIDTH = 16;
/** Nodes per block. */
const BLOCK = 10;
const BATCH = "Symbol('s0', positive=True, integer=True)";

const tensor = (name: string): Json => ({ as_tensor: { name } });
const int = (value: number): Json => ({ as_int: value });
const ints = (...values: (number | string)[]): Json =>
  values.some((value) => typeof value === "string")
    ? { as_sym_ints: values.map((value) => typeof value === "string" ? { as_name: value } : int(value)) }
    : { as_ints: values };

function tensorMeta(sizes: readonly (number | string)[], offset = 0): Json {
  const size = (n: number | string): Json =>
    typeof n === "number" ? int(n) : { as_expr: { expr_str: n, hint: { as_int: 2 } } };
  const strides: Json[] = [];
  let step = 1;
  for (let i = sizes.length - 1; i >= 0; i--) {
    strides.unshift(int(step));
    if (typeof sizes[i] === "number") step *= sizes[i] as number;
  }
  const device = { type: "cpu", index: null };
  return {
    dtype: 7,
    sizes: sizes.map(size),
    requires_grad: false,
    device,
    strides,
    storage_offset: int(offset),
    layout: 7,
  };
}

/** A program under construction. */
class Program {
  readonly values: Json = { x: tensorMeta([BATCH, WIDTH]) };
  readonly inputs: Json[] = [];
  readonly specs: Json[] = [];
  readonly nodes: Json[] = [];
  readonly config: Json = {};
  weights = 0;

  node(target: string, inputs: readonly Json[], sizes: readonly (number | string)[]): string {
    const name = `v${this.nodes.length}`;
    this.values[name] = tensorMeta(sizes);
    this.nodes.push({
      target: `torch.ops.aten.${target}`,
      inputs: inputs.map((arg) => ({ name: "", arg, kind: 1 })),
      outputs: [tensor(name)],
      metadata: {
        stack_trace: `  File "/model/net.py", line ${this.nodes.length % 97}, in forward\n    y = f(x)`,
        nn_module_stack: `L__self__,,net.Net;L__self___blocks,blocks.${this.nodes.length % 13},net.Block`,
      },
      name,
    });
    return name;
  }

  weight(name: string, sizes: readonly number[]): Json {
    const input = `p_${name}`;
    this.values[input] = tensorMeta(sizes);
    this.inputs.push(tensor(input));
    this.specs.push({ parameter: { arg: { name: input }, parameter_name: name } });
    const meta = tensorMeta(sizes, this.weights);
    this.config[name] = { path_name: "weight_0", is_param: true, use_pickle: false, tensor_meta: meta };
    this.weights += sizes.reduce((a, b) => a * b);
    return tensor(input);
  }

  block(k: number, last: string): string {
    const wide = [BATCH, 4, 4];
    const rows = (name: string): Json[] => [tensor(name), int(1), int(0)];
    const linear = this.node(
      "linear.default",
      [tensor(last), this.weight(`w${k}`, [WIDTH, WIDTH]), this.weight(`b${k}`, [WIDTH])],
      [BATCH, WIDTH],
    );
    const relu = this.node("relu.default", [tensor(linear)], [BATCH, WIDTH]);
    const view = this.node("view.default", [tensor(relu), ints("rows", 4, 4)], wide);
    const turned = this.node("permute.default", [tensor(view), ints(0, 2, 1)], wide);
    const copy = this.node("clone.default", [tensor(turned)], wide);
    const row = this.node("select.int", rows(copy), [BATCH, 4]);
    this.node("add_.Tensor", [tensor(row), tensor(row)], [BATCH, 4]);
    const soft = this.node("softmax.int", [tensor(copy), int(-1)], wide);
    const flat = this.node("reshape.default", [tensor(soft), ints("rows", WIDTH)], [BATCH, WIDTH]);
    return this.node("add.Tensor", [tensor(flat), tensor("x")], [BATCH, WIDTH]);
  }
}

/** The bytes of an archive with about `nodes` nodes. */
export async function syntheticArchive(nodes: number): Promise<Uint8Array> {
  const program = new Program();
  program.nodes.push({
    target: "torch.ops.aten.sym_size.int",
    inputs: [{ name: "", arg: tensor("x"), kind: 1 }, { name: "", arg: int(0), kind: 1 }],
    outputs: [{ as_sym_int: { as_name: "rows" } }],
    metadata: {},
    name: "rows",
  });
  let last = "x";
  for (let k = 0; k < nodes / BLOCK; k++) last = program.block(k, last);
  const sink = new MemorySink();
  const zip = new ZipWriter(sink);
  const add = async (name: string, content: string | Uint8Array): Promise<void> => {
    await zip.add(`deep/${name}`, typeof content === "string" ? new TextEncoder().encode(content) : content);
  };
  const weights = Float32Array.from({ length: program.weights }, (_, i) => ((i % 1013) - 506) / 8096);
  await add("data/weights/weight_0", new Uint8Array(weights.buffer));
  await add("data/weights/model_weights_config.json", JSON.stringify({ config: program.config }));
  await add("data/constants/model_constants_config.json", JSON.stringify({ config: {} }));
  await add("models/model.json", JSON.stringify(model(program, last)));
  await add("data/sample_inputs/model.pt", new Uint8Array(0));
  await add("archive_format", "pt2");
  await add("archive_version", "0");
  await add(".data/version", "6\n");
  await add("byteorder", "little");
  await zip.finish();
  return sink.bytes();
}

function model({ inputs, nodes, values, specs }: Program, last: string): Json {
  const leaf = { type: null, context: null, children_spec: [] };
  const tuple = { type: "builtins.tuple", context: "null", children_spec: [leaf] };
  const dict = { type: "builtins.dict", context: "[]", children_spec: [] };
  const called = { type: "builtins.tuple", context: "null", children_spec: [tuple, dict] };
  const signature = {
    inputs: [],
    outputs: [],
    in_spec: JSON.stringify([1, called]),
    out_spec: JSON.stringify([1, leaf]),
  };
  return {
    graph_module: {
      graph: {
        inputs: [...inputs, tensor("x")],
        outputs: [tensor(last)],
        nodes,
        tensor_values: values,
        sym_int_values: { rows: { as_expr: { expr_str: BATCH, hint: null } } },
        sym_bool_values: {},
      },
      signature: {
        input_specs: [...specs, { user_input: { arg: tensor("x") } }],
        output_specs: [{ user_output: { arg: tensor(last) } }],
      },
      module_call_graph: [{ fqn: "", signature }],
      metadata: {},
    },
    opset_version: { aten: 10 },
    range_constraints: { s0: { min_val: 1, max_val: null } },
    schema_version: { major: 8, minor: 14 },
    verifiers: ["TRAINING"],
    torch_version: "2.9.0",
  };
}
