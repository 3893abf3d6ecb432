/** Tensors that are computed with at once: calls by position and by name, views, writes through them. */
import { assertEquals, assertThrows } from "@std/assert";
import { F, torch } from "../../torch.ts";

Deno.test("functions take arguments by position and by name", () => {
  const x = torch.tensor([[1, 2.5], [3, 4]]);
  assertEquals(x.sum(1, true).tolist(), [[3.5], [7]]);
  assertEquals(x.sum({ dim: 1, keepdim: true }).tolist(), [[3.5], [7]]);
  assertEquals(torch.sum(x, [0, 1]).item(), 10.5);
  assertEquals(torch.cat([x, x], 1).shape, [2, 4]);
  assertEquals(F.linear(x, torch.ones([3, 2]), torch.arange(3).float()).tolist(), [[3.5, 4.5, 5.5], [7, 8, 9]]);
});

Deno.test("an integral number is an int, others are floats", () => {
  const x = torch.tensor([1, 2]);
  assertEquals(x.dtype, "int64");
  assertEquals(x.add(1).dtype, "int64");
  assertEquals(x.add(1.5).dtype, "float32");
});

Deno.test("dtypes that results would have are told without computing any", () => {
  const x = torch.tensor([1, 2]);
  assertEquals(torch.promoteTypes("float16", "int64"), "float16");
  assertEquals(torch.promoteTypes("uint8", "int8"), "int16");
  assertEquals([torch.resultType(x, 1.5), torch.resultType(x, torch.ones([2], { dtype: "float16" }))], [
    "float32",
    "float16",
  ]);
});

Deno.test("writes go through views, whose elements must be apart in memory", () => {
  const x = torch.tensor([[1, 2], [3, 4]]);
  x.t().add_(10);
  x.view(-1).mul_(2);
  assertEquals(x.tolist(), [[22, 24], [26, 28]]);
  const unrelated = x.clone().zero_();
  assertEquals([unrelated.sum().item(), x.sum().item()], [0, 100]);
  assertThrows(() => torch.zeros(3).expand(2, 3).add_(1), RangeError, "take its clone() first");
});

Deno.test("errors tell the function, its arguments and shapes", () => {
  const x = torch.ones([2, 2]);
  assertThrows(() => torch.matmul(x, torch.zeros(3)), RangeError, "matmul(float32[2, 2], float32[3]): Cannot multiply");
  // @ts-expect-error: a dim is no string
  assertThrows(() => x.sum("a"), TypeError, 'as argument dim, met "a"');
  // @ts-expect-error: there is no such argument
  assertThrows(() => x.sum({ axis: 1 }), TypeError, "has no argument axis");
});
