/** Operators on sizes and Python numbers. Their meta rule is the whole of them: no node of the ONNX graph comes from here. */
import * as sizes from "../sym/mod.ts";
import type { Dim } from "../sym/mod.ts";
import { normalizeDim } from "../tensor/mod.ts";
import { defineOp } from "./op.ts";

/** https://docs.pytorch.org/docs/stable/torch.compiler_ir.html */
export const symSize = defineOp("aten::sym_size.int(Tensor self, int dim) -> SymInt", {
  meta: (_, { self, dim }) => self.shape[normalizeDim(dim, self.shape.length)],
});

/** The number of elements. */
export const symNumel = defineOp("aten::sym_numel(Tensor self) -> SymInt", {
  meta: (_, { self }) => sizes.prod(self.shape),
});

/** `a + b` of sizes. */
export const add = defineOp("_operator::add(SymInt a, SymInt b) -> SymInt", {
  meta: (_, { a, b }): Dim => sizes.add(a, b),
});

/** `a - b` of sizes. */
export const sub = defineOp("_operator::sub(SymInt a, SymInt b) -> SymInt", {
  meta: (_, { a, b }): Dim => sizes.sub(a, b),
});

/** `a * b` of sizes. */
export const mul = defineOp("_operator::mul(SymInt a, SymInt b) -> SymInt", {
  meta: (_, { a, b }): Dim => sizes.mul(a, b),
});

/** `a // b` of sizes. */
export const floordiv = defineOp("_operator::floordiv(SymInt a, SymInt b) -> SymInt", {
  meta: (_, { a, b }): Dim => sizes.floorDiv(a, b),
});

/** `a % b` of sizes. */
export const mod = defineOp("_operator::mod(SymInt a, SymInt b) -> SymInt", {
  meta: (_, { a, b }): Dim => sizes.mod(a, b),
});

/** `-a` of a size. */
export const neg = defineOp("_operator::neg(SymInt a) -> SymInt", {
  meta: (_, { a }): Dim => sizes.neg(a),
});
