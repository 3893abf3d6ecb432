/**
 * Fourier transforms of short signals as products with a matrix. onnxruntime's DFT is exact in single precision for powers of
 * two only: other lengths lose up to half of the digits there, and WebGPU has no double precision to go to. A product
 * is as exact as PyTorch, and for such lengths no slower.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, isSym, le, mul } from "../sym/mod.ts";
import { newData, Tensor } from "../tensor/mod.ts";
import { int64s, steps } from "./spatial.ts";

/** The longest signal whose matrix, of at most 4 MiB, is worth it. */
const LONGEST = 512;

/** Whether a signal is known to be short, also where the graph computes its length. */
export function isShort(b: OnnxBuilder, length: Dim): boolean {
  return le(length, LONGEST, b.ranges) === true;
}

/** What a matrix transforms. */
export interface FourierSizes {
  /** Elements of the signal. */
  readonly rows: Dim;
  /** Elements of its spectrum. */
  readonly columns: Dim;
  /** The period; rows beyond it are up to the caller. */
  readonly size: Dim;
  /** 1 for a real signal, 2 for one of pairs. */
  readonly parts: 1 | 2;
  /** A transform back is divided by the size. */
  readonly forward: boolean;
}

/** The matrix `[rows * parts, columns * 2]` in float32 that a signal is multiplied by: pairs of real and imaginary parts. */
export function fourierMatrix(b: OnnxBuilder, sizes: FourierSizes): OnnxValue {
  const { rows, columns, size, parts, forward } = sizes;
  // Sines are cosines a quarter of a period away: quarters are counted, so that what is 0 or 1 is exactly that.
  const quarters = Array.from({ length: parts }, (_, from) => [0, 1].map((to) => forward ? to - from : from - to));
  if (!isSym(rows) && !isSym(columns) && !isSym(size)) {
    const data = newData("float32", rows * parts * columns * 2);
    let i = 0;
    for (let j = 0; j < rows; j++) {
      for (const shifts of quarters) {
        for (let k = 0; k < columns; k++) {
          for (const shift of shifts) data[i++] = cosineOf(4 * j * k + shift * size, size) / (forward ? 1 : size);
        }
      }
    }
    return b.constant(Tensor.of("float32", [rows * parts, columns * 2], data));
  }
  const length = b.dim(size);
  const four = b.scalar(4n, "int64");
  const products = b.op("Mul", [b.op("Mul", [b.unsqueeze(steps(b, rows), 1), steps(b, columns)]), four]);
  const shifts = b.op("Mul", [int64s(b, quarters.flat(), [parts, 1, 2]), length]);
  const counts = b.op("Mod", [b.op("Add", [b.unsqueeze(products, 1, 3), shifts]), b.op("Mul", [length, four])]);
  const real = b.cast(length, "float32");
  const angles = b.op("Mul", [b.cast(counts, "float32"), b.op("Div", [b.scalar(Math.PI / 2, "float32"), real])]);
  const matrix = b.reshape(b.op("Cos", [angles]), [mul(rows, parts), mul(columns, 2)]);
  return forward ? matrix : b.op("Div", [matrix, real]);
}

/** The cosine of an angle that is counted in parts of a quarter of a turn, `size` of them. */
function cosineOf(count: number, size: number): number {
  const angle = ((count % (4 * size)) + 4 * size) % (4 * size);
  return angle % size === 0 ? [1, 0, -1, 0][angle / size] : Math.cos(Math.PI / 2 * (angle / size));
}
