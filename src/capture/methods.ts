/**
 * The methods of tensors that no schema describes: sizes, values, conversions, and those whose arguments PyTorch's own parser
 * treats apart.
 */
import { prod } from "../sym/mod.ts";
import { FxValue } from "../fx/mod.ts";
import {
  contiguousStrides,
  type Data,
  type DType,
  isBigData,
  isComplex,
  isContiguous,
  isDType,
  itemsize,
  type Tensor as CoreTensor,
} from "../tensor/mod.ts";
import { currentTracer } from "../trace/context.ts";
import { concrete, TensorBase, type TensorValue } from "./base.ts";
import type { TensorData } from "./data.ts";
import { execute } from "./execute.ts";
import { getItem, type Index, setItem } from "./indexing.ts";
import { overloadsOf, show } from "./overloads.ts";
import { formatTensor } from "./print_tensor.ts";
import { fromDim } from "./symbolic.ts";
import type { Tensor } from "./tensor.ts";

/** Several tensors, each of which has a name too: `x.max(1).values` is `x.max(1)[0]`. */
export type Named<N extends string> = Omit<readonly Tensor[], N> & { readonly [K in N]: Tensor };

/** A number, or numbers in lists, as a tensor's values are given and taken. */
export type Nested = number | bigint | boolean | readonly Nested[];

/** How a tensor is converted. */
export interface ToOptions {
  /** Type of the elements. */
  readonly dtype?: DType;
  /** Where they are kept: `cpu`, as all tensors here. */
  readonly device?: string;
  /** Whether a tensor that needs no conversion is copied too. */
  readonly copy?: boolean;
}

/** How distinct values are looked for. */
export interface UniqueOptions {
  /** PyTorch sorts in any case. */
  readonly sorted?: boolean;
  /** Whether the place of each element among the distinct ones is returned too. */
  readonly returnInverse?: boolean;
  /** Whether the number of each is returned too. */
  readonly returnCounts?: boolean;
  /** The dim along which slices are compared; all elements where there is none. */
  readonly dim?: number | null;
}

/** Tensors' hand-written methods. */
export abstract class TensorMethods extends TensorBase {
  /**
   * A tensor for a value.
   *
   * @internal
   */
  protected abstract wrap(value: TensorValue): Tensor;

  /**
   * Calls the first of some operators that the arguments fit, this tensor being the first of them.
   *
   * @internal
   */
  invoke(name: string, operators: string, args: readonly unknown[]): unknown {
    return execute(overloadsOf(name, operators, true), [this, ...args], (value) => this.wrap(value));
  }

  /**
   * Calls a function, which this tensor is no argument of.
   *
   * @internal
   */
  call(name: string, operators: string, args: readonly unknown[]): unknown {
    return execute(overloadsOf(name, operators, false), args, (value) => this.wrap(value));
  }

  /**
   * A tensor of its own for concrete values.
   *
   * @internal
   */
  constant(value: CoreTensor): Tensor {
    return this.wrap(value);
  }

  /**
   * Python's `x[…]`: numbers, slices, `null` for a new dim, `"..."`, tensors and lists of places, masks, or Python's notation in
   * a string. https://docs.pytorch.org/docs/stable/tensors.html#initializing-and-basic-operations
   *
   * @example
   * ```ts
   * import { slice, torch } from "@fx2onnx/fx2onnx/torch";
   *
   * const x = torch.arange(24).reshape(2, 3, 4);
   * x.at(0, slice(1, 3)); // x[0, 1:3]
   * x.at("..., -1"); // x[..., -1]
   * x.at(null, x.sum({ dim: [1, 2] }).gt(100)); // x[None, x.sum((1, 2)) > 100]
   * ```
   */
  at(...indices: Index[]): Tensor {
    return getItem(this, indices);
  }

  /**
   * Python's `x[…] = value`, with the indices in a list, or one of them.
   *
   * @example
   * ```ts
   * import { slice, torch } from "@fx2onnx/fx2onnx/torch";
   *
   * const x = torch.zeros(2, 3);
   * x.set([0, slice(1, null)], 5); // x[0, 1:] = 5
   * x.set("1", torch.ones(3)); // x[1] = torch.ones(3)
   * ```
   */
  set(indices: Exclude<Index, readonly TensorData[]> | readonly Index[], value: Tensor | TensorData): this {
    setItem(this, Array.isArray(indices) ? indices : [indices as Index], value);
    return this;
  }

  /** Number of dims. https://docs.pytorch.org/docs/stable/generated/torch.Tensor.dim.html */
  dim(): number {
    return this.ndim;
  }

  /** As {@linkcode dim}. */
  ndimension(): number {
    return this.ndim;
  }

  /** All sizes. https://docs.pytorch.org/docs/stable/generated/torch.Tensor.size.html */
  size(): readonly number[];
  /** The size of one dim. */
  size(dim: number): number;
  size(dim?: number): number | readonly number[] {
    const { shape } = this;
    if (dim === undefined) return shape;
    const size = shape.at(dim);
    if (size === undefined) throw new RangeError(`size: a tensor of ${shape.length} dims has no dim ${dim}`);
    return size;
  }

  /** Steps between the elements of each dim, in elements. https://docs.pytorch.org/docs/stable/generated/torch.Tensor.stride.html */
  stride(): readonly number[];
  /** The step of one dim. */
  stride(dim: number): number;
  stride(dim?: number): number | readonly number[] {
    const strides = (this.meta.strides ?? contiguousStrides(this.meta.shape)).map(fromDim);
    if (dim === undefined) return strides;
    const stride = strides.at(dim);
    if (stride === undefined) throw new RangeError(`stride: a tensor of ${strides.length} dims has no dim ${dim}`);
    return stride;
  }

  /** The place of the first element in memory, in elements. https://docs.pytorch.org/docs/stable/generated/torch.Tensor.storage_offset.html */
  storageOffset(): number {
    return concrete(this, "storageOffset").offset;
  }

  /** Number of elements. https://docs.pytorch.org/docs/stable/generated/torch.Tensor.numel.html */
  numel(): number {
    return fromDim(prod(this.meta.shape));
  }

  /** As {@linkcode numel}. */
  nelement(): number {
    return this.numel();
  }

  /** Bytes of an element. https://docs.pytorch.org/docs/stable/generated/torch.Tensor.element_size.html */
  elementSize(): number {
    return itemsize(this.dtype);
  }

  /** Bytes of an element. https://docs.pytorch.org/docs/stable/generated/torch.Tensor.itemsize.html */
  get itemsize(): number {
    return itemsize(this.dtype);
  }

  /** Bytes of all elements. https://docs.pytorch.org/docs/stable/generated/torch.Tensor.nbytes.html */
  get nbytes(): number {
    return this.numel() * this.itemsize;
  }

  /** Whether the elements lie in row-major order. https://docs.pytorch.org/docs/stable/generated/torch.Tensor.is_contiguous.html */
  isContiguous(): boolean {
    return isContiguous(this.meta);
  }

  /**
   * The only element: a number, of a bool tensor true or false. While a program is captured it is not known, but may be used
   * as a size or number. https://docs.pytorch.org/docs/stable/generated/torch.Tensor.item.html
   */
  item(): number {
    if (currentTracer()) return this.invoke("item", "item", []) as number;
    const tensor = concrete(this, "item");
    if (tensor.numel !== 1) {
      throw new RangeError(`item: only a tensor of one element has an item, met ${show(this)}`);
    }
    if (isComplex(tensor.dtype)) throw new TypeError("item: a complex number is no JavaScript number: take data()");
    const value = tensor.item();
    // To TypeScript every item is a number: bools are met where conditions are.
    if (tensor.dtype === "bool") return (value !== 0) as unknown as number;
    const number = Number(value);
    if (typeof value === "bigint" && BigInt(number) !== value) {
      throw new RangeError(`item: ${value} is too large for a number: take data()`);
    }
    return number;
  }

  /** The elements in row-major order: bigints of int64 and uint64, real and imaginary parts in turn of complex ones. */
  data(): Data {
    return concrete(this, "data").data().slice();
  }

  /** The elements in nested lists. https://docs.pytorch.org/docs/stable/generated/torch.Tensor.tolist.html */
  tolist(): Nested {
    const { dtype, shape } = concrete(this, "tolist");
    if (isComplex(dtype)) throw new TypeError("tolist: complex numbers are no JavaScript numbers: take data()");
    const data = this.data();
    const element = (i: number): Nested => {
      if (dtype === "bool") return data[i] !== 0;
      if (!isBigData(data)) return data[i];
      const number = Number(data[i]);
      return BigInt(number) === data[i] ? number : data[i];
    };
    const nest = (d: number, at: number): Nested => {
      if (d === shape.length) return element(at);
      const step = shape.slice(d + 1).reduce((a, b) => a * b, 1);
      return Array.from({ length: shape[d] }, (_, i) => nest(d + 1, at + i * step));
    };
    return nest(0, 0);
  }

  /** The same tensor with its elements in memory, if they are still in a file. */
  async load(): Promise<this> {
    const { value } = this;
    if ("load" in value && !value.isLoaded) this.value = await value.load();
    return this;
  }

  /** Where the elements are kept. */
  get device(): string {
    return "cpu";
  }

  /** The tensor in another dtype. https://docs.pytorch.org/docs/stable/generated/torch.Tensor.to.html */
  to(dtype: DType, options?: ToOptions): Tensor;
  /** On a device, of which there is one: `cpu`. */
  to(device: string, dtype?: DType, options?: ToOptions): Tensor;
  /** In the dtype of another tensor. */
  to(other: Tensor, options?: ToOptions): Tensor;
  /** As the options say. */
  to(options: ToOptions): Tensor;
  to(...args: unknown[]): Tensor {
    const last = args.at(-1);
    const hasOptions = typeof last === "object" && last !== null && !(last instanceof TensorBase);
    const { copy = false, ...options } = hasOptions ? last as ToOptions : {};
    const given = hasOptions ? args.slice(0, -1) : args;
    const [first, second = options.dtype] = given;
    if (first instanceof TensorBase) return this.convert("cpu", first.dtype, copy);
    if (typeof first === "string" && isDType(first)) return this.convert(options.device ?? null, first, copy);
    const device = (first ?? options.device ?? null) as string | null;
    return this.convert(device, (second ?? null) as DType | null, copy);
  }

  /** @internal */
  private convert(device: string | null, dtype: DType | null, copy: boolean): Tensor {
    if (device !== null && !/^cpu(:0)?$/.test(device)) {
      throw new RangeError(`to: tensors are kept on the cpu, there is no device ${show(device)}`);
    }
    if (dtype !== null && !isDType(dtype)) throw new TypeError(`to: there is no dtype ${show(dtype)}`);
    const given = copy ? { copy } : {};
    if (currentTracer()) {
      // PyTorch records what it takes for granted of what is converted.
      const options = { dtype: this.dtype, device: "cpu", layout: "strided" };
      this.invoke("to", "_assert_tensor_metadata", [options]);
    }
    if (dtype === null) {
      const options = { dtype: this.dtype, layout: "strided", device: device ?? "cpu", ...given };
      return this.invoke("to", "to.dtype_layout", [options]) as Tensor;
    }
    return device === null
      ? this.invoke("to", "to.dtype", [dtype, given]) as Tensor
      : this.invoke("to", "to.device", [device, dtype, given]) as Tensor;
  }

  /** The tensor on the cpu, where it is. https://docs.pytorch.org/docs/stable/generated/torch.Tensor.cpu.html */
  cpu(): Tensor {
    return this.to("cpu");
  }

  /** The tensor in another dtype. https://docs.pytorch.org/docs/stable/generated/torch.Tensor.type.html */
  type(dtype: DType): Tensor {
    return this.to(dtype);
  }

  /** The tensor in float32. */
  float(): Tensor {
    return this.to("float32");
  }

  /** The tensor in float64. */
  double(): Tensor {
    return this.to("float64");
  }

  /** The tensor in float16. */
  half(): Tensor {
    return this.to("float16");
  }

  /** The tensor in bfloat16. */
  bfloat16(): Tensor {
    return this.to("bfloat16");
  }

  /** The tensor in int64. */
  long(): Tensor {
    return this.to("int64");
  }

  /** The tensor in int32. */
  int(): Tensor {
    return this.to("int32");
  }

  /** The tensor in int16. */
  short(): Tensor {
    return this.to("int16");
  }

  /** The tensor in int8. */
  char(): Tensor {
    return this.to("int8");
  }

  /** The tensor in uint8. */
  byte(): Tensor {
    return this.to("uint8");
  }

  /** The tensor in bool: whether elements are not 0. */
  bool(): Tensor {
    return this.to("bool");
  }

  /** The tensor in complex64. */
  cfloat(): Tensor {
    return this.to("complex64");
  }

  /** The tensor in complex128. */
  cdouble(): Tensor {
    return this.to("complex128");
  }

  /** The tensor itself if its elements lie in row-major order, else a copy. https://docs.pytorch.org/docs/stable/generated/torch.Tensor.contiguous.html */
  contiguous(options: { memoryFormat?: string } = {}): Tensor {
    const format = options.memoryFormat ?? "contiguous_format";
    const isPlain = format === "contiguous_format";
    // PyTorch's binding answers this itself where there is nothing to do. Strides of what a graph computes are not followed.
    const isKnown = !(this.value instanceof FxValue) || this.value.producer === null;
    if (isPlain && isKnown && this.isContiguous()) return this as unknown as Tensor;
    return this.invoke("contiguous", "contiguous", isPlain ? [] : [{ memoryFormat: format }]) as Tensor;
  }

  /** Copies the elements of another tensor, broadcast and in this dtype, in place. https://docs.pytorch.org/docs/stable/generated/torch.Tensor.copy_.html */
  copy_(src: Tensor): this {
    return this.invoke("copy_", "copy_", [src]) as this;
  }

  /** The dims in reverse order. https://docs.pytorch.org/docs/stable/tensors.html#torch.Tensor.T */
  get T(): Tensor {
    return this.invoke("T", "numpy_T", []) as Tensor;
  }

  /** The last two dims exchanged. https://docs.pytorch.org/docs/stable/tensors.html#torch.Tensor.mT */
  get mT(): Tensor {
    return this.invoke("mT", "mT", []) as Tensor;
  }

  /** The conjugate of a matrix with its dims exchanged. https://docs.pytorch.org/docs/stable/tensors.html#torch.Tensor.H */
  get H(): Tensor {
    return this.invoke("H", "matrix_H", []) as Tensor;
  }

  /** The conjugate with its last two dims exchanged. https://docs.pytorch.org/docs/stable/tensors.html#torch.Tensor.mH */
  get mH(): Tensor {
    return this.invoke("mH", "mH", []) as Tensor;
  }

  /** The real parts, as a view. https://docs.pytorch.org/docs/stable/generated/torch.Tensor.real.html */
  get real(): Tensor {
    return this.invoke("real", "real", []) as Tensor;
  }

  /** The imaginary parts, as a view. https://docs.pytorch.org/docs/stable/generated/torch.Tensor.imag.html */
  get imag(): Tensor {
    return this.invoke("imag", "imag", []) as Tensor;
  }

  /** Says that gradients are wanted, which are not computed here: it is noted, and lost by the next operator. */
  requiresGrad_(requiresGrad = true): this {
    this.requiresGrad = requiresGrad;
    return this;
  }

  /** Parts of a size, or of several sizes, along a dim. https://docs.pytorch.org/docs/stable/generated/torch.split.html */
  split(splitSize: number | readonly number[], dim?: number): Tensor[];
  /** By name. */
  split(splitSize: number | readonly number[], options: { dim?: number }): Tensor[];
  split(splitSize: number | readonly number[], dim: number | { dim?: number } = 0): Tensor[] {
    const at = typeof dim === "object" && "dim" in dim ? dim.dim : dim;
    return Array.isArray(splitSize)
      ? this.invoke("split", "split_with_sizes", [splitSize, at]) as Tensor[]
      : this.invoke("split", "split.Tensor", [splitSize, at]) as Tensor[];
  }

  /** The norm of all elements, or along dims. https://docs.pytorch.org/docs/stable/generated/torch.norm.html */
  norm(
    p?: number | "fro" | "nuc" | null,
    dim?: number | readonly number[] | null,
    keepdim?: boolean,
    options?: { dtype?: DType | null },
  ): Tensor;
  /** By name. */
  norm(
    p: number | "fro" | "nuc" | null,
    options: { dim?: number | readonly number[] | null; keepdim?: boolean; dtype?: DType | null },
  ): Tensor;
  /** By name. */
  norm(options: {
    p?: number | "fro" | "nuc" | null;
    dim?: number | readonly number[] | null;
    keepdim?: boolean;
    dtype?: DType | null;
  }): Tensor;
  norm(...args: unknown[]): Tensor {
    const last = args.at(-1);
    const isNamed = typeof last === "object" && last !== null && !Array.isArray(last) && !("expr" in last);
    const named = (isNamed ? last : {}) as { p?: unknown; dim?: unknown; keepdim?: boolean; dtype?: DType | null };
    const given = isNamed ? args.slice(0, -1) : args;
    const [p = named.p ?? "fro", dim = named.dim ?? null, keepdim = named.keepdim ?? false] = given;
    const dims = dim === null || Array.isArray(dim) ? dim as number[] | null : [dim];
    const options = named.dtype ? { dtype: named.dtype } : {};
    if (typeof p !== "string" || (p === "fro" && (dims === null || dims.length <= 2))) {
      const order = typeof p === "string" ? 2 : p ?? 2;
      return this.invoke("norm", "linalg_vector_norm", [order, dims, keepdim, options]) as Tensor;
    }
    const both = dims ?? this.meta.shape.map((_, d) => d);
    return this.invoke("norm", "linalg_matrix_norm.str_ord", [p, both, keepdim, options]) as Tensor;
  }

  /** A dim as several. https://docs.pytorch.org/docs/stable/generated/torch.Tensor.unflatten.html */
  unflatten(dim: number, sizes: readonly number[]): Tensor {
    return this.invoke("unflatten", "unflatten.int", [dim, sizes]) as Tensor;
  }

  /** The places of elements that are not 0, a row each. https://docs.pytorch.org/docs/stable/generated/torch.nonzero.html */
  nonzero(): Tensor;
  /** A tensor of indices for each dim, as indexing takes them. */
  nonzero(options: { asTuple: true }): Tensor[];
  /** Either, as the option says. */
  nonzero(options: { asTuple?: boolean }): Tensor | Tensor[];
  nonzero(options: { asTuple?: boolean } = {}): Tensor | Tensor[] {
    return options.asTuple
      ? this.invoke("nonzero", "nonzero_numpy", []) as Tensor[]
      : this.invoke("nonzero", "nonzero", []) as Tensor;
  }

  /** The distinct elements, sorted. https://docs.pytorch.org/docs/stable/generated/torch.unique.html */
  unique(options?: UniqueOptions & { returnInverse?: false; returnCounts?: false }): Tensor;
  /** With their places, and their numbers if they are asked for too. */
  unique(options: UniqueOptions & { returnInverse: true }): Tensor[];
  /** With their numbers. */
  unique(options: UniqueOptions & { returnCounts: true }): Tensor[];
  unique(options: UniqueOptions = {}): Tensor | Tensor[] {
    const { sorted = true, returnInverse = false, returnCounts = false, dim = null } = options;
    const results = dim === null
      ? this.invoke("unique", "_unique2", [sorted, returnInverse, returnCounts])
      : this.invoke("unique", "unique_dim", [dim, sorted, returnInverse, returnCounts]);
    return distinct(results as Tensor[], returnInverse, returnCounts);
  }

  /** The elements without what repeats the one before. https://docs.pytorch.org/docs/stable/generated/torch.unique_consecutive.html */
  uniqueConsecutive(options?: UniqueOptions & { returnInverse?: false; returnCounts?: false }): Tensor;
  /** With their places, and their numbers if they are asked for too. */
  uniqueConsecutive(options: UniqueOptions & { returnInverse: true }): Tensor[];
  /** With their numbers. */
  uniqueConsecutive(options: UniqueOptions & { returnCounts: true }): Tensor[];
  uniqueConsecutive(options: UniqueOptions = {}): Tensor | Tensor[] {
    const { returnInverse = false, returnCounts = false, dim = null } = options;
    const results = this.invoke("uniqueConsecutive", "unique_consecutive", [returnInverse, returnCounts, dim]);
    return distinct(results as Tensor[], returnInverse, returnCounts);
  }

  /** The elements as PyTorch prints them. */
  override toString(): string {
    return formatTensor(this);
  }

  /** As {@linkcode toString}. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /** The tensors along the first dim. */
  [Symbol.iterator](): Iterator<Tensor> {
    if (this.ndim === 0) throw new TypeError("A tensor without dims can't be iterated over");
    return (this.invoke("iterator", "unbind.int", [0]) as Tensor[])[Symbol.iterator]();
  }
}

function distinct(
  [values, inverse, counts]: Tensor[],
  returnInverse: boolean,
  returnCounts: boolean,
): Tensor | Tensor[] {
  if (!returnInverse && !returnCounts) return values;
  return [values, ...(returnInverse ? [inverse] : []), ...(returnCounts ? [counts] : [])];
}
