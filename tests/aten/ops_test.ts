/** The operator table as a map from names. */
import { assert, assertEquals } from "@std/assert";
import { NAMES } from "../../src/aten/index.ts";
import { isOp } from "../../src/aten/mod.ts";
import { ops } from "../../src/aten/ops.ts";

Deno.test("ops: names lead to records", async () => {
  assertEquals((await ops.get("aten::relu"))?.schema, "aten::relu(Tensor self) -> Tensor");
  assertEquals((await ops.get("torch.ops.aten.add.Tensor"))?.name, "aten::add.Tensor");
  assertEquals((await ops.get("aten::add_.Tensor"))?.name, "aten::add.Tensor");
  assertEquals((await ops.get("_operator::mul"))?.name, "_operator::mul");
  assert((await ops.get("higher_order::cond"))?.higherOrder);
});

Deno.test("ops: what there is no record of", async () => {
  for (const name of ["aten::no_such_thing", "relu", "", "aten::relu(Tensor self)"]) {
    assertEquals(ops.has(name), false, name);
    assertEquals(await ops.get(name), undefined, name);
  }
});

Deno.test("ops: every name has a record, and as many as the index lists", async () => {
  const names = [...ops.keys()];
  assertEquals(ops.size, names.length);
  assertEquals(new Set(names).size, names.length);
  assertEquals(names.length, NAMES.reduce((sum, [, text]) => sum + text.trim().split(/ +/).length, 0));
  let count = 0;
  for await (const [name, op] of ops) {
    assert(isOp(op) && ops.has(name), name);
    count++;
  }
  assertEquals(count, names.length);
});
