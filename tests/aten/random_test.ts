/** Random operators: no two runs agree, so what is tested is where their numbers lie, in onnxruntime and in the reference. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { EagerInterpreter, type Interpreter } from "../../src/aten/calls.ts";
import * as distributions from "../../src/aten/distributions.ts";
import { rrelu } from "../../src/aten/activation.ts";
import * as random from "../../src/aten/random.ts";
import { multinomial, poisson } from "../../src/aten/sampling.ts";
import { Tensor } from "../../src/tensor/mod.ts";
import * as loops from "../../src/tensor/loops.ts";
import { runModel } from "./run_model.ts";

const COUNT = 8192;

interface Expected {
  readonly mean?: number;
  readonly median?: number;
  readonly low?: number;
  /** Not reached. */
  readonly high?: number;
  readonly whole?: boolean;
}

/** Draws numbers in both ways and looks where they lie. */
function check(
  name: string,
  expected: Expected,
  // deno-lint-ignore no-explicit-any -- what draws is generic in the tensor type
  draw: (t: Interpreter<any>, x: any) => any,
  fill = 0.5,
): void {
  Deno.test(`${name} gives numbers of its distribution`, async () => {
    const input = new Float32Array(COUNT).fill(fill);
    const [fromRuntime] = await runModel(input, (t, x) => [draw(t, x)]);
    const eager = new EagerInterpreter(loops);
    const reference = draw(eager, Tensor.of("float32", [COUNT], input)) as Tensor;
    for (const list of [fromRuntime.data as Float32Array, reference.toArray()]) {
      const values = Array.from(list as ArrayLike<number | bigint>, Number).sort((a, b) => a - b);
      const { mean, median, low, high, whole } = expected;
      if (mean !== undefined) {
        const average = values.reduce((a, b) => a + b) / values.length;
        assertAlmostEquals(average, mean, 0.1 * Math.max(1, Math.abs(mean)));
      }
      if (median !== undefined) assertAlmostEquals(values[values.length >> 1], median, 0.15);
      if (low !== undefined) assert(values[0] >= low, `${values[0]} is below ${low}`);
      if (high !== undefined) {
        assert(values[values.length - 1] < high, `${values[values.length - 1]} is not below ${high}`);
      }
      if (whole) assert(values.every(Number.isInteger), "a number is not whole");
      assert(new Set(values).size > 1, "all numbers are the same");
    }
  });
}

check("rand_like", { mean: 0.5, low: 0, high: 1 }, (t, x) => t.call(random.randLike, x));
check("rand_like in half precision", { mean: 0.5, low: 0, high: 1 }, (t, x) => t.call(random.randLike, x, "float16"));
check("randn_like", { mean: 0, low: -8, high: 8 }, (t, x) => t.call(random.randnLike, x));
check("randint", { mean: 1, low: -2, high: 5, whole: true }, (t) => t.call(random.randintLow, -2, 5, [COUNT]));
check("randperm", { mean: (COUNT - 1) / 2, low: 0, high: COUNT, whole: true }, (t) => t.call(random.randperm, COUNT));
check("uniform", { mean: 1, low: -1, high: 3 }, (t, x) => t.call(distributions.uniform, x, -1, 3));
check("normal", { mean: 3 }, (t, x) => t.call(distributions.normalFunctional, x, 3, 0.5));
check("normal of tensors", { mean: 0.5 }, (t, x) => t.call(distributions.normal, x, x));
check("log_normal", { median: 1, low: 0 }, (t, x) => t.call(distributions.logNormal, x, 0, 0.5));
check("exponential", { mean: 0.5, low: 0 }, (t, x) => t.call(distributions.exponential, x, 2));
check("cauchy", { median: 1 }, (t, x) => t.call(distributions.cauchy, x, 1, 0.5));
check("geometric", { mean: 4, low: 1, whole: true }, (t, x) => t.call(distributions.geometric, x, 0.25));
check("random.from", { mean: 4.5, low: 2, high: 8, whole: true }, (t, x) => t.call(distributions.randomFrom, x, 2, 8));
check("random", { mean: 2 ** 23, low: 0, high: 2 ** 24 + 1, whole: true }, (t, x) => t.call(distributions.random, x));
check("bernoulli", { mean: 0.8, whole: true }, (t, x) => t.call(distributions.bernoulli, x), 0.8);
check("bernoulli.p", { mean: 0.1, whole: true }, (t, x) => t.call(distributions.bernoulliP, x, 0.1));
check("poisson", { mean: 6.5, low: 0, whole: true }, (t, x) => t.call(poisson, x), 6.5);
check("rrelu", { mean: -1.5, low: -2, high: -1 }, (t, x) => t.call(rrelu, x, 0.5, 1, true), -2);
check(
  "multinomial",
  { mean: (COUNT - 1) / 2, low: 0, high: COUNT, whole: true },
  (t, x) => t.call(multinomial, x, COUNT, false),
);
check(
  "multinomial with replacement",
  { mean: (COUNT - 1) / 2, low: 0, high: COUNT, whole: true },
  (t, x) => t.call(multinomial, x, 512, true),
);

Deno.test("multinomial never draws what has no weight, nor the same twice", async () => {
  const weights = Float32Array.from([0, 3, 0, 1, 2]);
  const results = await runModel(weights, (t, x) => [t.call(multinomial, x, 3), t.call(multinomial, x, 50, true)]);
  const [some, many] = results.map((r) => Array.from(r.data as BigInt64Array, Number));
  assertEquals(some.sort(), [1, 3, 4]);
  assert(many.every((i) => weights[i] > 0));
});
