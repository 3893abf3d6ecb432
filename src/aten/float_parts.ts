/**
 * What floats are made of: mantissa and exponent, neighbours, and a hash of their bits. ONNX has no view of a float as an
 * integer, so the parts are computed; every step is exact.
 */
import type { OnnxValue } from "../onnx/model.ts";
import { type DType, isComplex, isFloat, type Meta, newData, Tensor } from "../tensor/mod.ts";
import { convert, mapBinary, reduceDims } from "../tensor/loops.ts";
import { emitReduce, reducedCount, reducedDims, reducedShape } from "./dims.ts";
import { WIDE } from "./emit.ts";
import { emitBits, emitParts, type FloatFormat, formatOf, hasFormat } from "./float_bits.ts";
import { defineOp } from "./op.ts";
import { both } from "./overloads.ts";
import { computeIn } from "./precision.ts";
import { broadcastOther, like, refuse, requireFloat } from "./rules.ts";

/** The bits of a double. */
function bitsOf(x: number): bigint {
  return new BigInt64Array(Float64Array.of(x).buffer)[0];
}

/** `x = mantissa · 2^exponent` with a mantissa in [0.5, 1), as C's frexp gives it. */
function frexpOf(x: number): [mantissa: number, exponent: number] {
  if (x === 0 || !Number.isFinite(x)) return [x, 0];
  const biased = Number(bitsOf(x) >> 52n & 0x7ffn);
  if (biased === 0) {
    const [mantissa, exponent] = frexpOf(x * 2 ** 64);
    return [mantissa, exponent - 64];
  }
  // In two steps, neither of which leaves the range of doubles.
  return [x / 2 ** (biased - 1023) / 2, biased - 1022];
}

/** https://docs.pytorch.org/docs/stable/generated/torch.frexp.html */
export const frexp = defineOp("aten::frexp.Tensor(Tensor self) -> (Tensor mantissa, Tensor exponent)", {
  meta: (_, { self }): [Meta, Meta] => {
    requireFloat(self.dtype, "The argument of frexp");
    return [like(self), like(self, "int32")];
  },
  kernel: ({ self }): [Tensor, Tensor] => {
    const [mantissas, exponents] = [newData(self.dtype, self.numel), newData("int32", self.numel)];
    self.toArray().forEach((x, i) => [mantissas[i], exponents[i]] = frexpOf(x as number));
    return [Tensor.of(self.dtype, self.shape, mantissas), Tensor.of("int32", self.shape, exponents)];
  },
  onnx: (b, { self }) => {
    const x = b.cast(self, "float64");
    const { isRegular, mantissa, exponent } = emitParts(b, x);
    const whole = b.op("Where", [isRegular, mantissa, x]);
    return [b.cast(whole, b.meta(self).dtype), b.cast(exponent, "int32")];
  },
});

/** @throws {TypeError} for dtypes whose elements have no neighbours */
function spacingOf(dtype: DType): FloatFormat {
  if (!hasFormat(dtype)) throw new TypeError(`Elements of dtype ${dtype} have no neighbours`);
  return formatOf(dtype);
}

/** The next value after x in the direction of y. */
function nextAfter({ bits, least, beyond }: FloatFormat): (x: number, y: number) => number {
  return (x, y) => {
    if (Number.isNaN(x) || Number.isNaN(y)) return NaN;
    if (x === y) return y;
    const up = y > x;
    if (!Number.isFinite(x)) return (x > 0 ? 1 : -1) * (2 - 2 ** -bits) * 2 ** (beyond - 1);
    const [mantissa, exponent] = frexpOf(x);
    // Towards 0, the neighbour of a power of two is nearer.
    const isPower = Math.abs(mantissa) === 0.5 && x > 0 !== up;
    const step = x === 0 ? least : Math.max(exponent - 1 - bits - (isPower ? 1 : 0), least);
    const result = x + (up ? 1 : -1) * 2 ** step;
    return Math.abs(result) >= 2 ** (beyond - 1) * 2 ? result * Infinity : result;
  };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nextafter.html */
export const nextafter = defineOp("aten::nextafter(Tensor self, Tensor other) -> Tensor", {
  promote: both,
  meta: (context, args) => {
    spacingOf(args.self.dtype);
    return broadcastOther(context, args);
  },
  kernel: ({ self, other }) => mapBinary(self, other, self.dtype, nextAfter(spacingOf(self.dtype))),
  // A step of 5/8 of the distance to the next larger value leads nearest to that neighbour, also where it is half as far.
  onnx: (b, { self, other }) => {
    const { dtype } = b.meta(self);
    const { bits, least, beyond } = spacingOf(dtype);
    const isDouble = dtype === "float64";
    const number = (value: number): OnnxValue => b.scalar(value, "float64");
    return computeIn(b, "float64", [self, other], (given, y) => {
      // What lies beyond the largest value stands for infinity; in double precision the largest one itself does.
      const bound = isDouble ? Number.MAX_VALUE : 2 ** beyond;
      const x = b.op("Max", [b.op("Min", [given, number(bound)]), number(-bound)]);
      const distance = b.op("Mul", [b.op("Abs", [x]), number(0.625 * 2 ** -bits)]);
      const step = b.op("Max", [distance, number(isDouble ? 2 ** least : 0.625 * 2 ** least)]);
      const moved = b.op("Add", [x, b.op("Mul", [b.op("Sign", [b.op("Sub", [y, given])]), step])]);
      // y - y is NaN where y is.
      const result = isDouble
        ? b.op("Where", [b.op("IsInf", [given]), b.op("Add", [x, b.op("Sub", [y, y])]), moved])
        : moved;
      return b.op("Where", [b.op("Equal", [given, y]), y, result]);
    });
  },
});

function requireHashed(dtype: DType): void {
  if (isComplex(dtype) || ["uint16", "uint32", "uint64"].includes(dtype)) {
    throw new TypeError(`Elements of dtype ${dtype} are not supported by this operator`);
  }
}

/**
 * The bits of all elements, as double or 64-bit integer, joined by exclusive or. ONNX has no such reduction: bits are spread
 * along a dim, counted, and gathered again.
 * https://docs.pytorch.org/docs/stable/generated/torch.hash_tensor.html
 */
export const hashTensor = defineOp(
  "aten::hash_tensor(Tensor self, int[1] dim=[], *, bool keepdim=False, int mode=0) -> Tensor",
  {
    meta: (_, { self, dim, keepdim, mode }): Meta => {
      requireHashed(self.dtype);
      if (mode !== 0) refuse("mode", mode, "PyTorch knows mode 0 only");
      const dims = reducedDims(dim, self.shape.length);
      if (reducedCount(self.shape, dims) === 0) refuse("dim", `[${dim.join(", ")}]`, "there is nothing to reduce");
      return { dtype: "uint64", shape: reducedShape(self.shape, dims, keepdim) };
    },
    kernel: ({ self, dim, keepdim }) => {
      const wide = convert(self, isFloat(self.dtype) ? "float64" : "int64");
      const toBits = (x: number): bigint => isFloat(self.dtype) ? bitsOf(x) : BigInt(x);
      return reduceDims(
        wide,
        reducedDims(dim, self.shape.length),
        keepdim,
        "uint64",
        (values) => values.reduce((sum, x) => sum ^ toBits(x), 0n),
      );
    },
    onnx: (b, { self, dim, keepdim }) => {
      const { dtype, shape } = b.meta(self);
      const rank = shape.length;
      const bits = isFloat(dtype) ? emitBits(b, b.cast(self, "float64"), "float64") : b.cast(self, "int64");
      const places = b.constant(Tensor.of("uint64", [64], Array.from({ length: 64 }, (_, i) => BigInt(i))));
      const shifted = b.op("BitShift", [b.unsqueeze(b.cast(bits, "uint64"), rank), places], { direction: "RIGHT" });
      const spread = b.cast(b.op("BitwiseAnd", [shifted, b.scalar(1n, "uint64")]), "int64");
      const dims = reducedDims(dim, rank);
      const counts = dims.length === 0 ? spread : emitReduce(b, WIDE, "ReduceSum", spread, dims, keepdim);
      const odd = b.op("Mod", [counts, b.scalar(2n, "int64")]);
      // onnxruntime adds 64-bit integers in double precision, but multiplies matrices of them exactly.
      const values = b.constant(Tensor.of("uint64", [64, 1], Array.from({ length: 64 }, (_, i) => 1n << BigInt(i))));
      const product = b.op("MatMul", [b.cast(odd, "uint64"), values]);
      return b.squeeze(product, b.meta(product).shape.length - 1);
    },
  },
);
