/**
 * The methods of tensors that no schema describes: sizes, conversions, values. What is here beside operators' own methods
 * are those whose arguments PyTorch's own parser treats apart.
 */
import type { Data, DType } from "../tensor/mod.ts";
import { isBigData, isComplex } from "../tensor/mod.ts";
import { concrete, TensorBase, type TensorValue } from "./base.ts";
import { execute } from "./execute.ts";
import { overloadsOf } from "./overloads.ts";
import type { Tensor } from "./tensor.ts";

/** Several tensors, each of which has a name too: `x.max(1).values` is `x.max(1)[0]`. */
export type Named<N extends string> = Omit<readonly Tensor[], N> & { readonly [K in N]: Tensor };

/** A number, or numbers in lists, as a tensor's values are given and taken. */
export type Nested = number | bigint | boolean | readonly Nested[];

/** Tensors' hand-written methods. */
export abstract class TensorMethods extends TensorBase {
  /**
   * A tensor for a value.
   *
   * @internal
   */
  protected abstract wrap(value: TensorValue): Tensor;

  /** Calls the first of some operators that the arguments fit, this tensor being the first of them. @internal */
  protected invoke(name: string, operators: string, args: readonly unknown[]): unknown {
    return execute(overloadsOf(name, operators, true), [this, ...args], (value) => this.wrap(value));
  }

  /** Number of dims. https://docs.pytorch.org/docs/stable/generated/torch.Tensor.dim.html */
  dim(): number {
    return this.ndim;
  }

  /** All sizes, or that of one dim. https://docs.pytorch.org/docs/stable/generated/torch.Tensor.size.html */
  size(): readonly number[];
  /** The size of one dim. */
  size(dim: number): number;
  size(dim?: number): number | readonly number[] {
    const { shape } = this;
    if (dim === undefined) return shape;
    const size = shape.at(dim);
    if (size === undefined) throw new RangeError(`A tensor of ${shape.length} dims has no dim ${dim}`);
    return size;
  }

  /** Number of elements. https://docs.pytorch.org/docs/stable/generated/torch.Tensor.numel.html */
  numel(): number {
    return this.shape.reduce((a, b) => a * b, 1);
  }

  /** The only element: a number, of a bool tensor true or false. https://docs.pytorch.org/docs/stable/generated/torch.Tensor.item.html */
  item(): number {
    const tensor = concrete(this, "item");
    const value = tensor.item();
    // To TypeScript every item is a number: bools are met where conditions are.
    if (tensor.dtype === "bool") return (value !== 0) as unknown as number;
    if (isComplex(tensor.dtype)) throw new TypeError("The item of a complex tensor is no number: take data()");
    const number = Number(value);
    if (typeof value === "bigint" && BigInt(number) !== value) {
      throw new RangeError(`The item ${value} is too large for a number: take data()`);
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
    if (isComplex(dtype)) throw new TypeError("Elements of a complex tensor are no numbers: take data()");
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

  /** The tensor in another dtype, or in that of another tensor. https://docs.pytorch.org/docs/stable/generated/torch.Tensor.to.html */
  to(dtype: DType, options?: { copy?: boolean }): Tensor;
  /** On a device, of which there is one: `cpu`. */
  to(device: string, options?: { copy?: boolean }): Tensor;
  /** In the dtype of another tensor. */
  to(other: Tensor, options?: { copy?: boolean }): Tensor;
  to(...args: unknown[]): Tensor {
    return this.invoke("to", "to.dtype to.other", args) as Tensor;
  }

  /** The tensor in float32. */
  float(): Tensor {
    return this.to("float32");
  }

  /** The tensor in int64. */
  long(): Tensor {
    return this.to("int64");
  }

  /** The tensors along the first dim. */
  [Symbol.iterator](): Iterator<Tensor> {
    return (this.invoke("iterator", "unbind.int", [0]) as Tensor[])[Symbol.iterator]();
  }
}
