/**
 * Bessel and Airy functions. Near 0 they are read from tables, far from it from tables of what distinguishes them from
 * their asymptotic forms. All is computed in double precision.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import {
  airyAi,
  airyWave,
  besselJ,
  besselY,
  hankel,
  type Order,
  regularK1,
  regularY1,
  scaledBesselI,
  scaledBesselK,
  sphericalBesselJ0,
} from "./bessel_functions.ts";
import { defineOp } from "./op.ts";
import { emitInverted, emitPiecewise, Piecewise } from "./piecewise.ts";
import { computeIn } from "./precision.ts";
import { type ElementFn, mapUnary } from "../tensor/loops.ts";
import { like, requireReal, sameAsSelf, unary } from "./rules.ts";
import type { Tensor } from "../tensor/mod.ts";

/** A table for each order. */
type Tables = Readonly<Record<Order, Piecewise>>;

/** Up to here J and Y are read from tables over x, K up to the second. */
const [NEAR, NEAR_K] = [8, 2];
/** Up to here, on either side of 0, the Airy function is. */
const [AIRY_LOW, AIRY_HIGH] = [-8, 4];

/** J₀, and J₁ over x. */
const J: Tables = {
  0: new Piecewise((x) => besselJ(0, x), [0, NEAR], 8, 12),
  1: new Piecewise((x) => besselJ(1, x) / x, [0, NEAR], 8, 12),
};

/** Y without its singularity; over x for order 1. */
const Y: Tables = {
  0: new Piecewise((x) => besselY(0, x) - 2 / Math.PI * Math.log(x) * besselJ(0, x), [0, NEAR], 8, 12),
  1: new Piecewise(regularY1, [0, NEAR], 8, 12),
};

/** Over 1 / x: the modulus of J + iY times √x, and its argument less x. */
const MODULUS = byOrder((order) => new Piecewise((s) => hankel(order, 1 / s).modulus, [0, 1 / NEAR], 2, 12));
const PHASE = byOrder((order) => new Piecewise((s) => hankel(order, 1 / s).phase, [0, 1 / NEAR], 2, 12));

/** Over `v = 8 / (8 + x)`: `exp(-x) · I₀ / √v`, and `exp(-x) · I₁ / (x v √v)`. */
const SCALED_I: Tables = {
  0: new Piecewise((v) => scaledBesselI(0, 8 / v - 8) / Math.sqrt(v), [0, 1], 8, 12),
  1: new Piecewise((v) => scaledBesselI(1, 8 / v - 8) / ((8 / v - 8) * v * Math.sqrt(v)), [0, 1], 8, 12),
};

/** I₀, and I₁ over x, as far as K near 0 needs them. */
const I: Tables = {
  0: new Piecewise((x) => Math.exp(x) * scaledBesselI(0, x), [0, NEAR_K], 2, 12),
  1: new Piecewise((x) => Math.exp(x) * scaledBesselI(1, x) / x, [0, NEAR_K], 2, 12),
};

/** K without its singularity; over x for order 1. */
const K: Tables = {
  0: new Piecewise(
    (x) => Math.exp(-x) * scaledBesselK(0, x) + Math.log(x) * Math.exp(x) * scaledBesselI(0, x),
    [0, NEAR_K],
    2,
    12,
  ),
  1: new Piecewise(regularK1, [0, NEAR_K], 2, 12),
};

/** Over 1 / x: `√x · exp(x) · K`. */
const SCALED_K = byOrder((order) =>
  new Piecewise((s) => Math.sqrt(1 / s) * scaledBesselK(order, 1 / s), [0, 1 / NEAR_K], 4, 12)
);

const AIRY = new Piecewise(airyAi, [AIRY_LOW, AIRY_HIGH], 24, 12);
/** `ζ = ⅔ x^(3/2)`, in which the Airy function is written far from 0. */
const zetaOf = (x: number): number => 2 / 3 * Math.abs(x) ** 1.5;
/** Over 1 / ζ. */
const AIRY_MODULUS = new Piecewise((s) => airyWave(1 / s).modulus, [0, 1 / zetaOf(AIRY_LOW)], 1, 12);
const AIRY_PHASE = new Piecewise((s) => airyWave(1 / s).phase, [0, 1 / zetaOf(AIRY_LOW)], 1, 12);
/** `exp(ζ) · x^(1/4) · Ai(x)`. */
const AIRY_DECAY = new Piecewise(
  (s) => Math.sqrt(1 / s) * scaledBesselK(1 / 3, 1 / s) / (Math.PI * Math.sqrt(2)),
  [0, 1 / zetaOf(AIRY_HIGH)],
  2,
  12,
);

function byOrder(make: (order: Order) => Piecewise): Tables {
  return { 0: make(0), 1: make(1) };
}

function number(b: OnnxBuilder, value: number): OnnxValue {
  return b.scalar(value, "float64");
}

/** J or Y of a float64 value of at least 8, by modulus and argument. */
function emitWave(b: OnnxBuilder, x: OnnxValue, order: Order, wave: "Cos" | "Sin"): OnnxValue {
  const inverse = b.op("Reciprocal", [x]);
  const modulus = b.op("Mul", [emitPiecewise(b, inverse, MODULUS[order]), b.op("Sqrt", [inverse])]);
  return b.op("Mul", [modulus, b.op(wave, [b.op("Add", [x, emitPiecewise(b, inverse, PHASE[order])])])]);
}

function emitJ(b: OnnxBuilder, x: OnnxValue, order: Order): OnnxValue {
  const size = b.op("Abs", [x]);
  const table = emitPiecewise(b, size, J[order]);
  const wave = emitWave(b, size, order, "Cos");
  const isNear = b.op("Less", [size, number(b, NEAR)]);
  if (order === 0) return b.op("Where", [isNear, table, wave]);
  return b.op("Where", [isNear, b.op("Mul", [x, table]), b.op("Mul", [b.op("Sign", [x]), wave])]);
}

/** The logarithm, but 0 at 0, so that its product with 0 is 0. */
function emitLog(b: OnnxBuilder, x: OnnxValue): OnnxValue {
  return b.op("Log", [b.op("Where", [b.op("Equal", [x, number(b, 0)]), number(b, 1), x])]);
}

function emitY(b: OnnxBuilder, x: OnnxValue, order: Order): OnnxValue {
  const factor = number(b, 2 / Math.PI);
  const log = b.op("Mul", [order === 0 ? b.op("Log", [x]) : emitLog(b, x), factor]);
  const terms = b.op("Add", [b.op("Mul", [log, emitPiecewise(b, x, J[order])]), emitPiecewise(b, x, Y[order])]);
  const near = order === 0 ? terms : b.op("Sub", [b.op("Mul", [x, terms]), b.op("Div", [factor, b.op("Abs", [x])])]);
  return b.op("Where", [b.op("Less", [x, number(b, NEAR)]), near, emitWave(b, x, order, "Sin")]);
}

/** I of a float64 value, or `exp(-|x|)` times it. */
function emitI(b: OnnxBuilder, given: OnnxValue, order: Order, scaled: boolean): OnnxValue {
  const size = b.op("Abs", [given]);
  const v = emitInverted(b, size, 8);
  const root = b.op("Mul", [emitPiecewise(b, v, SCALED_I[order]), b.op("Sqrt", [v])]);
  let result = root;
  if (order === 1) {
    // Infinity times v, which is 0 there, would be NaN.
    const x = scaled ? b.op("Max", [b.op("Min", [given, number(b, 1e300)]), number(b, -1e300)]) : given;
    result = b.op("Mul", [root, b.op("Mul", [x, v])]);
  }
  return scaled ? result : b.op("Mul", [result, b.op("Exp", [size])]);
}

/** K of a float64 value, or `exp(x)` times it. */
function emitK(b: OnnxBuilder, x: OnnxValue, order: Order, scaled: boolean): OnnxValue {
  const log = order === 0 ? b.op("Log", [x]) : emitLog(b, x);
  const product = b.op("Mul", [log, emitPiecewise(b, x, I[order])]);
  const rest = emitPiecewise(b, x, K[order]);
  const inverse = b.op("Reciprocal", [b.op("Abs", [x])]);
  const near = order === 0
    ? b.op("Sub", [rest, product])
    : b.op("Add", [inverse, b.op("Mul", [x, b.op("Add", [rest, product])])]);
  const far = b.op("Mul", [emitPiecewise(b, inverse, SCALED_K[order]), b.op("Sqrt", [inverse])]);
  const isNear = b.op("Less", [x, number(b, NEAR_K)]);
  if (scaled) return b.op("Where", [isNear, b.op("Mul", [near, b.op("Exp", [x])]), far]);
  return b.op("Where", [isNear, near, b.op("Mul", [far, b.op("Exp", [b.op("Neg", [x])])])]);
}

function emitAiry(b: OnnxBuilder, x: OnnxValue): OnnxValue {
  const size = b.op("Abs", [x]);
  const root = b.op("Sqrt", [size]);
  const zeta = b.op("Mul", [b.op("Mul", [size, root]), number(b, 2 / 3)]);
  const inverse = b.op("Reciprocal", [zeta]);
  const angle = b.op("Add", [zeta, emitPiecewise(b, inverse, AIRY_PHASE)]);
  const wave = b.op("Mul", [emitPiecewise(b, inverse, AIRY_MODULUS), b.op("Sin", [angle])]);
  const decay = b.op("Mul", [emitPiecewise(b, inverse, AIRY_DECAY), b.op("Exp", [b.op("Neg", [zeta])])]);
  const isNegative = b.op("Less", [x, number(b, 0)]);
  const far = b.op("Div", [b.op("Where", [isNegative, wave, decay]), b.op("Sqrt", [root])]);
  const isNear = b.op("And", [
    b.op("Greater", [x, number(b, AIRY_LOW)]),
    b.op("Less", [x, number(b, AIRY_HIGH)]),
  ]);
  // x - x is NaN at infinities, and 0 elsewhere.
  return b.op("Add", [b.op("Where", [isNear, emitPiecewise(b, x, AIRY), far]), b.op("Sub", [x, x])]);
}

/** Rules of a function of `self`. */
function rules(fn: ElementFn, body: (b: OnnxBuilder, x: OnnxValue) => OnnxValue) {
  return {
    promote: { args: ["self"], to: "float" } as const,
    meta: sameAsSelf,
    kernel: unary(fn),
    onnx: (b: OnnxBuilder, { self }: { readonly self: OnnxValue }) =>
      computeIn(b, "float64", [self], (x) => body(b, x)),
  };
}

/** Rules of a function whose argument is called x. */
function rulesOfX(fn: ElementFn, body: (b: OnnxBuilder, x: OnnxValue) => OnnxValue) {
  return {
    promote: { args: ["x"], to: "float" } as const,
    meta: (_: unknown, { x }: { readonly x: Parameters<typeof like>[0] }) => like(x),
    kernel: ({ x }: { readonly x: Tensor }) => {
      requireReal(x.dtype);
      return mapUnary(x, x.dtype, fn);
    },
    onnx: (b: OnnxBuilder, { x }: { readonly x: OnnxValue }) => computeIn(b, "float64", [x], (wide) => body(b, wide)),
  };
}

function signed(order: Order, x: number): number {
  return (order === 1 && x < 0 ? -1 : 1) * scaledBesselI(order, Math.abs(x));
}

function besselI(order: Order): ElementFn {
  return (x) => signed(order, x) * Math.exp(Math.abs(x));
}

const I0 = rules(besselI(0), (b, x) => emitI(b, x, 0, false));
const I1 = rules(besselI(1), (b, x) => emitI(b, x, 1, false));

/** https://docs.pytorch.org/docs/stable/generated/torch.i0.html */
export const i0 = defineOp("aten::i0(Tensor self) -> Tensor", I0);

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.i0 */
export const specialI0 = defineOp("aten::special_i0(Tensor self) -> Tensor", I0);

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.i0e */
export const specialI0e = defineOp(
  "aten::special_i0e(Tensor self) -> Tensor",
  rules((x) => signed(0, x), (b, x) => emitI(b, x, 0, true)),
);

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.i1 */
export const specialI1 = defineOp("aten::special_i1(Tensor self) -> Tensor", I1);

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.i1e */
export const specialI1e = defineOp(
  "aten::special_i1e(Tensor self) -> Tensor",
  rules((x) => signed(1, x), (b, x) => emitI(b, x, 1, true)),
);

/** ATen/native/Math.h, modified_bessel_i0_forward: the function of i0. */
export const specialModifiedBesselI0 = defineOp("aten::special_modified_bessel_i0(Tensor self) -> Tensor", I0);

/** ATen/native/Math.h, modified_bessel_i1_forward: the function of special_i1. */
export const specialModifiedBesselI1 = defineOp("aten::special_modified_bessel_i1(Tensor self) -> Tensor", I1);

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.bessel_j0 */
export const specialBesselJ0 = defineOp(
  "aten::special_bessel_j0(Tensor self) -> Tensor",
  rules((x) => besselJ(0, x), (b, x) => emitJ(b, x, 0)),
);

/** https://docs.pytorch.org/docs/stable/special.html#torch.special.bessel_j1 */
export const specialBesselJ1 = defineOp(
  "aten::special_bessel_j1(Tensor self) -> Tensor",
  rules((x) => besselJ(1, x), (b, x) => emitJ(b, x, 1)),
);

/** ATen/native/Math.h, bessel_y0_forward. */
export const specialBesselY0 = defineOp(
  "aten::special_bessel_y0(Tensor self) -> Tensor",
  rules((x) => besselY(0, x), (b, x) => emitY(b, x, 0)),
);

/** ATen/native/Math.h, bessel_y1_forward. */
export const specialBesselY1 = defineOp(
  "aten::special_bessel_y1(Tensor self) -> Tensor",
  rules((x) => besselY(1, x), (b, x) => emitY(b, x, 1)),
);

/** ATen/native/Math.h, modified_bessel_k0_forward. */
export const specialModifiedBesselK0 = defineOp(
  "aten::special_modified_bessel_k0(Tensor self) -> Tensor",
  rules((x) => scaledBesselK(0, x) * Math.exp(-x), (b, x) => emitK(b, x, 0, false)),
);

/** ATen/native/Math.h, modified_bessel_k1_forward. */
export const specialModifiedBesselK1 = defineOp(
  "aten::special_modified_bessel_k1(Tensor self) -> Tensor",
  rules((x) => scaledBesselK(1, x) * Math.exp(-x), (b, x) => emitK(b, x, 1, false)),
);

/** ATen/native/Math.h, scaled_modified_bessel_k0_forward. */
export const specialScaledModifiedBesselK0 = defineOp(
  "aten::special_scaled_modified_bessel_k0(Tensor x) -> Tensor",
  rulesOfX((x) => scaledBesselK(0, x), (b, x) => emitK(b, x, 0, true)),
);

/** ATen/native/Math.h, scaled_modified_bessel_k1_forward. */
export const specialScaledModifiedBesselK1 = defineOp(
  "aten::special_scaled_modified_bessel_k1(Tensor x) -> Tensor",
  rulesOfX((x) => scaledBesselK(1, x), (b, x) => emitK(b, x, 1, true)),
);

/** ATen/native/Math.h, spherical_bessel_j0_forward. */
export const specialSphericalBesselJ0 = defineOp(
  "aten::special_spherical_bessel_j0(Tensor x) -> Tensor",
  rulesOfX(sphericalBesselJ0, (b, x) => {
    const ratio = b.op("Div", [b.op("Sin", [x]), x]);
    const finite = b.op("Where", [b.op("IsInf", [x]), number(b, 0), ratio]);
    return b.op("Where", [b.op("Equal", [x, number(b, 0)]), number(b, 1), finite]);
  }),
);

/** ATen/native/Math.h, airy_ai_forward. */
export const specialAiryAi = defineOp("aten::special_airy_ai(Tensor x) -> Tensor", rulesOfX(airyAi, emitAiry));
