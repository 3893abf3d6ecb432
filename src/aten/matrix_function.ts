/** Functions of square matrices: the exponential, powers, the square root of a symmetric one, and the polar factors. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { ge } from "../sym/mod.ts";
import { isComplex } from "../tensor/mod.ts";
import { mul } from "./binary.ts";
import { lt } from "./compare.ts";
import { fromRealMatrix, toRealMatrix } from "./complex_matrices.ts";
import { emitEye, eye } from "./create.ts";
import { linalgEigh } from "./eigen.ts";
import { expand } from "./expand.ts";
import { clampMin } from "./extrema.ts";
import { matmul } from "./linear.ts";
import { emitRepeat } from "./loop.ts";
import {
  identity,
  mapMatrices,
  type Matrix,
  matrixShape,
  onnxBatched,
  requireFactored,
  requireSquare,
  squareShape,
  times,
} from "./matrices.ts";
import { type Calls, defineOp } from "./op.ts";
import { mT } from "./permute.ts";
import { amax } from "./reduce_extrema.ts";
import { sameAsSelf } from "./rules.ts";
import { boundOf } from "./singular_bound.ts";
import { linalgInv } from "./solve.ts";
import { linalgSvdFull } from "./svd.ts";
import { abs, neg, sqrt } from "./unary.ts";
import { unsqueeze } from "./view.ts";
import { where } from "./where.ts";

/** Terms of the exponential series: enough for double precision where the norm is at most 1. */
const TERMS = 18;
/** Matrices are halved until their norm is at most 1, but no more often than any finite one needs. */
const MAX_HALVINGS = 1100;

function exponentialOf(A: Matrix): Matrix {
  const n = A.length;
  const columnSums = A.map((_, j) => A.reduce((sum, row) => sum + Math.abs(row[j]), 0));
  const norm = Math.max(0, ...columnSums);
  const halvings = norm > 1 && norm < Infinity ? Math.ceil(Math.log2(norm)) : 0;
  const scaled = A.map((row) => row.map((v) => v / 2 ** halvings));
  let term = identity(n);
  let sum = identity(n);
  for (let k = 1; k <= TERMS + 4; k++) {
    term = times(term, scaled).map((row) => row.map((v) => v / k));
    sum = sum.map((row, i) => row.map((v, j) => v + term[i][j]));
  }
  for (let k = 0; k < halvings; k++) sum = times(sum, sum);
  return sum;
}

/** Each matrix of a batch is halved and squared as often as it needs. */
function onnxExponential(b: OnnxBuilder, A: OnnxValue): OnnxValue {
  const { dtype, shape } = b.meta(A);
  const { batch, size } = squareShape("linalg.matrix_exp", shape);
  if (size === 0) return A;
  const number = (value: number): OnnxValue => b.scalar(value, dtype);
  const norm = b.op("ReduceMax", [b.op("ReduceL1", [A, b.ints([-2])]), b.ints([-1])]);
  const wanted = b.op("Ceil", [b.op("Div", [b.op("Log", [norm]), number(Math.LN2)])]);
  const halvings = b.op("Min", [b.op("Max", [wanted, number(0)]), number(MAX_HALVINGS)]);
  const scaled = b.op("Div", [A, b.op("Pow", [number(2), halvings])]);
  const one = emitEye(b, size, size, dtype);
  // 1 + A (1 + A / 2 (1 + A / 3 (…)))
  const [sum] = emitRepeat(b, TERMS, [onnxBatched(b, one, batch, 2)], (b, turn, [x]) => {
    const divisor = b.cast(b.op("Sub", [b.dim(TERMS), turn]), dtype);
    return { states: [b.op("Add", [b.op("Div", [b.op("MatMul", [scaled, x]), divisor]), one])] };
  });
  const turns = b.cast(b.op("ReduceMax", [halvings], { keepdims: 0 }), "int64");
  const [result] = emitRepeat(b, turns, [sum], (b, turn, [x]) => {
    const isOpen = b.op("Less", [b.cast(turn, dtype), halvings]);
    return { states: [b.op("Where", [isOpen, b.op("MatMul", [x, x]), x])] };
  });
  return result;
}

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.matrix_exp.html */
export const linalgMatrixExp = defineOp("aten::linalg_matrix_exp(Tensor self) -> Tensor", {
  meta: (ctx, { self }) => {
    if (isComplex(self.dtype)) squareShape("linalg.matrix_exp", self.shape);
    else requireSquare("linalg.matrix_exp", self);
    return sameAsSelf(ctx, { self });
  },
  complex: (t, { self }, op) => fromRealMatrix(t, t.call(op, toRealMatrix(t, self))),
  kernel: ({ self }) => {
    const result = { dtype: self.dtype, shape: self.shape.slice(-2) };
    return mapMatrices([self], [result], (A) => [exponentialOf(A)])[0];
  },
  onnx: (b, { self }) => {
    // In half precision PyTorch's powers of the matrix overflow early: nothing to agree with.
    requireSquare("linalg.matrix_exp", b.meta(self));
    return onnxExponential(b, self);
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.matrix_exp.html */
export const matrixExp = defineOp("aten::matrix_exp(Tensor self) -> Tensor", {
  decompose: (t, { self }) => t.call(linalgMatrixExp, self),
});

/** A power by repeated squaring; a negative one is that of the inverse. */
function powerOf<T extends object>(t: Calls<T>, self: T, n: number): T {
  const { dtype, shape } = t.meta(self);
  const { size } = squareShape("linalg.matrix_power", shape);
  if (n === 0) return t.call(expand, t.call(eye, size, dtype), shape);
  let square = n < 0 ? t.call(linalgInv, self) : self;
  let result: T | null = null;
  for (let rest = Math.abs(n); rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = result ? t.call(matmul, result, square) : square;
    if (rest > 1) square = t.call(matmul, square, square);
  }
  return result!;
}

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.matrix_power.html */
export const linalgMatrixPower = defineOp("aten::linalg_matrix_power(Tensor self, int n) -> Tensor", {
  decompose: (t, { self, n }) => powerOf(t, self, n),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.matrix_power.html */
export const matrixPower = defineOp("aten::matrix_power(Tensor self, int n) -> Tensor", {
  decompose: (t, { self, n }) => powerOf(t, self, n),
});

/**
 * The square root of symmetric matrices without negative eigenvalues: `torch.linalg.matrix_sqrth`. Eigenvalues that are
 * negative by rounding count as zero; of others PyTorch raises an error, and the result here is NaN.
 */
export const linalgMatrixSqrth = defineOp("aten::linalg_matrix_sqrth(Tensor self) -> Tensor", {
  decompose: (t, { self }) => {
    const meta = t.meta(self);
    const { size } = requireSquare("linalg.matrix_sqrth", meta);
    if (size === 0) return t.full(meta.shape, 0, meta.dtype);
    const [values, vectors] = t.call(linalgEigh, self);
    const largest = t.call(amax, t.call(abs, values), [-1], true);
    const bound = boundOf(t, meta, largest, { atol: null, rtol: null });
    const isNegative = t.call(lt, values, t.call(neg, bound));
    const roots = t.call(sqrt, t.call(where, isNegative, values, t.call(clampMin, values, 0n)));
    return t.call(matmul, t.call(mul, vectors, t.call(unsqueeze, roots, -2)), t.call(mT, vectors));
  },
});

/** The orthogonal and the symmetric factor of matrices with at least as many rows as columns: `torch.linalg.polar`. */
export const linalgPolar = defineOp("aten::linalg_polar(Tensor A) -> (Tensor U, Tensor H)", {
  decompose: (t, { A }) => {
    const meta = t.meta(A);
    requireFactored("linalg.polar", meta);
    const { rows, columns } = matrixShape("linalg.polar", meta.shape);
    if (ge(rows, columns) === false) {
      throw new RangeError(`linalg.polar takes at least as many rows as columns, met ${rows} and ${columns}`);
    }
    const [U, S, Vh] = t.call(linalgSvdFull, A);
    const V = t.call(mT, Vh);
    return [t.call(matmul, U, Vh), t.call(matmul, t.call(mul, V, t.call(unsqueeze, S, -2)), Vh)];
  },
});
