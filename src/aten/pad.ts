/** Padding: with a value, mirrored, with the edge, or circular. Pads are listed from the last dim on; negative ones crop. */
import type { Scalar } from "../fx/mod.ts";
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { add, type Dim, ge, isSym, le, lt, min, sub } from "../sym/mod.ts";
import { type DType, elementCount, type Meta, newData, Tensor } from "../tensor/mod.ts";
import { gatherBy, indices } from "../tensor/loops.ts";
import { defineOp, type MetaContext, type PartsAlike } from "./op.ts";
import { computeIn, floatKernelDType } from "./precision.ts";
import { element, PARTS, partsAnd, refuse, requireElements, requireRank } from "./rules.ts";
import { larger, smaller } from "./shapes.ts";
import { padNode as croppedOrPadded } from "./spatial.ts";

type Mode = "constant" | "reflect" | "replicate" | "circular";

/** Sizes before and after each dim, from the first dim on. @throws {RangeError} when there are too many or an odd number */
function padsOf(pad: readonly Dim[], rank: number): { before: Dim[]; after: Dim[] } {
  if (pad.length % 2 !== 0 || pad.length > 2 * rank) {
    throw new RangeError(`Padding of ${pad.length} sizes does not fit a tensor of ${rank} dimensions`);
  }
  const before = new Array<Dim>(rank).fill(0);
  const after = new Array<Dim>(rank).fill(0);
  for (let i = 0; i < pad.length / 2; i++) {
    before[rank - 1 - i] = pad[2 * i];
    after[rank - 1 - i] = pad[2 * i + 1];
  }
  return { before, after };
}

function paddedMeta(self: Meta, pad: readonly Dim[]): Meta {
  const { before, after } = padsOf(pad, self.shape.length);
  const shape = self.shape.map((d, i) => add(d, add(before[i], after[i])));
  if (shape.some((d) => !isSym(d) && d < 0)) {
    throw new RangeError(`Padding [${pad.join(", ")}] leaves less than nothing of [${self.shape.join(", ")}]`);
  }
  return { dtype: self.dtype, shape };
}

/** Index of the element at `i`, which may lie outside of a dim of `size`; `low` and `high` bound what cropping leaves. */
const SOURCES: Readonly<
  Record<Exclude<Mode, "constant">, (i: number, size: number, low: number, high: number) => number>
> = {
  reflect: (i, size) => i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i,
  replicate: (i, size) => Math.min(Math.max(i, 0), size - 1),
  circular: (i, _, low, high) => i < low ? i + high - low : i >= high ? i - (high - low) : i,
};

/** Indices of the elements of a padded dim. */
function sourcesOf(mode: Exclude<Mode, "constant">, size: number, first: number, last: number): number[] {
  const [low, high] = [Math.max(0, -first), size - Math.max(0, -last)];
  return Array.from({ length: size + first + last }, (_, i) => SOURCES[mode](i - first, size, low, high));
}

function padKernel(self: Tensor, pad: readonly Dim[], mode: Mode, value: Scalar): Tensor {
  const { before, after } = padsOf(pad, self.shape.length);
  const shape = paddedMeta(self, pad).shape as number[];
  if (mode !== "constant") {
    checkReach(self.shape, pad, mode);
    const sources = self.shape.map((size, d) => sourcesOf(mode, size, before[d] as number, after[d] as number));
    return gatherBy(self, shape, (index) => index.map((i, d) => sources[d][i]));
  }
  const data = self.data();
  const out = newData(self.dtype, elementCount(shape));
  (out as Float32Array).fill(element(value, self.dtype));
  let at = 0;
  for (const index of indices(shape)) {
    let place = 0;
    for (const [d, i] of index.entries()) {
      const from = i - (before[d] as number);
      if (from < 0 || from >= self.shape[d]) place = -Infinity;
      place = place * self.shape[d] + from;
    }
    if (place >= 0) out[at] = data[place];
    at++;
  }
  return Tensor.of(self.dtype, shape, out);
}

/** @throws {RangeError} when mirrored or circular padding is known to need more elements than there are */
function checkReach(shape: readonly Dim[], pad: readonly Dim[], mode: Mode): void {
  const { before, after } = padsOf(pad, shape.length);
  for (const [d, size] of shape.entries()) {
    const most = mode === "reflect" ? sub(size, 1) : mode === "circular" ? size : null;
    if (most !== null && [before[d], after[d]].some((p) => p !== 0 && le(p, most) === false)) {
      throw new RangeError(
        `Padding [${pad.join(", ")}] in mode ${mode} needs more than the ${size} elements of dimension ${d}`,
      );
    }
  }
}

/** @throws {RangeError} when more is cropped than there is, though it were padded again */
function requireLeft(self: Meta, pad: readonly Dim[]): void {
  const { before, after } = padsOf(pad, self.shape.length);
  for (const [d, size] of self.shape.entries()) {
    if (lt(add(size, add(min(before[d], 0), min(after[d], 0))), 0) !== true) continue;
    throw new RangeError(`Padding [${pad.join(", ")}] crops more than the ${size} elements of dimension ${d}`);
  }
}

/** The padded shape, in modes that look at a few dims and their elements only. */
function checkedMeta(self: Meta, pad: readonly Dim[], mode: Mode): Meta {
  if (mode !== "constant") {
    const dims = Math.ceil(pad.length / 2);
    requireRank("self", self, dims + 1, dims + 2);
    checkReach(self.shape, pad, mode);
  }
  if (mode === "constant" || mode === "circular") requireLeft(self, pad);
  const meta = paddedMeta(self, pad);
  if (mode === "reflect" || mode === "replicate") {
    if (self.dtype === "bool") throw new TypeError(`Padding in mode ${mode} takes numbers, met bool`);
    requireElements("The padded tensor", meta, meta.shape.length - Math.ceil(pad.length / 2));
  }
  return meta;
}

/** The dtypes that runtimes pad; others go through one that holds the same values. */
function padDType(dtype: DType): DType {
  return dtype === "int16" || dtype === "uint16" ? "int32" : floatKernelDType(dtype);
}

function padNode(b: OnnxBuilder, self: OnnxValue, pad: readonly Dim[], mode: Mode, value: Scalar): OnnxValue {
  const { dtype, shape } = b.meta(self);
  checkReach(shape, pad, mode);
  const { before, after } = padsOf(pad, shape.length);
  const all = [...before, ...after];
  if (all.every((p) => p === 0)) return self;
  return computeIn(b, padDType(dtype), [self], (x) => {
    if (mode === "constant") {
      const isZero = !isSym(value) && Number(value) === 0;
      return b.op("Pad", [x, b.ints(all), isZero ? null : b.scalar(value, b.meta(x).dtype)], { mode });
    }
    if (all.every((p) => ge(p, 0, b.ranges) === true)) return extended(b, x, before, after, mode);
    const [longer, shorter] = [(p: Dim) => larger(p, 0, b.ranges), (p: Dim) => smaller(p, 0, b.ranges)];
    const extend = (y: OnnxValue): OnnxValue => extended(b, y, before.map(longer), after.map(longer), mode);
    const crop = (y: OnnxValue): OnnxValue => croppedOrPadded(b, y, before.map(shorter), after.map(shorter));
    // Only what is left goes round; edges and mirror images are those of the whole.
    return mode === "circular" ? extend(crop(x)) : crop(extend(x));
  });
}

/** Pads that are not negative, in a mode other than `constant`. */
function extended(
  b: OnnxBuilder,
  x: OnnxValue,
  before: readonly Dim[],
  after: readonly Dim[],
  mode: Exclude<Mode, "constant">,
): OnnxValue {
  const all = [...before, ...after];
  if (all.every((p) => p === 0)) return x;
  if (mode !== "circular") return b.op("Pad", [x, b.ints(all)], { mode: mode === "reflect" ? "reflect" : "edge" });
  return b.opset >= 19 ? b.op("Pad", [x, b.ints(all)], { mode: "wrap" }) : wrapped(b, x, before, after);
}

/** Circular padding before opset 19: the end and the start are joined to each dim. */
function wrapped(b: OnnxBuilder, x: OnnxValue, before: readonly Dim[], after: readonly Dim[]): OnnxValue {
  return before.reduce<OnnxValue>((y, first, d) => {
    const last = after[d];
    const size = b.meta(y).shape[d];
    const slice = (from: Dim, to: Dim): OnnxValue => b.op("Slice", [y, b.ints([from]), b.ints([to]), b.ints([d])]);
    const pieces = [
      ...(first === 0 ? [] : [slice(sub(size, first), size)]),
      y,
      ...(last === 0 ? [] : [slice(0, last)]),
    ];
    return pieces.length === 1 ? y : b.op("Concat", pieces, { axis: d });
  }, x);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.pad.html */
export const constantPadNd = defineOp("aten::constant_pad_nd(Tensor self, SymInt[] pad, Scalar value=0) -> Tensor", {
  meta: (_, { self, pad }) => checkedMeta(self, pad, "constant"),
  kernel: ({ self, pad, value }) => padKernel(self, pad, "constant", value),
  complex: partsAnd("value"),
  onnx: (b, { self, pad, value }) => padNode(b, self, pad, "constant", value),
});

function modeOf(mode: string, value: number | null): Mode {
  if (mode !== "constant" && mode !== "reflect" && mode !== "replicate" && mode !== "circular") {
    refuse("mode", mode, "it must be constant, reflect, replicate or circular");
  }
  if (mode !== "constant" && value !== null && value !== 0) refuse("value", value, `mode ${mode} takes none`);
  return mode;
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.pad.html */
export const pad = defineOp(
  'aten::pad(Tensor self, SymInt[] pad, str mode="constant", float? value=None) -> Tensor',
  {
    meta: (_, { self, pad, mode, value }) => checkedMeta(self, pad, modeOf(mode, value)),
    kernel: ({ self, pad, mode, value }) => padKernel(self, pad, modeOf(mode, value), value ?? 0),
    complex: partsAnd("value"),
    onnx: (b, { self, pad, mode, value }) => padNode(b, self, pad, modeOf(mode, value), value ?? 0),
  },
);

/** Circular. */
export const _padCircular = defineOp("aten::_pad_circular(Tensor self, SymInt[] pad) -> Tensor", {
  decompose: (t, { self, pad: sizes }) => t.call(pad, self, sizes, "circular"),
});

/** The mode by number. */
export const _padEnum = defineOp("aten::_pad_enum(Tensor self, SymInt[] pad, int mode, float? value=None) -> Tensor", {
  decompose: (t, { self, pad: sizes, mode, value }) => {
    const name = ["reflect", "replicate", "circular", "constant"][mode];
    if (name === undefined) refuse("mode", mode, "it must be 0 to 3");
    return t.call(pad, self, sizes, name, value);
  },
});

type Given<T> = { readonly self: T; readonly padding: readonly Dim[] };

function padding(mode: Mode): {
  meta: (_: MetaContext, args: Given<Meta>) => Meta;
  kernel: (args: Given<Tensor>) => Tensor;
  readonly complex: PartsAlike;
  onnx: (b: OnnxBuilder, args: Given<OnnxValue>) => OnnxValue;
} {
  return {
    meta: (_, { self, padding }) => checkedMeta(self, padding, mode),
    kernel: ({ self, padding }) => padKernel(self, padding, mode, 0),
    complex: PARTS,
    onnx: (b, { self, padding }) => padNode(b, self, padding, mode, 0),
  };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.ReflectionPad1d.html */
export const reflectionPad1d = defineOp(
  "aten::reflection_pad1d(Tensor self, SymInt[2] padding) -> Tensor",
  padding("reflect"),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.ReflectionPad2d.html */
export const reflectionPad2d = defineOp(
  "aten::reflection_pad2d(Tensor self, SymInt[4] padding) -> Tensor",
  padding("reflect"),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.ReflectionPad3d.html */
export const reflectionPad3d = defineOp(
  "aten::reflection_pad3d(Tensor self, SymInt[6] padding) -> Tensor",
  padding("reflect"),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.ReplicationPad1d.html */
export const replicationPad1d = defineOp(
  "aten::replication_pad1d(Tensor self, SymInt[2] padding) -> Tensor",
  padding("replicate"),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.ReplicationPad2d.html */
export const replicationPad2d = defineOp(
  "aten::replication_pad2d(Tensor self, SymInt[4] padding) -> Tensor",
  padding("replicate"),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.ReplicationPad3d.html */
export const replicationPad3d = defineOp(
  "aten::replication_pad3d(Tensor self, SymInt[6] padding) -> Tensor",
  padding("replicate"),
);
