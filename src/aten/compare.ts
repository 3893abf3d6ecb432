/** Elementwise comparisons. Both sides are compared in their result type, as PyTorch does. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { isFloat } from "../tensor/mod.ts";
import type { C } from "../tensor/complex_math.ts";
import { choose, constantLike, emit, emitTest, FLOATS, type Native, NUMBERS } from "./emit.ts";
import { defineOp } from "./op.ts";
import { alias, both, withScalar } from "./overloads.ts";
import { binary, broadcastBool, broadcastOther, requireReal } from "./rules.ts";

const EQUALITY: Native = [...NUMBERS, "bool"];

interface Pair<T> {
  readonly self: T;
  readonly other: T;
}

function isSame(x: C, y: C): boolean {
  return x[0] === y[0] && x[1] === y[1];
}

/** Rules of a comparison of tensors. */
function comparison(opType: string, fn: (x: number, y: number) => boolean, complexFn?: (x: C, y: C) => boolean) {
  const native = opType === "Equal" ? EQUALITY : NUMBERS;
  return {
    promote: both,
    meta: broadcastBool,
    kernel: binary(fn, "bool", complexFn),
    onnx: (b: OnnxBuilder, { self, other }: Pair<OnnxValue>): OnnxValue => emitTest(b, native, opType, [self, other]),
  };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.eq.html */
export const eq = defineOp(
  "aten::eq.Tensor(Tensor self, Tensor other) -> Tensor",
  {
    ...comparison("Equal", (x, y) => x === y, isSame),
    complex: { elementwise: "eqForm" },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.eq.html */
export const eqScalar = defineOp("aten::eq.Scalar(Tensor self, Scalar other) -> Tensor", withScalar(eq));

/** https://docs.pytorch.org/docs/stable/generated/torch.ne.html */
export const ne = defineOp("aten::ne.Tensor(Tensor self, Tensor other) -> Tensor", {
  promote: both,
  meta: broadcastBool,
  kernel: binary((x, y) => x !== y, "bool", (x, y) => !isSame(x, y)),
  complex: { elementwise: "neForm" },
  onnx: (b, { self, other }) =>
    b.meta(self).dtype === "bool"
      ? b.op("Xor", [self, other])
      : b.op("Not", [emitTest(b, EQUALITY, "Equal", [self, other])]),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.ne.html */
export const neScalar = defineOp("aten::ne.Scalar(Tensor self, Scalar other) -> Tensor", withScalar(ne));

/** https://docs.pytorch.org/docs/stable/generated/torch.not_equal.html */
export const notEqual = defineOp("aten::not_equal.Tensor(Tensor self, Tensor other) -> Tensor", alias(ne));

/** https://docs.pytorch.org/docs/stable/generated/torch.not_equal.html */
export const notEqualScalar = defineOp("aten::not_equal.Scalar(Tensor self, Scalar other) -> Tensor", withScalar(ne));

/** https://docs.pytorch.org/docs/stable/generated/torch.lt.html */
export const lt = defineOp("aten::lt.Tensor(Tensor self, Tensor other) -> Tensor", comparison("Less", (x, y) => x < y));

/** https://docs.pytorch.org/docs/stable/generated/torch.lt.html */
export const ltScalar = defineOp("aten::lt.Scalar(Tensor self, Scalar other) -> Tensor", withScalar(lt));

/** https://docs.pytorch.org/docs/stable/generated/torch.less.html */
export const less = defineOp("aten::less.Tensor(Tensor self, Tensor other) -> Tensor", alias(lt));

/** https://docs.pytorch.org/docs/stable/generated/torch.less.html */
export const lessScalar = defineOp("aten::less.Scalar(Tensor self, Scalar other) -> Tensor", withScalar(lt));

/** https://docs.pytorch.org/docs/stable/generated/torch.le.html */
export const le = defineOp(
  "aten::le.Tensor(Tensor self, Tensor other) -> Tensor",
  comparison("LessOrEqual", (x, y) => x <= y),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.le.html */
export const leScalar = defineOp("aten::le.Scalar(Tensor self, Scalar other) -> Tensor", withScalar(le));

/** https://docs.pytorch.org/docs/stable/generated/torch.less_equal.html */
export const lessEqual = defineOp("aten::less_equal.Tensor(Tensor self, Tensor other) -> Tensor", alias(le));

/** https://docs.pytorch.org/docs/stable/generated/torch.less_equal.html */
export const lessEqualScalar = defineOp("aten::less_equal.Scalar(Tensor self, Scalar other) -> Tensor", withScalar(le));

/** https://docs.pytorch.org/docs/stable/generated/torch.gt.html */
export const gt = defineOp(
  "aten::gt.Tensor(Tensor self, Tensor other) -> Tensor",
  comparison("Greater", (x, y) => x > y),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.gt.html */
export const gtScalar = defineOp("aten::gt.Scalar(Tensor self, Scalar other) -> Tensor", withScalar(gt));

/** https://docs.pytorch.org/docs/stable/generated/torch.greater.html */
export const greater = defineOp("aten::greater.Tensor(Tensor self, Tensor other) -> Tensor", alias(gt));

/** https://docs.pytorch.org/docs/stable/generated/torch.greater.html */
export const greaterScalar = defineOp("aten::greater.Scalar(Tensor self, Scalar other) -> Tensor", withScalar(gt));

/** https://docs.pytorch.org/docs/stable/generated/torch.ge.html */
export const ge = defineOp(
  "aten::ge.Tensor(Tensor self, Tensor other) -> Tensor",
  comparison("GreaterOrEqual", (x, y) => x >= y),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.ge.html */
export const geScalar = defineOp("aten::ge.Scalar(Tensor self, Scalar other) -> Tensor", withScalar(ge));

/** https://docs.pytorch.org/docs/stable/generated/torch.greater_equal.html */
export const greaterEqual = defineOp("aten::greater_equal.Tensor(Tensor self, Tensor other) -> Tensor", alias(ge));

/** https://docs.pytorch.org/docs/stable/generated/torch.greater_equal.html */
export const greaterEqualScalar = defineOp(
  "aten::greater_equal.Scalar(Tensor self, Scalar other) -> Tensor",
  withScalar(ge),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.isclose.html */
export const isclose = defineOp(
  "aten::isclose(Tensor self, Tensor other, float rtol=1.0000000000000001e-05, float atol=1e-08, bool equal_nan=False) -> Tensor",
  {
    promote: both,
    meta: broadcastBool,
    complex: { form: "iscloseForm" },
    kernel: ({ self, other, rtol, atol, equal_nan }) => {
      requireReal(self.dtype);
      return binary((p, q) => {
        const [x, y] = [Number(p), Number(q)];
        if (x === y || (equal_nan && Number.isNaN(x) && Number.isNaN(y))) return true;
        return Number.isFinite(y) && Math.abs(x - y) <= atol + rtol * Math.abs(y);
      }, "bool")({ self, other });
    },
    onnx: (b, { self, other, rtol, atol, equal_nan }) => {
      const { dtype } = b.meta(self);
      if (!isFloat(dtype)) {
        const [x, y] = [self, other].map((v) => b.cast(v, "int64"));
        const gap = b.cast(b.op("Abs", [b.op("Sub", [x, y])]), "float64");
        const share = b.op("Mul", [b.cast(b.op("Abs", [y]), "float64"), b.scalar(rtol, "float64")]);
        return b.op("LessOrEqual", [gap, b.op("Add", [share, b.scalar(atol, "float64")])]);
      }
      const gap = emit(b, NUMBERS, "Abs", [emit(b, NUMBERS, "Sub", [self, other])]);
      const share = emit(b, NUMBERS, "Mul", [emit(b, NUMBERS, "Abs", [other]), b.scalar(rtol, dtype)]);
      const bound = emit(b, NUMBERS, "Add", [share, b.scalar(atol, dtype)]);
      // An infinite gap is never within bounds; equal infinities are equal.
      const finite = emitTest(b, NUMBERS, "Less", [gap, constantLike(b, self, Infinity)]);
      const within = b.op("And", [finite, emitTest(b, NUMBERS, "LessOrEqual", [gap, bound])]);
      const close = b.op("Or", [within, emitTest(b, EQUALITY, "Equal", [self, other])]);
      if (!equal_nan) return close;
      const [p, q] = [self, other].map((v) => emitTest(b, FLOATS, "IsNaN", [v]));
      return b.op("Or", [close, b.op("And", [p, q])]);
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.heaviside.html */
export const heaviside = defineOp("aten::heaviside(Tensor self, Tensor values) -> Tensor", {
  promote: { args: ["self", "values"], to: "none" },
  meta: (ctx, { self, values }) => broadcastOther(ctx, { self, other: values }),
  kernel: ({ self, values }) => binary((x, y) => Number(x) === 0 ? y : x > 0 ? 1 : 0)({ self, other: values }),
  onnx: (b, { self, values }) => {
    const { dtype } = b.meta(self);
    const zero = constantLike(b, self, 0);
    const step = b.cast(emitTest(b, NUMBERS, "Greater", [self, zero]), dtype);
    return choose(b, emitTest(b, EQUALITY, "Equal", [self, zero]), values, step);
  },
});
