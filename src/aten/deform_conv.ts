/** Convolution over places that an input moves: https://docs.pytorch.org/vision/stable/generated/torchvision.ops.deform_conv2d.html */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, eq, isSym, prod } from "../sym/mod.ts";
import { elementCount, isFloat, type Meta, Tensor } from "../tensor/mod.ts";
import { convert } from "../tensor/loops.ts";
import { defineOp } from "./op.ts";
import { computeIn, floatKernelDType } from "./precision.ts";
import { refuse } from "./rules.ts";
import { int64s, type Slide, steps, windowCount } from "./spatial.ts";

interface DeformArgs<T> {
  readonly input: T;
  readonly weight: T;
  readonly offset: T;
  readonly mask: T;
  readonly bias: T;
  readonly stride_h: Dim;
  readonly stride_w: Dim;
  readonly pad_h: Dim;
  readonly pad_w: Dim;
  readonly dilation_h: Dim;
  readonly dilation_w: Dim;
  readonly groups: Dim;
  readonly offset_groups: Dim;
  readonly use_mask: boolean;
}

/** The arguments as numbers, and the shape of the result. */
interface Layout {
  readonly slides: readonly [Slide, Slide];
  readonly groups: number;
  readonly offsetGroups: number;
  readonly channels: number;
  readonly shape: readonly [Dim, number, Dim, Dim];
}

function constant(name: string, value: Dim, least: number): number {
  if (isSym(value)) refuse(name, value, "it must be a constant");
  if (value < least) refuse(name, value, `it must be at least ${least}`);
  return value;
}

function layoutOf(args: DeformArgs<Meta>): Layout {
  const { input, weight, offset, mask, bias, use_mask } = args;
  for (const x of [input, weight, offset, bias, ...(use_mask ? [mask] : [])]) {
    if (!isFloat(x.dtype) || x.dtype !== input.dtype) {
      throw new TypeError(`Operands must be of one float dtype, met ${input.dtype} and ${x.dtype}`);
    }
  }
  if (input.shape.length !== 4 || weight.shape.length !== 4) {
    throw new RangeError("deform_conv2d takes images and a filter of 4 dimensions");
  }
  const [out, perGroup, kh, kw] = weight.shape;
  const [n, channels] = input.shape;
  if (isSym(channels) || [out, perGroup, kh, kw].some(isSym)) {
    throw new RangeError("The number of channels and the size of the filter must be constants");
  }
  const slide = (kernel: Dim, stride: Dim, pad: Dim, dilation: Dim, dim: string): Slide => {
    const padding = constant(`pad_${dim}`, pad, 0);
    return {
      kernel: kernel as number,
      stride: constant(`stride_${dim}`, stride, 1),
      pads: [padding, padding],
      dilation: constant(`dilation_${dim}`, dilation, 1),
    };
  };
  const slides = [
    slide(kh, args.stride_h, args.pad_h, args.dilation_h, "h"),
    slide(kw, args.stride_w, args.pad_w, args.dilation_w, "w"),
  ] as const;
  const groups = constant("groups", args.groups, 1);
  const offsetGroups = constant("offset_groups", args.offset_groups, 1);
  if (channels !== groups * (perGroup as number) || (out as number) % groups !== 0) {
    refuse("groups", groups, `${channels} channels do not go with a filter of [${weight.shape.join(", ")}]`);
  }
  if (channels % offsetGroups !== 0) refuse("offset_groups", offsetGroups, `it does not divide ${channels} channels`);
  const [oh, ow] = slides.map((s, i) => windowCount(input.shape[2 + i], s));
  const taps = slides[0].kernel * slides[1].kernel;
  const check = (name: string, x: Meta, wanted: readonly Dim[]): void => {
    if (x.shape.length !== wanted.length || x.shape.some((d, i) => eq(d, wanted[i]) === false)) {
      throw new RangeError(`Argument ${name} must be [${wanted.join(", ")}], met [${x.shape.join(", ")}]`);
    }
  };
  check("offset", offset, [n, 2 * offsetGroups * taps, oh, ow]);
  if (use_mask) check("mask", mask, [n, offsetGroups * taps, oh, ow]);
  check("bias", bias, [out]);
  return { slides, groups, offsetGroups, channels, shape: [n, out as number, oh, ow] };
}

/** An element between elements; 0 outside of the image. */
function interpolate(at: (y: number, x: number) => number, h: number, w: number, y: number, x: number): number {
  if (y <= -1 || y >= h || x <= -1 || x >= w) return 0;
  const [top, left] = [Math.floor(y), Math.floor(x)];
  let sum = 0;
  for (const [i, v] of [[top, top + 1 - y], [top + 1, y - top]]) {
    for (const [k, u] of [[left, left + 1 - x], [left + 1, x - left]]) {
      if (i >= 0 && i < h && k >= 0 && k < w) sum += v * u * at(i, k);
    }
  }
  return sum;
}

function kernel(args: DeformArgs<Tensor>): Tensor {
  const { slides: [rows, columns], groups, offsetGroups, channels, shape } = layoutOf(args);
  const [n, out, oh, ow] = shape as readonly number[];
  const [, , h, w] = args.input.shape;
  const wide = (x: Tensor): Float64Array => convert(x, "float64").data() as Float64Array;
  const [data, filter, moves, masks, bias] = [args.input, args.weight, args.offset, args.mask, args.bias].map(wide);
  const taps = rows.kernel * columns.kernel;
  const [perGroup, perOffset] = [channels / groups, channels / offsetGroups];
  const result = new Float64Array(n * out * oh * ow);
  for (let p = 0; p < result.length; p++) {
    const [i, o, y, x] = [
      Math.floor(p / (out * oh * ow)),
      Math.floor(p / (oh * ow)) % out,
      Math.floor(p / ow) % oh,
      p % ow,
    ];
    const group = Math.floor(o / (out / groups));
    let sum = bias[o];
    for (let c = 0; c < perGroup; c++) {
      const channel = group * perGroup + c;
      const plane = (i * channels + channel) * h * w;
      for (let k = 0; k < taps; k++) {
        const tap = (i * offsetGroups + Math.floor(channel / perOffset)) * taps + k;
        const move = (d: number): number => moves[((2 * tap + d) * oh + y) * ow + x];
        const row = y * rows.stride - rows.pads[0] + Math.floor(k / columns.kernel) * rows.dilation + move(0);
        const column = x * columns.stride - columns.pads[0] + k % columns.kernel * columns.dilation + move(1);
        const value = interpolate((a, b) => data[plane + a * w + b], h, w, row, column);
        const share = args.use_mask ? masks[(tap * oh + y) * ow + x] : 1;
        sum += filter[(o * perGroup + c) * taps + k] * share * value;
      }
    }
    result[p] = sum;
  }
  return convert(Tensor.of("float64", [n, out, oh, ow], result), args.input.dtype);
}

/** Samples by gathering four neighbours of each place, then a matrix product with the filter. */
function compose(b: OnnxBuilder, layout: Layout, args: DeformArgs<OnnxValue>): OnnxValue {
  const { slides, groups, offsetGroups, channels, shape: [n, out, oh, ow] } = layout;
  const { dtype, shape: [, , h, w] } = b.meta(args.input);
  const kernel = slides.map((s) => s.kernel);
  const taps = elementCount(kernel);
  const one = b.scalar(1, dtype);
  const moves = b.reshape(args.offset, [n, offsetGroups, taps, 2, oh, ow]);
  // Positions of each dim: [n, offset groups, taps, oh, ow].
  const places = slides.map((slide, d) => {
    const move = b.op("Gather", [moves, b.scalar(BigInt(d), "int64")], { axis: 3 });
    const inKernel = int64s(
      b,
      Array.from(
        { length: taps },
        (_, k) => (d === 0 ? Math.floor(k / kernel[1]) : k % kernel[1]) * slide.dilation - slide.pads[0],
      ),
      [taps, 1, 1],
    );
    const starts = steps(b, d === 0 ? oh : ow, slide.stride);
    return b.op("Add", [move, b.cast(b.op("Add", [inKernel, d === 0 ? b.unsqueeze(starts, 1) : starts]), dtype)]);
  });
  const neighbours = places.map((place, d) => {
    const low = b.op("Floor", [place]);
    const above = b.op("Sub", [place, low]);
    const last = b.op("Sub", [b.cast(b.dim([h, w][d]), dtype), one]);
    return [[low, b.op("Sub", [one, above])], [b.op("Add", [low, one]), above]].map(([at, weight]) => {
      const clipped = b.op("Clip", [at, b.scalar(0, dtype), last]);
      // A neighbour outside of the image has no weight.
      const inside = b.cast(b.op("Equal", [clipped, at]), dtype);
      return { index: b.cast(clipped, "int64"), weight: b.op("Mul", [weight, inside]) };
    });
  });
  const perOffset = channels / offsetGroups;
  const count = prod([taps, oh, ow]);
  const planes = b.reshape(args.input, [n, offsetGroups, perOffset, prod([h, w])]);
  const shape = b.ints([n, offsetGroups, perOffset, count]);
  const flat = (x: OnnxValue): OnnxValue => b.reshape(x, [n, offsetGroups, 1, count]);
  const samples = neighbours[0].flatMap((row) =>
    neighbours[1].map((column) => {
      const index = b.op("Add", [b.op("Mul", [row.index, b.dim(w)]), column.index]);
      const value = b.op("GatherElements", [planes, b.op("Expand", [flat(index), shape])], { axis: 3 });
      return b.op("Mul", [value, flat(b.op("Mul", [row.weight, column.weight]))]);
    })
  ).reduce((x, y) => b.op("Add", [x, y]));
  const masked = args.use_mask ? b.op("Mul", [samples, flat(args.mask)]) : samples;
  const columns = b.reshape(masked, [n, groups, channels / groups * taps, prod([oh, ow])]);
  const filter = b.reshape(args.weight, [groups, out / groups, channels / groups * taps]);
  const product = b.reshape(b.op("MatMul", [filter, columns]), [n, out, oh, ow]);
  return b.op("Add", [product, b.unsqueeze(args.bias, 1, 2)]);
}

/** Without `use_mask`, the mask is not looked at. */
export const deformConv2d = defineOp(
  "torchvision::deform_conv2d(Tensor input, Tensor weight, Tensor offset, Tensor mask, Tensor bias, SymInt stride_h, SymInt stride_w, SymInt pad_h, SymInt pad_w, SymInt dilation_h, SymInt dilation_w, SymInt groups, SymInt offset_groups, bool use_mask) -> Tensor",
  {
    meta: (_, args) => ({ dtype: args.input.dtype, shape: layoutOf(args).shape }),
    kernel,
    onnx: (b, args) => {
      const [input, weight, offset, mask, bias] = [args.input, args.weight, args.offset, args.mask, args.bias].map((
        x,
      ) => b.meta(x));
      const layout = layoutOf({ ...args, input, weight, offset, mask, bias });
      const operands = [args.input, args.weight, args.offset, args.bias, args.use_mask ? args.mask : null] as const;
      return computeIn(b, floatKernelDType(input.dtype), operands, (input, weight, offset, bias, mask) => {
        if (b.opset < 19) return compose(b, layout, { ...args, input, weight, offset, bias, mask: mask ?? args.mask });
        const { slides, groups, offsetGroups } = layout;
        return b.op("DeformConv", [input, weight, offset, bias, mask], {
          dilations: slides.map((s) => s.dilation),
          group: groups,
          kernel_shape: slides.map((s) => s.kernel),
          offset_group: offsetGroups,
          pads: [...slides.map((s) => s.pads[0]), ...slides.map((s) => s.pads[1])],
          strides: slides.map((s) => s.stride),
        });
      });
    },
  },
);
