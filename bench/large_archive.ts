/**
 * Writes a large archive as `torch.export.save` would: a chain of linear layers whose weights are one entry each. Used by
 * the bench that shows memory and speed on archives larger than memory allows to load.
 */
import { createAtomic } from "../src/io/file.ts";
import { ZipWriter } from "../src/io/zip_writer.ts";

/** Size of the archive. */
export interface LargeArchive {
  /** Number of linear layers. */
  readonly layers: number;
  /** Inputs and outputs of each layer. */
  readonly width: number;
  /** Leaves the values of weights out, as archives of fake tensors do. */
  readonly isFake?: boolean;
}

/** Bytes of all weights. */
export function weightBytes({ layers, width }: LargeArchive): number {
  return layers * (width * width + width) * 4;
}

/** Writes the archive. */
export async function writeLargeArchive(path: string, { layers, width, isFake = false }: LargeArchive): Promise<void> {
  await using file = await createAtomic(path);
  const zip = new ZipWriter(file);
  const text = (content: string): Uint8Array => new TextEncoder().encode(content);
  const config: Record<string, unknown> = {};
  const weight = new Float32Array(isFake ? 0 : width * width);
  for (let i = 0; i < weight.length; i++) weight[i] = ((i % 1013) - 506) / (506 * width);
  for (let k = 0; k < layers; k++) {
    await zip.add(`large/data/weights/weight_${2 * k}`, new Uint8Array(weight.buffer));
    await zip.add(`large/data/weights/weight_${2 * k + 1}`, new Uint8Array(isFake ? 0 : width * 4));
    config[`layers.${k}.weight`] = payload(`weight_${2 * k}`, [width, width]);
    config[`layers.${k}.bias`] = payload(`weight_${2 * k + 1}`, [width]);
  }
  await zip.add("large/data/weights/model_weights_config.json", text(JSON.stringify({ config })));
  await zip.add("large/data/constants/model_constants_config.json", text(JSON.stringify({ config: {} })));
  await zip.add("large/models/model.json", text(JSON.stringify(program(layers, width))));
  await zip.add("large/data/sample_inputs/model.pt", new Uint8Array(0));
  await zip.add("large/archive_format", text("pt2"));
  await zip.add("large/archive_version", text("0"));
  await zip.add("large/.data/version", text("6\n"));
  await zip.add("large/byteorder", text("little"));
  await zip.finish();
  await file.commit();
}

type Json = Record<string, unknown>;

function tensorMeta(sizes: readonly (number | string)[]): Json {
  const size = (n: number | string): Json =>
    typeof n === "number" ? { as_int: n } : { as_expr: { expr_str: n, hint: { as_int: 2 } } };
  const strides: Json[] = [];
  let step = 1;
  for (let i = sizes.length - 1; i >= 0; i--) {
    strides.unshift({ as_int: step });
    if (typeof sizes[i] === "number") step *= sizes[i] as number;
  }
  return {
    dtype: 7,
    sizes: sizes.map(size),
    requires_grad: false,
    device: { type: "cpu", index: null },
    strides,
    storage_offset: { as_int: 0 },
    layout: 7,
  };
}

function payload(file: string, sizes: readonly number[]): Json {
  return { path_name: file, is_param: true, use_pickle: false, tensor_meta: tensorMeta(sizes) };
}

function program(layers: number, width: number): Json {
  const batch = "Symbol('s0', positive=True, integer=True)";
  const tensor = (name: string): Json => ({ as_tensor: { name } });
  const values: Json = { x: tensorMeta([batch, width]) };
  const inputs: Json[] = [];
  const specs: Json[] = [];
  const nodes: Json[] = [];
  let last = "x";
  for (let k = 0; k < layers; k++) {
    for (const part of ["weight", "bias"]) {
      const name = `p_layers_${k}_${part}`;
      values[name] = tensorMeta(part === "weight" ? [width, width] : [width]);
      inputs.push(tensor(name));
      specs.push({ parameter: { arg: { name }, parameter_name: `layers.${k}.${part}` } });
    }
    const name = k === 0 ? "linear" : `linear_${k}`;
    const argument = (argName: string, value: string): Json => ({ name: argName, arg: tensor(value), kind: 1 });
    nodes.push({
      target: "torch.ops.aten.linear.default",
      inputs: [
        argument("input", last),
        argument("weight", `p_layers_${k}_weight`),
        argument("bias", `p_layers_${k}_bias`),
      ],
      outputs: [tensor(name)],
      metadata: {},
      name,
    });
    values[name] = tensorMeta([batch, width]);
    last = name;
  }
  const leaf = { type: null, context: null, children_spec: [] };
  const tuple = { type: "builtins.tuple", context: "null", children_spec: [leaf] };
  const dict = { type: "builtins.dict", context: "[]", children_spec: [] };
  const callSpec = { type: "builtins.tuple", context: "null", children_spec: [tuple, dict] };
  return {
    graph_module: {
      graph: {
        inputs: [...inputs, tensor("x")],
        outputs: [tensor(last)],
        nodes,
        tensor_values: values,
        sym_int_values: {},
        sym_bool_values: {},
      },
      signature: {
        input_specs: [...specs, { user_input: { arg: tensor("x") } }],
        output_specs: [{ user_output: { arg: tensor(last) } }],
      },
      module_call_graph: [{
        fqn: "",
        signature: {
          inputs: [],
          outputs: [],
          in_spec: JSON.stringify([1, callSpec]),
          out_spec: JSON.stringify([1, leaf]),
        },
      }],
      metadata: {},
    },
    opset_version: { aten: 10 },
    range_constraints: { s0: { min_val: 1, max_val: null } },
    schema_version: { major: 8, minor: 14 },
    verifiers: ["TRAINING"],
    torch_version: "2.9.0",
  };
}
