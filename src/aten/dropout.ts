/** Dropout. In evaluation it is the identity; in training its results differ from call to call. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import type { Meta } from "../tensor/mod.ts";
import { Tensor } from "../tensor/mod.ts";
import { convert, filled, mapBinary, mapUnary } from "../tensor/loops.ts";
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
const viewing = {
  inverse<T extends object>(_: Calls<T>, __: DropoutArgs<T>, updated: T): T {
    return updated;
  },
  aliases: (_: Meta, args: DropoutArgs<Meta>): boolean => isIdentity(args),
};

/** Which elements are kept, each by a draw of its own. */
function drawn({ shape }: Tensor, p: number): Tensor {
  return mapUnary(filled("float64", shape as number[], 0), "bool", () => Math.random() >= p);
}

/** The kept elements, scaled so that the mean stays. */
function keep(input: Tensor, kept: Tensor, p: number): Tensor {
  return mapBinary(input, convert(kept, input.dtype), input.dtype, (x, k) => k === 0 ? 0 : x / (1 - p));
}

const common = {
  ...viewing,
  random: (args: DropoutArgs<unknown>): boolean => !isIdentity(args),
  meta: (_: MetaContext, { input }: DropoutArgs<Meta>): Meta => shaped(input, input.shape),
};

/** Variants that ONNX has no random form for. */
const evaluationOnly = {
  ...common,
  kernel(args: DropoutArgs<Tensor>): Tensor {
    if (!isIdentity(args)) refuse("train", true, "only its evaluation is known");
    return args.input;
  },
  onnx(_: OnnxBuilder, args: DropoutArgs<OnnxValue>): OnnxValue {
    if (!isIdentity(args)) refuse("train", true, "ONNX has no such dropout; call eval() on the model before capture");
    return args.input;
  },
};

function onnxDropout(b: OnnxBuilder, input: OnnxValue, p: number, wanted: readonly boolean[]): OnnxValue[] {
  requireFloat(b.meta(input).dtype, "The input of dropout");
  const training = b.constant(Tensor.of("bool", [], [1]));
  return b.ops("Dropout", [input, b.scalar(p, "float32"), training], wanted);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.dropout.html */
export const dropout = defineOp("aten::dropout(Tensor input, float p, bool train) -> Tensor", {
  ...common,
  kernel: (args) => isIdentity(args) ? args.input : keep(args.input, drawn(args.input, args.p), args.p),
  onnx: (b, { input, p, train }) => {
    if (isIdentity({ p, train })) return input;
    // Dropping all would scale by infinity.
    if (p === 1) return b.op("Mul", [input, b.scalar(0, b.meta(input).dtype)]);
    return onnxDropout(b, input, p, [true])[0];
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.dropout2d.html */
export const featureDropout = defineOp(
  "aten::feature_dropout(Tensor input, float p, bool train) -> Tensor",
  evaluationOnly,
);
/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.alpha_dropout.html */
export const alphaDropout = defineOp(
  "aten::alpha_dropout(Tensor input, float p, bool train) -> Tensor",
  evaluationOnly,
);
/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.feature_alpha_dropout.html */
export const featureAlphaDropout = defineOp(
  "aten::feature_alpha_dropout(Tensor input, float p, bool train) -> Tensor",
  evaluationOnly,
);

/** The core form of dropout: the result and which elements were kept. Training is the default. */
export const nativeDropout = defineOp("aten::native_dropout(Tensor input, float p, bool? train) -> (Tensor, Tensor)", {
  random: ({ p, train }) => !isIdentity({ p, train: train ?? true }),
  meta: (_, { input }) => [shaped(input, input.shape), like(input, "bool")],
  kernel: ({ input, p, train }) => {
    if (isIdentity({ p, train: train ?? true })) return [input, filled("bool", input.shape, true)];
    const kept = drawn(input, p);
    return [keep(input, kept, p), kept];
  },
  onnx: (b, { input, p, train }) => {
    if (!isIdentity({ p, train: train ?? true })) {
      if (p === 1) refuse("p", p, "ONNX's Dropout can't drop all elements");
      const [y, mask] = onnxDropout(b, input, p, [true, true]);
      return [y, mask];
    }
    const kept = b.scalar(true, "bool");
    const { shape } = b.meta(input);
    return [input, shape.length === 0 ? kept : b.op("Expand", [kept, b.ints(shape)])];
  },
});
