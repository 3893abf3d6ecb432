/** Drawing by weights and counts: multinomial and Poisson. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import { onnxDType } from "../onnx/dtypes.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, gt, isSym } from "../sym/mod.ts";
import { type Meta, normalizeDim, type Tensor } from "../tensor/mod.ts";
import { nextRandom } from "../tensor/generator.ts";
import { defineOp } from "./op.ts";
import { mapLines, onnxOrder, orderOf } from "./order.ts";
import { drawn, onnxUniform } from "./random_nodes.ts";
import { like, refuse, requireFloat } from "./rules.ts";
import { withSize } from "./shapes.ts";

function checkWeights(self: Meta, count: Dim, replacement: boolean): number {
  requireFloat(self.dtype, "The weights of multinomial");
  const rank = self.shape.length;
  if (rank < 1 || rank > 2) throw new RangeError(`multinomial takes weights of 1 or 2 dimensions, met ${rank}`);
  if (!isSym(count) && count <= 0) refuse("num_samples", count, "it must be positive");
  if (!replacement && gt(count, self.shape[rank - 1]) === true) {
    refuse("num_samples", count, `without replacement there are only ${self.shape[rank - 1]} to draw`);
  }
  return normalizeDim(-1, rank);
}

/** A sample of places, by weight. */
function sample(weights: readonly number[], count: number, replacement: boolean): number[] {
  if (!replacement) {
    // The largest of u^(1/w) for uniform numbers u: logarithms have the same order.
    return orderOf(weights.map((w) => Math.log(1 - nextRandom()) / w), true).slice(0, count);
  }
  const total = weights.reduce((a, b) => a + b, 0);
  return Array.from({ length: count }, () => {
    let left = nextRandom() * total;
    const found = weights.findIndex((w) => (left -= w) < 0);
    return found < 0 ? weights.findLastIndex((w) => w > 0) : found;
  });
}

/** https://docs.pytorch.org/docs/stable/generated/torch.multinomial.html */
export const multinomial = defineOp(
  "aten::multinomial(Tensor self, SymInt num_samples, bool replacement=False, *, Generator? generator=None) -> Tensor",
  {
    random: true,
    meta: (_, { self, num_samples, replacement }): Meta => {
      const axis = checkWeights(self, num_samples, replacement);
      return { dtype: "int64", shape: withSize(self.shape, axis, num_samples) };
    },
    kernel: ({ self, num_samples, replacement }) => {
      const count = num_samples as number;
      const axis = checkWeights(self, count, replacement);
      return mapLines(self, axis, count, ["int64"], (line) => [sample(line.map(Number), count, replacement)])[0];
    },
    onnx: (b, { self, num_samples, replacement }) => {
      const meta = b.meta(self);
      const axis = checkWeights(meta, num_samples, replacement);
      if (!replacement && num_samples !== 1) {
        const weights = b.cast(self, "float64");
        const keys = b.op("Div", [b.op("Log", [onnxUniform(b, weights, "float64")]), weights]);
        return onnxOrder(b, keys, axis, num_samples, true)[1];
      }
      if (isSym(num_samples)) refuse("num_samples", num_samples, "ONNX's Multinomial takes a constant");
      const wide = meta.dtype === "float64" ? "float64" : "float32";
      // Logarithms in single precision tell all weights apart that matter.
      const logs = b.cast(b.op("Log", [b.cast(self, wide)]), "float32");
      const rows = axis === 0 ? b.unsqueeze(logs, 0) : logs;
      const drawn = b.op("Multinomial", [rows], { dtype: onnxDType("int64"), sample_size: num_samples });
      return axis === 0 ? b.squeeze(drawn, 0) : drawn;
    },
  },
);

/** Events before time `rate`, where the times between them are exponential. */
function poissonNumber(rate: number): number {
  const wait = (): number => -Math.log(1 - nextRandom());
  let count = 0;
  for (let time = wait(); time < rate; time += wait()) count++;
  return count;
}

/** A Loop that goes on until the last element has seen all its events. */
function onnxPoisson(b: OnnxBuilder, self: OnnxValue): OnnxValue {
  const { shape } = b.meta(self);
  const rate = b.cast(self, "float64");
  if (shape.includes(0)) return rate;
  const isOpen = (inner: OnnxBuilder, time: OnnxValue): OnnxValue => inner.op("Less", [time, rate]);
  const any = (inner: OnnxBuilder, open: OnnxValue): OnnxValue =>
    inner.cast(inner.op("ReduceSum", [inner.cast(open, "int64"), null], { keepdims: 0 }), "bool");
  const wait = (inner: OnnxBuilder): OnnxValue => {
    const u = inner.op("Sub", [inner.scalar(1, "float64"), onnxUniform(inner, rate, "float64")]);
    return inner.op("Neg", [inner.op("Log", [u])]);
  };
  const start = wait(b);
  const counts = b.op("Sub", [rate, rate]);
  const body = b.subgraph("poisson_body", (inner) => {
    inner.input("iteration", { dtype: "int64", shape: [] });
    inner.input("go_on", { dtype: "bool", shape: [] });
    const time = inner.input("time", { dtype: "float64", shape });
    const count = inner.input("count", { dtype: "float64", shape });
    const more = inner.op("Add", [count, inner.cast(isOpen(inner, time), "float64")]);
    const later = inner.op("Add", [time, wait(inner)]);
    return [any(inner, isOpen(inner, later)), later, more];
  });
  const [, total] = b.ops("Loop", [null, any(b, isOpen(b, start)), start, counts], 2, { body });
  total.meta = { dtype: "float64", shape };
  return total;
}

/** https://docs.pytorch.org/docs/stable/generated/torch.poisson.html */
export const poisson = defineOp("aten::poisson(Tensor self, Generator? generator=None) -> Tensor", {
  random: true,
  meta: (_, { self }) => {
    requireFloat(self.dtype, "The rates of poisson");
    return like(self);
  },
  kernel: ({ self }: { readonly self: Tensor }) => {
    const rates = self.data();
    return drawn(self.dtype, self.shape, (i) => poissonNumber(Number(rates[i])));
  },
  onnx: (b, { self }) => b.cast(onnxPoisson(b, self), b.meta(self).dtype),
});
