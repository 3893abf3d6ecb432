/** Matrix products. */
import type { Scalar } from "../fx/mod.ts";
import type { OnnxBuilder } from "../onnx/builder.ts";
import { float, type OnnxValue } from "../onnx/model.ts";
import { isSym } from "../sym/mod.ts";
import { broadcastShapes, isFloat, type Meta, type Tensor } from "../tensor/mod.ts";
import { convert, expandTo, mapBinary, mapUnary, matmul as product, permuteDims } from "../tensor/loops.ts";
import { type Calls, defineOp } from "./op.ts";
import { computeIn, factorNode, isSingle, productDType, widen } from "./precision.ts";
import { broadcastInto, element, requireEqual, requireRank, requireRankFrom } from "./rules.ts";

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.linear.html */
export const linear = defineOp("aten::linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor", {
  meta: (_, { input, weight, bias }) => {
    requireRankFrom("input", input, 1);
    requireRank("weight", weight, 1, 2);
    requireEqual("The last sizes of input and weight", input.shape.at(-1)!, weight.shape.at(-1)!);
    const shape = [...input.shape.slice(0, -1), ...weight.shape.slice(0, -1)];
    if (bias) broadcastInto("bias", bias.shape, shape);
    return { dtype: input.dtype, shape };
  },
  kernel: ({ input, weight, bias }) => {
    const columns = weight.shape.length === 1 ? weight.reshape([1, weight.shape[0]]) : weight;
    const y = multiply(widen(input), permuteDims(widen(columns), [1, 0]));
    const shaped = y.reshape([...input.shape.slice(0, -1), ...weight.shape.slice(0, -1)]);
    return convert(bias ? mapBinary(shaped, widen(bias), shaped.dtype, (a, b) => a + b) : shaped, input.dtype);
  },
  complex: { form: "linearForm" },
  onnx: (b, { input, weight, bias }) => {
    const [x, w] = [b.meta(input), b.meta(weight)];
    return computeIn(b, productDType(x.dtype), [input, weight, bias], (input, weight, bias) => {
      if (x.shape.length === 2 && w.shape.length === 2 && isFloat(x.dtype)) {
        return b.op("Gemm", [input, weight, bias], { transB: 1, alpha: float(1), beta: float(1) });
      }
      const turned = w.shape.length === 2 ? b.transpose(weight, [1, 0]) : weight;
      const y = b.op("MatMul", [input, turned]);
      return bias ? b.op("Add", [y, bias]) : y;
    });
  },
});

/** The shape of `torch.matmul`. */
export function matmulShape(x: Meta, y: Meta): Meta["shape"] {
  const [a, b] = [x.shape, y.shape];
  if (a.length === 0 || b.length === 0) throw new RangeError("matmul needs tensors of at least one dimension");
  requireEqual("The inner sizes of a product", a.at(-1)!, b[Math.max(b.length - 2, 0)]);
  const batch = broadcastShapes(a.slice(0, -2), b.slice(0, -2));
  return [...batch, ...(a.length > 1 ? a.slice(-2, -1) : []), ...(b.length > 1 ? b.slice(-1) : [])];
}

/** `torch.matmul` of tensors of any rank, in their own dtype. */
export function multiply(x: Tensor, y: Tensor): Tensor {
  const rows = x.shape.length === 1 ? x.reshape([1, x.shape[0]]) : x;
  const columns = y.shape.length === 1 ? y.reshape([y.shape[0], 1]) : y;
  return product(rows, columns).reshape(matmulShape(x, y) as number[]);
}

/** Kernel of a product that is rounded once. */
function rounded(x: Tensor, y: Tensor): Tensor {
  return convert(multiply(widen(x), widen(y)), x.dtype);
}

/** ONNX form of `torch.matmul`. */
export function matmulNode(b: OnnxBuilder, x: OnnxValue, y: OnnxValue): OnnxValue {
  return computeIn(b, productDType(b.meta(x).dtype), [x, y], (x, y) => b.op("MatMul", [x, y]));
}

/** https://docs.pytorch.org/docs/stable/generated/torch.matmul.html */
export const matmul = defineOp("aten::matmul(Tensor self, Tensor other) -> Tensor", {
  meta: (_, { self, other }) => ({ dtype: self.dtype, shape: matmulShape(self, other) }),
  kernel: ({ self, other }) => rounded(self, other),
  complex: { form: "bilinearForm" },
  onnx: (b, { self, other }) => matmulNode(b, self, other),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.matmul.html */
export const linalgMatmul = defineOp("aten::linalg_matmul(Tensor self, Tensor other) -> Tensor", {
  decompose: (t, { self, other }) => t.call(matmul, self, other),
});

/** The product of two arguments that have given numbers of dimensions. */
function ofRanks<T extends object>(t: Calls<T>, pair: Readonly<Record<string, T>>, ...ranks: [number, number]): T {
  const [[name, x], [otherName, y]] = Object.entries(pair);
  requireRank(name, t.meta(x), ranks[0]);
  requireRank(otherName, t.meta(y), ranks[1]);
  return t.call(matmul, x, y);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.mm.html */
export const mm = defineOp("aten::mm(Tensor self, Tensor mat2) -> Tensor", {
  decompose: (t, { self, mat2 }) => ofRanks(t, { self, mat2 }, 2, 2),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.bmm.html */
export const bmm = defineOp("aten::bmm(Tensor self, Tensor mat2) -> Tensor", {
  decompose: (t, { self, mat2 }) => {
    requireEqual("The batches of self and mat2", t.meta(self).shape[0], t.meta(mat2).shape[0]);
    return ofRanks(t, { self, mat2 }, 3, 3);
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.mv.html */
export const mv = defineOp("aten::mv(Tensor self, Tensor vec) -> Tensor", {
  decompose: (t, { self, vec }) => ofRanks(t, { self, vec }, 2, 1),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.dot.html */
export const dot = defineOp("aten::dot(Tensor self, Tensor tensor) -> Tensor", {
  decompose: (t, { self, tensor }) => ofRanks(t, { self, tensor }, 1, 1),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.vdot.html: the conjugate makes no difference to real numbers. */
export const vdot = defineOp("aten::vdot(Tensor self, Tensor other) -> Tensor", {
  complex: { form: "vdotForm" },
  decompose: (t, { self, other }) => ofRanks(t, { self, other }, 1, 1),
});

/** https://docs.pytorch.org/docs/stable/generated/torch.chain_matmul.html */
export const chainMatmul = defineOp("aten::chain_matmul(Tensor[] matrices) -> Tensor", {
  decompose: (t, { matrices }) => {
    for (const x of matrices) requireRank("Each of matrices", t.meta(x), 2);
    return matrices.reduce((x, y) => t.call(matmul, x, y));
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.linalg.multi_dot.html: the order of products only affects speed. */
export const linalgMultiDot = defineOp("aten::linalg_multi_dot(Tensor[] tensors) -> Tensor", {
  decompose: (t, { tensors }) => tensors.reduce((x, y) => t.call(matmul, x, y)),
});

/** Whether a Python number is known to be the given one. */
export function isNumber(value: Scalar, n: number): boolean {
  return !isSym(value) && typeof value !== "object" && Number(value) === n;
}

/** `beta * self + alpha * product`. With a beta of 0 `self` is not looked at, so that its NaNs don't get into the result. */
function addScaled(b: OnnxBuilder, self: OnnxValue, y: OnnxValue, beta: Scalar, alpha: Scalar): OnnxValue {
  const scaled = (x: OnnxValue, by: Scalar): OnnxValue => isNumber(by, 1) ? x : b.op("Mul", [x, factorNode(b, x, by)]);
  const product = scaled(y, alpha);
  return isNumber(beta, 0) ? product : b.op("Add", [scaled(self, beta), product]);
}

function addScaledKernel(self: Tensor, y: Tensor, beta: Scalar, alpha: Scalar): Tensor {
  const factor = (by: Scalar): number => element(by, y.dtype);
  const product = mapUnary(y, y.dtype, (v) => v * factor(alpha));
  const sum = isNumber(beta, 0)
    ? product
    : mapBinary(mapUnary(widen(self), y.dtype, (v) => v * factor(beta)), product, y.dtype, (p, q) => p + q);
  return convert(expandTo(sum, y.shape), self.dtype);
}

function checkBatches(batch1: Meta, batch2: Meta): void {
  requireRank("batch1", batch1, 3);
  requireRank("batch2", batch2, 3);
  requireEqual("The batches of batch1 and batch2", batch1.shape[0], batch2.shape[0]);
}

/** A sum that has the shape of the product. */
function sumMeta(self: Meta, shape: Meta["shape"]): Meta {
  broadcastInto("self", self.shape, shape);
  return { dtype: self.dtype, shape };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.addmm.html */
export const addmm = defineOp(
  "aten::addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
  {
    meta: (_, { self, mat1, mat2 }) => {
      requireRank("mat1", mat1, 2);
      requireRank("mat2", mat2, 2);
      return sumMeta(self, matmulShape(mat1, mat2));
    },
    kernel: ({ self, mat1, mat2, beta, alpha }) =>
      addScaledKernel(self, multiply(widen(mat1), widen(mat2)), beta, alpha),
    complex: { form: "addmmForm" },
    onnx: (b, { self, mat1, mat2, beta, alpha }) => {
      const { dtype } = b.meta(self);
      return computeIn(b, productDType(dtype), [self, mat1, mat2], (self, mat1, mat2) => {
        // Gemm keeps its factors in single precision.
        const fits = (x: Scalar): boolean => !isSym(x) && (dtype !== "float64" || isSingle(x));
        if (!isFloat(dtype) || !fits(beta) || !fits(alpha)) {
          return addScaled(b, self, b.op("MatMul", [mat1, mat2]), beta, alpha);
        }
        const bias = isNumber(beta, 0) ? null : self;
        return b.op("Gemm", [mat1, mat2, bias], { alpha: float(Number(alpha)), beta: float(Number(beta)) });
      });
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.baddbmm.html */
export const baddbmm = defineOp(
  "aten::baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
  {
    meta: (_, { self, batch1, batch2 }) => {
      checkBatches(batch1, batch2);
      return sumMeta(self, matmulShape(batch1, batch2));
    },
    kernel: ({ self, batch1, batch2, beta, alpha }) =>
      addScaledKernel(self, multiply(widen(batch1), widen(batch2)), beta, alpha),
    complex: { form: "baddbmmForm" },
    onnx: (b, { self, batch1, batch2, beta, alpha }) =>
      computeIn(
        b,
        productDType(b.meta(self).dtype),
        [self, batch1, batch2],
        (self, x, y) => addScaled(b, self, b.op("MatMul", [x, y]), beta, alpha),
      ),
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.addbmm.html: the products of the batch are summed. */
export const addbmm = defineOp(
  "aten::addbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
  {
    meta: (_, { self, batch1, batch2 }) => {
      checkBatches(batch1, batch2);
      requireEqual("The inner sizes of a product", batch1.shape[2], batch2.shape[1]);
      return sumMeta(self, [batch1.shape[1], batch2.shape[2]]);
    },
    kernel: ({ self, batch1, batch2, beta, alpha }) => {
      const [n, k] = batch1.shape.slice(1);
      const m = batch2.shape[2];
      const count = batch1.shape[0];
      // A sum over the batch is one product over batch and inner dim together.
      const rows = permuteDims(widen(batch1), [1, 0, 2]).reshape([n, count * k]);
      const columns = widen(batch2).reshape([count * k, m]);
      return addScaledKernel(self, multiply(rows, columns), beta, alpha);
    },
    complex: { form: "addbmmForm" },
    onnx: (b, { self, batch1, batch2, beta, alpha }) =>
      computeIn(b, productDType(b.meta(self).dtype), [self, batch1, batch2], (self, x, y) => {
        const sum = b.op("ReduceSum", [b.op("MatMul", [x, y]), b.ints([0])], { keepdims: 0 });
        return addScaled(b, self, sum, beta, alpha);
      }),
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.addmv.html */
export const addmv = defineOp(
  "aten::addmv(Tensor self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
  {
    meta: (_, { self, mat, vec }) => {
      requireRank("mat", mat, 2);
      requireRank("vec", vec, 1);
      return sumMeta(self, matmulShape(mat, vec));
    },
    kernel: ({ self, mat, vec, beta, alpha }) => addScaledKernel(self, multiply(widen(mat), widen(vec)), beta, alpha),
    complex: { form: "addmvForm" },
    onnx: (b, { self, mat, vec, beta, alpha }) =>
      computeIn(
        b,
        productDType(b.meta(self).dtype),
        [self, mat, vec],
        (self, x, y) => addScaled(b, self, b.op("MatMul", [x, y]), beta, alpha),
      ),
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.addr.html: of bools, "or" stands for the sum. */
export const addr = defineOp(
  "aten::addr(Tensor self, Tensor vec1, Tensor vec2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
  {
    promote: { args: ["self", "vec1", "vec2"], to: "default" },
    meta: (_, { self, vec1, vec2 }) => {
      requireRank("vec1", vec1, 1);
      requireRank("vec2", vec2, 1);
      return sumMeta(self, [vec1.shape[0], vec2.shape[0]]);
    },
    kernel: ({ self, vec1, vec2, beta, alpha }) => {
      const [x, y] = [widen(vec1).reshape([vec1.shape[0], 1]), widen(vec2)];
      return addScaledKernel(self, mapBinary(x, y, x.dtype, (p, q) => p * q), beta, alpha);
    },
    complex: { form: "addrForm" },
    onnx: (b, { self, vec1, vec2, beta, alpha }) => {
      const { dtype } = b.meta(self);
      const column = b.unsqueeze(vec1, 1);
      if (dtype === "bool") {
        const both = b.op("And", [column, vec2]);
        const product = isNumber(alpha, 0) ? b.op("And", [both, b.scalar(false, "bool")]) : both;
        return isNumber(beta, 0) ? product : b.op("Or", [self, product]);
      }
      return computeIn(
        b,
        productDType(dtype),
        [self, column, vec2],
        (self, x, y) => addScaled(b, self, b.op("Mul", [x, y]), beta, alpha),
      );
    },
  },
);
