/**
 * The interpreters: each says what calling an operator means for one kind of tensor. A rule that a record lacks is
 * derived through its decomposition, by the same interpreter.
 */
import {
  Complex,
  DeviceArg,
  DTypeArg,
  type FxArg,
  type FxGraph,
  FxNode,
  type FxResult,
  FxValue,
  LayoutArg,
  MemoryFormatArg,
  type Scalar,
  type SchemaType,
  type TensorMeta,
} from "../fx/mod.ts";
import type { Names, Origin } from "../ir/mod.ts";
import type { OnnxBuilder } from "../onnx/builder.ts";
import { ComplexValue } from "../onnx/complex.ts";
import { OnnxValue } from "../onnx/model.ts";
import { bit, type Dim, isSym, type Ranges, type Sym, symbol } from "../sym/mod.ts";
import {
  contiguousStrides,
  type DType,
  isComplex,
  joinParts,
  type Meta,
  newData,
  partOf,
  Tensor,
  toComplex,
  toReal,
} from "../tensor/mod.ts";
import { type BoundArgs, type CallArg, complete, promote } from "./bind.ts";
import { complexDType, formOf, isElementwiseForm, onEachPart } from "./complex_calls.ts";
import type { OpTable } from "./mod.ts";
import type { Calls, ComplexForm, Forms, MetaContext, Op } from "./op.ts";

/** What all interpreters share. */
export abstract class Interpreter<T extends object> implements Calls<T> {
  /** The forms that records name; null where there are no complex values. */
  protected readonly forms: Forms | null;
  /** How many results the program has of the call at hand, where that is known. */
  protected results: number | undefined;

  constructor(forms: Forms | null) {
    this.forms = forms;
  }

  // deno-lint-ignore no-explicit-any -- the schema types of `Calls` say what goes in and out
  call(op: Op, ...args: any[]): any {
    return this.applyFor(undefined, op, this.bind(op, args));
  }

  /** Calls an operator of which the program has so many results. */
  applyFor(results: number | undefined, op: Op, args: BoundArgs): unknown {
    const before = this.results;
    this.results = results;
    try {
      return this.apply(op, args);
    } finally {
      this.results = before;
    }
  }

  /** Completes a call's arguments by the operator's schema and promotes them. */
  bind(op: Op, args: readonly CallArg<T>[], kwargs?: ReadonlyMap<string, CallArg<T>>): BoundArgs {
    const isTensor = (x: unknown): x is T => this.isTensor(x);
    return promote(op, this, isTensor, complete(op, isTensor, args, kwargs));
  }

  /** Calls an operator with completed arguments. */
  abstract apply(op: Op, args: BoundArgs): unknown;
  abstract isTensor(x: unknown): x is T;
  abstract meta(x: T): Meta;
  abstract full(shape: readonly Dim[], value: Scalar, dtype: DType): T;
  abstract cast(x: T, dtype: DType): T;
  abstract parts(x: T): readonly [re: T, im: T | null];
  abstract join(re: T, im: T | null): T;

  /** The first complex dtype of a call; null for calls on real numbers only. */
  protected complexOf(args: BoundArgs): DType | null {
    return complexDType(this, (x): x is T => this.isTensor(x), args);
  }

  /** A call of an operator that treats parts alike; null for other operators. */
  protected onParts(op: Op, args: BoundArgs): { readonly result: unknown } | null {
    const rule = op.complex;
    if (typeof rule !== "object" || !("alike" in rule)) return null;
    const isTensor = (x: unknown): x is T => this.isTensor(x);
    return { result: onEachPart(this, isTensor, op, rule, args, (real) => this.apply(op, real)) };
  }

  /** @throws {TypeError} when the operator has no decomposition either */
  protected decomposed(op: Op, args: BoundArgs, what: string): unknown {
    if (!op.decompose) throw new TypeError(`${op.name} has no ${what}`);
    // deno-lint-ignore no-explicit-any -- bound arguments are typed by the schema at the definition
    return op.decompose(this as Calls<T>, args as any);
  }
}

/** Whether an operator gives numbers only, so that its meta rule is the whole of it. */
export function returnsNumbers(op: Op): boolean {
  return op.parsed.returns.length > 0 &&
    op.parsed.returns.every(({ type: t }) => {
      const type = t.kind === "list" ? t.of : t;
      return type.kind === "base" && type.name !== "Tensor";
    });
}

/** Whether a call gives other values each time. */
export function isRandom({ target, args, kwargs }: FxNode, table: OpTable): boolean {
  const op = table.resolve(target)?.op;
  if (typeof op?.random !== "function") return op?.random === true;
  const constant = (arg: FxArg): FxArg => arg instanceof FxValue && arg.meta.kind === "constant" ? arg.meta.value : arg;
  const isTensor = (x: unknown): x is FxValue => x instanceof FxValue && x.meta.kind === "tensor";
  const named = new Map([...kwargs].map(([name, arg]) => [name, constant(arg)]));
  // deno-lint-ignore no-explicit-any -- bound arguments are typed by the schema at the definition
  return op.random(complete(op, isTensor, args.map(constant), named) as any);
}

/** dtypes and shapes. */
export class MetaInterpreter extends Interpreter<Meta> {
  readonly context: MetaContext;

  constructor(ranges?: Ranges, forms: Forms | null = null, context?: MetaContext) {
    super(forms);
    let n = 0;
    this.context = context ?? {
      ranges,
      freshSymbol(_hint, kind): Sym {
        const name = `u_${n++}`;
        if (kind === "bool") return bit(symbol(name));
        return symbol(name, kind === "float" ? "float" : "int");
      },
    };
  }

  apply(op: Op, args: BoundArgs): unknown {
    const { context, results } = this;
    if (op.meta) {
      const asked = results === undefined ? context : { ...context, results };
      // deno-lint-ignore no-explicit-any -- bound arguments are typed by the schema at the definition
      return this.withSizes(op.meta(asked, args as any));
    }
    const form = this.complexOf(args) && formOf(op, this.forms);
    // deno-lint-ignore no-explicit-any -- as above
    if (form) return form(this as Calls<Meta>, args as any, op);
    return this.decomposed(op, args, "meta rule");
  }

  /** The results of a rule. @throws {RangeError} when a size is negative */
  private withSizes(result: unknown): unknown {
    if (Array.isArray(result)) result.forEach((one) => this.withSizes(one));
    else if (this.isTensor(result) && result.shape.some((size) => typeof size === "number" && size < 0)) {
      throw new RangeError(`No size may be negative, met [${result.shape.join(", ")}]`);
    }
    return result;
  }

  isTensor(x: unknown): x is Meta {
    return typeof x === "object" && x !== null && "dtype" in x && "shape" in x;
  }

  meta(x: Meta): Meta {
    return x;
  }

  full(shape: readonly Dim[], _value: Scalar, dtype: DType): Meta {
    return { dtype, shape };
  }

  cast(x: Meta, dtype: DType): Meta {
    return { dtype, shape: x.shape };
  }

  parts(x: Meta): readonly [Meta, Meta | null] {
    const part = { dtype: toReal(x.dtype), shape: x.shape };
    return [part, isComplex(x.dtype) ? part : null];
  }

  join(re: Meta): Meta {
    return { dtype: toComplex(re.dtype), shape: re.shape };
  }
}

/** Reference results on concrete tensors. Arguments must be loaded. `loops` is passed in, so that it loads with the kernels. */
export class EagerInterpreter extends Interpreter<Tensor> {
  private readonly metas: MetaInterpreter;
  private readonly loops: Loops;

  constructor(loops: Loops, forms: Forms | null = null) {
    super(forms);
    this.metas = new MetaInterpreter(undefined, forms);
    this.loops = loops;
  }

  apply(op: Op, args: BoundArgs): unknown {
    const dtype = this.complexOf(args);
    if (dtype) {
      const parts = this.onParts(op, args);
      if (parts) return parts.result;
      const form = op.kernel && isElementwiseForm(op) ? null : formOf(op, this.forms);
      // deno-lint-ignore no-explicit-any -- bound arguments are typed by the schema at the definition
      if (form) return form(this as Calls<Tensor>, args as any, op);
    }
    // deno-lint-ignore no-explicit-any -- as above
    if (op.kernel && (!dtype || op.complex)) return op.kernel(args as any);
    if (returnsNumbers(op)) return this.metas.apply(op, args);
    return this.decomposed(op, args, dtype ? `kernel for ${dtype}` : "kernel");
  }

  isTensor(x: unknown): x is Tensor {
    return x instanceof Tensor;
  }

  meta(x: Tensor): Meta {
    return x;
  }

  full(shape: readonly Dim[], value: Scalar, dtype: DType): Tensor {
    if (isSym(value) || shape.some(isSym)) throw new TypeError("A concrete tensor can't have symbolic sizes or values");
    if (value instanceof Complex) {
      const data = newData(dtype, 2);
      data[0] = value.re;
      data[1] = value.im;
      return this.loops.expandTo(Tensor.of(dtype, [], data), shape as number[]);
    }
    return this.loops.filled(dtype, shape as number[], value);
  }

  cast(x: Tensor, dtype: DType): Tensor {
    return this.loops.convert(x, dtype);
  }

  parts(x: Tensor): readonly [Tensor, Tensor | null] {
    return isComplex(x.dtype) ? [partOf(x, 0).contiguous(), partOf(x, 1).contiguous()] : [x, null];
  }

  join(re: Tensor, im: Tensor | null): Tensor {
    return joinParts(re, im);
  }
}

/** The functions of `tensor/loops.ts` that the eager interpreter needs. */
export type Loops = Pick<typeof import("../tensor/loops.ts"), "convert" | "filled" | "expandTo">;

/** Emits ONNX nodes. */
export class OnnxInterpreter extends Interpreter<OnnxValue> {
  readonly builder: OnnxBuilder;
  private readonly metas: MetaInterpreter;

  constructor(builder: OnnxBuilder, ranges?: Ranges, forms: Forms | null = null) {
    super(forms);
    this.builder = builder;
    this.metas = new MetaInterpreter(ranges, forms);
  }

  apply(op: Op, args: BoundArgs): unknown {
    const dtype = this.complexOf(args);
    if (dtype) {
      const parts = this.together(op, args) ?? this.onParts(op, args);
      if (parts) return parts.result;
      const form = formOf(op, this.forms);
      if (form) return this.onForm(op, form, args);
    }
    this.builder.results = this.results;
    // deno-lint-ignore no-explicit-any -- bound arguments are typed by the schema at the definition
    if (op.onnx && (!dtype || op.complex)) return op.onnx(this.builder, args as any);
    if (returnsNumbers(op)) return this.metas.apply(op, mapTensors(args, (v) => this.meta(v)));
    return this.decomposed(op, args, dtype ? `ONNX form for ${dtype}` : "ONNX form");
  }

  /** An elementwise call on packed values, which are real tensors with one more dim; null where it is none. */
  private together(op: Op, args: BoundArgs): { readonly result: unknown } | null {
    const rule = op.complex;
    if (typeof rule !== "object" || !("together" in rule)) return null;
    let packed = true;
    const real = mapTensors(args, (v) => {
      packed &&= v instanceof ComplexValue && v.form.kind === "packed";
      return packed ? this.builder.packed(v) : v;
    });
    return packed ? { result: ComplexValue.packed(this.apply(op, real) as OnnxValue) } : null;
  }

  /**
   * A complex form. Elementwise ones take packed values as columns: one node splits them, and one puts the result
   * together, where parts of the value's own shape would have to lose and get a dim each.
   */
  private onForm(op: Op, form: ComplexForm<string>, args: BoundArgs): unknown {
    // deno-lint-ignore no-explicit-any -- bound arguments are typed by the schema at the definition
    const run = (given: BoundArgs): unknown => form(this as Calls<OnnxValue>, given as any, op);
    let packed = false;
    mapTensors(args, (v) => packed ||= v instanceof ComplexValue && v.form.kind !== "parts");
    if (!isElementwiseForm(op) || !packed) return run(args);
    const { builder } = this;
    const result = run(mapTensors(args, (v) => {
      if (v instanceof ComplexValue) return ComplexValue.parts(...v.asColumns(builder));
      const rank = this.meta(v).shape.length;
      return rank === 0 ? v : builder.unsqueeze(v, rank);
    }));
    if (!(result instanceof OnnxValue)) throw new TypeError(`The complex form of ${op.name} must give one tensor`);
    if (!(result instanceof ComplexValue)) return builder.squeeze(result, this.meta(result).shape.length - 1);
    return ComplexValue.columns(builder.real(result), builder.imaginary(result));
  }

  isTensor(x: unknown): x is OnnxValue {
    return x instanceof OnnxValue;
  }

  meta(x: OnnxValue): Meta {
    return this.builder.meta(x);
  }

  full(shape: readonly Dim[], value: Scalar, dtype: DType): OnnxValue {
    const scalar = this.builder.scalar(value, dtype);
    if (scalar instanceof ComplexValue) {
      const [re, im] = this.parts(scalar);
      const fill = (part: OnnxValue): OnnxValue => this.builder.op("Expand", [part, this.builder.ints(shape)]);
      return shape.length === 0 ? scalar : this.join(fill(re), im && fill(im));
    }
    return shape.length === 0 ? scalar : this.builder.op("Expand", [scalar, this.builder.ints(shape)]);
  }

  cast(x: OnnxValue, dtype: DType): OnnxValue {
    return this.builder.cast(x, dtype);
  }

  parts(x: OnnxValue): readonly [OnnxValue, OnnxValue | null] {
    return [this.builder.real(x), this.builder.imaginary(x)];
  }

  join(re: OnnxValue, im: OnnxValue | null): OnnxValue {
    return ComplexValue.parts(re, im);
  }
}

/** Completed arguments as a program writes them: by position where that is possible, without trailing defaults. */
export function asWritten(op: Op, bound: BoundArgs): { args: FxArg[]; kwargs: Map<string, FxArg> } {
  const args: FxArg[] = [];
  const kwargs = new Map<string, FxArg>();
  let plain = 0;
  for (const arg of op.parsed.args) {
    const value = argAsWritten(bound[arg.name], arg.type);
    const isDefault = arg.default !== undefined && sameConstant(value, arg.default);
    if (!arg.keywordOnly) {
      args.push(value);
      if (!isDefault) plain = args.length;
    } else if (!isDefault) kwargs.set(arg.name, value);
  }
  return { args: args.slice(0, plain), kwargs };
}

/** The inverse of what binding does to an argument. */
function argAsWritten(value: unknown, type: SchemaType): FxArg {
  if (value === null || value instanceof FxValue) return value;
  if (type.kind === "optional") return argAsWritten(value, type.of);
  if (type.kind === "list") return (value as readonly unknown[]).map((v) => argAsWritten(v, type.of));
  switch (type.name) {
    case "int":
    case "SymInt":
      return typeof value === "number" ? BigInt(value) : value as FxArg;
    case "ScalarType":
      return new DTypeArg(value as DType);
    case "Device":
      return new DeviceArg(value as string);
    case "Layout":
      return new LayoutArg(value as string);
    case "MemoryFormat":
      return new MemoryFormatArg(value as string);
    default:
      return value as FxArg;
  }
}

function sameConstant(a: FxArg, b: FxArg): boolean {
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((x, i) => sameConstant(x, b[i]));
  if (a instanceof DTypeArg) return b instanceof DTypeArg && a.dtype === b.dtype;
  if (a instanceof MemoryFormatArg) return b instanceof MemoryFormatArg && a.name === b.name;
  return Object.is(a, b);
}

/** The arguments with every ONNX value replaced. */
function mapTensors(args: BoundArgs, change: (v: OnnxValue) => unknown): BoundArgs {
  const map = (x: unknown): unknown => x instanceof OnnxValue ? change(x) : Array.isArray(x) ? x.map(map) : x;
  return Object.fromEntries(Object.entries(args).map(([k, v]) => [k, map(v)]));
}

/** Records FX nodes: each call becomes a node of its own, with the meta that the operator's rule gives. */
export class TraceInterpreter extends Interpreter<FxValue> {
  readonly graph: FxGraph;
  /** Carried by the nodes that are made. */
  origin: Origin | null = null;
  /** The name of the next node, if it is decided already. */
  nextName: string | null = null;
  /** Operators that were recorded. */
  readonly used: Set<Op> = new Set();
  /** Nodes that were recorded. */
  readonly recorded: Set<FxNode> = new Set();
  private readonly names: Names;
  private readonly metas: MetaInterpreter;

  constructor(graph: FxGraph, names: Names, ranges?: Ranges, forms: Forms | null = null) {
    super(forms);
    this.graph = graph;
    this.names = names;
    this.metas = new MetaInterpreter(ranges, forms);
  }

  /** Records the arguments as given: whoever runs the graph promotes them. */
  override bind(op: Op, args: readonly CallArg<FxValue>[], kwargs?: ReadonlyMap<string, CallArg<FxValue>>): BoundArgs {
    return complete(op, (x): x is FxValue => this.isTensor(x), args, kwargs);
  }

  apply(op: Op, args: BoundArgs): unknown {
    const metaArgs = Object.entries(args).map(([name, value]) => [name, toMetas(value) as CallArg<Meta>] as const);
    const metas = this.metas.applyFor(this.results, op, this.metas.bind(op, [], new Map(metaArgs)));
    return this.record(op, args, metas);
  }

  isTensor(x: unknown): x is FxValue {
    return x instanceof FxValue && x.meta.kind === "tensor";
  }

  meta(x: FxValue): Meta {
    if (x.meta.kind !== "tensor") throw new TypeError(`${x.name} is not a tensor`);
    return x.meta;
  }

  full(_shape: readonly Dim[], _value: Scalar, _dtype: DType): FxValue {
    throw new TypeError("A constant must be recorded through an operator");
  }

  cast(x: FxValue, dtype: DType): FxValue {
    if (this.meta(x).dtype === dtype) return x;
    throw new TypeError("A conversion must be recorded through an operator");
  }

  parts(_x: FxValue): never {
    throw new TypeError("The parts of a tensor must be recorded through an operator");
  }

  join(_re: FxValue, _im: FxValue | null): never {
    throw new TypeError("A complex tensor must be recorded through an operator");
  }

  private record(op: Op, args: BoundArgs, result: unknown): unknown {
    this.used.add(op);
    const name = this.nextName ?? this.names.fresh(op.name.replace(/^.*::/, "").replace(/\..*$/, ""));
    this.nextName = null;
    const tree = this.resultTree(name, result);
    const node = new FxNode({
      name,
      target: torchTarget(op.name),
      ...asWritten(op, args),
      result: tree,
      origin: this.origin,
    });
    this.recorded.add(node);
    this.graph.insert(node);
    return tree;
  }

  private resultTree(name: string, result: unknown): FxResult {
    if (this.metas.isTensor(result)) return new FxValue(name, fullMeta(result));
    if (Array.isArray(result)) return result.map((r, i) => this.resultTree(this.names.fresh(`${name}_${i}`), r));
    if (result === null) return null;
    return new FxValue(name, { kind: "sym", type: "int", expr: result as number });
  }
}

/** Modules of Python whose functions programs call beside PyTorch's operators. */
const PYTHON_MODULES: ReadonlySet<string> = new Set(["_operator", "builtins", "math", "torch"]);

/** `torch.ops.aten.add.Tensor` of `aten::add.Tensor`. */
export function torchTarget(name: string): string {
  const [namespace, rest] = name.split("::");
  if (PYTHON_MODULES.has(namespace)) return `${namespace}.${rest}`;
  return `torch.ops.${namespace}.${rest.includes(".") ? rest : `${rest}.default`}`;
}

/** A meta with what only the FX dialect keeps. */
export function fullMeta(meta: Meta): TensorMeta {
  return {
    kind: "tensor",
    dtype: meta.dtype,
    shape: meta.shape,
    strides: meta.strides ?? contiguousStrides(meta.shape),
    storageOffset: 0,
    requiresGrad: false,
    device: "cpu",
  };
}

/** What is known of the values of an argument; what is no value stays as it is. */
export function toMetas(value: unknown): unknown {
  if (value instanceof FxValue) {
    if (value.meta.kind === "tensor") return value.meta;
    if (value.meta.kind === "sym") return value.meta.expr;
  }
  return Array.isArray(value) ? value.map(toMetas) : value;
}
