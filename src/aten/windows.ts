/** Window functions. Their length is a number, so that they are constants of the model. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type DType, type Meta, newData, Tensor } from "../tensor/mod.ts";
import { requireStrided } from "./create.ts";
import { defineOp } from "./op.ts";
import { refuse, requireFloat } from "./rules.ts";

interface Window {
  readonly window_length: number;
  readonly periodic?: boolean;
  readonly dtype: DType | null;
  readonly layout: string | null;
}

/** A window's value at `k` of `0…last`. */
type Shape<A> = (args: A) => (k: number, last: number) => number;

/** Rules of a window. A periodic one is that of one element more, without the last. */
function windowed<A extends Window>(shapeOf: Shape<A>) {
  const metaOf = ({ window_length, dtype, layout }: A): Meta & { readonly shape: readonly number[] } => {
    requireStrided(layout);
    if (window_length < 0) refuse("window_length", window_length, "it must not be negative");
    requireFloat(dtype ?? "float32", "A window");
    return { dtype: dtype ?? "float32", shape: [window_length] };
  };
  const kernel = (args: A): Tensor => {
    const { dtype, shape } = metaOf(args);
    const [n] = shape;
    const data = newData(dtype, n);
    const last = args.periodic ?? true ? n : n - 1;
    const valueAt = shapeOf(args);
    for (let k = 0; k < n; k++) data[k] = n === 1 ? 1 : valueAt(k, last);
    return Tensor.of(dtype, shape, data);
  };
  return {
    meta: (_: unknown, args: A): Meta => metaOf(args),
    kernel,
    onnx: (b: OnnxBuilder, args: A): OnnxValue => b.constant(kernel(args)),
  };
}

const bartlett: Shape<Window> = () => (k, last) => 1 - Math.abs(2 * k / last - 1);

const hann: Shape<Window> = () => (k, last) => 0.5 - 0.5 * Math.cos(2 * Math.PI * k / last);

const blackman: Shape<Window> = () => (k, last) => {
  const angle = 2 * Math.PI * k / last;
  return 0.42 - 0.5 * Math.cos(angle) + 0.08 * Math.cos(2 * angle);
};

function hamming({ alpha = 0.54, beta = 0.46 }: Window & { readonly alpha?: number; readonly beta?: number }) {
  return (k: number, last: number): number => alpha - beta * Math.cos(2 * Math.PI * k / last);
}

function kaiser({ beta = 12 }: Window & { readonly beta?: number }) {
  return (k: number, last: number): number => besselI0(beta * Math.sqrt(1 - (2 * k / last - 1) ** 2)) / besselI0(beta);
}

/** The modified Bessel function of the first kind and order 0, by its power series. */
function besselI0(x: number): number {
  let [sum, term] = [1, 1];
  for (let k = 1; term > sum * 1e-17; k++) sum += term *= (x / (2 * k)) ** 2;
  return sum;
}

/** https://docs.pytorch.org/docs/stable/generated/torch.bartlett_window.html */
export const bartlettWindow = defineOp(
  "aten::bartlett_window(int window_length, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  windowed(bartlett),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.bartlett_window.html */
export const bartlettWindowPeriodic = defineOp(
  "aten::bartlett_window.periodic(int window_length, bool periodic, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  windowed(bartlett),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.blackman_window.html */
export const blackmanWindow = defineOp(
  "aten::blackman_window(int window_length, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  windowed(blackman),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.blackman_window.html */
export const blackmanWindowPeriodic = defineOp(
  "aten::blackman_window.periodic(int window_length, bool periodic, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  windowed(blackman),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.hann_window.html */
export const hannWindow = defineOp(
  "aten::hann_window(int window_length, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  windowed(hann),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.hann_window.html */
export const hannWindowPeriodic = defineOp(
  "aten::hann_window.periodic(int window_length, bool periodic, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  windowed(hann),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.hamming_window.html */
export const hammingWindow = defineOp(
  "aten::hamming_window(int window_length, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  windowed(hamming),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.hamming_window.html */
export const hammingWindowPeriodic = defineOp(
  "aten::hamming_window.periodic(int window_length, bool periodic, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  windowed(hamming),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.hamming_window.html */
export const hammingWindowAlpha = defineOp(
  "aten::hamming_window.periodic_alpha(int window_length, bool periodic, float alpha, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  windowed(hamming),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.hamming_window.html */
export const hammingWindowAlphaBeta = defineOp(
  "aten::hamming_window.periodic_alpha_beta(int window_length, bool periodic, float alpha, float beta, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  windowed(hamming),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.kaiser_window.html */
export const kaiserWindow = defineOp(
  "aten::kaiser_window(int window_length, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  windowed(kaiser),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.kaiser_window.html */
export const kaiserWindowPeriodic = defineOp(
  "aten::kaiser_window.periodic(int window_length, bool periodic, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  windowed(kaiser),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.kaiser_window.html */
export const kaiserWindowBeta = defineOp(
  "aten::kaiser_window.beta(int window_length, bool periodic, float beta, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  windowed(kaiser),
);
