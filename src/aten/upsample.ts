/** Interpolation to another size: the records; `resize.ts` has what they do. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import type { Dim } from "../sym/mod.ts";
import type { Meta, Tensor } from "../tensor/mod.ts";
import type { Filter } from "./interpolation.ts";
import { defineOp, type MetaContext } from "./op.ts";
import { type ResizeArgs, resizeKernel, resizeMeta, resizeNode } from "./resize.ts";

type VecArgs<T> = {
  readonly input: T;
  readonly output_size: readonly Dim[] | null;
  readonly scale_factors: readonly number[] | null;
  readonly align_corners?: boolean;
};

/** Rules of `.vec`: an output size or factors. */
function byEither(filter: Filter): {
  meta: (_: MetaContext, args: VecArgs<Meta>) => Meta;
  kernel: (args: VecArgs<Tensor>) => Tensor;
  onnx: (b: OnnxBuilder, args: VecArgs<OnnxValue>) => OnnxValue;
} {
  const all = ({ output_size, scale_factors, align_corners }: VecArgs<unknown>): ResizeArgs => {
    if ((output_size === null) === (scale_factors === null)) {
      throw new RangeError("Either output_size or scale_factors must be given");
    }
    return { filter, align_corners, output_size, scales: scale_factors };
  };
  return {
    meta: (_, args) => resizeMeta(args.input, all(args)),
    kernel: (args) => resizeKernel(args.input, all(args)),
    onnx: (b, args) => resizeNode(b, args.input, all(args)),
  };
}

type SizeArgs<T> = {
  readonly self: T;
  readonly output_size: readonly Dim[];
  readonly align_corners?: boolean;
  readonly scales?: number | null;
  readonly scales_d?: number | null;
  readonly scales_h?: number | null;
  readonly scales_w?: number | null;
};

/** Rules of the default overload: an output size, and factors that only decide coordinates. */
function bySize(filter: Filter): {
  meta: (_: MetaContext, args: SizeArgs<Meta>) => Meta;
  kernel: (args: SizeArgs<Tensor>) => Tensor;
  onnx: (b: OnnxBuilder, args: SizeArgs<OnnxValue>) => OnnxValue;
} {
  const all = (args: SizeArgs<unknown>): ResizeArgs => {
    const { output_size, align_corners, scales, scales_d, scales_h, scales_w } = args;
    const factors = output_size.length === 1 ? [scales] : [scales_d, scales_h, scales_w].slice(-output_size.length);
    return { filter, align_corners, output_size, scales: factors.map((s) => s ?? null) };
  };
  return {
    meta: (_, args) => resizeMeta(args.self, all(args)),
    kernel: (args) => resizeKernel(args.self, all(args)),
    onnx: (b, args) => resizeNode(b, args.self, all(args)),
  };
}

/** Interpolates by cubics, with antialiasing: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html */
export const _upsampleBicubic2dAa = defineOp(
  "aten::_upsample_bicubic2d_aa(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor",
  bySize("cubic-aa"),
);

/** Interpolates by cubics, with antialiasing, to a size or by factors. */
export const _upsampleBicubic2dAaVec = defineOp(
  "aten::_upsample_bicubic2d_aa.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor",
  byEither("cubic-aa"),
);

/** Interpolates linearly, with antialiasing: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html */
export const _upsampleBilinear2dAa = defineOp(
  "aten::_upsample_bilinear2d_aa(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor",
  bySize("linear-aa"),
);

/** Interpolates linearly, with antialiasing, to a size or by factors. */
export const _upsampleBilinear2dAaVec = defineOp(
  "aten::_upsample_bilinear2d_aa.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor",
  byEither("linear-aa"),
);

/** Interpolates by Lanczos windows: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html */
export const _upsampleLanczos2dAa = defineOp(
  "aten::_upsample_lanczos2d_aa(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor",
  bySize("lanczos-aa"),
);

/** Interpolates by Lanczos windows, to a size or by factors. */
export const _upsampleLanczos2dAaVec = defineOp(
  "aten::_upsample_lanczos2d_aa.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor",
  byEither("lanczos-aa"),
);

/** Takes the nearest element, counted from the centers: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html */
export const _upsampleNearestExact1d = defineOp(
  "aten::_upsample_nearest_exact1d(Tensor self, SymInt[1] output_size, float? scales=None) -> Tensor",
  bySize("nearest-exact"),
);

/** Takes the nearest element, counted from the centers, to a size or by factors. */
export const _upsampleNearestExact1dVec = defineOp(
  "aten::_upsample_nearest_exact1d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor",
  byEither("nearest-exact"),
);

/** Takes the nearest element, counted from the centers: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html */
export const _upsampleNearestExact2d = defineOp(
  "aten::_upsample_nearest_exact2d(Tensor self, SymInt[2] output_size, float? scales_h=None, float? scales_w=None) -> Tensor",
  bySize("nearest-exact"),
);

/** Takes the nearest element, counted from the centers, to a size or by factors. */
export const _upsampleNearestExact2dVec = defineOp(
  "aten::_upsample_nearest_exact2d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor",
  byEither("nearest-exact"),
);

/** Takes the nearest element, counted from the centers: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html */
export const _upsampleNearestExact3d = defineOp(
  "aten::_upsample_nearest_exact3d(Tensor self, SymInt[3] output_size, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor",
  bySize("nearest-exact"),
);

/** Takes the nearest element, counted from the centers, to a size or by factors. */
export const _upsampleNearestExact3dVec = defineOp(
  "aten::_upsample_nearest_exact3d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor",
  byEither("nearest-exact"),
);

/** Interpolates by cubics: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html */
export const upsampleBicubic2d = defineOp(
  "aten::upsample_bicubic2d(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor",
  bySize("cubic"),
);

/** Interpolates by cubics, to a size or by factors. */
export const upsampleBicubic2dVec = defineOp(
  "aten::upsample_bicubic2d.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor",
  byEither("cubic"),
);

/** Interpolates linearly: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html */
export const upsampleBilinear2d = defineOp(
  "aten::upsample_bilinear2d(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor",
  bySize("linear"),
);

/** Interpolates linearly, to a size or by factors. */
export const upsampleBilinear2dVec = defineOp(
  "aten::upsample_bilinear2d.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor",
  byEither("linear"),
);

/** Interpolates linearly: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html */
export const upsampleLinear1d = defineOp(
  "aten::upsample_linear1d(Tensor self, SymInt[1] output_size, bool align_corners, float? scales=None) -> Tensor",
  bySize("linear"),
);

/** Interpolates linearly, to a size or by factors. */
export const upsampleLinear1dVec = defineOp(
  "aten::upsample_linear1d.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor",
  byEither("linear"),
);

/** Takes the nearest element: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html */
export const upsampleNearest1d = defineOp(
  "aten::upsample_nearest1d(Tensor self, SymInt[1] output_size, float? scales=None) -> Tensor",
  bySize("nearest"),
);

/** Takes the nearest element, to a size or by factors. */
export const upsampleNearest1dVec = defineOp(
  "aten::upsample_nearest1d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor",
  byEither("nearest"),
);

/** Takes the nearest element: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html */
export const upsampleNearest2d = defineOp(
  "aten::upsample_nearest2d(Tensor self, SymInt[2] output_size, float? scales_h=None, float? scales_w=None) -> Tensor",
  bySize("nearest"),
);

/** Takes the nearest element, to a size or by factors. */
export const upsampleNearest2dVec = defineOp(
  "aten::upsample_nearest2d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor",
  byEither("nearest"),
);

/** Takes the nearest element: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html */
export const upsampleNearest3d = defineOp(
  "aten::upsample_nearest3d(Tensor self, SymInt[3] output_size, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor",
  bySize("nearest"),
);

/** Takes the nearest element, to a size or by factors. */
export const upsampleNearest3dVec = defineOp(
  "aten::upsample_nearest3d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor",
  byEither("nearest"),
);

/** Interpolates linearly: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html */
export const upsampleTrilinear3d = defineOp(
  "aten::upsample_trilinear3d(Tensor self, SymInt[3] output_size, bool align_corners, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor",
  bySize("linear"),
);

/** Interpolates linearly, to a size or by factors. */
export const upsampleTrilinear3dVec = defineOp(
  "aten::upsample_trilinear3d.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor",
  byEither("linear"),
);
