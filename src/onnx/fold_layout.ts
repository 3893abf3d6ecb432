/** Constant folding of operators that move elements, choose them, or reduce dims. */
import { type DType, elementCount, isFloat, isSigned, itemsize, newData, Tensor } from "../tensor/mod.ts";
import { expandTo, gatherBy, indices, matmul, permuteDims, reduceDims } from "../tensor/loops.ts";
import { type Element, type Fold, type FoldRule, generate, indicesOf, isPlain } from "./fold_site.ts";

/** The same elements in the shape that was inferred. */
const reshaped: FoldRule = (f) => f.input(0).reshape(f.shape);

/** The flat position of an index. */
function positionOf(shape: readonly number[], index: readonly number[]): number {
  return shape.reduce((at, size, d) => at * size + index[d], 0);
}

function transpose(f: Fold): Tensor {
  const x = f.input(0);
  const perm = f.site.ints("perm") ?? x.shape.map((_, i) => x.shape.length - 1 - i);
  return permuteDims(x, perm).contiguous();
}

function concat(f: Fold): Tensor | null {
  const axis = f.site.axis(f.site.int("axis", 0), f.shape.length);
  const tensors = f.inputs.map((_, i) => f.input(i));
  if (!isPlain(f.dtype)) return null;
  const out = newData(f.dtype, elementCount(f.shape));
  const outer = elementCount(f.shape.slice(0, axis));
  const row = out.length / Math.max(outer, 1);
  let start = 0;
  for (const tensor of tensors) {
    const data = tensor.data();
    const size = data.length / Math.max(outer, 1);
    for (let o = 0; o < outer; o++) {
      (out as Float32Array).set(data.subarray(o * size, (o + 1) * size) as Float32Array, o * row + start);
    }
    start += size;
  }
  return Tensor.of(f.dtype, f.shape, out);
}

function split(f: Fold): Tensor[] {
  const x = f.input(0);
  const axis = f.site.axis(f.site.int("axis", 0), x.shape.length);
  let start = 0;
  return f.shapes.map((shape) => {
    if (!shape) throw new RangeError("Split has a part of unknown size");
    const from = start;
    start += shape[axis];
    return gatherBy(x, shape, (index) => index.map((i, d) => d === axis ? i + from : i));
  });
}

function slice(f: Fold): Tensor | null {
  const x = f.input(0);
  const starts = f.site.integers(1);
  const axes = f.inputs[3] ? f.site.integers(3) : starts?.map((_, i) => i);
  const steps = f.inputs[4] ? f.site.integers(4) : starts?.map(() => 1);
  if (!starts || !axes || !steps) return null;
  const first = x.shape.map(() => 0);
  const step = x.shape.map(() => 1);
  for (const [i, axis] of f.site.axes(axes, x.shape.length).entries()) {
    const size = x.shape[axis];
    const start = starts[i] < 0 ? starts[i] + size : starts[i];
    step[axis] = steps[i];
    first[axis] = Math.min(Math.max(start, 0), steps[i] < 0 ? size - 1 : size);
  }
  return gatherBy(x, f.shape, (index) => index.map((i, d) => first[d] + i * step[d]));
}

/** An index as ONNX gives it; negative ones count from the end. */
function wrapIndex(index: number, size: number): number {
  if (index < -size || index >= size) throw new RangeError(`Index ${index} is out of range for a dimension of ${size}`);
  return index < 0 ? index + size : index;
}

function gather(f: Fold): Tensor | null {
  const [x, chosen] = [f.input(0), f.input(1)];
  const axis = f.site.axis(f.site.int("axis", 0), x.shape.length);
  const list = indicesOf(chosen);
  const rank = chosen.shape.length;
  if (!list) return null;
  return gatherBy(x, f.shape, (index) => {
    const at = positionOf(chosen.shape, index.slice(axis, axis + rank));
    return [...index.slice(0, axis), wrapIndex(list[at], x.shape[axis]), ...index.slice(axis + rank)];
  });
}

function gatherElements(f: Fold): Tensor | null {
  const [x, chosen] = [f.input(0), f.input(1)];
  const axis = f.site.axis(f.site.int("axis", 0), x.shape.length);
  const list = indicesOf(chosen);
  if (!list) return null;
  return gatherBy(x, f.shape, (index) => {
    const at = list[positionOf(chosen.shape, index)];
    return index.map((i, d) => d === axis ? wrapIndex(at, x.shape[axis]) : i);
  });
}

function gatherND(f: Fold): Tensor | null {
  const [x, chosen] = [f.input(0), f.input(1)];
  const batch = f.site.int("batch_dims", 0);
  const list = indicesOf(chosen);
  const lead = chosen.shape.length - 1;
  const depth = chosen.shape[lead];
  if (!list) return null;
  return gatherBy(x, f.shape, (index) => {
    const at = positionOf(chosen.shape, [...index.slice(0, lead), 0]);
    const tuple = list.slice(at, at + depth).map((i, k) => wrapIndex(i, x.shape[batch + k]));
    return [...index.slice(0, batch), ...tuple, ...index.slice(lead)];
  });
}

/** What an element becomes when another is scattered onto it; null when the reduction is not known. */
function scattered(reduction: string, old: Element, update: Element): Element | null {
  const [x, y] = [old as number, update as number];
  switch (reduction) {
    case "none":
      return update;
    case "add":
      return x + y;
    case "mul":
      return typeof x === "number" && Math.abs(x * y) > Number.MAX_SAFE_INTEGER ? null : x * y;
    case "max":
      return x < y ? y : x;
    case "min":
      return y < x ? y : x;
    default:
      return null;
  }
}

/** Combines an element of a copy with an update; false when that is not folded. */
type Put = (at: number, update: Element) => boolean;

/** A copy of the first input with elements changed by `change`. */
function edited(f: Fold, change: (put: Put) => boolean): Tensor | null {
  const x = f.input(0);
  const reduction = f.site.text("reduction", "none");
  if (!isPlain(x.dtype) || (x.dtype === "bfloat16" && reduction !== "none")) return null;
  const out = x.data().slice();
  const put: Put = (at, update) => {
    const value = scattered(reduction, out[at], update);
    if (value === null) return false;
    out[at] = value;
    return true;
  };
  return change(put) ? Tensor.of(x.dtype, x.shape, out) : null;
}

function scatterND(f: Fold): Tensor | null {
  const [x, chosen, updates] = [f.input(0), f.input(1), f.input(2)];
  const list = indicesOf(chosen);
  const depth = chosen.shape[chosen.shape.length - 1];
  const inner = elementCount(x.shape.slice(depth));
  const data = updates.data();
  return list && edited(f, (put) => {
    for (let row = 0; row < list.length / Math.max(depth, 1); row++) {
      const tuple = list.slice(row * depth, (row + 1) * depth).map((i, k) => wrapIndex(i, x.shape[k]));
      const start = positionOf(x.shape.slice(0, depth), tuple) * inner;
      for (let k = 0; k < inner; k++) if (!put(start + k, data[row * inner + k])) return false;
    }
    return true;
  });
}

function scatterElements(f: Fold): Tensor | null {
  const [x, chosen, updates] = [f.input(0), f.input(1), f.input(2)];
  const axis = f.site.axis(f.site.int("axis", 0), x.shape.length);
  const list = indicesOf(chosen);
  const data = updates.data();
  return list && edited(f, (put) => {
    let n = 0;
    for (const index of indices(chosen.shape)) {
      const target = index.map((i, d) => d === axis ? wrapIndex(list[n], x.shape[axis]) : i);
      if (!put(positionOf(x.shape, target), data[n])) return false;
      n++;
    }
    return true;
  });
}

function tile(f: Fold): Tensor {
  const x = f.input(0);
  return gatherBy(x, f.shape, (index) => index.map((i, d) => i % x.shape[d]));
}

function pad(f: Fold): Tensor | null {
  const x = f.input(0);
  const pads = f.site.integers(1);
  const axes = f.inputs[3] ? f.site.integers(3) : x.shape.map((_, i) => i);
  if (f.site.text("mode", "constant") !== "constant" || !pads || !axes || !isPlain(x.dtype)) return null;
  const before = x.shape.map(() => 0);
  for (const [i, axis] of f.site.axes(axes, x.shape.length).entries()) before[axis] = pads[i];
  const fill: Element = f.inputs[2] ? f.inputs[2].item() : zeroOf(x.dtype);
  const data = x.data();
  const out = newData(x.dtype, elementCount(f.shape));
  let n = 0;
  for (const index of indices(f.shape)) {
    const from = index.map((i, d) => i - before[d]);
    const isInside = from.every((i, d) => i >= 0 && i < x.shape[d]);
    out[n++] = isInside ? data[positionOf(x.shape, from)] : fill;
  }
  return Tensor.of(x.dtype, f.shape, out);
}

function trilu(f: Fold): Tensor | null {
  const x = f.input(0);
  const k = f.inputs[1] ? Number(f.inputs[1].item()) : 0;
  const upper = f.site.int("upper", 1) === 1;
  const rank = x.shape.length;
  if (!isPlain(x.dtype)) return null;
  const out = newData(x.dtype, x.numel);
  const data = x.data();
  let n = 0;
  for (const index of indices(x.shape)) {
    const offset = index[rank - 1] - index[rank - 2];
    if (upper ? offset >= k : offset <= k) out[n] = data[n];
    n++;
  }
  return Tensor.of(x.dtype, x.shape, out);
}

function range(f: Fold): Tensor | null {
  const [start, , delta] = f.inputs.map((_, i) => f.input(i).item());
  if (!isPlain(f.dtype)) return null;
  const big = typeof start === "bigint";
  return generate(f.dtype, f.shape, (i) => big ? start + BigInt(i) * (delta as bigint) : start + i * (delta as number));
}

function constantOfShape(f: Fold): Tensor | null {
  const value = f.site.tensor("value");
  if (value && (!value.isLoaded || value.numel !== 1)) return null;
  const one = value?.reshape([]) ?? Tensor.scalar("float32", 0);
  return expandTo(one, f.shape).contiguous();
}

function eyeLike(f: Fold): Tensor | null {
  const k = f.site.int("k", 0);
  const columns = f.shape[1];
  return isPlain(f.dtype) ? generate(f.dtype, f.shape, (i) => i % columns - Math.floor(i / columns) === k) : null;
}

function oneHot(f: Fold): Tensor | null {
  const [hot, values] = [indicesOf(f.input(0)), f.input(2).data()];
  const axis = f.site.axis(f.site.int("axis", -1), f.shape.length);
  if (!hot || !isPlain(f.dtype)) return null;
  const depth = f.shape[axis];
  const out = newData(f.dtype, elementCount(f.shape));
  let n = 0;
  for (const index of indices(f.shape)) {
    const at = hot[positionOf(f.input(0).shape, index.filter((_, d) => d !== axis))];
    out[n++] = values[(at < 0 ? at + depth : at) === index[axis] ? 1 : 0];
  }
  return Tensor.of(f.dtype, f.shape, out);
}

function cumSum(f: Fold): Tensor | null {
  const x = f.input(0);
  const axis = f.site.axis(Number(f.input(1).item()), x.shape.length);
  const [exclusive, backward] = [f.site.int("exclusive", 0) === 1, f.site.int("reverse", 0) === 1];
  if (!isPlain(x.dtype)) return null;
  const data = x.data();
  const out = newData(x.dtype, data.length);
  const [size, inner] = [x.shape[axis], elementCount(x.shape.slice(axis + 1))];
  for (let lane = 0; lane < data.length / Math.max(size, 1); lane++) {
    const start = Math.floor(lane / inner) * size * inner + lane % inner;
    let total = zeroOf(x.dtype);
    for (let i = 0; i < size; i++) {
      const at = start + (backward ? size - 1 - i : i) * inner;
      const next = total + (data[at] as number);
      out[at] = exclusive ? total : next;
      total = next;
    }
  }
  return Tensor.of(x.dtype, x.shape, out);
}

function nonZero(f: Fold): Tensor | null {
  const x = f.input(0);
  if (!isPlain(x.dtype)) return null;
  const data = x.data();
  const found: number[][] = [];
  let n = 0;
  for (const index of indices(x.shape)) if (Number(data[n++]) !== 0) found.push([...index]);
  const rows = x.shape.flatMap((_, d) => found.map((index) => BigInt(index[d])));
  return Tensor.of("int64", [x.shape.length, found.length], rows);
}

/** Elements of a group to one; null when the group can't be reduced. Bigints for int64 and uint64. */
type Reduction = (values: number[], dtype: DType) => Element | null;

/** Zero as an element: a bigint for the dtypes of 64 bits. */
function zeroOf(dtype: DType): number {
  return (dtype === "int64" || dtype === "uint64" ? 0n : 0) as number;
}

function oneOf(dtype: DType): number {
  return (dtype === "int64" || dtype === "uint64" ? 1n : 1) as number;
}

/** Runtimes differ in what they make of an integer overflow. */
function inRange(value: number, dtype: DType): Element | null {
  if (isFloat(dtype)) return value;
  const bits = 8 * itemsize(dtype);
  const exact = typeof value === "bigint" ? value as bigint : Number.isSafeInteger(value) ? BigInt(value) : null;
  if (exact === null) return null;
  return (isSigned(dtype) ? BigInt.asIntN(bits, exact) : BigInt.asUintN(bits, exact)) === exact ? value : null;
}

function ofFloats(fn: (values: number[]) => number): Reduction {
  return (values, dtype) => isFloat(dtype) ? fn(values) : null;
}

function total(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

const REDUCTIONS: ReadonlyMap<string, Reduction> = new Map<string, Reduction>([
  ["ReduceSum", (values, dtype) => inRange(values.reduce((a, b) => a + b, zeroOf(dtype)), dtype)],
  ["ReduceProd", (values, dtype) => inRange(values.reduce((a, b) => a * b, oneOf(dtype)), dtype)],
  ["ReduceMax", (values) => values.length === 0 ? null : values.reduce((a, b) => Number.isNaN(a) || b <= a ? a : b)],
  ["ReduceMin", (values) => values.length === 0 ? null : values.reduce((a, b) => Number.isNaN(a) || b >= a ? a : b)],
  ["ReduceMean", ofFloats((values) => total(values) / values.length)],
  ["ReduceL1", ofFloats((values) => total(values.map(Math.abs)))],
  ["ReduceL2", ofFloats((values) => Math.sqrt(total(values.map((x) => x * x))))],
  ["ReduceSumSquare", ofFloats((values) => total(values.map((x) => x * x)))],
  ["ReduceLogSum", ofFloats((values) => Math.log(total(values)))],
]);

function reduce(f: Fold): Tensor | null {
  const x = f.input(0);
  const fn = REDUCTIONS.get(f.site.node.opType);
  const given = f.inputs[1] ? f.site.integers(1) : f.site.ints("axes") ?? [];
  if (!fn || !given || !isPlain(x.dtype)) return null;
  if (given.length === 0 && f.site.int("noop_with_empty_axes", 0) === 1) return null;
  if (x.shape.length === 0 || given.length === 0 && x.shape.includes(0)) return null;
  let isDone = true;
  const result = reduceDims(
    x,
    f.site.axes(given, x.shape.length),
    f.site.int("keepdims", 1) === 1,
    f.dtype,
    (values) => {
      const value = fn(values, x.dtype);
      isDone &&= value !== null;
      return value ?? 0;
    },
  );
  return isDone ? result : null;
}

/** The first (or last) position of the largest element, by `wins`. */
function argReduce(wins: (a: number, b: number) => boolean): FoldRule {
  return (f) => {
    const x = f.input(0);
    const axis = f.site.axis(f.site.int("axis", 0), x.shape.length);
    const takesLast = f.site.int("select_last_index", 0) === 1;
    if (!isPlain(x.dtype) || x.shape[axis] === 0) return null;
    return reduceDims(x, [axis], f.site.int("keepdims", 1) === 1, "int64", (values) => {
      let best = 0;
      for (let i = 1; i < values.length; i++) {
        if (wins(values[i], values[best]) || takesLast && values[i] === values[best]) best = i;
      }
      return best;
    });
  };
}

function product(f: Fold): Tensor | null {
  const [a, b] = [f.input(0), f.input(1)];
  if (!isFloat(a.dtype) || !isPlain(a.dtype) || a.shape.length < 2 || b.shape.length < 2) return null;
  return matmul(a, b);
}

/** The rules of operators that move, choose or reduce. */
export const FOLD_LAYOUT: ReadonlyMap<string, FoldRule> = new Map<string, FoldRule>([
  ["Reshape", reshaped],
  ["Flatten", reshaped],
  ["Squeeze", reshaped],
  ["Unsqueeze", reshaped],
  ["Transpose", transpose],
  ["Expand", (f) => expandTo(f.input(0), f.shape).contiguous()],
  ["Concat", concat],
  ["Split", split],
  ["Slice", slice],
  ["Gather", gather],
  ["GatherElements", gatherElements],
  ["GatherND", gatherND],
  ["ScatterND", scatterND],
  ["ScatterElements", scatterElements],
  ["Tile", tile],
  ["Pad", pad],
  ["Trilu", trilu],
  ["Range", range],
  ["ConstantOfShape", constantOfShape],
  ["EyeLike", eyeLike],
  ["OneHot", oneHot],
  ["CumSum", cumSum],
  ["NonZero", nonZero],
  ["ArgMax", argReduce((a, b) => a > b)],
  ["ArgMin", argReduce((a, b) => a < b)],
  ["MatMul", product],
  ...[...REDUCTIONS.keys()].map((op): [string, FoldRule] => [op, reduce]),
]);
