/** Greatest common divisors and least common multiples, by Euclid's algorithm. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { broadcastShapes, type DType, isInt, type Tensor } from "../tensor/mod.ts";
import { mapBinary } from "../tensor/loops.ts";
import { choose, emit, NUMBERS } from "./emit.ts";
import { emitRepeat } from "./loop.ts";
import { defineOp } from "./op.ts";
import { both } from "./overloads.ts";
import { broadcastOther } from "./rules.ts";

/** As PyTorch does: no unsigned integer is above 8 bits. */
function requireInt(dtype: DType): void {
  if (!isInt(dtype) || ["uint16", "uint32", "uint64"].includes(dtype)) {
    throw new TypeError(`Divisors of ${dtype} are not defined`);
  }
}

function magnitude(x: bigint, bits: number): bigint {
  return BigInt.asIntN(bits, x < 0n ? -x : x);
}

/** The absolute value of the lowest integer is itself, as in C++. */
function gcdOf(x: bigint, y: bigint, bits: number): bigint {
  let [a, b] = [magnitude(x, bits), magnitude(y, bits)];
  while (a !== 0n) [a, b] = [b % a, a];
  return b;
}

/** Rules' kernel: `fn` of elements as bigints, which is told the bits of the dtype. */
function kernel(fn: (x: bigint, y: bigint, bits: number) => bigint) {
  return ({ self, other }: { readonly self: Tensor; readonly other: Tensor }): Tensor => {
    requireInt(self.dtype);
    const bits = Number(/\d+/.exec(self.dtype)![0]);
    return mapBinary(self, other, self.dtype, (x, y) => {
      const value = fn(BigInt(x), BigInt(y), self.dtype === "uint8" ? 9 : bits);
      return bits === 64 ? value : Number(value);
    });
  };
}

/** Both operands in a dtype that has the operators, and their greatest common divisor. */
function emitGcd(b: OnnxBuilder, self: OnnxValue, other: OnnxValue): { x: OnnxValue; y: OnnxValue; gcd: OnnxValue } {
  requireInt(b.meta(self).dtype);
  const wide = b.meta(self).dtype === "int64" ? "int64" : "int32";
  const shape = b.ints(broadcastShapes(b.meta(self).shape, b.meta(other).shape));
  // The absolute value of the lowest integer is itself, in its own dtype.
  const states = [self, other].map((v) => b.op("Expand", [b.cast(emit(b, NUMBERS, "Abs", [v]), wide), shape]));
  // Neighbouring Fibonacci numbers, the worst pair of 64 bits, take 92 turns.
  const [gcd] = emitRepeat(b, b.scalar(100, "int64"), states, (inner, _, [value, divisor]) => {
    const zero = inner.scalar(0, wide);
    const isDone = inner.op("Equal", [divisor, zero]);
    const safe = inner.op("Where", [isDone, inner.scalar(1, wide), divisor]);
    const rest = inner.op("Mod", [value, safe], { fmod: 1 });
    const open = inner.op("ReduceSum", [inner.op("Abs", [inner.op("Sign", [rest])])], { keepdims: 0 });
    return {
      states: [inner.op("Where", [isDone, value, divisor]), rest],
      goOn: inner.op("Greater", [open, zero]),
    };
  });
  return { x: b.cast(self, wide), y: b.cast(other, wide), gcd };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.gcd.html */
export const gcd = defineOp("aten::gcd(Tensor self, Tensor other) -> Tensor", {
  promote: both,
  meta: (context, args) => {
    requireInt(args.self.dtype);
    return broadcastOther(context, args);
  },
  kernel: kernel(gcdOf),
  onnx: (b, { self, other }) => b.cast(emitGcd(b, self, other).gcd, b.meta(self).dtype),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.lcm.html */
export const lcm = defineOp("aten::lcm(Tensor self, Tensor other) -> Tensor", {
  promote: both,
  meta: (context, args) => {
    requireInt(args.self.dtype);
    return broadcastOther(context, args);
  },
  kernel: kernel((x, y, bits) => {
    const divisor = gcdOf(x, y, bits);
    // Products of narrower integers have 32 bits.
    const wide = Math.max(bits, 32);
    return divisor === 0n ? 0n : magnitude(BigInt.asIntN(wide, x / divisor * y), wide);
  }),
  onnx: (b, { self, other }) => {
    const { x, y, gcd: divisor } = emitGcd(b, self, other);
    const { dtype } = b.meta(divisor);
    const isZero = b.op("Equal", [divisor, b.scalar(0, dtype)]);
    // Both are 0 then, and so is their product.
    const safe = choose(b, isZero, b.scalar(1, dtype), divisor);
    const product = emit(b, NUMBERS, "Mul", [emit(b, NUMBERS, "Div", [x, safe]), y]);
    return b.cast(b.op("Abs", [product]), b.meta(self).dtype);
  },
});
