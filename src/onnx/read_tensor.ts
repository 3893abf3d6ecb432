/**
 * Tensors of ONNX files: raw data, the typed fields of other writers, and external data, which stays a range of its file
 * until it is loaded. Every size and location is checked, since a model can come from anywhere.
 */
import { byteRange, type Source } from "../io/source.ts";
import type { TensorProto } from "../proto/onnx_pb.ts";
import {
  type Data,
  type DType,
  elementCount,
  isComplex,
  isInt,
  itemsize,
  newData,
  Storage,
  Tensor,
} from "../tensor/mod.ts";
import { dtypeOfOnnx } from "./dtypes.ts";
import { checkLocation } from "./external_data.ts";
import { DATA_LOCATION_EXTERNAL } from "./fields.ts";

/** Gives the file at a location, which was checked to be a relative path in the model's folder. */
export type ExternalDataReader = (location: string) => Source | Promise<Source>;

/** Reads tensors of one model. Each external file is asked for once. */
export class TensorReader {
  readonly #open: ExternalDataReader | null;
  readonly #files = new Map<string, Promise<Source>>();

  constructor(open: ExternalDataReader | null) {
    this.#open = open;
  }

  /** @throws {RangeError} saying what is wrong with the tensor */
  async read(proto: TensorProto): Promise<Tensor> {
    const dtype = dtypeOfOnnx(proto.dataType);
    const shape = proto.dims.map((size) => {
      const n = Number(size);
      if (!Number.isSafeInteger(n) || n < 0) throw new RangeError(`a dimension has size ${size}`);
      return n;
    });
    const byteLength = elementCount(shape) * itemsize(dtype);
    if (!Number.isSafeInteger(byteLength)) throw new RangeError(`its shape [${shape.join(", ")}] is too large`);
    if (proto.segment) throw new RangeError("it is a segment of a larger tensor, which is not supported");
    if (proto.dataLocation === DATA_LOCATION_EXTERNAL) {
      return new Tensor(dtype, shape, await this.#external(proto, byteLength));
    }
    if (proto.rawData.byteLength > 0 || byteLength === 0) {
      if (proto.rawData.byteLength !== byteLength) {
        throw new RangeError(`it has ${proto.rawData.byteLength} bytes instead of ${byteLength}`);
      }
      return new Tensor(dtype, shape, Storage.of(proto.rawData));
    }
    return fromFields(proto, dtype, shape);
  }

  async #external(proto: TensorProto, byteLength: number): Promise<Storage> {
    const entries = new Map<string, string>();
    for (const { key, value } of proto.externalData) {
      if (entries.has(key)) throw new RangeError(`its external data gives ${key} twice`);
      entries.set(key, value);
    }
    const location = entries.get("location");
    if (location === undefined) throw new RangeError("its external data has no location");
    checkLocation(location);
    const number = (key: string): number | null => {
      const text = entries.get(key);
      if (text === undefined) return null;
      const n = Number(text);
      if (!/^[0-9]{1,16}$/.test(text) || !Number.isSafeInteger(n)) {
        throw new RangeError(`its external data has ${key} ${JSON.stringify(text)}`);
      }
      return n;
    };
    const offset = number("offset") ?? 0;
    const length = number("length") ?? byteLength;
    if (length !== byteLength) throw new RangeError(`it has ${length} bytes of external data instead of ${byteLength}`);
    if (!this.#open) return Storage.missing(byteLength);
    let file = this.#files.get(location);
    if (!file) this.#files.set(location, file = Promise.resolve(this.#open(location)));
    return Storage.lazy(byteRange(await file, offset, length));
  }
}

/** Which field holds elements of a dtype where `raw_data` doesn't. */
function fieldOf(proto: TensorProto, dtype: DType): readonly (number | bigint)[] {
  switch (dtype) {
    case "float32":
    case "complex64":
      return proto.floatData;
    case "float64":
    case "complex128":
      return proto.doubleData;
    case "int64":
      return proto.int64Data;
    case "uint32":
    case "uint64":
      return proto.uint64Data;
    default:
      return proto.int32Data;
  }
}

function fromFields(proto: TensorProto, dtype: DType, shape: readonly number[]): Tensor {
  const values = fieldOf(proto, dtype);
  const count = elementCount(shape) * (isComplex(dtype) ? 2 : 1);
  if (values.length !== count) throw new RangeError(`it has ${values.length} values instead of ${count}`);
  // Narrow floats are given as their bit patterns.
  const narrow = !isInt(dtype) && dtype !== "bool" && itemsize(dtype) <= 2;
  const data = newData(narrow ? itemsize(dtype) === 2 ? "uint16" : "uint8" : dtype, count);
  fill(data, values, dtype);
  return new Tensor(dtype, shape, Storage.of(new Uint8Array(data.buffer)));
}

function fill(data: Data, values: readonly (number | bigint)[], dtype: DType): void {
  const floats = data instanceof Float32Array || data instanceof Float64Array;
  for (let i = 0; i < data.length; i++) {
    const value = data instanceof BigInt64Array || data instanceof BigUint64Array
      ? BigInt(values[i])
      : Number(values[i]);
    data[i] = value;
    if (!floats && data[i] !== value) throw new RangeError(`its value ${value} does not fit ${dtype}`);
  }
}
