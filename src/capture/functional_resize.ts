/** Resizing, grids and padding of `torch.nn.functional`. */
import { build, float as floatSym, isSym } from "../sym/mod.ts";
import { type Composite, defineComposite } from "./composite.ts";
import { adaptiveAvgPool2d, adaptiveAvgPool3d } from "./functional_pool.ts";
import { fromExpression } from "./symbolic.ts";
import { call, type Tensor } from "./tensor.ts";

/** The operator of a mode, by the number of spatial dims. */
const OPERATORS: Readonly<Record<string, readonly (string | null)[]>> = {
  "nearest": ["upsample_nearest1d.vec", "upsample_nearest2d.vec", "upsample_nearest3d.vec"],
  "nearest-exact": ["_upsample_nearest_exact1d.vec", "_upsample_nearest_exact2d.vec", "_upsample_nearest_exact3d.vec"],
  "area": ["adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d"],
  "linear": ["upsample_linear1d.vec", null, null],
  "bilinear": [null, "upsample_bilinear2d.vec", null],
  "trilinear": [null, null, "upsample_trilinear3d.vec"],
  "bicubic": [null, "upsample_bicubic2d.vec", null],
  "lanczos": [null, "upsample_lanczos2d.vec", null],
};

/** Modes whose operators know nothing of corners. */
const WITHOUT_CORNERS = new Set(["nearest", "area", "nearest-exact"]);

/** A size times a factor, rounded towards zero. */
function scaled(size: number, factor: number): number {
  if (typeof size === "number") return Math.trunc(size * factor);
  const expr = (size as { readonly expr: unknown }).expr;
  if (!isSym(expr)) throw new TypeError(`A size must be a number, met ${String(size)}`);
  return fromExpression(build("trunc_to_int", [build("mul", [expr, floatSym(factor)])])) as number;
}

interface Interpolation {
  readonly input: Tensor;
  readonly size: unknown;
  readonly scale_factor: unknown;
  readonly mode: string;
  readonly align_corners: boolean | null;
  readonly recompute_scale_factor: boolean | null;
  readonly antialias: boolean;
}

function resize(args: Interpolation): Tensor {
  const { input, mode, antialias } = args;
  const fail = (why: string): never => {
    throw new RangeError(`interpolate: ${why}`);
  };
  const rank = input.ndim - 2;
  const operators = OPERATORS[mode] ??
    fail(`the mode must be one of ${Object.keys(OPERATORS).join(", ")}, met ${mode}`);
  const operator = operators[rank - 1] ?? fail(`mode ${mode} is not for an input of ${input.ndim} dims`);
  const cornerless = WITHOUT_CORNERS.has(mode);
  if (cornerless && args.align_corners !== null) fail(`alignCorners is not for mode ${mode}`);
  const alignCorners = args.align_corners ?? false;
  const listOf = (x: unknown, name: string): number[] => {
    if (!Array.isArray(x)) return new Array(rank).fill(x);
    return x.length === rank ? x : fail(`${name} must be one number for each of ${rank} spatial dims, met ${x.length}`);
  };
  if ((args.size === null) === (args.scale_factor === null)) fail("one of size and scaleFactor must be given");
  let sizes = args.size === null ? null : listOf(args.size, "size");
  let factors = args.scale_factor === null ? null : listOf(args.scale_factor, "scaleFactor");
  if (args.recompute_scale_factor && sizes) fail("recomputeScaleFactor makes no sense with a size");
  if (factors && (args.recompute_scale_factor || mode === "area")) {
    const { shape } = input;
    sizes = factors.map((factor, i) => scaled(shape[i + 2], factor));
    factors = null;
  }
  if (antialias && !(rank === 2 && (mode === "bilinear" || mode === "bicubic" || mode === "lanczos"))) {
    fail("antialias is for modes bilinear, bicubic and lanczos, and an input of 4 dims");
  }
  if (mode === "lanczos" && (!antialias || alignCorners)) fail("mode lanczos needs antialias, and no aligned corners");
  if (mode === "area") {
    if (rank === 2) return adaptiveAvgPool2d.call([input, sizes]) as Tensor;
    if (rank === 3) return adaptiveAvgPool3d.call([input, sizes]) as Tensor;
    return call(operator, operator, [input, sizes]) as Tensor;
  }
  const name = antialias ? `_${operator.replace("2d", "2d_aa")}` : operator;
  return call(
    "interpolate",
    name,
    cornerless ? [input, sizes, factors] : [input, sizes, alignCorners, factors],
  ) as Tensor;
}

/** The spatial dims of `[N, C, …]` in other sizes, or scaled by factors. */
export const interpolate: Composite = defineComposite(
  "interpolate(Tensor input, SymInt[1]? size=None, float[1]? scale_factor=None, str mode='nearest', bool? align_corners=None, bool? recompute_scale_factor=None, bool antialias=False) -> Tensor",
  resize,
);
/** interpolate by its former name. */
export const upsample: Composite = defineComposite(
  "upsample(Tensor input, SymInt[1]? size=None, float[1]? scale_factor=None, str mode='nearest', bool? align_corners=None) -> Tensor",
  (args) => resize({ ...args, recompute_scale_factor: null, antialias: false }),
);
/** interpolate with mode nearest by its former name. */
export const upsampleNearest: Composite = defineComposite(
  "upsample_nearest(Tensor input, SymInt[1]? size=None, float[1]? scale_factor=None) -> Tensor",
  (args) => resize({ ...args, mode: "nearest", align_corners: null, recompute_scale_factor: null, antialias: false }),
);
/** interpolate with mode bilinear and aligned corners by its former name. */
export const upsampleBilinear: Composite = defineComposite(
  "upsample_bilinear(Tensor input, SymInt[1]? size=None, float[1]? scale_factor=None) -> Tensor",
  (args) => resize({ ...args, mode: "bilinear", align_corners: true, recompute_scale_factor: null, antialias: false }),
);

const SAMPLE_MODES: readonly string[] = ["bilinear", "nearest", "bicubic"];
const SAMPLE_PADDINGS: readonly string[] = ["zeros", "border", "reflection"];

/** The input at the places that the grid names, between -1 and 1. */
export const gridSample: Composite = defineComposite(
  "grid_sample(Tensor input, Tensor grid, str mode='bilinear', str padding_mode='zeros', bool? align_corners=None) -> Tensor",
  ({ input, grid, mode, padding_mode, align_corners }) => {
    const [how, outside] = [SAMPLE_MODES.indexOf(mode), SAMPLE_PADDINGS.indexOf(padding_mode)];
    if (how < 0) throw new RangeError(`grid_sample: the mode must be one of ${SAMPLE_MODES.join(", ")}, met ${mode}`);
    if (outside < 0) {
      throw new RangeError(
        `grid_sample: the paddingMode must be one of ${SAMPLE_PADDINGS.join(", ")}, met ${padding_mode}`,
      );
    }
    return call("grid_sampler", "grid_sampler", [input, grid, how, outside, align_corners ?? false]);
  },
);
/** The grid of an affine transform, for gridSample. */
export const affineGrid: Composite = defineComposite(
  "affine_grid(Tensor theta, SymInt[] size, bool? align_corners=None) -> Tensor",
  ({ theta, size, align_corners }) => {
    if (!theta.isFloatingPoint()) {
      throw new TypeError(`affine_grid: theta must be of a float dtype, met ${theta.dtype}`);
    }
    const rank = size.length - 2;
    if (rank !== 2 && rank !== 3) {
      throw new RangeError(`affine_grid: the size must have 4 or 5 numbers, met ${size.length}`);
    }
    const { shape } = theta.meta;
    if (shape.length !== 3 || shape[1] !== rank || shape[2] !== rank + 1) {
      throw new RangeError(`affine_grid: theta must be of shape [N, ${rank}, ${rank + 1}], met [${shape.join(", ")}]`);
    }
    return call("affine_grid_generator", "affine_grid_generator", [theta, size, align_corners ?? false]);
  },
);

/** Values around the last dims: pairs of sizes, the last dim first. */
export const pad: Composite = defineComposite(
  "pad(Tensor input, SymInt[] pad, str mode='constant', float? value=None) -> Tensor",
  ({ input, pad, mode, value }) => call("pad", "pad", [input, pad, mode, value]),
);
