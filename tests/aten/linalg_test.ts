/**
 * What factors that are not unique must fulfil: they multiply to the matrix, and those that shall be orthogonal are. The rows
 * check the same kernels against the ONNX forms.
 */
import { assert } from "@std/assert";
import { eigenOf, mirrored } from "../../src/aten/eigen.ts";
import { EagerInterpreter } from "../../src/aten/calls.ts";
import { type Matrix, times, transposed } from "../../src/aten/matrices.ts";
import { linalgMatrixSqrth, linalgPolar } from "../../src/aten/matrix_function.ts";
import { eigenOfGeneral } from "../../src/aten/schur.ts";
import { singularOf } from "../../src/aten/svd.ts";
import * as complexMath from "../../src/tensor/complex_math.ts";
import type { C } from "../../src/tensor/complex_math.ts";
import { Tensor } from "../../src/tensor/mod.ts";
import * as loops from "../../src/tensor/loops.ts";

/** A matrix of numbers that follow no pattern; of a lower rank where that is given. */
function matrixOf(rows: number, columns: number, rank = Math.min(rows, columns)): Matrix {
  let seed = 1 + rows * 31 + columns;
  const random = (n: number, m: number): Matrix =>
    Array.from({ length: n }, () =>
      Float64Array.from({ length: m }, () => {
        seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
        return seed / 2 ** 31 - 1;
      }));
  return rank === 0
    ? Array.from({ length: rows }, () => new Float64Array(columns))
    : times(random(rows, rank), random(rank, columns));
}

function assertClose(x: Matrix, y: Matrix, what: string): void {
  const gap = Math.max(0, ...x.flatMap((row, i) => [...row].map((v, j) => Math.abs(v - y[i][j]))));
  assert(gap < 1e-12, `${what} is off by ${gap}`);
}

function assertOrthogonal(x: Matrix, what: string): void {
  const product = times(transposed(x), x);
  assertClose(product, product.map((row, i) => row.map((_, j) => Number(i === j))), `${what}^T ${what}`);
}

/** Columns scaled. */
function scaled(x: Matrix, by: readonly number[]): Matrix {
  return x.map((row) => Float64Array.from(by, (v, j) => row[j] * v));
}

function isSorted(values: readonly number[], descending: boolean): boolean {
  return values.every((v, i) => i === 0 || (descending ? values[i - 1] >= v : values[i - 1] <= v));
}

Deno.test("eigenvectors are orthogonal and diagonalize", () => {
  for (const [n, rank] of [[1, 1], [2, 2], [5, 5], [6, 2], [4, 0], [12, 12]]) {
    const A = mirrored(matrixOf(n, n, rank), false);
    const { values, vectors } = eigenOf(A);
    assertOrthogonal(vectors, "V");
    assertClose(times(scaled(vectors, values), transposed(vectors)), A, "V L V^T");
    assert(isSorted(values, false));
  }
});

Deno.test("eigenvectors of matrices that need not be symmetric fit their eigenvalues, and come in conjugate pairs", () => {
  const { add, mul, conj, abs, sub } = complexMath;
  const rotation = [[0, -1], [1, 0]].map((row) => Float64Array.from(row));
  const cycle = [[0, 0, 1], [1, 0, 0], [0, 1, 0]].map((row) => Float64Array.from(row));
  for (
    const A of [matrixOf(1, 1), matrixOf(2, 2), matrixOf(5, 5), matrixOf(6, 6, 2), matrixOf(12, 12), rotation, cycle]
  ) {
    const { values, vectors } = eigenOfGeneral(A.map((row) => [...row].map((v): C => [v, 0])), true);
    for (const [k, value] of values.entries()) {
      const x = vectors.map((row) => row[k]);
      const length = Math.hypot(...x.flat());
      assert(Math.abs(length - 1) < 1e-12, `A vector has length ${length}`);
      for (const [i, row] of A.entries()) {
        const y = x.reduce<C>((sum, v, j) => add(sum, mul([row[j], 0], v)), [0, 0]);
        const gap = abs(sub(y, mul(value, x[i])));
        assert(gap < 1e-10, `A v and l v differ by ${gap}`);
      }
      assert(values.some((other) => abs(sub(other, conj(value))) < 1e-10), "An eigenvalue has no conjugate");
    }
  }
});

Deno.test("singular vectors are orthogonal, also where singular values are zero, and multiply to the matrix", () => {
  for (const [rows, columns, rank] of [[1, 1, 1], [5, 3, 3], [3, 5, 3], [6, 6, 2], [4, 3, 0], [3, 4, 1], [10, 7, 7]]) {
    for (const full of [false, true]) {
      const A = matrixOf(rows, columns, rank);
      const { U, S, V } = singularOf(A, rows, columns, full);
      assertOrthogonal(U, "U");
      assertOrthogonal(V, "V");
      assertClose(times(scaled(U, S), transposed(V).slice(0, S.length)), A, "U S V^T");
      assert(isSorted(S, true) && S.every((v) => v >= 0));
    }
  }
});

/** A tensor's matrix. */
function asMatrix(x: Tensor): Matrix {
  const [rows, columns] = x.shape;
  const data = x.data() as Float64Array;
  return Array.from({ length: rows }, (_, i) => data.slice(i * columns, (i + 1) * columns));
}

function asTensor(x: Matrix): Tensor {
  return Tensor.of("float64", [x.length, x[0].length], x.flatMap((row) => [...row]));
}

Deno.test("the square root of a symmetric matrix squares to it", () => {
  const B = matrixOf(5, 5, 3);
  const A = times(B, transposed(B));
  const root = asMatrix(new EagerInterpreter(loops).call(linalgMatrixSqrth, asTensor(A)));
  assertClose(root, transposed(root), "The transposed root");
  // Eigenvalues of 1e-16 that should be zero have roots of 1e-8, whose squares are small again.
  assertClose(times(root, root), A, "The square");
});

Deno.test("polar factors are orthogonal and symmetric and multiply to the matrix", () => {
  const A = matrixOf(6, 4);
  const [U, H] = new EagerInterpreter(loops).call(linalgPolar, asTensor(A)).map(asMatrix);
  assertOrthogonal(U, "U");
  assertClose(H, transposed(H), "The transposed factor");
  assertClose(times(U, H), A, "The product");
  assert(eigenOf(H).values.every((v) => v >= 0));
});
