/** Convolutions of concrete tensors, independent of their ONNX form. */
import { convert, matmul as product, permuteDims } from "../tensor/loops.ts";
import { elementCount, newData, Tensor } from "../tensor/mod.ts";
import { type Convolution, type ConvolutionArgs, outputSizes, settings } from "./convolve.ts";
import { widen } from "./precision.ts";
import { withBatchKernel } from "./spatial.ts";

/** The result on concrete tensors. */
export function convolutionKernel(input: Tensor, weight: Tensor, bias: Tensor | null, args: ConvolutionArgs): Tensor {
  const c = settings(weight, args) as Convolution<number>;
  const [y] = withBatchKernel(input, c.rank, (x) => {
    const run = c.transposed ? transposedKernel : convolvedKernel;
    return [convert(run(widen(x), widen(weight), bias && widen(bias), c), input.dtype)];
  });
  return y;
}

/** The product of each group's weights with its windows. */
function convolvedKernel(x: Tensor, weight: Tensor, bias: Tensor | null, c: Convolution<number>): Tensor {
  const [n, channels, ...sizes] = x.shape;
  const [filters, , ...kernel] = weight.shape;
  const counts = outputSizes(c, sizes, kernel) as number[];
  const [inGroup, outGroup] = [channels / c.groups, filters / c.groups];
  const positions = elementCount(counts);
  const depth = inGroup * elementCount(kernel);
  const rows = weight.reshape([c.groups, outGroup, depth]);
  const out = newData(x.dtype, n * filters * positions);
  for (let image = 0; image < n; image++) {
    const patches = newData(x.dtype, c.groups * positions * depth);
    copyPatches(x, image, patches, c, counts, kernel);
    const columns = permuteDims(Tensor.of(x.dtype, [c.groups, positions, depth], patches), [0, 2, 1]);
    (out as Float64Array).set(product(rows, columns).data() as Float64Array, image * filters * positions);
  }
  if (bias) addPerChannel(out as Float64Array, bias.data() as Float64Array, positions);
  return Tensor.of(x.dtype, [n, filters, ...counts], out);
}

/** Windows of one image, `[groups, windows, channels of a group × kernel]`. */
function copyPatches(
  x: Tensor,
  image: number,
  patches: ReturnType<typeof newData>,
  c: Convolution<number>,
  counts: readonly number[],
  kernel: readonly number[],
): void {
  const [, channels, ...sizes] = x.shape;
  const data = x.data();
  const area = elementCount(sizes);
  const inGroup = channels / c.groups;
  const depth = elementCount(kernel);
  // Where each kernel element of each window lies in a channel; -1 in the padding.
  const places = placesOf(sizes, counts, kernel, c);
  const positions = elementCount(counts);
  let at = 0;
  for (let group = 0; group < c.groups; group++) {
    for (let p = 0; p < positions; p++) {
      for (let channel = 0; channel < inGroup; channel++) {
        const base = (image * channels + group * inGroup + channel) * area;
        for (let k = 0; k < depth; k++, at++) {
          const place = places[p * depth + k];
          if (place >= 0) patches[at] = data[base + place];
        }
      }
    }
  }
}

function placesOf(
  sizes: readonly number[],
  counts: readonly number[],
  kernel: readonly number[],
  c: Convolution<number>,
): Int32Array {
  const depth = elementCount(kernel);
  const places = new Int32Array(elementCount(counts) * depth);
  for (let p = 0; p < elementCount(counts); p++) {
    for (let k = 0; k < depth; k++) {
      let [windows, elements, step, place] = [p, k, 1, 0];
      for (let d = sizes.length - 1; d >= 0; d--) {
        const at = (windows % counts[d]) * c.stride[d] - c.pads[d][0] + (elements % kernel[d]) * c.dilation[d];
        if (at < 0 || at >= sizes[d]) place = -Infinity;
        place += at * step;
        step *= sizes[d];
        windows = Math.floor(windows / counts[d]);
        elements = Math.floor(elements / kernel[d]);
      }
      places[p * depth + k] = place === -Infinity ? -1 : place;
    }
  }
  return places;
}

/** Each input element adds its multiple of the kernel to the result. */
function transposedKernel(x: Tensor, weight: Tensor, bias: Tensor | null, c: Convolution<number>): Tensor {
  const [n, channels, ...sizes] = x.shape;
  const [, perGroup, ...kernel] = weight.shape;
  const counts = outputSizes(c, sizes, kernel) as number[];
  const inGroup = channels / c.groups;
  // The same geometry as the convolution from the result back to the input.
  const places = placesOf(counts, sizes, kernel, c);
  const [area, depth, positions] = [elementCount(counts), elementCount(kernel), elementCount(sizes)];
  const filters = perGroup * c.groups;
  const out = newData(x.dtype, n * filters * area) as Float64Array;
  const [data, w] = [x.data() as Float64Array, weight.data() as Float64Array];
  for (let image = 0; image < n; image++) {
    for (let channel = 0; channel < channels; channel++) {
      const group = Math.floor(channel / inGroup);
      for (let filter = 0; filter < perGroup; filter++) {
        const to = (image * filters + group * perGroup + filter) * area;
        const from = (channel * perGroup + filter) * depth;
        for (let p = 0; p < positions; p++) {
          const value = data[(image * channels + channel) * positions + p];
          for (let k = 0; k < depth; k++) {
            const place = places[p * depth + k];
            if (place >= 0) out[to + place] += value * w[from + k];
          }
        }
      }
    }
  }
  if (bias) addPerChannel(out, bias.data() as Float64Array, area);
  return Tensor.of(x.dtype, [n, filters, ...counts], out);
}

function addPerChannel(out: Float64Array, bias: Float64Array, area: number): void {
  for (let i = 0; i < out.length; i++) out[i] += bias[Math.floor(i / area) % bias.length];
}
