/** Images sampled at the places that a grid gives, and grids made of affine maps. */
import type { Scalar } from "../fx/mod.ts";
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, eq, isSym, prod, sub } from "../sym/mod.ts";
import { type DType, elementCount, type Meta, Tensor } from "../tensor/mod.ts";
import { convert } from "../tensor/loops.ts";
import { add, mul, mulScalar, subScalar } from "./binary.ts";
import { divScalar } from "./division.ts";
import { type Calls, defineOp } from "./op.ts";
import { permute } from "./permute.ts";
import { computeIn, floatKernelDType } from "./precision.ts";
import { arange } from "./range.ts";
import { refuse, requireFloat } from "./rules.ts";
import { larger } from "./shapes.ts";
import { hasFloatKernel } from "./spatial.ts";
import { roundEven } from "./special.ts";
import { splitSizes } from "./split.ts";
import { reshape } from "./view.ts";

interface GridArgs<T> {
  readonly input: T;
  readonly grid: T;
  readonly interpolation_mode: number;
  readonly padding_mode: number;
  readonly align_corners: boolean;
}

const MODES = ["bilinear", "nearest", "bicubic"] as const;
const PADDINGS = ["zeros", "border", "reflection"] as const;

/** How a sample is made. */
interface Sampling {
  readonly mode: typeof MODES[number];
  readonly padding: typeof PADDINGS[number];
  readonly align: boolean;
}

function samplingOf(args: Omit<GridArgs<unknown>, "input" | "grid">): Sampling {
  const mode = MODES[args.interpolation_mode] ??
    refuse("interpolation_mode", args.interpolation_mode, "it must be 0 (bilinear), 1 (nearest) or 2 (bicubic)");
  const padding = PADDINGS[args.padding_mode] ??
    refuse("padding_mode", args.padding_mode, "it must be 0 (zeros), 1 (border) or 2 (reflection)");
  return { mode, padding, align: args.align_corners };
}

function sampledMeta(args: GridArgs<Meta>, ranks: readonly number[]): Meta {
  const { input, grid } = args;
  const { mode } = samplingOf(args);
  requireFloat(input.dtype, "An image");
  if (grid.dtype !== input.dtype) throw new TypeError(`A grid must be ${input.dtype} as the image, met ${grid.dtype}`);
  const rank = input.shape.length - 2;
  if (!ranks.includes(rank)) {
    throw new RangeError(`An image of ${ranks.map((r) => r + 2).join(" or ")} dimensions is needed, met ${rank + 2}`);
  }
  if (grid.shape.length !== rank + 2 || eq(grid.shape[0], input.shape[0]) === false || grid.shape.at(-1) !== rank) {
    throw new RangeError(
      `A grid of [${grid.shape.join(", ")}] does not go with an image of [${input.shape.join(", ")}]`,
    );
  }
  if (mode === "bicubic" && rank !== 2) refuse("interpolation_mode", 2, "bicubic sampling is of two dimensions");
  return { dtype: input.dtype, shape: [...input.shape.slice(0, 2), ...grid.shape.slice(1, -1)] };
}

/** Arithmetic as PyTorch's kernels do it, rounded at each step. */
type Round = (x: number) => number;

/** From -1 … 1 to positions of elements. */
function positionOf(x: number, size: number, align: boolean, round: Round): number {
  if (align) return round(round(round(x + 1) / 2) * (size - 1));
  return round(round(round(round(x + 1) * size) - 1) / 2);
}

/** A position brought into the image, where the padding says so. */
function broughtIn(x: number, size: number, { padding, align }: Sampling, round: Round): number {
  if (padding === "zeros") return x;
  let at = x;
  if (padding === "reflection") {
    const low = align ? 0 : -0.5;
    const span = align ? size - 1 : size;
    if (span === 0) return 0;
    const distance = Math.abs(round(x - low));
    const extra = distance % span;
    at = Math.floor(distance / span) % 2 === 0 ? round(extra + low) : round(round(span - extra) + low);
  }
  return Math.min(size - 1, Math.max(at, 0));
}

/** Weights of four neighbours at a distance of `t` from the second. */
function cubicWeights(t: number): number[] {
  const a = -0.75;
  const near = (x: number): number => ((a + 2) * x - (a + 3)) * x * x + 1;
  const far = (x: number): number => ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return [far(t + 1), near(t), near(1 - t), far(2 - t)];
}

/** What of one dim takes part in a sample: indices and weights. */
function tapsOf(x: number, size: number, sampling: Sampling, round: Round): [index: number, weight: number][] {
  const at = positionOf(x, size, sampling.align, round);
  if (sampling.mode === "bicubic") {
    const low = Math.floor(at);
    return cubicWeights(at - low).map((w, k) => [broughtIn(low - 1 + k, size, sampling, round), w]);
  }
  const place = broughtIn(at, size, sampling, round);
  if (sampling.mode === "nearest") return [[roundEven(place), 1]];
  const low = Math.floor(place);
  return [[low, low + 1 - place], [low + 1, place - low]];
}

function sampleKernel(args: GridArgs<Tensor>): Tensor {
  const { input, grid } = args;
  const sampling = samplingOf(args);
  const shape = sampledMeta(args, [2, 3]).shape as number[];
  const [n, c, ...sizes] = input.shape;
  const rank = sizes.length;
  const outs = elementCount(shape.slice(2));
  const round: Round = input.dtype === "float64" ? (x) => x : Math.fround;
  const [data, places] = [input.data(), grid.data()];
  const out = new Float64Array(elementCount(shape));
  const plane = elementCount(sizes);
  for (let o = 0; o < n * outs; o++) {
    // The last element of a place is that of the first dim.
    const taps = sizes.map((size, d) => tapsOf(places[o * rank + rank - 1 - d] as number, size, sampling, round));
    let all: [index: number, weight: number][] = [[0, 1]];
    for (const [d, list] of taps.entries()) {
      const size = sizes[d];
      all = all.flatMap(([at, w]) =>
        list.flatMap(([i, v]): [number, number][] => i >= 0 && i < size ? [[at * size + i, w * v]] : [])
      );
    }
    for (let k = 0; k < c; k++) {
      const at = (Math.floor(o / outs) * c + k) * plane;
      out[(Math.floor(o / outs) * c + k) * outs + o % outs] = all.reduce(
        (sum, [i, w]) => sum + w * (data[at + i] as number),
        0,
      );
    }
  }
  return convert(Tensor.of("float64", shape, out), input.dtype);
}

/** Whether ONNX runtimes have a GridSample for it. */
function hasNode(b: OnnxBuilder, { dtype, shape }: Meta): boolean {
  return b.opset >= 20 || (shape.length === 4 && hasFloatKernel(dtype));
}

function sampleNode(b: OnnxBuilder, args: GridArgs<OnnxValue>): OnnxValue {
  const { input, grid } = args;
  const meta = b.meta(input);
  const { mode, padding, align } = samplingOf(args);
  const names = b.opset >= 20
    ? { bilinear: "linear", nearest: "nearest", bicubic: "cubic" }
    : { bilinear: "bilinear", nearest: "nearest", bicubic: "bicubic" };
  return computeIn(b, floatKernelDType(meta.dtype), [input, grid], (input, grid) => {
    if (!hasNode(b, meta)) return composeSample(b, input, grid, { mode, padding, align });
    return b.op("GridSample", [input, grid], {
      align_corners: align ? 1 : 0,
      mode: names[mode],
      padding_mode: padding,
    });
  });
}

/** Positions of one dim in the image, `[n, places]`. */
function positionNode(b: OnnxBuilder, x: OnnxValue, size: Dim, align: boolean): OnnxValue {
  const { dtype } = b.meta(x);
  const half = b.scalar(0.5, dtype);
  const moved = b.op("Add", [x, b.scalar(1, dtype)]);
  const length = (d: Dim): OnnxValue => b.cast(b.dim(d), dtype);
  if (align) return b.op("Mul", [b.op("Mul", [moved, half]), b.op("Sub", [length(size), b.scalar(1, dtype)])]);
  return b.op("Mul", [b.op("Sub", [b.op("Mul", [moved, length(size)]), b.scalar(1, dtype)]), half]);
}

/** Positions brought into the image, where the padding says so. */
function bringIn(b: OnnxBuilder, x: OnnxValue, size: Dim, { padding, align }: Sampling): OnnxValue {
  if (padding === "zeros") return x;
  const { dtype } = b.meta(x);
  const zero = b.scalar(0, dtype);
  const last = b.op("Sub", [b.cast(b.dim(size), dtype), b.scalar(1, dtype)]);
  let at = x;
  if (padding === "reflection") {
    if (align && size === 1) return b.op("Mul", [x, zero]);
    // A triangle wave: the distance to the nearest multiple of twice the span.
    const span = align ? last : b.cast(b.dim(size), dtype);
    const low = b.scalar(align ? 0 : -0.5, dtype);
    const turn = b.op("Mul", [span, b.scalar(2, dtype)]);
    const distance = b.op("Mod", [b.op("Abs", [b.op("Sub", [x, low])]), turn], { fmod: 1 });
    at = b.op("Add", [b.op("Min", [distance, b.op("Sub", [turn, distance])]), low]);
  }
  return b.op("Clip", [at, zero, last]);
}

/** One neighbour in one dim: index, weight, and whether it is inside. */
interface Tap {
  readonly index: OnnxValue;
  readonly weight: OnnxValue | null;
  readonly inside: OnnxValue | null;
}

function tapNodes(b: OnnxBuilder, x: OnnxValue, size: Dim, sampling: Sampling): Tap[] {
  const { dtype } = b.meta(x);
  const one = b.scalar(1, dtype);
  const at = positionNode(b, x, size, sampling.align);
  const last = b.op("Sub", [b.cast(b.dim(size), dtype), one]);
  const tap = (place: OnnxValue, weight: OnnxValue | null): Tap => {
    const clipped = b.op("Clip", [place, b.scalar(0, dtype), last]);
    // Without zeros around, only a neighbour of weight 0 can lie outside.
    const inside = sampling.padding === "zeros" ? b.op("Equal", [clipped, place]) : null;
    return { index: b.cast(clipped, "int64"), weight, inside };
  };
  if (sampling.mode === "bicubic") {
    const low = b.op("Floor", [at]);
    return cubicNodes(b, b.op("Sub", [at, low])).map((weight, k) =>
      tap(bringIn(b, b.op("Add", [low, b.scalar(k - 1, dtype)]), size, sampling), weight)
    );
  }
  const place = bringIn(b, at, size, sampling);
  if (sampling.mode === "nearest") return [tap(b.op("Round", [place]), null)];
  const low = b.op("Floor", [place]);
  const above = b.op("Sub", [place, low]);
  return [tap(low, b.op("Sub", [one, above])), tap(b.op("Add", [low, one]), above)];
}

/** {@linkcode cubicWeights} as nodes. */
function cubicNodes(b: OnnxBuilder, t: OnnxValue): OnnxValue[] {
  const { dtype } = b.meta(t);
  const a = -0.75;
  const polynomial = (x: OnnxValue, terms: readonly number[]): OnnxValue =>
    terms.slice(1).reduce(
      (y, term) => b.op("Add", [b.op("Mul", [y, x]), b.scalar(term, dtype)]),
      b.scalar(terms[0], dtype),
    );
  const plus = (x: OnnxValue, n: number): OnnxValue => b.op("Add", [x, b.scalar(n, dtype)]);
  const minus = (n: number, x: OnnxValue): OnnxValue => b.op("Sub", [b.scalar(n, dtype), x]);
  const near = [a + 2, -(a + 3), 0, 1];
  const far = [a, -5 * a, 8 * a, -4 * a];
  return [
    polynomial(plus(t, 1), far),
    polynomial(t, near),
    polynomial(minus(1, t), near),
    polynomial(minus(2, t), far),
  ];
}

/** Samples by gathering each neighbour and adding them by weight. */
function composeSample(b: OnnxBuilder, input: OnnxValue, grid: OnnxValue, sampling: Sampling): OnnxValue {
  const { dtype, shape: [n, c, ...sizes] } = b.meta(input);
  const outs = b.meta(grid).shape.slice(1, -1);
  const count = prod(outs);
  const rank = sizes.length;
  const flatGrid = b.reshape(grid, [n, count, rank]);
  const taps = sizes.map((size, d) => {
    const x = b.op("Gather", [flatGrid, b.scalar(BigInt(rank - 1 - d), "int64")], { axis: 2 });
    return tapNodes(b, x, size, sampling);
  });
  const flat = b.reshape(input, [n, c, prod(sizes)]);
  let all: Tap[] = taps[0];
  for (const [d, list] of taps.entries()) {
    if (d === 0) continue;
    const both = (op: string, x: OnnxValue | null, y: OnnxValue | null): OnnxValue | null =>
      x && y ? b.op(op, [x, y]) : x ?? y;
    all = all.flatMap((p) =>
      list.map((q): Tap => ({
        index: b.op("Add", [b.op("Mul", [p.index, b.dim(sizes[d])]), q.index]),
        weight: both("Mul", p.weight, q.weight),
        inside: both("And", p.inside, q.inside),
      }))
    );
  }
  const shape = b.ints([n, c, count]);
  const sum = all.map(({ index, weight, inside }) => {
    const place = b.op("Expand", [b.unsqueeze(index, 1), shape]);
    const value = b.op("GatherElements", [flat, place], { axis: 2 });
    const factor = weight && b.unsqueeze(weight, 1);
    const product = factor ? b.op("Mul", [value, factor]) : value;
    return inside ? b.op("Where", [b.unsqueeze(inside, 1), product, b.scalar(0, dtype)]) : product;
  }).reduce((x, y) => b.op("Add", [x, y]));
  return b.reshape(sum, [n, c, ...outs]);
}

function sampler(ranks: readonly number[]) {
  return {
    meta: (_: unknown, args: GridArgs<Meta>): Meta => sampledMeta(args, ranks),
    kernel: (args: GridArgs<Tensor>): Tensor => sampleKernel(args),
    onnx: (b: OnnxBuilder, args: GridArgs<OnnxValue>): OnnxValue => sampleNode(b, args),
  };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.grid_sample.html */
export const gridSampler = defineOp(
  "aten::grid_sampler(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor",
  sampler([2, 3]),
);

/** `grid_sampler` of images. */
export const gridSampler2d = defineOp(
  "aten::grid_sampler_2d(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor",
  sampler([2]),
);

/** `grid_sampler` of volumes. */
export const gridSampler3d = defineOp(
  "aten::grid_sampler_3d(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor",
  sampler([3]),
);

/** `grid_sampler_2d` without vector instructions. */
export const gridSampler2dFallback = defineOp(
  "aten::_grid_sampler_2d_cpu_fallback(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor",
  sampler([2]),
);

/** Positions of `size` elements between -1 and 1: their centres, or with `align` from end to end. */
function centres<T extends object>(t: Calls<T>, size: Dim, align: boolean, dtype: DType): T {
  const last = sub(size, 1);
  const places = t.call(subScalar, t.call(mulScalar, t.call(arange, scalarOf(size)), 2n), scalarOf(last));
  return t.call(divScalar, t.cast(places, dtype), scalarOf(align ? larger(last, 1) : size));
}

/** A size as a Python number. */
function scalarOf(size: Dim): Scalar {
  return isSym(size) ? size : BigInt(size);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.affine_grid.html */
export const affineGridGenerator = defineOp(
  "aten::affine_grid_generator(Tensor theta, SymInt[] size, bool align_corners) -> Tensor",
  {
    decompose: (t, { theta, size, align_corners }) => {
      const { dtype, shape } = t.meta(theta);
      requireFloat(dtype, "An affine map");
      const [n, , ...sizes] = size;
      const rank = sizes.length;
      if (rank !== 2 && rank !== 3) refuse("size", `[${size.join(", ")}]`, "it must have 4 or 5 elements");
      const wanted = [n, rank, rank + 1];
      if (shape.length !== 3 || shape.some((d, i) => eq(d, wanted[i]) === false)) {
        throw new RangeError(`Maps of [${wanted.join(", ")}] are needed, met [${shape.join(", ")}]`);
      }
      const wide = dtype === "float64" ? dtype : "float32";
      // One column per dim, the last dim first, and one to add.
      const columns = t.call(
        splitSizes,
        t.call(reshape, t.call(permute, t.cast(theta, wide), [0, 2, 1]), [
          shape[0],
          rank + 1,
          ...sizes.slice(1).map(() => 1),
          rank,
        ]),
        new Array<number>(rank + 1).fill(1),
        1,
      );
      const grid = columns.slice(0, rank).reduce((sum, column, i) => {
        const along = centres<typeof theta>(t, sizes[rank - 1 - i], align_corners, wide);
        return t.call(add, sum, t.call(mul, column, t.call(reshape, along, [-1, ...new Array<number>(i + 1).fill(1)])));
      }, columns[rank]);
      return t.cast(grid, dtype);
    },
  },
);
