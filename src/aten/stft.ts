/**
 * Short-time Fourier transforms, which are transforms of windows that slide over a signal, and back. Real signals are one
 * STFT in ONNX; everything else is put together from frames.
 *
 * Source: https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/native/SpectralOps.cpp
 */
import { ComplexValue } from "../onnx/complex.ts";
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { add, type Dim, isSym, le, mul, sub } from "../sym/mod.ts";
import { isComplex, isFloat, type Meta } from "../tensor/mod.ts";
import { mul as times } from "./binary.ts";
import { viewAsReal } from "./complex.ts";
import { div } from "./division.ts";
import { expand } from "./expand.ts";
import { fftC2c, fftC2r, fftR2c, isPower, type Normalization } from "./fft.ts";
import { fourierMatrix, isShort } from "./fourier_matrix.ts";
import { col2im } from "./im2col.ts";
import { type Calls, defineOp } from "./op.ts";
import { constantPadNd, pad } from "./pad.ts";
import { transpose } from "./permute.ts";
import { refuse } from "./rules.ts";
import { larger } from "./shapes.ts";
import { slice } from "./slice.ts";
import { unfold } from "./unfold.ts";
import { reshape, squeezeDim, unsqueeze } from "./view.ts";

export * as forms from "./complex_forms.ts";

interface Frames<T> {
  readonly self: T;
  readonly n_fft: number;
  readonly hop_length: number | null;
  readonly win_length: number | null;
  readonly window: T | null;
  readonly normalized: boolean;
  readonly onesided: boolean | null;
}

interface Forward<T> extends Frames<T> {
  readonly center?: boolean;
  readonly pad_mode?: string;
  readonly return_complex: boolean | null;
  readonly align_to_window: boolean | null;
}

interface Backward<T> extends Frames<T> {
  readonly center: boolean;
  readonly length: number | null;
  readonly return_complex: boolean;
}

/** How windows slide. */
interface Slide {
  readonly size: number;
  readonly hop: number;
  /** Elements that the window looks at, in the middle of its size. */
  readonly width: number;
  /** Elements before those. */
  readonly lead: number;
}

function slideOf({ n_fft, hop_length, win_length }: Frames<unknown>, window: Meta | null): Slide {
  const hop = hop_length ?? Math.floor(n_fft / 4);
  const width = win_length ?? n_fft;
  if (n_fft < 1) refuse("n_fft", n_fft, "it must be positive");
  if (hop < 1) refuse("hop_length", hop, "it must be positive");
  if (width < 1 || width > n_fft) refuse("win_length", width, `it must lie between 1 and n_fft, ${n_fft}`);
  if (window && (window.shape.length !== 1 || (!isSym(window.shape[0]) && window.shape[0] !== width))) {
    refuse("window", `[${window.shape.join(", ")}]`, `it must be a 1-d tensor of ${width} elements`);
  }
  return { size: n_fft, hop, width, lead: Math.floor((n_fft - width) / 2) };
}

/** Zeros that are put before and after the signal, and how. */
function paddingOf(args: Forward<unknown>, { size, width, lead }: Slide): { by: [number, number]; mode: string } {
  const { center = false, pad_mode = "reflect", align_to_window } = args;
  if (center) {
    if (align_to_window !== null) {
      refuse("align_to_window", align_to_window, "PyTorch takes it only where center is False");
    }
    const half = Math.floor(size / 2);
    return { by: [half, half], mode: pad_mode };
  }
  // The first window begins where its own elements do: what it does not look at is zero.
  return { by: align_to_window ? [lead, size - width - lead] : [0, 0], mode: "constant" };
}

function checkSignal({ dtype, shape }: Meta, size: number, by: readonly [number, number]): void {
  if (!isFloat(dtype) && !isComplex(dtype)) throw new TypeError(`stft takes a float or complex tensor, met ${dtype}`);
  if (shape.length !== 1 && shape.length !== 2) {
    throw new RangeError(`stft takes a tensor of 1 or 2 dimensions, met ${shape.length}`);
  }
  const length = add(shape[shape.length - 1], by[0] + by[1]);
  if (!isSym(length) && length < size) refuse("n_fft", size, `the signal has only ${length} elements`);
}

function returnsComplex({ return_complex }: Forward<unknown>, signal: Meta, window: Meta | null): boolean {
  if (return_complex !== null) return return_complex;
  if (isComplex(signal.dtype) || (window !== null && isComplex(window.dtype))) return true;
  return refuse("return_complex", "None", "PyTorch asks for it where signal and window are real");
}

function isOnesided({ onesided }: Frames<unknown>, complex: boolean): boolean {
  if (onesided === true && complex) refuse("onesided", true, "a complex signal has no mirrored spectrum");
  return onesided ?? !complex;
}

/** The window in the middle of its size. Null where it is 1 everywhere. */
function fullWindow<T extends object>(t: Calls<T>, { window, self }: Frames<T>, slide: Slide): T | null {
  const { size, width, lead } = slide;
  if (width === size) return window;
  const { dtype } = t.meta(self);
  const inner = window ?? t.full([width], 1, isComplex(dtype) ? t.meta(t.parts(self)[0]).dtype : dtype);
  return t.call(constantPadNd, inner, [lead, size - width - lead], 0n);
}

function scaleOf(normalized: boolean): Normalization {
  return normalized ? 1 : 0;
}

/** From frames: each is multiplied by the window and transformed. */
function forward<T extends object>(t: Calls<T>, args: Forward<T>): T {
  const { self, normalized } = args;
  const windowMeta = args.window && t.meta(args.window);
  const slide = slideOf(args, windowMeta);
  const { by, mode } = paddingOf(args, slide);
  const meta = t.meta(self);
  checkSignal(meta, slide.size, by);
  const asComplex = returnsComplex(args, meta, windowMeta);
  const isFlat = meta.shape.length === 1;
  const rows = isFlat ? t.call(unsqueeze, self, 0) : self;
  const x = by[0] + by[1] > 0 ? t.call(pad, rows, by, mode) : rows;
  const frames = t.call(unfold, x, 1, slide.size, slide.hop);
  const window = fullWindow(t, args, slide);
  const seen = window ? t.call(times, frames, window) : frames;
  const complex = isComplex(t.meta(seen).dtype);
  const onesided = isOnesided(args, complex);
  const spectra = complex
    ? t.call(fftC2c, seen, [2], scaleOf(normalized), true)
    : t.call(fftR2c, seen, [2], scaleOf(normalized), onesided);
  const turned = t.call(transpose, spectra, 1, 2);
  const shaped = isFlat ? t.call(squeezeDim, turned, 0) : turned;
  return asComplex ? shaped : t.call(viewAsReal, shaped);
}

/**
 * The same of a real signal as one node. onnxruntime's STFT is exact in single precision for powers of two only (see
 * `fourier_matrix.ts`).
 */
function emitForward(b: OnnxBuilder, args: Forward<OnnxValue>): OnnxValue {
  const { self, window, normalized } = args;
  const windowMeta = window && b.meta(window);
  const slide = slideOf(args, windowMeta);
  const { by, mode } = paddingOf(args, slide);
  const meta = b.meta(self);
  checkSignal(meta, slide.size, by);
  const asComplex = returnsComplex(args, meta, windowMeta);
  const { size, width, lead } = slide;
  const padded = by[0] + by[1] > 0 ? pad.onnx!(b, { self, pad: by, mode, value: null }) : self;
  const isFlat = meta.shape.length === 1;
  const isShortFrame = meta.dtype !== "float64" && !isPower(size) && isShort(b, size);
  const wide = meta.dtype !== "float64" && (isPower(size) || isShortFrame) ? "float32" : "float64";
  const onesided = isOnesided(args, false);
  const signal = b.cast(isFlat ? b.unsqueeze(padded, 0) : padded, wide);
  let full = window ? b.cast(window, wide) : null;
  if (width < size) {
    const inner = full ?? b.op("Expand", [b.scalar(1, wide), b.ints([width])]);
    full = b.op("Pad", [inner, b.ints([lead, size - width - lead])], { mode: "constant" });
  }
  // [batch, bins, frames, 2]
  const spectra = isShortFrame
    ? convolved(b, signal, full, slide, onesided)
    : transformed(b, signal, full, slide, onesided);
  const scaled = normalized ? b.op("Mul", [spectra, b.scalar(1 / Math.sqrt(size), wide)]) : spectra;
  const result = b.cast(isFlat ? b.squeeze(scaled, 0) : scaled, meta.dtype);
  return asComplex ? ComplexValue.packed(result) : result;
}

/** The spectra of a signal's frames by STFT. */
function transformed(
  b: OnnxBuilder,
  signal: OnnxValue,
  window: OnnxValue | null,
  { size, hop }: Slide,
  onesided: boolean,
): OnnxValue {
  const inputs = [b.unsqueeze(signal, 2), b.scalar(BigInt(hop), "int64"), window, b.scalar(BigInt(size), "int64")];
  return b.transpose(b.op("STFT", inputs, { onesided: onesided ? 1 : 0 }), [0, 2, 1, 3]);
}

/** The same by a convolution: its weights are the matrix of the transform, of short frames. */
function convolved(
  b: OnnxBuilder,
  signal: OnnxValue,
  window: OnnxValue | null,
  { size, hop }: Slide,
  onesided: boolean,
): OnnxValue {
  const bins = onesided ? Math.floor(size / 2) + 1 : size;
  const matrix = fourierMatrix(b, { rows: size, columns: bins, size, parts: 1, forward: true });
  const rows = b.unsqueeze(b.transpose(matrix, [1, 0]), 1);
  const weights = window ? b.op("Mul", [rows, window]) : rows;
  const y = b.op("Conv", [b.unsqueeze(signal, 1), weights], { strides: [hop] });
  const [batch, , frames] = b.meta(y).shape;
  return b.transpose(b.reshape(y, [batch, bins, 2, frames]), [0, 1, 3, 2]);
}

const rules = {
  decompose: forward,
  onnx: emitForward,
};

/** https://docs.pytorch.org/docs/stable/generated/torch.stft.html, after the signal was padded. */
export const stft = defineOp(
  "aten::stft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor",
  rules,
);

/** https://docs.pytorch.org/docs/stable/generated/torch.stft.html */
export const stftCenter = defineOp(
  'aten::stft.center(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, str pad_mode="reflect", bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor',
  rules,
);

/** Frames, `[batch, size, frames]`, added up where they lie in the signal. */
function overlapped<T extends object>(t: Calls<T>, frames: T, { size, hop }: Slide): T {
  const [re, im] = t.parts(frames);
  const sumOf = (x: T): T => {
    const [batch, , count] = t.meta(x).shape;
    const length = lengthOf(count, size, hop);
    return t.call(reshape, t.call(col2im, x, [1, length], [1, size], [1, 1], [0, 0], [1, hop]), [batch, length]);
  };
  const whole = sumOf(re);
  return im ? t.join(whole, sumOf(im)) : whole;
}

function lengthOf(count: Dim, size: number, hop: number): Dim {
  return add(mul(sub(count, 1), hop), size);
}

/**
 * https://docs.pytorch.org/docs/stable/generated/torch.istft.html. Where windows leave a gap PyTorch refuses the call; here
 * the result is not a number there.
 */
export const istft = defineOp(
  "aten::istft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, bool normalized=False, bool? onesided=None, int? length=None, bool return_complex=False) -> Tensor",
  {
    decompose: <T extends object>(t: Calls<T>, args: Backward<T>): T => {
      const { self, window, center, normalized, length, return_complex } = args;
      const meta = t.meta(self);
      const rank = meta.shape.length;
      if (!isComplex(meta.dtype)) throw new TypeError(`istft takes a complex tensor, met ${meta.dtype}`);
      if (rank !== 2 && rank !== 3) throw new RangeError(`istft takes a tensor of 2 or 3 dimensions, met ${rank}`);
      if (window && isComplex(t.meta(window).dtype)) {
        refuse("window", "complex", "istft is supported with real windows");
      }
      const slide = slideOf(args, window && t.meta(window));
      const { size } = slide;
      const half = Math.floor(size / 2) + 1;
      const spectra = rank === 2 ? t.call(unsqueeze, self, 0) : self;
      const [, bins, count] = t.meta(spectra).shape;
      const onesided = args.onesided ?? (!isSym(bins) && bins !== size);
      const wanted = onesided ? half : size;
      if (!isSym(bins) && bins !== wanted) refuse("n_fft", size, `the spectrum has ${bins} elements, not ${wanted}`);
      if (onesided && return_complex) refuse("onesided", true, "a one-sided spectrum has a real signal");
      const scale = normalized ? 1 : 2;
      const kept = onesided || return_complex ? spectra : t.call(slice, spectra, 1, 0, half);
      const frames = return_complex ? t.call(fftC2c, kept, [1], scale, false) : t.call(fftC2r, kept, [1], scale, size);
      const full = fullWindow(t, args, slide);
      const column = full && t.call(unsqueeze, full, 1);
      const seen = column ? t.call(times, frames, column) : frames;
      const { dtype } = t.meta(t.parts(frames)[0]);
      const squares = column ? t.call(unsqueeze, t.call(times, column, column), 0) : t.full([1, size, 1], 1, dtype);
      const envelope = overlapped(t, t.call(expand, squares, [1, size, count]), slide);
      const whole = lengthOf(count, size, slide.hop);
      const start = center ? Math.floor(size / 2) : 0;
      const end = length !== null ? start + length : center ? sub(whole, Math.floor(size / 2)) : whole;
      const cut = (x: T): T => start === 0 && end === whole ? x : t.call(slice, x, 1, start, end);
      const signal = t.call(div, cut(overlapped(t, seen, slide)), cut(envelope));
      const missing = le(end, whole) === true ? 0 : larger(sub(end, whole), 0);
      const result = missing === 0 ? signal : t.call(constantPadNd, signal, [0, missing], 0n);
      return rank === 2 ? t.call(squeezeDim, result, 0) : result;
    },
  },
);
