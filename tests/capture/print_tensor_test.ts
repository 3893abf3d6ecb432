/** Tensors as text against what PyTorch prints, which `tests/tools/printed_tensors.py` recorded. */
import { assertEquals } from "@std/assert";
import { Storage, Tensor as CoreTensor } from "../../src/tensor/mod.ts";
import { Tensor, torch } from "../../torch.ts";

interface Printed {
  readonly source: string;
  readonly text: string;
}

const rows: readonly Printed[] = JSON.parse(
  await Deno.readTextFile(new URL("fixtures/printed.json", import.meta.url)),
);

for (const { source, text } of rows) {
  Deno.test(`${source} prints as PyTorch's`, () => {
    const make = new Function("torch", `return ${source}`) as (t: typeof torch) => unknown;
    assertEquals(String(make(torch)), text);
  });
}

Deno.test("the console shows a tensor's elements", () => {
  assertEquals(Deno.inspect(torch.tensor([1, 2])), "tensor([1, 2])");
});

Deno.test("a tensor whose values are not loaded tells its size", () => {
  const lazy = new CoreTensor("float16", [2, 3], Storage.missing(12));
  assertEquals(String(new Tensor(lazy)), "tensor(..., size=(2, 3), dtype=torch.float16, not loaded)");
});
