/**
 * What an ordinary export loads. Loading takes a good part of its time, so the modules are bounded: what only some programs
 * or options need is imported where it is needed.
 */
import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { join } from "@std/path";
import { makeList, modulesOf } from "./tools/export_modules.ts";

/** Modules of src/ that an export of the MLP loads. Lower it when there are fewer. */
const MOST_MODULES = 136;

/** What programs on real numbers that write to nothing, of known operators, have no use for. */
const ON_DEMAND = [
  ...["complex_forms", "complex_products", "custom", "higher_order", "binary", "unary", "reduce"].map((f) =>
    `aten/${f}`
  ),
  ...["correct", "expand", "functionalize", "preflight"].map((f) => `passes/${f}`),
  ...["proto/onnx_pb", "verify/mod", "onnx/check", "cli/inspect"],
];

Deno.test("an export of the MLP loads few modules, and none that only other programs need", async () => {
  const folder = await Deno.makeTempDir({ prefix: "fx2onnx_startup_" });
  const output = join(folder, "mlp.onnx");
  const modules = await modulesOf("cli.ts", "export", "tests/fixtures/mlp.pt2", "-o", output, "--quiet");
  await Deno.remove(folder, { recursive: true });
  for (const needed of ["cli/export", "aten/linear", "aten/sigmoid", "onnx/serialize"]) {
    assert(modules.has(needed), `${needed} is not seen: ${[...modules].join(" ")}`);
  }
  assertEquals(ON_DEMAND.filter((module) => modules.has(module)), []);
  assertLessOrEqual(modules.size, MOST_MODULES, `Loaded: ${[...modules].sort().join(" ")}`);
});

Deno.test("the list of what every export loads is what an export loads", async () => {
  const committed = await Deno.readTextFile(new URL("../src/cli/export_modules.ts", import.meta.url));
  assertEquals(committed, await makeList(), "Run deno task modules");
});
