/**
 * Shape arithmetic followed symbolically: what the elements of a small int64 or bool result are, in terms of the elements
 * of the inputs. This is how `Reshape(x, Concat(Gather(Shape(x), 0), -1))` gets a shape that names the symbols of `x`.
 */
import { add, type Dim, floorDiv, gt, isSym, mod, mul, neg, pow, prod, sub, sum } from "../sym/mod.ts";
import { constantOfNode, contentOfTensor, MAX_CONTENT, type Site } from "./infer_site.ts";

/** Elements of the first output; null when they are not known. */
type ContentRule = (s: Site) => readonly Dim[] | null;

/** Applies `fn` element by element, a single element to each of the others. */
function zip(lists: readonly (readonly Dim[])[], fn: (...elements: Dim[]) => Dim | null): Dim[] | null {
  const lengths = new Set(lists.map((list) => list.length));
  lengths.delete(1);
  if (lengths.size > 1) return null;
  const [length = 1] = lengths;
  const result: Dim[] = [];
  for (let i = 0; i < length; i++) {
    const element = fn(...lists.map((list) => list.length === 1 ? list[0] : list[i]));
    if (element === null) return null;
    result.push(element);
  }
  return result;
}

/** A rule over the elements of all inputs. */
function elementwise(fn: (s: Site, ...elements: Dim[]) => Dim | null): ContentRule {
  return (s) => {
    const lists = contents(s);
    return lists && zip(lists, (...elements) => fn(s, ...elements));
  };
}

function contents(s: Site): (readonly Dim[])[] | null {
  const lists: (readonly Dim[])[] = [];
  for (let i = 0; i < s.count; i++) {
    const list = s.content(i);
    if (!list) return null;
    lists.push(list);
  }
  return lists;
}

/** Truths are held as 1 and 0. */
function truth(value: boolean | undefined): Dim | null {
  return value === undefined ? null : value ? 1 : 0;
}

/** Integer division of ONNX rounds toward zero, as flooring does where nothing is negative. */
function divide(s: Site, a: Dim, b: Dim): Dim | null {
  if (b === 0) return null;
  if (!isSym(a) && !isSym(b)) return Math.trunc(a / b) + 0;
  return s.atLeast(a, 0) === true && s.atLeast(b, 0) === true ? floorDiv(a, b) : null;
}

/** `Mod` takes the sign of the divisor, with `fmod` that of the dividend. */
function remainder(s: Site, a: Dim, b: Dim): Dim | null {
  if (b === 0) return null;
  if (s.int("fmod", 0) !== 1) return mod(a, b);
  if (!isSym(a) && !isSym(b)) return a % b + 0;
  return s.atLeast(a, 0) === true && s.atLeast(b, 0) === true ? mod(a, b) : null;
}

function absolute(s: Site, a: Dim): Dim {
  return s.atLeast(a, 0) === true ? a : s.atLeast(0, a) === true ? neg(a) : s.larger(a, neg(a));
}

function not(value: boolean | undefined): boolean | undefined {
  return value === undefined ? undefined : !value;
}

function asBool(s: Site, a: Dim): Dim | null {
  return truth(not(s.same(a, 0)));
}

function concat(s: Site): readonly Dim[] | null {
  return contents(s)?.flat() ?? null;
}

function shapeOf(s: Site): readonly Dim[] | null {
  const shape = s.meta(0)?.shape;
  return shape?.slice(s.int("start", 0), s.int("end") ?? undefined) ?? null;
}

function gather(s: Site): readonly Dim[] | null {
  const data = s.content(0);
  const index = s.integers(1);
  if (!data || !index || s.meta(0)?.shape.length !== 1) return null;
  const picked = index.map((i) => data.at(i));
  return picked.includes(undefined) ? null : picked as Dim[];
}

function slice(s: Site): readonly Dim[] | null {
  const data = s.content(0);
  const [starts, ends, axes] = [s.integers(1), s.integers(2), s.has(3) ? s.integers(3) : [0]];
  const steps = s.has(4) ? s.integers(4) : [1];
  if (!data || starts?.length !== 1 || ends?.length !== 1 || axes?.length !== 1 || steps?.length !== 1) return null;
  const n = data.length;
  const [step] = steps;
  const clamp = (i: number, low: number, high: number): number => Math.min(Math.max(i < 0 ? i + n : i, low), high);
  const result: Dim[] = [];
  if (step > 0) {
    const end = clamp(ends[0], 0, n);
    for (let i = clamp(starts[0], 0, n); i < end; i += step) result.push(data[i]);
  } else if (step < 0) {
    const end = clamp(ends[0], -1, n - 1);
    for (let i = clamp(starts[0], 0, n - 1); i > end; i += step) result.push(data[i]);
  }
  return result;
}

function expand(s: Site): readonly Dim[] | null {
  const data = s.content(0);
  const length = s.node.outputs[0].meta?.shape[0] ?? 1;
  if (!data || isSym(length) || length > MAX_CONTENT) return null;
  if (data.length === length) return data;
  return data.length === 1 ? new Array<Dim>(length).fill(data[0]) : null;
}

function tile(s: Site): readonly Dim[] | null {
  const data = s.content(0);
  const repeats = s.integers(1);
  if (!data || !repeats || data.length * (repeats[0] ?? 1) > MAX_CONTENT) return null;
  return Array.from({ length: repeats[0] ?? 1 }, () => data).flat();
}

/** Reductions of a list to one element. */
function reduce(fn: (s: Site, elements: readonly Dim[]) => Dim | null): ContentRule {
  return (s) => {
    const data = s.content(0);
    const shape = s.meta(0)?.shape;
    if (!data || !shape) return null;
    const axes = s.has(1) ? s.integers(1) : s.ints("axes") ?? [];
    if (!axes) return null;
    if (axes.length === 0 && s.int("noop_with_empty_axes", 0) === 1) return data;
    if (shape.length === 0) return data;
    const value = fn(s, data);
    return value === null ? null : [value];
  };
}

function extreme(pick: "larger" | "smaller"): (s: Site, elements: readonly Dim[]) => Dim | null {
  return (s, elements) => elements.length === 0 ? null : elements.reduce((a, b) => s[pick](a, b));
}

function cumulate(s: Site): readonly Dim[] | null {
  const data = s.content(0);
  if (!data || s.meta(0)?.shape.length !== 1) return null;
  const backward = s.int("reverse", 0) === 1;
  const exclusive = s.int("exclusive", 0) === 1;
  const result: Dim[] = [];
  let total: Dim = 0;
  for (const element of backward ? data.toReversed() : data) {
    const next: Dim = add(total, element);
    result.push(exclusive ? total : next);
    total = next;
  }
  return backward ? result.reverse() : result;
}

function range(s: Site): readonly Dim[] | null {
  const [start, delta] = [s.scalar(0), s.scalar(2)];
  const length = s.node.outputs[0].meta?.shape[0];
  if (start === null || delta === null || length === undefined || isSym(length) || length > MAX_CONTENT) return null;
  return Array.from({ length }, (_, i) => add(start, mul(i, delta)));
}

function filled(s: Site): readonly Dim[] | null {
  const shape = s.node.outputs[0].meta?.shape ?? [];
  const length = prod(shape);
  if (isSym(length) || length > MAX_CONTENT) return null;
  const tensor = s.tensor("value");
  const value = tensor?.isLoaded && tensor.numel === 1
    ? contentOfTensor(tensor.reshape([]))?.[0]
    : tensor
    ? undefined
    : 0;
  return value === undefined ? null : new Array<Dim>(length).fill(value);
}

function where(s: Site): readonly Dim[] | null {
  const [condition, x, y] = [s.content(0), s.content(1), s.content(2)];
  if (!condition || condition.some(isSym)) return null;
  // The side that is never chosen need not be known.
  if (x && condition.every((c) => c !== 0)) return zip([condition, x, ...(y ? [y] : [])], (_, a) => a);
  if (y && condition.every((c) => c === 0)) return zip([condition, y, ...(x ? [x] : [])], (_, b) => b);
  return x && y ? zip([condition, x, y], (c, a, b) => c !== 0 ? a : b) : null;
}

function clip(s: Site): readonly Dim[] | null {
  const data = s.content(0);
  const low = s.has(1) ? s.scalar(1) : undefined;
  const high = s.has(2) ? s.scalar(2) : undefined;
  if (!data || low === null || high === null) return null;
  return data.map((d) => {
    const raised = low === undefined ? d : s.larger(d, low);
    return high === undefined ? raised : s.smaller(raised, high);
  });
}

const same: ContentRule = (s) => s.content(0);

const RULES: ReadonlyMap<string, ContentRule> = new Map<string, ContentRule>([
  ["Shape", shapeOf],
  ["Size", (s) => s.knows(0) ? [prod(s.shape(0))] : null],
  ["Constant", (s) => {
    const tensor = constantOfNode(s.node);
    return tensor && contentOfTensor(tensor);
  }],
  ["Identity", same],
  ["Squeeze", same],
  ["Unsqueeze", same],
  ["Reshape", same],
  ["Flatten", same],
  ["Transpose", same],
  ["Cast", (s) => s.node.outputs[0].meta?.dtype === "bool" ? elementwise(asBool)(s) : same(s)],
  ["CastLike", (s) => {
    const data = s.content(0);
    return data && s.node.outputs[0].meta?.dtype === "bool" ? zip([data], (a) => asBool(s, a)) : data;
  }],
  ["Add", elementwise((_, a, b) => add(a, b))],
  ["Sub", elementwise((_, a, b) => sub(a, b))],
  ["Mul", elementwise((_, a, b) => mul(a, b))],
  ["Div", elementwise(divide)],
  ["Mod", elementwise(remainder)],
  ["Pow", elementwise((_, a, b) => !isSym(b) && b >= 0 && b <= 8 ? pow(a, b) : null)],
  ["Neg", elementwise((_, a) => neg(a))],
  ["Abs", elementwise(absolute)],
  ["Sum", elementwise((_, ...all) => sum(all))],
  ["Max", elementwise((s, ...all) => all.reduce((a, b) => s.larger(a, b)))],
  ["Min", elementwise((s, ...all) => all.reduce((a, b) => s.smaller(a, b)))],
  ["Clip", clip],
  ["Equal", elementwise((s, a, b) => truth(s.same(a, b)))],
  ["Greater", elementwise((s, a, b) => truth(gt(a, b, s.ranges)))],
  ["GreaterOrEqual", elementwise((s, a, b) => truth(s.atLeast(a, b)))],
  ["Less", elementwise((s, a, b) => truth(gt(b, a, s.ranges)))],
  ["LessOrEqual", elementwise((s, a, b) => truth(s.atLeast(b, a)))],
  ["Not", elementwise((_, a) => isSym(a) ? null : 1 - a)],
  ["And", elementwise((_, a, b) => isSym(a) || isSym(b) ? null : a & b)],
  ["Or", elementwise((_, a, b) => isSym(a) || isSym(b) ? null : a | b)],
  ["Xor", elementwise((_, a, b) => isSym(a) || isSym(b) ? null : a ^ b)],
  ["Where", where],
  ["Concat", concat],
  ["Gather", gather],
  ["Slice", slice],
  ["Expand", expand],
  ["Tile", tile],
  ["ReduceProd", reduce((_, elements) => prod(elements))],
  ["ReduceSum", reduce((_, elements) => sum(elements))],
  ["ReduceMax", reduce(extreme("larger"))],
  ["ReduceMin", reduce(extreme("smaller"))],
  ["CumSum", cumulate],
  ["Range", range],
  ["ConstantOfShape", filled],
]);

/** Sets the elements of the first output, if it is a small list of integers or truths that can be told. */
export function inferContent(s: Site): void {
  const output = s.node.outputs[0];
  const rule = RULES.get(s.node.opType);
  if (!output?.meta || !rule || output.content) return;
  const { dtype, shape } = output.meta;
  if (shape.length > 1 || (dtype !== "int64" && dtype !== "bool")) return;
  const content = inSafeIntegers(() => rule(s));
  const length = shape.length === 0 ? 1 : shape[0];
  if (!content || content.length > MAX_CONTENT || isSym(length) || content.length !== length) return;
  output.content = content;
}

/** Elements that would not be safe integers are not followed. */
function inSafeIntegers(compute: () => readonly Dim[] | null): readonly Dim[] | null {
  try {
    return compute();
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}
