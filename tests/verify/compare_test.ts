/** Comparing tensors: what passes, what does not, and how the difference is told. */
import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { compareTensors } from "../../src/verify/compare.ts";
import { HISTOGRAM_EDGES } from "../../src/verify/report.ts";
import { type DType, Tensor } from "../../src/tensor/mod.ts";

function of(dtype: DType, values: readonly number[], shape: readonly number[] = [values.length]): Tensor {
  return Tensor.of(dtype, shape, values);
}

const cases: readonly [name: string, actual: Tensor, expected: Tensor, reason: RegExp | null][] = [
  ["equal", of("float32", [1, 2]), of("float32", [1, 2]), null],
  ["float noise", of("float32", [1.0001, 2]), of("float32", [1, 2]), null],
  ["beyond the tolerance", of("float32", [1.01, 2]), of("float32", [1, 2]), /^1 of 2 .*first at \[0\]: 1\.0/],
  ["small outputs are held to their size", of("float32", [2e-5]), of("float32", [1e-5]), /^1 of 1 elements differ/],
  ["large outputs too", of("float32", [1e6, 30]), of("float32", [1e6, 0]), null],
  ["half the digits", of("float16", [1.005]), of("float16", [1]), null],
  ["double has no such room", of("float64", [1.00001]), of("float64", [1]), /differ/],
  ["NaN in the same place", of("float32", [NaN, 1]), of("float32", [NaN, 1]), null],
  ["NaN on one side", of("float32", [NaN, 1]), of("float32", [0, 1]), /\(1 NaN on one side only\)/],
  ["infinities of the same sign", of("float32", [-Infinity]), of("float32", [-Infinity]), null],
  ["infinities of another sign", of("float32", [-Infinity]), of("float32", [Infinity]), /1 infinite on one side/],
  ["overflow", of("float16", [Infinity]), of("float16", [65504]), /1 infinite on one side/],
  ["integers are exact", of("int32", [1, 3]), of("int32", [1, 2]), /^1 of 2 elements differ, first at \[1\]: 3/],
  ["so are bools", of("bool", [1, 0]), of("bool", [1, 1]), /^1 of 2/],
  ["empty", of("float32", [], [0, 3]), of("float32", [], [0, 3]), null],
  ["shape", of("float32", [1, 2], [1, 2]), of("float32", [1, 2]), /^shape \[1, 2\] instead of \[2\]$/],
  ["dtype", of("float16", [1]), of("float32", [1]), /^dtype float16 instead of float32$/],
  [
    "position",
    of("float32", [0, 0, 0, 0, 0, 9], [2, 3]),
    of("float32", [0, 0, 0, 0, 0, 1], [2, 3]),
    /first at \[1, 2\]/,
  ],
];

for (const [name, actual, expected, reason] of cases) {
  Deno.test(`comparison: ${name}`, () => {
    const comparison = compareTensors("y", actual, expected);
    assertEquals(comparison.passed, reason === null, comparison.reason);
    if (reason) assertMatch(comparison.reason, reason);
    else assertEquals(comparison.reason, "");
  });
}

Deno.test("comparison: int64 beyond doubles", () => {
  const [a, b] = [2n ** 62n + 1n, 2n ** 62n].map((value) => Tensor.of("int64", [1], [value]));
  assertEquals(compareTensors("y", a, b).maxAbs, 1);
  assert(!compareTensors("y", a, b).passed);
});

Deno.test("comparison: complex parts", () => {
  const [a, b] = [[1, 2], [1, 3]].map((parts) => Tensor.of("complex64", [1], Float32Array.from(parts)));
  assertMatch(compareTensors("y", a, b).reason, /^1 parts of 1 elements differ .*first at \[0\]: 2 instead of 3$/);
});

Deno.test("comparison: largest differences", () => {
  const { maxAbs, maxRel } = compareTensors("y", of("float32", [1, 12, 0.5]), of("float32", [1, 10, 0]));
  assertEquals(maxAbs, 2);
  assertAlmostEquals(maxRel, 0.2);
  assert(Number.isNaN(compareTensors("y", of("float32", [NaN]), of("float32", [1])).maxAbs));
});

Deno.test("comparison: given tolerances are used as they are", () => {
  const [a, b] = [of("float32", [1.05, 0.001]), of("float32", [1, 0])];
  assert(!compareTensors("y", a, b).passed);
  assert(!compareTensors("y", a, b, { rtol: 0.1, atol: 0 }).passed);
  assert(compareTensors("y", a, b, { rtol: 0, atol: 0.06 }).passed);
});

Deno.test("comparison: counts of NaN and infinities, the first elements, and both histograms", () => {
  const inf = Infinity;
  const actual = of("float32", [1, NaN, inf, -inf, 3, 0, 1e-9, 5], [2, 4]);
  const expected = of("float32", [1, NaN, inf, 2, NaN, 0, 0, 4], [2, 4]);
  const found = compareTensors("y", actual, expected, { rtol: 0, atol: 1e-6 });
  assertEquals([found.nan, found.infinite], [{ actual: 1, expected: 2 }, { actual: 2, expected: 1 }]);
  assertEquals(found.first, [
    { index: [0, 3], actual: "-Infinity", expected: "2" },
    { index: [1, 0], actual: "3", expected: "NaN" },
    { index: [1, 3], actual: "5", expected: "4" },
  ]);
  // Equal, below 1e-8, …, from 1 to 10, beyond. A difference from 0 is relatively infinite.
  assertEquals(found.absHistogram, [4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
  assertEquals(found.relHistogram, [4, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 3]);
  assertEquals(found.absHistogram.length, HISTOGRAM_EDGES.length + 2);
  const exact = compareTensors("y", of("int32", [1, 5, 9]), of("int32", [1, 2, 9]));
  assertEquals([exact.absHistogram.at(0), exact.absHistogram.at(-2), exact.nan.actual], [2, 1, 0]);
});

Deno.test("comparison: tolerances by dtype leave other dtypes their own", () => {
  const rtol = { float16: 0.1 };
  assert(compareTensors("y", of("float16", [1.05]), of("float16", [1]), { rtol }).passed);
  assert(!compareTensors("y", of("float32", [1.05]), of("float32", [1]), { rtol }).passed);
  assertEquals(compareTensors("y", of("float16", [1]), of("float16", [1]), { rtol, atol: 0 }).rtol, 0.1);
});

Deno.test("comparison: WebGPU has more room in float32, within bounds", () => {
  const [a, b] = [of("float32", [1.003, 1]), of("float32", [1, 1])];
  assertEquals(["wasm", "webgpu"].map((ep) => compareTensors("y", a, b, {}, ep as "wasm").passed), [false, true]);
  const { rtol, atol } = compareTensors("y", of("float32", [1, 1, 8]), of("float32", [1, 1, 8]), {}, "webgpu");
  assertAlmostEquals(rtol, 4e-3);
  assertAlmostEquals(atol, 8e-4);
  // A masked score does not excuse the others.
  const masked = of("float32", [1, 1, -3e38]);
  assertAlmostEquals(compareTensors("y", masked, masked, {}, "webgpu").atol, 32e-4);
  for (const dtype of ["float64", "float16"] as const) {
    const x = of(dtype, [1, 1, 8]);
    assertEquals(compareTensors("y", x, x, {}, "webgpu").atol, compareTensors("y", x, x).atol);
  }
  assertEquals(compareTensors("y", a, b, { rtol: 1e-3, atol: 0 }, "webgpu").passed, false);
});
