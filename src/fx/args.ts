/**
 * What an FX node can be called with. Numbers keep their kind: a bigint is an int, a number is a float (1 and 1.0 promote
 * differently); dtypes, devices, layouts and memory formats are tagged so that they can't be taken for strings.
 */
import type { Sym } from "../sym/mod.ts";
import type { DType } from "../tensor/mod.ts";
import type { FxGraph, FxValue } from "./graph.ts";

/** A Python complex number. */
export class Complex {
  /** The real part. */
  readonly re: number;
  /** The imaginary part. */
  readonly im: number;

  /** A complex number of its parts. */
  constructor(re: number, im: number) {
    this.re = re;
    this.im = im;
  }
}

/** A Python number: bigint is an int, number is a float, `Sym` is a symbolic int, float or bool. */
export type Scalar = bigint | number | boolean | Complex | Sym;

/** `torch.float32` as an argument. */
export class DTypeArg {
  /** The dtype it names. */
  readonly dtype: DType;

  /** The argument that names a dtype. */
  constructor(dtype: DType) {
    this.dtype = dtype;
  }
}

/** `torch.device(type, index)`. */
export class DeviceArg {
  /** `cpu`, `cuda`, `meta`, …. */
  readonly type: string;
  /** Which of several; null where it is not said. */
  readonly index: number | null;

  /** The argument that names a device. */
  constructor(type: string, index: number | null = null) {
    this.type = type;
    this.index = index;
  }
}

/** `torch.strided` and its like. */
export class LayoutArg {
  /** Without `torch.`: `strided`. */
  readonly name: string;

  /** The argument that names a layout. */
  constructor(name: string) {
    this.name = name;
  }
}

/** `torch.contiguous_format` and its like. */
export class MemoryFormatArg {
  /** Without `torch.`: `contiguous_format`. */
  readonly name: string;

  /** The argument that names a memory format. */
  constructor(name: string) {
    this.name = name;
  }
}

/** An operator given as an argument of a higher-order operator: `torch.ops.aten.mm.default`. */
export class OperatorArg {
  /** As a node's target is written. */
  readonly target: string;

  /** The argument that names an operator. */
  constructor(target: string) {
    this.target = target;
  }
}

/** A custom (TorchBind or opaque) object that is a constant of the program. */
export class CustomObjectArg {
  /** Its name among the program's constants. */
  readonly name: string;
  /** Its class as PyTorch registers it. */
  readonly className: string;

  /** The argument that stands for an object. */
  constructor(name: string, className: string) {
    this.name = name;
    this.className = className;
  }
}

/** An argument as written on a node. */
export type FxArg =
  | FxValue
  | FxGraph
  | bigint
  | number
  | boolean
  | Complex
  | string
  | null
  | DTypeArg
  | DeviceArg
  | LayoutArg
  | MemoryFormatArg
  | OperatorArg
  | CustomObjectArg
  | readonly FxArg[]
  | ReadonlyMap<string, FxArg>;
