/**
 * The bytes of a tensor taken for elements of another dtype. ONNX has no such operator below opset 26, so that bits are computed:
 * those of a float from its parts, and shifted together or apart where the widths differ.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import type { Dim } from "../sym/mod.ts";
import { type DType, isComplex, isFloat, itemsize, type Meta, Tensor } from "../tensor/mod.ts";
import { convert } from "../tensor/loops.ts";
import { emitBits, emitFloat, hasFormat } from "./float_bits.ts";
import { type Calls, defineOp } from "./op.ts";
import { refuse } from "./rules.ts";
import { resolveShape } from "./shapes.ts";

/** The shape of `view(dtype)`: the last dim counts elements of another width. */
function bitcastShape(self: Meta, dtype: DType): readonly Dim[] {
  const [from, to] = [itemsize(self.dtype), itemsize(dtype)];
  if (from === to) return self.shape;
  if (self.shape.length === 0) throw new RangeError(`A ${self.dtype} without dimensions can't be viewed as ${dtype}`);
  const last = self.shape[self.shape.length - 1];
  return [...self.shape.slice(0, -1), ...resolveShape([last, from], [-1, to]).slice(0, 1)];
}

/** Integers of one width, whose conversion keeps the bits. */
function keepsBits(from: DType, to: DType): boolean {
  const isWhole = (dtype: string): boolean => /^u?int/.test(dtype);
  return itemsize(from) === itemsize(to) && isWhole(to) && (isWhole(from) || from === "bool");
}

/** The bits of each element as uint64, of which the lowest count. */
function toBits(b: OnnxBuilder, x: OnnxValue): OnnxValue {
  const { dtype } = b.meta(x);
  if (isFloat(dtype)) return b.cast(emitBits(b, b.cast(x, "float64"), dtype), "uint64");
  const unsigned = (["uint8", "uint16", "uint32", "uint64"] as const).find((d) => itemsize(d) === itemsize(dtype))!;
  return b.cast(b.cast(x, unsigned), "uint64");
}

/** What `toBits` made, in a dtype. */
function fromBits(b: OnnxBuilder, bits: OnnxValue, dtype: DType): OnnxValue {
  return b.cast(isFloat(dtype) ? emitFloat(b, bits, dtype) : bits, dtype);
}

/** Elements of `from` bytes put together to, or cut into, those of `to` bytes; the lowest come first in memory. */
function regrouped(b: OnnxBuilder, bits: OnnxValue, shape: readonly Dim[], from: number, to: number): OnnxValue {
  if (from === to) return bits;
  const many = Math.max(from, to) / Math.min(from, to);
  const places = Array.from({ length: many }, (_, i) => BigInt(8 * i * Math.min(from, to)));
  if (from > to) {
    const shifts = b.constant(Tensor.of("uint64", [many], places));
    const rank = b.meta(bits).shape.length;
    const shifted = b.op("BitShift", [b.unsqueeze(bits, rank), shifts], { direction: "RIGHT" });
    const kept = b.op("BitwiseAnd", [shifted, b.scalar((1n << BigInt(8 * to)) - 1n, "uint64")]);
    return b.reshape(kept, shape);
  }
  // onnxruntime multiplies matrices of 64-bit integers exactly; the products have no bit in common.
  const factors = b.constant(Tensor.of("uint64", [many, 1], places.map((place) => 1n << place)));
  return b.reshape(b.op("MatMul", [b.reshape(bits, [...shape, many]), factors]), shape);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.Tensor.view.html */
export const viewDtype = defineOp("aten::view.dtype(Tensor(a) self, ScalarType dtype) -> Tensor(a)", {
  meta: (_, { self, dtype }) => ({ dtype, shape: bitcastShape(self, dtype) }),
  kernel: ({ self, dtype }) => {
    if (self.dtype === dtype) return self;
    if (keepsBits(self.dtype, dtype)) return convert(self, dtype);
    return new Tensor(dtype, bitcastShape(self, dtype) as number[], self.contiguous().storage);
  },
  onnx: (b, { self, dtype }) => {
    const from = b.meta(self).dtype;
    if (from === dtype || keepsBits(from, dtype)) return b.cast(self, dtype);
    for (const named of [from, dtype]) {
      if (isComplex(named) || isFloat(named) && !hasFormat(named)) {
        refuse("dtype", dtype, `ONNX can't take the bits of ${from} for those of another dtype`);
      }
    }
    const shape = bitcastShape(b.meta(self), dtype);
    return fromBits(b, regrouped(b, toBits(b, self), shape, itemsize(from), itemsize(dtype)), dtype);
  },
  inverse<T extends object>(t: Calls<T>, { self }: { readonly self: T }, updated: T): T {
    return t.call(viewDtype, updated, t.meta(self).dtype);
  },
});
