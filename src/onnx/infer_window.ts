/** Inference for convolutions, pooling, Fourier transforms: operators that slide a window, or have one. */
import { add, ceilDiv, type Dim, floorDiv, isSym, mul, sub, sum } from "../sym/mod.ts";
import { given, type Rule, type Site } from "./infer_site.ts";

/** Where windows stand: one entry per spatial dim. */
interface Window {
  /** Sizes of the kernel. */
  readonly kernel: readonly Dim[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Before each dim, then after each. */
  readonly pads: readonly number[];
  readonly autoPad: string;
}

function windowOf(s: Site, rank: number, kernel: readonly Dim[]): Window {
  const listed = (name: string, length: number, otherwise: number): number[] => {
    const values = s.ints(name) ?? new Array<number>(length).fill(otherwise);
    if (values.length !== length) {
      throw new RangeError(`${s.node.opType} over ${rank} dimensions takes ${length} ${name}, met ${values.length}`);
    }
    return values;
  };
  if (kernel.length !== rank) {
    throw new RangeError(`${s.node.opType} over ${rank} dimensions has a kernel of [${kernel.join(", ")}]`);
  }
  const strides = listed("strides", rank, 1);
  if (strides.some((n) => n <= 0)) throw new RangeError(`${s.node.opType} has strides [${strides.join(", ")}]`);
  const autoPad = s.text("auto_pad", "NOTSET");
  return {
    kernel,
    strides,
    dilations: listed("dilations", rank, 1),
    pads: autoPad === "NOTSET" ? listed("pads", 2 * rank, 0) : new Array<number>(2 * rank).fill(0),
    autoPad,
  };
}

/** The span of a dilated kernel: `(kernel - 1) * dilation + 1`. */
function extent(window: Window, i: number): Dim {
  return add(mul(sub(window.kernel[i], 1), window.dilations[i]), 1);
}

/** How many windows fit in each spatial dim. */
function slide(s: Site, sizes: readonly Dim[], window: Window, ceil = false): Dim[] {
  return sizes.map((size, i) => {
    const stride = window.strides[i];
    if (window.autoPad.startsWith("SAME")) return ceilDiv(size, stride);
    const [before, after] = [window.pads[i], window.pads[i + sizes.length]];
    const room = sub(sum([size, before, after]), extent(window, i));
    if (!isSym(room) && room < 0) {
      throw new RangeError(
        `${s.node.opType} has a window of ${
          extent(window, i)
        } over a dimension of ${size} padded by ${before} and ${after}`,
      );
    }
    if (!ceil) return add(floorDiv(room, stride), 1);
    const windows = add(ceilDiv(room, stride), 1);
    // A window that would start in the padding after the dim is left out; one at least that long can't start there.
    const isLong = s.atLeast(extent(window, i), stride + after) === true;
    return isLong ? windows : s.smaller(windows, ceilDiv(add(size, before), stride));
  });
}

/** The shape of a convolution with the weight at an input. */
function conv(s: Site, weight: number): Dim[] {
  const from = s.needRank(0, 3);
  const filter = s.needRank(weight, from.length, from.length);
  const group = s.int("group", 1);
  if (s.node.opType !== "DeformConv" && s.same(from[1], mul(filter[1], group)) === false) {
    throw new RangeError(
      `${s.node.opType} of ${from[1]} channels has a weight of [${filter.join(", ")}] in ${group} groups`,
    );
  }
  const kernel = s.ints("kernel_shape") ?? filter.slice(2);
  return [from[0], filter[0], ...slide(s, from.slice(2), windowOf(s, from.length - 2, kernel))];
}

function convTranspose(s: Site): void {
  const from = s.needRank(0, 3);
  const filter = s.needRank(1, from.length, from.length);
  const rank = from.length - 2;
  const window = windowOf(s, rank, s.ints("kernel_shape") ?? filter.slice(2));
  const extra = s.ints("output_padding") ?? new Array<number>(rank).fill(0);
  const stated = s.ints("output_shape")?.slice(-rank);
  if (s.same(from[1], filter[0]) === false) {
    throw new RangeError(`ConvTranspose of ${from[1]} channels has a weight of [${filter.join(", ")}]`);
  }
  const spatial = stated ?? from.slice(2).map((size, i) => {
    const stride = window.strides[i];
    if (window.autoPad.startsWith("SAME")) return mul(size, stride);
    const pads = window.pads[i] + window.pads[i + rank];
    return sub(sum([mul(sub(size, 1), stride), extra[i] ?? 0, extent(window, i)]), pads);
  });
  s.set(0, s.dtype(0), [from[0], mul(filter[1], s.int("group", 1)), ...spatial]);
}

function pool(s: Site): void {
  const from = s.needRank(0, 3);
  const window = windowOf(s, from.length - 2, s.ints("kernel_shape") ?? []);
  const shape = [from[0], from[1], ...slide(s, from.slice(2), window, s.int("ceil_mode", 0) === 1)];
  s.set(0, s.dtype(0), shape);
  if (s.node.opType === "MaxPool") s.set(1, "int64", shape);
}

function globalPool(s: Site): void {
  const from = s.needRank(0, 2);
  s.set(0, s.dtype(0), from.map((d, i) => i < 2 ? d : 1));
}

function maxUnpool(s: Site): void {
  const from = s.needRank(0, 3);
  const rank = from.length - 2;
  if (s.has(2)) {
    const sizes = s.content(2);
    s.set(0, s.dtype(0), sizes ?? s.freshShape(0, from.length));
    return;
  }
  const window = windowOf(s, rank, s.ints("kernel_shape") ?? []);
  const spatial = from.slice(2).map((size, i) =>
    sub(add(mul(sub(size, 1), window.strides[i]), window.kernel[i]), window.pads[i] + window.pads[i + rank])
  );
  s.set(0, s.dtype(0), [from[0], from[1], ...spatial]);
}

function roi(s: Site, pooled: readonly number[]): void {
  s.set(0, s.dtype(0), [s.shape(1)[0], s.needRank(0, 4, 4)[1], ...pooled]);
}

/** Sizes that a window of an FFT gives: half of them, and one, when the input is real. */
function halved(length: Dim): Dim {
  return add(floorDiv(length, 2), 1);
}

function dft(s: Site): void {
  const from = s.needRank(0, 2);
  const axisInput = s.opset >= 20;
  const given = axisInput ? (s.has(2) ? s.scalar(2) : -2) : s.int("axis", 1);
  const oneSided = s.int("onesided", 0) === 1;
  const inverse = s.int("inverse", 0) === 1;
  // The real input of a one-sided transform comes back from its inverse.
  const last = inverse && oneSided ? 1 : 2;
  if (given === null || isSym(given)) {
    s.set(0, s.dtype(0), from.map((_, i) => i === from.length - 1 ? last : s.fresh(0, i)));
    return;
  }
  const axis = s.axis(given, from.length);
  const length = s.has(1) ? s.scalar(1) : inverse && oneSided ? mul(sub(from[axis], 1), 2) : from[axis];
  const size = length === null ? s.fresh(0, axis) : oneSided && !inverse ? halved(length) : length;
  s.set(0, s.dtype(0), from.map((d, i) => i === axis ? size : i === from.length - 1 ? last : d));
}

function stft(s: Site): void {
  const from = s.needRank(0, 2, 3);
  const step = s.scalar(1);
  const length = (s.has(3) ? s.scalar(3) : null) ?? s.meta(2)?.shape[0] ?? null;
  const frames = length === null || step === null ? s.fresh(0, 1) : add(floorDiv(sub(from[1], length), step), 1);
  const bins = length === null ? s.fresh(0, 2) : s.int("onesided", 1) === 1 ? halved(length) : length;
  s.set(0, s.dtype(0), [from[0], frames, bins, 2]);
}

/** The rules of ONNX's own domain. */
export const WINDOW: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ["Conv", given(2, (s) => s.set(0, s.dtype(0), conv(s, 1)))],
  ["DeformConv", given(2, (s) => s.set(0, s.dtype(0), conv(s, 1)))],
  ["ConvInteger", given(2, (s) => s.set(0, "int32", conv(s, 1)))],
  ["QLinearConv", (s) => {
    if (s.knows(0) && s.knows(3)) s.set(0, s.meta(7)?.dtype ?? s.dtype(0), conv(s, 3));
  }],
  ["ConvTranspose", given(2, convTranspose)],
  ["AveragePool", given(1, pool)],
  ["LpPool", given(1, pool)],
  ["MaxPool", given(1, pool)],
  ["GlobalAveragePool", given(1, globalPool)],
  ["GlobalLpPool", given(1, globalPool)],
  ["GlobalMaxPool", given(1, globalPool)],
  ["MaxUnpool", given(1, maxUnpool)],
  ["MaxRoiPool", given(2, (s) => roi(s, s.ints("pooled_shape") ?? []))],
  ["RoiAlign", given(2, (s) => roi(s, [s.int("output_height", 1), s.int("output_width", 1)]))],
  ["DFT", given(1, dft)],
  ["STFT", given(1, stft)],
]);
