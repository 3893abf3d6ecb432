/**
 * What an ordinary export loads. Each module costs start-up time whatever its size, so their number is bounded: what only
 * some programs or options need is imported where it is needed.
 */
import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { fromFileUrl, join } from "@std/path";

const root = new URL("../", import.meta.url);

/** Modules of src/ that an export of the MLP loads. Lower it when there are fewer. */
const MOST_MODULES = 134;

/** What programs on real numbers that write to nothing, of known operators, have no use for. */
const ON_DEMAND = [
  ...["complex_forms", "complex_products", "custom", "higher_order", "binary", "unary", "reduce"].map((f) =>
    `aten/${f}`
  ),
  ...["correct", "expand", "functionalize", "preflight"].map((f) => `passes/${f}`),
  ...["proto/onnx_pb", "verify/mod", "onnx/check", "cli/inspect"],
];

/** The modules of src/ that the command loads. A coverage run writes one file for each module. */
async function modulesOf(...args: string[]): Promise<Set<string>> {
  const folder = await Deno.makeTempDir({ prefix: "fx2onnx_startup_" });
  try {
    const coverage = join(folder, "coverage");
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", `--coverage=${coverage}`, "cli.ts", ...args, "-o", join(folder, "model.onnx"), "--quiet"],
      cwd: fromFileUrl(root),
    }).output();
    assert(success, new TextDecoder().decode(stderr));
    const modules = new Set<string>();
    for await (const { name } of Deno.readDir(coverage)) {
      if (!name.endsWith(".json")) continue;
      const { url } = JSON.parse(await Deno.readTextFile(join(coverage, name))) as { readonly url: string };
      const src = new URL("src/", root).href;
      if (url.startsWith(src)) modules.add(url.slice(src.length).replace(/\.ts$/, ""));
    }
    return modules;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("an export of the MLP loads few modules, and none that only other programs need", async () => {
  const modules = await modulesOf("export", "tests/fixtures/mlp.pt2");
  for (const needed of ["cli/export", "aten/linear", "aten/sigmoid", "onnx/serialize"]) {
    assert(modules.has(needed), `${needed} is not seen: ${[...modules].join(" ")}`);
  }
  assertEquals(ON_DEMAND.filter((module) => modules.has(module)), []);
  assertLessOrEqual(modules.size, MOST_MODULES, `Loaded: ${[...modules].sort().join(" ")}`);
});
