/**
 * What a `torch.save` file holds, as inert data: tensors that refer to their storages at rest, Python's containers, and
 * records of the objects that nobody here knows.
 */
import type { Global, PyDict, PyFloat, PyList, PySet, PyTuple } from "../io/pickle_values.ts";
import type { ByteRange } from "../io/source.ts";
import type { DType } from "../tensor/dtype.ts";

/** A value of a `torch.save` file. Ints are numbers where exact, else bigints; None is null. */
export type TorchValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PyFloat
  | PyComplex
  | PyTuple<TorchValue>
  | PyList<TorchValue>
  | PyDict<TorchValue>
  | PySet<TorchValue>
  | TorchTensor
  | TorchStorage
  | TorchDType
  | TorchDevice
  | Global
  | Opaque;

/** A tensor. Its elements are not read; sizes, strides and offset have been checked to lie inside the storage. */
export interface TorchTensorFields {
  /** PyTorch's name without `torch.`. */
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** In elements. */
  readonly strides: readonly number[];
  /** Of the first element, in elements. */
  readonly offset: number;
  /** The bytes; tensors that share a storage have the same object. Null if there are none (`fake`). */
  readonly storage: ByteRange | null;
  /** The storage's name in the file; empty if there is none. */
  readonly storageKey: string;
  /** As PyTorch writes it: `"cpu"`, `"cuda:0"`, `"meta"`. */
  readonly device: string;
  readonly requiresGrad: boolean;
  /** Whether the elements are the conjugates of what is stored. */
  readonly conj: boolean;
  /** Whether the elements are the negatives of what is stored. */
  readonly neg: boolean;
  /** Whether only the shape was saved. */
  readonly fake: boolean;
  /** False if elements of more than one byte are stored big-endian. */
  readonly littleEndian: boolean;
  /** Whether it was an `nn.Parameter`. */
  readonly isParameter: boolean;
}

/** A tensor of a `torch.save` file. One that occurs in several places is the same object in each. */
export class TorchTensor implements TorchTensorFields {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
  readonly storage: ByteRange | null;
  readonly storageKey: string;
  readonly device: string;
  readonly requiresGrad: boolean;
  readonly conj: boolean;
  readonly neg: boolean;
  readonly fake: boolean;
  readonly littleEndian: boolean;
  readonly isParameter: boolean;

  constructor(fields: TorchTensorFields) {
    this.dtype = fields.dtype;
    this.shape = fields.shape;
    this.strides = fields.strides;
    this.offset = fields.offset;
    this.storage = fields.storage;
    this.storageKey = fields.storageKey;
    this.device = fields.device;
    this.requiresGrad = fields.requiresGrad;
    this.conj = fields.conj;
    this.neg = fields.neg;
    this.fake = fields.fake;
    this.littleEndian = fields.littleEndian;
    this.isParameter = fields.isParameter;
  }
}

/** A storage, usually seen through the tensors over it. */
export class TorchStorage {
  /** The storage's name in the file. */
  readonly key: string;
  /** The class it was saved as: `"torch.FloatStorage"`, `"torch.storage.UntypedStorage"`. */
  readonly type: string;
  /** The element type; null if it is untyped or of a type that is not supported. */
  readonly dtype: DType | null;
  readonly device: string;
  readonly range: ByteRange;
  /** False if elements of more than one byte are stored big-endian. */
  readonly littleEndian: boolean;

  constructor(fields: {
    readonly key: string;
    readonly type: string;
    readonly dtype: DType | null;
    readonly device: string;
    readonly range: ByteRange;
    readonly littleEndian: boolean;
  }) {
    this.key = fields.key;
    this.type = fields.type;
    this.dtype = fields.dtype;
    this.device = fields.device;
    this.range = fields.range;
    this.littleEndian = fields.littleEndian;
  }
}

/** A `torch.dtype` as a value. */
export class TorchDType {
  readonly dtype: DType;

  constructor(dtype: DType) {
    this.dtype = dtype;
  }
}

/** A `torch.device` as a value: `"cpu"`, `"cuda:0"`. */
export class TorchDevice {
  readonly device: string;

  constructor(device: string) {
    this.device = device;
  }
}

/** A `complex` number. */
export class PyComplex {
  readonly real: number;
  readonly imag: number;

  constructor(real: number, imag: number) {
    this.real = real;
    this.imag = imag;
  }
}

/**
 * An object of a class, or the result of a function, that is not known here: a named tuple, a dataclass, a cache, a
 * sparse tensor. It records how Python would have made it.
 */
export class Opaque {
  /** The class or function: `"my.module.Point"`. Python 2's module names are replaced by Python 3's. */
  readonly type: string;
  readonly args: readonly TorchValue[];
  /** Keyword arguments, if any. */
  readonly kwargs: TorchValue | undefined;
  /** Whether `type` is a class that was to be instantiated without `__init__`. */
  readonly isNew: boolean;
  /** What was appended or added. */
  readonly items: readonly TorchValue[];
  /** Keys that were set. */
  readonly dict: PyDict<TorchValue>;
  /** What was given to `__setstate__` or merged into `__dict__`. */
  readonly states: readonly TorchValue[];

  constructor(fields: {
    readonly type: string;
    readonly args: readonly TorchValue[];
    readonly kwargs: TorchValue | undefined;
    readonly isNew: boolean;
    readonly items: readonly TorchValue[];
    readonly dict: PyDict<TorchValue>;
    readonly states: readonly TorchValue[];
  }) {
    this.type = fields.type;
    this.args = fields.args;
    this.kwargs = fields.kwargs;
    this.isNew = fields.isNew;
    this.items = fields.items;
    this.dict = fields.dict;
    this.states = fields.states;
  }
}
