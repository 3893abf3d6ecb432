/**
 * The types that operators' arguments and results get from their schemas. The compiler does the work: a wrong type is an
 * error of `deno check`.
 */
import type { Args, Positional, Result } from "../../src/fx/schema_types.ts";
import type { Scalar } from "../../src/fx/args.ts";
import type { Dim } from "../../src/sym/mod.ts";
import type { DType } from "../../src/tensor/mod.ts";
import type { Calls, Op } from "../../src/aten/mod.ts";
import { defineOp } from "../../src/aten/mod.ts";
import { assertEquals } from "@std/assert";

interface T {
  readonly tensor: true;
}

/** Whether two types are the same, optional and readonly properties included. */
type Same<A, B> = (<X>() => X extends A ? 1 : 2) extends (<X>() => X extends B ? 1 : 2) ? true : false;

/** Compiles only for true. */
function holds<_ extends true>(): void {}

type Conv2d =
  "aten::conv2d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] dilation=[1, 1], SymInt groups=1) -> Tensor";
type Fft2 = "aten::fft_fft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor";
type Norm = "aten::norm(int[] dim=[0, 1]) -> Tensor";
type Max = "aten::max.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)";
type Add_ = "aten::add_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)";
type Index = "aten::index.Tensor(Tensor self, Tensor?[] indices) -> Tensor";
type Chunk = "aten::chunk(Tensor(a -> *) self, int chunks, int dim=0) -> Tensor(a)[]";
type To =
  "aten::to.dtype_layout(Tensor(a) self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)";
type Assert = "aten::_assert_async.msg(Tensor self, str assert_msg) -> ()";
type Size = "aten::sym_size.int(Tensor self, int dim) -> SymInt";
type Out = "aten::split.out(Tensor self, float[]? scale, Generator? generator=None, *, Tensor(a!)[] out) -> ()";

Deno.test("schema types: arguments by name", () => {
  holds<
    Same<
      Args<T, Conv2d>,
      {
        readonly input: T;
        readonly weight: T;
        readonly bias: T | null;
        readonly stride: readonly Dim[];
        readonly padding: readonly Dim[];
        readonly dilation: readonly Dim[];
        readonly groups: Dim;
      }
    >
  >();
  holds<
    Same<
      Args<T, Fft2>,
      {
        readonly self: T;
        readonly s: readonly Dim[] | null;
        readonly dim: readonly number[];
        readonly norm: string | null;
      }
    >
  >();
  holds<Same<Args<T, Norm>, { readonly dim: readonly number[] }>>();
  holds<Same<Args<T, Add_>, { readonly self: T; readonly other: T; readonly alpha: Scalar }>>();
  holds<Same<Args<T, Index>, { readonly self: T; readonly indices: readonly (T | null)[] }>>();
  holds<Same<Args<T, Chunk>, { readonly self: T; readonly chunks: number; readonly dim: number }>>();
  holds<
    Same<
      Args<T, To>,
      {
        readonly self: T;
        readonly dtype: DType | null;
        readonly layout: string | null;
        readonly device: string | null;
        readonly pin_memory: boolean | null;
        readonly non_blocking: boolean;
        readonly copy: boolean;
        readonly memory_format: string | null;
      }
    >
  >();
  holds<
    Same<
      Args<T, Out>,
      {
        readonly self: T;
        readonly scale: readonly number[] | null;
        readonly generator: unknown;
        readonly out: readonly T[];
      }
    >
  >();
  // @ts-expect-error A name that the schema lacks.
  holds<Same<Args<T, Index>["index"], T>>();
  // @ts-expect-error A list is not a number.
  holds<Same<Args<T, Fft2>["dim"], number>>();
});

Deno.test("schema types: arguments by position", () => {
  holds<Same<Positional<T, Max>, [T, number, boolean?]>>();
  holds<Same<Positional<T, Add_>, [T, T, Scalar?]>>();
  holds<
    Same<Positional<T, Conv2d>, [T, T, (T | null)?, (readonly Dim[])?, (readonly Dim[])?, (readonly Dim[])?, Dim?]>
  >();
  holds<Same<Positional<T, Fft2>, [T, (readonly Dim[] | null)?, (readonly number[])?, (string | null)?]>>();
  holds<Same<Positional<T, Norm>, [(readonly number[])?]>>();
});

Deno.test("schema types: results", () => {
  holds<Same<Result<T, Conv2d>, T>>();
  holds<Same<Result<T, Max>, readonly [T, T]>>();
  holds<Same<Result<T, Add_>, T>>();
  holds<Same<Result<T, Chunk>, readonly T[]>>();
  holds<Same<Result<T, Assert>, readonly []>>();
  holds<Same<Result<T, Size>, Dim>>();
  holds<
    Same<
      Result<T, "aten::f.out(Tensor self) -> (Tensor(a!) values, Tensor(b!)[] edges, int[] sizes, Scalar)">,
      readonly [T, readonly T[], readonly number[], Scalar]
    >
  >();
});

Deno.test("schema types: rules are held to their schema", () => {
  const relu = defineOp("aten::relu(Tensor self) -> Tensor", {
    decompose: (t, { self }) => t.cast(self, "float32"),
  });
  defineOp("aten::bad(Tensor self, int dim) -> Tensor", {
    // @ts-expect-error There is no argument `axis`.
    decompose: (_, { self, axis }) => axis ? self : self,
  });
  defineOp("aten::bad(Tensor self) -> (Tensor, Tensor)", {
    // @ts-expect-error Two results are needed.
    decompose: (_, { self }) => [self],
  });
  defineOp("aten::bad(Tensor self, Tensor? bias=None) -> Tensor", {
    // @ts-expect-error The bias may be null.
    decompose: (t, { bias }) => t.cast(bias, "float32"),
  });
  const callers = [
    <X>(t: Calls<X>, x: X): X => t.call(relu, x),
    // @ts-expect-error An argument is missing.
    <X>(t: Calls<X>): X => t.call(relu),
    // @ts-expect-error A number is no tensor.
    <X>(t: Calls<X>): X => t.call(relu, 1),
  ];
  const op: Op = relu as unknown as Op;
  assertEquals([op.name, op.parsed.args.length, callers.length], ["aten::relu", 1, 3]);
});
