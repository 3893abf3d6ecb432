/** Distances between vectors: of pairs, of all pairs of two sets, of all pairs within one. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, eq, floorDiv, isSym, mul as timesDim, sub as minusDim } from "../sym/mod.ts";
import { broadcastShapes, isFloat, type Meta, newData, resultType, Tensor } from "../tensor/mod.ts";
import { convert, expandTo } from "../tensor/loops.ts";
import { add, addScalar, mul, mulScalar, sub } from "./binary.ts";
import { div } from "./division.ts";
import { emit, NUMBERS } from "./emit.ts";
import { clampMin } from "./extrema.ts";
import { expand } from "./expand.ts";
import { emitNorm, linalgVectorNorm, normOf } from "./norms.ts";
import { matmul } from "./linear.ts";
import { type Calls, defineOp } from "./op.ts";
import { transpose } from "./permute.ts";
import { sumDim } from "./reduce.ts";
import { refuse, requireFloat } from "./rules.ts";
import { int64s, steps } from "./spatial.ts";
import { sqrt } from "./unary.ts";
import { unsqueeze } from "./view.ts";

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.pairwise_distance.html */
export const pairwiseDistance = defineOp(
  "aten::pairwise_distance(Tensor x1, Tensor x2, float p=2., float eps=9.9999999999999995e-07, bool keepdim=False) -> Tensor",
  {
    decompose: (t, { x1, x2, p, eps, keepdim }) => {
      // The sum with a float is one of floats, also where it changes nothing.
      const difference = t.call(sub, x1, x2);
      const gap = eps === 0 && isFloat(t.meta(difference).dtype) ? difference : t.call(addScalar, difference, eps);
      return t.call(linalgVectorNorm, gap, p, [-1], keepdim);
    },
  },
);

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.cosine_similarity.html */
export const cosineSimilarity = defineOp(
  "aten::cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-08) -> Tensor",
  {
    decompose: (t, { x1, x2, dim, eps }) => {
      const metas = [t.meta(x1), t.meta(x2)];
      const common = resultType(metas.map(({ dtype, shape }) => ({ dtype, zeroDim: shape.length === 0 })));
      requireFloat(common, "The common dtype of the vectors");
      const shape = broadcastShapes(...metas.map((m) => m.shape));
      const unit = (given: typeof x1): typeof x1 => {
        // Integers come to the common dtype; a float is brought to length 1 in its own.
        const { dtype, shape: own } = t.meta(given);
        const x = isFloat(dtype) ? given : t.cast(given, common);
        // Sizes of 1 along the dim are as good as their repetition for the product, but not for the norm.
        const isSame = own.length === shape.length && own.every((d, i) => eq(d, shape[i]) === true);
        const all = isSame ? x : t.call(expand, x, shape);
        return t.call(div, all, t.call(clampMin, t.call(linalgVectorNorm, all, 2n, [dim], true), eps));
      };
      return t.call(sumDim, t.call(mul, unit(x1), unit(x2)), [dim]);
    },
  },
);

interface Sets<T> {
  readonly x1: T;
  readonly x2: T;
}

/** The shape of the distances between all pairs of two sets. */
function pairsShape({ x1, x2 }: Sets<Meta>): Dim[] {
  const [a, b] = [x1.shape, x2.shape];
  if (a.length < 2 || b.length < 2) throw new RangeError("Sets of vectors must have at least 2 dimensions");
  for (const x of [x1, x2]) requireFloat(x.dtype, "A set of vectors");
  if (x1.dtype !== x2.dtype) throw new TypeError(`Both sets must be of one dtype, met ${x1.dtype} and ${x2.dtype}`);
  if (eq(a.at(-1)!, b.at(-1)!) === false) {
    throw new RangeError(`Vectors of ${a.at(-1)} and ${b.at(-1)} elements can't be compared`);
  }
  return [...broadcastShapes(a.slice(0, -2), b.slice(0, -2)), a.at(-2)!, b.at(-2)!];
}

function requireOrder(p: number): void {
  if (!(p >= 0)) refuse("p", p, "it must not be negative");
}

function requireMode(mode: number | null): void {
  if (mode !== null && mode !== 0 && mode !== 1 && mode !== 2) refuse("compute_mode", mode, "it must be 0, 1 or 2");
}

/** Distances as they are defined, in double precision. */
function pairsKernel({ x1, x2 }: Sets<Tensor>, p: number): Tensor {
  const shape = pairsShape({ x1, x2 }) as number[];
  const batch = shape.slice(0, -2);
  const [n, m] = shape.slice(-2);
  const size = x1.shape.at(-1)!;
  const rows = (x: Tensor, count: number): Float64Array =>
    expandTo(convert(x, "float64"), [...batch, count, size]).data() as Float64Array;
  const [a, b] = [rows(x1, n), rows(x2, m)];
  const out = new Float64Array(shape.reduce((x, y) => x * y, 1));
  for (let i = 0; i < out.length; i++) {
    const group = Math.floor(i / (n * m));
    const from = (group * n + Math.floor((i % (n * m)) / m)) * size;
    const to = (group * m + i % m) * size;
    const gaps = Array.from({ length: size }, (_, k) => a[from + k] - b[to + k]);
    // Vectors of no elements have no distance, whatever the norm of nothing is.
    out[i] = size === 0 ? 0 : normOf(gaps, p);
  }
  return convert(Tensor.of("float64", shape, out), x1.dtype);
}

/** Differences of all pairs, and their norm. */
function pairsDirectly<T extends object>(t: Calls<T>, { x1, x2 }: Sets<T>, p: number): T {
  const gaps = t.call(sub, t.call(unsqueeze, x1, -2), t.call(unsqueeze, x2, -3));
  return t.call(linalgVectorNorm, gaps, p, [-1]);
}

/** `sqrt(|x|² + |y|² - 2 x y)`, for which no differences are kept. */
function pairsByProduct<T extends object>(t: Calls<T>, { x1, x2 }: Sets<T>): T {
  const squares = (x: T): T => t.call(sumDim, t.call(mul, x, x), [-1], true);
  const product = t.call(mulScalar, t.call(matmul, x1, t.call(transpose, x2, -2, -1)), -2n);
  const total = t.call(add, t.call(add, product, squares(x1)), t.call(transpose, squares(x2), -2, -1));
  return t.call(sqrt, t.call(clampMin, total, 0n));
}

/** From how many vectors on PyTorch takes the product where it may choose. */
const MANY = 25;

/**
 * The form that PyTorch takes: `compute_mode` 1 asks for the product, 2 for the differences, else the number of vectors
 * decides. Where that is not known, the differences, which are exact, serve.
 */
function pairs<T extends object>(t: Calls<T>, sets: Sets<T>, p: number, mode: number | null): T {
  requireOrder(p);
  requireMode(mode);
  const metas = { x1: t.meta(sets.x1), x2: t.meta(sets.x2) };
  const shape = pairsShape(metas);
  if (metas.x1.shape.at(-1) === 0) return t.full(shape, 0, metas.x1.dtype);
  const isMany = shape.slice(-2).some((n) => !isSym(n) && n > MANY);
  const byProduct = p === 2 && (mode === 1 || (mode !== 2 && isMany));
  return byProduct ? pairsByProduct(t, sets) : pairsDirectly(t, sets, p);
}

interface PairsArgs<T> extends Sets<T> {
  readonly p: number;
  readonly compute_mode: number | null;
}

const PAIRS = {
  meta: (_: unknown, args: PairsArgs<Meta>): Meta => {
    requireOrder(args.p);
    requireMode(args.compute_mode);
    return { dtype: args.x1.dtype, shape: pairsShape(args) };
  },
  kernel: (args: PairsArgs<Tensor>): Tensor => pairsKernel(args, args.p),
  decompose: <T extends object>(t: Calls<T>, args: PairsArgs<T>): T => pairs(t, args, args.p, args.compute_mode),
};

/** https://docs.pytorch.org/docs/stable/generated/torch.cdist.html */
export const cdist = defineOp(
  "aten::cdist(Tensor x1, Tensor x2, float p=2., int? compute_mode=None) -> Tensor",
  PAIRS,
);

/** What `cdist` computes with when it is differentiated. */
export const cdistForward = defineOp(
  "aten::_cdist_forward(Tensor x1, Tensor x2, float p, int? compute_mode) -> Tensor",
  PAIRS,
);

/** `cdist` by a matrix product. */
export const euclideanDist = defineOp("aten::_euclidean_dist(Tensor x1, Tensor x2) -> Tensor", {
  meta: (_, args) => ({ dtype: args.x1.dtype, shape: pairsShape(args) }),
  kernel: (args) => pairsKernel(args, 2),
  decompose: (t, args) => pairsByProduct(t, args),
});

interface WithinArgs<T> {
  readonly self: T;
  readonly p: number;
}

function withinMeta({ self, p }: WithinArgs<Meta>): Meta {
  requireOrder(p);
  requireFloat(self.dtype, "A set of vectors");
  if (self.shape.length !== 2) throw new RangeError(`pdist takes 2 dimensions, met ${self.shape.length}`);
  const [n] = self.shape;
  return { dtype: self.dtype, shape: [isSym(n) ? floorDiv(timesDim(n, minusDim(n, 1)), 2) : n * (n - 1) / 2] };
}

/** Both ends of all pairs of `n` vectors, in order. */
function endsOf(b: OnnxBuilder, n: Dim, count: Dim): [OnnxValue, OnnxValue] {
  if (!isSym(n)) {
    const starts = Array.from({ length: n }, (_, i) => new Array<number>(n - 1 - i).fill(i)).flat();
    const ends = Array.from({ length: n }, (_, i) => Array.from({ length: n - 1 - i }, (_, k) => i + 1 + k)).flat();
    return [int64s(b, starts), int64s(b, ends)];
  }
  const order = steps(b, n);
  const places = b.op("NonZero", [b.op("Less", [b.unsqueeze(order, 1), order])]);
  return [0, 1].map((k) => {
    const list = b.op("Gather", [places, b.scalar(BigInt(k), "int64")], { axis: 0 });
    list.meta = { dtype: "int64", shape: [count] };
    return list;
  }) as [OnnxValue, OnnxValue];
}

const WITHIN = {
  meta: (_: unknown, args: WithinArgs<Meta>): Meta => withinMeta(args),
  kernel: ({ self, p }: WithinArgs<Tensor>): Tensor => {
    const { dtype, shape } = withinMeta({ self, p });
    const all = pairsKernel({ x1: self, x2: self }, p).data() as Float32Array;
    const out = newData(dtype, shape[0] as number) as Float32Array;
    const [n] = self.shape;
    let at = 0;
    for (let i = 0; i < n; i++) for (let k = i + 1; k < n; k++) out[at++] = all[i * n + k];
    return Tensor.of(dtype, shape as number[], out);
  },
};

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.pdist.html */
export const pdistForward = defineOp("aten::_pdist_forward(Tensor self, float p=2.) -> Tensor", {
  ...WITHIN,
  onnx: (b, { self, p }) => {
    const meta = withinMeta({ self: b.meta(self), p });
    const [n, size] = b.meta(self).shape;
    if (size === 0) return b.op("Expand", [b.scalar(0, meta.dtype), b.ints(meta.shape)]);
    const [starts, ends] = endsOf(b, n, meta.shape[0]).map((at) => b.op("Gather", [self, at], { axis: 0 }));
    return emitNorm(b, emit(b, NUMBERS, "Sub", [starts, ends]), p, [1], false);
  },
});

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.pdist.html */
export const pdist = defineOp("aten::pdist(Tensor self, float p=2.) -> Tensor", {
  decompose: (t, { self, p }) => t.call(pdistForward, self, p),
});
