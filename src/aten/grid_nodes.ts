/** Samples of images in ONNX, node by node: for dtypes and opsets that have no GridSample, or one that rounds otherwise. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { type Dim, prod } from "../sym/mod.ts";
import { type DType, isFloat } from "../tensor/mod.ts";
import { CUBIC, type Sampling } from "./grid_sampling.ts";
import { isHalf } from "./precision.ts";

/** Arithmetic in float32 or float64. Each step is rounded to a narrower dtype, if there is one. */
class Steps {
  readonly b: OnnxBuilder;
  readonly dtype: DType;
  readonly narrow: DType | null;

  constructor(b: OnnxBuilder, dtype: DType) {
    this.b = b;
    this.narrow = isHalf(dtype) ? dtype : null;
    this.dtype = this.narrow ? "float32" : dtype;
  }

  /** A node whose result is exact. */
  exact(opType: string, ...inputs: OnnxValue[]): OnnxValue {
    return this.b.op(opType, inputs);
  }

  /** A node whose result is rounded. */
  op(opType: string, ...inputs: OnnxValue[]): OnnxValue {
    return this.rounded(this.b.op(opType, inputs));
  }

  number(value: number): OnnxValue {
    return this.b.scalar(value, this.dtype);
  }

  /** A size as a float. */
  size(value: Dim): OnnxValue {
    return this.rounded(this.b.cast(this.b.dim(value), this.dtype));
  }

  private rounded(x: OnnxValue): OnnxValue {
    return this.narrow ? this.b.cast(this.b.cast(x, this.narrow), this.dtype) : x;
  }
}

/** The last element's place. */
function lastOf(s: Steps, size: Dim): OnnxValue {
  return s.op("Sub", s.b.cast(s.b.dim(size), s.dtype), s.number(1));
}

/** From -1 … 1 to positions of elements. */
function position(s: Steps, x: OnnxValue, size: Dim, { align, rank }: Sampling): OnnxValue {
  const half = s.number(0.5);
  const moved = s.op("Add", x, s.number(1));
  const length = align ? lastOf(s, size) : s.size(size);
  if (rank === 2) {
    const scaled = s.op("Mul", moved, s.op("Mul", length, half));
    return align ? scaled : s.op("Sub", scaled, half);
  }
  if (align) return s.op("Mul", s.op("Mul", moved, half), length);
  return s.op("Mul", s.op("Sub", s.op("Mul", moved, length), s.number(1)), half);
}

/** Positions brought into the image, where the padding says so. */
function bringIn(s: Steps, x: OnnxValue, size: Dim, sampling: Sampling): OnnxValue {
  const { padding, align } = sampling;
  if (padding === "zeros") return x;
  const zero = s.number(0);
  if (padding === "reflection" && align && size === 1) return s.exact("Mul", x, zero);
  const at = padding === "border" ? x : reflect(s, x, size, sampling);
  return s.exact("Clip", at, zero, lastOf(s, size));
}

function reflect(s: Steps, x: OnnxValue, size: Dim, { align, rank }: Sampling): OnnxValue {
  const span = align ? lastOf(s, size) : s.size(size);
  const low = s.number(align ? 0 : -0.5);
  const distance = s.exact("Abs", align ? x : s.op("Sub", x, low));
  const back = (at: OnnxValue): OnnxValue => align ? at : s.op("Add", at, low);
  if (rank === 2) {
    const turn = s.exact("Mul", span, s.number(2));
    // Truncated: distances are not negative.
    const turns = s.exact("Floor", s.op("Div", distance, turn));
    const extra = s.op("Sub", distance, s.op("Mul", turns, turn));
    return back(s.exact("Min", extra, s.op("Sub", turn, extra)));
  }
  const extra = s.b.op("Mod", [distance, span], { fmod: 1 });
  const turns = s.exact("Floor", s.op("Div", distance, span));
  const isOdd = s.b.cast(s.b.op("Mod", [turns, s.number(2)], { fmod: 1 }), "bool");
  return back(s.exact("Where", isOdd, s.op("Sub", span, extra), extra));
}

/** One neighbour in one dim: index, weight, and whether it is inside. */
interface Tap {
  readonly index: OnnxValue;
  readonly weight: OnnxValue | null;
  readonly inside: OnnxValue | null;
}

function taps(s: Steps, x: OnnxValue, size: Dim, sampling: Sampling): Tap[] {
  const one = s.number(1);
  const at = position(s, x, size, sampling);
  // Indices are counted without rounding.
  const last = s.exact("Sub", s.b.cast(s.b.dim(size), s.dtype), one);
  const tap = (place: OnnxValue, weight: OnnxValue | null): Tap => {
    const clipped = s.exact("Clip", place, s.number(0), last);
    // Without zeros around, only a neighbour of weight 0 can lie outside.
    const inside = sampling.padding === "zeros" ? s.exact("Equal", clipped, place) : null;
    return { index: s.b.cast(clipped, "int64"), weight, inside };
  };
  if (sampling.mode === "bicubic") {
    const low = s.exact("Floor", at);
    return cubicWeights(s, s.op("Sub", at, low)).map((weight, k) =>
      tap(bringIn(s, k === 1 ? low : s.op("Add", low, s.number(k - 1)), size, sampling), weight)
    );
  }
  const place = bringIn(s, at, size, sampling);
  if (sampling.mode === "nearest") return [tap(s.exact("Round", place), null)];
  const low = s.exact("Floor", place);
  const next = s.exact("Add", low, one);
  const above = s.op("Sub", place, low);
  const below = sampling.rank === 2 || !s.narrow ? s.op("Sub", one, above) : s.op("Sub", s.op("Add", low, one), place);
  return [tap(low, below), tap(next, above)];
}

/** The weights of four neighbours at a distance of `t` from the second. */
function cubicWeights(s: Steps, t: OnnxValue): OnnxValue[] {
  const polynomial = (x: OnnxValue, [first, ...rest]: readonly number[]): OnnxValue =>
    rest.reduce((y, term) => {
      const product = s.op("Mul", y, x);
      return term === 0 ? product : s.op("Add", product, s.number(term));
    }, s.number(first));
  return [
    polynomial(s.op("Add", t, s.number(1)), CUBIC.far),
    polynomial(t, CUBIC.near),
    polynomial(s.op("Sub", s.number(1), t), CUBIC.near),
    polynomial(s.op("Sub", s.number(2), t), CUBIC.far),
  ];
}

/** Samples by gathering each neighbour and adding them by weight. */
export function onnxSample(b: OnnxBuilder, input: OnnxValue, grid: OnnxValue, sampling: Sampling): OnnxValue {
  const { dtype, shape: [n, c, ...sizes] } = b.meta(input);
  if (!isFloat(dtype)) throw new TypeError(`An image is of a float dtype, met ${dtype}`);
  const s = new Steps(b, dtype);
  const outs = b.meta(grid).shape.slice(1, -1);
  const count = prod(outs);
  const rank = sizes.length;
  const flatGrid = b.cast(b.reshape(grid, [n, count, rank]), s.dtype);
  const along = sizes.map((size, d) => {
    const x = b.op("Gather", [flatGrid, b.scalar(BigInt(rank - 1 - d), "int64")], { axis: 2 });
    return taps(s, x, size, sampling);
  });
  const flat = b.cast(b.reshape(input, [n, c, prod(sizes)]), s.dtype);
  const shape = b.ints([n, c, count]);
  /** The neighbour that a tap of each dim points at. */
  const value = (at: readonly Tap[]): OnnxValue => {
    const index = at.map((tap) => tap.index).reduce((flat, index, d) =>
      b.op("Add", [b.op("Mul", [flat, b.dim(sizes[d])]), index])
    );
    const place = b.op("Expand", [b.unsqueeze(index, 1), shape]);
    const found = b.op("GatherElements", [flat, place], { axis: 2 });
    const inside = at.flatMap((tap) => tap.inside ? [tap.inside] : []);
    if (inside.length === 0) return found;
    const isInside = inside.reduce((x, y) => b.op("And", [x, y]));
    return b.op("Where", [b.unsqueeze(isInside, 1), found, s.number(0)]);
  };
  const sum = sampling.mode === "bicubic" ? cubicSum(s, along, value) : linearSum(s, along, value);
  return b.reshape(b.cast(sum, dtype), [n, c, ...outs]);
}

type Value = (at: readonly Tap[]) => OnnxValue;

/** Rows first, then a column of them. */
function cubicSum(s: Steps, [rows, columns]: readonly Tap[][], value: Value): OnnxValue {
  const sum = (list: readonly Tap[], term: (tap: Tap) => OnnxValue): OnnxValue =>
    list.map((tap) => s.op("Mul", s.b.unsqueeze(tap.weight!, 1), term(tap))).reduce((x, y) => s.op("Add", x, y));
  return sum(rows, (i) => sum(columns, (j) => value([i, j])));
}

/** Each neighbour times the product of its weights, which begins with that of the last dim. */
function linearSum(s: Steps, along: readonly Tap[][], value: Value): OnnxValue {
  let all: { readonly at: readonly Tap[]; readonly weight: OnnxValue | null }[] = [{ at: [], weight: null }];
  for (const list of along.toReversed()) {
    const times = (x: OnnxValue | null, y: OnnxValue | null): OnnxValue | null => x && y ? s.op("Mul", x, y) : x ?? y;
    all = list.flatMap((tap) => all.map(({ at, weight }) => ({ at: [tap, ...at], weight: times(weight, tap.weight) })));
  }
  return all.map(({ at, weight }) => {
    const found = value(at);
    return weight ? s.op("Mul", found, s.b.unsqueeze(weight, 1)) : found;
  }).reduce((x, y) => s.op("Add", x, y));
}
