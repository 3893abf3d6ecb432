/**
 * Orthogonal factors as products of Householder reflections, the way LAPACK keeps them: each reflection's vector stands
 * below the diagonal of its column, under a one that is not stored, and its factor in `tau`.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, eq, ge, sub } from "../sym/mod.ts";
import { broadcastShapes, toReal } from "../tensor/mod.ts";
import { cat } from "./cat.ts";
import { adjointOf, applyComplexReflections, complexReflections } from "./complex_factors.ts";
import { emitEye, eyeOf } from "./create.ts";
import { expand } from "./expand.ts";
import { emitRepeat } from "./loop.ts";
import {
  asColumn,
  identity,
  mapMatrices,
  type Matrix,
  matrixShape,
  onnxAt,
  onnxBatched,
  onnxIota,
  onnxTransposed,
  onnxZeros,
  requireFactored,
  transposed,
} from "./matrices.ts";
import { defineOp } from "./op.ts";
import { refuse } from "./rules.ts";
import { shaped, smaller } from "./shapes.ts";
import { slice } from "./slice.ts";
import { triu } from "./triangle.ts";

/** Packed reflections and their factors. */
export interface Reflections<T, V> {
  readonly packed: T;
  readonly tau: V;
}

/** Takes matrices to upper triangles by reflections, as LAPACK's geqrf: the diagonal has the sign opposite to the column's. */
export function reflect(A: Matrix): Reflections<Matrix, number[]> {
  const packed = A.map((row) => row.slice());
  const [rows, columns] = [packed.length, packed[0]?.length ?? 0];
  const tau: number[] = [];
  for (let k = 0; k < Math.min(rows, columns); k++) {
    const alpha = packed[k][k];
    let below = 0;
    for (let i = k + 1; i < rows; i++) below += packed[i][k] ** 2;
    if (below === 0) {
      tau.push(0);
      continue;
    }
    const size = Math.sqrt(alpha * alpha + below);
    const beta = alpha < 0 ? size : -size;
    tau.push((beta - alpha) / beta);
    packed[k][k] = beta;
    for (let i = k + 1; i < rows; i++) packed[i][k] /= alpha - beta;
    for (let j = k + 1; j < columns; j++) {
      let sum = packed[k][j];
      for (let i = k + 1; i < rows; i++) sum += packed[i][k] * packed[i][j];
      packed[k][j] -= tau[k] * sum;
      for (let i = k + 1; i < rows; i++) packed[i][j] -= tau[k] * packed[i][k] * sum;
    }
  }
  return { packed, tau };
}

/** `Q C`, or `Q^T C`, of the product of reflections. */
export function applyReflections(
  { packed, tau }: Reflections<Matrix, readonly number[]>,
  C: Matrix,
  transpose: boolean,
): Matrix {
  const out = C.map((row) => row.slice());
  const order = tau.map((_, k) => k);
  for (const k of transpose ? order : order.reverse()) {
    const v = (i: number): number => i < k ? 0 : i === k ? 1 : packed[i][k];
    for (let j = 0; j < (out[0]?.length ?? 0); j++) {
      let sum = 0;
      for (let i = k; i < out.length; i++) sum += v(i) * out[i][j];
      for (let i = k; i < out.length; i++) out[i][j] -= tau[k] * v(i) * sum;
    }
  }
  return out;
}

/** The reflections of a batch in ONNX; `tau` is `[…, min(rows, columns)]`. */
export function onnxReflect(b: OnnxBuilder, A: OnnxValue): Reflections<OnnxValue, OnnxValue> {
  const { dtype, shape } = b.meta(A);
  const { batch, rows, columns } = matrixShape("QR", shape);
  const count = smaller(rows, columns);
  if (count === 0) return { packed: A, tau: onnxZeros(b, dtype, [...batch, 0]) };
  const row = b.unsqueeze(onnxIota(b, rows), 1);
  const column = onnxIota(b, columns);
  const [zero, one] = [b.scalar(0, dtype), b.scalar(1, dtype)];
  const [packed, found] = emitRepeat(b, count, [A], (b, turn, [x]) => {
    const k = b.unsqueeze(turn, 0);
    const own = onnxAt(b, x, k, -1);
    const alpha = onnxAt(b, own, k, -2);
    const isBelow = b.op("Greater", [row, k]);
    const below = b.op("Where", [isBelow, own, zero]);
    const rest = b.op("ReduceL2", [below, b.ints([-2])]);
    const size = b.op("ReduceL2", [b.op("Concat", [alpha, rest], { axis: -1 }), b.ints([-1])]);
    const signed = b.op("Where", [b.op("Less", [alpha, zero]), size, b.op("Neg", [size])]);
    // A column that is zero below the diagonal stays as it is.
    const isDone = b.op("Equal", [rest, zero]);
    const beta = b.op("Where", [isDone, alpha, signed]);
    const gap = b.op("Sub", [beta, alpha]);
    const tau = b.op("Div", [gap, b.op("Where", [isDone, one, beta])]);
    const scaled = b.op("Div", [below, b.op("Where", [isDone, one, b.op("Neg", [gap])])]);
    const vector = b.op("Where", [b.op("Equal", [row, k]), one, scaled]);
    const right = b.op("Where", [b.op("Greater", [column, k]), x, zero]);
    const sums = b.op("MatMul", [onnxTransposed(b, vector), right]);
    const reflected = b.op("Sub", [x, b.op("Mul", [b.op("Mul", [vector, tau]), sums])]);
    const upper = b.op("Where", [isBelow, scaled, own]);
    const next = b.op("Where", [b.op("Equal", [row, k]), beta, upper]);
    return { states: [b.op("Where", [b.op("Equal", [column, k]), next, reflected])], collected: [tau] };
  });
  found.meta = { dtype, shape: [count, ...batch, 1, 1] };
  const tau = b.transpose(b.squeeze(found, -2, -1), [...batch.map((_, d) => d + 1), 0]);
  tau.meta = { dtype, shape: [...batch, count] };
  return { packed, tau };
}

/** `Q C`, or `Q^T C`, in ONNX. */
export function onnxApplyReflections(
  b: OnnxBuilder,
  { packed, tau }: Reflections<OnnxValue, OnnxValue>,
  C: OnnxValue,
  transpose: boolean,
): OnnxValue {
  const { dtype, shape } = b.meta(packed);
  const { batch, rows } = matrixShape("Householder reflections", shape);
  const start = onnxBatched(b, C, broadcastShapes(batch, b.meta(C).shape.slice(0, -2)), 2);
  const count = b.meta(tau).shape.at(-1)!;
  const row = b.unsqueeze(onnxIota(b, rows), 1);
  const [zero, one] = [b.scalar(0, dtype), b.scalar(1, dtype)];
  const factors = b.unsqueeze(tau, -2);
  const last = transpose ? null : b.dim(sub(count, 1));
  const [result] = emitRepeat(b, count, [start], (b, turn, [x]) => {
    const k = b.unsqueeze(last ? b.op("Sub", [last, turn]) : turn, 0);
    const below = b.op("Where", [b.op("Greater", [row, k]), onnxAt(b, packed, k, -1), zero]);
    const vector = b.op("Where", [b.op("Equal", [row, k]), one, below]);
    const sums = b.op("MatMul", [onnxTransposed(b, vector), x]);
    const scaled = b.op("Mul", [vector, onnxAt(b, factors, k, -1)]);
    return { states: [b.op("Sub", [x, b.op("Mul", [scaled, sums])])] };
  });
  return result;
}

/** https://docs.pytorch.org/docs/stable/generated/torch.geqrf.html */
export const geqrf = defineOp("aten::geqrf(Tensor self) -> (Tensor a, Tensor tau)", {
  meta: (_, { self }) => {
    requireFactored("torch.geqrf", self, true);
    const { batch, rows, columns } = matrixShape("torch.geqrf", self.shape);
    return [shaped(self, self.shape), shaped(self, [...batch, smaller(rows, columns)])];
  },
  kernel: ({ self }) => {
    const { dtype, shape } = self;
    const [rows, columns] = shape.slice(-2);
    const [a, tau] = mapMatrices([self], [
      { dtype, shape: [rows, columns] },
      { dtype, shape: [Math.min(rows, columns)] },
    ], (m) => {
      const { packed, tau } = reflect(m);
      return [packed, tau];
    });
    return [a, tau];
  },
  onnx: (b, { self }) => {
    const { packed, tau } = onnxReflect(b, self);
    return [packed, tau];
  },
  complex: (t, { self }) => {
    const { packed, tau } = complexReflections(t, self);
    return [packed, tau];
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.householder_product.html */
export const linalgHouseholderProduct = defineOp(
  "aten::linalg_householder_product(Tensor input, Tensor tau) -> Tensor",
  {
    meta: (_, { input, tau }) => {
      const name = "torch.linalg.householder_product";
      requireFactored(name, input, true);
      const { rows, columns } = matrixShape(name, input.shape);
      if (ge(rows, columns) === false) {
        throw new RangeError(`${name} takes at least as many rows as columns, met ${rows} and ${columns}`);
      }
      if (ge(columns, tau.shape[tau.shape.length - 1]) === false) {
        throw new RangeError(`${name} takes at most as many reflections as columns`);
      }
      return shaped(input, input.shape);
    },
    kernel: ({ input, tau }) => {
      const [rows, columns] = input.shape.slice(-2);
      const [Q] = mapMatrices([input, asColumn(tau)], [{ dtype: input.dtype, shape: [rows, columns] }], (packed, t) => [
        applyReflections({ packed, tau: t.map(([v]) => v) }, identity(rows, columns), false),
      ]);
      return Q;
    },
    onnx: (b, { input, tau }) => {
      const { dtype, shape } = b.meta(input);
      const { rows, columns } = matrixShape("torch.linalg.householder_product", shape);
      return onnxApplyReflections(b, { packed: input, tau }, emitEye(b, rows, columns, dtype), false);
    },
    complex: (t, { input, tau }) => {
      const { dtype, shape } = t.meta(input);
      const [rows, columns] = shape.slice(-2);
      const start = t.call(expand, t.call(eyeOf, rows, columns, toReal(dtype)), shape);
      return applyComplexReflections(t, input, tau, t.join(start, null), false);
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.orgqr.html */
export const orgqr = defineOp("aten::orgqr(Tensor self, Tensor input2) -> Tensor", {
  decompose: (t, { self, input2 }) => t.call(linalgHouseholderProduct, self, input2),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.ormqr.html */
export const ormqr = defineOp(
  "aten::ormqr(Tensor self, Tensor input2, Tensor input3, bool left=True, bool transpose=False) -> Tensor",
  {
    meta: (_, { self, input3, left }) => {
      requireFactored("torch.ormqr", self, true);
      const { rows, columns } = matrixShape("torch.ormqr", input3.shape);
      if (eq(left ? rows : columns, self.shape[self.shape.length - 2]) === false) {
        throw new RangeError("torch.ormqr takes matrices that the reflections fit");
      }
      return shaped(input3, input3.shape);
    },
    kernel: ({ self, input2, input3, left, transpose }) => {
      const [rows, columns] = input3.shape.slice(-2);
      const [result] = mapMatrices(
        [self, asColumn(input2), input3],
        [{ dtype: input3.dtype, shape: [rows, columns] }],
        (packed, t, C) => {
          const reflections = { packed, tau: t.map(([v]) => v) };
          // C Q is (Q^T C^T)^T.
          return [
            left
              ? applyReflections(reflections, C, transpose)
              : transposed(applyReflections(reflections, transposed(C, columns), !transpose), rows),
          ];
        },
      );
      return result;
    },
    onnx: (b, { self, input2, input3, left, transpose }) => {
      const reflections = { packed: self, tau: input2 };
      return left
        ? onnxApplyReflections(b, reflections, input3, transpose)
        : onnxTransposed(b, onnxApplyReflections(b, reflections, onnxTransposed(b, input3), !transpose));
    },
    // C Q is (Q^H C^H)^H.
    complex: (t, { self, input2, input3, left, transpose }) =>
      left
        ? applyComplexReflections(t, self, input2, input3, transpose)
        : adjointOf(t, applyComplexReflections(t, self, input2, adjointOf(t, input3), !transpose)),
  },
);

/** What a mode of QR gives: sizes of Q and R. */
function modeOf(mode: string, rows: Dim, columns: Dim): { isComplete: boolean; hasQ: boolean; count: Dim } {
  if (mode !== "reduced" && mode !== "complete" && mode !== "r") {
    refuse("mode", mode, "modes are 'reduced', 'complete' and 'r'");
  }
  const isComplete = mode === "complete";
  return { isComplete, hasQ: mode !== "r", count: isComplete ? rows : smaller(rows, columns) };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.qr.html */
export const linalgQr = defineOp('aten::linalg_qr(Tensor A, str mode="reduced") -> (Tensor Q, Tensor R)', {
  decompose: (t, { A, mode }) => {
    const { dtype, shape } = t.meta(A);
    const { batch, rows, columns } = matrixShape("linalg.qr", shape);
    const { isComplete, hasQ, count } = modeOf(mode, rows, columns);
    const [packed, tau] = t.call(geqrf, A);
    const R = t.call(triu, t.call(slice, packed, -2, 0, count));
    if (!hasQ) return [t.full([0], 0, dtype), R];
    if (!isComplete) return [t.call(linalgHouseholderProduct, t.call(slice, packed, -1, 0, count), tau), R];
    // As many columns as rows: those that the matrix lacks belong to no reflection.
    const missing = t.full([...batch, rows, rows], 0, dtype);
    const square = t.call(slice, t.call(cat, [packed, missing], -1), -1, 0, rows);
    return [t.call(linalgHouseholderProduct, square, tau), R];
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.qr.html */
export const qr = defineOp("aten::qr(Tensor self, bool some=True) -> (Tensor Q, Tensor R)", {
  decompose: (t, { self, some }) => t.call(linalgQr, self, some ? "reduced" : "complete"),
});
