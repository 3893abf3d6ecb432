/** Windows of images as columns, and columns summed back to images: unfold and fold. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, eq, isSym, mul, prod } from "../sym/mod.ts";
import { elementCount, isComplex, isFloat, type Meta, newData, Tensor } from "../tensor/mod.ts";
import { convert } from "../tensor/loops.ts";
import { carrier, SINGLE } from "./emit.ts";
import { defineOp } from "./op.ts";
import { PARTS, requireFrom } from "./rules.ts";
import { computeIn, floatKernelDType, widen } from "./precision.ts";
import {
  gatherWindows,
  hasFloatKernel,
  int64s,
  padNode,
  perDim,
  type Slide,
  windowCount,
  windowIndices,
  windowOrder,
  withBatch,
  withBatchKernel,
} from "./spatial.ts";

interface WindowArgs {
  readonly kernel_size: readonly number[];
  readonly dilation: readonly number[];
  readonly padding: readonly number[];
  readonly stride: readonly number[];
}

function slidesOf(args: WindowArgs): Slide[] {
  const [kernel, dilation, padding, stride] = [args.kernel_size, args.dilation, args.padding, args.stride].map(
    (values, i) => perDim(["kernel_size", "dilation", "padding", "stride"][i], values, 2),
  );
  requireFrom("kernel_size", kernel, 1);
  requireFrom("dilation", dilation, 1);
  requireFrom("padding", padding, 0);
  return [0, 1].map((i) => ({
    kernel: kernel[i],
    stride: stride[i],
    pads: [padding[i], padding[i]],
    dilation: dilation[i],
  }));
}

function requireKind({ dtype }: Meta): void {
  if (!isFloat(dtype) && !isComplex(dtype) && dtype !== "bool") {
    throw new TypeError(`Columns and images of dtype ${dtype} are not supported`);
  }
}

function requireRank(rank: number, allowed: readonly number[]): void {
  if (!allowed.includes(rank)) {
    throw new RangeError(`An input of ${allowed.join(" or ")} dimensions is needed, met ${rank}`);
  }
}

/** The windows of each image: `[n, channels * kernel elements, windows]`. */
function columnsKernel(x: Tensor, slides: readonly Slide[]): Tensor {
  const [n, c, h, w] = x.shape;
  const [rows, columns] = slides.map((slide, i) => windowIndices(windowCount(x.shape[2 + i], slide) as number, slide));
  const [kh, kw] = slides.map((s) => s.kernel);
  const shape = [n, c * kh * kw, rows.length * columns.length];
  const data = x.data();
  const out = newData(x.dtype, elementCount(shape));
  let at = 0;
  for (let plane = 0; plane < n * c; plane++) {
    for (let k = 0; k < kh * kw; k++) {
      for (const row of rows) {
        for (const column of columns) {
          const [i, j] = [row[Math.floor(k / kw)], column[k % kw]];
          // Outside of the image stays 0.
          if (i >= 0 && i < h && j >= 0 && j < w) out[at] = data[(plane * h + i) * w + j];
          at++;
        }
      }
    }
  }
  return Tensor.of(x.dtype, shape, out);
}

/** Each element of the columns, `[n, channels * kernel elements, windows]`, added to where it was taken from. */
function imageKernel(x: Tensor, sizes: readonly number[], slides: readonly Slide[]): Tensor {
  const [n, c] = [x.shape[0], x.shape[1] / (slides[0].kernel * slides[1].kernel)];
  const [h, w] = sizes;
  const [rows, columns] = slides.map((slide, i) => windowIndices(windowCount(sizes[i], slide) as number, slide));
  const [kh, kw] = slides.map((s) => s.kernel);
  const data = x.data();
  const out = newData(x.dtype, n * c * h * w) as Float64Array;
  let at = 0;
  for (let plane = 0; plane < n * c; plane++) {
    for (let k = 0; k < kh * kw; k++) {
      for (const row of rows) {
        for (const column of columns) {
          const [i, j] = [row[Math.floor(k / kw)], column[k % kw]];
          const value = data[at++] as number;
          if (i >= 0 && i < h && j >= 0 && j < w) out[(plane * h + i) * w + j] += value;
        }
      }
    }
  }
  return Tensor.of(x.dtype, [n, c, h, w], out);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.unfold.html */
export const im2col = defineOp(
  "aten::im2col(Tensor self, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride) -> Tensor",
  {
    complex: PARTS,
    meta: (_, { self, ...args }) => {
      requireKind(self);
      requireRank(self.shape.length, [3, 4]);
      const slides = slidesOf(args);
      const counts = slides.map((slide, i) => windowCount(self.shape.at(i - 2)!, slide));
      const channels = mul(self.shape.at(-3)!, prod(slides.map((s) => s.kernel)));
      return { dtype: self.dtype, shape: [...self.shape.slice(0, -3), channels, prod(counts)] };
    },
    kernel: ({ self, ...args }) => withBatchKernel(self, 2, (x) => [columnsKernel(x, slidesOf(args))])[0],
    onnx: (b, { self, ...args }) => {
      const slides = slidesOf(args);
      const [y] = withBatch(b, self, 2, (x) => {
        const { shape } = b.meta(x);
        const counts = slides.map((slide, i) => windowCount(shape[2 + i], slide));
        const pads = [0, 0, ...slides.map((s) => s.pads[0])];
        // Runtimes don't pad bfloat16; nothing is rounded on the way.
        const isPadded = pads.some((n) => n !== 0);
        const padded = isPadded
          ? computeIn(b, floatKernelDType(b.meta(x).dtype), [x], (x) => padNode(b, x, pads, pads))
          : x;
        const windows = gatherWindows(b, padded, counts, slides);
        const turned = b.transpose(windows, windowOrder(2, 2, "kernels"));
        return [b.reshape(turned, [shape[0], mul(shape[1], prod(slides.map((s) => s.kernel))), prod(counts)])];
      });
      return y;
    },
  },
);

interface ImageArgs<T> extends WindowArgs {
  readonly self: T;
  readonly output_size: readonly Dim[];
}

/** Checks the arguments; gives the shape of the image. */
function imageShape({ self, output_size, ...args }: ImageArgs<Meta>): Dim[] {
  requireKind(self);
  requireRank(self.shape.length, [2, 3]);
  if (output_size.length !== 2) throw new RangeError(`output_size must have 2 sizes, met ${output_size.length}`);
  const slides = slidesOf(args);
  const [rows, count] = self.shape.slice(-2);
  const each = slides[0].kernel * slides[1].kernel;
  if (isSym(rows)) throw new RangeError("The number of rows of columns must be a constant");
  if (rows % each !== 0) throw new RangeError(`Rows of ${rows} are no multiple of a kernel of ${each} elements`);
  const windows = prod(slides.map((slide, i) => windowCount(output_size[i], slide)));
  if (eq(windows, count) === false) {
    throw new RangeError(`Columns of ${count} windows do not make an image that has ${windows}`);
  }
  return [...self.shape.slice(0, -2), rows / each, ...output_size];
}

/** Sums columns by ScatterElements, for the dtypes that Col2Im lacks. The image must have a constant size. */
function scatterColumns(b: OnnxBuilder, x: OnnxValue, sizes: readonly number[], slides: readonly Slide[]): OnnxValue {
  const { dtype, shape: [n, rows, count] } = b.meta(x);
  const each = slides[0].kernel * slides[1].kernel;
  const channels = rows as number / each;
  const padded = sizes.map((size, i) => size + 2 * slides[i].pads[0]);
  const [ys, xs] = slides.map((slide, i) => windowIndices(windowCount(sizes[i], slide) as number, slide));
  const places: number[] = [];
  for (let k = 0; k < each; k++) {
    for (const row of ys) {
      for (const column of xs) {
        const [i, j] = [row[Math.floor(k / slides[1].kernel)], column[k % slides[1].kernel]];
        places.push((i + slides[0].pads[0]) * padded[1] + j + slides[1].pads[0]);
      }
    }
  }
  const flat = b.reshape(x, [n, channels, mul(each, count)]);
  const index = b.op("Expand", [int64s(b, places), b.ints([n, channels, places.length])]);
  const room = b.op("Expand", [b.scalar(0, dtype), b.ints([n, channels, padded[0] * padded[1]])]);
  const summed = b.op("ScatterElements", [room, index, flat], { axis: 2, reduction: "add" });
  const crop = [0, 0, ...slides.map((s) => -s.pads[0])];
  return padNode(b, b.reshape(summed, [n, channels, ...padded]), crop, crop);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.fold.html */
export const col2im = defineOp(
  "aten::col2im(Tensor self, SymInt[2] output_size, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride) -> Tensor",
  {
    complex: PARTS,
    meta: (_, args) => ({ dtype: args.self.dtype, shape: imageShape(args) }),
    kernel: ({ self, output_size, ...args }) => {
      const x = self.shape.length === 2 ? self.reshape([1, ...self.shape]) : self;
      const y = imageKernel(
        self.dtype === "bool" ? convert(x, "float64") : widen(x),
        output_size as number[],
        slidesOf(args),
      );
      return convert(self.shape.length === 2 ? y.reshape(y.shape.slice(1)) : y, self.dtype);
    },
    onnx: (b, { self, output_size, ...args }) => {
      const { dtype, shape } = b.meta(self);
      const slides = slidesOf(args);
      const x = shape.length === 2 ? b.unsqueeze(self, 0) : self;
      let y: OnnxValue;
      // A bool is set where any of those summed is.
      // Others are composed, where the sizes are constants.
      const isSymbolic = output_size.some(isSym);
      if (hasFloatKernel(dtype) || dtype === "bool" || isSymbolic && dtype === "float64") {
        const wide = dtype === "float16" ? dtype : carrier(b, dtype, SINGLE, "Col2Im");
        y = computeIn(b, wide, [x], (x) => {
          return b.op("Col2Im", [x, b.ints(output_size), b.ints(slides.map((s) => s.kernel))], {
            dilations: slides.map((s) => s.dilation),
            pads: [...slides.map((s) => s.pads[0]), ...slides.map((s) => s.pads[1])],
            strides: slides.map((s) => s.stride),
          });
        });
        y.meta = { dtype, shape: imageShape({ self: b.meta(x), output_size, ...args }) };
      } else {
        if (isSymbolic) {
          throw new TypeError(
            `Col2Im is not implemented for ${dtype}, and an image of symbolic size can't be composed`,
          );
        }
        y = scatterColumns(b, x, output_size as number[], slides);
      }
      return shape.length === 2 ? b.squeeze(y, 0) : y;
    },
  },
);
