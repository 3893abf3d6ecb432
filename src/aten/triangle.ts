/** Triangles of matrices. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import type { Dim } from "../sym/mod.ts";
import { type DType, isComplex, type Meta, newData, Tensor } from "../tensor/mod.ts";
import { indices } from "../tensor/loops.ts";
import { carrier } from "./emit.ts";
import { defineOp, type MetaContext } from "./op.ts";
import { PARTS } from "./rules.ts";
import { shaped } from "./shapes.ts";

interface TriangleArgs<T> {
  readonly self: T;
  readonly diagonal: Dim;
}

/** What onnxruntime has Trilu for. */
const NATIVE: readonly DType[] = ["bool", "int32", "int64", "float32", "float64"];

function triangle(name: "tril" | "triu") {
  const check = (shape: readonly Dim[]): void => {
    if (shape.length < 2) throw new RangeError(`${name} takes a tensor of at least 2 dimensions, met ${shape.length}`);
  };
  return {
    meta(_: MetaContext, { self }: TriangleArgs<Meta>): Meta {
      check(self.shape);
      return shaped(self, self.shape);
    },
    kernel({ self, diagonal }: TriangleArgs<Tensor>): Tensor {
      check(self.shape);
      const data = self.data();
      const out = newData(self.dtype, data.length);
      const parts = isComplex(self.dtype) ? 2 : 1;
      let i = 0;
      for (const index of indices(self.shape)) {
        const distance = index[index.length - 1] - index[index.length - 2] - (diagonal as number);
        const isKept = name === "tril" ? distance <= 0 : distance >= 0;
        for (let k = 0; k < parts; k++, i++) if (isKept) out[i] = data[i];
      }
      return Tensor.of(self.dtype, self.shape, out);
    },
    complex: PARTS,
    onnx(b: OnnxBuilder, { self, diagonal }: TriangleArgs<OnnxValue>): OnnxValue {
      const { dtype, shape } = b.meta(self);
      check(shape);
      const x = b.cast(self, carrier(b, dtype, NATIVE, "Trilu"));
      const k = diagonal === 0 ? null : b.dim(diagonal);
      return b.cast(b.op("Trilu", [x, k], { upper: name === "triu" ? 1 : 0 }), dtype);
    },
  };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.tril.html */
export const tril = defineOp("aten::tril(Tensor self, SymInt diagonal=0) -> Tensor", triangle("tril"));
/** https://docs.pytorch.org/docs/stable/generated/torch.triu.html */
export const triu = defineOp("aten::triu(Tensor self, SymInt diagonal=0) -> Tensor", triangle("triu"));
