/** Matrix products. */
import { broadcastShapes, type Meta } from "../tensor/mod.ts";
import { mapBinary, matmul as product, permuteDims } from "../tensor/loops.ts";
import { float } from "../onnx/model.ts";
import { defineOp } from "./op.ts";

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.linear.html */
export const linear = defineOp("aten::linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor", {
  meta: (_, { input, weight }) => ({
    dtype: input.dtype,
    shape: [...input.shape.slice(0, -1), ...weight.shape.slice(0, -1)],
  }),
  kernel: ({ input, weight, bias }) => {
    const rows = input.shape.length === 1 ? input.reshape([1, input.shape[0]]) : input.contiguous();
    const columns = weight.shape.length === 1 ? weight.reshape([1, weight.shape[0]]) : weight;
    const y = product(rows, permuteDims(columns, [1, 0]));
    const shaped = y.reshape([...input.shape.slice(0, -1), ...weight.shape.slice(0, -1)]);
    return bias ? mapBinary(shaped, bias, shaped.dtype, (a, b) => a + b) : shaped;
  },
  onnx: (b, { input, weight, bias }) => {
    const [x, w] = [b.meta(input), b.meta(weight)];
    if (x.shape.length === 2 && w.shape.length === 2) {
      return b.op("Gemm", [input, weight, bias], { transB: 1, alpha: float(1), beta: float(1) });
    }
    const turned = w.shape.length === 2 ? b.transpose(weight, [1, 0]) : weight;
    const y = b.op("MatMul", [input, turned]);
    return bias ? b.op("Add", [y, bias]) : y;
  },
});

/** The shape of `torch.matmul`. */
export function matmulShape(x: Meta, y: Meta): Meta["shape"] {
  const [a, b] = [x.shape, y.shape];
  if (a.length === 0 || b.length === 0) throw new RangeError("matmul needs tensors of at least one dimension");
  const batch = broadcastShapes(a.slice(0, -2), b.slice(0, -2));
  return [...batch, ...a.slice(0, -1).slice(-1), ...(b.length > 1 ? b.slice(-1) : [])];
}

/** https://docs.pytorch.org/docs/stable/generated/torch.matmul.html */
export const matmul = defineOp("aten::matmul(Tensor self, Tensor other) -> Tensor", {
  meta: (_, { self, other }) => ({ dtype: self.dtype, shape: matmulShape(self, other) }),
  kernel: ({ self, other }) => {
    const x = self.shape.length === 1 ? self.reshape([1, self.shape[0]]) : self;
    const y = other.shape.length === 1 ? other.reshape([other.shape[0], 1]) : other;
    return product(x, y).reshape(matmulShape(self, other) as number[]);
  },
  onnx: (b, { self, other }) => b.op("MatMul", [self, other]),
});
