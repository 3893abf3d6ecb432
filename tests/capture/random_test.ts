/** Random numbers: the same from the same seed, and distributed as they should be. */
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { torch } from "../../torch.ts";

Deno.test("the same seed gives the same numbers, another one others", () => {
  const draw = (seed: number | bigint) => {
    torch.manualSeed(seed);
    return [
      torch.rand(4).tolist(),
      torch.randn(3).tolist(),
      torch.randint(100, [5]).tolist(),
      torch.randperm(6).tolist(),
    ];
  };
  assertEquals(draw(3), draw(3));
  assertEquals(draw(2n ** 40n + 3n), draw(2n ** 40n + 3n));
  assertNotEquals(draw(3), draw(4));
  assertNotEquals(draw(3), draw(2n ** 40n + 3n));
  assertEquals(torch.initialSeed(), 2n ** 40n + 3n);
  assertThrows(() => torch.manualSeed(1.5), RangeError);
});

Deno.test("numbers have the mean and variance of their distribution", () => {
  torch.manualSeed(0);
  const n = 20_000;
  const [uniform, normal] = [torch.rand(n), torch.randn(n)];
  const within = (value: number, wanted: number, by: number) =>
    assert(Math.abs(value - wanted) < by, `${value} is not near ${wanted}`);
  within(uniform.mean().item(), 0.5, 0.01);
  within(uniform.var().item(), 1 / 12, 0.002);
  within(normal.mean().item(), 0, 0.03);
  within(normal.std().item(), 1, 0.02);
  // Neighbouring numbers tell nothing of each other.
  const [a, b] = [normal.at("::2"), normal.at("1::2")];
  within(a.mul(b).mean().item(), 0, 0.03);
  within(torch.zeros(n).bernoulli_(0.25).mean().item(), 0.25, 0.01);
});
