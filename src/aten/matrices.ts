/**
 * What the families of linear algebra share: checks of matrices, kernels that see one matrix of a batch at a time, and the
 * ONNX pieces that their loops are made of. Factorizations run over the columns of a whole batch at once, so that one Loop
 * serves any number of matrices of any size. ONNX can't raise errors: where PyTorch raises one for a singular matrix, the
 * exported model gives infinities or NaN.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, eq } from "../sym/mod.ts";
import { convert, expandTo, store } from "../tensor/loops.ts";
import { broadcastShapes, type DType, elementCount, isComplex, type Meta, newData, Tensor } from "../tensor/mod.ts";

/** The distance from 1 to the next number. */
export const EPSILON: Readonly<Partial<Record<DType, number>>> = { float32: 2 ** -23, float64: 2 ** -52 };

/** One matrix of a kernel: rows of doubles. */
export type Matrix = Float64Array[];

/**
 * Checks that matrices of the dtype can be factored, as PyTorch does on the CPU; complex ones only where that is said.
 *
 * @throws {TypeError} when the dtype is neither float32 nor float64
 */
export function requireFactored(name: string, { dtype }: Meta, withComplex = false): void {
  if (withComplex && (dtype === "complex64" || dtype === "complex128")) return;
  if (isComplex(dtype)) throw new TypeError(`${name} of ${dtype} matrices is not supported`);
  if (dtype !== "float32" && dtype !== "float64") {
    throw new TypeError(`${name} takes matrices of float32 and float64, met ${dtype}`);
  }
}

/** The last two sizes, and those before. @throws {RangeError} when there are fewer than two */
export function matrixShape<D extends Dim>(name: string, shape: readonly D[]): { batch: D[]; rows: D; columns: D } {
  if (shape.length < 2) throw new RangeError(`${name} takes a tensor of at least 2 dimensions, met ${shape.length}`);
  return { batch: shape.slice(0, -2), rows: shape[shape.length - 2], columns: shape[shape.length - 1] };
}

/** The same for square matrices. @throws {RangeError} when rows and columns are known to differ */
export function squareShape<D extends Dim>(name: string, shape: readonly D[]): { batch: D[]; size: D } {
  const { batch, rows, columns } = matrixShape(name, shape);
  if (eq(rows, columns) === false) {
    throw new RangeError(`${name} takes square matrices, met ${rows} rows and ${columns} columns`);
  }
  return { batch, size: rows };
}

/** Checks that of a square matrix in a dtype that can be factored. */
export function requireSquare(name: string, meta: Meta, withComplex = false): { batch: Dim[]; size: Dim } {
  requireFactored(name, meta, withComplex);
  return squareShape(name, meta.shape);
}

/** The meta of pivots and infos. */
export function int32Meta(shape: readonly Dim[]): Meta {
  return { dtype: "int32", shape };
}

/** A matrix of zeros. */
export function zeroMatrix(rows: number, columns: number): Matrix {
  return Array.from({ length: rows }, () => new Float64Array(columns));
}

/** The identity. */
export function identity(rows: number, columns: number = rows): Matrix {
  const m = zeroMatrix(rows, columns);
  for (let i = 0; i < Math.min(rows, columns); i++) m[i][i] = 1;
  return m;
}

/** Rows and columns exchanged. `columns` is their number before. */
export function transposed(m: Matrix, columns: number = m[0]?.length ?? 0): Matrix {
  return Array.from({ length: columns }, (_, j) => Float64Array.from(m, (row) => row[j]));
}

/** The product of two matrices. */
export function times(x: Matrix, y: Matrix): Matrix {
  const columns = y[0]?.length ?? 0;
  return x.map((row) => {
    const out = new Float64Array(columns);
    for (const [k, v] of row.entries()) for (let j = 0; j < columns; j++) out[j] += v * y[k][j];
    return out;
  });
}

/** What a kernel gives for one matrix of the batch: a matrix, a vector, or a number, laid out as the result's last dims. */
export type MatrixResult = Matrix | ArrayLike<number> | number;

/** A result of a kernel: its dtype and its shape without the batch. */
export interface ResultSpec {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/**
 * Runs a kernel on each matrix of a batch. Batches broadcast; a vector per matrix goes in as a matrix of one column.
 */
export function mapMatrices(
  inputs: readonly Tensor[],
  results: readonly ResultSpec[],
  fn: (...matrices: Matrix[]) => readonly MatrixResult[],
): Tensor[] {
  const batch = broadcastShapes(...inputs.map((x) => x.shape.slice(0, -2))) as number[];
  const sizes = inputs.map((x) => x.shape.slice(-2));
  const data = inputs.map((x, i) => convert(expandTo(x, [...batch, ...sizes[i]]), "float64").data() as Float64Array);
  const counts = results.map((r) => elementCount(r.shape));
  const outputs = results.map((r, i) => newData(r.dtype, elementCount(batch) * counts[i]));
  for (let n = 0; n < elementCount(batch); n++) {
    const matrices = data.map((all, i) => {
      const [rows, columns] = sizes[i];
      const from = n * rows * columns;
      return Array.from({ length: rows }, (_, r) => all.slice(from + r * columns, from + (r + 1) * columns));
    });
    for (const [i, result] of fn(...matrices).entries()) {
      const flat = typeof result === "number"
        ? [result]
        : Array.isArray(result) && typeof result[0] === "object"
        ? (result as Matrix).flatMap((row) => [...row])
        : Array.from(result as ArrayLike<number>);
      for (let k = 0; k < counts[i]; k++) store(outputs[i], n * counts[i] + k, flat[k]);
    }
  }
  return results.map((r, i) => Tensor.of(r.dtype, [...batch, ...r.shape], outputs[i]));
}

/** A vector per matrix as a matrix of one column. */
export function asColumn(x: Tensor): Tensor {
  return x.reshape([...x.shape, 1]);
}

/** `0, 1, …, size - 1` as int64. */
export function onnxIota(b: OnnxBuilder, size: Dim): OnnxValue {
  return b.op("Range", [b.dim(0), b.dim(size), b.dim(1)]);
}

/** Rows and columns of matrices exchanged. */
export function onnxTransposed(b: OnnxBuilder, x: OnnxValue): OnnxValue {
  const rank = b.meta(x).shape.length;
  return b.transpose(x, [...Array.from({ length: rank - 2 }, (_, d) => d), rank - 1, rank - 2]);
}

/** The parts of matrices at an index along an axis, counted from the end; the axis stays, with a size of 1. */
export function onnxAt(b: OnnxBuilder, x: OnnxValue, index: OnnxValue, axis: -1 | -2): OnnxValue {
  return b.op("Gather", [x, b.meta(index).shape.length === 0 ? b.unsqueeze(index, 0) : index], { axis });
}

/** Matrices or numbers per matrix, repeated along the batch. */
export function onnxBatched(b: OnnxBuilder, x: OnnxValue, batch: readonly Dim[], tail: number): OnnxValue {
  const { shape } = b.meta(x);
  const wanted = [...batch, ...shape.slice(shape.length - tail)];
  const isSame = wanted.length === shape.length && wanted.every((d, i) => eq(d, shape[i]) === true);
  if (isSame) return x;
  const result = b.op("Expand", [x, b.ints(wanted)]);
  result.meta = { dtype: b.meta(x).dtype, shape: wanted };
  return result;
}

/** Zeros of a shape. */
export function onnxZeros(b: OnnxBuilder, dtype: DType, shape: readonly Dim[]): OnnxValue {
  const zeros = b.op("Expand", [b.scalar(0, dtype), b.ints(shape)]);
  zeros.meta = { dtype, shape };
  return zeros;
}
