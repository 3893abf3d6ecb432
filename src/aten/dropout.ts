/** Dropout. In evaluation it is the identity; in training its results differ from call to call. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Meta, Tensor } from "../tensor/mod.ts";
import { add, mul, mulScalar } from "./binary.ts";
import { bernoulliFloat } from "./distributions.ts";
import { type Calls, defineOp, type MetaContext } from "./op.ts";
import { like, refuse, requireFloat } from "./rules.ts";
import { shaped } from "./shapes.ts";

interface DropoutArgs<T> {
  readonly input: T;
  readonly p: number;
  readonly train: boolean;
}

/** No element is dropped. */
function isIdentity({ p, train }: { readonly p: number; readonly train: boolean }): boolean {
  if (!(p >= 0 && p <= 1)) throw new RangeError(`Argument p=${p} of dropout must lie between 0 and 1`);
  return !train || p === 0;
}

/** In evaluation the result is the argument itself, which the schema does not say. */
const common = {
  inverse<T extends object>(_: Calls<T>, __: DropoutArgs<T>, updated: T): T {
    return updated;
  },
  aliases: (_: Meta, args: DropoutArgs<Meta>): boolean => isIdentity(args),
  random: (args: DropoutArgs<unknown>): boolean => !isIdentity(args),
  meta: (_: MetaContext, { input }: DropoutArgs<Meta>): Meta => shaped(input, input.shape),
};

/** 1 where something is kept: for each element, or for each channel. */
function kept<T extends object>(t: Calls<T>, input: T, p: number, byChannel: boolean): T {
  const { dtype, shape } = t.meta(input);
  requireFloat(dtype, "The input of dropout");
  if (!byChannel) return t.call(bernoulliFloat, input, 1 - p);
  if (shape.length < 2) throw new RangeError(`feature_dropout takes at least 2 dimensions, met ${shape.length}`);
  return t.call(bernoulliFloat, t.full(shape.map((d, i) => i < 2 ? d : 1), 0, dtype), 1 - p);
}

/** What is dropped becomes 0, what is kept is scaled. */
function dropping(byChannel: boolean) {
  return <T extends object>(t: Calls<T>, { input, p, train }: DropoutArgs<T>): T => {
    if (isIdentity({ p, train })) return input;
    // Scaling by infinity would give NaN.
    if (p === 1) return t.call(mulScalar, input, 0);
    return t.call(mul, input, t.call(mulScalar, kept(t, input, p, byChannel), 1 / (1 - p)));
  };
}

/** The negative limit of SELU. */
const ALPHA = 1.7580993408473766;

/** What is dropped becomes the negative limit of SELU; the whole is scaled so that mean and variance stay. */
function saturating(byChannel: boolean) {
  return <T extends object>(t: Calls<T>, { input, p, train }: DropoutArgs<T>): T => {
    if (isIdentity({ p, train })) return input;
    if (p === 1) return t.call(mulScalar, input, 0);
    const scale = 1 / Math.sqrt((ALPHA * ALPHA * p + 1) * (1 - p));
    const noise = kept(t, input, p, byChannel);
    // (noise - 1) * alpha * scale + alpha * scale * p, and input * noise * scale
    const { dtype } = t.meta(noise);
    const shift = t.call(add, t.call(mulScalar, noise, ALPHA * scale), t.full([], ALPHA * scale * (p - 1), dtype));
    return t.call(add, t.call(mul, input, t.call(mulScalar, noise, scale)), shift);
  };
}

function onnxDropout(b: OnnxBuilder, input: OnnxValue, p: number, wanted: readonly boolean[]): OnnxValue[] {
  requireFloat(b.meta(input).dtype, "The input of dropout");
  const training = b.constant(Tensor.of("bool", [], [1]));
  return b.ops("Dropout", [input, b.scalar(p, "float32"), training], wanted);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.dropout.html */
export const dropout = defineOp("aten::dropout(Tensor input, float p, bool train) -> Tensor", {
  ...common,
  decompose: dropping(false),
  onnx: (b, { input, p, train }) => {
    if (isIdentity({ p, train })) return input;
    if (p === 1) return b.op("Mul", [input, b.scalar(0, b.meta(input).dtype)]);
    return onnxDropout(b, input, p, [true])[0];
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.dropout2d.html */
export const featureDropout = defineOp("aten::feature_dropout(Tensor input, float p, bool train) -> Tensor", {
  ...common,
  decompose: dropping(true),
});
/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.alpha_dropout.html */
export const alphaDropout = defineOp("aten::alpha_dropout(Tensor input, float p, bool train) -> Tensor", {
  ...common,
  decompose: saturating(false),
});
/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.feature_alpha_dropout.html */
export const featureAlphaDropout = defineOp(
  "aten::feature_alpha_dropout(Tensor input, float p, bool train) -> Tensor",
  {
    ...common,
    decompose: saturating(true),
  },
);

/** The core form of dropout: the result and which elements were kept. Training is the default. */
export const nativeDropout = defineOp("aten::native_dropout(Tensor input, float p, bool? train) -> (Tensor, Tensor)", {
  random: ({ p, train }) => !isIdentity({ p, train: train ?? true }),
  meta: (_, { input }) => [shaped(input, input.shape), like(input, "bool")],
  decompose: (t, { input, p, train }) => {
    if (isIdentity({ p, train: train ?? true })) return [input, t.full(t.meta(input).shape, true, "bool")];
    const mask = kept(t, input, p, false);
    const factor = p === 1 ? 0 : 1 / (1 - p);
    return [t.call(mul, input, t.call(mulScalar, mask, factor)), t.cast(mask, "bool")];
  },
  onnx: (b, { input, p, train }) => {
    if (!isIdentity({ p, train: train ?? true })) {
      if (p === 1) refuse("p", p, "ONNX's Dropout can't drop all elements");
      const [y, mask] = onnxDropout(b, input, p, [true, true]);
      return [y, mask];
    }
    const whole = b.scalar(true, "bool");
    const { shape } = b.meta(input);
    return [input, shape.length === 0 ? whole : b.op("Expand", [whole, b.ints(shape)])];
  },
});
