/**
 * The operator record: everything the system knows about one ATen operator stands in one `defineOp`. The schema string
 * types every rule; a rule is written only if it can't be derived (see the table in the README's architecture section).
 */
import type { Args, FunctionSchema, Positional, Result, Scalar } from "../fx/mod.ts";
import { parseSchema } from "../fx/schema.ts";
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import type { Dim, Ranges, Sym } from "../sym/mod.ts";
import type { DType, Meta, Tensor } from "../tensor/mod.ts";
import type { HigherOrderRules } from "./higher_order.ts";

/**
 * Lets a literal tuple be inferred where a tuple is expected.
 *
 * @internal
 */
type Hinted<R> = R | (R & []);

/**
 * How Python scalars and tensors of different dtypes come to one dtype before any rule runs.
 *
 * - `default`: `torch.result_type` of the listed arguments.
 * - `float`: the same, and integers and bools become the default float dtype (sin, true division, mean-like).
 * - `none`: numbers in tensor slots become 0-d tensors, dtypes stay.
 */
export interface Promotion {
  /** Names of the arguments that take part. */
  readonly args: readonly string[];
  /** The rule, as above. */
  readonly to: "default" | "float" | "none";
}

/** What an unbacked symbol stands for: a size is never negative, a bool is whether an int of 0 or 1 is 1. */
export type FreshKind = "size" | "int" | "float" | "bool";

/** What a `meta` rule may ask beyond its arguments. */
export interface MetaContext {
  /** A new unbacked symbol for a size that depends on values, or for a number that a tensor holds. */
  freshSymbol(hint: string, kind?: FreshKind): Sym;
  /** Bounds of the program's symbols. */
  readonly ranges: Ranges | undefined;
  /** How many results the program has of the call, where that is known: for operators whose arguments leave it open. */
  readonly results?: number | undefined;
}

/** Calls operators over some tensor type: graph values, concrete tensors, or metas. */
export interface Calls<T> {
  /** Calls an operator with positional arguments (keyword-only ones last, in schema order). */
  call<S extends string>(op: Op<S>, ...args: Positional<T, S>): Result<T, S>;
  /** dtype and shape of a tensor. */
  meta(x: T): Meta;
  /** A 0-d (or filled) constant tensor. */
  full(shape: readonly Dim[], value: Scalar, dtype: DType): T;
  /** The tensor in another dtype; itself if it already has it. */
  cast(x: T, dtype: DType): T;
  /** The real and imaginary parts; null for an imaginary part that is known to be zero, as that of a real tensor. */
  parts(x: T): readonly [re: T, im: T | null];
  /** The complex tensor with these parts, which have one dtype and shape. */
  join(re: T, im: T | null): T;
}

/**
 * Holds the form as a method, so that records of all schemas stay records, as their other rules let them.
 *
 * @internal
 */
interface FormHolder<S extends string> {
  form<T extends object>(t: Calls<T>, args: Args<T, S>, op: Op<S>): Hinted<Result<T, S>>;
}

/** An operator (which is given last) on complex tensors in terms of operators on their parts. */
export type ComplexForm<S extends string> = FormHolder<S>["form"];

/** Real and imaginary parts are treated alike, each as a real tensor would be: the operator moves, adds or scales. */
export interface PartsAlike {
  /** Arguments whose own imaginary part belongs to the imaginary part of the result: values that are filled in. */
  readonly alike: readonly string[];
  /** The operator is elementwise and has no such arguments, so that both parts may be given in one tensor. */
  readonly together?: true;
}

/** Forms that are made of other families' operators. They load when a program has complex values. */
export type Forms = typeof import("./complex_forms.ts");

/** The name of such a form. */
export type FormName = keyof Forms;

/** The form is one of those. */
export interface NamedForm {
  /** Its name. */
  readonly form: FormName;
}

/** Elementwise operators: the form may be given parts with one more dim of size 1 at the end. */
export interface ElementwiseForm<S extends string> {
  /** The form. */
  readonly elementwise: FormName | ComplexForm<S>;
}

/** What an operator does with complex tensors and numbers; `native`: its other rules know of them. */
export type ComplexRule<S extends string> = "native" | PartsAlike | NamedForm | ElementwiseForm<S> | ComplexForm<S>;

/** What an operator writes to beside giving its results. */
export interface Writes<S extends string> {
  /** Names of the arguments that are written. */
  readonly args: readonly string[];
  /** Whether this call writes. Absent: each does. */
  when?(args: Readonly<Record<string, unknown>>): boolean;
  /**
   * The results, then what each of the arguments becomes, and of an argument that is a list, each of its tensors. Only
   * `t.call` and `t.meta` may be used.
   */
  functional<T extends object>(t: Calls<T>, args: Args<T, S>): readonly T[];
}

/** The rules of an operator with schema `S`. */
export interface Rules<S extends string> {
  /** Which arguments take part in type promotion. Absent: none, and a number in a tensor slot is refused. */
  readonly promote?: Promotion;
  /** Result dtypes and shapes from those of the arguments. */
  meta?(ctx: MetaContext, args: Args<Meta, S>): Hinted<Result<Meta, S>>;
  /** The reference result on concrete, loaded tensors. */
  kernel?(args: Args<Tensor, S>): Hinted<Result<Tensor, S>>;
  /** The operator in terms of others. */
  decompose?<T extends object>(t: Calls<T>, args: Args<T, S>): Hinted<Result<T, S>>;
  /** The ONNX form at the builder's opset. */
  onnx?(b: OnnxBuilder, args: Args<OnnxValue, S>): Hinted<Result<OnnxValue, S>>;
  /**
   * Complex arguments, which the rules `kernel`, `decompose` and `onnx` are else not called with, but for a decomposition
   * where this is absent. A form is what all interpreters do; but an elementwise operator with a kernel needs one that takes
   * complex tensors too.
   */
  readonly complex?: ComplexRule<S>;
  /**
   * Views: the base after `updated` was written to the view. `args` are the view's arguments, `self` being the base;
   * `index` is the view's position among the results of an operator that gives a list. Only `t.call` may be used.
   */
  inverse?<T extends object>(t: Calls<T>, args: Args<T, S>, updated: T, index: number): T;
  /**
   * For results that the schema marks as aliases of `self` but that may be copies (reshape, contiguous, to): whether this
   * call is a view. Absent: it always is.
   */
  aliases?(self: Meta, args: Args<Meta, S>): boolean;
  /** Strides of a view of `self`, whose strides are known, where they aren't those of a new tensor. In elements. */
  strides?(self: Required<Meta>, args: Args<Meta, S>): readonly Dim[];
  /**
   * For schemas that don't mark it: the results, one by one, that share memory with arguments, in terms of view operators;
   * null for those that don't. Functionalization follows writes through them. Only `t.call` and `t.meta` may be used.
   */
  views?<T extends object>(t: Calls<T>, args: Args<T, S>): readonly (T | null)[];
  /** Operators that write to other arguments than the first, or whose schema does not say that they write. */
  readonly writes?: Writes<S>;
  /** Yields other values at each call (random), or at such a call: never shared, folded or verified by value. */
  readonly random?: boolean | ((args: Args<unknown, S>) => boolean);
  /** The values of the result are arbitrary: whoever makes it writes them. */
  readonly arbitrary?: true;
  /** Only checks something or gives a hint: no results, dropped at export. */
  readonly effectFree?: boolean;
  /** The true metas of results that some releases of PyTorch record wrongly; null where they are right. */
  corrects?(recorded: readonly Meta[], args: Args<Meta, S>): readonly Meta[] | null;
  /** Names of in-place variants that are not the name with `_` appended: `aten::pow_.Scalar` of `aten::pow.Tensor_Scalar`. */
  readonly inplace?: readonly string[];
}

/** An operator. */
export interface Op<S extends string = string> extends Rules<S> {
  /** The operator's schema, as PyTorch prints it. */
  readonly schema: S;
  /** The schema, parsed. */
  readonly parsed: FunctionSchema;
  /** `aten::add.Tensor`. */
  readonly name: string;
  /** Present on operators over graphs, which have no schema: their arguments are as written on the node. */
  readonly higherOrder?: HigherOrderRules;
}

/** Defines an operator. The schema is parsed when it is first asked for: a family has many operators, a program few. */
export function defineOp<const S extends string>(schema: S, rules: Rules<S>): Op<S> {
  let parsed: FunctionSchema | undefined;
  return {
    ...rules,
    schema,
    name: schema.slice(0, schema.indexOf("(")),
    get parsed() {
      return parsed ??= parseSchema(schema);
    },
  };
}
