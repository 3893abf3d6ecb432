/**
 * Inference for operators that choose elements: gathers, scatters' kin, top-k, one-hot, and those whose number of results
 * depends on the data.
 */
import { type Dim, isSym, prod } from "../sym/mod.ts";
import { dtypeOfCode, given, type Rule, type Site } from "./infer_site.ts";
import { lengthOf } from "./infer_layout.ts";

function gather(s: Site): void {
  const from = s.needRank(0, 1);
  const axis = s.axis(s.int("axis", 0), from.length);
  const size = from[axis];
  if (!isSym(size)) {
    const outside = s.integers(1)?.find((index) => index < -size || index >= size);
    if (outside !== undefined) throw new RangeError(`Gather takes element ${outside} of a dimension of ${size}`);
  }
  s.set(0, s.dtype(0), [...from.slice(0, axis), ...s.shape(1), ...from.slice(axis + 1)]);
}

function gatherND(s: Site): void {
  const [from, index] = [s.needRank(0, 1), s.needRank(1, 1)];
  const batch = s.int("batch_dims", 0);
  const depth = index[index.length - 1];
  if (isSym(depth)) return;
  if (batch + depth > from.length) {
    throw new RangeError(`GatherND takes ${depth} indices into [${from.join(", ")}] after ${batch} batch dimensions`);
  }
  s.set(0, s.dtype(0), [...index.slice(0, -1), ...from.slice(batch + depth)]);
}

function oneHot(s: Site): void {
  const from = s.shape(0);
  const axis = s.axis(s.int("axis", -1), from.length + 1);
  const constant = s.constant(1);
  const depth = s.scalar(1) ?? (constant?.numel === 1 ? Math.trunc(Number(constant.item())) : null) ?? s.fresh(0, axis);
  s.set(0, s.dtype(2), [...from.slice(0, axis), depth, ...from.slice(axis)]);
}

function topK(s: Site): void {
  const from = s.needRank(0, 1);
  const axis = s.axis(s.int("axis", -1), from.length);
  const given = s.scalar(1);
  const size = from[axis];
  if (given !== null && !isSym(given) && !isSym(size) && given > size) {
    throw new RangeError(`TopK takes ${given} of ${size} elements`);
  }
  const k = given ?? s.fresh(0, axis);
  const shape = from.map((d, i) => i === axis ? k : d);
  s.set(0, s.dtype(0), shape);
  s.set(1, "int64", shape);
}

function compress(s: Site): void {
  const from = s.shape(0);
  const given = s.int("axis");
  if (given === null) {
    s.set(0, s.dtype(0), [s.fresh(0, 0)]);
    return;
  }
  const axis = s.axis(given, from.length);
  s.set(0, s.dtype(0), from.map((d, i) => i === axis ? s.fresh(0, i) : d));
}

function unique(s: Site): void {
  const from = s.shape(0);
  const given = s.int("axis");
  const axis = given === null ? 0 : s.axis(given, from.length);
  const count = s.fresh(0, axis);
  s.set(0, s.dtype(0), given === null ? [count] : from.map((d, i) => i === axis ? count : d));
  s.set(1, "int64", [count]);
  s.set(2, "int64", [given === null ? prod(from) : from[axis]]);
  s.set(3, "int64", [count]);
}

function multinomial(s: Site): void {
  const [batch] = s.needRank(0, 2, 2);
  s.set(0, dtypeOfCode(s.int("dtype", 6)), [batch, s.int("sample_size", 1)]);
}

/** The largest index of the pool, plus one, is the number of features. */
function tfIdf(s: Site): void {
  const from = s.needRank(0, 1, 2);
  const indexes = s.ints("ngram_indexes") ?? [];
  const size = indexes.reduce((a, b) => Math.max(a, b), -1) + 1;
  s.set(0, "float32", [...from.slice(0, -1), size]);
}

/** A value of the mode of losses that are not reduced has the shape of the labels. */
function loss(s: Site, logProbabilities: boolean): void {
  s.set(0, s.dtype(0), s.text("reduction", "mean") === "none" ? s.shape(1) : []);
  if (logProbabilities) s.setLike(1, 0);
}

function melWeights(s: Site): void {
  const dtype = dtypeOfCode(s.int("output_datatype", 1));
  const [bins, length] = [s.scalar(0), s.scalar(1)];
  const half = typeof length === "number" ? Math.floor(length / 2) + 1 : s.fresh(0, 0);
  s.set(0, dtype, [half, bins ?? s.fresh(0, 1)]);
}

function window(s: Site): void {
  s.set(0, dtypeOfCode(s.int("output_datatype", 1)), [s.scalar(0) ?? s.fresh(0, 0)]);
}

function affineGrid(s: Site): void {
  const sizes = s.content(1);
  const rank = sizes?.length ?? lengthOf(s, 1);
  if (rank === null) return;
  if (rank !== 4 && rank !== 5) throw new RangeError(`AffineGrid takes a size of 4 or 5 dimensions, met ${rank}`);
  const spatial: Dim[] = sizes ? sizes.slice(2) : Array.from({ length: rank - 2 }, (_, i) => s.fresh(0, i + 1));
  s.set(0, s.dtype(0), [sizes?.[0] ?? s.shape(0)[0], ...spatial, rank - 2]);
}

/** The rules of ONNX's own domain. */
export const INDEX: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ["Gather", given(2, gather)],
  ["GatherElements", given(2, (s) => s.set(0, s.dtype(0), s.shape(1)))],
  ["GatherND", given(2, gatherND)],
  ["OneHot", given(3, oneHot)],
  ["TopK", given(1, topK)],
  ["NonZero", given(1, (s) => s.set(0, "int64", [s.shape(0).length, s.fresh(0, 1)]))],
  ["Compress", given(1, compress)],
  ["Unique", given(1, unique)],
  ["NonMaxSuppression", (s) => s.set(0, "int64", [s.fresh(0, 0), 3])],
  ["Multinomial", given(1, multinomial)],
  ["TfIdfVectorizer", given(1, tfIdf)],
  ["NegativeLogLikelihoodLoss", given(2, (s) => loss(s, false))],
  ["SoftmaxCrossEntropyLoss", given(2, (s) => loss(s, true))],
  ["MelWeightMatrix", melWeights],
  ["BlackmanWindow", window],
  ["HammingWindow", window],
  ["HannWindow", window],
  ["AffineGrid", given(1, affineGrid)],
  [
    "GridSample",
    given(2, (s) => {
      const [image, grid] = [s.needRank(0, 3), s.needRank(1, 3)];
      if (image.length !== grid.length) {
        throw new RangeError(
          `GridSample takes an image and a grid of one rank, met [${image.join(", ")}] and [${grid.join(", ")}]`,
        );
      }
      s.set(0, s.dtype(0), [image[0], image[1], ...grid.slice(1, -1)]);
    }),
  ],
  [
    "ImageDecoder",
    (s) => s.set(0, "uint8", [s.fresh(0, 0), s.fresh(0, 1), s.text("pixel_format") === "Grayscale" ? 1 : 3]),
  ],
  ["OptionalHasElement", (s) => s.set(0, "bool", [])],
  ["SequenceLength", (s) => s.set(0, "int64", [])],
]);
