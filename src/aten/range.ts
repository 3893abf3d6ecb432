/** Evenly spaced values: arange, linspace, logspace, and the indices of triangles. */
import { Complex, type Scalar } from "../fx/mod.ts";
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import {
  add,
  build,
  call,
  ceilDiv,
  type Dim,
  float,
  floorDiv,
  intConstant,
  isSym,
  mul,
  neg,
  sub,
  type Sym,
} from "../sym/mod.ts";
import { type DType, isComplex, isFloat, isInt, type Meta, newData, Tensor, toReal } from "../tensor/mod.ts";
import { store } from "../tensor/loops.ts";
import { add as addTensor, mul as mulTensor, sub as subTensor } from "./binary.ts";
import { ltScalar } from "./compare.ts";
import { requireStrided } from "./create.ts";
import { div } from "./division.ts";
import { type Calls, defineOp } from "./op.ts";
import { powOfScalar } from "./power.ts";
import { refuse } from "./rules.ts";
import { where } from "./where.ts";

/** Constants up to this many elements are written into the model rather than computed by it. */
const MAX_CONSTANT = 4096;

interface Options {
  readonly dtype: DType | null;
  readonly layout: string | null;
}

/** A range as PyTorch counts it. */
interface Range {
  readonly start: Scalar;
  readonly step: Scalar;
  readonly count: Dim;
  readonly dtype: DType;
}

function isWhole(value: Scalar): boolean {
  return typeof value === "bigint" || typeof value === "boolean" || (isSym(value) && value.kind === "int");
}

/** @throws {TypeError} when the number is symbolic or complex */
function realOf(argument: string, value: Scalar): number {
  if (isSym(value) || typeof value === "object") refuse(argument, value, "it must be a real number");
  return Number(value);
}

/** Whether the number is known to be an integer, such as 2.0. */
function isInteger(value: Scalar): boolean {
  return isWhole(value) || (typeof value === "number" && Number.isInteger(value));
}

/** A number in expressions, exactly. */
function symOf(argument: string, value: Scalar): Sym {
  if (isSym(value)) return value;
  const number = realOf(argument, value);
  return Number.isSafeInteger(number) ? intConstant(BigInt(number)) : float(number);
}

/** A number as a size, without what lies behind its point. */
function wholeOf(argument: string, value: Scalar): Dim {
  if (isSym(value)) return value.kind === "int" ? value : call("trunc_to_int", [value]) as Dim;
  return Math.trunc(realOf(argument, value));
}

/** A size as a number. */
function scalarOf(dim: Dim): Scalar {
  return isSym(dim) ? dim : BigInt(dim);
}

type Bounds = readonly [start: Scalar, end: Scalar, step: Scalar];

function rangeOf([start, end, step]: Bounds, { dtype: given, layout }: Options): Range {
  requireStrided(layout);
  const dtype = given ?? ([start, end, step].every(isWhole) ? "int64" : "float32");
  if (!isInt(dtype) && !isFloat(dtype)) refuse("dtype", dtype, "a range has integers or floats");
  // Other dtypes than int64 are counted in double precision, before integers lose what lies behind the point.
  const isCounted = dtype === "int64" || [start, end, step].every(isInteger);
  const count = isCounted ? wholeCount(start, end, step) : fractionalCount(start, end, step);
  if (!isInt(dtype)) return { start, step, count, dtype };
  return { start: scalarOf(wholeOf("start", start)), step: scalarOf(wholeOf("step", step)), count, dtype };
}

/** How many steps lead from the start to just before the end; of a symbolic step the sign may be unknown. */
function wholeCount(start: Scalar, end: Scalar, step: Scalar): Dim {
  const [from, to, by] = [wholeOf("start", start), wholeOf("end", end), wholeOf("step", step)];
  if (!isSym(from) && !isSym(to) && !isSym(by)) requireDirection(from, to, by);
  else if (by === 0) requireDirection(0, 0, by);
  if (isSym(by)) return neg(floorDiv(sub(from, to), by));
  return by > 0 ? ceilDiv(sub(to, from), by) : ceilDiv(sub(from, to), -by);
}

/** The same where one of them may have digits behind the point. */
function fractionalCount(start: Scalar, end: Scalar, step: Scalar): Dim {
  if (![start, end, step].some(isSym)) {
    const [from, to, by] = [realOf("start", start), realOf("end", end), realOf("step", step)];
    requireDirection(from, to, by);
    return Math.ceil((to - from) / by);
  }
  const [from, to, by] = [symOf("start", start), symOf("end", end), symOf("step", step)];
  if (!isSym(step) && Number(step) === 0) requireDirection(0, 0, 0);
  const distance = build("add", [to, build("mul", [intConstant(-1n), from])]);
  return call("ceil_to_int", [build("truediv", [distance, by])]) as Dim;
}

/** @throws {TypeError} when the step is 0 or leads away from the end */
function requireDirection(from: number, to: number, by: number): void {
  if (by === 0) refuse("step", by, "it must not be 0");
  if ((to - from) * by < 0) refuse("step", by, `it leads away from the end, ${from} to ${to}`);
}

function rangeTensor({ start, step, count, dtype }: Range): Tensor {
  const n = count as number;
  const out = newData(dtype, n);
  const whole = dtype === "int64" || (isWhole(start) && isWhole(step));
  if (whole) {
    const [from, by] = [start, step].map((v) => BigInt(Math.trunc(Number(v))));
    for (let i = 0; i < n; i++) {
      const value = from + by * BigInt(i);
      store(out, i, typeof out[0] === "bigint" ? value : Number(value));
    }
  } else {
    const [from, by] = [realOf("start", start), realOf("step", step)];
    for (let i = 0; i < n; i++) store(out, i, isFloat(dtype) ? from + by * i : Math.trunc(from + by * i));
  }
  return Tensor.of(dtype, [n], out);
}

function emitRange(b: OnnxBuilder, range: Range): OnnxValue {
  const { start, step, count, dtype } = range;
  if (!isSym(count) && !isSym(start) && !isSym(step) && count <= MAX_CONSTANT) return b.constant(rangeTensor(range));
  if (isInteger(start) && isInteger(step)) {
    const from = wholeOf("start", start);
    const by = wholeOf("step", step);
    return b.cast(b.op("Range", [b.dim(from), b.dim(endOf(from, by, count)), b.dim(by)]), dtype);
  }
  // onnxruntime adds the step again and again; PyTorch multiplies it, in double precision.
  const index = b.cast(b.op("Range", [b.dim(0), b.dim(count), b.dim(1)]), "float64");
  const scaled = b.op("Mul", [index, b.scalar(step, "float64")]);
  return b.cast(b.op("Add", [scaled, b.scalar(start, "float64")]), dtype);
}

/** An end that gives `count` values. */
function endOf(from: Dim, by: Dim, count: Dim): Dim {
  return add(from, mul(count, by));
}

/** A range that includes its end, of floats unless a dtype is given. */
function closedRangeOf([start, end, step]: Bounds, { dtype: given, layout }: Options): Range {
  requireStrided(layout);
  const dtype = given ?? "float32";
  if (!isInt(dtype) && !isFloat(dtype)) refuse("dtype", dtype, "a range has integers or floats");
  if (![start, end, step].some(isSym)) {
    const bounds = [realOf("start", start), realOf("end", end), realOf("step", step)];
    const [from, to, by] = isInt(dtype) ? bounds.map(Math.trunc) : bounds;
    requireDirection(from, to, by);
    const count = Math.floor((to - from) / by) + 1;
    return isInt(dtype) ? { start: BigInt(from), step: BigInt(by), count, dtype } : { start, step, count, dtype };
  }
  const [from, to, by] = [wholeOf("start", start), wholeOf("end", end), wholeOf("step", step)];
  if (isSym(by)) refuse("step", by, "it must be a constant");
  if (by === 0) requireDirection(0, 0, by);
  const steps = by > 0 ? floorDiv(sub(to, from), by) : floorDiv(sub(from, to), -by);
  return { start, step, count: add(steps, 1), dtype };
}

/** Rules of an overload of arange or range. */
function arangeRules<A extends Options>(bounds: (args: A) => Bounds, of: typeof rangeOf = rangeOf) {
  const range = (args: A): Range => of(bounds(args), args);
  return {
    meta: (_: unknown, args: A): Meta => {
      const { dtype, count } = range(args);
      return { dtype, shape: [count] };
    },
    kernel: (args: A): Tensor => rangeTensor(range(args)),
    onnx: (b: OnnxBuilder, args: A): OnnxValue => emitRange(b, range(args)),
  };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.arange.html */
export const arange = defineOp(
  "aten::arange(Scalar end, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  arangeRules(({ end }: Options & { readonly end: Scalar }) => [0n, end, 1n]),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.arange.html */
export const arangeStart = defineOp(
  "aten::arange.start(Scalar start, Scalar end, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  arangeRules(({ start, end }: Options & { readonly start: Scalar; readonly end: Scalar }) => [start, end, 1n]),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.arange.html */
export const arangeStep = defineOp(
  "aten::arange.start_step(Scalar start, Scalar end, Scalar step=1, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  arangeRules(
    (
      { start, end, step }: Options & { readonly start: Scalar; readonly end: Scalar; readonly step: Scalar },
    ) => [start, end, step],
  ),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.range.html */
export const range = defineOp(
  "aten::range(Scalar start, Scalar end, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  arangeRules(
    ({ start, end }: Options & { readonly start: Scalar; readonly end: Scalar }) => [start, end, 1n],
    closedRangeOf,
  ),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.range.html */
export const rangeStep = defineOp(
  "aten::range.step(Scalar start, Scalar end, Scalar step=1, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  arangeRules(
    (
      { start, end, step }: Options & { readonly start: Scalar; readonly end: Scalar; readonly step: Scalar },
    ) => [start, end, step],
    closedRangeOf,
  ),
);

interface Spaced extends Options {
  readonly start: Scalar;
  readonly end: Scalar;
  readonly steps: number;
}

/** PyTorch counts from the nearer end, so that both ends are exact. */
function spacedTensor({ start, end, steps, dtype: given, layout }: Spaced, fn: (x: number) => number): Tensor {
  requireStrided(layout);
  const dtype = given ?? "float32";
  if (!isFloat(dtype) && !isInt(dtype)) refuse("dtype", dtype, "evenly spaced values are integers or floats");
  if (steps < 0) refuse("steps", steps, "it must not be negative");
  // Of integers, the ends are integers too before anything is computed.
  const [from, to] = [realOf("start", start), realOf("end", end)].map((x) => isInt(dtype) ? Math.trunc(x) : x);
  const step = steps > 1 ? (to - from) / (steps - 1) : 0;
  const out = newData(dtype, steps);
  for (let i = 0; i < steps; i++) {
    const x = fn(i < Math.floor(steps / 2) ? from + step * i : to - step * (steps - i - 1));
    store(out, i, isFloat(dtype) ? x : Math.trunc(x));
  }
  if (steps === 1) store(out, 0, isFloat(dtype) ? fn(from) : Math.trunc(fn(from)));
  return Tensor.of(dtype, [steps], out);
}

/** The same between ends of which one is symbolic, in the precision that PyTorch has for it; integers in double precision. */
function emitSpaced(b: OnnxBuilder, args: Spaced, fn: (b: OnnxBuilder, x: OnnxValue) => OnnxValue): OnnxValue {
  const { start, end, steps, dtype: given } = args;
  const dtype = given ?? "float32";
  const wide = isInt(dtype) || dtype === "float64" ? "float64" : "float32";
  const [from, to] = ([["start", start], ["end", end]] as const).map(([name, value]) =>
    b.scalar(isInt(dtype) ? scalarOf(wholeOf(name, value)) : value, wide)
  );
  const offsets = (first: number, last: number): OnnxValue => {
    const values = newData(wide, last - first);
    for (let i = 0; i < values.length; i++) values[i] = steps > 1 ? (first + i) / (steps - 1) : 0;
    return b.constant(Tensor.of(wide, [values.length], values));
  };
  const half = Math.floor(steps / 2);
  const distance = b.op("Sub", [to, from]);
  const near = b.op("Add", [from, b.op("Mul", [distance, offsets(0, steps === 1 ? 1 : half)])]);
  if (steps <= 1) return b.cast(fn(b, near), dtype);
  const rest = b.op("Mul", [distance, b.op("Sub", [b.scalar(1, wide), offsets(half, steps)])]);
  return b.cast(fn(b, b.op("Concat", [near, b.op("Sub", [to, rest])], { axis: 0 })), dtype);
}

/** Complex values: their parts are evenly spaced too. */
function complexSpaced<T extends object>(t: Calls<T>, { start, end, steps, dtype, layout }: Spaced): T {
  const real = toReal(dtype ?? "complex64");
  const ends = [start, end];
  const part = (k: 0 | 1): T => {
    const [from, to] = ends.map((x) => x instanceof Complex ? (k === 0 ? x.re : x.im) : k === 0 ? x : 0);
    return t.call(linspace, from, to, BigInt(steps) as unknown as number, real, layout);
  };
  return t.join(part(0), ends.some((x) => x instanceof Complex) ? part(1) : null);
}

/** Rules of values whose number is never symbolic: constants, unless an end is a symbol. */
function spacedRules<A extends Spaced>(
  fn: (args: A) => (x: number) => number,
  emit: (b: OnnxBuilder, x: OnnxValue, args: A) => OnnxValue,
) {
  return {
    meta: (_: unknown, { start, end, steps, dtype, layout }: A): Meta => {
      requireStrided(layout);
      const own = [start, end].some((x) => x instanceof Complex) ? "complex64" : "float32";
      return { dtype: dtype ?? own, shape: [steps] };
    },
    kernel: (args: A): Tensor => spacedTensor(args, fn(args)),
    onnx: (b: OnnxBuilder, args: A): OnnxValue =>
      isSym(args.start) || isSym(args.end)
        ? emitSpaced(b, args, (b, x) => emit(b, x, args))
        : b.constant(spacedTensor(args, fn(args))),
  };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.linspace.html */
export const linspace = defineOp(
  "aten::linspace(Scalar start, Scalar end, int steps, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  { ...spacedRules(() => (x) => x, (_, x) => x), complex: (t, args) => complexSpaced(t, args) },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.logspace.html */
export const logspace = defineOp(
  "aten::logspace(Scalar start, Scalar end, int steps, float base=10., *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  {
    ...spacedRules(
      ({ base }: Spaced & { readonly base: number }) => (x) => base ** x,
      (b, x, { base }) => b.op("Pow", [b.scalar(base, b.meta(x).dtype), x]),
    ),
    complex: (t, args) => t.call(powOfScalar, args.base, complexSpaced(t, args)),
  },
);

interface Triangle extends Options {
  readonly row: number;
  readonly col: number;
  readonly offset: number;
}

function triangleIndices({ row, col, dtype, layout }: Triangle, keep: (i: number, j: number) => boolean): Tensor {
  requireStrided(layout);
  const pairs: [number, number][] = [];
  for (let i = 0; i < row; i++) for (let j = 0; j < col; j++) if (keep(i, j)) pairs.push([i, j]);
  const out = newData(dtype ?? "int64", 2 * pairs.length);
  pairs.forEach(([i, j], k) => {
    store(out, k, i);
    store(out, pairs.length + k, j);
  });
  return Tensor.of(dtype ?? "int64", [2, pairs.length], out);
}

/** Rules of the indices of a triangle, which are constants. */
function triangleRules(keep: (offset: number) => (i: number, j: number) => boolean) {
  const make = (args: Triangle): Tensor => triangleIndices(args, keep(args.offset));
  return {
    meta: (_: unknown, args: Triangle): Meta => {
      const { dtype, shape } = make(args);
      return { dtype, shape };
    },
    kernel: make,
    onnx: (b: OnnxBuilder, args: Triangle): OnnxValue => b.constant(make(args)),
  };
}

/** https://docs.pytorch.org/docs/stable/generated/torch.tril_indices.html */
export const trilIndices = defineOp(
  "aten::tril_indices(int row, int col, int offset=0, *, ScalarType? dtype=long, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  triangleRules((offset) => (i, j) => j <= i + offset),
);

/** https://docs.pytorch.org/docs/stable/generated/torch.triu_indices.html */
export const triuIndices = defineOp(
  "aten::triu_indices(int row, int col, int offset=0, *, ScalarType? dtype=long, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  triangleRules((offset) => (i, j) => j >= i + offset),
);

/**
 * `fn` of evenly spaced values between two 0-d tensors, counted from the nearer end. Integers have integer ends, are computed
 * in double precision and lose what lies behind the point.
 */
function spacedBetween<T extends object>(
  t: Calls<T>,
  start: T,
  end: T,
  given: Omit<Spaced, "start" | "end">,
  fn: (x: T) => T = (x) => x,
): T {
  requireStrided(given.layout);
  const { steps } = given;
  const dtype = given.dtype ?? "float32";
  if (!isFloat(dtype) && !isInt(dtype) && !isComplex(dtype)) {
    refuse("dtype", dtype, "evenly spaced values are integers, floats or complex");
  }
  if (steps < 0) refuse("steps", steps, "it must not be negative");
  for (const x of [start, end]) {
    if (t.meta(x).shape.length !== 0) throw new RangeError("The ends of evenly spaced values must be 0-d tensors");
  }
  if (isComplex(dtype)) {
    const [from, to] = [t.parts(start), t.parts(end)];
    const zero = t.full([], 0, toReal(dtype));
    const part = (k: 0 | 1): T => spacedBetween(t, from[k] ?? zero, to[k] ?? zero, { ...given, dtype: toReal(dtype) });
    return fn(t.join(part(0), from[1] || to[1] ? part(1) : null));
  }
  const wide = isInt(dtype) ? "float64" : dtype;
  const [from, to] = [start, end].map((x) => t.cast(t.cast(x, dtype), wide));
  const count = (value: number): T => t.full([], value, wide);
  const index = t.cast(t.call(arange, BigInt(steps)), wide);
  if (steps <= 1) return t.cast(fn(t.call(addTensor, t.call(mulTensor, index, count(0)), from)), dtype);
  const step = t.call(div, t.call(subTensor, to, from), count(steps - 1));
  const rest = t.call(subTensor, count(steps - 1), index);
  const near = t.call(addTensor, from, t.call(mulTensor, step, index));
  const far = t.call(subTensor, to, t.call(mulTensor, step, rest));
  return t.cast(fn(t.call(where, t.call(ltScalar, index, Math.floor(steps / 2)), near, far)), dtype);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.linspace.html */
export const linspaceTensors = defineOp(
  "aten::linspace.Tensor_Tensor(Tensor start, Tensor end, int steps, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  { decompose: (t, { start, end, ...rest }) => spacedBetween(t, start, end, rest) },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.linspace.html */
export const linspaceFromTensor = defineOp(
  "aten::linspace.Tensor_Scalar(Tensor start, Scalar end, int steps, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  { decompose: (t, { start, end, ...rest }) => spacedBetween(t, start, endTensor(t, end, rest), rest) },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.linspace.html */
export const linspaceToTensor = defineOp(
  "aten::linspace.Scalar_Tensor(Scalar start, Tensor end, int steps, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  { decompose: (t, { start, end, ...rest }) => spacedBetween(t, endTensor(t, start, rest), end, rest) },
);

function endTensor<T>(t: Calls<T>, value: Scalar, { dtype }: { readonly dtype: DType | null }): T {
  // What an integer loses behind the point is the caller's to take away.
  return t.full([], value, dtype && (isFloat(dtype) || isComplex(dtype)) ? dtype : dtype ? "float64" : "float32");
}

/** https://docs.pytorch.org/docs/stable/generated/torch.logspace.html */
export const logspaceTensors = defineOp(
  "aten::logspace.Tensor_Tensor(Tensor start, Tensor end, int steps, float base=10., *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  {
    decompose: (t, { start, end, base, ...rest }) =>
      spacedBetween(t, start, end, rest, (x) => t.call(powOfScalar, base, x)),
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.logspace.html */
export const logspaceFromTensor = defineOp(
  "aten::logspace.Tensor_Scalar(Tensor start, Scalar end, int steps, float base=10., *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  {
    decompose: (t, { start, end, base, ...rest }) =>
      spacedBetween(t, start, endTensor(t, end, rest), rest, (x) => t.call(powOfScalar, base, x)),
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.logspace.html */
export const logspaceToTensor = defineOp(
  "aten::logspace.Scalar_Tensor(Scalar start, Tensor end, int steps, float base=10., *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
  {
    decompose: (t, { start, end, base, ...rest }) =>
      spacedBetween(t, endTensor(t, start, rest), end, rest, (x) => t.call(powOfScalar, base, x)),
  },
);
