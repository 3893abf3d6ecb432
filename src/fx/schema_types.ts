/**
 * The TypeScript types of an operator's arguments and results, derived from its schema text. The same text is parsed at
 * run time by `schema.ts`; a type test keeps the two alike.
 */
import type { Dim } from "../sym/mod.ts";
import type { DType } from "../tensor/mod.ts";
import type { Scalar } from "./args.ts";

type Base<T, N extends string> = N extends "Tensor" ? T
  : N extends "SymInt" ? Dim
  : N extends "int" | "float" ? number
  : N extends "Scalar" ? Scalar
  : N extends "bool" ? boolean
  : N extends "ScalarType" ? DType
  : N extends "str" | "Layout" | "Device" | "MemoryFormat" ? string
  : unknown;

type TypeOf<T, N extends string> = N extends `${infer U}?` ? TypeOf<T, U> | null
  : N extends `${infer U}[${string}]` ? readonly TypeOf<T, U>[]
  : Base<T, N>;

type Bare<N extends string> = N extends `${infer M}=${string}` ? M : N;

/**
 * `Tensor(a!)[] x=1` to [name, type, name with default].
 *
 * @internal
 */
type Param<T, A extends string> = A extends `Tensor(${string})${infer Suffix} ${infer N}`
  ? [Bare<N>, TypeOf<T, `Tensor${Suffix}`>, N]
  : A extends `${infer U} ${infer N}` ? [Bare<N>, TypeOf<T, U>, N]
  : never;

/**
 * Splits at `, ` but keeps the list of a default (`stride=[1, 1]`) in one piece, emptied: only its presence matters.
 *
 * @internal
 */
type Split<S extends string, Acc extends string[] = []> = S extends `${infer A}, ${infer R}`
  ? A extends `${infer H}=[${infer X}` ? X extends `${string}]${string}` ? Split<R, [...Acc, A]>
    : R extends `${string}], ${infer R2}` ? Split<R2, [...Acc, `${H}=[]`]>
    : [...Acc, `${H}=[]`]
  : Split<R, A extends "*" ? Acc : [...Acc, A]>
  : S extends "" ? Acc
  : [...Acc, S];

/** @internal */
type Params<S extends string> = S extends `${string}(${infer A}) -> ${string}` ? Split<A> : never;

/** Named arguments of a schema over tensor type `T`. */
export type Args<T, S extends string> = { readonly [P in Param<T, Params<S>[number]> as P[0]]: P[1] };

/** @internal */
type Pos<T, L, Acc extends unknown[] = []> = L extends [infer H extends string, ...infer R]
  ? Param<T, H> extends [string, infer V, infer N]
    ? N extends `${string}=${string}` ? Pos<T, R, [...Acc, V?]> : Pos<T, R, [...Acc, V]>
  : never
  : Acc;

/** Positional arguments of a schema, those with a default optional; keyword-only ones come last in schema order. */
export type Positional<T, S extends string> = Pos<T, Params<S>>;

/** @internal */
type Ret1<T, R extends string> = R extends `Tensor(${string})${infer Suffix} ${string}` ? TypeOf<T, `Tensor${Suffix}`>
  : R extends `Tensor(${string})${infer Suffix}` ? TypeOf<T, `Tensor${Suffix}`>
  : R extends `${infer U} ${string}` ? TypeOf<T, U>
  : TypeOf<T, R>;
/** @internal */
type Rets<T, L> = { readonly [I in keyof L]: L[I] extends string ? Ret1<T, L[I]> : never };

/** Result of a schema over tensor type `T`: one value, or a tuple. */
export type Result<T, S extends string> = S extends `${string}) -> ${infer R}`
  ? R extends `(${infer L})` ? Rets<T, Split<L>> : Ret1<T, R>
  : never;
