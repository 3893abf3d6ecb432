/** Channels to pixels and back, and channels in another order: a reshape, a permutation and a reshape. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { cleanDiv, type Dim, mul } from "../sym/mod.ts";
import type { Meta, Tensor } from "../tensor/mod.ts";
import { permuteDims } from "../tensor/loops.ts";
import { defineOp } from "./op.ts";
import { PARTS, requireFrom, requireMultiple, requireRankFrom } from "./rules.ts";

/** The tensor under one shape, its dims in another order, and the shape of the result. */
interface Rearrangement {
  readonly apart: readonly Dim[];
  readonly order: readonly number[];
  readonly shape: readonly Dim[];
}

function byKernel(x: Tensor, { apart, order, shape }: Rearrangement): Tensor {
  return permuteDims(x.reshape(apart as number[]), order).reshape(shape as number[]);
}

function byNodes(b: OnnxBuilder, x: OnnxValue, { apart, order, shape }: Rearrangement): OnnxValue {
  return b.reshape(b.transpose(b.reshape(x, apart), order), shape);
}

/** Dims before the last `n`, and those. */
function lastDims(x: Meta, n: number): { lead: readonly Dim[]; last: readonly Dim[]; range: number[] } {
  const at = x.shape.length - n;
  if (at < 0) throw new RangeError(`A tensor of at least ${n} dimensions is needed, met ${x.shape.length}`);
  return { lead: x.shape.slice(0, at), last: x.shape.slice(at), range: Array.from({ length: at }, (_, i) => i) };
}

function shuffled(x: Meta, r: number): Rearrangement {
  const { lead, last: [c, h, w], range } = lastDims(x, 3);
  requireFrom("upscale_factor", [r], 1);
  requireMultiple("The number of channels", c, r * r);
  const n = range.length;
  const channels = cleanDiv(c, r * r);
  return {
    apart: [...lead, channels, r, r, h, w],
    order: [...range, ...[0, 3, 1, 4, 2].map((d) => d + n)],
    shape: [...lead, channels, mul(h, r), mul(w, r)],
  };
}

function unshuffled(x: Meta, r: number): Rearrangement {
  const { lead, last: [c, h, w], range } = lastDims(x, 3);
  requireFrom("downscale_factor", [r], 1);
  requireMultiple("The height", h, r);
  requireMultiple("The width", w, r);
  const n = range.length;
  const [rows, columns] = [cleanDiv(h, r), cleanDiv(w, r)];
  return {
    apart: [...lead, c, rows, r, columns, r],
    order: [...range, ...[0, 2, 4, 1, 3].map((d) => d + n)],
    shape: [...lead, mul(c, r * r), rows, columns],
  };
}

function regrouped(x: Meta, groups: Dim): Rearrangement {
  const [n, c, ...rest] = x.shape;
  requireRankFrom("self", x, 3);
  requireFrom("groups", [groups], 1);
  requireMultiple("The number of channels", c, groups);
  return {
    apart: [n, groups, cleanDiv(c, groups), ...rest],
    order: [0, 2, 1, ...rest.map((_, i) => i + 3)],
    shape: x.shape,
  };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.pixel_shuffle.html */
export const pixelShuffle = defineOp("aten::pixel_shuffle(Tensor self, int upscale_factor) -> Tensor", {
  complex: PARTS,
  meta: (_, { self, upscale_factor }) => ({ dtype: self.dtype, shape: shuffled(self, upscale_factor).shape }),
  kernel: ({ self, upscale_factor }) => byKernel(self, shuffled(self, upscale_factor)),
  onnx: (b, { self, upscale_factor }) => {
    const { dtype, shape } = b.meta(self);
    const isFloat = dtype === "float32" || dtype === "float64" || dtype === "float16";
    return isFloat && shape.length === 4
      ? b.op("DepthToSpace", [self], { blocksize: upscale_factor, mode: "CRD" })
      : byNodes(b, self, shuffled(b.meta(self), upscale_factor));
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.pixel_unshuffle.html */
export const pixelUnshuffle = defineOp("aten::pixel_unshuffle(Tensor self, int downscale_factor) -> Tensor", {
  complex: PARTS,
  meta: (_, { self, downscale_factor }) => ({ dtype: self.dtype, shape: unshuffled(self, downscale_factor).shape }),
  kernel: ({ self, downscale_factor }) => byKernel(self, unshuffled(self, downscale_factor)),
  onnx: (b, { self, downscale_factor }) => byNodes(b, self, unshuffled(b.meta(self), downscale_factor)),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.ChannelShuffle.html */
export const channelShuffle = defineOp("aten::channel_shuffle(Tensor self, SymInt groups) -> Tensor", {
  complex: PARTS,
  meta: (_, { self, groups }) => ({ dtype: self.dtype, shape: regrouped(self, groups).shape }),
  kernel: ({ self, groups }) => byKernel(self, regrouped(self, groups)),
  onnx: (b, { self, groups }) => byNodes(b, self, regrouped(b.meta(self), groups)),
});

/** What `channel_shuffle` decomposes to. */
export const nativeChannelShuffle = defineOp("aten::native_channel_shuffle(Tensor self, SymInt groups) -> Tensor", {
  decompose: (t, { self, groups }) => t.call(channelShuffle, self, groups),
});
