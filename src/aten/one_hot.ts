/** Classes as rows of zeros with a one. */
import { type Dim, isSym } from "../sym/mod.ts";
import { type Meta, newData, Tensor } from "../tensor/mod.ts";
import { defineOp } from "./op.ts";
import { refuse } from "./rules.ts";

function check({ dtype }: Meta, num_classes: number): void {
  if (dtype !== "int64") throw new TypeError(`one_hot takes classes of dtype int64, met ${dtype}`);
  if (num_classes === 0 || num_classes < -1) {
    refuse("num_classes", num_classes, "it must be positive, or -1 for as many as there are");
  }
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.one_hot.html */
export const oneHot = defineOp("aten::one_hot(Tensor self, int num_classes=-1) -> Tensor", {
  meta: (ctx, { self, num_classes }): Meta => {
    check(self, num_classes);
    const classes: Dim = num_classes === -1 ? ctx.freshSymbol("one_hot") : num_classes;
    if (num_classes === -1 && self.shape.some((d) => !isSym(d) && d === 0)) {
      throw new RangeError("The number of classes can't be told from a tensor without elements");
    }
    return { dtype: "int64", shape: [...self.shape, classes] };
  },
  kernel: ({ self, num_classes }) => {
    check(self, num_classes);
    const labels = Array.from(self.data() as ArrayLike<bigint>, Number);
    const classes = num_classes === -1 ? labels.reduce((x, y) => Math.max(x, y), -1) + 1 : num_classes;
    const out = newData("int64", labels.length * classes);
    for (const [i, label] of labels.entries()) {
      if (label < 0 || label >= classes) throw new RangeError(`Class ${label} is out of range for ${classes} classes`);
      out[i * classes + label] = 1n;
    }
    return Tensor.of("int64", [...self.shape, classes], out);
  },
  onnx: (b, { self, num_classes }) => {
    check(b.meta(self), num_classes);
    const values = b.constant(Tensor.of("int64", [2], [0n, 1n]));
    const depth = num_classes === -1
      ? b.op("Add", [b.op("ReduceMax", [self], { keepdims: 0 }), b.scalar(1n, "int64")])
      : b.scalar(BigInt(num_classes), "int64");
    const isOne = b.meta(self).shape.length === 0;
    const rows = b.op("OneHot", [isOne ? b.unsqueeze(self, 0) : self, depth, values], { axis: -1 });
    return isOne ? b.squeeze(rows, 0) : rows;
  },
});
