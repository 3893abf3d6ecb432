/** Images sampled at the places that a grid gives, and grids made of affine maps. */
import type { Scalar } from "../fx/mod.ts";
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, eq, isSym, sub } from "../sym/mod.ts";
import type { DType, Meta, Tensor } from "../tensor/mod.ts";
import { add, mul, mulScalar, subScalar } from "./binary.ts";
import { divScalar } from "./division.ts";
import { onnxSample } from "./grid_nodes.ts";
import { sampleKernel, type Sampling } from "./grid_sampling.ts";
import { type Calls, defineOp } from "./op.ts";
import { permute } from "./permute.ts";
import { arange } from "./range.ts";
import { refuse, requireFloat } from "./rules.ts";
import { larger } from "./shapes.ts";
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

function samplingOf(args: Omit<GridArgs<unknown>, "input" | "grid">, { shape }: Meta): Sampling {
  const mode = MODES[args.interpolation_mode] ??
    refuse("interpolation_mode", args.interpolation_mode, "it must be 0 (bilinear), 1 (nearest) or 2 (bicubic)");
  const padding = PADDINGS[args.padding_mode] ??
    refuse("padding_mode", args.padding_mode, "it must be 0 (zeros), 1 (border) or 2 (reflection)");
  return { mode, padding, align: args.align_corners, rank: shape.length - 2 };
}

function sampledMeta(args: GridArgs<Meta>, ranks: readonly number[]): Meta {
  const { input, grid } = args;
  const { mode, rank } = samplingOf(args, input);
  requireFloat(input.dtype, "An image");
  if (grid.dtype !== input.dtype) throw new TypeError(`A grid must be ${input.dtype} as the image, met ${grid.dtype}`);
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

/**
 * Whether ONNX runtimes have a GridSample that computes the same. It computes halves in single precision, PyTorch rounds
 * each step.
 */
function hasNode(b: OnnxBuilder, { dtype, shape }: Meta): boolean {
  return dtype === "float32" ? b.opset >= 20 || shape.length === 4 : dtype === "float64" && b.opset >= 20;
}

function sampleNode(b: OnnxBuilder, { input, grid, ...args }: GridArgs<OnnxValue>): OnnxValue {
  const meta = b.meta(input);
  const sampling = samplingOf(args, meta);
  if (!hasNode(b, meta)) return onnxSample(b, input, grid, sampling);
  const { mode, padding, align } = sampling;
  const names = b.opset >= 20
    ? { bilinear: "linear", nearest: "nearest", bicubic: "cubic" }
    : { bilinear: "bilinear", nearest: "nearest", bicubic: "bicubic" };
  return b.op("GridSample", [input, grid], {
    align_corners: align ? 1 : 0,
    mode: names[mode],
    padding_mode: padding,
  });
}

function sampler(ranks: readonly number[]) {
  return {
    meta: (_: unknown, args: GridArgs<Meta>): Meta => sampledMeta(args, ranks),
    kernel: (args: GridArgs<Tensor>): Tensor =>
      sampleKernel(args.input, args.grid, sampledMeta(args, ranks).shape as number[], samplingOf(args, args.input)),
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
