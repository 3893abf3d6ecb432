/**
 * Sizes of tensors as numbers, and Python's operators on numbers that may be symbolic. Their meta rule is the whole of
 * them: no node of the ONNX graph comes from here. PyTorch has no schemas for Python's functions; these are our own.
 */
import type { Scalar } from "../fx/mod.ts";
import * as sizes from "../sym/mod.ts";
import type { Dim, Sym } from "../sym/mod.ts";
import { contiguousStrides, isContiguous, type Meta, normalizeDim } from "../tensor/mod.ts";
import {
  arithmetic,
  bitwise,
  comparison,
  floorDivide,
  fromSym,
  invert,
  isTrue,
  remainder,
  shift,
  toInt,
  toNumber,
} from "./numbers.ts";
import { defineOp } from "./op.ts";
import { refuse } from "./rules.ts";

/** https://docs.pytorch.org/docs/stable/torch.compiler_ir.html */
export const symSize = defineOp("aten::sym_size.int(Tensor self, int dim) -> SymInt", {
  meta: (_, { self, dim }) => self.shape[normalizeDim(dim, self.shape.length)],
});
/** All sizes. */
export const symSizes = defineOp("aten::sym_size(Tensor self) -> SymInt[]", {
  meta: (_, { self }) => self.shape,
});
/** One stride, in elements. */
export const symStride = defineOp("aten::sym_stride.int(Tensor self, int dim) -> SymInt", {
  meta: (_, { self, dim }) => stridesOf(self)[normalizeDim(dim, self.shape.length)],
});
/** All strides. */
export const symStrides = defineOp("aten::sym_stride(Tensor self) -> SymInt[]", {
  meta: (_, { self }) => stridesOf(self),
});
/** The number of elements. */
export const symNumel = defineOp("aten::sym_numel(Tensor self) -> SymInt", {
  meta: (_, { self }) => sizes.prod(self.shape),
});
/** Where the first element lies in the storage. Programs record the number beside the call. */
export const symStorageOffset = defineOp("aten::sym_storage_offset(Tensor self) -> SymInt", {
  meta: (_, { self }): Dim => "offset" in self && typeof self.offset === "number" ? self.offset : 0,
});
/** Whether the elements lie in order. */
export const symIsContiguous = defineOp(
  "aten::sym_is_contiguous(Tensor self, MemoryFormat memory_format=contiguous_format) -> Scalar",
  {
    meta: (_, { self, memory_format }): Scalar =>
      memory_format === "contiguous_format"
        ? isContiguous(self)
        : refuse("memory_format", memory_format, "strides are only followed for contiguous_format"),
  },
);

function stridesOf(self: Meta): readonly Dim[] {
  return self.strides ?? contiguousStrides(self.shape);
}

/** `a + b`, https://docs.python.org/3/library/operator.html */
export const add = defineOp("_operator::add(Scalar a, Scalar b) -> Scalar", {
  meta: (_, { a, b }) => arithmetic("add", a, b),
});
/** `a - b` */
export const sub = defineOp("_operator::sub(Scalar a, Scalar b) -> Scalar", {
  meta: (_, { a, b }) => arithmetic("add", a, arithmetic("mul", -1n, b)),
});
/** `a * b` */
export const mul = defineOp("_operator::mul(Scalar a, Scalar b) -> Scalar", {
  meta: (_, { a, b }) => arithmetic("mul", a, b),
});
/** `a / b` */
export const truediv = defineOp("_operator::truediv(Scalar a, Scalar b) -> Scalar", {
  meta: (_, { a, b }) => arithmetic("truediv", a, b),
});
/** `a // b` */
export const floordiv = defineOp("_operator::floordiv(Scalar a, Scalar b) -> Scalar", {
  meta: (_, { a, b }) => floorDivide(a, b),
});
/** `a % b` */
export const mod = defineOp("_operator::mod(Scalar a, Scalar b) -> Scalar", {
  meta: (_, { a, b }) => remainder(a, b),
});
/** `a ** b` */
export const pow = defineOp("_operator::pow(Scalar a, Scalar b) -> Scalar", {
  meta: (_, { a, b }) => arithmetic("pow", a, b),
});
/** `-a` */
export const neg = defineOp("_operator::neg(Scalar a) -> Scalar", {
  meta: (_, { a }) => arithmetic("mul", -1n, a),
});
/** `+a` */
export const pos = defineOp("_operator::pos(Scalar a) -> Scalar", {
  meta: (_, { a }) => fromSym(toNumber(a)),
});
/** `abs(a)` */
export const abs = defineOp("_operator::abs(Scalar a) -> Scalar", {
  meta: (_, { a }) => arithmetic("abs", a),
});
/** `a == b` */
export const eq = defineOp("_operator::eq(Scalar a, Scalar b) -> Scalar", {
  meta: (_, { a, b }) => comparison("eq", a, b),
});
/** `a != b` */
export const ne = defineOp("_operator::ne(Scalar a, Scalar b) -> Scalar", {
  meta: (_, { a, b }) => comparison("ne", a, b),
});
/** `a < b` */
export const lt = defineOp("_operator::lt(Scalar a, Scalar b) -> Scalar", {
  meta: (_, { a, b }) => comparison("lt", a, b),
});
/** `a <= b` */
export const le = defineOp("_operator::le(Scalar a, Scalar b) -> Scalar", {
  meta: (_, { a, b }) => comparison("le", a, b),
});
/** `a > b` */
export const gt = defineOp("_operator::gt(Scalar a, Scalar b) -> Scalar", {
  meta: (_, { a, b }) => comparison("gt", a, b),
});
/** `a >= b` */
export const ge = defineOp("_operator::ge(Scalar a, Scalar b) -> Scalar", {
  meta: (_, { a, b }) => comparison("ge", a, b),
});
/** `a & b` */
export const and = defineOp("_operator::and_(Scalar a, Scalar b) -> Scalar", {
  meta: (_, { a, b }) => bitwise("and", a, b),
});
/** `a | b` */
export const or = defineOp("_operator::or_(Scalar a, Scalar b) -> Scalar", {
  meta: (_, { a, b }) => bitwise("or", a, b),
});
/** `a ^ b` */
export const xor = defineOp("_operator::xor(Scalar a, Scalar b) -> Scalar", {
  meta: (_, { a, b }) => bitwise("xor", a, b),
});
/** `not a` */
export const not = defineOp("_operator::not_(Scalar a) -> Scalar", {
  meta: (_, { a }) => fromSym(sizes.build("not", [isTrue(a)])),
});
/** Whether `a` is not zero. */
export const truth = defineOp("_operator::truth(Scalar a) -> Scalar", {
  meta: (_, { a }) => fromSym(isTrue(a)),
});
/** `~a` */
export const inv = defineOp("_operator::inv(Scalar a) -> Scalar", { meta: (_, { a }) => invert(a) });
/** `~a` */
export const invertInt = defineOp("_operator::invert(Scalar a) -> Scalar", { meta: (_, { a }) => invert(a) });
/** `a << b` */
export const lshift = defineOp("_operator::lshift(Scalar a, Scalar b) -> Scalar", {
  meta: (_, { a, b }) => shift("mul", a, b),
});
/** `a >> b` */
export const rshift = defineOp("_operator::rshift(Scalar a, Scalar b) -> Scalar", {
  meta: (_, { a, b }) => shift("floordiv", a, b),
});
/** The number as an index: it must be an int. */
export const index = defineOp("_operator::index(Scalar a) -> Scalar", {
  meta(_, { a }) {
    const value: Sym = toNumber(a);
    if (value.kind !== "int") refuse("a", a, "an index must be an integer");
    return fromSym(value);
  },
});
/** One of several numbers. */
export const getitem = defineOp("_operator::getitem(Scalar[] a, int b) -> Scalar", {
  meta: (_, { a, b }) => a.at(b) ?? refuse("b", b, `the list has ${a.length} elements`),
});

/** The number rounded toward zero, https://docs.python.org/3/library/math.html#math.trunc */
export const trunc = defineOp("math::trunc(Scalar a) -> Scalar", { meta: (_, { a }) => toInt("trunc_to_int", a) });
/** The number rounded up. */
export const ceil = defineOp("math::ceil(Scalar a) -> Scalar", { meta: (_, { a }) => toInt("ceil_to_int", a) });
/** The number rounded down. */
export const floor = defineOp("math::floor(Scalar a) -> Scalar", { meta: (_, { a }) => toInt("floor_to_int", a) });
