/** The functions by which pickles rebuild tensors, as static readers of their arguments. Nothing is called. */
import { type Json, JsonObject, parseJson } from "../io/json.ts";
import { Persistent, type PickleValue, PyDict, PyList, PyTuple, type Reduced } from "../io/pickle_values.ts";
import { type DType, itemsize } from "../tensor/dtype.ts";
import { scalarTypeDType } from "./dtypes.ts";
import { TorchDType, TorchStorage, TorchTensor } from "./values.ts";
import type { TorchValue } from "./values.ts";

/** What readers need from the conversion that they are part of. */
export interface Context {
  convert(value: PickleValue): TorchValue;
  /** The name of a global, or undefined for anything else. */
  nameOf(value: PickleValue): string | undefined;
  error(why: string): SyntaxError;
}

/**
 * Reads the arguments of one function. Undefined means that the call is legitimate but not understood: it becomes an opaque
 * record.
 */
type Rebuild = (args: readonly PickleValue[], context: Context) => TorchTensor | undefined;

/** No tensor of PyTorch's that can be iterated over has more dimensions. */
const MAX_RANK = 64;

const PLAIN = {
  requiresGrad: false,
  conj: false,
  neg: false,
  fake: false,
  littleEndian: true,
  isParameter: false,
};

const rebuildTensorV2: Rebuild = (args, context) => {
  checkCount("_rebuild_tensor_v2", args, 6, 7, context);
  const storage = storageOf(args[0], context);
  if (storage.dtype === null) {
    if (storage.type === "torch.storage.UntypedStorage") throw context.error("a tensor has no element type");
    return undefined;
  }
  return strided(storage, storage.dtype, args.slice(1, 5), args[6], context);
};

const rebuildTensorV3: Rebuild = (args, context) => {
  checkCount("_rebuild_tensor_v3", args, 7, 8, context);
  const storage = storageOf(args[0], context);
  const dtype = context.convert(args[6]);
  if (!(dtype instanceof TorchDType)) return undefined;
  return strided(storage, dtype.dtype, args.slice(1, 5), args[7], context);
};

const rebuildMetaTensor: Rebuild = (args, context) => {
  checkCount("_rebuild_meta_tensor_no_storage", args, 4, 4, context);
  const dtype = context.convert(args[0]);
  if (!(dtype instanceof TorchDType)) return undefined;
  const shape = naturals(args[1], "sizes", context);
  const strides = naturals(args[2], "strides", context);
  checkStrided(shape, strides, 0, undefined, context);
  const requiresGrad = flag(args[3], context);
  return new TorchTensor({
    ...PLAIN,
    dtype: dtype.dtype,
    shape,
    strides,
    offset: 0,
    storage: null,
    storageKey: "",
    device: "meta",
    requiresGrad,
    fake: true,
  });
};

const rebuildParameter: Rebuild = (args, context) => {
  checkCount("_rebuild_parameter", args, 3, 4, context);
  const data = context.convert(args[0]);
  if (!(data instanceof TorchTensor)) return undefined;
  return new TorchTensor({ ...data, requiresGrad: flag(args[1], context), isParameter: true });
};

/** A tensor with Python attributes: those are dropped. Subclasses of Tensor may mean anything and stay opaque. */
const rebuildFromType: Rebuild = (args, context) => {
  checkCount("_rebuild_from_type_v2", args, 4, 4, context);
  const type = context.nameOf(args[1]);
  const rebuild = REBUILDS.get(context.nameOf(args[0]) ?? "");
  const isPlain = type === "torch.Tensor" || type === "torch.nn.parameter.Parameter";
  if (!isPlain || rebuild === undefined || rebuild === rebuildFromType) return undefined;
  if (!(args[2] instanceof PyTuple)) throw context.error("a tensor is rebuilt from no tuple of arguments");
  return rebuild(args[2].items, context);
};

const reconstructFakeTensor: Rebuild = (args, context) => {
  checkCount("_reconstruct_fake_tensor", args, 2, 2, context);
  const bytes = context.convert(args[0]);
  if (!(bytes instanceof Uint8Array)) throw context.error("a fake tensor is not described by bytes");
  const meta = parseJson(new TextDecoder().decode(bytes), { maxDepth: 16, name: "the description of a fake tensor" });
  if (!(meta instanceof JsonObject)) throw context.error("a fake tensor is not described by an object");
  const code = meta.get("dtype");
  const dtype = typeof code === "number" ? scalarTypeDType(code) : undefined;
  const shape = jsonSizes(meta.get("sizes"));
  const strides = jsonSizes(meta.get("strides"));
  const offset = jsonSize(meta.get("storage_offset") ?? 0);
  if (dtype === undefined || shape === undefined || strides === undefined || offset === undefined) return undefined;
  checkStrided(shape, strides, offset, undefined, context);
  const isParameter = flag(args[1], context);
  const device = meta.get("device");
  const deviceType = device instanceof JsonObject ? device.get("type") : undefined;
  const deviceIndex = device instanceof JsonObject ? device.get("index") : undefined;
  const name = typeof deviceType === "string" ? deviceType : "cpu";
  return new TorchTensor({
    ...PLAIN,
    dtype,
    shape,
    strides,
    offset,
    storage: null,
    storageKey: "",
    device: typeof deviceIndex === "number" ? `${name}:${deviceIndex}` : name,
    requiresGrad: meta.get("requires_grad") === true,
    fake: true,
    isParameter,
  });
};

/** The functions that are understood. */
const REBUILDS: ReadonlyMap<string, Rebuild> = new Map([
  ["torch._utils._rebuild_tensor_v2", rebuildTensorV2],
  ["torch._utils._rebuild_tensor_v3", rebuildTensorV3],
  ["torch._utils._rebuild_parameter", rebuildParameter],
  ["torch._utils._rebuild_parameter_with_state", rebuildParameter],
  ["torch._utils._rebuild_meta_tensor_no_storage", rebuildMetaTensor],
  ["torch._tensor._rebuild_from_type_v2", rebuildFromType],
  ["torch._export.serde.serialize._reconstruct_fake_tensor", reconstructFakeTensor],
]);

/**
 * The tensor that a call would rebuild, or undefined if the function is not known or its arguments mean something that is
 * not supported.
 *
 * @throws {SyntaxError} if the arguments are not what PyTorch writes, or reach outside their storage
 */
export function rebuildTensor(call: Reduced, context: Context): TorchTensor | undefined {
  const rebuild = REBUILDS.get(context.nameOf(call.callable) ?? "");
  return call.isNew ? undefined : rebuild?.(call.args.items, context);
}

function checkCount(name: string, args: readonly PickleValue[], min: number, max: number, context: Context): void {
  if (args.length < min || args.length > max) throw context.error(`${name} has ${args.length} arguments`);
}

function storageOf(value: PickleValue, context: Context): TorchStorage {
  const storage = value instanceof Persistent ? context.convert(value) : undefined;
  if (!(storage instanceof TorchStorage)) throw context.error("a tensor has no storage");
  return storage;
}

/** `fields`: offset, size, stride, requires_grad. */
function strided(
  storage: TorchStorage,
  dtype: DType,
  fields: readonly PickleValue[],
  meta: PickleValue | undefined,
  context: Context,
): TorchTensor {
  const offset = natural(fields[0], "offset", context);
  const shape = naturals(fields[1], "sizes", context);
  const strides = naturals(fields[2], "strides", context);
  const { range, key, device, littleEndian } = storage;
  checkStrided(shape, strides, offset, Math.floor(range.length / itemsize(dtype)), context);
  return new TorchTensor({
    ...PLAIN,
    ...lazyFlags(meta, context),
    dtype,
    shape,
    strides,
    offset,
    storage: range,
    storageKey: key,
    device,
    littleEndian,
    requiresGrad: flag(fields[3], context),
  });
}

/** Conjugation and negation that were not yet carried out. Other marks could change the meaning of the elements. */
function lazyFlags(meta: PickleValue | undefined, context: Context): { conj: boolean; neg: boolean } {
  const flags = { conj: false, neg: false };
  if (meta === undefined || meta === null) return flags;
  if (!(meta instanceof PyDict)) throw context.error("the marks of a tensor are no dict");
  for (const [key, value] of meta) {
    if (key === "conj" || key === "neg") flags[key] = flag(value, context);
    else throw context.error(`a tensor has the unknown mark ${JSON.stringify(String(key).slice(0, 100))}`);
  }
  return flags;
}

function flag(value: PickleValue, context: Context): boolean {
  if (typeof value !== "boolean") throw context.error("a flag of a tensor is no bool");
  return value;
}

function natural(value: unknown, what: string, context: Context): number {
  if (typeof value !== "number" || value < 0) {
    throw context.error(`the ${what} of a tensor must be non-negative integers`);
  }
  return value;
}

/** A tuple of sizes; `torch.Size` is a call around one. */
function naturals(value: PickleValue, what: string, context: Context): number[] {
  const list = context.convert(value);
  if (!(list instanceof PyTuple || list instanceof PyList)) throw context.error(`the ${what} of a tensor are no tuple`);
  return Array.from<unknown, number>(list.items, (item) => natural(item, what, context));
}

/**
 * Checks that all elements lie inside a storage of `capacity` elements (undefined: there is none). Rounding can't hide an
 * excess: sums of non-negative numbers only grow, and capacities are exact.
 */
function checkStrided(
  shape: readonly number[],
  strides: readonly number[],
  offset: number,
  capacity: number | undefined,
  context: Context,
): void {
  if (shape.length !== strides.length) {
    throw context.error(`a tensor has ${shape.length} sizes but ${strides.length} strides`);
  }
  if (shape.length > MAX_RANK) {
    throw context.error(`a tensor has ${shape.length} dimensions, at most ${MAX_RANK} are allowed`);
  }
  if (shape.includes(0)) return;
  const numel = shape.reduce((product, size) => product * size, 1);
  if (!Number.isSafeInteger(numel)) {
    throw context.error(`a tensor of shape [${shape.join(", ")}] has too many elements`);
  }
  const last = shape.reduce((sum, size, i) => sum + (size - 1) * strides[i], offset);
  if (capacity !== undefined && !(last < capacity)) {
    throw context.error(
      `a tensor of shape [${shape.join(", ")}], strides [${strides.join(", ")}] and offset ${offset} reaches outside ` +
        `its storage of ${capacity} elements`,
    );
  }
}

/** Sizes of a fake tensor; undefined if one is symbolic. */
function jsonSizes(value: Json | undefined): number[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const sizes = value.map(jsonSize);
  return sizes.every((size) => size !== undefined) ? sizes : undefined;
}

function jsonSize(value: Json): number | undefined {
  const size = value instanceof JsonObject ? value.get("as_int") : value;
  return typeof size === "number" && size >= 0 ? size : undefined;
}
