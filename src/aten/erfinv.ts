/**
 * The inverse of the error function, and its scaled and logarithmic forms. They are computed in double precision: in single precision what
 * distinguishes arguments near ±1 is lost.
 */
import { defineOp } from "./op.ts";
import { emitErfc, emitErfcx, emitErfinv } from "./emit_erf.ts";
import { erfcx, erfinv as erfinvOf, logNdtr, ndtri } from "./erf_functions.ts";
import { computeIn } from "./precision.ts";
import { sameAsSelf, unary } from "./rules.ts";
import { log1p } from "./unary.ts";

/** Integers become floats before the rules run. */
const toFloat = { args: ["self"], to: "float" } as const;

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.erfinv */
export const erfinv = defineOp("aten::erfinv(Tensor self) -> Tensor", {
  promote: toFloat,
  meta: sameAsSelf,
  kernel: unary(erfinvOf),
  onnx: (b, { self }) =>
    computeIn(b, "float64", [self], (x) => {
      const one = b.scalar(1, "float64");
      return emitErfinv(b, x, b.op("Mul", [b.op("Sub", [one, x]), b.op("Add", [one, x])]));
    }),
});

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.erfinv */
export const specialErfinv = defineOp("aten::special_erfinv(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(erfinv, self),
});

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.erfcx */
export const specialErfcx = defineOp("aten::special_erfcx(Tensor self) -> Tensor", {
  promote: toFloat,
  meta: sameAsSelf,
  kernel: unary(erfcx),
  onnx: (b, { self }) =>
    computeIn(b, "float64", [self], (x) => {
      const tail = emitErfcx(b, b.op("Abs", [x]));
      const twice = b.op("Mul", [b.scalar(2, "float64"), b.op("Exp", [b.op("Mul", [x, x])])]);
      return b.op("Where", [b.op("Less", [x, b.scalar(0, "float64")]), b.op("Sub", [twice, tail]), tail]);
    }),
});

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.ndtri */
export const specialNdtri = defineOp("aten::special_ndtri(Tensor self) -> Tensor", {
  promote: toFloat,
  meta: sameAsSelf,
  kernel: unary(ndtri),
  // √2 · erfinv(2p - 1), with 1 - (2p - 1)² = 4p(1 - p).
  onnx: (b, { self }) =>
    computeIn(b, "float64", [self], (p) => {
      const rest = b.op("Sub", [b.scalar(1, "float64"), p]);
      const four = b.op("Mul", [b.op("Mul", [p, b.scalar(4, "float64")]), rest]);
      return b.op("Mul", [emitErfinv(b, b.op("Sub", [p, rest]), four), b.scalar(Math.SQRT2, "float64")]);
    }),
});

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.log_ndtr */
export const specialLogNdtr = defineOp("aten::special_log_ndtr(Tensor self) -> Tensor", {
  promote: toFloat,
  meta: sameAsSelf,
  kernel: unary(logNdtr),
  onnx: (b, { self }) =>
    computeIn(b, "float64", [self], (x) => {
      const t = b.op("Mul", [x, b.scalar(Math.SQRT1_2, "float64")]);
      const half = b.scalar(0.5, "float64");
      const tail = b.op("Mul", [emitErfcx(b, b.op("Abs", [t])), half]);
      const low = b.op("Sub", [b.op("Log", [tail]), b.op("Mul", [t, t])]);
      const high = log1p.onnx!(b, { self: b.op("Neg", [b.op("Mul", [emitErfc(b, t), half])]) });
      return b.op("Where", [b.op("Less", [x, b.scalar(-1, "float64")]), low, high]);
    }),
});
