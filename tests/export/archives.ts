/**
 * An archive with weights of every kind that placement has to decide about, in each layout that is read: the program
 * multiplies each weight by its input. Values are small integers, which every dtype here holds exactly.
 */
import type { Source } from "../../src/io/source.ts";
import type { DType } from "../../src/tensor/mod.ts";
import * as p from "../io/assemble.ts";
import {
  CONSTANTS,
  type Data,
  EMPTY_KWARGS,
  MODEL,
  node,
  type Parts,
  payload,
  SAMPLES,
  tensor,
  tensorMeta,
  torchSave,
  treeSpec,
  tupleSpec,
  WEIGHTS,
  writeDeflated,
  writeParts,
} from "../pt2/build.ts";

/** A weight over a storage. */
export interface WeightSpec {
  readonly dtype: "float32" | "float16" | "int64";
  readonly sizes: readonly number[];
  readonly strides: readonly number[];
  readonly offset?: number;
  /** Index of the storage; weights that share one may be tied. */
  readonly storage: number;
  readonly isConstant?: boolean;
}

/** The number that archives have for a dtype, the class of its storages, and how elements are stored. */
const DTYPES = {
  float32: { code: 7, storage: "FloatStorage", array: Float32Array },
  float16: { code: 6, storage: "HalfStorage", array: Float16Array },
  int64: { code: 5, storage: "LongStorage", array: BigInt64Array },
} as const;

/** Contiguous, tied, transposed, a slice, expanded, of half precision, of integers, tiny, and a constant. */
export const WEIGHT_SPECS: Readonly<Record<string, WeightSpec>> = {
  plain: { dtype: "float32", sizes: [40, 20], strides: [20, 1], storage: 0 },
  tied: { dtype: "float32", sizes: [40, 20], strides: [20, 1], storage: 0 },
  turned: { dtype: "float32", sizes: [20, 40], strides: [1, 20], storage: 0 },
  part: { dtype: "float32", sizes: [15, 20], strides: [20, 1], offset: 100, storage: 0 },
  expanded: { dtype: "float32", sizes: [50, 20], strides: [0, 1], storage: 1 },
  half: { dtype: "float16", sizes: [32, 33], strides: [33, 1], storage: 2 },
  whole: { dtype: "int64", sizes: [200], strides: [1], storage: 3 },
  tiny: { dtype: "float32", sizes: [3], strides: [1], storage: 4 },
  fixed: { dtype: "float32", sizes: [300], strides: [1], storage: 5, isConstant: true },
};

/** Elements of each storage. */
const STORAGES: readonly (readonly [dtype: keyof typeof DTYPES, length: number])[] = [
  ["float32", 800],
  ["float32", 20],
  ["float16", 32 * 33],
  ["int64", 200],
  ["float32", 3],
  ["float32", 300],
];

/** Value `i` of a storage. */
function valueAt(storage: number, i: number): number {
  return (i * 7 + storage * 5) % 61 - 30;
}

function storageBytes(storage: number, bigEndian: boolean): Uint8Array<ArrayBuffer> {
  const [dtype, length] = STORAGES[storage];
  const { array } = DTYPES[dtype];
  const values = Array.from({ length }, (_, i) => valueAt(storage, i));
  const data = array === BigInt64Array
    ? BigInt64Array.from(values, BigInt)
    : (array as Float32ArrayConstructor).from(values);
  const bytes = new Uint8Array(data.buffer);
  if (bigEndian) {
    for (let i = 0; i < bytes.length; i += data.BYTES_PER_ELEMENT) {
      bytes.subarray(i, i + data.BYTES_PER_ELEMENT).reverse();
    }
  }
  return bytes;
}

/** The elements of a weight in row-major order. */
export function weightValues({ sizes, strides, offset = 0, storage }: WeightSpec): number[] {
  let places = [offset];
  for (const [d, size] of sizes.entries()) {
    places = places.flatMap((at) => Array.from({ length: size }, (_, i) => at + i * strides[d]));
  }
  return places.map((at) => valueAt(storage, at));
}

function metaOf({ dtype, sizes, strides, offset = 0 }: WeightSpec): Data {
  return {
    ...tensorMeta(...sizes),
    dtype: DTYPES[dtype].code,
    strides: strides.map((n) => ({ as_int: n })),
    storage_offset: { as_int: offset },
  };
}

const leaf = { type: null, context: null, children_spec: [] };

/** `[w * x for w in weights]` for `x` of shape [1]; what is read of a weight's meta is contiguous, as programs have it. */
function programOf(specs: Readonly<Record<string, WeightSpec>>): Data {
  const names = Object.keys(specs);
  const resultOf = (name: string): Data => tensorMeta(...specs[name].sizes);
  return {
    graph_module: {
      graph: {
        inputs: [...names.map((n) => tensor(`w_${n}`)), tensor("x")],
        outputs: names.map((n) => tensor(`y_${n}`)),
        nodes: names.map((n) =>
          node(`y_${n}`, "torch.ops.aten.mul.Tensor", [["self", tensor(`w_${n}`)], ["other", tensor("x")]], [
            tensor(`y_${n}`),
          ])
        ),
        tensor_values: {
          x: tensorMeta(1),
          ...Object.fromEntries(names.map((n) => [`w_${n}`, metaOf(specs[n])])),
          ...Object.fromEntries(names.map((n) => [`y_${n}`, resultOf(n)])),
        },
        sym_int_values: {},
        sym_bool_values: {},
        is_single_tensor_return: false,
      },
      signature: {
        input_specs: [
          ...names.map((n) =>
            specs[n].isConstant
              ? { tensor_constant: { arg: { name: `w_${n}` }, tensor_constant_name: n } }
              : { parameter: { arg: { name: `w_${n}` }, parameter_name: n } }
          ),
          { user_input: { arg: tensor("x") } },
        ],
        output_specs: names.map((n) => ({ user_output: { arg: tensor(`y_${n}`) } })),
      },
      module_call_graph: [{
        fqn: "",
        signature: {
          inputs: [],
          outputs: [],
          in_spec: treeSpec(tupleSpec(tupleSpec(leaf), EMPTY_KWARGS)),
          out_spec: treeSpec(tupleSpec(...names.map(() => leaf))),
        },
      }],
      metadata: {},
    },
    opset_version: { aten: 10 },
    range_constraints: {},
    schema_version: { major: 8, minor: 14 },
    verifiers: ["TRAINING"],
    torch_version: "2.9.0",
  };
}

/** The parts of an archive since torch 2.9. */
export function weightParts(
  specs: Readonly<Record<string, WeightSpec>> = WEIGHT_SPECS,
  bigEndian = false,
): Parts {
  const parts: Parts = {};
  const index = (folder: string, prefix: string, isConstant: boolean): Data => {
    const config: Record<string, Data> = {};
    for (const [name, spec] of Object.entries(specs)) {
      if ((spec.isConstant ?? false) !== isConstant) continue;
      const file = `${prefix}_${spec.storage}`;
      parts[`${folder}/${file}`] = storageBytes(spec.storage, bigEndian);
      config[name] = payload(file, metaOf(spec), { is_param: !isConstant });
    }
    return { config };
  };
  const [weights, constants] = [index("data/weights", "weight", false), index("data/constants", "tensor", true)];
  return {
    ...parts,
    [WEIGHTS]: weights,
    [CONSTANTS]: constants,
    [MODEL]: programOf(specs),
    [SAMPLES]: new Uint8Array(),
    archive_format: "pt2",
    archive_version: "0",
    byteorder: bigEndian ? "big" : "little",
    ".data/serialization_id": "1234",
  };
}

/** A `torch.save` file of a dict of tensors, in which tied tensors share their storage. */
async function saved(specs: readonly (readonly [string, WeightSpec])[]): Promise<Uint8Array<ArrayBuffer>> {
  const storages = [...new Set(specs.map(([, spec]) => spec.storage))];
  const items = specs.flatMap(([name, { dtype, sizes, strides, offset = 0, storage }]) => {
    const key = storages.indexOf(storage);
    const place = p.tuple(
      p.text("storage"),
      p.global("torch", DTYPES[dtype].storage),
      p.text(String(key)),
      p.text("cpu"),
      p.int(STORAGES[storage][1]),
    );
    const rebuilt = p.call(
      "torch._utils",
      "_rebuild_tensor_v2",
      [place, p.BINPERSID],
      p.int(offset),
      p.tuple(...sizes.map(p.int)),
      p.tuple(...strides.map(p.int)),
      p.FALSE,
      p.call("collections", "OrderedDict"),
    );
    return [p.text(name), rebuilt];
  });
  return await torchSave(p.dict(...items), storages.map((s) => storageBytes(s, false)));
}

/** Ways to store the same program. */
export type Layout = "2.9" | "2.8" | "2.6" | "big-endian" | "compressed";

export const LAYOUTS: readonly Layout[] = ["2.9", "2.8", "2.6", "big-endian", "compressed"];

/** An archive of the weights in a layout. */
export async function weightArchive(
  layout: Layout,
  specs: Readonly<Record<string, WeightSpec>> = WEIGHT_SPECS,
): Promise<Uint8Array<ArrayBuffer>> {
  if (layout === "2.9") return await writeParts(weightParts(specs));
  if (layout === "big-endian") return await writeParts(weightParts(specs, true));
  if (layout === "compressed") return await writeDeflated(weightParts(specs));
  const all = Object.entries(specs);
  const state = await saved(all.filter(([, spec]) => !spec.isConstant));
  const constants = await saved(all.filter(([, spec]) => spec.isConstant));
  const program = programOf(specs);
  program.schema_version.minor = layout === "2.8" ? 8 : 2;
  if (layout === "2.8") {
    return await writeParts({
      "data/weights/model.pt": state,
      "data/constants/model.pt": constants,
      [MODEL]: program,
      archive_format: "pt2",
      archive_version: "0",
      byteorder: "little",
    });
  }
  for (const { inputs } of program.graph_module.graph.nodes) for (const input of inputs) delete input.kind;
  return await writeParts({
    "serialized_exported_program.json": program,
    "serialized_state_dict.pt": state,
    "serialized_constants.pt": constants,
    version: "8.2",
  }, "");
}

/** A source of which a part of any size is zeros that lie nowhere. */
function withHole(head: Uint8Array, hole: number, tail: Uint8Array, name: string): Source {
  return {
    name,
    size: head.length + hole + tail.length,
    read(offset, length) {
      const bytes = new Uint8Array(length);
      const copy = (part: Uint8Array, at: number): void => {
        const from = Math.max(offset, at);
        const to = Math.min(offset + length, at + part.length);
        if (from < to) bytes.set(part.subarray(from - at, to - at), from - offset);
      };
      copy(head, 0);
      copy(tail, head.length + hole);
      return Promise.resolve(bytes);
    },
  };
}

/** An archive with one float32 weight of many bytes, less than 4 GB, that take no room. */
export async function hugeArchive(rows: number, columns: number): Promise<Source> {
  const spec: WeightSpec = { dtype: "float32", sizes: [rows, columns], strides: [columns, 1], storage: 0 };
  const parts = weightParts({ huge: spec });
  const name = "good/data/weights/weight_0";
  delete parts["data/weights/weight_0"];
  const rest = await writeParts(parts);
  const view = new DataView(rest.buffer, rest.byteOffset);
  const [count, size, start] = [
    view.getUint16(rest.length - 12, true),
    view.getUint32(rest.length - 10, true),
    view.getUint32(rest.length - 6, true),
  ];
  const path = new TextEncoder().encode(name);
  const hole = rows * columns * 4;
  const length: p.Code = [path.length & 255, path.length >> 8];
  // Version, flags, method, date; no checksum; two sizes; length of the name.
  const common: p.Code = [20, 0, 0, 0, 0, 0, 0, 0, 0, 0, p.u32(0), p.u32(hole), p.u32(hole), length, 0, 0];
  const local = p.assemble("PK\x03\x04", common, path);
  const listed = p.assemble("PK\x01\x02", 20, 0, common, p.u32(0), p.u32(0), 0, 0, p.u32(start), path);
  const head = p.assemble(rest.subarray(0, start), local);
  const total: p.Code = [(count + 1) & 255, (count + 1) >> 8];
  const end = [0, 0, 0, 0, total, total, p.u32(size + listed.length), p.u32(head.length + hole), 0, 0];
  const tail = p.assemble(rest.subarray(start, start + size), listed, "PK\x05\x06", end);
  return withHole(head, hole, tail, "huge.pt2");
}

/** dtype and elements of an initializer as it must be in the model. */
export function expectedWeight(spec: WeightSpec): { dtype: DType; values: (number | bigint)[] } {
  const values = weightValues(spec);
  return { dtype: spec.dtype, values: spec.dtype === "int64" ? values.map(BigInt) : values };
}
