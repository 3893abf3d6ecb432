/**
 * Complex tensors in ONNX graphs. Runtimes have no complex dtypes, so a complex value is real values of the graph: its
 * parts, or both in one tensor. Which of these there are is decided by what made it; the others are computed when they are
 * asked for, and equal nodes are shared. What uses a complex value sees its dtype and shape as PyTorch has them.
 */
import type { Dim } from "../sym/mod.ts";
import { type DType, type Meta, toComplex } from "../tensor/mod.ts";
import type { OnnxBuilder } from "./builder.ts";
import { OnnxValue } from "./model.ts";

/** How a complex value is held. */
export type ComplexForm =
  /** The parts in a last dim of size 2. */
  | { readonly kind: "packed"; readonly value: OnnxValue }
  /** Each part in a tensor with a last dim of size 1: a packed tensor that was split. No imaginary part means zeros. */
  | { readonly kind: "columns"; readonly re: OnnxValue; readonly im: OnnxValue | null }
  /** Each part in a tensor of the value's shape. No imaginary part means zeros. */
  | { readonly kind: "parts"; readonly re: OnnxValue; readonly im: OnnxValue | null };

/** A complex value. It is no value of the graph itself: nodes use the values that it is made of. */
export class ComplexValue extends OnnxValue {
  declare meta: Meta;
  readonly form: ComplexForm;

  private constructor(form: ComplexForm, real: Meta) {
    const whole = form.kind === "packed" ? form.value : form.re;
    super(whole.name, {
      dtype: toComplex(real.dtype),
      shape: form.kind === "parts" ? real.shape : real.shape.slice(0, -1),
    });
    this.form = form;
  }

  /** @throws {TypeError} when the last dim is not 2 */
  static packed(value: OnnxValue): ComplexValue {
    const meta = metaOf(value);
    if (meta.shape.at(-1) !== 2) {
      throw new TypeError(`A complex tensor has a last dim of size 2, met ${meta.shape.at(-1)}`);
    }
    return new ComplexValue({ kind: "packed", value }, meta);
  }

  static columns(re: OnnxValue, im: OnnxValue | null): ComplexValue {
    return new ComplexValue({ kind: "columns", re, im }, metaOf(re));
  }

  static parts(re: OnnxValue, im: OnnxValue | null): ComplexValue {
    return new ComplexValue({ kind: "parts", re, im }, metaOf(re));
  }

  /** Whether the imaginary part is known to be zero. */
  get isReal(): boolean {
    return this.form.kind !== "packed" && this.form.im === null;
  }

  /** The real or imaginary part; null for an imaginary part that is zero. */
  part(b: OnnxBuilder, k: 0 | 1): OnnxValue | null {
    const { form } = this;
    if (form.kind === "packed") {
      return b.op("Gather", [form.value, b.scalar(BigInt(k), "int64")], { axis: this.meta.shape.length });
    }
    const value = k === 0 ? form.re : form.im;
    return value && form.kind === "columns" ? b.squeeze(value, this.meta.shape.length) : value;
  }

  /** Both parts with a last dim of size 1. */
  asColumns(b: OnnxBuilder): readonly [OnnxValue, OnnxValue | null] {
    const { form } = this;
    const rank = this.meta.shape.length;
    if (form.kind === "packed") {
      const [re, im] = b.ops("Split", [form.value], 2, { axis: rank, num_outputs: 2 });
      return [re, im];
    }
    if (form.kind === "columns") return [form.re, form.im];
    return [b.unsqueeze(form.re, rank), form.im && b.unsqueeze(form.im, rank)];
  }

  /** Both parts in a last dim of size 2. */
  asPacked(b: OnnxBuilder): OnnxValue {
    if (this.form.kind === "packed") return this.form.value;
    const [re, im] = this.asColumns(b);
    const axis = this.meta.shape.length;
    // Zeros are put after the real part.
    return im
      ? b.op("Concat", [re, im], { axis })
      : b.op("Pad", [re, b.ints([0, 1]), null, b.ints([axis])], { mode: "constant" });
  }

  /**
   * The value with a function applied to what it is made of, which must leave alone the dims at the end that are told: those
   * that the real values have beyond the value's own.
   */
  map(fn: (value: OnnxValue, tail: readonly number[]) => OnnxValue): ComplexValue {
    const { form } = this;
    if (form.kind === "packed") return ComplexValue.packed(fn(form.value, [2]));
    const tail = form.kind === "columns" ? [1] : [];
    const [re, im] = [fn(form.re, tail), form.im && fn(form.im, tail)];
    return form.kind === "columns" ? ComplexValue.columns(re, im) : ComplexValue.parts(re, im);
  }

  /** The graph's values that this one is made of. */
  values(): OnnxValue[] {
    const { form } = this;
    return form.kind === "packed" ? [form.value] : form.im ? [form.re, form.im] : [form.re];
  }

  /** The value in a dtype with other precision. */
  withPrecision(b: OnnxBuilder, real: DType): ComplexValue {
    return this.map((value) => b.cast(value, real));
  }

  /** Gives the values that it is made of the shape that the program recorded. */
  refine(shape: readonly Dim[]): void {
    const { form } = this;
    for (const value of this.values()) {
      const last = form.kind === "packed" ? [2] : form.kind === "columns" ? [1] : [];
      value.meta = { dtype: metaOf(value).dtype, shape: [...shape, ...last] };
    }
    this.meta = { dtype: this.meta.dtype, shape };
  }
}

function metaOf(value: OnnxValue): Meta {
  if (!value.meta) throw new TypeError(`The dtype and shape of ${value.name} are not known`);
  return value.meta;
}
