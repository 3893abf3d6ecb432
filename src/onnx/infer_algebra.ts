/**
 * Inference for operators that combine or reduce dims: products, Einsum, reductions, quantization, recurrent layers,
 * attention.
 */
import { add, type Dim, floorDiv, isSym, mul } from "../sym/mod.ts";
import { broadcastShapes, type DType } from "../tensor/mod.ts";
import { axesOf, lengthOf } from "./infer_layout.ts";
import { given, type Rule, type Site } from "./infer_site.ts";

/** The shape of a product of matrices as numpy.matmul has it. */
function product(s: Site, a: readonly Dim[], b: readonly Dim[]): Dim[] {
  if (a.length === 0 || b.length === 0) throw new RangeError(`${s.node.opType} does not take a 0-d tensor`);
  const [x, y] = [a.length === 1 ? [1, ...a] : a, b.length === 1 ? [...b, 1] : b];
  if (s.same(x[x.length - 1], y[y.length - 2]) === false) {
    throw new RangeError(`Cannot multiply [${a.join(", ")}] by [${b.join(", ")}]`);
  }
  const shape = broadcastShapes(x.slice(0, -2), y.slice(0, -2));
  if (a.length > 1) shape.push(x[x.length - 2]);
  if (b.length > 1) shape.push(y[y.length - 1]);
  return shape;
}

function matMul(second: number, dtype: (s: Site) => DType | null): Rule {
  return (s) => {
    if (s.knows(0) && s.knows(second)) s.set(0, dtype(s), product(s, s.shape(0), s.shape(second)));
  };
}

function gemm(s: Site): void {
  const [a, b] = [s.needRank(0, 2, 2), s.needRank(1, 2, 2)];
  const [rows, inner] = s.int("transA", 0) === 1 ? [a[1], a[0]] : a;
  const [inner2, columns] = s.int("transB", 0) === 1 ? [b[1], b[0]] : b;
  if (s.same(inner, inner2) === false) {
    throw new RangeError(`Gemm can't multiply sizes ${inner} and ${inner2}`);
  }
  s.set(0, s.dtype(0), [rows, columns]);
}

function einsum(s: Site): void {
  const shapes: (readonly Dim[])[] = [];
  for (let i = 0; i < s.count; i++) {
    if (!s.knows(i)) return;
    shapes.push(s.shape(i));
  }
  const equation = s.text("equation").replaceAll(" ", "");
  const [left, right] = equation.split("->");
  const terms = left.split(",");
  if (terms.length !== shapes.length) {
    throw new RangeError(`Einsum ${equation} has ${terms.length} terms for ${shapes.length} inputs`);
  }
  const sizes = new Map<string, Dim>();
  let batch: Dim[] = [];
  const seen = new Map<string, number>();
  for (const [i, term] of terms.entries()) {
    const shape = shapes[i];
    const [before, after] = term.split("...");
    const letters = before + (after ?? "");
    const isOpen = after !== undefined;
    if (isOpen ? shape.length < letters.length : shape.length !== letters.length) {
      throw new RangeError(`Einsum ${equation} does not fit an input of shape [${shape.join(", ")}]`);
    }
    const end = shape.length - (after ?? "").length;
    if (isOpen) batch = broadcastShapes(batch, shape.slice(before.length, end));
    for (const [k, letter] of [...letters].entries()) {
      const size = shape[k < before.length ? k : end + k - before.length];
      const known = sizes.get(letter);
      // A size of 1 is repeated, a constant tells more than a symbol.
      if (known === undefined || known === 1 || (isSym(known) && !isSym(size) && size !== 1)) sizes.set(letter, size);
      else if (size !== 1 && s.same(known, size) === false) {
        throw new RangeError(`Einsum ${equation} gives ${letter} the sizes ${known} and ${size}`);
      }
      seen.set(letter, (seen.get(letter) ?? 0) + 1);
    }
  }
  const implicit = "..." + [...seen].filter(([, n]) => n === 1).map(([letter]) => letter).sort().join("");
  const [before, after] = (right ?? implicit).split("...");
  const dims = (letters: string): Dim[] =>
    [...letters].map((letter) => {
      const size = sizes.get(letter);
      if (size === undefined) throw new RangeError(`Einsum ${equation} yields ${letter}, which no input has`);
      return size;
    });
  s.set(0, s.dtype(0), [...dims(before), ...(after === undefined ? [] : [...batch, ...dims(after)])]);
}

/** Axes that are reduced; undefined for a result like the input, null when they are unknown. */
function reducedAxes(s: Site, rank: number): number[] | null | undefined {
  const axes = axesOf(s, 1);
  if (axes === null) return null;
  if (axes === undefined || axes.length === 0) {
    return s.int("noop_with_empty_axes", 0) === 1 ? undefined : Array.from({ length: rank }, (_, i) => i);
  }
  return s.axes(axes, rank);
}

function reduce(s: Site): void {
  const from = s.shape(0);
  const keep = s.int("keepdims", 1) === 1;
  const axes = reducedAxes(s, from.length);
  if (axes === undefined) s.setLike(0, 0);
  else if (axes !== null) {
    s.set(
      0,
      s.dtype(0),
      keep ? from.map((d, i) => axes.includes(i) ? 1 : d) : from.filter((_, i) => !axes.includes(i)),
    );
  } else {
    const count = lengthOf(s, 1);
    if (keep) s.set(0, s.dtype(0), s.freshShape(0, from.length));
    else if (count) s.set(0, s.dtype(0), s.freshShape(0, from.length - count));
  }
}

function argReduce(s: Site): void {
  const from = s.needRank(0, 1);
  const axis = s.axis(s.int("axis", 0), from.length);
  const keep = s.int("keepdims", 1) === 1;
  s.set(0, "int64", from.flatMap((d, i) => i !== axis ? [d] : keep ? [1] : []));
}

function quantize(s: Site): void {
  const stated = s.dtypeAttribute("output_dtype");
  const isStated = stated !== undefined && s.int("output_dtype") !== 0;
  // A zero point of a type without a dtype has no meta, and neither has the result.
  if (s.has(2)) s.set(0, s.meta(2)?.dtype ?? null, s.shape(0));
  else s.set(0, isStated ? stated : "uint8", s.shape(0));
}

function dequantize(s: Site): void {
  const stated = s.int("output_dtype", 0) === 0 ? undefined : s.dtypeAttribute("output_dtype");
  s.set(0, stated === undefined ? s.meta(1)?.dtype ?? null : stated, s.shape(0));
}

function recurrent(s: Site): void {
  const from = s.needRank(0, 3, 3);
  const batchFirst = s.int("layout", 0) === 1;
  const [sequence, batch] = batchFirst ? [from[1], from[0]] : from;
  const directions = s.text("direction", "forward") === "bidirectional" ? 2 : 1;
  const hidden = s.int("hidden_size") ?? s.meta(2)?.shape[2] ?? null;
  if (hidden === null) return;
  const state = batchFirst ? [batch, directions, hidden] : [directions, batch, hidden];
  s.set(0, s.dtype(0), batchFirst ? [batch, sequence, directions, hidden] : [sequence, directions, batch, hidden]);
  s.set(1, s.dtype(0), state);
  s.set(2, s.dtype(0), state);
}

function attention(s: Site): void {
  const [q, k, v] = [s.shape(0), s.shape(1), s.shape(2)];
  const heads = (shape: readonly Dim[], attribute: string): Dim | null =>
    shape.length === 4 ? shape[1] : s.int(attribute);
  const [queryHeads, keyHeads] = [heads(q, "q_num_heads"), heads(k, "kv_num_heads")];
  if (queryHeads === null || keyHeads === null) return;
  const [batch, queries, keys] = [q[0], q[q.length - 2], k[k.length - 2]];
  const last = (shape: readonly Dim[], count: Dim): Dim => shape.length === 4 ? shape[3] : floorDiv(shape[2], count);
  const [keySize, valueSize] = [last(k, keyHeads), last(v, keyHeads)];
  const past = s.has(4) ? s.meta(4)?.shape[2] ?? null : 0;
  const total = past === null ? s.fresh(1, 2) : add(past, keys);
  s.set(
    0,
    s.dtype(0),
    q.length === 4 ? [batch, queryHeads, queries, valueSize] : [batch, queries, mul(queryHeads, valueSize)],
  );
  s.set(1, s.dtype(1), [batch, keyHeads, total, keySize]);
  s.set(2, s.dtype(2), [batch, keyHeads, total, valueSize]);
  s.set(3, s.dtype(0), [batch, queryHeads, queries, total]);
}

/** The reductions. */
const REDUCTIONS = "L1 L2 LogSum LogSumExp Max Mean Min Prod Sum SumSquare".split(" ").map((name) => `Reduce${name}`);

/** The rules of ONNX's own domain. */
export const ALGEBRA: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...REDUCTIONS.map((op): [string, Rule] => [op, given(1, reduce)]),
  ["ArgMax", given(1, argReduce)],
  ["ArgMin", given(1, argReduce)],
  ["MatMul", matMul(1, (s) => s.dtype(0))],
  ["MatMulInteger", matMul(1, () => "int32")],
  ["QLinearMatMul", matMul(3, (s) => s.meta(7)?.dtype ?? null)],
  ["Gemm", given(2, gemm)],
  ["Einsum", einsum],
  ["Det", given(1, (s) => s.set(0, s.dtype(0), s.needRank(0, 2).slice(0, -2)))],
  ["QuantizeLinear", given(1, quantize)],
  ["DequantizeLinear", given(1, dequantize)],
  [
    "DynamicQuantizeLinear",
    given(1, (s) => {
      s.set(0, "uint8", s.shape(0));
      s.set(1, "float32", []);
      s.set(2, "uint8", []);
    }),
  ],
  ["LSTM", given(1, recurrent)],
  ["GRU", given(1, recurrent)],
  ["RNN", given(1, recurrent)],
  ["Attention", given(3, attention)],
]);
