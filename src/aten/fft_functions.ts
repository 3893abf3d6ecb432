/**
 * The functions of `torch.fft`: what sizes, dims and norms are meant, and which transform that is. Integers and bools are
 * transformed as floats, real tensors where a complex one is needed as such.
 *
 * Source: https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/native/SpectralOps.cpp
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { add, type Dim, eq, floorDiv, ge, isSym, le, mul, sub } from "../sym/mod.ts";
import { type DType, isComplex, type Meta, newData, normalizeDim, Tensor, toComplex } from "../tensor/mod.ts";
import { conjPhysical } from "./complex.ts";
import { requireStrided } from "./create.ts";
import { fftC2c, fftC2r, fftR2c, halfOf, type Normalization } from "./fft.ts";
import { roll } from "./flip.ts";
import { type Calls, defineOp } from "./op.ts";
import { constantPadNd } from "./pad.ts";
import { refuse, requireFloat } from "./rules.ts";
import { slice } from "./slice.ts";

export * as forms from "./complex_forms.ts";

const toFloat = { args: ["self"], to: "float" } as const;

/** How a transform in one direction is scaled. */
function normOf(norm: string | null, forward: boolean): Normalization {
  if (norm === "ortho") return 1;
  if (norm === null || norm === "backward") return forward ? 0 : 2;
  if (norm === "forward") return forward ? 2 : 0;
  return refuse("norm", norm, 'it is "backward", "ortho" or "forward"');
}

function requireRealInput({ dtype }: Meta, name: string): void {
  if (isComplex(dtype)) throw new TypeError(`${name} takes a real tensor, met ${dtype}`);
}

function asComplex<T>(t: Calls<T>, x: T): T {
  return t.cast(x, toComplex(t.meta(x).dtype));
}

/** The dim with so many elements: cut off, or followed by zeros. */
function resized<T extends object>(t: Calls<T>, x: T, dim: number, size: Dim): T {
  if (!isSym(size) && size < 1) refuse("n", size, "a transform has at least one element");
  const from = t.meta(x).shape[dim];
  if (eq(from, size) === true) return x;
  const padded = (by: Dim): T => {
    const rank = t.meta(x).shape.length;
    return t.call(constantPadNd, x, [...new Array<number>(2 * (rank - 1 - dim)).fill(0), 0, by], 0n);
  };
  const cut = (y: T): T => t.call(slice, y, dim, 0, size);
  if (ge(from, size) === true) return cut(x);
  // As many zeros as the wanted size are enough where it is not known which of the two is larger.
  return le(from, size) === true ? padded(sub(size, from)) : cut(padded(size));
}

/** Dims and their sizes after resizing. */
interface Plan {
  readonly dims: readonly number[];
  readonly sizes: readonly Dim[];
}

/** https://docs.pytorch.org/docs/stable/generated/torch.fft.fftn.html: without dims, the last ones that have sizes, or all. */
function planOf(shape: readonly Dim[], s: readonly Dim[] | null, dim: readonly number[] | null): Plan {
  const rank = shape.length;
  const dims = dim
    ? dim.map((d) => normalizeDim(d, rank))
    : Array.from({ length: s?.length ?? rank }, (_, i) => rank - (s?.length ?? rank) + i);
  if (dims.some((d) => d < 0)) refuse("s", `[${s?.join(", ")}]`, `the tensor has only ${rank} dimensions`);
  if (new Set(dims).size !== dims.length) refuse("dim", `[${dim?.join(", ")}]`, "dims must be different");
  if (s && s.length !== dims.length) refuse("s", `[${s.join(", ")}]`, `sizes for ${dims.length} dims are needed`);
  if (rank === 0 && dims.length > 0) refuse("dim", `[${dim?.join(", ")}]`, "the tensor has no dimensions");
  return { dims, sizes: dims.map((d, i) => s && s[i] !== -1 ? s[i] : shape[d]) };
}

function allResized<T extends object>(t: Calls<T>, x: T, { dims, sizes }: Plan): T {
  return dims.reduce((y, d, i) => resized(t, y, d, sizes[i]), x);
}

/** Complex to complex. */
function complexTransform<T extends object>(
  t: Calls<T>,
  self: T,
  s: readonly Dim[] | null,
  dim: readonly number[] | null,
  norm: string | null,
  forward: boolean,
): T {
  const plan = planOf(t.meta(self).shape, s, dim);
  const scale = normOf(norm, forward);
  const x = allResized(t, self, plan);
  if (plan.dims.length === 0) return asComplex(t, x);
  const isReal = !isComplex(t.meta(self).dtype);
  // The spectrum of a real signal along one dim is that of PyTorch's real transform.
  if (isReal && plan.dims.length === 1) {
    const spectrum = t.call(fftR2c, x, [...plan.dims], scale, false);
    return forward ? spectrum : t.call(conjPhysical, spectrum);
  }
  return t.call(fftC2c, asComplex(t, x), plan.dims, scale, forward);
}

/** Real to one half of a spectrum; backward it is the conjugate. */
function realTransform<T extends object>(
  t: Calls<T>,
  self: T,
  s: readonly Dim[] | null,
  dim: readonly number[] | null,
  norm: string | null,
  forward: boolean,
): T {
  requireRealInput(t.meta(self), forward ? "rfft" : "ihfft");
  const plan = planOf(t.meta(self).shape, s, dim);
  if (plan.dims.length === 0) refuse("dim", "[]", "at least one dimension is transformed");
  const spectrum = t.call(fftR2c, allResized(t, self, plan), plan.dims, normOf(norm, forward), true);
  return forward ? spectrum : t.call(conjPhysical, spectrum);
}

/** One half of a spectrum to real; forward, of the conjugate. */
function halfTransform<T extends object>(
  t: Calls<T>,
  self: T,
  s: readonly Dim[] | null,
  dim: readonly number[] | null,
  norm: string | null,
  forward: boolean,
): T {
  const { shape } = t.meta(self);
  const { dims, sizes } = planOf(shape, s, dim);
  if (dims.length === 0) refuse("dim", "[]", "at least one dimension is transformed");
  const last = dims.length - 1;
  const isGiven = s !== null && s[last] !== -1;
  const length = isGiven ? sizes[last] : mul(sub(shape[dims[last]], 1), 2);
  if (!isSym(length) && length < 1) refuse("n", length, "a transform has at least one element");
  const half = [...sizes.slice(0, -1), halfOf(length)];
  const x = allResized(t, asComplex(t, self), { dims, sizes: half });
  const signal = forward ? t.call(conjPhysical, x) : x;
  return t.call(fftC2r, signal, dims, normOf(norm, forward), length);
}

type Transform = typeof complexTransform;

interface One<T> {
  readonly self: T;
  readonly n: Dim | null;
  readonly dim: number;
  readonly norm: string | null;
}

interface Many<T> {
  readonly self: T;
  readonly s: readonly Dim[] | null;
  readonly dim: readonly number[] | null;
  readonly norm: string | null;
}

/** Rules of a function of one dim. */
function along(transform: Transform, forward: boolean) {
  return {
    promote: toFloat,
    decompose: <T extends object>(t: Calls<T>, { self, n, dim, norm }: One<T>): T =>
      transform(t, self, n === null ? null : [n], [dim], norm, forward),
  };
}

/** Rules of a function of several dims. */
function over(transform: Transform, forward: boolean) {
  return {
    promote: toFloat,
    decompose: <T extends object>(t: Calls<T>, { self, s, dim, norm }: Many<T>): T =>
      transform(t, self, s, dim, norm, forward),
  };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.fft.fft.html */
export const fft = defineOp(
  "aten::fft_fft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor",
  along(complexTransform, true),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.fft.ifft.html */
export const ifft = defineOp(
  "aten::fft_ifft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor",
  along(complexTransform, false),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.fft.rfft.html */
export const rfft = defineOp(
  "aten::fft_rfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor",
  along(realTransform, true),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.fft.irfft.html */
export const irfft = defineOp(
  "aten::fft_irfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor",
  along(halfTransform, false),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.fft.hfft.html */
export const hfft = defineOp(
  "aten::fft_hfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor",
  along(halfTransform, true),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.fft.ihfft.html */
export const ihfft = defineOp(
  "aten::fft_ihfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor",
  along(realTransform, false),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.fft.fft2.html */
export const fft2 = defineOp(
  "aten::fft_fft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor",
  over(complexTransform, true),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.fft.ifft2.html */
export const ifft2 = defineOp(
  "aten::fft_ifft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor",
  over(complexTransform, false),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.fft.rfft2.html */
export const rfft2 = defineOp(
  "aten::fft_rfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor",
  over(realTransform, true),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.fft.irfft2.html */
export const irfft2 = defineOp(
  "aten::fft_irfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor",
  over(halfTransform, false),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.fft.hfft2.html */
export const hfft2 = defineOp(
  "aten::fft_hfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor",
  over(halfTransform, true),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.fft.ihfft2.html */
export const ihfft2 = defineOp(
  "aten::fft_ihfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor",
  over(realTransform, false),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.fft.fftn.html */
export const fftn = defineOp(
  "aten::fft_fftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor",
  over(complexTransform, true),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.fft.ifftn.html */
export const ifftn = defineOp(
  "aten::fft_ifftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor",
  over(complexTransform, false),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.fft.rfftn.html */
export const rfftn = defineOp(
  "aten::fft_rfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor",
  over(realTransform, true),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.fft.irfftn.html */
export const irfftn = defineOp(
  "aten::fft_irfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor",
  over(halfTransform, false),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.fft.hfftn.html */
export const hfftn = defineOp(
  "aten::fft_hfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor",
  over(halfTransform, true),
);
/** https://docs.pytorch.org/docs/stable/generated/torch.fft.ihfftn.html */
export const ihfftn = defineOp(
  "aten::fft_ihfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor",
  over(realTransform, false),
);

/** Rolls each dim by half of its size. */
function shift<T extends object>(t: Calls<T>, self: T, dim: readonly number[] | null, by: (size: Dim) => Dim): T {
  const { shape } = t.meta(self);
  const dims = dim ? dim.map((d) => normalizeDim(d, shape.length)) : shape.map((_, d) => d);
  return dims.length === 0 ? self : t.call(roll, self, dims.map((d) => by(shape[d])), dims);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.fft.fftshift.html */
export const fftshift = defineOp("aten::fft_fftshift(Tensor self, int[1]? dim=None) -> Tensor", {
  decompose: (t, { self, dim }) => shift(t, self, dim, (size) => floorDiv(size, 2)),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.fft.ifftshift.html */
export const ifftshift = defineOp("aten::fft_ifftshift(Tensor self, int[1]? dim=None) -> Tensor", {
  decompose: (t, { self, dim }) => shift(t, self, dim, (size) => floorDiv(add(size, 1), 2)),
});

interface Frequencies {
  readonly n: number;
  readonly d: number;
  readonly dtype: DType | null;
  readonly layout: string | null;
}

/** Rules of the frequencies of a transform: a constant. */
function frequencies(name: string, count: (n: number) => number, indexOf: (k: number, n: number) => number) {
  const dtypeOf = ({ n, d, dtype, layout }: Frequencies): DType => {
    requireStrided(layout);
    if (n < 1) refuse("n", n, "a transform has at least one element");
    if (d === 0) refuse("d", d, "samples lie apart from each other");
    requireFloat(dtype ?? "float32", `The result of ${name}`);
    return dtype ?? "float32";
  };
  const kernel = (args: Frequencies): Tensor => {
    const [dtype, { n, d }] = [dtypeOf(args), args];
    const data = newData(dtype, count(n));
    for (let k = 0; k < data.length; k++) data[k] = indexOf(k, n) * (1 / (n * d));
    return Tensor.of(dtype, [data.length], data);
  };
  return {
    meta: (_: unknown, args: Frequencies): Meta => ({ dtype: dtypeOf(args), shape: [count(args.n)] }),
    kernel,
    onnx: (b: OnnxBuilder, args: Frequencies): OnnxValue => b.constant(kernel(args)),
  };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.fft.fftfreq.html */
export const fftfreq = defineOp(
  "aten::fft_fftfreq(int n, float d=1., *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  frequencies("fftfreq", (n) => n, (k, n) => k < Math.ceil(n / 2) ? k : k - n),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.fft.rfftfreq.html */
export const rfftfreq = defineOp(
  "aten::fft_rfftfreq(int n, float d=1., *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  frequencies("rfftfreq", (n) => Math.floor(n / 2) + 1, (k) => k),
);
