/**
 * Inference for operators whose result has the shape of an input, or of their inputs broadcast together: arithmetic,
 * comparisons, activations, normalizations, conversions.
 */
import type { Dim } from "../sym/mod.ts";
import { broadcastShapes, type DType, itemsize, type Meta } from "../tensor/mod.ts";
import { dtypeOfCode, given, type Rule, type Site } from "./infer_site.ts";

/** The result has dtype and shape of the first input. */
const LIKE_FIRST = [
  ..."Abs Acos Acosh Asin Asinh Atan Atanh BitwiseNot Ceil Celu Clip Cos Cosh CumProd CumSum Elu Erf Exp Floor Gelu"
    .split(" "),
  ..."GroupNormalization HardSigmoid HardSwish Hardmax Identity InstanceNormalization LRN LeakyRelu Log LogSoftmax"
    .split(" "),
  ..."LpNormalization MeanVarianceNormalization Mish Neg Not PRelu RMSNormalization Reciprocal Relu ReverseSequence"
    .split(" "),
  ..."RotaryEmbedding Round Scatter ScatterElements ScatterND Selu Shrink Sigmoid Sign Sin Sinh Softmax Softplus".split(
    " ",
  ),
  ..."Softsign Sqrt Swish Tan Tanh TensorScatter ThresholdedRelu Trilu".split(" "),
];

/** The inputs are broadcast and the result has the dtype of the first. */
const BROADCAST = [
  ..."Add And BitShift BitwiseAnd BitwiseOr BitwiseXor Div Max Mean Min Mod Mul Or Pow Sub Sum Xor".split(" "),
];

/** The inputs are broadcast and the result is bool. */
const COMPARISONS = ["Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"];

/** Of Microsoft's domain: the result has dtype and shape of the first input. */
const MICROSOFT_LIKE_FIRST = [
  "BiasGelu",
  "FastGelu",
  "Gelu",
  "GroupNorm",
  "QuickGelu",
  "RotaryEmbedding",
  "SkipGroupNorm",
  "SkipLayerNormalization",
  "SkipSimplifiedLayerNormalization",
];

const likeFirst: Rule = given(1, (s) => s.setLike(0, 0));

/** The broadcast shape of inputs; null when one of them is not known. */
export function broadcastInputs(s: Site, inputs: readonly number[]): Dim[] | null {
  const shapes: (readonly Dim[])[] = [];
  for (const i of inputs) {
    const meta = s.meta(i);
    if (!meta) return null;
    shapes.push(meta.shape);
  }
  return broadcastShapes(...shapes);
}

function broadcast(dtype: (s: Site) => DType | undefined): Rule {
  return (s) => {
    const shape = s.count === 0 ? null : broadcastInputs(s, s.node.inputs.map((_, i) => i));
    if (!shape) return;
    s.set(0, dtype(s) ?? null, shape);
  };
}

/** Statistics beside a normalized result: their dims from `axis` on are 1. */
function reducedFrom(meta: Meta, axis: number): Dim[] {
  return meta.shape.map((d, i) => i < axis ? d : 1);
}

function layerNorm(s: Site): void {
  s.setLike(0, 0);
  const axis = s.axis(s.int("axis", -1), s.shape(0).length);
  const statistics = reducedFrom(s.meta(0)!, axis);
  const dtype = dtypeOfCode(s.int("stash_type", 1));
  s.set(1, dtype, statistics);
  s.set(2, dtype, statistics);
}

function batchNorm(s: Site): void {
  const shape = s.needRank(0, 1);
  for (let i = 1; i < 5; i++) {
    const parameter = s.meta(i);
    if (parameter) s.needRank(i, 1, 1);
    if (parameter && shape.length > 1 && s.same(parameter.shape[0], shape[1]) === false) {
      throw new RangeError(`BatchNormalization of ${shape[1]} channels has a parameter of ${parameter.shape[0]}`);
    }
  }
  s.setLike(0, 0);
  s.setLike(1, 3);
  s.setLike(2, 4);
}

function bitCast(s: Site): void {
  const to = s.dtypeAttribute("to");
  if (to && itemsize(to) === itemsize(s.dtype(0))) s.set(0, to, s.shape(0));
}

/** Types of random and generated results. */
function likeWithDType(s: Site): void {
  const dtype = s.dtypeAttribute("dtype");
  s.set(0, dtype === undefined ? s.dtype(0) : dtype, s.shape(0));
}

/** The rules of ONNX's own domain. */
export const ELEMENTWISE: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...LIKE_FIRST.map((op): [string, Rule] => [op, likeFirst]),
  ...BROADCAST.map((op): [string, Rule] => [op, broadcast((s) => s.meta(0)?.dtype)]),
  ...COMPARISONS.map((op): [string, Rule] => [op, broadcast(() => "bool")]),
  ["Where", broadcast((s) => s.meta(1)?.dtype)],
  ["IsInf", given(1, (s) => s.set(0, "bool", s.shape(0)))],
  ["IsNaN", given(1, (s) => s.set(0, "bool", s.shape(0)))],
  ["RegexFullMatch", given(1, (s) => s.set(0, "bool", s.shape(0)))],
  ["Cast", given(1, (s) => s.set(0, s.dtypeAttribute("to") ?? null, s.shape(0)))],
  ["CastLike", given(2, (s) => s.set(0, s.dtype(1), s.shape(0)))],
  ["BitCast", given(1, bitCast)],
  [
    "Dropout",
    given(1, (s) => {
      s.setLike(0, 0);
      s.set(1, "bool", s.shape(0));
    }),
  ],
  ["LayerNormalization", given(1, layerNorm)],
  ["BatchNormalization", given(1, batchNorm)],
  ["Bernoulli", given(1, likeWithDType)],
  [
    "EyeLike",
    given(1, (s) => {
      s.needRank(0, 2, 2);
      likeWithDType(s);
    }),
  ],
  ["RandomNormalLike", given(1, likeWithDType)],
  ["RandomUniformLike", given(1, likeWithDType)],
  ["OptionalGetElement", likeFirst],
]);

/** The rules of the domain `com.microsoft`. */
export const MICROSOFT: ReadonlyMap<string, Rule> = new Map<string, Rule>(
  MICROSOFT_LIKE_FIRST.map((op) => [
    op,
    given(1, (s) => {
      s.setLike(0, 0);
      if (op === "SkipLayerNormalization" || op === "SkipSimplifiedLayerNormalization") {
        const statistics = reducedFrom(s.meta(0)!, s.shape(0).length - 1);
        s.set(1, "float32", statistics);
        s.set(2, "float32", statistics);
        s.setLike(3, 0);
      }
    }),
  ]),
);
