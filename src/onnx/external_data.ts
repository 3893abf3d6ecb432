/**
 * Decides where each weight of a model lies: in the model file, in a data file beside it, or where it already is, in the
 * archive that the model was made from. Only ranges are compared here; no weight is read.
 */
import { rootRange } from "../io/source.ts";
import { OptionError } from "../ir/mod.ts";
import { isInt, type Tensor } from "../tensor/mod.ts";
import type { OnnxGraph, OnnxNode, OnnxValue } from "./model.ts";
import type { ExternalLocation } from "./serialize.ts";

/**
 * Where weights go.
 *
 * - `auto`: into the model file when all fit `INLINE_LIMIT`, else as `always`
 * - `always`: into a data file beside the model
 * - `never`: into the model file
 * - `in-place`: those that lie in the archive as ONNX wants them stay there, others go into a data file
 *
 * Tensors under `INLINE_SIZE`, operands that shape inference reads and initializers of subgraphs are in the model file in
 * every mode: runtimes refuse models that have those elsewhere.
 */
export type ExternalDataMode = "auto" | "always" | "never" | "in-place";

/** Weights of at most this many bytes in total are inlined by `auto`: 64 MiB. */
export const INLINE_LIMIT: number = 64 << 20;
/** Tensors of fewer bytes are always inlined. */
export const INLINE_SIZE = 1024;
/** Offsets in the data file are multiples of this, so that runtimes can map it into memory. */
export const DATA_ALIGNMENT = 4096;

/** A weight that is to be written into the data file. */
export interface WeightCopy {
  readonly tensor: Tensor;
  /** The initializer's name, for messages. */
  readonly name: string;
  /** Position in the data file, in bytes. */
  readonly offset: number;
}

/** Where the weights of a model go. */
export interface WeightPlan {
  /** The initializers outside the model file. */
  readonly external: ReadonlyMap<OnnxValue, ExternalLocation>;
  /** What the data file consists of, by ascending offset. Empty: there is no data file. */
  readonly copies: readonly WeightCopy[];
  /** Size of the data file. */
  readonly dataBytes: number;
  /** How many initializers stay in the archive. */
  readonly inPlace: number;
}

/** What `planWeights` needs to know of files. */
export interface PlanOptions {
  /** Location of the data file from the model's folder: `model.onnx.data`. */
  readonly dataName: string;
  /** For `in-place`: the archive's path as its source has it, and its location from the model's folder. */
  readonly archive?: { readonly path: string; readonly location: string };
  /** What `auto` inlines, by default `INLINE_LIMIT`. */
  readonly inlineLimit?: number;
  /** Initializers that are written; by default all of the graph. */
  readonly initializers?: ReadonlySet<OnnxValue>;
}

/**
 * Plans where each initializer goes. Tensors that share their bytes (tied weights) share their place.
 *
 * @throws {OptionError} for `in-place` without an archive
 */
export function planWeights(graph: OnnxGraph, mode: ExternalDataMode, options: PlanOptions): WeightPlan {
  const { archive, dataName, inlineLimit = INLINE_LIMIT } = options;
  if (mode === "in-place" && !archive) {
    throw new OptionError("Cannot leave weights in place: the program was not read from a file", {
      hint: 'Choose external data "always" instead',
    });
  }
  const movable = mode === "never" ? [] : movableWeights(graph, options.initializers ?? graph.initializers);
  if (mode === "auto" && distinctBytes(movable) <= inlineLimit) movable.length = 0;

  const external = new Map<OnnxValue, ExternalLocation>();
  const copies: WeightCopy[] = [];
  const placed = new Contents<ExternalLocation>();
  let dataBytes = 0;
  let inPlace = 0;
  for (const value of movable) {
    const tensor = value.initializer!;
    const length = tensor.byteLength;
    const range = archive && mode === "in-place" && !tensor.storage.bytes ? tensor.byteRange : null;
    const root = range && rootRange(range);
    if (archive && root?.source.path === archive.path) {
      external.set(value, { location: archive.location, offset: root.offset, length });
      inPlace++;
      continue;
    }
    const location = placed.get(tensor, () => {
      const offset = Math.ceil(dataBytes / DATA_ALIGNMENT) * DATA_ALIGNMENT;
      copies.push({ tensor, name: value.name, offset });
      dataBytes = offset + length;
      return { location: dataName, offset, length };
    });
    external.set(value, location);
  }
  return { external, copies, dataBytes, inPlace };
}

/** Initializers that may lie outside the model file: the outermost graph's, for onnxruntime-web looks for no others. */
function movableWeights(graph: OnnxGraph, initializers: ReadonlySet<OnnxValue>): OnnxValue[] {
  const needed = new Set<OnnxValue>();
  for (const g of graphsOf(graph)) for (const node of g.nodes()) markShapeOperands(node, needed);
  return [...initializers].filter((value) =>
    value.initializer && value.initializer.byteLength >= INLINE_SIZE && !needed.has(value)
  );
}

/** The graph and all graphs in attributes of its nodes. */
function* graphsOf(graph: OnnxGraph): Generator<OnnxGraph> {
  yield graph;
  for (const node of graph.nodes()) for (const inner of node.subgraphs()) yield* graphsOf(inner);
}

/** Operands whose values decide the shape of a result, by operator of ONNX's domain. */
const SHAPE_OPERANDS: ReadonlyMap<string, readonly number[]> = new Map([
  ["AffineGrid", [1]],
  ["BlackmanWindow", [0]],
  ["CenterCropPad", [1]],
  ["Col2Im", [1, 2]],
  ["ConstantOfShape", [0]],
  ["CumSum", [1]],
  ["DFT", [1, 2]],
  ["Expand", [1]],
  ["HammingWindow", [0]],
  ["HannWindow", [0]],
  ["Loop", [0]],
  ["MaxUnpool", [2]],
  ["MelWeightMatrix", [0, 1, 2, 3, 4]],
  ["NonMaxSuppression", [2]],
  ["OneHot", [1]],
  ["Pad", [1, 3]],
  ["Range", [0, 1, 2]],
  ["ReduceL1", [1]],
  ["ReduceL2", [1]],
  ["ReduceLogSum", [1]],
  ["ReduceLogSumExp", [1]],
  ["ReduceMax", [1]],
  ["ReduceMean", [1]],
  ["ReduceMin", [1]],
  ["ReduceProd", [1]],
  ["ReduceSum", [1]],
  ["ReduceSumSquare", [1]],
  ["Reshape", [1]],
  ["Resize", [1, 2, 3]],
  ["STFT", [1, 3]],
  ["Slice", [1, 2, 3, 4]],
  ["Split", [1]],
  ["SplitToSequence", [1]],
  ["Squeeze", [1]],
  ["Tile", [1]],
  ["TopK", [1]],
  ["Trilu", [1]],
  ["Unsqueeze", [1]],
  ["Upsample", [1]],
]);

/** Operators through which shape inference follows values. */
const FOLLOWED: ReadonlySet<string> = new Set([
  "Add",
  "Cast",
  "Concat",
  "Div",
  "Gather",
  "Identity",
  "Max",
  "Min",
  "Mul",
  "Reshape",
  "Slice",
  "Squeeze",
  "Sub",
  "Unsqueeze",
]);

function markShapeOperands(node: OnnxNode, needed: Set<OnnxValue>): void {
  if (node.domain !== "") return;
  const pending: OnnxValue[] = [];
  for (const i of SHAPE_OPERANDS.get(node.opType) ?? []) {
    const value = node.inputs[i];
    if (value) pending.push(value);
  }
  const seen = new Set<OnnxValue>();
  for (let value = pending.pop(); value; value = pending.pop()) {
    if (seen.has(value) || needed.has(value)) continue;
    seen.add(value);
    if (value.initializer) {
      // A large table that sizes are looked up in is not itself followed.
      const { dtype, shape } = value.initializer;
      if (shape.length <= 1 && (isInt(dtype) || dtype.startsWith("float"))) needed.add(value);
    } else if (value.producer && value.producer.domain === "" && FOLLOWED.has(value.producer.opType)) {
      for (const input of value.producer.inputs) if (input) pending.push(input);
    }
  }
}

function distinctBytes(values: readonly OnnxValue[]): number {
  const seen = new Contents<true>();
  let total = 0;
  for (const value of values) {
    seen.get(value.initializer!, () => {
      total += value.initializer!.byteLength;
      return true;
    });
  }
  return total;
}

/** A map by the bytes that tensors stand for: two tensors over the same bytes are one key. */
class Contents<T> {
  readonly #byOwner = new Map<object, Map<string, T>>();

  get(tensor: Tensor, make: () => T): T {
    const [owner, key] = contentKey(tensor);
    let byKey = this.#byOwner.get(owner);
    if (!byKey) this.#byOwner.set(owner, byKey = new Map());
    let found = byKey.get(key);
    if (found === undefined) byKey.set(key, found = make());
    return found;
  }
}

function contentKey(tensor: Tensor): [owner: object, key: string] {
  const { storage, dtype, shape, strides, offset } = tensor;
  if (storage.bytes) {
    const layout = tensor.isContiguous ? tensor.byteLength : `${dtype} ${shape} ${strides}`;
    return [storage.bytes.buffer, `${storage.bytes.byteOffset} ${offset} ${layout}`];
  }
  const range = tensor.byteRange;
  if (range) {
    const root = rootRange(range);
    return [root.source, `${root.offset} ${root.length}`];
  }
  // Without a storage at rest, what `load` computes is the tensor's own.
  return storage.range ? [storage, `${dtype} ${shape} ${strides} ${offset}`] : [tensor, ""];
}

/**
 * The location of a file from a folder, as external data names it. Both paths must be absolute and free of links, as
 * `Deno.realPath` gives them.
 *
 * @throws {OptionError} when the file does not lie in the folder or below: runtimes refuse such models
 */
export function locationFrom(folder: string, path: string): string {
  const windows = /^([A-Za-z]:|\\\\)/.test(path);
  const separator = windows ? "\\" : "/";
  const base = folder.endsWith(separator) ? folder : folder + separator;
  if (!path.startsWith(base)) {
    throw new OptionError(
      `Cannot leave weights in place: ${path} does not lie in ${folder} or below, and runtimes refuse data elsewhere`,
      { hint: `Write the model to the archive's folder, or choose external data "always"` },
    );
  }
  const location = path.slice(base.length);
  return windows ? location.replaceAll("\\", "/") : location;
}

/**
 * Checks the location of external data that a model names: a relative path that does not leave the model's folder.
 *
 * @throws {RangeError} otherwise
 */
export function checkLocation(location: string): void {
  const parts = location.split(/[\\/]/);
  // A leading separator gives an empty first part; a colon is a drive, a stream or a URL.
  if (parts[0] === "" || /^[A-Za-z]:|^[a-z][a-z0-9+.-]*:\/\/|\0/i.test(location) || parts.includes("..")) {
    throw new RangeError(
      `Cannot read external data at ${JSON.stringify(location)}: it must be a relative path in the model's folder`,
    );
  }
}
